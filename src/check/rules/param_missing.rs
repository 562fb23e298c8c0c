//! # param-missing
//! **Reports** fewer parameters than the manual asks for, or nothing where one must stand.
//! **Matters because** the module answers `ERROR`.
//! **Silent when** the manual lets the parameter out.
//! **Example** `@0.0 > AT+CWJAP="home"\r\n`
//! **Way out** give the parameters that the message names.

use super::{About, Report, Rule};
use crate::catalog::Shape;
use crate::session::{Facts, Params, Value};

pub(super) fn check(
    about: &About<'_>,
    facts: &Facts<'_>,
    shape: &Shape,
    params: Params<'_>,
    given: usize,
    report: Report<'_>,
) {
    let catalog = facts.catalog;
    let name = |at: usize| {
        shape.fields.get(at).and_then(|field| field.param).and_then(|at| catalog.param(at)).map_or("", |p| &*p.name)
    };
    let owed = shape.owed(given);
    if owed > 0 {
        let least = given + owed;
        let missing: Vec<String> = (given..least).map(|at| format!("`{}`", name(at))).collect();
        let message = format!("{} missing: {given} given, at least {least} expected", missing.join(", "));
        report(about.finding(Rule::ParamMissing, message).cite(about.cite(facts)).0);
    }
    let tail = shape.fields.get(shape.min..).unwrap_or_default();
    for param in params.iter().filter(|param| param.value() == Value::Omitted) {
        let field = shape.fields.iter().find(|field| field.param == Some(param.slot.spec));
        let optional =
            |field: &crate::catalog::Field| field.optional || tail.iter().any(|last| std::ptr::eq(last, field));
        if field.is_some_and(|field| !optional(field)) {
            let message = format!("`{}` is empty, but must be given", param.name());
            report(about.finding(Rule::ParamMissing, message).at(param.range()).cite(about.cite(facts)).0);
        }
    }
}
