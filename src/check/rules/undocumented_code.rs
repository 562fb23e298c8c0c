//! # undocumented-code
//! **Reports** a status or error code that is in none of the manual's tables.
//! **Matters because** the host has no documented way to deal with it.
//! **Silent when** the code is a text, or the manual has no table for it.
//! **Example** `@0.0 < +HTTPACTION: 0,999,0\r\n`
//! **Way out** treat it as an error of unknown kind; ask the vendor.

use super::{About, Report, Rule};
use crate::catalog::Kind;
use crate::session::{Facts, Param, Value};

pub(super) fn check(about: &About<'_>, facts: &Facts<'_>, param: Param<'_>, report: Report<'_>) {
    let Some(spec) = param.spec() else { return };
    let (Kind::Code(table), Value::Int(code)) = (&spec.kind, param.value()) else { return };
    let Some(table) = facts.catalog.codes.get(usize::from(*table)) else { return };
    if table.meaning(code).is_none() {
        let message = format!("`{}` is {code}, which is none of the {}", spec.name, table.title);
        report(about.finding(Rule::UndocumentedCode, message).at(param.range()).cite(about.cite(facts)).0);
    }
}
