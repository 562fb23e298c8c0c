//! One line, one case: what is said, and the rules that it draws.
//!
//! The files in `tests/cases` are written after the manuals, independently of the catalogs. A line reads
//!
//! ```text
//! = dialect fibocom                   of the lines below, as `model NAME` and `start boot` (or `unknown`); a dialect starts anew
//! param-range | > AT+HTTPACT=0,9      the rules, separated by commas (`-`: none), then what is said
//! -           | > AT+HTTPDATA=2 ¦ << \r\n> ¦ >> hi ¦ < OK
//! late-final  | @0 > AT+HTTPREAD ¦ @1.1 < OK
//! ```
//!
//! `>` is the host, with CR LF behind; `<` the module, with CR LF around it; `>>` and `<<` are bytes as they stand there, with the escapes of a transcript.

#![cfg(feature = "fuzzing")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use atscope::check::Rule;
use atscope::fuzz::Conversation;

/// What holds for the lines below a directive.
#[derive(Default)]
struct Setting {
    dialect: String,
    model: String,
    boot: bool,
}

impl Setting {
    fn take(&mut self, directive: &str) -> Result<(), String> {
        let (key, value) = directive.split_once(' ').unwrap_or((directive, ""));
        match (key, value) {
            ("dialect", name) => *self = Self { dialect: name.to_owned(), ..Self::default() },
            ("model", name) => self.model = name.to_owned(),
            ("start", "boot") => self.boot = true,
            ("start", "unknown") => self.boot = false,
            _ => return Err(format!("no directive: {directive}")),
        }
        Ok(())
    }

    /// The transcript of what is said.
    fn transcript(&self, said: &str) -> Result<String, String> {
        let mut out = format!("# dialect: {}\n", self.dialect);
        if !self.model.is_empty() {
            let _ = writeln!(out, "# model: {}", self.model);
        }
        if self.boot {
            out.push_str("# start: boot\n");
        }
        for step in said.split('¦').map(str::trim) {
            let (time, step) = match step.split_once(' ') {
                Some((time, rest)) if time.starts_with('@') => (format!("{time} "), rest),
                _ => (String::new(), step),
            };
            let (who, text) = step.split_once(' ').ok_or_else(|| format!("nobody says: {step}"))?;
            let _ = match who {
                ">" => writeln!(out, "{time}> {text}\\r\\n"),
                "<" => writeln!(out, "{time}< \\r\\n{text}\\r\\n"),
                ">>" | "<<" => writeln!(out, "{time}{} {text}", &who[..1]),
                _ => return Err(format!("nobody says: {step}")),
            };
        }
        Ok(out)
    }
}

/// What is wrong with a case; nothing if it is as it says.
fn judge(setting: &Setting, line: &str) -> Result<Option<String>, String> {
    let (rules, said) = line.split_once('|').ok_or("no `|`")?;
    let mut expected = BTreeSet::new();
    for name in rules.split(',').map(str::trim).filter(|name| *name != "-") {
        expected.insert(Rule::from_name(name).ok_or_else(|| format!("no rule `{name}`"))?);
    }
    let transcript = setting.transcript(said)?;
    let conversation =
        Conversation::from_transcript("case.at", transcript.as_bytes()).map_err(|error| error.to_string())?;
    if *conversation.catalog.name != *setting.dialect {
        return Err(format!("no dialect `{}`", setting.dialect));
    }
    if !setting.model.is_empty() && conversation.catalog.model(&setting.model).is_none() {
        return Err(format!("no model `{}`", setting.model));
    }
    let record = conversation.checks(&[1]);
    let drawn: BTreeSet<Rule> = record.findings().map(|finding| finding.rule).collect();
    if drawn == expected {
        return Ok(None);
    }
    let told: Vec<String> =
        record.findings().map(|finding| format!("\n    {}: {}", finding.rule.name(), finding.message)).collect();
    Ok(Some(format!("draws{}", if told.is_empty() { " nothing".to_owned() } else { told.concat() })))
}

#[test]
fn every_case_draws_its_rules_and_no_others() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let (mut cases, mut wrong) = (0, String::new());
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|end| end != "cases") {
            continue;
        }
        let mut setting = Setting::default();
        for (number, line) in fs::read_to_string(&path).unwrap().lines().enumerate() {
            let judged = match line.strip_prefix("= ") {
                _ if line.is_empty() || line.starts_with('#') => continue,
                Some(directive) => setting.take(directive).map(|()| None),
                None => {
                    cases += 1;
                    judge(&setting, line)
                }
            };
            if let Some(what) = judged.unwrap_or_else(Some) {
                let name = path.file_name().unwrap().to_string_lossy();
                let _ = writeln!(wrong, "{name}:{}: {line}\n    {what}", number + 1);
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
    assert!(cases > 1000, "only {cases} cases");
}
