//! The phone book (27.007 §8.11 to §8.14).

use std::collections::BTreeMap;

use super::super::super::core::{Call, Core};
use super::super::super::dialect::Outcome;
use super::{address_type, cme, tell};
use crate::generate::{Bag, Item};
use crate::session::Form;

/// Entries that there is room for.
pub(super) const ENTRIES: i64 = 250;

struct Entry {
    number: String,
    kind: i64,
    text: Vec<u8>,
}

/// See the module's head.
#[derive(Default)]
pub(super) struct Book {
    entries: BTreeMap<i64, Entry>,
    storage: Option<String>,
}

impl Book {
    pub(super) fn command(&mut self, core: &mut Core, call: &Call) -> Option<Outcome> {
        Some(match (&*call.name, call.form) {
            ("+CPBS", Form::Read) => {
                let storage = self.storage.clone().unwrap_or_else(|| "SM".to_owned());
                let bag = Bag::new().with("storage", storage).with("used", self.entries.len()).with("total", ENTRIES);
                tell(core, call, "+CPBS", bag);
                Outcome::Ok
            }
            ("+CPBS", Form::Set) => {
                self.storage = Some(call.string("storage"));
                Outcome::Ok
            }
            ("+CPBR", Form::Set) => {
                let first = call.int("index1").unwrap_or_default();
                let last = call.int("index2").unwrap_or(first);
                if !(1..=ENTRIES).contains(&first) || last > ENTRIES {
                    return Some(cme(21));
                }
                for (index, entry) in self.entries.range(first..=last.max(first)) {
                    tell(core, call, "+CPBR", row(*index, entry));
                }
                Outcome::Ok
            }
            ("+CPBF", Form::Set) => {
                let wanted = call.string("findtext").into_bytes();
                for (index, entry) in self.entries.iter().filter(|(_, entry)| entry.text.starts_with(&wanted)) {
                    tell(core, call, "+CPBF", row(*index, entry));
                }
                Outcome::Ok
            }
            ("+CPBW", Form::Set) => self.write(core, call),
            _ => return None,
        })
    }

    fn write(&mut self, core: &mut Core, call: &Call) -> Outcome {
        let free = || (1..=ENTRIES).find(|index| !self.entries.contains_key(index));
        let chosen = call.int("index");
        let Some(index) = chosen.or_else(free) else { return cme(20) };
        if !(1..=ENTRIES).contains(&index) {
            return cme(21);
        }
        if call.text("number").is_none() {
            self.entries.remove(&index);
            return Outcome::Ok;
        }
        let number = call.string("number");
        let kind = call.int("type").unwrap_or_else(|| address_type(&number));
        let text = call.text("text").map(|text| text.into_owned()).unwrap_or_default();
        self.entries.insert(index, Entry { number, kind, text });
        if chosen.is_none() {
            tell(core, call, "+CPBW", Bag::new().with("written_index", index));
        }
        Outcome::Ok
    }

    /// The number of an entry that is dialled: by its index, or by its name in quotes.
    pub(super) fn number_of(&self, entry: &str) -> Option<String> {
        let named = |(_, own): &(&i64, &Entry)| own.text == entry.trim_matches('"').as_bytes();
        let by_index = entry.parse().ok().and_then(|index: i64| self.entries.get(&index));
        let found = by_index.or_else(|| self.entries.iter().find(named).map(|(_, own)| own));
        found.map(|entry| entry.number.clone())
    }
}

fn row(index: i64, entry: &Entry) -> Bag {
    let bag = Bag::new().with("index1", index).with("number", entry.number.as_str()).with("type", entry.kind);
    bag.with("text", Item::Text(entry.text.clone()))
}
