//! Changes of one channel to bytes, with nothing known ahead: detects speed and format, and follows them when they change.
//!
//! Holds back no more than a window of changes ([`WINDOW`]) beside the stretch that is pushed. Speeds change at pauses:
//! changes are read burst by burst, and a burst that does not fit what is known of the line is looked at anew. A
//! channel that is no UART is looked at again and again, ever more rarely, and costs next to nothing.

use super::detect::{self, Fit, Given, WINDOW};
use super::{Byte, Change, Clock, Faults, Format, Line, Receiver};

/// A pause between two bursts, in bits.
const PAUSE: f64 = 25.0;

/// The most windows that are passed over between two looks at a channel that is no UART.
const PATIENCE: usize = 512;

/// The most windows in which speed and format are not doubted again after a doubt was in vain.
const STUBBORN: usize = 64;

/// A pause at any speed, in bits of any other usual one.
const REST: f64 = 300.0;

/// Changes in which a change of speed shows for sure.
const DOUBT: usize = 96;

/// Below that, a burst alone does not change what is known of a line.
const SURE: f64 = 0.3;

/// As [`SURE`], for another format.
const SURER: f64 = 0.6;

/// Speed and format from a tick on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Turn {
    pub at: u64,
    pub fit: Fit,
}

/// One channel.
#[derive(Clone, Debug)]
pub(super) struct Tracker {
    clock: Clock,
    given: Given,
    /// Changes that are not read yet; the first `done` of them are.
    held: Vec<Change>,
    done: usize,
    until: u64,
    /// The level ahead of the held changes.
    before: Change,
    receiver: Option<Receiver>,
    /// Changes to be passed over before the next look.
    pass: usize,
    patience: usize,
    /// Others do not wait for it any more.
    late: bool,
    /// Changes for which speed and format are not doubted, and for how many more after the next doubt.
    deaf: usize,
    stubborn: usize,
    /// Bytes so far, and those of them that are text.
    bytes: u64,
    text: u64,
    /// Where speed and format were changed last, in `held`.
    turned: Option<usize>,
    /// The first speed and format, and the last ones.
    pub turns: Vec<Turn>,
}

impl Tracker {
    /// For a channel with the level that it starts with.
    pub(super) const fn new(clock: Clock, given: Given, start: Change) -> Self {
        Self {
            clock,
            given,
            held: Vec::new(),
            done: 0,
            until: 0,
            before: start,
            receiver: None,
            pass: 0,
            patience: 1,
            late: false,
            deaf: 0,
            stubborn: 1,
            bytes: 0,
            text: 0,
            turned: None,
            turns: Vec::new(),
        }
    }

    /// What is known of the line now; `None` as long as it is no UART.
    pub(super) fn fit(&self) -> Option<&Fit> {
        self.turns.last().map(|turn| &turn.fit)
    }

    /// Takes the next changes; bytes go to `out`.
    pub(super) fn push(&mut self, mut changes: &[Change], until: u64, out: &mut Vec<Byte>) {
        self.until = self.until.max(until);
        if self.receiver.is_none() && self.pass > 0 {
            let (passed, rest) = changes.split_at_checked(self.pass.min(changes.len())).unwrap_or((changes, &[]));
            self.pass -= passed.len();
            self.before = passed.last().copied().unwrap_or(self.before);
            changes = rest;
        }
        while !changes.is_empty() || self.receiver.is_some() {
            // Without a receiver a window at a time is enough; a reader takes all there is.
            let room = if self.receiver.is_some() { changes.len() } else { WINDOW.saturating_sub(self.held.len()) };
            let (now, rest) = changes.split_at_checked(room.min(changes.len())).unwrap_or((changes, &[]));
            self.held.extend_from_slice(now);
            changes = rest;
            if self.receiver.is_none() {
                if self.held.len() < WINDOW {
                    return;
                }
                self.look();
                let skipped = self.pass.min(changes.len());
                let (passed, rest) = changes.split_at_checked(skipped).unwrap_or((changes, &[]));
                self.pass -= passed.len();
                self.before = passed.last().copied().unwrap_or(self.before);
                changes = rest;
                continue;
            }
            self.read(false, out);
            if changes.is_empty() {
                return;
            }
        }
    }

    /// The recording ends.
    pub(super) fn finish(&mut self, out: &mut Vec<Byte>) {
        if self.receiver.is_none() && !self.held.is_empty() {
            self.look();
        }
        self.read(true, out);
        if let Some(receiver) = &mut self.receiver {
            receiver.finish(self.until, out);
        }
    }

    /// Others wait for too long: decides on what there is.
    pub(super) fn force(&mut self, out: &mut Vec<Byte>) {
        if self.receiver.is_none() && !self.held.is_empty() && !self.late {
            self.late = true;
            if let Some(fit) = self.detect() {
                self.take(fit);
                self.read(false, out);
            }
        }
    }

    /// No byte that begins before this tick is still to come.
    pub(super) fn settled(&self) -> u64 {
        let held = self.held.get(self.done).map_or(self.until, |change| change.at);
        match &self.receiver {
            Some(receiver) => receiver.settled(held).min(held),
            None if self.late => self.until,
            None => held,
        }
    }

    /// Looks at the held changes: a UART or not.
    fn look(&mut self) {
        match self.detect() {
            Some(fit) => self.take(fit),
            None => {
                self.before = self.held.last().copied().unwrap_or(self.before);
                self.held.clear();
                self.pass = (self.patience - 1) * WINDOW;
                self.patience = (self.patience * 2).min(PATIENCE);
            }
        }
    }

    fn take(&mut self, fit: Fit) {
        let line = Line::new(fit.bit, fit.format);
        self.receiver = Some(Receiver::since(line, self.before));
        self.turn(self.before.at, fit);
        (self.bytes, self.text) = (fit.frames.into(), (f64::from(fit.frames) * fit.text) as u64);
    }

    fn turn(&mut self, at: u64, fit: Fit) {
        const MOST: usize = 100;
        if self.turns.len() >= MOST {
            self.turns.pop();
        }
        self.turns.push(Turn { at, fit });
    }

    /// The held changes as a window, with the level ahead of them.
    fn window(&self, changes: &[Change]) -> Vec<Change> {
        let mut window = Vec::with_capacity(changes.len() + 1);
        window.push(self.before);
        window.extend_from_slice(changes);
        window
    }

    /// What the held changes are. Where they do not fit one speed, what the best of their bursts is.
    fn detect(&self) -> Option<Fit> {
        let found = self.search();
        match self.given {
            // The user knows better.
            Given { sure: true, baud: Some(baud), format, inverted } if found.is_none() => {
                let format = Format { inverted: inverted.unwrap_or(false), ..format.unwrap_or_default() };
                let bit = self.clock.rate() / baud;
                Some(Fit { bit, baud, format, confidence: 0.01, cost: 0.0, frames: 0, skipped: 0, text: 0.0 })
            }
            _ => found,
        }
    }

    fn search(&self) -> Option<Fit> {
        let whole = detect::detect(&self.window(&self.held), self.until, self.clock, self.given);
        if whole.is_some_and(|fit| fit.skipped * 12 <= fit.frames) || self.given.baud.is_some() {
            return whole;
        }
        let mut widths: Vec<u64> =
            self.held.iter().zip(self.held.iter().skip(1)).map(|(a, b)| b.at.saturating_sub(a.at)).collect();
        widths.sort_unstable();
        let pause = widths.get(widths.len() / 2).copied().unwrap_or_default().saturating_mul(25);
        let mut best = whole;
        let mut before = self.before;
        let mut rest = self.held.as_slice();
        while !rest.is_empty() {
            let pairs = rest.iter().zip(rest.iter().skip(1));
            let gap = pairs.take_while(|(a, b)| b.at.saturating_sub(a.at) <= pause).count() + 1;
            let (burst, more) = rest.split_at_checked(gap).unwrap_or((rest, &[]));
            let until = more.first().map_or(self.until, |next| next.at);
            rest = more;
            if burst.len() >= 16 {
                let mut window = vec![before];
                window.extend_from_slice(burst);
                let fit = detect::detect(&window, until, self.clock, self.given);
                if let Some(fit) = fit
                    && best.is_none_or(|best| fit.confidence > best.confidence)
                {
                    best = Some(fit);
                }
            }
            before = burst.last().copied().unwrap_or(before);
        }
        best
    }

    /// Reads the held changes, burst by burst.
    fn read(&mut self, end: bool, out: &mut Vec<Byte>) {
        loop {
            let Some(receiver) = &mut self.receiver else { return };
            let held = self.held.get(self.done..).unwrap_or_default();
            let pause = (receiver.line().bit * PAUSE) as u64;
            let most = held.get(..WINDOW.min(held.len())).unwrap_or_default();
            let pairs = most.iter().zip(most.iter().skip(1));
            let count = pairs.take_while(|(a, b)| b.at.saturating_sub(a.at) <= pause).count() + 1;
            let count = count.min(held.len());
            let (burst, rest) = held.split_at_checked(count).unwrap_or((held, &[]));
            let Some(&last) = burst.last() else {
                receiver.push(&[], self.until, out);
                break;
            };
            let until = rest.first().map_or(self.until, |next| next.at);
            if rest.is_empty() && !end && count < WINDOW && until.saturating_sub(last.at) <= pause {
                break;
            }
            let (known, astray) = (out.len(), receiver.astray());
            // Only a speed that was found may be lost again.
            let snapshot = self.given.baud.is_none().then(|| receiver.clone());
            receiver.push(burst, until, out);
            let fresh = out.get(known..).unwrap_or_default();
            let wrong = |byte: &&Byte| byte.faults.has(Faults::FRAMING) || byte.faults.has(Faults::BREAK);
            let failed = fresh.iter().filter(wrong).count() + ((receiver.astray() - astray) / 2) as usize;
            let text = fresh.iter().filter(|byte| detect::is_text(byte.value)).count();
            // A line of text that no more makes sense: another speed may give frames without an error.
            let absurd =
                fresh.len() > 1 && text * 2 < fresh.len() && self.bytes > 16 && self.text * 10 > self.bytes * 6;
            let doubtful = absurd || (failed > 0 && failed * 5 >= fresh.len());
            if !doubtful && fresh.len() >= 8 {
                self.stubborn = 1;
            }
            if let Some(snapshot) = snapshot
                && doubtful
                && self.deaf < count
                && self.turned != Some(self.done)
            {
                // A burst of a slower speed looks like many short ones: what follows counts, too, up to a real rest.
                let rest = (snapshot.line().bit * REST) as u64;
                let most = held.get(..count.max(DOUBT).min(held.len())).unwrap_or_default();
                let pairs = most.iter().zip(most.iter().skip(1)).skip(count - 1);
                let more = pairs.take_while(|(a, b)| b.at.saturating_sub(a.at) <= rest).count();
                let window = held.get(..count + more).unwrap_or_default();
                let quiet = window.last().map_or(until, |last| last.at.saturating_add(rest));
                let next = held.get(window.len()).map(|next| next.at);
                if window.len() < DOUBT && next.is_none() && self.until <= quiet && !end && !self.late {
                    out.truncate(known);
                    self.receiver = Some(snapshot);
                    break;
                }
                let end = next.unwrap_or(quiet).min(quiet);
                let fit = self.other(window, end, snapshot.line());
                let fit = fit.or_else(|| self.other(burst, until.min(quiet), snapshot.line()));
                if let Some(fit) = fit {
                    out.truncate(known);
                    let at = burst.first().map_or(0, |change| change.at);
                    self.receiver = Some(Receiver::since(Line::new(fit.bit, fit.format), self.before));
                    self.turn(at, fit);
                    self.turned = Some(self.done);
                    self.stubborn = 1;
                    continue;
                }
                self.deaf = (window.len() * self.stubborn).max(count);
                self.stubborn = (self.stubborn * 2).min(STUBBORN);
            }
            self.text += text as u64;
            self.bytes += fresh.len() as u64;
            self.deaf = self.deaf.saturating_sub(count);
            self.turned = None;
            self.before = last;
            self.done += count;
        }
        // What is read goes when it is the larger part: that costs each change one move at most.
        if self.done * 2 >= self.held.len() {
            self.held.drain(..self.done);
            self.turned = self.turned.and_then(|at| at.checked_sub(self.done));
            self.done = 0;
        }
    }

    /// A speed that a burst fits much better; or a format, if nothing else helps.
    fn other(&self, burst: &[Change], until: u64, line: Line) -> Option<Fit> {
        let window = self.window(burst);
        let known = detect::cost(&window, until, self.clock, line);
        let inverted = Some(line.format.inverted);
        let better = |given: Given, sure: f64| {
            let fit = detect::detect(&window, until, self.clock, given)?;
            let same = (fit.bit / line.bit - 1.0).abs() < 0.04 && fit.format == line.format;
            (!same && fit.confidence >= sure && fit.frames >= 3 && fit.cost + 12.0 < known).then_some(fit)
        };
        let speed = better(Given { format: Some(line.format), inverted, ..self.given }, SURE);
        speed.or_else(|| better(Given { inverted, ..self.given }, SURER))
    }
}
