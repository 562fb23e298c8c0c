//! JSON lines: one object a line, for programs. [`SCHEMA`](super::SCHEMA) describes them.
//!
//! Members are never renamed, and keep their order; new ones may be added. What came off the wire (`text`, `raw`,
//! string values, names) is escaped as in transcripts, so that every byte survives; all else is plain text.

use std::cell::RefCell;

use super::stats::Stats;
use super::{Totals, json};
use crate::Sender;
use crate::check::{Finding, Severity};
use crate::session::{Event, EventKind, Name, Param, Params, Value};

/// Writes the lines of one session.
#[derive(Clone, Debug)]
pub struct JsonLines {
    file: String,
    session: Option<u32>,
    /// `{"type":"event","file":"a.at","session":0,"seq":`
    event_head: Vec<u8>,
    /// What was written before, and may be written again.
    kept: RefCell<Kept>,
}

/// What was written before.
#[derive(Clone, Debug, Default)]
struct Kept {
    /// Members of lines that came before, by the number that the decoder gave them; a bounded number of places.
    members: Vec<Members>,
    /// Numbers of events and exchanges, and whole seconds.
    seq: json::Counter,
    exchange: json::Counter,
    secs: json::Counter,
}

/// Places for members: numbers follow upon each other.
const PLACES: usize = 2048;

#[derive(Clone, Debug, Default)]
struct Members {
    told: u64,
    /// `,"len":17,"text":"…","exchange":`, …
    ahead: usize,
    /// … and all that stands behind the exchange, or up to the latency.
    bytes: Box<[u8]>,
}

impl Members {
    /// The members of an event that bears such a number.
    #[inline]
    fn of<'k>(kept: &'k mut Vec<Members>, event: &Event<'_>) -> Option<&'k Members> {
        if event.told == 0 {
            return None;
        }
        let at = event.told as usize % PLACES;
        if at >= kept.len() {
            kept.resize(PLACES, Members::default());
        }
        let members = kept.get_mut(at)?;
        if members.told != event.told {
            let mut bytes = Vec::new();
            text(&mut bytes, event);
            let ahead = bytes.len();
            kind(&mut bytes, event);
            *members = Members { told: event.told, ahead, bytes: bytes.into() };
        }
        Some(members)
    }
}

/// The members that every event has between `time` and `offset`.
macro_rules! head {
    ($from:literal, $kind:expr; $($variant:ident $name:literal),*) => {
        match $kind {
            $(EventKind::$variant { .. } => {
                concat!(",\"from\":\"", $from, "\",\"kind\":\"", $name, "\",\"offset\":").as_bytes()
            })*
        }
    };
    ($from:literal, $kind:expr) => {
        head!($from, $kind; Boot "boot", Command "command", Echo "echo", Final "final", Noise "noise",
            Passthrough "passthrough", Payload "payload", Progress "progress", Prompt "prompt", Response "response",
            Urc "urc")
    };
}

impl JsonLines {
    /// For a session of that file; its number where the capture has several.
    pub fn new(file: &str, session: Option<u32>) -> Self {
        let mut lines = Self { file: file.to_owned(), session: None, event_head: Vec::new(), kept: RefCell::default() };
        lines.set_session(session);
        lines
    }

    /// From here on lines carry this number of a session, or none.
    pub fn set_session(&mut self, session: Option<u32>) {
        self.event_head.clear();
        start(&mut self.event_head, "event", &self.file, session);
        self.event_head.extend_from_slice(b",\"seq\":");
        self.session = session;
    }

    /// Appends an event's line.
    pub fn event(&self, out: &mut Vec<u8>, event: &Event<'_>) {
        let Kept { members, seq, exchange, secs } = &mut *self.kept.borrow_mut();
        out.extend_from_slice(&self.event_head);
        seq.unsigned(out, event.seq);
        out.extend_from_slice(b",\"time\":");
        secs.time(out, event.time);
        out.extend_from_slice(match event.from {
            Sender::Host => head!("host", &event.kind),
            Sender::Module => head!("module", &event.kind),
        });
        json::unsigned(out, event.offset);
        let members = Members::of(members, event);
        if let Some((ahead, behind)) = members.and_then(|members| members.bytes.split_at_checked(members.ahead)) {
            out.extend_from_slice(ahead);
            exchange.optional(out, event.exchange);
            out.extend_from_slice(behind);
        } else {
            text(out, event);
            exchange.optional(out, event.exchange);
            kind(out, event);
        }
        if let EventKind::Final { latency, .. } = &event.kind {
            out.extend_from_slice(b",\"latency\":");
            json::time(out, *latency);
        }
        out.extend_from_slice(b"}\n");
    }

    /// Appends a finding's line.
    pub fn finding(&self, out: &mut Vec<u8>, finding: &Finding, severity: Severity) {
        self.finding_at(out, finding, severity, None);
    }

    /// As [`finding`](Self::finding), with line and column of the file, where that is text.
    pub fn finding_at(&self, out: &mut Vec<u8>, finding: &Finding, severity: Severity, place: Option<(u64, u64)>) {
        start(out, "finding", &self.file, self.session);
        out.extend_from_slice(b",\"seq\":");
        json::optional(out, finding.seq);
        out.extend_from_slice(b",\"time\":");
        json::time(out, finding.time);
        out.extend_from_slice(b",\"rule\":");
        json::text(out, finding.rule.name());
        out.extend_from_slice(b",\"severity\":");
        json::text(out, severity.as_str());
        out.extend_from_slice(b",\"exchange\":");
        json::optional(out, finding.exchange);
        out.extend_from_slice(b",\"message\":");
        json::text(out, &finding.message);
        out.extend_from_slice(b",\"cite\":");
        optional_text(out, finding.cite.as_deref());
        if let Some((line, column)) = place {
            out.extend_from_slice(b",\"line\":");
            json::unsigned(out, line);
            out.extend_from_slice(b",\"column\":");
            json::unsigned(out, column);
        }
        out.extend_from_slice(b"}\n");
    }

    /// Appends the summary's line; with `stats`, also what the commands came to.
    pub fn summary(&self, out: &mut Vec<u8>, totals: &Totals, stats: Option<&Stats>) {
        start(out, "summary", &self.file, self.session);
        out.extend_from_slice(b",\"dialect\":");
        json::text(out, &totals.dialect);
        out.extend_from_slice(b",\"model\":");
        optional_text(out, totals.model.as_deref());
        out.extend_from_slice(b",\"events\":");
        json::unsigned(out, totals.events);
        out.extend_from_slice(b",\"exchanges\":");
        json::unsigned(out, totals.exchanges);
        let [errors, warnings, infos] = totals.findings;
        counts(out, "findings", &[("error", errors), ("warning", warnings), ("info", infos)]);
        let [host, module] = totals.bytes;
        counts(out, "bytes", &[("host", host), ("module", module)]);
        out.extend_from_slice(b",\"profile\":");
        optional_text(out, totals.profile.as_deref());
        if let Some(stats) = stats {
            stats.json(out);
        }
        out.extend_from_slice(b"}\n");
    }
}

/// `{"type":"…","file":"…"`, and the session's number where there are several.
fn start(out: &mut Vec<u8>, kind: &str, file: &str, session: Option<u32>) {
    out.extend_from_slice(b"{\"type\":");
    json::text(out, kind);
    out.extend_from_slice(b",\"file\":");
    json::text(out, file);
    if let Some(session) = session {
        out.extend_from_slice(b",\"session\":");
        json::unsigned(out, u64::from(session));
    }
}

fn counts(out: &mut Vec<u8>, name: &str, counts: &[(&str, u64)]) {
    out.push(b',');
    json::text(out, name);
    out.push(b':');
    json::object(out, counts.iter().map(|&(name, count)| (name, count)));
}

fn optional_text(out: &mut Vec<u8>, text: Option<&str>) {
    match text {
        Some(text) => json::text(out, text),
        None => out.extend_from_slice(b"null"),
    }
}

/// The members of an event's bytes, up to its exchange.
fn text(out: &mut Vec<u8>, event: &Event<'_>) {
    out.extend_from_slice(b",\"len\":");
    json::unsigned(out, event.bytes.len() as u64);
    out.extend_from_slice(b",\"text\":\"");
    json::wire_inside(out, event.bytes);
    out.extend_from_slice(b"\",\"exchange\":");
}

/// The members of an event's kind, but for its latency.
fn kind(out: &mut Vec<u8>, event: &Event<'_>) {
    match &event.kind {
        EventKind::Command { name, form, params } => {
            self::name(out, b",\"name\":\"", *name);
            out.extend_from_slice(b",\"form\":\"");
            out.extend_from_slice(form.as_str().as_bytes());
            out.push(b'"');
            self::params(out, *params);
        }
        EventKind::Boot { name, params }
        | EventKind::Progress { name, params }
        | EventKind::Response { name, params }
        | EventKind::Urc { name, params } => {
            self::name(out, b",\"name\":\"", *name);
            self::params(out, *params);
        }
        EventKind::Prompt { name } => {
            self::name(out, b",\"name\":\"", *name);
        }
        EventKind::Final { result, code, .. } => {
            self::name(out, b",\"result\":\"", *result);
            if let Some(code) = code {
                out.extend_from_slice(b",\"code\":");
                match code.value() {
                    Value::Omitted | Value::Broken => json::wire(out, code.raw()),
                    known => value(out, known),
                }
            }
        }
        EventKind::Payload { of, declared, part } => {
            self::name(out, b",\"of\":\"", *of);
            out.extend_from_slice(b",\"declared\":");
            json::optional(out, *declared);
            if part.is_some() {
                out.extend_from_slice(b",\"part\":");
                json::optional(out, *part);
            }
        }
        EventKind::Echo | EventKind::Noise | EventKind::Passthrough => {}
    }
}

/// A member whose value is a name; `lead` is what stands ahead of it.
#[inline]
fn name<const N: usize>(out: &mut Vec<u8>, lead: &[u8; N], name: Name<'_>) {
    out.extend_from_slice(lead);
    // Most names are upper case already, and need nothing of what makes others so.
    let bytes = name.as_bytes();
    if bytes.iter().all(|byte| byte.is_ascii() && !byte.is_ascii_lowercase()) {
        json::wire_inside(out, bytes);
    } else {
        json::wire_inside(out, name.to_text().as_bytes());
    }
    out.push(b'"');
}

fn params(out: &mut Vec<u8>, params: Params<'_>) {
    out.extend_from_slice(b",\"params\":[");
    for (at, param) in params.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        self::param(out, &param);
    }
    out.push(b']');
}

fn param(out: &mut Vec<u8>, param: &Param<'_>) {
    out.extend_from_slice(b"{\"name\":\"");
    json::text_inside(out, param.name());
    out.extend_from_slice(b"\",\"raw\":\"");
    json::wire_inside(out, param.raw());
    out.extend_from_slice(b"\",\"value\":");
    value(out, param.value());
    if let Some(label) = param.label() {
        out.extend_from_slice(b",\"label\":\"");
        json::text_inside(out, &label);
        out.push(b'"');
    }
    out.push(b'}');
}

fn value(out: &mut Vec<u8>, value: Value<'_>) {
    match value {
        Value::Omitted | Value::Broken => out.extend_from_slice(b"null"),
        Value::Int(number) => json::signed(out, number),
        Value::Float(number) => json::float(out, number),
        Value::Text(text) => json::wire(out, &text.bytes()),
    }
}
