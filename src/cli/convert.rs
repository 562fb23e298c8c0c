//! `atscope convert`: a recording into another format.

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::Path;

use super::args::Convert;
use super::failure::Failure;
use super::input::{Recording, Refused};
use super::out::Out;
use super::{FAILED, FINE};
use crate::capture::{self, CaptureError, Format, LineOptions, Output, level_writer, line_writer};
use crate::uart::{Disturbance, Levels};

/// Reads the recording to its end and writes it.
pub(super) fn convert(args: &Convert, out: &Out) -> Result<u8, Failure> {
    let recordings = args.input.recordings()?;
    let [recording] = recordings.as_slice() else {
        return Err(Failure::said("convert takes one recording"));
    };
    let format = format(args)?;
    // Levels stay as they are, unless one conversation of them was chosen or they are to look otherwise.
    let choice = args.input.reading.select.is_some() || args.input.reading.uart.is_some() || args.lines.anew();
    if format.is_levels()
        && !choice
        && let Some(status) = levels(args, recording, format, out)?
    {
        return Ok(status);
    }
    let mut reader = match recording.open(&args.input) {
        Ok(reader) => reader,
        Err(Refused::Damaged(error)) => return Err(Failure::Said(error.to_string())),
        Err(Refused::Unreadable(message)) => return Err(Failure::Said(message)),
    };
    let target = output(recording, &args.output)?;
    let writer =
        if format.is_levels() { line_writer(format, target, &written(args)) } else { capture::writer(format, target) };
    let mut writer = writer.map_err(|error| failure(&error, args))?;
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

/// Levels into another form of levels, without a look at what they mean; `None` if the recording holds bytes.
fn levels(args: &Convert, recording: &Recording<'_>, format: Format, out: &Out) -> Result<Option<u8>, Failure> {
    // A pipe can be read once: whether it holds levels would be asked in vain.
    if recording.is_piped() {
        return Ok(None);
    }
    let mut reader = match recording.levels(&args.input) {
        Ok(reader) => reader,
        Err(_) => return Ok(None),
    };
    let write = |error: &CaptureError| failure(error, args);
    let target = output(recording, &args.output)?;
    let mut writer = level_writer(format, target, args.lines.write_rate).map_err(|error| write(&error))?;
    writer.start(reader.channels()).map_err(|error| write(&error))?;
    let mut stretch = Levels::new(reader.channels().len());
    let mut changes = 0;
    let damage = loop {
        stretch.clear();
        match reader.read(&mut stretch) {
            Ok(true) => {
                changes += stretch.changes.iter().map(Vec::len).sum::<usize>();
                writer.levels(&stretch).map_err(|error| write(&error))?;
            }
            Ok(false) => break None,
            Err(error) => break Some(error),
        }
    };
    writer.finish().map_err(|error| write(&error))?;
    for note in &reader.meta().notes {
        out.note(&format!("{}: {note}", recording.name()));
    }
    match damage {
        None => {
            let channels = reader.channels().len();
            out.note(&format!("{}: {format}, {channels} lines, {changes} changes", args.output.display()));
            Ok(Some(FINE))
        }
        Some(error) => {
            out.error(&format!("{error}; what came before it is written"));
            Ok(Some(FAILED))
        }
    }
}

/// How the lines are to be written.
fn written(args: &Convert) -> LineOptions {
    /// Glitches are shorter than what a receiver's filter lets pass.
    const GLITCH: f64 = 0.1;
    let (lines, usual) = (&args.lines, LineOptions::default());
    LineOptions {
        samplerate: lines.write_rate,
        baud: lines.baud.unwrap_or(usual.baud),
        format: lines.line_format.unwrap_or(usual.format),
        disturbance: Disturbance {
            speed: lines.drift / 100.0,
            jitter: lines.jitter / 100.0,
            glitches: lines.glitches / 100.0,
            glitch_width: GLITCH,
            seed: lines.seed,
        },
    }
}

/// The format as given, else after the output's name.
fn format(args: &Convert) -> Result<Format, Failure> {
    if let Some(format) = args.to.as_ref().and_then(|name| name.parse().ok()) {
        return Ok(format);
    }
    of_name(&args.output).ok_or_else(|| {
        Failure::Said(format!(
            "{}: the name does not tell the format; say it with --to at, pcap, pcapng, sr or vcd",
            args.output.display()
        ))
    })
}

/// The format of a recording that is to have this name.
pub(super) fn of_name(path: &Path) -> Option<Format> {
    let end = path.extension().and_then(|end| end.to_str()).unwrap_or_default().to_ascii_lowercase();
    match end.as_str() {
        "at" | "txt" => Some(Format::Transcript),
        "pcap" | "cap" => Some(Format::Pcap),
        "pcapng" | "ntar" => Some(Format::Pcapng),
        "sr" => Some(Format::Sigrok),
        "vcd" => Some(Format::Vcd),
        _ => None,
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
