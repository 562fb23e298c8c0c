//! What the decoder reads, printed: commands and lines of a catalog, with values that are valid, on a boundary, or wrong.
//!
//! The catalog the other way round: no vendor's fact stands here. Deterministic: random values come from a generator that the
//! caller seeds. Laws: what [`emit`] prints with values of [`values`] the decoder reads as that line or command, with those values.

#[cfg(feature = "arbitrary")]
mod arbitrary;
mod command;
mod corpus;
mod dictionary;
pub mod emit;
mod faults;
mod generator;
mod item;
mod known;
mod plan;
mod script;
mod session;
#[cfg(feature = "proptest")]
pub mod strategy;
pub mod values;
mod violation;

pub use command::{Invocation, Target, Values};
pub use corpus::Seed;
pub use faults::{Fault, Habit};
pub use generator::Generator;
pub use item::{Bag, Item};
pub use known::Known;
pub use plan::Step;
pub use script::{Answer, Expected, Record, Script, Writer};
pub use violation::Violation;
