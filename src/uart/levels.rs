//! Changes of logic levels over time: what readers of logic captures give and the recovery of bytes takes.

use crate::Time;

/// What a line shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// A logic 0: a start bit, or a break, of a line that is not inverted.
    Low,
    /// A logic 1: the idle state of a line that is not inverted.
    High,
    /// The recording does not say: a gap, or `x` and `z` of a simulation.
    Unknown,
}

/// A line takes another level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// When, in ticks of the channel's [`Clock`].
    pub at: u64,
    /// The level from then on.
    pub level: Level,
}

/// How long a tick is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// Ticks in [`Self::secs`] seconds, not 0: the samplerate in Hz, or what the timescale makes of it.
    pub ticks: u64,
    /// Seconds that they take, not 0: 1 except for ticks longer than a second.
    pub secs: u64,
}

impl Clock {
    /// Of a samplerate in Hz; `None` for 0.
    pub const fn of_rate(hertz: u64) -> Option<Self> {
        if hertz == 0 { None } else { Some(Self { ticks: hertz, secs: 1 }) }
    }

    /// Ticks in a second.
    pub fn rate(self) -> f64 {
        self.ticks as f64 / self.secs as f64
    }

    /// The time of a tick, rounded down to nanoseconds; the last time there is for one beyond it.
    pub fn time(self, tick: u64) -> Time {
        let ticks = self.ticks.max(1);
        // Nearly always it fits, and the wide division costs as much as a byte's recovery.
        if let Some(nanos) = self.secs.checked_mul(1_000_000_000).and_then(|nanos| nanos.checked_mul(tick)) {
            return Time::from_nanos(nanos / ticks);
        }
        let nanos = u128::from(tick) * u128::from(self.secs) * 1_000_000_000 / u128::from(ticks);
        Time::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// The first tick that is not before a time; the last one there is for a time beyond it.
    pub fn tick(self, time: Time) -> u64 {
        let unit = 1_000_000_000 * u128::from(self.secs.max(1));
        let tick = (u128::from(time.as_nanos()) * u128::from(self.ticks)).div_ceil(unit);
        u64::try_from(tick).unwrap_or(u64::MAX)
    }
}

/// A recorded line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    /// As the recording calls it (`D0`, `TX`, `top.uart.rx`); unique in the recording.
    pub name: String,
    /// Its ticks; channels of one recording may differ where several devices recorded it.
    pub clock: Clock,
}

/// The next stretch of a recording: the changes of every channel up to a point in time.
///
/// Readers fill one again and again and bound its size; a channel's first change is its level at the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Levels {
    /// By channel, in the order of the reader's channels: its changes, in order of time, each to another level than the
    /// one before (also across stretches).
    pub changes: Vec<Vec<Change>>,
    /// By channel: the tick up to which (exclusive) its changes are all told.
    pub until: Vec<u64>,
}

impl Levels {
    /// For so many channels.
    pub fn new(channels: usize) -> Self {
        Self { changes: vec![Vec::new(); channels], until: vec![0; channels] }
    }

    /// Forgets the changes and keeps the room; `until` stays.
    pub fn clear(&mut self) {
        for changes in &mut self.changes {
            changes.clear();
        }
    }
}
