//! Holds two sides against each other: what the new one does differently, by command, each with its kind and severity.
//!
//! A difference is told on evidence alone. What varies within one side is none; what a single recording cannot tell from
//! chance (a number, an address) is an info at most; latencies and places of URCs need many samples.

mod answers;
mod ends;
mod explained;
mod fold;
mod rules;
mod speed;
mod steps;
mod urcs;
mod words;

use serde::{Deserialize, Serialize};

use super::pool::Pools;
use super::side::Side;
use crate::check::Severity;

macro_rules! kinds {
    ($($variant:ident $name:literal $title:literal;)+) => {
        /// What is different.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[non_exhaustive]
        pub enum Kind {
            $(
                #[doc = $title]
                #[serde(rename = $name)]
                $variant,
            )+
        }

        impl Kind {
            /// All kinds.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// Its name: `result-changed`.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// What it is, in a few words.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)+ }
            }
        }
    };
}

kinds! {
    ResultChanged "result-changed" "a command ends with another result";
    ResultCode "result-code" "a command fails with another code";
    ResultOrder "result-order" "the result comes ahead of the answer's lines, or behind them, otherwise than before";
    LineNew "line-new" "a line of an answer that was not there before";
    LineGone "line-gone" "a line of an answer that is not there any more";
    LineCount "line-count" "an answer has more or fewer lines of a name";
    LineOrder "line-order" "an answer's lines come in another order";
    FieldCount "field-count" "a line has more or fewer fields";
    FieldType "field-type" "a field is of another type";
    FieldOrder "field-order" "fields of a line have changed places";
    Quoting "quoting" "a field has quotes, or has none any more";
    Spelling "spelling" "a line's fixed text is written otherwise";
    Spacing "spacing" "blanks within a line have come or gone";
    BlankLines "blank-lines" "the line ends around a line are others";
    Ranges "ranges" "a test command tells other ranges";
    Value "value" "a value that was constant is another one";
    PayloadSize "payload-size" "data comes in another size";
    PromptNew "prompt-new" "a prompt that was not there before";
    PromptGone "prompt-gone" "a prompt that is not there any more";
    Prompt "prompt" "a prompt is written otherwise";
    Echo "echo" "commands are echoed otherwise";
    UrcNew "urc-new" "an unsolicited line that was not there before";
    UrcGone "urc-gone" "an unsolicited line that is not there any more";
    UrcPlace "urc-place" "an unsolicited line comes at another place relative to the commands";
    RuleBroken "rule-broken" "a rule that only the new side breaks";
    RuleKept "rule-kept" "a rule that only the old side breaks";
    Slower "slower" "a command takes longer";
    Faster "faster" "a command takes less time";
    CommandNew "command-new" "the host sends a command that it did not send before";
    CommandGone "command-gone" "the host does not send a command any more";
    CommandMoved "command-moved" "the host sends a command at another place";
}

/// One difference between the sides.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// What is different.
    pub kind: Kind,
    /// How bad it is.
    #[serde(serialize_with = "severity")]
    pub severity: Severity,
    /// The command that it is about, without parameters (`AT+CWMODE=`); the name of a URC; empty for all commands.
    pub subject: String,
    /// The line, field or rule of the subject; may be empty.
    pub part: String,
    /// What is different, in words: lower case, no full stop.
    pub message: String,
    /// What the old side says.
    pub old: String,
    /// What the new side says.
    pub new: String,
    /// How many times it was seen.
    pub count: u64,
    /// Where the old side shows it.
    pub old_place: String,
    /// Where the new side shows it.
    pub new_place: String,
    /// The subjects, where the same is different of several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subjects: Vec<String>,
    /// Differences of several subjects with the same text here are one.
    #[serde(skip)]
    pub(super) general: String,
}

fn severity<S: serde::Serializer>(severity: &Severity, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(severity.as_str())
}

impl Difference {
    pub(super) fn new(kind: Kind, severity: Severity, subject: &str, part: &str, message: String) -> Self {
        Self {
            kind,
            severity,
            subject: subject.to_owned(),
            part: part.to_owned(),
            message,
            old: String::new(),
            new: String::new(),
            count: 1,
            old_place: String::new(),
            new_place: String::new(),
            subjects: Vec::new(),
            general: String::new(),
        }
    }

    pub(super) fn sides(mut self, old: impl Into<String>, new: impl Into<String>) -> Self {
        (self.old, self.new) = (old.into(), new.into());
        self
    }

    pub(super) fn at(mut self, old: String, new: String) -> Self {
        (self.old_place, self.new_place) = (old, new);
        self
    }

    pub(super) fn times(mut self, count: u64) -> Self {
        self.count = count;
        self
    }

    pub(super) fn general(mut self, text: String) -> Self {
        self.general = text;
        self
    }
}

/// How many commands found their partner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Aligned {
    /// Steps that both sides have.
    pub both: u64,
    /// Of these, those at another place.
    pub moved: u64,
    /// Steps of the old side alone.
    pub old_only: u64,
    /// Steps of the new side alone.
    pub new_only: u64,
}

impl Aligned {
    /// Whether the sides look like the same test run: most of what the shorter one did, both did.
    pub const fn is_alike(&self) -> bool {
        let shorter = if self.old_only < self.new_only { self.old_only } else { self.new_only };
        self.both >= shorter
    }
}

/// All that is different.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Differences {
    /// How the commands were paired.
    pub aligned: Aligned,
    /// Sorted: worst first, then by subject.
    pub list: Vec<Difference>,
    /// The commands that both sides have, without parameters, sorted.
    pub commands: Vec<String>,
}

impl Differences {
    /// How many there are: errors, warnings, infos.
    pub fn counts(&self) -> [u64; 3] {
        Severity::ALL.map(|severity| self.list.iter().filter(|one| one.severity == severity).count() as u64)
    }
}

/// Holds two sides against each other.
pub fn compare(pools: &Pools, old: &Side, new: &Side) -> Differences {
    let mut list = Vec::new();
    let line_ends = ends::compare(pools, old, new, &mut list);
    let (aligned, commands) = steps::compare(pools, old, new, line_ends, &mut list);
    urcs::compare((old, new), &commands, line_ends, &mut list);
    rules::compare(old, new, &commands, &mut list);
    speed::compare(pools, old, new, &mut list);
    let mut list = fold::fold(list);
    list.sort_by(|a, b| {
        let key = |one: &Difference| (std::cmp::Reverse(one.severity), one.subject.clone(), one.kind, one.part.clone());
        key(a).cmp(&key(b)).then_with(|| (&a.old, &a.new).cmp(&(&b.old, &b.new)))
    });
    Differences { aligned, list, commands }
}
