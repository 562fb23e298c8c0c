//! Data of the network: at once with `+IPD`, or kept until the host asks for it (passive receive mode, §4.23 to §4.25).

use std::collections::VecDeque;

use super::super::super::core::{Call, Core};
use super::super::super::dialect::Outcome;
use super::super::super::world::{Id, Transport};
use super::links::{number, sender};
use super::{Esp, Firmware, Through, answer, firmware, say_through};
use crate::generate::{Bag, Item};
use crate::session::Form;

/// Bytes that the module keeps of one link (§4.23).
const KEPT: usize = 5840;

/// Bytes that wait at the other side because the module takes no more; what is beyond is lost.
const BLOCKED: usize = 1 << 20;

/// What was received and not read yet.
#[derive(Clone, Default)]
pub(super) struct Buffer {
    kept: VecDeque<u8>,
    blocked: VecDeque<u8>,
    from: (String, u16),
}

impl Buffer {
    pub(super) fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Takes what came; `waits`: what there is no room for waits (TCP), else it is lost (UDP).
    fn push(&mut self, bytes: &[u8], waits: bool) {
        let room = if self.blocked.is_empty() { KEPT.saturating_sub(self.kept.len()) } else { 0 };
        let (now, later) = bytes.split_at(room.min(bytes.len()));
        self.kept.extend(now);
        if waits {
            let room = BLOCKED.saturating_sub(self.blocked.len());
            self.blocked.extend(later.iter().take(room));
        }
    }

    fn read(&mut self, len: usize) -> Vec<u8> {
        let read: Vec<u8> = self.kept.drain(..len.min(self.kept.len())).collect();
        let room = KEPT.saturating_sub(self.kept.len()).min(self.blocked.len());
        self.kept.extend(self.blocked.drain(..room));
        read
    }
}

impl Esp {
    pub(super) fn receive_command(&mut self, core: &mut Core, call: &Call) -> Option<Outcome> {
        match (&*call.name, call.form) {
            ("+CIPRECVDATA", _) => Some(self.read_data(core, call)),
            ("+CIPRECVLEN", Form::Read) => {
                let closed = if firmware(core) == Firmware::Rtos2 { -1 } else { 0 };
                let names = [
                    "data length of link0",
                    "data length of link1",
                    "data length of link2",
                    "data length of link3",
                    "data length of link4",
                ];
                let mut row = Bag::new();
                for (name, link) in names.into_iter().zip(&self.links.all) {
                    let len = link.as_ref().map_or(Item::Int(closed), |link| Item::from(link.buffer.kept.len()));
                    row.set(name, len);
                }
                answer(core, call, &row);
                Some(Outcome::Ok)
            }
            _ => None,
        }
    }

    fn read_data(&mut self, core: &mut Core, call: &Call) -> Outcome {
        let len = call.int("len").and_then(|len| usize::try_from(len).ok()).unwrap_or_default();
        let at = number(call);
        let Some(link) = self.links.all.get_mut(at).and_then(Option::as_mut).filter(|link| !link.buffer.is_empty())
        else {
            return Outcome::Error(None);
        };
        let from = link.buffer.from.clone();
        let data = link.buffer.read(len);
        link.used = core.now();
        let mut row = Bag::new().with_data(data);
        sender(core, &mut row, &from);
        // What was closed and is read to its end is gone.
        if !link.open && link.buffer.is_empty() {
            self.forget_link(core, at);
        }
        core.respond(call, "+CIPRECVDATA", &row);
        Outcome::Ok
    }

    pub(super) fn received(&mut self, core: &mut Core, id: Id, bytes: &[u8], from: (String, u16)) {
        let through = self.through == Through::Link;
        let passive = core.int("cip.recvmode") == Some(1);
        let now = core.now();
        let Some((at, link)) = self.links.by_id(id) else { return };
        link.used = now;
        let changes = match link.mode {
            1 => !link.changed,
            2 => true,
            _ => false,
        };
        if link.transport == Transport::Udp && changes && (&link.address, link.port) != (&from.0, from.1) {
            link.changed = true;
            (link.address, link.host, link.port) = (from.0.clone(), from.0.clone(), from.1);
        }
        if through && at == 0 {
            return say_through(core, bytes);
        }
        let mut row = Bag::new();
        if core.int("cip.mux") == Some(1) {
            row.set("link ID", at);
        }
        if passive {
            link.buffer.push(bytes, link.transport != Transport::Udp);
            link.buffer.from = from;
            row.set("len", link.buffer.kept.len());
            core.urc("+IPD", &row);
            return;
        }
        sender(core, &mut row, &from);
        core.urc_within(b"\r\n", "+IPD", &row.with_data(bytes), b"");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_buffer_blocks_streams_and_loses_datagrams() {
        let mut stream = Buffer::default();
        let mut datagrams = Buffer::default();
        for at in 0..8_u8 {
            stream.push(&[at; 1000], true);
            datagrams.push(&[at; 1000], false);
        }
        assert_eq!((stream.kept.len(), stream.blocked.len()), (KEPT, 8000 - KEPT));
        assert_eq!((datagrams.kept.len(), datagrams.blocked.len()), (KEPT, 0));
        assert_eq!(stream.read(2048).len(), 2048);
        let rest: Vec<u8> =
            std::iter::from_fn(|| Some(stream.read(2048)).filter(|read| !read.is_empty())).flatten().collect();
        assert_eq!(rest.len(), 8000 - 2048);
        assert_eq!(rest.last(), Some(&7));
    }
}
