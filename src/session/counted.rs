//! The module's counted data: heads on the line itself (`+IPD,0,5:`), and the data behind heads of either kind.

use super::choose::Choice;
use super::decoder::{Data, Decoder, Of, Owner, Phase};
use super::event::{EventKind, Name, Params, Read, Slot};
use super::lane::fill;
use super::matching::{self, Strictness};
use super::module::Framed;
use super::notice::Observer;
use super::recover::{Behind, Doubt, Straddle};
use super::state::Scope;
use crate::Sender;
use crate::catalog::{Catalog, Counted, Pattern, Role};
use crate::syntax::fields;

/// Longest head of counted data that starts on the line itself.
const HEAD_MAX: usize = 1024;

impl Decoder {
    /// Data that starts on the line itself: `+IPD,0,5:hello`.
    #[inline]
    pub(super) fn inline_data<O: Observer>(
        &mut self,
        catalog: &Catalog,
        rest: &[u8],
        start: usize,
        name_len: usize,
        found: &[u32],
        obs: &mut O,
    ) -> Head {
        let mut best: Option<(Choice, Counted, usize)> = None;
        // What the next bytes may still make of it.
        let mut unfinished = None;
        let mut head = Heads::default();
        for &at in found {
            let Some(line) = catalog.lines.get(at as usize) else { continue };
            let (Some(counted), Pattern::Fields { shapes }) =
                (line.data.filter(|data| !data.behind_line), &line.pattern)
            else {
                continue;
            };
            if head.separator != counted.separator {
                head = Heads::scan(rest, start + name_len + 1, counted.separator, &mut self.heads);
            }
            for shape in shapes.iter().rev() {
                let (end, complete) = match head.end(catalog, shape, rest, &self.heads) {
                    Some(Ok(end)) => (end, true),
                    Some(Err(())) => (rest.len(), false),
                    None => continue,
                };
                let quick = if complete && !self.barred {
                    self.trial.clear();
                    fill(catalog, shape, rest, start + name_len + 1, end - 1, Strictness::Module, &mut self.trial)
                } else {
                    None
                };
                let misfit = if quick == Some(true) {
                    0
                } else {
                    self.spans.clear();
                    self.spans.extend(self.heads.iter().take(shape.fields.len()));
                    matching::fit(catalog, shape, rest, &self.spans, Strictness::Module, &mut self.trial)
                };
                if complete && (misfit != 0 || count_of(catalog, counted, rest, &self.trial).is_none()) {
                    continue;
                }
                let off = line.when.as_ref().is_some_and(|when| {
                    let scope =
                        Scope { state: &self.state, params: Params { bytes: rest, slots: &self.trial, catalog } };
                    scope.holds(&when.expr) == Some(false)
                });
                let params = Params { bytes: rest, slots: &self.trial, catalog };
                let (rank, exchange, open) = self.rank(catalog, line, params);
                let choice = Choice { line: at, misfit: if off { 2 } else { 0 }, rank, exchange, open };
                if !complete {
                    let key = choice.key(catalog, self.host_seen);
                    if unfinished.is_none_or(|most| key > most) {
                        unfinished = Some(key);
                    }
                    continue;
                }
                if best
                    .as_ref()
                    .is_none_or(|(best, _, _)| choice.key(catalog, self.host_seen) > best.key(catalog, self.host_seen))
                {
                    best = Some((choice, counted, end));
                    std::mem::swap(&mut self.slots, &mut self.trial);
                }
            }
        }
        // The bytes to come must not change what is chosen now.
        let waits = !self.closing
            && unfinished
                .is_some_and(|key| best.as_ref().is_none_or(|best| key >= best.0.key(catalog, self.host_seen)));
        let Some((choice, counted, end)) = best.filter(|_| !waits) else {
            return if waits { Head::Unfinished } else { Head::None };
        };
        let (Some(line), Some(bytes)) = (catalog.lines.get(choice.line as usize), rest.get(..end)) else {
            return Head::None;
        };
        if let Some(profile) = line.profile {
            self.tell_profile(catalog, profile);
        }
        self.booting = false;
        let open = match (line.role, choice.open) {
            (Role::Reply | Role::After, Some(open)) => Some(self.skip_unanswered(catalog, open, obs)),
            (_, open) => open,
        };
        let framed = Framed { bytes, start, end, ending: None };
        let mut slots = std::mem::take(&mut self.slots);
        let params = Params { bytes, slots: &slots, catalog };
        let name = Name::known(&line.name);
        let kind = match line.role {
            Role::Reply | Role::After => EventKind::Response { name, params },
            _ => EventKind::Urc { name, params },
        };
        self.give_line(catalog, &framed, line, &choice, kind, obs);
        self.after_line(catalog, line, &choice, open, bytes, &slots, obs);
        self.start_module_data(catalog, choice, counted, bytes, &slots);
        slots.clear();
        self.slots = slots;
        Head::Given(end)
    }

    pub(super) fn start_module_data(
        &mut self,
        catalog: &Catalog,
        choice: Choice,
        counted: Counted,
        bytes: &[u8],
        slots: &[Slot],
    ) {
        if let Some(count) = count_of(catalog, counted, bytes, slots) {
            self.begin_module_data(choice.line, choice.exchange, count);
        }
    }

    /// So many bytes of data follow.
    #[inline]
    pub(super) fn begin_module_data(&mut self, line: u32, exchange: Option<u64>, count: u64) {
        if count > 0 {
            let of = Of { exchange, owner: Owner::Line(line) };
            self.side(Sender::Module).phase = Phase::Data(Data::new(of, count));
        }
    }

    pub(super) fn module_data<O: Observer>(
        &mut self,
        catalog: &Catalog,
        rest: &[u8],
        data: Data,
        settle: bool,
        obs: &mut O,
    ) -> usize {
        let size = data.part_size();
        match self.settle_doubt(catalog, rest, data, settle) {
            Some(Doubt::Gone) => {
                for (notice, time) in std::mem::take(&mut self.settled) {
                    obs.notice(notice, time, catalog);
                }
            }
            Some(Doubt::Cut(cut)) => {
                return self.cut_data(catalog, rest, cut, data, "the host went on, and the module answers it", obs);
            }
            None if self.closing => {}
            None => return 0,
        }
        let Some(bytes) = rest.get(..size) else {
            return self.short_at_end(catalog, rest, data, obs);
        };
        let left = data.left - size as u64;
        if left == 0 {
            // What follows tells whether the count was true.
            let behind = rest.get(size..).unwrap_or_default();
            let Some(told) = self.plausible(catalog, behind, settle) else { return 0 };
            // No module ends a line with a line feed behind data with a carriage return of its own: one byte too many was announced.
            if size > 1 && bytes.last() == Some(&b'\r') && behind.first() == Some(&b'\n') {
                return self.cut_data(catalog, rest, size - 1, data, "a line's end begins within the data", obs);
            }
            // The line may have begun within the data, be it one that makes sense or not.
            if matches!(told, Behind::Senseless(_)) || behind.first().is_some_and(|b| !b"\r\n".contains(b)) {
                match self.straddles(catalog, rest, size, matches!(told, Behind::Senseless(_)), settle) {
                    Straddle::At(cut) => {
                        return self.cut_data(catalog, rest, cut, data, "a line begins within the data", obs);
                    }
                    Straddle::No => {}
                    Straddle::Unclear => return 0,
                }
            }
            if let Behind::Senseless(end) = told {
                let window = rest.get(..size + end).unwrap_or(rest);
                if let Some(cut) = self.lost_in(catalog, window, size, data) {
                    return self.cut_data(catalog, rest, cut, data, "the data that follows makes no sense", obs);
                }
            }
        }
        let seq = self.give_payload(catalog, Sender::Module, bytes, Some(data), data.of, obs);
        if left > 0 {
            self.side(Sender::Module).phase = Phase::Data(Data { left, part: data.part + 1, doubt: None, ..data });
        } else {
            self.side(Sender::Module).phase = Phase::Lines;
            return size + self.surplus(catalog, rest.get(size..).unwrap_or_default(), data, seq, obs);
        }
        size
    }
}

/// What became of a head.
pub(super) enum Head {
    None,
    Given(usize),
    Unfinished,
}

/// The fields ahead of counted data on a line, split once for all shapes.
#[derive(Clone, Copy, Default)]
struct Heads {
    separator: u8,
    /// A colon or another separator ends the fields here: the place behind it.
    end: Option<usize>,
    /// The bytes end before the line's head does.
    open: bool,
    /// The last field has no end.
    partial: bool,
}

impl Heads {
    /// Splits `rest[from..]` at commas outside of quotes, up to `separator` (a comma: as far as it goes) or the line's end.
    fn scan(rest: &[u8], from: usize, separator: u8, spans: &mut Vec<fields::Span>) -> Self {
        spans.clear();
        let mut heads = Self { separator, end: None, open: false, partial: false };
        let mut start = from;
        let mut quoted = false;
        // With a comma ahead of the data nobody knows how much of what follows is data.
        let most = if separator == b',' { 8 } else { usize::MAX };
        let window = rest.get(from..rest.len().min(from + HEAD_MAX)).unwrap_or_default();
        for (at, &byte) in window.iter().enumerate() {
            let here = from + at;
            match byte {
                b'"' => quoted = !quoted,
                b'\r' | b'\n' => return heads,
                _ if quoted => {}
                b',' => {
                    spans.push((skip_blank(rest, start, here) as u32, here as u32));
                    start = here + 1;
                    if spans.len() >= most {
                        return heads;
                    }
                }
                _ if byte == separator => {
                    spans.push((skip_blank(rest, start, here) as u32, here as u32));
                    heads.end = Some(here + 1);
                    return heads;
                }
                _ => {}
            }
        }
        heads.open = window.len() < HEAD_MAX;
        heads.partial = separator == b',';
        if heads.partial {
            // What there is of the next field, to tell an address from data.
            spans.push((start as u32, (from + window.len()) as u32));
        }
        heads
    }

    /// Where the data starts if the head is of this shape: `Err` where the bytes end before that is clear, `None` if it is not.
    fn end(
        &self,
        catalog: &Catalog,
        shape: &crate::catalog::Shape,
        rest: &[u8],
        spans: &[fields::Span],
    ) -> Option<Result<usize, ()>> {
        let count = shape.fields.len();
        if self.separator != b',' {
            return match self.end {
                Some(end) if spans.len() == count => Some(Ok(end)),
                Some(_) => None,
                None if self.open && spans.len() < count => Some(Err(())),
                None => None,
            };
        }
        let complete = spans.len() - usize::from(self.partial);
        for (field, &(start, end)) in shape.fields.iter().zip(spans) {
            let Some(spec) = field.param.and_then(|at| catalog.param(at)) else { continue };
            let text = rest.get(start as usize..end as usize).unwrap_or_default();
            let fits = match spec.kind {
                crate::catalog::Kind::Ip => text.iter().all(|b| b.is_ascii_hexdigit() || b".:\"".contains(b)),
                crate::catalog::Kind::Int(_) => text.iter().all(|b| b.is_ascii_digit() || b"-\" ".contains(b)),
                _ => true,
            };
            if !fits {
                return None;
            }
        }
        if complete >= count {
            return spans.get(count - 1).map(|span| Ok(span.1 as usize + 1));
        }
        self.open.then_some(Err(()))
    }
}

fn skip_blank(bytes: &[u8], mut start: usize, end: usize) -> usize {
    while start < end && bytes.get(start) == Some(&b' ') {
        start += 1;
    }
    start
}

/// The announced size, where the line has a sound one.
pub(super) fn count_of(catalog: &Catalog, counted: Counted, bytes: &[u8], slots: &[Slot]) -> Option<u64> {
    let _ = (catalog, bytes);
    let slot = slots.iter().find(|slot| slot.spec == counted.by)?;
    match slot.read {
        Read::Int(count) => u64::try_from(count).ok(),
        _ => None,
    }
}
