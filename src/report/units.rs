//! Bytes off the wire as what a terminal may show: one character or one escape at a time.
//!
//! Written out they read as in transcripts. Beyond what [`escape`](crate::escape) escapes, so are the characters of
//! UTF-8 that a terminal would obey or hide: C1 controls, changes of direction, those without width.

use unicode_width::UnicodeWidthChar;

/// A character or an escape: what must not be torn apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unit {
    text: [u8; 4],
    len: u8,
    /// Columns that it takes.
    pub(super) width: usize,
    /// Bytes of the input that it stands for.
    pub(super) took: usize,
    /// It is an escape.
    pub(super) escape: bool,
}

impl Unit {
    /// A blank of our own.
    pub(super) const BLANK: Self = Self { text: *b"    ", len: 1, width: 1, took: 0, escape: false };

    fn new(text: &[u8], width: usize, took: usize, escape: bool) -> Self {
        let mut buffer = [0; 4];
        for (slot, &byte) in buffer.iter_mut().zip(text) {
            *slot = byte;
        }
        Self { text: buffer, len: text.len().min(4) as u8, width, took, escape }
    }

    /// The text to print.
    pub(super) fn bytes(&self) -> &[u8] {
        self.text.get(..usize::from(self.len)).unwrap_or_default()
    }
}

/// Takes bytes apart; see the module's documentation.
pub(super) fn units(bytes: &[u8]) -> Units<'_> {
    Units { rest: bytes, forced: 0, text: false }
}

/// Takes text of our own apart, or a transcript's: its backslashes are escapes already, or stand for themselves.
pub(super) fn text_units(text: &[u8]) -> Units<'_> {
    Units { rest: text, forced: 0, text: true }
}

/// Columns that the bytes take when shown.
pub(super) fn width(bytes: &[u8]) -> usize {
    if plain_len(bytes) == bytes.len() { bytes.len() } else { width_of(units(bytes)) }
}

/// Columns that all units take.
pub(super) fn width_of(mut units: Units<'_>) -> usize {
    let mut width = 0;
    loop {
        width += units.plain(usize::MAX).len();
        match units.next() {
            Some(unit) => width += unit.width,
            None => return width,
        }
    }
}

/// How many bytes at the start are characters of ASCII, no escapes, a column each.
pub(super) fn plain_len(bytes: &[u8]) -> usize {
    let mut rest = bytes;
    while let Some((chunk, tail)) = rest.split_first_chunk::<8>() {
        let special = special(u64::from_le_bytes(*chunk));
        if special != 0 {
            return bytes.len() - rest.len() + (special.trailing_zeros() / 8) as usize;
        }
        rest = tail;
    }
    // The zeros that fill the last word up are special, too.
    bytes.len() - rest.len() + (special(super::json::short(rest)).trailing_zeros() / 8) as usize
}

/// Marks in the highest bits of the bytes that are no plain ones; the lowest mark is right whatever is above it.
const fn special(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    const HIGHS: u64 = ONES << 7;
    const fn below(word: u64, limit: u8) -> u64 {
        word.wrapping_sub(ONES * limit as u64) & !word & HIGHS
    }
    (word & HIGHS) | below(word, b' ') | below(word ^ (ONES * b'\\' as u64), 1) | below(word ^ (ONES * 0x7F), 1)
}

/// Iterator of [`units`].
#[derive(Clone, Debug)]
pub(super) struct Units<'a> {
    rest: &'a [u8],
    /// Bytes of a character that must not be shown: each becomes an escape.
    forced: usize,
    /// Backslashes stand for themselves.
    text: bool,
}

impl<'a> Units<'a> {
    /// Takes the characters that come next and are ASCII, no escapes, a column each; at most so many.
    pub(super) fn plain(&mut self, most: usize) -> &'a [u8] {
        let len = if self.forced == 0 { plain_len(self.rest.get(..most).unwrap_or(self.rest)) } else { 0 };
        let (plain, rest) = self.rest.split_at_checked(len).unwrap_or((&[], self.rest));
        self.rest = rest;
        plain
    }

    fn hex(byte: u8) -> Unit {
        let [high, low] = super::json::hex(byte);
        Unit::new(&[b'\\', b'x', high, low], 4, 1, true)
    }
}

impl Iterator for Units<'_> {
    type Item = Unit;

    fn next(&mut self) -> Option<Unit> {
        let (&first, tail) = self.rest.split_first()?;
        let unit = if self.forced > 0 {
            self.forced -= 1;
            Self::hex(first)
        } else if first.is_ascii() {
            match first {
                b'\r' => Unit::new(b"\\r", 2, 1, true),
                b'\n' => Unit::new(b"\\n", 2, 1, true),
                b'\t' => Unit::new(b"\\t", 2, 1, true),
                0 => Unit::new(b"\\0", 2, 1, true),
                b'\\' if !self.text => Unit::new(b"\\\\", 2, 1, true),
                b' '..=b'~' => Unit::new(&[first], 1, 1, false),
                _ => Self::hex(first),
            }
        } else {
            let window = self.rest.get(..4).unwrap_or(self.rest);
            match window.utf8_chunks().next().and_then(|chunk| chunk.valid().chars().next()) {
                Some(c) if is_hidden(c) => {
                    self.forced = c.len_utf8() - 1;
                    Self::hex(first)
                }
                Some(c) => {
                    Unit::new(c.encode_utf8(&mut [0; 4]).as_bytes(), c.width().unwrap_or(0), c.len_utf8(), false)
                }
                None => Self::hex(first),
            }
        };
        self.rest = if unit.took == 1 { tail } else { self.rest.get(unit.took..).unwrap_or_default() };
        Some(unit)
    }
}

/// Controls, format characters and separators: what a terminal obeys or hides.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{AD}' | '\u{61C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
                | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E0FFF}'
        )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, clippy::unwrap_used)]
    use super::*;

    fn shown(bytes: &[u8]) -> String {
        let text: Vec<u8> = units(bytes).flat_map(|unit| unit.bytes().to_vec()).collect();
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn what_is_shown_gives_the_bytes_back() {
        let all: Vec<u8> = (0..=255).chain("ä§日\u{9b}31m\u{202e}\u{feff}".bytes()).chain(*b"\xE2\x80").collect();
        let text = shown(&all);
        let mut back = Vec::new();
        crate::escape::unescape(text.as_bytes(), &mut back).unwrap();
        assert_eq!(back, all);
        assert!(!text.chars().any(is_hidden), "{text}");
        assert_eq!(units(&all).map(|unit| unit.took).sum::<usize>(), all.len());
    }

    #[test]
    fn plain_runs_are_units_too() {
        let mut units = units(b"ab\rcd\xC2\x9Bef");
        assert_eq!(units.plain(1), b"a");
        assert_eq!(units.plain(9), b"b");
        assert_eq!(units.next().unwrap().bytes(), b"\\r");
        assert_eq!(units.plain(9), b"cd");
        assert_eq!(units.next().unwrap().bytes(), b"\\xC2");
        assert_eq!(units.plain(9), b"", "in the middle of a character");
        assert_eq!(units.next().unwrap().bytes(), b"\\x9B");
        assert_eq!(units.plain(9), b"ef");
        assert_eq!((units.plain(9), units.next()), (&b""[..], None));
    }

    #[test]
    fn plain_bytes_are_counted() {
        for byte in 0..=255_u8 {
            for at in 0..20 {
                let mut bytes = [b'a'; 20];
                bytes[at] = byte;
                let plain = matches!(byte, b' '..=b'~') && byte != b'\\';
                assert_eq!(plain_len(&bytes), if plain { 20 } else { at }, "{byte} at {at}");
            }
        }
    }

    #[test]
    fn widths_are_columns() {
        assert_eq!(width(b"\r\nOK\x01"), 2 + 2 + 2 + 4);
        assert_eq!(width("ä日".as_bytes()), 3);
    }
}
