//! Walks along the target's own words, in the order in which its author wrote them: most drivers ask in this order, and what
//! lies behind the tenth answer is reached by nine that fit.

use super::job::{Job, Style};
use super::kit::Stop;
use super::parse::Sort;

impl Job<'_> {
    /// Goes on behind a piece where the target's author went on; gives how many pieces that are.
    pub(super) fn tour(&mut self, at: usize) -> usize {
        /// A walk all the way is worth its length.
        const LONGEST: usize = 2048;
        let kit = self.kit;
        let count = kit.tour.len();
        if count == 0 {
            let style = Style::any(self.rng);
            return self.talk(at, style);
        }
        let style = Style {
            end: b"\r\n",
            lead: if self.rng.bool() { b"\r\n" } else { b"" },
            echo: false,
            wrong: self.rng.choice([0, 0, 16]).unwrap_or_default(),
            lies: self.rng.choice([0, 0, 32]).unwrap_or_default(),
            usual: self.rng.choice([128, 230]).unwrap_or(128),
        };
        let first = match (0..at).rev().take(3).find_map(|at| self.stop_of(at)) {
            Some(last) if self.rng.u8(..8) > 0 => last + 1,
            _ if at == 0 && self.rng.u8(..4) == 0 => 0,
            _ => self.rng.usize(..count),
        };
        let steps = self.rng.choice([1, 2, 3, 6, 12, 24, count, count]).unwrap_or(1);
        // How many of 256 answers have a result of their own, and how many words are passed over.
        let results = self.rng.choice([0, 128, 240, 255, 255]).unwrap_or(128);
        let passed = self.rng.choice([0, 0, 32, 128]).unwrap_or_default();
        // A program's texts seldom have the prompt, one letter, among them.
        let prompts = self.rng.choice([0, 0, 16, 64]).unwrap_or_default();
        let limit = self.buffers.scratch.len() + self.max.min(LONGEST);
        let soft = std::mem::replace(&mut self.soft, 64);
        let mut next = at;
        for stop in kit.tour.iter().cycle().skip(first).take(steps) {
            if self.buffers.scratch.len() > limit || self.full() {
                break;
            }
            if self.rng.u8(..) < passed {
                continue;
            }
            next += self.stop(next, stop, style);
            if self.rng.u8(..) < prompts {
                next += self.prompt(next);
            }
            if self.rng.u8(..) < results {
                let start = self.buffers.scratch.len();
                self.put(b"\r\nOK\r\n");
                let piece = self.printed(start, Sort::Final, false);
                self.insert(next, piece);
                next += 1;
            }
        }
        self.soft = soft;
        next - at
    }

    /// Prints a line that begins with a word of the target's own.
    fn stop(&mut self, at: usize, stop: &Stop, style: Style) -> usize {
        let kit = self.kit;
        if let Some(&template) = self.rng.choice(&stop.templates).filter(|_| self.rng.u8(..8) > 0) {
            return self.line(at, template, style, u32::MAX);
        }
        let text = kit.text(stop.word);
        let start = self.buffers.scratch.len();
        // A word without a mark at its head may be a value: then it stands behind what came before.
        let joins = text.first().is_some_and(u8::is_ascii_alphanumeric) && self.rng.u8(..4) == 0;
        if !joins {
            self.put(style.lead);
        }
        self.format(text);
        if matches!(text.last(), Some(b':' | b',' | b' ' | b'=')) {
            for field in 0..self.rng.u8(1..5) {
                if field > 0 {
                    self.put(b",");
                }
                self.own_field();
            }
        }
        if !matches!(text.last(), Some(b'\n' | b'>')) && self.rng.u8(..8) > 0 {
            self.put(style.end);
        }
        let piece = self.printed(start, Sort::Line, false);
        let before = self.pieces();
        self.insert(at, piece);
        self.pieces() - before
    }

    fn prompt(&mut self, at: usize) -> usize {
        let prompt = self.dialect.catalog.output.prompt.as_deref().unwrap_or("> ");
        let start = self.buffers.scratch.len();
        self.put(b"\r\n");
        self.put(prompt.as_bytes());
        let piece = self.printed(start, Sort::Line, false);
        self.insert(at, piece);
        1
    }

    /// Which of the target's words a piece begins with: the longest one.
    fn stop_of(&self, at: usize) -> Option<usize> {
        let line = self.bytes(self.piece(at)?).trim_ascii_start();
        let fits = |stop: &&Stop| {
            let head = self.kit.text(stop.head);
            !head.is_empty() && line.starts_with(head)
        };
        let best = self.kit.tour.iter().filter(fits).map(|stop| stop.head.len()).max()?;
        self.kit.tour.iter().position(|stop| stop.head.len() == best && fits(&stop))
    }
}
