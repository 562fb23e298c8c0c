//! Compares recordings of two firmware versions: what does the new one do differently?
//!
//! ```text
//! events ─ record ─► Recording ─ side ─► Side ─┐
//!                                    baseline ─┤► compare ─► Differences
//! ```
//!
//! Sessions are laid over one another by what the host did (`align`), never line by line. Of an answer its looks and its
//! values are told apart (`shape`): looks are the firmware's, values may be the moment's. The tool must not cry wolf: what
//! the catalog calls volatile, and what varies within one side, is no difference between the sides.
//!
//! Trap: both sides of a comparison must share one [`Pools`].

mod align;
mod baseline;
mod compare;
mod lines;
mod pool;
mod ranges;
mod record;
mod shape;
mod side;
mod stats;
mod urc;

pub use baseline::{Accepted, Baseline, BaselineError};
pub use compare::{Aligned, Difference, Differences, Kind, compare};
pub use pool::Pools;
pub use record::{Recorder, Recording, masked};
pub use side::Side;
