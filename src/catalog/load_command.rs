//! Commands: their forms, parameters, answers, data phases.

use std::sync::Arc;

use super::load::{Builder, LineDraft, Own, Scope, boxed};
use super::model::*;
use super::notation;
use super::patterns;
use super::source::{Item, Source, Table};
use crate::session::Form;

impl Builder {
    pub(super) fn command(&mut self, src: &mut Source<'_>, mut table: Table<'_>) {
        let at = table.at;
        let Some(name) = table.text(src, "name") else {
            src.mistake(at, "a command needs a `name` (`name = \"\"` for a bare AT)");
            return;
        };
        let own = table.table(src, "params").map(|params| self.params(src, params)).unwrap_or_default();
        let known = self.commands.get(name).copied();
        if let Some(position) = known {
            if self.catalog.commands.get(position).is_some_and(|before| before.source == self.source) {
                src.mistake(at, format!("`{name}` is described twice; all its forms go into one entry"));
            }
            self.replace(position);
        }
        let position = known.unwrap_or(self.catalog.commands.len());
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
            section: section.into(),
            source: self.source,
            note: table.text(src, "note").map(Into::into),
            models: self.model_list(src, &mut table, "models"),
            except: self.model_list(src, &mut table, "except"),
            always: table.flag(src, "always").unwrap_or(false),
            saved: table.flag(src, "saved").unwrap_or(false),
            profile: self.profile(src, &mut table),
            forms: [const { None }; 4],
            letters: letters(name),
            name: name.into(),
        };
        let mut positions: Vec<String> = Vec::new();
        for form in [Form::Set, Form::Execute, Form::Read, Form::Test] {
            let Some(entry) = table.table(src, form.as_str()) else { continue };
            let draft = LineDraft {
                role: Role::Reply,
                owner: Some((position as u32, form)),
                section,
                names: if form == Form::Test { positions.clone() } else { Vec::new() },
                ..LineDraft::default()
            };
            let mut spec = self.form(src, entry, &draft, &own, timeout);
            if spec.needs.is_none() && form != Form::Test {
                spec.needs = needs.and_then(|(place, text)| self.condition_text(src, place, text, &own));
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
            "name, aliases, title, section, models, except, profile, timeout, needs, always, saved, note, params, execute, set, read, test",
        );
        self.names(src, at, &mut command, position);
        if position == self.catalog.commands.len() {
            self.catalog.commands.push(command);
        } else if let Some(slot) = self.catalog.commands.get_mut(position) {
            *slot = command;
        }
        self.commands.insert(name.into(), position);
    }

    /// Forgets the names and lines of a command that is described anew.
    fn replace(&mut self, position: usize) {
        self.named.retain(|_, of| *of != position);
        for (line, live) in self.catalog.lines.iter().zip(&mut self.live) {
            if line.owner.is_some_and(|(owner, _)| owner as usize == position) {
                *live = false;
            }
        }
    }

    /// Notes a command's names; a spelling that another command has is a mistake, unless the other one comes from a catalog below.
    fn names(&mut self, src: &mut Source<'_>, at: usize, command: &mut Command, position: usize) {
        let mut twice: Vec<String> = Vec::new();
        for name in std::iter::once(&command.name).chain(&command.aliases) {
            let upper = name.to_ascii_uppercase();
            if twice.contains(&upper) {
                src.mistake(at, format!("`{}` has the name `{name}` twice", command.name));
                continue;
            }
            twice.push(upper.clone());
            if let Some(&other) = self.named.get(&upper)
                && let Some(other) = self.catalog.commands.get_mut(other)
            {
                if other.source == command.source || other.name.eq_ignore_ascii_case(name) {
                    src.mistake(at, format!("`{name}` is a name of both `{}` and `{}`", other.name, command.name));
                    continue;
                }
                other.aliases.retain(|alias| !alias.eq_ignore_ascii_case(name));
            }
            self.named.insert(upper, position);
        }
    }

    /// The parameters' names of a set form, by position: the test form's range lists are named after them.
    fn positions(&self, spec: &FormSpec) -> Vec<String> {
        let longest = spec.syntax.iter().flat_map(|syntax| &syntax.shapes).max_by_key(|shape| shape.fields.len());
        longest.map_or_else(Vec::new, |shape| {
            let name =
                |field: &Field| field.param.and_then(|at| self.catalog.param(at)).map(|spec| spec.name.to_string());
            shape.fields.iter().map(|field| name(field).unwrap_or_default()).collect()
        })
    }

    fn timeout(&mut self, src: &mut Source<'_>, table: &mut Table<'_>) -> Option<u64> {
        let item = table.take("timeout")?;
        let at = item.at;
        let text = item.text(src, "timeout")?;
        let (number, unit) =
            text.trim().split_at(text.trim().find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
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
        draft: &LineDraft<'_>,
        own: &Own<'_>,
        timeout: Option<u64>,
    ) -> FormSpec {
        let mut draft = draft.clone();
        let section = table.text(src, "section");
        if let Some(section) = section {
            draft.section = section;
        }
        let restarts = self.restarts(src, &mut table, own);
        let mut spec = FormSpec {
            title: table.text(src, "title").map(Into::into),
            note: table.text(src, "note").map(Into::into),
            models: self.model_list(src, &mut table, "models"),
            except: self.model_list(src, &mut table, "except"),
            profile: self.profile(src, &mut table),
            timeout: self.timeout(src, &mut table).or(timeout),
            needs: self.condition(src, &mut table, "needs", own),
            quiet: self.condition(src, &mut table, "quiet", own),
            section: section.map(Into::into),
            restarts: restarts.is_some(),
            restarts_when: restarts.flatten(),
            replies_only: table.flag(src, "replies_only").unwrap_or(false),
            online: table.text(src, "online").map(Into::into),
            offline: boxed(table.texts(src, "offline")),
            ..FormSpec::default()
        };
        for item in table.list("syntax") {
            if let Some(syntax) = self.syntax(src, item, own) {
                spec.syntax.push(syntax);
            }
        }
        if draft.names.is_empty() && matches!(draft.owner, Some((_, Form::Test))) {
            draft.names = self.positions(&spec);
        }
        for (key, role) in [("reply", Role::Reply), ("after", Role::After), ("later", Role::Later)] {
            draft.role = role;
            let mut lines = Vec::new();
            for item in table.list(key) {
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
        let finals = boxed(table.texts(src, "finals"));
        spec.finals = if finals.is_empty() { Arc::clone(&self.results) } else { finals.into() };
        spec.fails = boxed(table.texts(src, "fails"));
        for (at, text) in table.texts(src, "relations") {
            spec.relations.extend(self.condition_text(src, at, text, own));
        }
        let sets = table.table(src, "sets");
        (spec.sets, spec.effects) = self.effects(src, sets, own);
        spec.data = self.data_phase(src, &mut table, own);
        table.finish(
            src,
            "syntax, reply, after, later, finals, fails, prompt, sends, ends, then, phase, needs, sets, relations, timeout, \
             models, except, profile, title, section, note, restarts, replies_only, quiet, online, offline",
        );
        spec
    }

    /// `restarts = true`, or where a condition holds.
    fn restarts(&mut self, src: &mut Source<'_>, table: &mut Table<'_>, own: &Own<'_>) -> Option<Option<Condition>> {
        let item = table.take("restarts")?;
        if item.is_text() {
            let at = item.at;
            return item.text(src, "restarts").map(|text| self.condition_text(src, at, text, own));
        }
        item.flag(src, "restarts")?.then_some(None)
    }

    fn syntax(&mut self, src: &mut Source<'_>, item: Item<'_>, own: &Own<'_>) -> Option<Syntax> {
        let at = item.at;
        let (mut when, mut profile) = (None, None);
        let text = if item.is_table() {
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
        let rows = notation::parse(text, false).and_then(|nodes| notation::rows(&nodes));
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

    fn data_phase(&mut self, src: &mut Source<'_>, table: &mut Table<'_>, own: &Own<'_>) -> Option<DataPhase> {
        let prompt = table.take("prompt");
        let at = prompt.as_ref().map_or(table.at, |item| item.at);
        let prompt = prompt.and_then(|item| item.text(src, "prompt"));
        let sends = table.text(src, "sends");
        let ends = table.text(src, "ends").map(Into::into);
        let surplus = table.flag(src, "surplus").unwrap_or(false);
        let then = boxed(table.texts(src, "then"));
        let phase = self.condition(src, table, "phase", own);
        let (prompt, sends) = match (prompt, sends) {
            (None, None) => {
                if !then.is_empty() || phase.is_some() || surplus {
                    src.mistake(at, "`then`, `phase` and `surplus` need a `prompt` and what the host `sends`");
                }
                return None;
            }
            (Some(prompt), Some(sends)) => (prompt, sends),
            _ => {
                src.mistake(at, "a data phase needs both `prompt` and `sends`");
                return None;
            }
        };
        let sends = match sends {
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
        Some(DataPhase { prompt: prompt.into(), accepts, sends, ends, surplus, then, phase })
    }
}
