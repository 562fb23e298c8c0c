//! What commands really do, one place a dialect.

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
        _ => return None,
    })
}
