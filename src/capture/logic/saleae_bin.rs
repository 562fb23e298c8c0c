//! Binary exports of Saleae's Logic 2, versions 0 and 1: one file a channel, each the times of its changes.
//!
//! Several files are one capture and are read side by side. Times are seconds as `f64`, taken as picoseconds since the
//! capture's zero, or since its start where that is ahead of zero. A gap between the chunks of version 1 is
//! [`Level::Unknown`]. Format: Saleae's support pages "Binary Export Format" and "… 2025 Update".

use super::{CaptureError, LevelReader, Levels, Lines, Meta, Source};
use crate::capture::Format;
use crate::capture::source::Fields;
use crate::uart::{Channel, Clock, Level};

/// What an export starts with.
pub(in crate::capture) const MAGIC: &[u8] = b"<SALEAE>";
/// Files of one capture.
pub(in crate::capture) const MOST: usize = 256;
const CLOCK: Clock = Clock { ticks: 1_000_000_000_000, secs: 1 };
/// Changes of a channel in a stretch.
const STRETCH: usize = 4096;

/// A file, open for reading.
struct Export {
    source: Source,
    version: u32,
    /// Chunks behind this one.
    chunks: u64,
    /// Times of this chunk that were not read.
    left: u64,
    high: bool,
    /// The tick of the last change.
    now: u64,
    /// The end of this chunk in seconds.
    end: f64,
    begin: f64,
    /// Whether the level at the start of this chunk was told.
    begun: bool,
    ended: bool,
}

/// The files of one capture.
pub(super) struct Exports {
    files: Vec<Export>,
    channels: Vec<Channel>,
    lines: Lines,
    /// The second that is tick 0.
    zero: f64,
    meta: Meta,
    failure: Option<CaptureError>,
}

/// Whether a file starts as an export of digital data: `None` if it is none at all.
pub(in crate::capture) fn is_digital(head: &[u8]) -> Option<bool> {
    let fields = Fields::new(head, false);
    head.starts_with(MAGIC).then(|| fields.u32(12) == Some(0))
}

impl Exports {
    /// Opens the files of one capture.
    pub(super) fn open(sources: Vec<Source>) -> Result<Self, CaptureError> {
        let mut meta = Meta::new(Format::SaleaeBinary);
        let mut names = super::Names::default();
        let (mut files, mut channels, mut refused) = (Vec::new(), Vec::new(), None);
        let all = sources.len();
        let (mut failure, mut analog) = (None, 0);
        for source in sources {
            let name = channel_name(source.file(), channels.len());
            match Export::open(source) {
                Ok(file) => {
                    files.push(file);
                    channels.push(Channel { name: names.unique(&name), clock: CLOCK });
                }
                // A channel that is damaged from its start on keeps the others from nothing.
                Err(error) if error.is_damage() && all > 1 => {
                    failure.get_or_insert(error);
                }
                Err(error) => {
                    analog += 1;
                    refused.get_or_insert(error);
                }
            }
        }
        if files.is_empty() {
            return Err(refused.or(failure).unwrap_or_else(|| CaptureError::empty("-", 0)));
        }
        if analog > 0 {
            meta.note(format!("{analog} files are left out: they hold no digital data"));
        }
        let zero = files.iter().map(|file| file.begin).fold(0.0, f64::min);
        let lines = Lines::new(channels.len());
        Ok(Self { files, channels, lines, zero, meta, failure })
    }

    /// Reads on where a file is furthest behind; false if there is nothing more.
    fn advance(&mut self, out: &mut Levels) -> Result<bool, CaptureError> {
        let open = self.files.iter_mut().enumerate().filter(|(_, file)| !file.ended);
        let Some((at, file)) = open.min_by_key(|(_, file)| file.now) else {
            return Ok(false);
        };
        let channel = u32::try_from(at).unwrap_or(u32::MAX);
        let mut room = STRETCH;
        let lines = &mut self.lines;
        let mut set = |tick, level, room: &mut usize| lines.set(channel, tick, level, out, room);
        let result = file.advance(self.zero, &mut room, &mut set);
        if let Some(until) = out.until.get_mut(at) {
            *until = if file.ended { file.now } else { file.now.saturating_add(1) };
        }
        if result.is_err() {
            file.ended = true;
        }
        result.map(|()| true)
    }
}

/// `digital_0` of `capture/digital_0.bin`.
fn channel_name(file: &str, number: usize) -> String {
    let name = file.rsplit(['/', '\\']).next().unwrap_or(file);
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    if stem.is_empty() || stem == "-" { format!("digital_{number}") } else { stem.to_owned() }
}

impl Export {
    fn open(mut source: Source) -> Result<Self, CaptureError> {
        const HEAD: usize = 16;
        source.fill(HEAD)?;
        let fields = Fields::new(source.available(), false);
        let (Some(version), Some(kind)) = (fields.u32(8), fields.u32(12)) else {
            return Err(source.damaged("the header is cut off"));
        };
        let what = if !source.available().starts_with(MAGIC) {
            "no binary export of Saleae's Logic 2: it does not start with `<SALEAE>`".to_owned()
        } else if kind == 1 && version <= 1 {
            "Saleae's binary export of analog data; export the digital channels".to_owned()
        } else if version > 1 || kind > 1 {
            format!(
                "Saleae's file of version {version} and type {kind}, as in `.sal` captures; \
                 export the channels as binary (version 0 or 1) or CSV"
            )
        } else {
            source.consume(HEAD);
            let (chunks, left, now, end, begin) = (1, 0, 0, 0.0, 0.0);
            let (high, begun, ended) = (false, false, false);
            let mut export = Self { source, version, chunks, left, high, now, end, begin, begun, ended };
            if version == 1 {
                export.chunks = export.field(8, |fields| fields.u64(0))?;
            }
            if export.chunks == 0 {
                export.ended = true;
            } else {
                export.chunk()?;
            }
            return Ok(export);
        };
        Err(CaptureError::Unrecognised { file: source.file().to_owned(), what })
    }

    /// Takes a field of so many bytes.
    fn field<T>(&mut self, len: usize, read: impl Fn(Fields<'_>) -> Option<T>) -> Result<T, CaptureError> {
        let there = self.source.fill(len)?;
        match read(Fields::new(there, false)) {
            Some(value) => {
                self.source.consume(len);
                Ok(value)
            }
            None => Err(self.source.damaged("cut off in a header")),
        }
    }

    /// Reads the header of a chunk.
    fn chunk(&mut self) -> Result<(), CaptureError> {
        let rate = if self.version == 0 { 0 } else { 8 };
        let head = self.field(28 + rate, |fields| {
            let float = |at| fields.u64(at).map(f64::from_bits);
            Some((fields.u32(0)?, float(4 + rate)?, float(12 + rate)?, fields.u64(20 + rate)?))
        })?;
        let (high, begin, end, left) = head;
        if !(begin.is_finite() && end.is_finite() && end >= begin) {
            let offset = self.source.offset() - 24;
            return Err(self.source.damaged_at(offset, "expected the times of start and end"));
        }
        self.chunks -= 1;
        (self.high, self.begin, self.end, self.left) = (high != 0, begin, end, left);
        self.begun = false;
        Ok(())
    }

    fn tick(&mut self, time: f64, zero: f64) -> Result<u64, CaptureError> {
        const LAST: f64 = 9.0e18;
        let picos = ((time - zero) * CLOCK.rate()).round();
        if !(0.0..LAST).contains(&picos) {
            return Err(self.source.damaged("expected a time in seconds"));
        }
        Ok(picos as u64)
    }

    /// Reads on until `room` is used up and the time goes on.
    fn advance(
        &mut self,
        zero: f64,
        room: &mut usize,
        set: &mut impl FnMut(u64, Level, &mut usize),
    ) -> Result<(), CaptureError> {
        loop {
            if !self.begun {
                let begin = self.tick(self.begin, zero)?;
                if begin < self.now {
                    return Err(self.source.damaged("a chunk begins ahead of the end of the one before it"));
                }
                if begin > self.now && *room == 0 {
                    return Ok(());
                }
                self.now = begin;
                self.begun = true;
                set(begin, level(self.high), room);
            }
            while self.left > 0 {
                let there = self.source.fill(8)?;
                let Some(time) = Fields::new(there, false).u64(0).map(f64::from_bits) else {
                    return Err(self.source.damaged("cut off in the times"));
                };
                let tick = self.tick(time, zero)?;
                if tick < self.now {
                    return Err(self.source.damaged("the time runs backwards"));
                }
                if tick > self.now && *room == 0 {
                    return Ok(());
                }
                self.source.consume(8);
                self.left -= 1;
                self.now = tick;
                self.high = !self.high;
                set(tick, level(self.high), room);
            }
            let end = self.tick(self.end, zero)?.max(self.now);
            if self.chunks == 0 {
                // The last level was there up to the end.
                self.now = end.saturating_add(1);
                self.ended = true;
                return Ok(());
            }
            if end > self.now && *room == 0 {
                return Ok(());
            }
            self.now = end;
            let before = self.end;
            self.chunk()?;
            if self.begin > before {
                set(end, Level::Unknown, room);
            }
        }
    }
}

const fn level(high: bool) -> Level {
    if high { Level::High } else { Level::Low }
}

impl LevelReader for Exports {
    fn channels(&self) -> &[Channel] {
        &self.channels
    }

    fn read(&mut self, out: &mut Levels) -> Result<bool, CaptureError> {
        self.lines.begin();
        loop {
            match self.advance(out) {
                Ok(true) => return Ok(true),
                Ok(false) => break,
                Err(error) => {
                    self.failure.get_or_insert(error);
                    if out.changes.iter().any(|changes| !changes.is_empty()) {
                        return Ok(true);
                    }
                }
            }
        }
        self.failure.take().map_or(Ok(false), Err)
    }

    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn offset(&self) -> u64 {
        self.files.iter().map(|file| file.source.offset()).max().unwrap_or(0)
    }
}
