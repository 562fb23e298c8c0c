//! Fault files and presets: text in, checked entries out.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::fault::Fault;

/// The presets, as a file that people can copy from.
const PRESETS: &str = include_str!("presets.toml");

/// Deepest nesting of presets that include others.
const DEPTH: u8 = 8;

/// Why there are no faults to be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FaultsError {
    /// The text is no fault file.
    #[error("line {line}: {message}")]
    Entry {
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        message: String,
    },
    /// There is no preset of this name.
    #[error("there are no faults called `{name}`: there are {known}")]
    Preset {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    title: Option<String>,
    #[serde(default)]
    include: Vec<toml::Spanned<String>>,
    fault: Option<Vec<toml::Spanned<Fault>>>,
}

/// Names and titles of the presets, in the order of the alphabet.
pub(super) fn names() -> Vec<(String, String)> {
    let presets = presets().unwrap_or_default();
    presets.into_iter().map(|(name, file)| (name, file.title.unwrap_or_default())).collect()
}

pub(super) fn preset(name: &str) -> Result<Vec<Fault>, FaultsError> {
    let mut faults = Vec::new();
    include(name, DEPTH, &mut faults)?;
    Ok(faults)
}

pub(super) fn parse(text: &str) -> Result<Vec<Fault>, FaultsError> {
    let file: File = toml::from_str(text).map_err(|error| wrong(text, &error))?;
    // None at all is said by `fault = []`.
    if file.fault.is_none() && file.include.is_empty() {
        let message = "no fault: expected `[[fault]]` entries, or `include = [\"PRESET\"]`".to_owned();
        return Err(FaultsError::Entry { line: 1, message });
    }
    let mut faults = Vec::new();
    entries(text, file, DEPTH, &mut faults)?;
    Ok(faults)
}

fn entries(text: &str, file: File, depth: u8, faults: &mut Vec<Fault>) -> Result<(), FaultsError> {
    for name in file.include {
        let line = line_of(text, name.span().start);
        include(name.get_ref(), depth, faults)
            .map_err(|error| FaultsError::Entry { line, message: error.to_string() })?;
    }
    for fault in file.fault.unwrap_or_default() {
        let line = line_of(text, fault.span().start);
        fault.get_ref().check().map_err(|message| FaultsError::Entry { line, message })?;
        faults.push(fault.into_inner());
    }
    Ok(())
}

fn include(name: &str, depth: u8, faults: &mut Vec<Fault>) -> Result<(), FaultsError> {
    let mut presets = presets()?;
    let file = presets.remove(name).filter(|_| depth > 0).ok_or_else(|| FaultsError::Preset {
        name: name.to_owned(),
        known: names().into_iter().map(|(name, _)| name).collect::<Vec<_>>().join(", "),
    })?;
    entries(PRESETS, file, depth - 1, faults)
}

fn presets() -> Result<BTreeMap<String, File>, FaultsError> {
    toml::from_str(PRESETS).map_err(|error| wrong(PRESETS, &error))
}

fn wrong(text: &str, error: &toml::de::Error) -> FaultsError {
    let line = line_of(text, error.span().map_or(0, |span| span.start));
    FaultsError::Entry { line, message: error.message().to_owned() }
}

fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|&byte| byte == b'\n').count() + 1
}
