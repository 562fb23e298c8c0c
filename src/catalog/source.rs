//! Reads catalog TOML with places: every mistake names file and line, and one reading finds them all.
//!
//! Only text that is no TOML ends at its first mistake. A table is taken apart key by key; what nobody asked for is an
//! unknown key, and a mistake. Never panics, and takes time and memory linear in the text. Knows no key's meaning.

use std::fmt;

use super::tree::{Keys, Ref, Tree, Value};

/// What is wrong in a catalog file, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The file's name as given.
    pub file: String,
    /// Line, from 1; 0 where the file could not be read at all.
    pub line: usize,
    /// What is wrong, and what was expected.
    pub message: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.file, self.message),
            line => write!(f, "{}:{line}: {}", self.file, self.message),
        }
    }
}

/// A catalog that cannot be used: all its mistakes, in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct CatalogError {
    /// The mistakes; never empty.
    pub mistakes: Vec<Mistake>,
}

impl fmt::Display for CatalogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, mistake) in self.mistakes.iter().enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            mistake.fmt(f)?;
        }
        Ok(())
    }
}

/// A file's text with the mistakes found in it so far.
pub(super) struct Source<'i> {
    file: &'i str,
    text: &'i str,
    pub(super) mistakes: Vec<Mistake>,
    /// Where lines end; found when the first mistake is.
    ends: Vec<usize>,
}

impl<'i> Source<'i> {
    pub(super) fn new(file: &'i str, text: &'i str) -> Self {
        Self { file, text, mistakes: Vec::new(), ends: Vec::new() }
    }

    /// Parses the text; `None` (with the mistake noted) where it is no TOML.
    ///
    /// Notes every key and string with control characters in it: both are shown to people, on terminals too.
    pub(super) fn parse(&mut self) -> Option<Tree<'i>> {
        match Tree::parse(self.text) {
            Ok(tree) => {
                for (at, message) in tree.controls() {
                    self.mistake(at, message);
                }
                Some(tree)
            }
            Err(wrong) => {
                self.mistake(wrong.at, wrong.message);
                None
            }
        }
    }

    /// Notes a mistake at a byte of the text.
    pub(super) fn mistake(&mut self, at: usize, message: impl Into<String>) {
        if self.mistakes.is_empty() {
            self.ends = memchr::memchr_iter(b'\n', self.text.as_bytes()).collect();
        }
        let line = 1 + self.ends.partition_point(|&end| end < at);
        self.mistakes.push(Mistake { file: self.file.to_owned(), line, message: shortened(message.into()) });
    }
}

/// A message that quotes a text without bound keeps its start and its end.
fn shortened(message: String) -> String {
    const MOST: usize = 400;
    if message.len() <= MOST {
        return message;
    }
    let head: String = message.chars().take(MOST / 2).collect();
    let tail: Vec<char> = message.chars().rev().take(MOST / 2).collect();
    format!("{head} … {}", tail.iter().rev().collect::<String>())
}

/// A value with its place.
#[derive(Clone, Copy)]
pub(super) struct Item<'t> {
    pub(super) at: usize,
    value: Ref<'t>,
}

impl<'t> Item<'t> {
    fn new(value: Ref<'t>) -> Self {
        Self { at: value.at(), value }
    }

    pub(super) fn text(self, src: &mut Source<'_>, what: &str) -> Option<&'t str> {
        match self.value.value() {
            Value::Text(text) => Some(text),
            other => {
                src.mistake(self.at, format!("`{what}` is {}, expected a string", describe(&other)));
                None
            }
        }
    }

    pub(super) fn is_text(&self) -> bool {
        matches!(self.value.value(), Value::Text(_))
    }

    pub(super) fn flag(self, src: &mut Source<'_>, what: &str) -> Option<bool> {
        match self.value.value() {
            Value::Flag(flag) => Some(flag),
            other => {
                src.mistake(self.at, format!("`{what}` is {}, expected true or false", describe(&other)));
                None
            }
        }
    }

    pub(super) fn table(self, src: &mut Source<'_>, what: &str) -> Option<Table<'t>> {
        match self.value.value() {
            Value::Table(keys) => Some(Table::new(keys, self.at)),
            other => {
                src.mistake(self.at, format!("`{what}` is {}, expected a table", describe(&other)));
                None
            }
        }
    }

    pub(super) fn is_table(self) -> bool {
        matches!(self.value.value(), Value::Table(_))
    }

    pub(super) fn is_true(self) -> bool {
        matches!(self.value.value(), Value::Flag(true))
    }

    /// The elements of an array, or the value itself as the only one.
    pub(super) fn list(self) -> impl Iterator<Item = Item<'t>> {
        let (many, one) = match self.value.value() {
            Value::Array(items) => (Some(items), None),
            _ => (None, Some(self)),
        };
        many.into_iter().flatten().map(Item::new).chain(one)
    }

    pub(super) fn texts(self, src: &mut Source<'_>, what: &str) -> Vec<(usize, &'t str)> {
        self.list().filter_map(|item| item.text(src, what).map(|text| (item.at, text))).collect()
    }

    /// A whole number or a word.
    pub(super) fn scalar(self, src: &mut Source<'_>, what: &str) -> Option<Scalar<'t>> {
        match self.value.value() {
            Value::Int(Some(number)) => Some(Scalar::Int(number)),
            Value::Int(None) => {
                src.mistake(self.at, format!("`{what}`: the number is too large"));
                None
            }
            Value::Float(text) | Value::Text(text) => Some(Scalar::Word(text)),
            Value::Flag(flag) => Some(Scalar::Int(i64::from(flag))),
            other => {
                src.mistake(self.at, format!("`{what}` is {}, expected a number or a word", describe(&other)));
                None
            }
        }
    }
}

/// A number or a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scalar<'t> {
    Int(i64),
    Word(&'t str),
}

/// A table whose keys are taken one by one.
pub(super) struct Table<'t> {
    pub(super) at: usize,
    keys: Keys<'t>,
    /// A bit for each key that is there, by [`trace`]: most keys that are asked for are not.
    traces: u64,
    /// Which of the first 64 entries were taken, a bit each.
    taken: u64,
    /// Which others were.
    beyond: Vec<usize>,
}

impl<'t> Table<'t> {
    fn new(keys: Keys<'t>, at: usize) -> Self {
        let traces = keys.clone().fold(0, |traces, (key, ..)| traces | trace(key));
        Self { at, keys, traces, taken: 0, beyond: Vec::new() }
    }

    /// The whole of a document.
    pub(super) fn root(tree: &'t Tree<'t>) -> Option<Self> {
        match tree.root().value() {
            Value::Table(keys) => Some(Self::new(keys, 0)),
            _ => None,
        }
    }

    /// Takes a key's value out.
    pub(super) fn take(&mut self, key: &str) -> Option<Item<'t>> {
        if self.traces & trace(key) == 0 {
            return None;
        }
        let (at, (_, _, value)) = self.keys.clone().enumerate().find(|(_, entry)| entry.0 == key)?;
        if self.is_taken(at) {
            return None;
        }
        match at {
            0..64 => self.taken |= 1 << at,
            _ => self.beyond.push(at),
        }
        Some(Item::new(value))
    }

    fn is_taken(&self, at: usize) -> bool {
        if at < 64 { self.taken >> at & 1 == 1 } else { self.beyond.contains(&at) }
    }

    pub(super) fn text(&mut self, src: &mut Source<'_>, key: &str) -> Option<&'t str> {
        self.take(key).and_then(|item| item.text(src, key))
    }

    pub(super) fn flag(&mut self, src: &mut Source<'_>, key: &str) -> Option<bool> {
        self.take(key).and_then(|item| item.flag(src, key))
    }

    pub(super) fn texts(&mut self, src: &mut Source<'_>, key: &str) -> Vec<(usize, &'t str)> {
        self.take(key).map_or_else(Vec::new, |item| item.texts(src, key))
    }

    pub(super) fn table(&mut self, src: &mut Source<'_>, key: &str) -> Option<Table<'t>> {
        self.take(key).and_then(|item| item.table(src, key))
    }

    /// The elements of an array, or the only one.
    pub(super) fn list(&mut self, key: &str) -> impl Iterator<Item = Item<'t>> + use<'t> {
        self.take(key).into_iter().flat_map(Item::list)
    }

    /// All entries that nobody took, in the order of the file.
    pub(super) fn rest(self) -> impl Iterator<Item = (&'t str, usize, Item<'t>)> {
        let Self { keys, taken, beyond, .. } = self;
        let is_taken = move |at: usize| if at < 64 { taken >> at & 1 == 1 } else { beyond.contains(&at) };
        let rest = keys.enumerate().filter(move |&(at, _)| !is_taken(at));
        rest.map(|(_, (key, at, value))| (key, at, Item::new(value)))
    }

    /// Notes every key that nobody took as unknown.
    pub(super) fn finish(self, src: &mut Source<'_>, known: &str) {
        for (key, at, _) in self.rest() {
            src.mistake(at, format!("unknown key `{key}`, expected one of: {known}"));
        }
    }
}

/// One of 64 bits, the same for the same key.
fn trace(key: &str) -> u64 {
    let first = key.bytes().next().unwrap_or_default();
    1 << ((usize::from(first) + 11 * key.len()) % 64)
}

pub(super) fn parse_int(text: &str, radix: u32) -> Option<i64> {
    if text.contains('_') {
        return i64::from_str_radix(&text.replace('_', ""), radix).ok();
    }
    i64::from_str_radix(text, radix).ok()
}

fn describe(value: &Value<'_>) -> &'static str {
    match value {
        Value::Text(_) => "a string",
        Value::Int(_) => "a number",
        Value::Float(_) => "a decimal number",
        Value::Flag(_) => "a boolean",
        Value::Date => "a date",
        Value::Array(_) => "an array",
        Value::Table(_) => "a table",
    }
}
