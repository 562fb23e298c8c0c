//! From the wire to the module: what happens to the host's bytes.
//!
//! However the host's bytes are cut, the same ones are struck: a fault is drawn at the start of a line or of data, with its place in it.

use super::fault::{Kind, Place};
use super::{Faults, damage};
use crate::Time;
use crate::escape::escape;
use crate::module::core::Said;
use crate::module::{Module, Phase};

/// Longest line that is taken off the host whole.
const LINE: usize = 8192;

/// How far into a line or into data a fault strikes; `AT` is spared, so that a command stays one.
const REACH: (usize, usize) = (2, 14);

/// Where the host is in what it sends.
#[derive(Debug, Default)]
pub(super) struct Host {
    /// Bytes of the line or of the data so far.
    at: usize,
    in_data: bool,
    /// What strikes this line: entry, and the places from and to.
    plan: Option<(usize, usize, usize)>,
    /// The line does not reach the module; this is it so far, and whether the module says that it is busy.
    held: Option<(Vec<u8>, bool)>,
    /// What was struck: the bytes as they were.
    hit: Vec<u8>,
    /// The newest byte was CR: an LF behind it belongs to it.
    after_cr: bool,
}

impl Faults {
    /// Gives the host's bytes to the module, struck or not.
    pub(super) fn hear(&mut self, now: Time, bytes: &[u8], module: &mut Module) {
        if !self.armed.iter().any(|own| own.fault.place().is_hosts()) {
            return module.receive(now, bytes);
        }
        let mut through = Vec::with_capacity(bytes.len());
        for &byte in bytes {
            let ends = b"\r\n".contains(&byte);
            let rest_of_end = std::mem::replace(&mut self.host.after_cr, byte == b'\r') && byte == b'\n';
            if self.host.at == 0 && rest_of_end {
                through.push(byte);
                continue;
            }
            if self.host.at == 0 {
                // What the module waits for is told by what it was given so far.
                if !through.is_empty() {
                    module.receive(now, &std::mem::take(&mut through));
                }
                self.host.in_data = matches!(module.phase, Phase::Data { .. } | Phase::Passthrough { .. });
                if ends && !self.host.in_data {
                    through.push(byte);
                    continue;
                }
                self.draw(now, module);
            }
            self.hear_byte(now, byte, &mut through, module);
            self.host.at += 1;
            let in_data = self.host.in_data;
            if in_data {
                module.receive(now, &std::mem::take(&mut through));
            }
            let over =
                if in_data { !matches!(module.phase, Phase::Data { .. } | Phase::Passthrough { .. }) } else { ends };
            if over {
                self.end(now);
            }
        }
        if !through.is_empty() {
            module.receive(now, &through);
        }
    }

    /// Draws what strikes the line or the data that starts now.
    fn draw(&mut self, now: Time, module: &Module) {
        let place = if self.host.in_data { Place::Data } else { Place::Command };
        for (at, own) in self.armed.iter_mut().enumerate().filter(|(_, own)| own.fault.place() == place) {
            let newest = if self.host.in_data { &*module.last_line } else { &[] };
            if !own.strikes(now, newest) || self.host.plan.is_some() || self.host.held.is_some() {
                continue;
            }
            match own.fault.kind {
                Kind::Busy if module.core.output.busy.is_none() => {}
                Kind::Busy | Kind::Drop if !self.host.in_data => {
                    own.struck += 1;
                    self.host.held = Some((Vec::new(), own.fault.kind == Kind::Busy));
                }
                Kind::Busy | Kind::Drop => {}
                _ => {
                    let first = if self.host.in_data { 0 } else { REACH.0 };
                    let from = own.rng.usize(first..REACH.1);
                    let count = own.fault.bytes.map_or(1, |bytes| bytes.draw(&mut own.rng)).clamp(1, 4096) as usize;
                    self.host.plan = Some((at, from, from + count));
                }
            }
        }
    }

    fn hear_byte(&mut self, now: Time, byte: u8, through: &mut Vec<u8>, module: &mut Module) {
        if let Some((line, _)) = &mut self.host.held {
            if !b"\r\n".contains(&byte) {
                if line.len() < LINE {
                    line.push(byte);
                }
                return;
            }
            let Some((line, busy)) = self.host.held.take() else { return };
            let shown = escape(&line).to_string();
            if !busy {
                return self.tell(now, Kind::Drop, format!("`{shown}` does not reach the module"));
            }
            if let Some(words) = module.core.output.busy.clone() {
                module.receive(now, b"");
                module.echo(&line);
                module.core.say_line(Said::Progress, words.as_bytes());
                self.tell(now, Kind::Busy, format!("`{words}` to `{shown}`"));
            }
            return;
        }
        let ends = !self.host.in_data && b"\r\n".contains(&byte);
        match self.host.plan {
            Some((at, from, to)) if (from..to).contains(&self.host.at) && !ends => {
                self.host.hit.push(byte);
                let Some(own) = self.armed.get_mut(at) else { return };
                match own.fault.kind {
                    Kind::Lose => {}
                    Kind::Double => through.extend([byte, byte]),
                    _ => through.push(damage::flipped(byte, &mut own.rng)),
                }
            }
            _ => through.push(byte),
        }
    }

    /// A line or data of the host ends.
    fn end(&mut self, now: Time) {
        self.host.at = 0;
        let hit = std::mem::take(&mut self.host.hit);
        let Some((at, ..)) = self.host.plan.take() else { return };
        let Some(own) = self.armed.get_mut(at).filter(|_| !hit.is_empty()) else { return };
        own.struck += 1;
        let (kind, of) = (own.fault.kind, if self.host.in_data { "data" } else { "line" });
        let done = match kind {
            Kind::Lose => "lost",
            Kind::Double => "doubled",
            _ => "flipped bits of",
        };
        self.tell(now, kind, format!("{done} `{}` of the host's {of}", escape(&hit)));
    }
}
