//! A seed corpus: few conversations that reach much, each named by what is in it.

use std::collections::BTreeSet;

use fastrand::Rng;

use super::command::{Target, Values};
use super::faults::Habit;
use super::item::Bag;
use super::script::{Answer, Script, Writer};
use super::{Generator, Known};
use crate::session::Form;

/// Commands of a session, those on the way to the state that they need left out.
const SESSION: usize = 6;

/// A conversation of a corpus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seed {
    /// What is in it, fit for the name of a file: `CIPSTART-SEND_OK`, `param-range-CWMODE`, `glued-CWJAP`.
    pub name: String,
    /// What is said.
    pub script: Script,
    /// What it reaches: forms, responses, results, unsolicited lines, rules, habits.
    pub reaches: BTreeSet<String>,
}

impl Generator {
    /// At most `count` conversations, those first that reach most of what the others do not: commands in all forms, responses, results and
    /// unsolicited lines, every rule broken, every habit of firmware. The same seed gives the same corpus.
    pub fn corpus(&self, count: usize, seed: u64) -> Vec<Seed> {
        let mut rng = Rng::with_seed(seed);
        let mut pool = self.sessions(&mut rng);
        pool.extend(self.broken_sessions(&mut rng));
        let valid: Vec<Seed> = pool.iter().take(Habit::ALL.len() * 3).cloned().collect();
        for (number, seed) in valid.iter().enumerate() {
            let Some(habit) = Habit::ALL.get(number % Habit::ALL.len()) else { continue };
            let mut reaches = seed.reaches.clone();
            reaches.insert(format!("habit {}", habit.as_str()));
            let script = self.habit(&seed.script, *habit, &mut rng);
            pool.push(Seed { name: format!("{}-{}", habit.as_str(), seed.name), script, reaches });
        }
        cover(pool, count)
    }

    /// Sessions that together hold every form with every answer, and every unsolicited line.
    fn sessions(&self, rng: &mut Rng) -> Vec<Seed> {
        let mut jobs: Vec<(Target, usize)> = Vec::new();
        for target in self.targets().iter().copied() {
            let answers = self.command(target, Values::Least, rng).map_or(0, |own| self.answers(&own).len());
            jobs.extend((0..answers).map(|answer| (target, answer)));
        }
        rng.shuffle(&mut jobs);
        let mut urcs = self.urcs(false);
        let mut out = Vec::new();
        while !jobs.is_empty() || !urcs.is_empty() {
            let mut inner = rng.fork();
            let mut writer = Writer::new(self, &mut inner);
            let (mut reaches, mut names) = (BTreeSet::new(), Vec::new());
            for _ in 0..SESSION {
                if let Some((target, answer)) = jobs.pop()
                    && let Some(reached) = self.append(&mut writer, target, answer)
                {
                    reaches.extend(reached);
                    names.push(short(self, target));
                }
                if let Some(at) = urcs.pop()
                    && let Some(line) = self.catalog.lines.get(at as usize)
                {
                    let bag = self.line_values(at, &Bag::new(), Values::Edge, writer.rng());
                    if let Some(bag) = bag.filter(|bag| writer.may_say(at, bag)) {
                        writer.line(at, &bag);
                        reaches.insert(format!("urc {}", line.text));
                        names.push(line.name.to_string());
                    }
                }
            }
            if !reaches.is_empty() {
                out.push(Seed { name: file_name(&names), script: writer.script, reaches });
            }
        }
        out
    }

    /// A command behind what is there already; what that reaches.
    fn append(&self, writer: &mut Writer<'_>, target: Target, answer: usize) -> Option<Vec<String>> {
        let how = *writer.rng().choice(&[Values::Least, Values::Edge, Values::Any])?;
        let invocation = self.command(target, how, writer.rng())?;
        let mut known: Known = writer.known.clone();
        let plan = self.plan(&invocation, &mut known, writer.rng())?;
        writer.steps(&plan);
        let all = self.answers(&invocation);
        let answer: Answer = all.get(answer).or(all.first())?.clone();
        let before = writer.script.expected.len();
        writer.command(&invocation, &answer);
        let said = writer.script.expected.get(before..).unwrap_or_default();
        let mut reached: Vec<String> = said.iter().map(|own| format!("{} {}", own.kind, own.name)).collect();
        reached.push(format!("form {} {}", target.command, target.form.as_str()));
        for line in [answer.reply, answer.after, answer.later].into_iter().flatten() {
            reached.push(format!("line {line}"));
        }
        Some(reached)
    }

    /// A session for each rule that the catalog lets be broken, by the host and by the module.
    fn broken_sessions(&self, rng: &mut Rng) -> Vec<Seed> {
        let mut out: Vec<Seed> = Vec::new();
        let mut enter = |rule: crate::check::Rule, name: String, script: Script| {
            let count = out.iter().filter(|seed| seed.name.starts_with(rule.name())).count();
            if count < 4 {
                let reaches = BTreeSet::from([format!("rule {} {}", rule.name(), count / 2)]);
                out.push(Seed { name: file_name(&[rule.name().to_owned(), name]), script, reaches });
            }
        };
        let mut targets: Vec<Target> = self.targets().to_vec();
        rng.shuffle(&mut targets);
        for violation in self.strangers().into_iter().step_by(7).chain(self.unsupported(rng).into_iter().step_by(9)) {
            enter(violation.rule, short(self, violation.target), self.play(&violation, rng));
        }
        for fault in self.loose_faults(rng) {
            enter(fault.rule, fault.what, fault.script);
        }
        for target in targets.into_iter().take(60) {
            for violation in self.violations(target, rng) {
                enter(violation.rule, short(self, target), self.play(&violation, rng));
            }
            if let Some(invocation) = self.command(target, Values::Any, rng) {
                for fault in self.faults(&invocation, rng) {
                    enter(fault.rule, short(self, target), fault.script);
                }
            }
        }
        out
    }
}

/// Takes what reaches most of what is not reached yet, for its size.
fn cover(mut pool: Vec<Seed>, count: usize) -> Vec<Seed> {
    let mut reached: BTreeSet<String> = BTreeSet::new();
    let mut out: Vec<Seed> = Vec::new();
    while out.len() < count {
        let gain = |seed: &Seed| {
            // A rule and a habit are a whole session's matter.
            let worth = |own: &&String| if own.starts_with("rule ") || own.starts_with("habit ") { 8 } else { 1 };
            let new: usize = seed.reaches.iter().filter(|own| !reached.contains(*own)).map(|own| worth(&own)).sum();
            new * 1000 / (40 + seed.script.records.len())
        };
        let best = pool.iter().enumerate().map(|(at, seed)| (gain(seed), std::cmp::Reverse(at))).max();
        let Some((gain, std::cmp::Reverse(at))) = best else { break };
        if gain == 0 {
            break;
        }
        let seed = pool.swap_remove(at);
        reached.extend(seed.reaches.iter().cloned());
        out.push(seed);
    }
    out
}

fn short(generator: &Generator, target: Target) -> String {
    let name = generator
        .spec(target)
        .map_or("", |(entry, _)| entry.name.trim_start_matches(|c: char| c.is_ascii_punctuation()));
    let name = if name.is_empty() { "AT" } else { name };
    match target.form {
        Form::Execute | Form::Set => name.to_owned(),
        Form::Read => format!("{name}_read"),
        Form::Test => format!("{name}_test"),
    }
}

fn file_name(parts: &[String]) -> String {
    let mut out = String::new();
    for part in parts.iter().take(4) {
        let clean: String = part.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect();
        let clean: String = clean.trim_matches('_').chars().take(24).collect();
        if !clean.is_empty() {
            out.push_str(if out.is_empty() { "" } else { "-" });
            out.push_str(&clean);
        }
    }
    out
}
