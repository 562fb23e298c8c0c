//! The laws of what people and programs read: JSON lines give every byte back, text carries no control character.

use std::sync::Arc;

use super::conversation::Conversation;
use crate::catalog::Catalog;
use crate::check::{Analyzer, Finding, Sink};
use crate::escape;
use crate::report::jsonl::JsonLines;
use crate::report::stats::Stats;
use crate::report::text::{Options, Shape, Text};
use crate::report::{Style, Totals, reference};
use crate::session::Event;

/// Prints a conversation in all forms.
pub(super) fn holds(conversation: &Conversation) {
    let text = |shape, inline, width| {
        let style = Style { color: false, width };
        Text::new("fuzz", None, Options { style, shape, limit: 40, inline })
    };
    let mut printers = Printers {
        lines: JsonLines::new("fuzz\n\"", Some(1)),
        texts: [text(Shape::Auto, true, 100), text(Shape::Hex, true, 30), text(Shape::Text, false, 0)],
        stats: Stats::default(),
        out: Vec::new(),
    };
    let mut analyzer = Analyzer::new(Arc::clone(&conversation.catalog), conversation.options.clone());
    analyzer.learn_at_once(None);
    for chunk in conversation.joined() {
        analyzer.push(chunk.from, chunk.time, &chunk.bytes, &[], &mut printers);
    }
    let summary = analyzer.finish(&mut printers);
    let totals = Totals {
        dialect: conversation.catalog.name.to_string(),
        model: conversation.options.model.clone(),
        profile: summary.profile,
        events: summary.events,
        exchanges: summary.exchanges,
        findings: summary.findings,
        bytes: summary.bytes,
    };
    let Printers { lines, texts, stats, out } = &mut printers;
    lines.summary(out, &totals, Some(stats));
    json_line(out);
    for text in texts {
        text.finish(out, &totals);
        plain(out);
    }
    stats.text(out, Style::default());
    plain(out);
}

/// Prints all pages of a catalog.
pub(super) fn pages(catalog: &Catalog) {
    let (mut out, style) = (Vec::new(), Style::default());
    for command in &catalog.commands {
        reference::command(&mut out, catalog, command, style);
    }
    for line in &catalog.lines {
        reference::line(&mut out, catalog, line, style);
    }
    for table in &catalog.codes {
        reference::codes(&mut out, catalog, table, style);
    }
    assert!(String::from_utf8(out).is_ok(), "a page is no text");
}

struct Printers {
    lines: JsonLines,
    texts: [Text; 3],
    stats: Stats,
    out: Vec<u8>,
}

impl Sink for Printers {
    fn event(&mut self, event: &Event<'_>) {
        let Self { lines, texts, stats, out } = self;
        lines.event(out, event);
        let mut alone = Vec::new();
        lines.event(&mut alone, &Event { told: 0, ..event.clone() });
        assert_eq!(*out, alone, "a line that came before is written otherwise");
        let text = json_line(out);
        assert_eq!(text.as_deref(), Some(event.bytes), "JSON gives other bytes back");
        stats.event(event);
        for text in texts {
            text.event(out, event, true);
            plain(out);
        }
    }

    fn finding(&mut self, finding: &Finding) {
        let Self { lines, texts, out, .. } = self;
        let severity = finding.rule.severity();
        lines.finding(out, finding, severity);
        json_line(out);
        for text in texts {
            text.finding(out, finding, severity);
            plain(out);
        }
    }
}

/// Takes one JSON line; gives the bytes that its member `text` stands for.
fn json_line(out: &mut Vec<u8>) -> Option<Vec<u8>> {
    let line = String::from_utf8(std::mem::take(out)).expect("JSON is UTF-8");
    assert!(line.starts_with("{\"type\":\"") && line.ends_with("}\n"), "no JSON line: {line}");
    assert!(
        !line.trim_end_matches('\n').contains(|c: char| c.is_ascii_control()),
        "a control character in JSON: {line:?}"
    );
    let (_, text) = line.split_once(",\"text\":\"")?;
    let mut escaped = Vec::new();
    let mut chars = text.chars();
    loop {
        match chars.next()? {
            '"' => break,
            '\\' => match chars.next()? {
                byte @ ('"' | '\\') => escaped.push(byte as u8),
                other => unreachable!("escaped bytes are printable, but here is \\{other}: {line}"),
            },
            char => escaped.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    let mut bytes = Vec::new();
    escape::unescape(&escaped, &mut bytes).expect("what was escaped can be read");
    Some(bytes)
}

/// Takes text for people.
fn plain(out: &mut Vec<u8>) {
    let text = String::from_utf8(std::mem::take(out)).expect("what people read is UTF-8");
    assert!(!text.contains(|char: char| char.is_control() && char != '\n'), "a control character: {text:?}");
}
