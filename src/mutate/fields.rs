//! Mutations of one line: its fields, separators, quotes, numbers, and the lengths that it announces.

use super::havoc;
use super::job::{Job, Style};
use super::kit::Part;
use super::parse::{Sort, Token, TokenKind};

fn text(line: &[u8], token: Token) -> &[u8] {
    line.get(token.start as usize..token.end as usize).unwrap_or_default()
}

fn is_value(token: &Token) -> bool {
    matches!(token.kind, TokenKind::Number | TokenKind::Quoted | TokenKind::Word)
}

impl Job<'_> {
    /// Changes something in a line.
    pub(super) fn fields(&mut self) {
        let Some(at) = self.any_line() else { return };
        self.edit(at, Self::line_anew);
    }

    fn line_anew(&mut self, line: &[u8], tokens: &[Token]) {
        let values = tokens.iter().filter(|token| is_value(token)).count();
        let roll = self.rng.u8(..32);
        if values == 0 || roll >= 20 {
            return self.separators(line, tokens, roll);
        }
        let chosen = self.rng.usize(..values);
        let place = tokens.iter().enumerate().filter(|(_, token)| is_value(token)).nth(chosen);
        let Some((place, &token)) = place else { return self.put(line) };
        let end = line.get(token.end as usize..).unwrap_or_default();
        self.put(line.get(..token.start as usize).unwrap_or_default());
        let old = text(line, token);
        match roll {
            0..=10 => self.value(line, tokens, chosen, token),
            11 | 12 => self.long(old, token.kind),
            13 => {}
            14 => {
                // Quotes come and go.
                match old.strip_prefix(b"\"") {
                    Some(inner) => {
                        let closing = self.rng.bool();
                        self.put(if closing { inner } else { inner.strip_suffix(b"\"").unwrap_or(inner) });
                    }
                    None => {
                        self.put(b"\"");
                        self.put(old);
                        let closing: &[u8] = if self.rng.bool() { b"\"" } else { b"" };
                        self.put(closing);
                    }
                }
            }
            15 | 16 => {
                // One more field, or many.
                let times = if self.rng.bool() { 1 } else { self.rng.usize(2..40) };
                let most = (self.soft / (old.len() + 1)).min(times);
                for _ in 0..most {
                    self.put(old);
                    self.put(b",");
                }
                self.put(old);
            }
            17 => {
                // Without the field and its separator.
                let next = tokens.get(place + 1).filter(|next| next.kind == TokenKind::Separator);
                let skip = next.map_or(0, |next| (next.end - next.start) as usize);
                return self.put(end.get(skip..).unwrap_or_default());
            }
            18 => {
                // Swapped with another one.
                let other = self.rng.usize(..values);
                let other = tokens.iter().filter(|token| is_value(token)).nth(other);
                let other = other.map_or(&b""[..], |other| text(line, *other));
                self.put(other);
            }
            _ => {
                // The line ends within it.
                let kept = self.rng.usize(..=old.len());
                self.put(old.get(..kept).unwrap_or_default());
                if self.rng.bool() {
                    self.put(b"\r\n");
                }
                return;
            }
        }
        self.put(end);
    }

    /// Another value: legal, on an edge, or illegal.
    fn value(&mut self, line: &[u8], tokens: &[Token], position: usize, token: Token) {
        let old = text(line, token);
        let pool = (self.rng.u8(..8) < 3).then(|| self.pool(line, tokens, position)).flatten();
        let kit = self.kit;
        if let Some(pool) = pool.and_then(|pool| kit.pool(pool)) {
            let value = kit.value(pool, Style { wrong: 64, usual: 0, ..Style::any(self.rng) }, self.rng);
            return self.put(value);
        }
        match token.kind {
            TokenKind::Number => self.number(old),
            TokenKind::Quoted if self.rng.bool() => {
                let (kit, word) = (self.kit, self.word());
                let known = self.rng.choice(havoc::TEXTS).filter(|_| self.rng.u8(..3) == 0);
                self.put(b"\"");
                self.put(known.unwrap_or(kit.text(word)));
                self.put(b"\"");
            }
            _ if self.rng.u8(..4) == 0 => self.number(old),
            _ => self.long(old, token.kind),
        }
    }

    fn number(&mut self, old: &[u8]) {
        let digits = old.strip_prefix(b"-").unwrap_or(old);
        let known =
            digits.iter().take(18).fold(0_i64, |sum, &byte| sum.wrapping_mul(10).wrapping_add(i64::from(byte & 15)));
        let new = match self.rng.u8(..16) {
            0 | 1 => known.wrapping_add(self.rng.i64(1..4)),
            2 | 3 => known.wrapping_sub(self.rng.i64(1..4)),
            4 => known.wrapping_neg(),
            5 => known.wrapping_mul(self.rng.i64(2..11)),
            6 => self.rng.i64(..),
            7 => self.rng.i64(0..256),
            8 => {
                let odd: [&[u8]; 10] = [
                    b"",
                    b"-",
                    b"0x1F",
                    b"1.5",
                    b"abc",
                    b"+5",
                    b"0000000000000000000000001",
                    b" 7",
                    b"1e9",
                    b"99999999999999999999",
                ];
                let odd = self.rng.choice(odd).unwrap_or_default();
                return self.put(odd);
            }
            _ => havoc::number(self.rng),
        };
        havoc::digits(new, &mut self.buffers.scratch);
    }

    /// A text of another length: none, at a limit, or beyond it.
    fn long(&mut self, old: &[u8], kind: TokenKind) {
        let len = havoc::length(self.rng, self.soft);
        let inner = old.strip_prefix(b"\"").unwrap_or(old);
        let inner = inner.strip_suffix(b"\"").unwrap_or(inner);
        let quoted = kind == TokenKind::Quoted;
        if quoted {
            self.put(b"\"");
        }
        match self.rng.u8(..4) {
            0 if !inner.is_empty() => self.buffers.scratch.extend(inner.iter().cycle().take(len)),
            1 => {
                let odd: [&[u8]; 8] = [b"\\\"", b",", b"\"", b"\r\n", b"%s%n", b"\0", b"\xC3\xA4", b"):("];
                let odd = self.rng.choice(odd).unwrap_or_default();
                self.put(inner);
                self.put(odd);
            }
            2 => self.buffers.scratch.extend(b"0123456789abcdef".iter().cycle().take(len)),
            _ => {
                let byte = self.rng.alphanumeric() as u8;
                self.buffers.scratch.extend(std::iter::repeat_n(byte, len));
            }
        }
        if quoted {
            self.put(b"\"");
        }
    }

    /// What the catalog knows of a line's value: of the first line of this name that has as many.
    fn pool(&self, line: &[u8], tokens: &[Token], position: usize) -> Option<u32> {
        let name = tokens.iter().find(|token| token.kind == TokenKind::Name)?;
        let (templates, _) = self.kit.named(text(line, *name))?;
        let values = |template: u32| {
            let parts = self.kit.template(template).map(|template| self.kit.parts(template)).unwrap_or_default();
            parts.iter().filter(|part| matches!(part, Part::Value(_) | Part::Count))
        };
        let part = templates.iter().find_map(|&template| values(template).nth(position))?;
        match *part {
            Part::Value(pool) => Some(pool),
            _ => None,
        }
    }

    /// Separators, names and ends.
    fn separators(&mut self, line: &[u8], tokens: &[Token], roll: u8) {
        let Some(&token) = self.rng.choice(tokens) else { return self.put(line) };
        let chosen = tokens.iter().filter(|token| token.kind == TokenKind::Separator);
        let separator = match chosen.clone().count() {
            0 => token,
            count => chosen.clone().nth(self.rng.usize(..count)).copied().unwrap_or(token),
        };
        let (head, tail) = (line.get(..separator.start as usize), line.get(separator.end as usize..));
        let (head, tail) = (head.unwrap_or_default(), tail.unwrap_or_default());
        match roll % 8 {
            0 => {
                self.put(head);
                self.put(tail);
            }
            1 => {
                self.put(head);
                self.put(text(line, separator));
                self.put(text(line, separator));
                self.put(tail);
            }
            2 => {
                let others: [&[u8]; 8] = [b",", b":", b";", b" ", b": ", b"=", b"\"", b"\r\n"];
                let other = self.rng.choice(others).unwrap_or_default();
                self.put(head);
                self.put(other);
                self.put(tail);
            }
            3 => {
                // Blanks behind separators come and go.
                for &token in tokens {
                    let old = text(line, token);
                    match (token.kind, old) {
                        (TokenKind::Separator, [one]) => self.put(&[*one, b' ']),
                        (TokenKind::Separator, [one, ..]) => self.put(&[*one]),
                        _ => self.put(old),
                    }
                }
            }
            4 => {
                // Any token dropped.
                self.put(line.get(..token.start as usize).unwrap_or_default());
                self.put(line.get(token.end as usize..).unwrap_or_default());
            }
            5 => {
                // The line ends behind a separator.
                self.put(head);
                self.put(text(line, separator));
                if self.rng.bool() {
                    self.put(b"\r\n");
                }
            }
            6 => {
                // Half of a token, or a changed letter.
                let old = text(line, token);
                self.put(line.get(..token.start as usize).unwrap_or_default());
                let kept = self.rng.usize(..=old.len());
                self.put(old.get(..kept).unwrap_or_default());
                self.put(line.get(token.end as usize..).unwrap_or_default());
            }
            _ => {
                let lower = self.rng.bool();
                let start = self.buffers.scratch.len();
                self.put(line);
                if let Some(new) = self.buffers.scratch.get_mut(start..) {
                    if lower { new.make_ascii_lowercase() } else { new.make_ascii_uppercase() }
                }
            }
        }
    }

    /// A length against its data, or data against its length.
    pub(super) fn lengths(&mut self) {
        let count = self.pieces();
        let start = self.rng.usize(..count);
        let is_payload = |at: &usize| self.piece(*at).is_some_and(|piece| piece.sort == Sort::Payload);
        let Some(payload) = (start..count).chain(0..start).find(is_payload) else { return self.count_or_add(start) };
        let len = self.piece(payload).map_or(0, |piece| piece.len());
        let head = payload.checked_sub(1);
        match self.rng.u8(..8) {
            0..=2 => {
                if let Some(head) = head {
                    self.announce_at(head, len, 224);
                }
            }
            3 => {
                // Both change, and agree.
                let len = havoc::length(self.rng, self.soft);
                self.edit(payload, |job, _, _| job.payload(len));
                if let Some(head) = head {
                    self.announce_at(head, len, 0);
                }
            }
            4 => {
                let len = havoc::length(self.rng, self.soft);
                self.edit(payload, |job, _, _| job.payload(len));
            }
            5 => self.edit(payload, |job, old, _| {
                // A few bytes more or fewer.
                let few = job.rng.usize(1..4);
                if job.rng.bool() {
                    job.put(old.get(few..).unwrap_or_default());
                } else {
                    job.put(old);
                    job.payload(few);
                }
            }),
            6 => {
                let len = self.rng.usize(..=len);
                self.edit(payload, |job, old, _| job.put(old.get(..len).unwrap_or(old)));
            }
            _ => {
                // The data begins like something else.
                self.edit(payload, |job, old, _| {
                    let word = job.word();
                    let kit = job.kit;
                    job.put(kit.text(word));
                    job.put(old);
                });
            }
        }
    }

    /// Without counted data: a number at a line's end, which may be a length, or a line with data.
    fn count_or_add(&mut self, at: usize) {
        if self.rng.bool() {
            let dialect = self.dialect;
            let style = Style { lies: 96, ..Style::any(self.rng) };
            if let Some(&template) = self.rng.choice(&dialect.data) {
                self.line(at, template, style, u32::MAX);
                return;
            }
        }
        self.announce_at(at, 0, 255);
    }

    /// Prints another length in a line: its last number is it.
    fn announce_at(&mut self, at: usize, len: usize, lies: u8) {
        self.edit(at, |job, line, tokens| {
            let Some(&token) = tokens.iter().rev().find(|token| token.kind == TokenKind::Number) else {
                return job.put(line);
            };
            job.put(line.get(..token.start as usize).unwrap_or_default());
            job.announce(len, lies);
            job.put(line.get(token.end as usize..).unwrap_or_default());
        });
    }
}
