//! Fuzz bodies: the laws that hold on every input, valid or hostile.
//!
//! A fuzz target is three lines that call a function of this module; the ordinary tests call the same functions over
//! `corpus/` and over generated sessions. Every law is an assertion: an input that breaks one panics, and says which.
//! Not part of the library's stable interface.

#[cfg(feature = "cli")]
mod compared;
mod conversation;
mod generated;
mod laws;
#[cfg(feature = "cli")]
mod shown;
mod syntax;

#[cfg(feature = "cli")]
pub use compared::compared;
pub use conversation::{Chunk, Conversation};
pub use generated::generated;
pub use laws::{Record, Told};
pub use syntax::syntax;

use std::sync::{Arc, LazyLock};

use crate::catalog::{self, Catalog};

/// The built-in catalogs, in the order of [`catalog::builtin_names`].
pub static CATALOGS: LazyLock<Vec<Arc<Catalog>>> = LazyLock::new(|| {
    let names = catalog::builtin_names().iter();
    names.map(|name| catalog::load_builtin(name).expect("the built-in catalogs are sound")).collect()
});

/// Decodes a conversation to events, without rules; `data` is in the form of [`Conversation::from_bytes`].
///
/// # Panics
/// If a law is broken.
pub fn decode(data: &[u8]) {
    let (conversation, cut) = Conversation::from_bytes(data);
    conversation.decodes(&[1, cut]);
}

/// Decodes a conversation and holds it against the rules; `data` is in the form of [`Conversation::from_bytes`].
///
/// # Panics
/// If a law is broken.
pub fn check(data: &[u8]) {
    let (conversation, cut) = Conversation::from_bytes(data);
    conversation.checks(&[1, cut]);
}

/// Reads a recording in every format, and writes what was read.
///
/// # Panics
/// If a law is broken.
pub fn capture(data: &[u8]) {
    crate::capture::fuzz_capture(data);
}

/// Reads a recording of logic levels in every format.
///
/// # Panics
/// If a law is broken.
pub fn levels(data: &[u8]) {
    crate::capture::fuzz_levels(data);
}

/// Recovers bytes from the changes of lines.
///
/// # Panics
/// If a law is broken.
pub fn uart(data: &[u8]) {
    crate::uart::fuzz_uart(data);
}

/// Mutates an input for a driver's parser; see [`crate::mutate::laws`].
///
/// # Panics
/// If a law is broken.
pub fn mutate(data: &[u8]) {
    crate::mutate::laws(data);
}

/// Loads text as a catalog: it is taken, or every mistake has a place. What is taken decodes anything.
///
/// What stands behind the first NUL is a conversation for the catalog; without one, its own commands and lines are.
///
/// # Panics
/// If a law is broken.
pub fn catalog(data: &[u8]) {
    let at = memchr::memchr(0, data).unwrap_or(data.len());
    let (text, rest) = data.split_at_checked(at).unwrap_or((data, &[]));
    let text = String::from_utf8_lossy(text);
    match catalog::load_text(NAME, &text) {
        Ok(catalog) => {
            let talk = rest.get(1..).filter(|talk| !talk.is_empty());
            let conversation = match talk {
                Some(talk) => Conversation::with_catalog(catalog, talk),
                None => Conversation::of_catalog(catalog),
            };
            conversation.checks(&[1]);
            #[cfg(feature = "cli")]
            shown::pages(&conversation.catalog);
        }
        Err(error) => {
            assert!(!error.mistakes.is_empty(), "refused without a reason");
            let lines = 1 + text.bytes().filter(|&byte| byte == b'\n').count();
            for mistake in &error.mistakes {
                assert!(!mistake.file.is_empty() && !mistake.message.is_empty(), "{mistake:?}");
                assert!(mistake.line > 0, "a mistake of no line: {mistake:?}");
                assert!(mistake.file != NAME || mistake.line <= lines, "{mistake:?}, but there are {lines} lines");
            }
            assert!(!error.to_string().is_empty());
        }
    }
}

/// What the fuzzed catalog is called in messages.
const NAME: &str = "fuzz.toml";
