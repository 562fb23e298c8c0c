//! Agreement of generator and decoder: what is made as valid draws no finding and reads as it was meant; what breaks a rule draws that rule.

use std::sync::LazyLock;

use fastrand::Rng;

use super::laws::{Record, Told};
use super::{CATALOGS, Chunk, Conversation};
use crate::check::Rule;
use crate::generate::{Generator, Script};
use crate::session::Options;

/// A generator of each catalog, in the order of [`CATALOGS`].
static GENERATORS: LazyLock<Vec<Generator>> =
    LazyLock::new(|| CATALOGS.iter().map(|catalog| Generator::new(catalog.clone())).collect());

/// Makes a session and reads it again, however it is cut.
///
/// `data`: a byte for the dialect and for what is made, one for the cut, one for the number of commands; the others are the seed.
///
/// # Panics
/// If a law is broken.
pub fn generated(data: &[u8]) {
    let (&[which, cut, count], seed) = data.split_first_chunk().unwrap_or((&[0, 1, 1], data));
    let Some(generator) = GENERATORS.get(usize::from(which >> 1) % GENERATORS.len().max(1)) else { return };
    let seed = seed.iter().take(8).fold(0, |seed, &byte| seed << 8 | u64::from(byte));
    let mut rng = Rng::with_seed(seed);
    if which & 1 == 0 {
        let script = generator.session(1 + usize::from(count % 6), &mut rng);
        let record = read(generator, &script, cut);
        let rules = rules(&record);
        assert!(rules.is_empty(), "valid, but draws {rules:?}:\n{}", script.to_transcript());
        meant(&script, &record);
    } else if let Some(violation) = generator.any_violation(&mut rng) {
        let script = generator.play(&violation, &mut rng);
        let rules = rules(&read(generator, &script, cut));
        assert_eq!(rules, [violation.rule], "{}:\n{}", violation.what, script.to_transcript());
    }
}

fn read(generator: &Generator, script: &Script, cut: u8) -> Record {
    let records = script.records.iter();
    let chunks =
        records.map(|said| Chunk { from: said.from, time: Some(said.time), bytes: said.bytes.clone() }).collect();
    let options = Options { from_boot: true, model: script.model.clone(), ..Options::default() };
    Conversation { catalog: generator.catalog().clone(), options, chunks }.checks(&[usize::from(cut).max(1)])
}

/// The rules that were drawn; how a line ends is nobody's fault here.
fn rules(record: &Record) -> Vec<Rule> {
    let mut rules: Vec<Rule> =
        record.findings().map(|finding| finding.rule).filter(|rule| *rule != Rule::LineEnding).collect();
    rules.sort();
    rules.dedup();
    rules
}

/// Each event is of the kind, and has the name and the exchange, that the generator meant.
fn meant(script: &Script, record: &Record) {
    let events = record.told.iter().filter_map(|told| match told {
        // A line end behind the last data frames nothing any more.
        Told::Event { kind: "noise", .. } | Told::Finding(_) => None,
        Told::Event { kind, name, exchange, .. } => Some((*kind, name.as_str(), *exchange)),
    });
    let mut expected = script.expected.iter();
    for (kind, name, exchange) in events {
        let fits = expected.next().is_some_and(|wanted| {
            wanted.kind == kind
                && (wanted.name.is_empty() || wanted.name == name)
                && (wanted.exchange.is_none() || wanted.exchange == exchange)
        });
        assert!(fits, "{kind} {name} of {exchange:?} was not meant:\n{}", script.to_transcript());
    }
    assert!(expected.next().is_none(), "something that was meant was not read:\n{}", script.to_transcript());
}
