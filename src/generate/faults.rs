//! What modules do against the rules, and what firmware does beside the manual: changes of a conversation that was valid.

use fastrand::Rng;

use super::Generator;
use super::command::{Invocation, Values};
use super::item::{Bag, Item};
use super::script::{Answer, Record, Script, Writer};
use super::{emit, values};
use crate::catalog::{Kind, Pattern, Role};
use crate::check::Rule;
use crate::session::Form;
use crate::{Sender, Time};

/// A conversation in which the module, or the host by its timing, breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The rule.
    pub rule: Rule,
    /// Further rules that the same fact breaks: data that is cut short draws `payload-length` and `resync`.
    pub also: Vec<Rule>,
    /// What it is about.
    pub what: String,
    /// The conversation.
    pub script: Script,
}

/// A habit of real firmware, which no manual tells of and every parser meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Habit {
    /// Lines end in CR CR LF where they repeat the host's.
    DoubleCr,
    /// A line follows the one before it without a line end.
    Glued,
    /// No blank line ahead of a line.
    NoBlank,
    /// The answer comes in pieces of a few bytes.
    Pieces,
    /// An unsolicited line stands between a command and its answer.
    UrcInside,
}

impl Habit {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::DoubleCr, Self::Glued, Self::NoBlank, Self::Pieces, Self::UrcInside];

    /// A word for names of files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DoubleCr => "cr-cr-lf",
            Self::Glued => "glued",
            Self::NoBlank => "no-blank",
            Self::Pieces => "pieces",
            Self::UrcInside => "urc-inside",
        }
    }
}

impl Generator {
    /// A conversation after a habit of firmware. What it must be read as is not noted any more.
    pub fn habit(&self, script: &Script, habit: Habit, rng: &mut Rng) -> Script {
        let mut out = Script { expected: Vec::new(), records: Vec::new(), ..script.clone() };
        for (at, record) in script.records.iter().enumerate() {
            let mut record = record.clone();
            let module = record.from == Sender::Module;
            match habit {
                Habit::DoubleCr if record.kind == "echo" => {
                    let text = record.bytes.trim_ascii_end();
                    record.bytes = [text, b"\r\r\n"].concat();
                }
                Habit::Glued if module && record.kind == "urc" => {
                    let text = record.bytes.trim_ascii_end();
                    record.bytes = text.to_vec();
                }
                Habit::NoBlank if module => {
                    if let Some(rest) = record.bytes.strip_prefix(b"\r\n").filter(|rest| rest.len() > 2) {
                        record.bytes = rest.to_vec();
                    }
                }
                Habit::Pieces if module => {
                    let size = rng.usize(1..=4);
                    let pieces = record.bytes.chunks(size).zip(0..);
                    out.records.extend(pieces.map(|(bytes, number)| Record {
                        time: record.time.plus(Time::from_nanos(number * 1000)),
                        bytes: bytes.to_vec(),
                        ..record.clone()
                    }));
                    continue;
                }
                Habit::UrcInside
                    if module
                        && record.kind != "echo"
                        && script.records.get(at.wrapping_sub(1)).is_some_and(|before| before.kind == "echo") =>
                {
                    if let Some(text) = rng.choice(self.urcs(true)).and_then(|urc| {
                        let bag = self.line_values(urc, &Bag::new(), Values::Any, rng)?;
                        self.print_line(urc, &bag)
                    }) {
                        let bytes = [b"\r\n", &text[..], b"\r\n"].concat();
                        out.records.push(Record { bytes, kind: "urc", ..record.clone() });
                    }
                }
                _ => {}
            }
            out.records.push(record);
        }
        out
    }

    /// Every fault of the module's side that the answer of a command can have, each alone.
    pub fn faults(&self, invocation: &Invocation, rng: &mut Rng) -> Vec<Fault> {
        let mut out = Vec::new();
        let Some((_, spec)) = self.spec(invocation.target) else { return out };
        let plain = spec.data.is_none()
            && !spec.replies_only
            && spec.quiet.is_none()
            && !spec.restarts
            && spec.online.is_none();
        let Some(base) = self.base(invocation, &Answer::default(), rng) else { return out };
        let what = self.describe(invocation.target);
        let mut fault = |rule, also: &[Rule], script| {
            out.push(Fault { rule, also: also.to_vec(), what: what.clone(), script });
        };
        let result = base.records.iter().rposition(|record| record.kind == "final");
        if let (true, Some(result)) = (plain, result) {
            let limit = spec.timeout.unwrap_or(8_000);
            // The result never comes, and the host goes on.
            let mut script = base.clone();
            script.records.remove(result);
            if self.probes(&mut script, invocation, limit + 2_000, rng) {
                fault(Rule::MissingFinal, &[Rule::CommandOverlap], script);
            }
            if let Some(limit) = spec.timeout {
                let mut script = base.clone();
                later(&mut script, result, limit + 1_000);
                fault(Rule::LateFinal, &[], script);
            }
            let mut script = base.clone();
            if let Some(record) = script.records.get(result).cloned() {
                script.records.push(Record { time: record.time.plus(Time::from_millis(50)), ..record });
            }
            let name = spec.finals.first().map_or("OK", |name| &**name);
            if !self.catalog.lines.iter().any(|line| *line.name == *name && line.role != Role::Result) {
                fault(Rule::UnexpectedFinal, &[], script);
            }
            // Another command, before this one had its result.
            let mut script = base.clone();
            if let Some(end) = script.records.get(result).cloned() {
                let host = script.records.iter().rev().find(|record| record.kind == "command").cloned();
                if let Some(host) = host.filter(|_| self.catalog.find_command(b"").is_some()) {
                    let time = host.time.plus(Time::from_millis(1));
                    script.records.insert(result, Record { time, bytes: b"AT\r\n".to_vec(), ..host });
                    script.records.push(Record {
                        time: end.time.plus(Time::from_millis(5)),
                        bytes: b"\r\nOK\r\n".to_vec(),
                        ..end
                    });
                    fault(Rule::CommandOverlap, &[], script);
                }
            }
            let mut script = base.clone();
            let last = script.records.last().map_or(Time::ZERO, |record| record.time);
            script.records.push(Record {
                time: last.plus(Time::from_millis(500)),
                from: Sender::Module,
                bytes: b"\r\n+SURPRISE: 1\r\n".to_vec(),
                kind: "urc",
            });
            fault(Rule::UnknownUrc, &[], script);
        }
        if let Some(echo) = base.records.iter().rposition(|record| record.kind == "echo" && record.bytes.len() > 8)
            && plain
            && !spec.free
        {
            let mut script = base.clone();
            if let Some(byte) = script.records.get_mut(echo).and_then(|record| record.bytes.get_mut(5)) {
                *byte = if *byte == b'Q' { b'W' } else { b'Q' };
                fault(Rule::EchoMismatch, &[], script);
            }
        }
        if let Some(prompt) = base.records.iter().rposition(|record| record.kind == "prompt")
            && base.records.get(prompt + 1).is_some_and(|record| record.kind == "payload")
            && !base.records.iter().skip(prompt).any(|record| record.kind == "command")
        {
            let mut script = base.clone();
            let data = script.records.remove(prompt + 1);
            let command = script.records.iter().rposition(|record| record.kind == "command").unwrap_or_default();
            let time = script.records.get(command).map_or(data.time, |record| record.time.plus(Time::from_millis(1)));
            script.records.insert(command + 1, Record { time, ..data });
            fault(Rule::PayloadBeforePrompt, &[], script);
        }
        self.wrong_answers(invocation, rng, &mut out);
        out
    }

    /// The command in its state with an answer; `None`: there is no way there.
    fn base(&self, invocation: &Invocation, answer: &Answer, rng: &mut Rng) -> Option<Script> {
        let mut writer = Writer::new(self, rng);
        let mut known = writer.known.clone();
        let plan = self.plan(invocation, &mut known, writer.rng())?;
        writer.steps(&plan);
        writer.command(invocation, answer);
        Some(writer.script)
    }

    /// The host goes on with a command whose answer has a name, so that it is plain to whom the result behind it belongs.
    fn probes(&self, script: &mut Script, other: &Invocation, millis: u64, rng: &mut Rng) -> bool {
        let last = script.records.last().map_or(Time::ZERO, |record| record.time);
        for target in self.targets().iter().copied().filter(|own| own.form == Form::Read) {
            let Some((_, spec)) = self.spec(target) else { continue };
            let named = spec.reply.first().and_then(|at| self.catalog.lines.get(*at as usize)).is_some_and(|line| {
                matches!(line.pattern, Pattern::Fields { .. }) && line.profile.is_none() && line.data.is_none()
            });
            if !named || spec.reply.len() != 1 || target.command == other.target.command || spec.needs.is_some() {
                continue;
            }
            let Some(invocation) = self.command(target, Values::Least, rng) else { continue };
            let Some(answer) = self.answers(&invocation).into_iter().next() else { continue };
            let mut writer = Writer::new(self, rng);
            writer.command(&invocation, &answer);
            let time = last.plus(Time::from_millis(millis));
            let more =
                writer.script.records.into_iter().map(|record| Record { time: time.plus(record.time), ..record });
            script.records.extend(more);
            return true;
        }
        false
    }

    /// The host gives one more command, and the module answers it.
    fn goes_on(&self, script: &mut Script, millis: u64) {
        let last = script.records.last().map_or(Time::ZERO, |record| record.time);
        let time = last.plus(Time::from_millis(millis));
        let say = |from, millis, bytes: &[u8], kind| Record {
            time: time.plus(Time::from_millis(millis)),
            from,
            bytes: bytes.to_vec(),
            kind,
        };
        script.records.push(say(Sender::Host, 0, b"AT\r\n", "command"));
        script.records.push(say(Sender::Module, 1, b"AT\r\n", "echo"));
        script.records.push(say(Sender::Module, 2, b"\r\nOK\r\n", "final"));
    }

    /// Answers whose values are not as documented, and data that is cut short.
    fn wrong_answers(&self, invocation: &Invocation, rng: &mut Rng, out: &mut Vec<Fault>) {
        for answer in self.answers(invocation).into_iter().filter(|answer| answer.result == 0) {
            let said = answer.reply.or(answer.after);
            let Some(line) = said.and_then(|at| self.catalog.lines.get(at as usize)) else { continue };
            let Some(base) = self.base(invocation, &answer, rng) else { continue };
            let Some(at) = base.records.iter().rposition(|record| record.kind == "response") else { continue };
            if line.data.is_some() {
                let Some(record) = base.records.get(at) else { continue };
                let body = record.bytes.len().saturating_sub(2);
                // Data that looks like results would be read as results.
                let ahead = record.bytes.strip_prefix(b"\r\n").unwrap_or(&record.bytes);
                let ends = ahead
                    .get(..ahead.len().saturating_sub(2))
                    .map_or(0, |text| text.windows(2).filter(|pair| pair == b"\r\n").count());
                let behind = line.data.is_some_and(|counted| counted.behind_line);
                if ends > usize::from(behind) {
                    continue;
                }
                let mut script = base.clone();
                if let (Some(own), true) = (script.records.get_mut(at), body > 8) {
                    own.bytes.truncate(body - 1);
                    script.records.truncate(at + 1);
                    self.goes_on(&mut script, 3_000);
                    let what = line.text.to_string();
                    out.push(Fault {
                        rule: Rule::PayloadLength,
                        also: vec![Rule::Resync, Rule::MissingFinal, Rule::CommandOverlap],
                        what,
                        script,
                    });
                }
                continue;
            }
            let Pattern::Fields { shapes } = &line.pattern else { continue };
            // A line that is also another command's, or a URC, is that one when its values are not these.
            let alone = self.catalog.lines.iter().filter(|other| other.name == line.name).count() == 1;
            if !alone || shapes.len() != 1 || line.catch_all || invocation.target.form == Form::Test {
                continue;
            }
            let fields = shapes.iter().flat_map(|shape| &shape.fields).filter(|field| field.fixed.is_none());
            for field in fields {
                let Some(spec) = field.param.and_then(|at| self.catalog.spec_for(at, self.model)) else { continue };
                let wrong = match spec.kind {
                    Kind::Int(_) | Kind::Numbers => {
                        values::wrong(spec).into_iter().find(|(rule, _)| *rule == Rule::ParamRange)
                    }
                    Kind::Code(table)
                        if self
                            .catalog
                            .codes
                            .get(usize::from(table))
                            .is_some_and(|table| table.meaning(98_765).is_none()) =>
                    {
                        Some((Rule::UndocumentedCode, Item::Int(98_765)))
                    }
                    _ => None,
                };
                let Some((rule, item)) = wrong else { continue };
                let (Some(at_line), Some(name)) = (said, self.catalog.names.get(spec.name_id as usize)) else {
                    continue;
                };
                let Some(mut bag) = self.line_values(at_line, &invocation.given, Values::Edge, rng) else { continue };
                bag.set(name.to_string(), item);
                let mut text = Vec::new();
                if emit::line(&self.catalog, line, &bag, &mut text).is_none() {
                    continue;
                }
                let mut script = base.clone();
                if let Some(own) = script.records.get_mut(at) {
                    own.bytes = [&text[..], b"\r\n"].concat();
                }
                let rule = if rule == Rule::UndocumentedCode { rule } else { Rule::ResponseShape };
                out.push(Fault { rule, also: Vec::new(), what: format!("{} of {}", spec.name, line.text), script });
            }
        }
    }

    /// `AT`, `OK`.
    fn hello<'g>(&'g self, rng: &'g mut Rng) -> Writer<'g> {
        let mut writer = Writer::new(self, rng);
        let exchange = writer.give(b"AT");
        writer.result("OK", exchange);
        writer
    }

    /// Faults that no command is needed for: a restart in mid-session, answers that nobody asked for, lines that end otherwise.
    pub fn loose_faults(&self, rng: &mut Rng) -> Vec<Fault> {
        let mut out = Vec::new();
        if self.catalog.find_command(b"").is_none() {
            return out;
        }
        let restarts: Vec<u32> = (0..)
            .zip(&self.catalog.lines)
            .filter(|(_, line)| {
                line.role == Role::Boot && line.restart && line.profile.is_none_or(|own| self.prints_profile(own))
            })
            .map(|(at, _)| at)
            .collect();
        for at in restarts {
            let Some(bag) = self.line_values(at, &Bag::new(), Values::Least, rng) else { continue };
            let mut writer = self.hello(rng);
            writer.line(at, &bag);
            let what = self.catalog.lines.get(at as usize).map_or("", |line| &*line.text).to_owned();
            out.push(Fault { rule: Rule::ModuleReset, also: Vec::new(), what, script: writer.script });
        }
        for (at, line) in (0..).zip(&self.catalog.lines) {
            let read = line.role == Role::Reply && matches!(line.owner, Some((_, Form::Read)));
            let alone = self.catalog.lines.iter().filter(|other| other.name == line.name).count() == 1;
            let named = matches!(&line.pattern, Pattern::Fields { shapes } if shapes.iter().all(|shape| shape.min > 0));
            if !read || !alone || !named || line.data.is_some() || line.below.is_some() || line.catch_all {
                continue;
            }
            let mut writer = self.hello(rng);
            writer.wait(2_000);
            if writer.said("response", at, &Bag::new(), None) {
                let what = line.text.to_string();
                out.push(Fault { rule: Rule::UnexpectedResponse, also: Vec::new(), what, script: writer.script });
            }
        }
        let mut script = self.hello(rng).script;
        if let Some(last) = script.records.last_mut() {
            last.bytes = b"\nOK\n".to_vec();
        }
        out.push(Fault { rule: Rule::LineEnding, also: Vec::new(), what: "LF alone".to_owned(), script });
        out
    }
}

/// A record and all behind it come so many milliseconds later.
fn later(script: &mut Script, from: usize, millis: u64) {
    for record in script.records.iter_mut().skip(from) {
        record.time = record.time.plus(Time::from_millis(millis));
    }
}
