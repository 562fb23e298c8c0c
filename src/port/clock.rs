//! What time it is for the module behind a port.

use std::time::{Duration, Instant};

use crate::Time;

/// How time passes for the module.
///
/// A driver that asks and waits, on one thread, needs none of this: its reads move the clock. One whose reader and writer run side by side
/// keeps time by itself; the module should go by the same clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Clock {
    /// Reads move it: one that has to wait skips the waiting, up to its timeout. The same calls give the same bytes and times.
    Virtual,
    /// Only [`Control::advance`](super::Control::advance) moves it.
    Manual,
    /// The clock on the wall.
    Wall,
    /// The clock on the wall, but nobody waits for a command in work: what it takes is skipped.
    Hurried,
}

/// A clock at work.
pub(super) struct Watch {
    /// `None`: virtual, until somebody else can speak on the line.
    pub(super) chosen: Option<Clock>,
    base: Time,
    since: Since,
}

enum Since {
    Never,
    Wall(Instant),
    #[cfg(feature = "tokio")]
    Tokio(tokio::time::Instant),
}

impl Watch {
    pub(super) fn new(chosen: Option<Clock>) -> Self {
        let since = match chosen {
            Some(Clock::Wall | Clock::Hurried) => Since::Wall(Instant::now()),
            _ => Since::Never,
        };
        Self { chosen, base: Time::ZERO, since }
    }

    /// From now on more than one thread has a say: unless a clock was chosen, it is the one on the wall.
    pub(super) fn settle(&mut self) {
        if self.chosen.is_none() {
            self.base = self.now();
            *self = Self { base: self.base, ..Self::new(Some(Clock::Hurried)) };
        }
    }

    #[cfg(feature = "tokio")]
    pub(super) fn follow_tokio(&mut self) {
        self.base = self.now();
        self.chosen = Some(Clock::Wall);
        self.since = Since::Tokio(tokio::time::Instant::now());
    }

    pub(super) fn kind(&self) -> Clock {
        self.chosen.unwrap_or(Clock::Virtual)
    }

    pub(super) fn now(&self) -> Time {
        let passed = match self.since {
            Since::Never => Duration::ZERO,
            Since::Wall(since) => since.elapsed(),
            #[cfg(feature = "tokio")]
            Since::Tokio(since) => since.elapsed(),
        };
        self.base.plus(of(passed))
    }

    /// Moves on to a time, where that is ahead.
    pub(super) fn skip_to(&mut self, time: Time) {
        let ahead = time.since(self.now());
        self.base = self.base.plus(ahead);
    }
}

/// A duration in the module's own units; saturates.
pub(super) fn of(duration: Duration) -> Time {
    Time::from_nanos(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
}

/// How long it is from one time to another.
pub(super) fn between(from: Time, to: Time) -> Duration {
    Duration::from_nanos(to.since(from).as_nanos())
}
