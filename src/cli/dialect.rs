//! Which catalog a session is held against: named, from the recording's header, or told from its traffic.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::failure::{Failure, suggestion};
use crate::catalog::{Catalog, builtin_names, detect, load_all_builtin, load_builtin, load_file};

/// The dialect to fall back on where nothing in the traffic speaks for another one.
const FALLBACK: &str = "generic";

/// The catalogs at hand: built-in ones are loaded when they are asked for.
#[derive(Debug, Default)]
pub(super) struct Catalogs {
    own: Vec<Arc<Catalog>>,
    builtin: Vec<Arc<Catalog>>,
}

/// A dialect, and why it was taken.
#[derive(Clone, Debug)]
pub(super) struct Choice {
    pub(super) catalog: Arc<Catalog>,
    /// `None` where the user named it: nothing to tell.
    pub(super) why: Option<String>,
}

impl Catalogs {
    /// With a user's own files.
    pub(super) fn new(files: &[PathBuf]) -> Result<Self, Failure> {
        let own = files.iter().map(|file| from_file(file)).collect::<Result<_, _>>()?;
        Ok(Self { own, builtin: Vec::new() })
    }

    /// The catalog of that name, or in that file.
    pub(super) fn named(&mut self, name: &str) -> Result<Arc<Catalog>, Failure> {
        if let Some(known) = self.own.iter().chain(&self.builtin).find(|catalog| &*catalog.name == name) {
            return Ok(Arc::clone(known));
        }
        if builtin_names().contains(&name) {
            let catalog = load_builtin(name).map_err(|error| Failure::Said(error.to_string()))?;
            self.builtin.push(Arc::clone(&catalog));
            return Ok(catalog);
        }
        let path = Path::new(name);
        if path.is_file() || name.contains(['/', '\\']) || name.ends_with(".toml") {
            let catalog = from_file(path)?;
            self.own.push(Arc::clone(&catalog));
            return Ok(catalog);
        }
        let names: Vec<&str> =
            self.own.iter().map(|catalog| &*catalog.name).chain(builtin_names().iter().copied()).collect();
        let near = suggestion(name, names.iter().copied());
        Err(Failure::Said(format!(
            "unknown dialect `{name}`{near}; there are: {}, or the file of a catalog",
            names.join(", ")
        )))
    }

    /// All of them, the user's own first.
    pub(super) fn all(&mut self) -> Result<Vec<Arc<Catalog>>, Failure> {
        if self.builtin.is_empty() {
            self.builtin = load_all_builtin();
        }
        let mut all = self.own.clone();
        for name in builtin_names() {
            if !all.iter().any(|catalog| catalog.name == (*name).into()) {
                all.push(self.named(name)?);
            }
        }
        Ok(all)
    }

    /// Tells the dialect from traffic.
    pub(super) fn told(&mut self, host: &[u8], module: &[u8]) -> Result<Choice, Failure> {
        let candidates = self.all()?;
        let Some(detection) = detect(&candidates, host, module) else {
            let why = "nothing in the traffic speaks for a dialect; choose one with -d".to_owned();
            return Ok(Choice { catalog: self.named(FALLBACK)?, why: Some(why) });
        };
        let why = format!("told from {}; choose another one with -d", detection.why);
        Ok(Choice { catalog: self.named(&detection.dialect)?, why: Some(why) })
    }
}

fn from_file(path: &Path) -> Result<Arc<Catalog>, Failure> {
    load_file(path).map_err(|error| Failure::Said(error.to_string()))
}

/// The catalog's own spelling of a model's name, or what is wrong with it.
pub(super) fn model(catalog: &Catalog, name: &str) -> Result<String, String> {
    if let Some(known) = catalog.model(name).and_then(|at| catalog.models.get(usize::from(at))) {
        return Ok(known.name.to_string());
    }
    let names: Vec<&str> = catalog.models.iter().map(|model| &*model.name).collect();
    let near = suggestion(name, names.iter().copied());
    let known = if names.is_empty() { "it has none".to_owned() } else { format!("it has: {}", names.join(", ")) };
    Err(format!("the dialect {} has no model `{name}`{near}; {known}", catalog.name))
}
