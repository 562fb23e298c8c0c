//! What people and programs see of the command line: output, messages, exit status, on good input and bad.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::Stdio;

use atscope::Sender;
use common::{ROOT, atscope, files, folder, golden, json_lines, run, run_of, run_with};

const WIFI: &str = "tests/golden/input/wifi.at";
const TIMELESS: &str = "tests/golden/input/timeless.at";
const BROKEN: &str = "tests/golden/input/broken.at";
const EMPTY: &str = "tests/golden/input/empty.at";

#[test]
fn decode_prints_a_line_an_event() {
    golden("decode", &["decode", WIFI]);
    golden("decode_jsonl", &["decode", "--format", "jsonl", WIFI]);
    golden("decode_timeless", &["decode", TIMELESS]);
}

#[test]
fn decode_shows_what_is_asked_for() {
    golden("decode_only", &["decode", "--only", "command,final", WIFI]);
    golden("decode_exchange", &["decode", "--exchange", "1", WIFI]);
    golden("decode_window", &["decode", "--from", "3.4", "--to", "3550ms", "--payload", "10", WIFI]);
    golden("decode_hex", &["decode", "--only", "payload", "--hex", "--payload", "all", WIFI]);
    golden("decode_colors", &["decode", "--color", "always", "--exchange", "1", WIFI]);
}

#[test]
fn decode_sums_up() {
    golden("decode_summary", &["decode", "--summary", WIFI]);
    golden("decode_summary_jsonl", &["decode", "--summary", "--format", "jsonl", WIFI]);
}

#[test]
fn check_prints_findings() {
    golden("check", &["check", WIFI]);
    golden("check_jsonl", &["check", "--format", "jsonl", WIFI]);
    golden("check_allowed", &["check", "--allow", "param-range", WIFI]);
}

#[test]
fn damage_and_mistakes_are_said() {
    golden("broken", &["decode", BROKEN]);
    golden("empty", &["check", "--format", "jsonl", EMPTY]);
    golden("missing", &["check", "no/such/file.at", WIFI]);
}

#[test]
fn usage_is_explained() {
    golden("usage", &[]);
    golden("usage_decode", &["decode", "--help"]);
    golden("usage_check", &["check", "--help"]);
    golden("usage_typo", &["decod"]);
    golden("usage_kind", &["decode", "--only", "comand", WIFI]);
    golden("usage_dialect", &["decode", "-d", "esp32-at", WIFI]);
    golden("usage_model", &["decode", "-m", "esp8255", WIFI]);
    golden("usage_rule", &["check", "--allow", "param-rnge", WIFI]);
}

#[test]
fn rules_are_explained() {
    golden("explain", &["explain"]);
    golden("explain_rule", &["explain", "unexpected-final"]);
    golden("explain_typo", &["explain", "unexpected-finl"]);
    for rule in atscope::check::Rule::ALL {
        let run = run(&["explain", rule.name()]);
        assert_eq!(run.status, 0);
        assert!(run.stdout.starts_with(rule.name()) && !run.stdout.contains("**"), "{}", run.stdout);
    }
}

#[test]
fn catalogs_are_shown() {
    golden("catalog_list", &["catalog", "list"]);
    golden("catalog_show", &["catalog", "show", "AT+CIPSTART", "-d", "esp-at"]);
    golden("catalog_show_line", &["catalog", "show", "wifi got ip"]);
    golden("catalog_show_codes", &["catalog", "show", "http-status", "-d", "simcom"]);
    golden("catalog_show_typo", &["catalog", "show", "+CIPSTRT", "-d", "esp-at"]);
    golden("catalog_lint_mistakes", &["catalog", "lint", "tests/golden/input/wrong.toml"]);
    for name in atscope::catalog::builtin_names() {
        let listed = run(&["catalog", "list", name]);
        assert_eq!(listed.status, 0);
        let file = format!("src/catalog/{name}.toml");
        assert_eq!(run(&["catalog", "lint", &file]).status, 0, "{file}");
    }
}

#[test]
fn every_command_has_a_page() {
    for name in atscope::catalog::builtin_names() {
        let catalog = atscope::catalog::load_builtin(name).unwrap();
        for command in &catalog.commands {
            let mut page = Vec::new();
            atscope::report::reference::command(&mut page, &catalog, command, atscope::report::Style::default());
            let page = String::from_utf8(page).unwrap();
            assert!(page.starts_with(&format!("AT{}", command.name)), "{page}");
            let too_long = page.lines().find(|line| line.chars().count() > 120);
            assert_eq!(too_long, None, "AT{} of {name}", command.name);
        }
    }
}

#[test]
fn exit_status_follows_fail_on() {
    for (args, status) in [
        (&["check", WIFI] as &[&str], 1),
        (&["check", "--fail-on", "never", WIFI], 0),
        (&["check", "--allow", "param-range", WIFI], 0),
        (&["check", TIMELESS], 0),
        (&["decode", WIFI], 0),
        (&["check", "no/such/file"], 2),
        (&["check", "--fail-on", "never", "no/such/file", WIFI], 2),
        (&["check", "--fail-on", "never", EMPTY], 2),
        (&["check", "--fail-on", "never", BROKEN], 2),
        (&["decode", "src"], 2),
        (&["check", "-", "-"], 2),
    ] {
        let run = run(args);
        assert_eq!(run.status, status, "{args:?}: {}{}", run.stdout, run.stderr);
    }
}

#[test]
fn the_others_are_handled_after_a_file_that_cannot_be_read() {
    let run = run(&["check", "--format", "jsonl", "no/such/file.at", WIFI, TIMELESS]);
    let summaries: Vec<_> = json_lines(&run.stdout).into_iter().filter(|line| line["type"] == "summary").collect();
    let names: Vec<_> = summaries.iter().map(|line| line["file"].as_str().unwrap()).collect();
    assert_eq!((run.status, names), (2, vec![WIFI, TIMELESS]));
    assert!(run.stderr.contains("no/such/file.at"), "{}", run.stderr);
}

#[test]
fn settings_come_from_a_file_and_the_command_line_wins() {
    let folder = folder("settings");
    let file = folder.join("atscope.toml");
    fs::write(&file, "allow = [\"param-range\"]\nformat = \"jsonl\"\nfail-on = \"info\"\n").unwrap();
    let wifi = Path::new(ROOT).join(WIFI);
    let wifi = wifi.to_str().unwrap();
    // Found in the working folder.
    let found = run_of(atscope(&["check", wifi]).current_dir(&folder).output().unwrap());
    assert_eq!((found.status, json_lines(&found.stdout).len()), (0, 1), "{}{}", found.stdout, found.stderr);
    // Named.
    let config = file.to_str().unwrap();
    assert_eq!(run(&["check", "--config", config, WIFI]).status, 0);
    let denied = run(&["check", "--config", config, "--deny", "param-range", "--format", "text", WIFI]);
    assert_eq!(denied.status, 1);
    assert!(denied.stdout.starts_with("error[param-range]"), "{}", denied.stdout);
    // Mistakes have a place.
    fs::write(&file, "\nmodle = \"esp32\"\n").unwrap();
    let wrong = run(&["check", "--config", config, WIFI]);
    assert_eq!(wrong.status, 2);
    assert!(wrong.stderr.contains("atscope.toml:2: unknown key `modle` (did you mean `model`?)"), "{}", wrong.stderr);
    assert_eq!(run(&["check", "--config", "no/such.toml", WIFI]).status, 2);
}

#[test]
fn standard_input_is_a_recording() {
    let bytes = fs::read(Path::new(ROOT).join(WIFI)).unwrap();
    let piped = run_with(&["decode", "--format", "jsonl", "-"], &bytes);
    let named = run(&["decode", "--format", "jsonl", WIFI]);
    assert_eq!(piped.status, 0);
    assert_eq!(piped.stdout.replace("\"file\":\"-\"", &format!("\"file\":\"{WIFI}\"")), named.stdout);
}

#[test]
fn raw_files_are_a_recording() {
    let folder = folder("raw");
    let (host, module) = (folder.join("host.bin"), folder.join("module.bin"));
    fs::write(&host, "AT+CSQ\r\n").unwrap();
    fs::write(&module, "\r\n+CSQ: 20,99\r\n\r\nOK\r\n").unwrap();
    let (host, module) = (host.to_str().unwrap(), module.to_str().unwrap());
    let both = run(&["decode", "--format", "jsonl", "--host", host, "--module", module]);
    let kinds: Vec<_> =
        json_lines(&both.stdout).iter().filter_map(|line| line["kind"].as_str().map(str::to_owned)).collect();
    assert_eq!((both.status, kinds), (0, vec!["command".to_owned(), "response".to_owned(), "final".to_owned()]));
    assert_eq!(run(&["decode", "--module", module]).status, 0);
    assert_eq!(run(&["decode", "--mixed", "tests/golden/input/mixed.log"]).status, 0);
    assert_eq!(run(&["decode", "--host", host, WIFI]).status, 2);
}

#[test]
fn a_closed_pipe_ends_quietly() {
    let text = fs::read_to_string(Path::new(ROOT).join(TIMELESS)).unwrap();
    let big = folder("pipe").join("big.at");
    fs::write(&big, text.repeat(20_000)).unwrap();
    let big = big.to_str().unwrap();
    for args in [&["decode", "-d", "generic", big] as &[&str], &["decode", "-d", "generic", "--format", "jsonl", big]] {
        let mut child = atscope(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let status = child.wait().unwrap();
        let mut messages = String::new();
        child.stderr.take().unwrap().read_to_string(&mut messages).unwrap();
        assert_eq!((status.code(), messages.as_str()), (Some(0), ""), "{args:?}");
    }
}

#[test]
fn no_control_byte_reaches_the_terminal() {
    let all: Vec<u8> = (0..=255).collect();
    let mut raw = b"AT+CSQ\r\n".to_vec();
    for lead in [&b""[..], b"+CSQ: ", b"AT", b"\"", b"+CME ERROR: "] {
        raw.extend_from_slice(lead);
        raw.extend_from_slice(&all);
        raw.extend_from_slice(b"\r\n\xC2\x9B31m\xE2\x80\xAE\xEF\xBB\xBF\r\n");
    }
    let folder = folder("control");
    let file = folder.join("junk.bin");
    fs::write(&file, &raw).unwrap();
    let file = file.to_str().unwrap();
    for args in [
        &["decode", "--payload", "all", "--module", file] as &[&str],
        &["decode", "--text", "--host", file],
        &["decode", "--summary", "--mixed", file],
        &["check", "--mixed", file],
    ] {
        let run = run(args);
        for text in [&run.stdout, &run.stderr] {
            let bad = text.chars().find(|c| (c.is_control() && *c != '\n') || matches!(c, '\u{202E}' | '\u{FEFF}'));
            assert_eq!(bad, None, "{args:?}");
        }
    }
}

#[test]
fn lines_stay_within_the_width() {
    let run = run(&["decode", WIFI]);
    let long = run.stdout.lines().find(|line| line.chars().count() > 120);
    assert_eq!(long, None);
}

#[test]
fn colours_are_honoured() {
    let colored = |run: &common::Run| run.stdout.contains('\u{1b}');
    assert!(!colored(&run(&["decode", WIFI])), "a pipe is no terminal");
    assert!(colored(&run(&["decode", "--color", "always", WIFI])));
    let forced = run_of(atscope(&["decode", "--color", "never", WIFI]).env("CLICOLOR_FORCE", "1").output().unwrap());
    assert!(!colored(&forced));
    let none = run_of(atscope(&["decode", WIFI]).env("NO_COLOR", "1").output().unwrap());
    assert!(!colored(&none));
}

#[test]
fn conversions_keep_the_bytes() {
    let folder = folder("convert");
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let (pcapng, pcap, back) = (path("wifi.pcapng"), path("wifi.pcap"), path("back.at"));
    assert_eq!(run(&["convert", WIFI, "-o", &pcapng]).status, 0);
    assert_eq!(run(&["convert", &pcapng, "-o", &pcap]).status, 0);
    let events = |file: &str| {
        let run = run(&["decode", "-d", "esp-at", "--format", "jsonl", file]);
        let lines = json_lines(&run.stdout).into_iter().filter(|line| line["type"] == "event");
        lines.map(|line| (line["from"].clone(), line["text"].clone(), line["time"].clone())).collect::<Vec<_>>()
    };
    for file in [&pcapng, &pcap] {
        assert_eq!(run(&["convert", file, "-o", &back]).status, 0);
        let (now, then) = (events(&back), events(WIFI));
        assert_eq!(
            now.iter().map(|event| &event.1).collect::<Vec<_>>(),
            then.iter().map(|event| &event.1).collect::<Vec<_>>()
        );
        // The old packet format has no direction: what comes in a row from one sender may become one record.
        assert!(now == then || file == &pcap, "{now:?}");
    }
    // What cannot be done is said, and nothing is destroyed.
    assert_eq!(run(&["convert", &back, "-o", &path("x.xyz")]).status, 2);
    assert_eq!(run(&["convert", &back, "-o", &back]).status, 2);
    assert!(!events(&back).is_empty());
    assert_eq!(run(&["convert", BROKEN, "-o", &path("kept.at")]).status, 2);
    assert!(fs::read_to_string(path("kept.at")).unwrap().contains("AT+HTTPINIT"));
}

#[test]
fn completions_and_manual_come_out_of_the_definitions() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let run = run(&["completions", shell]);
        assert!(run.status == 0 && run.stdout.contains("from-boot"), "{shell}");
    }
    let page = run(&["man"]);
    assert!(page.status == 0 && page.stdout.contains(".TH atscope 1") && page.stdout.contains("Exit status"));
    assert!(run(&["man", "decode"]).stdout.contains("summary"));
    assert_eq!(run(&["man", "dekode"]).status, 2);
    let folder = folder("man");
    assert_eq!(run(&["man", "--all", folder.to_str().unwrap()]).status, 0);
    assert!(files(&folder, "1").iter().any(|file| file.ends_with("atscope-check.1")));
}

/// Laws of the JSON lines over the whole corpus: each fits the schema, events are numbered, and those of a sender tile
/// its stream.
#[test]
fn json_lines_of_the_corpus_keep_the_contract() {
    let corpus = files(&Path::new(ROOT).join("corpus"), "at");
    assert!(!corpus.is_empty());
    for group in corpus.chunks(50) {
        let mut args = vec!["decode", "--format", "jsonl"];
        args.extend(group.iter().map(|path| path.to_str().unwrap()));
        let lines = json_lines(&run(&args).stdout);
        for path in group {
            let name = path.to_str().unwrap();
            let own: Vec<_> = lines.iter().filter(|line| line["file"] == name).collect();
            let [.., summary] = own.as_slice() else { panic!("{name}: no summary") };
            assert_eq!(summary["type"], "summary", "{name}");
            let events: Vec<_> = own.iter().filter(|line| line["type"] == "event").collect();
            assert_eq!(summary["events"], events.len(), "{name}");
            assert!(events.iter().enumerate().all(|(at, event)| event["seq"] == at), "{name}");
            for (sender, bytes) in
                [(Sender::Host, sent(path, Sender::Host)), (Sender::Module, sent(path, Sender::Module))]
            {
                let mut of_sender: Vec<_> = events.iter().filter(|event| event["from"] == sender.as_str()).collect();
                of_sender.sort_by_key(|event| event["offset"].as_u64());
                let mut joined = Vec::new();
                for event in of_sender {
                    assert_eq!(event["offset"], joined.len(), "{name}: {event}");
                    atscope::escape::unescape(event["text"].as_str().unwrap().as_bytes(), &mut joined).unwrap();
                    let end = event["offset"].as_u64().unwrap() + event["len"].as_u64().unwrap();
                    assert_eq!(end, joined.len() as u64, "{name}: {event}");
                }
                assert_eq!(joined, bytes, "{name}: {sender}");
                assert_eq!(summary["bytes"][sender.as_str()], bytes.len(), "{name}");
            }
        }
    }
}

/// What a sender sent in a transcript.
fn sent(path: &Path, sender: Sender) -> Vec<u8> {
    let file = Box::new(fs::File::open(path).unwrap());
    let mut reader = atscope::capture::open("corpus", file, &atscope::capture::Options::default()).unwrap();
    let mut bytes = Vec::new();
    while let Some(chunk) = reader.next_chunk().unwrap() {
        if chunk.from == sender {
            bytes.extend_from_slice(chunk.bytes);
        }
    }
    bytes
}

/// A recording of two lines: the second one speaks up long after the first.
fn two_sessions(path: &Path) {
    use atscope::capture::{Chunk, Format, Meta, Writer, writer};
    let mut writer: Box<dyn Writer> = writer(Format::Pcapng, Box::new(fs::File::create(path).unwrap())).unwrap();
    writer.start(&Meta::new(Format::Pcapng)).unwrap();
    for number in 0..9000_u64 {
        let session = u32::from(number > 8000);
        let (from, bytes) =
            if number % 2 == 0 { (Sender::Host, "AT+CWMODE?\r\n") } else { (Sender::Module, "\r\nOK\r\n") };
        let time = Some(atscope::Time::from_millis(number));
        let chunk = Chunk { session, from, time, bytes: bytes.as_bytes(), faults: &[], place: None };
        writer.chunk(&chunk).unwrap();
    }
    writer.finish().unwrap();
}

#[test]
fn all_lines_of_several_sessions_carry_their_number() {
    let path = folder("sessions").join("two.pcapng");
    two_sessions(&path);
    let path = path.to_str().unwrap();
    let lines = json_lines(&run(&["decode", "-d", "esp-at", "--format", "jsonl", path]).stdout);
    assert!(lines.len() > 9000);
    let of = |number| lines.iter().filter(|line| line["session"] == number).count();
    assert_eq!(of(0) + of(1), lines.len());
    let alone = json_lines(&run(&["decode", "-d", "esp-at", "--format", "jsonl", "--select", "1", path]).stdout);
    assert!(alone.len() > 900 && alone.iter().all(|line| line.get("session").is_none()));
}

#[test]
fn findings_of_a_transcript_name_line_and_column() {
    let path = folder("places").join("boot.at");
    let text = "\u{FEFF}# dialect: esp-at\r\n@0.1 > AT\\x2BCWMODE=\r\n@0.2 > \\x37\\r\\n\r\n# note\r\n@0.3 < \\r\\nERROR\\r\\n\r\n";
    fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap();
    let lines = json_lines(&run(&["check", "--format", "jsonl", path]).stdout);
    assert_eq!(
        (&lines[0]["rule"], &lines[0]["line"], &lines[0]["column"]),
        (&"param-range".into(), &3.into(), &8.into())
    );
    let shown = run(&["check", path]).stdout;
    assert!(shown.contains("boot.at:3:8 (host, byte 10)\n 3 | @0.2 > \\x37\\r\\n\n   |        ^^^^\n"), "{shown}");
    let decoded = run(&["decode", path]).stdout;
    assert!(decoded.contains("boot.at:3:8 (host, byte 10)"), "{decoded}");
}

#[cfg(unix)]
#[test]
fn an_interrupt_prints_what_is_there() {
    use std::io::Write;
    let mut child = atscope(&["decode", "-d", "esp-at", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"@0.1 > AT\\r\\n\n@0.2 < \\r\\nOK\\r\\n\n").unwrap();
    stdin.flush().unwrap();
    // The input stays open: only the interrupt can end it. It may come before the program listens to it.
    std::thread::sleep(std::time::Duration::from_millis(500));
    assert!(std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let done = child.wait_with_output().unwrap();
    assert_eq!(done.status.code(), Some(130));
    let text = String::from_utf8(done.stdout).unwrap();
    assert!(text.contains("OK  after 100 ms") && text.contains("2 events, 1 exchange"), "{text}");
    drop(stdin);
}
