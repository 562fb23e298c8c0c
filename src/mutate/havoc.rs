//! Byte-level mutations of our own, so that no fuzzer's are needed: flips, numbers, copies, words.

use fastrand::Rng;

/// Bytes that parsers of lines look at.
const MARKS: &[u8] = b"\r\n\"',:;=+-()[]<> >\0\x1A\x7F\xFF09AaOKx.%\\";

/// Numbers on which things turn: counts and sizes that drivers have, and the ends of types.
pub(super) const NUMBERS: [i64; 108] = [
    0,
    1,
    2,
    3,
    4,
    5,
    6,
    7,
    8,
    9,
    10,
    12,
    15,
    16,
    17,
    20,
    24,
    31,
    32,
    33,
    -1,
    40,
    47,
    48,
    49,
    50,
    63,
    64,
    65,
    80,
    99,
    100,
    127,
    128,
    129,
    199,
    200,
    201,
    254,
    255,
    256,
    257,
    300,
    400,
    404,
    499,
    500,
    501,
    511,
    512,
    513,
    600,
    767,
    768,
    800,
    999,
    1000,
    1001,
    1023,
    1024,
    1025,
    1152,
    1280,
    1399,
    1400,
    1459,
    1460,
    1461,
    1472,
    1499,
    1500,
    1501,
    1535,
    1536,
    1537,
    2000,
    2047,
    2048,
    2049,
    3000,
    4095,
    4096,
    4097,
    8191,
    8192,
    9999,
    10000,
    16384,
    32767,
    32768,
    65535,
    65536,
    65537,
    99999,
    1_000_000,
    0x7FFF_FFFF,
    0x8000_0000,
    0xFFFF_FFFE,
    0xFFFF_FFFF,
    0x1_0000_0000,
    i64::MAX,
    -2,
    -127,
    -128,
    -129,
    -32769,
    -0x8000_0000,
    -0x8000_0001,
];

/// Texts that drivers take apart further: times, addresses, numbers, states.
pub(super) const TEXTS: [&[u8]; 16] = [
    b"24/02/29,23:59:59+08",
    b"80/01/06,00:00:00-96",
    b"Thu Aug 04 14:48:05 2016",
    b"2024-12-31 23:59:60",
    b"192.168.4.1",
    b"0.0.0.0",
    b"255.255.255.255:65536",
    b"fe80::1",
    b"24:0a:c4:00:00:01",
    b"+491701234567",
    b"00480065006C006C006F",
    b"FFFF",
    b"0",
    b"-1",
    b"READY",
    b"1.5",
];

/// One of [`NUMBERS`]: half of the time a small one.
pub(super) fn number(rng: &mut Rng) -> i64 {
    let most = if rng.bool() { 22 } else { NUMBERS.len() };
    rng.choice(NUMBERS.iter().take(most)).copied().unwrap_or_default()
}

/// A number of a field about which nothing is known: mostly 1 or 0, so that lines agree on what they are about and report
/// success.
pub(super) fn common(rng: &mut Rng) -> i64 {
    match rng.u8(..8) {
        0..=2 => 1,
        3 | 4 => 0,
        5 => rng.i64(2..7),
        _ => number(rng),
    }
}

/// A length of text or data: half of the time one on which things turn, never negative.
pub(super) fn length(rng: &mut Rng, most: usize) -> usize {
    let len = match rng.u8(..4) {
        0 => rng.usize(..24),
        1 => rng.usize(..=most.min(300)),
        _ => usize::try_from(number(rng)).unwrap_or_default(),
    };
    if len > most { rng.usize(..=most.min(600)) } else { len }
}

/// Appends a number's digits.
pub(super) fn digits(number: i64, out: &mut Vec<u8>) {
    use std::io::Write;
    // Writing to a Vec cannot fail.
    let _ = write!(out, "{number}");
}

/// Changes `data` once; it never becomes longer than `max`, or stays as long as it was if that is more. `word` is what a
/// dictionary gives for it.
pub(super) fn once(data: &mut Vec<u8>, max: usize, word: &[u8], rng: &mut Rng) {
    let room = max.saturating_sub(data.len());
    if data.is_empty() {
        let byte = if rng.bool() { mark(rng) } else { rng.u8(..) };
        data.extend((room > 0).then_some(byte));
        return;
    }
    let at = rng.usize(..data.len());
    match rng.u8(..20) {
        0 => change(data, at, |byte| byte ^ 1 << rng.u8(..8)),
        1 => change(data, at, |_| mark(rng)),
        2 => change(data, at, |_| rng.u8(..)),
        3 => change(data, at, |byte| byte.wrapping_add(rng.u8(1..8))),
        4 => change(data, at, |byte| byte.wrapping_sub(rng.u8(1..8))),
        5 if room > 0 => data.insert(at, mark(rng)),
        6 if room > 0 => data.insert(at, rng.u8(..)),
        7 if room > 0 => {
            // One byte many times: what is too long for a buffer.
            let byte = data.get(at).copied().unwrap_or(b'A');
            let len = length(rng, room).max(1);
            data.splice(at..at, std::iter::repeat_n(byte, len));
        }
        8 | 9 => {
            let len = span(data.len() - at, rng);
            data.drain(at..at + len);
        }
        10 => data.truncate(at),
        11 | 12 if room > 0 => {
            // A part of it, put in elsewhere.
            let len = span((data.len() - at).min(room), rng);
            let to = rng.usize(..=data.len());
            data.extend_from_within(at..at + len);
            if let Some(tail) = data.get_mut(to..) {
                tail.rotate_right(len);
            }
        }
        13 => {
            let len = span(data.len() - at, rng);
            let to = rng.usize(..=data.len() - len);
            data.copy_within(at..at + len, to);
        }
        14 | 15 => ascii_number(data, at, max, rng),
        16 => {
            let to = rng.usize(..data.len());
            data.swap(at, to);
        }
        17 | 18 if word.len() <= room => {
            data.splice(at..at, word.iter().copied());
        }
        _ => {
            // A word over what is there.
            let len = word.len().min(data.len() - at);
            if let (Some(to), Some(from)) = (data.get_mut(at..at + len), word.get(..len)) {
                to.copy_from_slice(from);
            }
        }
    }
}

fn mark(rng: &mut Rng) -> u8 {
    rng.choice(MARKS).copied().unwrap_or(b'\r')
}

fn change(data: &mut [u8], at: usize, how: impl FnOnce(u8) -> u8) {
    if let Some(byte) = data.get_mut(at) {
        *byte = how(*byte);
    }
}

/// A length from 1 to `most`, mostly short.
fn span(most: usize, rng: &mut Rng) -> usize {
    let most = most.max(1);
    let limit = match rng.u8(..4) {
        0 => most,
        1 => most.min(64),
        _ => most.min(8),
    };
    rng.usize(1..=limit).min(most)
}

/// Changes the number that stands at or behind `at`.
fn ascii_number(data: &mut Vec<u8>, at: usize, max: usize, rng: &mut Rng) {
    let Some(start) = data.iter().skip(at).position(u8::is_ascii_digit).map(|skip| at + skip) else { return };
    let len = data.iter().skip(start).take(20).take_while(|byte| byte.is_ascii_digit()).count();
    let old = data.iter().skip(start).take(len.min(18)).fold(0_i64, |number, &byte| number * 10 + i64::from(byte & 15));
    let new = match rng.u8(..4) {
        0 => old.wrapping_add(rng.i64(1..10)),
        1 => old.wrapping_sub(rng.i64(1..10)),
        _ => number(rng),
    };
    let mut text = [0_u8; 24];
    let mut cursor = std::io::Cursor::new(text.as_mut_slice());
    let _ = std::io::Write::write_fmt(&mut cursor, format_args!("{new}"));
    let used = cursor.position() as usize;
    if data.len() - len + used <= max {
        data.splice(start..start + len, text.into_iter().take(used));
    }
}
