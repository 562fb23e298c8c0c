//! The test's end of the line: assertions, words of the module's own, the clock, and what went over the line.

use std::sync::{Arc, MutexGuard};
use std::time::{Duration, Instant};

use super::clock::{between, of};
use super::line::{Line, Override};
use super::script::{Expected, Mismatch, Sent, Step, framed};
use super::shared::Shared;
use crate::Time;
use crate::catalog::StateValue;
use crate::check::{Finding, Severity};
use crate::module::Refusal;
use crate::module::faults::Announcement;

/// How long an assertion waits for a driver on another thread, by the clock on the wall.
const PATIENCE: Duration = Duration::from_secs(2);

/// The test's end of a [`Port`](super::Port).
///
/// Assertions give a [`Mismatch`] that says what is, what was expected, and the transcript so far. They wait up to two seconds for a driver on another
/// thread, unless the driver has let go of the port.
pub struct Control {
    shared: Arc<Shared>,
}

impl std::fmt::Debug for Control {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Control").field("now", &self.now()).finish_non_exhaustive()
    }
}

impl Clone for Control {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.shared))
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        let mut line = self.shared.lock();
        line.controls -= 1;
        self.shared.notify(line);
    }
}

impl Control {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        shared.lock().controls += 1;
        let control = Self { shared };
        drop(control.lock());
        control
    }

    /// The line, as it is now.
    fn lock(&self) -> MutexGuard<'_, Line> {
        let mut line = self.shared.lock();
        line.controller = Some(std::thread::current().id());
        line.pump();
        line
    }

    // What the driver sends

    /// The next thing that the driver sent is this line; with `*` at the end, one that starts so. Line ends are no part of it.
    ///
    /// # Errors
    /// It sent something else, or nothing.
    pub fn expect(&self, line: &str) -> Result<(), Mismatch> {
        self.expected(&Expected::Line(line.to_owned())).map(drop)
    }

    /// The next thing that the driver sent is this data: what a module asked for, or a script.
    ///
    /// # Errors
    /// It sent something else, or nothing.
    pub fn expect_data(&self, data: impl Into<Vec<u8>>) -> Result<(), Mismatch> {
        self.expected(&Expected::Data(data.into())).map(drop)
    }

    /// Goes on to a line that the driver sent, whatever it sent ahead of it; gives the line.
    ///
    /// # Errors
    /// It did not send it.
    pub fn skip_to(&self, line: &str) -> Result<String, Mismatch> {
        let expected = Expected::Line(line.to_owned());
        loop {
            let Some(sent) = self.next(&expected) else {
                let line = self.shared.lock();
                return Err(line.mismatch(format!("the driver did not send {expected}")));
            };
            if let Sent::Line(text) = &sent
                && expected.is(&sent)
            {
                return Ok(text.clone());
            }
        }
    }

    /// The next thing that the driver sent, if there is one; does not wait.
    pub fn sent(&self) -> Option<Sent> {
        let mut line = self.lock();
        line.next_sent(None)
    }

    fn expected(&self, expected: &Expected) -> Result<Sent, Mismatch> {
        match self.next(expected) {
            Some(sent) if expected.is(&sent) => Ok(sent),
            Some(sent) => {
                let line = self.shared.lock();
                Err(line.mismatch(format!("the driver sent {sent}; {expected} was expected")))
            }
            None => {
                let line = self.shared.lock();
                let what = match line.unfinished() {
                    Some(bytes) => format!("the driver sent only {}", Sent::Data(bytes.to_vec())),
                    None => "the driver sent nothing more".to_owned(),
                };
                Err(line.mismatch(format!("{what}; {expected} was expected")))
            }
        }
    }

    fn next(&self, expected: &Expected) -> Option<Sent> {
        let until = Instant::now() + PATIENCE;
        let mut line = self.lock();
        loop {
            line.pump();
            if let Some(sent) = line.next_sent(Some(expected)) {
                return Some(sent);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || !line.driven_elsewhere() {
                return None;
            }
            line = self.shared.wait(line, Some(left));
        }
    }

    // What the driver hears

    /// The driver is told this line, with CR LF ahead and behind.
    pub fn reply(&self, line: &str) {
        self.send(framed(line));
    }

    /// The driver is told these bytes.
    pub fn send(&self, bytes: impl Into<Vec<u8>>) {
        let mut line = self.lock();
        line.enter(bytes.into());
        self.shared.notify(line);
    }

    /// The module says this line of itself, in the frame of its firmware and behind all that it is saying; without a module as [`reply`](Self::reply).
    pub fn say(&self, text: &str) {
        let mut line = self.lock();
        let now = line.watch.now();
        match &mut line.module {
            Some(module) => module.say(now, text.as_bytes()),
            None => line.enter(framed(text)),
        }
        self.shared.notify(line);
    }

    /// From now on a command line is answered so, in place of what the module would do; with `*` at its end, every line that starts so. The
    /// newest answer to a line counts. Without a final result among the lines, there is none: the driver waits in vain.
    pub fn answer<L: Into<String>>(&self, command: &str, lines: impl IntoIterator<Item = L>) {
        let lines = lines.into_iter().map(Into::into).collect();
        self.shared.lock().overrides.push(Override { pattern: command.to_owned(), lines });
    }

    /// The module answers everything itself again.
    pub fn no_answers(&self) {
        self.shared.lock().overrides.clear();
    }

    /// Power goes off and on again; without a module, nothing.
    pub fn reset(&self) {
        let mut line = self.lock();
        let now = line.watch.now();
        if let Some(module) = &mut line.module {
            module.reset(now);
        }
        self.shared.notify(line);
    }

    /// The cable is pulled: the driver's reads and writes fail from now on.
    pub fn unplug(&self) {
        let mut line = self.shared.lock();
        line.unplugged = true;
        self.shared.notify(line);
    }

    // Time

    /// Moves the clock on.
    pub fn advance(&self, time: Duration) {
        let mut line = self.lock();
        let then = line.watch.now().plus(of(time));
        line.watch.skip_to(then);
        line.pump();
        self.shared.notify(line);
    }

    /// The time since the port was built.
    pub fn now(&self) -> Duration {
        between(Time::ZERO, self.shared.lock().watch.now())
    }

    // What there is to see

    /// The true value of a state key of the catalog (`cip.mux`), of one index where it has several.
    pub fn state(&self, key: &str, index: usize) -> Option<StateValue> {
        let line = self.shared.lock();
        line.module.as_ref()?.state(key, index).cloned()
    }

    /// Why the module refused the newest command; `None`: it did not.
    pub fn refused(&self) -> Option<Refusal> {
        self.shared.lock().module.as_ref()?.refused().cloned()
    }

    /// What went over the line so far, as an `.at` file.
    pub fn transcript(&self) -> String {
        self.shared.lock().log.transcript()
    }

    /// What the rules say to it so far, of both sides; without a module, nothing.
    pub fn findings(&self) -> Vec<Finding> {
        self.shared.lock().log.findings().to_vec()
    }

    /// The faults that struck since the last time this was asked.
    pub fn announced(&self) -> Vec<Announcement> {
        let mut line = self.shared.lock();
        std::iter::from_fn(|| line.faults.announced()).collect()
    }

    /// The driver sent all that the script says, and nothing else.
    ///
    /// # Errors
    /// It did not.
    pub fn done(&self) -> Result<(), Mismatch> {
        let line = self.lock();
        if let Some(wrong) = &line.wrong {
            return Err(wrong.clone());
        }
        let waits = line.steps.as_ref().and_then(|steps| {
            steps.iter().find_map(|step| match step {
                Step::Expect(expected) => Some(expected.to_string()),
                _ => None,
            })
        });
        match (waits, line.unfinished()) {
            (Some(expected), Some(bytes)) => {
                let only = Sent::Data(bytes.to_vec());
                Err(line.mismatch(format!("the driver sent only {only}; {expected} was expected")))
            }
            (Some(expected), None) => {
                Err(line.mismatch(format!("the driver sent nothing more; {expected} was expected")))
            }
            (None, Some(bytes)) if line.steps.is_some() => {
                let more = Sent::Data(bytes.to_vec());
                Err(line.mismatch(format!("the driver sent {more}; nothing more was expected")))
            }
            _ => Ok(()),
        }
    }

    /// The session is over, the script is done, and no rule was broken: [`findings`](Self::findings) holds no error and no warning.
    ///
    /// # Errors
    /// The script is not done, or there is such a finding: all of them are told.
    pub fn check(&self) -> Result<(), Mismatch> {
        self.done()?;
        let mut line = self.shared.lock();
        line.log.finish();
        let bad = line.log.findings().iter().filter(|finding| finding.rule.severity() > Severity::Info);
        let bad: Vec<String> = bad
            .map(|finding| {
                let cite = finding.cite.as_ref().map(|cite| format!(" ({cite})")).unwrap_or_default();
                let time = finding.time.map(|time| format!(" at {time:.6}")).unwrap_or_default();
                format!("{}[{}]{time}: {}{cite}", finding.rule.severity(), finding.rule.name(), finding.message)
            })
            .collect();
        if bad.is_empty() { Ok(()) } else { Err(line.mismatch(bad.join("\n"))) }
    }
}
