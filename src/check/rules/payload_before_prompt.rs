//! # payload-before-prompt
//! **Reports** data that the host sent before the module asked for it, or without its asking.
//! **Matters because** the module may take the data for commands, or drop it.
//! **Silent when** the module's side was not recorded.
//! **Example** `@0.0 > AT+CIPSEND=5\r\n` `@0.1 > hello` `@0.2 < \r\nOK\r\n> `
//! **Way out** wait for the prompt (`>`, `DOWNLOAD`).

use super::{Note, Rule};
use crate::check::Finding;

pub(super) fn finding(note: &Note<'_>, refused: bool) -> Finding {
    let message = if refused {
        "the host sent data although the module had refused it"
    } else {
        "the host sent data before the module's prompt"
    };
    note.finding(Rule::PayloadBeforePrompt, message.to_owned())
}
