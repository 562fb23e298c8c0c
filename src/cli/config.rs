//! Settings from `atscope.toml` in the working folder, or from a named file.
//!
//! Same names as the long options; the command line wins. Unknown keys and wrong values are errors with file and line.
//!
//! ```text
//! dialect   = "esp-at"
//! model     = "esp8266"
//! catalog   = ["our-modem.toml"]      # relative to this file
//! from-boot = true
//! format    = "text"
//! fail-on   = "warning"
//! payload   = 64                      # or "all"
//! allow     = ["line-ending"]
//! deny      = ["unknown-urc"]
//! ```

use std::io;
use std::path::{Path, PathBuf};

use clap::ValueEnum;

use super::args::{CheckFormat, FailOn, limit};
use super::failure::{Failure, suggestion};
use super::levels::Levels;
use crate::catalog::tree::{Tree, Value};
use crate::check::Rule;

/// The file that is looked for in the working folder.
const NAME: &str = "atscope.toml";

/// All keys.
const KEYS: [&str; 9] = ["allow", "catalog", "deny", "dialect", "fail-on", "format", "from-boot", "model", "payload"];

/// Settings; what is not set is `None` or empty.
#[derive(Debug, Default)]
pub(super) struct Config {
    pub(super) dialect: Option<String>,
    pub(super) catalog: Vec<PathBuf>,
    pub(super) model: Option<String>,
    pub(super) from_boot: bool,
    pub(super) format: Option<CheckFormat>,
    pub(super) fail_on: Option<FailOn>,
    pub(super) payload: Option<usize>,
    pub(super) levels: Levels,
}

impl Config {
    /// Reads the named file, or the working folder's if there is one.
    pub(super) fn load(path: Option<&Path>) -> Result<Self, Failure> {
        let file = path.unwrap_or(Path::new(NAME));
        match std::fs::read_to_string(file) {
            Ok(text) => Self::parse(file, &text).map_err(Failure::Said),
            Err(error) if path.is_none() && error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(Failure::Said(format!("{}: cannot be read: {error}", file.display()))),
        }
    }

    fn parse(file: &Path, text: &str) -> Result<Self, String> {
        let place = |at: usize| {
            let line = 1 + text.bytes().take(at).filter(|&byte| byte == b'\n').count();
            format!("{}:{line}", file.display())
        };
        let tree = Tree::parse(text).map_err(|wrong| format!("{}: {}", place(wrong.at), wrong.message))?;
        let mut config = Self::default();
        let folder = file.parent().unwrap_or(Path::new(""));
        if let Value::Table(keys) = tree.root().value() {
            for (key, at, value) in keys {
                let at = if KEYS.contains(&key) { value.at() } else { at };
                config.set(key, &value.value(), folder).map_err(|message| format!("{}: {message}", place(at)))?;
            }
        }
        Ok(config)
    }

    fn set(&mut self, key: &str, value: &Value<'_>, folder: &Path) -> Result<(), String> {
        match key {
            "allow" | "deny" => {
                for name in texts(key, value)? {
                    let rule = Rule::from_name(&name).ok_or_else(|| {
                        format!("unknown rule `{name}`{}", suggestion(&name, Rule::ALL.iter().map(|rule| rule.name())))
                    })?;
                    if self.levels.decides(rule) {
                        return Err(format!("`{name}` is both allowed and denied"));
                    }
                    self.levels.take([(rule, key == "deny")]);
                }
            }
            "catalog" => self.catalog = texts(key, value)?.into_iter().map(|name| folder.join(name)).collect(),
            "dialect" => {
                let name = text(key, value)?;
                // A file stands beside this one, as with `catalog`.
                let beside = folder.join(&name);
                let is_file = name.ends_with(".toml") || name.contains('/');
                self.dialect = Some(if is_file { beside.to_string_lossy().into_owned() } else { name });
            }
            "fail-on" => self.fail_on = Some(choice(key, value)?),
            "format" => self.format = Some(choice(key, value)?),
            "from-boot" => match value {
                Value::Flag(flag) => self.from_boot = *flag,
                other => return Err(mismatch(key, other, "true or false")),
            },
            "model" => self.model = Some(text(key, value)?),
            "payload" => {
                let text = match value {
                    Value::Int(Some(number)) => number.to_string(),
                    Value::Text(text) => (*text).to_owned(),
                    other => return Err(mismatch(key, other, "a number of bytes, or \"all\"")),
                };
                self.payload = Some(limit(&text).map_err(|message| format!("`payload`: {message}"))?);
            }
            unknown => {
                let known = KEYS.join(", ");
                return Err(format!("unknown key `{unknown}`{}; there are: {known}", suggestion(unknown, KEYS)));
            }
        }
        Ok(())
    }
}

fn text(key: &str, value: &Value<'_>) -> Result<String, String> {
    match value {
        Value::Text(text) => Ok((*text).to_owned()),
        other => Err(mismatch(key, other, "a string")),
    }
}

/// A list of strings, or one alone.
fn texts(key: &str, value: &Value<'_>) -> Result<Vec<String>, String> {
    match value {
        Value::Array(items) => items.clone().map(|item| text(key, &item.value())).collect(),
        one => Ok(vec![text(key, one)?]),
    }
}

fn choice<T: ValueEnum>(key: &str, value: &Value<'_>) -> Result<T, String> {
    let name = text(key, value)?;
    T::from_str(&name, false).map_err(|_| {
        let names: Vec<String> = T::value_variants()
            .iter()
            .filter_map(|variant| Some(variant.to_possible_value()?.get_name().to_owned()))
            .collect();
        format!("`{key}` is `{name}`, expected one of {}", names.join(", "))
    })
}

fn mismatch(key: &str, found: &Value<'_>, expected: &str) -> String {
    let found = match found {
        Value::Text(_) => "a string",
        Value::Int(_) | Value::Float(_) => "a number",
        Value::Flag(_) => "true or false",
        Value::Date => "a date",
        Value::Array(_) => "a list",
        Value::Table(_) => "a table",
    };
    format!("`{key}` is {found}, expected {expected}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::check::Severity;

    fn parse(text: &str) -> Result<Config, String> {
        Config::parse(Path::new("sub/atscope.toml"), text)
    }

    #[test]
    fn all_keys_are_read() {
        let config = parse(
            "dialect = \"mine.toml\"\nmodel = \"esp32\"\ncatalog = \"a.toml\"\nfrom-boot = true\nformat = \"jsonl\"\n\
             fail-on = \"never\"\npayload = \"all\"\nallow = [\"line-ending\"]\ndeny = \"unknown-urc\"\n",
        )
        .unwrap();
        assert_eq!(config.dialect.as_deref(), Some("sub/mine.toml"));
        assert_eq!(config.catalog, [Path::new("sub/a.toml")]);
        assert!(config.from_boot && config.payload == Some(usize::MAX));
        assert_eq!((config.format, config.fail_on), (Some(CheckFormat::Jsonl), Some(FailOn::Never)));
        let severity = |name| config.levels.severity(Rule::from_name(name).unwrap());
        assert_eq!((severity("line-ending"), severity("unknown-urc")), (None, Some(Severity::Error)));
    }

    #[test]
    fn mistakes_are_named_with_their_line() {
        for (text, expected) in [
            ("\ndialekt = 1", "sub/atscope.toml:2: unknown key `dialekt` (did you mean `dialect`?); there are: allow,"),
            ("model = 1", "sub/atscope.toml:1: `model` is a number, expected a string"),
            ("# x\n\nformat = \"xml\"", "sub/atscope.toml:3: `format` is `xml`, expected one of text, jsonl"),
            ("allow = [\"param-rang\"]", "sub/atscope.toml:1: unknown rule `param-rang` (did you mean `param-range`?)"),
            ("allow = \"resync\"\ndeny = \"resync\"", "sub/atscope.toml:2: `resync` is both allowed and denied"),
            ("model = ", "sub/atscope.toml:1: "),
        ] {
            let message = parse(text).unwrap_err();
            assert!(message.starts_with(expected), "{message}");
        }
    }
}
