//! Strategies for property tests with `proptest`: commands, sessions and what a module says, of any catalog.
//!
//! ```
//! use atscope::{catalog, generate::{Generator, strategy}};
//! use proptest::prelude::*;
//! use proptest::test_runner::TestRunner;
//!
//! let generator = Generator::new(catalog::load_builtin("simcom").expect("the built-in catalog is sound"));
//! let mut runner = TestRunner::deterministic();
//! runner.run(&strategy::module_bytes(generator, 4), |bytes| {
//!     // Your parser takes `bytes` here.
//!     prop_assert!(!bytes.is_empty());
//!     Ok(())
//! }).expect("it holds");
//! ```

use std::sync::Arc;

use fastrand::Rng;
use proptest::prelude::{Strategy, any};

use super::faults::Habit;
use super::script::Script;
use super::{Generator, Invocation, Violation};

/// A valid command of the catalog.
pub fn command(generator: Generator) -> impl Strategy<Value = Invocation> {
    let generator = Arc::new(generator);
    any::<u64>().prop_filter_map("the catalog has no such command", move |seed| {
        generator.any_command(&mut Rng::with_seed(seed))
    })
}

/// A command that breaks one rule, and the way to the state in which it does.
pub fn violation(generator: Generator) -> impl Strategy<Value = Violation> {
    let generator = Arc::new(generator);
    any::<u64>().prop_filter_map("the command can break no rule", move |seed| {
        generator.any_violation(&mut Rng::with_seed(seed))
    })
}

/// A valid session of at most so many commands, beside those that lead to the states that they need.
pub fn session(generator: Generator, commands: usize) -> impl Strategy<Value = Script> {
    let generator = Arc::new(generator);
    (any::<u64>(), 1..=commands.max(1))
        .prop_map(move |(seed, count)| generator.session(count, &mut Rng::with_seed(seed)))
}

/// What the module says in a session of at most so many commands, after a habit of real firmware or as the manual prints it: what a parser of
/// a driver reads.
pub fn module_bytes(generator: Generator, commands: usize) -> impl Strategy<Value = Vec<u8>> {
    let generator = Arc::new(generator);
    (any::<u64>(), 1..=commands.max(1), 0..=Habit::ALL.len()).prop_map(move |(seed, count, habit)| {
        let mut rng = Rng::with_seed(seed);
        let script = generator.session(count, &mut rng);
        match Habit::ALL.get(habit) {
            Some(habit) => generator.habit(&script, *habit, &mut rng).module_bytes(),
            None => script.module_bytes(),
        }
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::test_runner::TestRunner;

    #[test]
    fn strategies_give_values() {
        let generator = || Generator::new(crate::catalog::load_builtin("esp-at").unwrap());
        let mut runner = TestRunner::deterministic();
        let is_command = |own: Invocation| {
            assert!(own.line.starts_with(b"A"));
            Ok(())
        };
        runner.run(&command(generator()), is_command).unwrap();
        let is_session = |script: Script| {
            assert!(script.exchanges > 0);
            Ok(())
        };
        runner.run(&session(generator(), 3), is_session).unwrap();
    }
}
