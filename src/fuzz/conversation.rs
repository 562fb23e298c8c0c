//! A conversation as the fuzz bodies take it: chunks of both senders with times, a catalog and options.
//!
//! As bytes it is what a fuzzer mutates well: no lengths, so that a byte put in moves nothing but what stands behind it.

use std::fmt;
use std::io::Cursor;
use std::sync::Arc;

use super::CATALOGS;
use crate::capture::{self, CaptureError, Format};
use crate::catalog::Catalog;
use crate::escape::escape;
use crate::session::Options;
use crate::{Sender, Time};

/// Stands ahead of a byte of the traffic that is one of these marks.
const LITERAL: u8 = 0xFF;
/// The host speaks from here on; a new chunk.
const HOST: u8 = 0xFE;
/// The module speaks from here on; a new chunk.
const MODULE: u8 = 0xFD;
/// The next byte is a step of time: so many milliseconds, or seconds if its highest bit is set. A new chunk.
const STEP: u8 = 0xFC;

/// Bytes of one sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Who sent them.
    pub from: Sender,
    /// When; `None` where nobody knows.
    pub time: Option<Time>,
    /// What was sent.
    pub bytes: Vec<u8>,
}

/// A session to be decoded. Shown as a transcript: what breaks a law can be kept as it is printed.
#[derive(Clone)]
pub struct Conversation {
    /// What it is decoded by.
    pub catalog: Arc<Catalog>,
    /// What is known ahead.
    pub options: Options,
    /// What was said.
    pub chunks: Vec<Chunk>,
}

impl Conversation {
    /// Reads a fuzzer's input: a byte for the dialect, one for the options, one for the cut, then traffic and marks.
    /// Any input is a conversation. Gives it with the size of the chunks that it shall be cut into.
    ///
    /// The dialect's bit 7: nobody knows the order of host's against module's bytes; bit 6: the host shows in echoes alone. Options: bit 0 the session starts at
    /// reset, bit 1 it has times, the bits above choose the model.
    pub fn from_bytes(data: &[u8]) -> (Self, usize) {
        let (&[dialect, options, cut], talk) = data.split_first_chunk().unwrap_or((&[0, 0, 0], &[]));
        let at = usize::from(dialect & 0x3F) % CATALOGS.len().max(1);
        let catalog = Arc::clone(CATALOGS.get(at).expect("there are built-in catalogs"));
        let model = match usize::from(options >> 2) {
            0 => None,
            number => {
                catalog.models.get((number - 1) % catalog.models.len().max(1)).map(|model| model.name.to_string())
            }
        };
        let known =
            Options { model, from_boot: options & 1 != 0, unordered: dialect & 0x80 != 0, echoes: dialect & 0x40 != 0 };
        (Self { catalog, options: known, chunks: chunks(talk, options & 2 != 0) }, 2 + usize::from(cut))
    }

    /// The same, for a fuzzer's input: the built-in dialects and whole milliseconds alone can be written.
    pub fn to_bytes(&self, cut: u8) -> Vec<u8> {
        let names = CATALOGS.iter().position(|catalog| catalog.name == self.catalog.name);
        let model = self.options.model.as_deref().and_then(|name| self.catalog.model(name)).map_or(0, |at| at + 1);
        let timed = self.chunks.iter().any(|chunk| chunk.time.is_some());
        let options = u8::from(self.options.from_boot) | u8::from(timed) << 1 | (model.min(63) as u8) << 2;
        let dialect = names.unwrap_or_default() as u8
            | u8::from(self.options.unordered) << 7
            | u8::from(self.options.echoes) << 6;
        let mut out = vec![dialect, options, cut];
        let (mut from, mut now) = (Sender::Host, 0);
        for (at, chunk) in self.chunks.iter().enumerate() {
            let step = chunk.time.map_or(0, |time| time.as_nanos() / 1_000_000).saturating_sub(now);
            now += step;
            for _ in 0..(step / 1000).min(1000) {
                out.extend([STEP, 0x81]);
            }
            let mut rest = step % 1000;
            while rest > 0 {
                let part = rest.min(0x7F);
                out.extend([STEP, part as u8]);
                rest -= part;
            }
            if chunk.from != from || (step == 0 && at > 0) {
                out.push(if chunk.from == Sender::Host { HOST } else { MODULE });
                from = chunk.from;
            }
            for &byte in &chunk.bytes {
                if byte >= STEP {
                    out.push(LITERAL);
                }
                out.push(byte);
            }
        }
        out
    }

    /// A conversation for a catalog: traffic and marks alone, no times.
    pub fn with_catalog(catalog: Arc<Catalog>, talk: &[u8]) -> Self {
        Self { catalog, options: Options::default(), chunks: chunks(talk, false) }
    }

    /// A conversation out of a catalog's own commands and lines, taken by their notation.
    pub fn of_catalog(catalog: Arc<Catalog>) -> Self {
        const MOST: usize = 24;
        let mut chunks = Vec::new();
        let mut say = |from, text: String| chunks.push(Chunk { from, time: None, bytes: text.into_bytes() });
        for command in catalog.commands.iter().take(MOST) {
            for end in ["", "?", "=?", "=1", "=1,\"a\",5"] {
                say(Sender::Host, format!("AT{}{end}\r\n", command.name));
                say(Sender::Module, format!("\r\n{}: 1,\"a\",5\r\n\r\nOK\r\n>", command.name));
                say(Sender::Host, "hello\x1A".to_owned());
            }
        }
        for line in catalog.lines.iter().take(MOST) {
            say(Sender::Module, format!("{}\r\n", line.text));
            say(Sender::Module, format!("\r\n{}:1,2,3:abc\r\n1,{}\r\n", line.name, line.name));
        }
        Self { catalog, options: Options::default(), chunks }
    }

    /// Reads a transcript; its headers choose dialect (`generic` where it names none that is built in), model and start.
    ///
    /// # Errors
    /// What is wrong with the transcript.
    pub fn from_transcript(name: &str, text: &[u8]) -> Result<Self, CaptureError> {
        let options = capture::Options { format: Some(Format::Transcript), ..capture::Options::default() };
        let mut reader = capture::open(name, Box::new(Cursor::new(text.to_vec())), &options)?;
        let mut chunks = Vec::new();
        while let Some(chunk) = reader.next_chunk()? {
            chunks.push(Chunk { from: chunk.from, time: chunk.time, bytes: chunk.bytes.to_vec() });
        }
        let meta = reader.meta();
        let dialect = meta.header("dialect").unwrap_or("generic");
        let catalog = CATALOGS.iter().find(|catalog| &*catalog.name == dialect).or_else(|| CATALOGS.first());
        let options = Options {
            model: meta.header("model").map(str::to_owned),
            from_boot: meta.header("start") == Some("boot"),
            unordered: !meta.ordered,
            echoes: meta.echoes,
        };
        Ok(Self { catalog: Arc::clone(catalog.expect("there are built-in catalogs")), options, chunks })
    }

    /// The chunks with what one sender said at one time joined: the least cut form of the same conversation.
    pub(super) fn joined(&self) -> Vec<Chunk> {
        let mut joined: Vec<Chunk> = Vec::new();
        for chunk in self.chunks.iter().filter(|chunk| !chunk.bytes.is_empty()) {
            match joined.last_mut().filter(|last| last.from == chunk.from && last.time == chunk.time) {
                Some(last) => last.bytes.extend_from_slice(&chunk.bytes),
                None => joined.push(chunk.clone()),
            }
        }
        joined
    }
}

impl fmt::Debug for Conversation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n# dialect: {}", self.catalog.name)?;
        if let Some(model) = &self.options.model {
            writeln!(f, "# model: {model}")?;
        }
        if self.options.from_boot {
            writeln!(f, "# start: boot")?;
        }
        if self.options.unordered {
            writeln!(f, "# the order of host's against module's bytes is not known")?;
        }
        for chunk in &self.chunks {
            if let Some(time) = chunk.time {
                write!(f, "@{time:.9} ")?;
            }
            let arrow = if chunk.from == Sender::Host { '>' } else { '<' };
            writeln!(f, "{arrow} {}", escape(&chunk.bytes))?;
        }
        Ok(())
    }
}

/// Takes traffic and marks apart.
fn chunks(talk: &[u8], timed: bool) -> Vec<Chunk> {
    let mut chunks = Vec::new();
    let mut now = timed.then_some(Time::ZERO);
    let mut chunk = Chunk { from: Sender::Host, time: now, bytes: Vec::new() };
    let mut bytes = talk.iter().copied();
    while let Some(byte) = bytes.next() {
        let from = match byte {
            LITERAL => {
                chunk.bytes.extend(bytes.next());
                continue;
            }
            HOST => Sender::Host,
            MODULE => Sender::Module,
            STEP => {
                let step = bytes.next().unwrap_or_default();
                let millis = if step < 0x80 { u64::from(step) } else { u64::from(step & 0x7F) * 1000 };
                now = now.map(|now| now.plus(Time::from_millis(millis)));
                chunk.from
            }
            byte => {
                chunk.bytes.push(byte);
                continue;
            }
        };
        let next = Chunk { from, time: now, bytes: Vec::new() };
        chunks.push(std::mem::replace(&mut chunk, next));
    }
    chunks.push(chunk);
    chunks.retain(|chunk| !chunk.bytes.is_empty());
    chunks
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_transcript_survives_as_a_fuzzers_input() {
        let text =
            b"# dialect: esp-at\n# model: esp32\n# start: boot\n@0 > AT\\r\\n\n@0.013 < \\xFF\\xFC\\r\n@0.013 < \\n\n\
            @400.2 > \\xFE\\xFDAT\n";
        let conversation = Conversation::from_transcript("a.at", text).unwrap();
        let (back, cut) = Conversation::from_bytes(&conversation.to_bytes(5));
        assert_eq!((back.chunks, cut), (conversation.chunks, 7));
        assert_eq!(back.catalog.name, conversation.catalog.name);
        assert!(back.options.from_boot && conversation.options.from_boot);
        assert_eq!(back.options.model.as_deref(), Some("esp32"));
    }
}
