//! How long a start waits for its catalogs: `cargo bench --bench startup`.
//!
//! - `NAME/load`: text to a catalog that is ready to decode, those that it extends included. Throughput is in bytes of the
//!   catalog's own text. Peer `toml`: the text as a tree of TOML, without any meaning. Peer `split`: the text split at
//!   line feeds by `memchr`.
//! - `all/load`: all built-in catalogs, as for a recording whose dialect is not known; they are read side by side.
//!
//! Every run checks the number of commands that it loads.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, missing_docs)]

mod common;

use std::hint::black_box;
use std::time::SystemTime;

use atscope::catalog;
use criterion::{Criterion, Throughput};

/// Top-level tables of a text.
#[inline(never)]
fn tree(text: &str) -> usize {
    black_box(toml::de::DeTable::parse(text).unwrap()).get_ref().len()
}

fn main() {
    let start = SystemTime::now();
    let mut criterion = common::criterion();
    let (mut bytes, mut commands) = (0, 0);
    for name in catalog::builtin_names() {
        let (_, text) = catalog::builtin_text(name).unwrap();
        let own = text.lines().filter(|line| line.trim() == "[[command]]").count();
        let loaded = catalog::load_builtin(name).unwrap().commands.len();
        assert!(loaded >= own && own > 0, "{name}: {loaded} of {own} commands");
        (bytes, commands) = (bytes + text.len(), commands + loaded);
        load(&mut criterion, name, text, loaded);
    }
    let mut group = criterion.benchmark_group("all");
    group.throughput(Throughput::Bytes(bytes as u64));
    group.bench_function("load", |b| {
        b.iter(|| {
            let all = catalog::load_all_builtin();
            assert_eq!(all.iter().map(|catalog| catalog.commands.len()).sum::<usize>(), commands);
        });
    });
    group.finish();
    criterion.final_summary();
    common::table(start, &["split", "toml"]);
}

fn load(criterion: &mut Criterion, name: &str, text: &str, commands: usize) {
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Bytes(text.len() as u64));
    group.bench_function("load", |b| {
        b.iter(|| assert_eq!(catalog::load_builtin(black_box(name)).unwrap().commands.len(), commands));
    });
    let tables = tree(text);
    group.bench_function("toml", |b| b.iter(|| assert_eq!(tree(black_box(text)), tables)));
    let lines = common::split(text.as_bytes());
    assert_eq!(lines.0 as usize, text.lines().count());
    group.bench_function("split", |b| b.iter(|| assert_eq!(common::split(black_box(text.as_bytes())), lines)));
    group.finish();
}
