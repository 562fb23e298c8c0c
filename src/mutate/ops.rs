//! Mutations of structure: of whole pieces and exchanges, and of the conversation's chunks and times.

use super::form::{CLOCK, HOST, InputForm, MODULE, STEP};
use super::job::{Job, Style};
use super::parse::{From, Piece, Sort};

impl Job<'_> {
    /// Mutates once.
    pub(super) fn mutate(&mut self) {
        if self.pieces() == 0 {
            return self.compose();
        }
        match self.rng.u8(..100) {
            0..=33 => self.fields(),
            34..=46 => self.lengths(),
            47..=61 => self.add(),
            62..=86 => self.order(),
            87..=93 => self.ends(),
            94..=96 => self.exchanges(),
            _ if self.form == InputForm::Conversation => self.chunks(),
            _ => self.cut(),
        }
    }

    /// Puts something of the dialect in: beside a line, in the middle of one, or in place of one.
    fn add(&mut self) {
        let style = Style::any(self.rng);
        let count = self.pieces();
        let at = self.rng.usize(..=count);
        match self.rng.u8(..8) {
            0 if at < count => {
                // In the middle of a line, as a URC comes into an echo.
                self.split(at);
                self.compose_at(at + 1, style);
            }
            1 if at < count => {
                self.buffers.pieces.remove(at);
                self.compose_at(at, style);
            }
            2 if self.rng.bool() => {
                self.tour(count);
            }
            2 => {
                self.compose_at(count, style);
            }
            3 => self.reset(at, style),
            _ => {
                self.compose_at(at, style);
            }
        }
    }

    /// The module boots in the middle: what came before may be cut off.
    fn reset(&mut self, at: usize, style: Style) {
        if at < self.pieces() && self.rng.bool() {
            self.split(at);
        }
        let dialect = self.dialect;
        let mut at = at + 1;
        for _ in 0..self.rng.u8(1..5) {
            if let Some(&boot) = self.rng.choice(&dialect.boots) {
                at += self.line(at.min(self.pieces()), boot, style, u32::MAX);
            }
        }
    }

    /// Cuts a piece in two.
    fn split(&mut self, at: usize) {
        let Some(piece) = self.piece(at).filter(|piece| piece.len() > 1) else { return };
        let middle = piece.start + self.rng.u32(1..piece.len() as u32);
        if let Some(first) = self.buffers.pieces.get_mut(at) {
            first.end = middle;
        }
        self.buffers.pieces.insert(at + 1, Piece { start: middle, border: false, ..piece });
    }

    /// Drops, doubles, repeats, moves, swaps pieces.
    fn order(&mut self) {
        let count = self.pieces();
        let Some(at) = self.any() else { return };
        let run = self.rng.usize(1..=(count - at).min(4));
        match self.rng.u8(..16) {
            0 | 1 => {
                self.buffers.pieces.drain(at..at + run);
            }
            2 | 3 => {
                // The same again, right behind it or elsewhere.
                let to = if self.rng.bool() { at + run } else { self.rng.usize(..=count) };
                for step in 0..run {
                    let from = if to <= at { at + 2 * step } else { at + step };
                    if let Some(piece) = self.piece(from) {
                        self.buffers.pieces.insert((to + step).min(self.pieces()), piece);
                    }
                }
            }
            4 | 5 => self.repeat(at),
            6..=8 => {
                let to = self.rng.usize(..=count - run);
                let moved: Vec<Piece> = self.buffers.pieces.drain(at..at + run).collect();
                self.buffers.pieces.splice(to..to, moved);
            }
            9 | 10 => {
                let other = self.rng.usize(..count);
                self.buffers.pieces.swap(at, other);
            }
            11 => self.buffers.pieces.truncate(at),
            12 => {
                self.buffers.pieces.drain(..at);
            }
            13 => {
                // One alone.
                self.buffers.pieces.drain(..at);
                self.buffers.pieces.truncate(run);
            }
            14 => {
                // A line within a line.
                let Some(piece) = self.piece(at) else { return };
                let into = self.rng.usize(..count);
                self.split(into);
                let to = (into + 1).min(self.pieces());
                self.buffers.pieces.insert(to, Piece { border: false, ..piece });
            }
            _ => self.splice(),
        }
    }

    /// A piece many times: more lines than a list has room for.
    fn repeat(&mut self, at: usize) {
        let Some(piece) = self.piece(at).filter(|piece| piece.len() > 0) else { return };
        let most = (self.soft.max(self.max / 4) / piece.len()).min(80);
        let times =
            self.rng.choice([2, 3, 4, 5, 6, 8, 9, 10, 11, 16, 17, 20, 21, 32, 33, 64, 65]).unwrap_or(2).min(most);
        self.buffers.pieces.splice(at..at, std::iter::repeat_n(piece, times));
    }

    /// Whole exchanges: dropped, doubled, moved, or another one put in.
    fn exchanges(&mut self) {
        let Some(at) = self.any() else { return };
        let number = self.piece(at).map_or(u32::MAX, |piece| piece.exchange);
        if number == u32::MAX || self.rng.u8(..4) == 0 {
            let style = Style::any(self.rng);
            self.talk(at, style);
            return;
        }
        let mine: Vec<Piece> = self.buffers.pieces.iter().filter(|piece| piece.exchange == number).copied().collect();
        if self.rng.u8(..3) > 0 {
            self.buffers.pieces.retain(|piece| piece.exchange != number);
        }
        if self.rng.u8(..3) > 0 {
            let to = self.rng.usize(..=self.pieces());
            self.buffers.pieces.splice(to..to, mine);
        }
    }

    /// Takes pieces of the other input: at a random place, or all that follows.
    pub(super) fn splice(&mut self) {
        let count = self.buffers.others.len();
        if count == 0 {
            return;
        }
        let from = self.rng.usize(..count);
        let to = self.rng.usize(..=self.pieces());
        let run = match self.rng.u8(..4) {
            0 => {
                self.buffers.pieces.truncate(to);
                count - from
            }
            1 => (count - from).min(1),
            _ => self.rng.usize(1..=(count - from).min(8)),
        };
        let taken: Vec<Piece> = self.buffers.others.iter().skip(from).take(run).copied().collect();
        // In place of as many of ours, or beside them.
        let end = if self.rng.u8(..3) == 0 { (to + run).min(self.pieces()) } else { to };
        self.buffers.pieces.splice(to..end, taken);
    }

    /// Line ends: of one line, or of all.
    fn ends(&mut self) {
        let ends: [&[u8]; 8] = [b"\n", b"\r", b"\r\r\n", b"", b"\r\n\r\n", b"\n\r", b"\0", b"\r\n"];
        let new = self.rng.choice(ends).unwrap_or_default();
        let all = self.rng.u8(..4) == 0;
        let leading = self.rng.u8(..4) == 0;
        let one = self.any_line().unwrap_or_default();
        let range = if all { 0..self.pieces().min(64) } else { one..one + 1 };
        for at in range {
            if self.piece(at).is_none_or(|piece| piece.sort == Sort::Payload) {
                continue;
            }
            self.edit(at, |job, line, _| {
                let blank = |byte: &&u8| matches!(**byte, b'\r' | b'\n');
                let ahead = line.iter().take_while(blank).count();
                let behind = line.iter().rev().take_while(blank).count().min(line.len() - ahead);
                let body = line.get(ahead..line.len() - behind).unwrap_or_default();
                if leading {
                    job.put(new);
                    job.put(body);
                    job.put(line.get(line.len() - behind..).unwrap_or_default());
                } else {
                    job.put(line.get(..ahead).unwrap_or_default());
                    job.put(body);
                    job.put(new);
                }
            });
        }
    }

    /// The answer is cut short: in the middle of a line, with or without what follows.
    fn cut(&mut self) {
        let Some(at) = self.any() else { return };
        let Some(piece) = self.piece(at).filter(|piece| piece.len() > 0) else { return };
        let kept = self.rng.u32(..piece.len() as u32);
        let front = self.rng.u8(..4) == 0;
        if let Some(piece) = self.buffers.pieces.get_mut(at) {
            if front {
                piece.start += kept;
            } else {
                piece.end = piece.start + kept;
            }
        }
        if !front && self.rng.bool() {
            self.buffers.pieces.truncate(at + 1);
        }
    }

    /// Chunks, directions and times.
    fn chunks(&mut self) {
        let Some(at) = self.any() else { return };
        match self.rng.u8(..5) {
            0 => {
                if let Some(piece) = self.buffers.pieces.get_mut(at) {
                    piece.host = !piece.host;
                }
            }
            1 => {
                self.split(at);
                if let Some(second) = self.buffers.pieces.get_mut(at + 1) {
                    second.border = true;
                }
            }
            2 => {
                if let Some(piece) = self.buffers.pieces.get_mut(at) {
                    piece.border = !piece.border;
                }
            }
            3 => self.edit(at, |job, line, _| {
                // Without its times.
                let mut at = 0;
                while let Some((_, len)) = line.get(at..).and_then(super::form::unit) {
                    let unit = line.get(at..at + len).unwrap_or_default();
                    if !matches!(unit.first(), Some(&(STEP | CLOCK | HOST | MODULE))) {
                        job.put(unit);
                    }
                    at += len;
                }
            }),
            _ => self.edit(at, |job, line, _| {
                let digit = job.rng.u8(..);
                job.put(&[STEP, digit]);
                job.put(line);
            }),
        }
    }
}

/// Numbers the pieces of the other input so that none of them seems to belong to an exchange of ours.
pub(super) fn strange(pieces: &mut [Piece]) {
    for piece in pieces {
        piece.from = From::Other;
        if piece.exchange != u32::MAX {
            piece.exchange = u32::MAX / 2 + piece.exchange % 1024;
        }
    }
}
