//! `atscope fuzz run` and `fuzz init` with a driver that is compiled for it: each way to fail is told when it should be, and no other; the folder that is
//! made finds what is planted in drivers of each shape.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::print_stderr, dead_code)]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use common::{Run, run};

/// Where the driver and what is found with it are.
static FOLDER: LazyLock<tempfile::TempDir> = LazyLock::new(|| tempfile::tempdir().unwrap());

/// `tests/drivers/driver.rs`, compiled.
static DRIVER: LazyLock<PathBuf> = LazyLock::new(|| {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/drivers/driver.rs");
    let out = FOLDER.path().join("driver");
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let done = Command::new(rustc).args(["--edition", "2024", "-o"]).arg(&out).arg(source).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    out
});

/// Faults after which this driver waits for an answer in vain.
const LOST: &str = "[[fault]]\nkind = 'drop'\nchance = 0.5\n";

/// Runs it with these faults; gives the run and the folder of failures.
fn found(weakness: &str, more: &[&str]) -> (Run, PathBuf) {
    let name: String = more.concat().chars().filter(char::is_ascii_alphanumeric).collect();
    let output = FOLDER.path().join(format!("{weakness}-{name}"));
    let faults = FOLDER.path().join("lost.toml");
    fs::write(&faults, LOST).unwrap();
    let driver = DRIVER.to_str().unwrap();
    let mut words = vec!["fuzz", "run", "-d", "esp-at", "-n", "8", "-j", "4", "--timeout", "1.5", "--faults"];
    words.extend([faults.to_str().unwrap(), "-o", output.to_str().unwrap()]);
    words.extend(more);
    words.extend(["--", driver, weakness]);
    (run(&words), output)
}

fn kinds(run: &Run) -> Vec<String> {
    let lines = run.stdout.lines().filter(|line| !line.starts_with(' ') && !line.is_empty());
    let mut kinds: Vec<String> = lines.map(|line| line.split(' ').next().unwrap().to_owned()).collect();
    kinds.sort();
    kinds.dedup();
    kinds
}

#[test]
fn a_driver_that_gets_over_it_does_not_fail() {
    let (run, output) = found("healthy", &[]);
    assert_eq!((run.status, kinds(&run)), (0, vec![]), "{}{}", run.stdout, run.stderr);
    assert!(run.stderr.contains("sends 15 commands"), "{}", run.stderr);
    assert!(!output.exists());
}

#[test]
fn each_way_to_fail_is_told() {
    for (weakness, more, kind) in [
        ("hang", &[][..], "hang"),
        ("busy", &[], if cfg!(target_os = "linux") { "busy-loop" } else { "hang" }),
        ("stubborn", &[], "no-recovery"),
        ("rule", &[], "rule"),
        ("exit", &["--fail-exit", "42"], "exit"),
        ("log", &["--fail-log", "assertion"], "log"),
    ] {
        let (run, _) = found(weakness, more);
        assert_eq!((run.status, kinds(&run)), (1, vec![kind.to_owned()]), "{weakness}: {}{}", run.stdout, run.stderr);
    }
    if cfg!(target_os = "linux") {
        let (run, _) = found("leak", &["--memory", "50"]);
        assert_eq!((run.status, kinds(&run)), (1, vec!["memory".to_owned()]), "{}{}", run.stdout, run.stderr);
    }
}

#[test]
fn a_status_or_a_text_that_nobody_asked_for_is_none() {
    for weakness in ["exit", "log"] {
        let (run, _) = found(weakness, &[]);
        assert_eq!((run.status, kinds(&run)), (0, vec![]), "{weakness}: {}{}", run.stdout, run.stderr);
    }
}

#[test]
fn a_crash_is_kept_and_repeated_and_made_smaller() {
    let output = FOLDER.path().join("crash");
    let driver = DRIVER.to_str().unwrap();
    let base = ["fuzz", "run", "-d", "esp-at", "--timeout", "1.5", "-o", output.to_str().unwrap()];
    let shapes = FOLDER.path().join("shapes.toml");
    fs::write(&shapes, "[[fault]]\nkind = 'shape'\nchance = 1.0\n").unwrap();
    let faults = ["--faults", shapes.to_str().unwrap()];
    let all = run(&[&base[..], &faults, &["-n", "8", "--", driver, "crash"]].concat());
    assert_eq!((all.status, kinds(&all)), (1, vec!["sanitizer".to_owned()]), "{}{}", all.stdout, all.stderr);
    assert!(all.stdout.contains("panicked at "), "{}", all.stdout);
    let kept = output.join("sanitizer-1.at");
    let text = fs::read_to_string(&kept).unwrap();
    let header = |key: &str| {
        let start = format!("# {key}: ");
        text.lines()
            .find_map(|line| line.strip_prefix(&start))
            .unwrap_or_else(|| panic!("no {key} in {text}"))
            .to_owned()
    };
    assert!(header("repeat").ends_with("crash") && header("fault").contains("field"), "{text}");
    assert!(fs::read_to_string(output.join("sanitizer-1.log")).unwrap().contains("a mode that is none"));
    let seed = header("seed");
    let again = run(&[&base[..], &faults, &["--repeat", &seed, "--", driver, "crash"]].concat());
    assert_eq!((again.status, kinds(&again).contains(&"sanitizer".to_owned())), (1, true), "{}", again.stdout);
    // Played back, and made smaller so.
    let replay = ["fuzz", "run", "-d", "esp-at", "--timeout", "1.5", "--replay"];
    let back = run(&[&replay[..], &[kept.to_str().unwrap(), "--", driver, "crash"]].concat());
    assert_eq!(back.status, 1, "{}{}", back.stdout, back.stderr);
    assert!(back.stdout.starts_with("SUMMARY: sanitizer: panicked at "), "{}", back.stdout);
}

#[test]
fn every_line_will_do() {
    for line in ["--pty", "--tcp"] {
        let (run, _) = found("hang", &[line]);
        assert_eq!((run.status, kinds(&run)), (1, vec!["hang".to_owned()]), "{line}: {}{}", run.stdout, run.stderr);
    }
}

#[test]
fn mistakes_are_told_ahead_of_any_run() {
    let driver = DRIVER.to_str().unwrap();
    for (words, expected) in [
        (&["-d", "esp", "--", driver][..], "unknown dialect `esp`"),
        (&["-d", "esp-at", "--faults", "hosttile", "--", driver], "hosttile"),
        (&["-d", "esp-at", "--timeout", "0", "--", driver], "--timeout 0: expected seconds"),
        (&["-d", "esp-at", "--", "no-such-driver"], "no-such-driver: "),
        (&["-d", "esp-at", "--timeout", "0.5", "--", "true"], "sends no command to a healthy module"),
        (&["-d", "esp-at", "--replay", "no-such-file", "--", driver], "no-such-file: "),
    ] {
        let run = run(&[&["fuzz", "run"][..], words].concat());
        assert_eq!(run.status, 2, "{words:?}: {}", run.stderr);
        assert!(run.stderr.contains(expected), "{words:?}: {}", run.stderr);
    }
}

#[test]
fn a_folder_is_made_out_of_the_drivers_own_session() {
    let folder = FOLDER.path().join("init");
    let words =
        ["fuzz", "init", "-d", "esp-at", "-o", folder.to_str().unwrap(), "--", DRIVER.to_str().unwrap(), "healthy"];
    let made = run(&words);
    assert_eq!(made.status, 0, "{}", made.stderr);
    assert!(made.stdout.contains("commands  AT AT+CIPMUX= AT+CIPMUX? AT+CWMODE= AT+CWMODE?"), "{}", made.stdout);
    let session = folder.join("session.at");
    let checked = run(&["check", session.to_str().unwrap()]);
    assert_eq!((checked.status, checked.stdout.contains("0 errors, 0 warnings")), (0, true), "{}", checked.stdout);
    let seeds: Vec<String> = fs::read_dir(folder.join("seeds"))
        .unwrap()
        .map(|seed| seed.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(
        seeds.iter().any(|name| name == "session") && seeds.iter().any(|name| name.contains("CWMODE")),
        "{seeds:?}"
    );
    let dictionary = fs::read_to_string(folder.join("driver.dict")).unwrap();
    assert!(
        dictionary.lines().any(|line| line == "\"AT+CWMODE=\"") && dictionary.contains("WIFI GOT IP"),
        "{dictionary}"
    );
    // Not over anything that is there.
    let again = run(&words);
    assert_eq!(again.status, 2);
    assert!(again.stderr.contains("is there already, and not empty"), "{}", again.stderr);
    finds_what_is_planted(&folder);
}

/// Each harness with the driver of its shape, compiled as the folder's script does it: it starts, and finds the mistake.
fn finds_what_is_planted(folder: &Path) {
    let drivers = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/drivers");
    let probe = folder.join("probe.c");
    fs::write(
        &probe,
        "int LLVMFuzzerTestOneInput(const unsigned char *d, unsigned long n) { return d && n > 1u << 30; }\n",
    )
    .unwrap();
    let tried = Command::new("clang")
        .args(["-fsanitize=fuzzer,address,undefined", "-o"])
        .arg(folder.join("probe"))
        .arg(&probe)
        .output();
    if !tried.is_ok_and(|tried| tried.status.success()) {
        eprintln!("no clang with libFuzzer and sanitizers here: the harnesses are not compiled");
        return;
    }
    for (shape, harness, source) in [
        ("bytes", "bytes.c", Some("driver.c")),
        ("arduino", "arduino.cpp", None),
        ("thread", "thread.c", Some("driver.c")),
    ] {
        let own = drivers.join(shape);
        let mut command = Command::new(folder.join("libfuzzer.sh"));
        command.arg(folder.join("harness").join(harness)).args(source.map(|source| own.join(source)));
        command
            .args(["--", "-max_total_time=60", "-runs=2000000", "-seed=1"])
            .env("CFLAGS", format!("-I{}", own.display()));
        let done = command.env_remove("MUTATOR").current_dir(folder).output().unwrap();
        let text = String::from_utf8_lossy(&done.stderr);
        assert!(text.contains("heap-buffer-overflow"), "{shape}: {text}");
    }
}

/// What `timeout` of a CI does, and a user's `kill`.
#[test]
#[cfg(target_os = "linux")]
fn no_driver_is_left_behind() {
    let driver = FOLDER.path().join("left-behind");
    fs::copy(&*DRIVER, &driver).unwrap();
    let running = || {
        let entries = fs::read_dir("/proc").unwrap().flatten();
        entries.filter_map(|entry| fs::read_link(entry.path().join("exe")).ok()).filter(|exe| *exe == driver).count()
    };
    let replay = FOLDER.path().join("nothing.at");
    fs::write(&replay, "@0.0 < \\r\\nready\\r\\n\n").unwrap();
    let run = ["fuzz", "run", "-d", "esp-at", "--timeout", "60", "--limit", "60"];
    let program = env!("CARGO_BIN_EXE_atscope");
    let weak = driver.to_str().unwrap();
    let replayed = [&[program][..], &run, &["--replay", "@@", "--", weak, "hang"]].concat();
    for words in [
        [&run[..], &["--", weak, "daemon"]].concat(),
        [&["fuzz", "min", "--timeout", "60", replay.to_str().unwrap(), "--"][..], &replayed].concat(),
    ] {
        let mut child = Command::new(program).args(&words).spawn().unwrap();
        let until = Instant::now() + Duration::from_secs(20);
        while running() == 0 && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(20));
        }
        assert!(running() > 0, "{words:?}");
        Command::new("kill").arg(child.id().to_string()).status().unwrap();
        child.wait().unwrap();
        assert_eq!(running(), 0, "{words:?}");
    }
}
