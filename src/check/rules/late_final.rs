//! # late-final
//! **Reports** a final result that came later than the documented maximum response time.
//! **Matters because** a host that waits no longer than the manual says has given up by then.
//! **Silent when** the manual gives no maximum, or the recording has no times.
//! **Example** `@0.0 > AT+HTTPINIT\r\n` `@130.0 < \r\nOK\r\n`
//! **Way out** look at the network or the firmware; do not just raise the host's time-out.

use super::{Note, Rule};
use crate::Time;
use crate::check::Finding;

pub(super) fn finding(note: &Note<'_>, latency: Time, limit: u64, of: u64) -> Finding {
    let message =
        format!("came {latency:.3} s after the command, documented are at most {} s", Time::from_millis(limit));
    Finding { related: Some((of, "the command".to_owned())), ..note.finding(Rule::LateFinal, message) }
}
