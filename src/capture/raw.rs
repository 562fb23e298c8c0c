//! Raw bytes: one file a direction, or one terminal log in which commands show as echoes.
//!
//! No byte is taken for anything but a byte of the line, and there is no clock; logs of terminal programs that put stamps
//! ahead of each line are [`super::terminal`]'s.

use super::source::Source;
use super::terminal::{Form, Terminal};
use super::{CaptureError, Format, MAX_CHUNK, Meta, Options, Pull, Record};
use crate::Sender;
use crate::direction::{Evidence, LONGEST_LINE, LOOK_AHEAD, Typed, is_turn};

/// Opens one file: as a terminal log if the user says so or it has both commands and answers, else as the direction
/// that it looks like.
pub(super) fn open(mut source: Source, options: &Options) -> Result<Box<dyn Pull>, CaptureError> {
    let head = source.fill(LOOK_AHEAD)?;
    if let Some(form) = Form::of(head) {
        return Ok(Box::new(Terminal::new(source, form)));
    }
    let mut evidence = Evidence::default();
    evidence.feed(head.get(..head.len().min(LOOK_AHEAD)).unwrap_or_default());
    evidence.finish();
    let mut meta = Meta::new(Format::Raw);
    if options.mixed || (evidence.commands > 0 && evidence.answers * 4 >= evidence.commands) {
        if !options.mixed {
            meta.note("read as a terminal log: lines that look like commands are the host's, all else is the module's");
        }
        meta.echoes = true;
        return Ok(Box::new(Mixed { source, meta, host_line: false, fresh: true, typed: Typed::default() }));
    }
    let from = if evidence.commands > 0 { Sender::Host } else { Sender::Module };
    meta.note(format!("read as the bytes of the {from} alone, by content; --host, --module or --mixed say otherwise"));
    Ok(Box::new(Single { source, meta, from }))
}

/// One direction.
struct Single {
    source: Source,
    meta: Meta,
    from: Sender,
}

impl Pull for Single {
    fn pull(&mut self, out: &mut Record) -> Result<bool, CaptureError> {
        out.from = self.from;
        block(&mut self.source, out)
    }

    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn offset(&self) -> u64 {
        self.source.offset()
    }
}

/// Takes what one read gives; false at the end.
fn block(source: &mut Source, out: &mut Record) -> Result<bool, CaptureError> {
    let available = source.fill(1)?;
    let count = available.len().min(MAX_CHUNK);
    out.bytes.extend_from_slice(available.get(..count).unwrap_or_default());
    source.consume(count);
    Ok(count > 0)
}

/// A terminal log: host and module in one stream.
struct Mixed {
    source: Source,
    meta: Meta,
    /// Inside a line of the host that is longer than what was looked at.
    host_line: bool,
    /// At the start of a line.
    fresh: bool,
    typed: Typed,
}

impl Mixed {
    /// Bytes up to and including the next line end: LF, CR LF or CR; or as many as fit.
    ///
    /// Behind a command's CR only one LF belongs to it: in `AT\r\r\nOK` the second CR is the module's.
    fn line(&mut self, room: usize) -> Result<(usize, bool), CaptureError> {
        let mut searched = 0;
        loop {
            let available = self.source.available();
            let within = available.get(searched..available.len().min(room)).unwrap_or_default();
            if let Some(at) = memchr::memchr2(b'\r', b'\n', within) {
                let at = searched + at;
                if available.get(at) == Some(&b'\r') {
                    let more = self.source.fill(at + 2)?;
                    let both = more.get(at + 1) == Some(&b'\n');
                    return Ok((at + 1 + usize::from(both), true));
                }
                return Ok((at + 1, true));
            }
            searched = available.len().min(room);
            if searched >= room || self.source.ended() {
                return Ok((searched, false));
            }
            self.source.grow()?;
        }
    }

    fn take(&mut self, count: usize, out: &mut Record) {
        out.bytes.extend_from_slice(self.source.available().get(..count).unwrap_or_default());
        self.source.consume(count);
    }
}

impl Pull for Mixed {
    fn pull(&mut self, out: &mut Record) -> Result<bool, CaptureError> {
        self.source.fill(1)?;
        if self.host_line {
            let (count, ended) = self.line(MAX_CHUNK - 1)?;
            out.from = Sender::Host;
            self.take(count, out);
            (self.host_line, self.fresh) = (!ended, ended);
            return Ok(count > 0);
        }
        out.from = Sender::Module;
        loop {
            let (count, ended) = self.line(LONGEST_LINE)?;
            if count == 0 {
                self.source.check()?;
                return Ok(!out.bytes.is_empty());
            }
            let line = self.source.available().get(..count).unwrap_or_default();
            if self.fresh && self.typed.is_host(line) {
                if out.bytes.is_empty() {
                    self.typed.take(line);
                    out.from = Sender::Host;
                    self.take(count, out);
                    (self.host_line, self.fresh) = (!ended, ended);
                }
                return Ok(true);
            }
            if out.bytes.len() + count > MAX_CHUNK {
                return Ok(true);
            }
            if self.fresh {
                self.typed.take(line);
            }
            self.take(count, out);
            self.fresh = ended;
        }
    }

    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn offset(&self) -> u64 {
        self.source.offset()
    }
}

/// Both directions in a file each, or one of them.
pub(super) struct Pair {
    host: Option<Source>,
    module: Option<Source>,
    turn: Sender,
    meta: Meta,
}

impl Pair {
    pub(super) fn new(host: Option<Source>, module: Option<Source>) -> Self {
        let mut meta = Meta::new(Format::Raw);
        if host.is_some() && module.is_some() {
            meta.ordered = false;
            meta.note(
                "two files without a clock: that the module answers each line of the host, up to a result code, is inferred",
            );
        }
        Self { host, module, turn: Sender::Host, meta }
    }

    /// A line of one side; false where it has no more.
    fn line(source: &mut Option<Source>, bare_cr: bool, out: &mut Record) -> Result<bool, CaptureError> {
        let Some(reader) = source else {
            return Ok(false);
        };
        let mut searched = 0;
        let count = loop {
            let available = reader.available();
            let within = available.get(searched..available.len().min(MAX_CHUNK - 1)).unwrap_or_default();
            let found = if bare_cr { memchr::memchr2(b'\r', b'\n', within) } else { memchr::memchr(b'\n', within) };
            if let Some(at) = found.map(|at| searched + at) {
                let cr = available.get(at) == Some(&b'\r');
                let both = cr && reader.fill(at + 2)?.get(at + 1) == Some(&b'\n');
                break at + 1 + usize::from(both);
            }
            searched = available.len().min(MAX_CHUNK - 1);
            if searched >= MAX_CHUNK - 1 || reader.ended() {
                break searched;
            }
            reader.grow()?;
        };
        out.bytes.extend_from_slice(reader.available().get(..count).unwrap_or_default());
        reader.consume(count);
        if count == 0 {
            reader.check()?;
            *source = None;
        }
        Ok(count > 0)
    }
}

impl Pull for Pair {
    fn pull(&mut self, out: &mut Record) -> Result<bool, CaptureError> {
        loop {
            out.from = self.turn;
            match (self.turn, &mut self.host, &mut self.module) {
                (_, None, None) => return Ok(false),
                // One side alone needs no turns.
                (_, Some(alone), None) => {
                    out.from = Sender::Host;
                    if block(alone, out)? {
                        return Ok(true);
                    }
                    self.host = None;
                }
                (_, None, Some(alone)) => {
                    out.from = Sender::Module;
                    if block(alone, out)? {
                        return Ok(true);
                    }
                    self.module = None;
                }
                (Sender::Host, host, _) => {
                    let there = Self::line(host, true, out)?;
                    self.turn = Sender::Module;
                    if there {
                        return Ok(true);
                    }
                }
                (Sender::Module, _, module) => {
                    let there = Self::line(module, false, out)?;
                    if !there || is_turn(&out.bytes) {
                        self.turn = Sender::Host;
                    }
                    if there {
                        return Ok(true);
                    }
                }
            }
        }
    }

    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn offset(&self) -> u64 {
        self.host.as_ref().or(self.module.as_ref()).map_or(0, Source::offset)
    }
}
