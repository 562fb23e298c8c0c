//! The bytes of a zip archive's members, unpacked piece by piece.
//!
//! What came out ahead of damage is given before the damage is told. A member that unpacks to more than it says, or to
//! something else, is damage.

use flate2::{Decompress, FlushDecompress, Status};

use super::zip::{Archive, LOCAL_LEN, Packing, Place, ROOM, local};
use crate::capture::CaptureError;

/// Reads the bytes of a member.
pub(super) struct Unpacker {
    inflate: Option<Decompress>,
    buffer: Vec<u8>,
    /// What of the buffer was not unpacked yet.
    from: usize,
    /// Offset in the file of what follows the buffer.
    at: u64,
    /// Where the member's bytes begin.
    pub(super) start: u64,
    /// Packed bytes that were not read yet.
    left: u64,
    place: Place,
    crc: crc32fast::Hasher,
    /// Bytes that came out.
    pub(super) out: u64,
    done: bool,
    /// What is wrong behind what came out.
    fault: Option<&'static str>,
}

impl Unpacker {
    /// Of a member at this place.
    pub(super) fn open(archive: &mut Archive, place: Place) -> Result<Self, CaptureError> {
        let mut unpacker = Self {
            inflate: None,
            buffer: Vec::new(),
            from: 0,
            at: 0,
            start: 0,
            left: 0,
            place,
            crc: crc32fast::Hasher::new(),
            out: 0,
            done: true,
            fault: None,
        };
        unpacker.next(archive, place)?;
        Ok(unpacker)
    }

    /// Goes on with another member; keeps the buffers.
    pub(super) fn next(&mut self, archive: &mut Archive, place: Place) -> Result<(), CaptureError> {
        let mut head = [0; LOCAL_LEN];
        let count = archive.read_at(place.header, &mut head)?;
        let Some((own, name, extra)) = local(head.get(..count).unwrap_or_default(), place.header) else {
            return Err(archive.damaged(place.header, "no member of a zip archive where its directory says"));
        };
        if own.packing != place.packing {
            return Err(archive.damaged(place.header, "a member's header and the directory differ"));
        }
        match (&mut self.inflate, place.packing) {
            (_, Packing::Other) => {
                return Err(archive.damaged(place.header, "a member is encrypted, or neither stored nor deflated"));
            }
            (Some(inflate), Packing::Deflated) => inflate.reset(false),
            (inflate @ None, Packing::Deflated) => *inflate = Some(Decompress::new(false)),
            (inflate, Packing::Stored) => *inflate = None,
        }
        self.start = place.header + (LOCAL_LEN + name + extra) as u64;
        (self.at, self.from) = (self.start, 0);
        self.buffer.clear();
        self.left = if place.open { u64::MAX } else { place.packed };
        self.place = place;
        self.crc = crc32fast::Hasher::new();
        (self.out, self.done, self.fault) = (0, false, None);
        Ok(())
    }

    /// Offset in the file up to which it was unpacked.
    pub(super) fn offset(&self) -> u64 {
        self.at - (self.buffer.len() - self.from) as u64
    }

    /// Unpacks some bytes; 0 at the end of the member, whose sum was checked then.
    ///
    /// Fills as much of `out` as there is, unless an error follows, which the next call tells.
    pub(super) fn read(&mut self, archive: &mut Archive, out: &mut [u8]) -> Result<usize, CaptureError> {
        let mut done = 0;
        while !self.done && self.fault.is_none() && done < out.len() {
            if self.from == self.buffer.len() && self.left > 0 {
                let want = usize::try_from(self.left).unwrap_or(ROOM).min(ROOM);
                self.buffer.resize(want, 0);
                self.from = 0;
                let count = match archive.read_at(self.at, &mut self.buffer) {
                    Ok(count) => count,
                    Err(error) => {
                        self.buffer.clear();
                        return if done > 0 { Ok(self.count(out, done)) } else { Err(error) };
                    }
                };
                self.buffer.truncate(count);
                self.at += count as u64;
                self.left -= count as u64;
            }
            let input = self.buffer.get(self.from..).unwrap_or_default();
            let room = out.get_mut(done..).unwrap_or_default();
            let (taken, given, ended, failed) = match &mut self.inflate {
                Some(inflate) => {
                    let before = (inflate.total_in(), inflate.total_out());
                    let status = inflate.decompress(input, room, FlushDecompress::None);
                    let taken = usize::try_from(inflate.total_in() - before.0).unwrap_or(0);
                    let given = usize::try_from(inflate.total_out() - before.1).unwrap_or(0);
                    (taken, given, matches!(status, Ok(Status::StreamEnd)), status.is_err())
                }
                None => {
                    let count = input.len().min(room.len());
                    if let (Some(to), Some(from)) = (room.get_mut(..count), input.get(..count)) {
                        to.copy_from_slice(from);
                    }
                    (count, count, self.left == 0 && count == input.len(), false)
                }
            };
            self.from += taken;
            done += given;
            if ended {
                self.done = true;
                break;
            }
            let beyond = !self.place.open && self.out + done as u64 > self.place.size;
            if failed {
                self.fault = Some("the packed samples are damaged");
            } else if beyond {
                self.fault = Some("a member unpacks to more than its size");
            } else if taken == 0 && given == 0 {
                self.fault = Some("the zip archive is cut off in a member");
            }
        }
        if done > 0 {
            return Ok(self.count(out, done));
        }
        if let Some(what) = self.fault {
            return Err(archive.damaged(self.offset(), what));
        }
        if !self.done {
            return Ok(0);
        }
        let (sum, size) = (self.crc.clone().finalize(), self.out);
        if !self.place.open && (sum != self.place.crc || size != self.place.size) {
            return Err(archive.damaged(self.offset(), "the checksum of a member is wrong"));
        }
        Ok(0)
    }

    fn count(&mut self, out: &[u8], done: usize) -> usize {
        self.crc.update(out.get(..done).unwrap_or_default());
        self.out += done as u64;
        done
    }
}

/// Reads a member as text, up to a length.
pub(super) fn text(archive: &mut Archive, place: Place, longest: usize) -> Result<String, CaptureError> {
    let mut unpacker = Unpacker::open(archive, place)?;
    let mut bytes = vec![0; longest];
    let mut done = 0;
    while let Some(room) = bytes.get_mut(done..).filter(|room| !room.is_empty()) {
        match unpacker.read(archive, room)? {
            0 => break,
            count => done += count,
        }
    }
    bytes.truncate(done);
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
