//! Rules: what the manual says, held against what was said. One rule, one file, one explanation.
//!
//! A rule accuses only on evidence: what a recording cannot show is unknown, and unknown is no violation.

mod analyzer;
mod finding;
mod rules;

pub use analyzer::{Analyzer, Sink, Summary};
pub use finding::{Finding, Severity};
pub use rules::Rule;

pub use crate::session::Options;
