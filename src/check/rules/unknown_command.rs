//! # unknown-command
//! **Reports** a command that the dialect's catalog does not have.
//! **Matters because** it is misspelt, of another firmware, or of another vendor.
//! **Silent when** the recording ends within the command.
//! **Example** `@0.0 > AT+CWMDOE=1\r\n`
//! **Way out** correct the name, choose the right dialect, or describe the command in a catalog of your own (`--catalog`).

use super::{About, Report, Rule};
use crate::session::{Facts, Name};

pub(super) fn check(about: &About<'_>, facts: &Facts<'_>, name: Name<'_>, report: Report<'_>) {
    let known = &facts.catalog;
    let near = super::nearest(&name.to_text(), known.commands.iter().map(|command| &*command.name));
    let hint = near.map(|near| format!("; did you mean AT{near}?")).unwrap_or_default();
    report(about.finding(Rule::UnknownCommand, format!("{} has no command AT{name}{hint}", known.name)).0);
}
