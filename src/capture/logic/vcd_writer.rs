//! Value change dumps, written front to back as sigrok, PulseView and GTKWave read them.
//!
//! One module with a wire a line. The timescale is exact where the lines' ticks are a whole number of femtoseconds, else
//! a picosecond.

use std::fmt::Write as _;

use super::write::{Event, LevelWriter, Merge};
use crate::capture::write::put;
use crate::capture::{CaptureError, Output};
use crate::uart::{Channel, Clock, Levels};

/// The writer of `.vcd`.
pub(super) struct VcdWriter {
    out: Output,
    merge: Option<Merge>,
    codes: Vec<String>,
    text: String,
    /// What each line shows, to leave out what does not change.
    shown: Vec<Option<Option<bool>>>,
    now: Option<u64>,
}

impl VcdWriter {
    pub(super) const fn new(out: Output) -> Self {
        Self { out, merge: None, codes: Vec::new(), text: String::new(), shown: Vec::new(), now: None }
    }

    fn write(&mut self, end: bool) -> Result<(), CaptureError> {
        let Some(merge) = &mut self.merge else {
            return Ok(());
        };
        let (events, known) = merge.take(end);
        for &Event { at, channel, level } in events {
            let (Some(code), Some(shown)) = (self.codes.get(channel), self.shown.get_mut(channel)) else { continue };
            if shown.replace(level) == Some(level) {
                continue;
            }
            if self.now != Some(at) {
                self.now = Some(at);
                let _ = write!(self.text, "{}#{at}", if self.text.is_empty() { "" } else { "\n" });
            }
            let value = match level {
                Some(false) => '0',
                Some(true) => '1',
                None => 'x',
            };
            let _ = write!(self.text, " {value}{code}");
        }
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        if end && self.now.is_some_and(|now| now < known) {
            let _ = writeln!(self.text, "#{known}");
        }
        put(&mut self.out, self.text.as_bytes())?;
        self.text.clear();
        // A stretch may end within a time: the next one goes on with it on a line of its own.
        Ok(())
    }
}

/// The coarsest timescale that all clocks fit into: its clock and its name.
fn timescale(channels: &[Channel]) -> (Clock, String) {
    const FINEST: u32 = 15;
    let fits = |power: u32| {
        let ticks = 10u128.pow(power);
        channels.iter().all(|channel| {
            let clock = channel.clock;
            (ticks * u128::from(clock.secs)).is_multiple_of(u128::from(clock.ticks.max(1)))
        })
    };
    let power = (0..=FINEST).find(|power| fits(*power)).unwrap_or(12);
    let (power, number) = match power % 3 {
        0 => (power, 1),
        1 => (power + 2, 100),
        _ => (power + 1, 10),
    };
    let unit = ["s", "ms", "us", "ns", "ps", "fs"].get(power as usize / 3).copied().unwrap_or("ps");
    (Clock { ticks: 10u64.pow(power) / number, secs: 1 }, format!("{number} {unit}"))
}

/// `!`, `"`, … `~`, `!!`, …
fn code(number: usize) -> String {
    const DIGITS: usize = 94;
    let mut code = String::new();
    let mut rest = number + 1;
    while rest > 0 {
        rest -= 1;
        code.push(char::from(b'!' + (rest % DIGITS) as u8));
        rest /= DIGITS;
    }
    code
}

impl LevelWriter for VcdWriter {
    fn start(&mut self, channels: &[Channel]) -> Result<(), CaptureError> {
        let (clock, name) = timescale(channels);
        self.merge = Some(Merge::new(channels, clock));
        self.codes = (0..channels.len()).map(code).collect();
        self.shown = vec![None; channels.len()];
        let mut head = format!("$version atscope {} $end\n", env!("CARGO_PKG_VERSION"));
        let _ = writeln!(head, "$timescale {name} $end\n$scope module logic $end");
        for (channel, code) in channels.iter().zip(&self.codes) {
            // A name is one word for most readers, and `$` ends a definition.
            let name: String =
                channel.name.chars().map(|c| if c.is_whitespace() || c == '$' { '_' } else { c }).collect();
            let _ = writeln!(head, "$var wire 1 {code} {name} $end");
        }
        head.push_str("$upscope $end\n$enddefinitions $end\n");
        put(&mut self.out, head.as_bytes())
    }

    fn levels(&mut self, levels: &Levels) -> Result<(), CaptureError> {
        if let Some(merge) = &mut self.merge {
            merge.push(levels);
        }
        self.write(false)
    }

    fn finish(&mut self) -> Result<(), CaptureError> {
        self.write(true)?;
        self.out.flush().map_err(CaptureError::Write)
    }
}
