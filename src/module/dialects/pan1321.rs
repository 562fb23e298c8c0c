//! Panasonic PAN1321: a Bluetooth serial port, after what captures of real modules show.
//!
//! Who it connects to is a classic device of the scenario; data goes to the peer whose host is the device's address. Trap: AT+JSEC is taken
//! once after a reset, and AT+JRES is answered by the banner alone.

use super::super::core::{Call, Core, Said};
use super::super::dialect::{Dialect, Outcome, Token};
use super::super::scenario::Device;
use super::super::verdict::Refusal;
use super::super::world::{Endpoint, Event, Id, Transport};
use crate::check::Rule;
use crate::generate::{Bag, Item};
use crate::session::Form;

const FOUND: u16 = 1;
const SERVICE: u16 = 2;
const REFUSED: u16 = 3;
const COMES: u16 = 4;
const DOES: u16 = 5;
const RELEASED: u16 = 6;

/// Largest packet of a connection, as the captures have it.
const MTU: &str = "320";

/// Data bytes of one line.
const PIECE: usize = 999;

/// Codes of `ERR`: what is wrong with a parameter, what cannot be done now.
const INVALID: i64 = -1;
const NOT_NOW: i64 = -2;

enum Link {
    /// Opened from here, to a peer.
    Peer(Id),
    /// A device of the scenario that connected, by its place.
    Device(usize),
}

/// What waits for the PIN.
enum Awaited {
    Service(String),
    Connect(String, i64),
}

/// See the module's head.
#[derive(Default)]
pub(super) struct Pan1321 {
    /// A connection asks for its PIN.
    variable_pin: bool,
    link: Option<Link>,
    opening: Option<Id>,
    awaited: Option<Awaited>,
    /// A device that wants to connect, by its place.
    asks: Option<usize>,
    accepts: bool,
    found: bool,
    paired: Vec<String>,
}

/// An address as this module writes it.
fn plain(address: &str) -> String {
    address.chars().filter(char::is_ascii_hexdigit).map(|digit| digit.to_ascii_uppercase()).collect()
}

fn classics(core: &Core) -> Vec<(usize, Device)> {
    let devices = core.world.scenario().devices.iter().enumerate();
    devices.filter(|(_, device)| device.kind == "classic").map(|(at, device)| (at, device.clone())).collect()
}

fn failed(code: i64) -> Outcome {
    Outcome::Error(Some(Item::Int(code)))
}

fn confirm(core: &mut Core, fine: bool) {
    let mtu = Item::Raw(if fine { MTU } else { "000" }.as_bytes().to_vec());
    core.urc("+RCCRCNF", &Bag::new().with("mtu", mtu).with("status", i32::from(!fine)));
}

impl Pan1321 {
    pub(super) fn new() -> Self {
        Self::default()
    }

    fn connect(&mut self, core: &mut Core, address: &str, channel: i64) {
        let (id, now) = (core.id(), core.now());
        self.opening = Some(id);
        let port = u16::try_from(channel).unwrap_or_default();
        let to = Endpoint { transport: Transport::Tcp, host: address.to_owned(), port, local_port: None };
        core.world.open(now, id, &to);
    }

    /// What the other device wants the PIN for goes on.
    fn go_on(&mut self, core: &mut Core, awaited: Awaited) {
        match awaited {
            Awaited::Service(address) => {
                let known = classics(core).iter().any(|(_, device)| plain(&device.address) == address);
                core.later(200, (SERVICE, u64::from(known)));
            }
            Awaited::Connect(address, channel) => self.connect(core, &address, channel),
        }
    }

    /// Asks for the PIN first, where that is how the security was set.
    fn secure(&mut self, core: &mut Core, address: &str, awaited: Awaited) {
        if self.variable_pin && !self.paired.iter().any(|known| known == address) {
            core.wait(1);
            self.awaited = Some(awaited);
            core.later(100, (DOES, PIN));
        } else {
            self.go_on(core, awaited);
        }
    }

    fn hang_up(&mut self, core: &mut Core) -> bool {
        let now = core.now();
        if let Some(id) = self.opening.take() {
            core.world.close(now, id);
        }
        match self.link.take() {
            Some(Link::Peer(id)) => core.world.close(now, id),
            Some(Link::Device(_)) => {}
            None => return false,
        }
        true
    }

    fn accept(&mut self, core: &mut Core, device: usize) {
        self.link = Some(Link::Device(device));
        confirm(core, true);
        let does = core.world.scenario().devices.get(device).map(|device| device.does.clone()).unwrap_or_default();
        for (at, (after, _)) in does.iter().enumerate().take(1000) {
            core.later(*after, (DOES, (device as u64) << 16 | at as u64));
        }
    }

    /// What a device of the scenario does once connected: `say text`, `disconnect`.
    fn does(&mut self, core: &mut Core, device: usize, at: usize) {
        if !matches!(self.link, Some(Link::Device(own)) if own == device) {
            return;
        }
        let does = core.world.scenario().devices.get(device).and_then(|device| device.does.get(at).cloned());
        let Some((_, what)) = does else { return };
        match what.split_once(' ') {
            Some(("say", text)) => Self::received(core, text.as_bytes()),
            _ if what == "disconnect" => {
                self.link = None;
                core.urc("+RDII", &Bag::new());
            }
            _ => {}
        }
    }

    fn received(core: &mut Core, bytes: &[u8]) {
        for piece in bytes.chunks(PIECE) {
            let length = Item::Raw(format!("{:03}", piece.len()).into_bytes());
            // A line end of its own follows the data.
            core.urc_within(b"", "+RDAI", &Bag::new().with("length", length).with_data(piece), b"\r\n");
        }
    }
}

/// In place of a device: the other side asks for the PIN.
const PIN: u64 = u64::MAX;

impl Dialect for Pan1321 {
    fn start(&mut self, _: &mut Core, factory: bool) {
        let paired = if factory { Vec::new() } else { std::mem::take(&mut self.paired) };
        *self = Self { paired, ..Self::default() };
    }

    fn boot(&mut self, core: &mut Core) {
        core.say_line(Said::Boot, b"ROK");
    }

    fn command(&mut self, core: &mut Core, call: &Call) -> Option<Outcome> {
        Some(match (&*call.name, call.form) {
            ("+JSEC", Form::Set) => {
                self.variable_pin = call.int("pintype") == Some(1);
                core.set("security", 1);
                Outcome::Ok
            }
            ("+JRES", Form::Execute) => {
                self.hang_up(core);
                core.restart();
                Outcome::Nothing
            }
            ("+JRRI", Form::Execute) => {
                let release = core.fact("+JRRI", "release").unwrap_or(Item::Int(18));
                core.respond_any(call, &Bag::new().with("release", release));
                Outcome::Ok
            }
            ("+JRBD", Form::Execute) => {
                let address = core.fact("+JRBD", "bd_addr").unwrap_or_else(|| Item::from("0050C2123456"));
                core.respond_any(call, &Bag::new().with("bd_addr", address));
                Outcome::Ok
            }
            ("+JRTD", Form::Set) => {
                let address = plain(&call.string("bd_addr"));
                self.paired.retain(|known| *known != address);
                Outcome::Ok
            }
            ("+JDIS", Form::Set) => {
                // From a page scan on other devices can connect.
                if call.int("mode").is_some_and(|mode| mode & 2 != 0) && !std::mem::replace(&mut self.found, true) {
                    for (at, device) in classics(core) {
                        if let Some(after) = device.connects {
                            core.later(after, (COMES, at as u64));
                        }
                    }
                }
                Outcome::Ok
            }
            ("+JAAC", Form::Set) => {
                self.accepts = call.int("accept") == Some(1);
                Outcome::Ok
            }
            ("+JACR", Form::Set) => {
                match (self.asks.take(), call.int("accept")) {
                    (Some(device), Some(1)) => core.later(1, (COMES, ACCEPTED | device as u64)),
                    _ => core.later(1, (REFUSED, 0)),
                }
                Outcome::Ok
            }
            ("+JDDS", Form::Set) => {
                let scan = core.world.scenario().delays.scan;
                core.later(scan, (FOUND, 0));
                Outcome::Ok
            }
            ("+JSDS", Form::Set) => {
                let address = plain(&call.string("bd_addr"));
                self.secure(core, &address.clone(), Awaited::Service(address));
                Outcome::Ok
            }
            ("+JCCR", Form::Set) if self.link.is_some() => failed(NOT_NOW),
            ("+JCCR", Form::Set) => {
                let (address, channel) = (plain(&call.string("bd_addr")), call.int("channel").unwrap_or_default());
                let devices = classics(core);
                let known = devices.iter().find(|(_, device)| plain(&device.address) == address);
                if known.is_some_and(|(_, device)| device.fails) || known.is_none() && !devices.is_empty() {
                    core.later(100, (REFUSED, 0));
                } else {
                    self.secure(core, &address.clone(), Awaited::Connect(address, channel));
                }
                Outcome::Ok
            }
            ("+JPCR", Form::Set) => match self.awaited.take() {
                Some(awaited) => {
                    let address = match &awaited {
                        Awaited::Service(address) | Awaited::Connect(address, _) => address.clone(),
                    };
                    self.paired.push(address);
                    self.paired.truncate(8);
                    core.later(50, (DOES, PIN - 1));
                    self.awaited = Some(awaited);
                    Outcome::Ok
                }
                None => failed(NOT_NOW),
            },
            ("+JSDR", Form::Execute) => {
                if !self.hang_up(core) {
                    return Some(failed(NOT_NOW));
                }
                core.later(20, (RELEASED, 0));
                Outcome::Ok
            }
            ("+JSDA", Form::Set) => match &self.link {
                Some(Link::Peer(id)) => {
                    let (id, now) = (*id, core.now());
                    let data = call.text("data").map(|data| data.into_owned()).unwrap_or_default();
                    core.world.send(now, id, &data, None);
                    Outcome::Ok
                }
                Some(Link::Device(_)) => Outcome::Ok,
                None => failed(NOT_NOW),
            },
            ("+JSNF", Form::Set) if self.link.is_some() => {
                // Its line is its result.
                core.say_line(Said::Final, format!("+RSNFCNF={},2", call.string("max")).as_bytes());
                Outcome::Nothing
            }
            ("+JSNF", Form::Set) => failed(NOT_NOW),
            _ => return None,
        })
    }

    fn timer(&mut self, core: &mut Core, (what, about): Token) {
        match what {
            FOUND => {
                for (_, device) in classics(core) {
                    let bag = Bag::new().with("bd_addr", plain(&device.address)).with("name", device.name.as_str());
                    core.urc("+RDDSRES", &bag.with("class", "000000"));
                }
                core.urc("+RDDSCNF", &Bag::new().with("status", 0));
            }
            SERVICE => {
                if about == 1 {
                    let channel = Item::Raw(b"01".to_vec());
                    core.urc("+RSDSRES", &Bag::new().with("name", "Serial port").with("channel", channel));
                }
                core.urc("+RSDSCNF", &Bag::new().with("status", i32::from(about != 1)));
            }
            REFUSED => confirm(core, false),
            COMES if about & ACCEPTED != 0 => self.accept(core, (about & !ACCEPTED) as usize),
            COMES if self.link.is_none() => {
                let device = about as usize;
                let address = core.world.scenario().devices.get(device).map(|device| plain(&device.address));
                core.urc("+RCOI", &Bag::new().with("bd_addr", address.unwrap_or_default()));
                match self.accepts {
                    true => self.accept(core, device),
                    false => self.asks = Some(device),
                }
            }
            DOES if about == PIN => {
                let address = match &self.awaited {
                    Some(Awaited::Service(address) | Awaited::Connect(address, _)) => address.clone(),
                    None => return,
                };
                core.urc("+RPCI", &Bag::new().with("bd_addr", address));
            }
            DOES if about == PIN - 1 => {
                core.urc("+RSLE", &Bag::new());
                if let Some(awaited) = self.awaited.take() {
                    self.go_on(core, awaited);
                }
            }
            DOES => self.does(core, (about >> 16) as usize, (about & 0xFFFF) as usize),
            RELEASED => {
                core.urc("+RDII", &Bag::new());
            }
            _ => {}
        }
    }

    fn world(&mut self, core: &mut Core, event: Event) {
        let peer = match self.link {
            Some(Link::Peer(id)) => Some(id),
            _ => None,
        };
        match event {
            Event::Opened(id) if self.opening == Some(id) => {
                self.opening = None;
                self.link = Some(Link::Peer(id));
                confirm(core, true);
            }
            Event::Failed(id, _) if self.opening == Some(id) => {
                self.opening = None;
                confirm(core, false);
            }
            Event::Received(id, bytes, _, _) if peer == Some(id) => Self::received(core, &bytes),
            Event::Closed(id) | Event::Failed(id, _) if peer == Some(id) => {
                self.link = None;
                core.urc("+RDII", &Bag::new());
            }
            _ => {}
        }
    }

    fn error(&self, _: &Core, code: Option<Item>) -> (&'static str, Option<Item>) {
        ("ERR", Some(code.unwrap_or(Item::Int(INVALID))))
    }

    fn code(&self, _: &Core, refusal: &Refusal) -> Option<Item> {
        Some(Item::Int(if refusal.rule == Rule::WrongState { NOT_NOW } else { INVALID }))
    }
}

/// Marks a device whose request to connect was accepted.
const ACCEPTED: u64 = 1 << 32;

#[cfg(test)]
mod tests;
