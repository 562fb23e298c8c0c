//! A conversation on paper: what host and module say, line by line, as the catalog prints it and this firmware frames it.
//!
//! No module runs here: whatever the manual lets a command answer can be written, success and failure, each response and each result. What
//! the decoder must make of it is noted beside it.

use fastrand::Rng;

use super::command::{Invocation, Values, is_absent};
use super::item::{Bag, Item};
use super::known::Known;
use super::plan::Step;
use super::{Generator, emit, values};
use crate::catalog::{
    Blank, Catalog, DataPhase, EchoEnd, FormSpec, Kind, Line, Output, ParamSpec, Part, Pattern, Role, Sends, Shape,
};
use crate::escape::escape;
use crate::session::Form;
use crate::{Sender, Time};

/// Bytes of one sender, in one go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// When the first of them goes out.
    pub time: Time,
    /// Who says them.
    pub from: Sender,
    /// What is said, line ends included.
    pub bytes: Vec<u8>,
    /// The kind of event that it is, as JSON lines write it; several, where a line has counted data.
    pub kind: &'static str,
}

/// An event that a decoder must find.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// Its kind, as JSON lines write it.
    pub kind: &'static str,
    /// Its name, or its result; empty where it has none.
    pub name: String,
    /// Its exchange, where it must belong to one.
    pub exchange: Option<u64>,
}

/// A conversation, and what it must be read as.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script {
    /// The dialect's name.
    pub dialect: String,
    /// The product, where it is one.
    pub model: Option<String>,
    /// What was said, in the order of time.
    pub records: Vec<Record>,
    /// The events in it, in the order of their ends.
    pub expected: Vec<Expected>,
    /// Commands so far.
    pub exchanges: u64,
}

impl Script {
    /// The conversation as a transcript. It starts at reset.
    pub fn to_transcript(&self) -> String {
        let mut out = format!("# dialect: {}\n", self.dialect);
        if let Some(model) = &self.model {
            out.push_str(&format!("# model: {model}\n"));
        }
        out.push_str("# start: boot\n");
        for record in &self.records {
            let sign = if record.from == Sender::Host { '>' } else { '<' };
            let micros = record.time.as_nanos() / 1000;
            let (secs, micros) = (micros / 1_000_000, micros % 1_000_000);
            out.push_str(&format!("@{secs}.{micros:06} {sign} {}\n", escape(&record.bytes)));
        }
        out
    }

    /// What the module says: the input of a driver's parser.
    pub fn module_bytes(&self) -> Vec<u8> {
        let said = self.records.iter().filter(|record| record.from == Sender::Module);
        said.flat_map(|record| record.bytes.iter().copied()).collect()
    }
}

/// What a command is answered with, by position in the catalog's lines, or in the form's results.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The information response.
    pub reply: Option<u32>,
    /// An information response behind the result.
    pub after: Option<u32>,
    /// The delayed result.
    pub later: Option<u32>,
    /// The result; the first means success. Of a command with a data phase: behind the data.
    pub result: usize,
    /// The command is refused before its data phase begins.
    pub refused: bool,
}

/// Writes a conversation.
#[derive(Debug)]
pub struct Writer<'g> {
    generator: &'g Generator,
    rng: &'g mut Rng,
    /// What is known of the module's state.
    pub known: Known,
    /// What was written.
    pub script: Script,
    output: Output,
    now: Time,
    quiet: bool,
    responded: bool,
}

/// Data that is hard to tell from results.
const LOOKALIKES: [&[u8]; 10] = [
    b"\r\nOK\r\n",
    b"\r\nERROR\r\n",
    b"OK",
    b"\r\nSEND OK\r\n",
    b"+IPD,0,5:hello",
    b"\r\n+HTTPREAD: 0\r\n",
    b"\r\n> ",
    b"0,CLOSED\r\n",
    b"\"unbalanced,",
    b"\0\xFF\x1A\x1B",
];

impl Generator {
    /// Values of a line that a catalog describes; those of `given` where they are valid here, too. `None`: the line cannot be printed with valid
    /// values.
    pub fn line_values(&self, at: u32, given: &Bag, how: Values, rng: &mut Rng) -> Option<Bag> {
        let line = self.catalog.lines.get(at as usize)?;
        let mut bag = Bag::new();
        let mut specs: Vec<(u32, Option<Item>)> = Vec::new();
        match &line.pattern {
            Pattern::Words => {}
            Pattern::Link { param } => specs.push((*param, None)),
            Pattern::Template { parts } => specs.extend(parts.iter().filter_map(|part| match part {
                Part::Param(param) => Some((*param, None)),
                Part::Literal(_) => None,
            })),
            Pattern::Fields { shapes } | Pattern::Free { shapes } => {
                let shape = pick(shapes, how, rng)?;
                let least = shape.min.min(shape.fields.len());
                let count = match how {
                    Values::Least => least,
                    Values::Edge => shape.fields.len(),
                    Values::Any => rng.usize(least..=shape.fields.len()),
                };
                let fields = shape.fields.iter().take(count.max(least)).filter_map(|field| {
                    let fixed =
                        field.fixed.as_ref().map(|text| text.parse().map_or_else(|_| Item::from(&**text), Item::Int));
                    Some((field.param?, fixed))
                });
                specs.extend(fields);
            }
        }
        specs.extend(line.below.map(|below| (below, None)));
        let counter = line.data.and_then(|counted| self.catalog.param(counted.by)).map(|spec| spec.name_id);
        for (param, fixed) in specs {
            let spec = self.catalog.spec_for(param, self.model)?;
            if Some(spec.name_id) == counter && fixed.is_none() || matches!(spec.kind, Kind::Data(_)) {
                continue;
            }
            let name = self.catalog.names.get(spec.name_id as usize)?.to_string();
            let own = given.get(&name).filter(|item| suits(&self.catalog, spec, item)).cloned();
            let lists = matches!(line.owner, Some((_, Form::Test))) && matches!(spec.kind, Kind::Any | Kind::List);
            let item = match fixed.or(own) {
                _ if lists => Item::Raw(b"(0-1)".to_vec()),
                Some(item) => item,
                None => self.line_value(spec, how, rng),
            };
            bag.set(name, item);
        }
        if line.data.is_some() {
            bag = bag.with_data(data(how, rng));
        }
        let mut bytes = Vec::new();
        emit::line(&self.catalog, line, &bag, &mut bytes)?;
        (!bytes.is_empty()).then_some(bag)
    }

    fn line_value(&self, spec: &ParamSpec, how: Values, rng: &mut Rng) -> Item {
        let item = match how {
            Values::Edge => {
                let edges = values::edges(spec).into_iter().filter(|item| item.text().len() <= 64);
                rng.choice(edges.collect::<Vec<_>>()).unwrap_or_else(|| values::valid(&self.catalog, spec, rng))
            }
            _ => values::valid(&self.catalog, spec, rng),
        };
        if is_absent(spec, &item) { values::usual(&self.catalog, spec) } else { item }
    }

    /// A line of the catalog (its position) with these values, without line ends. `None`: a value that it must have is missing.
    pub fn print_line(&self, at: u32, bag: &Bag) -> Option<Vec<u8>> {
        let mut text = Vec::new();
        emit::line(&self.catalog, self.catalog.lines.get(at as usize)?, bag, &mut text)?;
        Some(text)
    }

    /// The unsolicited lines (their positions) that this firmware prints; `harmless`: those alone that change no state, hold no data and need
    /// no state.
    pub fn urcs(&self, harmless: bool) -> Vec<u32> {
        let is_one = |line: &Line| {
            line.role == Role::Urc
                && line.profile.is_none_or(|own| self.prints_profile(own))
                && !(harmless
                    && (!line.sets.is_empty() || line.data.is_some() || line.below.is_some() || line.when.is_some()))
        };
        (0..).zip(&self.catalog.lines).filter(|(_, line)| is_one(line)).map(|(at, _)| at).collect()
    }

    /// Whether this firmware prints what the catalog says of a profile.
    pub(crate) fn prints_profile(&self, own: u16) -> bool {
        Some(own) == self.profile
            // A generation that nothing tells stands for all of them.
            || self.catalog.profiles.get(usize::from(own)).is_some_and(|profile| profile.tells.is_empty())
    }

    /// Every answer that the manual lets a form have, each response and each result once at least.
    pub fn answers(&self, invocation: &Invocation) -> Vec<Answer> {
        let Some((_, spec)) = self.spec(invocation.target) else { return Vec::new() };
        let printed = |lines: &[u32]| -> Vec<u32> {
            let is_printed = |at: &u32| {
                let line = self.catalog.lines.get(*at as usize);
                line.is_some_and(|line| line.profile.is_none_or(|own| self.prints_profile(own)))
            };
            lines.iter().copied().filter(is_printed).collect()
        };
        let (reply, after, later) = (printed(&spec.reply), printed(&spec.after), printed(&spec.later));
        let usual = Answer {
            reply: reply.first().copied(),
            after: if reply.is_empty() { after.first().copied() } else { None },
            later: later.first().copied(),
            ..Answer::default()
        };
        let mut out = vec![usual.clone()];
        out.extend(reply.iter().skip(1).map(|at| Answer { reply: Some(*at), ..usual.clone() }));
        out.extend(after.iter().map(|at| Answer { after: Some(*at), reply: None, ..usual.clone() }));
        out.extend(later.iter().skip(1).map(|at| Answer { later: Some(*at), ..usual.clone() }));
        // Without a result there is no failure either.
        if spec.replies_only {
            return out;
        }
        let failed = Answer::default();
        let behind = spec.data.as_ref().map_or(0, |data| data.then.len());
        out.extend((1..behind.max(1)).map(|result| Answer { result, ..failed.clone() }));
        let refused = spec.data.is_some();
        out.extend((1..spec.finals.len()).map(|result| Answer { result, refused, ..failed.clone() }));
        out
    }
}

fn pick<'s>(shapes: &'s [Shape], how: Values, rng: &mut Rng) -> Option<&'s Shape> {
    match how {
        Values::Least => shapes.iter().min_by_key(|shape| shape.min),
        Values::Edge => shapes.iter().max_by_key(|shape| shape.fields.len()),
        Values::Any => rng.choice(shapes),
    }
}

/// Whether a value of another place is valid for a parameter here.
fn suits(catalog: &Catalog, spec: &ParamSpec, item: &Item) -> bool {
    *item != Item::Omitted && values::breaks(catalog, spec, item).is_none() && !is_absent(spec, item)
}

fn data(how: Values, rng: &mut Rng) -> Vec<u8> {
    let plain = |len: usize, rng: &mut Rng| -> Vec<u8> { (0..len).map(|_| rng.u8(b'a'..=b'z')).collect() };
    match (how, rng.u8(0..3)) {
        (Values::Least, _) => plain(1, rng),
        (_, 0) => plain(12, rng),
        (_, 1) => rng.choice(LOOKALIKES).unwrap_or_default().to_vec(),
        _ => {
            let len = rng.usize(1..40);
            let mut out = plain(len, rng);
            out.extend_from_slice(rng.choice(LOOKALIKES).unwrap_or_default());
            out
        }
    }
}

impl<'g> Writer<'g> {
    /// A conversation with a module that has just started.
    pub fn new(generator: &'g Generator, rng: &'g mut Rng) -> Self {
        let catalog = &generator.catalog;
        let model = generator.model.and_then(|at| catalog.models.get(usize::from(at)));
        let script = Script {
            dialect: catalog.name.to_string(),
            model: model.map(|model| model.name.to_string()),
            ..Script::default()
        };
        let profile = generator.profile.and_then(|at| catalog.profiles.get(usize::from(at)));
        let output = profile.map(|profile| profile.output.clone()).unwrap_or_default().over(&catalog.output);
        Self {
            known: Known::boot(catalog),
            now: Time::ZERO,
            quiet: false,
            responded: false,
            generator,
            rng,
            script,
            output,
        }
    }

    /// Lets time pass.
    pub fn wait(&mut self, millis: u64) {
        self.now = self.now.plus(Time::from_millis(millis));
    }

    /// The host says bytes.
    pub fn host(&mut self, kind: &'static str, bytes: impl Into<Vec<u8>>) {
        self.wait(100);
        self.script.records.push(Record { time: self.now, from: Sender::Host, bytes: bytes.into(), kind });
    }

    /// The module says bytes.
    pub fn module(&mut self, kind: &'static str, bytes: impl Into<Vec<u8>>) {
        self.wait(5);
        self.script.records.push(Record { time: self.now, from: Sender::Module, bytes: bytes.into(), kind });
    }

    /// Notes what the decoder must find.
    pub fn expect(&mut self, kind: &'static str, name: impl Into<String>, exchange: Option<u64>) {
        self.script.expected.push(Expected { kind, name: name.into(), exchange });
    }

    /// Goes the way of a plan.
    pub fn steps(&mut self, steps: &[Step]) {
        for (at, step) in steps.iter().enumerate() {
            match step {
                Step::Line(line, bag) => {
                    let bag = bag.clone();
                    self.line(*line, &bag);
                }
                Step::Read(invocation, line, bag) => {
                    let Some((entry, spec)) = self.generator.spec(invocation.target) else { continue };
                    let (name, sets, bag) = (entry.name.to_string(), spec.sets.clone(), bag.clone());
                    let result = spec.finals.first().map_or("OK", |name| &**name).to_owned();
                    let replies_only = spec.replies_only;
                    let before = self.script.records.len();
                    let exchange = self.give(&invocation.line);
                    self.expect("command", name, Some(exchange));
                    if self.script.records.len() > before + 1 {
                        self.expect("echo", "", Some(exchange));
                    }
                    if let Some(line) = self.generator.catalog.lines.get(*line as usize) {
                        self.print("response", line, &bag, Some(exchange));
                    }
                    if !replies_only {
                        self.result(&result, exchange);
                    }
                    self.known.apply(&self.generator.catalog, &sets, &bag);
                }
                Step::Command(invocation) => {
                    let mut answer = self.generator.answers(invocation).into_iter().next().unwrap_or_default();
                    // The plan says itself what comes of it.
                    if matches!(steps.get(at + 1), Some(Step::Line(..))) {
                        answer.later = None;
                    }
                    self.command(invocation, &answer);
                }
            }
        }
    }

    /// The host gives a command line, and the module repeats it. The number of its exchange.
    pub fn give(&mut self, line: &[u8]) -> u64 {
        let exchange = self.script.exchanges;
        self.script.exchanges += 1;
        self.host("command", [line, b"\r\n"].concat());
        self.responded = false;
        let catalog = &self.generator.catalog;
        let echoes = self.known.value(catalog, "echo", 0) != Some(&crate::catalog::StateValue::Int(0));
        let end: &[u8] = match self.output.echo {
            None | Some(EchoEnd::Cr) => b"\r",
            Some(EchoEnd::CrCrLf) => b"\r\r\n",
            Some(EchoEnd::Sent) => b"\r\n",
            Some(_) => return exchange,
        };
        if echoes {
            self.module("echo", [line, end].concat());
        }
        exchange
    }

    /// A command and what answers it.
    pub fn command(&mut self, invocation: &Invocation, answer: &Answer) {
        let generator = self.generator;
        let Some((entry, spec)) = generator.spec(invocation.target) else { return };
        let before = self.script.records.len();
        let exchange = self.give(&invocation.line);
        self.expect("command", &*entry.name, Some(exchange));
        if self.script.records.len() > before + 1 {
            self.expect("echo", "", Some(exchange));
        }
        if let Some(quiet) = &spec.quiet {
            self.quiet = self.known.holds(&generator.catalog, &invocation.given, quiet) == Some(true);
        }
        if answer.refused {
            let name = spec.finals.get(answer.result).map_or("ERROR", |name| &**name);
            return self.result(name, exchange);
        }
        if let Some(at) = answer.reply {
            self.said("response", at, &invocation.given, Some(exchange));
        }
        let phase = spec.data.as_ref().filter(|data| {
            let phase = data.phase.as_ref();
            phase.is_none_or(|phase| self.known.holds(&generator.catalog, &invocation.given, phase) != Some(false))
        });
        if let Some(data) = phase {
            self.data_phase(spec, data, invocation, exchange);
            if data.sends == Sends::Transparent {
                generator.succeed(invocation, &mut self.known);
                return;
            }
        }
        let results = match phase {
            Some(data) if !data.then.is_empty() => &data.then[..],
            _ => &spec.finals[..],
        };
        let name = results.get(answer.result).map_or("OK", |name| &**name);
        if answer.result == 0 {
            generator.succeed(invocation, &mut self.known);
        }
        if !spec.replies_only {
            self.result(name, exchange);
        }
        if spec.online.as_deref() == Some(name) {
            self.module("passthrough", &b"hello"[..]);
            self.expect("passthrough", "", None);
            if let Some(end) = spec.offline.first() {
                let framed = self.framed("final", end.as_bytes(), true);
                self.module("final", framed);
                self.expect("urc", &**end, None);
            }
            return;
        }
        if answer.result > 0 {
            return;
        }
        if let Some(at) = answer.after {
            self.said("response", at, &invocation.given, Some(exchange));
        }
        if let Some(at) = answer.later {
            self.wait(50);
            self.said("urc", at, &invocation.given, None);
        }
        if spec.restarts {
            self.boot();
        }
    }

    fn data_phase(&mut self, spec: &FormSpec, data: &DataPhase, invocation: &Invocation, exchange: u64) {
        if data.accepts {
            let name = spec.finals.first().map_or("OK", |name| &**name);
            self.result(name, exchange);
        }
        let prompt = match &*data.prompt {
            ">" => self.output.prompt.as_deref().unwrap_or("\r\n> ").as_bytes().to_vec(),
            word => format!("\r\n{word}\r\n").into_bytes(),
        };
        self.module("prompt", prompt);
        self.expect("prompt", &*data.prompt, Some(exchange));
        match &data.sends {
            Sends::Counted(by) => {
                let count = invocation.given.get(by).and_then(Item::int).unwrap_or_default();
                let count = usize::try_from(count).unwrap_or_default();
                if count > 0 {
                    let bytes: Vec<u8> = (0..count).map(|_| self.rng.u8(b'a'..=b'z')).collect();
                    self.host("payload", bytes);
                    self.expect("payload", "", Some(exchange));
                }
            }
            Sends::CtrlZ => {
                self.host("payload", &b"hello\x1A"[..]);
                self.expect("payload", "", Some(exchange));
            }
            Sends::Transparent => {
                self.host("passthrough", &b"hello"[..]);
                self.expect("passthrough", "", Some(exchange));
                self.wait(1000);
                self.host("passthrough", &b"+++"[..]);
                self.expect("passthrough", "", Some(exchange));
                self.wait(1000);
            }
        }
    }

    /// A final result of the catalog.
    pub fn result(&mut self, name: &str, exchange: u64) {
        if self.quiet {
            return;
        }
        let catalog = &self.generator.catalog;
        let line = catalog.lines.iter().find(|line| line.role == Role::Result && *line.name == *name);
        let verbose = self.known.value(catalog, "verbose", 0) != Some(&crate::catalog::StateValue::Int(0));
        if let Some(number) = line.and_then(|line| line.numeric).filter(|_| !verbose) {
            self.module("final", format!("{number}\r").into_bytes());
            return self.expect("final", name, Some(exchange));
        }
        let mut text = Vec::new();
        let at = (0..).zip(&catalog.lines).find(|(_, own)| line.is_some_and(|line| std::ptr::eq(*own, line)));
        let bag = at.and_then(|(at, _)| self.generator.line_values(at, &Bag::new(), Values::Any, self.rng));
        let printed = line.zip(bag).and_then(|(line, bag)| emit::line(catalog, line, &bag, &mut text));
        if printed.is_none() {
            text = name.as_bytes().to_vec();
        }
        let framed = self.framed("final", &text, true);
        self.module("final", framed);
        self.expect("final", name, Some(exchange));
    }

    /// A line of the catalog out of itself, with these values.
    pub fn line(&mut self, at: u32, bag: &Bag) {
        let catalog = &self.generator.catalog;
        let Some(line) = catalog.lines.get(at as usize) else { return };
        let kind = kind_of(line.role);
        self.print(kind, line, bag, None);
    }

    /// Whether a line with these values suits the state that the conversation has come to.
    pub fn may_say(&self, at: u32, bag: &Bag) -> bool {
        let catalog = &self.generator.catalog;
        let when = catalog.lines.get(at as usize).and_then(|line| line.when.as_ref());
        when.is_none_or(|when| self.known.holds(catalog, bag, when) != Some(false))
    }

    /// A line of the catalog with valid values, those of a command where they suit.
    pub fn said(&mut self, kind: &'static str, at: u32, given: &Bag, exchange: Option<u64>) -> bool {
        let generator = self.generator;
        let Some(line) = generator.catalog.lines.get(at as usize) else { return false };
        let Some(bag) = generator.line_values(at, given, Values::Any, self.rng) else { return false };
        if line.when.as_ref().is_some_and(|when| self.known.holds(&generator.catalog, &bag, when) == Some(false)) {
            return false;
        }
        self.print(kind, line, &bag, exchange);
        true
    }

    fn print(&mut self, kind: &'static str, line: &Line, bag: &Bag, exchange: Option<u64>) {
        let catalog = &self.generator.catalog;
        let mut text = Vec::new();
        if emit::line(catalog, line, bag, &mut text).is_none() {
            return;
        }
        let ends = !line.starts_data() || kind == "response";
        let framed = self.framed(kind, &text, ends);
        self.responded |= kind == "response";
        self.module(kind, framed);
        self.expect(kind, &*line.name, exchange);
        if line.below.is_some() && kind == "urc" {
            self.expect("urc", "", exchange);
        }
        if line.data.is_some() && bag.data().is_some_and(|data| !data.is_empty()) {
            self.expect("payload", "", None);
        }
        self.known.apply(catalog, &line.sets, bag);
        if let Some(twin) = line.twin.and_then(|at| catalog.lines.get(at as usize)) {
            self.known.apply(catalog, &twin.sets, bag);
        }
    }

    /// The module restarts and says so, where its catalog has a line for it.
    pub fn boot(&mut self) {
        let generator = self.generator;
        let lines = (0..).zip(&generator.catalog.lines);
        let found = lines.filter(|(_, line)| {
            line.role == Role::Boot && line.restart && line.profile.is_none_or(|own| generator.prints_profile(own))
        });
        let Some((at, line)) = found.min_by_key(|(_, line)| !matches!(line.pattern, Pattern::Words)) else { return };
        self.wait(300);
        if let Some(bag) = generator.line_values(at, &Bag::new(), Values::Least, self.rng) {
            self.print("boot", line, &bag, None);
            self.known.reset(&generator.catalog, false);
            self.quiet = false;
        }
    }

    fn framed(&self, kind: &str, text: &[u8], ends: bool) -> Vec<u8> {
        let all = self.output.blank.is_none_or(|blank| blank == Blank::All);
        let blank = match kind {
            _ if self.output.blank.is_some_and(|blank| !matches!(blank, Blank::All | Blank::Results)) => false,
            "final" => true,
            "response" => all && !self.responded,
            "urc" | "progress" => all,
            _ => false,
        };
        let mut bytes = Vec::with_capacity(text.len() + 4);
        bytes.extend_from_slice(if blank { b"\r\n" } else { b"" });
        bytes.extend_from_slice(text);
        bytes.extend_from_slice(if ends { b"\r\n" } else { b"" });
        bytes
    }

    /// Where random values come from.
    pub fn rng(&mut self) -> &mut Rng {
        self.rng
    }
}

/// The kind of event that a line of a role is.
pub(crate) const fn kind_of(role: Role) -> &'static str {
    match role {
        Role::After | Role::Reply => "response",
        Role::Boot => "boot",
        Role::Later | Role::Urc => "urc",
        Role::Progress => "progress",
        Role::Result => "final",
    }
}
