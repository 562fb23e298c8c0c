//! Samplerates as people and recorders write them, and the units of time that go with them.

/// Reads a samplerate in hertz: `1MHz`, `24 MHz`, `500k`, `1e6`, `62.5 kHz`, `1000000`.
///
/// `None` for anything else, for a rate that is not a whole number of hertz, and for 0.
///
/// ```
/// use atscope::capture::parse_rate;
///
/// assert_eq!(parse_rate("24 MHz"), Some(24_000_000));
/// assert_eq!(parse_rate("500k"), Some(500_000));
/// assert_eq!(parse_rate("1e6"), Some(1_000_000));
/// assert_eq!(parse_rate("fast"), None);
/// ```
pub fn parse_rate(text: &str) -> Option<u64> {
    let text = text.trim();
    let number = |at: usize, b: u8, bytes: &[u8]| {
        let exponent = matches!(b, b'e' | b'E') && bytes.get(at + 1).is_some_and(u8::is_ascii_digit);
        b.is_ascii_digit() || matches!(b, b'.' | b'_') || exponent
    };
    let bytes = text.as_bytes();
    let end = bytes.iter().enumerate().position(|(at, &b)| !number(at, b, bytes)).unwrap_or(bytes.len());
    let (number, unit) = text.split_at_checked(end)?;
    let unit = unit.trim().to_ascii_lowercase();
    let unit = ["hz", "sps", "s/s", "sa/s"].iter().find_map(|end| unit.strip_suffix(end)).unwrap_or(&unit).trim_end();
    let power: u32 = match unit {
        "" => 0,
        "k" => 3,
        "m" => 6,
        "g" => 9,
        _ => return None,
    };
    let number = number.replace('_', "").to_ascii_lowercase();
    let (mantissa, exponent) = match number.split_once('e') {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<u32>().ok()?),
        None => (number.as_str(), 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let fraction = fraction.trim_end_matches('0');
    let power = power.checked_add(exponent)?.checked_sub(u32::try_from(fraction.len()).ok()?)?;
    let digits = format!("{whole}{fraction}");
    let rate = digits.parse::<u64>().ok()?.checked_mul(10u64.checked_pow(power)?)?;
    (rate > 0).then_some(rate)
}

/// Writes a samplerate as sigrok does: `1 MHz`, `500 kHz`, `62500 Hz`.
pub(super) fn rate_text(rate: u64) -> String {
    for (scale, unit) in [(1_000_000_000, "GHz"), (1_000_000, "MHz"), (1_000, "kHz")] {
        if rate >= scale && rate.is_multiple_of(scale) {
            return format!("{} {unit}", rate / scale);
        }
    }
    format!("{rate} Hz")
}

/// The power of ten of a unit of time in seconds, negative: 9 for `ns`.
pub(super) fn unit_power(unit: &str) -> Option<u32> {
    match unit {
        "s" | "sec" | "secs" | "second" | "seconds" => Some(0),
        "ms" | "milliseconds" => Some(3),
        "us" | "\u{b5}s" | "\u{3bc}s" | "microseconds" => Some(6),
        "ns" | "nanoseconds" => Some(9),
        "ps" | "picoseconds" => Some(12),
        "fs" | "femtoseconds" => Some(15),
        "as" | "attoseconds" => Some(18),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read() {
        for (text, rate) in [
            ("1 MHz", Some(1_000_000)),
            ("1MHz", Some(1_000_000)),
            ("24 mhz", Some(24_000_000)),
            ("500000", Some(500_000)),
            ("24 kHz", Some(24_000)),
            ("500k", Some(500_000)),
            ("62.5 kHz", Some(62_500)),
            ("1e6", Some(1_000_000)),
            ("2.5e6", Some(2_500_000)),
            ("2E6 Hz", Some(2_000_000)),
            ("1 GHz", Some(1_000_000_000)),
            ("10 MS/s", Some(10_000_000)),
            ("1_000_000", Some(1_000_000)),
            ("1.50 MHz", Some(1_500_000)),
            ("0", None),
            ("", None),
            ("MHz", None),
            ("-1", None),
            ("0.5", None),
            ("1 ms", None),
            ("1e", None),
            ("1e99", None),
            ("99999999999 GHz", None),
            ("1.2.3", None),
        ] {
            assert_eq!(parse_rate(text), rate, "{text}");
        }
        for rate in [1, 1000, 62_500, 625_000, 1_000_000, 24_000_000, 2_000_000_000] {
            assert_eq!(parse_rate(&rate_text(rate)), Some(rate));
        }
    }
}
