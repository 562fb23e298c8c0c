//! Durations for people: three digits that count, and the unit that fits.

use super::json::{padded, unsigned};

/// Appends a duration of so many nanoseconds: `850 ns`, `12.5 ms`, `1.20 s`, `2 min 05 s`, `3 h 05 min`.
pub(super) fn spaced(out: &mut Vec<u8>, nanos: u64) {
    write(out, nanos, b" ");
}

/// As [`spaced`], without blanks, for columns.
pub(super) fn tight(out: &mut Vec<u8>, nanos: u64) {
    write(out, nanos, b"");
}

fn write(out: &mut Vec<u8>, nanos: u64, gap: &[u8]) {
    let two = |out: &mut Vec<u8>, number: u64, unit: &[u8]| {
        padded(out, number, 2);
        put(out, &[gap, unit]);
    };
    let secs = nanos / 1_000_000_000;
    match secs {
        3600.. => {
            unsigned(out, secs / 3600);
            put(out, &[gap, b"h", gap]);
            return two(out, secs / 60 % 60, b"min");
        }
        60.. => {
            unsigned(out, secs / 60);
            put(out, &[gap, b"min", gap]);
            return two(out, secs % 60, b"s");
        }
        _ if nanos == 0 => return put(out, &[b"0", gap, b"s"]),
        _ => {}
    }
    match nanos {
        1_000_000_000.. => short(out, secs, nanos % 1_000_000_000 / 10_000_000, gap, b"s"),
        1_000_000.. => short(out, nanos / 1_000_000, nanos % 1_000_000 / 10_000, gap, b"ms"),
        1_000.. => short(out, nanos / 1_000, nanos % 1_000 / 10, gap, "µs".as_bytes()),
        _ => {
            unsigned(out, nanos);
            put(out, &[gap, b"ns"]);
        }
    }
}

/// Three digits that count, of a number and its hundredths.
fn short(out: &mut Vec<u8>, whole: u64, hundredths: u64, gap: &[u8], unit: &[u8]) {
    unsigned(out, whole);
    match whole {
        100.. => {}
        10.. => {
            out.push(b'.');
            unsigned(out, hundredths / 10);
        }
        _ => {
            out.push(b'.');
            padded(out, hundredths, 2);
        }
    }
    put(out, &[gap, unit]);
}

#[inline]
fn put(out: &mut Vec<u8>, parts: &[&[u8]]) {
    parts.iter().for_each(|part| out.extend_from_slice(part));
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
            let mut out = Vec::new();
            spaced(&mut out, nanos);
            assert_eq!(out, shown.as_bytes());
        }
        let mut out = Vec::new();
        tight(&mut out, 125_000_000_000);
        assert_eq!(out, b"2min05s");
    }
}
