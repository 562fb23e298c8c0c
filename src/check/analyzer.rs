//! Decoder and rules together: bytes in, events and findings out.

use std::sync::Arc;

use super::finding::{Finding, Severity};
use super::rules::{self, Rule};
use crate::catalog::Catalog;
use crate::session::{Decoder, Event, EventKind, Facts, Notice, Observer, Options, Told};
use crate::{Sender, Time};

/// Takes what an [`Analyzer`] gives. An event comes ahead of the findings about it.
pub trait Sink {
    /// An event.
    fn event(&mut self, event: &Event<'_>) {
        let _ = event;
    }

    /// A finding. It is about an event that was given before.
    fn finding(&mut self, finding: &Finding) {
        let _ = finding;
    }
}

/// A sink that drops everything.
impl Sink for () {}

/// What a session came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Events given.
    pub events: u64,
    /// Commands (command lines) seen.
    pub exchanges: u64,
    /// Findings: errors, warnings, infos.
    pub findings: [u64; 3],
    /// Bytes of host and module.
    pub bytes: [u64; 2],
    /// The firmware generation that traffic told.
    pub profile: Option<String>,
}

/// Decodes one session and holds it against its catalog.
///
/// ```
/// use atscope::check::{Analyzer, Finding, Options, Sink};
/// use atscope::{Sender, catalog, session::Event};
///
/// #[derive(Default)]
/// struct Lines(Vec<String>);
/// impl Sink for Lines {
///     fn event(&mut self, event: &Event<'_>) {
///         self.0.push(event.kind.as_str().to_owned());
///     }
///     fn finding(&mut self, finding: &Finding) {
///         self.0.push(finding.rule.name().to_owned());
///     }
/// }
///
/// let catalog = catalog::load_builtin("esp-at").expect("the built-in catalog is sound");
/// let mut analyzer = Analyzer::new(catalog, Options::default());
/// let mut lines = Lines::default();
/// analyzer.push(Sender::Host, None, b"AT+CWMODE=7\r\n", &[], &mut lines);
/// analyzer.push(Sender::Module, None, b"\r\nERROR\r\n", &[], &mut lines);
/// analyzer.finish(&mut lines);
/// assert_eq!(lines.0, ["command", "param-range", "final"]);
/// ```
#[derive(Debug)]
pub struct Analyzer {
    catalog: Arc<Catalog>,
    decoder: Decoder,
    memory: Memory,
}

/// What the rules remember from event to event.
#[derive(Debug, Default)]
pub(super) struct Memory {
    findings: [u64; 3],
    /// Line ends other than CR LF were told, by sender.
    pub(super) endings_told: [bool; 2],
    /// Line errors that wait for the event of their byte: sender, place, rule.
    faults: Vec<(Sender, u64, Rule)>,
    /// The order between host and module was recorded.
    ordered: bool,
}

/// Most line errors that wait; further ones are told without an event.
const FAULTS_MAX: usize = 1024;

impl Analyzer {
    /// An analyzer for one session of a dialect.
    pub fn new(catalog: Arc<Catalog>, options: Options) -> Self {
        let memory = Memory { ordered: !options.unordered, ..Memory::default() };
        Self { decoder: Decoder::new(&catalog, &options), catalog, memory }
    }

    #[cfg(feature = "fuzzing")]
    pub(crate) fn bar_short_way(&mut self) {
        self.decoder.bar_short_way();
    }

    #[cfg(feature = "fuzzing")]
    pub(crate) fn learn_at_once(&mut self, other: Option<Self>) {
        self.decoder.learn_at_once(other.map(|other| other.decoder));
    }

    /// What traffic has told of a state key of the catalog, of one index where it has several: for tests that hold it against the
    /// module's own.
    #[cfg(feature = "fuzzing")]
    pub fn known(&self, key: &str, index: usize) -> Option<crate::catalog::StateValue> {
        self.decoder.known_state(&self.catalog, key, index)
    }

    /// Takes the next bytes of a sender. `faults`: line errors at bytes of this chunk, as position and rule.
    pub fn push(
        &mut self,
        from: Sender,
        time: Option<Time>,
        bytes: &[u8],
        faults: &[(usize, Rule)],
        sink: &mut impl Sink,
    ) {
        if !faults.is_empty() {
            let start = self.decoder.counts().2.get(from.index()).copied().unwrap_or_default();
            let room = FAULTS_MAX.saturating_sub(self.memory.faults.len());
            self.memory.faults.extend(faults.iter().take(room).map(|&(at, rule)| (from, start + at as u64, rule)));
        }
        self.decoder.push(&self.catalog, from, time, bytes, &mut Watch { sink, memory: &mut self.memory });
    }

    /// The recording is damaged or cut off from here on: says so in a finding.
    pub fn damage(&mut self, message: String, sink: &mut impl Sink) {
        let finding = Finding {
            rule: Rule::CaptureDamaged,
            seq: None,
            time: None,
            exchange: None,
            message,
            cite: None,
            span: None,
            related: None,
        };
        Watch { sink, memory: &mut self.memory }.report(finding);
    }

    /// The recording ends: gives what is left, and the summary.
    pub fn finish(&mut self, sink: &mut impl Sink) -> Summary {
        self.decoder.finish(&self.catalog, &mut Watch { sink, memory: &mut self.memory });
        let (events, exchanges, bytes) = self.decoder.counts();
        Summary {
            events,
            exchanges,
            findings: self.memory.findings,
            bytes,
            profile: self.decoder.profile(&self.catalog).map(str::to_owned),
        }
    }
}

/// Runs the rules over what the decoder gives.
struct Watch<'w, S> {
    sink: &'w mut S,
    memory: &'w mut Memory,
}

impl<S: Sink> Watch<'_, S> {
    fn report(&mut self, finding: Finding) {
        if !self.memory.ordered && finding.rule.needs_order() {
            return;
        }
        let at = match finding.rule.severity() {
            Severity::Error => 0,
            Severity::Warning => 1,
            Severity::Info => 2,
        };
        if let Some(count) = self.memory.findings.get_mut(at) {
            *count += 1;
        }
        self.sink.finding(&finding);
    }

    #[cold]
    fn faults(&mut self, event: &Event<'_>) {
        let end = event.offset + event.bytes.len() as u64;
        let mut waiting = std::mem::take(&mut self.memory.faults);
        waiting.retain(|&(from, at, rule)| {
            let here = from == event.from && at < end;
            if here {
                self.report(rules::uart::finding(rule, event, at));
            }
            !here
        });
        self.memory.faults = waiting;
    }
}

/// What is kept of a line that came before, and the number of what the rules hold it against: of a command the state and the
/// model, of a module's line the model alone. `None` where more counts than that.
#[inline]
fn known_by<'f>(event: &Event<'_>, facts: &Facts<'f>) -> Option<(&'f Told, u64)> {
    let told = facts.told?;
    match &facts.line {
        None => Some((told, facts.state.version())),
        Some(line) => {
            // A response that answers nobody is one of the moment.
            let asked =
                event.exchange.is_some() || !line.host_seen || !matches!(event.kind, EventKind::Response { .. });
            (line.misfit == 0 && asked).then(|| (told, facts.model.map_or(1, |model| u64::from(model) + 2)))
        }
    }
}

impl<S: Sink> Observer for Watch<'_, S> {
    #[inline]
    fn event(&mut self, event: &Event<'_>, facts: &Facts<'_>) {
        self.sink.event(event);
        if !self.memory.faults.is_empty() {
            self.faults(event);
        }
        // The same line under the same conditions drew no finding before.
        let known = known_by(event, facts);
        if known.is_some_and(|(told, version)| told.sound.is(version)) {
            return;
        }
        let mut memory = std::mem::take(&mut self.memory.endings_told);
        let mut sound = !facts.cut;
        rules::event(event, facts, &mut memory, &mut |finding| {
            sound = false;
            self.report(finding);
        });
        self.memory.endings_told = memory;
        if let Some((told, version)) = known.filter(|_| sound) {
            told.sound.set(version);
        }
    }

    fn notice(&mut self, notice: Notice, time: Option<Time>, catalog: &Catalog) {
        let finding = rules::notice(notice, time, catalog);
        self.report(finding);
    }
}
