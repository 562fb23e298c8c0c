//! Findings as people read them: what is wrong, where, the lines that show it, who says so.
//!
//! ```text
//! error[param-range]: `mode` is 7, expected 0 to 3
//!   --> boot.at:14:20 (host, byte 212)
//! 14 | @3.250 > AT+CWMODE=7\r\n
//!    |                    ^
//! 15 | @3.262 < \r\nERROR\r\n
//!    |          ------------- refused 12 ms later
//!    = cite: ESP AT Commands Set §3.1
//! ```
//!
//! Lines and columns are those of the transcript. Other recordings have none: events are named and shown instead.

use std::ops::Range;

use super::pen::{Ink, Pen, arrow};
use super::places::{Found, Places};
use super::ring::{Kept, Ring};
use super::units::{Units, text_units, units, width_of};
use crate::check::{Finding, Rule, Severity};

/// Where a finding is looked up.
pub(super) struct Place<'a> {
    pub(super) file: &'a str,
    pub(super) session: Option<u32>,
    pub(super) ring: &'a Ring,
    pub(super) places: &'a Places,
}

impl<'a> Place<'a> {
    /// The line of the file that shows a part of an event.
    fn find(&self, kept: &Kept, part: Option<&Range<usize>>) -> Option<Found<'a>> {
        let event = kept.offset..kept.offset + kept.len;
        let part = match part {
            Some(part) => kept.offset + part.start as u64..kept.offset + part.end as u64,
            None => event.clone(),
        };
        self.places.find(kept.from, event, part)
    }
}

pub(super) const fn severity_ink(severity: Severity) -> Ink {
    match severity {
        Severity::Error => Ink::Bad,
        Severity::Warning => Ink::Doubtful,
        Severity::Info => Ink::Note,
    }
}

/// The whole block, with a blank line behind it.
pub(super) fn full(pen: &mut Pen<'_>, place: &Place<'_>, finding: &Finding, severity: Severity) {
    let kept = finding.seq.and_then(|seq| place.ring.find(seq));
    let gutter = gutter_width(place, finding);
    headline(pen, finding, severity, 0);
    arrow_line(pen, gutter, ":", place, finding, kept);
    if let (Some(seq), Some(kept), true) = (finding.seq, kept, shows_event(finding)) {
        snippet(pen, gutter, Some(seq), place, kept, finding.span.clone(), Mark::of(severity));
    }
    related(pen, place, finding, gutter, true);
    notes(pen, finding, gutter);
    pen.end();
}

/// The block under the line of its event, which shows the event already.
pub(super) fn under(pen: &mut Pen<'_>, place: &Place<'_>, finding: &Finding, severity: Severity, margin: usize) {
    headline(pen, finding, severity, margin);
    let kept = finding.seq.and_then(|seq| place.ring.find(seq));
    if kept.is_some_and(|kept| place.find(kept, finding.span.as_ref()).is_some()) {
        arrow_line(pen, margin, ":", place, finding, kept);
    }
    if let (Some(kept), Some(span)) = (kept, &finding.span) {
        snippet(pen, margin, None, place, kept, Some(span.clone()), Mark::of(severity));
    }
    related(pen, place, finding, margin, false);
    notes(pen, finding, margin);
}

/// The block of a finding about an earlier event, or about none.
pub(super) fn late(pen: &mut Pen<'_>, place: &Place<'_>, finding: &Finding, severity: Severity, margin: usize) {
    headline(pen, finding, severity, margin);
    let kept = finding.seq.and_then(|seq| place.ring.find(seq));
    if finding.seq.is_some() {
        arrow_line(pen, margin, "", place, finding, kept);
    }
    if let Some(kept) = kept.filter(|_| shows_event(finding)) {
        snippet(pen, margin, None, place, kept, finding.span.clone(), Mark::of(severity));
    }
    related(pen, place, finding, margin, false);
    notes(pen, finding, margin);
}

/// `--> ` and where it is: line and column of a transcript, else what is known. Without a `lead`, the file is not named
/// unless its line is.
fn arrow_line(pen: &mut Pen<'_>, gutter: usize, lead: &str, place: &Place<'_>, finding: &Finding, kept: Option<&Kept>) {
    pen.to(gutter);
    pen.put(Ink::Dim, "-->");
    let found = kept.filter(|_| shows_event(finding)).and_then(|kept| place.find(kept, finding.span.as_ref()));
    if found.is_some() || !lead.is_empty() {
        pen.blanks(1);
        pen.wire(Ink::Plain, place.file.as_bytes());
    }
    match found {
        Some(found) => {
            pen.print(Ink::Plain, format_args!(":{}:{}", found.line, found.column));
            byte(pen, finding, kept);
        }
        None => whereabouts(pen, lead, place, finding, kept),
    }
    pen.end();
}

/// ` (host, byte 212)`
fn byte(pen: &mut Pen<'_>, finding: &Finding, kept: Option<&Kept>) {
    if let Some(kept) = kept {
        let byte = kept.offset + finding.span.as_ref().map_or(0, |span| span.start as u64);
        pen.print(Ink::Plain, format_args!(" ({}, byte {byte})", kept.from));
    }
}

/// Damage is about the recording: the event that comes last ahead of it is not to blame.
fn shows_event(finding: &Finding) -> bool {
    finding.rule != Rule::CaptureDamaged
}

fn headline(pen: &mut Pen<'_>, finding: &Finding, severity: Severity, margin: usize) {
    pen.to(margin);
    pen.indent = margin + 4;
    pen.print(severity_ink(severity), format_args!("{severity}[{}]", finding.rule.name()));
    pen.put(Ink::Bold, ":");
    pen.blanks(1);
    pen.words(Ink::Bold, &finding.message);
    pen.end();
}

/// `: event 14, exchange 6, 3.25 s (host, byte 212)`, as far as it is known; `lead` stands ahead of the first part.
fn whereabouts(pen: &mut Pen<'_>, lead: &str, place: &Place<'_>, finding: &Finding, kept: Option<&Kept>) {
    let mut lead = lead;
    let mut gap = |pen: &mut Pen<'_>| {
        pen.put(Ink::Plain, std::mem::replace(&mut lead, ","));
        pen.blanks(1);
    };
    if let Some(session) = place.session {
        gap(pen);
        pen.print(Ink::Plain, format_args!("session {session}"));
    }
    if let Some(seq) = finding.seq {
        gap(pen);
        pen.print(Ink::Plain, format_args!("event {seq}"));
    }
    if let Some(exchange) = finding.exchange.or(kept.and_then(|kept| kept.exchange)) {
        gap(pen);
        pen.print(Ink::Plain, format_args!("exchange {exchange}"));
    }
    if let Some(time) = finding.time.or(kept.and_then(|kept| kept.time)) {
        gap(pen);
        pen.print(Ink::Plain, format_args!("{time:.6} s"));
    }
    byte(pen, finding, kept);
}

/// The other event that shows it.
fn related(pen: &mut Pen<'_>, place: &Place<'_>, finding: &Finding, gutter: usize, numbered: bool) {
    let Some((seq, text)) = &finding.related else {
        return;
    };
    match place.ring.find(*seq) {
        Some(kept) => {
            let mark = Mark { sign: b'-', ink: Ink::Dim, text };
            snippet(pen, gutter, numbered.then_some(*seq), place, kept, None, mark);
        }
        None => note(pen, gutter, "see", &format!("event {seq}: {text}")),
    }
}

fn notes(pen: &mut Pen<'_>, finding: &Finding, gutter: usize) {
    if let Some(cite) = &finding.cite {
        note(pen, gutter, "cite", cite);
    }
}

fn note(pen: &mut Pen<'_>, gutter: usize, what: &str, text: &str) {
    pen.to(gutter + 1);
    pen.put(Ink::Dim, "= ");
    pen.put(Ink::Dim, what);
    pen.put(Ink::Dim, ": ");
    pen.indent = pen.column;
    pen.words(Ink::Plain, text);
    pen.end();
}

/// How an event's bytes are marked, and what stands behind the mark.
struct Mark<'a> {
    sign: u8,
    ink: Ink,
    text: &'a str,
}

impl Mark<'_> {
    const fn of(severity: Severity) -> Self {
        Self { sign: b'^', ink: severity_ink(severity), text: "" }
    }
}

/// An event's bytes, or the line of the file that has them, and below that the mark of a span (all of them without one).
fn snippet(
    pen: &mut Pen<'_>,
    gutter: usize,
    seq: Option<u64>,
    place: &Place<'_>,
    kept: &Kept,
    span: Option<Range<usize>>,
    mark: Mark<'_>,
) {
    let found = place.find(kept, span.as_ref());
    let number = seq.map(|seq| found.as_ref().map_or(seq, |found| found.line));
    if let Some(number) = number {
        pen.right(Ink::Dim, gutter, number.to_string().as_bytes());
    }
    pen.to(gutter);
    pen.blanks(1);
    pen.put(Ink::Dim, "|");
    pen.blanks(1);
    let (bytes, whole, apart, marked): (&[u8], bool, Apart, _) = match &found {
        Some(found) => (found.text, found.whole, text_units, Some(found.marked.clone())),
        None => {
            pen.put(kept.from.into(), arrow(kept.from));
            pen.blanks(1);
            // Bytes far beyond what is remembered cannot be marked.
            let marked = match span {
                Some(span) if span.start > kept.bytes.len() || (span.start == kept.bytes.len() && !kept.whole) => None,
                Some(span) => Some(span),
                None => Some(0..kept.bytes.len()),
            };
            (&kept.bytes, kept.whole, units, marked)
        }
    };
    let start = pen.column;
    let window = window(bytes, apart, marked.as_ref(), pen.room().saturating_sub(4).max(20));
    if window.start > 0 {
        pen.put(Ink::Dim, "…");
    }
    let shown = pen.column;
    let visible = bytes.get(window.clone()).unwrap_or_default();
    pen.indent = shown;
    match found {
        Some(_) => pen.escaped(Ink::Plain, visible),
        None => pen.wire(Ink::Plain, visible),
    }
    if window.end < bytes.len() || !whole {
        pen.put(Ink::Dim, "…");
    }
    pen.end();
    pen.to(gutter + 1);
    pen.put(Ink::Dim, "|");
    if let Some(marked) = marked {
        let from = marked.start.clamp(window.start, window.end);
        let upto = marked.end.clamp(from, window.end);
        let before = width_of(apart(bytes.get(window.start..from).unwrap_or_default()));
        let below = width_of(apart(bytes.get(from..upto).unwrap_or_default())).max(1);
        pen.to(if window.start > 0 { shown } else { start } + before);
        pen.repeat(mark.ink, mark.sign, below);
    }
    if !mark.text.is_empty() {
        pen.blanks(1);
        pen.indent = gutter + 3;
        pen.words(mark.ink, mark.text);
    }
    pen.end();
}

/// Takes bytes apart for being shown: off the wire, or escaped already.
type Apart = fn(&[u8]) -> Units<'_>;

/// The bytes that fit on a line of so many columns, the start of the marked ones among them.
fn window(bytes: &[u8], apart: Apart, marked: Option<&Range<usize>>, columns: usize) -> Range<usize> {
    let focus = marked.map_or(0, |marked| marked.start.min(bytes.len()));
    let before = width_of(apart(bytes.get(..focus).unwrap_or_default()));
    let mut start = 0;
    // A third of the line shows what comes ahead of a mark that would not fit otherwise.
    if before > columns * 2 / 3 {
        let mut skip = before - columns / 3;
        for unit in apart(bytes) {
            if skip == 0 {
                break;
            }
            skip = skip.saturating_sub(unit.width.max(1));
            start += unit.took;
        }
    }
    let mut end = start;
    let mut used = 0;
    for unit in apart(bytes.get(start..).unwrap_or_default()) {
        used += unit.width;
        if used > columns {
            break;
        }
        end += unit.took;
    }
    start..end
}

fn gutter_width(place: &Place<'_>, finding: &Finding) -> usize {
    let digits = |seq: u64, span: Option<&Range<usize>>| {
        let found = place.ring.find(seq).and_then(|kept| place.find(kept, span));
        found.map_or(seq, |found| found.line).checked_ilog10().unwrap_or(0) as usize + 1
    };
    let related = finding.related.as_ref().map_or(0, |(seq, _)| digits(*seq, None));
    finding.seq.map_or(2, |seq| digits(seq, finding.span.as_ref())).max(related).max(2)
}

#[cfg(test)]
mod tests {
    use super::super::units::width;
    use super::*;

    #[test]
    fn the_mark_is_always_in_the_window() {
        let bytes: Vec<u8> = (0..=255).cycle().take(900).collect();
        for start in (0..900).step_by(7) {
            for columns in [20, 33, 76] {
                let window = window(&bytes, units, Some(&(start..start + 1)), columns);
                assert!(window.contains(&start), "{start} in {window:?} of {columns}");
                assert!(width(bytes.get(window.clone()).unwrap_or_default()) <= columns);
            }
        }
        assert_eq!(window(b"AT\r\n", units, None, 20), 0..4);
    }
}
