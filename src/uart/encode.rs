//! Bytes to changes of a line: the other way round of `receive`.
//!
//! At any speed, format and samplerate, and as badly as wanted: off speed, with jitter, glitches, wrong parity, missing
//! stop bits and breaks. Same seed, same line. A change is seen at the first tick that is not before it, as a
//! sampling recorder sees it.

use super::{Change, Clock, Format, Level};

/// How far a line is from an ideal one; all zero by default.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Disturbance {
    /// Relative error of the sender's speed: 0.03 sends 3 % too fast.
    pub speed: f64,
    /// Every change comes up to so many bits too early or too late, evenly spread.
    pub jitter: f64,
    /// The share of bits with a short pulse of the other level about their middle.
    pub glitches: f64,
    /// How long these are, in bits.
    pub glitch_width: f64,
    /// Seeds the random numbers.
    pub seed: u64,
}

/// What a sent byte lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// The line is active where the stop bit is due, for a bit.
    Framing,
    /// The parity bit is wrong; nothing where there is none.
    Parity,
}

/// Writes one line.
#[derive(Clone, Debug)]
pub struct Encoder {
    format: Format,
    disturbance: Disturbance,
    /// Ticks a bit.
    bit: f64,
    /// Where the line is, in ticks: a whole number and what is beyond it.
    tick: u64,
    fraction: f64,
    rests: bool,
    last: Option<Change>,
    numbers: Numbers,
}

impl Encoder {
    /// A line that rests at tick 0.
    ///
    /// `baud` in bits a second; a speed that the clock cannot show (less than a tick a bit) is slowed down to one tick a
    /// bit.
    pub fn new(clock: Clock, baud: f64, format: Format, disturbance: Disturbance) -> Self {
        let bit = clock.rate() / (baud * (1.0 + disturbance.speed));
        let bit = if bit.is_finite() { bit.clamp(1.0, 1e15) } else { 1.0 };
        let numbers = Numbers(disturbance.seed);
        Self { format, disturbance, bit, tick: 0, fraction: 0.0, rests: true, last: None, numbers }
    }

    /// The tick up to which the line is written.
    pub const fn tick(&self) -> u64 {
        self.tick
    }

    /// Ticks a bit.
    pub const fn bit(&self) -> f64 {
        self.bit
    }

    /// Bits of a frame, stop bits included.
    pub fn frame_bits(&self) -> f64 {
        self.format.frame_bits()
    }

    /// Rests up to a tick; does nothing where that is over.
    pub fn rest_until(&mut self, tick: u64, out: &mut Vec<Change>) {
        self.level(true, out);
        if tick > self.tick {
            (self.tick, self.fraction) = (tick, 0.0);
        }
    }

    /// Rests for so many bits.
    pub fn rest(&mut self, bits: f64, out: &mut Vec<Change>) {
        self.level(true, out);
        self.wait(bits);
    }

    /// Sends a byte; gives the tick of its start bit.
    pub fn send(&mut self, value: u16, flaw: Option<Flaw>, out: &mut Vec<Change>) -> u64 {
        self.level(true, out);
        let at = self.seen();
        let mut word = self.format.word(value);
        if flaw == Some(Flaw::Parity) && self.format.inner_bits() > u32::from(self.format.data_bits) {
            word ^= 1 << self.format.data_bits;
        }
        self.bit_of(false, out);
        for bit in 0..self.format.inner_bits() {
            self.bit_of(word >> bit & 1 == 1, out);
        }
        if flaw == Some(Flaw::Framing) {
            self.bit_of(false, out);
        }
        self.level(true, out);
        self.wait(self.format.stop_bits.bits());
        at
    }

    /// Holds the line active for so many bits, then lets it rest for a stop bit.
    pub fn hold(&mut self, bits: f64, out: &mut Vec<Change>) -> u64 {
        self.level(true, out);
        let at = self.seen();
        self.level(false, out);
        self.wait(bits);
        self.level(true, out);
        self.wait(self.format.stop_bits.bits());
        at
    }

    /// The first tick that is not before the place where the line is.
    fn seen(&self) -> u64 {
        self.tick.saturating_add(u64::from(self.fraction > 0.0))
    }

    fn wait(&mut self, bits: f64) {
        let ticks = self.fraction + bits.max(0.0) * self.bit;
        self.tick = self.tick.saturating_add(ticks as u64);
        self.fraction = ticks.fract();
    }

    fn bit_of(&mut self, rests: bool, out: &mut Vec<Change>) {
        self.level(rests, out);
        let Disturbance { glitches, glitch_width: width, .. } = self.disturbance;
        if glitches > 0.0 && width > 0.0 && self.numbers.share() < glitches {
            // Far enough from the borders of the bit to be told from them.
            let before = 0.3 + self.numbers.share() * 0.1;
            let jitter = std::mem::take(&mut self.disturbance.jitter);
            self.wait(before);
            self.level(!rests, out);
            self.wait(width);
            self.level(rests, out);
            self.disturbance.jitter = jitter;
            self.wait((1.0 - before - width).max(0.0));
        } else {
            self.wait(1.0);
        }
    }

    /// Takes a level, now or nearly so.
    fn level(&mut self, rests: bool, out: &mut Vec<Change>) {
        if rests == self.rests && self.last.is_some() {
            return;
        }
        self.rests = rests;
        let level = if rests == self.format.inverted { Level::Low } else { Level::High };
        let shift = match self.disturbance.jitter {
            jitter if jitter > 0.0 && self.last.is_some() => (self.numbers.share() * 2.0 - 1.0) * jitter * self.bit,
            _ => 0.0,
        };
        let offset = (self.fraction + shift).ceil();
        let at = if offset < 0.0 {
            self.tick.saturating_sub(-offset as u64)
        } else {
            self.tick.saturating_add(offset as u64)
        };
        match self.last {
            // Too short for the clock: neither this change nor the one before is seen.
            Some(last) if at <= last.at && out.last() == Some(&last) => {
                out.pop();
                self.last = out.last().copied().or(Some(Change { at: last.at, level }));
            }
            Some(last) if last.level == level => {}
            _ => {
                let change = Change { at, level };
                out.push(change);
                self.last = Some(change);
            }
        }
    }
}

/// A repeatable stream of numbers (SplitMix64).
#[derive(Clone, Debug)]
pub(super) struct Numbers(pub(super) u64);

impl Numbers {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// From 0 to 1, without 1.
    fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, clippy::unwrap_used)]
    use super::super::{Line, Receiver};
    use super::*;

    #[test]
    fn a_byte_has_its_bits() {
        let mut out = Vec::new();
        let mut encoder = Encoder::new(Clock::of_rate(1000).unwrap(), 100.0, Format::default(), Disturbance::default());
        encoder.rest(2.0, &mut out);
        assert_eq!(encoder.send(0x41, None, &mut out), 20);
        let ticks: Vec<u64> = out.iter().map(|change| change.at).collect();
        assert_eq!(ticks, [0, 20, 30, 40, 90, 100, 110]);
        assert_eq!(encoder.tick(), 120);
        assert_eq!(out[0].level, Level::High);
    }

    #[test]
    fn what_is_sent_is_received() {
        for format in ["8n1", "7e1", "5o2", "9n1.5", "9s1", "6m1"] {
            let format: Format = format.parse().unwrap();
            for (inverted, msb_first) in [(false, false), (true, false), (false, true)] {
                let format = Format { inverted, msb_first, ..format };
                let clock = Clock::of_rate(1_000_000).unwrap();
                let mut encoder = Encoder::new(clock, 115_200.0, format, Disturbance::default());
                let (mut changes, mut sent) = (Vec::new(), Vec::new());
                encoder.rest(20.0, &mut changes);
                for value in 0..=format.mask() {
                    sent.push((encoder.send(value, None, &mut changes), value));
                }
                let mut receiver = Receiver::new(Line::new(encoder.bit(), format));
                let mut bytes = Vec::new();
                receiver.push(&changes, encoder.tick(), &mut bytes);
                receiver.finish(encoder.tick(), &mut bytes);
                assert!(bytes.iter().all(|byte| byte.faults.is_none()), "{format}");
                assert_eq!(bytes.iter().map(|byte| (byte.at, byte.value)).collect::<Vec<_>>(), sent, "{format}");
            }
        }
    }
}
