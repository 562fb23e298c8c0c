//! Values of parameters: numbers, strings, addresses, hex strings, range lists. Complete grammar: each reads a whole field.

use nom::branch::alt;
use nom::bytes::complete::{is_not, tag, take_till, take_while_m_n};
use nom::character::complete::{char, space0};
use nom::combinator::{all_consuming, map, map_opt, opt, recognize};
use nom::multi::separated_list0;
use nom::sequence::{delimited, preceded, separated_pair};
use nom::{IResult, Parser};

/// A decimal number with an optional sign. The hot path of every field: no combinator, no allocation.
#[inline]
pub(crate) fn decimal(raw: &[u8]) -> Option<i64> {
    let (negative, digits) = match raw.split_first() {
        Some((b'-', rest)) => (true, rest),
        Some((b'+', rest)) => (false, rest),
        _ => (false, raw),
    };
    if digits.is_empty() || digits.len() > 18 {
        return None;
    }
    let mut number = 0_i64;
    for &digit in digits {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        number = number * 10 + i64::from(digit);
    }
    Some(if negative { -number } else { number })
}

/// A number with `0x` ahead of it.
pub(crate) fn hexadecimal(raw: &[u8]) -> Option<i64> {
    let digits = raw.strip_prefix(b"0x").or_else(|| raw.strip_prefix(b"0X"))?;
    if digits.is_empty() || digits.len() > 15 {
        return None;
    }
    digits.iter().try_fold(0_i64, |number, &digit| Some(number << 4 | i64::from(char::from(digit).to_digit(16)?)))
}

/// A number with a fraction.
pub(crate) fn float(raw: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(raw).ok()?;
    // `inf`, `nan` and exponents are numbers to Rust, but to no module.
    if text.bytes().all(|b| b.is_ascii_digit() || b"+-.".contains(&b)) { text.parse().ok() } else { None }
}

/// Whether the text is an IPv4 or IPv6 address.
#[inline]
pub(crate) fn is_ip(raw: &[u8]) -> bool {
    let mut dots = 0;
    let mut value = 0_u32;
    let mut digits = 0;
    for &byte in raw {
        match byte {
            b'0'..=b'9' => {
                value = value * 10 + u32::from(byte - b'0');
                digits += 1;
                if digits > 3 || value > 255 {
                    return false;
                }
            }
            b'.' if digits > 0 => {
                dots += 1;
                value = 0;
                digits = 0;
            }
            _ => return std::str::from_utf8(raw).is_ok_and(|text| text.parse::<std::net::Ipv6Addr>().is_ok()),
        }
    }
    dots == 3 && digits > 0
}

fn hex_pair(input: &[u8]) -> IResult<&[u8], u8> {
    map_opt(take_while_m_n(2, 2, |b: u8| b.is_ascii_hexdigit()), |pair: &[u8]| {
        pair.iter().try_fold(0_u8, |byte, &digit| Some(byte << 4 | char::from(digit).to_digit(16)? as u8))
    })
    .parse(input)
}

/// A MAC address: six pairs of hex digits with `:` or `-` in between.
pub(crate) fn mac(raw: &[u8]) -> Option<[u8; 6]> {
    let mut mac = [0; 6];
    if raw.len() != 17 {
        return None;
    }
    for (byte, group) in mac.iter_mut().zip(raw.chunks(3)) {
        match *group {
            [high, low, b':' | b'-'] | [high, low] => *byte = nibble(high)? << 4 | nibble(low)?,
            _ => return None,
        }
    }
    Some(mac)
}

#[inline]
fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// Pairs of hex digits and nothing else.
pub(crate) fn hex_pairs(raw: &[u8]) -> Option<Vec<u8>> {
    raw.chunks(2).map(|pair| hex_pair(pair).ok().filter(|(rest, _)| rest.is_empty()).map(|(_, byte)| byte)).collect()
}

/// How many pairs of hex digits there are, if there is nothing else.
pub(crate) fn hex_len(raw: &[u8]) -> Option<usize> {
    (raw.len().is_multiple_of(2) && raw.iter().all(u8::is_ascii_hexdigit)).then_some(raw.len() / 2)
}

/// An item of a range list.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum RangeItem<'a> {
    /// `(…)`: a list of its own.
    List(Vec<RangeItem<'a>>),
    /// `3`
    Number(i64),
    /// `0-3`
    Span(i64, i64),
    /// `"URL"`, `<len>`, or any other word, as it stands.
    Word(&'a [u8]),
}

const MAX_DEPTH: usize = 8;

/// Reads a range list: `(0-3)`, `(0,2-4),("A","B")`, `[(0-10),(1-10)]`; `None` where it is none.
pub(crate) fn range_list(raw: &[u8]) -> Option<Vec<RangeItem<'_>>> {
    all_consuming(|input| items(input, MAX_DEPTH)).parse(raw).ok().map(|(_, items)| items)
}

fn items(input: &[u8], depth: usize) -> IResult<&[u8], Vec<RangeItem<'_>>> {
    let comma = delimited(space0, char(','), space0);
    separated_list0(comma, |input| item(input, depth)).parse(input)
}

fn item(input: &[u8], depth: usize) -> IResult<&[u8], RangeItem<'_>> {
    let Some(deeper) = depth.checked_sub(1) else {
        return Err(nom::Err::Error(nom::error::Error::new(input, nom::error::ErrorKind::TooLarge)));
    };
    let inner = |input| items(input, deeper);
    alt((
        map(delimited((char('('), space0), inner, (space0, char(')'))), RangeItem::List),
        map(delimited((char('['), space0), |input| items(input, deeper), (space0, char(']'))), RangeItem::List),
        map(recognize((char('"'), take_till(|b| b == b'"'), char('"'))), RangeItem::Word),
        map(recognize((char('<'), take_till(|b| b == b'>'), char('>'))), RangeItem::Word),
        map(separated_pair(number, alt((tag("-"), tag("~"), tag(".."))), number), |(low, high)| {
            RangeItem::Span(low, high)
        }),
        map((number, nom::combinator::peek(nom::combinator::not(word))), |(number, ())| RangeItem::Number(number)),
        map(word, RangeItem::Word),
    ))
    .parse(input)
}

fn word(input: &[u8]) -> IResult<&[u8], &[u8]> {
    is_not(",()[]\"<>").parse(input)
}

fn number(input: &[u8]) -> IResult<&[u8], i64> {
    let digits = recognize((opt(char('-')), take_while_m_n(1, 18, |b: u8| b.is_ascii_digit())));
    let hex = recognize(preceded(alt((tag("0x"), tag("0X"))), take_while_m_n(1, 15, |b: u8| b.is_ascii_hexdigit())));
    alt((map_opt(hex, hexadecimal), map_opt(digits, decimal))).parse(input)
}

#[cfg(test)]
mod tests {
    use super::RangeItem::{List, Number, Span, Word};
    use super::*;

    #[test]
    fn numbers() {
        assert_eq!(decimal(b"-11"), Some(-11));
        assert_eq!(decimal(b"0004"), Some(4));
        for bad in [&b""[..], b"-", b"1a", b"1 ", b"9999999999999999999"] {
            assert_eq!(decimal(bad), None);
        }
        assert_eq!(hexadecimal(b"0x4000"), Some(0x4000));
        assert_eq!(hexadecimal(b"4000"), None);
        assert_eq!(float(b"12.5"), Some(12.5));
        assert_eq!(float(b"inf"), None);
    }

    #[test]
    fn addresses() {
        assert_eq!(mac(b"1a:fe:35:98:d3:7b"), Some([0x1a, 0xfe, 0x35, 0x98, 0xd3, 0x7b]));
        for bad in [&b"1a:fe:35:98:d3"[..], b"1a:fe:35:98:d3:7b:00", b"1a:fe:35:98:d3:7", b"1afe3598d37b", b""] {
            assert_eq!(mac(bad), None);
        }
        assert_eq!(hex_pairs(b"1122fF"), Some(vec![0x11, 0x22, 0xff]));
        assert_eq!(hex_pairs(b"112"), None);
        assert_eq!(hex_len(b"1122"), Some(2));
    }

    #[test]
    fn ip_addresses() {
        for yes in [&b"192.168.4.1"[..], b"0.0.0.0", b"255.255.255.255", b"fe80::1", b"::ffff:1.2.3.4"] {
            assert!(is_ip(yes), "{yes:?}");
        }
        for no in
            [&b""[..], b"1.2.3", b"1.2.3.256", b"1.2.3.4.5", b"1..3.4", b"1.2.3.", b"a.b.c.d", b"1234.1.1.1", b"host"]
        {
            assert!(!is_ip(no), "{no:?}");
        }
    }

    #[test]
    fn range_lists() {
        assert_eq!(range_list(b"(0-3)"), Some(vec![List(vec![Span(0, 3)])]));
        assert_eq!(
            range_list(b"(0,2-4), (\"A\",\"B\")"),
            Some(vec![List(vec![Number(0), Span(2, 4)]), List(vec![Word(b"\"A\""), Word(b"\"B\"")])])
        );
        assert_eq!(
            range_list(b"[(0-10),(1-10)]"),
            Some(vec![List(vec![List(vec![Span(0, 10)]), List(vec![Span(1, 10)])])])
        );
        assert_eq!(range_list(b"<filename>,2G"), Some(vec![Word(b"<filename>"), Word(b"2G")]));
        assert_eq!(range_list(b"(0-3"), None);
        assert_eq!(range_list("(".repeat(100_000).as_bytes()), None);
    }
}
