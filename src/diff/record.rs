//! Reads one session into a list of exchanges: command, result, form and values of the answer, latency.
//!
//! Bounded: an exchange takes some thirty bytes, what it says is in the shared [`Pools`], and only the newest exchanges
//! are open. Knows no file; takes what the analyzer gives.

use std::collections::{BTreeMap, VecDeque};

use super::lines::{cut, escaped, line_form, push_escaped, shown_name, urc_name, with_values};
use super::pool::{OTHER, Pools};
use super::shape::{bare, class, kind};
use super::urc::Urcs;
use crate::check::{Finding, Rule, Severity};
use crate::session::{Event, EventKind, Form, Name, Param, Params};
use crate::{Sender, Time};

/// Exchanges that may still get something.
const MOST_OPEN: usize = 16;

/// Items of one answer.
const MOST_ITEMS: usize = 64;

/// Lines of one answer whose values are kept.
const MOST_LINES: usize = 64;

/// Kinds of findings that are told apart.
const MOST_FINDINGS: usize = 4096;

/// Lines of a firmware's identity.
const MOST_IDENTITY: usize = 8;

/// The place of what comes before the host has sent anything.
pub(super) const START: &str = "ahead of all commands";

/// What a byte takes at 9600 baud, in microseconds.
const SLOWEST_BYTE: u64 = 1042;

/// No latency.
pub(super) const NONE: u32 = u32::MAX;

/// The commands whose answers say which firmware this is.
const IDENTITY: [&str; 10] =
    ["AT+GMR", "ATI", "AT+CGMR", "AT+GMI", "AT+GMM", "AT+CGMM", "AT+CGMI", "AT+SIMCOMATI", "AT+CSUB", "AT+QGMR"];

/// Whether a command's answer says which firmware this is.
pub(super) fn is_identity(command: &str) -> bool {
    IDENTITY.contains(&command)
}

/// One exchange.
#[derive(Clone, Copy, Debug)]
pub(super) struct Exchange {
    pub(super) key: u32,
    pub(super) result: u32,
    pub(super) answer: u32,
    pub(super) values: u32,
    /// Of the first and the second result, in microseconds; [`NONE`] where there is none.
    pub(super) latency: [u32; 2],
    /// The line of its command in the file, or its number where the file has no lines.
    pub(super) at: u32,
}

/// What was found of one rule at one command.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    pub(super) severity: Option<Severity>,
    pub(super) count: u32,
    pub(super) at: u32,
    pub(super) example: String,
    pub(super) cite: Option<String>,
}

/// One session.
#[derive(Debug, Default)]
pub struct Recording {
    /// What it is called.
    pub name: String,
    /// The dialect that it was held against.
    pub dialect: String,
    /// What the firmware says of itself.
    pub identity: Vec<String>,
    /// Places are lines of the file.
    pub(super) has_lines: bool,
    /// The module said something ahead of the first command: the recording shows how the session began.
    pub(super) has_start: bool,
    /// The module says anything at all.
    has_module: bool,
    /// The host's lines are known only as the module repeats them.
    pub(super) echoes: bool,
    pub(super) exchanges: Vec<Exchange>,
    pub(super) urcs: Urcs,
    /// By rule, command and message, numbers left out.
    pub(super) findings: BTreeMap<(String, String, String), Found>,
}

impl Recording {
    /// Whether nobody says anything in it.
    pub fn is_empty(&self) -> bool {
        self.exchanges.is_empty() && !self.has_module
    }

    /// The sender that it has nothing of, if there is one.
    pub fn silent(&self) -> Option<Sender> {
        match (self.exchanges.is_empty(), self.has_module) {
            (true, true) => Some(Sender::Host),
            (false, false) => Some(Sender::Module),
            _ => None,
        }
    }

    /// How many exchanges it has.
    pub fn exchanges(&self) -> usize {
        self.exchanges.len()
    }
}

/// Kind, name and form of something in an answer.
type Item = (&'static str, String, String);

/// An exchange that may still get something.
#[derive(Debug, Default)]
struct Open {
    number: u64,
    key: u32,
    at: u32,
    /// Its command: name and form.
    name: String,
    is_test: bool,
    is_identity: bool,
    /// More is to come behind its result.
    awaits: bool,
    items: Vec<Item>,
    values: String,
    lines: usize,
    results: String,
    latency: [u32; 2],
    finals: usize,
    /// When the answer began, and how many bytes of it came ahead of the result.
    began: Option<Time>,
    bytes: u64,
}

/// Takes a session's events and findings.
#[derive(Debug, Default)]
pub struct Recorder {
    recording: Recording,
    open: VecDeque<Open>,
    spare: Vec<Open>,
    /// The exchange whose item the module sent last.
    last: Option<u64>,
    /// What the module sent last belongs to no exchange.
    between: bool,
    newest: Option<u64>,
    key: String,
    form: String,
    scratch: Vec<u8>,
}

impl Recorder {
    /// For a session of that name.
    pub fn new(name: String) -> Self {
        Self { recording: Recording { name, ..Recording::default() }, ..Self::default() }
    }

    /// The host's lines are known only as the module repeats them.
    #[must_use]
    pub fn of_echoes(mut self, echoes: bool) -> Self {
        self.recording.echoes = echoes;
        self
    }

    /// Takes an event; `line` is that of the file where it starts.
    pub fn event(&mut self, pools: &mut Pools, event: &Event<'_>, line: Option<u64>) {
        // What answers no open command comes behind the newest one's result.
        let is_late = event.exchange.is_none() && matches!(event.kind, EventKind::Response { .. });
        let late;
        let event = if is_late {
            late = Event { exchange: self.newest, ..event.clone() };
            &late
        } else {
            event
        };
        self.begin(event);
        match &event.kind {
            EventKind::Command { name, form, params } => {
                self.command(pools, event, *name, *form, *params, line);
                return;
            }
            EventKind::Echo => {
                let shape = escaped(event.bytes, &mut self.scratch);
                let ends = shape.rfind(|c| !matches!(c, 'r' | 'n' | '\\')).map_or(0, |at| at + 1);
                let tail = shape.get(ends..).unwrap_or_default().to_owned();
                self.item(event.exchange, kind::ECHO, "", tail);
            }
            EventKind::Response { name, params } => self.line(event, kind::LINE, *name, *params),
            EventKind::Progress { name, params } => {
                // That the module was busy depends on when the host spoke.
                let catalog = params.catalog;
                let rejects = catalog
                    .line_index
                    .find(name.as_bytes())
                    .iter()
                    .any(|&at| catalog.lines.get(at as usize).is_some_and(|line| line.rejects));
                if !rejects {
                    self.line(event, kind::PROGRESS, *name, *params);
                }
            }
            EventKind::Final { result, code, latency } => {
                let micros = latency.map(|latency| latency.as_nanos() / 1000);
                let micros = micros.map_or(NONE, |micros| u32::try_from(micros).unwrap_or(NONE - 1));
                self.result(event, *result, code.as_ref(), micros);
            }
            EventKind::Prompt { name } => {
                let form = escaped(event.bytes, &mut self.scratch);
                self.item(event.exchange, kind::PROMPT, &name.to_text(), form);
            }
            EventKind::Payload { of, declared, part } => {
                if part.is_none_or(|part| part == 0) {
                    self.payload(event, *of, *declared);
                }
            }
            EventKind::Urc { name, params } | EventKind::Boot { name, params } => {
                let is_boot = matches!(event.kind, EventKind::Boot { .. });
                self.urc(event, is_boot, *name, *params, line);
            }
            EventKind::Noise | EventKind::Passthrough => {}
        }
        if event.from == Sender::Module {
            self.recording.has_module = true;
            self.between = matches!(event.kind, EventKind::Urc { .. } | EventKind::Boot { .. } | EventKind::Noise)
                || event.exchange.is_none();
            if self.between {
                self.loosen();
            }
            self.last = event.exchange.filter(|_| !self.between);
        }
    }

    /// Takes a finding; `line` is that of the file where it is.
    pub fn finding(&mut self, finding: &Finding, severity: Severity, line: Option<u64>) {
        // An answer that no open command asked for comes behind the newest one's result, as its event does.
        let is_late = finding.rule == Rule::UnexpectedResponse;
        let exchange = finding.exchange.or(self.newest.filter(|_| is_late));
        let subject = exchange.and_then(|number| self.find(number)).map(|open| open.name.clone());
        let key = (finding.rule.name().to_owned(), subject.unwrap_or_default(), masked(&finding.message));
        let findings = &mut self.recording.findings;
        if findings.len() >= MOST_FINDINGS && !findings.contains_key(&key) {
            return;
        }
        let found = findings.entry(key).or_default();
        if found.count == 0 {
            found.at = place(line, finding.seq.unwrap_or(0));
            found.example.clone_from(&finding.message);
            found.cite.clone_from(&finding.cite);
        }
        found.severity = Some(severity);
        found.count = found.count.saturating_add(1);
    }

    /// The session ends.
    pub fn finish(mut self, pools: &mut Pools, dialect: &str) -> Recording {
        while let Some(open) = self.open.pop_front() {
            let is_last = self.newest == Some(open.number);
            self.close(pools, open, is_last);
        }
        dialect.clone_into(&mut self.recording.dialect);
        if !self.recording.has_module {
            // One side of the line: what the module said to it nobody knows.
            let nothing = pools.results.number("");
            for exchange in &mut self.recording.exchanges {
                (exchange.result, exchange.answer, exchange.values) = (nothing, OTHER, OTHER);
            }
        }
        self.recording
    }

    fn command(
        &mut self,
        pools: &mut Pools,
        event: &Event<'_>,
        name: Name<'_>,
        form: Form,
        params: Params<'_>,
        line: Option<u64>,
    ) {
        // What comes behind a command is of it.
        (self.between, self.last) = (false, None);
        let Some(number) = event.exchange else { return };
        self.recording.has_lines |= line.is_some();
        while self.open.len() >= MOST_OPEN {
            if let Some(open) = self.open.pop_front() {
                self.close(pools, open, false);
            }
        }
        let mut open = self.spare.pop().unwrap_or_default();
        open.clear();
        open.number = number;
        open.at = place(line, event.seq);
        open.is_test = form == Form::Test;
        self.key.clear();
        // `A/` repeats a line and is none itself.
        if name != "A/" {
            self.key.push_str("AT");
        }
        self.key.push_str(&name.to_text());
        self.key.push_str(match form {
            Form::Execute => "",
            Form::Set => "=",
            Form::Read => "?",
            Form::Test => "=?",
        });
        if form != Form::Execute {
            open.name.push_str(&self.key);
        }
        for (at, param) in params.iter().enumerate() {
            if at > 0 {
                self.key.push(',');
            }
            match param.spec() {
                Some(spec) if spec.volatile => {
                    self.key.push('<');
                    self.key.push_str(&spec.name);
                    self.key.push('>');
                }
                _ => push_escaped(&mut self.key, cut(param.raw().trim_ascii()), &mut self.scratch),
            }
        }
        if form == Form::Execute {
            open.name.push_str(&self.key);
        }
        open.is_identity = is_identity(&open.name);
        let spec = params.catalog.command(name.as_bytes()).and_then(|command| command.form(form));
        open.awaits = spec.is_some_and(|spec| !spec.later.is_empty() || !spec.after.is_empty());
        open.key = pools.key(&self.key, &open.name);
        self.newest = Some(number);
        self.open.push_back(open);
    }

    /// An item of an exchange that is open.
    fn item(&mut self, exchange: Option<u64>, kind: &'static str, name: &str, mut form: String) {
        let between = self.between;
        let Some(open) = self.find_mut(exchange) else { return };
        if between && !matches!(kind, kind::ECHO | kind::LATER) {
            let lead = form.len() - form.trim_start_matches("\\r\\n").trim_start_matches("\\n").len();
            form.replace_range(..lead, "*");
        }
        // Lines of one name that follow one another are one item, each of its forms once.
        let run = open.items.iter().rev().take_while(|item| item.0 == kind && item.1 == name);
        let is_known = run.clone().any(|item| item.2 == form);
        if !is_known && open.items.len() < MOST_ITEMS && (kind != kind::LINE || run.count() < 8) {
            open.items.push((kind, name.to_owned(), form));
        }
    }

    /// What comes now is of no exchange: the blank lines behind the last item may be, too.
    fn loosen(&mut self) {
        let last = self.last.take();
        if let Some((_, _, form)) = self.find_mut(last).and_then(|open| open.items.last_mut())
            && !form.ends_with('*')
        {
            let kept = form.trim_end_matches("\\n").trim_end_matches("\\r").len();
            form.truncate(kept);
            form.push('*');
        }
    }

    fn line(&mut self, event: &Event<'_>, kind: &'static str, name: Name<'_>, params: Params<'_>) {
        let Some(at) = self.position(event.exchange) else { return };
        let is_test = self.open.get(at).is_some_and(|open| open.is_test);
        let mut form = std::mem::take(&mut self.form);
        form.clear();
        let Some(open) = self.open.get_mut(at) else { return };
        let shown = shown_name(event.bytes, name, params);
        let keeps = open.lines < MOST_LINES && !open.is_identity;
        open.lines += 1;
        let mut unused = String::new();
        let values = if keeps { &mut open.values } else { &mut unused };
        if !values.is_empty() {
            values.push('\n');
        }
        values.push_str(&shown);
        line_form(event.bytes, name, params, is_test, &mut form, values, &mut self.scratch);
        if open.is_identity && self.recording.identity.len() < MOST_IDENTITY {
            let text = escaped(event.bytes.trim_ascii(), &mut self.scratch);
            let text: String = text.chars().take(120).collect();
            if !self.recording.identity.contains(&text) {
                self.recording.identity.push(text);
            }
        }
        self.item(event.exchange, kind, &shown, form.clone());
        self.form = form;
    }

    fn result(&mut self, event: &Event<'_>, result: Name<'_>, code: Option<&Param<'_>>, micros: u32) {
        let result = result.to_text();
        let mut form = String::new();
        match code {
            Some(code) => {
                let class = class(code.raw().trim_ascii());
                with_values(event.bytes, [(code.range(), class, "")].into_iter(), &mut form, &mut self.scratch);
            }
            None => push_escaped(&mut form, event.bytes, &mut self.scratch),
        }
        let Some(at) = self.position(event.exchange) else { return };
        let Some(open) = self.open.get_mut(at) else { return };
        if !open.results.is_empty() {
            open.results.push_str(", ");
        }
        if open.finals < 4 {
            open.results.push_str(&result);
            if let Some(code) = code {
                open.results.push_str(": ");
                push_escaped(&mut open.results, cut(code.raw().trim_ascii()), &mut self.scratch);
            }
        }
        // What takes no longer than its bytes on a slow line is one answer: recorders differ in whether they time its end.
        let rest = match (open.began.filter(|_| open.finals == 0), event.time) {
            (Some(began), Some(now)) => now.as_nanos().saturating_sub(began.as_nanos()) / 1000,
            _ => 0,
        };
        let is_burst = micros != NONE && rest <= open.bytes * SLOWEST_BYTE;
        if let Some(slot) = open.latency.get_mut(open.finals) {
            *slot = if is_burst { micros.saturating_sub(u32::try_from(rest).unwrap_or(0)) } else { micros };
        }
        open.finals += 1;
        self.item(event.exchange, kind::FINAL, &result, form);
    }

    /// Notes when the module began to answer.
    fn begin(&mut self, event: &Event<'_>) {
        if event.from != Sender::Module || matches!(event.kind, EventKind::Echo) {
            return;
        }
        let Some(at) = self.position(event.exchange) else { return };
        if let Some(open) = self.open.get_mut(at).filter(|open| open.finals == 0) {
            open.began = open.began.or(event.time);
            if !matches!(event.kind, EventKind::Final { .. }) {
                open.bytes += event.bytes.len() as u64;
            }
        }
    }

    fn payload(&mut self, event: &Event<'_>, of: Name<'_>, declared: Option<u64>) {
        let Some(at) = self.position(event.exchange) else { return };
        let Some(open) = self.open.get_mut(at) else { return };
        let of = of.to_text().into_owned();
        let (kind, size) = match event.from {
            Sender::Host => (kind::SENT, None),
            Sender::Module => (kind::DATA, Some(declared.unwrap_or(event.bytes.len() as u64))),
        };
        if let Some(size) = size.filter(|_| open.lines < MOST_LINES) {
            open.lines += 1;
            if !open.values.is_empty() {
                open.values.push('\n');
            }
            open.values.push_str(&format!("data {of}\t{size}"));
        }
        self.item(event.exchange, kind, &of, String::new());
    }

    fn urc(&mut self, event: &Event<'_>, is_boot: bool, name: Name<'_>, params: Params<'_>, line: Option<u64>) {
        if let Some(at) = self.position(event.exchange) {
            self.later(at, event, name, params);
            return;
        }
        let shown = urc_name(event.bytes, name, params);
        let mut form = std::mem::take(&mut self.form);
        form.clear();
        let mut values = String::new();
        line_form(event.bytes, name, params, false, &mut form, &mut values, &mut self.scratch);
        let place = match self.open.back() {
            None => {
                self.recording.has_start = true;
                START.to_owned()
            }
            Some(open) if open.finals == 0 => format!("within {}", open.name),
            Some(open) => format!("after {}", open.name),
        };
        let at = self::place(line, event.seq);
        self.recording.urcs.push(&shown, is_boot, &form, &values, &place, at);
        self.form = form;
    }

    /// The delayed result of what a command's result only accepted is of its answer.
    fn later(&mut self, at: usize, event: &Event<'_>, name: Name<'_>, params: Params<'_>) {
        let Some(open) = self.open.get_mut(at).filter(|open| open.lines < MOST_LINES) else { return };
        open.lines += 1;
        let shown = shown_name(event.bytes, name, params).into_owned();
        if !open.values.is_empty() {
            open.values.push('\n');
        }
        open.values.push_str(&shown);
        let mut form = String::new();
        line_form(event.bytes, name, params, false, &mut form, &mut open.values, &mut self.scratch);
        // It comes between other things.
        let body = bare(&form);
        open.awaits = false;
        self.item(event.exchange, kind::LATER, &shown, format!("*{body}*"));
    }

    fn find(&self, number: u64) -> Option<&Open> {
        self.open.iter().rev().find(|open| open.number == number)
    }

    fn position(&self, number: Option<u64>) -> Option<usize> {
        let number = number?;
        self.open.iter().rposition(|open| open.number == number)
    }

    fn find_mut(&mut self, number: Option<u64>) -> Option<&mut Open> {
        let at = self.position(number)?;
        self.open.get_mut(at)
    }

    /// Nothing more comes for an exchange.
    fn close(&mut self, pools: &mut Pools, mut open: Open, is_last: bool) {
        self.scratch.clear();
        // Lines of a list in a fixed order of their forms: what stands in a list is not the firmware's.
        let head = |item: &Item| item.2.find('<').unwrap_or(item.2.len());
        let is_list = |a: &Item, b: &Item| a.0 == b.0 && a.1 == b.1 && a.2.get(..head(a)) == b.2.get(..head(b));
        for run in open.items.chunk_by_mut(is_list).filter(|run| run.first().is_some_and(|one| one.0 == kind::LINE)) {
            run.sort_unstable();
        }
        self.key.clear();
        for (at, (kind, name, form)) in open.items.iter().enumerate() {
            if at > 0 {
                self.key.push('\n');
            }
            for (part, gap) in [(*kind, "\t"), (name, "\t"), (form, "")] {
                self.key.push_str(part);
                self.key.push_str(gap);
            }
        }
        let result = match open.results.as_str() {
            // What the recording cuts off shows no result.
            "" if is_last => "",
            "" => "no result",
            results => results,
        };
        // What the recording cuts off shows no whole answer either.
        let is_whole = !is_last || !open.awaits;
        self.recording.exchanges.push(Exchange {
            key: open.key,
            result: pools.results.number(result),
            answer: if is_whole { pools.answers.number(&self.key) } else { OTHER },
            values: pools.values.number(&open.values),
            latency: open.latency,
            at: open.at,
        });
        if self.spare.len() < MOST_OPEN {
            open.clear();
            self.spare.push(open);
        }
    }
}

impl Open {
    fn clear(&mut self) {
        self.name.clear();
        self.items.clear();
        self.values.clear();
        self.results.clear();
        (self.lines, self.finals, self.latency) = (0, 0, [NONE; 2]);
        (self.began, self.bytes) = (None, 0);
    }
}

/// The line of the file, or else the event's number.
fn place(line: Option<u64>, seq: u64) -> u32 {
    u32::try_from(line.unwrap_or(seq)).unwrap_or(u32::MAX)
}

/// A message without its numbers: what is the same in every recording.
pub fn masked(message: &str) -> String {
    let mut text = String::new();
    for c in message.chars().take(300) {
        match c {
            '0'..='9' if text.ends_with('#') => {}
            '0'..='9' => text.push('#'),
            _ => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::Time;
    use crate::catalog::load_builtin;
    use crate::check::{Analyzer, Options, Sink};

    struct Tap<'p>(Recorder, &'p mut Pools);

    impl Sink for Tap<'_> {
        fn event(&mut self, event: &Event<'_>) {
            self.0.event(self.1, event, None);
        }

        fn finding(&mut self, finding: &Finding) {
            self.0.finding(finding, finding.rule.severity(), None);
        }
    }

    fn record(pools: &mut Pools, dialect: &str, chunks: &[(&str, &str)]) -> Recording {
        let mut analyzer = Analyzer::new(load_builtin(dialect).unwrap(), Options::default());
        let mut tap = Tap(Recorder::new("test".to_owned()), pools);
        for (at, (from, bytes)) in chunks.iter().enumerate() {
            let from = if *from == ">" { Sender::Host } else { Sender::Module };
            analyzer.push(from, Some(Time::from_millis(at as u64 * 10)), bytes.as_bytes(), &[], &mut tap);
        }
        analyzer.finish(&mut tap);
        let Tap(recorder, pools) = tap;
        recorder.finish(pools, dialect)
    }

    #[test]
    fn exchanges_are_told_without_their_values() {
        let mut pools = Pools::default();
        let recording = record(
            &mut pools,
            "simcom",
            &[
                (">", "AT+CREG?\r\n"),
                ("<", "AT+CREG?\r\r\n\r\n+CREG: 0,1\r\n\r\nOK\r\n"),
                (">", "AT+CSQ\r\n"),
                ("<", "\r\n+CSQ: 21,99\r\n\r\nOK\r\n"),
                (">", "AT+CREG=?\r\n"),
                ("<", "\r\n+CREG: (0-2)\r\n\r\nOK\r\n\r\nSMS DONE\r\n"),
                (">", "AT+CPIN?\r\n"),
                ("<", "\r\n+CME ERROR: 10\r\n"),
            ],
        );
        let text: Vec<_> = recording
            .exchanges
            .iter()
            .map(|e| {
                (
                    pools.keys.text(e.key),
                    pools.results.text(e.result),
                    pools.answers.text(e.answer),
                    pools.values.text(e.values),
                )
            })
            .collect();
        assert_eq!(
            text,
            [
                (
                    "AT+CREG?",
                    "OK",
                    "echo\t\t\\r\\r\\n\nline\t+CREG\t\\r\\n+CREG: <n:n>,<n:stat>\\r\\n\nfinal\tOK\t\\r\\nOK\\r\\n",
                    "+CREG\t0\t=1"
                ),
                (
                    "AT+CSQ",
                    "OK",
                    "line\t+CSQ\t\\r\\n+CSQ: <n:rssi>,<n:ber>\\r\\n\nfinal\tOK\t\\r\\nOK\\r\\n",
                    "+CSQ\t~\t~"
                ),
                ("AT+CREG=?", "OK", "line\t+CREG\t\\r\\n+CREG: <r>\\r\\n\nfinal\tOK\t\\r\\nOK*", "+CREG\t(0-2)"),
                ("AT+CPIN?", "+CME ERROR: 10", "final\t+CME ERROR\t\\r\\n+CME ERROR: <n>\\r\\n", ""),
            ]
        );
        assert_eq!(recording.exchanges.first().unwrap().latency.first(), Some(&10_000));
    }

    #[test]
    fn what_the_end_cuts_off_has_no_result() {
        let mut pools = Pools::default();
        let chunks = [(">", "AT\r\n"), ("<", "\r\nOK\r\n"), (">", "AT+CSQ\r\n"), (">", "AT+CSQ\r\n")];
        let recording = record(&mut pools, "simcom", &chunks);
        let results: Vec<_> = recording.exchanges.iter().map(|e| pools.results.text(e.result)).collect();
        assert_eq!(results, ["OK", "no result", ""]);
    }
}
