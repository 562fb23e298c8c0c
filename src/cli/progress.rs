//! How far a long recording is read: on standard error, on a terminal alone, once it has taken a second.
//!
//! It is taken away ahead of whatever else is printed, and drawn again below it.

use std::time::{Duration, Instant};

use indicatif::{BinaryBytes, HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A run that ends sooner shows nothing.
const PATIENCE: Duration = Duration::from_secs(1);

/// How often it is drawn.
const STEP: Duration = Duration::from_millis(100);

/// Chunks between two looks at the clock.
const CHUNKS: u32 = 64;

/// How far a recording is read.
pub(super) struct Progress {
    /// Bytes of the recording, where it is made of files.
    total: u64,
    name: String,
    start: Instant,
    drawn: Option<Instant>,
    chunks: u32,
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Of a recording of so many bytes; control characters of its name are not shown.
    pub(super) fn new(name: &str, total: u64) -> Self {
        let name = name.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect();
        Self { total, name, start: Instant::now(), drawn: None, chunks: 0, bar: None }
    }

    /// Shows that reading has come so far, if it is time to.
    pub(super) fn at(&mut self, position: u64) {
        self.chunks += 1;
        if self.chunks < CHUNKS {
            return;
        }
        self.chunks = 0;
        let now = Instant::now();
        let due = self.drawn.map_or(self.start + PATIENCE, |drawn| drawn + STEP);
        if now >= due {
            self.drawn = Some(now);
            let bar = self.bar.get_or_insert_with(|| bar(&self.name, self.total));
            let done = position.min(self.total);
            bar.set_message(message(done, self.total, now - self.start));
            bar.set_position(done);
        }
    }

    /// Prints something with the bar out of the way.
    pub(super) fn aside<T>(&self, print: impl FnOnce() -> T) -> T {
        match &self.bar {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn bar(name: &str, total: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{prefix} [{wide_bar}] {msg}") {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.with_prefix(name.to_owned())
}

/// ` 42 %, 38.20 MiB/s, 12 s left`, by the mean since the start.
fn message(done: u64, total: u64, spent: Duration) -> String {
    let secs = spent.as_secs_f64().max(0.001);
    let left = secs * (total - done) as f64 / done.max(1) as f64;
    let percent = done.saturating_mul(100) / total.max(1);
    let rate = BinaryBytes((done as f64 / secs) as u64);
    let left = HumanDuration(Duration::from_secs(left.min(1e9).ceil() as u64));
    format!("{percent:>3} %, {rate}/s, {left:#} left")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_and_rest_are_means() {
        let mib = 1 << 20;
        assert_eq!(message(20 * mib, 80 * mib, Duration::from_secs(2)), " 25 %, 10.00 MiB/s, 6s left");
        assert_eq!(message(0, 0, Duration::ZERO), "  0 %, 0 B/s, 0s left");
    }
}
