//! Which events `decode` shows.

use super::args::Decode;
use crate::Time;
use crate::session::Event;

/// Which events are shown; nothing set: all.
#[derive(Clone, Debug, Default)]
pub(super) struct Filter {
    only: Vec<String>,
    exchange: Option<u64>,
    from: Option<Time>,
    to: Option<Time>,
}

impl Filter {
    pub(super) fn new(args: &Decode) -> Self {
        Self { only: args.only.clone(), exchange: args.exchange, from: args.from, to: args.to }
    }

    /// Whether an event is shown. With a limit of time, one without time is not.
    pub(super) fn shows(&self, event: &Event<'_>) -> bool {
        let in_time = |time: Time| self.from.is_none_or(|from| time >= from) && self.to.is_none_or(|to| time <= to);
        (self.only.is_empty() || self.only.iter().any(|kind| kind == event.kind.as_str()))
            && (self.exchange.is_none() || self.exchange == event.exchange)
            && ((self.from.is_none() && self.to.is_none()) || event.time.is_some_and(in_time))
    }

    /// Whether all are shown.
    pub(super) fn is_open(&self) -> bool {
        self.only.is_empty() && self.exchange.is_none() && self.from.is_none() && self.to.is_none()
    }
}
