//! Regaining the framing: counted data that never fills its count, or whose count is a lie.
//!
//! Data is lost without a word; a decoder that waits for the count to fill hangs for good. Counted data ends by its count only, unless
//! there is evidence: the host has gone on and the module answers it, the recording ends behind a result, or what follows the data makes no
//! sense while a line inside it does.

use super::choose::Choice;
use super::decoder::{Data, Decoder, Owner, Phase};
use super::lane::ends_name;
use super::module::{Framed, scan_name};
use super::notice::{Notice, Observer};
use crate::Sender;
use crate::catalog::{Catalog, Pattern, Role};
use crate::syntax::framing;

/// Most lines that are taken back from the end of lost data.
const PEEL_MAX: usize = 64;

/// How far behind the place in doubt the module's answer is looked for.
const DOUBT_MAX: usize = 4096;

/// How far behind complete data it is looked for what may follow it.
const BEHIND_MAX: usize = 320;

/// Most unasked lines ahead of the module's answer.
const SKIPPED_MAX: usize = 16;

/// What became of a doubt.
pub(super) enum Doubt {
    /// The data ended here.
    Cut(usize),
    Gone,
}

/// What follows complete data.
pub(super) enum Behind {
    Fine,
    /// No known line; the first one ends here.
    Senseless(usize),
}

/// Whether a line starts within complete data and ends behind it.
pub(super) enum Straddle {
    At(usize),
    No,
    /// Too little is there to tell.
    Unclear,
}

impl Decoder {
    /// The host went on while counted data was due: does what came since answer it? `None`: too little is there to tell.
    pub(super) fn settle_doubt(&mut self, catalog: &Catalog, rest: &[u8], data: Data, settle: bool) -> Option<Doubt> {
        let Some((doubt, exchange)) = data.doubt else { return Some(Doubt::Gone) };
        // However much is there already, no more of it is looked at.
        let all = rest.get(doubt..).unwrap_or_default();
        let all = all.get(..DOUBT_MAX).unwrap_or(all);
        let mut behind = all;
        let mut skipped = 0;
        let line = loop {
            let line = match framing::line(behind) {
                Ok((_, line)) => Some(line),
                Err(_) if all.len() >= DOUBT_MAX => None,
                Err(_) if settle => framing::line_at_end(behind).map(|(line, _)| line),
                Err(_) => return None,
            };
            // What comes unasked may stand ahead of the answer.
            match line {
                Some(line) if skipped < SKIPPED_MAX && self.comes_unasked(catalog, &line) => {
                    behind = behind.get(line.bytes.len()..).unwrap_or_default();
                    skipped += 1;
                }
                line => break line,
            }
        };
        if let Some(line) = line
            && self.answers_host(catalog, &line)
        {
            let cut = self.peel(catalog, rest.get(..doubt).unwrap_or(rest)).unwrap_or(doubt);
            let cut = self.banner_in(catalog, rest.get(..cut).unwrap_or(rest)).unwrap_or(cut);
            self.spared = Some((exchange, self.side(Sender::Module).base + doubt as u64));
            self.doubted.clear();
            return Some(Doubt::Cut(cut));
        }
        if line.is_none() && settle && all.len() < DOUBT_MAX && rest.len() < data.part_size() {
            return None;
        }
        self.side(Sender::Module).phase = Phase::Data(Data { doubt: None, ..data });
        let doubted = std::mem::take(&mut self.doubted);
        self.settled.extend(doubted);
        Some(Doubt::Gone)
    }

    /// The recording ends within the data: unless a result or a boot banner shows that the data had ended before.
    pub(super) fn short_at_end<O: Observer>(
        &mut self,
        catalog: &Catalog,
        rest: &[u8],
        data: Data,
        obs: &mut O,
    ) -> usize {
        if !self.closing {
            return 0;
        }
        let cut = self.banner_in(catalog, rest).or_else(|| self.peel(catalog, rest));
        match cut {
            Some(cut) => self.cut_data(catalog, rest, cut, data, "the recording ends with lines that are no data", obs),
            None => 0,
        }
    }

    /// Whether a line is the module's answer to what the host sent last.
    fn answers_host(&mut self, catalog: &Catalog, line: &framing::Line<'_>) -> bool {
        let Some(newest) = self.open.last() else { return false };
        if newest.text == line.content {
            return true;
        }
        let framed = Framed {
            bytes: line.bytes,
            start: line.start,
            end: line.start + line.content.len(),
            ending: Some(line.ending),
        };
        let (len, stop, hash) = scan_name(line.content);
        let name = line.content.get(..len).unwrap_or_default();
        let choice = self.best_named(catalog, &framed, name, hash, stop);
        let known = choice.and_then(|choice| catalog.lines.get(choice.line as usize));
        known.is_some_and(|known| match known.role {
            Role::Result => true,
            Role::Reply | Role::After | Role::Later => known
                .owner
                .is_some_and(|(command, _)| self.open.last().is_some_and(|newest| newest.has_command(command))),
            Role::Boot => true,
            Role::Progress => known.rejects,
            Role::Urc => false,
        })
    }

    /// Whether a line is one that a module sends of itself, and that data hardly looks like.
    fn comes_unasked(&mut self, catalog: &Catalog, line: &framing::Line<'_>) -> bool {
        let framed = Framed { bytes: line.content, start: 0, end: line.content.len(), ending: None };
        let (len, stop, hash) = scan_name(line.content);
        let name = line.content.get(..len).unwrap_or_default();
        let choice = self.best_named(catalog, &framed, name, hash, stop).or_else(|| self.best_other(catalog, &framed));
        let known = choice.filter(Choice::is_fit).and_then(|choice| catalog.lines.get(choice.line as usize));
        known.is_some_and(|known| known.role == Role::Urc)
    }

    /// Takes known lines back from the end of `bytes`; gives where the first of them starts, its blank line included.
    fn peel(&mut self, catalog: &Catalog, bytes: &[u8]) -> Option<usize> {
        let mut cut = None;
        let mut end = bytes.len();
        for _ in 0..PEEL_MAX {
            let body = bytes.get(..end)?;
            let text = body.trim_ascii_end();
            if text.len() == body.len() || text.is_empty() {
                break;
            }
            let start = text.iter().rposition(|&b| b == b'\n' || b == b'\r').map_or(0, |at| at + 1);
            let content = text.get(start..)?.trim_ascii();
            if !self.is_mark(catalog, content) {
                break;
            }
            // One blank line ahead belongs to it.
            let ahead = bytes.get(..start)?;
            end = match ahead {
                [.., b'\r', b'\n'] => start - 2,
                [.., b'\n' | b'\r'] => start - 1,
                _ => start,
            };
            cut = Some(end);
        }
        cut
    }

    /// Whether a line is one that data hardly looks like: a result, a URC, a boot line, the end mark of a read.
    fn is_mark(&mut self, catalog: &Catalog, content: &[u8]) -> bool {
        if content.is_empty() || content.len() > 256 {
            return false;
        }
        let framed = Framed { bytes: content, start: 0, end: content.len(), ending: None };
        let (len, stop, hash) = scan_name(content);
        let name = content.get(..len).unwrap_or_default();
        let choice = self.best_named(catalog, &framed, name, hash, stop).or_else(|| self.best_other(catalog, &framed));
        choice.is_some_and(|choice| {
            choice.is_fit()
                && catalog
                    .lines
                    .get(choice.line as usize)
                    .is_some_and(|line| !matches!(line.pattern, Pattern::Free { .. }))
        })
    }

    /// Where a boot banner starts within data.
    fn banner_in(&mut self, catalog: &Catalog, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        while let Some(found) = memchr::memchr2(b'\n', b'\r', bytes.get(at..)?) {
            let start = at + found + 1;
            let rest = bytes.get(start..)?;
            let len = memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len()).min(256);
            let content = rest.get(..len)?.trim_ascii();
            // Short words such as `ready` may well be data; a banner has more to say.
            if content.len() > 12 && self.is_banner(catalog, content) {
                let ahead = bytes.get(..start)?;
                let glued = self.glued_banner(catalog, ahead);
                return glued.or(Some(match ahead {
                    [.., b'\r', b'\n'] => start - 2,
                    _ => start - 1,
                }));
            }
            at = start;
        }
        None
    }

    /// Where the banner's first line starts, if it stands on the same line as the last of the data.
    fn glued_banner(&mut self, catalog: &Catalog, ahead: &[u8]) -> Option<usize> {
        let text = ahead.trim_ascii_end();
        let line = text.iter().rposition(|b| b"\r\n".contains(b)).map_or(0, |at| at + 1);
        let from = line.max(text.len().saturating_sub(64));
        (from..text.len())
            .find(|&at| text.get(at..).is_some_and(|rest| rest.len() > 12 && self.is_banner(catalog, rest)))
    }

    fn is_banner(&mut self, catalog: &Catalog, content: &[u8]) -> bool {
        let framed = Framed { bytes: content, start: 0, end: content.len(), ending: None };
        let (len, stop, hash) = scan_name(content);
        let name = content.get(..len).unwrap_or_default();
        let word = content.split(|&b| b == b' ').next().unwrap_or_default();
        if catalog.line_index.find(word).is_empty() && catalog.line_index.find_hashed(name, hash).is_empty() {
            return false;
        }
        let choice = self.best_named(catalog, &framed, name, hash, stop).or_else(|| self.best_other(catalog, &framed));
        choice
            .and_then(|choice| catalog.lines.get(choice.line as usize))
            .is_some_and(|line| line.role == Role::Boot && line.restart)
    }

    /// Whether what follows complete data may follow it. `None`: too little is there to tell.
    pub(super) fn plausible(&mut self, catalog: &Catalog, behind: &[u8], settle: bool) -> Option<Behind> {
        // However much is there already, no more of it is looked at.
        let unclear = !settle && behind.len() < BEHIND_MAX;
        let behind = behind.get(..BEHIND_MAX).unwrap_or(behind);
        let start = framing::lead(behind);
        let window = behind.get(start..).unwrap_or_default();
        if window.is_empty() {
            return if unclear { None } else { Some(Behind::Fine) };
        }
        if window.first() == Some(&b'>') {
            return Some(Behind::Fine);
        }
        let stop = window.iter().position(|&b| ends_name(b));
        if stop.is_none() && unclear {
            return None;
        }
        let stop = stop.unwrap_or(window.len());
        let name = window.get(..stop).unwrap_or_default().trim_ascii();
        let fields = |at: &u32| {
            catalog
                .lines
                .get(*at as usize)
                .is_some_and(|line| matches!(line.pattern, Pattern::Fields { .. } | Pattern::Words))
        };
        if catalog.line_index.find(name).iter().any(fields) {
            return Some(Behind::Fine);
        }
        // `0,CONNECT`
        if let (Some(b'0'..=b'9'), Some(b',')) = (window.first(), window.get(stop))
            && let Some(len) = framing::end_of_line(window)
            && window.get(..len).is_some_and(|line| is_link(catalog, line, stop))
        {
            return Some(Behind::Fine);
        }
        let end = window.iter().position(|b| b"\r\n".contains(b));
        if end.is_none() && unclear {
            return None;
        }
        let end = end.unwrap_or(window.len());
        let content = window.get(..end).unwrap_or_default().trim_ascii();
        let known = self.is_mark(catalog, content)
            || self.open.iter().any(|exchange| !exchange.text.is_empty() && exchange.text.starts_with(content))
            || self.open.iter().any(|exchange| exchange.specs(catalog).any(|spec| spec.free))
            // The echo of a host that was not recorded.
            || !self.host_seen && crate::syntax::command::is_command(content);
        Some(if known { Behind::Fine } else { Behind::Senseless(start + end) })
    }

    /// Where, within complete data whose surroundings make no sense, the next line really starts.
    /// `bytes` holds the data (`size`) and the line behind it: what is looked for may straddle the two.
    pub(super) fn lost_in(&mut self, catalog: &Catalog, bytes: &[u8], size: usize, data: Data) -> Option<usize> {
        let head: Vec<u8> = match data.of.owner {
            Owner::Line(at) => {
                let line = catalog.lines.get(at as usize)?;
                let separator = if line.text.as_bytes().get(line.name.len()) == Some(&b',') { b',' } else { b':' };
                line.name.bytes().chain([separator]).collect()
            }
            Owner::Command(_) => return None,
        };
        let inline = matches!(data.of.owner, Owner::Line(at) if catalog.lines.get(at as usize)
            .is_some_and(|line| line.data.is_some_and(|counted| !counted.behind_line)));
        let next = memchr::memmem::find_iter(bytes, &head)
            .take_while(|&at| at < size)
            .find(|&at| inline || at == 0 || bytes.get(at - 1).is_some_and(|b| b"\r\n".contains(b)));
        if let Some(at) = next {
            return Some(match bytes.get(..at)? {
                [.., b'\r', b'\n'] => at - 2,
                _ => at,
            });
        }
        self.banner_in(catalog, bytes).filter(|&at| at < size)
    }

    /// Ends data at `cut` and goes on with lines.
    pub(super) fn cut_data<O: Observer>(
        &mut self,
        catalog: &Catalog,
        rest: &[u8],
        cut: usize,
        data: Data,
        how: &'static str,
        obs: &mut O,
    ) -> usize {
        let bytes = rest.get(..cut).unwrap_or(rest);
        let actual = data.declared - data.left + bytes.len() as u64;
        let exchange = data.of.exchange;
        self.side(Sender::Module).phase = Phase::Lines;
        let seq = if bytes.is_empty() {
            self.seq.saturating_sub(1)
        } else {
            self.give_payload(catalog, Sender::Module, bytes, Some(data), data.of, obs)
        };
        let declared = data.declared;
        let from = Sender::Module;
        // What is missing may have held a line.
        self.state.doubt(catalog);
        self.notice(catalog, Notice::PayloadLength { seq, exchange, from, declared, actual, more: false }, obs);
        self.notice(catalog, Notice::Resync { seq, lost: declared.saturating_sub(actual), declared, how }, obs);
        if bytes.is_empty() { self.run_module(catalog, rest, self.closing, obs) } else { bytes.len() }
    }

    /// More data than announced: text that is glued to its end and means nothing.
    /// Gives it as noise; how many bytes that was.
    pub(super) fn surplus<O: Observer>(
        &mut self,
        catalog: &Catalog,
        behind: &[u8],
        data: Data,
        seq: u64,
        obs: &mut O,
    ) -> usize {
        if behind.first().is_none_or(|b| b"\r\n".contains(b))
            || !matches!(self.plausible(catalog, behind, false), Some(Behind::Senseless(_)))
        {
            return 0;
        }
        let window = behind.get(..behind.len().min(256)).unwrap_or(behind);
        let extra = window.iter().position(|b| b"\r\n".contains(b)).unwrap_or(window.len());
        let bytes = behind.get(..extra).unwrap_or(behind);
        self.give(catalog, Sender::Module, bytes, None, crate::session::EventKind::Noise, obs);
        let (declared, exchange, from) = (data.declared, data.of.exchange, Sender::Module);
        let actual = declared + extra as u64;
        // A line may have been taken for data.
        self.state.doubt(catalog);
        self.notice(catalog, Notice::PayloadLength { seq, exchange, from, declared, actual, more: true }, obs);
        extra
    }

    /// Where a known line starts within complete data of `size` bytes that ends behind it.
    pub(super) fn straddles(
        &mut self,
        catalog: &Catalog,
        rest: &[u8],
        size: usize,
        senseless: bool,
        settle: bool,
    ) -> Straddle {
        let ahead = rest.get(size.saturating_sub(64)..size).unwrap_or_default();
        let base = size - ahead.len();
        let start = memchr::memrchr(b'\n', ahead).map(|at| base + at + 1).filter(|&start| start < size);
        // A line's prefix stands out, also where it is glued to the data.
        let glued = memchr::memchr_iter(b'+', ahead).filter(|_| senseless).map(|at| base + at);
        let starts: Vec<usize> = start.into_iter().chain(glued.take(8)).collect();
        if starts.is_empty() {
            return Straddle::No;
        }
        let behind = rest.get(size..).unwrap_or_default();
        let window = behind.get(..BEHIND_MAX).unwrap_or(behind);
        let Some(end) = window.iter().position(|b| b"\r\n".contains(b)) else {
            return if settle || behind.len() >= BEHIND_MAX { Straddle::No } else { Straddle::Unclear };
        };
        let known = starts.into_iter().find(|&start| {
            let line = rest.get(start..size + end).unwrap_or_default().trim_ascii();
            self.is_mark(catalog, line)
        });
        let Some(start) = known else { return Straddle::No };
        let cut = match rest.get(..start) {
            Some([.., b'\r', b'\n']) => start - 2,
            Some([.., b'\n']) => start - 1,
            // Glued to the data: there is nothing to look at ahead of it.
            _ => return Straddle::At(start),
        };
        // More whole lines may stand ahead of it.
        let whole = rest.get(..cut + 2).unwrap_or(rest);
        let cut = self.peel(catalog, whole).unwrap_or(cut);
        Straddle::At(self.glued_banner(catalog, rest.get(..cut).unwrap_or(rest)).unwrap_or(cut))
    }
}

/// Whether a line is a link number of up to three digits, a comma at `comma`, and words that the catalog knows behind one.
fn is_link(catalog: &Catalog, line: &[u8], comma: usize) -> bool {
    let number = line.get(..comma).unwrap_or_default();
    let words = line.get(comma + 1..).unwrap_or_default();
    number.len() <= 3 && number.iter().all(u8::is_ascii_digit) && {
        let mut found = catalog.link_index.find(words).iter().filter_map(|&at| catalog.lines.get(at as usize));
        found.any(|entry| entry.name.as_bytes() == words)
    }
}
