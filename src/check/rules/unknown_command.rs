//! # unknown-command
//! **Reports** a command that the dialect's catalog does not have.
//! **Matters because** it is misspelt, of another firmware, or of another vendor.
//! **Silent when** the recording ends within the command.
//! **Example** `@0.0 > AT+CWMDOE=1\r\n`
//! **Way out** correct the name, choose the right dialect, or describe the command in a catalog of your own (`--catalog`).

use super::{About, Report, Rule};
use crate::catalog::{Command, letters};
use crate::session::{Facts, Name};

pub(super) fn check(about: &About<'_>, facts: &Facts<'_>, name: Name<'_>, report: Report<'_>) {
    let known = &facts.catalog;
    let near = nearest(&name.to_text(), &known.commands);
    let hint = near.map(|near| format!("; did you mean AT{near}?")).unwrap_or_default();
    report(about.finding(Rule::UnknownCommand, format!("{} has no command AT{name}{hint}", known.name)).0);
}

/// The command's name that is nearest to `name`, if one is near.
fn nearest<'n>(name: &str, commands: &'n [Command]) -> Option<&'n str> {
    let name = name.to_ascii_uppercase();
    if name.len() > 64 {
        return None;
    }
    // An edit changes the length by one at most, and the set of letters by two: most names need no closer look.
    let most = 1 + name.len() / 5;
    let own = letters(&name);
    let near = commands.iter().filter(|other| {
        other.name.len().abs_diff(name.len()) <= most && (own ^ other.letters).count_ones() as usize <= 2 * most
    });
    let ranked = near.map(|other| (distance(name.as_bytes(), other.name.as_bytes()), &*other.name));
    ranked.filter(|pair| pair.0 <= most).min_by_key(|pair| pair.0).map(|pair| pair.1)
}

/// Edit distance with neighbours swapped counted once (optimal string alignment).
fn distance(a: &[u8], b: &[u8]) -> usize {
    let mut before: Vec<usize> = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, &x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, &y) in b.iter().enumerate() {
            let at = |row: &[usize], at: usize| row.get(at).copied().unwrap_or(usize::MAX - 1);
            let mut best = (at(&last, j) + usize::from(x != y)).min(at(&last, j + 1) + 1).min(at(&row, j) + 1);
            let swapped = i > 0 && j > 0 && a.get(i - 1) == Some(&y) && b.get(j - 1) == Some(&x);
            if swapped {
                best = best.min(at(&before, j - 1) + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(usize::MAX)
}
