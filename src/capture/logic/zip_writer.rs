//! Writes a zip archive front to back: no seeking, no member's size left open.

use std::io::Write;

use flate2::Compression;
use flate2::write::DeflateEncoder;

use crate::capture::write::put;
use crate::capture::{CaptureError, Output};

/// 1980-01-01, the first day there is: the same recording gives the same file.
const DATE: u16 = 1 << 5 | 1;
/// "2.0", and "4.5" where sizes need 64 bits.
const VERSION: u16 = 20;
const VERSION64: u16 = 45;

struct Entry {
    name: String,
    crc: u32,
    /// Smaller than 4 GiB, as members are written from memory.
    packed: u32,
    size: u32,
    method: u16,
    header: u64,
}

/// An archive that is written.
pub(super) struct ZipWriter {
    out: Output,
    at: u64,
    entries: Vec<Entry>,
    packed: Vec<u8>,
}

impl ZipWriter {
    pub(super) const fn new(out: Output) -> Self {
        Self { out, at: 0, entries: Vec::new(), packed: Vec::new() }
    }

    /// Adds a member of less than 4 GiB: deflated where that is shorter.
    pub(super) fn add(&mut self, name: &str, bytes: &[u8]) -> Result<(), CaptureError> {
        self.packed.clear();
        let mut encoder = DeflateEncoder::new(std::mem::take(&mut self.packed), Compression::default());
        encoder.write_all(bytes).map_err(CaptureError::Write)?;
        self.packed = encoder.finish().map_err(CaptureError::Write)?;
        let deflated = self.packed.len() < bytes.len();
        let data = if deflated { &self.packed } else { bytes };
        let entry = Entry {
            name: name.to_owned(),
            crc: crc32fast::hash(bytes),
            packed: u32::try_from(data.len()).unwrap_or(u32::MAX),
            size: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
            method: if deflated { 8 } else { 0 },
            header: self.at,
        };
        let mut head = b"PK\x03\x04".to_vec();
        head.extend(VERSION.to_le_bytes());
        entry.common(&mut head);
        head.extend(0u16.to_le_bytes());
        head.extend(name.as_bytes());
        put(&mut self.out, &head)?;
        put(&mut self.out, data)?;
        self.at += (head.len() + data.len()) as u64;
        self.entries.push(entry);
        Ok(())
    }

    /// Writes the directory and flushes.
    pub(super) fn finish(&mut self) -> Result<(), CaptureError> {
        let start = self.at;
        let entries = std::mem::take(&mut self.entries);
        for entry in &entries {
            let mut head = b"PK\x01\x02".to_vec();
            let far = u32::try_from(entry.header).is_err();
            let version = if far { VERSION64 } else { VERSION };
            head.extend(version.to_le_bytes());
            head.extend(version.to_le_bytes());
            entry.common(&mut head);
            head.extend((if far { 12u16 } else { 0 }).to_le_bytes());
            // Comment, disk, attributes.
            head.extend([0; 10]);
            head.extend(u32::try_from(entry.header).unwrap_or(u32::MAX).to_le_bytes());
            head.extend(entry.name.as_bytes());
            if far {
                head.extend([1, 0, 8, 0]);
                head.extend(entry.header.to_le_bytes());
            }
            put(&mut self.out, &head)?;
            self.at += head.len() as u64;
        }
        let end = end(entries.len() as u64, start, self.at - start);
        put(&mut self.out, &end)?;
        self.out.flush().map_err(CaptureError::Write)
    }
}

/// The records at the end, for so many members in a directory at this offset and of this length.
fn end(count: u64, start: u64, len: u64) -> Vec<u8> {
    let mut end = Vec::new();
    let short = (u16::try_from(count), u32::try_from(len), u32::try_from(start));
    let (count16, len32, start32) = match short {
        (Ok(count), Ok(len), Ok(start)) if count < u16::MAX => (count, len, start),
        _ => {
            end.extend(b"PK\x06\x06");
            end.extend(44u64.to_le_bytes());
            end.extend(VERSION64.to_le_bytes());
            end.extend(VERSION64.to_le_bytes());
            end.extend([0; 8]);
            for value in [count, count, len, start] {
                end.extend(value.to_le_bytes());
            }
            end.extend(b"PK\x06\x07");
            end.extend([0; 4]);
            end.extend((start + len).to_le_bytes());
            end.extend(1u32.to_le_bytes());
            (u16::MAX, u32::MAX, u32::MAX)
        }
    };
    end.extend(b"PK\x05\x06");
    end.extend([0; 4]);
    end.extend(count16.to_le_bytes());
    end.extend(count16.to_le_bytes());
    end.extend(len32.to_le_bytes());
    end.extend(start32.to_le_bytes());
    end.extend([0; 2]);
    end
}

impl Entry {
    /// What both headers have: from the flags to the length of the name.
    fn common(&self, head: &mut Vec<u8>) {
        head.extend(0u16.to_le_bytes());
        head.extend(self.method.to_le_bytes());
        head.extend(0u16.to_le_bytes());
        head.extend(DATE.to_le_bytes());
        head.extend(self.crc.to_le_bytes());
        head.extend(self.packed.to_le_bytes());
        head.extend(self.size.to_le_bytes());
        head.extend(u16::try_from(self.name.len()).unwrap_or(u16::MAX).to_le_bytes());
    }
}
