//! GitHub Actions: findings as workflow commands, which the runner shows as annotations of a change's files.
//!
//! `::error file=boot.at,line=14,col=20,endColumn=21,title=param-range::…`. Values are escaped as the runner wants it:
//! line ends and `%` everywhere, `:` and `,` in properties as well. A finding of a recording without lines names the file
//! alone, and says in its message where in the traffic it is.

use std::io::Write;

use super::document::relative;
use super::gather::Told;
use super::places::Region;
use crate::check::Severity;

pub(super) fn finding(out: &mut Vec<u8>, file: &str, told: &Told) {
    let command = match told.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "notice",
    };
    let mut properties = Vec::new();
    if file != "-" {
        properties.push(("file", relative(file)));
    }
    if let Some(Region { line, column, end_column }) = told.region.filter(|_| file != "-") {
        properties.push(("line", line.to_string()));
        properties.push(("col", column.to_string()));
        if end_column > column {
            properties.push(("endColumn", end_column.to_string()));
        }
    }
    properties.push(("title", told.rule.name().to_owned()));
    let mut message = told.placed_message();
    if let Some(cite) = &told.cite {
        message.push_str(&format!(" ({cite})"));
    }
    write(out, command, &properties, &message);
}

pub(super) fn unreadable(out: &mut Vec<u8>, file: &str, message: &str) {
    let mut properties = vec![("title", "unreadable recording".to_owned())];
    if file != "-" {
        properties.insert(0, ("file", relative(file)));
    }
    write(out, "error", &properties, message);
}

/// Appends a workflow command.
pub(super) fn write(out: &mut Vec<u8>, command: &str, properties: &[(&str, String)], message: &str) {
    let properties: Vec<String> =
        properties.iter().map(|(name, value)| format!("{name}={}", property(value))).collect();
    // Writing to a Vec cannot fail.
    let _ = writeln!(out, "::{command} {}::{}", properties.join(","), data(message));
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_would_end_a_value_is_escaped() {
        let mut out = Vec::new();
        write(&mut out, "error", &[("file", "a,b:c%.at".to_owned())], "50 %: x,\r\n::error::y");
        assert_eq!(String::from_utf8(out).unwrap(), "::error file=a%2Cb%3Ac%25.at::50 %25: x,%0D%0A::error::y\n");
    }
}
