//! `atscope decode` and `atscope check`: every recording, every session in it, one after the other.

use std::collections::HashSet;

use super::args::{Check, CheckFormat, Decode, DialectArgs, FailOn, Input};
use super::config::Config;
use super::dialect::Catalogs;
use super::diff;
use super::failure::Failure;
use super::filter::Filter;
use super::input::{Recording, Refused};
use super::interrupt::{self, INTERRUPTED};
use super::levels::Levels;
use super::out::Out;
use super::session::{Header, Session, Settings, Shared, Show, What};
use super::{FAILED, FINE, FOUND};
use crate::capture::{CaptureError, Format as CaptureFormat, Reader};
use crate::check::Rule;
use crate::report::document::{Document, Scope};
use crate::report::html::Html;
use crate::report::junit::Junit;
use crate::report::sarif::Sarif;
use crate::report::text::{self, Options, Shape};

/// Bytes of a payload that are shown if nothing else is said.
const PAYLOAD: usize = 256;

/// Sessions of one recording that are told apart.
const MOST_SESSIONS: usize = 64;

/// `atscope decode`.
pub(super) fn decode(args: Decode, config: Config, out: &mut Out) -> Result<u8, Failure> {
    let what = if args.summary { What::Table } else { What::Events };
    let shape = match (args.hex, args.text) {
        (true, _) => Shape::Hex,
        (_, true) => Shape::Text,
        _ => Shape::Auto,
    };
    let limit = args.payload.or(config.payload).unwrap_or(PAYLOAD);
    let text = Options { style: out.style, shape, limit, inline: true };
    let filter = Filter::new(&args);
    let format = args.format.or(config.format.and_then(CheckFormat::of_decode)).unwrap_or_default().into();
    let mut run = Run::new(args.dialect, config, Show { what, filter, format, text })?;
    if run.settings.show.format == CheckFormat::Html {
        out.document = Some(Document::Html(Box::new(Html::new("atscope decode"))));
    }
    run.documented(&args.input, out)?;
    Ok(match run.end() {
        _ if interrupt::asked() => INTERRUPTED,
        (true, _) => FAILED,
        _ => FINE,
    })
}

/// `atscope check`.
pub(super) fn check(args: Check, config: Config, out: &mut Out) -> Result<u8, Failure> {
    let fail_on: FailOn = args.fail_on.or(config.fail_on).unwrap_or_default();
    let text = Options { style: out.style, shape: Shape::Auto, limit: PAYLOAD, inline: false };
    let format = args.format.or(config.format).unwrap_or_default();
    let show = Show { what: What::Findings, filter: Filter::default(), format, text };
    let mut run = Run::new(args.dialect, config, show)?;
    if let Some(path) = &args.baseline {
        let known = diff::baseline(path)?;
        let known = known.ok_or_else(|| Failure::Said(format!("{}: is no baseline", path.display())))?;
        run.settings.known = known.findings().map(|(rule, message)| (rule.to_owned(), message.to_owned())).collect();
    }
    out.document = document(format, fail_on, &run.settings.levels);
    run.documented(&args.input, out)?;
    Ok(match run.end() {
        _ if interrupt::asked() => INTERRUPTED,
        (true, _) => FAILED,
        (_, findings) if fail_on.fails(findings) => FOUND,
        _ => FINE,
    })
}

/// The report over all recordings that a format stands for.
fn document(format: CheckFormat, fail_on: FailOn, levels: &Levels) -> Option<Document> {
    let silenced = Rule::ALL.iter().copied().filter(|&rule| levels.severity(rule).is_none()).collect();
    let scope = Scope { fails: fail_on.least(), silenced };
    match format {
        CheckFormat::Text | CheckFormat::Jsonl => None,
        CheckFormat::Github => Some(Document::Github),
        CheckFormat::Html => Some(Document::Html(Box::new(Html::new("atscope check")))),
        CheckFormat::Junit => Some(Document::Junit(Box::new(Junit::new(scope)))),
        CheckFormat::Markdown => Some(Document::Markdown(Box::default())),
        CheckFormat::Sarif => Some(Document::Sarif(Box::new(Sarif::new(scope)))),
    }
}

/// A run over all recordings.
pub(super) struct Run {
    settings: Settings,
    catalogs: Catalogs,
    findings: [u64; 3],
    /// Some input was unreadable or damaged.
    failed: bool,
    /// No recording was printed yet.
    first: bool,
    /// There are several recordings.
    several: bool,
}

impl Run {
    pub(super) fn new(dialect: DialectArgs, config: Config, show: Show) -> Result<Self, Failure> {
        let files: Vec<_> = dialect.catalog.into_iter().chain(config.catalog).collect();
        let mut catalogs = Catalogs::new(&files)?;
        let name = dialect.dialect.or(config.dialect).filter(|name| name != "auto");
        if let Some(name) = &name {
            // A name that is wrong is wrong for all recordings: said once, before any of them.
            catalogs.named(name)?;
        }
        let settings = Settings {
            dialect: name,
            model: dialect.model.or(config.model),
            from_boot: dialect.from_boot || config.from_boot,
            levels: config.levels,
            known: HashSet::new(),
            show,
        };
        Ok(Self { settings, catalogs, findings: [0; 3], failed: false, first: true, several: false })
    }

    /// Handles all recordings; the report over them, if there is one, is whole whatever happens.
    fn documented(&mut self, input: &Input, out: &mut Out) -> Result<(), Failure> {
        if let Some(document) = &mut out.document {
            document.begin(&mut out.buffer);
        }
        let result = self.all(input, out);
        if let Some(mut document) = out.document.take() {
            document.end(&mut out.buffer);
        }
        result
    }

    pub(super) fn all(&mut self, input: &Input, out: &mut Out) -> Result<(), Failure> {
        let recordings = input.recordings()?;
        self.several = recordings.len() > 1;
        interrupt::watch();
        for recording in &recordings {
            if interrupt::asked() {
                break;
            }
            let result = self.one(recording, input, out);
            if let (Err(Failure::Said(message)), Some(document)) = (&result, &mut out.document) {
                document.unreadable(&mut out.buffer, &recording.name(), message);
            }
            match result {
                Ok(()) => {}
                Err(Failure::Said(message)) if self.several => {
                    // The others are still handled.
                    out.flush()?;
                    out.error(&message);
                    self.failed = true;
                }
                Err(failure) => return Err(failure),
            }
        }
        Ok(())
    }

    /// Whether some input failed, and the findings.
    ///
    /// Leaves the catalogs as they are: the process ends, and taking them apart takes longer than many a recording.
    pub(super) fn end(self) -> (bool, [u64; 3]) {
        let Self { catalogs, failed, findings, .. } = self;
        std::mem::forget(catalogs);
        (failed, findings)
    }

    /// From here on sessions are shown like this.
    pub(super) fn show(&mut self, show: Show) {
        self.settings.show = show;
    }

    /// From here on recordings are of this dialect, unless one was named.
    pub(super) fn dialect_is(&mut self, name: &str) {
        self.settings.dialect.get_or_insert_with(|| name.to_owned());
    }

    /// Names the recording that comes, where there are several and its events are shown.
    fn heading(&self, name: &str, out: &mut Out) {
        let show = &self.settings.show;
        if self.several && show.format == CheckFormat::Text && matches!(show.what, What::Events | What::Table) {
            if !self.first {
                out.buffer.push(b'\n');
            }
            text::heading(&mut out.buffer, name, show.text.style);
        }
    }

    fn one(&mut self, recording: &Recording<'_>, input: &Input, out: &mut Out) -> Result<(), Failure> {
        let name = recording.name();
        match recording.open(input) {
            Ok(mut reader) => {
                self.heading(&name, out);
                let several = is_several(recording, input, reader.as_ref());
                out.begin(&name, recording.size(), self.settings.show.what == What::Events);
                let result = self.read(&name, reader.as_mut(), several, out);
                out.end();
                result
            }
            Err(Refused::Unreadable(message)) => Err(Failure::Said(message)),
            Err(Refused::Damaged(error)) => {
                self.failed = true;
                self.heading(&name, out);
                let header = Header::default();
                let Self { settings, catalogs, first, .. } = self;
                let shared = &mut Shared { settings, catalogs, out, file: &name, first: *first, header: &header };
                let findings = Session::new(0, Some(false), shared).finish(Some(&damage(&error, &name)), shared)?;
                self.count(findings);
                Ok(())
            }
        }
    }

    fn read(
        &mut self,
        name: &str,
        reader: &mut dyn Reader,
        several: Option<bool>,
        out: &mut Out,
    ) -> Result<(), Failure> {
        let Self { settings, catalogs, first, .. } = self;
        let header = Header::new(reader.meta());
        let said = notes(name, reader, 0, out);
        let mut shared = Shared { settings, catalogs, out, file: name, first: *first, header: &header };
        let mut sessions: Vec<Session> = Vec::new();
        let (mut latest, mut left_out, mut stopped) = (0, false, false);
        let error = loop {
            // What was read and is held back still comes.
            if interrupt::asked() && !std::mem::replace(&mut stopped, true) && !reader.stop() {
                break None;
            }
            shared.out.at(reader.position());
            let chunk = match reader.next_chunk() {
                Ok(Some(chunk)) => chunk,
                Ok(None) => break None,
                Err(error) => break Some(error),
            };
            latest = match sessions.iter().position(|session| session.number == chunk.session) {
                Some(at) => at,
                None if sessions.len() >= MOST_SESSIONS => {
                    left_out = true;
                    continue;
                }
                None => {
                    if let [alone] = sessions.as_mut_slice() {
                        alone.not_alone();
                    }
                    let several = if sessions.is_empty() { several } else { Some(true) };
                    sessions.push(Session::new(chunk.session, several, &shared));
                    sessions.len() - 1
                }
            };
            if let Some(session) = sessions.get_mut(latest) {
                session.chunk(&chunk, &mut shared)?;
            }
        };
        // The end that the user asked for is no damage.
        let error = error.filter(|_| !stopped);
        let is_readable = error.as_ref().is_none_or(CaptureError::is_damage);
        if sessions.is_empty() && is_readable {
            sessions.push(Session::new(0, Some(false), &shared));
        }
        notes(name, reader, said, shared.out);
        if interrupt::asked() {
            shared.out.warning(&format!("{name}: interrupted; what was read up to here is shown"));
        }
        if left_out {
            shared
                .out
                .warning(&format!("{name}: holds more than {MOST_SESSIONS} conversations; the others are left out"));
        }
        let damage = error.as_ref().filter(|error| error.is_damage()).map(|error| damage(error, name));
        let mut findings = [[0; 3]; MOST_SESSIONS];
        for ((at, session), findings) in sessions.iter_mut().enumerate().zip(&mut findings) {
            *findings = session.finish(damage.as_deref().filter(|_| at == latest), &mut shared)?;
        }
        findings.into_iter().for_each(|findings| self.count(findings));
        match error {
            Some(error) if error.is_damage() => self.failed = true,
            Some(error) => return Err(Failure::Said(error.to_string())),
            None => {}
        }
        Ok(())
    }

    fn count(&mut self, findings: [u64; 3]) {
        self.first = false;
        for (sum, count) in self.findings.iter_mut().zip(findings) {
            *sum += count;
        }
    }
}

/// Whether a recording holds several conversations; `None` where that cannot be told ahead of them.
///
/// Every line that is printed of such a recording carries their numbers. A file whose format does not tell is read
/// up to its second conversation first.
fn is_several(recording: &Recording<'_>, input: &Input, reader: &dyn Reader) -> Option<bool> {
    let meta = reader.meta();
    if let Some(sessions) = meta.sessions {
        return Some(sessions > 1);
    }
    recording.size().filter(|_| matches!(meta.format, CaptureFormat::Pcapng | CaptureFormat::Saleae))?;
    let mut reader = recording.open(input).ok()?;
    let mut first = None;
    while let Ok(Some(chunk)) = reader.next_chunk() {
        if *first.get_or_insert(chunk.session) != chunk.session {
            return Some(true);
        }
        if interrupt::asked() {
            return None;
        }
    }
    Some(false)
}

/// What is damaged, without the file's name: findings have it already.
fn damage(error: &CaptureError, name: &str) -> String {
    let text = error.to_string();
    text.strip_prefix(name).and_then(|text| text.strip_prefix(": ")).unwrap_or(&text).to_owned()
}

/// Says what the reader noted since the last time; gives how many notes there are now.
fn notes(name: &str, reader: &dyn Reader, said: usize, out: &Out) -> usize {
    let notes = &reader.meta().notes;
    for note in notes.iter().skip(said) {
        out.note(&format!("{name}: {note}"));
    }
    notes.len()
}
