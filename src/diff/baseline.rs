//! One side of a comparison as a file: JSON that stays the same when nothing has changed, and reads in a review.
//!
//! Commands stand in the order in which the host sent them, all else is sorted; answers are named by a hash of their text,
//! so that one more of them moves no other. The file carries the version of its format. Differences that somebody has
//! reviewed and taken over stand at its head, each with a reason.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use super::compare::{Difference, Kind};
use super::pool::Pools;
use super::record::Found;
use super::side::{Broken, Sample, Side};
use super::urc::{Urc, Urcs};
use crate::check::Severity;

/// What stands at the head of every baseline.
const FORMAT: &str = "atscope-baseline";

/// The version that is read and written.
const VERSION: u32 = 1;

/// Latencies of one command line and result that are kept.
const MOST_LATENCIES: usize = 50;

/// The place of a sample in a recording that is not at hand.
const NOWHERE: u32 = u32::MAX;

/// Why a baseline cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BaselineError {
    /// It is no JSON, or has other members.
    #[error("is no baseline: {0}")]
    Json(#[from] serde_json::Error),
    /// It is of another format.
    #[error("is no baseline: its `format` is `{0}`, expected `{FORMAT}`")]
    Format(String),
    /// It was written by another version.
    #[error("is of version {0}, this program reads version {VERSION}; learn it anew with `atscope baseline`")]
    Version(u32),
}

/// A difference that somebody has reviewed and taken over.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accepted {
    /// The command or URC that it is about; empty for all commands.
    #[serde(default)]
    pub subject: String,
    /// What is different.
    pub kind: Kind,
    /// The line, field or rule of the subject.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub part: String,
    /// What the old side says.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub old: String,
    /// What the new side says.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub new: String,
    /// Why that is all right.
    pub reason: String,
}

impl Accepted {
    /// Takes a difference over.
    pub fn new(difference: &Difference, reason: &str) -> Self {
        let Difference { kind, subject, part, old, new, .. } = difference.clone();
        // What is measured is never the same twice: the command and the kind say it.
        let (old, new) = if is_measured(kind) { (String::new(), String::new()) } else { (old, new) };
        Self { subject, kind, part, old, new, reason: reason.to_owned() }
    }

    /// Whether it is this difference.
    pub fn covers(&self, difference: &Difference) -> bool {
        let Difference { kind, subject, part, old, new, .. } = difference;
        let same = is_measured(*kind) || (self.old == *old && self.new == *new);
        same && self.kind == *kind && self.subject == *subject && self.part == *part
    }
}

/// Whether the sides of such a difference hold figures that vary.
const fn is_measured(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Slower | Kind::Faster | Kind::PayloadSize | Kind::LineCount | Kind::RuleBroken | Kind::RuleKept
    )
}

/// One side of a comparison, learnt once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    format: String,
    version: u32,
    dialect: String,
    /// What the firmware says of itself.
    identity: Vec<String>,
    recordings: Vec<String>,
    /// Recordings that show how the session began.
    starts: u32,
    /// A recording knows the host's lines only as the module repeats them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    echoes: bool,
    /// A recording holds one side of the line alone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    partial: bool,
    /// Differences that were reviewed, sorted.
    #[serde(default)]
    pub accepted: Vec<Accepted>,
    /// What the host sent, in its order, and what came of it.
    script: Vec<Step>,
    /// The looks of answers, by a hash of them.
    answers: BTreeMap<String, Vec<String>>,
    urcs: BTreeMap<String, Urc>,
    findings: Vec<Known>,
    latencies: Vec<Latencies>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    command: String,
    came: Vec<Came>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Came {
    /// The recordings in which it came, from 0.
    #[serde(rename = "in")]
    recordings: Vec<u16>,
    result: String,
    answer: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    values: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Known {
    rule: String,
    command: String,
    /// Numbers are left out.
    message: String,
    severity: String,
    recordings: u32,
    count: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Latencies {
    command: String,
    result: String,
    /// 1 for the second result of a command.
    #[serde(default, skip_serializing_if = "is_zero")]
    number: usize,
    micros: Vec<u32>,
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}

impl Baseline {
    /// Whether a file's content looks like a baseline: no recording starts like this.
    pub fn is_one(start: &[u8]) -> bool {
        let start = start.trim_ascii_start();
        start.starts_with(b"{") && memchr::memmem::find(start, FORMAT.as_bytes()).is_some_and(|at| at < 256)
    }

    /// Reads a baseline.
    ///
    /// # Errors
    /// Where it is none, or of another version.
    pub fn parse(text: &str) -> Result<Self, BaselineError> {
        #[derive(Deserialize)]
        struct Head {
            #[serde(default)]
            format: String,
            #[serde(default)]
            version: u32,
        }
        let head: Head = serde_json::from_str(text)?;
        if head.format != FORMAT {
            return Err(BaselineError::Format(head.format));
        }
        if head.version != VERSION {
            return Err(BaselineError::Version(head.version));
        }
        Ok(serde_json::from_str(text)?)
    }

    /// The file's content.
    pub fn text(&self) -> String {
        // Strings, numbers and lists of them: nothing that JSON cannot say.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// The dialect that its recordings were held against.
    pub fn dialect(&self) -> &str {
        &self.dialect
    }

    /// Takes reviewed differences over; one that is known already gets the new reason.
    pub fn accept(&mut self, accepted: impl IntoIterator<Item = Accepted>) {
        for one in accepted {
            let same = |known: &Accepted| Accepted { reason: one.reason.clone(), ..known.clone() } == one;
            self.accepted.retain(|known| !same(known));
            self.accepted.push(one);
        }
        self.accepted.sort();
    }

    /// The findings that are known: rule, and message without numbers.
    pub fn findings(&self) -> impl Iterator<Item = (&str, &str)> {
        self.findings.iter().map(|known| (known.rule.as_str(), known.message.as_str()))
    }

    /// Writes a side down.
    pub fn new(pools: &Pools, side: &Side) -> Self {
        let mut names: HashMap<u32, String> = HashMap::new();
        let mut answers = BTreeMap::new();
        let mut script = Vec::new();
        let mut samples = side.samples.chunk_by(|a, b| a.step == b.step).peekable();
        for (step, key) in side.steps.iter().enumerate() {
            let here = samples.next_if(|here| here.first().is_some_and(|one| one.step as usize == step));
            let mut came: BTreeMap<(u32, u32, u32), Vec<u16>> = BTreeMap::new();
            for sample in here.unwrap_or_default() {
                let recordings = came.entry((sample.result, sample.answer, sample.values)).or_default();
                if !recordings.contains(&sample.recording) {
                    recordings.push(sample.recording);
                }
            }
            let mut came: Vec<Came> = came
                .into_iter()
                .map(|((result, answer, values), recordings)| {
                    let name = names.entry(answer).or_insert_with(|| {
                        let lines: Vec<String> = pools.answers.text(answer).lines().map(readable).collect();
                        name_of(lines, &mut answers)
                    });
                    Came {
                        recordings,
                        result: pools.results.text(result).to_owned(),
                        answer: name.clone(),
                        values: pools.values.text(values).lines().map(|line| line.replace('\t', " | ")).collect(),
                    }
                })
                .collect();
            came.sort();
            script.push(Step { command: pools.keys.text(*key).to_owned(), came });
        }
        let findings = side.findings.iter().map(|((rule, command, message), broken)| Known {
            rule: rule.clone(),
            command: command.clone(),
            message: message.clone(),
            severity: broken.found.severity.unwrap_or(Severity::Info).as_str().to_owned(),
            recordings: broken.recordings,
            count: broken.found.count,
        });
        // Where they were is of no use without the recording.
        let urcs = side.urcs.0.iter().map(|(name, urc)| (name.clone(), Urc { at: 0, ..urc.clone() })).collect();
        Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            dialect: side.dialect.clone(),
            identity: side.identity.clone(),
            recordings: side.recordings.iter().map(|(name, _)| name.clone()).collect(),
            starts: side.starts,
            echoes: side.echoes,
            partial: side.is_partial,
            accepted: Vec::new(),
            script,
            answers,
            urcs,
            findings: findings.collect(),
            latencies: latencies(pools, side),
        }
    }

    /// The side that it was written from, as far as it matters for comparing.
    pub fn side(&self, pools: &mut Pools) -> Side {
        let mut side = Side {
            recordings: self.recordings.iter().map(|name| (name.clone(), false)).collect(),
            dialect: self.dialect.clone(),
            identity: self.identity.clone(),
            starts: self.starts,
            echoes: self.echoes,
            is_partial: self.partial,
            script: self.script.len(),
            urcs: Urcs(self.urcs.clone()),
            ..Side::default()
        };
        let answers: HashMap<&str, u32> = self
            .answers
            .iter()
            .map(|(name, lines)| {
                let text: Vec<String> = lines.iter().map(|line| unreadable(line)).collect();
                (name.as_str(), pools.answers.number(&text.join("\n")))
            })
            .collect();
        for (number, step) in self.script.iter().enumerate() {
            let key = pools.key(&step.command, command_of(&step.command));
            side.steps.push(key);
            for came in &step.came {
                let result = pools.results.number(&came.result);
                let values: Vec<String> = came.values.iter().map(|line| line.replace(" | ", "\t")).collect();
                let values = pools.values.number(&values.join("\n"));
                let answer = answers.get(came.answer.as_str()).copied().unwrap_or(super::pool::OTHER);
                for &recording in &came.recordings {
                    let step = number as u32;
                    side.samples.push(Sample { step, recording, result, answer, values, at: NOWHERE });
                }
            }
        }
        side.samples.sort_by_key(|sample| (sample.step, sample.recording));
        for known in &self.findings {
            let severity = Severity::ALL.into_iter().find(|severity| severity.as_str() == known.severity);
            let found = Found { severity, count: known.count, at: NOWHERE, example: known.message.clone(), cite: None };
            let broken = Broken { found, recordings: known.recordings, recording: 0 };
            side.findings.insert((known.rule.clone(), known.command.clone(), known.message.clone()), broken);
        }
        for one in &self.latencies {
            let key = pools.key(&one.command, command_of(&one.command));
            let result = pools.results.number(&one.result);
            if let Some(latencies) = side.latencies.get_mut(one.number) {
                latencies.extend(one.micros.iter().map(|micros| (key, result, *micros)));
            }
        }
        side.count_commands(pools);
        side
    }
}

/// The command of a command line: what stands ahead of its parameters.
fn command_of(key: &str) -> &str {
    match key.find('=') {
        Some(at) if key.get(at..) != Some("=?") => key.get(..=at).unwrap_or(key),
        _ => key,
    }
}

/// An item of an answer with blanks in place of tabs.
fn readable(line: &str) -> String {
    line.replacen('\t', " | ", 2)
}

fn unreadable(line: &str) -> String {
    line.replacen(" | ", "\t", 2)
}

/// The name of an answer: a hash of its text, longer where another one has the same.
fn name_of(lines: Vec<String>, answers: &mut BTreeMap<String, Vec<String>>) -> String {
    let mut hash = 0xCBF2_9CE4_8422_2325_u64;
    for byte in lines.iter().flat_map(|line| line.bytes().chain([b'\n'])) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3);
    }
    let mut name = format!("{:08x}", hash >> 32);
    while answers.get(&name).is_some_and(|known| *known != lines) {
        name.push('x');
    }
    answers.insert(name.clone(), lines);
    name
}

/// Latencies by command line and result, so many of each, spread over all.
fn latencies(pools: &Pools, side: &Side) -> Vec<Latencies> {
    let mut list = Vec::new();
    for (number, all) in side.latencies.iter().enumerate() {
        let mut by_key: BTreeMap<(&str, &str), Vec<u32>> = BTreeMap::new();
        for (key, result, micros) in all {
            by_key.entry((pools.keys.text(*key), pools.results.text(*result))).or_default().push(*micros);
        }
        for ((command, result), mut micros) in by_key {
            micros.sort_unstable();
            let step = micros.len().div_ceil(MOST_LATENCIES).max(1);
            let micros = micros.into_iter().step_by(step).collect();
            list.push(Latencies { command: command.to_owned(), result: result.to_owned(), number, micros });
        }
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_told_from_their_lines() {
        for (key, command) in [
            ("AT+CWMODE=1", "AT+CWMODE="),
            ("AT+X=\"a=?\"", "AT+X="),
            ("AT+CREG?", "AT+CREG?"),
            ("AT+CREG=?", "AT+CREG=?"),
            ("ATE0", "ATE0"),
        ] {
            assert_eq!(command_of(key), command);
        }
    }

    #[test]
    fn other_files_are_refused() {
        let wrong = |text: &str| Baseline::parse(text).map(|_| ()).map_err(|error| error.to_string());
        assert!(wrong("{").is_err_and(|error| error.starts_with("is no baseline: ")));
        assert!(wrong("{}").is_err_and(|error| error.contains("its `format` is ``")));
        let newer = "{\"format\": \"atscope-baseline\", \"version\": 99}";
        assert!(wrong(newer).is_err_and(|error| error.contains("version 99")));
        assert!(Baseline::is_one(b"{\n  \"format\": \"atscope-baseline\",") && !Baseline::is_one(b"{\"a\": 1}"));
    }
}
