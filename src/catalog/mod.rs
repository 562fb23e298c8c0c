//! Catalogs: the vendors' manuals as data, one file a dialect, loaded at run time.
//!
//! Knows vendors, no traffic. A catalog is text in the format that `src/catalog/FORMAT.md` describes; the built-in ones
//! and a user's own have the same rights. The loader rejects what it does not know, and names file and line.

mod builtin;
mod detect;
pub(crate) mod expr;
mod index;
mod load;
mod load_command;
mod load_head;
mod model;
mod notation;
mod params;
mod patterns;
mod source;
pub(crate) mod tree;

#[cfg(feature = "cli")]
pub(crate) use builtin::read_file;
pub use builtin::{builtin_names, builtin_text, load_all_builtin, load_builtin, load_file, load_text};
pub use detect::{Detection, detect};
pub(crate) use index::{NameHash, same};
pub use model::{
    Blank, Catalog, CodeTable, Command, Condition, DataPhase, EchoEnd, FormSpec, Kind, Line, Mac, Model, Output,
    ParamSpec, Profile, Quoted, Ranges, Role, Sends, StateSpec, StateValue, Syntax,
};
pub(crate) use model::{Counted, Effect, Field, Part, Pattern, Shape, letters};
pub use source::{CatalogError, Mistake};
