//! Implementations for the `arbitrary` crate, so that a fuzz target of a driver gets sessions in place of bytes.

use std::sync::LazyLock;

use arbitrary::{Arbitrary, Result, Unstructured};
use fastrand::Rng;

use super::faults::Habit;
use super::script::Script;
use super::{Generator, Invocation};

/// Of the built-in catalogs; each firmware generation has its own.
static GENERATORS: LazyLock<Vec<Generator>> = LazyLock::new(|| {
    let catalogs = crate::catalog::builtin_names().iter().filter_map(|name| crate::catalog::load_builtin(name).ok());
    let of = |catalog: std::sync::Arc<crate::catalog::Catalog>| {
        let profiles: Vec<Option<u16>> =
            std::iter::once(None).chain((0..).zip(&catalog.profiles).map(|(at, _)| Some(at))).collect();
        profiles.into_iter().map(move |profile| Generator::of(catalog.clone(), None, profile)).collect::<Vec<_>>()
    };
    catalogs.flat_map(of).collect()
});

/// A session of some built-in dialect and firmware, valid or after a habit of firmware.
///
/// The first byte chooses the dialect, the second the length, the third a habit, the next eight are the seed.
impl<'a> Arbitrary<'a> for Script {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let generator = u.choose(&GENERATORS)?;
        let commands = u.int_in_range(1..=8)?;
        let habit = u.int_in_range(0..=Habit::ALL.len() * 2)?;
        let mut rng = Rng::with_seed(u.arbitrary()?);
        let script = generator.session(commands, &mut rng);
        Ok(match Habit::ALL.get(habit) {
            Some(habit) => generator.habit(&script, *habit, &mut rng),
            None => script,
        })
    }
}

/// A valid command of some built-in dialect.
impl<'a> Arbitrary<'a> for Invocation {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let generator = u.choose(&GENERATORS)?;
        let mut rng = Rng::with_seed(u.arbitrary()?);
        (0..16).find_map(|_| generator.any_command(&mut rng)).ok_or(arbitrary::Error::IncorrectFormat)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn any_bytes_make_a_session() {
        for seed in 0..20 {
            let bytes: Vec<u8> = (0..64).map(|at| (at * 37 + seed * 11) as u8).collect();
            let script = Script::arbitrary(&mut Unstructured::new(&bytes)).unwrap();
            assert!(!script.records.is_empty() && !script.module_bytes().is_empty());
            assert!(Invocation::arbitrary(&mut Unstructured::new(&bytes)).unwrap().line.starts_with(b"A"));
        }
    }
}
