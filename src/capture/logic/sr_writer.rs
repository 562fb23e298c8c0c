//! Sessions of sigrok (`.sr`, version 2), written front to back in blocks as sigrok and PulseView write them.
//!
//! Samples, so a change is told at the sample that follows it. A level that is not known is shown as the one before it.

use super::rate::rate_text;
use super::samples::WIDEST;
use super::write::{Event, LevelWriter, Merge};
use super::zip_writer::ZipWriter;
use crate::capture::{CaptureError, Format, Output};
use crate::uart::{Channel, Clock, Levels};

/// Bytes of samples in a block, as sigrok has it.
const BLOCK: usize = 4 * 1024 * 1024;
/// The highest samplerate that is taken over from lines that tell none: what has no samples has ticks finer than that.
const HIGHEST: u64 = 1_000_000_000;
/// Samples that a session may have: a day at 10 MHz.
const MOST: u64 = 1 << 40;

/// The writer of `.sr`.
pub(super) struct SigrokWriter {
    zip: ZipWriter,
    rate: Option<u64>,
    merge: Option<Merge>,
    unit: usize,
    block: Vec<u8>,
    blocks: u32,
    /// Samples that were written.
    done: u64,
    /// The levels, a bit a line.
    now: u64,
}

impl SigrokWriter {
    pub(super) const fn new(out: Output, rate: Option<u64>) -> Self {
        Self { zip: ZipWriter::new(out), rate, merge: None, unit: 1, block: Vec::new(), blocks: 0, done: 0, now: 0 }
    }

    const fn refuse(what: &'static str) -> CaptureError {
        CaptureError::Unwritable { format: Format::Sigrok, what }
    }

    /// Writes the levels as they are up to a sample.
    fn fill(&mut self, until: u64) -> Result<(), CaptureError> {
        if until > MOST {
            return Err(Self::refuse("more than a million million samples; say a lower samplerate"));
        }
        let sample = self.now.to_le_bytes();
        let sample = sample.get(..self.unit).unwrap_or_default();
        while self.done < until {
            let room = (BLOCK - self.block.len()) / self.unit;
            let count = usize::try_from(until - self.done).unwrap_or(room).min(room);
            if let [byte] = sample {
                self.block.resize(self.block.len() + count, *byte);
            } else {
                self.block.extend(std::iter::repeat_n(sample, count).flatten());
            }
            self.done += count as u64;
            if count == room {
                self.flush()?;
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), CaptureError> {
        if !self.block.is_empty() {
            self.blocks += 1;
            self.zip.add(&format!("logic-1-{}", self.blocks), &self.block)?;
            self.block.clear();
        }
        Ok(())
    }

    fn write(&mut self, end: bool) -> Result<(), CaptureError> {
        let Some(mut merge) = self.merge.take() else {
            return Ok(());
        };
        let (events, known) = merge.take(end);
        for &Event { at, channel, level } in events {
            self.fill(at)?;
            match level {
                Some(true) => self.now |= 1 << channel,
                Some(false) => self.now &= !(1 << channel),
                None => {}
            }
        }
        // Changes at the last tick are shown for one sample.
        let last = events.last().map_or(0, |event| event.at.saturating_add(1));
        self.fill(if end { known.max(last) } else { known })?;
        self.merge = Some(merge);
        Ok(())
    }
}

impl LevelWriter for SigrokWriter {
    fn start(&mut self, channels: &[Channel]) -> Result<(), CaptureError> {
        if channels.len() > WIDEST * 8 {
            return Err(Self::refuse("a session of sigrok holds no more than 64 lines"));
        }
        let own = || {
            let fastest = channels.iter().max_by(|a, b| a.clock.rate().total_cmp(&b.clock.rate()));
            fastest.map(|channel| channel.clock).filter(|clock| clock.secs == 1 && clock.ticks <= HIGHEST)
        };
        let Some(clock) = self.rate.and_then(Clock::of_rate).or_else(own) else {
            return Err(Self::refuse("the recording has no samplerate of its own; say it with --write-rate"));
        };
        self.unit = channels.len().div_ceil(8).max(1);
        self.merge = Some(Merge::new(channels, clock));
        let mut text = String::from("[global]\nsigrok version=0.5.2\n\n[device 1]\ncapturefile=logic-1\n");
        text.push_str(&format!("total probes={}\n", channels.len()));
        text.push_str(&format!("samplerate={}\ntotal analog=0\n", rate_text(clock.ticks)));
        for (at, channel) in channels.iter().enumerate() {
            let name: String = channel.name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
            text.push_str(&format!("probe{}={name}\n", at + 1));
        }
        text.push_str(&format!("unitsize={}\n", self.unit));
        self.zip.add("version", b"2")?;
        self.zip.add("metadata", text.as_bytes())
    }

    fn levels(&mut self, levels: &Levels) -> Result<(), CaptureError> {
        if let Some(merge) = &mut self.merge {
            merge.push(levels);
        }
        self.write(false)
    }

    fn finish(&mut self) -> Result<(), CaptureError> {
        self.write(true)?;
        self.flush()?;
        self.zip.finish()
    }
}
