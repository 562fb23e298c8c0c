//! One conversation of a recording: finds its dialect, runs the analyzer, prints what it says.
//!
//! Where the dialect is to be told from traffic, or a second conversation may come, the first chunks are held back: at
//! most [`LOOK_AHEAD`] bytes of them.

use std::collections::HashSet;
use std::sync::Arc;

use super::args::CheckFormat;
use super::dialect::{self, Catalogs, Choice};
use super::failure::Failure;
use super::filter::Filter;
use super::levels::Levels;
use super::out::Out;
use super::printer::{Printer, Tap};
use crate::capture::{Chunk, Fault, FaultKind, Meta, Place};
use crate::check::{Analyzer, Options, Rule};
use crate::report::Totals;
use crate::report::text;
use crate::{Sender, Time};

/// Bytes from which a dialect is told.
const LOOK_AHEAD: usize = 64 * 1024;

/// What holds for all sessions of a run.
#[derive(Debug)]
pub(super) struct Settings {
    /// `None`: told from the recording.
    pub(super) dialect: Option<String>,
    pub(super) model: Option<String>,
    pub(super) from_boot: bool,
    pub(super) levels: Levels,
    /// Findings that are known, and not reported: rule, and message without numbers.
    pub(super) known: HashSet<(String, String)>,
    pub(super) show: Show,
}

/// What is printed, and how.
#[derive(Debug)]
pub(super) struct Show {
    pub(super) what: What,
    pub(super) filter: Filter,
    pub(super) format: CheckFormat,
    pub(super) text: text::Options,
}

impl Show {
    /// Nothing is shown: sessions are recorded, to be compared.
    pub(super) fn recorded() -> Self {
        let style = crate::report::Style::default();
        let text = text::Options { style, shape: text::Shape::Auto, limit: 0, inline: false };
        Self { what: What::Nothing, filter: Filter::default(), format: CheckFormat::Text, text }
    }
}

/// What is printed of a session, beside its totals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// Events and findings.
    Events,
    /// Findings.
    Findings,
    /// Nothing: it is recorded, to be compared.
    Nothing,
    /// A table by command.
    Table,
}

/// What the recording says of all its sessions.
#[derive(Clone, Debug, Default)]
pub(super) struct Header {
    dialect: Option<String>,
    model: Option<String>,
    from_boot: bool,
    unordered: bool,
    pub(super) echoes: bool,
}

impl Header {
    pub(super) fn new(meta: &Meta) -> Self {
        let header = |key| meta.header(key).map(str::to_owned);
        Self {
            dialect: header("dialect"),
            model: header("model"),
            from_boot: meta.header("start") == Some("boot"),
            unordered: !meta.ordered,
            echoes: meta.echoes,
        }
    }
}

/// One conversation.
pub(super) struct Session {
    /// Its number in the recording.
    pub(super) number: u32,
    state: State,
    /// It is not known yet whether there are others.
    open: bool,
    printer: Printer,
}

enum State {
    Looking(LookAhead),
    Running(Box<Running>),
}

struct Running {
    analyzer: Analyzer,
    dialect: String,
    model: Option<String>,
}

/// Chunks that are held back.
#[derive(Default)]
struct LookAhead {
    records: Vec<Record>,
    bytes: Vec<u8>,
}

/// A chunk without its bytes.
struct Record {
    from: Sender,
    time: Option<Time>,
    len: usize,
    faults: Vec<(usize, Rule)>,
    /// Line, column, head and text.
    place: Option<(u64, u64, usize, Box<[u8]>)>,
}

impl Record {
    fn new(chunk: &Chunk<'_>) -> Self {
        let place = chunk.place.map(|place| (place.line, place.column, place.head, place.text.into()));
        let faults = faults(chunk.faults).collect();
        Self { from: chunk.from, time: chunk.time, len: chunk.bytes.len(), faults, place }
    }

    fn place(&self) -> Option<Place<'_>> {
        self.place.as_ref().map(|&(line, column, head, ref text)| Place { line, column, text, head })
    }
}

impl LookAhead {
    /// The chunks with their bytes.
    fn chunks(&self) -> impl Iterator<Item = (&Record, &[u8])> {
        let mut rest = self.bytes.as_slice();
        self.records.iter().map(move |record| {
            let (bytes, tail) = rest.split_at_checked(record.len).unwrap_or((rest, &[]));
            rest = tail;
            (record, bytes)
        })
    }

    fn of(&self, sender: Sender) -> Vec<u8> {
        let own = self.chunks().filter(|(record, _)| record.from == sender);
        own.flat_map(|(_, bytes)| bytes).copied().collect()
    }
}

/// What sessions of a run share.
pub(super) struct Shared<'a> {
    pub(super) settings: &'a Settings,
    pub(super) catalogs: &'a mut Catalogs,
    pub(super) out: &'a mut Out,
    pub(super) file: &'a str,
    /// Nothing was printed ahead of this recording.
    pub(super) first: bool,
    pub(super) header: &'a Header,
}

impl Session {
    /// The session of that number; `several`: whether the recording has others, if that is known.
    pub(super) fn new(number: u32, several: Option<bool>, shared: &Shared<'_>) -> Self {
        let printer = Printer::new(shared, (several == Some(true)).then_some(number));
        Self { number, state: State::Looking(LookAhead::default()), open: several.is_none(), printer }
    }

    /// From here on the recording has several sessions.
    pub(super) fn not_alone(&mut self) {
        self.printer.number(self.number);
        self.open = false;
    }

    /// Takes the next chunk.
    pub(super) fn chunk(&mut self, chunk: &Chunk<'_>, shared: &mut Shared<'_>) -> Result<(), Failure> {
        if let State::Looking(ahead) = &mut self.state {
            let named = shared.settings.dialect.is_some() || shared.header.dialect.is_some();
            if (!named || self.open)
                && ahead.bytes.len() + chunk.bytes.len() <= LOOK_AHEAD
                && ahead.records.len() < LOOK_AHEAD
            {
                ahead.bytes.extend_from_slice(chunk.bytes);
                ahead.records.push(Record::new(chunk));
                return Ok(());
            }
            self.decide(Some(chunk), shared)?;
        }
        let faults: Vec<_> = faults(chunk.faults).collect();
        self.printer.chunk(chunk.from, chunk.bytes.len(), chunk.place.as_ref());
        self.push(chunk.from, chunk.time, chunk.bytes, &faults, shared);
        shared.out.settle()
    }

    /// Ends the session: `damage` is what cut it off.
    pub(super) fn finish(&mut self, damage: Option<&str>, shared: &mut Shared<'_>) -> Result<[u64; 3], Failure> {
        if matches!(self.state, State::Looking(_)) {
            self.decide(None, shared)?;
        }
        let State::Running(running) = &mut self.state else {
            return Ok([0; 3]);
        };
        let mut tap = Tap::new(&mut self.printer, shared);
        let summary = running.analyzer.finish(&mut tap);
        if let Some(message) = damage {
            running.analyzer.damage(message.to_owned(), &mut tap);
        }
        let totals = Totals {
            dialect: running.dialect.clone(),
            model: running.model.clone(),
            profile: summary.profile,
            events: summary.events,
            exchanges: summary.exchanges,
            findings: self.printer.findings,
            bytes: summary.bytes,
        };
        self.printer.finish(&totals, shared);
        shared.out.settle()?;
        Ok(totals.findings)
    }

    /// Chooses the dialect and lets the analyzer have what was held back; `next` is the chunk that did not fit any more.
    fn decide(&mut self, next: Option<&Chunk<'_>>, shared: &mut Shared<'_>) -> Result<(), Failure> {
        let State::Looking(ahead) = &mut self.state else {
            return Ok(());
        };
        let ahead = std::mem::take(ahead);
        let choice = choose(&ahead, next, shared)?;
        let who = match self.printer.session {
            Some(session) => format!("{}, session {session}", shared.file),
            None => shared.file.to_owned(),
        };
        let dialect = choice.catalog.name.to_string();
        let is_empty = ahead.records.is_empty() && next.is_none();
        if let Some(why) = choice.why.filter(|_| !is_empty) {
            shared.out.note(&format!("{who}: dialect {dialect}, {why}"));
        }
        let named = |name: &String| dialect::model(&choice.catalog, name);
        let model = match (&shared.settings.model, &shared.header.model) {
            (Some(name), _) => Some(named(name).map_err(|why| Failure::Said(why).within(shared.file))?),
            // Who recorded it may know more models than the manual.
            (None, Some(name)) => match named(name) {
                Ok(model) => Some(model),
                Err(why) => {
                    shared.out.note(&format!("{who}: {why}; decoded as of any model"));
                    None
                }
            },
            (None, None) => None,
        };
        let from_boot = shared.settings.from_boot || shared.header.from_boot;
        let options = Options {
            model: model.clone(),
            from_boot,
            unordered: shared.header.unordered,
            echoes: shared.header.echoes,
        };
        let analyzer = Analyzer::new(Arc::clone(&choice.catalog), options);
        self.state = State::Running(Box::new(Running { analyzer, dialect, model }));
        for (record, bytes) in ahead.chunks() {
            let Record { from, time, faults, .. } = record;
            self.printer.chunk(*from, bytes.len(), record.place().as_ref());
            self.push(*from, *time, bytes, faults, shared);
            shared.out.settle()?;
        }
        Ok(())
    }

    fn push(
        &mut self,
        from: Sender,
        time: Option<Time>,
        bytes: &[u8],
        faults: &[(usize, Rule)],
        shared: &mut Shared<'_>,
    ) {
        let State::Running(running) = &mut self.state else {
            return;
        };
        let mut tap = Tap::new(&mut self.printer, shared);
        running.analyzer.push(from, time, bytes, faults, &mut tap);
    }
}

fn choose(ahead: &LookAhead, next: Option<&Chunk<'_>>, shared: &mut Shared<'_>) -> Result<Choice, Failure> {
    if let Some(name) = &shared.settings.dialect {
        return Ok(Choice { catalog: shared.catalogs.named(name)?, why: None });
    }
    if let Some(name) = &shared.header.dialect {
        let catalog = shared.catalogs.named(name).map_err(|failure| failure.within(shared.file))?;
        return Ok(Choice { catalog, why: Some("from the recording's header".to_owned()) });
    }
    let (mut host, mut module) = (ahead.of(Sender::Host), ahead.of(Sender::Module));
    if let Some(next) = next {
        match next.from {
            Sender::Host => host.extend_from_slice(next.bytes),
            Sender::Module => module.extend_from_slice(next.bytes),
        }
    }
    shared.catalogs.told(&host, &module)
}

fn faults(faults: &[Fault]) -> impl Iterator<Item = (usize, Rule)> + '_ {
    faults.iter().map(|fault| {
        let rule = match fault.kind {
            FaultKind::Break => Rule::UartBreak,
            FaultKind::Framing => Rule::UartFraming,
            FaultKind::Parity => Rule::UartParity,
        };
        (fault.at, rule)
    })
}
