//! What format a recording is in, by its content alone.
//!
//! Looks at no more than [`LOOK_AHEAD`] bytes, and at no more than it needs: a format that starts with a magic number
//! or a header line is known from that, so that a pipe is not waited for. More bytes never change the answer.

use super::source::Source;
use super::transcript::BOM;
use super::{CaptureError, Format, logic, pcap, pcapng, saleae, terminal};
use crate::direction::{Evidence, LOOK_AHEAD};

/// Tells the format from a recording's first bytes; `None` if it is none that is known.
///
/// 64 KiB are enough; `head` may be all there is.
///
/// ```
/// use atscope::capture::{Format, detect};
///
/// assert_eq!(detect(b"# dialect: esp-at\n> AT\\r\\n\n"), Some(Format::Transcript));
/// assert_eq!(detect(b"AT\r\r\nOK\r\n"), Some(Format::Raw));
/// assert_eq!(detect(b"hello"), None);
/// ```
pub fn detect(head: &[u8]) -> Option<Format> {
    let head = head.get(..head.len().min(LOOK_AHEAD)).unwrap_or_default();
    certain(head, true).or_else(|| {
        let mut evidence = Evidence::default();
        evidence.feed(head);
        evidence.finish();
        (evidence.speaks_at() || terminal::Form::of(head).is_some()).then_some(Format::Raw)
    })
}

/// The format, if these bytes make it certain whatever follows; `whole` if nothing does.
fn certain(head: &[u8], whole: bool) -> Option<Format> {
    if pcap::is_pcap(head) {
        return Some(Format::Pcap);
    }
    if pcapng::is_pcapng(head) {
        return Some(Format::Pcapng);
    }
    if head.starts_with(logic::zip::LOCAL) {
        return logic::zip::names(head).find_map(|name| match name {
            name if logic::sr::is_name(name) => Some(Format::Sigrok),
            name if logic::dsl::is_name(name) => Some(Format::Dsl),
            _ => None,
        });
    }
    match logic::saleae_bin::is_digital(head) {
        Some(true) => return Some(Format::SaleaeBinary),
        // Told to be what it is when it is opened.
        Some(false) if head.len() >= 16 => return Some(Format::SaleaeBinary),
        _ => {}
    }
    let text = head.strip_prefix(BOM).unwrap_or(head);
    if logic::vcd_head::is_vcd(text).unwrap_or(false) {
        return Some(Format::Vcd);
    }
    let lines = || {
        text.split_inclusive(|&byte| byte == b'\n').map(|line| {
            let complete = whole || line.ends_with(b"\n") || text.len() >= LOOK_AHEAD;
            complete.then(|| line.trim_ascii_end())
        })
    };
    match logic::csv::is_table(lines()) {
        Some(true) => return Some(Format::LogicCsv),
        Some(false) => {}
        None => return None,
    }
    let mut lines = lines();
    let first = lines.next()??;
    if saleae::Table::of_header(first).is_some() {
        return Some(Format::Saleae);
    }
    if first == b"#" || first.starts_with(b"# ") {
        return comments(lines, first, whole);
    }
    if first.first() == Some(&b'@') && first.get(1).is_some_and(u8::is_ascii_digit) {
        return Some(Format::Transcript);
    }
    if first.starts_with(b"< ") {
        return Some(Format::Transcript);
    }
    // A module's prompt starts with the same two bytes, but its lines end in CR LF, and nothing in them is escaped.
    if let Some(rest) = first.strip_prefix(b"> ") {
        let bare = !text.get(first.len()..).unwrap_or_default().starts_with(b"\r");
        if rest.contains(&b'\\') || (bare && !rest.trim_ascii().is_empty()) {
            return Some(Format::Transcript);
        }
        let second = lines.next()??;
        if [&b"#"[..], b"@", b"> ", b"< "].iter().any(|start| second.starts_with(start)) {
            return Some(Format::Transcript);
        }
    }
    None
}

/// Whether what starts with a comment is a transcript: any is that has headers or records, or nothing but comments. A log whose
/// first line is a root's prompt is none.
fn comments<'l>(lines: impl Iterator<Item = Option<&'l [u8]>>, first: &[u8], whole: bool) -> Option<Format> {
    let is_header = |line: &[u8]| {
        let key = line
            .strip_prefix(b"# ")
            .and_then(|rest| rest.split(|&byte| byte == b':').next().filter(|key| key.len() < rest.len()));
        key.is_some_and(|key| {
            !key.is_empty() && key.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_ ".contains(byte))
        })
    };
    let is_record = |line: &[u8]| match line {
        [b'>' | b'<', ..] => true,
        [b'@', digit, ..] => digit.is_ascii_digit(),
        _ => false,
    };
    if is_header(first) {
        return Some(Format::Transcript);
    }
    let mut strange = false;
    for line in lines {
        let line = line?;
        if is_header(line) || is_record(line) {
            return Some(Format::Transcript);
        }
        strange |= !line.is_empty() && !line.starts_with(b"#");
    }
    (whole && !strange).then_some(Format::Transcript)
}

/// As [`detect`], reading as much of the source as it takes.
pub(super) fn detect_source(source: &mut Source) -> Result<Format, CaptureError> {
    source.fill(1)?;
    loop {
        let (head, ended) = (source.available(), source.ended());
        if let Some(format) = certain(head.get(..head.len().min(LOOK_AHEAD)).unwrap_or_default(), false) {
            return Ok(format);
        }
        if ended || head.len() >= LOOK_AHEAD {
            break;
        }
        source.grow()?;
    }
    let head = source.available();
    if head.is_empty() {
        return Err(source.damaged("empty: no record"));
    }
    if let Some(format) = detect(head) {
        return Ok(format);
    }
    // A packet capture that is cut off in its magic number.
    if pcap::MAGICS.iter().any(|magic| magic.starts_with(head))
        || pcapng::START.starts_with(head)
        || head == pcapng::START
    {
        return Err(source.damaged("the file header is cut off"));
    }
    Err(CaptureError::Unrecognised { file: source.file().to_owned(), what: unrecognised(head) })
}

fn unrecognised(head: &[u8]) -> String {
    let known = if head.starts_with(b"PK\x03\x04") {
        "a zip archive, but no session of sigrok (`.sr`) nor of DSView (`.dsl`)"
    } else if head.starts_with(b"\x1F\x8B") {
        "compressed with gzip: unpack it first"
    } else {
        "neither a transcript, pcap, pcapng, Saleae table or logic-analyzer capture, nor does it hold AT commands or \
         answers; if it is raw bytes of a serial line, say whose: --host, --module or --mixed; \
         if it is bare samples of a logic analyzer, say --samplerate"
    };
    known.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_decides() {
        for (head, format) in [
            (&b"@0.1 > AT\\r\n"[..], Some(Format::Transcript)),
            (b"\xEF\xBB\xBF# hi\r\n", Some(Format::Transcript)),
            (b"> AT\\r\\n\n< OK\\r\\n\n", Some(Format::Transcript)),
            (b"> AT\\r\\n", Some(Format::Transcript)),
            (b"> AT", Some(Format::Transcript)),
            (b"> AT\r\n@0.1 < OK\r\n", Some(Format::Transcript)),
            (b"# picocom -b 115200 /dev/ttyUSB0\r\nAT+CSQ\r\n+CSQ: 20,0\r\n\r\nOK\r\n", Some(Format::Raw)),
            (b"# a comment\n\nAT\\r\\n\n> AT\\r\\n\n", Some(Format::Transcript)),
            (b"# dialect: esp-at\nAT\n", Some(Format::Transcript)),
            (b"# nothing yet\n", Some(Format::Transcript)),
            (b"> \r\nSEND OK\r\n", Some(Format::Raw)),
            (b"> hello\r\nSEND OK\r\n", Some(Format::Raw)),
            (b"\xD4\xC3\xB2\xA1", Some(Format::Pcap)),
            (b"\x0A\x0D\x0D\x0A\x1C\x00\x00\x00\x4D\x3C\x2B\x1A", Some(Format::Pcapng)),
            (b"name,type,start_time,duration,data,error\n", Some(Format::Saleae)),
            (b"Time [s],Value,Parity Error,Framing Error\r\n", Some(Format::Saleae)),
            (b"\r\n+CPIN: READY\r\n", Some(Format::Raw)),
            (b"AT+CSQ", Some(Format::Raw)),
            (b"PK\x03\x04", None),
            (b"<SALEAE>\0\0\0\0\0\0\0\0", Some(Format::SaleaeBinary)),
            (b"$date today $end", Some(Format::Vcd)),
            (b"\n$timescale 1ns $end\n", Some(Format::Vcd)),
            (b"$GPRMC,1,2", None),
            (b"; CSV generated by libsigrok 0.5.2\n", Some(Format::LogicCsv)),
            (b"; CSV, generated by libsigrok4DSL 0.2.0 on today\n", Some(Format::LogicCsv)),
            (b"Time [s],Channel 0,Channel 1\n0.000000000,0,1\n", Some(Format::LogicCsv)),
            (b"Time[s], Channel 0, Channel 1\n0.000000000000000, 0, 1\n", Some(Format::LogicCsv)),
            (b"Time [s],Channel 0,Ch2\n2026-01-31T12:00:00.5+00:00,0,X\n", Some(Format::LogicCsv)),
            (b"Time [s],Channel 0\n0.000000000,3.31\n", None),
            (b"Time [s],Analyzer Name,Decoded Protocol Result\n0.1,A,0\n", Some(Format::Saleae)),
            (b"GET / HTTP/1.1\r\n", None),
            (b"", None),
        ] {
            assert_eq!(detect(head), format, "{}", head.escape_ascii());
        }
    }
}
