//! # payload-length
//! **Reports** data whose announced and actual size differ.
//! **Matters because** a parser that trusts the count swallows the lines that follow, or waits for good.
//! **Silent when** the recording ends within the data, or the host gave up with `+++`.
//! **Example** `@0.0 < +IPD,10:hello\r\n` `@0.1 > AT\r\n` `@0.2 < AT\r\n\r\nOK\r\n`
//! **Way out** check the serial line for lost bytes: flow control, speed, buffer sizes.

use super::{Note, Rule};
use crate::Sender;
use crate::check::Finding;

pub(super) fn finding(note: &Note<'_>, from: Sender, declared: u64, actual: u64, more: bool) -> Finding {
    let least = if more { "at least " } else { "" };
    note.finding(Rule::PayloadLength, format!("the {from} announced {declared} bytes, but sent {least}{actual}"))
}
