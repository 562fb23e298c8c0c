//! What stands in a table: rows split into cells, cells read as bytes and times.

use std::borrow::Cow;

use crate::Time;
use crate::capture::source::seconds;

/// Splits a row of comma-separated values; a quote that nobody closes is a character.
pub(in crate::capture) fn split(line: &str) -> Vec<Cow<'_, str>> {
    let mut fields = Vec::with_capacity(8);
    let mut rest = line;
    loop {
        let (field, after) = rest.strip_prefix('"').and_then(quoted).unwrap_or_else(|| {
            let (field, after) = rest.split_once(',').map_or((rest, None), |(field, after)| (field, Some(after)));
            (Cow::Borrowed(field), after)
        });
        fields.push(field);
        match after {
            Some(after) => rest = after,
            None => return fields,
        }
    }
}

/// Reads a quoted field behind its opening quote: its text, and what follows the comma behind it.
pub(super) fn quoted(text: &str) -> Option<(Cow<'_, str>, Option<&str>)> {
    let mut field = Cow::Borrowed("");
    let mut rest = text;
    loop {
        let (plain, after) = rest.split_once('"')?;
        if field.is_empty() {
            field = Cow::Borrowed(plain);
        } else {
            field.to_mut().push_str(plain);
        }
        if after.is_empty() {
            return Some((field, None));
        }
        if let Some(next) = after.strip_prefix(',') {
            return Some((field, Some(next)));
        }
        // `""` is a quote; where it is followed by nothing more, a lone quote was left unescaped.
        field.to_mut().push('"');
        rest = after.strip_prefix('"')?;
        if rest.is_empty() {
            return Some((field, None));
        }
    }
}

/// A cell's byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// Certain.
    Byte(u8),
    /// A number that only a decimal table has.
    Decimal(u8),
    /// A single digit: a number, or the character of it.
    Digit(u8),
    /// A character that only a table with ASCII has.
    Glyph(u8),
}

/// Reads a cell in whatever radix it is shown.
pub(super) fn value(cell: &str) -> Option<Value> {
    let mut chars = cell.chars();
    if let (Some(only), None) = (chars.next(), chars.next()) {
        return match only.to_digit(10) {
            Some(digit) => Some(Value::Digit(digit as u8)),
            None => u8::try_from(u32::from(only)).ok().map(Value::Glyph),
        };
    }
    let cell = cell.trim();
    // `A (0x41)`, `'13' (0x0D)`
    if let Some((_, hex)) = cell.strip_suffix(')').and_then(|cell| cell.rsplit_once("(0x")) {
        return u8::from_str_radix(hex, 16).ok().map(Value::Byte);
    }
    if let Some(hex) = cell.strip_prefix("0x").or_else(|| cell.strip_prefix("0X")) {
        return u64::from_str_radix(hex, 16).ok().and_then(|n| u8::try_from(n).ok()).map(Value::Byte);
    }
    if let Some(bits) = cell.strip_prefix("0b").or_else(|| cell.strip_prefix("0B")) {
        let bits: String = bits.chars().filter(|c| !matches!(c, ' ' | '_')).collect();
        return u64::from_str_radix(&bits, 2).ok().and_then(|n| u8::try_from(n).ok()).map(Value::Byte);
    }
    let number = |text: &str| -> Option<u8> {
        if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) { None } else { text.parse().ok() }
    };
    if cell.bytes().all(|b| b.is_ascii_digit()) {
        return number(cell).map(Value::Decimal);
    }
    if let Some(inner) = cell.strip_prefix('\'').and_then(|cell| cell.strip_suffix('\'')) {
        // `'13'` is the number of a character without a glyph; `' '` and `'A'` are the character.
        let mut chars = inner.chars();
        return match (number(inner), chars.next(), chars.next()) {
            (Some(code), ..) => Some(Value::Glyph(code)),
            (None, Some(only), None) => u8::try_from(u32::from(only)).ok().map(Value::Glyph),
            _ => named(inner).map(Value::Glyph),
        };
    }
    named(cell).map(Value::Glyph)
}

/// Reads the name of a character: `\r`, `\x0D`, `COMMA`, `[CR]`, `<LF>`, `SPACE`.
fn named(cell: &str) -> Option<u8> {
    if let Some(escape) = cell.strip_prefix('\\') {
        if let Some(hex) = escape.strip_prefix('x') {
            return (hex.len() <= 2).then(|| u8::from_str_radix(hex, 16).ok())?;
        }
        return match escape {
            "0" => Some(0),
            "a" => Some(7),
            "b" => Some(8),
            "t" => Some(b'\t'),
            "n" => Some(b'\n'),
            "v" => Some(11),
            "f" => Some(12),
            "r" => Some(b'\r'),
            "e" => Some(27),
            "\\" => Some(b'\\'),
            "'" => Some(b'\''),
            "\"" => Some(b'"'),
            _ => None,
        };
    }
    const NAMES: [&str; 33] = [
        "NUL", "SOH", "STX", "ETX", "EOT", "ENQ", "ACK", "BEL", "BS", "HT", "LF", "VT", "FF", "CR", "SO", "SI", "DLE",
        "DC1", "DC2", "DC3", "DC4", "NAK", "SYN", "ETB", "CAN", "EM", "SUB", "ESC", "FS", "GS", "RS", "US", "SP",
    ];
    let bare = cell.strip_prefix('[').and_then(|cell| cell.strip_suffix(']'));
    let bare = bare.or_else(|| cell.strip_prefix('<').and_then(|cell| cell.strip_suffix('>'))).unwrap_or(cell);
    let bare = bare.to_ascii_uppercase();
    match bare.as_str() {
        "COMMA" => Some(b','),
        "SPACE" => Some(b' '),
        "TAB" => Some(b'\t'),
        "DEL" => Some(0x7F),
        "QUOTE" => Some(b'"'),
        bare => NAMES.iter().position(|name| *name == bare).and_then(|code| u8::try_from(code).ok()),
    }
}

/// Reads a time: seconds with or without a sign, or a date of ISO 8601; in nanoseconds, and whether it is since 1970.
pub(in crate::capture) fn moment(cell: &str) -> Option<(i128, bool)> {
    let cell = cell.trim();
    if cell.contains('T') {
        return date(cell).map(|nanos| (nanos, true));
    }
    let (sign, digits) = cell.strip_prefix('-').map_or((1, cell), |digits| (-1, digits));
    let digits = digits.strip_prefix('+').unwrap_or(digits);
    Some((i128::from(seconds(digits.as_bytes())?.as_nanos()) * sign, false))
}

/// Reads `2026-03-04T05:06:07.123456789+01:00` as nanoseconds since 1970.
fn date(text: &str) -> Option<i128> {
    let (day, clock) = text.split_once('T')?;
    let mut parts = day.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    let at = clock.find(['Z', '+', '-']).unwrap_or(clock.len());
    let (clock, zone) = clock.split_at_checked(at)?;
    let mut parts = clock.splitn(3, ':');
    let (hour, minute) = (parts.next()?.parse::<i64>().ok()?, parts.next()?.parse::<i64>().ok()?);
    let second = Time::parse_secs(parts.next()?)?;
    let zone = match zone {
        "" | "Z" => 0,
        zone => {
            let sign = if zone.starts_with('-') { -1 } else { 1 };
            let digits: String = zone.chars().filter(char::is_ascii_digit).collect();
            let (hours, minutes) = digits.split_at_checked(2)?;
            let minutes = if minutes.is_empty() { 0 } else { minutes.parse::<i64>().ok()? };
            sign * (hours.parse::<i64>().ok()? * 60 + minutes)
        }
    };
    if !(1970..=9999).contains(&year)
        || !(1..=12).contains(&month)
        || !(1..=31).contains(&day)
        || hour > 24
        || minute > 59
    {
        return None;
    }
    // Days since 1970 in the calendar that counts from March, so that the leap day is the last of the year.
    let (year, month) = if month < 3 { (year - 1, month + 9) } else { (year, month - 3) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1 - 719_468;
    let minutes = (days * 24 + hour) * 60 + minute - zone;
    Some(i128::from(minutes) * 60_000_000_000 + i128::from(second.as_nanos()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_radix_is_read() {
        use Value::{Byte, Decimal, Digit, Glyph};
        for (cell, expected) in [
            ("0x41", Byte(0x41)),
            ("0x0D", Byte(13)),
            ("65", Decimal(65)),
            ("5", Digit(5)),
            ("013", Decimal(13)),
            ("0b01000001", Byte(0x41)),
            ("0b  0100 0001", Byte(0x41)),
            ("A", Glyph(b'A')),
            (" ", Glyph(b' ')),
            ("' '", Glyph(b' ')),
            ("'13'", Glyph(13)),
            ("'A'", Glyph(b'A')),
            ("'\\r'", Glyph(13)),
            ("\\r", Glyph(13)),
            ("\\n", Glyph(10)),
            ("\\\\", Glyph(b'\\')),
            ("\\", Glyph(b'\\')),
            ("\\x1b", Glyph(27)),
            ("COMMA", Glyph(b',')),
            (",", Glyph(b',')),
            ("\"", Glyph(b'"')),
            ("'", Glyph(b'\'')),
            ("[CR]", Glyph(13)),
            ("<LF>", Glyph(10)),
            ("NUL", Glyph(0)),
            ("A (0x41)", Byte(0x41)),
            ("'13' (0x0D)", Byte(13)),
            ("( (0x28)", Byte(0x28)),
            ("\u{E9}", Glyph(0xE9)),
        ] {
            assert_eq!(value(cell), Some(expected), "{cell}");
        }
        for cell in ["", "256", "0x100", "0b", "0x", "hello", "\\q", "''", "\u{20AC}"] {
            assert_eq!(value(cell), None, "{cell}");
        }
    }

    #[test]
    fn rows_are_split() {
        assert_eq!(
            split("\"Async, Serial\",\"data\",0.1,2e-05,\"\"\"\",\"\""),
            ["Async, Serial", "data", "0.1", "2e-05", "\"", ""]
        );
        assert_eq!(split("a,\",\",b"), ["a", ",", "b"]);
        assert_eq!(split("a,\"\"\""), ["a", "\""]);
        assert_eq!(split("a,\",b"), ["a", "\"", "b"]);
    }

    #[test]
    fn times_are_read() {
        assert_eq!(moment("0.5"), Some((500_000_000, false)));
        assert_eq!(moment("-1.25e-3"), Some((-1_250_000, false)));
        assert_eq!(moment("1970-01-02T00:00:01.5Z"), Some((86_401_500_000_000, true)));
        assert_eq!(moment("2024-02-29T12:00:00+01:00"), Some((1_709_204_400_000_000_000, true)));
        for bad in ["", "x", "2024-13-01T00:00:00Z", "2024-01-01T", "1e99"] {
            assert_eq!(moment(bad), None, "{bad}");
        }
    }
}
