//! # malformed-command
//! **Reports** a command whose syntax is broken: a quote that nothing closes, curly quotes, bytes behind a closing quote.
//! **Matters because** modules answer such a line with `ERROR`, or take it for something else without a word.
//! **Silent when** the recording ends within the command.
//! **Example** `@0.0 > AT+CWJAP="home,"secret"\r\n`
//! **Way out** close every quote, use the ASCII `"`, and escape quotes inside strings where the dialect has escapes.

use super::{About, Report};
use crate::session::Facts;

const CURLY: [&[u8]; 4] = ["\u{201C}".as_bytes(), "\u{201D}".as_bytes(), "\u{2018}".as_bytes(), "\u{2019}".as_bytes()];

/// Whether it found something.
pub(super) fn check(about: &About<'_>, facts: &Facts<'_>, args: &[u8], start: usize, report: Report<'_>) -> bool {
    if memchr::memchr2(b'"', 0xE2, args).is_none() {
        return false;
    }
    let Some((at, len, what)) = broken(args, facts.catalog.escapes) else { return false };
    report(
        about
            .finding(super::Rule::MalformedCommand, what.to_owned())
            .at(start + at..start + at + len)
            .cite(about.cite(facts))
            .0,
    );
    true
}

/// Where the syntax breaks, over how many bytes, and how.
fn broken(args: &[u8], escapes: bool) -> Option<(usize, usize, &'static str)> {
    let mut at = 0;
    let mut field_start = true;
    while let Some(&byte) = args.get(at) {
        match byte {
            b'"' if field_start => {
                let end = closing(args, at, escapes);
                let Some(end) = end else { return Some((at, args.len() - at, "the string is never closed")) };
                let behind = args.get(end + 1..).unwrap_or_default();
                let blanks = behind.iter().take_while(|&&b| b == b' ').count();
                if behind.get(blanks).is_some_and(|&b| b != b',') {
                    let len = behind.iter().position(|&b| b == b',').unwrap_or(behind.len());
                    return Some((end + 1, len, "bytes stand behind the closing quote"));
                }
                at = end;
                field_start = false;
            }
            b',' => field_start = true,
            b' ' => {}
            b'"' => return Some((at, 1, "a quote stands inside an unquoted value")),
            0xE2 if CURLY.iter().any(|curly| args.get(at..).is_some_and(|rest| rest.starts_with(curly))) => {
                return Some((at, 3, "a curly quote stands where an ASCII quote belongs"));
            }
            _ => field_start = false,
        }
        at += 1;
    }
    None
}

fn closing(args: &[u8], open: usize, escapes: bool) -> Option<usize> {
    let mut at = open + 1;
    loop {
        let rest = args.get(at..)?;
        let found = at + if escapes { memchr::memchr2(b'"', b'\\', rest)? } else { memchr::memchr(b'"', rest)? };
        if args.get(found) == Some(&b'"') {
            return Some(found);
        }
        at = found + 2;
    }
}

#[cfg(test)]
mod tests {
    use super::broken;

    #[test]
    fn broken_syntax_is_found_where_it_breaks() {
        assert_eq!(broken(b"1,\"abc\",2", true), None);
        assert_eq!(broken(br#""a\"b",1"#, true), None);
        assert_eq!(broken(b"1,\"abc", true).map(|b| b.0), Some(2));
        assert_eq!(broken(b"\"abc\"d,1", false).map(|b| (b.0, b.1)), Some((5, 1)));
        assert_eq!(broken("\u{201C}abc\u{201D}".as_bytes(), false).map(|b| b.0), Some(0));
        assert_eq!(broken(b"ab\"c", false).map(|b| b.0), Some(2));
    }
}
