//! What commands really do, one place a dialect.

mod cellular;
mod esp;
mod fibocom;
mod http;
mod pan1321;
mod simcom;
#[cfg(test)]
mod tests;

use super::dialect::Dialect;
use crate::catalog::Catalog;

/// A dialect without code of its own: everything is as its catalog says.
struct Plain;

impl Dialect for Plain {}

/// The code of a catalog's dialect; a user's own catalog that extends one of ours has its code, too.
pub(super) fn of(catalog: &Catalog) -> Box<dyn Dialect> {
    let names = std::iter::once(&catalog.name).chain(catalog.bases.iter().rev());
    let known = names.filter_map(|name| known(name));
    known.into_iter().next().unwrap_or_else(|| Box::new(Plain))
}

fn known(name: &str) -> Option<Box<dyn Dialect>> {
    Some(match name {
        "fibocom" => Box::new(fibocom::Fibocom::new()),
        "generic" => Box::new(cellular::Generic::new()),
        "pan1321" => Box::new(pan1321::Pan1321::new()),
        "simcom" => Box::new(simcom::Simcom::new()),
        "esp-at" => Box::new(esp::Esp::default()),
        _ => return None,
    })
}
