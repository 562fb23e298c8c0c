//! Recordings of logic levels as conversations, and conversations as recordings of logic levels.
//!
//! Where the levels of a file meet the UART layer: its reader's stretches go into [`Recovery`], its runs of bytes come out
//! as chunks. The other way round each sender is a line that an [`Encoder`] writes.

use super::write::{LevelWriter, level_writer};
use super::{CaptureError, LevelReader, Levels, Meta};
use crate::capture::{Chunk, FaultKind, Format, Options, Output, Pull, Record, Writer};
use crate::uart::{self, Channel, Clock, Disturbance, Encoder, Flaw, Recovery, Run};
use crate::{Sender, Time};

/// Lines of a recording that messages name.
const SHOWN: usize = 16;

/// The conversations of a recording of logic levels.
pub(in crate::capture) struct Conversations {
    file: String,
    levels: Box<dyn LevelReader>,
    recovery: Recovery,
    stretch: Levels,
    meta: Meta,
    /// The conversation that was chosen, and how many there are up to now.
    only: Option<u32>,
    sessions: u32,
    /// Whether anything was said.
    spoken: bool,
    ended: bool,
    failure: Option<CaptureError>,
}

impl Conversations {
    pub(in crate::capture) fn open(
        file: &str,
        levels: Box<dyn LevelReader>,
        options: &Options,
    ) -> Result<Self, CaptureError> {
        let choice = |error: uart::SettingError| CaptureError::choice(file, error.to_string());
        let settings = uart::settings(options.uart.as_deref().unwrap_or_default()).map_err(choice)?;
        let recovery = Recovery::new(levels.channels(), &settings).map_err(choice)?;
        let only = options.select.as_ref().map(|select| {
            let expected = || format!("`{select}` selects no conversation: expected its number, from 0");
            select.parse().map_err(|_| CaptureError::choice(file, expected()))
        });
        let only = only.transpose()?;
        let (stretch, meta) = (Levels::new(levels.channels().len()), levels.meta().clone());
        let (spoken, ended, failure) = (false, false, None);
        let file = file.to_owned();
        Ok(Self { file, levels, recovery, stretch, meta, only, sessions: 0, spoken, ended, failure })
    }

    /// The end of the levels, by damage or not.
    fn end(&mut self, failure: Option<CaptureError>) {
        self.recovery.finish();
        self.ended = true;
        self.failure = failure;
        for note in &self.levels.meta().notes {
            self.meta.note(note.as_str());
        }
        for told in self.recovery.survey().told() {
            self.meta.note(told);
        }
    }

    /// No line carries bytes: what there is, and what to do.
    fn silent(&self) -> CaptureError {
        if let (Some(only), Some(last)) = (self.only, self.sessions.checked_sub(1)) {
            return CaptureError::choice(&self.file, format!("there is no session {only}: expected 0 to {last}"));
        }
        let channels = self.levels.channels();
        let names: Vec<&str> = channels.iter().take(SHOWN).map(|channel| channel.name.as_str()).collect();
        let more = if channels.len() > SHOWN { ", …" } else { "" };
        let what = format!(
            "no serial line speaks in it (lines: {}{more}); if one does, say which and how: --uart 'host=D0,baud=9600'",
            names.join(", ")
        );
        CaptureError::choice(&self.file, what)
    }
}

impl Pull for Conversations {
    fn pull(&mut self, out: &mut Record) -> Result<bool, CaptureError> {
        loop {
            if let Some(Run { session, from, time, bytes, faults }) = self.recovery.next_run() {
                self.sessions = self.sessions.max(session.saturating_add(1));
                if self.only.is_some_and(|only| only != session) {
                    continue;
                }
                self.spoken = true;
                // What was chosen is the only conversation that there is.
                let session = if self.only.is_some() { 0 } else { session };
                (out.session, out.from, out.time) = (session, from, Some(time));
                (out.bytes, out.faults) = (bytes, faults);
                return Ok(true);
            }
            if self.ended {
                return match self.failure.take() {
                    Some(error) => Err(error),
                    None if self.spoken => Ok(false),
                    None => Err(self.silent()),
                };
            }
            self.stretch.clear();
            match self.levels.read(&mut self.stretch) {
                Ok(true) => self.recovery.push(&self.stretch),
                Ok(false) => self.end(None),
                Err(error) => self.end(Some(error)),
            }
        }
    }

    fn stop(&mut self) -> bool {
        if !self.ended {
            self.end(None);
        }
        // That the rest is missing is as it was asked for.
        self.failure = None;
        true
    }

    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn offset(&self) -> u64 {
        self.levels.offset()
    }
}

/// How bytes are put on lines.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LineOptions {
    /// Samples in a second; `None` takes a rate that shows a bit in eight samples or more.
    pub samplerate: Option<u64>,
    /// Bits in a second, of both lines.
    pub baud: f64,
    /// How a byte stands on the line.
    pub format: uart::Format,
    /// How far the lines are from ideal ones.
    pub disturbance: Disturbance,
}

impl Default for LineOptions {
    /// 115200 baud, 8n1, undisturbed.
    fn default() -> Self {
        Self { samplerate: None, baud: 115_200.0, format: uart::Format::default(), disturbance: Disturbance::default() }
    }
}

impl LineOptions {
    /// The samplerate.
    fn clock(&self) -> Clock {
        const LEAST: u64 = 1_000_000;
        const SAMPLES: f64 = 8.0;
        let mut rate = LEAST;
        while (rate as f64) < self.baud * SAMPLES && rate < 1 << 40 {
            rate *= 2;
        }
        let rate = self.samplerate.filter(|rate| *rate > 0).unwrap_or(rate);
        Clock { ticks: rate, secs: 1 }
    }
}

/// The writer of a conversation as two lines, `host` and `module`; `out` should be buffered.
///
/// Bytes come at their times, or one after the other where there are none. A chunk that would begin while the one before it is
/// still being sent, on either line, comes right behind it: the order of the conversation is kept.
///
/// # Errors
/// [`CaptureError::Unwritable`] for formats that hold no logic levels or are only read.
pub fn line_writer(format: Format, out: Output, options: &LineOptions) -> Result<Box<dyn Writer>, CaptureError> {
    let inner = level_writer(format, out, Some(options.clock().ticks))?;
    let line = |seed| {
        let disturbance = Disturbance { seed, ..options.disturbance };
        Encoder::new(options.clock(), options.baud, options.format, disturbance)
    };
    let seed = options.disturbance.seed;
    Ok(Box::new(Encoded {
        format,
        inner,
        clock: options.clock(),
        lines: [line(seed), line(seed.wrapping_add(1))],
        frame: options.format.frame_bits(),
        levels: Levels::new(2),
        session: None,
    }))
}

/// A conversation that is written as lines.
struct Encoded {
    format: Format,
    inner: Box<dyn LevelWriter>,
    clock: Clock,
    /// The host's and the module's.
    lines: [Encoder; 2],
    /// Bits of a byte.
    frame: f64,
    levels: Levels,
    session: Option<u32>,
}

impl Encoded {
    /// Lets both lines rest up to a tick.
    fn rest(&mut self, tick: u64) {
        for (line, changes) in self.lines.iter_mut().zip(&mut self.levels.changes) {
            line.rest_until(tick, changes);
        }
    }

    /// Hands over the changes; none that is still to come is ahead of this tick.
    fn pass_on(&mut self, until: u64) -> Result<(), CaptureError> {
        self.levels.until.fill(until);
        let result = self.inner.levels(&self.levels);
        self.levels.clear();
        result
    }

    /// The tick of a time, rounded down.
    fn tick(&self, time: Time) -> u64 {
        let tick = u128::from(time.as_nanos()) * u128::from(self.clock.ticks) / 1_000_000_000;
        u64::try_from(tick).unwrap_or(u64::MAX)
    }
}

impl Writer for Encoded {
    fn start(&mut self, _: &Meta) -> Result<(), CaptureError> {
        let channel = |name: &str| Channel { name: name.to_owned(), clock: self.clock };
        self.inner.start(&[channel("host"), channel("module")])?;
        // Both lines are seen to rest ahead of the first byte.
        self.rest((self.lines[0].bit() * self.frame * 2.0) as u64);
        Ok(())
    }

    fn chunk(&mut self, chunk: &Chunk<'_>) -> Result<(), CaptureError> {
        if *self.session.get_or_insert(chunk.session) != chunk.session {
            let what = "there are several conversations in this recording; choose one with --select";
            return Err(CaptureError::Unwritable { format: self.format, what });
        }
        let pause = (self.lines[0].bit() * self.frame * 2.0) as u64;
        let busy = self.lines.iter().map(Encoder::tick).max().unwrap_or(0);
        // Who spoke after whom is kept, also where a low speed leaves no room for the times.
        let begin = chunk.time.map_or(busy.saturating_add(pause), |time| self.tick(time).max(busy));
        self.rest(begin);
        // What jitters may come a little ahead of its time.
        let ahead = self.lines.iter().map(Encoder::tick).min().unwrap_or(0).saturating_sub(pause);
        self.pass_on(ahead)?;
        let at = usize::from(chunk.from == Sender::Module);
        let (Some(line), Some(changes)) = (self.lines.get_mut(at), self.levels.changes.get_mut(at)) else {
            return Ok(());
        };
        let mut faults = chunk.faults.iter().peekable();
        for at in 0..=chunk.bytes.len() {
            let mut flaw = None;
            while let Some(fault) = faults.next_if(|fault| fault.at <= at) {
                match fault.kind {
                    FaultKind::Break => {
                        line.hold(self.frame * 2.0, changes);
                    }
                    FaultKind::Framing => flaw = Some(Flaw::Framing),
                    FaultKind::Parity => flaw = Some(Flaw::Parity),
                }
            }
            if let Some(byte) = chunk.bytes.get(at) {
                line.send(u16::from(*byte), flaw, changes);
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), CaptureError> {
        let pause = (self.lines[0].bit() * self.frame * 4.0) as u64;
        let end = self.lines.iter().map(Encoder::tick).max().unwrap_or(0).saturating_add(pause);
        self.rest(end);
        self.pass_on(end)?;
        self.inner.finish()
    }
}
