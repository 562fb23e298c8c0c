//! Opens recordings as the arguments say.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::args::Input;
use super::failure::Failure;
use crate::capture::{self, CaptureError, Format, Reader};

/// A recording that is to be read, and what it is called.
pub(super) enum Recording<'a> {
    /// A file, or standard input.
    One(&'a Path),
    /// Both lines as raw bytes, or one of them.
    Pair(Option<&'a Path>, Option<&'a Path>),
}

/// Why a recording could not be opened.
pub(super) enum Refused {
    /// It is damaged from its first byte on: a finding.
    Damaged(CaptureError),
    /// It cannot be read.
    Unreadable(String),
}

impl Input {
    /// The recordings, in their order.
    pub(super) fn recordings(&self) -> Result<Vec<Recording<'_>>, Failure> {
        if self.host.is_some() || self.module.is_some() {
            let pair = Recording::Pair(self.host.as_deref(), self.module.as_deref());
            if self.host == self.module {
                return Err(Failure::said("--host and --module are the same file; use --mixed for a terminal log"));
            }
            return Ok(vec![pair]);
        }
        if self.captures.iter().filter(|path| is_stdin(path)).count() > 1 {
            return Err(Failure::said("standard input (`-`) can be read once only"));
        }
        Ok(self.captures.iter().map(|path| Recording::One(path)).collect())
    }

    fn options(&self) -> capture::Options {
        // The parser of the arguments knows the formats: a name is always one of them.
        let format = self.input.as_ref().and_then(|name| name.parse::<Format>().ok());
        capture::Options { format, mixed: self.mixed, select: self.select.clone(), host: self.host_line.clone() }
    }
}

impl Recording<'_> {
    /// What messages and output call it: the path as given.
    pub(super) fn name(&self) -> String {
        let one = |path: &Path| path.display().to_string();
        match self {
            Self::One(path) => one(path),
            Self::Pair(Some(host), Some(module)) => format!("{}+{}", one(host), one(module)),
            Self::Pair(Some(path), None) | Self::Pair(None, Some(path)) => one(path),
            Self::Pair(None, None) => "-".to_owned(),
        }
    }

    /// The files that it is made of.
    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        let (one, two) = match *self {
            Self::One(path) => (Some(path), None),
            Self::Pair(host, module) => (host, module),
        };
        one.into_iter().chain(two).filter(|path| !is_stdin(path))
    }

    pub(super) fn open(&self, input: &Input) -> Result<Box<dyn Reader>, Refused> {
        let opened = match self {
            Self::One(path) => capture::open(&self.name(), bytes(path)?, &input.options()),
            Self::Pair(host, module) => {
                let named = |path: &Path| Ok((path.display().to_string(), bytes(path)?));
                let host = host.map(named).transpose()?;
                let module = module.map(named).transpose()?;
                capture::open_pair(host, module)
            }
        };
        opened.map_err(
            |error| {
                if error.is_damage() { Refused::Damaged(error) } else { Refused::Unreadable(error.to_string()) }
            },
        )
    }
}

fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

fn bytes(path: &Path) -> Result<Box<dyn Read + Send>, Refused> {
    if is_stdin(path) {
        return Ok(Box::new(io::stdin()));
    }
    match File::open(path) {
        Ok(file) => Ok(Box::new(file)),
        Err(error) => Err(Refused::Unreadable(format!("{}: {error}", path.display()))),
    }
}
