//! What mutations hold: the limit, the seed, both forms; and that what breaks drivers comes often.

#![cfg(feature = "fuzzing")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use atscope::Sender;
use atscope::catalog::{Catalog, load_builtin};
use atscope::fuzz;
use atscope::mutate::{Conversation, InputForm, Mutator, Options};
use atscope::session::{self, EventKind, Session};

fn transcripts() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let folders = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
    let files = folders.flat_map(|folder| fs::read_dir(folder).unwrap()).map(|entry| entry.unwrap().path());
    let mut all: Vec<PathBuf> = files.filter(|path| path.extension().is_some_and(|end| end == "at")).collect();
    all.sort();
    assert!(all.len() > 200);
    all
}

fn read(path: &Path) -> Conversation {
    Conversation::from_transcript(&path.display().to_string(), &fs::read(path).unwrap()).unwrap()
}

fn mutator(dialect: &str, form: InputForm) -> Mutator {
    Mutator::new(&Options { dialect: Some(dialect.to_owned()), form, ..Options::default() }).unwrap()
}

#[test]
fn both_forms_keep_every_transcript() {
    for path in transcripts() {
        let conversation = read(&path);
        assert_eq!(Conversation::from_bytes(&conversation.to_bytes()), conversation, "{}", path.display());
        let back = Conversation::from_transcript("back.at", &conversation.to_transcript()).unwrap();
        assert_eq!(back, conversation, "{}", path.display());
    }
}

#[test]
fn the_laws_hold_over_the_corpus() {
    for (number, path) in transcripts().iter().enumerate().filter(|(number, _)| number % 5 == 0) {
        let conversation = read(path);
        for (which, body) in [(0, conversation.to_stream()), (1, conversation.to_bytes())] {
            let dialect = (number % 6) as u8;
            for seed in 0..4 {
                let limit = [[0, 0], [1, 0], [100, 0], [0, 16]][usize::from(seed)];
                let data = [&[limit[0], limit[1], which | dialect << 1, seed], body.as_slice()].concat();
                fuzz::mutate(&data);
                fuzz::syntax(&data);
            }
        }
    }
    fuzz::mutate(b"");
    fuzz::syntax(b"");
}

/// A byte more in the bytes is at most a byte more, or another mark, in what they stand for.
#[test]
fn near_bytes_are_near_conversations() {
    let path = transcripts().into_iter().find(|path| path.ends_with("http-get.at")).unwrap();
    let conversation = read(&path);
    let bytes = conversation.to_bytes();
    for at in (0..bytes.len()).step_by(7) {
        let mut near = bytes.clone();
        near.insert(at, b'x');
        let changed = Conversation::from_bytes(&near);
        let same = |a: &Conversation, b: &Conversation| {
            let front = a.chunks.iter().zip(&b.chunks).take_while(|(a, b)| a.bytes == b.bytes).count();
            let back = a.chunks.iter().rev().zip(b.chunks.iter().rev()).take_while(|(a, b)| a.bytes == b.bytes).count();
            front + back
        };
        assert!(same(&conversation, &changed) + 2 >= conversation.chunks.len(), "byte {at}");
    }
}

/// An event's kind and name, with announced and actual size where it is a payload.
type Told = (&'static str, String, Option<(u64, u64)>);

/// Events of a stream.
fn events(catalog: &Arc<Catalog>, bytes: &[u8]) -> Vec<Told> {
    let options = session::Options { echoes: true, ..session::Options::default() };
    let mut session = Session::new(Arc::clone(catalog), &options);
    let mut out = Vec::new();
    let mut each = |event: &session::Event<'_>| {
        let sizes = match &event.kind {
            EventKind::Payload { declared: Some(declared), .. } => Some((*declared, event.bytes.len() as u64)),
            _ => None,
        };
        out.push((event.kind.as_str(), event.name().map(|name| name.to_string()).unwrap_or_default(), sizes));
    };
    session.push(Sender::Module, None, bytes, &mut each);
    session.finish(&mut each);
    out
}

#[test]
fn from_nothing_almost_right_sessions_come() {
    for (dialect, least) in [("esp-at", 100), ("simcom", 80), ("fibocom", 80), ("generic", 80), ("pan1321", 20)] {
        let catalog = load_builtin(dialect).unwrap();
        let mut mutator = mutator(dialect, InputForm::Stream);
        let (mut noise, mut all, mut lone) = (0, 0, 0);
        let mut names = BTreeSet::new();
        for seed in 0..500 {
            let session = mutator.mutate(b"", 1024, seed).to_vec();
            assert!(!session.is_empty());
            let events = events(&catalog, &session);
            lone += usize::from(events.len() == 1);
            noise += events.iter().filter(|event| event.0 == "noise").count();
            all += events.len();
            names.extend(events.into_iter().filter(|event| event.0 != "noise").map(|event| (event.0, event.1)));
        }
        assert!(noise * 2 < all, "{dialect}: {noise} of {all} events are noise");
        assert!(names.len() >= least, "{dialect}: only {} kinds of lines", names.len());
        assert!(lone > 50, "{dialect}: only {lone} lone lines");
    }
}

#[test]
fn what_breaks_drivers_comes_often() {
    let seed_input = b"\r\n+IPD,0,12:hello world!\r\n+CWLAP:(3,\"home\",-61,\"a4:2b:b0:01:02:03\",6)\r\n\r\nOK\r\n";
    let mut mutator = mutator("esp-at", InputForm::Stream);
    let mut seen = [0_u32; 10];
    let rounds = 8_000;
    for seed in 0..rounds {
        let out = mutator.mutate(seed_input, 4096, seed).to_vec();
        let text = String::from_utf8_lossy(&out);
        let lines = text.matches("+CWLAP:(").count();
        let head =
            text.find("+IPD,").and_then(|at| text[at + 5..].split(':').next().map(str::to_owned)).unwrap_or_default();
        let mut fields = head.split(',');
        let link: i64 = fields.next().and_then(|link| link.parse().ok()).unwrap_or(0);
        let declared: Option<i64> = fields.next().and_then(|len| len.parse().ok());
        let quotes = text.bytes().filter(|byte| *byte == b'"').count();
        let found = [
            declared.is_some_and(|len| len != 12 && (0..4096).contains(&len)),
            declared == Some(0),
            declared.is_some_and(|len| !(0..=65_535).contains(&len)),
            !(0..5).contains(&link),
            lines > 1,
            lines > 10,
            quotes % 2 == 1,
            text.split('"').any(|part| part.len() > 32 && !part.contains('\r') && !part.contains(',')),
            !text.ends_with('\n'),
            text.contains("\n\n") || text.contains("\r\r") || (text.contains('\n') && !text.contains("\r\n")),
        ];
        seen.iter_mut().zip(found).for_each(|(count, found)| *count += u32::from(found));
    }
    let least = rounds as u32 / 1000;
    for (what, count) in [
        "another length",
        "length 0",
        "huge or negative length",
        "link out of range",
        "a line twice",
        "more lines than a list has room for",
        "a quote missing",
        "a string too long",
        "cut short",
        "odd line ends",
    ]
    .iter()
    .zip(seen)
    {
        assert!(count > least, "{what}: only {count} of {rounds}");
    }
}

#[test]
fn conversations_stay_conversations() {
    let path = transcripts().into_iter().find(|path| path.ends_with("cipsend-multiple.at")).unwrap();
    let input = read(&path).to_bytes();
    let mut mutator = mutator("esp-at", InputForm::Conversation);
    let (mut both, mut timed) = (0, 0);
    for seed in 0..1000 {
        let out = Conversation::from_bytes(mutator.mutate(&input, 4096, seed));
        let says = |from| out.chunks.iter().any(|chunk| chunk.from == from);
        both += usize::from(says(Sender::Host) && says(Sender::Module));
        timed += usize::from(out.chunks.iter().any(|chunk| chunk.time.is_some()));
    }
    assert!(both > 700, "only {both} of 1000 have both sides");
    assert!(timed > 500, "only {timed} of 1000 have times");
}

#[test]
fn crossing_takes_from_both() {
    let mut mutator = mutator("esp-at", InputForm::Stream);
    let (one, other) =
        (b"WIFI GOT IP\r\n0,CONNECT\r\n".as_slice(), b"+MQTTSUBRECV:0,\"topic\",5,hello\r\nready\r\n".as_slice());
    let mut mixed = 0;
    for seed in 0..500 {
        let out = mutator.cross(one, other, 4096, seed).to_vec();
        let has = |text: &[u8]| out.windows(text.len()).any(|window| window == text);
        mixed += usize::from((has(b"WIFI GOT IP") || has(b"CONNECT")) && (has(b"MQTTSUBRECV") || has(b"ready")));
    }
    assert!(mixed > 150, "only {mixed} of 500");
}

#[test]
fn the_targets_own_words_come() {
    let words = vec![b"+SENSOR: %d,%d".to_vec(), b"PUMP FAULT".to_vec()];
    let mut mutator = Mutator::new(&Options { words, ..Options::default() }).unwrap();
    let mut seen = [0, 0];
    for seed in 0..3000 {
        let out = String::from_utf8_lossy(mutator.mutate(b"", 1024, seed)).into_owned();
        let number = out
            .split("+SENSOR: ")
            .nth(1)
            .is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit() || first == '-'));
        seen[0] += u32::from(number);
        seen[1] += u32::from(out.contains("PUMP FAULT"));
    }
    assert!(seen.iter().all(|count| *count > 60), "{seen:?}");
}

#[test]
fn threads_share_what_the_catalogs_give() {
    let one = mutator("esp-at", InputForm::Stream).mutate(b"OK\r\n", 256, 9).to_vec();
    let threads: Vec<_> = (0..4)
        .map(|_| std::thread::spawn(|| mutator("esp-at", InputForm::Stream).mutate(b"OK\r\n", 256, 9).to_vec()))
        .collect();
    for thread in threads {
        assert_eq!(thread.join().unwrap(), one);
    }
    assert!(Mutator::new(&Options { dialect: Some("esp".to_owned()), ..Options::default() }).is_err());
    assert!(Mutator::new(&Options { model: Some("nokia".to_owned()), ..Options::default() }).is_err());
}

#[test]
fn a_hostile_limit_bounds_memory() {
    let mut mutator = mutator("esp-at", InputForm::Stream);
    let large: Vec<u8> = b"+IPD,0,4000000000:x\r\n".iter().copied().cycle().take(1 << 20).collect();
    for seed in 0..40 {
        assert!(mutator.mutate(&large, 1 << 20, seed).len() <= 1 << 20);
        assert!(mutator.mutate(&large, 16, seed).len() <= 16);
    }
}

#[cfg(feature = "cli")]
mod cli {
    use std::process::{Command, Output, Stdio};

    use super::*;

    fn atscope(arguments: &[&str], stdin: &[u8]) -> Output {
        use std::io::Write;
        let mut command = Command::new(env!("CARGO_BIN_EXE_atscope"));
        let mut child = command
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(stdin).unwrap();
        child.wait_with_output().unwrap()
    }

    #[test]
    fn mutate_is_a_filter() {
        let run = |seed: &str| atscope(&["fuzz", "mutate", "-d", "esp-at", "--seed", seed], b"+IPD,0,5:hello\r\n");
        let (one, again, other) = (run("1"), run("1"), run("2"));
        assert!(one.status.success() && one.stdout == again.stdout && one.stdout != other.stdout);
        let folder = tempfile::tempdir().unwrap();
        let name = folder.path().to_str().unwrap();
        let many = atscope(
            &["fuzz", "mutate", "-n", "20", "--seed", "3", "-o", name, "--form", "at"],
            b"> AT\\r\\n\n< OK\\r\\n\n",
        );
        assert!(many.status.success(), "{many:?}");
        let said = fs::read_dir(folder.path())
            .unwrap()
            .filter(|entry| !read(&entry.as_ref().unwrap().path()).chunks.is_empty());
        assert!(said.count() > 10);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 20);
        let file = folder.path().join("000000.at");
        let before = fs::read(&file).unwrap();
        assert!(
            atscope(&["fuzz", "mutate", "--in-place", "--seed", "5", file.to_str().unwrap()], b"").status.success()
        );
        assert_ne!(fs::read(&file).unwrap(), before);
    }

    #[cfg(unix)]
    #[test]
    fn min_shrinks_and_says_what_matters() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("long");
        fs::write(&file, b"ready\r\nWIFI GOT IP\r\n0,CONNECT\r\n\r\n+IPD,7,5:hello\r\nSEND OK\r\n").unwrap();
        let name = file.to_str().unwrap();
        let run = atscope(&["fuzz", "min", name, "--", "sh", "-c", "grep -q '+IPD,7,' && exit 3; exit 0"], b"");
        let said = String::from_utf8_lossy(&run.stdout).into_owned();
        assert!(run.status.success(), "{run:?}");
        assert_eq!(fs::read(folder.path().join("long.min")).unwrap(), b"+IPD,7,");
        assert!(said.contains("exits with status 3") && said.contains("7 matters"), "{said}");
        let fine = atscope(&["fuzz", "min", name, "--", "true"], b"");
        assert_eq!(fine.status.code(), Some(2));
        let hang = atscope(&["fuzz", "min", name, "--timeout", "0.2", "--most", "5", "--", "sleep", "5"], b"");
        assert!(
            hang.status.success() && String::from_utf8_lossy(&hang.stdout).contains("does not end in time"),
            "{hang:?}"
        );
    }

    #[test]
    fn cmin_keeps_what_is_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("in"), folder.path().join("out"));
        fs::create_dir(&from).unwrap();
        for (name, bytes) in [("a", "OK\r\n"), ("b", "OK\r\n"), ("c", "+IPD,0,5:hello\r\n"), ("d", "\r\nOK\r\n")] {
            fs::write(from.join(name), bytes).unwrap();
        }
        let run = atscope(&["fuzz", "cmin", "-d", "esp-at", "-o", to.to_str().unwrap(), from.to_str().unwrap()], b"");
        assert!(run.status.success(), "{run:?}");
        let mut kept: Vec<_> =
            fs::read_dir(&to).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        kept.sort();
        assert_eq!(kept, ["a", "c"]);
    }
}
