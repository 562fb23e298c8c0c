//! `atscope catalog`: lists, shows and checks catalogs.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::args::Catalog as Args;
use super::dialect::Catalogs;
use super::failure::{Failure, suggestion};
use super::out::Out;
use super::{FAILED, FINE, FOUND, line};
use crate::catalog::{Catalog, Command, Role, builtin_names, load_text, read_file};
use crate::report::reference;
use crate::session::Form;

/// `atscope catalog`.
pub(super) fn catalog(args: Args, out: &mut Out) -> Result<u8, Failure> {
    match args {
        Args::List { dialect: None, catalog } => list_all(&catalog, out),
        Args::List { dialect: Some(name), catalog } => list(&*Catalogs::new(&catalog)?.named(&name)?, out),
        Args::Show { name, dialect, catalog } => show(&name, dialect.as_deref(), &catalog, out),
        Args::Lint { files } => lint(&files, out),
    }
}

/// Whether an entry is of the catalog itself, and not of one that it extends.
fn is_own(catalog: &Catalog, source: u16) -> bool {
    catalog.sources.get(usize::from(source)).is_some_and(|name| *name == catalog.source)
}

/// The numbers of a catalog's own entries.
fn counts(catalog: &Catalog) -> [usize; 5] {
    let commands: Vec<&Command> = catalog.commands.iter().filter(|command| is_own(catalog, command.source)).collect();
    let forms = commands.iter().flat_map(|command| command.forms.iter().flatten()).count();
    let params = commands.iter().map(|command| reference::count_params(command)).sum();
    let free = |role| matches!(role, Role::Urc | Role::Progress | Role::Boot);
    let lines = catalog.lines.iter().filter(|line| is_own(catalog, line.source) && free(line.role)).count();
    let codes = catalog.codes.iter().map(|table| table.codes.len() + table.words.len()).sum();
    [commands.len(), forms, params, lines, codes]
}

fn list_all(files: &[PathBuf], out: &mut Out) -> Result<u8, Failure> {
    let all = Catalogs::new(files)?.all()?;
    let width = all.iter().map(|catalog| catalog.name.len()).max().unwrap_or(0).max(7);
    line(out, format_args!("{:width$}  commands  forms  parameters  lines  codes  models", "dialect"));
    for catalog in &all {
        let [commands, forms, params, lines, codes] = counts(catalog);
        let models = catalog.models.len();
        let name = &catalog.name;
        line(
            out,
            format_args!(
                "{name:width$}  {commands:8}  {forms:5}  {params:10}  {lines:5}  {codes:5}  {models:6}  {}",
                catalog.title
            ),
        );
    }
    line(out, format_args!(""));
    line(
        out,
        format_args!("Lines: unsolicited, intermediate and boot lines. `atscope catalog list DIALECT` names them all."),
    );
    Ok(FINE)
}

fn list(catalog: &Catalog, out: &mut Out) -> Result<u8, Failure> {
    line(out, format_args!("{}: {}", catalog.name, catalog.title));
    line(out, format_args!("{}", catalog.source));
    if !catalog.models.is_empty() {
        heading(out, "Models");
        for model in &catalog.models {
            let aliases =
                if model.aliases.is_empty() { String::new() } else { format!(" (also {})", model.aliases.join(", ")) };
            line(out, format_args!("  {:16}  {}{aliases}", model.name, model.title));
        }
    }
    if !catalog.profiles.is_empty() {
        heading(out, "Firmware profiles");
        for profile in &catalog.profiles {
            line(out, format_args!("  {:16}  {}", profile.name, profile.title));
        }
    }
    let commands = |own: bool| catalog.commands.iter().filter(move |command| is_own(catalog, command.source) == own);
    heading(out, "Commands");
    commands(true).for_each(|command| entry(out, command));
    if commands(false).next().is_some() {
        heading(out, "Commands of the catalogs that it extends");
        commands(false).for_each(|command| entry(out, command));
    }
    for (role, title) in [
        (Role::Urc, "Unsolicited"),
        (Role::Result, "Results"),
        (Role::Progress, "Intermediate"),
        (Role::Boot, "Boot lines"),
    ] {
        let lines: Vec<_> = catalog.lines.iter().filter(|line| line.role == role).collect();
        if !lines.is_empty() {
            heading(out, title);
        }
        for one in lines {
            let text = one.text.replace('\n', "\u{21b5} ");
            match &one.title {
                Some(title) => line(out, format_args!("  {text}  ({title})")),
                None => line(out, format_args!("  {text}")),
            }
        }
    }
    if !catalog.codes.is_empty() {
        heading(out, "Code tables");
        for table in &catalog.codes {
            line(
                out,
                format_args!("  {:16}  {}, {} codes", table.name, table.title, table.codes.len() + table.words.len()),
            );
        }
    }
    Ok(FINE)
}

fn heading(out: &mut Out, title: &str) {
    let style = anstyle::Style::new().bold();
    if out.style.color {
        line(out, format_args!("\n{style}{title}{style:#}"));
    } else {
        line(out, format_args!("\n{title}"));
    }
}

/// A command's line in the list: name, forms, section, title.
fn entry(out: &mut Out, command: &Command) {
    let mark = |form, mark| {
        if command.form(form).is_some() { mark } else { "" }
    };
    let forms = format!(
        "{:3} {:1} {:1} {:2}",
        mark(Form::Execute, "run"),
        mark(Form::Set, "="),
        mark(Form::Read, "?"),
        mark(Form::Test, "=?")
    );
    let section = if command.section.is_empty() { String::new() } else { format!("§{}", command.section) };
    line(out, format_args!("  AT{:22}  {forms}  {section:8}  {}", command.name, command.title));
}

fn show(name: &str, dialect: Option<&str>, files: &[PathBuf], out: &mut Out) -> Result<u8, Failure> {
    let mut catalogs = Catalogs::new(files)?;
    let searched = match dialect {
        Some(dialect) => vec![catalogs.named(dialect)?],
        None => catalogs.all()?,
    };
    let mut found = false;
    for catalog in &searched {
        found |= show_in(catalog, name, dialect.is_some(), out);
    }
    if found {
        return Ok(FINE);
    }
    let known = searched.iter().flat_map(|catalog| known_names(catalog));
    let near = suggestion(bare(name), known);
    let what = match dialect {
        Some(dialect) => format!("the dialect {dialect} has"),
        None => "no dialect has".to_owned(),
    };
    let no = if dialect.is_some() { "no " } else { "" };
    Err(Failure::Said(format!("{what} {no}command, line or code table `{name}`{near}")))
}

fn known_names(catalog: &Catalog) -> impl Iterator<Item = &str> {
    let commands = catalog.commands.iter().map(|command| &*command.name);
    let lines = catalog.lines.iter().filter(|line| line.owner.is_none()).map(|line| &*line.name);
    commands.chain(lines).chain(catalog.codes.iter().map(|table| &*table.name))
}

/// The name without `AT` and without what marks a form.
fn bare(name: &str) -> &str {
    let name = match name.split_at_checked(2) {
        Some((at, rest)) if at.eq_ignore_ascii_case("AT") => rest,
        _ => name,
    };
    name.trim_end_matches(['=', '?', ':'])
}

/// Prints all that a catalog has under a name; `inherited`: also what comes from catalogs that it extends.
fn show_in(catalog: &Arc<Catalog>, name: &str, inherited: bool, out: &mut Out) -> bool {
    let style = out.style;
    let before = out.buffer.len();
    let takes = |source| inherited || is_own(catalog, source);
    if let Some(command) = catalog.command(bare(name).as_bytes()).filter(|command| takes(command.source)) {
        reference::command(&mut out.buffer, catalog, command, style);
    }
    for line in &catalog.lines {
        let named = line.name.eq_ignore_ascii_case(name) || line.name.eq_ignore_ascii_case(bare(name));
        if named && line.owner.is_none() && takes(line.source) {
            reference::line(&mut out.buffer, catalog, line, style);
        }
    }
    for table in catalog.codes.iter().filter(|table| table.name.eq_ignore_ascii_case(name)) {
        reference::codes(&mut out.buffer, catalog, table, style);
    }
    out.buffer.len() > before
}

fn lint(files: &[PathBuf], out: &mut Out) -> Result<u8, Failure> {
    let mut status = FINE;
    for file in files {
        let text = match read_file(file) {
            Ok(text) => text,
            Err(error) => {
                out.flush()?;
                out.error(&error.to_string());
                status = FAILED;
                continue;
            }
        };
        status = status.max(lint_one(file, &text, out));
    }
    Ok(status)
}

fn lint_one(file: &Path, text: &str, out: &mut Out) -> u8 {
    match load_text(&file.display().to_string(), text) {
        Ok(catalog) => {
            let [commands, forms, params, lines, codes] = counts(&catalog);
            let clash = if builtin_names().contains(&&*catalog.name) {
                "; stands in for the built-in one of this name"
            } else {
                ""
            };
            line(
                out,
                format_args!(
                    "{}: fine: dialect {}, {commands} commands, {forms} forms, {params} parameters, {lines} lines, {codes} codes{clash}",
                    file.display(),
                    catalog.name
                ),
            );
            FINE
        }
        Err(error) => {
            line(out, format_args!("{error}"));
            let count = error.mistakes.len();
            line(out, format_args!("{}: {count} mistake{}", file.display(), if count == 1 { "" } else { "s" }));
            FOUND
        }
    }
}
