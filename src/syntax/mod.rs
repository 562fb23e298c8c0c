//! The syntax of AT traffic (ITU-T V.250, 3GPP TS 27.007), with `nom`: bytes to lines, prompts, payloads and parameters.
//!
//! Framing is streaming: a line that is not all there yet is [`nom::Err::Incomplete`]. The grammar of a whole line is
//! complete. Knows no vendor: `OK` is just a line here.

pub(crate) mod command;
pub(crate) mod fields;
pub mod framing;
pub mod value;
