//! The module's own server (§4.10, §4.11, §4.14): clients take the lowest free link, and lose it when they are silent for too long.

use super::super::super::core::{Call, Core};
use super::super::super::dialect::Outcome;
use super::super::super::world::{Id, Transport};
use super::links::Link;
use super::receive::Buffer;
use super::system::setting;
use super::{Esp, Firmware, bag, firmware, tick};
use crate::generate::{Bag, Item};
use crate::{Time, session::Form};

/// Port without another one (§4.10).
const PORT: u16 = 333;

/// Connections of one server: their ids go from its own upwards.
const CLIENTS: u32 = 24;

/// See the module's head.
#[derive(Clone, Copy)]
pub(super) struct Server {
    pub(super) port: u16,
    transport: Transport,
}

impl Esp {
    pub(super) fn server_command(&mut self, core: &mut Core, call: &Call) -> Option<Outcome> {
        if call.is("+CIPSTO", Form::Set) {
            self.new_limit(core, call.int("time")?);
            return Some(Outcome::Ok);
        }
        if !call.is("+CIPSERVER", Form::Set) {
            return None;
        }
        let now = core.now();
        if call.int("mode") == Some(0) {
            match self.links.server.take() {
                Some(server) => core.world.unlisten(now, server.port),
                None if firmware(core) == Firmware::NonOs => return Some(Outcome::Final("no change".into())),
                None => {}
            }
            core.set("cip.server", 0);
            return Some(Outcome::Ok);
        }
        let port = call.int("port").and_then(|port| u16::try_from(port).ok()).unwrap_or(PORT);
        let first = core.id() << CLIENTS;
        if !core.world.listen(now, port, first) {
            return Some(Outcome::Error(None));
        }
        let transport = if call.string("SSL").is_empty() { Transport::Tcp } else { Transport::Tls };
        self.links.server = Some(Server { port, transport });
        core.set("cip.server", 1);
        Some(Outcome::Ok)
    }

    pub(super) fn accepted(&mut self, core: &mut Core, id: Id, host: String, port: u16) {
        let most = setting(core, "+CIPSERVERMAXCONN", "num").unwrap_or(5);
        let have = self.links.all.iter().flatten().filter(|link| link.open && link.server).count();
        let room = i64::try_from(have).is_ok_and(|have| have < most);
        let (Some(server), Some(at)) = (self.links.server, self.links.free().filter(|_| room)) else {
            core.world.close(core.now(), id);
            if !room && firmware(core) == Firmware::Rtos2 {
                core.urc("Have Connections", &bag([("n", Item::from(have))]));
            }
            return;
        };
        self.forget_link(core, at);
        if let Some(slot) = self.links.all.get_mut(at) {
            *slot = Some(Link {
                id,
                open: true,
                transport: server.transport,
                address: host.clone(),
                host,
                port,
                local: server.port,
                server: true,
                mode: 0,
                changed: false,
                used: core.now(),
                buffer: Buffer::default(),
            });
        }
        self.link_is_open(core, at);
        self.watch(core, id, 0);
    }

    /// Looks at a client again when its time may be over.
    fn watch(&self, core: &mut Core, id: Id, silent: u64) {
        let limit = limit(core);
        if limit > 0 {
            core.timer(limit.saturating_sub(silent).max(1), (tick::IDLE, id));
        }
    }

    /// A client may have been silent for too long.
    pub(super) fn idle(&mut self, core: &mut Core, id: Id) {
        let now = core.now();
        let limit = limit(core);
        let Some((_, link)) = self.links.by_id(id).filter(|(_, link)| link.open && link.server) else { return };
        let silent = millis(now).saturating_sub(millis(link.used));
        if limit == 0 || silent < limit {
            return self.watch(core, id, silent);
        }
        core.world.close(now, id);
        self.link_closed(core, id);
    }

    /// `AT+CIPSTO` has another limit: it holds for the clients that are there, too.
    fn new_limit(&mut self, core: &mut Core, seconds: i64) {
        let row = Bag::new().with("time", seconds);
        super::system::keep(core, "+CIPSTO", row);
        let clients: Vec<(Id, Time)> = self
            .links
            .all
            .iter()
            .flatten()
            .filter(|link| link.open && link.server)
            .map(|link| (link.id, link.used))
            .collect();
        for (id, used) in clients {
            core.cancel((tick::IDLE, id));
            let silent = millis(core.now()).saturating_sub(millis(used));
            self.watch(core, id, silent);
        }
    }
}

/// Silence after which a client is closed, in milliseconds; 0: never.
fn limit(core: &Core) -> u64 {
    u64::try_from(setting(core, "+CIPSTO", "time").unwrap_or_default()).unwrap_or_default() * 1000
}

fn millis(time: Time) -> u64 {
    time.as_nanos() / 1_000_000
}
