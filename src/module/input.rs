//! The host's bytes: command lines, echoed and taken apart; what is data goes to the data phase.

use super::core::Said;
use super::{LINE, Module, PACKET, Phase, Running};
use crate::catalog::EchoEnd;
use crate::syntax::command;

impl Module {
    /// Takes what can be taken of the input; `false`: nothing.
    pub(super) fn consume(&mut self) -> bool {
        if std::mem::take(&mut self.after_cr) {
            if self.input.is_empty() {
                self.after_cr = true;
                return false;
            }
            if self.input.rest().first() == Some(&b'\n') {
                self.input.take(1);
                return true;
            }
        }
        if self.input.is_empty() {
            return false;
        }
        match &mut self.phase {
            Phase::Off => {
                self.input.clear();
                true
            }
            Phase::Passthrough { packet } => {
                packet.extend_from_slice(self.input.take(PACKET.saturating_sub(packet.len())));
                if packet.len() >= PACKET {
                    self.guard()
                } else {
                    self.await_silence()
                }
                true
            }
            Phase::Data { .. } => self.take_data(),
            Phase::Command => self.take_line(),
        }
    }

    fn take_line(&mut self) -> bool {
        let Some(at) = memchr::memchr2(b'\r', b'\n', self.input.rest()) else {
            if self.input.len() > LINE {
                // No line is that long: the module loses it.
                self.lost += self.input.len() as u64;
                self.input.clear();
            }
            return false;
        };
        let busy = self.core.output.busy.clone().filter(|_| self.running.is_some());
        let busy = busy.map(|busy| self.core.busy.map_or(busy, Into::into));
        let ready = self.core.said_by() <= self.core.now();
        if busy.is_none() && (self.running.is_some() || !ready) {
            if self.running.is_none() {
                self.core.wake_when_said();
            }
            return false;
        }
        let mut line = self.input.take(at + 1).to_vec();
        self.after_cr = line.pop() == Some(b'\r');
        if memchr::memchr2(0x08, 0x7F, &line).is_some() {
            line = edited(&line);
        }
        if line.trim_ascii().is_empty() {
            return true;
        }
        self.echo(&line);
        let content = line.trim_ascii();
        if !command::is_command(content) {
            return true;
        }
        if let Some(busy) = busy {
            self.core.say_line(Said::Progress, busy.as_bytes());
            return true;
        }
        let line = match content.eq_ignore_ascii_case(b"A/") {
            true => self.last_line.clone(),
            false => content.to_vec(),
        };
        self.last_line.clone_from(&line);
        let mut parts = Vec::new();
        if command::is_command(&line) {
            command::parts(&line, &mut parts);
        }
        self.core.begin();
        self.core.refused = None;
        self.running = Some(Running { line, parts: parts.into(), call: None, after_data: false });
        self.step();
        true
    }

    pub(super) fn echo(&mut self, line: &[u8]) {
        if self.core.int("echo") == Some(0) {
            return;
        }
        let end: &[u8] = match self.core.output.echo {
            None | Some(EchoEnd::Cr) => b"\r",
            Some(EchoEnd::CrCrLf) => b"\r\r\n",
            Some(EchoEnd::None) => return,
            Some(EchoEnd::Sent) => b"\r\n",
        };
        self.core.say(Said::Echo, [line, end].concat(), 0);
    }
}

/// A line after its editing characters (ITU-T V.250 §6.2.5).
fn edited(line: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(line.len());
    for &byte in line {
        match byte {
            0x08 | 0x7F => {
                out.pop();
            }
            _ => out.push(byte),
        }
    }
    out
}
