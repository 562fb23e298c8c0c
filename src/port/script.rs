//! Scripts: what the driver is expected to send, what it is told then, and what is said where it sends something else.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use crate::escape::escape;

/// What the driver sends and is told, step by step, with no module behind the port.
///
/// ```
/// use std::io::{Read, Write};
/// use atscope::port::{Port, Script};
///
/// let script = Script::new()
///     .expect("AT+CSQ")
///     .reply("+CSQ: 20,0")
///     .reply("OK")
///     .expect("AT+CIPSEND=5")
///     .send("\r\n> ")
///     .expect_data("hello")
///     .reply("SEND OK");
/// let mut port = Port::scripted(script);
/// let control = port.control();
///
/// // What the driver would do:
/// port.write_all(b"AT+CSQ\r\n")?;
/// let mut buf = [0; 64];
/// let len = port.read(&mut buf)?;
/// assert_eq!(&buf[..len], b"\r\n+CSQ: 20,0\r\n");
///
/// // The script is not through:
/// let wrong = control.done().unwrap_err();
/// assert_eq!(wrong.what(), "the driver sent nothing more; `AT+CIPSEND=5` was expected");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Script {
    pub(super) steps: VecDeque<Step>,
}

#[derive(Clone, Debug)]
pub(super) enum Step {
    Expect(Expected),
    Send(Vec<u8>),
    Wait(Duration),
}

/// What the driver should send.
#[derive(Clone, Debug)]
pub(super) enum Expected {
    /// A line; with `*` at the end, one that starts so.
    Line(String),
    Data(Vec<u8>),
}

/// What the driver sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sent {
    /// A line, without its end.
    Line(String),
    /// Data, or a line that ended nowhere.
    Data(Vec<u8>),
}

impl Script {
    /// An empty script.
    pub fn new() -> Self {
        Self::default()
    }

    /// The driver sends this line; with `*` at its end, a line that starts so. Line ends are no part of it.
    #[must_use]
    pub fn expect(mut self, line: impl Into<String>) -> Self {
        self.steps.push_back(Step::Expect(Expected::Line(line.into())));
        self
    }

    /// The driver sends these bytes.
    #[must_use]
    pub fn expect_data(mut self, data: impl Into<Vec<u8>>) -> Self {
        self.steps.push_back(Step::Expect(Expected::Data(data.into())));
        self
    }

    /// The driver is told this line, with CR LF ahead and behind.
    #[must_use]
    pub fn reply(self, line: &str) -> Self {
        self.send(framed(line))
    }

    /// The driver is told these bytes.
    #[must_use]
    pub fn send(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.steps.push_back(Step::Send(bytes.into()));
        self
    }

    /// What is said next comes so much later.
    #[must_use]
    pub fn wait(mut self, time: Duration) -> Self {
        self.steps.push_back(Step::Wait(time));
        self
    }
}

/// A line as most modules frame it.
pub(super) fn framed(line: &str) -> Vec<u8> {
    [b"\r\n", line.as_bytes(), b"\r\n"].concat()
}

impl Expected {
    /// Whether what was sent is it.
    pub(super) fn is(&self, sent: &Sent) -> bool {
        match (self, sent) {
            (Self::Line(line), Sent::Line(sent)) => match line.strip_suffix('*') {
                Some(start) => sent.starts_with(start),
                None => sent == line,
            },
            (Self::Data(data), Sent::Data(sent)) => data == sent,
            _ => false,
        }
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => write!(f, "`{line}`"),
            Self::Data(data) => write!(f, "data `{}`", escape(data)),
        }
    }
}

impl fmt::Display for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => write!(f, "`{}`", escape(line.as_bytes())),
            Self::Data(data) => write!(f, "data `{}`", escape(data)),
        }
    }
}

/// The driver did not send what it should have: what is, what was expected, and the transcript so far.
///
/// `Debug` prints the same as `Display`, so that `unwrap` and a test that returns it show it as it is meant.
#[derive(Clone, PartialEq, Eq)]
pub struct Mismatch {
    what: String,
    transcript: String,
}

impl Mismatch {
    pub(super) fn new(what: String, transcript: String) -> Self {
        Self { what, transcript }
    }

    /// What is, and what was expected.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// What went over the line up to then, as an `.at` file.
    pub fn transcript(&self) -> &str {
        &self.transcript
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        if self.transcript.is_empty() {
            return Ok(());
        }
        write!(f, "\n\nso far:\n{}", self.transcript.trim_end())
    }
}

impl fmt::Debug for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Mismatch {}
