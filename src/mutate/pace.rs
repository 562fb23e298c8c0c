//! How long a target takes for an input, seen from between two mutations: a slow one gets shorter inputs.

use std::time::{Duration, Instant};

/// A run that takes longer is slow: a parser takes a few microseconds for a line.
const SLOW: Duration = Duration::from_micros(100);

/// Watches a fuzzer's loop: a mutation, a run, a mutation.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pace {
    left: Option<Instant>,
    /// Mean of the last runs, in nanoseconds.
    mean: u64,
}

impl Pace {
    /// A mutation begins: the run of the one before is over. Whether the target is slow.
    pub(super) fn enter(&mut self) -> bool {
        if let Some(left) = self.left.take() {
            // One run that waits for something else on the machine says little.
            let took = left.elapsed().min(20 * SLOW).as_nanos() as u64;
            self.mean = (15 * self.mean + took) / 16;
        }
        self.mean > SLOW.as_nanos() as u64
    }

    /// A mutation is done.
    pub(super) fn leave(&mut self) {
        self.left = Some(Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_target_is_told_and_forgotten() {
        let mut pace = Pace::default();
        assert!(!pace.enter());
        for _ in 0..20 {
            pace.leave();
            std::thread::sleep(4 * SLOW);
            pace.enter();
        }
        assert!(pace.enter());
        for _ in 0..200 {
            pace.leave();
            pace.enter();
        }
        assert!(!pace.enter());
    }
}
