//! The two forms of an input, as bytes that a fuzzer mutates well.
//!
//! A *stream* is what the module sent, byte for byte. A *conversation* also has directions, the borders of chunks, and times:
//! traffic with marks in between. No mark has a length, so that a byte put in moves nothing but what stands behind it; a
//! stream without bytes above `0xF9` is a conversation as it is, in which the module alone speaks.
//!
//! | byte | meaning |
//! |---|---|
//! | `0xFF` x | the byte x of the traffic, whatever it is |
//! | `0xFE` | a new chunk, of the host |
//! | `0xFD` | a new chunk, of the module |
//! | `0xFC` x | a new chunk, later: the two highest bits of x are the unit (1 ms, 1 s, 1 µs, 1 ns), the others a digit; marks of one unit behind one another are digits of one number to the base 64 |
//! | `0xFB` | a header of the transcript, `key: value`, up to the next mark; anything else there is passed over |
//! | `0xFA` | a new chunk, of unknown time: the clock starts again at 0 with the next `0xFC` |
//!
//! Any bytes are a conversation, and each has one shortest form: [`Conversation::to_bytes`]. Laws:
//! `from_bytes(to_bytes(c)) == c` and `from_transcript(to_transcript(c)) == c` for all that was read from either form.

use crate::escape::escape_into;
use crate::{Sender, Time};

/// The next byte is one of the traffic.
pub const LITERAL: u8 = 0xFF;
/// The host speaks.
pub const HOST: u8 = 0xFE;
/// The module speaks.
pub const MODULE: u8 = 0xFD;
/// The next byte is a step of time.
pub const STEP: u8 = 0xFC;
/// A header.
pub const HEADER: u8 = 0xFB;
/// The clock starts again.
pub const CLOCK: u8 = 0xFA;

/// Nanoseconds of a step's unit, by the two highest bits of the byte behind [`STEP`].
const UNITS: [u64; 4] = [1_000_000, 1_000_000_000, 1_000, 1];

/// Whether a byte of the traffic needs [`LITERAL`] ahead of it.
pub(crate) const fn is_mark(byte: u8) -> bool {
    byte >= CLOCK
}

/// What an input is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum InputForm {
    /// What the module sent: bytes alone.
    #[default]
    Stream,
    /// Both sides, with chunks and times: see the [module](self).
    Conversation,
}

impl std::str::FromStr for InputForm {
    type Err = String;

    /// Reads `stream` or `conversation`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "stream" => Ok(Self::Stream),
            "conversation" => Ok(Self::Conversation),
            _ => Err(format!("unknown form `{text}`: stream or conversation")),
        }
    }
}

/// Bytes that one side sent in one go.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Chunk {
    /// Who sent them.
    pub from: Sender,
    /// When; `None` where nobody knows.
    pub time: Option<Time>,
    /// The bytes; never empty.
    pub bytes: Vec<u8>,
}

/// A session: what stands in a transcript.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Conversation {
    /// Headers, in order: `dialect`, `model`, `start` and any other.
    pub headers: Vec<(String, String)>,
    /// What was said.
    pub chunks: Vec<Chunk>,
}

/// One piece of an input in its bytes: traffic or a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// A byte of the traffic.
    Byte(u8),
    Turn(Sender),
    /// A digit of a step: its unit, and its value.
    Step(u8, u8),
    Header,
    Clock,
}

/// Takes the first unit of an input; gives it with its length in bytes. A mark that the end cuts off counts as whole.
pub(crate) fn unit(bytes: &[u8]) -> Option<(Unit, usize)> {
    let (&first, rest) = bytes.split_first()?;
    let second = rest.first().copied();
    Some(match first {
        LITERAL => match second {
            Some(byte) => (Unit::Byte(byte), 2),
            // Nothing stands behind it: it stands for itself.
            None => (Unit::Byte(LITERAL), 1),
        },
        HOST => (Unit::Turn(Sender::Host), 1),
        MODULE => (Unit::Turn(Sender::Module), 1),
        STEP => {
            let byte = second.unwrap_or_default();
            (Unit::Step(byte >> 6, byte & 63), 1 + usize::from(second.is_some()))
        }
        HEADER => (Unit::Header, 1),
        CLOCK => (Unit::Clock, 1),
        byte => (Unit::Byte(byte), 1),
    })
}

/// Reads the units of an input one after another, and keeps sender and time.
struct Reader {
    out: Conversation,
    from: Sender,
    time: Option<Time>,
    /// Unit, value so far: of the step in work.
    step: Option<(u8, u64)>,
    bytes: Vec<u8>,
    header: Option<Vec<u8>>,
}

impl Reader {
    fn flush(&mut self) {
        if let Some(text) = self.header.take() {
            self.out.headers.extend(header(&text));
        }
        if !self.bytes.is_empty() {
            let chunk = Chunk { from: self.from, time: self.time, bytes: std::mem::take(&mut self.bytes) };
            self.out.chunks.push(chunk);
        }
    }

    fn settle(&mut self) {
        if let Some((unit, value)) = self.step.take() {
            let nanos = UNITS.get(usize::from(unit)).copied().unwrap_or(1).saturating_mul(value);
            self.time = Some(self.time.unwrap_or(Time::ZERO).plus(Time::from_nanos(nanos)));
        }
    }

    fn take(&mut self, unit: Unit) {
        if let Unit::Step(unit, digit) = unit {
            self.flush();
            match &mut self.step {
                Some((open, value)) if *open == unit => {
                    *value = value.saturating_mul(64).saturating_add(u64::from(digit));
                }
                _ => {
                    self.settle();
                    self.step = Some((unit, u64::from(digit)));
                }
            }
            return;
        }
        self.settle();
        match unit {
            Unit::Byte(byte) => self.header.as_mut().unwrap_or(&mut self.bytes).push(byte),
            Unit::Turn(from) => {
                self.flush();
                self.from = from;
            }
            Unit::Header => {
                self.flush();
                self.header = Some(Vec::new());
            }
            Unit::Clock => {
                self.flush();
                self.time = None;
            }
            Unit::Step(..) => {}
        }
    }
}

/// `key: value`, as a transcript takes it.
fn header(text: &[u8]) -> Option<(String, String)> {
    let text = std::str::from_utf8(text).ok()?;
    let (key, value) = text.split_once(':')?;
    let (key, value) = (key.trim(), value.trim());
    let odd = |text: &str| text.contains(['\r', '\n']);
    (!key.is_empty() && !key.contains(char::is_whitespace) && !odd(value)).then(|| (key.to_owned(), value.to_owned()))
}

impl Conversation {
    /// A conversation in which the module alone speaks, in one chunk.
    pub fn of_stream(bytes: &[u8]) -> Self {
        let chunk = Chunk { from: Sender::Module, time: None, bytes: bytes.to_vec() };
        Self { headers: Vec::new(), chunks: (!bytes.is_empty()).then_some(chunk).into_iter().collect() }
    }

    /// What the module said, as a stream.
    pub fn to_stream(&self) -> Vec<u8> {
        let module = self.chunks.iter().filter(|chunk| chunk.from == Sender::Module);
        module.flat_map(|chunk| &chunk.bytes).copied().collect()
    }

    /// Reads a fuzzer's input; any bytes are one.
    pub fn from_bytes(mut data: &[u8]) -> Self {
        let mut reader = Reader {
            out: Self::default(),
            from: Sender::Module,
            time: None,
            step: None,
            bytes: Vec::new(),
            header: None,
        };
        while let Some((unit, len)) = unit(data) {
            reader.take(unit);
            data = data.get(len..).unwrap_or_default();
        }
        reader.flush();
        reader.out
    }

    /// The same for a fuzzer.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for (key, value) in &self.headers {
            out.push(HEADER);
            literal(format!("{key}: {value}").as_bytes(), &mut out);
        }
        let (mut from, mut now) = (Sender::Module, None);
        let mut open = !self.headers.is_empty();
        for chunk in &self.chunks {
            let start = out.len();
            match (now, chunk.time) {
                (Some(_), None) => out.push(CLOCK),
                (Some(before), Some(time)) if time < before => {
                    out.push(CLOCK);
                    steps(time.as_nanos(), &mut out);
                }
                (Some(before), Some(time)) if time > before => steps(time.since(before).as_nanos(), &mut out),
                (None, Some(time)) => steps(time.as_nanos(), &mut out),
                _ => {}
            }
            now = chunk.time;
            if chunk.from != from || (open && out.len() == start) {
                out.push(if chunk.from == Sender::Host { HOST } else { MODULE });
                from = chunk.from;
            }
            open = true;
            literal(&chunk.bytes, &mut out);
        }
        out
    }

    /// The same as a transcript (`.at`).
    pub fn to_transcript(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for (key, value) in &self.headers {
            out.extend_from_slice(format!("# {key}: {value}\n").as_bytes());
        }
        for chunk in &self.chunks {
            if let Some(time) = chunk.time {
                out.extend_from_slice(format!("@{time} ").as_bytes());
            }
            out.extend_from_slice(if chunk.from == Sender::Host { b"> " } else { b"< " });
            escape_into(&chunk.bytes, &mut out);
            out.push(b'\n');
        }
        if out.is_empty() {
            // A file of no bytes is no transcript.
            out.extend_from_slice(b"#\n");
        }
        out
    }

    /// Reads a transcript; `name` is what messages call it.
    ///
    /// # Errors
    /// What is wrong with it, by line and column.
    #[cfg(feature = "capture")]
    pub fn from_transcript(name: &str, text: &[u8]) -> Result<Self, crate::capture::CaptureError> {
        use crate::capture::{Format, Options, open};
        // To the reader of recordings a file without a record is damaged; here it is a session in which nobody speaks.
        let mut lines = text.split(|&byte| byte == b'\n');
        if !text.is_empty() && lines.all(|line| line.is_empty() || line.starts_with(b"#")) {
            let lines = text.split(|&byte| byte == b'\n').filter_map(|line| header(line.get(1..)?));
            return Ok(Self { headers: lines.collect(), chunks: Vec::new() });
        }
        let options = Options { format: Some(Format::Transcript), ..Options::default() };
        let mut reader = open(name, Box::new(std::io::Cursor::new(text.to_vec())), &options)?;
        let mut out = Self::default();
        while let Some(chunk) = reader.next_chunk()? {
            if !chunk.bytes.is_empty() {
                out.chunks.push(Chunk { from: chunk.from, time: chunk.time, bytes: chunk.bytes.to_vec() });
            }
        }
        let meta = reader.meta();
        out.headers = meta.headers.clone();
        out.headers.extend(meta.epoch.map(|epoch| ("epoch".to_owned(), epoch.to_string())));
        Ok(out)
    }
}

/// Traffic with [`LITERAL`] where it needs one.
fn literal(bytes: &[u8], out: &mut Vec<u8>) {
    for &byte in bytes {
        if is_mark(byte) {
            out.push(LITERAL);
        }
        out.push(byte);
    }
}

/// A step of time as marks: seconds, milliseconds, microseconds, nanoseconds, as far as there are any.
fn steps(nanos: u64, out: &mut Vec<u8>) {
    let parts =
        [(1, nanos / 1_000_000_000), (0, nanos / 1_000_000 % 1000), (2, nanos / 1000 % 1000), (3, nanos % 1000)];
    for (unit, value) in parts {
        let wanted = value > 0 || (nanos == 0 && unit == 0);
        let digits = if value == 0 { u32::from(wanted) } else { 1 + value.ilog2() / 6 };
        for digit in (0..digits).rev() {
            out.extend([STEP, unit << 6 | (value >> (6 * digit) & 63) as u8]);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn chunk(from: Sender, nanos: Option<u64>, bytes: &[u8]) -> Chunk {
        Chunk { from, time: nanos.map(Time::from_nanos), bytes: bytes.to_vec() }
    }

    #[test]
    fn every_conversation_survives() {
        use Sender::{Host, Module};
        let times =
            [None, Some(0), Some(0), Some(12_500_000), Some(1_000_000_000_123_456_789), Some(5), None, None, Some(7)];
        let chunks = times.iter().enumerate().map(|(at, &time)| {
            let from = if at % 3 == 1 { Host } else { Module };
            chunk(from, time, &[at as u8, 0xFF, 0xFC, b'A', 0xFA])
        });
        let headers = vec![("dialect".to_owned(), "esp-at".to_owned()), ("x-1".to_owned(), String::new())];
        let conversation = Conversation { headers, chunks: chunks.collect() };
        assert_eq!(Conversation::from_bytes(&conversation.to_bytes()), conversation);
        #[cfg(feature = "capture")]
        assert_eq!(Conversation::from_transcript("a.at", &conversation.to_transcript()).unwrap(), conversation);
    }

    #[test]
    fn a_plain_stream_is_a_conversation_of_the_module() {
        let stream = b"\r\n+IPD,0,5:hello\r\n";
        assert_eq!(Conversation::from_bytes(stream), Conversation::of_stream(stream));
        assert_eq!(Conversation::of_stream(stream).to_bytes(), stream);
        assert_eq!(Conversation::of_stream(b"").to_bytes(), b"");
    }

    #[test]
    fn a_time_is_short() {
        let conversation =
            Conversation { headers: vec![], chunks: vec![chunk(Sender::Module, Some(12_500_000), b"x")] };
        assert_eq!(conversation.to_bytes(), [STEP, 12, STEP, 0x80 | 7, STEP, 0x80 | 52, b'x']);
    }
}
