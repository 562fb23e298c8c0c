//! Standard output and standard error.
//!
//! Output is gathered in one buffer and written in large pieces: at once where a person or a pipe waits for it is the
//! caller's matter ([`Out::settle`]). A closed pipe ends the run quietly.

use std::io::{self, IsTerminal, Write};

use anstream::{AutoStream, ColorChoice};

use super::args::Color;
use super::failure::Failure;
use crate::report::Style;

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
    stdout: Box<dyn Write>,
    color: ColorChoice,
    terminal: bool,
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
        Self { buffer: Vec::with_capacity(2 * ENOUGH), style, stdout, color, terminal }
    }

    /// Writes the buffer if there is enough in it, or somebody looks on.
    pub(super) fn settle(&mut self) -> Result<(), Failure> {
        if self.buffer.len() >= ENOUGH || (self.terminal && !self.buffer.is_empty()) { self.flush() } else { Ok(()) }
    }

    /// Writes the buffer.
    pub(super) fn flush(&mut self) -> Result<(), Failure> {
        let result = self.stdout.write_all(&self.buffer).and_then(|()| self.stdout.flush());
        self.buffer.clear();
        result.map_err(|error| Failure::writing(&error))
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
        let mut stderr = AutoStream::new(io::stderr().lock(), self.color);
        // File names and headers may hold anything: no control character reaches the terminal.
        let text: String = message
            .chars()
            .map(|c| if c.is_control() && c != '\n' { char::REPLACEMENT_CHARACTER } else { c })
            .collect();
        // There is nowhere left to tell that this failed.
        let _ = writeln!(stderr, "{style}{what}{style:#}: {text}");
    }
}
