//! A serial port with a virtual module behind it, for tests of drivers.
//!
//! The driver gets a [`Port`]: `std::io::{Read, Write}`, and behind features of the same names `embedded_io`, `embedded_io_async` and tokio's
//! traits. It can be split into a [`Reader`] and a [`Writer`] for two threads or tasks. The test keeps a [`Control`]: it asserts what the
//! driver sent, says things of its own, moves the clock, and reads the transcript and what the rules found in it.
//!
//! ```
//! use std::io::{BufRead, BufReader, Write};
//! use atscope::port::Port;
//!
//! /// The driver: asks for the mode.
//! fn mode(port: &mut Port) -> std::io::Result<Option<u8>> {
//!     port.write_all(b"AT+CWMODE?\r\n")?;
//!     let mut lines = BufReader::new(port).lines();
//!     let mut mode = None;
//!     while let Some(line) = lines.next().transpose()? {
//!         match line.strip_prefix("+CWMODE:") {
//!             Some(value) => mode = value.parse().ok(),
//!             None if line == "OK" => break,
//!             None => {}
//!         }
//!     }
//!     Ok(mode)
//! }
//!
//! let mut port = Port::builder("esp-at").seed(1).build()?;
//! let control = port.control();
//! control.answer("AT+CWMODE?", ["+CWMODE:3", "OK"]); // this one so, all else by the module
//! assert_eq!(mode(&mut port)?, Some(3));
//! control.expect("AT+CWMODE?")?;
//! control.check()?; // and the driver broke no rule of the manual
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Time
//!
//! The module has a clock of its own. With [`Clock::Virtual`] a read that has to wait moves it to where the module speaks, so a minute of
//! timeouts takes no time, and the same calls give the same bytes at the same times. A read with a timeout fails with `TimedOut` once the clock has
//! moved on by as much; one without fails so when nothing more is to come. Where reader and writer run side by side, skipping would
//! run past the data that the module waits for: a port that is split, or scripted from another thread, goes by [`Clock::Hurried`] unless
//! another clock was chosen. With tokio the module follows tokio's clock, also a paused one.
#![cfg_attr(feature = "embedded-io", doc = include_str!("atat.md"))]

mod clock;
mod control;
#[cfg(feature = "embedded-io")]
mod embedded;
mod line;
mod log;
mod script;
mod shared;
#[cfg(feature = "tokio")]
mod tokio;

use std::io;
use std::sync::Arc;
use std::time::Duration;

pub use self::clock::Clock;
pub use self::control::Control;
pub use self::script::{Mismatch, Script, Sent};
#[cfg(feature = "tokio")]
pub use self::tokio::TokioPort;

use self::clock::Watch;
use self::line::Line;
use self::log::Log;
use self::shared::Shared;
use crate::catalog::{self, Catalog, CatalogError};
use crate::module::faults::Faults;
use crate::module::{Module, Scenario, Scripted, Setup, SetupError, World};

/// Why a port cannot be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PortError {
    /// There is no such dialect, or its catalog cannot be read.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The dialect has no such model or profile.
    #[error(transparent)]
    Setup(#[from] SetupError),
}

/// What stands behind a port, and how it behaves.
#[derive(Default)]
pub struct Builder {
    dialect: String,
    catalog: Option<Arc<Catalog>>,
    setup: Setup,
    boots: bool,
    world: Option<Box<dyn World>>,
    faults: Option<Faults>,
    clock: Option<Clock>,
    timeout: Option<Duration>,
    script: Option<Script>,
}

impl Builder {
    /// A product of the dialect: `esp8266`.
    #[must_use]
    pub fn model(mut self, model: impl Into<String>) -> Self {
        self.setup.model = Some(model.into());
        self
    }

    /// A firmware generation of the dialect: `nonos`.
    #[must_use]
    pub fn profile(mut self, profile: impl Into<String>) -> Self {
        self.setup.profile = Some(profile.into());
        self
    }

    /// The seed of all that varies: delays, addresses, counters. Faults have their own.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.setup.seed = seed;
        self
    }

    /// The module is powered up with the port, and prints its boot banner; without, it is up already.
    #[must_use]
    pub fn boots(mut self) -> Self {
        self.boots = true;
        self
    }

    /// A catalog of one's own.
    #[must_use]
    pub fn catalog(mut self, catalog: Arc<Catalog>) -> Self {
        self.catalog = Some(catalog);
        self
    }

    /// What stands around the module: access points, servers, brokers.
    #[must_use]
    pub fn scenario(self, scenario: Scenario) -> Self {
        self.world(Box::new(Scripted::new(scenario)))
    }

    /// A world of one's own.
    #[must_use]
    pub fn world(mut self, world: Box<dyn World>) -> Self {
        self.world = Some(world);
        self
    }

    /// What goes wrong.
    #[must_use]
    pub fn faults(mut self, faults: Faults) -> Self {
        self.faults = Some(faults);
        self
    }

    /// How time passes; see the [module's documentation](self).
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = Some(clock);
        self
    }

    /// How long a read waits; left out: as long as something is to come.
    #[must_use]
    pub fn read_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// What the driver must send, step by step, while the module answers; what the script says comes on top.
    #[must_use]
    pub fn script(mut self, script: Script) -> Self {
        self.script = Some(script);
        self
    }

    /// The port.
    ///
    /// # Errors
    /// There is no such dialect, model or profile.
    pub fn build(self) -> Result<Port, PortError> {
        let catalog = match self.catalog {
            Some(catalog) => catalog,
            None => catalog::load_builtin(&self.dialect)?,
        };
        let setup = Setup { booted: !self.boots, ..self.setup };
        let world = self.world.unwrap_or_else(|| Box::new(Scripted::new(Scenario::default())));
        let log = Log::new(Some(&catalog), setup.model.as_deref());
        let module = Module::new(catalog, &setup, world)?;
        let faults = self.faults.unwrap_or_else(Faults::none);
        let mut line = Line::new(Some(module), faults, Watch::new(self.clock), log);
        line.timeout = self.timeout;
        line.steps = self.script.map(|script| script.steps);
        Ok(Port::of(line))
    }
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder").field("dialect", &self.dialect).field("setup", &self.setup).finish_non_exhaustive()
    }
}

/// The driver's end of the line; see the [module's documentation](self).
pub struct Port {
    shared: Arc<Shared>,
}

/// The half of a port that a driver reads from.
pub struct Reader {
    shared: Arc<Shared>,
}

/// The half of a port that a driver writes to.
pub struct Writer {
    shared: Arc<Shared>,
}

impl Port {
    /// A port with a module of this dialect behind it: `esp-at`, `simcom`, `fibocom`, `generic`, …
    pub fn builder(dialect: impl Into<String>) -> Builder {
        Builder { dialect: dialect.into(), ..Builder::default() }
    }

    /// A port with nothing behind it but a script.
    pub fn scripted(script: Script) -> Self {
        let mut line = Line::new(None, Faults::none(), Watch::new(None), Log::new(None, None));
        line.steps = Some(script.steps);
        Self::of(line)
    }

    /// A port with nothing behind it at all: what the driver hears is what [`Control::reply`] and [`Control::send`] say.
    pub fn bare() -> Self {
        Self::of(Line::new(None, Faults::none(), Watch::new(None), Log::new(None, None)))
    }

    fn of(line: Line) -> Self {
        let shared = Shared::new(line);
        shared.lock().ends = 1;
        Self { shared }
    }

    /// The test's end: any number of them, on any thread.
    pub fn control(&self) -> Control {
        Control::new(Arc::clone(&self.shared))
    }

    /// Two halves, for two threads or tasks. Unless a clock was chosen, it is [`Clock::Hurried`] from now on.
    pub fn split(self) -> (Reader, Writer) {
        let mut line = self.shared.lock();
        line.watch.settle();
        line.split = true;
        line.ends += 2;
        drop(line);
        (Reader { shared: Arc::clone(&self.shared) }, Writer { shared: Arc::clone(&self.shared) })
    }

    /// How long a read waits; `None`: as long as something is to come.
    pub fn set_read_timeout(&mut self, timeout: Option<Duration>) {
        self.shared.lock().timeout = timeout;
    }

    /// The same port for tokio; the module's clock follows tokio's from now on, also where that one is paused.
    #[cfg(feature = "tokio")]
    pub fn into_tokio(self) -> TokioPort {
        TokioPort::new(self)
    }
}

impl Reader {
    /// As of [`Port`].
    pub fn set_read_timeout(&mut self, timeout: Option<Duration>) {
        self.shared.lock().timeout = timeout;
    }
}

macro_rules! end {
    ($($end:ident)+) => { $(
        impl Drop for $end {
            fn drop(&mut self) {
                let mut line = self.shared.lock();
                line.ends -= 1;
                self.shared.notify(line);
            }
        }

        impl std::fmt::Debug for $end {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($end)).finish_non_exhaustive()
            }
        }
    )+ };
}

macro_rules! read {
    ($($end:ident)+) => { $(
        impl io::Read for $end {
            /// Gives what is due, of one piece of the module's output at most.
            ///
            /// # Errors
            /// `TimedOut` when nothing came, `WouldBlock` when nothing can come before the clock is moved, `BrokenPipe` when the port is
            /// unplugged, and a [`Mismatch`] when the driver did not send what a script says.
            fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
                self.shared.read(buf)
            }
        }
    )+ };
}

macro_rules! write {
    ($($end:ident)+) => { $(
        impl io::Write for $end {
            /// Takes everything at once.
            ///
            /// # Errors
            /// `BrokenPipe` when the port is unplugged, and a [`Mismatch`] when the driver did not send what a script says.
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.shared.write(bytes)
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
    )+ };
}

end!(Port Reader Writer);
read!(Port Reader);
write!(Port Writer);
