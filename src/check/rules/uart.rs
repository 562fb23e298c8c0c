//! # uart-framing, uart-parity, uart-break
//! **Reports** line errors that the recording names: no stop bit, a wrong parity bit, the line held low.
//! **Matters because** the byte they hit is not what was sent.
//! **Silent when** the recording holds bytes only.
//! **Example** a logic-analyzer capture at the wrong speed
//! **Way out** check speed, format, wiring and ground; a break is often a reset.

use super::{About, Rule};
use crate::check::Finding;
use crate::session::Event;

/// The finding for a line error at a place in the event's sender's stream.
pub(in crate::check) fn finding(rule: Rule, event: &Event<'_>, place: u64) -> Finding {
    let at = usize::try_from(place.saturating_sub(event.offset)).unwrap_or_default();
    let what = match rule {
        Rule::UartParity => "parity error",
        Rule::UartBreak => "break",
        _ => "framing error",
    };
    let message = format!("{what} at byte {place} of the {}", event.from);
    About { event }.finding(rule, message).at(at..at + 1).0
}
