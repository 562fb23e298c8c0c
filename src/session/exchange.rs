//! Open exchanges: who waits for which answer.
//!
//! A queue, because hosts do not wait: a result code ends the oldest exchange that can take it at its stage.

use super::event::Form;
use super::state::Change;
use crate::Time;
use crate::catalog::{Catalog, FormSpec, Line, Sends, same};

/// How far an exchange is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Waits for its final result.
    Answer,
    /// Waits for the prompt; the flag: `OK` came ahead of it.
    Prompt(bool),
    /// The prompt came (or the host did not wait for it); data flows.
    Data,
    /// All data was sent; waits for the result of that.
    Sent,
}

/// A command of an exchange: positions in the catalog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PartOf {
    /// `None`: no catalog knows it.
    pub(crate) command: Option<u32>,
    pub(crate) form: Form,
}

/// A command line and what answers it.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    pub(crate) id: u64,
    /// Its (first) command's event.
    pub(crate) seq: u64,
    pub(crate) parts: Vec<PartOf>,
    pub(crate) stage: Stage,
    /// Time of the last byte that the host sent for it.
    pub(crate) ended: Option<Time>,
    /// The command line as it was sent, as far as [`TEXT_MAX`].
    pub(crate) text: Vec<u8>,
    /// How much of `text` came back; all of it once the echo is complete.
    pub(crate) echoed: usize,
    /// The first bytes of the data, for modules that echo it.
    pub(crate) sent: Vec<u8>,
    /// An information response came.
    pub(crate) answered: bool,
    /// What success makes of the state.
    pub(crate) changes: Vec<Change>,
    /// Announced size of the data.
    pub(crate) declared: Option<u64>,
    /// The prompt came.
    pub(crate) prompted: bool,
    /// The module refused it with `busy`; it may still be the one that is worked on.
    pub(crate) rejected: bool,
    /// Which lines of its delayed result came ahead of its final result.
    pub(crate) delivered: u32,
    /// Documented maximum response time in milliseconds.
    pub(crate) timeout: Option<u64>,
    /// The data phase's command, by its place in `parts`.
    pub(crate) data_part: Option<usize>,
    /// The first parameter that is a number: its name and value. What belongs to another link or method is not its own.
    pub(crate) first: Option<(u32, i64)>,
    /// The module was told to give no results.
    pub(crate) muted: bool,
    /// Noise came while it waited: its result may have been in it.
    pub(crate) blurred: bool,
    /// The newest line that answered it may be all that answers an unknown command: `SHUT OK`, an address without `OK`.
    pub(crate) worded: bool,
    /// The event of its echo so far.
    pub(crate) echo_seq: Option<u64>,
    /// One known command that a result alone ends, and of which nothing comes behind it.
    pub(crate) plain: bool,
}

/// How much of a command line is kept for its echo.
pub(crate) const TEXT_MAX: usize = 2048;

/// How much of its data is kept for its echo.
pub(crate) const SENT_MAX: usize = 256;

impl Default for Exchange {
    fn default() -> Self {
        Self {
            id: 0,
            seq: 0,
            parts: Vec::new(),
            stage: Stage::Answer,
            ended: None,
            text: Vec::new(),
            echoed: 0,
            sent: Vec::new(),
            answered: false,
            changes: Vec::new(),
            declared: None,
            prompted: false,
            rejected: false,
            delivered: 0,
            timeout: None,
            data_part: None,
            first: None,
            muted: false,
            blurred: false,
            worded: false,
            echo_seq: None,
            plain: false,
        }
    }
}

impl Exchange {
    /// Makes a used one new, keeping its buffers.
    pub(crate) fn reuse(&mut self, id: u64) {
        self.id = id;
        self.parts.clear();
        self.stage = Stage::Answer;
        self.ended = None;
        self.text.clear();
        self.echoed = 0;
        self.sent.clear();
        self.answered = false;
        self.changes.clear();
        self.declared = None;
        self.prompted = false;
        self.rejected = false;
        self.delivered = 0;
        self.timeout = None;
        self.data_part = None;
        self.first = None;
        self.muted = false;
        self.blurred = false;
        self.worded = false;
        self.echo_seq = None;
        self.plain = false;
    }

    /// All its commands are there: settles what hangs on them.
    pub(crate) fn complete(&mut self, catalog: &Catalog) {
        self.plain = match self.parts.as_slice() {
            [part] => spec_of(catalog, *part).is_some_and(is_plain),
            _ => false,
        };
    }

    /// No catalog knows any of its commands: nobody can say what it may answer, or whether data follows.
    pub(crate) fn is_unknown(&self, catalog: &Catalog) -> bool {
        self.specs(catalog).next().is_none()
    }

    /// Its command's name as it was sent, where no catalog knows it.
    pub(crate) fn raw_name(&self) -> &[u8] {
        let name = self.text.get(2..).unwrap_or_default();
        let end = name.iter().position(|b| b"=?; ".contains(b)).unwrap_or(name.len());
        name.get(..end).unwrap_or(name)
    }

    /// The catalog's word on each of its commands.
    pub(crate) fn specs<'c>(&self, catalog: &'c Catalog) -> impl Iterator<Item = &'c FormSpec> + use<'c, '_> {
        self.parts.iter().filter_map(|part| spec_of(catalog, *part))
    }

    /// The data phase's form.
    pub(crate) fn data_spec<'c>(&self, catalog: &'c Catalog) -> Option<&'c FormSpec> {
        self.data_part.and_then(|at| self.parts.get(at)).and_then(|part| spec_of(catalog, *part))
    }

    pub(crate) fn sends<'c>(&self, catalog: &'c Catalog) -> Option<&'c Sends> {
        self.data_spec(catalog).and_then(|spec| spec.data.as_ref()).map(|data| &data.sends)
    }

    /// Whether a result may end it, or take it a stage on, now.
    pub(crate) fn takes(&self, catalog: &Catalog, result: &str, failure: bool) -> bool {
        match self.stage {
            Stage::Answer | Stage::Prompt(false) => {
                let mut known = false;
                for spec in self.specs(catalog) {
                    known = true;
                    if spec.finals.iter().any(|name| same(name.as_bytes(), result.as_bytes())) {
                        return true;
                    }
                }
                // Nobody knows what an unknown command may answer.
                !known || failure
            }
            // The host did not wait: what accepts the command comes behind its data.
            Stage::Data | Stage::Sent
                if !self.prompted
                    && self
                        .specs(catalog)
                        .any(|spec| spec.finals.iter().any(|name| same(name.as_bytes(), result.as_bytes()))) =>
            {
                true
            }
            Stage::Prompt(true) | Stage::Data | Stage::Sent => {
                let then =
                    self.data_spec(catalog).and_then(|spec| spec.data.as_ref().map(|data| (&data.then, &spec.finals)));
                match then {
                    Some((then, finals)) if then.is_empty() => {
                        finals.iter().any(|name| same(name.as_bytes(), result.as_bytes())) || failure
                    }
                    Some((then, _)) => then.iter().any(|name| same(name.as_bytes(), result.as_bytes())) || failure,
                    None => failure,
                }
            }
        }
    }

    /// Whether a result means success at its stage.
    pub(crate) fn succeeds(&self, catalog: &Catalog, result: &str, ok: bool) -> bool {
        let data = self.data_spec(catalog).and_then(|spec| spec.data.as_ref());
        let first = match self.stage {
            Stage::Data | Stage::Sent => data.and_then(|data| data.then.first()),
            _ => None,
        };
        let first = first.or_else(|| self.specs(catalog).next().and_then(|spec| spec.finals.first()));
        match first {
            Some(first) => {
                same(first.as_bytes(), result.as_bytes())
                    || (ok
                        && !self
                            .specs(catalog)
                            .any(|spec| spec.fails.iter().any(|f| same(f.as_bytes(), result.as_bytes()))))
            }
            None => ok,
        }
    }

    /// Whether the manual prints `OK` ahead of the prompt.
    pub(crate) fn accepts_first(&self, catalog: &Catalog) -> bool {
        self.data_spec(catalog).and_then(|spec| spec.data.as_ref()).is_some_and(|data| data.accepts)
    }

    /// Whether it has a command of that name and form.
    pub(crate) fn has(&self, command: u32, form: Form) -> bool {
        self.parts.iter().any(|part| part.command == Some(command) && part.form == form)
    }

    /// Whether it has a command of that name.
    pub(crate) fn has_command(&self, command: u32) -> bool {
        self.parts.iter().any(|part| part.command == Some(command))
    }
}

pub(crate) fn spec_of(catalog: &Catalog, part: PartOf) -> Option<&FormSpec> {
    catalog.commands.get(part.command? as usize)?.form(part.form)
}

/// Whether a result alone ends a command, and nothing of it comes behind that.
pub(crate) fn is_plain(spec: &FormSpec) -> bool {
    !spec.replies_only && spec.later.is_empty() && spec.after.is_empty() && spec.online.is_none()
}

/// The bit of a line among its form's delayed results.
pub(crate) fn later_bit(catalog: &Catalog, line: &Line) -> u32 {
    let Some((command, form)) = line.owner else { return 0 };
    let lines = spec_of(catalog, PartOf { command: Some(command), form }).map_or(&[][..], |spec| &spec.later);
    let at = lines.iter().position(|&at| catalog.lines.get(at as usize).is_some_and(|other| std::ptr::eq(other, line)));
    at.map_or(0, |at| 1 << at.min(31))
}

/// A command that has ended, for what may still come of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ended {
    pub(crate) id: u64,
    pub(crate) command: u32,
    pub(crate) form: Form,
    /// Which lines of its delayed result came: a bit for each of the form's `later`.
    pub(crate) delivered: u32,
    /// Data of it came, and no end mark yet.
    pub(crate) reading: bool,
    /// See [`Exchange::first`].
    pub(crate) first: Option<(u32, i64)>,
}
