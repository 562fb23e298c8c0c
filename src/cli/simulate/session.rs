//! One conversation: a module, the wire to its host, and the clock that moves both on.
//!
//! Sleeps until the module has something to do, bytes are through, or something comes. Never waits for a host that does not read.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::mail::{Incoming, Mailbox, Outbox, Taken};
use super::monitor::Monitor;
use super::record::Track;
use super::wire::Wire;
use crate::cli::failure::Failure;
use crate::module::Module;
use crate::module::faults::Faults;
use crate::{Sender, Time};

/// Bytes that the module has not worked on yet: from here on the host is held up.
const PENDING: usize = 2048;

/// Bytes on the wire from which on the module keeps what it has to say.
const ON_THE_WIRE: usize = 256 * 1024;

/// After the end of the input: how far ahead things are still waited for, and how long at most.
const AHEAD: Time = Time::from_millis(10_000);
const AT_MOST: Time = Time::from_millis(60_000);

/// Silence after which half a line goes into the recording, too.
const IDLE: Duration = Duration::from_millis(100);

/// A virtual clock jumps no farther ahead of the newest input than this, before it takes the next.
const HORIZON: Time = Time::from_millis(10_000);

/// The time of a conversation.
pub(super) enum Clock {
    Real(Instant),
    /// It stands where it is, and jumps.
    Virtual(Time),
}

impl Clock {
    fn now(&self) -> Time {
        match self {
            Self::Real(since) => Time::from_nanos(u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX)),
            Self::Virtual(now) => *now,
        }
    }
}

/// How a line behaves.
#[derive(Clone, Copy, Debug)]
pub(super) struct Manners {
    /// A host that does not read is held up, rather than losing what it does not read.
    pub(super) holds: bool,
    /// What the host sends before the module is up waits for it.
    pub(super) patient: bool,
}

/// Tells the user something.
pub(super) type Tell = Arc<dyn Fn(Level, &str) + Send + Sync>;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    Error,
    Warning,
    Note,
    /// As it is.
    Plain,
}

/// See the module's head.
pub(super) struct Session {
    pub(super) module: Module,
    pub(super) faults: Faults,
    pub(super) mailbox: Arc<Mailbox>,
    pub(super) outbox: Arc<Outbox>,
    pub(super) clock: Clock,
    pub(super) manners: Manners,
    /// The speed until the host sets another one; `None`: the line takes no time.
    pub(super) baud: Option<u32>,
    pub(super) to_module: Wire,
    pub(super) to_host: Wire,
    pub(super) track: Option<Track>,
    pub(super) monitor: Option<Monitor>,
    pub(super) tell: Tell,
    pub(super) state: State,
}

/// What a session remembers of its line.
#[derive(Debug, Default)]
pub(super) struct State {
    /// Nobody has the line open: what is said is lost.
    pub(super) deaf: bool,
    /// The host sends no more, since when.
    ended: Option<Time>,
    /// The newest input, for a virtual clock.
    newest: Time,
    /// What is waiting to be heard, by lines (virtual clock).
    unheard: Vec<u8>,
    /// What is through to the host, and in no recording yet.
    ready: Vec<Vec<u8>>,
    lost: u64,
    lost_told: bool,
    overrun_told: bool,
    off_told: bool,
    /// The recording holds half a line.
    half: bool,
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// The host sends no more, and all that was due was said.
    Input,
    /// There is nobody there any more.
    Gone,
    /// The user wanted it.
    Stopped,
}

impl Session {
    /// Runs it to its end.
    pub(super) fn run(&mut self) -> Ended {
        let mut idle_since: Option<Instant> = None;
        let ended = loop {
            let now = self.clock.now();
            let moved = self.advance(now);
            if moved {
                idle_since = None;
            }
            if let Some(over) = self.over(now) {
                break over;
            }
            let wake = self.wake();
            if let Clock::Virtual(time) = &mut self.clock {
                let horizon = match self.state.ended {
                    Some(ended) => ended.plus(AT_MOST),
                    None => self.state.newest.plus(HORIZON),
                };
                match wake {
                    Some(wake) if wake <= horizon && (moved || wake > *time) => {
                        *time = wake.max(*time);
                        continue;
                    }
                    _ if !self.state.unheard.is_empty() => {
                        self.hear_line(now);
                        continue;
                    }
                    _ => {}
                }
            }
            let mut patience = match self.clock {
                Clock::Virtual(_) => None,
                // What is due and does not move anything must not be asked for again at once.
                Clock::Real(_) => wake.map(|wake| match Duration::from_nanos(wake.since(now).as_nanos()) {
                    Duration::ZERO if !moved => Duration::from_millis(1),
                    patience => patience,
                }),
            };
            if self.state.half {
                let since = *idle_since.get_or_insert_with(Instant::now);
                if since.elapsed() >= IDLE {
                    self.settle(true);
                } else {
                    patience = Some(patience.map_or(IDLE, |patience| patience.min(IDLE)));
                }
            }
            let mailbox = Arc::clone(&self.mailbox);
            match mailbox.take(patience, self.hungry()) {
                Taken::Stop => break Ended::Stopped,
                Taken::Nothing => {}
                Taken::Incoming(incoming) => {
                    let now = self.clock.now();
                    if !self.comes(now, incoming) {
                        break Ended::Gone;
                    }
                    idle_since = None;
                }
            }
        };
        self.finish(ended);
        ended
    }

    /// Whether what the host sends may come now.
    fn hungry(&self) -> bool {
        // Behind the end nothing comes but the news that nobody reads any more.
        if self.state.ended.is_some() {
            return true;
        }
        self.module.pending() < PENDING
            && self.to_module.waiting() < PENDING
            && self.state.unheard.is_empty()
            && (self.module.is_up() || !self.manners.patient)
            && !(self.manners.holds && self.outbox.is_heavy())
    }

    /// `false`: the other side is gone.
    fn comes(&mut self, now: Time, incoming: Incoming) -> bool {
        match incoming {
            Incoming::Bytes(bytes) => match self.clock {
                Clock::Virtual(_) => {
                    self.state.unheard = bytes;
                    self.hear_line(now);
                }
                Clock::Real(_) => self.to_module.put(now, bytes),
            },
            Incoming::Opened => self.state.deaf = false,
            Incoming::Closed => {
                self.state.deaf = true;
                self.outbox.clear();
            }
            Incoming::End => self.state.ended = Some(now),
            Incoming::Gone => return false,
        }
        true
    }

    /// By a virtual clock the host waits for what becomes of a line before it sends the next.
    fn hear_line(&mut self, now: Time) {
        // Hosts end lines with CR alone as well as with CR LF.
        let unheard = &self.state.unheard;
        let end = memchr::memchr2(b'\r', b'\n', unheard).map_or(unheard.len(), |at| {
            let both = unheard.get(at..at + 2) == Some(b"\r\n");
            at + 1 + usize::from(both)
        });
        let rest = self.state.unheard.split_off(end);
        let line = std::mem::replace(&mut self.state.unheard, rest);
        self.state.newest = now;
        self.to_module.put(now, line);
    }

    /// Does all that is due; `false`: nothing was.
    fn advance(&mut self, now: Time) -> bool {
        let mut moved = self.speak(now);
        while let Some(through) = self.to_module.take(now) {
            moved = true;
            if let Some((time, bytes)) = &through.begins {
                self.note(Sender::Host, *time, bytes);
            }
            if !self.module.is_up() && !std::mem::replace(&mut self.state.off_told, true) {
                (self.tell)(
                    Level::Warning,
                    "the host sends while the module boots: that is lost (--booted has it up from the start)",
                );
            }
            self.faults.receive(now, &through.bytes, &mut self.module);
            self.speak(now);
        }
        if self.module.lost() > 0 && !std::mem::replace(&mut self.state.overrun_told, true) {
            (self.tell)(Level::Warning, "the host sends more than the module takes in: that is lost");
        }
        self.hand_over();
        moved
    }

    /// Says what is due; `false`: nothing is.
    fn speak(&mut self, now: Time) -> bool {
        let mut moved = false;
        while self.to_host.waiting() < ON_THE_WIRE
            && let Some(chunk) = self.faults.poll(now, &mut self.module)
        {
            moved = true;
            self.to_host.put(chunk.time, chunk.bytes);
            // By a wire that takes no time all is through at once: what waits there stays short.
            self.deliver(now);
        }
        // What the host has set holds behind the result that told so.
        if let Some(usual) = self.baud {
            let baud = self.module.baud().unwrap_or(usual);
            self.to_host.set_baud(baud);
            self.to_module.set_baud(baud);
        }
        while let Some(fault) = self.faults.announced() {
            (self.tell)(Level::Plain, &fault.to_string());
        }
        self.deliver(now) || moved
    }

    fn deliver(&mut self, now: Time) -> bool {
        let mut moved = false;
        while let Some(through) = self.to_host.take(now) {
            moved = true;
            if let Some((time, bytes)) = &through.begins {
                self.note(Sender::Module, *time, bytes);
            }
            if !self.state.deaf {
                self.state.ready.push(through.bytes);
            }
        }
        moved
    }

    /// Hands to the host what is through; the recording has it before.
    fn hand_over(&mut self) {
        self.settle(false);
        for bytes in self.state.ready.drain(..) {
            if !self.outbox.put(&bytes) {
                self.state.lost += bytes.len() as u64;
                if !std::mem::replace(&mut self.state.lost_told, true) {
                    (self.tell)(Level::Warning, "the host does not read: what the module says is lost");
                }
            }
        }
    }

    /// When there is something to do, as far as is known.
    fn wake(&self) -> Option<Time> {
        let module = self.faults.wake(&self.module).filter(|_| self.to_host.waiting() < ON_THE_WIRE);
        [module, self.to_host.wake(), self.to_module.wake()].into_iter().flatten().min()
    }

    /// Whether all is said behind the end of the input.
    fn over(&self, now: Time) -> Option<Ended> {
        let ended = self.state.ended?;
        let due = match self.wake() {
            _ if !self.state.unheard.is_empty() => true,
            Some(wake) => wake <= now.plus(AHEAD) && wake <= ended.plus(AT_MOST),
            None => self.module.is_live() && now <= ended.plus(Time::from_millis(1000)),
        };
        (!due).then_some(Ended::Input)
    }

    /// Something is on the line.
    fn note(&mut self, from: Sender, time: Time, bytes: &[u8]) {
        if let Some(track) = &self.track {
            self.state.half = from == Sender::Host && !matches!(bytes.last(), Some(b'\r' | b'\n'));
            if let Err(Failure::Said(message)) = track.chunk(from, time, bytes) {
                (self.tell)(Level::Error, &format!("the recording ends here: {message}"));
            }
        }
        if let Some(monitor) = &mut self.monitor {
            monitor.chunk(from, time, bytes);
        }
    }

    /// Brings the recording up to date; half a line only where it stays one.
    fn settle(&mut self, half: bool) {
        if self.state.half && !half {
            return;
        }
        self.state.half = false;
        if let Some(track) = &self.track
            && let Err(Failure::Said(message)) = track.settle()
        {
            (self.tell)(Level::Error, &format!("the recording ends here: {message}"));
        }
    }

    fn finish(&mut self, ended: Ended) {
        if let Some(monitor) = &mut self.monitor {
            monitor.finish();
        }
        if let Some(track) = &self.track
            && let Err(Failure::Said(message)) = track.finish()
        {
            (self.tell)(Level::Error, &message);
        }
        if self.state.lost > 0 {
            let bytes = self.state.lost;
            (self.tell)(Level::Warning, &format!("the host did not read: {bytes} bytes of the module were lost"));
        }
        // Who reads gets all of it; who does not is not waited for.
        let patience = match (ended, self.manners.holds) {
            (Ended::Gone, _) => Some(Duration::ZERO),
            (Ended::Stopped, _) => Some(Duration::from_millis(200)),
            (Ended::Input, true) => None,
            (Ended::Input, false) => Some(Duration::from_secs(5)),
        };
        let mailbox = Arc::clone(&self.mailbox);
        self.outbox.close(patience, || ended == Ended::Input && mailbox.is_stopped());
    }
}
