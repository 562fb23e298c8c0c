//! Opens recordings as the arguments say.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use super::args::Input;
use super::failure::Failure;
use super::interrupt::Stdin;
use crate::capture::{self, CaptureError, Format, LevelReader, Reader, is_export};

/// A recording that is to be read, and what it is called.
pub(super) enum Recording<'a> {
    /// A file, a folder that is one recording, or standard input.
    One(&'a Path),
    /// Files of one folder that are the channels of one recording.
    Channels(Vec<&'a Path>),
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
        let mut recordings: Vec<Recording<'_>> = Vec::new();
        let several = self.captures.len() > 1;
        for path in &self.captures {
            match recordings.last_mut() {
                // What one analyzer recorded stands in one folder, a file a channel.
                Some(Recording::Channels(files))
                    if files.first().is_some_and(|first| first.parent() == path.parent()) && is_export(path) =>
                {
                    files.push(path);
                }
                _ if several && is_export(path) => recordings.push(Recording::Channels(vec![path])),
                _ => recordings.push(Recording::One(path)),
            }
        }
        Ok(recordings)
    }

    pub(super) fn options(&self) -> capture::Options {
        // The parser of the arguments knows the formats: a name is always one of them.
        let format = self.reading.input.as_ref().and_then(|name| name.parse::<Format>().ok());
        capture::Options {
            format,
            mixed: self.reading.mixed,
            select: self.reading.select.clone(),
            host: self.reading.host_line.clone(),
            samplerate: self.reading.samplerate,
            unit_size: self.reading.unit_size,
            uart: self.reading.uart.clone(),
        }
    }
}

impl Recording<'_> {
    /// What messages and output call it: the path as given.
    pub(super) fn name(&self) -> String {
        let one = |path: &Path| path.display().to_string();
        match self {
            Self::One(path) => one(path),
            Self::Channels(files) => match files.as_slice() {
                [] => "-".to_owned(),
                [path] => one(path),
                [first, .., last] => format!("{}…{}", one(first), one(last)),
            },
            Self::Pair(Some(host), Some(module)) => format!("{}+{}", one(host), one(module)),
            Self::Pair(Some(path), None) | Self::Pair(None, Some(path)) => one(path),
            Self::Pair(None, None) => "-".to_owned(),
        }
    }

    /// The files that it is made of.
    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        let (channels, one, two) = match self {
            Self::Channels(files) => (files.as_slice(), None, None),
            Self::One(path) => (&[][..], Some(*path), None),
            Self::Pair(host, module) => (&[][..], *host, *module),
        };
        channels.iter().copied().chain(one).chain(two).filter(|path| !is_stdin(path))
    }

    /// Whether it comes from standard input.
    pub(super) fn is_piped(&self) -> bool {
        match self {
            Self::One(path) => is_stdin(path),
            Self::Channels(_) => false,
            Self::Pair(host, module) => [host, module].into_iter().flatten().any(|path| is_stdin(path)),
        }
    }

    /// The sizes of its files together; `None` where one of them is a pipe, which can be read once only.
    pub(super) fn size(&self) -> Option<u64> {
        let size = |path: &Path| path.metadata().ok().filter(fs::Metadata::is_file).map(|file| file.len());
        if self.is_piped() { None } else { self.files().map(size).sum() }
    }

    /// The levels of the recording's lines.
    pub(super) fn levels(&self, input: &Input) -> Result<Box<dyn LevelReader>, Refused> {
        let files = match self {
            Self::One(path) if is_stdin(path) => Ok(capture::Input::Stream(Box::new(Stdin::new()))),
            Self::One(path) => capture::Input::of_path(path),
            Self::Channels(files) => capture::Input::of_files(files.iter().copied()),
            Self::Pair(..) => {
                return Err(Refused::Unreadable("--host and --module are bytes, no logic levels".to_owned()));
            }
        };
        let opened = files.and_then(|files| capture::open_levels(&self.name(), files, &input.options()));
        opened.map_err(Refused::from)
    }

    pub(super) fn open(&self, input: &Input) -> Result<Box<dyn Reader>, Refused> {
        let opened = match self {
            Self::One(path) if is_stdin(path) => capture::open("-", Box::new(Stdin::new()), &input.options()),
            Self::One(path) => capture::open_path(path, &input.options()),
            Self::Channels(files) => capture::Input::of_files(files.iter().copied())
                .and_then(|files| capture::open_input(&self.name(), files, &input.options())),
            Self::Pair(host, module) => {
                let named =
                    |path: &Path| -> Result<capture::Named, Refused> { Ok((path.display().to_string(), bytes(path)?)) };
                let host = host.map(named).transpose()?;
                let module = module.map(named).transpose()?;
                capture::open_pair(host, module)
            }
        };
        opened.map_err(Refused::from)
    }
}

impl From<CaptureError> for Refused {
    fn from(error: CaptureError) -> Self {
        if error.is_damage() { Self::Damaged(error) } else { Self::Unreadable(error.to_string()) }
    }
}

fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

fn bytes(path: &Path) -> Result<Box<dyn Read + Send>, Refused> {
    if is_stdin(path) {
        return Ok(Box::new(Stdin::new()));
    }
    match File::open(path) {
        Ok(file) => Ok(Box::new(file)),
        Err(error) => Err(Refused::Unreadable(format!("{}: {error}", path.display()))),
    }
}
