//! Makes an input smaller while something about it holds: whole exchanges first, then lines, then fields, then bytes. Then tells
//! what of the rest matters.
//!
//! Every step asks the caller whether it still holds; nothing is asked twice. What is left is minimal in this sense: no
//! exchange, line, field or byte of it can be left out alone.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use super::form::{HOST, InputForm, MODULE};
use super::parse::{From, Parser, Piece, Token, TokenKind, tokens};
use crate::catalog::Catalog;

/// A piece of the input, on its own.
#[derive(Clone, Debug)]
struct Item {
    bytes: Vec<u8>,
    host: bool,
    border: bool,
    exchange: u32,
}

/// A part of a minimal input, and whether the outcome depends on its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matter {
    /// Where it stands: the line's number, from 0, in [`Minimal::lines`].
    pub line: usize,
    /// Its bytes.
    pub text: Vec<u8>,
    /// With another value of the same kind (this one) it does not hold any more; `None`: any value will do.
    pub unlike: Option<Vec<u8>>,
}

/// What is left.
#[derive(Clone, Debug, Default)]
pub struct Minimal {
    /// The input, in its form.
    pub bytes: Vec<u8>,
    /// Its lines and data, in order; `true`: of the host.
    pub lines: Vec<(bool, Vec<u8>)>,
    /// Fields, in order, and whether they matter.
    pub matters: Vec<Matter>,
    /// How often the caller was asked.
    pub asked: usize,
    /// The limit was reached: it may be smaller still.
    pub cut_off: bool,
}

struct Work<'a> {
    form: InputForm,
    holds: &'a mut dyn FnMut(&[u8]) -> bool,
    refused: HashSet<u64>,
    asked: usize,
    most: usize,
}

/// Makes `input` smaller while `holds`; the input as it is must hold. `most`: how often to ask at the most.
pub fn minimise(
    catalog: &Arc<Catalog>,
    form: InputForm,
    input: &[u8],
    most: usize,
    holds: &mut dyn FnMut(&[u8]) -> bool,
) -> Minimal {
    let mut pieces = Vec::new();
    Parser::default().parse(catalog, form, input, From::Input, &mut pieces);
    let item = |piece: &Piece| Item {
        bytes: input.get(piece.start as usize..piece.end as usize).unwrap_or_default().to_vec(),
        host: piece.host,
        border: piece.border,
        exchange: piece.exchange,
    };
    let mut items: Vec<Item> = pieces.iter().map(item).collect();
    let mut work = Work { form, holds, refused: HashSet::new(), asked: 0, most };
    // What is printed from pieces must hold as well; it does, unless the input had marks that mean nothing.
    if !work.ask(&items) {
        items = vec![Item { bytes: input.to_vec(), host: false, border: false, exchange: u32::MAX }];
    }
    loop {
        let before = size(&items);
        work.exchanges(&mut items);
        work.lines(&mut items);
        work.fields(&mut items);
        work.bytes(&mut items);
        if size(&items) >= before || work.is_done() {
            break;
        }
    }
    let matters = work.matters(&items);
    let cut_off = work.is_done();
    let lines = items.iter().map(|item| (item.host, item.bytes.clone())).collect();
    Minimal { bytes: print(&items, form), lines, matters, asked: work.asked, cut_off }
}

fn size(items: &[Item]) -> usize {
    items.len() + items.iter().map(|item| item.bytes.len()).sum::<usize>()
}

fn print(items: &[Item], form: InputForm) -> Vec<u8> {
    let mut out = Vec::new();
    let mut host = false;
    for item in items {
        if form == InputForm::Conversation && (item.host != host || item.border) {
            host = item.host;
            out.push(if host { HOST } else { MODULE });
        }
        out.extend_from_slice(&item.bytes);
    }
    out
}

impl Work<'_> {
    fn is_done(&self) -> bool {
        self.asked >= self.most
    }

    fn ask(&mut self, items: &[Item]) -> bool {
        let bytes = print(items, self.form);
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        let key = hasher.finish();
        if self.is_done() || self.refused.contains(&key) {
            return false;
        }
        self.asked += 1;
        let holds = (self.holds)(&bytes);
        if !holds {
            self.refused.insert(key);
        }
        holds
    }

    fn exchanges(&mut self, items: &mut Vec<Item>) {
        let mut numbers: Vec<u32> =
            items.iter().map(|item| item.exchange).filter(|&number| number != u32::MAX).collect();
        numbers.sort_unstable();
        numbers.dedup();
        for number in numbers {
            let rest: Vec<Item> = items.iter().filter(|item| item.exchange != number).cloned().collect();
            if rest.len() < items.len() && self.ask(&rest) {
                *items = rest;
            }
        }
    }

    /// Leaves out runs of pieces: half of them, a quarter, …, one.
    fn lines(&mut self, items: &mut Vec<Item>) {
        let mut run = items.len().div_ceil(2);
        while run > 0 && !self.is_done() {
            let mut at = 0;
            while at < items.len() {
                let end = (at + run).min(items.len());
                let mut rest = items.clone();
                rest.drain(at..end);
                if self.ask(&rest) {
                    *items = rest;
                } else {
                    at += run;
                }
            }
            run = if run == 1 { 0 } else { run.div_ceil(2) };
        }
        for at in 0..items.len() {
            // A chunk's border of its own.
            let mut joined = items.clone();
            if let Some(item) = joined.get_mut(at).filter(|item| item.border) {
                item.border = false;
                if self.ask(&joined) {
                    *items = joined;
                }
            }
        }
    }

    /// Whether it holds with other bytes for a piece; then it has them.
    fn replaced(&mut self, items: &mut [Item], at: usize, bytes: Vec<u8>) -> bool {
        let Some(old) = items.get_mut(at).map(|item| std::mem::replace(&mut item.bytes, bytes)) else { return false };
        let holds = self.ask(items);
        if !holds && let Some(item) = items.get_mut(at) {
            item.bytes = old;
        }
        holds
    }

    /// Leaves out fields with a separator, shortens strings and numbers.
    fn fields(&mut self, items: &mut [Item]) {
        for at in 0..items.len() {
            let mut place = 0;
            while let Some(line) = items.get(at).map(|item| item.bytes.clone()) {
                let mut list = Vec::new();
                tokens(&line, &mut list);
                let Some(&token) = list.get(place) else { break };
                let next = list.get(place + 1).filter(|next| next.kind == TokenKind::Separator);
                let ends = [next.map(|next| next.end), Some(token.end)];
                let gone = ends
                    .into_iter()
                    .flatten()
                    .any(|end| self.replaced(items, at, spliced(&line, token.start, end, b"")));
                if gone {
                    continue;
                }
                for simple in simpler(&line, token) {
                    if self.replaced(items, at, spliced(&line, token.start, token.end, &simple)) {
                        break;
                    }
                }
                place += 1;
                if self.is_done() {
                    return;
                }
            }
        }
    }

    /// Leaves out runs of bytes of each piece: half of them, a quarter, …, one.
    fn bytes(&mut self, items: &mut Vec<Item>) {
        for at in 0..items.len() {
            let mut run = items.get(at).map_or(0, |item| item.bytes.len()).div_ceil(2);
            while run > 0 && !self.is_done() {
                let mut from = 0;
                while let Some(line) = items.get(at).map(|item| item.bytes.clone()).filter(|line| from < line.len()) {
                    let to = (from + run).min(line.len());
                    if !self.replaced(items, at, spliced(&line, from as u32, to as u32, b"")) {
                        from += run;
                    }
                }
                run = if run == 1 { 0 } else { run.div_ceil(2) };
            }
        }
        items.retain(|item| !item.bytes.is_empty());
    }

    /// Tries another value for every field.
    fn matters(&mut self, items: &[Item]) -> Vec<Matter> {
        let mut out = Vec::new();
        for (line, item) in items.iter().enumerate() {
            let mut list = Vec::new();
            tokens(&item.bytes, &mut list);
            for token in list {
                if matches!(token.kind, TokenKind::End | TokenKind::Separator) {
                    continue;
                }
                let text = text(&item.bytes, token);
                let other = other(text, token.kind);
                let mut changed = items.to_vec();
                if let Some(item) = changed.get_mut(line) {
                    item.bytes = spliced(&item.bytes, token.start, token.end, &other);
                }
                let matters = !self.ask(&changed);
                out.push(Matter { line, text: text.to_vec(), unlike: matters.then_some(other) });
            }
        }
        out
    }
}

fn text(line: &[u8], token: Token) -> &[u8] {
    line.get(token.start as usize..token.end as usize).unwrap_or_default()
}

/// A line with other bytes in place of a part.
fn spliced(line: &[u8], start: u32, end: u32, new: &[u8]) -> Vec<u8> {
    let head = line.get(..start as usize).unwrap_or_default();
    let tail = line.get(end as usize..).unwrap_or_default();
    [head, new, tail].concat()
}

/// Values of a kind that are simpler, the simplest first.
fn simpler(line: &[u8], token: Token) -> Vec<Vec<u8>> {
    let text = text(line, token);
    match token.kind {
        TokenKind::Number if text != b"0" && text != b"1" => vec![b"0".to_vec(), b"1".to_vec()],
        TokenKind::Number if text == b"1" => vec![b"0".to_vec()],
        TokenKind::Quoted if text.len() > 2 => vec![b"\"\"".to_vec()],
        _ => Vec::new(),
    }
}

/// Another value of the same kind and length.
fn other(text: &[u8], kind: TokenKind) -> Vec<u8> {
    let change = |byte: u8| match byte {
        b'"' => b'"',
        b'9' | b'2' => b'3',
        b'0'..=b'8' => byte + 1,
        b'x' => b'y',
        byte if byte.is_ascii_graphic() => b'x',
        byte => byte,
    };
    match kind {
        // The last digit alone: 1025 and 1026 are alike in what overflows a buffer, so it is the first one, too.
        TokenKind::Number => text.iter().map(|&byte| if byte == b'-' { byte } else { change(byte) }).collect(),
        _ => text.iter().map(|&byte| change(byte)).collect(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::catalog::load_builtin;

    #[test]
    fn what_the_failure_needs_is_left() {
        let input = b"ready\r\nWIFI GOT IP\r\n0,CONNECT\r\n\r\n+IPD,0,5:hello\r\nOK\r\n\r\n+IPD,7,12:hello world!\r\n0,CLOSED\r\n";
        let mut holds = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes);
            text.find("CONNECT").is_some_and(|at| text.get(at..).unwrap().contains("+IPD,7,"))
        };
        let catalog = load_builtin("esp-at").unwrap();
        let minimal = minimise(&catalog, InputForm::Stream, input, 10_000, &mut holds);
        assert_eq!(minimal.bytes, b"CONNECT+IPD,7,");
        assert!(
            minimal.matters.iter().any(|matter| matter.text == b"7" && matter.unlike.is_some()),
            "{:?}",
            minimal.matters
        );
        assert!(!minimal.cut_off && minimal.asked < 400, "{}", minimal.asked);
    }

    #[test]
    fn a_conversation_keeps_its_sides() {
        let conversation =
            b"\xFEAT+CIPSEND=5\r\n\xFD\r\nOK\r\n\r\n> \xFEhello\xFD\xFC\x05\r\nSEND OK\r\n\xFEAT+GMR\r\n\xFD\r\nOK\r\n";
        let mut holds = |bytes: &[u8]| {
            let talk = super::super::Conversation::from_bytes(bytes);
            talk.chunks.iter().any(|chunk| chunk.from == crate::Sender::Host && chunk.bytes == b"hello")
                && talk.to_stream().ends_with(b"SEND OK\r\n")
        };
        assert!(!holds(conversation));
        let conversation = conversation.get(..conversation.len() - 16).unwrap();
        let catalog = load_builtin("esp-at").unwrap();
        assert!(holds(conversation));
        let minimal = minimise(&catalog, InputForm::Conversation, conversation, 10_000, &mut holds);
        assert_eq!(minimal.bytes, b"\xFEhello\xFDSEND OK\r\n");
    }
}
