//! A desk with a module on it, for unit tests: each session is also decoded and held against the catalog, as a recording of it would be.
//!
//! Nothing waits: time is virtual. A session that breaks no rule ends in [`Desk::clean`], another one in [`Desk::rules`].

#![allow(clippy::panic, clippy::unwrap_used)]

use std::sync::Arc;

use super::{Module, Phase, Scenario, Scripted, Setup};
use crate::check::{Analyzer, Finding, Sink};
use crate::session::{Event, Options};
use crate::{Sender, Time};

/// Steps without rest after which a module is taken to talk for ever.
const STEPS: usize = 100_000;

/// See the module's head.
pub(super) struct Desk {
    pub(super) module: Module,
    now: Time,
    analyzer: Analyzer,
    seen: Seen,
    /// Where what traffic told is not so.
    untrue: Vec<String>,
}

/// Findings, and where they are.
#[derive(Default)]
struct Seen {
    newest: String,
    findings: Vec<(&'static str, String)>,
}

impl Sink for Seen {
    fn event(&mut self, event: &Event<'_>) {
        self.newest = format!("{:?} {} {}", event.from, event.kind.as_str(), event.bytes.escape_ascii());
    }

    fn finding(&mut self, finding: &Finding) {
        self.findings
            .push((finding.rule.name(), format!("{}: {} [{}]", finding.rule.name(), finding.message, self.newest)));
    }
}

impl Desk {
    /// Powers a module up; `scenario` as a file has it. The banner was taken, too.
    pub(super) fn new(dialect: &str, model: &str, profile: &str, scenario: &str) -> Self {
        Self::with(crate::catalog::load_builtin(dialect).unwrap(), model, profile, scenario)
    }

    /// As [`new`](Self::new), after a catalog at hand.
    pub(super) fn with(catalog: Arc<crate::catalog::Catalog>, model: &str, profile: &str, scenario: &str) -> Self {
        let given = |name: &str| Some(name.to_owned()).filter(|name| !name.is_empty());
        let world = Scripted::new(Scenario::from_toml("test.toml", scenario).unwrap());
        let setup = Setup { model: given(model), profile: given(profile), seed: 1, booted: false };
        let options = Options { model: given(model), from_boot: true, ..Options::default() };
        let mut desk = Self {
            module: Module::new(Arc::clone(&catalog), &setup, Box::new(world)).unwrap(),
            now: Time::ZERO,
            analyzer: Analyzer::new(catalog, options),
            seen: Seen::default(),
            untrue: Vec::new(),
        };
        let boot = desk.module.core.world.scenario().delays.boot;
        desk.wait(boot + 20);
        desk
    }

    /// The host sends these bytes; gives what the module says until the command is done, or the module asks for data.
    pub(super) fn send(&mut self, bytes: impl AsRef<[u8]>) -> String {
        let bytes = bytes.as_ref();
        self.now = self.now.plus(Time::from_millis(1));
        self.analyzer.push(Sender::Host, Some(self.now), bytes, &[], &mut self.seen);
        self.module.receive(self.now, bytes);
        let mut said = Vec::new();
        for _ in 0..STEPS {
            self.take(&mut said);
            let busy = match &self.module.phase {
                Phase::Command => self.module.running.is_some(),
                Phase::Data { got, .. } => got.starts_with(b"+++"),
                Phase::Passthrough { packet } => !packet.is_empty(),
                Phase::Off => false,
            };
            if !busy && self.module.core.said_by() <= self.now {
                self.compare(&format!("behind {}", bytes.escape_ascii()));
                return text(&said);
            }
            match self.module.wake() {
                Some(wake) => self.now = wake.max(self.now),
                None => return text(&said),
            }
        }
        panic!("the module goes on for ever after {}", bytes.escape_ascii());
    }

    /// The time at the desk.
    pub(super) fn now(&self) -> Time {
        self.now
    }

    /// Time goes by; gives what the module says meanwhile.
    pub(super) fn wait(&mut self, millis: u64) -> String {
        let end = self.now.plus(Time::from_millis(millis));
        let mut said = Vec::new();
        for _ in 0..STEPS {
            self.take(&mut said);
            match self.module.wake() {
                Some(wake) if wake <= end => self.now = wake.max(self.now),
                _ => {
                    self.now = end;
                    self.take(&mut said);
                    self.compare("after a while");
                    return text(&said);
                }
            }
        }
        panic!("the module goes on for ever");
    }

    /// What traffic has told of the module's state must be so.
    #[cfg(feature = "fuzzing")]
    fn compare(&mut self, when: &str) {
        // Until it has booted, nobody can tell that it lost its state.
        if matches!(self.module.phase, Phase::Off) {
            return;
        }
        for spec in &self.module.catalog().states {
            for index in 0..if spec.indexed { 8 } else { 1 } {
                let (told, own) = (self.analyzer.known(&spec.name, index), self.module.state(&spec.name, index));
                if told.is_some() && told.as_ref() != own {
                    self.untrue
                        .push(format!("{}.{index} is {own:?}, the checks take it for {told:?}, {when}", spec.name));
                }
            }
        }
    }

    #[cfg(not(feature = "fuzzing"))]
    fn compare(&mut self, _: &str) {}

    fn take(&mut self, said: &mut Vec<u8>) {
        while let Some(chunk) = self.module.poll(self.now) {
            assert!(chunk.time <= self.now, "{chunk:?} is told ahead of its time");
            self.analyzer.push(Sender::Module, Some(chunk.time), &chunk.bytes, &[], &mut self.seen);
            said.extend_from_slice(&chunk.bytes);
        }
    }

    /// The session is over and broke no rule.
    pub(super) fn clean(self) {
        let found = self.over();
        assert!(found.is_empty(), "{:#?}", found.iter().map(|(_, text)| text).collect::<Vec<_>>());
    }

    /// The session is over and broke these rules.
    pub(super) fn rules(self) -> Vec<&'static str> {
        self.over().into_iter().map(|(rule, _)| rule).collect()
    }

    fn over(mut self) -> Vec<(&'static str, String)> {
        assert!(self.untrue.is_empty(), "{:#?}", self.untrue);
        self.analyzer.finish(&mut self.seen);
        self.seen.findings
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
