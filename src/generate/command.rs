//! Commands that a manual allows: every form, alternative and shape, with values that keep to its relations.

use fastrand::Rng;

use super::item::{Bag, Item};
use super::known::Known;
use super::{Generator, emit, values};
use crate::catalog::expr::{Compare, Expr, Term};
use crate::catalog::{Command, FormSpec, Kind, ParamSpec, Quoted, Sends, Shape, StateValue, Syntax};
use crate::session::Form;

/// Largest data phase that a valid command asks for, where its manual lets it.
pub(crate) const DATA_MOST: i64 = 64;

/// Which parameters of which form of a command: positions in the catalog.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Target {
    /// Position of the command.
    pub command: u32,
    /// Its form.
    pub form: Form,
    /// Which alternative of the form's parameters, and which shape of it; `None` for a form that takes none.
    pub shape: Option<(usize, usize)>,
}

/// How the values of a command are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Values {
    /// Mandatory parameters alone.
    Least,
    /// All parameters, some of them on the edges of what is valid.
    Edge,
    /// Any valid ones.
    Any,
}

/// A command with its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invocation {
    /// What it is.
    pub target: Target,
    /// The values, by the catalog's names.
    pub given: Bag,
    /// The command line, without its line end.
    pub line: Vec<u8>,
}

/// Values that are settled ahead: the number of a parameter's name, and the value. An index of 0 may be missing: it is the only link there is.
pub(crate) type Pins = Vec<Pin>;

/// See [`Pins`].
#[derive(Clone, Debug)]
pub(crate) struct Pin {
    pub(crate) name: u32,
    pub(crate) item: Item,
    /// It must have a place.
    pub(crate) needed: bool,
}

impl Generator {
    /// Everything that a module of this model has: each command, form, alternative and shape.
    pub fn targets(&self) -> &[Target] {
        &self.targets
    }

    pub(crate) fn find_targets(&self) -> Vec<Target> {
        let mut out = Vec::new();
        for (command, entry) in (0..).zip(&self.catalog.commands) {
            for form in Form::ALL {
                let Some(spec) = entry.form(form) else { continue };
                if self.lacks(entry, spec) {
                    continue;
                }
                let shapes = spec.syntax.iter().enumerate().flat_map(|(at, syntax)| {
                    syntax.shapes.iter().enumerate().filter_map(move |(shape, fields)| {
                        // `AT+X=` with nothing behind it is no shape of a set command.
                        (form != Form::Set || !fields.fields.is_empty()).then_some((at, shape))
                    })
                });
                out.extend(shapes.map(|shape| Target { command, form, shape: Some(shape) }));
                if spec.syntax.is_empty() && form != Form::Set {
                    out.push(Target { command, form, shape: None });
                }
            }
        }
        out
    }

    /// Whether the model lacks a command or form.
    pub(crate) fn lacks(&self, entry: &Command, spec: &FormSpec) -> bool {
        let Some(model) = self.model else { return false };
        let lacks = |only: &[u16], except: &[u16]| {
            !only.is_empty() && !self.catalog.model_in(model, only) || self.catalog.model_in(model, except)
        };
        lacks(&entry.models, &entry.except) || lacks(&spec.models, &spec.except)
    }

    /// The command of a target and what the manual says of its form.
    pub(crate) fn spec(&self, target: Target) -> Option<(&Command, &FormSpec)> {
        let entry = self.catalog.commands.get(target.command as usize)?;
        Some((entry, entry.form(target.form)?))
    }

    pub(crate) fn shape_of<'s>(&self, spec: &'s FormSpec, target: Target) -> Option<(&'s Syntax, &'s Shape)> {
        let (syntax, shape) = target.shape?;
        let syntax = spec.syntax.get(syntax)?;
        Some((syntax, syntax.shapes.get(shape)?))
    }

    /// The name of a target, for people: `AT+CIPSTART= <type>,<remote IP>,<remote port>`.
    pub fn describe(&self, target: Target) -> String {
        let Some((entry, spec)) = self.spec(target) else { return String::new() };
        let sign = match target.form {
            Form::Execute => "",
            Form::Set => "=",
            Form::Read => "?",
            Form::Test => "=?",
        };
        let text = self.shape_of(spec, target).map_or("", |(syntax, _)| &syntax.text);
        format!("AT{}{sign}{}{text}", entry.name, if text.is_empty() { "" } else { " " })
    }

    /// A valid command: its values keep to their descriptions and relations. `None`: none was found. Whether the module's state suits it is
    /// another matter: see [`plan`](Self::plan).
    pub fn command(&self, target: Target, values: Values, rng: &mut Rng) -> Option<Invocation> {
        self.pinned(target, values, &Vec::new(), &Known::boot(&self.catalog), rng)
    }

    /// As [`command`](Self::command), with some values settled ahead.
    pub(crate) fn pinned(
        &self,
        target: Target,
        values: Values,
        pins: &Pins,
        known: &Known,
        rng: &mut Rng,
    ) -> Option<Invocation> {
        let (_, spec) = self.spec(target)?;
        for attempt in 0..120 {
            let Some(mut given) = self.fill(spec, target, values, pins, attempt, rng) else { continue };
            if !self.count_texts(spec, &mut given) {
                continue;
            }
            let sound =
                spec.relations.iter().all(|relation| known.holds(&self.catalog, &given, relation) != Some(false));
            if !sound {
                continue;
            }
            if let Some(invocation) = self.invoke(target, given) {
                return Some(invocation);
            }
        }
        None
    }

    /// Makes the parameters that count the bytes of others do so: `len(<name>) = <namelen>`.
    /// `false`: the count would not be valid.
    fn count_texts(&self, spec: &FormSpec, given: &mut Bag) -> bool {
        for relation in &spec.relations {
            let (Expr::Compare(Compare::Equal, Term::Len(text), Term::Param(count))
            | Expr::Compare(Compare::Equal, Term::Param(count), Term::Len(text))) = &relation.expr
            else {
                continue;
            };
            let name = |at: u32| self.catalog.names.get(at as usize).map(|name| name.to_string());
            let (Some(text), Some(count)) = (name(*text), name(*count)) else { continue };
            let len = given.get(&text).map(|item| item.text().len());
            if let (Some(len), Some(_)) = (len, given.get(&count)) {
                let item = Item::from(len);
                let fields = spec.syntax.iter().flat_map(|syntax| &syntax.shapes).flat_map(|shape| &shape.fields);
                let mut specs = fields.filter_map(|field| self.catalog.spec_for(field.param?, self.model));
                let own =
                    specs.find(|spec| self.catalog.names.get(spec.name_id as usize).is_some_and(|n| **n == *count));
                if own.is_some_and(|own| values::breaks(&self.catalog, own, &item).is_some()) {
                    return false;
                }
                given.set(count, item);
            }
        }
        true
    }

    /// The command line of given values. `None`: they do not make one.
    pub(crate) fn invoke(&self, target: Target, given: Bag) -> Option<Invocation> {
        let (entry, spec) = self.spec(target)?;
        let shape = self.shape_of(spec, target).map(|(_, shape)| shape);
        let mut line = emit::command(&self.catalog, entry, target.form, shape, &given)?;
        if &*entry.name == "A/" {
            // It stands alone (ITU-T V.250 §5.2.4).
            line = b"A/".to_vec();
        }
        (target.form != Form::Set || line.last() != Some(&b'=')).then_some(Invocation { target, given, line })
    }

    /// Values for a shape; relations and state are not looked at. The more attempts failed, the wilder.
    fn fill(
        &self,
        spec: &FormSpec,
        target: Target,
        values: Values,
        pins: &Pins,
        attempt: u32,
        rng: &mut Rng,
    ) -> Option<Bag> {
        let mut given = Bag::new();
        let Some((syntax, shape)) = self.shape_of(spec, target) else { return Some(given) };
        let most = shape.fields.len();
        let least = shape.min.max(usize::from(target.form == Form::Set)).min(most);
        let count = match values {
            Values::Least if attempt < 10 => least,
            Values::Edge if attempt < 10 => most,
            _ => rng.usize(least..=most),
        };
        let count = (count + shape.owed(count)).min(most);
        let hints = hints(spec, syntax);
        for (at, field) in shape.fields.iter().enumerate() {
            let Some(param) = field.param.and_then(|at| self.catalog.spec_for(at, self.model)) else { continue };
            let name = self.catalog.names.get(param.name_id as usize)?.to_string();
            if let Some(fixed) = &field.fixed {
                let item = fixed.parse().map_or_else(|_| Item::from(&**fixed), Item::Int);
                given.set(name, item);
                continue;
            }
            let pinned = pins.iter().find(|pin| pin.name == param.name_id).map(|pin| pin.item.clone());
            if at >= count && pinned.is_none() {
                continue;
            }
            let skip = field.optional && at < shape.min && (values == Values::Least || rng.u8(0..4) == 0);
            let foreign =
                self.model.is_some_and(|model| !param.only.is_empty() && !self.catalog.model_in(model, &param.only));
            if pinned.is_none() && (skip || foreign) {
                if !field.optional {
                    return None;
                }
                continue;
            }
            let item = match pinned {
                Some(item) => item,
                None => self.choose(param, spec, values, attempt, &hints, rng),
            };
            given.set(name, item);
        }
        // A pin that has no place is a value that this shape cannot give.
        let names: Vec<u32> =
            shape.fields.iter().filter_map(|field| Some(self.catalog.param(field.param?)?.name_id)).collect();
        pins.iter().all(|pin| !pin.needed || names.contains(&pin.name)).then_some(given)
    }

    /// Values each valid for itself, whatever their relations say.
    pub(crate) fn loose(&self, spec: &FormSpec, target: Target, values: Values, rng: &mut Rng) -> Option<Bag> {
        self.fill(spec, target, values, &Pins::new(), 20, rng)
    }

    /// A value of one parameter.
    fn choose(
        &self,
        param: &ParamSpec,
        spec: &FormSpec,
        values: Values,
        attempt: u32,
        hints: &[i64],
        rng: &mut Rng,
    ) -> Item {
        let counts =
            spec.data.as_ref().is_some_and(|data| matches!(&data.sends, Sends::Counted(by) if **by == *param.name));
        if counts && let Kind::Int(ranges) | Kind::Hex(ranges) = &param.kind {
            let low = ranges.0.first().map_or(0, |range| range.0).max(1);
            let high = ranges.0.first().map_or(DATA_MOST, |range| range.1).clamp(low, low.max(DATA_MOST));
            return Item::Int(if values == Values::Least { low.max(high.min(5)) } else { rng.i64(low..=high) });
        }
        if let Kind::Int(ranges) | Kind::Hex(ranges) = &param.kind
            && attempt > 2
            && rng.u8(0..3) == 0
            && let Some(hint) = rng.choice(hints).filter(|hint| ranges.contains(**hint))
        {
            return Item::Int(*hint);
        }
        if values == Values::Least
            && attempt < 30
            && let Some(name) = self.catalog.names.get(param.name_id as usize)
            && let Some((_, item)) = self.preferred.iter().find(|(own, _)| **own == **name)
            && values::breaks(&self.catalog, param, item).is_none()
        {
            return item.clone();
        }
        match values {
            Values::Edge if attempt < 60 || rng.bool() => {
                let edges = values::edges(param);
                let short = edges.into_iter().filter(|item| item.text().len() <= 512);
                let short: Vec<Item> = short.filter(|item| !is_absent(param, item)).collect();
                rng.choice(short).unwrap_or_else(|| values::valid(&self.catalog, param, rng))
            }
            // An empty text without quotes is none.
            _ => {
                let item = values::valid(&self.catalog, param, rng);
                if is_absent(param, &item) { values::usual(&self.catalog, param) } else { item }
            }
        }
    }
}

/// Whether a value prints as nothing.
pub(crate) fn is_absent(param: &ParamSpec, item: &Item) -> bool {
    let bare = match param.quoted {
        Quoted::Never => true,
        Quoted::Must => false,
        Quoted::Either => matches!(param.kind, Kind::Text(_) | Kind::Any),
    };
    bare && item.text().is_empty()
}

/// Numbers that the form's conditions speak of.
fn hints(spec: &FormSpec, syntax: &Syntax) -> Vec<i64> {
    let mut out = vec![0, 1];
    let conditions = spec.relations.iter().chain(&spec.needs).chain(&syntax.when);
    conditions.for_each(|condition| numbers(&condition.expr, &mut out));
    out
}

fn numbers(expr: &Expr, out: &mut Vec<i64>) {
    let mut of = |term: &Term| match term {
        Term::Int(number) => out.extend([number.saturating_sub(1), *number, number.saturating_add(1)]),
        Term::Modulo(_, by) => out.extend([0, *by, by.saturating_mul(2)]),
        _ => {}
    };
    match expr {
        Expr::And(a, b) | Expr::Or(a, b) | Expr::Implies(a, b) => {
            numbers(a, out);
            numbers(b, out);
        }
        Expr::Not(inner) => numbers(inner, out),
        Expr::Compare(_, a, b) => [a, b].into_iter().for_each(of),
        Expr::In(_, ranges) => ranges.iter().for_each(|(low, high)| {
            of(low);
            of(high);
        }),
        Expr::Given(_) => {}
    }
}

/// A state's value as a parameter has it.
pub(crate) fn item_of(value: &StateValue) -> Item {
    match value {
        StateValue::Int(number) => Item::Int(*number),
        StateValue::Word(word) => Item::from(&**word),
    }
}
