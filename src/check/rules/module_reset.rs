//! # module-reset
//! **Reports** that the module rebooted in mid-session.
//! **Matters because** its state is gone: connections, modes and echo are as after power-on.
//! **Silent when** the host asked for it (`AT+RST`), or the recording starts with the boot.
//! **Example** `@0.0 > AT\r\n` `@0.1 < \r\nOK\r\n` `@5.0 < \r\nready\r\n`
//! **Way out** look for a watchdog, a weak supply, or memory that runs out.

use super::{Note, Rule};
use crate::check::Finding;

pub(super) fn finding(note: &Note<'_>, open: usize) -> Finding {
    let lost = match open {
        0 => String::new(),
        1 => "; one open exchange is lost".to_owned(),
        more => format!("; {more} open exchanges are lost"),
    };
    note.finding(Rule::ModuleReset, format!("the module rebooted{lost}"))
}
