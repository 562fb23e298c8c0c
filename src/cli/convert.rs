//! `atscope convert`: a recording into another format.

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::Path;

use super::args::Convert;
use super::failure::Failure;
use super::input::{Recording, Refused};
use super::out::Out;
use super::{FAILED, FINE};
use crate::capture::{self, CaptureError, Format, Output};

/// Reads the recording to its end and writes it.
pub(super) fn convert(args: &Convert, out: &Out) -> Result<u8, Failure> {
    let recordings = args.input.recordings()?;
    let [recording] = recordings.as_slice() else {
        return Err(Failure::said("convert takes one recording"));
    };
    let format = format(args)?;
    let mut reader = match recording.open(&args.input) {
        Ok(reader) => reader,
        Err(Refused::Damaged(error)) => return Err(Failure::Said(error.to_string())),
        Err(Refused::Unreadable(message)) => return Err(Failure::Said(message)),
    };
    let mut writer =
        capture::writer(format, output(recording, &args.output)?).map_err(|error| failure(&error, args))?;
    let result = capture::convert(reader.as_mut(), writer.as_mut());
    for note in &reader.meta().notes {
        out.note(&format!("{}: {note}", recording.name()));
    }
    match result {
        Ok(done) => {
            let (chunks, bytes) = (done.chunks, done.bytes);
            out.note(&format!("{}: {format}, {chunks} chunks, {bytes} bytes", args.output.display()));
            Ok(FINE)
        }
        Err(error @ (CaptureError::Write(_) | CaptureError::Unwritable { .. })) => Err(failure(&error, args)),
        Err(error) => {
            out.error(&format!("{error}; what came before it is written"));
            Ok(FAILED)
        }
    }
}

/// The format as given, else after the output's name.
fn format(args: &Convert) -> Result<Format, Failure> {
    if let Some(format) = args.to.as_ref().and_then(|name| name.parse().ok()) {
        return Ok(format);
    }
    let end = args.output.extension().and_then(|end| end.to_str()).unwrap_or_default().to_ascii_lowercase();
    match end.as_str() {
        "at" | "txt" => Ok(Format::Transcript),
        "pcap" | "cap" => Ok(Format::Pcap),
        "pcapng" | "ntar" => Ok(Format::Pcapng),
        _ => Err(Failure::Said(format!(
            "{}: the name does not tell the format; say it with --to at, pcap or pcapng",
            args.output.display()
        ))),
    }
}

fn output(recording: &Recording<'_>, path: &Path) -> Result<Output, Failure> {
    if path == Path::new("-") {
        return Ok(Box::new(BufWriter::new(io::stdout())));
    }
    // Opening the output empties it: it must not be what we are about to read.
    let is_target =
        |file: &Path| path.canonicalize().is_ok_and(|target| file.canonicalize().is_ok_and(|file| file == target));
    if recording.files().any(is_target) {
        return Err(Failure::Said(format!("{}: is the recording itself; write to another file", path.display())));
    }
    match File::create(path) {
        Ok(file) => Ok(Box::new(BufWriter::new(file))),
        Err(error) => Err(Failure::Said(format!("{}: {error}", path.display()))),
    }
}

fn failure(error: &CaptureError, args: &Convert) -> Failure {
    match error.io_kind() {
        Some(io::ErrorKind::BrokenPipe) => Failure::BrokenPipe,
        _ => Failure::Said(format!("{}: {error}", args.output.display())),
    }
}
