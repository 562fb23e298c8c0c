//! The rules: a table of names and severities, and who is asked about what.

mod capture_damaged;
mod command_overlap;
mod echo_mismatch;
mod late_final;
mod line_ending;
mod malformed_command;
mod missing_final;
mod model_unsupported;
mod module_reset;
mod param_conflict;
mod param_extra;
mod param_length;
mod param_missing;
mod param_range;
mod param_type;
mod payload_before_prompt;
mod payload_length;
mod response_shape;
mod resync;
pub(super) mod uart;
mod undocumented_code;
mod unexpected_final;
mod unexpected_response;
mod unknown_command;
mod unknown_urc;
mod unsupported_form;
mod wrong_state;

use super::finding::{Finding, Severity};
use crate::Time;
use crate::catalog::Catalog;
use crate::session::{CommandFacts, Event, EventKind, Facts, Form, LineFacts, Notice, Params, Value};
use crate::syntax::framing::Ending;

macro_rules! rules {
    ($($variant:ident $name:literal $severity:ident $file:literal;)+) => {
        /// A rule of the contract.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Rule {
            $(
                #[doc = concat!("`", $name, "`")]
                $variant,
            )+
        }

        impl Rule {
            /// All rules, in the order of the contract.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The rule's name: `param-range`.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// How bad it is to break it.
            pub const fn severity(self) -> Severity {
                match self { $(Self::$variant => Severity::$severity,)+ }
            }

            const fn source(self) -> &'static str {
                match self { $(Self::$variant => include_str!($file),)+ }
            }
        }
    };
}

rules! {
    MalformedCommand "malformed-command" Error "malformed_command.rs";
    UnknownCommand "unknown-command" Warning "unknown_command.rs";
    UnsupportedForm "unsupported-form" Error "unsupported_form.rs";
    ModelUnsupported "model-unsupported" Error "model_unsupported.rs";
    ParamMissing "param-missing" Error "param_missing.rs";
    ParamExtra "param-extra" Error "param_extra.rs";
    ParamType "param-type" Error "param_type.rs";
    ParamRange "param-range" Error "param_range.rs";
    ParamLength "param-length" Error "param_length.rs";
    ParamConflict "param-conflict" Error "param_conflict.rs";
    WrongState "wrong-state" Error "wrong_state.rs";
    PayloadBeforePrompt "payload-before-prompt" Error "payload_before_prompt.rs";
    CommandOverlap "command-overlap" Error "command_overlap.rs";
    MissingFinal "missing-final" Error "missing_final.rs";
    LateFinal "late-final" Error "late_final.rs";
    UnexpectedFinal "unexpected-final" Error "unexpected_final.rs";
    UnexpectedResponse "unexpected-response" Error "unexpected_response.rs";
    ResponseShape "response-shape" Error "response_shape.rs";
    PayloadLength "payload-length" Error "payload_length.rs";
    UnknownUrc "unknown-urc" Warning "unknown_urc.rs";
    UndocumentedCode "undocumented-code" Warning "undocumented_code.rs";
    EchoMismatch "echo-mismatch" Warning "echo_mismatch.rs";
    ModuleReset "module-reset" Warning "module_reset.rs";
    LineEnding "line-ending" Info "line_ending.rs";
    UartFraming "uart-framing" Error "uart.rs";
    UartParity "uart-parity" Error "uart.rs";
    UartBreak "uart-break" Info "uart.rs";
    Resync "resync" Warning "resync.rs";
    CaptureDamaged "capture-damaged" Error "capture_damaged.rs";
}

impl Rule {
    /// The rule of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|rule| rule.name() == name)
    }

    /// Whether it speaks of what host and module said in turn: a recording of two separate files does not show that.
    pub(super) const fn needs_order(self) -> bool {
        matches!(
            self,
            Self::CommandOverlap
                | Self::EchoMismatch
                | Self::LateFinal
                | Self::MissingFinal
                | Self::ModuleReset
                | Self::PayloadBeforePrompt
                | Self::ResponseShape
                | Self::UnexpectedFinal
                | Self::UnexpectedResponse
                | Self::WrongState
        )
    }

    /// What it means, why it matters, an example and the way out: the head of the rule's file, as Markdown.
    pub fn explanation(self) -> String {
        let lines = self.source().lines().map_while(|line| line.strip_prefix("//!"));
        let text: Vec<&str> = lines.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
        text.join("\n")
    }
}

/// Where findings go.
type Report<'r> = &'r mut dyn FnMut(Finding);

/// The event that a finding is about.
struct About<'a> {
    event: &'a Event<'a>,
}

/// A finding in the making.
struct Draft(Finding);

impl About<'_> {
    fn finding(&self, rule: Rule, message: String) -> Draft {
        let Event { seq, time, exchange, .. } = *self.event;
        Draft(Finding { rule, seq: Some(seq), time, exchange, message, cite: None, span: None, related: None })
    }

    /// The page that says so.
    fn cite(&self, facts: &Facts<'_>) -> Option<String> {
        if let Some(CommandFacts { command: Some(command), form, .. }) = facts.command {
            return cite_command(facts.catalog, command, form);
        }
        let line = facts.line.as_ref()?.line?;
        facts.catalog.cite(line.source, &line.section)
    }
}

impl Draft {
    /// The bytes within the event that it is about.
    fn at(mut self, span: std::ops::Range<usize>) -> Self {
        self.0.span = Some(span);
        self
    }

    fn cite(mut self, cite: Option<String>) -> Self {
        self.0.cite = cite;
        self
    }
}

fn cite_command(catalog: &Catalog, command: u32, form: Form) -> Option<String> {
    let command = catalog.commands.get(command as usize)?;
    let section = command.form(form).and_then(|spec| spec.section.as_ref()).unwrap_or(&command.section);
    catalog.cite(command.source, section)
}

/// A notice's place.
struct Note<'a> {
    seq: u64,
    time: Option<Time>,
    exchange: Option<u64>,
    command: Option<(u32, Form)>,
    catalog: &'a Catalog,
}

impl Note<'_> {
    fn finding(&self, rule: Rule, message: String) -> Finding {
        let cite = self.command.and_then(|(command, form)| cite_command(self.catalog, command, form));
        let (seq, time, exchange) = (Some(self.seq), self.time, self.exchange);
        Finding { rule, seq, time, exchange, message, cite, span: None, related: None }
    }
}

/// Holds an event against the rules. `endings`: whether other line ends were told, by sender.
#[inline]
pub(super) fn event(event: &Event<'_>, facts: &Facts<'_>, endings: &mut [bool; 2], report: Report<'_>) {
    if let Some(ending) = facts.ending.filter(|ending| *ending != Ending::CrLf)
        && let Some(told) = endings.get_mut(event.from.index()).filter(|told| !**told && !facts.cut)
    {
        *told = true;
        line_ending::check(&About { event }, ending, report);
    }
    if facts.cut {
        return;
    }
    if let Some(known) = &facts.command {
        command(event, facts, known, report);
    } else if let Some(known) = &facts.line {
        line(event, facts, known, report);
    }
}

fn command(event: &Event<'_>, facts: &Facts<'_>, known: &CommandFacts<'_>, report: Report<'_>) {
    let EventKind::Command { name, form, params } = &event.kind else { return };
    let (about, catalog) = (About { event }, facts.catalog);
    let args = event.bytes.get(known.args.clone()).unwrap_or_default();
    let malformed = malformed_command::check(&about, facts, args, known.args.start, report);
    let Some(command) = known.command.and_then(|at| catalog.commands.get(at as usize)) else {
        unknown_command::check(&about, facts, *name, report);
        return;
    };
    if model_unsupported::check(&about, facts, command, *form, report) {
        return;
    }
    let Some(spec) = known.spec else {
        unsupported_form::check(&about, facts, command, *form, report);
        return;
    };
    if !command.always {
        wrong_state::check(&about, facts, catalog.needs.as_ref(), Some(&command.name), *params, report);
    }
    if spec.needs.is_some() {
        wrong_state::check(&about, facts, spec.needs.as_ref(), Some(&command.name), *params, report);
    }
    if malformed {
        return;
    }
    let Some((syntax, shape)) = known.choice.and_then(|(syntax, shape)| {
        let syntax = spec.syntax.get(syntax)?;
        Some((syntax, syntax.shapes.get(shape)?))
    }) else {
        if !args.trim_ascii().is_empty() {
            param_extra::check(&about, facts, params.len().max(1), 0, known.args.clone(), report);
        }
        return;
    };
    wrong_state::check(&about, facts, syntax.when.as_ref(), None, *params, report);
    parameters(&about, facts, (spec, shape), *params, known.given, report);
}

fn parameters(
    about: &About<'_>,
    facts: &Facts<'_>,
    (spec, shape): (&crate::catalog::FormSpec, &crate::catalog::Shape),
    params: Params<'_>,
    given: usize,
    report: Report<'_>,
) {
    let most = shape.fields.len();
    let mut sound = true;
    let mut seen = |finding: Finding| {
        sound = false;
        report(finding);
    };
    param_missing::check(about, facts, shape, params, given, &mut seen);
    if given > most && !shape.repeat && !shape.rest {
        let extra = given - most;
        let first = params.at(params.len().saturating_sub(extra)).map_or(0, |param| param.range().start);
        let last = params.at(params.len().saturating_sub(1)).map_or(first, |param| param.range().end);
        param_extra::check(about, facts, given, most, first..last, &mut seen);
    }
    for param in params.iter() {
        let Some(own) = facts.catalog.spec_for(param.slot.spec, facts.model) else { continue };
        match param.value() {
            Value::Omitted => continue,
            _ if model_unsupported::param(about, facts, param, own, &mut seen) => continue,
            Value::Broken => {
                param_type::check(about, facts, param, own, &mut seen);
                continue;
            }
            _ => {}
        }
        let at = shape.fields.iter().position(|field| field.param == Some(param.slot.spec)).unwrap_or_default();
        let fixed = shape.fields.get(at).and_then(|field| field.fixed.as_deref());
        if let Some(fixed) = fixed {
            let text = match param.value() {
                Value::Text(text) => text.bytes().into_owned(),
                _ => param.raw().to_vec(),
            };
            if !text.eq_ignore_ascii_case(fixed.as_bytes()) {
                let mut shapes = spec.syntax.iter().flat_map(|syntax| &syntax.shapes);
                param_range::fixed(about, facts, param, at, &mut shapes, &mut seen);
                return;
            }
        }
        param_range::check(about, facts, param, own, &mut seen);
        param_length::check(about, facts, param, own, &mut seen);
    }
    if sound && !spec.relations.is_empty() {
        param_conflict::check(about, facts, spec, params, report);
    }
}

#[inline]
fn line(event: &Event<'_>, facts: &Facts<'_>, known: &LineFacts<'_>, report: Report<'_>) {
    let about = About { event };
    match &event.kind {
        EventKind::Response { name, params } => {
            if event.exchange.is_none() && known.host_seen {
                unexpected_response::check(&about, facts, *name, report);
            }
            if let Some(line) = known.line {
                shape(&about, facts, known, line, *params, report);
            }
        }
        EventKind::Urc { name, params } => match known.line {
            Some(line) => shape(&about, facts, known, line, *params, report),
            None if known.host_seen => unknown_urc::check(&about, &facts.catalog.name, *name, report),
            None => {}
        },
        EventKind::Progress { params, .. } => {
            if let Some(line) = known.line {
                shape(&about, facts, known, line, *params, report);
            }
        }
        EventKind::Final { code: Some(code), .. } => undocumented_code::check(&about, facts, *code, report),
        _ => {}
    }
}

#[inline]
fn shape(
    about: &About<'_>,
    facts: &Facts<'_>,
    known: &LineFacts<'_>,
    line: &crate::catalog::Line,
    params: Params<'_>,
    report: Report<'_>,
) {
    response_shape::check(about, facts, line, known.misfit, params, report);
    for param in params.iter() {
        undocumented_code::check(about, facts, param, report);
    }
}

/// The finding for what the decoder noticed.
pub(super) fn notice(notice: Notice, time: Option<Time>, catalog: &Catalog) -> Finding {
    let note = |seq: u64, time: Option<Time>, exchange: Option<u64>, command: Option<(u32, Form)>| Note {
        seq,
        time,
        exchange,
        command,
        catalog,
    };
    match notice {
        Notice::EchoMismatch { seq, exchange, sent, came } => {
            echo_mismatch::finding(&note(seq, time, Some(exchange), None), &sent, &came)
        }
        Notice::LateFinal { seq, exchange, time, latency, limit, command, of } => {
            late_final::finding(&note(seq, time, Some(exchange), command), latency, limit, of)
        }
        Notice::MissingFinal { seq, exchange, time, limit, command, because } => {
            missing_final::finding(&note(seq, time, Some(exchange), command), limit, because)
        }
        Notice::Overlap { seq, exchange, before, before_seq } => {
            command_overlap::finding(&note(seq, time, Some(exchange), None), before, before_seq)
        }
        Notice::PayloadBeforePrompt { seq, exchange, refused, command } => {
            payload_before_prompt::finding(&note(seq, time, exchange, command), refused)
        }
        Notice::PayloadLength { seq, exchange, from, declared, actual, more } => {
            payload_length::finding(&note(seq, time, exchange, None), from, declared, actual, more)
        }
        Notice::Reset { seq, open } => module_reset::finding(&note(seq, time, None, None), open),
        Notice::Resync { seq, lost, declared, how } => {
            resync::finding(&note(seq, time, None, None), lost, declared, how)
        }
        Notice::UnexpectedFinal { seq, exchange, result, command } => {
            unexpected_final::finding(&note(seq, time, exchange, command), &result, exchange.is_some())
        }
    }
}
