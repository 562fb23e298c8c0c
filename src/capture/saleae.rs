//! Tables that Saleae's Logic exports: one row a byte, from one analyzer or several.
//!
//! Logic 2 (`name,type,start_time,duration,data,error`, in any order, with further columns), Logic 1 (`Time [s],Value,…`
//! and `Time [s],Analyzer Name,Decoded Protocol Result`). Values in every radix that Logic shows: hexadecimal, decimal,
//! binary, ASCII with names for what has no glyph, ASCII and hexadecimal. An analyzer records one line; which is whose
//! is told by content. Bytes without a pause between them, up to a line end, make one chunk.
//!
//! Trap: Logic 1 quotes nothing, so a row may be `0.1,",,` or `0.1,,,,`; a reader of CSV that follows the rules loses
//! rows on it. And `5` is a character in an ASCII table, a number in a decimal one: other rows tell which.

use std::borrow::Cow;
use std::collections::VecDeque;

use super::direction::{self, Evidence, Role};
use super::source::{Source, seconds};
use super::transcript::BOM;
use super::{CaptureError, Fault, FaultKind, Format, Meta, Options, Pull, Record};
use crate::{Sender, Time};

/// The longest row that is read.
const LONGEST_ROW: usize = 64 * 1024;
/// Rows that may be held back until analyzers and radix are told.
const LOOK_AHEAD: usize = 8 * 1024;
/// Analyzers that are kept apart.
const MOST_CHANNELS: usize = 256;
/// The longest run of bytes that makes one chunk.
const LONGEST_RUN: usize = 4096;

/// Which table it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Table {
    /// `Time [s],Analyzer Name,Decoded Protocol Result`.
    Decoded,
    /// Logic 2; where its columns are.
    Logic2 {
        columns: usize,
        name: Option<usize>,
        kind: Option<usize>,
        start: usize,
        duration: Option<usize>,
        data: usize,
        error: Option<usize>,
    },
    /// `Time [s],Value,Parity Error,Framing Error`.
    Serial,
}

impl Table {
    /// Tells the table from its first line.
    pub(super) fn of_header(line: &[u8]) -> Option<Self> {
        let line = std::str::from_utf8(line).ok()?.trim();
        let fields = split(line);
        let names: Vec<String> = fields.iter().map(|field| field.trim().to_ascii_lowercase()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        match names.as_slice() {
            ["time [s]", "value", "parity error", "framing error"] => return Some(Self::Serial),
            ["time [s]", "analyzer name", "decoded protocol result"] => return Some(Self::Decoded),
            _ => {}
        }
        let column = |wanted: &str| names.iter().position(|name| *name == wanted);
        let (start, data) = (column("start_time")?, column("data")?);
        let (name, kind) = (column("name"), column("type"));
        if name.is_none() && kind.is_none() {
            return None;
        }
        let (duration, error) = (column("duration"), column("error"));
        Some(Self::Logic2 { columns: names.len(), name, kind, start, duration, data, error })
    }
}

/// Splits a row of comma-separated values; a quote that nobody closes is a character.
pub(super) fn split(line: &str) -> Vec<Cow<'_, str>> {
    let mut fields = Vec::with_capacity(8);
    let mut rest = line;
    loop {
        let (field, after) = rest.strip_prefix('"').and_then(quoted).unwrap_or_else(|| {
            let (field, after) = rest.split_once(',').map_or((rest, None), |(field, after)| (field, Some(after)));
            (Cow::Borrowed(field), after)
        });
        fields.push(field);
        match after {
            Some(after) => rest = after,
            None => return fields,
        }
    }
}

/// Reads a quoted field behind its opening quote: its text, and what follows the comma behind it.
fn quoted(text: &str) -> Option<(Cow<'_, str>, Option<&str>)> {
    let mut field = Cow::Borrowed("");
    let mut rest = text;
    loop {
        let (plain, after) = rest.split_once('"')?;
        if field.is_empty() {
            field = Cow::Borrowed(plain);
        } else {
            field.to_mut().push_str(plain);
        }
        if after.is_empty() {
            return Some((field, None));
        }
        if let Some(next) = after.strip_prefix(',') {
            return Some((field, Some(next)));
        }
        // `""` is a quote; where it is followed by nothing more, a lone quote was left unescaped.
        field.to_mut().push('"');
        rest = after.strip_prefix('"')?;
        if rest.is_empty() {
            return Some((field, None));
        }
    }
}

/// A cell's byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Value {
    /// Certain.
    Byte(u8),
    /// A number that only a decimal table has.
    Decimal(u8),
    /// A single digit: a number, or the character of it.
    Digit(u8),
    /// A character that only a table with ASCII has.
    Glyph(u8),
}

/// Reads a cell in whatever radix it is shown.
fn value(cell: &str) -> Option<Value> {
    let mut chars = cell.chars();
    if let (Some(only), None) = (chars.next(), chars.next()) {
        return match only.to_digit(10) {
            Some(digit) => Some(Value::Digit(digit as u8)),
            None => u8::try_from(u32::from(only)).ok().map(Value::Glyph),
        };
    }
    let cell = cell.trim();
    // `A (0x41)`, `'13' (0x0D)`
    if let Some((_, hex)) = cell.strip_suffix(')').and_then(|cell| cell.rsplit_once("(0x")) {
        return u8::from_str_radix(hex, 16).ok().map(Value::Byte);
    }
    if let Some(hex) = cell.strip_prefix("0x").or_else(|| cell.strip_prefix("0X")) {
        return u64::from_str_radix(hex, 16).ok().and_then(|n| u8::try_from(n).ok()).map(Value::Byte);
    }
    if let Some(bits) = cell.strip_prefix("0b").or_else(|| cell.strip_prefix("0B")) {
        let bits: String = bits.chars().filter(|c| !matches!(c, ' ' | '_')).collect();
        return u64::from_str_radix(&bits, 2).ok().and_then(|n| u8::try_from(n).ok()).map(Value::Byte);
    }
    let number = |text: &str| -> Option<u8> {
        if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) { None } else { text.parse().ok() }
    };
    if cell.bytes().all(|b| b.is_ascii_digit()) {
        return number(cell).map(Value::Decimal);
    }
    if let Some(inner) = cell.strip_prefix('\'').and_then(|cell| cell.strip_suffix('\'')) {
        // `'13'` is the number of a character without a glyph; `' '` and `'A'` are the character.
        let mut chars = inner.chars();
        return match (number(inner), chars.next(), chars.next()) {
            (Some(code), ..) => Some(Value::Glyph(code)),
            (None, Some(only), None) => u8::try_from(u32::from(only)).ok().map(Value::Glyph),
            _ => named(inner).map(Value::Glyph),
        };
    }
    named(cell).map(Value::Glyph)
}

/// Reads the name of a character: `\r`, `\x0D`, `COMMA`, `[CR]`, `<LF>`, `SPACE`.
fn named(cell: &str) -> Option<u8> {
    if let Some(escape) = cell.strip_prefix('\\') {
        if let Some(hex) = escape.strip_prefix('x') {
            return (hex.len() <= 2).then(|| u8::from_str_radix(hex, 16).ok())?;
        }
        return match escape {
            "0" => Some(0),
            "a" => Some(7),
            "b" => Some(8),
            "t" => Some(b'\t'),
            "n" => Some(b'\n'),
            "v" => Some(11),
            "f" => Some(12),
            "r" => Some(b'\r'),
            "e" => Some(27),
            "\\" => Some(b'\\'),
            "'" => Some(b'\''),
            "\"" => Some(b'"'),
            _ => None,
        };
    }
    const NAMES: [&str; 33] = [
        "NUL", "SOH", "STX", "ETX", "EOT", "ENQ", "ACK", "BEL", "BS", "HT", "LF", "VT", "FF", "CR", "SO", "SI", "DLE",
        "DC1", "DC2", "DC3", "DC4", "NAK", "SYN", "ETB", "CAN", "EM", "SUB", "ESC", "FS", "GS", "RS", "US", "SP",
    ];
    let bare = cell.strip_prefix('[').and_then(|cell| cell.strip_suffix(']'));
    let bare = bare.or_else(|| cell.strip_prefix('<').and_then(|cell| cell.strip_suffix('>'))).unwrap_or(cell);
    let bare = bare.to_ascii_uppercase();
    match bare.as_str() {
        "COMMA" => Some(b','),
        "SPACE" => Some(b' '),
        "TAB" => Some(b'\t'),
        "DEL" => Some(0x7F),
        "QUOTE" => Some(b'"'),
        bare => NAMES.iter().position(|name| *name == bare).and_then(|code| u8::try_from(code).ok()),
    }
}

/// Reads a time: seconds with or without a sign, or a date of ISO 8601; in nanoseconds, and whether it is since 1970.
pub(super) fn moment(cell: &str) -> Option<(i128, bool)> {
    let cell = cell.trim();
    if cell.contains('T') {
        return date(cell).map(|nanos| (nanos, true));
    }
    let (sign, digits) = cell.strip_prefix('-').map_or((1, cell), |digits| (-1, digits));
    let digits = digits.strip_prefix('+').unwrap_or(digits);
    Some((i128::from(seconds(digits.as_bytes())?.as_nanos()) * sign, false))
}

/// Reads `2026-03-04T05:06:07.123456789+01:00` as nanoseconds since 1970.
fn date(text: &str) -> Option<i128> {
    let (day, clock) = text.split_once('T')?;
    let mut parts = day.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    let at = clock.find(['Z', '+', '-']).unwrap_or(clock.len());
    let (clock, zone) = clock.split_at_checked(at)?;
    let mut parts = clock.splitn(3, ':');
    let (hour, minute) = (parts.next()?.parse::<i64>().ok()?, parts.next()?.parse::<i64>().ok()?);
    let second = Time::parse_secs(parts.next()?)?;
    let zone = match zone {
        "" | "Z" => 0,
        zone => {
            let sign = if zone.starts_with('-') { -1 } else { 1 };
            let digits: String = zone.chars().filter(char::is_ascii_digit).collect();
            let (hours, minutes) = digits.split_at_checked(2)?;
            let minutes = if minutes.is_empty() { 0 } else { minutes.parse::<i64>().ok()? };
            sign * (hours.parse::<i64>().ok()? * 60 + minutes)
        }
    };
    if !(1970..=9999).contains(&year)
        || !(1..=12).contains(&month)
        || !(1..=31).contains(&day)
        || hour > 24
        || minute > 59
    {
        return None;
    }
    // Days since 1970 in the calendar that counts from March, so that the leap day is the last of the year.
    let (year, month) = if month < 3 { (year - 1, month + 9) } else { (year, month - 3) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1 - 719_468;
    let minutes = (days * 24 + hour) * 60 + minute - zone;
    Some(i128::from(minutes) * 60_000_000_000 + i128::from(second.as_nanos()))
}

/// One byte of one analyzer.
#[derive(Clone, Debug)]
struct Row {
    channel: usize,
    /// Nanoseconds.
    start: i128,
    duration: Option<i128>,
    value: Value,
    framing: bool,
    parity: bool,
    breaks: bool,
}

#[derive(Debug, Default)]
struct Channel {
    name: String,
    evidence: Evidence,
    /// Rows that only a decimal table has, and rows that only one with ASCII has.
    decimal: bool,
    glyphs: bool,
    assigned: Option<(u32, Role)>,
    /// The shortest step between two bytes, for tables without durations.
    step: Option<i128>,
    last: Option<i128>,
}

impl Channel {
    fn byte(&self, value: Value) -> u8 {
        match value {
            Value::Byte(byte) | Value::Decimal(byte) | Value::Glyph(byte) => byte,
            Value::Digit(digit) if self.decimal && !self.glyphs => digit,
            Value::Digit(digit) => b'0' + digit,
        }
    }
}

pub(super) struct Tables {
    source: Source,
    table: Table,
    meta: Meta,
    /// The line that is next to be read, from 1.
    line: u64,
    channels: Vec<Channel>,
    /// Analyzers that the user wants alone.
    only: Option<Vec<String>>,
    host: Option<String>,
    queue: VecDeque<Row>,
    failure: Option<CaptureError>,
    ended: bool,
    zero: Option<i128>,
    sessions: u32,
    latest: i128,
}

impl Tables {
    pub(super) fn open(mut source: Source, options: &Options) -> Result<Self, CaptureError> {
        if source.fill(BOM.len())?.starts_with(BOM) {
            source.consume(BOM.len());
        }
        let mut this = Self {
            source,
            table: Table::Serial,
            meta: Meta::new(Format::Saleae),
            line: 1,
            channels: Vec::new(),
            only: options.select.as_ref().map(|names| names.split(',').map(|name| name.trim().to_owned()).collect()),
            host: options.host.clone(),
            queue: VecDeque::new(),
            failure: None,
            ended: false,
            zero: None,
            sessions: 0,
            latest: i128::MIN,
        };
        let (header, _) = this.next_line()?.unwrap_or_default();
        let Some(table) = Table::of_header(header.as_bytes()) else {
            let what = "no header of a table that Saleae's Logic exports: expected `name,type,start_time,duration,data`, \
                        `Time [s],Value,Parity Error,Framing Error` or `Time [s],Analyzer Name,Decoded Protocol Result`";
            return Err(CaptureError::Table { file: this.source.file().to_owned(), line: 1, what: what.to_owned() });
        };
        this.table = table;
        while this.queue.len() < LOOK_AHEAD && !this.ended {
            this.step();
        }
        this.decide()?;
        Ok(this)
    }

    /// The next line without its end, and whether it has one.
    fn next_line(&mut self) -> Result<Option<(String, bool)>, CaptureError> {
        let mut searched = 0;
        let end = loop {
            let available = self.source.available();
            let found = memchr::memchr(b'\n', available.get(searched..).unwrap_or_default());
            if let Some(at) = found.map(|at| searched + at).filter(|at| *at <= LONGEST_ROW) {
                break Some(at);
            }
            searched = available.len();
            if searched > LONGEST_ROW {
                return Err(self.wrong(format!("a row of more than {LONGEST_ROW} bytes")));
            }
            if self.source.ended() {
                break None;
            }
            self.source.grow()?;
        };
        let available = self.source.available();
        if available.is_empty() {
            self.source.check()?;
            return Ok(None);
        }
        let line = available.get(..end.unwrap_or(available.len())).unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let line = match std::str::from_utf8(line) {
            Ok(line) => line.to_owned(),
            // A byte above 0x7E as such, which Logic 1 writes in ASCII tables.
            Err(_) => line.iter().map(|&byte| char::from(byte)).collect(),
        };
        let count = end.map_or(available.len(), |at| at + 1);
        self.source.consume(count);
        self.line += 1;
        Ok(Some((line, end.is_some())))
    }

    /// An error at the line that was read last.
    fn wrong(&self, what: String) -> CaptureError {
        CaptureError::Table { file: self.source.file().to_owned(), line: self.line.saturating_sub(1).max(1), what }
    }

    /// Reads a row into the queue, or finds the end.
    fn step(&mut self) {
        let offset = self.source.offset();
        let read = match self.next_line() {
            Ok(None) => {
                self.ended = true;
                return;
            }
            Ok(Some((line, whole))) => self.row(&line, whole, offset),
            Err(error) => Err(error),
        };
        if let Err(error) = read {
            self.failure = Some(error);
            self.ended = true;
        }
    }

    fn row(&mut self, line: &str, mut whole: bool, offset: u64) -> Result<(), CaptureError> {
        if line.trim().is_empty() {
            return Ok(());
        }
        let read = match self.table.clone() {
            Table::Serial => self.serial(line),
            Table::Decoded => self.decoded(line),
            Table::Logic2 { columns, name, kind, start, duration, data, error } => {
                let joined;
                let mut fields = split(line);
                // A quoted line end splits a row in two.
                if fields.len() < columns
                    && line.matches('"').count() % 2 == 1
                    && let Some((more, ended)) = self.next_line()?
                {
                    joined = format!("{line}\n{more}");
                    fields = split(&joined);
                    whole = ended;
                }
                let field = |column: Option<usize>| column.and_then(|at| fields.get(at)).map_or("", |field| &**field);
                let is_data = kind.is_none() || field(kind) == "data";
                if fields.len() < columns {
                    Err(format!("{} columns where the header has {columns}", fields.len()))
                } else if !is_data || field(Some(data)).is_empty() {
                    Ok(())
                } else {
                    let duration = moment(field(duration)).map(|(nanos, _)| nanos);
                    self.byte(field(name), field(Some(start)), duration, field(Some(data)), field(error))
                }
            }
        };
        match read {
            Ok(()) => Ok(()),
            Err(what) if !whole => Err(self.source.damaged_at(offset, format!("the last row is cut off: {what}"))),
            Err(what) => Err(self.wrong(what)),
        }
    }

    /// `0.000019680000000,o,,Error`; the value may be a comma.
    fn serial(&mut self, line: &str) -> Result<(), String> {
        let parts = line.split_once(',').and_then(|(time, rest)| {
            let (rest, framing) = rest.rsplit_once(',')?;
            let (value, parity) = rest.rsplit_once(',')?;
            Some((time, value, parity, framing))
        });
        let Some((time, value, parity, framing)) = parts else {
            return Err("expected four columns: time, value, parity error, framing error".to_owned());
        };
        let mark = |cell: &str, name: &'static str| if cell.trim().is_empty() { "" } else { name };
        let error = format!("{} {}", mark(parity, "parity"), mark(framing, "framing"));
        self.byte("", time, None, value, &error)
    }

    /// `0.000019680000000,Async Serial,A (framing error)`.
    fn decoded(&mut self, line: &str) -> Result<(), String> {
        let parts = line.split_once(',').and_then(|(time, rest)| {
            let (name, value) = match rest.strip_prefix('"').and_then(quoted) {
                Some((name, Some(value))) => (name, value),
                _ => rest.split_once(',').map(|(name, value)| (Cow::Borrowed(name), value))?,
            };
            Some((time, name, value))
        });
        let Some((time, name, cell)) = parts else {
            return Err("expected three columns: time, analyzer, result".to_owned());
        };
        let cell = match cell.strip_prefix('"').and_then(quoted) {
            Some((inner, None)) if !inner.is_empty() => inner,
            _ => Cow::Borrowed(cell),
        };
        let (cell, error) = match cell.rsplit_once(" (") {
            Some((cell, error)) if error.ends_with("error)") => (cell, error),
            _ => (cell.as_ref(), ""),
        };
        self.byte(&name, time, None, cell, error)
    }

    fn byte(&mut self, name: &str, time: &str, duration: Option<i128>, cell: &str, error: &str) -> Result<(), String> {
        if self.only.as_ref().is_some_and(|only| !only.iter().any(|wanted| wanted == name)) {
            return Ok(());
        }
        let Some((start, absolute)) = moment(time) else {
            return Err(format!("time `{time}`: expected seconds, or a date as 2026-01-31T12:00:00.5Z"));
        };
        let Some(value) = value(cell) else {
            return Err(format!("value `{cell}`: expected a byte in hexadecimal, decimal, binary or ASCII"));
        };
        let known = self.channels.iter().position(|channel| channel.name == name);
        let channel = match known {
            Some(at) => at,
            None if self.channels.len() >= MOST_CHANNELS => {
                return Err(format!("more than {MOST_CHANNELS} analyzers"));
            }
            None => {
                self.channels.push(Channel { name: name.to_owned(), ..Channel::default() });
                self.channels.len() - 1
            }
        };
        if self.zero.is_none() {
            // The zero is that of the table, unless it starts ahead of it.
            self.zero = Some(if absolute { start } else { start.min(0) });
            if absolute {
                self.meta.epoch = u64::try_from(start).ok().map(Time::from_nanos);
            }
        }
        if start < self.latest && self.meta.ordered {
            self.meta.ordered = false;
            self.meta.note("the table is not in order of time: export it sorted by time to see who spoke first");
        }
        self.latest = self.latest.max(start);
        if let Some(channel) = self.channels.get_mut(channel) {
            channel.decimal |= matches!(value, Value::Decimal(_));
            channel.glyphs |= matches!(value, Value::Glyph(_));
        }
        let says = |word: &str| error.to_ascii_lowercase().contains(word);
        let (framing, parity, breaks) = if error.trim().is_empty() {
            (false, false, false)
        } else {
            let (parity, breaks) = (says("parity"), says("break"));
            (says("framing") || !(parity || breaks), parity, breaks)
        };
        self.queue.push_back(Row { channel, start, duration, value, framing, parity, breaks });
        Ok(())
    }

    /// Tells whose line each analyzer recorded.
    fn decide(&mut self) -> Result<(), CaptureError> {
        for row in &self.queue {
            if let Some(channel) = self.channels.get_mut(row.channel) {
                let byte = channel.byte(row.value);
                channel.evidence.feed(&[byte]);
            }
        }
        let names: Vec<&str> = self.channels.iter().map(|channel| channel.name.as_str()).collect();
        let shown = || names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let missing = self.only.iter().flatten().find(|wanted| !names.contains(&wanted.as_str()));
        if let Some(wanted) = missing.or(self.host.as_ref().filter(|host| !names.contains(&host.as_str()))) {
            let what = format!("no serial analyzer is called `{wanted}`; with bytes there are: {}", shown());
            return Err(CaptureError::choice(self.source.file(), what));
        }
        let host = self.host.as_ref().and_then(|host| names.iter().position(|name| name == host));
        if self.channels.iter().any(|channel| channel.glyphs) && matches!(self.table, Table::Logic2 { .. }) {
            self.meta.note(
                "Logic 2 may show other control characters as dots in ASCII: export in hexadecimal to keep all bytes",
            );
        }
        for channel in &mut self.channels {
            channel.evidence.finish();
        }
        let evidence: Vec<&Evidence> = self.channels.iter().map(|channel| &channel.evidence).collect();
        let assigned = direction::assign(&evidence, host, false);
        let mut told = Vec::new();
        for (channel, (session, role)) in self.channels.iter_mut().zip(assigned) {
            channel.assigned = Some((session, role));
            self.sessions = self.sessions.max(session.saturating_add(1));
            let Role::Of(sender) = role else { continue };
            let name = if channel.name.is_empty() { "the analyzer" } else { &channel.name };
            told.push(format!("{name}: {sender}"));
        }
        if !told.is_empty() {
            self.meta.note(format!("analyzers, taken by content: {}", told.join(", ")));
        }
        Ok(())
    }

    /// Session and sender of an analyzer.
    fn place(&mut self, at: usize) -> (u32, Sender) {
        let alone = match self.channels.as_slice() {
            [Channel { assigned: Some((session, Role::Of(from))), .. }, _] if at == 1 => Some((*session, from.peer())),
            _ => None,
        };
        let sessions = &mut self.sessions;
        let Some(channel) = self.channels.get_mut(at) else {
            return (0, Sender::Module);
        };
        let (session, role) = *channel.assigned.get_or_insert_with(|| match alone {
            // The second analyzer has its first byte late: it is the other end of the first one's line.
            Some((session, from)) => (session, Role::Of(from)),
            None => {
                let session = *sessions;
                *sessions = session.saturating_add(1);
                (session, Role::Of(Sender::Module))
            }
        });
        match role {
            Role::Of(from) => (session, from),
            Role::Both => (session, Sender::Module),
        }
    }

    /// The next row, read if need be, and left in the queue.
    fn peek(&mut self) -> Option<&Row> {
        while self.queue.is_empty() && !self.ended {
            self.step();
        }
        self.queue.front()
    }

    /// Whether a byte of the same analyzer comes without a pause behind another one.
    fn joins(&self, last: &Row, next: &Row) -> bool {
        const UNKNOWN: i128 = 10_000_000;
        let pause = match (last.duration, self.channels.get(next.channel).and_then(|channel| channel.step)) {
            (Some(duration), _) => next.start - last.start <= duration.saturating_mul(3),
            (None, Some(step)) => next.start - last.start <= step.saturating_mul(3),
            (None, None) => next.start - last.start <= UNKNOWN,
        };
        last.channel == next.channel && pause && next.start >= last.start
    }
}

impl Pull for Tables {
    fn pull(&mut self, out: &mut Record) -> Result<bool, CaptureError> {
        self.peek();
        let Some(first) = self.queue.pop_front() else {
            return match self.failure.take() {
                Some(failure) => Err(failure),
                None => Ok(false),
            };
        };
        (out.session, out.from) = self.place(first.channel);
        let since = first.start - self.zero.unwrap_or_default();
        out.time = Some(Time::from_nanos(u64::try_from(since.max(0)).unwrap_or(u64::MAX)));
        let mut row = first;
        loop {
            let at = out.bytes.len();
            for (there, kind) in
                [(row.breaks, FaultKind::Break), (row.framing, FaultKind::Framing), (row.parity, FaultKind::Parity)]
            {
                if there {
                    out.faults.push(Fault { at, kind });
                }
            }
            let Some(channel) = self.channels.get_mut(row.channel) else {
                return Ok(true);
            };
            let byte = channel.byte(row.value);
            if let Some(step) = channel.last.replace(row.start).map(|last| row.start - last).filter(|step| *step > 0) {
                channel.step = Some(channel.step.map_or(step, |least| least.min(step)));
            }
            out.bytes.push(byte);
            if byte == b'\n' || out.bytes.len() >= LONGEST_RUN {
                return Ok(true);
            }
            let Some(next) = self.peek().cloned() else {
                return Ok(true);
            };
            if !self.joins(&row, &next) {
                return Ok(true);
            }
            self.queue.pop_front();
            row = next;
        }
    }

    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn offset(&self) -> u64 {
        self.source.offset()
    }
}

/// Whether a file starts with the header of a table.
pub(super) fn is_table(source: &mut Source) -> Result<bool, CaptureError> {
    const LONGEST_HEADER: usize = 1024;
    source.fill(1)?;
    loop {
        let head = source.available();
        let head = head.get(..head.len().min(LONGEST_HEADER)).unwrap_or_default();
        let end = memchr::memchr(b'\n', head);
        if end.is_some() || head.len() >= LONGEST_HEADER || source.ended() {
            let line = head.get(..end.unwrap_or(head.len())).unwrap_or_default();
            return Ok(Table::of_header(line.strip_prefix(BOM).unwrap_or(line)).is_some());
        }
        source.grow()?;
    }
}

/// A table for each line, merged by time: Logic 1 exports every analyzer to a file of its own.
pub(super) struct Merged {
    sides: Vec<Side>,
    meta: Meta,
    /// What one side failed with, told when the other one is at its end.
    failure: Option<CaptureError>,
}

struct Side {
    from: Sender,
    tables: Tables,
    /// Nanoseconds from the common zero to that of the table.
    shift: Time,
    next: Option<Record>,
    ended: bool,
}

impl Merged {
    pub(super) fn open(host: Option<Source>, module: Option<Source>) -> Result<Self, CaptureError> {
        let mut sides = Vec::new();
        for (from, source) in [(Sender::Host, host), (Sender::Module, module)] {
            let Some(source) = source else { continue };
            let tables = Tables::open(source, &Options::default())?;
            sides.push(Side { from, tables, shift: Time::ZERO, next: None, ended: false });
        }
        let mut meta = Meta::new(Format::Saleae);
        let zero = sides.iter().filter_map(|side| side.tables.zero).min().unwrap_or_default();
        for side in &mut sides {
            let shift = side.tables.zero.map_or(0, |own| own - zero);
            side.shift = Time::from_nanos(u64::try_from(shift).unwrap_or(u64::MAX));
            meta.ordered &= side.tables.meta.ordered;
            if side.tables.zero == Some(zero) {
                meta.epoch = side.tables.meta.epoch;
            }
            if side.tables.channels.len() > 1 {
                meta.note(format!(
                    "{}: all of its analyzers are taken for the {}",
                    side.tables.source.file(),
                    side.from
                ));
            }
        }
        Ok(Self { sides, meta, failure: None })
    }
}

impl Pull for Merged {
    fn pull(&mut self, out: &mut Record) -> Result<bool, CaptureError> {
        for side in &mut self.sides {
            if side.next.is_some() || side.ended {
                continue;
            }
            let mut record = Record::new();
            match side.tables.pull(&mut record) {
                Ok(true) => {
                    (record.session, record.from) = (0, side.from);
                    record.time = record.time.map(|time| time.plus(side.shift));
                    side.next = Some(record);
                }
                Ok(false) => side.ended = true,
                Err(error) => {
                    self.failure.get_or_insert(error);
                    side.ended = true;
                }
            }
            self.meta.ordered &= side.tables.meta.ordered;
        }
        let time = |side: &Side| side.next.as_ref().map(|record| record.time);
        let first = self.sides.iter_mut().filter(|side| side.next.is_some()).min_by_key(|side| time(side));
        match first.and_then(|side| side.next.take()) {
            Some(record) => {
                *out = record;
                Ok(true)
            }
            None => self.failure.take().map_or(Ok(false), Err),
        }
    }

    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn offset(&self) -> u64 {
        self.sides.first().map_or(0, |side| side.tables.offset())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_radix_is_read() {
        use Value::{Byte, Decimal, Digit, Glyph};
        for (cell, expected) in [
            ("0x41", Byte(0x41)),
            ("0x0D", Byte(13)),
            ("65", Decimal(65)),
            ("5", Digit(5)),
            ("013", Decimal(13)),
            ("0b01000001", Byte(0x41)),
            ("0b  0100 0001", Byte(0x41)),
            ("A", Glyph(b'A')),
            (" ", Glyph(b' ')),
            ("' '", Glyph(b' ')),
            ("'13'", Glyph(13)),
            ("'A'", Glyph(b'A')),
            ("'\\r'", Glyph(13)),
            ("\\r", Glyph(13)),
            ("\\n", Glyph(10)),
            ("\\\\", Glyph(b'\\')),
            ("\\", Glyph(b'\\')),
            ("\\x1b", Glyph(27)),
            ("COMMA", Glyph(b',')),
            (",", Glyph(b',')),
            ("\"", Glyph(b'"')),
            ("'", Glyph(b'\'')),
            ("[CR]", Glyph(13)),
            ("<LF>", Glyph(10)),
            ("NUL", Glyph(0)),
            ("A (0x41)", Byte(0x41)),
            ("'13' (0x0D)", Byte(13)),
            ("( (0x28)", Byte(0x28)),
            ("\u{E9}", Glyph(0xE9)),
        ] {
            assert_eq!(value(cell), Some(expected), "{cell}");
        }
        for cell in ["", "256", "0x100", "0b", "0x", "hello", "\\q", "''", "\u{20AC}"] {
            assert_eq!(value(cell), None, "{cell}");
        }
    }

    #[test]
    fn rows_are_split() {
        assert_eq!(
            split("\"Async, Serial\",\"data\",0.1,2e-05,\"\"\"\",\"\""),
            ["Async, Serial", "data", "0.1", "2e-05", "\"", ""]
        );
        assert_eq!(split("a,\",\",b"), ["a", ",", "b"]);
        assert_eq!(split("a,\"\"\""), ["a", "\""]);
        assert_eq!(split("a,\",b"), ["a", "\"", "b"]);
    }

    #[test]
    fn times_are_read() {
        assert_eq!(moment("0.5"), Some((500_000_000, false)));
        assert_eq!(moment("-1.25e-3"), Some((-1_250_000, false)));
        assert_eq!(moment("1970-01-02T00:00:01.5Z"), Some((86_401_500_000_000, true)));
        assert_eq!(moment("2024-02-29T12:00:00+01:00"), Some((1_709_204_400_000_000_000, true)));
        for bad in ["", "x", "2024-13-01T00:00:00Z", "2024-01-01T", "1e99"] {
            assert_eq!(moment(bad), None, "{bad}");
        }
    }
}
