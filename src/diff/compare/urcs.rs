//! What the module says unasked: new and gone, in another form, at another place, with other values.

use std::collections::BTreeMap;

use super::answers::{aspects, form_same, form_told};
use super::steps::{SEVERAL, is_telling};
use super::{Difference, Kind};
use crate::check::Severity;
use crate::diff::side::Side;
use crate::diff::urc::Urc;

/// Lines of one name that must have come at one place on each side, and nowhere else, before another place is told.
const LEAST_PLACES: u32 = 5;

/// Lines of one name on each side from which on fields are compared.
const LEAST: u32 = 2;

pub(super) fn compare(old: &Side, new: &Side, list: &mut Vec<Difference>) {
    for (name, urc) in &old.urcs.0 {
        match new.urcs.0.get(name) {
            Some(other) => both(name, (old, urc), (new, other), list),
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
    let always = urc.recordings == side.count();
    let severity = if side.count() >= 2 {
        // In every recording of one side and in none of the other: with one of the other it may be its chance.
        if always && (other.count() >= 2 || urc.count >= 2 * side.count()) { Severity::Warning } else { Severity::Info }
    } else if urc.boot || urc.count >= LEAST {
        Severity::Warning
    } else {
        Severity::Info
    };
    let what = if urc.boot { "boot line" } else { "URC" };
    let is_new = kind == Kind::UrcNew;
    let place = urc.places.keys().next().map(|place| format!(" ({place})")).unwrap_or_default();
    let message = if is_new { format!("{what} is new{place}") } else { format!("{what} is gone{place}") };
    let form = urc.forms.keys().next().cloned().unwrap_or_default();
    // Merged sides do not remember in which recording it was: the first one stands for them.
    let at = if side.count() == 1 { side.place(0, urc.at) } else { String::new() };
    let one = Difference::new(kind, severity, name, "", message).times(u64::from(urc.count));
    list.push(if is_new {
        one.sides("", form).at(String::new(), at)
    } else {
        one.sides(form, "").at(at, String::new())
    });
}

fn both(name: &str, (old, before): (&Side, &Urc), (new, after): (&Side, &Urc), list: &mut Vec<Difference>) {
    let places = || {
        let at = |side: &Side, urc: &Urc| if side.count() == 1 { side.place(0, urc.at) } else { String::new() };
        (at(old, before), at(new, after))
    };
    let what = format!("URC `{name}`");
    let mut tell = |kind, severity, part: &str, message: String, from: &str, to: &str| {
        let (old, new) = places();
        let one = Difference::new(kind, severity, name, part, message).sides(from, to).at(old, new);
        list.push(one.times(u64::from(after.count)));
    };
    let enough = before.count >= LEAST && after.count >= LEAST;
    let (olds, news) = (looks(before), looks(after));
    let recounted = olds.get(&(Kind::FieldCount, 0)).zip(news.get(&(Kind::FieldCount, 0)));
    let recounted = recounted.is_some_and(|(a, b)| a.keys().all(|text| !b.contains_key(text)));
    for ((kind, at), from) in &olds {
        let Some(to) = news.get(&(*kind, *at)) else { continue };
        if from.keys().any(|text| to.keys().any(|other| form_same(*kind, text, other))) {
            continue;
        }
        let is_field = matches!(kind, Kind::FieldType | Kind::Quoting | Kind::Spacing);
        if (is_field && recounted) || (!enough && matches!(kind, Kind::FieldType | Kind::FieldCount)) {
            continue;
        }
        let (Some((text, line)), Some((other, other_line))) = (from.first_key_value(), to.first_key_value()) else {
            continue;
        };
        let (kind, severity, part, message) = form_told(*kind, *at, &what, text, other);
        tell(kind, severity, &part, message, line, other_line);
    }
    if !recounted {
        for (at, (from, to)) in before.values.iter().zip(&after.values).enumerate() {
            field(at + 1, (old, before, from), (new, after, to), &what, &mut tell);
        }
    }
    if let (Some(from), Some(to)) = (only(before), only(after))
        && from != to
    {
        tell(Kind::UrcPlace, Severity::Warning, "", format!("{what} came {from}, now {to}"), from, to);
    }
}

type Values<'a> = (&'a Side, &'a Urc, &'a BTreeMap<String, u32>);

fn field(
    at: usize,
    (old, before, from): Values<'_>,
    (new, after, to): Values<'_>,
    what: &str,
    tell: &mut impl FnMut(Kind, Severity, &str, String, &str, &str),
) {
    let (Some((a, _)), Some((b, _))) = (from.first_key_value(), to.first_key_value()) else { return };
    let is_constant = from.len() == 1 && to.len() == 1 && before.count >= 3 && after.count >= 3;
    if !is_constant || a == b || a == "~" || b == "~" || !is_telling(a) || !is_telling(b) {
        return;
    }
    let is_strong = old.count() as usize >= SEVERAL && new.count() as usize >= SEVERAL;
    let severity = if is_strong { Severity::Warning } else { Severity::Info };
    let plain = |text: &str| text.strip_prefix('=').unwrap_or(text).to_owned();
    let (a, b) = (plain(a), plain(b));
    tell(Kind::Value, severity, &format!("field {at}"), format!("field {at} of {what} was {a}, is {b}"), &a, &b);
}

/// The place where all came, if there were enough.
fn only(urc: &Urc) -> Option<&str> {
    match urc.places.first_key_value() {
        Some((place, count)) if urc.places.len() == 1 && *count >= LEAST_PLACES => Some(place),
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
