//! State-machine models: a reference of each dialect (what its catalog says of state) makes up sessions of valid commands, violations,
//! data phases, unsolicited lines and resets, on a wire that is cut anyhow; module and decoder must agree on each of them.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use atscope::catalog::{Catalog, StateValue};
use atscope::check::Rule;
use atscope::generate::{Bag, Generator, Invocation, Known, Step, Target, Values, Violation};
use atscope::module::Said;
use fastrand::Rng;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest};

use super::common;
use super::rig::Rig;

/// Of each dialect: first what the manual describes, then each firmware generation, then each product, and each product with each generation.
static GENERATORS: LazyLock<Vec<Vec<Generator>>> = LazyLock::new(|| {
    let of = |catalog: &Arc<Catalog>| {
        let told = catalog.profiles.iter().filter(|profile| !profile.tells.is_empty());
        let profiles: Vec<Option<&str>> = std::iter::once(None).chain(told.map(|own| Some(&*own.name))).collect();
        let models = std::iter::once(None).chain(catalog.models.iter().map(|own| Some(&*own.name)));
        let pairs = models.flat_map(|model| profiles.iter().map(move |profile| (model, *profile)));
        // NonOS firmware runs on the ESP8266 alone.
        let is_one = |pair: &(Option<&str>, Option<&str>)| {
            pair.1.is_none_or(|profile| !profile.starts_with("nonos")) || pair.0 == Some("esp8266")
        };
        let pairs = pairs.filter(is_one);
        pairs.map(|(model, profile)| super::module::generator(catalog, model, profile)).collect()
    };
    common::catalogs().iter().map(of).collect()
});

/// The generator of a dialect that writes after the manual alone.
pub fn plain(at: usize) -> &'static Generator {
    &GENERATORS[at][0]
}

/// Turns that were held against the laws, and those among them in which the module was where the reference is.
static TURNS: [AtomicUsize; 2] = [const { AtomicUsize::new(0) }; 2];

thread_local! {
    /// The start of the commands that half of the moves are about; empty: no command is more likely than another.
    pub static FOCUS: RefCell<&'static str> = const { RefCell::new("") };
    /// The manual's module alone: no product, no firmware generation.
    pub static PLAIN: Cell<bool> = const { Cell::new(false) };
}

/// One step of a session.
#[derive(Clone)]
pub enum Move {
    /// A valid command, and what leads to the state that it needs.
    Command(Vec<Step>, Box<Invocation>, Known),
    /// A violation.
    Violation(Box<Violation>, Known),
    /// The module says a line out of itself.
    Urc(Vec<u8>),
    /// Time passes, in milliseconds.
    Pass(u64),
    /// Power goes off and on.
    Reset,
}

impl std::fmt::Debug for Move {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let steps = |plan: &[Step]| plan.len();
        match self {
            Self::Command(plan, own, _) => write!(f, "{} +{}", String::from_utf8_lossy(&own.line), steps(plan)),
            Self::Violation(own, _) => {
                write!(f, "{} +{} ({})", String::from_utf8_lossy(&own.line), steps(&own.plan), own.rule.name())
            }
            Self::Urc(line) => write!(f, "< {}", String::from_utf8_lossy(line)),
            Self::Pass(millis) => write!(f, "{millis} ms"),
            Self::Reset => write!(f, "reset"),
        }
    }
}

/// What the catalog says that the module's state is.
#[derive(Clone, Debug)]
pub struct Reference {
    pub known: Known,
    pub cut: usize,
    pub seed: u64,
    /// Which product with which firmware, by its number among those of the dialect.
    which: usize,
    dialect: usize,
}

impl Reference {
    /// What writes for this module.
    pub fn generator(&self) -> &'static Generator {
        &GENERATORS[self.dialect][self.which]
    }

    /// The module, the wire and the decoder.
    pub fn rig(&self) -> Rig {
        Rig::new(self.generator(), self.seed, self.cut)
    }
}

/// The model of one dialect, by its number among the built-in ones.
pub struct Model<const AT: usize>;

fn make(generator: &Generator, known: &Known, kind: u8, seed: u64) -> Move {
    let mut rng = Rng::with_seed(seed);
    let targets = generator.targets();
    for _ in 0..8 {
        let focused: Vec<Target> = FOCUS.with_borrow(|focus| {
            let is_one = |target: &&Target| generator.describe(**target).starts_with(*focus);
            if focus.is_empty() { Vec::new() } else { targets.iter().filter(is_one).copied().collect() }
        });
        let target = match rng.choice(&focused).filter(|_| rng.bool()) {
            Some(target) => *target,
            None => targets[rng.usize(..targets.len())],
        };
        match kind {
            0..=59 => {
                let how = *rng.choice(&[Values::Least, Values::Edge, Values::Any]).unwrap();
                let Some(invocation) = generator.command(target, how, &mut rng) else { continue };
                let mut goal = known.clone();
                let Some(plan) = generator.plan(&invocation, &mut goal, &mut rng) else { continue };
                return Move::Command(plan, Box::new(invocation), goal);
            }
            60..=84 => {
                let mut all = generator.violations_from(known, target, &mut rng);
                if all.is_empty() {
                    continue;
                }
                let violation = all.swap_remove(rng.usize(..all.len()));
                let mut goal = known.clone();
                generator.follow(&violation.plan, &mut goal);
                return Move::Violation(Box::new(violation), goal);
            }
            85..=94 => {
                let urcs = generator.urcs(true);
                let Some(at) = rng.choice(&urcs) else { continue };
                let bag = generator.line_values(*at, &Bag::new(), Values::Any, &mut rng);
                let Some(line) = bag.and_then(|bag| generator.print_line(*at, &bag)) else { continue };
                return Move::Urc(line);
            }
            95..=97 => return Move::Pass(rng.u64(1..30_000)),
            _ => return Move::Reset,
        }
    }
    Move::Pass(1)
}

impl<const AT: usize> ReferenceStateMachine for Model<AT> {
    type State = Reference;
    type Transition = Move;

    fn init_state() -> BoxedStrategy<Reference> {
        let known = Known::boot(plain(AT).catalog());
        let last = if PLAIN.get() { 0 } else { GENERATORS[AT].len() - 1 };
        // Half of the sessions are with the manual's module.
        let which = prop_oneof![Just(0), 0..=last];
        (prop_oneof![Just(1 << 16), Just(1), Just(2), Just(7)], any::<u64>(), which)
            .prop_map(move |(cut, seed, which)| Reference { known: known.clone(), cut, seed, which, dialect: AT })
            .boxed()
    }

    fn transitions(state: &Reference) -> BoxedStrategy<Move> {
        let (known, generator) = (state.known.clone(), state.generator());
        (0..100_u8, any::<u64>()).prop_map(move |(kind, seed)| make(generator, &known, kind, seed)).boxed()
    }

    fn apply(mut state: Reference, transition: &Move) -> Reference {
        let generator = state.generator();
        match transition {
            Move::Command(plan, invocation, _) => {
                generator.follow(plan, &mut state.known);
                generator.succeed(invocation, &mut state.known);
            }
            Move::Violation(violation, _) => generator.follow(&violation.plan, &mut state.known),
            Move::Reset => state.known.reset(generator.catalog(), false),
            Move::Urc(_) | Move::Pass(_) => {}
        }
        state
    }
}

/// Applies a move; what law it breaks, if it does.
pub fn perform(rig: &mut Rig, generator: &Generator, step: &Move) -> Result<(), String> {
    // Nobody answers while it sleeps (`AT+GSLP`), or scans for years: its host wakes it.
    if !rig.module.is_up() || rig.module.is_busy() {
        rig.reset();
    }
    // A command that was meant to be refused was taken, for the module was elsewhere: it gets its data.
    if let Some(due) = rig.module.data_due().filter(|due| *due < 1 << 20) {
        rig.give(&vec![b'd'; due]);
    }
    // `AT+SAVETRANSLINK` brought it there.
    if rig.module.state("passthrough", 0) == Some(&StateValue::Int(1)) {
        rig.leave(b"");
    }
    match step {
        Move::Command(plan, invocation, goal) => {
            rig.steps(generator, plan)?;
            // What the reference does not know may be anything.
            let ready = rig.is_as(goal) && generator.may_run(invocation.target, &invocation.given, &rig.own_state());
            let turn = rig.command(generator, invocation);
            rig.judge(&turn, Some((generator, invocation)))?;
            TURNS[0].fetch_add(1, Ordering::Relaxed);
            TURNS[1].fetch_add(usize::from(ready), Ordering::Relaxed);
            // `A/` is refused as what it repeats was.
            match turn.refused {
                Some(rule) if ready && invocation.line != b"A/" => {
                    Err(format!("the module refused a valid command: {}", rule.name()))
                }
                _ => Ok(()),
            }
        }
        Move::Violation(violation, goal) => {
            rig.steps(generator, &violation.plan)?;
            let may = generator.may_run(violation.target, &Bag::new(), &rig.own_state());
            let ready = rig.is_as(goal) && (may || violation.rule == Rule::WrongState);
            let turn = rig.turn(&violation.line, None);
            rig.judge(&turn, None)?;
            TURNS[0].fetch_add(1, Ordering::Relaxed);
            TURNS[1].fetch_add(usize::from(ready), Ordering::Relaxed);
            if ready && turn.refused != Some(violation.rule) {
                return Err(format!("a violation of {}, the module said {:?}", violation.rule.name(), turn.refused));
            }
            if ready && turn.rules() != [violation.rule] {
                return Err(format!("a violation of {}, drawn was {:?}", violation.rule.name(), turn.rules()));
            }
            Ok(())
        }
        Move::Urc(line) => {
            let before = rig.record.findings.len();
            rig.say(line);
            let findings = rig.record.findings.get(before..).unwrap_or_default();
            match findings.iter().find(|finding| finding.rule != Rule::LineEnding) {
                Some(finding) => Err(format!("an unsolicited line drew {}: {}", finding.rule.name(), finding.message)),
                None => rig.compare_state(),
            }
        }
        Move::Pass(millis) => {
            rig.pass(*millis);
            rig.compare_state()
        }
        Move::Reset => {
            let before = rig.record.findings.len();
            let seen = rig.record.events.len();
            rig.reset();
            let booted = rig.record.events.get(seen..).unwrap_or_default().iter().any(|event| event.kind == "boot");
            if !booted {
                // Nobody can see a reset that says nothing.
                rig.blind = true;
                return Ok(());
            }
            let findings = rig.record.findings.get(before..).unwrap_or_default();
            let other = findings.iter().find(|finding| !matches!(finding.rule, Rule::ModuleReset | Rule::LineEnding));
            match other {
                Some(finding) => Err(format!("a reset drew {}: {}", finding.rule.name(), finding.message)),
                None => rig.compare_state(),
            }
        }
    }
}

impl<const AT: usize> StateMachineTest for Model<AT> {
    type SystemUnderTest = Rig;
    type Reference = Self;

    fn init_test(state: &Reference) -> Rig {
        state.rig()
    }

    fn apply(mut rig: Rig, state: &Reference, step: Move) -> Rig {
        if rig.blind {
            return rig;
        }
        if let Err(why) = perform(&mut rig, state.generator(), &step) {
            panic!("{why}\n{}", rig.transcript());
        }
        rig
    }
}

/// Runs a model; the smallest failing session, if there is one, as the panic's words.
pub fn run<const AT: usize>(cases: u32, length: usize, init: impl Fn(&Reference) -> Rig) -> Result<(), String> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&common::seed().to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 400, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, rng);
    let strategy = Model::<AT>::sequential_strategy(1..length);
    let outcome = runner.run(&strategy, |(state, moves, seen)| {
        let (mut rig, generator) = (init(&state), state.generator());
        for step in &moves {
            if let Some(seen) = &seen {
                seen.fetch_add(1, Ordering::SeqCst);
            }
            if rig.blind {
                break;
            }
            if let Err(why) = perform(&mut rig, generator, step) {
                return Err(TestCaseError::fail(format!("{why}\n{}", rig.transcript())));
            }
        }
        Ok(())
    });
    match outcome {
        Ok(()) => Ok(()),
        Err(TestError::Fail(why, (_, moves, _))) => Err(format!("{}moves: {moves:?}\n", why.message())),
        Err(TestError::Abort(why)) => panic!("{}", why.message()),
    }
}

macro_rules! models {
    ($($name:ident = $at:literal),+) => {
        $(
            #[test]
            fn $name() {
                let cases = u32::try_from(common::number("ATSCOPE_MODEL_CASES", 6)).unwrap();
                let outcome = run::<$at>(cases, 12, Reference::rig);
                let [turns, ready] = [0, 1].map(|at| TURNS[at].load(Ordering::Relaxed));
                println!("{}: {turns} turns so far, {ready} of them where the reference is", plain($at).catalog().name);
                if let Err(why) = outcome {
                    panic!("{}: {why}", plain($at).catalog().name);
                }
            }
        )+
    };
}

models!(simcom = 0, fibocom = 1, esp_at = 2, generic = 3, pan1321 = 4);

/// What stands between the module and the wire in tests with planted bugs.
pub type Bend = fn(Said, &mut Vec<u8>);
