//! What is said, on standard error while it is said: as `decode` shows it, with what the host does wrong.

use std::sync::Arc;

use crate::catalog::Catalog;
use crate::check::{Analyzer, Finding, Options, Sink};
use crate::cli::levels::Levels;
use crate::cli::out::Voice;
use crate::report::Totals;
use crate::report::text::{self, Shape, Text};
use crate::session::Event;
use crate::{Sender, Time};

/// Bytes of a payload that are shown.
const PAYLOAD: usize = 256;

/// Columns of a line.
const COLUMNS: usize = 120;

/// How it is shown.
#[derive(Clone)]
pub(super) struct Look {
    pub(super) catalog: Arc<Catalog>,
    pub(super) model: Option<String>,
    pub(super) levels: Levels,
    pub(super) voice: Voice,
}

/// One conversation.
pub(super) struct Monitor {
    look: Look,
    analyzer: Analyzer,
    view: View,
}

struct View {
    text: Text,
    levels: Levels,
    findings: [u64; 3],
    out: Vec<u8>,
}

impl Monitor {
    /// Of the line of that name; with a number where there are several.
    pub(super) fn new(look: &Look, line: &str, number: Option<u32>) -> Self {
        let options = Options { model: look.model.clone(), from_boot: true, ..Options::default() };
        let shown =
            text::Options { style: look.voice.style(COLUMNS), shape: Shape::Auto, limit: PAYLOAD, inline: true };
        let text = Text::new(line, number, shown);
        let view = View { text, levels: look.levels.clone(), findings: [0; 3], out: Vec::new() };
        Self { look: look.clone(), analyzer: Analyzer::new(Arc::clone(&look.catalog), options), view }
    }

    /// Something was said.
    pub(super) fn chunk(&mut self, from: Sender, time: Time, bytes: &[u8]) {
        self.view.text.chunk(from, bytes.len(), None);
        self.analyzer.push(from, Some(time), bytes, &[], &mut self.view);
        self.print();
    }

    /// The conversation is over.
    pub(super) fn finish(&mut self) {
        let summary = self.analyzer.finish(&mut self.view);
        let totals = Totals {
            dialect: self.look.catalog.name.to_string(),
            model: self.look.model.clone(),
            profile: summary.profile,
            events: summary.events,
            exchanges: summary.exchanges,
            findings: self.view.findings,
            bytes: summary.bytes,
        };
        self.view.text.finish(&mut self.view.out, &totals);
        self.print();
    }

    fn print(&mut self) {
        if self.view.out.is_empty() {
            return;
        }
        self.look.voice.write(&self.view.out);
        self.view.out.clear();
    }
}

impl Sink for View {
    fn event(&mut self, event: &Event<'_>) {
        self.text.event(&mut self.out, event, true);
    }

    fn finding(&mut self, finding: &Finding) {
        let Some(severity) = self.levels.severity(finding.rule) else { return };
        let place = crate::check::Severity::ALL.iter().position(|&one| one == severity).unwrap_or(0);
        if let Some(count) = self.findings.get_mut(place) {
            *count += 1;
        }
        self.text.finding(&mut self.out, finding, severity);
    }
}
