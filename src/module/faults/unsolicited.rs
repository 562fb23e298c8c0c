//! Unsolicited lines out of the catalog that are right in the module's state: a decoder or driver that is told one must not mind.

use fastrand::Rng;

use crate::catalog::expr::{Index, Val};
use crate::catalog::{Catalog, Effect, Kind, Line, ParamSpec, Pattern, Role, StateValue};
use crate::generate::emit::{self, Source};
use crate::generate::{Bag, Item, values};
use crate::module::core::{Core, Said};
use crate::module::state::{INDEXES, Scope};

/// Tries to fill a line whose parameters must suit the state.
const TRIES: usize = 8;

/// A line with its frame, and how many bytes at its end are counted data. `None`: there is none that would be right now.
pub(super) fn line(core: &Core, newest: &[&str], rng: &mut Rng) -> Option<(Vec<u8>, usize)> {
    let catalog = &*core.catalog;
    let fit = |line: &&Line| {
        line.role == Role::Urc
            && core.prints(line).is_some()
            && !line.catch_all
            && !newest.iter().any(|name| name.eq_ignore_ascii_case(&line.name))
            && !ends_something(catalog, line)
    };
    let known: Vec<&Line> = catalog.lines.iter().filter(fit).collect();
    for _ in 0..TRIES {
        let line = rng.choice(&known)?;
        if let Some(found) = filled(core, line, rng) {
            return Some(found);
        }
    }
    None
}

/// Whether a line of this name may be a command's result or answer as well: which one it is the open command decides.
fn ends_something(catalog: &Catalog, line: &Line) -> bool {
    let alike = catalog.line_index.find(line.name.as_bytes()).iter().filter_map(|at| catalog.lines.get(*at as usize));
    alike.into_iter().any(|other| other.role == Role::Result)
}

fn filled(core: &Core, line: &Line, rng: &mut Rng) -> Option<(Vec<u8>, usize)> {
    let catalog = &*core.catalog;
    let mut given = Bag::new();
    for spec in specs(catalog, line)? {
        if matches!(spec.kind, Kind::Any | Kind::List | Kind::Data(_)) {
            continue;
        }
        let name = catalog.names.get(spec.name_id as usize)?;
        given.set(name.to_string(), values::valid(catalog, spec, rng));
    }
    if let Some(counted) = line.data {
        let data = data(rng);
        let by = catalog.param(counted.by)?;
        given.set(catalog.names.get(by.name_id as usize)?.to_string(), data.len());
        given = given.with_data(data);
    }
    let scope = Scope { state: &core.state, catalog, given: &given };
    if line.when.as_ref().is_some_and(|when| when.expr.eval(&scope) != Some(true)) {
        return None;
    }
    // What it is read as may be another line of its name.
    let alike = catalog.lines.iter().filter(|other| other.role == Role::Urc && other.name == line.name);
    if !alike.flat_map(|other| &other.sets).all(|effect| holds(&scope, effect))
        || line.data.is_some() && !is_linked(&scope, line)
    {
        return None;
    }
    let mut bytes = Vec::new();
    emit::line(catalog, line, &Given(&given), &mut bytes)?;
    let data = given.data().map_or(0, <[u8]>::len);
    // As the module itself: no line end behind data that starts on the line.
    let on_line = line.starts_data();
    let mut framed = core.framed(Said::Urc, &bytes, !on_line);
    if on_line && !framed.starts_with(b"\r\n") {
        framed.splice(..0, *b"\r\n");
    }
    Some((framed, data))
}

/// What a line's fields are; `None`: it takes any text.
fn specs<'c>(catalog: &'c Catalog, line: &Line) -> Option<Vec<&'c ParamSpec>> {
    let mut at: Vec<u32> = line.below.into_iter().collect();
    match &line.pattern {
        Pattern::Words => {}
        Pattern::Link { param } => at.push(*param),
        Pattern::Template { parts } => at.extend(parts.iter().filter_map(|part| match part {
            crate::catalog::Part::Param(param) => Some(*param),
            crate::catalog::Part::Literal(_) => None,
        })),
        Pattern::Fields { shapes } => {
            at.extend(shapes.iter().flat_map(|shape| &shape.fields).filter_map(|field| field.param));
        }
        Pattern::Free { .. } => return None,
    }
    Some(at.into_iter().filter_map(|at| catalog.param(at)).collect())
}

/// Whether what a line tells is so already.
fn holds(scope: &Scope<'_>, effect: &Effect) -> bool {
    let Some(term) = &effect.value else { return true };
    let Some(new) = term.eval(scope) else { return false };
    let index = match effect.key.index {
        Index::Any => return false,
        Index::None => 0,
        Index::At(at) => usize::from(at),
        Index::Param(name) => match scope.index(name) {
            Some(index) => index,
            None => return false,
        },
    };
    match (scope.state.get(effect.key.key, index), new) {
        (Some(StateValue::Int(old)), Val::Int(new)) => *old == new,
        (Some(StateValue::Word(old)), Val::Bytes(new)) => old.as_bytes() == &*new,
        _ => false,
    }
}

/// Whether the connection that data comes on is there: as the line tells it that says when one is made.
fn is_linked(scope: &Scope<'_>, line: &Line) -> bool {
    let Some(own) = specs(scope.catalog, line) else { return false };
    scope.catalog.lines.iter().any(|made| {
        let Pattern::Link { param } = made.pattern else { return false };
        let Some(param) = scope.catalog.param(param) else { return false };
        let index =
            if own.iter().any(|spec| spec.name_id == param.name_id) { scope.index(param.name_id) } else { Some(0) };
        index.filter(|index| *index < INDEXES).is_some_and(|index| {
            made.sets.iter().any(|effect| {
                let one = matches!(&effect.value, Some(crate::catalog::expr::Term::Int(1)));
                one && scope.state.get(effect.key.key, index) == Some(&StateValue::Int(1))
            })
        })
    })
}

/// Data of a peer: some of it looks like results.
fn data(rng: &mut Rng) -> Vec<u8> {
    const NASTY: [&[u8]; 6] = [b"\r\nOK\r\n", b"\r\nERROR\r\n", b"+IPD,", b"> ", b"\r\nSEND OK\r\n", b"hello"];
    let mut bytes: Vec<u8> = (0..rng.usize(1..24)).map(|_| rng.u8(..)).collect();
    bytes.extend_from_slice(rng.choice(NASTY).unwrap_or_default());
    bytes
}

/// Only what is given.
struct Given<'a>(&'a Bag);

impl Source for Given<'_> {
    fn item(&self, catalog: &Catalog, spec: &ParamSpec) -> Option<Item> {
        self.0.get(catalog.names.get(spec.name_id as usize)?).cloned()
    }

    fn data(&self) -> Option<&[u8]> {
        self.0.data()
    }
}
