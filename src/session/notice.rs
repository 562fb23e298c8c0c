//! What the decoder notices beside events, and what it knows about each event: the rules speak from this.

use super::event::Form;
use super::memo::Told;
use super::state::State;
use crate::Time;
use crate::catalog::{Catalog, FormSpec, Line};
use crate::syntax::framing::Ending;
use crate::{Sender, session::Event};

/// What the decoder knows of the event that it has just given.
pub(crate) struct Facts<'f> {
    pub(crate) catalog: &'f Catalog,
    /// The state before the event's effects.
    pub(crate) state: &'f State,
    pub(crate) model: Option<u16>,
    pub(crate) command: Option<CommandFacts<'f>>,
    pub(crate) line: Option<LineFacts<'f>>,
    pub(crate) ending: Option<Ending>,
    /// The recording ends within it: its shape accuses nobody.
    pub(crate) cut: bool,
    /// What is kept of the same line, where it came before.
    pub(crate) told: Option<&'f Told>,
}

/// Of a command.
pub(crate) struct CommandFacts<'f> {
    /// Its position in the catalog; `None` where no catalog knows it.
    pub(crate) command: Option<u32>,
    pub(crate) form: Form,
    pub(crate) spec: Option<&'f FormSpec>,
    /// The alternative that fits best: position of syntax and shape.
    pub(crate) choice: Option<(usize, usize)>,
    /// How many fields were given, empty ones included.
    pub(crate) given: usize,
    /// What stands behind the equals sign or letter, within the event's bytes.
    pub(crate) args: std::ops::Range<usize>,
}

/// Of a line that a module sent.
pub(crate) struct LineFacts<'f> {
    /// The catalog's entry; `None` where it has none.
    pub(crate) line: Option<&'f Line>,
    /// 0: it is as documented.
    pub(crate) misfit: u32,
    /// A command was seen before, or none could ask for it: what answers nothing is wrong.
    pub(crate) host_seen: bool,
}

/// Something worth a finding that one event alone does not show.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub(crate) enum Notice {
    EchoMismatch {
        seq: u64,
        exchange: u64,
        sent: Vec<u8>,
        came: Vec<u8>,
    },
    LateFinal {
        seq: u64,
        exchange: u64,
        time: Option<Time>,
        latency: Time,
        limit: u64,
        command: Option<(u32, Form)>,
        of: u64,
    },
    MissingFinal {
        seq: u64,
        exchange: u64,
        time: Option<Time>,
        limit: Option<u64>,
        command: Option<(u32, Form)>,
        because: &'static str,
    },
    Overlap {
        seq: u64,
        exchange: u64,
        before: u64,
        before_seq: u64,
    },
    PayloadBeforePrompt {
        seq: u64,
        exchange: Option<u64>,
        refused: bool,
        command: Option<(u32, Form)>,
    },
    PayloadLength {
        seq: u64,
        exchange: Option<u64>,
        from: Sender,
        declared: u64,
        actual: u64,
        more: bool,
    },
    Reset {
        seq: u64,
        open: usize,
    },
    Resync {
        seq: u64,
        lost: u64,
        declared: u64,
        how: &'static str,
    },
    UnexpectedFinal {
        seq: u64,
        exchange: Option<u64>,
        result: String,
        command: Option<(u32, Form)>,
    },
}

/// Takes what the decoder gives.
pub(crate) trait Observer {
    /// An event, in the order of completion.
    fn event(&mut self, event: &Event<'_>, facts: &Facts<'_>);
    /// A notice, behind the event that shows it.
    fn notice(&mut self, notice: Notice, time: Option<Time>, catalog: &Catalog);
}
