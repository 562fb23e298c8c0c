//! When the bytes of one sender came: the times of those that no event has yet.
//!
//! Asked in the order of the stream; what is behind is forgotten. Nearly always one time holds for all of them.

use std::collections::VecDeque;

use crate::Time;

/// The times of a sender's bytes, from the first one without an event on.
#[derive(Debug, Default)]
pub(super) struct Clock {
    /// From this place on …
    since: u64,
    /// … this time holds, …
    time: Option<Time>,
    /// … up to the first of these places.
    later: VecDeque<(u64, Option<Time>)>,
}

impl Clock {
    /// The bytes from `at` on came at `time`; `alone`: none waits ahead of them.
    #[inline]
    pub(super) fn stamp(&mut self, at: u64, time: Option<Time>, alone: bool) {
        if alone {
            if !self.later.is_empty() {
                self.later.clear();
            }
            (self.since, self.time) = (at, time);
        } else if self.later.back().map_or(self.time, |last| last.1) != time {
            self.later.push_back((at, time));
        }
    }

    /// Whether one time holds for all that waits.
    #[inline]
    pub(super) fn is_still(&self) -> bool {
        self.later.is_empty()
    }

    /// Time of a byte; what came ahead of it is forgotten.
    #[inline]
    pub(super) fn time_at(&mut self, offset: u64) -> Option<Time> {
        while let Some(next) = self.later.front().filter(|next| next.0 <= offset) {
            (self.since, self.time) = *next;
            self.later.pop_front();
        }
        self.time
    }

    /// Time of a byte further on.
    #[inline]
    pub(super) fn time_ahead(&self, offset: u64) -> Option<Time> {
        let at = self.later.partition_point(|entry| entry.0 <= offset);
        match at.checked_sub(1) {
            Some(at) => self.later.get(at).and_then(|entry| entry.1),
            None if self.since <= offset => self.time,
            None => None,
        }
    }
}
