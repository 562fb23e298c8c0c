//! One session as the page wants it: rows of events, findings, names.

use indexmap::IndexSet;
use serde::Serialize;

use super::super::Totals;
use super::super::gather::Told;
use super::text;
use crate::escape::escape;
use crate::session::{Event, EventKind, Form, Params};

/// Events of one session.
const MOST_EVENTS: usize = 200_000;

/// Findings of one session.
const MOST_FINDINGS: usize = 10_000;

/// Bytes of one event that the page has.
const MOST_BYTES: usize = 1024;

/// Parameters of one event that are told.
const MOST_PARAMS: usize = 24;

/// A session in the making.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct Session {
    /// Rows, each a JSON list, with commas in between.
    rows: String,
    events: usize,
    left_out: u64,
    names: IndexSet<String>,
    findings: Vec<Found>,
    more_findings: u64,
}

#[derive(Clone, Debug, Serialize)]
struct Found {
    seq: Option<u64>,
    rule: &'static str,
    severity: &'static str,
    message: String,
    cite: Option<String>,
    /// Place of the byte in the event, and how many there are.
    from: u64,
    len: u64,
    place: String,
}

impl Session {
    /// Takes an event; `line` is that of the file where it begins.
    pub(in super::super) fn event(&mut self, event: &Event<'_>, line: Option<u64>) {
        if self.events >= MOST_EVENTS {
            self.left_out += 1;
            return;
        }
        self.events += 1;
        let name = self.name(event);
        let (name, _) = self.names.insert_full(name);
        let kind = EventKind::ALL.iter().position(|kind| *kind == event.kind.as_str()).unwrap_or_default();
        let shown = event.bytes.get(..MOST_BYTES).unwrap_or(event.bytes);
        let micros = event.time.map(|time| time.as_nanos() as f64 / 1e3);
        let (extra, latency) = match &event.kind {
            EventKind::Final { code, latency, .. } => {
                let code = code.map(|code| {
                    let label = code.label().map(|label| format!(" ({label})")).unwrap_or_default();
                    format!("{}{label}", escape(code.raw()))
                });
                (code.unwrap_or_default(), latency.map(|latency| latency.as_nanos() as f64 / 1e3))
            }
            EventKind::Payload { declared, part, .. } => {
                let declared = declared.map(|size| format!("{size} bytes announced")).unwrap_or_default();
                (part.map_or(declared.clone(), |part| format!("{declared}, part {part}")), None)
            }
            _ => (event.params().map(told).unwrap_or_default(), None),
        };
        let row = (
            (event.seq, micros, event.from.index(), kind, name, event.exchange),
            (event.offset, event.bytes.len(), line, escape(shown).to_string(), extra, latency),
        );
        if !self.rows.is_empty() {
            self.rows.push(',');
        }
        self.rows.push_str(&text(&row));
    }

    /// What the list calls an event.
    fn name(&self, event: &Event<'_>) -> String {
        match &event.kind {
            EventKind::Command { name, form, .. } => {
                let suffix = match form {
                    Form::Execute => "",
                    Form::Set => "=",
                    Form::Read => "?",
                    Form::Test => "=?",
                };
                if *name == "A/" { "A/".to_owned() } else { format!("AT{name}{suffix}") }
            }
            EventKind::Final { result, .. } => result.to_string(),
            EventKind::Payload { of, .. } => of.to_string(),
            _ => event.name().map(|name| name.to_string()).unwrap_or_default(),
        }
    }

    /// Takes a finding.
    pub(in super::super) fn finding(&mut self, told: &Told, offset: Option<u64>, len: u64) {
        if self.findings.len() >= MOST_FINDINGS {
            self.more_findings += 1;
            return;
        }
        let from = told.byte.zip(offset).map_or(0, |((_, byte), offset)| byte.saturating_sub(offset));
        self.findings.push(Found {
            seq: told.seq.filter(|_| told.byte.is_some()),
            rule: told.rule.name(),
            severity: told.severity.as_str(),
            message: told.message.clone(),
            cite: told.cite.clone(),
            from,
            len,
            place: told.place(),
        });
    }

    /// The session as JSON.
    pub(super) fn json(&self, file: &str, session: Option<u32>, totals: &Totals) -> String {
        let names: Vec<&String> = self.names.iter().collect();
        let [errors, warnings, infos] = totals.findings;
        format!(
            "{{\"file\":{},\"session\":{},\"dialect\":{},\"model\":{},\"profile\":{},\"events\":{},\"exchanges\":{},\
             \"counts\":[{errors},{warnings},{infos}],\"bytes\":{},\"leftOut\":{},\"moreFindings\":{},\"kinds\":{},\
             \"names\":{},\"findings\":{},\"rows\":[{}]}}",
            text(&file),
            text(&session),
            text(&totals.dialect),
            text(&totals.model),
            text(&totals.profile),
            totals.events,
            totals.exchanges,
            text(&totals.bytes),
            self.left_out,
            self.more_findings,
            text(&EventKind::ALL),
            text(&names),
            text(&self.findings),
            self.rows,
        )
    }
}

/// `mode=1 (station), …`
fn told(params: Params<'_>) -> String {
    let mut shown = String::new();
    for (at, param) in params.iter().take(MOST_PARAMS).enumerate() {
        if at > 0 {
            shown.push_str(", ");
        }
        if !param.name().is_empty() {
            shown.push_str(param.name());
            shown.push('=');
        }
        let raw = param.raw().trim_ascii();
        shown.push_str(&escape(raw.get(..120).unwrap_or(raw)).to_string());
        if let Some(label) = param.label() {
            shown.push_str(&format!(" ({label})"));
        }
    }
    if params.len() > MOST_PARAMS {
        shown.push_str(", …");
    }
    shown
}
