//! Findings as reports for other programs need them: each with its place in the file and in the traffic.
//!
//! Bounded: so many findings of each rule are kept with all that is known of them, the others are counted. Knows no
//! format; [`Document`] writes them.

use super::document::Document;
use super::html::Session as Page;
use super::places::{Places, Region};
use super::ring::Ring;
use crate::capture;
use crate::check::{Finding, Rule, Severity};
use crate::escape::escape;
use crate::session::Event;
use crate::{Sender, Time};

/// Findings of one rule that are kept.
const MOST_KEPT: usize = 50;

/// Findings that wait for their event.
const MOST_WAITING: usize = 64;

/// Bytes of an event that are shown.
const TEXT: usize = 120;

/// A finding with its place.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) rule: Rule,
    pub(super) severity: Severity,
    pub(super) message: String,
    pub(super) cite: Option<String>,
    pub(super) seq: Option<u64>,
    pub(super) exchange: Option<u64>,
    pub(super) time: Option<Time>,
    /// Who sent the bytes, and the place of the first of them in that sender's stream.
    pub(super) byte: Option<(Sender, u64)>,
    /// Where that is in the file; `None` where it is no text.
    pub(super) region: Option<Region>,
    /// The event's bytes, escaped, cut where they are many.
    pub(super) text: Option<String>,
    /// Another place that shows it.
    pub(super) related: Option<(String, Option<Region>)>,
}

impl Told {
    /// Where it is, for people: `line 14, column 20`, or what a recording without lines has.
    pub(super) fn place(&self) -> String {
        if let Some(Region { line, column, .. }) = self.region {
            return format!("line {line}, column {column}");
        }
        let mut parts = Vec::new();
        if let Some((from, byte)) = self.byte {
            parts.push(format!("{from}, byte {byte}"));
        }
        if let Some(seq) = self.seq {
            parts.push(format!("event {seq}"));
        }
        if let Some(time) = self.time {
            parts.push(format!("at {time:.6} s"));
        }
        if parts.is_empty() { "the recording".to_owned() } else { parts.join(", ") }
    }

    /// The message; with its place, where the file has no lines that could show it.
    pub(super) fn placed_message(&self) -> String {
        match self.region {
            None if self.seq.is_some() => format!("{} ({})", self.message, self.place()),
            _ => self.message.clone(),
        }
    }
}

/// What was found of one rule.
#[derive(Clone, Debug)]
pub(super) struct Broken {
    pub(super) rule: Rule,
    pub(super) severity: Severity,
    pub(super) count: u64,
    /// The first ones.
    pub(super) told: Vec<Told>,
}

/// What one session's findings come to.
#[derive(Clone, Debug, Default)]
pub struct Gather {
    ring: Ring,
    places: Places,
    newest: Option<u64>,
    waiting: Vec<(Finding, Severity)>,
    pub(super) broken: Vec<Broken>,
    /// For a page.
    page: Option<Box<Page>>,
}

impl Gather {
    /// Keeps what a page wants, too.
    pub fn for_page() -> Self {
        Self { page: Some(Box::default()), ..Self::default() }
    }

    pub(super) fn into_page(self) -> Page {
        self.page.map(|page| *page).unwrap_or_default()
    }

    /// Notes where the next bytes of a sender stand in the file; to be called ahead of their events.
    pub fn chunk(&mut self, from: Sender, len: usize, place: Option<&capture::Place<'_>>) {
        self.places.chunk(from, len, place);
    }

    /// Notes an event.
    ///
    /// `shown`: a page lists it.
    pub fn event(&mut self, out: &mut Vec<u8>, document: &mut Document, file: &str, event: &Event<'_>, shown: bool) {
        self.ring.push(event);
        self.places.event(event);
        if let Some(page) = self.page.as_mut().filter(|_| shown) {
            page.event(event, self.places.line(event.seq));
        }
        self.newest = Some(event.seq);
        for (finding, severity) in std::mem::take(&mut self.waiting) {
            self.finding(out, document, file, &finding, severity);
        }
    }

    /// Notes a finding, or keeps it until its event is there.
    pub fn finding(
        &mut self,
        out: &mut Vec<u8>,
        document: &mut Document,
        file: &str,
        finding: &Finding,
        severity: Severity,
    ) {
        if finding.seq > self.newest && self.waiting.len() < MOST_WAITING {
            self.waiting.push((finding.clone(), severity));
            return;
        }
        let told = self.told(finding, severity);
        document.finding(out, file, &told);
        if let Some(page) = &mut self.page {
            let offset = finding.seq.and_then(|seq| self.ring.find(seq)).map(|kept| kept.offset);
            let len = finding.span.as_ref().map_or(0, |span| span.len() as u64);
            page.finding(&told, offset, len);
        }
        let at = match self.broken.iter().position(|broken| broken.rule == finding.rule) {
            Some(at) => at,
            None => {
                self.broken.push(Broken { rule: finding.rule, severity, count: 0, told: Vec::new() });
                self.broken.len() - 1
            }
        };
        if let Some(broken) = self.broken.get_mut(at) {
            broken.count += 1;
            if broken.told.len() < MOST_KEPT {
                broken.told.push(told);
            }
        }
    }

    /// The session ends: what waits comes now.
    pub fn finish(&mut self, out: &mut Vec<u8>, document: &mut Document, file: &str) {
        self.newest = Some(u64::MAX);
        for (finding, severity) in std::mem::take(&mut self.waiting) {
            self.finding(out, document, file, &finding, severity);
        }
    }

    fn told(&self, finding: &Finding, severity: Severity) -> Told {
        let Finding { rule, seq, time, exchange, message, cite, span, related } = finding;
        // Damage is about the recording: the event that comes last ahead of it is not to blame.
        let kept = seq.filter(|_| *rule != Rule::CaptureDamaged).and_then(|seq| self.ring.find(seq));
        let start = span.as_ref().map_or(0, |span| span.start as u64);
        let region = |seq: u64, span| self.places.region(seq, span);
        let text = kept.map(|kept| {
            let shown = kept.bytes.get(..TEXT).unwrap_or(&kept.bytes);
            let more = if (shown.len() as u64) < kept.len { "…" } else { "" };
            format!("{}{more}", escape(shown))
        });
        Told {
            rule: *rule,
            severity,
            message: message.clone(),
            cite: cite.clone(),
            seq: *seq,
            exchange: *exchange,
            time: *time,
            byte: kept.map(|kept| (kept.from, kept.offset + start)),
            region: seq.and_then(|seq| region(seq, span.as_ref())),
            text,
            related: related.as_ref().map(|(seq, says)| (says.clone(), region(*seq, None))),
        }
    }
}
