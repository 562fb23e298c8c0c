//! Every transcript of `corpus/` decodes as its header says, and obeys the laws however it is cut.
//!
//! `# expect: clean`: no finding of severity error. `# expect: RULE, …`: each of these is reported, and no other error.
//! `# finding: RULE, …`: each of these is reported. `FILE.events` beside `FILE.at`: all events and findings, one a line;
//! `ATSCOPE_BLESS=1 cargo test --all-features` rewrites these files: read the difference in review like code.

#![cfg(feature = "fuzzing")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::print_stderr)]

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use atscope::Sender;
use atscope::check::{Rule, Severity};
use atscope::fuzz::{self, Conversation, Record, Told};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The sizes of chunks that every transcript is cut into.
const CUTS: [usize; 3] = [1, 2, 7];

/// All files below a folder of the package with this ending, sorted.
fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![Path::new(ROOT).join(folder)];
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

fn name(path: &Path) -> String {
    path.strip_prefix(ROOT).unwrap_or(path).display().to_string()
}

/// The rules that a header of a transcript names; `clean` is none.
fn rules(text: &str, header: &str) -> Option<BTreeSet<Rule>> {
    let lines = text.lines().take_while(|line| line.starts_with('#'));
    let value = lines.filter_map(|line| line.strip_prefix('#')?.trim().strip_prefix(header)).next()?;
    let names = value.split(',').map(str::trim).filter(|&name| name != "clean");
    Some(names.map(|name| Rule::from_name(name).unwrap_or_else(|| panic!("no rule `{name}`"))).collect())
}

/// What is wrong with the findings, by the transcript's headers.
fn judge(text: &str, record: &Record) -> Vec<String> {
    let reported: BTreeSet<Rule> = record.findings().map(|finding| finding.rule).collect();
    let expected = rules(text, "expect:");
    let also = rules(text, "finding:").unwrap_or_default();
    let mut wrong = Vec::new();
    for rule in expected.iter().flatten().chain(&also) {
        if !reported.contains(rule) {
            wrong.push(format!("{} is not reported", rule.name()));
        }
    }
    if let Some(expected) = expected {
        for finding in record.findings() {
            let rule = finding.rule;
            if rule.severity() == Severity::Error && !expected.contains(&rule) && !also.contains(&rule) {
                let seq = finding.seq.map_or_else(String::new, |seq| format!(" of event {seq}"));
                wrong.push(format!("{}{seq}: {}", rule.name(), finding.message));
            }
        }
    }
    wrong
}

/// Events and findings, one a line.
fn listing(record: &Record) -> String {
    let mut out = String::new();
    for told in &record.told {
        let _ = match told {
            Told::Event { kind, name, exchange, .. } => {
                let exchange = exchange.map_or_else(|| "-".to_owned(), |number| format!("#{number}"));
                writeln!(out, "{exchange:<4}{kind:<12} {name}")
            }
            Told::Finding(finding) => writeln!(out, "    {} {}", finding.rule.severity(), finding.rule.name()),
        };
    }
    out.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

#[test]
fn every_transcript_decodes_as_it_says() {
    let bless = std::env::var_os("ATSCOPE_BLESS").is_some();
    let paths = files("corpus", "at");
    assert!(paths.len() > 200, "only {} transcripts", paths.len());
    let (mut wrong, mut unsure) = (Vec::new(), Vec::new());
    for path in paths {
        let text = fs::read(&path).unwrap();
        let conversation = Conversation::from_transcript(&name(&path), &text).unwrap();
        let text = String::from_utf8_lossy(&text);
        // A broken law panics: go on with the next file, and name them all in the end.
        let Ok(record) = catch_unwind(|| conversation.checks(&CUTS)) else {
            wrong.push(format!("{}: a law is broken, see above", name(&path)));
            continue;
        };
        for what in judge(&text, &record) {
            wrong.push(format!("{}: {what}", name(&path)));
        }
        let golden = path.with_extension("events");
        if let Ok(expected) = fs::read_to_string(&golden) {
            let listing = listing(&record);
            if bless {
                fs::write(&golden, listing).unwrap();
            } else if listing != expected {
                wrong.push(format!("{} does not match; it should be\n{listing}", name(&golden)));
            }
        } else if rules(&text, "expect:").is_none() && rules(&text, "finding:").is_none() {
            unsure.push(name(&path));
            if bless && path.parent().is_some_and(|folder| folder.ends_with("quirks")) {
                fs::write(&golden, listing(&record)).unwrap();
            }
        }
    }
    unsure.retain(|name| !name.starts_with("corpus/capture"));
    assert!(wrong.is_empty(), "{} things are wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(bless || unsure.is_empty(), "nothing is expected of {}", unsure.join(", "));
}

#[test]
fn regressions_stay_fixed() {
    for path in files("tests/regressions", "at") {
        let text = fs::read(&path).unwrap();
        let conversation = Conversation::from_transcript(&name(&path), &text).unwrap();
        let wrong = judge(&String::from_utf8_lossy(&text), &conversation.checks(&CUTS));
        assert!(wrong.is_empty(), "{}: {}", name(&path), wrong.join("\n"));
    }
    #[allow(clippy::type_complexity)]
    let bodies: [(&str, fn(&[u8])); 10] = [
        ("decode", fuzz::decode),
        ("check", fuzz::check),
        ("capture", fuzz::capture),
        ("catalog", fuzz::catalog),
        ("diff", fuzz::compared),
        ("generate", fuzz::generated),
        ("levels", fuzz::levels),
        ("mutate", fuzz::mutate),
        ("syntax", fuzz::syntax),
        ("uart", fuzz::uart),
    ];
    for (folder, body) in bodies {
        for ending in ["bin", "toml"] {
            let folder = format!("tests/regressions/{folder}");
            if !Path::new(ROOT).join(&folder).is_dir() {
                continue;
            }
            for path in files(&folder, ending) {
                eprintln!("{}", name(&path));
                body(&fs::read(path).unwrap());
            }
        }
    }
}

/// The bodies that take any bytes, over every transcript: of each alone, and of each with the next one.
#[test]
fn every_transcript_is_an_input() {
    let mut last = Vec::new();
    for path in files("corpus", "at") {
        let text = fs::read(&path).unwrap();
        let conversation = Conversation::from_transcript(&name(&path), &text).unwrap();
        let input = conversation.to_bytes(5);
        fuzz::syntax(&conversation.chunks.iter().flat_map(|chunk| chunk.bytes.clone()).collect::<Vec<u8>>());
        fuzz::compared(&[&input[..], &input[..]].concat());
        fuzz::compared(&[&last[..], &input[..]].concat());
        fuzz::generated(&text);
        last = input;
    }
}

/// The recordings of the capture readers, as they are and with the fuzzer's way of reading them.
#[test]
fn every_recording_obeys_the_laws() {
    let folder = Path::new(ROOT).join("corpus/capture");
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|end| end != "md") {
            fuzz::capture(&fs::read(path).unwrap());
            count += 1;
        }
    }
    assert!(count > 10, "only {count} recordings");
}

/// Recordings of real lines, in the folder `ATSCOPE_CAPTURES`: those of logic levels say what their README says, without any option; those of
/// bytes are read without damage.
#[test]
fn real_recordings_are_read() {
    let Some(folder) = std::env::var_os("ATSCOPE_CAPTURES").map(PathBuf::from) else {
        eprintln!("ATSCOPE_CAPTURES is not set: no real recordings are read");
        return;
    };
    // Part of a file's name, who speaks in which session, and what must be among it.
    let said: [(&str, u32, Sender, &str); 13] = [
        ("JACR_0", 0, Sender::Host, "AT+JACR=0\r\n"),
        ("JACR_0", 0, Sender::Module, "OK\r\n+RCCRCNF=000,1\r\n"),
        ("JACR_0", 1, Sender::Module, "+RDII\r\n"),
        ("JDDS_found", 0, Sender::Host, "AT+JDDS=0\r\n"),
        ("JSLN_maxlen", 0, Sender::Host, "AT+JSLN="),
        ("JSNF_conn", 1, Sender::Module, "+RDAI="),
        ("pan1321_init", 0, Sender::Host, "AT+JSEC=1,1,2,04,7777\r\n"),
        ("pan1321_init", 0, Sender::Host, "AT+JSCR\r\n"),
        ("pan1321_init", 0, Sender::Module, "ROK\r\n"),
        ("poweron_sender", 0, Sender::Module, "ROK\r\n"),
        ("hello_world_7e1", 0, Sender::Module, "Hello World!"),
        ("hello_world_8n1_9600", 0, Sender::Module, "Hello World!"),
        ("hello_world_8o1", 0, Sender::Module, "Hello World!"),
    ];
    let paths = files(&folder.display().to_string(), "sr");
    for path in &paths {
        let mut reader = atscope::capture::open_path(path, &Default::default()).unwrap();
        let mut heard: Vec<(u32, Sender, String)> = Vec::new();
        while let Some(chunk) = reader.next_chunk().unwrap() {
            let text = String::from_utf8_lossy(chunk.bytes).into_owned();
            match heard.iter_mut().find(|one| (one.0, one.1) == (chunk.session, chunk.from)) {
                Some(one) => one.2 += &text,
                None => heard.push((chunk.session, chunk.from, text)),
            }
        }
        for (name, session, from, text) in said.iter().filter(|one| path.display().to_string().contains(one.0)) {
            let found = heard.iter().any(|one| (one.0, one.1) == (*session, *from) && one.2.contains(text));
            assert!(found, "{name}: {text:?} of the {from} is not in {heard:?}");
        }
    }
    eprintln!("{} recordings of logic levels were read", paths.len());
    for ending in ["at", "pcap", "pcapng", "csv", "txt"] {
        for path in files(&folder.display().to_string(), ending) {
            fuzz::capture(&fs::read(&path).unwrap());
        }
    }
}

/// Writes seeds for the fuzz targets below the folder `ATSCOPE_SEEDS`, out of `corpus/` and the catalogs.
#[test]
fn seeds() {
    let Some(folder) = std::env::var_os("ATSCOPE_SEEDS").map(PathBuf::from) else {
        eprintln!("ATSCOPE_SEEDS is not set: no seeds are written");
        return;
    };
    let write = |target: &str, name: &str, bytes: &[u8]| {
        let folder = folder.join(target);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(name), bytes).unwrap();
    };
    for path in files("corpus", "at") {
        let text = fs::read(&path).unwrap();
        let seed = name(&path).replace('/', "-");
        let conversation = Conversation::from_transcript(&seed, &text).unwrap();
        for target in ["decode", "check"] {
            write(target, &seed, &conversation.to_bytes(5));
        }
        write("capture", &seed, &text);
    }
    for entry in fs::read_dir(Path::new(ROOT).join("corpus/capture")).unwrap() {
        let path = entry.unwrap().path();
        write("capture", &path.file_name().unwrap().to_string_lossy(), &fs::read(&path).unwrap());
    }
    for entry in fs::read_dir(Path::new(ROOT).join("corpus/logic")).unwrap() {
        let path = entry.unwrap().path();
        write("levels", &path.file_name().unwrap().to_string_lossy(), &fs::read(&path).unwrap());
    }
    for &name in atscope::catalog::builtin_names() {
        let (file, text) = atscope::catalog::builtin_text(name).unwrap();
        write("catalog", file, text.as_bytes());
        // Its entries one by one, behind the tables that they need: small seeds mutate better.
        let (head, entries) = text.split_at(text.find("\n[[").unwrap_or(text.len()));
        for (number, entry) in entries.split("\n[[").filter(|entry| !entry.is_empty()).enumerate().step_by(7) {
            let text = format!("{head}\n[[{entry}");
            if text.len() < 4000 {
                write("catalog", &format!("{file}-{number}"), text.as_bytes());
            }
            write(
                "catalog",
                &format!("{file}-{number}-alone"),
                format!("[catalog]\nname = \"x\"\n[[{entry}").as_bytes(),
            );
        }
    }
}
