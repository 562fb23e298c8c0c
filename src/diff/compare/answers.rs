//! The looks of answers: which lines, in which order, in which form. What a firmware prints is the same each time, so
//! one answer of each side may tell, unless the old side is known to print both.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::ends::Ends;
use super::steps::SEVERAL;
use super::words::{LINES, Told, ends, of_form, quoted};
use super::{Difference, Kind};
use crate::check::Severity;
use crate::diff::pool::{OTHER, Pools};
use crate::diff::record::is_identity;
use crate::diff::shape::{self, alike, kind};
use crate::diff::side::{Sample, Side};

/// The answers to one command line with one result.
#[derive(Debug)]
pub(super) struct Group {
    command: u32,
    /// Of both sides: answer, and where it was seen.
    sides: [Vec<(u32, Seen)>; 2],
}

/// Where an answer was seen.
#[derive(Clone, Copy, Debug)]
struct Seen {
    count: u32,
    /// Recordings, one bit each.
    recordings: u64,
    first: (u16, u32),
}

impl Group {
    pub(super) fn new(command: u32) -> Self {
        Self { command, sides: [Vec::new(), Vec::new()] }
    }

    /// Takes an answer of the old side (0) or the new one (1).
    pub(super) fn push(&mut self, side: usize, sample: &Sample) {
        let Some(answers) = self.sides.get_mut(side) else { return };
        let bit = 1_u64 << (sample.recording % 64);
        if let Some((_, seen)) = answers.iter_mut().find(|(answer, _)| *answer == sample.answer) {
            seen.count = seen.count.saturating_add(1);
            seen.recordings |= bit;
        } else if answers.len() < 64 {
            let first = (sample.recording, sample.at);
            answers.push((sample.answer, Seen { count: 1, recordings: bit, first }));
        }
    }

    fn recordings(&self, side: usize) -> u32 {
        let bits = self.sides.get(side).into_iter().flatten().fold(0, |bits, (_, seen)| bits | seen.recordings);
        bits.count_ones()
    }
}

/// Answers, and where each was seen.
type Answers = [(u32, Seen)];

/// One thing about an answer that may differ.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Aspect {
    kind: Kind,
    /// Kind of the item, and its name.
    item: (&'static str, String),
    /// Position of a field, or what of the line it is.
    at: usize,
}

/// What an aspect was, with the answer that shows it.
type Looks = BTreeMap<Aspect, BTreeMap<String, (Seen, String)>>;

/// Compares the answers of each command line.
pub(super) fn compare(
    pools: &Pools,
    old: &Side,
    new: &Side,
    groups: &HashMap<(u32, u32), Group>,
    line_ends: Ends,
    list: &mut Vec<Difference>,
) {
    let mut known: Option<HashMap<u32, BTreeSet<u32>>> = None;
    let mut keys: Vec<&(u32, u32)> = groups.keys().collect();
    keys.sort_unstable();
    for group in keys.into_iter().filter_map(|key| groups.get(key)) {
        let [olds, news] = &group.sides;
        let ids = |answers: &[(u32, Seen)]| answers.iter().map(|one| one.0).collect::<BTreeSet<u32>>();
        let (before, after) = (ids(olds), ids(news));
        if before.is_empty() || after.is_empty() || before.intersection(&after).next().is_some() {
            continue;
        }
        // Every answer that the old side gave to the command, whatever the parameters.
        let known = known.get_or_insert_with(|| answers_by_command(pools, old));
        let elsewhere = known.get(&group.command);
        one(pools, (old, new), group, elsewhere, line_ends, list);
    }
}

fn answers_by_command(pools: &Pools, side: &Side) -> HashMap<u32, BTreeSet<u32>> {
    let mut known: HashMap<u32, BTreeSet<u32>> = HashMap::new();
    for sample in &side.samples {
        let key = side.steps.get(sample.step as usize).copied().unwrap_or(OTHER);
        let answers = known.entry(pools.command(key)).or_default();
        if answers.len() < 256 {
            answers.insert(sample.answer);
        }
    }
    known
}

/// Aspects of an answer that differ in the same way.
#[derive(Clone, Copy, Debug)]
struct Changed<'a> {
    aspect: &'a Aspect,
    old: (&'a String, &'a (Seen, String)),
    new: (&'a String, &'a (Seen, String)),
    count: u64,
    /// The old side has both, whatever the parameters.
    is_known: bool,
}

fn one(
    pools: &Pools,
    (old, new): (&Side, &Side),
    group: &Group,
    elsewhere: Option<&BTreeSet<u32>>,
    line_ends: Ends,
    list: &mut Vec<Difference>,
) {
    let [olds, news] = &group.sides;
    let names: BTreeSet<(&'static str, String)> =
        olds.iter().chain(news).flat_map(|(answer, _)| named(pools.answers.text(*answer))).collect();
    let looks = |answers: &mut dyn Iterator<Item = (u32, Seen)>| {
        let mut looks = Looks::new();
        answers.for_each(|(answer, seen)| look(pools.answers.text(answer), &names, seen, &mut looks));
        looks
    };
    let (before, after) = (looks(&mut olds.iter().copied()), looks(&mut news.iter().copied()));
    let nowhere = Seen { count: 0, recordings: 0, first: (0, 0) };
    let others = looks(&mut elsewhere.into_iter().flatten().map(|answer| (*answer, nowhere)));
    let mut changes: Vec<(Changed<'_>, Vec<usize>)> = Vec::new();
    let is_unheard = old.echoes || new.echoes;
    for change in changed(&before, &after, &others, line_ends) {
        let aspect = change.aspect;
        // Of a terminal log nobody knows where the echo ends.
        let is_of_echo = match aspect.kind {
            Kind::Echo => true,
            Kind::BlankLines => aspect.at == 0,
            Kind::Prompt => shape::bare(change.old.0) == shape::bare(change.new.0),
            _ => false,
        };
        if is_unheard && is_of_echo {
            continue;
        }
        let joins = |(first, _): &(Changed<'_>, Vec<usize>)| {
            let is_field = matches!(aspect.kind, Kind::FieldType | Kind::Quoting);
            let is_same = first.aspect.kind == aspect.kind && first.aspect.item == aspect.item;
            is_field && is_same && first.old.0 == change.old.0 && first.new.0 == change.new.0
        };
        match changes.iter_mut().find(|known| joins(known)) {
            Some((_, fields)) => fields.push(aspect.at),
            None => changes.push((change, vec![aspect.at])),
        }
    }
    let is_strong = group.recordings(0) as usize >= SEVERAL && group.recordings(1) as usize >= SEVERAL;
    let subject = pools.names.text(group.command);
    let mut found = Vec::new();
    for (change, fields) in changes {
        let Changed { aspect, old: (from, (old_seen, old_text)), new: (to, (new_seen, new_text)), .. } = change;
        let is_permuted = aspect.kind == Kind::FieldType && is_permuted(&before, &after, &aspect.item);
        let mut told = told(aspect, from, to, &fields, is_permuted);
        let least = least(change, is_strong, subject, (olds, news), pools);
        told.severity = told.severity.min(least);
        let one = Difference::new(told.kind, told.severity, subject, &told.part, told.message).general(told.general);
        let places = (old.place(old_seen.first.0, old_seen.first.1), new.place(new_seen.first.0, new_seen.first.1));
        found.push(one.sides(shown(old_text, from), shown(new_text, to)).at(places.0, places.1).times(change.count));
    }
    renamed(&mut found);
    list.append(&mut found);
}

/// How bad a difference may be at most, as far as the recordings show.
fn least(
    change: Changed<'_>,
    is_strong: bool,
    subject: &str,
    (olds, news): (&Answers, &Answers),
    pools: &Pools,
) -> Severity {
    if is_identity(subject) {
        // The firmware says that it is another one.
        return Severity::Warning;
    }
    if is_strong {
        return Severity::Error;
    }
    if change.is_known {
        return Severity::Info;
    }
    let item = change.aspect.item.0;
    let is_line = item == kind::LINE && change.aspect.kind == Kind::LineNew;
    let is_bare = |answers: &Answers| {
        let has_lines = |answer: u32| shape::items(pools.answers.text(answer)).any(|item| item.kind == kind::LINE);
        !answers.iter().any(|(answer, _)| has_lines(*answer))
    };
    match item {
        // Once it may just have come too late.
        kind::LATER => Severity::Warning,
        // A list that is empty, where it was read once.
        _ if is_line && !subject.ends_with('?') && (is_bare(olds) || is_bare(news)) => Severity::Info,
        _ => Severity::Error,
    }
}

/// The aspects in which two answers have nothing in common.
fn changed<'a>(before: &'a Looks, after: &'a Looks, others: &Looks, line_ends: Ends) -> Vec<Changed<'a>> {
    // A line whose fields are more or fewer has others at each place, too.
    let mut recounted: HashSet<(&'static str, String)> = HashSet::new();
    let mut recast: HashSet<(&'static str, String)> = HashSet::new();
    let mut changes = Vec::new();
    for (aspect, olds) in before {
        let Some(news) = after.get(aspect) else { continue };
        let alike = |a: &str, b: &str| same(aspect.kind, a, b, line_ends);
        if olds.keys().any(|text| news.keys().any(|other| alike(text, other))) {
            continue;
        }
        let is_field = matches!(aspect.kind, Kind::FieldType | Kind::Quoting | Kind::Spacing | Kind::Spelling);
        if is_field && recounted.contains(&aspect.item) {
            continue;
        }
        match aspect.kind {
            Kind::FieldCount => drop(recounted.insert(aspect.item.clone())),
            Kind::FieldType if !recast.insert(aspect.item.clone()) && is_permuted(before, after, &aspect.item) => {
                continue;
            }
            _ => {}
        }
        let (Some(old), Some(new)) = (olds.first_key_value(), news.first_key_value()) else { continue };
        let is_known = others
            .get(aspect)
            .is_some_and(|known| news.keys().any(|text| known.keys().any(|other| alike(text, other))));
        let count = news.values().map(|(seen, _)| u64::from(seen.count)).sum();
        changes.push(Changed { aspect, old, new, count, is_known });
    }
    changes
}

/// A line that is gone and one that is new are one, where they are called alike.
fn renamed(list: &mut Vec<Difference>) {
    let bare = |one: &Difference| -> String {
        one.part.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
    };
    let is_alike = |a: &Difference, b: &Difference| {
        let (a, b) = (bare(a), bare(b));
        a.len().min(b.len()) > 2 && (a.starts_with(&b) || b.starts_with(&a))
    };
    while let Some((gone, new)) =
        list.iter().enumerate().filter(|(_, one)| one.kind == Kind::LineGone).find_map(|(at, gone)| {
            let other = list.iter().position(|one| one.kind == Kind::LineNew && is_alike(gone, one))?;
            Some((at, other))
        })
    {
        let other = list.get(new).cloned();
        if let (Some(one), Some(other)) = (list.get_mut(gone), other) {
            one.kind = Kind::Spelling;
            one.message = format!("line `{}` is called `{}` now", one.part, other.part);
            (one.new, one.new_place) = (other.new, other.new_place);
        }
        list.remove(new);
    }
}

/// What shows a difference: the line, where there is one.
fn shown(line: &str, text: &str) -> String {
    if line.is_empty() { text.to_owned() } else { shape::readable(line) }
}

/// Whether two texts of an aspect mean the same.
pub(super) fn same(kind: Kind, a: &str, b: &str, line_ends: Ends) -> bool {
    match kind {
        Kind::FieldType => alike(a, b) || a.is_empty() || b.is_empty() || a == "q" || b == "q",
        Kind::Quoting => a == b || a == "-" || b == "-",
        Kind::BlankLines | Kind::Echo | Kind::Prompt => a == b || line_ends.are_same(a, b),
        _ => a == b,
    }
}

/// Whether the fields of a line are the same ones in another order.
fn is_permuted(before: &Looks, after: &Looks, item: &(&'static str, String)) -> bool {
    let classes = |looks: &Looks| -> Vec<String> {
        let of = looks.iter().filter(|(aspect, _)| aspect.kind == Kind::FieldType && aspect.item == *item);
        let mut classes: Vec<String> = of.filter_map(|(_, texts)| texts.keys().next().cloned()).collect();
        classes.sort_unstable();
        classes
    };
    classes(before) == classes(after)
}

/// What an item is called: its text where it has no name, and a line whose fixed text goes on behind its name has that too (`+CIFSR:STAIP`).
fn called(item: &shape::Item<'_>) -> String {
    if item.kind != kind::LINE {
        return item.name.to_owned();
    }
    if item.name.is_empty() {
        return shape::readable(shape::bare(item.form));
    }
    let head = shape::form(item.form).head;
    let is_name = head.get(..item.name.len()).is_some_and(|start| start.eq_ignore_ascii_case(item.name));
    let more = if is_name { head.get(item.name.len()..).unwrap_or_default() } else { head };
    let text = head.trim_end_matches([':', ',', '=', '"', ' ', '[', '(']);
    if more.bytes().any(|byte| byte.is_ascii_alphanumeric()) && !text.is_empty() {
        text.replace(": ", ":")
    } else {
        item.name.to_owned()
    }
}

/// What stands for the echo of a command that is not echoed.
pub(super) const NO_ECHO: &str = "no echo";

/// The items that an answer names.
fn named(answer: &str) -> impl Iterator<Item = (&'static str, String)> + '_ {
    shape::items(answer).filter_map(|item| {
        let kind = [kind::LINE, kind::LATER, kind::PROGRESS, kind::PROMPT, kind::DATA]
            .into_iter()
            .find(|kind| *kind == item.kind)?;
        Some((kind, called(&item)))
    })
}

/// Notes all aspects of an answer.
fn look(answer: &str, names: &BTreeSet<(&'static str, String)>, seen: Seen, looks: &mut Looks) {
    let mut note = |kind, item: (&'static str, &str), at, text: &str, shown: &str| {
        let aspect = Aspect { kind, item: (item.0, item.1.to_owned()), at };
        let texts = looks.entry(aspect).or_default();
        texts.entry(text.to_owned()).or_insert_with(|| (seen, shown.to_owned()));
    };
    let items: Vec<shape::Item<'_>> = shape::items(answer).collect();
    let echo = items.iter().find(|item| item.kind == kind::ECHO);
    note(Kind::Echo, (kind::ECHO, ""), 0, echo.map_or(NO_ECHO, |echo| echo.form), "");
    for (kind, name) in names {
        let is_there = items.iter().any(|item| item.kind == *kind && called(item) == *name);
        let presence = if *kind == kind::PROMPT { Kind::PromptNew } else { Kind::LineNew };
        let form = items.iter().find(|item| item.kind == *kind && called(item) == *name).map_or("", |item| item.form);
        note(presence, (kind, name), 0, if is_there { "there" } else { "not there" }, form);
    }
    // The order of the lines, and of the lines and the result.
    let in_order =
        |item: &&shape::Item<'_>| matches!(item.kind, kind::LINE | kind::DATA | kind::PROMPT | kind::PROGRESS);
    let mut order: Vec<String> = items.iter().filter(in_order).map(called).collect();
    order.dedup();
    // Of the same lines alone.
    let mut lines = order.clone();
    lines.sort_unstable();
    note(Kind::LineOrder, (kind::LINE, &lines.join(", ")), 0, &order.join(", "), "");
    if let Some(first) = items.iter().position(|item| item.kind == kind::FINAL) {
        let is_data = |item: &shape::Item<'_>| matches!(item.kind, kind::LINE | kind::DATA | kind::PROMPT);
        let ahead = items.iter().take(first).filter(|item| is_data(item)).count();
        let behind = items.iter().skip(first).filter(|item| is_data(item)).count();
        let text = match (ahead, behind) {
            (0, 0) => return forms(&items, &mut note),
            (_, 0) => "behind the lines",
            (0, _) => "ahead of the lines",
            _ => "between the lines",
        };
        note(Kind::ResultOrder, (kind::FINAL, ""), 0, text, "");
    }
    forms(&items, &mut note);
}

/// Notes the aspects of each line's form.
fn forms(items: &[shape::Item<'_>], note: &mut impl FnMut(Kind, (&'static str, &str), usize, &str, &str)) {
    for item in items {
        let kinds = [kind::LINE, kind::LATER, kind::PROGRESS, kind::FINAL, kind::PROMPT];
        let Some(kind) = kinds.into_iter().find(|kind| *kind == item.kind) else { continue };
        let called = called(item);
        let (name, shown) = ((kind, called.as_str()), item.form);
        if kind == kind::PROMPT {
            if !item.form.contains('*') {
                note(Kind::Prompt, name, 0, item.form, shown);
            }
            continue;
        }
        aspects(item.form, &mut |kind, at, text| note(kind, name, at, text, shown));
    }
}

/// All that can be said of a form: kind, position and text.
pub(super) fn aspects(form: &str, note: &mut impl FnMut(Kind, usize, &str)) {
    let parsed = shape::form(form);
    if let Some(lead) = parsed.lead {
        note(Kind::BlankLines, 0, lead);
    }
    if let Some(tail) = parsed.tail {
        note(Kind::BlankLines, 1, tail);
    }
    // Blanks behind a colon are told as such.
    note(Kind::Spelling, 0, &parsed.head.replace(": ", ":"));
    let has_colon = parsed.head.contains(':');
    let ends_in_colon = parsed.head.ends_with(':');
    if has_colon {
        let has_blanks = parsed.head.contains(": ") || (ends_in_colon && !parsed.gap.is_empty());
        note(Kind::Spacing, 3, if has_blanks { "blanks" } else { "" });
    }
    note(Kind::Spelling, 1, parsed.rest.trim());
    if !parsed.values.is_empty() {
        note(Kind::FieldCount, 0, &parsed.values.len().to_string());
        if !ends_in_colon {
            note(Kind::Spacing, 0, parsed.gap);
        }
        let end = parsed.rest.len() - parsed.rest.trim_end().len();
        note(Kind::Spacing, 2, if end > 0 { "blanks at the end" } else { "" });
    }
    if let Some(first) = parsed.between.first() {
        let is_uniform = parsed.between.iter().all(|one| one.trim() == first.trim());
        if is_uniform {
            note(Kind::Spelling, 2, first.trim());
        }
        let has_blanks = parsed.between.iter().any(|one| one.contains(' '));
        note(Kind::Spacing, 1, if has_blanks { "blanks" } else { "" });
    }
    for (at, value) in parsed.values.iter().enumerate() {
        let class = value.split(':').next().unwrap_or_default();
        note(Kind::FieldType, at + 1, class);
        // Nothing has no quotes.
        note(
            Kind::Quoting,
            at + 1,
            match class {
                "" => "-",
                "q" => "quoted",
                _ => "bare",
            },
        );
    }
}

fn told(aspect: &Aspect, from: &str, to: &str, fields: &[usize], is_permuted: bool) -> Told {
    let (item, name) = &aspect.item;
    let what = match *item {
        kind::FINAL => format!("result `{name}`"),
        kind::PROMPT => format!("prompt `{name}`"),
        kind::PROGRESS => format!("progress line `{name}`"),
        kind::DATA => format!("data of `{name}`"),
        kind::LATER => format!("delayed line `{name}`"),
        _ => format!("line `{name}`"),
    };
    let is_there = to == "there";
    let simple = |kind, severity, message| Told { kind, severity, part: name.clone(), message, general: String::new() };
    match aspect.kind {
        Kind::Echo => {
            let message = match (from, to) {
                (NO_ECHO, _) => format!("is echoed now, with {} behind it", ends(to)),
                (_, NO_ECHO) => "is not echoed any more".to_owned(),
                _ => format!("echo ended in {}, ends in {}", ends(from), ends(to)),
            };
            Told { general: message.clone(), ..simple(Kind::Echo, Severity::Warning, message) }
        }
        Kind::PromptNew if is_there => simple(Kind::PromptNew, Severity::Error, format!("{what} is new")),
        Kind::PromptNew => simple(Kind::PromptGone, Severity::Error, format!("{what} is gone")),
        Kind::LineNew if is_there => simple(Kind::LineNew, Severity::Warning, format!("{what} is new")),
        Kind::LineNew => {
            let severity = if *item == kind::PROGRESS { Severity::Warning } else { Severity::Error };
            simple(Kind::LineGone, severity, format!("{what} is gone"))
        }
        Kind::LineOrder => {
            let message = format!("lines came as {from}, now as {to}");
            Told { part: String::new(), ..simple(Kind::LineOrder, Severity::Error, message) }
        }
        Kind::ResultOrder => simple(Kind::ResultOrder, Severity::Error, format!("the result came {from}, now {to}")),
        Kind::Prompt => {
            let message = format!("{what} was written {}, now {}", quoted(from), quoted(to));
            Told { general: message.clone(), ..simple(Kind::Prompt, Severity::Warning, message) }
        }
        _ => {
            // Forms of a result are the same for all commands.
            let generic = if *item == kind::FINAL { &what } else { LINES };
            let mut told = of_form(aspect.kind, fields, &what, generic, (from, to), is_permuted);
            told.part = if told.part.is_empty() { name.clone() } else { format!("{name} {}", told.part) };
            told
        }
    }
}
