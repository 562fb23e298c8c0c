//! Readers and writers of logic levels: recordings as each tool writes them, whole, damaged and hostile.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, missing_docs)]

mod csv;
mod dsl;
#[cfg(feature = "fuzzing")]
mod fuzz;
mod lines;
mod real;
mod saleae;
mod samples;
mod sr;
mod vcd;
mod writers;

use std::io::{Cursor, Read, Write};
use std::sync::{Arc, Mutex};

use atscope::capture::{CaptureError, Input, LevelReader, Options, open_levels};
use atscope::uart::{Change, Channel, Clock, Level, Levels};

/// All that a reader gave.
#[derive(Debug, PartialEq)]
pub struct Drained {
    pub channels: Vec<Channel>,
    pub changes: Vec<Vec<Change>>,
    pub until: Vec<u64>,
    pub notes: Vec<String>,
    /// The error at the end, and where it is.
    pub end: Option<(String, Option<u64>)>,
}

impl Drained {
    pub fn names(&self) -> Vec<&str> {
        self.channels.iter().map(|channel| channel.name.as_str()).collect()
    }

    /// The changes of a channel as `0@17 1@20 x@30`.
    pub fn shown(&self, channel: usize) -> String {
        let show = |change: &Change| {
            let level = match change.level {
                Level::Low => '0',
                Level::High => '1',
                Level::Unknown => 'x',
            };
            format!("{level}@{}", change.at)
        };
        self.changes[channel].iter().map(show).collect::<Vec<_>>().join(" ")
    }

    pub fn end(&self) -> &str {
        self.end.as_ref().map_or("", |(text, _)| text.as_str())
    }
}

/// Reads to the end and holds the reader to its laws.
pub fn drain(reader: &mut dyn LevelReader) -> Drained {
    let channels = reader.channels().to_vec();
    let mut all: Vec<Vec<Change>> = vec![Vec::new(); channels.len()];
    let mut out = Levels::new(channels.len());
    let mut until = out.until.clone();
    let end = loop {
        out.clear();
        match reader.read(&mut out) {
            Ok(true) => {}
            Ok(false) => break None,
            Err(error) => {
                assert!(error.is_damage() || error.io_kind().is_some(), "{error}");
                break Some((error.to_string(), error.offset()));
            }
        }
        assert_eq!(out.changes.len(), channels.len());
        let count: usize = out.changes.iter().map(Vec::len).sum();
        assert!(count <= 64 * 1024 + channels.len() + 1024, "{count} changes in a stretch");
        for ((all, changes), (now, before)) in all.iter_mut().zip(&out.changes).zip(out.until.iter().zip(&until)) {
            assert!(now >= before, "told up to {before}, then to {now}");
            for change in changes {
                assert!(change.at < *now, "{change:?} in a stretch up to {now}");
                assert!(change.at >= *before, "{change:?} in a stretch from {before}");
                if let Some(last) = all.last() {
                    assert!(last.at < change.at && last.level != change.level, "{last:?} and then {change:?}");
                }
                all.push(*change);
            }
        }
        until.clone_from(&out.until);
    };
    out.clear();
    assert!(!reader.read(&mut out).unwrap(), "something comes behind the end");
    Drained { channels, changes: all, until, notes: reader.meta().notes.clone(), end }
}

/// Gives few bytes a read.
struct Pieces(Cursor<Vec<u8>>, usize);

impl Read for Pieces {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        self.1 = self.1 % 7 + 1;
        let count = out.len().min(self.1);
        self.0.read(&mut out[..count])
    }
}

pub fn try_read(bytes: &[u8], options: &Options) -> Result<Drained, CaptureError> {
    let file = Input::File(Box::new(Cursor::new(bytes.to_vec())));
    let read = open_levels("test", file, options).map(|mut reader| drain(&mut *reader));
    // A pipe is as good as a file.
    if bytes.len() < 100_000 {
        let pipe = Input::Stream(Box::new(Pieces(Cursor::new(bytes.to_vec()), bytes.len())));
        let piped = open_levels("test", pipe, options).map(|mut reader| drain(&mut *reader));
        assert_eq!(read.as_ref().map_err(ToString::to_string), piped.as_ref().map_err(ToString::to_string));
    }
    read
}

pub fn read(bytes: &[u8]) -> Drained {
    try_read(bytes, &Options::default()).unwrap()
}

pub fn rate(hertz: u64) -> Clock {
    Clock::of_rate(hertz).unwrap()
}

/// Cuts a recording at every byte: what comes out is what came out of the whole one, up to somewhere, and damage says
/// where.
pub fn cut_everywhere(bytes: &[u8], options: &Options) {
    let whole = try_read(bytes, options).unwrap();
    assert_eq!(whole.end, None);
    let mut most = 0;
    for len in 0..bytes.len() {
        let cut = &bytes[..len];
        match try_read(cut, options) {
            Ok(read) => {
                for (part, all) in read.changes.iter().zip(&whole.changes) {
                    assert!(all.starts_with(part), "cut at {len}: {part:?}");
                }
                most = most.max(read.changes.iter().map(Vec::len).sum::<usize>());
                if let Some((text, offset)) = &read.end {
                    assert!(offset.is_some_and(|offset| offset <= len as u64), "cut at {len}: {text}");
                }
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
    let all = whole.changes.iter().map(Vec::len).sum::<usize>();
    assert!(most + 3 >= all, "at most {most} of {all} changes come out of a recording that is cut");
}

/// An output that can be looked at.
#[derive(Clone, Default)]
pub struct Shared(pub Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A repeatable stream of numbers (SplitMix64).
pub struct Numbers(pub u64);

impl Numbers {
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.draw() % limit
    }
}

/// The changes of each of some bits in samples, found sample by sample.
pub fn naive(samples: &[u8], unit: usize, bits: &[usize]) -> Vec<Vec<Change>> {
    let mut all = vec![Vec::new(); bits.len()];
    let mut before: &[u8] = &[];
    for (at, sample) in samples.chunks_exact(unit).enumerate() {
        if std::mem::replace(&mut before, sample) == sample {
            continue;
        }
        for (&bit, changes) in bits.iter().zip(&mut all) {
            let level = if sample[bit / 8] >> (bit % 8) & 1 == 1 { Level::High } else { Level::Low };
            if changes.last().is_none_or(|last: &Change| last.level != level) {
                changes.push(Change { at: at as u64, level });
            }
        }
    }
    all
}
