//! Makes the list short: what is different in the same way of several commands is told once.

use std::collections::{BTreeMap, HashSet};

use super::{Difference, Kind};

/// Subjects from which on a difference is told once for all.
const SEVERAL: usize = 3;

/// Joins differences that say the same.
pub(super) fn fold(list: Vec<Difference>) -> Vec<Difference> {
    let mut exact: BTreeMap<_, Difference> = BTreeMap::new();
    for one in list {
        let key =
            (one.kind, one.subject.clone(), one.part.clone(), one.message.clone(), one.old.clone(), one.new.clone());
        match exact.get_mut(&key) {
            Some(known) => {
                known.count += one.count;
                known.severity = known.severity.max(one.severity);
            }
            None => drop(exact.insert(key, one)),
        }
    }
    let list = without_echoes(exact.into_values().collect());
    let mut general: BTreeMap<_, Vec<Difference>> = BTreeMap::new();
    let mut folded = Vec::new();
    for one in list {
        if one.general.is_empty() {
            folded.push(one);
        } else {
            general.entry((one.kind, one.severity, one.general.clone())).or_default().push(one);
        }
    }
    for ((.., text), group) in general {
        let mut subjects: Vec<String> = group.iter().map(|one| one.subject.clone()).collect();
        subjects.sort_unstable();
        subjects.dedup();
        if subjects.len() < SEVERAL {
            folded.extend(group);
            continue;
        }
        let count = group.iter().map(|one| one.count).sum();
        if let Some(first) = group.into_iter().next() {
            let message = format!("{text}: {} commands", subjects.len());
            folded.push(Difference { subject: String::new(), part: String::new(), message, count, subjects, ..first });
        }
    }
    folded
}

/// Leaves out what only follows from another difference of the same line: values of fields that are others now, and
/// counts of lines that are new or gone.
fn without_echoes(list: Vec<Difference>) -> Vec<Difference> {
    let line = |one: &Difference| one.part.split(" field ").next().unwrap_or_default().to_owned();
    let name = |text: &str| text.split(':').next().unwrap_or_default().to_owned();
    let mut recast: HashSet<(String, String)> = HashSet::new();
    let mut relined: HashSet<(String, String)> = HashSet::new();
    for one in &list {
        match one.kind {
            Kind::FieldCount | Kind::FieldOrder | Kind::FieldType | Kind::Quoting => {
                recast.insert((one.subject.clone(), name(&line(one))));
            }
            Kind::LineNew | Kind::LineGone => drop(relined.insert((one.subject.clone(), name(&one.part)))),
            _ => {}
        }
    }
    let follows = |one: &Difference| match one.kind {
        Kind::Value => recast.contains(&(one.subject.clone(), name(&line(one)))),
        Kind::LineCount => relined.contains(&(one.subject.clone(), name(&one.part))),
        _ => false,
    };
    list.into_iter().filter(|one| !follows(one)).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing)]
    use super::*;
    use crate::check::Severity;

    #[test]
    fn what_all_commands_share_is_told_once() {
        let one = |subject: &str, general: &str| {
            let message = format!("{subject} message");
            Difference::new(Kind::Echo, Severity::Warning, subject, "", message).general(general.to_owned())
        };
        let folded =
            fold(vec![one("AT+A", "g"), one("AT+B", "g"), one("AT+C", "g"), one("AT+C", "g"), one("AT+D", "")]);
        assert_eq!(folded.len(), 2);
        assert_eq!(folded[1].subjects, ["AT+A", "AT+B", "AT+C"]);
        assert_eq!((folded[1].count, folded[1].message.as_str()), (4, "g: 3 commands"));
        assert_eq!(fold(vec![one("AT+A", "g"), one("AT+B", "g")]).len(), 2, "two are told by name");
    }
}
