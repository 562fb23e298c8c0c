//! The serial line itself: module, faults, script, clock and log, behind one lock. Who holds it sees a line that is up to date.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::task::Waker;
use std::thread::ThreadId;
use std::time::Duration;

use super::clock::{Watch, of};
use super::log::Log;
use super::script::{Expected, Mismatch, Sent, Step};
use crate::module::Module;
use crate::module::faults::Faults;
use crate::{Sender, Time};

/// Things that the driver sent and that nobody asked for yet.
const SENT: usize = 1 << 16;

/// Longest line or data of the driver that is kept for [`super::Control::expect`].
const HEARD: usize = 1 << 20;

/// Bytes that wait for the driver; beyond, the module holds them, and loses what is more.
const WAITING: usize = 1 << 20;

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
    pub(super) due: VecDeque<VecDeque<u8>>,
    waiting: usize,
    /// A line or data of the driver that is not whole yet.
    heard: Vec<u8>,
    hears_data: bool,
    after_cr: bool,
    pub(super) sent: VecDeque<Sent>,
    pub(super) wrong: Option<Mismatch>,
    pub(super) unplugged: bool,
    /// Handles of the driver: the port, or its halves.
    pub(super) ends: usize,
    /// Handles of the test.
    pub(super) controls: usize,
    /// The thread that used one of them last, and the one that used an end of the driver's.
    pub(super) controller: Option<ThreadId>,
    driver: Option<ThreadId>,
    pub(super) split: bool,
    pub(super) wakers: Vec<Waker>,
    #[cfg(feature = "embedded-io-async")]
    pub(super) alarm: Option<std::time::Instant>,
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
            waiting: 0,
            heard: Vec::new(),
            hears_data: false,
            after_cr: false,
            sent: VecDeque::new(),
            wrong: None,
            unplugged: false,
            ends: 0,
            controls: 0,
            controller: None,
            driver: None,
            split: false,
            wakers: Vec::new(),
            #[cfg(feature = "embedded-io-async")]
            alarm: None,
        }
    }

    /// Whether somebody else than this thread may change what comes.
    pub(super) fn has_others(&self) -> bool {
        let controlled = self.controls > 0 && self.controller.is_some_and(|own| own != std::thread::current().id());
        self.split && self.ends > 1 || controlled
    }

    /// Whether the driver may be at work on another thread than this.
    pub(super) fn driven_elsewhere(&self) -> bool {
        self.ends > 0 && self.driver.is_none_or(|own| own != std::thread::current().id())
    }

    pub(super) fn is_busy(&self) -> bool {
        !self.agenda.is_empty()
            || self.module.as_ref().is_some_and(|module| self.faults.backlog(module) > 0 || module.is_busy())
    }

    pub(super) fn is_live(&self) -> bool {
        self.module.as_ref().is_some_and(Module::is_live)
    }

    pub(super) fn wake(&self) -> Option<Time> {
        let module = self.module.as_ref().and_then(|module| self.faults.wake(module));
        [module, self.agenda.first_key_value().map(|((time, _), _)| *time)].into_iter().flatten().min()
    }

    /// Moves the clock to where something happens; always by something, whatever a world says of its times.
    pub(super) fn step_to(&mut self, time: Time) {
        let now = self.watch.now();
        self.watch.skip_to(time.max(now.plus(Time::from_nanos(1_000))));
    }

    #[cfg(any(feature = "embedded-io-async", feature = "tokio"))]
    pub(super) fn enlist(&mut self, waker: &Waker) {
        if !self.wakers.iter().any(|own| own.will_wake(waker)) {
            self.wakers.push(waker.clone());
        }
    }

    /// An error where the line is cut, or the driver did what the script does not allow.
    pub(super) fn sound(&self) -> io::Result<()> {
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
        while self.waiting < WAITING {
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
        while self.waiting < WAITING
            && let Some(module) = &mut self.module
            && let Some(chunk) = self.faults.poll(now, module)
        {
            self.put(chunk.time, chunk.bytes);
        }
    }

    fn put(&mut self, time: Time, bytes: Vec<u8>) {
        self.log.record(Sender::Module, time, &bytes);
        if !bytes.is_empty() {
            self.waiting += bytes.len();
            self.due.push_back(bytes.into());
        }
    }

    pub(super) fn take(&mut self, buf: &mut [u8]) -> Option<usize> {
        let piece = self.due.front_mut()?;
        let len = io::Read::read(piece, buf).ok()?;
        self.waiting -= len;
        if piece.is_empty() {
            self.due.pop_front();
        }
        Some(len)
    }

    // The driver's bytes

    pub(super) fn send(&mut self, bytes: &[u8]) {
        let now = self.watch.now();
        self.driver = Some(std::thread::current().id());
        self.log.record(Sender::Host, now, bytes);
        let mut rest = bytes;
        while let (Some(module), false) = (&self.module, rest.is_empty()) {
            let taken = match module.data_due() {
                // The LF of a line that ended with CR is none of the data.
                Some(_) if self.after_cr && rest.starts_with(b"\n") => self.line_end(rest),
                Some(data) => self.hear_data(rest, data),
                None => self.hear_line(now, rest),
            };
            rest = rest.get(taken.max(1)..).unwrap_or_default();
        }
        // What is a line and what is data is a module's matter; without one, it is the script's.
        self.keep(rest);
        self.play();
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
        if self.module.as_ref().is_none_or(|module| module.data_due().is_none()) {
            self.complete();
        }
        len
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

    /// The next thing that the driver sent; without a module, what of its bytes is as wanted.
    pub(super) fn next_sent(&mut self, wanted: Option<&Expected>) -> Option<Sent> {
        if self.module.is_some() {
            return self.sent.pop_front();
        }
        if std::mem::take(&mut self.after_cr) {
            match self.heard.first() {
                Some(b'\n') => drop(self.heard.remove(0)),
                Some(_) => {}
                None => self.after_cr = true,
            }
        }
        if let Some(Expected::Data(data)) = wanted {
            let whole = !data.is_empty() && self.heard.len() >= data.len();
            return whole.then(|| Sent::Data(self.heard.drain(..data.len()).collect()));
        }
        let blank = self.heard.iter().take_while(|byte| b"\r\n".contains(byte)).count();
        self.heard.drain(..blank);
        let end = memchr::memchr2(b'\r', b'\n', &self.heard)?;
        let line: Vec<u8> = self.heard.drain(..=end).collect();
        self.after_cr = line.ends_with(b"\r");
        Some(Sent::Line(String::from_utf8_lossy(line.get(..end).unwrap_or_default()).into_owned()))
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
            (Some(own), Some(module)) if !module.is_busy() => module.answer_with(now, &line, &own.lines),
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
                    let Some(sent) = self.next_sent(Some(expected)) else { break };
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
                    if let Some(sent) = self.next_sent(None) {
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

    /// A line or data of the driver that is not whole.
    pub(super) fn unfinished(&self) -> Option<&[u8]> {
        (!self.heard.trim_ascii().is_empty()).then_some(&*self.heard)
    }
}
