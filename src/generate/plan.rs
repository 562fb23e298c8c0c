//! How a module is brought into the state that a command needs: a search over what commands and lines do to the state, as the catalog
//! says it in `sets`.

use fastrand::Rng;

use super::Generator;
use super::command::{Invocation, Pin, Pins, Target, Values, item_of};
use super::item::{Bag, Item};
use super::known::{Known, Scope};
use crate::catalog::expr::{Expr, Index, StateRef, Term, Val};
use crate::catalog::{Condition, Effect, Role, StateValue};
use crate::session::Form;

/// How many commands deep a precondition may lie.
const DEPTH: u8 = 6;

/// Combinations of values that are tried for one condition.
const COMBINATIONS: usize = 256;

/// One step towards a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The host gives a command, and it succeeds.
    Command(Invocation),
    /// The host asks for a value, and the module answers with a line of the catalog (its position) and these values.
    Read(Invocation, u32, Bag),
    /// The module says a line of the catalog (its position) with these values.
    Line(u32, Bag),
}

/// What is wanted of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Want {
    /// It surely holds.
    Holds,
    /// It is known not to hold.
    Broken,
}

/// A command or line that gives a state key a value.
#[derive(Clone, Debug)]
pub(crate) enum Achiever {
    Command(Target),
    Line(u32),
    Read(Target),
}

impl Generator {
    /// All that gives some state key a value, by key; commands first.
    pub(crate) fn find_achievers(&self) -> Vec<Vec<(Achiever, Effect)>> {
        let mut out = vec![Vec::new(); self.catalog.states.len()];
        let mut enter = |achiever: Achiever, effects: &[Effect]| {
            for effect in effects {
                if let Some(list) = out.get_mut(usize::from(effect.key.key)).filter(|_| effect.value.is_some()) {
                    list.push((achiever.clone(), effect.clone()));
                }
            }
        };
        for target in self.targets.iter().copied() {
            if let (Form::Set | Form::Execute, Some((_, spec))) = (target.form, self.spec(target)) {
                enter(Achiever::Command(target), &spec.sets);
            }
        }
        for (at, line) in (0..).zip(&self.catalog.lines) {
            if line.role == Role::Urc && line.profile.is_none_or(|own| self.prints_profile(own)) {
                enter(Achiever::Line(at), &line.sets);
            }
        }
        // What a module tells of itself comes after what it can be told.
        for target in self.targets.iter().copied() {
            if let (Form::Read, Some((_, spec))) = (target.form, self.spec(target)) {
                enter(Achiever::Read(target), &spec.sets);
            }
        }
        out
    }

    /// Steps that bring a module from `known` to where a command is surely taken; `known` is then where they lead. `None`: none were
    /// found, and `known` is of no meaning.
    pub fn plan(&self, invocation: &Invocation, known: &mut Known, rng: &mut Rng) -> Option<Vec<Step>> {
        let mut steps = Vec::new();
        self.prepare(invocation, known, &mut steps, DEPTH, rng).then_some(steps)
    }

    /// What is known of a module that started for the first time and went these steps.
    pub fn after(&self, steps: &[Step]) -> Known {
        let mut known = Known::boot(&self.catalog);
        self.follow(steps, &mut known);
        known
    }

    /// What becomes known on the way of a plan.
    pub fn follow(&self, steps: &[Step], known: &mut Known) {
        for step in steps {
            match step {
                Step::Command(invocation) => self.succeed(invocation, known),
                Step::Line(at, bag) => {
                    if let Some(line) = self.catalog.lines.get(*at as usize) {
                        known.apply(&self.catalog, &line.sets, bag);
                    }
                }
                Step::Read(invocation, _, bag) => {
                    if let Some((_, spec)) = self.spec(invocation.target) {
                        known.apply(&self.catalog, &spec.sets, bag);
                    }
                }
            }
        }
    }

    /// Whether nothing that a target needs of the state is known not to hold; what hangs on parameters that are not given is not known.
    pub fn may_run(&self, target: Target, given: &Bag, known: &Known) -> bool {
        let conditions = self.conditions(target);
        conditions.into_iter().all(|condition| known.holds(&self.catalog, given, condition) != Some(false))
    }

    /// What must hold for a command to be taken.
    pub(crate) fn conditions(&self, target: Target) -> Vec<&Condition> {
        let Some((entry, spec)) = self.spec(target) else { return Vec::new() };
        let general = self.catalog.needs.as_ref().filter(|_| !entry.always);
        let when = self.shape_of(spec, target).and_then(|(syntax, _)| syntax.when.as_ref());
        general.into_iter().chain(&spec.needs).chain(when).chain(&spec.relations).collect()
    }

    fn prepare(
        &self,
        invocation: &Invocation,
        known: &mut Known,
        steps: &mut Vec<Step>,
        depth: u8,
        rng: &mut Rng,
    ) -> bool {
        let conditions = self.conditions(invocation.target);
        // One condition's way may undo another's: a second round tells.
        for _ in 0..3 {
            let mut all = true;
            for condition in &conditions {
                if !known.surely(&self.catalog, &invocation.given, &condition.expr) {
                    all = false;
                    if !self.bring(condition, &invocation.given, Want::Holds, known, steps, depth, rng) {
                        return false;
                    }
                }
            }
            if all {
                return true;
            }
        }
        conditions.iter().all(|condition| known.surely(&self.catalog, &invocation.given, &condition.expr))
    }

    /// Brings the state to where a condition is as wanted.
    #[allow(clippy::too_many_arguments)]
    pub(crate) fn bring(
        &self,
        condition: &Condition,
        given: &Bag,
        want: Want,
        known: &mut Known,
        steps: &mut Vec<Step>,
        depth: u8,
        rng: &mut Rng,
    ) -> bool {
        let is_so = |known: &Known| match want {
            Want::Holds => known.surely(&self.catalog, given, &condition.expr),
            Want::Broken => known.holds(&self.catalog, given, condition) == Some(false),
        };
        if is_so(known) {
            return true;
        }
        if depth == 0 {
            return false;
        }
        for change in self.changes(&condition.expr, given, known, want) {
            let (mut trial, mut way) = (known.clone(), Vec::new());
            let reached =
                change.iter().all(|(place, value)| self.reach(*place, value, &mut trial, &mut way, depth - 1, rng));
            if reached && is_so(&trial) {
                *known = trial;
                steps.append(&mut way);
                return true;
            }
        }
        false
    }

    /// Sets of values of state keys with which a condition is as wanted, those with the fewest changes first.
    fn changes(&self, expr: &Expr, given: &Bag, known: &Known, want: Want) -> Vec<Vec<((u16, u8), StateValue)>> {
        let mut atoms: Vec<((u16, u8), Vec<StateValue>)> = Vec::new();
        self.atoms(expr, given, known, &mut atoms);
        let mut combinations: Vec<Vec<((u16, u8), StateValue)>> = vec![Vec::new()];
        for (place, candidates) in &atoms {
            let before = combinations.clone();
            for value in candidates.iter().filter(|value| known.get(*place) != Some(*value)) {
                let more = before.iter().map(|changes| {
                    let mut changes = changes.clone();
                    changes.push((*place, value.clone()));
                    changes
                });
                combinations.extend(more);
                if combinations.len() > COMBINATIONS {
                    break;
                }
            }
        }
        combinations.retain(|changes| {
            let mut trial = known.clone();
            changes.iter().for_each(|(place, value)| trial.set(*place, Some(value.clone())));
            match want {
                Want::Holds => trial.surely(&self.catalog, given, expr),
                Want::Broken => expr.eval(&Scope { known: &trial, catalog: &self.catalog, given }) == Some(false),
            }
        });
        combinations.sort_by_key(Vec::len);
        combinations
    }

    /// The state keys of a condition, each with the values that may matter.
    fn atoms(&self, expr: &Expr, given: &Bag, known: &Known, out: &mut Vec<((u16, u8), Vec<StateValue>)>) {
        match expr {
            Expr::And(a, b) | Expr::Or(a, b) | Expr::Implies(a, b) => {
                self.atoms(a, given, known, out);
                self.atoms(b, given, known, out);
            }
            Expr::Not(inner) => self.atoms(inner, given, known, out),
            Expr::Given(_) => {}
            Expr::Compare(_, a, b) => {
                for (one, other) in [(a, b), (b, a)] {
                    if let Term::State(key) = one {
                        self.atom(*key, &[other], given, known, out);
                    }
                }
            }
            Expr::In(term, ranges) => {
                if let Term::State(key) = term {
                    let ends: Vec<&Term> = ranges.iter().flat_map(|(low, high)| [low, high]).collect();
                    self.atom(*key, &ends, given, known, out);
                }
            }
        }
    }

    fn atom(
        &self,
        key: StateRef,
        terms: &[&Term],
        given: &Bag,
        known: &Known,
        out: &mut Vec<((u16, u8), Vec<StateValue>)>,
    ) {
        let scope = Scope { known, catalog: &self.catalog, given };
        let mut values: Vec<StateValue> = Vec::new();
        let mut enter = |value: StateValue| {
            if !values.contains(&value) {
                values.push(value);
            }
        };
        for term in terms {
            match term.eval(&scope) {
                Some(Val::Int(number)) => enter(StateValue::Int(number)),
                Some(Val::Bytes(bytes)) => enter(StateValue::Word(String::from_utf8_lossy(&bytes).into())),
                None => {}
            }
        }
        let labels = self.catalog.states.get(usize::from(key.key)).map(|spec| &spec.labels);
        labels.into_iter().flatten().for_each(|(value, _)| enter(value.clone()));
        let achievers = self.achievers.get(usize::from(key.key)).into_iter().flatten();
        for (_, effect) in achievers {
            match &effect.value {
                Some(Term::Int(number)) => enter(StateValue::Int(*number)),
                Some(Term::Word(word)) => enter(StateValue::Word(word.clone())),
                // Whatever a parameter may be.
                Some(Term::Param(name)) => {
                    let spec = self.catalog.params.iter().find(|spec| spec.name_id == *name);
                    let usual = spec.map(|spec| super::values::valid(&self.catalog, spec, &mut Rng::with_seed(5)));
                    match usual {
                        Some(Item::Int(number)) => enter(StateValue::Int(number)),
                        Some(Item::Text(text)) => enter(StateValue::Word(String::from_utf8_lossy(&text).into())),
                        _ => {}
                    }
                }
                _ => {}
            }
        }
        let places: Vec<(u16, u8)> = match scope.place(key) {
            Some(place) => vec![place],
            // Some index: the first one, and those that are not as the others.
            None => (0..super::known::INDEXES)
                .map(|at| (key.key, at))
                .filter(|place| place.1 == 0 || known.get(*place) != known.get((key.key, 7)))
                .collect(),
        };
        for place in places {
            match out.iter_mut().find(|(own, _)| *own == place) {
                Some((_, own)) => values.iter().for_each(|value| {
                    if !own.contains(value) {
                        own.push(value.clone());
                    }
                }),
                None => out.push((place, values.clone())),
            }
        }
    }

    /// Brings one state key to a value.
    fn reach(
        &self,
        place: (u16, u8),
        value: &StateValue,
        known: &mut Known,
        steps: &mut Vec<Step>,
        depth: u8,
        rng: &mut Rng,
    ) -> bool {
        if known.get(place) == Some(value) {
            return true;
        }
        for (achiever, effect) in self.achievers.get(usize::from(place.0)).into_iter().flatten() {
            let Some(pins) = self.pins(effect, place.1, value) else { continue };
            let (mut trial, mut way) = (known.clone(), Vec::new());
            let done = match achiever {
                Achiever::Command(target) => {
                    let invocation = self.pinned(*target, Values::Least, &pins, known, rng);
                    invocation.is_some_and(|invocation| {
                        self.prepare(&invocation, &mut trial, &mut way, depth, rng) && {
                            self.succeed(&invocation, &mut trial);
                            way.push(Step::Command(invocation));
                            true
                        }
                    })
                }
                Achiever::Read(target) => self.read_step(*target, &pins, &mut trial, &mut way, depth, rng),
                Achiever::Line(line) => self.line_step(*line, &pins, &mut trial, &mut way, depth, rng),
            };
            if done && trial.get(place) == Some(value) {
                *known = trial;
                steps.append(&mut way);
                return true;
            }
        }
        false
    }

    /// What success of a command does to the state.
    pub fn succeed(&self, invocation: &Invocation, known: &mut Known) {
        let Some((_, spec)) = self.spec(invocation.target) else { return };
        let syntax = invocation.target.shape.map(|(syntax, _)| syntax);
        known.apply(&self.catalog, spec.effects_of(&self.catalog, syntax), &invocation.given);
        if spec.restarts {
            known.reset(&self.catalog, false);
        }
    }

    /// The module is asked for what is as wanted already.
    fn read_step(
        &self,
        target: Target,
        pins: &Pins,
        known: &mut Known,
        steps: &mut Vec<Step>,
        depth: u8,
        rng: &mut Rng,
    ) -> bool {
        let Some((_, spec)) = self.spec(target) else { return false };
        let Some(invocation) = self.pinned(target, Values::Least, &Pins::new(), known, rng) else { return false };
        let printed = |at: &&u32| {
            let line = self.catalog.lines.get(**at as usize);
            line.is_some_and(|line| line.profile.is_none_or(|own| self.prints_profile(own)))
        };
        let Some(line) = spec.reply.iter().find(printed) else { return false };
        let mut given = Bag::new();
        for pin in pins {
            if let Some(name) = self.catalog.names.get(pin.name as usize) {
                given.set(name.to_string(), pin.item.clone());
            }
        }
        let Some(bag) = self.line_values(*line, &given, Values::Edge, rng) else { return false };
        if !self.prepare(&invocation, known, steps, depth, rng) {
            return false;
        }
        known.apply(&self.catalog, &spec.sets, &bag);
        steps.push(Step::Read(invocation, *line, bag));
        true
    }

    fn line_step(
        &self,
        at: u32,
        pins: &Pins,
        known: &mut Known,
        steps: &mut Vec<Step>,
        depth: u8,
        rng: &mut Rng,
    ) -> bool {
        let Some(line) = self.catalog.lines.get(at as usize) else { return false };
        // The result of a command comes behind that command.
        let cause = self.targets_of(at).into_iter().find_map(|target| {
            let own: Pins = pins.iter().filter(|pin| self.has_param(target, pin.name)).cloned().collect();
            let invocation = self.pinned(target, Values::Least, &own, known, rng)?;
            let (mut trial, mut way) = (known.clone(), Vec::new());
            self.prepare(&invocation, &mut trial, &mut way, depth, rng).then_some((invocation, trial, way))
        });
        let mut given = Bag::new();
        if let Some((invocation, mut trial, mut way)) = cause {
            self.succeed(&invocation, &mut trial);
            *known = trial;
            steps.append(&mut way);
            given = invocation.given.clone();
            steps.push(Step::Command(invocation));
        }
        let pinned: Vec<(String, Item)> = pins
            .iter()
            .filter_map(|pin| Some((self.catalog.names.get(pin.name as usize)?.to_string(), pin.item.clone())))
            .collect();
        pinned.into_iter().for_each(|(name, item)| given.set(name, item));
        let Some(bag) = self.line_values(at, &given, Values::Any, rng) else { return false };
        if line.when.as_ref().is_some_and(|when| known.holds(&self.catalog, &bag, when) == Some(false)) {
            return false;
        }
        known.apply(&self.catalog, &line.sets, &bag);
        steps.push(Step::Line(at, bag));
        true
    }

    /// The commands whose delayed result a line is.
    fn targets_of(&self, at: u32) -> Vec<Target> {
        let Some(line) = self.catalog.lines.get(at as usize) else { return Vec::new() };
        let is_its = |own: &u32| {
            let own = self.catalog.lines.get(*own as usize);
            own.is_some_and(|own| own.name == line.name && own.profile == line.profile)
        };
        self.targets
            .iter()
            .copied()
            .filter(|target| self.spec(*target).is_some_and(|(_, spec)| spec.later.iter().any(is_its)))
            .collect()
    }

    fn has_param(&self, target: Target, name: u32) -> bool {
        let shape = self.spec(target).and_then(|(_, spec)| self.shape_of(spec, target));
        let fields = shape.into_iter().flat_map(|(_, shape)| &shape.fields);
        fields.filter_map(|field| self.catalog.param(field.param?)).any(|spec| spec.name_id == name)
    }

    /// The values that make an effect give an index a value; `None`: it cannot.
    fn pins(&self, effect: &Effect, index: u8, value: &StateValue) -> Option<Pins> {
        let mut pins = Pins::new();
        match effect.key.index {
            Index::Any => {}
            Index::None if index == 0 => {}
            Index::At(at) if at == index => {}
            Index::Param(name) => pins.push(Pin { name, item: Item::Int(index.into()), needed: index > 0 }),
            _ => return None,
        }
        match (effect.value.as_ref()?, value) {
            (Term::Int(own), StateValue::Int(number)) if own == number => {}
            (Term::Word(own), StateValue::Word(word)) if own == word => {}
            (Term::Param(name), value) => pins.push(Pin { name: *name, item: item_of(value), needed: true }),
            _ => return None,
        }
        Some(pins)
    }
}
