//! Step by step: results, values, sizes; and which answers belong to which command on both sides.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::answers::{self, Group};
use super::ends::Ends;
use super::{Aligned, Difference, Kind};
use crate::check::Severity;
use crate::diff::align::{How, align};
use crate::diff::pool::{OTHER, Pools};
use crate::diff::ranges;
use crate::diff::side::{Sample, Side};

/// Recordings of each side from which on what is the same in all of them is no chance.
pub(super) const SEVERAL: usize = 3;

/// Commands of one side alone that are named.
const MOST_COMMANDS: usize = 1000;

/// Distinct values of a field that are looked at.
const MOST_VALUES: usize = 4;

/// Whether a result means failure.
pub(super) fn is_failure(result: &str) -> bool {
    let last = result.rsplit(", ").next().unwrap_or_default();
    last == "no result"
        || ["ERROR", "FAIL", "NO CARRIER", "BUSY", "NO ANSWER", "Canceled"].iter().any(|word| last.contains(word))
}

/// What the sides have in common, and what is different of it.
pub(super) fn compare(
    pools: &Pools,
    old: &Side,
    new: &Side,
    line_ends: Ends,
    list: &mut Vec<Difference>,
) -> (Aligned, Vec<String>) {
    let pairs = align(&old.steps, &new.steps, pools.keys.len(), |key| pools.command(key));
    let mut aligned = Aligned { both: pairs.pairs.len() as u64, ..Aligned::default() };
    let seen = [seen(old), seen(new)];
    let mut groups: HashMap<(u32, u32), Group> = HashMap::new();
    let mut fields: BTreeMap<Field, Changed> = BTreeMap::new();
    let mut commands = BTreeSet::new();
    let mut moved: BTreeMap<u32, u64> = BTreeMap::new();
    for &(old_step, new_step, how) in &pairs.pairs {
        let Some(&key) = old.steps.get(old_step as usize) else { continue };
        let command = pools.command(key);
        commands.insert(command);
        if how == How::Moved && old_step < old.script as u32 && new_step < new.script as u32 {
            aligned.moved += 1;
            *moved.entry(command).or_default() += 1;
        }
        let (olds, news) = (old.of_step(old_step), new.of_step(new_step));
        let name = pools.names.text(command);
        results(pools, (old, new), (olds, news), (key, name), &seen, list);
        // Answers to other parameters are held against all answers to the command.
        let group = if how == How::Changed { u32::MAX - 1 - command } else { key };
        for (at, samples) in [olds, news].into_iter().enumerate() {
            for sample in samples.iter().filter(|sample| sample.answer != OTHER) {
                let group = groups.entry((group, sample.result)).or_insert_with(|| Group::new(command));
                group.push(at, sample);
            }
        }
        if how != How::Changed {
            values(pools, (olds, news), (key, command), &mut fields);
        }
    }
    for (command, count) in moved {
        let message = "the host sends it at another place".to_owned();
        let name = pools.names.text(command);
        list.push(Difference::new(Kind::CommandMoved, Severity::Info, name, "", message).times(count));
    }
    let [old_only, new_only] = &pairs.only;
    let gone = |step: &u32| most(old, *step);
    aligned.old_only = old_only.iter().filter(|step| gone(step)).count() as u64;
    aligned.new_only = new_only.iter().filter(|step| most(new, **step)).count() as u64;
    host(pools, old, old_only, Kind::CommandGone, list);
    host(pools, new, new_only, Kind::CommandNew, list);
    answers::compare(pools, old, new, &groups, line_ends, list);
    changed_values(pools, old, new, fields, list);
    let commands = commands.into_iter().map(|command| pools.names.text(command).to_owned()).collect::<BTreeSet<_>>();
    (aligned, commands.into_iter().filter(|name| !name.is_empty()).collect())
}

/// Whether most recordings of a side have a step.
fn most(side: &Side, step: u32) -> bool {
    recordings(side.of_step(step)) * 2 > side.recordings.len()
}

/// Commands that only one side has.
fn host(pools: &Pools, side: &Side, only: &[u32], kind: Kind, list: &mut Vec<Difference>) {
    let mut commands: BTreeMap<u32, (u64, String, String)> = BTreeMap::new();
    for &step in only.iter().filter(|step| most(side, **step)) {
        let key = side.steps.get(step as usize).copied().unwrap_or(OTHER);
        let command = pools.command(key);
        if commands.len() >= MOST_COMMANDS && !commands.contains_key(&command) {
            continue;
        }
        let sample = side.of_step(step).first();
        let entry = commands.entry(command).or_insert_with(|| {
            let place = sample.map(|sample| side.place(sample.recording, sample.at));
            (0, pools.keys.text(key).to_owned(), place.unwrap_or_default())
        });
        entry.0 += 1;
    }
    for (command, (count, key, place)) in commands {
        let is_new = kind == Kind::CommandNew;
        let side = if is_new { "new" } else { "old" };
        let message = format!("the host sent it on the {side} side alone: `{key}`");
        let all = format!("the host sent them on the {side} side alone");
        let one = Difference::new(kind, Severity::Info, pools.names.text(command), "", message).times(count);
        let one = one.general(all);
        list.push(if is_new { one.at(String::new(), place) } else { one.at(place, String::new()) });
    }
}

/// The results that each key had.
fn seen(side: &Side) -> HashSet<(u32, u32)> {
    let key = |sample: &Sample| side.steps.get(sample.step as usize).copied().unwrap_or(OTHER);
    side.samples.iter().map(|sample| (key(sample), sample.result)).collect()
}

/// In how many recordings samples are.
pub(super) fn recordings(samples: &[Sample]) -> usize {
    // They are in the order of their recordings.
    let mut count = 0;
    let mut last = None;
    for sample in samples {
        if last != Some(sample.recording) {
            count += 1;
            last = Some(sample.recording);
        }
    }
    count
}

/// Distinct numbers, sorted.
fn distinct(numbers: impl Iterator<Item = u32>) -> Vec<u32> {
    let mut numbers: Vec<u32> = numbers.collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

type Both<'a, T> = (&'a T, &'a T);

fn results(
    pools: &Pools,
    (old, new): Both<'_, Side>,
    (olds, news): Both<'_, [Sample]>,
    (key, name): (u32, &str),
    [seen_old, seen_new]: &[HashSet<(u32, u32)>; 2],
    list: &mut Vec<Difference>,
) {
    // What the recording cuts off tells nothing.
    let is_known = |sample: &&Sample| sample.result != OTHER && !pools.results.text(sample.result).is_empty();
    let before = distinct(olds.iter().filter(is_known).map(|sample| sample.result));
    let after = distinct(news.iter().filter(is_known).map(|sample| sample.result));
    if before == after || before.is_empty() || after.is_empty() {
        return;
    }
    let is_strong = recordings(olds) >= SEVERAL && recordings(news) >= SEVERAL;
    let of = |samples: &[Sample], result: u32| samples.iter().find(|sample| sample.result == result).copied();
    let mut tell = |from: u32, to: u32, severity: Severity, sometimes: &str| {
        let (a, b) = (pools.results.text(from), pools.results.text(to));
        let same_name = |text: &str| text.split(": ").next().map(str::to_owned);
        let is_code = same_name(a) == same_name(b) && a.contains(": ") && b.contains(": ");
        let kind = if is_code { Kind::ResultCode } else { Kind::ResultChanged };
        let message = format!("ended with `{a}`, now {sometimes}with `{b}`");
        let place = |side: &Side, sample: Option<Sample>| {
            sample.map(|sample| side.place(sample.recording, sample.at)).unwrap_or_default()
        };
        let severity = if is_code { severity.min(Severity::Warning) } else { severity };
        let one = Difference::new(kind, severity, name, "", message).sides(a, b);
        list.push(one.at(place(old, of(olds, from)), place(new, of(news, to))));
    };
    let (Some(&from), Some(&to)) = (before.first(), after.first()) else { return };
    if before.iter().any(|result| after.contains(result)) {
        for &result in after.iter().filter(|result| !before.contains(result)) {
            let is_failure = is_failure(pools.results.text(result));
            let failed: Vec<Sample> = news.iter().filter(|sample| sample.result == result).copied().collect();
            let often = recordings(&failed) * 2 > recordings(news);
            if !is_failure || seen_old.contains(&(key, result)) || !(often || recordings(news) < SEVERAL) {
                continue;
            }
            let severity = if is_strong { Severity::Error } else { Severity::Warning };
            tell(from, result, severity, "at times ");
        }
        return;
    }
    let is_varied = seen_old.contains(&(key, to)) || seen_new.contains(&(key, from));
    let is_single = before.len() == 1 && after.len() == 1;
    let severity = if is_varied && !(is_strong && is_single) {
        Severity::Info
    } else if is_failure(pools.results.text(from)) && !is_failure(pools.results.text(to)) {
        Severity::Warning
    } else {
        Severity::Error
    };
    tell(from, to, severity, "");
}

/// A field of an answer's line: command, line, its number among those of its name, position. Position 0 is the count of lines.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Field {
    command: u32,
    line: String,
    position: usize,
}

/// What became of a field.
#[derive(Clone, Debug)]
struct Changed {
    old: String,
    new: String,
    count: u64,
    is_strong: bool,
    /// The keys at which it changed, some of them.
    keys: Vec<u32>,
    places: [(u16, u32); 2],
    /// The same field of the other lines had other values: several are told as one.
    several: bool,
}

/// The values of samples: for each line (name and number among its name) and field, the distinct texts.
fn fields_of(pools: &Pools, samples: &[Sample]) -> BTreeMap<(String, usize, usize), BTreeSet<String>> {
    let mut fields: BTreeMap<(String, usize, usize), BTreeSet<String>> = BTreeMap::new();
    for id in distinct(samples.iter().map(|sample| sample.values)) {
        let mut numbers: HashMap<&str, usize> = HashMap::new();
        for line in pools.values.text(id).lines() {
            let mut parts = line.split('\t');
            let name = parts.next().unwrap_or_default();
            let number = numbers.entry(name).or_default();
            *number += 1;
            for (at, value) in parts.enumerate() {
                let known = fields.entry((name.to_owned(), *number, at + 1)).or_default();
                if known.len() < MOST_VALUES {
                    known.insert(value.to_owned());
                }
            }
        }
        for (name, count) in numbers {
            fields.entry((name.to_owned(), 0, 0)).or_default().insert(count.to_string());
        }
    }
    fields
}

fn values(
    pools: &Pools,
    (olds, news): Both<'_, [Sample]>,
    (key, command): (u32, u32),
    changes: &mut BTreeMap<Field, Changed>,
) {
    let is_quick = |a: &[Sample], b: &[Sample]| {
        matches!((a, b), ([a], [b]) if a.values == b.values) || a.iter().chain(b).any(|sample| sample.values == OTHER)
    };
    if is_quick(olds, news) {
        return;
    }
    // Values of a success say nothing about those of a failure.
    let results = distinct(olds.iter().map(|sample| sample.result));
    let common: Vec<u32> = results.into_iter().filter(|one| news.iter().any(|sample| sample.result == *one)).collect();
    for result in common {
        let of = |samples: &[Sample]| -> Vec<Sample> {
            samples.iter().filter(|sample| sample.result == result).copied().collect()
        };
        let (olds, news) = (of(olds), of(news));
        let before = distinct(olds.iter().map(|sample| sample.values));
        let after = distinct(news.iter().map(|sample| sample.values));
        if before.iter().any(|values| after.contains(values)) {
            continue;
        }
        let is_strong = recordings(&olds) >= SEVERAL && recordings(&news) >= SEVERAL;
        let (before, after) = (fields_of(pools, &olds), fields_of(pools, &news));
        for ((line, number, position), old_values) in &before {
            let Some(new_values) = after.get(&(line.clone(), *number, *position)) else { continue };
            let (Some(old), Some(new)) = (old_values.first(), new_values.first()) else { continue };
            if old_values.len() > 1 || new_values.len() > 1 || old == new || old == "~" || new == "~" {
                continue;
            }
            // Lines of lists that have become longer or shorter do not belong together.
            let lines = |fields: &BTreeMap<_, BTreeSet<String>>| fields.get(&(line.clone(), 0, 0)).cloned();
            if *position > 0 && lines(&before) != lines(&after) {
                continue;
            }
            let field = Field { command, line: line.clone(), position: *position };
            let place = |samples: &[Sample]| samples.first().map_or((0, 0), |one| (one.recording, one.at));
            let places = [place(&olds), place(&news)];
            let change = changes.entry(field).or_insert_with(|| Changed {
                old: old.clone(),
                new: new.clone(),
                count: 0,
                is_strong: false,
                keys: Vec::new(),
                places,
                several: false,
            });
            change.count += 1;
            change.is_strong |= is_strong;
            change.several |= change.old != *old || change.new != *new;
            if change.keys.len() < 16 && !change.keys.contains(&key) {
                change.keys.push(key);
            }
        }
    }
}

/// Whether a field has several values on one side where the same command was sent.
fn varied(pools: &Pools, side: &Side, keys: &HashSet<u32>) -> HashSet<(u32, String, usize)> {
    let mut known: HashMap<(u32, String, usize), BTreeSet<String>> = HashMap::new();
    let mut done: HashSet<(u32, u32)> = HashSet::new();
    for sample in &side.samples {
        let key = side.steps.get(sample.step as usize).copied().unwrap_or(OTHER);
        if !keys.contains(&key) || sample.values == OTHER || !done.insert((key, sample.values)) {
            continue;
        }
        for ((line, _, position), values) in fields_of(pools, std::slice::from_ref(sample)) {
            let entry = known.entry((key, line, position)).or_default();
            if entry.len() < MOST_VALUES {
                entry.extend(values);
            }
        }
    }
    known.into_iter().filter(|(_, values)| values.len() > 1).map(|(field, _)| field).collect()
}

fn changed_values(
    pools: &Pools,
    old: &Side,
    new: &Side,
    mut changes: BTreeMap<Field, Changed>,
    list: &mut Vec<Difference>,
) {
    let keys: HashSet<u32> = changes.values().flat_map(|change| change.keys.iter().copied()).collect();
    let varied: HashSet<_> = varied(pools, old, &keys).union(&self::varied(pools, new, &keys)).cloned().collect();
    swapped(pools, (old, new), &mut changes, list);
    for (field, change) in changes {
        let Field { command, line, position } = field;
        let name = pools.names.text(command);
        let is_varied = change.keys.iter().any(|key| varied.contains(&(*key, line.clone(), position)));
        let plain = |text: &str| text.strip_prefix('=').unwrap_or(text).to_owned();
        let (before, after) = (plain(&change.old), plain(&change.new));
        let [old_at, new_at] = change.places;
        let places = (old.place(old_at.0, old_at.1), new.place(new_at.0, new_at.1));
        let mut tell = |kind, severity, part: &str, message: String| {
            let one = Difference::new(kind, severity, name, part, message).sides(before.clone(), after.clone());
            list.push(one.at(places.0.clone(), places.1.clone()).times(change.count));
        };
        if let Some(of) = line.strip_prefix("data ") {
            let severity = if change.is_strong { Severity::Warning } else { Severity::Info };
            if position == 0 {
                let message = format!("data came in {}, now in {after}", counted(&before, "piece"));
                tell(Kind::PayloadSize, severity, of, message);
            } else {
                let message = format!("{} of data, now {after}", counted(&before, "byte"));
                tell(Kind::PayloadSize, severity, of, message);
            }
        } else if position == 0 {
            let severity = if change.is_strong && !is_varied { Severity::Warning } else { Severity::Info };
            let message = format!("{} `{line}`, now {after}", counted(&before, "line"));
            tell(Kind::LineCount, severity, &line, message);
        } else if name.ends_with("=?") {
            test_ranges(&line, (&before, &after), &mut tell);
        } else {
            let severity = match (change.is_strong, is_varied) {
                (true, _) => Severity::Warning,
                (false, false) if is_telling(&change.old) && is_telling(&change.new) => Severity::Warning,
                _ => Severity::Info,
            };
            let more = if change.several { " (and others)" } else { "" };
            let message = format!("field {position} of `{line}` was {before}, is {after}{more}");
            tell(Kind::Value, severity, &format!("{line} field {position}"), message);
        }
    }
}

/// A number of things in words.
fn counted(count: &str, what: &str) -> String {
    format!("{count} {what}{}", if count == "1" { "" } else { "s" })
}

fn test_ranges(line: &str, (before, after): (&str, &str), tell: &mut impl FnMut(Kind, Severity, &str, String)) {
    let Some(changes) = ranges::compare(before, after) else {
        return tell(Kind::Ranges, Severity::Warning, line, format!("told {before}, now {after}"));
    };
    if changes.is_empty() {
        let message = "the same ranges are written otherwise".to_owned();
        return tell(Kind::Spelling, Severity::Info, line, message);
    }
    for change in changes {
        let which = match change.position {
            Some(position) => format!("parameter {position}"),
            None => "the number of parameters".to_owned(),
        };
        let mut parts = Vec::new();
        if !change.gone.is_empty() {
            parts.push(format!("{} is not allowed any more", change.gone));
        }
        if !change.added.is_empty() {
            parts.push(format!("{} is allowed now", change.added));
        }
        let severity = if change.gone.is_empty() { Severity::Warning } else { Severity::Error };
        let part = format!("{line} {which}");
        tell(Kind::Ranges, severity, &part, format!("ranges of {which}: {}", parts.join(", ")));
    }
}

/// Fields that have each other's value now: told as such, and taken off the list.
fn swapped(
    pools: &Pools,
    (old, new): Both<'_, Side>,
    changes: &mut BTreeMap<Field, Changed>,
    list: &mut Vec<Difference>,
) {
    let fields: Vec<Field> = changes.keys().filter(|field| field.position > 0).cloned().collect();
    for (at, first) in fields.iter().enumerate() {
        for second in fields.iter().skip(at + 1) {
            if (first.command, &first.line) != (second.command, &second.line) {
                break;
            }
            let (Some(a), Some(b)) = (changes.get(first), changes.get(second)) else { continue };
            let same = |a: &str, b: &str| a.trim_start_matches('=') == b.trim_start_matches('=');
            if !same(&a.old, &b.new) || !same(&a.new, &b.old) || a.count != b.count {
                continue;
            }
            let name = pools.names.text(first.command);
            let (one, two, line) = (first.position, second.position, &first.line);
            let message = format!("fields {one} and {two} of `{line}` have changed places");
            let sides = |a: &str, b: &str| format!("{},{}", a.trim_start_matches('='), b.trim_start_matches('='));
            let [old_at, new_at] = a.places;
            let severity = if a.is_strong { Severity::Error } else { Severity::Warning };
            list.push(
                Difference::new(Kind::FieldOrder, severity, name, line, message)
                    .sides(sides(&a.old, &b.old), sides(&a.new, &b.new))
                    .at(old.place(old_at.0, old_at.1), new.place(new_at.0, new_at.1))
                    .times(a.count),
            );
            changes.remove(first);
            changes.remove(second);
        }
    }
}

/// Whether a value that changed tells something by itself: one of a few, or a word; numbers, addresses and times may come
/// out otherwise at any run.
pub(super) fn is_telling(value: &str) -> bool {
    value.starts_with('=') || (!value.is_empty() && !value.bytes().any(|byte| byte.is_ascii_digit()))
}
