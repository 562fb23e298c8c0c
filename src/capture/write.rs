//! Writing recordings: what the writers have in common, and conversion.

use std::io::Write;

use super::{CaptureError, Chunk, Format, Meta, Output, Reader};
use super::{LineOptions, line_writer};
use super::{PcapWriter, PcapngWriter, TranscriptWriter};

/// A recording that is written.
///
/// [`Writer::start`] once, then the chunks in the order of the line, then [`Writer::finish`] once: without it the last
/// line may be missing.
pub trait Writer: Send {
    /// Writes what the recording says of itself.
    ///
    /// # Errors
    /// The output cannot be written.
    fn start(&mut self, meta: &Meta) -> Result<(), CaptureError>;

    /// Writes the next chunk, of at most [`MAX_CHUNK`](super::MAX_CHUNK) bytes as readers give them; a longer one is
    /// cut where the format needs it, and its line errors may be lost.
    ///
    /// # Errors
    /// The output cannot be written, or the format cannot hold the chunk.
    fn chunk(&mut self, chunk: &Chunk<'_>) -> Result<(), CaptureError>;

    /// Writes what was held back so far, as far as the format allows it, so that a recording that goes on for long can be read
    /// meanwhile. Lines that are not complete may be cut by it. The levels of `.sr` and VCD stay back.
    ///
    /// # Errors
    /// The output cannot be written.
    fn settle(&mut self) -> Result<(), CaptureError> {
        Ok(())
    }

    /// Writes what was held back and flushes.
    ///
    /// # Errors
    /// The output cannot be written.
    fn finish(&mut self) -> Result<(), CaptureError>;
}

/// The writer of a format; `out` should be buffered.
///
/// # Errors
/// [`CaptureError::Unwritable`] for formats that are only read.
pub fn writer(format: Format, out: Output) -> Result<Box<dyn Writer>, CaptureError> {
    match format {
        Format::Pcap => Ok(Box::new(PcapWriter::new(out))),
        Format::Pcapng => Ok(Box::new(PcapngWriter::new(out))),
        Format::Transcript => Ok(Box::new(TranscriptWriter::new(out))),
        Format::Sigrok | Format::Vcd => line_writer(format, out, &LineOptions::default()),
        _ => Err(CaptureError::Unwritable { format, what: "it is only read; write at, pcap, pcapng, sr or vcd" }),
    }
}

/// What a conversion moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Converted {
    /// Chunks that were written.
    pub chunks: u64,
    /// Bytes of the line that were written.
    pub bytes: u64,
}

/// Reads a recording to its end and writes it.
///
/// # Errors
/// The reader's or the writer's. When the reader fails, all that came before is written and the output is finished:
/// it holds what could be kept.
pub fn convert(reader: &mut dyn Reader, writer: &mut dyn Writer) -> Result<Converted, CaptureError> {
    writer.start(reader.meta())?;
    let mut done = Converted::default();
    let result = loop {
        match reader.next_chunk() {
            Ok(Some(chunk)) => {
                writer.chunk(&chunk)?;
                done.chunks += 1;
                done.bytes += chunk.bytes.len() as u64;
            }
            Ok(None) => break Ok(done),
            Err(error) => break Err(error),
        }
    };
    writer.finish()?;
    result
}

/// Writes all of it.
pub(super) fn put(out: &mut Output, bytes: &[u8]) -> Result<(), CaptureError> {
    out.write_all(bytes).map_err(CaptureError::Write)
}
