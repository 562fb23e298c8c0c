//! # unexpected-final
//! **Reports** a final result code while no exchange is open, or one that this command cannot have.
//! **Matters because** the host may take it for the answer to its next command.
//! **Silent when** no command was seen yet: the code may end an exchange ahead of the recording.
//! **Example** `@0.0 > AT\r\n` `@0.1 < \r\nOK\r\n` `@0.2 < \r\nOK\r\n` (the second one)
//! **Way out** look for a doubled answer, or for a command that the recording lost.

use super::{Note, Rule};
use crate::check::Finding;

pub(super) fn finding(note: &Note<'_>, result: &str, open: bool) -> Finding {
    let message =
        if open { format!("this command cannot end with {result}") } else { format!("{result} ends no open exchange") };
    note.finding(Rule::UnexpectedFinal, message)
}
