//! # echo-mismatch
//! **Reports** an echo that differs from what the host sent.
//! **Matters because** bytes were lost or flipped on the line: what the module understood is not what was meant.
//! **Silent when** the echo is whole, or was only interrupted by a URC.
//! **Example** `@0.0 > AT+CWMODE?\r\n` `@0.1 < AT+CWMDE?\r\r\n`
//! **Way out** check speed, flow control and wiring.

use super::{Note, Rule};
use crate::check::Finding;
use crate::escape::escape;

pub(super) fn finding(note: &Note<'_>, sent: &[u8], came: &[u8]) -> Finding {
    let cut = |text: &[u8]| escape(text.get(..text.len().min(60)).unwrap_or(text)).to_string();
    note.finding(Rule::EchoMismatch, format!("the host sent {}, the module echoed {}", cut(sent), cut(came)))
}
