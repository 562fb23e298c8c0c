//! The serial line itself: module, faults, script, clock and log, behind one lock. Who holds it sees a line that is up to date.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread::ThreadId;
use std::time::{Duration, Instant};

use super::clock::{Clock, Watch, between, of};
use super::log::Log;
use super::script::{Expected, Mismatch, Sent, Step};
use crate::module::Module;
use crate::module::faults::Faults;
use crate::{Sender, Time};

/// Things that the driver sent and that nobody asked for yet.
const SENT: usize = 1 << 16;

/// Longest line or data of the driver that is kept for [`super::Control::expect`].
const HEARD: usize = 1 << 20;

/// How often a world with real sockets is asked.
const LIVE: Duration = Duration::from_millis(5);

/// What a look for bytes costs where there are none: a driver that looks again and again lets time pass.
const LOOK: u64 = 1;

/// The line, and what wakes those who wait for it.
pub(super) struct Shared {
    line: Mutex<Line>,
    changed: Condvar,
}

/// An answer in place of the module's own.
pub(super) struct Override {
    pub(super) pattern: String,
    pub(super) lines: Vec<String>,
}

/// See the module's head.
pub(super) struct Line {
    pub(super) module: Option<Module>,
    pub(super) faults: Faults,
    pub(super) watch: Watch,
    pub(super) log: Log,
    pub(super) timeout: Option<Duration>,
    pub(super) overrides: Vec<Override>,
    /// Steps of a script; `None`: there is none, and nothing that is sent is wrong.
    pub(super) steps: Option<VecDeque<Step>>,
    /// What the script says, at its time.
    pub(super) agenda: BTreeMap<(Time, u64), Vec<u8>>,
    entries: u64,
    /// When what the script says next goes out.
    cursor: Time,
    /// Pieces on their way to the driver; one read takes of one only.
    due: VecDeque<VecDeque<u8>>,
    /// A line or data of the driver that is not whole yet.
    heard: Vec<u8>,
    hears_data: bool,
    after_cr: bool,
    pub(super) sent: VecDeque<Sent>,
    pub(super) wrong: Option<Mismatch>,
    pub(super) unplugged: bool,
    /// Handles of the driver: the port, or its halves.
    pub(super) ends: usize,
    /// The thread that scripts.
    pub(super) controller: Option<ThreadId>,
    pub(super) split: bool,
    wakers: Vec<Waker>,
    alarm: Option<Instant>,
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
                    (Some(wake), deadline) if deadline.is_none_or(|deadline| wake <= deadline) => line.step_to(wake),
                    (_, Some(deadline)) => line.watch.skip_to(deadline),
                    (None, None) if others => line = self.wait(line, None),
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

    /// As [`read`](Self::read), without waiting. `sleep`: what wakes the task at a time, where the runtime does not.
    pub(super) fn poll_read(
        self: &Arc<Self>,
        context: &mut Context<'_>,
        buf: &mut [u8],
        mut sleep: impl FnMut(&mut Context<'_>, Duration) -> Poll<()>,
    ) -> Poll<io::Result<usize>> {
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let mut line = self.lock();
        loop {
            line.pump();
            if let Some(len) = line.take(buf) {
                return Poll::Ready(Ok(len));
            }
            if let Err(error) = line.sound() {
                return Poll::Ready(Err(error));
            }
            let (now, wake) = (line.watch.now(), line.wake());
            let skips = match line.watch.kind() {
                Clock::Virtual => true,
                Clock::Hurried => line.is_busy(),
                Clock::Manual | Clock::Wall => false,
            };
            match wake {
                Some(wake) if skips => {
                    line.step_to(wake);
                    continue;
                }
                _ => {}
            }
            line.enlist(context.waker());
            let mut limit = wake.map(|wake| between(now, wake));
            if line.is_live() {
                limit = Some(limit.map_or(LIVE, |limit| limit.min(LIVE)));
            }
            let (Some(limit), true) = (limit, matches!(line.watch.kind(), Clock::Hurried | Clock::Wall)) else {
                return Poll::Pending;
            };
            if sleep(context, limit).is_pending() {
                return Poll::Pending;
            }
        }
    }

    /// Wakes all who wait after so long, where no runtime does.
    #[cfg(feature = "embedded-io-async")]
    pub(super) fn alarm(self: &Arc<Self>, line: &mut Line, time: Duration) {
        let at = Instant::now() + time;
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

impl Line {
    pub(super) fn new(module: Option<Module>, faults: Faults, watch: Watch, log: Log) -> Self {
        Self {
            module,
            faults,
            watch,
            log,
            timeout: None,
            overrides: Vec::new(),
            steps: None,
            agenda: BTreeMap::new(),
            entries: 0,
            cursor: Time::ZERO,
            due: VecDeque::new(),
            heard: Vec::new(),
            hears_data: false,
            after_cr: false,
            sent: VecDeque::new(),
            wrong: None,
            unplugged: false,
            ends: 0,
            controller: None,
            split: false,
            wakers: Vec::new(),
            alarm: None,
        }
    }

    /// Whether somebody else than this thread may change what comes.
    fn has_others(&self) -> bool {
        self.split && self.ends > 1 || self.controller.is_some_and(|thread| thread != std::thread::current().id())
    }

    fn is_busy(&self) -> bool {
        !self.agenda.is_empty()
            || self.module.as_ref().is_some_and(|module| self.faults.backlog(module) > 0 || module.is_busy())
    }

    fn is_live(&self) -> bool {
        self.module.as_ref().is_some_and(Module::is_live)
    }

    fn wake(&self) -> Option<Time> {
        let module = self.module.as_ref().and_then(|module| self.faults.wake(module));
        [module, self.agenda.first_key_value().map(|((time, _), _)| *time)].into_iter().flatten().min()
    }

    /// Moves the clock to where something happens; always by something, whatever a world says of its times.
    fn step_to(&mut self, time: Time) {
        let now = self.watch.now();
        self.watch.skip_to(time.max(now.plus(Time::from_nanos(1_000))));
    }

    fn enlist(&mut self, waker: &Waker) {
        if !self.wakers.iter().any(|own| own.will_wake(waker)) {
            self.wakers.push(waker.clone());
        }
    }

    /// An error where the line is cut, or the driver did what the script does not allow.
    fn sound(&self) -> io::Result<()> {
        match &self.wrong {
            Some(wrong) => Err(io::Error::other(wrong.clone())),
            None if self.unplugged => Err(io::Error::new(io::ErrorKind::BrokenPipe, "the port is unplugged")),
            None => Ok(()),
        }
    }

    /// Takes what is said up to now.
    pub(super) fn pump(&mut self) {
        self.play();
        let now = self.watch.now();
        loop {
            let scripted = self.agenda.first_key_value().map(|((time, _), _)| *time).filter(|time| *time <= now);
            let module = self.module.as_ref().and_then(|module| self.faults.wake(module)).filter(|wake| *wake <= now);
            match (scripted, module) {
                (Some(time), module) if module.is_none_or(|module| time <= module) => {
                    if let Some(((time, _), bytes)) = self.agenda.pop_first() {
                        self.put(time, bytes);
                    }
                }
                (_, Some(wake)) => {
                    let Some(module) = &mut self.module else { break };
                    match self.faults.poll(wake, module) {
                        Some(chunk) => self.put(chunk.time, chunk.bytes),
                        // Nothing came of it; what is left is looked at in one go.
                        None if self.faults.wake(module).is_some_and(|next| next <= wake) => break,
                        None => {}
                    }
                }
                _ => break,
            }
        }
        while let Some(module) = &mut self.module
            && let Some(chunk) = self.faults.poll(now, module)
        {
            self.put(chunk.time, chunk.bytes);
        }
    }

    fn put(&mut self, time: Time, bytes: Vec<u8>) {
        self.log.record(Sender::Module, time, &bytes);
        if !bytes.is_empty() {
            self.due.push_back(bytes.into());
        }
    }

    fn take(&mut self, buf: &mut [u8]) -> Option<usize> {
        let piece = self.due.front_mut()?;
        let len = io::Read::read(piece, buf).ok()?;
        if piece.is_empty() {
            self.due.pop_front();
        }
        Some(len)
    }

    // The driver's bytes

    fn send(&mut self, bytes: &[u8]) {
        let now = self.watch.now();
        self.log.record(Sender::Host, now, bytes);
        let mut rest = bytes;
        while !rest.is_empty() {
            let taken = match self.data_due() {
                // The LF of a line that ended with CR is none of the data.
                Some(_) if self.after_cr && rest.starts_with(b"\n") => self.line_end(rest),
                Some(data) => self.hear_data(rest, data),
                None => self.hear_line(now, rest),
            };
            rest = rest.get(taken.max(1)..).unwrap_or_default();
        }
        self.play();
    }

    /// How many bytes of data are due, at most; `None`: a line is.
    fn data_due(&self) -> Option<usize> {
        match (&self.module, self.steps.as_ref().and_then(|steps| steps.iter().find_map(expected))) {
            (Some(module), _) => module.data_due(),
            (None, Some(Expected::Data(data))) => Some(data.len().saturating_sub(self.heard.len()).max(1)),
            (None, _) => None,
        }
    }

    fn line_end(&mut self, rest: &[u8]) -> usize {
        self.after_cr = false;
        self.pass(rest.get(..1).unwrap_or_default());
        1
    }

    fn hear_data(&mut self, rest: &[u8], due: usize) -> usize {
        self.after_cr = false;
        self.hears_data = true;
        let mut len = rest.len().min(due);
        if due == usize::MAX
            && let Some(end) = memchr::memchr2(0x1A, 0x1B, rest)
        {
            len = end + 1;
        }
        let bytes = rest.get(..len).unwrap_or(rest);
        self.keep(bytes);
        self.pass(bytes);
        let over = match &self.module {
            Some(module) => module.data_due().is_none(),
            None => matches!(self.data_due(), Some(1)) && self.expected_len() == Some(self.heard.len()),
        };
        if over {
            self.complete();
        }
        len
    }

    fn expected_len(&self) -> Option<usize> {
        match self.steps.as_ref()?.iter().find_map(expected)? {
            Expected::Data(data) => Some(data.len()),
            Expected::Line(_) => None,
        }
    }

    fn hear_line(&mut self, now: Time, rest: &[u8]) -> usize {
        if self.hears_data {
            // The data ended in a way of its own, as by a timeout.
            self.complete();
        }
        if std::mem::take(&mut self.after_cr) && rest.starts_with(b"\n") {
            return self.line_end(rest);
        }
        let Some(end) = memchr::memchr2(b'\r', b'\n', rest) else {
            self.keep(rest);
            if self.overrides.is_empty() {
                self.pass(rest);
            }
            return rest.len();
        };
        let (ahead, ended) = (rest.get(..end).unwrap_or_default(), rest.get(..=end).unwrap_or(rest));
        self.keep(ahead);
        self.after_cr = ended.ends_with(b"\r");
        if self.overrides.is_empty() {
            self.pass(ended);
        } else {
            self.answer_or_pass(now, ended.get(end..).unwrap_or_default());
        }
        if !self.heard.is_empty() {
            self.complete();
        }
        ended.len()
    }

    /// A whole line goes to the module, unless it is answered in its place.
    fn answer_or_pass(&mut self, now: Time, end: &[u8]) {
        let line = std::mem::take(&mut self.heard);
        let text = String::from_utf8_lossy(&line);
        let own = self.overrides.iter().rev().find(|own| match own.pattern.strip_suffix('*') {
            Some(start) => text.get(..start.len()).is_some_and(|text| text.eq_ignore_ascii_case(start)),
            None => text.trim().eq_ignore_ascii_case(&own.pattern),
        });
        match (own, &mut self.module) {
            (Some(own), Some(module)) if !module.is_busy() => module.answer(now, &line, &own.lines),
            (_, _) => {
                let whole = [&line, end].concat();
                self.pass(&whole);
            }
        }
        self.heard = line;
    }

    fn pass(&mut self, bytes: &[u8]) {
        let now = self.watch.now();
        if let Some(module) = &mut self.module {
            self.faults.receive(now, bytes, module);
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = HEARD.saturating_sub(self.heard.len());
        self.heard.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
    }

    /// A line or data of the driver is whole.
    fn complete(&mut self) {
        let bytes = std::mem::take(&mut self.heard);
        let sent = match std::mem::take(&mut self.hears_data) {
            true => Sent::Data(bytes),
            false => Sent::Line(String::from_utf8_lossy(&bytes).into_owned()),
        };
        if self.sent.len() >= SENT {
            self.sent.pop_front();
        }
        self.sent.push_back(sent);
        self.play();
    }

    // The script

    /// Goes on with the script as far as it goes.
    fn play(&mut self) {
        let Some(mut steps) = self.steps.take() else { return };
        while self.wrong.is_none() {
            match steps.front() {
                Some(Step::Expect(expected)) => {
                    let Some(sent) = self.sent.pop_front() else { break };
                    if !expected.is(&sent) {
                        self.wrong = Some(self.mismatch(format!("the driver sent {sent}; {expected} was expected")));
                        break;
                    }
                    steps.pop_front();
                }
                Some(Step::Send(_)) => {
                    if let Some(Step::Send(bytes)) = steps.pop_front() {
                        self.enter(bytes);
                    }
                }
                Some(Step::Wait(time)) => {
                    self.cursor = self.cursor.max(self.watch.now()).plus(of(*time));
                    steps.pop_front();
                }
                None => {
                    if let Some(sent) = self.sent.pop_front() {
                        self.wrong = Some(self.mismatch(format!("the driver sent {sent}; nothing more was expected")));
                    }
                    break;
                }
            }
        }
        self.steps = Some(steps);
    }

    /// Says bytes behind all that the script said before.
    pub(super) fn enter(&mut self, bytes: Vec<u8>) {
        self.cursor = self.cursor.max(self.watch.now());
        self.agenda.insert((self.cursor, self.entries), bytes);
        self.entries += 1;
    }

    pub(super) fn mismatch(&self, what: String) -> Mismatch {
        Mismatch::new(what, self.log.transcript())
    }

    /// What the script waits for.
    pub(super) fn waits_for(&self) -> Option<&Expected> {
        self.steps.as_ref()?.iter().find_map(expected)
    }

    /// A line or data of the driver that is not whole.
    pub(super) fn unfinished(&self) -> Option<&[u8]> {
        (!self.heard.is_empty()).then_some(&*self.heard)
    }
}

fn expected(step: &Step) -> Option<&Expected> {
    match step {
        Step::Expect(expected) => Some(expected),
        _ => None,
    }
}
