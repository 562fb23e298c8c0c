//! One side of a comparison: one recording, or several of the same test run, laid over one another.
//!
//! A step is one thing that the host did, with what came of it in each recording. A command that is sent again and again
//! with nothing in between (a poll, a retry) is one step.

use std::collections::{BTreeMap, HashMap};

use super::align::align;
use super::pool::{OTHER, Pools};
use super::record::{Found, NONE, Recording};
use super::urc::Urcs;

/// What came of a step, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sample {
    pub(super) step: u32,
    /// The recording.
    pub(super) recording: u16,
    pub(super) result: u32,
    pub(super) answer: u32,
    pub(super) values: u32,
    pub(super) at: u32,
}

/// Of a rule at a command: in how many recordings, and one of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Broken {
    pub(super) found: Found,
    pub(super) recordings: u32,
    pub(super) recording: u16,
}

/// One side of a comparison.
#[derive(Debug, Default)]
pub struct Side {
    /// The recordings: name, and whether places are lines.
    pub(super) recordings: Vec<(String, bool)>,
    pub(super) dialect: String,
    /// What the firmware says of itself.
    pub(super) identity: Vec<String>,
    /// Recordings that show how the session began.
    pub(super) starts: u32,
    /// A recording holds one side of the line alone.
    pub(super) is_partial: bool,
    /// A recording knows the host's lines only as the module repeats them.
    pub(super) echoes: bool,
    /// The key of each step; those of the first recording first, in its order.
    pub(super) steps: Vec<u32>,
    /// How many of them are the first recording's.
    pub(super) script: usize,
    /// Sorted by step.
    pub(super) samples: Vec<Sample>,
    /// Key, result and microseconds; of first results and of second ones.
    pub(super) latencies: [Vec<(u32, u32, u32)>; 2],
    pub(super) urcs: Urcs,
    pub(super) findings: BTreeMap<(String, String, String), Broken>,
    /// How often the host sent each command, without parameters, in all recordings together.
    pub(super) sent: HashMap<String, u32>,
}

impl Side {
    /// Lays recordings over one another.
    pub fn new(pools: &Pools, recordings: Vec<Recording>) -> Self {
        let mut side = Self::default();
        for recording in recordings {
            side.add(pools, recording);
        }
        side.samples.sort_by_key(|sample| sample.step);
        side.count_commands(pools);
        side
    }

    /// Notes how often the host sent what; the samples are complete.
    pub(super) fn count_commands(&mut self, pools: &Pools) {
        let mut sent: HashMap<u32, u32> = HashMap::new();
        for sample in &self.samples {
            let key = self.steps.get(sample.step as usize).copied().unwrap_or(OTHER);
            *sent.entry(pools.command(key)).or_default() += 1;
        }
        self.sent = sent.into_iter().map(|(command, count)| (pools.names.text(command).to_owned(), count)).collect();
    }

    /// Whether the host sent a command once in each recording.
    pub(super) fn is_once(&self, command: &str) -> bool {
        self.sent.get(command).is_some_and(|count| *count == self.count())
    }

    /// The names of its recordings.
    pub fn names(&self) -> Vec<&str> {
        self.recordings.iter().map(|(name, _)| name.as_str()).collect()
    }

    /// What the firmware says of itself.
    pub fn identity(&self) -> &[String] {
        &self.identity
    }

    /// The dialect that it was held against.
    pub fn dialect(&self) -> &str {
        &self.dialect
    }

    /// How many recordings it has.
    pub(super) fn count(&self) -> u32 {
        self.recordings.len() as u32
    }

    /// Where something is, for people.
    pub(super) fn place(&self, recording: u16, at: u32) -> String {
        match self.recordings.get(usize::from(recording)) {
            Some((name, _)) if at == u32::MAX => name.clone(),
            Some((name, true)) => format!("{name}:{at}"),
            Some((name, false)) => format!("{name}, event {at}"),
            None => String::new(),
        }
    }

    /// The samples of a step.
    pub(super) fn of_step(&self, step: u32) -> &[Sample] {
        let start = self.samples.partition_point(|sample| sample.step < step);
        let rest = self.samples.get(start..).unwrap_or_default();
        let len = rest.iter().take_while(|sample| sample.step == step).count();
        rest.get(..len).unwrap_or_default()
    }

    fn add(&mut self, pools: &Pools, recording: Recording) {
        let number = u16::try_from(self.recordings.len()).unwrap_or(u16::MAX);
        self.echoes |= recording.echoes;
        self.is_partial |= recording.silent().is_some();
        let Recording { name, dialect, identity, has_lines, has_start, exchanges, urcs, findings, .. } = recording;
        self.recordings.push((name, has_lines));
        self.starts += u32::from(has_start);
        if self.dialect.is_empty() {
            self.dialect = dialect;
        }
        for text in identity {
            if !self.identity.contains(&text) {
                self.identity.push(text);
            }
        }
        // The steps of this recording, and the step of each exchange among them.
        let mut steps: Vec<u32> = Vec::new();
        for exchange in &exchanges {
            if steps.last() != Some(&exchange.key) {
                steps.push(exchange.key);
            }
        }
        let places: Option<Vec<u32>> = if number == 0 {
            self.script = steps.len();
            self.steps.clone_from(&steps);
            None
        } else {
            Some(self.places(pools, &steps))
        };
        let (mut step, mut last) = (0_usize, None);
        self.samples.reserve_exact(exchanges.len());
        for exchange in &exchanges {
            if last.is_some_and(|last| last != exchange.key) {
                step += 1;
            }
            last = Some(exchange.key);
            let place = match &places {
                Some(places) => places.get(step).copied().unwrap_or_default(),
                None => step as u32,
            };
            let (result, answer) = (exchange.result, exchange.answer);
            let (values, at) = (exchange.values, exchange.at);
            self.samples.push(Sample { step: place, recording: number, result, answer, values, at });
            for (latencies, micros) in self.latencies.iter_mut().zip(exchange.latency) {
                if micros != NONE {
                    latencies.push((exchange.key, result, micros));
                }
            }
        }
        self.urcs.merge(&urcs);
        for (key, found) in findings {
            let broken = self.findings.entry(key).or_default();
            broken.recordings += 1;
            if broken.found.count == 0 {
                broken.recording = number;
                broken.found = found;
            } else {
                broken.found.count = broken.found.count.saturating_add(found.count);
            }
        }
    }

    /// The step of this side for each step of a recording; those that are not known yet are added.
    fn places(&mut self, pools: &Pools, steps: &[u32]) -> Vec<u32> {
        let known = self.steps.clone();
        let pairs = align(&known, steps, pools.keys.len(), |key| pools.command(key));
        let mut places = vec![u32::MAX; steps.len()];
        for (old, new, how) in pairs.pairs {
            // Other parameters make another step.
            if let Some(place) = places.get_mut(new as usize).filter(|_| how != super::align::How::Changed) {
                *place = old;
            }
        }
        for (place, key) in places.iter_mut().zip(steps) {
            if *place == u32::MAX {
                *place = self.steps.len() as u32;
                self.steps.push(*key);
            }
        }
        places
    }
}
