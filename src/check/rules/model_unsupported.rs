//! # model-unsupported
//! **Reports** a command, or a form of one, that the manual says this model lacks.
//! **Matters because** the module will answer `ERROR`.
//! **Silent when** the model is not known: name it with `-m` or the header `# model:`.
//! **Example** `# model: esp8266` `@0.0 > AT+BLEINIT=1\r\n`
//! **Way out** use another model, or do without the command.

use super::{About, Report, Rule, param_range};
use crate::catalog::{Command, Kind, ParamSpec};
use crate::session::{Facts, Form, Param};

/// Whether it found something.
pub(super) fn check(about: &About<'_>, facts: &Facts<'_>, command: &Command, form: Form, report: Report<'_>) -> bool {
    let Some(model) = facts.model else { return false };
    let catalog = facts.catalog;
    let lacks = |only: &[u16], except: &[u16]| {
        !only.is_empty() && !catalog.model_in(model, only) || catalog.model_in(model, except)
    };
    let spec = command.form(form);
    if lacks(&command.models, &command.except) || spec.is_some_and(|spec| lacks(&spec.models, &spec.except)) {
        let name = catalog.models.get(usize::from(model)).map_or("", |model| &model.name);
        let message = format!("{name} does not support AT{}", command.name);
        report(about.finding(Rule::ModelUnsupported, message).cite(about.cite(facts)).0);
        return true;
    }
    false
}

/// A parameter, or one of its named values, that this model lacks. Whether it found something.
pub(super) fn param(
    about: &About<'_>,
    facts: &Facts<'_>,
    param: Param<'_>,
    own: &ParamSpec,
    report: Report<'_>,
) -> bool {
    let (Some(model), Some(general)) = (facts.model, param.spec()) else { return false };
    let lacks = !general.only.is_empty() && !facts.catalog.model_in(model, &general.only);
    let named = matches!(general.kind, Kind::Numbers | Kind::Words) && !std::ptr::eq(general, own);
    let value = named && param_range::broken(general, param).is_none() && param_range::broken(own, param).is_some();
    if !lacks && !value {
        return false;
    }
    let name = facts.catalog.models.get(usize::from(model)).map_or("", |model| &model.name);
    let what = match param.label().filter(|_| value) {
        Some(label) => format!("`{}` {} ({label})", general.name, crate::escape::escape(param.raw())),
        None => format!("`{}`", general.name),
    };
    let message = format!("{name} does not support {what}");
    report(about.finding(Rule::ModelUnsupported, message).at(param.range()).cite(about.cite(facts)).0);
    true
}
