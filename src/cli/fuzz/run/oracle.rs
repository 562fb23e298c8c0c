//! What of a run is a failure of the driver. Held against a run in which all went well: what the driver does there as well is its way.

use std::fmt;

use regex::Regex;

use super::play::{Breach, End, Seen};

/// What counts as failing beside what always does.
#[derive(Clone, Debug, Default)]
pub(super) struct Wanted {
    /// Exit statuses.
    pub(super) exits: Vec<i32>,
    /// What it must not print.
    pub(super) texts: Vec<Regex>,
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
    let before = reports(&healthy.log);
    let new: Vec<Report> =
        reports(&seen.log).into_iter().filter(|report| before.iter().all(|own| own.place != report.place)).collect();
    match seen.end {
        End::Signal(signal) if new.is_empty() && seen.end != healthy.end => {
            let name = signal_name(signal);
            add(Kind::Crash, format!("{name} in {}", seen.command), format!("ended by {name}"));
        }
        _ => {}
    }
    for Report { place, text } in new {
        add(Kind::Sanitizer, place, text);
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
        if let Some(found) = text.find(&seen.log).filter(|_| !text.is_match(&healthy.log)) {
            add(Kind::Log, text.as_str().to_owned(), format!("prints `{}`", found.as_str().trim()));
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

/// What a sanitizer or a panic tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Report {
    /// Without what differs from run to run: addresses, and the values that were computed.
    pub(super) place: String,
    /// As it is told.
    pub(super) text: String,
}

/// Most reports of a run: a sanitizer that goes on may tell thousands.
const REPORTS: usize = 32;

/// The reports of sanitizers and the panics of Rust in a log, each place once.
pub(super) fn reports(log: &str) -> Vec<Report> {
    const STARTS: [&str; 6] = [
        "ERROR: AddressSanitizer",
        "ERROR: LeakSanitizer",
        "WARNING: MemorySanitizer",
        "WARNING: ThreadSanitizer",
        "ERROR: libFuzzer",
        "stack smashing detected",
    ];
    let mut out: Vec<Report> = Vec::new();
    let mut add = |place: String, text: &str| {
        if out.len() < REPORTS && out.iter().all(|own| own.place != place) {
            out.push(Report { place, text: text.to_owned() });
        }
    };
    // Where the report that is being read allocated what leaked: its summary has no place.
    let (mut frames, mut leaked): (_, Option<&str>) = (false, None);
    // A report without a summary, so far.
    let mut open: Option<&str> = None;
    for line in log.lines() {
        let line = line.trim();
        if let Some((place, what)) = line.split_once(": runtime error: ") {
            add(format!("{place}: {}", without_values(what)), line);
        } else if let Some(summary) = line.strip_prefix("SUMMARY: ") {
            open = None;
            match leaked.take().filter(|_| summary.contains(" leaked in ")) {
                Some(frame) => add(format!("leak {frame}"), &format!("{summary}, {frame}")),
                // Its line is told already.
                None if summary.starts_with("UndefinedBehaviorSanitizer") => {}
                None => add(without_values(summary), summary),
            }
        } else if let Some((_, at)) = line.split_once("panicked at ") {
            let panic = format!("panicked at {}", at.trim_end_matches(':'));
            add(panic.clone(), &panic);
        } else if STARTS.iter().any(|start| line.contains(start)) {
            let told = line.trim_start_matches(|c: char| c == '=' || c.is_ascii_digit());
            if let Some(before) = open.replace(told) {
                add(without_values(before), before);
            }
        } else if line.starts_with("Direct leak of ") || line.starts_with("Indirect leak of ") {
            frames = leaked.is_none();
        } else if frames && line.starts_with('#') {
            // `#1 0x55 in name file:line:column`; the allocator's own frames have no place in a source file of the driver.
            let frame = line.split_once(" in ").map(|(_, frame)| frame);
            if let Some(frame) = frame.filter(|frame| frame.contains(':') && !frame.contains("compiler-rt")) {
                (frames, leaked) = (false, Some(frame));
            }
        }
    }
    if let Some(line) = open {
        add(without_values(line), line);
    }
    out
}

/// A report's words, with the numbers left out that differ from run to run: whole words, so that `file.c:12:3` and `char[8]` stay.
fn without_values(text: &str) -> String {
    let words = text.split(' ').map(|word| {
        let bare = word.trim_start_matches('(').trim_end_matches([',', ')', ';']);
        let number = bare.strip_prefix("0x").map(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let number = number.unwrap_or_else(|| {
            let digits = bare.trim_start_matches('-');
            !digits.is_empty()
                && digits.bytes().all(|byte| byte.is_ascii_digit() || b".e+-".contains(&byte))
                && digits.bytes().any(|byte| byte.is_ascii_digit())
        });
        if number { word.replace(bare, "…") } else { word.to_owned() }
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
    #![allow(clippy::indexing_slicing)]
    use super::*;

    #[test]
    fn reports_are_told_without_what_differs() {
        let places = |log: &str| reports(log).into_iter().map(|report| report.place).collect::<Vec<_>>();
        let asan = "==7==ERROR: AddressSanitizer: heap-buffer-overflow on address 0x602000 at pc 0x1\n\
                    SUMMARY: AddressSanitizer: heap-buffer-overflow driver.c:12:3 in rx\n";
        assert_eq!(places(asan), ["AddressSanitizer: heap-buffer-overflow driver.c:12:3 in rx"]);
        let bare = "==7==ERROR: AddressSanitizer: SEGV on unknown address 0x00001234 (pc 0x5555)\n";
        assert_eq!(places(bare), ["ERROR: AddressSanitizer: SEGV on unknown address … (pc …)"]);
        let panic = "thread 'main' (12) panicked at src/a.rs:1:2:\nindex out of bounds\n";
        assert_eq!(places(panic), ["panicked at src/a.rs:1:2"]);
        assert!(places("joined, 3 errors\n").is_empty());
    }

    #[test]
    fn a_sanitizer_that_goes_on_tells_each_place_once() {
        let one = "a.c:3:9: runtime error: signed integer overflow: 2147483647 + 1 cannot be represented in type 'int'\n\
                   SUMMARY: UndefinedBehaviorSanitizer: undefined-behavior a.c:3:9 in\n";
        let again = one.replace("2147483647 + 1", "-5 + -2147483647");
        let other = "b.c:1:2: runtime error: index 300 out of bounds for type 'char[8]'\n";
        let all = reports(&[one, &again, other].concat());
        assert_eq!(all.len(), 2, "{all:?}");
        assert_eq!(all[1].place, "b.c:1:2: index … out of bounds for type 'char[8]'");
        assert_eq!(all[1].text, other.trim());
    }

    #[test]
    fn a_leak_has_the_place_where_it_was_allocated() {
        let leak = |bytes: u32| {
            format!(
                "==9==ERROR: LeakSanitizer: detected memory leaks\n\nDirect leak of {bytes} byte(s) in 2 object(s) allocated from:\n    \
                 #0 0x4a in malloc (/tmp/d+0x4a)\n    #1 0x4d in join d.c:8:9\n    #2 0x4e in main d.c:20:1\n\n\
                 SUMMARY: AddressSanitizer: {bytes} byte(s) leaked in 2 allocation(s).\n"
            )
        };
        let (few, many) = (reports(&leak(16)), reports(&leak(32)));
        assert_eq!((few.len(), &few[0].place[..]), (1, "leak join d.c:8:9"));
        assert_eq!(few[0].place, many[0].place);
    }
}
