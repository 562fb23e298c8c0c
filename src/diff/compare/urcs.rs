//! What the module says unasked: new and gone, in another form, at another place, with other values.

use std::collections::BTreeMap;

use super::answers::{aspects, same};
use super::ends::Ends;
use super::explained::BOOT;
use super::steps::{SEVERAL, is_telling};
use super::words::{LINES, Told, of_form};
use super::{Difference, Kind};
use crate::check::Severity;
use crate::diff::record::{START, masked};
use crate::diff::shape::readable;
use crate::diff::side::Side;
use crate::diff::urc::{MOST_FORMS, MOST_VALUES, Times, Urc};

/// Lines of one name that must have come at one place on each side, and nowhere else, before another place is told.
const LEAST_PLACES: u32 = 5;

/// Lines of one name that do not come on one side by chance alone, while the other one has none.
const MANY: u32 = 8;

/// Lines of one name on each side from which on fields are compared.
const LEAST: u32 = 2;

pub(super) fn compare((old, new): (&Side, &Side), commands: &[String], line_ends: Ends, list: &mut Vec<Difference>) {
    if old.is_partial != new.is_partial {
        // Of one side of the line alone nobody knows what is unasked.
        return;
    }
    for (name, urc) in &old.urcs.0 {
        match new.urcs.0.get(name) {
            Some(other) => {
                both(name, (old, urc), (new, other), line_ends, list);
                moved(name, (old, urc), (new, other), commands, list);
            }
            None => one_sided(name, urc, old, new, Kind::UrcGone, list),
        }
    }
    for (name, urc) in &new.urcs.0 {
        if !old.urcs.0.contains_key(name) {
            one_sided(name, urc, new, old, Kind::UrcNew, list);
        }
    }
}

/// `side` has it, the other one does not.
fn one_sided(name: &str, urc: &Urc, side: &Side, other: &Side, kind: Kind, list: &mut Vec<Difference>) {
    let severity = if is_no_chance(urc, side, other) { Severity::Warning } else { Severity::Info };
    let (what, part) = if urc.boot { (BOOT, BOOT) } else { ("URC", "") };
    let is_new = kind == Kind::UrcNew;
    let place = urc.places.keys().next().filter(|_| urc.places.len() == 1);
    let place = place.map(|place| format!(" ({place})")).unwrap_or_default();
    let message = if is_new { format!("{what} is new{place}") } else { format!("{what} is gone{place}") };
    // What may be chance is told in few words.
    let side_named = if is_new { "new" } else { "old" };
    let all = (severity == Severity::Info).then(|| format!("came on the {side_named} side alone, perhaps by chance"));
    let form = urc.forms.keys().next().map(|form| readable(form)).unwrap_or_default();
    // Merged sides do not remember in which recording it was: the first one stands for them.
    let at = if side.count() == 1 { side.place(0, urc.at) } else { String::new() };
    let one = Difference::new(kind, severity, name, part, message).times(u64::from(urc.count));
    let one = one.general(all.unwrap_or_default());
    list.push(if is_new {
        one.sides("", form).at(String::new(), at)
    } else {
        one.sides(form, "").at(at, String::new())
    });
}

/// Whether it is no chance that one side has a line and the other one does not.
fn is_no_chance(urc: &Urc, side: &Side, other: &Side) -> bool {
    if other.starts == 0 && urc.places.keys().all(|place| place == START) {
        // The other recordings may have begun later.
        return false;
    }
    let always = urc.recordings == side.count();
    // Once in each recording, where the host has been once: it comes of that command.
    let is_caused = || {
        let place = urc.places.first_key_value().filter(|_| urc.places.len() == 1 && urc.count == side.count());
        place.is_some_and(|(place, _)| [side, other].iter().all(|side| side.is_once(command_of(place))))
    };
    // Of a module that does not boot in them, recordings tell nothing of its banner.
    let boots = || other.urcs.0.values().any(|urc| urc.boot);
    (urc.boot && always && boots())
        || (always && is_strong(side, other))
        || (always && side.count() >= 2 && is_caused())
        || urc.count >= MANY * side.count().div_ceil(other.count().max(1))
}

/// The command that a place is named by; empty for the start.
fn command_of(place: &str) -> &str {
    if place == START { "" } else { place.split_once(' ').map_or("", |(_, command)| command) }
}

/// One side's lines of a name.
type Own<'a> = (&'a Side, &'a Urc);

fn both(name: &str, (old, before): Own<'_>, (new, after): Own<'_>, line_ends: Ends, list: &mut Vec<Difference>) {
    let places = || {
        let at = |side: &Side, urc: &Urc| if side.count() == 1 { side.place(0, urc.at) } else { String::new() };
        (at(old, before), at(new, after))
    };
    let what = format!("URC `{name}`");
    let mut tell = |told: Told, from: &str, to: &str| {
        let (old, new) = places();
        let one = Difference::new(told.kind, told.severity, name, &told.part, told.message).general(told.general);
        list.push(one.sides(from, to).at(old, new).times(u64::from(after.count)));
    };
    let enough = before.count >= LEAST && after.count >= LEAST;
    let (olds, news) = (looks(before), looks(after));
    let recounted = olds.get(&(Kind::FieldCount, 0)).zip(news.get(&(Kind::FieldCount, 0)));
    let recounted = recounted.is_some_and(|(a, b)| a.keys().all(|text| !b.contains_key(text)));
    for ((kind, at), from) in &olds {
        let Some(to) = news.get(&(*kind, *at)) else { continue };
        if from.keys().any(|text| to.keys().any(|other| same(*kind, text, other, line_ends))) {
            continue;
        }
        let is_field = matches!(kind, Kind::FieldType | Kind::Quoting | Kind::Spacing);
        if (is_field && recounted) || (!enough && matches!(kind, Kind::FieldType | Kind::FieldCount)) {
            continue;
        }
        let (Some((text, line)), Some((other, other_line))) = (from.first_key_value(), to.first_key_value()) else {
            continue;
        };
        tell(of_form(*kind, &[*at], &what, LINES, (text, other), false), &readable(line), &readable(other_line));
    }
    if !recounted {
        for (at, (from, to)) in before.values.iter().zip(&after.values).enumerate() {
            field(at + 1, (old, before, from), (new, after, to), &what, &mut tell);
        }
    }
}

type Values<'a> = (&'a Side, &'a Urc, &'a BTreeMap<String, Times>);

fn field(
    at: usize,
    (old, before, from): Values<'_>,
    (new, after, to): Values<'_>,
    what: &str,
    tell: &mut impl FnMut(Told, &str, &str),
) {
    let is_strong = is_strong(old, new);
    let severity = if is_strong { Severity::Warning } else { Severity::Info };
    let plain = |text: &str| text.strip_prefix('=').unwrap_or(text).to_owned();
    let told = |kind, part, message| Told { kind, severity, part, message, general: String::new() };
    let (Some((a, _)), Some((b, _))) = (from.first_key_value(), to.first_key_value()) else { return };
    if from.len() == 1 && to.len() == 1 {
        let is_known = before.count >= 3 && after.count >= 3;
        if is_known && a != b && a != "~" && b != "~" && is_telling(a) && is_telling(b) {
            let (a, b) = (plain(a), plain(b));
            tell(told(Kind::Value, format!("field {at}"), format!("field {at} of {what} was {a}, is {b}")), &a, &b);
        }
        return;
    }
    // A word that one side says in every recording, and the other one in none.
    if !is_strong || from.len() > MOST_VALUES || to.len() > MOST_VALUES {
        return;
    }
    let words = |values: &BTreeMap<String, Times>| {
        let mut words: BTreeMap<String, u32> = BTreeMap::new();
        for (text, times) in values.iter().filter(|(text, _)| is_wording(text)) {
            let known = words.entry(masked(text)).or_default();
            *known = (*known).max(times.recordings);
        }
        words
    };
    let (olds, news) = (words(from), words(to));
    for (word, _) in news.iter().filter(|(word, count)| **count == new.count() && !olds.contains_key(*word)) {
        tell(told(Kind::UrcNew, plain(word), format!("{what} says `{}` now", plain(word))), "", word);
    }
    for (word, _) in olds.iter().filter(|(word, count)| **count == old.count() && !news.contains_key(*word)) {
        tell(told(Kind::UrcGone, plain(word), format!("{what} does not say `{}` any more", plain(word))), word, "");
    }
}

/// Whether a value is made of words, perhaps with numbers in between: `EPS PDN ACT 1`.
fn is_wording(text: &str) -> bool {
    let is_word = |word: &str| word.bytes().all(|byte| byte.is_ascii_alphabetic());
    let is_number = |word: &str| word.bytes().all(|byte| byte.is_ascii_digit());
    let words = || text.split([' ', '=', '"']).filter(|word| !word.is_empty());
    words().all(|word| is_word(word) || is_number(word)) && words().any(|word| word.len() > 2 && is_word(word))
}

fn is_strong(old: &Side, new: &Side) -> bool {
    old.count() as usize >= SEVERAL && new.count() as usize >= SEVERAL
}

/// Tells that lines of a name come at other places relative to the commands.
fn moved(name: &str, (old, before): Own<'_>, (new, after): Own<'_>, commands: &[String], list: &mut Vec<Difference>) {
    // When a module boots, the commands do not tell.
    if before.boot || after.boot {
        return;
    }
    let mut tell = |message: String, from: &str, to: &str| {
        let one = Difference::new(Kind::UrcPlace, Severity::Warning, name, "", format!("URC `{name}` {message}"));
        list.push(one.sides(from, to).times(u64::from(after.count)));
    };
    // What both sides had a chance of: the host sent the command on both, and the recordings show the start.
    let is_common = |place: &str| match command_of(place) {
        "" => old.starts == old.count() && new.starts == new.count(),
        command => commands.binary_search_by(|known| known.as_str().cmp(command)).is_ok(),
    };
    if let (Some(from), Some(to)) = (only(before), only(after)) {
        if from != to && is_common(from) && is_common(to) {
            tell(format!("came {from}, now {to}"), from, to);
        }
        return;
    }
    // Where it comes in every recording or in none, its places are no chance.
    let is_fixed = |(side, urc): Own<'_>| {
        urc.places.len() <= MOST_FORMS && urc.places.values().all(|times| times.recordings == side.count())
    };
    if !is_strong(old, new) || !is_fixed((old, before)) || !is_fixed((new, after)) {
        return;
    }
    let apart = |urc: &Urc, other: &Urc| -> Vec<String> {
        let places = urc.places.keys().filter(|place| !other.places.contains_key(*place) && is_common(place));
        places.cloned().collect()
    };
    match (apart(before, after).as_slice(), apart(after, before).as_slice()) {
        ([], []) => {}
        ([], news) => tell(format!("comes {} now, too", news.join(", ")), "", &news.join(", ")),
        (olds, []) => tell(format!("does not come {} any more", olds.join(", ")), &olds.join(", "), ""),
        (olds, news) => {
            tell(format!("came {}, now {}", olds.join(", "), news.join(", ")), &olds.join(", "), &news.join(", "));
        }
    }
}

/// The place where all came, if there were enough.
fn only(urc: &Urc) -> Option<&str> {
    match urc.places.first_key_value() {
        Some((place, count)) if urc.places.len() == 1 && count.times >= LEAST_PLACES => Some(place),
        _ => None,
    }
}

/// The aspects of all forms, each text with a form that shows it.
fn looks(urc: &Urc) -> BTreeMap<(Kind, usize), BTreeMap<String, String>> {
    let mut looks: BTreeMap<(Kind, usize), BTreeMap<String, String>> = BTreeMap::new();
    for form in urc.forms.keys() {
        aspects(form, &mut |kind, at, text| {
            let texts = looks.entry((kind, at)).or_default();
            texts.entry(text.to_owned()).or_insert_with(|| form.clone());
        });
    }
    looks
}
