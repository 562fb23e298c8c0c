//! The state that a conversation in the making has come to, and what conditions are held against.
//!
//! Independent of the decoder's own and of the virtual module's: tests hold the three against each other.

use std::collections::BTreeMap;

use super::item::{Bag, Item};
use crate::catalog::expr::{Compare, Env, Expr, Index, StateRef, Term, Val};
use crate::catalog::{Catalog, Condition, Effect, StateValue};

/// Indexes of a key that are told apart.
pub(crate) const INDEXES: u8 = 8;

/// What is known of a module's state; a key that is not there is unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    values: BTreeMap<(u16, u8), StateValue>,
}

impl Known {
    /// The manual's defaults: a module that has just started for the first time.
    pub fn boot(catalog: &Catalog) -> Self {
        let mut known = Self::default();
        known.reset(catalog, true);
        known
    }

    /// The module starts anew; `factory`: what is kept in flash takes its default, too.
    pub fn reset(&mut self, catalog: &Catalog, factory: bool) {
        for (key, spec) in (0..).zip(&catalog.states) {
            if spec.saved && !factory {
                continue;
            }
            for index in 0..INDEXES {
                self.set((key, index), spec.default.clone());
            }
        }
        for (key, spec) in (0..).zip(&catalog.states) {
            if spec.unless.as_ref().is_some_and(|unless| self.holds(catalog, &Bag::new(), unless) == Some(true)) {
                (0..INDEXES).for_each(|index| self.set((key, index), None));
            }
        }
    }

    /// The value of a key of the catalog, of one index where it has several; `None`: unknown.
    pub fn value(&self, catalog: &Catalog, key: &str, index: u8) -> Option<&StateValue> {
        let at = catalog.states.iter().position(|spec| *spec.name == *key)?;
        self.values.get(&(u16::try_from(at).ok()?, index))
    }

    /// Notes the value of a key of the catalog.
    pub fn note(&mut self, catalog: &Catalog, key: &str, index: u8, value: StateValue) {
        let at = catalog.states.iter().position(|spec| *spec.name == *key);
        if let Some(key) = at.and_then(|at| u16::try_from(at).ok()) {
            self.set((key, index), Some(value));
        }
    }

    pub(crate) fn get(&self, place: (u16, u8)) -> Option<&StateValue> {
        self.values.get(&place)
    }

    pub(crate) fn set(&mut self, place: (u16, u8), value: Option<StateValue>) {
        match value {
            Some(value) => self.values.insert(place, value),
            None => self.values.remove(&place),
        };
    }

    /// What success does, as the catalog says.
    pub(crate) fn apply<'e>(&mut self, catalog: &Catalog, effects: impl IntoIterator<Item = &'e Effect>, given: &Bag) {
        let mut changes: Vec<((u16, u8), Option<StateValue>)> = Vec::new();
        for effect in effects {
            let scope = Scope { known: self, catalog, given };
            let value = match effect.value.as_ref().and_then(|term| term.eval(&scope)) {
                Some(Val::Int(number)) => Some(StateValue::Int(number)),
                Some(Val::Bytes(bytes)) => Some(StateValue::Word(String::from_utf8_lossy(&bytes).into())),
                None => None,
            };
            let key = effect.key.key;
            let all = |changes: &mut Vec<_>| changes.extend((0..INDEXES).map(|at| ((key, at), value.clone())));
            match effect.key.index {
                Index::Any => all(&mut changes),
                Index::None => changes.push(((key, 0), value)),
                Index::At(at) => changes.push(((key, at), value)),
                Index::Param(name) if scope.means_all(name) => all(&mut changes),
                Index::Param(name) => {
                    if let Some(at) = scope.index(name).filter(|at| *at < INDEXES) {
                        changes.push(((key, at), value));
                    }
                }
            }
        }
        for (place, value) in changes {
            self.set(place, value);
        }
    }

    /// Whether a condition holds; `None` where that is unknown.
    pub(crate) fn holds(&self, catalog: &Catalog, given: &Bag, condition: &Condition) -> Option<bool> {
        condition.expr.eval(&Scope { known: self, catalog, given })
    }

    /// Whether a module that starts with whatever its manual leaves open surely takes this: what must be is known to be, what must not be
    /// is not known to be.
    pub(crate) fn surely(&self, catalog: &Catalog, given: &Bag, expr: &Expr) -> bool {
        let scope = Scope { known: self, catalog, given };
        match expr {
            Expr::And(a, b) => self.surely(catalog, given, a) && self.surely(catalog, given, b),
            Expr::Or(a, b) => self.surely(catalog, given, a) || self.surely(catalog, given, b),
            Expr::Not(inner) => inner.eval(&scope) != Some(true),
            Expr::Implies(a, b) => a.eval(&scope) != Some(true) || self.surely(catalog, given, b),
            Expr::Compare(Compare::NotEqual, ..) => expr.eval(&scope) != Some(false),
            _ => match expr.eval(&scope) {
                Some(holds) => holds,
                None => !scope.is_about_state(expr),
            },
        }
    }
}

/// State and given parameters.
pub(crate) struct Scope<'a> {
    pub(crate) known: &'a Known,
    pub(crate) catalog: &'a Catalog,
    pub(crate) given: &'a Bag,
}

impl Scope<'_> {
    fn item(&self, name: u32) -> Option<&Item> {
        self.given.get(self.catalog.names.get(name as usize)?).filter(|item| **item != Item::Omitted)
    }

    /// An index by parameter; one that is not there means the only link there is.
    pub(crate) fn index(&self, name: u32) -> Option<u8> {
        match self.item(name) {
            None => Some(0),
            Some(item) => u8::try_from(item.int()?).ok(),
        }
    }

    /// Whether the manual calls this value of an index `all`.
    fn means_all(&self, name: u32) -> bool {
        let Some(number) = self.item(name).and_then(Item::int) else { return false };
        let specs = self.catalog.params.iter().filter(|spec| spec.name_id == name);
        specs.flat_map(|spec| &spec.labels).any(|(value, label)| *value == StateValue::Int(number) && **label == *"all")
    }

    /// The place of a key; `None` where it has no single one.
    pub(crate) fn place(&self, key: StateRef) -> Option<(u16, u8)> {
        let index = match key.index {
            Index::Any => return None,
            Index::None => 0,
            Index::At(at) => at,
            Index::Param(name) => self.index(name)?,
        };
        Some((key.key, index))
    }

    /// Whether all parameters that it speaks of are given, so that only the state can be what is unknown.
    fn is_about_state(&self, expr: &Expr) -> bool {
        let given = |term: &Term| term.eval(self).is_some() || matches!(term, Term::State(_));
        match expr {
            Expr::Compare(_, a, b) => given(a) && given(b),
            Expr::In(term, _) => given(term),
            _ => true,
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
        self.item(name).is_some()
    }

    fn len(&self, name: u32) -> Option<i64> {
        self.item(name).and_then(|item| i64::try_from(item.text().len()).ok())
    }

    fn state(&self, key: StateRef) -> Option<Val<'_>> {
        self.known.get(self.place(key)?).map(val)
    }

    fn any(&self, key: u16, test: &dyn Fn(&Val<'_>) -> bool) -> Option<bool> {
        let values: Vec<Option<&StateValue>> = (0..INDEXES).map(|at| self.known.get((key, at))).collect();
        if values.iter().flatten().any(|value| test(&val(value))) {
            return Some(true);
        }
        if values.contains(&None) { None } else { Some(false) }
    }
}

fn val(value: &StateValue) -> Val<'_> {
    match value {
        StateValue::Int(number) => Val::Int(*number),
        StateValue::Word(word) => Val::Bytes(word.as_bytes().into()),
    }
}
