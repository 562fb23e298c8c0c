//! Recordings of logic levels: one file a format, each a stream of [`Levels`] in bounded memory.

use super::{CaptureError, Meta};
use crate::uart::{Channel, Levels};

/// A stream of level changes out of a recording of a logic analyzer or a simulator.
pub trait LevelReader: Send {
    /// The recorded lines; fixed once the reader is open.
    fn channels(&self) -> &[Channel];

    /// Fills `out`, which the caller cleared, with the next stretch; false at the end.
    ///
    /// # Errors
    /// Whatever is wrong with the recording; what was read ahead of the damage was given before.
    fn read(&mut self, out: &mut Levels) -> Result<bool, CaptureError>;

    /// What is known of the recording so far.
    fn meta(&self) -> &Meta;

    /// Offset in the file up to which it was read.
    fn offset(&self) -> u64;
}
