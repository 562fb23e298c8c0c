//! Sending (§4.5, §4.6): counted data behind a prompt, and passthrough mode.

use super::super::super::core::{Call, Core};
use super::super::super::dialect::Outcome;
use super::super::super::world::Id;
use super::links::number;
use super::{Esp, Through, bag, real};
use crate::generate::Bag;
use crate::session::Form;

impl Esp {
    pub(super) fn send_command(&mut self, core: &mut Core, call: &Call) -> Option<Outcome> {
        if !matches!(&*call.name, "+CIPSEND" | "+CIPSENDEX") {
            return None;
        }
        if self.links.open(number(call)).is_none() {
            if real(core) {
                core.progress("link is not valid", &Bag::new());
            }
            return Some(Outcome::Error(None));
        }
        if call.form == Form::Execute {
            self.through = Through::Link;
            core.set("passthrough", 1);
            return Some(Outcome::Passthrough);
        }
        Some(Outcome::Data)
    }

    pub(super) fn send_data(&mut self, core: &mut Core, call: &Call, data: &[u8]) -> Outcome {
        if real(core) {
            core.progress("Recv bytes", &bag([("len", data.len().into())]));
        }
        let now = core.now();
        let Some(link) = self.links.open(number(call)) else { return failure(core) };
        link.used = now;
        let id = link.id;
        let other = (link.mode != 0).then(|| (link.host.clone(), link.port));
        let host = call.string("remote IP");
        let port = call.int("remote port").and_then(|port| u16::try_from(port).ok());
        let to = match port {
            Some(port) if !host.is_empty() => Some((host, port)),
            _ => other,
        };
        let data = if &*call.name == "+CIPSENDEX" { without_escapes(data) } else { data.to_vec() };
        self.links.sending = Some(id);
        core.busy = Some("busy s...");
        core.world.send(now, id, &data, to.as_ref().map(|(host, port)| (host.as_str(), *port)));
        self.pending = Some(call.clone());
        Outcome::Pending
    }

    pub(super) fn sent(&mut self, core: &mut Core, id: Id) {
        if self.links.sending.take_if(|own| *own == id).is_some() {
            self.finish(core, Outcome::Ok);
        }
    }

    /// The data in work did not go out.
    pub(super) fn not_sent(&mut self, core: &mut Core) {
        self.links.sending = None;
        let outcome = failure(core);
        self.finish(core, outcome);
    }

    pub(super) fn send_through(&mut self, core: &mut Core, bytes: &[u8]) {
        let now = core.now();
        if let Some(link) = self.links.open(0) {
            link.used = now;
            let id = link.id;
            core.world.send(now, id, bytes, None);
        }
    }
}

fn failure(core: &Core) -> Outcome {
    if real(core) { Outcome::Final("SEND FAIL".into()) } else { Outcome::Error(None) }
}

/// A host that wants to send the two characters `\0` writes `\\0` (§4.6).
fn without_escapes(data: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(data.len());
    let mut rest = data;
    while let Some((&byte, behind)) = rest.split_first() {
        out.push(byte);
        rest = if rest.starts_with(b"\\\\0") { behind.get(1..).unwrap_or_default() } else { behind };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_escaped_end_is_data() {
        assert_eq!(without_escapes(b"a\\\\0b\\c\\\\"), b"a\\0b\\c\\\\");
    }
}
