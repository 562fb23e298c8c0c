//! The module's side of transparent data: a connection's bytes, and the line that ends them; text that follows a line.

use super::decoder::{Decoder, Of, Owner, PART, Phase};
use super::event::{EventKind, Form, Name, Params, Read, Slot};
use super::module::Framed;
use super::notice::{LineFacts, Observer};
use crate::Sender;
use crate::catalog::Catalog;

/// Text that follows a line of the module.
#[derive(Clone, Copy, Debug)]
pub(super) struct Below {
    /// That line, by its position in the catalog.
    pub(super) line: u32,
    /// The text's description.
    pub(super) spec: u32,
    /// The text's first line came.
    pub(super) begun: bool,
}

impl Decoder {
    /// Data up to a line that ends the connection; what may be that line's start waits.
    pub(super) fn module_transparent<O: Observer>(
        &mut self,
        catalog: &Catalog,
        rest: &[u8],
        of: Of,
        settle: bool,
        obs: &mut O,
    ) -> usize {
        let window = rest.get(..rest.len().min(PART)).unwrap_or(rest);
        let ends = ends_of(catalog, of);
        let longest = ends.iter().map(|end| end.len() + 4).max().unwrap_or_default();
        let from = self.side(Sender::Module).clear.saturating_sub(longest);
        let new = window.get(from..).unwrap_or_default();
        let found = ends.iter().filter_map(|end| end_in(new, end.as_bytes())).min().map(|at| from + at);
        if let Some(at) = found {
            if let Some(data) = rest.get(..at).filter(|data| !data.is_empty()) {
                self.give(catalog, Sender::Module, data, of.exchange, EventKind::Passthrough, obs);
            }
            // What the host has sent so far was still data.
            self.run_carry(catalog, Sender::Host, true, obs);
            self.side(Sender::Host).phase = Phase::Lines;
            self.side(Sender::Module).phase = Phase::Lines;
            return if at > 0 { at } else { self.run_module(catalog, rest, settle, obs) };
        }
        if !settle && window.len() < PART {
            self.side(Sender::Module).clear = window.len();
            return 0;
        }
        let kept = if self.closing { 0 } else { ends.iter().map(|end| started(window, end)).max().unwrap_or_default() };
        match window.get(..window.len() - kept).filter(|data| !data.is_empty()) {
            Some(data) => {
                self.give(catalog, Sender::Module, data, of.exchange, EventKind::Passthrough, obs);
                data.len()
            }
            None => 0,
        }
    }

    /// A line right behind one that text follows, with no blank line in between.
    pub(super) fn text_below<O: Observer>(
        &mut self,
        catalog: &Catalog,
        framed: &Framed<'_>,
        below: Below,
        obs: &mut O,
    ) {
        self.below = Some(Below { begun: true, ..below });
        let spec = below.spec;
        let (start, end) = (framed.start as u32, framed.end as u32);
        let slots = [Slot { start, end, spec, read: Read::Bare }];
        let params = Params { bytes: framed.bytes, slots: &slots, catalog };
        let name = Name::known("");
        let (host_seen, cut) = (self.host_seen, framed.ending.is_none());
        self.give_with(
            catalog,
            Sender::Module,
            framed.bytes,
            None,
            EventKind::Urc { name, params },
            |mut facts| {
                facts.line = Some(LineFacts { line: catalog.lines.get(below.line as usize), misfit: 0, host_seen });
                // Line ends within the text are its writer's.
                facts.cut |= cut;
                facts
            },
            obs,
        );
    }
}

/// The lines that end a connection's data.
fn ends_of(catalog: &Catalog, of: Of) -> &[Box<str>] {
    let Owner::Command(Some(command)) = of.owner else { return &[] };
    let Some(command) = catalog.commands.get(command as usize) else { return &[] };
    let mut specs = Form::ALL.into_iter().filter_map(|form| command.form(form));
    specs.find(|spec| spec.online.is_some()).map_or(&[], |spec| &spec.offline)
}

/// Where the line `end` stands in data, the blank line ahead of it included.
fn end_in(data: &[u8], end: &[u8]) -> Option<usize> {
    memchr::memmem::find_iter(data, end).find_map(|at| {
        let ahead = data.get(..at)?.strip_suffix(b"\r\n")?;
        data.get(at + end.len()..)?.starts_with(b"\r\n").then_some(ahead.len())
    })
}

/// How many bytes at the end of `data` may be the start of the line `end`.
fn started(data: &[u8], end: &str) -> usize {
    let line: Vec<u8> = b"\r\n".iter().chain(end.as_bytes()).chain(b"\r\n").copied().collect();
    let most = data.len().min(line.len() - 1);
    (1..=most).rev().find(|&len| line.get(..len).is_some_and(|start| data.ends_with(start))).unwrap_or_default()
}
