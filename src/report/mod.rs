//! What people and programs read: text for the first, JSON lines for the second.
//!
//! Knows events and findings, and turns them into bytes; opens nothing, prints nothing. Writers fill a buffer that
//! the caller owns and empties, and reuse their own: an event costs no allocation.
//!
//! Nothing that a module or host sent reaches a terminal as it came: control characters, and characters that change
//! the direction of text or have no width, are written as escapes.

mod block;
pub mod differences;
pub mod document;
mod duration;
pub mod gather;
mod github;
pub mod html;
mod json;
pub mod jsonl;
pub mod junit;
pub mod lines;
pub mod markdown;
mod payload;
mod pen;
pub mod places;
pub mod reference;
mod ring;
pub mod sarif;
pub mod stats;
pub mod text;
mod units;

pub use pen::Style;

/// The JSON Schema of the lines that [`jsonl`] writes.
pub const SCHEMA: &str = include_str!("events.schema.json");

/// What a session came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// The dialect that it was held against.
    pub dialect: String,
    /// The model, where one was given or told.
    pub model: Option<String>,
    /// The firmware profile, where the traffic told one.
    pub profile: Option<String>,
    /// Number of events.
    pub events: u64,
    /// Number of exchanges.
    pub exchanges: u64,
    /// Reported findings: errors, warnings, infos.
    pub findings: [u64; 3],
    /// Bytes of host and module.
    pub bytes: [u64; 2],
}
