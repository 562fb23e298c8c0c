//! TCP, UDP and SSL links (chapter 4): opened by the host or by a client of the module's server, their status, and how they end.
//!
//! A single connection is link 0. A closed link stays as long as there is data of it to be read (passive receive mode).

use super::super::super::core::{Call, Core};
use super::super::super::dialect::Outcome;
use super::super::super::world::{Endpoint, Failure, Id, Transport};
use super::receive::Buffer;
use super::{Esp, Firmware, Through, address, answer, bag, firmware, is_set, real};
use crate::Time;
use crate::generate::{Bag, Item};
use crate::session::Form;

/// Links of the module (§4.3); `AT+CIPCLOSE` means all of them by the number behind the last (§4.7).
pub(super) const LINKS: usize = 5;

/// See the module's head.
#[derive(Default)]
pub(super) struct Links {
    pub(super) all: [Option<Link>; LINKS],
    /// The link that is being opened, and its connection.
    opening: Option<(usize, Id)>,
    /// The link whose data is on its way, and its connection.
    pub(super) sending: Option<Id>,
    pub(super) server: Option<super::server::Server>,
    /// Some link was open and is closed.
    pub(super) ended: bool,
    /// The connection of passthrough mode is gone, and tried again.
    pub(super) broken: bool,
}

/// One connection.
#[derive(Clone)]
pub(super) struct Link {
    pub(super) id: Id,
    pub(super) open: bool,
    pub(super) transport: Transport,
    pub(super) host: String,
    pub(super) address: String,
    pub(super) port: u16,
    pub(super) local: u16,
    /// The module is the server.
    pub(super) server: bool,
    /// `<UDP mode>`: whether the other end may change.
    pub(super) mode: i64,
    pub(super) changed: bool,
    pub(super) used: Time,
    pub(super) buffer: Buffer,
}

/// The link of `AT+SAVETRANSLINK`.
#[derive(Clone)]
pub(super) struct Translink {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) transport: Transport,
    pub(super) local: Option<u16>,
}

impl Links {
    pub(super) fn by_id(&mut self, id: Id) -> Option<(usize, &mut Link)> {
        self.all
            .iter_mut()
            .enumerate()
            .find_map(|(at, link)| link.as_mut().filter(|link| link.id == id).map(|link| (at, link)))
    }

    /// The link of a number, where it is open.
    pub(super) fn open(&mut self, at: usize) -> Option<&mut Link> {
        self.all.get_mut(at)?.as_mut().filter(|link| link.open)
    }

    /// The lowest number that no open link has.
    pub(super) fn free(&self) -> Option<usize> {
        self.all.iter().position(|link| link.as_ref().is_none_or(|link| !link.open))
    }
}

pub(super) fn type_of(transport: Transport) -> &'static str {
    match transport {
        Transport::Tcp => "TCP",
        Transport::Udp => "UDP",
        Transport::Tls => "SSL",
    }
}

fn transport_of(name: &str) -> Transport {
    match name.to_ascii_uppercase().as_str() {
        "UDP" => Transport::Udp,
        "SSL" => Transport::Tls,
        _ => Transport::Tcp,
    }
}

/// The link that a command names; 0 where there is only one.
pub(super) fn number(call: &Call) -> usize {
    let given = call.int("link ID").or_else(|| call.int("link_id"));
    given.and_then(|given| usize::try_from(given).ok()).unwrap_or_default()
}

fn port(call: &Call, name: &str) -> Option<u16> {
    call.int(name).and_then(|port| u16::try_from(port).ok())
}

impl Esp {
    pub(super) fn link_command(&mut self, core: &mut Core, call: &Call) -> Option<Outcome> {
        match (&*call.name, call.form) {
            ("+CIPSTART" | "+CIPSTARTEX", _) => self.open_link(core, call),
            ("+CIPCLOSE", _) => Some(self.close_command(core, call)),
            ("+CIPSTATUS", _) => {
                self.tell_status(core, call);
                Some(Outcome::Ok)
            }
            ("+CIFSR", _) => {
                self.tell_addresses(core, call);
                Some(Outcome::Ok)
            }
            ("+SAVETRANSLINK", _) => {
                let domain = call.string("remote IP or domain name");
                let host = if domain.is_empty() { call.string("remote IP") } else { domain };
                self.nvs.translink = (call.int("mode") == Some(1)).then(|| Translink {
                    host,
                    port: port(call, "remote port").unwrap_or_default(),
                    transport: transport_of(&call.string("type")),
                    local: port(call, "UDP local port"),
                });
                core.set("translink", i64::from(self.nvs.translink.is_some()));
                Some(Outcome::Ok)
            }
            ("+CIPSSLCCONF", Form::Set) => {
                // Link 5 means all; a single connection is link 0.
                let links = match call.int("link ID") {
                    Some(5) => 0..5,
                    at => at.unwrap_or_default()..at.unwrap_or_default() + 1,
                };
                for at in links {
                    let row = call.given.clone().with("link ID", at);
                    core.memory.keep(call.command, Some("link ID"), &row);
                }
                Some(Outcome::Ok)
            }
            ("+CIPSSLCCONF", _) if core.memory.rows(call.command).is_empty() => {
                let links = if core.int("cip.mux") == Some(1) { 5 } else { 1 };
                for at in 0..links {
                    let row = [("link ID", at), ("auth_mode", 0), ("pki_number", 0), ("ca_number", 0)];
                    answer(core, call, &bag(row.map(|(name, value)| (name, Item::Int(value)))));
                }
                Some(Outcome::Ok)
            }
            _ => None,
        }
    }

    fn open_link(&mut self, core: &mut Core, call: &Call) -> Option<Outcome> {
        let at = match is_set(call, "+CIPSTARTEX") && core.int("cip.mux") == Some(1) {
            true => self.links.free(),
            false => Some(number(call)),
        };
        let Some(at) = at else { return Some(Outcome::Error(None)) };
        if self.links.open(at).is_some() {
            core.progress("ALREADY CONNECTED", &Bag::new());
            return Some(Outcome::Error(None));
        }
        let host = call.string("remote IP");
        if !self.reaches(core, &host) {
            if real(core) {
                core.progress("no ip", &Bag::new());
            }
            return Some(Outcome::Error(None));
        }
        let transport = transport_of(&call.string("type"));
        let local = port(call, "UDP local port").filter(|_| transport == Transport::Udp);
        let id = core.id();
        let is_address = host.parse::<std::net::IpAddr>().is_ok();
        self.forget_link(core, at);
        if let Some(slot) = self.links.all.get_mut(at) {
            *slot = Some(Link {
                id,
                open: false,
                transport,
                address: if is_address { host.clone() } else { String::new() },
                host: host.clone(),
                port: port(call, "remote port").unwrap_or_default(),
                local: local.unwrap_or_else(|| core.rng.u16(49_152..)),
                server: false,
                mode: call.int("UDP mode").unwrap_or_default(),
                changed: false,
                used: core.now(),
                buffer: Buffer::default(),
            });
        }
        self.links.opening = Some((at, id));
        if is_address {
            self.connect(core, at, local);
        } else {
            core.world.resolve(core.now(), id, &host);
        }
        self.wait_for(call)
    }

    /// Whether there is a way to a host: through the access point, or in the SoftAP's own network.
    pub(super) fn reaches(&self, core: &Core, host: &str) -> bool {
        core.int("wifi.ip") == Some(1) || matches!(core.int("wifi.mode"), Some(2 | 3)) && self.nvs.softap.reaches(host)
    }

    pub(super) fn connect(&mut self, core: &mut Core, at: usize, local: Option<u16>) {
        if let Some(Some(link)) = self.links.all.get(at) {
            let to = Endpoint {
                transport: link.transport,
                host: link.host.clone(),
                port: link.port,
                local_port: local.or((link.transport == Transport::Udp).then_some(link.local)),
            };
            core.world.open(core.now(), link.id, &to);
        }
    }

    pub(super) fn link_resolved(&mut self, core: &mut Core, id: Id, found: String) {
        if let Some((at, link)) = self.links.by_id(id).filter(|(_, link)| !link.open) {
            link.address = found;
            self.connect(core, at, None);
        }
    }

    pub(super) fn link_opened(&mut self, core: &mut Core, id: Id) {
        let Some((at, link)) = self.links.by_id(id) else { return };
        if link.open {
            return;
        }
        link.open = true;
        link.used = core.now();
        self.links.broken = false;
        if self.through == Through::Link {
            return;
        }
        self.link_is_open(core, at);
        if self.links.opening.take_if(|(_, own)| *own == id).is_some() {
            self.finish(core, Outcome::Ok);
        }
    }

    /// Says that a link stands.
    pub(super) fn link_is_open(&mut self, core: &mut Core, at: usize) {
        let Some(Some(link)) = self.links.all.get(at) else { return };
        core.set_at("link", at, 1);
        core.set_word("linktype", at, type_of(link.transport));
        if link.transport == Transport::Udp {
            core.set("cip.udpmode", link.mode);
        }
        let number = Item::from(at);
        if core.int("sysmsg").unwrap_or_default() & 2 == 2 {
            let row = bag([
                ("status_type", 0.into()),
                ("link_id", number),
                ("ip_type", type_of(link.transport).into()),
                ("terminal_type", i64::from(link.server).into()),
                ("remote_ip", link.address.as_str().into()),
                ("remote_port", link.port.into()),
                ("local_port", link.local.into()),
            ]);
            core.urc("+LINK_CONN", &row);
            return;
        }
        let row = if core.int("cip.mux") == Some(1) { bag([("link ID", number)]) } else { Bag::new() };
        let opens = self.links.opening.is_some_and(|(opening, _)| opening == at);
        match self.pending.clone().filter(|_| opens) {
            Some(call) => core.respond(&call, "CONNECT", &row),
            None => core.urc("CONNECT", &row),
        };
    }

    pub(super) fn link_failed(&mut self, core: &mut Core, id: Id, why: Failure) {
        if self.links.sending.take_if(|own| *own == id).is_some() {
            // What was sent did not arrive: the link is gone, too.
            if why == Failure::Broken {
                self.link_closed(core, id);
            }
            return self.not_sent(core);
        }
        if self.links.opening.take_if(|(_, own)| *own == id).is_some() {
            if let Some((at, _)) = self.links.by_id(id)
                && let Some(slot) = self.links.all.get_mut(at)
            {
                *slot = None;
            }
            if real(core) && why == Failure::Dns {
                core.progress("DNS Fail", &Bag::new());
            }
            return self.finish(core, Outcome::Error(None));
        }
        if self.through == Through::Link {
            self.try_again(core);
        }
    }

    /// The other side closed a link, or it broke.
    pub(super) fn link_closed(&mut self, core: &mut Core, id: Id) {
        let Some((at, _)) = self.links.by_id(id).filter(|(_, link)| link.open) else { return };
        if self.through == Through::Link {
            return self.try_again(core);
        }
        self.end(core, at);
        self.tell_closed(core, at, None);
        if self.links.sending.take_if(|own| *own == id).is_some() {
            self.not_sent(core);
        }
    }

    /// The link is closed; what came of it may still be read.
    fn end(&mut self, core: &mut Core, at: usize) {
        core.set_at("link", at, 0);
        core.set_at("linktype", at, 0);
        self.links.ended = true;
        let Some(slot) = self.links.all.get_mut(at) else { return };
        match slot {
            Some(link) if !link.buffer.is_empty() => link.open = false,
            slot => *slot = None,
        }
    }

    /// `CLOSED`, as an answer to a command or by itself.
    pub(super) fn tell_closed(&self, core: &mut Core, at: usize, call: Option<&Call>) {
        let row = if core.int("cip.mux") == Some(1) { bag([("link ID", Item::from(at))]) } else { Bag::new() };
        match call {
            Some(call) => core.respond(call, "CLOSED", &row),
            None => core.urc("CLOSED", &row),
        };
    }

    fn close_command(&mut self, core: &mut Core, call: &Call) -> Outcome {
        if number(call) == LINKS {
            self.close_all(core, Some(call));
            return Outcome::Ok;
        }
        let at = number(call);
        let known = self.links.all.get(at).is_some_and(Option::is_some);
        let open = self.links.open(at).is_some();
        if !known {
            if firmware(core) == Firmware::NonOs {
                core.progress("UNLINK", &Bag::new());
            }
            return Outcome::Error(None);
        }
        self.forget_link(core, at);
        if open {
            self.tell_closed(core, at, Some(call));
        }
        Outcome::Ok
    }

    /// Closes a link from this side, and drops what is left of it.
    pub(super) fn forget_link(&mut self, core: &mut Core, at: usize) {
        let Some(link) = self.links.all.get_mut(at).and_then(Option::take) else { return };
        core.world.close(core.now(), link.id);
        self.end(core, at);
    }

    /// Closes all links from this side, and says so.
    pub(super) fn close_all(&mut self, core: &mut Core, call: Option<&Call>) {
        for at in 0..LINKS {
            let open = self.links.open(at).is_some();
            self.forget_link(core, at);
            if open {
                self.tell_closed(core, at, call);
            }
        }
    }

    /// The access point is gone: the links through it are dead, without a word. Those of the SoftAP stay.
    pub(super) fn links_lost(&mut self, core: &mut Core) {
        for at in 0..LINKS {
            let dead = self
                .links
                .all
                .get(at)
                .and_then(Option::as_ref)
                .is_some_and(|link| !self.nvs.softap.reaches(&link.address));
            if dead {
                self.forget_link(core, at);
            }
        }
        if self.links.sending.take().is_some() {
            self.not_sent(core);
        }
        if self.links.opening.take().is_some() {
            self.finish(core, Outcome::Error(None));
        }
    }

    /// All connections to the world end: power is gone.
    pub(super) fn leave_world(&mut self, core: &mut Core) {
        let now = core.now();
        for link in self.links.all.iter_mut().filter_map(Option::take) {
            core.world.close(now, link.id);
        }
        if let Some(server) = self.links.server.take() {
            core.world.unlisten(now, server.port);
        }
    }
}

/// Where data came from, as `AT+CIPDINFO` shows it.
pub(super) fn sender(core: &Core, row: &mut Bag, from: &(String, u16)) {
    if core.int("cip.dinfo") == Some(1) {
        row.set("remote IP", address(core, &from.0));
        row.set("remote port", from.1);
    }
}
