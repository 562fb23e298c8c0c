//! What set commands left behind, for the read commands: a row of values per command, or one per index.

use std::collections::HashMap;

use crate::catalog::Catalog;
use crate::generate::{Bag, Item};

/// Most rows of one command: contexts, links, characteristics.
const ROWS: usize = 64;

/// Rows by command.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory {
    rows: HashMap<u32, Vec<Bag>>,
}

impl Memory {
    /// Keeps what was given; `key`: the name of the parameter that tells rows apart.
    pub(crate) fn keep(&mut self, command: u32, key: Option<&str>, given: &Bag) {
        let rows = self.rows.entry(command).or_default();
        let same = |row: &Bag| key.is_none_or(|key| row.get(key) == given.get(key));
        if let Some(row) = rows.iter_mut().find(|row| same(row)) {
            for (name, item) in given.iter().filter(|(_, item)| **item != Item::Omitted) {
                row.set(name.to_owned(), item.clone());
            }
            return;
        }
        if rows.len() < ROWS {
            rows.push(given.clone());
        }
    }

    /// What was kept.
    pub(crate) fn rows(&self, command: u32) -> &[Bag] {
        self.rows.get(&command).map_or(&[], Vec::as_slice)
    }

    /// Forgets what one command left.
    pub(crate) fn clear(&mut self, command: u32) {
        self.rows.remove(&command);
    }

    /// Forgets what is not kept in flash: power is gone.
    pub(crate) fn restart(&mut self, catalog: &Catalog) {
        self.rows.retain(|command, _| catalog.commands.get(*command as usize).is_some_and(|command| command.saved));
    }

    /// Forgets all: the flash is erased.
    pub(crate) fn reset(&mut self) {
        self.rows.clear();
    }
}
