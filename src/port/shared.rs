//! The line behind its lock, and those who wait for it: threads, tasks, and drivers that look again and again.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

use super::clock::{Clock, between, of};
use super::line::Line;
use crate::Time;

/// How often a world with real sockets is asked.
const LIVE: Duration = Duration::from_millis(5);

/// How long a read without a timeout waits by the virtual clock.
const PATIENCE: Time = Time::from_millis(3_600_000);

/// What a look for bytes costs where there are none: a driver that looks again and again lets time pass.
#[cfg(feature = "embedded-io")]
const LOOK: u64 = 1;

/// The line, and what wakes those who wait for it.
pub(super) struct Shared {
    line: Mutex<Line>,
    changed: Condvar,
}

/// What a task finds that looks for bytes.
#[cfg(any(feature = "embedded-io-async", feature = "tokio"))]
pub(super) enum Look {
    Done(io::Result<usize>),
    /// Nothing; there is something to look for after so long, if that is known.
    Wait(Option<Duration>),
}

impl Shared {
    pub(super) fn new(line: Line) -> Arc<Self> {
        Arc::new(Self { line: Mutex::new(line), changed: Condvar::new() })
    }

    /// The line; a thread that panicked while it held it left nothing half done that matters to a test.
    pub(super) fn lock(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells all who wait that something changed.
    pub(super) fn notify(&self, mut line: MutexGuard<'_, Line>) {
        let wakers = std::mem::take(&mut line.wakers);
        drop(line);
        self.changed.notify_all();
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Waits until something changes, or for so long.
    pub(super) fn wait<'l>(&self, line: MutexGuard<'l, Line>, time: Option<Duration>) -> MutexGuard<'l, Line> {
        match time {
            Some(time) => match self.changed.wait_timeout(line, time) {
                Ok((line, _)) => line,
                Err(poisoned) => poisoned.into_inner().0,
            },
            None => self.changed.wait(line).unwrap_or_else(PoisonError::into_inner),
        }
    }

    /// Bytes for the driver; waits for them as the clock has it.
    pub(super) fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        let mut line = self.lock();
        if line.has_others() {
            line.watch.settle();
        }
        // A module that is at work for itself and says nothing is not waited for for ever.
        let patience = line.watch.now().plus(PATIENCE);
        let deadline = line.timeout.map(|timeout| line.watch.now().plus(of(timeout)));
        loop {
            line.pump();
            if let Some(len) = line.take(buf) {
                return Ok(len);
            }
            line.sound()?;
            let now = line.watch.now();
            if deadline.is_some_and(|deadline| deadline <= now) {
                return Err(timed_out("nothing came in time"));
            }
            let wake = line.wake();
            let others = line.has_others();
            match line.watch.kind() {
                Clock::Virtual => match (wake, deadline) {
                    (Some(wake), deadline) if wake <= deadline.unwrap_or(patience) => line.step_to(wake),
                    (_, Some(deadline)) => line.watch.skip_to(deadline),
                    (None, _) if others => line = self.wait(line, None),
                    _ => return Err(timed_out("the module says nothing more until the host does")),
                },
                Clock::Manual if others => line = self.wait(line, None),
                Clock::Manual => {
                    return Err(io::Error::new(io::ErrorKind::WouldBlock, "nothing is due, and the clock stands"));
                }
                Clock::Hurried if line.is_busy() && wake.is_some() => line.step_to(wake.unwrap_or(now)),
                Clock::Hurried | Clock::Wall => {
                    let mut limit = [wake, deadline].into_iter().flatten().min().map(|at| between(now, at));
                    if line.is_live() {
                        limit = Some(limit.map_or(LIVE, |limit| limit.min(LIVE)));
                    }
                    if limit.is_none() && !others {
                        return Err(timed_out("the module says nothing more until the host does"));
                    }
                    line = self.wait(line, limit);
                }
            }
        }
    }

    /// As [`read`](Self::read), without waiting; whoever holds the waker is told of what changes.
    #[cfg(any(feature = "embedded-io-async", feature = "tokio"))]
    pub(super) fn look(&self, waker: &std::task::Waker, buf: &mut [u8]) -> Look {
        if buf.is_empty() {
            return Look::Done(Ok(0));
        }
        let mut line = self.lock();
        loop {
            line.pump();
            if let Some(len) = line.take(buf) {
                return Look::Done(Ok(len));
            }
            if let Err(error) = line.sound() {
                return Look::Done(Err(error));
            }
            let (kind, wake) = (line.watch.kind(), line.wake());
            match wake {
                Some(wake) if kind == Clock::Virtual || kind == Clock::Hurried && line.is_busy() => line.step_to(wake),
                _ => break,
            }
        }
        line.enlist(waker);
        let mut limit = line.wake().map(|wake| between(line.watch.now(), wake));
        if line.is_live() {
            limit = Some(limit.map_or(LIVE, |limit| limit.min(LIVE)));
        }
        Look::Wait(limit.filter(|_| matches!(line.watch.kind(), Clock::Hurried | Clock::Wall)))
    }

    /// Wakes all who wait after so long, where no runtime does.
    #[cfg(feature = "embedded-io-async")]
    pub(super) fn alarm(self: &Arc<Self>, time: Duration) {
        let at = std::time::Instant::now() + time;
        let mut line = self.lock();
        if line.alarm.is_some_and(|alarm| alarm <= at) {
            return;
        }
        line.alarm = Some(at);
        let shared = Arc::downgrade(self);
        std::thread::spawn(move || {
            std::thread::sleep(time);
            if let Some(shared) = shared.upgrade() {
                let mut line = shared.lock();
                line.alarm = None;
                shared.notify(line);
            }
        });
    }

    /// Whether a read would give something at once.
    #[cfg(feature = "embedded-io")]
    pub(super) fn ready(&self) -> io::Result<bool> {
        let mut line = self.lock();
        if line.has_others() {
            line.watch.settle();
        }
        line.pump();
        while line.due.is_empty() {
            line.sound()?;
            let wake = line.wake();
            match (line.watch.kind(), wake) {
                (Clock::Virtual | Clock::Hurried, Some(wake)) if line.is_busy() => line.step_to(wake),
                (Clock::Virtual, _) => {
                    let now = line.watch.now();
                    line.watch.skip_to(now.plus(Time::from_millis(LOOK)));
                    line.pump();
                    break;
                }
                _ => break,
            }
            line.pump();
        }
        Ok(!line.due.is_empty())
    }

    /// Bytes of the driver.
    pub(super) fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut line = self.lock();
        line.pump();
        line.sound()?;
        line.send(bytes);
        self.notify(line);
        Ok(bytes.len())
    }
}

fn timed_out(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, why)
}
