//! Holds fields against shapes: which alternative fits, what each parameter is called and reads as.

use super::event::{Read, Slot};
use crate::catalog::{Catalog, Field, Kind, ParamSpec, Quoted, Shape, StateValue};
use crate::syntax::{fields, value};

/// How strictly a parameter is read: what the host sends must keep its type, what a module sends may be quoted or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Strictness {
    Host,
    Module,
}

/// How well a shape fits; smaller is better, 0 is a perfect fit.
pub(crate) type Misfit = u32;

/// A literal of the shape is missing: this is another line.
pub(crate) const NO_FIT: Misfit = u32::MAX;

const ARITY: Misfit = 10;
const LITERAL: Misfit = 5;

/// Reads one field after its description.
#[inline]
pub(crate) fn read(raw: &[u8], spec: Option<&ParamSpec>, escapes: bool, strict: Strictness) -> Read {
    let Some(&first) = raw.first() else { return Read::Omitted };
    let Some(spec) = spec else {
        return match value::decimal(raw) {
            Some(number) => Read::Int(number),
            None if is_quoted(raw) => Read::Quoted,
            None => Read::Bare,
        };
    };
    let quoted = first == b'"';
    if spec.numeric
        && !quoted
        && let Some(number) = value::decimal(raw)
    {
        return Read::Int(number);
    }
    match &spec.kind {
        Kind::Int(_) | Kind::Numbers | Kind::Bits if !quoted => match value::decimal(raw) {
            Some(number) => Read::Int(number),
            // A hexadecimal number where the manual's own values are written so, or where firmware prints one.
            None => match value::hexadecimal(raw) {
                Some(number) if strict == Strictness::Module || matches!(spec.kind, Kind::Numbers) => Read::Int(number),
                _ => Read::Broken,
            },
        },
        Kind::Hex(_) | Kind::Code(_) if !quoted => match value::decimal(raw).or_else(|| value::hexadecimal(raw)) {
            Some(number) => Read::Int(number),
            None => Read::Broken,
        },
        Kind::Float if !quoted => match (value::decimal(raw), value::float(raw)) {
            (Some(number), _) => Read::Int(number),
            (None, Some(number)) => Read::Float(number),
            (None, None) => Read::Broken,
        },
        Kind::Int(_) | Kind::Numbers | Kind::Bits | Kind::Hex(_) | Kind::Code(_) | Kind::Float => {
            let tolerated = strict == Strictness::Module || spec.quoted != Quoted::Never;
            match (is_quoted(raw), value::decimal(inner(raw)).or_else(|| value::hexadecimal(inner(raw)))) {
                (true, Some(number)) if tolerated => Read::Int(number),
                _ => Read::Broken,
            }
        }
        Kind::Any => match value::decimal(raw) {
            Some(number) => Read::Int(number),
            None if is_quoted(raw) => Read::Quoted,
            None => Read::Bare,
        },
        Kind::List => Read::Bare,
        _ => text(raw, spec, escapes, strict),
    }
}

fn text(raw: &[u8], spec: &ParamSpec, escapes: bool, strict: Strictness) -> Read {
    if strict == Strictness::Module && matches!(spec.kind, Kind::String(_) | Kind::Text(_) | Kind::Host(_)) {
        return if is_quoted(raw) { Read::Quoted } else { Read::Bare };
    }
    let closed = is_closed(raw, escapes);
    let read = match raw.first() {
        Some(b'"') if closed => Read::Quoted,
        Some(b'"') if strict == Strictness::Host => return Read::Broken,
        _ => Read::Bare,
    };
    let wrong = matches!((spec.quoted, read), (Quoted::Must, Read::Bare) | (Quoted::Never, Read::Quoted));
    if strict == Strictness::Host && wrong {
        return Read::Broken;
    }
    let content = if read == Read::Quoted { inner(raw) } else { raw };
    let fits = match spec.kind {
        Kind::Mac(_) => value::mac(content).is_some(),
        Kind::Ip => value::is_ip(content),
        Kind::HexString(_) => value::hex_len(content).is_some(),
        Kind::Words if strict == Strictness::Module => spec.labels.iter().any(|(word, _)| match word {
            StateValue::Word(word) => word.as_bytes() == content || word.as_bytes().eq_ignore_ascii_case(content),
            StateValue::Int(number) => value::decimal(content) == Some(*number),
        }),
        _ => true,
    };
    if fits { read } else { Read::Broken }
}

#[inline]
fn is_quoted(raw: &[u8]) -> bool {
    raw.len() >= 2 && raw.first() == Some(&b'"') && raw.last() == Some(&b'"')
}

/// Opens with a quote, and ends with one that is not escaped.
fn is_closed(raw: &[u8], escapes: bool) -> bool {
    if !is_quoted(raw) {
        return false;
    }
    let slashes = inner(raw).iter().rev().take_while(|&&b| b == b'\\').count();
    !escapes || slashes % 2 == 0
}

#[inline]
fn inner(raw: &[u8]) -> &[u8] {
    raw.get(1..raw.len().saturating_sub(1)).unwrap_or_default()
}

/// Fills `slots` after a shape; gives the misfit. `NO_FIT` (slots then mean nothing) where a literal is missing.
#[inline]
pub(crate) fn fit(
    catalog: &Catalog,
    shape: &Shape,
    bytes: &[u8],
    spans: &[fields::Span],
    strict: Strictness,
    slots: &mut Vec<Slot>,
) -> Misfit {
    slots.clear();
    let (given, most) = (spans.len(), shape.fields.len());
    let mut misfit = 0;
    if given < shape.min {
        misfit += ARITY * (shape.min - given) as Misfit;
    } else if given < most {
        if strict == Strictness::Host {
            misfit += shape.owed(given) as Misfit;
        }
    } else if given > most && !shape.repeat && !shape.rest {
        misfit += ARITY * (given - most) as Misfit;
    }
    if misfit == 0 && shape.plain && !shape.rest && given <= most && strict == Strictness::Module {
        // The usual line: nothing but parameters, as many as there should be.
        for (at, (field, &(start, end))) in shape.fields.iter().zip(spans).enumerate() {
            let raw = bytes.get(start as usize..end as usize).unwrap_or_default();
            let spec = field.param.unwrap_or(Slot::NO_SPEC);
            let read = read(raw, catalog.param(spec), catalog.escapes, Strictness::Module);
            misfit += match read {
                Read::Broken => 1,
                Read::Omitted => Misfit::from(!field.optional && at < shape.min),
                _ => 0,
            };
            if let Some(fixed) = &field.fixed {
                misfit += if is_fixed(raw, fixed) { 0 } else { LITERAL };
            }
            slots.push(Slot { start, end, spec, read });
        }
        return misfit;
    }
    for (at, &(start, end)) in spans.iter().enumerate() {
        let field = match shape.fields.get(at) {
            Some(field) => Some(field),
            None if shape.repeat => shape.fields.last(),
            None => None,
        };
        let Some(field) = field else {
            let raw = bytes.get(start as usize..end as usize).unwrap_or_default();
            slots.push(Slot { start, end, spec: Slot::NO_SPEC, read: read(raw, None, catalog.escapes, strict) });
            continue;
        };
        let rest = shape.rest && at + 1 == most;
        let end = if rest { spans.last().map_or(end, |span| span.1) } else { end };
        let (start, end) = if shape.plain {
            (start, end)
        } else {
            match strip(field, bytes, start, end) {
                Some(span) => span,
                None => return NO_FIT,
            }
        };
        let Some(spec) = field.param else {
            // A literal alone is no parameter.
            if rest {
                break;
            }
            continue;
        };
        let raw = bytes.get(start as usize..end as usize).unwrap_or_default();
        let read = read(raw, catalog.param(spec), catalog.escapes, strict);
        match read {
            Read::Broken => misfit += 1,
            Read::Omitted if !field.optional && at < shape.min => misfit += 1,
            _ => {}
        }
        if let Some(fixed) = &field.fixed {
            misfit += if is_fixed(raw, fixed) { 0 } else { LITERAL };
        }
        slots.push(Slot { start, end, spec, read });
        if rest {
            break;
        }
    }
    // Literal fields that are not there at all.
    let absent = shape.fields.get(given..shape.min.max(given)).unwrap_or_default();
    if absent.iter().any(|field| field.param.is_none() && !field.prefix.is_empty()) {
        return NO_FIT;
    }
    misfit
}

/// Whether a field is the one word that it must be.
fn is_fixed(raw: &[u8], word: &str) -> bool {
    let bare = if is_quoted(raw) { inner(raw) } else { raw };
    bare.eq_ignore_ascii_case(word.as_bytes())
}

/// Whether all numbers are within their documented ranges.
pub(crate) fn in_range(catalog: &Catalog, bytes: &[u8], slots: &[Slot]) -> bool {
    slots.iter().all(|slot| {
        let Some(spec) = catalog.param(slot.spec) else { return true };
        match (&spec.kind, slot.read) {
            (Kind::Int(ranges) | Kind::Hex(ranges), Read::Int(number)) => ranges.contains(number),
            (Kind::Numbers, Read::Int(number)) => {
                spec.labels.iter().any(|(value, _)| *value == StateValue::Int(number))
            }
            (Kind::Code(table), Read::Int(code)) => {
                catalog.codes.get(usize::from(*table)).is_none_or(|table| table.meaning(code).is_some())
            }
            (Kind::Words, Read::Quoted | Read::Bare) => {
                let raw = slot.raw(bytes);
                let text = if slot.read == Read::Quoted { inner(raw) } else { raw };
                spec.labels.iter().any(
                    |(value, _)| matches!(value, StateValue::Word(word) if word.as_bytes().eq_ignore_ascii_case(text)),
                )
            }
            _ => true,
        }
    })
}

/// Takes the literal text around a field's parameter off.
fn strip(field: &Field, bytes: &[u8], start: u32, end: u32) -> Option<(u32, u32)> {
    let raw = bytes.get(start as usize..end as usize)?;
    let mut start = start;
    let mut end = end;
    let inner = strip_prefix(raw, &field.prefix)?;
    start += (raw.len() - inner.len()) as u32;
    if field.param.is_none() {
        return inner.is_empty().then_some((start, end));
    }
    let suffix = field.suffix.trim_ascii_end();
    let content = inner.strip_suffix(suffix)?;
    end -= (inner.len() - content.len()) as u32;
    Some((start, end))
}

/// Blanks at the literal's end may be missing: `ip: <ip>` and `ip:<ip>` are the same line.
fn strip_prefix<'a>(raw: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    let trimmed = prefix.trim_ascii_end();
    let rest = raw.strip_prefix(trimmed)?;
    Some(if trimmed.len() < prefix.len() || rest.first() == Some(&b' ') { rest.trim_ascii_start() } else { rest })
}
