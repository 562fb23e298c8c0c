//! What programs put ahead of a line: stamps, marks of direction, and what loggers add to them.

use std::ops::RangeInclusive;

/// The longest thing ahead of a line's text.
pub(super) const LONGEST: usize = 96;

/// Most things that stand ahead of a line.
const MOST: usize = 8;

const SECOND: u64 = 1_000_000_000;

const DAY: u64 = 86_400 * SECOND;

/// Words for the two directions; which of them is whose differs from program to program.
const WORDS: [&[&str]; 2] = [
    &[
        "TX", "TXD", "SEND", "SENDING", "SENT", "OUT", "OUTPUT", "WRITE", "WROTE", "TRANSMIT", "HOST", "MCU", "DTE",
        "PC", "REQ", "CMD",
    ],
    &[
        "RX", "RXD", "RECV", "RECEIVE", "RECEIVED", "RCVD", "RCV", "IN", "INPUT", "READ", "MODULE", "MODEM", "DCE",
        "RESP", "RESPONSE", "RSP", "REPLY",
    ],
];

/// Arrows for the two directions, longer ones first.
const ARROWS: [[&str; 2]; 11] = [
    ["\u{53D1}\u{2192}\u{25C7}", "\u{6536}\u{2190}\u{25C6}"], // SSCOM
    ["\u{2192}", "\u{2190}"],
    ["---->", "<----"],
    ["--->", "<---"],
    ["-->", "<--"],
    ["==>", "<=="],
    [">>>", "<<<"],
    ["->", "<-"],
    ["=>", "<="],
    [">>", "<<"],
    [">", "<"],
];

/// How many pairs of marks there are: the words, and each pair of arrows.
pub(super) const PAIRS: usize = 1 + ARROWS.len();

/// What loggers call their levels, in any case.
const LEVELS: [&str; 17] = [
    "T", "D", "I", "W", "E", "V", "N", "TRACE", "DEBUG", "DBG", "INFO", "INF", "NOTICE", "WARN", "WARNING", "ERROR",
    "VERBOSE",
];

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// A time that a line starts with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) nanos: u64,
    /// It does not start again at midnight.
    pub(super) runs_on: bool,
}

/// What stands ahead of one line's text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Prefix {
    pub(super) stamp: Option<Stamp>,
    /// Which pair, which of the two.
    pub(super) mark: Option<(usize, usize)>,
    pub(super) len: usize,
    /// How far its stamp goes.
    pub(super) stamp_len: usize,
}

/// Takes stamp and mark off the start of a line, as far as they are there, and what a logger has ahead of them.
pub(super) fn prefix(line: &[u8]) -> Prefix {
    let head = start(line);
    let mut found = Prefix::default();
    let (mut rest, mut level) = (head, false);
    for _ in 0..MOST {
        if found.stamp.is_none()
            && let Some((stamp, behind)) = stamp(rest).or_else(|| level.then(|| millis(rest)).flatten())
        {
            (found.stamp, rest) = (Some(stamp), behind);
            found.stamp_len = head.len() - rest.len();
        } else if let Some((mark, behind)) = mark(rest, found.stamp.is_some()) {
            found.mark = Some(mark);
            found.len = head.len() - behind.len();
            break;
        } else if let Some(behind) = decoration(rest) {
            level = is_level(rest.get(..rest.len() - behind.len()).unwrap_or_default());
            rest = behind;
            continue;
        } else {
            break;
        }
        found.len = head.len() - rest.len();
    }
    found
}

/// How much of a text, behind its stamp, a logger put there: `tag: `, `<dbg> modem: `. It may be the text's own.
pub(super) fn decorations(text: &[u8]) -> usize {
    let head = start(text);
    let mut rest = head;
    for _ in 0..MOST {
        let Some(behind) = decoration(rest) else { break };
        rest = behind;
    }
    head.len() - rest.len()
}

/// What is no text cannot be part of a stamp.
fn start(line: &[u8]) -> &str {
    line.get(..LONGEST).unwrap_or(line).utf8_chunks().next().map_or("", |chunk| chunk.valid())
}

fn bracket(text: &str) -> Option<(char, &str)> {
    let close = match text.as_bytes().first()? {
        b'[' => ']',
        b'(' => ')',
        b'<' => '>',
        b'{' => '}',
        _ => return None,
    };
    Some((close, text.get(1..)?))
}

/// `[12:34:56.789] `, `2024-01-01 12:00:00.123: `, `12:34:56,789 `, `[   12.345678] `, `Dec  1 12:00:00 `
fn stamp(text: &str) -> Option<(Stamp, &str)> {
    let (close, inner) = match bracket(text).filter(|(close, _)| *close != '>') {
        Some((close, inner)) => (Some(close), inner),
        None => (None, text),
    };
    let (stamp, rest) = clock(inner).or_else(|| seconds(inner.trim_start_matches(' ')))?;
    let rest = match close {
        Some(close) => rest.trim_start_matches(' ').strip_prefix(close)?,
        None => rest,
    };
    // A blank or a separator behind it is the program's, more of them are the line's.
    let separated = rest.strip_prefix([':', ',', ';', '|']).unwrap_or(rest);
    let behind = separated.strip_prefix([' ', '\t']).unwrap_or(separated);
    let behind = if named_month(inner).is_some() { behind_host(behind) } else { behind };
    (close.is_some() || behind.len() < rest.len() || rest.is_empty()).then_some((stamp, behind))
}

/// A time of day, with or without its date.
fn clock(text: &str) -> Option<(Stamp, &str)> {
    let (days, rest) = match date(text) {
        Some((days, rest)) => (Some(days), rest),
        None => (None, text),
    };
    let (hours, rest) = number(rest, 1..=2, 24)?;
    let (minutes, rest) = number(rest.strip_prefix(':')?, 2..=2, 60)?;
    let (seconds, rest) = number(rest.strip_prefix(':')?, 2..=2, 61)?;
    let (nanos, rest) = fraction(rest, &['.', ',', ':']).unwrap_or((0, rest));
    let (hours, rest) = match rest.trim_start_matches(' ') {
        half if starts_with(half, "AM") => (hours % 12, half.get(2..)?),
        half if starts_with(half, "PM") => (hours % 12 + 12, half.get(2..)?),
        _ => (hours, rest),
    };
    let nanos = ((hours * 60 + minutes) * 60 + seconds) * SECOND + nanos;
    let nanos = days.unwrap_or(0).checked_mul(DAY)?.checked_add(nanos)?;
    Some((Stamp { nanos, runs_on: days.is_some() }, zone(rest)))
}

/// Seconds since something: `12.345`. Without a fraction they might be anything.
fn seconds(text: &str) -> Option<(Stamp, &str)> {
    let (seconds, rest) = number(text, 1..=10, u64::MAX)?;
    let (nanos, rest) = fraction(rest, &['.'])?;
    let rest = rest.strip_prefix('s').unwrap_or(rest);
    Some((Stamp { nanos: seconds.checked_mul(SECOND)?.checked_add(nanos)?, runs_on: true }, rest))
}

/// `(1234) ` behind a level: milliseconds since the start.
fn millis(text: &str) -> Option<(Stamp, &str)> {
    let (millis, rest) = number(text.strip_prefix('(')?, 1..=12, u64::MAX)?;
    Some((Stamp { nanos: millis.checked_mul(1_000_000)?, runs_on: true }, rest.strip_prefix(") ")?))
}

/// `.789`, also in groups: `.789,012`.
fn fraction<'t>(text: &'t str, separators: &[char]) -> Option<(u64, &'t str)> {
    let behind = text.strip_prefix(separators)?;
    let count = digits(behind);
    if !(1..=9).contains(&count) {
        return None;
    }
    let (all, rest) = behind.split_at_checked(count)?;
    let nanos = all.parse::<u64>().ok()? * 10_u64.pow(9 - count as u32);
    // Milliseconds, then microseconds.
    let more = rest.strip_prefix(',').filter(|more| count == 3 && digits(more) == 3);
    match more.and_then(|more| Some((more.get(..3)?.parse::<u64>().ok()?, more.get(3..)?))) {
        Some((micros, rest)) => Some((nanos + micros * 1000, rest)),
        None => Some((nanos, rest)),
    }
}

/// `Z`, `+01:00`: of all stamps alike.
fn zone(text: &str) -> &str {
    if let Some(rest) = text.strip_prefix('Z') {
        return rest;
    }
    let offset = || {
        let (_, rest) = number(text.strip_prefix(['+', '-'])?, 2..=4, 2400)?;
        match rest.strip_prefix(':') {
            Some(minutes) => number(minutes, 2..=2, 60).map(|(_, rest)| rest),
            None => Some(rest),
        }
    };
    offset().unwrap_or(text)
}

/// `2024-01-31 `, `2024/01/31T`, `31.01.2024 `, `Jan 31 `: days since 1970 or so.
fn date(text: &str) -> Option<(u64, &str)> {
    let (year, month, day, rest) = year_first(text).or_else(|| year_last(text)).or_else(|| named_month(text))?;
    let rest = rest.strip_prefix([' ', 'T', '_', ',', '-'])?;
    // Months from March on: the leap day is the last of a year.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year.checked_sub(1)?, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day;
    Some((days.checked_sub(719_469)?, rest.trim_start_matches(' ')))
}

fn year_first(text: &str) -> Option<(u64, u64, u64, &str)> {
    let (year, rest) = number(text, 4..=4, 2500)?;
    let (month, rest) = number(rest.strip_prefix(['-', '/', '.'])?, 2..=2, 13)?;
    let (day, rest) = number(rest.strip_prefix(['-', '/', '.'])?, 2..=2, 32)?;
    Some((year, month, day, rest))
}

/// Day first, unless that can be none.
fn year_last(text: &str) -> Option<(u64, u64, u64, &str)> {
    let (one, rest) = number(text, 1..=2, 32)?;
    let separator = rest.chars().next().filter(|separator| "-/.".contains(*separator))?;
    let (other, rest) = number(rest.strip_prefix(separator)?, 1..=2, 32)?;
    let (year, rest) = number(rest.strip_prefix(separator)?, 4..=4, 2500)?;
    let (day, month) = if other > 12 { (other, one) } else { (one, other) };
    (month <= 12).then_some((year, month, day, rest))
}

/// As `syslog` has it: no year.
fn named_month(text: &str) -> Option<(u64, u64, u64, &str)> {
    let month = MONTHS.iter().position(|month| text.starts_with(month))?;
    let (day, rest) = number(text.get(3..)?.strip_prefix(' ')?.trim_start_matches(' '), 1..=2, 32)?;
    Some((2000, month as u64 + 1, day, rest))
}

/// What `syslog` has behind the host's name, if a program's name follows.
fn behind_host(text: &str) -> &str {
    let is_name = |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
    let host = text.split_once(' ').filter(|(name, rest)| is_name(name) && decoration(rest).is_some());
    host.map_or(text, |(_, rest)| rest)
}

/// A number of so many digits, below a limit.
fn number(text: &str, len: RangeInclusive<usize>, limit: u64) -> Option<(u64, &str)> {
    let count = digits(text);
    let (number, rest) = text.split_at_checked(count).filter(|_| len.contains(&count))?;
    let number: u64 = number.parse().ok()?;
    (number < limit).then_some((number, rest))
}

fn digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

fn starts_with(text: &str, word: &str) -> bool {
    text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
}

/// `TX: `, `[RX] `, `>> `, `--> `, `TX -> `. Bare arrows count behind a stamp alone: a prompt looks like one.
fn mark(text: &str, stamped: bool) -> Option<((usize, usize), &str)> {
    let (close, inner) = match bracket(text) {
        Some((close, inner)) if close != '>' => (Some(close), inner),
        _ => (None, text),
    };
    let len = inner.bytes().take_while(u8::is_ascii_alphabetic).count();
    let word = inner.get(..len)?;
    let side = WORDS.iter().position(|words| words.iter().any(|other| other.eq_ignore_ascii_case(word)));
    if let Some(side) = side {
        let rest = inner.get(len..)?;
        let behind = match close {
            Some(close) => rest.strip_prefix(close)?,
            None => {
                let arrow = || arrow(rest.strip_prefix(' ')?).filter(|arrow| arrow.1.starts_with(' ')).map(|_| rest);
                let text = || rest.starts_with(" (").then_some(rest);
                let delimited = rest.strip_prefix([':', '>', '<', '|', ',', ';', '\t']);
                delimited.or_else(arrow).or_else(text).or_else(|| stamped.then_some(rest)?.strip_prefix(' '))?
            }
        };
        let behind = behind.strip_prefix(':').unwrap_or(behind);
        let behind = behind.strip_prefix([' ', '\t']).unwrap_or(behind);
        // `[TX] - `
        let behind = behind.strip_prefix("- ").filter(|_| close.is_some()).unwrap_or(behind);
        // `TX -> `
        let behind = match arrow(behind) {
            Some((_, rest)) if behind.len() - rest.len() > 1 => rest.strip_prefix([' ', '\t']).unwrap_or(rest),
            _ => behind,
        };
        // Who logs may be called by such a word: `modem: TX: `.
        let named = ["HOST", "MCU", "PC", "MODULE", "MODEM"].iter().any(|name| name.eq_ignore_ascii_case(word));
        return mark(behind, false).filter(|_| named).or(Some(((0, side), behind)));
    }
    let ((pair, side), rest) = arrow(inner)?;
    let rest = match close {
        Some(close) => rest.strip_prefix(close)?,
        // `<debug> ` is a level.
        None if inner.len() - rest.len() == 1 && (!stamped || decoration(inner).is_some()) => return None,
        None => rest,
    };
    Some(((1 + pair, side), rest.strip_prefix([' ', '\t']).unwrap_or(rest)))
}

fn arrow(text: &str) -> Option<((usize, usize), &str)> {
    ARROWS.iter().enumerate().find_map(|(pair, names)| {
        names.iter().enumerate().find_map(|(side, name)| Some(((pair, side), text.strip_prefix(name)?)))
    })
}

/// One thing that a logger has ahead of a line, with the blank behind it: a level, a name, something in brackets.
fn decoration(text: &str) -> Option<&str> {
    if let Some(code) = text.strip_prefix("\x1B[") {
        let end = code.bytes().position(|byte| !(byte.is_ascii_digit() || byte == b';'))?;
        return code.get(end..)?.strip_prefix('m');
    }
    if let Some((close, inner)) = bracket(text) {
        let behind = inner.get(inner.find(close)? + 1..)?;
        let behind = behind.strip_prefix(':').unwrap_or(behind);
        return behind.strip_prefix(' ').or_else(|| behind.starts_with(['[', '(', '<']).then_some(behind));
    }
    let len = text.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || b"_-./".contains(byte)).count();
    let word = text.get(..len).filter(|word| word.starts_with(|first: char| first.is_ascii_alphabetic()))?;
    let behind = text.get(len..)?;
    if is_level(word)
        && let Some(behind) = behind.strip_prefix([' ', '/', '\t'])
    {
        return Some(behind);
    }
    // `chat[123]: `
    let behind = match behind.strip_prefix('[') {
        Some(inner) => inner.get(digits(inner)..)?.strip_prefix(']')?,
        None => behind,
    };
    behind.strip_prefix(": ")
}

fn is_level(text: &str) -> bool {
    LEVELS.iter().any(|level| level.eq_ignore_ascii_case(text.trim_end_matches([' ', '/', '\t'])))
}
