//! Framing: one sender's bytes to lines and prompts. Streaming: what is not all there yet is [`nom::Err::Incomplete`].
//!
//! Never fails and never drops a byte: blank lines and line ends belong to the line that they frame. Knows nothing
//! about commands: `OK` is just a line here.
//! Trap: with `ATV0` a result code ends in CR alone (ITU-T V.250 §6.2.6), and a host may end its commands so; only the next
//! byte tells, so that a line that ends in CR is complete when something follows, or when [`line_at_end`] is told that nothing will.

use memchr::memchr2;
use nom::{IResult, Needed};

/// How a line ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// CR alone.
    Cr,
    /// CR CR LF, or more CRs: an echo ahead of an answer.
    CrCrLf,
    /// CR LF.
    CrLf,
    /// LF alone.
    Lf,
}

/// A line with what frames it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// All of it: blank lines ahead, content, line end.
    pub bytes: &'a [u8],
    /// Where the content starts in `bytes`.
    pub start: usize,
    /// The content, without blanks at its end; never empty.
    pub content: &'a [u8],
    /// The line end.
    pub ending: Ending,
}

/// The most blanks that are looked at ahead of a line: what waits for its line is looked at whenever a byte comes.
pub const LEAD_MAX: usize = 1024;

/// Length of the blanks ahead of a line: line ends, and lines of nothing but spaces. Looks no further than one byte
/// beyond [`LEAD_MAX`].
#[inline]
pub fn lead(input: &[u8]) -> usize {
    let mut len = 0;
    for (at, &byte) in input.iter().take(LEAD_MAX + 1).enumerate() {
        match byte {
            b'\r' | b'\n' => len = at + 1,
            b' ' | b'\t' => {}
            _ => break,
        }
    }
    len
}

/// Reads a line with the blank lines ahead of it.
///
/// # Errors
/// `Incomplete` while its end, or the byte behind a CR that may be its end, is missing; `Error` where more than
/// [`LEAD_MAX`] blanks stand ahead: these frame no line.
#[inline]
pub fn line(input: &[u8]) -> IResult<&[u8], Line<'_>> {
    match lead(input) {
        start if start > LEAD_MAX => {
            Err(nom::Err::Error(nom::error::Error::new(input, nom::error::ErrorKind::TooLarge)))
        }
        start => line_from(input, start, 0),
    }
}

/// As [`line`], where the blanks ahead and `clear` bytes behind them without a line end are already known.
#[inline]
pub(crate) fn line_from(input: &[u8], start: usize, clear: usize) -> IResult<&[u8], Line<'_>> {
    match cut(input, start, clear, false) {
        Some((line, rest)) => Ok((rest, line)),
        None => Err(nom::Err::Incomplete(Needed::Unknown)),
    }
}

/// Where the first CR or LF stands; made for lines, which are short.
#[inline]
pub(crate) fn end_of_line(text: &[u8]) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    // The lowest bit that is set marks the first byte that is zero; above it others may be set for nothing.
    let zeros = |word: u64| word.wrapping_sub(ONES) & !word & (ONES << 7);
    let (words, _) = text.as_chunks::<8>();
    let mut at = 0;
    for word in words.iter().take(8) {
        let word = u64::from_le_bytes(*word);
        let found = zeros(word ^ (ONES * b'\r' as u64)) | zeros(word ^ (ONES * b'\n' as u64));
        if found != 0 {
            return Some(at + found.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    memchr2(b'\r', b'\n', text.get(at..)?).map(|behind| at + behind)
}

/// Up to seven bytes as a word, the first one lowest, zeros behind them: its two halves may overlap.
#[inline(always)]
pub(crate) fn short_word(bytes: &[u8]) -> u64 {
    if let (Some(head), Some(tail)) = (bytes.first_chunk(), bytes.last_chunk()) {
        u64::from(u32::from_le_bytes(*head)) | u64::from(u32::from_le_bytes(*tail)) << (8 * (bytes.len() - 4))
    } else if let (Some(head), Some(tail)) = (bytes.first_chunk(), bytes.last_chunk()) {
        u64::from(u16::from_le_bytes(*head)) | u64::from(u16::from_le_bytes(*tail)) << (8 * (bytes.len() - 2))
    } else {
        bytes.first().copied().map_or(0, u64::from)
    }
}

/// How many bytes of a line that has no end yet need not be looked at again; `body` is what stands behind the blanks.
#[inline]
pub(crate) fn clear(body: &[u8]) -> usize {
    // Spaces alone may turn out to be a blank line ahead of it.
    if body.len() <= LEAD_MAX + 1 && body.iter().all(|b| matches!(b, b' ' | b'\t')) {
        return 0;
    }
    body.iter().rposition(|&b| b != b'\r').map_or(0, |last| last + 1)
}

/// Reads a line where nothing follows `input` for now: a CR at the very end is its end. `None` where there is none.
pub fn line_at_end(input: &[u8]) -> Option<(Line<'_>, &[u8])> {
    let start = lead(input);
    if start > LEAD_MAX { None } else { cut(input, start, 0, true) }
}

#[inline]
fn cut(input: &[u8], start: usize, clear: usize, at_end: bool) -> Option<(Line<'_>, &[u8])> {
    let body = input.get(start..)?;
    let len = clear + memchr2(b'\r', b'\n', body.get(clear..)?)?;
    let (content, tail) = body.split_at_checked(len)?;
    let (ending, end) = match tail {
        [b'\r', b'\n', ..] => (Ending::CrLf, 2),
        [b'\n', ..] => (Ending::Lf, 1),
        _ => {
            let crs = tail.iter().take_while(|&&b| b == b'\r').count();
            match tail.get(crs) {
                Some(b'\n') => (Ending::CrCrLf, crs + 1),
                // More CRs than one ahead of something else: blank lines of what follows.
                Some(_) => (Ending::Cr, 1),
                None if at_end => (Ending::Cr, crs),
                None => return None,
            }
        }
    };
    let (bytes, rest) = input.split_at_checked(start + len + end)?;
    Some((Line { bytes, start, content: trim_end(content), ending }, rest))
}

#[inline]
fn trim_end(content: &[u8]) -> &[u8] {
    match content.last() {
        Some(b' ' | b'\t' | 0) => {
            let blank = content.iter().rev().take_while(|b| matches!(b, b' ' | b'\t' | 0)).count();
            // Something must be left: a line of NULs is no blank line.
            content.get(..content.len() - blank).filter(|rest| !rest.is_empty()).unwrap_or(content)
        }
        _ => content,
    }
}

/// Reads a `>` prompt with the blank lines ahead of it and the space behind it.
///
/// # Errors
/// `Error` where something else stands there; `Incomplete` while the byte behind it is missing.
pub fn prompt(input: &[u8]) -> IResult<&[u8], &[u8]> {
    let start = lead(input);
    let len = match input.get(start..).unwrap_or_default() {
        [] => return Err(nom::Err::Incomplete(Needed::Unknown)),
        [b'>'] => return Err(nom::Err::Incomplete(Needed::new(1))),
        [b'>', b' ', ..] => 2,
        [b'>', ..] => 1,
        _ => return Err(nom::Err::Error(nom::error::Error::new(input, nom::error::ErrorKind::Char))),
    };
    let (bytes, rest) = input.split_at_checked(start + len).unwrap_or((input, &[]));
    Ok((rest, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_keep_their_frames() {
        for (input, content, ending, rest) in [
            (&b"\r\nOK\r\n"[..], &b"OK"[..], Ending::CrLf, &b""[..]),
            (b"AT\r\r\nOK\r\n", b"AT", Ending::CrCrLf, b"OK\r\n"),
            (b"AT\rAT\r", b"AT", Ending::Cr, b"AT\r"),
            (b" \r\n \nOK \n\r\n", b"OK", Ending::Lf, b"\r\n"),
            (b"a\r\rb\n", b"a", Ending::Cr, b"\rb\n"),
        ] {
            let (left, line) = line(input).expect("a whole line");
            assert_eq!((line.content, line.ending, left), (content, ending, rest));
            assert_eq!([line.bytes, left].concat(), input);
        }
    }

    #[test]
    fn half_a_line_is_incomplete() {
        for input in [&b""[..], b"\r\n", b"\r\nOK", b"OK\r", b"OK\r\r", b"  "] {
            assert!(matches!(line(input), Err(nom::Err::Incomplete(_))), "{input:?}");
        }
        let (line, rest) = line_at_end(b"OK\r").expect("a CR at the end");
        assert_eq!((line.content, line.ending, rest), (&b"OK"[..], Ending::Cr, &b""[..]));
        assert_eq!(line_at_end(b"OK"), None);
    }

    #[test]
    fn too_many_blanks_frame_no_line() {
        let most = [&vec![b'\r'; LEAD_MAX][..], b"OK\r\n"].concat();
        assert_eq!(line(&most).expect("a whole line").1.content, b"OK");
        let more = [&vec![b'\r'; LEAD_MAX + 1][..], b"\rOK\r\n"].concat();
        assert!(matches!(line(&more), Err(nom::Err::Error(_))));
        assert_eq!(line_at_end(&more), None);
    }

    #[test]
    fn prompts_are_no_lines() {
        assert_eq!(prompt(b"\r\n> x"), Ok((&b"x"[..], &b"\r\n> "[..])));
        assert_eq!(prompt(b">x"), Ok((&b"x"[..], &b">"[..])));
        assert!(matches!(prompt(b"\r\n>"), Err(nom::Err::Incomplete(_))));
        assert!(matches!(prompt(b"OK"), Err(nom::Err::Error(_))));
    }
}
