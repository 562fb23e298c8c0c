//! A mutation at work: the pieces of an input, what was printed anew, and how they become bytes again.

use fastrand::Rng;

use super::form::{HOST, InputForm, MODULE};
use super::havoc;
use super::kit::{Dialect, Kit, Part};
use super::parse::{From, Piece, Sort, Token};

/// Habits of a firmware: how lines look.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    /// Behind a line.
    pub(super) end: &'static [u8],
    /// Ahead of a line.
    pub(super) lead: &'static [u8],
    /// Commands are echoed.
    pub(super) echo: bool,
    /// How many of 256 values break their description.
    pub(super) wrong: u8,
    /// How many of 256 announced lengths are lies.
    pub(super) lies: u8,
    /// How many of 256 values are the usual ones: then lines agree on the link that they are about.
    pub(super) usual: u8,
}

impl Style {
    /// Mostly the usual one.
    pub(super) fn any(rng: &mut Rng) -> Self {
        let ends: [&[u8]; 6] = [b"\n", b"\r", b"\r\r\n", b"", b"\r\n\r\n", b"\n\r"];
        let odd = rng.u8(..16) == 0;
        Self {
            end: if odd { rng.choice(ends).unwrap_or(b"\r\n") } else { b"\r\n" },
            lead: if odd || rng.u8(..3) > 0 { b"\r\n" } else { b"" },
            echo: rng.u8(..4) == 0,
            wrong: rng.choice([0, 16, 64]).unwrap_or(16),
            lies: rng.choice([0, 32, 128]).unwrap_or(32),
            usual: rng.choice([0, 128, 230]).unwrap_or(128),
        }
    }
}

/// Buffers that are kept from one mutation to the next.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    pub(super) pieces: Vec<Piece>,
    pub(super) others: Vec<Piece>,
    pub(super) scratch: Vec<u8>,
    pub(super) tokens: Vec<Token>,
    pub(super) line: Vec<u8>,
}

/// A mutation at work.
pub(super) struct Job<'a> {
    pub(super) kit: &'a Kit,
    pub(super) dialect: &'a Dialect,
    pub(super) form: InputForm,
    pub(super) input: &'a [u8],
    /// The input to cross with; empty where there is none.
    pub(super) other: &'a [u8],
    pub(super) buffers: &'a mut Buffers,
    pub(super) rng: &'a mut Rng,
    /// Most bytes of the result.
    pub(super) max: usize,
    /// How many it should have.
    pub(super) soft: usize,
}

impl Job<'_> {
    pub(super) fn pieces(&self) -> usize {
        self.buffers.pieces.len()
    }

    pub(super) fn piece(&self, at: usize) -> Option<Piece> {
        self.buffers.pieces.get(at).copied()
    }

    /// A random piece's place.
    pub(super) fn any(&mut self) -> Option<usize> {
        let count = self.pieces();
        (count > 0).then(|| self.rng.usize(..count))
    }

    /// A random piece that is no payload, if one is found soon.
    pub(super) fn any_line(&mut self) -> Option<usize> {
        for _ in 0..4 {
            let at = self.any()?;
            if self.piece(at).is_some_and(|piece| piece.sort != Sort::Payload) {
                return Some(at);
            }
        }
        self.any()
    }

    /// Whether so much was printed already that no more should be.
    pub(super) fn full(&self) -> bool {
        self.buffers.scratch.len() > 4 * self.max + 4096
    }

    /// The bytes of a piece.
    pub(super) fn bytes(&self, piece: Piece) -> &[u8] {
        let from = match piece.from {
            From::Input => self.input,
            From::Other => self.other,
            From::Scratch => &self.buffers.scratch,
        };
        from.get(piece.start as usize..piece.end as usize).unwrap_or_default()
    }

    /// Prints a piece anew: `print` gets its bytes and appends to the end of the second.
    pub(super) fn edit(&mut self, at: usize, print: impl FnOnce(&mut Self, &[u8], &[Token])) {
        let Some(piece) = self.piece(at) else { return };
        if self.full() {
            return;
        }
        let mut line = std::mem::take(&mut self.buffers.line);
        let mut tokens = std::mem::take(&mut self.buffers.tokens);
        line.clear();
        line.extend_from_slice(self.bytes(piece));
        super::parse::tokens(&line, &mut tokens);
        let start = self.buffers.scratch.len();
        print(self, &line, &tokens);
        self.buffers.line = line;
        self.buffers.tokens = tokens;
        let end = self.buffers.scratch.len();
        if let Some(piece) = self.buffers.pieces.get_mut(at) {
            (piece.from, piece.start, piece.end) = (From::Scratch, start as u32, end as u32);
        }
    }

    /// Appends bytes to what is printed anew.
    pub(super) fn put(&mut self, bytes: &[u8]) {
        self.buffers.scratch.extend_from_slice(bytes);
    }

    /// What was printed since `start`, as a piece.
    pub(super) fn printed(&self, start: usize, sort: Sort, host: bool) -> Piece {
        let end = self.buffers.scratch.len() as u32;
        Piece { from: From::Scratch, start: start as u32, end, sort, host, border: false, exchange: u32::MAX }
    }

    /// Bytes of data, some of which look like what a parser waits for.
    pub(super) fn payload(&mut self, len: usize) {
        let len = len.min(self.soft);
        let start = self.buffers.scratch.len();
        match self.rng.u8(..8) {
            0..=2 => {
                let byte = self.rng.alphanumeric() as u8;
                self.buffers.scratch.extend(std::iter::repeat_n(byte, len));
            }
            3 | 4 => {
                while self.buffers.scratch.len() < start + len {
                    let word = self.word();
                    let word = self.kit.text(word);
                    self.buffers.scratch.extend_from_slice(word);
                    self.buffers.scratch.extend_from_slice(b"\r\n");
                }
                self.buffers.scratch.truncate(start + len);
            }
            5 => {
                // A conversation's marks would be parts of its form.
                let most = if self.form == InputForm::Conversation { super::form::CLOCK - 1 } else { u8::MAX };
                let mut left = len;
                while left > 0 {
                    for byte in self.rng.u64(..).to_le_bytes().into_iter().take(left) {
                        self.buffers.scratch.push(byte.min(most));
                    }
                    left = left.saturating_sub(8);
                }
            }
            _ => {
                let text = b"{\"temp\":21.5,\"on\":true}\r\nHTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nhello world\0";
                self.buffers.scratch.extend(text.iter().cycle().take(len));
            }
        }
    }

    /// A word of the dialect, or of the target's own.
    pub(super) fn word(&mut self) -> super::kit::Span {
        let own = &self.kit.own;
        let list = if !own.is_empty() && self.rng.u8(..2) == 0 { own } else { &self.dialect.words };
        self.rng.choice(list).copied().unwrap_or_default()
    }

    /// Appends the digits of a length that is announced for `len` bytes: true, or a lie.
    pub(super) fn announce(&mut self, len: usize, lies: u8) {
        let len = i64::try_from(len).unwrap_or(i64::MAX);
        if self.rng.u8(..) >= lies {
            return havoc::digits(len, &mut self.buffers.scratch);
        }
        let lie = match self.rng.u8(..12) {
            0 => len + 1,
            1 => len - 1,
            2 => len + self.rng.i64(2..64),
            3 => len - self.rng.i64(2..64).min(len),
            4 => 0,
            5 => -self.rng.i64(1..=len.max(1)),
            6 => 2 * len,
            7 => return self.put(b""),
            8 => {
                // Neither digits nor none.
                let odd: [&[u8]; 8] = [b"-", b"x", b" ", b"0x10", b"1e9", b"99999999999999999999", b"+5", b"5 "];
                let text = self.rng.choice(odd).unwrap_or(b"-");
                return self.put(text);
            }
            _ => havoc::number(self.rng),
        };
        havoc::digits(lie, &mut self.buffers.scratch);
    }

    /// Prints a template; gives where its data stands, if it has some.
    pub(super) fn print(&mut self, template: u32, style: Style) -> Option<(usize, usize)> {
        let kit = self.kit;
        let template = kit.template(template)?;
        let prompt = template.prompt && !template.data;
        if !prompt {
            self.put(style.lead);
        }
        let len = if template.data { havoc::length(self.rng, self.soft) } else { 0 };
        let mut data = None;
        for part in kit.parts(template) {
            match *part {
                Part::Text(span) => self.put(kit.text(span)),
                Part::Count => self.announce(len, style.lies),
                Part::Data => {
                    let start = self.buffers.scratch.len();
                    self.payload(len);
                    data = Some((start, self.buffers.scratch.len()));
                }
                Part::Value(pool) => {
                    let Some(pool) = kit.pool(pool) else { continue };
                    if pool.number && style.wrong > 0 && self.rng.u8(..) < style.wrong {
                        let number = havoc::number(self.rng);
                        havoc::digits(number, &mut self.buffers.scratch);
                    } else {
                        let value = kit.value(pool, style, self.rng);
                        self.put(value);
                    }
                }
            }
        }
        if !prompt && data.is_none() {
            self.put(style.end);
        }
        data
    }

    /// Writes the pieces, up to the limit.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.clear();
        let mut host = false;
        for &piece in &self.buffers.pieces {
            let bytes = self.bytes(piece);
            if self.form == InputForm::Conversation && (piece.host != host || piece.border) {
                host = piece.host;
                out.push(if host { HOST } else { MODULE });
            }
            let room = self.max.saturating_sub(out.len());
            out.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
            if out.len() >= self.max {
                break;
            }
        }
        out.truncate(self.max);
    }
}
