//! The module's state as far as traffic tells it: starts unknown, becomes known by what succeeds.

use std::borrow::Cow;

use super::event::{Params, Value};
use crate::catalog::expr::{BitsOf, Compare, Env, Expr, Index, StateRef, Term, Val};
use crate::catalog::{Catalog, Effect, StateValue};

/// A state's value, in place: no allocation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Fact {
    Int(i64),
    #[default]
    Unknown,
    /// A short word and its length; a longer one is unknown.
    Word([u8; WORD], u8),
}

const WORD: usize = 22;

/// Indexes above are not told apart from unknown: no manual has more links.
const INDEXES: usize = 8;

impl Fact {
    fn word(bytes: &[u8]) -> Self {
        let mut word = [0; WORD];
        match word.get_mut(..bytes.len()) {
            Some(slot) => {
                slot.copy_from_slice(bytes);
                Self::Word(word, bytes.len() as u8)
            }
            None => Self::Unknown,
        }
    }

    fn of(value: Option<&StateValue>) -> Self {
        match value {
            Some(StateValue::Int(number)) => Self::Int(*number),
            Some(StateValue::Word(word)) => Self::word(word.as_bytes()),
            None => Self::Unknown,
        }
    }

    fn from_val(val: Option<Val<'_>>) -> Self {
        match val {
            Some(Val::Int(number)) => Self::Int(number),
            Some(Val::Bytes(bytes)) => Self::word(&bytes),
            None => Self::Unknown,
        }
    }

    fn val(&self) -> Option<Val<'_>> {
        match self {
            Self::Int(number) => Some(Val::Int(*number)),
            Self::Unknown => None,
            Self::Word(word, len) => Some(Val::Bytes(Cow::Borrowed(word.get(..usize::from(*len)).unwrap_or_default()))),
        }
    }
}

/// An effect whose value is already worked out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Change {
    key: u16,
    /// `None`: all indexes.
    index: Option<u8>,
    to: To,
}

/// What a change makes of a key.
#[derive(Clone, Copy, Debug)]
enum To {
    Fact(Fact),
    /// Some of its bits change, as they are by then.
    Bits {
        bits: BitsOf,
        mask: i64,
        to: i64,
    },
}

impl To {
    fn from(self, old: Fact) -> Fact {
        match self {
            Self::Fact(fact) => fact,
            Self::Bits { bits, mask, to } => {
                let old = if let Fact::Int(old) = old { Some(old) } else { None };
                bits.change(old, mask, to).map_or(Fact::Unknown, Fact::Int)
            }
        }
    }
}

/// All state of one module.
#[derive(Clone, Debug)]
pub(crate) struct State {
    facts: Vec<[Fact; INDEXES]>,
    /// Counts what has changed, from 1: under the same number all conditions are what they were.
    version: u64,
}

impl State {
    pub(crate) fn new(catalog: &Catalog) -> Self {
        Self { facts: vec![[Fact::Unknown; INDEXES]; catalog.states.len()], version: 1 }
    }

    /// Nothing is known any more.
    pub(crate) fn forget(&mut self) {
        self.facts.fill([Fact::Unknown; INDEXES]);
        self.version += 1;
    }

    /// What was found to hold under a version up to `other` is to be looked at anew.
    pub(crate) fn outdate(&mut self, other: u64) {
        self.version = self.version.max(other) + 1;
    }

    /// Counts what has changed, from 1: under the same number all conditions are what they were.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// The module starts anew: all that is not kept in flash takes its default. `factory`: what is kept, too.
    pub(crate) fn reset(&mut self, catalog: &Catalog, factory: bool) {
        self.version += 1;
        for (facts, spec) in self.facts.iter_mut().zip(&catalog.states) {
            if !spec.saved || factory {
                *facts = [Fact::of(spec.default.as_ref()); INDEXES];
            }
        }
        for (key, unless) in (0..).zip(&catalog.states).filter_map(|(key, spec)| Some((key, spec.unless.as_ref()?))) {
            let params = Params { bytes: &[], slots: &[], catalog };
            if (Scope { state: self, params }).holds(&unless.expr) == Some(true)
                && let Some(facts) = self.facts.get_mut::<usize>(key)
            {
                *facts = [Fact::Unknown; INDEXES];
            }
        }
    }

    /// Lines of the module may have been lost: what an unsolicited one would have changed is unknown.
    pub(crate) fn doubt(&mut self, catalog: &Catalog) {
        self.version += 1;
        for &key in &catalog.told {
            if let Some(facts) = self.facts.get_mut(usize::from(key)) {
                *facts = [Fact::Unknown; INDEXES];
            }
        }
    }

    /// Whether these changes are made nobody can say, or not yet.
    pub(crate) fn unsettle(&mut self, changes: &[Change]) {
        for change in changes {
            self.apply(Change { to: To::Fact(Fact::Unknown), ..*change });
        }
    }

    /// What a restart that was asked for does to the state before the module says that it is back: what is not kept in flash is unknown.
    pub(crate) fn loses(&self, catalog: &Catalog, out: &mut Vec<Change>) {
        let lost = (0..).zip(&catalog.states).filter(|(_, spec)| !spec.saved);
        out.extend(lost.map(|(key, _)| Change { key, index: None, to: To::Fact(Fact::Unknown) }));
    }

    fn get(&self, key: u16, index: usize) -> Fact {
        self.facts.get(usize::from(key)).and_then(|facts| facts.get(index)).copied().unwrap_or_default()
    }

    /// A key's value as catalogs write it; for tests.
    #[cfg(feature = "fuzzing")]
    pub(crate) fn value(&self, key: u16, index: usize) -> Option<StateValue> {
        match self.get(key, index) {
            Fact::Int(number) => Some(StateValue::Int(number)),
            Fact::Unknown => None,
            Fact::Word(word, len) => {
                let text = word.get(..usize::from(len)).unwrap_or_default();
                Some(StateValue::Word(String::from_utf8_lossy(text).into()))
            }
        }
    }

    pub(crate) fn apply(&mut self, change: Change) {
        let Some(facts) = self.facts.get_mut(usize::from(change.key)) else { return };
        match change.index {
            None => {
                for slot in facts {
                    *slot = change.to.from(*slot);
                }
                self.version += 1;
            }
            Some(index) => {
                if let Some(slot) = facts.get_mut(usize::from(index)) {
                    let fact = change.to.from(*slot);
                    if *slot != fact {
                        *slot = fact;
                        self.version += 1;
                    }
                }
            }
        }
    }

    /// Works out what effects would do, with the parameters at hand.
    pub(crate) fn changes<'e>(
        &self,
        effects: impl IntoIterator<Item = &'e Effect>,
        params: Params<'_>,
        out: &mut Vec<Change>,
    ) {
        let scope = Scope { state: self, params };
        for effect in effects {
            let to = match &effect.value {
                Some(Term::Bits(bits)) => match (scope.number(bits.mask), scope.number(bits.to)) {
                    (Some(mask), Some(to)) => To::Bits { bits: *bits, mask, to },
                    _ => To::Fact(Fact::Unknown),
                },
                value => To::Fact(value.as_ref().map_or(Fact::Unknown, |term| Fact::from_val(term.eval(&scope)))),
            };
            self.change(effect.key, to, &scope, out);
        }
    }

    /// As [`changes`](Self::changes), for facts that follow from a condition.
    pub(crate) fn facts(&self, facts: &[(StateRef, Term)], params: Params<'_>, out: &mut Vec<Change>) {
        let scope = Scope { state: self, params };
        for (key, term) in facts {
            self.change(*key, To::Fact(Fact::from_val(term.eval(&scope))), &scope, out);
        }
    }

    fn change(&self, key: StateRef, to: To, scope: &Scope<'_>, out: &mut Vec<Change>) {
        let index = match key.index {
            Index::Any => None,
            Index::None => Some(0),
            Index::At(at) => Some(at),
            // `AT+CIPCLOSE=5`: the manual calls this index `all`.
            Index::Param(name) if scope.means_all(name) => None,
            Index::Param(name) => match scope.index(name) {
                Some(at) if at < INDEXES => Some(at as u8),
                // An index out of reach says nothing of any other.
                _ => return,
            },
        };
        out.push(Change { key: key.key, index, to });
    }
}

/// State and parameters together: what conditions are held against.
pub(crate) struct Scope<'a> {
    pub(crate) state: &'a State,
    pub(crate) params: Params<'a>,
}

impl Scope<'_> {
    /// Whether a condition holds; `None` where that is unknown. The usual one asks whether a state has a number.
    pub(crate) fn holds(&self, expr: &Expr) -> Option<bool> {
        match expr {
            Expr::And(a, b) => match (self.holds(a), self.holds(b)) {
                (Some(false), _) | (_, Some(false)) => Some(false),
                (Some(true), Some(true)) => Some(true),
                _ => None,
            },
            Expr::Compare(Compare::Equal, Term::State(StateRef { key, index: Index::None }), Term::Int(number)) => {
                match self.state.facts.get(usize::from(*key))?.first()? {
                    Fact::Int(fact) => Some(fact == number),
                    Fact::Unknown => None,
                    Fact::Word(..) => Some(false),
                }
            }
            _ => expr.eval(self),
        }
    }

    fn find(&self, name: u32) -> Option<super::event::Param<'_>> {
        self.params.iter().find(|param| param.spec().is_some_and(|spec| spec.name_id == name))
    }

    fn number(&self, name: u32) -> Option<i64> {
        match self.find(name)?.value() {
            Value::Int(number) => Some(number),
            _ => None,
        }
    }

    /// Whether the manual calls this value of an index `all`.
    fn means_all(&self, name: u32) -> bool {
        let param = self.find(name).filter(|param| param.spec().is_some_and(|spec| !spec.labels.is_empty()));
        param.and_then(|param| param.label()).is_some_and(|label| label == "all")
    }

    /// An index by parameter; one that is not there means the only link there is.
    fn index(&self, name: u32) -> Option<usize> {
        match self.find(name).map(|param| param.value()) {
            None | Some(Value::Omitted) => Some(0),
            Some(Value::Int(at)) => usize::try_from(at).ok(),
            Some(_) => None,
        }
    }
}

impl Env for Scope<'_> {
    fn param(&self, name: u32) -> Option<Val<'_>> {
        match self.find(name)?.value() {
            Value::Int(number) => Some(Val::Int(number)),
            Value::Text(text) => Some(Val::Bytes(text.bytes())),
            _ => None,
        }
    }

    fn given(&self, name: u32) -> bool {
        self.find(name).is_some_and(|param| param.value() != Value::Omitted)
    }

    fn len(&self, name: u32) -> Option<i64> {
        match self.find(name)?.value() {
            Value::Text(text) => i64::try_from(text.len()).ok(),
            Value::Int(_) => i64::try_from(self.find(name)?.raw().len()).ok(),
            _ => None,
        }
    }

    fn state(&self, key: StateRef) -> Option<Val<'_>> {
        let index = match key.index {
            Index::Any => return None,
            Index::None => 0,
            Index::At(at) => usize::from(at),
            Index::Param(name) => self.index(name)?,
        };
        self.state.facts.get(usize::from(key.key))?.get(index)?.val()
    }

    fn any(&self, key: u16, test: &dyn Fn(&Val<'_>) -> bool) -> Option<bool> {
        let facts: Vec<Fact> = (0..INDEXES).map(|index| self.state.get(key, index)).collect();
        if facts.iter().any(|fact| fact.val().is_some_and(|val| test(&val))) {
            return Some(true);
        }
        // One unknown link might be the one.
        if facts.contains(&Fact::Unknown) { None } else { Some(false) }
    }
}
