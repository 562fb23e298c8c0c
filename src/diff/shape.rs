//! What an answer looks like, without its values: text that people can read in a baseline, and that is taken apart again
//! to be compared.
//!
//! An answer is one item a line, in the order in which the module sent them: the kind of the item, its name and its form,
//! with tabs in between. In the form every value is replaced by what it is:
//!
//! ```text
//! echo            \r\r\n
//! line   +CREG    \r\n+CREG: <n>,<n>\r\n
//! final  OK       \r\nOK\r\n
//! ```
//!
//! `<n>` is a number, `<w>` a word, `<x>` hex digits that may be either, `<q>` a quoted string, `<>` nothing. A form that
//! begins or ends with `*` stands next to something that is not of this answer: its blank lines say nothing.

/// The kinds of items, as answers write them.
pub(super) mod kind {
    pub(in crate::diff) const DATA: &str = "data";
    pub(in crate::diff) const ECHO: &str = "echo";
    pub(in crate::diff) const FINAL: &str = "final";
    pub(in crate::diff) const LATER: &str = "later";
    pub(in crate::diff) const LINE: &str = "line";
    pub(in crate::diff) const PROGRESS: &str = "progress";
    pub(in crate::diff) const PROMPT: &str = "prompt";
    pub(in crate::diff) const SENT: &str = "sent";
}

/// An item of an answer, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item<'a> {
    pub(super) kind: &'a str,
    pub(super) name: &'a str,
    pub(super) form: &'a str,
}

/// The items of an answer.
pub(super) fn items(answer: &str) -> impl Iterator<Item = Item<'_>> {
    answer.split('\n').filter_map(|line| {
        let mut parts = line.splitn(3, '\t');
        Some(Item { kind: parts.next()?, name: parts.next()?, form: parts.next()? })
    })
}

/// A form, taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Form<'a> {
    /// Blank lines ahead; `None` where they say nothing.
    pub(super) lead: Option<&'a str>,
    /// What stands ahead of the first value, without blanks behind it.
    pub(super) head: &'a str,
    /// Blanks between that and the first value.
    pub(super) gap: &'a str,
    /// What stands between values, where it is the same everywhere; else all of it.
    pub(super) between: Vec<&'a str>,
    /// The values: `n`, `w`, `x`, `q` or nothing.
    pub(super) values: Vec<&'a str>,
    /// What stands behind the last value.
    pub(super) rest: &'a str,
    /// The line's end; `None` where it says nothing.
    pub(super) tail: Option<&'a str>,
}

/// Takes a form apart.
pub(super) fn form(form: &str) -> Form<'_> {
    let (lead, body) = match form.strip_prefix('*') {
        Some(body) => (None, body),
        None => {
            let at = leading(form);
            (form.get(..at), form.get(at..).unwrap_or_default())
        }
    };
    let (body, tail) = match body.strip_suffix('*') {
        Some(body) => (body, None),
        None => {
            let at = trailing(body);
            (body.get(..at).unwrap_or_default(), body.get(at..))
        }
    };
    let mut parsed = Form { lead, tail, ..Form::default() };
    let mut rest = body;
    let mut first = true;
    while let Some((literal, value, behind)) = next_value(rest) {
        if first {
            parsed.head = literal.trim_end_matches(' ');
            parsed.gap = literal.get(parsed.head.len()..).unwrap_or_default();
        } else {
            parsed.between.push(literal);
        }
        parsed.values.push(value);
        first = false;
        rest = behind;
    }
    if first {
        parsed.head = rest;
    } else {
        parsed.rest = rest;
    }
    parsed
}

/// A form for people: what stands for a value is called by its name, or by what it is.
pub(super) fn readable(form: &str) -> String {
    let mut text = String::new();
    let mut rest = form;
    while let Some((literal, value, behind)) = next_value(rest) {
        text.push_str(literal);
        let (class, name) = value.split_once(':').unwrap_or((value, ""));
        let name = match (class, name) {
            ("", "") => "",
            ("n", "") => "<number>",
            ("q", "") => "<text>",
            ("r", "") => "<ranges>",
            ("x", "") => "<hex>",
            (_, "") => "<word>",
            _ => &format!("<{name}>"),
        };
        match class {
            "q" => text.push_str(&format!("\"{name}\"")),
            _ => text.push_str(name),
        }
        rest = behind;
    }
    text + rest
}

/// Literal text, the value behind it, and what follows.
fn next_value(text: &str) -> Option<(&str, &str, &str)> {
    let at = text.find('<')?;
    let (literal, rest) = text.split_at_checked(at)?;
    let (value, behind) = rest.get(1..)?.split_once('>')?;
    Some((literal, value, behind))
}

/// Escaped text without the line ends around it.
pub(super) fn bare(text: &str) -> &str {
    let text = text.get(leading(text)..).unwrap_or_default();
    text.get(..trailing(text)).unwrap_or_default()
}

/// Length of the line ends at the start of escaped text.
fn leading(text: &str) -> usize {
    let mut at = 0;
    while text.get(at..).is_some_and(|rest| rest.starts_with("\\r") || rest.starts_with("\\n")) {
        at += 2;
    }
    at
}

/// Where the line ends at the end of escaped text start.
fn trailing(text: &str) -> usize {
    let mut at = text.len();
    while text.get(..at).is_some_and(|rest| rest.ends_with("\\r") || rest.ends_with("\\n")) {
        at -= 2;
    }
    at
}

/// What a value is, from its text: quoted, nothing, a number, hex digits, or a word.
pub(super) fn class(raw: &[u8]) -> &'static str {
    let digits = raw.strip_prefix(b"-").or_else(|| raw.strip_prefix(b"+")).unwrap_or(raw);
    match raw {
        [] => "",
        [b'"', .., b'"'] => "q",
        [b'0', b'x' | b'X', rest @ ..] if !rest.is_empty() && rest.iter().all(u8::is_ascii_hexdigit) => "n",
        _ if !digits.is_empty()
            && digits.first().is_some_and(u8::is_ascii_digit)
            && digits.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.')
            && digits.iter().filter(|byte| **byte == b'.').count() <= 1 =>
        {
            "n"
        }
        _ if raw.len() >= 2 && raw.iter().all(u8::is_ascii_hexdigit) => "x",
        _ => "w",
    }
}

/// Whether two values may be of one kind.
pub(super) fn alike(a: &str, b: &str) -> bool {
    a == b || (a == "x" && (b == "n" || b == "w")) || (b == "x" && (a == "n" || a == "w"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_taken_apart() {
        let parsed = form("\\r\\n+CREG: <n>,<q>\\r\\n");
        assert_eq!((parsed.lead, parsed.head, parsed.gap), (Some("\\r\\n"), "+CREG:", " "));
        assert_eq!((parsed.between, parsed.values, parsed.rest), (vec![","], vec!["n", "q"], ""));
        assert_eq!(parsed.tail, Some("\\r\\n"));
        let parsed = form("*<n>,CONNECT*");
        assert_eq!((parsed.lead, parsed.head, parsed.values, parsed.rest), (None, "", vec!["n"], ",CONNECT"));
        assert_eq!(form("OK\\r\\n"), Form { lead: Some(""), head: "OK", tail: Some("\\r\\n"), ..Form::default() });
    }

    #[test]
    fn forms_read_well() {
        assert_eq!(readable("\\r\\n+CREG: <n:n>,<q>\\r\\n"), "\\r\\n+CREG: <n>,\"<text>\"\\r\\n");
        assert_eq!(readable("+CIFSR:STAIP,<q:IP>,<>"), "+CIFSR:STAIP,\"<IP>\",");
    }

    #[test]
    fn values_have_classes() {
        for (raw, expected) in [
            ("", ""),
            ("12", "n"),
            ("-1.5", "n"),
            ("0x1F", "n"),
            ("1.2.3.4", "w"),
            ("18D5", "x"),
            ("\"a\"", "q"),
            ("READY", "w"),
            ("-", "w"),
        ] {
            assert_eq!(class(raw.as_bytes()), expected, "{raw}");
        }
        assert!(alike("x", "n") && !alike("n", "q"));
    }
}
