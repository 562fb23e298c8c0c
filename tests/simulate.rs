//! `atscope simulate` as a driver developer runs it: on standard input and output, on TCP, on a pseudo-terminal; driven well and badly,
//! flooded, not read, killed; and its recordings, which `check` must find nothing in.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use common::{ROOT, atscope, files, folder, golden, run, run_with};

/// Longest time that anything here may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running `atscope simulate`; killed at the end.
struct Simulator {
    child: Child,
    /// What it said on standard error, line by line.
    errors: Receiver<String>,
    /// The first line on standard output.
    place: String,
}

impl Simulator {
    /// On TCP or a pseudo-terminal.
    fn start(args: &[&str]) -> Self {
        let args: Vec<&str> = ["simulate"].iter().chain(args).copied().collect();
        let mut child = atscope(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let errors = lines(child.stderr.take().unwrap());
        let mut place = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut place).unwrap();
        if place.is_empty() {
            panic!("it says: {:?}", errors.iter().collect::<Vec<_>>());
        }
        Self { child, errors, place: place.trim_end().to_owned() }
    }

    fn connect(&self) -> Line {
        let stream = TcpStream::connect(&self.place).unwrap();
        let mut line = Line::new(stream.try_clone().unwrap(), stream.try_clone().unwrap());
        line.stream = Some(stream);
        line
    }

    #[cfg(unix)]
    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(std::process::Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }

    /// Waits for its end; gives the status.
    fn wait(&mut self) -> Option<i32> {
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("it does not end");
    }

    /// Waits until it has said something like this on standard error.
    fn says(&self, part: &str) {
        let mut said = Vec::new();
        let until = Instant::now() + PATIENCE;
        while let Ok(line) = self.errors.recv_timeout(until.saturating_duration_since(Instant::now())) {
            if line.contains(part) {
                return;
            }
            said.push(line);
        }
        panic!("it does not say {part}, but {said:?}");
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lines(from: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
}

/// The host's end of a line.
struct Line {
    out: Box<dyn Write>,
    come: Receiver<Vec<u8>>,
    got: Vec<u8>,
    /// Closed at the end.
    stream: Option<TcpStream>,
}

impl Drop for Line {
    fn drop(&mut self) {
        if let Some(stream) = &self.stream {
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
    }
}

impl Line {
    fn new(mut from: impl Read + Send + 'static, out: impl Write + 'static) -> Self {
        let (sender, come) = channel();
        std::thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(count) = from.read(&mut piece) {
                if count == 0 || sender.send(piece[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self { out: Box::new(out), come, got: Vec::new(), stream: None }
    }

    /// Sends this, and waits for an answer that ends so; gives the answer.
    fn ask(&mut self, line: &str, end: &str) -> String {
        self.out.write_all(line.as_bytes()).unwrap();
        self.out.flush().unwrap();
        self.expect(end)
    }

    /// Waits until what came ends so, and gives it.
    fn expect(&mut self, end: &str) -> String {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(at) = memchr::memmem::find(&self.got, end.as_bytes()) {
                let rest = self.got.split_off(at + end.len());
                return String::from_utf8(std::mem::replace(&mut self.got, rest)).unwrap();
            }
            match self.come.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(bytes) => self.got.extend(bytes),
                Err(_) => panic!("no {end:?} in {:?}", String::from_utf8_lossy(&self.got)),
            }
        }
    }
}

const OK: &str = "\r\nOK\r\n";

/// A recording, which `check` must find nothing in; gives what `check` says on standard output.
fn sound(path: &Path) -> String {
    let run = run(&["check", "--fail-on", "info", path.to_str().unwrap()]);
    assert_eq!(run.status, 0, "{}\n{}\n{}", run.stdout, run.stderr, fs::read_to_string(path).unwrap_or_default());
    run.stdout
}

#[test]
fn what_it_takes_and_what_is_wrong_is_said() {
    golden("usage_simulate", &["simulate", "--help"]);
    golden("simulate_no_dialect", &["simulate", "--stdio"]);
    golden("simulate_profile", &["simulate", "-d", "simcom", "--profile", "a76x", "--stdio"]);
    golden("simulate_model", &["simulate", "-d", "esp-at", "-m", "esp8255", "--stdio"]);
    golden(
        "simulate_scenario",
        &["simulate", "-d", "esp-at", "--scenario", "tests/golden/input/scenario.toml", "--stdio"],
    );
    golden("simulate_record", &["simulate", "-d", "esp-at", "--record", "session.xyz", "--stdio"]);
    golden("simulate_allow", &["simulate", "-d", "esp-at", "--net", "--allow", "everywhere", "--stdio"]);
    golden("simulate_both", &["simulate", "-d", "esp-at", "--listen", "0", "--stdio"]);
}

#[test]
fn unknown_faults_are_named_with_what_there_is() {
    let run = run(&["simulate", "-d", "esp-at", "--faults", "hostil", "--stdio"]);
    assert_eq!((run.status, &*run.stdout), (2, ""));
    let start = "error: there are no faults called `hostil` (did you mean `hostile`?); there are: ";
    assert!(run.stderr.starts_with(start) && run.stderr.ends_with(", or the name of a file\n"), "{}", run.stderr);
}

#[test]
fn the_scenarios_of_the_corpus_are_sound() {
    let found = files(&Path::new(ROOT).join("corpus/scenarios"), "toml");
    assert!(found.len() >= 2);
    for path in found {
        atscope::module::Scenario::load(&path).unwrap_or_else(|error| panic!("{error}"));
    }
}

#[test]
fn by_a_virtual_clock_the_same_input_gives_the_same_output_at_once() {
    let folder = folder("simulate-virtual");
    let input = "AT\r\nATE0\r\nAT+CIPMUX=1\r\nAT+CIPMUX?\r\nAT+CWMODE=9\r\n";
    let mut seen = Vec::new();
    for number in 0..2 {
        let path = folder.join(format!("{number}.at"));
        let record = path.to_str().unwrap();
        let args = ["simulate", "-d", "esp-at", "--stdio", "--virtual-clock", "--booted", "--record", record];
        let run = run_with(&args, input.as_bytes());
        assert_eq!((run.status, &*run.stderr), (0, ""));
        assert!(run.stdout.starts_with("AT\r\n\r\nOK\r\nATE0\r\n\r\nOK\r\n\r\nOK\r\n"), "{:?}", run.stdout);
        assert!(run.stdout.contains("+CIPMUX:1\r\n") && run.stdout.ends_with("\r\nERROR\r\n"), "{:?}", run.stdout);
        seen.push((run.stdout, fs::read(&path).unwrap()));
    }
    assert_eq!(seen[0], seen[1]);
    let found = run(&["check", folder.join("0.at").to_str().unwrap()]);
    // The one command that breaks a rule, and no other.
    assert!(
        found.stdout.contains("error[param-range]") && found.stdout.contains("; 1 error, 0 warnings"),
        "{}",
        found.stdout
    );
}

#[test]
fn standard_input_and_output_are_a_line() {
    let folder = folder("simulate-stdio");
    let record = folder.join("session.at");
    let args = ["simulate", "-d", "simcom", "--stdio", "--record", record.to_str().unwrap()];
    let mut child = atscope(&args).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = Line::new(child.stdout.take().unwrap(), child.stdin.take().unwrap());
    // The input waits for the module to be up.
    line.ask("AT\r\n", OK);
    line.ask("ATE0\r\n", OK);
    assert!(line.ask("AT+CMEE?\r\n", OK).contains("+CMEE: "));
    line.ask("AT+HTTPINIT\r\n", OK);
    line.ask("AT+HTTPDATA=5,1000\r\n", "DOWNLOAD\r\n");
    line.ask("hello", OK);
    // What was said so far is in the file, whatever comes.
    assert!(fs::read_to_string(&record).unwrap().contains("> hello\n"));
    drop(line);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    sound(&record);
}

#[test]
fn nobody_reads_any_more() {
    let mut child = atscope(&["simulate", "-d", "esp-at", "--stdio", "--booted"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"AT\r\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), &*output.stderr), (Some(0), &b""[..]));
}

#[test]
fn each_connection_has_a_module_of_its_own() {
    let folder = folder("simulate-tcp");
    let record = folder.join("all.pcapng");
    let args = ["-d", "esp-at", "--listen", "127.0.0.1:0", "--booted", "--record", record.to_str().unwrap()];
    let mut simulator = Simulator::start(&args);
    let (mut one, mut other) = (simulator.connect(), simulator.connect());
    one.ask("AT+CIPMUX=1\r\n", OK);
    assert!(other.ask("AT+CIPMUX?\r\n", OK).contains("+CIPMUX:0"));
    assert!(one.ask("AT+CIPMUX?\r\n", OK).contains("+CIPMUX:1"));
    drop(one);
    let mut third = simulator.connect();
    assert!(third.ask("AT+CIPMUX?\r\n", OK).contains("+CIPMUX:0"));
    drop((other, third));
    // Whoever closes its half gets what is due, and then the end.
    let stream = TcpStream::connect(&simulator.place).unwrap();
    (&stream).write_all(b"AT\r\n").unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut said = String::new();
    (&stream).read_to_string(&mut said).unwrap();
    assert_eq!(said, "AT\r\n\r\nOK\r\n");
    end(&mut simulator);
    let said = sound(&record);
    assert!(said.contains("session 3"), "{said}");
}

/// Ends a simulator as a user does, where that can be done.
fn end(simulator: &mut Simulator) {
    #[cfg(unix)]
    {
        simulator.signal("INT");
        assert_eq!(simulator.wait(), Some(130));
    }
    #[cfg(not(unix))]
    let _ = simulator.child.kill();
}

#[test]
fn other_formats_hold_one_connection_a_file() {
    let folder = folder("simulate-files");
    let record = folder.join("run.at");
    let mut simulator =
        Simulator::start(&["-d", "simcom", "--listen", "0", "--booted", "--record", record.to_str().unwrap()]);
    for _ in 0..2 {
        let mut line = simulator.connect();
        line.ask("AT\r\n", OK);
    }
    simulator.says("run-2.at");
    end(&mut simulator);
    sound(&record);
    sound(&folder.join("run-2.at"));
}

#[test]
fn every_written_format_is_whole_at_the_end() {
    let folder = folder("simulate-formats");
    for end in ["at", "pcap", "pcapng", "sr", "vcd"] {
        let record = folder.join(format!("session.{end}"));
        let args = [
            "simulate",
            "-d",
            "simcom",
            "--stdio",
            "--virtual-clock",
            "--booted",
            "--record",
            record.to_str().unwrap(),
        ];
        assert_eq!(run_with(&args, b"AT\r\nATI\r\n").status, 0);
        let shown = run(&["decode", "-d", "simcom", "--only", "command", record.to_str().unwrap()]);
        assert_eq!(shown.status, 0, "{end}: {}", shown.stderr);
        assert!(shown.stdout.contains("#1  command     ATI"), "{end}: {}", shown.stdout);
    }
}

#[test]
fn what_was_said_survives_a_kill() {
    let folder = folder("simulate-kill");
    for end in ["at", "pcap", "pcapng"] {
        let record = folder.join(format!("session.{end}"));
        let args = ["-d", "esp-at", "--listen", "0", "--booted", "--record", record.to_str().unwrap()];
        let mut simulator = Simulator::start(&args);
        let mut line = simulator.connect();
        line.ask("AT\r\n", OK);
        line.out.write_all(b"AT+CW").unwrap();
        std::thread::sleep(Duration::from_millis(400));
        simulator.child.kill().unwrap();
        simulator.wait();
        let shown = run(&["decode", "-d", "esp-at", "--format", "jsonl", record.to_str().unwrap()]);
        assert_eq!(shown.status, 0, "{end}: {}", shown.stderr);
        assert!(
            shown.stdout.contains("\"result\":\"OK\"") && shown.stdout.contains("AT+CW"),
            "{end}: {}",
            shown.stdout
        );
    }
}

#[test]
fn a_speed_takes_its_time() {
    let args = ["-d", "esp-at", "--listen", "0", "--booted", "--baud", "2400"];
    let simulator = Simulator::start(&args);
    let mut line = simulator.connect();
    let since = Instant::now();
    let answer = line.ask("AT+CIPMUX=1\r\n", OK);
    let took = since.elapsed().as_secs_f64();
    // The line up to its CR, then echo and answer: ten bits a byte.
    let least = ("AT+CIPMUX=1\r".len() + answer.len()) as f64 * 10.0 / 2400.0;
    assert!((least..least + 5.0).contains(&took), "{took} s for {answer:?}");
}

#[test]
fn another_speed_takes_another_time() {
    let args = ["-d", "esp-at", "--listen", "0", "--booted", "--baud", "115200"];
    let simulator = Simulator::start(&args);
    let mut line = simulator.connect();
    line.ask("AT+UART_CUR=1200,8,1,0,0\r\n", OK);
    let since = Instant::now();
    let answer = line.ask("AT+CIPMUX=1\r\n", OK);
    let took = since.elapsed().as_secs_f64();
    let least = ("AT+CIPMUX=1\r".len() + answer.len()) as f64 * 10.0 / 1200.0;
    assert!((least..least + 5.0).contains(&took), "{took} s for {answer:?}");
}

#[test]
fn faults_are_told() {
    let folder = folder("simulate-faults");
    let file = folder.join("faults.toml");
    fs::write(&file, "[[fault]]\nkind = 'drop'\nat = 'final'\nnth = 2\n").unwrap();
    let args = [
        "simulate",
        "-d",
        "esp-at",
        "--stdio",
        "--virtual-clock",
        "--booted",
        "--faults",
        file.to_str().unwrap(),
        "--seed",
        "7",
    ];
    let run = run_with(&args, b"AT\r\nAT\r\nAT\r\n");
    assert_eq!(run.stdout, "AT\r\n\r\nOK\r\nAT\r\nAT\r\n\r\nOK\r\n");
    assert!(run.stderr.contains("fault drop: `\\r\\nOK\\r\\n` does not come (seed 7)"), "{}", run.stderr);
}

#[test]
fn a_scenario_changes_the_answers() {
    let folder = folder("simulate-scenario");
    let file = folder.join("world.toml");
    fs::write(&file, "[answers]\n\"AT+CSQ\" = [\"+CSQ: 7,0\"]\n[[events]]\nat = 500\nwhat = 'urc \"+CREG: 2\"'\n")
        .unwrap();
    let args =
        ["simulate", "-d", "simcom", "--stdio", "--virtual-clock", "--booted", "--scenario", file.to_str().unwrap()];
    let run = run_with(&args, b"AT+CSQ\r\n");
    assert_eq!(run.status, 0, "{}", run.stderr);
    let lines: Vec<&str> = run.stdout.lines().filter(|line| !line.is_empty()).collect();
    // What is due within seconds happens before the next line is taken.
    assert_eq!((lines[0], &lines[2..]), ("+CREG: 2", &["+CSQ: 7,0", "OK"][..]), "{:?}", run.stdout);
}

#[test]
fn with_net_requests_really_go_out_but_not_everywhere() {
    let folder = folder("simulate-net");
    let record = folder.join("session.at");
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = server.local_addr().unwrap().port();
    let serving = std::thread::spawn(move || {
        let (mut peer, _) = server.accept().unwrap();
        let mut request = [0; 4096];
        let count = peer.read(&mut request).unwrap();
        peer.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nreal page").unwrap();
        String::from_utf8_lossy(&request[..count]).into_owned()
    });
    let args = ["-d", "simcom", "--listen", "0", "--booted", "--net", "--record", record.to_str().unwrap()];
    let mut simulator = Simulator::start(&args);
    let mut line = simulator.connect();
    // A module that is just up may have no network yet.
    std::thread::sleep(Duration::from_millis(500));
    line.ask("AT+HTTPINIT\r\n", OK);
    line.ask(&format!("AT+HTTPPARA=\"URL\",\"http://127.0.0.1:{port}/page\"\r\n"), OK);
    line.ask("AT+HTTPACTION=0\r\n", "+HTTPACTION: 0,200,9\r\n");
    assert!(line.ask("AT+HTTPREAD=0,9\r\n", "+HTTPREAD: 0\r\n").contains("real page"));
    assert!(serving.join().unwrap().starts_with("GET /page HTTP/1.1\r\n"));
    // An address of the network for documentation: nothing is sent there.
    line.ask("AT+HTTPPARA=\"URL\",\"http://192.0.2.1/\"\r\n", OK);
    line.ask("AT+HTTPACTION=0\r\n", "+HTTPACTION: 0,");
    simulator.says("--allow 192.0.2.1:80");
    line.expect("\r\n");
    end(&mut simulator);
    sound(&record);
}

#[test]
fn the_monitor_shows_what_is_said_and_what_is_wrong() {
    let args = ["simulate", "-d", "esp-at", "--stdio", "--virtual-clock", "--booted", "--monitor"];
    let run = run_with(&args, b"AT\r\nAT+CWMODE=9\r\n");
    for part in ["#0  command     AT", "error[param-range]", "stdio: esp-at: ", "; 1 error, 0 warnings, 0 infos"] {
        assert!(run.stderr.contains(part), "no {part} in {}", run.stderr);
    }
}

#[test]
fn a_flood_that_nobody_reads_costs_nothing_and_hinders_nobody() {
    let simulator = Simulator::start(&["-d", "esp-at", "--listen", "0", "--booted"]);
    let flood = TcpStream::connect(&simulator.place).unwrap();
    flood.set_write_timeout(Some(Duration::from_millis(100))).unwrap();
    let commands = b"AT+GMR\r\n".repeat(4096);
    let mut sent = 0;
    let until = Instant::now() + Duration::from_secs(3);
    let mut other = simulator.connect();
    while Instant::now() < until {
        // Held up, it sends what it can.
        sent += (&flood).write(&commands).unwrap_or(0);
        other.ask("AT\r\n", OK);
    }
    assert!(sent > 32 * 1024);
    if let Some(kib) = resident(simulator.child.id()) {
        assert!(kib < 64 * 1024, "{kib} KiB");
    }
    drop(flood);
    simulator.connect().ask("AT\r\n", OK);
}

/// Memory in use, in KiB, where the system tells.
fn resident(id: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().trim_end_matches(" kB").trim().parse().ok()
}

#[test]
fn connections_come_and_go_without_a_trace() {
    let simulator = Simulator::start(&["-d", "generic", "--listen", "0", "--booted"]);
    let threads = || {
        let folder = format!("/proc/{}/task", simulator.child.id());
        fs::read_dir(folder).map(|found| found.count()).ok()
    };
    for round in 0..60 {
        let mut line = simulator.connect();
        line.ask("AT\r", OK);
        if round % 3 == 0 {
            // Gone in mid-command.
            line.out.write_all(b"AT+CG").unwrap();
        }
    }
    let until = Instant::now() + PATIENCE;
    while threads().is_some_and(|count| count > 8) {
        assert!(Instant::now() < until, "{:?} threads are left", threads());
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[cfg(unix)]
mod terminal {
    use super::*;
    use std::os::unix::fs::{OpenOptionsExt, symlink};

    fn open(path: &str) -> Line {
        let mut options = fs::OpenOptions::new();
        let flags = rustix::fs::OFlags::NOCTTY.bits().cast_signed();
        let file = options.read(true).write(true).custom_flags(flags).open(path).unwrap();
        Line::new(file.try_clone().unwrap(), file)
    }

    #[test]
    fn programs_open_and_close_it_as_they_like() {
        let folder = folder("simulate-terminal");
        let (record, link) = (folder.join("session.pcapng"), folder.join("modem"));
        let args = ["-d", "esp-at", "--booted", "--link", link.to_str().unwrap(), "--record", record.to_str().unwrap()];
        let mut simulator = Simulator::start(&args);
        assert_eq!(fs::read_link(&link).unwrap(), Path::new(&simulator.place));
        for round in 0..5 {
            // Through a process of its own: what reads the terminal here would keep it open.
            let said = stty_and_ask(link.to_str().unwrap(), "AT+CIPMUX?");
            assert!(said.starts_with("AT+CIPMUX?\r\n") && said.ends_with(OK), "round {round}: {said:?}");
        }
        simulator.signal("TERM");
        assert_eq!(simulator.wait(), Some(143));
        assert!(fs::symlink_metadata(&link).is_err(), "the link is still there");
        sound(&record);
    }

    /// Opens the terminal, asks one thing and closes it again, as a script does.
    fn stty_and_ask(path: &str, line: &str) -> String {
        let script = format!(
            "exec 3<>'{path}'; printf '{line}\\r\\n' >&3; \
             while IFS= read -r answer <&3; do printf '%s\\n' \"$answer\"; case $answer in OK*) exit 0;; esac; done"
        );
        let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    #[test]
    fn what_one_program_does_not_read_is_not_for_the_next() {
        let simulator = Simulator::start(&["-d", "esp-at", "--booted"]);
        for _ in 0..3 {
            let script = format!("exec 3<>'{}'; printf 'AT+GMR\\r\\n' >&3; sleep 0.2", simulator.place);
            assert!(std::process::Command::new("sh").args(["-c", &script]).status().unwrap().success());
            std::thread::sleep(Duration::from_millis(100));
        }
        let said = stty_and_ask(&simulator.place, "ATE0");
        assert_eq!(said, "ATE0\r\n\r\nOK\r\n");
    }

    #[test]
    fn it_is_raw_and_takes_every_byte() {
        let simulator = Simulator::start(&["-d", "simcom", "--booted"]);
        let mut line = open(&simulator.place);
        line.ask("ATE0\r", OK);
        line.ask("AT+HTTPINIT\r", OK);
        line.ask("AT+HTTPDATA=256,5000\r", "DOWNLOAD\r\n");
        let all: Vec<u8> = (0..=255).collect();
        line.out.write_all(&all).unwrap();
        line.expect(OK);
    }

    #[test]
    fn a_flood_that_nobody_reads_does_not_hang_it() {
        let mut simulator = Simulator::start(&["-d", "esp-at", "--booted"]);
        let mut options = fs::OpenOptions::new();
        let flags = (rustix::fs::OFlags::NOCTTY | rustix::fs::OFlags::NONBLOCK).bits().cast_signed();
        let mut file = options.read(true).write(true).custom_flags(flags).open(&simulator.place).unwrap();
        let until = Instant::now() + Duration::from_secs(2);
        let mut sent = 0;
        while Instant::now() < until {
            match file.write(b"AT+GMR\r\nAT+GMR\r\nAT+GMR\r\nAT+GMR\r\n") {
                Ok(count) => sent += count,
                Err(_) => std::thread::sleep(Duration::from_millis(2)),
            }
        }
        assert!(sent > 8192, "{sent} bytes");
        if let Some(kib) = resident(simulator.child.id()) {
            assert!(kib < 64 * 1024, "{kib} KiB");
        }
        simulator.signal("INT");
        assert_eq!(simulator.wait(), Some(130));
    }

    #[test]
    fn a_stale_link_is_replaced_and_a_file_is_not() {
        let folder = folder("simulate-link");
        let link = folder.join("modem");
        for target in ["/dev/pts/no-such-one", "nowhere"] {
            symlink(target, &link).unwrap();
            let mut simulator = Simulator::start(&["-d", "esp-at", "--link", link.to_str().unwrap()]);
            assert_eq!(fs::read_link(&link).unwrap(), Path::new(&simulator.place));
            simulator.signal("INT");
            assert_eq!(simulator.wait(), Some(130));
            assert!(fs::symlink_metadata(&link).is_err());
        }
        let refused = |what: &str| {
            let run = run(&["simulate", "-d", "esp-at", "--link", link.to_str().unwrap()]);
            assert_eq!(run.status, 2);
            assert!(run.stderr.contains(what) && run.stdout.is_empty(), "{}", run.stderr);
            fs::remove_file(&link).unwrap();
        };
        fs::write(&link, "precious").unwrap();
        refused("is there already, and is no symbolic link; it is left alone");
        fs::write(folder.join("other"), "precious").unwrap();
        symlink(folder.join("other"), &link).unwrap();
        refused("and not to a terminal; it is left alone");
    }

    #[test]
    fn another_run_may_take_the_link_over() {
        let folder = folder("simulate-two-links");
        let link = folder.join("modem");
        let path = link.to_str().unwrap();
        let mut one = Simulator::start(&["-d", "esp-at", "--link", path]);
        let mut other = Simulator::start(&["-d", "esp-at", "--link", path]);
        one.signal("INT");
        assert_eq!(one.wait(), Some(130));
        assert_eq!(fs::read_link(&link).unwrap(), Path::new(&other.place));
        other.signal("INT");
        assert_eq!(other.wait(), Some(130));
        assert!(fs::symlink_metadata(&link).is_err());
    }
}
