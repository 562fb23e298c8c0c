//! The two ends of a serial line and the clock of a recording.
//!
//! Knows nothing of AT: these are the words that every layer shares.

use std::fmt;

/// Who put bytes on the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Sender {
    /// The side that sends commands: driver, MCU, TE, DTE.
    Host,
    /// The side that answers: modem, Wi-Fi module, TA, DCE.
    Module,
}

impl Sender {
    /// `host` or `module`, as JSON lines write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Module => "module",
        }
    }

    /// The other end of the line.
    #[must_use]
    pub const fn peer(self) -> Self {
        match self {
            Self::Host => Self::Module,
            Self::Module => Self::Host,
        }
    }

    /// 0 for the host, 1 for the module: an index into a pair.
    pub(crate) const fn index(self) -> usize {
        match self {
            Self::Host => 0,
            Self::Module => 1,
        }
    }
}

impl fmt::Display for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A line error that the recording names.
#[cfg(feature = "capture")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Position in the chunk's bytes, from 0; the chunk's length where the error came behind its last byte.
    pub at: usize,
    /// What was wrong.
    pub kind: FaultKind,
}

/// Kinds of line errors.
#[cfg(feature = "capture")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// The line was held low for longer than a character.
    Break,
    /// No stop bit where one was due.
    Framing,
    /// The parity bit was wrong.
    Parity,
}

#[cfg(feature = "capture")]
impl FaultKind {
    /// `break`, `framing` or `parity`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Break => "break",
            Self::Framing => "framing",
            Self::Parity => "parity",
        }
    }
}

/// A time in a recording: nanoseconds since its clock's zero, never negative.
///
/// What zero means is the recording's matter: the first sample, the first packet, the start of a log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Time(u64);

impl Time {
    /// The clock's zero.
    pub const ZERO: Self = Self(0);

    /// A time of so many nanoseconds.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// A time of so many milliseconds; saturates.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// Nanoseconds since the clock's zero.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Seconds since the clock's zero, rounded to what `f64` holds.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// The time from `earlier` to `self`; zero where `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Self {
        Self(self.0.saturating_sub(earlier.0))
    }

    /// `self` plus `other`; saturates.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// Reads decimal seconds such as `12`, `0.0125` or `1.25e-05`; digits behind the ninth are cut off.
    ///
    /// `None` for anything else: a sign, an empty text, a number too large for the clock.
    pub fn parse_secs(text: &str) -> Option<Self> {
        let (mantissa, exponent) = match text.find(['e', 'E']) {
            Some(at) => (text.get(..at)?, text.get(at + 1..)?.parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        if (whole.is_empty() && fraction.is_empty()) || !(-40..=40).contains(&exponent) {
            return None;
        }
        let mut nanos: u128 = 0;
        // The digit at position p (0 is the first of the whole part) counts 10^(whole - 1 - p + exponent) seconds.
        let point = whole.len() as i64 + i64::from(exponent) + 9;
        for (position, digit) in whole.bytes().chain(fraction.bytes()).enumerate() {
            if !digit.is_ascii_digit() {
                return None;
            }
            if (position as i64) < point {
                nanos = nanos.checked_mul(10)?.checked_add(u128::from(digit - b'0'))?;
            }
        }
        for _ in (whole.len() + fraction.len()) as i64..point {
            nanos = nanos.checked_mul(10)?;
        }
        u64::try_from(nanos).ok().map(Self)
    }
}

impl fmt::Display for Time {
    /// Decimal seconds: `0.0125`, `3`, `1.000000001`; with a precision, so many digits behind the point (cut, not rounded).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (secs, nanos) = (self.0 / 1_000_000_000, self.0 % 1_000_000_000);
        let mut digits = [b'0'; 9];
        let mut rest = nanos;
        for slot in digits.iter_mut().rev() {
            *slot = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        let wanted = match f.precision() {
            Some(wanted) => wanted.min(9),
            None => digits.iter().rposition(|&d| d != b'0').map_or(0, |last| last + 1),
        };
        let shown = digits.get(..wanted).unwrap_or(&digits);
        let fraction = std::str::from_utf8(shown).unwrap_or_default();
        if fraction.is_empty() { write!(f, "{secs}") } else { write!(f, "{secs}.{fraction}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_read_and_written() {
        for (text, nanos, shown) in [
            ("0.012500", 12_500_000, "0.0125"),
            ("3", 3_000_000_000, "3"),
            (".5", 500_000_000, "0.5"),
            ("1.25e-05", 12_500, "0.0000125"),
            ("1e2", 100_000_000_000, "100"),
            ("1.2345678919", 1_234_567_891, "1.234567891"),
        ] {
            assert_eq!(Time::parse_secs(text), Some(Time(nanos)), "{text}");
            assert_eq!(Time(nanos).to_string(), shown);
        }
        for bad in ["", ".", "-1", "1s", "1e", "99999999999999999999", "1e99"] {
            assert_eq!(Time::parse_secs(bad), None, "{bad}");
        }
        assert_eq!(format!("{:.6}", Time(12_500_000)), "0.012500");
    }
}
