//! From TOML to a [`Catalog`]: reads every entry, resolves names, reports every mistake with file and line.

use std::collections::HashMap;
use std::sync::Arc;

use super::expr::{self, BitsOf, Expr, StateRef, Term};
use super::model::*;
use super::notation::{self, Node};
use super::params;
use super::patterns;
use super::source::{CatalogError, Item, Mistake, Scalar, Source, Table};
use crate::session::Form;

/// Where the catalogs come from that another one extends.
#[derive(Clone, Copy)]
pub(super) struct Library<'a> {
    /// File name and text by name.
    pub(super) texts: fn(&str) -> Option<(&'static str, &'static str)>,
    /// One that is read already.
    pub(super) ready: Option<&'a Builder>,
}

/// Reads a catalog's text. `file` is its name in messages.
pub(super) fn read(file: &str, text: &str, library: Library<'_>) -> Builder {
    let mut builder = Builder::default();
    builder.add(file, text, library, &mut Vec::new());
    builder
}

/// Makes a catalog of what was read.
pub(super) fn build(file: &str, mut builder: Builder) -> Result<Catalog, CatalogError> {
    if builder.mistakes.is_empty() {
        let problems = builder.finish();
        builder.mistakes.extend(problems.into_iter().map(|message| Mistake {
            file: file.to_owned(),
            line: 0,
            message,
        }));
    }
    builder.mistakes.sort_by_key(|mistake| (mistake.file != file, mistake.line));
    if builder.mistakes.is_empty() { Ok(builder.catalog) } else { Err(CatalogError { mistakes: builder.mistakes }) }
}

/// What was read of a catalog and those that it extends.
#[derive(Clone, Default)]
pub(super) struct Builder {
    pub(super) catalog: Catalog,
    pub(super) mistakes: Vec<Mistake>,
    /// Shared parameters, by name.
    pub(super) shared: HashMap<Box<str>, u32>,
    pub(super) name_ids: HashMap<String, u32>,
    pub(super) commands: HashMap<String, usize>,
    /// Names and aliases in upper case, with their commands.
    pub(super) named: HashMap<String, usize>,
    /// Whether a line was not described anew since.
    pub(super) live: Vec<bool>,
    /// The catalog's `results`, for all forms that name none of their own.
    pub(super) results: Arc<[Box<str>]>,
    pub(super) source: u16,
}

/// Parameters of one entry, by name.
pub(super) type Own<'t> = HashMap<&'t str, u32>;

/// Parameters in reach of an entry: its own, then the shared ones.
pub(super) struct Scope<'b> {
    pub(super) builder: &'b mut Builder,
    pub(super) own: &'b Own<'b>,
}

impl Scope<'_> {
    /// The description of a parameter, by its position in the catalog.
    pub(super) fn resolve(&self, name: &str) -> Result<u32, String> {
        self.own
            .get(name)
            .or_else(|| self.builder.shared.get(name))
            .copied()
            .ok_or_else(|| format!("`<{name}>` is described nowhere: add it to [command.params] or [params]"))
    }

    fn condition(&mut self, text: &str) -> Result<Condition, String> {
        let expr: Expr = expr::parse(text, self)?;
        Ok(Condition { text: text.into(), expr })
    }
}

impl expr::Names for Scope<'_> {
    fn param(&mut self, name: &str) -> Result<u32, String> {
        self.resolve(name)?;
        Ok(self.builder.name_id(name))
    }

    fn state(&mut self, name: &str) -> Option<(u16, bool)> {
        let at = self.builder.catalog.states.iter().position(|state| &*state.name == name)?;
        let indexed = self.builder.catalog.states.get(at)?.indexed;
        Some((u16::try_from(at).ok()?, indexed))
    }
}

impl Builder {
    pub(super) fn name_id(&mut self, name: &str) -> u32 {
        if let Some(&id) = self.name_ids.get(name) {
            return id;
        }
        let id = self.catalog.names.len() as u32;
        self.catalog.names.push(name.into());
        self.name_ids.insert(name.to_owned(), id);
        id
    }

    fn add(&mut self, file: &str, text: &str, library: Library<'_>, chain: &mut Vec<String>) {
        let mut src = Source::new(file, text);
        if let Some(tree) = src.parse()
            && let Some(mut root) = Table::root(&tree)
        {
            self.document(&mut src, &mut root, library, chain);
            root.finish(
                &mut src,
                "catalog, state, codes, profiles, models, params, command, urc, result, progress, boot",
            );
        }
        self.mistakes.append(&mut src.mistakes);
    }

    fn document(&mut self, src: &mut Source<'_>, root: &mut Table<'_>, library: Library<'_>, chain: &mut Vec<String>) {
        let at = root.at;
        let Some(mut head) = root.table(src, "catalog") else {
            src.mistake(at, "the table [catalog] is missing: it names the dialect");
            return;
        };
        let name = head.text(src, "name").unwrap_or_default();
        if name.is_empty() {
            src.mistake(head.at, "[catalog] needs a `name`");
        } else if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.+".contains(&byte)) {
            src.mistake(head.at, "a catalog's `name` has letters, digits, `-`, `_`, `.` and `+` only");
        }
        for (place, base) in head.texts(src, "extends") {
            if chain.iter().any(|open| open == base) || base == name || chain.len() > 8 {
                src.mistake(place, format!("`{base}` extends itself: give one of them another name"));
                continue;
            }
            if let Some(ready) = library.ready.filter(|ready| &*ready.catalog.name == base)
                && self.catalog.sources.is_empty()
            {
                self.clone_from(ready);
                self.catalog.bases.push(base.into());
                continue;
            }
            match (library.texts)(base) {
                Some((base_file, base_text)) => {
                    chain.push(base.to_owned());
                    self.add(base_file, base_text, library, chain);
                    chain.pop();
                    self.catalog.bases.push(base.into());
                }
                None => src.mistake(place, format!("there is no catalog `{base}` to extend")),
            }
        }
        let title = head.text(src, "title").unwrap_or_default();
        let source = head.text(src, "source").unwrap_or(title);
        self.catalog.name = name.into();
        self.catalog.title = title.into();
        self.catalog.source = source.into();
        self.source = self.catalog.sources.len() as u16;
        self.catalog.sources.push(source.into());
        self.catalog.escapes = head.flag(src, "escapes").unwrap_or(self.catalog.escapes);
        self.catalog.link = head.flag(src, "link").unwrap_or(self.catalog.link);
        let results = head.texts(src, "results");
        if !results.is_empty() {
            self.catalog.results = boxed(results);
            self.results = self.catalog.results.as_slice().into();
        }
        let prompts = head.texts(src, "prompts");
        if !prompts.is_empty() {
            self.catalog.prompts = boxed(prompts);
        }
        let tells = head.texts(src, "tells");
        if !tells.is_empty() {
            self.catalog.tells = boxed(tells);
        }
        let needs = head.take("needs");
        let base = std::mem::take(&mut self.catalog.output);
        self.catalog.output = super::load_head::output(src, &mut head).over(&base);
        head.finish(src, "name, title, source, extends, escapes, link, results, prompts, tells, needs, output");

        self.models(src, root);
        self.profiles(src, root);
        self.codes(src, root);
        self.states(src, root);
        if let Some(item) = needs {
            let at = item.at;
            if let Some(text) = item.text(src, "needs") {
                self.catalog.needs = self.condition_text(src, at, text, &Own::new());
            }
        }
        if let Some(table) = root.table(src, "params") {
            let own = self.params(src, table);
            self.shared.extend(own.into_iter().map(|(name, at)| (name.into(), at)));
        }
        let none = Own::new();
        for (key, role) in
            [("result", Role::Result), ("progress", Role::Progress), ("urc", Role::Urc), ("boot", Role::Boot)]
        {
            for item in root.list(key) {
                if let Some(table) = item.table(src, key) {
                    self.line_entry(src, table, role, &none);
                }
            }
        }
        for item in root.list("command") {
            if let Some(table) = item.table(src, "command") {
                self.command(src, table);
            }
        }
    }

    pub(super) fn params<'t>(&mut self, src: &mut Source<'_>, table: Table<'t>) -> Own<'t> {
        let mut own = Own::new();
        for (name, _, item) in table.rest() {
            let Some(entry) = item.table(src, name) else { continue };
            own.insert(name, params::read(self, src, name, entry));
        }
        own
    }

    pub(super) fn push_param(&mut self, spec: ParamSpec) -> u32 {
        self.catalog.params.push(spec);
        (self.catalog.params.len() - 1) as u32
    }

    pub(super) fn model_list(&mut self, src: &mut Source<'_>, table: &mut Table<'_>, key: &str) -> Vec<u16> {
        let mut list = Vec::new();
        for (at, name) in table.texts(src, key) {
            match self.catalog.model(name) {
                Some(model) => list.push(model),
                None => src.mistake(at, format!("`{name}` is no entry of [models]")),
            }
        }
        list
    }

    pub(super) fn profile(&mut self, src: &mut Source<'_>, table: &mut Table<'_>) -> Option<u16> {
        let item = table.take("profile")?;
        let at = item.at;
        let name = item.text(src, "profile")?;
        let found = self.catalog.profiles.iter().position(|profile| *profile.name == *name);
        if found.is_none() {
            src.mistake(at, format!("`{name}` is no entry of [profiles]"));
        }
        found.map(|at| at as u16)
    }

    pub(super) fn condition(
        &mut self,
        src: &mut Source<'_>,
        table: &mut Table<'_>,
        key: &str,
        own: &Own<'_>,
    ) -> Option<Condition> {
        let item = table.take(key)?;
        let at = item.at;
        let text = item.text(src, key)?;
        self.condition_text(src, at, text, own)
    }

    pub(super) fn condition_text(
        &mut self,
        src: &mut Source<'_>,
        at: usize,
        text: &str,
        own: &Own<'_>,
    ) -> Option<Condition> {
        match (Scope { builder: self, own }).condition(text) {
            Ok(condition) => Some(condition),
            Err(why) => {
                src.mistake(at, format!("condition `{text}`: {why}"));
                None
            }
        }
    }

    #[allow(clippy::type_complexity)]
    pub(super) fn effects(
        &mut self,
        src: &mut Source<'_>,
        table: Option<Table<'_>>,
        own: &Own<'_>,
    ) -> (Vec<Effect>, Vec<(Box<str>, Box<str>)>) {
        let mut effects = Vec::new();
        let mut shown = Vec::new();
        for (key, at, item) in table.into_iter().flat_map(Table::rest) {
            let mut scope = Scope { builder: self, own };
            let state = match expr::parse_state(key, &mut scope) {
                Ok(state) => state,
                Err(why) => {
                    src.mistake(at, why);
                    continue;
                }
            };
            if item.is_table() {
                if let Some((value, text)) = self.bits(src, key, item, state, own) {
                    effects.push(Effect { key: state, value: Some(value) });
                    shown.push((key.into(), text.into()));
                }
                continue;
            }
            let Some(value) = item.scalar(src, key) else { continue };
            let text = match &value {
                Scalar::Int(number) => number.to_string(),
                Scalar::Word(word) => (*word).to_owned(),
            };
            let value = match value {
                Scalar::Int(number) => Some(Term::Int(number)),
                Scalar::Word("?") => None,
                Scalar::Word(word) => match word.strip_prefix('<').and_then(|word| word.strip_suffix('>')) {
                    Some(name) => match expr::Names::param(&mut scope, name.trim().trim_matches('"')) {
                        Ok(name) => Some(Term::Param(name)),
                        Err(why) => {
                            src.mistake(at, why);
                            continue;
                        }
                    },
                    None => Some(Term::Word(word.into())),
                },
            };
            effects.push(Effect { key: state, value });
            shown.push((key.into(), text.into()));
        }
        (effects, shown)
    }

    /// `{ bits = "<mode>", to = "<operate>" }`, and how it is shown.
    fn bits(
        &mut self,
        src: &mut Source<'_>,
        key: &str,
        item: Item<'_>,
        state: StateRef,
        own: &Own<'_>,
    ) -> Option<(Term, String)> {
        let at = item.at;
        let mut table = item.table(src, key)?;
        let (mask, to) = (table.text(src, "bits"), table.text(src, "to"));
        table.finish(src, "bits, to");
        let (Some(mask), Some(to)) = (mask, to) else {
            src.mistake(at, format!("`{key}`: expected `{{ bits = \"<parameter>\", to = \"<parameter>\" }}`"));
            return None;
        };
        let mut scope = Scope { builder: self, own };
        let mut param = |text: &str| {
            let name = text.strip_prefix('<').and_then(|name| name.strip_suffix('>')).unwrap_or(text);
            expr::Names::param(&mut scope, name.trim().trim_matches('"'))
        };
        match (param(mask), param(to)) {
            (Ok(mask_name), Ok(to_name)) => {
                let labels = self.catalog.states.get(usize::from(state.key)).map_or(&[][..], |spec| &spec.labels);
                let all = labels.iter().fold(0, |all, (value, _)| match value {
                    StateValue::Int(number) => all | number,
                    StateValue::Word(_) => all,
                });
                if all == 0 {
                    src.mistake(at, format!("`{key}` needs `values`: which bits there are"));
                }
                let bits = BitsOf { state, mask: mask_name, to: to_name, all };
                Some((Term::Bits(bits), format!("bits {mask} to {to}")))
            }
            (Err(why), _) | (_, Err(why)) => {
                src.mistake(at, why);
                None
            }
        }
    }

    fn line_entry(&mut self, src: &mut Source<'_>, mut table: Table<'_>, role: Role, none: &Own<'_>) {
        let at = table.at;
        let own = match table.table(src, "params") {
            Some(params) => self.params(src, params),
            None => none.clone(),
        };
        let mut template = LineDraft {
            role,
            owner: None,
            title: table.text(src, "title"),
            section: table.text(src, "section").unwrap_or_default(),
            note: table.text(src, "note"),
            profile: self.profile(src, &mut table),
            ok: table.flag(src, "ok").unwrap_or(false),
            rejects: table.flag(src, "rejects").unwrap_or(false),
            restart: table.flag(src, "restart").unwrap_or(role == Role::Boot),
            code: None,
            numeric: table.take("numeric").and_then(|item| item.scalar(src, "numeric")).and_then(
                |number| match number {
                    Scalar::Int(number) => Some(number),
                    Scalar::Word(_) => None,
                },
            ),
            names: Vec::new(),
        };
        if let Some(code) = table.take("code") {
            let place = code.at;
            if let Some(name) = code.text(src, "code") {
                match (Scope { builder: self, own: &own }).resolve(name) {
                    Ok(param) => template.code = Some(param),
                    Err(why) => src.mistake(place, why),
                }
            }
        }
        self.model_list(src, &mut table, "models");
        let syntax = table.take("syntax");
        let sets = table.table(src, "sets");
        let (shared, _) = self.effects(src, sets, &own);
        table.finish(
            src,
            "syntax, title, section, params, sets, profile, note, models, ok, code, numeric, rejects, restart",
        );
        let Some(syntax) = syntax else {
            src.mistake(at, "`syntax` is missing: what does the line look like?");
            return;
        };
        for item in syntax.list() {
            for line in self.line_item(src, item, &template, &own) {
                if let Some(line) = self.catalog.lines.get_mut(line as usize) {
                    line.sets =
                        shared.iter().map(|effect| Effect { key: effect.key, value: effect.value.clone() }).collect();
                }
            }
        }
    }

    /// Reads one `syntax`, `reply`, `after` or `later` item: text, or a table with `is`. Gives the new lines' positions.
    pub(super) fn line_item(
        &mut self,
        src: &mut Source<'_>,
        item: Item<'_>,
        draft: &LineDraft<'_>,
        own: &Own<'_>,
    ) -> Vec<u32> {
        let at = item.at;
        let mut draft = draft.clone();
        let mut when = None;
        let mut repeats = false;
        let text = if item.is_table() {
            let Some(mut table) = item.table(src, "line") else { return Vec::new() };
            let text = table.text(src, "is");
            if let Some(profile) = self.profile(src, &mut table) {
                draft.profile = Some(profile);
            }
            if let Some(note) = table.text(src, "note") {
                draft.note = Some(note);
            }
            when = self.condition(src, &mut table, "when", own);
            repeats = table.flag(src, "repeats").unwrap_or(false);
            table.finish(src, "is, profile, when, note, repeats");
            text
        } else {
            item.text(src, "line")
        };
        let Some(text) = text else { return Vec::new() };
        let lists = matches!(draft.owner, Some((_, Form::Test)));
        let built = notation::parse(text, lists).and_then(|nodes| self.lines_of(&nodes, text, &draft, own));
        match built {
            Ok(mut lines) => {
                if let Some(first) = lines.first().and_then(|&at| self.catalog.lines.get_mut(at as usize)) {
                    first.when = when;
                    first.repeats = repeats;
                } else {
                    lines.clear();
                }
                lines
            }
            Err(why) => {
                src.mistake(at, format!("`{}`: {why}", text.escape_debug()));
                Vec::new()
            }
        }
    }

    fn lines_of(
        &mut self,
        nodes: &[Node<'_>],
        text: &str,
        draft: &LineDraft<'_>,
        own: &Own<'_>,
    ) -> Result<Vec<u32>, String> {
        // `[<link ID>,]CONNECT` is two lines: with and without.
        if let Some((Node::Optional(inner), rest)) = nodes.split_first() {
            let with: Vec<_> = inner.iter().chain(rest).cloned().collect();
            let mut lines = self.lines_of(&with, text, draft, own)?;
            lines.extend(self.lines_of(rest, text, draft, own)?);
            return Ok(lines);
        }
        let mut scope = Scope { builder: self, own };
        let built = patterns::build(nodes, &mut scope, &draft.names)?;
        if matches!(built.pattern, Pattern::Free { .. }) && !matches!(draft.role, Role::Reply | Role::After) {
            return Err("it starts with a parameter: only an answer may have no name or words to know it by".to_owned());
        }
        let whole = draft.role == Role::Result && built.literal;
        let catch_all = match &built.pattern {
            Pattern::Fields { shapes } => shapes.iter().any(|shape| shape.rest && shape.fields.len() == 1),
            _ => false,
        };
        let runs_on = match &built.pattern {
            Pattern::Fields { shapes } => shapes
                .iter()
                .flat_map(|shape| &shape.fields)
                .any(|field| field.param.and_then(|at| self.catalog.param(at)).is_some_and(|spec| spec.lines)),
            _ => false,
        };
        self.catalog.lines.push(Line {
            role: draft.role,
            name: if whole { text.into() } else { built.name.into() },
            text: text.into(),
            owner: draft.owner,
            title: draft.title.map(Into::into),
            section: draft.section.into(),
            source: self.source,
            note: draft.note.map(Into::into),
            profile: draft.profile,
            when: None,
            ok: draft.ok,
            numeric: draft.numeric,
            rejects: draft.rejects,
            restart: draft.restart,
            code: draft.code,
            catch_all,
            asks: false,
            twin: None,
            sets: Vec::new(),
            pattern: built.pattern,
            below: built.below,
            runs_on,
            repeats: false,
            data: built.data,
        });
        self.live.push(true);
        Ok(vec![(self.catalog.lines.len() - 1) as u32])
    }

    /// Builds the indexes; gives what is wrong with the catalog as a whole.
    fn finish(&mut self) -> Vec<String> {
        let mut problems = Vec::new();
        for (name, &at) in &self.named {
            self.catalog.command_index.insert(name.as_bytes(), at as u32);
        }
        self.results();
        self.twins();
        self.prompts();
        self.told();
        let forms = self.catalog.commands.iter().flat_map(|command| command.forms.iter().flatten());
        let mut online: Vec<Box<str>> = forms.filter_map(|form| form.online.clone()).collect();
        online.sort();
        online.dedup();
        self.catalog.online = online;
        if self.catalog.commands.len() + self.catalog.lines.len() > 30_000 {
            problems.push("the catalog has more than 30000 entries".to_owned());
            return problems;
        }
        for (at, (line, &live)) in self.catalog.lines.iter().zip(&self.live).enumerate() {
            if !live {
                continue;
            }
            match &line.pattern {
                Pattern::Link { .. } => self.catalog.link_index.insert(line.name.as_bytes(), at as u32),
                Pattern::Free { .. } => {}
                Pattern::Template { parts } => {
                    if let Some(Part::Literal(first)) = parts.first() {
                        let word = first.split(|&b| b == b' ').next().unwrap_or_default();
                        self.catalog.line_index.insert(word, at as u32);
                    }
                }
                Pattern::Fields { .. } => {
                    let key = line.text.split([':', ',', '=', '\n']).next().unwrap_or_default().trim_end();
                    self.catalog.line_index.insert(key.as_bytes(), at as u32);
                }
                Pattern::Words => self.catalog.line_index.insert(line.name.as_bytes(), at as u32),
            }
        }
        problems
    }

    /// Notes the state that unsolicited lines change.
    fn told(&mut self) {
        let urcs = self.catalog.lines.iter().filter(|line| line.role == Role::Urc);
        self.catalog.told = urcs.flat_map(|line| &line.sets).map(|effect| effect.key.key).collect();
        self.catalog.told.sort_unstable();
        self.catalog.told.dedup();
    }

    /// Marks the lines that are prompts of other commands: `CONNECT` of AT+QHTTPURL.
    fn prompts(&mut self) {
        let forms = self.catalog.commands.iter().flat_map(|command| command.forms.iter().flatten());
        let prompts: Vec<&str> =
            forms.filter_map(|form| Some(&*form.data.as_ref()?.prompt)).filter(|word| *word != ">").collect();
        for line in self.catalog.lines.iter_mut().filter(|line| matches!(line.pattern, Pattern::Words)) {
            line.asks = prompts.contains(&&*line.name);
            self.catalog.asks_in_words |= line.asks;
        }
    }

    /// An answer that is also a URC of the same text has that one's effects.
    fn twins(&mut self) {
        let mut urcs: HashMap<Box<str>, u32> = HashMap::new();
        for (at, line) in self.catalog.lines.iter().enumerate() {
            if line.role == Role::Urc && !line.sets.is_empty() {
                urcs.entry(line.text.clone()).or_insert(at as u32);
            }
        }
        for line in &mut self.catalog.lines {
            if line.sets.is_empty() && matches!(line.role, Role::Reply | Role::After | Role::Later) {
                line.twin = urcs.get(&line.text).copied();
            }
        }
    }

    /// Every result that a form names is a line, also where no [[result]] describes it.
    fn results(&mut self) {
        let mut missing: Vec<Box<str>> = Vec::new();
        let named = self.catalog.commands.iter().flat_map(|command| command.forms.iter().flatten()).flat_map(|form| {
            let then = form.data.as_ref().map_or(&[][..], |data| &data.then);
            form.finals.iter().chain(then)
        });
        for name in named.chain(&self.catalog.results) {
            let known = self.catalog.lines.iter().any(|line| line.role == Role::Result && line.name == *name);
            if !known && !missing.contains(name) {
                missing.push(name.clone());
            }
        }
        for name in missing {
            let built = notation::parse(&name, false).and_then(|nodes| {
                let none = Own::new();
                let draft = LineDraft { role: Role::Result, ..LineDraft::default() };
                self.lines_of(&nodes, &name, &draft, &none)
            });
            // A name that is no plain text cannot be a result; the form that names it never gets it.
            drop(built);
        }
    }
}

/// What the lines of one entry have in common.
#[derive(Clone)]
pub(super) struct LineDraft<'t> {
    pub(super) role: Role,
    pub(super) owner: Option<(u32, Form)>,
    pub(super) title: Option<&'t str>,
    pub(super) section: &'t str,
    pub(super) note: Option<&'t str>,
    pub(super) profile: Option<u16>,
    pub(super) ok: bool,
    pub(super) rejects: bool,
    pub(super) restart: bool,
    pub(super) code: Option<u32>,
    pub(super) numeric: Option<i64>,
    /// Names for the range lists of a test form, by position.
    pub(super) names: Vec<String>,
}

impl Default for LineDraft<'_> {
    fn default() -> Self {
        Self {
            role: Role::Reply,
            owner: None,
            title: None,
            section: "",
            note: None,
            profile: None,
            ok: false,
            rejects: false,
            restart: false,
            code: None,
            numeric: None,
            names: Vec::new(),
        }
    }
}

pub(super) fn boxed(texts: Vec<(usize, &str)>) -> Vec<Box<str>> {
    texts.into_iter().map(|(_, text)| text.into()).collect()
}
