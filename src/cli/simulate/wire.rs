//! The wire between host and module: bytes take the time on it that the speed takes, or none.

use std::collections::VecDeque;

use crate::Time;

/// Bits of a byte on the line, with start and stop bit.
const BITS: u64 = 10;

/// Bytes that travel together at high speeds: as many as pass in this time, in nanoseconds. No clock wakes anybody more often.
const STEP: u64 = 1_000_000;

/// One direction.
#[derive(Debug)]
pub(super) struct Wire {
    /// Nanoseconds of a byte that is put on from now on; 0: none.
    byte: u64,
    queue: VecDeque<Piece>,
    waiting: usize,
    /// When the newest byte was through.
    free: Time,
}

#[derive(Debug)]
struct Piece {
    /// When it was put on.
    from: Time,
    bytes: Vec<u8>,
    /// Nanoseconds of a byte.
    byte: u64,
    through: usize,
    begun: bool,
}

/// What comes out at the end of the wire.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Through {
    pub(super) bytes: Vec<u8>,
    /// The whole piece and when its first byte went on the wire, where this is its first part.
    pub(super) begins: Option<(Time, Vec<u8>)>,
}

impl Wire {
    /// At so many bits in a second, or at once.
    pub(super) fn new(baud: Option<u32>) -> Self {
        let mut wire = Self { byte: 0, queue: VecDeque::new(), waiting: 0, free: Time::ZERO };
        baud.into_iter().for_each(|baud| wire.set_baud(baud));
        wire
    }

    /// What is put on from now on travels at so many bits in a second.
    pub(super) fn set_baud(&mut self, baud: u32) {
        self.byte = BITS * 1_000_000_000 / u64::from(baud.max(1));
    }

    /// Puts a piece on the wire.
    pub(super) fn put(&mut self, from: Time, bytes: Vec<u8>) {
        self.waiting += bytes.len();
        self.queue.push_back(Piece { from, bytes, byte: self.byte, through: 0, begun: false });
    }

    /// Bytes that are on their way.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// What is through by now; ask until it is `None`.
    pub(super) fn take(&mut self, now: Time) -> Option<Through> {
        let piece = self.queue.front_mut()?;
        let start = if piece.begun { self.free } else { self.free.max(piece.from) };
        let left = piece.bytes.len() - piece.through;
        let count = match piece.byte {
            0 => left,
            byte => usize::try_from(now.since(start).as_nanos() / byte).unwrap_or(left).min(left),
        };
        if count == 0 && left > 0 {
            return None;
        }
        let begins = (!piece.begun).then(|| (start, piece.bytes.clone()));
        piece.begun = true;
        let bytes = piece.bytes.get(piece.through..piece.through + count).unwrap_or_default().to_vec();
        piece.through += count;
        self.free = start.plus(Time::from_nanos(count as u64 * piece.byte));
        self.waiting -= count;
        if piece.through >= piece.bytes.len() {
            self.queue.pop_front();
        }
        Some(Through { bytes, begins })
    }

    /// When there is something to take.
    pub(super) fn wake(&self) -> Option<Time> {
        let piece = self.queue.front()?;
        let start = if piece.begun { self.free } else { self.free.max(piece.from) };
        let left = (piece.bytes.len() - piece.through) as u64;
        let step = (STEP / piece.byte.max(1)).clamp(1, left.max(1));
        Some(start.plus(Time::from_nanos(step * piece.byte)))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Everything with the time at which it was through, in microseconds.
    fn all(wire: &mut Wire) -> Vec<(u64, usize, Option<u64>)> {
        let mut all = Vec::new();
        while let Some(wake) = wire.wake() {
            while let Some(through) = wire.take(wake) {
                let begins = through.begins.map(|(time, _)| time.as_nanos() / 1000);
                all.push((wake.as_nanos() / 1000, through.bytes.len(), begins));
            }
        }
        all
    }

    #[test]
    fn a_byte_takes_ten_bits() {
        let mut wire = Wire::new(Some(1000));
        wire.put(Time::from_millis(5), b"ab".to_vec());
        wire.put(Time::from_millis(6), b"c".to_vec());
        wire.put(Time::from_millis(90), b"d".to_vec());
        assert_eq!(
            all(&mut wire),
            [(15_000, 1, Some(5000)), (25_000, 1, None), (35_000, 1, Some(25_000)), (100_000, 1, Some(90_000))]
        );
        assert_eq!(wire.waiting(), 0);
    }

    #[test]
    fn another_speed_is_that_of_what_comes_next() {
        let mut wire = Wire::new(Some(1000));
        wire.put(Time::ZERO, b"a".to_vec());
        wire.set_baud(10_000);
        wire.put(Time::ZERO, b"b".to_vec());
        assert_eq!(all(&mut wire), [(10_000, 1, Some(0)), (11_000, 1, Some(10_000))]);
    }

    #[test]
    fn fast_lines_carry_many_bytes_in_a_step() {
        let mut wire = Wire::new(Some(1_000_000));
        wire.put(Time::ZERO, vec![0; 250]);
        assert_eq!(all(&mut wire), [(1000, 100, Some(0)), (2000, 100, None), (2500, 50, None)]);
    }

    #[test]
    fn without_a_speed_nothing_takes_time() {
        let mut wire = Wire::new(None);
        wire.put(Time::from_millis(5), b"ab".to_vec());
        assert_eq!(all(&mut wire), [(5000, 2, Some(5000))]);
    }
}
