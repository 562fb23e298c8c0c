//! The decoder proper: both directions' bytes to typed events, exchanges and state. Sans-IO: no file, no clock, no thread.
//!
//! Knows who answers whom; the catalog tells it what a line means. What is unknown stays unknown: a session may start anywhere.

mod choose;
mod clock;
mod commands;
mod counted;
mod decoder;
mod echo;
mod event;
mod exchange;
mod host;
mod lane;
mod learn;
mod lines;
mod matching;
mod memo;
mod module;
mod notice;
mod online;
mod recall;
mod recall_host;
mod recover;
mod result;
mod state;
mod turn;
mod unknown;

pub(crate) use decoder::Decoder;
pub use decoder::{Options, PART};
pub(crate) use event::Slot;
pub use event::{Event, EventKind, Form, Name, Param, Params, Text, Value};
pub(crate) use memo::Told;
pub(crate) use notice::{CommandFacts, Facts, LineFacts, Notice, Observer};
pub(crate) use state::Scope;

/// Decodes one session to events, without holding it against the rules; see [`crate::check::Analyzer`] for both.
///
/// ```
/// use atscope::{Sender, catalog, session::{Options, Session}};
///
/// let catalog = catalog::load_builtin("esp-at").expect("the built-in catalog is sound");
/// let mut session = Session::new(catalog, &Options::default());
/// let mut kinds = Vec::new();
/// session.push(Sender::Module, None, b"\r\n+IPD,0,5:hello", &mut |event| kinds.push(event.kind.as_str()));
/// session.finish(&mut |event| kinds.push(event.kind.as_str()));
/// assert_eq!(kinds, ["urc", "payload"]);
/// ```
#[derive(Debug)]
pub struct Session {
    catalog: std::sync::Arc<crate::catalog::Catalog>,
    decoder: Decoder,
}

struct Events<'f, F>(&'f mut F);

impl<F: FnMut(&Event<'_>)> Observer for Events<'_, F> {
    #[inline]
    fn event(&mut self, event: &Event<'_>, _: &Facts<'_>) {
        (self.0)(event);
    }

    fn notice(&mut self, _: Notice, _: Option<crate::Time>, _: &crate::catalog::Catalog) {}
}

impl Session {
    /// A session of a dialect.
    pub fn new(catalog: std::sync::Arc<crate::catalog::Catalog>, options: &Options) -> Self {
        Self { decoder: Decoder::new(&catalog, options), catalog }
    }

    #[cfg(feature = "fuzzing")]
    pub(crate) fn bar_short_way(&mut self) {
        self.decoder.bar_short_way();
    }

    #[cfg(feature = "fuzzing")]
    pub(crate) fn learn_at_once(&mut self, other: Option<Self>) {
        self.decoder.learn_at_once(other.map(|other| other.decoder));
    }

    /// Takes the next bytes of a sender; `each` gets every event that they complete.
    pub fn push(
        &mut self,
        from: crate::Sender,
        time: Option<crate::Time>,
        bytes: &[u8],
        each: &mut impl FnMut(&Event<'_>),
    ) {
        self.decoder.push(&self.catalog, from, time, bytes, &mut Events(each));
    }

    /// The recording ends: gives what is left.
    pub fn finish(&mut self, each: &mut impl FnMut(&Event<'_>)) {
        self.decoder.finish(&self.catalog, &mut Events(each));
    }

    /// The firmware generation that traffic told.
    pub fn profile(&self) -> Option<&str> {
        self.decoder.profile(&self.catalog)
    }
}
