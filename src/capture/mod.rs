//! Recordings: from a file in any format to chunks of bytes with sender and time, and back.
//!
//! Recordings of logic levels ([`open_levels`]) become such chunks by way of [`crate::uart`].
//!
//! One file a format, found out by content, each read as a stream in bounded memory: no chunk is longer than
//! [`MAX_CHUNK`], and what a reader looks ahead is bounded too. Knows file formats, not AT: where a format does not
//! say who sent what, `direction` tells it from the content.
//!
//! Whatever is wrong with a recording, the chunks ahead of it come first and the error after them.
//!
//! ```
//! # fn main() -> Result<(), atscope::capture::CaptureError> {
//! use atscope::capture::{Options, open};
//!
//! let text: &[u8] = b"# dialect: esp-at\n@0.5 > AT\\r\\n\n@0.6 < \\r\\nOK\\r\\n\n";
//! let mut reader = open("boot.at", Box::new(text), &Options::default())?;
//! assert_eq!(reader.meta().header("dialect"), Some("esp-at"));
//! while let Some(chunk) = reader.next_chunk()? {
//!     println!("{} sent {} bytes", chunk.from, chunk.bytes.len());
//! }
//! # Ok(()) }
//! ```

use std::fmt;
use std::io::{Read, Write};
use std::path::Path;
use std::str::FromStr;

use crate::{Sender, Time};

mod detect;
mod error;
#[cfg(feature = "fuzzing")]
mod fuzz;
mod gather;
mod link;
mod logic;
mod packets;
mod pcap;
mod pcapng;
mod raw;
mod saleae;
mod source;
mod terminal;
mod transcript;
mod usb;
mod write;

pub use crate::wire::{Fault, FaultKind};
pub use detect::detect;
pub use error::CaptureError;
#[cfg(feature = "fuzzing")]
pub(crate) use fuzz::{fuzz_capture, fuzz_levels};
pub use logic::{LevelReader, LevelWriter, LineOptions, level_writer, line_writer, open_levels, parse_rate};
pub use pcap::PcapWriter;
pub use pcapng::PcapngWriter;
pub use transcript::TranscriptWriter;
pub use write::{Converted, Writer, convert, writer};

pub use source::{Input, ReadSeek, is_export};

use source::Source;

/// The most bytes that a chunk holds; longer records come in pieces with the time of the record.
pub const MAX_CHUNK: usize = 64 * 1024;

/// Bytes of one sender, with the time of the first one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk<'a> {
    /// The conversation of the capture that the bytes belong to, from 0.
    pub session: u32,
    /// Who sent them.
    pub from: Sender,
    /// Time of the first byte; `None` where the recording has no clock.
    pub time: Option<Time>,
    /// The bytes, as they were on the line.
    pub bytes: &'a [u8],
    /// Line errors at bytes of this chunk, by position.
    pub faults: &'a [Fault],
    /// Where they stand in the file, where that is text which people read.
    pub place: Option<Place<'a>>,
}

/// The line of a text file that a chunk was read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    /// Number of the line, from 1.
    pub line: u64,
    /// Column of the first character of `text`, in characters from 1.
    pub column: u64,
    /// The line's text, or the piece of it that this chunk was read from.
    pub text: &'a [u8],
    /// Bytes of the text ahead of those that stand for the chunk's bytes (with the escapes of transcripts).
    pub head: usize,
}

/// A file format that recordings come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// A session of DSView, `.dsl`.
    Dsl,
    /// A table of logic levels as Saleae's Logic, sigrok, PulseView and DSView export it.
    LogicCsv,
    /// A packet capture of tcpdump and Wireshark, of the old format.
    Pcap,
    /// A packet capture of Wireshark.
    Pcapng,
    /// The bytes alone: one direction, or a terminal log in which commands show as echoes.
    Raw,
    /// A table that Saleae's Logic 1 or Logic 2 exports of its analyzers.
    Saleae,
    /// Binary exports of Saleae's Logic 2, one file a channel.
    SaleaeBinary,
    /// Bare samples of logic levels, whose rate and width the user says.
    Samples,
    /// A session of sigrok or PulseView, `.sr`.
    Sigrok,
    /// A transcript, `.at`.
    Transcript,
    /// A value change dump, `.vcd`.
    Vcd,
}

impl Format {
    /// All of them, as the command line names them.
    pub const ALL: [Self; 11] = [
        Self::Transcript,
        Self::Pcap,
        Self::Pcapng,
        Self::Saleae,
        Self::Raw,
        Self::Sigrok,
        Self::Vcd,
        Self::SaleaeBinary,
        Self::LogicCsv,
        Self::Dsl,
        Self::Samples,
    ];

    /// `at`, `pcap`, `pcapng`, `saleae`, `raw`, `sr`, `vcd`, `saleae-bin`, `logic-csv`, `dsl` or `samples`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dsl => "dsl",
            Self::LogicCsv => "logic-csv",
            Self::Pcap => "pcap",
            Self::Pcapng => "pcapng",
            Self::Raw => "raw",
            Self::Saleae => "saleae",
            Self::SaleaeBinary => "saleae-bin",
            Self::Samples => "samples",
            Self::Sigrok => "sr",
            Self::Transcript => "at",
            Self::Vcd => "vcd",
        }
    }

    /// Whether it holds the levels of lines, from which bytes must be recovered.
    pub const fn is_levels(self) -> bool {
        matches!(self, Self::Dsl | Self::LogicCsv | Self::SaleaeBinary | Self::Samples | Self::Sigrok | Self::Vcd)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A name that is no format's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown capture format `{name}`: expected one of {all}", name = .0, all = Format::ALL.map(Format::as_str).join(", "))]
pub struct UnknownFormat(pub String);

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, UnknownFormat> {
        let known = Self::ALL.into_iter().find(|format| format.as_str() == name);
        known.ok_or_else(|| UnknownFormat(name.to_owned()))
    }
}

/// What a recording says of itself, and what its reader decided.
///
/// Notes may be added while the chunks are read: print the new ones when the end is reached, too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meta {
    /// The format that it is read as.
    pub format: Format,
    /// Headers by key, in the order of the file: `dialect`, `model`, `start`, and whatever else is there.
    pub headers: Vec<(String, String)>,
    /// What the user should know, one sentence each: which device was taken and why, what was left out.
    pub notes: Vec<String>,
    /// Nanoseconds from 1970-01-01 00:00 UTC to the zero of the chunks' clock, where the format tells.
    pub epoch: Option<Time>,
    /// False where the order of host's against module's bytes is not in the recording but inferred (two raw files,
    /// a table that is not in order of time): no rule that needs this order may accuse.
    pub ordered: bool,
    /// The host's lines are known only as the module repeats them: a terminal log. Where the echo is off they are missing.
    pub echoes: bool,
    /// How many conversations it holds; `None` where that shows only when it is read.
    pub sessions: Option<u32>,
}

impl Meta {
    /// Of a recording that says nothing of itself.
    pub const fn new(format: Format) -> Self {
        // One line, or one interface, is one conversation.
        let alone = matches!(format, Format::Pcap | Format::Raw | Format::Transcript);
        let sessions = if alone { Some(1) } else { None };
        Self { format, headers: Vec::new(), notes: Vec::new(), epoch: None, ordered: true, echoes: false, sessions }
    }

    /// The value of the first header with this key.
    pub fn header(&self, key: &str) -> Option<&str> {
        self.headers.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// Adds a note that is not there yet, up to a bounded number of them.
    fn note(&mut self, text: impl Into<String>) {
        const MOST: usize = 100;
        let text = text.into();
        if self.notes.len() < MOST && !self.notes.contains(&text) {
            self.notes.push(text);
        }
    }
}

/// What the user decided about a recording.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Read it as this format, whatever the content says.
    pub format: Option<Format>,
    /// A raw file is a terminal log: lines that look like commands are the host's, all else is the module's.
    pub mixed: bool,
    /// Which line of several to take. USB: `BUS.DEVICE`, `BUS.DEVICE.OUT` or `BUS.DEVICE.OUT.IN` with the numbers of
    /// the endpoints (`1.5`, `1.5.2`, `1.5.2.4`). Saleae: analyzer names, separated by commas. Otherwise: the
    /// number of the session.
    pub select: Option<String>,
    /// The analyzer (Saleae) or the number of the interface (pcapng without direction) that recorded the host's
    /// line, where the content does not show it.
    pub host: Option<String>,
    /// Samples in a second, of bare samples and of recordings of logic levels that do not tell it.
    pub samplerate: Option<u64>,
    /// Bytes of a sample, 1 to 8, of bare samples and of recordings that have lost it.
    pub unit_size: Option<u8>,
    /// What is known of the serial lines of a recording of logic levels, as [`crate::uart::settings`] reads it:
    /// `host=D0,module=D1,baud=115200,format=8n1,invert`.
    pub uart: Option<String>,
}

/// A stream of chunks out of a recording.
pub trait Reader: Send {
    /// The next chunk; `None` at the end. After an error there is nothing more: `None` again.
    ///
    /// # Errors
    /// Whatever is wrong with the recording; [`CaptureError::is_damage`] tells damage, which makes a finding.
    fn next_chunk(&mut self) -> Result<Option<Chunk<'_>>, CaptureError>;

    /// What is known of the recording so far.
    fn meta(&self) -> &Meta;

    /// Bytes of the recording that were read so far.
    fn position(&self) -> u64 {
        0
    }

    /// Reads no more of the recording: chunks that are held back still come, then the end. False where none are.
    fn stop(&mut self) -> bool {
        false
    }
}

/// A chunk that owns its bytes: what format readers fill, again and again.
#[derive(Debug)]
struct Record {
    session: u32,
    from: Sender,
    time: Option<Time>,
    bytes: Vec<u8>,
    faults: Vec<Fault>,
    /// Line, column, and length of the head, as in [`Place`].
    place: Option<(u64, u64, usize)>,
    /// The line's text.
    text: Vec<u8>,
}

impl Record {
    const fn new() -> Self {
        Self {
            session: 0,
            from: Sender::Host,
            time: None,
            bytes: Vec::new(),
            faults: Vec::new(),
            place: None,
            text: Vec::new(),
        }
    }

    /// Back to an empty one of the host with no time; keeps the buffers.
    fn clear(&mut self) {
        self.session = 0;
        self.from = Sender::Host;
        self.time = None;
        self.bytes.clear();
        self.faults.clear();
        self.place = None;
        self.text.clear();
    }

    fn chunk(&self) -> Chunk<'_> {
        let place = self.place.map(|(line, column, head)| Place { line, column, text: &self.text, head });
        let Self { session, from, time, .. } = *self;
        Chunk { session, from, time, bytes: &self.bytes, faults: &self.faults, place }
    }
}

/// What a format's reader does; [`Stream`] adds what all have in common.
trait Pull: Send {
    /// Fills a cleared record with at most [`MAX_CHUNK`] bytes; false at the end.
    fn pull(&mut self, out: &mut Record) -> Result<bool, CaptureError>;

    /// As [`Reader::stop`].
    fn stop(&mut self) -> bool {
        false
    }

    fn meta(&self) -> &Meta;

    /// Offset in the file up to which it was read.
    fn offset(&self) -> u64;
}

/// A format's reader with the laws of [`Reader`]: an empty recording is damage, nothing follows an error.
struct Stream {
    inner: Box<dyn Pull>,
    record: Record,
    file: String,
    kept: u64,
    done: bool,
}

impl Stream {
    fn boxed(file: &str, inner: Box<dyn Pull>) -> Box<dyn Reader> {
        Box::new(Self { inner, record: Record::new(), file: file.to_owned(), kept: 0, done: false })
    }

    fn advance(&mut self) -> Result<bool, CaptureError> {
        loop {
            self.record.clear();
            if !self.inner.pull(&mut self.record)? {
                if self.kept == 0 {
                    return Err(CaptureError::empty(&self.file, self.inner.offset()));
                }
                return Ok(false);
            }
            self.kept += 1;
            // A record of no byte and no fault says nothing: it counts, and is passed over.
            if !self.record.bytes.is_empty() || !self.record.faults.is_empty() {
                return Ok(true);
            }
        }
    }
}

impl Reader for Stream {
    fn next_chunk(&mut self) -> Result<Option<Chunk<'_>>, CaptureError> {
        if self.done {
            return Ok(None);
        }
        match self.advance() {
            Ok(true) => Ok(Some(self.record.chunk())),
            Ok(false) => {
                self.done = true;
                Ok(None)
            }
            Err(error) => {
                self.done = true;
                Err(error.with_kept(self.kept))
            }
        }
    }

    fn position(&self) -> u64 {
        self.inner.offset()
    }

    fn stop(&mut self) -> bool {
        self.inner.stop()
    }

    fn meta(&self) -> &Meta {
        self.inner.meta()
    }
}

/// Opens a recording that is read once from its start; `name` is what messages call it.
///
/// The format is found out by content unless `options` names it. A pipe is as good as a file.
///
/// # Errors
/// An input that is empty or cut off ahead of its first record ([`CaptureError::is_damage`]), one that is in no
/// known format or carries no serial line, and a choice in `options` that the recording does not have.
pub fn open(name: &str, input: Box<dyn Read + Send>, options: &Options) -> Result<Box<dyn Reader>, CaptureError> {
    open_input(name, Input::Stream(input), options)
}

/// Opens a file, or a folder that holds one recording in several files; messages call it by its path.
///
/// # Errors
/// As [`open`], and if there is no such file.
pub fn open_path(path: &Path, options: &Options) -> Result<Box<dyn Reader>, CaptureError> {
    open_input(&path.display().to_string(), Input::of_path(path)?, options)
}

/// Opens a recording; `name` is what messages call it.
///
/// # Errors
/// As [`open`].
pub fn open_input(name: &str, input: Input, options: &Options) -> Result<Box<dyn Reader>, CaptureError> {
    let (format, source) = match identify(name, input, options)? {
        Found::Bytes(format, source) => (format, source),
        Found::Levels(recording) => {
            let lines = logic::lines::Conversations::open(name, recording.open(options)?, options)?;
            return Ok(Stream::boxed(name, Box::new(lines)));
        }
    };
    let inner: Box<dyn Pull> = match format {
        Format::Pcap => packets::Packets::open(pcap::PcapPackets::open(source)?, options)?,
        Format::Pcapng => packets::Packets::open(pcapng::PcapngPackets::open(source)?, options)?,
        Format::Saleae => Box::new(saleae::Tables::open(source, options)?),
        Format::Transcript => Box::new(transcript::Transcript::open(source)?),
        _ => raw::open(source, options)?,
    };
    Ok(Stream::boxed(name, inner))
}

/// A recording whose format is known.
enum Found {
    Bytes(Format, Source),
    Levels(logic::Recording),
}

/// Tells the format of an input.
fn identify(name: &str, input: Input, options: &Options) -> Result<Found, CaptureError> {
    let zipped = options.format.is_none_or(|format| matches!(format, Format::Sigrok | Format::Dsl)) && !options.mixed;
    let mut source = match input {
        Input::Files(files) => {
            let sources = files.into_iter().map(|(name, input)| Source::new(&name, input)).collect();
            return Ok(Found::Levels(logic::Recording::Files(sources)));
        }
        Input::File(mut file) => {
            let head = logic::peek(name, file.as_mut(), logic::zip::LOCAL.len())?;
            if zipped && (head == logic::zip::LOCAL || options.format.is_some()) && !head.is_empty() {
                return Ok(Found::Levels(logic::open_zip(name, file, options.format)?));
            }
            Source::new(name, Box::new(file))
        }
        Input::Stream(input) => Source::new(name, input),
    };
    let head = source.fill(logic::zip::LOCAL.len())?;
    if zipped && (head.starts_with(logic::zip::LOCAL) || options.format.is_some()) && !head.is_empty() {
        let file = logic::spool(source)?;
        return Ok(Found::Levels(logic::open_zip(name, file, options.format)?));
    }
    let format = match options.format {
        Some(format) => format,
        None if options.mixed => Format::Raw,
        None => match (detect::detect_source(&mut source), options.samplerate, options.unit_size) {
            // Whoever says how wide a sample is, or how fast they come where nothing else is known, has samples.
            (Ok(Format::Raw), Some(_), Some(_)) | (Err(CaptureError::Unrecognised { .. }), Some(_), _) => {
                Format::Samples
            }
            (format, ..) => format?,
        },
    };
    if source.fill(1)?.is_empty() {
        return Err(source.damaged("empty: no record"));
    }
    Ok(if format.is_levels() {
        Found::Levels(logic::Recording::One(format, source))
    } else {
        Found::Bytes(format, source)
    })
}

/// A named input of [`open_pair`].
pub type Named = (String, Box<dyn Read + Send>);

/// Opens a file for each line, or for one of them: raw bytes, or tables of one Saleae analyzer each.
///
/// Two raw files do not tell who spoke first: the reader lets the module answer after each line of the host, up to a
/// result code or prompt, and says so in [`Meta::ordered`] and a note. Tables are merged by their times.
///
/// # Errors
/// No input at all, a table beside raw bytes, or only empty inputs ([`CaptureError::is_damage`]).
pub fn open_pair(host: Option<Named>, module: Option<Named>) -> Result<Box<dyn Reader>, CaptureError> {
    let name = match (&host, &module) {
        (Some((host, _)), Some((module, _))) => format!("{host}+{module}"),
        (Some((name, _)), None) | (None, Some((name, _))) => name.clone(),
        (None, None) => {
            return Err(CaptureError::choice("-", "no file for the host nor for the module"));
        }
    };
    let source = |(name, input): Named| Source::new(&name, input);
    let (mut host, mut module) = (host.map(source), module.map(source));
    let mut tables = 0;
    for side in [&mut host, &mut module].into_iter().flatten() {
        tables += usize::from(saleae::is_table(side)?);
    }
    let files = usize::from(host.is_some()) + usize::from(module.is_some());
    let inner: Box<dyn Pull> = match tables {
        0 => Box::new(raw::Pair::new(host, module)),
        tables if tables == files => Box::new(saleae::Merged::open(host, module)?),
        _ => {
            let what = "one of them is a Saleae table and the other one is not: give two tables or two raw files";
            return Err(CaptureError::choice(&name, what));
        }
    };
    Ok(Stream::boxed(&name, inner))
}

/// Where [`writer()`] writes to.
pub type Output = Box<dyn Write + Send>;
