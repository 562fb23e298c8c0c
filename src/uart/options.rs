//! What the user knows of the lines: the text behind `--uart`.

use std::str::FromStr;

use super::{Channel, Format};

/// What the user says of a conversation, or of all of them where no line is named.
///
/// Written as `host=D0,module=D1,baud=115200,format=8n1,invert`; any part may be left out and is then found out. The
/// same channel for both is a line that carries both.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Setting {
    /// The channel of the host's line.
    pub host: Option<String>,
    /// The channel of the module's line.
    pub module: Option<String>,
    /// Bits a second.
    pub baud: Option<f64>,
    /// How a byte stands on the line, polarity apart.
    pub format: Option<Format>,
    /// The lines idle low (`invert`), or high (`invert=no`).
    pub inverted: Option<bool>,
}

impl Setting {
    /// Whether it names a line.
    pub const fn names_lines(&self) -> bool {
        self.host.is_some() || self.module.is_some()
    }
}

/// A part of a [`Setting`] that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SettingError {
    /// A part with a value that is none.
    #[error("`{part}`: {expected}")]
    Value {
        /// The part as written.
        part: String,
        /// What belongs there.
        expected: String,
    },
    /// A part that does not exist.
    #[error(
        "`{part}` is no part of a UART setting: expected host=CHANNEL, module=CHANNEL, baud=NUMBER, format=8n1, invert, msb"
    )]
    Unknown {
        /// The part as written.
        part: String,
    },
    /// A part that is there twice.
    #[error("`{part}`: `{name}` is given twice; several conversations are told apart by `;`")]
    Twice {
        /// The part as written.
        part: String,
        /// Its name.
        name: &'static str,
    },
    /// A channel that the recording does not have.
    #[error("no channel `{name}`: this recording has {choices}")]
    Channel {
        /// As written.
        name: String,
        /// What there is.
        choices: String,
    },
    /// A channel in two conversations.
    #[error("channel `{name}` is in two conversations")]
    Shared {
        /// As written.
        name: String,
    },
}

/// Reads settings: one, or several that are separated by `;`, a conversation each.
///
/// # Errors
/// The first part that cannot be used.
pub fn settings(text: &str) -> Result<Vec<Setting>, SettingError> {
    text.split(';').filter(|text| !text.trim().is_empty()).map(str::parse).collect()
}

impl FromStr for Setting {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<Self, SettingError> {
        let mut setting = Self::default();
        let mut msb = false;
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (key, value) = match part.split_once('=') {
                Some((key, value)) => (key.trim(), Some(value.trim())),
                None => (part, None),
            };
            let bad = |expected: &str| SettingError::Value { part: part.to_owned(), expected: expected.to_owned() };
            let twice = |name| SettingError::Twice { part: part.to_owned(), name };
            match key.to_ascii_lowercase().as_str() {
                name @ ("host" | "module") => {
                    let value = value.filter(|value| !value.is_empty());
                    let value = value.ok_or_else(|| bad("expected the name of a channel, like `D0`"))?;
                    let (slot, name) =
                        if name == "host" { (&mut setting.host, "host") } else { (&mut setting.module, "module") };
                    if slot.replace(value.to_owned()).is_some() {
                        return Err(twice(name));
                    }
                }
                "baud" => {
                    let baud = value.and_then(speed).ok_or_else(|| bad("expected bits a second, like `115200`"))?;
                    if setting.baud.replace(baud).is_some() {
                        return Err(twice("baud"));
                    }
                }
                "format" => {
                    let format = value.unwrap_or_default().parse::<Format>();
                    let format = format.map_err(|error| bad(&error.to_string()))?;
                    if setting.format.replace(format).is_some() {
                        return Err(twice("format"));
                    }
                }
                "invert" | "inverted" => {
                    let inverted = match value.map(str::to_ascii_lowercase).as_deref() {
                        None | Some("yes" | "true" | "1") => true,
                        Some("no" | "false" | "0") => false,
                        Some(_) => return Err(bad("expected `invert`, or `invert=no`")),
                    };
                    if setting.inverted.replace(inverted).is_some() {
                        return Err(twice("invert"));
                    }
                }
                "msb" if value.is_none() => msb = true,
                _ => return Err(SettingError::Unknown { part: part.to_owned() }),
            }
        }
        if msb {
            setting.format = Some(Format { msb_first: true, ..setting.format.unwrap_or_default() });
        }
        Ok(setting)
    }
}

/// Reads a speed: `115200`, `115.2k`, `1M`, `3e6`.
fn speed(text: &str) -> Option<f64> {
    let lower = text.to_ascii_lowercase().replace('_', "");
    let lower = lower.strip_suffix("bd").or_else(|| lower.strip_suffix("baud")).unwrap_or(&lower).trim();
    let (number, factor) = match (lower.strip_suffix('k'), lower.strip_suffix('m')) {
        (Some(number), _) => (number, 1e3),
        (_, Some(number)) => (number, 1e6),
        _ => (lower, 1.0),
    };
    if !number.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let baud = number.parse::<f64>().ok()? * factor;
    (1.0..=1e9).contains(&baud).then_some(baud)
}

/// The channel that a name means: its name, in any case, or its number from 0, with or without a `D` ahead of it.
///
/// # Errors
/// A name that is no channel's; the error lists those that there are.
pub fn find_channel(channels: &[Channel], name: &str) -> Result<usize, SettingError> {
    const MOST: usize = 24;
    let exact = channels.iter().position(|channel| channel.name == name);
    let alike = || channels.iter().position(|channel| channel.name.eq_ignore_ascii_case(name));
    let number = || {
        let digits = name.strip_prefix(['D', 'd']).unwrap_or(name);
        digits.parse::<usize>().ok().filter(|&number| number < channels.len())
    };
    exact.or_else(alike).or_else(number).ok_or_else(|| {
        let names = channels.iter().take(MOST).map(|channel| format!("`{}`", channel.name));
        let mut choices = names.collect::<Vec<_>>().join(", ");
        if channels.len() > MOST {
            choices.push_str(&format!(" and {} more", channels.len() - MOST));
        }
        if choices.is_empty() {
            choices.push_str("none");
        }
        SettingError::Channel { name: name.to_owned(), choices }
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, clippy::unwrap_used)]
    use super::super::Clock;
    use super::*;

    #[test]
    fn any_part_may_be_given() {
        let all: Setting = "host=D0, module=D1,baud=115.2k,format=7E1,invert,msb".parse().unwrap();
        assert_eq!((all.host.as_deref(), all.module.as_deref()), (Some("D0"), Some("D1")));
        assert_eq!((all.baud, all.inverted), (Some(115_200.0), Some(true)));
        assert_eq!(all.format.unwrap().to_string(), "7e1 msb");
        assert_eq!("".parse::<Setting>().unwrap(), Setting::default());
        assert_eq!("invert=no".parse::<Setting>().unwrap().inverted, Some(false));
        let two = settings("host=D0,module=D1;host=D2,module=D3").unwrap();
        assert_eq!(two[1].host.as_deref(), Some("D2"));
    }

    #[test]
    fn mistakes_are_named() {
        for (text, part) in [
            ("baud=fast", "baud=fast"),
            ("baud", "baud"),
            ("baud=-1", "baud=-1"),
            ("baud=inf", "baud=inf"),
            ("format=8x1", "8x1"),
            ("host=", "host="),
            ("speed=9600", "speed=9600"),
            ("host=D0,host=D1", "host=D1"),
            ("invert=maybe", "invert=maybe"),
        ] {
            let error = text.parse::<Setting>().unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn channels_have_names_and_numbers() {
        let clock = Clock::of_rate(1).unwrap();
        let channels = ["TX", "RX", "D7"].map(|name| Channel { name: name.to_owned(), clock });
        for (name, at) in [("TX", 0), ("rx", 1), ("1", 1), ("D1", 1), ("D7", 2)] {
            assert_eq!(find_channel(&channels, name), Ok(at), "{name}");
        }
        let error = find_channel(&channels, "D9").unwrap_err().to_string();
        assert_eq!(error, "no channel `D9`: this recording has `TX`, `RX`, `D7`");
    }
}
