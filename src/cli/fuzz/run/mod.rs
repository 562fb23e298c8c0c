//! `atscope fuzz run`: a module that misbehaves, played for a whole driver program.
//!
//! ```text
//! seed ─► mischief ─┐
//! catalog ► module ─┴─ play ─ line ─► driver
//!                       └─ seen ─► oracle ─► keep
//! ```

mod keep;
mod line;
mod mischief;
mod oracle;
mod play;
mod replay;
mod watch;

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use self::keep::Keeper;
use self::line::Driver;
use self::mischief::{Known, Mischief};
use self::oracle::{Verdict, Wanted, judge, reports};
pub(super) use self::play::{End, Seen};
use self::play::{Limits, play};
use super::super::dialect::{self, Catalogs};
use super::super::failure::Failure;
use super::super::out::Out;
use super::super::{FINE, FOUND, interrupt, line as print_line};
use super::args::{Connected, Played, Run, Wire};
use super::generate::generator;
use crate::catalog::Catalog;
use crate::check::{Analyzer, Options};
use crate::module::{Module, Scenario, Scripted, Setup};

/// A healthy run is looked at no longer.
const HEALTHY: Duration = Duration::from_secs(30);

/// Memory that any driver may take on top of what it takes when all is well.
const SPARE: u64 = 64 << 20;

/// The driver, the module and the line between them.
pub(super) struct Bench {
    pub(super) catalog: Arc<Catalog>,
    pub(super) model: Option<String>,
    profile: Option<String>,
    scenario: Scenario,
    command: Vec<OsString>,
    wire: Wire,
}

impl Bench {
    /// Looks at all names and files.
    pub(super) fn new(module: &Played, line: Connected, command: &[OsString]) -> Result<Self, Failure> {
        let catalog = Catalogs::new(&[])?.named(&module.dialect)?;
        let model = module.model.as_deref().map(|name| dialect::model(&catalog, name)).transpose();
        let model = model.map_err(Failure::Said)?;
        generator(Arc::clone(&catalog), model.as_deref(), module.profile.as_deref())?;
        let scenario = match &module.scenario {
            Some(path) => Scenario::load(path).map_err(|error| Failure::Said(error.to_string()))?,
            None => Scenario::default(),
        };
        let profile = module.profile.clone();
        let bench = Self { catalog, model, profile, scenario, command: command.to_vec(), wire: line.wire() };
        bench.module(0)?;
        Ok(bench)
    }

    fn module(&self, seed: u64) -> Result<Module, Failure> {
        let world = Box::new(Scripted::seeded(self.scenario.clone(), seed));
        let setup = Setup { model: self.model.clone(), profile: self.profile.clone(), seed, booted: false };
        Module::new(Arc::clone(&self.catalog), &setup, world).map_err(|error| Failure::Said(error.to_string()))
    }

    /// The run in which all goes well.
    pub(super) fn healthy(&self, silence: Duration, memory: u64) -> Result<Seen, Failure> {
        let limits = Limits { silence, whole: HEALTHY, memory };
        self.run(0, Mischief::none(), Duration::ZERO, limits)
    }

    fn run(&self, seed: u64, mischief: Mischief, heal_after: Duration, limits: Limits) -> Result<Seen, Failure> {
        let driver = Driver::start(&self.command, self.wire)?;
        play(driver, self.module(seed)?, self.analyzer(), mischief, heal_after, limits)
    }

    /// Follows a conversation that starts when the module does.
    pub(super) fn analyzer(&self) -> Analyzer {
        let options = Options { model: self.model.clone(), from_boot: true, ..Options::default() };
        Analyzer::new(Arc::clone(&self.catalog), options)
    }

    /// The driver's file, whose texts answers are made of.
    pub(super) fn program(&self) -> Option<PathBuf> {
        let name = Path::new(self.command.first()?);
        if name.components().count() > 1 {
            return Some(name.to_owned()).filter(|path| path.is_file());
        }
        let paths = std::env::var_os("PATH")?;
        std::env::split_paths(&paths).map(|folder| folder.join(name)).find(|path| path.is_file())
    }
}

/// What a healthy run showed, in a line.
pub(in crate::cli::fuzz) fn healthy_told(seen: &Seen) -> String {
    let how = match seen.end {
        End::Exit(status) => format!("ends with status {status}"),
        End::Signal(signal) => format!("is ended by signal {signal}"),
        End::Silent { .. } => "goes on and waits".to_owned(),
        End::Talking => "goes on and talks".to_owned(),
        End::Large(bytes) => format!("has grown to {} MiB", bytes >> 20),
        End::Interrupted => "was interrupted".to_owned(),
    };
    let (commands, good, took) = (seen.commands, seen.good, seen.took.as_secs_f64());
    format!(
        "when all is well, the driver sends {commands} commands in {took:.1} s, {good} of them succeed, and it {how}"
    )
}

/// Runs the driver again and again, each time with other trouble.
pub(super) fn run(args: &Run, out: &mut Out) -> Result<u8, Failure> {
    let bench = Bench::new(&args.module, args.line, &args.command)?;
    let silence = seconds(args.timeout, "--timeout")?;
    let wanted = Wanted { exits: args.fail_exit.clone(), texts: args.fail_log.clone() };
    interrupt::watch_all();
    if let Some(file) = &args.replay {
        return replay::replay(&bench, file, silence, args.memory, &wanted, out);
    }
    let known = known(&bench, args)?;
    let healthy = bench.healthy(silence, u64::MAX)?;
    out.note(&healthy_told(&healthy));
    if healthy.end == End::Interrupted {
        return Ok(interrupt::status());
    }
    if healthy.commands == 0 {
        let said = healthy.log.lines().last().map_or_else(String::new, |line| format!("; it says: {line}"));
        return Err(Failure::Said(format!(
            "the driver sends no command to a healthy module: is the line right (standard input and output, --pty, --tcp)?{said}"
        )));
    }
    for breach in &healthy.breaches {
        out.warning(&format!("also when all is well, {} breaks {}: {}", breach.command, breach.rule, breach.message));
    }
    for report in reports(&healthy.log) {
        out.warning(&format!("also when all is well: {}", report.text));
    }
    let limits = Limits {
        silence,
        whole: match args.limit {
            Some(limit) => seconds(limit, "--limit")?,
            None => healthy.took * 4 + silence * 2,
        },
        memory: args.memory.map_or(healthy.memory * 4 + SPARE, |mib| mib << 20),
    };
    // Trouble that does not end by itself ends then.
    let heal_after = healthy.took.mul_f64(1.5).max(Duration::from_millis(500));
    let one = |seed: u64| -> Result<(Seen, Vec<Verdict>, String), Failure> {
        let mischief = Mischief::of_seed(&bench.catalog, &known, args.faults.as_deref(), seed)?;
        let title = mischief.title.clone();
        let seen = bench.run(seed, mischief, heal_after, limits)?;
        let verdicts = if seen.end == End::Interrupted { Vec::new() } else { judge(&healthy, &seen, &wanted) };
        Ok((seen, verdicts, title))
    };
    let mut keeper = Keeper::new(&args.output, args, &bench)?;
    if let Some(seed) = args.repeat {
        let (seen, verdicts, title) = one(seed)?;
        out.note(&format!("seed {seed}: {title}"));
        for (time, what) in &seen.done {
            print_line(out, format_args!("{:>12}  {what}", format!("{time:.6}")));
        }
        keeper.enter(seed, &title, &seen, verdicts, out)?;
        return keeper.finish(1, healthy.took, out);
    }
    let started = Instant::now();
    let until = args.time.map(|time| seconds(time, "--time")).transpose()?.map(|time| started + time);
    let jobs = args.jobs.map_or_else(|| std::thread::available_parallelism().map_or(1, usize::from), usize::from);
    let (next, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let (sender, results) = mpsc::channel();
    let mut failure = None;
    std::thread::scope(|scope| {
        for _ in 0..jobs.min(usize::try_from(args.runs).unwrap_or(usize::MAX)) {
            let (sender, one, next, stop) = (sender.clone(), &one, &next, &stop);
            scope.spawn(move || {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let over = at >= args.runs || until.is_some_and(|until| Instant::now() >= until);
                    if over || stop.load(Ordering::Relaxed) || interrupt::asked() {
                        return;
                    }
                    let seed = args.seed.wrapping_add(at);
                    if sender.send((seed, one(seed))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let mut shown = keep::Statistics::new(args.runs);
        loop {
            match results.recv_timeout(Duration::from_millis(200)) {
                Ok((seed, Ok((seen, verdicts, title)))) => {
                    shown.run(&seen);
                    if let Err(error) = shown.aside(|| keeper.enter(seed, &title, &seen, verdicts, out)) {
                        failure.get_or_insert(error);
                    }
                }
                Ok((_, Err(error))) => {
                    failure.get_or_insert(error);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            stop.store(failure.is_some(), Ordering::Relaxed);
            shown.draw(keeper.len());
        }
    });
    match failure {
        Some(failure) => Err(failure),
        None => keeper.finish(next.load(Ordering::Relaxed).min(args.runs), started.elapsed(), out),
    }
}

fn known(bench: &Bench, args: &Run) -> Result<Known, Failure> {
    let mut known = Known {
        dialect: args.module.dialect.clone(),
        model: bench.model.clone(),
        program: bench.program(),
        faults: None,
    };
    if let Some(name) = &args.faults
        && Path::new(name).is_file()
    {
        known.faults = Some(fs::read_to_string(name).map_err(|error| Failure::Said(format!("{name}: {error}")))?);
    }
    // A name that is none, or a mistake in the file, is told ahead of any run.
    if args.faults.is_some() {
        Mischief::of_seed(&bench.catalog, &known, args.faults.as_deref(), 0)?;
    }
    Ok(known)
}

fn seconds(value: f64, option: &str) -> Result<Duration, Failure> {
    let wrong = || Failure::Said(format!("{option} {value}: expected seconds, more than 0"));
    Duration::try_from_secs_f64(value).ok().filter(|time| !time.is_zero()).ok_or_else(wrong)
}

/// The exit status of a run that was not interrupted.
const fn status(failures: usize) -> u8 {
    if failures > 0 { FOUND } else { FINE }
}
