//! JUnit XML: a test suite for each recording, a test case for each rule.
//!
//! A case a rule, and not a case an exchange: rules have the same names in every run, so that a CI server can tell what
//! broke, what was repaired and since when; exchanges are many, have no names, and are numbered anew as soon as the host
//! sends one command more. What makes the run fail is a failure, damage an error; findings below `--fail-on` stand in the
//! case's output, rules that are not reported are skipped.

use quick_junit::{NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestSuite};

use super::Totals;
use super::document::{Scope, relative, title};
use super::gather::{Broken, Gather};
use crate::check::Rule;

/// A report in the making.
#[derive(Debug)]
pub struct Junit {
    scope: Scope,
    report: Report,
}

impl Junit {
    /// An empty report.
    pub fn new(scope: Scope) -> Self {
        Self { scope, report: Report::new("atscope check") }
    }

    pub(super) fn session(&mut self, file: &str, session: Option<u32>, totals: &Totals, gather: Gather) {
        let title = title(file, session);
        let mut suite = TestSuite::new(title.as_str());
        suite.add_property(Property::new("dialect", totals.dialect.as_str()));
        if let Some(model) = &totals.model {
            suite.add_property(Property::new("model", model.as_str()));
        }
        if let Some(profile) = &totals.profile {
            suite.add_property(Property::new("profile", profile.as_str()));
        }
        suite.add_property(Property::new("events", totals.events.to_string()));
        suite.add_property(Property::new("exchanges", totals.exchanges.to_string()));
        for &rule in Rule::ALL {
            let broken = gather.broken.iter().find(|broken| broken.rule == rule);
            suite.add_test_case(self.case(&title, rule, broken));
        }
        self.report.add_test_suite(suite);
    }

    fn case(&self, title: &str, rule: Rule, broken: Option<&Broken>) -> TestCase {
        let status = match broken {
            Some(broken) if rule == Rule::CaptureDamaged => of(NonSuccessKind::Error, title, broken),
            Some(broken) if self.scope.is_failure(broken.severity) => of(NonSuccessKind::Failure, title, broken),
            _ if self.scope.silenced.contains(&rule) => {
                let mut status = TestCaseStatus::skipped();
                status.set_message("not reported (--allow)");
                status
            }
            _ => TestCaseStatus::success(),
        };
        let is_success = matches!(status, TestCaseStatus::Success { .. });
        let mut case = TestCase::new(rule.name(), status);
        case.set_classname(title);
        if let Some(broken) = broken.filter(|_| is_success) {
            case.set_system_out(listed(title, broken));
        }
        case
    }

    pub(super) fn unreadable(&mut self, file: &str, message: &str) {
        let name = relative(file);
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
        status.set_message(message).set_type("unreadable");
        let mut case = TestCase::new("readable", status);
        case.set_classname(name.as_str());
        let mut suite = TestSuite::new(name.as_str());
        suite.add_test_case(case);
        self.report.add_test_suite(suite);
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        write(&self.report, out);
    }
}

/// Appends a report.
pub(super) fn write(report: &Report, out: &mut Vec<u8>) {
    // Writing to a Vec cannot fail, and so cannot this.
    if let Ok(text) = report.to_string() {
        out.extend_from_slice(text.as_bytes());
    }
}

fn of(kind: NonSuccessKind, title: &str, broken: &Broken) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    let first = broken.told.first().map(|told| told.placed_message()).unwrap_or_default();
    let message = if broken.count > 1 { format!("{first} (and {} more)", broken.count - 1) } else { first };
    status.set_message(message).set_type(broken.severity.as_str()).set_description(listed(title, broken));
    status
}

/// Every finding on lines of its own, as compilers print them.
fn listed(title: &str, broken: &Broken) -> String {
    let mut text = String::new();
    for told in &broken.told {
        let place = match told.region {
            Some(region) => format!("{title}:{}:{}", region.line, region.column),
            None => title.to_owned(),
        };
        text.push_str(&format!("{place}: {}: {}\n", told.severity, told.placed_message()));
        if let Some(event) = &told.text {
            text.push_str(&format!("    {event}\n"));
        }
        if let Some(cite) = &told.cite {
            text.push_str(&format!("    cite: {cite}\n"));
        }
    }
    let left_out = broken.count - broken.told.len() as u64;
    if left_out > 0 {
        text.push_str(&format!("and {left_out} more\n"));
    }
    text
}
