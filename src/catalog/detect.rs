//! Which dialect is it? Told from traffic, with the reason.
//!
//! Every command and line is held against every candidate: its name, its form, the number of its parameters and the words and
//! numbers that they may be. What only one vendor's manual has speaks for it; what all of a family know speaks for the
//! family's base, [`BASE`]. A manual that builds on the base describes a part of what its modules know, so an unknown
//! command is no evidence there; one that stands alone claims to be whole, and what it does not know speaks against it.
//!
//! Takes time linear in what it is given, and looks at no more than [`MAX_SEEN`] different commands and lines.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use super::builtin::{BASE, builtin_names};
use super::model::{Catalog, Field, Kind, ParamSpec, Pattern, Quoted, Ranges, Role, Shape, StateValue};
use crate::session::Form;
use crate::syntax::{command, fields, value};

/// What was told from traffic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detection {
    /// The dialect's name.
    pub dialect: String,
    /// Why: what spoke for it.
    pub why: String,
}

/// Different commands and lines that are looked at: more say nothing new.
const MAX_SEEN: usize = 2000;

/// How many things [`Detection::why`] names.
const NAMED: usize = 3;

/// What a piece of traffic is worth.
mod points {
    /// A line or command that the catalog lists under `tells`.
    pub(super) const TOLD: i32 = 8;
    /// A documented command that the base does not know.
    pub(super) const COMMAND: i32 = 3;
    /// The same of a line: firmware of several vendors shares more of these.
    pub(super) const LINE: i32 = 2;
    /// A prompt, of a command that asks with it.
    pub(super) const PROMPT: i32 = 2;
    /// What the base knows as well.
    pub(super) const COMMON: i32 = 1;
    /// A command with a value that is not documented: a host's mistake, or another vendor's command.
    pub(super) const NEARLY: i32 = 1;
    /// A command in a form, or with a number of parameters, that is not documented.
    pub(super) const OFF: i32 = -2;
    /// A line that a manual which claims to be whole does not know.
    pub(super) const STRANGE_LINE: i32 = -2;
    /// The same of a line that only another dialect's modules send.
    pub(super) const ANOTHERS: i32 = -4;
    /// A command that a manual which claims to be whole does not know.
    pub(super) const STRANGE: i32 = -3;
    /// A command asked for its data with another prompt than the manual's.
    pub(super) const OTHER_PROMPT: i32 = -4;
}

/// How a catalog takes what was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    /// It has no such name.
    Unknown,
    /// It has the name, in other forms or with another number of parameters.
    Off,
    /// All but a value is as documented.
    Nearly,
    /// As documented.
    Good,
}

/// A command or a line of the module.
struct Said<'a> {
    name: &'a [u8],
    /// `None`: a line of the module.
    form: Option<Form>,
    /// What stands behind the name.
    rest: &'a [u8],
    /// The whole of it.
    line: &'a [u8],
    /// Of a line of the module: what stands behind its first colon, without its quote.
    value: &'a [u8],
}

/// What speaks for and against one candidate.
struct Case<'c> {
    catalog: &'c Catalog,
    /// Builds on the base, or is it: what it does not know is no evidence.
    part: bool,
    score: i32,
    reasons: Vec<(i32, String)>,
    /// What its commands in the traffic ask for data with.
    prompts: Vec<&'c str>,
}

impl Case<'_> {
    fn count(&mut self, points: i32, name: impl FnOnce() -> String) {
        self.score += points;
        if points > 0 && self.reasons.len() < MAX_SEEN {
            self.reasons.push((points, name()));
        }
    }

    /// The strongest reasons, in the order of the traffic; `AT+CSQ` says it for its answer, too.
    fn why(&self) -> Vec<&str> {
        let mut strongest: Vec<(i32, &str)> = Vec::new();
        for (points, name) in &self.reasons {
            if !strongest.iter().any(|(_, known)| known.strip_prefix("AT").unwrap_or(known) == name || known == name) {
                strongest.push((*points, name));
            }
        }
        strongest.sort_by_key(|reason| std::cmp::Reverse(reason.0));
        strongest.into_iter().take(NAMED).map(|reason| reason.1).collect()
    }
}

/// Tells the dialect from the start of both directions' traffic; `None` where nothing speaks for any of `candidates`.
///
/// Between equals a user's own catalog wins, then the base of the others, then the earlier one.
pub fn detect(candidates: &[Arc<Catalog>], host: &[u8], module: &[u8]) -> Option<Detection> {
    let base = candidates.iter().find(|catalog| &*catalog.name == BASE).map(|catalog| &**catalog);
    let part = |catalog: &Catalog| base.is_some_and(|base| catalog.sources.contains(&base.source));
    let mut cases: Vec<Case<'_>> = candidates
        .iter()
        .map(|catalog| Case { catalog, part: part(catalog), score: 0, reasons: Vec::new(), prompts: Vec::new() })
        .collect();
    let mut seen: HashSet<Vec<u8>> = HashSet::new();
    let mut names: HashSet<Vec<u8>> = HashSet::new();
    let mut prompts: HashSet<&[u8]> = HashSet::new();
    let mut strangers: Vec<String> = Vec::new();
    let mut parts = Vec::new();
    for (line, from_module) in lines(host).map(|line| (line, false)).chain(lines(module).map(|line| (line, true))) {
        if seen.len() >= MAX_SEEN {
            break;
        }
        parts.clear();
        // `AT command ready` of a module is no echo.
        let words = from_module && line.get(2) == Some(&b' ');
        if !words && command::is_command(line) {
            command::parts(line, &mut parts);
        }
        for part in &parts {
            let get = |range: &std::ops::Range<usize>| line.get(range.clone()).unwrap_or_default();
            let said = Said { name: get(&part.name), form: Some(part.form), rest: get(&part.args), line, value: &[] };
            // `AT` alone, and what is no command at all.
            if !said.name.is_empty() && seen.insert(said.key()) {
                weigh(&said, base, &mut cases, &mut names, &mut strangers);
            }
        }
        if from_module && parts.is_empty() {
            if line.first() == Some(&b'>') {
                prompts.insert(b">");
            } else if line.len() < 16 && line.iter().all(u8::is_ascii_uppercase) {
                prompts.insert(line);
            }
            let (name, rest) = line.split_at_checked(name_len(line)).unwrap_or((line, &[]));
            let said = Said { name: name.trim_ascii_end(), form: None, rest, line, value: value_of(line) };
            if seen.insert(said.key()) {
                weigh(&said, base, &mut cases, &mut names, &mut strangers);
            }
        }
    }
    weigh_prompts(&prompts, &mut cases);
    conclude(&cases, base, &strangers)
}

impl Said<'_> {
    /// Of two that are alike one is enough.
    fn key(&self) -> Vec<u8> {
        let mut key = self.name.to_ascii_uppercase();
        let count = self.rest.iter().filter(|&&byte| byte == b',').count().min(50) + usize::from(!self.rest.is_empty());
        key.extend([self.form.map_or(b' ', |form| b'0' + form.index() as u8), count as u8]);
        key
    }

    fn shown(&self) -> String {
        let name = String::from_utf8_lossy(self.name);
        if self.form.is_some() { format!("AT{}", name.to_ascii_uppercase()) } else { name.into_owned() }
    }

    /// Whether it starts with what the catalog says is its own; blanks come and go.
    fn is_told(&self, tell: &[u8]) -> bool {
        let is_command = command::is_command(tell) && tell.get(2) != Some(&b' ');
        match (self.form, is_command) {
            (Some(_), true) => starts(self.name, tell.get(2..).unwrap_or_default()),
            (None, false) => {
                // `Manufacturer: SIMCOM INCORPORATED`
                starts(self.line, tell)
                    || (tell.first().is_some_and(u8::is_ascii_alphabetic) && starts(self.value, tell))
            }
            _ => false,
        }
    }

    /// A line with a name that looks like those of answers and URCs; free text and data do not.
    fn is_named_line(&self) -> bool {
        let [first, second, ..] = self.name else { return false };
        self.form.is_none() && b"+*^%#$".contains(first) && second.is_ascii_uppercase() && self.rest.starts_with(b":")
    }
}

/// Holds one piece of traffic against every candidate.
fn weigh(
    said: &Said<'_>,
    base: Option<&Catalog>,
    cases: &mut [Case<'_>],
    names: &mut HashSet<Vec<u8>>,
    strangers: &mut Vec<String>,
) {
    let fit = |catalog: &Catalog| match said.form {
        Some(form) => fit_command(catalog, said.name, form, said.rest),
        None => fit_line(catalog, said.name, said.rest),
    };
    let common = base.map_or(Fit::Unknown, fit);
    // What is unknown is unknown in every form.
    let first = names.insert(said.name.to_ascii_uppercase());
    let is_told = |catalog: &Catalog| catalog.tells.iter().any(|tell| said.is_told(tell.as_bytes()));
    let anothers = said.form.is_none() && cases.iter().any(|case| is_told(case.catalog));
    let mut known = false;
    for case in cases {
        let fit = if base.is_some_and(|base| std::ptr::eq(base, case.catalog)) { common } else { fit(case.catalog) };
        let told = is_told(case.catalog);
        known |= told || fit != Fit::Unknown;
        let points = match (said.form, fit) {
            (None, _) if told => points::TOLD,
            (Some(_), Fit::Good) | (None, Fit::Good | Fit::Nearly) if common == Fit::Good => points::COMMON,
            (Some(_), Fit::Good) if told => points::TOLD,
            (Some(_), Fit::Good) => points::COMMAND,
            (None, Fit::Good | Fit::Nearly) => points::LINE,
            // A host's mistake, or a name that starts as the dialect's do, of newer firmware than the manual.
            (Some(_), _) if told => points::COMMAND,
            (Some(_), Fit::Nearly) => points::NEARLY,
            (Some(_), Fit::Off) => points::OFF,
            (None, Fit::Off) => 0,
            (_, Fit::Unknown) if case.part || !first => 0,
            (Some(_), Fit::Unknown) => points::STRANGE,
            (None, Fit::Unknown) if anothers => points::ANOTHERS,
            (None, Fit::Unknown) if said.is_named_line() => points::STRANGE_LINE,
            (None, Fit::Unknown) => 0,
        };
        case.count(points, || said.shown());
        if let Some(form) = said.form
            && fit >= Fit::Nearly
            && let Some(phase) = case.catalog.command(said.name).and_then(|command| command.form(form)?.data.as_ref())
        {
            case.prompts.push(&phase.prompt);
        }
    }
    if !known && said.form.is_some() && strangers.len() < NAMED {
        strangers.push(said.shown());
    }
}

fn starts(text: &[u8], start: &[u8]) -> bool {
    let mut text = text.iter().filter(|&&byte| byte != b' ');
    !start.is_empty()
        && start.iter().filter(|&&byte| byte != b' ').all(|a| text.next().is_some_and(|b| a.eq_ignore_ascii_case(b)))
}

/// The prompts that the module sent, against those of the commands that were sent.
fn weigh_prompts(prompts: &HashSet<&[u8]>, cases: &mut [Case<'_>]) {
    let asked: BTreeSet<&[u8]> = cases.iter().flat_map(|case| &case.prompts).map(|prompt| prompt.as_bytes()).collect();
    for case in cases {
        let mine: BTreeSet<&str> = case.prompts.drain(..).collect();
        // A word such as `DOWNLOAD` tells also where the commands are not in the recording; `>` is everybody's.
        let words: BTreeSet<&str> = prompts_of(case.catalog)
            .filter(|word| *word != ">" && !mine.contains(word) && prompts.contains(word.as_bytes()))
            .collect();
        for word in words {
            case.count(points::PROMPT, || format!("the prompt {word}"));
        }
        for prompt in &mine {
            if prompts.contains(prompt.as_bytes()) {
                case.count(points::PROMPT, || format!("the prompt {prompt}"));
            }
        }
        let others = asked.iter().any(|prompt| prompts.contains(prompt));
        if others && !mine.is_empty() && !mine.iter().any(|prompt| prompts.contains(prompt.as_bytes())) {
            case.count(points::OTHER_PROMPT, String::new);
        }
    }
}

/// What a catalog's commands ask for data with.
fn prompts_of(catalog: &Catalog) -> impl Iterator<Item = &str> {
    catalog
        .commands
        .iter()
        .flat_map(|command| command.forms.iter().flatten())
        .filter_map(|spec| Some(&*spec.data.as_ref()?.prompt))
}

fn conclude(cases: &[Case<'_>], base: Option<&Catalog>, strangers: &[String]) -> Option<Detection> {
    let is_base = |case: &Case<'_>| base.is_some_and(|base| std::ptr::eq(base, case.catalog));
    let rank = |case: &Case<'_>| {
        if !builtin_names().contains(&&*case.catalog.name) {
            0
        } else if is_base(case) {
            1
        } else {
            2
        }
    };
    let best = cases.iter().map(|case| case.score).max()?;
    let best = best.max(0);
    // Commands that nobody knows are some vendor's: the base holds what it shares with the others.
    let mut equals: Vec<&Case<'_>> = cases
        .iter()
        .filter(|case| case.score == best && (best > 0 || (is_base(case) && !strangers.is_empty())))
        .collect();
    equals.sort_by_key(|case| rank(case));
    let case = equals.first()?;
    let mut why = case.why().join(", ");
    if is_base(case) && !strangers.is_empty() {
        let join = if why.is_empty() { "" } else { ", and from " };
        why = format!("{why}{join}{}, which no catalog has", strangers.join(", "));
    }
    let alike: Vec<&str> =
        equals.iter().skip(1).filter(|_| rank(case) == 2).map(|other| &*other.catalog.name).collect();
    if !alike.is_empty() {
        why = format!("{why}, which fits {} as well", alike.join(" and "));
    }
    Some(Detection { dialect: case.catalog.name.to_string(), why })
}

fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(|&b| b == b'\r' || b == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty())
}

fn value_of(line: &[u8]) -> &[u8] {
    let value = memchr::memchr(b':', line).and_then(|at| line.get(at + 1..)).unwrap_or_default().trim_ascii_start();
    value.strip_prefix(b"\"").unwrap_or(value)
}

fn name_len(line: &[u8]) -> usize {
    line.iter().position(|b| b":,=".contains(b)).unwrap_or(line.len()).min(48)
}

fn fit_command(catalog: &Catalog, name: &[u8], form: Form, args: &[u8]) -> Fit {
    let Some(command) = catalog.command(name) else { return Fit::Unknown };
    let Some(spec) = command.form(form) else { return Fit::Off };
    let mut spans = Vec::new();
    fields::split(args, 0, args.len(), catalog.escapes, &mut spans);
    if spec.syntax.is_empty() {
        return if spans.is_empty() { Fit::Good } else { Fit::Off };
    }
    spec.syntax
        .iter()
        .flat_map(|syntax| &syntax.shapes)
        .map(|shape| fit_shape(catalog, shape, args, &spans))
        .max()
        .unwrap_or(Fit::Off)
}

/// The best that a catalog makes of a line; a result code says nothing of a dialect, nor does a line that anything fits.
fn fit_line(catalog: &Catalog, name: &[u8], rest: &[u8]) -> Fit {
    let mut best = Fit::Unknown;
    for &at in catalog.line_index.find(name) {
        let Some(line) = catalog.lines.get(at as usize) else { continue };
        if line.role == Role::Result {
            continue;
        }
        let fit = match &line.pattern {
            // `Ready` is not `ready`.
            Pattern::Words if rest.is_empty() && (name.first() == Some(&b'+') || *line.name.as_bytes() == *name) => {
                Fit::Good
            }
            Pattern::Fields { shapes } => {
                let args = rest.get(1..).unwrap_or_default();
                let counted = line.data.filter(|counted| !counted.behind_line);
                let end = counted.and_then(|counted| args.iter().position(|&byte| byte == counted.separator));
                let args = end.and_then(|end| args.get(..end)).unwrap_or(args);
                let mut spans = Vec::new();
                fields::split(args, 0, args.len(), catalog.escapes, &mut spans);
                shapes.iter().map(|shape| fit_shape(catalog, shape, args, &spans)).max().unwrap_or(Fit::Off)
            }
            _ => continue,
        };
        best = best.max(fit);
    }
    best
}

fn fit_shape(catalog: &Catalog, shape: &Shape, args: &[u8], spans: &[fields::Span]) -> Fit {
    let (given, most) = (spans.len(), shape.fields.len());
    if given < shape.min || (given > most && !shape.repeat && !shape.rest) {
        return Fit::Off;
    }
    let mut fit = Fit::Good;
    for (field, &(start, end)) in shape.fields.iter().zip(spans) {
        let raw = args.get(start as usize..end as usize).unwrap_or_default();
        match fit_field(catalog, field, raw) {
            Some(true) => {}
            Some(false) => fit = Fit::Nearly,
            None => return Fit::Off,
        }
    }
    fit
}

/// Whether a value is a documented one; `None` where a word of the shape itself is missing.
fn fit_field(catalog: &Catalog, field: &Field, raw: &[u8]) -> Option<bool> {
    let raw = raw.strip_prefix(field.prefix.trim_ascii_end())?.trim_ascii_start();
    let Some(spec) = field.param.and_then(|at| catalog.param(at)) else { return Some(true) };
    let bare = raw.strip_prefix(b"\"").and_then(|raw| raw.strip_suffix(b"\"")).unwrap_or(raw);
    if let Some(fixed) = &field.fixed {
        return Some(bare.eq_ignore_ascii_case(fixed.as_bytes()));
    }
    let models = spec.models.iter().filter_map(|&(_, at)| catalog.param(at));
    Some(raw.is_empty() || std::iter::once(spec).chain(models).any(|spec| takes(spec, raw, bare)))
}

fn takes(spec: &ParamSpec, raw: &[u8], bare: &[u8]) -> bool {
    let within = |ranges: &Ranges| number(spec, raw, bare).is_some_and(|number| ranges.contains(number));
    match &spec.kind {
        Kind::Int(ranges) | Kind::Hex(ranges) => within(ranges),
        Kind::Numbers => {
            let number = number(spec, raw, bare);
            spec.labels.iter().any(|(value, _)| matches!(value, StateValue::Int(of) if Some(*of) == number))
        }
        Kind::Bits | Kind::Code(_) => number(spec, raw, bare).is_some(),
        Kind::Words => spec
            .labels
            .iter()
            .any(|(value, _)| matches!(value, StateValue::Word(word) if word.as_bytes().eq_ignore_ascii_case(bare))),
        _ => true,
    }
}

fn number(spec: &ParamSpec, raw: &[u8], bare: &[u8]) -> Option<i64> {
    let text = if spec.quoted == Quoted::Never { raw } else { bare };
    value::decimal(text).or_else(|| value::hexadecimal(text))
}
