//! # command-overlap
//! **Reports** a command that was sent before the previous one had its final result.
//! **Matters because** most modules lose it, refuse it with `busy`, or answer in an order that drivers do not expect.
//! **Silent when** the module's side was not recorded.
//! **Example** `@0.0 > AT+CWLAP\r\n` `@0.1 < AT+CWLAP\r\n` `@0.2 > AT\r\n`
//! **Way out** wait for the final result.

use super::{Note, Rule};
use crate::check::Finding;

pub(super) fn finding(note: &Note<'_>, before: u64, before_seq: u64) -> Finding {
    let message = format!("sent before exchange {before} had its final result");
    Finding { related: Some((before_seq, "still open".to_owned())), ..note.finding(Rule::CommandOverlap, message) }
}
