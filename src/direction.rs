//! Who sent what, told from the content where the recording does not say it.
//!
//! Knows just enough of AT for that: what a command line looks like, and what only a module says. Looks at no more
//! than [`LOOK_AHEAD`] bytes ahead, keeps no more than a line of each channel, and never eats a byte.

use std::collections::VecDeque;

use crate::Sender;

/// Bytes that may be held back until it is told who sent them.
pub(crate) const LOOK_AHEAD: usize = 64 * 1024;

/// The longest start of a line that is looked at.
pub(crate) const LONGEST_LINE: usize = 512;

/// Host bytes that an echo is compared with.
const LONGEST_ECHO: usize = 4096;

/// Whether a line, or the start of a long one, looks like a command line: `AT`, `ATE0V1`, `at+csq`, `A/`.
///
/// Strict where a module's line may start with the same letters: `AT version:2.1`, `ATREADY`, `ATTENTION` are none.
pub(crate) fn is_command(line: &[u8]) -> bool {
    let line = line.trim_ascii_end();
    let Some((prefix, mut rest)) = line.split_at_checked(2) else {
        return false;
    };
    if prefix.eq_ignore_ascii_case(b"A/") {
        return rest.is_empty();
    }
    if !prefix.eq_ignore_ascii_case(b"AT") {
        return false;
    }
    // Basic commands: a letter, with a number or an assignment. More than two bare letters in a row are a word.
    let mut bare = 0;
    loop {
        match rest {
            [] => return true,
            [b' ' | b';', more @ ..] if bare < 3 => match more {
                [b' ', ..] | [] => rest = more,
                [b'A'..=b'Z' | b'a'..=b'z', ..] if rest.first() == Some(&b' ') => return false,
                _ => rest = more,
            },
            [b'+' | b'*' | b'^' | b'%' | b'$' | b'#' | b'!' | b'@' | b'_', next, ..] => {
                return next.is_ascii_alphanumeric();
            }
            [b'D' | b'd', dial @ ..] if bare == 0 => {
                return dial.iter().all(|b| b.is_ascii_alphanumeric() || b"*#+,;!@<>\"= -".contains(b));
            }
            [b'&' | b'\\' | b'A'..=b'Z' | b'a'..=b'z', more @ ..] => {
                let more = match (rest.first(), more) {
                    (Some(b'&' | b'\\'), [letter, after @ ..]) if letter.is_ascii_alphabetic() => after,
                    (Some(b'&' | b'\\'), _) => return false,
                    _ => more,
                };
                let argument = more.iter().take_while(|b| b.is_ascii_digit() || matches!(b, b'=' | b'?')).count();
                bare = if argument == 0 { bare + 1 } else { 0 };
                if bare > 2 {
                    return false;
                }
                rest = more.get(argument..).unwrap_or_default();
            }
            _ => return false,
        }
    }
}

/// Whether a line is one that only a module says: a result code, an information response, a boot word.
pub(crate) fn is_answer(line: &[u8]) -> bool {
    const WORDS: [&[u8]; 20] = [
        b"OK",
        b"ERROR",
        b"FAIL",
        b"SEND OK",
        b"SEND FAIL",
        b"CONNECT",
        b"NO CARRIER",
        b"NO DIALTONE",
        b"NO ANSWER",
        b"BUSY",
        b"RING",
        b"ready",
        b"RDY",
        b"busy p...",
        b"busy s...",
        b"DOWNLOAD",
        b"WIFI CONNECTED",
        b"WIFI GOT IP",
        b"WIFI DISCONNECT",
        b"ROK",
    ];
    let line = line.trim_ascii();
    if WORDS.contains(&line) {
        return true;
    }
    let (Some(b'+' | b'*' | b'^' | b'$' | b'#'), Some(colon)) = (line.first(), memchr::memchr(b':', line)) else {
        return false;
    };
    let name = line.get(1..colon).unwrap_or_default();
    name.len() >= 2 && name.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b' ' | b'_' | b'-' | b','))
}

/// Whether a module's line ends an exchange or asks for data: the place where the host speaks next.
pub(crate) fn is_turn(line: &[u8]) -> bool {
    const WORDS: [&[u8]; 11] = [
        b"OK",
        b"ERROR",
        b"FAIL",
        b"SEND OK",
        b"SEND FAIL",
        b"CONNECT",
        b"NO CARRIER",
        b"busy p...",
        b"busy s...",
        b">",
        b"ROK",
    ];
    let line = line.trim_ascii();
    WORDS.contains(&line) || [&b"+CME ERROR"[..], b"+CMS ERROR", b"ERR="].iter().any(|word| line.starts_with(word))
}

/// The newest command of a log that does not say who sent what. The same line once more, with nothing but blank lines between, is its
/// echo: such logs show what was typed and what came back. A host that says it again is not told from that.
#[derive(Debug, Default)]
pub(crate) struct Typed {
    line: Vec<u8>,
}

impl Typed {
    /// Whether a line is the host's.
    pub(crate) fn is_host(&self, line: &[u8]) -> bool {
        is_command(line) && self.line != line.trim_ascii_end()
    }

    /// A line was taken, or the first piece of one.
    pub(crate) fn take(&mut self, line: &[u8]) {
        let content = line.trim_ascii_end();
        if content.is_empty() {
            return;
        }
        let is_host = self.is_host(line);
        self.line.clear();
        if is_host {
            self.line.extend_from_slice(content);
        }
    }
}

/// What the lines of one channel look like.
#[derive(Debug, Default)]
pub(crate) struct Evidence {
    pub(crate) commands: u64,
    pub(crate) answers: u64,
    pub(crate) bytes: u64,
    line: Vec<u8>,
}

impl Evidence {
    /// Looks at further bytes; true where a command line came to its end.
    pub(crate) fn feed(&mut self, mut bytes: &[u8]) -> bool {
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
        let before = self.commands;
        while let Some(end) = memchr::memchr2(b'\r', b'\n', bytes) {
            let (line, rest) = bytes.split_at_checked(end).unwrap_or((bytes, &[]));
            self.append(line);
            self.finish();
            bytes = rest.get(1..).unwrap_or_default();
        }
        self.append(bytes);
        self.commands > before
    }

    /// Looks at what stands behind the last line end, as a line.
    pub(crate) fn finish(&mut self) {
        self.commands += u64::from(is_command(&self.line));
        self.answers += u64::from(is_answer(&self.line));
        self.line.clear();
    }

    fn append(&mut self, part: &[u8]) {
        let room = LONGEST_LINE.saturating_sub(self.line.len());
        self.line.extend_from_slice(part.get(..room.min(part.len())).unwrap_or_default());
    }

    /// Whether it speaks AT at all.
    pub(crate) const fn speaks_at(&self) -> bool {
        self.commands + self.answers > 0
    }
}

/// What a channel records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// One sender's bytes.
    Of(Sender),
    /// Both senders' bytes, one after the other.
    Both,
}

/// Gives each channel its session and role.
///
/// A channel with commands and no answers is a host's line, the next one with answers that is not taken is its module's;
/// `host` names a channel that the user knows to be a host's. `both` allows a channel to be both lines in one.
pub(crate) fn assign(channels: &[&Evidence], host: Option<usize>, both: bool) -> Vec<(u32, Role)> {
    let is_host = |at: usize, evidence: &Evidence| match host {
        Some(host) => at == host,
        None => evidence.commands > 0 && evidence.answers * 4 < evidence.commands,
    };
    let mut hosts: Vec<usize> = Vec::new();
    let mut modules: Vec<usize> = Vec::new();
    for (at, evidence) in channels.iter().enumerate() {
        if is_host(at, evidence) { hosts.push(at) } else { modules.push(at) }
    }
    // Two lines, and no answer seen on either: the one with more commands is the host's, the other one echoes.
    if channels.len() == 2 && (hosts.len() == 2 || (hosts.is_empty() && host.is_none())) {
        let share = |at: usize| channels.get(at).map_or((0, 0), |e| (e.answers, e.bytes));
        let commands = |at: usize| channels.get(at).map_or(0, |e| e.commands);
        if commands(0) + commands(1) > 0 {
            let first = if hosts.len() == 2 { share(0) <= share(1) } else { commands(0) > 0 && share(0) <= share(1) };
            (hosts, modules) = if first { (vec![0], vec![1]) } else { (vec![1], vec![0]) };
        }
    }
    let mut assigned = vec![(0, Role::Of(Sender::Module)); channels.len()];
    let mut set = |at: usize, value| {
        if let Some(slot) = assigned.get_mut(at) {
            *slot = value;
        }
    };
    let mut sessions = 0..;
    let mut modules = modules.into_iter().peekable();
    for at in hosts {
        let session = sessions.next().unwrap_or(u32::MAX);
        set(at, (session, Role::Of(Sender::Host)));
        if let Some(module) = modules.next() {
            set(module, (session, Role::Of(Sender::Module)));
        }
    }
    for at in modules {
        let session = sessions.next().unwrap_or(u32::MAX);
        let mixed = both && channels.get(at).is_some_and(|evidence| evidence.commands > 0);
        set(at, (session, if mixed { Role::Both } else { Role::Of(Sender::Module) }));
    }
    assigned
}

/// Tells packet by packet who sent it, on a line where both do.
///
/// Host: what looks like a command and is no echo of the last ones, the rest of a line that it began, and what comes
/// behind a prompt. Module: all else.
#[derive(Debug, Default)]
pub(crate) struct Sorter {
    /// What the host sent and the module did not repeat yet.
    echo: VecDeque<u8>,
    /// The host's line has no end yet.
    open: bool,
    /// The module asked for data.
    prompted: bool,
}

impl Sorter {
    pub(crate) fn sort(&mut self, bytes: &[u8]) -> Sender {
        if bytes.is_empty() {
            return Sender::Module;
        }
        let echoed = self.echo.len() >= bytes.len() && self.echo.iter().zip(bytes).all(|(a, b)| a == b);
        let first = bytes.split(|&b| b == b'\r' || b == b'\n').next().unwrap_or_default();
        // An echo in one piece with the answer: the repeated line, then more.
        let repeated = first.len() >= 2
            && self.echo.len() >= first.len()
            && self.echo.iter().zip(first).all(|(a, b)| a == b)
            && bytes.len() > first.len();
        let command =
            is_command(first) && (bytes.len() > first.len() || bytes.starts_with(b"AT") || bytes.starts_with(b"at"));
        let continued = (self.open || self.prompted) && !bytes.starts_with(b"\r\n") && !is_answer(first);
        let from = if !(echoed || repeated) && (command || continued || bytes == b"+++") {
            Sender::Host
        } else {
            Sender::Module
        };
        match from {
            Sender::Host => {
                if is_command(first) {
                    self.echo.clear();
                }
                let room = LONGEST_ECHO.saturating_sub(self.echo.len());
                self.echo.extend(bytes.iter().take(room));
                self.open = !self.prompted && !matches!(bytes.last(), Some(b'\r' | b'\n' | 0x1A));
                self.prompted = false;
            }
            Sender::Module => {
                if echoed {
                    self.echo.drain(..bytes.len());
                } else {
                    self.echo.clear();
                    self.open = false;
                }
                let shown = bytes.trim_ascii_end();
                self.prompted = shown == b">" || shown.ends_with(b"\n>");
            }
        }
        from
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_told_from_words() {
        for line in [
            "AT",
            "at",
            "ATE0",
            "ATE0V1",
            "ATZ",
            "ATI",
            "ATH0",
            "AT&F",
            "AT&F0E1",
            "ATS0=1",
            "ATS0?",
            "ATD+49123;",
            "ATDT0123",
            "AT+CSQ",
            "at+cwmode=1",
            "AT+CMEE=1;+CPIN?",
            "A/",
            "a/",
            "AT*PSUTTZ=1",
            "AT^SYSINFO",
            "AT$QCPWRDN",
            "ATE1 ",
            "ATI3",
            "AT +CSQ",
            "AT@SPECIAL",
            "AT+JACR=1",
            "ATX4V1&C1",
        ] {
            assert!(is_command(line.as_bytes()), "{line}");
        }
        for line in [
            "",
            "A",
            "B",
            "OK",
            "AT version:2.1.0.0",
            "AT command ready",
            "ATREADY: 1",
            "ATTENTION",
            "+CSQ: 20,99",
            "ATTACH OK",
            "at least",
            "AT+",
            "AT+,",
            "AT=",
            "AT:",
            "A/B",
            "AT-1",
            "*ATREADY: 1",
        ] {
            assert!(!is_command(line.as_bytes()), "{line}");
        }
    }

    #[test]
    fn answers_are_told_from_commands() {
        for line in ["OK", "+CSQ: 20,99", "+CME ERROR: 10", "*ATREADY: 1", "+APP PDP: 0,ACTIVE", "+IPD,0,5:hello"] {
            assert!(is_answer(line.as_bytes()), "{line}");
        }
        for line in ["AT", "AT+CSQ", "ATE0", "hello", "a:b", "+", "+:", "http://x/"] {
            assert!(!is_answer(line.as_bytes()), "{line}");
        }
    }

    fn evidence(text: &[u8]) -> Evidence {
        let mut evidence = Evidence::default();
        for byte in text {
            evidence.feed(std::slice::from_ref(byte));
        }
        evidence.finish();
        evidence
    }

    #[test]
    fn lines_find_their_ends() {
        let host = evidence(b"AT\r\nAT+CSQ\r\n");
        let module = evidence(b"AT\r\r\nOK\r\nAT+CSQ\r\r\n+CSQ: 1,2\r\n\r\nOK\r\n");
        let silent = evidence(b"\x00\x01");
        let (host, module, silent) = (&host, &module, &silent);
        let of = Role::Of;
        assert_eq!(assign(&[host, module], None, true), [(0, of(Sender::Host)), (0, of(Sender::Module))]);
        assert_eq!(assign(&[module, host], None, true), [(0, of(Sender::Module)), (0, of(Sender::Host))]);
        assert_eq!(assign(&[module], None, true), [(0, Role::Both)]);
        assert_eq!(assign(&[module], None, false), [(0, of(Sender::Module))]);
        assert_eq!(assign(&[silent, module], Some(0), false), [(0, of(Sender::Host)), (0, of(Sender::Module))]);
        assert_eq!(assign(&[host, silent], None, true), [(0, of(Sender::Host)), (0, of(Sender::Module))]);
        let four = assign(&[host, module, host, module], None, true);
        assert_eq!(four.iter().map(|&(session, _)| session).collect::<Vec<_>>(), [0, 0, 1, 1]);
    }

    #[test]
    fn packets_find_their_senders() {
        let mut sorter = Sorter::default();
        for (bytes, from) in [
            (&b"AT+CIPSEND=0,5\r\n"[..], Sender::Host),
            (b"AT+CIPSEND=0,5\r\n", Sender::Module),
            (b"\r\nOK\r\n\r\n> ", Sender::Module),
            (b"hello", Sender::Host),
            (b"\r\nRecv 5 bytes\r\n", Sender::Module),
            (b"\r\nSEND OK\r\n", Sender::Module),
            (b"AT+CS", Sender::Host),
            (b"Q\r", Sender::Host),
            (b"AT+CSQ\r\r\n+CSQ: 1,2\r\n\r\nOK\r\n", Sender::Module),
            (b"AT\r", Sender::Host),
            (b"\r\nOK\r\n", Sender::Module),
            (b"AT\r", Sender::Host),
            (b"+++", Sender::Host),
            (b"RING\r\n", Sender::Module),
        ] {
            assert_eq!(sorter.sort(bytes), from, "{}", bytes.escape_ascii());
        }
    }
}
