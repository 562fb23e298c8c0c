//! How long commands take.

use std::collections::BTreeMap;

use super::{Difference, Kind};
use crate::check::Severity;
use crate::diff::pool::Pools;
use crate::diff::side::Side;
use crate::diff::stats::{Comparison, LEAST};

/// Latencies of one command and result on both sides.
type Both = [Vec<u32>; 2];

pub(super) fn compare(pools: &Pools, old: &Side, new: &Side, list: &mut Vec<Difference>) {
    let mut samples: BTreeMap<(u32, u32, usize), Both> = BTreeMap::new();
    for (number, (olds, news)) in old.latencies.iter().zip(&new.latencies).enumerate() {
        common(pools, number, olds, news, &mut samples);
    }
    samples.retain(|_, both| both.iter().all(|side| side.len() >= LEAST));
    let tests = samples.len();
    for ((command, result, number), [mut olds, mut news]) in samples {
        let Some(found) = Comparison::of(&mut olds, &mut news).filter(|found| found.is_difference(tests)) else {
            continue;
        };
        let results = pools.results.text(result);
        let result = results.split(", ").nth(number).unwrap_or(results);
        let is_slower = found.delta > 0.0;
        let (kind, severity, verb) = if is_slower {
            (Kind::Slower, Severity::Warning, "longer")
        } else {
            (Kind::Faster, Severity::Info, "less long")
        };
        let times = if is_slower { found.ratio() } else { 1.0 / found.ratio().max(f64::MIN_POSITIVE) };
        let message = format!(
            "`{result}` takes {times:.1} times {verb}: median {} over {} samples, was {} over {} (p {:.1e}, Cliff's delta {:+.2})",
            shown(found.new.median),
            news.len(),
            shown(found.old.median),
            olds.len(),
            found.p,
            found.delta
        );
        let one = Difference::new(kind, severity, pools.names.text(command), result, message);
        let count = news.len() as u64;
        let all = format!("commands take {verb}");
        list.push(one.sides(shown(found.old.median), shown(found.new.median)).times(count).general(all));
    }
}

/// The latencies of command lines that both sides have, as many of each on both sides.
fn common(
    pools: &Pools,
    number: usize,
    olds: &[(u32, u32, u32)],
    news: &[(u32, u32, u32)],
    samples: &mut BTreeMap<(u32, u32, usize), Both>,
) {
    let sorted = |side: &[(u32, u32, u32)]| {
        let mut side = side.to_vec();
        // What has one key and result stays in the order in which it came.
        side.sort_by_key(|one| (one.0, one.1));
        side
    };
    let (olds, news) = (sorted(olds), sorted(news));
    let runs = |side: &[(u32, u32, u32)]| -> BTreeMap<(u32, u32), Vec<u32>> {
        let mut runs = BTreeMap::new();
        for chunk in side.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
            if let Some(first) = chunk.first() {
                runs.insert((first.0, first.1), chunk.iter().map(|one| one.2).collect());
            }
        }
        runs
    };
    let news = runs(&news);
    for ((key, result), old) in runs(&olds) {
        let Some(new) = news.get(&(key, result)) else { continue };
        let count = old.len().min(new.len());
        let [all_old, all_new] = samples.entry((pools.command(key), result, number)).or_default();
        all_old.extend(old.iter().take(count));
        all_new.extend(new.iter().take(count));
    }
}

/// Microseconds for people.
fn shown(micros: f64) -> String {
    match micros {
        ..1_000.0 => format!("{micros:.0} µs"),
        ..10_000.0 => format!("{:.2} ms", micros / 1e3),
        ..1_000_000.0 => format!("{:.0} ms", micros / 1e3),
        _ => format!("{:.2} s", micros / 1e6),
    }
}
