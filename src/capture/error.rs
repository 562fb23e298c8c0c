//! Why a recording cannot be read or written, said with file, place, what was expected and what to do.

use std::io;

/// What is wrong with a recording, or with reading and writing it.
///
/// Damage ([`CaptureError::is_damage`]) is the recording's fault and makes a finding; all else ends the run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CaptureError {
    /// The user chose something that the recording does not have, or must choose.
    #[error("{file}: {what}")]
    Choice {
        /// The file, as the caller named it.
        file: String,
        /// What was asked for and what there is.
        what: String,
    },
    /// The recording is cut off, corrupt or empty; what could be read came before.
    #[error("{file}: damaged at byte {offset}: {what}{}", kept_ahead(*.kept))]
    Damaged {
        /// The file, as the caller named it.
        file: String,
        /// Where in the file the damage begins, in bytes from 0.
        offset: u64,
        /// What is wrong there.
        what: String,
        /// Chunks that were read before it.
        kept: u64,
    },
    /// The input could not be read.
    #[error("{file}: cannot be read at byte {offset}: {source}")]
    Io {
        /// The file, as the caller named it.
        file: String,
        /// Bytes that were read before.
        offset: u64,
        /// What the system says.
        source: io::Error,
    },
    /// The file could not be opened.
    #[error("{file}: {source}")]
    Open {
        /// The file, as the caller named it.
        file: String,
        /// What the system says.
        source: io::Error,
    },
    /// A packet capture of something else than a serial line.
    #[error(
        "{file}: link type {found} ({name}) carries no serial line; \
         expected USER0 to USER15 (147 to 162), USB_LINUX (189), USB_LINUX_MMAPPED (220), USBPCAP (249), \
         RTAC_SERIAL (250) or WIRESHARK_UPPER_PDU (252)"
    )]
    LinkType {
        /// The file, as the caller named it.
        file: String,
        /// The number of the link type, as in the list of tcpdump.org.
        found: u32,
        /// Its name in that list.
        name: &'static str,
    },
    /// A table with a row or header that does not fit.
    #[error("{file}:{line}: {what}")]
    Table {
        /// The file, as the caller named it.
        file: String,
        /// The line, from 1.
        line: u64,
        /// The column and what was expected there.
        what: String,
    },
    /// A transcript that breaks the format.
    #[error("{file}:{line}:{column}: expected {expected}")]
    Transcript {
        /// The file, as the caller named it.
        file: String,
        /// The line, from 1.
        line: u64,
        /// The column in characters, from 1.
        column: u64,
        /// What should stand there.
        expected: &'static str,
    },
    /// The content is of no known format.
    #[error("{file}: {what}")]
    Unrecognised {
        /// The file, as the caller named it.
        file: String,
        /// What was looked for, and how to say what it is.
        what: String,
    },
    /// The format that is written cannot hold this.
    #[error("cannot be written as {format}: {what}")]
    Unwritable {
        /// The format that is written.
        format: super::Format,
        /// What does not fit, and what to do.
        what: &'static str,
    },
    /// The output could not be written.
    #[error("cannot be written: {0}")]
    Write(#[source] io::Error),
}

impl CaptureError {
    /// Whether the recording is cut off, corrupt or empty: a finding `capture-damaged`, with exit status 2.
    pub const fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged { .. })
    }

    /// Where in the file it happened, in bytes from 0.
    pub const fn offset(&self) -> Option<u64> {
        match self {
            Self::Damaged { offset, .. } | Self::Io { offset, .. } => Some(*offset),
            _ => None,
        }
    }

    /// The kind of the system's error, where there is one: a broken pipe is no failure.
    pub fn io_kind(&self) -> Option<io::ErrorKind> {
        match self {
            Self::Io { source, .. } | Self::Open { source, .. } | Self::Write(source) => Some(source.kind()),
            _ => None,
        }
    }

    pub(super) fn choice(file: &str, what: impl Into<String>) -> Self {
        Self::Choice { file: file.to_owned(), what: what.into() }
    }

    pub(super) fn empty(file: &str, offset: u64) -> Self {
        Self::Damaged { file: file.to_owned(), offset, what: "empty: no record".to_owned(), kept: 0 }
    }

    pub(super) fn with_kept(mut self, count: u64) -> Self {
        if let Self::Damaged { kept, .. } = &mut self {
            *kept = count;
        }
        self
    }
}

/// What came before the damage, where there is anything.
fn kept_ahead(count: u64) -> String {
    match count {
        0 => String::new(),
        1 => "; 1 chunk before it kept".to_owned(),
        count => format!("; {count} chunks before it kept"),
    }
}
