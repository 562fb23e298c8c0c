//! Runs the program as a user does, and compares what it prints with the files in `tests/golden`.
//!
//! `ATSCOPE_BLESS=1 cargo test` rewrites these files: read the difference in review like code.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, dead_code)]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;

/// The package's folder: the working folder of all runs.
pub const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The program, with the environment of a bare terminal.
pub fn atscope(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_atscope"));
    command.current_dir(ROOT).args(args).stdin(Stdio::null());
    for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "COLUMNS"] {
        command.env_remove(name);
    }
    command
}

/// What a run printed, and its exit status.
pub struct Run {
    pub stdout: String,
    pub stderr: String,
    pub status: i32,
}

/// Runs the program.
pub fn run(args: &[&str]) -> Run {
    run_of(atscope(args).output().unwrap())
}

/// Runs the program with these bytes on standard input.
pub fn run_with(args: &[&str], input: &[u8]) -> Run {
    let mut child = atscope(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || {
        // The program may end before it has read all.
        let _ = stdin.write_all(&input);
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    run_of(output)
}

pub fn run_of(output: Output) -> Run {
    let run = Run {
        stdout: String::from_utf8(output.stdout).expect("output is UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("messages are UTF-8"),
        status: output.status.code().expect("no signal ended it"),
    };
    assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
    run
}

/// Compares a run with `tests/golden/NAME.txt`, or rewrites that file. JSON lines are held against the schema too.
pub fn golden(name: &str, args: &[&str]) {
    let run = run(args);
    if args.contains(&"jsonl") {
        json_lines(&run.stdout);
    }
    let mut text = format!("$ atscope {}\n{}", args.join(" "), run.stdout);
    if !run.stderr.is_empty() {
        text.push_str("--- standard error\n");
        text.push_str(&run.stderr);
    }
    text.push_str(&format!("--- exit status {}\n", run.status));
    let path = Path::new(ROOT).join("tests/golden").join(format!("{name}.txt"));
    if std::env::var_os("ATSCOPE_BLESS").is_some() {
        fs::write(&path, text).unwrap();
        return;
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    if text != expected {
        let line = text.lines().zip(expected.lines()).take_while(|(new, old)| new == old).count() + 1;
        panic!("{} differs from line {line} on (ATSCOPE_BLESS=1 rewrites it); now it is\n{text}", path.display());
    }
}

static SCHEMA: LazyLock<jsonschema::Validator> = LazyLock::new(|| {
    let schema = serde_json::from_str(atscope::report::SCHEMA).unwrap();
    jsonschema::validator_for(&schema).unwrap()
});

/// Parses JSON lines, each of which must fit the schema.
pub fn json_lines(text: &str) -> Vec<serde_json::Value> {
    text.lines()
        .map(|line| {
            let value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
            if !SCHEMA.is_valid(&value) {
                let reasons: Vec<String> = SCHEMA.iter_errors(&value).map(|error| error.to_string()).collect();
                panic!("{line}\nbreaks the schema: {}", reasons.join("; "));
            }
            value
        })
        .collect()
}

/// A folder of this test's own, emptied.
pub fn folder(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    path
}

/// All files below a folder with this ending, sorted.
pub fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|end| end == ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}
