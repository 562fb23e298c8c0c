//! `atscope baseline`: learns a side of a comparison once, and takes reviewed differences over.

use std::fs;
use std::path::Path;

use super::args::{Accept, BaselineArgs, BaselineCommand};
use super::config::Config;
use super::diff::{self, Readers};
use super::failure::Failure;
use super::interrupt::{self, INTERRUPTED};
use super::out::Out;
use super::{FAILED, FINE, line};
use crate::check::Severity;
use crate::diff::{Accepted, Baseline};

/// `atscope baseline`.
pub(super) fn baseline(args: BaselineArgs, config: Config, out: &mut Out) -> Result<u8, Failure> {
    if let Some(BaselineCommand::Accept(args)) = args.command {
        return accept(args, config, out);
    }
    let Some(output) = args.output else {
        return Err(Failure::said("where to write the baseline is to be said with -o"));
    };
    let mut readers = Readers::new(args.dialect, config, args.reading)?;
    let (_, side) = readers.side("baseline's", &args.captures, out)?;
    if interrupt::asked() {
        return Ok(INTERRUPTED);
    }
    let mut learnt = Baseline::new(&readers.models.pools, &side);
    // What was reviewed once stays so.
    if let Ok(Some(known)) = diff::baseline(&output) {
        learnt.accept(known.accepted);
    }
    write(&output, &learnt, out)?;
    out.note(&format!("{}: learnt from {}", output.display(), recordings(side.names().len())));
    Ok(if readers.run.end().0 { FAILED } else { FINE })
}

fn recordings(count: usize) -> String {
    format!("{count} recording{}", if count == 1 { "" } else { "s" })
}

/// `atscope baseline accept`.
fn accept(args: Accept, config: Config, out: &mut Out) -> Result<u8, Failure> {
    if args.reason.trim().is_empty() {
        return Err(Failure::said("--reason is empty: say why the differences are all right"));
    }
    let mut readers = Readers::new(args.dialect, config, args.reading)?;
    let name = args.baseline.display().to_string();
    let (known, old) = readers.side("old", std::slice::from_ref(&args.baseline), out)?;
    let Some(mut known) = known else {
        return Err(Failure::Said(format!("{name}: is no baseline")));
    };
    let (_, new) = readers.side("new", &args.new, out)?;
    let comparison = readers.compare(Some(&known), &old, &new, out);
    let is_meant = |one: &crate::diff::Difference| {
        let is_chosen = args.kind.is_some() || args.subject.is_some();
        args.kind.as_ref().is_none_or(|kind| one.kind.name() == kind)
            && args.subject.as_ref().is_none_or(|subject| one.subject == *subject)
            && (is_chosen || one.severity > Severity::Info)
    };
    let taken: Vec<_> = comparison.differences.list.iter().filter(|one| is_meant(one)).collect();
    for one in &taken {
        let subject = if one.subject.is_empty() { "several commands" } else { &one.subject };
        line(out, format_args!("accepted[{}] {subject}: {}", one.kind.name(), one.message));
    }
    known.accept(taken.iter().map(|one| Accepted::new(one, &args.reason)));
    write(&args.baseline, &known, out)?;
    let left = comparison.differences.list.len() - taken.len();
    out.note(&format!("{name}: {} differences accepted, {left} not", taken.len()));
    Ok(if readers.run.end().0 { FAILED } else { FINE })
}

/// Writes a baseline; a file that cannot be written whole leaves the old one as it was.
fn write(path: &Path, baseline: &Baseline, out: &mut Out) -> Result<(), Failure> {
    let text = baseline.text();
    if path == Path::new("-") {
        out.buffer.extend_from_slice(text.as_bytes());
        return Ok(());
    }
    let fail = |error: std::io::Error| Failure::Said(format!("{}: {error}", path.display()));
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let file = tempfile::NamedTempFile::new_in(folder).map_err(fail)?;
    fs::write(file.path(), text).map_err(fail)?;
    file.persist(path).map_err(|error| fail(error.error))?;
    Ok(())
}
