//! Recordings of logic levels: one file a format, each a stream of [`Levels`] in bounded memory.
//!
//! A reader holds a block of its recording at a time and gives no more than [`Limits::CHANGES`] changes in a stretch, and
//! those of one moment more. Knows no UART: what the changes mean is told by [`crate::uart`].

use std::collections::HashSet;
use std::io::{Read, SeekFrom, Write};

use super::source::Source;
use super::{CaptureError, Format, Input, Meta, Options, ReadSeek};
use crate::uart::{Change, Channel, Level, Levels};

pub(super) mod csv;
mod csv_head;
pub(super) mod dsl;
pub(super) mod lines;
mod rate;
pub(super) mod saleae_bin;
mod samples;
pub(super) mod sr;
mod sr_writer;
mod unpack;
mod vcd;
pub(super) mod vcd_head;
mod vcd_writer;
mod write;
pub(super) mod zip;
mod zip_writer;

pub use lines::{LineOptions, line_writer};
pub use rate::parse_rate;
pub use write::{LevelWriter, level_writer};

/// A stream of level changes out of a recording of a logic analyzer or a simulator.
pub trait LevelReader: Send {
    /// The recorded lines; fixed once the reader is open.
    fn channels(&self) -> &[Channel];

    /// Fills `out`, which the caller cleared, with the next stretch; false at the end.
    ///
    /// # Errors
    /// Whatever is wrong with the recording; what was read ahead of the damage was given before.
    fn read(&mut self, out: &mut Levels) -> Result<bool, CaptureError>;

    /// What is known of the recording so far.
    fn meta(&self) -> &Meta;

    /// Offset in the file up to which it was read.
    fn offset(&self) -> u64;
}

/// What readers hold to.
struct Limits;

impl Limits {
    /// Changes in a stretch, except that those of one moment are never parted.
    const CHANGES: usize = 64 * 1024;
    /// Lines that are read.
    const CHANNELS: usize = 4096;
    /// Blocks of samples that an archive may have.
    const BLOCKS: usize = 256 * 1024;
}

/// A reader with the laws of [`LevelReader`]: an error comes behind all that was read ahead of it, and nothing follows it.
struct Guarded {
    inner: Box<dyn LevelReader>,
    failure: Option<CaptureError>,
    done: bool,
}

impl LevelReader for Guarded {
    fn channels(&self) -> &[Channel] {
        self.inner.channels()
    }

    fn read(&mut self, out: &mut Levels) -> Result<bool, CaptureError> {
        if let Some(error) = self.failure.take() {
            return Err(error);
        }
        if self.done {
            return Ok(false);
        }
        match self.inner.read(out) {
            Ok(more) => {
                self.done = !more;
                Ok(more)
            }
            Err(error) => {
                self.done = true;
                if out.changes.iter().all(Vec::is_empty) {
                    return Err(error);
                }
                self.failure = Some(error);
                Ok(true)
            }
        }
    }

    fn meta(&self) -> &Meta {
        self.inner.meta()
    }

    fn offset(&self) -> u64 {
        self.inner.offset()
    }
}

/// Opens a recording of logic levels; `name` is what messages call it.
///
/// The format is found out by content unless `options` names it. What is read in another order than it is stored in
/// (`.sr`, `.dsl`) is put into a temporary file where the input cannot be sought.
///
/// # Errors
/// As [`open`](super::open), and [`CaptureError::Unrecognised`] for recordings of bytes.
pub fn open_levels(name: &str, input: Input, options: &Options) -> Result<Box<dyn LevelReader>, CaptureError> {
    match super::identify(name, input, options)? {
        super::Found::Levels(levels) => Ok(levels.open(options)?),
        super::Found::Bytes(format, source) => {
            let what = format!("holds bytes ({format}), no logic levels; `atscope decode` shows what they say");
            Err(CaptureError::Unrecognised { file: source.file().to_owned(), what })
        }
    }
}

/// A recording of logic levels that was found out and is not open yet.
pub(super) enum Recording {
    Zip(Format, Box<zip::Archive>, Zipped),
    Files(Vec<Source>),
    One(Format, Source),
}

/// What an archive holds.
#[derive(Default)]
pub(super) struct Zipped {
    sr: sr::Found,
    dsl: dsl::Found,
    sal: bool,
}

impl Recording {
    /// The reader.
    pub(super) fn open(self, options: &Options) -> Result<Box<dyn LevelReader>, CaptureError> {
        let inner: Box<dyn LevelReader> = match self {
            Self::Zip(Format::Dsl, archive, found) => Box::new(dsl::Session::open(*archive, found.dsl, options)?),
            Self::Zip(_, archive, found) => Box::new(sr::Session::open(*archive, found.sr, options)?),
            Self::Files(sources) => Box::new(saleae_bin::Exports::open(sources)?),
            Self::One(Format::LogicCsv, source) => Box::new(csv::Table::open(source, options)?),
            Self::One(Format::SaleaeBinary, source) => Box::new(saleae_bin::Exports::open(vec![source])?),
            Self::One(Format::Samples, source) => Box::new(samples::Samples::open(source, options)?),
            Self::One(_, source) => Box::new(vcd::Vcd::open(source)?),
        };
        Ok(Box::new(Guarded { inner, failure: None, done: false }))
    }
}

/// Opens an archive and tells what it holds; `wanted` if the user says so.
pub(super) fn open_zip(
    name: &str,
    input: Box<dyn ReadSeek>,
    wanted: Option<Format>,
) -> Result<Recording, CaptureError> {
    let mut found = Zipped::default();
    let archive = zip::Archive::open(name, input, |member| {
        found.sr.member(&member);
        found.dsl.member(&member);
        found.sal |= member.name == "meta.json";
    })?;
    let told = match (found.sr.is_session(), found.dsl.is_session()) {
        (_, true) => Some(Format::Dsl),
        (true, false) => Some(Format::Sigrok),
        (false, false) => None,
    };
    match wanted.or(told) {
        Some(format) => Ok(Recording::Zip(format, Box::new(archive), found)),
        None if archive.torn.is_some() && !found.sal => {
            let (offset, what) = archive.torn.unwrap_or_default();
            Err(archive.damaged(offset, what))
        }
        None => {
            let what = if found.sal {
                "a capture of Saleae's Logic 2 (`.sal`), whose format is not published: \
                 export its data as binary or CSV, or its analyzers' table, and read that"
            } else {
                "a zip archive, but no session of sigrok (`.sr`) nor of DSView (`.dsl`)"
            };
            Err(CaptureError::Unrecognised { file: name.to_owned(), what: what.to_owned() })
        }
    }
}

/// Puts an input that cannot be sought where it can be.
pub(super) fn spool(mut source: Source) -> Result<Box<dyn ReadSeek>, CaptureError> {
    /// What is kept in memory.
    const SMALL: usize = 4 * 1024 * 1024;
    let mut file = tempfile::SpooledTempFile::new(SMALL);
    loop {
        let there = source.fill(1)?;
        if there.is_empty() {
            break;
        }
        let result = file.write_all(there);
        let count = there.len();
        if let Err(error) = result {
            let (file, offset) = (source.file().to_owned(), source.offset());
            return Err(CaptureError::Io { file, offset, source: error });
        }
        source.consume(count);
    }
    Ok(Box::new(file))
}

/// The first bytes of an input that can be sought, which stands at its start again.
pub(super) fn peek(name: &str, input: &mut dyn ReadSeek, count: usize) -> Result<Vec<u8>, CaptureError> {
    let failed = |source| CaptureError::Io { file: name.to_owned(), offset: 0, source };
    let mut head = Vec::with_capacity(count);
    input.take(count as u64).read_to_end(&mut head).map_err(failed)?;
    input.seek(SeekFrom::Start(0)).map_err(failed)?;
    Ok(head)
}

/// The names of channels, each given once.
#[derive(Default)]
struct Names(HashSet<String>);

impl Names {
    /// The name, with a number behind it if there is one of that name.
    fn unique(&mut self, name: &str) -> String {
        const LONGEST: usize = 1024;
        let name: String = name.chars().take(LONGEST).collect();
        let mut unique = name.clone();
        let mut number = 2;
        while !self.0.insert(unique.clone()) {
            unique = format!("{name}#{number}");
            // So many of one name are spread out: no quadratic search.
            number = if number == 16 { self.0.len() + 2 } else { number + 1 };
        }
        unique
    }
}

/// The levels of lines whose changes come one by one: keeps the law that each change is to another level.
struct Lines {
    now: Vec<Option<Level>>,
    /// As the stretch began.
    before: Vec<Option<Level>>,
}

impl Lines {
    fn new(channels: usize) -> Self {
        Self { now: vec![None; channels], before: vec![None; channels] }
    }

    /// A stretch begins.
    fn begin(&mut self) {
        self.before.copy_from_slice(&self.now);
    }

    /// A line takes a level; of several at one time the last one counts.
    #[inline]
    fn set(&mut self, channel: u32, at: u64, level: Level, out: &mut Levels, room: &mut usize) {
        let channel = channel as usize;
        let (Some(now), Some(changes)) = (self.now.get_mut(channel), out.changes.get_mut(channel)) else {
            return;
        };
        if *now == Some(level) {
            return;
        }
        *now = Some(level);
        match changes.split_last_mut() {
            Some((last, earlier)) if last.at == at => {
                let before = earlier.last().map(|change| change.level);
                if before.or(self.before.get(channel).copied().flatten()) == Some(level) {
                    changes.pop();
                } else {
                    last.level = level;
                }
            }
            _ => {
                changes.push(Change { at, level });
                *room = room.saturating_sub(1);
            }
        }
    }
}
