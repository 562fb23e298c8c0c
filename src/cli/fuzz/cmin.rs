//! `atscope fuzz cmin`: of many inputs those that have something of their own in them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::dialect::Catalogs;
use super::super::failure::Failure;
use super::super::out::Out;
use super::super::{FINE, interrupt};
use super::args::Cmin;
use super::input::{self, read};
use crate::mutate::features::features;

/// Copies the inputs that stay: the smallest ones first, each with something that none before it had.
pub(super) fn cmin(args: &Cmin, out: &Out) -> Result<u8, Failure> {
    let mut files = Vec::new();
    for file in &args.files {
        gather(file, &mut files)?;
    }
    files.sort();
    files.dedup();
    let mut inputs = Vec::new();
    for file in &files {
        let size = fs::metadata(file).map_err(|error| Failure::Said(format!("{}: {error}", file.display())))?.len();
        inputs.push((size, file));
    }
    inputs.sort();
    fs::create_dir_all(&args.output).map_err(|error| Failure::Said(format!("{}: {error}", args.output.display())))?;
    let mut catalogs = Catalogs::new(&[])?;
    let catalogs = match &args.kind.dialect {
        Some(name) => vec![catalogs.named(name)?],
        None => catalogs.all()?,
    };
    interrupt::watch();
    let mut seen = BTreeSet::new();
    let mut kept = 0;
    for (_, file) in &inputs {
        if interrupt::asked() {
            return Ok(interrupt::INTERRUPTED);
        }
        let input = read(file, &args.kind)?;
        let mut new = false;
        for (number, catalog) in catalogs.iter().enumerate() {
            for feature in features(&Arc::clone(catalog), input.form.inner(), &input.bytes) {
                new |= seen.insert((number, feature));
            }
        }
        if new {
            let target = free(&args.output, file);
            input::write(
                &target,
                &fs::read(file).map_err(|error| Failure::Said(format!("{}: {error}", file.display())))?,
            )?;
            kept += 1;
        }
    }
    out.note(&format!("{}: {kept} of {} inputs, {} features", args.output.display(), inputs.len(), seen.len()));
    Ok(FINE)
}

/// The files of a folder and of those in it; a file is itself.
fn gather(path: &Path, files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let failure = |error| Failure::Said(format!("{}: {error}", path.display()));
    if !fs::metadata(path).map_err(failure)?.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    for entry in fs::read_dir(path).map_err(failure)? {
        let entry = entry.map_err(failure)?;
        // Links are not followed: they may lead back.
        if !entry.file_type().map_err(failure)?.is_symlink() {
            gather(&entry.path(), files)?;
        }
    }
    Ok(())
}

/// A name in the folder that no other input has taken.
fn free(folder: &Path, file: &Path) -> PathBuf {
    let name = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy();
    let plain = folder.join(&*name);
    let numbered = (2..).map(|number| folder.join(format!("{number}-{name}")));
    std::iter::once(plain).chain(numbered).find(|path| !path.exists()).unwrap_or_default()
}
