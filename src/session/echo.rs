//! Echoes: the module repeating a command, whole, interrupted by a URC, or with bytes lost.

use super::decoder::Decoder;
use super::event::EventKind;
use super::exchange::{Exchange, Stage, TEXT_MAX};
use super::module::{Framed, scan_name};
use super::notice::{Notice, Observer};
use crate::catalog::{Catalog, Role};
use crate::{Sender, Time};

/// How long a command must have waited without its echo before that of the next, same one is not taken for its own.
const ECHO_WAIT: Time = Time::from_millis(500);

impl Exchange {
    /// What of the command line has not come back yet.
    pub(super) fn unechoed(&self) -> &[u8] {
        self.text.get(self.echoed..).unwrap_or_default()
    }
}

impl Decoder {
    /// Takes a line for an echo, or its start for one. Gives how many bytes are done; `None`: it is no echo.
    #[inline]
    pub(super) fn echo<O: Observer>(&mut self, catalog: &Catalog, framed: &Framed<'_>, obs: &mut O) -> Option<usize> {
        let content = framed.content();
        let again = self.sent_again(framed);
        for at in again..self.open.len() {
            let exchange = self.open.get(at)?;
            let rest = exchange.unechoed();
            if rest.first() != content.first() || rest.is_empty() {
                continue;
            }
            // Behind an answer no echo begins.
            if exchange.answered && exchange.echoed == 0 && rest != content {
                continue;
            }
            if rest == content {
                return Some(self.give_echo(catalog, framed, at, content.len(), framed.bytes.len(), obs));
            }
            let common = rest.iter().zip(content).take_while(|(a, b)| a == b).count();
            if common < 2 && exchange.echoed == 0 {
                continue;
            }
            if common == content.len() {
                // Interrupted: the rest of the echo is still to come.
                return Some(self.give_echo(catalog, framed, at, common, framed.bytes.len(), obs));
            }
            // Something known may stand right behind a part of the echo, or behind all of it.
            let least = common.saturating_sub(8).max(if exchange.echoed == 0 { 2 } else { 1 });
            let split = (least..=common).rev().find(|&split| self.is_known(catalog, framed, split));
            if let Some(split) = split {
                return Some(self.give_echo(catalog, framed, at, split, framed.start + split, obs));
            }
        }
        None
    }

    /// The first exchange that an echo may be of: where the same line was sent again after a while, an echo that comes at once is
    /// the newer one's.
    fn sent_again(&mut self, framed: &Framed<'_>) -> usize {
        let [Some(old), Some(new)] = [0, 1].map(|at| self.open.get(at)) else { return 0 };
        let (Some(asked), Some(again)) = (old.ended, new.ended) else { return 0 };
        if old.text != new.text || old.echoed > 0 || old.answered {
            return 0;
        }
        let side = self.side(Sender::Module);
        let offset = side.base + framed.start as u64;
        let Some(time) = side.time_ahead(offset) else { return 0 };
        let (waited, took) = (again.since(asked), time.since(again).as_nanos());
        usize::from(waited >= ECHO_WAIT && took.saturating_mul(10) <= waited.as_nanos())
    }

    /// Whether what stands behind `skip` bytes of the content is a line of the catalog that needs no question.
    fn is_known(&mut self, catalog: &Catalog, framed: &Framed<'_>, skip: usize) -> bool {
        let behind = Framed { bytes: framed.bytes, start: framed.start + skip, end: framed.end, ending: framed.ending };
        let content = behind.content();
        if content.len() < 2 {
            return false;
        }
        let (len, stop, hash) = scan_name(content);
        let name = content.get(..len).unwrap_or_default();
        let choice = self.best_named(catalog, &behind, name, hash, stop).or_else(|| self.best_other(catalog, &behind));
        choice.and_then(|choice| catalog.lines.get(choice.line as usize)).is_some_and(|line| {
            !matches!(line.pattern, crate::catalog::Pattern::Free { .. }) && line.role != Role::Boot
        })
    }

    fn give_echo<O: Observer>(
        &mut self,
        catalog: &Catalog,
        framed: &Framed<'_>,
        at: usize,
        echoed: usize,
        len: usize,
        obs: &mut O,
    ) -> usize {
        self.booting = false;
        let bytes = framed.bytes.get(..len).unwrap_or(framed.bytes);
        let whole = len == framed.bytes.len();
        let seq = self.seq;
        let id = self.open.get_mut(at).map(|exchange| {
            exchange.echoed += echoed;
            exchange.echo_seq = Some(seq);
            exchange.id
        });
        let whole_echo = self.open.get(at).is_some_and(|exchange| exchange.unechoed().is_empty());
        self.give_with(
            catalog,
            Sender::Module,
            bytes,
            id,
            EventKind::Echo,
            |mut facts| {
                // An echo ends as the host ended its line; that is no habit of the module.
                facts.ending = None;
                facts.cut |= !whole;
                facts
            },
            obs,
        );
        let at = self.close_told(catalog, at);
        if whole_echo {
            self.skip_unechoed(catalog, at, obs);
        }
        len
    }

    /// The command at `at` ends, and some of its echo never came.
    pub(super) fn partial_echo<O: Observer>(&mut self, catalog: &Catalog, at: usize, obs: &mut O) {
        let Some(exchange) = self.open.get_mut(at) else { return };
        let (Some(seq), true) = (exchange.echo_seq.take(), exchange.text.len() < TEXT_MAX) else { return };
        if exchange.unechoed().is_empty() {
            return;
        }
        let came = exchange.text.get(..exchange.echoed).unwrap_or_default().to_vec();
        let (id, sent) = (exchange.id, exchange.text.clone());
        exchange.echoed = exchange.text.len();
        self.notice(catalog, Notice::EchoMismatch { seq, exchange: id, sent, came }, obs);
    }

    /// The module is at the command at `at`: unknown ones ahead of it that were answered are over.
    fn close_told(&mut self, catalog: &Catalog, at: usize) -> usize {
        let mut at = at;
        let mut before = 0;
        while before < at {
            if self.open.get(before).is_some_and(|open| open.answered && open.is_unknown(catalog)) {
                self.close_exchange(catalog, before, false);
                at -= 1;
            } else {
                before += 1;
            }
        }
        at
    }

    /// The module repeats the command at `at`: those sent ahead of it that it has not repeated never reached it.
    fn skip_unechoed<O: Observer>(&mut self, catalog: &Catalog, at: usize, obs: &mut O) {
        let (mut at, mut before) = (at, 0);
        while before < at {
            let unheard = self.open.get(before).is_some_and(|exchange| {
                exchange.stage == Stage::Answer && exchange.echoed == 0 && !exchange.answered && !exchange.rejected
            });
            if unheard {
                self.lose_exchange(catalog, before, "a later command was echoed", obs);
                at -= 1;
            } else {
                before += 1;
            }
        }
    }

    /// A line that is nothing else: an echo with bytes lost or flipped, or the echo of data?
    pub(super) fn garbled_echo<O: Observer>(&mut self, catalog: &Catalog, framed: &Framed<'_>, obs: &mut O) -> bool {
        let content = framed.content();
        let data = self.open.iter().position(|exchange| {
            matches!(exchange.stage, Stage::Sent | Stage::Data)
                && !exchange.sent.is_empty()
                && (exchange.sent.starts_with(content) || exchange.sent.trim_ascii() == content)
        });
        if let Some(at) = data {
            let id = self.open.get(at).map(|exchange| exchange.id);
            self.give(catalog, Sender::Module, framed.bytes, id, EventKind::Echo, obs);
            return true;
        }
        let Some(at) = self.open.iter().position(|exchange| is_like(exchange.unechoed(), content)) else {
            return false;
        };
        let Some(exchange) = self.open.get_mut(at) else { return false };
        let (id, sent) = (exchange.id, exchange.unechoed().to_vec());
        exchange.echoed = exchange.text.len();
        let came = content.to_vec();
        let seq = self.give(catalog, Sender::Module, framed.bytes, Some(id), EventKind::Echo, obs);
        if !self.closing {
            self.notice(catalog, Notice::EchoMismatch { seq, exchange: id, sent, came }, obs);
        }
        true
    }
}

/// Whether `came` is `sent` with a few bytes lost, doubled or flipped: alike at both ends and of like length, or few edits away.
fn is_like(sent: &[u8], came: &[u8]) -> bool {
    let (short, long) = (sent.len().min(came.len()), sent.len().max(came.len()));
    if short < 3 || (long - short) * 5 > long * 2 {
        return false;
    }
    let head = sent.iter().zip(came).take_while(|(a, b)| a == b).count();
    let tail =
        sent.iter().rev().zip(came.iter().rev()).take_while(|(a, b)| a == b).count().min(short - head.min(short));
    if (head + tail) * 5 >= long * 3 {
        return true;
    }
    // The same length with some bytes flipped.
    let same = sent.iter().zip(came).filter(|(a, b)| a == b).count();
    if sent.len() == came.len() && same * 5 >= long * 4 {
        return true;
    }
    // Several bytes lost here and there; no answer starts as a command does.
    head >= 2 && long <= EDITED_MAX && edits(sent, came) * 4 <= long
}

/// Longest echo whose edits are counted.
const EDITED_MAX: usize = 256;

/// How many bytes must be taken out, put in or changed to make one of the other.
fn edits(a: &[u8], b: &[u8]) -> usize {
    let mut row: [usize; EDITED_MAX + 1] = std::array::from_fn(|at| at);
    for (i, x) in a.iter().enumerate() {
        let (mut corner, mut left) = (i, i + 1);
        for (slot, y) in row.iter_mut().skip(1).zip(b) {
            let here = (corner + usize::from(x != y)).min(*slot + 1).min(left + 1);
            corner = *slot;
            *slot = here;
            left = here;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.get(b.len()).copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::is_like;

    #[test]
    fn likeness() {
        for (sent, came) in [
            ("AT+CWMODE=1", "T+CWMODE=1"),
            ("AT+CWMODE=1", "AT+CWODE=1"),
            ("AT+GMR", "AT+GER"),
            ("AT+CIPSTATUS", "AT+CPSTATS"),
            ("AT+CWJAP=\"home\",\"pass1234\"", "AT+CWJAP=\"hoe\",\"pass134\""),
            ("AT+CWJAP=\"a\"", "AT+CWJPA=\"a\""),
        ] {
            assert!(is_like(sent.as_bytes(), came.as_bytes()), "{sent} {came}");
        }
        for (sent, came) in [
            ("AT+CWMODE=1", "OK"),
            ("AT", "ready"),
            ("AT+CIPSTART=\"TCP\"", "AT version:1.7"),
            ("AT+GMR", "WIFI GOT IP"),
        ] {
            assert!(!is_like(sent.as_bytes(), came.as_bytes()), "{sent} {came}");
        }
    }
}
