//! # resync
//! **Reports** that the framing was lost (bytes missing, noise, a reset inside counted data) and regained.
//! **Matters because** what was decoded around it is the best guess, and a driver that trusts the count hangs there.
//! **Silent when** the recording just ends within the data.
//! **Example** `@0.0 < +IPD,10:hello\r\n` `@0.1 > AT\r\n` `@0.2 < AT\r\n\r\nOK\r\n`
//! **Way out** as for `payload-length`: look for what loses bytes.

use super::{Note, Rule};
use crate::check::Finding;

pub(super) fn finding(note: &Note<'_>, lost: u64, declared: u64, how: &str) -> Finding {
    note.finding(Rule::Resync, format!("counted data ended {lost} of {declared} bytes early: {how}"))
}
