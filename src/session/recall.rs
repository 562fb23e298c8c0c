//! The shortest way: a line that came before, byte for byte, is told from the memo; only what hangs on the moment is decided.
//!
//! What the memo says of a line (see [`memo`](super::memo)) is enough for the usual line: one whose role is simple, and whose
//! exchange, where it has one, is simple, too, and alone. What is not left to `lane`, and that leaves it to `module`, `choose`
//! and `result`: each way gives up before it has changed anything. Never decides otherwise than these; a law of the tests.

use std::ops::Range;

use super::choose::is_failure;
use super::decoder::{Decoder, Of, Owner, PART, Phase};
use super::event::{EventKind, Name, Params};
use super::exchange::{Exchange, Stage};
use super::memo::{Class, Key, Known, KnownHead, KnownLine, Memo, Pick, Reading, TEXT_MAX, Texts, Verdict, Verdicts};
use super::notice::{Facts, LineFacts, Notice, Observer};
use crate::catalog::{Catalog, Line, Role};
use crate::session::Event;
use crate::syntax::framing::Ending;
use crate::{Sender, Time};

/// How the names of the heads of counted data start: which lines are worth a look for a colon.
#[derive(Clone, Copy, Debug)]
pub(super) struct Starts(u64);

impl Starts {
    pub(super) fn new(catalog: &Catalog) -> Self {
        let heads = catalog.lines.iter().filter(|line| line.starts_data());
        Self(heads.fold(0, |all, line| all | line.name.as_bytes().first_chunk().map_or(u64::MAX, |start| bit(*start))))
    }

    #[inline(always)]
    fn may_be(self, text: &[u8]) -> bool {
        text.first_chunk().is_some_and(|start| self.0 & bit(*start) != 0)
    }
}

#[inline(always)]
const fn bit(start: [u8; 4]) -> u64 {
    // Names are the same in any case.
    1 << ((u32::from_le_bytes(start) | 0x2020_2020).wrapping_mul(0x9E37_79B9) >> 26)
}

/// Why it goes no further.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stop {
    /// All is done, or the next text is for the other ways.
    Unknown,
    /// The next text was learnt.
    Learnt,
    /// The data is not all there, or nothing stands behind it yet.
    Waits,
}

/// A text of the module that the memo knows: what it is, and where its content stands.
#[derive(Clone)]
struct Found<'m> {
    known: &'m Known,
    content: Range<usize>,
}

/// Where the content of a line starts, if a blank line or nothing stands ahead of it.
#[inline(always)]
fn lead(rest: &[u8]) -> Option<usize> {
    match rest {
        [b'\r', b'\n', first, ..] if *first > b' ' => Some(2),
        [first, ..] if *first > b' ' => Some(0),
        _ => None,
    }
}

/// What the memo knows of the text at the start.
#[inline(always)]
fn find<'m>(heads: Starts, texts: &'m Texts, rest: &[u8]) -> Option<Found<'m>> {
    let start = lead(rest)?;
    let body = rest.get(start..)?;
    if heads.may_be(body)
        && let Some(key) = Key::scan(body, b':', Class::Head(start as u8))
        && let Some(known @ Known::Head(_)) = texts.find(key, Class::Head(start as u8), body)
    {
        return Some(Found { known, content: start..start + key.len });
    }
    let key = Key::scan(body, b'\r', Class::Line(start as u8))?;
    if body.get(key.len + 1) != Some(&b'\n') {
        return None;
    }
    match texts.find(key, Class::Line(start as u8), body)? {
        known @ Known::Line(_) => Some(Found { known, content: start..start + key.len }),
        _ => None,
    }
}

impl Decoder {
    /// Tells as many lines of the module as the memo knows, and the data in between; gives how many bytes are done, and whether
    /// all that is left has to wait for more.
    pub(super) fn recall_lines<O: Observer>(
        &mut self,
        catalog: &Catalog,
        bytes: &[u8],
        settle: bool,
        obs: &mut O,
    ) -> (usize, bool) {
        let Some(mut memo) = self.memo.take() else { return (0, false) };
        let before = self.seq;
        let (mut done, mut fresh) = (0, false);
        let waits = loop {
            let rest = bytes.get(done..).unwrap_or_default();
            let (used, stop) = self.recall_all(catalog, &mut memo, rest, settle, obs);
            done += used;
            // What was learnt is told at once.
            if stop != Stop::Learnt || fresh && used == 0 {
                break stop == Stop::Waits;
            }
            fresh = true;
        };
        memo.hits += self.seq - before;
        self.put_back(memo);
        (done, waits)
    }

    /// Nothing is there now that would have to be dropped.
    #[inline(always)]
    pub(super) fn put_back(&mut self, memo: Box<Memo>) {
        std::mem::forget(self.memo.replace(memo));
    }

    /// Gives how many bytes are done.
    #[inline(always)]
    fn recall_all<O: Observer>(
        &mut self,
        catalog: &Catalog,
        memo: &mut Memo,
        bytes: &[u8],
        settle: bool,
        obs: &mut O,
    ) -> (usize, Stop) {
        let Memo { texts, verdicts, .. } = memo;
        let mut done = 0;
        // What follows data is looked up ahead of it.
        let mut ahead = None;
        while let Some(rest) = bytes.get(done..).filter(|rest| !rest.is_empty()) {
            let [_, module] = &self.sides;
            match &module.phase {
                Phase::Lines => {}
                Phase::Data(data) if data.doubt.is_none() && data.declared <= PART as u64 => {
                    let (of, declared, left) = (data.of, data.declared, data.left as usize);
                    // As `module_data` has it: what follows tells whether the count was true.
                    let waits = if settle || !self.settled.is_empty() { Stop::Unknown } else { Stop::Waits };
                    let Some(data) = rest.get(..left) else { return (done, waits) };
                    ahead = match rest.get(left..).unwrap_or_default() {
                        [] if settle => None,
                        [] => return (done, waits),
                        behind => match find(self.heads_of, texts, behind) {
                            Some(found) if may_follow(data, behind, found.known) => Some(found),
                            _ => break,
                        },
                    };
                    if !self.give_data(catalog, data, of, declared, obs) {
                        break;
                    }
                    done += left;
                    continue;
                }
                _ => break,
            }
            let found = match ahead.take() {
                Some(found) => Some(found),
                None => find(self.heads_of, texts, rest),
            };
            let Some(Found { known, content }) = found else {
                match self.recall_prompt(catalog, rest, obs) {
                    Some(used) => {
                        done += used;
                        continue;
                    }
                    None if !settle && self.is_begun(rest) => return (done, Stop::Waits),
                    None => {
                        let learnt = self.learn(catalog, texts, rest);
                        return (done, if learnt { Stop::Learnt } else { Stop::Unknown });
                    }
                }
            };
            if self.below.is_some() || self.may_be_echo(rest, content.start) {
                break;
            }
            let used = match known {
                Known::Line(line) => self.recall_known(catalog, verdicts, line, rest, content, obs),
                Known::Head(head) => self.recall_head(catalog, head, rest, content, obs),
                Known::Command(_) | Known::Other => None,
            };
            let Some(used) = used else { break };
            done += used;
        }
        (done, Stop::Unknown)
    }

    /// A line that has no end yet, and is nothing that needs none.
    fn is_begun(&self, rest: &[u8]) -> bool {
        let Some(body) = lead(rest).and_then(|start| rest.get(start..)) else { return false };
        (4..=TEXT_MAX).contains(&body.len())
            && body.first() != Some(&b'>')
            && self.below.is_none()
            && !self.heads_of.may_be(body)
            && memchr::memchr2(b'\r', b'\n', body).is_none()
    }

    /// The module may be repeating a command.
    #[inline(always)]
    fn may_be_echo(&self, rest: &[u8], start: usize) -> bool {
        let first = rest.get(start);
        self.open.iter().any(|exchange| exchange.unechoed().first() == first)
    }

    /// Learns the text at the start, if it is to be kept: whether there is something to tell of it.
    #[inline(never)]
    fn learn(&mut self, catalog: &Catalog, texts: &mut Texts, rest: &[u8]) -> bool {
        let Some(start) = lead(rest) else { return false };
        let Some(body) = rest.get(start..) else { return false };
        if self.heads_of.may_be(body) {
            let class = Class::Head(start as u8);
            if let Some(key) = Key::scan(body, b':', class)
                && texts.wants(key, class, body)
            {
                let head = self.learn_head(catalog, rest, start, start + key.len + 1);
                let learnt = head.is_some();
                texts.keep(key, class, body, head.map_or(Known::Other, Known::Head));
                if learnt {
                    return true;
                }
            }
        }
        let class = Class::Line(start as u8);
        if let Some(key) = Key::scan(body, b'\r', class)
            && body.get(key.len + 1) == Some(&b'\n')
            && texts.wants(key, class, body)
        {
            let line = self.learn_line(catalog, rest, start..start + key.len);
            let learnt = line.is_some();
            texts.keep(key, class, body, line.map_or(Known::Other, Known::Line));
            return learnt;
        }
        false
    }

    /// Data of which all has come, and behind which nothing speaks against its count.
    #[inline(always)]
    fn give_data<O: Observer>(&mut self, catalog: &Catalog, bytes: &[u8], of: Of, declared: u64, obs: &mut O) -> bool {
        let Owner::Line(line) = of.owner else { return false };
        let Some(line) = catalog.lines.get(line as usize) else { return false };
        let kind = EventKind::Payload { of: Name::known(&line.name), declared: Some(declared), part: None };
        let seq = self.seq;
        self.seq += 1;
        let [_, side] = &mut self.sides;
        side.phase = Phase::Lines;
        let offset = side.base;
        let time = side.time_at(offset);
        side.base += bytes.len() as u64;
        side.clear = 0;
        let (from, exchange) = (Sender::Module, of.exchange);
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
        true
    }

    /// `> `, where the one command that is open waits for it; see [`prompt`](Decoder::prompt).
    #[inline(always)]
    fn recall_prompt<O: Observer>(&mut self, catalog: &Catalog, rest: &[u8], obs: &mut O) -> Option<usize> {
        let len = match rest {
            [b'>', b' ', ..] => 2,
            [b'\r', b'\n', b'>', b' ', ..] => 4,
            _ => return None,
        };
        let bytes = rest.get(..len)?;
        let [host, module] = &mut self.sides;
        if self.open.len() != 1 || !host.carry.is_empty() {
            return None;
        }
        let exchange = self.open.first_mut().filter(|exchange| exchange.plain && !exchange.prompted)?;
        if !matches!(exchange.stage, Stage::Prompt(_)) {
            return None;
        }
        let data = exchange.data_spec(catalog)?.data.as_ref()?;
        if *data.prompt != *">" {
            return None;
        }
        exchange.prompted = true;
        exchange.ended = self.now.or(exchange.ended);
        let id = exchange.id;
        let (seq, offset) = (self.seq, module.base);
        self.seq += 1;
        let time = module.time_at(offset + if module.clock.is_still() { 0 } else { len as u64 - 2 });
        module.base += len as u64;
        module.clear = 0;
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
        let (from, kind) = (Sender::Module, EventKind::Prompt { name: Name::known(">") });
        obs.event(&Event { seq, from, time, offset, bytes, exchange: Some(id), kind, told: 0 }, &facts);
        self.start_data(catalog, 0);
        Some(len)
    }

    #[inline(always)]
    fn recall_known<O: Observer>(
        &mut self,
        catalog: &Catalog,
        verdicts: &mut Verdicts,
        known: &KnownLine,
        rest: &[u8],
        content: Range<usize>,
        obs: &mut O,
    ) -> Option<usize> {
        let end = content.end + 2;
        let bytes = rest.get(..end)?;
        let first = known.readings.first()?;
        let (reading, choice) = match known.pick {
            Pick::Only if first.role == Role::Result => {
                return self.recall_result(catalog, verdicts, first, bytes, content.start, obs).map(|()| end);
            }
            Pick::Only => (first, self.turn_of(catalog, first, bytes)?),
            Pick::Turn | Pick::Best => self.pick(catalog, known, bytes)?,
        };
        if !reading.plain || reading.role == Role::Result || !self.is_on(catalog, reading, bytes) {
            return None;
        }
        let line = catalog.lines.get(reading.line as usize)?;
        let (name, params) = (Name::known(&line.name), Params { bytes, slots: &reading.slots, catalog });
        let kind = match reading.role {
            Role::Reply => {
                // Of several that wait, those ahead may get nothing any more.
                if let Some(at) = choice.open {
                    let exchange = self.open.first_mut().filter(|exchange| at == 0 && exchange.plain)?;
                    exchange.answered = true;
                    exchange.rejected = false;
                }
                self.booting = false;
                EventKind::Response { name, params }
            }
            Role::Progress => {
                self.booting = false;
                EventKind::Progress { name, params }
            }
            _ => EventKind::Urc { name, params },
        };
        if let Some(profile) = line.profile {
            self.tell_profile(catalog, profile);
        }
        self.give_reading(
            catalog,
            line,
            reading,
            bytes,
            content.start,
            choice.exchange,
            0,
            Some(Ending::CrLf),
            kind,
            obs,
        );
        self.apply(reading);
        Some(end)
    }

    /// What a line changes. Under the state that it has left behind it changes nothing.
    #[inline(always)]
    fn apply(&mut self, reading: &Reading) {
        if !reading.changes.is_empty() && !reading.applied.is(self.state.version()) {
            let before = self.state.version();
            for change in &reading.changes {
                self.state.apply(*change);
            }
            if self.state.version() == before {
                reading.applied.set(before);
            }
        }
    }

    /// `+IPD,0,5:`
    #[inline(always)]
    fn recall_head<O: Observer>(
        &mut self,
        catalog: &Catalog,
        head: &KnownHead,
        rest: &[u8],
        content: Range<usize>,
        obs: &mut O,
    ) -> Option<usize> {
        let reading = &head.reading;
        let bytes = rest.get(..=content.end)?;
        let line = catalog.lines.get(reading.line as usize)?;
        let misfit = if self.is_on(catalog, reading, bytes) { 0 } else { 2 };
        if let Some(profile) = line.profile {
            self.tell_profile(catalog, profile);
        }
        self.booting = false;
        let kind =
            EventKind::Urc { name: Name::known(&line.name), params: Params { bytes, slots: &reading.slots, catalog } };
        self.give_reading(catalog, line, reading, bytes, content.start, None, misfit, None, kind, obs);
        self.apply(reading);
        self.begin_module_data(reading.line, None, head.count);
        Some(bytes.len())
    }

    /// A result of the one command that is open.
    #[inline(always)]
    fn recall_result<O: Observer>(
        &mut self,
        catalog: &Catalog,
        verdicts: &mut Verdicts,
        reading: &Reading,
        bytes: &[u8],
        start: usize,
        obs: &mut O,
    ) -> Option<()> {
        let line = catalog.lines.get(reading.line as usize)?;
        if self.open.is_empty() && reading.plain && !self.host_seen && !self.echoes && self.loose_end.is_none() {
            // The host was not recorded: nobody knows what it ends.
            self.booting = false;
            let kind = EventKind::Final { result: Name::known(&line.name), code: None, latency: None };
            self.give_reading(catalog, line, reading, bytes, start, None, 0, Some(Ending::CrLf), kind, obs);
            self.apply(reading);
            return Some(());
        }
        let [host, module] = &mut self.sides;
        let [exchange] = self.open.as_slice() else { return None };
        let partial = exchange.echo_seq.is_some() && !exchange.unechoed().is_empty();
        if !reading.plain || !exchange.plain || exchange.rejected || partial || host.phase != Phase::Lines {
            return None;
        }
        let part = exchange.parts.first()?;
        let stage = match exchange.stage {
            Stage::Answer => 0,
            Stage::Prompt(accepted) => 1 + u64::from(accepted),
            Stage::Data => 3,
            Stage::Sent => 4,
        };
        let flags = stage | u64::from(exchange.prompted) << 3 | u64::from(exchange.data_part.is_some()) << 4;
        let what =
            u64::from(part.command?) << 32 | u64::from(reading.line) << 8 | (part.form.index() as u64) << 5 | flags;
        let verdict = verdicts.of(what, || judge(catalog, exchange, line));
        if verdict == Verdict::Unclear {
            return None;
        }
        let (id, timeout) = (exchange.id, exchange.timeout);
        let time = module.time_at(module.base + start as u64);
        let latency = match (exchange.ended, time) {
            (Some(asked), Some(time)) => Some(time.since(asked)),
            _ => None,
        };
        let sending = matches!(exchange.stage, Stage::Data | Stage::Sent);
        let late = match (latency, timeout, time) {
            (Some(latency), Some(limit), time) if latency > Time::from_millis(limit) => {
                let command = Self::first_command(exchange);
                let (seq, of) = (self.seq, exchange.seq);
                Some(Notice::LateFinal { seq, exchange: id, time, latency, limit, command, of })
            }
            _ => None,
        };
        self.booting = false;
        let kind = EventKind::Final { result: Name::known(&line.name), code: None, latency };
        self.give_reading(catalog, line, reading, bytes, start, Some(id), 0, Some(Ending::CrLf), kind, obs);
        self.apply(reading);
        self.begun = true;
        self.loose_end = None;
        if let Some(late) = late {
            self.notice(catalog, late, obs);
        }
        match verdict {
            Verdict::Done | Verdict::Failed => {
                let exchange = self.open.pop()?;
                if verdict == Verdict::Done {
                    for change in &exchange.changes {
                        self.state.apply(*change);
                    }
                }
                if sending {
                    self.last_data = Some(id);
                }
                self.recycle(exchange);
            }
            _ => {
                let exchange = self.open.first_mut()?;
                exchange.echo_seq = None;
                if verdict == Verdict::Accepted {
                    exchange.stage = Stage::Prompt(true);
                }
            }
        }
        Some(())
    }

    #[inline(always)]
    #[allow(clippy::too_many_arguments)]
    fn give_reading<O: Observer>(
        &mut self,
        catalog: &Catalog,
        line: &Line,
        reading: &Reading,
        bytes: &[u8],
        start: usize,
        exchange: Option<u64>,
        misfit: u32,
        ending: Option<Ending>,
        kind: EventKind<'_>,
        obs: &mut O,
    ) {
        let host_seen = self.hears_host() && (self.begun || !reading.late);
        let seq = self.seq;
        self.seq += 1;
        let [_, side] = &mut self.sides;
        let offset = side.base;
        let time = side.time_at(offset + if side.clock.is_still() { 0 } else { start as u64 });
        side.base += bytes.len() as u64;
        side.clear = 0;
        let told = Some(&reading.told);
        let facts = Facts {
            catalog,
            state: &self.state,
            model: self.model,
            command: None,
            line: Some(LineFacts { line: Some(line), misfit, host_seen }),
            ending,
            cut: self.closing,
            told,
        };
        obs.event(
            &Event { seq, from: Sender::Module, time, offset, bytes, exchange, kind, told: reading.told.id },
            &facts,
        );
    }
}

/// Whether a known text may follow data, whatever the data: see [`plausible`](Decoder::plausible). Where no line end parts the two, a line may
/// have begun in the data.
#[inline(always)]
fn may_follow(data: &[u8], behind: &[u8], known: &Known) -> bool {
    let follows = match known {
        Known::Line(line) => line.follows_data,
        Known::Head(_) => true,
        Known::Command(_) | Known::Other => false,
    };
    let parted = || {
        let last = data.get(data.len().saturating_sub(64)..).unwrap_or_default();
        memchr::memrchr(b'\n', last).is_none()
    };
    // A line end with one of its bytes in the data: see `module_data`.
    let torn = behind.first() == Some(&b'\n') && data.last() == Some(&b'\r');
    follows && !torn && (matches!(behind.first(), Some(b'\r' | b'\n')) || parted())
}

/// What a result means for a plain exchange: see [`Decoder::end_or_go_on`].
fn judge(catalog: &Catalog, exchange: &Exchange, line: &Line) -> Verdict {
    let failure = !line.ok && is_failure(catalog, line);
    if !exchange.takes(catalog, &line.name, failure) {
        return Verdict::Unclear;
    }
    let ok = exchange.succeeds(catalog, &line.name, line.ok);
    let data = exchange.data_spec(catalog).and_then(|spec| spec.data.as_ref());
    let ends_data = data.is_none_or(|data| data.then.is_empty() || data.then.iter().any(|name| **name == *line.name));
    match exchange.stage {
        Stage::Prompt(false) if ok => Verdict::Accepted,
        Stage::Data | Stage::Sent if ok && !ends_data => Verdict::Stays,
        Stage::Data | Stage::Sent if ok && !exchange.prompted && exchange.accepts_first(catalog) => Verdict::Stays,
        Stage::Prompt(_) if !ok => Verdict::Unclear,
        _ if ok => Verdict::Done,
        _ => Verdict::Failed,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use crate::Sender::{Host, Module};
    use crate::session::{Options, Session};

    /// Of two rounds of the same conversation: all events, and those that the memo told.
    fn told(dialect: &str, chunks: &[(crate::Sender, &str)]) -> (u64, u64) {
        let catalog = crate::catalog::load_builtin(dialect).unwrap();
        let mut session = Session::new(catalog, &Options::default());
        for _ in 0..2 {
            for (from, text) in chunks {
                session.push(*from, None, text.as_bytes(), &mut |_| {});
            }
        }
        session.finish(&mut |_| {});
        (session.decoder.counts().0, session.decoder.recalled())
    }

    #[test]
    fn the_usual_lines_are_told_from_the_memo() {
        let (events, told) = told(
            "esp-at",
            &[
                (Host, "AT+CIPMUX=1\r\n"),
                (Module, "\r\nOK\r\n"),
                (Host, "AT+CWMODE?\r\n"),
                (Module, "+CWMODE:1\r\n\r\nOK\r\n"),
                (Module, "WIFI GOT IP\r\n0,CONNECT\r\n"),
                (Module, "\r\n+IPD,0,5:hello\r\n+IPD,0,3:abc"),
                (Host, "AT+CIPSEND=0,4\r\n"),
                (Module, "\r\nOK\r\n> "),
                (Host, "data"),
                (Module, "\r\nRecv 4 bytes\r\n\r\nSEND OK\r\n"),
                (Module, "0,CLOSED\r\n"),
            ],
        );
        assert_eq!(events, 36);
        // The last data waits for what follows it, and goes another way where nothing does.
        assert!(told >= events - 2, "{told} of {events}");
    }

    #[test]
    fn other_dialects_take_it_too() {
        let (events, told) = told(
            "generic",
            &[(Host, "AT+CSQ\r\n"), (Module, "\r\n+CSQ: 17,99\r\n\r\nOK\r\n"), (Module, "\r\n+CREG: 1\r\n")],
        );
        assert_eq!((events, told), (8, 8));
    }
}
