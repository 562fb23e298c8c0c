//! Prints a session: what the analyzer says, as text or JSON lines, as far as filter and levels let it through.

use super::args::CheckFormat as Format;
use super::diff::Models;
use super::out::Out;
use super::session::{Settings, Shared, What};
use crate::Sender;
use crate::capture;
use crate::check::{Finding, Rule, Severity, Sink};
use crate::diff::{Recorder, masked};
use crate::report::Totals;
use crate::report::document::Document;
use crate::report::gather::Gather;
use crate::report::jsonl::JsonLines;
use crate::report::places::Places;
use crate::report::stats::Stats;
use crate::report::text::Text;
use crate::session::{Event, EventKind};

/// Prints a session.
pub(super) struct Printer {
    form: Form,
    file: String,
    /// The session's number, where the recording has several.
    pub(super) session: Option<u32>,
    stats: Option<Stats>,
    /// Reported findings: errors, warnings, infos.
    pub(super) findings: [u64; 3],
    shown: Shown,
}

enum Form {
    Jsonl(JsonLines, Places),
    /// A report over all recordings, which [`Out`] has.
    Report(Box<Gather>),
    Text(Box<Text>),
    /// What it says is kept, to be compared.
    Record(Box<Recorder>, Places),
}

impl Printer {
    /// For the session of that number, where the recording has several.
    pub(super) fn new(shared: &Shared<'_>, session: Option<u32>) -> Self {
        let (file, settings) = (shared.file, shared.settings);
        let form = match settings.show.format {
            _ if settings.show.what == What::Nothing => {
                let recorder = Recorder::new(file.to_owned()).of_echoes(shared.header.echoes);
                Form::Record(Box::new(recorder), Places::default())
            }
            Format::Jsonl => Form::Jsonl(JsonLines::new(file, session), Places::default()),
            Format::Text => {
                let mut text = Text::new(file, session, settings.show.text);
                if !shared.first {
                    text.set_off();
                }
                Form::Text(Box::new(text))
            }
            Format::Github | Format::Junit | Format::Markdown | Format::Sarif => Form::Report(Box::default()),
            Format::Html => Form::Report(Box::new(Gather::for_page())),
        };
        let stats = (settings.show.what == What::Table).then(Stats::default);
        Self { form, file: file.to_owned(), session, stats, findings: [0; 3], shown: Shown::default() }
    }

    /// From here on the recording has several sessions, and this is the one with that number.
    pub(super) fn number(&mut self, session: u32) {
        match &mut self.form {
            Form::Jsonl(lines, _) => lines.set_session(Some(session)),
            Form::Report(_) | Form::Record(..) => {}
            Form::Text(text) => text.set_session(session),
        }
        self.session = Some(session);
    }

    /// Notes where the next bytes of a sender stand in the file; to be called ahead of their events.
    pub(super) fn chunk(&mut self, from: Sender, len: usize, place: Option<&capture::Place<'_>>) {
        match &mut self.form {
            Form::Jsonl(_, places) => places.chunk(from, len, place),
            Form::Report(gather) => gather.chunk(from, len, place),
            Form::Record(_, places) => places.chunk(from, len, place),
            Form::Text(text) => text.chunk(from, len, place),
        }
    }

    /// Prints the totals.
    pub(super) fn finish(&mut self, totals: &Totals, shared: &mut Shared<'_>) {
        let Out { buffer: out, document, models, .. } = &mut *shared.out;
        match &mut self.form {
            Form::Jsonl(lines, _) => lines.summary(out, totals, self.stats.as_ref()),
            Form::Record(recorder, _) => {
                if let Some(models) = models {
                    let recording = std::mem::take(&mut **recorder).finish(&mut models.pools, &totals.dialect);
                    models.sessions.push((self.session.unwrap_or(0), recording));
                }
            }
            Form::Report(gather) => {
                if let Some(document) = document {
                    gather.finish(out, document, &self.file);
                    document.session(&self.file, self.session, totals, std::mem::take(&mut **gather));
                }
            }
            Form::Text(text) => {
                if let Some(stats) = &self.stats {
                    stats.text(out, shared.settings.show.text.style);
                    out.push(b'\n');
                }
                text.finish(out, totals);
            }
        }
    }
}

/// The analyzer's sink: from events and findings to the output.
pub(super) struct Tap<'a> {
    printer: &'a mut Printer,
    out: &'a mut Vec<u8>,
    document: Option<&'a mut Document>,
    models: Option<&'a mut Models>,
    settings: &'a Settings,
}

impl<'a> Tap<'a> {
    pub(super) fn new(printer: &'a mut Printer, shared: &'a mut Shared<'_>) -> Self {
        let Out { buffer, document, models, .. } = &mut *shared.out;
        Self { printer, out: buffer, document: document.as_mut(), models: models.as_mut(), settings: shared.settings }
    }
}

impl Sink for Tap<'_> {
    fn event(&mut self, event: &Event<'_>) {
        let filter = &self.settings.show.filter;
        let shown = filter.is_open() || filter.shows(event);
        if let Some(stats) = &mut self.printer.stats {
            if shown {
                stats.event(event);
            }
            return;
        }
        if !filter.is_open() {
            self.printer.shown.note(event.seq, shown);
        }
        match &mut self.printer.form {
            Form::Jsonl(lines, places) => {
                places.event(event);
                if shown && self.settings.show.what == What::Events {
                    lines.event(self.out, event);
                }
            }
            Form::Record(recorder, places) => {
                places.event(event);
                if let Some(models) = &mut self.models {
                    let line = needs_place(event).then(|| places.line(event.seq)).flatten();
                    recorder.event(&mut models.pools, event, line);
                }
            }
            Form::Report(gather) => {
                if let Some(document) = &mut self.document {
                    gather.event(self.out, document, &self.printer.file, event, shown);
                }
            }
            Form::Text(text) => text.event(self.out, event, shown),
        }
    }

    fn finding(&mut self, finding: &Finding) {
        let Some(severity) = self.settings.levels.severity(finding.rule) else {
            return;
        };
        let settings = self.settings;
        if !settings.known.is_empty() && finding.rule != Rule::CaptureDamaged {
            let known = (finding.rule.name().to_owned(), masked(&finding.message));
            if settings.known.contains(&known) {
                return;
            }
        }
        let place = Severity::ALL.iter().position(|&one| one == severity).unwrap_or(0);
        if let Some(count) = self.printer.findings.get_mut(place) {
            *count += 1;
        }
        // Damage is about the recording, whatever event comes last ahead of it.
        let hidden = finding.rule != Rule::CaptureDamaged
            && !self.settings.show.filter.is_open()
            && finding.seq.is_some_and(|seq| self.printer.shown.hid(seq));
        if self.settings.show.what == What::Table || hidden {
            return;
        }
        match &mut self.printer.form {
            Form::Jsonl(lines, places) => lines.finding_at(self.out, finding, severity, places.of(finding)),
            Form::Record(recorder, places) => {
                let line = finding.seq.and_then(|seq| places.line(seq));
                recorder.finding(finding, severity, line);
            }
            Form::Report(gather) => {
                if let Some(document) = &mut self.document {
                    gather.finding(self.out, document, &self.printer.file, finding, severity);
                }
            }
            Form::Text(text) => text.finding(self.out, finding, severity),
        }
    }
}

/// Whether the place of an event in the file is kept.
fn needs_place(event: &Event<'_>) -> bool {
    matches!(event.kind, EventKind::Command { .. } | EventKind::Urc { .. } | EventKind::Boot { .. })
}

/// Which of the last events were hidden by the filter; bounded.
#[derive(Default)]
struct Shown {
    /// By number modulo the length: number, and whether it was shown.
    slots: Vec<(u64, bool)>,
}

impl Shown {
    const KEPT: u64 = 4096;

    fn note(&mut self, seq: u64, shown: bool) {
        let at = (seq % Self::KEPT) as usize;
        match self.slots.get_mut(at) {
            Some(slot) => *slot = (seq, shown),
            None => self.slots.push((seq, shown)),
        }
    }

    /// Whether this event is known to be hidden.
    fn hid(&self, seq: u64) -> bool {
        self.slots.get((seq % Self::KEPT) as usize).is_some_and(|&(number, shown)| number == seq && !shown)
    }
}
