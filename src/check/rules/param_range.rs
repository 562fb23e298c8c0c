//! # param-range
//! **Reports** a value outside of the documented range or list.
//! **Matters because** the module answers `ERROR`, or behaves as no manual says.
//! **Silent when** the manual gives no range.
//! **Example** `@0.0 > AT+CWMODE=7\r\n`
//! **Way out** use a value that the message names.

use super::{About, Report, Rule};
use crate::catalog::{Kind, Mac, ParamSpec, Shape, StateValue};
use crate::escape::escape;
use crate::session::{Facts, Param, Value};

pub(super) fn check(about: &About<'_>, facts: &Facts<'_>, param: Param<'_>, spec: &ParamSpec, report: Report<'_>) {
    if let Some(wanted) = broken(spec, param) {
        let raw = escape(param.raw());
        let message = format!("`{}` is {raw}, expected {wanted}", spec.name);
        report(about.finding(Rule::ParamRange, message).at(param.range()).cite(about.cite(facts)).0);
    }
}

/// What was expected, where a value is out of range.
pub(super) fn broken(spec: &ParamSpec, param: Param<'_>) -> Option<String> {
    match (&spec.kind, param.value()) {
        (Kind::Int(ranges) | Kind::Hex(ranges), Value::Int(number)) => (!ranges.contains(number))
            .then(|| if matches!(spec.kind, Kind::Hex(_)) { hex(ranges) } else { ranges.to_string() }),
        (Kind::Numbers, Value::Int(number)) => {
            let known = spec.labels.iter().any(|(value, _)| *value == StateValue::Int(number));
            (!known).then(|| list(spec))
        }
        (Kind::Bits, Value::Int(mask)) => {
            let all = spec.labels.iter().fold(0_i64, |all, (bit, _)| match bit {
                StateValue::Int(bit @ 0..=62) => all | 1 << bit,
                _ => all,
            });
            (mask < 0 || mask & !all != 0).then(|| format!("a mask of {}", list(spec)))
        }
        (Kind::Words, Value::Text(text)) => {
            let text = text.bytes();
            let known = spec.labels.iter().any(|(value, _)| match value {
                StateValue::Word(word) => word.as_bytes().eq_ignore_ascii_case(&text),
                StateValue::Int(number) => number.to_string().as_bytes() == &*text,
            });
            (!known).then(|| list(spec))
        }
        (_, Value::Text(text)) if !spec.starts.is_empty() => {
            let text = text.bytes();
            let empty = text.is_empty()
                && matches!(&spec.kind, Kind::String(length) | Kind::Text(length) if length.0.iter().any(|range| range.0 == 0));
            let fits = empty
                || spec.starts.iter().any(|start| {
                    text.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start.as_bytes()))
                });
            (!fits).then(|| format!("text that starts with {}", spec.starts.join(" or ")))
        }
        (Kind::String(_) | Kind::Text(_), Value::Text(text)) => {
            let ranges = spec.numbers.as_ref()?;
            (!spec.numbers_fit(&text.bytes())).then(|| format!("text with numbers of {ranges}"))
        }
        (Kind::Mac(wanted), Value::Text(text)) => {
            let mac = text.mac()?;
            let first = mac.first().copied().unwrap_or_default();
            match wanted {
                Mac::Any => None,
                Mac::Unicast if first & 1 == 1 || mac == [0; 6] => {
                    Some("a station address: bit 0 clear, neither all 0 nor all F".to_owned())
                }
                Mac::Static if first >> 6 != 3 || mac == [0xFF; 6] || mac == [0xC0, 0, 0, 0, 0, 0] => {
                    Some("a static address: the two highest bits set, the rest neither all 0 nor all 1".to_owned())
                }
                _ => None,
            }
        }
        _ => None,
    }
}

/// A value that must be a certain word: one alternative for each.
pub(super) fn fixed(
    about: &About<'_>,
    facts: &Facts<'_>,
    param: Param<'_>,
    at: usize,
    shapes: &mut dyn Iterator<Item = &Shape>,
    report: Report<'_>,
) {
    let mut words: Vec<&str> = Vec::new();
    for word in shapes.filter_map(|shape| shape.fields.get(at)?.fixed.as_deref()) {
        if !words.contains(&word) {
            words.push(word);
        }
    }
    let message = format!("`{}` is {}, expected one of {}", param.name(), escape(param.raw()), words.join(", "));
    report(about.finding(Rule::ParamRange, message).at(param.range()).cite(about.cite(facts)).0);
}

fn hex(ranges: &crate::catalog::Ranges) -> String {
    let parts: Vec<String> = ranges.0.iter().map(|(low, high)| format!("{low:#06x} to {high:#06x}")).collect();
    parts.join(", ")
}

fn list(spec: &ParamSpec) -> String {
    let one = |(value, label): &(StateValue, Box<str>)| {
        let value = match value {
            StateValue::Int(number) => number.to_string(),
            StateValue::Word(word) => word.to_string(),
        };
        if label.is_empty() || **label == *value { value } else { format!("{value} ({label})") }
    };
    let shown: Vec<String> = spec.labels.iter().take(12).map(one).collect();
    let more = if spec.labels.len() > 12 { ", …" } else { "" };
    format!("{}{more}", shown.join(", "))
}
