//! Leaves out what only follows from something else that is told: the list names causes.

use std::collections::HashSet;

use super::answers::NO_ECHO;
use super::{Difference, Kind};
use crate::check::Severity;

/// The part of a difference that is about a line of a boot banner.
pub(super) const BOOT: &str = "boot line";

/// Leaves out what other differences explain.
pub(super) fn without_consequences(list: Vec<Difference>) -> Vec<Difference> {
    of_rules(of_lines(list))
}

/// The line that a difference is about, without what stands behind its name.
fn line(one: &Difference) -> String {
    let line = one.part.split(" field").next().unwrap_or_default();
    line.split(':').next().unwrap_or_default().to_owned()
}

/// Values of fields that are others now, counts of lines that are new or gone, a size that a field tells too, and how much
/// slower it is what comes later than documented.
fn of_lines(list: Vec<Difference>) -> Vec<Difference> {
    let mut recast: HashSet<(String, String)> = HashSet::new();
    let mut relined: HashSet<(String, String)> = HashSet::new();
    let mut sizes: HashSet<(String, String, String)> = HashSet::new();
    let mut late: HashSet<String> = HashSet::new();
    for one in &list {
        let subject = one.subject.clone();
        match one.kind {
            Kind::FieldCount | Kind::FieldOrder | Kind::FieldType | Kind::Quoting => {
                recast.insert((subject, line(one)));
            }
            Kind::LineNew | Kind::LineGone => drop(relined.insert((subject, line(one)))),
            Kind::RuleBroken if one.part == "late-final" => drop(late.insert(subject)),
            Kind::PayloadSize => drop(sizes.insert((subject, one.old.clone(), one.new.clone()))),
            _ => {}
        }
    }
    // Of what stands between an echo and the answer nobody can tell whose it is.
    let is_blank = |one: &Difference| one.kind == Kind::BlankLines && one.part.ends_with("ahead of");
    let is_unblanked = list.iter().any(is_blank);
    let is_echo_switched =
        list.iter().any(|one| one.kind == Kind::Echo && [one.old.as_str(), one.new.as_str()].contains(&NO_ECHO));
    let is_end = |a: &str, b: &str| a.strip_suffix("\\r\\n").is_some_and(|rest| rest == b);
    let follows = |one: &Difference| match one.kind {
        Kind::BlankLines => is_echo_switched && is_blank(one),
        Kind::Echo => is_unblanked && (is_end(&one.old, &one.new) || is_end(&one.new, &one.old)),
        Kind::Value => {
            recast.contains(&(one.subject.clone(), line(one)))
                || sizes.contains(&(one.subject.clone(), one.old.clone(), one.new.clone()))
        }
        Kind::Slower => late.contains(&one.subject),
        Kind::LineCount => relined.contains(&(one.subject.clone(), line(one))),
        _ => false,
    };
    list.into_iter().filter(|one| !follows(one)).collect()
}

/// What explains that a rule is broken by one side alone.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    /// Whatever the module did: the host does the same as ever, but the module is in another state.
    Act,
    /// What the module says to the same command otherwise: the rule is named with it.
    Answer,
    /// Data of another size than announced.
    Data,
    /// All lines end otherwise.
    Ends,
    /// A prompt that is other, or does not come.
    Prompt,
    /// A result that does not come, or comes otherwise.
    Result,
    /// A line that no catalog has, told as such.
    Urc,
}

fn explains(rule: &str) -> Option<By> {
    Some(match rule {
        "command-overlap" => By::Result,
        "line-ending" => By::Ends,
        "payload-before-prompt" => By::Prompt,
        "resync" => By::Data,
        "unknown-urc" => By::Urc,
        "wrong-state" => By::Act,
        "echo-mismatch"
        | "missing-final"
        | "response-shape"
        | "undocumented-code"
        | "unexpected-final"
        | "unexpected-response" => By::Answer,
        _ => return None,
    })
}

const fn is_rule(one: &Difference) -> bool {
    matches!(one.kind, Kind::RuleBroken | Kind::RuleKept)
}

/// Differences in what the module says.
const fn is_said(kind: Kind) -> bool {
    !matches!(kind, Kind::CommandNew | Kind::CommandGone | Kind::CommandMoved | Kind::Slower | Kind::Faster)
}

/// Rules that are broken, or kept, because something else is different.
fn of_rules(list: Vec<Difference>) -> Vec<Difference> {
    let (rules, mut list): (Vec<_>, Vec<_>) = list.into_iter().partition(is_rule);
    let is_any = |names: &[&str]| rules.iter().any(|rule| names.contains(&rule.part.as_str()));
    let is_lost = is_any(&["missing-final", "late-final"]);
    let (is_reset, is_short) = (is_any(&["module-reset"]), is_any(&["payload-length"]));
    if is_reset {
        list.retain(|one| one.part != BOOT);
    }
    let mut kept = Vec::new();
    for rule in rules {
        let of_it = |one: &Difference| !rule.subject.is_empty() && one.subject == rule.subject;
        let is_there = |is: &dyn Fn(&Difference) -> bool| list.iter().any(is);
        let is_explained = match explains(&rule.part) {
            None => false,
            Some(By::Act) => is_reset || is_there(&|one| is_said(one.kind) && one.severity > Severity::Info),
            Some(By::Data) => is_short,
            Some(By::Ends) => is_there(&|one| one.kind == Kind::BlankLines),
            Some(By::Prompt) => is_there(&|one| {
                of_it(one)
                    && matches!(one.kind, Kind::Prompt | Kind::PromptGone | Kind::PromptNew | Kind::ResultChanged)
            }),
            Some(By::Result) => is_lost || is_there(&|one| one.kind == Kind::ResultChanged),
            Some(By::Urc) => is_there(&|one| {
                let is_urc = matches!(one.kind, Kind::UrcNew | Kind::UrcGone);
                is_urc && (one.subject == "(text)" || rule.message.contains(&one.subject))
            }),
            Some(By::Answer) => match list.iter_mut().find(|one| of_it(one) && is_said(one.kind)) {
                Some(one) => {
                    one.severity = one.severity.max(rule.severity);
                    let verb = if rule.kind == Kind::RuleBroken { "breaks" } else { "no longer breaks" };
                    let note = format!("; {verb} {}", rule.part);
                    if !one.message.contains(&note) {
                        one.message.push_str(&note);
                    }
                    true
                }
                None => false,
            },
        };
        if !is_explained {
            kept.push(rule);
        }
    }
    list.extend(kept);
    list
}
