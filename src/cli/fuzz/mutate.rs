//! `atscope fuzz mutate`: a filter, for fuzzers that run a program for each mutation, and for people who want to see some.

use std::fs;
use std::path::{Path, PathBuf};

use super::super::failure::Failure;
use super::super::out::Out;
use super::super::{FAILED, FINE, interrupt};
use super::args::{Form, Mutate};
use super::input::{self, Input, read};
use crate::mutate::{Mutator, Options};

/// Mutates the inputs in turn.
pub(super) fn mutate(args: &Mutate, out: &Out) -> Result<u8, Failure> {
    let standard = [PathBuf::from("-")];
    let files = if args.files.is_empty() { standard.as_slice() } else { &args.files };
    if args.in_place && (args.count > 1 || files.iter().any(|file| file == Path::new("-"))) {
        return Err(Failure::said("--in-place takes files, and one result of each"));
    }
    let inputs = files.iter().map(|file| read(file, &args.kind)).collect::<Result<Vec<_>, _>>()?;
    let target = args.output.as_deref().unwrap_or(Path::new("-"));
    let folder = args.count > 1;
    if folder && target == Path::new("-") {
        return Err(Failure::said("several results go to a folder: say which with -o FOLDER"));
    }
    if folder {
        fs::create_dir_all(target).map_err(|error| Failure::Said(format!("{}: {error}", target.display())))?;
    }
    let seed = args.seed.unwrap_or_else(|| fastrand::u64(..));
    let mut mutators = Mutators { args, made: Vec::new() };
    interrupt::watch();
    if args.in_place {
        for (number, (file, input)) in files.iter().zip(&inputs).enumerate() {
            let result = mutators.result(input, &inputs, seed, number as u64)?;
            input::write(file, &result)?;
        }
        return Ok(FINE);
    }
    for number in 0..args.count {
        let at = usize::try_from(number).unwrap_or_default() % inputs.len().max(1);
        let Some(input) = inputs.get(at) else { return Ok(FAILED) };
        let result = mutators.result(input, &inputs, seed, number)?;
        if !folder {
            input::write(target, &result)?;
            continue;
        }
        let end = if input.form == Form::At { ".at" } else { "" };
        input::write(&target.join(format!("{number:06}{end}")), &result)?;
        if interrupt::asked() {
            return Ok(interrupt::INTERRUPTED);
        }
    }
    if args.seed.is_none() {
        out.note(&format!("--seed {seed} gives the same again"));
    }
    Ok(FINE)
}

/// A mutator for each form that inputs have.
struct Mutators<'a> {
    args: &'a Mutate,
    made: Vec<Mutator>,
}

impl Mutators<'_> {
    fn result(&mut self, input: &Input, all: &[Input], seed: u64, number: u64) -> Result<Vec<u8>, Failure> {
        let form = input.form.inner();
        let at = match self.made.iter().position(|mutator| mutator.form() == form) {
            Some(at) => at,
            None => {
                let usual = Options::default();
                let options = Options {
                    dialect: self.args.kind.dialect.clone(),
                    model: self.args.kind.model.clone(),
                    form,
                    ratio: self.args.ratio.unwrap_or(usual.ratio),
                    program: self.args.program.clone(),
                    ..usual
                };
                self.made.push(Mutator::new(&options).map_err(|error| Failure::Said(error.to_string()))?);
                self.made.len() - 1
            }
        };
        let Some(mutator) = self.made.get_mut(at) else { return Ok(Vec::new()) };
        let seed = seed.wrapping_add(number.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        // With several inputs some results cross two of them.
        let other = usize::try_from(seed >> 33).unwrap_or_default() % all.len().max(1);
        let other = all.get(other).filter(|other| other.form.inner() == form && all.len() > 1 && seed >> 20 & 3 == 0);
        let max = self.args.max_size;
        let bytes = match other {
            Some(other) => mutator.cross(&input.bytes, &other.bytes, max, seed),
            None => mutator.mutate(&input.bytes, max, seed),
        };
        Ok(input::shown(bytes, form, input.form))
    }
}
