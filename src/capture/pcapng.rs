//! pcapng: Wireshark's packet capture format, read and written.
//!
//! Read: either byte order, changed from section to section; all clock resolutions; several interfaces; direction from
//! the packets' flags; blocks of unknown type are passed over. Written: nanoseconds, each packet a line or so of one
//! sender as an exported PDU (`WIRESHARK_UPPER_PDU`) for Wireshark's AT dissector, one interface a session.
//!
//! What pcapng has no field for stands in comments, which we read back, so that a recording survives unchanged:
//! a comment of the section (`atscope recording`) has the headers, one of a packet says how it was made of chunks
//! (`atscope chunks 2@0 6@1500`: bytes `@` nanoseconds behind the packet's time, `?` for none) and which of its bytes
//! had line errors (`atscope faults parity@3`).
//!
//! Trap: pcap-file's own reading of interface descriptions and packets refuses legal files (a time zone of the legal
//! length, a comment that is no UTF-8), takes every clock for one of nanoseconds, and keeps every interface. So only
//! the framing of blocks and the section header are read with it.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::time::Duration;

use pcap_file::pcapng::blocks::enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption};
use pcap_file::pcapng::blocks::interface_description::{InterfaceDescriptionBlock, InterfaceDescriptionOption};
use pcap_file::pcapng::blocks::section_header::{SectionHeaderBlock, SectionHeaderOption};
use pcap_file::pcapng::blocks::{
    ENHANCED_PACKET_BLOCK, INTERFACE_DESCRIPTION_BLOCK, PACKET_BLOCK, SECTION_HEADER_BLOCK, SIMPLE_PACKET_BLOCK,
};
use pcap_file::pcapng::{PcapNgParser, PcapNgWriter};
use pcap_file::{DataLink, Endianness};

use super::gather::{Gather, Line};
use super::packets::{LongestPacket, Packet, PacketSource, Part, Recorded};
use super::pcap::{SNAP_LENGTH, unwritable};
use super::source::{Fields, Source};
use super::{CaptureError, Chunk, Fault, FaultKind, Format, Meta, Output, Writer, link};
use crate::{Sender, Time};

/// Interfaces that a section may describe; more are damage.
const MOST_INTERFACES: usize = 4096;

/// The first words of our comments.
const RECORDING: &str = "atscope recording";
const CHUNKS: &str = "atscope chunks ";
const FAULTS: &str = "atscope faults ";

/// The longest comment that is written; an option has room for 65,535 bytes.
const LONGEST_COMMENT: usize = 60_000;

/// How a file starts, in either byte order.
pub(super) const START: [u8; 4] = [0x0A, 0x0D, 0x0D, 0x0A];

/// Whether a file starts as pcapng.
pub(super) fn is_pcapng(head: &[u8]) -> bool {
    head.starts_with(&START) && matches!(head.get(8..12), Some([0x1A, 0x2B, 0x3C, 0x4D] | [0x4D, 0x3C, 0x2B, 0x1A]))
}

#[derive(Clone, Copy)]
struct Interface {
    link: u32,
    /// As in `if_tsresol`: powers of ten, of two with the upper bit.
    resolution: u8,
    /// Seconds to add.
    offset: i64,
}

impl Interface {
    /// A time stamp as nanoseconds since 1970.
    fn time(self, stamp: u64) -> Time {
        let (stamp, exponent) = (u128::from(stamp), u32::from(self.resolution & 0x7F));
        let nanos = if self.resolution & 0x80 != 0 {
            (stamp * 1_000_000_000) >> exponent
        } else if exponent <= 9 {
            stamp * 10u128.pow(9 - exponent)
        } else {
            10u128.checked_pow(exponent - 9).map_or(0, |unit| stamp / unit)
        };
        let nanos = i128::try_from(nanos).unwrap_or(i128::MAX);
        let nanos = nanos.saturating_add(i128::from(self.offset) * 1_000_000_000);
        Time::from_nanos(u64::try_from(nanos.max(0)).unwrap_or(u64::MAX))
    }
}

pub(super) struct PcapngPackets {
    source: Source,
    parser: Option<PcapNgParser>,
    interfaces: Vec<Interface>,
    recorded: Recorded,
}

impl PcapngPackets {
    pub(super) fn open(mut source: Source) -> Result<Self, CaptureError> {
        let head = source.fill(12)?;
        if head.len() >= 12 && !is_pcapng(head) {
            let what = "not a pcapng file: it does not start with a section header".to_owned();
            return Err(CaptureError::Unrecognised { file: source.file().to_owned(), what });
        }
        Ok(Self { source, parser: None, interfaces: Vec::new(), recorded: Recorded::default() })
    }

    fn section(&mut self, length: usize) -> Result<(), CaptureError> {
        let block = self.source.available().get(..length).unwrap_or_default();
        let Ok((_, parser)) = PcapNgParser::new(block) else {
            return Err(self.source.damaged("a section header that does not fit the format"));
        };
        for option in &parser.section().options {
            if let SectionHeaderOption::Comment(text) = option {
                self.recorded.comment(text);
            }
        }
        self.interfaces.clear();
        self.parser = Some(parser);
        Ok(())
    }

    fn interface(&mut self, body: Fields<'_>) -> Result<(), &'static str> {
        let link = body.u16(0).ok_or("an interface description that is too short")?;
        if self.interfaces.len() >= MOST_INTERFACES {
            return Err("more than 4096 interfaces in a section");
        }
        let mut interface = Interface { link: u32::from(link), resolution: 6, offset: 0 };
        for (code, value) in options(body, 8) {
            match code {
                9 => interface.resolution = value.u8(0).unwrap_or(interface.resolution),
                14 => interface.offset = value.u64(0).map_or(0, u64::cast_signed),
                _ => {}
            }
        }
        self.interfaces.push(interface);
        Ok(())
    }

    /// Reads a packet out of a block's body; false where the block is no packet.
    fn packet(&self, kind: u32, body: Fields<'_>, packet: &mut Packet) -> Result<bool, String> {
        const SHORT: &str = "a packet block that is too short";
        // Where the fields are: interface, time, captured and original length, data.
        let (interface, stamp, captured, original, data) = match kind {
            ENHANCED_PACKET_BLOCK | PACKET_BLOCK => {
                let interface =
                    if kind == PACKET_BLOCK { body.u16(0).map(u32::from) } else { body.u32(0) }.ok_or(SHORT)?;
                let stamp = u64::from(body.u32(4).ok_or(SHORT)?) << 32 | u64::from(body.u32(8).ok_or(SHORT)?);
                (interface, Some(stamp), body.u32(12).ok_or(SHORT)?, body.u32(16).ok_or(SHORT)?, 20)
            }
            SIMPLE_PACKET_BLOCK => {
                let original = body.u32(0).ok_or(SHORT)?;
                let room = body.bytes.len().saturating_sub(4) as u32;
                (0, None, original.min(room), original, 4)
            }
            _ => return Ok(false),
        };
        let number = interface as usize;
        let Some(interface) = self.interfaces.get(number) else {
            return Err(format!("a packet of interface {number}, which the section does not describe"));
        };
        let captured = captured as usize;
        let bytes = body.bytes.get(data..data + captured).ok_or(SHORT)?;
        packet.data.extend_from_slice(bytes);
        packet.interface = number as u32;
        packet.link = interface.link;
        packet.big = body.big;
        packet.cut = original as usize > captured;
        packet.time = stamp.map(|stamp| interface.time(stamp)).filter(|_| !self.recorded.clockless);
        if kind == SIMPLE_PACKET_BLOCK {
            return Ok(true);
        }
        let stamp = stamp.map(|stamp| interface.time(stamp));
        for (code, value) in options(body, data + captured.next_multiple_of(4)) {
            match code {
                1 => comment(value.bytes, stamp, packet),
                // Received by the recording host: from the module.
                2 => match value.u32(0).unwrap_or(0) & 3 {
                    1 => packet.from = Some(Sender::Module),
                    2 => packet.from = Some(Sender::Host),
                    _ => {}
                },
                _ => {}
            }
        }
        Ok(true)
    }
}

/// The options of a block, by code, from an offset in its body on; what does not fit ends them.
fn options(body: Fields<'_>, mut at: usize) -> impl Iterator<Item = (u16, Fields<'_>)> {
    std::iter::from_fn(move || {
        let (code, length) = (body.u16(at)?, usize::from(body.u16(at + 2)?));
        let value = body.bytes.get(at + 4..at + 4 + length).filter(|_| code != 0)?;
        at += 4 + length.next_multiple_of(4);
        Some((code, Fields::new(value, body.big)))
    })
}

/// Reads our comments of a packet back; others are passed over.
fn comment(text: &[u8], stamp: Option<Time>, packet: &mut Packet) {
    let Ok(text) = std::str::from_utf8(text) else {
        return;
    };
    if let Some(parts) = text.strip_prefix(CHUNKS) {
        let stamp = stamp.map_or(0, |stamp| i128::from(stamp.as_nanos()));
        let part = |text: &str| {
            let (length, time) = text.split_once('@')?;
            let time = match time {
                "?" => None,
                delta => Some(u64::try_from(stamp.checked_add(delta.parse::<i128>().ok()?)?).ok()?),
            };
            Some(Part { length: length.parse().ok()?, time: time.map(Time::from_nanos) })
        };
        packet.parts = parts.split_ascii_whitespace().map(part).collect::<Option<_>>().unwrap_or_default();
    } else if let Some(faults) = text.strip_prefix(FAULTS) {
        let fault = |text: &str| {
            let (kind, at) = text.split_once('@')?;
            let kinds = [FaultKind::Break, FaultKind::Framing, FaultKind::Parity];
            let kind = kinds.into_iter().find(|known| known.as_str() == kind)?;
            Some(Fault { at: at.parse().ok()?, kind })
        };
        packet.faults = faults.split_ascii_whitespace().filter_map(fault).collect();
    }
}

impl PacketSource for PcapngPackets {
    fn next(&mut self, packet: &mut Packet) -> Result<bool, CaptureError> {
        loop {
            let head = self.source.fill(12)?;
            if head.is_empty() {
                return Ok(false);
            }
            let have = head.len();
            let mut big = self.parser.as_ref().is_some_and(|parser| parser.section().endianness == Endianness::Big);
            // The type of a section header reads the same in both byte orders.
            let is_section = head.starts_with(&SECTION_HEADER_BLOCK.to_be_bytes());
            if is_section {
                big = match head.get(8..12) {
                    Some([0x1A, 0x2B, 0x3C, 0x4D]) => true,
                    Some([0x4D, 0x3C, 0x2B, 0x1A]) => false,
                    _ if have < 12 => big,
                    _ => {
                        return Err(self.source.damaged("a section header without its magic number"));
                    }
                };
            }
            let fields = Fields::new(head, big);
            let (Some(kind), Some(declared), true) = (fields.u32(0), fields.u32(4), have >= 12) else {
                return Err(self.source.damaged(format!("a block's header is cut off: {have} of 12 bytes")));
            };
            if declared < 12 || declared % 4 != 0 {
                return Err(self
                    .source
                    .damaged(format!("a block of {declared} bytes: expected a multiple of four from 12")));
            }
            let Some(length) = LongestPacket::allows(declared) else {
                return Err(self.source.damaged(format!("a block of {declared} bytes: {}", LongestPacket::REASON)));
            };
            let have = self.source.fill(length)?.len();
            if have < length {
                return Err(self.source.damaged(format!("the last block is cut off: {have} of {length} bytes")));
            }
            if is_section {
                self.section(length)?;
                self.source.consume(length);
                continue;
            }
            if kind == INTERFACE_DESCRIPTION_BLOCK && self.parser.is_some() {
                let block = self.source.available().get(..length).unwrap_or_default().to_vec();
                let trailer = Fields::new(&block, big).u32(length - 4);
                let body = Fields::new(block.get(8..length - 4).unwrap_or_default(), big);
                let done = if trailer == Some(declared) { self.interface(body) } else { Err(TRAILER) };
                done.map_err(|what| self.source.damaged(what))?;
                self.source.consume(length);
                continue;
            }
            packet.clear(self.source.offset());
            let block = self.source.available().get(..length).unwrap_or_default();
            let framed = self.parser.as_mut().map(|parser| parser.next_raw_block(block));
            let done = match framed {
                Some(Ok((_, raw))) => self.packet(kind, Fields::new(&raw.body, big), packet),
                Some(Err(_)) => Err(TRAILER.to_owned()),
                None => Err("a block ahead of the section header".to_owned()),
            };
            let is_packet = done.map_err(|what| self.source.damaged(what))?;
            self.source.consume(length);
            if is_packet {
                return Ok(true);
            }
        }
    }

    fn recorded(&self) -> &Recorded {
        &self.recorded
    }

    fn source(&mut self) -> &mut Source {
        &mut self.source
    }

    fn offset(&self) -> u64 {
        self.source.offset()
    }

    fn format(&self) -> Format {
        Format::Pcapng
    }
}

const TRAILER: &str = "a block whose length ahead and behind differ";

impl Recorded {
    /// Reads our comment of a section back; others are passed over.
    fn comment(&mut self, text: &str) {
        let Some(lines) = text.strip_prefix(RECORDING) else {
            return;
        };
        for line in lines.lines() {
            let Some((key, value)) = line.get(2..).and_then(|line| line.split_once(": ")) else {
                continue;
            };
            match (line.get(..2), key) {
                (Some("# "), _) => self.headers.push((key.to_owned(), value.to_owned())),
                (Some("= "), "clock") => self.clockless = value == "none",
                (Some("= "), "epoch") => self.epoch = Some(Time::parse_secs(value)),
                _ => {}
            }
        }
    }
}

/// Writes pcapng that opens in Wireshark with its AT dissector and the right direction.
///
/// The chunks of a line share a packet; a comment keeps their bounds and times. Headers longer than 60,000 bytes are
/// left out. Nothing else is lost.
pub struct PcapngWriter {
    out: Option<Output>,
    inner: Option<PcapNgWriter<Output>>,
    meta: Meta,
    clockless: bool,
    /// Interface by session.
    interfaces: std::collections::BTreeMap<u32, u32>,
    last: Time,
    gather: Gather,
    packet: Vec<u8>,
}

impl PcapngWriter {
    /// A writer to `out`, which should be buffered.
    pub fn new(out: Output) -> Self {
        Self {
            out: Some(out),
            inner: None,
            meta: Meta::new(Format::Pcapng),
            clockless: false,
            interfaces: std::collections::BTreeMap::new(),
            last: Time::ZERO,
            gather: Gather::default(),
            packet: Vec::new(),
        }
    }

    /// The section's comments: one, unless the headers need more.
    fn comments(&self) -> Vec<String> {
        let epoch = self.meta.epoch.map_or_else(|| "none".to_owned(), |epoch| epoch.to_string());
        let clock = if self.clockless { "\n= clock: none" } else { "" };
        let mut comments = vec![format!("{RECORDING}\n= epoch: {epoch}{clock}")];
        for (key, value) in &self.meta.headers {
            let line = format!("# {key}: {value}").replace(['\n', '\r'], " ");
            if line.len() > LONGEST_COMMENT {
                continue;
            }
            match comments.last_mut() {
                Some(last) if last.len() + line.len() < LONGEST_COMMENT => {
                    last.push('\n');
                    last.push_str(&line);
                }
                _ => comments.push(format!("{RECORDING}\n{line}")),
            }
        }
        comments
    }

    fn begin(&mut self) -> Result<(), CaptureError> {
        let comments = self.comments();
        let Some(out) = self.out.take() else {
            return Ok(());
        };
        let mut options =
            vec![SectionHeaderOption::UserApplication(Cow::Borrowed(concat!("atscope ", env!("CARGO_PKG_VERSION"))))];
        options.extend(comments.into_iter().map(|text| SectionHeaderOption::Comment(Cow::Owned(text))));
        let section = SectionHeaderBlock { endianness: Endianness::Little, options, ..SectionHeaderBlock::default() };
        let inner = PcapNgWriter::with_section_header(out, section);
        self.inner = Some(inner.map_err(|error| unwritable(error, Format::Pcapng, "its section header"))?);
        Ok(())
    }

    fn write(&mut self) -> Result<(), CaptureError> {
        let Self { inner: Some(inner), gather, packet, last, interfaces, clockless, meta, .. } = self else {
            return Ok(());
        };
        let Some(line) = gather.take() else {
            return Ok(());
        };
        let fail = |error| unwritable(error, Format::Pcapng, "a packet of this size");
        let next = interfaces.len() as u32;
        let interface = *interfaces.entry(line.session).or_insert(next);
        if interface == next {
            let name = InterfaceDescriptionOption::IfName(Cow::Owned(format!("line {}", line.session)));
            let description = InterfaceDescriptionBlock {
                linktype: DataLink::WIRESHARK_UPPER_PDU,
                snaplen: SNAP_LENGTH,
                options: vec![name, InterfaceDescriptionOption::IfTsResol(9)],
            };
            inner.write_pcapng_block(description).map_err(fail)?;
        }
        let Line { from, bytes, faults, parts, .. } = &line;
        let epoch = meta.epoch.unwrap_or_default();
        *last = line.time().map_or(*last, |time| epoch.plus(time));
        let flags = match from {
            Sender::Host => 2,
            Sender::Module => 1,
        };
        let mut options = vec![EnhancedPacketOption::Flags(flags)];
        let plain = matches!(parts.as_slice(), [part] if part.time.is_none() == *clockless);
        if !plain {
            let mut text = CHUNKS.to_owned();
            for part in parts {
                let delta = part.time.map(|time| i128::from(epoch.plus(time).as_nanos()) - i128::from(last.as_nanos()));
                let delta = delta.map_or_else(|| "?".to_owned(), |delta| delta.to_string());
                // Writing to a string cannot fail.
                let _ = write!(text, "{}@{delta} ", part.length);
            }
            options.push(EnhancedPacketOption::Comment(Cow::Owned(text.trim_end().to_owned())));
        }
        if !faults.is_empty() {
            let shown = faults.iter().map(|fault| format!("{}@{}", fault.kind.as_str(), fault.at));
            let text = format!("{FAULTS}{}", shown.collect::<Vec<_>>().join(" "));
            options.push(EnhancedPacketOption::Comment(Cow::Owned(text)));
        }
        link::export_pdu(*from, bytes, packet);
        let block = EnhancedPacketBlock {
            interface_id: interface,
            timestamp: Duration::from_nanos(last.as_nanos()),
            original_len: packet.len() as u32,
            data: Cow::Borrowed(packet),
            options,
        };
        let written = inner.write_pcapng_block(block);
        gather.reuse(line);
        written.map(drop).map_err(fail)
    }
}

impl Writer for PcapngWriter {
    /// What is written depends on the first chunk, too: whether there is a clock.
    fn start(&mut self, meta: &Meta) -> Result<(), CaptureError> {
        self.meta = meta.clone();
        self.last = meta.epoch.unwrap_or_default();
        Ok(())
    }

    fn chunk(&mut self, chunk: &Chunk<'_>) -> Result<(), CaptureError> {
        if self.out.is_some() {
            self.clockless = chunk.time.is_none();
            self.begin()?;
        }
        for piece in Gather::pieces(chunk) {
            if !self.gather.takes(&piece) {
                self.write()?;
            }
            self.gather.add(&piece);
        }
        Ok(())
    }

    fn settle(&mut self) -> Result<(), CaptureError> {
        self.write()
    }

    fn finish(&mut self) -> Result<(), CaptureError> {
        self.begin()?;
        self.write()?;
        let Some(mut inner) = self.inner.take() else {
            return Ok(());
        };
        inner.get_mut().flush().map_err(CaptureError::Write)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_of_any_resolution_are_read() {
        let time = |resolution, offset, stamp| Interface { link: 0, resolution, offset }.time(stamp).as_nanos();
        assert_eq!(time(6, 0, 1_500_000), 1_500_000_000);
        assert_eq!(time(9, 0, 1_500_000), 1_500_000);
        assert_eq!(time(3, 10, 5), 10_005_000_000);
        assert_eq!(time(12, 0, 7_000), 7);
        assert_eq!(time(0x80 | 10, 0, 1536), 1_500_000_000);
        assert_eq!(time(0x7F, 0, u64::MAX), 0);
        assert_eq!(time(0, i64::MAX, u64::MAX), u64::MAX);
        assert_eq!(time(6, -10, 5), 0);
    }
}
