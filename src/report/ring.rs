//! The last events, kept for findings that come after them. Bounded: so many events, so many bytes of each.

use crate::session::Event;
use crate::{Sender, Time};

/// Events that are remembered.
const KEPT: usize = 256;

/// Bytes of an event that are remembered.
const BYTES: usize = 1024;

/// What is remembered of an event.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    seq: u64,
    pub(super) from: Sender,
    pub(super) time: Option<Time>,
    pub(super) offset: u64,
    pub(super) exchange: Option<u64>,
    /// How many bytes it has.
    pub(super) len: u64,
    /// Its first bytes.
    pub(super) bytes: Vec<u8>,
    /// Whether these are all.
    pub(super) whole: bool,
}

/// The last events of a session.
#[derive(Clone, Debug, Default)]
pub(super) struct Ring {
    slots: Vec<Kept>,
}

impl Ring {
    /// Remembers an event; buffers are used again.
    pub(super) fn push(&mut self, event: &Event<'_>) {
        let bytes = event.bytes.get(..BYTES).unwrap_or(event.bytes);
        let whole = bytes.len() == event.bytes.len();
        let at = (event.seq % KEPT as u64) as usize;
        match self.slots.get_mut(at) {
            Some(slot) => {
                slot.bytes.clear();
                slot.bytes.extend_from_slice(bytes);
                let bytes = std::mem::take(&mut slot.bytes);
                *slot = Kept { bytes, ..Self::kept(event, whole) };
            }
            None => self.slots.push(Kept { bytes: bytes.to_vec(), ..Self::kept(event, whole) }),
        }
    }

    fn kept(event: &Event<'_>, whole: bool) -> Kept {
        let Event { seq, from, time, offset, exchange, .. } = *event;
        Kept { seq, from, time, offset, exchange, len: event.bytes.len() as u64, bytes: Vec::new(), whole }
    }

    /// The event of that number, if it is still remembered.
    pub(super) fn find(&self, seq: u64) -> Option<&Kept> {
        self.slots.get((seq % KEPT as u64) as usize).filter(|slot| slot.seq == seq)
    }
}
