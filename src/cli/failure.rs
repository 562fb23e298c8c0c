//! Why a run ends before its end.

use std::io;

/// Why a run ends before its end.
#[derive(Debug)]
pub(super) enum Failure {
    /// Nobody reads our output any more: no failure of ours.
    BrokenPipe,
    /// This is to be said on standard error; the exit status is 2.
    Said(String),
}

impl Failure {
    pub(super) fn said(message: impl Into<String>) -> Self {
        Self::Said(message.into())
    }

    /// Names the recording that it is about.
    pub(super) fn within(self, file: &str) -> Self {
        match self {
            Self::BrokenPipe => Self::BrokenPipe,
            Self::Said(message) => Self::Said(format!("{file}: {message}")),
        }
    }

    /// From an error at writing the output.
    pub(super) fn writing(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::BrokenPipe,
            _ => Self::Said(format!("cannot write the output: {error}")),
        }
    }
}

/// The name nearest to one that is unknown, ready to stand behind a message; empty where none is near.
pub(super) fn suggestion<'a>(unknown: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let unknown = unknown.to_lowercase();
    let near = known.into_iter().map(|name| (strsim::jaro(&unknown, &name.to_lowercase()), name));
    match near.filter(|(score, _)| *score > 0.8).max_by(|a, b| a.0.total_cmp(&b.0)) {
        Some((_, name)) => format!(" (did you mean `{name}`?)"),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_suggested() {
        let names = ["simcom", "esp-at", "fibocom"];
        assert_eq!(suggestion("ESPAT", names), " (did you mean `esp-at`?)");
        assert_eq!(suggestion("zzz", names), "");
    }
}
