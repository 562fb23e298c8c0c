//! Zip archives as recorders write them: read also where they are cut off, in bounded memory.
//!
//! Written here because what a recording needs is what the libraries for zip leave out: an archive without a directory is
//! read by its members' own headers up to where it ends, several members are read side by side, and neither a directory
//! of a million members nor one that names the same bytes a thousand times costs more than its length. Inflating is
//! flate2's. Trap: the sizes in a member's own header are 0 where it was written to a pipe; the directory has them.

use std::io::{self, SeekFrom};
use std::sync::Arc;

use super::unpack::Unpacker;
use crate::capture::source::Fields;
use crate::capture::{CaptureError, ReadSeek};

/// What a member's own header starts with.
pub(in crate::capture) const LOCAL: &[u8] = b"PK\x03\x04";
const CENTRAL: &[u8] = b"PK\x01\x02";
const END: &[u8] = b"PK\x05\x06";
const END64: &[u8] = b"PK\x06\x06";
const LOCATOR64: &[u8] = b"PK\x06\x07";
pub(super) const LOCAL_LEN: usize = 30;
const CENTRAL_LEN: usize = 46;
const END_LEN: usize = 22;
/// The longest name that any of our formats has, with room.
const LONGEST_NAME: usize = 64;
/// Members that a directory may have: more than a capture of a terabyte needs.
const MOST_MEMBERS: u64 = 4_000_000;
/// Bytes that are read from the archive at a time.
pub(super) const ROOM: usize = 64 * 1024;

/// A file in the archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Member {
    /// The name; longer ones than any recording has are cut.
    pub(super) name: String,
    pub(super) place: Place,
}

/// Where a member's bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Offset of its own header.
    pub(super) header: u64,
    /// Bytes in the archive.
    pub(super) packed: u64,
    /// Bytes that they unpack to.
    pub(super) size: u64,
    pub(super) crc: u32,
    pub(super) packing: Packing,
    /// Its own header does not tell the sizes, and there is no directory that does.
    pub(super) open: bool,
}

/// How a member's bytes are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    Deflated,
    Stored,
    /// Encrypted, or with a method that no recorder uses.
    Other,
}

/// An archive, open for reading.
pub(in crate::capture) struct Archive {
    input: Box<dyn ReadSeek>,
    /// Where the input stands.
    at: u64,
    len: u64,
    file: Arc<str>,
    /// What is wrong with the archive as a whole: told when all members were read.
    pub(super) torn: Option<(u64, &'static str)>,
}

impl Archive {
    /// Opens an archive and shows its members in the order of its directory, or of the file if it has none.
    pub(super) fn open(
        file: &str,
        mut input: Box<dyn ReadSeek>,
        mut each: impl FnMut(Member),
    ) -> Result<Self, CaptureError> {
        let failed = |source| CaptureError::Io { file: file.to_owned(), offset: 0, source };
        let len = input.seek(SeekFrom::End(0)).map_err(failed)?;
        let mut archive = Self { input, at: len, len, file: file.into(), torn: None };
        match archive.directory()? {
            Some((at, len, count)) => archive.by_directory(at, len, count, &mut each)?,
            None => archive.by_headers(&mut each)?,
        }
        Ok(archive)
    }

    pub(super) fn file(&self) -> &str {
        &self.file
    }

    pub(super) fn damaged(&self, offset: u64, what: impl Into<String>) -> CaptureError {
        CaptureError::Damaged { file: self.file.to_string(), offset, what: what.into(), kept: 0 }
    }

    /// Reads up to a buffer's length at an offset; less only at the end.
    pub(super) fn read_at(&mut self, offset: u64, out: &mut [u8]) -> Result<usize, CaptureError> {
        let mut done = 0;
        let result = (|| -> io::Result<()> {
            if self.at != offset {
                self.at = self.input.seek(SeekFrom::Start(offset))?;
            }
            while let Some(rest) = out.get_mut(done..).filter(|rest| !rest.is_empty()) {
                match self.input.read(rest) {
                    Ok(0) => break,
                    Ok(count) => done += count,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(())
        })();
        self.at = offset + done as u64;
        match result {
            Ok(()) => Ok(done),
            Err(source) => {
                // Wherever the input stands now: the next read seeks.
                self.at = u64::MAX;
                Err(CaptureError::Io { file: self.file.to_string(), offset, source })
            }
        }
    }

    /// Where the directory is: its offset, length and number of members. `None` where the archive has lost it.
    fn directory(&mut self) -> Result<Option<(u64, u64, u64)>, CaptureError> {
        const LONGEST: u64 = END_LEN as u64 + 0xFFFF;
        let start = self.len.saturating_sub(LONGEST);
        let mut tail = vec![0; (self.len - start) as usize];
        let count = self.read_at(start, &mut tail)?;
        tail.truncate(count);
        // A comment may hold the same four bytes: the last one whose comment fits is it.
        let fits = |at: &usize| {
            let record = Fields::new(tail.get(*at..).unwrap_or_default(), false);
            record.u16(20).is_some_and(|comment| at + END_LEN + usize::from(comment) == tail.len())
        };
        let Some(at) = memchr::memmem::rfind_iter(&tail, END).find(fits) else {
            return Ok(None);
        };
        let record = Fields::new(tail.get(at..).unwrap_or_default(), false);
        let end = start + at as u64;
        let (Some(count), Some(len), Some(offset)) = (record.u16(10), record.u32(12), record.u32(16)) else {
            return Ok(None);
        };
        if count != u16::MAX && len != u32::MAX && offset != u32::MAX {
            return Ok(self.checked(u64::from(offset), u64::from(len), u64::from(count), end));
        }
        let mut locator = [0; 20];
        let Some(before) = end.checked_sub(20) else {
            return Ok(None);
        };
        self.read_at(before, &mut locator)?;
        if !locator.starts_with(LOCATOR64) {
            return Ok(self.checked(u64::from(offset), u64::from(len), u64::from(count), end));
        }
        let Some(place) = Fields::new(&locator, false).u64(8) else {
            return Ok(None);
        };
        let mut record = [0; 56];
        if self.read_at(place, &mut record)? < 56 || !record.starts_with(END64) {
            return Ok(None);
        }
        let record = Fields::new(&record, false);
        match (record.u64(32), record.u64(40), record.u64(48)) {
            (Some(count), Some(len), Some(offset)) => Ok(self.checked(offset, len, count, place)),
            _ => Ok(None),
        }
    }

    /// A directory that ends where its end record begins, or `None`: then the members' headers are the better source.
    fn checked(&self, offset: u64, len: u64, count: u64, end: u64) -> Option<(u64, u64, u64)> {
        let fits = offset.checked_add(len).is_some_and(|stop| stop <= end && stop <= self.len);
        fits.then_some((offset, len, count))
    }

    fn by_directory(
        &mut self,
        start: u64,
        len: u64,
        count: u64,
        each: &mut impl FnMut(Member),
    ) -> Result<(), CaptureError> {
        let mut window = Window::new(start, start + len);
        for number in 0..count {
            if number >= MOST_MEMBERS {
                self.torn = Some((window.at, "its directory has more members than any recording"));
                break;
            }
            let head = window.fill(self, CENTRAL_LEN)?;
            let fields = Fields::new(head, false);
            let (true, Some(name), Some(extra), Some(comment)) =
                (head.starts_with(CENTRAL), fields.u16(28), fields.u16(30), fields.u16(32))
            else {
                self.torn = Some((window.at, "its directory is damaged"));
                break;
            };
            let (name, extra, comment) = (usize::from(name), usize::from(extra), usize::from(comment));
            let head = window.fill(self, CENTRAL_LEN + name + extra)?;
            match central(head, name, extra) {
                Some(member) => each(member),
                None => {
                    self.torn = Some((window.at, "its directory is damaged"));
                    break;
                }
            }
            window.skip(CENTRAL_LEN + name + extra + comment);
        }
        Ok(())
    }

    fn by_headers(&mut self, each: &mut impl FnMut(Member)) -> Result<(), CaptureError> {
        let mut at = 0;
        loop {
            let mut head = [0; LOCAL_LEN];
            let count = self.read_at(at, &mut head)?;
            let head = head.get(..count).unwrap_or_default();
            if head.starts_with(CENTRAL) || head.starts_with(END) {
                self.torn = Some((self.len, "the zip archive is cut off in its directory"));
                return Ok(());
            }
            let Some((mut place, name, rest)) = local(head, at) else {
                let cut = count < LOCAL_LEN && LOCAL.starts_with(head.get(..4.min(count)).unwrap_or_default());
                let what = match count {
                    0 => "the zip archive is cut off between two members",
                    _ if cut => "the zip archive is cut off in the header of a member",
                    _ => "no member of a zip archive",
                };
                self.torn = Some((if cut { self.len } else { at }, what));
                return Ok(());
            };
            let mut text = vec![0; (name + rest).min(LONGEST_NAME + 0xFFFF)];
            let there = self.read_at(at + LOCAL_LEN as u64, &mut text)?;
            text.truncate(there);
            let data = at + (LOCAL_LEN + name + rest) as u64;
            if data > self.len || there < name {
                self.torn = Some((self.len, "the zip archive is cut off in the header of a member"));
                return Ok(());
            }
            wide(text.get(name..).unwrap_or_default(), &mut [(&mut place.size, 0), (&mut place.packed, 0)]);
            text.truncate(name.min(LONGEST_NAME));
            let name = String::from_utf8_lossy(&text).into_owned();
            let mut next = data.checked_add(place.packed);
            if place.open {
                // Only its end tells how long it is.
                next = Some(self.measure(&mut place)?);
            }
            each(Member { name, place });
            match next.filter(|next| *next <= self.len) {
                Some(next) if next > at => at = next,
                _ => {
                    self.torn = Some((self.len, "the zip archive is cut off in a member"));
                    return Ok(());
                }
            }
        }
    }

    /// Inflates a member whose length nobody tells; gives the offset behind it.
    fn measure(&mut self, place: &mut Place) -> Result<u64, CaptureError> {
        if place.packing != Packing::Deflated {
            return Ok(u64::MAX);
        }
        let mut unpacker = Unpacker::open(self, *place)?;
        let mut scrap = vec![0; ROOM];
        let end = loop {
            match unpacker.read(self, &mut scrap) {
                Ok(0) => break unpacker.offset(),
                Ok(_) => {}
                Err(_) => return Ok(u64::MAX),
            }
        };
        // The record behind it, with or without its signature, and with long or short sizes.
        let mut record = [0; 24];
        let count = self.read_at(end, &mut record)?;
        let fields = Fields::new(record.get(..count).unwrap_or_default(), false);
        let signed = usize::from(record.starts_with(b"PK\x07\x08")) * 4;
        place.crc = fields.u32(signed).unwrap_or_default();
        place.packed = end - unpacker.start;
        place.size = unpacker.out;
        place.open = fields.u32(signed).is_none();
        let long = fields.u64(signed + 4) == Some(place.packed) && fields.u64(signed + 12) == Some(place.size);
        Ok(end + signed as u64 + if long { 20 } else { 12 })
    }
}

/// A window that moves over the directory.
struct Window {
    /// Offset of what comes next.
    at: u64,
    end: u64,
    buffer: Vec<u8>,
    start: usize,
}

impl Window {
    const fn new(at: u64, end: u64) -> Self {
        Self { at, end, buffer: Vec::new(), start: 0 }
    }

    /// The next bytes: as many as wanted, less at the end of the directory.
    fn fill(&mut self, archive: &mut Archive, want: usize) -> Result<&[u8], CaptureError> {
        if self.buffer.len().saturating_sub(self.start) < want {
            let room = u64::try_from(want.max(ROOM)).unwrap_or(u64::MAX).min(self.end.saturating_sub(self.at));
            self.buffer.resize(usize::try_from(room).unwrap_or(ROOM), 0);
            let count = archive.read_at(self.at, &mut self.buffer)?;
            self.buffer.truncate(count);
            self.start = 0;
        }
        let rest = self.buffer.get(self.start..).unwrap_or_default();
        Ok(rest.get(..want).unwrap_or(rest))
    }

    fn skip(&mut self, count: usize) {
        self.at += count as u64;
        self.start += count;
    }
}

/// Reads an entry of the directory.
fn central(entry: &[u8], name: usize, extra: usize) -> Option<Member> {
    let fields = Fields::new(entry, false);
    let text = entry.get(CENTRAL_LEN..CENTRAL_LEN + name)?;
    let extra = entry.get(CENTRAL_LEN + name..CENTRAL_LEN + name + extra)?;
    let mut place = Place {
        header: u64::from(fields.u32(42)?),
        packed: u64::from(fields.u32(20)?),
        size: u64::from(fields.u32(24)?),
        crc: fields.u32(16)?,
        packing: Packing::of(fields.u16(10)?, fields.u16(8)?),
        open: false,
    };
    wide(extra, &mut [(&mut place.size, 0), (&mut place.packed, 0), (&mut place.header, 0)]);
    let name = String::from_utf8_lossy(text.get(..text.len().min(LONGEST_NAME)).unwrap_or_default()).into_owned();
    Some(Member { name, place })
}

/// Reads a member's own header: its place, and the lengths of its name and of what follows that.
pub(super) fn local(head: &[u8], at: u64) -> Option<(Place, usize, usize)> {
    let fields = Fields::new(head, false);
    if !head.starts_with(LOCAL) || head.len() < LOCAL_LEN {
        return None;
    }
    let (packed, size) = (u64::from(fields.u32(18)?), u64::from(fields.u32(22)?));
    let place = Place {
        header: at,
        packed,
        size,
        crc: fields.u32(14)?,
        packing: Packing::of(fields.u16(8)?, fields.u16(6)?),
        open: fields.u16(6)? & 8 != 0 && packed == 0,
    };
    Some((place, usize::from(fields.u16(26)?), usize::from(fields.u16(28)?)))
}

impl Packing {
    const fn of(method: u16, flags: u16) -> Self {
        match (method, flags & 1) {
            (0, 0) => Self::Stored,
            (8, 0) => Self::Deflated,
            _ => Self::Other,
        }
    }
}

/// Takes the sizes that did not fit into 32 bits from a member's extra fields, in the order of the format.
fn wide(extra: &[u8], wanted: &mut [(&mut u64, u8)]) {
    let mut rest = extra;
    while let Some((head, after)) = rest.split_at_checked(4) {
        let fields = Fields::new(head, false);
        let (Some(id), Some(len)) = (fields.u16(0), fields.u16(2)) else { return };
        let Some((data, after)) = after.split_at_checked(usize::from(len)) else { return };
        if id == 1 {
            let mut values = data.chunks_exact(8);
            for (value, _) in wanted.iter_mut().filter(|(value, _)| **value == u64::from(u32::MAX)) {
                let Some(wide) = values.next().and_then(|bytes| Fields::new(bytes, false).u64(0)) else { return };
                **value = wide;
            }
            return;
        }
        rest = after;
    }
}

/// Whether two of these overlap: an archive that unpacks the same bytes again and again.
pub(super) fn overlap(places: impl Iterator<Item = Place>) -> bool {
    let mut all: Vec<(u64, u64)> = places.map(|place| (place.header, place.packed)).collect();
    all.sort_unstable();
    all.windows(2).any(|pair| match pair {
        [(at, packed), (next, _)] => at.saturating_add(*packed) >= *next,
        _ => false,
    })
}

/// The names of the members whose headers are within these first bytes of an archive.
pub(in crate::capture) fn names(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = head;
    std::iter::from_fn(move || {
        let (place, name, extra) = local(rest, 0)?;
        let text = rest.get(LOCAL_LEN..LOCAL_LEN + name)?;
        let packed = usize::try_from(place.packed).ok().filter(|_| !place.open);
        let next = packed.and_then(|packed| (LOCAL_LEN + name + extra).checked_add(packed));
        rest = next.and_then(|next| rest.get(next..)).unwrap_or_default();
        Some(text)
    })
}
