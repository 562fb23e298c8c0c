//! TOML as a tree whose strings borrow from the text, each key and value with its place.
//!
//! A start waits for its catalogs, so they are read in one pass: no tokens or events in between, and what has no escape
//! in it is not copied. Values stand in one list and refer to each other by number: a catalog of a thousand tables
//! takes few allocations, and none is dropped by recursion. The grammar is TOML 1.1's and the [`Scanner`]'s; what tables
//! are and who may add to them is [`Grower`]'s. A test holds both against the `toml` crate.

use std::borrow::Cow;
use std::collections::HashMap;

use super::scan::Scanner;

/// Tables with more keys than this are searched by hash.
const FEW: usize = 16;

/// What is wrong with a text, and at which byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    pub(crate) at: usize,
    pub(crate) message: String,
}

impl Wrong {
    pub(super) fn new(at: usize, message: impl Into<String>) -> Self {
        Self { at, message: message.into() }
    }
}

/// Place of a value in its tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Id(u32);

/// A TOML document.
#[derive(Debug)]
pub(crate) struct Tree<'i> {
    nodes: Vec<Node<'i>>,
}

#[derive(Debug)]
struct Node<'i> {
    /// First byte of the value; of a table with a header, that of the header.
    at: usize,
    content: Content<'i>,
}

#[derive(Debug)]
pub(super) enum Content<'i> {
    Array {
        items: Vec<Id>,
        of_tables: bool,
    },
    Date,
    Flag(bool),
    Float(Cow<'i, str>),
    /// `None`: too large.
    Int(Option<i64>),
    Table(Entries<'i>),
    Text(Cow<'i, str>),
}

/// How a table came to be: this decides who may add to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    /// By a dotted key.
    Dotted,
    /// By its own header.
    Header,
    /// By a header of something inside.
    Implied,
    /// Between braces: complete.
    Inline,
}

#[derive(Debug)]
pub(super) struct Entries<'i> {
    origin: Origin,
    list: Vec<(Key<'i>, Id)>,
    /// Position in the list by name; for long tables alone.
    index: Option<HashMap<Cow<'i, str>, usize>>,
}

/// A key with its place.
#[derive(Clone, Debug)]
struct Key<'i> {
    name: Cow<'i, str>,
    at: usize,
}

impl<'i> Entries<'i> {
    fn new(origin: Origin) -> Self {
        Self { origin, list: Vec::new(), index: None }
    }

    fn position(&self, name: &str) -> Option<usize> {
        match &self.index {
            Some(index) => index.get(name).copied(),
            None => self.list.iter().position(|entry| entry.0.name == name),
        }
    }

    fn find(&self, name: &str) -> Option<Id> {
        self.position(name).and_then(|at| self.list.get(at)).map(|entry| entry.1)
    }

    /// The key is written anew, at this place.
    fn move_key(&mut self, key: &Key<'i>) {
        if let Some(at) = self.position(&key.name)
            && let Some(entry) = self.list.get_mut(at)
        {
            entry.0.at = key.at;
        }
    }

    fn push(&mut self, key: Key<'i>, id: Id) {
        let at = self.list.len();
        if at == FEW {
            let index = self.list.iter().enumerate().map(|(at, entry)| (entry.0.name.clone(), at));
            self.index = Some(index.collect());
        }
        if let Some(index) = &mut self.index {
            index.insert(key.name.clone(), at);
        }
        self.list.push((key, id));
    }
}

/// A value with its place, in a tree that outlives it.
#[derive(Clone, Copy)]
pub(crate) struct Ref<'t> {
    tree: &'t Tree<'t>,
    id: Id,
}

/// What a value is.
pub(crate) enum Value<'t> {
    Array(Items<'t>),
    Date,
    Flag(bool),
    Float(&'t str),
    /// `None`: too large.
    Int(Option<i64>),
    Table(Keys<'t>),
    Text(&'t str),
}

/// The elements of an array.
#[derive(Clone)]
pub(crate) struct Items<'t> {
    tree: &'t Tree<'t>,
    ids: std::slice::Iter<'t, Id>,
}

impl<'t> Iterator for Items<'t> {
    type Item = Ref<'t>;

    fn next(&mut self) -> Option<Ref<'t>> {
        self.ids.next().map(|&id| Ref { tree: self.tree, id })
    }
}

/// The entries of a table, in the order of the file: key, its place, value.
#[derive(Clone)]
pub(crate) struct Keys<'t> {
    tree: &'t Tree<'t>,
    entries: std::slice::Iter<'t, (Key<'t>, Id)>,
}

impl<'t> Iterator for Keys<'t> {
    type Item = (&'t str, usize, Ref<'t>);

    fn next(&mut self) -> Option<Self::Item> {
        let (key, id) = self.entries.next()?;
        Some((&key.name, key.at, Ref { tree: self.tree, id: *id }))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.entries.size_hint()
    }
}

impl<'t> Ref<'t> {
    fn node(self) -> Option<&'t Node<'t>> {
        self.tree.nodes.get(self.id.0 as usize)
    }

    /// Its first byte in the text; of a table with a header, that of the header.
    pub(crate) fn at(self) -> usize {
        self.node().map_or(0, |node| node.at)
    }

    pub(crate) fn value(self) -> Value<'t> {
        match self.node().map(|node| &node.content) {
            Some(Content::Array { items, .. }) => Value::Array(Items { tree: self.tree, ids: items.iter() }),
            Some(Content::Flag(flag)) => Value::Flag(*flag),
            Some(Content::Float(text)) => Value::Float(text),
            Some(Content::Int(number)) => Value::Int(*number),
            Some(Content::Table(entries)) => Value::Table(Keys { tree: self.tree, entries: entries.list.iter() }),
            Some(Content::Text(text)) => Value::Text(text),
            Some(Content::Date) | None => Value::Date,
        }
    }
}

impl<'i> Tree<'i> {
    /// Parses a text.
    ///
    /// # Errors
    /// The first place where it is no TOML.
    pub(crate) fn parse(text: &'i str) -> Result<Self, Wrong> {
        Scanner::new(text).document()
    }

    /// The whole document: a table.
    pub(crate) fn root(&'i self) -> Ref<'i> {
        Ref { tree: self, id: ROOT }
    }

    /// Places of keys and strings with control characters in them other than line ends.
    pub(crate) fn controls(&self) -> impl Iterator<Item = (usize, &'static str)> {
        self.nodes.iter().flat_map(|node| {
            let text = matches!(&node.content, Content::Text(text) if has_control(text, true));
            let keys = match &node.content {
                Content::Table(entries) => entries.list.as_slice(),
                _ => &[],
            };
            let keys = keys.iter().filter(|(key, _)| has_control(&key.name, false)).map(|(key, _)| key.at);
            keys.map(|at| (at, "a key holds a control character"))
                .chain(text.then_some((node.at, "a string holds a control character")))
        })
    }
}

/// Whether there are control characters in a text; with `lines`, line ends are none.
fn has_control(text: &str, lines: bool) -> bool {
    // Bytes alone decide for nearly all texts; C1 controls are two bytes, the first of which is 0xC2.
    if !text.bytes().fold(false, |found, byte| found | (byte < b' ') | (byte == 0x7F) | (byte == 0xC2)) {
        return false;
    }
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let line_end = c == '\n' || (c == '\r' && rest.peek() == Some(&'\n'));
        if c.is_control() && !(lines && line_end) {
            return true;
        }
    }
    false
}

const ROOT: Id = Id(0);

/// Grows a tree from what the scanner reads.
pub(super) struct Grower<'i> {
    tree: Tree<'i>,
    /// The table that keys go to.
    current: Id,
    /// The parts of a key, as far as it was read.
    path: Vec<Key<'i>>,
    /// Where the next value goes to, if it has a key.
    slot: Option<(Id, Key<'i>)>,
    /// Arrays and inline tables that are open.
    open: Vec<Id>,
}

impl<'i> Grower<'i> {
    pub(super) fn new() -> Self {
        let root = Node { at: 0, content: Content::Table(Entries::new(Origin::Header)) };
        let tree = Tree { nodes: vec![root] };
        Self { tree, current: ROOT, path: Vec::new(), slot: None, open: Vec::new() }
    }

    pub(super) fn finish(self) -> Tree<'i> {
        self.tree
    }

    /// Begins a key or header.
    pub(super) fn start(&mut self) {
        self.path.clear();
    }

    /// The next part of a key.
    pub(super) fn part(&mut self, name: Cow<'i, str>, at: usize) {
        self.path.push(Key { name, at });
    }

    /// Begins an array or an inline table.
    pub(super) fn open(&mut self, at: usize, table: bool) {
        let id = self.value(
            at,
            match table {
                true => Content::Table(Entries::new(Origin::Inline)),
                false => Content::Array { items: Vec::new(), of_tables: false },
            },
        );
        self.open.push(id);
    }

    /// Ends the array or inline table that was begun last.
    pub(super) fn close(&mut self) {
        self.open.pop();
    }

    fn add(&mut self, at: usize, content: Content<'i>) -> Id {
        let id = Id(self.tree.nodes.len() as u32);
        self.tree.nodes.push(Node { at, content });
        id
    }

    fn content(&mut self, id: Id) -> Option<&mut Content<'i>> {
        self.tree.nodes.get_mut(id.0 as usize).map(|node| &mut node.content)
    }

    fn table(&mut self, id: Id) -> Option<&mut Entries<'i>> {
        match self.content(id) {
            Some(Content::Table(entries)) => Some(entries),
            _ => None,
        }
    }

    /// Adds a value and puts it where it belongs.
    pub(super) fn value(&mut self, at: usize, content: Content<'i>) -> Id {
        let id = self.add(at, content);
        match self.slot.take() {
            Some((table, key)) => {
                if let Some(entries) = self.table(table) {
                    entries.push(key, id);
                }
            }
            None => {
                if let Some(&container) = self.open.last()
                    && let Some(Content::Array { items, .. }) = self.content(container)
                {
                    items.push(id);
                }
            }
        }
        id
    }

    /// The table that a path leads to from another one; what is missing on the way is made.
    fn descend(&mut self, from: Id, path: &[Key<'i>], dotted: bool) -> Result<Id, Wrong> {
        let mut at = from;
        for key in path {
            let found = self.table(at).and_then(|entries| entries.find(&key.name));
            at = match found {
                Some(id) => self.through(id, key, dotted)?,
                None => {
                    let origin = if dotted { Origin::Dotted } else { Origin::Implied };
                    let id = self.add(key.at, Content::Table(Entries::new(origin)));
                    if let Some(entries) = self.table(at) {
                        entries.push(key.clone(), id);
                    }
                    id
                }
            };
        }
        Ok(at)
    }

    /// The table to go on in where a key leads to something that is there.
    fn through(&mut self, id: Id, key: &Key<'i>, dotted: bool) -> Result<Id, Wrong> {
        let what = match self.content(id) {
            Some(Content::Array { items, of_tables: true }) if !dotted => {
                return items.last().copied().ok_or_else(|| twice(key));
            }
            Some(Content::Table(entries)) => match (entries.origin, dotted) {
                (Origin::Inline, _) => "inline table",
                (Origin::Header, true) => return Err(twice(key)),
                (Origin::Implied, true) => {
                    entries.origin = Origin::Dotted;
                    return Ok(id);
                }
                _ => return Ok(id),
            },
            Some(Content::Array { of_tables: false, .. }) => "array",
            Some(Content::Array { .. }) => return Err(twice(key)),
            Some(Content::Text(_)) => "string",
            Some(Content::Int(_)) => "integer",
            Some(Content::Float(_)) => "float",
            Some(Content::Flag(_)) => "boolean",
            Some(Content::Date) | None => "datetime",
        };
        Err(Wrong::new(key.at, format!("cannot extend value of type {what} with a dotted key")))
    }

    /// Ends a header that starts at `header`.
    pub(super) fn enter(&mut self, header: usize, array: bool) -> Result<(), Wrong> {
        let mut path = std::mem::take(&mut self.path);
        let entered = match path.split_last() {
            Some((key, parents)) => self.enter_path(header, key, parents, array),
            None => Ok(()),
        };
        path.clear();
        self.path = path;
        entered
    }

    /// Opens a table: keys go there from here on.
    fn enter_path(&mut self, header: usize, key: &Key<'i>, parents: &[Key<'i>], array: bool) -> Result<(), Wrong> {
        let parent = self.descend(ROOT, parents, false)?;
        let found = self.table(parent).and_then(|entries| entries.find(&key.name));
        let fresh = |grower: &mut Self| grower.add(header, Content::Table(Entries::new(Origin::Header)));
        self.current = match found {
            None => {
                let table = fresh(self);
                let id = match array {
                    true => self.add(header, Content::Array { items: vec![table], of_tables: true }),
                    false => table,
                };
                if let Some(entries) = self.table(parent) {
                    entries.push(key.clone(), id);
                }
                table
            }
            Some(id) if array => {
                if !matches!(self.content(id), Some(Content::Array { of_tables: true, .. })) {
                    return Err(twice(key));
                }
                let table = fresh(self);
                if let Some(Content::Array { items, .. }) = self.content(id) {
                    items.push(table);
                }
                table
            }
            Some(id) => {
                match self.tree.nodes.get_mut(id.0 as usize) {
                    Some(Node { at, content: Content::Table(entries) }) if entries.origin == Origin::Implied => {
                        entries.origin = Origin::Header;
                        *at = header;
                    }
                    _ => return Err(twice(key)),
                }
                if let Some(entries) = self.table(parent) {
                    entries.move_key(key);
                }
                id
            }
        };
        Ok(())
    }

    /// Ends a key: its table, and the last part.
    pub(super) fn keyed(&mut self) -> Result<(), Wrong> {
        let mut path = std::mem::take(&mut self.path);
        let base = self.open.last().copied().unwrap_or(self.current);
        if let Some(key) = path.pop() {
            let table = self.descend(base, &path, true)?;
            if self.table(table).is_some_and(|entries| entries.find(&key.name).is_some()) {
                return Err(twice(&key));
            }
            self.slot = Some((table, key));
        }
        path.clear();
        self.path = path;
        Ok(())
    }
}

fn twice(key: &Key<'_>) -> Wrong {
    Wrong::new(key.at, "duplicate key")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, clippy::unwrap_used)]
    use proptest::prelude::*;
    use toml::de::{DeTable, DeValue};

    use super::*;

    /// Every kind of value, key and table.
    const SAMPLE: &str = r#"# comment
a = 1
"quoted key" = "x\ty\u00e4\\" # behind
'literal' = 'C:\x'
b.c.d = 0x1F
b.c.e = +1_000
f = [1, 2.5e-3, inf, [ "a", # inside
  "b", ], {x = 1, y.z = true}, ]
long = """
one \
   two "" "three""""
other = '''
it's''''
date = 1979-05-27T07:32:00.5Z
time = 07:32:00
[t]
x = 0b101
[t.u.v]
[t.u]
w = 0o17
[[list]]
n = 1
[list.sub]
m = {}
[[list]]
[[list.inner]]
k = nan
"#;

    fn theirs(value: &DeValue<'_>) -> String {
        match value {
            DeValue::Array(items) => {
                items.iter().map(|item| theirs(item.get_ref())).collect::<Vec<_>>().join(",") + ";"
            }
            DeValue::Boolean(flag) => flag.to_string(),
            DeValue::Datetime(_) => "date".to_owned(),
            DeValue::Float(number) => format!("float {}", number.as_str()),
            DeValue::Integer(number) => {
                format!("{:?}", crate::catalog::source::parse_int(number.as_str(), number.radix()))
            }
            DeValue::String(text) => format!("{text:?}"),
            DeValue::Table(table) => their_table(table),
        }
    }

    fn their_table(table: &DeTable<'_>) -> String {
        let entries =
            table.iter().map(|(key, value)| (key.span().start, key.get_ref().as_ref(), theirs(value.get_ref())));
        shown(entries.collect())
    }

    fn ours(value: Ref<'_>) -> String {
        match value.value() {
            Value::Array(items) => items.map(ours).collect::<Vec<_>>().join(",") + ";",
            Value::Date => "date".to_owned(),
            Value::Flag(flag) => flag.to_string(),
            Value::Float(text) => format!("float {text}"),
            Value::Int(number) => format!("{number:?}"),
            Value::Table(keys) => shown(keys.map(|(key, at, value)| (at, key, ours(value))).collect()),
            Value::Text(text) => format!("{text:?}"),
        }
    }

    fn shown(mut entries: Vec<(usize, &str, String)>) -> String {
        entries.sort_by_key(|entry| (entry.1.to_owned(), entry.0));
        let entries = entries.into_iter().map(|(at, key, value)| format!("{at}:{key:?}={value}"));
        format!("{{{}}}", entries.collect::<Vec<_>>().join(","))
    }

    /// What both say of a text: the tree, or nothing where it is no TOML.
    fn both(text: &str) -> (Option<String>, Option<String>) {
        let tree = Tree::parse(text);
        let own = tree.as_ref().ok().map(|tree| ours(tree.root()));
        (own, DeTable::parse(text).ok().map(|table| their_table(table.get_ref())))
    }

    #[test]
    fn trees_are_those_of_the_toml_crate() {
        let (ours, theirs) = both(SAMPLE);
        assert!(ours.is_some());
        assert_eq!(ours, theirs);
        for name in crate::catalog::builtin_names() {
            let (ours, theirs) = both(crate::catalog::builtin_text(name).unwrap().1);
            assert!(ours.is_some() && ours == theirs, "{name}");
        }
    }

    #[test]
    fn mistakes_have_their_place() {
        for (text, at) in [
            ("a = 1\na = 2", 6),
            ("a = ", 4),
            ("a = x", 4),
            ("[a]\n[a]", 5),
            ("a = {b = 1}\na.c = 2", 12),
            ("a = \"\\q\"", 6),
            ("a = \"x", 6),
            ("a = [1 2]", 7),
            ("= 1", 0),
            ("a = 1 b = 2", 6),
            ("a = \"\u{7}\"", 5),
        ] {
            assert_eq!(Tree::parse(text).map(|_| ()).map_err(|wrong| wrong.at), Err(at), "{text}");
        }
        let deep = format!("a = {}", "[".repeat(100_000));
        assert_eq!(Tree::parse(&deep).unwrap_err().message, "values are nested too deep");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn agrees_with_the_toml_crate(edits in prop::collection::vec((0..SAMPLE.len(), 0..3_usize, 0..40_usize), 1..4)) {
            let alphabet = b"ab1_-+.=,\"'[]{}#\\ \t\r\n:eExu0\x07\x7FTZ\xC3\xA4";
            let mut text = SAMPLE.as_bytes().to_vec();
            for (at, kind, pick) in edits {
                let at = at.min(text.len() - 1);
                let byte = alphabet[pick % alphabet.len()];
                match kind {
                    0 => text[at] = byte,
                    1 => text.insert(at, byte),
                    _ => drop(text.remove(at)),
                }
            }
            if let Ok(text) = std::str::from_utf8(&text) {
                let (ours, theirs) = both(text);
                match Tree::parse(text) {
                    // Dates are not looked at closely here.
                    Ok(_) => {
                        let dates = text.contains("date = 1979-05-27T07:32:00.5Z\ntime = 07:32:00\n");
                        prop_assert!(ours == theirs || !dates, "{ours:?}\n{theirs:?}\n{text}");
                    }
                    // Values without quotes are not looked at closely there.
                    Err(wrong) => {
                        let lax = ["newline", "value", "unclosed array", "unclosed inline"];
                        let lax = lax.iter().any(|lax| wrong.message.contains(lax));
                        prop_assert!(theirs.is_none() || lax, "{wrong:?}\n{theirs:?}\n{text}");
                    }
                }
            }
        }
    }
}
