//! The grammar of a whole command line (ITU-T V.250 §5.2, 3GPP TS 27.007 §4): `AT`, then basic and extended commands.

use std::ops::Range;

use nom::bytes::complete::{tag_no_case, take_while, take_while1};
use nom::character::complete::{one_of, satisfy};
use nom::combinator::recognize;
use nom::{IResult, Parser};

use crate::session::Form;

/// One command of a line. Ranges count from the start of the line's content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    /// The bytes that belong to it: from the end of the one before to its end, separator included.
    pub(crate) all: Range<usize>,
    pub(crate) name: Range<usize>,
    pub(crate) form: Form,
    /// What stands behind `=`, or behind the letter of a basic command.
    pub(crate) args: Range<usize>,
}

/// Characters that start an extended command: `+` of the standards, the others of vendors.
const EXTENDED: &str = "+*^$%#@!";

fn at_prefix(input: &[u8]) -> IResult<&[u8], &[u8]> {
    tag_no_case("AT").parse(input)
}

fn extended_name(input: &[u8]) -> IResult<&[u8], &[u8]> {
    recognize((one_of(EXTENDED), take_while(|b: u8| b.is_ascii_alphanumeric() || b"_-./:!%".contains(&b)))).parse(input)
}

/// `S3`, `&F`, `\Q`, `E`; a run of three letters or more is one name: no standard has such, and vendors do.
fn basic_name(input: &[u8]) -> IResult<&[u8], &[u8]> {
    let register = recognize((one_of("Ss"), take_while1(|b: u8| b.is_ascii_digit())));
    let prefixed = recognize((one_of("&\\"), satisfy(|c| c.is_ascii_alphabetic())));
    let letter = recognize(satisfy(|c| c.is_ascii_alphabetic()));
    let run = input.iter().take_while(|b| b.is_ascii_alphabetic()).count();
    if run >= 3 && !matches!(input.first(), Some(b'D' | b'd')) {
        let (name, rest) = input.split_at_checked(run).unwrap_or((input, &[]));
        return Ok((rest, name));
    }
    nom::branch::alt((register, prefixed, letter)).parse(input)
}

/// Whether a line's content is a command line: it starts with `AT`, in any case, and what follows may start a command.
pub(crate) fn is_command(content: &[u8]) -> bool {
    match at_prefix(content) {
        Ok((body, _)) => match body.first() {
            None => true,
            Some(b) => b.is_ascii_alphabetic() || EXTENDED.as_bytes().contains(b) || b"&\\ ?=;".contains(b),
        },
        Err(_) => content.eq_ignore_ascii_case(b"A/"),
    }
}

/// Reads a command line; `out` gets its commands, at least one. `content` must satisfy [`is_command`].
pub(crate) fn parts(content: &[u8], out: &mut Vec<Part>) {
    match usual(content) {
        Some(part) => out.push(part),
        None => general(content, out),
    }
}

fn general(content: &[u8], out: &mut Vec<Part>) {
    let first = out.len();
    let offset = |rest: &[u8]| content.len() - rest.len();
    let mut rest = match at_prefix(content) {
        Ok((body, _)) => body,
        Err(_) => {
            // `A/` repeats the last command line (V.250 §5.2.4); its name is the whole of it.
            out.push(Part { all: 0..content.len(), name: 0..content.len(), form: Form::Execute, args: 0..0 });
            return;
        }
    };
    let mut start = 0;
    loop {
        rest = skip_blanks(rest);
        if rest.is_empty() {
            break;
        }
        let (name_start, extended) = (offset(rest), rest.first().is_some_and(|b| EXTENDED.as_bytes().contains(b)));
        let named = if extended { extended_name(rest) } else { basic_name(rest) };
        let Ok((behind, name)) = named else { break };
        let name_range = name_start..name_start + name.len();
        let (form, args, after) = match extended {
            true => extended_args(behind),
            false => basic_args(name, behind),
        };
        let args = args.map_or(0..0, |args| {
            let end = offset(after_args(behind, args));
            end - args.len()..end
        });
        let more = skip_separator(after);
        // Behind an extended command only a `;` starts another one (V.250 §5.4.1).
        let after = if extended && more.len() == after.len() { &[] } else { more };
        out.push(Part { all: start..offset(after), name: name_range, form, args });
        start = offset(after);
        rest = after;
    }
    if start < content.len() || out.len() == first {
        // What no rule claims belongs to the last command; a bare `AT` is a command of its own.
        match out.get_mut(first..).and_then(<[Part]>::last_mut) {
            Some(last) => {
                last.all.end = content.len();
                if last.form == Form::Execute && last.args.is_empty() {
                    last.args = start..content.len();
                }
            }
            None => {
                let body = offset(skip_blanks(rest));
                out.push(Part {
                    all: 0..content.len(),
                    name: body..body,
                    form: Form::Execute,
                    args: body..content.len(),
                });
            }
        }
    }
}

/// `AT+NAME`, `AT+NAME?`, `AT+NAME=?` or `AT+NAME=…` with nothing else on the line: no grammar is needed to tell its parts.
/// `None`: it takes a closer look.
fn usual(content: &[u8]) -> Option<Part> {
    let [b'A' | b'a', b'T' | b't', b'+', rest @ ..] = content else { return None };
    let len = rest.iter().position(|b| !(b.is_ascii_alphanumeric() || *b == b'_')).unwrap_or(rest.len());
    let (name, all) = (2..3 + len, 0..content.len());
    let (form, args) = match rest.get(len..)? {
        [] => (Form::Execute, 0..0),
        b"?" => (Form::Read, 0..0),
        b"=?" => (Form::Test, 0..0),
        [b'=', first, args @ ..] if !b"? \t;".contains(first) && memchr::memchr(b';', args).is_none() => {
            (Form::Set, 4 + len..content.len())
        }
        _ => return None,
    };
    Some(Part { all, name, form, args })
}

/// What follows `args` within `behind`.
fn after_args<'a>(behind: &'a [u8], args: &[u8]) -> &'a [u8] {
    let start = args.as_ptr() as usize - behind.as_ptr() as usize;
    behind.get(start + args.len()..).unwrap_or_default()
}

fn skip_blanks(input: &[u8]) -> &[u8] {
    let blanks = input.iter().take_while(|b| b" \t".contains(b)).count();
    input.get(blanks..).unwrap_or_default()
}

fn skip_separator(input: &[u8]) -> &[u8] {
    match skip_blanks(input).split_first() {
        Some((b';', rest)) => rest,
        _ => input,
    }
}

type Args<'a> = (Form, Option<&'a [u8]>, &'a [u8]);

fn extended_args(behind: &[u8]) -> Args<'_> {
    let trimmed = skip_blanks(behind);
    match trimmed.split_first() {
        Some((b'?', rest)) => (Form::Read, None, rest),
        Some((b'=', rest)) => {
            let inner = skip_blanks(rest);
            if let Some((b'?', tail)) = inner.split_first()
                && matches!(skip_blanks(tail).first(), None | Some(b';'))
            {
                return (Form::Test, None, tail);
            }
            let end = args_end(rest);
            let (args, tail) = rest.split_at_checked(end).unwrap_or((rest, &[]));
            (Form::Set, Some(args), tail)
        }
        _ => (Form::Execute, None, behind),
    }
}

fn basic_args<'a>(name: &[u8], behind: &'a [u8]) -> Args<'a> {
    if name.eq_ignore_ascii_case(b"D") {
        let end = memchr::memchr(b';', behind).unwrap_or(behind.len());
        let (args, tail) = behind.split_at_checked(end).unwrap_or((behind, &[]));
        return (Form::Execute, Some(args), tail);
    }
    match behind.split_first() {
        Some((b'=' | b'?', _)) => extended_args(behind),
        _ => {
            let digits = behind.iter().take_while(|b| b.is_ascii_digit()).count();
            let (args, tail) = behind.split_at_checked(digits).unwrap_or((behind, &[]));
            (Form::Execute, Some(args), tail)
        }
    }
}

/// Parameters end at a `;` outside of quotes, if another command or nothing follows it.
fn args_end(input: &[u8]) -> usize {
    let mut quoted = false;
    let mut escaped = false;
    let mut words = false;
    for (at, &byte) in input.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b';' if !quoted => {
                let next = skip_blanks(input.get(at + 1..).unwrap_or_default());
                if next.first().is_none_or(|b| EXTENDED.as_bytes().contains(b) || *b == b'&')
                    || !words && starts_basic(next)
                {
                    return at;
                }
            }
            _ => words |= !quoted && byte.is_ascii_alphabetic(),
        }
    }
    input.len()
}

/// Whether basic commands follow, up to the next `;`: letters with their numbers (`E0V1`, `H`, `S0=1`). Behind parameters with words
/// outside of quotes, such as an address, they are taken for text.
fn starts_basic(input: &[u8]) -> bool {
    /// Longer chains are no command line that anybody writes.
    const MOST: usize = 64;
    let one = input.get(..MOST).unwrap_or(input).split(|&b| b == b';').next().unwrap_or_default().trim_ascii_end();
    let mut rest = one;
    while let Some((letter, behind)) = rest.split_first() {
        let digits = behind.iter().take_while(|b| b.is_ascii_digit()).count();
        rest = behind.get(digits..).unwrap_or_default();
        if !letter.is_ascii_alphabetic() {
            return false;
        }
        if let [b'?' | b'=', ..] = rest {
            return letter.eq_ignore_ascii_case(&b'S') && digits > 0;
        }
    }
    !one.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(line: &str) -> Vec<String> {
        let mut out = Vec::new();
        parts(line.as_bytes(), &mut out);
        let joined: String = out.iter().map(|part| &line[part.all.clone()]).collect();
        assert_eq!(joined, line, "the parts tile the line");
        out.iter().map(|p| format!("{} {} {}", &line[p.name.clone()], p.form.as_str(), &line[p.args.clone()])).collect()
    }

    #[test]
    fn command_lines() {
        assert_eq!(shown("AT"), [" execute "]);
        assert_eq!(shown("ATE0"), ["E execute 0"]);
        assert_eq!(
            shown("ate0v1&f+cmee=2;+creg?;+x=?"),
            ["e execute 0", "v execute 1", "&f execute ", "+cmee set 2", "+creg read ", "+x test "]
        );
        assert_eq!(shown("AT+CWJAP=\"a;+b\",\"c\""), ["+CWJAP set \"a;+b\",\"c\""]);
        assert_eq!(shown("AT+CIPETHMAC =\"1a\""), ["+CIPETHMAC set \"1a\""]);
        assert_eq!(shown("ATS3=13"), ["S3 set 13"]);
        assert_eq!(shown("ATD+491234;"), ["D execute +491234"]);
        assert_eq!(shown("A/"), ["A/ execute "]);
        assert_eq!(shown("AT+HTTPPARA=\"URL\",http://a/b;c=1"), ["+HTTPPARA set \"URL\",http://a/b;c=1"]);
        assert_eq!(shown("AT+CREG=2;E0"), ["+CREG set 2", "E execute 0"]);
        assert_eq!(shown("AT+CMGF=1;H"), ["+CMGF set 1", "H execute "]);
        assert_eq!(
            shown("AT+CSCS=\"GSM\";E0V1;+CSQ"),
            ["+CSCS set \"GSM\"", "E execute 0", "V execute 1", "+CSQ execute "]
        );
        assert_eq!(shown("AT+X=a;b"), ["+X set a;b"]);
        assert_eq!(shown("AT+A ; +B"), ["+A execute ", "+B execute "]);
        assert_eq!(shown("AT?"), [" execute ?"]);
        assert_eq!(shown("AT+CWMODE?x"), ["+CWMODE read "]);
    }

    #[test]
    fn usual_lines_are_read_as_the_grammar_reads_them() {
        for line in ["AT+X", "at+x?", "AT+X=?", "AT+X=1,\"a\"", "AT+X_1=-1", "AT+X==", "AT+X=\"?\"", "AT+X=,1"] {
            let (part, mut out) = (usual(line.as_bytes()), Vec::new());
            general(line.as_bytes(), &mut out);
            assert_eq!(part.as_slice(), out, "{line}");
        }
        for line in ["AT", "AT+X;+Y", "AT+X=1;+Y", "AT+X=", "AT+X= 1", "AT+X?1", "AT+X-Y", "ATE0", "AT^X", "AT+X =1"] {
            assert_eq!(usual(line.as_bytes()), None, "{line}");
        }
    }

    #[test]
    fn what_is_a_command() {
        for yes in [&b"AT"[..], b"at+x", b"AtE0", b"A/", b"AT*X", b"AT&F", b"AT ", b"AT\\Q1"] {
            assert!(is_command(yes), "{yes:?}");
        }
        for no in [&b""[..], b"A", b"+AT", b"AT\x01", b"OK"] {
            assert!(!is_command(no), "{no:?}");
        }
    }
}
