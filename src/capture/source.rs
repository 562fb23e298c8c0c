//! Buffered input that knows its offset: what every format reader reads from.
//!
//! Holds what was asked for and no more than twice that. An input that fails is one that ends, with the failure told
//! in place of the damage: so all that came before it is read.

use std::fs::{self, File};
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::logic::saleae_bin;
use super::{CaptureError, Named};
use crate::Time;

/// An input that can be sought.
pub trait ReadSeek: Read + Seek + Send {}

impl<T: Read + Seek + Send> ReadSeek for T {}

/// What a recording is read from.
pub enum Input {
    /// One that can be sought, such as a file.
    File(Box<dyn ReadSeek>),
    /// Several that are one recording: the channels of Saleae's binary export.
    Files(Vec<Named>),
    /// One that is read once from its start, such as a pipe.
    Stream(Box<dyn Read + Send>),
}

impl Input {
    /// Of a file, a pipe, or a folder of binary exports of Saleae's Logic.
    ///
    /// # Errors
    /// It cannot be opened, or the folder holds no such export.
    pub fn of_path(path: &Path) -> Result<Self, CaptureError> {
        let name = path.display().to_string();
        let failed = |source| CaptureError::Open { file: name.clone(), source };
        let kind = fs::metadata(path).map_err(failed)?;
        if kind.is_dir() {
            return Self::of_folder(path);
        }
        let file = File::open(path).map_err(failed)?;
        Ok(if kind.is_file() { Self::File(Box::new(file)) } else { Self::Stream(Box::new(file)) })
    }

    /// Of files that are the channels of one recording.
    ///
    /// # Errors
    /// One of them cannot be opened.
    pub fn of_files<'a>(paths: impl IntoIterator<Item = &'a Path>) -> Result<Self, CaptureError> {
        let open = |path: &Path| {
            let name = path.display().to_string();
            match File::open(path) {
                Ok(file) => Ok((name, Box::new(file) as Box<dyn Read + Send>)),
                Err(source) => Err(CaptureError::Open { file: name, source }),
            }
        };
        Ok(Self::Files(paths.into_iter().map(open).collect::<Result<_, _>>()?))
    }

    fn of_folder(path: &Path) -> Result<Self, CaptureError> {
        let name = path.display().to_string();
        let failed = |source| CaptureError::Open { file: name.clone(), source };
        let mut paths: Vec<PathBuf> = Vec::new();
        for entry in fs::read_dir(path).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if paths.len() < saleae_bin::MOST && is_export(&path) {
                paths.push(path);
            }
        }
        if paths.is_empty() {
            let what = "a folder without binary exports of Saleae's Logic 2; name the recordings in it".to_owned();
            return Err(CaptureError::Unrecognised { file: name, what });
        }
        paths.sort_by_cached_key(|path| natural(&path.to_string_lossy()));
        Self::of_files(paths.iter().map(PathBuf::as_path))
    }
}

/// Whether a file is a binary export of Saleae's Logic 2: several of a folder are one recording ([`Input::of_files`]).
pub fn is_export(path: &Path) -> bool {
    let starts = || -> io::Result<bool> {
        let mut head = Vec::new();
        File::open(path)?.take(saleae_bin::MAGIC.len() as u64).read_to_end(&mut head)?;
        Ok(head == saleae_bin::MAGIC)
    };
    path.is_file() && starts().unwrap_or(false)
}

/// Sorts `digital_10` behind `digital_9`.
fn natural(name: &str) -> Vec<(String, u64)> {
    let mut parts = Vec::new();
    let mut rest = name;
    while !rest.is_empty() {
        let text = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let (text, after) = rest.split_at_checked(text).unwrap_or((rest, ""));
        let digits = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
        let (digits, after) = after.split_at_checked(digits).unwrap_or((after, ""));
        parts.push((text.to_owned(), digits.parse().unwrap_or(0)));
        rest = after;
    }
    parts
}

/// Room for small reads; grows with what is asked for.
const ROOM: usize = 128 * 1024;

pub(super) struct Source {
    input: Box<dyn Read + Send>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Offset in the input of the byte at `start`.
    offset: u64,
    ended: bool,
    failure: Option<io::Error>,
    file: Arc<str>,
}

impl Source {
    pub(super) fn new(file: &str, input: Box<dyn Read + Send>) -> Self {
        let buffer = vec![0; ROOM];
        Self { input, buffer, start: 0, end: 0, offset: 0, ended: false, failure: None, file: file.into() }
    }

    /// The name of the input.
    pub(super) fn file(&self) -> &str {
        &self.file
    }

    /// Offset of the first byte that was not consumed.
    pub(super) const fn offset(&self) -> u64 {
        self.offset
    }

    /// Whether nothing comes behind what is available.
    pub(super) const fn ended(&self) -> bool {
        self.ended
    }

    /// What was read and not consumed.
    pub(super) fn available(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// Reads until `want` bytes are available, or all there are; gives all that are available.
    ///
    /// # Errors
    /// The input failed and there is nothing left ahead of it.
    pub(super) fn fill(&mut self, want: usize) -> Result<&[u8], CaptureError> {
        while self.end - self.start < want && !self.ended {
            self.read_more(want);
        }
        if self.start == self.end {
            self.check()?;
        }
        Ok(self.available())
    }

    /// One read of at least one byte beyond what is available, unless the input ended.
    pub(super) fn grow(&mut self) -> Result<&[u8], CaptureError> {
        let want = self.end - self.start + 1;
        self.fill(want)
    }

    /// Takes `count` bytes of the available ones away.
    pub(super) fn consume(&mut self, count: usize) {
        let count = count.min(self.end - self.start);
        self.start += count;
        self.offset += count as u64;
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
    }

    /// The failure of the input, if it failed.
    pub(super) fn check(&mut self) -> Result<(), CaptureError> {
        let offset = self.offset + (self.end - self.start) as u64;
        match self.failure.take() {
            Some(source) => Err(CaptureError::Io { file: self.file.to_string(), offset, source }),
            None => Ok(()),
        }
    }

    /// Damage at the current offset, or the input's failure if that is behind it.
    pub(super) fn damaged(&mut self, what: impl Into<String>) -> CaptureError {
        self.damaged_at(self.offset, what)
    }

    /// As [`Self::damaged`], at a given offset.
    pub(super) fn damaged_at(&mut self, offset: u64, what: impl Into<String>) -> CaptureError {
        match self.check() {
            Err(failure) => failure,
            Ok(()) => CaptureError::Damaged { file: self.file.to_string(), offset, what: what.into(), kept: 0 },
        }
    }

    fn read_more(&mut self, want: usize) {
        if self.buffer.len() - self.start < want || self.end == self.buffer.len() {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
            // Twice the room: so a byte is moved once at most for each one that is consumed.
            if self.buffer.len() < 2 * want {
                self.buffer.resize(2 * want, 0);
            }
        }
        match self.input.read(self.buffer.get_mut(self.end..).unwrap_or_default()) {
            Ok(0) => self.ended = true,
            Ok(count) => self.end = (self.end + count).min(self.buffer.len()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                self.failure = Some(error);
                self.ended = true;
            }
        }
    }
}

/// Fields of a binary header, by offset; `None` beyond its end.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) big: bool,
}

impl<'a> Fields<'a> {
    pub(super) const fn new(bytes: &'a [u8], big: bool) -> Self {
        Self { bytes, big }
    }

    fn array<const N: usize>(self, at: usize) -> Option<[u8; N]> {
        self.bytes.get(at..)?.first_chunk().copied()
    }

    pub(super) fn u8(self, at: usize) -> Option<u8> {
        self.bytes.get(at).copied()
    }

    pub(super) fn u16(self, at: usize) -> Option<u16> {
        let bytes = self.array(at)?;
        Some(if self.big { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
    }

    pub(super) fn u32(self, at: usize) -> Option<u32> {
        let bytes = self.array(at)?;
        Some(if self.big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    }

    pub(super) fn u64(self, at: usize) -> Option<u64> {
        let bytes = self.array(at)?;
        Some(if self.big { u64::from_be_bytes(bytes) } else { u64::from_le_bytes(bytes) })
    }
}

/// Reads decimal seconds as [`Time::parse_secs`] does, quickly where they are written plainly.
pub(super) fn seconds(text: &[u8]) -> Option<Time> {
    const DIGITS: usize = 9;
    let mut parts = text.splitn(2, |&byte| byte == b'.');
    let (whole, fraction) = (parts.next()?, parts.next().unwrap_or_default());
    let number = |digits: &[u8]| {
        digits.iter().try_fold(0u64, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + u64::from(digit - b'0')))
    };
    if whole.is_empty() || whole.len() > DIGITS || fraction.len() > DIGITS {
        return Time::parse_secs(std::str::from_utf8(text).ok()?);
    }
    let (Some(whole), Some(part)) = (number(whole), number(fraction)) else {
        return Time::parse_secs(std::str::from_utf8(text).ok()?);
    };
    let scale = (fraction.len()..DIGITS).fold(1, |scale, _| scale * 10);
    Some(Time::from_nanos(whole * 1_000_000_000 + part * scale))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Gives a few bytes a read, then fails.
    struct Failing(u8);

    impl Read for Failing {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            if self.0 == 0 {
                return Err(io::Error::other("unplugged"));
            }
            self.0 -= 1;
            out.first_mut().map_or(Ok(0), |slot| {
                *slot = b'x';
                Ok(1)
            })
        }
    }

    #[test]
    fn seconds_are_read_as_ever() {
        for text in [
            "0",
            "0.5",
            "12.000000001",
            "1.2345678919",
            ".5",
            "5.",
            "",
            ".",
            "-1",
            "1e3",
            "1.25e-05",
            "1x",
            "1.x",
            "999999999.999999999",
            "1000000000.5",
            "18446744073.8",
            "99999999999",
        ] {
            assert_eq!(seconds(text.as_bytes()), Time::parse_secs(text), "{text}");
        }
    }

    #[test]
    fn what_came_before_a_failure_is_kept() {
        let mut source = Source::new("tty", Box::new(Failing(3)));
        assert_eq!(source.fill(10).unwrap(), b"xxx");
        source.consume(3);
        let error = source.fill(1).unwrap_err();
        assert_eq!(error.to_string(), "tty: cannot be read at byte 3: unplugged");
        assert!(!error.is_damage());
    }

    #[test]
    fn consumed_bytes_make_room() {
        let data: Vec<u8> = (0..=255u8).cycle().take(1_000_000).collect();
        let mut source = Source::new("big", Box::new(io::Cursor::new(data.clone())));
        let mut seen = Vec::new();
        while !source.fill(70_000).unwrap().is_empty() {
            let take = source.available().len().min(33_333);
            seen.extend_from_slice(source.available().get(..take).unwrap());
            source.consume(take);
        }
        assert_eq!(seen, data);
        assert_eq!(source.offset(), 1_000_000);
        assert!(source.buffer.len() <= 2 * 70_000);
    }
}
