//! Reference pages: what a catalog knows of a command, a line or a code table, as an engineer wants to read it.

use std::collections::HashSet;

use super::duration;
use super::pen::{Ink, Pen, Style};
use super::units::width;
use crate::catalog::{
    Catalog, CodeTable, Command, Condition, DataPhase, FormSpec, Kind, Line, Mac, ParamSpec, Part, Pattern, Quoted,
    Ranges, Role, Sends, StateValue, Syntax,
};
use crate::check::Rule;
use crate::session::Form;

/// Where facts about a form start.
const FACTS: usize = 6;
/// Where what a fact says starts.
const SAYS: usize = 18;

/// Appends the page of a command.
pub fn command(out: &mut Vec<u8>, catalog: &Catalog, command: &Command, style: Style) {
    let mut page = Page { pen: Pen::new(out, style), catalog };
    page.head(&format!("AT{}", command.name), &command.title, catalog.cite(command.source, &command.section));
    if !command.aliases.is_empty() {
        let names: Vec<String> = command.aliases.iter().map(|alias| format!("AT{alias}")).collect();
        page.fact(2, "also spelled", &names.join(", "));
    }
    page.limits(2, &command.models, &command.except, command.profile);
    page.note(2, command.note.as_deref());
    page.blank();
    let mut params = Vec::new();
    for form in Form::ALL {
        if let Some(spec) = command.form(form) {
            page.form(command, form, spec);
            collect(catalog, spec, &mut params);
        }
    }
    page.params(&params);
}

/// Appends the page of a line that a module sends.
pub fn line(out: &mut Vec<u8>, catalog: &Catalog, line: &Line, style: Style) {
    let mut page = Page { pen: Pen::new(out, style), catalog };
    let what = match line.role {
        Role::After => "information response behind the final result",
        Role::Boot => "line of a boot banner",
        Role::Later => "delayed result of a command",
        Role::Progress => "intermediate result",
        Role::Reply => "information response",
        Role::Result => "final result",
        Role::Urc => "unsolicited result",
    };
    page.head(&line.text, line.title.as_deref().unwrap_or(""), catalog.cite(line.source, &line.section));
    page.fact(2, "is", what);
    if line.role == Role::Result {
        page.fact(2, "means", if line.ok { "success" } else { "failure" });
    }
    if line.rejects {
        page.fact(2, "means", "the newest command is refused; what is at work goes on");
    }
    if let Some(owner) = line.owner.and_then(|(at, form)| Some((catalog.commands.get(at as usize)?, form))) {
        page.fact(2, "answers", &spelled(owner.0, owner.1, ""));
    }
    if let Some(when) = &line.when {
        page.condition(2, "when", when);
    }
    page.limits(2, &[], &[], line.profile);
    page.note(2, line.note.as_deref());
    page.blank();
    let mut params = Vec::new();
    of_line(line, &mut params);
    page.params(&params);
}

/// Appends a table of codes.
pub fn codes(out: &mut Vec<u8>, catalog: &Catalog, table: &CodeTable, style: Style) {
    let mut page = Page { pen: Pen::new(out, style), catalog };
    let section = if table.section.is_empty() { None } else { Some(format!("{} §{}", catalog.source, table.section)) };
    page.head(&table.name, &table.title, section);
    page.blank();
    let pen = &mut page.pen;
    for (low, high, meaning) in &table.codes {
        let code = if low == high { low.to_string() } else { format!("{low} to {high}") };
        row(pen, &code, meaning);
    }
    for (word, meaning) in &table.words {
        row(pen, word, meaning);
    }
    page.blank();
}

/// Appends the explanation of a rule: its name and severity, then a paragraph for each of `**Reports**`, `**Matters
/// because**` and so on.
pub fn rule(out: &mut Vec<u8>, rule: Rule, style: Style) {
    let mut pen = Pen::new(out, style);
    pen.put(Ink::Bold, rule.name());
    pen.blanks(1);
    pen.print(super::block::severity_ink(rule.severity()), format_args!("({})", rule.severity()));
    pen.end();
    let text = rule.explanation();
    // The title names the rule again; lines of one paragraph flow together.
    let lines = text.lines().filter(|line| !line.starts_with("# "));
    for (at, line) in lines.map(str::trim).enumerate() {
        let (lead, says) = line.strip_prefix("**").and_then(|line| line.split_once("**")).unwrap_or(("", line));
        if at > 0 && lead.is_empty() && !says.is_empty() {
            pen.words(Ink::Plain, &format!(" {says}"));
            continue;
        }
        if pen.column > 0 || lead.is_empty() {
            pen.end();
        }
        if !lead.is_empty() {
            pen.to(2);
            pen.put(Ink::Bold, lead);
            pen.to(RULE_SAYS);
            pen.indent = RULE_SAYS;
            pen.words(Ink::Plain, says.trim());
        }
    }
    if pen.column > 0 {
        pen.end();
    }
}

/// Where a rule's explanations start.
const RULE_SAYS: usize = 19;

fn row(pen: &mut Pen<'_>, code: &str, meaning: &str) {
    pen.right(Ink::Bold, 14, code.to_string().as_bytes());
    pen.blanks(2);
    pen.indent = pen.column;
    pen.words(Ink::Plain, meaning);
    pen.end();
}

/// A command in one of its forms, as it is typed.
fn spelled(command: &Command, form: Form, syntax: &str) -> String {
    let name = &command.name;
    match form {
        Form::Execute => format!("AT{name}{syntax}"),
        Form::Set => format!("AT{name}={syntax}"),
        Form::Read => format!("AT{name}?"),
        Form::Test => format!("AT{name}=?"),
    }
}

struct Page<'o, 'c> {
    pen: Pen<'o>,
    catalog: &'c Catalog,
}

impl Page<'_, '_> {
    fn head(&mut self, name: &str, title: &str, cite: Option<String>) {
        self.pen.indent = 4;
        self.pen.words(Ink::Bold, name);
        if !title.is_empty() {
            self.pen.blanks(2);
            self.pen.words(Ink::Plain, title);
        }
        self.pen.end();
        self.pen.indent = 2;
        self.pen.to(2);
        let dialect = format!("dialect {}", self.catalog.name);
        self.pen.words(Ink::Dim, &cite.map_or(dialect.clone(), |cite| format!("{cite}, {dialect}")));
        self.pen.end();
    }

    fn blank(&mut self) {
        self.pen.end();
    }

    fn fact(&mut self, column: usize, what: &str, says: &str) {
        self.pen.to(column);
        self.pen.put(Ink::Dim, what);
        self.pen.to(column - 2 + SAYS - FACTS + 2);
        self.pen.blanks(usize::from(width(what.as_bytes()) + column >= column - 2 + SAYS - FACTS + 2));
        self.pen.indent = self.pen.column;
        self.pen.words(Ink::Plain, says);
        self.pen.end();
    }

    fn note(&mut self, column: usize, note: Option<&str>) {
        if let Some(note) = note {
            self.fact(column, "note", note);
        }
    }

    fn limits(&mut self, column: usize, models: &[u16], except: &[u16], profile: Option<u16>) {
        let name = |at: &u16| self.catalog.models.get(usize::from(*at)).map(|model| &*model.name);
        let list = |models: &[u16]| models.iter().filter_map(name).collect::<Vec<_>>().join(", ");
        let (models, except) = (list(models), list(except));
        if !models.is_empty() {
            self.fact(column, "models", &format!("{models} only"));
        }
        if !except.is_empty() {
            self.fact(column, "models", &format!("all but {except}"));
        }
        if let Some(profile) = profile.and_then(|at| self.catalog.profiles.get(usize::from(at))) {
            self.fact(column, "firmware", &format!("{} ({}), beside the manual", profile.name, profile.title));
        }
    }

    /// A condition, with what its state keys mean.
    fn condition(&mut self, column: usize, what: &str, condition: &Condition) {
        let states = self.catalog.states.iter().filter(|state| {
            // A key is a whole word: `link` is not in `link.any`, but `link` is in `link.<link ID>`.
            condition.text.match_indices(&*state.name).any(|(at, name)| {
                let before = condition.text.get(..at).and_then(|text| text.chars().next_back());
                let after = condition.text.get(at + name.len()..).and_then(|text| text.chars().next());
                let in_word = |c: char| c.is_alphanumeric() || c == '.' || c == '<';
                !before.is_some_and(in_word) && !after.is_some_and(|c| in_word(c) && !(state.indexed && c == '.'))
            })
        });
        let meanings: Vec<String> = states.map(|state| format!("{}: {}", state.name, state.title)).collect();
        let meaning = if meanings.is_empty() { String::new() } else { format!("   ({})", meanings.join("; ")) };
        self.fact(column, what, &format!("{}{meaning}", condition.text));
    }

    fn form(&mut self, command: &Command, form: Form, spec: &FormSpec) {
        if spec.syntax.is_empty() {
            self.syntax(&spelled(command, form, ""), None);
        }
        for syntax in &spec.syntax {
            self.syntax(&spelled(command, form, &syntax.text), Some(syntax));
        }
        let cite = spec.section.as_deref().and_then(|section| self.catalog.cite(command.source, section));
        let about = [spec.title.as_deref(), cite.as_deref()].into_iter().flatten().collect::<Vec<_>>().join(", ");
        if !about.is_empty() {
            self.fact(FACTS - 2, "about", &about);
        }
        for (what, lines) in [("answers", &spec.reply), ("after that", &spec.after), ("later", &spec.later)] {
            for line in lines.iter().filter_map(|&at| self.catalog.lines.get(at as usize)) {
                self.reply(what, line);
            }
        }
        if !spec.finals.is_empty() {
            self.fact(FACTS - 2, "results", &spec.finals.join(", "));
        }
        if !spec.fails.is_empty() {
            self.fact(FACTS - 2, "failures", &spec.fails.join(", "));
        }
        if let Some(data) = &spec.data {
            self.data(data);
        }
        if let Some(timeout) = spec.timeout {
            let mut within = Vec::new();
            duration::spaced(&mut within, timeout.saturating_mul(1_000_000));
            let within = String::from_utf8_lossy(&within);
            self.fact(FACTS - 2, "ends within", &within.replace(".00 ", " ").replace(".0 ", " "));
        }
        if let Some(needs) = &spec.needs {
            self.condition(FACTS - 2, "needs", needs);
        }
        for relation in &spec.relations {
            self.condition(FACTS - 2, "must hold", relation);
        }
        for (key, value) in &spec.effects {
            let says = if &**value == "?" { format!("{key} becomes unknown") } else { format!("{key} = {value}") };
            self.fact(FACTS - 2, "success sets", &says);
        }
        self.limits(FACTS - 2, &spec.models, &spec.except, spec.profile);
        self.note(FACTS - 2, spec.note.as_deref());
        self.blank();
    }

    fn syntax(&mut self, text: &str, syntax: Option<&Syntax>) {
        self.pen.to(2);
        self.pen.indent = 6;
        self.pen.words(Ink::Host, text);
        let when = syntax.and_then(|syntax| syntax.when.as_ref()).map(|when| format!("when {}", when.text));
        let profile = syntax.and_then(|syntax| self.catalog.profiles.get(usize::from(syntax.profile?)));
        let profile = profile.map(|profile| format!("firmware {}", profile.name));
        let limits: Vec<String> = [when, profile].into_iter().flatten().collect();
        if !limits.is_empty() {
            self.pen.blanks(2);
            self.pen.words(Ink::Dim, &format!("({})", limits.join(", ")));
        }
        self.pen.end();
    }

    fn reply(&mut self, what: &str, line: &Line) {
        let mut text = line.text.replace('\n', "\u{21b5} ");
        if let Some(when) = &line.when {
            text.push_str(&format!("   (when {})", when.text));
        }
        if let Some(profile) = line.profile.and_then(|at| self.catalog.profiles.get(usize::from(at))) {
            text.push_str(&format!("   (firmware {})", profile.name));
        }
        self.fact(FACTS - 2, what, &text);
        self.note(FACTS - 2, line.note.as_deref());
    }

    fn data(&mut self, data: &DataPhase) {
        let prompt = format!("{}{}", if data.accepts { "OK, then " } else { "" }, data.prompt);
        self.fact(FACTS - 2, "prompt", &prompt);
        let how = match &data.sends {
            Sends::Counted(by) => format!("as many bytes as <{by}> says"),
            Sends::CtrlZ => "text up to Ctrl-Z (Esc gives up)".to_owned(),
            Sends::Transparent => "anything, up to `+++` alone with silence around it".to_owned(),
        };
        let early = data.ends.as_ref().map_or(String::new(), |ends| format!(", or less: `{ends}` ends it early"));
        self.fact(FACTS - 2, "host sends", &format!("{how}{early}"));
        if !data.then.is_empty() {
            self.fact(FACTS - 2, "then", &data.then.join(", "));
        }
        if let Some(phase) = &data.phase {
            self.condition(FACTS - 2, "only when", phase);
        }
    }

    fn params(&mut self, params: &[u32]) {
        let mut seen = HashSet::new();
        let specs: Vec<&ParamSpec> = params
            .iter()
            .filter(|&&at| seen.insert(at))
            .filter_map(|&at| self.catalog.param(at))
            // A range list is the answer of a test form, which shows it.
            .filter(|spec| spec.kind != Kind::List)
            .collect();
        if specs.is_empty() {
            return;
        }
        self.pen.put(Ink::Bold, "Parameters");
        self.pen.end();
        let column = specs.iter().map(|spec| width(spec.name.as_bytes()) + 6).max().unwrap_or(0).clamp(14, 28);
        for spec in specs {
            self.param(spec, column);
        }
        self.blank();
    }

    fn param(&mut self, spec: &ParamSpec, column: usize) {
        self.pen.to(2);
        self.pen.indent = 2;
        self.pen.words(Ink::Host, &format!("<{}>", spec.name));
        if self.pen.column + 2 > column {
            self.pen.end();
        }
        self.pen.to(column);
        self.pen.indent = column;
        if let Some(title) = &spec.title {
            self.pen.words(Ink::Plain, title);
            self.pen.wrap();
        }
        self.pen.words(Ink::Plain, &self.kind(spec));
        self.pen.end();
        for (value, label) in &spec.labels {
            self.pen.to(column + 2);
            let value = match (value, &spec.kind) {
                (StateValue::Int(bit), Kind::Bits) => {
                    format!("{}", 1_i64.checked_shl(*bit as u32).unwrap_or(0))
                }
                (value, _) => scalar(value),
            };
            self.pen.put(Ink::Bold, &value);
            self.pen.to(column + 8);
            self.pen.blanks(1);
            self.pen.indent = self.pen.column;
            self.pen.words(Ink::Label, label);
            self.pen.end();
        }
        for &(model, at) in &spec.models {
            if let (Some(model), Some(own)) = (self.catalog.models.get(usize::from(model)), self.catalog.param(at)) {
                self.pen.to(column);
                self.pen.indent = column + 4;
                self.pen.words(Ink::Plain, &format!("{}: {}", model.name, self.kind(own)));
                self.pen.end();
            }
        }
        if let Some(note) = &spec.note {
            self.pen.to(column);
            self.pen.indent = column;
            self.pen.words(Ink::Dim, note);
            self.pen.end();
        }
    }

    /// What a parameter may be, in words.
    fn kind(&self, spec: &ParamSpec) -> String {
        let within = |ranges: &Ranges| {
            if ranges.0.is_empty() { String::new() } else { format!(", {ranges}") }
        };
        let bytes = |what: &str, ranges: &Ranges| {
            if ranges.0.is_empty() { what.to_owned() } else { format!("{what} of {ranges} bytes") }
        };
        let mut text = match &spec.kind {
            Kind::Any => "anything".to_owned(),
            Kind::Bits => "sum of".to_owned(),
            Kind::Code(at) => match self.catalog.codes.get(usize::from(*at)) {
                Some(table) => format!("code: see `{}`", table.name),
                None => "code".to_owned(),
            },
            Kind::Data(by) => format!("raw bytes, as many as <{by}> says"),
            Kind::Float => "number, may have a fraction".to_owned(),
            Kind::Hex(ranges) => {
                format!("number, decimal or hexadecimal with 0x{}", within(ranges))
            }
            Kind::HexString(ranges) => bytes("string of hex digits", ranges),
            Kind::Host(ranges) => bytes("IP address or domain name", ranges),
            Kind::Int(ranges) => format!("number{}", within(ranges)),
            Kind::Ip => "IP address".to_owned(),
            Kind::List => "range list".to_owned(),
            Kind::Mac(Mac::Any) => "MAC address".to_owned(),
            Kind::Mac(Mac::Static) => "MAC address, static random".to_owned(),
            Kind::Mac(Mac::Unicast) => "MAC address, unicast".to_owned(),
            Kind::Numbers => "one of".to_owned(),
            Kind::String(ranges) => bytes("string", ranges),
            Kind::Text(ranges) => bytes("text", ranges),
            Kind::Words => "one of".to_owned(),
        };
        if let Some(unit) = &spec.unit {
            // A string's length is in bytes already.
            if !text.ends_with("bytes") {
                let unit = if &**unit == "byte" { "bytes" } else { unit };
                text.push_str(&format!(", in {unit}"));
            }
        }
        let is_text = matches!(
            spec.kind,
            Kind::String(_)
                | Kind::Words
                | Kind::Host(_)
                | Kind::Ip
                | Kind::Mac(_)
                | Kind::HexString(_)
                | Kind::Text(_)
        );
        match spec.quoted {
            Quoted::Must => text.push_str(", in quotes"),
            Quoted::Either if is_text => text.push_str(", quotes optional"),
            _ => {}
        }
        if let Some(numbers) = &spec.numbers {
            text.push_str(&format!(", numbers in it {numbers}"));
        }
        if let Some(default) = &spec.default {
            text.push_str(&format!(", default {}", scalar(default)));
        }
        if spec.lines {
            text.push_str(", may run over several lines");
        }
        if spec.volatile {
            text.push_str(", differs from run to run");
        }
        text
    }
}

fn scalar(value: &StateValue) -> String {
    match value {
        StateValue::Int(number) => number.to_string(),
        StateValue::Word(word) => format!("\"{word}\""),
    }
}

/// The parameters of a form and of its answers, in their order.
fn collect(catalog: &Catalog, spec: &FormSpec, params: &mut Vec<u32>) {
    params.extend(spec.syntax.iter().flat_map(syntax_params));
    for line in [&spec.reply, &spec.after, &spec.later].into_iter().flatten() {
        if let Some(line) = catalog.lines.get(*line as usize) {
            of_line(line, params);
        }
    }
}

/// The parameters of a syntax.
fn syntax_params(syntax: &Syntax) -> impl Iterator<Item = u32> + '_ {
    syntax.shapes.iter().flat_map(|shape| &shape.fields).filter_map(|field| field.param)
}

/// How many different parameters the forms of a command take.
pub fn count_params(command: &Command) -> usize {
    let forms = command.forms.iter().flatten();
    forms.flat_map(|form| form.syntax.iter()).flat_map(syntax_params).collect::<HashSet<_>>().len()
}

fn of_line(line: &Line, params: &mut Vec<u32>) {
    match &line.pattern {
        Pattern::Fields { shapes } | Pattern::Free { shapes } => {
            params.extend(shapes.iter().flat_map(|shape| &shape.fields).filter_map(|field| field.param));
        }
        Pattern::Link { param } => params.push(*param),
        Pattern::Template { parts } => params.extend(parts.iter().filter_map(|part| match part {
            Part::Literal(_) => None,
            Part::Param(param) => Some(*param),
        })),
        Pattern::Words => {}
    }
}
