//! Logic levels of many channels to the bytes of conversations: who said what, and when.
//!
//! Stretches of changes go in ([`Recovery::push`]), runs of bytes come out ([`Recovery::next_run`]), in order of time within a
//! conversation, whatever the stretches. Speed and format of every line are found out, as is who talks to whom, unless
//! the user says so. Nothing comes out before [`LOOK_AHEAD`] bytes are there or the recording is over: by then it is told
//! who is the host.
//!
//! Holds back a bounded number of changes and bytes. Trap: a line that has started and says too little to be
//! understood holds up all others, for order's sake; after [`MOST_HELD`] bytes they do not wait for it any more.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use super::lane::Lane;
use super::options::{Setting, SettingError, find_channel};
use super::roles::{self, Named, Party};
use super::survey::{Found, Survey};
use super::{Byte, Channel, Faults, Levels};
use crate::direction::{Evidence, Role, Sorter};
use crate::wire::{Fault, FaultKind};
use crate::{Sender, Time};

/// Bytes that are looked at to tell who is the host.
const LOOK_AHEAD: usize = 16 * 1024;

/// Bytes that wait for a line that is not understood yet.
const MOST_HELD: usize = 64 * 1024;

/// Runs that wait for an older one of another conversation.
const MOST_READY: usize = 4096;

/// The most bytes of a run.
const LONGEST_RUN: usize = 16 * 1024;

/// Lines that are matched with each other; what more speak are conversations of their own.
const MOST_PARTIES: usize = 64;

/// Bytes of one sender without a pause between them: a line of text, or as much of one as came in one go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The conversation, from 0.
    pub session: u32,
    /// Who sent them.
    pub from: Sender,
    /// When the first one began.
    pub time: Time,
    /// The bytes; of values with nine bits the lower eight.
    pub bytes: Vec<u8>,
    /// Line errors, by position in `bytes`.
    pub faults: Vec<Fault>,
}

/// A conversation that is being written down.
#[derive(Default)]
struct Talk {
    run: Option<Run>,
    /// The channel and end of the run's last byte.
    last: Option<(usize, u64)>,
    /// On a line with both senders: the piece of a line that is not attributed yet.
    piece: Option<Run>,
    sorter: Sorter,
}

/// Recovers the conversations of a recording.
pub struct Recovery {
    lanes: Vec<Lane>,
    /// Host and module by channel, as the user named them.
    named: Vec<Named>,
    listening: bool,
    talks: Vec<Talk>,
    /// Runs that are over, in order of time; the first ones wait for older ones that are not.
    ready: VecDeque<Run>,
    ended: bool,
}

impl Recovery {
    /// For the channels of a recording; `settings` are what the user knows of them, empty if nothing.
    ///
    /// # Errors
    /// A setting that names a channel that is not there, or twice.
    pub fn new(channels: &[Channel], settings: &[Setting]) -> Result<Self, SettingError> {
        let mut lanes: Vec<Lane> = channels.iter().map(|channel| Lane::new(channel.clone())).collect();
        let mut named = Vec::new();
        for setting in settings {
            let find = |name: &Option<String>| name.as_ref().map(|name| find_channel(channels, name)).transpose();
            let (host, module) = (find(&setting.host)?, find(&setting.module)?);
            for (at, name) in [(host, &setting.host), (module, &setting.module)] {
                let taken = named.iter().any(|&(a, b)| a == at || b == at);
                if at.is_some() && taken {
                    return Err(SettingError::Shared { name: name.clone().unwrap_or_default() });
                }
            }
            if setting.names_lines() {
                named.push((host, module));
            }
            for (at, lane) in lanes.iter_mut().enumerate() {
                let mine = host == Some(at) || module == Some(at);
                // The partner that is still to be found is set up alike.
                let free = !lane.given.sure && (host.is_none() || module.is_none());
                if mine || free {
                    let given = &mut lane.given;
                    given.baud = setting.baud.or(given.baud);
                    given.format = setting.format.or(given.format);
                    given.inverted = setting.inverted.or(given.inverted);
                    given.sure |= mine;
                }
            }
        }
        // With all lines named, nobody listens to the other ones.
        if !named.is_empty() && named.iter().all(|(host, module)| host.is_some() && module.is_some()) {
            for lane in &mut lanes {
                lane.muted = !lane.given.sure;
            }
        }
        Ok(Self { lanes, named, listening: true, talks: Vec::new(), ready: VecDeque::new(), ended: false })
    }

    /// Takes the next stretch of all channels, in the order in which they were given.
    pub fn push(&mut self, levels: &Levels) {
        for (at, lane) in self.lanes.iter_mut().enumerate() {
            let changes = levels.changes.get(at).map_or(&[][..], Vec::as_slice);
            lane.push(changes, levels.until.get(at).copied().unwrap_or(lane.until));
        }
        self.pass_on();
    }

    /// The recording is over: what is left comes out, too.
    pub fn finish(&mut self) {
        if self.ended {
            return;
        }
        self.ended = true;
        for lane in &mut self.lanes {
            if let Some(tracker) = &mut lane.tracker {
                tracker.finish(&mut lane.bytes);
            }
        }
        if self.listening {
            self.tell_roles();
        }
        self.drain(None);
        for session in 0..self.talks.len() {
            self.end_piece(session);
            self.close(session);
        }
    }

    /// The next run of bytes that is complete; `None` until more is pushed.
    pub fn next_run(&mut self) -> Option<Run> {
        let first = self.ready.front()?.time;
        // With absurdly many conversations, order among them is not worth looking at all of them for every run.
        let talks = self.talks.get(..MOST_PARTIES.min(self.talks.len())).unwrap_or_default();
        let open = talks.iter().flat_map(|talk| [&talk.run, &talk.piece]).flatten().map(|run| run.time).min();
        if open.is_some_and(|open| open < first) && self.ready.len() < MOST_READY {
            return None;
        }
        self.ready.pop_front()
    }

    /// What was found so far; complete after [`Self::finish`].
    pub fn survey(&self) -> Survey {
        let found = self.lanes.iter().map(|lane| {
            let tracker = lane.tracker.as_ref();
            let all = lane.time(lane.until);
            Found {
                channel: lane.channel.name.clone(),
                edges: lane.edges,
                busy: if lane.until == 0 { 0.0 } else { (lane.busy as f64 / lane.until as f64).min(1.0) },
                length: all,
                turns: tracker
                    .map(|tracker| tracker.turns.as_slice())
                    .unwrap_or_default()
                    .iter()
                    .map(|turn| super::survey::Speed {
                        since: lane.time(turn.at),
                        baud: turn.fit.baud,
                        measured: lane.channel.clock.rate() / turn.fit.bit,
                        format: turn.fit.format,
                        confidence: turn.fit.confidence,
                    })
                    .collect(),
                bytes: lane.count,
                framing: lane.faults[1],
                parity: lane.faults[2],
                breaks: lane.faults[0],
                first: lane.first.clone(),
                session: lane.role.map(|(session, _)| session),
                sender: lane.role.and_then(|(_, role)| match role {
                    Role::Of(sender) => Some(sender),
                    Role::Both => None,
                }),
            }
        });
        Survey { lines: found.collect() }
    }

    /// Passes on what is in order for sure.
    fn pass_on(&mut self) {
        let waiting: usize = self.lanes.iter().map(Lane::waiting).sum();
        if waiting > MOST_HELD {
            let stalled = self.lanes.iter().map(Lane::settled).min();
            for lane in &mut self.lanes {
                if Some(lane.settled()) == stalled
                    && let Some(tracker) = &mut lane.tracker
                {
                    tracker.force(&mut lane.bytes);
                }
            }
        }
        let Some(settled) = self.lanes.iter().filter(|lane| !lane.muted).map(Lane::settled).min() else { return };
        if self.listening {
            let mut known = 0;
            for lane in &self.lanes {
                let bytes = lane.bytes.get(lane.done..).unwrap_or_default();
                known += bytes.partition_point(|byte| lane.time(byte.at) < settled);
            }
            if known < LOOK_AHEAD {
                return;
            }
            self.tell_roles();
        }
        self.drain(Some(settled));
        self.close_quiet(settled);
    }

    /// Decides who is who from the first bytes of all lines.
    fn tell_roles(&mut self) {
        self.listening = false;
        let mut lines: Vec<Heard> = self.lanes.iter().map(|_| Heard::default()).collect();
        let mut speakers = 0;
        let mut asked: Option<usize> = None;
        let mut done: Vec<usize> = self.lanes.iter().map(|lane| lane.done).collect();
        let mut left = LOOK_AHEAD;
        merge(&self.lanes, &mut done, None, |at, byte, _| {
            if let Some(asker) = asked.filter(|&asker| asker != at) {
                asked = None;
                if let Some(line) = lines.get_mut(asker) {
                    let room = line.next.len() < MOST_PARTIES;
                    match line.next.iter_mut().find(|next| next.0 == at) {
                        Some(next) => next.1 += 1,
                        None if room => line.next.push((at, 1)),
                        None => {}
                    }
                }
            }
            if let Some(line) = lines.get_mut(at)
                && !byte.faults.has(Faults::EMPTY)
            {
                if line.order.is_none() {
                    line.order = Some(speakers);
                    speakers += 1;
                }
                let value = byte.value as u8;
                if line.evidence.feed(&[value]) {
                    asked = Some(at);
                }
            }
            left -= 1;
            left > 0
        });
        // A lane without bytes that the user named has its role all the same.
        let is_named = |at: usize| self.named.iter().any(|&(host, module)| host == Some(at) || module == Some(at));
        let mut heard: Vec<usize> = lines
            .iter()
            .enumerate()
            .filter(|&(at, line)| line.order.is_some() || is_named(at))
            .map(|(at, _)| at)
            .collect();
        // Named ones first, as they must not be left out.
        heard.sort_by_key(|&at| !is_named(at));
        heard.truncate(MOST_PARTIES.max(self.named.len() * 2));
        heard.sort_unstable();
        for line in &mut lines {
            line.evidence.finish();
        }
        let parties: Vec<Party<'_>> = heard
            .iter()
            .filter_map(|&at| Some((at, self.lanes.get(at)?, lines.get(at)?)))
            .map(|(_, lane, line)| Party {
                name: &lane.channel.name,
                evidence: &line.evidence,
                baud: lane.tracker.as_ref().and_then(|tracker| tracker.fit()).map_or(0.0, |fit| fit.baud),
                order: line.order.unwrap_or(usize::MAX),
                next: heard
                    .iter()
                    .map(|&other| line.next.iter().find(|next| next.0 == other).map_or(0, |next| next.1))
                    .collect(),
            })
            .collect();
        let place = |at: Option<usize>| at.and_then(|at| heard.iter().position(|&heard| heard == at));
        let named: Vec<Named> = self.named.iter().map(|&(host, module)| (place(host), place(module))).collect();
        let roles = roles::assign(&parties, &named);
        for (&at, role) in heard.iter().zip(roles) {
            if let Some(lane) = self.lanes.get_mut(at) {
                lane.role = role;
                lane.muted |= role.is_none();
            }
        }
        let sessions = self.lanes.iter().filter_map(|lane| lane.role).map(|(session, _)| session as usize + 1).max();
        self.talks.resize_with(sessions.unwrap_or(0), Talk::default);
    }

    /// Passes on the bytes before a time, or all.
    fn drain(&mut self, until: Option<Time>) {
        let mut lanes = std::mem::take(&mut self.lanes);
        let mut done: Vec<usize> = lanes.iter().map(|lane| lane.done).collect();
        let mut late: Vec<Option<(u32, Role)>> = vec![None; lanes.len()];
        merge(&lanes, &mut done, until, |at, byte, time| {
            let Some(lane) = lanes.get(at) else { return true };
            if lane.muted {
                return true;
            }
            let role = lane.role.or_else(|| late.get(at).copied().flatten());
            let role = match role {
                Some(role) => role,
                None => {
                    let role = self.join(&lanes, lane, &late);
                    if let Some(slot) = late.get_mut(at) {
                        *slot = Some(role);
                    }
                    role
                }
            };
            self.take(at, byte, time, role);
            true
        });
        for ((lane, done), role) in lanes.iter_mut().zip(done).zip(late) {
            lane.role = lane.role.or(role);
            let bytes = std::mem::take(&mut lane.bytes);
            for byte in bytes.get(lane.done..done).unwrap_or_default() {
                lane.account(byte);
            }
            lane.bytes = bytes;
            lane.done = done;
            if lane.done * 2 >= lane.bytes.len() {
                lane.bytes.drain(..lane.done);
                lane.done = 0;
            }
        }
        self.lanes = lanes;
    }

    /// Session and role of a line that speaks up when all others have theirs.
    fn join(&mut self, lanes: &[Lane], lane: &Lane, late: &[Option<(u32, Role)>]) -> (u32, Role) {
        let mut evidence = Evidence::default();
        for byte in lane.bytes.iter().skip(lane.done).take(LOOK_AHEAD / 16) {
            evidence.feed(&[byte.value as u8]);
        }
        evidence.finish();
        let side = if evidence.commands > evidence.answers { Sender::Host } else { Sender::Module };
        if self.talks.len() >= MOST_PARTIES {
            self.talks.push(Talk::default());
            return (self.talks.len() as u32 - 1, Role::Of(side));
        }
        let taken: Vec<(u32, Role)> =
            lanes.iter().filter_map(|lane| lane.role).chain(late.iter().copied().flatten()).collect();
        let lonely = (0..self.talks.len() as u32).find(|&session| {
            let mut of = taken.iter().filter(|role| role.0 == session);
            of.next().is_some_and(|role| role.1 == Role::Of(side.peer())) && of.next().is_none()
        });
        let session = lonely.unwrap_or_else(|| {
            self.talks.push(Talk::default());
            self.talks.len() as u32 - 1
        });
        (session, Role::Of(side))
    }

    /// Writes a byte down.
    fn take(&mut self, lane: usize, byte: &Byte, time: Time, (session, role): (u32, Role)) {
        let index = session as usize;
        let Some(talk) = self.talks.get_mut(index) else { return };
        let frame = byte.end.saturating_sub(byte.at);
        let paused =
            talk.last.is_some_and(|(last, end)| last == lane && byte.at.saturating_sub(end) > frame.saturating_mul(2));
        talk.last = Some((lane, byte.end));
        match role {
            Role::Of(from) => {
                if let Some(run) = &mut talk.run {
                    let room = run.bytes.len() < LONGEST_RUN && run.faults.len() < LONGEST_RUN;
                    // Every line has its own time, together with the blank line ahead of it.
                    let line = run.bytes.last() == Some(&b'\n') && !run.bytes.trim_ascii().is_empty();
                    if run.from == from && !paused && room && !line {
                        run.append(byte);
                        return;
                    }
                }
                self.close(index);
                let Some(talk) = self.talks.get_mut(index) else { return };
                talk.run.insert(Run::new(session, from, time)).append(byte);
            }
            Role::Both => {
                let over = talk.piece.as_ref().is_some_and(|piece| {
                    let next = byte.value as u8;
                    paused
                        || piece.bytes.len() >= LONGEST_RUN
                        || piece.faults.len() >= LONGEST_RUN
                        || match piece.bytes.last() {
                            Some(b'\n') => true,
                            Some(b'\r') => next != b'\n',
                            _ => false,
                        }
                });
                if over {
                    self.end_piece(index);
                }
                if paused {
                    self.close(index);
                }
                let Some(talk) = self.talks.get_mut(index) else { return };
                talk.piece.get_or_insert_with(|| Run::new(session, Sender::Module, time)).append(byte);
            }
        }
    }

    /// Attributes a piece of a line that carries both senders.
    fn end_piece(&mut self, session: usize) {
        let Some(talk) = self.talks.get_mut(session) else { return };
        let Some(mut piece) = talk.piece.take() else { return };
        piece.from = talk.sorter.sort(&piece.bytes);
        let goes_on = talk.run.as_ref().is_some_and(|run| run.from == piece.from && run.bytes.len() < LONGEST_RUN);
        if !goes_on {
            self.close(session);
        }
        let Some(talk) = self.talks.get_mut(session) else { return };
        match &mut talk.run {
            Some(run) => {
                let before = run.bytes.len();
                run.bytes.append(&mut piece.bytes);
                run.faults.extend(piece.faults.iter().map(|fault| Fault { at: fault.at + before, ..*fault }));
            }
            none => *none = Some(piece),
        }
    }

    /// A run is over.
    fn close(&mut self, session: usize) {
        let Some(run) = self.talks.get_mut(session).and_then(|talk| talk.run.take()) else { return };
        let later = self.ready.iter().rev().take_while(|ready| ready.time > run.time).count();
        self.ready.insert(self.ready.len() - later, run);
    }

    /// Closes what no further byte can belong to, when all is known up to a time.
    fn close_quiet(&mut self, settled: Time) {
        for session in 0..self.talks.len() {
            let Some((lane, end)) = self.talks.get(session).and_then(|talk| talk.last) else { continue };
            let Some(lane) = self.lanes.get(lane) else { continue };
            let pause = lane.tracker.as_ref().and_then(|tracker| tracker.fit()).map_or(0.0, |fit| fit.bit * 30.0);
            if lane.time(end.saturating_add(pause as u64)) < settled {
                self.end_piece(session);
                self.close(session);
            }
        }
    }
}

/// What is heard of a line.
#[derive(Default)]
struct Heard {
    evidence: Evidence,
    /// Its rank among those that spoke.
    order: Option<usize>,
    /// Who spoke next, and how often.
    next: Vec<(usize, u32)>,
}

impl Run {
    const fn new(session: u32, from: Sender, time: Time) -> Self {
        Self { session, from, time, bytes: Vec::new(), faults: Vec::new() }
    }

    fn append(&mut self, byte: &Byte) {
        if !byte.faults.is_none() {
            let kinds = [
                (Faults::BREAK, FaultKind::Break),
                (Faults::FRAMING, FaultKind::Framing),
                (Faults::PARITY, FaultKind::Parity),
            ];
            let at = self.bytes.len();
            let kinds = kinds.into_iter().filter(|&(fault, _)| byte.faults.has(fault));
            self.faults.extend(kinds.map(|(_, kind)| Fault { at, kind }));
        }
        if !byte.faults.has(Faults::EMPTY) {
            self.bytes.push(byte.value as u8);
        }
    }
}

/// Goes through the bytes of all lanes in order of time, from `done` on and up to a time, as long as `take` is true.
fn merge(lanes: &[Lane], done: &mut [usize], until: Option<Time>, mut take: impl FnMut(usize, &Byte, Time) -> bool) {
    let heads = lanes.iter().enumerate().filter_map(|(at, lane)| Some(Reverse((lane.head()?, at))));
    let mut heads: BinaryHeap<Reverse<(Time, usize)>> = heads.collect();
    while let Some(Reverse((mut time, at))) = heads.pop() {
        let second = heads.peek().map(|head| head.0);
        let (Some(lane), Some(done)) = (lanes.get(at), done.get_mut(at)) else { return };
        // As long as it is this lane's turn.
        loop {
            if until.is_some_and(|until| time >= until) {
                return;
            }
            let Some(byte) = lane.bytes.get(*done) else { return };
            *done += 1;
            if !take(at, byte, time) {
                return;
            }
            let next = lane.bytes.get(*done).map(|byte| lane.time(byte.at));
            match next {
                // A lane may be late; its bytes come as soon as they can.
                Some(next) if second.is_none_or(|second| (next, at) < second) => time = next,
                next => {
                    heads.extend(next.map(|next| Reverse((next, at))));
                    break;
                }
            }
        }
    }
}
