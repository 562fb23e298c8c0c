//! What the decoder reads, printed: commands and lines of a catalog, with values that are valid, on a boundary, or wrong.
//!
//! The catalog the other way round: no vendor's fact stands here. Deterministic: random values come from a generator that the
//! caller seeds. Laws: what [`emit`] prints with values of [`values`] the decoder reads as that line or command, with those values.

pub mod emit;
mod item;
pub mod values;

pub use item::{Bag, Item};
