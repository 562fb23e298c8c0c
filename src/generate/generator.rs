//! What all of the generator shares: a catalog, the model and firmware it writes for, and who gives state its values.

use std::sync::Arc;

use super::command::Target;
use super::item::Item;
use super::plan::Achiever;
use crate::catalog::{Catalog, Effect};

/// Writes commands, sessions and violations after a catalog.
///
/// ```
/// use atscope::catalog;
/// use atscope::generate::{Answer, Generator, Values, Writer};
///
/// let generator = Generator::new(catalog::load_builtin("esp-at").expect("the built-in catalog is sound"));
/// let mut rng = fastrand::Rng::with_seed(1);
/// let target = generator.targets().iter().copied().find(|target| generator.describe(*target).starts_with("AT+CWJAP="));
/// let command = generator.command(target.expect("it is there"), Values::Any, &mut rng).expect("it can be given");
///
/// let mut writer = Writer::new(&generator, &mut rng);
/// let mut known = writer.known.clone();
/// let plan = generator.plan(&command, &mut known, writer.rng()).expect("there is a way");
/// writer.steps(&plan); // AT+CWMODE=1
/// writer.command(&command, &Answer::default());
/// assert!(writer.script.to_transcript().contains("AT+CWMODE="));
/// ```
#[derive(Clone, Debug)]
pub struct Generator {
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) model: Option<u16>,
    pub(crate) profile: Option<u16>,
    /// Values that are taken where they are valid: of parameters, by the catalog's names.
    pub(crate) preferred: Vec<(String, Item)>,
    /// See [`targets`](Self::targets).
    pub(crate) targets: Vec<Target>,
    /// Of each state key, what gives it a value.
    pub(crate) achievers: Vec<Vec<(Achiever, Effect)>>,
}

impl Generator {
    /// For the module that the manual describes.
    pub fn new(catalog: Arc<Catalog>) -> Self {
        Self::of(catalog, None, None)
    }

    /// For a product and a firmware generation of the catalog, by name. `None`: it has no such.
    pub fn with(catalog: Arc<Catalog>, model: Option<&str>, profile: Option<&str>) -> Option<Self> {
        let model = match model {
            Some(name) => Some(catalog.model(name)?),
            None => None,
        };
        let profile = match profile {
            Some(name) => {
                let at = catalog.profiles.iter().position(|profile| profile.name.eq_ignore_ascii_case(name))?;
                Some(u16::try_from(at).ok()?)
            }
            None => None,
        };
        Some(Self::of(catalog, model, profile))
    }

    pub(crate) fn of(catalog: Arc<Catalog>, model: Option<u16>, profile: Option<u16>) -> Self {
        let mut generator =
            Self { catalog, model, profile, preferred: Vec::new(), targets: Vec::new(), achievers: Vec::new() };
        generator.targets = generator.find_targets();
        generator.achievers = generator.find_achievers();
        generator
    }

    /// With a value that is taken for a parameter of this name wherever it is valid and not all must be tried: an access point's name, a
    /// server's address.
    #[must_use]
    pub fn preferring(mut self, name: impl Into<String>, item: impl Into<Item>) -> Self {
        self.preferred.push((name.into(), item.into()));
        self
    }

    /// The catalog that it writes after.
    pub fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }

    /// The model's name.
    pub fn model(&self) -> Option<&str> {
        self.model.and_then(|at| self.catalog.models.get(usize::from(at))).map(|model| &*model.name)
    }

    /// The profile's name.
    pub fn profile(&self) -> Option<&str> {
        self.profile.and_then(|at| self.catalog.profiles.get(usize::from(at))).map(|profile| &*profile.name)
    }
}
