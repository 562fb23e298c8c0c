//! The shortest way of the host's side: see [`recall`](super::recall).

use super::decoder::{Decoder, Of, Owner, PART, Phase};
use super::event::{EventKind, Name, Params};
use super::exchange::{SENT_MAX, Stage, TEXT_MAX};
use super::memo::{Class, Key, Known, KnownCommand, Texts};
use super::notice::{CommandFacts, Facts, Observer};
use super::state::Scope;
use crate::Sender;
use crate::catalog::Catalog;
use crate::session::Event;
use crate::syntax::framing::Ending;

impl Decoder {
    /// Tells a command line from the memo, or data of the host that is all there; gives how many bytes are done.
    pub(super) fn recall_command<O: Observer>(&mut self, catalog: &Catalog, rest: &[u8], obs: &mut O) -> usize {
        if self.memo.is_none() || rest.is_empty() {
            return 0;
        }
        let [host, module] = &self.sides;
        if let Phase::Data(data) = &host.phase {
            let (of, declared, left) = (data.of, data.declared, data.left);
            return self.recall_sent(catalog, rest, of, declared, left, obs).unwrap_or_default();
        }
        if host.phase != Phase::Lines
            || !rest.starts_with(b"AT")
            || !self.open.is_empty()
            || self.fresh
            || !module.carry.is_empty()
        {
            return 0;
        }
        let Some(key) = Key::scan(rest, b'\r', Class::Command) else { return 0 };
        if rest.get(key.len + 1) != Some(&b'\n') {
            return 0;
        }
        let Some(mut memo) = self.memo.take() else { return 0 };
        let used = match memo.texts.find(key, Class::Command, rest) {
            Some(Known::Command(known)) => self.recall_known_command(catalog, known, rest, key.len, obs),
            Some(_) => None,
            None => self.new_command(catalog, &mut memo.texts, rest, key, obs),
        };
        memo.hits += u64::from(used.is_some());
        self.put_back(memo);
        used.unwrap_or_default()
    }

    /// A command line that is not kept yet.
    #[inline(never)]
    fn new_command<O: Observer>(
        &mut self,
        catalog: &Catalog,
        texts: &mut Texts,
        rest: &[u8],
        key: Key,
        obs: &mut O,
    ) -> Option<usize> {
        if !texts.wants(key, Class::Command, rest) {
            return None;
        }
        let learnt = rest.get(..key.len).and_then(|text| self.learn_command(catalog, text));
        let Some(known) = learnt else {
            texts.keep(key, Class::Command, rest, Known::Other);
            return None;
        };
        let used = self.recall_known_command(catalog, &known, rest, key.len, obs);
        texts.keep(key, Class::Command, rest, Known::Command(Box::new(known)));
        used
    }

    /// Data of the host that is all there, asked for by the one command that is open; see [`host_data`](Decoder::host_data).
    fn recall_sent<O: Observer>(
        &mut self,
        catalog: &Catalog,
        rest: &[u8],
        of: Of,
        declared: u64,
        left: u64,
        obs: &mut O,
    ) -> Option<usize> {
        let bytes = rest.get(..usize::try_from(left).ok()?)?;
        let [host, _] = &mut self.sides;
        let Owner::Command(Some(command)) = of.owner else { return None };
        let exchange = self.open.first_mut().filter(|exchange| Some(exchange.id) == of.exchange && exchange.plain)?;
        let ends = exchange.data_spec(catalog)?.data.as_ref()?.ends.is_some();
        if ends || self.early.is_some() || declared > PART as u64 {
            return None;
        }
        let name = Name::known(&catalog.commands.get(command as usize)?.name);
        let room = SENT_MAX.saturating_sub(exchange.sent.len());
        exchange.sent.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        exchange.stage = Stage::Sent;
        let (seq, offset) = (self.seq, host.base);
        self.seq += 1;
        let time = host.time_at(offset);
        host.base += left;
        host.clear = 0;
        host.phase = Phase::Lines;
        exchange.ended = self.now.or_else(|| host.time_ahead(host.base - 1));
        self.after_data = Some((of, declared));
        let kind = EventKind::Payload { of: name, declared: Some(declared), part: None };
        let (from, exchange) = (Sender::Host, of.exchange);
        let facts = Facts {
            catalog,
            state: &self.state,
            model: self.model,
            command: None,
            line: None,
            ending: None,
            cut: self.closing,
            told: None,
        };
        obs.event(&Event { seq, from, time, offset, bytes, exchange, kind, told: 0 }, &facts);
        if let Some(memo) = &mut self.memo {
            memo.hits += 1;
        }
        Some(bytes.len())
    }

    /// See [`command_line`](Decoder::command_line) and [`command`](Decoder::command).
    #[inline(always)]
    fn recall_known_command<O: Observer>(
        &mut self,
        catalog: &Catalog,
        known: &KnownCommand,
        rest: &[u8],
        len: usize,
        obs: &mut O,
    ) -> Option<usize> {
        let bytes = rest.get(..len + 2)?;
        let entry = catalog.commands.get(known.command as usize)?;
        let spec = entry.form(known.form)?;
        let params = Params { bytes, slots: &known.slots, catalog };
        if let Some((syntax, _)) = known.choice
            && !known.when.is(self.state.version())
        {
            let when = spec.syntax.get(syntax)?.when.as_ref();
            let off = when.is_some_and(|when| Scope { state: &self.state, params }.holds(&when.expr) == Some(false));
            // Of several that fit, another one may be meant.
            let several = spec.syntax.len() > 1 || spec.syntax.iter().any(|syntax| syntax.shapes.len() > 1);
            if off || several && !self.relate(spec, params) {
                return None;
            }
            known.when.set(self.state.version());
        }
        let name = Name::known(match known.alias {
            None => &entry.name,
            Some(at) => entry.aliases.get(at)?,
        });
        self.host_seen = true;
        self.refused = None;
        self.after_data = None;
        self.loose_end = None;
        self.remains = None;
        self.reopens = None;
        self.doubt_module_data();
        let mut exchange = self.new_exchange();
        let id = exchange.id;
        let seq = self.seq;
        self.seq += 1;
        let [side, _] = &mut self.sides;
        let offset = side.base;
        let time = side.time_at(offset);
        side.base += bytes.len() as u64;
        side.clear = 0;
        exchange.seq = seq;
        exchange.ended = if side.clock.is_still() { time } else { side.time_ahead(side.base - 1) };
        exchange.text.extend_from_slice(bytes.get(..len.min(TEXT_MAX)).unwrap_or_default());
        let part = Self::part_of(Some(known.command), known.form);
        exchange.parts.push(part);
        exchange.timeout = spec.timeout;
        if known.sends {
            exchange.declared = known.declared;
            exchange.stage = Stage::Prompt(false);
            exchange.data_part = Some(0);
        }
        exchange.first = known.first;
        exchange.changes.extend_from_slice(&known.changes);
        exchange.muted = self.quiet;
        exchange.plain = known.plain;
        self.newest = Some((known.command, known.form));
        self.last_parts.clear();
        self.last_parts.push(part);
        let command = CommandFacts {
            command: Some(known.command),
            form: known.form,
            spec: Some(spec),
            choice: known.choice,
            given: known.given,
            args: known.args.clone(),
        };
        let facts = Facts {
            catalog,
            state: &self.state,
            model: self.model,
            command: Some(command),
            line: None,
            ending: Some(Ending::CrLf),
            cut: self.closing,
            told: Some(&known.told),
        };
        let kind = EventKind::Command { name, form: known.form, params };
        let event =
            Event { seq, from: Sender::Host, time, offset, bytes, exchange: Some(id), kind, told: known.told.id };
        obs.event(&event, &facts);
        self.open_exchange(exchange);
        Some(bytes.len())
    }
}
