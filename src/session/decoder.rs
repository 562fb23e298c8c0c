//! The decoder: bytes of both directions in, typed events out. Sans-IO: no file, no clock, no thread.
//!
//! Chunk-blind: what it gives depends on the order of the bytes, never on how they were cut. It holds at most one line, one
//! part of a payload and the queue of open exchanges.
//! Trap: a change of sender is part of the order of the bytes. What waits for the next byte of its own sender (a line that ends
//! in CR, a `>` that may have a space behind it) is settled when the other one speaks.

use std::collections::VecDeque;

use super::clock::Clock;
use super::event::{Event, EventKind, Name, Slot};
use super::exchange::{Ended, Exchange, PartOf, Stage, spec_of};
use super::memo::Memo;
use super::notice::{Facts, Notice, Observer};
use super::online::Below;
use super::recall::Starts;
use super::state::{Change, State};
use crate::catalog::{Catalog, Sends};
use crate::syntax::command::Part;
use crate::syntax::fields::Span;
use crate::syntax::framing::Ending;
use crate::{Sender, Time};

/// Longest line; what is longer is no line of any module, and becomes noise in pieces of this size.
pub(crate) const LINE_MAX: usize = 64 * 1024;

/// Most blank bytes ahead of a line.
pub(crate) const LEAD_MAX: usize = crate::syntax::framing::LEAD_MAX;

/// Size of a payload's parts.
pub const PART: usize = 1024 * 1024;

/// Most exchanges that are kept open; the oldest is forgotten beyond.
const OPEN_MAX: usize = 64;

/// Most ended commands that are kept for what may still come of them.
const ENDED_MAX: usize = 32;

/// What the decoder may be told ahead.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The product, by name or alias; unknown ones are ignored.
    pub model: Option<String>,
    /// The session starts at reset, in the manual's default state.
    pub from_boot: bool,
    /// The order between host and module is not known (two files of raw bytes): rules that need it stay silent.
    pub unordered: bool,
    /// The host's commands show only where the module repeats them (a terminal log): what answers none that was seen accuses nobody.
    pub echoes: bool,
}

/// One sender's side of the line.
#[derive(Debug, Default)]
pub(super) struct Side {
    /// Bytes that no event has yet.
    pub(super) carry: Vec<u8>,
    /// Place of the first of them in the sender's stream.
    pub(super) base: u64,
    /// How many of them, behind the blanks ahead, are known to hold no line end.
    pub(super) clear: usize,
    pub(super) clock: Clock,
    pub(super) phase: Phase,
}

/// What a sender's bytes are for now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Phase {
    #[default]
    Lines,
    /// Counted data.
    Data(Data),
    /// Data up to Ctrl-Z or Esc.
    CtrlZ(Of),
    /// What an unknown command asked for: all that comes until the module speaks.
    Loose(Of),
    /// Transparent mode.
    Transparent(Of),
}

/// Counted data in progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Data {
    pub(super) of: Of,
    pub(super) declared: u64,
    /// What is still to come, the part in work included.
    pub(super) left: u64,
    pub(super) part: u64,
    /// Of the module's data: how many bytes of the part had come when the host sent its next command, and that command's exchange.
    pub(super) doubt: Option<(usize, u64)>,
}

impl Data {
    pub(super) fn new(of: Of, declared: u64) -> Self {
        Self { of, declared, left: declared, part: 0, doubt: None }
    }

    /// Size of the part in work.
    pub(super) fn part_size(&self) -> usize {
        usize::try_from(self.left).unwrap_or(PART).min(PART)
    }
}

/// What data belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Of {
    pub(super) exchange: Option<u64>,
    pub(super) owner: Owner,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    Command(Option<u32>),
    Line(u32),
}

impl Of {
    /// The manual lets the host send more than it announces.
    pub(super) fn may_have_more(&self, catalog: &Catalog) -> bool {
        let Owner::Command(Some(command)) = self.owner else { return false };
        let mut forms =
            catalog.commands.get(command as usize).into_iter().flat_map(|command| command.forms.iter().flatten());
        forms.any(|spec| spec.data.as_ref().is_some_and(|phase| phase.surplus))
    }
}

impl Side {
    /// Time of a byte; asked in the order of the stream.
    #[inline]
    pub(super) fn time_at(&mut self, offset: u64) -> Option<Time> {
        self.clock.time_at(offset)
    }

    /// Time of a byte further on.
    #[inline]
    pub(super) fn time_ahead(&self, offset: u64) -> Option<Time> {
        self.clock.time_ahead(offset)
    }
}

/// Decodes one session.
#[derive(Debug)]
pub(crate) struct Decoder {
    pub(super) model: Option<u16>,
    pub(super) profile: Option<u16>,
    pub(super) state: State,
    pub(super) sides: [Side; 2],
    last: Option<Sender>,
    pub(super) now: Option<Time>,
    pub(super) seq: u64,
    pub(super) exchanges: u64,
    #[allow(clippy::vec_box)] // they go into `spare` and back as they are
    pub(super) open: Vec<Box<Exchange>>,
    /// Used ones, kept for their buffers.
    #[allow(clippy::vec_box)] // they go into `open` and back as they are
    spare: Vec<Box<Exchange>>,
    pub(super) ended: VecDeque<Ended>,
    /// A data phase that was refused: what the host may still send of it.
    pub(super) refused: Option<(Of, Option<u64>)>,
    /// The host's last event was the end of counted data.
    pub(super) after_data: Option<(Of, u64)>,
    pub(super) host_seen: bool,
    pub(super) module_seen: bool,
    pub(super) booting: bool,
    /// A result came as a number.
    pub(super) numbers: bool,
    /// Data has begun that the module has not asked for; told once its event is there.
    pub(super) early: Option<Notice>,
    /// Exchanges from this one on were opened at this place of the module's stream: a reset ahead of it is none of theirs.
    pub(super) spared: Option<(u64, u64)>,
    /// The newest exchange with data that has ended.
    pub(super) last_data: Option<u64>,
    /// Overlaps that may be none: the result may lie in data whose count is in doubt.
    pub(super) doubted: Vec<(Notice, Option<Time>)>,
    /// Those of them that hold after all.
    pub(super) settled: Vec<(Notice, Option<Time>)>,
    /// Notices that hold only if the module's side was recorded.
    pub(super) held: Vec<(Notice, Option<Time>)>,
    /// The last exchange ended in words of the firmware's own, which an `OK` may follow: of this exchange, if it is one's.
    pub(super) loose_end: Option<Option<u64>>,
    /// A reset came in the middle of the host's data: what the host may still send of it.
    pub(super) remains: Option<Data>,
    /// The commands of the last line, for `A/`.
    pub(super) last_parts: Vec<PartOf>,
    /// See [`Options::echoes`].
    pub(super) echoes: bool,
    /// The newest command, where no catalog knows it and it had a result: a prompt may still follow.
    pub(super) reopens: Option<Box<Exchange>>,
    /// The module was told to give no results (`ATQ1`).
    pub(super) quiet: bool,
    /// A command of this recording had its result.
    pub(super) begun: bool,
    /// The module has reset before the host was seen: its state is that of a reset once the host is.
    pub(super) fresh: bool,
    /// The newest command that the catalog knows.
    pub(super) newest: Option<(u32, super::Form)>,
    pub(super) spans: Vec<Span>,
    /// Fields of a head of counted data.
    pub(super) heads: Vec<Span>,
    pub(super) slots: Vec<Slot>,
    pub(super) trial: Vec<Slot>,
    pub(super) parts: Vec<Part>,
    pub(super) pending: Vec<Change>,
    /// The recording has ended; what is left is cut off.
    pub(super) closing: bool,
    /// The recording has ended: a CR at its very end may be half of a line end.
    at_end: bool,
    /// Text may follow right behind the newest line.
    pub(super) below: Option<Below>,
    /// Lines that came before; `None` while it is in use.
    pub(super) memo: Option<Box<Memo>>,
    /// Starts of the names of heads of counted data.
    pub(super) heads_of: Starts,
    /// Everything goes the long way, for tests that hold the short ways against it.
    pub(super) barred: bool,
}

impl Decoder {
    pub(crate) fn new(catalog: &Catalog, options: &Options) -> Self {
        let model = options.model.as_deref().and_then(|name| catalog.model(name));
        let mut state = State::new(catalog);
        if options.from_boot {
            state.reset(catalog, true);
        }
        Self {
            model,
            profile: None,
            state,
            sides: Default::default(),
            last: None,
            now: None,
            seq: 0,
            exchanges: 0,
            open: Vec::new(),
            spare: Vec::new(),
            ended: VecDeque::new(),
            refused: None,
            after_data: None,
            host_seen: false,
            module_seen: false,
            numbers: false,
            booting: false,
            early: None,
            spared: None,
            last_data: None,
            doubted: Vec::new(),
            settled: Vec::new(),
            held: Vec::new(),
            loose_end: None,
            remains: None,
            last_parts: Vec::new(),
            fresh: false,
            echoes: options.echoes,
            reopens: None,
            quiet: false,
            begun: false,
            newest: None,
            spans: Vec::new(),
            heads: Vec::new(),
            slots: Vec::new(),
            trial: Vec::new(),
            parts: Vec::new(),
            pending: Vec::new(),
            closing: false,
            at_end: false,
            below: None,
            memo: Some(Box::new(Memo::new(false))),
            heads_of: Starts::new(catalog),
            barred: false,
        }
    }

    /// Bars the short ways.
    #[cfg(feature = "fuzzing")]
    pub(crate) fn bar_short_way(&mut self) {
        self.barred = true;
        self.memo = None;
    }

    /// Starts with what another decoder of the same catalog has learnt, or learns at first sight.
    #[cfg(feature = "fuzzing")]
    pub(crate) fn learn_at_once(&mut self, other: Option<Self>) {
        self.state.outdate(other.as_ref().map_or(0, |other| other.state.version()));
        self.memo = other.and_then(|other| other.memo).or_else(|| Some(Box::new(Memo::new(false))));
    }

    /// How many events were told by lines that came before.
    #[cfg(test)]
    pub(crate) fn recalled(&self) -> u64 {
        self.memo.as_ref().map_or(0, |memo| memo.hits)
    }

    /// The host was seen, and what it says is all there: what answers none of it is wrong.
    pub(super) fn hears_host(&self) -> bool {
        // Busy with what went ahead of the recording, the module answers that.
        let ahead = || self.open.iter().any(|exchange| exchange.rejected && exchange.id == 0);
        self.host_seen && !self.echoes && (self.begun || !ahead())
    }

    /// Something answers a command that was not seen: it may have changed anything.
    pub(super) fn unheard(&mut self) {
        if self.echoes {
            self.state.forget();
        }
    }

    /// Events so far, exchanges so far, bytes of host and module.
    pub(crate) fn counts(&self) -> (u64, u64, [u64; 2]) {
        let bytes = self.sides.each_ref().map(|side| side.base + side.carry.len() as u64);
        (self.seq, self.exchanges, bytes)
    }

    /// What is known of a state key; for tests.
    #[cfg(feature = "fuzzing")]
    pub(crate) fn known_state(&self, catalog: &Catalog, key: &str, index: usize) -> Option<crate::catalog::StateValue> {
        let at = catalog.states.iter().position(|spec| *spec.name == *key)?;
        self.state.value(u16::try_from(at).ok()?, index)
    }

    /// The firmware generation that traffic told.
    pub(crate) fn profile<'c>(&self, catalog: &'c Catalog) -> Option<&'c str> {
        self.profile.and_then(|at| catalog.profiles.get(usize::from(at))).map(|profile| &*profile.name)
    }

    /// Takes the next bytes of a sender.
    pub(crate) fn push<O: Observer>(
        &mut self,
        catalog: &Catalog,
        from: Sender,
        time: Option<Time>,
        bytes: &[u8],
        obs: &mut O,
    ) {
        if bytes.is_empty() {
            return;
        }
        match from {
            Sender::Host => self.push_to::<true, O>(catalog, time, bytes, obs),
            Sender::Module => self.push_to::<false, O>(catalog, time, bytes, obs),
        }
    }

    #[inline(always)]
    fn push_to<const HOST: bool, O: Observer>(
        &mut self,
        catalog: &Catalog,
        time: Option<Time>,
        bytes: &[u8],
        obs: &mut O,
    ) {
        let from = if HOST { Sender::Host } else { Sender::Module };
        if self.last != Some(from) {
            let [host, module] = &self.sides;
            let peer = if HOST { module } else { host };
            if !peer.carry.is_empty() {
                self.run_carry(catalog, from.peer(), true, obs);
            }
            self.last = Some(from);
        }
        self.now = time;
        if !HOST && !self.module_seen {
            self.module_seen = true;
            for (notice, time) in std::mem::take(&mut self.held) {
                obs.notice(notice, time, catalog);
            }
        }
        let [host, module] = &mut self.sides;
        let side = if HOST { host } else { module };
        if side.carry.is_empty() {
            side.clock.stamp(side.base, time, true);
            let done = self.run(catalog, from, bytes, false, obs);
            if let Some(rest) = bytes.get(done..).filter(|rest| !rest.is_empty()) {
                self.side(from).carry.extend_from_slice(rest);
            }
        } else {
            side.clock.stamp(side.base + side.carry.len() as u64, time, false);
            side.carry.extend_from_slice(bytes);
            self.run_carry(catalog, from, false, obs);
        }
    }

    /// The recording ends: gives what is left.
    pub(crate) fn finish<O: Observer>(&mut self, catalog: &Catalog, obs: &mut O) {
        self.at_end = true;
        if let Some(last) = self.last {
            self.run_carry(catalog, last.peer(), true, obs);
            self.run_carry(catalog, last, true, obs);
        }
        self.closing = true;
        for from in [Sender::Host, Sender::Module] {
            self.run_carry(catalog, from, true, obs);
            self.close_side(catalog, from, obs);
        }
        self.drop_overdue(catalog, obs);
    }

    pub(super) fn side(&mut self, from: Sender) -> &mut Side {
        let [host, module] = &mut self.sides;
        match from {
            Sender::Host => host,
            Sender::Module => module,
        }
    }

    pub(super) fn run_carry<O: Observer>(&mut self, catalog: &Catalog, from: Sender, settle: bool, obs: &mut O) {
        let mut carry = std::mem::take(&mut self.side(from).carry);
        if carry.is_empty() {
            self.side(from).carry = carry;
            return;
        }
        let done = self.run(catalog, from, &carry, settle, obs);
        if done >= carry.len() {
            carry.clear();
        } else if done > 0 {
            carry.drain(..done);
        }
        if carry.capacity() > 2 * PART {
            carry.shrink_to(PART);
        }
        self.side(from).carry = carry;
    }

    /// Works through bytes; gives how many of them are done.
    #[inline(always)]
    fn run<O: Observer>(&mut self, catalog: &Catalog, from: Sender, bytes: &[u8], settle: bool, obs: &mut O) -> usize {
        match from {
            Sender::Host => self.run_host(catalog, bytes, settle, obs),
            Sender::Module => self.run_module(catalog, bytes, settle, obs),
        }
    }

    /// What no rule could finish when the recording ended.
    fn close_side<O: Observer>(&mut self, catalog: &Catalog, from: Sender, obs: &mut O) {
        let carry = std::mem::take(&mut self.side(from).carry);
        if carry.is_empty() {
            return;
        }
        match self.side(from).phase {
            Phase::Data(data) => {
                self.give_payload(catalog, from, &carry, Some(data), data.of, obs);
            }
            Phase::CtrlZ(of) | Phase::Loose(of) => {
                self.give_payload(catalog, from, &carry, None, of, obs);
            }
            Phase::Transparent(of) => {
                self.give(catalog, from, &carry, of.exchange, EventKind::Passthrough, obs);
            }
            Phase::Lines => match from {
                Sender::Host => self.host_rest(catalog, &carry, obs),
                Sender::Module => self.module_rest(catalog, &carry, obs),
            },
        }
    }

    /// Gives an event of bytes alone.
    pub(super) fn give<O: Observer>(
        &mut self,
        catalog: &Catalog,
        from: Sender,
        bytes: &[u8],
        exchange: Option<u64>,
        kind: EventKind<'_>,
        obs: &mut O,
    ) -> u64 {
        self.give_with(catalog, from, bytes, exchange, kind, |facts| facts, obs)
    }

    /// Gives an event with what is known of it. The event's bytes are the next ones of its sender.
    #[inline]
    #[allow(clippy::too_many_arguments)]
    pub(super) fn give_with<'f, O: Observer>(
        &'f mut self,
        catalog: &'f Catalog,
        from: Sender,
        bytes: &[u8],
        exchange: Option<u64>,
        kind: EventKind<'_>,
        facts: impl FnOnce(Facts<'f>) -> Facts<'f>,
        obs: &mut O,
    ) -> u64 {
        let seq = self.seq;
        self.seq += 1;
        let side = self.side(from);
        let offset = side.base;
        // The blank line ahead of a line may be older than the line.
        let blank = match kind {
            EventKind::Payload { .. } | EventKind::Passthrough | EventKind::Noise => 0,
            _ if !side.clock.is_still() => crate::syntax::framing::lead(bytes).min(bytes.len().saturating_sub(1)),
            _ => 0,
        };
        let time = side.time_at(offset + blank as u64);
        side.base += bytes.len() as u64;
        side.clear = 0;
        let mut known = facts(Facts {
            catalog,
            state: &self.state,
            model: self.model,
            command: None,
            line: None,
            ending: None,
            cut: self.closing,
            told: None,
        });
        if self.at_end && known.ending == Some(Ending::Cr) {
            known.ending = None;
        }
        obs.event(&Event { seq, from, time, offset, bytes, exchange, kind, told: 0 }, &known);
        seq
    }

    /// Gives data of either side; says so where it is not what was announced.
    pub(super) fn give_payload<O: Observer>(
        &mut self,
        catalog: &Catalog,
        from: Sender,
        bytes: &[u8],
        data: Option<Data>,
        of: Of,
        obs: &mut O,
    ) -> u64 {
        let text;
        let name = match of.owner {
            Owner::Line(at) => catalog.lines.get(at as usize).map_or(Name::known(""), |line| Name::known(&line.name)),
            Owner::Command(Some(at)) => {
                catalog.commands.get(at as usize).map_or(Name::known(""), |c| Name::known(&c.name))
            }
            Owner::Command(None) => {
                let owner = self.open.iter().find(|exchange| Some(exchange.id) == of.exchange);
                text = owner.map_or_else(Vec::new, |exchange| exchange.raw_name().to_vec());
                Name::raw_command(&text)
            }
        };
        let part = data.filter(|data| data.declared > PART as u64).map(|data| data.part);
        let kind = EventKind::Payload { of: name, declared: data.map(|data| data.declared), part };
        self.give(catalog, from, bytes, of.exchange, kind, obs)
    }

    pub(super) fn notice<O: Observer>(&mut self, catalog: &Catalog, notice: Notice, obs: &mut O) {
        obs.notice(notice, self.now, catalog);
    }

    // ---- exchanges

    #[inline]
    pub(super) fn new_exchange(&mut self) -> Box<Exchange> {
        let id = self.exchanges;
        self.exchanges += 1;
        let mut exchange = self.spare.pop().unwrap_or_default();
        exchange.reuse(id);
        exchange
    }

    /// Keeps a used exchange for its buffers.
    #[inline]
    pub(super) fn recycle(&mut self, exchange: Box<Exchange>) {
        if self.spare.len() < 8 {
            self.spare.push(exchange);
        }
    }

    #[inline]
    pub(super) fn open_exchange(&mut self, exchange: Box<Exchange>) {
        if self.open.len() >= OPEN_MAX {
            let oldest = self.open.remove(0);
            self.recycle(oldest);
        }
        self.open.push(exchange);
    }

    /// Takes an exchange out of the queue and remembers what may still come of it.
    pub(super) fn close_exchange(&mut self, catalog: &Catalog, at: usize, remember: bool) {
        if at >= self.open.len() {
            return;
        }
        let exchange = self.open.remove(at);
        if remember {
            for part in &exchange.parts {
                let Some(spec) = spec_of(catalog, *part) else { continue };
                if spec.later.is_empty() && spec.after.is_empty() {
                    continue;
                }
                if self.ended.len() >= ENDED_MAX {
                    self.ended.pop_front();
                }
                let command = part.command.unwrap_or_default();
                self.ended.push_back(Ended {
                    id: exchange.id,
                    command,
                    form: part.form,
                    delivered: exchange.delivered,
                    reading: false,
                    first: exchange.first,
                });
            }
        }
        let id = exchange.id;
        if remember && self.open.is_empty() && exchange.is_unknown(catalog) {
            self.reopens = Some(exchange);
        } else {
            self.recycle(exchange);
        }
        // The host's data of this exchange is over, however much of it came.
        if matches!(self.side(Sender::Host).phase, Phase::Data(Data { of, .. }) | Phase::CtrlZ(of) | Phase::Loose(of) if of.exchange == Some(id))
        {
            self.side(Sender::Host).phase = Phase::Lines;
        }
    }

    pub(super) fn first_command(exchange: &Exchange) -> Option<(u32, super::Form)> {
        exchange.parts.first().and_then(|part| part.command.map(|command| (command, part.form)))
    }

    /// Gives up exchanges whose documented maximum has passed: time went on without them.
    pub(super) fn drop_overdue<O: Observer>(&mut self, catalog: &Catalog, obs: &mut O) {
        let Some(now) = self.now else { return };
        let mut at = 0;
        while let Some(exchange) = self.open.get(at) {
            let overdue = match (exchange.ended, exchange.timeout, exchange.stage) {
                (Some(ended), Some(limit), Stage::Answer | Stage::Prompt(_) | Stage::Sent) => {
                    now.since(ended) > Time::from_millis(limit) && self.module_seen
                }
                _ => false,
            };
            if overdue {
                self.lose_exchange(catalog, at, "the documented maximum response time has passed", obs);
            } else {
                at += 1;
            }
        }
    }

    /// An exchange will not be ended any more.
    pub(super) fn lose_exchange<O: Observer>(
        &mut self,
        catalog: &Catalog,
        at: usize,
        because: &'static str,
        obs: &mut O,
    ) {
        let Some(exchange) = self.open.get(at) else { return };
        let notice = Notice::MissingFinal {
            seq: exchange.seq,
            exchange: exchange.id,
            time: exchange.ended,
            limit: exchange.timeout,
            command: Self::first_command(exchange),
            because,
        };
        // It may have been done all the same.
        self.state.unsettle(&exchange.changes);
        // Whether an unknown command was answered in full nobody can say.
        let unsure = exchange.blurred || exchange.muted || exchange.answered && exchange.is_unknown(catalog);
        self.close_exchange(catalog, at, false);
        if !unsure {
            self.notice(catalog, notice, obs);
        }
    }

    /// Something of the exchange at `at` came: what was asked before it and has nothing yet will get nothing.
    pub(super) fn skip_unanswered<O: Observer>(&mut self, catalog: &Catalog, at: usize, obs: &mut O) -> usize {
        let mut at = at;
        let mut before = 0;
        while before < at {
            let silent = self.open.get(before).is_some_and(|exchange| {
                matches!(exchange.stage, Stage::Answer | Stage::Prompt(false)) && !exchange.rejected
            });
            if silent {
                self.lose_exchange(catalog, before, "a later command was answered", obs);
                at -= 1;
            } else {
                before += 1;
            }
        }
        at
    }

    /// The data phase of the open exchange `id` begins (or goes on) with the host's next byte.
    pub(super) fn start_data(&mut self, catalog: &Catalog, at: usize) {
        let Some(exchange) = self.open.get_mut(at) else { return };
        let owner =
            Owner::Command(exchange.data_part.and_then(|at| exchange.parts.get(at)).and_then(|part| part.command));
        let of = Of { exchange: Some(exchange.id), owner };
        let declared = exchange.declared;
        exchange.stage = Stage::Data;
        match exchange.sends(catalog) {
            Some(Sends::CtrlZ) => self.side(Sender::Host).phase = Phase::CtrlZ(of),
            Some(Sends::Transparent) => {
                self.side(Sender::Host).phase = Phase::Transparent(of);
                self.side(Sender::Module).phase = Phase::Transparent(of);
            }
            _ => match declared {
                Some(0) => {
                    if let Some(exchange) = self.open.get_mut(at) {
                        exchange.stage = Stage::Sent;
                    }
                }
                Some(declared) => self.side(Sender::Host).phase = Phase::Data(Data::new(of, declared)),
                None => self.side(Sender::Host).phase = Phase::CtrlZ(of),
            },
        }
    }

    pub(super) fn apply_pending(&mut self) {
        let pending = std::mem::take(&mut self.pending);
        for change in &pending {
            self.state.apply(*change);
        }
        self.pending = pending;
        self.pending.clear();
    }

    /// The parts of an exchange as the catalog knows them.
    pub(super) fn is_open(&self, command: u32, form: super::Form) -> Option<usize> {
        self.open.iter().position(|exchange| exchange.has(command, form))
    }

    pub(super) fn is_open_command(&self, command: u32) -> Option<usize> {
        self.open.iter().position(|exchange| exchange.has_command(command))
    }

    pub(super) fn part_of(command: Option<u32>, form: super::Form) -> PartOf {
        PartOf { command, form }
    }
}
