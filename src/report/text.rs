//! Text for people: one line an event in columns that align, findings under the line they are about.
//!
//! ```text
//! 0.000000            >    #0  command      AT+CWMODE=  mode=1 (station)
//! 0.013000   +500µs   <    #0  final        OK  after 13.0 ms
//! ```
//!
//! Time, step since the last event shown, direction (`>` host, `<` module), exchange, kind, meaning. A line that gets
//! too long goes on below its meaning.

use std::borrow::Cow;

use super::block::{self, Place};
use super::payload;
pub use super::payload::Shape;
use super::pen::{Ink, Pen, Style, arrow};
use super::places::Places;
use super::ring::Ring;
use super::units::width;
use super::{Totals, duration, json};
use crate::capture;
use crate::check::{Finding, Severity};
use crate::session::{Event, EventKind, Form, Name, Param, Params, Value};
use crate::{Sender, Time};

/// Parameters of one event that are shown.
const MOST_PARAMS: usize = 64;

/// Findings that wait for their event.
const MOST_WAITING: usize = 64;

/// How sessions are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Colours and width.
    pub style: Style,
    /// Payload as text or hex.
    pub shape: Shape,
    /// Most bytes of a payload or value that are shown.
    pub limit: usize,
    /// Findings under the lines of their events; false: findings alone, each with the lines that show it.
    pub inline: bool,
}

/// Writes one session.
#[derive(Clone, Debug)]
pub struct Text {
    options: Options,
    file: String,
    session: Option<u32>,
    ring: Ring,
    places: Places,
    last_time: Option<Time>,
    last_shown: Option<u64>,
    newest: Option<u64>,
    waiting: Vec<(Finding, Severity)>,
    clock: Option<bool>,
    /// A blank line is due ahead of what comes next.
    gap: bool,
    /// Where numbers are written.
    scratch: Vec<u8>,
}

impl Text {
    /// For a session of that file; its number where the capture has several.
    pub fn new(file: &str, session: Option<u32>, options: Options) -> Self {
        Self {
            options,
            file: file.to_owned(),
            session,
            ring: Ring::default(),
            places: Places::default(),
            last_time: None,
            last_shown: None,
            newest: None,
            waiting: Vec::new(),
            clock: None,
            gap: false,
            scratch: Vec::new(),
        }
    }

    /// Something else stands ahead of it: what comes first is set off by a blank line.
    pub fn set_off(&mut self) {
        self.gap = true;
    }

    /// From here on the capture has several sessions, and this is the one with that number.
    pub fn set_session(&mut self, session: u32) {
        self.session = Some(session);
    }

    /// Notes where the next bytes of a sender stand in the file; to be called ahead of their events.
    pub fn chunk(&mut self, from: Sender, len: usize, place: Option<&capture::Place<'_>>) {
        self.places.chunk(from, len, place);
    }

    /// Writes an event; `shown` false only remembers it for findings.
    pub fn event(&mut self, out: &mut Vec<u8>, event: &Event<'_>, shown: bool) {
        self.ring.push(event);
        self.newest = Some(event.seq);
        if shown && self.options.inline {
            self.line(out, event);
        }
        if !self.waiting.is_empty() {
            for (finding, severity) in std::mem::take(&mut self.waiting) {
                if shown || finding.seq != Some(event.seq) {
                    self.finding(out, &finding, severity);
                }
            }
        }
    }

    /// Writes a finding, or keeps it until its event is there.
    pub fn finding(&mut self, out: &mut Vec<u8>, finding: &Finding, severity: Severity) {
        if finding.seq > self.newest && self.waiting.len() < MOST_WAITING {
            self.waiting.push((finding.clone(), severity));
            return;
        }
        let under = self.options.inline && finding.seq.is_some() && finding.seq == self.last_shown;
        let place = Place { file: &self.file, session: self.session, ring: &self.ring, places: &self.places };
        if std::mem::take(&mut self.gap) && !self.options.inline {
            out.push(b'\n');
        }
        let mut pen = Pen::new(out, self.options.style);
        match (self.options.inline, under) {
            (true, true) => block::under(&mut pen, &place, finding, severity, self.margin()),
            (true, false) => block::late(&mut pen, &place, finding, severity, self.margin()),
            (false, _) => block::full(&mut pen, &place, finding, severity),
        }
    }

    /// Writes what waits, and the line with the totals.
    pub fn finish(&mut self, out: &mut Vec<u8>, totals: &Totals) {
        self.newest = Some(u64::MAX);
        for (finding, severity) in std::mem::take(&mut self.waiting) {
            self.finding(out, &finding, severity);
        }
        if self.options.inline && self.last_shown.is_some() {
            out.push(b'\n');
        }
        totals_line(out, &self.file, self.session, totals, self.options.style);
    }

    fn line(&mut self, out: &mut Vec<u8>, event: &Event<'_>) {
        let mut pen = Pen::new(out, self.options.style);
        if let Some(session) = self.session {
            pen.print(Ink::Dim, format_args!("[{session}] "));
        }
        let mut start = pen.column;
        if *self.clock.get_or_insert(event.time.is_some()) {
            times(&mut pen, &mut self.scratch, event.time, self.last_time, start);
            start += TIMES;
        }
        pen.to(start);
        pen.ascii(event.from.into(), arrow(event.from).as_bytes());
        pen.blanks(1);
        if let Some(exchange) = event.exchange {
            let text = emptied(&mut self.scratch);
            text.push(b'#');
            json::unsigned(text, exchange);
            pen.ascii_right(Ink::Dim, start + EXCHANGE_WIDTH, text);
        }
        pen.to(start + EXCHANGE_WIDTH);
        pen.blanks(2);
        pen.ascii(kind_ink(&event.kind), event.kind.as_str().as_bytes());
        pen.to(start + EXCHANGE_WIDTH + 2 + KIND_WIDTH);
        pen.indent = pen.column;
        meaning(&mut pen, &mut self.scratch, event, &self.options);
        pen.end();
        self.last_shown = Some(event.seq);
        self.last_time = event.time.or(self.last_time);
    }

    /// Column of the kind: where findings stand.
    fn margin(&self) -> usize {
        let session = self.session.map_or(0, |session| session.checked_ilog10().unwrap_or(0) as usize + 4);
        let clock = if self.clock == Some(true) { TIMES } else { 0 };
        session + clock + EXCHANGE_WIDTH + 2
    }
}

const TIME_WIDTH: usize = 12;
const STEP_WIDTH: usize = 9;
/// Columns of time and step with the gap behind them.
const TIMES: usize = TIME_WIDTH + 1 + STEP_WIDTH + 2;
/// Columns of direction and exchange.
const EXCHANGE_WIDTH: usize = 7;
const KIND_WIDTH: usize = 12;

fn emptied(scratch: &mut Vec<u8>) -> &mut Vec<u8> {
    scratch.clear();
    scratch
}

/// The time, and the step since the last one.
fn times(pen: &mut Pen<'_>, scratch: &mut Vec<u8>, time: Option<Time>, last: Option<Time>, start: usize) {
    let Some(time) = time else { return };
    let text = emptied(scratch);
    json::micros(text, time);
    pen.ascii_right(Ink::Plain, start + TIME_WIDTH, text);
    if let Some(last) = last.filter(|&last| last != time) {
        let (sign, step) = if time >= last { (b'+', time.since(last)) } else { (b'-', last.since(time)) };
        let text = emptied(scratch);
        text.push(sign);
        duration::tight(text, step.as_nanos());
        pen.right(Ink::Dim, start + TIME_WIDTH + 1 + STEP_WIDTH, text);
    }
}

fn kind_ink(kind: &EventKind<'_>) -> Ink {
    match kind {
        EventKind::Boot { .. } | EventKind::Noise => Ink::Doubtful,
        EventKind::Echo | EventKind::Prompt { .. } | EventKind::Progress { .. } => Ink::Dim,
        EventKind::Command { .. } => Ink::Host,
        EventKind::Urc { .. } => Ink::Module,
        _ => Ink::Plain,
    }
}

fn meaning(pen: &mut Pen<'_>, scratch: &mut Vec<u8>, event: &Event<'_>, options: &Options) {
    match &event.kind {
        EventKind::Command { name, form, params } => {
            // `A/` repeats a line and is none itself.
            if *name != "A/" {
                pen.ascii(Ink::Bold, b"AT");
            }
            self::name(pen, *name);
            pen.ascii(Ink::Bold, suffix(*form).as_bytes());
            self::params(pen, *params, options.limit);
        }
        EventKind::Boot { name, params }
        | EventKind::Progress { name, params }
        | EventKind::Response { name, params }
        | EventKind::Urc { name, params } => {
            self::name(pen, *name);
            self::params(pen, *params, options.limit);
        }
        EventKind::Prompt { name } => self::name(pen, *name),
        EventKind::Echo => text(pen, event.bytes.trim_ascii_end(), options.limit),
        EventKind::Final { result, code, latency } => {
            match result.as_bytes() {
                b"OK" => pen.ascii(Ink::Good, b"OK"),
                _ => {
                    let shown = result.to_text();
                    pen.wire(result_ink(&shown), shown.as_bytes());
                }
            }
            if let Some(code) = code {
                pen.blanks(2);
                value(pen, code, options.limit);
            }
            if let Some(latency) = latency {
                pen.blanks(2);
                let text = emptied(scratch);
                text.extend_from_slice(b"after ");
                duration::spaced(text, latency.as_nanos());
                pen.bytes(Ink::Dim, text);
            }
        }
        EventKind::Payload { of, declared, part } => {
            self::name(pen, *of);
            pen.blanks(2);
            bytes(pen, scratch, event.bytes.len(), declared.filter(|_| part.is_none()));
            if let Some(part) = part {
                pen.print(Ink::Dim, format_args!(", part {part}"));
                if let Some(declared) = declared {
                    pen.print(Ink::Dim, format_args!(" of {declared} bytes"));
                }
            }
            payload::write(pen, event.bytes, options.shape, options.limit);
        }
        EventKind::Noise | EventKind::Passthrough => {
            bytes(pen, scratch, event.bytes.len(), None);
            payload::write(pen, event.bytes, options.shape, options.limit);
        }
    }
}

const fn suffix(form: Form) -> &'static str {
    match form {
        Form::Execute => "",
        Form::Set => "=",
        Form::Read => "?",
        Form::Test => "=?",
    }
}

fn name(pen: &mut Pen<'_>, name: Name<'_>) {
    // Most names are upper case already, and need nothing of what makes others so.
    let bytes = name.as_bytes();
    if bytes.iter().all(|byte| byte.is_ascii() && !byte.is_ascii_lowercase()) {
        pen.wire(Ink::Bold, bytes);
    } else {
        pen.wire(Ink::Bold, name.to_text().as_bytes());
    }
}

/// `5 bytes`, `5 of 8 bytes`.
fn bytes(pen: &mut Pen<'_>, scratch: &mut Vec<u8>, count: usize, declared: Option<u64>) {
    match declared {
        Some(declared) if declared != count as u64 => {
            pen.print(Ink::Doubtful, format_args!("{count} of {declared} bytes"));
        }
        _ => {
            let text = emptied(scratch);
            json::unsigned(text, count as u64);
            text.extend_from_slice(if count == 1 { b" byte" } else { b" bytes" });
            pen.ascii(Ink::Dim, text);
        }
    }
}

fn result_ink(result: &str) -> Ink {
    let has = |word: &str| result.split(|c: char| !c.is_ascii_alphabetic()).any(|part| part == word);
    if has("ERROR") || has("FAIL") || has("ERR") {
        Ink::Bad
    } else if has("OK") || has("CONNECT") {
        Ink::Good
    } else {
        Ink::Doubtful
    }
}

/// Bytes up to a limit, with the count of what is left out.
fn text(pen: &mut Pen<'_>, bytes: &[u8], limit: usize) {
    let shown = bytes.get(..limit).unwrap_or(bytes);
    pen.wire(Ink::Plain, shown);
    payload::left_out(pen, bytes.len() - shown.len());
}

fn params(pen: &mut Pen<'_>, params: Params<'_>, limit: usize) {
    for (at, param) in params.iter().take(MOST_PARAMS).enumerate() {
        let label = label(&param);
        let raw = param.raw().trim_ascii_start();
        let label_width = label.as_deref().map_or(0, |label| width(label.as_bytes()) + 3);
        let name_width = width(param.name().as_bytes()) + 1;
        let value_width = if raw.len() > limit { limit } else { width(raw) };
        let room = name_width + value_width + label_width + 2;
        if at > 0 {
            pen.ascii(Ink::Dim, b",");
        }
        if !pen.wrap_for(room) {
            pen.blanks(if at == 0 { 2 } else { 1 });
        }
        if !param.name().is_empty() {
            pen.wire(Ink::Dim, param.name().as_bytes());
            pen.ascii(Ink::Dim, b"=");
        }
        value_as(pen, &param, label.as_deref(), limit);
    }
    if params.len() > MOST_PARAMS {
        pen.print(Ink::Dim, format_args!(", … {} more parameters", params.len() - MOST_PARAMS));
    }
}

/// What the manual calls a value, unless the value says so itself.
fn label<'a>(param: &Param<'a>) -> Option<Cow<'a, str>> {
    let raw = param.raw().trim_ascii();
    let bare = raw.strip_prefix(b"\"").and_then(|raw| raw.strip_suffix(b"\"")).unwrap_or(raw);
    param.label().filter(|label| !label.as_bytes().eq_ignore_ascii_case(bare))
}

/// A parameter's bytes and what the manual calls them.
fn value(pen: &mut Pen<'_>, param: &Param<'_>, limit: usize) {
    value_as(pen, param, label(param).as_deref(), limit);
}

fn value_as(pen: &mut Pen<'_>, param: &Param<'_>, label: Option<&str>, limit: usize) {
    let raw = param.raw().trim_ascii_start();
    let shown = raw.get(..limit).unwrap_or(raw);
    pen.wire(if param.value() == Value::Broken { Ink::Bad } else { Ink::Plain }, shown);
    payload::left_out(pen, raw.len() - shown.len());
    if let Some(label) = label {
        pen.blanks(1);
        pen.ascii(Ink::Label, b"(");
        pen.wire(Ink::Label, label.as_bytes());
        pen.ascii(Ink::Label, b")");
    }
}

/// Appends the name of a recording, ahead of its events.
pub fn heading(out: &mut Vec<u8>, file: &str, style: Style) {
    let mut pen = Pen::new(out, style);
    pen.put(Ink::Dim, "== ");
    pen.wire(Ink::Bold, file.as_bytes());
    pen.end();
}

/// `boot.at: esp-at: 9 events, 3 exchanges; 1 error, 0 warnings, 0 infos`
pub(super) fn totals_line(out: &mut Vec<u8>, file: &str, session: Option<u32>, totals: &Totals, style: Style) {
    let mut pen = Pen::new(out, style);
    pen.wire(Ink::Bold, file.as_bytes());
    if let Some(session) = session {
        pen.print(Ink::Plain, format_args!(", session {session}"));
    }
    pen.print(Ink::Plain, format_args!(": {}", totals.dialect));
    for part in [totals.model.as_deref(), totals.profile.as_deref()].into_iter().flatten() {
        pen.print(Ink::Plain, format_args!(" {part}"));
    }
    let plural = |count: u64| if count == 1 { "" } else { "s" };
    let (events, exchanges) = (totals.events, totals.exchanges);
    pen.print(
        Ink::Plain,
        format_args!(": {events} event{}, {exchanges} exchange{}; ", plural(events), plural(exchanges)),
    );
    for (at, (severity, count)) in Severity::ALL.into_iter().zip(totals.findings).enumerate() {
        if at > 0 {
            pen.put(Ink::Plain, ", ");
        }
        let ink = if count == 0 { Ink::Plain } else { block::severity_ink(severity) };
        pen.print(ink, format_args!("{count} {severity}{}", plural(count)));
    }
    pen.end();
}
