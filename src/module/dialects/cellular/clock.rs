//! Times as 27.007 §8.15 prints them: `yy/MM/dd,hh:mm:ss±zz`, the zone in quarters of an hour.

/// Days of 1970 up to the year 2000, in seconds.
const YEAR_2000: i64 = 946_684_800;

/// A time of seconds since 1970, in universal time.
pub(super) fn format(seconds: i64) -> String {
    let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{:02}/{month:02}/{day:02},{hour:02}:{minute:02}:{second:02}+00", year.rem_euclid(100))
}

/// Seconds since 1970 of such a text; `None`: it is none.
pub(super) fn parse(text: &str) -> Option<i64> {
    let (clock, zone) = match text.get(17..) {
        None => return None,
        Some(zone) => (text.get(..17)?, zone),
    };
    let zone: i64 = if zone.is_empty() { 0 } else { zone.parse().ok()? };
    let mut numbers = clock.split(['/', ',', ':']).map(|part| part.parse::<i64>().ok());
    let mut next = |range: std::ops::RangeInclusive<i64>| numbers.next()?.filter(|number| range.contains(number));
    let (year, month, day) = (next(0..=99)?, next(1..=12)?, next(1..=31)?);
    let (hour, minute, second) = (next(0..=23)?, next(0..=59)?, next(0..=59)?);
    if !(-96..=96).contains(&zone) {
        return None;
    }
    Some(days(2000 + year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - zone * 900)
}

/// The digits of a time as messages carry them: seven octets, digits swapped (3GPP TS 23.040 §9.2.3.11).
pub(super) fn stamp(text: &str) -> String {
    let digits: Vec<char> = text.chars().filter(char::is_ascii_digit).collect();
    digits.chunks(2).flat_map(|pair| pair.iter().rev()).collect()
}

/// Year, month and day of a day since 1970 (proleptic Gregorian).
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days - (YEAR_2000 / 86_400) + 730_425;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    let days = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    era * 146_097 + days - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_and_reads() {
        for (seconds, text) in [
            (1_700_000_000, "23/11/14,22:13:20+00"),
            (951_826_154, "00/02/29,12:09:14+00"),
            (946_684_800, "00/01/01,00:00:00+00"),
        ] {
            assert_eq!(format(seconds), text);
            assert_eq!(parse(text), Some(seconds));
        }
        assert_eq!(parse("23/11/14,23:13:20+04"), Some(1_700_000_000));
        assert_eq!(parse("23/13/14,23:13:20+04"), None);
        assert_eq!(parse("noon"), None);
        assert_eq!(stamp("23/11/14,22:13:20+00"), "32114122310200");
    }
}
