//! How fast two recordings are compared: what reading them into models takes, and what the comparison takes.
//!
//! ```text
//! cargo bench --bench diff
//! ```

#![allow(clippy::unwrap_used)]

use std::hint::black_box;

use atscope::check::{Analyzer, Finding, Options, Sink};
use atscope::diff::{Pools, Recorder, Recording, Side, compare};
use atscope::session::Event;
use atscope::{Sender, Time, catalog};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// A session of so many exchanges: host and module in turn, with values that vary.
fn session(exchanges: u64, seed: u64) -> Vec<(Sender, Time, Vec<u8>)> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut chunks = Vec::new();
    let mut now = 0;
    for at in 0..exchanges {
        let (command, answer) = match at % 5 {
            0 => ("AT+CSQ\r\n".to_owned(), format!("\r\n+CSQ: {},99\r\n\r\nOK\r\n", random.u8(10..30))),
            1 => ("AT+CREG?\r\n".to_owned(), "\r\n+CREG: 0,1\r\n\r\nOK\r\n".to_owned()),
            2 => (format!("AT+CMGR={}\r\n", at / 5 % 200), "\r\nOK\r\n".to_owned()),
            3 => ("AT+CGPADDR=1\r\n".to_owned(), "\r\n+CGPADDR: 1,10.0.0.1\r\n\r\nOK\r\n".to_owned()),
            _ => (
                "AT+CBC\r\n".to_owned(),
                format!("\r\n+CBC: 0,{},3{}\r\n\r\nOK\r\n", random.u8(20..90), random.u16(500..999)),
            ),
        };
        now += 20_000_000;
        chunks.push((Sender::Host, Time::from_nanos(now), command.into_bytes()));
        now += 8_000_000 + random.u64(0..4_000_000);
        chunks.push((Sender::Module, Time::from_nanos(now), answer.into_bytes()));
    }
    chunks
}

struct Tap<'p>(Recorder, &'p mut Pools);

impl Sink for Tap<'_> {
    fn event(&mut self, event: &Event<'_>) {
        self.0.event(self.1, event, None);
    }

    fn finding(&mut self, finding: &Finding) {
        self.0.finding(finding, finding.rule.severity(), None);
    }
}

fn record(pools: &mut Pools, chunks: &[(Sender, Time, Vec<u8>)]) -> Recording {
    let mut analyzer = Analyzer::new(catalog::load_builtin("simcom").unwrap(), Options::default());
    let mut tap = Tap(Recorder::new("bench".to_owned()), pools);
    for (from, time, bytes) in chunks {
        analyzer.push(*from, Some(*time), bytes, &[], &mut tap);
    }
    analyzer.finish(&mut tap);
    let Tap(recorder, pools) = tap;
    recorder.finish(pools, "simcom")
}

fn diff(criterion: &mut Criterion) {
    const EXCHANGES: u64 = 100_000;
    let (old, new) = (session(EXCHANGES, 1), session(EXCHANGES, 2));
    let bytes: usize = old.iter().chain(&new).map(|chunk| chunk.2.len()).sum();
    let mut group = criterion.benchmark_group("diff");
    group.throughput(Throughput::Bytes(bytes as u64)).sample_size(10);
    group.bench_function("read", |bencher| {
        bencher.iter(|| {
            let mut pools = Pools::default();
            let count =
                record(&mut pools, black_box(&old)).exchanges() + record(&mut pools, black_box(&new)).exchanges();
            assert_eq!(count as u64, 2 * EXCHANGES);
        });
    });
    let mut pools = Pools::default();
    let old = record(&mut pools, &old);
    let old = Side::new(&pools, vec![old]);
    let new = record(&mut pools, &new);
    let new = Side::new(&pools, vec![new]);
    group.bench_function("compare", |bencher| {
        bencher.iter(|| {
            let differences = compare(&pools, black_box(&old), black_box(&new));
            assert_eq!((differences.aligned.both, differences.counts()[0]), (EXCHANGES, 0));
        });
    });
    group.finish();
}

criterion_group!(benches, diff);
criterion_main!(benches);
