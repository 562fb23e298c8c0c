//! `atscope fuzz`: inputs for parsers of drivers: generated, mutated, made smaller, chosen; and whole drivers run against a module that misbehaves.

mod args;
mod cmin;
mod dict;
mod generate;
mod init;
mod input;
mod min;
mod mutate;
mod run;

pub use args::Fuzz;

use super::Failure;
use super::out::Out;

/// Does what the arguments say.
pub(super) fn fuzz(args: Fuzz, out: &mut Out) -> Result<u8, Failure> {
    match args {
        Fuzz::Cmin(args) => cmin::cmin(&args, out),
        Fuzz::Dict(args) => dict::dict(&args, out),
        Fuzz::Gen(args) => generate::generate(&args, out),
        Fuzz::Init(args) => init::init(&args, out),
        Fuzz::Min(args) => min::min(&args, out),
        Fuzz::Mutate(args) => mutate::mutate(&args, out),
        Fuzz::Run(args) => run::run(&args, out),
    }
}
