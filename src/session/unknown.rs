//! Lines that no catalog knows: prompts of unknown commands, garbled echoes, noise, answers and URCs by their looks.

use super::decoder::Decoder;
use super::event::{EventKind, Form, Name, Params, Slot};
use super::matching::{self, Strictness};
use super::module::{Framed, NAME_MAX};
use super::notice::{LineFacts, Observer};
use crate::Sender;
use crate::catalog::{Catalog, Line, Role};
use crate::syntax::fields;

impl Decoder {
    pub(super) fn unknown<O: Observer>(
        &mut self,
        catalog: &Catalog,
        framed: &Framed<'_>,
        name: &[u8],
        stop: Option<u8>,
        obs: &mut O,
    ) {
        let content = framed.content();
        if let Some((at, spec)) = self.download(catalog, content) {
            self.booting = false;
            self.prompt(catalog, framed.bytes, Name::known(spec), Some(at), framed.ending, obs);
            return;
        }
        if let Some((at, name)) = self.asks(catalog, content) {
            self.prompt(catalog, framed.bytes, Name::known(name), Some(at), framed.ending, obs);
            return;
        }
        if !self.host_seen
            && let Some(word) = prompt_word(catalog, content)
        {
            self.prompt(catalog, framed.bytes, Name::known(word), None, framed.ending, obs);
            return;
        }
        if self.garbled_echo(catalog, framed, obs) {
            return;
        }
        if is_noise(content) {
            if let Some(exchange) = self.working().and_then(|at| self.open.get_mut(at)) {
                exchange.blurred = true;
            }
            self.give(catalog, Sender::Module, framed.bytes, None, EventKind::Noise, obs);
            return;
        }
        // The host's side was not recorded: a command is an echo.
        if !self.host_seen && crate::syntax::command::is_command(content) && !content.contains(&b' ') {
            self.give(catalog, Sender::Module, framed.bytes, None, EventKind::Echo, obs);
            return;
        }
        self.tell_by_text(catalog, content);
        let delimited = matches!(stop, Some(b':' | b',' | b'='));
        let prefixed = content.first().is_some_and(|b| b"+*^$%#&".contains(b));
        let shown = match memchr::memchr(b':', content) {
            _ if prefixed => name.trim_ascii_end(),
            Some(at) if at <= NAME_MAX => content.get(..at).unwrap_or(content).trim_ascii_end(),
            _ => content,
        };
        let command = if prefixed { catalog.find_command(name.trim_ascii_end()) } else { None };
        // An unknown command may answer with its own name, or with any text.
        let open = self.open.iter().position(|exchange| {
            exchange.parts.iter().any(|part| part.command.is_none())
                && (!prefixed || answers_to(&exchange.text, name.trim_ascii_end()))
        });
        let open = open.or_else(|| command.and_then(|command| self.is_open_command(command)));
        // Between its first line and `ready` a banner holds what it likes.
        if self.booting && !prefixed && self.open.is_empty() {
            let params = Params { bytes: framed.bytes, slots: &[], catalog };
            let kind = EventKind::Boot { name: Name::raw(shown), params };
            self.give(catalog, Sender::Module, framed.bytes, None, kind, obs);
            return;
        }
        self.spans.clear();
        if delimited && prefixed {
            fields::split(framed.bytes, framed.start + name.len() + 1, framed.end, catalog.escapes, &mut self.spans);
        }
        let mut slots = std::mem::take(&mut self.slots);
        slots.clear();
        slots.extend(self.spans.iter().map(|&(start, end)| {
            let raw = framed.bytes.get(start as usize..end as usize).unwrap_or_default();
            let read = matching::read(raw, None, catalog.escapes, Strictness::Module);
            Slot { start, end, spec: Slot::NO_SPEC, read }
        }));
        let params = Params { bytes: framed.bytes, slots: &slots, catalog };
        let name = Name::raw(shown);
        let id = open.and_then(|at| self.open.get(at)).map(|exchange| exchange.id);
        // `+CREG: …` of a known command that is not open is its answer, come from nowhere.
        let response = open.is_some() || command.is_some();
        let documented = command.filter(|_| delimited).and_then(|at| self.documented(catalog, at, shown));
        let kind = if response { EventKind::Response { name, params } } else { EventKind::Urc { name, params } };
        // Without a prefix it may be the answer to a command that was not recorded.
        let host_seen = self.hears_host() || prefixed && !response;
        let cut = framed.ending.is_none();
        self.give_with(
            catalog,
            Sender::Module,
            framed.bytes,
            id,
            kind,
            |mut facts| {
                facts.line = Some(LineFacts { line: documented, misfit: u32::from(documented.is_some()), host_seen });
                facts.ending = framed.ending;
                facts.cut |= cut;
                facts
            },
            obs,
        );
        self.slots = slots;
        let worded = if prefixed { self.newest_unknown(catalog).filter(|_| is_signed_result(content)) } else { open };
        if let Some(exchange) = open.and_then(|at| self.open.get_mut(at)) {
            exchange.answered = true;
            exchange.worded = false;
        }
        if let Some(exchange) = worded.and_then(|at| self.open.get_mut(at)) {
            exchange.worded = true;
        }
    }

    /// The answer named `name` that the open command should have given in place of this line.
    fn documented<'c>(&self, catalog: &'c Catalog, command: u32, name: &[u8]) -> Option<&'c Line> {
        let own = |line: &&Line| {
            line.owner.is_some_and(|(owner, form)| owner == command && self.is_open(owner, form).is_some())
        };
        let lines = catalog.line_index.find(name).iter().filter_map(|&at| catalog.lines.get(at as usize));
        lines.filter(|line| line.role == Role::Reply).find(own)
    }

    /// The newest command, if no catalog knows it.
    fn newest_unknown(&self, catalog: &Catalog) -> Option<usize> {
        let at = self.open.len().checked_sub(1)?;
        self.open.get(at).filter(|exchange| exchange.is_unknown(catalog)).map(|_| at)
    }

    /// A word by which an unknown command asks for data: whose it is.
    pub(super) fn asks<'c>(&self, catalog: &'c Catalog, content: &[u8]) -> Option<(usize, &'c str)> {
        let word = catalog.prompts.iter().find(|word| word.as_bytes() == content)?;
        let at = self.open.iter().position(|exchange| exchange.is_unknown(catalog))?;
        Some((at, word))
    }

    /// A prompt that is a word.
    pub(super) fn download<'c>(&self, catalog: &'c Catalog, content: &[u8]) -> Option<(usize, &'c str)> {
        self.open.iter().enumerate().find_map(|(at, exchange)| {
            let data = exchange.data_spec(catalog)?.data.as_ref()?;
            let fresh = !exchange.prompted && data.prompt.as_bytes() == content;
            fresh.then_some((at, &*data.prompt))
        })
    }
}

/// `+OK` and `+ERR` of modules for other networks, with whatever stands behind.
fn is_signed_result(content: &[u8]) -> bool {
    content.starts_with(b"+OK") || content.starts_with(b"+ERR")
}

/// A word by which some command asks for its data: `DOWNLOAD`.
fn prompt_word<'c>(catalog: &'c Catalog, content: &[u8]) -> Option<&'c str> {
    if !content.iter().all(u8::is_ascii_uppercase) {
        return None;
    }
    let forms = catalog.commands.iter().flat_map(|command| Form::ALL.into_iter().filter_map(|form| command.form(form)));
    let mut words = forms.filter_map(|spec| spec.data.as_ref()).map(|data| &*data.prompt);
    words.find(|word| word.as_bytes() == content)
}

/// Whether a line named `name` may answer the unknown command in `text`.
fn answers_to(text: &[u8], name: &[u8]) -> bool {
    let own = text.get(2..2 + name.len());
    own.is_some_and(|own| own.eq_ignore_ascii_case(name))
}

/// Bytes that no module prints on purpose: control characters, or mostly no UTF-8.
pub(super) fn is_noise(content: &[u8]) -> bool {
    let odd = content.iter().filter(|&&b| b < 0x20 && b != b'\t' && b != 0x1B || b == 0x7F).count();
    let broken: usize = content.utf8_chunks().map(|chunk| chunk.invalid().len()).sum();
    odd > 0 || broken * 4 >= content.len()
}
