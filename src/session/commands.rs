//! Command lines: what each command is, what its exchange will need, what it means for those that are open.

use super::decoder::{Decoder, Phase};
use super::event::{EventKind, Form, Name, Params};
use super::exchange::{Exchange, Stage, TEXT_MAX};
use super::lane::fill;
use super::matching::{self, NO_FIT, Strictness};
use super::notice::{CommandFacts, Notice, Observer};
use super::state::{Change, Scope};
use super::unknown::is_noise;
use crate::Sender;
use crate::catalog::{Catalog, Condition, FormSpec, Sends, same};
use crate::syntax::{command, fields, framing};

impl Decoder {
    pub(super) fn command_line<O: Observer>(&mut self, catalog: &Catalog, line: &framing::Line<'_>, obs: &mut O) {
        self.host_seen = true;
        // What was asked already may be done by the time that this command is looked at.
        if let Some(before) = self.open.last().filter(|before| !before.rejected) {
            self.state.unsettle(&before.changes);
        }
        self.refused = None;
        self.after_data = None;
        self.loose_end = None;
        self.remains = None;
        self.reopens = None;
        if std::mem::take(&mut self.fresh) {
            self.state.reset(catalog, false);
        }
        self.doubt_module_data();
        self.drop_overdue(catalog, obs);
        let mut parts = std::mem::take(&mut self.parts);
        parts.clear();
        command::parts(line.content, &mut parts);
        let mut exchange = self.new_exchange();
        exchange.seq = self.seq;
        exchange.text.extend_from_slice(line.content.get(..TEXT_MAX).unwrap_or(line.content));
        let side = self.side(Sender::Host);
        let last = side.base + line.bytes.len() as u64 - 1;
        exchange.ended = side.time_ahead(last);
        self.close_quiet_data(catalog);
        let [_, module] = &self.sides;
        let waits = module.carry.trim_ascii();
        if !waits.is_empty()
            && module.phase == Phase::Lines
            && is_noise(waits.get(..256).unwrap_or(waits))
            && let Some(exchange) = self.working().and_then(|at| self.open.get_mut(at))
        {
            exchange.blurred = true;
        }
        // The host goes on behind what was refused, and behind what may have been a result.
        while let Some(at) = self.open.iter().position(|exchange| {
            exchange.rejected
                || exchange.muted
                || exchange.blurred && exchange.stage == Stage::Answer
                || exchange.worded && exchange.is_unknown(catalog)
        }) {
            self.close_exchange(catalog, at, false);
        }
        let before = self.open.last().filter(|open| !(open.answered && open.is_unknown(catalog)));
        let before = before.map(|open| (open.id, open.seq));
        let count = parts.len();
        let (mut at, id, first_seq) = (0, exchange.id, exchange.seq);
        for (number, part) in parts.iter().enumerate() {
            let end = if number + 1 == count { line.bytes.len() } else { line.start + part.all.end };
            let bytes = line.bytes.get(at..end).unwrap_or_default();
            // Ranges of the part, within this event's bytes.
            let shift = |range: &std::ops::Range<usize>| {
                (range.start + line.start).saturating_sub(at)..(range.end + line.start).saturating_sub(at)
            };
            let (name, args) = (shift(&part.name), shift(&part.args));
            let ending = (number + 1 == count).then_some(line.ending);
            self.command(catalog, bytes, name, args, part.form, &mut exchange, ending, obs);
            at = end;
        }
        self.parts = parts;
        exchange.muted = self.quiet;
        if line.content.eq_ignore_ascii_case(b"A/") {
            // What answers the last line answers this one.
            exchange.parts.extend(&self.last_parts);
        } else {
            self.last_parts.clone_from(&exchange.parts);
        }
        exchange.complete(catalog);
        self.open_exchange(exchange);
        if let Some((before, before_seq)) = before {
            let notice = Notice::Overlap { seq: first_seq, exchange: id, before, before_seq };
            // Its result may lie in the module's data, if that is shorter than announced.
            if matches!(self.side(Sender::Module).phase, Phase::Data(_)) {
                if self.doubted.len() < 64 {
                    self.doubted.push((notice, self.now));
                }
            } else {
                self.notice_or_hold(catalog, notice, obs);
            }
        }
    }

    #[allow(clippy::too_many_arguments)]
    pub(super) fn command<O: Observer>(
        &mut self,
        catalog: &Catalog,
        bytes: &[u8],
        name: std::ops::Range<usize>,
        args: std::ops::Range<usize>,
        form: Form,
        exchange: &mut Exchange,
        ending: Option<framing::Ending>,
        obs: &mut O,
    ) {
        let raw = bytes.get(name).unwrap_or_default();
        let command = catalog.find_command(raw);
        let entry = command.and_then(|at| catalog.commands.get(at as usize));
        let spec = entry.and_then(|entry| entry.form(form));
        let shown = match entry {
            Some(entry) if same(entry.name.as_bytes(), raw) || entry.name.as_bytes().eq_ignore_ascii_case(raw) => {
                Name::known(&entry.name)
            }
            Some(entry) => match entry.aliases.iter().find(|alias| alias.as_bytes().eq_ignore_ascii_case(raw)) {
                Some(alias) => Name::known(alias),
                None => Name::raw_command(raw),
            },
            None => Name::raw_command(raw),
        };
        let (choice, given) = match self.short_syntax(catalog, spec, bytes, &args) {
            Some(chosen) => chosen,
            None => {
                self.spans.clear();
                fields::split(bytes, args.start, args.end, catalog.escapes, &mut self.spans);
                (self.choose_syntax(catalog, spec, bytes), self.spans.len())
            }
        };
        let part = Self::part_of(command, form);
        exchange.parts.push(part);
        self.newest = command.map(|command| (command, form));
        if let Some(spec) = spec {
            self.prepare(catalog, spec, choice, bytes, exchange);
        }
        let (id, closing) = (Some(exchange.id), self.closing);
        let slots = std::mem::take(&mut self.slots);
        let kind = EventKind::Command { name: shown, form, params: Params { bytes, slots: &slots, catalog } };
        let seq = self.give_with(
            catalog,
            Sender::Host,
            bytes,
            id,
            kind,
            |mut facts| {
                facts.command = Some(CommandFacts { command, form, spec, choice, given, args });
                facts.ending = ending;
                facts.cut = closing;
                facts
            },
            obs,
        );
        let _ = seq;
        self.slots = slots;
    }

    /// The short way of [`choose_syntax`](Self::choose_syntax), for parameters that are as one alternative says; gives
    /// how many there are, too. `None`: it takes a closer look.
    #[allow(clippy::type_complexity)]
    pub(super) fn short_syntax(
        &mut self,
        catalog: &Catalog,
        spec: Option<&FormSpec>,
        bytes: &[u8],
        args: &std::ops::Range<usize>,
    ) -> Option<(Option<(usize, usize)>, usize)> {
        let spec = spec.filter(|_| !self.barred)?;
        if args.is_empty() {
            self.slots.clear();
            return spec.syntax.is_empty().then_some((None, 0));
        }
        let several = spec.syntax.len() > 1 || spec.syntax.iter().any(|syntax| syntax.shapes.len() > 1);
        for (number, syntax) in spec.syntax.iter().enumerate() {
            for (at, shape) in syntax.shapes.iter().enumerate() {
                self.trial.clear();
                if !fill(catalog, shape, bytes, args.start, args.end, Strictness::Host, &mut self.trial)? {
                    continue;
                }
                let off = syntax.when.as_ref().is_some_and(|when| {
                    let params = Params { bytes, slots: &self.trial, catalog };
                    Scope { state: &self.state, params }.holds(&when.expr) == Some(false)
                });
                if off
                    || several
                        && !(matching::in_range(catalog, bytes, &self.trial) && self.related(catalog, spec, bytes))
                {
                    continue;
                }
                std::mem::swap(&mut self.slots, &mut self.trial);
                return Some((Some((number, at)), self.slots.len()));
            }
        }
        None
    }

    /// As [`short_syntax`](Self::short_syntax), whatever mode is on and whichever relations hold: the first alternative that the parameters fit, these in `trial`.
    pub(super) fn only_syntax(
        &mut self,
        catalog: &Catalog,
        spec: &FormSpec,
        bytes: &[u8],
        args: &std::ops::Range<usize>,
    ) -> Option<(usize, usize)> {
        let several = spec.syntax.len() > 1 || spec.syntax.iter().any(|syntax| syntax.shapes.len() > 1);
        for (number, syntax) in spec.syntax.iter().enumerate() {
            for (at, shape) in syntax.shapes.iter().enumerate() {
                self.trial.clear();
                if fill(catalog, shape, bytes, args.start, args.end, Strictness::Host, &mut self.trial)?
                    && (!several || matching::in_range(catalog, bytes, &self.trial))
                {
                    return Some((number, at));
                }
            }
        }
        None
    }

    /// Whether the parameters in `trial` break no relation of the form.
    fn related(&self, catalog: &Catalog, spec: &FormSpec, bytes: &[u8]) -> bool {
        self.relate(spec, Params { bytes, slots: &self.trial, catalog })
    }

    /// Whether parameters break no relation of the form.
    pub(super) fn relate(&self, spec: &FormSpec, params: Params<'_>) -> bool {
        let scope = Scope { state: &self.state, params };
        spec.relations.iter().all(|relation| scope.holds(&relation.expr) != Some(false))
    }

    /// Finds the alternative that fits best and leaves its parameters in `slots`.
    pub(super) fn choose_syntax(
        &mut self,
        catalog: &Catalog,
        spec: Option<&FormSpec>,
        bytes: &[u8],
    ) -> Option<(usize, usize)> {
        let mut best: Option<(u32, (usize, usize))> = None;
        let several =
            spec.is_some_and(|spec| spec.syntax.len() > 1 || spec.syntax.iter().any(|syntax| syntax.shapes.len() > 1));
        for (number, syntax) in spec.iter().flat_map(|spec| spec.syntax.iter()).enumerate() {
            for (at, shape) in syntax.shapes.iter().enumerate() {
                let misfit = matching::fit(catalog, shape, bytes, &self.spans, Strictness::Host, &mut self.trial);
                if misfit == NO_FIT {
                    continue;
                }
                // Of two that fit, the one for the mode that is on.
                let off = syntax.when.as_ref().is_some_and(|when| {
                    let scope = Scope { state: &self.state, params: Params { bytes, slots: &self.trial, catalog } };
                    scope.holds(&when.expr) == Some(false)
                });
                // Of two that fit, the one whose ranges hold.
                let out = several && !matching::in_range(catalog, bytes, &self.trial);
                // Of two whose ranges hold, the one whose relations do.
                let odd = several && misfit == 0 && spec.is_some_and(|spec| !self.related(catalog, spec, bytes));
                let misfit = misfit * 8 + if off { 4 } else { 0 } + if out { 3 } else { 0 } + if odd { 2 } else { 0 };
                if best.is_none_or(|(least, _)| misfit < least) {
                    best = Some((misfit, (number, at)));
                    std::mem::swap(&mut self.slots, &mut self.trial);
                    if misfit == 0 {
                        return best.map(|(_, choice)| choice);
                    }
                }
            }
        }
        if best.is_none() {
            self.slots.clear();
            let strict = Strictness::Host;
            self.slots.extend(self.spans.iter().map(|&(start, end)| {
                let raw = bytes.get(start as usize..end as usize).unwrap_or_default();
                super::Slot {
                    start,
                    end,
                    spec: super::Slot::NO_SPEC,
                    read: matching::read(raw, None, catalog.escapes, strict),
                }
            }));
        }
        best.map(|(_, choice)| choice)
    }

    /// Works out what the exchange will need: its data phase, its effects, its time.
    pub(super) fn prepare(
        &mut self,
        catalog: &Catalog,
        spec: &FormSpec,
        choice: Option<(usize, usize)>,
        bytes: &[u8],
        exchange: &mut Exchange,
    ) {
        let params = Params { bytes, slots: &self.slots, catalog };
        let scope = Scope { state: &self.state, params };
        if let Some(quiet) = &spec.quiet {
            self.quiet = scope.holds(&quiet.expr) == Some(true);
        }
        exchange.timeout = exchange.timeout.max(spec.timeout);
        let phase = spec
            .data
            .as_ref()
            .filter(|data| data.phase.as_ref().is_none_or(|phase| scope.holds(&phase.expr) != Some(false)));
        if let Some(data) = phase {
            let declared = match &data.sends {
                Sends::Counted(by) => match params.named(by).map(|param| param.value()) {
                    Some(super::Value::Int(count)) => u64::try_from(count).ok(),
                    _ => None,
                },
                _ => None,
            };
            if declared.is_some() || data.is_uncounted(catalog, spec, choice) {
                exchange.declared = declared;
                exchange.stage = Stage::Prompt(false);
                exchange.data_part = Some(exchange.parts.len() - 1);
            }
        }
        exchange.first = exchange.first.or_else(|| first_number(params));
        let form = exchange.parts.last().map_or(Form::Execute, |part| part.form);
        self.effects(catalog, spec, form, choice, params, &mut exchange.changes);
    }

    /// What success of a command will make of the state.
    pub(super) fn effects(
        &self,
        catalog: &Catalog,
        spec: &FormSpec,
        form: Form,
        choice: Option<(usize, usize)>,
        params: Params<'_>,
        out: &mut Vec<Change>,
    ) {
        // What a read form makes known stands in its answer.
        if form != Form::Read {
            self.state.changes(spec.effects_of(catalog, choice.map(|(syntax, _)| syntax)), params, out);
        }
        let when = choice.and_then(|(number, _)| spec.syntax.get(number)).and_then(|syntax| syntax.when.as_ref());
        if let Some(when) = when {
            let mut facts = Vec::new();
            when.expr.facts(&mut facts);
            self.state.facts(&facts, params, out);
        }
        let may_be = |when: &Condition| Scope { state: &self.state, params }.holds(&when.expr) != Some(false);
        if spec.restarts && spec.restarts_when.as_ref().is_none_or(may_be) {
            self.state.loses(catalog, out);
        }
    }

    /// `OK` came where the manual prints a prompt alone, and the host goes on: there is no data phase.
    pub(super) fn close_quiet_data(&mut self, catalog: &Catalog) {
        while let Some(at) = self.open.iter().position(|exchange| {
            exchange.stage == Stage::Prompt(true)
                && exchange.data_spec(catalog).and_then(|spec| spec.data.as_ref()).is_some_and(|data| !data.accepts)
        }) {
            self.succeed(catalog, at);
            self.close_exchange(catalog, at, true);
        }
    }

    /// The host goes on to its next command: has the module's data been cut short?
    pub(super) fn doubt_module_data(&mut self) {
        let next = self.exchanges;
        let module = self.side(Sender::Module);
        let have = module.carry.len();
        if let Phase::Data(data) = &mut module.phase {
            data.doubt = Some((have, next));
        }
    }

    /// The exchange succeeded: its effects hold.
    pub(super) fn succeed(&mut self, _catalog: &Catalog, at: usize) {
        if let Some(exchange) = self.open.get_mut(at) {
            let changes = std::mem::take(&mut exchange.changes);
            for change in &changes {
                self.state.apply(*change);
            }
            if let Some(exchange) = self.open.get_mut(at) {
                exchange.changes = changes;
            }
        }
    }
}

/// The first parameter, where it is a number that does not mean all: its name and value.
pub(super) fn first_number(params: Params<'_>) -> Option<(u32, i64)> {
    let first = params.at(0)?;
    match first.value() {
        super::Value::Int(number) => {
            let spec = first.spec()?;
            let all = !spec.labels.is_empty() && first.label().is_some_and(|label| label == "all");
            (!all).then_some((spec.name_id, number))
        }
        _ => None,
    }
}
