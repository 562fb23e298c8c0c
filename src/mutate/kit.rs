//! What the catalogs hold, made ready: lines as rows of parts, values already printed, words.
//!
//! Built once; a mutation then copies bytes and never asks a catalog. Everything lies in one buffer.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use fastrand::Rng;

use crate::catalog::{Catalog, FormSpec, Kind, Line, ParamSpec, Pattern, Role, Shape};
use crate::generate::{Item, emit, values};
use crate::session::Form;

use super::havoc;
use super::job::Style;

/// Bytes of [`Kit::bytes`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Span {
    start: u32,
    end: u32,
}

/// A piece of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Text(Span),
    /// A value of a pool.
    Value(u32),
    /// The number of bytes of the line's data.
    Count,
    /// The line's data.
    Data,
}

impl Span {
    pub(super) const fn len(self) -> usize {
        (self.end - self.start) as usize
    }
}

/// A word of the target's own, as a place on a walk through all of them.
#[derive(Clone, Debug)]
pub(super) struct Stop {
    pub(super) word: Span,
    /// Without separators and formats.
    pub(super) head: Span,
    /// Lines that begin with it.
    pub(super) templates: Vec<u32>,
}

/// A line of the module, or a command.
#[derive(Clone, Debug)]
pub(super) struct Template {
    parts: Range<u32>,
    pub(super) data: bool,
    pub(super) prompt: bool,
}

/// Printed values of a parameter.
#[derive(Clone, Debug, Default)]
pub(super) struct Pool {
    good: Range<u32>,
    edge: Range<u32>,
    bad: Range<u32>,
    pub(super) number: bool,
}

/// A command with all that answers it; positions of templates.
#[derive(Clone, Debug, Default)]
pub(super) struct Talk {
    pub(super) command: Option<u32>,
    pub(super) reply: Vec<u32>,
    pub(super) after: Vec<u32>,
    pub(super) later: Vec<u32>,
    pub(super) finals: Vec<Span>,
    pub(super) prompt: Option<Span>,
    /// `OK` stands ahead of the prompt.
    pub(super) accepts: bool,
    pub(super) then: Vec<Span>,
}

/// What one catalog gives.
#[derive(Clone, Debug)]
pub(super) struct Dialect {
    pub(super) catalog: Arc<Catalog>,
    /// Templates by role.
    pub(super) urcs: Vec<u32>,
    pub(super) results: Vec<u32>,
    pub(super) progress: Vec<u32>,
    pub(super) boots: Vec<u32>,
    /// Those that have counted data.
    pub(super) data: Vec<u32>,
    /// All of them.
    pub(super) all: Vec<u32>,
    pub(super) talks: Vec<Talk>,
    pub(super) words: Vec<Span>,
    /// What of this the target itself has words of.
    pub(super) focus: Option<Box<Dialect>>,
}

/// What the catalogs hold, ready to be printed.
#[derive(Clone, Debug, Default)]
pub(super) struct Kit {
    bytes: Vec<u8>,
    parts: Vec<Part>,
    values: Vec<Span>,
    templates: Vec<Template>,
    pools: Vec<Pool>,
    pub(super) dialects: Vec<Dialect>,
    /// Templates by the line's name, with their dialects (a bit each).
    names: HashMap<Box<[u8]>, (Vec<u32>, u32)>,
    /// In how many of 8 cases a dialect's focus stands for it.
    pub(super) focused: u8,
    /// Words that the target itself has.
    pub(super) own: Vec<Span>,
    /// Of these, the ones that begin a line, and the ones that may be fields of one.
    pub(super) heads: Vec<Span>,
    pub(super) texts: Vec<Span>,
    /// The same in the order of the program, with the catalogs' lines.
    pub(super) tour: Vec<Stop>,
}

/// Stand in a printed line for a parameter (with its position between) and for counted data; no UTF-8 text has them.
const PARAM: u8 = 0xFF;
const PARAM_END: u8 = 0xFE;
const DATA: u8 = 0xFD;

/// Prints marks in place of values.
struct Marks<'a> {
    /// Parameters that get a mark.
    wanted: &'a dyn Fn(u32) -> bool,
    positions: &'a HashMap<*const ParamSpec, u32>,
    data: bool,
}

impl emit::Source for Marks<'_> {
    fn item(&self, _: &Catalog, spec: &ParamSpec) -> Option<Item> {
        let at = *self.positions.get(&std::ptr::from_ref(spec))?;
        (self.wanted)(at).then(|| {
            let mut mark = vec![PARAM];
            mark.extend_from_slice(at.to_string().as_bytes());
            mark.push(PARAM_END);
            Item::Raw(mark)
        })
    }

    fn data(&self) -> Option<&[u8]> {
        self.data.then_some(&[DATA])
    }
}

/// Puts the kit together.
struct Builder<'a> {
    kit: Kit,
    catalog: &'a Catalog,
    model: Option<u16>,
    positions: HashMap<*const ParamSpec, u32>,
    /// Pools by the parameter's position.
    pools: HashMap<u32, u32>,
    rng: Rng,
}

impl Kit {
    /// Makes catalogs ready; `model` is a product's name, which limits what those catalogs give that know it.
    pub(super) fn new(catalogs: &[Arc<Catalog>], model: Option<&str>) -> Self {
        let mut kit = Self::default();
        for catalog in catalogs {
            let positions = catalog.params.iter().zip(0..).map(|(spec, at)| (std::ptr::from_ref(spec), at)).collect();
            let mut builder = Builder {
                kit,
                catalog,
                model: model.and_then(|name| catalog.model(name)),
                positions,
                pools: HashMap::new(),
                rng: Rng::with_seed(1),
            };
            let dialect = builder.dialect(Arc::clone(catalog));
            kit = builder.kit;
            kit.dialects.push(dialect);
        }
        kit
    }

    pub(super) fn text(&self, span: Span) -> &[u8] {
        self.bytes.get(span.start as usize..span.end as usize).unwrap_or_default()
    }

    pub(super) fn template(&self, at: u32) -> Option<&Template> {
        self.templates.get(at as usize)
    }

    pub(super) fn parts(&self, template: &Template) -> &[Part] {
        self.parts.get(template.parts.start as usize..template.parts.end as usize).unwrap_or_default()
    }

    pub(super) fn pool(&self, at: u32) -> Option<&Pool> {
        self.pools.get(at as usize)
    }

    /// A printed value: mostly valid (the usual one in `style.usual` of 256 cases), else on an edge, else one that breaks its
    /// description (in `style.wrong` of 256).
    pub(super) fn value(&self, pool: &Pool, style: Style, rng: &mut Rng) -> &[u8] {
        let list = match rng.u8(..) {
            roll if roll < style.wrong && !pool.bad.is_empty() => &pool.bad,
            roll if roll & 3 == 0 && !pool.edge.is_empty() => &pool.edge,
            _ => &pool.good,
        };
        let list = self.values.get(list.start as usize..list.end as usize).unwrap_or_default();
        let usual = rng.u8(..) < style.usual;
        let chosen = if usual { list.first() } else { rng.choice(list) };
        chosen.map_or(b"", |&span| self.text(span))
    }

    /// The templates of a line's name, and which dialects have it (a bit each).
    pub(super) fn named(&self, name: &[u8]) -> Option<(&[u32], u32)> {
        self.names.get(name).map(|(templates, dialects)| (templates.as_slice(), *dialects))
    }

    /// Names of lines and words, as programs may have them.
    pub(super) fn known(&self) -> impl Iterator<Item = &[u8]> {
        let words = self.dialects.iter().flat_map(|dialect| &dialect.words).map(|&span| self.text(span));
        words.chain(self.names.keys().map(|name| &**name))
    }

    /// Takes a word of the target's own.
    pub(super) fn add_word(&mut self, word: &[u8]) {
        let span = self.keep(word);
        self.own.push(span);
    }

    /// Finds out what of each dialect the target has words of.
    pub(super) fn focus(&mut self) {
        /// With fewer lines the words found are not the parser's: it keeps its own somewhere else.
        const ENOUGH: usize = 8;
        let own: Vec<Vec<u8>> = self.own.iter().map(|&span| head(self.text(span)).to_vec()).collect();
        let mine = |text: &[u8]| {
            let text = head(text);
            let near = |own: &Vec<u8>| match own.len() {
                0..2 => false,
                2 => *own == text,
                _ => text.starts_with(own) || (text.len() > 2 && own.starts_with(text)),
            };
            !text.is_empty() && own.iter().any(near)
        };
        let wanted: Vec<bool> = self
            .templates
            .iter()
            .map(|template| {
                let mut texts = self.parts(template).iter().filter_map(|part| match part {
                    Part::Text(span) => Some(self.text(*span)),
                    _ => None,
                });
                texts.any(mine)
            })
            .collect();
        let is_wanted = |at: &u32| wanted.get(*at as usize) == Some(&true);
        let focused: Vec<Option<Box<Dialect>>> = self
            .dialects
            .iter()
            .map(|dialect| {
                let some = |list: &Vec<u32>| {
                    let kept: Vec<u32> = list.iter().filter(|at| is_wanted(at)).copied().collect();
                    if kept.is_empty() { list.clone() } else { kept }
                };
                let all: Vec<u32> = dialect.all.iter().filter(|at| is_wanted(at)).copied().collect();
                if all.len() < ENOUGH {
                    return None;
                }
                let tells = |talk: &&Talk| talk.reply.iter().chain(&talk.after).chain(&talk.later).any(is_wanted);
                let talks: Vec<Talk> =
                    dialect.talks.iter().filter(|talk| tells(talk) || talk.prompt.is_some()).cloned().collect();
                Some(Box::new(Dialect {
                    catalog: Arc::clone(&dialect.catalog),
                    urcs: some(&dialect.urcs),
                    results: some(&dialect.results),
                    progress: some(&dialect.progress),
                    boots: some(&dialect.boots),
                    data: some(&dialect.data),
                    all,
                    talks: if talks.is_empty() { dialect.talks.clone() } else { talks },
                    words: dialect.words.iter().filter(|&&span| mine(self.text(span))).copied().collect(),
                    focus: None,
                }))
            })
            .collect();
        for (dialect, focus) in self.dialects.iter_mut().zip(focused) {
            dialect.focus = focus;
        }
        let begins = |&span: &Span| {
            self.text(span).first() == Some(&b'+') || matches!(self.text(span).trim_ascii_end().last(), Some(b':'))
        };
        let (heads, texts) = self.own.iter().copied().partition(begins);
        (self.heads, self.texts) = (heads, texts);
        // A program in Rust keeps some of its literals in the code: then the words are not all that it waits for.
        self.focused = if self.heads.len() < ENOUGH { 3 } else { 6 };
        self.tour = self.own.iter().map(|&word| self.stop(word)).collect();
    }

    fn stop(&self, word: Span) -> Stop {
        let text = self.text(word);
        let (from, to) = head_range(text);
        let name = head(text);
        let first = |template: &Template| match self.parts(template).first() {
            Some(Part::Text(span)) => head(self.text(*span)),
            _ => b"",
        };
        let fits = |template: &Template| {
            let own = first(template);
            own.len() > 2 && name.len() > 2 && (own.starts_with(name) || name == own)
        };
        let templates =
            self.templates.iter().zip(0..).filter(|(template, _)| fits(template)).map(|(_, at)| at).collect();
        Stop { word, head: Span { start: word.start + from as u32, end: word.start + to as u32 }, templates }
    }

    fn keep(&mut self, bytes: &[u8]) -> Span {
        let start = self.bytes.len() as u32;
        self.bytes.extend_from_slice(bytes);
        Span { start, end: self.bytes.len() as u32 }
    }
}

impl Builder<'_> {
    fn has(&self, models: &[u16], except: &[u16]) -> bool {
        let Some(model) = self.model else { return true };
        (models.is_empty() || self.catalog.model_in(model, models)) && !self.catalog.model_in(model, except)
    }

    fn dialect(&mut self, catalog: Arc<Catalog>) -> Dialect {
        let mut out = Dialect {
            catalog: Arc::clone(&catalog),
            urcs: Vec::new(),
            results: Vec::new(),
            progress: Vec::new(),
            boots: Vec::new(),
            data: Vec::new(),
            all: Vec::new(),
            talks: Vec::new(),
            words: Vec::new(),
            focus: None,
        };
        let bit = 1_u32 << self.kit.dialects.len().min(31);
        let mut lines: Vec<Vec<u32>> = Vec::new();
        for line in &catalog.lines {
            let made = self.line(line);
            for &at in &made {
                let role = match line.role {
                    Role::Boot => &mut out.boots,
                    Role::Progress => &mut out.progress,
                    Role::Result => &mut out.results,
                    Role::Urc | Role::Later => &mut out.urcs,
                    Role::After | Role::Reply => &mut out.all,
                };
                role.push(at);
                if !matches!(line.role, Role::After | Role::Reply) {
                    out.all.push(at);
                }
                if self.kit.template(at).is_some_and(|template| template.data) {
                    out.data.push(at);
                }
            }
            let names = self.kit.names.entry(line.name.as_bytes().into()).or_default();
            names.0.extend_from_slice(&made);
            names.1 |= bit;
            lines.push(made);
        }
        for command in &catalog.commands {
            for form in Form::ALL {
                let Some(spec) = command.form(form) else { continue };
                if !self.has(&command.models, &command.except) || !self.has(&spec.models, &spec.except) {
                    continue;
                }
                let shapes: Vec<Option<&Shape>> = match spec.syntax.is_empty() {
                    true => vec![None],
                    false => spec.syntax.iter().flat_map(|syntax| &syntax.shapes).take(4).map(Some).collect(),
                };
                for (number, shape) in shapes.into_iter().enumerate() {
                    let given = |at: u32| shape.is_some_and(|shape| params(shape).any(|param| param == at));
                    let marks = Marks { wanted: &given, positions: &self.positions, data: false };
                    let Some(text) = emit::command(&catalog, command, form, shape, &marks) else { continue };
                    let command = Some(self.template(&text, None));
                    if number == 0 {
                        let talk = self.talk(command, spec, &lines);
                        out.talks.push(talk);
                    } else if let Some(talk) = out.talks.last().cloned() {
                        out.talks.push(Talk { command, ..talk });
                    }
                }
            }
        }
        out.words = self.words(&out);
        out
    }

    fn talk(&mut self, command: Option<u32>, spec: &FormSpec, lines: &[Vec<u32>]) -> Talk {
        let templates = |list: &[u32]| -> Vec<u32> {
            list.iter().filter_map(|&at| lines.get(at as usize)).flatten().copied().collect()
        };
        let data = spec.data.as_ref();
        Talk {
            command,
            reply: templates(&spec.reply),
            after: templates(&spec.after),
            later: templates(&spec.later),
            finals: match spec.replies_only {
                true => Vec::new(),
                false => spec.finals.iter().map(|text| self.kit.keep(text.as_bytes())).collect(),
            },
            prompt: data.map(|data| self.kit.keep(data.prompt.as_bytes())),
            accepts: data.is_some_and(|data| data.accepts),
            then: data.iter().flat_map(|data| &data.then).map(|text| self.kit.keep(text.as_bytes())).collect(),
        }
    }

    /// The templates of a line: one for each shape with all its fields, and one with the required ones alone.
    fn line(&mut self, line: &Line) -> Vec<u32> {
        let shapes: &[Shape] = match &line.pattern {
            Pattern::Fields { shapes } | Pattern::Free { shapes } => shapes,
            Pattern::Words | Pattern::Link { .. } | Pattern::Template { .. } => &[],
        };
        let mut texts: Vec<Vec<u8>> = Vec::new();
        let counter = line.data.map(|data| data.by);
        let mut print = |wanted: &dyn Fn(u32) -> bool| {
            let mut text = Vec::new();
            let marks = Marks { wanted, positions: &self.positions, data: line.data.is_some() };
            if emit::line(self.catalog, line, &marks, &mut text).is_some() && !texts.contains(&text) {
                texts.push(text);
            }
        };
        if shapes.is_empty() {
            print(&|_| true);
        }
        // What a description has in all its shapes is fixed, or stands beside the fields (a text below).
        let fields: Vec<u32> = shapes.iter().flat_map(|shape| &shape.fields).filter_map(|field| field.param).collect();
        for shape in shapes {
            print(&|at| params(shape).any(|param| param == at) || !fields.contains(&at));
            print(&|at| {
                shape.fields.iter().any(|field| field.param == Some(at) && field.fixed.is_none() && !field.optional)
                    || !fields.contains(&at)
            });
        }
        texts.iter().map(|text| self.template(text, counter)).collect()
    }

    /// Takes a printed line with marks apart.
    fn template(&mut self, text: &[u8], counter: Option<u32>) -> u32 {
        let start = self.kit.parts.len() as u32;
        let counter = counter.and_then(|at| self.catalog.param(at)).map(|spec| spec.name_id);
        let mut rest = text;
        let mut data = false;
        while let Some(&first) = rest.first() {
            let used = match first {
                PARAM => {
                    let end = rest.iter().position(|&byte| byte == PARAM_END).unwrap_or(rest.len());
                    let at = rest.get(1..end).and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
                    let at = at.unwrap_or(u32::MAX);
                    let counts = counter.is_some() && self.catalog.param(at).map(|spec| spec.name_id) == counter;
                    let part = if counts { Part::Count } else { Part::Value(self.pool(at)) };
                    self.kit.parts.push(part);
                    end + 1
                }
                DATA => {
                    data = true;
                    self.kit.parts.push(Part::Data);
                    1
                }
                _ => {
                    let end = rest.iter().position(|byte| matches!(*byte, PARAM | DATA)).unwrap_or(rest.len());
                    let span = self.kit.keep(rest.get(..end).unwrap_or_default());
                    self.kit.parts.push(Part::Text(span));
                    end
                }
            };
            rest = rest.get(used..).unwrap_or_default();
        }
        let parts = start..self.kit.parts.len() as u32;
        self.kit.templates.push(Template { parts, data, prompt: text.ends_with(b">") });
        self.kit.templates.len() as u32 - 1
    }

    /// The pool of a parameter, by its position.
    fn pool(&mut self, at: u32) -> u32 {
        /// So many values of each sort are enough.
        const MOST: usize = 12;
        if let Some(&pool) = self.pools.get(&at) {
            return pool;
        }
        let mut pool = Pool::default();
        if let Some(spec) = self.catalog.spec_for(at, self.model) {
            let mut good: Vec<Item> = vec![values::usual(self.catalog, spec)];
            good.extend((0..MOST).map(|_| values::valid(self.catalog, spec, &mut self.rng)));
            if matches!(spec.kind, Kind::String(_) | Kind::Text(_)) {
                good.extend(havoc::TEXTS.iter().map(|text| Item::Text(text.to_vec())));
            }
            let edge = values::edges(spec);
            let bad: Vec<Item> = values::wrong(spec).into_iter().map(|(_, item)| item).collect();
            pool.number = matches!(good.first(), Some(Item::Int(_)));
            let mut list = |items: &[Item]| {
                let start = self.kit.values.len() as u32;
                for item in items.iter().take(4 * MOST) {
                    let mut text = Vec::new();
                    emit::value(self.catalog, spec, item, &mut text);
                    let span = self.kit.keep(&text);
                    self.kit.values.push(span);
                }
                start..self.kit.values.len() as u32
            };
            pool.good = list(&good);
            pool.edge = list(&edge);
            pool.bad = list(&bad);
        }
        self.kit.pools.push(pool);
        let number = self.kit.pools.len() as u32 - 1;
        self.pools.insert(at, number);
        number
    }

    /// What a byte-level mutation may put in: heads of lines, results, prompts, words.
    fn words(&mut self, dialect: &Dialect) -> Vec<Span> {
        let mut seen: Vec<Vec<u8>> = Vec::new();
        for &at in &dialect.all {
            let Some(template) = self.kit.template(at) else { continue };
            if let Some(Part::Text(span)) = self.kit.parts(template).first() {
                seen.push(self.kit.text(*span).to_vec());
            }
        }
        for talk in &dialect.talks {
            let spans = talk.finals.iter().chain(&talk.then).chain(&talk.prompt);
            seen.extend(spans.map(|&span| self.kit.text(span).to_vec()));
        }
        seen.extend(self.catalog.results.iter().map(|text| text.as_bytes().to_vec()));
        seen.sort_unstable();
        seen.dedup();
        seen.retain(|word| (2..=64).contains(&word.len()));
        seen.iter().map(|word| self.kit.keep(word)).collect()
    }
}

/// A text without what drivers write or leave out at its ends: line ends, separators, formats.
fn head(text: &[u8]) -> &[u8] {
    let (from, to) = head_range(text);
    text.get(from..to).unwrap_or_default()
}

/// Where [`head`] starts and ends.
fn head_range(text: &[u8]) -> (usize, usize) {
    let blank = text.len() - text.trim_ascii_start().len();
    let end = text.iter().position(|&byte| byte == b'%').unwrap_or(text.len());
    let text = text.get(..end).unwrap_or(text).trim_ascii_end();
    let cut = |byte: &u8| matches!(byte, b':' | b',' | b'=' | b' ' | b'"' | b'(');
    let from = text.iter().skip(blank).position(|byte| !cut(byte)).map_or(text.len(), |at| blank + at);
    let to = text.iter().rposition(|byte| !cut(byte)).map_or(from, |at| at + 1);
    (from, to.max(from))
}

/// The parameters of a shape that are free to have any value.
fn params(shape: &Shape) -> impl Iterator<Item = u32> + '_ {
    shape.fields.iter().filter(|field| field.fixed.is_none()).filter_map(|field| field.param)
}
