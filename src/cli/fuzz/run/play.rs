//! One run: a driver, a virtual module, and what goes wrong between them, by the real clock. Gives what was seen; judges nothing.

use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::line::Driver;
use super::mischief::Mischief;
use super::watch::usage;
use crate::catalog::Catalog;
use crate::check::{Analyzer, Finding, Rule, Sink};
use crate::cli::failure::Failure;
use crate::cli::simulate::mail::{Incoming, Taken};
use crate::module::Module;
use crate::mutate::form::Chunk;
use crate::session::{Event, EventKind};
use crate::{Sender, Time};

/// How often the process is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// A driver that is at work for this share of a silence does not wait, it turns in circles.
pub(super) const BUSY: f64 = 0.5;

/// Most bytes of a run that are kept.
const KEPT: usize = 4 << 20;

/// What ends a run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Silence of the driver.
    pub(super) silence: Duration,
    /// The whole run.
    pub(super) whole: Duration,
    /// Memory of the driver, in bytes.
    pub(super) memory: u64,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli::fuzz) enum End {
    /// The driver's own end.
    Exit(i32),
    Signal(i32),
    /// It sends nothing any more, though the module waits for it; `busy`: and is at work all the time.
    Silent {
        busy: bool,
    },
    /// It still talks when the time is up.
    Talking,
    /// It has grown too large.
    Large(u64),
    /// The user wanted the end.
    Interrupted,
}

/// A rule that the driver broke.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::cli::fuzz) struct Breach {
    pub(in crate::cli::fuzz) rule: &'static str,
    /// The command's name, as `AT+CWMODE=`.
    pub(in crate::cli::fuzz) command: String,
    pub(in crate::cli::fuzz) message: String,
}

/// What was seen.
#[derive(Debug)]
pub(in crate::cli::fuzz) struct Seen {
    pub(in crate::cli::fuzz) end: End,
    pub(in crate::cli::fuzz) took: Duration,
    pub(in crate::cli::fuzz) chunks: Vec<Chunk>,
    /// What went wrong, by the seed.
    pub(in crate::cli::fuzz) done: Vec<(Time, String)>,
    pub(in crate::cli::fuzz) healed: Option<Time>,
    pub(in crate::cli::fuzz) breaches: Vec<Breach>,
    /// The newest command.
    pub(in crate::cli::fuzz) command: String,
    /// Commands, and those that succeeded; of the second since all was well again.
    pub(in crate::cli::fuzz) commands: u64,
    pub(in crate::cli::fuzz) good: u64,
    pub(in crate::cli::fuzz) good_since: u64,
    /// What it printed.
    pub(in crate::cli::fuzz) log: String,
    /// Most memory.
    pub(in crate::cli::fuzz) memory: u64,
}

/// Follows the conversation.
pub(super) struct Ear {
    catalog: Arc<Catalog>,
    commands: u64,
    good: u64,
    good_since: u64,
    healed: bool,
    /// Something went wrong already.
    troubled: bool,
    pub(super) command: String,
    pub(super) breaches: Vec<Breach>,
}

impl Ear {
    /// `troubled`: from the start, what comes may be wrong.
    pub(super) fn new(catalog: Arc<Catalog>, troubled: bool) -> Self {
        Self {
            catalog,
            commands: 0,
            good: 0,
            good_since: 0,
            healed: false,
            troubled,
            command: String::new(),
            breaches: Vec::new(),
        }
    }
}

impl Sink for Ear {
    fn event(&mut self, event: &Event<'_>) {
        match &event.kind {
            EventKind::Command { name, form, .. } => {
                self.commands += 1;
                self.command = format!("AT{}{}", name.to_text(), form.sign());
            }
            EventKind::Final { result, .. } if self.catalog.is_success(&result.to_text()) => {
                self.good += 1;
                self.good_since += u64::from(self.healed);
            }
            _ => {}
        }
    }

    fn finding(&mut self, finding: &Finding) {
        let host = match finding.rule {
            Rule::MalformedCommand
            | Rule::UnsupportedForm
            | Rule::ModelUnsupported
            | Rule::ParamMissing
            | Rule::ParamExtra
            | Rule::ParamType
            | Rule::ParamRange
            | Rule::ParamLength
            | Rule::ParamConflict
            | Rule::WrongState
            | Rule::PayloadBeforePrompt => true,
            // A result that was lost is waited for in vain, and one that came twice is taken for the next command's: whoever goes on is right.
            Rule::CommandOverlap => !self.troubled,
            _ => false,
        };
        if host && self.breaches.len() < 64 {
            let (rule, command) = (finding.rule.name(), self.command.clone());
            self.breaches.push(Breach { rule, command, message: finding.message.clone() });
        }
    }
}

/// Plays the module for a driver until one of them has had enough.
pub(super) fn play(
    mut driver: Driver,
    mut module: Module,
    mut analyzer: Analyzer,
    mut mischief: Mischief,
    heal_after: Duration,
    limits: Limits,
) -> Result<Seen, Failure> {
    let start = Instant::now();
    let mut ear = Ear::new(Arc::clone(module.catalog()), false);
    let (mut chunks, mut kept) = (Vec::new(), 0_usize);
    let mut keep = |from: Sender, time: Time, bytes: &[u8]| {
        kept += bytes.len();
        if kept <= KEPT {
            chunks.push(Chunk { from, time: Some(time), bytes: bytes.to_vec() });
        }
    };
    // What it sends before the module is up waits for it.
    let mut early: Vec<u8> = Vec::new();
    let (mut heard, mut looked) = (start, start - LOOK);
    let (mut at_silence, mut most) = (None, 0);
    let mut line_over = false;
    let end = loop {
        let now = now(start);
        if start.elapsed() >= heal_after {
            mischief.heal(now);
        }
        ear.healed = mischief.healed().is_some();
        ear.troubled = !mischief.done.is_empty();
        if module.is_up() && !early.is_empty() {
            mischief.receive(now, &std::mem::take(&mut early), &mut module);
        }
        let mut spoke = false;
        while let Some(bytes) = mischief.poll(now, &mut module) {
            spoke = true;
            ear.troubled = !mischief.done.is_empty();
            keep(Sender::Module, now, &bytes);
            analyzer.push(Sender::Module, Some(now), &bytes, &[], &mut ear);
            // A driver that does not read loses it.
            driver.outbox.put(&bytes);
        }
        if looked.elapsed() >= LOOK || line_over {
            looked = Instant::now();
            if let Some(status) = driver.ended() {
                break of_status(status);
            }
            if crate::cli::interrupt::asked() {
                break End::Interrupted;
            }
            let used = usage(driver.pid());
            if let Some(used) = used {
                most = most.max(used.memory);
                if used.memory > limits.memory {
                    break End::Large(used.memory);
                }
            }
            let quiet = heard.elapsed();
            // Its processor time since it fell silent; what it takes to start is none of that.
            if quiet < limits.silence / 4 {
                at_silence = used.map(|used| (used.cpu, Instant::now()));
            }
            if quiet >= limits.silence {
                let busy = match (used, at_silence) {
                    (Some(used), Some((before, since))) => {
                        used.cpu.saturating_sub(before).as_secs_f64() >= BUSY * since.elapsed().as_secs_f64()
                    }
                    _ => false,
                };
                break End::Silent { busy };
            }
            // What talks all the time and says no command is no driver.
            let idle = ear.commands == 0 && start.elapsed() >= limits.silence;
            if idle || start.elapsed() >= limits.whole {
                break End::Talking;
            }
        }
        let wake = mischief.wake(&module).map_or(LOOK, |wake| Duration::from_nanos(wake.since(now).as_nanos()));
        // What is due and moves nothing is not asked for again at once.
        let patience = if wake.is_zero() && !spoke { Duration::from_millis(1) } else { wake.min(LOOK) };
        let patience = if line_over { patience.min(Duration::from_millis(5)) } else { patience };
        match driver.mailbox.take(Some(patience), !line_over && module.pending() < 2048) {
            Taken::Incoming(Incoming::Bytes(bytes)) => {
                heard = Instant::now();
                ear.troubled = !mischief.done.is_empty();
                let now = self::now(start);
                keep(Sender::Host, now, &bytes);
                analyzer.push(Sender::Host, Some(now), &bytes, &[], &mut ear);
                if module.is_up() && early.is_empty() {
                    mischief.receive(now, &bytes, &mut module);
                } else if early.len() < KEPT {
                    early.extend_from_slice(&bytes);
                }
            }
            Taken::Incoming(Incoming::End | Incoming::Gone) => line_over = true,
            _ => {}
        }
    };
    let took = start.elapsed();
    let log = match end {
        End::Exit(_) | End::Signal(_) => driver.said(),
        _ => {
            driver.kill();
            driver.said()
        }
    };
    drop(driver);
    analyzer.finish(&mut ear);
    let Ear { commands, good, good_since, command, breaches, .. } = ear;
    let (healed, done) = (mischief.healed(), mischief.done);
    Ok(Seen { end, took, chunks, done, healed, breaches, command, commands, good, good_since, log, memory: most })
}

/// The time since then, as the line has it.
pub(super) fn now(start: Instant) -> Time {
    Time::from_nanos(u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX))
}

pub(super) fn of_status(status: ExitStatus) -> End {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return End::Signal(signal);
    }
    End::Exit(status.code().unwrap_or(-1))
}
