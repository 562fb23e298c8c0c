//! Builds a [`Tree`] of what `toml_parser` reads.
//!
//! The grammar, strings and numbers are that crate's; here stands what it leaves open: which table a key goes to, and
//! who may add to a table. A text that is no TOML is refused at its first mistake. Time and memory are linear in the
//! text, and nothing recurses deeper than [`MAX_DEPTH`].
//!
//! Trap: the parser recurses where a container opens, and goes on behind a mistake, where it can close more than it
//! opened. So nothing opens any more once there is a mistake.

use std::borrow::Cow;
use std::cell::OnceCell;

use toml_parser::decoder::{Encoding, ScalarKind};
use toml_parser::parser::{Event, EventKind, EventReceiver, ValidateWhitespace, parse_document};
use toml_parser::{ErrorSink, Expected, ParseError, Raw, Source, Span};

use super::{Content, Entries, Id, Key, Node, Origin, ROOT, Tree, Wrong};

/// Deeper nesting than any catalog has: of containers in each other, and of parts in a key.
const MAX_DEPTH: usize = 80;

/// Reads a whole text, up to its first mistake.
pub(super) fn tree(text: &str) -> Result<Tree<'_>, Wrong> {
    let source = Source::new(text);
    let wrong = OnceCell::new();
    let mut grower = Grower::new(source, &wrong);
    let mut first = |error: ParseError| {
        wrong.get_or_init(|| error);
    };
    parse_document(&source.lex().into_vec(), &mut ValidateWhitespace::new(&mut grower, source), &mut first);
    match wrong.get() {
        Some(error) => Err(error.into()),
        None => Ok(grower.tree),
    }
}

impl From<&ParseError> for Wrong {
    fn from(error: &ParseError) -> Self {
        let place = error.unexpected().or(error.context()).unwrap_or_default();
        let expected = error.expected().unwrap_or_default().iter().map(|expected| match expected {
            Expected::Literal("\n") => "a line end".to_owned(),
            Expected::Literal(text) => format!("`{text}`"),
            Expected::Description(text) => (*text).to_owned(),
            _ => "something else".to_owned(),
        });
        let expected = expected.collect::<Vec<_>>().join(", ");
        let link = if expected.is_empty() { "" } else { ", expected " };
        Self { at: place.start(), message: format!("{}{link}{expected}", error.description()) }
    }
}

/// Grows a tree from what the parser says.
struct Grower<'i, 'w> {
    source: Source<'i>,
    tree: Tree<'i>,
    /// Where the header starts that was begun last.
    header: usize,
    /// The table that keys go to.
    current: Id,
    /// The parts of a key, as far as it was read.
    path: Vec<Key<'i>>,
    /// Where the next value goes to, if it has a key.
    slot: Option<(Id, Key<'i>)>,
    /// Arrays and inline tables that are open.
    open: Vec<Id>,
    /// The first mistake.
    wrong: &'w OnceCell<ParseError>,
}

impl<'i, 'w> Grower<'i, 'w> {
    fn new(source: Source<'i>, wrong: &'w OnceCell<ParseError>) -> Self {
        let root = Node { at: 0, content: Content::Table(Entries::new(Origin::Header)) };
        let tree = Tree { nodes: vec![root] };
        Self { source, tree, header: 0, current: ROOT, path: Vec::new(), slot: None, open: Vec::new(), wrong }
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
    fn value(&mut self, at: usize, content: Content<'i>) -> Id {
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
    fn descend(&mut self, from: Id, path: &[Key<'i>], dotted: bool) -> Result<Id, ParseError> {
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
    fn through(&mut self, id: Id, key: &Key<'i>, dotted: bool) -> Result<Id, ParseError> {
        let table = match self.content(id) {
            Some(Content::Array { items, of_tables: true }) if !dotted => items.last().copied(),
            Some(Content::Table(entries)) => {
                if dotted && entries.origin == Origin::Implied {
                    entries.origin = Origin::Dotted;
                }
                let complete = entries.origin == Origin::Inline || (dotted && entries.origin == Origin::Header);
                (!complete).then_some(id)
            }
            _ => None,
        };
        table.ok_or_else(|| wrong(key, "this key has its value already, and no more keys can go into it"))
    }

    /// Opens a table: keys go there from here on.
    fn enter(&mut self, path: &[Key<'i>], array: bool) -> Result<(), ParseError> {
        let Some((key, parents)) = path.split_last() else { return Ok(()) };
        let header = self.header;
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

    /// Ends a key: finds the table of its last part.
    fn keyed(&mut self, path: &[Key<'i>]) -> Result<(), ParseError> {
        let Some((key, parents)) = path.split_last() else { return Ok(()) };
        let base = self.open.last().copied().unwrap_or(self.current);
        let table = self.descend(base, parents, true)?;
        if self.table(table).is_some_and(|entries| entries.find(&key.name).is_some()) {
            return Err(twice(key));
        }
        self.slot = Some((table, key.clone()));
        Ok(())
    }

    /// Hands the path to what ends it.
    fn end_path(
        &mut self,
        error: &mut dyn ErrorSink,
        end: impl FnOnce(&mut Self, &[Key<'i>]) -> Result<(), ParseError>,
    ) {
        let mut path = std::mem::take(&mut self.path);
        if let Err(wrong) = end(self, &path) {
            error.report_error(wrong);
        }
        path.clear();
        self.path = path;
    }

    fn limit(&self, depth: usize, span: Span, error: &mut dyn ErrorSink) {
        if depth >= MAX_DEPTH {
            error.report_error(ParseError::new("values are nested too deep").with_unexpected(span));
        }
    }

    /// Begins an array or an inline table, if it may.
    fn open(&mut self, span: Span, content: Content<'i>, error: &mut dyn ErrorSink) -> bool {
        self.limit(self.open.len(), span, error);
        let allowed = self.wrong.get().is_none();
        if allowed {
            let id = self.value(span.start(), content);
            self.open.push(id);
        }
        allowed
    }

    fn raw(&self, kind: EventKind, span: Span, encoding: Option<Encoding>) -> Raw<'i> {
        self.source.get(Event::new_unchecked(kind, encoding, span)).expect("events are places in the text")
    }
}

impl EventReceiver for Grower<'_, '_> {
    fn std_table_open(&mut self, span: Span, _: &mut dyn ErrorSink) {
        self.header = span.start();
    }

    fn std_table_close(&mut self, _: Span, error: &mut dyn ErrorSink) {
        self.end_path(error, |grower, path| grower.enter(path, false));
    }

    fn array_table_open(&mut self, span: Span, _: &mut dyn ErrorSink) {
        self.header = span.start();
    }

    fn array_table_close(&mut self, _: Span, error: &mut dyn ErrorSink) {
        self.end_path(error, |grower, path| grower.enter(path, true));
    }

    fn simple_key(&mut self, span: Span, encoding: Option<Encoding>, error: &mut dyn ErrorSink) {
        self.limit(self.path.len(), span, error);
        let mut name = Cow::Borrowed("");
        self.raw(EventKind::SimpleKey, span, encoding).decode_key(&mut name, error);
        self.path.push(Key { name, at: span.start() });
    }

    fn key_val_sep(&mut self, _: Span, error: &mut dyn ErrorSink) {
        self.end_path(error, Self::keyed);
    }

    fn scalar(&mut self, span: Span, encoding: Option<Encoding>, error: &mut dyn ErrorSink) {
        let mut text = Cow::Borrowed("");
        let kind = self.raw(EventKind::Scalar, span, encoding).decode_scalar(&mut text, error);
        if matches!(kind, ScalarKind::Integer(_)) && text.is_empty() {
            // `0x` is left to us.
            error.report_error(ParseError::new(kind.invalid_description()).with_unexpected(span));
        }
        let content = match kind {
            ScalarKind::Boolean(flag) => Content::Flag(flag),
            ScalarKind::DateTime => Content::Date,
            ScalarKind::Float => Content::Float(text),
            ScalarKind::Integer(radix) => Content::Int(i64::from_str_radix(&text, radix.value()).ok()),
            ScalarKind::String => Content::Text(text),
        };
        self.value(span.start(), content);
    }

    fn inline_table_open(&mut self, span: Span, error: &mut dyn ErrorSink) -> bool {
        self.open(span, Content::Table(Entries::new(Origin::Inline)), error)
    }

    fn inline_table_close(&mut self, _: Span, _: &mut dyn ErrorSink) {
        self.open.pop();
    }

    fn array_open(&mut self, span: Span, error: &mut dyn ErrorSink) -> bool {
        self.open(span, Content::Array { items: Vec::new(), of_tables: false }, error)
    }

    fn array_close(&mut self, _: Span, _: &mut dyn ErrorSink) {
        self.open.pop();
    }
}

fn twice(key: &Key<'_>) -> ParseError {
    wrong(key, "duplicate key")
}

fn wrong(key: &Key<'_>, message: &'static str) -> ParseError {
    ParseError::new(message).with_unexpected(Span::new_unchecked(key.at, key.at))
}
