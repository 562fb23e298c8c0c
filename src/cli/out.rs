//! Standard output and standard error.
//!
//! Output is gathered in one buffer and written in large pieces: at once where a person or a pipe waits for it is the
//! caller's matter ([`Out::settle`]). A closed pipe ends the run quietly.

use std::io::{self, IsTerminal, Write};

use anstream::{AutoStream, ColorChoice};

use super::args::Color;
use super::diff::Models;
use super::failure::Failure;
use super::progress::Progress;
use crate::report::Style;
use crate::report::document::Document;

/// Output is written when so much has come together.
const ENOUGH: usize = 64 * 1024;

/// Columns where there is no terminal.
const COLUMNS: usize = 120;

/// Standard output and standard error.
pub(super) struct Out {
    /// What is to be written.
    pub(super) buffer: Vec<u8>,
    /// How text looks.
    pub(super) style: Style,
    /// The report that the run writes, where it writes one over all recordings.
    pub(super) document: Option<Document>,
    /// What recordings become, where they are compared.
    pub(super) models: Option<Models>,
    stdout: Box<dyn Write>,
    color: ColorChoice,
    terminal: bool,
    progress: Option<Progress>,
}

impl Out {
    pub(super) fn new(color: Color) -> Self {
        let color = match color {
            Color::Auto => ColorChoice::Auto,
            Color::Always => ColorChoice::Always,
            Color::Never => ColorChoice::Never,
        };
        let stdout = io::stdout();
        let terminal = stdout.is_terminal();
        let choice = match color {
            ColorChoice::Auto => AutoStream::choice(&stdout),
            given => given,
        };
        let colored = choice != ColorChoice::Never;
        let width = if terminal { terminal_size::terminal_size().map(|(width, _)| usize::from(width.0)) } else { None };
        // Without colours there is nothing to translate or strip.
        let stdout: Box<dyn Write> =
            if colored { Box::new(AutoStream::new(stdout.lock(), choice)) } else { Box::new(stdout.lock()) };
        let style = Style { color: colored, width: width.unwrap_or(COLUMNS).clamp(60, 240) };
        Self {
            buffer: Vec::with_capacity(2 * ENOUGH),
            style,
            document: None,
            models: None,
            stdout,
            color,
            terminal,
            progress: None,
        }
    }

    /// Writes the buffer if there is enough in it, or somebody looks on.
    pub(super) fn settle(&mut self) -> Result<(), Failure> {
        if self.buffer.len() >= ENOUGH || (self.terminal && !self.buffer.is_empty()) { self.flush() } else { Ok(()) }
    }

    /// Writes the buffer.
    pub(super) fn flush(&mut self) -> Result<(), Failure> {
        let Self { stdout, buffer, progress, .. } = self;
        let mut write = || stdout.write_all(buffer).and_then(|()| stdout.flush());
        let result = match progress {
            Some(progress) if self.terminal && !buffer.is_empty() => progress.aside(write),
            _ => write(),
        };
        self.buffer.clear();
        result.map_err(|error| Failure::writing(&error))
    }

    /// Begins to show how far a recording is read, if somebody looks on; `events`: they are printed as they are read,
    /// and show it themselves on a terminal.
    pub(super) fn begin(&mut self, name: &str, size: Option<u64>, events: bool) {
        let seen = io::stderr().is_terminal() && !(self.terminal && events);
        self.progress = size.filter(|_| seen).map(|size| Progress::new(name, size));
    }

    /// The recording is read up to here.
    pub(super) fn at(&mut self, position: u64) {
        if let Some(progress) = &mut self.progress {
            progress.at(position);
        }
    }

    /// The recording is read.
    pub(super) fn end(&mut self) {
        self.progress = None;
    }

    /// Says what went wrong.
    pub(super) fn error(&self, message: &str) {
        self.say("error", anstyle::AnsiColor::Red.on_default().bold(), message);
    }

    /// Says what might have gone wrong.
    pub(super) fn warning(&self, message: &str) {
        self.say("warning", anstyle::AnsiColor::Yellow.on_default().bold(), message);
    }

    /// Says what was decided.
    pub(super) fn note(&self, message: &str) {
        self.say("note", anstyle::AnsiColor::Cyan.on_default(), message);
    }

    fn say(&self, what: &str, style: anstyle::Style, message: &str) {
        let write = || self.voice().say(what, style, message);
        match &self.progress {
            Some(progress) => progress.aside(write),
            None => write(),
        }
    }

    /// What other threads say with.
    pub(super) fn voice(&self) -> Voice {
        Voice { color: self.color }
    }
}

/// Standard error alone, for any thread.
#[derive(Clone, Copy, Debug)]
pub(super) struct Voice {
    color: ColorChoice,
}

impl Voice {
    /// Says what went wrong.
    pub(super) fn error(self, message: &str) {
        self.say("error", anstyle::AnsiColor::Red.on_default().bold(), message);
    }

    /// Says what might have gone wrong.
    pub(super) fn warning(self, message: &str) {
        self.say("warning", anstyle::AnsiColor::Yellow.on_default().bold(), message);
    }

    /// Says what was decided.
    pub(super) fn note(self, message: &str) {
        self.say("note", anstyle::AnsiColor::Cyan.on_default(), message);
    }

    /// Writes text that is coloured as [`style`](Self::style) says.
    pub(super) fn write(self, text: &[u8]) {
        // There is nowhere left to tell that this failed.
        let _ = AutoStream::new(io::stderr().lock(), self.color).write_all(text);
    }

    /// How text looks on standard error.
    pub(super) fn style(self, width: usize) -> Style {
        let stderr = io::stderr();
        let choice = match self.color {
            ColorChoice::Auto => AutoStream::choice(&stderr),
            given => given,
        };
        Style { color: choice != ColorChoice::Never, width }
    }

    fn say(self, what: &str, style: anstyle::Style, message: &str) {
        let mut stderr = AutoStream::new(io::stderr().lock(), self.color);
        // There is nowhere left to tell that this failed.
        let _ = writeln!(stderr, "{style}{what}{style:#}: {}", harmless(message));
    }
}

/// File names and headers may hold anything: no control character reaches the terminal.
pub(super) fn harmless(message: &str) -> String {
    message.chars().map(|c| if c.is_control() && c != '\n' { char::REPLACEMENT_CHARACTER } else { c }).collect()
}
