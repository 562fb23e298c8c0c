//! The ranges of test commands' answers, compared by what they allow: `(0-3)` and `(0,1,2,3)` are the same.

use crate::syntax::value::{RangeItem, range_list};

/// What two answers allow differently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Changed {
    /// Position of the parameter, from 1; `None` where there are more or fewer of them.
    pub(super) position: Option<usize>,
    /// What only the old side allows.
    pub(super) gone: String,
    /// What only the new side allows.
    pub(super) added: String,
}

/// What one parameter may be.
#[derive(Debug, Default, PartialEq, Eq)]
struct Allowed {
    /// Inclusive, sorted, neither overlapping nor next to one another.
    numbers: Vec<(i64, i64)>,
    /// In upper case, sorted.
    words: Vec<String>,
}

/// Compares two answers; `None` where one of them is no range list.
pub(super) fn compare(old: &str, new: &str) -> Option<Vec<Changed>> {
    let (old, new) = (parameters(old)?, parameters(new)?);
    let mut changes = Vec::new();
    for (at, (old, new)) in old.iter().zip(&new).enumerate() {
        if old != new {
            changes.push(Changed { position: Some(at + 1), gone: old.without(new), added: new.without(old) });
        }
    }
    if old.len() != new.len() {
        let shown = |more: &[Allowed]| more.iter().map(|one| one.without(&Allowed::default())).collect::<Vec<_>>();
        changes.push(Changed {
            position: None,
            gone: shown(old.get(new.len()..).unwrap_or_default()).join(" and "),
            added: shown(new.get(old.len()..).unwrap_or_default()).join(" and "),
        });
    }
    Some(changes)
}

fn parameters(text: &str) -> Option<Vec<Allowed>> {
    let items = range_list(text.trim().as_bytes())?;
    if items.is_empty() {
        return None;
    }
    // Values that stand there without brackets are one list.
    if items.iter().all(|item| !matches!(item, RangeItem::List(_))) {
        return Some(vec![Allowed::of(&items)]);
    }
    let one = |item: &RangeItem<'_>| Allowed::of(std::slice::from_ref(item));
    Some(items.iter().map(one).collect())
}

impl Allowed {
    fn of(items: &[RangeItem<'_>]) -> Self {
        let mut allowed = Self::default();
        allowed.take(items);
        allowed.numbers.sort_unstable();
        let mut merged: Vec<(i64, i64)> = Vec::new();
        for (low, high) in std::mem::take(&mut allowed.numbers) {
            match merged.last_mut() {
                Some(last) if low <= last.1.saturating_add(1) => last.1 = last.1.max(high),
                _ => merged.push((low, high)),
            }
        }
        allowed.numbers = merged;
        allowed.words.sort_unstable();
        allowed.words.dedup();
        allowed
    }

    fn take(&mut self, items: &[RangeItem<'_>]) {
        for item in items {
            match item {
                RangeItem::List(items) => self.take(items),
                RangeItem::Number(number) => self.numbers.push((*number, *number)),
                RangeItem::Span(low, high) => self.numbers.push((*low.min(high), *low.max(high))),
                RangeItem::Word(word) => {
                    self.words.push(String::from_utf8_lossy(word).trim().trim_matches('"').to_uppercase());
                }
            }
        }
    }

    /// What is allowed here and not there.
    fn without(&self, other: &Self) -> String {
        let mut parts = Vec::new();
        for &(low, high) in &self.numbers {
            let mut start = low;
            for &(from, upto) in other.numbers.iter().filter(|&&(from, upto)| upto >= low && from <= high) {
                if from > start {
                    parts.push(span(start, from - 1));
                }
                start = start.max(upto.saturating_add(1));
            }
            if start <= high {
                parts.push(span(start, high));
            }
        }
        parts.extend(self.words.iter().filter(|word| !other.words.contains(word)).cloned());
        parts.join(", ")
    }
}

fn span(low: i64, high: i64) -> String {
    if low == high { low.to_string() } else { format!("{low}-{high}") }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn ranges_are_compared_by_what_they_allow() {
        assert_eq!(compare("(0-3)", "(0,1,2,3)").unwrap(), []);
        assert_eq!(compare("(0-3),(1,2)", "(0-3), (1-2)").unwrap(), []);
        let change = |position, gone: &str, added: &str| Changed { position, gone: gone.into(), added: added.into() };
        assert_eq!(compare("(0-3)", "(0-4)").unwrap(), [change(Some(1), "", "4")]);
        assert_eq!(compare("(0-3),(0-9)", "(0-3),(2-7)").unwrap(), [change(Some(2), "0-1, 8-9", "")]);
        assert_eq!(compare("(\"TCP\",\"UDP\")", "(\"TCP\",\"SSL\")").unwrap(), [change(Some(1), "UDP", "SSL")]);
        assert_eq!(compare("(0-3)", "(0-3),(5-7)").unwrap(), [change(None, "", "5-7")]);
        assert_eq!(compare("(0-3", "(0-3)"), None);
    }
}
