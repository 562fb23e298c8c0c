//! Where bytes of a session stand in the text file that they were read from.
//!
//! Bounded: so many of the last records of each sender, so much text of each. What is forgotten has no place.

use crate::Sender;
use crate::capture::Place;
use crate::check::Finding;
use crate::session::Event;

/// Records of each sender that are remembered.
const RECORDS: usize = 1024;

/// Bytes of a record's text that are remembered.
const TEXT: usize = 1024;

/// Events that are remembered.
const EVENTS: u64 = 1024;

/// The places of a session's last records; empty where the recording is no text file.
#[derive(Clone, Debug, Default)]
pub struct Places {
    host: Lane,
    module: Lane,
    /// By number modulo the length: number, sender, place in the sender's stream, length.
    events: Vec<(u64, Sender, u64, u64)>,
}

/// What is remembered of one sender.
#[derive(Clone, Debug, Default)]
struct Lane {
    /// Bytes so far.
    len: u64,
    records: Vec<Record>,
    /// Where the next record goes to.
    next: usize,
}

/// A record: a line of the file, or a piece of one.
#[derive(Clone, Debug)]
struct Record {
    /// Place of its first byte in the sender's stream.
    offset: u64,
    len: u64,
    line: u64,
    /// Of the text's first character.
    column: u64,
    /// Bytes of text ahead of the escaped ones.
    head: usize,
    text: Vec<u8>,
    whole: bool,
}

/// A line of the file with a part of it.
pub(super) struct Found<'p> {
    pub(super) line: u64,
    pub(super) column: u64,
    /// The line's text, as far as it is remembered.
    pub(super) text: &'p [u8],
    /// Whether this is all of it.
    pub(super) whole: bool,
    /// The part.
    pub(super) marked: std::ops::Range<usize>,
}

/// A part of a line of the file; line and columns count from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Region {
    pub(super) line: u64,
    pub(super) column: u64,
    /// Of the character behind the part.
    pub(super) end_column: u64,
}

impl Places {
    /// Notes where the next bytes of a sender stand; to be called ahead of their events.
    pub fn chunk(&mut self, from: Sender, len: usize, place: Option<&Place<'_>>) {
        let lane = match from {
            Sender::Host => &mut self.host,
            Sender::Module => &mut self.module,
        };
        if let Some(place) = place {
            lane.push(len as u64, place);
        }
        lane.len += len as u64;
    }

    /// Notes an event; to be called ahead of its findings.
    pub fn event(&mut self, event: &Event<'_>) {
        if self.is_empty() {
            return;
        }
        let entry = (event.seq, event.from, event.offset, event.bytes.len() as u64);
        match self.events.get_mut((event.seq % EVENTS) as usize) {
            Some(slot) => *slot = entry,
            None => self.events.push(entry),
        }
    }

    /// Line and column, both from 1, of the first byte that a finding is about.
    pub fn of(&self, finding: &Finding) -> Option<(u64, u64)> {
        self.region(finding.seq?, finding.span.as_ref()).map(|region| (region.line, region.column))
    }

    /// The line, from 1, on which an event begins.
    pub fn line(&self, seq: u64) -> Option<u64> {
        self.region(seq, None).map(|region| region.line)
    }

    /// Where the bytes of an event, or a part of them, stand: what of them is on the first of their lines.
    pub(super) fn region(&self, seq: u64, span: Option<&std::ops::Range<usize>>) -> Option<Region> {
        let &(number, from, offset, len) = self.events.get((seq % EVENTS) as usize)?;
        let span = span.map_or(0..len, |span| span.start as u64..span.end as u64);
        let found = self.find(from, offset..offset + len, offset + span.start..offset + span.end);
        found.filter(|_| number == seq).map(|found| {
            let Found { line, column, .. } = found;
            let end_column = column + characters(found.text.get(found.marked.clone()).unwrap_or_default());
            Region { line, column, end_column }
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.host.records.is_empty() && self.module.records.is_empty()
    }

    /// The line on which a part of an event begins, with so much of it as is on that line.
    pub(super) fn find(
        &self,
        from: Sender,
        event: std::ops::Range<u64>,
        part: std::ops::Range<u64>,
    ) -> Option<Found<'_>> {
        let lane = match from {
            Sender::Host => &self.host,
            Sender::Module => &self.module,
        };
        // What is missing at the event's end is shown behind its last byte.
        let byte = part.start.min(event.end.checked_sub(1)?);
        // What is asked for nearly always came last.
        let (newer, older) = lane.records.split_at_checked(lane.next)?;
        let mut newest_first = newer.iter().rev().chain(older.iter().rev());
        let record = newest_first.find(|record| (record.offset..record.offset + record.len).contains(&byte))?;
        let start = record.position(part.start.saturating_sub(record.offset))?;
        let end = record.position(part.end.min(record.offset + record.len).saturating_sub(record.offset));
        let end = end.unwrap_or(record.text.len()).max(start);
        let column = record.column + characters(record.text.get(..start)?);
        Some(Found { line: record.line, column, text: &record.text, whole: record.whole, marked: start..end })
    }
}

impl Lane {
    fn push(&mut self, len: u64, place: &Place<'_>) {
        let text = place.text.get(..TEXT).unwrap_or(place.text);
        let (offset, next) = (self.len, self.next);
        let fill = |mut kept: Vec<u8>| {
            kept.clear();
            kept.extend_from_slice(text);
            let whole = text.len() == place.text.len();
            let Place { line, column, head, .. } = *place;
            Record { offset, len, line, column, head, text: kept, whole }
        };
        match self.records.get_mut(next) {
            Some(record) => *record = fill(std::mem::take(&mut record.text)),
            None => self.records.push(fill(Vec::new())),
        }
        self.next = (next + 1) % RECORDS;
    }
}

impl Record {
    /// Where a byte of the record stands in its text; `None` beyond what is remembered.
    fn position(&self, byte: u64) -> Option<usize> {
        let mut at = self.head;
        for _ in 0..byte {
            at += match self.text.get(at..)? {
                [] => return None,
                [b'\\', b'x', ..] => 4,
                [b'\\', ..] => 2,
                _ => 1,
            };
        }
        (at <= self.text.len()).then_some(at)
    }
}

/// Characters of a text that need not be valid UTF-8.
fn characters(text: &[u8]) -> u64 {
    text.iter().filter(|&&byte| byte & 0xC0 != 0x80).count() as u64
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn bytes_are_found_at_their_escapes() {
        let mut places = Places::default();
        let text = "@0.5 > \\r\\n\u{e4}\\x41+B=7\\r".as_bytes();
        let place = Place { line: 14, column: 1, text, head: 7 };
        places.chunk(Sender::Host, 100, None);
        places.chunk(Sender::Host, 11, Some(&place));
        let at = |start: u64, end: u64| {
            let found = places.find(Sender::Host, 100..111, start..end).unwrap();
            (found.line, found.column, text.get(found.marked).unwrap())
        };
        assert_eq!(at(100, 101), (14, 8, &b"\\r"[..]));
        assert_eq!(at(102, 104), (14, 12, "\u{e4}".as_bytes()));
        assert_eq!(at(104, 105), (14, 13, &b"\\x41"[..]));
        assert_eq!(at(108, 109), (14, 20, &b"7"[..]));
        assert_eq!(at(110, 110).1, 23, "behind the last byte");
        assert!(places.find(Sender::Module, 0..1, 0..1).is_none());
        assert!(places.find(Sender::Host, 0..50, 0..1).is_none(), "read from elsewhere");
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut places = Places::default();
        let text = vec![b'x'; 100_000];
        for line in 1..5000 {
            let place = Place { line, column: 1, text: &text, head: 0 };
            places.chunk(Sender::Module, text.len(), Some(&place));
        }
        assert_eq!(places.module.records.len(), RECORDS);
        assert!(places.module.records.iter().all(|record| record.text.len() == TEXT));
        let last = 4998 * text.len() as u64;
        assert_eq!(places.find(Sender::Module, last..last + 9, last..last + 1).unwrap().line, 4999);
        assert!(places.find(Sender::Module, last..last + 9000, last + 5000..last + 5001).is_none());
    }
}
