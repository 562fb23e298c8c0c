//! What happens to the bytes of a piece: pure functions, which give what they did.
//!
//! Damage stays within one piece. Line ends are spared, so that a fault does what its name says and nothing else.

use fastrand::Rng;

use super::fault::{Kind, Wrong};
use crate::module::core::Chunk;

/// The part of a piece that a fault of its bytes may strike: its data, or what stands ahead of it.
pub(super) fn span(chunk: &Chunk, data: bool) -> std::ops::Range<usize> {
    let (start, end) = data_span(chunk);
    if data { start..end } else { 0..start }
}

/// Where the counted data of a piece stands: at its end, or ahead of a line end that is none of it.
fn data_span(chunk: &Chunk) -> (usize, usize) {
    let len = chunk.bytes.len();
    if chunk.data == 0 {
        return (len, len);
    }
    // The data may end with a line end of its own: the head tells.
    let closed = chunk.bytes.ends_with(b"\r\n")
        && len
            .checked_sub(chunk.data + 2)
            .and_then(|start| chunk.bytes.get(..start))
            .is_some_and(|head| head.ends_with(b"\n") || announced(head, chunk.data).is_some());
    let end = if closed { len - 2 } else { len };
    (end.saturating_sub(chunk.data), end)
}

/// Where the head of counted data names its length.
fn announced(head: &[u8], data: usize) -> Option<usize> {
    let digits = data.to_string();
    memchr::memmem::rfind(head, digits.as_bytes()).filter(|&at| {
        let alone = |at: Option<usize>| at.and_then(|at| head.get(at)).is_none_or(|byte| !byte.is_ascii_digit());
        alone(at.checked_sub(1)) && alone(Some(at + digits.len()))
    })
}

/// Loses, doubles or flips some bytes of a piece, none of them part of a line end. `None`: there is nothing to strike.
pub(super) fn bytes(kind: Kind, chunk: &mut Chunk, data: bool, count: usize, rng: &mut Rng) -> Option<String> {
    let span = span(chunk, data);
    let struck: Vec<usize> =
        span.filter(|&at| data || chunk.bytes.get(at).is_some_and(|byte| !b"\r\n".contains(byte))).collect();
    let count = count.clamp(1, struck.len().max(1));
    let from = rng.usize(..=struck.len().checked_sub(count)?);
    let struck = struck.get(from..from + count)?;
    let first = *struck.first()?;
    let old: Vec<u8> = struck.iter().filter_map(|&at| chunk.bytes.get(at)).copied().collect();
    match kind {
        Kind::Lose => {
            let mut at = 0..chunk.bytes.len();
            chunk.bytes.retain(|_| at.next().is_none_or(|at| struck.binary_search(&at).is_err()));
            if data {
                chunk.data -= count;
            }
            Some(format!("lost `{}` at byte {first}", crate::escape::escape(&old)))
        }
        Kind::Double => {
            chunk.bytes.splice(first..first, old.iter().copied());
            if data {
                chunk.data += count;
            }
            Some(format!("doubled `{}` at byte {first}", crate::escape::escape(&old)))
        }
        _ => {
            for &at in struck {
                if let Some(byte) = chunk.bytes.get_mut(at) {
                    *byte = flipped(*byte, rng);
                }
            }
            let new: Vec<u8> = struck.iter().filter_map(|&at| chunk.bytes.get(at)).copied().collect();
            let (old, new) = (crate::escape::escape(&old), crate::escape::escape(&new));
            Some(format!("flipped `{old}` to `{new}` at byte {first}"))
        }
    }
}

/// A byte with one bit flipped; never a line end, and never one that a letter's case alone tells from what was sent.
pub(super) fn flipped(byte: u8, rng: &mut Rng) -> u8 {
    let first = rng.u8(..8);
    let bits = (0..8).map(|at| 1 << ((first + at) % 8)).map(|bit: u8| byte ^ bit);
    bits.into_iter().find(|new| !b"\r\n".contains(new) && !new.eq_ignore_ascii_case(&byte)).unwrap_or(byte ^ 1)
}

/// Announces another length than what comes. `None`: the piece announces none.
pub(super) fn length(chunk: &mut Chunk, wrong: Option<Wrong>, by: u64, rng: &mut Rng) -> Option<String> {
    let data = u64::try_from(chunk.data).ok().filter(|data| *data > 0)?;
    let (start, _) = data_span(chunk);
    let at = announced(chunk.bytes.get(..start)?, chunk.data)?;
    let digits = data.to_string();
    let all = [Wrong::Huge, Wrong::Less, Wrong::More, Wrong::Zero];
    let wrong = wrong.or_else(|| rng.choice(all))?;
    let told = match wrong {
        Wrong::Huge => 2_000_000_000,
        Wrong::Less => data - by.clamp(1, data),
        Wrong::More => data + by.max(1),
        Wrong::Zero => 0,
    };
    chunk.bytes.splice(at..at + digits.len(), told.to_string().into_bytes());
    Some(format!("announced {told} bytes in place of {data}"))
}

/// Gives a response or URC fields that no manual knows, or takes one away. `None`: it has no fields.
pub(super) fn shape(chunk: &mut Chunk, rng: &mut Rng) -> Option<String> {
    let end = chunk.bytes.trim_ascii_end().len();
    let colon = memchr::memchr(b':', chunk.bytes.get(..end)?)?;
    if chunk.data > 0 || end <= colon + 1 {
        return None;
    }
    let comma = memchr::memrchr(b',', chunk.bytes.get(colon..end)?).map(|at| colon + at);
    Some(match (rng.u8(..3), comma) {
        (0, Some(comma)) => {
            chunk.bytes.drain(comma..end);
            "left the last field out".to_owned()
        }
        (1, _) => {
            chunk.bytes.splice(colon + 1..end, *b" <?>");
            "put `<?>` in place of the fields".to_owned()
        }
        _ => {
            chunk.bytes.splice(end..end, *b",7,\"?\",-1,\"?\",?,7,7,7,7");
            "put nine fields more at the end".to_owned()
        }
    })
}

/// Bytes as a ROM banner of 74880 baud looks at 115200: NULs, high bytes, now and then a letter or a line end. No line of it is text.
pub(super) fn garbage(count: usize, rng: &mut Rng) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(count);
    while bytes.len() < count {
        let high = if rng.bool() { rng.u8(0x80..0xC0) } else { rng.u8(0xF8..) };
        match rng.u8(..16) {
            0..=2 => bytes.push(0),
            3 => bytes.extend([b'\r', high]),
            4 => bytes.extend([b'\n', high]),
            5..=6 => bytes.extend([*rng.choice(b"lnrst|~{").unwrap_or(&b'l'), high]),
            _ => bytes.push(high),
        }
    }
    // It starts as it goes on.
    if let Some(first) = bytes.first_mut() {
        *first = 0xFC;
    }
    bytes.truncate(count);
    bytes
}
