//! Faults between the virtual module and the wire: each of them yields the finding that it should, and the harmless ones yield none.

#![cfg(feature = "simulate")]
#![allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::panic)]

use atscope::check::{Analyzer, Finding, Options, Rule, Sink};
use atscope::escape::escape;
use atscope::module::faults::{Announcement, Faults};
use atscope::module::{Module, Scenario, Scripted, Setup};
use atscope::session::Event;
use atscope::{Sender, Time, catalog};

/// What a session came to.
struct Session {
    findings: Vec<(Rule, String)>,
    told: Vec<Announcement>,
    /// The wire, as a transcript.
    wire: String,
    /// Bytes that are no known traffic.
    noise: usize,
}

impl Session {
    fn rules(&self) -> Vec<&'static str> {
        let mut rules: Vec<&str> = self.findings.iter().map(|(rule, _)| rule.name()).collect();
        rules.sort_unstable();
        rules.dedup();
        rules
    }

    fn struck(&self, kind: &str) -> usize {
        self.told.iter().filter(|told| told.kind.as_str() == kind).count()
    }

    #[track_caller]
    fn assert(&self, kind: &str, rules: &[&str]) {
        assert!(self.struck(kind) > 0, "no `{kind}` struck\n{}", self.wire);
        for rule in rules {
            assert!(self.rules().contains(rule), "no {rule}, but {:?}\n{}\n{}", self.findings, self.said(), self.wire);
        }
        if rules.is_empty() {
            assert!(self.findings.is_empty(), "{:?}\n{}\n{}", self.findings, self.said(), self.wire);
        }
    }

    fn said(&self) -> String {
        self.told.iter().map(|told| format!("{told}\n")).collect()
    }
}

#[derive(Default)]
struct Found {
    findings: Vec<(Rule, String)>,
    noise: usize,
}

impl Sink for Found {
    fn event(&mut self, event: &Event<'_>) {
        if event.kind.as_str() == "noise" {
            self.noise += event.bytes.len();
        }
    }
    fn finding(&mut self, finding: &Finding) {
        // The host's own habit.
        if finding.rule == Rule::LineEnding {
            return;
        }
        self.findings.push((finding.rule, finding.message.clone()));
    }
}

/// A host that keeps the manual, on a module with faults.
struct Bench {
    module: Module,
    faults: Faults,
    analyzer: Analyzer,
    found: Found,
    now: Time,
    wire: String,
    heard: Vec<u8>,
}

impl Bench {
    fn new(dialect: &str, booted: bool, faults: Faults) -> Self {
        let catalog = catalog::load_builtin(dialect).unwrap();
        let setup = Setup { booted, seed: faults.seed(), ..Setup::default() };
        let world = Box::new(Scripted::new(Scenario::default()));
        let module = Module::new(catalog.clone(), &setup, world).unwrap();
        let options = Options { from_boot: true, ..Options::default() };
        Self {
            module,
            faults,
            analyzer: Analyzer::new(catalog, options),
            found: Found::default(),
            now: Time::ZERO,
            wire: String::new(),
            heard: Vec::new(),
        }
    }

    fn log(&mut self, from: Sender, bytes: &[u8]) {
        let mark = if from == Sender::Host { '>' } else { '<' };
        self.wire.push_str(&format!("@{:.6} {mark} {}\n", self.now, escape(bytes)));
        self.analyzer.push(from, Some(self.now), bytes, &[], &mut self.found);
    }

    /// Listens for so long; up to a result or a prompt, if `up_to` says so.
    fn listen(&mut self, millis: u64, up_to: bool) {
        let end = self.now.plus(Time::from_millis(millis));
        self.heard.clear();
        while let Some(wake) = self.faults.wake(&self.module).filter(|wake| *wake <= end) {
            self.now = self.now.max(wake);
            while let Some(chunk) = self.faults.poll(self.now, &mut self.module) {
                self.heard.extend_from_slice(&chunk.bytes);
                self.log(Sender::Module, &chunk.bytes);
            }
            if up_to && self.is_answered() {
                return;
            }
        }
        self.now = end;
    }

    /// Whether what was heard ends with a result or a prompt.
    fn is_answered(&self) -> bool {
        let ends = |text: &[u8]| self.heard.ends_with(text);
        [&b"OK\r\n"[..], b"ERROR\r\n", b"FAIL\r\n", b">", b"> ", b"DOWNLOAD\r\n"].into_iter().any(ends)
    }

    /// Sends and waits for the answer, and a little more.
    fn send(&mut self, bytes: &[u8]) {
        self.log(Sender::Host, bytes);
        self.faults.receive(self.now, bytes, &mut self.module);
        self.listen(1_500, true);
        self.listen(200, false);
    }

    fn end(mut self) -> Session {
        self.listen(1_000, false);
        self.analyzer.finish(&mut self.found);
        let told = std::iter::from_fn(|| self.faults.announced()).collect();
        Session { findings: self.found.findings, told, wire: self.wire, noise: self.found.noise }
    }
}

fn faults(text: &str, seed: u64) -> Faults {
    let text = if text.contains('=') { text.to_owned() } else { format!("include = ['{text}']") };
    Faults::from_toml(&text, seed).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// A session of settings, all of which the module takes.
fn settings(dialect: &str, text: &str, seed: u64) -> Session {
    let mut bench = Bench::new(dialect, true, faults(text, seed));
    bench.listen(300, false);
    let lines: &[&str] = match dialect {
        "esp-at" => &[
            "AT\r\n",
            "AT+CWMODE=1\r\n",
            "AT+CWMODE?\r\n",
            "AT+CIPMUX=1\r\n",
            "AT+CIPMUX?\r\n",
            "AT+CIPDINFO=1\r\n",
            "AT+CIPMUX=0\r\n",
            "AT+CWMODE=3\r\n",
            "AT+CIPSTATUS\r\n",
        ],
        _ => {
            &["AT\r", "AT+CMEE=1\r", "AT+CMEE?\r", "AT+CREG=0\r", "AT+CREG?\r", "AT+CSQ\r", "AT+COPS?\r", "AT+CGATT?\r"]
        }
    };
    for line in lines {
        bench.send(line.as_bytes());
    }
    bench.end()
}

const DIALECTS: [&str; 4] = ["esp-at", "simcom", "fibocom", "generic"];

#[test]
fn without_faults_there_is_nothing_to_find() {
    for dialect in DIALECTS {
        let session = settings(dialect, "fault = []", 1);
        assert!(session.findings.is_empty(), "{dialect}: {:?}\n{}", session.findings, session.wire);
        assert!(session.told.is_empty());
    }
}

#[test]
fn the_same_seed_strikes_the_same() {
    let (one, two) = (settings("esp-at", "everything", 5), settings("esp-at", "everything", 5));
    assert_eq!(one.wire, two.wire);
    assert_eq!(one.told, two.told);
    assert!(!one.told.is_empty());
    assert_ne!(one.wire, settings("esp-at", "everything", 6).wire);
}

#[test]
fn harmless_ones_yield_no_finding() {
    for name in ["fragments", "pauses", "urcs", "urc-storm", "harmless"] {
        for dialect in DIALECTS {
            for seed in 0..12 {
                let session = settings(dialect, name, seed);
                assert!(!session.told.is_empty(), "{name} did nothing to {dialect}");
                let said = session.said();
                assert!(
                    session.findings.is_empty(),
                    "{name} {dialect} {seed}: {:?}\n{said}{}",
                    session.findings,
                    session.wire
                );
            }
        }
    }
}
