//! Tables of logic levels: Saleae's digital export (Logic 1, Logic 2, and the form of 2025 with `X` in gaps), sigrok's and
//! PulseView's CSV, DSView's CSV.
//!
//! A row tells the levels of all lines, at the time in its first column or one sample after the row before it. Trap:
//! sigrok's column of time counts whole units, so at 625 kHz it runs faster than time: samples are counted from it.

pub(in crate::capture) use super::csv_head::is_table;
use super::csv_head::{self, Head, LONGEST, Times};
use super::{CaptureError, LevelReader, Levels, Limits, Lines, Meta, Source};
use crate::capture::Options;
use crate::capture::saleae::moment;
use crate::uart::{Channel, Clock, Level};

/// Bytes that a stretch is read from at most.
const STRETCH: u64 = 1024 * 1024;
/// Digits behind the point of a second that count.
const PICO: u32 = 12;

/// A table, open for reading.
pub(super) struct Table {
    source: Source,
    channels: Vec<Channel>,
    columns: Vec<Option<u32>>,
    times: Times,
    clock: Clock,
    lines: Lines,
    meta: Meta,
    /// The tick of the last row, and whether there was one.
    now: Option<u64>,
    /// The time that is tick 0.
    zero: Option<i128>,
    /// The last row where every row is a sample.
    last: Vec<u8>,
    ended: bool,
}

impl Table {
    /// Reads up to the first row.
    pub(super) fn open(mut source: Source, options: &Options) -> Result<Self, CaptureError> {
        let Head { channels, columns, times, clock, meta } = csv_head::read(&mut source, options)?;
        let lines = Lines::new(channels.len());
        let (zero, last) = (None, Vec::new());
        Ok(Self { source, channels, columns, times, clock, lines, meta, now: None, zero, last, ended: false })
    }

    /// Takes the rows that are there.
    fn rows(&mut self, out: &mut Levels, room: &mut usize) -> Result<Step, CaptureError> {
        let bytes = self.source.available();
        let whole = self.source.ended();
        let (mut done, mut full, mut wrong) = (0, false, None);
        while let Some(rest) = bytes.get(done..).filter(|rest| !rest.is_empty()) {
            let (line, len) = match memchr::memchr(b'\n', rest) {
                Some(end) => (rest.get(..end).unwrap_or_default(), end + 1),
                None if whole => (rest, rest.len()),
                None => break,
            };
            let row = line.trim_ascii_end();
            if row.is_empty() || row.first() == Some(&b';') {
                done += len;
                continue;
            }
            if self.times == Times::Rows && row == self.last.as_slice() {
                self.now = self.now.map(|now| now + 1);
                done += len;
                continue;
            }
            let tick = match tick(row, self.times, self.clock, self.now, &mut self.zero) {
                Ok(tick) => tick,
                Err(what) => {
                    wrong = Some(what);
                    break;
                }
            };
            if self.now.is_some_and(|now| tick < now) {
                wrong = Some("the time runs backwards");
                break;
            }
            if self.now.is_some_and(|now| tick > now) && *room == 0 {
                full = true;
                break;
            }
            self.now = Some(tick);
            if let Err(what) = levels(row, &self.columns, |channel, level| {
                self.lines.set(channel, tick, level, out, room);
            }) {
                wrong = Some(what);
                break;
            }
            if self.times == Times::Rows {
                self.last.clear();
                self.last.extend_from_slice(row);
            }
            done += len;
        }
        let cut = whole && wrong.is_some() && !bytes.get(done..).is_some_and(|rest| rest.contains(&b'\n'));
        self.source.consume(done);
        if let Some(what) = wrong {
            let what = if cut { "cut off in a row" } else { what };
            return Err(self.source.damaged(what));
        }
        Ok(if full {
            Step::Full
        } else if done > 0 {
            Step::Some
        } else {
            Step::None
        })
    }

    fn fill(&mut self, out: &mut Levels) -> Result<bool, CaptureError> {
        let mut room = Limits::CHANGES;
        let start = self.source.offset();
        self.lines.begin();
        loop {
            if self.source.available().is_empty() && !self.source.ended() {
                self.source.fill(1)?;
            }
            match self.rows(out, &mut room)? {
                Step::Full => break,
                Step::Some => {
                    if self.source.offset() - start > STRETCH {
                        room = 0;
                    }
                    continue;
                }
                Step::None => {}
            }
            if self.source.ended() {
                self.source.check()?;
                self.ended = true;
                break;
            }
            if self.source.available().len() > LONGEST {
                return Err(self.source.damaged("a row of more than 64 KiB"));
            }
            self.source.grow()?;
        }
        Ok(self.source.offset() > start)
    }
}

enum Step {
    /// The next row belongs into the next stretch.
    Full,
    /// No whole row is there.
    None,
    Some,
}

/// The tick of a row.
fn tick(
    row: &[u8],
    times: Times,
    clock: Clock,
    now: Option<u64>,
    zero: &mut Option<i128>,
) -> Result<u64, &'static str> {
    const TIME: &str = "expected a time in the first column";
    let cell = || row.split(|&byte| byte == b',').next().unwrap_or_default().trim_ascii();
    let picos = match times {
        Times::Rows => return Ok(now.map_or(0, |now| now + 1)),
        Times::Periods(period) => {
            let time = std::str::from_utf8(cell()).ok().and_then(|time| time.parse::<u64>().ok()).ok_or(TIME)?;
            return (time / period).checked_sub(1).ok_or("a time ahead of the first sample");
        }
        Times::Seconds { power } => decimal(cell(), PICO.saturating_sub(power)).ok_or(TIME)?,
        Times::Date => {
            let (nanos, _) = std::str::from_utf8(cell()).ok().and_then(moment).ok_or(TIME)?;
            nanos.saturating_mul(1000)
        }
    };
    let zero = *zero.get_or_insert(if times == Times::Date { picos } else { picos.min(0) });
    let since = u128::try_from(picos.saturating_sub(zero)).map_err(|_| "the time runs backwards")?;
    let second = 10u128.pow(PICO);
    let rate = u128::from(clock.ticks);
    let ticks =
        if rate == second { Some(since) } else { since.checked_mul(rate).map(|ticks| (ticks + second / 2) / second) };
    ticks.and_then(|ticks| u64::try_from(ticks).ok()).ok_or("a time beyond all clocks")
}

/// Reads a number with a fraction as a multiple of a power of ten; what is finer is cut off.
fn decimal(text: &[u8], power: u32) -> Option<i128> {
    let (negative, digits) = match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        _ => (false, text),
    };
    let (mut value, mut fraction, mut seen) = (0u64, None, 0u32);
    for &byte in digits {
        match (byte, fraction) {
            (b'0'..=b'9', _) if fraction.is_some_and(|fraction| fraction >= power) => seen += 1,
            (b'0'..=b'9', _) => {
                value = value.checked_mul(10)?.checked_add(u64::from(byte - b'0'))?;
                fraction = fraction.map(|fraction| fraction + 1);
                seen += 1;
            }
            (b'.', None) => fraction = Some(0),
            (b'e' | b'E', _) => return exponential(text, power),
            _ => return None,
        }
    }
    if seen == 0 {
        return None;
    }
    let value = i128::from(value) * 10i128.checked_pow(power - fraction.unwrap_or(0))?;
    Some(if negative { -value } else { value })
}

/// As [`decimal`], of `1.25e-05`.
fn exponential(text: &[u8], power: u32) -> Option<i128> {
    let text = std::str::from_utf8(text).ok()?;
    let (mantissa, exponent) = text.split_once(['e', 'E'])?;
    let power = i64::from(power) + exponent.parse::<i64>().ok().filter(|exponent| exponent.abs() < 40)?;
    if mantissa.contains(['e', 'E']) {
        return None;
    }
    match u32::try_from(power) {
        Ok(power) if power <= 30 => decimal(mantissa.as_bytes(), power),
        Ok(_) => None,
        Err(_) => decimal(mantissa.as_bytes(), 0).map(|_| 0),
    }
}

/// Reads the levels of a row.
fn levels(row: &[u8], columns: &[Option<u32>], mut set: impl FnMut(u32, Level)) -> Result<(), &'static str> {
    let mut cells = row.split(|&byte| byte == b',');
    for column in columns {
        let Some(cell) = cells.next() else {
            return Err("a row with fewer columns than the first one");
        };
        let Some(channel) = column else { continue };
        let level = match cell.trim_ascii() {
            b"0" => Level::Low,
            b"1" => Level::High,
            b"x" | b"X" | b"z" | b"Z" => Level::Unknown,
            _ => return Err("expected 0, 1 or X"),
        };
        set(*channel, level);
    }
    Ok(())
}

impl LevelReader for Table {
    fn channels(&self) -> &[Channel] {
        &self.channels
    }

    fn read(&mut self, out: &mut Levels) -> Result<bool, CaptureError> {
        if self.ended {
            return Ok(false);
        }
        let result = self.fill(out);
        out.until.fill(self.now.map_or(0, |now| now.saturating_add(1)));
        result
    }

    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn offset(&self) -> u64 {
        self.source.offset()
    }
}
