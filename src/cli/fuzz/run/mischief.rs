//! What goes wrong in a run, all of it out of one seed: faults of the line and the module, or answers that are almost right. It ends, so that
//! what a driver makes of a healthy module behind it is seen, too.

use std::sync::Arc;

use fastrand::Rng;

use crate::Time;
use crate::catalog::Catalog;
use crate::cli::failure::Failure;
use crate::escape::escape;
use crate::module::Module;
use crate::module::faults::Faults;
use crate::mutate::{InputForm, Mutator, Options};

/// Bytes that a changed piece may have at most.
const LARGEST: usize = 8192;

/// Faults that make a run long rather than interesting.
const SLOW: [&str; 2] = ["late", "silence"];

/// What goes wrong.
pub(super) struct Mischief {
    /// What it is, in a few words.
    pub(super) title: String,
    faults: Faults,
    mutator: Option<(Mutator, f64)>,
    rng: Rng,
    /// So many times, then no more.
    left: u32,
    healed: Option<Time>,
    /// What was done, with its time.
    pub(super) done: Vec<(Time, String)>,
}

impl Mischief {
    /// None at all.
    pub(super) fn none() -> Self {
        Self {
            title: "healthy".to_owned(),
            faults: Faults::none(),
            mutator: None,
            rng: Rng::with_seed(0),
            left: 0,
            healed: Some(Time::ZERO),
            done: Vec::new(),
        }
    }

    /// That of a seed. `preset`: these faults, whatever the seed says.
    pub(super) fn of_seed(
        catalog: &Arc<Catalog>,
        file: &Known,
        preset: Option<&str>,
        seed: u64,
    ) -> Result<Self, Failure> {
        let mut rng = Rng::with_seed(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(1));
        let names: Vec<String> = Faults::names().into_iter().map(|(name, _)| name).collect();
        let mut mischief = Self { healed: None, left: 1 + rng.u32(0..12), ..Self::none() };
        let mutates = preset.is_none() && rng.u8(0..100) < 55;
        if mutates {
            let share = *rng.choice(&[0.1, 0.25, 0.5, 0.8]).unwrap_or(&0.25);
            let options = Options {
                dialect: Some(file.dialect.clone()),
                model: file.model.clone(),
                form: InputForm::Stream,
                program: file.program.clone(),
                ..Options::default()
            };
            let mutator = Mutator::new(&options).map_err(|error| Failure::Said(error.to_string()))?;
            mischief.title = format!("answers of {} changed, {:.0} of 100", catalog.name, share * 100.0);
            mischief.mutator = Some((mutator, share));
        } else {
            let quick: Vec<&String> = names.iter().filter(|name| !SLOW.contains(&name.as_str())).collect();
            let name = match preset {
                Some(name) => name.to_owned(),
                None => rng.choice(&quick).map(|name| (*name).clone()).unwrap_or_default(),
            };
            mischief.faults = match file.faults.as_ref().filter(|_| preset.is_some()) {
                Some(text) => {
                    Faults::from_toml(text, seed).map_err(|error| Failure::Said(format!("{name}: {error}")))?
                }
                None => Faults::from_preset(&name, seed).map_err(|error| Failure::Said(error.to_string()))?,
            };
            mischief.title = format!("faults `{name}`");
        }
        mischief.rng = rng;
        Ok(mischief)
    }

    /// When it ended, if it has.
    pub(super) fn healed(&self) -> Option<Time> {
        self.healed
    }

    /// No more of it from here on.
    pub(super) fn heal(&mut self, now: Time) {
        if self.healed.is_none() {
            self.healed = Some(now);
            self.mutator = None;
        }
    }

    /// Bytes of the host on their way to the module.
    pub(super) fn receive(&mut self, now: Time, bytes: &[u8], module: &mut Module) {
        self.faults.receive(now, bytes, module);
    }

    /// The next piece that comes over the line.
    pub(super) fn poll(&mut self, now: Time, module: &mut Module) -> Option<Vec<u8>> {
        // Faults that are over give back what they held first.
        if self.healed.is_some() && self.faults.backlog(module) == module.backlog() {
            self.faults = Faults::none();
        }
        let chunk = self.faults.poll(now, module);
        // What does not come is told, too.
        while let Some(told) = self.faults.announced() {
            self.strike(told.time, told.what);
        }
        let chunk = chunk?;
        let mut bytes = chunk.bytes;
        let changed = match &mut self.mutator {
            Some((mutator, share)) if self.rng.f64() < *share => {
                let other = mutator.mutate(&bytes, LARGEST, self.rng.u64(..));
                (other != bytes).then(|| other.to_vec())
            }
            _ => None,
        };
        if let Some(other) = changed {
            self.strike(now, format!("`{}` becomes `{}`", shortened(&bytes), shortened(&other)));
            bytes = other;
        }
        Some(bytes)
    }

    /// When there is something to poll next.
    pub(super) fn wake(&self, module: &Module) -> Option<Time> {
        self.faults.wake(module)
    }

    fn strike(&mut self, now: Time, what: String) {
        self.done.push((now, what));
        self.left = self.left.saturating_sub(1);
        if self.left == 0 {
            self.heal(now);
        }
    }
}

/// What mischief is made of beside the seed.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    pub(super) dialect: String,
    pub(super) model: Option<String>,
    /// Whose texts are put into answers.
    pub(super) program: Option<std::path::PathBuf>,
    /// The text of a file of faults.
    pub(super) faults: Option<String>,
}

fn shortened(bytes: &[u8]) -> String {
    const MOST: usize = 120;
    let shown = escape(bytes.get(..MOST).unwrap_or(bytes)).to_string();
    if bytes.len() > MOST { format!("{shown}… ({} bytes)", bytes.len()) } else { shown }
}
