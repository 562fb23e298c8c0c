//! JSON values written straight into a byte buffer, without a tree in between.
//!
//! What comes off the wire is escaped twice: first as in transcripts, so that every byte survives, then as JSON.
//! Text of our own (messages, labels, file names) is escaped as JSON alone.

use crate::Time;
pub(super) use crate::syntax::framing::short_word as short;

/// A number that was written last, with its digits: most of those that follow each other are the same, or one more.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counter {
    number: u64,
    /// The first digit lowest.
    digits: u64,
    len: usize,
}

impl Default for Counter {
    fn default() -> Self {
        Self { number: 0, digits: b'0'.into(), len: 1 }
    }
}

impl Counter {
    /// Appends a number.
    #[inline]
    pub(super) fn unsigned(&mut self, out: &mut Vec<u8>, number: u64) {
        if number != self.number {
            let last = 8 * (self.len - 1);
            if number == self.number.wrapping_add(1) && self.digits >> last != u64::from(b'9') {
                self.digits += 1 << last;
                self.number = number;
            } else if number < EIGHT {
                let digits = eight_digits(number as u32);
                let zeros = (digits.trailing_zeros() / 8).min(7);
                *self = Self { number, digits: (digits | ZEROS) >> (8 * zeros), len: 8 - zeros as usize };
            } else {
                return unsigned(out, number);
            }
        }
        word(out, self.digits, self.len);
    }

    /// Appends a number or `null`.
    #[inline]
    pub(super) fn optional(&mut self, out: &mut Vec<u8>, number: Option<u64>) {
        match number {
            Some(number) => self.unsigned(out, number),
            None => out.extend_from_slice(b"null"),
        }
    }

    /// Appends decimal seconds, as [`Time`] displays them, or `null`; counts the whole ones.
    #[inline]
    pub(super) fn time(&mut self, out: &mut Vec<u8>, time: Option<Time>) {
        let Some(time) = time else {
            out.extend_from_slice(b"null");
            return;
        };
        let (secs, nanos) = (time.as_nanos() / 1_000_000_000, (time.as_nanos() % 1_000_000_000) as u32);
        self.unsigned(out, secs);
        fraction(out, nanos);
    }
}

/// Appends a number.
pub(super) fn unsigned(out: &mut Vec<u8>, number: u64) {
    if let small @ 0..10 = number {
        out.push(b'0' + small as u8);
    } else if number < EIGHT {
        let digits = eight_digits(number as u32);
        let zeros = digits.trailing_zeros() / 8;
        word(out, (digits | ZEROS) >> (8 * zeros), 8 - zeros as usize);
    } else {
        large(out, number);
    }
}

#[cold]
fn large(out: &mut Vec<u8>, number: u64) {
    unsigned(out, number / EIGHT);
    word(out, eight_digits((number % EIGHT) as u32) | ZEROS, 8);
}

/// Appends a number.
pub(super) fn signed(out: &mut Vec<u8>, number: i64) {
    if number < 0 {
        out.push(b'-');
    }
    unsigned(out, number.unsigned_abs());
}

/// The first number of nine digits.
const EIGHT: u64 = 100_000_000;

/// Eight times `0`.
const ZEROS: u64 = 0x3030_3030_3030_3030;

/// The digits of a number below [`EIGHT`], a byte each, the first one lowest: halves, quarters and eighths at once.
const fn eight_digits(number: u32) -> u64 {
    let fours = (number / 10_000) as u64 | ((number % 10_000) as u64) << 32;
    let high = ((fours * 10_486) >> 20) & 0x0000_007F_0000_007F;
    let twos = high | (fours - 100 * high) << 16;
    let high = ((twos * 103) >> 10) & 0x000F_000F_000F_000F;
    high | (twos - 10 * high) << 8
}

/// Appends the lowest bytes of a word. Copies all of it first: a copy of fixed size is no call.
#[inline]
fn word(out: &mut Vec<u8>, word: u64, len: usize) {
    let end = out.len() + len;
    out.extend_from_slice(&word.to_le_bytes());
    out.truncate(end);
}

/// Appends a number with a fraction; `null` where it is none (JSON has no infinity).
pub(super) fn float(out: &mut Vec<u8>, number: f64) {
    use std::io::Write;
    if number.is_finite() {
        // Writing to a Vec cannot fail.
        let _ = write!(out, "{number}");
    } else {
        out.extend_from_slice(b"null");
    }
}

/// Appends a number or `null`.
pub(super) fn optional(out: &mut Vec<u8>, number: Option<u64>) {
    match number {
        Some(number) => unsigned(out, number),
        None => out.extend_from_slice(b"null"),
    }
}

/// Appends an object of counts.
pub(super) fn object<'a>(out: &mut Vec<u8>, counts: impl IntoIterator<Item = (&'a str, u64)>) {
    let mut lead = b'{';
    for (name, count) in counts {
        out.push(std::mem::replace(&mut lead, b','));
        text(out, name);
        out.push(b':');
        unsigned(out, count);
    }
    out.extend_from_slice(if lead == b'{' { b"{}" } else { b"}" });
}

/// Appends decimal seconds, as [`Time`] displays them, or `null`.
pub(super) fn time(out: &mut Vec<u8>, time: Option<Time>) {
    let Some(time) = time else {
        out.extend_from_slice(b"null");
        return;
    };
    let (secs, nanos) = (time.as_nanos() / 1_000_000_000, (time.as_nanos() % 1_000_000_000) as u32);
    unsigned(out, secs);
    fraction(out, nanos);
}

/// Appends the digits behind the point, and the point, where there are some.
#[inline]
fn fraction(out: &mut Vec<u8>, nanos: u32) {
    if nanos == 0 {
        return;
    }
    out.push(b'.');
    let (digits, last) = (eight_digits(nanos / 10), (nanos % 10) as u8);
    let zeros = if last == 0 { digits.leading_zeros() / 8 } else { 0 };
    word(out, digits | ZEROS, 8 - zeros as usize);
    if last != 0 {
        out.push(b'0' + last);
    }
}

/// Appends decimal seconds with six digits behind the point, cut, not rounded.
pub(super) fn micros(out: &mut Vec<u8>, time: Time) {
    unsigned(out, time.as_nanos() / 1_000_000_000);
    out.push(b'.');
    let digits = eight_digits((time.as_nanos() % 1_000_000_000 / 10) as u32);
    word(out, digits | ZEROS, 6);
}

/// Appends the last `count` digits of a number, at most eight, zeros ahead included.
pub(super) fn padded(out: &mut Vec<u8>, number: u64, count: usize) {
    let digits = eight_digits((number % EIGHT) as u32) | ZEROS;
    word(out, digits >> (8 * (8 - count.clamp(1, 8))), count.clamp(1, 8));
}

/// Appends text of our own as a string.
pub(super) fn text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    text_inside(out, text);
    out.push(b'"');
}

/// As [`text`], without the quotes.
pub(super) fn text_inside(out: &mut Vec<u8>, text: &str) {
    let mut rest = plain(out, text.as_bytes());
    while let Some((&byte, tail)) = rest.split_first() {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0..=0x1F => {
                let [high, low] = hex(byte);
                out.extend_from_slice(&[b'\\', b'u', b'0', b'0', high, low]);
            }
            _ => out.push(byte),
        }
        rest = plain(out, tail);
    }
}

/// Appends bytes off the wire as a string.
pub(super) fn wire(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    wire_inside(out, bytes);
    out.push(b'"');
}

/// As [`wire`], without the quotes.
pub(super) fn wire_inside(out: &mut Vec<u8>, bytes: &[u8]) {
    let mut rest = plain(out, bytes);
    while let Some((&byte, mut tail)) = rest.split_first() {
        match byte {
            b'\r' => match tail.strip_prefix(b"\n") {
                Some(behind) => {
                    out.extend_from_slice(b"\\\\r\\\\n");
                    tail = behind;
                }
                None => out.extend_from_slice(b"\\\\r"),
            },
            b'\n' => out.extend_from_slice(b"\\\\n"),
            b'\t' => out.extend_from_slice(b"\\\\t"),
            0 => out.extend_from_slice(b"\\\\0"),
            b'\\' => out.extend_from_slice(b"\\\\\\\\"),
            b'"' => out.extend_from_slice(b"\\\""),
            0x80.. => tail = beyond_ascii(out, rest),
            _ => escape_hex(out, byte),
        }
        rest = plain(out, tail);
    }
}

/// Appends the run of bytes beyond ASCII at the start; gives what follows it.
///
/// UTF-8 sequences consist of such bytes alone, so a run of them can be judged by itself.
fn beyond_ascii<'a>(out: &mut Vec<u8>, bytes: &'a [u8]) -> &'a [u8] {
    let len = bytes.iter().take_while(|byte| !byte.is_ascii()).count();
    let (run, rest) = bytes.split_at_checked(len).unwrap_or((bytes, &[]));
    for chunk in run.utf8_chunks() {
        out.extend_from_slice(chunk.valid().as_bytes());
        for &byte in chunk.invalid() {
            escape_hex(out, byte);
        }
    }
    rest
}

fn escape_hex(out: &mut Vec<u8>, byte: u8) {
    let [high, low] = hex(byte);
    out.extend_from_slice(&[b'\\', b'\\', b'x', high, low]);
}

/// A byte's two digits.
pub(super) fn hex(byte: u8) -> [u8; 2] {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    [byte >> 4, byte & 15].map(|nibble| DIGITS.get(usize::from(nibble)).copied().unwrap_or(b'0'))
}

/// Appends the bytes at the start that stand for themselves in JSON and in transcripts (printable ASCII but `"` and
/// `\`); gives what follows them.
///
/// Eight at a time: in each word the highest bit of a byte is set where that byte is special. Borrows can set bits
/// above a special byte, never below, so the lowest one is right. A word is copied before it is looked at, and its end
/// taken back: a copy of fixed size is no call.
#[inline]
fn plain<'a>(out: &mut Vec<u8>, bytes: &'a [u8]) -> &'a [u8] {
    const ONES: u64 = u64::MAX / 255;
    const HIGHS: u64 = ONES << 7;
    const fn below(word: u64, limit: u8) -> u64 {
        word.wrapping_sub(ONES * limit as u64) & !word & HIGHS
    }
    const fn special(word: u64) -> u64 {
        (word & HIGHS)
            | below(word, 0x20)
            | below(word ^ (ONES * b'"' as u64), 1)
            | below(word ^ (ONES * b'\\' as u64), 1)
            | below(word ^ (ONES * 0x7F), 1)
    }
    let mut rest = bytes;
    while let Some((chunk, tail)) = rest.split_first_chunk::<8>() {
        let special = special(u64::from_le_bytes(*chunk));
        out.extend_from_slice(chunk);
        if special != 0 {
            let plain = (special.trailing_zeros() / 8) as usize;
            out.truncate(out.len() + plain - 8);
            return rest.get(plain..).unwrap_or_default();
        }
        rest = tail;
    }
    // The zeros that fill the last word up are special, too.
    let last = short(rest);
    let plain = (special(last).trailing_zeros() / 8) as usize;
    word(out, last, plain);
    rest.get(plain..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn string(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    fn parsed(json: &str) -> String {
        serde_json::from_str::<String>(json).unwrap()
    }

    #[test]
    fn wire_bytes_survive_both_escapes() {
        let all: Vec<u8> = (0..=255).chain(*b"\r\n+CWMODE:1\r\n \xC3\xA4\xE2\x80 end").collect();
        for start in 0..all.len() {
            let bytes = all.get(start..).unwrap();
            let json = string(|out| wire(out, bytes));
            assert_eq!(parsed(&json), crate::escape::escape(bytes).to_string(), "from {start}");
        }
    }

    #[test]
    fn text_is_json() {
        for sample in
            ["", "plain", "C:\\a\"b\"", "tab\tline\r\nbell\u{7}\u{7f}", "§ 3.1 – ä 日本", "\u{1}\u{1f}12345678\""]
        {
            assert_eq!(parsed(&string(|out| text(out, sample))), sample);
        }
    }

    #[test]
    fn counters_write_what_is_written_without() {
        let mut counter = Counter::default();
        let steps =
            [0, 1, 2, 8, 9, 10, 10, 11, 98, 99, 100, 0, 9, 10, EIGHT - 1, EIGHT, EIGHT - 2, EIGHT - 1, u64::MAX, 0];
        for number in steps.into_iter().chain(0..2000) {
            assert_eq!(string(|out| counter.unsigned(out, number)), number.to_string());
        }
        for nanos in [0, 12_500_000, 999_999_999, 1_000_000_000, 1_500_000_000, 2_000_000_001, u64::MAX] {
            let time = Time::from_nanos(nanos);
            assert_eq!(string(|out| counter.time(out, Some(time))), time.to_string());
        }
    }

    #[test]
    fn numbers_are_decimal() {
        let powers = (0..20).map(|power| 10_u64.saturating_pow(power));
        for number in powers.flat_map(|power| [power - 1, power, power + 1, power / 7 * 5]).chain([u64::MAX]) {
            assert_eq!(string(|out| unsigned(out, number)), number.to_string());
        }
        for number in [0, -1, 42, i64::MIN, i64::MAX] {
            assert_eq!(string(|out| signed(out, number)), number.to_string());
        }
    }

    #[test]
    fn times_are_written_as_displayed() {
        for nanos in
            [0, 1, 10, 12_500_000, 999_999_999, 120_000_000, 1_000_000_000, 1_000_000_001, 3_250_000_000, u64::MAX]
        {
            let time_ = Time::from_nanos(nanos);
            assert_eq!(string(|out| time(out, Some(time_))), time_.to_string());
        }
        assert_eq!(string(|out| time(out, None)), "null");
        assert_eq!(string(|out| float(out, f64::INFINITY)), "null");
        assert_eq!(string(|out| float(out, -0.5)), "-0.5");
    }
}
