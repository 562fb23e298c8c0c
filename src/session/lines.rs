//! Quoted text that runs over several lines: `+CUSD: 0,"line 1\r\nline 2",15` is one line of the module.
//!
//! Only of lines whose catalog entry says so. The closing quote must come within [`TEXT_MAX`] bytes and before the host speaks, with a
//! comma or the line's end behind it; else each line is one of its own, as if there were no quote.

use super::decoder::Decoder;
use crate::catalog::{Catalog, Line};

/// Longest line with such a text: the 182 characters of a USSD string, four bytes each as hex, and room.
const TEXT_MAX: usize = 2048;

/// Where the line goes on.
pub(super) enum RunsOn {
    /// Its end is not before this byte, counted from the start of its name.
    To(usize),
    No,
    /// Too little is there to tell.
    Unclear,
}

impl Decoder {
    /// Whether a quoted text of the line at the start of `body` runs over its end; `found`: the entries of its name.
    pub(super) fn runs_on(&self, catalog: &Catalog, body: &[u8], found: &[u32], settle: bool) -> RunsOn {
        if !found.iter().any(|&at| catalog.lines.get(at as usize).is_some_and(|line: &Line| line.runs_on)) {
            return RunsOn::No;
        }
        let window = body.get(..TEXT_MAX).unwrap_or(body);
        let whole = settle || body.len() >= TEXT_MAX;
        let Some(open) = memchr::memchr3(b'"', b'\r', b'\n', window) else {
            return if whole { RunsOn::No } else { RunsOn::Unclear };
        };
        if window.get(open) != Some(&b'"') {
            return RunsOn::No;
        }
        // Quotes within the text may be bare: one that closes it has a comma or the line's end behind it.
        let mut lines = false;
        for (at, &byte) in window.iter().enumerate().skip(open + 1) {
            match (byte, window.get(at + 1)) {
                (b'\r' | b'\n', _) => lines = true,
                (b'"', Some(b',' | b'\r' | b'\n')) => return if lines { RunsOn::To(at) } else { RunsOn::No },
                _ => {}
            }
        }
        if whole { RunsOn::No } else { RunsOn::Unclear }
    }
}
