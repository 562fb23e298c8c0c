//! `atscope fuzz min`: shrinks an input that makes a command fail.

use std::ffi::OsString;
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::super::failure::Failure;
use super::super::out::Out;
use super::super::{FINE, interrupt, line};
use super::args::{Form, Min};
use super::input;
use crate::escape::escape;
use crate::mutate::InputForm;
use crate::mutate::minimise::{Minimal, minimise};

/// Most bytes of a command's output that are looked at.
const MOST_SAID: u64 = 256 * 1024;

/// A command that is to end may put its own things in order for so long.
#[cfg(unix)]
const GRACE: Duration = Duration::from_secs(1);

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq)]
enum End {
    Exit(i32),
    Hang,
    Signal(i32),
}

/// What one run showed.
#[derive(Clone, Debug)]
struct Shown {
    end: End,
    /// What a sanitizer or a panic says of the place.
    place: Option<String>,
    /// The text that was asked for is there.
    says: bool,
}

impl std::fmt::Display for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exit(status) => write!(f, "exits with status {status}"),
            Self::Hang => f.write_str("does not end in time"),
            Self::Signal(signal) => write!(f, "is ended by signal {signal}"),
        }
    }
}

/// The command and its input file.
struct Runner<'a> {
    args: &'a Min,
    from: InputForm,
    feed: Form,
    file: File,
    path: PathBuf,
}

/// Shrinks the input, writes it, and says what in it matters.
pub(super) fn min(args: &Min, out: &mut Out) -> Result<u8, Failure> {
    let input = input::read(&args.file, &args.kind)?;
    let catalog = input::catalog(&args.kind, &input)?;
    let from = input.form.inner();
    let named = tempfile::NamedTempFile::new().map_err(|error| Failure::Said(format!("no temporary file: {error}")))?;
    let (file, path) = named.keep().map_err(|error| Failure::Said(error.to_string()))?;
    let mut runner = Runner { args, from, feed: args.feed.unwrap_or(input.form), file, path };
    let result = shrink(&mut runner, &catalog, &input.bytes, out);
    // It may be gone already: the command had its name.
    let _ = std::fs::remove_file(&runner.path);
    let (first, minimal) = result?;
    let target = args.output.clone().unwrap_or_else(|| {
        let mut name = args.file.clone().into_os_string();
        name.push(".min");
        name.into()
    });
    input::write(&target, &input::shown(&minimal.bytes, from, input.form))?;
    let sizes = (input.bytes.len(), minimal.bytes.len());
    out.note(&format!("{}: {} bytes of {}, after {} runs", target.display(), sizes.1, sizes.0, minimal.asked));
    if minimal.cut_off {
        out.warning("the limit of runs was reached: it may be smaller still (--most)");
    }
    if target != Path::new("-") {
        tell(&first, &minimal, out);
    }
    Ok(if interrupt::asked() { interrupt::status() } else { FINE })
}

fn shrink(
    runner: &mut Runner<'_>,
    catalog: &std::sync::Arc<crate::catalog::Catalog>,
    bytes: &[u8],
    out: &Out,
) -> Result<(Shown, Minimal), Failure> {
    let args = runner.args;
    interrupt::watch_all();
    let first = runner.run(bytes)?;
    let wanted = args.exit.map_or(first.end.clone(), End::Exit);
    if wanted == End::Exit(0) && args.exit.is_none() && args.says.is_none() {
        return Err(Failure::said("the command does not fail with this input: it exits with status 0"));
    }
    if first.end != wanted || (args.says.is_some() && !first.says) {
        return Err(Failure::Said(format!(
            "the command {} with this input, which is not what is looked for",
            first.end
        )));
    }
    let place = first.place.as_deref().map_or_else(String::new, |place| format!(": {place}"));
    out.note(&format!("the command {}{place}", first.end));
    let form = runner.from;
    let mut failure = None;
    let mut holds = |bytes: &[u8]| {
        if interrupt::asked() || failure.is_some() {
            return false;
        }
        match runner.run(bytes) {
            // A command that is asked for its words alone may end as it likes.
            Ok(shown) if args.says.is_some() && args.exit.is_none() => shown.says,
            Ok(shown) => shown.end == wanted && shown.place == first.place && (args.says.is_none() || shown.says),
            Err(error) => {
                failure = Some(error);
                false
            }
        }
    };
    let minimal = minimise(catalog, form, bytes, args.most, &mut holds);
    match failure {
        Some(failure) => Err(failure),
        None => Ok((first, minimal)),
    }
}

/// What is left, line by line, and which of its fields matter.
fn tell(first: &Shown, minimal: &Minimal, out: &mut Out) {
    line(out, format_args!("It {} with:", first.end));
    for (number, (host, bytes)) in minimal.lines.iter().enumerate() {
        let arrow = if *host { '>' } else { '<' };
        line(out, format_args!("  {arrow} {}", escape(bytes)));
        for matter in minimal.matters.iter().filter(|matter| matter.line == number) {
            let text = escape(&matter.text);
            match &matter.unlike {
                Some(other) => line(out, format_args!("      {text} matters: not with {}", escape(other))),
                None => line(out, format_args!("      {text} does not matter: another value does the same")),
            }
        }
    }
}

impl Runner<'_> {
    /// Runs the command on an input.
    fn run(&mut self, bytes: &[u8]) -> Result<Shown, Failure> {
        let fed = input::shown(bytes, self.from, self.feed);
        let io = |error: std::io::Error| Failure::Said(format!("the input's temporary file: {error}"));
        self.file.set_len(0).map_err(io)?;
        self.file.rewind().map_err(io)?;
        self.file.write_all(&fed).map_err(io)?;
        let mut arguments = self.args.command.iter();
        let program = arguments.next().cloned().unwrap_or_default();
        let mut named = false;
        let arguments: Vec<OsString> = arguments.map(|argument| self.named(argument, &mut named)).collect();
        let stdin = if named { Stdio::null() } else { Stdio::from(File::open(&self.path).map_err(io)?) };
        let mut command = Command::new(&program);
        command.args(arguments).stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let child = command.spawn();
        let child = child.map_err(|error| Failure::Said(format!("{}: {error}", program.to_string_lossy())))?;
        self.wait(child)
    }

    /// An argument with the input's file in place of `@@`.
    fn named(&self, argument: &OsString, named: &mut bool) -> OsString {
        match argument.to_str() {
            Some(text) if text.contains("@@") => {
                *named = true;
                text.replace("@@", &self.path.to_string_lossy()).into()
            }
            _ => argument.clone(),
        }
    }

    fn wait(&self, mut child: Child) -> Result<Shown, Failure> {
        let limit = Duration::try_from_secs_f64(self.args.timeout).unwrap_or(Duration::MAX);
        let start = Instant::now();
        let out = child.stdout.take().map(|pipe| std::thread::spawn(move || said(pipe)));
        let err = child.stderr.take().map(|pipe| std::thread::spawn(move || said(pipe)));
        let mut pause = Duration::from_micros(100);
        let status = loop {
            match child.try_wait() {
                Ok(Some(status)) => break Some(status),
                Ok(None) if start.elapsed() < limit && !interrupt::asked() => std::thread::sleep(pause),
                Ok(None) => {
                    end(&mut child);
                    break None;
                }
                Err(error) => return Err(Failure::Said(format!("waiting for the command: {error}"))),
            }
            pause = (pause * 2).min(Duration::from_millis(20));
        };
        // Children of its own may hold the pipes of a command that was killed: they are not waited for.
        let text = match status {
            Some(_) => [out, err].into_iter().flatten().map(|thread| thread.join().unwrap_or_default()).collect(),
            None => Vec::new(),
        };
        let text: Vec<u8> = text.concat();
        let text = String::from_utf8_lossy(&text);
        let end = match status {
            Some(status) => ended(status),
            None => End::Hang,
        };
        Ok(Shown { end, place: place(&text), says: self.args.says.as_deref().is_none_or(|says| text.contains(says)) })
    }
}

/// Ends a command and its children: as Ctrl-C does, so that it can end what it started elsewhere, and then for sure.
fn end(child: &mut Child) {
    #[cfg(unix)]
    {
        use rustix::process::{Pid, Signal, kill_process_group};
        if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
            // It may end by itself just now: either way it is gone then.
            let _ = kill_process_group(group, Signal::INT);
            let until = Instant::now() + GRACE;
            while Instant::now() < until && matches!(child.try_wait(), Ok(None)) {
                std::thread::sleep(Duration::from_millis(5));
            }
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
    let _ = child.kill();
    let _ = child.wait();
}

/// All that comes out of a pipe; only the beginning is kept.
fn said(mut pipe: impl Read) -> Vec<u8> {
    let mut text = Vec::new();
    // A pipe that breaks has said what it had to say.
    let _ = pipe.by_ref().take(MOST_SAID).read_to_end(&mut text);
    let _ = std::io::copy(&mut pipe, &mut std::io::sink());
    text
}

fn ended(status: std::process::ExitStatus) -> End {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return End::Signal(signal);
    }
    End::Exit(status.code().unwrap_or(-1))
}

/// The place of the failure, where a sanitizer, or a panic of Rust, tells it.
fn place(text: &str) -> Option<String> {
    let line = text.lines().find(|line| line.starts_with("SUMMARY: ") || line.contains(" panicked at "))?;
    let line = line.strip_prefix("SUMMARY: ").unwrap_or(line);
    // A thread's number differs from run to run.
    let from = line.find("panicked at ").unwrap_or_default();
    line.get(from..).map(|line| line.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failures_place_is_what_the_tool_says() {
        let asan = "==1==ERROR\nSUMMARY: AddressSanitizer: SEGV wifi.c:227:30 in rx_done\n";
        assert_eq!(place(asan).as_deref(), Some("AddressSanitizer: SEGV wifi.c:227:30 in rx_done"));
        let panic = "\nthread 'main' (77) panicked at src/a.rs:1:2:\nno";
        assert_eq!(place(panic).as_deref(), Some("panicked at src/a.rs:1:2:"));
        assert_eq!(place("fine"), None);
    }
}
