//! Which commands of two sessions are the same ones: by what the host did, not line by line.
//!
//! Commands in the same order are paired by Myers' algorithm, in time linear in their number for alike sessions and
//! bounded for others. What is left over is paired by name: the first of a command with the first, and so on, so that a
//! command that was moved is found; then the same command with other parameters, at the same place. What then is left
//! was sent on one side alone.

use std::collections::{HashMap, VecDeque};

use imara_diff::{Algorithm, Diff, Token};

/// How one step was paired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// The same command at the same place, with other parameters.
    Changed,
    /// At another place.
    Moved,
    /// In the same order.
    Same,
}

/// The pairs of two sessions' steps.
#[derive(Debug, Default)]
pub(super) struct Pairs {
    /// Positions on both sides, in the order of the old one.
    pub(super) pairs: Vec<(u32, u32, How)>,
    /// Positions that only one side has.
    pub(super) only: [Vec<u32>; 2],
}

/// Pairs two lists of keys; `command` gives a key's command.
pub(super) fn align(old: &[u32], new: &[u32], keys: usize, command: impl Fn(u32) -> u32) -> Pairs {
    // All that had no room in the table count as one.
    let tokens = |side: &[u32]| -> Vec<Token> { side.iter().map(|&key| Token(key.min(keys as u32))).collect() };
    let (olds, news) = (tokens(old), tokens(new));
    let mut pairs = Vec::with_capacity(old.len().min(new.len()));
    let mut left: [Left; 2] = [Vec::new(), Vec::new()];
    let (mut old_at, mut new_at, mut hunks) = (0, 0, 0);
    while let (Some(a), Some(b)) = (olds.get(old_at), news.get(new_at)) {
        if a == b {
            pairs.push((old_at as u32, new_at as u32, How::Same));
            (old_at, new_at) = (old_at + 1, new_at + 1);
            continue;
        }
        let (old_end, new_end) = ((old_at + WINDOW).min(olds.len()), (new_at + WINDOW).min(news.len()));
        let is_last = old_end == olds.len() && new_end == news.len();
        let (a, b) = (olds.get(old_at..old_end).unwrap_or_default(), news.get(new_at..new_end).unwrap_or_default());
        let mut window = Window { old: old_at, new: new_at, pairs: &mut pairs, left: &mut left, hunks: &mut hunks };
        let (old_took, new_took) = window.align(a, b, keys as u32 + 1, is_last);
        (old_at, new_at) = (old_at + old_took, new_at + new_took);
    }
    hunks += 1;
    let [olds_left, news_left] = &mut left;
    olds_left.extend((old_at..old.len()).map(|at| (at as u32, hunks)));
    news_left.extend((new_at..new.len()).map(|at| (at as u32, hunks)));
    let [olds, news] = left;
    let key = |side: &[u32], at: u32| side.get(at as usize).copied().unwrap_or_default();
    let (olds, news) =
        pair(olds, news, How::Moved, &mut pairs, |is_new, (at, _)| (key(if is_new { new } else { old }, at), 0));
    let (olds, news) = pair(olds, news, How::Changed, &mut pairs, |is_new, (at, hunk)| {
        (command(key(if is_new { new } else { old }, at)), hunk)
    });
    pairs.sort_unstable_by_key(|pair| pair.0);
    let places = |left: Vec<(u32, u32)>| left.into_iter().map(|(at, _)| at).collect();
    Pairs { pairs, only: [places(olds), places(news)] }
}

/// Position and hunk of steps without a partner.
type Left = Vec<(u32, u32)>;

/// Steps of each side that are aligned at once. The algorithm takes more than linear time where few commands come again
/// and again; equal runs do not reach it.
const WINDOW: usize = 512;

/// Parts of both sides that start with different steps.
struct Window<'w> {
    old: usize,
    new: usize,
    pairs: &'w mut Vec<(u32, u32, How)>,
    left: &'w mut [Left; 2],
    hunks: &'w mut u32,
}

impl Window<'_> {
    /// Aligns the parts; gives how many steps of each are done with, which is never none of both.
    fn align(&mut self, a: &[Token], b: &[Token], tokens: u32, is_last: bool) -> (usize, usize) {
        let mut diff = Diff::default();
        diff.compute_with(Algorithm::Myers, a, b, tokens);
        // What stands near the window's end is looked at again with what follows it.
        let half = WINDOW / 2;
        let (mut old, mut new) = (0, 0);
        let ends = (a.len() as u32, b.len() as u32);
        for hunk in diff.hunks() {
            if self.run(&mut old, &mut new, hunk.before.start as usize, if is_last { usize::MAX } else { half }) {
                return (old, new);
            }
            let (mut before, mut after) = (hunk.before.clone(), hunk.after.clone());
            if !is_last && (before.end == ends.0 || after.end == ends.1) {
                if old + new > 0 {
                    return (old, new);
                }
                // Nothing in common as far as one can see.
                (before.end, after.end) = (before.end.min(half as u32), after.end.min(half as u32));
            }
            *self.hunks += 1;
            let (from_old, from_new, hunk) = (self.old as u32, self.new as u32, *self.hunks);
            let [olds, news] = &mut *self.left;
            olds.extend(before.clone().map(|at| (from_old + at, hunk)));
            news.extend(after.clone().map(|at| (from_new + at, hunk)));
            (old, new) = (before.end as usize, after.end as usize);
            if !is_last && (old >= half || new >= half) {
                return (old, new);
            }
        }
        self.run(&mut old, &mut new, a.len(), if is_last { usize::MAX } else { half });
        (old, new)
    }

    /// Pairs what is equal, up to a step of the old side; true where the window's half is reached first.
    fn run(&mut self, old: &mut usize, new: &mut usize, until: usize, half: usize) -> bool {
        while *old < until {
            if *old >= half || *new >= half {
                return true;
            }
            self.pairs.push(((self.old + *old) as u32, (self.new + *new) as u32, How::Same));
            (*old, *new) = (*old + 1, *new + 1);
        }
        false
    }
}

/// Pairs what is left by what `name` says: the first with the first.
fn pair(
    olds: Left,
    news: Left,
    how: How,
    pairs: &mut Vec<(u32, u32, How)>,
    name: impl Fn(bool, (u32, u32)) -> (u32, u32),
) -> (Left, Left) {
    let mut waiting: HashMap<(u32, u32), VecDeque<(u32, u32)>> = HashMap::new();
    for step in news {
        waiting.entry(name(true, step)).or_default().push_back(step);
    }
    let mut rest = Vec::new();
    for step in olds {
        match waiting.get_mut(&name(false, step)).and_then(VecDeque::pop_front) {
            Some(found) => pairs.push((step.0, found.0, how)),
            None => rest.push(step),
        }
    }
    let mut left: Left = waiting.into_values().flatten().collect();
    left.sort_unstable();
    (rest, left)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keys are letters; a command is a letter without its case.
    fn aligned(old: &str, new: &str) -> (String, String, String) {
        let keys = |text: &str| -> Vec<u32> { text.bytes().map(u32::from).collect() };
        let pairs = align(&keys(old), &keys(new), 128, |key| key | 0x20);
        let shown = |how: How| {
            let those = pairs.pairs.iter().filter(|pair| pair.2 == how);
            those.filter_map(|pair| old.chars().nth(pair.0 as usize)).collect::<String>()
        };
        (shown(How::Same), shown(How::Moved), shown(How::Changed))
    }

    #[test]
    fn what_the_host_did_is_followed() {
        assert_eq!(aligned("abcde", "abcde"), ("abcde".into(), String::new(), String::new()));
        assert_eq!(aligned("abcde", "abxcde").0, "abcde", "a new one");
        assert_eq!(aligned("abcde", "abde").0, "abde", "a missing one");
        let (same, moved, _) = aligned("abcde", "abdec");
        assert_eq!((same.as_str(), moved.as_str()), ("abde", "c"));
        let (same, _, changed) = aligned("abcde", "abCde");
        assert_eq!((same.as_str(), changed.as_str()), ("abde", "c"));
        assert_eq!(aligned("", "abc").0, "");
    }

    #[test]
    fn long_sessions_of_few_commands_take_linear_time() {
        let mut random = fastrand::Rng::with_seed(3);
        let mut side =
            |lost: f64| -> Vec<u32> { (0..300_000).filter(|_| random.f64() > lost).map(|at| at % 7).collect() };
        let (old, new) = (side(0.0005), side(0.0005));
        let start = std::time::Instant::now();
        let pairs = align(&old, &new, 7, |key| key);
        assert!(start.elapsed().as_secs() < 30, "{:?}", start.elapsed());
        let same = pairs.pairs.iter().filter(|pair| pair.2 == How::Same).count();
        assert!(same > 298_000, "{same}");
        // Two sessions with nothing in common.
        let strange: Vec<u32> = (0..100_000).map(|at| 7 + at % 7).collect();
        assert_eq!(align(&old, &strange, 14, |key| key).pairs, []);
    }

    #[test]
    fn every_step_is_told_once() {
        let mut random = fastrand::Rng::with_seed(1);
        for round in 0..200 {
            let most = if round % 20 == 0 { 5_000 } else { 60 };
            let mut side = || -> Vec<u32> { (0..random.usize(0..most)).map(|_| random.u32(0..9)).collect() };
            let (old, new) = (side(), side());
            let pairs = align(&old, &new, 9, |key| key / 2);
            let mut olds: Vec<u32> = pairs.pairs.iter().map(|pair| pair.0).collect();
            let mut news: Vec<u32> = pairs.pairs.iter().map(|pair| pair.1).collect();
            let [only_old, only_new] = &pairs.only;
            olds.extend(only_old);
            news.extend(only_new);
            olds.sort_unstable();
            news.sort_unstable();
            assert!(olds.into_iter().eq(0..old.len() as u32));
            assert!(news.into_iter().eq(0..new.len() as u32));
        }
    }
}
