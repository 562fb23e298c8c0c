//! What of a catalog was reached.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use atscope::catalog::{Catalog, Role};
use atscope::check::Rule;
use atscope::generate::{Generator, Target};
use atscope::session::Form;

/// Counts commands, forms, alternatives, parameters, lines and rules.
#[derive(Debug, Default)]
pub struct Coverage {
    pub forms: BTreeSet<(u32, Form)>,
    pub shapes: BTreeSet<Target>,
    pub lines: BTreeSet<(&'static str, String)>,
    pub rules: BTreeSet<Rule>,
}

impl Coverage {
    /// Notes the lines that were read.
    pub fn enter(&mut self, record: &super::common::Record) {
        for event in &record.events {
            let kind = match event.kind {
                "response" => "responses",
                "urc" => "URCs",
                "final" => "results",
                _ => "other lines",
            };
            self.lines.insert((kind, event.name.clone()));
        }
        self.rules.extend(record.findings.iter().map(|finding| finding.rule));
    }

    /// A report of one line a kind.
    pub fn report(&self, catalog: &Arc<Catalog>) -> Report {
        let forms: BTreeSet<(u32, Form)> = (0..)
            .zip(&catalog.commands)
            .flat_map(|(at, command)| {
                Form::ALL.into_iter().filter(|form| command.form(*form).is_some()).map(move |form| (at, form))
            })
            .collect();
        let commands = forms.iter().map(|form| form.0).collect::<BTreeSet<_>>().len();
        let reached = self.forms.iter().map(|form| form.0).collect::<BTreeSet<_>>().len();
        let generator = Generator::new(catalog.clone());
        let shapes = generator.targets().len();
        let lines: BTreeSet<(&'static str, String)> = catalog
            .lines
            .iter()
            .map(|line| {
                let kind = match line.role {
                    Role::After | Role::Reply => "responses",
                    Role::Later | Role::Urc => "URCs",
                    Role::Result => "results",
                    Role::Boot | Role::Progress => "other lines",
                };
                (kind, line.name.to_string())
            })
            .collect();
        let mut rows = vec![
            ("commands", reached, commands),
            ("forms", self.forms.len(), forms.len()),
            ("shapes", self.shapes.len(), shapes),
        ];
        for kind in ["responses", "URCs", "results", "other lines"] {
            let all = lines.iter().filter(|line| line.0 == kind).count();
            let own = self.lines.intersection(&lines).filter(|line| line.0 == kind).count();
            rows.push((kind, own, all));
        }
        let missing = forms
            .difference(&self.forms)
            .map(|(command, form)| format!("AT{} {}", catalog.commands[*command as usize].name, form.as_str()));
        let mut missing: Vec<String> = missing.collect();
        missing.extend(lines.difference(&self.lines).map(|(kind, name)| format!("{kind} {name}")));
        Report { dialect: catalog.name.to_string(), rows, missing, rules: self.rules.len() }
    }
}

/// Figures, for people.
pub struct Report {
    pub dialect: String,
    pub rows: Vec<(&'static str, usize, usize)>,
    pub missing: Vec<String>,
    pub rules: usize,
}

impl Report {
    /// The row of one kind of line, and which were not reached.
    pub fn of(&self, kind: &str) -> String {
        let row = self.rows.iter().find(|row| row.0 == kind);
        let missing = self.missing.iter().filter_map(|missing| missing.strip_prefix(kind));
        let missing: Vec<&str> = missing.map(str::trim).collect();
        format!(
            "{:9} {kind} {}/{} {}\n",
            self.dialect,
            row.map_or(0, |row| row.1),
            row.map_or(0, |row| row.2),
            if missing.is_empty() { String::new() } else { format!("not reached: {}", missing.join(", ")) }
        )
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:9}", self.dialect)?;
        for (what, own, all) in &self.rows {
            write!(f, " {what} {own}/{all}")?;
        }
        writeln!(f, " rules {}", self.rules)?;
        for missing in self.missing.iter().take(3) {
            writeln!(f, "          not reached: {missing}")?;
        }
        Ok(())
    }
}
