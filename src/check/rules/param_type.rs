//! # param-type
//! **Reports** a parameter that is not of its documented type: no number, not quoted, no MAC or IP address, no hex string.
//! **Matters because** the module answers `ERROR`.
//! **Silent when** the command's syntax is broken: then `malformed-command` speaks.
//! **Example** `@0.0 > AT+CWMODE=station\r\n`
//! **Way out** write the value as the message says.

use super::{About, Report, Rule};
use crate::catalog::{Kind, Mac, ParamSpec, Quoted};
use crate::escape::escape;
use crate::session::{Facts, Param};

pub(super) fn check(about: &About<'_>, facts: &Facts<'_>, param: Param<'_>, spec: &ParamSpec, report: Report<'_>) {
    let message = format!("`{}` is {}, expected {}", spec.name, escape(param.raw()), wanted(spec));
    report(about.finding(Rule::ParamType, message).at(param.range()).cite(about.cite(facts)).0);
}

/// What a parameter's type is, for people.
pub(super) fn wanted(spec: &ParamSpec) -> &'static str {
    let quoted = spec.quoted == Quoted::Must;
    match spec.kind {
        Kind::Int(_) | Kind::Numbers | Kind::Bits | Kind::Code(_) => "a number",
        Kind::Hex(_) => "a number, decimal or with 0x",
        Kind::Float => "a decimal number",
        Kind::Mac(Mac::Any | Mac::Unicast | Mac::Static) => "a quoted MAC address",
        Kind::Ip => "a quoted IP address",
        Kind::HexString(_) => "a quoted string of hex digit pairs",
        _ if quoted => "a quoted string",
        _ => "text without quotes",
    }
}
