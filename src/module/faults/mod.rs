//! Faults: what real modules and lines do beside the manual, between a [`Module`] and the wire. Seeded and repeatable.
//!
//! Sans-IO as the module itself, and used as it is: [`Faults::receive`], [`Faults::poll`] and [`Faults::wake`] stand in place of the module's
//! own, and take it as an argument. Whatever was done is announced once ([`Faults::announced`]). Each entry draws from its own random
//! numbers: one more entry does not change what the others do. Bounded: what waits to go out is held back in the module beyond 1 MiB.
//!
//! ```
//! use atscope::module::{Module, Scenario, Scripted, Setup, faults::Faults};
//! use atscope::{Time, catalog};
//!
//! let catalog = catalog::load_builtin("esp-at")?;
//! let setup = Setup { booted: true, ..Setup::default() };
//! let mut module = Module::new(catalog, &setup, Box::new(Scripted::new(Scenario::default())))?;
//! let mut faults = Faults::from_toml("[[fault]]\nkind = 'drop'\nat = 'final'\nnth = 2", 7)?;
//!
//! let (mut now, mut out) = (Time::ZERO, String::new());
//! for line in ["AT\r\n", "AT\r\n"] {
//!     faults.receive(now, line.as_bytes(), &mut module);
//!     while let Some(wake) = faults.wake(&module) {
//!         now = now.max(wake);
//!         while let Some(chunk) = faults.poll(now, &mut module) {
//!             out.push_str(&String::from_utf8_lossy(&chunk.bytes));
//!         }
//!     }
//! }
//! assert_eq!(out, "AT\r\n\r\nOK\r\nAT\r\n");
//! let told = faults.announced().expect("one fault struck");
//! assert_eq!(told.what, r"`\r\nOK\r\n` does not come");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod damage;
mod engine;
mod fault;
mod file;
mod host;
mod unsolicited;

use std::collections::VecDeque;
use std::fmt;

use fastrand::Rng;

pub use self::fault::{Amount, Fault, Kind, Place, Side, Wrong};
pub use self::file::FaultsError;

use self::host::Host;
use super::Module;
use super::core::Chunk;
use crate::Time;

/// Announcements that wait to be taken; older ones are dropped beyond.
const TOLD: usize = 4096;

/// A fault that struck.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announcement {
    /// When.
    pub time: Time,
    /// What kind of fault.
    pub kind: Kind,
    /// What was done, in words: lower case, no full stop.
    pub what: String,
    /// The seed that repeats it.
    pub seed: u64,
}

impl fmt::Display for Announcement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.6} fault {}: {} (seed {})", self.time, self.kind.as_str(), self.what, self.seed)
    }
}

/// An entry, and what became of it so far.
#[derive(Debug)]
struct Armed {
    fault: Fault,
    rng: Rng,
    /// Pieces that it could have struck.
    seen: u64,
    struck: u64,
    /// When it strikes next, where it goes by the clock.
    next: Option<Time>,
}

/// Faults at work; see the module's documentation.
#[derive(Debug)]
pub struct Faults {
    seed: u64,
    armed: Vec<Armed>,
    /// What goes out, in the order of its times.
    queue: VecDeque<Chunk>,
    queued: usize,
    /// When the last of it goes out.
    floor: Time,
    /// The module hears and says nothing: until then, or for good.
    dead: Option<Option<Time>>,
    /// The line end of the newest piece is missing; so is the blank line ahead of the next one.
    glued: bool,
    host: Host,
    told: VecDeque<Announcement>,
}

impl Faults {
    /// No faults: everything goes through as it is.
    pub fn none() -> Self {
        Self::new(Vec::new(), 0)
    }

    /// Faults of one's own making. Entries that make no sense never strike.
    pub fn new(faults: Vec<Fault>, seed: u64) -> Self {
        let mut armed: Vec<Armed> = Vec::with_capacity(faults.len());
        for (at, fault) in faults.into_iter().filter(|fault| fault.check().is_ok()).enumerate() {
            // Neighbouring seeds give unrelated numbers.
            let mut rng = Rng::with_seed(seed.wrapping_add((at as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15)));
            let first = match (fault.time, fault.period) {
                (Some(time), _) => Some(Time::from_millis(time)),
                (None, Some(period)) => Some(Time::from_millis(period.draw(&mut rng))),
                (None, None) => None,
            };
            armed.push(Armed { fault, rng, seen: 0, struck: 0, next: first });
        }
        armed.sort_by_key(|armed| armed.fault.kind.stage());
        Self {
            seed,
            armed,
            queue: VecDeque::new(),
            queued: 0,
            floor: Time::ZERO,
            dead: None,
            glued: false,
            host: Host::default(),
            told: VecDeque::new(),
        }
    }

    /// The faults of a name; [`names`](Self::names) tells which there are.
    ///
    /// # Errors
    /// There is none of this name.
    pub fn from_preset(name: &str, seed: u64) -> Result<Self, FaultsError> {
        file::preset(name).map(|faults| Self::new(faults, seed))
    }

    /// The faults of a file: `[[fault]]` entries as [`Fault`] has them, and `include = ["NAME"]` for presets ahead of them.
    ///
    /// # Errors
    /// The text is no such file; says the line.
    pub fn from_toml(text: &str, seed: u64) -> Result<Self, FaultsError> {
        file::parse(text).map(|faults| Self::new(faults, seed))
    }

    /// Names and titles of the presets.
    pub fn names() -> Vec<(String, String)> {
        file::names()
    }

    /// The seed that repeats all this.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Bytes of the host on their way to the module.
    pub fn receive(&mut self, now: Time, bytes: &[u8], module: &mut Module) {
        self.advance(now, module);
        if self.is_dead(now) {
            return;
        }
        self.hear(now, bytes, module);
    }

    /// The next piece that comes over the wire up to `now`.
    pub fn poll(&mut self, now: Time, module: &mut Module) -> Option<Chunk> {
        self.advance(now, module);
        if self.queue.front()?.time > now {
            return None;
        }
        let chunk = self.queue.pop_front()?;
        self.queued -= chunk.bytes.len();
        Some(chunk)
    }

    /// When there is something to [`poll`](Self::poll) next, as far as is known; `None`: the module waits for the host.
    pub fn wake(&self, module: &Module) -> Option<Time> {
        let queue = self.queue.front().map(|chunk| chunk.time);
        [queue, module.wake(), self.next_timed()].into_iter().flatten().min()
    }

    /// Bytes that are on their way out, the module's own included.
    pub fn backlog(&self, module: &Module) -> usize {
        self.queued + module.backlog()
    }

    /// The next fault that struck and was not told yet.
    pub fn announced(&mut self) -> Option<Announcement> {
        self.told.pop_front()
    }

    fn tell(&mut self, time: Time, kind: Kind, what: String) {
        if self.told.len() >= TOLD {
            self.told.pop_front();
        }
        self.told.push_back(Announcement { time, kind, what, seed: self.seed });
    }

    fn next_timed(&self) -> Option<Time> {
        let due = |armed: &&Armed| armed.struck < armed.fault.limit();
        self.armed.iter().filter(due).filter_map(|armed| armed.next).min()
    }

    /// Whether the module is silent at a time.
    fn is_dead(&mut self, now: Time) -> bool {
        if let Some(Some(until)) = self.dead
            && until <= now
        {
            self.dead = None;
        }
        self.dead.is_some()
    }
}

impl Armed {
    /// Whether it strikes here; `seen` counts the places where it could have.
    fn strikes(&mut self, now: Time, newest: &[u8]) -> bool {
        let fault = &self.fault;
        let here = fault.is_on(now)
            && fault.command.as_ref().is_none_or(|start| {
                newest.get(..start.len()).is_some_and(|own| own.eq_ignore_ascii_case(start.as_bytes()))
            });
        if !here || self.struck >= fault.limit() {
            return false;
        }
        self.seen += 1;
        let first = fault.nth.unwrap_or(1);
        let due = match fault.every {
            Some(every) => self.seen >= first && (self.seen - first).is_multiple_of(every),
            None => self.seen >= first,
        };
        due && (fault.chance >= 1.0 || self.rng.f64() < fault.chance)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    #[test]
    fn every_preset_is_sound() {
        let names = Faults::names();
        assert!(names.len() >= 10);
        for (name, title) in names {
            assert!(!title.is_empty(), "{name} has no title");
            let faults = Faults::from_preset(&name, 1).unwrap();
            assert!(!faults.armed.is_empty(), "{name} is empty");
        }
    }

    #[test]
    fn mistakes_are_named_with_their_line() {
        let wrong = |text: &str| match Faults::from_toml(text, 0) {
            Err(error) => error.to_string(),
            Ok(_) => panic!("{text} is no fault file"),
        };
        assert!(wrong("[[fault]]\nkind = 'nothing'").starts_with("line 2: unknown variant `nothing`"));
        assert!(wrong("[[fault]]\nkind = 'urc'\nnht = 1").starts_with("line 3: unknown field `nht`"));
        assert_eq!(wrong("\n[[fault]]\nkind = 'urc'\nchance = 2"), "line 2: `chance` of `urc` is 2, expected 0 to 1");
        assert_eq!(
            wrong("[[fault]]\nkind = 'urc'\nat = 'command'"),
            "line 1: `urc` strikes what the module says, not the host's bytes"
        );
        assert!(wrong("include = ['hosttile']").starts_with("line 1: there are no faults called `hosttile`"));
    }
}
