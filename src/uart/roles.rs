//! Which lines are one conversation, and who is the host.
//!
//! The one place of this layer that knows AT: the host says `AT`, and the module answers. What lines look like is
//! judged as for other recordings, in `direction`; beside it counts who speaks when a line of the host is over, and
//! at last what the channels are called.

use crate::Sender;
use crate::direction::{self, Evidence, Role};

/// A line that carries bytes.
#[derive(Debug)]
pub(super) struct Party<'a> {
    pub name: &'a str,
    pub evidence: &'a Evidence,
    /// Bits a second.
    pub baud: f64,
    /// When it spoke first: its rank among the parties.
    pub order: usize,
    /// By party: how often that one spoke next when a line of this one was over.
    pub next: Vec<u32>,
}

/// What the user said: host and module of conversations, as parties.
pub(super) type Named = (Option<usize>, Option<usize>);

/// Session and role of every party; `None` for one that the user left out.
///
/// `named` are the conversations that the user named; only these count, if there are any.
pub(super) fn assign(parties: &[Party<'_>], named: &[Named]) -> Vec<Option<(u32, Role)>> {
    let mut pairs: Vec<Named> = Vec::new();
    let mut taken = vec![false; parties.len()];
    let mut take = |at: Option<usize>| {
        if let Some(slot) = at.and_then(|at| taken.get_mut(at)) {
            *slot = true;
        }
    };
    for &(host, module) in named {
        take(host);
        take(module);
    }
    if named.is_empty() {
        let found = pair(parties, &taken);
        pairs.extend(found);
    } else {
        for &(host, module) in named {
            let (host, module) = match (host, module) {
                (Some(host), None) => (Some(host), partner(parties, host, &taken, true)),
                (None, Some(module)) => (partner(parties, module, &taken, false), Some(module)),
                both => both,
            };
            for at in [host, module].into_iter().flatten() {
                if let Some(slot) = taken.get_mut(at) {
                    *slot = true;
                }
            }
            pairs.push((host, module));
        }
    }
    // Conversations are numbered by the first of their channels; named ones as they were named.
    if named.is_empty() {
        pairs.sort_by_key(|&(host, module)| host.into_iter().chain(module).min());
    }
    let mut assigned = vec![None; parties.len()];
    for (session, (host, module)) in pairs.into_iter().enumerate() {
        let session = u32::try_from(session).unwrap_or(u32::MAX);
        let alone = host.is_none() && named.is_empty();
        for (at, from) in [(host, Sender::Host), (module, Sender::Module)] {
            let Some(at) = at else { continue };
            // Commands and answers on one line: half duplex, or a module that echoes.
            let both = alone && parties.get(at).is_some_and(|party| party.evidence.commands > 0);
            let both = both || host == module;
            if let Some(slot) = assigned.get_mut(at) {
                *slot = Some((session, if both { Role::Both } else { Role::Of(from) }));
            }
        }
    }
    assigned
}

/// Finds conversations among the parties that are free.
fn pair(parties: &[Party<'_>], taken: &[bool]) -> Vec<Named> {
    let mut free: Vec<usize> = (0..parties.len()).filter(|&at| !taken.get(at).copied().unwrap_or(false)).collect();
    let mut pairs = Vec::new();
    // Two lines that speak AT, or one: as for any other recording.
    let roles = match free.as_slice() {
        [] => return pairs,
        all => {
            let evidence: Vec<&Evidence> = all.iter().filter_map(|&at| parties.get(at)).map(|p| p.evidence).collect();
            direction::assign(&evidence, None, false)
        }
    };
    let hosts: Vec<usize> =
        free.iter().zip(&roles).filter(|(_, role)| role.1 == Role::Of(Sender::Host)).map(|(&at, _)| at).collect();
    free.retain(|at| !hosts.contains(at));
    // The best matches first.
    let mut matches: Vec<(i64, usize, usize)> = Vec::new();
    for &host in &hosts {
        for &module in &free {
            matches.push((likeness(parties, host, module, hosts.len() + free.len()), host, module));
        }
    }
    matches.sort_by(|a, b| b.0.cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2))));
    let mut single = hosts.clone();
    for (score, host, module) in matches {
        if score > 0 && single.contains(&host) && free.contains(&module) {
            single.retain(|&at| at != host);
            free.retain(|&at| at != module);
            pairs.push((Some(host), Some(module)));
        }
    }
    pairs.extend(single.into_iter().map(|host| (Some(host), None)));
    // Lines that say nothing of AT: two of a kind are a conversation all the same.
    while let Some((&first, rest)) = free.split_first() {
        let plain = |at: usize| parties.get(at).is_some_and(|party| party.evidence.commands == 0);
        let mate = rest.iter().copied().find(|&at| plain(first) && plain(at) && twins(parties, first, at));
        let Some(mate) = mate else {
            pairs.push((None, Some(first)));
            free.remove(0);
            continue;
        };
        free.retain(|&at| at != first && at != mate);
        let rank = |at: usize| {
            parties.get(at).map_or((0, 0, at), |party| (party.evidence.answers, hint(party.name) as i64, party.order))
        };
        let (host, module) = if rank(first) <= rank(mate) { (first, mate) } else { (mate, first) };
        pairs.push((Some(host), Some(module)));
    }
    pairs
}

/// The best mate of a line that the user named.
fn partner(parties: &[Party<'_>], line: usize, taken: &[bool], is_host: bool) -> Option<usize> {
    let free = (0..parties.len()).filter(|&at| at != line && !taken.get(at).copied().unwrap_or(false));
    let score = |at: usize| {
        if is_host { likeness(parties, line, at, 2) } else { likeness(parties, at, line, 2) }
    };
    free.map(|at| (score(at), at))
        .filter(|&(score, _)| score > 0)
        .max_by_key(|&(score, at)| (score, usize::MAX - at))
        .map(|(_, at)| at)
}

/// How well two lines go together as host and module; 0 or less: not at all.
fn likeness(parties: &[Party<'_>], host: usize, module: usize, lines: usize) -> i64 {
    let (Some(a), Some(b)) = (parties.get(host), parties.get(module)) else { return 0 };
    let turns = i64::from(a.next.get(module).copied().unwrap_or(0));
    let all: u32 = a.next.iter().sum();
    let mut score = 1 + turns * 100 / i64::from(all.max(1));
    score += if (a.baud / b.baud - 1.0).abs() < 0.04 { 30 } else { -20 };
    score += if b.evidence.answers > 0 { 20 } else { 0 };
    score += 10 * common_words(a.name, b.name);
    score -= (host.abs_diff(module) as i64 - 1).clamp(0, 5);
    // It never answers, though there were questions.
    if lines > 2 && turns == 0 && a.evidence.commands >= 2 && b.evidence.answers == 0 {
        score -= 60;
    }
    if turns == 0 && a.evidence.commands >= 4 {
        score -= 60;
    }
    score
}

/// How many words two channel names have in common.
fn common_words(a: &str, b: &str) -> i64 {
    let words = |name: &str| -> Vec<String> { words(name).collect() };
    let b = words(b);
    words(a).iter().filter(|word| b.contains(word)).count().min(3) as i64
}

fn words(name: &str) -> impl Iterator<Item = String> + '_ {
    let parts = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    parts.map(str::to_ascii_lowercase)
}

/// What a name says: less for the host's line.
fn hint(name: &str) -> i8 {
    let host = ["host", "tx", "txd", "mcu", "dte", "out", "tx0", "txd0"];
    let module = ["module", "rx", "rxd", "modem", "dce", "in", "rx0", "rxd0"];
    words(name).map(|word| i8::from(module.contains(&word.as_str())) - i8::from(host.contains(&word.as_str()))).sum()
}

/// Whether two lines without AT look like both directions of one link.
fn twins(parties: &[Party<'_>], a: usize, b: usize) -> bool {
    let (Some(x), Some(y)) = (parties.get(a), parties.get(b)) else { return false };
    let speed = (x.baud / y.baud - 1.0).abs() < 0.04;
    let opposite = i32::from(hint(x.name)) * i32::from(hint(y.name)) < 0;
    let rest = |name: &str| words(name).filter(|word| hint(word) == 0).collect::<Vec<_>>();
    speed
        && ((opposite && rest(x.name) == rest(y.name))
            || (parties.len() == 2 && !(hint(x.name) != 0 && hint(x.name) == hint(y.name))))
}
