//! Which entry of the catalog is a line? Its shape decides, then whose turn it is.
//!
//! The same prefix is URC or answer: the open exchange decides, then the number of fields.

use super::decoder::Decoder;
use super::event::{Form, Params, Read, Slot, Value};
use super::exchange::later_bit;
use super::matching::{self, Misfit, NO_FIT, Strictness};
use super::module::Framed;
use super::state::Scope;
use crate::catalog::{Catalog, Kind, Line, NameHash, Part, Pattern, Role};
use crate::syntax::{fields, framing};

/// The entry that a line is taken for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Choice {
    pub(super) line: u32,
    pub(super) misfit: Misfit,
    pub(super) rank: u8,
    pub(super) exchange: Option<u64>,
    pub(super) open: Option<usize>,
}

/// How good a choice is; see [`Choice::key`].
pub(super) type Key = (u8, u8, std::cmp::Reverse<Misfit>, bool);

impl Choice {
    /// The line is as its entry says.
    pub(super) fn is_fit(&self) -> bool {
        self.misfit == 0
    }

    /// Whether none of a lower rank can be better, if the line is as its entry says.
    pub(super) fn may_be_best(&self) -> bool {
        self.rank > rank::NOBODY
    }

    pub(super) fn key(&self, catalog: &Catalog, host_seen: bool) -> Key {
        let manual = catalog.lines.get(self.line as usize).is_some_and(|line| line.profile.is_none());
        let fit = match self.misfit {
            // It fits, but nobody asked: who waits for such a line has it, though it is broken.
            // Unless the host was not recorded: then nobody knows who asked.
            OUT_OF_RANGE if self.rank == rank::NOBODY => 1,
            // What anything fits is no better than a URC that is nearly this line.
            CATCH_ALL if self.rank == rank::NOBODY => 0,
            // A broken answer is no range list of the same command.
            CATCH_ALL if self.rank == rank::COMMAND_OPEN => 1,
            0 if self.rank == rank::NOBODY && host_seen => 1,
            0 => 3,
            OUT_OF_RANGE | CATCH_ALL => 2,
            _ if self.rank >= rank::COMMAND_OPEN => 1,
            _ => 0,
        };
        (fit, self.rank, std::cmp::Reverse(self.misfit), manual)
    }
}

/// Fits, but for a number out of its documented range.
pub(super) const OUT_OF_RANGE: Misfit = 1_000_000;

/// Fits because anything does.
pub(super) const CATCH_ALL: Misfit = 1_000_001;

/// Most fields of a line whose strings are looked for anew.
const REJOINED_MAX: usize = 16;

/// How well a line's part suits the moment; more is better.
pub(super) mod rank {
    pub(in crate::session) const OWNER_OPEN: u8 = 6;
    pub(in crate::session) const OWNER_WAITS: u8 = 5;
    pub(in crate::session) const RESULT_TAKEN: u8 = 5;
    pub(in crate::session) const COMMAND_OPEN: u8 = 4;
    pub(in crate::session) const UNASKED: u8 = 3;
    pub(in crate::session) const RESULT_LOOSE: u8 = 2;
    pub(in crate::session) const NOBODY: u8 = 1;
}

/// Whether a line has the parameter that a command started with, and another number in it: it speaks of another link or method.
fn is_other(first: Option<(u32, i64)>, params: Params<'_>) -> bool {
    let Some((name, own)) = first else { return false };
    let same = params.iter().find(|param| param.spec().is_some_and(|spec| spec.name_id == name));
    same.is_some_and(|param| matches!(param.value(), Value::Int(number) if number != own))
}

impl Decoder {
    /// `1,CLOSED` while `AT+CIPCLOSE=0` is open.
    fn of_another(&self, line: &Line, (command, form): (u32, Form), params: Params<'_>) -> bool {
        matches!(line.pattern, Pattern::Link { .. })
            && self.is_open(command, form).is_some()
            && self
                .open
                .iter()
                .filter(|exchange| exchange.has(command, form))
                .all(|exchange| is_other(exchange.first, params))
    }

    /// The entry that suits a name, if one does; its parameters are left in `slots`.
    pub(super) fn best_named(
        &mut self,
        catalog: &Catalog,
        framed: &Framed<'_>,
        name: &[u8],
        hash: NameHash,
        stop: Option<u8>,
    ) -> Option<Choice> {
        self.best_found(catalog, framed, name, stop, catalog.line_index.find_hashed(name, hash))
    }

    /// As [`best_named`](Self::best_named), with the entries of that name at hand.
    #[inline]
    pub(super) fn best_found(
        &mut self,
        catalog: &Catalog,
        framed: &Framed<'_>,
        name: &[u8],
        stop: Option<u8>,
        found: &[u32],
    ) -> Option<Choice> {
        if found.is_empty() {
            return None;
        }
        let content = framed.content();
        let delimited = matches!(stop, Some(b':' | b',' | b'=')) && name.len() < content.len();
        self.spans.clear();
        if delimited {
            let skip = content
                .get(name.len()..)
                .map_or(0, |rest| rest.iter().position(|b| b":,=".contains(b)).map_or(rest.len(), |at| at + 1));
            fields::split(framed.bytes, framed.start + name.len() + skip, framed.end, catalog.escapes, &mut self.spans);
        }
        let mut best: Option<Choice> = None;
        for &at in found {
            let Some(line) = catalog.lines.get(at as usize) else { continue };
            let fitted = match &line.pattern {
                Pattern::Fields { shapes } if delimited => self.fit_shapes(catalog, shapes, framed.bytes, line),
                Pattern::Fields { shapes } => {
                    // A bare name: only where the fields may all be missing.
                    self.trial.clear();
                    shapes.iter().any(|shape| shape.min == 0).then_some(0)
                }
                Pattern::Words if !delimited && same_words(&line.name, content) => {
                    self.trial.clear();
                    Some(0)
                }
                _ => None,
            };
            // Of several that fit, the one whose ranges hold.
            let fitted = fitted.map(|misfit| match misfit {
                0 if found.len() > 1 && line.catch_all && !self.is_list(line, framed.bytes) => CATCH_ALL,
                0 if found.len() > 1 && !matching::in_range(catalog, framed.bytes, &self.trial) => OUT_OF_RANGE,
                _ => misfit,
            });
            self.consider(catalog, framed.bytes, at, line, fitted, &mut best);
        }
        if delimited && best.is_some_and(|best| best.misfit > 0) {
            self.reread(catalog, framed, found, &mut best);
        }
        best.map(|choice| if choice.misfit >= OUT_OF_RANGE { Choice { misfit: 0, ..choice } } else { choice })
    }

    /// A line that fits nothing as it stands: its strings may come unescaped (`"a",b"` is one SSID, `"a\"` has no escape in it).
    fn reread(&mut self, catalog: &Catalog, framed: &Framed<'_>, found: &[u32], best: &mut Option<Choice>) {
        let plain = std::mem::take(&mut self.spans);
        if catalog.escapes
            && let Some(&(start, _)) = plain.first()
            && framed.content().contains(&b'\\')
        {
            fields::split(framed.bytes, start as usize, framed.end, false, &mut self.spans);
        }
        let mut done = !self.spans.is_empty() && self.refit(catalog, framed, found, best);
        if !done && plain.len() <= REJOINED_MAX {
            let at = |(at, _): (u32, u32)| framed.bytes.get(at as usize).copied();
            let last =
                |(_, end): (u32, u32)| (end as usize).checked_sub(1).and_then(|at| framed.bytes.get(at).copied());
            'joins: for (first, &opens) in plain.iter().enumerate().filter(|(_, span)| at(**span) == Some(b'"')) {
                for (end, &closes) in plain.iter().enumerate().skip(first + 1) {
                    let pieces = plain.get(first..=end).unwrap_or_default();
                    if !matches!(last(closes), Some(b'"' | b')'))
                        || pieces.iter().all(|span| is_whole(framed.bytes, *span))
                    {
                        continue;
                    }
                    self.spans.clear();
                    self.spans.extend(plain.iter().take(first));
                    self.spans.push((opens.0, closes.1));
                    self.spans.extend(plain.iter().skip(end + 1));
                    done = self.refit(catalog, framed, found, best);
                    if done {
                        break 'joins;
                    }
                }
            }
        }
        self.spans = plain;
    }

    /// Holds the fields of `spans` against the entries that have a string; whether one fits in all respects.
    fn refit(&mut self, catalog: &Catalog, framed: &Framed<'_>, found: &[u32], best: &mut Option<Choice>) -> bool {
        for &at in found {
            let Some(line) = catalog.lines.get(at as usize).filter(|line| !line.catch_all) else { continue };
            let Pattern::Fields { shapes } = &line.pattern else { continue };
            let texts = shapes.iter().flat_map(|shape| &shape.fields).any(|field| {
                let spec = field.param.and_then(|param| catalog.param(param));
                spec.is_some_and(|spec| matches!(spec.kind, Kind::String(_)))
            });
            if texts
                && self.fit_shapes(catalog, shapes, framed.bytes, line) == Some(0)
                && matching::in_range(catalog, framed.bytes, &self.trial)
            {
                self.consider(catalog, framed.bytes, at, line, Some(0), best);
                return true;
            }
        }
        false
    }

    /// What was read is a range list, as a test command answers with.
    fn is_list(&self, line: &Line, bytes: &[u8]) -> bool {
        line.owner.is_some_and(|(_, form)| form == Form::Test)
            && self.trial.first().is_some_and(|slot| slot.raw(bytes).starts_with(b"("))
    }

    /// Entries that a name does not find: words with commas, a link number ahead, words with parameters, bare fields.
    pub(super) fn best_other(&mut self, catalog: &Catalog, framed: &Framed<'_>) -> Option<Choice> {
        let content = framed.content();
        let mut best: Option<Choice> = None;
        if content.first().is_some_and(u8::is_ascii_digit)
            && let Some((digits, words)) = split_link(content)
        {
            for &at in catalog.link_index.find(words) {
                let Some(line) = catalog.lines.get(at as usize) else { continue };
                let Pattern::Link { param } = line.pattern else { continue };
                let fitted = same_words(&line.name, words).then(|| {
                    self.trial.clear();
                    let (start, end) = (framed.start as u32, (framed.start + digits) as u32);
                    let raw = content.get(..digits).unwrap_or_default();
                    let read = matching::read(raw, catalog.param(param), false, Strictness::Module);
                    self.trial.push(Slot { start, end, spec: param, read });
                    0
                });
                self.consider(catalog, framed.bytes, at, line, fitted, &mut best);
            }
        }
        let word = content.split(|&b| b == b' ').next().unwrap_or_default();
        if best.is_none() {
            for key in [content, word] {
                for &at in catalog.line_index.find(key) {
                    let Some(line) = catalog.lines.get(at as usize) else { continue };
                    let fitted = match &line.pattern {
                        Pattern::Template { parts } => self.fit_template(catalog, parts, framed),
                        Pattern::Words if same_words(&line.name, content) => {
                            self.trial.clear();
                            Some(0)
                        }
                        _ => None,
                    };
                    self.consider(catalog, framed.bytes, at, line, fitted, &mut best);
                }
            }
        }
        if best.is_none() {
            self.best_numeric(catalog, framed).or_else(|| self.best_free(catalog, framed))
        } else {
            best
        }
    }

    /// A result code as a number (`ATV0`): alone on a line that ends in CR, while a command is open, or where one came before.
    fn best_numeric(&mut self, catalog: &Catalog, framed: &Framed<'_>) -> Option<Choice> {
        let content = framed.content();
        // A blank line of what follows may hide that it ends in CR alone.
        let ends = matches!(framed.ending, Some(framing::Ending::Cr | framing::Ending::CrCrLf));
        if (self.open.is_empty() && !self.numbers) || content.len() > 2 || !ends {
            return None;
        }
        let code = crate::syntax::value::decimal(content)?;
        let at = catalog.lines.iter().position(|line| line.numeric == Some(code))?;
        let line = catalog.lines.get(at)?;
        self.trial.clear();
        let mut best = None;
        self.consider(catalog, framed.bytes, at as u32, line, Some(0), &mut best);
        self.numbers = true;
        best
    }

    /// Lines without a name of their own, where an open command answers with such.
    fn best_free(&mut self, catalog: &Catalog, framed: &Framed<'_>) -> Option<Choice> {
        let mut best: Option<Choice> = None;
        for open in 0..self.open.len() {
            let Some(exchange) = self.open.get(open) else { continue };
            let lines: Vec<u32> = exchange
                .specs(catalog)
                .filter(|spec| spec.free)
                .flat_map(|spec| spec.reply.iter().chain(&spec.after).copied())
                .collect();
            for at in lines {
                let Some(line) = catalog.lines.get(at as usize) else { continue };
                let Pattern::Free { shapes } = &line.pattern else { continue };
                self.spans.clear();
                fields::split(framed.bytes, framed.start, framed.end, catalog.escapes, &mut self.spans);
                let fitted = self.fit_shapes(catalog, shapes, framed.bytes, line).filter(|misfit| *misfit == 0);
                self.consider(catalog, framed.bytes, at, line, fitted, &mut best);
            }
            if best.is_some() {
                break;
            }
        }
        best
    }

    /// The shape of a line that fits best, its slots in `trial`.
    #[inline]
    fn fit_shapes(
        &mut self,
        catalog: &Catalog,
        shapes: &[crate::catalog::Shape],
        bytes: &[u8],
        line: &Line,
    ) -> Option<Misfit> {
        let mut best: Option<(usize, Misfit)> = None;
        for (at, shape) in shapes.iter().enumerate() {
            let misfit = matching::fit(catalog, shape, bytes, &self.spans, Strictness::Module, &mut self.trial);
            if misfit == 0 {
                best = Some((at, 0));
                break;
            }
            if misfit != NO_FIT && best.is_none_or(|best| misfit < best.1) {
                best = Some((at, misfit));
            }
        }
        let (at, misfit) = best?;
        if misfit > 0 && shapes.len() > 1 {
            let shape = shapes.get(at)?;
            matching::fit(catalog, shape, bytes, &self.spans, Strictness::Module, &mut self.trial);
        }
        // Another mode's shape is no better than a broken one.
        let off = line.when.as_ref().is_some_and(|when| {
            let scope = Scope { state: &self.state, params: Params { bytes, slots: &self.trial, catalog } };
            scope.holds(&when.expr) == Some(false)
        });
        Some(misfit + if off { 2 } else { 0 })
    }

    pub(super) fn fit_template(&mut self, catalog: &Catalog, parts: &[Part], framed: &Framed<'_>) -> Option<Misfit> {
        self.trial.clear();
        let content = framed.content();
        let mut at = 0;
        let mut misfit = 0;
        let mut parts = parts.iter().peekable();
        while let Some(part) = parts.next() {
            match part {
                Part::Literal(text) => {
                    let rest = content.get(at..)?;
                    let text: &[u8] = if parts.peek().is_none() { text.trim_ascii_end() } else { text };
                    rest.strip_prefix(text)?;
                    at += text.len();
                }
                Part::Param(spec) => {
                    let rest = content.get(at..)?;
                    let len = match parts.peek() {
                        Some(Part::Literal(next)) => find(rest, next.trim_ascii_end())?,
                        _ => rest.len(),
                    };
                    let raw = rest.get(..len)?;
                    let read = matching::read(raw, catalog.param(*spec), catalog.escapes, Strictness::Module);
                    if read == Read::Broken {
                        misfit += 1;
                    }
                    let start = framed.start + at;
                    self.trial.push(Slot { start: start as u32, end: (start + len) as u32, spec: *spec, read });
                    at += len;
                }
            }
        }
        (at == content.len()).then_some(misfit)
    }

    /// Ranks a candidate and keeps the better one, its slots in `slots`.
    #[inline]
    fn consider(
        &mut self,
        catalog: &Catalog,
        bytes: &[u8],
        at: u32,
        line: &Line,
        fitted: Option<Misfit>,
        best: &mut Option<Choice>,
    ) {
        let Some(misfit) = fitted else { return };
        let params = Params { bytes, slots: &self.trial, catalog };
        let (rank, exchange, open) = self.rank(catalog, line, params);
        let choice = Choice { line: at, misfit, rank, exchange, open };
        if best.as_ref().is_none_or(|best| choice.key(catalog, self.host_seen) > best.key(catalog, self.host_seen)) {
            *best = Some(choice);
            std::mem::swap(&mut self.slots, &mut self.trial);
        }
    }

    /// How well a line's part suits the moment, and whose it is.
    #[inline]
    pub(super) fn rank(&self, catalog: &Catalog, line: &Line, params: Params<'_>) -> (u8, Option<u64>, Option<usize>) {
        let id = |open: usize| self.open.get(open).map(|exchange| exchange.id);
        match (line.role, line.owner) {
            (Role::Reply, Some((command, form))) => {
                if self.of_another(line, (command, form), params) {
                    return (rank::NOBODY, None, None);
                }
                if let Some(open) = self.is_open(command, form) {
                    return (rank::OWNER_OPEN, id(open), Some(open));
                }
                match self.is_open_command(command) {
                    Some(open) => (rank::COMMAND_OPEN, id(open), Some(open)),
                    None => (rank::NOBODY, None, None),
                }
            }
            (Role::After, Some((command, form))) => {
                let ended = self.ended.iter().rev().find(|ended| ended.command == command && ended.form == form);
                let open = self.is_open(command, form);
                // `AT+HTTPREAD`, then `AT+HTTPREAD=0,10`: behind the result of the newer one comes what answers that one.
                let newest = self.ended.iter().rev().find(|other| other.command == command).map(|newest| newest.id);
                let is_newest = ended.is_some_and(|ended| newest == Some(ended.id));
                match (ended, open) {
                    // What is being read goes on, also when the next command of the kind is already there.
                    (Some(ended), _) if ended.reading && is_newest => (rank::OWNER_OPEN, Some(ended.id), None),
                    (_, Some(open)) => (rank::OWNER_OPEN, id(open), Some(open)),
                    (Some(ended), None) if is_newest => (rank::OWNER_WAITS, Some(ended.id), None),
                    (Some(ended), None) => (rank::COMMAND_OPEN, Some(ended.id), None),
                    (None, None) => (rank::NOBODY, None, None),
                }
            }
            (Role::Later, Some((command, form))) => {
                // The newest one that it suits: of an older one the result was lost, unless that one says otherwise.
                let bit = if line.repeats { 0 } else { later_bit(catalog, line) };
                let ended = self
                    .ended
                    .iter()
                    .rev()
                    .filter(|ended| ended.command == command && ended.form == form)
                    .find(|ended| ended.delivered & bit == 0 && !is_other(ended.first, params));
                match (ended, self.is_open(command, form)) {
                    (Some(ended), _) => (rank::OWNER_WAITS, Some(ended.id), None),
                    (None, Some(open)) => (rank::OWNER_WAITS, id(open), Some(open)),
                    // It came already: again, it is nobody's.
                    (None, None) => (rank::UNASKED, None, None),
                }
            }
            (Role::Result, _) => {
                let failure = !line.ok && is_failure(catalog, line);
                let taker = |rejected: bool| {
                    self.open.iter().position(|exchange| {
                        exchange.rejected == rejected && exchange.takes(catalog, &line.name, failure)
                    })
                };
                match taker(false).or_else(|| taker(true)) {
                    Some(open) => (rank::RESULT_TAKEN, id(open), Some(open)),
                    None => (rank::RESULT_LOOSE, None, None),
                }
            }
            (Role::Progress, _) => {
                let open = if line.rejects { None } else { self.working() };
                (rank::UNASKED, open.and_then(id), open)
            }
            _ => (rank::UNASKED, None, None),
        }
    }
}

/// Whether the quotes of a field are pairs: such a field is none that stands within a string.
fn is_whole(bytes: &[u8], (start, end): (u32, u32)) -> bool {
    let field = bytes.get(start as usize..end as usize).unwrap_or_default();
    field.iter().filter(|&&byte| byte == b'"').count() % 2 == 0
}

/// Where a short text starts; lines are too short for a searcher that takes time to build.
fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    let Some(first) = what.first() else { return Some(0) };
    let mut from = 0;
    loop {
        let rest = text.get(from..)?;
        let at = rest.iter().position(|byte| byte == first)?;
        if rest.get(at..)?.starts_with(what) {
            return Some(from + at);
        }
        from += at + 1;
    }
}

/// `0` and `CONNECT` of `0,CONNECT`.
fn split_link(content: &[u8]) -> Option<(usize, &[u8])> {
    let digits = content.iter().take_while(|b| b.is_ascii_digit()).count();
    if digits > 3 || content.get(digits) != Some(&b',') {
        return None;
    }
    content.get(digits + 1..).map(|words| (digits, words.trim_ascii()))
}

/// Names with a prefix are compared without case; words are not: `OK` is a result, `ok` is text.
fn same_words(name: &str, content: &[u8]) -> bool {
    let name = name.as_bytes();
    if name.first().is_some_and(u8::is_ascii_alphanumeric) {
        name == content
    } else {
        name.eq_ignore_ascii_case(content)
    }
}

/// Results that mean failure whatever the command: `ERROR`, `+CME ERROR`, and whatever the catalog lists as any command's but the first.
pub(super) fn is_failure(catalog: &Catalog, line: &Line) -> bool {
    catalog.results.iter().skip(1).any(|name| *name == line.name) || line.name.ends_with("ERROR")
}
