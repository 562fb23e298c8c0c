//! From packets to chunks: what pcap and pcapng have in common, read and written.
//!
//! Decides who sent what where the packets do not say it, and which USB device is the modem: by content, within a
//! look-ahead of bounded size. Times count from the first packet of the recording, as Wireshark shows them.

use std::collections::{BTreeMap, VecDeque};

use super::link::{self, Payload};
use super::source::Source;
use super::usb::{self, Device, Survey, Transfer, Wish};
use super::{CaptureError, Fault, FaultKind, Format, MAX_CHUNK, Meta, Options, Pull, Record};
use crate::direction::{self, Evidence, Role, Sorter};
use crate::{Sender, Time};

/// The limit on a packet or block, in bytes.
pub(super) struct LongestPacket;

impl LongestPacket {
    const LIMIT: u32 = 4 << 20;
    pub(super) const REASON: &str = "more than 4 MiB is taken for damage";

    pub(super) fn allows(length: u32) -> Option<usize> {
        (length <= Self::LIMIT).then_some(length as usize)
    }
}

/// A chunk within a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) length: usize,
    /// Read: since 1970. Written: as the chunk has it.
    pub(super) time: Option<Time>,
}

/// A packet as the file has it.
#[derive(Debug, Default)]
pub(super) struct Packet {
    /// Where it begins in the file.
    pub(super) offset: u64,
    pub(super) interface: u32,
    pub(super) link: u32,
    /// Byte order of the file.
    pub(super) big: bool,
    /// Since 1970.
    pub(super) time: Option<Time>,
    /// From the packet's flags.
    pub(super) from: Option<Sender>,
    pub(super) data: Vec<u8>,
    /// The recorder did not keep all of it.
    pub(super) cut: bool,
    /// The chunks that it was made of; empty where it does not say so.
    pub(super) parts: Vec<Part>,
    pub(super) faults: Vec<Fault>,
}

impl Packet {
    pub(super) fn clear(&mut self, offset: u64) {
        let (mut data, mut parts, mut faults) =
            (std::mem::take(&mut self.data), std::mem::take(&mut self.parts), std::mem::take(&mut self.faults));
        data.clear();
        parts.clear();
        faults.clear();
        *self = Self { offset, data, parts, faults, ..Self::default() };
    }
}

/// What the file itself says of the recording: our own comments.
#[derive(Debug, Default)]
pub(super) struct Recorded {
    pub(super) headers: Vec<(String, String)>,
    /// The clock's zero, if the file names it: `Some(None)` says that it is not known.
    pub(super) epoch: Option<Option<Time>>,
    /// The times of packets mean nothing.
    pub(super) clockless: bool,
}

/// A file of packets.
pub(super) trait PacketSource: Send {
    /// Reads the next packet; false at the end.
    fn next(&mut self, packet: &mut Packet) -> Result<bool, CaptureError>;

    fn recorded(&self) -> &Recorded;

    fn source(&mut self) -> &mut Source;

    fn offset(&self) -> u64;

    fn format(&self) -> Format;
}

/// Where bytes came from, which decides whose they are.
#[derive(Clone, Copy, Debug)]
enum Origin {
    /// An interface, whose packets may say who sent them.
    Interface(u32, Option<Sender>),
    /// An endpoint of a USB device.
    Endpoint(Device, u8),
}

/// Bytes that are held back until it is known whose they are.
#[derive(Debug)]
struct Piece {
    origin: Origin,
    time: Option<Time>,
    bytes: Vec<u8>,
    faults: Vec<Fault>,
}

impl Piece {
    /// Bytes of memory.
    fn weight(&self) -> usize {
        self.bytes.len() + size_of::<Self>()
    }
}

/// What an interface records.
#[derive(Debug, Default)]
struct Channel {
    evidence: Evidence,
    assigned: Option<(u32, Role)>,
    sorter: Sorter,
}

/// USB, as long as and after the pair of endpoints is looked for.
#[derive(Debug, Default)]
struct Usb {
    survey: Survey,
    wish: Option<Wish>,
    line: Option<(u32, usb::Line)>,
    /// How many endpoints the notes name.
    named: usize,
}

pub(super) struct Packets<S> {
    packets: S,
    packet: Packet,
    meta: Meta,
    queue: VecDeque<Piece>,
    /// Weight of the queue.
    queued: usize,
    /// Whether the queue still grows.
    looking: bool,
    ended: bool,
    failure: Option<CaptureError>,
    channels: BTreeMap<u32, Channel>,
    usb: Usb,
    sessions: u32,
    /// The session that the user wants alone.
    only: Option<u32>,
    host: Option<u32>,
    /// Faults that wait for the module's next byte.
    faults: Vec<FaultKind>,
    zero: Option<Time>,
    /// The first link type that carries no serial line.
    foreign: Option<u32>,
    delivered: bool,
}

/// A clock that starts in 1970 was never set: its times are not since 1970 but since its start.
const SET: Time = Time::from_millis(365 * 86_400 * 1000);

impl<S: PacketSource + 'static> Packets<S> {
    pub(super) fn open(packets: S, options: &Options) -> Result<Box<dyn Pull>, CaptureError> {
        let mut this = Self {
            meta: Meta::new(packets.format()),
            packets,
            packet: Packet::default(),
            queue: VecDeque::new(),
            queued: 0,
            looking: true,
            ended: false,
            failure: None,
            channels: BTreeMap::new(),
            usb: Usb::default(),
            sessions: 0,
            only: None,
            host: None,
            faults: Vec::new(),
            zero: None,
            foreign: None,
            delivered: false,
        };
        let file = this.packets.source().file().to_owned();
        if let Some(select) = &options.select {
            this.only = select.parse().ok();
            this.usb.wish = Wish::parse(select);
            if this.only.is_none() && this.usb.wish.is_none() {
                let what =
                    format!("`{select}` selects no line: expected BUS.DEVICE[.OUT[.IN]] or the number of a session");
                return Err(CaptureError::choice(&file, what));
            }
        }
        if let Some(host) = &options.host {
            let expected = || format!("`{host}` is no line of the host's: expected the number of an interface, from 0");
            this.host = Some(host.parse().map_err(|_| CaptureError::choice(&file, expected()))?);
        }
        while this.looking {
            this.step();
        }
        let recorded = this.packets.recorded();
        this.meta.headers = recorded.headers.clone();
        if this.queue.is_empty() && this.ended {
            // Nothing came out of it: say why at once.
            if let Some(failure) = this.failure.take() {
                return Err(failure);
            }
        }
        Ok(Box::new(this))
    }

    /// Reads a packet, or finds the end; decides when it is time.
    fn step(&mut self) {
        match self.packets.next(&mut self.packet) {
            Ok(true) => self.take(),
            Ok(false) => self.ended = true,
            Err(error) => {
                self.failure = Some(error);
                self.ended = true;
            }
        }
        if self.looking && (self.ended || self.is_enough()) {
            self.looking = false;
            self.decide();
        }
        if self.ended && !self.looking {
            self.last_words();
        }
    }

    /// Whether what was read tells whose bytes they are, or no more may be held back.
    fn is_enough(&mut self) -> bool {
        let usb = self.queue.iter().any(|piece| matches!(piece.origin, Origin::Endpoint(..)));
        if usb || !self.usb.survey.is_empty() {
            if self.usb.survey.is_certain() {
                return true;
            }
            if self.queued > usb::LOOK_AHEAD {
                let survey = &self.usb.survey;
                self.queue.retain(|piece| match piece.origin {
                    Origin::Endpoint(device, endpoint) => !survey.is_hopeless(device, endpoint),
                    Origin::Interface(..) => true,
                });
                self.queued = self.queue.iter().map(Piece::weight).sum();
                if self.queued > usb::LOOK_AHEAD / 2 {
                    if self.usb.survey.speaks_at() {
                        return true;
                    }
                    // Nobody spoke AT yet, and much else was said: the oldest of it is given up.
                    while self.queued > usb::LOOK_AHEAD / 2 {
                        let Some(piece) = self.queue.pop_front() else {
                            break;
                        };
                        self.queued -= piece.weight();
                    }
                    self.meta.note("bulk data ahead of the first AT command or answer was left out");
                }
            }
            return false;
        }
        let directed = |piece: &Piece| matches!(piece.origin, Origin::Interface(_, Some(_)));
        self.queued > direction::LOOK_AHEAD || self.queue.front().is_some_and(directed)
    }

    /// Puts what the packet carries into the queue.
    fn take(&mut self) {
        let packet = std::mem::take(&mut self.packet);
        if let Some(time) = packet.time {
            self.set_zero(time);
        }
        if packet.cut {
            let offset = packet.offset;
            self.meta
                .note(format!("the recorder did not keep all bytes of some packets, the first one at byte {offset}"));
        }
        if !link::is_serial(packet.link) {
            let first = self.foreign.is_none();
            self.foreign.get_or_insert(packet.link);
            if first {
                let (number, name) = (packet.link, link::name(packet.link));
                self.meta
                    .note(format!("packets of link type {number} ({name}) carry no serial line and were left out"));
            }
        }
        match link::payload(packet.link, packet.big, &packet.data) {
            Payload::Nothing => {}
            Payload::Bad(what) => {
                let offset = packet.offset;
                if !self.meta.notes.iter().any(|note| note.ends_with(what)) {
                    self.meta.note(format!("packets were left out, the first one at byte {offset}: {what}"));
                }
            }
            Payload::Lost(what) => {
                let time = self.relative(packet.time).map_or(String::new(), |time| format!(" at {time} s"));
                self.meta.note(format!("{what}{time}"));
            }
            Payload::Foreign(name) => {
                let name = name.escape_ascii();
                self.meta.note(format!("exported PDUs of the dissector `{name}` were left out: only `at` was read"));
            }
            Payload::Usb(Transfer { device, endpoint, bytes }) => self.take_usb(device, endpoint, bytes, &packet),
            Payload::Serial { from, bytes, fault } => {
                let from = from.or(packet.from);
                self.take_serial(from, bytes, fault, &packet);
            }
        }
        self.packet = packet;
    }

    fn take_serial(&mut self, from: Option<Sender>, bytes: &[u8], fault: Option<FaultKind>, packet: &Packet) {
        let mut faults: Vec<Fault> = packet.faults.iter().filter(|fault| fault.at <= bytes.len()).copied().collect();
        faults.sort_by_key(|fault| fault.at);
        if let Some(kind) = fault.filter(|kind| !self.faults.contains(kind)) {
            self.faults.push(kind);
        }
        if bytes.is_empty() && faults.is_empty() {
            return;
        }
        if from == Some(Sender::Module) && !self.faults.is_empty() {
            let waiting: Vec<Fault> = self.faults.drain(..).map(|kind| Fault { at: 0, kind }).collect();
            faults.splice(0..0, waiting);
        }
        let channel = self.channels.entry(packet.interface).or_default();
        if from.is_none() && channel.assigned.is_none() {
            channel.evidence.feed(bytes);
        }
        let origin = Origin::Interface(packet.interface, from);
        let total: usize = packet.parts.iter().fold(0, |sum, part| sum.saturating_add(part.length));
        if !packet.parts.is_empty() && total == bytes.len() {
            let (mut rest, mut start) = (bytes, 0);
            for part in &packet.parts {
                let (piece, after) = rest.split_at_checked(part.length).unwrap_or((rest, &[]));
                let last = after.is_empty();
                let end = start + part.length;
                let own = faults.iter().filter(|f| f.at >= start && (f.at < end || last));
                let own = own.map(|f| Fault { at: f.at - start, kind: f.kind }).collect();
                self.push(origin, part.time, piece, own);
                // Parts of no byte behind the last one would each claim the faults there.
                faults.retain(|f| f.at >= end && !last);
                (rest, start) = (after, end);
            }
        } else {
            self.push(origin, packet.time, bytes, faults);
        }
    }

    fn take_usb(&mut self, device: Device, endpoint: u8, bytes: &[u8], packet: &Packet) {
        match &self.usb.line {
            Some((_, line)) if line.sender(device, endpoint).is_none() => {
                // Look a little at what is not taken, to name it.
                if self.usb.survey.wants(device, endpoint) {
                    self.usb.survey.feed(&Transfer { device, endpoint, bytes });
                }
                return;
            }
            Some(_) => {}
            None => {
                self.usb.survey.feed(&Transfer { device, endpoint, bytes });
                if self.usb.wish.is_some_and(|wish| !wish.allows(device)) {
                    return;
                }
            }
        }
        self.push(Origin::Endpoint(device, endpoint), packet.time, bytes, Vec::new());
    }

    fn push(&mut self, origin: Origin, time: Option<Time>, bytes: &[u8], faults: Vec<Fault>) {
        if let Some(time) = time {
            self.set_zero(time);
        }
        let time = self.relative(time);
        let mut faults = Some(faults);
        let mut start = 0;
        loop {
            let end = bytes.len().min(start + MAX_CHUNK);
            let piece = bytes.get(start..end).unwrap_or_default().to_vec();
            let own = match &faults {
                Some(all) if bytes.len() > MAX_CHUNK => {
                    let here = |f: &&Fault| f.at >= start && (f.at < end || end == bytes.len());
                    all.iter().filter(here).map(|f| Fault { at: f.at - start, kind: f.kind }).collect()
                }
                _ => faults.take().unwrap_or_default(),
            };
            let piece = Piece { origin, time, bytes: piece, faults: own };
            self.queued += piece.weight();
            self.queue.push_back(piece);
            start = end;
            if start >= bytes.len() {
                break;
            }
        }
    }

    fn set_zero(&mut self, first: Time) {
        if self.zero.is_some() {
            return;
        }
        let named = self.packets.recorded().epoch;
        self.meta.epoch = match named {
            Some(epoch) => epoch,
            None => (first >= SET).then_some(first),
        };
        self.zero = Some(self.meta.epoch.unwrap_or_default());
    }

    fn relative(&self, time: Option<Time>) -> Option<Time> {
        Some(time?.since(self.zero.unwrap_or_default()))
    }

    /// Gives every channel its role, and takes a USB line.
    fn decide(&mut self) {
        let undirected = |channel: &&mut Channel| channel.assigned.is_none() && channel.evidence.bytes > 0;
        let host = self.host;
        let mut open: Vec<(u32, &mut Channel)> = self
            .channels
            .iter_mut()
            .filter(|(_, channel)| undirected(channel))
            .map(|(number, c)| (*number, c))
            .collect();
        for (_, channel) in &mut open {
            channel.evidence.finish();
        }
        let evidence: Vec<&Evidence> = open.iter().map(|(_, channel)| &channel.evidence).collect();
        let host = open.iter().position(|(number, _)| Some(*number) == host);
        let assigned = direction::assign(&evidence, host, true);
        let mut told = Vec::new();
        for ((number, channel), (session, role)) in open.into_iter().zip(assigned) {
            let session = self.sessions.saturating_add(session);
            channel.assigned = Some((session, role));
            let whose = match role {
                Role::Of(sender) => sender.as_str(),
                Role::Both => "host and module, told by content",
            };
            told.push((session, format!("interface {number}: {whose}")));
        }
        if let Some(last) = told.iter().map(|(session, _)| *session).max() {
            self.sessions = last.saturating_add(1);
            let told: Vec<String> = told.into_iter().map(|(_, text)| text).collect();
            self.meta.note(format!("the packets do not say who sent them; taken by content: {}", told.join(", ")));
        }
        if !self.usb.survey.is_empty() {
            self.usb.survey.finish();
            match self.usb.survey.choose(self.usb.wish) {
                Ok(line) => {
                    let others = self.usb.survey.others(&line);
                    let others_shown = if others.is_empty() { String::new() } else { format!("; not taken: {others}") };
                    self.meta.note(format!("took {line}{others_shown}"));
                    self.usb.named = self.usb.survey.len();
                    self.usb.line = Some((self.sessions, line));
                    self.sessions += 1;
                }
                Err(what) => {
                    let file = self.packets.source().file().to_owned();
                    let error = CaptureError::choice(&file, what);
                    self.failure.get_or_insert(error);
                    self.ended = true;
                }
            }
        }
    }

    /// What can be said at the end only.
    fn last_words(&mut self) {
        if let Some((_, line)) = &self.usb.line
            && self.usb.survey.len() > self.usb.named
        {
            self.meta.note(format!("USB lines that were not taken: {}", self.usb.survey.others(line)));
            self.usb.named = self.usb.survey.len();
        }
    }

    /// Session and sender of a piece; `None` where nobody wants it.
    fn place(&mut self, piece: &Piece) -> Option<(u32, Sender)> {
        let (session, from) = match piece.origin {
            Origin::Endpoint(device, endpoint) => {
                let (session, line) = self.usb.line.as_ref()?;
                (*session, line.sender(device, endpoint)?)
            }
            Origin::Interface(number, from) => {
                let channel = self.channels.entry(number).or_default();
                let sessions = &mut self.sessions;
                let (session, role) = *channel.assigned.get_or_insert_with(|| {
                    let session = *sessions;
                    *sessions = session.saturating_add(1);
                    (session, Role::Both)
                });
                let from = match (from, role) {
                    (Some(from), _) | (None, Role::Of(from)) => from,
                    (None, Role::Both) => channel.sorter.sort(&piece.bytes),
                };
                (session, from)
            }
        };
        match self.only {
            Some(only) if only != session => None,
            Some(_) => Some((0, from)),
            None => Some((session, from)),
        }
    }

    /// The end of the packets: what is left to say.
    fn end(&mut self, out: &mut Record) -> Result<bool, CaptureError> {
        if !self.faults.is_empty() {
            out.from = Sender::Module;
            out.faults.extend(self.faults.drain(..).map(|kind| Fault { at: 0, kind }));
            self.delivered = true;
            return Ok(true);
        }
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        if self.delivered {
            return Ok(false);
        }
        let file = self.packets.source().file().to_owned();
        match (self.only, self.foreign) {
            (Some(only), _) if self.sessions > 0 => {
                let last = self.sessions - 1;
                Err(CaptureError::choice(&file, format!("there is no session {only}: expected 0 to {last}")))
            }
            (_, Some(found)) => Err(CaptureError::LinkType { file, found, name: link::name(found) }),
            _ => Ok(false),
        }
    }
}

impl<S: PacketSource + 'static> Pull for Packets<S> {
    fn pull(&mut self, out: &mut Record) -> Result<bool, CaptureError> {
        loop {
            if let Some(piece) = self.queue.pop_front() {
                self.queued = self.queued.saturating_sub(piece.weight());
                if let Some((session, from)) = self.place(&piece) {
                    (out.session, out.from, out.time) = (session, from, piece.time);
                    out.bytes = piece.bytes;
                    out.faults = piece.faults;
                    self.delivered = true;
                    return Ok(true);
                }
            } else if self.ended {
                return self.end(out);
            } else {
                self.step();
            }
        }
    }

    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn offset(&self) -> u64 {
        self.packets.offset()
    }
}
