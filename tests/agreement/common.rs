//! What all of these tests share: catalogs, a recorder of what the decoder makes of a script, and the comparison.

use std::sync::Arc;

use atscope::catalog::{self, Catalog};
use atscope::check::{Analyzer, Finding, Options, Rule, Sink};
use atscope::generate::{Expected, Generator, Script};
use atscope::session::{Event, EventKind};

/// The seed of all random values; `ATSCOPE_MODEL_SEED` takes another.
pub fn seed() -> u64 {
    std::env::var("ATSCOPE_MODEL_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(1)
}

/// A number out of the environment.
pub fn number(name: &str, usual: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// All built-in catalogs.
pub fn catalogs() -> Vec<Arc<Catalog>> {
    catalog::builtin_names().iter().map(|name| catalog::load_builtin(name).unwrap()).collect()
}

/// A generator for each firmware generation of a catalog, and one for the manual alone.
pub fn generators(catalog: &Arc<Catalog>) -> Vec<Generator> {
    let profiles = catalog.profiles.iter().filter(|profile| !profile.tells.is_empty());
    let names = std::iter::once(None).chain(profiles.map(|profile| Some(&*profile.name)));
    names.map(|name| Generator::with(catalog.clone(), None, name).unwrap()).collect()
}

/// An event as far as it is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub kind: &'static str,
    pub name: String,
    pub exchange: Option<u64>,
    pub text: String,
}

/// Keeps what an analyzer gives.
#[derive(Debug, Default)]
pub struct Record {
    pub events: Vec<Seen>,
    pub findings: Vec<Finding>,
}

impl Record {
    /// The rules that were drawn, but for those that are no fault of either side.
    pub fn rules(&self) -> Vec<Rule> {
        let mut rules: Vec<Rule> =
            self.findings.iter().map(|finding| finding.rule).filter(|rule| *rule != Rule::LineEnding).collect();
        rules.sort();
        rules.dedup();
        rules
    }
}

impl Sink for Record {
    fn event(&mut self, event: &Event<'_>) {
        let name = match &event.kind {
            EventKind::Final { result, .. } => result.to_text().into_owned(),
            _ => event.name().map(|name| name.to_text().into_owned()).unwrap_or_default(),
        };
        self.events.push(Seen {
            kind: event.kind.as_str(),
            name,
            exchange: event.exchange,
            text: atscope::escape::escape(event.bytes).to_string(),
        });
    }

    fn finding(&mut self, finding: &Finding) {
        self.findings.push(finding.clone());
    }
}

/// What the decoder and the rules make of a script; each record is cut into chunks of `cut` bytes.
pub fn decode(catalog: &Arc<Catalog>, script: &Script, cut: usize) -> Record {
    let options = Options { from_boot: true, model: script.model.clone(), ..Options::default() };
    let mut analyzer = Analyzer::new(catalog.clone(), options);
    let mut record = Record::default();
    for said in &script.records {
        for chunk in said.bytes.chunks(cut.max(1)) {
            analyzer.push(said.from, Some(said.time), chunk, &[], &mut record);
        }
    }
    analyzer.finish(&mut record);
    record
}

/// Where the events differ from what was meant: what was expected at the first such place, and what came.
pub fn differs(record: &Record, expected: &[Expected]) -> Option<String> {
    let mut events = &record.events[..];
    // An uncounted line end behind the last data frames nothing any more.
    if let Some((last, rest)) = events.split_last()
        && last.kind == "noise"
        && last.text.replace("\\r", "").replace("\\n", "").is_empty()
    {
        events = rest;
    }
    for at in 0..events.len().max(expected.len()) {
        let same = match (events.get(at), expected.get(at)) {
            (Some(seen), Some(wanted)) => {
                seen.kind == wanted.kind
                    && (wanted.name.is_empty() || seen.name == wanted.name)
                    && (wanted.exchange.is_none() || seen.exchange == wanted.exchange)
            }
            _ => false,
        };
        if !same {
            return Some(format!("event {at}: expected {:?}, came {:?}", expected.get(at), events.get(at)));
        }
    }
    None
}

/// Keeps the first few of many complaints of a kind, so that a failing test can be read.
#[derive(Debug, Default)]
pub struct Complaints {
    pub told: Vec<String>,
    pub count: usize,
}

impl Complaints {
    pub fn enter(&mut self, text: String) {
        self.count += 1;
        let most = number("ATSCOPE_MODEL_SHOW", 12);
        if self.told.len() < most {
            self.told.push(text);
        }
    }

    pub fn assert_none(&self, what: &str) {
        assert!(self.count == 0, "{} {what}:\n{}", self.count, self.told.join("\n\n"));
    }
}
