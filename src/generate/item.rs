//! Values on their way out, and named rows of them.

use std::borrow::Cow;

use crate::catalog::{Catalog, ParamSpec};

/// A parameter's value before it is printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// A number; printed as its description says, decimal or with `0x`.
    Int(i64),
    /// Nothing between the commas.
    Omitted,
    /// Bytes that stand for themselves, quotes and all: what a description would not print.
    Raw(Vec<u8>),
    /// Text; printed in quotes and with escapes where its description wants them.
    Text(Vec<u8>),
}

impl From<i64> for Item {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<i32> for Item {
    fn from(number: i32) -> Self {
        Self::Int(number.into())
    }
}

impl From<u16> for Item {
    fn from(number: u16) -> Self {
        Self::Int(number.into())
    }
}

impl From<usize> for Item {
    fn from(number: usize) -> Self {
        Self::Int(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<&str> for Item {
    fn from(text: &str) -> Self {
        Self::Text(text.as_bytes().to_vec())
    }
}

impl From<String> for Item {
    fn from(text: String) -> Self {
        Self::Text(text.into_bytes())
    }
}

impl From<&[u8]> for Item {
    fn from(text: &[u8]) -> Self {
        Self::Text(text.to_vec())
    }
}

impl From<Vec<u8>> for Item {
    fn from(text: Vec<u8>) -> Self {
        Self::Text(text)
    }
}

impl Item {
    /// The number that it is or reads as.
    pub fn int(&self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(*number),
            Self::Raw(text) | Self::Text(text) => crate::syntax::value::decimal(text),
            Self::Omitted => None,
        }
    }

    /// Its text; of a number, its digits.
    pub fn text(&self) -> Cow<'_, [u8]> {
        match self {
            Self::Int(number) => Cow::Owned(number.to_string().into_bytes()),
            Self::Raw(text) | Self::Text(text) => Cow::Borrowed(text),
            Self::Omitted => Cow::Borrowed(&[]),
        }
    }
}

/// Values by the names of the manual's parameters, and the counted data of the line, where it has some.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bag {
    items: Vec<(Cow<'static, str>, Item)>,
    data: Option<Vec<u8>>,
}

impl Bag {
    /// Nothing given.
    pub const fn new() -> Self {
        Self { items: Vec::new(), data: None }
    }

    /// With one more value; a later one of the same name wins.
    #[must_use]
    pub fn with(mut self, name: impl Into<Cow<'static, str>>, item: impl Into<Item>) -> Self {
        self.set(name, item);
        self
    }

    /// With the counted data of the line. Its length fills the parameter that counts it, unless that one is given, too.
    #[must_use]
    pub fn with_data(mut self, data: impl Into<Vec<u8>>) -> Self {
        self.data = Some(data.into());
        self
    }

    /// Sets a value.
    pub fn set(&mut self, name: impl Into<Cow<'static, str>>, item: impl Into<Item>) {
        let (name, item) = (name.into(), item.into());
        match self.items.iter_mut().find(|(own, _)| *own == name) {
            Some((_, own)) => *own = item,
            None => self.items.push((name, item)),
        }
    }

    /// The value of a name.
    pub fn get(&self, name: &str) -> Option<&Item> {
        self.items.iter().find(|(own, _)| own == name).map(|(_, item)| item)
    }

    /// The value of a parameter: by what the manual calls it, or by the catalog's key where these differ (`as`).
    pub(crate) fn of(&self, catalog: &Catalog, spec: &ParamSpec) -> Option<&Item> {
        self.get(&spec.name).or_else(|| self.get(catalog.names.get(spec.name_id as usize)?))
    }

    /// The counted data.
    pub fn data(&self) -> Option<&[u8]> {
        self.data.as_deref()
    }

    /// Names and values, in the order in which they were first set.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Item)> {
        self.items.iter().map(|(name, item)| (&**name, item))
    }

    /// How many values are given.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether no value is given.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }
}
