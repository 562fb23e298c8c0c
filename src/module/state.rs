//! The module's true state: every key has a value, or is still as no manual says.
//!
//! Independent of the decoder's own, which knows only what traffic showed: that the two agree is a law of the tests.

use crate::catalog::expr::{Env, Index, StateRef, Val};
use crate::catalog::{Catalog, Effect, StateValue};
use crate::generate::{Bag, Item};

/// Most indexes of a key, as links or connections.
pub(crate) const INDEXES: usize = 16;

/// Values of all keys.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    values: Vec<[Option<StateValue>; INDEXES]>,
}

impl State {
    /// The manual's defaults.
    pub(crate) fn new(catalog: &Catalog) -> Self {
        let mut state = Self { values: vec![[const { None }; INDEXES]; catalog.states.len()] };
        state.reset(catalog, true);
        state
    }

    /// The module starts anew. `factory`: what is kept in flash takes its default, too.
    pub(crate) fn reset(&mut self, catalog: &Catalog, factory: bool) {
        for (values, spec) in self.values.iter_mut().zip(&catalog.states) {
            if !spec.saved || factory {
                values.fill(spec.default.clone());
            }
        }
    }

    pub(crate) fn get(&self, key: u16, index: usize) -> Option<&StateValue> {
        self.values.get(usize::from(key))?.get(index)?.as_ref()
    }

    pub(crate) fn set(&mut self, key: u16, index: usize, value: Option<StateValue>) {
        if let Some(slot) = self.values.get_mut(usize::from(key)).and_then(|values| values.get_mut(index)) {
            *slot = value;
        }
    }

    pub(crate) fn fill(&mut self, key: u16, value: Option<StateValue>) {
        if let Some(values) = self.values.get_mut(usize::from(key)) {
            values.fill(value);
        }
    }

    /// What success does, as the catalog says.
    pub(crate) fn apply(&mut self, catalog: &Catalog, effects: &[Effect], given: &Bag) {
        for effect in effects {
            let scope = Scope { state: self, catalog, given };
            let value = match effect.value.as_ref().and_then(|term| term.eval(&scope)) {
                Some(Val::Int(number)) => Some(StateValue::Int(number)),
                Some(Val::Bytes(bytes)) => Some(StateValue::Word(String::from_utf8_lossy(&bytes).into())),
                None => None,
            };
            match effect.key.index {
                Index::Any => self.fill(effect.key.key, value),
                Index::None => self.set(effect.key.key, 0, value),
                Index::At(at) => self.set(effect.key.key, at.into(), value),
                Index::Param(name) => {
                    if let Some(index) = scope.index(name) {
                        self.set(effect.key.key, index, value);
                    }
                }
            }
        }
    }
}

/// State and given parameters: what conditions are held against.
pub(crate) struct Scope<'a> {
    pub(crate) state: &'a State,
    pub(crate) catalog: &'a Catalog,
    pub(crate) given: &'a Bag,
}

impl Scope<'_> {
    fn item(&self, name: u32) -> Option<&Item> {
        self.given.get(self.catalog.names.get(name as usize)?)
    }

    /// The link or connection that a parameter names; the first, where it is left out.
    pub(crate) fn index(&self, name: u32) -> Option<usize> {
        match self.item(name) {
            None | Some(Item::Omitted) => Some(0),
            Some(item) => usize::try_from(item.int()?).ok(),
        }
    }
}

impl Env for Scope<'_> {
    fn param(&self, name: u32) -> Option<Val<'_>> {
        match self.item(name)? {
            Item::Int(number) => Some(Val::Int(*number)),
            Item::Omitted => None,
            item @ (Item::Raw(_) | Item::Text(_)) => Some(Val::Bytes(item.text())),
        }
    }

    fn given(&self, name: u32) -> bool {
        self.item(name).is_some_and(|item| *item != Item::Omitted)
    }

    fn len(&self, name: u32) -> Option<i64> {
        self.item(name).filter(|item| **item != Item::Omitted).and_then(|item| i64::try_from(item.text().len()).ok())
    }

    fn state(&self, key: StateRef) -> Option<Val<'_>> {
        let index = match key.index {
            Index::Any => return None,
            Index::None => 0,
            Index::At(at) => usize::from(at),
            Index::Param(name) => self.index(name)?,
        };
        val(self.state.get(key.key, index)?)
    }

    fn any(&self, key: u16, test: &dyn Fn(&Val<'_>) -> bool) -> Option<bool> {
        let values = self.state.values.get(usize::from(key))?;
        Some(values.iter().flatten().filter_map(val).any(|value| test(&value)))
    }
}

fn val(value: &StateValue) -> Option<Val<'_>> {
    Some(match value {
        StateValue::Int(number) => Val::Int(*number),
        StateValue::Word(word) => Val::Bytes(word.as_bytes().into()),
    })
}
