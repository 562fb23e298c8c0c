//! # response-shape
//! **Reports** a response or URC whose parameters are not as documented: their number, type or range.
//! **Matters because** a parser written after the manual breaks on it.
//! **Silent when** a firmware profile of the catalog names the shape, or the recording ends within the line.
//! **Example** `@0.0 > AT+CWMODE?\r\n` `@0.1 < +CWMODE:station\r\n\r\nOK\r\n`
//! **Way out** make the host tolerant; where all firmware does so, the catalog should name it.

use super::{About, Report, Rule, param_range, param_type};
use crate::catalog::{Line, Pattern};
use crate::escape::escape;
use crate::session::{Facts, Params, Value};

pub(super) fn check(
    about: &About<'_>,
    facts: &Facts<'_>,
    line: &Line,
    misfit: u32,
    params: Params<'_>,
    report: Report<'_>,
) {
    let catalog = facts.catalog;
    for param in params.iter() {
        let Some(spec) = param.spec() else { continue };
        let spec = catalog.spec_for(param.slot.spec, facts.model).unwrap_or(spec);
        let wanted = match param.value() {
            Value::Broken => {
                Some(param_type::wanted(spec).replace("a quoted", "a").replace("text without quotes", "text"))
            }
            Value::Omitted => None,
            _ => param_range::broken(spec, param),
        };
        if let Some(wanted) = wanted {
            let message = format!("`{}` is {}, expected {wanted}", spec.name, escape(param.raw()));
            report(about.finding(Rule::ResponseShape, message).at(param.range()).cite(about.cite(facts)).0);
            return;
        }
    }
    if misfit > 0 {
        let text = line.text.escape_debug();
        let off = line.when.as_ref().filter(|_| misfit == 2);
        let message = match (off, &line.pattern) {
            (Some(when), _) => format!("this shape is documented for {} only: {text}", when.text),
            (None, Pattern::Fields { shapes }) if shapes.len() == 1 => {
                format!("{} parameters, documented is {text}", params.len())
            }
            _ => format!("the line is not as documented: {text}"),
        };
        report(about.finding(Rule::ResponseShape, message).cite(about.cite(facts)).0);
    }
}
