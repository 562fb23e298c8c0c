//! Changes of one line to bytes, at a known speed and format.
//!
//! Cost follows the changes: between two of them nothing is looked at. Keeps no more than [`HELD`] changes, and these only
//! where it is not known whether the line rests. A bit is read in its middle; every change within a frame that
//! stands near the border of two bits sets the clock anew, so that only the time since the last change matters.
//!
//! After a frame without a stop bit the line has to come to rest before the next start bit counts, as most receivers do
//! it. Trap: no byte may depend on where the changes are cut into stretches.

use super::{Change, Format, Level};

/// Changes that are kept until it is told which of them is a start bit.
const HELD: usize = 256;

/// Frames that a start bit must explain to be the right one.
const PROOF: usize = 8;

/// What is wrong with a byte: none, or some of the constants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Faults(u8);

impl Faults {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// The line was not at rest where the stop bit is due.
    pub const FRAMING: Self = Self(1);
    /// The parity bit is wrong.
    pub const PARITY: Self = Self(2);
    /// The line was active for the whole frame, stop bit included.
    pub const BREAK: Self = Self(4);
    /// There is no byte: a start bit that was too short. Comes with [`Self::FRAMING`].
    pub const EMPTY: Self = Self(8);

    /// Whether all of the other ones are in it.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether there is none.
    pub const fn is_none(self) -> bool {
        self.0 == 0
    }

    const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// A byte, or what stands in for one, as it was on the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Byte {
    /// The tick at which its start bit begins.
    pub at: u64,
    /// The tick at which its stop bits end, if the sender keeps to the speed.
    pub end: u64,
    /// Its data bits; 0 with [`Faults::EMPTY`].
    pub value: u16,
    /// What is wrong with it.
    pub faults: Faults,
}

/// Speed and format of a line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Line {
    /// Ticks a bit, at least 1.
    pub bit: f64,
    /// How a byte stands on the line.
    pub format: Format,
    /// Pulses shorter than so many ticks are not there; 0 keeps all.
    pub glitch: u64,
}

impl Line {
    /// With a glitch filter of a quarter of a bit.
    pub fn new(bit: f64, format: Format) -> Self {
        let bit = if bit.is_finite() { bit.clamp(1.0, 1e17) } else { 1e17 };
        Self { bit, format, glitch: (bit / 4.0) as u64 }
    }

    /// Ticks of a frame with its stop bits.
    pub fn frame(&self) -> u64 {
        (self.bit * self.format.frame_bits()) as u64
    }
}

/// Where in the traffic the receiver is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing is known: a change may stand anywhere in a byte. At rest since then, if at all.
    Lost { rest: Option<u64> },
    /// A frame is over that had no stop bit: waits for the line to come to rest.
    Stuck,
    /// At rest: the next change is a start bit.
    Rest,
    /// Within a frame.
    Frame,
}

/// Reads the bytes of one line.
#[derive(Clone, Debug)]
pub struct Receiver {
    line: Line,
    per_tick: f64,
    /// Ticks of a frame.
    frame: u64,
    /// Samples of a frame: start bit, inner bits, stop bit.
    samples: u32,
    rest: Level,
    /// The last change, while it may still be the start of a glitch.
    pending: Option<Change>,
    level: Level,
    state: State,
    /// The frame's first tick.
    start: u64,
    /// A tick near which bit `base` of the frame begins.
    origin: u64,
    base: u32,
    /// How far into that bit `origin` is, in bits; may be negative.
    lead: f64,
    /// The next bit to be sampled.
    next: u32,
    /// What was sampled, the start bit lowest; 1 is the level of rest.
    word: u32,
    /// Changes that wait for a decision on where a byte starts.
    held: Vec<Change>,
    /// Changes in the middle of bits, and pulses that are no bits.
    astray: u64,
}

impl Receiver {
    /// For a line of which nothing was seen yet.
    pub fn new(line: Line) -> Self {
        let line = Line { bit: line.bit.clamp(1.0, 1e17), ..line };
        Self {
            line,
            per_tick: 1.0 / line.bit,
            frame: line.frame(),
            samples: line.format.inner_bits() + 2,
            rest: if line.format.inverted { Level::Low } else { Level::High },
            pending: None,
            level: Level::Unknown,
            state: State::Lost { rest: None },
            start: 0,
            origin: 0,
            base: 0,
            lead: 0.0,
            next: 0,
            word: 0,
            held: Vec::new(),
            astray: 0,
        }
    }

    /// For a line that has shown a level since a tick.
    pub fn since(line: Line, since: Change) -> Self {
        let mut receiver = Self::new(line);
        receiver.level = since.level;
        receiver.state = State::Lost { rest: (since.level == receiver.rest).then_some(since.at) };
        receiver
    }

    /// How many changes came in the middle of a bit, or were filtered out as glitches: many at the wrong speed.
    pub const fn astray(&self) -> u64 {
        self.astray
    }

    /// Speed and format.
    pub const fn line(&self) -> Line {
        self.line
    }

    /// Takes the next changes, all of them before `until`, up to which (exclusive) the line is known; bytes go to `out`.
    pub fn push(&mut self, changes: &[Change], until: u64, out: &mut Vec<Byte>) {
        for &change in changes {
            if let Some(pending) = self.pending {
                let glitch = change.at.saturating_sub(pending.at) < self.line.glitch;
                if glitch && change.level == self.level && pending.level != Level::Unknown {
                    self.pending = None;
                    self.astray += 1;
                    continue;
                }
                self.settle(pending, out);
            }
            self.pending = Some(change);
        }
        if let Some(pending) = self.pending
            && until.saturating_sub(pending.at) >= self.line.glitch
        {
            self.pending = None;
            self.settle(pending, out);
        }
        // A level that may still prove to be a glitch's end says nothing about the time since.
        let known = self.pending.map_or(until, |pending| pending.at);
        self.advance(known, out);
    }

    /// The recording ends at a tick: gives the last byte if all of its bits are there.
    pub fn finish(&mut self, until: u64, out: &mut Vec<Byte>) {
        if let Some(pending) = self.pending.take() {
            self.settle(pending, out);
        }
        self.advance(until, out);
        if !self.held.is_empty() {
            self.decide(out);
            self.advance(until, out);
        }
        if self.state == State::Frame {
            self.sample(until);
            if self.next + 1 == self.samples && self.word & 1 == 0 {
                self.word |= 1 << self.next;
                self.next = self.samples;
                self.close(out);
            }
        }
        self.state = State::Lost { rest: None };
    }

    /// No byte begins before this tick that was not given yet; `until` as pushed last.
    pub fn settled(&self, until: u64) -> u64 {
        let pending = self.pending.map_or(until, |pending| pending.at);
        let held = self.held.first().map_or(pending, |change| change.at.min(pending));
        if self.state == State::Frame { held.min(self.start) } else { held }
    }

    /// Whether a byte has begun that is not over.
    pub fn is_busy(&self) -> bool {
        self.state == State::Frame || !self.held.is_empty()
    }

    /// Takes a change that is no glitch.
    #[inline]
    fn settle(&mut self, change: Change, out: &mut Vec<Byte>) {
        if matches!(self.state, State::Lost { .. }) {
            self.settle_lost(change, out);
        } else {
            self.edge(change, out);
        }
    }

    /// A change while it is not known where bytes start.
    #[inline(never)]
    fn settle_lost(&mut self, change: Change, out: &mut Vec<Byte>) {
        let State::Lost { rest } = self.state else { return };
        if change.level == Level::Unknown {
            self.decide(out);
            self.edge(change, out);
            return;
        }
        if self.held.is_empty() {
            let quiet = rest.is_some_and(|since| self.is_pause(change.at.saturating_sub(since)));
            if quiet {
                self.state = State::Rest;
                self.edge(change, out);
            } else if change.level != self.rest && rest.is_some() {
                self.held.push(change);
                self.level = change.level;
            } else {
                self.level = change.level;
                self.state = State::Lost { rest: (change.level == self.rest).then_some(change.at) };
            }
            return;
        }
        let pause = self.level == self.rest
            && self.held.last().is_some_and(|last| self.is_pause(change.at.saturating_sub(last.at)));
        if pause || self.held.len() >= HELD {
            self.decide(out);
            self.settle(change, out);
        } else {
            self.held.push(change);
            self.level = change.level;
        }
    }

    /// Whether the line rested for longer than a byte can.
    fn is_pause(&self, ticks: u64) -> bool {
        ticks as f64 * self.per_tick >= f64::from(self.samples)
    }

    /// Decides which of the held changes starts a byte, and reads on from there.
    ///
    /// The first one, unless it leads to frames without a stop bit where another one within a byte's length does not.
    fn decide(&mut self, out: &mut Vec<Byte>) {
        let held = std::mem::take(&mut self.held);
        let Some(&first) = held.first() else { return };
        let mut trial = Vec::new();
        let mut chosen = 0;
        for (at, change) in held.iter().enumerate() {
            if change.level == self.rest {
                continue;
            }
            if change.at.saturating_sub(first.at) as f64 * self.per_tick > f64::from(self.samples) {
                break;
            }
            let mut receiver = Self { pending: None, held: Vec::new(), ..self.clone() };
            (receiver.state, receiver.level) = (State::Rest, self.rest);
            trial.clear();
            for &change in held.get(at..).unwrap_or_default() {
                receiver.edge(change, &mut trial);
                if trial.len() >= PROOF {
                    break;
                }
            }
            if trial.iter().take(PROOF).all(|byte| !byte.faults.has(Faults::FRAMING)) {
                chosen = at;
                break;
            }
        }
        (self.state, self.level) = (State::Rest, self.rest);
        for &change in held.get(chosen..).unwrap_or_default() {
            self.edge(change, out);
        }
        self.held = held;
        self.held.clear();
    }

    /// A change at a place in the traffic that is known.
    #[inline]
    fn edge(&mut self, change: Change, out: &mut Vec<Byte>) {
        if self.state == State::Frame {
            let bits = self.bits_to(change.at);
            let border = (bits + 0.5) as u32;
            self.fill(border, out);
            if self.state == State::Frame {
                let off = bits - f64::from(border);
                if off.abs() < 0.35 {
                    self.base += border;
                    self.origin = change.at;
                    // A change that is far off may be what a glitch left of one.
                    self.lead = if off.abs() < 0.2 { 0.0 } else { off * 0.5 };
                } else {
                    self.astray += 1;
                }
            }
        }
        self.level = change.level;
        if change.level == Level::Unknown {
            self.state = State::Lost { rest: None };
        } else if change.level == self.rest {
            if self.state == State::Stuck {
                self.state = State::Rest;
            }
        } else if self.state == State::Rest {
            self.state = State::Frame;
            (self.start, self.origin) = (change.at, change.at);
            (self.base, self.lead, self.next, self.word) = (0, 0.0, 0, 0);
        }
    }

    /// Bits from the border at `base` to a tick.
    #[inline]
    fn bits_to(&self, tick: u64) -> f64 {
        // Signed, because that is one instruction; ages are as good as ages and a half.
        let ticks = i64::try_from(tick.saturating_sub(self.origin)).unwrap_or(i64::MAX);
        ticks as f64 * self.per_tick + self.lead
    }

    /// The level has held over the middles of so many bits behind the origin: samples them.
    #[inline]
    fn fill(&mut self, bits: u32, out: &mut Vec<Byte>) {
        let upto = self.base.saturating_add(bits).min(self.samples);
        if upto <= self.next {
            return;
        }
        if self.level == self.rest {
            self.word |= (1 << upto) - (1 << self.next);
            if self.next == 0 {
                let end = self.start.saturating_add(self.line.bit as u64);
                let faults = Faults::FRAMING.with(Faults::EMPTY);
                out.push(Byte { at: self.start, end, value: 0, faults });
                self.state = State::Rest;
                return;
            }
        }
        self.next = upto;
        if upto == self.samples {
            self.close(out);
        }
    }

    /// As [`Self::fill`], without giving anything.
    fn sample(&mut self, until: u64) {
        let bits = self.bits_to(until);
        let upto = self.base.saturating_add((bits + 0.5) as u32).min(self.samples - 1);
        if upto > self.next {
            if self.level == self.rest {
                self.word |= (1 << upto) - (1 << self.next);
            }
            self.next = upto;
        }
    }

    /// All of the frame is sampled.
    #[inline]
    fn close(&mut self, out: &mut Vec<Byte>) {
        let format = self.line.format;
        let inner = (self.word >> 1) as u16;
        let value = format.value(inner);
        let mut faults = Faults::NONE;
        if self.word >> (self.samples - 1) & 1 == 0 {
            faults = if self.word == 0 { Faults::BREAK } else { Faults::FRAMING };
            self.state = State::Stuck;
        } else {
            self.state = State::Rest;
        }
        if let Some(right) = format.parity.bit(value)
            && right != (inner >> format.data_bits & 1 == 1)
            && !faults.has(Faults::BREAK)
        {
            faults = faults.with(Faults::PARITY);
        }
        let end = self.start.saturating_add(self.frame);
        out.push(Byte { at: self.start, end, value, faults });
    }

    /// The line is known up to a tick, and did not change.
    fn advance(&mut self, until: u64, out: &mut Vec<Byte>) {
        match self.state {
            State::Frame => {
                let bits = self.bits_to(until);
                let bits = (bits + 0.5) as u32;
                if self.base.saturating_add(bits) >= self.samples {
                    self.fill(bits, out);
                }
            }
            State::Lost { .. } if self.level == self.rest => {
                let quiet = self.held.last().is_some_and(|last| self.is_pause(until.saturating_sub(last.at)));
                if quiet {
                    self.decide(out);
                    self.advance(until, out);
                }
            }
            _ => {}
        }
    }
}
