//! Logic levels to bytes: what a logic analyzer recorded becomes what was said on the line.
//!
//! Works on the changes of a line, never sample by sample: a quiet line costs nothing. Knows baud rates and frames,
//! not AT; the one exception is told aloud in `roles`, which asks who of two lines is the host. Knows no file format.

mod baud;
mod detect;
mod encode;
mod format;
#[cfg(feature = "fuzzing")]
mod fuzz;
mod lane;
mod levels;
mod options;
mod reading;
mod receive;
mod recover;
mod roles;
mod survey;
mod track;

pub use encode::{Disturbance, Encoder, Flaw};
pub use format::{Format, NoFormat, Parity, StopBits};
#[cfg(feature = "fuzzing")]
pub(crate) use fuzz::fuzz_uart;
pub use levels::{Change, Channel, Clock, Level, Levels};
pub use options::{Setting, SettingError, find_channel, settings};
pub use receive::{Byte, Faults, Line, Receiver};
pub use recover::{Recovery, Run};
pub use survey::{Found, Speed, Survey, shown_baud};
