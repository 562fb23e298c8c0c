//! `atscope lines`: what is found on every line of a recording of logic levels.

use super::args::{Format, Lines};
use super::failure::Failure;
use super::input::{Recording, Refused};
use super::out::Out;
use super::{FAILED, FINE, line};
use crate::capture::CaptureError;
use crate::report;
use crate::uart::{self, Levels, Recovery, Survey};

/// Surveys every recording.
pub(super) fn lines(args: &Lines, out: &mut Out) -> Result<u8, Failure> {
    let recordings = args.input.recordings()?;
    let several = recordings.len() > 1;
    let mut status = FINE;
    for recording in &recordings {
        let name = recording.name();
        let (survey, damage) = match survey(args, recording, out) {
            Ok(found) => found,
            Err(message) => {
                out.error(&message);
                status = FAILED;
                continue;
            }
        };
        match args.format {
            Format::Text => {
                if several {
                    line(out, format_args!("{name}"));
                }
                report::lines::text(&survey, &mut out.buffer, out.style);
            }
            Format::Jsonl => report::lines::json(&survey, &name, &mut out.buffer),
        }
        out.settle()?;
        for told in survey.told() {
            out.note(&format!("{name}: {told}"));
        }
        if let Some(error) = damage {
            out.error(&error.to_string());
            status = FAILED;
        }
    }
    Ok(status)
}

/// What is on the lines, and what damage ends the recording.
fn survey(args: &Lines, recording: &Recording<'_>, out: &mut Out) -> Result<(Survey, Option<CaptureError>), String> {
    let mut reader = recording.levels(&args.input).map_err(|refused| match refused {
        Refused::Damaged(error) => error.to_string(),
        Refused::Unreadable(message) => message,
    })?;
    let wrong = |error: uart::SettingError| format!("{}: {error}", recording.name());
    let settings = uart::settings(args.input.reading.uart.as_deref().unwrap_or_default()).map_err(wrong)?;
    let mut recovery = Recovery::new(reader.channels(), &settings).map_err(wrong)?;
    let mut stretch = Levels::new(reader.channels().len());
    out.begin(&recording.name(), recording.size(), false);
    let damage = loop {
        stretch.clear();
        match reader.read(&mut stretch) {
            Ok(true) => recovery.push(&stretch),
            Ok(false) => break None,
            Err(error) => break Some(error),
        }
        out.at(reader.offset());
        // The bytes themselves are of no interest here.
        while recovery.next_run().is_some() {}
    };
    recovery.finish();
    out.end();
    for note in &reader.meta().notes {
        out.note(&format!("{}: {note}", recording.name()));
    }
    Ok((recovery.survey(), damage))
}
