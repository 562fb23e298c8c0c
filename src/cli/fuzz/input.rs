//! Inputs of `atscope fuzz`: files in any of the forms, told by content, and back.

use std::fs;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;

use super::super::dialect::Catalogs;
use super::super::failure::Failure;
use super::args::{Form, Kind};
use crate::Sender;
use crate::catalog::Catalog;
use crate::mutate::{Conversation, InputForm};

/// An input as mutations take it.
#[derive(Clone, Debug)]
pub(super) struct Input {
    pub(super) bytes: Vec<u8>,
    /// What it came as, and goes out as.
    pub(super) form: Form,
}

impl Form {
    /// What mutations take for it.
    pub(super) const fn inner(self) -> InputForm {
        match self {
            Self::At | Self::Conversation => InputForm::Conversation,
            Self::Stream => InputForm::Stream,
        }
    }
}

/// Reads a file, or standard input.
pub(super) fn read(path: &Path, kind: &Kind) -> Result<Input, Failure> {
    let name = path.display().to_string();
    let failure = |error: io::Error| Failure::Said(format!("{name}: {error}"));
    let bytes = if path == Path::new("-") {
        let mut bytes = Vec::new();
        io::stdin().lock().read_to_end(&mut bytes).map_err(failure)?;
        bytes
    } else {
        fs::read(path).map_err(failure)?
    };
    take(&name, bytes, kind)
}

/// Takes bytes for what they are: a transcript if they read as one.
pub(super) fn take(name: &str, bytes: Vec<u8>, kind: &Kind) -> Result<Input, Failure> {
    let transcript = || Conversation::from_transcript(name, &bytes);
    let starts = |first: &u8| matches!(first, b'#' | b'@' | b'>' | b'<');
    let (form, bytes) = match kind.form {
        Some(Form::At) => (Form::At, transcript().map_err(|error| Failure::Said(error.to_string()))?.to_bytes()),
        None if bytes.first().is_some_and(starts) => match transcript() {
            Ok(conversation) if !conversation.chunks.is_empty() => (Form::At, conversation.to_bytes()),
            _ => (Form::Stream, bytes),
        },
        Some(form) => (form, bytes),
        None => (Form::Stream, bytes),
    };
    Ok(Input { bytes, form })
}

/// The same in another form.
pub(super) fn shown(bytes: &[u8], from: InputForm, to: Form) -> Vec<u8> {
    let conversation = || match from {
        InputForm::Stream => Conversation::of_stream(bytes),
        InputForm::Conversation => Conversation::from_bytes(bytes),
    };
    match (from, to) {
        (_, Form::At) => conversation().to_transcript(),
        (InputForm::Conversation, Form::Stream) => conversation().to_stream(),
        (InputForm::Stream, Form::Conversation) => conversation().to_bytes(),
        _ => bytes.to_vec(),
    }
}

/// Writes a file, or standard output.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    if path == Path::new("-") {
        let mut stdout = io::stdout().lock();
        return stdout.write_all(bytes).and_then(|()| stdout.flush()).map_err(|error| Failure::writing(&error));
    }
    fs::write(path, bytes).map_err(|error| Failure::Said(format!("{}: {error}", path.display())))
}

/// The catalog that an input is decoded by: named, else the one that knows most of it.
pub(super) fn catalog(kind: &Kind, input: &Input) -> Result<Arc<Catalog>, Failure> {
    let mut catalogs = Catalogs::new(&[])?;
    let conversation = match input.form.inner() {
        InputForm::Stream => Conversation::of_stream(&input.bytes),
        InputForm::Conversation => Conversation::from_bytes(&input.bytes),
    };
    let header = conversation.headers.iter().find(|(key, _)| key == "dialect").map(|(_, value)| value.clone());
    if let Some(name) = kind.dialect.clone().or(header) {
        return catalogs.named(&name);
    }
    let said = |from| conversation.chunks.iter().filter(move |chunk| chunk.from == from);
    let join = |from| said(from).flat_map(|chunk| &chunk.bytes).copied().take(MOST_TOLD).collect::<Vec<u8>>();
    Ok(catalogs.told(&join(Sender::Host), &join(Sender::Module))?.catalog)
}

/// So many bytes of each side tell the dialect.
const MOST_TOLD: usize = 64 * 1024;
