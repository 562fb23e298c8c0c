//! From notation to patterns: what a line starts with decides how it is recognised.

use super::load::Scope;
use super::model::*;
use super::notation::{self, Node, Row};

/// A pattern with its name and data.
pub(super) struct Built {
    pub(super) name: String,
    pub(super) pattern: Pattern,
    pub(super) data: Option<Counted>,
    /// A line of text follows: its parameter.
    pub(super) below: Option<u32>,
    /// There is no parameter in it.
    pub(super) literal: bool,
}

/// Builds the pattern of a line. `names`: what range lists are called, by position.
pub(super) fn build(nodes: &[Node<'_>], scope: &mut Scope<'_>, names: &[String]) -> Result<Built, String> {
    let (nodes, below) = split_below(nodes, scope)?;
    let (nodes, data) = split_data(&nodes, scope)?;
    let literal = nodes.iter().all(|node| matches!(node, Node::Literal(_)));
    let done = |name: &str, pattern| Ok(Built { name: name.trim().to_owned(), pattern, data, below, literal });
    match nodes.first() {
        None => Err("the line is empty".to_owned()),
        Some(Node::Literal(first)) => {
            let cut = first.find([':', '=', ',']);
            let named = !first.starts_with(|c: char| c.is_ascii_alphanumeric());
            match cut {
                // Words such as `ets Jan  8 2013,rst` have commas, but no fields.
                Some(at) if named || first.get(at..).is_some_and(|rest| !rest.starts_with(',')) => {
                    let (key, rest) = first.split_at(at);
                    let mut fields = vec![Node::Literal(rest.get(1..).unwrap_or_default().trim_start())];
                    fields.extend(nodes.iter().skip(1).cloned());
                    done(key, Pattern::Fields { shapes: shapes(&fields, scope, names)? })
                }
                _ if nodes.len() == 1 => done(first, Pattern::Words),
                None if named && !first.contains(' ') => {
                    // `+NAME[,<x>]`, `+NAME <x>`: the fields start right behind the name.
                    let fields: Vec<_> = nodes.iter().skip(1).cloned().collect();
                    done(first, Pattern::Fields { shapes: shapes(&strip_comma(fields), scope, names)? })
                }
                _ => {
                    let (parts, words) = template(&nodes, scope)?;
                    done(&words, Pattern::Template { parts })
                }
            }
        }
        Some(Node::Param { name, .. }) => match nodes.get(1) {
            Some(Node::Literal(rest)) if nodes.len() == 2 && rest.starts_with(',') && rest.len() > 1 => {
                let param = scope.resolve(name)?;
                done(rest.trim_start_matches(','), Pattern::Link { param })
            }
            _ => done("", Pattern::Free { shapes: shapes(&nodes, scope, names)? }),
        },
        Some(Node::List(_)) => done("", Pattern::Free { shapes: shapes(&nodes, scope, names)? }),
        Some(other) => Err(format!("a line cannot start with {other:?}")),
    }
}

/// The first comma of optional fields behind a bare name separates nothing.
fn strip_comma(mut nodes: Vec<Node<'_>>) -> Vec<Node<'_>> {
    if let Some(Node::Optional(inner)) = nodes.first_mut()
        && let Some(Node::Literal(text)) = inner.first_mut()
    {
        *text = text.trim_start().trim_start_matches(',');
    }
    nodes
}

/// Takes a line of text off that follows the line.
fn split_below<'a>(nodes: &[Node<'a>], scope: &Scope<'_>) -> Result<(Vec<Node<'a>>, Option<u32>), String> {
    let mut head = nodes.to_vec();
    if let [.., Node::Break, Node::Param { name, .. }] = nodes {
        let spec = scope.resolve(name)?;
        if matches!(scope.builder.catalog.param(spec).map(|spec| &spec.kind), Some(Kind::Text(_) | Kind::Any)) {
            head.truncate(nodes.len() - 2);
            return Ok((head, Some(spec)));
        }
    }
    Ok((head, None))
}

/// Takes a trailing data parameter off.
fn split_data<'a>(nodes: &[Node<'a>], scope: &Scope<'_>) -> Result<(Vec<Node<'a>>, Option<Counted>), String> {
    let mut head = nodes.to_vec();
    let Some(Node::Param { name, .. }) = nodes.last() else {
        return if head.contains(&Node::Break) {
            Err("a line break may only stand ahead of the data, or of a parameter that is text".to_owned())
        } else {
            Ok((head, None))
        };
    };
    let spec = scope.resolve(name)?;
    let Some(Kind::Data(by)) = scope.builder.catalog.param(spec).map(|spec| spec.kind.clone()) else {
        return Ok((head, None));
    };
    let by = scope.resolve(&by)?;
    head.pop();
    if head.last() == Some(&Node::Break) {
        head.pop();
        return Ok((head, Some(Counted { by, behind_line: true, separator: b'\n' })));
    }
    let Some(Node::Literal(text)) = head.last_mut() else {
        return Err(format!("`<{name}>`: what stands between the last parameter and the data?"));
    };
    let separator = match text.char_indices().next_back() {
        Some((at, c)) if c.is_ascii() => {
            *text = text.get(..at).unwrap_or_default();
            c as u8
        }
        _ => return Err(format!("`<{name}>`: the separator ahead of the data must be one ASCII character")),
    };
    if text.is_empty() {
        head.pop();
    }
    Ok((head, Some(Counted { by, behind_line: false, separator })))
}

fn shapes(nodes: &[Node<'_>], scope: &mut Scope<'_>, names: &[String]) -> Result<Vec<Shape>, String> {
    notation::rows(nodes)?.into_iter().map(|row| shape(row, scope, names)).collect()
}

/// Resolves a row's names.
pub(super) fn shape(row: Row<'_>, scope: &mut Scope<'_>, names: &[String]) -> Result<Shape, String> {
    let mut shape = Shape { repeat: row.repeat, ..Shape::default() };
    let count = row.fields.len();
    for (at, field) in row.fields.into_iter().enumerate() {
        let param = match (field.param, field.list) {
            (Some(name), _) => Some(scope.resolve(name)?),
            (None, Some(_)) => {
                let name = names.get(at).cloned().unwrap_or_default();
                Some(list_param(scope, &name))
            }
            (None, None) => None,
        };
        if !field.optional || field.separated {
            shape.min = at + 1;
        }
        let spec = param.and_then(|at| scope.builder.catalog.param(at));
        shape.rest |= at + 1 == count && spec.is_some_and(|spec| matches!(spec.kind, Kind::Any | Kind::List));
        shape.fields.push(Field {
            prefix: field.prefix.as_bytes().into(),
            suffix: field.suffix.as_bytes().into(),
            fixed: field.fixed.map(Into::into),
            optional: field.optional,
            joined: field.joined,
            param,
        });
    }
    shape.plain =
        shape.fields.iter().all(|field| field.param.is_some() && field.prefix.is_empty() && field.suffix.is_empty());
    shape.quick = shape.plain && !shape.repeat && !shape.rest && shape.fields.iter().all(|field| field.fixed.is_none());
    Ok(shape)
}

/// A parameter for a range list of a test command's answer.
fn list_param(scope: &mut Scope<'_>, name: &str) -> u32 {
    let name_id = scope.builder.name_id(name);
    scope.builder.push_param(ParamSpec {
        name: name.into(),
        name_id,
        numeric: false,
        kind: Kind::List,
        labels: Vec::new(),
        quoted: Quoted::Either,
        unit: None,
        default: None,
        title: None,
        note: None,
        lines: false,
        volatile: false,
        starts: Vec::new(),
        numbers: None,
        only: Vec::new(),
        models: Vec::new(),
    })
}

fn template(nodes: &[Node<'_>], scope: &Scope<'_>) -> Result<(Vec<Part>, String), String> {
    let mut parts = Vec::new();
    let mut words: Vec<&str> = Vec::new();
    for node in nodes {
        match node {
            Node::Literal(text) => {
                words.push(text.trim());
                parts.push(Part::Literal(text.as_bytes().into()));
            }
            Node::Param { name, .. } => {
                if matches!(parts.last(), Some(Part::Param(_))) {
                    return Err(format!("`<{name}>` follows another parameter without a separator"));
                }
                parts.push(Part::Param(scope.resolve(name)?));
            }
            _ => return Err("a line of words takes parameters, but no optional parts or lists".to_owned()),
        }
    }
    // What stands ahead of the first colon; where a parameter does, the text alone tells.
    let colon = parts.iter().position(|part| matches!(part, Part::Literal(text) if text.contains(&b':')));
    match colon.map(|at| parts.get(..at).unwrap_or_default()) {
        Some([]) => words.truncate(1),
        Some(_) => words.clear(),
        None => {}
    }
    if colon.is_some()
        && let Some(first) = words.first_mut()
    {
        *first = first.split(':').next().unwrap_or_default().trim_end();
    }
    words.retain(|word| !word.is_empty());
    Ok((parts, words.join(" ")))
}
