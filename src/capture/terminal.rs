//! Logs of terminal programs that put a stamp or a direction ahead of each line: `[12:34:56.789] OK`,
//! `2024-01-01 12:00:00.123 -> AT`, `RX: OK`.
//!
//! Taken for one only where nearly every line carries the same form, since payload may look like a stamp; all other raw
//! bytes stay as they are. Times count from the first stamp. Which of two marks is the host's is told by which has the
//! commands: programs do not agree on it. Line ends that the log does not show are CR LF again, and a note says so.

use super::source::Source;
use super::{CaptureError, Format, MAX_CHUNK, Meta, Pull, Record};
use crate::direction::{LOOK_AHEAD, is_answer, is_command};
use crate::{Sender, Time};

/// Pairs of marks for the two directions.
const MARKS: [[&str; 2]; 7] =
    [["TX", "RX"], [">>", "<<"], ["-->", "<--"], ["->", "<-"], ["SEND", "RECV"], ["OUT", "IN"], [">", "<"]];

/// The longest thing ahead of a line's text.
const LONGEST_PREFIX: usize = 64;

const DAY: u64 = 86_400_000_000_000;

/// What a program puts ahead of each line, and how it writes the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Form {
    stamped: bool,
    /// The marks in use, and which of the two is the host's.
    marks: Option<(usize, usize)>,
    /// Bytes are written as pairs of hex digits.
    hex: bool,
    /// Line ends are written out: `<CR><LF>`.
    shown_ends: bool,
}

/// What stands ahead of one line's text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Prefix {
    /// Nanoseconds since some midnight, and whether a date says which.
    stamp: Option<(u64, bool)>,
    /// Which pair, which of the two.
    mark: Option<(usize, usize)>,
    len: usize,
}

impl Form {
    /// The form that nearly all lines of a log's start have; `None` where there is none.
    pub(super) fn of(head: &[u8]) -> Option<Self> {
        let head = head.get(..LOOK_AHEAD).unwrap_or(head);
        // Of a last line that goes on, what stands ahead of its text must be there.
        let end = memchr::memrchr(b'\n', head).map_or(0, |end| end + 1);
        let goes_on = head.len() == LOOK_AHEAD && head.len() - end < LONGEST_PREFIX;
        let whole = if goes_on { head.get(..end).unwrap_or_default() } else { head };
        let lines = || whole.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii_end).filter(|line| !line.is_empty());
        let (mut count, mut stamps, mut marked) = (0_usize, 0_usize, [[0_usize; 2]; MARKS.len()]);
        for line in lines() {
            let prefix = prefix(line);
            count += 1;
            stamps += usize::from(prefix.stamp.is_some());
            if let Some((pair, side)) = prefix.mark
                && let Some(of) = marked.get_mut(pair).and_then(|pair| pair.get_mut(side))
            {
                *of += 1;
            }
        }
        let nearly_all = |some: usize| count >= 2 && some * 20 >= count * 19;
        let stamped = nearly_all(stamps);
        let pair = marked.iter().position(|[one, other]| *one > 0 && *other > 0 && nearly_all(one + other));
        if !stamped && pair.is_none() {
            return None;
        }
        let mut form = Self { stamped, marks: pair.map(|pair| (pair, 0)), hex: false, shown_ends: false };
        let texts = || lines().map(|line| form.split(line).1);
        let (hex, ends) = texts().fold((0, 0), |(hex, ends), text| {
            (hex + usize::from(hex_bytes(text).is_some()), ends + usize::from(has_ends(text)))
        });
        (form.hex, form.shown_ends) = (nearly_all(hex), !nearly_all(hex) && ends * 2 >= count);
        let mut commands = [0_usize; 2];
        let mut speaks = false;
        let mut bytes = Vec::new();
        for line in lines() {
            let (prefix, text) = form.split(line);
            bytes.clear();
            form.bytes(text, &mut bytes);
            let command = is_command(&bytes);
            speaks |= command || is_answer(&bytes);
            if let (Some((_, side)), true) = (prefix.mark, command)
                && let Some(count) = commands.get_mut(side)
            {
                *count += 1;
            }
        }
        let [first, second] = commands;
        form.marks = form.marks.map(|(pair, _)| (pair, usize::from(second > first)));
        speaks.then_some(form)
    }

    /// What this form has ahead of a line, and the line's text.
    fn split<'l>(&self, line: &'l [u8]) -> (Prefix, &'l [u8]) {
        let found = prefix(line);
        let is_ours = found.stamp.is_some() == self.stamped
            && (self.marks.is_none() || found.mark.map(|mark| mark.0) == self.marks.map(|marks| marks.0));
        if is_ours { (found, line.get(found.len..).unwrap_or_default()) } else { (Prefix::default(), line) }
    }

    /// Appends the bytes that a line's text stands for.
    fn bytes(&self, text: &[u8], out: &mut Vec<u8>) {
        if self.hex
            && let Some(bytes) = hex_bytes(text)
        {
            out.extend_from_slice(&bytes);
        } else if self.shown_ends && has_ends(text) {
            let mut rest = text;
            while let Some(&byte) = rest.first() {
                let end = ENDS.iter().find_map(|(name, byte)| Some((rest.strip_prefix(*name)?, *byte)));
                match end {
                    Some((behind, end)) => {
                        out.push(end);
                        rest = behind;
                    }
                    None => {
                        out.push(byte);
                        rest = rest.get(1..).unwrap_or_default();
                    }
                }
            }
        } else {
            out.extend_from_slice(text);
            out.extend_from_slice(b"\r\n");
        }
    }
}

const ENDS: [(&[u8], u8); 2] = [(b"<CR>", b'\r'), (b"<LF>", b'\n')];

fn has_ends(text: &[u8]) -> bool {
    ENDS.iter().any(|(name, _)| text.ends_with(name))
}

/// Pairs of hex digits with blanks between them, and nothing else.
fn hex_bytes(text: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(text.trim_ascii()).ok().filter(|text| !text.is_empty())?;
    let pair = |pair: &str| (pair.len() == 2).then(|| u8::from_str_radix(pair, 16).ok()).flatten();
    text.split(' ').filter(|pair| !pair.is_empty()).map(pair).collect()
}

/// Takes stamp and mark off the start of a line, as far as they are there.
fn prefix(line: &[u8]) -> Prefix {
    let head = line.get(..LONGEST_PREFIX).unwrap_or(line);
    // What is no text cannot be part of a stamp.
    let head = head.utf8_chunks().next().map_or("", |chunk| chunk.valid());
    let mut found = Prefix::default();
    let mut rest = head;
    if let Some((stamp, behind)) = stamp(rest) {
        found.stamp = Some(stamp);
        rest = behind;
    }
    if let Some((mark, behind)) = mark(rest, found.stamp.is_some()) {
        found.mark = Some(mark);
        rest = behind;
    }
    if found.stamp.is_some() || found.mark.is_some() {
        found.len = head.len() - rest.len();
    }
    found
}

/// `[12:34:56.789] `, `2024-01-01 12:00:00.123: `, `12:34:56,789 `
fn stamp(text: &str) -> Option<((u64, bool), &str)> {
    let (close, inner) = match text.as_bytes().first()? {
        b'[' => (Some(']'), text.get(1..)?),
        b'(' => (Some(')'), text.get(1..)?),
        _ => (None, text),
    };
    let (days, rest) = match date(inner) {
        Some((days, rest)) => (Some(days), rest),
        None => (None, inner),
    };
    let (hours, rest) = number(rest, 1..=2, 24)?;
    let (minutes, rest) = number(rest.strip_prefix(':')?, 2..=2, 60)?;
    let (seconds, rest) = number(rest.strip_prefix(':')?, 2..=2, 61)?;
    let (nanos, rest) = match rest.strip_prefix(['.', ',', ':']).map(|rest| (rest, digits(rest))) {
        Some((behind, count @ 1..=9)) => {
            let fraction: u64 = behind.get(..count)?.parse().ok()?;
            (fraction * 10_u64.pow(9 - count as u32), behind.get(count..)?)
        }
        _ => (0, rest),
    };
    let rest = match close {
        Some(close) => rest.trim_start_matches(' ').strip_prefix(close)?,
        None => rest,
    };
    // A blank or a colon behind it is the program's, more of them are the line's.
    let separated = rest.strip_prefix(':').unwrap_or(rest);
    let rest = separated.strip_prefix([' ', '\t']).unwrap_or(separated);
    if close.is_none() && rest.len() == separated.len() && !rest.is_empty() && separated.len() == text.len() {
        return None;
    }
    let nanos = ((hours * 60 + minutes) * 60 + seconds) * 1_000_000_000 + nanos;
    Some(((days.unwrap_or(0).checked_mul(DAY)?.checked_add(nanos)?, days.is_some()), rest))
}

/// `2024-01-31 ` or `2024/01/31T`: days since 1970 or so.
fn date(text: &str) -> Option<(u64, &str)> {
    let (year, rest) = number(text, 4..=4, 2500)?;
    let (month, rest) = number(rest.strip_prefix(['-', '/', '.'])?, 2..=2, 13)?;
    let (day, rest) = number(rest.strip_prefix(['-', '/', '.'])?, 2..=2, 32)?;
    let rest = rest.strip_prefix([' ', 'T', '_', ','])?;
    // Months from March on: the leap day is the last of a year.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year.checked_sub(1)?, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day;
    Some((days.checked_sub(719_469)?, rest.trim_start_matches(' ')))
}

/// A number of so many digits, below a limit.
fn number(text: &str, len: std::ops::RangeInclusive<usize>, limit: u64) -> Option<(u64, &str)> {
    let count = digits(text);
    let (number, rest) = text.split_at_checked(count).filter(|_| len.contains(&count))?;
    let number: u64 = number.parse().ok()?;
    (number < limit).then_some((number, rest))
}

fn digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

/// `TX: `, `[RX] `, `>> `, `--> `. Bare arrows count behind a stamp alone: a prompt looks like one.
fn mark(text: &str, stamped: bool) -> Option<((usize, usize), &str)> {
    let (close, inner) = match text.as_bytes().first()? {
        b'[' => (Some(']'), text.get(1..)?),
        b'(' => (Some(')'), text.get(1..)?),
        _ => (None, text),
    };
    for (pair, names) in MARKS.iter().enumerate() {
        for (side, name) in names.iter().enumerate() {
            let Some(rest) = inner.get(..name.len()).filter(|start| start.eq_ignore_ascii_case(name)) else { continue };
            let rest = inner.get(rest.len()..)?;
            let is_word = name.bytes().all(|byte| byte.is_ascii_alphabetic());
            let rest = match close {
                Some(close) => rest.strip_prefix(close)?,
                None if is_word => {
                    rest.strip_prefix([':', '>', '<', '|']).or_else(|| stamped.then_some(rest)?.strip_prefix(' '))?
                }
                None if name.len() == 1 && !stamped => continue,
                None => rest,
            };
            return Some(((pair, side), rest.strip_prefix([' ', '\t']).unwrap_or(rest)));
        }
    }
    None
}

/// A log of a terminal program.
pub(super) struct Terminal {
    source: Source,
    meta: Meta,
    form: Form,
    /// The first stamp, the last one, and what midnights added.
    clock: Option<(u64, u64, u64)>,
    /// Of the last line.
    from: Sender,
    /// Inside a line that is longer than a chunk.
    inside: bool,
}

impl Terminal {
    pub(super) fn new(source: Source, form: Form) -> Self {
        let mut meta = Meta::new(Format::Raw);
        let stamp = if form.stamped { "time" } else { "direction" };
        let more = if form.stamped && form.marks.is_some() { " and direction" } else { "" };
        meta.note(format!("read as a log of a terminal program, which puts the {stamp}{more} ahead of each line"));
        if form.marks.is_none() {
            meta.note("lines that look like commands are the host's, all else is the module's");
            meta.echoes = true;
        }
        if !form.hex {
            meta.note("the log does not keep line ends: each line ends in CR LF, unless it shows others");
        }
        Self { source, meta, form, clock: None, from: Sender::Module, inside: false }
    }

    fn time(&mut self, stamp: u64, dated: bool) -> Time {
        let (first, last, added) = self.clock.unwrap_or((stamp, stamp, 0));
        // Past midnight; a clock that was set back a little was no midnight.
        let added = if !dated && stamp + DAY / 2 < last { added.saturating_add(DAY) } else { added };
        self.clock = Some((first, stamp, added));
        Time::from_nanos(stamp.saturating_add(added).saturating_sub(first))
    }
}

impl Pull for Terminal {
    fn pull(&mut self, out: &mut Record) -> Result<bool, CaptureError> {
        let mut searched = 0;
        let (count, ended) = loop {
            let available = self.source.available();
            let within = available.get(searched..available.len().min(MAX_CHUNK / 2)).unwrap_or_default();
            if let Some(at) = memchr::memchr(b'\n', within) {
                break (searched + at + 1, true);
            }
            searched = available.len().min(MAX_CHUNK / 2);
            if searched >= MAX_CHUNK / 2 || self.source.ended() {
                break (searched, self.source.ended() && searched == available.len());
            }
            self.source.grow()?;
        };
        if count == 0 {
            self.source.check()?;
            return Ok(false);
        }
        let line = self.source.available().get(..count).unwrap_or_default().to_vec();
        self.source.consume(count);
        let line = line.strip_suffix(b"\n").unwrap_or(&line);
        let line = if ended { line.strip_suffix(b"\r").unwrap_or(line) } else { line };
        if self.inside {
            out.bytes.extend_from_slice(line);
            out.bytes.extend_from_slice(if ended { b"\r\n" } else { b"" });
        } else {
            let (prefix, text) = self.form.split(line);
            out.time = prefix.stamp.map(|(stamp, dated)| self.time(stamp, dated));
            if ended {
                self.form.bytes(text, &mut out.bytes);
            } else {
                out.bytes.extend_from_slice(text);
            }
            match (self.form.marks, prefix.mark) {
                (Some((_, host)), Some((_, side))) => {
                    self.from = if side == host { Sender::Host } else { Sender::Module };
                }
                (Some(_), None) => {}
                (None, _) => self.from = if is_command(&out.bytes) { Sender::Host } else { Sender::Module },
            }
        }
        out.from = self.from;
        self.inside = !ended;
        Ok(true)
    }

    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn offset(&self) -> u64 {
        self.source.offset()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, clippy::unwrap_used)]
    use super::*;

    type Line = (Sender, Option<u64>, String);

    fn read(log: &str) -> Vec<Line> {
        let mut source = Source::new("log", Box::new(std::io::Cursor::new(log.as_bytes().to_vec())));
        let form = Form::of(source.fill(LOOK_AHEAD).unwrap()).expect("a form");
        let mut terminal = Terminal::new(source, form);
        let mut lines = Vec::new();
        let mut record = Record::new();
        while terminal.pull(&mut record).unwrap() {
            let millis = record.time.map(|time| time.as_nanos() / 1_000_000);
            lines.push((record.from, millis, crate::escape::escape(&record.bytes).to_string()));
            record.clear();
        }
        lines
    }

    fn expect(log: &str, times: [Option<u64>; 2]) {
        let lines = read(log);
        let wanted = [(Sender::Host, times[0], r"AT+CSQ\r\n"), (Sender::Module, times[1], r"+CSQ: 20,0\r\n")];
        let wanted: Vec<Line> = wanted.map(|(from, time, text)| (from, time, text.to_owned())).into();
        assert_eq!(lines, wanted, "{log}");
    }

    #[test]
    fn stamps_and_marks_are_taken_off() {
        let timed = [Some(0), Some(111)];
        for log in [
            "[12:34:56.789] AT+CSQ\r\n[12:34:56.900] +CSQ: 20,0\r\n",
            "12:34:56.789 -> AT+CSQ\n12:34:56.900 -> +CSQ: 20,0\n",
            "12:34:56.789 -> AT+CSQ\n12:34:56.900 <- +CSQ: 20,0\n",
            "2024-01-01 12:34:56.789: AT+CSQ\n2024-01-01 12:34:56.900: +CSQ: 20,0\n",
            "[2024-01-01 12:34:56.789] TX: AT+CSQ\n[2024-01-01 12:34:56.900] RX: +CSQ: 20,0\n",
            "[12:34:56:789][TX] AT+CSQ\n[12:34:56:900][RX] +CSQ: 20,0\n",
            "(12:34:56.789) (<<) AT+CSQ<CR><LF>\n(12:34:56.900) (>>) +CSQ: 20,0<CR><LF>\n",
            "12:34:56,789 >> 41 54 2B 43 53 51 0D 0A\n12:34:56,900 << 2B 43 53 51 3A 20 32 30 2C 30 0D 0A\n",
            "23:59:59.900 AT+CSQ\n00:00:00.011 +CSQ: 20,0",
        ] {
            expect(log, timed);
        }
        for log in ["TX: AT+CSQ\nRX: +CSQ: 20,0\n", ">> AT+CSQ\n<< +CSQ: 20,0\n", "<-- AT+CSQ\n--> +CSQ: 20,0\n"] {
            expect(log, [None, None]);
        }
        let dates = "2024-02-28 23:59:59 AT\n2024-03-01 00:00:00 OK\n";
        assert_eq!(read(dates)[1].1, Some(86_401_000), "a leap day");
    }

    #[test]
    fn other_bytes_are_left_alone() {
        for log in [
            "AT+CSQ\r\r\n+CSQ: 20,0\r\n\r\nOK\r\n",
            "AT+CIPSNTPTIME?\r\n+CIPSNTPTIME:Mon Dec 12 02:33:32 2016\r\nOK\r\n",
            "AT+CCLK?\r\n12:34:56.789 -> x\r\nOK\r\n",
            "12:34:56 hello\n12:34:57 world\n",
            "> \r\nSEND OK\r\n",
            "",
        ] {
            assert_eq!(Form::of(log.as_bytes()), None, "{log}");
        }
    }

    #[test]
    fn long_lines_come_in_pieces() {
        let log = format!("12:00:00.000 AT\n12:00:01.000 {}\n12:00:02.000 OK\n", "x".repeat(100_000));
        let lines = read(&log);
        assert!(lines.iter().all(|line| line.2.len() <= MAX_CHUNK));
        let all: String = lines.iter().map(|line| line.2.as_str()).collect();
        assert_eq!(all, format!("AT\\r\\n{}\\r\\nOK\\r\\n", "x".repeat(100_000)));
    }
}
