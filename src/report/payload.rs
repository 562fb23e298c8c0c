//! Payload as people read it: text line by line, or a hex dump where it is binary; up to a limit.

use super::json::hex;
use super::pen::{Ink, Pen};
use super::units::{units, width};

/// How payload is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shape {
    /// Text where it looks like text, else hex.
    #[default]
    Auto,
    /// A hex dump.
    Hex,
    /// Text with escapes.
    Text,
}

/// Bytes to a line of a hex dump.
const ROW: usize = 16;

/// Writes payload behind what is on the line already, or below it where that has no room. Does not end the line.
pub(super) fn write(pen: &mut Pen<'_>, bytes: &[u8], shape: Shape, limit: usize) {
    let shown = bytes.get(..limit).unwrap_or(bytes);
    let as_hex = match shape {
        Shape::Auto => is_binary(shown),
        Shape::Hex => true,
        Shape::Text => false,
    };
    if shown.is_empty() {
        // Only the count of what is left out.
    } else if as_hex {
        dump(pen, shown);
    } else if is_one_line(shown) && shown.len() <= pen.room() && width(shown) + 2 <= pen.room() {
        pen.blanks(2);
        pen.wire(Ink::Plain, shown);
    } else {
        lines(pen, shown);
    }
    left_out(pen, bytes.len() - shown.len());
}

/// Says how many bytes were left out.
pub(super) fn left_out(pen: &mut Pen<'_>, count: usize) {
    if count > 0 {
        if !pen.wrap_for(20) {
            pen.blanks(1);
        }
        pen.print(Ink::Dim, format_args!("… {count} more {}", if count == 1 { "byte" } else { "bytes" }));
    }
}

/// No line end but at the end.
fn is_one_line(bytes: &[u8]) -> bool {
    memchr::memchr(b'\n', bytes).is_none_or(|at| at + 1 == bytes.len())
}

/// More than a tenth of it cannot be read.
fn is_binary(bytes: &[u8]) -> bool {
    let control = |text: &str| text.bytes().filter(|&byte| byte < b' ' && !b"\r\n\t".contains(&byte)).count();
    let odd: usize = bytes.utf8_chunks().map(|chunk| control(chunk.valid()) + chunk.invalid().len()).sum();
    odd * 10 > bytes.len()
}

fn lines(pen: &mut Pen<'_>, bytes: &[u8]) {
    let indent = pen.indent;
    for line in bytes.split_inclusive(|&byte| byte == b'\n') {
        pen.wrap();
        pen.put(Ink::Dim, "| ");
        pen.indent = indent;
        wire_behind_bar(pen, line);
    }
}

/// One line of text, each wrapped part of it behind a bar of its own.
fn wire_behind_bar(pen: &mut Pen<'_>, line: &[u8]) {
    if width(line) <= pen.room() {
        pen.wire(Ink::Plain, line);
        return;
    }
    let mut current = None;
    for unit in units(line) {
        if unit.width > pen.room() && pen.column > pen.indent + 2 {
            pen.close_if(current.take());
            pen.wrap();
            pen.put(Ink::Dim, "| ");
        }
        pen.unit(&mut current, Ink::Plain, &unit);
    }
    pen.close_if(current);
}

fn dump(pen: &mut Pen<'_>, bytes: &[u8]) {
    for (row, chunk) in bytes.chunks(ROW).enumerate() {
        pen.wrap();
        pen.print(Ink::Dim, format_args!("{:04X}", row * ROW));
        let start = pen.column;
        for (at, &byte) in chunk.iter().enumerate() {
            pen.blanks(if at == ROW / 2 { 2 } else { 1 });
            let [high, low] = hex(byte).map(char::from);
            pen.print(Ink::Plain, format_args!("{high}{low}"));
        }
        pen.to(start + ROW * 3 + 3);
        for &byte in chunk {
            let shown = if matches!(byte, b' '..=b'~') { char::from(byte) } else { '.' };
            pen.print(Ink::Plain, format_args!("{shown}"));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::pen::Style;
    use super::*;

    fn shown(bytes: &[u8], shape: Shape, limit: usize) -> String {
        let mut out = Vec::new();
        let mut pen = Pen::new(&mut out, Style { color: false, width: 84 });
        pen.indent = 4;
        pen.put(Ink::Plain, "    payload");
        write(&mut pen, bytes, shape, limit);
        pen.end();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn short_text_stays_on_the_line() {
        assert_eq!(shown(b"hello\r\n", Shape::Auto, 99), "    payload  hello\\r\\n\n");
    }

    #[test]
    fn lines_stand_below_each_other() {
        let text = shown(b"GET / HTTP/1.1\r\n\r\nx", Shape::Auto, 18);
        assert_eq!(text, "    payload\n    | GET / HTTP/1.1\\r\\n\n    | \\r\\n … 1 more byte\n");
    }

    #[test]
    fn binary_is_dumped() {
        let bytes: Vec<u8> = (0..20).collect();
        let expected = "    payload\n    \
             0000 00 01 02 03 04 05 06 07  08 09 0A 0B 0C 0D 0E 0F  ................\n    \
             0010 10 11 12 13                                       ....\n";
        assert_eq!(shown(&bytes, Shape::Auto, 99), expected);
        assert!(shown(b"text", Shape::Hex, 99).contains("0000 74 65 78 74"));
        assert!(shown(&bytes, Shape::Text, 99).contains("\\x01\\x02"));
    }

    #[test]
    fn nothing_is_shown_at_a_limit_of_nothing() {
        assert_eq!(shown(b"text", Shape::Auto, 0), "    payload … 4 more bytes\n");
    }
}
