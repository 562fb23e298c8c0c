//! The tables at a catalog's head: models, profiles, code tables, state.

use super::load::{Builder, Own, boxed};
use super::model::*;
use super::params;
use super::source::{Source, Table};

impl Builder {
    pub(super) fn models(&mut self, src: &mut Source<'_>, root: &mut Table<'_>) {
        let Some(table) = root.table(src, "models") else { return };
        let mut families = Vec::new();
        for (name, at, item) in table.rest() {
            let Some(mut entry) = item.table(src, name) else { continue };
            let model = Model {
                title: entry.text(src, "title").unwrap_or_default().into(),
                aliases: boxed(entry.texts(src, "aliases")),
                family: None,
                tells: boxed(entry.texts(src, "tells")),
                section: entry.text(src, "section").unwrap_or_default().into(),
                note: entry.text(src, "note").map(Into::into),
                name: name.into(),
            };
            families.push((at, name, entry.text(src, "family")));
            entry.finish(src, "title, aliases, family, tells, section, note");
            match self.catalog.models.iter_mut().find(|old| old.name == model.name) {
                Some(old) => *old = model,
                None => self.catalog.models.push(model),
            }
        }
        for (at, name, family) in families {
            let Some(family) = family else { continue };
            let found = self.catalog.model(family);
            if found.is_none() {
                src.mistake(at, format!("`{family}` is no entry of [models]"));
            }
            if let Some(model) = self.catalog.models.iter_mut().find(|model| &*model.name == name) {
                model.family = found;
            }
        }
    }

    pub(super) fn profiles(&mut self, src: &mut Source<'_>, root: &mut Table<'_>) {
        let Some(table) = root.table(src, "profiles") else { return };
        for (name, _, item) in table.rest() {
            let Some(mut entry) = item.table(src, name) else { continue };
            let profile = Profile {
                title: entry.text(src, "title").unwrap_or_default().into(),
                tells: boxed(entry.texts(src, "tells")),
                stray: boxed(entry.texts(src, "stray")),
                output: output(src, &mut entry),
                name: name.into(),
            };
            entry.finish(src, "title, tells, stray, output");
            match self.catalog.profiles.iter_mut().find(|old| old.name == profile.name) {
                Some(old) => *old = profile,
                None => self.catalog.profiles.push(profile),
            }
        }
    }

    pub(super) fn codes(&mut self, src: &mut Source<'_>, root: &mut Table<'_>) {
        let Some(table) = root.table(src, "codes") else { return };
        for (name, at, item) in table.rest() {
            let Some(mut entry) = item.table(src, name) else { continue };
            let mut codes = Vec::new();
            let mut words = Vec::new();
            let values = entry.table(src, "values");
            for (key, place, item) in values.into_iter().flat_map(Table::rest) {
                let Some(meaning) = item.text(src, key) else { continue };
                match params::range(key) {
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
                Some(old) => old.add(table),
                None => self.catalog.codes.push(table),
            }
        }
    }

    pub(super) fn states(&mut self, src: &mut Source<'_>, root: &mut Table<'_>) {
        let Some(table) = root.table(src, "state") else { return };
        let mut unless = Vec::new();
        for (name, at, item) in table.rest() {
            let Some(mut entry) = item.table(src, name) else { continue };
            let values = entry.table(src, "values");
            let labels = values
                .into_iter()
                .flat_map(Table::rest)
                .filter_map(|(key, _, item)| Some((params::value(key), item.text(src, key)?.into())))
                .collect();
            let state = StateSpec {
                title: entry.text(src, "title").unwrap_or_default().into(),
                default: entry.take("default").and_then(|item| item.scalar(src, "default")).map(params::scalar),
                saved: entry.flag(src, "saved").unwrap_or(false),
                indexed: entry.flag(src, "indexed").unwrap_or(false),
                labels,
                unless: None,
                name: name.into(),
            };
            if let Some(item) = entry.take("unless") {
                let at = item.at;
                unless.extend(item.text(src, "unless").map(|text| (name, at, text)));
            }
            entry.take("note");
            entry.finish(src, "title, default, unless, saved, indexed, values, note");
            if self.catalog.states.len() >= 1000 {
                src.mistake(at, "more than 1000 state keys");
                return;
            }
            match self.catalog.states.iter_mut().find(|old| old.name == state.name) {
                Some(old) => *old = state,
                None => self.catalog.states.push(state),
            }
        }
        // They speak of states, so all of these must be there.
        for (name, at, text) in unless {
            let condition = self.condition_text(src, at, text, &Own::new());
            if let Some(state) = self.catalog.states.iter_mut().find(|state| &*state.name == name) {
                state.unless = condition;
            }
        }
    }
}

/// How firmware frames what it prints: `output = { echo = "cr", blank = "all", busy = "…", prompt = "> " }`.
pub(super) fn output(src: &mut Source<'_>, table: &mut Table<'_>) -> Output {
    let Some(mut table) = table.table(src, "output") else { return Output::default() };
    let echo = word(src, &mut table, "echo").and_then(|(at, text)| match text {
        "cr" => Some(EchoEnd::Cr),
        "cr-cr-lf" => Some(EchoEnd::CrCrLf),
        "none" => Some(EchoEnd::None),
        "sent" => Some(EchoEnd::Sent),
        other => {
            src.mistake(at, format!("`echo` is `{other}`, expected cr, cr-cr-lf, none or sent"));
            None
        }
    });
    let blank = word(src, &mut table, "blank").and_then(|(at, text)| match text {
        "all" => Some(Blank::All),
        "none" => Some(Blank::None),
        "results" => Some(Blank::Results),
        other => {
            src.mistake(at, format!("`blank` is `{other}`, expected all, none or results"));
            None
        }
    });
    let busy = table.text(src, "busy").map(Into::into);
    let prompt = table.text(src, "prompt").map(Into::into);
    table.finish(src, "echo, blank, busy, prompt");
    Output { echo, blank, busy, prompt }
}

/// A text with its place.
fn word<'t>(src: &mut Source<'_>, table: &mut Table<'t>, key: &str) -> Option<(usize, &'t str)> {
    let item = table.take(key)?;
    let at = item.at;
    item.text(src, key).map(|text| (at, text))
}
