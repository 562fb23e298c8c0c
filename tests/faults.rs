//! Faults between the virtual module and the wire: each of them yields the finding that it should, and the harmless ones yield none.

#![cfg(feature = "simulate")]
#![allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::panic)]

use atscope::check::{Analyzer, Finding, Options, Rule, Sink};
use atscope::escape::escape;
use atscope::module::faults::{Announcement, Faults};
use atscope::module::{Module, Peer, Said, Scenario, Scripted, Setup};
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
    /// What the newest command led to.
    answered: bool,
    prompted: bool,
    /// How long it waits for an answer, in milliseconds.
    patience: u64,
}

impl Bench {
    fn new(dialect: &str, booted: bool, faults: Faults) -> Self {
        Self::within(dialect, booted, faults, Scenario::default())
    }

    fn within(dialect: &str, booted: bool, faults: Faults, scenario: Scenario) -> Self {
        let catalog = catalog::load_builtin(dialect).unwrap();
        let setup = Setup { booted, seed: faults.seed(), ..Setup::default() };
        let world = Box::new(Scripted::new(scenario));
        let module = Module::new(catalog.clone(), &setup, world).unwrap();
        let options = Options { from_boot: true, ..Options::default() };
        Self {
            module,
            faults,
            analyzer: Analyzer::new(catalog, options),
            found: Found::default(),
            now: Time::ZERO,
            wire: String::new(),
            answered: false,
            prompted: false,
            patience: 3_000,
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
        while let Some(wake) = self.faults.wake(&self.module).filter(|wake| *wake <= end) {
            self.now = self.now.max(wake);
            while let Some(chunk) = self.faults.poll(self.now, &mut self.module) {
                let whole = chunk.bytes.ends_with(b"\n") || chunk.bytes.ends_with(b">") || chunk.bytes.ends_with(b"> ");
                self.prompted |= chunk.said == Said::Prompt && whole;
                self.answered |= chunk.said == Said::Final && whole;
                self.log(Sender::Module, &chunk.bytes);
            }
            if up_to && (self.answered || self.prompted) {
                return;
            }
        }
        self.now = end;
    }

    /// Sends and waits for the answer, and a little more.
    fn send(&mut self, bytes: &[u8]) {
        self.log(Sender::Host, bytes);
        (self.answered, self.prompted) = (false, false);
        self.faults.receive(self.now, bytes, &mut self.module);
        self.listen(self.patience, true);
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

/// A session with a socket: what is sent comes back.
fn socket(dialect: &str, text: &str, seed: u64) -> Session {
    let mut bench = Bench::new(dialect, true, faults(text, seed));
    bench.listen(300, false);
    bench.send(b"AT+CWMODE=1\r\n");
    bench.send(b"AT+CWJAP=\"atscope\",\"\"\r\n");
    bench.send(b"AT+CIPSTART=\"TCP\",\"example.com\",80\r\n");
    for data in ["hello", "good bye, and more", "\r\nOK\r\n", "12345678901234567890"] {
        bench.send(format!("AT+CIPSEND={}\r\n", data.len()).as_bytes());
        if bench.prompted {
            bench.send(data.as_bytes());
        }
    }
    bench.send(b"AT\r\n");
    bench.end()
}

/// A session in which the peer has much to say at once.
fn listening(dialect: &str, text: &str, seed: u64) -> Session {
    let mut peer = Peer::default();
    peer.says =
        vec![(500, "first words".to_owned()), (505, "second words".to_owned()), (510, "third words".to_owned())];
    let mut scenario = Scenario::default();
    scenario.peers.push(peer);
    let mut bench = Bench::within(dialect, true, faults(text, seed), scenario);
    bench.send(b"AT+CWMODE=1\r\n");
    bench.send(b"AT+CWJAP=\"atscope\",\"\"\r\n");
    bench.send(b"AT+CIPSTART=\"TCP\",\"example.com\",80\r\n");
    bench.listen(2_000, false);
    bench.send(b"AT\r\n");
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
        for seed in 0..4 {
            let settings = DIALECTS.iter().map(|dialect| (*dialect, settings(dialect, name, seed)));
            for (of, session) in settings.chain([("socket", socket("esp-at", name, seed))]) {
                let said = session.said();
                assert!(!session.told.is_empty(), "{name} did nothing to {of}");
                assert!(
                    session.findings.is_empty(),
                    "{name} {of} {seed}: {:?}\n{said}{}",
                    session.findings,
                    session.wire
                );
                assert_eq!(session.noise, 0, "{name} {of} {seed}\n{said}{}", session.wire);
            }
        }
    }
}

/// One fault, and what it must yield; nothing listed: no finding at all.
macro_rules! yields {
    ($($name:ident: $session:ident($dialect:literal, $entry:literal) -> $kind:literal [$($rule:literal),*];)+) => { $(
        #[test]
        fn $name() {
            for seed in 0..8 {
                let text = format!("[[fault]]\n{}", $entry);
                $session($dialect, &text, seed).assert($kind, &[$($rule),*]);
            }
        }
    )+ };
}

yields! {
    a_missing_result_is_missed: settings("esp-at", "kind = 'drop'\nat = 'final'\nnth = 2") -> "drop" ["missing-final"];
    a_result_too_many_is_told: settings("esp-at", "kind = 'repeat'\nnth = 3") -> "repeat" ["unexpected-final"];
    another_result_behind_it_is_told:
        settings("esp-at", "kind = 'repeat'\nline = 'ERROR'\nnth = 3") -> "repeat" ["unexpected-final"];
    a_module_that_dies_is_missed: settings("esp-at", "kind = 'silence'\nat = 'response'\nnth = 1") -> "silence" ["command-overlap"];
    a_module_that_hangs_is_missed:
        settings("esp-at", "kind = 'silence'\nat = 'response'\nnth = 1\nmillis = 2000") -> "silence" ["missing-final"];
    a_reset_in_an_answer_is_told: settings("esp-at", "kind = 'reset'\nat = 'response'\nnth = 1") -> "reset" ["module-reset"];
    a_reset_of_itself_is_told: settings("esp-at", "kind = 'reset'\ntime = 1000") -> "reset" ["module-reset"];
    an_unknown_line_is_told: settings("esp-at", "kind = 'stray'\nnth = 5") -> "stray" ["unknown-urc"];
    an_answer_that_nobody_asked_for_is_told:
        settings("generic", "kind = 'stray'\nline = '+CSQ: 20,0'\nat = 'final'\nwhere = 'behind'\nnth = 2")
        -> "stray" ["unexpected-response"];
    another_shape_is_told: settings("esp-at", "kind = 'shape'\nnth = 1") -> "shape" ["response-shape"];
    a_damaged_echo_is_told: settings("esp-at", "kind = 'flip'\nat = 'echo'\nnth = 3") -> "flip" ["echo-mismatch"];
    an_echo_with_a_lost_byte_is_told: settings("esp-at", "kind = 'lose'\nat = 'echo'\nnth = 3") -> "lose" ["echo-mismatch"];
    an_echo_with_a_doubled_byte_is_told:
        settings("esp-at", "kind = 'double'\nat = 'echo'\nnth = 3") -> "double" ["echo-mismatch"];
    a_command_that_is_damaged_shows_in_its_echo:
        settings("esp-at", "kind = 'flip'\nat = 'command'\nnth = 3") -> "flip" ["echo-mismatch"];
    a_command_that_loses_a_byte_shows_in_its_echo:
        settings("esp-at", "kind = 'lose'\nat = 'command'\nnth = 3") -> "lose" ["echo-mismatch"];
    a_command_that_does_not_come_through_is_missed:
        settings("esp-at", "kind = 'drop'\nat = 'command'\nnth = 3") -> "drop" ["missing-final"];
    a_busy_module_is_none: settings("esp-at", "kind = 'busy'\nnth = 3") -> "busy" [];
    too_long_a_length_is_told: socket("esp-at", "kind = 'length'\nwrong = 'more'\nnth = 2") -> "length" ["payload-length"];
    far_too_long_a_length_is_told: socket("esp-at", "kind = 'length'\nwrong = 'huge'\nnth = 2") -> "length" ["payload-length", "resync"];
    too_short_a_length_is_told: listening("esp-at", "kind = 'length'\nwrong = 'less'\nnth = 2") -> "length" ["payload-length"];
    a_length_of_nothing_is_told: listening("esp-at", "kind = 'length'\nwrong = 'zero'\nnth = 2") -> "length" ["unknown-urc"];
    lost_data_is_told: socket("esp-at", "kind = 'lose'\nat = 'payload'\nnth = 2\nbytes = 3") -> "lose" ["payload-length", "resync"];
    doubled_data_is_told: listening("esp-at", "kind = 'double'\nat = 'payload'\nnth = 2\nbytes = 3") -> "double" ["payload-length"];
    a_reset_in_data_is_told: socket("esp-at", "kind = 'reset'\nat = 'payload'\nnth = 2") -> "reset" ["module-reset", "payload-length"];
    data_that_loses_a_byte_on_its_way_is_missed: socket("esp-at", "kind = 'lose'\nat = 'data'\nnth = 2") -> "lose" ["command-overlap"];
    a_prompt_that_does_not_come_leaves_the_command_open:
        socket("esp-at", "kind = 'drop'\nat = 'prompt'\nnth = 2") -> "drop" ["command-overlap"];
    glued_lines_are_none: socket("esp-at", "kind = 'glue'") -> "glue" [];
}

#[test]
fn a_result_that_comes_too_late_is_told() {
    let mut bench = Bench::new("simcom", true, faults("[[fault]]\nkind = 'late'\ncommand = 'AT+HTTPINIT'", 1));
    bench.patience = 130_000;
    bench.send(b"AT+HTTPINIT\r\n");
    bench.send(b"AT\r\n");
    bench.end().assert("late", &["late-final"]);
}

#[test]
fn a_result_as_a_number_is_understood() {
    settings("generic", "[[fault]]\nkind = 'numeric'\nnth = 3", 1).assert("numeric", &[]);
}

#[test]
fn a_code_in_no_table_is_told() {
    let mut bench = Bench::new("simcom", true, faults("[[fault]]\nkind = 'code'", 1));
    bench.send(b"AT+CMEE=1\r\n");
    bench.send(b"AT+HTTPTERM\r\n");
    bench.end().assert("code", &["undocumented-code"]);
}

#[test]
fn garbage_ahead_of_the_boot_banner_is_noise() {
    for dialect in ["esp-at", "simcom"] {
        for seed in 0..8 {
            let mut bench = Bench::new(dialect, false, faults("boot-garbage", seed));
            bench.listen(5_000, false);
            bench.send(b"AT\r\n");
            let session = bench.end();
            session.assert("garbage", &[]);
            assert!(session.noise > 0);
        }
    }
}

#[test]
fn nothing_that_is_wrong_stops_the_decoder() {
    for (name, _) in Faults::names() {
        for seed in 0..3 {
            let (one, two) = (socket("esp-at", &name, seed), settings("simcom", &name, seed));
            // However it went, it went to its end, and what was done was told.
            assert!(one.wire.ends_with('\n') && two.wire.contains("> AT+CGATT?"), "{name}");
        }
    }
}

/// However the host's bytes are cut, the same of them are struck.
#[test]
fn the_hosts_chunks_do_not_matter() {
    let run = |cut: usize| {
        let text = "[[fault]]\nkind = 'flip'\nat = 'command'\nchance = 0.5\n\
                    [[fault]]\nkind = 'lose'\nat = 'command'\nchance = 0.3";
        let mut bench = Bench::new("esp-at", true, faults(text, 3));
        for _ in 0..20 {
            for part in b"AT+CWMODE=1\r\n".chunks(cut) {
                bench.faults.receive(bench.now, part, &mut bench.module);
            }
            bench.listen(500, false);
        }
        bench.end()
    };
    let whole = run(100);
    assert!(whole.told.len() > 5);
    for cut in [1, 2, 5] {
        assert_eq!(run(cut).wire, whole.wire, "in pieces of {cut}");
    }
}
