//! Recordings in and out: every format with hand-made files, whole, cut off and damaged.

#![cfg(feature = "capture")]
#![allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::panic, missing_docs)]

use std::io::{Cursor, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};

use atscope::capture::{
    CaptureError, Chunk, Fault, FaultKind, Format, MAX_CHUNK, Meta, Options, Reader, convert, open, open_pair, writer,
};
use atscope::{Sender, Time};
use proptest::prelude::*;

use Sender::{Host, Module};

/// A chunk that owns its bytes.
#[derive(Clone, Debug, PartialEq)]
struct Piece {
    session: u32,
    from: Sender,
    nanos: Option<u64>,
    bytes: Vec<u8>,
    faults: Vec<Fault>,
}

fn piece(from: Sender, nanos: impl Into<Option<u64>>, bytes: &[u8]) -> Piece {
    Piece { session: 0, from, nanos: nanos.into(), bytes: bytes.to_vec(), faults: Vec::new() }
}

impl Piece {
    fn chunk(&self) -> Chunk<'_> {
        Chunk {
            session: self.session,
            from: self.from,
            time: self.nanos.map(Time::from_nanos),
            bytes: &self.bytes,
            faults: &self.faults,
            place: None,
        }
    }
}

struct Read {
    pieces: Vec<Piece>,
    meta: Meta,
    error: Option<CaptureError>,
}

impl Read {
    fn whole(self) -> Vec<Piece> {
        assert!(self.error.is_none(), "{}", self.error.unwrap());
        self.pieces
    }

    /// All bytes of one sender.
    fn of(&self, from: Sender) -> Vec<u8> {
        self.pieces.iter().filter(|piece| piece.from == from).flat_map(|piece| piece.bytes.clone()).collect()
    }

    fn failure(&self) -> String {
        self.error.as_ref().expect("it fails").to_string()
    }
}

fn drain(mut reader: Box<dyn Reader>) -> Read {
    let mut pieces = Vec::new();
    let error = loop {
        match reader.next_chunk() {
            Ok(Some(chunk)) => pieces.push(Piece {
                session: chunk.session,
                from: chunk.from,
                nanos: chunk.time.map(Time::as_nanos),
                bytes: chunk.bytes.to_vec(),
                faults: chunk.faults.to_vec(),
            }),
            Ok(None) => break None,
            Err(error) => break Some(error),
        }
    };
    Read { pieces, meta: reader.meta().clone(), error }
}

fn read_with(data: &[u8], options: &Options) -> Read {
    match open("rec", Box::new(Cursor::new(data.to_vec())), options) {
        Ok(reader) => drain(reader),
        Err(error) => Read { pieces: Vec::new(), meta: Meta::new(Format::Raw), error: Some(error) },
    }
}

fn read(data: &[u8]) -> Read {
    read_with(data, &Options::default())
}

fn select(text: &str) -> Options {
    Options { select: Some(text.to_owned()), ..Options::default() }
}

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn write(format: Format, meta: &Meta, pieces: &[Piece]) -> Vec<u8> {
    let shared = Shared::default();
    let mut out = writer(format, Box::new(shared.clone())).unwrap();
    out.start(meta).unwrap();
    for piece in pieces {
        out.chunk(&piece.chunk()).unwrap();
    }
    out.finish().unwrap();
    let bytes = shared.0.lock().unwrap();
    bytes.clone()
}

fn session() -> Vec<Piece> {
    vec![
        piece(Host, 500_000_000, b"AT+CSQ\r\n"),
        piece(Module, 512_500_000, b"AT+CSQ\r\r\n"),
        piece(Module, 520_000_001, b"+CSQ: 20,99\r\n"),
        piece(Module, 521_000_000, b"\r\nOK\r\n"),
    ]
}

// Transcripts.

#[test]
fn a_transcript_is_read_to_the_letter() {
    let text = b"# dialect: esp-at\n# model: esp8266\n# a comment\n# start: boot\n@0.000000 > AT+CWMODE=1\\r\\n\n# dialect: no\n\
        @0.012500 < \\r\\nOK\\r\\n\n> \\x41\\0\\t\\\\\\\"\xC3\xA4\n<  b \n";
    let read = read(text);
    assert_eq!(read.meta.header("dialect"), Some("esp-at"));
    assert_eq!(read.meta.header("start"), Some("boot"));
    assert_eq!(read.meta.headers.len(), 3);
    assert_eq!(
        read.whole(),
        [
            piece(Host, 0, b"AT+CWMODE=1\r\n"),
            piece(Module, 12_500_000, b"\r\nOK\r\n"),
            piece(Host, None, b"A\0\t\\\"\xC3\xA4"),
            piece(Module, None, b" b "),
        ]
    );
}

#[test]
fn line_ends_and_byte_order_mark_do_not_matter() {
    let text = b"\xEF\xBB\xBF# dialect: simcom\r\n> AT\\r\r\n< \\r\\nOK\\r\\n";
    let read = read(text);
    assert_eq!(read.meta.header("dialect"), Some("simcom"));
    assert_eq!(read.whole(), [piece(Host, None, b"AT\r"), piece(Module, None, b"\r\nOK\r\n")]);
}

#[test]
fn a_broken_transcript_is_told_by_line_and_column() {
    for (text, message) in [
        ("> AT\n@0.1 AT\n> AT\n", "rec:2:6: expected `>` or `<` behind the time"),
        ("> AT\nhello\n", "rec:2:1: expected `#`, `@SECONDS `, `> ` or `< ` at the start of the line"),
        ("> AT\n\n> AT\n", "rec:2:1: expected `#`, `@SECONDS `, `> ` or `< ` at the start of the line"),
        ("# x\n> \u{E4}\\q\n", "rec:2:4: expected one of \\r \\n \\t \\0 \\\\ \\\" \\xHH"),
        ("> AT\n@x < a\n", "rec:2:2: expected decimal seconds behind `@`, such as `@0.012500 `"),
        ("> AT\n>AT\n", "rec:2:2: expected a blank behind the direction"),
    ] {
        let read = read(text.as_bytes());
        assert_eq!(read.failure(), message);
        assert!(!read.error.unwrap().is_damage());
        assert_eq!(read.pieces.len(), usize::from(text.starts_with('>')), "{text}");
    }
}

#[test]
fn a_transcript_that_is_cut_off_is_damaged() {
    let text = "> AT\n@0.012500 < \\r\\nOK\\x0D";
    let record = text.find('@').unwrap();
    for end in 5..=text.len() {
        let read = read(&text.as_bytes()[..end]);
        let head = (record + 1..record + 12).contains(&end) && end != record;
        let escape = end > record + 12
            && matches!(&text[record..end], part if part.ends_with('\\') || part.ends_with("\\x") || part.ends_with("\\x0"));
        match &read.error {
            Some(error) => {
                assert!(head || escape, "{end}: {error}");
                assert!(error.is_damage(), "{error}");
                assert!(error.offset().unwrap() >= record as u64);
            }
            None => assert!(!head && !escape, "{end}"),
        }
        assert_eq!(read.of(Host), b"AT");
    }
    let read = read(text.as_bytes());
    assert_eq!(read.of(Module), b"\r\nOK\r");
}

#[test]
fn a_long_record_comes_in_pieces() {
    for filler in ["a", "\\r", "\\x41", "\u{E4}"] {
        let text = format!("@1 > {}\n@2 < OK\n", filler.repeat(100_000));
        let read = read(text.as_bytes());
        assert!(read.pieces.iter().all(|piece| piece.bytes.len() <= MAX_CHUNK));
        assert!(read.pieces.len() > 2);
        assert_eq!(read.of(Module), b"OK");
        let mut expected = Vec::new();
        atscope::escape::unescape(filler.repeat(100_000).as_bytes(), &mut expected).unwrap();
        assert_eq!(read.of(Host), expected);
        let bad = format!("@1 > {}\\q\n", filler.repeat(100_000));
        let column = 6 + 100_000 * filler.chars().count();
        assert_eq!(
            read_with(bad.as_bytes(), &Options::default()).failure().split(" expected").next(),
            Some(&*format!("rec:1:{column}:"))
        );
    }
}

#[test]
fn what_is_empty_is_damaged() {
    for (data, message) in [
        (&b""[..], "rec: damaged at byte 0: empty: no record"),
        (b"# dialect: esp-at\n", "rec: damaged at byte 18: empty: no record"),
        (b"\xD4\xC3\xB2\xA1\x02\x00", "rec: damaged at byte 0: the file header is cut off: 6 of 24 bytes"),
    ] {
        let read = read(data);
        assert_eq!(read.failure(), message);
        assert!(read.error.unwrap().is_damage());
    }
    let empty = write(Format::Pcap, &Meta::new(Format::Pcap), &[]);
    assert!(read(&empty).failure().contains("empty: no record"));
    let empty = write(Format::Pcapng, &Meta::new(Format::Pcap), &[]);
    assert!(read(&empty).failure().contains("empty: no record"));
    assert!(read_with(b"", &Options { mixed: true, ..Options::default() }).error.unwrap().is_damage());
}

#[test]
fn a_transcript_is_written_as_people_write_it() {
    let mut meta = Meta::new(Format::Transcript);
    meta.headers.push(("dialect".to_owned(), "esp-at".to_owned()));
    let mut pieces = session();
    pieces[3].faults.push(Fault { at: 2, kind: FaultKind::Parity });
    pieces.push(piece(Module, None, b"> "));
    let text = String::from_utf8(write(Format::Transcript, &meta, &pieces)).unwrap();
    assert_eq!(
        text,
        "# dialect: esp-at\n@0.500000 > AT+CSQ\\r\\n\n@0.512500 < AT+CSQ\\r\\r\\n\n@0.520000001 < +CSQ: 20,99\\r\\n\n\
         # parity error at byte 2 of the next record\n@0.521000 < \\r\\nOK\\r\\n\n< >\\x20\n"
    );
}

// pcap and pcapng.

/// A file of packets with the pieces' bytes as they are, for link types without a header of their own.
struct Pcap {
    big: bool,
    nanos: bool,
    link: u32,
    bytes: Vec<u8>,
}

impl Pcap {
    fn new(link: u32, big: bool, nanos: bool) -> Self {
        let mut this = Self { big, nanos, link, bytes: Vec::new() };
        this.u32(if nanos { 0xA1B2_3C4D } else { 0xA1B2_C3D4 });
        this.u32(if big { 0x0002_0004 } else { 0x0004_0002 });
        for value in [0, 0, 65535, link] {
            this.u32(value);
        }
        this
    }

    fn u32(&mut self, value: u32) {
        self.bytes.extend(if self.big { value.to_be_bytes() } else { value.to_le_bytes() });
    }

    fn packet(mut self, nanos: u64, data: &[u8]) -> Self {
        self.u32((nanos / 1_000_000_000) as u32);
        self.u32((nanos % 1_000_000_000) as u32 / if self.nanos { 1 } else { 1000 });
        self.u32(data.len() as u32);
        self.u32(data.len() as u32);
        self.bytes.extend(data);
        self
    }
}

/// Blocks of a pcapng file.
#[derive(Clone)]
struct Ng {
    big: bool,
    bytes: Vec<u8>,
}

impl Ng {
    fn new(big: bool) -> Self {
        Self { big, bytes: Vec::new() }.section(big)
    }

    fn n32(&self, value: u32) -> [u8; 4] {
        if self.big { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    fn n16(&self, value: u16) -> [u8; 2] {
        if self.big { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    fn block(mut self, kind: u32, body: &[u8]) -> Self {
        let length = self.n32(body.len().next_multiple_of(4) as u32 + 12);
        let padding = vec![0; body.len().next_multiple_of(4) - body.len()];
        let kind = self.n32(kind);
        for part in [&kind[..], &length, body, &padding, &length] {
            self.bytes.extend(part);
        }
        self
    }

    fn section(mut self, big: bool) -> Self {
        self.big = big;
        let body = [&self.n32(0x1A2B_3C4D)[..], &self.n16(1), &self.n16(0), &[0xFF; 8]].concat();
        self.block(0x0A0D_0D0A, &body)
    }

    fn option(&self, code: u16, value: &[u8]) -> Vec<u8> {
        let mut bytes = [&self.n16(code)[..], &self.n16(value.len() as u16), value].concat();
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    fn interface(self, link: u16, options: &[(u16, &[u8])]) -> Self {
        let mut body = [&self.n16(link)[..], &[0, 0], &self.n32(0)].concat();
        for (code, value) in options {
            body.extend(self.option(*code, value));
        }
        self.block(1, &body)
    }

    fn packet(self, interface: u32, stamp: u64, flags: Option<u32>, data: &[u8]) -> Self {
        let length = self.n32(data.len() as u32);
        let mut body = [
            &self.n32(interface)[..],
            &self.n32((stamp >> 32) as u32),
            &self.n32(stamp as u32),
            &length,
            &length,
            data,
        ]
        .concat();
        body.resize(body.len().next_multiple_of(4), 0);
        if let Some(flags) = flags {
            body.extend(self.option(1, b"not UTF-8: \xFF"));
            body.extend(self.option(2, &self.n32(flags)));
            body.extend([0; 4]);
        }
        self.block(6, &body)
    }
}

const START: u64 = 1_700_000_000_000_000_000;
const IN: Option<u32> = Some(1);
const OUT: Option<u32> = Some(2);

#[test]
fn pcap_is_read_in_any_order_and_resolution() {
    for (big, nanos) in [(false, false), (false, true), (true, false), (true, true)] {
        let file = Pcap::new(147, big, nanos)
            .packet(START, b"AT+CSQ\r")
            .packet(START + 1_000_000, b"AT+CSQ\r")
            .packet(START + 2_000_000, b"\r\n+CSQ: 1,2\r\n\r\nOK\r\n")
            .packet(START + 3_000_000, b"RING\r\n");
        let read = read(&file.bytes);
        assert_eq!(read.meta.epoch, Some(Time::from_nanos(START)));
        assert!(read.meta.notes[0].contains("told by content"), "{:?}", read.meta.notes);
        assert_eq!(
            read.whole(),
            [
                piece(Host, 0, b"AT+CSQ\r"),
                piece(Module, 1_000_000, b"AT+CSQ\r"),
                piece(Module, 2_000_000, b"\r\n+CSQ: 1,2\r\n\r\nOK\r\n"),
                piece(Module, 3_000_000, b"RING\r\n"),
            ]
        );
    }
}

#[test]
fn pcap_that_is_cut_off_gives_all_there_is() {
    let file =
        Pcap::new(250, false, true).packet(START, &rtac(1, b"AT\r")).packet(START, &rtac(2, b"\r\nOK\r\n")).bytes;
    let (first, second) = (24 + 16 + 12, 24 + 16 + 12 + 3 + 16 + 12);
    for end in 0..file.len() {
        let read = read(&file[..end]);
        assert_eq!(read.of(Host), &b"AT\r"[..end.saturating_sub(first).min(3)], "{end}");
        assert_eq!(read.of(Module), &b"\r\nOK\r\n"[..end.saturating_sub(second).min(6)], "{end}");
        match read.error {
            Some(error) => assert!(error.is_damage(), "{error}"),
            None => assert_eq!(end, first + 3, "only between two packets is it whole"),
        }
    }
}

#[test]
fn pcapng_flags_clocks_and_interfaces_are_read() {
    for big in [false, true] {
        let zone = [0u8; 4];
        let file = Ng::new(big)
            .interface(147, &[(9, &[9]), (10, &zone), (1, b"comment \xFF")])
            .interface(148, &[])
            .block(0x0BAD, b"unknown")
            .packet(0, START, OUT, b"AT\r")
            .packet(1, START / 1000 + 5, OUT, b"ATI\r")
            .packet(0, START + 7_000, IN, b"\r\nOK\r\n")
            .packet(1, START / 1000 + 9, IN, b"\r\nOK\r\n")
            .section(!big)
            .interface(149, &[(9, &[0x80 | 10])])
            .packet(0, (START / 1_000_000_000 + 2) << 10, OUT, b"ATZ\r");
        let read = read(&file.bytes);
        assert_eq!(read.meta.epoch, Some(Time::from_nanos(START)));
        let other = |piece: Piece| Piece { session: 1, ..piece };
        assert_eq!(
            read.whole(),
            [
                piece(Host, 0, b"AT\r"),
                other(piece(Host, 5_000, b"ATI\r")),
                piece(Module, 7_000, b"\r\nOK\r\n"),
                other(piece(Module, 9_000, b"\r\nOK\r\n")),
                piece(Host, 2_000_000_000, b"ATZ\r"),
            ]
        );
        let one = read_with(&file.bytes, &select("1")).whole();
        assert_eq!(one.iter().map(|piece| (piece.session, piece.from)).collect::<Vec<_>>(), [(0, Host), (0, Module)]);
        assert_eq!(read_with(&file.bytes, &select("7")).failure(), "rec: there is no session 7: expected 0 to 1");
    }
}

#[test]
fn old_packet_blocks_are_read() {
    let file = Ng::new(false).interface(147, &[]);
    let (stamp, flags) = ([0, 0, 0, 0, 7, 0, 0, 0], [2, 0, 4, 0, 2, 0, 0, 0, 0, 0, 0, 0]);
    let old = [&[0u8; 4][..], &stamp, &[3, 0, 0, 0, 3, 0, 0, 0], b"AT\r\0", &flags].concat();
    let simple = [&[4u8, 0, 0, 0][..], b"OK\r\n"].concat();
    let read = read(&file.block(2, &old).block(3, &simple).bytes);
    assert_eq!(read.whole(), [piece(Host, 7_000, b"AT\r"), piece(Module, None, b"OK\r\n")]);
}

#[test]
fn two_interfaces_without_flags_are_the_two_lines() {
    let file = Ng::new(false)
        .interface(147, &[])
        .interface(147, &[])
        .packet(1, 1, None, b"AT+CSQ\r\n")
        .packet(0, 2, None, b"AT+CSQ\r\r\n")
        .packet(0, 3, None, b"+CSQ: 1,2\r\n\r\nOK\r\n");
    let read = read(&file.bytes);
    assert_eq!(read.of(Host), b"AT+CSQ\r\n");
    assert_eq!(read.of(Module), b"AT+CSQ\r\r\n+CSQ: 1,2\r\n\r\nOK\r\n");
    let told = Options { host: Some("0".to_owned()), ..Options::default() };
    assert_eq!(read_with(&file.bytes, &told).of(Module), b"AT+CSQ\r\n");
}

#[test]
fn damage_in_pcapng_is_told_with_its_place() {
    let good = Ng::new(false).interface(147, &[]).packet(0, 1, OUT, b"AT\r");
    let place = good.bytes.len();
    let cut = good.clone().packet(0, 2, IN, b"\r\nOK\r\n").bytes;
    for end in place + 1..cut.len() {
        let read = read(&cut[..end]);
        assert_eq!(read.of(Host), b"AT\r");
        let error = read.error.unwrap();
        assert!(error.is_damage());
        assert_eq!(error.offset(), Some(place as u64));
    }
    let mut trailer = cut.clone();
    let last = trailer.len() - 1;
    trailer[last] = 9;
    assert!(read(&trailer).failure().contains("whose length ahead and behind differ"));
    for (block, what) in [
        (good.clone().packet(3, 2, IN, b"x"), "a packet of interface 3, which the section does not describe"),
        (good.clone().block(6, &[0; 8]), "too short"),
    ] {
        let read = read(&block.bytes);
        assert!(read.failure().contains(what), "{}", read.failure());
        assert_eq!(read.of(Host), b"AT\r");
    }
    let huge = [&good.bytes[..], &6u32.to_le_bytes(), &0x7FFF_FFF0u32.to_le_bytes(), &[0; 64]].concat();
    assert!(read(&huge).failure().contains("more than 4 MiB"));
}

#[test]
fn other_link_types_are_refused_by_name() {
    let message = "rec: link type 1 (ETHERNET) carries no serial line; expected USER0";
    assert!(read(&Pcap::new(1, false, false).packet(1, b"x").bytes).failure().starts_with(message));
    assert!(read(&Ng::new(false).interface(1, &[]).packet(0, 1, None, b"x").bytes).failure().starts_with(message));
    let both = Ng::new(false).interface(1, &[]).interface(147, &[]).packet(0, 1, None, b"x").packet(1, 2, OUT, b"AT\r");
    let read = read(&both.bytes);
    assert_eq!(read.of(Host), b"AT\r");
    assert!(read.meta.notes[0].contains("ETHERNET"));
}

fn rtac(event: u8, data: &[u8]) -> Vec<u8> {
    [&[0; 8][..], &[event, 0, 0, 0], data].concat()
}

#[test]
fn rtac_events_are_read() {
    let file = Pcap::new(250, true, false)
        .packet(START, &rtac(0, b""))
        .packet(START + 1000, &rtac(1, b"AT\r"))
        .packet(START + 2000, &rtac(7, b""))
        .packet(START + 3000, &rtac(4, b"\r\nOK\r\n"))
        .packet(START + 4000, &rtac(8, b"x"))
        .packet(START + 5000, &rtac(5, b""))
        .packet(START + 6000, &rtac(9, b""));
    let read = read(&file.bytes);
    assert!(read.meta.notes.contains(&"the recorder lost data at 0.000005 s".to_owned()), "{:?}", read.meta.notes);
    let with = |piece: Piece, kind| Piece { faults: vec![Fault { at: 0, kind }], ..piece };
    assert_eq!(
        read.whole(),
        [
            piece(Host, 1000, b"AT\r"),
            with(piece(Module, 3000, b"\r\nOK\r\n"), FaultKind::Framing),
            with(piece(Module, 4000, b"x"), FaultKind::Parity),
            with(piece(Module, None, b""), FaultKind::Break),
        ]
    );
}

fn usb_linux(header: usize, big: bool, event: u8, endpoint: u8, device: u8, data: &[u8]) -> Vec<u8> {
    let mut packet = vec![0; header];
    packet[8..12].copy_from_slice(&[event, 3, endpoint, device]);
    packet[12..14].copy_from_slice(&if big { 1u16.to_be_bytes() } else { 1u16.to_le_bytes() });
    let length = data.len() as u32;
    packet[36..40].copy_from_slice(&if big { length.to_be_bytes() } else { length.to_le_bytes() });
    packet.extend(data);
    packet
}

fn usbpcap(completed: bool, endpoint: u8, device: u16, data: &[u8]) -> Vec<u8> {
    let mut packet = vec![0; 27];
    packet[0] = 27;
    packet[16] = u8::from(completed);
    packet[17] = 1;
    packet[19..21].copy_from_slice(&device.to_le_bytes());
    packet[21] = endpoint;
    packet[22] = 3;
    packet[23..27].copy_from_slice(&(data.len() as u32).to_le_bytes());
    packet.extend(data);
    packet
}

/// A modem with an AT port (endpoints 2 and 4) and a GNSS port, beside a disk; both views of each transfer.
fn usb(link: u32, big: bool) -> Vec<u8> {
    let transfer = |endpoint: u8, device: u8, data: &[u8]| -> [Vec<u8>; 2] {
        let (out, back): (&[u8], &[u8]) = if endpoint & 0x80 == 0 { (data, b"") } else { (b"", data) };
        match link {
            189 => [usb_linux(48, big, b'S', endpoint, device, out), usb_linux(48, big, b'C', endpoint, device, back)],
            220 => [usb_linux(64, big, b'S', endpoint, device, out), usb_linux(64, big, b'C', endpoint, device, back)],
            _ => [usbpcap(false, endpoint, device.into(), out), usbpcap(true, endpoint, device.into(), back)],
        }
    };
    let mut file = Pcap::new(link, big, false);
    let mut time = START;
    for (endpoint, device, data) in [
        (0x81, 7, &b"disk says \x00\x01\x02"[..]),
        (0x02, 5, b"AT+CSQ\r"),
        (0x83, 5, b"$GPGGA,1*2\r\n"),
        (0x84, 5, b"\r\n+CSQ: 20,99\r\n"),
        (0x84, 5, b"\r\nOK\r\n"),
        (0x02, 5, b"AT\r"),
        (0x84, 5, b"\r\nOK\r\n"),
        (0x03, 5, b"ATI\r"),
    ] {
        for packet in transfer(endpoint, device, data) {
            file = file.packet(time, &packet);
            time += 1000;
        }
    }
    assert_eq!(file.link, link);
    file.bytes
}

#[test]
fn the_at_port_of_a_usb_modem_is_found() {
    for (link, big) in [(189, false), (189, true), (220, false), (220, true), (249, false), (249, true)] {
        let file = usb(link, big);
        let read = read(&file);
        assert_eq!(read.of(Host), b"AT+CSQ\rAT\r", "link type {link}");
        assert_eq!(read.of(Module), b"\r\n+CSQ: 20,99\r\n\r\nOK\r\n\r\nOK\r\n");
        assert_eq!(read.pieces[0].nanos, Some(2000));
        let note = &read.meta.notes[0];
        assert!(note.starts_with("took USB device 1.5, endpoints 2 (out) and 4 (in); not taken: "), "{note}");
        assert!(note.contains("1.7 endpoint 1 in"), "{note}");

        let other = read_with(&file, &select("1.5.3.3"));
        assert_eq!((other.of(Host), other.of(Module)), (b"ATI\r".to_vec(), b"$GPGGA,1*2\r\n".to_vec()));
        let message = read_with(&file, &select("1.9")).failure();
        assert!(
            message.starts_with("rec: no bulk transfer of the selected line; bulk endpoints: 1.5 endpoint 2 out"),
            "{message}"
        );
    }
}

#[test]
fn a_busy_bus_does_not_hide_the_modem() {
    let mut file = Pcap::new(249, false, false);
    let block = vec![0x55; 20_000];
    for at in 0..100 {
        file = file.packet(at * 1000, &usbpcap(true, 0x81, 3, &block));
    }
    for (completed, endpoint, data) in [(false, 2, &b"AT\r"[..]), (true, 0x82, b"\r\nOK\r\n")] {
        file = file.packet(200_000, &usbpcap(completed, endpoint, 5, data));
    }
    let read = read(&file.bytes);
    assert_eq!((read.of(Host), read.of(Module)), (b"AT\r".to_vec(), b"\r\nOK\r\n".to_vec()));
}

#[test]
fn what_is_written_reads_the_same() {
    let mut meta = Meta::new(Format::Transcript);
    meta.headers = vec![("dialect".to_owned(), "simcom".to_owned()), ("start".to_owned(), "boot".to_owned())];
    let mut pieces = session();
    pieces.push(piece(Module, 600_000_000, b"he"));
    pieces.push(piece(Module, 600_000_500, b"llo\r\n"));
    for epoch in [None, Some(Time::from_nanos(START))] {
        meta.epoch = epoch;
        let packets = read(&write(Format::Pcapng, &meta, &pieces));
        assert_eq!(packets.meta.headers, meta.headers);
        assert_eq!(packets.meta.epoch, epoch);
        assert_eq!(packets.whole(), pieces);
        let text = read(&write(Format::Transcript, &meta, &pieces));
        assert_eq!((text.meta.headers.clone(), text.meta.epoch), (meta.headers.clone(), epoch));
        assert_eq!(text.whole(), pieces);
    }
    // Two sessions and line errors, which pcapng alone can hold.
    pieces[1].session = 1;
    pieces[2].faults.push(Fault { at: 13, kind: FaultKind::Framing });
    assert_eq!(read(&write(Format::Pcapng, &meta, &pieces)).whole(), pieces);
    for format in [Format::Transcript, Format::Pcap] {
        let mut out = writer(format, Box::new(Shared::default())).unwrap();
        out.start(&meta).unwrap();
        let error = pieces.iter().find_map(|piece| out.chunk(&piece.chunk()).err()).expect("it holds one session");
        assert!(error.to_string().contains("one conversation"), "{error}");
    }
    assert!(writer(Format::Raw, Box::new(Shared::default())).is_err());
}

#[test]
fn conversion_keeps_what_came_before_damage() {
    let mut file = write(Format::Pcapng, &Meta::new(Format::Pcapng), &session());
    file.truncate(file.len() - 3);
    let shared = Shared::default();
    let mut reader = open("rec", Box::new(Cursor::new(file)), &Options::default()).unwrap();
    let mut out = writer(Format::Transcript, Box::new(shared.clone())).unwrap();
    assert!(convert(&mut *reader, &mut *out).unwrap_err().is_damage());
    let text = shared.0.lock().unwrap().clone();
    assert_eq!(read(&text).whole(), session()[..3]);
}

// Saleae.

#[test]
fn logic_2_tables_are_read_in_every_radix() {
    let host = b"AT\r\n";
    let module = b"\r\nOK, \"5\"\x00\r\n";
    let ascii = |byte: u8| match byte {
        b'\r' => "\\r".to_owned(),
        b'\n' => "\\n".to_owned(),
        0 => "\\0".to_owned(),
        byte => char::from(byte).to_string().replace('"', "\"\""),
    };
    type Show<'a> = &'a dyn Fn(u8) -> String;
    let radices: [Show; 5] = [
        &|byte| format!("0x{byte:02X}"),
        &|byte| byte.to_string(),
        &|byte| format!("0b{byte:08b}"),
        &|byte| format!("\"{}\"", ascii(byte)),
        &|byte| format!("\"{} (0x{byte:02X})\"", ascii(byte)),
    ];
    for show in radices {
        let mut table = "name,type,start_time,duration,data,error\r\n".to_owned();
        let mut time = 100_000u64;
        for (name, bytes) in [("TX", &host[..]), ("RX, modem", module)] {
            for byte in bytes {
                table += &format!("\"{name}\",\"data\",0.{time:09},8.6e-05,{},\r\n", show(*byte));
                time += 86_806;
            }
        }
        let read = read(table.as_bytes());
        assert_eq!(read.of(Host), host, "{table}");
        assert_eq!(read.of(Module), module, "{table}");
        assert_eq!(read.pieces[0].nanos, Some(100_000));
        assert_eq!(read.pieces.len(), 3, "a line is a chunk");
    }
}

#[test]
fn logic_2_columns_faults_dates_and_choices() {
    let table = "type,name,data,start_time,extra,error\n\
        start,I2C,,2026-01-02T03:04:04Z,x,\n\
        data,B,0x4F,2026-01-02T03:04:05.5Z,x,framing\n\
        data,B,0x4B,2026-01-02T03:04:05.500086Z,x,parity error\n\
        data,A,0x0A,2026-01-02T03:04:06Z,x,\n";
    let with = |options| read_with(table.as_bytes(), &options);
    let told = with(Options { host: Some("A".to_owned()), ..Options::default() });
    assert_eq!(told.of(Host), b"\n");
    assert_eq!(told.pieces[0].bytes, b"OK");
    assert_eq!(
        told.pieces[0].faults,
        [Fault { at: 0, kind: FaultKind::Framing }, Fault { at: 1, kind: FaultKind::Parity }]
    );
    assert_eq!(told.pieces[1].nanos, Some(500_000_000));
    assert_eq!(told.meta.epoch.unwrap().to_string(), "1767323045.5");
    assert_eq!(with(select("B")).of(Module), b"OK");
    let error = with(select("C")).failure();
    assert_eq!(error, "rec: no serial analyzer is called `C`; with bytes there are: ");
}

#[test]
fn logic_1_exports_are_read() {
    let table = "Time [s],Value,Parity Error,Framing Error\n-0.000100000000000,A,,\n-0.000010000000000,T,,Error\n\
        0.000080000000000,\",,\n0.000170000000000,,,Error,\n0.000260000000000,COMMA,,\n0.000350000000000, ,,\n\
        0.000440000000000,' ',,\n0.000530000000000,5,,\n0.000620000000000,\\r,,\n0.000710000000000,'0',,\n";
    let read = read(table.as_bytes());
    let chunks = &read.pieces;
    assert_eq!(chunks.len(), 1, "{chunks:?}");
    assert_eq!(chunks[0].bytes, b"AT\",,  5\r\0");
    assert_eq!(chunks[0].nanos, Some(0), "times count from the first row where it is ahead of zero");
    assert_eq!(chunks[0].faults, [Fault { at: 1, kind: FaultKind::Framing }, Fault { at: 3, kind: FaultKind::Parity }]);
}

#[test]
fn logic_1_decoded_tables_are_read() {
    let table = "Time [s],Analyzer Name,Decoded Protocol Result\n0.1,Tx,A (0x41)\n0.100086,Tx,T (0x54)\n\
        0.100172,Tx,'13' (0x0D)\n0.2,\"Rx, 1\",O (0x4F)\n0.200086,\"Rx, 1\",K (0x4B) (framing error)\n0.200172,\"Rx, 1\",'13' (0x0D)\n";
    let read = read(table.as_bytes());
    assert_eq!(read.of(Host), b"AT\r");
    assert_eq!(read.of(Module), b"OK\r");
    assert_eq!(read.pieces[1].faults, [Fault { at: 1, kind: FaultKind::Framing }]);
}

#[test]
fn two_tables_are_merged_by_time() {
    let named = |text: &str| {
        Some(("t".to_owned(), Box::new(Cursor::new(text.as_bytes().to_vec())) as Box<dyn std::io::Read + Send>))
    };
    let header = "Time [s],Value,Parity Error,Framing Error\n";
    let host = format!("{header}-0.5,A,,\n-0.4999,T,,\n2.0,X,,\n");
    let module = format!("{header}1.0,O,,\n1.0001,K,,\nbad\n");
    let read = drain(open_pair(named(&host), named(&module)).unwrap());
    let expected = [piece(Host, 0, b"AT"), piece(Module, 1_500_000_000, b"OK"), piece(Host, 2_500_000_000, b"X")];
    assert_eq!(read.pieces, expected);
    assert!(read.failure().starts_with("t:4: expected four columns"));
    assert!(
        open_pair(named(&host), named("OK\r\n")).err().unwrap().to_string().contains("two tables or two raw files")
    );
}

#[test]
fn bad_tables_are_told_by_line() {
    let header = "name,type,start_time,duration,data\n";
    for (row, message) in [
        ("TX,data,0.1,,hello\n", "rec:3: value `hello`: expected a byte in hexadecimal, decimal, binary or ASCII"),
        ("TX,data,x,,0x41\n", "rec:3: time `x`: expected seconds, or a date as 2026-01-31T12:00:00.5Z"),
        ("TX,data\n", "rec:3: 2 columns where the header has 5"),
        (
            "TX,da",
            "rec: damaged at byte 54: the last row is cut off: 2 columns where the header has 5; 1 chunk before it kept",
        ),
    ] {
        let table = format!("{header}TX,data,0.0,,0x41\n{row}");
        let read = read(table.as_bytes());
        assert_eq!(read.failure(), message.replace("byte 54", &format!("byte {}", header.len() + 18)));
        assert_eq!(read.pieces.len(), 1);
    }
    let forced = Options { format: Some(Format::Saleae), ..Options::default() };
    assert!(read_with(b"hello\n", &forced).failure().contains("no header of a table"));
}

// Raw bytes.

#[test]
fn a_terminal_log_is_taken_apart() {
    let log = b"\r\nready\r\nAT\r\r\nOK\r\nat+csq\r\n+CSQ: 1,2\r\n\r\nOK\r\nAT version:2.1\r\nATE0\n";
    for options in [Options::default(), Options { mixed: true, ..Options::default() }] {
        let read = read_with(log, &options);
        assert_eq!(read.of(Host), b"AT\rat+csq\r\nATE0\n");
        assert_eq!(read.of(Module), b"\r\nready\r\n\r\nOK\r\n+CSQ: 1,2\r\n\r\nOK\r\nAT version:2.1\r\n");
        assert!(read.pieces.iter().all(|piece| piece.nanos.is_none()));
        assert_eq!(read.meta.notes.is_empty(), options.mixed);
    }
}

#[test]
fn a_terminal_log_may_show_what_was_typed_and_its_echo() {
    let read = read(b"AT\r\nAT\r\r\nOK\r\nATE0\r\n\r\nATE0\r\r\nOK\r\nAT+CSQ\r\n+CSQ: 1,2\r\n\r\nOK\r\nAT+CSQ\r\n");
    assert_eq!(read.of(Host), b"AT\r\nATE0\r\nAT+CSQ\r\nAT+CSQ\r\n");
    assert_eq!(read.of(Module), b"AT\r\r\nOK\r\n\r\nATE0\r\r\nOK\r\n+CSQ: 1,2\r\n\r\nOK\r\n");
}

#[test]
fn one_direction_is_told_by_content() {
    assert_eq!(read(b"AT\r\nAT+CSQ\r\n").of(Host), b"AT\r\nAT+CSQ\r\n");
    assert_eq!(read(b"\r\nRDY\r\n\r\n+CPIN: READY\r\n").of(Module), b"\r\nRDY\r\n\r\n+CPIN: READY\r\n");
    let error = read(b"hello world\n");
    assert!(error.failure().contains("--host, --module or --mixed"));
    assert!(!error.error.unwrap().is_damage());
    assert!(read(b"PK\x03\x04....").failure().contains("zip archive"));
}

#[test]
fn a_pair_takes_turns() {
    let named =
        |bytes: &[u8]| Some(("x".to_owned(), Box::new(Cursor::new(bytes.to_vec())) as Box<dyn std::io::Read + Send>));
    let read =
        drain(open_pair(named(b"AT\r\nAT+CSQ\r\n"), named(b"\r\nOK\r\n\r\n+CSQ: 1,2\r\n\r\nOK\r\nRING\r\n")).unwrap());
    let senders: Vec<_> = read.pieces.iter().map(|piece| (piece.from, piece.bytes.as_slice())).collect();
    assert_eq!(
        senders,
        [
            (Host, &b"AT\r\n"[..]),
            (Module, b"\r\n"),
            (Module, b"OK\r\n"),
            (Host, b"AT+CSQ\r\n"),
            (Module, b"\r\n"),
            (Module, b"+CSQ: 1,2\r\n"),
            (Module, b"\r\n"),
            (Module, b"OK\r\n"),
            (Module, b"RING\r\n"),
        ]
    );
    assert!(!read.meta.ordered);
    let alone = drain(open_pair(None, named(b"OK")).unwrap());
    assert!(alone.meta.ordered);
    assert_eq!(alone.of(Module), b"OK");
    assert!(open_pair(None, None).is_err());
    assert!(drain(open_pair(named(b""), named(b"")).unwrap()).error.unwrap().is_damage());
}

// All of them.

#[test]
fn every_recording_of_the_corpus_holds_the_dialogue() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/capture");
    let bytes = |name: &str| std::fs::read(folder.join(name)).unwrap();
    let (host, module) = (bytes("host.bin"), bytes("module.bin"));
    let mut seen = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let recording = read(&bytes(&name));
        let (has_host, has_module) = match name.as_str() {
            "README.md" => continue,
            "host.bin" | "logic1-tx.txt" => (true, false),
            "module.bin" | "logic1-rx.txt" => (false, true),
            _ => (true, true),
        };
        assert!(recording.error.is_none(), "{name}: {}", recording.failure());
        assert_eq!(recording.of(Host), if has_host { host.as_slice() } else { b"" }, "{name}");
        assert_eq!(recording.of(Module), if has_module { module.as_slice() } else { b"" }, "{name}");
        if has_host && has_module {
            // In the order in which they spoke: AT, OK, AT+CSQ, +CSQ, OK.
            let turns = recording.pieces.iter().map(|piece| piece.from).collect::<Vec<_>>();
            let changes = turns.windows(2).filter(|pair| pair[0] != pair[1]).count();
            assert_eq!((turns[0], changes), (Host, 3), "{name}");
        }
        if name.contains("pcap") {
            assert_eq!(recording.whole(), read(&bytes("dialogue.at")).whole(), "{name}");
        }
        seen += 1;
    }
    assert_eq!(seen, 17);
    let named =
        |name: &str| Some((name.to_owned(), Box::new(Cursor::new(bytes(name))) as Box<dyn std::io::Read + Send>));
    let merged = drain(open_pair(named("logic1-tx.txt"), named("logic1-rx.txt")).unwrap());
    assert_eq!(merged.whole(), read(&bytes("logic2-hex.csv")).whole());
}

// Laws.

#[cfg(feature = "fuzzing")]
#[test]
fn the_fuzz_laws_hold_on_every_format_and_its_truncations() {
    let table = b"name,type,start_time,duration,data,error\n\"TX\",\"data\",0.1,1e-5,\"A\",\n\"TX\",\"data\",0.1001,1e-5,\"T\",framing\n\
        \"RX\",\"data\",0.2,1e-5,\"5\",\n";
    let mut recording = session();
    recording[1].session = 1;
    let inputs = [
        b"# dialect: x\n@0.5 > AT\\r\\n\n@0.6 < \\r\\nOK\\x0D\\n\n> x\n".to_vec(),
        write(Format::Pcap, &Meta::new(Format::Pcap), &session()),
        write(Format::Pcapng, &Meta::new(Format::Pcap), &recording),
        usb(189, true),
        usb(249, false),
        Pcap::new(250, false, false)
            .packet(0, &rtac(1, b"AT\r"))
            .packet(1, &rtac(7, b""))
            .packet(2, &rtac(2, b"OK\r\n"))
            .bytes,
        Pcap::new(147, false, false).packet(0, b"AT\r").packet(1, b"\r\nOK\r\n").bytes,
        table.to_vec(),
        b"Time [s],Value,Parity Error,Framing Error\n0.1,A,,\n0.2,\",,Error\n".to_vec(),
        b"Time [s],Analyzer Name,Decoded Protocol Result\n0.1,Tx,A (0x41)\n".to_vec(),
        b"AT\r\r\nOK\r\nAT+CSQ\r\n+CSQ: 1\r\n> \r\n".to_vec(),
    ];
    for input in inputs {
        for end in (0..input.len()).step_by(1 + input.len() / 97) {
            atscope::fuzz::capture(&input[..end]);
            let mut flipped = input.clone();
            flipped[end] ^= 0x55;
            atscope::fuzz::capture(&flipped);
        }
        atscope::fuzz::capture(&input);
    }
}

fn recording(timed: bool) -> impl Strategy<Value = Vec<Piece>> {
    let bytes = prop_oneof![
        prop::collection::vec(any::<u8>(), 1..40),
        "[ -~\\r\\n]{1,30}".prop_map(String::into_bytes),
        Just(b"AT+CSQ\r\n".to_vec()),
        Just(b"\r\nOK\r\n> ".to_vec()),
    ];
    let steps = (any::<bool>(), 0..3_000_000_000u64, bytes);
    prop::collection::vec(steps, 1..20).prop_map(move |steps| {
        let mut time = 0;
        let step = |(host, step, bytes): (bool, u64, Vec<u8>)| {
            time += step;
            piece(if host { Host } else { Module }, timed.then_some(time), &bytes)
        };
        steps.into_iter().map(step).collect()
    })
}

proptest! {
    #[test]
    fn a_transcript_is_what_was_written(pieces in recording(true)) {
        prop_assert_eq!(read(&write(Format::Transcript, &Meta::new(Format::Transcript), &pieces)).whole(), pieces);
    }

    #[test]
    fn a_transcript_without_a_clock_is_what_was_written(pieces in recording(false)) {
        prop_assert_eq!(read(&write(Format::Transcript, &Meta::new(Format::Transcript), &pieces)).whole(), pieces);
    }

    #[test]
    fn pcapng_is_what_was_written(pieces in recording(true), epoch in prop::option::of(0..4_000_000_000_000_000_000u64)) {
        let meta = Meta { epoch: epoch.map(Time::from_nanos), ..Meta::new(Format::Pcapng) };
        let back = read(&write(Format::Pcapng, &meta, &pieces));
        prop_assert_eq!(back.meta.epoch, meta.epoch);
        prop_assert_eq!(back.whole(), pieces);
    }

    #[test]
    fn pcapng_without_a_clock_is_what_was_written(pieces in recording(false)) {
        prop_assert_eq!(read(&write(Format::Pcapng, &Meta::new(Format::Pcapng), &pieces)).whole(), pieces);
    }

    /// The format keeps the time of the first chunk of a packet alone: bytes and order are the same, times are a subset.
    #[test]
    fn pcap_is_what_was_written_but_for_times_within_a_line(pieces in recording(true)) {
        let back = read(&write(Format::Pcap, &Meta::new(Format::Pcap), &pieces)).whole();
        let runs = |pieces: &[Piece]| {
            let mut runs: Vec<(Sender, Vec<u8>)> = Vec::new();
            for piece in pieces {
                match runs.last_mut() {
                    Some((from, bytes)) if *from == piece.from => bytes.extend(&piece.bytes),
                    _ => runs.push((piece.from, piece.bytes.clone())),
                }
            }
            runs
        };
        prop_assert_eq!(runs(&back), runs(&pieces));
        for piece in &back {
            prop_assert!(pieces.iter().any(|known| known.nanos == piece.nanos && piece.bytes.starts_with(&known.bytes)));
        }
    }

    #[cfg(feature = "fuzzing")]
    #[test]
    fn arbitrary_bytes_break_no_law(data in prop::collection::vec(any::<u8>(), 0..200)) {
        atscope::fuzz::capture(&data);
    }
}
