//! What the packets of a capture carry, by link type: who sent which bytes, or a USB transfer, or nothing of ours.
//!
//! Layouts: tcpdump.org's list of link-layer header types; for `WIRESHARK_UPPER_PDU` the tags of Wireshark's
//! exported PDUs. Never fails: a packet that does not fit its link type is told as such and passed over.

use super::source::Fields;
use super::usb::{self, Transfer};
use super::{FaultKind, MAX_CHUNK};
use crate::Sender;

/// `LINKTYPE_USER0`; 16 of them.
pub(super) const USER0: u32 = 147;
/// `LINKTYPE_USER15`.
pub(super) const USER15: u32 = 162;
/// `LINKTYPE_USB_LINUX`.
pub(super) const USB_LINUX: u32 = 189;
/// `LINKTYPE_USB_LINUX_MMAPPED`.
pub(super) const USB_LINUX_MMAPPED: u32 = 220;
/// `LINKTYPE_USBPCAP`.
pub(super) const USBPCAP: u32 = 249;
/// `LINKTYPE_RTAC_SERIAL`.
pub(super) const RTAC_SERIAL: u32 = 250;
/// `LINKTYPE_WIRESHARK_UPPER_PDU`.
pub(super) const UPPER_PDU: u32 = 252;

/// Whether packets of this link type may carry a serial line.
pub(super) fn is_serial(link: u32) -> bool {
    matches!(link, USER0..=USER15 | USB_LINUX | USB_LINUX_MMAPPED | USBPCAP | RTAC_SERIAL | UPPER_PDU)
}

/// The name of a link type in tcpdump.org's list, of those that people capture; `unknown` for others.
pub(super) const fn name(link: u32) -> &'static str {
    match link {
        0 => "NULL",
        1 => "ETHERNET",
        9 => "PPP",
        50 => "PPP_HDLC",
        101 => "RAW",
        105 => "IEEE802_11",
        108 => "LOOP",
        113 => "LINUX_SLL",
        127 => "IEEE802_11_RADIOTAP",
        166 => "PPP_PPPD",
        186 => "USB_FREEBSD",
        187 => "BLUETOOTH_HCI_H4",
        195 => "IEEE802_15_4_WITHFCS",
        201 => "BLUETOOTH_HCI_H4_WITH_PHDR",
        204 => "PPP_WITH_DIR",
        227 => "CAN_SOCKETCAN",
        228 => "IPV4",
        229 => "IPV6",
        230 => "IEEE802_15_4_NOFCS",
        251 => "BLUETOOTH_LE_LL",
        253 => "NETLINK",
        254 => "BLUETOOTH_LINUX_MONITOR",
        256 => "BLUETOOTH_LE_LL_WITH_PHDR",
        266 => "USB_DARWIN",
        276 => "LINUX_SLL2",
        288 => "USB_2_0",
        _ => "unknown",
    }
}

/// What a packet carries.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Payload<'a> {
    /// It does not fit its link type; says what is missing.
    Bad(&'static str),
    /// A PDU of another protocol, by the name of its dissector.
    Foreign(&'a [u8]),
    /// The recorder itself lost data here.
    Lost(&'static str),
    /// Nothing that went over a line.
    Nothing,
    /// Bytes of a line.
    Serial {
        /// Who sent them, where the packet says it.
        from: Option<Sender>,
        bytes: &'a [u8],
        /// A line error that came with them.
        fault: Option<FaultKind>,
    },
    /// A bulk transfer.
    Usb(Transfer<'a>),
}

/// Reads a packet; `big` is the byte order of the file, which USB_LINUX headers follow.
pub(super) fn payload(link: u32, big: bool, data: &[u8]) -> Payload<'_> {
    match link {
        USER0..=USER15 => Payload::Serial { from: None, bytes: data, fault: None },
        RTAC_SERIAL => rtac(data),
        UPPER_PDU => upper_pdu(data),
        USB_LINUX => usb::linux(data, big, 48),
        USB_LINUX_MMAPPED => usb::linux(data, big, 64),
        USBPCAP => usb::usbpcap(data),
        _ => Payload::Nothing,
    }
}

/// Bytes ahead of the payload of `LINKTYPE_RTAC_SERIAL`: time, event, control lines, two reserved ones.
pub(super) const RTAC_HEADER: usize = 12;

/// The recorder's own side transmits (TX): it is the host. Line errors are met in what it receives.
fn rtac(data: &[u8]) -> Payload<'_> {
    let (Some(event), Some(bytes)) = (data.get(8), data.get(RTAC_HEADER..)) else {
        return Payload::Bad("shorter than the 12 bytes of an RTAC_SERIAL header");
    };
    let (from, fault) = match event {
        1 | 3 => (Sender::Host, None),
        2 | 4 => (Sender::Module, None),
        5 => return Payload::Lost("the recorder lost data"),
        7 => (Sender::Module, Some(FaultKind::Framing)),
        8 => (Sender::Module, Some(FaultKind::Parity)),
        9 => (Sender::Module, Some(FaultKind::Break)),
        10 => return Payload::Lost("the recorder's receiver overflowed"),
        _ => return Payload::Nothing,
    };
    if bytes.is_empty() && fault.is_none() {
        return Payload::Nothing;
    }
    Payload::Serial { from: Some(from), bytes, fault }
}

/// Tags of an exported PDU: the dissector's name and the direction.
pub(super) const TAG_END: u16 = 0;
/// The name of the dissector.
pub(super) const TAG_DISSECTOR: u16 = 12;
/// The name of a heuristic dissector.
const TAG_HEURISTIC: u16 = 13;
/// The name of a dissector table.
const TAG_TABLE: u16 = 14;
/// 0 sent, 1 received.
pub(super) const TAG_DIRECTION: u16 = 35;

fn upper_pdu(data: &[u8]) -> Payload<'_> {
    const CUT: Payload<'_> = Payload::Bad("cut off in the tags of an exported PDU");
    let fields = Fields::new(data, true);
    let mut at = 0;
    let mut dissector = None;
    let mut from = None;
    loop {
        let (Some(tag), Some(length)) = (fields.u16(at), fields.u16(at + 2)) else {
            return CUT;
        };
        let length = usize::from(length);
        let Some(value) = data.get(at + 4..at + 4 + length) else {
            return CUT;
        };
        at += 4 + length;
        match tag {
            TAG_END => break,
            TAG_DISSECTOR | TAG_HEURISTIC | TAG_TABLE => dissector = Some(value),
            TAG_DIRECTION => {
                from = match Fields::new(value, true).u32(0) {
                    Some(0) => Some(Sender::Host),
                    Some(1) => Some(Sender::Module),
                    _ => None,
                };
            }
            _ => {}
        }
    }
    // Names are padded with zeros to a multiple of four.
    let dissector = dissector.map(|name| name.split(|&b| b == 0).next().unwrap_or_default());
    if let Some(name) = dissector.filter(|name| !matches!(*name, b"at" | b"data" | b"serial")) {
        return Payload::Foreign(name);
    }
    Payload::Serial { from, bytes: data.get(at..).unwrap_or_default(), fault: None }
}

/// Prepends the tags that make Wireshark show `bytes` with its AT dissector and the right direction.
pub(super) fn export_pdu(from: Sender, bytes: &[u8], out: &mut Vec<u8>) {
    debug_assert!(bytes.len() <= MAX_CHUNK, "writers cut what is longer");
    out.clear();
    for (tag, value) in [(TAG_DISSECTOR, *b"at\0\0"), (TAG_DIRECTION, (from.index() as u32).to_be_bytes())] {
        out.extend_from_slice(&tag.to_be_bytes());
        out.extend_from_slice(&4u16.to_be_bytes());
        out.extend_from_slice(&value);
    }
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exported_pdus_are_read_as_written() {
        let mut packet = Vec::new();
        for from in [Sender::Host, Sender::Module] {
            export_pdu(from, b"AT\r", &mut packet);
            let expected = Payload::Serial { from: Some(from), bytes: b"AT\r", fault: None };
            assert_eq!(payload(UPPER_PDU, false, &packet), expected);
            for end in 0..packet.len() - 3 {
                let cut = packet.get(..end).unwrap_or_default();
                assert!(matches!(payload(UPPER_PDU, false, cut), Payload::Bad(_)), "{end}");
            }
        }
    }

    #[test]
    fn other_dissectors_are_named() {
        let packet = b"\x00\x0c\x00\x04tcp\x00\x00\x00\x00\x00AT\r";
        assert_eq!(payload(UPPER_PDU, false, packet), Payload::Foreign(b"tcp"));
    }

    #[test]
    fn rtac_events_carry_direction_and_faults() {
        let packet = |event: u8, bytes: &[u8]| [&[0; 8][..], &[event, 0, 0, 0], bytes].concat();
        let serial = |from, fault| Payload::Serial { from: Some(from), bytes: b"x", fault };
        for (event, expected) in [
            (0, Payload::Nothing),
            (1, serial(Sender::Host, None)),
            (2, serial(Sender::Module, None)),
            (3, serial(Sender::Host, None)),
            (4, serial(Sender::Module, None)),
            (6, Payload::Nothing),
            (7, serial(Sender::Module, Some(FaultKind::Framing))),
            (8, serial(Sender::Module, Some(FaultKind::Parity))),
            (9, serial(Sender::Module, Some(FaultKind::Break))),
        ] {
            assert_eq!(payload(RTAC_SERIAL, false, &packet(event, b"x")), expected, "event {event}");
        }
        assert!(matches!(payload(RTAC_SERIAL, false, &packet(5, b"")), Payload::Lost(_)));
        assert!(matches!(payload(RTAC_SERIAL, false, b"short"), Payload::Bad(_)));
    }
}
