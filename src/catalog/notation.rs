//! The manuals' notation: `<name>`, `[…]`, `...`, literal text; from text to shapes.
//!
//! A syntax is flattened to *shapes*: rows of comma-separated fields. Optional parts at the end become optional
//! fields of one shape; optional parts ahead of others give a shape with and one without them.

/// A piece of a syntax as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Node {
    Literal(String),
    Param {
        name: String,
        fixed: Option<String>,
    },
    /// `(0-3)` in the reply of a test form.
    List(String),
    Optional(Vec<Node>),
    /// `...`
    Repeat,
    /// The line's end, with data behind it.
    Break,
}

/// Parses a syntax. `lists`: round brackets stand for range lists.
pub(super) fn parse(text: &str, lists: bool) -> Result<Vec<Node>, String> {
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

impl Parser<'_> {
    fn nodes(&mut self, depth: usize) -> Result<Vec<Node>, String> {
        let mut nodes = Vec::new();
        let mut literal = String::new();
        while let Some(c) = self.rest.chars().next() {
            let special = match c {
                '<' => Some(self.param()?),
                '[' if depth >= MAX_DEPTH => return Err("brackets are nested too deep".to_owned()),
                '[' => {
                    self.skip(1);
                    let inner = self.nodes(depth + 1)?;
                    if !self.rest.starts_with(']') {
                        return Err("`[` without `]`".to_owned());
                    }
                    self.skip(1);
                    Some(Node::Optional(inner))
                }
                ']' => break,
                '(' if self.lists => Some(self.list()?),
                '.' if self.rest.starts_with("...")
                    && matches!(nodes.last(), Some(Node::Param { .. }))
                    && literal.is_empty() =>
                {
                    self.skip(3);
                    Some(Node::Repeat)
                }
                '\n' => {
                    self.skip(1);
                    Some(Node::Break)
                }
                _ => None,
            };
            match special {
                Some(node) => {
                    if !literal.is_empty() {
                        nodes.push(Node::Literal(std::mem::take(&mut literal)));
                    }
                    nodes.push(node);
                }
                None => {
                    literal.push(c);
                    self.skip(c.len_utf8());
                }
            }
        }
        if !literal.is_empty() {
            nodes.push(Node::Literal(literal));
        }
        Ok(nodes)
    }

    fn skip(&mut self, len: usize) {
        self.rest = self.rest.get(len..).unwrap_or_default();
    }

    fn param(&mut self) -> Result<Node, String> {
        let end = self.rest.find('>').ok_or("`<` without `>`")?;
        let inner = self.rest.get(1..end).unwrap_or_default();
        let (name, fixed) = match inner.split_once('=') {
            Some((name, fixed)) => (name, Some(fixed.trim_matches('"').to_owned())),
            None => (inner, None),
        };
        let name = name.trim().trim_matches('"').to_owned();
        if name.is_empty() || name.contains('<') {
            return Err(format!("`<{inner}>` is no parameter name"));
        }
        self.skip(end + 1);
        Ok(Node::Param { name, fixed })
    }

    fn list(&mut self) -> Result<Node, String> {
        let mut depth = 0_usize;
        for (at, c) in self.rest.char_indices() {
            match c {
                '(' => depth += 1,
                ')' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                let text = self.rest.get(..=at).unwrap_or_default().to_owned();
                self.skip(at + 1);
                return Ok(Node::List(text));
            }
        }
        Err("`(` without `)`".to_owned())
    }
}

/// One field of a shape, still by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) prefix: String,
    pub(super) param: Option<String>,
    pub(super) fixed: Option<String>,
    pub(super) list: Option<String>,
    pub(super) suffix: String,
    pub(super) optional: bool,
}

/// A row of fields; what stands behind a colon, an equals sign or a name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) fields: Vec<Field>,
    /// The last field may repeat.
    pub(super) repeat: bool,
}

/// Expands the optional parts of `nodes` to rows of fields; at most 256 of them.
pub(super) fn rows(nodes: &[Node]) -> Result<Vec<Row>, String> {
    let mut flats = Vec::new();
    let nodes: Vec<&Node> = nodes.iter().collect();
    expand(&nodes, &mut Vec::new(), &mut flats)?;
    let mut rows: Vec<Row> = Vec::with_capacity(flats.len());
    for flat in flats {
        let row = row(&flat)?;
        if !rows.contains(&row) {
            rows.push(row);
        }
    }
    Ok(rows)
}

/// The nodes of a flattened syntax, each with: may it be missing or empty?
type Flat<'n> = Vec<(&'n Node, bool)>;

fn expand<'n>(nodes: &[&'n Node], prefix: &mut Flat<'n>, out: &mut Vec<Flat<'n>>) -> Result<(), String> {
    let Some((first, rest)) = nodes.split_first() else {
        if out.len() >= 256 {
            return Err("too many optional parts".to_owned());
        }
        out.push(prefix.clone());
        return Ok(());
    };
    let len = prefix.len();
    let Node::Optional(inner) = first else {
        prefix.push((first, false));
        expand(rest, prefix, out)?;
        prefix.truncate(len);
        return Ok(());
    };
    let tail = rest.iter().all(|node| matches!(node, Node::Optional(_)));
    if tail && starts_with_comma(inner) {
        for part in std::iter::once(first).chain(rest) {
            flatten_optional(part, prefix);
        }
        expand(&[], prefix, out)?;
    } else {
        // What may be left out may also be left empty between its separators.
        let inner: Vec<&Node> = inner.iter().collect();
        expand_optional(&inner, rest, prefix, out)?;
        prefix.truncate(len);
        expand(rest, prefix, out)?;
    }
    prefix.truncate(len);
    Ok(())
}

fn expand_optional<'n>(
    inner: &[&'n Node],
    rest: &[&'n Node],
    prefix: &mut Flat<'n>,
    out: &mut Vec<Flat<'n>>,
) -> Result<(), String> {
    match inner.split_first() {
        None => expand(rest, prefix, out),
        Some((Node::Optional(_), _)) => {
            let with: Vec<&Node> = inner.iter().chain(rest).copied().collect();
            expand(&with, prefix, out)
        }
        Some((node, more)) => {
            prefix.push((node, matches!(node, Node::Param { .. })));
            expand_optional(more, rest, prefix, out)?;
            prefix.pop();
            Ok(())
        }
    }
}

fn starts_with_comma(nodes: &[Node]) -> bool {
    matches!(nodes.first(), Some(Node::Literal(text)) if text.trim_start().starts_with(','))
}

fn flatten_optional<'n>(node: &'n Node, out: &mut Flat<'n>) {
    match node {
        Node::Optional(inner) => inner.iter().for_each(|node| flatten_optional(node, out)),
        other => out.push((other, true)),
    }
}

fn row(flat: &Flat<'_>) -> Result<Row, String> {
    let mut row = Row::default();
    let mut field = Field::default();
    let mut open = false;
    for (node, optional) in flat {
        match node {
            Node::Literal(text) => {
                let mut parts = text.split(',');
                push_literal(&mut field, parts.next().unwrap_or_default());
                open |= !text.is_empty();
                for part in parts {
                    row.fields.push(std::mem::take(&mut field));
                    field.optional = *optional;
                    push_literal(&mut field, part);
                    open = true;
                }
            }
            Node::Param { name, fixed } => {
                if field.param.is_some() || field.list.is_some() {
                    return Err(format!("`<{name}>` follows another parameter without a separator"));
                }
                field.param = Some(name.clone());
                field.fixed.clone_from(fixed);
                field.optional |= *optional;
                open = true;
            }
            Node::List(text) => {
                if field.param.is_some() || field.list.is_some() {
                    return Err(format!("`{text}` follows another parameter without a separator"));
                }
                field.list = Some(text.clone());
                field.optional |= *optional;
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
        field.prefix = field.prefix.trim_start().to_owned();
        field.suffix = field.suffix.trim_end().to_owned();
        if field.param.is_none() && field.list.is_none() {
            field.prefix = field.prefix.trim_end().to_owned();
        }
    }
    Ok(row)
}

fn push_literal(field: &mut Field, text: &str) {
    if field.param.is_some() || field.list.is_some() {
        field.suffix.push_str(text);
    } else {
        field.prefix.push_str(text);
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
                        let name = f.param.as_ref().map_or(String::new(), |p| format!("<{p}>"));
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
