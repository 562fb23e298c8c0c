//! Is a line a UART, and at what speed and format: told from a window of its changes.
//!
//! Every guess (bit time, polarity, number of bits) is read in the cheapest way: frames where they fit, and start edges
//! that no frame explains at a price. The guess that tells the window in the fewest bits wins; text is cheap, a
//! parity bit that is always right is cheap, and unusual settings cost something. What even the best guess
//! does not explain is no UART.
//!
//! Cost is linear in the window. Knows no AT. Trap: a clock is a UART that says nothing but `U`.

use super::baud;
use super::reading::{Edge, Reading, edges, read};
use super::{Change, Clock, Format, Level, Parity, StopBits};

/// Changes that are enough to tell.
pub(super) const WINDOW: usize = 768;

/// Fewer ticks than that to a bit cannot be read.
const FEWEST_TICKS: f64 = 2.8;

/// Price of a speed that no port is set to.
const UNUSUAL: f64 = 10.0;

/// What is known of a line without looking.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Given {
    /// Bits a second.
    pub baud: Option<f64>,
    /// Polarity apart.
    pub format: Option<Format>,
    pub inverted: Option<bool>,
    /// The user says that it is a UART.
    pub sure: bool,
}

/// What a line is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Fit {
    /// Ticks a bit, as measured.
    pub bit: f64,
    /// Bits a second as a port is set: a usual speed where the measure is near one, else the measure.
    pub baud: f64,
    pub format: Format,
    /// From 0 to 1.
    pub confidence: f64,
    /// Bits that it takes to tell the window.
    pub cost: f64,
    /// Frames in the window.
    pub frames: u32,
    /// Start edges that no frame explains.
    pub skipped: u32,
    /// The share of bytes that are text.
    pub text: f64,
}

/// A guess, read.
struct Guess {
    bit: f64,
    format: Format,
    cost: f64,
    reading: Reading,
}

impl Guess {
    /// Whether it explains a good deal of plain text, and all of it.
    fn is_perfect(&self, clock: Clock) -> bool {
        let Reading { words, skipped: 0, glitches: 0, astray: 0, .. } = &self.reading else { return false };
        words.len() >= 24
            && self.format.data_bits >= 7
            && !self.format.msb_first
            && baud::standard(clock.rate() / self.bit, 0.0).is_some()
            && words.iter().filter(|&&word| is_text(self.format.value(word))).count() * 20 >= words.len() * 19
    }
}

/// What a line is, told from changes of it up to a tick; `None` where it is no UART, or says too little.
///
/// What is given is not asked for. If the user is sure, there is an answer as soon as there is a frame.
pub(super) fn detect(changes: &[Change], until: u64, clock: Clock, given: Given) -> Option<Fit> {
    let until = changes.get(WINDOW).map_or(until, |next| next.at);
    let changes = changes.get(..WINDOW.min(changes.len())).unwrap_or_default();
    let widths: Vec<f64> = widths(changes).collect();
    let bits = match given.baud {
        Some(baud) => vec![(clock.rate() / baud).max(1.0)],
        None => bit_times(&widths, clock),
    };
    let mut best: Option<Guess> = None;
    'guesses: for inverted in polarities(changes, until, given) {
        for &bit in &bits {
            let edges = edges(changes, inverted, (bit / 4.0) as u64);
            for inner in 5..=10 {
                if given.format.is_some_and(|format| format.inner_bits() != inner) {
                    continue;
                }
                guess(&edges, until, clock, given, bit, inner, inverted, &mut best);
            }
            // Nothing is left to be explained better: the other guesses are parts of this bit.
            if best.as_ref().is_some_and(|best| best.is_perfect(clock)) {
                break 'guesses;
            }
        }
    }
    let mut best = best?;
    // Once more, with the measure.
    for _ in 0..2 {
        let measured = best.reading.ticks / best.reading.bits;
        if !(measured.is_finite() && (measured / best.bit - 1.0).abs() < 0.08) {
            break;
        }
        let edges = edges(changes, best.format.inverted, (measured / 4.0) as u64);
        let mut again = None;
        guess(&edges, until, clock, given, measured, best.format.inner_bits(), best.format.inverted, &mut again);
        match again {
            Some(again) if again.reading.price() <= best.reading.price() + 1.0 => best = again,
            _ => break,
        }
    }
    verdict(best, changes, until, clock, given)
}

/// Reads a window and keeps the cheapest format if it is cheaper than what there is.
#[allow(clippy::too_many_arguments)] // a guess has that many sides
fn guess(
    edges: &(Vec<Edge>, u32),
    until: u64,
    clock: Clock,
    given: Given,
    bit: f64,
    inner: u32,
    inverted: bool,
    best: &mut Option<Guess>,
) {
    let reading = read(edges, until, bit, inner);
    if reading.words.is_empty() {
        return;
    }
    let usual = given.baud.is_some() || baud::standard(clock.rate() / bit, 0.0).is_some();
    let price = reading.price() + if usual { 0.0 } else { UNUSUAL } + if inverted { 6.0 } else { 0.0 };
    if best.as_ref().is_some_and(|best| best.cost <= price) {
        return;
    }
    let (mut format, cost) = format_of(&reading, bit, inner, given.format);
    format.inverted = inverted;
    let cost = cost + price;
    if best.as_ref().is_none_or(|best| cost < best.cost) {
        *best = Some(Guess { bit, format, cost, reading });
    }
}

/// How long the line held each level, where both ends are known.
fn widths(changes: &[Change]) -> impl Iterator<Item = f64> + '_ {
    // The first change is no change, but the level at the start.
    let pairs = changes.iter().skip(1).zip(changes.iter().skip(2));
    let known = pairs.filter(|(a, b)| a.level != Level::Unknown && b.level != Level::Unknown);
    known.map(|(a, b)| b.at.saturating_sub(a.at) as f64)
}

/// Bit times worth a try, the likeliest ones first.
fn bit_times(widths: &[f64], clock: Clock) -> Vec<f64> {
    const TRIED: usize = 6;
    let mut sorted: Vec<f64> = widths.to_vec();
    sorted.sort_by(f64::total_cmp);
    let mut guesses: Vec<f64> = Vec::new();
    // Groups of like widths, the shortest ones: each may be one bit, two or three.
    let mut rest = sorted.as_slice();
    for _ in 0..6 {
        let Some(&first) = rest.first() else { break };
        let mut last = first;
        let mut count = 0;
        for &width in rest {
            if width > last + (last * 0.04).max(1.0) || width > first * 1.5 + 2.0 {
                break;
            }
            last = width;
            count += 1;
        }
        let (group, more) = rest.split_at_checked(count).unwrap_or((rest, &[]));
        rest = more;
        let mean = group.iter().sum::<f64>() / group.len().max(1) as f64;
        guesses.extend([1.0, 2.0, 3.0].map(|bits| mean / bits));
    }
    // And the usual speeds about there.
    let [low, high] = [20, 3].map(|part| sorted.get(sorted.len() / part).copied().unwrap_or_default());
    let usual = baud::common().map(|baud| clock.rate() / f64::from(baud));
    guesses.extend(usual.filter(|&bit| bit > low * 0.3 && bit < high * 1.6));
    let mut scored: Vec<(f64, f64)> = Vec::new();
    for mut bit in guesses {
        // The longer the width, the better the measure, once the number of its bits is sure.
        for longest in [2.5, 4.5, 10.5] {
            let (mut ticks, mut squares) = (0.0, 0.0);
            for &width in widths.iter().filter(|&&width| width < longest * bit) {
                let bits = (width / bit).round();
                if bits > 0.0 && (width / bit - bits).abs() < 0.3 {
                    ticks += width * bits;
                    squares += bits * bits;
                }
            }
            if squares > 0.0 {
                bit = ticks / squares;
            }
        }
        if !(bit.is_finite() && bit >= FEWEST_TICKS) || scored.iter().any(|(_, known)| (known / bit - 1.0).abs() < 0.01)
        {
            continue;
        }
        let limit = 0.15 + 0.8 / bit;
        let (mut fit, mut all) = (0.0, 0.0);
        for &width in widths {
            let bits = width / bit;
            all += 1.0;
            if bits < 10.5 {
                fit += f64::from(u8::from(bits >= 0.5 && (bits - bits.round()).abs() < limit));
            }
        }
        // By chance, `limit * 2` of them fit.
        let chance = (limit * 2.0).min(0.95);
        scored.push(((fit / f64::max(all, 1.0) - chance) / (1.0 - chance), bit));
    }
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(b.1.total_cmp(&a.1)));
    let best = scored.first().map_or(0.0, |first| first.0);
    // Bits of a few ticks fit by chance so often that their score says little.
    let likely = scored.into_iter().filter(|&(score, bit)| score >= best * 0.5 || bit < 8.0);
    likely.take(TRIED).map(|(_, bit)| bit).collect()
}

/// Which polarities are worth a try: the level of the longest rests, or both.
fn polarities(changes: &[Change], until: u64, given: Given) -> Vec<bool> {
    if let Some(inverted) = given.inverted {
        return vec![inverted];
    }
    // Median of the five longest stretches of each level: a rest beats any byte.
    let mut longest: [Vec<u64>; 2] = [Vec::new(), Vec::new()];
    let ends = changes.iter().skip(1).map(|change| change.at).chain([until]);
    for (change, end) in changes.iter().zip(ends) {
        let side = match change.level {
            Level::Low => 0,
            Level::High => 1,
            Level::Unknown => continue,
        };
        if let Some(side) = longest.get_mut(side) {
            side.push(end.saturating_sub(change.at));
        }
    }
    let [low, high] = longest.map(|mut side| {
        side.sort_unstable_by(|a, b| b.cmp(a));
        side.truncate(5);
        side.get(side.len() / 2).copied().unwrap_or_default() as f64
    });
    if changes.len() > 40 && high > 4.0 * low {
        vec![false]
    } else if changes.len() > 40 && low > 4.0 * high {
        vec![true]
    } else {
        vec![false, true]
    }
}

/// Bits that it takes to tell a value: text is cheap.
fn text_price(value: u16, data_bits: u8) -> f64 {
    match value {
        b if data_bits >= 7 && (b == 9 || b == 10 || b == 13 || (32..127).contains(&b)) => 6.7,
        _ => match data_bits {
            9 => 14.5,
            8 => 13.0,
            _ => 10.5,
        },
    }
}

/// The format that tells the words of a reading in the fewest bits, and how many.
fn format_of(reading: &Reading, bit: f64, inner: u32, given: Option<Format>) -> (Format, f64) {
    const WRONG: f64 = 10.0;
    let inner = inner as u8;
    let mut best = (Format::default(), f64::INFINITY);
    for parity in [Parity::None, Parity::Even, Parity::Odd, Parity::Space, Parity::Mark] {
        let data_bits = inner - u8::from(parity != Parity::None);
        if !(5..=9).contains(&data_bits) {
            continue;
        }
        for msb_first in [false, true] {
            let format = Format { data_bits, parity, msb_first, ..Format::default() };
            let prior = match given {
                Some(given) if (given.data_bits, given.parity) != (data_bits, parity) => continue,
                Some(given) if given.msb_first != msb_first => continue,
                Some(_) => 0.0,
                None => match prior(format) {
                    Some(prior) => prior,
                    None => continue,
                },
            };
            let (mut text, mut plain) = (prior, prior);
            for (at, &word) in reading.words.iter().enumerate() {
                // A frame that the recording cuts off says nothing of parity and text, where others do.
                if reading.guessed && at >= 2 && at + 1 == reading.words.len() {
                    text += 6.7;
                    plain += f64::from(data_bits);
                    continue;
                }
                let value = format.value(word);
                let wrong = parity.bit(value).is_some_and(|right| right != (word >> data_bits & 1 == 1));
                let guard = if wrong { WRONG } else { 0.0 };
                text += guard + text_price(value, data_bits);
                plain += guard + f64::from(data_bits);
            }
            // A handful of text costs no more than it would as text; less than seven bits are none.
            let cost = if data_bits < 7 { plain } else { text.min(plain + 2.0) };
            if cost < best.1 {
                best = (format, cost);
            }
        }
    }
    best.0.stop_bits = given.map_or_else(|| stop_bits(reading, bit, inner), |given| given.stop_bits);
    best
}

/// What an unusual format costs; `None` for one that looks the same as a usual one.
fn prior(format: Format) -> Option<f64> {
    let order = if format.msb_first { 14.0 } else { 0.0 };
    let bits = match (format.data_bits, format.parity) {
        (8, Parity::None) => 0.0,
        (7 | 8, Parity::Even | Parity::Odd) => 5.0,
        (7, Parity::None) => 8.0,
        (9, Parity::None) => 11.0,
        (8, Parity::Space) => 9.0,
        (5 | 6, Parity::None) => 12.0,
        (_, Parity::Even | Parity::Odd) => 14.0,
        (9, Parity::Space) => 16.0,
        // A mark is a stop bit; a space in front of seven bits is ASCII in eight.
        (_, Parity::Mark | Parity::Space) | (_, Parity::None) => return None,
    };
    Some(order + bits)
}

/// Told from bytes that follow each other without a pause, if there are enough of them.
fn stop_bits(reading: &Reading, bit: f64, inner: u8) -> StopBits {
    const ENOUGH: usize = 4;
    let rests = reading.steps.iter().map(|step| step / bit - 1.0 - f64::from(inner));
    let rests: Vec<f64> = rests.filter(|&rest| rest < 2.6).collect();
    let mean = rests.iter().sum::<f64>() / rests.len().max(1) as f64;
    // Both ends of a rest are known to a tick, and not free of jitter.
    let spread = 0.26 + 1.1 / bit;
    let fits = |stop: StopBits| {
        let near = rests.iter().filter(|&&rest| (rest - stop.bits()).abs() < spread).count();
        (mean - stop.bits()).abs() < 0.25 && near * 8 >= rests.len() * 7
    };
    let longer = [StopBits::Two, StopBits::OneAndHalf].into_iter().find(|&stop| fits(stop));
    longer.filter(|_| rests.len() >= ENOUGH).unwrap_or_default()
}

/// Whether the best guess is good enough, and how good.
fn verdict(best: Guess, changes: &[Change], until: u64, clock: Clock, given: Given) -> Option<Fit> {
    let Guess { bit, format, cost, reading } = best;
    let frames = reading.words.len() as u32;
    let (count, skipped) = (f64::from(frames), f64::from(reading.skipped));
    let measured = clock.rate() / bit;
    // The ends of all measured stretches are known to a tick each.
    let blur = 1.0 / (bit * reading.bits.sqrt().max(1.0));
    let usual = baud::standard(measured, blur);
    let text = reading.words.iter().filter(|&&word| is_text(format.value(word))).count() as f64 / count;
    let fit = |confidence: f64| {
        let baud = given.baud.or(usual.map(f64::from)).unwrap_or(measured);
        let confidence = confidence.clamp(0.01, 0.99);
        Some(Fit { bit, baud, format, confidence, cost, frames, skipped: reading.skipped, text })
    };
    let astray = f64::from(reading.astray) / f64::from(reading.edges.max(1));
    let amount = 1.0 - 0.72_f64.powf(count);
    let clean = 1.0 - 2.2 * skipped / (count + skipped) - 2.0 * astray;
    let glitches = 1.0 - (f64::from(reading.glitches) / f64::from(reading.edges.max(1))).min(0.8);
    let mut confidence = amount * clean.max(0.0) * glitches;
    if usual.is_none() {
        confidence *= 0.6;
    }
    if text > 0.95 && format.data_bits >= 7 {
        confidence += (1.0 - confidence) * 0.4 * amount;
    }
    if given.sure {
        return fit(confidence);
    }
    let quantum = 0.45 / bit;
    let edges = edges(changes, format.inverted, (bit / 4.0) as u64).0;
    // Text that comes out is worth some lost frames.
    let most_skipped = if text > 0.8 && usual.is_some() { 0.4 } else { 0.3 };
    if skipped > most_skipped * (count + skipped)
        || astray > 0.15
        || reading.blur() > 0.14 + quantum * 0.5
        || (usual.is_none() && (frames < 4 || skipped > 0.1 * count))
        || reading.edges + frames < 4
        || clean * glitches < 0.05
    {
        return None;
    }
    // One pulse a frame is what a PWM gives, and what no text looks like.
    let mask = format.mask();
    let single = |word: u16| ((!word & mask) + 1) & (!word & mask) == 0;
    if text < 0.9 && reading.words.iter().all(|&word| single(word & mask)) {
        return None;
    }
    // Bits of other buses read as bytes of odd formats, but not as bytes that follow each other.
    let odd = !matches!(format.inner_bits(), 8 | 9) || (format.inner_bits() == 9 && format.parity == Parity::None);
    let frame = bit * format.frame_bits();
    let close = reading.steps.iter().filter(|&&step| step < frame * 1.06).count() as f64;
    let plain = text < 0.9;
    if (odd || (plain && format.inverted)) && (close < 0.25 * count || (plain && skipped > 0.1 * count)) {
        return None;
    }
    if plain {
        confidence *= 0.4 + 0.6 * amount * amount;
    }
    match period(&edges, bit) {
        Some(_) if !is_all_u(&reading, format) => return None,
        // Nothing but `U`: a clock, unless it rests like a line between bursts of whole bytes.
        Some(_) => {
            let rests = edges
                .last()
                .is_some_and(|last| last.rest == Some(true) && until.saturating_sub(last.at) as f64 > 2.0 * bit);
            let ahead = edges
                .first()
                .zip(edges.get(1))
                .is_some_and(|(a, b)| a.rest == Some(true) && b.at.saturating_sub(a.at) as f64 > 2.0 * bit);
            if !(rests && ahead && usual.is_some_and(|baud| baud <= 921_600)) {
                return None;
            }
            return fit(confidence.min(0.3));
        }
        None => {}
    }
    fit(confidence)
}

/// Whether a value is a printable character, a line end or a tabulator.
pub(super) const fn is_text(value: u16) -> bool {
    matches!(value, 9 | 10 | 13 | 32..=126)
}

/// Whether there is nothing but `U`s, each of them whole.
fn is_all_u(reading: &Reading, format: Format) -> bool {
    format.data_bits == 8 && reading.skipped == 0 && reading.words.iter().all(|&word| word & 0xFF == 0x55)
}

/// The period of a line that does nothing but repeat: a clock, a PWM.
fn period(edges: &[Edge], bit: f64) -> Option<f64> {
    [true, false].into_iter().find_map(|to| {
        let ticks: Vec<u64> = edges.iter().skip(1).filter(|edge| edge.rest == Some(to)).map(|edge| edge.at).collect();
        let mut steps: Vec<f64> =
            ticks.iter().zip(ticks.iter().skip(1)).map(|(a, b)| b.saturating_sub(*a) as f64).collect();
        steps.sort_by(f64::total_cmp);
        let median = steps.get(steps.len() / 2).copied()?;
        let within: Vec<&f64> = steps.iter().filter(|&&step| step < median * 4.0).collect();
        let same = within.iter().filter(|&&&step| (step - median).abs() <= median * 0.03 + 1.0).count();
        // At least as many as a byte of `U` has.
        (same >= 4 && same as f64 > 0.9 * within.len() as f64 && median > 1.5 * bit).then_some(median)
    })
}

/// What it costs to tell a window as a line that is known.
pub(super) fn cost(changes: &[Change], until: u64, clock: Clock, line: super::Line) -> f64 {
    let format = line.format;
    let edges = edges(changes, format.inverted, line.glitch);
    let given = Given {
        baud: Some(clock.rate() / line.bit),
        format: Some(format),
        inverted: Some(format.inverted),
        sure: true,
    };
    let mut best = None;
    guess(&edges, until, clock, given, line.bit, format.inner_bits(), format.inverted, &mut best);
    best.map_or(f64::INFINITY, |best| best.cost)
}
