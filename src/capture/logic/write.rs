//! Writing recordings of logic levels: what the writers have in common.

use std::collections::VecDeque;

use super::sr_writer::SigrokWriter;
use super::vcd_writer::VcdWriter;
use crate::capture::{CaptureError, Format, Output};
use crate::uart::{Change, Channel, Clock, Level, Levels};

/// A recording of logic levels that is written.
///
/// [`LevelWriter::start`] once, then the stretches as a [`LevelReader`](super::LevelReader) gives them, then
/// [`LevelWriter::finish`] once: without it the end is missing, and an archive cannot be opened.
pub trait LevelWriter: Send {
    /// Writes what is known of the lines.
    ///
    /// # Errors
    /// The output cannot be written, or the format cannot hold these lines.
    fn start(&mut self, channels: &[Channel]) -> Result<(), CaptureError>;

    /// Writes the next stretch.
    ///
    /// # Errors
    /// The output cannot be written, or the format cannot hold the times.
    fn levels(&mut self, levels: &Levels) -> Result<(), CaptureError>;

    /// Writes what was held back and flushes.
    ///
    /// # Errors
    /// The output cannot be written.
    fn finish(&mut self) -> Result<(), CaptureError>;
}

/// The writer of a format; `out` should be buffered. The samplerate is that of `.sr` files; `None` takes the lines' own.
///
/// # Errors
/// [`CaptureError::Unwritable`] for formats that hold no logic levels or are only read.
pub fn level_writer(
    format: Format,
    out: Output,
    samplerate: Option<u64>,
) -> Result<Box<dyn LevelWriter>, CaptureError> {
    match format {
        Format::Sigrok => Ok(Box::new(SigrokWriter::new(out, samplerate))),
        Format::Vcd => Ok(Box::new(VcdWriter::new(out))),
        _ => Err(CaptureError::Unwritable { format, what: "logic levels are written as sr or vcd" }),
    }
}

/// A change of a line, in ticks of the recording that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Event {
    pub(super) at: u64,
    pub(super) channel: usize,
    pub(super) level: Option<bool>,
}

/// Puts the changes of all lines into one order of time, and into ticks of one clock.
pub(super) struct Merge {
    clocks: Vec<Clock>,
    into: Clock,
    waiting: Vec<VecDeque<Change>>,
    until: Vec<u64>,
    events: Vec<Event>,
}

impl Merge {
    pub(super) fn new(channels: &[Channel], into: Clock) -> Self {
        Self {
            clocks: channels.iter().map(|channel| channel.clock).collect(),
            into,
            waiting: vec![VecDeque::new(); channels.len()],
            until: vec![0; channels.len()],
            events: Vec::new(),
        }
    }

    /// A stretch comes.
    pub(super) fn push(&mut self, levels: &Levels) {
        for (waiting, changes) in self.waiting.iter_mut().zip(&levels.changes) {
            waiting.extend(changes);
        }
        for (until, told) in self.until.iter_mut().zip(&levels.until) {
            *until = (*until).max(*told);
        }
    }

    /// The changes ahead of the time up to which all lines are told, or all of them at the `end`; and that time.
    pub(super) fn take(&mut self, end: bool) -> (&[Event], u64) {
        self.events.clear();
        let times = self.until.iter().zip(&self.clocks).map(|(until, clock)| self.into.tick_of(*until, *clock));
        let known = if end { times.max() } else { times.min() }.unwrap_or(0);
        for (channel, (waiting, clock)) in self.waiting.iter_mut().zip(&self.clocks).enumerate() {
            while let Some(change) = waiting.front() {
                let at = self.into.tick_of(change.at, *clock);
                if at >= known && !end {
                    break;
                }
                let level = match change.level {
                    Level::Low => Some(false),
                    Level::High => Some(true),
                    Level::Unknown => None,
                };
                waiting.pop_front();
                // Of two that fall into one tick the last one counts, and nothing where that is as before.
                match self.events.last_mut() {
                    Some(last) if last.channel == channel && last.at == at => last.level = level,
                    _ => self.events.push(Event { at, channel, level }),
                }
            }
        }
        self.events.sort_by_key(|event| (event.at, event.channel));
        (&self.events, known)
    }
}

/// Ticks of one clock in those of another.
trait TickOf {
    fn tick_of(self, tick: u64, of: Clock) -> u64;
}

impl TickOf for Clock {
    /// Rounded down; the last tick for one beyond it.
    fn tick_of(self, tick: u64, of: Self) -> u64 {
        if self == of {
            return tick;
        }
        // Both ratios are reduced: no product is larger than it has to be.
        let (up, down) =
            (u128::from(self.ticks) * u128::from(of.secs), u128::from(of.ticks.max(1)) * u128::from(self.secs.max(1)));
        let whole = u128::from(tick).checked_mul(up).map(|product| product / down);
        whole.and_then(|tick| u64::try_from(tick).ok()).unwrap_or(u64::MAX)
    }
}
