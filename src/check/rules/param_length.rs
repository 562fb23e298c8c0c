//! # param-length
//! **Reports** a string that is shorter or longer than documented, in bytes.
//! **Matters because** the module answers `ERROR`, or cuts it off without a word.
//! **Silent when** the manual gives no length.
//! **Example** `@0.0 > AT+CWHOSTNAME="a-name-that-is-longer-than-thirty-two-bytes"\r\n`
//! **Way out** keep to the length that the message names.

use super::{About, Report, Rule};
use crate::catalog::{Kind, ParamSpec};
use crate::session::{Facts, Param, Value};

pub(super) fn check(about: &About<'_>, facts: &Facts<'_>, param: Param<'_>, spec: &ParamSpec, report: Report<'_>) {
    let (Kind::String(ranges) | Kind::Text(ranges) | Kind::HexString(ranges) | Kind::Host(ranges)) = &spec.kind else {
        return;
    };
    let len = match param.value() {
        Value::Text(text) if matches!(spec.kind, Kind::HexString(_)) => text.len() / 2,
        Value::Text(text) => text.len(),
        Value::Int(_) => param.raw().len(),
        _ => return,
    };
    if !ranges.contains(i64::try_from(len).unwrap_or(i64::MAX)) {
        let message = format!("`{}` has {len} bytes, expected {ranges}", spec.name);
        report(about.finding(Rule::ParamLength, message).at(param.range()).cite(about.cite(facts)).0);
    }
}
