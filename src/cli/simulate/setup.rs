//! From arguments to modules: everything that can be wrong is found before anybody opens the line.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use super::args::Simulate;
use super::mail::{Mailbox, Outbox};
use super::monitor::{Look, Monitor};
use super::record::{Recorder, Recording};
use super::session::{Clock, Manners, Session, State, Tell};
use super::teller;
use super::wire::Wire;
use crate::catalog::{Catalog, builtin_names};
use crate::cli::config::Config;
use crate::cli::dialect::{self, Catalogs};
use crate::cli::failure::{Failure, suggestion};
use crate::cli::out::Out;
use crate::module::faults::Faults;
use crate::module::{Allowed, Module, Net, Scenario, Scripted, Setup, World};

/// What all modules of a run have in common.
pub(super) struct Plan {
    catalog: Arc<Catalog>,
    model: Option<String>,
    profile: Option<String>,
    booted: bool,
    seed: u64,
    baud: Option<u32>,
    scenario: Scenario,
    net: Option<Vec<Allowed>>,
    faults: Option<Misbehaviour>,
    recorder: Option<Recorder>,
    look: Option<Look>,
    /// Several modules may be about at a time.
    several: bool,
    pub(super) tell: Tell,
}

/// Where faults come from.
enum Misbehaviour {
    Preset(String),
    /// Name and text of a file.
    File(String, String),
}

impl Plan {
    /// Reads all files and looks at all names.
    pub(super) fn new(args: &Simulate, config: &Config, out: &Out) -> Result<Self, Failure> {
        let which = &args.which;
        let files: Vec<_> = which.catalog.iter().chain(&config.catalog).cloned().collect();
        let mut catalogs = Catalogs::new(&files)?;
        let name =
            which.dialect.as_ref().or(config.dialect.as_ref()).filter(|name| *name != "auto").ok_or_else(|| {
                let names = builtin_names().join(", ");
                Failure::Said(format!("which module? say its dialect with -d: {names}, or the file of a catalog"))
            })?;
        let catalog = catalogs.named(name)?;
        let model = which.model.as_ref().or(config.model.as_ref());
        let model = model.map(|name| dialect::model(&catalog, name)).transpose().map_err(Failure::Said)?;
        let profile = which.profile.as_deref().map(|name| profile(&catalog, name)).transpose()?;
        let scenario = match &args.world.scenario {
            Some(path) => Scenario::load(path).map_err(|error| Failure::Said(error.to_string()))?,
            None => Scenario::default(),
        };
        let faults = which.faults.as_deref().map(misbehaviour).transpose()?;
        let mut headers = vec![("dialect".to_owned(), header(name, &catalog))];
        headers.extend(model.iter().map(|model| ("model".to_owned(), model.clone())));
        headers.extend(profile.iter().map(|profile| ("profile".to_owned(), profile.clone())));
        headers.push(("start".to_owned(), "boot".to_owned()));
        headers.push(("origin".to_owned(), concat!("atscope ", env!("CARGO_PKG_VERSION"), " simulate").to_owned()));
        headers.push(("seed".to_owned(), which.seed.to_string()));
        let mut plan = Self {
            model: model.clone(),
            profile,
            booted: which.booted,
            seed: which.seed,
            baud: args.line.baud,
            scenario,
            net: args.world.net.then(|| args.world.allow.clone()),
            faults,
            recorder: None,
            look: args.output.monitor.then(|| Look {
                catalog: Arc::clone(&catalog),
                model,
                levels: config.levels.clone(),
                voice: out.voice(),
            }),
            several: args.line.listen.is_some(),
            tell: teller(out.voice()),
            catalog,
        };
        plan.module(Box::new(Scripted::default()))?;
        plan.faults()?;
        if let Some(path) = &args.output.record {
            let recording = Recording::new(path, headers, !args.line.virtual_clock)?;
            if !recording.is_kept() {
                let name = path.display();
                out.note(&format!(
                    "{name}: levels are whole only once the session has ended; .at and .pcapng are kept all along"
                ));
            }
            plan.recorder = Some(Recorder::new(recording)?);
        }
        Ok(plan)
    }

    /// What it is, for people.
    pub(super) fn title(&self) -> String {
        let more = [&self.model, &self.profile].into_iter().flatten().map(|name| format!(" {name}"));
        format!("{}{}", self.catalog.name, more.collect::<String>())
    }

    fn module(&self, world: Box<dyn World>) -> Result<Module, Failure> {
        let setup =
            Setup { model: self.model.clone(), profile: self.profile.clone(), seed: self.seed, booted: self.booted };
        Module::new(Arc::clone(&self.catalog), &setup, world).map_err(|error| Failure::Said(error.to_string()))
    }

    fn faults(&self) -> Result<Faults, Failure> {
        match &self.faults {
            None => Ok(Faults::none()),
            Some(Misbehaviour::Preset(name)) => {
                Faults::from_preset(name, self.seed).map_err(|error| Failure::Said(error.to_string()))
            }
            Some(Misbehaviour::File(name, text)) => {
                Faults::from_toml(text, self.seed).map_err(|error| Failure::Said(format!("{name}: {error}")))
            }
        }
    }

    /// A module that is powered now, on this line; `number` counts them from 0.
    pub(super) fn session(
        &self,
        number: u32,
        line: &str,
        mailbox: &Arc<Mailbox>,
        outbox: &Arc<Outbox>,
        manners: Manners,
    ) -> Result<Session, Failure> {
        let world: Box<dyn World> = match &self.net {
            None => Box::new(Scripted::seeded(self.scenario.clone(), self.seed)),
            Some(allowed) => {
                let (mailbox, tell) = (Arc::clone(mailbox), Arc::clone(&self.tell));
                let net = Net::new(self.scenario.clone(), self.seed, allowed.clone())
                    .on_event(move || mailbox.nudge())
                    .on_note(move |note| tell(super::session::Level::Note, note));
                Box::new(net)
            }
        };
        let track = self.recorder.as_ref().map(|recorder| recorder.track(number)).transpose()?;
        if let (Some(recorder), 1..) = (&self.recorder, number) {
            let path = recorder.path(number);
            (self.tell)(super::session::Level::Note, &format!("connection {number} is recorded in {}", path.display()));
        }
        Ok(Session {
            module: self.module(world)?,
            faults: self.faults()?,
            mailbox: Arc::clone(mailbox),
            outbox: Arc::clone(outbox),
            clock: Clock::Real(Instant::now()),
            manners,
            baud: self.baud,
            to_module: Wire::new(self.baud),
            to_host: Wire::new(self.baud),
            track,
            monitor: self.look.as_ref().map(|look| Monitor::new(look, line, self.several.then_some(number))),
            tell: Arc::clone(&self.tell),
            state: State::default(),
        })
    }

    /// Ends what all modules of the run wrote to.
    pub(super) fn finish(&self) -> Result<(), Failure> {
        self.recorder.as_ref().map_or(Ok(()), Recorder::finish)
    }
}

/// How a recording names the dialect, so that `check` finds it again: a catalog of one's own by its file.
fn header(name: &str, catalog: &Catalog) -> String {
    if Path::new(name).is_file() { name.to_owned() } else { catalog.name.to_string() }
}

/// The catalog's own spelling of a profile's name.
fn profile(catalog: &Catalog, name: &str) -> Result<String, Failure> {
    let known = || catalog.profiles.iter().map(|profile| &*profile.name);
    if let Some(known) = known().find(|known| known.eq_ignore_ascii_case(name)) {
        return Ok(known.to_owned());
    }
    let names: Vec<&str> = known().collect();
    let there = if names.is_empty() { "it has none".to_owned() } else { format!("it has: {}", names.join(", ")) };
    let near = suggestion(name, known());
    Err(Failure::Said(format!("the dialect {} has no profile `{name}`{near}; {there}", catalog.name)))
}

/// A preset of that name, or a file.
fn misbehaviour(name: &str) -> Result<Misbehaviour, Failure> {
    let presets: Vec<String> = Faults::names().into_iter().map(|(name, _)| name).collect();
    if presets.iter().any(|preset| preset == name) {
        return Ok(Misbehaviour::Preset(name.to_owned()));
    }
    if Path::new(name).is_file() || name.contains(['/', '\\']) || name.ends_with(".toml") {
        let text = std::fs::read_to_string(name);
        let text = text.map_err(|error| Failure::Said(format!("{name}: cannot be read: {error}")))?;
        return Ok(Misbehaviour::File(name.to_owned(), text));
    }
    let near = suggestion(name, presets.iter().map(String::as_str));
    let names = presets.join(", ");
    Err(Failure::Said(format!("there are no faults called `{name}`{near}; there are: {names}, or the name of a file")))
}
