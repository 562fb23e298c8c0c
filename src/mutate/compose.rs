//! Sessions out of nothing: what a module of the dialect would say, almost.

use super::form::InputForm;
use super::havoc;
use super::job::{Job, Style};
use super::kit::{Span, Talk};
use super::parse::{Piece, Sort};

impl Job<'_> {
    /// A session of the dialect in place of what there is: often one line alone, sometimes long.
    pub(super) fn compose(&mut self) {
        self.buffers.pieces.clear();
        if !self.kit.tour.is_empty() && self.rng.bool() {
            self.tour(0);
            return;
        }
        let style = Style::any(self.rng);
        let count = match self.rng.u8(..8) {
            0..=2 => 1,
            3..=6 => self.rng.usize(2..6),
            _ => self.rng.usize(4..24),
        };
        for _ in 0..count {
            let at = self.pieces();
            self.compose_at(at, style);
            if self.full() || self.buffers.scratch.len() > self.soft {
                break;
            }
        }
    }

    /// Puts something of the dialect in ahead of a piece: a line, an exchange, a prompt, a boot.
    pub(super) fn compose_at(&mut self, at: usize, style: Style) -> usize {
        let dialect = self.dialect;
        let list = match self.rng.u8(..32) {
            0..=8 => &dialect.urcs,
            9..=13 => &dialect.data,
            14..=16 => &dialect.all,
            17 | 18 => &dialect.results,
            19 => &dialect.progress,
            20 => &dialect.boots,
            21 | 22 => {
                let word = self.word();
                return self.words(at, word, style);
            }
            23..=25 if !self.kit.own.is_empty() => return self.own_line(at, style),
            26..=28 if !self.kit.tour.is_empty() => return self.tour(at),
            _ => return self.talk(at, style),
        };
        match self.rng.choice(list) {
            Some(&template) => {
                let start = self.pieces();
                self.line(at, template, style, u32::MAX);
                // Lists come as many lines of one kind.
                if self.rng.u8(..12) == 0 {
                    for _ in 0..self.rng.u8(1..20) {
                        if self.buffers.scratch.len() > self.soft {
                            break;
                        }
                        self.line(at, template, style, u32::MAX);
                    }
                }
                self.pieces() - start
            }
            None => self.talk(at, style),
        }
    }

    pub(super) fn insert(&mut self, at: usize, piece: Piece) {
        if piece.len() > 0 {
            let at = at.min(self.pieces());
            self.buffers.pieces.insert(at, piece);
        }
    }

    /// Puts a line in; gives how many pieces that are.
    pub(super) fn line(&mut self, at: usize, template: u32, style: Style, exchange: u32) -> usize {
        let start = self.buffers.scratch.len();
        let data = self.print(template, style);
        let mut piece = self.printed(start, Sort::Line, false);
        piece.exchange = exchange;
        let Some((from, to)) = data else {
            self.insert(at, piece);
            return 1;
        };
        let end = self.buffers.scratch.len();
        piece.end = from as u32;
        self.insert(at, piece);
        let part = |start: usize, end: usize, sort| Piece { start: start as u32, end: end as u32, sort, ..piece };
        self.insert(at + 1, part(from, to, Sort::Payload));
        self.insert(at + 2, part(to, end, Sort::Line));
        let now = 1 + usize::from(to > from) + usize::from(end > to);
        // Real firmware prints a line end behind data, or none.
        if end == to && self.rng.bool() {
            let start = self.buffers.scratch.len();
            self.put(style.end);
            let mut piece = self.printed(start, Sort::Line, false);
            piece.exchange = exchange;
            self.insert(at + now, piece);
            return now + 1;
        }
        now
    }

    /// Puts fixed words in as a line.
    pub(super) fn words(&mut self, at: usize, words: Span, style: Style) -> usize {
        let start = self.buffers.scratch.len();
        self.put(style.lead);
        let kit = self.kit;
        let text = kit.text(words);
        self.format(text);
        if text != b">" {
            self.put(style.end);
        }
        let piece = self.printed(start, Sort::Final, false);
        let before = self.pieces();
        self.insert(at, piece);
        self.pieces() - before
    }

    /// Puts a line in that starts with a word of the target's own: what a parser of lines nobody knows might wait for.
    fn own_line(&mut self, at: usize, style: Style) -> usize {
        let start = self.buffers.scratch.len();
        self.put(style.lead);
        let kit = self.kit;
        let heads = if kit.heads.is_empty() { &kit.own } else { &kit.heads };
        if let Some(&word) = self.rng.choice(heads) {
            self.format(kit.text(word));
        }
        for field in 0..self.rng.u8(..6) {
            if field > 0 || self.rng.u8(..4) == 0 {
                let separators: [&[u8]; 6] = [b",", b",", b",", b": ", b":", b" "];
                let separator = self.rng.choice(separators).unwrap_or(b",");
                self.put(separator);
            }
            self.own_field();
        }
        self.put(style.end);
        let piece = self.printed(start, Sort::Line, false);
        let before = self.pieces();
        self.insert(at, piece);
        self.pieces() - before
    }

    /// Appends what may be a field of a line that nobody knows.
    pub(super) fn own_field(&mut self) {
        let kit = self.kit;
        let roll = self.rng.u8(..8);
        match roll {
            0..=2 => {
                let number = havoc::common(self.rng);
                havoc::digits(number, &mut self.buffers.scratch);
            }
            3 => {
                self.put(b"\"");
                let len = havoc::length(self.rng, 64);
                let byte = self.rng.alphanumeric() as u8;
                self.buffers.scratch.extend(std::iter::repeat_n(byte, len));
                self.put(b"\"");
            }
            4..=6 => {
                let list = if kit.texts.is_empty() || roll == 6 { &kit.own } else { &kit.texts };
                let word = self.rng.choice(list).copied().unwrap_or_default();
                let quoted = self.rng.bool();
                self.put(if quoted { b"\"" } else { b"" });
                self.format(kit.text(word));
                self.put(if quoted { b"\"" } else { b"" });
            }
            _ => {}
        }
    }

    /// Appends a word; where it is a format of C (`+CREG: %d,%d`), with values in it.
    pub(super) fn format(&mut self, text: &[u8]) {
        let mut rest = text;
        while let Some(at) = memchr::memchr(b'%', rest) {
            let (plain, spec) = rest.split_at_checked(at).unwrap_or((rest, &[]));
            self.put(plain);
            let Some(len) = conversion(spec) else {
                self.put(b"%");
                rest = spec.get(1..).unwrap_or_default();
                continue;
            };
            match spec.get(len - 1) {
                Some(b'd' | b'i' | b'u' | b'x' | b'X') => {
                    let number = havoc::common(self.rng);
                    havoc::digits(number, &mut self.buffers.scratch);
                }
                Some(b'c') => {
                    let byte = self.rng.alphanumeric() as u8;
                    self.put(&[byte]);
                }
                Some(b'%') => self.put(b"%"),
                Some(b'f' | b'e' | b'g') => self.put(b"1.5"),
                _ => {
                    let len = havoc::length(self.rng, 80);
                    let byte = self.rng.alphanumeric() as u8;
                    self.buffers.scratch.extend(std::iter::repeat_n(byte, len));
                }
            }
            rest = spec.get(len..).unwrap_or_default();
        }
        self.put(rest);
    }

    /// Puts an exchange in; gives how many pieces that are.
    pub(super) fn talk(&mut self, at: usize, style: Style) -> usize {
        let dialect = self.dialect;
        let Some(mut talk) = self.rng.choice(&dialect.talks) else { return 0 };
        // One that says more than OK, if the first one does not.
        if talk.reply.is_empty() && talk.later.is_empty() && talk.prompt.is_none() {
            talk = self.rng.choice(&dialect.talks).unwrap_or(talk);
        }
        self.talk_of(at, talk, style)
    }

    fn talk_of(&mut self, at: usize, talk: &Talk, style: Style) -> usize {
        let mut next = at;
        let exchange = self.rng.u32(..u32::MAX);
        let conversation = self.form == InputForm::Conversation;
        if let Some(command) = talk.command {
            if conversation {
                next += self.command(next, command, exchange, true);
            }
            if style.echo {
                next += self.command(next, command, exchange, false);
            }
        }
        let fails = self.rng.u8(..8) == 0;
        if !fails {
            if let Some(&reply) = self.rng.choice(&talk.reply) {
                let count = if self.rng.u8(..4) == 0 { self.rng.usize(2..13) } else { 1 };
                for _ in 0..count {
                    next += self.line(next, reply, style, exchange);
                    if self.buffers.scratch.len() > self.soft {
                        break;
                    }
                }
            }
            next += self.urc_between(next, style);
        }
        if let Some(prompt) = talk.prompt.filter(|_| !fails) {
            if let Some(&accept) = talk.finals.first().filter(|_| talk.accepts) {
                next += self.words(next, accept, style);
            }
            next += self.words(next, prompt, Style { end: b"", ..style });
            next += self.urc_between(next, style);
            if conversation {
                let start = self.buffers.scratch.len();
                let len = havoc::length(self.rng, 256);
                self.payload(len);
                let piece = self.printed(start, Sort::Payload, true);
                let before = self.pieces();
                self.insert(next, piece);
                next += self.pieces() - before;
            }
        }
        if talk.prompt.is_some() && !fails && self.rng.bool() {
            let dialect = self.dialect;
            if let Some(&line) = self.rng.choice(&dialect.progress) {
                next += self.line(next, line, style, exchange);
            }
            next += self.urc_between(next, style);
        }
        let finals = if talk.prompt.is_some() && !talk.then.is_empty() { &talk.then } else { &talk.finals };
        let chosen = if fails || self.rng.u8(..8) == 0 { self.rng.choice(finals) } else { finals.first() };
        if let Some(&chosen) = chosen {
            next += self.words(next, chosen, style);
        }
        for list in [&talk.after, &talk.later] {
            if let Some(&line) = self.rng.choice(list) {
                next += self.line(next, line, style, exchange);
            }
        }
        next - at
    }

    fn urc_between(&mut self, at: usize, style: Style) -> usize {
        if self.rng.u8(..8) > 0 {
            return 0;
        }
        let dialect = self.dialect;
        self.rng.choice(&dialect.urcs).map_or(0, |&urc| self.line(at, urc, style, u32::MAX))
    }

    fn command(&mut self, at: usize, template: u32, exchange: u32, host: bool) -> usize {
        let start = self.buffers.scratch.len();
        let end: &[u8] = if host { b"\r\n" } else { b"\r\r\n" };
        self.print(template, Style { end, lead: b"", echo: false, wrong: 8, lies: 0, usual: 128 });
        let mut piece = self.printed(start, Sort::Command, host);
        piece.exchange = exchange;
        let before = self.pieces();
        self.insert(at, piece);
        self.pieces() - before
    }
}

/// Length of a conversion of `printf` or `scanf` that starts at `%`.
fn conversion(text: &[u8]) -> Option<usize> {
    let mut at = 1;
    if text.get(at) == Some(&b'*') {
        at += 1;
    }
    while text.get(at).is_some_and(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'-' | b'l' | b'h' | b'z')) {
        at += 1;
    }
    match text.get(at)? {
        b'[' => {
            let end = text.iter().skip(at + 2).position(|&byte| byte == b']')?;
            Some(at + 2 + end + 1)
        }
        b'd' | b'i' | b'u' | b'x' | b'X' | b's' | b'c' | b'f' | b'e' | b'g' | b'n' | b'%' => Some(at + 1),
        _ => None,
    }
}
