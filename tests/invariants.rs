//! The invariants of decoding and checking, as properties: lossless, chunk-blind, bounded, total, deterministic.
//!
//! `atscope::fuzz` asserts them; this file makes the sessions: arbitrary bytes, valid sessions (examples of the manuals in
//! a row), and valid sessions that the line has damaged. `PROPTEST_CASES` makes more of them. A failing session is
//! printed as a transcript: keep it in `tests/regressions`.

#![cfg(feature = "fuzzing")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::path::Path;
use std::sync::{Arc, LazyLock};

use atscope::fuzz::{CATALOGS, Chunk, Conversation};
use atscope::session::Options;
use atscope::{Sender, Time};
use proptest::prelude::*;
use proptest::sample::Index;

/// As many cases as the environment says, else `few`.
fn config(few: u32) -> ProptestConfig {
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { ProptestConfig::default().cases } else { few };
    ProptestConfig { cases, failure_persistence: None, max_shrink_time: 20_000, ..ProptestConfig::default() }
}

/// The transcripts of `corpus/` by dialect.
static CORPUS: LazyLock<Vec<Vec<Conversation>>> = LazyLock::new(|| {
    let mut by_dialect: Vec<Vec<Conversation>> = vec![Vec::new(); CATALOGS.len()];
    let mut open = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")];
    while let Some(folder) = open.pop() {
        let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        for path in paths {
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|end| end == "at") {
                let text = std::fs::read(&path).unwrap();
                let conversation = Conversation::from_transcript(&path.display().to_string(), &text).unwrap();
                let at = CATALOGS.iter().position(|catalog| catalog.name == conversation.catalog.name).unwrap();
                by_dialect[at].push(conversation);
            }
        }
    }
    by_dialect
});

fn sender() -> impl Strategy<Value = Sender> {
    prop_oneof![Just(Sender::Host), Just(Sender::Module)]
}

/// Bytes of any kind, and bytes that a parser stumbles over.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let word = prop::sample::select(vec![
        "\r\n",
        "\r",
        "\n",
        "\r\r\n",
        "AT",
        "AT+",
        "+",
        ":",
        ",",
        "\"",
        "=",
        "?",
        "=?",
        ">",
        "> ",
        ";",
        "\\",
        "\0",
        "\x1A",
        "+++",
        "OK\r\n",
        "\r\nERROR\r\n",
        "SEND OK\r\n",
        "+IPD,",
        "+IPD,0,5:hello",
        "4294967296",
        "-1",
        "99",
        "AT+CIPSEND=5\r\n",
        "AT+CIPSEND=0,3000000\r\n",
        "AT+CIPSEND\r\n",
        "AT+CIPMODE=1\r\n",
        "AT+CIPSENDEX=0,9\r\n",
        "\r\nready\r\n",
        "DOWNLOAD\r\n",
        "AT+HTTPDATA=4,1000\r\n",
        "+HTTPREAD: DATA,7\r\n",
        "+HTTPREAD: 0\r\n",
        "AT+HTTPREAD=0,7\r\n",
        "0,CONNECT\r\n",
        "busy p...\r\n",
        "ATE0\r\n",
        "at",
        "+CMTI: ",
        "AT+CMGS=\"1\"\r",
        "\u{201C}",
        "(1-3)",
        "+MQTTSUBRECV:0,\"t\",4,",
        "+CIPRECVDATA:5,",
        "AT+CIPRECVDATA=0,9\r\n",
        "1.2.3.4",
        "\x1B[0;32m",
    ]);
    let part = prop_oneof![
        1 => prop::collection::vec(any::<u8>(), 0..12),
        4 => word.prop_map(|word| word.as_bytes().to_vec()),
    ];
    prop::collection::vec(part, 0..6).prop_map(|parts| parts.concat())
}

fn arbitrary() -> impl Strategy<Value = Conversation> {
    let chunk = (sender(), bytes(), 0..20_000_u64);
    (any::<Index>(), any::<Option<Index>>(), any::<[bool; 3]>(), prop::collection::vec(chunk, 0..24)).prop_map(
        |(dialect, model, [timed, from_boot, unordered], parts)| {
            let catalog = Arc::clone(dialect.get(&CATALOGS));
            let model = model.filter(|_| !catalog.models.is_empty()).map(|at| at.get(&catalog.models).name.to_string());
            let mut now = 0;
            let chunks = parts.into_iter().map(|(from, bytes, step)| {
                now += step;
                Chunk { from, time: timed.then_some(Time::from_millis(now)), bytes }
            });
            let chunks = chunks.collect();
            Conversation { catalog, options: Options { model, from_boot, unordered, echoes: false }, chunks }
        },
    )
}

/// Transcripts of one dialect in a row, the clock going on.
fn valid() -> impl Strategy<Value = Conversation> {
    (any::<Index>(), prop::collection::vec(any::<Index>(), 1..5)).prop_map(|(dialect, picks)| {
        let of_dialect = dialect.get(&CORPUS);
        let mut whole: Option<Conversation> = None;
        for pick in picks {
            let next = pick.get(of_dialect);
            let Some(whole) = &mut whole else {
                whole = Some(next.clone());
                continue;
            };
            let now = whole.chunks.iter().rev().find_map(|chunk| chunk.time).unwrap_or_default();
            let gap = Time::from_millis(700);
            whole.chunks.extend(
                next.chunks
                    .iter()
                    .map(|chunk| Chunk { time: chunk.time.map(|time| time.plus(now).plus(gap)), ..chunk.clone() }),
            );
        }
        whole.unwrap()
    })
}

/// What a line, or a tool, does to a session.
#[derive(Clone, Debug)]
enum Damage {
    Flip(Index, Index, u8),
    Lose(Index, Index, usize),
    Double(Index, Index, usize),
    Move(Index, Index),
    Drop(Index),
    Insert(Index, Index, Vec<u8>),
    /// One direction was not recorded.
    Deaf(Sender),
    Reset(Index),
}

fn damage() -> impl Strategy<Value = Damage> {
    let at = any::<Index>;
    prop_oneof![
        3 => (at(), at(), any::<u8>()).prop_map(|(chunk, byte, mask)| Damage::Flip(chunk, byte, mask)),
        3 => (at(), at(), 1..40_usize).prop_map(|(chunk, byte, len)| Damage::Lose(chunk, byte, len)),
        2 => (at(), at(), 1..40_usize).prop_map(|(chunk, byte, len)| Damage::Double(chunk, byte, len)),
        2 => (at(), at()).prop_map(|(from, to)| Damage::Move(from, to)),
        2 => at().prop_map(Damage::Drop),
        2 => (at(), at(), bytes()).prop_map(|(chunk, byte, bytes)| Damage::Insert(chunk, byte, bytes)),
        1 => sender().prop_map(Damage::Deaf),
        1 => at().prop_map(Damage::Reset),
    ]
}

impl Damage {
    fn applied(&self, mut conversation: Conversation) -> Conversation {
        let chunks = &mut conversation.chunks;
        if chunks.is_empty() {
            return conversation;
        }
        let range = |bytes: &[u8], at: &Index, len: usize| {
            let start = at.index(bytes.len() + 1);
            start..(start + len).min(bytes.len())
        };
        match self {
            Self::Flip(chunk, byte, mask) => {
                let bytes = &mut chunk.get_mut(chunks).bytes;
                if !bytes.is_empty() {
                    *byte.get_mut(bytes) ^= mask;
                }
            }
            Self::Lose(chunk, byte, len) => {
                let bytes = &mut chunk.get_mut(chunks).bytes;
                let range = range(bytes, byte, *len);
                bytes.drain(range);
            }
            Self::Double(chunk, byte, len) => {
                let bytes = &mut chunk.get_mut(chunks).bytes;
                let range = range(bytes, byte, *len);
                let twice = bytes[range.clone()].to_vec();
                bytes.splice(range.start..range.start, twice);
            }
            Self::Move(from, to) => {
                let chunk = chunks.remove(from.index(chunks.len()));
                let to = to.index(chunks.len() + 1);
                chunks.insert(to, chunk);
            }
            Self::Drop(chunk) => drop(chunks.remove(chunk.index(chunks.len()))),
            Self::Insert(chunk, byte, insert) => {
                let bytes = &mut chunk.get_mut(chunks).bytes;
                let at = byte.index(bytes.len() + 1);
                bytes.splice(at..at, insert.iter().copied());
            }
            Self::Deaf(sender) => chunks.retain(|chunk| chunk.from != *sender),
            Self::Reset(chunk) => {
                let at = chunk.index(chunks.len());
                let bytes = b"\r\n ets Jan  8 2013,rst cause:2, boot mode:(3,6)\r\n\r\nready\r\n".to_vec();
                let time = chunks[at].time;
                chunks.insert(at, Chunk { from: Sender::Module, time, bytes });
            }
        }
        conversation
    }
}

fn damaged() -> impl Strategy<Value = Conversation> {
    (valid(), prop::collection::vec(damage(), 1..6)).prop_map(|(conversation, all)| {
        all.iter().fold(conversation, |conversation, damage| damage.applied(conversation))
    })
}

/// Cuts chunks in two at any place, several times.
fn cut(mut conversation: Conversation, cuts: &[(Index, Index)]) -> Conversation {
    for (chunk, byte) in cuts {
        if conversation.chunks.is_empty() {
            break;
        }
        let at = chunk.index(conversation.chunks.len());
        let whole = &mut conversation.chunks[at];
        let tail = whole.bytes.split_off(byte.index(whole.bytes.len() + 1));
        let tail = Chunk { bytes: tail, ..whole.clone() };
        conversation.chunks.insert(at + 1, tail);
    }
    conversation
}

fn cuts() -> impl Strategy<Value = Vec<(Index, Index)>> {
    prop::collection::vec(any::<(Index, Index)>(), 0..12)
}

proptest! {
    #![proptest_config(config(400))]

    #[test]
    fn arbitrary_bytes(conversation in arbitrary(), cuts in cuts(), size in 2..20_usize) {
        cut(conversation, &cuts).checks(&[1, size]);
    }
}

proptest! {
    #![proptest_config(config(120))]

    #[test]
    fn valid_sessions(conversation in valid(), cuts in cuts(), size in 2..100_usize) {
        let record = cut(conversation, &cuts).checks(&[1, size]);
        prop_assert!(!record.told.is_empty());
    }

    #[test]
    fn damaged_sessions(conversation in damaged(), cuts in cuts(), size in 2..100_usize) {
        cut(conversation, &cuts).checks(&[1, size]);
    }

    /// As a fuzzer's input a session is the same, and any bytes are an input.
    #[test]
    fn fuzzers_input(conversation in damaged(), noise in prop::collection::vec(any::<u8>(), 0..300)) {
        let (back, _) = Conversation::from_bytes(&conversation.to_bytes(0));
        prop_assert_eq!(&back.catalog.name, &conversation.catalog.name);
        let said = |conversation: &Conversation, from: Sender| -> Vec<u8> {
            let own = conversation.chunks.iter().filter(|chunk| chunk.from == from);
            own.flat_map(|chunk| chunk.bytes.clone()).collect()
        };
        for from in [Sender::Host, Sender::Module] {
            prop_assert_eq!(said(&back, from), said(&conversation, from));
        }
        atscope::fuzz::decode(&noise);
        atscope::fuzz::check(&noise);
        atscope::fuzz::catalog(&noise);
    }
}

/// So many bytes of a pattern, behind a start.
fn long(start: &str, pattern: &[u8], len: usize) -> Vec<u8> {
    start.bytes().chain(pattern.iter().copied().cycle().take(len)).collect()
}

/// Bounded and linear: what never ends neither grows nor slows the decoder down. A decoder that looks at all that
/// waits whenever a byte comes would be at work for hours here.
#[test]
fn endless_input_is_taken_piece_by_piece() {
    let cases: [(&str, &[u8]); 14] = [
        ("", b"x"),
        ("", b" "),
        ("", b"\r\n"),
        ("", b"\r"),
        ("", b">"),
        ("", b"\""),
        ("", b","),
        ("", b"\0\xFF"),
        ("AT+CIPSTART=", b"\"\\"),
        ("AT", b"+A;"),
        ("+CWLAP:(", b"\"),("),
        ("+CIPRECVDATA:9,", b"1"),
        ("+IPD,4000000000:", b"\r\nOK\r\n"),
        ("+IPD,4000000000:", b"\r\nets Jan"),
    ];
    for (start, pattern) in cases {
        for from in [Sender::Host, Sender::Module] {
            let catalog = Arc::clone(CATALOGS.iter().find(|catalog| &*catalog.name == "esp-at").unwrap());
            let chunks = vec![Chunk { from, time: None, bytes: long(start, pattern, 100_000) }];
            Conversation { catalog, options: Options::default(), chunks }.decodes(&[1, 4096]);
        }
    }
}

/// The longest lines there are, with an end: fields, strings and commands within them are found in linear time.
#[test]
fn the_longest_lines() {
    let starts = ["AT+CWJAP=", "AT+NOTTHERE=", "AT", "+CWLAP:(", "+IPD,", "+NOTTHERE:", "ATE0;", "AT+CIPSTART=\""];
    let patterns: [&[u8]; 10] = [b",", b"1,", b"\"\\\",", b"\"", b"\" ", b"\\", b" ", b"+A;", b"(", b"\"a\",\"b"];
    for start in starts {
        for pattern in patterns {
            let catalog = Arc::clone(CATALOGS.iter().find(|catalog| &*catalog.name == "esp-at").unwrap());
            let mut bytes = long(start, pattern, 60_000);
            bytes.extend_from_slice(b"\r\n");
            let chunk = |from| Chunk { from, time: None, bytes: bytes.clone() };
            let chunks = vec![chunk(Sender::Host), chunk(Sender::Module)];
            Conversation { catalog, options: Options::default(), chunks }.decodes(&[]);
        }
    }
}

/// A command is open while the other side goes on and on.
#[test]
fn endless_input_within_an_exchange() {
    let opens = [
        "AT+CIPMODE=1\r\n",
        "AT+CIPSEND\r\n",
        "AT+CIPSEND=0,4000000000\r\n",
        "AT+CIPSEND=2048\r\n",
        "AT+CWLAP\r\n",
        "AT+CIPRECVDATA=0,4000000000\r\n",
        "AT+NOTTHERE\r\n",
        "AT+GMR\r\n",
    ];
    let answers: [(&str, &[u8]); 7] = [
        ("AT", b"+CIPSEND"),
        ("\r\nOK\r\n> ", b"> "),
        ("", b"1,CONNECT\r\n"),
        ("", b"busy p...\r\n"),
        ("+CWLAP:", b"(3,\"a\","),
        ("", b"\r\nOK\r\n"),
        ("", b"+NOTTHERE\r\n"),
    ];
    for open in opens {
        for (start, pattern) in answers {
            let catalog = Arc::clone(CATALOGS.iter().find(|catalog| &*catalog.name == "esp-at").unwrap());
            let (host, module) = (Sender::Host, Sender::Module);
            let chunk = |from, bytes| Chunk { from, time: None, bytes };
            let chunks = vec![
                chunk(host, open.as_bytes().to_vec()),
                chunk(module, long(start, pattern, 6_000)),
                chunk(host, long("", b"data\r\n", 6_000)),
                chunk(module, b"\r\nSEND OK\r\n".to_vec()),
            ];
            Conversation { catalog, options: Options::default(), chunks }.checks(&[1, 500]);
        }
    }
}

/// Data that is longer than a part comes in parts of 1 MiB, numbered from 0.
#[test]
fn long_data_comes_in_parts() {
    let size = 2 * atscope::session::PART + 12_345;
    let catalog = Arc::clone(CATALOGS.iter().find(|catalog| &*catalog.name == "esp-at").unwrap());
    let mut bytes = long(&format!("\r\n+IPD,0,{size}:"), b"\r\nOK\r\n+IPD,0,5:", size);
    bytes.extend_from_slice(b"0,CLOSED\r\n");
    let chunks = vec![Chunk { from: Sender::Module, time: None, bytes }];
    let record = Conversation { catalog, options: Options::default(), chunks }.checks(&[7777]);
    let listing: Vec<String> = record
        .told
        .iter()
        .map(|told| match told {
            atscope::fuzz::Told::Event { kind, members, .. } => {
                let part = members.split_once("part: ").map_or("", |(_, part)| part.trim_end_matches(" }"));
                format!("{kind} {part}")
            }
            atscope::fuzz::Told::Finding(finding) => finding.message.clone(),
        })
        .collect();
    assert_eq!(listing, ["urc ", "payload Some(0)", "payload Some(1)", "payload Some(2)", "urc "]);
}

/// Every JSON line of damaged sessions fits the schema.
#[cfg(feature = "cli")]
mod json {
    use super::*;
    use atscope::check::{Analyzer, Finding, Sink};
    use atscope::report::jsonl::JsonLines;
    use atscope::session::Event;

    static SCHEMA: LazyLock<jsonschema::Validator> = LazyLock::new(|| {
        let schema = serde_json::from_str(atscope::report::SCHEMA).unwrap();
        jsonschema::validator_for(&schema).unwrap()
    });

    struct Lines(JsonLines, Vec<u8>);

    impl Sink for Lines {
        fn event(&mut self, event: &Event<'_>) {
            self.0.event(&mut self.1, event);
        }

        fn finding(&mut self, finding: &Finding) {
            self.0.finding(&mut self.1, finding, finding.rule.severity());
        }
    }

    proptest! {
        #![proptest_config(config(40))]

        #[test]
        fn lines_fit_the_schema(conversation in prop_oneof![damaged(), arbitrary()]) {
            let mut lines = Lines(JsonLines::new("a.at", None), Vec::new());
            let mut analyzer = Analyzer::new(Arc::clone(&conversation.catalog), conversation.options.clone());
            for chunk in &conversation.chunks {
                analyzer.push(chunk.from, chunk.time, &chunk.bytes, &[], &mut lines);
            }
            analyzer.finish(&mut lines);
            for line in std::str::from_utf8(&lines.1).unwrap().lines() {
                let value: serde_json::Value = serde_json::from_str(line).unwrap();
                let reasons: Vec<String> = SCHEMA.iter_errors(&value).map(|error| error.to_string()).collect();
                prop_assert!(reasons.is_empty(), "{}: {}", line, reasons.join("; "));
            }
        }
    }
}
