//! Commands in work, one after the other on a line, and what becomes of each.

use std::sync::Arc;

use super::core::{Call, Said};
use super::dialect::Outcome;
use super::verdict::{Bench, Refusal};
use super::{Module, Phase, generic};
use crate::catalog::{Catalog, FormSpec};
use crate::check::Rule;
use crate::session::Form;
use crate::syntax::command::Part;

impl Module {
    /// The next command of the line, or its end.
    pub(super) fn step(&mut self) {
        let Some(running) = &mut self.running else { return };
        running.call = None;
        running.after_data = false;
        let Some(part) = running.parts.pop_front() else {
            // An `A/` with nothing to repeat is an empty line.
            self.running = None;
            return self.core.result("OK", None);
        };
        let name = running.line.get(part.name.clone()).unwrap_or_default().to_vec();
        let mut args = running.line.get(part.args.clone()).unwrap_or_default().to_vec();
        // A dial string's semicolon is part of it: a voice call (27.007 §6.2).
        if name.eq_ignore_ascii_case(b"D") {
            args.extend(running.line.get(part.args.end).filter(|byte| **byte == b';'));
        }
        match self.judge(&name, part, &args) {
            Ok(call) => {
                let answer = self.answer(&call);
                let (outcome, generic) = match answer {
                    Some(outcome) => (outcome, false),
                    None => match self.dialect.command(&mut self.core, &call) {
                        Some(outcome) => (outcome, false),
                        None => (generic::command(&mut self.core, &call), true),
                    },
                };
                if let Some(running) = &mut self.running {
                    running.call = Some((call, generic));
                }
                // A command may have ended by what it set off.
                if self.core.concluded.is_none() {
                    self.core.concluded = Some(outcome);
                }
            }
            Err(mut refusal) => {
                let known = self.core.catalog.command(&name).map(|command| command.name.clone());
                refusal.command = known.unwrap_or_default();
                let code = self.dialect.code(&self.core, &refusal);
                self.core.refused = Some(refusal);
                self.core.concluded = Some(Outcome::Error(code));
            }
        }
    }

    fn judge(&self, name: &[u8], part: Part, args: &[u8]) -> Result<Call, Refusal> {
        let catalog = &self.core.catalog;
        let at = catalog.find_command(name).ok_or_else(|| Refusal::of(Rule::UnknownCommand))?;
        let entry = catalog.commands.get(at as usize).ok_or_else(|| Refusal::of(Rule::UnknownCommand))?;
        let bench = Bench { catalog, model: self.core.model, state: &self.core.state };
        let spec = bench.form(entry, part.form)?;
        let given = bench.params(spec, args)?;
        bench.conditions(entry, spec, &given)?;
        let spelled = String::from_utf8_lossy(name).to_ascii_uppercase().into();
        Ok(Call { command: at, form: part.form, name: entry.name.clone(), spelled, given })
    }

    /// What the scenario answers this line with, in place of what the catalog says.
    fn answer(&mut self, call: &Call) -> Option<Outcome> {
        let line = &self.running.as_ref()?.line;
        let answers = &self.core.world.scenario().answers;
        let lines = answers.iter().find(|(own, _)| own.as_bytes().eq_ignore_ascii_case(line))?.1.clone();
        let results: Vec<Box<str>> = self.core.form_of(call).map(|spec| spec.finals.to_vec()).unwrap_or_default();
        for line in lines {
            if results.iter().any(|name| *line == **name) {
                return Some(Outcome::Final(line.into()));
            }
            self.core.say_line(Said::Response, line.as_bytes());
        }
        Some(Outcome::Ok)
    }

    /// What became of the command in work.
    pub(super) fn conclude(&mut self) {
        while let Some(outcome) = self.core.concluded.take() {
            let Some(running) = &mut self.running else { continue };
            let catalog = Arc::clone(&self.core.catalog);
            let (spec, generic) = match &running.call {
                Some((call, generic)) => (spec_of(&catalog, call), *generic),
                None => (None, false),
            };
            match outcome {
                Outcome::Pending => return,
                Outcome::Data => {
                    self.begin_data();
                    return;
                }
                Outcome::Passthrough => {
                    self.prompt(spec.and_then(|spec| spec.data.as_ref()));
                    self.phase = Phase::Passthrough { packet: Vec::new() };
                    self.running = None;
                    return;
                }
                Outcome::Ok => {
                    if let (true, Some((call, _))) = (generic, &running.call) {
                        let call = call.clone();
                        // What a read tells is so already.
                        if call.form != Form::Read {
                            self.core.effects(&call);
                        }
                        if let Some(quiet) = spec.and_then(|spec| spec.quiet.as_ref()) {
                            let bench = Bench { catalog: &catalog, model: None, state: &self.core.state };
                            self.core.quiet = bench.holds(&call.given, quiet) == Some(true);
                        }
                    }
                    if !running.parts.is_empty() {
                        self.step();
                        continue;
                    }
                    let given = running.call.as_ref().map(|(call, _)| &call.given);
                    let bench = Bench { catalog: &catalog, model: None, state: &self.core.state };
                    let restarts = spec.is_some_and(|spec| match (&spec.restarts_when, given) {
                        (Some(when), Some(given)) => bench.holds(given, when) == Some(true),
                        _ => spec.restarts,
                    });
                    let after_data = running.after_data;
                    self.running = None;
                    let name = match spec {
                        Some(spec) if spec.replies_only => None,
                        Some(spec) if after_data => {
                            let then = spec.data.as_ref().and_then(|data| data.then.first());
                            Some(then.or(spec.finals.first()).map_or("OK", |name| &**name))
                        }
                        Some(spec) => Some(spec.finals.first().map_or("OK", |name| &**name)),
                        None => Some("OK"),
                    };
                    if let Some(name) = name {
                        self.core.result(name, None);
                    }
                    if restarts {
                        self.core.restart();
                    }
                }
                Outcome::Final(name) => {
                    self.running = None;
                    self.core.result(&name, None);
                }
                Outcome::Failed(name, code) => {
                    self.running = None;
                    self.core.result(&name, Some(&code));
                }
                Outcome::Nothing => self.running = None,
                Outcome::Online(name) => {
                    self.running = None;
                    self.core.result(&name, None);
                    self.phase = Phase::Passthrough { packet: Vec::new() };
                    return;
                }
                Outcome::Error(code) => {
                    self.running = None;
                    self.dialect.failing(&mut self.core, code.as_ref());
                    let (name, code) = self.dialect.error(&self.core, code);
                    self.core.result(name, code.as_ref());
                }
            }
        }
    }
}

pub(super) fn spec_of<'c>(catalog: &'c Catalog, call: &Call) -> Option<&'c FormSpec> {
    catalog.commands.get(call.command as usize)?.form(call.form)
}
