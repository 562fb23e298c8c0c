//! Logic levels to bytes: what a logic analyzer recorded becomes what was said on the line.
//!
//! Works on the changes of a line, never sample by sample: a quiet line costs nothing. Knows baud rates and frames,
//! not AT; the one exception is told aloud in `detect`, which asks who of two lines is the host. Knows no file format.

mod levels;

pub use levels::{Change, Channel, Clock, Level, Levels};
