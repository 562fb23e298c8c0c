//! The laws of the syntax layer: lines tile, more bytes change no line that was whole, fields and values stay within.

use crate::syntax::framing::{lead, line, line_at_end, prompt};
use crate::syntax::{command, fields, value};

/// Frames bytes, and reads each line as a command line and as fields with values.
///
/// # Panics
/// If a law is broken.
pub fn syntax(data: &[u8]) {
    let (mut rest, mut used) = (data, 0);
    while let Ok((behind, found)) = line(rest) {
        assert!(!found.content.is_empty() && !found.bytes.is_empty(), "a line of nothing");
        assert_eq!(found.bytes.len() + behind.len(), rest.len(), "a line loses bytes");
        assert_eq!(found.bytes.get(found.start..found.start + found.content.len()), Some(found.content));
        // What told that it is whole: the line, and the byte behind a CR.
        let least = rest.get(..(found.bytes.len() + 2).min(rest.len())).unwrap_or(rest);
        if let Ok((_, early)) = line(least) {
            assert_eq!(early, found, "more bytes change a line");
        }
        one(found.content);
        used += found.bytes.len();
        rest = behind;
    }
    assert!(lead(rest) <= rest.len() && used + rest.len() == data.len());
    if let Some((last, behind)) = line_at_end(rest) {
        assert_eq!(last.bytes.len() + behind.len(), rest.len());
        one(last.content);
    }
    if let Ok((behind, asked)) = prompt(data) {
        assert_eq!([asked, behind].concat(), data);
    }
}

/// One line's content.
fn one(content: &[u8]) {
    if command::is_command(content) {
        let mut parts = Vec::new();
        command::parts(content, &mut parts);
        assert!(!parts.is_empty(), "a command line of no command");
        let mut end = 0;
        for part in &parts {
            assert_eq!(part.all.start, end, "commands of a line do not tile it");
            end = part.all.end;
            for range in [&part.name, &part.args] {
                assert!(content.get(range.clone()).is_some(), "{part:?} of {} bytes", content.len());
            }
        }
        assert_eq!(end, content.len(), "commands of a line do not tile it");
    }
    for escapes in [false, true] {
        let mut spans = Vec::new();
        fields::split(content, 0, content.len(), escapes, &mut spans);
        let mut end = 0;
        for (start, stop) in spans {
            assert!(end <= start && start <= stop, "fields overlap");
            let raw = content.get(start as usize..stop as usize).expect("a field is within its line");
            end = stop;
            values(raw);
        }
    }
}

/// One field.
fn values(raw: &[u8]) {
    if let Some(number) = value::decimal(raw) {
        assert_eq!(value::decimal(number.to_string().as_bytes()), Some(number));
    }
    let _ = (value::hexadecimal(raw), value::float(raw), value::is_ip(raw), value::mac(raw), value::range_list(raw));
    assert_eq!(value::hex_pairs(raw).map(|bytes| bytes.len()), value::hex_len(raw), "hex digits miscounted");
}
