//! Whether a module takes a command: its form, its parameters one by one, their relations, the module's state.
//!
//! Written apart from the checks of recordings, after the same catalog: the two are held against each other in tests. The module
//! is as strict as the manual; what the manual leaves open, it takes.

use super::state::{Scope, State};
use crate::catalog::{Catalog, Command, FormSpec, Kind, Mac, ParamSpec, Quoted, Shape, StateValue};
use crate::check::Rule;
use crate::generate::{Bag, Item};
use crate::planted::{self, Bug};
use crate::session::Form;
use crate::syntax::{fields, value};

/// How far a field of another kind, a value outside of what is documented, and a list of another mode are from what is valid.
const MISFIT: u32 = 8;
const OUTSIDE: u32 = 3;
const OFF: u32 = 4;

/// Why a command is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The rule that the host broke.
    pub rule: Rule,
    /// The parameter that breaks it, by the manual's name; empty where it is none.
    pub param: Box<str>,
    /// The command, as the catalog writes it; empty where it has none of that name.
    pub command: Box<str>,
}

impl Refusal {
    pub(crate) fn of(rule: Rule) -> Self {
        Self { rule, param: "".into(), command: "".into() }
    }

    fn at(rule: Rule, spec: &ParamSpec) -> Self {
        Self { rule, param: spec.name.clone(), command: "".into() }
    }
}

/// What a verdict is reached from.
pub(crate) struct Bench<'a> {
    pub(crate) catalog: &'a Catalog,
    pub(crate) model: Option<u16>,
    pub(crate) state: &'a State,
}

impl Bench<'_> {
    /// Whether this model has the command and form.
    pub(crate) fn form<'c>(&self, command: &'c Command, form: Form) -> Result<&'c FormSpec, Refusal> {
        let spec = command.form(form).ok_or_else(|| Refusal::of(Rule::UnsupportedForm))?;
        let lacks = |models: &[u16], except: &[u16]| match self.model {
            None => false,
            Some(model) => {
                !models.is_empty() && !self.catalog.model_in(model, models) || self.catalog.model_in(model, except)
            }
        };
        if lacks(&command.models, &command.except) || lacks(&spec.models, &spec.except) {
            return Err(Refusal::of(Rule::ModelUnsupported));
        }
        Ok(spec)
    }

    /// Reads the parameters; of several alternatives the one that takes them, else the refusal of the one that came farthest.
    pub(crate) fn params(&self, spec: &FormSpec, args: &[u8]) -> Result<Bag, Refusal> {
        let mut spans = Vec::new();
        fields::split(args, 0, args.len(), self.catalog.escapes, &mut spans);
        if spec.syntax.is_empty() {
            return if spans.is_empty() { Ok(Bag::new()) } else { Err(Refusal::of(Rule::ParamExtra)) };
        }
        let agree = |bag: &Bag| spec.relations.iter().all(|relation| self.holds(bag, relation) != Some(false));
        let mut apart: Option<Bag> = None;
        // Of several that do not, the one that comes nearest says what is wrong.
        let mut nearest: Option<(u32, Refusal)> = None;
        for syntax in &spec.syntax {
            for shape in &syntax.shapes {
                let (bag, refused) = self.row(shape, args, &spans);
                let off = syntax.when.as_ref().is_some_and(|when| self.holds(&bag, when) == Some(false));
                let (far, refusal) = match refused {
                    None if off => (OFF, Refusal::of(Rule::WrongState)),
                    None if agree(&bag) => return Ok(bag),
                    // Another alternative may take what does not go together in this one.
                    None => {
                        apart = apart.or(Some(bag));
                        continue;
                    }
                    Some((far, refusal)) => (far + if off { OFF } else { 0 }, refusal),
                };
                if nearest.as_ref().is_none_or(|(least, _)| far < *least) {
                    nearest = Some((far, refusal));
                }
            }
        }
        if let Some(bag) = apart {
            return Ok(bag);
        }
        Err(nearest.map_or_else(|| Refusal::of(Rule::ParamMissing), |(_, refusal)| refusal))
    }

    /// What a command needs of the module's state and of its parameters together.
    pub(crate) fn conditions(&self, command: &Command, spec: &FormSpec, bag: &Bag) -> Result<(), Refusal> {
        let general = self.catalog.needs.as_ref().filter(|_| !command.always);
        let mut needs = general.into_iter().chain(&spec.needs).filter(|_| !planted::is(Bug::ModuleNeeds));
        if needs.any(|needs| self.holds(bag, needs) == Some(false)) {
            return Err(Refusal::of(Rule::WrongState));
        }
        let mut relations = spec.relations.iter().filter(|_| !planted::is(Bug::ModuleRelations));
        if relations.any(|relation| self.holds(bag, relation) == Some(false)) {
            return Err(Refusal::of(Rule::ParamConflict));
        }
        Ok(())
    }

    pub(crate) fn holds(&self, bag: &Bag, condition: &crate::catalog::Condition) -> Option<bool> {
        condition.expr.eval(&Scope { state: self.state, catalog: self.catalog, given: bag })
    }

    /// Reads fields after a shape. What is refused first comes with how far all of it is from the shape.
    fn row(&self, shape: &Shape, args: &[u8], spans: &[fields::Span]) -> (Bag, Option<(u32, Refusal)>) {
        let mut bag = Bag::new();
        let mut refused: Option<(u32, Refusal)> = None;
        let mut refuse = |far: u32, refusal: Refusal| match &mut refused {
            Some((all, _)) => *all += far,
            None => refused = Some((far, refusal)),
        };
        let most = shape.fields.len();
        for (at, &(start, end)) in spans.iter().enumerate() {
            let field = match shape.fields.get(at) {
                Some(field) => field,
                None => match shape.fields.last() {
                    Some(last) if shape.repeat => last,
                    _ => {
                        refuse(MISFIT, Refusal::of(Rule::ParamExtra));
                        break;
                    }
                },
            };
            let whole = shape.rest && at + 1 == most;
            let end = if whole { spans.last().map_or(end, |span| span.1) } else { end };
            let raw = args.get(start as usize..end as usize).unwrap_or_default();
            let raw = raw.strip_prefix(&*field.prefix).unwrap_or(raw);
            let raw = raw.strip_suffix(&*field.suffix).unwrap_or(raw);
            let Some(spec) = field.param.and_then(|param| self.catalog.spec_for(param, self.model)) else {
                // Words that stand for themselves, or nothing between two commas.
                if args.get(start as usize..end as usize).is_some_and(|raw| !raw.eq_ignore_ascii_case(&field.prefix)) {
                    refuse(MISFIT, Refusal::of(Rule::ParamExtra));
                }
                continue;
            };
            let name = || {
                let name = self.catalog.names.get(spec.name_id as usize).map_or("", |name| &**name);
                // Further values of a parameter that repeats are numbered from 2.
                if at < most { name.to_owned() } else { format!("{name}#{}", at + 2 - most) }
            };
            if raw.is_empty() {
                if !field.optional && at < shape.min {
                    refuse(MISFIT, Refusal::at(Rule::ParamMissing, spec));
                }
                bag.set(name(), Item::Omitted);
                continue;
            }
            if let Some(model) = self.model
                && !spec.only.is_empty()
                && !self.catalog.model_in(model, &spec.only)
            {
                refuse(OUTSIDE, Refusal::at(Rule::ModelUnsupported, spec));
            }
            match read(self.catalog, spec, raw) {
                Ok(item) => {
                    if let Some(fixed) = &field.fixed
                        && !item.text().eq_ignore_ascii_case(fixed.as_bytes())
                    {
                        refuse(MISFIT * 4, Refusal::at(Rule::ParamRange, spec));
                    }
                    bag.set(name(), item);
                }
                Err(rule) => {
                    let outside = matches!(rule, Rule::ParamRange | Rule::ParamLength);
                    refuse(if outside { OUTSIDE } else { MISFIT }, Refusal::at(rule, spec));
                    bag.set(name(), Item::Raw(raw.to_vec()));
                }
            }
            if whole {
                break;
            }
        }
        if shape.owed(spans.len()) > 0 {
            refuse(MISFIT, Refusal::of(Rule::ParamMissing));
        }
        (bag, refused)
    }
}

/// Reads one field; the rule that it breaks where it does.
fn read(catalog: &Catalog, spec: &ParamSpec, raw: &[u8]) -> Result<Item, Rule> {
    let (quoted, text) = unquote(catalog, raw)?;
    let number = || value::decimal(&text);
    match &spec.kind {
        Kind::Int(_) | Kind::Numbers | Kind::Bits | Kind::Hex(_) | Kind::Code(_) | Kind::Float => {
            if quoted && spec.quoted == Quoted::Never {
                return Err(Rule::ParamType);
            }
            let hex = || value::hexadecimal(&text);
            let number = match spec.kind {
                Kind::Hex(_) | Kind::Numbers | Kind::Code(_) => number().or_else(hex),
                Kind::Float if value::float(&text).is_some() => return Ok(Item::Raw(text)),
                _ => number(),
            };
            let number = match (number, &spec.kind) {
                (Some(number), _) => number,
                (None, Kind::Code(_)) => return Ok(Item::Text(text)),
                (None, _) => return Err(Rule::ParamType),
            };
            let fits = match &spec.kind {
                Kind::Int(ranges) | Kind::Hex(ranges) => {
                    ranges.contains(number) || planted::is(Bug::ModuleEdge) && ranges.contains(number - 1)
                }
                Kind::Numbers => spec.labels.iter().any(|(label, _)| *label == StateValue::Int(number)),
                Kind::Bits => {
                    let bit = |(bit, _): &(StateValue, Box<str>)| match bit {
                        StateValue::Int(bit @ 0..=62) => 1_i64 << bit,
                        _ => 0,
                    };
                    number >= 0 && number & !spec.labels.iter().map(bit).fold(0, |all, bit| all | bit) == 0
                }
                _ => true,
            };
            if fits { Ok(Item::Int(number)) } else { Err(Rule::ParamRange) }
        }
        Kind::Any | Kind::List | Kind::Data(_) => Ok(number().map_or(Item::Text(text), Item::Int)),
        kind => {
            match (spec.quoted, quoted) {
                (Quoted::Must, false) | (Quoted::Never, true) => return Err(Rule::ParamType),
                _ => {}
            }
            fits(spec, kind, &text)?;
            Ok(Item::Text(text))
        }
    }
}

fn fits(spec: &ParamSpec, kind: &Kind, text: &[u8]) -> Result<(), Rule> {
    let length =
        |ranges: &crate::catalog::Ranges, len: usize| match ranges.contains(i64::try_from(len).unwrap_or(i64::MAX)) {
            true => Ok(()),
            false => Err(Rule::ParamLength),
        };
    match kind {
        Kind::Ip if !value::is_ip(text) => return Err(Rule::ParamType),
        Kind::Mac(wanted) => {
            let mac = value::mac(text).ok_or(Rule::ParamType)?;
            let [first, ..] = mac;
            let wrong = match wanted {
                Mac::Any => false,
                Mac::Unicast => first & 1 == 1 || mac == [0; 6],
                Mac::Static => first >> 6 != 3 || mac == [0xFF; 6] || mac == [0xC0, 0, 0, 0, 0, 0],
            };
            if wrong {
                return Err(Rule::ParamRange);
            }
        }
        Kind::HexString(ranges) => length(ranges, value::hex_len(text).ok_or(Rule::ParamType)?)?,
        Kind::Words => {
            let known = spec.labels.iter().any(|(label, _)| match label {
                StateValue::Word(word) => word.as_bytes().eq_ignore_ascii_case(text),
                StateValue::Int(number) => number.to_string().as_bytes() == text,
            });
            if !known {
                return Err(Rule::ParamRange);
            }
        }
        Kind::Host(ranges) | Kind::String(ranges) | Kind::Text(ranges) => length(ranges, text.len())?,
        _ => {}
    }
    let begins = |start: &str| text.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start.as_bytes()));
    if !spec.starts.is_empty() && !spec.starts.iter().any(|start| begins(start)) {
        return Err(Rule::ParamRange);
    }
    if matches!(kind, Kind::String(_) | Kind::Text(_)) && !spec.numbers_fit(text) {
        return Err(Rule::ParamRange);
    }
    Ok(())
}

/// Takes quotes and escapes off.
fn unquote(catalog: &Catalog, raw: &[u8]) -> Result<(bool, Vec<u8>), Rule> {
    let Some((b'"', rest)) = raw.split_first() else { return Ok((false, raw.to_vec())) };
    let Some((b'"', inner)) = rest.split_last() else { return Err(Rule::MalformedCommand) };
    if !catalog.escapes {
        return Ok((true, inner.to_vec()));
    }
    let mut text = Vec::with_capacity(inner.len());
    let mut bytes = inner.iter();
    while let Some(&byte) = bytes.next() {
        text.push(if byte == b'\\' { *bytes.next().ok_or(Rule::MalformedCommand)? } else { byte });
    }
    Ok((true, text))
}
