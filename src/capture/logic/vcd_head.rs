//! The definitions of a value change dump: which codes stand for which lines, and how long a tick is.
//!
//! Holds names and codes of the lines that are kept alone, whatever the number of definitions.

use std::collections::HashSet;

use super::rate::unit_power;
use super::{CaptureError, Limits, Meta, Names, Source};
use crate::capture::Format;
use crate::uart::{Channel, Clock};

/// The longest word that counts; longer ones are cut.
const LONGEST: usize = 1024;
/// Words of a definition that count.
const MOST_WORDS: usize = 64;
/// The deepest scope that is part of a name.
const DEEPEST: usize = 32;
/// The longest name of a scope or a line; longer ones are cut.
const LONGEST_NAME: usize = 128;

/// What the definitions say.
pub(super) struct Head {
    pub(super) channels: Vec<Channel>,
    pub(super) vars: Vec<Var>,
    pub(super) meta: Meta,
}

/// A code and the channels that it stands for, the highest bit first.
pub(super) struct Var {
    pub(super) code: Vec<u8>,
    pub(super) first: u32,
    pub(super) width: u32,
}

/// A definition that may become channels.
struct Defined {
    code: Vec<u8>,
    width: u32,
    /// The scope, by number.
    scope: usize,
    path: String,
    name: String,
    /// The numbers of the highest and the lowest bit of a vector.
    range: Option<(i64, i64)>,
}

/// Whether a recording begins as a dump does.
pub(in crate::capture) fn is_vcd(head: &[u8]) -> Option<bool> {
    const FIRST: [&[u8]; 8] =
        [b"$date", b"$version", b"$timescale", b"$comment", b"$scope", b"$var", b"$attrbegin", b"$enddefinitions"];
    let text = head.trim_ascii_start();
    let end = text.iter().position(u8::is_ascii_whitespace);
    let word = text.get(..end.unwrap_or(text.len())).unwrap_or_default();
    if end.is_none() && word.len() < 16 && FIRST.iter().any(|first| first.starts_with(word)) {
        return None;
    }
    Some(FIRST.contains(&word))
}

/// Reads up to `$enddefinitions $end`, or to the first value where that is left out.
pub(super) fn read(source: &mut Source) -> Result<Head, CaptureError> {
    let mut reader = Words { source };
    let mut defined = Definitions::default();
    let mut ended = false;
    while let Some(word) = reader.peek()? {
        let keyword = match word.split_first() {
            Some((b'$', keyword)) => keyword.to_vec(),
            // Values without the end of definitions: some tools leave it out.
            Some((b'#', _)) => break,
            _ => {
                return Err(reader.source.damaged("expected a keyword with `$`"));
            }
        };
        if keyword.starts_with(b"dump") {
            break;
        }
        reader.take()?;
        let mut words = Vec::new();
        let mut closed = false;
        while let Some(word) = reader.take()? {
            if word == b"$end" {
                closed = true;
                break;
            }
            if words.len() < MOST_WORDS {
                words.push(word);
            }
        }
        if !closed {
            return Err(reader.source.damaged("cut off in the definitions"));
        }
        match keyword.as_slice() {
            b"timescale" => {
                let text: Vec<u8> = words.concat();
                defined.clock = clock(&text);
                if defined.clock.is_none() {
                    return Err(reader.source.damaged("timescale: expected 1, 10 or 100 and s, ms, us, ns, ps or fs"));
                }
            }
            b"scope" => defined.scope(&words),
            b"upscope" => defined.upscope(),
            b"var" => defined.var(words),
            b"enddefinitions" => {
                ended = true;
                break;
            }
            _ => {}
        }
    }
    if !ended && reader.peek()?.is_none() {
        return Err(reader.source.damaged("cut off in the definitions"));
    }
    let file = reader.source.file().to_owned();
    defined.finish(&file)
}

/// The input word by word.
struct Words<'a> {
    source: &'a mut Source,
}

impl Words<'_> {
    /// The next word, cut where it is longer than any that counts; blanks ahead of it are consumed.
    fn peek(&mut self) -> Result<Option<&[u8]>, CaptureError> {
        loop {
            let there = self.source.fill(1)?;
            let blanks = there.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            let all = there.len();
            self.source.consume(blanks);
            if blanks < all || all == 0 {
                break;
            }
        }
        let mut want = 64;
        loop {
            let there = self.source.fill(want)?;
            let end = there.iter().take(LONGEST).position(u8::is_ascii_whitespace);
            if end.is_some() || there.len() >= LONGEST || self.source.ended() {
                let there = self.source.available();
                let word = there.get(..end.unwrap_or(there.len().min(LONGEST))).unwrap_or_default();
                return Ok((!word.is_empty()).then_some(word));
            }
            want = (self.source.available().len() + 1).max(2 * want).min(LONGEST);
        }
    }

    fn take(&mut self) -> Result<Option<Vec<u8>>, CaptureError> {
        let Some(word) = self.peek()?.map(<[u8]>::to_vec) else {
            return Ok(None);
        };
        self.source.consume(word.len());
        if word.len() == LONGEST {
            // The rest of a word that is too long.
            loop {
                let there = self.source.fill(1)?;
                let rest = there.iter().take_while(|byte| !byte.is_ascii_whitespace()).count();
                let (all, done) = (there.len(), rest);
                self.source.consume(done);
                if done < all || all == 0 {
                    break;
                }
            }
        }
        Ok(Some(word))
    }
}

/// Reads a timescale such as `1ns` or `100 ps`.
fn clock(text: &[u8]) -> Option<Clock> {
    let text = std::str::from_utf8(text).ok()?;
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(end)?;
    let number: u64 = if number.is_empty() { 1 } else { number.parse().ok()? };
    let rate = 10u64.checked_pow(unit_power(unit.trim())?)?;
    // The greatest common divisor makes `10 ns` a hundred million ticks in a second.
    let (mut a, mut b) = (rate, number);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    (number > 0).then(|| Clock { ticks: rate / a, secs: number / a })
}

#[derive(Default)]
struct Definitions {
    clock: Option<Clock>,
    scopes: Vec<String>,
    depth: usize,
    /// How many scopes there were, to tell whether all lines are in one.
    opened: usize,
    scope: usize,
    outer: Vec<usize>,
    lines: Vec<Defined>,
    codes: HashSet<Vec<u8>>,
    bits: usize,
    vector_bits: usize,
    left_out: usize,
    other_kinds: usize,
}

impl Definitions {
    fn scope(&mut self, words: &[Vec<u8>]) {
        self.depth += 1;
        self.opened += 1;
        if self.scopes.len() < DEEPEST {
            let name = words.get(1).map(|name| cut(&String::from_utf8_lossy(name))).unwrap_or_default();
            self.scopes.push(name);
            self.outer.push(self.scope);
            self.scope = self.opened;
        }
    }

    fn upscope(&mut self) {
        if self.depth == self.scopes.len() {
            self.scopes.pop();
            self.scope = self.outer.pop().unwrap_or(0);
        }
        self.depth = self.depth.saturating_sub(1);
    }

    /// `wire 8 $ data [7:0]`.
    fn var(&mut self, words: Vec<Vec<u8>>) {
        let mut words = words.into_iter();
        let (Some(kind), Some(width), Some(code)) = (words.next(), words.next(), words.next()) else {
            return;
        };
        let width = std::str::from_utf8(&width).ok().and_then(|width| width.parse::<u32>().ok()).unwrap_or(0);
        let numeric = matches!(
            kind.as_slice(),
            b"real" | b"realtime" | b"real_parameter" | b"string" | b"event" | b"parameter" | b"time"
        );
        if numeric || width == 0 {
            self.other_kinds += 1;
            return;
        }
        if self.codes.contains(&code) {
            // Another name of a line that is there.
            return;
        }
        let room = if width == 1 { &mut self.bits } else { &mut self.vector_bits };
        if (*room).saturating_add(width as usize) > Limits::CHANNELS {
            self.left_out += width as usize;
            return;
        }
        *room += width as usize;
        self.codes.insert(code.clone());
        let words: Vec<_> = words.map(|word| String::from_utf8_lossy(&word).into_owned()).collect();
        let text = cut(&words.join(" "));
        let (name, range) = match text.rfind('[').and_then(|at| Some((text.get(..at)?, text.get(at..)?))) {
            Some((name, range)) if width > 1 => match range_of(range, width) {
                Some(range) => (name.trim_end().to_owned(), Some(range)),
                None => (text.clone(), None),
            },
            Some((name, bit)) if name.ends_with(' ') => (format!("{}{bit}", name.trim_end()), None),
            _ => (text, None),
        };
        let path = self.scopes.join(".");
        self.lines.push(Defined { code, width, scope: self.scope, path, name, range });
    }

    fn finish(self, file: &str) -> Result<Head, CaptureError> {
        let mut meta = Meta::new(Format::Vcd);
        let clock = self.clock.unwrap_or_else(|| {
            meta.note("there is no timescale: 1 ns is taken");
            Clock { ticks: 1_000_000_000, secs: 1 }
        });
        // Single bits go before vectors where there is no room for both, in the order of the file.
        let spare = Limits::CHANNELS.saturating_sub(self.bits);
        let mut vector_bits = 0;
        let mut left_out = self.left_out;
        let scope = self.lines.first().map(|line| line.scope);
        let alone = self.lines.iter().all(|line| Some(line.scope) == scope);
        let mut names = Names::default();
        let (mut channels, mut vars) = (Vec::new(), Vec::new());
        for line in self.lines {
            if line.width > 1 {
                if vector_bits + line.width as usize > spare {
                    left_out += line.width as usize;
                    continue;
                }
                vector_bits += line.width as usize;
            }
            let first = u32::try_from(channels.len()).unwrap_or(u32::MAX);
            let full = if alone || line.path.is_empty() { line.name } else { format!("{}.{}", line.path, line.name) };
            for bit in 0..line.width {
                let name = match line.range {
                    _ if line.width == 1 => full.clone(),
                    Some((high, low)) if high >= low => format!("{full}[{}]", high - i64::from(bit)),
                    Some((high, _)) => format!("{full}[{}]", high + i64::from(bit)),
                    None => format!("{full}[{}]", line.width - 1 - bit),
                };
                channels.push(Channel { name: names.unique(&name), clock });
            }
            vars.push(Var { code: line.code, first, width: line.width });
        }
        if left_out > 0 {
            meta.note(format!("{left_out} lines beyond the first {} are left out", Limits::CHANNELS));
        }
        if self.other_kinds > 0 {
            meta.note(format!("{} numbers, strings and events are left out", self.other_kinds));
        }
        if channels.is_empty() {
            return Err(CaptureError::choice(file, "there is no line of one or more bits in this dump"));
        }
        Ok(Head { channels, vars, meta })
    }
}

fn cut(name: &str) -> String {
    name.chars().take(LONGEST_NAME).collect()
}

/// Reads `[7:0]` where it is as wide as the line.
fn range_of(text: &str, width: u32) -> Option<(i64, i64)> {
    let (high, low) = text.strip_prefix('[')?.strip_suffix(']')?.split_once(':')?;
    let (high, low) = (high.trim().parse::<i32>().ok()?, low.trim().parse::<i32>().ok()?);
    let (high, low) = (i64::from(high), i64::from(low));
    ((high - low).abs() + 1 == i64::from(width)).then_some((high, low))
}
