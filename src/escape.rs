//! The escapes in which transcripts and JSON lines write bytes: `\r \n \t \0 \\ \" \xHH`.
//!
//! Lossless both ways: [`unescape`] of what [`escape`] printed gives the same bytes. Valid UTF-8 text stands
//! for itself, every other byte above 0x7E and every control character is escaped.

use std::fmt;

/// What is wrong with an escape sequence, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown escape at byte {at}: expected one of \\r \\n \\t \\0 \\\\ \\\" \\xHH")]
pub struct BadEscape {
    /// Offset of the backslash in the escaped text, from 0.
    pub at: usize,
}

/// Shows bytes with escapes; see the module's documentation.
#[derive(Clone, Copy, Debug)]
pub struct Escaped<'a>(&'a [u8]);

/// Wraps bytes so that they print with escapes.
///
/// ```
/// assert_eq!(atscope::escape::escape(b"\r\nOK\x00\xff").to_string(), r"\r\nOK\0\xFF");
/// ```
pub fn escape(bytes: &[u8]) -> Escaped<'_> {
    Escaped(bytes)
}

/// Appends the escaped bytes to `out`: the fast way for writers.
pub fn escape_into(bytes: &[u8], out: &mut Vec<u8>) {
    for chunk in bytes.utf8_chunks() {
        let mut plain = 0;
        let text = chunk.valid().as_bytes();
        for (at, &byte) in text.iter().enumerate() {
            let code: &[u8] = match byte {
                b'\r' => b"\\r",
                b'\n' => b"\\n",
                b'\t' => b"\\t",
                0 => b"\\0",
                b'\\' => b"\\\\",
                0x01..=0x1F | 0x7F => b"",
                _ => continue,
            };
            out.extend_from_slice(text.get(plain..at).unwrap_or_default());
            plain = at + 1;
            if code.is_empty() {
                hex_into(byte, out);
            } else {
                out.extend_from_slice(code);
            }
        }
        out.extend_from_slice(text.get(plain..).unwrap_or_default());
        for &byte in chunk.invalid() {
            hex_into(byte, out);
        }
    }
}

fn hex_into(byte: u8, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().unwrap_or(b'0');
    out.extend_from_slice(&[b'\\', b'x', digit(byte >> 4), digit(byte & 15)]);
}

/// Appends the bytes that an escaped text stands for to `out`.
///
/// # Errors
/// [`BadEscape`] at the first backslash that starts none of the escapes; `out` then holds what came before it.
pub fn unescape(text: &[u8], out: &mut Vec<u8>) -> Result<(), BadEscape> {
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        let (plain, escape) = rest.split_at_checked(at).unwrap_or((rest, &[]));
        out.extend_from_slice(plain);
        let bad = BadEscape { at: text.len() - escape.len() };
        let (byte, len) = match escape.get(1).ok_or(bad)? {
            b'r' => (b'\r', 2),
            b'n' => (b'\n', 2),
            b't' => (b'\t', 2),
            b'0' => (0, 2),
            b'\\' => (b'\\', 2),
            b'"' => (b'"', 2),
            b'x' => {
                let digit = |at: usize| escape.get(at).and_then(|&d| char::from(d).to_digit(16));
                let (high, low) = (digit(2).ok_or(bad)?, digit(3).ok_or(bad)?);
                ((high * 16 + low) as u8, 4)
            }
            _ => return Err(bad),
        };
        out.push(byte);
        rest = escape.get(len..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    Ok(())
}

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Vec::with_capacity(self.0.len() + 8);
        escape_into(self.0, &mut out);
        f.write_str(std::str::from_utf8(&out).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_survives() {
        let all: Vec<u8> = (0..=255).chain(*b"\\x41\\ \xC3\xA4 \xE2\x80").collect();
        let mut back = Vec::new();
        unescape(escape(&all).to_string().as_bytes(), &mut back).expect("own escapes are valid");
        assert_eq!(back, all);
    }

    #[test]
    fn a_bad_escape_is_named_with_its_place() {
        for (text, at) in [(&br"ab\q"[..], 2), (br"\", 0), (br"\x4", 0), (br"\r\xZZ", 2)] {
            assert_eq!(unescape(text, &mut Vec::new()), Err(BadEscape { at }));
        }
    }
}
