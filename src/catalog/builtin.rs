//! The catalogs that come with the program, and how a user's own is loaded.

use std::path::Path;
use std::sync::Arc;

use super::load;
use super::model::Catalog;
use super::source::{CatalogError, Mistake};

/// Name and text of each built-in catalog.
const BUILTIN: [(&str, &str, &str); 5] = [
    ("simcom", "simcom.toml", include_str!("simcom.toml")),
    ("fibocom", "fibocom.toml", include_str!("fibocom.toml")),
    ("esp-at", "esp-at.toml", include_str!("esp-at.toml")),
    ("generic", "generic.toml", include_str!("generic.toml")),
    ("pan1321", "pan1321.toml", include_str!("pan1321.toml")),
];

const NAMES: [&str; 5] = ["simcom", "fibocom", "esp-at", "generic", "pan1321"];

/// The names of the built-in catalogs.
pub const fn builtin_names() -> &'static [&'static str] {
    &NAMES
}

/// File name and text of a built-in catalog.
pub fn builtin_text(name: &str) -> Option<(&'static str, &'static str)> {
    BUILTIN.iter().find(|entry| entry.0 == name).map(|entry| (entry.1, entry.2))
}

fn lookup(name: &str) -> Option<(String, String)> {
    builtin_text(name).map(|(file, text)| (file.to_owned(), text.to_owned()))
}

fn one_mistake(file: &str, message: String) -> CatalogError {
    CatalogError { mistakes: vec![Mistake { file: file.to_owned(), line: 0, message }] }
}

/// Loads a built-in catalog.
///
/// # Errors
/// Where there is no catalog of that name.
pub fn load_builtin(name: &str) -> Result<Arc<Catalog>, CatalogError> {
    match builtin_text(name) {
        Some((file, text)) => load_text(file, text),
        None => Err(one_mistake(name, format!("there is no built-in catalog of this name, only {}", NAMES.join(", ")))),
    }
}

/// Loads all built-in catalogs, in the order of [`builtin_names`]: for telling the dialect from traffic.
///
/// They are read side by side: a start should not wait for four manuals that it will not need.
pub fn load_all_builtin() -> Vec<Arc<Catalog>> {
    std::thread::scope(|scope| {
        let loading: Vec<_> = NAMES.iter().map(|name| scope.spawn(|| load_builtin(name))).collect();
        loading.into_iter().filter_map(|thread| thread.join().ok()?.ok()).collect()
    })
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
    load::load(file, text, &lookup).map(Arc::new)
}

/// Loads a user's catalog from a file.
///
/// # Errors
/// All its mistakes, with file and line; line 0 where the file cannot be read.
pub fn load_file(path: &Path) -> Result<Arc<Catalog>, CatalogError> {
    let name = path.display().to_string();
    match std::fs::read_to_string(path) {
        Ok(text) => load_text(&name, &text),
        Err(error) => Err(one_mistake(&name, format!("cannot be read: {error}"))),
    }
}
