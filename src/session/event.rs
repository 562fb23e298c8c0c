//! Typed events: what the decoder makes of the bytes.
//!
//! Every byte of a sender belongs to exactly one event: sorted by [`Event::offset`], one sender's events tile its
//! stream. An event borrows from the input; parameters are typed on demand, without allocation.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

use crate::catalog::{Catalog, ParamSpec};
use crate::{Sender, Time};

/// One typed piece of traffic.
#[derive(Clone)]
pub struct Event<'a> {
    /// Number of the event in its session, from 0.
    pub seq: u64,
    /// Who sent it.
    pub from: Sender,
    /// Time of its first byte, blank lines ahead left out; `None` where the recording has no clock.
    pub time: Option<Time>,
    /// Place of its first byte in its sender's stream, from 0.
    pub offset: u64,
    /// Its bytes, line ends included.
    pub bytes: &'a [u8],
    /// The exchange it belongs to: the command's number, from 0. `None` where it belongs to none.
    pub exchange: Option<u64>,
    /// What it is.
    pub kind: EventKind<'a>,
    /// The same number for events of the same bytes, name and parameters (that of the line's memo); 0 where it has none.
    #[cfg_attr(not(feature = "cli"), allow(dead_code))] // JSON lines alone ask for it
    pub(crate) told: u64,
}

/// What an event is.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum EventKind<'a> {
    /// A line of a module's boot banner, or `ready`.
    Boot {
        /// The line's name.
        name: Name<'a>,
        /// Its parameters.
        params: Params<'a>,
    },
    /// A command from the host; one of several if the line carries several.
    Command {
        /// `+CWMODE`; `E` for `ATE0`; empty for a bare `AT`.
        name: Name<'a>,
        /// Execute, set, read or test.
        form: Form,
        /// Its parameters.
        params: Params<'a>,
    },
    /// The module repeating a command.
    Echo,
    /// A final result code.
    Final {
        /// `OK`, `ERROR`, `SEND OK`, `+CME ERROR`, …
        result: Name<'a>,
        /// The code behind `+CME ERROR:` and its like.
        code: Option<Param<'a>>,
        /// Time since the command's (or its data's) last byte.
        latency: Option<Time>,
    },
    /// Bytes that are nothing else.
    Noise,
    /// Bytes in transparent transmission mode.
    Passthrough,
    /// Counted or delimited raw bytes.
    Payload {
        /// The command or URC that the data belongs to.
        of: Name<'a>,
        /// The announced size in bytes; `None` for data that ends with a delimiter.
        declared: Option<u64>,
        /// Number of the part, from 0, where the data is longer than one part (1 MiB).
        part: Option<u64>,
    },
    /// An intermediate result that ends nothing: `busy p...`, `Recv 5 bytes`.
    Progress {
        /// The line's name.
        name: Name<'a>,
        /// Its parameters.
        params: Params<'a>,
    },
    /// The module asks for data: `>`, `DOWNLOAD`.
    Prompt {
        /// The prompt without blanks.
        name: Name<'a>,
    },
    /// An information response of an exchange.
    Response {
        /// The line's name.
        name: Name<'a>,
        /// Its parameters.
        params: Params<'a>,
    },
    /// An unsolicited result code.
    Urc {
        /// The line's name.
        name: Name<'a>,
        /// Its parameters.
        params: Params<'a>,
    },
}

impl fmt::Debug for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seq, from, time, offset, bytes, exchange, kind, told: _ } = self;
        f.debug_struct("Event")
            .field("seq", seq)
            .field("from", from)
            .field("time", time)
            .field("offset", offset)
            .field("bytes", bytes)
            .field("exchange", exchange)
            .field("kind", kind)
            .finish()
    }
}

impl<'a> Event<'a> {
    /// The event's `name` in JSON lines: of commands, responses, URCs, progress and boot lines, and prompts.
    pub fn name(&self) -> Option<Name<'a>> {
        match &self.kind {
            EventKind::Boot { name, .. }
            | EventKind::Command { name, .. }
            | EventKind::Progress { name, .. }
            | EventKind::Prompt { name }
            | EventKind::Response { name, .. }
            | EventKind::Urc { name, .. } => Some(*name),
            _ => None,
        }
    }

    /// The event's parameters, where its kind has some.
    pub fn params(&self) -> Option<Params<'a>> {
        match &self.kind {
            EventKind::Boot { params, .. }
            | EventKind::Command { params, .. }
            | EventKind::Progress { params, .. }
            | EventKind::Response { params, .. }
            | EventKind::Urc { params, .. } => Some(*params),
            _ => None,
        }
    }
}

impl EventKind<'_> {
    /// The kind as JSON lines write it.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Boot { .. } => "boot",
            Self::Command { .. } => "command",
            Self::Echo => "echo",
            Self::Final { .. } => "final",
            Self::Noise => "noise",
            Self::Passthrough => "passthrough",
            Self::Payload { .. } => "payload",
            Self::Progress { .. } => "progress",
            Self::Prompt { .. } => "prompt",
            Self::Response { .. } => "response",
            Self::Urc { .. } => "urc",
        }
    }

    /// All kinds, in the order of the contract.
    pub const ALL: [&'static str; 11] = [
        "command",
        "echo",
        "response",
        "final",
        "progress",
        "urc",
        "prompt",
        "payload",
        "passthrough",
        "boot",
        "noise",
    ];
}

/// The four forms of a command (ITU-T V.250 §5.4, 3GPP TS 27.007 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Form {
    /// `AT+X`, and basic commands such as `ATE0`.
    Execute,
    /// `AT+X=…`
    Set,
    /// `AT+X?`
    Read,
    /// `AT+X=?`
    Test,
}

impl Form {
    /// All forms, in the order of the enumeration.
    pub const ALL: [Self; 4] = [Self::Execute, Self::Set, Self::Read, Self::Test];

    /// `execute`, `set`, `read` or `test`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Execute => "execute",
            Self::Set => "set",
            Self::Read => "read",
            Self::Test => "test",
        }
    }

    /// What stands behind the command's name: nothing, `=`, `?` or `=?`.
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Execute => "",
            Self::Set => "=",
            Self::Read => "?",
            Self::Test => "=?",
        }
    }

    pub(crate) const fn index(self) -> usize {
        self as usize
    }
}

/// The name of a command or line: as the catalog writes it, or as it came where no catalog knows it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Name<'a> {
    bytes: &'a [u8],
    upper: bool,
}

impl<'a> Name<'a> {
    /// A name as the catalog writes it.
    pub const fn known(name: &'a str) -> Self {
        Self { bytes: name.as_bytes(), upper: false }
    }

    /// A name as it was sent.
    pub const fn raw(bytes: &'a [u8]) -> Self {
        Self { bytes, upper: false }
    }

    /// The name of an unknown command as it was sent; shown in upper case.
    pub const fn raw_command(bytes: &'a [u8]) -> Self {
        Self { bytes, upper: true }
    }

    /// The name's bytes, as they came.
    pub const fn as_bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// The name as text: unknown commands in upper case, bytes that are no UTF-8 replaced.
    pub fn to_text(self) -> Cow<'a, str> {
        let text = String::from_utf8_lossy(self.bytes);
        if self.upper && text.bytes().any(|b| b.is_ascii_lowercase()) {
            Cow::Owned(text.to_ascii_uppercase())
        } else {
            text
        }
    }
}

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.to_text())
    }
}

impl fmt::Debug for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.to_text(), f)
    }
}

impl PartialEq<str> for Name<'_> {
    fn eq(&self, other: &str) -> bool {
        self.to_text() == other
    }
}

impl PartialEq<&str> for Name<'_> {
    fn eq(&self, other: &&str) -> bool {
        self.to_text() == **other
    }
}

/// The decoder's note of one parameter: where it stands and what it was read as.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot {
    pub(crate) start: u32,
    pub(crate) end: u32,
    /// Index of its description in the catalog; [`Slot::NO_SPEC`] where there is none.
    pub(crate) spec: u32,
    pub(crate) read: Read,
}

/// What a parameter's text was read as.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Read {
    /// Nothing between the separators.
    Omitted,
    /// Not of its documented type.
    Broken,
    Int(i64),
    Float(f64),
    /// A quoted string whose content lies between the quotes.
    Quoted,
    /// Text without quotes.
    Bare,
}

impl Slot {
    pub(crate) const NO_SPEC: u32 = u32::MAX;

    pub(crate) fn raw<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        bytes.get(self.start as usize..self.end as usize).unwrap_or_default()
    }
}

/// The parameters of an event.
#[derive(Clone, Copy)]
pub struct Params<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) slots: &'a [Slot],
    pub(crate) catalog: &'a Catalog,
}

impl<'a> Params<'a> {
    /// How many there are, omitted ones included.
    pub const fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// The parameter at a position, from 0.
    pub fn at(&self, position: usize) -> Option<Param<'a>> {
        self.slots.get(position).map(|slot| Param { slot: *slot, bytes: self.bytes, catalog: self.catalog })
    }

    /// The parameter of that name.
    pub fn named(&self, name: &str) -> Option<Param<'a>> {
        self.iter().find(|param| param.name() == name)
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Param<'a>> + use<'a> {
        let (bytes, catalog) = (self.bytes, self.catalog);
        self.slots.iter().map(move |slot| Param { slot: *slot, bytes, catalog })
    }
}

impl fmt::Debug for Params<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// One parameter.
#[derive(Clone, Copy)]
pub struct Param<'a> {
    pub(crate) slot: Slot,
    pub(crate) bytes: &'a [u8],
    pub(crate) catalog: &'a Catalog,
}

impl<'a> Param<'a> {
    /// The manual's name; empty where no description matches.
    pub fn name(&self) -> &'a str {
        self.spec().map_or("", |spec| &spec.name)
    }

    /// The bytes as they came, quotes included.
    pub fn raw(&self) -> &'a [u8] {
        self.slot.raw(self.bytes)
    }

    /// Where the raw bytes stand within the event's bytes.
    pub fn range(&self) -> std::ops::Range<usize> {
        self.slot.start as usize..self.slot.end as usize
    }

    /// The typed value.
    pub fn value(&self) -> Value<'a> {
        let raw = self.raw();
        match self.slot.read {
            Read::Omitted => Value::Omitted,
            Read::Broken => Value::Broken,
            Read::Int(number) => Value::Int(number),
            Read::Float(number) => Value::Float(number),
            Read::Bare => Value::Text(Text { raw, escapes: false }),
            Read::Quoted => {
                let inner = raw.get(1..raw.len().saturating_sub(1)).unwrap_or_default();
                Value::Text(Text { raw: inner, escapes: self.catalog.escapes })
            }
        }
    }

    /// What the manual calls this value: `station` for 1 of `AT+CWMODE`; the bits' names of a mask, joined by `+`.
    pub fn label(&self) -> Option<Cow<'a, str>> {
        self.spec().and_then(|spec| self.catalog.label(spec, &self.value()))
    }

    /// The catalog's description.
    pub fn spec(&self) -> Option<&'a ParamSpec> {
        self.catalog.param(self.slot.spec)
    }
}

impl fmt::Debug for Param<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.name(), crate::escape::escape(self.raw()))
    }
}

/// A parameter's value.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value<'a> {
    /// Nothing stands between the separators.
    Omitted,
    /// It breaks its documented type.
    Broken,
    /// A whole number, decimal or hexadecimal.
    Int(i64),
    /// A number with a fraction.
    Float(f64),
    /// Text, quoted or not: also MAC and IP addresses, range lists, hex strings; see the views of [`Text`].
    Text(Text<'a>),
}

/// A text value: the content of a quoted string, or bare text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Text<'a> {
    raw: &'a [u8],
    escapes: bool,
}

impl<'a> Text<'a> {
    /// The bytes meant: without quotes, escapes resolved where the dialect has them.
    pub fn bytes(&self) -> Cow<'a, [u8]> {
        if !self.escapes || memchr::memchr(b'\\', self.raw).is_none() {
            return Cow::Borrowed(self.raw);
        }
        let mut out = Vec::with_capacity(self.raw.len());
        let mut bytes = self.raw.iter();
        while let Some(&byte) = bytes.next() {
            match byte {
                b'\\' => out.push(bytes.next().copied().unwrap_or(b'\\')),
                _ => out.push(byte),
            }
        }
        Cow::Owned(out)
    }

    /// Length in bytes of what is meant.
    pub fn len(&self) -> usize {
        if self.escapes { self.bytes().len() } else { self.raw.len() }
    }

    /// Whether there is nothing in it.
    pub const fn is_empty(&self) -> bool {
        self.raw.is_empty()
    }

    /// The text as a MAC address: six pairs of hex digits with `:` or `-` between them.
    pub fn mac(&self) -> Option<[u8; 6]> {
        crate::syntax::value::mac(self.raw)
    }

    /// The text as an IPv4 or IPv6 address.
    pub fn ip(&self) -> Option<IpAddr> {
        std::str::from_utf8(self.raw).ok()?.parse().ok()
    }

    /// The text as pairs of hex digits, as the bytes that they stand for.
    pub fn hex(&self) -> Option<Vec<u8>> {
        crate::syntax::value::hex_pairs(self.raw)
    }

    /// The text as the range list of a test command's answer, such as `(0-3)` or `(0,2-4),("A","B")`.
    pub fn ranges(&self) -> Option<Vec<crate::syntax::value::RangeItem<'a>>> {
        crate::syntax::value::range_list(self.raw)
    }
}
