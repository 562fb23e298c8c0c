//! The body of the fuzz target `uart`, which also runs as an ordinary test.

use super::{Byte, Change, Channel, Clock, Format, Level, Levels, Line, Receiver, Recovery, Run, StopBits, Survey};

/// The bytes that a stretch of changes can hold at most: a start bit each, and one byte a change.
fn most_bytes(changes: &[Change]) -> usize {
    changes.len() + 1
}

/// A stream of choices out of fuzz data; zeros at its end.
struct Choices<'a>(&'a [u8]);

impl Choices<'_> {
    fn byte(&mut self) -> u8 {
        match self.0.split_first() {
            Some((&first, rest)) => {
                self.0 = rest;
                first
            }
            None => 0,
        }
    }
}

/// Changes of a line: each byte of the data says how long the level holds (in six bits, as a mantissa with exponent, so that
/// both a tick and ages are likely) and, now and then, that it is not known.
fn changes(data: &[u8]) -> (Vec<Change>, u64) {
    let mut changes: Vec<Change> = Vec::new();
    let (mut at, mut high) = (0_u64, true);
    for &byte in data {
        let unknown = byte == 0xFF;
        let level = match (unknown, high) {
            (true, _) => Level::Unknown,
            (false, true) => Level::High,
            (false, false) => Level::Low,
        };
        if changes.last().is_none_or(|last| last.level != level && last.at < at) {
            changes.push(Change { at, level });
        }
        high = !high;
        // Mostly multiples of 8 ticks with some blur, sometimes anything up to 2^58.
        let width = match byte >> 6 {
            0 | 1 => u64::from(byte & 15) * 8 + u64::from(byte >> 4 & 1),
            2 => u64::from(byte & 63),
            _ => 1 << (byte & 0x3F).min(58),
        };
        at = at.saturating_add(width.max(1));
    }
    (changes, at.saturating_add(1))
}

fn received(line: Line, changes: &[Change], until: u64, cuts: &[usize]) -> Vec<Byte> {
    let mut receiver = Receiver::new(line);
    let mut bytes = Vec::new();
    let mut rest = changes;
    for &cut in cuts.iter().cycle().take(if cuts.is_empty() { 0 } else { changes.len() + 1 }) {
        let (now, more) = rest.split_at_checked(cut.clamp(1, rest.len().max(1))).unwrap_or((rest, &[]));
        let known = more.first().map_or(until, |next| next.at);
        let before = bytes.len();
        let settled = receiver.settled(now.first().map_or(known, |change| change.at));
        receiver.push(now, known, &mut bytes);
        for byte in bytes.get(before..).unwrap_or_default() {
            assert!(byte.at >= settled, "a byte of {} that was settled up to {settled}", byte.at);
        }
        rest = more;
        if rest.is_empty() {
            break;
        }
    }
    receiver.push(rest, until, &mut bytes);
    receiver.finish(until, &mut bytes);
    bytes
}

fn recovered(channels: &[Channel], all: &[(Vec<Change>, u64)], stretch: usize) -> (Vec<Run>, Survey) {
    let mut recovery = Recovery::new(channels, &[]).expect("nothing is named");
    let mut runs = Vec::new();
    let mut levels = Levels::new(channels.len());
    let mut next = vec![0_usize; all.len()];
    // Stretches end at the same tick on all channels, as readers give them.
    let end = all.iter().map(|(_, until)| *until).max().unwrap_or(0);
    let mut at = 0;
    while at < end {
        let some = all.iter().zip(&next).filter_map(|((changes, _), &next)| changes.get(next.saturating_add(stretch)));
        at = some.map(|change| change.at).min().unwrap_or(end).max(at.saturating_add(1));
        levels.clear();
        let lanes = levels.changes.iter_mut().zip(&mut levels.until).zip(all).zip(&mut next);
        for (((to, known), (changes, until)), next) in lanes {
            while let Some(change) = changes.get(*next).filter(|change| change.at < at) {
                to.push(*change);
                *next += 1;
            }
            *known = at.min(*until);
        }
        recovery.push(&levels);
        runs.extend(std::iter::from_fn(|| recovery.next_run()));
    }
    recovery.finish();
    runs.extend(std::iter::from_fn(|| recovery.next_run()));
    (runs, recovery.survey())
}

/// Laws: no line panics; bytes come in order of time, no more of them than changes, and do not depend on how the changes
/// are cut into stretches; a position of a fault lies in its run.
///
/// # Panics
/// If a law is broken.
pub fn fuzz_uart(data: &[u8]) {
    let mut choices = Choices(data);
    let (settings, speed, cut) = (choices.byte(), choices.byte(), choices.byte());
    let rest = choices.0;
    let parity = super::Parity::ALL.into_iter().cycle().nth(usize::from(settings >> 3)).unwrap_or_default();
    let format = Format {
        data_bits: 5 + settings % 5,
        parity,
        stop_bits: StopBits::ALL.into_iter().cycle().nth(usize::from(settings >> 4)).unwrap_or_default(),
        msb_first: settings & 64 != 0,
        inverted: settings & 128 != 0,
    };
    let line = Line::new(1.0 + f64::from(speed) / 8.0, format);
    let (all, until) = changes(rest);
    let whole = received(line, &all, until, &[]);
    assert!(whole.len() <= most_bytes(&all), "{} bytes of {} changes", whole.len(), all.len());
    assert!(whole.iter().zip(whole.iter().skip(1)).all(|(a, b)| a.at < b.at), "bytes out of order");
    assert!(whole.iter().all(|byte| byte.value <= format.mask() && byte.at <= byte.end));
    for cuts in [&[1][..], &[usize::from(cut), 1, 7]] {
        assert_eq!(received(line, &all, until, cuts), whole, "cut by {cuts:?}");
    }

    let (first, second) = rest.split_at_checked(rest.len() / 2).unwrap_or((rest, &[]));
    let lines = [changes(first), changes(second)];
    let clocks = [Clock { ticks: 1_000_000, secs: 1 }, Clock { ticks: 921_600 + u64::from(speed), secs: 1 }];
    let channel = |(at, clock): (usize, Clock)| Channel { name: format!("D{at}"), clock };
    let channels: Vec<Channel> = clocks.into_iter().enumerate().map(channel).collect();
    let whole = recovered(&channels, &lines, usize::MAX);
    for run in &whole.0 {
        assert!(!run.bytes.is_empty() || !run.faults.is_empty(), "a run of nothing");
        assert!(run.faults.iter().all(|fault| fault.at <= run.bytes.len()), "a fault outside of its run");
    }
    let told = whole.1.told();
    assert!(told.iter().all(|line| !line.is_empty()));
    // The same clock for both: then the order of all bytes is the same, too.
    for stretch in [1, 1 + usize::from(cut)] {
        let cut = recovered(&channels, &lines, stretch);
        assert_eq!(cut, whole, "stretches of {stretch} changes");
    }
}

#[cfg(test)]
mod tests {
    use super::super::encode::Numbers;

    #[test]
    fn laws_hold_on_anything() {
        let mut numbers = Numbers(3);
        for len in (0..40).chain((40..600).step_by(17)) {
            let data: Vec<u8> = (0..len).map(|_| (numbers.next() >> 13) as u8).collect();
            super::fuzz_uart(&data);
            // Only short levels, which look more like a line.
            let data: Vec<u8> = data.iter().map(|byte| byte & 0x7F).collect();
            super::fuzz_uart(&data);
        }
    }
}
