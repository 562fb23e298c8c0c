//! Failures are kept: each kind at each place once, as a transcript with what led there and the command that repeats it.

use std::collections::BTreeMap;
use std::fs;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::super::super::failure::Failure;
use super::super::super::out::Out;
use super::super::super::{interrupt, line};
use super::super::args::Run;
use super::oracle::{Kind, Verdict};
use super::play::Seen;
use super::{Bench, status};
use crate::check::Rule;
use crate::mutate::form::Conversation;

/// What went wrong is told in a transcript's head, up to so many lines.
const TOLD: usize = 40;

/// The failures of a run.
pub(super) struct Keeper {
    folder: PathBuf,
    headers: Vec<(String, String)>,
    /// The command that repeats a seed, without it.
    again: String,
    command: String,
    faults: Option<String>,
    /// How long one run of a transcript may take: `fuzz min` waits for it.
    patience: f64,
    found: BTreeMap<(Kind, String), Kept>,
}

struct Kept {
    path: PathBuf,
    seed: u64,
    count: u64,
    reason: String,
}

impl Keeper {
    pub(super) fn new(folder: &Path, args: &Run, bench: &Bench) -> Result<Self, Failure> {
        let module = &args.module;
        let mut headers = vec![("dialect".to_owned(), module.dialect.clone())];
        headers.extend(bench.model.iter().map(|model| ("model".to_owned(), model.clone())));
        headers.push(("start".to_owned(), "boot".to_owned()));
        let mut again = format!("atscope fuzz run -d {}", quoted(&module.dialect));
        let options = [("-m", &module.model), ("--profile", &module.profile), ("--faults", &args.faults)];
        for (option, value) in options {
            again.extend(value.iter().map(|value| format!(" {option} {}", quoted(value))));
        }
        if let Some(path) = &module.scenario {
            again.push_str(&format!(" --scenario {}", quoted(&path.to_string_lossy())));
        }
        if args.line.pty {
            again.push_str(" --pty");
        }
        if args.line.tcp {
            again.push_str(" --tcp");
        }
        again.push_str(&format!(" --timeout {}", args.timeout));
        again.extend(args.limit.iter().map(|limit| format!(" --limit {limit}")));
        again.extend(args.memory.iter().map(|memory| format!(" --memory {memory}")));
        again.extend(args.fail_exit.iter().map(|status| format!(" --fail-exit {status}")));
        again.extend(args.fail_log.iter().map(|text| format!(" --fail-log {}", quoted(text.as_str()))));
        let command: Vec<String> = args.command.iter().map(|word| quoted(&word.to_string_lossy())).collect();
        Ok(Self {
            folder: folder.to_owned(),
            headers,
            again,
            command: command.join(" "),
            faults: args.faults.clone(),
            patience: 4.0 * args.timeout + 10.0,
            found: BTreeMap::new(),
        })
    }

    pub(super) fn len(&self) -> usize {
        self.found.len()
    }

    /// What a run showed. A failure that is new is written and told.
    pub(super) fn enter(
        &mut self,
        seed: u64,
        title: &str,
        seen: &Seen,
        verdicts: Vec<Verdict>,
        out: &mut Out,
    ) -> Result<(), Failure> {
        for verdict in verdicts {
            let key = (verdict.kind, verdict.place.clone());
            if let Some(known) = self.found.get_mut(&key) {
                known.count += 1;
                continue;
            }
            let number = 1 + self.found.keys().filter(|(kind, _)| *kind == verdict.kind).count();
            let path = self.folder.join(format!("{}-{number}.at", verdict.kind));
            self.write(&path, seed, title, seen, &verdict)?;
            line(out, format_args!("{:<12} {}", verdict.kind, verdict.reason));
            line(out, format_args!("{:<12} seed {seed}, {title}: {}", "", path.display()));
            out.flush()?;
            self.found.insert(key, Kept { path, seed, count: 1, reason: verdict.reason });
        }
        Ok(())
    }

    fn write(&self, path: &Path, seed: u64, title: &str, seen: &Seen, verdict: &Verdict) -> Result<(), Failure> {
        let said = |path: &Path, error: std::io::Error| Failure::Said(format!("{}: {error}", path.display()));
        fs::create_dir_all(&self.folder).map_err(|error| said(&self.folder, error))?;
        let mut headers = self.headers.clone();
        let mut add = |key: &str, value: String| headers.push((key.to_owned(), one_line(&value)));
        add("failure", verdict.kind.to_string());
        add("place", verdict.place.clone());
        add("reason", verdict.reason.clone());
        add("seed", seed.to_string());
        add("trouble", title.to_owned());
        add("repeat", format!("{} --repeat {seed} -- {}", self.again, self.command));
        for (time, what) in seen.done.iter().take(TOLD) {
            add("fault", format!("{time:.6} {what}"));
        }
        if seen.done.len() > TOLD {
            add("fault", format!("and {} more", seen.done.len() - TOLD));
        }
        if let Some(healed) = seen.healed {
            add("healthy", format!("from {healed:.6} on"));
        }
        let transcript = Conversation { headers, chunks: seen.chunks.clone() }.to_transcript();
        fs::write(path, transcript).map_err(|error| said(path, error))?;
        let log = path.with_extension("log");
        fs::write(&log, &seen.log).map_err(|error| said(&log, error))
    }

    /// Tells what all runs showed.
    pub(super) fn finish(&self, runs: u64, took: Duration, out: &mut Out) -> Result<u8, Failure> {
        if self.found.len() > 1 {
            line(out, format_args!(""));
            line(out, format_args!("{:>6}  {:<12} {:>8}  reason", "runs", "failure", "seed"));
            for ((kind, _), kept) in &self.found {
                line(out, format_args!("{:>6}  {kind:<12} {:>8}  {}", kept.count, kept.seed, kept.reason));
            }
        }
        out.flush()?;
        let count = self.found.len();
        let failures = if count == 1 { "1 failure".to_owned() } else { format!("{count} different failures") };
        out.note(&format!("{runs} runs in {:.1} s: {failures}", took.as_secs_f64()));
        let (again, command) = (&self.again, &self.command);
        if let Some(kept) = self.found.values().next() {
            out.note(&format!("again: {again} --repeat {} -- {command}", kept.seed));
        }
        if let Some(((kind, place), kept)) = self.found.iter().find(|((kind, place), _)| replayed(*kind, place)) {
            let (path, patience) = (quoted(&kept.path.to_string_lossy()), self.patience);
            // `fuzz min` holds to a sanitizer's place by itself.
            let says = match kind {
                Kind::Sanitizer => String::new(),
                _ => format!("--says {} ", quoted(&summary(*kind, place))),
            };
            // What went wrong stands in the transcript.
            let faults = self.faults.iter().map(|name| format!(" --faults {}", quoted(name))).collect::<String>();
            let played = again.replacen(&faults, "", 1);
            out.note(&format!(
                "smaller: atscope fuzz min --timeout {patience} {says}{path} -- {played} --replay @@ -- {command}"
            ));
        }
        Ok(if interrupt::asked() { interrupt::status() } else { status(count) })
    }
}

/// How far it is, on a terminal.
pub(super) struct Statistics {
    bar: ProgressBar,
    start: Instant,
    commands: u64,
    faults: u64,
}

impl Statistics {
    pub(super) fn new(runs: u64) -> Self {
        let target =
            if std::io::stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(runs), target);
        if let Ok(style) = ProgressStyle::with_template("{pos}/{len} runs [{wide_bar}] {msg}") {
            bar.set_style(style.progress_chars("=> "));
        }
        Self { bar, start: Instant::now(), commands: 0, faults: 0 }
    }

    pub(super) fn run(&mut self, seen: &Seen) {
        self.bar.inc(1);
        self.commands += seen.commands;
        self.faults += seen.done.len() as u64;
    }

    pub(super) fn draw(&self, failures: usize) {
        let rate = self.bar.position() as f64 / self.start.elapsed().as_secs_f64().max(0.001);
        let (commands, faults) = (self.commands, self.faults);
        self.bar.set_message(format!("{rate:.1}/s, {commands} commands, {faults} faults, {failures} failures"));
    }

    pub(super) fn aside<T>(&self, print: impl FnOnce() -> T) -> T {
        self.bar.suspend(print)
    }
}

impl Drop for Statistics {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// How a replay tells a failure.
pub(super) fn summary(kind: Kind, place: &str) -> String {
    format!("SUMMARY: {kind}: {place}")
}

/// Whether a replay can show it: not what is judged by what comes behind the trouble, or by its time.
fn replayed(kind: Kind, place: &str) -> bool {
    kind != Kind::NoRecovery && !place.starts_with(Rule::CommandOverlap.name())
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_as_a_shell_needs_it() {
        assert_eq!(quoted("./driver"), "./driver");
        assert_eq!(quoted("two words"), "'two words'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted(""), "''");
    }
}
