//! Writes text with styles and columns: knows where it stands, wraps between units, never inside an escape.

use std::fmt;
use std::io::Write;

use anstyle::AnsiColor;

use super::units::{Unit, Units, plain_len, text_units, units};
use crate::Sender;

/// How text is written: colours, and columns to a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Use the terminal's colours.
    pub color: bool,
    /// Columns that a line should not exceed.
    pub width: usize,
}

impl Default for Style {
    /// No colours, 120 columns.
    fn default() -> Self {
        Self { color: false, width: 120 }
    }
}

/// What a piece of text is, for its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ink {
    Bad,
    Bold,
    Dim,
    Doubtful,
    Good,
    Host,
    Label,
    Module,
    Note,
    Plain,
}

impl Ink {
    const fn style(self) -> anstyle::Style {
        let plain = anstyle::Style::new();
        match self {
            Self::Bad => AnsiColor::Red.on_default().bold(),
            Self::Bold => plain.bold(),
            Self::Dim => plain.dimmed(),
            Self::Doubtful => AnsiColor::Yellow.on_default().bold(),
            Self::Good => AnsiColor::Green.on_default(),
            Self::Host => AnsiColor::Cyan.on_default().bold(),
            Self::Label => AnsiColor::Blue.on_default(),
            Self::Module => AnsiColor::Magenta.on_default().bold(),
            Self::Note => AnsiColor::Cyan.on_default(),
            Self::Plain => plain,
        }
    }
}

impl From<Sender> for Ink {
    fn from(sender: Sender) -> Self {
        match sender {
            Sender::Host => Self::Host,
            Sender::Module => Self::Module,
        }
    }
}

/// `>` for what the host sent, `<` for the module: as in transcripts.
pub(super) const fn arrow(sender: Sender) -> &'static str {
    match sender {
        Sender::Host => ">",
        Sender::Module => "<",
    }
}

/// Appends to a buffer; `indent` is where a wrapped line goes on.
pub(super) struct Pen<'o> {
    pub(super) out: &'o mut Vec<u8>,
    pub(super) column: usize,
    pub(super) indent: usize,
    style: Style,
}

impl<'o> Pen<'o> {
    pub(super) const fn new(out: &'o mut Vec<u8>, style: Style) -> Self {
        Self { out, column: 0, indent: 0, style }
    }

    /// Columns that are left on this line.
    pub(super) const fn room(&self) -> usize {
        self.style.width.saturating_sub(self.column)
    }

    /// Columns of a whole line behind the indent; never less than some, however narrow the terminal.
    pub(super) fn span(&self) -> usize {
        self.style.width.saturating_sub(self.indent).max(20)
    }

    /// Text of our own, one column a character.
    pub(super) fn put(&mut self, ink: Ink, text: &str) {
        self.bytes(ink, text.as_bytes());
    }

    /// As [`put`](Self::put), of bytes that are text.
    pub(super) fn bytes(&mut self, ink: Ink, text: &[u8]) {
        self.sized(ink, text, columns(text));
    }

    /// As [`bytes`](Self::bytes), of ASCII that prints.
    #[inline]
    pub(super) fn ascii(&mut self, ink: Ink, text: &[u8]) {
        debug_assert!(plain_len(text) == text.len(), "{}", text.escape_ascii());
        self.sized(ink, text, text.len());
    }

    /// As [`ascii`](Self::ascii), so that it ends at a column.
    pub(super) fn ascii_right(&mut self, ink: Ink, column: usize, text: &[u8]) {
        self.to(column.saturating_sub(text.len()));
        self.ascii(ink, text);
    }

    /// As [`bytes`](Self::bytes), of so many columns.
    #[inline]
    fn sized(&mut self, ink: Ink, text: &[u8], columns: usize) {
        self.open(ink);
        self.out.extend_from_slice(text);
        self.column += columns;
        self.close(ink);
    }

    /// As [`put`](Self::put), without a text in between.
    pub(super) fn print(&mut self, ink: Ink, text: fmt::Arguments<'_>) {
        self.open(ink);
        let start = self.out.len();
        // Writing to a Vec cannot fail.
        let _ = self.out.write_fmt(text);
        self.column += columns(self.out.get(start..).unwrap_or_default());
        self.close(ink);
    }

    /// As [`bytes`](Self::bytes), so that it ends at a column.
    pub(super) fn right(&mut self, ink: Ink, column: usize, text: &[u8]) {
        let columns = columns(text);
        self.to(column.saturating_sub(columns));
        self.sized(ink, text, columns);
    }

    /// Text of our own, in words that wrap.
    pub(super) fn words(&mut self, ink: Ink, text: &str) {
        let mut current = None;
        for (at, word) in text.split(' ').enumerate() {
            let width = text_units(word.as_bytes()).map(|unit| unit.width).sum::<usize>();
            if at > 0 && (width < self.room() || width > self.span()) {
                self.unit(&mut current, ink, &Unit::BLANK);
            } else if at > 0 {
                self.close_if(current.take());
                self.wrap();
            }
            self.run(&mut current, ink, text_units(word.as_bytes()));
        }
        self.close_if(current);
    }

    /// The same character several times.
    pub(super) fn repeat(&mut self, ink: Ink, byte: u8, count: usize) {
        self.open(ink);
        self.out.resize(self.out.len() + count, byte);
        self.column += count;
        self.close(ink);
    }

    /// Blanks up to a column; none where it is passed.
    pub(super) fn to(&mut self, column: usize) {
        self.blanks(column.saturating_sub(self.column));
    }

    pub(super) fn blanks(&mut self, count: usize) {
        const FEW: &[u8; 16] = b"                ";
        match FEW.get(..count) {
            // A copy of fixed size is no call.
            Some(_) => {
                let end = self.out.len() + count;
                self.out.extend_from_slice(FEW);
                self.out.truncate(end);
            }
            None => self.out.resize(self.out.len() + count, b' '),
        }
        self.column += count;
    }

    /// Bytes off the wire, escapes dimmed, wrapped where the line is full.
    pub(super) fn wire(&mut self, ink: Ink, bytes: &[u8]) {
        if bytes.len() <= self.room() && plain_len(bytes) == bytes.len() {
            return self.sized(ink, bytes, bytes.len());
        }
        let mut current = None;
        self.run(&mut current, ink, units(bytes));
        self.close_if(current);
    }

    /// As [`wire`](Self::wire), for text that has its escapes already.
    pub(super) fn escaped(&mut self, ink: Ink, text: &[u8]) {
        let mut current = None;
        self.run(&mut current, ink, text_units(text));
        self.close_if(current);
    }

    fn run(&mut self, current: &mut Option<Ink>, ink: Ink, mut units: Units<'_>) {
        loop {
            let plain = units.plain(self.room());
            if !plain.is_empty() {
                self.change(current, ink);
                self.out.extend_from_slice(plain);
                self.column += plain.len();
            }
            let Some(unit) = units.next() else { return };
            if unit.width > self.room() && self.column > self.indent {
                self.close_if(current.take());
                self.wrap();
            }
            self.unit(current, ink, &unit);
        }
    }

    /// One unit in a run of them; `current` is the ink that is on.
    pub(super) fn unit(&mut self, current: &mut Option<Ink>, ink: Ink, unit: &Unit) {
        self.change(current, if unit.escape && ink == Ink::Plain { Ink::Dim } else { ink });
        self.out.extend_from_slice(unit.bytes());
        self.column += unit.width;
    }

    fn change(&mut self, current: &mut Option<Ink>, wanted: Ink) {
        if *current != Some(wanted) {
            self.close_if(*current);
            self.open(wanted);
            *current = Some(wanted);
        }
    }

    pub(super) fn close_if(&mut self, current: Option<Ink>) {
        if let Some(ink) = current {
            self.close(ink);
        }
    }

    /// Begins a new line if so many columns do not fit on this one but would on a new one; tells whether it did.
    pub(super) fn wrap_for(&mut self, columns: usize) -> bool {
        let wraps = columns > self.room() && self.column > self.indent && columns <= self.span();
        if wraps {
            self.wrap();
        }
        wraps
    }

    /// Goes on in the next line, at the indent.
    pub(super) fn wrap(&mut self) {
        self.end();
        self.to(self.indent);
    }

    /// Ends the line; blanks at its end are taken back.
    pub(super) fn end(&mut self) {
        while self.out.last() == Some(&b' ') {
            self.out.pop();
        }
        self.out.push(b'\n');
        self.column = 0;
    }

    #[inline]
    fn open(&mut self, ink: Ink) {
        if self.style.color && ink != Ink::Plain {
            self.color(ink);
        }
    }

    fn color(&mut self, ink: Ink) {
        // Writing to a Vec cannot fail.
        let _ = write!(self.out, "{}", ink.style().render());
    }

    #[inline]
    fn close(&mut self, ink: Ink) {
        if self.style.color && ink != Ink::Plain {
            self.out.extend_from_slice(b"\x1b[0m");
        }
    }
}

/// Characters of a text of our own, each of which takes one column.
fn columns(text: &[u8]) -> usize {
    if plain_len(text) == text.len() { text.len() } else { text.iter().filter(|&&byte| byte & 0xC0 != 0x80).count() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn wraps_between_escapes_and_not_inside() {
        for width in 20..60 {
            let mut out = Vec::new();
            let mut pen = Pen::new(&mut out, Style { color: false, width });
            pen.indent = 4;
            pen.to(4);
            let bytes: Vec<u8> = (0..=255).collect();
            pen.wire(Ink::Plain, &bytes);
            pen.end();
            let text = String::from_utf8(out).unwrap();
            let joined: String = text.lines().map(|line| line.strip_prefix("    ").unwrap()).collect();
            assert!(text.lines().all(|line| line.chars().count() <= width));
            assert!(text.lines().all(|line| !line.ends_with("\\x") && !line.ends_with("\\x0")));
            // A blank at a line's end is dropped: the byte 0x20 may be missing where the line broke behind it.
            assert!(joined.len() >= 255);
        }
    }

    #[test]
    fn colours_are_closed() {
        let mut out = Vec::new();
        let mut pen = Pen::new(&mut out, Style { color: true, width: 40 });
        pen.wire(Ink::Plain, b"a\r\nb");
        pen.put(Ink::Bad, "x");
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.matches("\x1b[0m").count(), 2, "{text:?}");
        assert!(text.starts_with('a'));
    }
}
