//! USB captures: which bulk transfers are those of a modem's AT port.
//!
//! Each transfer shows twice, submitted and completed: data to the device is in the first, data from it in the
//! second. The pair of endpoints that speaks AT is found by content within a bounded look-ahead; the user may name it.

use std::collections::BTreeMap;
use std::fmt;

use super::link::Payload;
use super::source::Fields;
use crate::Sender;
use crate::direction::Evidence;

/// Bytes that may be held back until the pair is found.
pub(super) const LOOK_AHEAD: usize = 256 * 1024;
/// Bytes without a line of AT after which an endpoint's data is no longer held back.
const HOPELESS: u64 = 8 * 1024;
/// Endpoints that are kept apart; real captures have dozens.
const MOST_ENDPOINTS: usize = 1024;
/// Answers behind commands that make the pair certain.
const CERTAIN: u32 = 3;

/// A device on a bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Device {
    pub(super) bus: u16,
    pub(super) number: u16,
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.bus, self.number)
    }
}

/// A bulk transfer with data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Transfer<'a> {
    pub(super) device: Device,
    /// The endpoint's address; bit 7 is set where data comes from the device.
    pub(super) endpoint: u8,
    pub(super) bytes: &'a [u8],
}

/// Bit 7 of an endpoint's address: from the device.
const IN: u8 = 0x80;

/// Reads a packet of Linux' usbmon with a header of so many bytes.
pub(super) fn linux(data: &[u8], big: bool, header: usize) -> Payload<'_> {
    let fields = Fields::new(data, big);
    let read = || {
        let (event, kind, endpoint, device) = (fields.u8(8)?, fields.u8(9)?, fields.u8(10)?, fields.u8(11)?);
        Some((event, kind, endpoint, device, fields.u16(12)?, fields.u32(36)?, data.get(header..)?))
    };
    let Some((event, kind, endpoint, device, bus, length, rest)) = read() else {
        return Payload::Bad("shorter than a USB_LINUX header");
    };
    let wanted = if endpoint & IN == 0 { b'S' } else { b'C' };
    let bytes = rest.get(..length as usize).unwrap_or(rest);
    if kind != 3 || event != wanted || bytes.is_empty() {
        return Payload::Nothing;
    }
    Payload::Usb(Transfer { device: Device { bus, number: u16::from(device) }, endpoint, bytes })
}

/// Reads a packet of USBPcap, which is little endian in any file.
pub(super) fn usbpcap(data: &[u8]) -> Payload<'_> {
    let fields = Fields::new(data, false);
    let read = || {
        let (info, bus, device) = (fields.u8(16)?, fields.u16(17)?, fields.u16(19)?);
        let (endpoint, kind, length) = (fields.u8(21)?, fields.u8(22)?, fields.u32(23)?);
        let header = usize::from(fields.u16(0)?).max(27);
        Some((info, bus, device, endpoint, kind, length, data.get(header..)?))
    };
    let Some((info, bus, device, endpoint, kind, length, rest)) = read() else {
        return Payload::Bad("shorter than a USBPcap header");
    };
    let completed = info & 1 != 0;
    let bytes = rest.get(..length as usize).unwrap_or(rest);
    if kind != 3 || completed != (endpoint & IN != 0) || bytes.is_empty() {
        return Payload::Nothing;
    }
    Payload::Usb(Transfer { device: Device { bus, number: device }, endpoint, bytes })
}

/// What the user asked for: `BUS.DEVICE[.OUT[.IN]]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wish {
    device: Device,
    out: Option<u8>,
    back: Option<u8>,
}

impl Wish {
    /// Reads `1.5`, `1.5.2` or `1.5.2.4`; endpoints with or without bit 7, in decimal or as `0x81`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let bus = parts.next()?.parse().ok()?;
        let number = parts.next()?.parse().ok()?;
        let mut endpoint = || match parts.next() {
            None => Some(None),
            Some(text) => {
                let number = match text.strip_prefix("0x") {
                    Some(hex) => u8::from_str_radix(hex, 16).ok()?,
                    None => text.parse().ok()?,
                };
                Some(Some(number & !IN))
            }
        };
        let (out, back) = (endpoint()?, endpoint()?.map(|number: u8| number | IN));
        if parts.next().is_some() { None } else { Some(Self { device: Device { bus, number }, out, back }) }
    }
}

impl Wish {
    pub(super) fn allows(&self, device: Device) -> bool {
        self.device == device
    }
}

/// The line that was taken: a device with an endpoint for each direction, or one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line {
    device: Device,
    out: Option<u8>,
    back: Option<u8>,
}

impl Line {
    /// Who sends through this endpoint; `None` if it is not part of the line.
    pub(super) fn sender(&self, device: Device, endpoint: u8) -> Option<Sender> {
        if device != self.device {
            None
        } else if Some(endpoint) == self.out {
            Some(Sender::Host)
        } else if Some(endpoint) == self.back {
            Some(Sender::Module)
        } else {
            None
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "USB device {}", self.device)?;
        match (self.out, self.back.map(|back| back & !IN)) {
            (Some(out), Some(back)) => write!(f, ", endpoints {out} (out) and {back} (in)"),
            (Some(out), None) => write!(f, ", endpoint {out} (out) alone"),
            (None, Some(back)) => write!(f, ", endpoint {back} (in) alone"),
            (None, None) => Ok(()),
        }
    }
}

/// What the bulk endpoints of a capture carry.
#[derive(Debug, Default)]
pub(super) struct Survey {
    endpoints: BTreeMap<(Device, u8), Evidence>,
    /// How often an answer on one endpoint followed a command on another one: device, out, in.
    follows: BTreeMap<(Device, u8, u8), u32>,
    /// The endpoint that the last command went to.
    asked: Option<(Device, u8)>,
}

impl Survey {
    /// Whether no bulk transfer with data was seen.
    pub(super) fn is_empty(&self) -> bool {
        self.endpoints.is_empty()
    }

    /// How many endpoints carried data.
    pub(super) fn len(&self) -> usize {
        self.endpoints.len()
    }

    /// Whether anybody spoke AT.
    pub(super) fn speaks_at(&self) -> bool {
        self.endpoints.values().any(Evidence::speaks_at)
    }

    /// Whether an endpoint is worth another look.
    pub(super) fn wants(&self, device: Device, endpoint: u8) -> bool {
        self.endpoints.get(&(device, endpoint)).is_none_or(|evidence| evidence.bytes < HOPELESS)
    }

    /// Takes what stands behind the last line ends for lines.
    pub(super) fn finish(&mut self) {
        self.endpoints.values_mut().for_each(Evidence::finish);
    }

    pub(super) fn feed(&mut self, transfer: &Transfer<'_>) {
        let key = (transfer.device, transfer.endpoint);
        if self.endpoints.len() >= MOST_ENDPOINTS && !self.endpoints.contains_key(&key) {
            return;
        }
        let evidence = self.endpoints.entry(key).or_default();
        let answers = evidence.answers;
        let command = evidence.feed(transfer.bytes);
        if transfer.endpoint & IN == 0 {
            if command {
                self.asked = Some(key);
            }
        } else if evidence.answers > answers
            && let Some((device, out)) = self.asked.filter(|&(device, _)| device == transfer.device)
        {
            *self.follows.entry((device, out, transfer.endpoint)).or_default() += 1;
        }
    }

    /// Whether more of the capture would change nothing.
    pub(super) fn is_certain(&self) -> bool {
        self.follows.values().any(|&count| count >= CERTAIN)
    }

    /// Whether this endpoint carried a lot and no AT.
    pub(super) fn is_hopeless(&self, device: Device, endpoint: u8) -> bool {
        self.endpoints
            .get(&(device, endpoint))
            .is_none_or(|evidence| evidence.bytes > HOPELESS && !evidence.speaks_at())
    }

    /// Takes the pair that speaks AT, of those that the user allows.
    ///
    /// # Errors
    /// A sentence that says what there is, where none speaks AT or the one asked for is not there.
    pub(super) fn choose(&self, wish: Option<Wish>) -> Result<Line, String> {
        let allowed = |device: Device| wish.is_none_or(|wish| wish.device == device);
        if let Some(Wish { device, out: Some(out), back: Some(back) }) = wish {
            if !self.endpoints.keys().any(|&(there, endpoint)| there == device && (endpoint == out || endpoint == back))
            {
                return Err(format!(
                    "no bulk transfer of the selected endpoints {device}.{out}.{}; {}",
                    back & !IN,
                    self
                ));
            }
            return Ok(Line { device, out: Some(out), back: Some(back) });
        }
        let fits = |out: u8| wish.and_then(|wish| wish.out).is_none_or(|wanted| wanted == out);
        // The most answered one; of equals the one whose endpoints share a number, then the lowest.
        let answered = self.follows.iter().filter(|((device, out, _), _)| allowed(*device) && fits(*out));
        let best = answered.max_by_key(|((device, out, back), count)| {
            (**count, *out == *back & !IN, std::cmp::Reverse((*device, *out, *back)))
        });
        if let Some((&(device, out, back), _)) = best {
            return Ok(Line { device, out: Some(out), back: Some(back) });
        }
        // Nothing was answered: endpoints that speak AT, else, where the user named the device, the only ones there are.
        let best = |of: Option<Device>, direction: u8, count: fn(&Evidence) -> u64| {
            let candidates = self.endpoints.iter().filter(|((device, endpoint), _)| {
                of.map_or_else(|| allowed(*device), |of| of == *device) && endpoint & IN == direction
            });
            let candidates = candidates.filter(|((_, endpoint), _)| direction == IN || fits(*endpoint));
            let speaking = candidates.clone().filter(|(_, evidence)| count(evidence) > 0);
            let found = speaking.max_by_key(|(key, evidence)| (count(evidence), std::cmp::Reverse(**key)));
            let mut named = candidates.filter(|_| wish.is_some() || of.is_some());
            found.or_else(|| named.next().filter(|_| named.next().is_none())).map(|(key, _)| *key)
        };
        let out = best(None, 0, |evidence| evidence.commands);
        let back = best(out.map(|(device, _)| device), IN, |evidence| evidence.answers);
        match (out, back) {
            (None, None) if wish.is_some() => Err(format!("no bulk transfer of the selected line; {self}")),
            (None, None) => Err(format!("no USB endpoint speaks AT; {self}")),
            (Some((device, _)), _) | (None, Some((device, _))) => {
                let number = |found: Option<(Device, u8)>| found.map(|(_, endpoint)| endpoint);
                Ok(Line { device, out: number(out), back: number(back) })
            }
        }
    }

    /// What is there beside the line that was taken; empty if nothing.
    pub(super) fn others(&self, line: &Line) -> String {
        self.list(|device, endpoint| line.sender(device, endpoint).is_none())
    }

    fn list(&self, wanted: impl Fn(Device, u8) -> bool) -> String {
        const MOST: usize = 16;
        let there = self.endpoints.iter().filter(|((device, endpoint), _)| wanted(*device, *endpoint));
        let mut text = Vec::new();
        for ((device, endpoint), evidence) in there.clone().take(MOST) {
            let (number, way) = (endpoint & !IN, if endpoint & IN == 0 { "out" } else { "in" });
            let speaks = if evidence.speaks_at() { ", speaks AT" } else { "" };
            text.push(format!("{device} endpoint {number} {way} ({} bytes{speaks})", evidence.bytes));
        }
        let more = there.count().saturating_sub(MOST);
        if more > 0 {
            text.push(format!("{more} more"));
        }
        text.join(", ")
    }
}

impl fmt::Display for Survey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.list(|_, _| true);
        if all.is_empty() {
            f.write_str("the capture holds no bulk transfer with data")
        } else {
            write!(f, "bulk endpoints: {all}; choose as BUS.DEVICE.OUT.IN")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODEM: Device = Device { bus: 1, number: 5 };

    fn survey(transfers: &[(Device, u8, &[u8])]) -> Survey {
        let mut survey = Survey::default();
        for &(device, endpoint, bytes) in transfers {
            survey.feed(&Transfer { device, endpoint, bytes });
        }
        survey
    }

    #[test]
    fn wishes_are_read() {
        let wish = |out, back| Some(Wish { device: MODEM, out, back });
        assert_eq!(Wish::parse("1.5"), wish(None, None));
        assert_eq!(Wish::parse("1.5.2"), wish(Some(2), None));
        assert_eq!(Wish::parse("1.5.2.0x84"), wish(Some(2), Some(0x84)));
        for bad in ["", "1", "1.", "x.5", "1.5.2.3.4", "1.5.", "1.5.300"] {
            assert_eq!(Wish::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_answered_pair_is_taken() {
        let disk = Device { bus: 1, number: 7 };
        let survey = survey(&[
            (disk, 1, b"USBC AT\r\n"),
            (disk, 0x81, b"\r\nOK\r\n"),
            (MODEM, 1, b"AT\r"),
            (MODEM, 0x83, b"$GPGGA,1\r\n"),
            (MODEM, 0x82, b"\r\nOK\r\n"),
        ]);
        let line = survey.choose(None).expect("a pair speaks AT");
        assert_eq!(line, Line { device: MODEM, out: Some(1), back: Some(0x82) });
        assert_eq!(line.sender(MODEM, 0x82), Some(Sender::Module));
        assert_eq!(line.sender(disk, 1), None);
        assert!(survey.others(&line).contains("1.5 endpoint 3 in"), "{}", survey.others(&line));
    }

    #[test]
    fn what_is_not_there_is_said() {
        let survey = survey(&[(MODEM, 1, b"\x00\x01"), (MODEM, 0x82, b"\x02")]);
        let error = survey.choose(None).expect_err("nobody speaks AT");
        assert!(error.contains("1.5 endpoint 1 out (2 bytes)"), "{error}");
        let line = survey.choose(Wish::parse("1.5")).expect("the only pair of the device");
        assert_eq!(line, Line { device: MODEM, out: Some(1), back: Some(0x82) });
        assert!(survey.choose(Wish::parse("1.6")).is_err());
        assert!(survey.choose(Wish::parse("1.5.7.8")).is_err());
    }
}
