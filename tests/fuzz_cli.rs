//! `atscope fuzz gen` and `fuzz dict` as users call them: the same seed gives the same corpus, and what it holds decodes.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, dead_code)]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use common::run;

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    entries.map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())).collect()
}

#[test]
fn the_same_seed_gives_the_same_corpus() {
    let folder = tempfile::tempdir().unwrap();
    let corpus = |name: &str, seed: &str| {
        let path = folder.path().join(name);
        let out =
            ["fuzz", "gen", "-d", "fibocom", "-n", "12", "-s", seed, "--form", "at", "-o", path.to_str().unwrap()];
        assert_eq!(run(&out).status, 0);
        files(&path)
    };
    let first = corpus("a", "5");
    assert_eq!(first.len(), 12);
    assert_eq!(first, corpus("b", "5"));
    assert_ne!(first, corpus("c", "6"));
    for name in first.keys() {
        let decoded = run(&["decode", "--format", "jsonl", folder.path().join("a").join(name).to_str().unwrap()]);
        assert_eq!(decoded.status, 0, "{name}: {}", decoded.stderr);
        assert!(decoded.stdout.contains("\"dialect\":\"fibocom\""), "{name}");
    }
}

#[test]
fn a_dictionary_is_one_that_fuzzers_read() {
    let out = run(&["fuzz", "dict", "-d", "esp-at", "--host"]);
    assert_eq!(out.status, 0);
    let words: Vec<&str> = out.stdout.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    assert!(words.len() > 100, "{}", words.len());
    for word in words {
        let quoted = word.split_once('"').map(|(_, rest)| rest);
        assert!(quoted.is_some_and(|rest| rest.ends_with('"') && rest.len() > 1 && rest.is_ascii()), "{word}");
    }
}
