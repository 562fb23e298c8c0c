//! Mutations of inputs of 1 KiB (100 MB/s are 100 000 of them a second): `cargo bench --bench mutate`.
//!
//! - `structure`: every mutation takes the input apart and prints it anew; `mixed`: as fuzzers run it; `bytes`: byte-level alone.
//! - `nothing`: a session out of the catalogs.
//! - Peers: `flips` changes eight random bytes of a copy, what the simplest byte mutation costs; `copy` copies the input.
//!
//! Every run checks that results differ from the input.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, missing_docs)]

mod common;

use std::hint::black_box;
use std::time::SystemTime;

use atscope::mutate::{Mutator, Options};
use criterion::Throughput;

fn mutator(dialect: Option<&str>, ratio: u8) -> Mutator {
    Mutator::new(&Options { dialect: dialect.map(str::to_owned), ratio, ..Options::default() }).unwrap()
}

/// An input of 1 KiB: sessions of the dialect behind one another.
fn input() -> Vec<u8> {
    let mut maker = mutator(Some("esp-at"), 60);
    let mut input = Vec::new();
    let mut seed = 0;
    while input.len() < 1024 {
        input.extend_from_slice(maker.compose(300, seed));
        seed += 1;
    }
    input.truncate(1024);
    input
}

fn main() {
    let start = SystemTime::now();
    let mut criterion = common::criterion();
    let input = input();
    let mut group = criterion.benchmark_group("mutate");
    group.throughput(Throughput::Bytes(input.len() as u64));
    for (name, dialect, ratio) in [
        ("structure", Some("esp-at"), 100),
        ("mixed", Some("esp-at"), 60),
        ("mixed-all", None, 60),
        ("bytes", Some("esp-at"), 0),
    ] {
        let mut mutator = mutator(dialect, ratio);
        let changed = (0..100).filter(|&seed| mutator.mutate(&input, 4096, seed) != input).count();
        assert!(changed > 80, "{name}: only {changed} of 100 results differ");
        let mut seed = 0;
        group.bench_function(name, |b| {
            b.iter(|| {
                seed += 1;
                black_box(mutator.mutate(black_box(&input), 4096, seed)).len()
            });
        });
    }
    let mut maker = mutator(Some("esp-at"), 60);
    let mut seed = 0;
    group.bench_function("nothing", |b| {
        b.iter(|| {
            seed += 1;
            black_box(maker.mutate(b"", 4096, seed)).len()
        });
    });
    let mut rng = fastrand::Rng::with_seed(1);
    let mut out = Vec::new();
    group.bench_function("flips", |b| {
        b.iter(|| {
            out.clear();
            out.extend_from_slice(black_box(&input));
            for _ in 0..8 {
                let at = rng.usize(..out.len());
                out[at] ^= 1 << rng.u8(..8);
            }
            black_box(&out).len()
        });
    });
    group.bench_function("copy", |b| {
        b.iter(|| {
            out.clear();
            out.extend_from_slice(black_box(&input));
            black_box(&out).len()
        });
    });
    group.finish();
    common::table(start, &["flips", "copy"]);
}
