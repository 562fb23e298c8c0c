//! Reads the description of one parameter.

use super::load::{Builder, boxed};
use super::model::*;
use super::source::{Item, Scalar, Source, Table, parse_int};

/// Keys that say what a parameter is; `values` may also stand beside some of them.
const KINDS: [&str; 13] =
    ["int", "hex", "float", "bits", "string", "text", "hexstring", "mac", "ip", "host", "code", "list", "data"];

const KNOWN: &str = "int, hex, float, values, bits, string, text, hexstring, mac, ip, host, code, list, data, any, unit, default, \
                     title, note, quoted, lines, volatile, models, as, starts, numbers, only";

/// Reads a description; gives its position in the catalog. A bad one stands for anything: its mistake is told once.
pub(super) fn read(builder: &mut Builder, src: &mut Source<'_>, name: &str, mut table: Table<'_>) -> u32 {
    let at = table.at;
    let models = table.table(src, "models");
    let spec = one(builder, src, name, table);
    let mut own = Vec::new();
    for (model, place, item) in models.into_iter().flat_map(Table::rest) {
        let Some(entry) = item.table(src, model) else { continue };
        let Some(found) = builder.catalog.model(model) else {
            src.mistake(place, format!("`{model}` is no entry of [models]"));
            continue;
        };
        let mut special = one(builder, src, name, entry);
        special.title = special.title.or_else(|| spec.title.clone());
        special.unit = special.unit.or_else(|| spec.unit.clone());
        own.push((found, builder.push_param(special)));
    }
    if name.trim() != name || name.contains(['<', '>', '=']) {
        src.mistake(at, format!("`{name}` is no parameter name"));
    }
    builder.push_param(ParamSpec { models: own, ..spec })
}

fn one(builder: &mut Builder, src: &mut Source<'_>, name: &str, mut table: Table<'_>) -> ParamSpec {
    let at = table.at;
    let labels = labels(src, &mut table, "values");
    let any = table.text(src, "any").is_some();
    let mut kind = None;
    let mut bits = Vec::new();
    for key in KINDS {
        let Some(item) = table.take(key) else { continue };
        if kind.is_some() {
            src.mistake(item.at, format!("`{name}` has two kinds; `{key}` is one too many"));
            continue;
        }
        kind = Some(read_kind(builder, src, key, item, &mut bits).unwrap_or(Kind::Any));
    }
    let kind = match kind {
        Some(kind) => kind,
        None if any => Kind::Any,
        None if labels.is_empty() => {
            src.mistake(at, format!("`{name}` has no kind: expected one of {}, values or any", KINDS.join(", ")));
            Kind::Any
        }
        None if labels.iter().all(|(value, _)| matches!(value, StateValue::Int(_))) => Kind::Numbers,
        None => Kind::Words,
    };
    let quoted = match table.text(src, "quoted") {
        Some("must") => Quoted::Must,
        Some("never") => Quoted::Never,
        Some("either") => Quoted::Either,
        Some(other) => {
            src.mistake(at, format!("`quoted` is `{other}`, expected must, never or either"));
            Quoted::Either
        }
        None => match kind {
            Kind::String(_) | Kind::HexString(_) | Kind::Mac(_) | Kind::Ip | Kind::Host(_) | Kind::Words => {
                Quoted::Must
            }
            Kind::Any | Kind::Text(_) | Kind::List | Kind::Code(_) => Quoted::Either,
            _ => Quoted::Never,
        },
    };
    let numbers = table.text(src, "numbers").map(ranges).and_then(|ranges| match ranges {
        Ok(ranges) => Some(ranges),
        Err(why) => {
            src.mistake(at, why);
            None
        }
    });
    if numbers.is_some() && !matches!(kind, Kind::String(_) | Kind::Text(_)) {
        src.mistake(at, "`numbers` is for a string or text".to_owned());
    }
    let spec = ParamSpec {
        name_id: builder.name_id(name),
        name: table.text(src, "as").unwrap_or(name).into(),
        labels: if bits.is_empty() { labels } else { bits },
        numeric: matches!(
            kind,
            Kind::Int(_) | Kind::Numbers | Kind::Bits | Kind::Hex(_) | Kind::Code(_) | Kind::Float | Kind::Any
        ),
        quoted,
        unit: table.text(src, "unit").map(Into::into),
        default: table.take("default").and_then(|item| item.scalar(src, "default")).map(scalar),
        title: table.text(src, "title").map(Into::into),
        note: table.text(src, "note").map(Into::into),
        lines: table.flag(src, "lines").unwrap_or(false),
        volatile: table.flag(src, "volatile").unwrap_or(false),
        starts: boxed(table.texts(src, "starts")),
        numbers,
        only: builder.model_list(src, &mut table, "only"),
        models: Vec::new(),
        kind,
    };
    table.finish(src, KNOWN);
    if let Some(StateValue::Int(number)) = spec.default
        && !takes(&spec, number)
    {
        src.mistake(at, format!("the default {number} of `{name}` is none of its values"));
    }
    spec
}

/// Whether a number is in the documented range or list.
fn takes(spec: &ParamSpec, number: i64) -> bool {
    match &spec.kind {
        Kind::Int(ranges) | Kind::Hex(ranges) => ranges.contains(number),
        Kind::Numbers => spec.labels.iter().any(|(value, _)| *value == StateValue::Int(number)),
        _ => true,
    }
}

fn read_kind(
    builder: &Builder,
    src: &mut Source<'_>,
    key: &str,
    item: Item<'_>,
    bits: &mut Vec<(StateValue, Box<str>)>,
) -> Option<Kind> {
    let at = item.at;
    if key == "bits" {
        let table = item.table(src, key)?;
        for (bit, place, item) in table.rest() {
            match (value(bit), item.text(src, bit)) {
                (StateValue::Int(bit @ 0..=62), Some(label)) => bits.push((StateValue::Int(bit), label.into())),
                _ => src.mistake(place, format!("`{bit}` is no bit: expected 0 to 62")),
            }
        }
        return Some(Kind::Bits);
    }
    if item.is_true() {
        return kind_of(builder, key, "").ok();
    }
    let text = item.text(src, key)?;
    match kind_of(builder, key, text) {
        Ok(kind) => Some(kind),
        Err(why) => {
            src.mistake(at, format!("`{key} = \"{text}\"`: {why}"));
            None
        }
    }
}

fn kind_of(builder: &Builder, key: &str, text: &str) -> Result<Kind, String> {
    Ok(match key {
        "int" => Kind::Int(ranges(text)?),
        "hex" => Kind::Hex(ranges(text)?),
        "float" => Kind::Float,
        "string" => Kind::String(lengths(text)?),
        "text" => Kind::Text(lengths(text)?),
        "hexstring" => Kind::HexString(lengths(text)?),
        "host" => Kind::Host(lengths(text)?),
        "ip" => Kind::Ip,
        "list" => Kind::List,
        "data" if text.is_empty() => return Err("expected the name of the parameter that counts the bytes".to_owned()),
        "data" => Kind::Data(text.trim_matches(['<', '>', '"']).into()),
        "mac" => Kind::Mac(match text {
            "" => Mac::Any,
            "unicast" => Mac::Unicast,
            "static" => Mac::Static,
            _ => return Err("expected nothing, unicast or static".to_owned()),
        }),
        _ => {
            let found = builder.catalog.codes.iter().position(|table| *table.name == *text);
            Kind::Code(found.ok_or_else(|| format!("there is no table [codes.{text}]"))? as u16)
        }
    })
}

fn labels(src: &mut Source<'_>, table: &mut Table<'_>, key: &str) -> Vec<(StateValue, Box<str>)> {
    let values = table.table(src, key);
    let entries = values.into_iter().flat_map(Table::rest);
    entries.filter_map(|(key, _, item)| Some((value(key), item.text(src, key)?.into()))).collect()
}

/// A number if it reads as one (decimal, or hexadecimal with `0x`), else a word.
pub(super) fn value(text: &str) -> StateValue {
    number(text).map_or_else(|| StateValue::Word(text.into()), StateValue::Int)
}

pub(super) fn scalar(scalar: Scalar<'_>) -> StateValue {
    match scalar {
        Scalar::Int(number) => StateValue::Int(number),
        Scalar::Word(word) => StateValue::Word(word.into()),
    }
}

fn number(text: &str) -> Option<i64> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) => parse_int(hex, 16),
        None => text.parse().ok(),
    }
}

/// `7`, `0x7190`, `0..4`, `1..`, `..9`
pub(super) fn range(text: &str) -> Option<(i64, i64)> {
    let text = text.trim();
    match text.split_once("..") {
        None => number(text).map(|number| (number, number)),
        Some((low, high)) => {
            let low = if low.trim().is_empty() { i64::MIN } else { number(low.trim())? };
            let high = if high.trim().is_empty() { i64::MAX } else { number(high.trim())? };
            Some((low, high))
        }
    }
}

fn ranges(text: &str) -> Result<Ranges, String> {
    let mut all = Vec::new();
    for part in text.split(',').filter(|part| !part.trim().is_empty()) {
        match range(part) {
            Some((low, high)) if low <= high => all.push((low, high)),
            Some(_) => return Err(format!("the range `{part}` is empty")),
            None => return Err(format!("`{part}` is no range: expected such as 0..4 or 1, 4..7")),
        }
    }
    Ok(Ranges(all))
}

fn lengths(text: &str) -> Result<Ranges, String> {
    let ranges = ranges(text)?;
    if ranges.0.iter().any(|&(low, _)| low < 0 && low != i64::MIN) {
        return Err("a length is never negative".to_owned());
    }
    Ok(ranges)
}
