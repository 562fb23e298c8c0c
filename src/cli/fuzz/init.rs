//! `atscope fuzz init`: a folder to fuzz a driver in, made out of its own session with a virtual module.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::time::Duration;

use super::super::FINE;
use super::super::failure::Failure;
use super::super::out::Out;
use super::super::{interrupt, line};
use super::args::Init;
use super::run::{Bench, End, Seen, healthy_told};
use crate::Sender;
use crate::check::Sink;
use crate::generate::{Answer, Generator, Values, Writer};
use crate::mutate::form::Conversation;
use crate::mutate::words;
use crate::session::{Event, EventKind};

/// What every folder gets as it is, but for the places marked with `@`.
const FILES: [(&str, &str); 7] = [
    ("harness/bytes.c", include_str!("init/template/bytes.c")),
    ("harness/arduino.cpp", include_str!("init/template/arduino.cpp")),
    ("harness/Arduino.h", include_str!("init/template/Arduino.h")),
    ("harness/thread.c", include_str!("init/template/thread.c")),
    ("libfuzzer.sh", include_str!("init/template/libfuzzer.sh")),
    ("afl.sh", include_str!("init/template/afl.sh")),
    ("README.md", include_str!("init/template/README.md")),
];

/// Longest word of a dictionary.
const WORD: usize = 64;

/// One exchange: what was asked, and what the module said from then on.
struct Asked {
    name: String,
    bytes: Vec<u8>,
}

/// Takes a session apart into exchanges.
#[derive(Default)]
struct Cut {
    asked: Vec<Asked>,
    words: BTreeSet<Vec<u8>>,
    urcs: BTreeSet<String>,
}

impl Sink for Cut {
    fn event(&mut self, event: &Event<'_>) {
        match &event.kind {
            EventKind::Command { name, form, params } => {
                let name = format!("AT{}{}", name.to_text(), form.sign());
                self.words.insert(name.clone().into_bytes());
                self.words.extend(params.iter().map(|param| param.raw().to_vec()).filter(|raw| raw.len() > 2));
                self.asked.push(Asked { name, bytes: Vec::new() });
            }
            EventKind::Urc { name, .. } => {
                self.urcs.insert(name.to_text().into_owned());
            }
            _ => {}
        }
        if event.from == Sender::Module {
            match self.asked.last_mut() {
                Some(asked) => asked.bytes.extend_from_slice(event.bytes),
                None => self.asked.push(Asked { name: "boot".to_owned(), bytes: event.bytes.to_vec() }),
            }
        }
    }

    fn finding(&mut self, _: &crate::check::Finding) {}
}

/// Runs the driver once, and writes the folder.
pub(super) fn init(args: &Init, out: &mut Out) -> Result<u8, Failure> {
    let bench = Bench::new(&args.module, args.line, &args.command)?;
    if fs::read_dir(&args.output).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(Failure::Said(format!("{}: is there already, and not empty", args.output.display())));
    }
    let silence = Duration::try_from_secs_f64(args.timeout).ok().filter(|time| !time.is_zero());
    let silence = silence.ok_or_else(|| Failure::Said(format!("--timeout {}: expected seconds", args.timeout)))?;
    interrupt::watch_all();
    let seen = bench.healthy(silence, u64::MAX)?;
    let told = healthy_told(&seen);
    out.note(&told);
    if seen.end == End::Interrupted {
        return Ok(interrupt::status());
    }
    if seen.commands == 0 {
        let message = "the driver sends no command: is the line right (standard input and output, --pty, --tcp)?";
        return Err(Failure::said(message));
    }
    let cut = cut(&bench, &seen);
    let seeds = seeds(&bench, &seen, &cut);
    let dictionary = dictionary(&bench, &cut);
    let command: Vec<_> = args.command.iter().map(|word| word.to_string_lossy()).collect();
    let run = format!("atscope fuzz run -d {} -- {}", args.module.dialect, command.join(" "));
    let fill =
        |text: &str| text.replace("@DIALECT@", &args.module.dialect).replace("@SAW@", &told).replace("@RUN@", &run);
    let folder = &args.output;
    for (name, text) in FILES {
        write(folder, name, fill(text).as_bytes())?;
    }
    write(folder, "session.at", &session(&bench, &seen, args))?;
    write(folder, "driver.dict", dictionary.as_bytes())?;
    for (name, bytes) in &seeds {
        write(folder, &format!("seeds/{name}"), bytes)?;
    }
    let mut names: Vec<&str> =
        cut.asked.iter().map(|asked| asked.name.as_str()).filter(|name| *name != "boot").collect();
    names.sort_unstable();
    names.dedup();
    line(out, format_args!("commands  {}", names.join(" ")));
    if !cut.urcs.is_empty() {
        line(out, format_args!("URCs      {}", cut.urcs.iter().cloned().collect::<Vec<_>>().join(", ")));
    }
    for breach in &seen.breaches {
        line(out, format_args!("broken    {} {}: {}", breach.rule, breach.command, breach.message));
    }
    let words = dictionary.lines().count();
    line(
        out,
        format_args!(
            "written   {}: {} seeds, {words} words; README.md says how to go on",
            folder.display(),
            seeds.len()
        ),
    );
    Ok(FINE)
}

fn cut(bench: &Bench, seen: &Seen) -> Cut {
    let mut analyzer = bench.analyzer();
    let mut cut = Cut::default();
    for chunk in &seen.chunks {
        analyzer.push(chunk.from, chunk.time, &chunk.bytes, &[], &mut cut);
    }
    analyzer.finish(&mut cut);
    cut
}

/// All that the module said, each answer, and the other answers that the catalog has for the driver's commands.
fn seeds(bench: &Bench, seen: &Seen, cut: &Cut) -> Vec<(String, Vec<u8>)> {
    let mut seeds: Vec<(String, Vec<u8>)> = Vec::new();
    let said = seen.chunks.iter().filter(|chunk| chunk.from == Sender::Module);
    seeds.push(("session".to_owned(), said.flat_map(|chunk| chunk.bytes.clone()).collect()));
    for asked in cut.asked.iter().filter(|asked| !asked.bytes.is_empty()) {
        add(&mut seeds, &asked.name, asked.bytes.clone());
    }
    let generator = Generator::of(bench.catalog.clone(), None, None);
    let mut rng = fastrand::Rng::with_seed(1);
    let own: BTreeSet<&str> = cut.asked.iter().map(|asked| asked.name.as_str()).collect();
    for target in generator.targets().iter().copied() {
        let name = generator.describe(target);
        let head: String = name.chars().take_while(|c| !matches!(c, '<' | '[' | ' ' | '"')).collect();
        if !own.contains(head.as_str()) {
            continue;
        }
        let Some(invocation) = generator.command(target, Values::Least, &mut rng) else { continue };
        for answer in generator.answers(&invocation).iter().take(4) {
            add(&mut seeds, &format!("{head}-other"), answered(&generator, &invocation, answer, &mut rng));
        }
    }
    seeds
}

/// What the module says to one command.
fn answered(
    generator: &Generator,
    invocation: &crate::generate::Invocation,
    answer: &Answer,
    rng: &mut fastrand::Rng,
) -> Vec<u8> {
    let mut writer = Writer::new(generator, rng);
    writer.command(invocation, answer);
    writer.script.module_bytes()
}

/// One more seed, unless there is one like it.
fn add(seeds: &mut Vec<(String, Vec<u8>)>, what: &str, bytes: Vec<u8>) {
    const MOST: usize = 200;
    if seeds.len() < MOST && !bytes.is_empty() && !seeds.iter().any(|(_, known)| *known == bytes) {
        let plain: String = what.chars().filter(|c| c.is_ascii_alphanumeric() || "+-_".contains(*c)).collect();
        seeds.push((format!("{:03}-{plain}", seeds.len()), bytes));
    }
}

/// The dialect's words, the driver's, and its program's.
fn dictionary(bench: &Bench, cut: &Cut) -> String {
    let generator = Generator::of(bench.catalog.clone(), None, None);
    let mut text = generator.dictionary(false);
    let known = generator.words(true);
    let program = bench.program().and_then(|path| fs::read(path).ok()).unwrap_or_default();
    let own = words::of_program(&program, known.iter().map(Vec::as_slice));
    let mut seen = generator.words(false);
    text.push_str("# of the driver\n");
    for word in cut.words.iter().cloned().chain(own) {
        if (2..=WORD).contains(&word.len()) && seen.insert(word.clone()) {
            text.push('"');
            for byte in word {
                match byte {
                    b'"' | b'\\' => text.extend(['\\', char::from(byte)]),
                    b' '..=b'~' => text.push(char::from(byte)),
                    // Writing to a string cannot fail.
                    _ => drop(write!(text, "\\x{byte:02X}")),
                }
            }
            text.push_str("\"\n");
        }
    }
    text
}

fn session(bench: &Bench, seen: &Seen, args: &Init) -> Vec<u8> {
    let mut headers = vec![("dialect".to_owned(), args.module.dialect.clone())];
    headers.extend(bench.model.iter().map(|model| ("model".to_owned(), model.clone())));
    headers.push(("start".to_owned(), "boot".to_owned()));
    Conversation { headers, chunks: seen.chunks.clone() }.to_transcript()
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), Failure> {
    let path = folder.join(name);
    let said = |error: std::io::Error| Failure::Said(format!("{}: {error}", path.display()));
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(said)?;
    }
    fs::write(&path, bytes).map_err(said)?;
    #[cfg(unix)]
    if name.ends_with(".sh") {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).map_err(said)?;
    }
    Ok(())
}
