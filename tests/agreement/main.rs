//! Agreement (invariant 6): what the generator calls valid draws no finding, what it calls a violation of a rule draws that rule, and what
//! the virtual module says the decoder reads.
//!
//! The seed and the effort are fixed; `ATSCOPE_MODEL_CASES` (state-machine runs of each dialect) and `ATSCOPE_MODEL_SEED` make a run
//! longer or another one.

#![cfg(all(feature = "generate", feature = "fuzzing"))]
#![allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::panic, clippy::print_stdout, clippy::print_stderr)]

mod common;
mod coverage;
mod decoder;
#[cfg(feature = "simulate")]
mod machine;
#[cfg(feature = "simulate")]
mod module;
#[cfg(feature = "simulate")]
mod mutation;
#[cfg(feature = "simulate")]
mod rig;
