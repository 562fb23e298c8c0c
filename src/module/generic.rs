//! What a command does where no code says otherwise: a set command stores its parameters, a read command answers with them, a test
//! command prints the ranges.

use std::cell::RefCell;
use std::sync::Arc;

use super::core::{Call, Core};
use super::dialect::Outcome;
use crate::catalog::expr::Term;
use crate::catalog::{Catalog, Command, Effect, Kind, Line, ParamSpec, Pattern};
use crate::generate::emit::{self, Source};
use crate::generate::{Bag, Item, values};
use crate::session::Form;

/// Does what the catalog says.
pub(super) fn command(core: &mut Core, call: &Call) -> Outcome {
    let catalog = Arc::clone(&core.catalog);
    let Some(command) = catalog.commands.get(call.command as usize) else { return Outcome::Ok };
    let Some(spec) = command.form(call.form) else { return Outcome::Ok };
    if call.form == Form::Set || call.form == Form::Execute && !call.given.is_empty() {
        core.memory.keep(call.command, row_key(&catalog, command), &call.given);
    }
    let mut told: Vec<&str> = Vec::new();
    for at in &spec.reply {
        let Some(line) = catalog.lines.get(*at as usize) else { continue };
        // Lines of one name, and of the command's several names, are alternatives of each other; the best was said already.
        let name = common(command, line);
        if told.contains(&name) {
            continue;
        }
        told.push(name);
        let alike = spec.reply.iter().filter_map(|at| catalog.lines.get(*at as usize));
        let alike: Vec<&Line> = alike.filter(|other| common(command, other) == name).collect();
        let rows = match call.form {
            Form::Read => core.memory.rows(call.command).to_vec(),
            _ => Vec::new(),
        };
        let rows = if rows.is_empty() { vec![call.given.clone()] } else { rows };
        for row in rows {
            say(core, &catalog, command, call, &alike, &row);
        }
    }
    let phase = spec.data.as_ref().filter(|data| {
        let scope = super::state::Scope { state: &core.state, catalog: &catalog, given: &call.given };
        data.phase.as_ref().is_none_or(|phase| phase.expr.eval(&scope) != Some(false))
    });
    match phase {
        Some(data) if data.sends == crate::catalog::Sends::Transparent => Outcome::Passthrough,
        Some(_) => Outcome::Data,
        None => Outcome::Ok,
    }
}

/// A line's name; the command's own for each of its names, and for a line that has none.
fn common<'c>(command: &'c Command, line: &'c Line) -> &'c str {
    let name = &*line.name;
    if matches!(line.pattern, Pattern::Free { .. }) || command.aliases.iter().any(|alias| **alias == *name) {
        &command.name
    } else {
        name
    }
}

/// A line that could be said.
struct Candidate<'a> {
    rank: (bool, u8, bool),
    bytes: Vec<u8>,
    line: &'a Line,
    values: Bag,
}

/// Says the line that suits the command's spelling and this firmware best and can be filled.
fn say(core: &mut Core, catalog: &Catalog, command: &Command, call: &Call, alike: &[&Line], row: &Bag) {
    let mut best: Option<Candidate<'_>> = None;
    for line in alike {
        let Some(rank) = core.suits(line, call) else { continue };
        let scope = super::state::Scope { state: &core.state, catalog, given: row };
        if line.when.as_ref().is_some_and(|when| when.expr.eval(&scope) == Some(false)) {
            continue;
        }
        let mut bytes = Vec::new();
        let source = Noted { source: Usual { core, command, form: call.form, row }, noted: RefCell::default() };
        if emit::line(catalog, line, &source, &mut bytes).is_some() && best.as_ref().is_none_or(|best| rank > best.rank)
        {
            best = Some(Candidate { rank, bytes, line, values: source.noted.into_inner() });
        }
    }
    if let Some(Candidate { bytes, line, values, .. }) = best {
        core.say_line(super::core::Said::Response, &bytes);
        tell(core, catalog, command, call, line, &values);
    }
}

/// What the module says of itself is so from then on.
fn tell(core: &mut Core, catalog: &Catalog, command: &Command, call: &Call, line: &Line, values: &Bag) {
    let twin = line.twin.and_then(|at| catalog.lines.get(at as usize));
    core.state.apply(catalog, twin.map_or(&line.sets, |twin| &twin.sets), values);
    if call.form != Form::Read {
        return;
    }
    for spec in [Form::Set, Form::Read].into_iter().filter_map(|form| command.form(form)) {
        let is_told = |effect: &&Effect| match effect.value {
            Some(Term::Param(name)) => catalog.names.get(name as usize).is_some_and(|name| values.get(name).is_some()),
            _ => false,
        };
        let told: Vec<Effect> = spec.sets.iter().filter(is_told).cloned().collect();
        core.state.apply(catalog, &told, values);
    }
}

/// Keeps what is asked of another source.
struct Noted<S> {
    source: S,
    noted: RefCell<Bag>,
}

impl<S: Source> Source for Noted<S> {
    fn item(&self, catalog: &Catalog, spec: &ParamSpec) -> Option<Item> {
        let item = self.source.item(catalog, spec)?;
        if let Some(name) = catalog.names.get(spec.name_id as usize) {
            self.noted.borrow_mut().set(name.to_string(), item.clone());
        }
        Some(item)
    }

    fn data(&self) -> Option<&[u8]> {
        self.source.data()
    }
}

/// The parameter that tells rows apart: the first of several, where it is a number that names one of many.
fn row_key<'c>(catalog: &'c Catalog, command: &Command) -> Option<&'c str> {
    let set = command.form(Form::Set)?;
    let shape = set.syntax.iter().flat_map(|syntax| &syntax.shapes).max_by_key(|shape| shape.fields.len())?;
    let first = catalog.param(shape.fields.first()?.param?)?;
    let is_index = ["id", "ID", "index", "socket", "conn"].iter().any(|end| first.name.ends_with(end));
    let name = catalog.names.get(first.name_id as usize)?;
    (shape.fields.len() > 1 && is_index && matches!(first.kind, Kind::Int(_) | Kind::Numbers)).then_some(&**name)
}

/// What was stored, what the scenario says, and beyond that what the manual says is usual.
struct Usual<'a> {
    core: &'a Core,
    command: &'a Command,
    form: Form,
    row: &'a Bag,
}

impl Source for Usual<'_> {
    fn item(&self, catalog: &Catalog, spec: &ParamSpec) -> Option<Item> {
        if self.form == Form::Test {
            if matches!(spec.kind, Kind::List | Kind::Any) {
                return Some(Item::Raw(self.ranges(spec).into_bytes()));
            }
        } else if let Some(item) = self.row.of(catalog, spec).filter(|item| **item != Item::Omitted) {
            return Some(item.clone());
        }
        if matches!(spec.kind, Kind::Data(_)) {
            return None;
        }
        self.core.fact(&self.command.name, &spec.name).or_else(|| Some(values::usual(catalog, spec)))
    }
}

impl Usual<'_> {
    /// The range list of the set form's parameter of this name; of all its parameters, where there is none.
    fn ranges(&self, list: &ParamSpec) -> String {
        let set = self.command.form(Form::Set).or_else(|| self.command.form(Form::Execute));
        let shapes = set.into_iter().flat_map(|set| &set.syntax).flat_map(|syntax| &syntax.shapes);
        let Some(shape) = shapes.max_by_key(|shape| shape.fields.len()) else { return "()".to_owned() };
        let specs: Vec<&ParamSpec> =
            shape.fields.iter().filter_map(|field| self.core.catalog.spec_for(field.param?, self.core.model)).collect();
        match specs.iter().find(|spec| spec.name_id == list.name_id) {
            Some(spec) => values::range_list(spec),
            None => {
                let lists = specs.iter().map(|spec| values::range_list(spec)).filter(|list| list != "()");
                let lists: Vec<String> = lists.collect();
                if lists.is_empty() { "()".to_owned() } else { lists.join(",") }
            }
        }
    }
}
