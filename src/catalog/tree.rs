//! TOML as a tree whose strings borrow from the text, each key and value with its place.
//!
//! A start waits for its catalogs: values stand in one list and refer to each other by number, so that one of a
//! thousand tables takes few allocations, and none is dropped by recursion; what has no escape in it is not copied. How
//! a tree comes to be is [`grow`]'s matter. A test holds the trees against those of the `toml` crate.

use std::borrow::Cow;
use std::collections::HashMap;

mod grow;
#[cfg(test)]
mod tests;

/// Tables with more keys than this are searched by hash.
const FEW: usize = 16;

/// What is wrong with a text, and at which byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    pub(crate) at: usize,
    pub(crate) message: String,
}

/// Place of a value in its tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Id(u32);

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
enum Content<'i> {
    Array {
        items: Vec<Id>,
        of_tables: bool,
    },
    /// Told by its shape alone: no catalog has one.
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
struct Entries<'i> {
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
        grow::tree(text)
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
