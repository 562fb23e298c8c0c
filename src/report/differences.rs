//! What is different between two firmware versions, as people and programs read it.

use std::collections::BTreeMap;

use quick_junit::{NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestSuite};
use serde::Serialize;

use super::block::severity_ink;
use super::document::counted;
use super::junit;
use super::markdown::{code, mark, message, plain};
use super::pen::{Ink, Pen, Style};
use crate::check::Severity;
use crate::diff::{Accepted, Aligned, Difference, Differences, Side};

/// Version of the JSON that [`json`] writes.
const VERSION: u32 = 1;

/// Differences that a comment shows.
const MOST_SHOWN: usize = 100;

/// Subjects of one difference that are named.
const MOST_SUBJECTS: usize = 24;

/// One side, for people.
#[derive(Clone, Debug, Serialize)]
pub struct About {
    /// Its recordings.
    pub recordings: Vec<String>,
    /// The dialect that it was held against.
    pub dialect: String,
    /// What the firmware says of itself.
    pub identity: Vec<String>,
}

impl About {
    /// Of a side.
    pub fn new(side: &Side) -> Self {
        let recordings = side.names().into_iter().map(str::to_owned).collect();
        Self { recordings, dialect: side.dialect().to_owned(), identity: side.identity().to_vec() }
    }

    fn names(&self) -> String {
        match self.recordings.as_slice() {
            [] => "nothing".to_owned(),
            [one] => one.clone(),
            [first, rest @ ..] => format!("{first} and {} more", rest.len()),
        }
    }

    fn firmware(&self) -> String {
        if self.identity.is_empty() { "firmware not told".to_owned() } else { self.identity.join("; ") }
    }
}

/// A comparison that is to be shown.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// The old side.
    pub old: About,
    /// The new side.
    pub new: About,
    /// What is different, without what was accepted.
    pub differences: Differences,
    /// What was accepted, and the reason.
    pub accepted: Vec<(Difference, Accepted)>,
}

/// Appends the differences as text.
pub fn text(out: &mut Vec<u8>, comparison: &Comparison, style: Style) {
    let mut pen = Pen::new(out, style);
    for (sign, side) in [("old", &comparison.old), ("new", &comparison.new)] {
        pen.put(Ink::Dim, sign);
        pen.blanks(2);
        pen.wire(Ink::Bold, side.names().as_bytes());
        pen.print(Ink::Plain, format_args!(" ({})", side.dialect));
        pen.end();
        pen.to(5);
        pen.indent = 5;
        pen.wire(Ink::Plain, side.firmware().as_bytes());
        pen.end();
    }
    pen.wire(Ink::Dim, alignment(&comparison.differences.aligned).as_bytes());
    pen.end();
    let mut subject = None;
    for one in &comparison.differences.list {
        if subject.replace((one.severity, &one.subject)) != Some((one.severity, &one.subject)) {
            pen.end();
            let name = if one.subject.is_empty() { "several commands" } else { &one.subject };
            pen.wire(Ink::Bold, name.as_bytes());
            pen.end();
        }
        difference(&mut pen, one);
    }
    pen.end();
    for (one, accepted) in &comparison.accepted {
        pen.to(2);
        pen.indent = 6;
        let subject = if one.subject.is_empty() { "several commands" } else { &one.subject };
        pen.put(Ink::Dim, "accepted");
        pen.print(Ink::Dim, format_args!("[{}] ", one.kind.name()));
        pen.wire(Ink::Plain, subject.as_bytes());
        pen.put(Ink::Plain, ": ");
        pen.words(Ink::Plain, &one.message);
        pen.words(Ink::Dim, &format!(" (reason: {})", accepted.reason));
        pen.end();
    }
    pen.wire(Ink::Bold, comparison.old.names().as_bytes());
    pen.put(Ink::Plain, " → ");
    pen.wire(Ink::Bold, comparison.new.names().as_bytes());
    pen.print(Ink::Plain, format_args!(": {}", summary(comparison)));
    pen.end();
}

fn difference(pen: &mut Pen<'_>, one: &Difference) {
    pen.to(2);
    pen.indent = 6;
    pen.print(severity_ink(one.severity), format_args!("{}[{}]", one.severity, one.kind.name()));
    pen.put(Ink::Plain, ": ");
    pen.words(Ink::Plain, &one.message);
    if one.count > 1 && one.subjects.is_empty() {
        pen.print(Ink::Dim, format_args!(" ({} times)", one.count));
    }
    pen.end();
    if !one.subjects.is_empty() {
        pen.to(6);
        pen.words(Ink::Dim, &subjects(one));
        pen.end();
    }
    for (sign, text, place) in [("-", &one.old, &one.old_place), ("+", &one.new, &one.new_place)] {
        if text.is_empty() && place.is_empty() {
            continue;
        }
        pen.to(6);
        pen.indent = 8;
        pen.put(if sign == "-" { Ink::Bad } else { Ink::Good }, sign);
        pen.blanks(1);
        pen.escaped(Ink::Plain, text.as_bytes());
        if !place.is_empty() {
            pen.blanks(2);
            pen.put(Ink::Dim, "--> ");
            pen.wire(Ink::Dim, place.as_bytes());
        }
        pen.end();
    }
}

/// The subjects of a difference of several, so many of them.
fn subjects(one: &Difference) -> String {
    let shown: Vec<&str> = one.subjects.iter().take(MOST_SUBJECTS).map(String::as_str).collect();
    match one.subjects.len() - shown.len() {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

fn alignment(aligned: &Aligned) -> String {
    let Aligned { both, moved, old_only, new_only } = aligned;
    let mut text = format!("{both} commands on both sides");
    if *moved > 0 {
        text.push_str(&format!(", {moved} of them moved"));
    }
    if *old_only + *new_only > 0 {
        text.push_str(&format!("; {old_only} on the old side alone, {new_only} on the new one"));
    }
    text
}

fn summary(comparison: &Comparison) -> String {
    let counts = comparison.differences.counts();
    let accepted = match comparison.accepted.len() {
        0 => String::new(),
        count => format!("; {count} accepted"),
    };
    if counts == [0; 3] { format!("no differences{accepted}") } else { counted(counts) + &accepted }
}

/// Appends the differences as one JSON document.
pub fn json(out: &mut Vec<u8>, comparison: &Comparison) {
    #[derive(Serialize)]
    struct Counts {
        error: u64,
        warning: u64,
        info: u64,
    }
    #[derive(Serialize)]
    struct Taken<'a> {
        reason: &'a str,
        #[serde(flatten)]
        difference: &'a Difference,
    }
    #[derive(Serialize)]
    struct Document<'a> {
        format: &'static str,
        version: u32,
        old: &'a About,
        new: &'a About,
        aligned: Aligned,
        counts: Counts,
        differences: &'a [Difference],
        accepted: Vec<Taken<'a>>,
    }
    let Comparison { old, new, differences, accepted } = comparison;
    let [error, warning, info] = differences.counts();
    let accepted = accepted.iter().map(|(difference, by)| Taken { reason: &by.reason, difference }).collect();
    let document = Document {
        format: "atscope-diff",
        version: VERSION,
        old,
        new,
        aligned: differences.aligned,
        counts: Counts { error, warning, info },
        differences: &differences.list,
        accepted,
    };
    // Writing strings and numbers to a Vec cannot fail.
    let _ = serde_json::to_writer_pretty(&mut *out, &document);
    out.push(b'\n');
}

/// Appends the differences as JUnit XML: a test case for each command that both sides have, and for what is different
/// beside them.
pub fn junit(out: &mut Vec<u8>, comparison: &Comparison, fails: Option<Severity>) {
    let mut cases: BTreeMap<&str, Vec<&Difference>> = BTreeMap::new();
    for command in &comparison.differences.commands {
        cases.entry(command).or_default();
    }
    for one in &comparison.differences.list {
        let name = if one.subject.is_empty() { "several commands" } else { one.subject.as_str() };
        cases.entry(name).or_default().push(one);
    }
    let mut suite = TestSuite::new(format!("{} → {}", comparison.old.names(), comparison.new.names()));
    suite.add_property(Property::new("old", comparison.old.firmware()));
    suite.add_property(Property::new("new", comparison.new.firmware()));
    for (name, list) in cases {
        let is_failure = |one: &&&Difference| fails.is_some_and(|least| one.severity >= least);
        let told = |list: &[&Difference]| list.iter().map(|one| told(one)).collect::<String>();
        let status = match list.iter().find(is_failure) {
            Some(first) => {
                let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
                status.set_message(first.message.as_str()).set_type(first.kind.name()).set_description(told(&list));
                status
            }
            None => TestCaseStatus::success(),
        };
        let is_success = matches!(status, TestCaseStatus::Success { .. });
        let mut case = TestCase::new(name, status);
        case.set_classname("atscope diff");
        if is_success && !list.is_empty() {
            case.set_system_out(told(&list));
        }
        suite.add_test_case(case);
    }
    let mut report = Report::new("atscope diff");
    report.add_test_suite(suite);
    junit::write(&report, out);
}

fn told(one: &Difference) -> String {
    let mut text = format!("{}[{}]: {}\n", one.severity, one.kind.name(), one.message);
    if !one.subjects.is_empty() {
        text.push_str(&format!("    {}\n", subjects(one)));
    }
    for (sign, side, place) in [("-", &one.old, &one.old_place), ("+", &one.new, &one.new_place)] {
        if !side.is_empty() || !place.is_empty() {
            text.push_str(&format!("  {sign} {side}  {place}\n"));
        }
    }
    text
}

/// Appends the differences as Markdown, for a pull request's comment.
pub fn markdown(out: &mut Vec<u8>, comparison: &Comparison) {
    let mut text = format!("### atscope diff: {}\n\n", summary(comparison));
    text.push_str("| | recordings | firmware |\n|---|---|---|\n");
    for (name, side) in [("old", &comparison.old), ("new", &comparison.new)] {
        text.push_str(&format!("| {name} | {} | {} |\n", code(&side.names()), code(&side.firmware())));
    }
    text.push_str(&format!("\n{}\n", plain(&alignment(&comparison.differences.aligned))));
    let list = &comparison.differences.list;
    let (worse, infos): (Vec<&Difference>, Vec<&Difference>) =
        list.iter().partition(|one| one.severity > Severity::Info);
    table(&mut text, &worse);
    if !infos.is_empty() {
        text.push_str(&format!("\n<details><summary>{} infos</summary>\n", infos.len()));
        table(&mut text, &infos);
        text.push_str("\n</details>\n");
    }
    if !comparison.accepted.is_empty() {
        text.push_str("\n<details><summary>accepted</summary>\n\n| what | reason |\n|---|---|\n");
        for (one, accepted) in comparison.accepted.iter().take(MOST_SHOWN) {
            let what = format!("{}: {}", code(&one.subject), message(&one.message));
            text.push_str(&format!("| {what} | {} |\n", plain(&accepted.reason)));
        }
        text.push_str("\n</details>\n");
    }
    out.extend_from_slice(text.as_bytes());
}

fn table(text: &mut String, list: &[&Difference]) {
    if list.is_empty() {
        return;
    }
    text.push_str("\n| | command | what |\n|---|---|---|\n");
    for one in list.iter().take(MOST_SHOWN) {
        let subject = if one.subject.is_empty() { "several commands".to_owned() } else { code(&one.subject) };
        let mut what = format!("{} <sub>{}</sub>", message(&one.message), one.kind.name());
        if !one.subjects.is_empty() {
            what.push_str(&format!("<br>{}", code(&subjects(one))));
        }
        for (sign, side, place) in [("−", &one.old, &one.old_place), ("+", &one.new, &one.new_place)] {
            if !side.is_empty() {
                let cut: String = side.chars().take(160).collect();
                what.push_str(&format!("<br>{sign} {} <sub>{}</sub>", code(&cut), plain(place)));
            }
        }
        text.push_str(&format!("| {} | {subject} | {what} |\n", mark(one.severity)));
    }
    if list.len() > MOST_SHOWN {
        text.push_str(&format!("| | | … {} more |\n", list.len() - MOST_SHOWN));
    }
}
