//! Durations for people: three digits that count, and the unit that fits.

use std::fmt;

/// Shows a duration of so many nanoseconds: `850 ns`, `12.5 ms`, `1.20 s`, `2 min 05 s`, `3 h 05 min`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shown {
    nanos: u64,
    gap: &'static str,
}

/// With a blank between number and unit.
pub(super) const fn spaced(nanos: u64) -> Shown {
    Shown { nanos, gap: " " }
}

/// Without blanks, for columns.
pub(super) const fn tight(nanos: u64) -> Shown {
    Shown { nanos, gap: "" }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(u64, &str); 4] = [(1, "ns"), (1_000, "µs"), (1_000_000, "ms"), (1_000_000_000, "s")];
        let Self { nanos, gap } = *self;
        let secs = nanos / 1_000_000_000;
        match secs {
            3600.. => return write!(f, "{}{gap}h{gap}{:02}{gap}min", secs / 3600, secs / 60 % 60),
            60.. => return write!(f, "{}{gap}min{gap}{:02}{gap}s", secs / 60, secs % 60),
            _ if nanos == 0 => return write!(f, "0{gap}s"),
            _ => {}
        }
        let (unit, name) = UNITS.into_iter().rev().find(|&(unit, _)| nanos >= unit).unwrap_or((1, "ns"));
        let (whole, rest) = (nanos / unit, nanos % unit);
        match whole {
            _ if unit == 1 => write!(f, "{whole}{gap}{name}"),
            100.. => write!(f, "{whole}{gap}{name}"),
            10.. => write!(f, "{whole}.{}{gap}{name}", rest * 10 / unit),
            _ => write!(f, "{whole}.{:02}{gap}{name}", rest * 100 / unit),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits_and_the_unit_that_fits() {
        for (nanos, shown) in [
            (0, "0 s"),
            (850, "850 ns"),
            (1_500, "1.50 µs"),
            (12_500_000, "12.5 ms"),
            (999_999_999, "999 ms"),
            (1_200_000_000, "1.20 s"),
            (59_999_999_999, "59.9 s"),
            (125_000_000_000, "2 min 05 s"),
            (11_100_000_000_000, "3 h 05 min"),
        ] {
            assert_eq!(spaced(nanos).to_string(), shown);
        }
        assert_eq!(tight(125_000_000_000).to_string(), "2min05s");
    }
}
