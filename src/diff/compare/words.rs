//! A difference of a line's form in words, whoever sent the line.

use super::Kind;
use crate::check::Severity;

/// What lines are called where several of them are different in the same way.
pub(super) const LINES: &str = "lines";

/// A difference in words.
pub(super) struct Told {
    pub(super) kind: Kind,
    pub(super) severity: Severity,
    pub(super) part: String,
    pub(super) message: String,
    /// What can be said of several at once; empty where nothing can.
    pub(super) general: String,
}

/// Says what is different of `what`, and of `generic` where it is not alone; `fields` are the positions that differ.
pub(super) fn of_form(
    kind: Kind,
    fields: &[usize],
    what: &str,
    generic: &str,
    (from, to): (&str, &str),
    is_permuted: bool,
) -> Told {
    let at = fields.first().copied().unwrap_or_default();
    let name = |kind, severity, part: String, message| Told { kind, severity, part, message, general: String::new() };
    let mut told = match kind {
        Kind::BlankLines => {
            let place = place(at);
            let message = format!("line ends {place} {what} were {}, are {}", ends(from), ends(to));
            name(kind, Severity::Warning, place.to_owned(), message)
        }
        Kind::Spelling => {
            let message = format!("{what} was written {}, now {}", quoted(from), quoted(to));
            name(kind, Severity::Error, String::new(), message)
        }
        Kind::Spacing => name(kind, Severity::Warning, String::new(), blanks(at, what, from, to)),
        Kind::FieldCount => name(kind, Severity::Error, String::new(), format!("{what} had {from} fields, has {to}")),
        Kind::FieldType if is_permuted => {
            name(Kind::FieldOrder, Severity::Error, String::new(), format!("fields of {what} have changed places"))
        }
        Kind::FieldType => {
            let (are, were) = if fields.len() > 1 { ("are", "were each") } else { ("is", "was") };
            let message = format!("{} of {what} {were} {}, {are} {}", named(fields), class_name(from), class_name(to));
            name(kind, Severity::Error, named(fields), message)
        }
        Kind::Quoting => {
            let have = if fields.len() > 1 { "have" } else { "has" };
            let quotes = if to == "quoted" { "quotes now" } else { "no quotes any more" };
            name(kind, Severity::Error, named(fields), format!("{} of {what} {have} {quotes}", named(fields)))
        }
        _ => name(kind, Severity::Warning, String::new(), format!("{what} was {from}, is {to}")),
    };
    told.general = match kind {
        Kind::BlankLines => line_ends(at, generic, from, to),
        Kind::Spacing => blanks(at, generic, from, to),
        // A result is written in one way, whatever the command.
        _ if generic != LINES => told.message.clone(),
        _ => String::new(),
    };
    told
}

/// Fields by their positions: `field 2`, `fields 1, 2`.
fn named(fields: &[usize]) -> String {
    let positions: Vec<String> = fields.iter().map(usize::to_string).collect();
    format!("field{} {}", if fields.len() > 1 { "s" } else { "" }, positions.join(", "))
}

const fn place(at: usize) -> &'static str {
    if at == 0 { "ahead of" } else { "behind" }
}

fn have(what: &str) -> &'static str {
    if what == LINES { "have" } else { "has" }
}

fn blanks(at: usize, what: &str, from: &str, to: &str) -> String {
    let place = match at {
        0 => "ahead of the first field",
        1 => "between the fields",
        3 => "behind the colon",
        _ => "at the end",
    };
    let have = have(what);
    if from.len() < to.len() {
        format!("{what} {have} blanks {place} now")
    } else {
        format!("{what} {have} no blanks {place} any more")
    }
}

/// How line ends are others, of several lines: by how many, where they are the usual ones.
fn line_ends(at: usize, what: &str, from: &str, to: &str) -> String {
    const END: &str = "\\r\\n";
    let place = place(at);
    let count = |text: &str| (text.matches(END).count() * END.len() == text.len()).then(|| text.len() / END.len());
    let (Some(before), Some(after)) = (count(from), count(to)) else {
        return format!("line ends {place} {what} were {}, are {}", ends(from), ends(to));
    };
    let (number, more) = if after > before { (after - before, "more") } else { (before - after, "less") };
    let (have, it) = (have(what), if what == LINES { "them" } else { "it" });
    format!("{what} {have} {number} line end{} {more} {place} {it}", if number == 1 { "" } else { "s" })
}

fn class_name(class: &str) -> &'static str {
    match class {
        "n" => "a number",
        "x" => "hex digits",
        "q" => "a quoted string",
        "" => "empty",
        "r" => "a range list",
        _ => "a word",
    }
}

pub(super) fn quoted(text: &str) -> String {
    format!("`{}`", text.replace('`', "'"))
}

pub(super) fn ends(text: &str) -> String {
    match text {
        "" => "none".to_owned(),
        _ => quoted(text),
    }
}
