//! Findings: a broken or bent rule, with its place and the page that says so.

use std::fmt;
use std::ops::Range;

use super::Rule;
use crate::Time;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Beside the manual, but harmless or doubtful.
    Warning,
    /// A broken rule.
    Error,
}

impl Severity {
    /// All severities, worst first.
    pub const ALL: [Self; 3] = [Self::Error, Self::Warning, Self::Info];

    /// `info`, `warning` or `error`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A broken or bent rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The rule.
    pub rule: Rule,
    /// The event that it is about; `None` where it is about the recording as a whole.
    pub seq: Option<u64>,
    /// The event's time.
    pub time: Option<Time>,
    /// The exchange that it is about.
    pub exchange: Option<u64>,
    /// What is, and what was expected: lower case, no full stop.
    pub message: String,
    /// Who says so: `ESP AT Commands Set §3.1`.
    pub cite: Option<String>,
    /// The bytes within the event that it is about; `None` for all of it.
    pub span: Option<Range<usize>>,
    /// Another event that shows it, and what it shows: `refused 12 ms later`.
    pub related: Option<(u64, String)>,
}
