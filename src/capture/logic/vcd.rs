//! Value change dumps (`.vcd`, IEEE 1364 §18) as sigrok, PulseView, Saleae, DSView, GTKWave and simulators write them.
//!
//! Single bits and the bits of vectors are channels; real numbers, strings and events are left out. `x`, `z` and what a
//! simulator has beyond them are [`Level::Unknown`]. Of several changes of a bit at one time the last one counts.
//! A time that runs backwards is damage. Trap: many tools write a time and its changes on one line, so that only blanks
//! tell where a token ends.

use std::collections::HashMap;

use super::vcd_head::{self, Head, Var};
use super::{CaptureError, LevelReader, Levels, Limits, Lines, Meta, Source};
use crate::uart::{Channel, Level};

/// The longest token: a value of a vector or a string.
const LONGEST: usize = 1024 * 1024;
/// Bytes that a stretch is read from at most.
const STRETCH: u64 = 1024 * 1024;
/// Codes that are looked up in a table; others are hashed.
const TABLE: usize = 1 << 18;

/// A dump, open for reading.
pub(super) struct Vcd {
    source: Source,
    channels: Vec<Channel>,
    codes: Codes,
    lines: Lines,
    meta: Meta,
    now: u64,
    /// Whether a change came since the last time.
    pending: bool,
    /// Inside `$comment`, or another section that is left out.
    skipping: bool,
    ended: bool,
}

impl Vcd {
    /// Reads up to the end of the definitions.
    pub(super) fn open(mut source: Source) -> Result<Self, CaptureError> {
        let Head { channels, vars, meta } = vcd_head::read(&mut source)?;
        let mut codes = Codes::default();
        for var in &vars {
            codes.insert(var);
        }
        let lines = Lines::new(channels.len());
        Ok(Self { source, channels, codes, lines, meta, now: 0, pending: false, skipping: false, ended: false })
    }

    /// Takes the tokens that are there; gives whether the stretch is full.
    fn tokens(&mut self, out: &mut Levels, room: &mut usize) -> Result<Step, CaptureError> {
        let bytes = self.source.available();
        let whole = self.source.ended();
        let mut rest = bytes;
        let mut wrong = None;
        let mut full = false;
        loop {
            let blanks = rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            let token = rest.get(blanks..).unwrap_or_default();
            let Some(end) = end_of(token, whole) else { break };
            let (text, after) = token.split_at_checked(end).unwrap_or((token, &[]));
            let Some((&kind, value)) = text.split_first() else {
                rest = token;
                break;
            };
            if self.skipping {
                self.skipping = text != b"$end";
                rest = after;
                continue;
            }
            match kind {
                b'#' => {
                    let Some(time) = number(value) else {
                        wrong = Some("expected a time of digits behind `#`");
                        break;
                    };
                    if time < self.now {
                        wrong = Some("the time runs backwards");
                        break;
                    }
                    if time > self.now && *room == 0 {
                        full = true;
                        break;
                    }
                    // Said again, it takes nothing back.
                    self.pending &= time == self.now;
                    self.now = time;
                }
                b'0' | b'1' | b'x' | b'X' | b'z' | b'Z' | b'h' | b'H' | b'l' | b'L' | b'u' | b'U' | b'w' | b'W'
                | b'-' => {
                    if let Some((first, 1)) = self.codes.find(value) {
                        self.lines.set(first, self.now, level(kind), out, room);
                    }
                    self.pending = true;
                }
                b'b' | b'B' => {
                    let Some((code, next)) = next_token(after, whole) else { break };
                    if let Some((first, width)) = self.codes.find(code) {
                        vector(value, first, width, |channel, level| {
                            self.lines.set(channel, self.now, level, out, room);
                        });
                    }
                    self.pending = true;
                    rest = next;
                    continue;
                }
                b'r' | b'R' | b's' | b'S' => {
                    let Some((_, next)) = next_token(after, whole) else { break };
                    rest = next;
                    continue;
                }
                b'$' => match value {
                    b"comment" | b"date" | b"version" | b"timescale" | b"scope" | b"upscope" | b"var"
                    | b"attrbegin" | b"attrend" | b"timezero" => self.skipping = true,
                    b"dumpvars" | b"dumpall" | b"dumpon" | b"dumpoff" | b"end" | b"enddefinitions" => {}
                    _ => {
                        wrong = Some("expected a time or a value; this keyword is unknown");
                        break;
                    }
                },
                _ => {
                    wrong = Some("expected a time or a value");
                    break;
                }
            }
            rest = after;
        }
        let blanks = rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        let done = bytes.len() - rest.len() + blanks;
        self.source.consume(done);
        if let Some(what) = wrong {
            return Err(self.source.damaged(what));
        }
        Ok(if full {
            Step::Full
        } else if done > 0 {
            Step::Some
        } else {
            Step::None
        })
    }

    fn fill(&mut self, out: &mut Levels) -> Result<bool, CaptureError> {
        let mut room = Limits::CHANGES;
        let start = self.source.offset();
        self.lines.begin();
        loop {
            if self.source.available().is_empty() && !self.source.ended() {
                self.source.fill(1)?;
            }
            let step = self.tokens(out, &mut room)?;
            if matches!(step, Step::Full) {
                break;
            }
            if self.source.offset() - start > STRETCH {
                room = 0;
            }
            if matches!(step, Step::Some) {
                continue;
            }
            if self.source.ended() {
                self.source.check()?;
                if !self.source.available().is_empty() {
                    return Err(self.source.damaged("cut off in a value"));
                }
                self.ended = true;
                break;
            }
            if self.source.available().len() > LONGEST {
                return Err(self.source.damaged("a value of more than 1 MiB"));
            }
            self.source.grow()?;
        }
        Ok(self.source.offset() > start || room < Limits::CHANGES)
    }
}

enum Step {
    /// The next time belongs into the next stretch.
    Full,
    /// No whole token is there.
    None,
    Some,
}

impl LevelReader for Vcd {
    fn channels(&self) -> &[Channel] {
        &self.channels
    }

    fn read(&mut self, out: &mut Levels) -> Result<bool, CaptureError> {
        if self.ended {
            return Ok(false);
        }
        let result = self.fill(out);
        // A stretch ends ahead of the next time; a last time without a change is the end of the recording.
        let until = if self.ended && !self.pending { self.now } else { self.now.saturating_add(1) };
        out.until.fill(until);
        result
    }

    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn offset(&self) -> u64 {
        self.source.offset()
    }
}

/// The end of the token at the start; `None` if it goes on behind what is there.
fn end_of(bytes: &[u8], whole: bool) -> Option<usize> {
    let end = bytes.iter().position(u8::is_ascii_whitespace);
    if whole { Some(end.unwrap_or(bytes.len())) } else { end }
}

/// The next token and what follows it; `None` if it is not there yet.
fn next_token(bytes: &[u8], whole: bool) -> Option<(&[u8], &[u8])> {
    let blanks = bytes.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    let token = bytes.get(blanks..)?;
    let end = end_of(token, whole).filter(|end| *end > 0)?;
    token.split_at_checked(end)
}

fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    // Up to 19 digits fit whatever they are.
    if digits.len() <= 19 {
        return digits.iter().try_fold(0u64, |sum, digit| {
            let digit = digit.wrapping_sub(b'0');
            (digit < 10).then(|| sum * 10 + u64::from(digit))
        });
    }
    std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?.parse().ok()
}

const fn level(value: u8) -> Level {
    match value {
        b'0' | b'l' | b'L' => Level::Low,
        b'1' | b'h' | b'H' => Level::High,
        _ => Level::Unknown,
    }
}

/// Takes a vector's value apart: the last digit is its lowest bit, and a short one goes on with zeros or with what it
/// begins with where that is no digit.
fn vector(digits: &[u8], first: u32, width: u32, mut set: impl FnMut(u32, Level)) {
    let beyond = match digits.first() {
        Some(b'x' | b'X' | b'z' | b'Z') => Level::Unknown,
        _ => Level::Low,
    };
    let mut given = digits.iter().rev();
    // Channels are in the order of the name's range, highest bit first.
    for bit in 0..width {
        let level = given.next().map_or(beyond, |digit| level(*digit));
        set(first + (width - 1 - bit), level);
    }
}

/// Which channels a code stands for.
#[derive(Default)]
struct Codes {
    /// By [`index`] plus nothing: first channel and width; a width of 0 is none.
    table: Vec<(u32, u32)>,
    others: HashMap<Vec<u8>, (u32, u32)>,
}

/// The number of a short code of printable characters.
fn index(code: &[u8]) -> Option<usize> {
    const DIGITS: usize = 94;
    if code.is_empty() || code.len() > 3 {
        return None;
    }
    code.iter().rev().try_fold(0, |sum, byte| {
        let digit = usize::from(byte.wrapping_sub(b'!'));
        (digit < DIGITS).then_some(sum * DIGITS + digit + 1)
    })
}

impl Codes {
    fn insert(&mut self, var: &Var) {
        let place = (var.first, var.width);
        match index(&var.code).filter(|index| *index < TABLE) {
            Some(index) => {
                if self.table.len() <= index {
                    self.table.resize(index + 1, (0, 0));
                }
                if let Some(slot) = self.table.get_mut(index) {
                    *slot = place;
                }
            }
            None => {
                self.others.insert(var.code.clone(), place);
            }
        }
    }

    #[inline]
    fn find(&self, code: &[u8]) -> Option<(u32, u32)> {
        match index(code).filter(|index| *index < TABLE) {
            Some(index) => self.table.get(index).copied().filter(|(_, width)| *width > 0),
            None => self.others.get(code).copied(),
        }
    }
}
