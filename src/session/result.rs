//! Final results: which exchange one ends, and what that makes of the exchange's data and state.

use super::choose::{Choice, is_failure};
use super::decoder::{Data, Decoder, Of, Owner, Phase};
use super::event::{EventKind, Name, Param, Params};
use super::exchange::{Stage, spec_of};
use super::module::Framed;
use super::notice::{Notice, Observer};
use crate::catalog::{Catalog, Line};
use crate::planted::{self, Bug};
use crate::{Sender, Time};

/// How long a command must have waited without a word before an answer to the next one is not taken for its own.
const LONG_WAIT: Time = Time::from_millis(5000);

impl Decoder {
    pub(super) fn result<O: Observer>(
        &mut self,
        catalog: &Catalog,
        framed: &Framed<'_>,
        line: &Line,
        choice: Choice,
        obs: &mut O,
    ) {
        let open = match choice.open {
            Some(open) => Some(open),
            // Nobody waits for it; a plain failure or success still ends what is there, and so does a result that can be no other's.
            None => self.open.iter().position(|exchange| {
                catalog.results.contains(&line.name)
                    || self.open.len() == 1
                        && !exchange.rejected
                        && self.last_data.is_none_or(|last| last + 2 < exchange.id)
            }),
        };
        let choice = self.quick_answer(catalog, framed, line, choice, obs);
        let open = if choice.open.is_some() { choice.open } else { open };
        let taken = choice.open.is_some();
        // Refused with `busy`, and nothing was asked before it: the result is of what went ahead of the recording.
        let before =
            open.is_none() && self.open.len() == 1 && self.open.iter().all(|open| open.rejected && open.id == 0);
        if let Some(id) = open.and_then(|open| self.open.get(open)).map(|exchange| exchange.id) {
            self.flush_host_data(catalog, Some(id), true, obs);
        }
        let slots = std::mem::take(&mut self.slots);
        let params = Params { bytes: framed.bytes, slots: &slots, catalog };
        let code = line.code.and_then(|code| {
            let name_id = catalog.param(code)?.name_id;
            params.iter().find(|param| param.spec().is_some_and(|spec| spec.name_id == name_id))
        });
        let code: Option<Param<'_>> = code.or_else(|| params.at(0));
        let offset = self.side(Sender::Module).base + framed.start as u64;
        let time = self.side(Sender::Module).time_at(offset);
        let exchange = open.and_then(|open| self.open.get(open));
        let asked = exchange.and_then(|exchange| exchange.ended);
        let latency = match (asked, time) {
            (Some(asked), Some(time)) => Some(time.since(asked)),
            _ => None,
        };
        // Behind a result in words of its own, `OK` is the same command's.
        let loose = self.loose_end.take().filter(|_| exchange.is_none() && catalog.results.contains(&line.name));
        let id = exchange.map(|exchange| exchange.id).or(loose.flatten());
        let command = exchange.and_then(|exchange| Self::first_command(exchange));
        let limit = exchange.and_then(|exchange| exchange.timeout);
        let of_seq = exchange.map_or(0, |exchange| exchange.seq);
        let choice = Choice { exchange: id, ..choice };
        let kind = EventKind::Final { result: Name::known(&line.name), code, latency };
        let seq = self.give_line(catalog, framed, line, &choice, kind, obs);
        let params = Params { bytes: framed.bytes, slots: &slots, catalog };
        self.state.changes(&line.sets, params, &mut self.pending);
        self.apply_pending();
        self.slots = slots;
        let second = loose.is_some();
        self.begun |= taken;
        if let Some(at) = open {
            self.partial_echo(catalog, at, obs);
        }
        if !taken {
            self.unheard();
        }
        // Of an unknown command nobody knows how many results it has, and where its data ends.
        let strange = id.is_none() && self.last_parts.iter().any(|part| part.command.is_none());
        let stray = self
            .profile
            .and_then(|at| catalog.profiles.get(usize::from(at)))
            .is_some_and(|profile| profile.stray.contains(&line.name));
        if !taken
            && !second
            && !before
            && !stray
            && !strange
            && !self.echoes
            && (self.host_seen || id.is_some())
            && !self.closing_cut(framed)
        {
            let result = line.name.to_string();
            self.notice(catalog, Notice::UnexpectedFinal { seq, exchange: id, result, command }, obs);
        }
        if let (Some(id), Some(latency), Some(limit)) = (id, latency, limit)
            && latency > Time::from_millis(limit)
        {
            self.notice(
                catalog,
                Notice::LateFinal { seq, exchange: id, time, latency, limit, command, of: of_seq },
                obs,
            );
        }
        if let Some(open) = open {
            let dialled = self.open.get(open).and_then(|exchange| {
                let part = *exchange.parts.iter().find(|part| {
                    spec_of(catalog, **part)
                        .and_then(|spec| spec.online.as_deref())
                        .is_some_and(|online| *online == *line.name)
                })?;
                Some(Of { exchange: Some(exchange.id), owner: Owner::Command(part.command) })
            });
            self.end_or_go_on(catalog, open, line);
            if let Some(of) = dialled {
                self.side(Sender::Host).phase = Phase::Transparent(of);
                self.side(Sender::Module).phase = Phase::Transparent(of);
            }
            // Firmware that ends a command in words of its own may print `OK` as well.
            self.loose_end = line.profile.is_some().then_some(id);
        }
    }

    /// A result that comes at once behind a command, while an older one has waited for long without a word: the older one's answer
    /// was lost.
    #[inline]
    pub(super) fn quick_answer<O: Observer>(
        &mut self,
        catalog: &Catalog,
        framed: &Framed<'_>,
        line: &Line,
        choice: Choice,
        obs: &mut O,
    ) -> Choice {
        let Some(at) = choice.open.filter(|at| at + 1 < self.open.len()) else { return choice };
        let offset = self.side(Sender::Module).base + framed.start as u64;
        let time = self.side(Sender::Module).time_ahead(offset);
        let failure = !line.ok && is_failure(catalog, line);
        let (Some(old), Some(new)) = (self.open.get(at), self.open.get(at + 1)) else { return choice };
        let (Some(asked), Some(again), Some(time)) = (old.ended, new.ended, time) else { return choice };
        let silent = old.stage == Stage::Answer && !old.answered && old.echoed == 0 && !old.rejected;
        let waited = again.since(asked);
        let over = old.timeout.is_none_or(|limit| time.since(asked) > Time::from_millis(limit));
        let quick = Time::from_nanos(time.since(again).as_nanos().saturating_mul(20)) <= waited;
        if !silent || !over || !quick || waited < LONG_WAIT || new.rejected || !new.takes(catalog, &line.name, failure)
        {
            return choice;
        }
        let id = new.id;
        self.lose_exchange(catalog, at, "a later command was answered", obs);
        Choice { open: Some(at), exchange: Some(id), ..choice }
    }

    pub(super) fn closing_cut(&self, framed: &Framed<'_>) -> bool {
        self.closing && framed.ending.is_none()
    }

    /// A result came for the exchange at `open`: is it over?
    pub(super) fn end_or_go_on(&mut self, catalog: &Catalog, open: usize, line: &Line) {
        let Some(exchange) = self.open.get(open) else { return };
        let ok = exchange.succeeds(catalog, &line.name, line.ok);
        match exchange.stage {
            Stage::Prompt(false) if ok => {
                if let Some(exchange) = self.open.get_mut(open) {
                    exchange.stage = Stage::Prompt(true);
                }
                return;
            }
            // `OK` behind the prompt or the data, with another result still to come.
            Stage::Data | Stage::Sent if ok && !self.ends_data(catalog, open, &line.name) => return,
            // The host did not wait for the prompt that comes behind this `OK`.
            Stage::Data | Stage::Sent if ok && !exchange.prompted && exchange.accepts_first(catalog) => return,
            Stage::Sent | Stage::Data => self.last_data = Some(exchange.id),
            Stage::Prompt(_) if !ok => {
                let owner =
                    Owner::Command(exchange.data_part.and_then(|at| exchange.parts.get(at)).and_then(|p| p.command));
                self.refused = Some((Of { exchange: Some(exchange.id), owner }, exchange.declared));
            }
            _ => {}
        }
        if ok || planted::is(Bug::DecoderFailure) {
            self.succeed(catalog, open);
        }
        self.close_exchange(catalog, open, ok);
    }

    /// Whether a result is one that ends the data phase of the exchange.
    pub(super) fn ends_data(&self, catalog: &Catalog, open: usize, result: &str) -> bool {
        let data =
            self.open.get(open).and_then(|exchange| exchange.data_spec(catalog)).and_then(|spec| spec.data.as_ref());
        data.is_none_or(|data| data.then.is_empty() || data.then.iter().any(|name| **name == *result))
    }

    /// A final result, or a reset, ends the host's data, however much of it has come: gives what there is.
    pub(super) fn flush_host_data<O: Observer>(
        &mut self,
        catalog: &Catalog,
        only: Option<u64>,
        tell: bool,
        obs: &mut O,
    ) {
        let phase = self.side(Sender::Host).phase;
        let of = match phase {
            Phase::Data(Data { of, .. }) | Phase::CtrlZ(of) if only.is_none() || of.exchange == only => of,
            _ => return,
        };
        let mut carry = std::mem::take(&mut self.side(Sender::Host).carry);
        self.side(Sender::Host).phase = Phase::Lines;
        if carry.is_empty() {
            return;
        }
        let data = match phase {
            Phase::Data(data) => Some(data),
            _ => None,
        };
        // What began as a line may be more than was announced.
        let most = data.and_then(|data| usize::try_from(data.left).ok()).unwrap_or(usize::MAX).min(carry.len());
        self.side(Sender::Host).carry = carry.split_off(most);
        let seq = self.give_payload(catalog, Sender::Host, &carry, data, of, obs);
        let cancelled = carry.ends_with(b"+++");
        if let Some(data) = data.filter(|data| tell && !cancelled && (carry.len() as u64) < data.left) {
            let declared = data.declared;
            let actual = data.declared - data.left + carry.len() as u64;
            let from = Sender::Host;
            self.notice(
                catalog,
                Notice::PayloadLength { seq, exchange: of.exchange, from, declared, actual, more: false },
                obs,
            );
        }
    }
}
