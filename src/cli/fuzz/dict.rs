//! `atscope fuzz dict`: the words of a dialect, as fuzzers read them.

use super::super::FINE;
use super::super::dialect::Catalogs;
use super::super::failure::Failure;
use super::super::out::Out;
use super::args::Dict;
use super::generate::generator;
use super::input;

/// Prints a dictionary.
pub(super) fn dict(args: &Dict, _: &Out) -> Result<u8, Failure> {
    let catalog = Catalogs::new(&[])?.named(&args.dialect)?;
    let generator = generator(catalog, None, args.profile.as_deref())?;
    input::write(&args.output, generator.dictionary(args.host).as_bytes())?;
    Ok(FINE)
}
