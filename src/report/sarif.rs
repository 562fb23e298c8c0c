//! SARIF 2.1.0 (OASIS), as GitHub's code scanning and editors read it.
//!
//! Written as the findings come: memory does not grow with them. All rules stand ahead, each with its explanation. A place
//! is line and column of the transcript; a finding of a recording without lines is put at line 1, since code scanning
//! shows none without, and its message and logical location say where in the traffic it is. A fingerprint is made of the
//! rule, the file, the message and the event's bytes, but no time, number or line: it holds when the session is recorded
//! again.

use std::collections::HashMap;

use super::document::{Scope, relative};
use super::gather::Told;
use super::json;
use super::places::Region;
use crate::check::{Rule, Severity};

/// Fingerprints that are told apart by their count; further ones are no. 0.
const MOST_COUNTED: usize = 100_000;

/// A report in the making.
#[derive(Debug, Default)]
pub struct Sarif {
    scope: Scope,
    results: u64,
    unreadable: Vec<(String, String)>,
    seen: HashMap<u64, u32>,
}

impl Sarif {
    /// An empty report.
    pub fn new(scope: Scope) -> Self {
        Self { scope, ..Self::default() }
    }

    pub(super) fn begin(&self, out: &mut Vec<u8>) {
        put(
            out,
            "{\n\"$schema\": \"https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json\",\n",
        );
        put(out, "\"version\": \"2.1.0\",\n\"runs\": [{\n\"columnKind\": \"unicodeCodePoints\",\n");
        put(
            out,
            "\"originalUriBaseIds\": {\"%SRCROOT%\": {\"description\": {\"text\": \"The folder in which atscope ran.\"}}},\n",
        );
        put(out, "\"tool\": {\"driver\": {\"name\": \"atscope\", \"semanticVersion\": ");
        json::text(out, env!("CARGO_PKG_VERSION"));
        put(out, ", \"rules\": [");
        for (at, &rule) in Rule::ALL.iter().enumerate() {
            put(out, if at == 0 { "\n" } else { ",\n" });
            self.rule(out, rule);
        }
        put(out, "\n]}},\n\"results\": [");
    }

    fn rule(&self, out: &mut Vec<u8>, rule: Rule) {
        let explanation = rule.explanation();
        let body: Vec<&str> = explanation.lines().filter(|line| !line.starts_with("# ")).collect();
        let markdown = body.join("\n").replace("\n**", "\n\n**").trim().to_owned();
        let text = markdown.replace("**", "").replace('`', "");
        let reports = text.strip_prefix("Reports ").unwrap_or(&text);
        let short = sentence(reports);
        put(out, "{\"id\": ");
        json::text(out, rule.name());
        put(out, ", \"name\": ");
        json::text(out, &pascal(rule.name()));
        put(out, ", \"shortDescription\": {\"text\": ");
        json::text(out, &short);
        put(out, "}, \"fullDescription\": {\"text\": ");
        json::text(out, &text);
        put(out, "}, \"help\": {\"text\": ");
        json::text(out, &text);
        put(out, ", \"markdown\": ");
        json::text(out, &markdown);
        put(out, "}, \"defaultConfiguration\": {\"level\": \"");
        put(out, level(rule.severity()));
        put(out, if self.scope.silenced.contains(&rule) { "\", \"enabled\": false}" } else { "\"}" });
        put(out, ", \"properties\": {\"problem.severity\": \"");
        put(
            out,
            match rule.severity() {
                Severity::Error => "error",
                Severity::Warning => "warning",
                Severity::Info => "recommendation",
            },
        );
        put(out, "\", \"precision\": \"high\", \"tags\": [\"at-commands\"]}}");
    }

    pub(super) fn finding(&mut self, out: &mut Vec<u8>, file: &str, told: &Told) {
        put(out, if self.results == 0 { "\n" } else { ",\n" });
        self.results += 1;
        let index = Rule::ALL.iter().position(|&rule| rule == told.rule).unwrap_or_default();
        put(out, "{\"ruleId\": ");
        json::text(out, told.rule.name());
        put(out, &format!(", \"ruleIndex\": {index}, \"level\": \"{}\"", level(told.severity)));
        put(out, ", \"message\": {\"text\": ");
        let mut message = told.placed_message();
        if let Some(cite) = &told.cite {
            message.push_str(&format!(" ({cite})"));
        }
        json::text(out, &message);
        put(out, "}, \"locations\": [{\"physicalLocation\": ");
        physical(out, file, told.region, true);
        if let Some(seq) = told.seq {
            put(out, ", \"logicalLocations\": [{\"fullyQualifiedName\": ");
            let exchange = told.exchange.map(|exchange| format!("exchange {exchange}/")).unwrap_or_default();
            json::text(out, &format!("{exchange}event {seq}"));
            put(out, "}]");
        }
        put(out, "}]");
        if let Some((says, region)) = told.related.as_ref().filter(|(_, region)| region.is_some()) {
            put(out, ", \"relatedLocations\": [{\"physicalLocation\": ");
            physical(out, file, *region, false);
            put(out, ", \"message\": {\"text\": ");
            json::text(out, says);
            put(out, "}}]");
        }
        let fingerprint = self.fingerprint(file, told);
        put(out, &format!(", \"partialFingerprints\": {{\"atscopeFinding/v1\": \"{fingerprint}\"}}"));
        put(out, ", \"properties\": {");
        let mut lead = "";
        if let Some((from, byte)) = told.byte {
            put(out, &format!("\"from\": \"{from}\", \"byte\": {byte}"));
            lead = ", ";
        }
        if let Some(text) = &told.text {
            put(out, lead);
            put(out, "\"bytes\": ");
            json::text(out, text);
            lead = ", ";
        }
        if let Some(time) = told.time {
            put(out, &format!("{lead}\"time\": "));
            json::time(out, Some(time));
        }
        put(out, "}}");
    }

    /// Of what stays when the session is recorded again, and how many of the same came before.
    fn fingerprint(&mut self, file: &str, told: &Told) -> String {
        let relative = relative(file);
        let parts = [told.rule.name(), &relative, &told.message, told.text.as_deref().unwrap_or_default()];
        let mut hash = 0xCBF2_9CE4_8422_2325_u64;
        for byte in parts.iter().flat_map(|part| part.bytes().chain([0xFF])) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3);
        }
        let full = self.seen.len() >= MOST_COUNTED;
        let count = match self.seen.get_mut(&hash) {
            Some(count) => {
                *count += 1;
                *count
            }
            None => {
                if !full {
                    self.seen.insert(hash, 0);
                }
                0
            }
        };
        format!("{hash:016x}:{count}")
    }

    pub(super) fn unreadable(&mut self, file: &str, message: &str) {
        self.unreadable.push((relative(file), message.to_owned()));
    }

    pub(super) fn end(&self, out: &mut Vec<u8>) {
        put(out, if self.results == 0 { "],\n" } else { "\n],\n" });
        put(out, &format!("\"invocations\": [{{\"executionSuccessful\": {}", self.unreadable.is_empty()));
        if !self.unreadable.is_empty() {
            put(out, ", \"toolExecutionNotifications\": [");
            for (at, (file, message)) in self.unreadable.iter().enumerate() {
                put(out, if at == 0 { "" } else { ", " });
                put(out, "{\"level\": \"error\", \"message\": {\"text\": ");
                json::text(out, message);
                put(out, "}, \"locations\": [{\"physicalLocation\": ");
                physical(out, file, None, false);
                put(out, "}]}");
            }
            put(out, "]");
        }
        put(out, "}]\n}]\n}\n");
    }
}

fn put(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
}

/// `region` or, with `always`, line 1.
fn physical(out: &mut Vec<u8>, file: &str, region: Option<Region>, always: bool) {
    put(out, "{\"artifactLocation\": {\"uri\": ");
    let (uri, is_relative) = uri(file);
    json::text(out, &uri);
    put(out, if is_relative { ", \"uriBaseId\": \"%SRCROOT%\"}" } else { "}" });
    match region {
        Some(Region { line, column, end_column }) => {
            put(out, &format!(", \"region\": {{\"startLine\": {line}, \"startColumn\": {column}"));
            put(out, &format!(", \"endColumn\": {}}}", end_column.max(column)));
        }
        None if always => put(out, ", \"region\": {\"startLine\": 1}"),
        None => {}
    }
    put(out, "}");
}

/// The file as a URI, and whether it is relative to the working folder.
fn uri(file: &str) -> (String, bool) {
    let name = if file == "-" { "stdin".to_owned() } else { relative(file) };
    let mut uri = String::new();
    let is_absolute = name.starts_with('/') || name.get(1..3).is_some_and(|drive| drive.starts_with(":/"));
    if is_absolute {
        uri.push_str(if name.starts_with('/') { "file://" } else { "file:///" });
    }
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' | b'~' | b'+' | b'@' => {
                uri.push(char::from(byte));
            }
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    (uri, !is_absolute)
}

const fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "note",
    }
}

/// `ParamRange` for `param-range`.
fn pascal(name: &str) -> String {
    let capital =
        |word: &str| word.get(..1).unwrap_or_default().to_ascii_uppercase() + word.get(1..).unwrap_or_default();
    name.split('-').map(capital).collect()
}

/// The first sentence, with a capital and a full stop.
fn sentence(text: &str) -> String {
    let paragraph = text.split("\n\n").next().unwrap_or_default();
    let words: Vec<&str> = paragraph.split_whitespace().collect();
    let joined = words.join(" ");
    let end = joined.find(". ").unwrap_or(joined.len());
    let first = joined.get(..end).unwrap_or_default().trim_end_matches('.');
    let mut letters = first.chars();
    let capital: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    format!("{capital}{}.", letters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_uris() {
        assert_eq!(uri("a b/ü.at"), ("a%20b/%C3%BC.at".to_owned(), true));
        assert_eq!(uri("/x/#1.at"), ("file:///x/%231.at".to_owned(), false));
        assert_eq!(uri("-"), ("stdin".to_owned(), true));
    }

    #[test]
    fn rules_have_names_and_sentences() {
        assert_eq!(pascal("param-range"), "ParamRange");
        assert_eq!(sentence("a value. More."), "A value.");
    }
}
