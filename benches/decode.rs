//! What each layer costs on the same bytes, and what others take for less: `cargo bench --bench decode`.
//!
//! Traffic (a group each; see `common`):
//! - `esp-at`: a mixed ESP-AT session of short lines with 40 % payload, both directions, chunk by chunk, with times;
//! - `esp-at-module`: its module's side as one buffer;
//! - `esp-at-module-16`: the same in chunks of 16 bytes;
//! - `simcom-http`: a SIM7600 that reads pages over HTTP, nearly all payload, both directions, with times.
//!
//! Ours:
//! - `framing`: lines of the module's bytes alone, nothing known of payload (`syntax::framing::line`);
//! - `decode`: typed events to a sink that counts them;
//! - `params`: the same, and name, raw bytes, typed value and label of every parameter are read;
//! - `check`: decoding with all rules, to a sink that drops everything;
//! - `jsonl`: decoding with all rules, each event as a JSON line into a buffer that is thrown away.
//!
//! Peers:
//! - `split`: the same chunks split at line feeds by `memchr`, nothing else;
//! - `atat`: the digester of atat 0.25 on the module's side, with parsers for the dialect's URCs, counted data and
//!   result codes, as its documentation wants it. Its rate counts the module's bytes alone, since it reads no others. It
//!   is made for a driver that waits for one answer at a time: it finds the end of an answer and hands out the bytes
//!   ahead of it. It reads no parameter, has no state and no catalog, does not match answers to commands, and takes for
//!   an echo, and drops, what stands ahead of the first CR LF: an ESP-AT line such as `0,CONNECT` or `+CWMODE:1`. With
//!   several answers in one buffer it makes one of some of them. How many of the module's events it tells is printed
//!   ahead of the runs.
//!
//! Every run checks its result: number of events, sum of their lengths. The figures depend on the machine, the ratios
//! at the end less so. Instructions do not: run one bench under callgrind (each has a function of its name), as in
//! `valgrind --tool=callgrind --toggle-collect='decode::measure::check*' TARGET/release/deps/decode-HASH --test '^esp-at/check$'`.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::print_stderr, clippy::unwrap_used, missing_docs)]

mod common;

use std::hint::black_box;
use std::sync::Arc;
use std::time::SystemTime;

use atscope::catalog::Catalog;
use atscope::{Sender, Time};
use common::Traffic;
use criterion::{BenchmarkGroup, Criterion, Throughput, measurement::WallTime};

/// So much that what the decoder learns at its start does not count, and what a cache holds of it neither.
const SIZE: usize = 4 * 1024 * 1024;

/// A chunk as it is handed in.
type Piece<'a> = (Sender, Option<Time>, &'a [u8]);

/// What a run came to: events (or lines), and the sum of their lengths.
type Sum = (u64, u64);

mod measure {
    use super::*;
    use atscope::check::{Analyzer, Finding, Options, Sink};
    use atscope::report::jsonl::JsonLines;
    use atscope::session::{Event, Session, Value};
    use atscope::syntax::framing;

    #[inline(never)]
    pub fn split(pieces: &[Piece<'_>]) -> Sum {
        pieces.iter().map(|piece| common::split(piece.2)).fold((0, 0), |sum, own| (sum.0 + own.0, sum.1 + own.1))
    }

    #[inline(never)]
    pub fn framing(bytes: &[u8]) -> Sum {
        let (mut lines, mut sum, mut rest) = (0, 0, bytes);
        while let Ok((tail, line)) = framing::line(rest) {
            lines += 1;
            sum += black_box(line).bytes.len() as u64;
            rest = tail;
        }
        (lines, sum + rest.len() as u64)
    }

    #[inline(never)]
    pub fn decode(catalog: &Arc<Catalog>, pieces: &[Piece<'_>]) -> Sum {
        run(catalog, pieces, &mut |_| {})
    }

    #[inline(never)]
    pub fn params(catalog: &Arc<Catalog>, pieces: &[Piece<'_>]) -> Sum {
        run(catalog, pieces, &mut |event| {
            for param in event.params().iter().flat_map(|params| params.iter()) {
                match param.value() {
                    Value::Int(number) => drop(black_box(number)),
                    Value::Text(text) => drop(black_box(text.bytes())),
                    other => drop(black_box(other)),
                }
                black_box((param.name(), param.raw(), param.label()));
            }
        })
    }

    #[inline]
    fn run(catalog: &Arc<Catalog>, pieces: &[Piece<'_>], each: &mut impl FnMut(&Event<'_>)) -> Sum {
        let (mut events, mut sum) = (0, 0);
        let mut session = Session::new(Arc::clone(catalog), &Options::default());
        let mut count = |event: &Event<'_>| {
            events += 1;
            sum += event.bytes.len() as u64;
            each(event);
        };
        for &(from, time, bytes) in pieces {
            session.push(from, time, bytes, &mut count);
        }
        session.finish(&mut count);
        (events, sum)
    }

    /// Findings, too: the traffic is what the manual allows.
    #[inline(never)]
    pub fn check(catalog: &Arc<Catalog>, pieces: &[Piece<'_>]) -> (Sum, [u64; 3]) {
        analyze(catalog, pieces, &mut ())
    }

    fn analyze(catalog: &Arc<Catalog>, pieces: &[Piece<'_>], sink: &mut impl Sink) -> (Sum, [u64; 3]) {
        let mut analyzer = Analyzer::new(Arc::clone(catalog), Options::default());
        for &(from, time, bytes) in pieces {
            analyzer.push(from, time, bytes, &[], sink);
        }
        let summary = analyzer.finish(sink);
        ((summary.events, summary.bytes.iter().sum()), summary.findings)
    }

    /// Writes lines, and throws them away when enough have come together.
    struct Null {
        lines: JsonLines,
        out: Vec<u8>,
        events: u64,
        sum: u64,
        written: u64,
    }

    impl Null {
        fn settle(&mut self) {
            if self.out.len() >= 64 * 1024 {
                self.written += black_box(&self.out).len() as u64;
                self.out.clear();
            }
        }
    }

    impl Sink for Null {
        fn event(&mut self, event: &Event<'_>) {
            self.events += 1;
            self.sum += event.bytes.len() as u64;
            self.lines.event(&mut self.out, event);
            self.settle();
        }

        fn finding(&mut self, finding: &Finding) {
            self.lines.finding(&mut self.out, finding, finding.rule.severity());
            self.settle();
        }
    }

    /// Bytes written, too.
    #[inline(never)]
    pub fn jsonl(catalog: &Arc<Catalog>, pieces: &[Piece<'_>]) -> (Sum, u64) {
        let (lines, out) = (JsonLines::new("capture.at", None), Vec::with_capacity(128 * 1024));
        let mut sink = Null { lines, out, events: 0, sum: 0, written: 0 };
        analyze(catalog, pieces, &mut sink);
        ((sink.events, sink.sum), sink.written + sink.out.len() as u64)
    }

    /// All lines, for a look at what is measured.
    pub fn all_lines(catalog: &Arc<Catalog>, pieces: &[Piece<'_>]) -> Vec<u8> {
        struct Keep(JsonLines, Vec<u8>);
        impl Sink for Keep {
            fn event(&mut self, event: &Event<'_>) {
                self.0.event(&mut self.1, event);
            }
            fn finding(&mut self, finding: &Finding) {
                self.0.finding(&mut self.1, finding, finding.rule.severity());
            }
        }
        let mut keep = Keep(JsonLines::new("capture.at", None), Vec::new());
        analyze(catalog, pieces, &mut keep);
        keep.1
    }

    /// The digester over buffers as they come: what it leaves is put ahead of the next one, as its `Ingress` does.
    #[inline(never)]
    pub fn atat(dialect: &str, pieces: &[Piece<'_>]) -> Sum {
        match dialect {
            "esp-at" => peer::digest(peer::esp_at(), pieces),
            _ => peer::digest(peer::simcom(), pieces),
        }
    }
}

/// What atat needs to know of a dialect.
mod peer {
    use super::*;
    use atat::digest::{ParseError, Parser as UrcParser};
    use atat::{AtDigester, DigestResult, Digester};
    use nom::branch::alt;
    use nom::bytes::streaming::{tag, take, take_until};
    use nom::character::streaming::{digit1, u32 as number};
    use nom::combinator::{recognize, value};
    use nom::multi::length_data;
    use nom::sequence::{delimited, preceded, terminated};
    use nom::{IResult, Parser};

    /// Events told, bytes that it had no use for left out.
    pub fn digest(mut digester: impl Digester, pieces: &[Piece<'_>]) -> Sum {
        let (mut told, mut used) = (0, 0);
        let mut work = |buffer: &[u8]| {
            let mut done = 0;
            loop {
                let (result, len) = digester.digest(&buffer[done..]);
                told += u64::from(!matches!(result, DigestResult::None));
                black_box(result);
                done += len;
                if len == 0 || done == buffer.len() {
                    used += done as u64;
                    return done;
                }
            }
        };
        let mut buffer = Vec::new();
        for &(_, _, bytes) in pieces.iter().filter(|piece| piece.0 == Sender::Module) {
            if buffer.is_empty() {
                let done = work(bytes);
                buffer.extend_from_slice(&bytes[done..]);
            } else {
                buffer.extend_from_slice(bytes);
                let done = work(&buffer);
                buffer.drain(..done);
            }
        }
        (told, used)
    }

    fn found<'a>(buffer: &'a [u8], parsed: IResult<&'a [u8], &'a [u8]>) -> Result<(&'a [u8], usize), ParseError> {
        match parsed {
            Ok((rest, found)) => Ok((found, buffer.len() - rest.len())),
            Err(nom::Err::Incomplete(_)) => Err(ParseError::Incomplete),
            Err(_) => Err(ParseError::NoMatch),
        }
    }

    fn line<'a>(start: &'static str) -> impl Parser<&'a [u8], Output = &'a [u8], Error = nom::error::Error<&'a [u8]>> {
        delimited(tag("\r\n"), recognize((tag(start), take_until("\r\n"))), tag("\r\n"))
    }

    pub struct EspAt;

    impl UrcParser for EspAt {
        fn parse(buffer: &[u8]) -> Result<(&[u8], usize), ParseError> {
            let data =
                preceded(tag("\r\n+IPD,"), preceded((digit1, tag(",")), length_data(terminated(number, tag(":")))));
            let link = delimited(
                tag("\r\n"),
                recognize((digit1, tag(","), alt((tag("CONNECT"), tag("CLOSED"))))),
                tag("\r\n"),
            );
            found(buffer, alt((data, link, line("Recv "))).parse(buffer))
        }
    }

    pub fn esp_at() -> impl Digester {
        AtDigester::<EspAt>::new()
            .with_custom_success(|buffer| {
                found(buffer, delimited(tag("\r\n"), tag("SEND OK"), tag("\r\n")).parse(buffer))
            })
            .with_custom_prompt(prompt)
    }

    /// Its own search for a prompt looks through the whole buffer, and wants it at the end.
    fn prompt(buffer: &[u8]) -> Result<(u8, usize), ParseError> {
        let parsed: IResult<&[u8], u8> = value(b'>', tag("> ")).parse(buffer);
        match parsed {
            Ok(_) => Ok((b'>', 2)),
            Err(nom::Err::Incomplete(_)) if !buffer.is_empty() => Err(ParseError::Incomplete),
            Err(_) => Err(ParseError::NoMatch),
        }
    }

    pub struct Simcom;

    impl UrcParser for Simcom {
        fn parse(buffer: &[u8]) -> Result<(&[u8], usize), ParseError> {
            let head = delimited(tag("\r\n+HTTPREAD: DATA,"), number, tag("\r\n"));
            let data = head.flat_map(|len: u32| take(len));
            found(buffer, alt((data, line("+HTTPREAD:"), line("+HTTPACTION:"))).parse(buffer))
        }
    }

    pub fn simcom() -> impl Digester {
        AtDigester::<Simcom>::new()
    }
}

/// All benches of a traffic, cut into these pieces.
fn group(criterion: &mut Criterion, name: &str, traffic: &Traffic, pieces: &[Piece<'_>]) {
    let catalog = atscope::catalog::load_builtin(traffic.dialect).unwrap();
    let of = |sender| pieces.iter().filter(move |piece| piece.0 == sender);
    let module: Vec<u8> = of(Sender::Module).flat_map(|piece| piece.2).copied().collect();
    let host_bytes: u64 = of(Sender::Host).map(|piece| piece.2.len() as u64).sum();
    let bytes = host_bytes + module.len() as u64;
    let [host_events, module_events] = traffic.events;
    let events = module_events + if host_bytes > 0 { host_events } else { 0 };
    let all = (events, bytes);

    let feeds = pieces.iter().flat_map(|piece| piece.2).filter(|&&byte| byte == b'\n').count() as u64;
    let framed = measure::framing(&module);
    assert_eq!(framed.1, module.len() as u64);

    let payload = traffic.payload as f64 * 100.0 / traffic.size() as f64;
    eprintln!("{name}: {bytes} bytes, {events} events; {payload:.0} % of the session is payload");
    let mut group: BenchmarkGroup<'_, WallTime> = criterion.benchmark_group(name);
    group.throughput(Throughput::Bytes(bytes));
    group.bench_function("split", |b| b.iter(|| assert_eq!(measure::split(black_box(pieces)), (feeds, bytes))));
    group.throughput(Throughput::Bytes(module.len() as u64));
    let mut told = None;
    group.bench_function("atat", |b| {
        let told = *told.get_or_insert_with(|| {
            let told = measure::atat(traffic.dialect, pieces);
            eprintln!("{name}: atat tells {} of the module's {module_events} events", told.0);
            told
        });
        b.iter(|| assert_eq!(measure::atat(traffic.dialect, black_box(pieces)), told));
    });
    if !name.ends_with("16") {
        group.bench_function("framing", |b| b.iter(|| assert_eq!(measure::framing(black_box(&module)), framed)));
    }
    group.throughput(Throughput::Bytes(bytes));
    group.bench_function("decode", |b| b.iter(|| assert_eq!(measure::decode(&catalog, black_box(pieces)), all)));
    group.bench_function("params", |b| b.iter(|| assert_eq!(measure::params(&catalog, black_box(pieces)), all)));
    group.bench_function("check", |b| {
        b.iter(|| assert_eq!(measure::check(&catalog, black_box(pieces)), (all, [0; 3])));
    });
    let mut written = None;
    group.bench_function("jsonl", |b| {
        let written = *written.get_or_insert_with(|| {
            let lines = measure::all_lines(&catalog, pieces);
            assert_eq!(lines_of(&lines, traffic), events);
            lines.len() as u64
        });
        b.iter(|| assert_eq!(measure::jsonl(&catalog, black_box(pieces)), (all, written)));
    });
    group.finish();
}

/// Counts JSON lines, each an event whose text is what stands at its place: what is measured is right in more than its size.
fn lines_of(lines: &[u8], traffic: &Traffic) -> u64 {
    let (mut events, sides) = (0, [Sender::Host, Sender::Module].map(|sender| traffic.side(sender)));
    for line in lines.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
        let line: serde_json::Value = serde_json::from_slice(line).unwrap();
        assert_eq!(line["type"], "event", "{line}");
        let mut text = Vec::new();
        atscope::escape::unescape(line["text"].as_str().unwrap().as_bytes(), &mut text).unwrap();
        let side = &sides[usize::from(line["from"] == "module")];
        assert!(side[line["offset"].as_u64().unwrap() as usize..].starts_with(&text), "{line}");
        events += 1;
    }
    events
}

fn main() {
    let start = SystemTime::now();
    let mut criterion = common::criterion();
    let mixed = common::mixed(SIZE);
    let module = mixed.side(Sender::Module);
    let both = |traffic: &'static Traffic| -> Vec<Piece<'static>> {
        traffic.chunks.iter().map(|chunk| (chunk.from, chunk.time, chunk.bytes.as_slice())).collect()
    };
    let mixed: &'static Traffic = Box::leak(Box::new(mixed));
    let http: &'static Traffic = Box::leak(Box::new(common::http(SIZE)));
    group(&mut criterion, "esp-at", mixed, &both(mixed));
    group(&mut criterion, "esp-at-module", mixed, &[(Sender::Module, None, &module)]);
    let small: Vec<Piece<'_>> = module.chunks(16).map(|chunk| (Sender::Module, None, chunk)).collect();
    group(&mut criterion, "esp-at-module-16", mixed, &small);
    group(&mut criterion, "simcom-http", http, &both(http));
    criterion.final_summary();
    common::table(start, &["split", "atat"]);
}
