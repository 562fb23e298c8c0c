//! # unsupported-form
//! **Reports** a form (execute, set, read, test) that the manual does not document for the command.
//! **Matters because** the module answers `ERROR`, or does what no manual promises.
//! **Silent when** the command is unknown: then `unknown-command` speaks.
//! **Example** `@0.0 > AT+RST=1\r\n`
//! **Way out** use one of the forms that the message names.

use super::{About, Report, Rule};
use crate::catalog::Command;
use crate::session::{Facts, Form};

pub(super) fn check(about: &About<'_>, facts: &Facts<'_>, command: &Command, form: Form, report: Report<'_>) {
    let forms: Vec<&str> =
        Form::ALL.iter().filter(|&&form| command.form(form).is_some()).map(|form| form.as_str()).collect();
    let message = format!("AT{} has no {} form, only {}", command.name, form.as_str(), forms.join(", "));
    report(about.finding(Rule::UnsupportedForm, message).cite(about.cite(facts)).0);
}
