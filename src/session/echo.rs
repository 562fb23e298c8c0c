//! Echoes: the module repeating a command, whole, interrupted by a URC, or with bytes lost.

use super::decoder::Decoder;
use super::event::EventKind;
use super::exchange::{Exchange, Stage};
use super::module::{Framed, scan_name};
use super::notice::{Notice, Observer};
use crate::Sender;
use crate::catalog::{Catalog, Role};

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
        for at in 0..self.open.len() {
            let exchange = self.open.get(at)?;
            let rest = exchange.unechoed();
            if rest.first() != content.first() || rest.is_empty() {
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
        let id = self.open.get_mut(at).map(|exchange| {
            exchange.echoed += echoed;
            exchange.id
        });
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
        len
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

/// Whether `came` is `sent` with a few bytes lost, doubled or flipped: alike at both ends, and of like length.
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
    sent.len() == came.len() && same * 5 >= long * 4
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
