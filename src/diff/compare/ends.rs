//! How a firmware ends its lines: where all of one side's end in another way, that is one difference, told once.

use super::{Difference, Kind};
use crate::check::Severity;
use crate::diff::pool::Pools;
use crate::diff::shape::{self, kind};
use crate::diff::side::Side;

/// Whether line ends are held against each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ends {
    /// Both sides end lines alike: each line's ends count.
    Alike,
    /// The sides have other ones: only how many there are counts.
    Other,
}

impl Ends {
    /// Whether the ends in two texts are the same ones, as far as they count.
    pub(super) fn are_same(self, a: &str, b: &str) -> bool {
        self == Self::Other && unified(a) == unified(b)
    }
}

/// A text with LF alone for each line end, however many CR stand ahead of it.
fn unified(text: &str) -> String {
    text.replace("\\r", "")
}

/// Compares the ways of both sides.
pub(super) fn compare(pools: &Pools, old: &Side, new: &Side, list: &mut Vec<Difference>) -> Ends {
    let (Some(from), Some(to)) = (of(pools, old), of(pools, new)) else { return Ends::Alike };
    if from == to {
        return Ends::Alike;
    }
    let message = format!("all lines end in `{to}` now, not in `{from}`");
    list.push(Difference::new(Kind::BlankLines, Severity::Warning, "", "all lines", message).sides(from, to));
    Ends::Other
}

/// How a side ends its results; `None` where it has several ways, or no results.
fn of(pools: &Pools, side: &Side) -> Option<&'static str> {
    let mut answers: Vec<u32> = side.samples.iter().map(|sample| sample.answer).collect();
    answers.sort_unstable();
    answers.dedup();
    let mut found = None;
    for answer in answers {
        for item in shape::items(pools.answers.text(answer)).filter(|item| item.kind == kind::FINAL) {
            let Some(tail) = shape::form(item.form).tail.filter(|tail| !tail.is_empty()) else { continue };
            let end = ["\\r\\n", "\\n", "\\r"].into_iter().find(|end| tail.ends_with(end))?;
            if *found.get_or_insert(end) != end {
                return None;
            }
        }
    }
    found
}
