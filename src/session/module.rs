//! The module's side: lines, prompts and boot banners, and what each known line changes.

use super::choose::Choice;
use super::counted::{Head, count_of};
use super::decoder::{Data, Decoder, LEAD_MAX, LINE_MAX, Of, Owner, Phase};
use super::event::{EventKind, Form, Name, Params, Slot};
use super::exchange::Stage;
use super::exchange::{later_bit, spec_of};
use super::lane::ends_name;
use super::lines::RunsOn;
use super::notice::{LineFacts, Notice, Observer};
use super::online::Below;
use super::state::Change;
use crate::Sender;
use crate::catalog::{Catalog, Line, NameHash, Pattern, Role};
use crate::planted::{self, Bug};
use crate::syntax::framing;

/// Longest name that is looked for.
pub(super) const NAME_MAX: usize = 64;

/// A line of the module, or what is left of one behind an echo.
pub(super) struct Framed<'a> {
    /// The event's bytes.
    pub(super) bytes: &'a [u8],
    /// The content, within `bytes`.
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) ending: Option<framing::Ending>,
}

impl<'a> Framed<'a> {
    pub(super) fn content(&self) -> &'a [u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }
}

/// A line's name: its length, the byte that ends it, its hash.
#[derive(Clone, Copy)]
pub(super) struct Scanned {
    pub(super) len: usize,
    pub(super) stop: Option<u8>,
    pub(super) hash: NameHash,
}

impl Decoder {
    #[inline]
    pub(super) fn run_module<O: Observer>(
        &mut self,
        catalog: &Catalog,
        bytes: &[u8],
        settle: bool,
        obs: &mut O,
    ) -> usize {
        let (done, waits) = self.recall_lines(catalog, bytes, settle, obs);
        if waits || done == bytes.len() { done } else { self.run_module_from(catalog, bytes, done, settle, obs) }
    }

    #[inline(never)]
    fn run_module_from<O: Observer>(
        &mut self,
        catalog: &Catalog,
        bytes: &[u8],
        mut done: usize,
        settle: bool,
        obs: &mut O,
    ) -> usize {
        while let Some(rest) = bytes.get(done..).filter(|rest| !rest.is_empty()) {
            let used = match self.side(Sender::Module).phase {
                Phase::Lines => self.module_line(catalog, rest, settle, obs),
                Phase::Data(data) => self.module_data(catalog, rest, data, settle, obs),
                Phase::CtrlZ(of) | Phase::Loose(of) | Phase::Transparent(of) => {
                    self.module_transparent(catalog, rest, of, settle, obs)
                }
            };
            if used == 0 {
                break;
            }
            done += used;
            let (recalled, waits) = self.recall_lines(catalog, bytes.get(done..).unwrap_or_default(), settle, obs);
            done += recalled;
            if waits {
                break;
            }
        }
        done
    }

    fn module_line<O: Observer>(&mut self, catalog: &Catalog, rest: &[u8], settle: bool, obs: &mut O) -> usize {
        let start = match rest {
            [b'\r', b'\n', first, ..] if *first > b' ' => 2,
            _ => framing::lead(rest),
        };
        if start > LEAD_MAX {
            let blank = rest.get(..LEAD_MAX).unwrap_or(rest);
            self.give(catalog, Sender::Module, blank, None, EventKind::Noise, obs);
            return blank.len();
        }
        let Some(body) = rest.get(start..).filter(|body| !body.is_empty()) else { return 0 };
        if body.first() == Some(&b'>')
            && let Some(used) = self.prompt_sign(catalog, rest, start, settle, obs)
        {
            return used;
        }
        // The name, and its hash on the way.
        let mut hash = NameHash::START;
        let mut name_len = 0;
        let mut stop = None;
        for &byte in body.get(..NAME_MAX).unwrap_or(body) {
            if ends_name(byte) {
                stop = Some(byte);
                break;
            }
            hash = hash.push(byte);
            name_len += 1;
        }
        let name = body.get(..name_len).unwrap_or(body);
        let delimited = stop.is_some_and(|stop| stop > b'\r');
        let found = if stop.is_some() { catalog.line_index.find_hashed(name, hash) } else { &[] };
        if delimited {
            let inline = found.iter().any(|&at| catalog.lines.get(at as usize).is_some_and(Line::starts_data));
            if inline {
                match self.inline_data(catalog, rest, start, name_len, found, obs) {
                    Head::None => {}
                    Head::Given(used) => return used,
                    Head::Unfinished => return 0,
                }
            }
        }
        let mut known_clear = name_len;
        if delimited {
            match self.runs_on(catalog, body, found, settle) {
                RunsOn::To(at) => known_clear = at,
                RunsOn::No => {}
                RunsOn::Unclear => return 0,
            }
        }
        if known_clear == name_len
            && stop.is_some()
            && let Some(used) = self.short_way(catalog, rest, start, name_len, delimited, found, obs)
        {
            return used;
        }
        let clear = self.side(Sender::Module).clear.min(body.len());
        // A line ends within its limit, however much more is there already.
        let window = rest.get(..=start + LINE_MAX).unwrap_or(rest);
        let line = match framing::line_from(window, start, clear.max(known_clear)) {
            Ok((_, line)) => line,
            Err(_) if body.len() > LINE_MAX => {
                let cut = rest.get(..LINE_MAX).unwrap_or(rest);
                self.give(catalog, Sender::Module, cut, None, EventKind::Noise, obs);
                return cut.len();
            }
            Err(_) if settle && self.asks(catalog, body).is_some() => {
                let (at, name) = self.asks(catalog, body).unwrap_or((0, ">"));
                self.prompt(catalog, rest, Name::known(name), Some(at), None, obs);
                return rest.len();
            }
            Err(_) => match settle.then(|| framing::line_at_end(rest)).flatten() {
                Some((line, _)) => line,
                None => {
                    self.side(Sender::Module).clear = framing::clear(body);
                    return 0;
                }
            },
        };
        let end = line.start + line.content.len();
        let framed = Framed { bytes: line.bytes, start: line.start, end, ending: Some(line.ending) };
        let name = Scanned { len: name_len.min(line.content.len()), stop, hash };
        let found = if delimited { Some(found) } else { None };
        self.content(catalog, &framed, name, found, obs)
    }

    /// The end of the recording, in the middle of a line.
    pub(super) fn module_rest<O: Observer>(&mut self, catalog: &Catalog, rest: &[u8], obs: &mut O) {
        let mut rest = rest;
        while !rest.is_empty() {
            let start = framing::lead(rest);
            let end = start + rest.get(start..).unwrap_or_default().trim_ascii_end().len();
            if start == end {
                self.give(catalog, Sender::Module, rest, None, EventKind::Noise, obs);
                return;
            }
            let framed = Framed { bytes: rest, start, end, ending: None };
            let (len, stop, hash) = scan_name(framed.content());
            let used = self.content(catalog, &framed, Scanned { len, stop, hash }, None, obs);
            rest = rest.get(used.max(1)..).unwrap_or_default();
        }
    }

    /// A `>` at the start of a line. `None`: it is text.
    fn prompt_sign<O: Observer>(
        &mut self,
        catalog: &Catalog,
        rest: &[u8],
        start: usize,
        settle: bool,
        obs: &mut O,
    ) -> Option<usize> {
        let waiting = self.open.iter().position(|exchange| {
            matches!(exchange.stage, Stage::Prompt(_) | Stage::Data | Stage::Sent)
                && !exchange.prompted
                && exchange
                    .data_spec(catalog)
                    .and_then(|spec| spec.data.as_ref())
                    .is_some_and(|data| &*data.prompt == ">")
        });
        let len = match framing::prompt(rest) {
            Ok((_, prompt)) => prompt.len(),
            Err(_) if settle => rest.len().min(start + 1),
            Err(_) => return Some(0),
        };
        // Unasked, it is one only if nothing follows it on its line; nobody knows what a host that was not recorded has asked.
        if waiting.is_none() && self.host_seen {
            match rest.get(len) {
                None if !settle => return Some(0),
                None | Some(b'\r' | b'\n') => {}
                Some(_) => return None,
            }
        }
        let bytes = rest.get(..len)?;
        self.prompt(catalog, bytes, Name::known(">"), waiting, None, obs);
        Some(len)
    }

    pub(super) fn prompt<O: Observer>(
        &mut self,
        catalog: &Catalog,
        bytes: &[u8],
        name: Name<'_>,
        open: Option<usize>,
        ending: Option<framing::Ending>,
        obs: &mut O,
    ) {
        let open = open.or_else(|| {
            if self.open.is_empty()
                && let Some(exchange) = self.reopens.take()
            {
                self.open.push(exchange);
            }
            self.open.iter().position(|exchange| exchange.is_unknown(catalog))
        });
        let open = open.map(|at| self.skip_unanswered(catalog, at, obs));
        let id = open.and_then(|at| self.open.get(at)).map(|exchange| exchange.id);
        self.give_with(
            catalog,
            Sender::Module,
            bytes,
            id,
            EventKind::Prompt { name },
            |mut facts| {
                facts.ending = ending;
                facts
            },
            obs,
        );
        let Some(at) = open else { return };
        let now = self.now;
        let Some(exchange) = self.open.get_mut(at) else { return };
        exchange.prompted = true;
        exchange.ended = now.or(exchange.ended);
        if matches!(exchange.stage, Stage::Prompt(_)) {
            self.flush_host_blanks(catalog, obs);
            self.start_data(catalog, at);
        } else if exchange.is_unknown(catalog) {
            let of = Of { exchange: Some(exchange.id), owner: Owner::Command(None) };
            self.flush_host_blanks(catalog, obs);
            self.side(Sender::Host).phase = Phase::Loose(of);
        }
    }

    /// The line end of a command that was cut off by the module's bytes is no data.
    fn flush_host_blanks<O: Observer>(&mut self, catalog: &Catalog, obs: &mut O) {
        let carry = std::mem::take(&mut self.side(Sender::Host).carry);
        if !carry.is_empty() && framing::lead(&carry) == carry.len() {
            self.give(catalog, Sender::Host, &carry, None, EventKind::Noise, obs);
        } else {
            self.side(Sender::Host).carry = carry;
        }
    }

    // ---- lines

    /// A whole line. Gives how many of its bytes are done: all, but for what stands behind an interrupted echo.
    pub(super) fn content<O: Observer>(
        &mut self,
        catalog: &Catalog,
        framed: &Framed<'_>,
        scanned: Scanned,
        found: Option<&[u32]>,
        obs: &mut O,
    ) -> usize {
        let content = framed.content();
        // A blank line ahead shows that there is no text (any more).
        let below = self.below.take().filter(|_| framed.start == 0);
        if let Some(below) = below.filter(|below| !below.begun) {
            self.text_below(catalog, framed, below, obs);
            return framed.bytes.len();
        }
        if !self.open.is_empty()
            && let Some(used) = self.echo(catalog, framed, obs)
        {
            return used;
        }
        if catalog.asks_in_words
            && let Some((at, word)) = self.download(catalog, content)
        {
            self.prompt(catalog, framed.bytes, Name::known(word), Some(at), framed.ending, obs);
            return framed.bytes.len();
        }
        let Scanned { len, stop, hash } = scanned;
        let name = content.get(..len).unwrap_or(content);
        let found = found.unwrap_or_else(|| catalog.line_index.find_hashed(name, hash));
        let mut best = self.best_found(catalog, framed, name, stop, found);
        if best.is_none() && name.len() < content.len().min(NAME_MAX) && name.ends_with(b" ") {
            // `+LINK_CONN : …`
            let trimmed = name.trim_ascii_end();
            best = self.best_named(catalog, framed, trimmed, NameHash::of(trimmed), stop);
        }
        if best.is_none() {
            best = self.best_other(catalog, framed);
        }
        if best.is_none()
            && let Some(plain) = without_colours(framed)
        {
            let (len, stop, hash) = scan_name(plain.content());
            let name = plain.content().get(..len).unwrap_or_default();
            best = self.best_named(catalog, &plain, name, hash, stop).or_else(|| self.best_other(catalog, &plain));
        }
        match (best, below) {
            (Some(choice), _) => self.known(catalog, framed, choice, obs),
            // Text of several lines: its further lines are those that mean nothing else.
            (None, Some(below)) => self.text_below(catalog, framed, below, obs),
            (None, None) => self.unknown(catalog, framed, name, stop, obs),
        }
        framed.bytes.len()
    }

    /// The exchange that the module is at work on.
    pub(super) fn working(&self) -> Option<usize> {
        let sent = self.open.iter().position(|exchange| matches!(exchange.stage, Stage::Sent | Stage::Data));
        sent.or(if self.open.is_empty() { None } else { Some(0) })
    }

    pub(super) fn known<O: Observer>(&mut self, catalog: &Catalog, framed: &Framed<'_>, choice: Choice, obs: &mut O) {
        let Some(line) = catalog.lines.get(choice.line as usize) else { return };
        if let Some(profile) = line.profile {
            self.tell_profile(catalog, profile);
        }
        match line.role {
            // What is connected or lost on the way belongs to the boot.
            Role::Boot | Role::Urc => {}
            _ => self.booting = false,
        }
        match line.role {
            Role::Result if self.goes_on(catalog, line, &choice) => self.connected(catalog, framed, line, choice, obs),
            Role::Result => self.result(catalog, framed, line, choice, obs),
            Role::Boot => self.boot_line(catalog, framed, line, choice, obs),
            _ => self.information(catalog, framed, line, choice, obs),
        }
    }

    /// Whether what is a final result elsewhere goes ahead of an unknown command's data: `CONNECT`.
    fn goes_on(&self, catalog: &Catalog, line: &Line, choice: &Choice) -> bool {
        choice.open.and_then(|at| self.open.get(at)).is_some_and(|exchange| exchange.is_unknown(catalog))
            && catalog.online.contains(&line.name)
    }

    fn connected<O: Observer>(
        &mut self,
        catalog: &Catalog,
        framed: &Framed<'_>,
        line: &Line,
        choice: Choice,
        obs: &mut O,
    ) {
        let slots = std::mem::take(&mut self.slots);
        let params = Params { bytes: framed.bytes, slots: &slots, catalog };
        let kind = EventKind::Response { name: Name::known(&line.name), params };
        self.give_line(catalog, framed, line, &choice, kind, obs);
        self.slots = slots;
        if let Some(exchange) = choice.open.and_then(|at| self.open.get_mut(at)) {
            exchange.answered = true;
            let of = Of { exchange: Some(exchange.id), owner: Owner::Command(None) };
            self.side(Sender::Host).phase = Phase::Loose(of);
        }
    }

    fn information<O: Observer>(
        &mut self,
        catalog: &Catalog,
        framed: &Framed<'_>,
        line: &Line,
        choice: Choice,
        obs: &mut O,
    ) {
        // A word that is a prompt: `DOWNLOAD`.
        let open = match (line.role, choice.open) {
            (Role::Reply | Role::After, Some(open)) => Some(self.skip_unanswered(catalog, open, obs)),
            (_, open) => open,
        };
        let mut slots = std::mem::take(&mut self.slots);
        let name = self.name_of(line, framed);
        let params = Params { bytes: framed.bytes, slots: &slots, catalog };
        let kind = match line.role {
            Role::Reply | Role::After => EventKind::Response { name, params },
            Role::Progress => EventKind::Progress { name, params },
            _ => EventKind::Urc { name, params },
        };
        self.give_line(catalog, framed, line, &choice, kind, obs);
        // What `ATI` or `AT+CGMM` prints.
        if self.profile.is_none() && (line.catch_all || matches!(line.pattern, Pattern::Free { .. })) {
            let content = framed.content();
            self.tell_by_text(catalog, content);
            let value = memchr::memchr(b':', content).and_then(|at| content.get(at + 1..)).unwrap_or_default();
            let value = value.trim_ascii_start();
            self.tell_by_text(catalog, value.strip_prefix(b"\"").unwrap_or(value));
        }
        self.after_line(catalog, line, &choice, open, framed.bytes, &slots, obs);
        if let Some(counted) = line.data.filter(|counted| counted.behind_line) {
            self.start_module_data(catalog, choice, counted, framed.bytes, &slots);
        }
        self.below = line.below.map(|spec| Below { line: choice.line, spec, begun: false });
        slots.clear();
        self.slots = slots;
    }

    /// What a line changes: the state, the exchange that it answers.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn after_line<O: Observer>(
        &mut self,
        catalog: &Catalog,
        line: &Line,
        choice: &Choice,
        open: Option<usize>,
        bytes: &[u8],
        slots: &[Slot],
        obs: &mut O,
    ) {
        let params = Params { bytes, slots, catalog };
        let mut pending = std::mem::take(&mut self.pending);
        self.line_changes(catalog, line, params, &mut pending);
        self.pending = pending;
        match line.role {
            Role::Reply | Role::After => {
                if let Some(exchange) = open.and_then(|at| self.open.get_mut(at)) {
                    exchange.answered = true;
                    exchange.rejected = false;
                    let over = exchange.specs(catalog).any(|spec| spec.replies_only);
                    if let Some(at) = open.filter(|_| over) {
                        self.succeed(catalog, at);
                        self.close_exchange(catalog, at, true);
                    }
                }
                if let (Role::After, Some(id)) = (line.role, choice.exchange)
                    && let Some(ended) = self.ended.iter_mut().rev().find(|ended| ended.id == id)
                {
                    ended.reading =
                        line.data.is_some_and(|counted| count_of(catalog, counted, bytes, slots) != Some(0))
                            && line.data.is_some();
                }
            }
            Role::Later => {
                let bit = later_bit(catalog, line);
                if let Some(ended) = self.ended.iter_mut().find(|ended| Some(ended.id) == choice.exchange) {
                    ended.delivered |= bit;
                }
                if let Some(exchange) = open.and_then(|at| self.open.get_mut(at)) {
                    exchange.delivered |= bit;
                }
            }
            Role::Progress if line.rejects => self.reject_newest(),
            _ => {}
        }
        self.apply_pending();
        let _ = obs;
    }

    /// What a line says of the state: effects of its own, and what a read-back shows.
    pub(super) fn line_changes(&self, catalog: &Catalog, line: &Line, params: Params<'_>, out: &mut Vec<Change>) {
        if planted::is(Bug::DecoderLines) {
            return;
        }
        let twin = line.twin.and_then(|twin| catalog.lines.get(twin as usize));
        let sets = twin.map_or(&line.sets, |twin| &twin.sets);
        self.state.changes(sets, params, out);
        if let (Role::Reply | Role::After, Some((command, Form::Read))) = (line.role, line.owner) {
            // A read-back: what the set form stores is now known.
            let entry = catalog.commands.get(command as usize);
            let specs = [Form::Set, Form::Read].into_iter().filter_map(|form| entry.and_then(|entry| entry.form(form)));
            for effect in specs.flat_map(|spec| &spec.sets) {
                if let Some(crate::catalog::expr::Term::Param(name)) = effect.value
                    && params.iter().any(|param| param.spec().is_some_and(|spec| spec.name_id == name))
                {
                    self.state.changes(std::slice::from_ref(effect), params, out);
                }
            }
        }
    }

    /// `busy p...`: the newest command gets no other answer.
    fn reject_newest(&mut self) {
        // Alone, it is refused only if nothing else was sent that could be.
        let alone = self.open.len() == 1 && !self.side(Sender::Host).carry.is_empty();
        if let Some(exchange) = self.open.last_mut()
            && !alone
            && !exchange.answered
            && matches!(exchange.stage, Stage::Answer | Stage::Prompt(false))
        {
            exchange.rejected = true;
        }
    }

    pub(super) fn give_line<O: Observer>(
        &mut self,
        catalog: &Catalog,
        framed: &Framed<'_>,
        line: &Line,
        choice: &Choice,
        kind: EventKind<'_>,
        obs: &mut O,
    ) -> u64 {
        // What comes behind a result may answer a command that went ahead of the recording.
        let late = line.owner.and_then(|(command, form)| spec_of(catalog, Self::part_of(Some(command), form)));
        let host_seen = self.hears_host() && (self.begun || late.is_none_or(|spec| spec.after.is_empty()));
        let cut = self.closing || framed.ending.is_none() && line.data.is_none_or(|counted| counted.behind_line);
        let Some(line) = catalog.lines.get(choice.line as usize) else { return self.seq };
        self.give_with(
            catalog,
            Sender::Module,
            framed.bytes,
            choice.exchange,
            kind,
            |mut facts| {
                facts.line = Some(LineFacts { line: Some(line), misfit: choice.misfit, host_seen });
                facts.ending = framed.ending;
                facts.cut = cut;
                facts
            },
            obs,
        )
    }

    fn name_of<'a>(&self, line: &'a Line, framed: &Framed<'a>) -> Name<'a> {
        let colon = || {
            let content = framed.content();
            match memchr::memchr(b':', content) {
                Some(at) if at <= 40 => Name::raw(content.get(..at).unwrap_or_default().trim_ascii_end()),
                _ => Name::known(""),
            }
        };
        match line.pattern {
            Pattern::Free { .. } => colon(),
            // `Bin version(<module>):<version>`
            Pattern::Template { .. } if line.name.is_empty() => colon(),
            _ => Name::known(&line.name),
        }
    }

    pub(super) fn tell_profile(&mut self, catalog: &Catalog, profile: u16) {
        // A profile without tells stands for what every generation prints.
        let telling = catalog.profiles.get(usize::from(profile)).is_some_and(|profile| !profile.tells.is_empty());
        if telling && self.profile.is_none() {
            self.profile = Some(profile);
        }
    }

    /// Text that tells a firmware generation or a product.
    pub(super) fn tell_by_text(&mut self, catalog: &Catalog, content: &[u8]) {
        let told =
            |tells: &[Box<str>]| tells.iter().any(|tell| !tell.is_empty() && content.starts_with(tell.as_bytes()));
        if let Some(at) = catalog.profiles.iter().position(|profile| told(&profile.tells)) {
            self.profile = Some(at as u16);
        }
        if self.model.is_none()
            && let Some(at) = catalog.models.iter().position(|model| told(&model.tells))
        {
            self.model = Some(at as u16);
            // What drew no finding may draw one now.
            self.state.outdate(0);
        }
    }

    // ---- boot

    fn boot_line<O: Observer>(
        &mut self,
        catalog: &Catalog,
        framed: &Framed<'_>,
        line: &Line,
        choice: Choice,
        obs: &mut O,
    ) {
        let slots = std::mem::take(&mut self.slots);
        let params = Params { bytes: framed.bytes, slots: &slots, catalog };
        let kind = EventKind::Boot { name: self.name_of(line, framed), params };
        let seq = self.give_line(catalog, framed, line, &choice, kind, obs);
        self.tell_by_text(catalog, framed.content());
        self.slots = slots;
        if !line.restart || self.booting && !self.restarts_now(catalog) {
            return;
        }
        self.booting = true;
        let phase = self.side(Sender::Host).phase;
        let given = self.side(Sender::Host).base;
        self.flush_host_data(catalog, None, false, obs);
        // The host may not have noticed yet.
        self.remains = match phase {
            Phase::Data(data) => {
                let left = data.left.saturating_sub(self.side(Sender::Host).base - given);
                (left > 0).then_some(Data { left, ..data })
            }
            _ => None,
        };
        self.quiet = false;
        let asked = self.restart_asked(catalog);
        // What was asked after the reset, though it is read only now, lives on.
        let spared =
            self.spared.filter(|spared| spared.1 >= self.side(Sender::Module).base).map_or(u64::MAX, |spared| spared.0);
        let mut open = 0;
        while self.open.first().is_some_and(|exchange| exchange.id < spared) {
            self.close_exchange(catalog, 0, false);
            open += 1;
        }
        self.ended.clear();
        self.newest = self.open.last().and_then(|exchange| Self::first_command(exchange));
        self.refused = None;
        if self.open.is_empty() {
            self.side(Sender::Host).phase = Phase::Lines;
        }
        if planted::is(Bug::DecoderRestart) {
        } else if self.host_seen {
            self.state.reset(catalog, false);
        } else {
            // What the host does is not recorded, or comes later: until it is seen nothing is known.
            self.state.forget();
            self.fresh = true;
        }
        if !asked && (self.host_seen || seq > 0 && self.exchanges > 0) {
            self.notice(catalog, Notice::Reset { seq, open }, obs);
        }
    }

    /// Whether what the module is at work on restarts it.
    fn restarts_now(&self, catalog: &Catalog) -> bool {
        self.open.last().is_some_and(|exchange| exchange.specs(catalog).any(|spec| spec.restarts))
    }

    /// Whether the newest command is one that restarts the module.
    fn restart_asked(&self, catalog: &Catalog) -> bool {
        let Some((command, form)) = self.newest else { return false };
        let spec = catalog.commands.get(command as usize).and_then(|command| command.form(form));
        spec.is_some_and(|spec| spec.restarts)
    }
}

/// Scans a name as [`Decoder::module_line`] does.
pub(super) fn scan_name(content: &[u8]) -> (usize, Option<u8>, NameHash) {
    let mut hash = NameHash::START;
    for (at, &byte) in content.iter().take(NAME_MAX).enumerate() {
        if matches!(byte, b':' | b',' | b'=') {
            return (at, Some(byte), hash);
        }
        hash = hash.push(byte);
    }
    (content.len().min(NAME_MAX), None, hash)
}

/// The line without the ANSI colours and blanks around it; `None` where it has none.
fn without_colours<'a>(framed: &Framed<'a>) -> Option<Framed<'a>> {
    let content = framed.content();
    if !matches!(content.first(), Some(0x1B | b' ' | b'\t')) {
        return None;
    }
    let mut rest = content;
    loop {
        rest = rest.trim_ascii_start();
        let Some(code) = rest.strip_prefix(b"\x1B[") else { break };
        let end = code.iter().position(|b| !(b.is_ascii_digit() || *b == b';'))?;
        rest = code.get(end + 1..)?;
    }
    let start = framed.end - rest.len();
    let rest = rest.strip_suffix(b"\x1B[0m").unwrap_or(rest).trim_ascii_end();
    (!rest.is_empty()).then_some(Framed { bytes: framed.bytes, start, end: start + rest.len(), ending: framed.ending })
}
