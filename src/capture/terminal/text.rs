//! How programs write the bytes of a line: as they are, as hex digits, with line ends that show, in quotes.

/// How a log shows a line end.
const ENDS: [(&str, u8); 16] = [
    ("<CR>", b'\r'),
    ("<LF>", b'\n'),
    ("[CR]", b'\r'),
    ("[LF]", b'\n'),
    ("{CR}", b'\r'),
    ("{LF}", b'\n'),
    ("<0D>", b'\r'),
    ("<0A>", b'\n'),
    ("<0x0D>", b'\r'),
    ("<0x0A>", b'\n'),
    ("\\r", b'\r'),
    ("\\n", b'\n'),
    ("^M", b'\r'),
    ("^J", b'\n'),
    ("\u{240D}", b'\r'),
    ("\u{240A}", b'\n'),
];

/// Whether line ends show at the text's end.
pub(super) fn has_ends(text: &[u8]) -> bool {
    let text = inner(text);
    ENDS.iter().any(|(name, _)| {
        let at = text.len().checked_sub(name.len());
        at.and_then(|at| text.get(at..)).is_some_and(|end| end.eq_ignore_ascii_case(name.as_bytes()))
    })
}

/// Whether all of the text stands in quotes.
pub(super) fn is_quoted(text: &[u8]) -> bool {
    inner(text).len() < text.len()
}

/// The text without the quotes around it: `'AT<CR>'`, `"AT\r"`, `b'AT\r'`, `(AT^M)`.
pub(super) fn inner(text: &[u8]) -> &[u8] {
    let bare = match text {
        [b'b', rest @ ..] if matches!(rest.first(), Some(b'"' | b'\'')) => rest,
        _ => text,
    };
    match bare {
        [b'"', inner @ .., b'"'] | [b'\'', inner @ .., b'\''] | [b'(', inner @ .., b')'] => inner,
        _ => text,
    }
}

/// Appends what a text with shown line ends stands for.
pub(super) fn push_shown(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some(&byte) = rest.first() {
        let end = ENDS.iter().find_map(|(name, byte)| {
            let (start, behind) = rest.split_at_checked(name.len())?;
            start.eq_ignore_ascii_case(name.as_bytes()).then_some((behind, *byte))
        });
        match (end, rest) {
            (Some((behind, end)), _) => {
                out.push(end);
                rest = behind;
            }
            (None, [b'\\', escaped @ (b'"' | b'\'' | b'\\'), behind @ ..]) => {
                out.push(*escaped);
                rest = behind;
            }
            (None, _) => {
                out.push(byte);
                rest = rest.get(1..).unwrap_or_default();
            }
        }
    }
}

/// Pairs of hex digits with blanks between them, and nothing else: `41 54`, `0x41 0x54`, `41-54`.
pub(super) fn hex_bytes(text: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(text.trim_ascii()).ok().filter(|text| !text.is_empty())?;
    let pair = |pair: &str| {
        let pair = pair.strip_prefix("0x").unwrap_or(pair);
        (pair.len() == 2 && pair.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .then(|| u8::from_str_radix(pair, 16).ok())
            .flatten()
    };
    text.split([' ', '-', ',']).filter(|pair| !pair.is_empty()).map(pair).collect()
}
