//! Bugs that tests plant into the logic of module, decoder and rules, to see that the models find them.
//!
//! One at most is alive, in the thread that planted it; without the feature `fuzzing` none ever is, and the questions cost nothing.

/// A bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// The module takes one more than the largest number of a range.
    ModuleEdge,
    /// The module takes commands in any state.
    ModuleNeeds,
    /// Success of a command that no code is about changes nothing of the module's state.
    ModuleEffects,
    /// The module does not look at how parameters go together.
    ModuleRelations,
    /// The module keeps its state over a restart.
    ModuleRestart,
    /// The decoder takes over what a command would set though it failed.
    DecoderFailure,
    /// The decoder does not see what a restart does to the state.
    DecoderRestart,
    /// The decoder does not learn from what it reads.
    DecoderLines,
    /// The rules take what is unknown for broken.
    DecoderUnknown,
    /// The rules do not look at how parameters go together.
    DecoderRelations,
}

#[cfg(feature = "fuzzing")]
mod alive {
    use std::cell::Cell;

    thread_local! {
        static ALIVE: Cell<Option<super::Bug>> = const { Cell::new(None) };
    }

    /// Plants a bug in this thread; `None` takes it out.
    pub fn plant(bug: Option<super::Bug>) {
        ALIVE.set(bug);
    }

    /// Whether a bug is alive.
    pub(crate) fn is(bug: super::Bug) -> bool {
        ALIVE.get() == Some(bug)
    }
}

#[cfg(feature = "fuzzing")]
pub use alive::plant;

#[cfg(feature = "fuzzing")]
pub(crate) use alive::is;

/// Whether a bug is alive.
#[cfg(not(feature = "fuzzing"))]
#[inline(always)]
pub(crate) const fn is(_: Bug) -> bool {
    false
}
