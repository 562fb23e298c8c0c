//! Sessions of sigrok and PulseView (`.sr`, versions 1 and 2): samples in blocks of a zip archive.
//!
//! `metadata` names each device's channels, rate and width of a sample; its samples are the members `logic-1-1`,
//! `logic-1-2`, … or `logic-1` alone, whatever their order in the archive. Devices are read side by side.
//! Trap: `probe1` is bit 0, and where some probes are named, only those were recorded.

use super::samples::{Scanner, WIDEST, Window};
use super::unpack::{self, Unpacker};
use super::zip::{self, Archive, Member, Place};
use super::{CaptureError, LevelReader, Levels, Limits, Meta, Names, parse_rate};
use crate::capture::{Format, Options};
use crate::uart::{Channel, Clock};

/// The longest `metadata` that is read.
const LONGEST: usize = 1024 * 1024;
/// Samples that are unpacked at a time, in bytes.
const ROOM: usize = 128 * 1024;
/// Devices that a session may have.
const MOST_DEVICES: usize = 64;

/// A block of samples: number and place.
type Block = (u32, Place);

/// What was found in an archive.
#[derive(Default)]
pub(super) struct Found {
    metadata: Option<Place>,
    version: Option<Place>,
    /// By the name of the capture file, the blocks of samples.
    files: Vec<(String, Vec<Block>)>,
    blocks: usize,
    left_out: bool,
}

impl Found {
    /// Whether it is a session of sigrok as far as one can tell.
    pub(super) fn is_session(&self) -> bool {
        !self.files.is_empty() || (self.metadata.is_some() && self.version.is_some())
    }

    /// Takes a member into account.
    pub(super) fn member(&mut self, member: &Member) {
        let Member { name, place } = member;
        match name.as_str() {
            "metadata" => self.metadata = Some(*place),
            "version" => self.version = Some(*place),
            _ => {}
        }
        let Some((file, number)) = block_of(name) else { return };
        if self.blocks >= Limits::BLOCKS {
            self.left_out = true;
            return;
        }
        let at = match self.files.iter().position(|(known, _)| known == file) {
            Some(at) => at,
            None if self.files.len() >= MOST_DEVICES => return,
            None => {
                self.files.push((file.to_owned(), Vec::new()));
                self.files.len() - 1
            }
        };
        if let Some((_, blocks)) = self.files.get_mut(at) {
            blocks.push((number, *place));
            self.blocks += 1;
        }
    }
}

/// Whether a member's name is one that sessions of sigrok have.
pub(in crate::capture) fn is_name(name: &[u8]) -> bool {
    matches!(name, b"version" | b"metadata") || name.starts_with(b"logic-") || name.starts_with(b"analog-")
}

/// The capture file and number of a block: `logic-1` and 3 for `logic-1-3`, 0 where it has no number.
fn block_of(name: &str) -> Option<(&str, u32)> {
    let rest = name.strip_prefix("logic-")?;
    match rest.split_once('-') {
        Some((device, number)) => {
            let file = name.get(.."logic-".len() + device.len())?;
            Some((file, number.parse().ok()?))
        }
        None => Some((name, 0)),
    }
}

/// A device of the session.
struct Device {
    number: u32,
    scanner: Scanner,
    window: Window,
    blocks: Vec<Block>,
    /// The block that is read, and the next one.
    unpacker: Option<Unpacker>,
    next: usize,
    /// The channels of the reader that are its own.
    channels: std::ops::Range<usize>,
    clock: Clock,
    ended: bool,
}

/// A session, open for reading.
pub(super) struct Session {
    archive: Archive,
    devices: Vec<Device>,
    channels: Vec<Channel>,
    meta: Meta,
    offset: u64,
    /// What one device failed with, told when the others are at their end.
    failure: Option<CaptureError>,
}

/// A section of `metadata`.
#[derive(Default)]
struct Section {
    number: u32,
    file: Option<String>,
    rate: Option<u64>,
    bad_rate: Option<String>,
    unit: Option<usize>,
    total: usize,
    analog: usize,
    /// Bit and name.
    probes: Vec<(usize, String)>,
}

impl Session {
    /// Opens what was found in an archive.
    pub(super) fn open(mut archive: Archive, found: Found, options: &Options) -> Result<Self, CaptureError> {
        let mut meta = Meta::new(Format::Sigrok);
        let text = found.metadata.map(|place| unpack::text(&mut archive, place, LONGEST)).transpose();
        let sections = match text {
            Ok(Some(text)) => sections(&text),
            _ if archive.torn.is_some() && options.samplerate.is_some() => {
                meta.note("`metadata` is lost: all lines have the rate of --samplerate and go without names");
                found.files.iter().map(|(file, _)| Section::of(file)).collect()
            }
            Err(error) if archive.torn.is_none() => return Err(error),
            _ => return Err(lost(&archive)),
        };
        if found.left_out {
            meta.note(format!("more than {} blocks: the others are left out", Limits::BLOCKS));
        }
        let mut names = Names::default();
        let (mut devices, mut channels) = (Vec::new(), Vec::new());
        let mut files = found.files;
        for section in sections {
            let number = section.number;
            if section.analog > 0 {
                meta.note(format!("device {number}: {} analog channels are left out", section.analog));
            }
            let file = section.file.clone().unwrap_or_else(|| format!("logic-{number}"));
            let Some(at) = files.iter().position(|(name, _)| *name == file) else {
                if section.total > 0 || section.analog == 0 {
                    meta.note(format!("device {number}: there are no samples (`{file}`)"));
                }
                continue;
            };
            let (_, blocks) = files.swap_remove(at);
            let Some(clock) = section.rate.or(options.samplerate).and_then(Clock::of_rate) else {
                let what = match section.bad_rate {
                    Some(rate) => format!("samplerate `{rate}`: expected a frequency such as 1 MHz"),
                    None => "there is no samplerate".to_owned(),
                };
                let what = format!("`metadata`, device {number}: {what}; say it with --samplerate");
                return Err(CaptureError::choice(archive.file(), what));
            };
            let unit = section.unit.or(options.unit_size.map(usize::from)).unwrap_or(section.total.div_ceil(8).max(1));
            if !(1..=WIDEST).contains(&unit) {
                let what = format!("`metadata`, device {number}: samples of {unit} bytes; expected 1 to {WIDEST}");
                return Err(CaptureError::choice(archive.file(), what));
            }
            let first = channels.len();
            let mut bits = Vec::new();
            for (bit, name) in section.lines(unit) {
                bits.push((bit, channels.len()));
                channels.push(Channel { name: names.unique(&name), clock });
            }
            devices.push(Device {
                number,
                scanner: Scanner::new(unit, bits),
                window: Window::new(unit, ROOM),
                blocks: in_order(blocks),
                unpacker: None,
                next: 0,
                channels: first..channels.len(),
                clock,
                ended: false,
            });
        }
        if zip::overlap(devices.iter().flat_map(|device| &device.blocks).map(|(_, place)| *place)) {
            return Err(archive.damaged(0, "blocks of samples overlap"));
        }
        if devices.is_empty() {
            return Err(match archive.torn {
                Some((offset, what)) => archive.damaged(offset, what),
                None => archive.damaged(0, "there are no samples of logic levels in it"),
            });
        }
        Ok(Self { archive, devices, channels, meta, offset: 0, failure: None })
    }
}

/// No `metadata`: what it means and what to do.
fn lost(archive: &Archive) -> CaptureError {
    match archive.torn {
        Some((offset, what)) => {
            archive.damaged(offset, format!("{what}, and `metadata` is lost; say --samplerate and --unit-size"))
        }
        None => archive.damaged(0, "there is no `metadata` in it"),
    }
}

/// Sorts the blocks of a device; of an unnumbered one and numbered ones, the unnumbered one is it.
fn in_order(mut blocks: Vec<Block>) -> Vec<Block> {
    blocks.sort_by_key(|(number, _)| *number);
    if blocks.first().is_some_and(|(number, _)| *number == 0) && blocks.len() > 1 {
        blocks.truncate(1);
    }
    blocks.dedup_by_key(|(number, _)| *number);
    blocks
}

/// Reads `metadata`.
fn sections(text: &str) -> Vec<Section> {
    let mut all: Vec<Section> = Vec::new();
    let mut inside = false;
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            let number = name.strip_prefix("device").map(|number| number.trim().parse().unwrap_or(0));
            inside = number.is_some() && all.len() < MOST_DEVICES;
            if let Some(number) = number.filter(|_| inside) {
                all.push(Section { number, ..Section::default() });
            }
            continue;
        }
        let (Some(section), Some((key, value))) = (all.last_mut().filter(|_| inside), line.split_once('=')) else {
            continue;
        };
        let (key, value) = (key.trim(), value.trim());
        match key {
            "capturefile" => section.file = Some(value.to_owned()),
            "samplerate" => {
                section.rate = parse_rate(value);
                section.bad_rate = section.rate.is_none().then(|| value.chars().take(40).collect());
            }
            "unitsize" => section.unit = value.parse().ok(),
            "total probes" => section.total = value.parse().unwrap_or(0),
            "total analog" => section.analog = value.parse().unwrap_or(0),
            _ => {
                let number = key.strip_prefix("probe").and_then(|number| number.parse::<usize>().ok());
                let bit = number.and_then(|number| number.checked_sub(1)).filter(|bit| *bit < WIDEST * 8);
                if let Some(bit) = bit.filter(|bit| section.probes.iter().all(|(known, _)| known != bit)) {
                    section.probes.push((bit, value.to_owned()));
                }
            }
        }
    }
    all
}

impl Section {
    /// Of a device that is known by its samples alone.
    fn of(file: &str) -> Self {
        let number = file.strip_prefix("logic-").and_then(|number| number.parse().ok()).unwrap_or(1);
        Self { number, file: Some(file.to_owned()), ..Self::default() }
    }

    /// Bit and name of its channels.
    fn lines(mut self, unit: usize) -> Vec<(usize, String)> {
        let bits = unit * 8;
        if self.probes.is_empty() {
            let total = if self.total == 0 { bits } else { self.total.min(bits) };
            return (0..total).map(|bit| (bit, format!("D{bit}"))).collect();
        }
        self.probes.sort_by_key(|(bit, _)| *bit);
        self.probes.retain(|(bit, _)| *bit < bits);
        for (bit, name) in &mut self.probes {
            if name.is_empty() {
                *name = format!("D{bit}");
            }
        }
        self.probes
    }
}

impl Device {
    /// Unpacks and scans the next samples; false at the end.
    fn advance(&mut self, archive: &mut Archive, out: &mut Levels, meta: &mut Meta) -> Result<bool, CaptureError> {
        let mut room = Limits::CHANGES;
        while self.window.scan(&mut self.scanner, &mut out.changes, &mut room) == 0 {
            let count = match &mut self.unpacker {
                Some(unpacker) => unpacker.read(archive, self.window.room())?,
                None => 0,
            };
            self.window.put(count);
            if count == 0 && !self.next_block(archive)? {
                if self.window.left(self.scanner.unit()) > 0 {
                    meta.note(format!("device {}: the last sample is not whole", self.number));
                }
                self.ended = true;
                return Ok(false);
            }
        }
        let tick = self.scanner.tick();
        for channel in self.channels.clone() {
            if let Some(until) = out.until.get_mut(channel) {
                *until = tick;
            }
        }
        Ok(true)
    }

    fn next_block(&mut self, archive: &mut Archive) -> Result<bool, CaptureError> {
        let before = self.next.checked_sub(1).and_then(|at| self.blocks.get(at));
        let Some((number, place)) = self.blocks.get(self.next) else {
            return Ok(false);
        };
        let expected = before.map_or(*number.min(&1), |(last, _)| last + 1);
        if *number != expected {
            let offset = before.map_or(0, |(_, place)| place.header);
            return Err(archive.damaged(offset, format!("block {expected} of device {} is missing", self.number)));
        }
        match &mut self.unpacker {
            Some(unpacker) => unpacker.next(archive, *place)?,
            None => self.unpacker = Some(Unpacker::open(archive, *place)?),
        }
        self.next += 1;
        Ok(true)
    }

    /// Nanoseconds that were read.
    fn time(&self) -> u64 {
        self.clock.time(self.scanner.tick()).as_nanos()
    }
}

impl LevelReader for Session {
    fn channels(&self) -> &[Channel] {
        &self.channels
    }

    fn read(&mut self, out: &mut Levels) -> Result<bool, CaptureError> {
        // The device that is furthest behind.
        while let Some(device) =
            self.devices.iter_mut().filter(|device| !device.ended).min_by_key(|device| device.time())
        {
            let result = device.advance(&mut self.archive, out, &mut self.meta);
            self.offset = device.unpacker.as_ref().map_or(0, Unpacker::offset);
            match result {
                Ok(true) => return Ok(true),
                Ok(false) => {}
                Err(error) => {
                    device.ended = true;
                    self.failure.get_or_insert(error);
                }
            }
        }
        match (self.failure.take(), self.archive.torn.take()) {
            (Some(error), _) => Err(error),
            (None, Some((offset, what))) => Err(self.archive.damaged(offset, what)),
            (None, None) => Ok(false),
        }
    }

    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn offset(&self) -> u64 {
        self.offset
    }
}
