//! Transcripts, `.at`: the text format in which people write, read and review a session.
//!
//! One record is one line is one chunk; a record longer than [`MAX_CHUNK`](super::MAX_CHUNK) escaped bytes comes in
//! pieces. Line ends of the file may be LF or CR LF, a byte order mark is skipped. Headers end at the first record.
//! What is wrong is told by line and column; a last line that is merely cut off is damage.

use super::source::{Source, seconds};
use super::write::put;
use super::{CaptureError, Chunk, Format, MAX_CHUNK, Meta, Output, Pull, Record, Writer};
use crate::escape::{escape_into, unescape};
use crate::{Sender, Time};

/// The longest `@SECONDS ` that is read.
const LONGEST_HEAD: usize = 96;
/// Bytes of headers that are kept; what is beyond is read as comments.
const MOST_HEADERS: usize = 64 * 1024;

/// A file's byte order mark.
pub(super) const BOM: &[u8] = b"\xEF\xBB\xBF";

pub(super) struct Transcript {
    source: Source,
    meta: Meta,
    /// The line that is next to be read, from 1.
    line: u64,
    /// The rest of a record: its head, and the characters of its line that were read.
    inside: Option<(Head, u64)>,
    /// What is told behind the bytes that came before it.
    failure: Option<CaptureError>,
}

/// What stands ahead of a record's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    from: Sender,
    time: Option<Time>,
    /// Bytes up to and including the blank behind the direction.
    len: usize,
}

/// Where a head breaks the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BadHead {
    /// Offset in the line, from 0; the line's length where it ends too early.
    at: usize,
    expected: &'static str,
}

/// Reads `@SECONDS > ` and the like at the start of a line.
pub(super) fn head(line: &[u8]) -> Result<Head, BadHead> {
    let mut at = 0;
    let mut time = None;
    if line.first() == Some(&b'@') {
        let digits = line.iter().skip(1).take_while(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'-'));
        let end = 1 + digits.count();
        let found = line.get(1..end).and_then(seconds);
        // A number that the end of the line cuts off is found out by what follows it.
        match found {
            Some(found) => time = Some(found),
            None if end == line.len() => {
                return Err(BadHead { at: end, expected: "decimal seconds behind `@`" });
            }
            None => {
                return Err(BadHead { at: 1, expected: "decimal seconds behind `@`, such as `@0.012500 `" });
            }
        }
        if line.get(end) != Some(&b' ') {
            return Err(BadHead { at: end, expected: "a blank behind the time" });
        }
        at = end + 1;
    }
    let from = match line.get(at) {
        Some(b'>') => Sender::Host,
        Some(b'<') => Sender::Module,
        _ if time.is_some() => {
            return Err(BadHead { at, expected: "`>` or `<` behind the time" });
        }
        _ => {
            return Err(BadHead { at, expected: "`#`, `@SECONDS `, `> ` or `< ` at the start of the line" });
        }
    };
    match line.get(at + 1) {
        Some(b' ') => Ok(Head { from, time, len: at + 2 }),
        _ => Err(BadHead { at: at + 1, expected: "a blank behind the direction" }),
    }
}

/// Characters of a text that need not be valid UTF-8.
fn characters(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|&&byte| byte & 0xC0 != 0x80).count() as u64
}

impl Transcript {
    pub(super) fn open(mut source: Source) -> Result<Self, CaptureError> {
        if source.fill(BOM.len())?.starts_with(BOM) {
            source.consume(BOM.len());
        }
        let meta = Meta::new(Format::Transcript);
        let mut this = Self { source, meta, line: 1, inside: None, failure: None };
        this.headers()?;
        Ok(this)
    }

    /// Reads the comments ahead of the first record.
    fn headers(&mut self) -> Result<(), CaptureError> {
        let mut room = MOST_HEADERS;
        while self.source.fill(1)?.first() == Some(&b'#') {
            let mut text = Vec::new();
            self.comment(&mut text, room)?;
            let text = String::from_utf8_lossy(&text);
            let Some((key, value)) = text.split_once(':') else {
                continue;
            };
            let (key, value) = (key.trim(), value.trim());
            if key.is_empty() || key.contains(char::is_whitespace) {
                continue;
            }
            room = room.saturating_sub(key.len() + value.len() + 2);
            match (key, Time::parse_secs(value)) {
                _ if room == 0 => self.meta.note("more than 64 KiB of headers: the rest of them are taken as comments"),
                ("epoch", Some(epoch)) => self.meta.epoch = Some(epoch),
                _ => self.meta.headers.push((key.to_owned(), value.to_owned())),
            }
        }
        Ok(())
    }

    /// Passes over a line that starts with `#`; up to `room` bytes of it, without the `#`, go to `text`.
    fn comment(&mut self, text: &mut Vec<u8>, room: usize) -> Result<(), CaptureError> {
        self.source.consume(1);
        loop {
            let available = self.source.fill(1)?;
            let end = memchr::memchr(b'\n', available);
            let part = available.get(..end.unwrap_or(available.len())).unwrap_or_default();
            let kept = part.len().min(room.saturating_sub(text.len()));
            text.extend_from_slice(part.get(..kept).unwrap_or_default());
            let done = end.is_some() || available.is_empty();
            let count = part.len() + usize::from(end.is_some());
            self.source.consume(count);
            if done {
                self.line += 1;
                return Ok(());
            }
        }
    }

    fn wrong(&self, column: u64, expected: &'static str) -> CaptureError {
        CaptureError::Transcript { file: self.source.file().to_owned(), line: self.line, column, expected }
    }

    /// Reads a record's head, and appends it to `text`; `None` at the end of the file.
    fn next_head(&mut self, text: &mut Vec<u8>) -> Result<Option<(Head, u64)>, CaptureError> {
        let mut unused = Vec::new();
        while self.source.fill(1)?.first() == Some(&b'#') {
            self.comment(&mut unused, 0)?;
        }
        // As much as a head needs, or the line if that is shorter: a pipe must not wait for the next line.
        let mut searched = 0;
        loop {
            let available = self.source.available();
            let end = memchr::memchr(b'\n', available.get(searched..).unwrap_or_default()).map(|at| searched + at);
            searched = available.len();
            if end.is_some() || searched >= LONGEST_HEAD || self.source.ended() {
                break;
            }
            self.source.grow()?;
        }
        let available = self.source.available();
        if available.is_empty() {
            self.source.check()?;
            return Ok(None);
        }
        // No more of it: what happens to be read already must not count.
        let line = available.get(..available.len().min(LONGEST_HEAD)).unwrap_or_default();
        let end = memchr::memchr(b'\n', line);
        let line = line.get(..end.unwrap_or(line.len())).unwrap_or_default();
        match head(line) {
            Ok(head) => {
                text.extend_from_slice(line.get(..head.len).unwrap_or_default());
                self.source.consume(head.len);
                Ok(Some((head, head.len as u64)))
            }
            Err(bad) if end.is_none() && line.len() < LONGEST_HEAD && bad.at == line.len() => {
                let offset = self.source.offset();
                Err(self.source.damaged_at(offset, format!("the last record is cut off: expected {}", bad.expected)))
            }
            Err(bad) => Err(self.wrong(bad.at as u64 + 1, bad.expected)),
        }
    }
}

impl Pull for Transcript {
    fn pull(&mut self, out: &mut Record) -> Result<bool, CaptureError> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        let (head, column) = match self.inside.take() {
            Some(inside) => inside,
            None => match self.next_head(&mut out.text)? {
                Some(inside) => inside,
                None => return Ok(false),
            },
        };
        (out.from, out.time) = (head.from, head.time);
        let ahead = out.text.len();
        out.place = Some((self.line, if ahead > 0 { 1 } else { column + 1 }, ahead));

        let mut searched = 0;
        let end = loop {
            let available = self.source.available();
            let within = available.get(searched..available.len().min(MAX_CHUNK)).unwrap_or_default();
            if let Some(at) = memchr::memchr(b'\n', within) {
                break Some(searched + at);
            }
            searched = available.len();
            if searched >= MAX_CHUNK || self.source.ended() {
                break None;
            }
            self.source.grow()?;
        };
        let available = self.source.available();
        let last = end.is_none() && self.source.ended() && available.len() <= MAX_CHUNK;
        let text = available.get(..end.unwrap_or(available.len().min(MAX_CHUNK))).unwrap_or_default();
        let cut = end.is_none() && !last;
        // A piece ends neither in an escape nor ahead of a LF that makes its CR a line end.
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        let mut used = text.len();
        out.text.extend_from_slice(text);
        if let Err(bad) = unescape(text, &mut out.bytes) {
            let rest = text.get(bad.at..).unwrap_or_default();
            let open = matches!(rest, [b'\\'] | [b'\\', b'x'])
                || matches!(rest, [b'\\', b'x', digit] if digit.is_ascii_hexdigit());
            if !open || end.is_some() {
                let before = characters(text.get(..bad.at).unwrap_or_default());
                return Err(self.wrong(column + before + 1, r#"one of \r \n \t \0 \\ \" \xHH"#));
            }
            used = bad.at;
            if last {
                let offset = self.source.offset() + bad.at as u64;
                let failure = self.source.damaged_at(offset, "the last record is cut off in an escape");
                self.failure = Some(failure);
            }
        }
        if cut {
            let read = characters(self.source.available().get(..used).unwrap_or_default());
            self.source.consume(used);
            self.inside = Some((head, column + read));
        } else {
            let length = end.map_or(self.source.available().len(), |at| at + 1);
            self.source.consume(length);
            self.line += 1;
        }
        if last && self.failure.is_none() {
            // An input that failed here did not end here.
            self.failure = self.source.check().err();
        }
        Ok(true)
    }

    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn offset(&self) -> u64 {
        self.source.offset()
    }
}

/// Writes transcripts: one chunk is one record.
///
/// Times have six decimals, nine where the clock is finer. A trailing blank is written as `\x20`, which editors leave
/// alone. Line errors become comments. A transcript holds one session.
pub struct TranscriptWriter {
    out: Output,
    line: Vec<u8>,
}

impl TranscriptWriter {
    /// A writer to `out`, which should be buffered.
    pub fn new(out: Output) -> Self {
        Self { out, line: Vec::new() }
    }
}

impl Writer for TranscriptWriter {
    fn start(&mut self, meta: &Meta) -> Result<(), CaptureError> {
        self.line.clear();
        let epoch = meta.epoch.map(|epoch| ("epoch", epoch.to_string()));
        let epoch = epoch.iter().map(|(key, value)| (*key, value.as_str()));
        for (key, value) in meta.headers.iter().map(|(key, value)| (key.as_str(), value.as_str())).chain(epoch) {
            let text = format!("# {key}: {value}");
            self.line.extend(text.bytes().map(|byte| if byte < b' ' { b' ' } else { byte }));
            self.line.push(b'\n');
        }
        put(&mut self.out, &self.line)
    }

    fn chunk(&mut self, chunk: &Chunk<'_>) -> Result<(), CaptureError> {
        if chunk.session != 0 {
            let what = "a transcript holds one conversation; choose one with --select, or write pcapng";
            return Err(CaptureError::Unwritable { format: Format::Transcript, what });
        }
        self.line.clear();
        for fault in chunk.faults {
            let text = format!("# {} error at byte {} of the next record\n", fault.kind.as_str(), fault.at);
            self.line.extend_from_slice(text.as_bytes());
        }
        if let Some(time) = chunk.time {
            let decimals = if time.as_nanos() % 1000 == 0 { 6 } else { 9 };
            self.line.extend_from_slice(format!("@{time:.decimals$} ").as_bytes());
        }
        self.line.extend_from_slice(match chunk.from {
            Sender::Host => b"> ",
            Sender::Module => b"< ",
        });
        escape_into(chunk.bytes, &mut self.line);
        if chunk.bytes.last() == Some(&b' ') {
            self.line.pop();
            self.line.extend_from_slice(b"\\x20");
        }
        self.line.push(b'\n');
        put(&mut self.out, &self.line)
    }

    fn finish(&mut self) -> Result<(), CaptureError> {
        self.out.flush().map_err(CaptureError::Write)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_read_to_the_letter() {
        let of = |from, time, len| Ok(Head { from, time, len });
        assert_eq!(head(b"> AT"), of(Sender::Host, None, 2));
        assert_eq!(head(b"@0.012500 < \\r"), of(Sender::Module, Some(Time::from_nanos(12_500_000)), 12));
        for (line, at) in [
            (&b""[..], 0),
            (b"hello", 0),
            (b" > AT", 0),
            (b">AT", 1),
            (b"@", 1),
            (b"@x > AT", 1),
            (b"@-1 > AT", 1),
            (b"@0.5> AT", 4),
            (b"@0.5 AT", 5),
            (b"@0.5  > AT", 5),
            (b"@0.5 >AT", 6),
        ] {
            assert_eq!(head(line).expect_err("it breaks the format").at, at, "{}", line.escape_ascii());
        }
    }
}
