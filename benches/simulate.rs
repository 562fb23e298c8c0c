//! Commands that the virtual module takes in a second: `cargo bench --bench simulate`.
//!
//! In process (one core, virtual time, a round of commands that a driver sends: bare `AT`, reads, sets, tests, and one that fails):
//! - `module`: the module alone, every answer taken;
//! - `checked`: the same, and every byte of both sides decoded and held against the manual.
//!
//! Over standard input and output (a process, started anew each time: its start is part of it):
//! - `stdio`: by a virtual clock, all commands piped in;
//! - `ping-pong`: by the clock, without delays, each command sent once the answer to the one before was read.
//!
//! Every run checks its result: one final result a command, and the findings that the round should have.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, missing_docs)]

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};
use std::sync::Arc;

use atscope::catalog::{Catalog, load_builtin};
use atscope::check::{Analyzer, Finding, Options, Rule, Sink};
use atscope::module::{Module, Said, Scenario, Scripted, Setup};
use atscope::{Sender, Time};
use criterion::{Criterion, Throughput};

/// Commands of a run in process.
const COMMANDS: usize = 2000;

/// Commands of a run over standard input and output.
const PIPED: usize = 20_000;

fn round(dialect: &str) -> &'static [&'static str] {
    match dialect {
        "esp-at" => {
            &["AT", "AT+CWMODE=1", "AT+CWMODE?", "AT+CIPMUX=1", "AT+CIPMUX?", "AT+CIPMUX=7", "AT+GMR", "AT+CIPMUX=0"]
        }
        _ => &["AT", "AT+CMEE=1", "AT+CMEE?", "AT+CSQ", "AT+CGDCONT?", "AT+CMEE=7", "AT+CMEE=?", "AT+CMEE=0"],
    }
}

#[derive(Default)]
struct Findings {
    wrong: Vec<Finding>,
    ranges: usize,
}

impl Sink for Findings {
    fn finding(&mut self, finding: &Finding) {
        if finding.rule == Rule::ParamRange {
            self.ranges += 1;
        } else {
            self.wrong.push(finding.clone());
        }
    }
}

fn run(catalog: &Arc<Catalog>, commands: &[String], check: bool) {
    let setup = Setup { booted: true, ..Setup::default() };
    let mut module = Module::new(Arc::clone(catalog), &setup, Box::new(Scripted::new(Scenario::default()))).unwrap();
    let mut analyzer = Analyzer::new(Arc::clone(catalog), Options { from_boot: true, ..Options::default() });
    let mut findings = Findings::default();
    let (mut now, mut finals) = (Time::ZERO, 0);
    for command in commands {
        if check {
            analyzer.push(Sender::Host, Some(now), command.as_bytes(), &[], &mut findings);
        }
        module.receive(now, command.as_bytes());
        while let Some(wake) = module.wake() {
            now = now.max(wake);
            while let Some(chunk) = module.poll(now) {
                finals += usize::from(chunk.said == Said::Final);
                if check {
                    analyzer.push(Sender::Module, Some(chunk.time), &chunk.bytes, &[], &mut findings);
                }
            }
        }
    }
    analyzer.finish(&mut findings);
    assert_eq!(finals, commands.len());
    if check {
        assert!(findings.wrong.is_empty(), "{:?}", findings.wrong.first());
        assert_eq!(findings.ranges, commands.len() / 8);
    }
}

fn piped(commands: &str) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_atscope"))
        .args(["simulate", "-d", "esp-at", "--stdio", "--virtual-clock", "--booted"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = commands.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()).unwrap());
    let mut out = Vec::new();
    child.stdout.take().unwrap().read_to_end(&mut out).unwrap();
    writer.join().unwrap();
    assert!(child.wait().unwrap().success());
    let finals = out
        .split(|&byte| byte == b'\n')
        .filter(|line| matches!(line, [b'O', b'K', b'\r'] | [b'E', b'R', b'R', b'O', b'R', b'\r']));
    assert_eq!(finals.count(), PIPED);
}

fn ping_pong(commands: &[String], scenario: &std::path::Path) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_atscope"))
        .args(["simulate", "-d", "esp-at", "--stdio", "--booted", "--scenario"])
        .arg(scenario)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut stdin, mut lines) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
    let mut line = Vec::new();
    for command in commands {
        stdin.write_all(command.as_bytes()).unwrap();
        loop {
            line.clear();
            assert!(lines.read_until(b'\n', &mut line).unwrap() > 0);
            if matches!(line.as_slice(), b"OK\r\n" | b"ERROR\r\n") {
                break;
            }
        }
    }
    drop(stdin);
    assert!(child.wait().unwrap().success());
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    for dialect in ["esp-at", "simcom"] {
        let catalog = load_builtin(dialect).unwrap();
        let commands: Vec<String> =
            round(dialect).iter().cycle().take(COMMANDS).map(|line| format!("{line}\r\n")).collect();
        let mut group = criterion.benchmark_group(format!("commands/{dialect}"));
        group.throughput(Throughput::Elements(COMMANDS as u64));
        group.bench_function("module", |bencher| bencher.iter(|| run(&catalog, &commands, false)));
        group.bench_function("checked", |bencher| bencher.iter(|| run(&catalog, &commands, true)));
        group.finish();
    }
    let commands: Vec<String> = round("esp-at").iter().cycle().take(PIPED).map(|line| format!("{line}\r\n")).collect();
    let joined = commands.concat();
    let folder = tempfile::tempdir().unwrap();
    let scenario = folder.path().join("fast.toml");
    std::fs::write(&scenario, "[delays]\nanswer = 0\n").unwrap();
    let mut group = criterion.benchmark_group("commands/process");
    group.sample_size(10);
    group.throughput(Throughput::Elements(PIPED as u64));
    group.bench_function("stdio", |bencher| bencher.iter(|| piped(&joined)));
    group.bench_function("ping-pong", |bencher| bencher.iter(|| ping_pong(&commands, &scenario)));
    group.finish();
    criterion.final_summary();
}
