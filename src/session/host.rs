//! The host's side: where command lines, data and transparent mode begin and end.

use super::decoder::{Data, Decoder, LEAD_MAX, LINE_MAX, Of, Owner, PART, Phase};
use super::event::{EventKind, Form};
use super::exchange::{SENT_MAX, Stage};
use super::notice::{Notice, Observer};
use crate::catalog::{Catalog, Sends};
use crate::syntax::{command, framing};
use crate::{Sender, Time};

/// Most notices that wait for the module's first byte.
const HELD_MAX: usize = 64;

/// Silence that makes a `+++` an escape: the module's packets are 20 ms apart (ESP-AT manual §4.5).
const ESCAPE_SILENCE: Time = Time::from_millis(20);

impl Decoder {
    #[inline]
    pub(super) fn run_host<O: Observer>(
        &mut self,
        catalog: &Catalog,
        bytes: &[u8],
        settle: bool,
        obs: &mut O,
    ) -> usize {
        let done = self.recall_command(catalog, bytes, obs);
        if done == bytes.len() { done } else { self.run_host_from(catalog, bytes, done, settle, obs) }
    }

    #[inline(never)]
    fn run_host_from<O: Observer>(
        &mut self,
        catalog: &Catalog,
        bytes: &[u8],
        mut done: usize,
        settle: bool,
        obs: &mut O,
    ) -> usize {
        while let Some(rest) = bytes.get(done..).filter(|rest| !rest.is_empty()) {
            let used = match self.side(Sender::Host).phase {
                Phase::Lines => self.host_line(catalog, rest, settle, obs),
                Phase::Data(data) => self.host_data(catalog, rest, data, obs),
                Phase::CtrlZ(of) => self.host_ctrl_z(catalog, rest, of, obs),
                Phase::Loose(of) => self.host_loose(catalog, rest, of, settle, obs),
                Phase::Transparent(of) => self.host_transparent(catalog, rest, of, settle, obs),
            };
            if used == 0 {
                break;
            }
            done += used;
            done += self.recall_command(catalog, bytes.get(done..).unwrap_or_default(), obs);
        }
        done
    }

    fn host_line<O: Observer>(&mut self, catalog: &Catalog, rest: &[u8], settle: bool, obs: &mut O) -> usize {
        let start = framing::lead(rest);
        if start > LEAD_MAX {
            return self.host_noise(catalog, rest, LEAD_MAX, obs);
        }
        let Some(body) = rest.get(start..).filter(|body| !body.is_empty()) else { return 0 };
        if body.first() == Some(&b'+') && b"+++".starts_with(body.get(..3).unwrap_or(body)) {
            match body.get(3) {
                // A line of its own is just text.
                Some(b'\r' | b'\n') => {}
                None if !settle || body.len() < 3 => return 0,
                _ => {
                    let bytes = rest.get(..start + 3).unwrap_or(rest);
                    self.give(catalog, Sender::Host, bytes, None, EventKind::Passthrough, obs);
                    return bytes.len();
                }
            }
        }
        // Blanks may turn out to be a blank line.
        if !settle && body.len() <= LEAD_MAX && body.iter().all(|b| matches!(b, b' ' | b'\t')) {
            return 0;
        }
        let starts_command = match body {
            [b'A' | b'a'] => !settle,
            [b'A' | b'a', second, ..] => b"Tt/".contains(second),
            _ => false,
        };
        if !starts_command && let Some(data) = self.remains.take() {
            self.side(Sender::Host).phase = Phase::Data(data);
            return self.run_host(catalog, rest, settle, obs);
        }
        // It repeats the last command line as soon as it is there (V.250 §5.2.4); a line end behind it is its own.
        if let [b'A' | b'a', b'/', behind @ ..] = body {
            let end = match behind {
                [] | [b'\r'] if !settle => return 0,
                [b'\r', b'\n', ..] => 2,
                [b'\r' | b'\n', ..] => 1,
                _ => 0,
            };
            let bytes = rest.get(..start + 2 + end).unwrap_or(rest);
            let content = body.get(..2).unwrap_or(body);
            let line = framing::Line { bytes, start, content, ending: framing::Ending::CrLf };
            self.command_line(catalog, &line, obs);
            return bytes.len();
        }
        if !starts_command && self.takes_data_early(catalog, obs) {
            // What was blank ahead of a line is data now.
            return if matches!(self.side(Sender::Host).phase, Phase::Lines) {
                0
            } else {
                self.run_host(catalog, rest, settle, obs)
            };
        }
        let clear = self.side(Sender::Host).clear;
        // A line ends within its limit, however much more is there already.
        let window = rest.get(..=start + LINE_MAX).unwrap_or(rest);
        let cut = match framing::line_from(window, start, clear.min(body.len())) {
            Ok((_, line)) => Some(line),
            Err(_) if body.len() > LINE_MAX => return self.host_noise(catalog, rest, LINE_MAX, obs),
            Err(_) if settle => framing::line_at_end(rest).map(|(line, _)| line),
            Err(_) => None,
        };
        let Some(line) = cut else {
            if settle && !starts_command && body.iter().any(|b| !b.is_ascii_whitespace()) {
                // The module speaks, and there is no line end: it was no command. One may begin in it.
                let len = command_in(body).map_or(rest.len(), |at| start + at);
                return self.host_noise(catalog, rest, len, obs);
            }
            self.side(Sender::Host).clear = framing::clear(body);
            return 0;
        };
        if command::is_command(line.content) {
            self.command_line(catalog, &line, obs);
            return line.bytes.len();
        }
        // Bytes of a break or of another speed ahead of a command.
        let junk = line.content.iter().take_while(|b| !(0x21..0x7F).contains(*b)).count();
        if junk > 0 && line.content.get(junk..).is_some_and(command::is_command) {
            return self.host_noise(catalog, rest, start + junk, obs);
        }
        if let Some(at) = command_in(line.content) {
            return self.host_noise(catalog, rest, start + at, obs);
        }
        // More data than announced, with the next command glued to it.
        if self.after_data.is_some()
            && let Some(at) = memchr::memmem::find(line.content, b"AT+").filter(|&at| at > 0)
        {
            return self.host_noise(catalog, rest, start + at, obs);
        }
        let len = line.bytes.len();
        self.host_noise(catalog, rest, len, obs)
    }

    /// What an unknown command asked for: all that comes until the module speaks, unless that is a command.
    fn host_loose<O: Observer>(&mut self, catalog: &Catalog, rest: &[u8], of: Of, settle: bool, obs: &mut O) -> usize {
        let window = rest.get(..rest.len().min(PART)).unwrap_or(rest);
        if !settle && window.len() < PART {
            return 0;
        }
        let line = rest.get(framing::lead(rest)..).unwrap_or_default();
        if window.len() < PART && line.trim_ascii_end().len() < line.len() && command::is_command(line.trim_ascii_end())
        {
            self.side(Sender::Host).phase = Phase::Lines;
            return self.host_line(catalog, rest, settle, obs);
        }
        self.give_payload(catalog, Sender::Host, window, None, of, obs);
        let now = self.now;
        if let Some(exchange) = self.open.iter_mut().find(|exchange| Some(exchange.id) == of.exchange) {
            exchange.ended = now;
        }
        window.len()
    }

    fn host_noise<O: Observer>(&mut self, catalog: &Catalog, rest: &[u8], len: usize, obs: &mut O) -> usize {
        let bytes = rest.get(..len).unwrap_or(rest);
        let seq = self.give(catalog, Sender::Host, bytes, None, EventKind::Noise, obs);
        if let Some((of, declared)) = self.after_data.take()
            && framing::lead(bytes) < bytes.len()
            && !of.may_have_more(catalog)
        {
            let actual = declared + bytes.trim_ascii_end().len() as u64;
            let from = Sender::Host;
            self.notice(
                catalog,
                Notice::PayloadLength { seq, exchange: of.exchange, from, declared, actual, more: true },
                obs,
            );
        }
        bytes.len()
    }

    /// The end of the recording, in the middle of a line.
    pub(super) fn host_rest<O: Observer>(&mut self, catalog: &Catalog, rest: &[u8], obs: &mut O) {
        let start = framing::lead(rest);
        let content = rest.get(start..).unwrap_or_default().trim_ascii_end();
        if command::is_command(content) {
            let line = framing::Line { bytes: rest, start, content, ending: framing::Ending::CrLf };
            self.command_line(catalog, &line, obs);
        } else {
            self.give(catalog, Sender::Host, rest, None, EventKind::Noise, obs);
        }
    }

    /// The host sends something that is no command: is it data that the module has not asked for?
    fn takes_data_early<O: Observer>(&mut self, catalog: &Catalog, obs: &mut O) -> bool {
        let waiting = self.open.iter().position(|exchange| {
            matches!(exchange.stage, Stage::Prompt(_))
                && !matches!(exchange.sends(catalog), Some(Sends::Transparent) | None)
                && (exchange.declared.is_some_and(|n| n > 0) || exchange.sends(catalog) == Some(&Sends::CtrlZ))
        });
        if let Some(at) = waiting {
            let seq = self.seq;
            let (exchange, command) = match self.open.get(at) {
                Some(open) => (Some(open.id), Self::first_command(open)),
                None => (None, None),
            };
            self.start_data(catalog, at);
            self.early = Some(Notice::PayloadBeforePrompt { seq, exchange, refused: false, command });
            return true;
        }
        let Some((of, declared)) = self.refused.take() else { return false };
        self.side(Sender::Host).phase = match declared {
            Some(declared) if declared > 0 => Phase::Data(Data::new(of, declared)),
            _ => Phase::CtrlZ(of),
        };
        let command = match of.owner {
            Owner::Command(Some(command)) => Some((command, Form::Set)),
            _ => None,
        };
        let _ = obs;
        self.early = Some(Notice::PayloadBeforePrompt { seq: self.seq, exchange: of.exchange, refused: true, command });
        true
    }

    /// Says so once the module speaks: until then nobody may be there to answer, or nobody recorded it.
    pub(super) fn notice_or_hold<O: Observer>(&mut self, catalog: &Catalog, notice: Notice, obs: &mut O) {
        if self.module_seen {
            self.notice(catalog, notice, obs);
        } else if self.held.len() < HELD_MAX {
            self.held.push((notice, self.now));
        }
    }

    /// Gives the data's part that was announced too early its notice.
    fn give_early<O: Observer>(&mut self, catalog: &Catalog, seq: u64, obs: &mut O) {
        if let Some(mut notice) = self.early.take() {
            if let Notice::PayloadBeforePrompt { seq: place, .. } = &mut notice {
                *place = seq;
            }
            self.notice_or_hold(catalog, notice, obs);
        }
    }

    fn host_data<O: Observer>(&mut self, catalog: &Catalog, rest: &[u8], data: Data, obs: &mut O) -> usize {
        let size = data.part_size();
        let ends = self.early_end(catalog, data.of);
        let clear = self.side(Sender::Host).clear;
        if let Some(ends) = ends {
            let window = rest.get(..size.min(rest.len())).unwrap_or(rest);
            let from = clear.saturating_sub(ends.len());
            let found = memchr::memmem::find_iter(window.get(from..).unwrap_or_default(), ends)
                // A backslash ahead makes it data.
                .find(|&at| {
                    window
                        .get(..from + at)
                        .is_some_and(|ahead| ahead.iter().rev().take_while(|&&b| b == b'\\').count() % 2 == 0)
                });
            if let Some(at) = found {
                let bytes = rest.get(..from + at + ends.len()).unwrap_or(rest);
                self.keep_sent(data.of, bytes);
                let seq = self.give_payload(catalog, Sender::Host, bytes, Some(data), data.of, obs);
                self.give_early(catalog, seq, obs);
                self.data_done(data.of, bytes.len());
                return bytes.len();
            }
        }
        let Some(bytes) = rest.get(..size) else {
            self.side(Sender::Host).clear = rest.len();
            return 0;
        };
        self.keep_sent(data.of, bytes);
        let seq = self.give_payload(catalog, Sender::Host, bytes, Some(data), data.of, obs);
        self.give_early(catalog, seq, obs);
        let left = data.left - size as u64;
        if left == 0 {
            self.data_done(data.of, size);
            self.after_data = Some((data.of, data.declared));
        } else {
            self.side(Sender::Host).phase = Phase::Data(Data { left, part: data.part + 1, ..data });
        }
        size
    }

    /// The two characters that end counted data early, where the command has such.
    fn early_end<'c>(&self, catalog: &'c Catalog, of: Of) -> Option<&'c [u8]> {
        let exchange = self.open.iter().find(|exchange| Some(exchange.id) == of.exchange)?;
        let data = exchange.data_spec(catalog)?.data.as_ref()?;
        data.ends.as_deref().map(str::as_bytes)
    }

    fn keep_sent(&mut self, of: Of, bytes: &[u8]) {
        if let Some(exchange) = self.open.iter_mut().find(|exchange| Some(exchange.id) == of.exchange) {
            let room = SENT_MAX.saturating_sub(exchange.sent.len());
            exchange.sent.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        }
    }

    /// All data was sent; `len`: of its last part.
    fn data_done(&mut self, of: Of, len: usize) {
        let side = self.side(Sender::Host);
        side.phase = Phase::Lines;
        let end = side.time_ahead((side.base + len as u64).saturating_sub(1 + len as u64)).or(None);
        let now = self.now.or(end);
        if let Some(exchange) = self.open.iter_mut().find(|exchange| Some(exchange.id) == of.exchange) {
            exchange.stage = Stage::Sent;
            exchange.ended = now;
        } else {
            // Data that was refused: the module may take it for a command, and refuse that, too.
            self.loose_end = Some(None);
        }
    }

    fn host_ctrl_z<O: Observer>(&mut self, catalog: &Catalog, rest: &[u8], of: Of, obs: &mut O) -> usize {
        let clear = self.side(Sender::Host).clear.min(rest.len());
        let window = rest.get(..rest.len().min(PART)).unwrap_or(rest);
        match window.get(clear..).and_then(|new| memchr::memchr2(0x1A, 0x1B, new)) {
            Some(at) => {
                let bytes = rest.get(..=clear + at).unwrap_or(rest);
                self.keep_sent(of, bytes);
                let seq = self.give_payload(catalog, Sender::Host, bytes, None, of, obs);
                self.give_early(catalog, seq, obs);
                self.data_done(of, bytes.len());
                bytes.len()
            }
            None if window.len() >= PART => {
                let seq = self.give_payload(catalog, Sender::Host, window, None, of, obs);
                self.give_early(catalog, seq, obs);
                window.len()
            }
            None => {
                self.side(Sender::Host).clear = rest.len();
                0
            }
        }
    }

    /// Transparent mode: all is data until a `+++` alone.
    fn host_transparent<O: Observer>(
        &mut self,
        catalog: &Catalog,
        rest: &[u8],
        of: Of,
        settle: bool,
        obs: &mut O,
    ) -> usize {
        let clear = self.side(Sender::Host).clear;
        let window = rest.get(..rest.len().min(PART)).unwrap_or(rest);
        let mut from = clear.saturating_sub(8);
        while let Some(at) = memchr::memmem::find(window.get(from..).unwrap_or_default(), b"+++").map(|at| from + at) {
            match self.escape_at(rest, at, settle) {
                Some(true) => {
                    if let Some(data) = rest.get(..at).filter(|data| !data.is_empty()) {
                        self.give(catalog, Sender::Host, data, of.exchange, EventKind::Passthrough, obs);
                    }
                    let escape = rest.get(at..at + 3).unwrap_or_default();
                    self.give(catalog, Sender::Host, escape, of.exchange, EventKind::Passthrough, obs);
                    self.leave_transparent(catalog, of, obs);
                    return at + 3;
                }
                Some(false) => from = at + 1,
                // The byte behind it decides.
                None => {
                    self.side(Sender::Host).clear = at;
                    return 0;
                }
            }
        }
        if settle || window.len() >= PART {
            self.give(catalog, Sender::Host, window, of.exchange, EventKind::Passthrough, obs);
            return window.len();
        }
        self.side(Sender::Host).clear = rest.len();
        0
    }

    /// Whether the `+++` at `at` is an escape; `None` where the next byte must tell.
    fn escape_at(&mut self, rest: &[u8], at: usize, settle: bool) -> Option<bool> {
        let side = self.side(Sender::Host);
        let base = side.base;
        let first = side.time_ahead(base + at as u64);
        let before = (at > 0).then(|| side.time_ahead(base + at as u64 - 1)).flatten();
        let silent = |a: Option<Time>, b: Option<Time>| match (a, b) {
            (Some(a), Some(b)) => b.since(a) >= ESCAPE_SILENCE,
            _ => false,
        };
        // In the same packet as other data it is data; without a clock only what follows can tell.
        if at > 0 && first.is_some() && !silent(before, first) {
            return Some(false);
        }
        if at > 0 && first.is_none() && rest.get(at - 1) == Some(&b'+') {
            return Some(false);
        }
        match rest.get(at + 3..) {
            None | Some([]) => settle.then_some(true),
            Some([b'A' | b'a']) if !settle => None,
            Some([b'A' | b'a', b'T' | b't', ..]) => Some(true),
            Some(_) => Some(silent(first, side.time_ahead(base + at as u64 + 3))),
        }
    }

    fn leave_transparent<O: Observer>(&mut self, catalog: &Catalog, of: Of, obs: &mut O) {
        // What the module has sent so far was still data.
        self.run_carry(catalog, Sender::Module, true, obs);
        self.side(Sender::Host).phase = Phase::Lines;
        self.side(Sender::Module).phase = Phase::Lines;
        if let Some(at) = self.open.iter().position(|exchange| Some(exchange.id) == of.exchange) {
            self.succeed(catalog, at);
            self.close_exchange(catalog, at, false);
        } else {
            // Of a connection that was dialled: the module says `OK` to the escape (ITU-T V.250 §6.2.9).
            self.loose_end = Some(None);
        }
    }
}

/// Where a command starts behind bytes that no host sends on purpose (V.250 §5.2.1: what stands ahead of `AT` is ignored).
fn command_in(content: &[u8]) -> Option<usize> {
    let odd = |b: &u8| !(0x20..0x7F).contains(b) && !b"\r\n\t".contains(b);
    let first = content.iter().position(odd)?;
    let behind = content.get(first + 1..)?;
    // Letters of their own, not the end of a word.
    memchr::memchr2_iter(b'A', b'a', behind).map(|at| first + 1 + at).find(|&at| {
        let ahead = content.get(at - 1).is_none_or(|b| !b.is_ascii_alphabetic());
        ahead && content.get(at..).is_some_and(|rest| rest.len() >= 2 && command::is_command(rest.trim_ascii_end()))
    })
}
