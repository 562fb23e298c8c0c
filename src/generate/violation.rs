//! Commands that break exactly one rule, and the state in which they do.

use fastrand::Rng;

use super::command::{Invocation, Target, Values};
use super::item::{Bag, Item};
use super::known::Known;
use super::plan::{Step, Want};
use super::script::Writer;
use super::{Generator, emit, values};
use crate::catalog::{Command, Condition, Field, FormSpec, Role, Shape};
use crate::check::Rule;
use crate::session::Form;

/// How often values are looked for that break one condition and keep the others.
const ATTEMPTS: usize = 60;

/// A command that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The rule.
    pub rule: Rule,
    /// What of it: a parameter with its value, a condition.
    pub what: String,
    /// What it is made of.
    pub target: Target,
    /// Brings the module there.
    pub plan: Vec<Step>,
    /// The command line that breaks the rule, without its line end.
    pub line: Vec<u8>,
    /// The product that breaks it, where that matters.
    pub model: Option<String>,
}

impl Generator {
    /// Violations of every rule about commands that applies to a target, each alone: the module is in the state that the command needs, and all
    /// else is valid.
    pub fn violations(&self, target: Target, rng: &mut Rng) -> Vec<Violation> {
        self.violations_from(&Known::boot(&self.catalog), target, rng)
    }

    /// As [`violations`](Self::violations), for a module of which so much is known.
    pub fn violations_from(&self, start: &Known, target: Target, rng: &mut Rng) -> Vec<Violation> {
        let mut out = Vec::new();
        let Some((entry, spec)) = self.spec(target) else { return out };
        self.parameters(start, target, spec, rng, &mut out);
        self.arity(start, target, spec, rng, &mut out);
        self.malformed(start, target, spec, rng, &mut out);
        self.broken_conditions(start, target, (entry, spec), rng, &mut out);
        out
    }

    /// Commands and forms that the catalog does not have.
    pub fn strangers(&self) -> Vec<Violation> {
        let mut out = Vec::new();
        for (command, entry) in (0..).zip(&self.catalog.commands) {
            if is_basic(&entry.name) {
                continue;
            }
            let violation = |rule, form, text: String| Violation {
                rule,
                what: text.clone(),
                target: Target { command, form, shape: None },
                plan: Vec::new(),
                line: text.into_bytes(),
                model: self.model().map(str::to_owned),
            };
            let name = format!("{}QZ", entry.name);
            if self.catalog.find_command(name.as_bytes()).is_none() {
                out.push(violation(Rule::UnknownCommand, Form::Execute, format!("AT{name}")));
            }
            for form in Form::ALL.into_iter().filter(|form| entry.form(*form).is_none()) {
                let sign = match form {
                    Form::Execute => "",
                    Form::Set => "=1",
                    Form::Read => "?",
                    Form::Test => "=?",
                };
                out.push(violation(Rule::UnsupportedForm, form, format!("AT{}{sign}", entry.name)));
            }
        }
        out
    }

    /// Commands that products of the catalog lack, one of each form.
    pub fn unsupported(&self, rng: &mut Rng) -> Vec<Violation> {
        let mut out: Vec<Violation> = Vec::new();
        let general = Self::of(self.catalog.clone(), None, self.profile);
        for model in (0..).zip(&self.catalog.models).map(|(at, _)| at) {
            let own = Self::of(self.catalog.clone(), Some(model), self.profile);
            let name = own.model().map(str::to_owned);
            for target in general.targets().iter().copied() {
                let Some((entry, spec)) = general.spec(target) else { continue };
                let is_told = |other: &Violation| {
                    other.model == name && (other.target.command, other.target.form) == (target.command, target.form)
                };
                if !own.lacks(entry, spec) || out.iter().any(is_told) {
                    continue;
                }
                let Some(invocation) = general.command(target, Values::Least, rng) else { continue };
                out.push(Violation {
                    rule: Rule::ModelUnsupported,
                    what: format!("{} of {}", general.describe(target), name.as_deref().unwrap_or_default()),
                    target,
                    plan: Vec::new(),
                    line: invocation.line,
                    model: name.clone(),
                });
            }
        }
        out
    }

    /// A valid command with its plan, and the state where it leads.
    pub(crate) fn ready(
        &self,
        start: &Known,
        target: Target,
        values: Values,
        rng: &mut Rng,
    ) -> Option<(Invocation, Vec<Step>, Known)> {
        for _ in 0..4 {
            let Some(invocation) = self.command(target, values, rng) else { continue };
            let mut known = start.clone();
            if let Some(steps) = self.plan(&invocation, &mut known, rng) {
                return Some((invocation, steps, known));
            }
        }
        None
    }

    fn violation(&self, rule: Rule, what: String, target: Target, plan: &[Step], line: Vec<u8>) -> Violation {
        Violation { rule, what, target, plan: plan.to_vec(), line, model: self.model().map(str::to_owned) }
    }

    fn parameters(&self, start: &Known, target: Target, spec: &FormSpec, rng: &mut Rng, out: &mut Vec<Violation>) {
        let Some((_, shape)) = self.shape_of(spec, target) else { return };
        // Several, so that each parameter is there in one of them.
        let hows = [Values::Edge, Values::Any, Values::Any, Values::Any];
        let bases: Vec<_> = hows.into_iter().filter_map(|how| self.ready(start, target, how, rng)).collect();
        for field in shape.fields.iter().filter(|field| field.fixed.is_none()) {
            let Some(param) = field.param.and_then(|at| self.catalog.spec_for(at, self.model)) else { continue };
            let Some(name) = self.catalog.names.get(param.name_id as usize).map(|name| name.to_string()) else {
                continue;
            };
            let wrong = values::wrong(param);
            if wrong.is_empty() {
                continue;
            }
            let found = bases.iter().find(|(invocation, _, _)| invocation.given.get(&name).is_some());
            let Some((invocation, plan, known)) = found else { continue };
            for (rule, item) in wrong {
                // `ATZx1` is ATZ and ATX1; what prints as nothing is not there.
                let basic = rule == Rule::ParamType && target.form == Form::Execute;
                let mut text = Vec::new();
                emit::value(&self.catalog, param, &item, &mut text);
                if basic || text.is_empty() {
                    continue;
                }
                let mut given = invocation.given.clone();
                given.set(name.clone(), item.clone());
                if !self.is_clear(spec, target, &given, known) {
                    continue;
                }
                let Some(broken) = self.invoke(target, given) else { continue };
                let what = format!("{} = {}", param.name, shown(&item));
                out.push(self.violation(rule, what, target, plan, broken.line));
            }
        }
    }

    /// Whether no other alternative comes as near to these values as this one does, and the conditions about the state still hold.
    fn is_clear(&self, spec: &FormSpec, target: Target, given: &Bag, known: &Known) -> bool {
        let Some((own_syntax, own)) = self.shape_of(spec, target) else { return false };
        let needs = self.conditions(target);
        let holds = |condition: &&Condition| {
            spec.relations.iter().any(|relation| relation.text == condition.text)
                || known.holds(&self.catalog, given, condition) != Some(false)
        };
        if !needs.iter().all(holds) {
            return false;
        }
        let items: Vec<Item> = own.fields.iter().map(|field| self.item_at(field, given)).collect();
        let count = items.iter().rposition(|item| *item != Item::Omitted).map_or(0, |at| at + 1);
        let items = items.get(..count).unwrap_or_default();
        let others = spec.syntax.iter().flat_map(|syntax| syntax.shapes.iter().map(move |shape| (syntax, shape)));
        others.filter(|(_, shape)| !std::ptr::eq(*shape, own)).all(|(syntax, shape)| {
            let off = syntax.when.as_ref().filter(|when| {
                own_syntax.when.as_ref().is_none_or(|own| own.text != when.text)
                    && known.holds(&self.catalog, given, when) == Some(false)
            });
            let extra = if shape.repeat || shape.rest { 0 } else { count.saturating_sub(shape.fields.len()) };
            let missing = shape.owed(count);
            self.misfits(shape, items) + usize::from(off.is_some()) + extra + missing >= 2
        })
    }

    fn item_at(&self, field: &Field, given: &Bag) -> Item {
        let spec = field.param.and_then(|at| self.catalog.spec_for(at, self.model));
        spec.and_then(|spec| given.of(&self.catalog, spec)).cloned().unwrap_or(Item::Omitted)
    }

    fn misfits(&self, shape: &Shape, items: &[Item]) -> usize {
        let fields = shape.fields.iter().zip(items);
        fields
            .filter(|(field, item)| {
                let Some(spec) = field.param.and_then(|at| self.catalog.spec_for(at, self.model)) else {
                    return true;
                };
                match (&field.fixed, item) {
                    (_, Item::Omitted) => !field.optional,
                    (Some(fixed), item) => !item.text().eq_ignore_ascii_case(fixed.as_bytes()),
                    (None, item) => values::breaks(&self.catalog, spec, item).is_some(),
                }
            })
            .count()
    }

    fn arity(&self, start: &Known, target: Target, spec: &FormSpec, rng: &mut Rng, out: &mut Vec<Violation>) {
        let Some((_, own)) = self.shape_of(spec, target) else { return };
        let shapes: Vec<&Shape> = spec.syntax.iter().flat_map(|syntax| &syntax.shapes).collect();
        let open = shapes.iter().any(|shape| shape.repeat || shape.rest);
        let most = shapes.iter().map(|shape| shape.fields.len()).max().unwrap_or_default();
        let least = shapes.iter().map(|shape| shape.min).min().unwrap_or_default();
        if target.form != Form::Set {
            return;
        }
        if !open && own.fields.len() == most {
            let full =
                (0..4).filter_map(|_| self.ready(start, target, Values::Edge, rng)).find(|(invocation, _, _)| {
                    own.fields.last().is_some_and(|last| self.item_at(last, &invocation.given) != Item::Omitted)
                });
            if let Some((invocation, plan, _)) = full {
                let line = [&invocation.line[..], b",1"].concat();
                out.push(self.violation(Rule::ParamExtra, "one too many".to_owned(), target, &plan, line));
            }
        }
        // A mode of fewer parameters would take what is left.
        if own.min > least || least < 2 || spec.syntax.iter().any(|syntax| syntax.when.is_some()) {
            return;
        }
        let Some((entry, _)) = self.spec(target) else { return };
        let Some((invocation, plan, known)) = self.ready(start, target, Values::Least, rng) else { return };
        let cut =
            Shape { fields: own.fields.iter().take(least - 1).cloned().collect(), min: least - 1, ..Shape::default() };
        let mut given = Bag::new();
        for field in &cut.fields {
            let Some(spec) = field.param.and_then(|at| self.catalog.param(at)) else { continue };
            if let (Some(name), Some(item)) =
                (self.catalog.names.get(spec.name_id as usize), invocation.given.of(&self.catalog, spec))
            {
                given.set(name.to_string(), item.clone());
            }
        }
        let states = self.conditions(target);
        let sound = states.iter().all(|condition| known.holds(&self.catalog, &given, condition) != Some(false));
        if let Some(line) = emit::command(&self.catalog, entry, target.form, Some(&cut), &given).filter(|_| sound) {
            out.push(self.violation(Rule::ParamMissing, "one too few".to_owned(), target, &plan, line));
        }
    }

    fn malformed(&self, start: &Known, target: Target, spec: &FormSpec, rng: &mut Rng, out: &mut Vec<Violation>) {
        if self.shape_of(spec, target).is_none() {
            return;
        }
        let Some((invocation, plan, _)) = self.ready(start, target, Values::Least, rng) else { return };
        let quotes = invocation.line.iter().filter(|byte| **byte == b'"').count();
        if let Some((b'"', open)) = invocation.line.split_last()
            && quotes >= 2
        {
            let what = "the last quote is missing".to_owned();
            out.push(self.violation(Rule::MalformedCommand, what, target, &plan, open.to_vec()));
            let line = [&invocation.line[..], b"x"].concat();
            out.push(self.violation(Rule::MalformedCommand, "text behind the quote".to_owned(), target, &plan, line));
        }
    }

    fn broken_conditions(
        &self,
        start: &Known,
        target: Target,
        (entry, spec): (&Command, &FormSpec),
        rng: &mut Rng,
        out: &mut Vec<Violation>,
    ) {
        let general = self.catalog.needs.as_ref().filter(|_| !entry.always);
        let when = self.shape_of(spec, target).and_then(|(syntax, _)| syntax.when.as_ref());
        for (at, condition) in general.into_iter().chain(&spec.needs).chain(when).enumerate() {
            // The catalog's own is the same for every command: one of its violations for each form will do.
            let own = general.is_some() && at == 0;
            if own && target.shape.is_some_and(|shape| shape != (0, 0)) {
                continue;
            }
            let is_when = when.is_some_and(|when| std::ptr::eq(when, condition));
            if let Some(found) = self.broken(start, (target, spec), condition, is_when, rng) {
                let what = condition.text.to_string();
                out.push(self.violation(Rule::WrongState, what, target, &found.0, found.1.line));
            }
        }
        for relation in &spec.relations {
            for _ in 0..ATTEMPTS {
                let Some(invocation) = self.wild(target, spec, rng) else { continue };
                if start.holds(&self.catalog, &invocation.given, relation) != Some(false) {
                    continue;
                }
                let mut known = start.clone();
                let Some(plan) = self.plan_without(&invocation, relation, &mut known, rng) else { continue };
                let others = spec.relations.iter().filter(|other| other.text != relation.text);
                let alone =
                    others.into_iter().all(|other| known.holds(&self.catalog, &invocation.given, other) != Some(false));
                let still = known.holds(&self.catalog, &invocation.given, relation) == Some(false);
                if alone && still && self.is_apart(spec, target, &invocation.given, &known) {
                    let what = relation.text.to_string();
                    out.push(self.violation(Rule::ParamConflict, what, target, &plan, invocation.line));
                    break;
                }
            }
        }
    }

    /// A valid command in a state where one of its conditions is known not to hold, and all others surely do.
    fn broken(
        &self,
        start: &Known,
        (target, spec): (Target, &FormSpec),
        condition: &Condition,
        is_when: bool,
        rng: &mut Rng,
    ) -> Option<(Vec<Step>, Invocation)> {
        for attempt in 0..12 {
            let how = if attempt < 2 { Values::Least } else { Values::Any };
            let Some(invocation) = self.command(target, how, rng) else { continue };
            let mut known = start.clone();
            let mut steps = Vec::new();
            let others: Vec<&Condition> =
                self.conditions(target).into_iter().filter(|other| !std::ptr::eq(*other, condition)).collect();
            let ready = others
                .iter()
                .all(|other| self.bring(other, &invocation.given, Want::Holds, &mut known, &mut steps, 6, rng));
            if !ready || !self.bring(condition, &invocation.given, Want::Broken, &mut known, &mut steps, 6, rng) {
                continue;
            }
            let alone = others.iter().all(|other| known.surely(&self.catalog, &invocation.given, &other.expr));
            let broken = known.holds(&self.catalog, &invocation.given, condition) == Some(false);
            if alone && broken && (!is_when || self.is_apart(spec, target, &invocation.given, &known)) {
                return Some((steps, invocation));
            }
        }
        None
    }

    /// Whether no other alternative of this state takes these values.
    fn is_apart(&self, spec: &FormSpec, target: Target, given: &Bag, known: &Known) -> bool {
        let Some((_, own)) = self.shape_of(spec, target) else { return true };
        let items: Vec<Item> = own.fields.iter().map(|field| self.item_at(field, given)).collect();
        let count = items.iter().rposition(|item| *item != Item::Omitted).map_or(0, |at| at + 1);
        let items = items.get(..count).unwrap_or_default();
        let others = spec.syntax.iter().flat_map(|syntax| syntax.shapes.iter().map(move |shape| (syntax, shape)));
        others.filter(|(_, shape)| !std::ptr::eq(*shape, own)).all(|(syntax, shape)| {
            let off = syntax.when.as_ref().is_some_and(|when| known.holds(&self.catalog, given, when) == Some(false));
            let arity = shape.owed(count) == 0 && (count <= shape.fields.len() || shape.repeat || shape.rest);
            !arity || off || self.misfits(shape, items) > 0
        })
    }

    fn plan_without(
        &self,
        invocation: &Invocation,
        relation: &Condition,
        known: &mut Known,
        rng: &mut Rng,
    ) -> Option<Vec<Step>> {
        let mut steps = Vec::new();
        let needs: Vec<&Condition> =
            self.conditions(invocation.target).into_iter().filter(|other| other.text != relation.text).collect();
        let all = needs.iter().all(|need| self.bring(need, &invocation.given, Want::Holds, known, &mut steps, 6, rng));
        let still = needs.iter().all(|need| known.surely(&self.catalog, &invocation.given, &need.expr));
        (all && still).then_some(steps)
    }

    /// Valid values each for itself, whatever their relations say.
    fn wild(&self, target: Target, spec: &FormSpec, rng: &mut Rng) -> Option<Invocation> {
        let how = match rng.u8(0..4) {
            0 => Values::Least,
            1 => Values::Edge,
            _ => Values::Any,
        };
        let given = self.loose(spec, target, how, rng)?;
        self.invoke(target, given)
    }

    /// The result with which a module refuses a command.
    pub(crate) fn refusal(&self, target: Target) -> String {
        let is_result = |name: &&str| {
            self.catalog.lines.iter().any(|line| line.role == Role::Result && !line.ok && *line.name == **name)
        };
        let own = self.spec(target).map(|(_, spec)| &spec.finals[..]).unwrap_or_default();
        let known = own.iter().skip(1).chain(self.catalog.results.iter().skip(1)).map(|name| &**name);
        let any =
            self.catalog.lines.iter().filter(|line| line.role == Role::Result && !line.ok).map(|line| &*line.name);
        std::iter::once("ERROR").chain(known).chain(any).find(is_result).unwrap_or("ERROR").to_owned()
    }

    /// Writes a violation: the way there, the command, and the module's refusal.
    pub fn play(&self, violation: &Violation, rng: &mut Rng) -> super::Script {
        let mut writer = Writer::new(self, rng);
        writer.steps(&violation.plan);
        let exchange = writer.give(&violation.line);
        let refusal = self.refusal(violation.target);
        writer.result(&refusal, exchange);
        writer.script.model.clone_from(&violation.model);
        writer.script
    }
}

/// Whether a command is one of V.250's short ones, whose names end by themselves: `ATE0`, `AT&F`.
fn is_basic(name: &str) -> bool {
    let mut letters = name.chars();
    match letters.next() {
        Some('&') | None => true,
        Some(first) => first.is_ascii_alphabetic(),
    }
}

fn shown(item: &Item) -> String {
    let text = item.text();
    let head = text.get(..text.len().min(40)).unwrap_or(&text);
    let dots = if head.len() < text.len() { format!("… ({} bytes)", text.len()) } else { String::new() };
    format!("{}{dots}", crate::escape::escape(head))
}
