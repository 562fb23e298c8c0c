//! Makes the list short: what is different in the same way of several commands is told once.

use std::collections::BTreeMap;

use super::explained::without_consequences;
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
    let list = by_line(without_consequences(exact.into_values().collect()));
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
            let is_command = |subject: &&String| subject.starts_with("AT") || subject.starts_with("A/");
            let commands = subjects.iter().filter(is_command).count();
            let counted = |count: usize, what: &str| match count {
                0 => None,
                1 => Some(format!("1 {what}")),
                _ => Some(format!("{count} {what}s")),
            };
            let parts = [counted(commands, "command"), counted(subjects.len() - commands, "URC")];
            let message = format!("{text}: {}", parts.into_iter().flatten().collect::<Vec<_>>().join(", "));
            folded.push(Difference { subject: String::new(), part: String::new(), message, count, subjects, ..first });
        }
    }
    folded
}

/// Joins values of one line that are others: where many of its fields are, it is told once.
fn by_line(list: Vec<Difference>) -> Vec<Difference> {
    let mut lines: BTreeMap<_, BTreeMap<usize, Difference>> = BTreeMap::new();
    let mut joined = Vec::new();
    for one in list {
        let place = one.part.split_once(" field ").filter(|_| one.kind == Kind::Value);
        match place.and_then(|(line, position)| Some((line.to_owned(), position.parse().ok()?))) {
            Some((line, position)) => {
                lines.entry((one.subject.clone(), line, one.severity)).or_default().insert(position, one);
            }
            None => joined.push(one),
        }
    }
    for ((_, line, _), fields) in lines {
        if fields.len() < SEVERAL {
            joined.extend(fields.into_values());
            continue;
        }
        let positions: Vec<String> = fields.keys().map(usize::to_string).collect();
        let positions = positions.join(", ");
        let values = |value: fn(&Difference) -> &String| -> String {
            fields.values().map(|one| value(one).as_str()).collect::<Vec<_>>().join(", ")
        };
        let (old, new) = (values(|one| &one.old), values(|one| &one.new));
        if let Some(first) = fields.into_values().next() {
            let message = format!("fields {positions} of `{line}` are others");
            joined.push(Difference { part: format!("{line} fields {positions}"), message, old, new, ..first });
        }
    }
    joined
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
