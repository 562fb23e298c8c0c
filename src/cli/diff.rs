//! `atscope diff`: reads both sides, holds them against each other, prints what is different.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::args::{CheckFormat, DialectArgs, Diff, DiffFormat, Input, Reading};
use super::config::Config;
use super::decode::Run;
use super::failure::Failure;
use super::interrupt::{self, INTERRUPTED};
use super::out::Out;
use super::session::{Show, What};
use super::{FAILED, FINE, FOUND};
use crate::capture::is_export;
use crate::diff::{self, Baseline, Pools, Recording, Side};
use crate::report::differences::{self, About, Comparison};
use crate::report::document::Document;
use crate::report::html::Html;

/// What recordings become, where they are compared.
#[derive(Debug, Default)]
pub(super) struct Models {
    pub(super) pools: Pools,
    /// Of the recording that is read: number of the session, and the session.
    pub(super) sessions: Vec<(u32, Recording)>,
}

/// `atscope diff`.
pub(super) fn diff(args: Diff, config: Config, out: &mut Out) -> Result<u8, Failure> {
    let (old, new) = sides(&args)?;
    let fail_on = args.fail_on.or(config.fail_on).unwrap_or_default();
    let mut readers = Readers::new(args.dialect, config, args.reading)?;
    let (baseline, old) = readers.side("old", &old, out)?;
    let (_, new) = readers.side("new", &new, out)?;
    if interrupt::asked() {
        return Ok(INTERRUPTED);
    }
    let comparison = readers.compare(baseline.as_ref(), &old, &new, out);
    match args.format.unwrap_or_default() {
        DiffFormat::Html => {
            let page = readers.page(out)?;
            page.comparison(&mut out.buffer, &comparison);
        }
        DiffFormat::Json => differences::json(&mut out.buffer, &comparison),
        DiffFormat::Junit => differences::junit(&mut out.buffer, &comparison, fail_on.least()),
        DiffFormat::Markdown => differences::markdown(&mut out.buffer, &comparison),
        DiffFormat::Text => differences::text(&mut out.buffer, &comparison, out.style),
    }
    let found = fail_on.fails(comparison.differences.counts());
    let failed = readers.run.end().0;
    // What was read is not taken apart: the process ends.
    std::mem::forget((readers.models, old, new));
    Ok(match (failed, found) {
        (true, _) => FAILED,
        (_, true) => FOUND,
        _ => FINE,
    })
}

/// The files of both sides.
fn sides(args: &Diff) -> Result<(Vec<PathBuf>, Vec<PathBuf>), Failure> {
    match (args.paths.as_slice(), args.old.is_empty(), args.new.is_empty()) {
        ([old, new], true, true) => Ok((vec![old.clone()], vec![new.clone()])),
        ([new], false, true) => Ok((args.old.clone(), vec![new.clone()])),
        ([], false, false) => Ok((args.old.clone(), args.new.clone())),
        _ => Err(Failure::said("two sides are compared: `atscope diff OLD NEW`, or `--old FILE… --new FILE…`")),
    }
}

/// Reads sides of a comparison, all against one dialect.
pub(super) struct Readers {
    pub(super) run: Run,
    pub(super) models: Models,
    reading: Reading,
    /// The first recording of each side, where it is a file.
    firsts: Vec<Vec<PathBuf>>,
}

impl Readers {
    pub(super) fn new(dialect: DialectArgs, config: Config, reading: Reading) -> Result<Self, Failure> {
        let run = Run::new(dialect, config, Show::recorded())?;
        Ok(Self { run, models: Models::default(), reading, firsts: Vec::new() })
    }

    /// Reads a side: a baseline, or recordings; folders stand for the files in them.
    pub(super) fn side(
        &mut self,
        what: &str,
        paths: &[PathBuf],
        out: &mut Out,
    ) -> Result<(Option<Baseline>, Side), Failure> {
        if let [path] = paths
            && let Some(baseline) = baseline(path)?
        {
            self.run.dialect_is(baseline.dialect());
            let side = baseline.side(&mut self.models.pools);
            return Ok((Some(baseline), side));
        }
        let captures = expanded(paths)?;
        if captures.is_empty() {
            return Err(Failure::said(format!("the {what} side has no recordings")));
        }
        self.firsts.extend(captures.first().cloned());
        let mut recordings = Vec::new();
        for capture in captures {
            let input = Input { captures: capture, host: None, module: None, reading: self.reading.clone() };
            out.models = Some(std::mem::take(&mut self.models));
            let result = self.run.all(&input, out);
            self.models = out.models.take().unwrap_or_default();
            result?;
            if let Some(recording) = self.chosen(out) {
                if recording.is_empty() {
                    out.warning(&format!("{}: holds nothing to compare, and is left out", recording.name));
                    continue;
                }
                self.run.dialect_is(&recording.dialect);
                if let Some(sender) = recording.silent() {
                    out.warning(&format!("{}: holds nothing that the {} says", recording.name, sender.as_str()));
                }
                recordings.push(recording);
            }
        }
        if recordings.is_empty() && !interrupt::asked() {
            return Err(Failure::said(format!("the {what} side holds nothing to compare")));
        }
        Ok((None, Side::new(&self.models.pools, recordings)))
    }

    /// The conversation to compare, where a recording holds several: the longest one.
    fn chosen(&mut self, out: &mut Out) -> Option<Recording> {
        let mut sessions = std::mem::take(&mut self.models.sessions);
        let several = sessions.len();
        sessions.sort_by_key(|(_, session)| session.exchanges());
        let (number, chosen) = sessions.pop()?;
        if several > 1 {
            let name = &chosen.name;
            out.warning(&format!(
                "{name}: holds {several} conversations, compared is session {number}, the longest; --select takes another one"
            ));
        }
        Some(chosen)
    }

    /// A page with the first recording of each side, which is read once more.
    fn page(&mut self, out: &mut Out) -> Result<Html, Failure> {
        out.document = Some(Document::Html(Box::new(Html::new("atscope diff"))));
        self.run.show(Show { format: CheckFormat::Html, what: What::Findings, ..Show::recorded() });
        for (at, captures) in std::mem::take(&mut self.firsts).into_iter().enumerate() {
            if captures.iter().any(|path| path == Path::new("-")) {
                out.warning("standard input cannot be read twice: the page does not show that side");
                continue;
            }
            let input = Input { captures, host: None, module: None, reading: self.reading.clone() };
            self.run.all(&input, out)?;
            if let Some(Document::Html(page)) = &mut out.document {
                page.keep(at + 1);
            }
        }
        match out.document.take() {
            Some(Document::Html(page)) => Ok(*page),
            _ => Ok(Html::default()),
        }
    }

    pub(super) fn compare(&self, baseline: Option<&Baseline>, old: &Side, new: &Side, out: &mut Out) -> Comparison {
        let mut differences = diff::compare(&self.models.pools, old, new);
        if !differences.aligned.is_alike() {
            out.warning("the sides have few commands in common: is this the same test run?");
        }
        let mut accepted = Vec::new();
        if let Some(baseline) = baseline {
            let list = std::mem::take(&mut differences.list);
            for one in list {
                match baseline.accepted.iter().find(|accepted| accepted.covers(&one)) {
                    Some(by) => accepted.push((one, by.clone())),
                    None => differences.list.push(one),
                }
            }
        }
        Comparison { old: About::new(old), new: About::new(new), differences, accepted }
    }
}

/// The baseline in a file, if it is one.
pub(super) fn baseline(path: &Path) -> Result<Option<Baseline>, Failure> {
    let fail = |error: &dyn std::fmt::Display| Failure::Said(format!("{}: {error}", path.display()));
    if path == Path::new("-") || !path.is_file() {
        return Ok(None);
    }
    let mut file = fs::File::open(path).map_err(|error| fail(&error))?;
    let mut start = Vec::new();
    file.by_ref().take(512).read_to_end(&mut start).map_err(|error| fail(&error))?;
    // What else is JSON is no recording either: the error is to say what is missing.
    let is_json = path.extension().is_some_and(|end| end.eq_ignore_ascii_case("json"));
    let is_document = is_json && matches!(start.trim_ascii_start().first(), Some(b'{' | b'['));
    if !is_document && !Baseline::is_one(&start) {
        return Ok(None);
    }
    let text = fs::read_to_string(path).map_err(|error| fail(&error))?;
    Baseline::parse(&text).map(Some).map_err(|error| fail(&error))
}

/// The recordings of paths: each of a folder's files, unless these are the channels of one recording.
fn expanded(paths: &[PathBuf]) -> Result<Vec<Vec<PathBuf>>, Failure> {
    let mut captures = Vec::new();
    let mut channels: Vec<PathBuf> = Vec::new();
    for path in paths {
        if !path.is_dir() {
            if is_export(path) {
                channels.push(path.clone())
            } else {
                captures.push(vec![path.clone()])
            }
            continue;
        }
        let fail = |error: std::io::Error| Failure::Said(format!("{}: {error}", path.display()));
        let mut files = Vec::new();
        for entry in fs::read_dir(path).map_err(fail)? {
            let file = entry.map_err(fail)?.path();
            let is_hidden = file.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
            if file.is_file() && !is_hidden {
                files.push(file);
            }
        }
        files.sort();
        if files.iter().any(|file| is_export(file)) {
            captures.push(vec![path.clone()]);
        } else {
            captures.extend(files.into_iter().map(|file| vec![file]));
        }
    }
    if !channels.is_empty() {
        captures.push(channels);
    }
    Ok(captures)
}
