//! What went over the line: the transcript, and what the rules say to it while it goes on.
//!
//! Bounded: the oldest records are dropped beyond 16 MiB, findings beyond the 4096th are only counted by the rules themselves.

use std::collections::VecDeque;
use std::fmt::Write;
use std::sync::Arc;

use crate::catalog::Catalog;
use crate::check::{Analyzer, Finding, Options, Sink};
use crate::escape::escape;
use crate::{Sender, Time};

/// Longest transcript.
const LONGEST: usize = 16 << 20;

/// Most findings that are kept.
const FINDINGS: usize = 4096;

/// See the module's head.
pub(super) struct Log {
    head: String,
    records: VecDeque<String>,
    len: usize,
    dropped: u64,
    analyzer: Option<Analyzer>,
    findings: Findings,
    finished: bool,
}

#[derive(Default)]
struct Findings(Vec<Finding>);

impl Sink for Findings {
    fn finding(&mut self, finding: &Finding) {
        if self.0.len() < FINDINGS {
            self.0.push(finding.clone());
        }
    }
}

impl Log {
    /// A log of a line; with a catalog, its rules are held against it.
    pub(super) fn new(catalog: Option<&Arc<Catalog>>, model: Option<&str>) -> Self {
        let mut head = String::new();
        if let Some(catalog) = catalog {
            let _ = writeln!(head, "# dialect: {}", catalog.name);
            if let Some(model) = model {
                let _ = writeln!(head, "# model: {model}");
            }
            head.push_str("# start: boot\n");
        }
        let options = Options { model: model.map(str::to_owned), from_boot: true, ..Options::default() };
        Self {
            head,
            records: VecDeque::new(),
            len: 0,
            dropped: 0,
            analyzer: catalog.map(|catalog| Analyzer::new(Arc::clone(catalog), options)),
            findings: Findings::default(),
            finished: false,
        }
    }

    pub(super) fn record(&mut self, from: Sender, time: Time, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let mark = if from == Sender::Host { '>' } else { '<' };
        let record = format!("@{time:.6} {mark} {}\n", escape(bytes));
        self.len += record.len();
        self.records.push_back(record);
        while self.len > LONGEST
            && let Some(oldest) = self.records.pop_front()
        {
            self.len -= oldest.len();
            self.dropped += 1;
        }
        if let Some(analyzer) = self.analyzer.as_mut().filter(|_| !self.finished) {
            analyzer.push(from, Some(time), bytes, &[], &mut self.findings);
        }
    }

    /// The transcript so far, in the format of `.at` files.
    pub(super) fn transcript(&self) -> String {
        let mut text = String::with_capacity(self.head.len() + self.len + 64);
        text.push_str(&self.head);
        if self.dropped > 0 {
            let _ = writeln!(text, "# {} older records were dropped", self.dropped);
        }
        text.extend(self.records.iter().map(String::as_str));
        text
    }

    /// What the rules found so far.
    pub(super) fn findings(&self) -> &[Finding] {
        &self.findings.0
    }

    /// The session is over: what is open now stays open.
    pub(super) fn finish(&mut self) {
        if let Some(analyzer) = self.analyzer.as_mut().filter(|_| !self.finished) {
            analyzer.finish(&mut self.findings);
        }
        self.finished = true;
    }
}
