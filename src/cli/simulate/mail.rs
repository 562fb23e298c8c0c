//! Between the threads that wait for the line and the one that runs the module: bytes come in by [`Mailbox`], go out by [`Outbox`].
//!
//! Both are bounded. A full mailbox holds its reader up, so that the line's own flow control holds the host up; a full outbox loses what
//! comes, or says that it is full, as its owner wants it: the module never waits for a host that does not read.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Bytes that wait in a mailbox before its reader waits: few, so that little of what a flood left behind is still answered when it is over.
const INPUT: usize = 4096;

/// Bytes that wait in an outbox.
const OUTPUT: usize = 1 << 20;

/// What comes from the line.
#[derive(Debug, PartialEq, Eq)]
#[cfg_attr(not(unix), allow(dead_code))] // only a terminal is opened and closed
pub(in crate::cli) enum Incoming {
    Bytes(Vec<u8>),
    /// Somebody opened the line.
    Opened,
    /// Nobody has it open any more.
    Closed,
    /// The host sends no more.
    End,
    /// There is nobody to speak to any more, or the line is broken.
    Gone,
}

/// Why waiting ended.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::cli) enum Taken {
    Incoming(Incoming),
    /// The time is up, or something happened elsewhere.
    Nothing,
    /// The user wants the end.
    Stop,
}

#[derive(Debug, Default)]
struct Inside {
    queue: VecDeque<Incoming>,
    bytes: usize,
    nudged: bool,
    stopped: bool,
}

/// See the module's head.
#[derive(Debug, Default)]
pub(in crate::cli) struct Mailbox {
    inside: Mutex<Inside>,
    came: Condvar,
    room: Condvar,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing is left half done by a panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Mailbox {
    /// Hands in what came; waits for room. `false`: nobody takes it any more.
    pub(in crate::cli) fn push(&self, incoming: Incoming) -> bool {
        let mut inside = lock(&self.inside);
        while inside.bytes >= INPUT && !inside.stopped {
            inside = self.room.wait(inside).unwrap_or_else(PoisonError::into_inner);
        }
        if inside.stopped {
            return false;
        }
        if let Incoming::Bytes(bytes) = &incoming {
            inside.bytes += bytes.len();
        }
        inside.queue.push_back(incoming);
        self.came.notify_one();
        true
    }

    /// Something happened that the module may want to see.
    pub(in crate::cli) fn nudge(&self) {
        lock(&self.inside).nudged = true;
        self.came.notify_one();
    }

    /// The end.
    pub(in crate::cli) fn stop(&self) {
        lock(&self.inside).stopped = true;
        self.came.notify_one();
        self.room.notify_all();
    }

    pub(in crate::cli) fn is_stopped(&self) -> bool {
        lock(&self.inside).stopped
    }

    /// Waits for the next thing, at most so long (`None`: as long as it takes); what came is taken only where `hungry`.
    pub(in crate::cli) fn take(&self, patience: Option<Duration>, hungry: bool) -> Taken {
        let until = patience.map(|patience| Instant::now() + patience);
        let mut inside = lock(&self.inside);
        loop {
            if inside.stopped {
                return Taken::Stop;
            }
            if hungry && let Some(incoming) = inside.queue.pop_front() {
                if let Incoming::Bytes(bytes) = &incoming {
                    inside.bytes -= bytes.len();
                    self.room.notify_one();
                }
                return Taken::Incoming(incoming);
            }
            if std::mem::take(&mut inside.nudged) {
                return Taken::Nothing;
            }
            inside = match until {
                None => self.came.wait(inside).unwrap_or_else(PoisonError::into_inner),
                Some(until) => {
                    let left = until.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Taken::Nothing;
                    }
                    self.came.wait_timeout(inside, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }
}

#[derive(Debug, Default)]
struct Waiting {
    bytes: VecDeque<u8>,
    /// The writer has bytes in hand.
    writing: bool,
    closed: bool,
    broken: bool,
}

/// See the module's head.
#[derive(Debug, Default)]
pub(in crate::cli) struct Outbox {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

impl Outbox {
    /// Puts bytes in, all of them or none; `false`: none, there is no room.
    pub(in crate::cli) fn put(&self, bytes: &[u8]) -> bool {
        let mut waiting = lock(&self.waiting);
        let fits = waiting.bytes.len() + bytes.len() <= OUTPUT;
        if fits && !waiting.broken {
            waiting.bytes.extend(bytes);
            self.changed.notify_all();
        }
        fits
    }

    /// Whether it holds so much that the host should be held up.
    pub(in crate::cli) fn is_heavy(&self) -> bool {
        lock(&self.waiting).bytes.len() > OUTPUT / 4
    }

    /// Throws away what waits.
    pub(in crate::cli) fn clear(&self) {
        lock(&self.waiting).bytes.clear();
        self.changed.notify_all();
    }

    /// No more comes; waits until all is written, at most so long (`None`: as long as it takes, but no longer than until `stop`).
    pub(in crate::cli) fn close(&self, patience: Option<Duration>, stop: impl Fn() -> bool) {
        const LOOK: Duration = Duration::from_millis(50);
        let until = patience.map(|patience| Instant::now() + patience);
        let mut waiting = lock(&self.waiting);
        waiting.closed = true;
        self.changed.notify_all();
        while (waiting.writing || !waiting.bytes.is_empty()) && !waiting.broken {
            if until.is_some_and(|until| Instant::now() >= until) || stop() {
                return;
            }
            waiting = self.changed.wait_timeout(waiting, LOOK).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Writes what is put in until it is closed and empty. Bytes that `passes` says of their error are lost, others end it.
    ///
    /// # Errors
    /// The first error that does not pass.
    pub(in crate::cli) fn write_to(&self, out: &mut dyn Write, passes: impl Fn(&io::Error) -> bool) -> io::Result<()> {
        let mut piece = Vec::new();
        loop {
            {
                let mut waiting = lock(&self.waiting);
                waiting.writing = false;
                self.changed.notify_all();
                while waiting.bytes.is_empty() {
                    if waiting.closed {
                        return Ok(());
                    }
                    waiting = self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
                }
                piece.clear();
                piece.extend(waiting.bytes.drain(..));
                waiting.writing = true;
            }
            match out.write_all(&piece).and_then(|()| out.flush()) {
                Err(error) if !passes(&error) => {
                    let mut waiting = lock(&self.waiting);
                    waiting.broken = true;
                    waiting.writing = false;
                    waiting.bytes.clear();
                    self.changed.notify_all();
                    return Err(error);
                }
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::sync::Arc;

    #[test]
    fn a_full_mailbox_holds_its_reader_up() {
        let mailbox = Arc::new(Mailbox::default());
        let own = Arc::clone(&mailbox);
        let reader = std::thread::spawn(move || {
            (0..100).map(|_| own.push(Incoming::Bytes(vec![0; 512]))).filter(|kept| *kept).count()
        });
        assert_eq!(mailbox.take(Some(Duration::from_millis(20)), false), Taken::Nothing);
        while lock(&mailbox.inside).bytes < INPUT {
            std::thread::yield_now();
        }
        for _ in 0..3 {
            assert!(matches!(mailbox.take(None, true), Taken::Incoming(Incoming::Bytes(_))));
        }
        mailbox.stop();
        assert!(reader.join().unwrap() < 20);
        assert_eq!(mailbox.take(None, true), Taken::Stop);
    }

    #[test]
    fn a_full_outbox_takes_no_more_and_forgets_nothing() {
        let outbox = Outbox::default();
        let mut put = 0;
        while outbox.put(&[7; 4096]) {
            put += 4096;
        }
        assert_eq!(put, OUTPUT);
        outbox.close(Some(Duration::ZERO), || false);
        let mut out = Vec::new();
        outbox.write_to(&mut out, |_| false).unwrap();
        assert_eq!(out.len(), OUTPUT);
    }
}
