//! An input taken apart by the decoder: lines, results, URCs, prompts, payloads, in the order of the input.
//!
//! Tolerant, since the decoder is: every byte belongs to a piece, whatever it is. Pieces tile the input.

use std::sync::Arc;

use super::form::{InputForm, Unit, unit};
use crate::Sender;
use crate::catalog::Catalog;
use crate::session::{EventKind, Options, Session};

/// What a piece is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    Command,
    Final,
    /// Response, URC, progress, boot, prompt.
    Line,
    Noise,
    Payload,
}

/// Where a piece's bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum From {
    Input,
    Other,
    Scratch,
}

/// A part of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) from: From,
    pub(super) start: u32,
    pub(super) end: u32,
    pub(super) sort: Sort,
    pub(super) host: bool,
    /// A new chunk starts here, though the sender is the same.
    pub(super) border: bool,
    /// The exchange's number; `u32::MAX`: none.
    pub(super) exchange: u32,
}

impl Piece {
    pub(super) const fn len(&self) -> usize {
        (self.end - self.start) as usize
    }
}

#[derive(Clone, Copy, Debug)]
struct Told {
    host: bool,
    offset: u32,
    sort: Sort,
    exchange: u32,
}

/// Bytes of one sender that stand behind one another in the input: where they start in the sender's stream and in the input.
#[derive(Clone, Copy, Debug)]
struct Run {
    host: bool,
    offset: u32,
    at: u32,
    /// Where the marks ahead of it start.
    marks: u32,
    /// A turn mark is among them.
    turn: bool,
}

/// Buffers of the parser, kept from one input to the next.
#[derive(Debug, Default)]
pub(super) struct Parser {
    told: Vec<Told>,
    runs: Vec<Run>,
    plain: Vec<u8>,
}

/// Longest input that is decoded; what stands behind it is one piece.
pub(super) const MOST: usize = 64 * 1024;

impl Parser {
    /// Takes an input apart; pieces are appended to `pieces`.
    pub(super) fn parse(
        &mut self,
        catalog: &Arc<Catalog>,
        form: InputForm,
        input: &[u8],
        from: From,
        pieces: &mut Vec<Piece>,
    ) {
        self.told.clear();
        let (head, rest) = input.split_at_checked(MOST).unwrap_or((input, &[]));
        match form {
            InputForm::Stream => self.stream(catalog, head, from, pieces),
            InputForm::Conversation => self.conversation(catalog, head, from, pieces),
        }
        if !rest.is_empty() {
            pieces.push(Piece {
                from,
                start: head.len() as u32,
                end: input.len() as u32,
                sort: Sort::Noise,
                host: pieces.last().is_some_and(|last| last.host),
                border: false,
                exchange: u32::MAX,
            });
        }
    }

    /// Takes a stream apart at its line ends alone: a tenth of the work, which finds neither exchanges nor counted data.
    pub(super) fn lines(input: &[u8], from: From, pieces: &mut Vec<Piece>) {
        let mut start = 0;
        let mut rest = input;
        while !rest.is_empty() {
            // Blank lines belong to the line that they stand ahead of; the last ones to what is there.
            let blank = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            let line = rest.get(blank..).unwrap_or_default();
            let len = blank + memchr::memchr(b'\n', line).map_or(line.len(), |at| at + 1);
            let end = start + len as u32;
            pieces.push(Piece { from, start, end, sort: Sort::Line, host: false, border: false, exchange: u32::MAX });
            (start, rest) = (end, rest.get(len..).unwrap_or_default());
        }
    }

    fn stream(&mut self, catalog: &Arc<Catalog>, input: &[u8], from: From, pieces: &mut Vec<Piece>) {
        let mut session = Session::new(Arc::clone(catalog), &Options { echoes: true, ..Options::default() });
        let told = &mut self.told;
        session.push(Sender::Module, None, input, &mut |event| told.push(Told::new(event)));
        session.finish(&mut |event| told.push(Told::new(event)));
        if !told.is_sorted_by_key(|told| told.offset) {
            told.sort_by_key(|told| told.offset);
        }
        for (at, one) in told.iter().enumerate() {
            let end = told.get(at + 1).map_or(input.len() as u32, |next| next.offset);
            if end > one.offset {
                let (sort, exchange) = (one.sort, one.exchange);
                pieces.push(Piece { from, start: one.offset, end, sort, host: false, border: false, exchange });
            }
        }
    }

    fn conversation(&mut self, catalog: &Arc<Catalog>, input: &[u8], from: From, pieces: &mut Vec<Piece>) {
        let mut session = Session::new(Arc::clone(catalog), &Options::default());
        let Self { told, runs, plain } = self;
        runs.clear();
        let mut offsets = [0_u32; 2];
        let (mut at, mut host, mut marks, mut turn) = (0, false, Some(0), false);
        plain.clear();
        let mut say = |plain: &mut Vec<u8>, host: bool| {
            let sender = if host { Sender::Host } else { Sender::Module };
            session.push(sender, None, plain, &mut |event| told.push(Told::new(event)));
            plain.clear();
        };
        let mut in_header = false;
        while let Some((unit, len)) = input.get(at..).and_then(unit) {
            match unit {
                Unit::Byte(_) if in_header => {}
                Unit::Byte(byte) => {
                    let offset = offsets.get_mut(usize::from(host));
                    // An escape ends a run: from here on the input has more bytes than the stream.
                    if let Some(start) = marks.take().or((len > 1).then_some(at as u32)) {
                        let offset = offset.as_deref().copied().unwrap_or_default();
                        runs.push(Run { host, offset, at: at as u32, marks: start, turn: std::mem::take(&mut turn) });
                    }
                    if let Some(offset) = offset {
                        *offset += 1;
                    }
                    plain.push(byte);
                    if len > 1 {
                        marks = None;
                        runs.push(Run {
                            host,
                            offset: offsets.get(usize::from(host)).copied().unwrap_or_default(),
                            at: (at + len) as u32,
                            marks: (at + len) as u32,
                            turn: false,
                        });
                    }
                }
                mark => {
                    in_header = mark == Unit::Header;
                    marks.get_or_insert(at as u32);
                    if let Unit::Turn(sender) = mark {
                        say(plain, host);
                        host = sender == Sender::Host;
                        turn = true;
                    }
                }
            }
            at += len;
        }
        say(plain, host);
        session.finish(&mut |event| told.push(Told::new(event)));
        told.sort_by_key(|told| (told.host, told.offset));
        // Where pieces start in the input: at events, and where the sender changes.
        let first = pieces.len();
        let mut start = |at: u32, host: bool, border: bool, sort: Sort, exchange: u32| {
            pieces.push(Piece { from, start: at, end: at, sort, host, border, exchange });
        };
        for side in [false, true] {
            let mut events = told.iter().filter(|told| told.host == side).peekable();
            let mut open = None;
            let mut mine = runs.iter().filter(|run| run.host == side).peekable();
            while let Some(run) = mine.next() {
                let limit = mine.peek().map_or(u32::MAX, |next| next.offset);
                let mut begun = false;
                while let Some(event) = events.next_if(|event| event.offset < limit) {
                    open = Some((event.sort, event.exchange));
                    let at_start = event.offset == run.offset;
                    let at = if at_start { run.marks } else { run.at + event.offset.saturating_sub(run.offset) };
                    begun |= at_start;
                    start(at, side, at_start && run.turn, event.sort, event.exchange);
                }
                if run.turn && !begun {
                    let (sort, exchange) = open.unwrap_or((Sort::Noise, u32::MAX));
                    start(run.marks, side, true, sort, exchange);
                }
            }
        }
        if runs.is_empty() && !input.is_empty() {
            // Nobody says anything: marks and headers alone.
            start(0, false, false, Sort::Noise, u32::MAX);
        }
        let Some(mine) = pieces.get_mut(first..) else { return };
        mine.sort_by_key(|piece| piece.start);
        let mut end = input.len() as u32;
        for piece in mine.iter_mut().rev() {
            piece.end = end.max(piece.start);
            end = piece.start;
        }
        // Headers and the like ahead of the first byte belong to the first piece; a turn mark is printed anew.
        if let Some(first) = mine.first_mut() {
            first.start = 0;
        }
        for piece in mine {
            if matches!(input.get(piece.start as usize).copied(), Some(super::form::HOST | super::form::MODULE)) {
                piece.start += 1;
            }
        }
        pieces.retain(|piece| piece.start < piece.end);
    }
}

impl Told {
    fn new(event: &crate::session::Event<'_>) -> Self {
        let sort = match &event.kind {
            EventKind::Command { .. } | EventKind::Echo => Sort::Command,
            EventKind::Final { .. } => Sort::Final,
            EventKind::Noise => Sort::Noise,
            EventKind::Passthrough | EventKind::Payload { .. } => Sort::Payload,
            _ => Sort::Line,
        };
        let exchange = event.exchange.and_then(|number| u32::try_from(number).ok()).unwrap_or(u32::MAX);
        Self { host: event.from == Sender::Host, offset: event.offset as u32, sort, exchange }
    }
}

/// A token of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) start: u32,
    pub(super) end: u32,
    pub(super) kind: TokenKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// CR, LF, blank lines.
    End,
    /// What stands ahead of the first separator.
    Name,
    Number,
    /// A string with its quotes.
    Quoted,
    /// `,`, `:`, `=`, brackets, with blanks behind it.
    Separator,
    Word,
}

/// Takes a line apart into tokens, which tile it; `tokens` is emptied first.
pub(super) fn tokens(line: &[u8], tokens: &mut Vec<Token>) {
    /// A line with more is cut short: the rest is one word.
    const MOST: usize = 256;
    tokens.clear();
    let mut at = 0;
    let mut named = false;
    while let Some(&first) = line.get(at..).and_then(|rest| rest.first()) {
        let rest = line.get(at..).unwrap_or_default();
        let (kind, len) = match first {
            b'\r' | b'\n' => (TokenKind::End, count(rest, |byte| matches!(byte, b'\r' | b'\n'))),
            b'"' => (TokenKind::Quoted, quoted(rest)),
            b',' | b':' | b'=' | b'(' | b')' | b';' => {
                named = true;
                (TokenKind::Separator, 1 + count(rest.get(1..).unwrap_or_default(), |byte| byte == b' '))
            }
            _ => {
                let len =
                    count(rest, |byte| !matches!(byte, b'\r' | b'\n' | b'"' | b',' | b':' | b'=' | b'(' | b')' | b';'));
                let text = rest.get(..len).unwrap_or_default();
                let digits = text.strip_prefix(b"-").unwrap_or(text);
                match !digits.is_empty() && digits.iter().all(u8::is_ascii_digit) {
                    true => (TokenKind::Number, len),
                    false if named => (TokenKind::Word, len),
                    false => (TokenKind::Name, len),
                }
            }
        };
        let len = if tokens.len() >= MOST { rest.len() } else { len.max(1) };
        tokens.push(Token { start: at as u32, end: (at + len) as u32, kind });
        at += len;
    }
}

fn count(bytes: &[u8], taken: impl Fn(u8) -> bool) -> usize {
    bytes.iter().take_while(|&&byte| taken(byte)).count()
}

/// Length of a quoted string; without a closing quote it goes up to the line's end.
fn quoted(bytes: &[u8]) -> usize {
    let inner = bytes.get(1..).unwrap_or_default();
    match inner.iter().position(|&byte| matches!(byte, b'"' | b'\r' | b'\n')) {
        Some(at) if inner.get(at) == Some(&b'"') => at + 2,
        Some(at) => at + 1,
        None => bytes.len(),
    }
}
