//! The words that a target's own program has in it: what its author waits for, unknown URCs and formats of `sscanf` included.
//!
//! A parser's literals lie close together in the program. So texts count that stand near words of the catalogs; those of the
//! C library and of the fuzzer lie elsewhere. What is found so is a dictionary that nobody had to write.

use std::collections::HashSet;

/// Longest and shortest text that counts.
const LONGEST: usize = 80;
const SHORTEST: usize = 3;
/// Longest run of texts that lie behind one another without an end.
const JOINED: usize = 4096;
/// How far from a word of the catalogs a text may stand, in bytes.
const NEAR: usize = 512;
/// How far ahead of the first of them, in bytes: there a program keeps what the compiler's own libraries say.
const AHEAD: usize = 96;
/// So many words of the catalogs must stand that near.
const ENOUGH: usize = 3;
/// Most words that are kept.
const MOST: usize = 512;

/// Whether a text can be a part of what a module says.
fn is_text(byte: u8) -> bool {
    matches!(byte, b' '..=b'~' | b'\r' | b'\n' | b'\t')
}

/// The texts of a program near the `known` words; `known` are the words of the catalogs.
pub fn of_program<'w>(program: &[u8], known: impl IntoIterator<Item = &'w [u8]>) -> Vec<Vec<u8>> {
    let known: HashSet<&[u8]> = known.into_iter().map(trim).filter(|word| word.len() > 1).collect();
    let mut texts: Vec<(usize, &[u8])> = Vec::new();
    let mut hits: Vec<(usize, &[u8])> = Vec::new();
    let mut take = |at: usize, text| {
        let name = trim(text);
        let is_known = known.contains(name);
        // Two letters are found anywhere in a program.
        if is_known && name.len() > 3 {
            hits.push((at, name));
        }
        if is_known || text.len() >= SHORTEST {
            texts.push((at, text));
        }
    };
    let mut at = 0;
    for run in program.split(|&byte| !is_text(byte)) {
        match run.len() {
            0 | 1 => {}
            2..=LONGEST => match joined(run, &known).filter(|(_, rest)| known.contains(trim(rest))) {
                Some((one, other)) => [one, other].into_iter().for_each(|text| take(at, text)),
                None => take(at, run),
            },
            // Texts without an end between them, as Rust keeps them; a whole document is longer.
            ..=JOINED => parts(run).for_each(|(from, part)| match joined(part, &known) {
                Some((one, other)) => [one, other].into_iter().for_each(|text| take(at + from, text)),
                None => take(at + from, part),
            }),
            _ => {}
        }
        at += run.len() + 1;
    }
    let mut out: Vec<Vec<u8>> = Vec::new();
    let mut seen: HashSet<&[u8]> = HashSet::new();
    for &(at, text) in &texts {
        let from = hits.partition_point(|&(hit, _)| hit + NEAR < at);
        let near = hits.iter().skip(from).take_while(|&&(hit, _)| hit <= at + NEAR);
        let is_close = hits.get(from).is_some_and(|&(hit, _)| hit <= at + AHEAD);
        if is_close && is_enough(near.map(|&(_, name)| name)) && seen.insert(text) {
            out.push(text.to_vec());
            if out.len() >= MOST {
                break;
            }
        }
    }
    out
}

/// Whether there are enough different words.
fn is_enough<'p>(near: impl Iterator<Item = &'p [u8]>) -> bool {
    let mut known: Vec<&[u8]> = Vec::with_capacity(ENOUGH);
    for name in near {
        if !known.contains(&name) {
            known.push(name);
        }
        if known.len() >= ENOUGH {
            return true;
        }
    }
    false
}

/// Two texts without an end between them, of which the first is known: the longest one.
fn joined<'t>(text: &'t [u8], known: &HashSet<&[u8]>) -> Option<(&'t [u8], &'t [u8])> {
    /// Longest and shortest word that is looked for.
    const WORD: std::ops::Range<usize> = 4..24;
    if known.contains(trim(text)) || !text.first().is_some_and(|&byte| byte == b'+' || byte.is_ascii_uppercase()) {
        return None;
    }
    let end = WORD.end.min(text.len().saturating_sub(1));
    (WORD.start..end).rev().filter_map(|at| text.split_at_checked(at)).find(|(word, _)| known.contains(word))
}

/// Texts that stand behind one another without an end, taken apart where a name may begin: at `+`, behind a line's end, and
/// where a capital follows what is none.
fn parts(run: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let starts = move |at: usize| {
        let before = at.checked_sub(1).and_then(|before| run.get(before)).copied().unwrap_or_default();
        let here = run.get(at).copied().unwrap_or_default();
        matches!(here, b'+' | b'\r')
            || before == b'\n'
            || (here.is_ascii_uppercase() && matches!(before, b'a'..=b'z' | b':' | b','))
    };
    let mut from = 0;
    std::iter::from_fn(move || {
        if from >= run.len() {
            return None;
        }
        let end = (from + 1..run.len()).find(|&at| starts(at)).unwrap_or(run.len());
        let part = (from, run.get(from..end).unwrap_or_default());
        from = end;
        Some(part)
    })
    .filter(|(_, part)| (2..=LONGEST).contains(&part.len()))
}

/// Without line ends and the separators behind a name, which drivers write or leave out.
fn trim(word: &[u8]) -> &[u8] {
    let word = word.trim_ascii();
    let end = word.iter().rposition(|byte| !matches!(byte, b':' | b',' | b'=' | b' ')).map_or(0, |at| at + 1);
    word.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_near_words_of_the_catalogs_counts() {
        let mut program = vec![0_u8; 100];
        program.extend_from_slice(b"Usage: fuzzer [options]\0libFuzzer\0");
        program.extend(std::iter::repeat_n(0xF1, 4000));
        program.extend_from_slice(b"OK\0ERROR\0SEND OK\0+MYURC: %d,%d\0+IPD,\0x\0");
        program.extend(std::iter::repeat_n(0xF1, 4000));
        program.extend_from_slice(b"OK\0stack smashing detected\0");
        let known: [&[u8]; 4] = [b"OK", b"ERROR", b"SEND OK", b"+IPD"];
        let words = of_program(&program, known);
        let expected: [&[u8]; 5] = [b"OK", b"ERROR", b"SEND OK", b"+MYURC: %d,%d", b"+IPD,"];
        assert_eq!(words, expected);
    }

    #[test]
    fn what_has_no_end_between_is_taken_apart() {
        let mut program =
            b"an error of the parser that says more than one line holds, as programs do: unexpected end".to_vec();
        program.extend_from_slice(b"+CMTI+HTTPACTION+CPINRDY\x01\x02PB DONENO CARRIER\x01");
        let known: [&[u8]; 6] = [b"+CMTI", b"+HTTPACTION", b"+CPIN", b"RDY", b"PB DONE", b"NO CARRIER"];
        let words = of_program(&program, known);
        assert!(known.iter().all(|word| words.iter().any(|own| own == word)), "{words:?}");
    }
}
