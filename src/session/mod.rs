//! The decoder proper: both directions' bytes to typed events, exchanges and state. Sans-IO: no file, no clock, no thread.
//!
//! Knows who answers whom; the catalog tells it what a line means. What is unknown stays unknown: a session may start anywhere.

mod decoder;
mod echo;
mod event;
mod exchange;
mod host;
mod matching;
mod module;
mod notice;
mod recover;
mod state;

pub(crate) use decoder::Decoder;
pub use decoder::{Options, PART};
pub use event::{Event, EventKind, Form, Name, Param, Params, Text, Value};
pub(crate) use event::{Read, Slot};
pub(crate) use notice::{CommandFacts, Facts, LineFacts, Notice, Observer};
pub(crate) use state::Scope;
