//! # model-unsupported
//! **Reports** a command, or a form of one, that the manual says this model lacks.
//! **Matters because** the module will answer `ERROR`.
//! **Silent when** the model is not known: name it with `-m` or the header `# model:`.
//! **Example** `# model: esp8266` `@0.0 > AT+BLEINIT=1\r\n`
//! **Way out** use another model, or do without the command.

use super::{About, Report, Rule};
use crate::catalog::Command;
use crate::session::{Facts, Form};

pub(super) fn check(about: &About<'_>, facts: &Facts<'_>, command: &Command, form: Form, report: Report<'_>) {
    let Some(model) = facts.model else { return };
    let catalog = facts.catalog;
    let lacks = |only: &[u16], except: &[u16]| {
        !only.is_empty() && !catalog.model_in(model, only) || catalog.model_in(model, except)
    };
    let spec = command.form(form);
    if lacks(&command.models, &command.except) || spec.is_some_and(|spec| lacks(&spec.models, &spec.except)) {
        let name = catalog.models.get(usize::from(model)).map_or("", |model| &model.name);
        let message = format!("{name} does not support AT{}", command.name);
        report(about.finding(Rule::ModelUnsupported, message).cite(about.cite(facts)).0);
    }
}
