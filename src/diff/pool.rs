//! Texts as numbers: every command, answer and value stands once in memory, however often it came.
//!
//! Bounded: what comes when a table is full is [`OTHER`], which is compared with nothing.

use indexmap::IndexSet;

/// The number of what did not fit any more.
pub(super) const OTHER: u32 = u32::MAX;

/// Most bytes of one table.
const MOST_BYTES: usize = 24 * 1024 * 1024;

/// Most entries of one table.
const MOST_ENTRIES: usize = 400_000;

/// A table of texts.
#[derive(Debug, Default)]
pub(super) struct Table {
    texts: IndexSet<Box<str>>,
    bytes: usize,
}

impl Table {
    /// The number of a text.
    pub(super) fn number(&mut self, text: &str) -> u32 {
        if let Some(known) = self.texts.get_index_of(text) {
            return known as u32;
        }
        if self.bytes + text.len() > MOST_BYTES || self.texts.len() >= MOST_ENTRIES {
            return OTHER;
        }
        self.bytes += text.len();
        self.texts.insert_full(text.into()).0 as u32
    }

    /// The text of a number; empty for [`OTHER`].
    pub(super) fn text(&self, number: u32) -> &str {
        self.texts.get_index(number as usize).map_or("", |text| text)
    }

    pub(super) fn len(&self) -> usize {
        self.texts.len()
    }
}

/// The tables that both sides of a comparison share: equal numbers mean equal texts.
#[derive(Debug, Default)]
pub struct Pools {
    /// Command lines as the catalog spells them, volatile values left out.
    pub(super) keys: Table,
    /// For each key, its command: name and form. Empty for a key that is none.
    pub(super) commands: Vec<u32>,
    pub(super) names: Table,
    /// Final results: `OK`, `OK, SEND OK`.
    pub(super) results: Table,
    /// Answers without their values: see [`shape`](super::shape).
    pub(super) answers: Table,
    /// The values of answers, a line a line.
    pub(super) values: Table,
}

impl Pools {
    /// The number of a command line; `name` is its command.
    pub(super) fn key(&mut self, key: &str, name: &str) -> u32 {
        let number = self.keys.number(key);
        if number as usize == self.commands.len() {
            let name = self.names.number(name);
            self.commands.push(name);
        }
        number
    }

    /// The command of a key: its number among [`names`](Self::names).
    pub(super) fn command(&self, key: u32) -> u32 {
        self.commands.get(key as usize).copied().unwrap_or(OTHER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_have_one_number() {
        let mut pools = Pools::default();
        let first = pools.key("AT+CWMODE=1", "AT+CWMODE=");
        let second = pools.key("AT+CWMODE=2", "AT+CWMODE=");
        assert_eq!(first, pools.key("AT+CWMODE=1", "AT+CWMODE="));
        assert_ne!(first, second);
        assert_eq!(pools.command(first), pools.command(second));
        assert_eq!(pools.names.text(pools.command(first)), "AT+CWMODE=");
        assert_eq!(pools.keys.text(OTHER), "");
    }
}
