//! # wrong-state
//! **Reports** a command whose documented precondition is known not to be met.
//! **Matters because** the module answers `ERROR`, or does nothing.
//! **Silent when** the recording does not show the state: it starts unknown, and becomes known by what succeeds.
//! **Example** `@0.0 > AT+CIPMUX=0\r\n` `@0.1 < \r\nOK\r\n` `@0.2 > AT+CIPSERVER=1,80\r\n` (a server needs AT+CIPMUX=1)
//! **Way out** bring the module into the state that the message names first.

use super::{About, Report, Rule};
use crate::catalog::Condition;
use crate::planted::{self, Bug};
use crate::session::{Facts, Params, Scope};

pub(super) fn check(
    about: &About<'_>,
    facts: &Facts<'_>,
    needs: Option<&Condition>,
    command: Option<&str>,
    params: Params<'_>,
    report: Report<'_>,
) {
    let Some(needs) = needs else { return };
    let holds = (Scope { state: facts.state, params }).holds(&needs.expr);
    if holds == Some(false) || planted::is(Bug::DecoderUnknown) && holds.is_none() {
        let what = command.map_or_else(|| "this list of parameters".to_owned(), |name| format!("AT{name}"));
        let meaning = facts
            .catalog
            .states
            .iter()
            .find(|state| needs.text.contains(&*state.name))
            .map_or("", |state| &state.title);
        let meaning = if meaning.is_empty() { String::new() } else { format!(" ({meaning})") };
        let message = format!("{what} needs {}{meaning}, which does not hold", needs.text);
        report(about.finding(Rule::WrongState, message).cite(about.cite(facts)).0);
    }
}
