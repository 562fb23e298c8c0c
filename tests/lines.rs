//! Logic levels from the command line: what is found, what is decoded, what is written, and what is refused.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::{ROOT, folder, golden, run, run_with};

const SHORT: &str = "corpus/logic/short.sr";
const DUMP: &str = "corpus/logic/short.vcd";

#[test]
fn lines_are_shown() {
    golden("lines", &["lines", "corpus/logic/wrong-turns.sr"]);
    golden("lines_jsonl", &["lines", "--format", "jsonl", DUMP]);
    golden("lines_of_two", &["lines", SHORT, DUMP]);
}

#[test]
fn levels_are_decoded() {
    golden("levels", &["decode", SHORT]);
    golden("levels_jsonl", &["decode", "--format", "jsonl", DUMP]);
    // A pipe is as good as a file.
    let bytes = std::fs::read(std::path::Path::new(ROOT).join(SHORT)).unwrap();
    let (piped, file) = (run_with(&["decode", "-"], &bytes), run(&["decode", SHORT]));
    assert_eq!(piped.stdout.replace("-:", ""), file.stdout.replace(&format!("{SHORT}:"), ""));
}

#[test]
fn the_user_knows_better() {
    let swapped = run(&["lines", "--uart", "host=module,module=host", SHORT]);
    let roles: Vec<_> = swapped.stdout.lines().skip(1).map(|line| line.split_whitespace().nth(1).unwrap()).collect();
    assert_eq!(roles, ["module", "host"]);
    let alone = run(&["decode", "--uart", "host=host,baud=115200,format=8n1", SHORT]);
    assert!(alone.stdout.contains("AT+CWMODE?"), "{}", alone.stdout);
    let file = "corpus/logic/two-talks.vcd";
    let (all, one) = (run(&["decode", file]), run(&["decode", "--select", "1", file]));
    assert!(all.stdout.contains("session 0") && all.stdout.contains("AT+CSQ"), "{}", all.stdout);
    assert!(!one.stdout.contains("AT+CSQ") && one.stdout.contains("AT+GMR"), "{}", one.stdout);
    let none = run(&["decode", "--select", "2", file]);
    assert!(none.status == 2 && none.stderr.contains("expected 0 to 1"), "{}", none.stderr);
    for (settings, why) in
        [("host=D7", "no channel `D7`"), ("baud=fast", "baud=fast"), ("format=9x9", "9x9"), ("who=me", "who")]
    {
        let refused = run(&["decode", "--uart", settings, SHORT]);
        assert_eq!(refused.status, 2, "{settings}");
        assert!(refused.stderr.contains(why), "{settings}: {}", refused.stderr);
    }
}

#[test]
fn what_is_written_as_lines_says_the_same() {
    let folder = folder("lines");
    let path = |name: &str| folder.join(name).display().to_string();
    let turns = "corpus/demo/wrong-turns.at";
    let said = |file: &str| {
        let run = run(&["decode", "--format", "jsonl", "-d", "esp-at", file]);
        let events = run.stdout.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        let events = events.filter(|line| line["type"] == "event");
        events
            .map(|line| (line["from"].to_string(), line["kind"].to_string(), line["text"].to_string()))
            .collect::<Vec<_>>()
    };
    let expected = said(turns);
    assert!(expected.len() > 10);
    for (name, options) in [
        ("a.sr", &["--write-rate", "2MHz"][..]),
        ("b.vcd", &["--baud", "9600", "--line-format", "7e1"]),
        (
            "c.sr",
            &[
                "--baud",
                "230400",
                "--drift",
                "-2",
                "--jitter",
                "8",
                "--glitches",
                "2",
                "--seed",
                "7",
                "--write-rate",
                "8MHz",
            ],
        ),
    ] {
        let file = path(name);
        let written = run(&[&["convert", turns, "-o", &file], options].concat());
        assert_eq!(written.status, 0, "{}", written.stderr);
        assert_eq!(said(&file), expected, "{name}");
        // And back to a transcript, and from levels to levels.
        let back = path(&format!("{name}.at"));
        assert_eq!(run(&["convert", &file, "-o", &back]).status, 0);
        assert_eq!(said(&back), expected, "{name} as a transcript");
        let dump = path(&format!("{name}.vcd"));
        assert_eq!(run(&["convert", &file, "-o", &dump]).status, 0);
        assert_eq!(said(&dump), expected, "{name} as a dump");
    }
    // Levels stay as they are: all lines, at their own speed. One conversation, or another speed, is written anew.
    let count = |file: &str| run(&["lines", file]).stdout.lines().count() - 1;
    let (all, one, slow) = (path("all.sr"), path("one.sr"), path("slow.vcd"));
    for (options, file) in [(&[][..], &all), (&["--select", "1"], &one), (&["--select", "0", "--baud", "19200"], &slow)]
    {
        let written = run(&[&["convert", "corpus/logic/two-talks.vcd", "-o", file], options].concat());
        assert_eq!(written.status, 0, "{}", written.stderr);
    }
    assert_eq!([count(&all), count(&one), count(&slow)], [4, 2, 2]);
    assert!(run(&["lines", &slow]).stdout.contains("19200"));
    // Bare samples say nothing of themselves.
    let bare = path("bare.bin");
    let samples: Vec<u8> = (0..20_000_u32).map(|at| u8::from(at % 9 > 4) | 2).collect();
    std::fs::write(&bare, samples).unwrap();
    let refused = run(&["lines", &bare]);
    assert!(refused.status == 2 && refused.stderr.contains("--samplerate"), "{}", refused.stderr);
    let shown = run(&["lines", "--samplerate", "1MHz", "--unit-size", "1", &bare]);
    assert!(shown.status == 0 && shown.stdout.contains("no UART"), "{}{}", shown.stdout, shown.stderr);
}

#[test]
fn what_is_cut_off_is_read_up_to_there() {
    let bytes = std::fs::read(std::path::Path::new(ROOT).join(SHORT)).unwrap();
    let run = run_with(&["decode", "-"], &bytes[..bytes.len() / 2]);
    assert_eq!(run.status, 2);
    assert!(run.stdout.contains("command     AT") && run.stdout.contains("capture-damaged"), "{}", run.stdout);
    // Where the recording ends in the middle of a byte, that byte does not tell the format.
    let dump = std::fs::read(std::path::Path::new(ROOT).join(DUMP)).unwrap();
    for len in (1000..dump.len()).step_by(67) {
        let run = run_with(&["lines", "-"], &dump[..len]);
        assert_eq!(run.stdout.matches("7e1").count(), 2, "{len} bytes: {}", run.stdout);
    }
    let bytes = run_with(&["lines", "-"], b"AT\r\nOK\r\n");
    assert!(bytes.status == 2 && bytes.stderr.contains("no logic levels"), "{}", bytes.stderr);
}

#[test]
fn the_readme_shows_what_is_printed() {
    let readme = std::fs::read_to_string(std::path::Path::new(ROOT).join("README.md")).unwrap();
    for (shown, args) in [
        ("$ cargo run --release -- decode corpus/demo/wrong-turns.at\n", &["decode", "corpus/demo/wrong-turns.at"][..]),
        ("$ atscope lines corpus/logic/wrong-turns.sr\n", &["lines", "corpus/logic/wrong-turns.sr"]),
    ] {
        let block = readme.split_once(shown).expect("the README has this run").1.split_once("```").unwrap().0;
        assert_eq!(block, run(args).stdout, "{args:?}");
    }
}
