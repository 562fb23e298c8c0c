//! From TOML to a [`Catalog`]: reads every entry, resolves names, reports every mistake with file and line.

use std::collections::HashMap;

use super::expr::{self, Expr, Term};
use super::model::*;
use super::notation::{self, Node};
use super::params;
use super::patterns;
use super::source::{CatalogError, Item, Mistake, Scalar, Source, Table};
use crate::session::Form;

/// Where a catalog's text comes from when another one extends it.
pub(super) type Lookup<'a> = &'a dyn Fn(&str) -> Option<(String, String)>;

/// Loads a catalog from its text. `file` is its name in messages, `lookup` gives file name and text of the ones it extends.
pub(super) fn load(file: &str, text: &str, lookup: Lookup<'_>) -> Result<Catalog, CatalogError> {
    let mut builder = Builder::default();
    builder.add(file, text, lookup, &mut Vec::new());
    if builder.mistakes.is_empty() {
        let problems = builder.finish();
        builder.mistakes.extend(problems.into_iter().map(|message| Mistake { file: file.to_owned(), line: 0, message }));
    }
    if builder.mistakes.is_empty() { Ok(builder.catalog) } else { Err(CatalogError { mistakes: builder.mistakes }) }
}

#[derive(Default)]
pub(super) struct Builder {
    pub(super) catalog: Catalog,
    mistakes: Vec<Mistake>,
    /// Shared parameters, by name.
    pub(super) shared: HashMap<String, u32>,
    name_ids: HashMap<String, u32>,
    commands: HashMap<String, usize>,
    live: Vec<bool>,
    source: u16,
}

/// Parameters in reach of an entry: its own, then the shared ones.
pub(super) struct Scope<'b> {
    pub(super) builder: &'b mut Builder,
    pub(super) own: &'b HashMap<String, u32>,
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

    fn condition(&mut self, text: String) -> Result<Condition, String> {
        let expr: Expr = expr::parse(&text, self)?;
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

    fn add(&mut self, file: &str, text: &str, lookup: Lookup<'_>, chain: &mut Vec<String>) {
        let mut src = Source::new(file, text);
        if let Some(mut root) = src.parse() {
            self.document(&mut src, &mut root, lookup, chain);
            root.finish(
                &mut src,
                "catalog, state, codes, profiles, models, params, command, urc, result, progress, boot",
            );
        }
        self.mistakes.append(&mut src.mistakes);
    }

    fn document(&mut self, src: &mut Source<'_>, root: &mut Table<'_>, lookup: Lookup<'_>, chain: &mut Vec<String>) {
        let at = root.at;
        let Some(mut head) = root.table(src, "catalog") else {
            src.mistake(at, "the table [catalog] is missing: it names the dialect");
            return;
        };
        let name = head.text(src, "name").unwrap_or_default();
        if name.is_empty() {
            src.mistake(head.at, "[catalog] needs a `name`");
        }
        for (place, base) in head.texts(src, "extends") {
            if chain.contains(&base) || base == name || chain.len() > 8 {
                src.mistake(place, format!("`{base}` extends itself"));
                continue;
            }
            match lookup(&base) {
                Some((base_file, base_text)) => {
                    chain.push(base.clone());
                    self.add(&base_file, &base_text, lookup, chain);
                    chain.pop();
                }
                None => src.mistake(place, format!("there is no catalog `{base}` to extend")),
            }
        }
        let title = head.text(src, "title").unwrap_or_default();
        let source = head.text(src, "source").unwrap_or_else(|| title.clone());
        self.catalog.name = name.into();
        self.catalog.title = title.into();
        self.catalog.source = source.clone().into();
        self.source = self.catalog.sources.len() as u16;
        self.catalog.sources.push(source.into());
        self.catalog.escapes = head.flag(src, "escapes").unwrap_or(self.catalog.escapes);
        self.catalog.link = head.flag(src, "link").unwrap_or(self.catalog.link);
        let results = head.texts(src, "results");
        if !results.is_empty() {
            self.catalog.results = boxed(results);
        }
        let tells = head.texts(src, "tells");
        if !tells.is_empty() {
            self.catalog.tells = boxed(tells);
        }
        head.finish(src, "name, title, source, extends, escapes, link, results, tells");

        self.models(src, root);
        self.profiles(src, root);
        self.codes(src, root);
        self.states(src, root);
        if let Some(table) = root.table(src, "params") {
            let own = self.params(src, table);
            self.shared.extend(own);
        }
        let none = HashMap::new();
        for (key, role) in
            [("result", Role::Result), ("progress", Role::Progress), ("urc", Role::Urc), ("boot", Role::Boot)]
        {
            for item in root.take(key).map_or_else(Vec::new, Item::list) {
                if let Some(table) = item.table(src, key) {
                    self.line_entry(src, table, role, &none);
                }
            }
        }
        for item in root.take("command").map_or_else(Vec::new, Item::list) {
            if let Some(table) = item.table(src, "command") {
                self.command(src, table);
            }
        }
    }

    fn models(&mut self, src: &mut Source<'_>, root: &mut Table<'_>) {
        let Some(table) = root.table(src, "models") else { return };
        let mut families = Vec::new();
        for (name, at, item) in table.rest() {
            let Some(mut entry) = item.table(src, &name) else { continue };
            let model = Model {
                title: entry.text(src, "title").unwrap_or_default().into(),
                aliases: boxed(entry.texts(src, "aliases")),
                family: None,
                tells: boxed(entry.texts(src, "tells")),
                section: entry.text(src, "section").unwrap_or_default().into(),
                note: entry.text(src, "note").map(Into::into),
                name: name.clone().into(),
            };
            families.push((at, name.clone(), entry.text(src, "family")));
            entry.finish(src, "title, aliases, family, tells, section, note");
            match self.catalog.models.iter_mut().find(|old| old.name == model.name) {
                Some(old) => *old = model,
                None => self.catalog.models.push(model),
            }
        }
        for (at, name, family) in families {
            let Some(family) = family else { continue };
            let found = self.catalog.model(&family);
            if found.is_none() {
                src.mistake(at, format!("`{family}` is no entry of [models]"));
            }
            if let Some(model) = self.catalog.models.iter_mut().find(|model| *model.name == *name) {
                model.family = found;
            }
        }
    }

    fn profiles(&mut self, src: &mut Source<'_>, root: &mut Table<'_>) {
        let Some(table) = root.table(src, "profiles") else { return };
        for (name, _, item) in table.rest() {
            let Some(mut entry) = item.table(src, &name) else { continue };
            let profile = Profile {
                title: entry.text(src, "title").unwrap_or_default().into(),
                tells: boxed(entry.texts(src, "tells")),
                name: name.into(),
            };
            entry.finish(src, "title, tells");
            match self.catalog.profiles.iter_mut().find(|old| old.name == profile.name) {
                Some(old) => *old = profile,
                None => self.catalog.profiles.push(profile),
            }
        }
    }

    fn codes(&mut self, src: &mut Source<'_>, root: &mut Table<'_>) {
        let Some(table) = root.table(src, "codes") else { return };
        for (name, at, item) in table.rest() {
            let Some(mut entry) = item.table(src, &name) else { continue };
            let mut codes = Vec::new();
            let mut words = Vec::new();
            let values = entry.table(src, "values");
            for (key, place, item) in values.into_iter().flat_map(Table::rest) {
                let Some(meaning) = item.text(src, &key) else { continue };
                match params::range(&key) {
                    Some((low, high)) if low <= high => codes.push((low, high, meaning.into())),
                    Some(_) => src.mistake(place, format!("the range `{key}` is empty")),
                    None => words.push((key.into(), meaning.into())),
                }
            }
            codes.sort_by_key(|code: &(i64, i64, Box<str>)| code.0);
            if let Some(pair) = codes.windows(2).find(|pair| pair.first().map(|a| a.1) >= pair.get(1).map(|b| b.0)) {
                let twice = pair.first().map_or(0, |a| a.1);
                src.mistake(at, format!("[codes.{name}] lists {twice} twice"));
            }
            let table = CodeTable {
                title: entry.text(src, "title").unwrap_or_default().into(),
                section: entry.text(src, "section").unwrap_or_default().into(),
                codes,
                words,
                name: name.into(),
            };
            entry.take("note");
            entry.finish(src, "title, section, values, note");
            match self.catalog.codes.iter_mut().find(|old| old.name == table.name) {
                Some(old) => *old = table,
                None => self.catalog.codes.push(table),
            }
        }
    }

    fn states(&mut self, src: &mut Source<'_>, root: &mut Table<'_>) {
        let Some(table) = root.table(src, "state") else { return };
        for (name, at, item) in table.rest() {
            let Some(mut entry) = item.table(src, &name) else { continue };
            let values = entry.table(src, "values");
            let labels = values
                .into_iter()
                .flat_map(Table::rest)
                .filter_map(|(key, _, item)| Some((params::value(&key), item.text(src, &key)?.into())))
                .collect();
            let state = StateSpec {
                title: entry.text(src, "title").unwrap_or_default().into(),
                default: entry.take("default").and_then(|item| item.scalar(src, "default")).map(params::scalar),
                saved: entry.flag(src, "saved").unwrap_or(false),
                indexed: entry.flag(src, "indexed").unwrap_or(false),
                labels,
                name: name.into(),
            };
            entry.take("note");
            entry.finish(src, "title, default, saved, indexed, values, note");
            if self.catalog.states.len() >= 1000 {
                src.mistake(at, "more than 1000 state keys");
                return;
            }
            match self.catalog.states.iter_mut().find(|old| old.name == state.name) {
                Some(old) => *old = state,
                None => self.catalog.states.push(state),
            }
        }
    }

    fn params(&mut self, src: &mut Source<'_>, table: Table<'_>) -> HashMap<String, u32> {
        let mut own = HashMap::new();
        for (name, _, item) in table.rest() {
            let Some(entry) = item.table(src, &name) else { continue };
            if let Some(at) = params::read(self, src, &name, entry) {
                own.insert(name, at);
            }
        }
        own
    }

    pub(super) fn push_param(&mut self, spec: ParamSpec) -> u32 {
        self.catalog.params.push(spec);
        (self.catalog.params.len() - 1) as u32
    }

    fn model_list(&mut self, src: &mut Source<'_>, table: &mut Table<'_>, key: &str) -> Vec<u16> {
        let mut list = Vec::new();
        for (at, name) in table.texts(src, key) {
            match self.catalog.model(&name) {
                Some(model) => list.push(model),
                None => src.mistake(at, format!("`{name}` is no entry of [models]")),
            }
        }
        list
    }

    fn profile(&mut self, src: &mut Source<'_>, table: &mut Table<'_>) -> Option<u16> {
        let item = table.take("profile")?;
        let at = item.at;
        let name = item.text(src, "profile")?;
        let found = self.catalog.profiles.iter().position(|profile| *profile.name == *name);
        if found.is_none() {
            src.mistake(at, format!("`{name}` is no entry of [profiles]"));
        }
        found.map(|at| at as u16)
    }

    fn condition(
        &mut self,
        src: &mut Source<'_>,
        table: &mut Table<'_>,
        key: &str,
        own: &HashMap<String, u32>,
    ) -> Option<Condition> {
        let item = table.take(key)?;
        let at = item.at;
        let text = item.text(src, key)?;
        self.condition_text(src, at, text, own)
    }

    fn condition_text(
        &mut self,
        src: &mut Source<'_>,
        at: usize,
        text: String,
        own: &HashMap<String, u32>,
    ) -> Option<Condition> {
        let shown = text.clone();
        match (Scope { builder: self, own }).condition(text) {
            Ok(condition) => Some(condition),
            Err(why) => {
                src.mistake(at, format!("condition `{shown}`: {why}"));
                None
            }
        }
    }

    #[allow(clippy::type_complexity)]
    fn effects(
        &mut self,
        src: &mut Source<'_>,
        table: Option<Table<'_>>,
        own: &HashMap<String, u32>,
    ) -> (Vec<Effect>, Vec<(Box<str>, Box<str>)>) {
        let mut effects = Vec::new();
        let mut shown = Vec::new();
        for (key, at, item) in table.into_iter().flat_map(Table::rest) {
            let Some(value) = item.scalar(src, &key) else { continue };
            let mut scope = Scope { builder: self, own };
            let state = match expr::parse_state(&key, &mut scope) {
                Ok(state) => state,
                Err(why) => {
                    src.mistake(at, why);
                    continue;
                }
            };
            let text = match &value {
                Scalar::Int(number) => number.to_string(),
                Scalar::Word(word) => word.clone(),
            };
            let value = match value {
                Scalar::Int(number) => Some(Term::Int(number)),
                Scalar::Word(word) if word == "?" => None,
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

    fn line_entry(&mut self, src: &mut Source<'_>, mut table: Table<'_>, role: Role, none: &HashMap<String, u32>) {
        let at = table.at;
        let own = match table.table(src, "params") {
            Some(params) => self.params(src, params),
            None => none.clone(),
        };
        let mut template = LineDraft {
            role,
            owner: None,
            title: table.text(src, "title").map(Into::into),
            section: table.text(src, "section").unwrap_or_default().into(),
            note: table.text(src, "note").map(Into::into),
            profile: self.profile(src, &mut table),
            ok: table.flag(src, "ok").unwrap_or(false),
            rejects: table.flag(src, "rejects").unwrap_or(false),
            restart: table.flag(src, "restart").unwrap_or(role == Role::Boot),
            code: None,
            numeric: table.take("numeric").and_then(|item| item.scalar(src, "numeric")).and_then(|number| match number {
                Scalar::Int(number) => Some(number),
                Scalar::Word(_) => None,
            }),
            names: Vec::new(),
        };
        if let Some(code) = table.take("code") {
            let place = code.at;
            if let Some(name) = code.text(src, "code") {
                match (Scope { builder: self, own: &own }).resolve(&name) {
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
                    line.sets = shared
                        .iter()
                        .map(|effect| Effect { key: effect.key, value: effect.value.clone() })
                        .collect();
                }
            }
        }
    }

    /// Reads one `syntax`, `reply`, `after` or `later` item: text, or a table with `is`. Gives the new lines' positions.
    fn line_item(
        &mut self,
        src: &mut Source<'_>,
        item: Item<'_>,
        draft: &LineDraft,
        own: &HashMap<String, u32>,
    ) -> Vec<u32> {
        let at = item.at;
        let mut draft = draft.clone();
        let mut when = None;
        let text = if let toml::de::DeValue::Table(_) = item.value {
            let Some(mut table) = item.table(src, "line") else { return Vec::new() };
            let text = table.text(src, "is");
            if let Some(profile) = self.profile(src, &mut table) {
                draft.profile = Some(profile);
            }
            if let Some(note) = table.text(src, "note") {
                draft.note = Some(note.into());
            }
            when = self.condition(src, &mut table, "when", own);
            table.finish(src, "is, profile, when, note");
            text
        } else {
            item.text(src, "line")
        };
        let Some(text) = text else { return Vec::new() };
        let lists = matches!(draft.owner, Some((_, Form::Test)));
        let built = notation::parse(&text, lists).and_then(|nodes| self.lines_of(&nodes, &text, &draft, own));
        match built {
            Ok(mut lines) => {
                if let Some(first) = lines.first().and_then(|&at| self.catalog.lines.get_mut(at as usize)) {
                    first.when = when;
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
        nodes: &[Node],
        text: &str,
        draft: &LineDraft,
        own: &HashMap<String, u32>,
    ) -> Result<Vec<u32>, String> {
        // `[<link ID>,]CONNECT` is two lines: with and without.
        if let Some((Node::Optional(inner), rest)) = nodes.split_first() {
            let with: Vec<Node> = inner.iter().chain(rest).cloned().collect();
            let mut lines = self.lines_of(&with, text, draft, own)?;
            lines.extend(self.lines_of(rest, text, draft, own)?);
            return Ok(lines);
        }
        let mut scope = Scope { builder: self, own };
        let built = patterns::build(nodes, &mut scope, &draft.names)?;
        let whole = draft.role == Role::Result && built.literal;
        let catch_all = match &built.pattern {
            Pattern::Fields { shapes } => shapes.iter().any(|shape| shape.rest && shape.fields.len() == 1),
            _ => false,
        };
        self.catalog.lines.push(Line {
            role: draft.role,
            name: if whole { text.into() } else { built.name.into() },
            text: text.into(),
            owner: draft.owner,
            title: draft.title.clone(),
            section: draft.section.clone(),
            source: self.source,
            note: draft.note.clone(),
            profile: draft.profile,
            when: None,
            ok: draft.ok,
            numeric: draft.numeric,
            rejects: draft.rejects,
            restart: draft.restart,
            code: draft.code,
            catch_all,
            twin: None,
            sets: Vec::new(),
            pattern: built.pattern,
            data: built.data,
        });
        self.live.push(true);
        Ok(vec![(self.catalog.lines.len() - 1) as u32])
    }

    fn command(&mut self, src: &mut Source<'_>, mut table: Table<'_>) {
        let at = table.at;
        let Some(name) = table.text(src, "name") else {
            src.mistake(at, "a command needs a `name` (`name = \"\"` for a bare AT)");
            return;
        };
        let own = table.table(src, "params").map(|params| self.params(src, params)).unwrap_or_default();
        let position = self.commands.get(&name).copied().unwrap_or(self.catalog.commands.len());
        for (line, live) in self.catalog.lines.iter().zip(&mut self.live) {
            if line.owner.is_some_and(|(owner, _)| owner as usize == position) {
                *live = false;
            }
        }
        let timeout = self.timeout(src, &mut table);
        let needs = table.take("needs");
        let needs = needs.and_then(|item| {
            let place = item.at;
            item.text(src, "needs").map(|text| (place, text))
        });
        let section = table.text(src, "section").unwrap_or_default();
        let mut command = Command {
            aliases: boxed(table.texts(src, "aliases")),
            title: table.text(src, "title").unwrap_or_default().into(),
            section: section.clone().into(),
            source: self.source,
            note: table.text(src, "note").map(Into::into),
            models: self.model_list(src, &mut table, "models"),
            except: self.model_list(src, &mut table, "except"),
            profile: self.profile(src, &mut table),
            forms: [const { None }; 4],
            name: name.clone().into(),
        };
        let mut positions: Vec<String> = Vec::new();
        for form in [Form::Set, Form::Execute, Form::Read, Form::Test] {
            let Some(entry) = table.table(src, form.as_str()) else { continue };
            let draft = LineDraft {
                role: Role::Reply,
                owner: Some((position as u32, form)),
                section: section.clone().into(),
                names: positions.clone(),
                ..LineDraft::default()
            };
            let mut spec = self.form(src, entry, &draft, &own, timeout);
            if spec.needs.is_none() && form != Form::Test {
                spec.needs = needs.clone().and_then(|(place, text)| self.condition_text(src, place, text, &own));
            }
            if form == Form::Set {
                positions = self.positions(&spec);
            }
            if let Some(slot) = command.forms.get_mut(form.index()) {
                *slot = Some(Box::new(spec));
            }
        }
        if command.forms.iter().all(Option::is_none) {
            src.mistake(at, format!("`{name}` has no form: add [command.execute], set, read or test"));
        }
        table.finish(
            src,
            "name, aliases, title, section, models, except, profile, timeout, needs, note, params, execute, set, read, test",
        );
        if position == self.catalog.commands.len() {
            self.catalog.commands.push(command);
        } else if let Some(slot) = self.catalog.commands.get_mut(position) {
            *slot = command;
        }
        self.commands.insert(name, position);
    }

    /// The parameters' names of a set form, by position: the test form's range lists are named after them.
    fn positions(&self, spec: &FormSpec) -> Vec<String> {
        let longest = spec.syntax.iter().flat_map(|syntax| &syntax.shapes).max_by_key(|shape| shape.fields.len());
        longest.map_or_else(Vec::new, |shape| {
            let name = |field: &Field| field.param.and_then(|at| self.catalog.param(at)).map(|spec| spec.name.to_string());
            shape.fields.iter().map(|field| name(field).unwrap_or_default()).collect()
        })
    }

    fn timeout(&mut self, src: &mut Source<'_>, table: &mut Table<'_>) -> Option<u64> {
        let item = table.take("timeout")?;
        let at = item.at;
        let text = item.text(src, "timeout")?;
        let (number, unit) = text.trim().split_at(text.trim().find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
        let factor = match unit.trim() {
            "ms" => 1,
            "s" => 1000,
            "min" => 60_000,
            _ => 0,
        };
        match number.parse::<u64>().ok().and_then(|number| number.checked_mul(factor)).filter(|&millis| millis > 0) {
            Some(millis) => Some(millis),
            None => {
                src.mistake(at, format!("`{text}` is no time: expected a number with `ms`, `s` or `min`"));
                None
            }
        }
    }

    fn form(
        &mut self,
        src: &mut Source<'_>,
        mut table: Table<'_>,
        draft: &LineDraft,
        own: &HashMap<String, u32>,
        timeout: Option<u64>,
    ) -> FormSpec {
        let mut draft = draft.clone();
        let section = table.text(src, "section");
        if let Some(section) = &section {
            draft.section = section.clone().into();
        }
        let mut spec = FormSpec {
            title: table.text(src, "title").map(Into::into),
            note: table.text(src, "note").map(Into::into),
            models: self.model_list(src, &mut table, "models"),
            except: self.model_list(src, &mut table, "except"),
            profile: self.profile(src, &mut table),
            timeout: self.timeout(src, &mut table).or(timeout),
            needs: self.condition(src, &mut table, "needs", own),
            section: section.map(Into::into),
            restarts: table.flag(src, "restarts").unwrap_or(false),
            replies_only: table.flag(src, "replies_only").unwrap_or(false),
            ..FormSpec::default()
        };
        for item in table.take("syntax").map_or_else(Vec::new, Item::list) {
            if let Some(syntax) = self.syntax(src, item, own) {
                spec.syntax.push(syntax);
            }
        }
        if draft.names.is_empty() {
            draft.names = self.positions(&spec);
        }
        for (key, role) in [("reply", Role::Reply), ("after", Role::After), ("later", Role::Later)] {
            draft.role = role;
            let mut lines = Vec::new();
            for item in table.take(key).map_or_else(Vec::new, Item::list) {
                lines.extend(self.line_item(src, item, &draft, own));
            }
            match role {
                Role::Reply => spec.reply = lines,
                Role::After => spec.after = lines,
                _ => spec.later = lines,
            }
        }
        spec.free = spec.reply.iter().chain(&spec.after).any(|&line| {
            self.catalog.lines.get(line as usize).is_some_and(|line| matches!(line.pattern, Pattern::Free { .. }))
        });
        spec.finals = boxed(table.texts(src, "finals"));
        spec.fails = boxed(table.texts(src, "fails"));
        if spec.finals.is_empty() {
            spec.finals.clone_from(&self.catalog.results);
        }
        for (at, text) in table.texts(src, "relations") {
            spec.relations.extend(self.condition_text(src, at, text, own));
        }
        let sets = table.table(src, "sets");
        (spec.sets, spec.effects) = self.effects(src, sets, own);
        spec.data = self.data_phase(src, &mut table, own);
        table.finish(
            src,
            "syntax, reply, after, later, finals, fails, prompt, sends, ends, then, phase, needs, sets, relations, timeout, \
             models, except, profile, title, section, note, restarts, replies_only",
        );
        spec
    }

    fn syntax(&mut self, src: &mut Source<'_>, item: Item<'_>, own: &HashMap<String, u32>) -> Option<Syntax> {
        let at = item.at;
        let (mut when, mut profile) = (None, None);
        let text = if let toml::de::DeValue::Table(_) = item.value {
            let mut table = item.table(src, "syntax")?;
            let text = table.text(src, "is");
            when = self.condition(src, &mut table, "when", own);
            profile = self.profile(src, &mut table);
            table.take("note");
            table.finish(src, "is, when, profile, note");
            text?
        } else {
            item.text(src, "syntax")?
        };
        let rows = notation::parse(&text, false).and_then(|nodes| notation::rows(&nodes));
        let shapes = rows.and_then(|rows| {
            let mut scope = Scope { builder: self, own };
            rows.into_iter().map(|row| patterns::shape(row, &mut scope, &[])).collect::<Result<Vec<_>, _>>()
        });
        match shapes {
            Ok(shapes) => Some(Syntax { text: text.into(), when, profile, shapes }),
            Err(why) => {
                src.mistake(at, format!("`{text}`: {why}"));
                None
            }
        }
    }

    fn data_phase(
        &mut self,
        src: &mut Source<'_>,
        table: &mut Table<'_>,
        own: &HashMap<String, u32>,
    ) -> Option<DataPhase> {
        let prompt = table.take("prompt");
        let at = prompt.as_ref().map_or(table.at, |item| item.at);
        let prompt = prompt.and_then(|item| item.text(src, "prompt"));
        let sends = table.text(src, "sends");
        let ends = table.text(src, "ends").map(Into::into);
        let then = boxed(table.texts(src, "then"));
        let phase = self.condition(src, table, "phase", own);
        let (prompt, sends) = match (prompt, sends) {
            (None, None) => {
                if !then.is_empty() || phase.is_some() {
                    src.mistake(at, "`then` and `phase` need a `prompt` and what the host `sends`");
                }
                return None;
            }
            (Some(prompt), Some(sends)) => (prompt, sends),
            _ => {
                src.mistake(at, "a data phase needs both `prompt` and `sends`");
                return None;
            }
        };
        let sends = match sends.as_str() {
            "ctrl-z" => Sends::CtrlZ,
            "transparent" => Sends::Transparent,
            counted => {
                let name = counted.strip_prefix('<').and_then(|name| name.strip_suffix('>'));
                let name = name.map(|name| name.trim().trim_matches('"')).unwrap_or_default();
                if let Err(why) = (Scope { builder: self, own }).resolve(name) {
                    src.mistake(at, format!("`sends`: expected a parameter, `ctrl-z` or `transparent`: {why}"));
                    return None;
                }
                Sends::Counted(name.into())
            }
        };
        let (accepts, prompt) = match prompt.strip_prefix("OK") {
            Some(rest) => (true, rest.trim().to_owned()),
            None => (false, prompt.trim().to_owned()),
        };
        if prompt.is_empty() {
            src.mistake(at, "the prompt is empty");
        }
        Some(DataPhase { prompt: prompt.into(), accepts, sends, ends, then, phase })
    }

    /// Builds the indexes; gives what is wrong with the catalog as a whole.
    fn finish(&mut self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut named: HashMap<String, String> = HashMap::new();
        for (at, command) in self.catalog.commands.iter().enumerate() {
            for name in std::iter::once(&command.name).chain(&command.aliases) {
                let upper = name.to_ascii_uppercase();
                match named.get(&upper) {
                    Some(other) => problems.push(format!("`{name}` is a name of both `{other}` and `{}`", command.name)),
                    None => {
                        self.catalog.command_index.insert(name.as_bytes(), at as u32);
                        named.insert(upper, command.name.to_string());
                    }
                }
            }
        }
        self.results();
        self.twins();
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
                let none = HashMap::new();
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
struct LineDraft {
    role: Role,
    owner: Option<(u32, Form)>,
    title: Option<Box<str>>,
    section: Box<str>,
    note: Option<Box<str>>,
    profile: Option<u16>,
    ok: bool,
    rejects: bool,
    restart: bool,
    code: Option<u32>,
    numeric: Option<i64>,
    /// Names for range lists, by position.
    names: Vec<String>,
}

impl Default for LineDraft {
    fn default() -> Self {
        Self {
            role: Role::Reply,
            owner: None,
            title: None,
            section: "".into(),
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

fn boxed(texts: Vec<(usize, String)>) -> Vec<Box<str>> {
    texts.into_iter().map(|(_, text)| text.into()).collect()
}
