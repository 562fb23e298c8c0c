//! A report over all recordings of a run, in a format that other programs read.
//!
//! [`begin`](Document::begin), then for each session its findings and [`session`](Document::session), then
//! [`end`](Document::end): what stands in between is a whole document, also where a recording could not be read.

use super::Totals;
use super::gather::{Gather, Told};
use super::github;
use super::html::Html;
use super::junit::Junit;
use super::markdown::Markdown;
use super::sarif::Sarif;
use crate::check::{Rule, Severity};

/// A report in the making.
#[derive(Debug)]
pub enum Document {
    /// Workflow commands of GitHub Actions, which show as annotations.
    Github,
    /// A page for people.
    Html(Box<Html>),
    /// JUnit XML.
    Junit(Box<Junit>),
    /// Markdown for a pull request.
    Markdown(Box<Markdown>),
    /// SARIF 2.1.0.
    Sarif(Box<Sarif>),
}

/// What holds for all of a report.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// Findings from this severity up make the run fail; `None`: none does.
    pub fails: Option<Severity>,
    /// Rules that are not reported.
    pub silenced: Vec<Rule>,
}

impl Scope {
    pub(super) fn is_failure(&self, severity: Severity) -> bool {
        self.fails.is_some_and(|least| severity >= least)
    }
}

impl Document {
    /// Writes what stands ahead of everything.
    pub fn begin(&mut self, out: &mut Vec<u8>) {
        if let Self::Sarif(sarif) = self {
            sarif.begin(out);
        }
    }

    pub(super) fn finding(&mut self, out: &mut Vec<u8>, file: &str, told: &Told) {
        match self {
            Self::Github => github::finding(out, file, told),
            Self::Sarif(sarif) => sarif.finding(out, file, told),
            Self::Html(_) | Self::Junit(_) | Self::Markdown(_) => {}
        }
    }

    /// A session ends; `gather` has its findings.
    pub fn session(&mut self, file: &str, session: Option<u32>, totals: &Totals, gather: Gather) {
        match self {
            Self::Junit(junit) => junit.session(file, session, totals, gather),
            Self::Markdown(markdown) => markdown.session(file, session, totals, gather),
            Self::Html(html) => html.session(file, session, totals, gather),
            Self::Github | Self::Sarif(_) => {}
        }
    }

    /// A recording could not be read.
    pub fn unreadable(&mut self, out: &mut Vec<u8>, file: &str, message: &str) {
        // The report names the file already.
        let message = message.strip_prefix(file).and_then(|rest| rest.strip_prefix(": ")).unwrap_or(message);
        match self {
            Self::Github => github::unreadable(out, file, message),
            Self::Html(html) => html.unreadable(file, message),
            Self::Junit(junit) => junit.unreadable(file, message),
            Self::Markdown(markdown) => markdown.unreadable(file, message),
            Self::Sarif(sarif) => sarif.unreadable(file, message),
        }
    }

    /// Writes what stands behind everything.
    pub fn end(&mut self, out: &mut Vec<u8>) {
        match self {
            Self::Github => {}
            Self::Html(html) => html.write(out),
            Self::Junit(junit) => junit.write(out),
            Self::Markdown(markdown) => markdown.write(out),
            Self::Sarif(sarif) => sarif.end(out),
        }
    }
}

/// A file's name as reports give it: relative to the working folder where it lies below it, with forward slashes.
pub(super) fn relative(file: &str) -> String {
    let path = std::path::Path::new(file);
    let folder = if path.is_absolute() { std::env::current_dir().ok() } else { None };
    let below = folder.as_deref().and_then(|folder| path.strip_prefix(folder).ok()).unwrap_or(path);
    let text = below.to_string_lossy();
    let text = if cfg!(windows) { text.replace('\\', "/") } else { text.into_owned() };
    let mut name = text.as_str();
    while let Some(rest) = name.strip_prefix("./") {
        name = rest.trim_start_matches('/');
    }
    name.to_owned()
}

/// `boot.at`, or `boot.at, session 1`.
pub(super) fn title(file: &str, session: Option<u32>) -> String {
    match session {
        Some(session) => format!("{}, session {session}", relative(file)),
        None => relative(file),
    }
}

/// `1 error, 2 warnings, 0 infos`
pub(super) fn counted([errors, warnings, infos]: [u64; 3]) -> String {
    let one = |count: u64, name: &str| format!("{count} {name}{}", if count == 1 { "" } else { "s" });
    format!("{}, {}, {}", one(errors, "error"), one(warnings, "warning"), one(infos, "info"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn files_are_named_from_the_working_folder() {
        assert_eq!(relative("./a/b.at"), "a/b.at");
        assert_eq!(relative("../b.at"), "../b.at");
        assert_eq!(relative("-"), "-");
        let here = std::env::current_dir().unwrap().join("sub/x.at");
        assert_eq!(relative(here.to_str().unwrap()), "sub/x.at");
        assert_eq!(relative("/no/where.at"), "/no/where.at");
    }
}
