//! pcap: the old packet capture format of tcpdump and Wireshark, read and written.
//!
//! Read: either byte order, micro- and nanoseconds. Written: nanoseconds, little endian, each packet a line or so of
//! one sender as an exported PDU (`WIRESHARK_UPPER_PDU`) for Wireshark's AT dissector, with direction.
//! The format has no place for headers, nor for the time of every chunk that was put into one packet.

use pcap_file::pcap::{PcapHeader, PcapPacket, PcapParser};
use pcap_file::{DataLink, Endianness, PcapError, TsResolution};

use super::gather::{Gather, Line};
use super::packets::{LongestPacket, Packet, PacketSource, Recorded};
use super::source::{Fields, Source};
use super::{CaptureError, Chunk, Format, Meta, Output, Writer, link};
use crate::Time;

/// The most bytes of a packet that Wireshark takes.
pub(super) const SNAP_LENGTH: u32 = 262_144;

const FILE_HEADER: usize = 24;
const PACKET_HEADER: usize = 16;

/// How a file starts: both byte orders, micro- and nanoseconds.
pub(super) const MAGICS: [[u8; 4]; 4] =
    [[0xA1, 0xB2, 0xC3, 0xD4], [0xA1, 0xB2, 0x3C, 0x4D], [0xD4, 0xC3, 0xB2, 0xA1], [0x4D, 0x3C, 0xB2, 0xA1]];

/// Whether a file starts as pcap.
pub(super) fn is_pcap(head: &[u8]) -> bool {
    head.first_chunk().is_some_and(|magic| MAGICS.contains(magic))
}

pub(super) struct PcapPackets {
    source: Source,
    parser: PcapParser,
    recorded: Recorded,
    failure: Option<CaptureError>,
}

impl PcapPackets {
    pub(super) fn open(mut source: Source) -> Result<Self, CaptureError> {
        let head = source.fill(FILE_HEADER)?;
        if head.len() >= 4 && !is_pcap(head) {
            let what = "not a pcap file: it does not start with one of pcap's four magic numbers".to_owned();
            return Err(CaptureError::Unrecognised { file: source.file().to_owned(), what });
        }
        let Ok((_, parser)) = PcapParser::new(head) else {
            let what = format!("the file header is cut off: {} of {FILE_HEADER} bytes", head.len());
            return Err(source.damaged(what));
        };
        let this = Self { source, parser, recorded: Recorded::default(), failure: None };
        let found = this.link();
        if !link::is_serial(found) {
            let file = this.source.file().to_owned();
            return Err(CaptureError::LinkType { file, found, name: link::name(found) });
        }
        let mut this = this;
        this.source.consume(FILE_HEADER);
        Ok(this)
    }

    /// The link type; the upper bits of the field say other things.
    fn link(&self) -> u32 {
        u32::from(self.parser.header().datalink) & 0x03FF_FFFF
    }
}

impl PacketSource for PcapPackets {
    fn next(&mut self, packet: &mut Packet) -> Result<bool, CaptureError> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        let big = self.parser.header().endianness == Endianness::Big;
        let head = self.source.fill(PACKET_HEADER)?;
        if head.is_empty() {
            return Ok(false);
        }
        let Some(length) = Fields::new(head, big).u32(8).filter(|_| head.len() >= PACKET_HEADER) else {
            let what = format!("a packet's header is cut off: {} of {PACKET_HEADER} bytes", head.len());
            return Err(self.source.damaged(what));
        };
        let Some(length) = LongestPacket::allows(length) else {
            return Err(self.source.damaged(format!("a packet of {length} bytes: {}", LongestPacket::REASON)));
        };
        packet.clear(self.source.offset());
        let all = self.source.fill(PACKET_HEADER + length)?;
        if let Ok((_, raw)) = self.parser.next_raw_packet(all) {
            packet.data.extend_from_slice(&raw.data);
        } else {
            // What is there of the last packet was on the line, too.
            packet.data.extend_from_slice(all.get(PACKET_HEADER..).unwrap_or_default());
        }
        let fields = Fields::new(all, big);
        let (seconds, fraction) = (fields.u32(0).unwrap_or(0), fields.u32(4).unwrap_or(0));
        let unit = if self.parser.header().ts_resolution == TsResolution::NanoSecond { 1 } else { 1000 };
        packet.time = Some(Time::from_nanos(u64::from(seconds) * 1_000_000_000 + u64::from(fraction) * unit));
        packet.cut = fields.u32(12).unwrap_or(0) as usize > length;
        (packet.link, packet.big) = (self.link(), big);
        if packet.data.len() < length {
            let what = format!("the last packet is cut off: {} of {length} bytes", packet.data.len());
            let failure = self.source.damaged(what);
            self.failure = Some(failure);
        }
        self.source.consume(PACKET_HEADER + length);
        Ok(true)
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
        Format::Pcap
    }
}

/// Writes pcap that opens in Wireshark with its AT dissector and the right direction.
///
/// The chunks of a line share a packet, which has the time of the first one. Headers, and line errors, have no place in
/// the format; a recording without a clock gets the time 0. Holds one session.
pub struct PcapWriter {
    out: Option<Output>,
    inner: Option<pcap_file::pcap::PcapWriter<Output>>,
    epoch: Time,
    last: Time,
    gather: Gather,
    packet: Vec<u8>,
}

impl PcapWriter {
    /// A writer to `out`, which should be buffered.
    pub fn new(out: Output) -> Self {
        Self {
            out: Some(out),
            inner: None,
            epoch: Time::ZERO,
            last: Time::ZERO,
            gather: Gather::default(),
            packet: Vec::new(),
        }
    }

    fn write(&mut self) -> Result<(), CaptureError> {
        let Self { inner: Some(inner), gather, packet, epoch, last, .. } = self else {
            return Ok(());
        };
        let Some(line) = gather.take() else {
            return Ok(());
        };
        let Line { from, bytes, .. } = &line;
        link::export_pdu(*from, bytes, packet);
        *last = line.time().map_or(*last, |time| epoch.plus(time));
        let time = std::time::Duration::from_nanos(last.as_nanos());
        let written = inner.write_packet(&PcapPacket::new(time, packet.len() as u32, packet));
        gather.reuse(line);
        written.map(drop).map_err(|error| unwritable(error, Format::Pcap, "its times end in the year 2106"))
    }
}

/// The error of a writer of the pcap formats.
pub(super) fn unwritable(error: PcapError, format: Format, what: &'static str) -> CaptureError {
    match error {
        PcapError::IoError(error) => CaptureError::Write(error),
        _ => CaptureError::Unwritable { format, what },
    }
}

impl Writer for PcapWriter {
    fn start(&mut self, meta: &Meta) -> Result<(), CaptureError> {
        let Some(out) = self.out.take() else {
            return Ok(());
        };
        self.epoch = meta.epoch.unwrap_or_default();
        self.last = self.epoch;
        let header = PcapHeader {
            datalink: DataLink::WIRESHARK_UPPER_PDU,
            snaplen: SNAP_LENGTH,
            ts_resolution: TsResolution::NanoSecond,
            endianness: Endianness::Little,
            ..PcapHeader::default()
        };
        let inner = pcap_file::pcap::PcapWriter::with_header(out, header);
        self.inner = Some(inner.map_err(|error| unwritable(error, Format::Pcap, "its header"))?);
        Ok(())
    }

    fn chunk(&mut self, chunk: &Chunk<'_>) -> Result<(), CaptureError> {
        if chunk.session != 0 {
            let what = "a pcap file holds one conversation; choose one with --select, or write pcapng";
            return Err(CaptureError::Unwritable { format: Format::Pcap, what });
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
        self.write()?;
        let Some(inner) = self.inner.take() else {
            return Ok(());
        };
        inner.into_writer().flush().map_err(CaptureError::Write)
    }
}
