//! The grammar of TOML 1.1: from text to a [`Tree`], in one pass.
//!
//! Refuses what is no TOML, with the place. Dates are told by their shape alone: no catalog has one. What tables are,
//! and who may add to them, is the [`Grower`]'s.

use std::borrow::Cow;

use super::source::parse_int;
use super::tree::{Content, Grower, Tree, Wrong};

/// Deeper nesting than any catalog has; values recurse.
const MAX_DEPTH: usize = 80;

/// Reads the grammar of TOML 1.1.
pub(super) struct Scanner<'i> {
    text: &'i str,
    at: usize,
    grower: Grower<'i>,
}

impl<'i> Scanner<'i> {
    pub(super) fn new(text: &'i str) -> Self {
        let at = if text.starts_with('\u{FEFF}') { '\u{FEFF}'.len_utf8() } else { 0 };
        Self { text, at, grower: Grower::new() }
    }

    fn bytes(&self) -> &'i [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn accept(&mut self, wanted: &str) -> bool {
        let found = self.bytes().starts_with(wanted.as_bytes());
        if found {
            self.at += wanted.len();
        }
        found
    }

    /// The text from a place up to here.
    fn since(&self, start: usize) -> &'i str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    fn wrong<T>(&self, message: impl Into<String>) -> Result<T, Wrong> {
        Err(Wrong::new(self.at, message))
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t')) {
            self.at += 1;
        }
    }

    /// Passes over blanks, comments and line ends.
    fn gap(&mut self) -> Result<(), Wrong> {
        loop {
            self.blanks();
            match self.peek() {
                Some(b'\n') => self.at += 1,
                Some(b'\r') if self.bytes().starts_with(b"\r\n") => self.at += 2,
                Some(b'#') => self.comment()?,
                _ => return Ok(()),
            }
        }
    }

    /// Passes over a comment, up to its line's end.
    fn comment(&mut self) -> Result<(), Wrong> {
        let line = self.bytes();
        let line = memchr::memchr(b'\n', line).and_then(|end| line.get(..end)).unwrap_or(line);
        let text = line.strip_suffix(b"\r").unwrap_or(line);
        if let Some(bad) = text.iter().position(|&byte| is_control(byte) && byte != b'\t') {
            self.at += bad;
            return self.wrong("invalid comment character");
        }
        self.at += text.len();
        Ok(())
    }

    /// Reads the whole text.
    pub(super) fn document(mut self) -> Result<Tree<'i>, Wrong> {
        loop {
            self.gap()?;
            match self.peek() {
                None => return Ok(self.grower.finish()),
                Some(b'[') => self.header()?,
                Some(_) => self.pair(0)?,
            }
            self.blanks();
            if self.peek() == Some(b'#') {
                self.comment()?;
            }
            if !matches!(self.peek(), None | Some(b'\n')) && !self.bytes().starts_with(b"\r\n") {
                return self.wrong("unexpected key or value, expected newline, `#`");
            }
        }
    }

    /// `[a.b]` or `[[a.b]]`
    fn header(&mut self) -> Result<(), Wrong> {
        let start = self.at;
        let array = self.accept("[[");
        self.at += usize::from(!array);
        self.path()?;
        if !self.accept(if array { "]]" } else { "]" }) {
            return self.wrong(if array {
                "unclosed array table, expected `]]`"
            } else {
                "unclosed table, expected `]`"
            });
        }
        self.grower.enter(start, array)
    }

    /// `a.b = …`
    fn pair(&mut self, depth: usize) -> Result<(), Wrong> {
        self.path()?;
        if !self.accept("=") {
            return self.wrong("key with no value, expected `=`");
        }
        self.grower.keyed()?;
        self.blanks();
        self.value(depth)
    }

    /// A key with its dots; blanks around the parts are passed over.
    fn path(&mut self) -> Result<(), Wrong> {
        self.grower.start();
        loop {
            self.blanks();
            let at = self.at;
            let name = match self.peek() {
                Some(b'"') => self.basic()?,
                Some(b'\'') => Cow::Borrowed(self.literal()?),
                _ => {
                    while self.peek().is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-') {
                        self.at += 1;
                    }
                    if self.at == at {
                        return self.wrong("invalid key, expected letters, digits, `_`, `-`, or a string in quotes");
                    }
                    Cow::Borrowed(self.since(at))
                }
            };
            self.grower.part(name, at);
            self.blanks();
            if !self.accept(".") {
                return Ok(());
            }
        }
    }

    fn value(&mut self, depth: usize) -> Result<(), Wrong> {
        let at = self.at;
        let content = match self.peek() {
            Some(b'"') if self.bytes().starts_with(b"\"\"\"") => Content::Text(self.long_basic()?),
            Some(b'"') => Content::Text(self.basic()?),
            Some(b'\'') if self.bytes().starts_with(b"\'\'\'") => Content::Text(Cow::Borrowed(self.long_literal()?)),
            Some(b'\'') => Content::Text(Cow::Borrowed(self.literal()?)),
            Some(b'[' | b'{') if depth >= MAX_DEPTH => return self.wrong("values are nested too deep"),
            Some(open @ (b'[' | b'{')) => return self.container(open == b'{', depth),
            _ => self.bare()?,
        };
        self.grower.value(at, content);
        Ok(())
    }

    /// An array or an inline table.
    fn container(&mut self, table: bool, depth: usize) -> Result<(), Wrong> {
        let close = if table { "}" } else { "]" };
        self.grower.open(self.at, table);
        self.at += 1;
        loop {
            self.gap()?;
            if self.accept(close) {
                break;
            }
            match table {
                true => self.pair(depth + 1)?,
                false => self.value(depth + 1)?,
            }
            self.gap()?;
            if !self.accept(",") && self.peek() != close.bytes().next() {
                return self.wrong(match table {
                    true => "unclosed inline table, expected `,`, `}`",
                    false => "unclosed array, expected `,`, `]`",
                });
            }
        }
        self.grower.close();
        Ok(())
    }

    /// `'…'`
    fn literal(&mut self) -> Result<&'i str, Wrong> {
        self.at += 1;
        let start = self.at;
        loop {
            match self.peek() {
                Some(b'\'') => {
                    let text = self.since(start);
                    self.at += 1;
                    return Ok(text);
                }
                Some(byte) if !is_control(byte) || byte == b'\t' => self.at += 1,
                _ => return self.wrong("invalid literal string, expected `'`"),
            }
        }
    }

    /// `"…"`
    fn basic(&mut self) -> Result<Cow<'i, str>, Wrong> {
        self.at += 1;
        let mut start = self.at;
        let mut text = Cow::Borrowed("");
        loop {
            let rest = self.bytes();
            self.at += rest.iter().position(|&byte| ends_run(byte)).unwrap_or(rest.len());
            match self.peek() {
                Some(b'"') => {
                    append(&mut text, self.since(start));
                    self.at += 1;
                    return Ok(text);
                }
                Some(b'\\') => {
                    append(&mut text, self.since(start));
                    let c = self.escape()?;
                    text.to_mut().push(c);
                    start = self.at;
                }
                _ => return self.wrong("invalid basic string, expected `\"`"),
            }
        }
    }

    /// What stands behind three quotes ahead of the text: a line end there is not part of it.
    fn long_start(&mut self) {
        self.at += 3;
        if !self.accept("\r\n") {
            self.accept("\n");
        }
    }

    /// Whether a long string ends here: up to two quotes ahead of the last three are part of it.
    fn long_end(&mut self, start: usize, quote: u8) -> Option<&'i str> {
        let count = self.bytes().iter().take(5).take_while(|&&byte| byte == quote).count();
        if count < 3 {
            self.at += count;
            return None;
        }
        self.at += count - 3;
        let text = self.since(start);
        self.at += 3;
        Some(text)
    }

    /// A line end, or what a text may hold anyway.
    fn long_byte(&mut self, what: &str, byte: Option<u8>) -> Result<(), Wrong> {
        match byte {
            Some(b'\r') if self.bytes().starts_with(b"\r\n") => self.at += 2,
            Some(byte) if !is_control(byte) || matches!(byte, b'\t' | b'\n') => self.at += 1,
            _ => return self.wrong(what),
        }
        Ok(())
    }

    fn long_literal(&mut self) -> Result<&'i str, Wrong> {
        self.long_start();
        let start = self.at;
        loop {
            match self.peek() {
                Some(b'\'') => {
                    if let Some(text) = self.long_end(start, b'\'') {
                        return Ok(text);
                    }
                }
                byte => self.long_byte("invalid multi-line literal string, expected `\'\'\'`", byte)?,
            }
        }
    }

    fn long_basic(&mut self) -> Result<Cow<'i, str>, Wrong> {
        self.long_start();
        let mut start = self.at;
        let mut text = Cow::Borrowed("");
        loop {
            match self.peek() {
                Some(b'"') => {
                    if let Some(rest) = self.long_end(start, b'"') {
                        append(&mut text, rest);
                        return Ok(text);
                    }
                }
                Some(b'\\') => {
                    append(&mut text, self.since(start));
                    if !self.joined()? {
                        let c = self.escape()?;
                        text.to_mut().push(c);
                    }
                    start = self.at;
                }
                byte => self.long_byte("invalid multi-line basic string, expected `\"\"\"`", byte)?,
            }
        }
    }

    /// A backslash at a line's end: it and all blanks and line ends behind it are not part of the text.
    fn joined(&mut self) -> Result<bool, Wrong> {
        let backslash = self.at;
        self.at += 1;
        self.blanks();
        if self.peek() != Some(b'\n') && !self.bytes().starts_with(b"\r\n") {
            self.at = backslash;
            return Ok(false);
        }
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n')) || self.bytes().starts_with(b"\r\n") {
            self.at += 1;
        }
        Ok(true)
    }

    fn escape(&mut self) -> Result<char, Wrong> {
        let at = self.at;
        self.at += 1;
        let digits = match self.peek() {
            Some(b'b') => return self.escaped('\u{8}'),
            Some(b't') => return self.escaped('\t'),
            Some(b'n') => return self.escaped('\n'),
            Some(b'f') => return self.escaped('\u{C}'),
            Some(b'r') => return self.escaped('\r'),
            Some(b'e') => return self.escaped('\u{1B}'),
            Some(b'"') => return self.escaped('"'),
            Some(b'\\') => return self.escaped('\\'),
            Some(b'x') => 2,
            Some(b'u') => 4,
            Some(b'U') => 8,
            _ => {
                let known = r#"`b`, `e`, `f`, `n`, `r`, `t`, `x`, `u`, `U`, `"`, `\`"#;
                return self.wrong(format!("missing escaped value, expected {known}"));
            }
        };
        self.at += 1;
        let number =
            self.text.get(self.at..self.at + digits).filter(|text| text.bytes().all(|b| b.is_ascii_hexdigit()));
        let number = number.and_then(|text| u32::from_str_radix(text, 16).ok());
        self.at += digits;
        match number.and_then(char::from_u32) {
            Some(c) => Ok(c),
            None => Err(Wrong::new(at, "invalid unicode code point")),
        }
    }

    fn escaped(&mut self, c: char) -> Result<char, Wrong> {
        self.at += 1;
        Ok(c)
    }

    /// A number, date, `true` or `false`.
    fn bare(&mut self) -> Result<Content<'i>, Wrong> {
        let start = self.at;
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"_+-.:".contains(&byte);
        loop {
            while self.peek().is_some_and(is_part) {
                self.at += 1;
            }
            // `1979-05-27 07:32:00` has a blank in it.
            let date = self.at - start == 10 && self.since(start).as_bytes().get(4) == Some(&b'-');
            if !date || !matches!(self.bytes(), [b' ', b'0'..=b'9', ..]) {
                break;
            }
            self.at += 1;
        }
        let text = self.since(start);
        match scalar(text) {
            Some(content) => Ok(content),
            None if text.is_empty() => self.wrong("string values must be quoted, expected a value"),
            None => Err(Wrong::new(start, format!("`{text}` is no value; strings must be quoted"))),
        }
    }
}

fn append<'i>(text: &mut Cow<'i, str>, more: &'i str) {
    match text.is_empty() {
        true if matches!(text, Cow::Borrowed(_)) => *text = Cow::Borrowed(more),
        _ => text.to_mut().push_str(more),
    }
}

const fn is_control(byte: u8) -> bool {
    byte < b' ' || byte == 0x7F
}

/// Whether a run of text in a basic string ends here.
const fn ends_run(byte: u8) -> bool {
    matches!(byte, b'"' | b'\\') || (is_control(byte) && byte != b'\t')
}

/// A value without quotes; `None` where it is none.
fn scalar(text: &str) -> Option<Content<'_>> {
    match text {
        "true" => return Some(Content::Flag(true)),
        "false" => return Some(Content::Flag(false)),
        _ => {}
    }
    for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] {
        if let Some(digits) = text.strip_prefix(prefix) {
            let valid = are_digits(digits, |byte| char::from(byte).is_digit(radix));
            return valid.then(|| Content::Int(parse_int(digits, radix)));
        }
    }
    let bare = text.strip_prefix(['+', '-']).unwrap_or(text);
    if matches!(bare, "inf" | "nan") {
        return Some(Content::Float(Cow::Borrowed(text)));
    }
    if is_decimal(bare) {
        return Some(Content::Int(parse_int(text, 10)));
    }
    if is_float(bare) {
        let clean = if text.contains('_') { Cow::Owned(text.replace('_', "")) } else { Cow::Borrowed(text) };
        return Some(Content::Float(clean));
    }
    is_date(text).then_some(Content::Date)
}

/// Digits with single underscores between them.
fn are_digits(text: &str, is_digit: impl Fn(u8) -> bool) -> bool {
    text.split('_').all(|part| !part.is_empty() && part.bytes().all(&is_digit))
}

/// A whole number without a sign and without leading zeros.
fn is_decimal(text: &str) -> bool {
    are_digits(text, |byte| byte.is_ascii_digit()) && (text.len() == 1 || !text.starts_with('0'))
}

fn is_float(text: &str) -> bool {
    let (number, exponent) = match text.split_once(['e', 'E']) {
        Some((number, exponent)) => (number, Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))),
        None => (text, None),
    };
    let digits = |text: &str| are_digits(text, |byte| byte.is_ascii_digit());
    let (whole, fraction) = match number.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (number, None),
    };
    is_decimal(whole) && fraction.is_none_or(digits) && exponent.is_none_or(digits)
}

/// Date, time, or both: told by its shape; no catalog has one.
fn is_date(text: &str) -> bool {
    let shaped = |part: &str, separator: char, lens: &[usize]| {
        part.split(separator).count() == lens.len()
            && part.split(separator).zip(lens).all(|(part, &len)| part.len() == len && is_number(part))
    };
    let is_day = |text: &str| shaped(text, '-', &[4, 2, 2]);
    let is_time = |text: &str| {
        let (clock, fraction) = text.split_once('.').map_or((text, None), |(clock, rest)| (clock, Some(rest)));
        (shaped(clock, ':', &[2, 2, 2]) && fraction.is_none_or(is_number)) || (shaped(text, ':', &[2, 2]))
    };
    let Some((day, rest)) = text.split_at_checked(10).filter(|(day, _)| is_day(day)) else {
        return is_time(text);
    };
    let Some(time) = rest.strip_prefix(['T', 't', ' ']) else {
        return rest.is_empty() && is_day(day);
    };
    match time.strip_suffix(['Z', 'z']).or_else(|| {
        let (time, offset) = time.split_at_checked(time.rfind(['+', '-'])?)?;
        shaped(offset.get(1..)?, ':', &[2, 2]).then_some(time)
    }) {
        Some(time) => is_time(time),
        None => is_time(time),
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}
