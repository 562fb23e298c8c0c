//! Dictionaries for fuzzers: the words of a dialect, in the form that AFL++ and libFuzzer read.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::Generator;
use crate::catalog::{Part, Pattern, Role, StateValue};

/// Words that every dialect has: framing, separators, numbers on the edges of what programs store.
const COMMON: [&str; 16] = [
    "\r\n",
    "\r\r\n",
    "\r\n\r\n",
    "\r",
    "\n",
    ",",
    "\"",
    ": ",
    ":",
    "0",
    "-1",
    "255",
    "65535",
    "65536",
    "2147483648",
    "4294967295",
];

impl Generator {
    /// The words that a parser of the module's side meets: starts of lines, results, prompts, values with a name. `host`: those of a
    /// module's parser, too: commands.
    pub fn words(&self, host: bool) -> BTreeSet<Vec<u8>> {
        let mut out: BTreeSet<Vec<u8>> = COMMON.iter().map(|word| word.as_bytes().to_vec()).collect();
        let mut enter = |word: &[u8]| {
            if (1..=64).contains(&word.len()) {
                out.insert(word.to_vec());
            }
        };
        let prints =
            |profile: Option<u16>| self.profile.is_none() || profile.is_none_or(|own| self.prints_profile(own));
        for line in self.catalog.lines.iter().filter(|line| prints(line.profile)) {
            match &line.pattern {
                Pattern::Words => enter(line.text.trim_end().as_bytes()),
                Pattern::Link { .. } => enter(format!(",{}", line.name).as_bytes()),
                Pattern::Template { parts } => parts.iter().for_each(|part| {
                    if let Part::Literal(text) = part {
                        enter(text);
                    }
                }),
                Pattern::Free { .. } => {}
                Pattern::Fields { .. } => {
                    let head = line.text.split(['<', '[', '(', '\n']).next().unwrap_or_default();
                    enter(head.as_bytes());
                }
            }
            if line.role == Role::Result {
                enter(format!("\r\n{}\r\n", line.name).as_bytes());
            }
        }
        for command in &self.catalog.commands {
            for spec in command.forms.iter().flatten() {
                if let Some(data) = &spec.data {
                    enter(data.prompt.as_bytes());
                }
            }
            if host {
                enter(format!("AT{}", command.name).as_bytes());
                enter(format!("AT{}=", command.name).as_bytes());
            }
        }
        for (value, _) in self.catalog.params.iter().flat_map(|spec| &spec.labels) {
            match value {
                StateValue::Word(word) => enter(format!("\"{word}\"").as_bytes()),
                StateValue::Int(number) => enter(number.to_string().as_bytes()),
            }
        }
        if let Some(prompt) = &self.catalog.output.prompt {
            enter(prompt.as_bytes());
        }
        out
    }

    /// The words as a dictionary file: one `"word"` a line, other bytes as `\xHH`.
    pub fn dictionary(&self, host: bool) -> String {
        let mut out =
            format!("# {}: words of its lines{}\n", self.catalog.title, if host { " and commands" } else { "" });
        for word in self.words(host) {
            out.push('"');
            for byte in word {
                match byte {
                    b'"' | b'\\' => {
                        out.push('\\');
                        out.push(char::from(byte));
                    }
                    0x20..=0x7E => out.push(char::from(byte)),
                    // Writing to a string does not fail.
                    _ => _ = write!(out, "\\x{byte:02X}"),
                }
            }
            out.push_str("\"\n");
        }
        out
    }
}
