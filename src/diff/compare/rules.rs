//! Rules that one side alone breaks.

use std::collections::BTreeSet;

use super::{Difference, Kind};
use crate::check::{Rule, Severity};
use crate::diff::side::{Broken, Side};

pub(super) fn compare(old: &Side, new: &Side, commands: &[String], list: &mut Vec<Difference>) {
    if old.is_partial || new.is_partial {
        // Of one side of the line alone, rules tell little.
        return;
    }
    one_sided(old, new, commands, Kind::RuleKept, list);
    one_sided(new, old, commands, Kind::RuleBroken, list);
}

fn one_sided(side: &Side, other: &Side, commands: &[String], kind: Kind, list: &mut Vec<Difference>) {
    let known: BTreeSet<(&str, &str)> =
        other.findings.keys().map(|(rule, subject, _)| (rule.as_str(), subject.as_str())).collect();
    for ((rule, subject, _), broken) in &side.findings {
        // What the host sent on one side alone it did itself.
        if rule == Rule::CaptureDamaged.name() {
            // The recording's, not the firmware's.
            continue;
        }
        // How the host ends lines, an echo does not tell.
        if (side.echoes || other.echoes) && rule == Rule::LineEnding.name() {
            continue;
        }
        let is_common = subject.is_empty() || commands.binary_search(subject).is_ok();
        if !is_common || known.contains(&(rule.as_str(), subject.as_str())) {
            continue;
        }
        let Broken { found, recordings, recording } = broken;
        let is_new = kind == Kind::RuleBroken;
        // What the old side did at times, it may just not have been asked for this time.
        let is_usual = recordings * 2 > side.count();
        if !is_new && !is_usual {
            continue;
        }
        let severity = match found.severity {
            Some(severity) if is_new && is_usual => severity,
            _ => Severity::Info,
        };
        let cite = found.cite.as_ref().map(|cite| format!(" ({cite})")).unwrap_or_default();
        let message = format!("{rule}: {}{cite}", found.example);
        let message = if is_new { message } else { format!("not any more: {message}") };
        let place = side.place(*recording, found.at);
        let one = Difference::new(kind, severity, subject, rule, message).times(u64::from(found.count));
        list.push(if is_new { one.at(String::new(), place) } else { one.at(place, String::new()) });
    }
}
