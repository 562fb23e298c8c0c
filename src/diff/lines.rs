//! A line of an answer or a URC: what it looks like, and the values in it.

use std::borrow::Cow;
use std::ops::Range;

use super::record::masked;
use super::shape::class;
use crate::catalog::Kind;
use crate::escape::escape_into;
use crate::session::{Name, Param, Params, Value};

/// Bytes of one value that are kept.
const MOST_VALUE: usize = 200;

/// Bytes of a line that stand for its name.
const MOST_NAME: usize = 40;

/// A name that is the same for all lines of its kind: texts that no catalog knows have none of their own.
pub(super) fn shown_name<'a>(bytes: &[u8], name: Name<'a>, params: Params<'_>) -> Cow<'a, str> {
    let is_known = !params.is_empty() || !params.catalog.line_index.find(name.as_bytes()).is_empty();
    let body = bytes.trim_ascii();
    let is_prefix =
        body.get(name.as_bytes().len()).is_some_and(|&byte| byte == b':') && body.starts_with(name.as_bytes());
    if is_known || is_prefix { name.to_text() } else { "(text)".into() }
}

/// The name of an unsolicited line: one that no catalog knows is called by its text, numbers left out.
pub(super) fn urc_name(bytes: &[u8], name: Name<'_>, params: Params<'_>) -> String {
    let shown = shown_name(bytes, name, params);
    let body = bytes.trim_ascii();
    if shown != "(text)" || !is_marked(body) {
        return shown.into_owned();
    }
    masked(&String::from_utf8_lossy(body.get(..MOST_NAME).unwrap_or(body)))
}

/// Whether a line begins as commands' lines do.
fn is_marked(body: &[u8]) -> bool {
    body.first().is_some_and(|byte| matches!(byte, b'+' | b'*' | b'^' | b'$' | b'#' | b'%' | b'&'))
}

/// Appends the form of a line, and to its name in `values` its values.
pub(super) fn line_form(
    bytes: &[u8],
    name: Name<'_>,
    params: Params<'_>,
    is_test: bool,
    form: &mut String,
    values: &mut String,
    scratch: &mut Vec<u8>,
) {
    let end = bytes.trim_ascii_end().len();
    let start = bytes.len() - bytes.trim_ascii_start().len();
    let is_known = !params.is_empty() || !params.catalog.line_index.find(name.as_bytes()).is_empty();
    if is_test || !is_known {
        // One value: the ranges of a test command, or text behind a name or alone.
        let body = bytes.get(start..end).unwrap_or_default();
        let colon = body.iter().position(|&byte| byte == b':').map_or(0, |at| at + 1);
        let colon = if is_test && !body.starts_with(b"+") { 0 } else { colon };
        let gap = body.get(colon..).unwrap_or_default().iter().take_while(|byte| **byte == b' ').count();
        let range = (start + colon + gap).min(end)..end;
        let raw = bytes.get(range.clone()).unwrap_or_default();
        if is_marked(body) && colon > 0 && !is_test {
            let parts = fields(raw, range.start);
            for part in &parts {
                values.push('\t');
                push_escaped(values, cut(bytes.get(part.clone()).unwrap_or_default().trim_ascii()), scratch);
            }
            let classes = parts.into_iter().map(|range| {
                let class = class(bytes.get(range.clone()).unwrap_or_default().trim_ascii());
                (range, class, "")
            });
            with_values(bytes, classes, form, scratch);
            return;
        }
        values.push('\t');
        push_escaped(values, cut(raw), scratch);
        with_values(bytes, [(range, if is_test { "r" } else { "w" }, "")].into_iter(), form, scratch);
        return;
    }
    for param in params.iter() {
        values.push('\t');
        let parts = split(&param);
        if parts.len() > 1 {
            let is_volatile = param.spec().is_some_and(|spec| spec.volatile);
            for (at, part) in parts.into_iter().enumerate() {
                values.push_str(if at > 0 { "\t" } else { "" });
                if is_volatile {
                    values.push('~');
                } else {
                    push_escaped(values, cut(bytes.get(part).unwrap_or_default().trim_ascii()), scratch);
                }
            }
            continue;
        }
        match param.spec() {
            Some(spec) if spec.volatile => values.push('~'),
            spec => {
                if spec.is_some_and(|spec| {
                    !spec.labels.is_empty()
                        || matches!(spec.kind, Kind::Numbers | Kind::Words | Kind::Bits | Kind::Code(_))
                }) {
                    values.push('=');
                }
                push_escaped(values, cut(param.raw().trim_ascii()), scratch);
            }
        }
    }
    let classes = params.iter().flat_map(|param| {
        let parts = split(&param);
        let alone = parts.len() == 1;
        parts.into_iter().map(move |range| {
            let raw = bytes.get(range.clone()).unwrap_or_default().trim_ascii();
            if alone { (range, of(&param), param.name()) } else { (range, class(raw), "") }
        })
    });
    with_values(bytes, classes, form, scratch);
}

/// The fields in a parameter: several where the manual leaves open what they are (`+CWLAP:(3,"net",-60)`), and where one
/// more than documented ended up in it.
fn split(param: &Param<'_>) -> Vec<Range<usize>> {
    let (raw, start) = (param.raw(), param.range().start);
    let whole = std::iter::once(start..start + raw.len()).collect();
    if !raw.contains(&b',') {
        return whole;
    }
    let inner = raw.strip_prefix(b"(").and_then(|raw| raw.strip_suffix(b")"));
    let parts = match inner {
        Some(inner) => fields(inner, start + 1),
        None => fields(raw, start),
    };
    let text = |part: &Range<usize>| raw.get(part.start - start..part.end - start).unwrap_or_default().trim_ascii();
    // Ranges have brackets, and free text has commas of its own.
    let is_free = matches!(param.spec().map(|spec| &spec.kind), Some(Kind::Any | Kind::Text(_)));
    let is_text = |part: &Range<usize>| {
        let text = text(part);
        !text.starts_with(b"\"") && text.iter().any(|byte| matches!(byte, b'(' | b')') || (is_free && *byte == b' '))
    };
    if parts.iter().any(is_text) { whole } else { parts }
}

/// The fields of a line's text, which begins at `start`: what stands between its commas.
fn fields(raw: &[u8], start: usize) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    let (mut from, mut quoted) = (0, false);
    for (at, byte) in raw.iter().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b',' if !quoted => {
                parts.push(start + from..start + at);
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(start + from..start + raw.len());
    parts
}

/// What a parameter is.
fn of(param: &Param<'_>) -> &'static str {
    let raw = param.raw().trim_ascii();
    let class = class(raw);
    match param.spec().map(|spec| &spec.kind) {
        // As documented: what it looks like besides depends on its value.
        Some(Kind::Int(_) | Kind::Hex(_) | Kind::Bits | Kind::Numbers | Kind::Code(_) | Kind::Float)
            if class == "x" && param.value() != Value::Broken =>
        {
            "n"
        }
        Some(Kind::Text(_) | Kind::Any | Kind::HexString(_) | Kind::String(_) | Kind::Host(_) | Kind::List)
            if class == "n" || class == "x" =>
        {
            "w"
        }
        Some(Kind::Words) if class != "q" && param.label().is_some() => "w",
        _ => class,
    }
}

/// Appends bytes with some of them replaced by what they are.
pub(super) fn with_values<'n>(
    bytes: &[u8],
    values: impl Iterator<Item = (Range<usize>, &'static str, &'n str)>,
    form: &mut String,
    scratch: &mut Vec<u8>,
) {
    let mut at = 0;
    for (range, class, name) in values {
        let raw = bytes.get(range.clone()).unwrap_or_default();
        let start = range.start + raw.len() - raw.trim_ascii_start().len();
        let end = (range.end - (raw.len() - raw.trim_ascii_end().len())).max(start);
        if start < at {
            continue;
        }
        push_escaped(form, bytes.get(at..start).unwrap_or_default(), scratch);
        form.push('<');
        form.push_str(class);
        if !name.is_empty() {
            form.push(':');
            form.push_str(name);
        }
        form.push('>');
        at = end;
    }
    push_escaped(form, bytes.get(at..).unwrap_or_default(), scratch);
}

/// Appends bytes as transcripts write them; what begins a value here is an escape.
pub(super) fn push_escaped(text: &mut String, bytes: &[u8], scratch: &mut Vec<u8>) {
    if bytes.iter().all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'\\' | b'<' | b'*')) {
        text.push_str(std::str::from_utf8(bytes).unwrap_or_default());
        return;
    }
    scratch.clear();
    escape_into(bytes, scratch);
    for c in String::from_utf8_lossy(scratch).chars() {
        match c {
            '<' => text.push_str("\\x3C"),
            '*' => text.push_str("\\x2A"),
            _ => text.push(c),
        }
    }
}

pub(super) fn escaped(bytes: &[u8], scratch: &mut Vec<u8>) -> String {
    let mut text = String::new();
    push_escaped(&mut text, bytes, scratch);
    text
}

pub(super) fn cut(bytes: &[u8]) -> &[u8] {
    bytes.get(..MOST_VALUE).unwrap_or(bytes)
}
