//! JSON values written straight into a byte buffer, without a tree in between.
//!
//! What comes off the wire is escaped twice: first as in transcripts, so that every byte survives, then as JSON.
//! Text of our own (messages, labels, file names) is escaped as JSON alone.

use crate::Time;

/// Appends a number.
pub(super) fn unsigned(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Appends a number.
pub(super) fn signed(out: &mut Vec<u8>, number: i64) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
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
    let (secs, nanos) = (time.as_nanos() / 1_000_000_000, time.as_nanos() % 1_000_000_000);
    unsigned(out, secs);
    if nanos == 0 {
        return;
    }
    let mut digits = *b".000000000";
    let mut rest = nanos;
    for slot in digits.iter_mut().skip(1).rev() {
        *slot = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    let end = digits.iter().rposition(|&digit| digit != b'0').map_or(0, |last| last + 1);
    out.extend_from_slice(digits.get(..end).unwrap_or(&digits));
}

/// Appends text of our own as a string.
pub(super) fn text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    loop {
        let (plain, tail) = rest.split_at_checked(plain_prefix(rest)).unwrap_or((rest, &[]));
        out.extend_from_slice(plain);
        let Some((&byte, tail)) = tail.split_first() else { break };
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
        rest = tail;
    }
    out.push(b'"');
}

/// Appends bytes off the wire as a string.
pub(super) fn wire(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    let mut rest = bytes;
    loop {
        let (plain, tail) = rest.split_at_checked(plain_prefix(rest)).unwrap_or((rest, &[]));
        out.extend_from_slice(plain);
        let Some((&byte, tail)) = tail.split_first() else { break };
        match byte {
            b'\r' => out.extend_from_slice(b"\\\\r"),
            b'\n' => out.extend_from_slice(b"\\\\n"),
            b'\t' => out.extend_from_slice(b"\\\\t"),
            0 => out.extend_from_slice(b"\\\\0"),
            b'\\' => out.extend_from_slice(b"\\\\\\\\"),
            b'"' => out.extend_from_slice(b"\\\""),
            0x80.. => {
                // UTF-8 sequences consist of such bytes alone, so a run of them can be judged by itself.
                let len = rest.iter().skip(plain.len()).take_while(|byte| !byte.is_ascii()).count();
                let (run, after) = rest.get(plain.len()..).and_then(|run| run.split_at_checked(len)).unwrap_or_default();
                for chunk in run.utf8_chunks() {
                    out.extend_from_slice(chunk.valid().as_bytes());
                    for &byte in chunk.invalid() {
                        escape_hex(out, byte);
                    }
                }
                rest = after;
                continue;
            }
            _ => escape_hex(out, byte),
        }
        rest = tail;
    }
    out.push(b'"');
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

/// How many bytes at the start stand for themselves in JSON and in transcripts: printable ASCII but `"` and `\`.
///
/// Eight at a time: in each word the highest bit of a byte is set where that byte is special. Borrows can set bits
/// above a special byte, never below, so the lowest one is right.
fn plain_prefix(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::MAX / 255;
    const HIGHS: u64 = ONES << 7;
    const fn below(word: u64, limit: u8) -> u64 {
        word.wrapping_sub(ONES * limit as u64) & !word & HIGHS
    }
    let mut done = 0;
    let (words, tail) = bytes.as_chunks::<8>();
    for word in words {
        let word = u64::from_le_bytes(*word);
        let special = (word & HIGHS)
            | below(word, 0x20)
            | below(word ^ (ONES * b'"' as u64), 1)
            | below(word ^ (ONES * b'\\' as u64), 1)
            | below(word ^ (ONES * 0x7F), 1);
        if special != 0 {
            return done + (special.trailing_zeros() / 8) as usize;
        }
        done += 8;
    }
    done + tail.iter().take_while(|&&byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\').count()
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
        for sample in ["", "plain", "C:\\a\"b\"", "tab\tline\r\nbell\u{7}\u{7f}", "§ 3.1 – ä 日本", "\u{1}\u{1f}12345678\""] {
            assert_eq!(parsed(&string(|out| text(out, sample))), sample);
        }
    }

    #[test]
    fn times_are_written_as_displayed() {
        for nanos in [0, 1, 12_500_000, 1_000_000_000, 1_000_000_001, 3_250_000_000, u64::MAX] {
            let time_ = Time::from_nanos(nanos);
            assert_eq!(string(|out| time(out, Some(time_))), time_.to_string());
        }
        assert_eq!(string(|out| time(out, None)), "null");
        assert_eq!(string(|out| float(out, f64::INFINITY)), "null");
        assert_eq!(string(|out| float(out, -0.5)), "-0.5");
    }
}
