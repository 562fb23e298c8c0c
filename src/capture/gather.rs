//! Chunks put together to packets that make sense by themselves.

use super::packets::Part;
use super::{Chunk, Fault, MAX_CHUNK};
use crate::{Sender, Time};

/// A run of one sender's chunks that becomes one packet.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) session: u32,
    pub(super) from: Sender,
    pub(super) bytes: Vec<u8>,
    pub(super) faults: Vec<Fault>,
    pub(super) parts: Vec<Part>,
}

impl Line {
    /// The time of the first chunk that has one.
    pub(super) fn time(&self) -> Option<Time> {
        self.parts.iter().find_map(|part| part.time)
    }

    /// Whether it ends where a line or prompt does.
    fn is_complete(&self) -> bool {
        match (self.from, self.bytes.last()) {
            (Sender::Host, last) => matches!(last, Some(b'\r' | b'\n' | 0x1A)),
            (Sender::Module, Some(b'\n')) => true,
            (Sender::Module, _) => [&b"\n>"[..], b"\n> "].iter().any(|end| self.bytes.ends_with(end)),
        }
    }
}

/// Puts the chunks of a line together: Wireshark's dissector looks at a packet at a time, and a line that came in
/// pieces would make no sense to it.
///
/// Only neighbours of the same sender are joined, so order is kept; never more than [`Gather::LONGEST`] bytes, never
/// over a silence of a second.
#[derive(Debug, Default)]
pub(super) struct Gather {
    line: Option<Line>,
    /// Buffers to use again.
    spare: Option<Line>,
}

impl Gather {
    const LONGEST: usize = 4096;
    const MOST_PARTS: usize = 512;
    const SILENCE: Time = Time::from_millis(1000);

    /// The chunk in pieces that fit a packet.
    pub(super) fn pieces<'a>(chunk: &Chunk<'a>) -> impl Iterator<Item = Chunk<'a>> {
        let chunk = *chunk;
        let count = chunk.bytes.len().div_ceil(MAX_CHUNK).max(1);
        let mut start = 0;
        (0..count).map(move |_| {
            if count == 1 {
                return chunk;
            }
            let end = chunk.bytes.len().min(start + MAX_CHUNK);
            let bytes = chunk.bytes.get(start..end).unwrap_or_default();
            // Only chunks that no reader gives are cut here.
            let faults = if start == 0 { chunk.faults } else { &[] };
            start = end;
            Chunk { bytes, faults, ..chunk }
        })
    }

    /// Whether this chunk belongs to the line that is gathered; else take that one out first.
    pub(super) fn takes(&self, chunk: &Chunk<'_>) -> bool {
        let Some(line) = &self.line else { return true };
        let silence = match (line.parts.last().and_then(|part| part.time), chunk.time) {
            (Some(last), Some(next)) => next.since(last) >= Self::SILENCE,
            _ => false,
        };
        line.from == chunk.from
            && line.session == chunk.session
            && line.bytes.len() + chunk.bytes.len() <= Self::LONGEST
            && line.parts.len() < Self::MOST_PARTS
            && !silence
            && !line.is_complete()
    }

    pub(super) fn add(&mut self, chunk: &Chunk<'_>) {
        let line = self.line.get_or_insert_with(|| {
            let mut line = self.spare.take().unwrap_or(Line {
                session: 0,
                from: chunk.from,
                bytes: Vec::new(),
                faults: Vec::new(),
                parts: Vec::new(),
            });
            (line.session, line.from) = (chunk.session, chunk.from);
            line
        });
        let start = line.bytes.len();
        line.faults.extend(chunk.faults.iter().map(|fault| Fault { at: start + fault.at, kind: fault.kind }));
        line.bytes.extend_from_slice(chunk.bytes);
        line.parts.push(Part { length: chunk.bytes.len(), time: chunk.time });
    }

    /// The line that was gathered.
    pub(super) fn take(&mut self) -> Option<Line> {
        self.line.take()
    }

    /// Gives a line's buffers back.
    pub(super) fn reuse(&mut self, mut line: Line) {
        line.bytes.clear();
        line.faults.clear();
        line.parts.clear();
        self.spare = Some(line);
    }
}
