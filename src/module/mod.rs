//! The virtual module: a catalog the other way round. Host bytes in, module bytes out, as a module of that dialect, model and firmware would
//! answer in the world around it.
//!
//! Sans-IO: no file, no socket, no thread, and no clock but the one that the caller moves on; so a test runs through a minute of timeouts in
//! no time. Deterministic: the same seed, world, bytes and times give the same answers, however often it is asked in between. Bounded:
//! a host that floods it or never reads costs no more than a fixed amount of memory.
//!
//! What the manual says of all commands is generic; what a command really does is code, in one place a dialect.

mod core;
mod course;
mod data;
mod dialect;
mod dialects;
pub mod faults;
mod generic;
mod inbox;
mod input;
mod memory;
mod net;
mod scenario;
mod scripted;
mod state;
#[cfg(test)]
mod testing;
mod verdict;
mod work;
pub mod world;

use std::sync::Arc;

pub use self::core::{Chunk, Said};
pub use self::net::{Allowed, Net, NotAllowed};
pub use self::scenario::*;
pub use self::scripted::Scripted;
pub use self::verdict::Refusal;
pub use self::world::World;

use self::core::{Act, Call, Core};
use self::dialect::Dialect;
use self::inbox::Inbox;
use crate::Time;
use crate::catalog::{Catalog, Role, StateValue};
use crate::syntax::command::Part;

/// Bytes of the host that wait while the module is at work; what is beyond is lost, as on a line without flow control.
const INPUT: usize = 1 << 18;

/// Longest command line.
const LINE: usize = 8192;

/// Silence that ends a packet in passthrough mode, and that stands around `+++`, in milliseconds.
const GUARD: u64 = 20;

/// Bytes of a packet in passthrough mode.
const PACKET: usize = 2048;

/// Largest data phase.
const DATA: usize = 1 << 22;

/// How a module is set up.
#[derive(Debug, Default)]
pub struct Setup {
    /// A product that the catalog knows; without, what all products have.
    pub model: Option<String>,
    /// A firmware generation that the catalog knows; without, the module speaks as the manual prints it.
    pub profile: Option<String>,
    /// Of all that varies: delays, addresses, counters.
    pub seed: u64,
    /// The module is already up, and prints no banner.
    pub booted: bool,
}

/// Why a module cannot be set up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// The catalog has no such model.
    #[error("{dialect} has no model `{model}`: it has {known}")]
    Model {
        /// The dialect.
        dialect: String,
        /// What was asked for.
        model: String,
        /// What there is.
        known: String,
    },
    /// The catalog has no such profile.
    #[error("{dialect} has no firmware profile `{profile}`: it has {known}")]
    Profile {
        /// The dialect.
        dialect: String,
        /// What was asked for.
        profile: String,
        /// What there is.
        known: String,
    },
}

/// A module of some dialect.
pub struct Module {
    core: Core,
    dialect: Box<dyn Dialect>,
    input: Inbox,
    /// The newest CR ended a line: an LF behind it belongs to it.
    after_cr: bool,
    phase: Phase,
    running: Option<Running>,
    last_line: Vec<u8>,
    /// Counts data phases, so that an old timer does not end a new one.
    phases: u64,
    /// When the host was last heard, of what silence ends; and whether that silence is waited for.
    heard: Time,
    listening: bool,
    lost: u64,
}

enum Phase {
    Command,
    Data { got: Vec<u8>, declared: Option<usize> },
    Off,
    Passthrough { packet: Vec<u8> },
}

/// A command line in work.
struct Running {
    line: Vec<u8>,
    parts: std::collections::VecDeque<Part>,
    /// The command in work, and whether its effects are the catalog's.
    call: Option<(Call, bool)>,
    /// Its data came: results are those behind the data.
    after_data: bool,
}

impl std::fmt::Debug for Module {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Module")
            .field("dialect", &self.core.catalog.name)
            .field("now", &self.core.now())
            .finish_non_exhaustive()
    }
}

impl Module {
    /// Powers a module up, at time zero.
    ///
    /// # Errors
    /// The catalog knows no such model or profile.
    pub fn new(catalog: Arc<Catalog>, setup: &Setup, world: Box<dyn World>) -> Result<Self, SetupError> {
        let model = match &setup.model {
            Some(name) => Some(catalog.model(name).ok_or_else(|| SetupError::Model {
                dialect: catalog.name.to_string(),
                model: name.clone(),
                known: listed(catalog.models.iter().map(|model| &*model.name)),
            })?),
            None => None,
        };
        let profile = match &setup.profile {
            Some(name) => {
                let found = catalog.profiles.iter().position(|profile| profile.name.eq_ignore_ascii_case(name));
                Some(found.map(|at| at as u16).ok_or_else(|| SetupError::Profile {
                    dialect: catalog.name.to_string(),
                    profile: name.clone(),
                    known: listed(catalog.profiles.iter().map(|profile| &*profile.name)),
                })?)
            }
            None => None,
        };
        let dialect = dialects::of(&catalog);
        let mut module = Self {
            core: Core::new(catalog, model, profile, setup.seed, world),
            dialect,
            input: Inbox::default(),
            after_cr: false,
            phase: Phase::Command,
            running: None,
            last_line: Vec::new(),
            phases: 0,
            heard: Time::ZERO,
            listening: false,
            lost: 0,
        };
        module.start(true);
        if !setup.booted {
            module.phase = Phase::Off;
            let boot = module.core.world.scenario().delays.boot;
            module.core.enter(Time::from_millis(boot), Act::Boot);
        }
        Ok(module)
    }

    /// The module gets bytes of the host. `now` never runs backwards.
    pub fn receive(&mut self, now: Time, bytes: &[u8]) {
        self.run(now);
        self.core.at(now);
        let room = INPUT.saturating_sub(self.input.len());
        let kept = bytes.get(..room).unwrap_or(bytes);
        self.lost += (bytes.len() - kept.len()) as u64;
        self.input.push(kept);
        self.run(now);
    }

    /// The next piece of what the module has said up to `now`.
    pub fn poll(&mut self, now: Time) -> Option<Chunk> {
        self.run(now);
        self.core.take()
    }

    /// When there is something to [`poll`](Self::poll) next, as far as the module knows; `None`: it waits for the host.
    pub fn wake(&self) -> Option<Time> {
        if self.core.has_output() {
            return Some(self.core.now());
        }
        [self.core.next_act(), self.core.world.wake()].into_iter().flatten().min()
    }

    /// Whether things may also happen at times that [`wake`](Self::wake) does not tell, as with real sockets.
    pub fn is_live(&self) -> bool {
        self.core.world.is_live()
    }

    /// Bytes that the module has said or is about to say, and that nobody took yet.
    pub fn backlog(&self) -> usize {
        self.core.waiting()
    }

    /// Bytes of the host that were lost because it sent more than the module could take in.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// Bytes of the host that wait until the module is done with what it is at.
    pub fn pending(&self) -> usize {
        self.input.len()
    }

    /// Whether it hears the host: false from power or reset to the boot banner.
    pub fn is_up(&self) -> bool {
        !matches!(self.phase, Phase::Off)
    }

    /// The line's speed in baud that the host has set (`AT+UART_CUR`), from what it says next on; `None`: the host has set none.
    pub fn baud(&self) -> Option<u32> {
        self.core.baud
    }

    /// Why the newest command was refused; `None`: it was not.
    pub fn refused(&self) -> Option<&Refusal> {
        self.core.refused.as_ref()
    }

    /// The true value of a state key of the catalog (`cip.mux`), of one index where it has several.
    pub fn state(&self, key: &str, index: usize) -> Option<&StateValue> {
        let at = self.core.catalog.states.iter().position(|spec| *spec.name == *key)?;
        self.core.state.get(at as u16, index)
    }

    /// The catalog that it speaks after.
    pub fn catalog(&self) -> &Arc<Catalog> {
        &self.core.catalog
    }

    /// Power goes off and on again: everything that is not in flash is lost, the module boots.
    pub fn reset(&mut self, now: Time) {
        self.run(now);
        self.core.at(now);
        self.restart();
    }

    /// Whether it is at work: booting, at a command, or in the middle of saying something.
    pub fn is_busy(&self) -> bool {
        match self.phase {
            Phase::Off => true,
            Phase::Data { .. } => self.backlog() > 0,
            Phase::Command | Phase::Passthrough { .. } => self.running.is_some() || self.backlog() > 0,
        }
    }

    /// How many bytes of data it takes from the host at most before it takes lines again, `usize::MAX` where no count tells; `None`: it takes lines.
    pub fn data_due(&self) -> Option<usize> {
        match &self.phase {
            Phase::Data { got, declared: Some(declared) } => Some(declared.saturating_sub(got.len()).max(1)),
            Phase::Data { declared: None, .. } | Phase::Passthrough { .. } => Some(usize::MAX),
            Phase::Command | Phase::Off => None,
        }
    }

    /// The module answers a command line so, in place of what it would do: its echo, and these lines, of which a result code is one.
    pub fn answer_with(&mut self, now: Time, line: &[u8], answer: &[String]) {
        self.run(now);
        self.core.at(now);
        self.echo(line);
        self.core.begin();
        for text in answer {
            let name = text.split(':').next().unwrap_or_default();
            let is_result = |line: &&crate::catalog::Line| line.role == Role::Result && *line.name == *name;
            let said = match self.core.catalog.lines.iter().find(is_result) {
                Some(_) => Said::Final,
                None => Said::Response,
            };
            self.core.say_line(said, text.as_bytes());
        }
        self.run(now);
    }

    /// The module prints this line out of itself, whatever it is about.
    pub fn say(&mut self, now: Time, line: &[u8]) {
        self.run(now);
        self.core.at(now);
        self.core.say_line(Said::Urc, line);
        self.run(now);
    }
}

fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::check::Rule;

    fn module(dialect: &str) -> Module {
        let catalog = crate::catalog::load_builtin(dialect).unwrap();
        let setup = Setup { booted: true, ..Setup::default() };
        Module::new(catalog, &setup, Box::new(Scripted::new(Scenario::default()))).unwrap()
    }

    /// Sends lines one after the other, and gives all that was said.
    fn said(module: &mut Module, lines: &[&str]) -> String {
        let (mut now, mut out) = (Time::ZERO, Vec::new());
        for line in lines {
            module.receive(now, line.as_bytes());
            while let Some(wake) = module.wake() {
                now = wake.max(now);
                while let Some(chunk) = module.poll(now) {
                    out.extend_from_slice(&chunk.bytes);
                }
            }
        }
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn stores_answers_and_refuses() {
        let mut esp = module("esp-at");
        assert_eq!(said(&mut esp, &["AT\r\n"]), "AT\r\n\r\nOK\r\n");
        assert_eq!(said(&mut esp, &["ATE0\r\n"]), "ATE0\r\n\r\nOK\r\n");
        assert_eq!(said(&mut esp, &["AT+CIPMUX=1\r\n", "AT+CIPMUX?\r\n"]), "\r\nOK\r\n+CIPMUX:1\r\n\r\nOK\r\n");
        assert_eq!(said(&mut esp, &["AT+CIPMUX=9\r\n"]), "\r\nERROR\r\n");
        assert_eq!(esp.refused().map(|refusal| refusal.rule), Some(Rule::ParamRange));
        assert_eq!(said(&mut esp, &["AT+NOSUCH\r\n"]), "\r\nERROR\r\n");
        assert_eq!(esp.refused().map(|refusal| refusal.rule), Some(Rule::UnknownCommand));
    }

    #[test]
    fn runs_several_commands_of_a_line_and_stops_at_the_first_that_fails() {
        let mut modem = module("simcom");
        assert_eq!(said(&mut modem, &["ATE0\r"]), "ATE0\r\r\nOK\r\n");
        assert_eq!(said(&mut modem, &["AT+CMEE=1;+CMEE=9;+CMEE=0\r"]), "\r\n+CME ERROR: 50\r\n");
        assert_eq!(modem.state("cmee", 0), Some(&StateValue::Int(1)));
        assert_eq!(said(&mut modem, &["ATV0\r"]), "0\r");
    }

    #[test]
    fn asks_for_data_and_counts_it() {
        let mut modem = module("simcom");
        let out = said(&mut modem, &["ATE0\r", "AT+HTTPINIT\r", "AT+HTTPDATA=5,0\r", "hel", "loAT\r"]);
        assert_eq!(out, "ATE0\r\r\nOK\r\n\r\nOK\r\n\r\nDOWNLOAD\r\n\r\nOK\r\n\r\nOK\r\n");
    }
}
