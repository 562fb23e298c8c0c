//! # param-extra
//! **Reports** more parameters than the manual has.
//! **Matters because** the module answers `ERROR`, or ignores them.
//! **Silent when** the last parameter takes the rest of the line.
//! **Example** `@0.0 > AT+CWMODE=1,2,3\r\n`
//! **Way out** leave the surplus out.

use super::{About, Report, Rule};
use crate::session::Facts;

pub(super) fn check(
    about: &About<'_>,
    facts: &Facts<'_>,
    given: usize,
    most: usize,
    span: std::ops::Range<usize>,
    report: Report<'_>,
) {
    let message = format!("{given} parameters given, at most {most} expected");
    report(about.finding(Rule::ParamExtra, message).at(span).cite(about.cite(facts)).0);
}
