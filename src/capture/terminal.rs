//! Logs of terminal programs that put a stamp or a direction ahead of each line: `[12:34:56.789] OK`,
//! `2024-01-01 12:00:00.123 -> AT`, `RX: OK`.
//!
//! Taken for one only where nearly every line carries the same form, since payload may look like a stamp; all other raw
//! bytes stay as they are. Times count from the first stamp. Which of two marks is the host's is told by which has the
//! commands: programs do not agree on it. Line ends that the log does not show are CR LF again, and a note says so.

use self::prefix::{LONGEST, PAIRS, Prefix, Stamp, decorations, prefix};
use self::text::{has_ends, hex_bytes, inner, is_quoted, push_shown};
use super::source::Source;
use super::{CaptureError, Format, MAX_CHUNK, Meta, Pull, Record};
use crate::direction::{LOOK_AHEAD, Typed, is_answer, is_command};
use crate::{Sender, Time};

mod prefix;
mod text;

const DAY: u64 = 86_400_000_000_000;

/// What a program puts ahead of each line, and how it writes the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Form {
    stamped: bool,
    /// The marks in use, and which of the two is the host's.
    marks: Option<(usize, usize)>,
    /// The one mark of nearly all lines.
    lone: Option<(usize, usize)>,
    /// What a logger has behind the stamp, on nearly every line the same.
    tag: Vec<u8>,
    /// Bytes are written as pairs of hex digits.
    hex: bool,
    /// Line ends are written out: `<CR><LF>`.
    shown_ends: bool,
    /// The text stands in quotes.
    quoted: bool,
}

impl Form {
    /// The form that nearly all lines of a log's start have, or its first line and many others, where what comes at once is printed as it
    /// is, lines and all; `None` where there is none.
    pub(super) fn of(head: &[u8]) -> Option<Self> {
        let head = head.get(..LOOK_AHEAD).unwrap_or(head);
        // Of a last line that goes on, what stands ahead of its text must be there.
        let end = memchr::memrchr(b'\n', head).map_or(0, |end| end + 1);
        let goes_on = head.len() == LOOK_AHEAD && head.len() - end < LONGEST;
        let whole = if goes_on { head.get(..end).unwrap_or_default() } else { head };
        let lines = || whole.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii_end).filter(|line| !line.is_empty());
        let (mut count, mut stamps, mut marked) = (0_usize, 0_usize, [[0_usize; 2]; PAIRS]);
        for line in lines() {
            let prefix = prefix(line);
            count += 1;
            stamps += usize::from(prefix.stamp.is_some());
            if let Some((pair, side)) = prefix.mark
                && let Some(of) = marked.get_mut(pair).and_then(|pair| pair.get_mut(side))
            {
                *of += 1;
            }
        }
        let first = lines().next().map(prefix).unwrap_or_default();
        let nearly = |some: usize, all: usize| all >= 2 && some * 20 >= all * 19;
        let nearly_all = |some: usize| nearly(some, count);
        let many = |some: usize| some >= 2 && some * 5 >= count;
        let stamped = nearly_all(stamps) || first.stamp.is_some() && many(stamps);
        // A bare arrow may be a prompt.
        let leads = |pair: usize| (pair == 0 || stamped) && first.mark.is_some_and(|mark| mark.0 == pair);
        let pair = marked.iter().enumerate().position(|(pair, [one, other])| {
            *one > 0 && *other > 0 && (nearly_all(one + other) || leads(pair) && many(one + other))
        });
        if !stamped && pair.is_none() {
            return None;
        }
        let marks = pair.map(|pair| (pair, 0));
        // One arrow on all lines says nothing of a direction.
        let lone = |(pair, sides): (usize, &[usize; 2])| {
            sides.iter().position(|&side| nearly_all(side)).map(|side| (pair, side))
        };
        let lone = if marks.is_none() { marked.iter().enumerate().find_map(lone) } else { None };
        let mut form = Self { stamped, marks, lone, tag: Vec::new(), hex: false, shown_ends: false, quoted: false };
        if marks.is_none() {
            form.tag = form.common_tag(lines().filter(|line| form.is_begun_by(line)));
        }
        let begun = || lines().filter(|line| form.is_begun_by(line));
        let texts = || begun().map(|line| form.split(line).1);
        let all = begun().count();
        let (mut hex, mut ends, mut quoted) = (0, 0, 0);
        for text in texts() {
            hex += usize::from(hex_bytes(text).is_some());
            ends += usize::from(has_ends(text));
            quoted += usize::from(is_quoted(text));
        }
        let hex = nearly(hex, all);
        let shown_ends = !hex && ends * 2 >= all;
        let quoted = shown_ends && nearly(quoted, all);
        let mut form = Self { hex, shown_ends, quoted, ..form };
        let mut commands = [0_usize; 2];
        let mut speaks = false;
        let mut bytes = Vec::new();
        for line in lines() {
            let (prefix, text) = form.split(line);
            bytes.clear();
            form.bytes(text, &mut bytes);
            let command = is_command(&bytes);
            speaks |= command || is_answer(&bytes);
            if let (Some((_, side)), true) = (prefix.mark, command)
                && let Some(count) = commands.get_mut(side)
            {
                *count += 1;
            }
        }
        let [first, second] = commands;
        form.marks = form.marks.map(|(pair, _)| (pair, usize::from(second > first)));
        speaks.then_some(form)
    }

    /// Whether a line has what this form puts ahead of a line, and does not go on with the one before.
    fn is_begun_by(&self, line: &[u8]) -> bool {
        let found = self.split(line).0;
        found.stamp.is_some() == self.stamped && found.mark.is_some() == self.marks.is_some()
    }

    /// What a logger has behind the stamps of nearly all lines.
    fn common_tag<'l>(&self, lines: impl Iterator<Item = &'l [u8]>) -> Vec<u8> {
        let mut tags: Vec<(&[u8], usize)> = Vec::new();
        let mut count = 0;
        for line in lines {
            let text = self.split(line).1;
            let tag = text.get(..decorations(text)).unwrap_or_default();
            count += 1;
            if let Some(known) = tags.iter_mut().find(|known| known.0 == tag) {
                known.1 += 1;
            } else if tags.len() < 8 {
                tags.push((tag, 1));
            }
        }
        let most = tags.into_iter().max_by_key(|tag| tag.1);
        most.filter(|tag| tag.1 * 20 >= count * 19).map_or_else(Vec::new, |tag| tag.0.to_vec())
    }

    /// What this form has ahead of a line, and the line's text.
    fn split<'l>(&self, line: &'l [u8]) -> (Prefix, &'l [u8]) {
        let found = prefix(line);
        // The colour that a line starts with ends with it.
        let line = if line.starts_with(b"\x1B[") { line.strip_suffix(b"\x1B[0m").unwrap_or(line) } else { line };
        if found.stamp.is_some() != self.stamped {
            return (Prefix::default(), line);
        }
        let marked = match (self.marks, found.mark) {
            (Some(marks), Some(mark)) => marks.0 == mark.0,
            (None, mark) => mark.is_some() && mark == self.lone,
            (Some(_), None) => false,
        };
        // A word of the text may look like a mark: `SEND OK`.
        let (len, mark) = if marked { (found.len, found.mark) } else { (found.stamp_len, None) };
        let mark = mark.filter(|_| self.marks.is_some());
        let found = Prefix { mark, len, ..found };
        let text = line.get(len..).unwrap_or_default();
        // SSCOM's sign of the end of what was sent.
        let text = if mark.is_some() { text.strip_suffix("\u{25A1}".as_bytes()).unwrap_or(text) } else { text };
        (found, text.strip_prefix(self.tag.as_slice()).unwrap_or(text))
    }

    /// Appends the bytes that a line's text stands for.
    fn bytes(&self, text: &[u8], out: &mut Vec<u8>) {
        if self.hex
            && let Some(bytes) = hex_bytes(text)
        {
            out.extend_from_slice(&bytes);
        } else if self.shown_ends && has_ends(text) {
            push_shown(if self.quoted { inner(text) } else { text }, out);
        } else {
            out.extend_from_slice(if self.quoted { inner(text) } else { text });
            out.extend_from_slice(b"\r\n");
        }
    }
}

/// A log of a terminal program.
pub(super) struct Terminal {
    source: Source,
    meta: Meta,
    form: Form,
    /// The first stamp, the last one, and what midnights added.
    clock: Option<(u64, u64, u64)>,
    /// Of the last line.
    from: Sender,
    last: Option<Time>,
    typed: Typed,
    /// Inside a line that is longer than a chunk.
    inside: bool,
}

impl Terminal {
    pub(super) fn new(source: Source, form: Form) -> Self {
        let mut meta = Meta::new(Format::Raw);
        let stamp = if form.stamped { "time" } else { "direction" };
        let more = if form.stamped && form.marks.is_some() { " and direction" } else { "" };
        meta.note(format!("read as a log of a terminal program, which puts the {stamp}{more} ahead of each line"));
        if form.marks.is_none() {
            meta.note("lines that look like commands are the host's, all else is the module's");
            meta.echoes = true;
        }
        if !form.hex {
            meta.note("the log does not keep line ends: each line ends in CR LF, unless it shows others");
        }
        Self {
            source,
            meta,
            form,
            clock: None,
            from: Sender::Module,
            last: None,
            typed: Typed::default(),
            inside: false,
        }
    }

    fn time(&mut self, stamp: Stamp) -> Time {
        let Stamp { nanos: stamp, runs_on } = stamp;
        let (first, last, added) = self.clock.unwrap_or((stamp, stamp, 0));
        // Past midnight; a clock that was set back a little was no midnight.
        let added = if !runs_on && stamp + DAY / 2 < last { added.saturating_add(DAY) } else { added };
        self.clock = Some((first, stamp, added));
        Time::from_nanos(stamp.saturating_add(added).saturating_sub(first))
    }
}

impl Pull for Terminal {
    fn pull(&mut self, out: &mut Record) -> Result<bool, CaptureError> {
        let mut searched = 0;
        let (count, ended) = loop {
            let available = self.source.available();
            let within = available.get(searched..available.len().min(MAX_CHUNK / 2)).unwrap_or_default();
            if let Some(at) = memchr::memchr(b'\n', within) {
                break (searched + at + 1, true);
            }
            searched = available.len().min(MAX_CHUNK / 2);
            if searched >= MAX_CHUNK / 2 || self.source.ended() {
                break (searched, self.source.ended() && searched == available.len());
            }
            self.source.grow()?;
        };
        if count == 0 {
            self.source.check()?;
            return Ok(false);
        }
        let line = self.source.available().get(..count).unwrap_or_default().to_vec();
        self.source.consume(count);
        let line = line.strip_suffix(b"\n").unwrap_or(&line);
        let line = if ended { line.strip_suffix(b"\r").unwrap_or(line) } else { line };
        if self.inside {
            out.bytes.extend_from_slice(line);
            out.bytes.extend_from_slice(if ended { b"\r\n" } else { b"" });
        } else {
            let (prefix, text) = self.form.split(line);
            let time = prefix.stamp.map(|stamp| self.time(stamp));
            // What goes on came with what it goes on from.
            out.time = time.or(self.last);
            self.last = out.time;
            if ended {
                self.form.bytes(text, &mut out.bytes);
            } else {
                out.bytes.extend_from_slice(text);
            }
            match (self.form.marks, prefix.mark) {
                (Some((_, host)), Some((_, side))) => {
                    self.from = if side == host { Sender::Host } else { Sender::Module };
                }
                (Some(_), None) => {}
                (None, _) => {
                    self.from = if self.typed.is_host(&out.bytes) { Sender::Host } else { Sender::Module };
                    self.typed.take(&out.bytes);
                }
            }
        }
        out.from = self.from;
        self.inside = !ended;
        Ok(true)
    }

    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn offset(&self) -> u64 {
        self.source.offset()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, clippy::unwrap_used)]
    use super::*;

    type Line = (Sender, Option<u64>, String);

    fn read(log: &str) -> Vec<Line> {
        let mut source = Source::new("log", Box::new(std::io::Cursor::new(log.as_bytes().to_vec())));
        let form = Form::of(source.fill(LOOK_AHEAD).unwrap()).expect(log);
        let mut terminal = Terminal::new(source, form);
        let mut lines = Vec::new();
        let mut record = Record::new();
        while terminal.pull(&mut record).unwrap() {
            let millis = record.time.map(|time| time.as_nanos() / 1_000_000);
            lines.push((record.from, millis, crate::escape::escape(&record.bytes).to_string()));
            record.clear();
        }
        lines
    }

    fn expect(log: &str, times: [Option<u64>; 2]) {
        let lines = read(log);
        let wanted = [(Sender::Host, times[0], r"AT+CSQ\r\n"), (Sender::Module, times[1], r"+CSQ: 20,0\r\n")];
        let wanted: Vec<Line> = wanted.map(|(from, time, text)| (from, time, text.to_owned())).into();
        assert_eq!(lines, wanted, "{log}");
    }

    #[test]
    fn stamps_and_marks_are_taken_off() {
        let timed = [Some(0), Some(111)];
        for log in [
            "[12:34:56.789] AT+CSQ\r\n[12:34:56.900] +CSQ: 20,0\r\n",
            "12:34:56.789 -> AT+CSQ\n12:34:56.900 -> +CSQ: 20,0\n",
            "12:34:56.789 -> AT+CSQ\n12:34:56.900 <- +CSQ: 20,0\n",
            "2024-01-01 12:34:56.789: AT+CSQ\n2024-01-01 12:34:56.900: +CSQ: 20,0\n",
            "[2024-01-01 12:34:56.789] TX: AT+CSQ\n[2024-01-01 12:34:56.900] RX: +CSQ: 20,0\n",
            "[12:34:56:789][TX] AT+CSQ\n[12:34:56:900][RX] +CSQ: 20,0\n",
            "(12:34:56.789) (<<) AT+CSQ<CR><LF>\n(12:34:56.900) (>>) +CSQ: 20,0<CR><LF>\n",
            "12:34:56,789 >> 41 54 2B 43 53 51 0D 0A\n12:34:56,900 << 2B 43 53 51 3A 20 32 30 2C 30 0D 0A\n",
            "23:59:59.900 AT+CSQ\n00:00:00.011 +CSQ: 20,0",
            "0.789 > AT+CSQ\n0.900 < +CSQ: 20,0\n",
            "[   12.789000] AT+CSQ\n[   12.900000] +CSQ: 20,0\n",
            "31.12.2024 23:59:59.900 AT+CSQ\n01.01.2025 00:00:00.011 +CSQ: 20,0\n",
            "2/28/2023, 11:59:59.900 AM AT+CSQ\n2/28/2023, 12:00:00.011 PM +CSQ: 20,0\n",
            "2024-01-01T12:34:56.789Z,TX,AT+CSQ\n2024-01-01T12:34:56.900Z,RX,+CSQ: 20,0\n",
            "Dec  1 12:34:56.789 host chat[77]: send (AT+CSQ^M^J)\nDec  1 12:34:56.900 host chat[77]: recv (+CSQ: 20,0^M^J)\n",
            "<debug> [1700000000.123456] [modem0/ttyUSB2/at] --> 'AT+CSQ<CR><LF>'\n<debug> [1700000000.234456] [modem0/ttyUSB2/at] <-- '+CSQ: 20,0<CR><LF>'\n",
            "I (1789) modem: AT+CSQ\nI (1900) modem: +CSQ: 20,0\n",
            "\x1B[0;32mI (1789) modem: AT+CSQ\x1B[0m\n\x1B[0;32mI (1900) modem: +CSQ: 20,0\x1B[0m\n",
            "[00:00:01.789,000] <dbg> modem: TX: AT+CSQ\n[00:00:01.900,000] <dbg> modem: RX: +CSQ: 20,0\n",
            "2024-01-01 12:34:56,789 DEBUG at: sent b'AT+CSQ\\r\\n'\n2024-01-01 12:34:56,900 DEBUG at: received b'+CSQ: 20,0\\r\\n'\n",
            "01.12.2026 12:34:56.789 [TX] - AT+CSQ<CR><LF>\n01.12.2026 12:34:56.900 [RX] - +CSQ: 20,0<CR><LF>\n",
            "[12:34:56.789]发→◇AT+CSQ□\n[12:34:56.900]收←◆+CSQ: 20,0\n",
            "12:34:56.789 TX -> AT+CSQ\n12:34:56.900 RX <- +CSQ: 20,0\n",
            "[12:34:56.789] [INFO] [SEND] AT+CSQ\n[12:34:56.900] [INFO] [RECV] +CSQ: 20,0\n",
        ] {
            expect(log, timed);
        }
        for log in [
            "TX: AT+CSQ\nRX: +CSQ: 20,0\n",
            ">> AT+CSQ\n<< +CSQ: 20,0\n",
            "<-- AT+CSQ\n--> +CSQ: 20,0\n",
            "Sent: AT+CSQ\nReceived: +CSQ: 20,0\n",
            "D/modem: TX: 0x41 0x54 0x2B 0x43 0x53 0x51 0x0D 0x0A\nD/modem: RX: 2B-43-53-51-3A-20-32-30-2C-30-0D-0A\n",
            "[TX] \"AT+CSQ\\r\\n\"\n[RX] \"+CSQ: 20,0\\r\\n\"\n",
        ] {
            expect(log, [None, None]);
        }
        let dates = "2024-02-28 23:59:59 AT\n2024-03-01 00:00:00 OK\n";
        assert_eq!(read(dates)[1].1, Some(86_401_000), "a leap day");
    }

    #[test]
    fn what_looks_like_a_mark_is_text_where_no_mark_is() {
        let log = "12:00:00 AT+CIPSEND=4\n12:00:00 OK\n12:00:00 >\n12:00:01 Recv 4 bytes\n12:00:01 SEND OK\n";
        let texts: Vec<String> = read(log).into_iter().map(|line| line.2).collect();
        assert_eq!(texts.concat(), r"AT+CIPSEND=4\r\nOK\r\n>\r\nRecv 4 bytes\r\nSEND OK\r\n");
        let log = "1.25: +CSQ: 20,0\n2.25: +CSQ: 21,0\n";
        assert_eq!(read(log)[1].2, r"+CSQ: 21,0\r\n", "the name of an answer is no tag");
    }

    #[test]
    fn what_comes_at_once_is_printed_as_it_is() {
        for log in [
            "[12:00:00.000]发→◇AT+CSQ□\r\n[12:00:00.100]收←◆\r\n+CSQ: 20,0\r\n\r\nOK\r\n",
            "12:00:00.000 TX: AT+CSQ\n12:00:00.100 RX:\n+CSQ: 20,0\n\nOK\n",
        ] {
            let lines = read(log);
            let texts: String = lines.iter().map(|line| line.2.as_str()).collect();
            assert_eq!(texts, r"AT+CSQ\r\n\r\n+CSQ: 20,0\r\n\r\nOK\r\n");
            assert!(lines.iter().skip(1).all(|line| (line.0, line.1) == (Sender::Module, Some(100))), "{lines:?}");
        }
    }

    #[test]
    fn a_line_that_comes_twice_is_typed_and_echoed() {
        let log = "1.0 AT\n1.1 AT\n1.2 OK\n2.0 AT+CSQ\n2.1 \n2.2 AT+CSQ\n2.3 OK\n3.0 AT+CSQ\n";
        let (host, module) = (Sender::Host, Sender::Module);
        let senders: Vec<Sender> = read(log).iter().map(|line| line.0).collect();
        assert_eq!(senders, [host, module, module, host, module, module, module, host]);
    }

    #[test]
    fn other_bytes_are_left_alone() {
        for log in [
            "AT+CSQ\r\r\n+CSQ: 20,0\r\n\r\nOK\r\n",
            "AT+CIPSNTPTIME?\r\n+CIPSNTPTIME:Mon Dec 12 02:33:32 2016\r\nOK\r\n",
            "AT+CCLK?\r\n12:34:56.789 -> x\r\nOK\r\n",
            "12:34:56 hello\n12:34:57 world\n",
            "> \r\nSEND OK\r\n",
            "",
        ] {
            assert_eq!(Form::of(log.as_bytes()), None, "{log}");
        }
    }

    #[test]
    fn long_lines_come_in_pieces() {
        let log = format!("12:00:00.000 AT\n12:00:01.000 {}\n12:00:02.000 OK\n", "x".repeat(100_000));
        let lines = read(&log);
        assert!(lines.iter().all(|line| line.2.len() <= MAX_CHUNK));
        let all: String = lines.iter().map(|line| line.2.as_str()).collect();
        assert_eq!(all, format!("AT\\r\\n{}\\r\\nOK\\r\\n", "x".repeat(100_000)));
    }
}
