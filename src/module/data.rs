//! Data of the host: the prompt that asks for it, its end by count, by Ctrl-Z or by silence.

use std::sync::Arc;

use super::core::{Act, Said};
use super::dialect::{DataEnd, Outcome};
use super::work::spec_of;
use super::{DATA, GUARD, Module, Phase};
use crate::Time;
use crate::catalog::{DataPhase, Sends};

impl Module {
    pub(super) fn prompt(&mut self, data: Option<&DataPhase>) {
        let Some(data) = data else { return };
        if data.accepts {
            self.core.result("OK", None);
        }
        let bytes = match &*data.prompt {
            ">" => self.core.output.prompt.as_deref().unwrap_or("\r\n> ").as_bytes().to_vec(),
            word => format!("\r\n{word}\r\n").into_bytes(),
        };
        self.core.say(Said::Prompt, bytes, 0);
    }

    pub(super) fn begin_data(&mut self) {
        let catalog = Arc::clone(&self.core.catalog);
        let Some(running) = &self.running else { return };
        let Some((call, _)) = &running.call else { return };
        let Some(data) = spec_of(&catalog, call).and_then(|spec| spec.data.as_ref()) else {
            self.core.concluded = Some(Outcome::Ok);
            return;
        };
        let declared = match &data.sends {
            Sends::Counted(by) => {
                let count = call.int(by).and_then(|count| usize::try_from(count).ok());
                Some(count.unwrap_or_default().min(DATA))
            }
            Sends::CtrlZ | Sends::Transparent => None,
        };
        let millis = self.dialect.data_time(&self.core, call);
        self.prompt(Some(data));
        self.phases += 1;
        if let Some(millis) = millis {
            let time = self.core.said_by().plus(Time::from_millis(millis));
            self.core.enter(time, Act::DataTimeout(self.phases));
        }
        self.phase = Phase::Data { got: Vec::new(), declared };
        if declared == Some(0) {
            self.end_data(DataEnd::Complete);
        }
    }

    pub(super) fn take_data(&mut self) -> bool {
        let catalog = Arc::clone(&self.core.catalog);
        let Phase::Data { got, declared } = &mut self.phase else { return false };
        let spec = self
            .running
            .as_ref()
            .and_then(|running| running.call.as_ref())
            .and_then(|(call, _)| spec_of(&catalog, call));
        let phase = spec.and_then(|spec| spec.data.as_ref());
        match *declared {
            Some(declared) => {
                // The end may lie across two pieces of input.
                let from = got.len().saturating_sub(1);
                got.extend_from_slice(self.input.take(declared.saturating_sub(got.len())));
                let end = phase.and_then(|data| data.ends.as_deref()).map(str::as_bytes);
                // A backslash ahead of the end makes it data.
                let ends = |at: usize| {
                    let ahead = got.get(..from + at).unwrap_or_default().iter().rev();
                    ahead.take_while(|byte| **byte == b'\\').count() % 2 == 0
                };
                if let Some(end) = end
                    && let Some(at) =
                        memchr::memmem::find_iter(got.get(from..).unwrap_or_default(), end).find(|at| ends(*at))
                {
                    // What came behind the end is the next line's.
                    let rest: Vec<u8> = got.drain(from + at..).skip(end.len()).collect();
                    self.input.put_back(&rest);
                    self.end_data(DataEnd::Complete);
                } else if got.len() >= declared {
                    self.end_data(DataEnd::Complete);
                } else if got == b"+++"
                    && phase.is_some_and(|data| data.then.iter().any(|name| name.ends_with("Canceled")))
                {
                    self.await_silence();
                }
            }
            None => match memchr::memchr2(0x1A, 0x1B, self.input.rest()) {
                Some(at) => {
                    got.extend_from_slice(self.input.take(at + 1));
                    let canceled = got.pop() == Some(0x1B);
                    self.end_data(if canceled { DataEnd::Canceled } else { DataEnd::Complete });
                }
                None => {
                    let room = DATA.saturating_sub(got.len());
                    let more = self.input.take(usize::MAX);
                    got.extend_from_slice(more.get(..room).unwrap_or(more));
                }
            },
        }
        true
    }

    /// Waits for silence behind what came just now; a wait that is on already goes on.
    pub(super) fn await_silence(&mut self) {
        self.heard = self.core.now();
        if !std::mem::replace(&mut self.listening, true) {
            self.core.enter(self.heard.plus(Time::from_millis(GUARD)), Act::Guard);
        }
    }

    /// The wait is over: there was silence, or the host went on in between.
    pub(super) fn listened(&mut self) {
        let end = self.heard.plus(Time::from_millis(GUARD));
        self.listening = self.core.now() < end;
        if self.listening { self.core.enter(end, Act::Guard) } else { self.guard() }
    }

    /// Silence: a packet is complete, or `+++` stood alone.
    pub(super) fn guard(&mut self) {
        match &mut self.phase {
            Phase::Passthrough { packet } if packet == b"+++" => {
                self.phase = Phase::Command;
                self.dialect.escape(&mut self.core);
            }
            Phase::Passthrough { packet } => {
                let packet = std::mem::take(packet);
                if !packet.is_empty() {
                    self.dialect.passthrough(&mut self.core, &packet);
                }
            }
            Phase::Data { got, .. } if got == b"+++" => self.end_data(DataEnd::Canceled),
            _ => {}
        }
    }

    pub(super) fn end_data(&mut self, end: DataEnd) {
        let Phase::Data { got, .. } = std::mem::replace(&mut self.phase, Phase::Command) else { return };
        self.phases += 1;
        let Some(running) = &mut self.running else { return };
        running.after_data = true;
        let Some((call, _)) = running.call.clone() else { return };
        self.core.begin();
        let outcome = self.dialect.data(&mut self.core, &call, &got, end);
        if self.core.concluded.is_none() {
            self.core.concluded = Some(outcome);
        }
    }
}
