//! What the memo keeps of a line: all that follows from its bytes and the catalog alone.
//!
//! Gives up (`None`) on all that is not simple: such lines go the other ways each time. Changes nothing but the buffers that
//! the other ways fill before they read them.

use std::ops::Range;

use super::commands::first_number;
use super::counted::count_of;
use super::decoder::Decoder;
use super::event::{Params, Read, Slot, Value};
use super::exchange::{is_plain, spec_of};
use super::lane::{Whole, fill};
use super::matching::{self, Strictness};
use super::memo::{KnownCommand, KnownHead, KnownLine, Moment, Pick, Reading, Told, Turn};
use super::module::{Framed, NAME_MAX, scan_name};
use crate::catalog::{Catalog, Line, Pattern, Role, Sends, same};
use crate::syntax::{command, fields, framing, value};

impl Decoder {
    /// A line of the module: content at `range`, CR LF behind it.
    pub(super) fn learn_line(&mut self, catalog: &Catalog, rest: &[u8], range: Range<usize>) -> Option<KnownLine> {
        let bytes = rest.get(..range.end + 2)?;
        let content = rest.get(range.clone())?;
        if matches!(content.last(), None | Some(b' ' | b'\t' | 0)) || memchr::memchr(b'\n', content).is_some() {
            return None;
        }
        let (name_len, stop, hash) = scan_name(content);
        if stop.is_none() && content.len() >= NAME_MAX || content.first() == Some(&b'>') {
            return None;
        }
        let found = catalog.line_index.find_hashed(content.get(..name_len)?, hash);
        let delimited = stop.is_some();
        if found.iter().any(|&at| catalog.lines.get(at as usize).is_some_and(Line::is_two_things)) {
            return None;
        }
        let (start, end) = (range.start, range.end);
        let whole = Whole { bytes, content, from: start + name_len + 1, end, delimited };
        let mut readings = Vec::new();
        let pick = match found {
            [] if delimited => {
                let number = content.get(..name_len).filter(|number| number.len() <= 3)?;
                let words = content.get(name_len..)?.strip_prefix(b",")?;
                let value = value::decimal(number).filter(|_| number.iter().all(u8::is_ascii_digit))?;
                for &at in catalog.link_index.find(words) {
                    let line = catalog.lines.get(at as usize)?;
                    let Pattern::Link { param } = line.pattern else { continue };
                    if !same(line.name.as_bytes(), words) || !catalog.param(param)?.numeric {
                        return None;
                    }
                    let (start, end) = (start as u32, (start + name_len) as u32);
                    self.trial.clear();
                    self.trial.push(Slot { start, end, spec: param, read: Read::Int(value) });
                    readings.push(self.reading(catalog, at, line, bytes, false));
                }
                Pick::Best
            }
            [] => {
                let word = content.get(..memchr::memchr(b' ', content)?)?;
                let [at] = *catalog.line_index.find(word) else { return None };
                let line = catalog.lines.get(at as usize)?;
                let Pattern::Template { parts } = &line.pattern else { return None };
                let framed = Framed { bytes, start, end, ending: Some(framing::Ending::CrLf) };
                if self.fit_template(catalog, parts, &framed) != Some(0) {
                    return None;
                }
                readings.push(self.reading(catalog, at, line, bytes, false));
                Pick::Only
            }
            [at] => {
                let line = catalog.lines.get(*at as usize)?;
                if self.fits_some(catalog, line, &whole) != Some(true) {
                    return None;
                }
                readings.push(self.reading(catalog, *at, line, bytes, line.when.is_some() && delimited));
                Pick::Only
            }
            _ => {
                for &at in found {
                    let line = catalog.lines.get(at as usize)?;
                    // Whose a delayed result is hangs on more than its role.
                    if line.role == Role::Later {
                        return None;
                    }
                    let fits = if line.catch_all { None } else { self.fits_some(catalog, line, &whole) };
                    let perfect =
                        fits == Some(true) && line.profile.is_none() && matching::in_range(catalog, bytes, &self.trial);
                    if !perfect {
                        self.trial.clear();
                    }
                    let reading = self.reading(catalog, at, line, bytes, line.when.is_some() && delimited);
                    let (plain, unfit) = (reading.plain && perfect, fits == Some(false));
                    readings.push(Reading { perfect, unfit, plain, ..reading });
                }
                Pick::Turn
            }
        };
        if readings.iter().all(|reading| !reading.plain) {
            return None;
        }
        let follows_data = match pick {
            Pick::Best => true,
            _ => catalog.line_index.find(content.get(..name_len)?.trim_ascii()).iter().any(|&at| {
                let line = catalog.lines.get(at as usize);
                line.is_some_and(|line| matches!(line.pattern, Pattern::Fields { .. } | Pattern::Words))
            }),
        };
        Some(KnownLine { pick, readings: readings.into(), follows_data, turn: Turn::default() })
    }

    /// One reading, with the parameters that are in `trial`.
    fn reading(&mut self, catalog: &Catalog, at: u32, line: &Line, bytes: &[u8], conditional: bool) -> Reading {
        let owner = line.owner.and_then(|(command, form)| spec_of(catalog, Self::part_of(Some(command), form)));
        let params = Params { bytes, slots: &self.trial, catalog };
        let mut changes = Vec::new();
        match line.role {
            Role::Result => self.state.changes(&line.sets, params, &mut changes),
            _ => self.line_changes(catalog, line, params, &mut changes),
        }
        let plain = line.below.is_none()
            && !line.runs_on
            && line.data.is_none()
            && !matches!(line.pattern, Pattern::Free { .. })
            && match line.role {
                Role::Reply | Role::Urc => true,
                Role::Progress => !line.rejects,
                Role::Result => line.profile.is_none() && line.code.is_none() && self.trial.is_empty(),
                Role::After | Role::Boot | Role::Later => false,
            };
        Reading {
            line: at,
            role: line.role,
            owner: line.owner,
            of_link: matches!(line.pattern, Pattern::Link { .. }),
            when: Moment::default(),
            conditional,
            perfect: true,
            unfit: false,
            plain,
            late: owner.is_some_and(|spec| !spec.after.is_empty()),
            slots: self.trial.as_slice().into(),
            changes: changes.into(),
            applied: Moment::default(),
            told: Told::default(),
        }
    }

    /// The head of counted data that starts on the line itself; it ends at `end`, behind the first colon.
    pub(super) fn learn_head(&mut self, catalog: &Catalog, rest: &[u8], start: usize, end: usize) -> Option<KnownHead> {
        let bytes = rest.get(..end)?;
        let content = rest.get(start..end - 1)?;
        if content.iter().any(|byte| b"\r\n\"".contains(byte)) {
            return None;
        }
        let (name_len, stop, hash) = scan_name(content);
        let found = catalog.line_index.find_hashed(content.get(..name_len)?, hash);
        stop?;
        let mut only = None;
        for &at in found {
            let line = catalog.lines.get(at as usize)?;
            let Some(counted) = line.data.filter(|counted| !counted.behind_line) else { continue };
            let Pattern::Fields { shapes } = &line.pattern else { continue };
            if counted.separator != b':' {
                return None;
            }
            let from = start + name_len + 1;
            let fields = 1 + memchr::memchr_iter(b',', rest.get(from..end)?).count();
            for shape in shapes.iter().filter(|shape| shape.fields.len() == fields) {
                self.trial.clear();
                let fits = fill(catalog, shape, bytes, from, end - 1, Strictness::Module, &mut self.trial)?;
                if !fits {
                    self.spans.clear();
                    fields::split(bytes, from, end - 1, catalog.escapes, &mut self.spans);
                    if matching::fit(catalog, shape, bytes, &self.spans, Strictness::Module, &mut self.trial) == 0 {
                        return None;
                    }
                    continue;
                }
                let Some(count) = count_of(catalog, counted, bytes, &self.trial) else { continue };
                if only.is_some() || line.role != Role::Urc {
                    return None;
                }
                let reading = self.reading(catalog, at, line, bytes, line.when.is_some());
                only = Some(KnownHead { reading, count });
            }
        }
        only
    }

    /// A command line without its line end.
    pub(super) fn learn_command(&mut self, catalog: &Catalog, text: &[u8]) -> Option<KnownCommand> {
        if !command::is_command(text) || matches!(text.last(), Some(b' ' | b'\t' | 0)) || text.contains(&b'\n') {
            return None;
        }
        self.parts.clear();
        command::parts(text, &mut self.parts);
        let [part] = self.parts.as_slice() else { return None };
        let (name, form, args) = (text.get(part.name.clone())?, part.form, part.args.clone());
        let command = catalog.find_command(name)?;
        let entry = catalog.commands.get(command as usize)?;
        let spec = entry.form(form)?;
        let alias = if entry.name.as_bytes().eq_ignore_ascii_case(name) {
            None
        } else {
            Some(entry.aliases.iter().position(|alias| alias.as_bytes().eq_ignore_ascii_case(name))?)
        };
        let phase = spec.data.as_ref();
        if spec.quiet.is_some() || phase.is_some_and(|data| data.phase.is_some()) {
            return None;
        }
        let choice = if args.is_empty() {
            self.trial.clear();
            if !spec.syntax.is_empty() {
                return None;
            }
            None
        } else {
            Some(self.only_syntax(catalog, spec, text, &args)?)
        };
        let given = self.trial.len();
        let params = Params { bytes: text, slots: &self.trial, catalog };
        let (mut declared, mut sends) = (None, false);
        if let Some(data) = phase {
            if let Sends::Counted(by) = &data.sends {
                declared = match params.named(by).map(|param| param.value()) {
                    Some(Value::Int(count)) => u64::try_from(count).ok(),
                    _ => None,
                };
                if declared.is_none() && data.is_uncounted(catalog, spec, choice) {
                    return None;
                }
                sends = declared.is_some();
            } else {
                sends = true;
            }
        }
        let mut changes = Vec::new();
        self.effects(catalog, spec, form, choice, params, &mut changes);
        Some(KnownCommand {
            command,
            form,
            alias,
            choice,
            when: Moment::default(),
            given,
            args,
            first: first_number(params),
            slots: self.trial.as_slice().into(),
            changes: changes.into(),
            declared,
            sends,
            plain: is_plain(spec),
            told: Told::default(),
        })
    }
}
