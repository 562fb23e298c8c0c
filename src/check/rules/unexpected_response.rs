//! # unexpected-response
//! **Reports** an information response that answers no open exchange and is no URC.
//! **Matters because** the host may take it for the answer to another command.
//! **Silent when** no command was seen yet.
//! **Example** `@0.0 > AT\r\n` `@0.1 < \r\nOK\r\n` `@0.2 < \r\n+CWMODE:1\r\n`
//! **Way out** look for a command that the recording lost, or for an answer that came twice.

use super::{About, Report, Rule};
use crate::session::{Facts, Name};

pub(super) fn check(about: &About<'_>, facts: &Facts<'_>, name: Name<'_>, report: Report<'_>) {
    let message = format!("{name} answers no open command and is no URC");
    report(about.finding(Rule::UnexpectedResponse, message).cite(about.cite(facts)).0);
}
