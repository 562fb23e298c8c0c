//! The laws of decoding and checking, held while a conversation runs.
//!
//! Lossless: each sender's events tile its stream. Chunk-blind: however the bytes are cut, the same is told in the same
//! order. One meaning: what the decoder takes a short way for means the same the long way. Bounded: no event, and nothing that waits for one, is longer than a part of a payload and a line. Total and
//! deterministic: no panic, and twice the same.

use std::fmt::Write;
use std::sync::Arc;

use super::conversation::{Chunk, Conversation};
use crate::check::{Analyzer, Finding, Sink};
use crate::session::{Event, EventKind, PART, Session};
use crate::{Sender, Time};

/// The most bytes of an event that is no payload, and of what waits beside a part of a payload: a line and its blanks.
const LINE: usize = 128 * 1024;

/// One thing that was told, with all that must not depend on the cut.
#[derive(Clone, Debug, PartialEq)]
pub enum Told {
    /// An event: its kind, its name (or result, or owner), its exchange, and everything in words.
    Event {
        /// As JSON lines write it.
        kind: &'static str,
        /// `name`; `result` of a final, `of` of a payload; empty where it has none.
        name: String,
        /// The exchange's number.
        exchange: Option<u64>,
        /// Who sent it.
        from: Sender,
        /// All its members.
        members: String,
    },
    /// A finding.
    Finding(Finding),
}

/// What was told of a conversation, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    /// Events and findings.
    pub told: Vec<Told>,
}

impl Record {
    /// The findings.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.told.iter().filter_map(|told| match told {
            Told::Finding(finding) => Some(finding),
            Told::Event { .. } => None,
        })
    }

    fn events(&self) -> impl Iterator<Item = &Told> {
        self.told.iter().filter(|told| matches!(told, Told::Event { .. }))
    }
}

impl Conversation {
    /// Decodes it whole, as it comes, and in chunks of these sizes; asserts the laws. Gives the events.
    ///
    /// # Panics
    /// If a law is broken.
    pub fn decodes(&self, cuts: &[usize]) -> Record {
        self.holds(cuts, Self::decoded)
    }

    /// Decodes and checks it whole, as it comes, and in chunks of these sizes; asserts the laws. Gives events and
    /// findings.
    ///
    /// # Panics
    /// If a law is broken.
    pub fn checks(&self, cuts: &[usize]) -> Record {
        let record = self.holds(cuts, Self::checked);
        let alone = self.decoded(&self.joined(), usize::MAX, Way::Usual);
        assert!(alone.events().eq(record.events()), "the rules change the events");
        #[cfg(feature = "cli")]
        super::shown::holds(self);
        record
    }

    fn holds(&self, cuts: &[usize], run: impl Fn(&Self, &[Chunk], usize, Way) -> Record) -> Record {
        let joined = self.joined();
        let whole = run(self, &joined, usize::MAX, Way::Usual);
        same(&whole, &run(self, &joined, usize::MAX, Way::Usual), "a second run");
        same(&whole, &run(self, &joined, usize::MAX, Way::Long), "the long way");
        same(&whole, &run(self, &joined, usize::MAX, Way::Again), "lines that came before");
        same(&whole, &run(self, &self.chunks, usize::MAX, Way::Again), "the chunks as they come");
        for &cut in cuts {
            same(&whole, &run(self, &joined, cut.max(1), Way::Usual), &format!("chunks of {cut}"));
        }
        whole
    }

    fn decoded(&self, chunks: &[Chunk], cut: usize, way: Way) -> Record {
        let new = || Session::new(Arc::clone(&self.catalog), &self.options);
        let mut session = new();
        match way {
            Way::Usual => {}
            Way::Long => session.bar_short_way(),
            Way::Again => {
                let mut before = new();
                before.learn_at_once(None);
                for chunk in chunks {
                    before.push(chunk.from, chunk.time, &chunk.bytes, &mut |_| {});
                }
                session.learn_at_once(Some(before));
            }
        }
        let mut watch = Watch::new(chunks);
        for chunk in chunks {
            for piece in chunk.bytes.chunks(cut) {
                session.push(chunk.from, chunk.time, piece, &mut |event| watch.event(event));
                watch.pushed(chunk.from, piece.len());
            }
        }
        session.finish(&mut |event| watch.event(event));
        watch.end(None);
        watch.record
    }

    fn checked(&self, chunks: &[Chunk], cut: usize, way: Way) -> Record {
        let new = || Analyzer::new(Arc::clone(&self.catalog), self.options.clone());
        let mut analyzer = new();
        match way {
            Way::Usual => {}
            Way::Long => analyzer.bar_short_way(),
            Way::Again => {
                let mut before = new();
                before.learn_at_once(None);
                for chunk in chunks {
                    before.push(chunk.from, chunk.time, &chunk.bytes, &[], &mut ());
                }
                analyzer.learn_at_once(Some(before));
            }
        }
        let mut watch = Watch::new(chunks);
        for chunk in chunks {
            for piece in chunk.bytes.chunks(cut) {
                analyzer.push(chunk.from, chunk.time, piece, &[], &mut watch);
                watch.pushed(chunk.from, piece.len());
            }
        }
        let summary = analyzer.finish(&mut watch);
        watch.end(Some(summary.exchanges));
        assert_eq!(summary.events, watch.lens.len() as u64, "the summary miscounts the events");
        let bytes = [Sender::Host, Sender::Module].map(|from| watch.side(from).stream.len() as u64);
        assert_eq!(summary.bytes, bytes, "the summary miscounts the bytes");
        let mut findings = [0; 3];
        for finding in watch.record.findings() {
            let worst_first =
                crate::check::Severity::ALL.iter().position(|&severity| severity == finding.rule.severity());
            if let Some(count) = worst_first.and_then(|at| findings.get_mut(at)) {
                *count += 1;
            }
        }
        assert_eq!(summary.findings, findings, "the summary miscounts the findings");
        watch.record
    }
}

/// How lines are told.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// As ever.
    Usual,
    /// No short way is taken.
    Long,
    /// Every line came before.
    Again,
}

#[track_caller]
fn same(whole: &Record, other: &Record, what: &str) {
    if whole == other {
        return;
    }
    let at = whole.told.iter().zip(&other.told).take_while(|(a, b)| a == b).count();
    let (a, b) = (whole.told.get(at), other.told.get(at));
    assert_eq!(a, b, "whole (left) and {what} (right) differ from {at} on");
}

/// One sender's stream, as it was sent.
#[derive(Default)]
struct Side {
    stream: Vec<u8>,
    /// Where a time begins to hold.
    times: Vec<(usize, Option<Time>)>,
    pushed: usize,
    given: usize,
}

/// Holds what is told against what was sent.
struct Watch {
    sides: [Side; 2],
    lens: Vec<usize>,
    /// The highest exchange number that was named.
    exchange: Option<u64>,
    record: Record,
}

impl Watch {
    fn new(chunks: &[Chunk]) -> Self {
        let mut watch = Self { sides: Default::default(), lens: Vec::new(), exchange: None, record: Record::default() };
        for chunk in chunks {
            let side = watch.side(chunk.from);
            side.times.push((side.stream.len(), chunk.time));
            side.stream.extend_from_slice(&chunk.bytes);
        }
        watch
    }

    fn side(&mut self, from: Sender) -> &mut Side {
        let [host, module] = &mut self.sides;
        match from {
            Sender::Host => host,
            Sender::Module => module,
        }
    }

    fn pushed(&mut self, from: Sender, len: usize) {
        let side = self.side(from);
        side.pushed += len;
        // A chunk may complete many events, but what is left waits for its own end alone.
        let waits = side.pushed.saturating_sub(side.given);
        assert!(waits <= PART + LINE, "{waits} bytes of the {from} wait");
    }

    fn tell(&mut self, event: &Event<'_>) {
        assert_eq!(event.seq, self.lens.len() as u64, "events are numbered from 0 without a gap");
        let len = event.bytes.len();
        self.lens.push(len);
        let side = self.side(event.from);
        assert!(len > 0, "an event of no byte: {event:?}");
        assert_eq!(event.offset, side.given as u64, "the {}'s events do not tile its stream", event.from);
        let sent = side.stream.get(side.given..side.given + len);
        assert_eq!(sent, Some(event.bytes), "the event's bytes are not those that the {} sent", event.from);
        // Blank lines ahead of a line may be older than the line.
        let blank = match event.kind {
            EventKind::Payload { .. } | EventKind::Passthrough | EventKind::Noise => 0,
            _ => crate::syntax::framing::lead(event.bytes).min(len - 1),
        };
        let first = side.given + blank;
        let time = side.times.iter().rev().find(|(at, _)| *at <= first).and_then(|(_, time)| *time);
        assert_eq!(event.time, time, "the event's time is not that of its first byte");
        side.given += len;
        self.exchange = self.exchange.max(event.exchange);
    }

    fn event(&mut self, event: &Event<'_>) {
        self.tell(event);
        let len = event.bytes.len();
        let most = match &event.kind {
            EventKind::Payload { .. } | EventKind::Passthrough => PART,
            _ => LINE,
        };
        assert!(len <= most, "a {} of {len} bytes", event.kind.as_str());
        if let EventKind::Payload { declared: Some(declared), .. } = event.kind {
            assert!(len as u64 <= declared, "a payload of {len} bytes of {declared} announced ones");
        }
        let mut members = format!("{} {} +{len} {:?} {:?}", event.seq, event.offset, event.time, event.kind);
        let code = match &event.kind {
            EventKind::Final { code, .. } => *code,
            _ => None,
        };
        for param in event.params().iter().flat_map(|params| params.iter()).chain(code) {
            let range = param.range();
            assert_eq!(event.bytes.get(range.clone()), Some(param.raw()), "parameter {param:?} is not at {range:?}");
            let _ = write!(members, " {range:?}={:?} {:?}", param.value(), param.label());
        }
        let name = match &event.kind {
            EventKind::Final { result, .. } => Some(*result),
            EventKind::Payload { of, .. } => Some(*of),
            _ => event.name(),
        };
        let name = name.map_or_else(String::new, |name| name.to_text().into_owned());
        let kind = event.kind.as_str();
        assert!(kind != "command" || (event.exchange.is_some() && event.from == Sender::Host), "{event:?}");
        let Event { exchange, from, .. } = *event;
        self.record.told.push(Told::Event { kind, name, exchange, from, members });
    }

    fn finding(&mut self, finding: &Finding) {
        assert!(!finding.message.is_empty(), "{finding:?} says nothing");
        let about = |seq: u64| usize::try_from(seq).ok().and_then(|seq| self.lens.get(seq)).copied();
        if let Some(seq) = finding.seq {
            let len = about(seq);
            assert!(len.is_some(), "{finding:?} comes ahead of its event");
            let span = finding.span.clone().unwrap_or_default();
            assert!(span.start <= span.end && Some(span.end) <= len, "{finding:?} reaches out of its event: {len:?}");
        }
        if let Some((seq, _)) = finding.related {
            assert!(about(seq).is_some(), "{finding:?} names an event that was not given");
        }
        self.exchange = self.exchange.max(finding.exchange);
        self.record.told.push(Told::Finding(finding.clone()));
    }

    fn end(&mut self, exchanges: Option<u64>) {
        for from in [Sender::Host, Sender::Module] {
            let side = self.side(from);
            assert_eq!(side.given, side.stream.len(), "bytes of the {from} are in no event");
        }
        if let (Some(exchanges), Some(highest)) = (exchanges, self.exchange) {
            assert!(highest < exchanges, "exchange {highest} is named, but there are only {exchanges}");
        }
    }
}

impl Sink for Watch {
    fn event(&mut self, event: &Event<'_>) {
        Watch::event(self, event);
    }

    fn finding(&mut self, finding: &Finding) {
        Watch::finding(self, finding);
    }
}
