//! Prints commands and lines of a catalog: the opposite of the decoder's matching.
//!
//! No line end is printed, and no blank line: these are the firmware's habit, not the manual's matter.

use super::item::{Bag, Item};
use crate::catalog::{Catalog, Command, Counted, Field, Kind, Line, ParamSpec, Part, Pattern, Quoted, Shape};
use crate::session::Form;

/// Where values come from.
pub trait Source {
    /// The value of a parameter; `None`: there is none.
    fn item(&self, catalog: &Catalog, spec: &ParamSpec) -> Option<Item>;

    /// The line's counted data; `None`: there is none.
    fn data(&self) -> Option<&[u8]> {
        None
    }
}

impl Source for Bag {
    fn item(&self, catalog: &Catalog, spec: &ParamSpec) -> Option<Item> {
        self.of(catalog, spec).cloned()
    }

    fn data(&self) -> Option<&[u8]> {
        Bag::data(self)
    }
}

/// One field after another, and how many values they took.
#[derive(Default)]
struct Printed {
    bytes: Vec<u8>,
    taken: usize,
}

/// Prints a value as its description says: in quotes or not, escaped where the dialect has escapes.
pub fn value(catalog: &Catalog, spec: &ParamSpec, item: &Item, out: &mut Vec<u8>) {
    let text = match item {
        Item::Omitted => return,
        Item::Raw(bytes) => return out.extend_from_slice(bytes),
        Item::Int(number) => {
            let quoted = spec.quoted == Quoted::Must;
            let digits = match spec.kind {
                Kind::Hex(_) if *number >= 0 => format!("0x{number:x}"),
                _ => number.to_string(),
            };
            out.extend(quoted.then_some(b'"'));
            out.extend_from_slice(digits.as_bytes());
            return out.extend(quoted.then_some(b'"'));
        }
        Item::Text(text) => text,
    };
    let quoted = match spec.quoted {
        Quoted::Must => true,
        Quoted::Never => false,
        Quoted::Either => {
            matches!(
                spec.kind,
                Kind::String(_) | Kind::Words | Kind::Host(_) | Kind::Ip | Kind::Mac(_) | Kind::HexString(_)
            )
        }
    };
    if !quoted {
        return out.extend_from_slice(text);
    }
    out.push(b'"');
    for &byte in text {
        if catalog.escapes && matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(b'"');
}

/// Prints a line of the module, without line ends; gives how many values it took. `None`: a value that it must have is
/// missing, and `out` is as it was.
pub fn line(catalog: &Catalog, line: &Line, source: &dyn Source, out: &mut Vec<u8>) -> Option<usize> {
    let counted = Counting { source, counted: line.data, catalog };
    let mut printed = match &line.pattern {
        Pattern::Words => Printed { bytes: line.text.trim_end().as_bytes().to_vec(), taken: 0 },
        Pattern::Link { param } => {
            let mut printed = Printed::default();
            printed.param(catalog, *param, &counted)?;
            printed.bytes.push(b',');
            printed.bytes.extend_from_slice(line.name.as_bytes());
            printed
        }
        Pattern::Template { parts } => {
            let mut printed = Printed::default();
            for part in parts {
                match part {
                    Part::Literal(text) => printed.bytes.extend_from_slice(text),
                    Part::Param(spec) => printed.param(catalog, *spec, &counted)?,
                }
            }
            printed
        }
        Pattern::Free { shapes } => row(catalog, shapes, &counted)?,
        Pattern::Fields { shapes } => {
            let fields = row(catalog, shapes, &counted)?;
            let (head, bare) = head(&line.text);
            let mut bytes = head.as_bytes().to_vec();
            if bare && !fields.bytes.is_empty() && line.text.get(head.len()..).is_some_and(starts_with_comma) {
                bytes.push(b',');
            }
            bytes.extend_from_slice(&fields.bytes);
            Printed { bytes, taken: fields.taken }
        }
    };
    if let Some(counted) = line.data {
        match counted.behind_line {
            true => printed.bytes.extend_from_slice(b"\r\n"),
            false => printed.bytes.push(counted.separator),
        }
        printed.bytes.extend_from_slice(source.data()?);
        printed.taken += 1;
    } else if source.data().is_some() {
        return None;
    }
    if let Some(below) = line.below {
        printed.bytes.extend_from_slice(b"\r\n");
        printed.param(catalog, below, &counted)?;
    }
    out.extend_from_slice(&printed.bytes);
    Some(printed.taken)
}

/// `+HTTPACTION: ` of `+HTTPACTION: <method>,…`; `true`: the fields stand right behind the name.
fn head(text: &str) -> (&str, bool) {
    let literal = text.split(['<', '[', '(', '\n']).next().unwrap_or_default();
    match literal.find([':', '=', ',']) {
        Some(at) => {
            let blank = literal.get(at + 1..).is_some_and(|rest| rest.starts_with(' '));
            (literal.get(..at + 1 + usize::from(blank)).unwrap_or(literal), false)
        }
        None => (literal, true),
    }
}

fn starts_with_comma(rest: &str) -> bool {
    rest.trim_start_matches(['[', ' ']).starts_with(',')
}

/// Prints a command line without its line end: `AT+CWMODE=1`. `choice`: which alternative of the form's parameters and which shape of it;
/// without meaning for a form that takes none. `None`: a value that it must have is missing.
pub(crate) fn command(
    catalog: &Catalog,
    command: &Command,
    form: Form,
    shape: Option<&Shape>,
    source: &dyn Source,
) -> Option<Vec<u8>> {
    let mut bytes = [b"AT", command.name.as_bytes()].concat();
    let fields = match shape {
        Some(shape) => shape_row(catalog, shape, &Counting { source, counted: None, catalog })?.bytes,
        None => Vec::new(),
    };
    match form {
        Form::Execute => {}
        Form::Read => bytes.push(b'?'),
        Form::Test => bytes.extend_from_slice(b"=?"),
        Form::Set => bytes.push(b'='),
    }
    bytes.extend_from_slice(&fields);
    Some(bytes)
}

/// Prints the shape that takes the most values.
fn row(catalog: &Catalog, shapes: &[Shape], source: &dyn Source) -> Option<Printed> {
    let mut best: Option<Printed> = None;
    for shape in shapes {
        let Some(printed) = shape_row(catalog, shape, source) else { continue };
        if best.as_ref().is_none_or(|best| printed.taken > best.taken) {
            best = Some(printed);
        }
    }
    best
}

fn shape_row(catalog: &Catalog, shape: &Shape, source: &dyn Source) -> Option<Printed> {
    let mut printed = Printed::default();
    // Where the last value stands: omitted ones behind it are left out, commas and all, but for those that always stand.
    let mut kept = 0;
    for (at, field) in shape.fields.iter().enumerate() {
        if at > 0 {
            printed.bytes.push(b',');
        }
        let given = printed.field(catalog, field, source);
        if !given && !field.optional {
            return None;
        }
        if given || at < shape.min {
            kept = printed.bytes.len();
        }
    }
    printed.bytes.truncate(kept);
    Some(printed)
}

impl Printed {
    /// Whether there is something to print.
    fn field(&mut self, catalog: &Catalog, field: &Field, source: &dyn Source) -> bool {
        let Some(at) = field.param else {
            // Words that may be left out are left out.
            if !field.optional {
                self.bytes.extend_from_slice(&field.prefix);
            }
            return !field.optional;
        };
        let Some(spec) = catalog.param(at) else { return false };
        let item = match (&field.fixed, source.item(catalog, spec)) {
            // Another value than the one that it must be is another line.
            (Some(fixed), Some(item)) if !item.text().eq_ignore_ascii_case(fixed.as_bytes()) => return false,
            (Some(fixed), _) => match spec.kind {
                Kind::Words => Item::Text(fixed.as_bytes().to_vec()),
                _ => Item::Raw(fixed.as_bytes().to_vec()),
            },
            (None, Some(item)) => item,
            (None, None) => return false,
        };
        self.bytes.extend_from_slice(&field.prefix);
        value(catalog, spec, &item, &mut self.bytes);
        self.bytes.extend_from_slice(&field.suffix);
        self.taken += 1;
        item != Item::Omitted || !field.optional
    }

    fn param(&mut self, catalog: &Catalog, at: u32, source: &dyn Source) -> Option<()> {
        let spec = catalog.param(at)?;
        let item = source.item(catalog, spec)?;
        value(catalog, spec, &item, &mut self.bytes);
        self.taken += 1;
        Some(())
    }
}

/// Fills the parameter that counts the data.
struct Counting<'a> {
    source: &'a dyn Source,
    counted: Option<Counted>,
    catalog: &'a Catalog,
}

impl Source for Counting<'_> {
    fn item(&self, catalog: &Catalog, spec: &ParamSpec) -> Option<Item> {
        self.source.item(catalog, spec).or_else(|| {
            let by = self.catalog.param(self.counted?.by)?;
            (by.name_id == spec.name_id).then(|| self.source.data().map(|data| Item::from(data.len()))).flatten()
        })
    }
}
