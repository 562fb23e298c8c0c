//! What a mutator may be told, by arguments or by the environment.

use std::fmt;
use std::path::{Path, PathBuf};

use super::form::InputForm;
use crate::catalog::CatalogError;

/// Structure against bytes, where nobody says otherwise: measured on several parsers, see `fuzz/README.md`.
const RATIO: u8 = 60;

/// What a mutator may be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Name of a built-in dialect, or file of a catalog (`*.toml`); `None`: all built-in ones.
    pub dialect: Option<String>,
    /// Product that the dialect knows: what it lacks is left out.
    pub model: Option<String>,
    /// What an input is.
    pub form: InputForm,
    /// How many of 100 mutations change structure; the others change bytes.
    pub ratio: u8,
    /// Words of the target's own, which are put in beside the dialect's.
    pub words: Vec<Vec<u8>>,
    /// The target's program: its own words are taken from it ([`super::words`]).
    pub program: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self { dialect: None, model: None, form: InputForm::Stream, ratio: RATIO, words: Vec::new(), program: None }
    }
}

/// What is wrong with options.
#[derive(Debug)]
#[non_exhaustive]
pub enum BadOption {
    /// The mutator of this thread is at work already.
    Busy,
    /// A catalog's file has mistakes.
    Catalog(CatalogError),
    /// There is no such dialect.
    Dialect(String),
    /// `ATSCOPE_FORM` is neither `stream` nor `conversation`.
    Form(String),
    /// No catalog knows this model.
    Model(String),
    /// `ATSCOPE_RATIO` is no number from 0 to 100.
    Ratio(String),
}

impl fmt::Display for BadOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy => f.write_str("the mutator of this thread is at work already"),
            Self::Catalog(error) => error.fmt(f),
            Self::Dialect(name) => {
                let names = crate::catalog::builtin_names().join(", ");
                write!(f, "unknown dialect `{name}`: {names}, or a file `*.toml`")
            }
            Self::Form(form) => write!(f, "unknown form `{form}`: stream or conversation"),
            Self::Model(model) => write!(f, "no dialect knows the model `{model}`"),
            Self::Ratio(ratio) => write!(f, "`{ratio}` is no share in per cent (0 to 100)"),
        }
    }
}

impl std::error::Error for BadOption {}

impl From<CatalogError> for BadOption {
    fn from(error: CatalogError) -> Self {
        Self::Catalog(error)
    }
}

impl Options {
    /// The options of the environment: `ATSCOPE_DIALECT`, `ATSCOPE_MODEL`, `ATSCOPE_FORM` (`stream`, `conversation`),
    /// `ATSCOPE_RATIO` (0 to 100), `ATSCOPE_PROGRAM` (the file whose texts become words, or `none`; by default the program that
    /// runs, or that afl-fuzz was told to run). An empty variable counts as none.
    ///
    /// # Errors
    /// Where one of them has another value.
    pub fn from_env() -> Result<Self, BadOption> {
        let read = |name| std::env::var(name).ok().filter(|value: &String| !value.is_empty());
        let mut options = Self { dialect: read("ATSCOPE_DIALECT"), model: read("ATSCOPE_MODEL"), ..Self::default() };
        if options.dialect.as_deref().is_some_and(|name| name == "auto" || name == "all") {
            options.dialect = None;
        }
        if let Some(form) = read("ATSCOPE_FORM") {
            options.form = form.parse().map_err(|_| BadOption::Form(form))?;
        }
        if let Some(ratio) = read("ATSCOPE_RATIO") {
            let parsed = ratio.trim_end_matches('%').parse().ok().filter(|ratio| *ratio <= 100);
            options.ratio = parsed.ok_or(BadOption::Ratio(ratio))?;
        }
        options.program = match read("ATSCOPE_PROGRAM") {
            Some(none) if none == "none" => None,
            Some(path) => Some(path.into()),
            None => target(),
        };
        Ok(options)
    }
}

/// The program that is fuzzed: this one, unless it is afl-fuzz, whose arguments name it.
fn target() -> Option<PathBuf> {
    let own = std::env::current_exe().ok()?;
    if own.file_name().is_none_or(|name| !name.to_string_lossy().starts_with("afl-")) {
        return Some(own);
    }
    let mut rest = std::env::args_os().skip(1).skip_while(|argument| argument != "--");
    rest.nth(1).map(PathBuf::from).filter(|path| Path::is_file(path))
}
