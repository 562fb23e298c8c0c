//! The manuals' notation: `<name>`, `[…]`, `...`, literal text; from text to shapes.
//!
//! A syntax is flattened to *shapes*: rows of comma-separated fields. Optional parts at the end become optional
//! fields of one shape; optional parts ahead of others give a shape with and one without them.

use std::borrow::Cow;

/// A piece of a syntax as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Node<'a> {
    Literal(&'a str),
    Param {
        name: &'a str,
        fixed: Option<&'a str>,
    },
    /// `(0-3)` in the reply of a test form.
    List(&'a str),
    Optional(Vec<Node<'a>>),
    /// `...`
    Repeat,
    /// The line's end, with data behind it.
    Break,
}

/// Parses a syntax. `lists`: round brackets stand for range lists.
pub(super) fn parse(text: &str, lists: bool) -> Result<Vec<Node<'_>>, String> {
    let mut parser = Parser { rest: text, lists };
    let nodes = parser.nodes(0)?;
    if parser.rest.is_empty() { Ok(nodes) } else { Err("`]` without `[`".to_owned()) }
}

/// Deeper nesting than any manual has is a mistake, and would recurse without bound.
const MAX_DEPTH: usize = 16;

struct Parser<'a> {
    rest: &'a str,
    lists: bool,
}

impl<'a> Parser<'a> {
    fn nodes(&mut self, depth: usize) -> Result<Vec<Node<'a>>, String> {
        let mut nodes = Vec::new();
        loop {
            let literal = self.literal(matches!(nodes.last(), Some(Node::Param { .. })));
            if !literal.is_empty() {
                nodes.push(Node::Literal(literal));
            }
            nodes.push(match self.rest.bytes().next() {
                None | Some(b']') => return Ok(nodes),
                // `<<name>>`: a parameter that stands in angle brackets.
                Some(b'<') if self.rest.starts_with("<<") => {
                    self.skip(1);
                    Node::Literal("<")
                }
                Some(b'<') => self.param()?,
                Some(b'[') if depth >= MAX_DEPTH => return Err("brackets are nested too deep".to_owned()),
                Some(b'[') => {
                    self.skip(1);
                    let inner = self.nodes(depth + 1)?;
                    if !self.rest.starts_with(']') {
                        return Err("`[` without `]`".to_owned());
                    }
                    self.skip(1);
                    Node::Optional(inner)
                }
                Some(b'(') => self.list()?,
                Some(b'\n') => {
                    self.skip(1);
                    Node::Break
                }
                Some(b'\\') => continue,
                Some(_) => {
                    self.skip(3);
                    Node::Repeat
                }
            });
        }
    }

    /// Takes the text up to what is special; `param`: right behind a parameter, where `...` is.
    fn literal(&mut self, param: bool) -> &'a str {
        let is_special = |byte: u8| matches!(byte, b'<' | b'[' | b']' | b'\n') || (byte == b'(' && self.lists);
        let is_escape = |at: usize| matches!(self.rest.as_bytes().get(at..), Some([b'\\', b'<' | b'[' | b']', ..]));
        // Behind a backslash what is special stands for itself.
        let own = usize::from(is_escape(0));
        let mut bytes = self.rest.bytes().enumerate().skip(2 * own);
        let end = match param && self.rest.starts_with("...") {
            true => 0,
            false => {
                bytes.find(|&(at, byte)| is_special(byte) || is_escape(at)).map_or(self.rest.len(), |found| found.0)
            }
        };
        self.skip(own);
        let end = end - own;
        let (literal, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, ""));
        self.rest = rest;
        literal
    }

    fn skip(&mut self, len: usize) {
        self.rest = self.rest.get(len..).unwrap_or_default();
    }

    fn param(&mut self) -> Result<Node<'a>, String> {
        let end = self.rest.find('>').ok_or("`<` without `>`")?;
        let inner = self.rest.get(1..end).unwrap_or_default();
        let (name, fixed) = match inner.split_once('=') {
            Some((name, fixed)) => (name, Some(fixed.trim_matches('"'))),
            None => (inner, None),
        };
        let name = name.trim().trim_matches('"');
        if name.is_empty() || name.contains('<') {
            return Err(format!("`<{inner}>` is no parameter name"));
        }
        self.skip(end + 1);
        Ok(Node::Param { name, fixed })
    }

    fn list(&mut self) -> Result<Node<'a>, String> {
        let mut depth = 0_usize;
        for (at, byte) in self.rest.bytes().enumerate() {
            match byte {
                b'(' => depth += 1,
                b')' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                let (text, rest) = self.rest.split_at_checked(at + 1).unwrap_or((self.rest, ""));
                self.rest = rest;
                return Ok(Node::List(text));
            }
        }
        Err("`(` without `)`".to_owned())
    }
}

/// One field of a shape, still by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Field<'a> {
    pub(super) prefix: Cow<'a, str>,
    pub(super) param: Option<&'a str>,
    pub(super) fixed: Option<&'a str>,
    pub(super) list: Option<&'a str>,
    pub(super) suffix: Cow<'a, str>,
    pub(super) optional: bool,
    /// The comma ahead of it is always there, though it may be empty: `<a>,[<b>]`.
    pub(super) separated: bool,
    /// It comes with the field ahead, or neither does: `<b>` of `[,<a>,<b>]`.
    pub(super) joined: bool,
}

/// A row of fields; what stands behind a colon, an equals sign or a name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Row<'a> {
    pub(super) fields: Vec<Field<'a>>,
    /// The last field may repeat.
    pub(super) repeat: bool,
}

/// Expands the optional parts of `nodes` to rows of fields; at most 256 of them.
pub(super) fn rows<'a>(nodes: &[Node<'a>]) -> Result<Vec<Row<'a>>, String> {
    if nodes.iter().all(|node| !matches!(node, Node::Optional(_))) {
        return Ok(vec![row(nodes.iter().map(|node| (node, Stands::Always)))?]);
    }
    let mut flats = Vec::new();
    let nodes: Vec<&Node<'a>> = nodes.iter().collect();
    expand(&nodes, &mut Vec::new(), &mut flats)?;
    let mut rows: Vec<Row<'a>> = Vec::with_capacity(flats.len());
    for flat in flats {
        let row = row(flat)?;
        if !rows.contains(&row) {
            rows.push(row);
        }
    }
    Ok(rows)
}

/// The nodes of a flattened syntax.
type Flat<'n, 'a> = Vec<(&'n Node<'a>, Stands)>;

/// Whether a node may be missing.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stands {
    /// Outside of all brackets.
    Always,
    /// Together with the rest of its brackets.
    Grouped,
    /// May be missing or empty.
    Optional,
    /// As that, and together with what stands ahead of it in its brackets.
    Joined,
}

fn expand<'n, 'a>(
    nodes: &[&'n Node<'a>],
    prefix: &mut Flat<'n, 'a>,
    out: &mut Vec<Flat<'n, 'a>>,
) -> Result<(), String> {
    let Some((first, rest)) = nodes.split_first() else {
        if out.len() >= 256 {
            return Err("too many optional parts".to_owned());
        }
        out.push(prefix.clone());
        return Ok(());
    };
    let len = prefix.len();
    let Node::Optional(inner) = first else {
        prefix.push((first, Stands::Always));
        expand(rest, prefix, out)?;
        prefix.truncate(len);
        return Ok(());
    };
    let tail = rest.iter().all(|node| matches!(node, Node::Optional(_)));
    if tail && starts_with_comma(inner) {
        for part in std::iter::once(first).chain(rest) {
            flatten_optional(part, Stands::Optional, prefix);
        }
        expand(&[], prefix, out)?;
    } else {
        // What may be left out may also be left empty between its separators.
        let inner: Vec<&Node<'a>> = inner.iter().collect();
        expand_optional(&inner, rest, prefix, out)?;
        prefix.truncate(len);
        expand(rest, prefix, out)?;
    }
    prefix.truncate(len);
    Ok(())
}

fn expand_optional<'n, 'a>(
    inner: &[&'n Node<'a>],
    rest: &[&'n Node<'a>],
    prefix: &mut Flat<'n, 'a>,
    out: &mut Vec<Flat<'n, 'a>>,
) -> Result<(), String> {
    match inner.split_first() {
        None => expand(rest, prefix, out),
        Some((Node::Optional(_), _)) => {
            let with: Vec<&Node<'a>> = inner.iter().chain(rest).copied().collect();
            expand(&with, prefix, out)
        }
        Some((node, more)) => {
            let stands = if matches!(node, Node::Param { .. }) { Stands::Optional } else { Stands::Grouped };
            prefix.push((node, stands));
            expand_optional(more, rest, prefix, out)?;
            prefix.pop();
            Ok(())
        }
    }
}

fn starts_with_comma(nodes: &[Node<'_>]) -> bool {
    matches!(nodes.first(), Some(Node::Literal(text)) if text.trim_start().starts_with(','))
}

fn flatten_optional<'n, 'a>(node: &'n Node<'a>, stands: Stands, out: &mut Flat<'n, 'a>) {
    let Node::Optional(inner) = node else {
        out.push((node, stands));
        return;
    };
    let mut ahead: Option<&Node<'a>> = None;
    for node in inner {
        let joined = matches!(ahead, Some(Node::Param { .. } | Node::List(_)));
        flatten_optional(node, if joined { Stands::Joined } else { Stands::Optional }, out);
        ahead = Some(node);
    }
}

fn row<'n, 'a: 'n>(flat: impl IntoIterator<Item = (&'n Node<'a>, Stands)>) -> Result<Row<'a>, String> {
    let mut row = Row::default();
    let mut field = Field::default();
    let mut open = false;
    for (node, stands) in flat {
        let optional = matches!(stands, Stands::Optional | Stands::Joined);
        match *node {
            Node::Literal(text) => {
                let mut parts = text.split(',');
                push_literal(&mut field, parts.next().unwrap_or_default());
                open |= !text.is_empty();
                for part in parts {
                    row.fields.push(std::mem::take(&mut field));
                    field.optional = optional;
                    field.separated = stands == Stands::Always;
                    field.joined = stands == Stands::Joined;
                    push_literal(&mut field, part);
                    open = true;
                }
            }
            Node::Param { name, fixed } => {
                if field.param.is_some() || field.list.is_some() {
                    return Err(format!("`<{name}>` follows another parameter without a separator"));
                }
                field.param = Some(name);
                field.fixed = fixed;
                field.optional |= optional;
                open = true;
            }
            Node::List(text) => {
                if field.param.is_some() || field.list.is_some() {
                    return Err(format!("`{text}` follows another parameter without a separator"));
                }
                field.list = Some(text);
                field.optional |= optional;
                open = true;
            }
            Node::Repeat => row.repeat = true,
            Node::Break => return Err("a line break may only stand ahead of the data".to_owned()),
            Node::Optional(_) => return Err("optional part in an odd place".to_owned()),
        }
    }
    if open {
        row.fields.push(field);
    }
    for field in &mut row.fields {
        trim(&mut field.prefix, str::trim_start);
        trim(&mut field.suffix, str::trim_end);
        if field.param.is_none() && field.list.is_none() {
            trim(&mut field.prefix, str::trim_end);
        }
    }
    Ok(row)
}

fn trim(text: &mut Cow<'_, str>, trimmed: fn(&str) -> &str) {
    match text {
        Cow::Borrowed(text) => *text = trimmed(text),
        Cow::Owned(text) => *text = trimmed(text).to_owned(),
    }
}

fn push_literal<'a>(field: &mut Field<'a>, text: &'a str) {
    let part = if field.param.is_some() || field.list.is_some() { &mut field.suffix } else { &mut field.prefix };
    match part.is_empty() {
        true => *part = Cow::Borrowed(text),
        false => part.to_mut().push_str(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Vec<String> {
        rows(&parse(text, false).expect("valid notation"))
            .expect("valid rows")
            .iter()
            .map(|row| {
                let fields: Vec<String> = row
                    .fields
                    .iter()
                    .map(|f| {
                        let name = f.param.map_or(String::new(), |p| format!("<{p}>"));
                        format!("{}{}{}{}", f.prefix, name, f.suffix, if f.optional { "?" } else { "" })
                    })
                    .collect();
                format!("{}{}", fields.join(","), if row.repeat { "..." } else { "" })
            })
            .collect()
    }

    #[test]
    fn optional_parts_become_fields_or_shapes() {
        assert_eq!(shown("<a>,<b>[,<c>][,<d>]"), ["<a>,<b>,<c>?,<d>?"]);
        assert_eq!(shown("<a>[,<b>[,<c>]]"), ["<a>,<b>?,<c>?"]);
        assert_eq!(shown("[<start>,]<size>"), ["<start>?,<size>", "<size>"]);
        assert_eq!(shown("<a>[,<b>],<c>"), ["<a>,<b>?,<c>", "<a>,<c>"]);
        assert_eq!(shown("DATA,<len>"), ["DATA,<len>"]);
        assert_eq!(shown("ip:<\"ip\">"), ["ip:<ip>"]);
        assert_eq!(shown("<a>, <b>..."), ["<a>,<b>..."]);
        assert_eq!(shown("[<a>]"), ["<a>?", ""]);
        assert_eq!(shown("(<ecn>,<ssid>)"), ["(<ecn>,<ssid>)"]);
        assert_eq!(shown("<<a>>,<<b>>"), ["<<a>>,<<b>>"]);
    }

    #[test]
    fn commas_outside_of_brackets_are_always_there() {
        let separated = |text: &str| -> Vec<bool> {
            let rows = rows(&parse(text, false).expect("valid notation")).expect("valid rows");
            rows.first().expect("a row").fields.iter().map(|field| field.separated).collect()
        };
        assert_eq!(separated("<a>,[<b>],[<c>][,<d>]"), [false, true, true, false]);
        assert_eq!(separated("[<a>,<b>]"), [false, false]);
    }

    #[test]
    fn bad_notation_says_why() {
        for (text, why) in
            [("<a", "without `>`"), ("[<a>", "without `]`"), ("<a>]", "without `[`"), ("<>", "no parameter name")]
        {
            assert!(parse(text, false).expect_err(text).contains(why), "{text}");
        }
        assert!(rows(&parse("<a><b>", false).expect("parses")).is_err());
        assert!(parse(&"[".repeat(100_000), false).is_err());
    }
}
