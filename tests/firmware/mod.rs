//! Two firmwares and the test run of a host against them: sessions that differ from recording to recording as real ones
//! do, and the changes that can be planted in them.
//!
//! Natural variation: values that vary (`{15..28}`), latencies, unasked lines at any place, how many times a host asks
//! until something is ready, and how the bytes are cut.

pub mod bench;
pub mod changes;

use std::sync::{Arc, LazyLock};

use atscope::catalog::Catalog;
use atscope::check::{Analyzer, Finding, Options, Sink};
use atscope::diff::{Kind, Pools, Recorder, Recording};
use atscope::escape::escape;
use atscope::session::Event;
use atscope::{Sender, Time, catalog};

/// What happens in a session, in its order.
#[derive(Clone, Debug)]
pub enum Step {
    /// The host sends a command line or data.
    Host(String),
    /// The module answers, so many milliseconds later.
    Module(String, f64),
    /// The host asks so many times at least and most; all but the last answer are the first one.
    Poll { command: String, wait: String, ready: String, times: (usize, usize) },
}

/// A firmware and the host's test run.
#[derive(Clone, Debug)]
pub struct Firmware {
    pub dialect: &'static str,
    pub steps: Vec<Step>,
    /// Lines that come unasked at any place, how likely for each command, and how many at least.
    pub urcs: Vec<(String, f64)>,
}

fn exchange(steps: &mut Vec<Step>, command: &str, answer: &str, millis: f64) {
    steps.push(Step::Host(format!("{command}\r\n")));
    for (at, part) in answer.split('|').enumerate() {
        let after = if at == 0 { millis } else { 80.0 };
        match part.strip_prefix('>') {
            Some(data) => steps.push(Step::Host(data.to_owned())),
            None => steps.push(Step::Module(part.to_owned(), after)),
        }
    }
}

/// A cellular module.
pub fn simcom() -> Firmware {
    let mut steps = Vec::new();
    let mut add = |command: &str, answer: &str, millis: f64| exchange(&mut steps, command, answer, millis);
    add("ATE0", "ATE0\r\r\n\r\nOK\r\n", 12.0);
    add("AT", "\r\nOK\r\n", 5.0);
    add("AT+CGMR", "\r\n+CGMR: LE20B04SIM7600M21-A\r\n\r\nOK\r\n", 10.0);
    add("AT+CMEE=1", "\r\nOK\r\n", 8.0);
    add("AT+CPIN?", "\r\n+CPIN: READY\r\n\r\nOK\r\n", 15.0);
    add("AT+CSQ", "\r\n+CSQ: {15..28},99\r\n\r\nOK\r\n", 11.0);
    add("AT+COPS?", "\r\n+COPS: 0,0,\"Test Net\",7\r\n\r\nOK\r\n", 30.0);
    add("AT+CREG=?", "\r\n+CREG: (0-2)\r\n\r\nOK\r\n", 9.0);
    add("AT+CGDCONT=1,\"IP\",\"internet\"", "\r\nOK\r\n", 20.0);
    add("AT+CGDCONT?", "\r\n+CGDCONT: 1,\"IP\",\"internet\",\"10.{0..255}.{0..255}.{1..254}\",0,0\r\n\r\nOK\r\n", 14.0);
    add("AT+CGATT?", "\r\n+CGATT: 1\r\n\r\nOK\r\n", 12.0);
    add("AT+CFUN?", "\r\n+CFUN: 1\r\n\r\nOK\r\n", 12.0);
    add("AT+CCLK?", "\r\n+CCLK: \"25/01/{10..28},{10..23}:{10..59}:{10..59}+04\"\r\n\r\nOK\r\n", 12.0);
    add("AT+CMGF=1", "\r\nOK\r\n", 8.0);
    add("AT+CSCS=?", "\r\n+CSCS: (\"IRA\",\"UCS2\",\"GSM\")\r\n\r\nOK\r\n", 12.0);
    add("AT+CSCS=\"GSM\"", "\r\nOK\r\n", 8.0);
    add("AT+HTTPINIT", "\r\nOK\r\n", 40.0);
    add("AT+HTTPPARA=\"URL\",\"http://example.com/a\"", "\r\nOK\r\n", 15.0);
    add("AT+HTTPACTION=0", "\r\nOK\r\n|\r\n+HTTPACTION: 0,200,64\r\n", 20.0);
    let body = "0123456789abcdef".repeat(4);
    add("AT+HTTPREAD?", "\r\n+HTTPREAD: LEN,64\r\n\r\nOK\r\n", 12.0);
    let read = format!("\r\nOK\r\n\r\n+HTTPREAD: DATA,64\r\n{body}\r\n+HTTPREAD: 0\r\n");
    add("AT+HTTPREAD=0,64", &read, 18.0);
    add("AT+HTTPDATA=5,5000", "\r\nDOWNLOAD\r\n|>hello|\r\nOK\r\n", 12.0);
    add("AT+HTTPTERM", "\r\nOK\r\n", 25.0);
    add("AT+CPMS?", "\r\n+CPMS: \"SM\",{1..9},50,\"SM\",{1..9},50,\"SM\",{1..9},50\r\n\r\nOK\r\n", 12.0);
    add("AT+CNMI?", "\r\n+CNMI: 2,1,0,0,0\r\n\r\nOK\r\n", 12.0);
    add("AT+CPAS", "\r\n+CPAS: 0\r\n\r\nOK\r\n", 12.0);
    add("AT+CMGD=1", "\r\n+CMS ERROR: 321\r\n", 30.0);
    let poll = Step::Poll {
        command: "AT+CREG?\r\n".to_owned(),
        wait: "\r\n+CREG: 0,2\r\n\r\nOK\r\n".to_owned(),
        ready: "\r\n+CREG: 0,1\r\n\r\nOK\r\n".to_owned(),
        times: (1, 4),
    };
    steps.insert(10, poll);
    Firmware { dialect: "simcom", steps, urcs: vec![("\r\n+CIEV: 2,{1..5}\r\n".to_owned(), 0.25)] }
}

/// A Wi-Fi module.
pub fn esp() -> Firmware {
    let mut steps = Vec::new();
    let mut add = |command: &str, answer: &str, millis: f64| exchange(&mut steps, command, answer, millis);
    add("AT+RST", "AT+RST\r\n\r\nOK\r\n|\r\nready\r\n", 8.0);
    add("ATE0", "ATE0\r\n\r\nOK\r\n", 6.0);
    let version = "AT version:2.2.0.0(c6fa6bf - ESP32 - Jul  2 2021 06:44:05)\r\nSDK version:v4.2.2-76-gefa6eca\r\n";
    add(
        "AT+GMR",
        &format!("{version}compile time(3a696ba):Jul  2 2021 11:54:43\r\nBin version:2.2.0(WROOM-32)\r\n\r\nOK\r\n"),
        9.0,
    );
    add("AT+CWMODE=?", "+CWMODE:(0-3)\r\n\r\nOK\r\n", 7.0);
    add("AT+CWMODE=1", "\r\nOK\r\n", 12.0);
    add("AT+CWMODE?", "+CWMODE:1\r\n\r\nOK\r\n", 7.0);
    add("AT+CWJAP=\"net\",\"secret\"", "WIFI CONNECTED\r\n|WIFI GOT IP\r\n|\r\nOK\r\n", 900.0);
    add("AT+CIPSTAMAC?", "+CIPSTAMAC:\"24:0a:c4:{10..99}:{10..99}:{10..99}\"\r\n\r\nOK\r\n", 9.0);
    add(
        "AT+CIFSR",
        "+CIFSR:STAIP,\"192.168.4.{2..250}\"\r\n+CIFSR:STAMAC,\"24:0a:c4:{10..99}:{10..99}:{10..99}\"\r\n\r\nOK\r\n",
        9.0,
    );
    add("AT+CIPMUX=0", "\r\nOK\r\n", 7.0);
    add("AT+CIPMUX?", "+CIPMUX:0\r\n\r\nOK\r\n", 7.0);
    add("AT+CIPSTART=\"TCP\",\"192.168.4.1\",80", "CONNECT\r\n\r\nOK\r\n", 60.0);
    for _ in 0..6 {
        add("AT+CIPSEND=5", "\r\nOK\r\n\r\n>|>hello|\r\nRecv 5 bytes\r\n\r\nSEND OK\r\n|\r\n+IPD,5:world", 9.0);
    }
    add("AT+CIPSTATUS", "STATUS:3\r\n+CIPSTATUS:0,\"TCP\",\"192.168.4.1\",80,{50000..60000},0\r\n\r\nOK\r\n", 9.0);
    add("AT+CIPCLOSE", "CLOSED\r\n\r\nOK\r\n", 12.0);
    add(
        "AT+CWLAP",
        "+CWLAP:(3,\"net\",-{40..80},\"1a:fe:34:77:c0:00\",1)\r\n+CWLAP:(4,\"other\",-{40..80},\"1a:fe:34:77:c0:01\",6)\r\n\r\nOK\r\n",
        1500.0,
    );
    add("AT+SYSRAM?", "+SYSRAM:{140000..150000},{90000..99999}\r\n\r\nOK\r\n", 7.0);
    add("AT+CWHOSTNAME?", "+CWHOSTNAME:ESP_Test\r\n\r\nOK\r\n", 7.0);
    add("AT+CIPDINFO=1", "\r\nOK\r\n", 7.0);
    add("AT+CWDHCP?", "+CWDHCP:3\r\n\r\nOK\r\n", 7.0);
    add("AT+CIPSTO=70000", "\r\nERROR\r\n", 7.0);
    Firmware { dialect: "esp-at", steps, urcs: vec![] }
}

impl Firmware {
    /// What host and module send in one recording: who, when in milliseconds, and what.
    fn played(&self, seed: u64) -> Vec<(Sender, f64, Vec<u8>)> {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut player = Player { now: 0.0, chunks: Vec::new() };
        for step in &self.steps {
            match step {
                Step::Host(text) => {
                    player.now += 30.0 + random.f64() * 40.0;
                    self.urc(&mut player, &mut random, text);
                    player.say(Sender::Host, text, &mut random);
                }
                Step::Module(text, millis) => player.answer(text, *millis, &mut random),
                Step::Poll { command, wait, ready, times } => {
                    let times = random.usize(times.0..=times.1);
                    for at in 1..=times {
                        player.now += 500.0;
                        player.say(Sender::Host, command, &mut random);
                        player.answer(if at == times { ready } else { wait }, 12.0, &mut random);
                    }
                }
            }
        }
        player.chunks
    }

    /// One recording as a transcript.
    pub fn transcript(&self, seed: u64) -> String {
        let mut text = format!("# dialect: {}\n", self.dialect);
        for (from, millis, bytes) in self.played(seed) {
            let sign = if from == Sender::Host { '>' } else { '<' };
            text.push_str(&format!("@{:.6} {sign} {}\n", millis / 1e3, escape(&bytes)));
        }
        text
    }

    /// What the module sends in one recording.
    pub fn module_bytes(&self, seed: u64) -> Vec<u8> {
        self.played(seed).into_iter().filter(|chunk| chunk.0 == Sender::Module).flat_map(|chunk| chunk.2).collect()
    }

    /// One recording.
    pub fn record(&self, pools: &mut Pools, name: &str, seed: u64) -> Recording {
        read(pools, name, self.dialect, &self.played(seed))
    }

    /// Perhaps an unasked line ahead of a command; never ahead of data.
    fn urc(&self, player: &mut Player, random: &mut fastrand::Rng, command: &str) {
        for (urc, likely) in &self.urcs {
            if command.starts_with("AT") && random.f64() < *likely {
                player.answer(urc, 5.0, random);
                player.now += 20.0;
            }
        }
    }

    /// Another text in the module's answers; false where there is no such text.
    pub fn replace(&mut self, from: &str, to: &str) -> bool {
        let mut found = false;
        for step in &mut self.steps {
            for text in match step {
                Step::Module(text, _) => vec![text],
                Step::Poll { wait, ready, .. } => vec![wait, ready],
                Step::Host(_) => vec![],
            } {
                found |= text.contains(from);
                *text = text.replace(from, to);
            }
        }
        found
    }

    /// The answer to a command: its first part, or another one.
    pub fn answer(&mut self, command: &str, part: usize) -> (&mut String, &mut f64) {
        let line = format!("{command}\r\n");
        let at = self.steps.iter().position(|step| matches!(step, Step::Host(text) if *text == line)).expect(command);
        let mut answers = self.steps[at + 1..].iter_mut().filter_map(|step| match step {
            Step::Module(text, millis) => Some((text, millis)),
            _ => None,
        });
        answers.nth(part).expect("an answer")
    }
}

/// What the analyzer makes of a session: who said when, in milliseconds, which bytes.
pub fn read(pools: &mut Pools, name: &str, dialect: &str, chunks: &[(Sender, f64, Vec<u8>)]) -> Recording {
    let mut tap = Tap { recorder: Recorder::new(name.to_owned()), pools };
    let mut analyzer = Analyzer::new(known(dialect), Options::default());
    for (from, millis, bytes) in chunks {
        analyzer.push(*from, Some(Time::from_nanos((millis * 1e6) as u64)), bytes, &[], &mut tap);
    }
    analyzer.finish(&mut tap);
    tap.recorder.finish(tap.pools, dialect)
}

/// The catalog of a dialect, loaded once.
fn known(dialect: &str) -> Arc<Catalog> {
    static CATALOGS: LazyLock<Vec<Arc<Catalog>>> = LazyLock::new(catalog::load_all_builtin);
    Arc::clone(CATALOGS.iter().find(|catalog| &*catalog.name == dialect).unwrap())
}

struct Player {
    now: f64,
    chunks: Vec<(Sender, f64, Vec<u8>)>,
}

impl Player {
    fn answer(&mut self, text: &str, millis: f64, random: &mut fastrand::Rng) {
        self.now += millis * (0.85 + 0.3 * random.f64());
        self.say(Sender::Module, &filled(text, random), random);
    }

    fn say(&mut self, from: Sender, text: &str, random: &mut fastrand::Rng) {
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            let len = if random.bool() { rest.len() } else { random.usize(1..=rest.len()) };
            let (chunk, tail) = rest.split_at(len);
            self.chunks.push((from, self.now, chunk.to_vec()));
            self.now += 0.087 * len as f64;
            rest = tail;
        }
    }
}

/// A template with its values: `{15..28}` is a number from 15 to 28.
fn filled(text: &str, random: &mut fastrand::Rng) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('{') {
        let (range, tail) = behind.split_once('}').expect("a closed placeholder");
        let (low, high) = range.split_once("..").expect("a range");
        out.push_str(before);
        out.push_str(&random.i32(low.parse::<i32>().unwrap()..=high.parse().unwrap()).to_string());
        rest = tail;
    }
    out + rest
}

struct Tap<'p> {
    recorder: Recorder,
    pools: &'p mut Pools,
}

impl Sink for Tap<'_> {
    fn event(&mut self, event: &Event<'_>) {
        self.recorder.event(self.pools, event, None);
    }

    fn finding(&mut self, finding: &Finding) {
        self.recorder.finding(finding, finding.rule.severity(), None);
    }
}

/// A change that a new firmware may bring.
pub struct Plant {
    pub name: &'static str,
    pub firmware: fn() -> Firmware,
    pub plant: fn(&mut Firmware),
    /// What it is to be found as, and at which command or URC; empty: at several.
    pub kind: Kind,
    pub subject: &'static str,
}

fn swap(firmware: &mut Firmware, from: &str, to: &str) {
    assert!(firmware.replace(from, to), "{from} is in no answer");
}

/// All of them.
pub fn plants() -> Vec<Plant> {
    macro_rules! plants {
        ($($name:literal, $firmware:ident, $kind:ident, $subject:literal, $plant:expr;)+) => {
            vec![$(Plant { name: $name, firmware: $firmware, plant: $plant, kind: Kind::$kind, subject: $subject }),+]
        };
    }
    plants! {
        "OK becomes ERROR", simcom, ResultChanged, "AT+CSCS=", |f| *f.answer("AT+CSCS=\"GSM\"", 0).0 = "\r\nERROR\r\n".into();
        "ERROR becomes OK", esp, ResultChanged, "AT+CIPSTO=", |f| *f.answer("AT+CIPSTO=70000", 0).0 = "\r\nOK\r\n".into();
        "OK becomes a code", simcom, ResultChanged, "AT+CFUN?", |f| *f.answer("AT+CFUN?", 0).0 = "\r\n+CME ERROR: 3\r\n".into();
        "another code", simcom, ResultCode, "AT+CMGD=", |f| swap(f, "+CMS ERROR: 321", "+CMS ERROR: 301");
        "no answer", simcom, ResultChanged, "AT+CPAS", |f| f.answer("AT+CPAS", 0).0.clear();
        "SEND OK becomes SEND FAIL", esp, ResultChanged, "AT+CIPSEND=", |f| swap(f, "SEND OK", "SEND FAIL");
        "a number gets quotes", esp, Quoting, "AT+CWMODE?", |f| swap(f, "+CWMODE:1", "+CWMODE:\"1\"");
        "a string loses quotes", simcom, Quoting, "AT+COPS?", |f| swap(f, "\"Test Net\"", "Test Net");
        "one address loses quotes", esp, Quoting, "AT+CIFSR", |f| swap(f, "STAIP,\"192.168.4.{2..250}\"", "STAIP,192.168.4.{2..250}");
        "a field more", simcom, FieldCount, "AT+CGATT?", |f| swap(f, "+CGATT: 1", "+CGATT: 1,0");
        "a field less", simcom, FieldCount, "AT+CNMI?", |f| swap(f, "+CNMI: 2,1,0,0,0", "+CNMI: 2,1,0,0");
        "a number becomes a word", simcom, FieldType, "AT+CPAS", |f| swap(f, "+CPAS: 0", "+CPAS: ready");
        "a word becomes a number", simcom, Value, "AT+CPIN?", |f| swap(f, "+CPIN: READY", "+CPIN: 1");
        "fields change places", simcom, FieldOrder, "AT+CNMI?", |f| swap(f, "+CNMI: 2,1,", "+CNMI: 1,2,");
        "a blank behind the colon", esp, Spacing, "AT+CIPMUX?", |f| swap(f, "+CIPMUX:0", "+CIPMUX: 0");
        "no blank behind the colon", simcom, Spacing, "AT+CGATT?", |f| swap(f, "+CGATT: 1", "+CGATT:1");
        "blanks behind the commas", simcom, Spacing, "AT+CNMI?", |f| swap(f, "2,1,0,0,0", "2, 1, 0, 0, 0");
        "blanks behind all colons", simcom, Spacing, "", |f| swap(f, ": ", ":");
        "no blank line ahead of an answer", simcom, BlankLines, "AT+CPAS", |f| swap(f, "\r\n+CPAS", "+CPAS");
        "no blank line ahead of OK", simcom, BlankLines, "", |f| swap(f, "\r\n\r\nOK", "\r\nOK");
        "a name in lower case", esp, Spelling, "AT+CWDHCP?", |f| swap(f, "+CWDHCP:", "+cwdhcp:");
        "OK ahead of the data", simcom, ResultOrder, "AT+CPAS", |f| swap(f, "\r\n+CPAS: 0\r\n\r\nOK\r\n", "\r\nOK\r\n\r\n+CPAS: 0\r\n");
        "OK behind the data", simcom, ResultOrder, "AT+HTTPREAD=", |f| {
            let text = f.answer("AT+HTTPREAD=0,64", 0).0;
            *text = text.replace("\r\nOK\r\n", "") + "\r\nOK\r\n";
        };
        "a line more", esp, LineNew, "AT+CIFSR", |f| swap(f, "+CIFSR:STAMAC", "+CIFSR:STAIP6LL,\"fe80::1\"\r\n+CIFSR:STAMAC");
        "a line less", esp, LineGone, "AT+CIPSTATUS", |f| swap(f, "STATUS:3\r\n", "");
        "lines change places", esp, LineOrder, "AT+CIPSTATUS", |f| swap(f, "STATUS:3\r\n+CIPSTATUS:0,\"TCP\",\"192.168.4.1\",80,{50000..60000},0\r\n", "+CIPSTATUS:0,\"TCP\",\"192.168.4.1\",80,{50000..60000},0\r\nSTATUS:3\r\n");
        "a wider range", simcom, Ranges, "AT+CREG=?", |f| swap(f, "+CREG: (0-2)", "+CREG: (0-3)");
        "a narrower range", esp, Ranges, "AT+CWMODE=?", |f| swap(f, "+CWMODE:(0-3)", "+CWMODE:(0-2)");
        "another word in a range", simcom, Ranges, "AT+CSCS=?", |f| swap(f, "\"UCS2\",", "\"HEX\",");
        "another mode", esp, Value, "AT+CWDHCP?", |f| swap(f, "+CWDHCP:3", "+CWDHCP:1");
        "another default", simcom, Value, "AT+CNMI?", |f| swap(f, "+CNMI: 2,1,0,0,0", "+CNMI: 2,1,0,1,0");
        "another text", esp, Value, "AT+CWHOSTNAME?", |f| swap(f, "ESP_Test", "ESP_Other");
        "a new URC", simcom, UrcNew, "+CGEV", |f| f.answer("AT+CGATT?", 0).0.push_str("\r\n+CGEV: EPS PDN ACT 1\r\n");
        "a new boot line", esp, UrcNew, "WIFI DISCONNECT", |f| swap(f, "\r\nready\r\n", "\r\nready\r\nWIFI DISCONNECT\r\n");
        "a URC gone", esp, UrcGone, "WIFI CONNECTED", |f| swap(f, "WIFI CONNECTED\r\n", "");
        "a delayed result gone", simcom, LineGone, "AT+HTTPACTION=", |f| swap(f, "\r\n+HTTPACTION: 0,200,64\r\n", "");
        "a URC behind OK", esp, UrcPlace, "WIFI GOT IP", |f| {
            *f.answer("AT+CWJAP=\"net\",\"secret\"", 1).0 = "\r\nOK\r\n".into();
            *f.answer("AT+CWJAP=\"net\",\"secret\"", 2).0 = "WIFI GOT IP\r\n".into();
        };
        "a URC without blank line", esp, BlankLines, "+IPD", |f| swap(f, "\r\n+IPD,", "+IPD,");
        "a URC with a field more", esp, FieldCount, "+IPD", |f| swap(f, "+IPD,5:", "+IPD,5,\"192.168.4.1\",80:");
        "another prompt", esp, Prompt, "AT+CIPSEND=", |f| swap(f, "\r\n>", "\r\n> ");
        "no prompt", simcom, PromptGone, "AT+HTTPDATA=", |f| swap(f, "\r\nDOWNLOAD\r\n", "");
        "no OK ahead of the prompt", esp, ResultChanged, "AT+CIPSEND=", |f| swap(f, "\r\nOK\r\n\r\n>", "\r\n>");
        "no progress line", esp, LineGone, "AT+CIPSEND=", |f| swap(f, "\r\nRecv 5 bytes\r\n", "");
        "echo stays on", simcom, Echo, "", |f| echo(f, "\r\r\n");
        "echo of another form", esp, Echo, "ATE0", |f| swap(f, "ATE0\r\n", "ATE0\r\r\n");
        "data of another size", simcom, PayloadSize, "AT+HTTPREAD=", |f| {
            swap(f, "DATA,64", "DATA,48");
            swap(f, "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", "0123456789abcdef0123456789abcdef0123456789abcdef");
        };
        "less data than announced", simcom, RuleBroken, "", |f| swap(f, &"0123456789abcdef".repeat(4), "0123");
        "a status that no table has", simcom, Value, "AT+HTTPACTION=", |f| swap(f, "0,200,64", "0,999,64");
        "a reset", simcom, RuleBroken, "", |f| f.answer("AT+CPMS?", 0).0.push_str("\r\nRDY\r\n");
        "slower", simcom, Slower, "AT+CPIN?", |f| *f.answer("AT+CPIN?", 0).1 = 60.0;
        "faster", esp, Faster, "AT+CWLAP", |f| *f.answer("AT+CWLAP", 0).1 = 400.0;
        "slower behind the data", esp, Slower, "AT+CIPSEND=", |f| {
            for step in &mut f.steps {
                if let Step::Module(text, millis) = step
                    && text.contains("SEND OK")
                {
                    *millis = 400.0;
                }
            }
        };
        "later than documented", simcom, RuleBroken, "AT+HTTPINIT", |f| *f.answer("AT+HTTPINIT", 0).1 = 130_000.0;
        "fails at first", simcom, ResultChanged, "AT+CNMI?", |f| {
            let at = f.steps.iter().position(|step| matches!(step, Step::Host(text) if text == "AT+CNMI?\r\n")).unwrap();
            let again = [Step::Host("AT+CNMI?\r\n".into()), Step::Module("\r\n+CME ERROR: 14\r\n".into(), 12.0)];
            f.steps.splice(at..at, again);
        };
    }
}

/// The module goes on repeating commands.
pub fn echo(firmware: &mut Firmware, ends: &str) {
    let mut line = None;
    for step in &mut firmware.steps {
        match step {
            Step::Host(text) => {
                line = text.strip_suffix("\r\n").filter(|text| text.starts_with("AT")).map(str::to_owned)
            }
            Step::Module(text, _) => {
                if let Some(line) = line.take().filter(|line| !text.starts_with(line.as_str())) {
                    text.insert_str(0, &format!("{line}{ends}"));
                }
            }
            Step::Poll { command, wait, ready, .. } => {
                let line = command.trim_end();
                *wait = format!("{line}{ends}{wait}");
                *ready = format!("{line}{ends}{ready}");
            }
        }
    }
}
