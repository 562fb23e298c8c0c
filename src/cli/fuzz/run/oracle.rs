//! What of a run is a failure of the driver. Held against a run in which all went well: what the driver does there as well is its way.

use std::fmt;

use super::play::{Breach, End, Seen};

/// What counts as failing beside what always does.
#[derive(Clone, Debug, Default)]
pub(super) struct Wanted {
    /// Exit statuses.
    pub(super) exits: Vec<i32>,
    /// Texts in what it prints.
    pub(super) texts: Vec<String>,
}

/// What kind of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Kind {
    Crash,
    Sanitizer,
    BusyLoop,
    Hang,
    Memory,
    NoRecovery,
    Exit,
    Log,
    Rule,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Crash => "crash",
            Self::Sanitizer => "sanitizer",
            Self::BusyLoop => "busy-loop",
            Self::Hang => "hang",
            Self::Memory => "memory",
            Self::NoRecovery => "no-recovery",
            Self::Exit => "exit",
            Self::Log => "log",
            Self::Rule => "rule",
        })
    }
}

/// A failure; equal `place`s of a kind are one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) kind: Kind,
    pub(super) place: String,
    /// In words, with numbers that differ from run to run.
    pub(super) reason: String,
}

/// Successful commands behind the last fault, from which on a driver had its chance.
const CHANCES: u64 = 10;

/// The failures of a run, worst first.
pub(super) fn judge(healthy: &Seen, seen: &Seen, wanted: &Wanted) -> Vec<Verdict> {
    let mut out = Vec::new();
    let mut add = |kind, place: String, reason: String| out.push(Verdict { kind, place, reason });
    let report = report(&seen.log).filter(|_| report(&healthy.log).is_none());
    match (seen.end, report) {
        (_, Some(place)) => add(Kind::Sanitizer, place.clone(), place),
        (End::Signal(signal), None) if seen.end != healthy.end => {
            let name = signal_name(signal);
            add(Kind::Crash, format!("{name} in {}", seen.command), format!("ended by {name}"));
        }
        _ => {}
    }
    let during = || if seen.command.is_empty() { "the start".to_owned() } else { seen.command.clone() };
    match seen.end {
        End::Silent { busy: true } if healthy.end != seen.end => {
            add(
                Kind::BusyLoop,
                during(),
                format!("sends nothing more behind {}, and is at work all the time", during()),
            );
        }
        // A driver that falls silent by itself waits for something.
        End::Silent { busy: false } if !matches!(healthy.end, End::Silent { .. }) => {
            add(Kind::Hang, during(), format!("sends nothing more behind {}, and does not end", during()));
        }
        End::Large(bytes) => {
            let (now, before) = (bytes >> 20, healthy.memory >> 20);
            add(Kind::Memory, during(), format!("has grown to {now} MiB; {before} MiB when all is well"));
        }
        End::Talking if matches!(healthy.end, End::Exit(_)) && seen.good_since >= CHANCES => {
            let good = seen.good_since;
            add(
                Kind::NoRecovery,
                during(),
                format!("never ends, though {good} commands succeeded since all is well again"),
            );
        }
        End::Talking if healthy.good > 0 && seen.healed.is_some() && seen.good_since == 0 => {
            add(
                Kind::NoRecovery,
                "no success".to_owned(),
                "no command succeeds any more, though all is well again".to_owned(),
            );
        }
        End::Exit(status) if wanted.exits.contains(&status) => {
            add(Kind::Exit, format!("status {status}"), format!("exits with status {status}"));
        }
        End::Exit(_) if seen.end != healthy.end && seen.good_since >= CHANCES => {
            let good = seen.good_since;
            add(
                Kind::NoRecovery,
                "ends".to_owned(),
                format!("fails, though the last {good} commands succeeded and all is well again"),
            );
        }
        _ => {}
    }
    for text in &wanted.texts {
        if seen.log.contains(text) && !healthy.log.contains(text) {
            add(Kind::Log, text.clone(), format!("prints `{text}`"));
        }
    }
    let known =
        |breach: &Breach| healthy.breaches.iter().any(|own| (own.rule, &own.command) == (breach.rule, &breach.command));
    for breach in seen.breaches.iter().filter(|breach| !known(breach)) {
        add(Kind::Rule, format!("{} {}", breach.rule, breach.command), format!("{}: {}", breach.rule, breach.message));
    }
    out.sort_by(|a, b| (a.kind, &a.place).cmp(&(b.kind, &b.place)));
    out.dedup_by(|a, b| (a.kind, &a.place) == (b.kind, &b.place));
    out
}

/// Where a sanitizer's report, or a panic of Rust, says that it is: without numbers that differ from run to run.
pub(super) fn report(log: &str) -> Option<String> {
    const STARTS: [&str; 6] = [
        "ERROR: AddressSanitizer",
        "ERROR: LeakSanitizer",
        "WARNING: MemorySanitizer",
        "WARNING: ThreadSanitizer",
        "ERROR: libFuzzer",
        "stack smashing detected",
    ];
    let undefined = |line: &&str| line.contains(": runtime error: ");
    let panic = |line: &&str| line.contains("panicked at ");
    if let Some(summary) = log.lines().find_map(|line| line.strip_prefix("SUMMARY: ")) {
        return Some(steady(summary));
    }
    if let Some(line) = log.lines().find(undefined) {
        return Some(steady(line.trim()));
    }
    if let Some(line) = log.lines().find(panic) {
        let from = line.find("panicked at ").unwrap_or_default();
        return line.get(from..).map(|line| line.trim_end().trim_end_matches(':').to_owned());
    }
    let line = log.lines().find(|line| STARTS.iter().any(|start| line.contains(start)))?;
    Some(steady(line.trim_start_matches(|c: char| c == '=' || c.is_ascii_digit())))
}

/// Addresses differ from run to run.
fn steady(text: &str) -> String {
    let words = text.split(' ').map(|word| {
        let bare = word.trim_start_matches('(');
        if bare.starts_with("0x") && bare.len() > 4 { "0x…" } else { word }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// The name of a signal, where it has one that everybody knows.
fn signal_name(signal: i32) -> String {
    match signal {
        4 => "SIGILL".to_owned(),
        6 => "SIGABRT".to_owned(),
        8 => "SIGFPE".to_owned(),
        9 => "SIGKILL".to_owned(),
        11 => "SIGSEGV".to_owned(),
        other => format!("signal {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_are_told_without_what_differs() {
        let asan = "==7==ERROR: AddressSanitizer: heap-buffer-overflow on address 0x602000 at pc 0x1\n\
                    SUMMARY: AddressSanitizer: heap-buffer-overflow driver.c:12:3 in rx\n";
        assert_eq!(report(asan).as_deref(), Some("AddressSanitizer: heap-buffer-overflow driver.c:12:3 in rx"));
        let bare = "==7==ERROR: AddressSanitizer: SEGV on unknown address 0x00001234 (pc 0x5555)\n";
        assert_eq!(report(bare).as_deref(), Some("ERROR: AddressSanitizer: SEGV on unknown address 0x… (pc 0x…"));
        let ubsan = "a.c:3:9: runtime error: signed integer overflow: 2147483647 + 1\n";
        assert_eq!(report(ubsan).as_deref(), Some("a.c:3:9: runtime error: signed integer overflow: 2147483647 + 1"));
        let panic = "thread 'main' (12) panicked at src/a.rs:1:2:\nindex out of bounds\n";
        assert_eq!(report(panic).as_deref(), Some("panicked at src/a.rs:1:2"));
        assert_eq!(report("joined, 3 errors\n"), None);
    }
}
