//! Sessions of DSView (`.dsl`, versions 2 and 3): one bit a sample, each channel by itself, in blocks of a zip archive.
//!
//! `header` names channels and rate; channel 3 is the members `L-3/0`, `L-3/1`, …, the first sample in the lowest bit.
//! Channels are read side by side. Trap: the last block is filled up; `total samples` tells where it ends.

use super::unpack::{self, Unpacker};
use super::zip::{self, Archive, Member, Place};
use super::{CaptureError, LevelReader, Levels, Limits, Meta, Names, parse_rate};
use crate::capture::{Format, Options};
use crate::uart::{Change, Channel, Clock, Level};

/// The longest `header` that is read.
const LONGEST: usize = 1024 * 1024;
/// Bytes of a channel that are unpacked at a time.
const ROOM: usize = 16 * 1024;
/// Channels that are read: twice as many as any of their devices has.
const MOST: usize = 64;

/// What was found in an archive.
#[derive(Default)]
pub(super) struct Found {
    header: Option<Place>,
    /// By the number of the channel, its blocks.
    channels: Vec<(u32, Vec<(u32, Place)>)>,
    blocks: usize,
    left_out: bool,
    /// There is what their oscilloscopes record.
    analog: bool,
    named: bool,
}

impl Found {
    /// Whether it is a session of DSView as far as one can tell.
    pub(super) fn is_session(&self) -> bool {
        !self.channels.is_empty() || (self.header.is_some() && (self.named || self.analog))
    }

    /// Takes a member into account.
    pub(super) fn member(&mut self, member: &Member) {
        let Member { name, place } = member;
        match name.as_str() {
            "header" => self.header = Some(*place),
            "session" | "decoders" => self.named = true,
            _ => {}
        }
        self.analog |= name.starts_with("O-") || name.starts_with("A-");
        let Some((channel, block)) = name.strip_prefix("L-").and_then(|rest| rest.split_once('/')) else { return };
        let (Ok(channel), Ok(block)) = (channel.parse::<u32>(), block.parse::<u32>()) else { return };
        if self.blocks >= Limits::BLOCKS {
            self.left_out = true;
            return;
        }
        let at = match self.channels.iter().position(|(known, _)| *known == channel) {
            Some(at) => at,
            None if self.channels.len() >= MOST => {
                self.left_out = true;
                return;
            }
            None => {
                self.channels.push((channel, Vec::new()));
                self.channels.len() - 1
            }
        };
        if let Some((_, blocks)) = self.channels.get_mut(at) {
            blocks.push((block, *place));
            self.blocks += 1;
        }
    }
}

/// Whether a member's name is one that sessions of DSView have.
pub(in crate::capture) fn is_name(name: &[u8]) -> bool {
    matches!(name, b"header" | b"decoders" | b"session") || name.starts_with(b"L-")
}

/// Finds the changes in samples of one bit.
struct Bits {
    tick: u64,
    /// Samples there are.
    total: u64,
    last: Option<bool>,
}

impl Bits {
    /// Gives the bytes that were done: all, or less where `room` is used up.
    fn scan(&mut self, bytes: &[u8], changes: &mut Vec<Change>, room: &mut usize) -> usize {
        let level = |high: bool| if high { Level::High } else { Level::Low };
        let mut done = 0;
        for chunk in bytes.chunks(8) {
            let bits = (chunk.len() * 8) as u64;
            if *room < 64 {
                break;
            }
            let word = chunk.iter().rev().fold(0u64, |word, &byte| word << 8 | u64::from(byte));
            let last = match self.last {
                Some(last) => last,
                None => {
                    let first = word & 1 == 1;
                    if self.tick < self.total {
                        changes.push(Change { at: self.tick, level: level(first) });
                    }
                    first
                }
            };
            let left = self.total.saturating_sub(self.tick).min(bits);
            let inside = if left >= 64 { u64::MAX } else { (1 << left) - 1 };
            let mut differ = (word ^ (word << 1 | u64::from(last))) & inside;
            while differ != 0 {
                let bit = differ.trailing_zeros();
                differ &= differ - 1;
                changes.push(Change { at: self.tick + u64::from(bit), level: level(word >> bit & 1 == 1) });
                *room = room.saturating_sub(1);
            }
            self.last = Some(word >> (bits - 1) & 1 == 1);
            self.tick += left;
            done += chunk.len();
        }
        done
    }
}

/// A channel of the session.
struct Line {
    bits: Bits,
    blocks: Vec<(u32, Place)>,
    next: usize,
    unpacker: Option<Unpacker>,
    buffer: Vec<u8>,
    from: usize,
    ended: bool,
}

/// A session, open for reading.
pub(super) struct Session {
    archive: Archive,
    lines: Vec<Line>,
    channels: Vec<Channel>,
    meta: Meta,
    offset: u64,
    failure: Option<CaptureError>,
}

/// What `header` says.
#[derive(Default)]
struct Header {
    rate: Option<u64>,
    total: Option<u64>,
    probes: Vec<(u32, String)>,
}

impl Header {
    fn parse(text: &str) -> Self {
        let mut header = Self::default();
        for line in text.lines() {
            let Some((key, value)) = line.split_once('=') else { continue };
            let (key, value) = (key.trim(), value.trim());
            match key {
                "samplerate" => header.rate = parse_rate(value),
                "total samples" => header.total = value.parse().ok(),
                _ => {
                    let number = key.strip_prefix("probe").and_then(|number| number.parse().ok());
                    if let Some(number) = number.filter(|_| header.probes.len() < MOST) {
                        header.probes.push((number, value.to_owned()));
                    }
                }
            }
        }
        header
    }
}

impl Session {
    /// Opens what was found in an archive.
    pub(super) fn open(mut archive: Archive, found: Found, options: &Options) -> Result<Self, CaptureError> {
        let mut meta = Meta::new(Format::Dsl);
        let header = match found.header {
            Some(place) => Header::parse(&unpack::text(&mut archive, place, LONGEST)?),
            None => Header::default(),
        };
        if found.channels.is_empty() {
            let what = if found.analog {
                "a recording of an oscilloscope: it holds no logic levels"
            } else {
                "there are no samples of logic levels in it"
            };
            return Err(match archive.torn {
                Some((offset, torn)) => archive.damaged(offset, torn),
                None => CaptureError::choice(archive.file(), what),
            });
        }
        let Some(clock) = header.rate.or(options.samplerate).and_then(Clock::of_rate) else {
            let what = "`header` does not tell the samplerate: say it with --samplerate, as in --samplerate 1MHz";
            return Err(CaptureError::choice(archive.file(), what));
        };
        if found.left_out {
            meta.note(format!("channels beyond {MOST} and blocks beyond {} are left out", Limits::BLOCKS));
        }
        if zip::overlap(found.channels.iter().flat_map(|(_, blocks)| blocks).map(|(_, place)| *place)) {
            return Err(archive.damaged(0, "blocks of samples overlap"));
        }
        let mut all = found.channels;
        all.sort_by_key(|(number, _)| *number);
        let mut names = Names::default();
        let (mut lines, mut channels) = (Vec::new(), Vec::new());
        for (number, mut blocks) in all {
            blocks.sort_by_key(|(number, _)| *number);
            blocks.dedup_by_key(|(number, _)| *number);
            let name = header.probes.iter().find(|(probe, _)| *probe == number).map(|(_, name)| name.clone());
            let name = name.filter(|name| !name.is_empty()).unwrap_or_else(|| format!("D{number}"));
            channels.push(Channel { name: names.unique(&name), clock });
            lines.push(Line {
                bits: Bits { tick: 0, total: header.total.unwrap_or(u64::MAX), last: None },
                blocks,
                next: 0,
                unpacker: None,
                buffer: Vec::new(),
                from: 0,
                ended: false,
            });
        }
        Ok(Self { archive, lines, channels, meta, offset: 0, failure: None })
    }
}

impl Line {
    /// Unpacks and scans the next samples; false at the end.
    fn advance(&mut self, archive: &mut Archive, changes: &mut Vec<Change>) -> Result<bool, CaptureError> {
        if self.bits.tick >= self.bits.total {
            return Ok(false);
        }
        let mut room = Limits::CHANGES;
        loop {
            let bytes = self.buffer.get(self.from..).unwrap_or_default();
            if !bytes.is_empty() {
                self.from += self.bits.scan(bytes, changes, &mut room);
                return Ok(true);
            }
            self.buffer.resize(ROOM, 0);
            let result = match &mut self.unpacker {
                Some(unpacker) => unpacker.read(archive, &mut self.buffer),
                None => Ok(0),
            };
            self.buffer.truncate(*result.as_ref().unwrap_or(&0));
            self.from = 0;
            if result? == 0 && !self.next_block(archive)? {
                return Ok(false);
            }
        }
    }

    fn next_block(&mut self, archive: &mut Archive) -> Result<bool, CaptureError> {
        let Some((number, place)) = self.blocks.get(self.next) else {
            return Ok(false);
        };
        if *number as usize != self.next {
            return Err(archive.damaged(place.header, format!("block {} ahead of this one is missing", self.next)));
        }
        match &mut self.unpacker {
            Some(unpacker) => unpacker.next(archive, *place)?,
            None => self.unpacker = Some(Unpacker::open(archive, *place)?),
        }
        self.next += 1;
        Ok(true)
    }
}

impl LevelReader for Session {
    fn channels(&self) -> &[Channel] {
        &self.channels
    }

    fn read(&mut self, out: &mut Levels) -> Result<bool, CaptureError> {
        // The channel that is furthest behind.
        loop {
            let open = self.lines.iter_mut().enumerate().filter(|(_, line)| !line.ended);
            let Some((at, line)) = open.min_by_key(|(_, line)| line.bits.tick) else { break };
            let Some(changes) = out.changes.get_mut(at) else { break };
            let result = line.advance(&mut self.archive, changes);
            self.offset = line.unpacker.as_ref().map_or(0, Unpacker::offset);
            if let Some(until) = out.until.get_mut(at) {
                *until = line.bits.tick;
            }
            match result {
                Ok(true) => return Ok(true),
                Ok(false) => line.ended = true,
                Err(error) => {
                    line.ended = true;
                    self.failure.get_or_insert(error);
                }
            }
        }
        let short = self.lines.iter().any(|line| line.bits.total != u64::MAX && line.bits.tick < line.bits.total);
        match (self.failure.take(), self.archive.torn.take()) {
            (Some(error), _) => Err(error),
            (None, Some((offset, what))) => Err(self.archive.damaged(offset, what)),
            (None, None) => {
                if short {
                    self.meta.note("there are fewer samples than `header` says");
                }
                Ok(false)
            }
        }
    }

    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn offset(&self) -> u64 {
        self.offset
    }
}
