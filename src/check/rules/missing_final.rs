//! # missing-final
//! **Reports** an exchange that the module never ended, though traffic or time went on past the documented maximum.
//! **Matters because** the host waits, or takes the next result for this one.
//! **Silent when** the recording just ends, or the module's side was not recorded.
//! **Example** `@0.0 > AT+CWMODE?\r\n` `@9.0 > AT+CIPMUX?\r\n` `@9.1 < +CIPMUX:0\r\n\r\nOK\r\n`
//! **Way out** look for a reset, for lost bytes, or for a module that hangs.

use super::{Note, Rule};
use crate::Time;
use crate::check::Finding;

pub(super) fn finding(note: &Note<'_>, limit: Option<u64>, because: &str) -> Finding {
    let limit = limit.map(|limit| format!(" (at most {} s)", Time::from_millis(limit))).unwrap_or_default();
    note.finding(Rule::MissingFinal, format!("no final result came: {because}{limit}"))
}
