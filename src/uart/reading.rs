//! A window of changes, read with one guess of bit time and word length.

use super::{Change, Level};

/// Price of a start edge that no frame explains.
const SKIP: f64 = 12.0;
/// Price of a change in the middle of a bit.
const ASTRAY: f64 = 6.0;
/// Price of a pulse that is too short to be a bit.
const GLITCH: f64 = 8.0;

/// A change of a known level, or the loss of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Edge {
    pub(super) at: u64,
    /// To the level of rest; `None` where the level is not known.
    pub(super) rest: Option<bool>,
}

/// A frame at a start edge.
#[derive(Clone, Copy, Debug, Default)]
struct Frame {
    pub(super) word: u16,
    /// The first edge behind it.
    pub(super) next: usize,
    pub(super) edges: u32,
    pub(super) astray: u32,
    pub(super) square: f64,
    /// For the bit time: ticks from the start, times bits from the start; and bits squared.
    pub(super) ticks: f64,
    pub(super) bits: f64,
    /// The recording ends in it: what is not seen is taken for rest.
    pub(super) guessed: bool,
}

/// A window read with one guess.
#[derive(Debug, Default)]
pub(super) struct Reading {
    pub(super) words: Vec<u16>,
    /// Ticks from start to start of frames that follow each other.
    pub(super) steps: Vec<f64>,
    pub(super) skipped: u32,
    /// The recording ends in the last word.
    pub(super) guessed: bool,
    /// Pulses that are too short.
    pub(super) glitches: u32,
    pub(super) edges: u32,
    pub(super) astray: u32,
    pub(super) square: f64,
    pub(super) ticks: f64,
    pub(super) bits: f64,
}

impl Reading {
    /// Mean distance of changes from the borders of bits, in bits.
    pub(super) fn blur(&self) -> f64 {
        if self.edges == 0 { 0.0 } else { (self.square / f64::from(self.edges)).sqrt() }
    }

    /// What it costs apart from the bytes.
    pub(super) fn price(&self) -> f64 {
        let blur = self.blur() / 0.08;
        f64::from(self.skipped) * SKIP
            + f64::from(self.astray) * ASTRAY
            + f64::from(self.glitches) * GLITCH
            + f64::from(self.edges) * 0.5 * (1.0 + blur * blur).log2()
    }
}

/// Changes without pulses shorter than `glitch`, and how many of these there are.
pub(super) fn edges(changes: &[Change], inverted: bool, glitch: u64) -> (Vec<Edge>, u32) {
    let rest = if inverted { Level::Low } else { Level::High };
    let mut edges: Vec<Edge> = Vec::with_capacity(changes.len());
    let mut glitches = 0;
    for change in changes {
        let to = (change.level != Level::Unknown).then_some(change.level == rest);
        let short = edges.len() > 1
            && to.is_some()
            && edges.last().is_some_and(|last| last.rest.is_some() && change.at.saturating_sub(last.at) < glitch);
        if short && edges.iter().rev().nth(1).is_some_and(|before| before.rest == to) {
            edges.pop();
            glitches += 1;
        } else {
            edges.push(Edge { at: change.at, rest: to });
        }
    }
    (edges, glitches)
}

/// Reads a window in the cheapest way.
pub(super) fn read((edges, glitches): &(Vec<Edge>, u32), until: u64, bit: f64, inner: u32) -> Reading {
    // A frame that the window's end cuts off is no failure, where there is enough else to go by.
    let is_cut = |at: usize, edge: &Edge| at > 48 && edge.at as f64 + bit * f64::from(inner + 2) > until as f64;
    // From the back: what it costs to read on from an edge, and whether a frame starts there.
    let mut costs = vec![(0.0, None::<Frame>); edges.len() + 2];
    for (at, edge) in edges.iter().enumerate().rev() {
        let skip = costs.get(at + 1).map_or(0.0, |&(cost, _)| cost);
        // The first change is the level at the start: no start bit.
        let mut here = (skip, None);
        if edge.rest == Some(false) && at > 0 {
            here.0 += if is_cut(at, edge) { 0.0 } else { SKIP };
            if let Some(frame) = frame(edges, at, until, bit, inner) {
                let behind = costs.get(frame.next).map_or(0.0, |&(cost, _)| cost);
                let cost = behind + f64::from(frame.astray) * ASTRAY;
                if cost <= here.0 {
                    here = (cost, Some(frame));
                }
            }
        }
        if let Some(slot) = costs.get_mut(at) {
            *slot = here;
        }
    }
    let mut reading = Reading { glitches: *glitches, ..Reading::default() };
    let mut at = 0;
    let mut last: Option<u64> = None;
    while let (Some(edge), Some((_, frame))) = (edges.get(at), costs.get(at)) {
        let Some(frame) = frame else {
            reading.skipped += u32::from(edge.rest == Some(false) && at > 0 && !is_cut(at, edge));
            at += 1;
            continue;
        };
        if let Some(last) = last {
            reading.steps.push(edge.at.saturating_sub(last) as f64);
        }
        last = Some(edge.at);
        reading.words.push(frame.word);
        reading.guessed = frame.guessed;
        reading.edges += frame.edges;
        reading.astray += frame.astray;
        reading.square += frame.square;
        reading.ticks += frame.ticks;
        reading.bits += frame.bits;
        at = frame.next.max(at + 1);
    }
    reading
}

/// The frame that starts at an edge; `None` where there is no stop bit.
fn frame(edges: &[Edge], first: usize, until: u64, bit: f64, inner: u32) -> Option<Frame> {
    let samples = inner + 2;
    let start = edges.get(first)?.at;
    let mut frame = Frame::default();
    let (mut origin, mut base, mut next, mut word, mut rest) = (start, 0_u32, 0_u32, 0_u32, false);
    let mut at = first + 1;
    loop {
        let edge = edges.get(at);
        let end = edge.map_or(until.max(start), |edge| edge.at);
        let bits = end.saturating_sub(origin) as f64 / bit;
        let mut upto = base.saturating_add((bits + 0.5) as u32).min(samples);
        if edge.is_none() && rest {
            frame.guessed = upto + 1 < samples;
            upto = samples; // nothing is seen to the contrary
        }
        if upto > next {
            if rest {
                word |= (1 << upto) - (1 << next);
            }
            next = upto;
        }
        if word & 1 == 1 || (edge.is_none() && next < samples) {
            return None;
        }
        if next == samples {
            break;
        }
        let border = (bits + 0.5).floor();
        let off = bits - border;
        frame.edges += 1;
        frame.square += off * off;
        if off.abs() < 0.35 {
            base += border as u32;
            origin = end;
            let bits = f64::from(base);
            frame.ticks += end.saturating_sub(start) as f64 * bits;
            frame.bits += bits * bits;
        } else {
            frame.astray += 1;
        }
        rest = edge?.rest?;
        at += 1;
    }
    // A break is read as a frame, for more than nothing.
    if word >> (samples - 1) & 1 == 0 {
        if word != 0 {
            return None;
        }
        frame.astray += 1;
    }
    frame.next = at;
    frame.word = (word >> 1) as u16 & ((1 << inner) - 1);
    Some(frame)
}
