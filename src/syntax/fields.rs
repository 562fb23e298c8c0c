//! Splits what stands behind a name into fields: commas outside of quotes.
//!
//! Tolerant, as real firmware needs it: a quote inside a string that no comma follows does not end it (SSIDs come unescaped), and a
//! string whose closing quote is missing ends at the next comma.

/// Where a field stands: half-open, without the blanks around it.
pub(crate) type Span = (u32, u32);

/// Splits `bytes[start..end]`; the spans count from the start of `bytes`. An empty range has no field.
#[inline]
pub(crate) fn split(bytes: &[u8], start: usize, end: usize, escapes: bool, out: &mut Vec<Span>) {
    let Some(text) = bytes.get(..end) else { return };
    if start >= end {
        return;
    }
    let mut at = start;
    // Where one string is not closed none behind it is: looking again each time would take quadratic time.
    let mut closed = true;
    loop {
        while text.get(at) == Some(&b' ') {
            at += 1;
        }
        let stop = field_end(text, at, escapes, &mut closed);
        let mut last = stop;
        while last > at && text.get(last - 1) == Some(&b' ') {
            last -= 1;
        }
        out.push((at as u32, last as u32));
        if stop >= end {
            return;
        }
        at = stop + 1;
        if at >= end {
            // A comma at the very end: one more field, an omitted one.
            out.push((end as u32, end as u32));
            return;
        }
    }
}

#[inline]
fn field_end(text: &[u8], at: usize, escapes: bool, closed: &mut bool) -> usize {
    if *closed && text.get(at) == Some(&b'"') {
        match string_end(text, at, escapes) {
            Some(end) => return end,
            None => *closed = false,
        }
    }
    let rest = text.get(at..).unwrap_or_default();
    // Fields are short: a loop beats a call.
    at + rest.iter().position(|&b| b == b',').unwrap_or(rest.len())
}

/// The end of the field whose string opens at `at`: behind its closing quote. `None` where no quote closes it.
fn string_end(text: &[u8], at: usize, escapes: bool) -> Option<usize> {
    let mut from = at + 1;
    loop {
        let rest = text.get(from..)?;
        let found = if escapes { memchr::memchr2(b'"', b'\\', rest)? } else { memchr::memchr(b'"', rest)? };
        let quote = from + found;
        if text.get(quote) == Some(&b'\\') {
            from = quote + 2;
            continue;
        }
        let mut behind = quote + 1;
        while matches!(text.get(behind), Some(b' ')) {
            behind += 1;
        }
        match text.get(behind) {
            None | Some(b',') => return Some(behind),
            // The list of fields itself may stand in brackets.
            Some(b')') if behind + 1 == text.len() => return Some(behind + 1),
            _ => from = quote + 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, escapes: bool) -> Vec<&str> {
        let mut out = Vec::new();
        split(text.as_bytes(), 0, text.len(), escapes, &mut out);
        out.into_iter().map(|(start, end)| &text[start as usize..end as usize]).collect()
    }

    #[test]
    fn commas_outside_of_quotes_separate() {
        assert_eq!(shown("", false), [""; 0]);
        assert_eq!(shown("1", false), ["1"]);
        assert_eq!(shown("1,,2", false), ["1", "", "2"]);
        assert_eq!(shown("1,", false), ["1", ""]);
        assert_eq!(shown(" 1 , \"a,b\" ,3", false), ["1", "\"a,b\"", "3"]);
        assert_eq!(shown(r#""a\",b",1"#, true), [r#""a\",b""#, "1"]);
        assert_eq!(shown(r#""ab\\,c","x\\""#, true), [r#""ab\\,c""#, r#""x\\""#]);
        assert_eq!(shown(r#"21/04/13,16:21:50","-20",1"#, false), ["21/04/13", "16:21:50\"", "\"-20\"", "1"]);
        assert_eq!(shown(r#""a"b",1"#, false), [r#""a"b""#, "1"]);
        assert_eq!(shown(r#""open,1"#, false), ["\"open", "1"]);
        assert_eq!(shown(r#"(3,"x)y",-5,"m")"#, false), ["(3", "\"x)y\"", "-5", "\"m\")"]);
    }
}
