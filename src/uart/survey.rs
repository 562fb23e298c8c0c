//! What was found on the channels of a recording, for people.

use std::fmt::Write as _;

use super::Format;
use crate::{Sender, Time};

/// Speed and format of a line from a time on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Speed {
    /// From then on.
    pub since: Time,
    /// Bits a second as a port is set: a usual speed where the measure is near one, else the measure.
    pub baud: f64,
    /// Bits a second as measured.
    pub measured: f64,
    /// How a byte stands on the line.
    pub format: Format,
    /// How sure that is, from 0 to 1.
    pub confidence: f64,
}

/// What was found on a channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// As the recording calls it.
    pub channel: String,
    /// Changes of its level.
    pub edges: u64,
    /// The share of the time in which bytes were sent, from 0 to 1.
    pub busy: f64,
    /// How long it was recorded.
    pub length: Time,
    /// Speed and format, each from a time on; empty where it is no UART, or says too little to tell.
    pub turns: Vec<Speed>,
    /// Bytes.
    pub bytes: u64,
    /// Bytes without a stop bit, and start bits that were too short.
    pub framing: u64,
    /// Bytes with a wrong parity bit.
    pub parity: u64,
    /// Breaks.
    pub breaks: u64,
    /// The first bytes, up to 64.
    pub first: Vec<u8>,
    /// The conversation that it is part of.
    pub session: Option<u32>,
    /// Whose line it is; `None` without a conversation, and for a line with both senders.
    pub sender: Option<Sender>,
}

impl Found {
    /// The speed and format that most of it has: the last ones.
    pub fn speed(&self) -> Option<&Speed> {
        self.turns.last()
    }
}

/// What was found on all channels, in the order of the recording.
#[derive(Clone, Debug, PartialEq)]
pub struct Survey {
    /// A channel each.
    pub lines: Vec<Found>,
}

impl Survey {
    /// The conversations, by number: host's line and module's line; the same one twice where it carries both.
    pub fn conversations(&self) -> Vec<(Option<&Found>, Option<&Found>)> {
        let mut talks: Vec<(Option<&Found>, Option<&Found>)> = Vec::new();
        for line in &self.lines {
            let Some(session) = line.session.map(|session| session as usize) else { continue };
            if talks.len() <= session {
                talks.resize(session + 1, (None, None));
            }
            if let Some(talk) = talks.get_mut(session) {
                if line.sender != Some(Sender::Module) {
                    talk.0 = Some(line);
                }
                if line.sender != Some(Sender::Host) {
                    talk.1 = Some(line);
                }
            }
        }
        talks
    }

    /// A line of text for each conversation: `host D0, module D1, 115200 8n1 (99 %)`.
    pub fn told(&self) -> Vec<String> {
        let talks = self.conversations();
        let many = talks.len() > 1;
        talks.iter().enumerate().map(|(session, talk)| told(many.then_some(session), *talk)).collect()
    }
}

/// A speed without digits that say nothing.
pub fn shown_baud(baud: f64) -> String {
    format!("{baud:.0}")
}

fn told(session: Option<usize>, talk: (Option<&Found>, Option<&Found>)) -> String {
    let mut text = String::new();
    if let Some(session) = session {
        let _ = write!(text, "session {session}: ");
    }
    let settings = |line: &Found| {
        let mut text = String::new();
        for (at, turn) in line.turns.iter().enumerate() {
            if at > 0 {
                let _ = write!(text, ", from {:.6} s on ", turn.since);
            }
            let _ = write!(text, "{} {}", shown_baud(turn.baud), turn.format);
            if (turn.measured / turn.baud - 1.0).abs() > 0.015 {
                let _ = write!(text, " (measured {})", shown_baud(turn.measured));
            }
        }
        text
    };
    let sure = |line: &Found| line.speed().map_or(0.0, |speed| speed.confidence);
    let confidence = match talk {
        (Some(host), Some(module)) if host.channel == module.channel => {
            let _ = write!(text, "host and module {}, {}", host.channel, settings(host));
            sure(host)
        }
        (Some(host), Some(module)) if settings(host) == settings(module) => {
            let _ = write!(text, "host {}, module {}, {}", host.channel, module.channel, settings(host));
            sure(host).min(sure(module))
        }
        (Some(host), Some(module)) => {
            let _ = write!(text, "host {} {}, ", host.channel, settings(host));
            let _ = write!(text, "module {} {}", module.channel, settings(module));
            sure(host).min(sure(module))
        }
        (Some(host), None) => {
            let _ = write!(text, "host {}, no module, {}", host.channel, settings(host));
            sure(host)
        }
        (None, Some(module)) => {
            let _ = write!(text, "module {}, no host, {}", module.channel, settings(module));
            sure(module)
        }
        (None, None) => 0.0,
    };
    let _ = write!(text, " ({:.0} % sure)", confidence * 100.0);
    text
}
