//! Reads catalog TOML with places: every complaint names file and line.
//!
//! A table is taken apart key by key; what nobody asked for is an unknown key, and an error.

use std::fmt;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

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
}

impl<'i> Source<'i> {
    pub(super) fn new(file: &'i str, text: &'i str) -> Self {
        Self { file, text, mistakes: Vec::new() }
    }

    /// Parses the text; `None` (with the mistake noted) where it is no TOML.
    pub(super) fn parse(&mut self) -> Option<Table<'i>> {
        match DeTable::parse(self.text) {
            Ok(table) => {
                let at = table.span().start;
                self.unprintable(table.get_ref());
                Some(Table::new(table.into_inner(), at))
            }
            Err(error) => {
                let at = error.span().map_or(0, |span| span.start);
                self.mistake(at, error.message().to_owned());
                None
            }
        }
    }

    /// Notes every key and string with control characters in it: both are shown to people, on terminals too.
    fn unprintable(&mut self, table: &DeTable<'_>) {
        for (key, value) in table {
            if key.get_ref().contains(char::is_control) {
                self.mistake(key.span().start, "a key holds a control character");
            }
            self.unprintable_in(value);
        }
    }

    fn unprintable_in(&mut self, value: &Spanned<DeValue<'_>>) {
        match value.get_ref() {
            DeValue::String(text) => {
                let controls = text.replace("\r\n", "\n").contains(|c: char| c.is_control() && c != '\n');
                if controls {
                    self.mistake(value.span().start, "a string holds a control character");
                }
            }
            DeValue::Table(table) => self.unprintable(table),
            DeValue::Array(items) => items.iter().for_each(|item| self.unprintable_in(item)),
            _ => {}
        }
    }

    /// Notes a mistake at a byte of the text.
    pub(super) fn mistake(&mut self, at: usize, message: impl Into<String>) {
        let line = 1 + self.text.as_bytes().iter().take(at).filter(|&&b| b == b'\n').count();
        self.mistakes.push(Mistake { file: self.file.to_owned(), line, message: message.into() });
    }
}

/// A value with its place.
pub(super) struct Item<'i> {
    pub(super) at: usize,
    pub(super) value: DeValue<'i>,
}

impl<'i> Item<'i> {
    fn new(value: Spanned<DeValue<'i>>) -> Self {
        Self { at: value.span().start, value: value.into_inner() }
    }

    pub(super) fn text(self, src: &mut Source<'_>, what: &str) -> Option<String> {
        match self.value {
            DeValue::String(text) => Some(text.into_owned()),
            other => {
                src.mistake(self.at, format!("`{what}` is {}, expected a string", describe(&other)));
                None
            }
        }
    }

    pub(super) fn flag(self, src: &mut Source<'_>, what: &str) -> Option<bool> {
        match self.value {
            DeValue::Boolean(flag) => Some(flag),
            other => {
                src.mistake(self.at, format!("`{what}` is {}, expected true or false", describe(&other)));
                None
            }
        }
    }

    pub(super) fn table(self, src: &mut Source<'_>, what: &str) -> Option<Table<'i>> {
        match self.value {
            DeValue::Table(table) => Some(Table::new(table, self.at)),
            other => {
                src.mistake(self.at, format!("`{what}` is {}, expected a table", describe(&other)));
                None
            }
        }
    }

    /// The elements of an array, or the value itself as the only one.
    pub(super) fn list(self) -> Vec<Item<'i>> {
        match self.value {
            DeValue::Array(items) => items.into_iter().map(Item::new).collect(),
            value => vec![Item { at: self.at, value }],
        }
    }

    pub(super) fn texts(self, src: &mut Source<'_>, what: &str) -> Vec<(usize, String)> {
        self.list()
            .into_iter()
            .filter_map(|item| {
                let at = item.at;
                item.text(src, what).map(|t| (at, t))
            })
            .collect()
    }

    /// A whole number or a word.
    pub(super) fn scalar(self, src: &mut Source<'_>, what: &str) -> Option<Scalar> {
        match self.value {
            DeValue::Integer(ref number) => match parse_int(number.as_str(), number.radix()) {
                Some(number) => Some(Scalar::Int(number)),
                None => {
                    src.mistake(self.at, format!("`{what}`: the number is too large"));
                    None
                }
            },
            DeValue::Float(ref number) => Some(Scalar::Word(number.as_str().to_owned())),
            DeValue::String(text) => Some(Scalar::Word(text.into_owned())),
            DeValue::Boolean(flag) => Some(Scalar::Int(i64::from(flag))),
            other => {
                src.mistake(self.at, format!("`{what}` is {}, expected a number or a word", describe(&other)));
                None
            }
        }
    }
}

/// A number or a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Scalar {
    Int(i64),
    Word(String),
}

/// A table whose keys are taken one by one.
pub(super) struct Table<'i> {
    pub(super) at: usize,
    entries: Vec<(String, usize, Option<Item<'i>>)>,
}

impl<'i> Table<'i> {
    fn new(table: DeTable<'i>, at: usize) -> Self {
        let mut entries: Vec<_> = table
            .into_iter()
            .map(|(key, value)| {
                let place = key.span().start;
                (key.into_inner().into_owned(), place, Some(Item::new(value)))
            })
            .collect();
        entries.sort_by_key(|entry| entry.1);
        Self { at, entries }
    }

    /// Takes a key's value out.
    pub(super) fn take(&mut self, key: &str) -> Option<Item<'i>> {
        self.entries.iter_mut().find(|entry| entry.0 == key).and_then(|entry| entry.2.take())
    }

    pub(super) fn text(&mut self, src: &mut Source<'_>, key: &str) -> Option<String> {
        self.take(key).and_then(|item| item.text(src, key))
    }

    pub(super) fn flag(&mut self, src: &mut Source<'_>, key: &str) -> Option<bool> {
        self.take(key).and_then(|item| item.flag(src, key))
    }

    pub(super) fn texts(&mut self, src: &mut Source<'_>, key: &str) -> Vec<(usize, String)> {
        self.take(key).map_or_else(Vec::new, |item| item.texts(src, key))
    }

    pub(super) fn table(&mut self, src: &mut Source<'_>, key: &str) -> Option<Table<'i>> {
        self.take(key).and_then(|item| item.table(src, key))
    }

    /// All entries that nobody took, in the order of the file.
    pub(super) fn rest(self) -> impl Iterator<Item = (String, usize, Item<'i>)> {
        self.entries.into_iter().filter_map(|(key, at, item)| item.map(|item| (key, at, item)))
    }

    /// Notes every key that nobody took as unknown.
    pub(super) fn finish(self, src: &mut Source<'_>, known: &str) {
        for (key, at, _) in self.rest() {
            src.mistake(at, format!("unknown key `{key}`, expected one of: {known}"));
        }
    }
}

pub(super) fn parse_int(text: &str, radix: u32) -> Option<i64> {
    let clean: String = text.chars().filter(|&c| c != '_').collect();
    i64::from_str_radix(&clean, radix).ok()
}

fn describe(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a number",
        DeValue::Float(_) => "a decimal number",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}
