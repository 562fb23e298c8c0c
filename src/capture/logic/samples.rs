//! Samples to changes: every line's level at every tick, of which only the changes are kept.
//!
//! Compares each sample with the one before it, whole blocks at a time: a quiet stretch costs what reading memory costs,
//! a change some nanoseconds.

use super::{CaptureError, LevelReader, Levels, Limits, Meta, Source};
use crate::capture::{Format, Options};
use crate::uart::{Change, Channel, Clock, Level};

/// The widest sample, in bytes.
pub(super) const WIDEST: usize = 8;
/// Bytes that are compared at once.
const BLOCK: usize = 128;
/// No channel.
const NONE: u16 = u16::MAX;

const fn level(bit: bool) -> Level {
    if bit { Level::High } else { Level::Low }
}

/// Finds the changes in samples of some bytes each, bit 0 of the first byte first.
pub(super) struct Scanner {
    /// Bytes a sample.
    unit: usize,
    /// The channel of each bit.
    lanes: [u16; WIDEST * 8],
    /// Which bits are channels, in eight bytes that begin with each byte of a sample.
    masks: [u64; WIDEST],
    /// The next sample.
    tick: u64,
    started: bool,
}

impl Scanner {
    /// For samples of 1 to 8 bytes, with the channel of each bit that is one.
    pub(super) fn new(unit: usize, bits: impl IntoIterator<Item = (usize, usize)>) -> Self {
        let unit = unit.clamp(1, WIDEST);
        let mut lanes = [NONE; WIDEST * 8];
        let mut used = [0u8; WIDEST];
        for (bit, channel) in bits {
            if let (Some(lane), Some(used)) = (lanes.get_mut(bit), used.get_mut(bit / 8)) {
                *lane = u16::try_from(channel).unwrap_or(NONE);
                *used |= 1 << (bit % 8);
            }
        }
        let mut masks = [0; WIDEST];
        for (phase, mask) in masks.iter_mut().enumerate() {
            let bytes: [u8; 8] = std::array::from_fn(|at| used.get((phase + at) % unit).copied().unwrap_or(0));
            *mask = u64::from_le_bytes(bytes);
        }
        Self { unit, lanes, masks, tick: 0, started: false }
    }

    pub(super) const fn unit(&self) -> usize {
        self.unit
    }

    /// The tick up to which changes were told.
    pub(super) const fn tick(&self) -> u64 {
        self.tick
    }

    /// Finds the changes in a window that begins with the sample before the next one (whatever bytes at the start).
    ///
    /// Gives how many bytes behind that one were done: all whole samples, or less where `room` is used up.
    pub(super) fn scan(&mut self, window: &[u8], changes: &mut [Vec<Change>], room: &mut usize) -> usize {
        let whole = window.len() - window.len() % self.unit;
        let window = window.get(..whole).unwrap_or_default();
        let mut from = self.unit;
        if !self.started && window.len() >= 2 * self.unit {
            self.start(window, changes, room);
            from = 2 * self.unit;
        }
        let to = match self.unit {
            1 => self.find::<1>(window, from, changes, room),
            2 => self.find::<2>(window, from, changes, room),
            4 => self.find::<4>(window, from, changes, room),
            8 => self.find::<8>(window, from, changes, room),
            _ => self.find::<0>(window, from, changes, room),
        };
        self.tick += (to.saturating_sub(from) / self.unit) as u64;
        to.saturating_sub(self.unit)
    }

    /// Tells the levels of the first sample.
    fn start(&mut self, window: &[u8], changes: &mut [Vec<Change>], room: &mut usize) {
        let first = window.get(self.unit..2 * self.unit).unwrap_or_default();
        for (bit, &lane) in self.lanes.iter().enumerate() {
            if let (Some(channel), Some(byte)) = (changes.get_mut(usize::from(lane)), first.get(bit / 8)) {
                channel.push(Change { at: self.tick, level: level(byte >> (bit % 8) & 1 == 1) });
                *room = room.saturating_sub(1);
            }
        }
        self.started = true;
        self.tick += 1;
    }

    /// As [`Self::scan`], from an offset in the window; `U` is the unit, or 0 where it is no power of two.
    fn find<const U: usize>(&self, window: &[u8], from: usize, changes: &mut [Vec<Change>], room: &mut usize) -> usize {
        let unit = if U == 0 { self.unit } else { U };
        // Whole samples, whatever the unit.
        let block = if U == 0 { unit * (BLOCK / WIDEST) } else { BLOCK };
        let base = self.tick.wrapping_sub((from / unit) as u64);
        let mut left = *room;
        let mut at = from;
        while let (Some(now), Some(before)) = (window.get(at..), window.get(at - unit..)) {
            let (Some(now), Some(before)) = (now.get(..now.len().min(block)), before.get(..now.len().min(block)))
            else {
                break;
            };
            if now.is_empty() || left < now.len() * 8 {
                break;
            }
            if now != before {
                let mut offset = at;
                for (now, before) in now.chunks(8).zip(before.chunks(8)) {
                    let phase = if U == 0 { offset % unit } else { 0 };
                    let mask = self.masks.get(phase).copied().unwrap_or(0);
                    let value = word(now);
                    let mut differ = (value ^ word(before)) & mask;
                    while differ != 0 {
                        let bit = differ.trailing_zeros() as usize;
                        differ &= differ - 1;
                        left = left.saturating_sub(1);
                        let byte = offset + bit / 8;
                        let lane = byte % unit * 8 + bit % 8;
                        let lane = self.lanes.get(lane).copied().unwrap_or(NONE);
                        if let Some(channel) = changes.get_mut(usize::from(lane)) {
                            let tick = base.wrapping_add((byte / unit) as u64);
                            channel.push(Change { at: tick, level: level(value >> bit & 1 == 1) });
                        }
                    }
                    offset += 8;
                }
            }
            at += now.len();
        }
        *room = left;
        at
    }
}

/// Up to eight bytes as a number, the first one lowest.
fn word(bytes: &[u8]) -> u64 {
    match bytes.first_chunk::<8>() {
        Some(bytes) => u64::from_le_bytes(*bytes),
        None => bytes.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte)),
    }
}

/// A buffer that samples are put into and scanned out of.
pub(super) struct Window {
    buffer: Vec<u8>,
    /// Where the sample before the next one begins.
    start: usize,
    end: usize,
}

impl Window {
    pub(super) fn new(unit: usize, room: usize) -> Self {
        Self { buffer: vec![0; room + 2 * WIDEST], start: 0, end: unit }
    }

    /// Room for more bytes.
    pub(super) fn room(&mut self) -> &mut [u8] {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        self.buffer.get_mut(self.end..).unwrap_or_default()
    }

    /// So many bytes were put into the room.
    pub(super) fn put(&mut self, count: usize) {
        self.end = (self.end + count).min(self.buffer.len());
    }

    /// Bytes behind the last whole sample that was scanned.
    pub(super) const fn left(&self, unit: usize) -> usize {
        self.end - self.start - unit
    }

    /// Scans what is there.
    pub(super) fn scan(&mut self, scanner: &mut Scanner, changes: &mut [Vec<Change>], room: &mut usize) -> usize {
        let done = scanner.scan(self.buffer.get(self.start..self.end).unwrap_or_default(), changes, room);
        self.start += done;
        done
    }
}

/// Bare samples, whose rate and width the user says.
pub(super) struct Samples {
    source: Source,
    scanner: Scanner,
    window: Window,
    channels: Vec<Channel>,
    meta: Meta,
    ended: bool,
}

impl Samples {
    /// Needs `samplerate` in the options; samples are of one byte if they say nothing else.
    pub(super) fn open(source: Source, options: &Options) -> Result<Self, CaptureError> {
        const ROOM: usize = 256 * 1024;
        let Some(clock) = options.samplerate.and_then(Clock::of_rate) else {
            let what = "bare samples do not tell their rate: say it with --samplerate, as in --samplerate 1MHz";
            return Err(CaptureError::choice(source.file(), what));
        };
        let unit = usize::from(options.unit_size.unwrap_or(1));
        if !(1..=WIDEST).contains(&unit) {
            return Err(CaptureError::choice(source.file(), "--unit-size: expected 1 to 8 bytes a sample"));
        }
        let bits = unit * 8;
        let channels = (0..bits).map(|bit| Channel { name: format!("D{bit}"), clock }).collect();
        Ok(Self {
            source,
            scanner: Scanner::new(unit, (0..bits).map(|bit| (bit, bit))),
            window: Window::new(unit, ROOM),
            channels,
            meta: Meta::new(Format::Samples),
            ended: false,
        })
    }
}

impl LevelReader for Samples {
    fn channels(&self) -> &[Channel] {
        &self.channels
    }

    fn read(&mut self, out: &mut Levels) -> Result<bool, CaptureError> {
        let mut room = Limits::CHANGES;
        while self.window.scan(&mut self.scanner, &mut out.changes, &mut room) == 0 {
            if self.ended {
                if self.window.left(self.scanner.unit()) > 0 {
                    self.meta.note("the last sample is not whole: check --unit-size");
                }
                return Ok(false);
            }
            let count = self.source.fill(1)?.len();
            let space = self.window.room();
            let count = count.min(space.len());
            if let (Some(to), Some(from)) = (space.get_mut(..count), self.source.available().get(..count)) {
                to.copy_from_slice(from);
            }
            self.source.consume(count);
            self.window.put(count);
            self.ended = count == 0;
        }
        out.until.fill(self.scanner.tick());
        Ok(true)
    }

    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn offset(&self) -> u64 {
        self.source.offset()
    }
}
