//! Tables that Saleae's Logic exports: one row a byte, from one analyzer or several.
//!
//! Logic 2 (`name,type,start_time,duration,data,error`, in any order, with further columns), Logic 1 (`Time [s],Value,…`
//! and `Time [s],Analyzer Name,Decoded Protocol Result`). Values in every radix that Logic shows: hexadecimal, decimal,
//! binary, ASCII with names for what has no glyph, ASCII and hexadecimal. An analyzer records one line; which is whose
//! is told by content. Bytes without a pause between them, up to a line end, make one chunk.
//!
//! Trap: Logic 1 quotes nothing, so a row may be `0.1,",,` or `0.1,,,,`; a reader of CSV that follows the rules loses
//! rows on it. And `5` is a character in an ASCII table, a number in a decimal one: other rows tell which.

mod cell;
mod merged;

use std::borrow::Cow;
use std::collections::VecDeque;

use self::cell::{Value, quoted, value};
pub(super) use self::cell::{moment, split};
pub(super) use self::merged::Merged;
use super::source::Source;
use super::transcript::BOM;
use super::{CaptureError, Fault, FaultKind, Format, Meta, Options, Pull, Record};
use crate::direction::{self, Evidence, Role};
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
