//! The catalogs that come with the program, and how a user's own is loaded.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use super::load;
use super::model::Catalog;
use super::source::{CatalogError, Mistake};

/// Name, file name and text of each built-in catalog.
const BUILTIN: [(&str, &str, &str); 5] = [
    ("simcom", "simcom.toml", include_str!("simcom.toml")),
    ("fibocom", "fibocom.toml", include_str!("fibocom.toml")),
    ("esp-at", "esp-at.toml", include_str!("esp-at.toml")),
    (BASE, "generic.toml", include_str!("generic.toml")),
    ("pan1321", "pan1321.toml", include_str!("pan1321.toml")),
];

/// The catalog that others extend: read once for all of them.
pub(super) const BASE: &str = "generic";

/// Those that do not extend it: read beside it. What stands here decides about time alone.
const ALONE: [&str; 2] = ["esp-at", "pan1321"];

const NAMES: [&str; 5] = ["simcom", "fibocom", "esp-at", "generic", "pan1321"];

/// The names of the built-in catalogs.
pub const fn builtin_names() -> &'static [&'static str] {
    &NAMES
}

/// File name and text of a built-in catalog.
pub fn builtin_text(name: &str) -> Option<(&'static str, &'static str)> {
    BUILTIN.iter().find(|entry| entry.0 == name).map(|entry| (entry.1, entry.2))
}

fn one_mistake(file: &str, line: usize, message: String) -> CatalogError {
    CatalogError { mistakes: vec![Mistake { file: file.to_owned(), line, message }] }
}

/// Loads a built-in catalog.
///
/// # Errors
/// Where there is no catalog of that name.
pub fn load_builtin(name: &str) -> Result<Arc<Catalog>, CatalogError> {
    match builtin_text(name) {
        Some((file, text)) => load_text(file, text),
        None => {
            Err(one_mistake(name, 0, format!("there is no built-in catalog of this name, only {}", NAMES.join(", "))))
        }
    }
}

/// Loads all built-in catalogs, in the order of [`builtin_names`]: for telling the dialect from traffic.
///
/// They are read side by side: a start should not wait for four manuals that it will not need.
pub fn load_all_builtin() -> Vec<Arc<Catalog>> {
    let load = |alone: bool, base: Option<&load::Builder>| {
        let mine = BUILTIN.iter().filter(|(name, ..)| *name != BASE && ALONE.contains(name) == alone);
        mine.map(|&(_, file, text)| build(file, load::read(file, text, library(base)))).collect::<Vec<_>>()
    };
    let mut all = std::thread::scope(|scope| {
        let alone = scope.spawn(|| load(true, None));
        let mut all = Vec::new();
        if let Some((file, text)) = builtin_text(BASE) {
            let base = load::read(file, text, library(None));
            all = load(false, Some(&base));
            all.push(build(file, base));
        }
        all.extend(alone.join().unwrap_or_default());
        all
    });
    let place = |catalog: &Arc<Catalog>| NAMES.iter().position(|name| *name == &*catalog.name);
    all.sort_by_key(|catalog| catalog.as_ref().ok().and_then(place));
    all.into_iter().flatten().collect()
}

fn library(ready: Option<&load::Builder>) -> load::Library<'_> {
    load::Library { texts: builtin_text, ready }
}

fn build(file: &str, builder: load::Builder) -> Result<Arc<Catalog>, CatalogError> {
    load::build(file, builder).map(Arc::new)
}

/// Loads a catalog from its text; `file` is its name in messages. It may extend built-in ones.
///
/// # Errors
/// All its mistakes, with file and line.
///
/// ```
/// let text = r#"
/// [catalog]
/// name = "mine"
/// extends = "esp-at"
/// [[command]]
/// name = "+LAMP"
/// [command.params]
/// level = { int = "0..100" }
/// [command.set]
/// syntax = "<level>"
/// "#;
/// let catalog = atscope::catalog::load_text("mine.toml", text).expect("no mistakes");
/// assert!(catalog.command(b"+lamp").is_some());
/// ```
pub fn load_text(file: &str, text: &str) -> Result<Arc<Catalog>, CatalogError> {
    build(file, load::read(file, text, library(None)))
}

/// Loads a user's catalog from a file.
///
/// # Errors
/// All its mistakes, with file and line; line 0 where the file cannot be read.
pub fn load_file(path: &Path) -> Result<Arc<Catalog>, CatalogError> {
    load_text(&path.display().to_string(), &read_file(path)?)
}

/// Reads a catalog's file.
///
/// # Errors
/// One mistake: it cannot be read, is no text, or longer than any catalog.
pub(crate) fn read_file(path: &Path) -> Result<String, CatalogError> {
    let name = path.display().to_string();
    let mut bytes = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(FILE_MAX + 1).read_to_end(&mut bytes));
    if let Err(error) = read {
        return Err(one_mistake(&name, 0, format!("cannot be read: {error}")));
    }
    if bytes.len() as u64 > FILE_MAX {
        return Err(one_mistake(&name, 0, format!("is longer than {} MiB: no catalog", FILE_MAX >> 20)));
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
        let line = 1 + memchr::memchr_iter(b'\n', good).count();
        one_mistake(&name, line, "this is no UTF-8 text: a catalog is a TOML file".to_owned())
    })
}

/// Longest catalog file; the longest of ours has a hundredth of it.
const FILE_MAX: u64 = 16 << 20;
