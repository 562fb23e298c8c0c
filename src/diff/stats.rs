//! Whether two samples of latencies differ: a rank test and an effect size, and both must say so.
//!
//! The Mann–Whitney U test (two-sided, normal approximation with correction for ties and continuity) asks whether one
//! side tends to be larger; Cliff's delta says by how much the two overlap. Neither is asked of few samples.

/// Samples that each side must have.
pub(super) const LEAST: usize = 4;

/// What two samples come to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Comparison {
    /// Probability of such a difference, or a greater one, if there is none.
    pub(super) p: f64,
    /// Cliff's delta: 1 where every new value is larger than every old one, -1 where smaller, 0 where neither.
    pub(super) delta: f64,
    pub(super) old: Spread,
    pub(super) new: Spread,
}

/// Median and quartiles.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spread {
    pub(super) low: f64,
    pub(super) median: f64,
    pub(super) high: f64,
}

impl Comparison {
    /// Compares two samples; sorts them. `None` where one of them is too small.
    pub(super) fn of(old: &mut [u32], new: &mut [u32]) -> Option<Self> {
        if old.len() < LEAST || new.len() < LEAST {
            return None;
        }
        old.sort_unstable();
        new.sort_unstable();
        let (n, m) = (old.len() as f64, new.len() as f64);
        // Pairs in which the new value is larger, and those in which both are equal; ranks shared by ties.
        let (mut larger, mut equal, mut ties) = (0.0, 0.0, 0.0);
        let (mut olds, mut news) = (old.iter().peekable(), new.iter().peekable());
        let mut old_below = 0.0;
        loop {
            let value = match (olds.peek(), news.peek()) {
                (Some(a), Some(b)) => **a.min(b),
                (Some(a), None) => **a,
                (None, Some(b)) => **b,
                (None, None) => break,
            };
            let run = |values: &mut std::iter::Peekable<std::slice::Iter<'_, u32>>| {
                let mut count = 0.0;
                while values.next_if(|other| **other == value).is_some() {
                    count += 1.0;
                }
                count
            };
            let (a, b): (f64, f64) = (run(&mut olds), run(&mut news));
            larger += b * old_below;
            equal += a * b;
            old_below += a;
            let both = a + b;
            ties += both * both * both - both;
        }
        let pairs = n * m;
        let u = larger + equal / 2.0;
        let all = n + m;
        let variance = pairs / 12.0 * (all + 1.0 - ties / (all * (all - 1.0)));
        let distance = ((u - pairs / 2.0).abs() - 0.5).max(0.0);
        let p = if variance > 0.0 { erfc(distance / variance.sqrt() / std::f64::consts::SQRT_2) } else { 1.0 };
        let delta = (2.0 * u - pairs) / pairs;
        Some(Self { p, delta, old: Spread::of(old), new: Spread::of(new) })
    }

    /// How many times the old median the new one is.
    pub(super) fn ratio(&self) -> f64 {
        self.new.median / self.old.median.max(1.0)
    }

    /// Whether the difference is one to tell: `tests` such comparisons are made at once.
    ///
    /// Large samples must pass the test after Bonferroni's correction, with a large effect. Of few samples no test can
    /// pass that: there the two sides must not overlap, and the medians must lie apart by more than either side spreads.
    pub(super) fn is_difference(&self, tests: usize) -> bool {
        let apart = (self.new.median - self.old.median).abs();
        let ratio = self.ratio().max(1.0 / self.ratio().max(f64::MIN_POSITIVE));
        // Below two milliseconds it is the recorder's clock as well as the module's.
        if apart < 2_000.0 {
            return false;
        }
        let wide = self.old.width().max(self.new.width());
        let many = self.p * (tests.max(1) as f64) < 0.01 && self.delta.abs() >= 0.474 && ratio >= 1.25;
        // The less the medians differ, the farther they must lie apart.
        let is_clear = (ratio >= 2.0 && apart > 3.0 * wide) || (ratio >= 1.25 && apart > 10.0 * wide);
        let few = self.p < 0.05 && self.delta.abs() >= 0.95 && is_clear;
        few || (many && apart > wide / 2.0)
    }
}

impl Spread {
    fn of(sorted: &[u32]) -> Self {
        let at = |share: f64| {
            let at = ((sorted.len() - 1) as f64 * share).round() as usize;
            f64::from(sorted.get(at).copied().unwrap_or_default())
        };
        Self { low: at(0.25), median: at(0.5), high: at(0.75) }
    }

    fn width(&self) -> f64 {
        self.high - self.low
    }
}

/// The complementary error function, within 1.2e-7 of its value, relatively (Numerical Recipes in C, §6.2).
fn erfc(x: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.5 * x.abs());
    let terms = [
        0.170_872_77,
        -0.822_152_23,
        1.488_515_87,
        -1.135_203_98,
        0.278_868_07,
        -0.186_288_06,
        0.096_784_18,
        0.374_091_96,
        1.000_023_68,
    ];
    let sum = terms.iter().fold(0.0, |sum, term| (sum + term) * t);
    let value = t * (-x * x - 1.265_512_23 + sum).exp();
    if x >= 0.0 { value } else { 2.0 - value }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, clippy::unwrap_used)]
    use super::*;

    fn compare(old: &[u32], new: &[u32]) -> Comparison {
        Comparison::of(&mut old.to_vec(), &mut new.to_vec()).unwrap()
    }

    #[test]
    fn the_test_gives_known_values() {
        assert!((erfc(0.0) - 1.0).abs() < 1e-6 && (erfc(1.0) - 0.157_299_2).abs() < 1e-6);
        // R: wilcox.test(c(1,2,3,4,5), c(6,7,8,9,10), exact = FALSE) gives p = 0.01219.
        let apart = compare(&[1, 2, 3, 4, 5], &[6, 7, 8, 9, 10]);
        assert!((apart.p - 0.012_19).abs() < 1e-4, "{apart:?}");
        assert_eq!(apart.delta, 1.0);
        // R: wilcox.test(c(1,2,2,3,9), c(2,4,5,5), exact = FALSE) gives W = 6, p = 0.3812.
        let tied = compare(&[1, 2, 2, 3, 9], &[2, 4, 5, 5]);
        assert!((tied.p - 0.3812).abs() < 1e-4, "{tied:?}");
        let same = compare(&[7; 9], &[7; 9]);
        assert_eq!((same.p, same.delta), (1.0, 0.0));
        assert_eq!(Comparison::of(&mut [1, 2, 3], &mut [4; 9]), None, "too few");
    }

    #[test]
    fn noise_is_no_difference() {
        let mut random = fastrand::Rng::with_seed(6);
        let mut alarms = 0;
        for round in 0..4000 {
            let count = [5, 10, 30, 100][round % 4];
            // Long tails, as networks have them.
            let mut sample = || -> Vec<u32> {
                (0..count).map(|_| (20_000.0 - 80_000.0 * (1.0 - random.f64()).ln()) as u32).collect()
            };
            let (old, new) = (sample(), sample());
            alarms += usize::from(compare(&old, &new).is_difference(40));
        }
        assert!(alarms <= 2, "{alarms} of 4000");
    }

    #[test]
    fn a_shift_is_found() {
        let mut random = fastrand::Rng::with_seed(7);
        let mut found = 0;
        for _ in 0..200 {
            let mut sample = |middle: u32| -> Vec<u32> { (0..5).map(|_| middle + random.u32(0..middle / 5)).collect() };
            found += usize::from(compare(&sample(12_000), &sample(40_000)).is_difference(40));
        }
        assert_eq!(found, 200);
    }
}
