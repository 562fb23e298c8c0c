//! ESP-AT: what its commands do to Wi-Fi, links, brokers, Bluetooth and flash, after the manual; and how the firmware generations differ.
//!
//! One struct holds all; each area of the manual has its file, with its part of the state and the commands that act on it. A command that an
//! area does not name is a setting: the generic code stores it and answers with it.
//! Trap: state that commands ask for (`wifi.ip`, `link.2`) lives in the catalog's keys, the rest here; each change goes to both.

mod ble;
mod ble_security;
mod bluetooth;
mod errors;
mod ethernet;
mod flash;
mod gatt;
mod http;
mod join;
mod links;
mod mqtt;
mod mqtt_broker;
mod net;
mod receive;
mod server;
mod softap;
mod station;
mod status;
mod system;
#[cfg(test)]
mod tests;
mod through;
mod transmit;

use std::sync::Arc;

use super::super::core::{Call, Core, Said};
use super::super::dialect::{DataEnd, Dialect, Outcome, Token};
use super::super::verdict::Refusal;
use super::super::world::Event;
use crate::generate::{Bag, Item};
use crate::session::Form;

/// What a timer is for; the number beside it says of what, or of which attempt.
mod tick {
    pub(super) const ASSOCIATED: u16 = 1;
    pub(super) const ADDRESS: u16 = 2;
    pub(super) const JOIN_FAILED: u16 = 3;
    pub(super) const LEFT: u16 = 4;
    pub(super) const SCANNED: u16 = 5;
    pub(super) const SMART: u16 = 6;
    pub(super) const STATION: u16 = 7;
    pub(super) const IDLE: u16 = 8;
    pub(super) const RECONNECT: u16 = 9;
    pub(super) const UPDATE: u16 = 10;
    pub(super) const SNTP: u16 = 11;
    pub(super) const MQTT_CONNECTED: u16 = 12;
    pub(super) const MQTT_ANSWER: u16 = 13;
    pub(super) const MQTT_MESSAGE: u16 = 14;
    pub(super) const MQTT_BROKEN: u16 = 15;
    pub(super) const BLE_SEEN: u16 = 16;
    pub(super) const BLE_SCANNED: u16 = 17;
    pub(super) const BLE_CONNECTED: u16 = 18;
    pub(super) const BLE_COMES: u16 = 19;
    pub(super) const BLE_DOES: u16 = 20;
    pub(super) const BLE_LEFT: u16 = 21;
    pub(super) const BLE_PAIRED: u16 = 22;
    pub(super) const BT_FOUND: u16 = 23;
    pub(super) const BT_CONNECTED: u16 = 24;
    pub(super) const BT_COMES: u16 = 25;
    pub(super) const BT_DOES: u16 = 26;
    pub(super) const BT_LEFT: u16 = 27;
    pub(super) const TRANSLINK: u16 = 28;
}

/// Whose bytes passthrough mode carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Through {
    /// It is off.
    #[default]
    Off,
    /// The single connection's.
    Link,
    /// A BLE characteristic's.
    Ble,
    /// Classic Bluetooth's SPP connection's.
    Spp,
}

/// Firmware generations, as the catalog's profiles name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Firmware {
    /// As the manual prints it.
    Manual,
    NonOs,
    Rtos1,
    Rtos2,
}

/// See the module's head.
#[derive(Default)]
pub(super) struct Esp {
    /// The command in work that time or the world ends.
    pending: Option<Call>,
    through: Through,
    /// The network was not there yet since the module started: the link of `AT+SAVETRANSLINK` waits for it.
    booting: bool,
    /// `AT+RESTORE`: the next start finds the flash as it was sold.
    factory: bool,
    /// What is behind the access point is gone (`network lost`).
    offline: bool,
    nvs: Nvs,
    flash: flash::Flash,
    station: station::Station,
    softap: softap::SoftAp,
    links: links::Links,
    net: net::Net,
    http: http::Client,
    mqtt: mqtt::Mqtt,
    ble: ble::Ble,
    spp: bluetooth::Bluetooth,
}

/// What is kept in the NVS area: it outlives a restart, and `AT+RESTORE` takes it back.
#[derive(Default)]
struct Nvs {
    station: station::Saved,
    softap: softap::Saved,
    translink: Option<links::Translink>,
    /// The speed of `AT+UART_DEF`.
    baud: Option<u32>,
    /// Bonded devices: BLE, classic.
    bonded: [Vec<String>; 2],
}

/// Numbers and texts of the reply `core.respond` and its like take.
fn bag<const N: usize>(items: [(&'static str, Item); N]) -> Bag {
    items.into_iter().fold(Bag::new(), |bag, (name, item)| bag.with(name, item))
}

fn firmware(core: &Core) -> Firmware {
    match core.profile_name() {
        "" => Firmware::Manual,
        "nonos" => Firmware::NonOs,
        "rtos-1" => Firmware::Rtos1,
        _ => Firmware::Rtos2,
    }
}

/// It prints what real firmware prints, beside and in place of what the manual says.
fn real(core: &Core) -> bool {
    firmware(core) != Firmware::Manual
}

/// An address as this firmware prints it where the manual leaves the quotes open.
fn address(core: &Core, text: &str) -> Item {
    match firmware(core) {
        Firmware::NonOs | Firmware::Rtos1 => Item::Raw(text.as_bytes().to_vec()),
        Firmware::Manual | Firmware::Rtos2 => Item::from(text),
    }
}

/// A text in quotes and without escapes, as firmware prints names of access points.
fn unescaped(text: &str) -> Item {
    Item::Raw([b"\"", text.as_bytes(), b"\""].concat())
}

/// Answers with the line that suits the command's spelling and this firmware.
fn answer(core: &mut Core, call: &Call, bag: &Bag) {
    let catalog = Arc::clone(&core.catalog);
    let Some(spec) = catalog.commands.get(call.command as usize).and_then(|command| command.form(call.form)) else {
        return;
    };
    let lines = spec.reply.iter().filter_map(|at| catalog.lines.get(*at as usize));
    let mut best = None;
    for line in lines {
        let Some(rank) = core.suits(line, call) else { continue };
        if best.as_ref().is_none_or(|(least, _)| rank > *least) {
            best = Some((rank, &line.name));
        }
    }
    match best {
        Some((_, name)) if !name.is_empty() => core.respond(call, name, bag),
        _ => core.respond_any(call, bag),
    };
}

impl Esp {
    /// The command goes on until something ends it.
    fn wait_for(&mut self, call: &Call) -> Option<Outcome> {
        self.pending = Some(call.clone());
        Some(Outcome::Pending)
    }

    /// Bonded devices: 0 BLE, 1 classic.
    fn bonds(&self, kind: usize) -> Vec<String> {
        self.nvs.bonded.get(kind).cloned().unwrap_or_default()
    }

    /// Ends the command in work.
    fn finish(&mut self, core: &mut Core, outcome: Outcome) {
        core.busy = None;
        if self.pending.take().is_some() {
            core.finish(outcome);
        }
    }
}

impl Dialect for Esp {
    fn start(&mut self, core: &mut Core, factory: bool) {
        self.leave_world(core);
        let factory = factory || std::mem::take(&mut self.factory);
        let nvs = if factory { Nvs::default() } else { std::mem::take(&mut self.nvs) };
        let station = station::Station { out_of_reach: self.station.out_of_reach, ..station::Station::default() };
        *self = Self { nvs, station, offline: self.offline, flash: std::mem::take(&mut self.flash), ..Self::default() };
        self.defaults(core, factory);
    }

    fn boot(&mut self, core: &mut Core) {
        self.banner(core);
        self.booting = true;
        self.softap_up(core);
        self.join_by_itself(core);
    }

    fn command(&mut self, core: &mut Core, call: &Call) -> Option<Outcome> {
        match call.name.get(..4).unwrap_or_default() {
            "+BLE" => self.ble_command(core, call),
            "+MQT" => self.mqtt_command(core, call),
            _ if call.name.starts_with("+BT") => self.bt_command(core, call),
            _ => self
                .system_command(core, call)
                .or_else(|| self.flash_command(core, call))
                .or_else(|| self.station_command(core, call))
                .or_else(|| self.softap_command(core, call))
                .or_else(|| self.link_command(core, call))
                .or_else(|| self.server_command(core, call))
                .or_else(|| self.receive_command(core, call))
                .or_else(|| self.send_command(core, call))
                .or_else(|| self.net_command(core, call))
                .or_else(|| self.http_command(core, call))
                .or_else(|| ethernet::command(core, call)),
        }
    }

    fn data(&mut self, core: &mut Core, call: &Call, data: &[u8], end: DataEnd) -> Outcome {
        if end != DataEnd::Complete {
            return Outcome::Final("SEND Canceled".into());
        }
        match &*call.name {
            "+CIPSEND" | "+CIPSENDEX" => self.send_data(core, call, data),
            "+SYSFLASH" | "+FS" => self.flash_data(core, call, data),
            "+MQTTPUBRAW" => self.publish_raw(core, call, data),
            "+BTSPSEND" => self.bt_data(core, data),
            name if name.starts_with("+BLE") => self.ble_data(core, call, data),
            _ => Outcome::Ok,
        }
    }

    fn passthrough(&mut self, core: &mut Core, bytes: &[u8]) {
        match self.through {
            Through::Link => self.send_through(core, bytes),
            Through::Ble | Through::Spp | Through::Off => {}
        }
    }

    fn escape(&mut self, core: &mut Core) {
        let through = std::mem::take(&mut self.through);
        core.set("passthrough", 0);
        if core.int("sysmsg").unwrap_or_default() & 1 == 1 {
            core.urc(if real(core) { "+QUITT" } else { "+QUIT" }, &Bag::new());
        }
        if through == Through::Link {
            self.through_ended(core);
        }
    }

    fn timer(&mut self, core: &mut Core, token: Token) {
        let (what, number) = token;
        match what {
            tick::ASSOCIATED | tick::ADDRESS | tick::JOIN_FAILED | tick::LEFT | tick::SCANNED | tick::SMART => {
                self.station_timer(core, what, number);
            }
            tick::STATION => self.station_comes(core, number),
            tick::IDLE => self.idle(core, number),
            tick::RECONNECT => self.reconnect(core),
            tick::TRANSLINK => self.translink(core),
            tick::UPDATE => self.update_timer(core, number),
            tick::SNTP => self.time_updated(core),
            tick::MQTT_CONNECTED..=tick::MQTT_BROKEN => self.mqtt_timer(core, what, number),
            tick::BLE_SEEN..=tick::BLE_PAIRED => self.ble_timer(core, what, number),
            tick::BT_FOUND..=tick::BT_LEFT => self.bt_timer(core, what, number),
            _ => {}
        }
    }

    fn world(&mut self, core: &mut Core, event: Event) {
        match event {
            Event::Happens(what) => self.happens(core, what.trim()),
            Event::Reply(id, reply) => self.http_reply(core, id, &reply),
            Event::Pong(id, millis) => self.pong(core, id, millis),
            Event::Resolved(id, address) if !self.net_resolved(core, id, &address) => {
                self.link_resolved(core, id, address);
            }
            Event::Failed(id, why) if !self.net_failed(core, id) && !self.http_failed(core, id) => {
                self.link_failed(core, id, why);
            }
            Event::Opened(id) if !self.net_opened(core, id) => self.link_opened(core, id),
            Event::Received(id, bytes, host, port) => self.received(core, id, &bytes, (host, port)),
            Event::Closed(id) => self.link_closed(core, id),
            Event::Accepted(id, host, port) => self.accepted(core, id, host, port),
            Event::Sent(id) => self.sent(core, id),
            Event::Resolved(..) | Event::Failed(..) | Event::Opened(_) => {}
        }
    }

    fn failing(&mut self, core: &mut Core, code: Option<&Item>) {
        errors::failing(core, code);
    }

    fn code(&self, core: &Core, refusal: &Refusal) -> Option<Item> {
        errors::code(core, refusal)
    }
}

/// Whether the command is of this name, in whatever form takes parameters.
fn is_set(call: &Call, name: &str) -> bool {
    call.is(name, Form::Set)
}

/// Bytes of a connection in passthrough mode.
fn say_through(core: &mut Core, bytes: &[u8]) {
    core.say(Said::Passthrough, bytes.to_vec(), 0);
}
