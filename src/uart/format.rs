//! How a byte stands on the line: data bits, parity, stop bits, bit order, polarity.

use std::fmt;
use std::str::FromStr;

/// The bit that guards the data bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Parity {
    /// There is none.
    #[default]
    None,
    /// Makes the number of ones even.
    Even,
    /// Makes the number of ones odd.
    Odd,
    /// Always 1.
    Mark,
    /// Always 0.
    Space,
}

impl Parity {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::None, Self::Even, Self::Odd, Self::Mark, Self::Space];

    /// `n`, `e`, `o`, `m` or `s`.
    pub const fn letter(self) -> char {
        match self {
            Self::None => 'n',
            Self::Even => 'e',
            Self::Odd => 'o',
            Self::Mark => 'm',
            Self::Space => 's',
        }
    }

    /// The bit that is right for a value; `None` where there is no parity bit.
    pub const fn bit(self, value: u16) -> Option<bool> {
        let odd = value.count_ones() % 2 == 1;
        match self {
            Self::None => None,
            Self::Even => Some(odd),
            Self::Odd => Some(!odd),
            Self::Mark => Some(true),
            Self::Space => Some(false),
        }
    }
}

/// How long the line rests at least between two bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum StopBits {
    /// A bit.
    #[default]
    One,
    /// A bit and a half.
    OneAndHalf,
    /// Two bits.
    Two,
}

impl StopBits {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::One, Self::OneAndHalf, Self::Two];

    /// In bits.
    pub const fn bits(self) -> f64 {
        match self {
            Self::One => 1.0,
            Self::OneAndHalf => 1.5,
            Self::Two => 2.0,
        }
    }

    /// `1`, `1.5` or `2`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::One => "1",
            Self::OneAndHalf => "1.5",
            Self::Two => "2",
        }
    }
}

/// How a byte stands on the line.
///
/// Written as `8n1`, with the words `msb` and `inverted` behind it where they hold: `7e1 inverted`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Format {
    /// 5 to 9.
    pub data_bits: u8,
    /// What stands behind them.
    pub parity: Parity,
    /// What ends the frame.
    pub stop_bits: StopBits,
    /// The highest bit goes first; else the lowest one, as nearly everywhere.
    pub msb_first: bool,
    /// The line idles low.
    pub inverted: bool,
}

impl Default for Format {
    /// `8n1`.
    fn default() -> Self {
        Self { data_bits: 8, parity: Parity::None, stop_bits: StopBits::One, msb_first: false, inverted: false }
    }
}

impl Format {
    /// Data bits and parity bit: what stands between start and stop bit.
    pub(super) const fn inner_bits(self) -> u32 {
        self.data_bits as u32 + !matches!(self.parity, Parity::None) as u32
    }

    /// A frame with its start and stop bits, in bits.
    pub fn frame_bits(self) -> f64 {
        1.0 + f64::from(self.inner_bits()) + self.stop_bits.bits()
    }

    /// The value out of data bits as they came, the first one lowest.
    pub(super) const fn value(self, bits: u16) -> u16 {
        let bits = bits & self.mask();
        if self.msb_first { bits.reverse_bits() >> (16 - self.data_bits) } else { bits }
    }

    /// All data bits set.
    pub(super) const fn mask(self) -> u16 {
        (1 << self.data_bits) - 1
    }

    /// The bits between start and stop bit for a value, the first one lowest.
    pub(super) fn word(self, value: u16) -> u16 {
        let value = value & self.mask();
        let parity = u16::from(self.parity.bit(value).unwrap_or(false)) << self.data_bits;
        self.value(value) | parity
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{}", self.data_bits, self.parity.letter(), self.stop_bits.as_str())?;
        if self.msb_first {
            f.write_str(" msb")?;
        }
        if self.inverted {
            f.write_str(" inverted")?;
        }
        Ok(())
    }
}

/// A text that is no [`Format`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no format: expected data bits (5 to 9), parity (n, e, o, m or s) and stop bits (1, 1.5 or 2), like `8n1`"
)]
pub struct NoFormat(pub String);

impl FromStr for Format {
    type Err = NoFormat;

    /// Reads `8n1`, `7E1`, `8-N-1.5`; polarity and bit order are left at their defaults.
    fn from_str(text: &str) -> Result<Self, NoFormat> {
        let bad = || NoFormat(text.to_owned());
        let mut letters = text.trim().chars().filter(|&c| !matches!(c, '-' | '/'));
        let data_bits = match letters.next().and_then(|c| c.to_digit(10)) {
            Some(bits @ 5..=9) => bits as u8,
            _ => return Err(bad()),
        };
        let letter = letters.next().ok_or_else(bad)?.to_ascii_lowercase();
        let parity = Parity::ALL.into_iter().find(|parity| parity.letter() == letter).ok_or_else(bad)?;
        let rest: String = letters.collect();
        let stop_bits = StopBits::ALL.into_iter().find(|stop| stop.as_str() == rest).ok_or_else(bad)?;
        Ok(Self { data_bits, parity, stop_bits, ..Self::default() })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn formats_are_read_and_written() {
        for data_bits in 5..=9 {
            for parity in Parity::ALL {
                for stop_bits in StopBits::ALL {
                    let format = Format { data_bits, parity, stop_bits, ..Format::default() };
                    assert_eq!(format.to_string().parse::<Format>().unwrap(), format);
                }
            }
        }
        assert_eq!("8-N-1".parse::<Format>().unwrap(), Format::default());
        for bad in ["", "8", "8n", "4n1", "8x1", "8n3", "8n1x", "10n1", "n81"] {
            assert!(bad.parse::<Format>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_first_bit_is_the_highest_or_the_lowest() {
        let lsb = Format::default();
        let msb = Format { msb_first: true, data_bits: 7, ..lsb };
        assert_eq!(lsb.word(0x41), 0x41);
        assert_eq!(msb.word(0x41), 0x41);
        assert_eq!(msb.word(0x03), 0x60);
        assert_eq!(msb.value(0x60), 0x03);
        let odd = Format { parity: Parity::Odd, ..lsb };
        assert_eq!(odd.word(0x41), 0x141);
    }
}
