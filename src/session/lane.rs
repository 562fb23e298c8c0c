//! The short way: a known line in its documented shape, whole and with CR LF, is told without trying alternatives.
//!
//! Never decides otherwise than the long way (`module`, `choose`): whatever it is not sure of it leaves to it. A law of
//! the tests: with the short way barred, events and findings are the same.

use super::choose::{CATCH_ALL, Choice, Key, OUT_OF_RANGE};
use super::decoder::{Decoder, LINE_MAX};
use super::event::{Form, Params, Read, Slot};
use super::matching::{self, Strictness};
use super::module::Framed;
use super::notice::Observer;
use super::state::Scope;
use crate::catalog::{Catalog, Kind, Line, Pattern, Role, Shape, same};
use crate::syntax::{framing, value};

/// A line with its place in the event's bytes.
pub(super) struct Whole<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) content: &'a [u8],
    /// Where the fields start in `bytes`.
    pub(super) from: usize,
    /// Where the content ends in `bytes`.
    pub(super) end: usize,
    /// A `:`, `,` or `=` ends the name.
    pub(super) delimited: bool,
}

/// Whether a byte ends a name: `:`, `,`, `=`, CR or LF.
#[inline]
pub(super) const fn ends_name(byte: u8) -> bool {
    // All five are below `>`; most bytes of a name are not.
    byte < b'>' && matches!(byte, b':' | b',' | b'=' | b'\r' | b'\n')
}

impl Decoder {
    /// Takes a line of the module the short way; gives how many bytes are done. `None`: nothing was done.
    ///
    /// `start`: length of the blanks ahead; `name_len`: how far the name goes; `delimited`: a `:`, `,` or `=` ends it, no line end;
    /// `found`: the entries of that name.
    #[inline]
    #[allow(clippy::too_many_arguments)]
    pub(super) fn short_way<O: Observer>(
        &mut self,
        catalog: &Catalog,
        rest: &[u8],
        start: usize,
        name_len: usize,
        delimited: bool,
        found: &[u32],
        obs: &mut O,
    ) -> Option<usize> {
        if self.barred || self.below.is_some() {
            return None;
        }
        let body = rest.get(start..)?;
        let first = body.first();
        // The module may be repeating a command.
        if self.open.iter().any(|exchange| exchange.unechoed().first() == first) {
            return None;
        }
        let len = if delimited {
            let from = name_len.max(self.module_clear()).min(body.len());
            let window = body.get(from..body.len().min(LINE_MAX))?;
            from + framing::end_of_line(window)?
        } else {
            name_len
        };
        let (content, tail) = body.split_at_checked(len)?;
        if !tail.starts_with(b"\r\n") || matches!(content.last(), None | Some(b' ' | b'\t' | 0)) {
            return None;
        }
        let bytes = rest.get(..start + len + 2)?;
        let line = Whole { bytes, content, from: start + name_len + 1, end: start + len, delimited };
        let framed = Framed { bytes, start, end: line.end, ending: Some(framing::Ending::CrLf) };
        if catalog.asks_in_words && found.iter().any(|&at| catalog.lines.get(at as usize).is_some_and(|line| line.asks))
        {
            return None;
        }
        let choice = match found {
            [] if delimited => self.link_of(catalog, &line, start, name_len)?,
            [] => self.words_of(catalog, &framed)?,
            [at] => {
                let entry = catalog.lines.get(*at as usize)?;
                if self.fits(catalog, entry, &line) != Some(true) {
                    return None;
                }
                let params = Params { bytes, slots: &self.trial, catalog };
                let (rank, exchange, open) = self.rank(catalog, entry, params);
                std::mem::swap(&mut self.slots, &mut self.trial);
                Choice { line: *at, misfit: 0, rank, exchange, open }
            }
            _ => self.one_of(catalog, found, &line)?,
        };
        self.known(catalog, &framed, choice, obs);
        Some(bytes.len())
    }

    fn module_clear(&self) -> usize {
        let [_, module] = &self.sides;
        module.clear
    }

    /// Of several entries of a name, the one that is better than any other may be; its parameters are in `slots` then.
    fn one_of(&mut self, catalog: &Catalog, found: &[u32], line: &Whole<'_>) -> Option<Choice> {
        // Nearly always it is the first of those whose turn it is: if that one is as documented, no other is better.
        let mut turn: Option<Choice> = None;
        let none = Params { bytes: line.bytes, slots: &[], catalog };
        for &at in found {
            let entry = catalog.lines.get(at as usize)?;
            if entry.starts_data() {
                return None;
            }
            // Whose it is hangs on the parameters where two may have asked.
            if entry.role == Role::Later {
                return None;
            }
            let (rank, exchange, open) = self.rank(catalog, entry, none);
            if turn.is_none_or(|turn| rank > turn.rank) {
                turn = Some(Choice { line: at, misfit: 0, rank, exchange, open });
            }
        }
        let turn = turn?;
        let entry = catalog.lines.get(turn.line as usize)?;
        if entry.profile.is_none()
            && !entry.catch_all
            && turn.may_be_best()
            && self.fits(catalog, entry, line) == Some(true)
            && matching::in_range(catalog, line.bytes, &self.trial)
        {
            std::mem::swap(&mut self.slots, &mut self.trial);
            return Some(turn);
        }
        let mut best: Option<(Key, Choice)> = None;
        // The most that one of those may be that take a closer look.
        let mut doubtful: Option<Key> = None;
        for &at in found {
            let entry = catalog.lines.get(at as usize)?;
            let (rank, exchange, open) = self.rank(catalog, entry, none);
            let fits = if entry.catch_all { None } else { self.fits(catalog, entry, line) };
            let misfit = match fits {
                Some(false) => 1,
                // A range list fits the answer of a test command as it should.
                None if entry.catch_all && entry.owner.is_none_or(|(_, form)| form != Form::Test) => CATCH_ALL,
                Some(true) if !matching::in_range(catalog, line.bytes, &self.trial) => OUT_OF_RANGE,
                _ => 0,
            };
            let choice = Choice { line: at, misfit, rank, exchange, open };
            let key = choice.key(catalog, self.host_seen);
            if fits != Some(true) {
                if doubtful.is_none_or(|most| key > most) {
                    doubtful = Some(key);
                }
            } else if best.as_ref().is_none_or(|best| key > best.0) {
                best = Some((key, choice));
                std::mem::swap(&mut self.slots, &mut self.trial);
            }
        }
        let (key, choice) = best?;
        doubtful.is_none_or(|most| key > most).then_some(Choice { misfit: 0, ..choice })
    }

    /// `0,CONNECT`: a link number ahead of fixed words.
    fn link_of(&mut self, catalog: &Catalog, line: &Whole<'_>, start: usize, digits: usize) -> Option<Choice> {
        let words = line.content.get(digits..)?.strip_prefix(b",")?;
        let number = line.content.get(..digits).filter(|number| number.len() <= 3)?;
        let value = value::decimal(number).filter(|_| number.iter().all(u8::is_ascii_digit))?;
        let (start, end) = (start as u32, (start + digits) as u32);
        let mut best: Option<(Key, Choice, u32)> = None;
        for &at in catalog.link_index.find(words) {
            let entry = catalog.lines.get(at as usize)?;
            let Pattern::Link { param } = entry.pattern else { continue };
            if !same(entry.name.as_bytes(), words) || !catalog.param(param)?.numeric {
                return None;
            }
            let slots = [Slot { start, end, spec: param, read: Read::Int(value) }];
            let (rank, exchange, open) =
                self.rank(catalog, entry, Params { bytes: line.bytes, slots: &slots, catalog });
            let choice = Choice { line: at, misfit: 0, rank, exchange, open };
            let key = choice.key(catalog, self.host_seen);
            if best.as_ref().is_none_or(|best| key > best.0) {
                best = Some((key, choice, param));
            }
        }
        let (_, choice, spec) = best?;
        self.slots.clear();
        self.slots.push(Slot { start, end, spec, read: Read::Int(value) });
        Some(choice)
    }

    /// `Recv 5 bytes`: words with parameters in between, found by the first word.
    fn words_of(&mut self, catalog: &Catalog, framed: &Framed<'_>) -> Option<Choice> {
        let content = framed.content();
        let word = content.get(..memchr::memchr(b' ', content)?)?;
        let [at] = *catalog.line_index.find(word) else { return None };
        let entry = catalog.lines.get(at as usize)?;
        let Pattern::Template { parts } = &entry.pattern else { return None };
        if self.fit_template(catalog, parts, framed) != Some(0) {
            return None;
        }
        let params = Params { bytes: framed.bytes, slots: &self.trial, catalog };
        let (rank, exchange, open) = self.rank(catalog, entry, params);
        std::mem::swap(&mut self.slots, &mut self.trial);
        Some(Choice { line: at, misfit: 0, rank, exchange, open })
    }

    /// Whether a line is as an entry says; its parameters are in `trial` then. `None`: that takes a closer look.
    #[inline]
    fn fits(&mut self, catalog: &Catalog, entry: &Line, line: &Whole<'_>) -> Option<bool> {
        let mut fits = self.fits_some(catalog, entry, line)?;
        if let Some(when) = entry.when.as_ref().filter(|_| fits && line.delimited) {
            let params = Params { bytes: line.bytes, slots: &self.trial, catalog };
            fits = Scope { state: &self.state, params }.holds(&when.expr) != Some(false);
        }
        Some(fits)
    }

    /// As [`fits`](Self::fits), whatever mode is on.
    #[inline]
    pub(super) fn fits_some(&mut self, catalog: &Catalog, entry: &Line, line: &Whole<'_>) -> Option<bool> {
        self.trial.clear();
        match &entry.pattern {
            Pattern::Words if !line.delimited => Some(same(entry.name.as_bytes(), line.content)).filter(|same| *same),
            Pattern::Fields { shapes } if line.delimited && line.from < line.end && !entry.starts_data() => {
                for shape in shapes {
                    self.trial.clear();
                    if fill(catalog, shape, line.bytes, line.from, line.end, Strictness::Module, &mut self.trial)? {
                        return Some(true);
                    }
                }
                Some(false)
            }
            _ => None,
        }
    }
}

/// Reads the fields of `bytes[from..end]` after a shape: whether they fit. `None`: it takes a closer look.
#[inline]
pub(super) fn fill(
    catalog: &Catalog,
    shape: &Shape,
    bytes: &[u8],
    from: usize,
    end: usize,
    strict: Strictness,
    slots: &mut Vec<Slot>,
) -> Option<bool> {
    if !shape.quick {
        return None;
    }
    let text = bytes.get(..end)?;
    let mut at = from;
    for (position, field) in shape.fields.iter().enumerate() {
        if text.get(at) == Some(&b' ') {
            at += 1;
        }
        let spec_at = field.param?;
        let spec = catalog.param(spec_at)?;
        let rest = text.get(at..)?;
        let (len, read) = match rest.first() {
            Some(b' ') => return None,
            Some(b'"') => {
                let inner = rest.get(1..)?;
                let len = inner.iter().position(|&b| b == b'"' || b == b'\\')?;
                if inner.get(len) != Some(&b'"') {
                    return None;
                }
                (len + 2, None)
            }
            None | Some(b',') if !field.optional && position < shape.min => return Some(false),
            None | Some(b',') => (0, Some(Read::Omitted)),
            Some(_) if spec.numeric => {
                let (len, number) = number(rest)?;
                (len, Some(Read::Int(number)))
            }
            Some(_) => (rest.iter().position(|&b| b == b',').unwrap_or(rest.len()), None),
        };
        let raw = rest.get(..len)?;
        if raw.last() == Some(&b' ') {
            return None;
        }
        let read = match (read, &spec.kind) {
            (Some(read), _) => read,
            // What a module says may be quoted or not.
            (None, Kind::String(_) | Kind::Text(_) | Kind::Host(_)) if strict == Strictness::Module => {
                if raw.first() == Some(&b'"') { Read::Quoted } else { Read::Bare }
            }
            (None, _) => matching::read(raw, Some(spec), catalog.escapes, strict),
        };
        if read == Read::Broken {
            return Some(false);
        }
        let stop = at + len;
        slots.push(Slot { start: at as u32, end: stop as u32, spec: spec_at, read });
        match text.get(stop) {
            Some(b',') => at = stop + 1,
            // A quote with something else behind it does not end its string.
            Some(_) => return None,
            // Half of what comes together takes a closer look.
            None if strict == Strictness::Host && shape.owed(position + 1) > 0 => return None,
            None => return Some(position + 1 >= shape.min),
        }
    }
    Some(false)
}

/// A decimal number that ends at a comma or with the text: its length and value.
#[inline]
fn number(text: &[u8]) -> Option<(usize, i64)> {
    let negative = text.first() == Some(&b'-');
    let mut number = 0_i64;
    let mut len = usize::from(negative);
    for &byte in text.get(len..)? {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            if byte == b',' {
                break;
            }
            return None;
        }
        number = number.wrapping_mul(10).wrapping_add(i64::from(digit));
        len += 1;
    }
    let digits = len - usize::from(negative);
    (digits > 0 && digits <= 18).then_some((len, if negative { -number } else { number }))
}
