//! One channel of a recording on its way from changes to bytes.

use super::detect::Given;
use super::receive::{Byte, Faults};
use super::track::Tracker;
use super::{Change, Channel, Level};
use crate::Time;
use crate::direction::Role;

/// Bytes of a line that a survey shows.
const SHOWN: usize = 64;

/// A channel.
pub(super) struct Lane {
    pub(super) channel: Channel,
    /// Nanoseconds of a tick, if that is a whole number; else 0.
    pub(super) nanos: u64,
    pub(super) given: Given,
    /// Left out by the user.
    pub(super) muted: bool,
    pub(super) start: Option<Change>,
    pub(super) tracker: Option<Box<Tracker>>,
    pub(super) until: u64,
    pub(super) bytes: Vec<Byte>,
    /// Of `bytes`, those that are passed on.
    pub(super) done: usize,
    pub(super) role: Option<(u32, Role)>,
    pub(super) edges: u64,
    pub(super) busy: u64,
    pub(super) count: u64,
    pub(super) faults: [u64; 3],
    pub(super) first: Vec<u8>,
}

impl Lane {
    pub(super) fn new(channel: Channel) -> Self {
        let second = channel.clock.secs.saturating_mul(1_000_000_000);
        let ticks = channel.clock.ticks.max(1);
        Self {
            channel,
            nanos: if second.is_multiple_of(ticks) { second / ticks } else { 0 },
            given: Given { baud: None, format: None, inverted: None, sure: false },
            muted: false,
            start: None,
            tracker: None,
            until: 0,
            bytes: Vec::new(),
            done: 0,
            role: None,
            edges: 0,
            busy: 0,
            count: 0,
            faults: [0; 3],
            first: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, mut changes: &[Change], until: u64) {
        self.until = self.until.max(until);
        if self.start.is_none() {
            let Some((&start, rest)) = changes.split_first() else { return };
            self.start = Some(start);
            changes = rest;
        }
        self.edges = self.edges.saturating_add(changes.len() as u64);
        if self.muted {
            return;
        }
        if self.tracker.is_none() && !changes.is_empty() {
            let start = self.start.unwrap_or(Change { at: 0, level: Level::Unknown });
            self.tracker = Some(Box::new(Tracker::new(self.channel.clock, self.given, start)));
        }
        if let Some(tracker) = &mut self.tracker {
            tracker.push(changes, self.until, &mut self.bytes);
        }
    }

    /// The time of a tick.
    #[inline]
    pub(super) fn time(&self, tick: u64) -> Time {
        match tick.checked_mul(self.nanos) {
            Some(nanos) if self.nanos > 0 => Time::from_nanos(nanos),
            _ => self.channel.clock.time(tick),
        }
    }

    /// The time of the next byte that waits.
    pub(super) fn head(&self) -> Option<Time> {
        self.bytes.get(self.done).map(|byte| self.time(byte.at))
    }

    /// The time before which all bytes are known.
    pub(super) fn settled(&self) -> Time {
        let tick = self.tracker.as_ref().map_or(self.until, |tracker| tracker.settled());
        self.time(tick)
    }

    pub(super) fn waiting(&self) -> usize {
        self.bytes.len() - self.done
    }

    /// Keeps account of a byte that is passed on.
    pub(super) fn account(&mut self, byte: &Byte) {
        self.busy = self.busy.saturating_add(byte.end.saturating_sub(byte.at));
        if !byte.faults.is_none() {
            let kinds = [Faults::BREAK, Faults::FRAMING, Faults::PARITY];
            for (count, kind) in self.faults.iter_mut().zip(kinds) {
                *count += u64::from(byte.faults.has(kind));
            }
        }
        if !byte.faults.has(Faults::EMPTY) {
            self.count += 1;
            if self.first.len() < SHOWN {
                self.first.push(byte.value as u8);
            }
        }
    }
}
