//! The words that a target's own program has in it: what its author waits for, unknown URCs and formats of `sscanf` included.
//!
//! A parser's literals lie close together in the program. So texts count that stand near words of the catalogs; those of the
//! C library and of the fuzzer lie elsewhere. What is found so is a dictionary that nobody had to write.

use std::collections::HashSet;

/// Longest and shortest text that counts.
const LONGEST: usize = 80;
const SHORTEST: usize = 2;
/// How far from a word of the catalogs a text may stand, in bytes.
const NEAR: usize = 512;
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
    let mut hits: Vec<usize> = Vec::new();
    let mut at = 0;
    for run in program.split(|&byte| !is_text(byte)) {
        if (SHORTEST..=LONGEST).contains(&run.len()) {
            texts.push((at, run));
            if known.contains(trim(run)) {
                hits.push(at);
            }
        }
        at += run.len() + 1;
    }
    let mut out: Vec<Vec<u8>> = Vec::new();
    let mut seen: HashSet<&[u8]> = HashSet::new();
    for &(at, text) in &texts {
        let from = hits.partition_point(|&hit| hit + NEAR < at);
        let to = hits.partition_point(|&hit| hit <= at + NEAR);
        if to - from >= ENOUGH && seen.insert(text) {
            out.push(text.to_vec());
            if out.len() >= MOST {
                break;
            }
        }
    }
    out
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
        program.extend_from_slice(b"OK\0ERROR\0+MYURC: %d,%d\0+IPD,\0x\0");
        program.extend(std::iter::repeat_n(0xF1, 4000));
        program.extend_from_slice(b"OK\0stack smashing detected\0");
        let known: [&[u8]; 3] = [b"OK", b"ERROR", b"+IPD"];
        let words = of_program(&program, known);
        let expected: [&[u8]; 4] = [b"OK", b"ERROR", b"+MYURC: %d,%d", b"+IPD,"];
        assert_eq!(words, expected);
    }
}
