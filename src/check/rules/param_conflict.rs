//! # param-conflict
//! **Reports** parameters that break a documented relation between them.
//! **Matters because** each is fine alone, but the module refuses them together.
//! **Silent when** one of them is not given, or not of its type.
//! **Example** `@0.0 > AT+BLESCANPARAM=0,0,0,50,100\r\n` (the window is larger than the interval)
//! **Way out** make the condition in the message hold.

use super::{About, Report, Rule};
use crate::catalog::FormSpec;
use crate::planted::{self, Bug};
use crate::session::{Facts, Params, Scope};

pub(super) fn check(about: &About<'_>, facts: &Facts<'_>, spec: &FormSpec, params: Params<'_>, report: Report<'_>) {
    for relation in spec.relations.iter().filter(|_| !planted::is(Bug::DecoderRelations)) {
        if (Scope { state: facts.state, params }).holds(&relation.expr) == Some(false) {
            let message = format!("the parameters break a documented relation: {}", relation.text);
            report(about.finding(Rule::ParamConflict, message).cite(about.cite(facts)).0);
        }
    }
}
