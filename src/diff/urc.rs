//! What the module said unasked, by name: how often, in which forms, with which values, at which places.
//!
//! Bounded: so many names, so many forms, values and places of each.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Names that are told apart.
const MOST_NAMES: usize = 2048;

/// Forms and places of one name that are told apart.
pub(super) const MOST_FORMS: usize = 32;

/// Values of one field that are told apart; more of them, and the field varies.
pub(super) const MOST_VALUES: usize = 8;

/// How often something came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Times {
    pub(super) times: u32,
    /// In how many recordings.
    pub(super) recordings: u32,
}

impl Times {
    const ONCE: Self = Self { times: 1, recordings: 1 };
}

/// Lines of one name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Urc {
    /// It is a line of a boot banner.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) boot: bool,
    pub(super) count: u32,
    /// In how many recordings.
    pub(super) recordings: u32,
    /// How often in each form.
    pub(super) forms: BTreeMap<String, Times>,
    /// How often at each place relative to the commands.
    pub(super) places: BTreeMap<String, Times>,
    /// The values of each field.
    pub(super) values: Vec<BTreeMap<String, Times>>,
    /// Where the first one is.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) at: u32,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// All of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Urcs(pub(super) BTreeMap<String, Urc>);

impl Urcs {
    pub(super) fn push(&mut self, name: &str, boot: bool, form: &str, values: &str, place: &str, at: u32) {
        if !self.0.contains_key(name) {
            if self.0.len() >= MOST_NAMES {
                return;
            }
            self.0.insert(name.to_owned(), Urc { boot, recordings: 1, at, ..Urc::default() });
        }
        let Some(urc) = self.0.get_mut(name) else { return };
        urc.count = urc.count.saturating_add(1);
        again(&mut urc.forms, form, MOST_FORMS);
        again(&mut urc.places, place, MOST_FORMS);
        for (at, value) in values.split('\t').skip(1).take(MOST_FORMS).enumerate() {
            if at >= urc.values.len() {
                urc.values.push(BTreeMap::new());
            }
            if let Some(known) = urc.values.get_mut(at) {
                again(known, value, MOST_VALUES);
            }
        }
    }

    /// Takes those of another recording.
    pub(super) fn merge(&mut self, other: &Self) {
        for (name, urc) in &other.0 {
            let Some(own) = self.0.get_mut(name) else {
                self.0.insert(name.clone(), urc.clone());
                continue;
            };
            own.count = own.count.saturating_add(urc.count);
            own.recordings += urc.recordings;
            for (form, times) in &urc.forms {
                count(&mut own.forms, form, *times, MOST_FORMS);
            }
            for (place, times) in &urc.places {
                count(&mut own.places, place, *times, MOST_FORMS);
            }
            for (at, values) in urc.values.iter().enumerate() {
                if at >= own.values.len() {
                    own.values.push(BTreeMap::new());
                }
                if let Some(known) = own.values.get_mut(at) {
                    values.iter().for_each(|(value, times)| count(known, value, *times, MOST_VALUES));
                }
            }
        }
    }
}

/// Once more in the same recording.
fn again(table: &mut BTreeMap<String, Times>, text: &str, most: usize) {
    match table.get_mut(text) {
        Some(known) => known.times = known.times.saturating_add(1),
        None => count(table, text, Times::ONCE, most),
    }
}

/// So many times more, in other recordings.
fn count(table: &mut BTreeMap<String, Times>, text: &str, more: Times, most: usize) {
    if let Some(known) = table.get_mut(text) {
        known.times = known.times.saturating_add(more.times);
        known.recordings += more.recordings;
    } else if table.len() <= most {
        // One more than the most shows that there were too many.
        table.insert(text.to_owned(), more);
    }
}
