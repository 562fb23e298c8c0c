//! Bluetooth Low Energy (chapter 5): roles, scans, advertising, connections, SPP mode. The devices in reach are those of the scenario.

use super::super::super::core::{Call, Core};
use super::super::super::dialect::Outcome;
use super::super::super::scenario::{Device, bytes_of};
use super::gatt::Values;
use super::system::rows;
use super::{Esp, Firmware, Through, address, answer, bag, firmware, real, say_through, tick};
use crate::generate::{Bag, Item};
use crate::session::Form;

/// MTU before any other is agreed on (Bluetooth Core Specification 4.2, Vol 3 Part G §5.2.1).
const MTU: i64 = 23;

/// Largest MTU that the devices in reach agree to.
const AGREED: i64 = 247;

/// Time of an attempt to connect without another one, in seconds.
const PATIENCE: i64 = 10;

/// A device is seen so often in a continuous scan, in milliseconds.
const SEEN: u64 = 1000;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Role {
    #[default]
    Off,
    Client,
    Server,
}

/// See the module's head.
#[derive(Default)]
pub(super) struct Ble {
    pub(super) role: Role,
    pub(super) own: Values,
    pub(super) remote: Values,
    pub(super) started: bool,
    pub(super) mtu: i64,
    /// The device at the other end.
    pub(super) peer: Option<Device>,
    /// Scans, connections and advertisings, so that an old timer does nothing to a new one.
    pub(super) generation: u64,
    scanning: bool,
    continuous: bool,
}

/// The devices of a kind.
pub(super) fn devices(core: &Core, kind: &str) -> Vec<Device> {
    core.world.scenario().devices.iter().filter(|device| device.kind == kind).cloned().collect()
}

impl Esp {
    pub(super) fn ble_command(&mut self, core: &mut Core, call: &Call) -> Option<Outcome> {
        let found = self.gatt_command(core, call).or_else(|| self.ble_security_command(core, call));
        if found.is_some() {
            return found;
        }
        match (&*call.name, call.form) {
            ("+BLEINIT", Form::Read) => {
                let role = core.int("ble.role").unwrap_or_default();
                answer(core, call, &bag([("role", role.into())]));
            }
            ("+BLEINIT", _) => self.init_ble(core, call.int("init").unwrap_or_default()),
            ("+BLEADDR", Form::Read) => {
                let [.., mac, _] = &self.nvs.station.macs;
                let row = bag([("BLE_public_addr", unquoted_unless_new(core, mac))]);
                answer(core, call, &row);
            }
            ("+BLEADVPARAM", Form::Read) => {
                // The manual writes the intervals as decimal numbers.
                let mut row = rows(core, "+BLEADVPARAM").first().cloned().unwrap_or_default();
                for name in ["adv_int_min", "adv_int_max"] {
                    let number = row.get(name).and_then(Item::int).unwrap_or_default();
                    row.set(name, Item::Raw(number.to_string().into_bytes()));
                }
                answer(core, call, &row);
            }
            // Its second syntax sets SPP parameters (§5.27).
            ("+BLESCANPARAM", Form::Set) if call.int("option").is_some() => return self.set_spp(core, call),
            ("+BLESPPCFG", Form::Set) => return self.set_spp(core, call),
            ("+BLESPP", _) => {
                let row = rows(core, "+BLESPPCFG").first().cloned().unwrap_or_default();
                if self.ble.peer.is_none() || !self.spp_is_set(&row) {
                    return Some(Outcome::Error(None));
                }
                self.through = Through::Ble;
                return Some(Outcome::Passthrough);
            }
            ("+BLESCAN", _) => return self.scan_ble(core, call),
            ("+BLEADVSTART", _) => self.advertise(core),
            ("+BLEADVSTOP", _) => {
                core.set("ble.advertising", 0);
                if self.ble.peer.is_none() {
                    self.ble.generation += 1;
                }
            }
            ("+BLECONN", Form::Read) => {
                let row = match &self.ble.peer {
                    Some(peer) => bag([("conn_index", 0.into()), ("remote_address", peer.address.as_str().into())]),
                    None => Bag::new(),
                };
                answer(core, call, &row);
            }
            ("+BLECONN", _) => return self.connect_ble(core, call),
            ("+BLEDISCONN", _) => {
                if self.ble.peer.is_none() {
                    return Some(Outcome::Error(None));
                }
                core.later(core.world.scenario().delays.round_trip, (tick::BLE_LEFT, self.ble.generation));
            }
            ("+BLECFGMTU", Form::Read) => {
                let mtu = if self.ble.peer.is_some() { self.ble.mtu } else { MTU };
                answer(core, call, &bag([("conn_index", 0.into()), ("mtu_size", mtu.into())]));
            }
            ("+BLECFGMTU", _) => self.ble.mtu = call.int("mtu_size").unwrap_or(MTU).clamp(MTU, AGREED),
            _ => return None,
        }
        Some(Outcome::Ok)
    }

    fn init_ble(&mut self, core: &mut Core, init: i64) {
        let role = match init {
            1 => Role::Client,
            2 => Role::Server,
            _ => Role::Off,
        };
        // Also of the same role: what was connected is not any more.
        self.ble = Ble { role, mtu: MTU, generation: self.ble.generation + 1, ..Ble::default() };
        core.set("ble.role", init);
        core.set_at("ble.connected", 0, 0);
        for key in ["ble.services", "ble.advertising", "ble.scanning"] {
            core.set(key, 0);
        }
    }

    fn set_spp(&mut self, core: &mut Core, call: &Call) -> Option<Outcome> {
        if let Some(command) = core.catalog.find_command(b"+BLESPPCFG") {
            core.memory.clear(command);
            if call.int("option") == Some(1) {
                core.memory.keep(command, None, &call.given);
            }
        }
        Some(Outcome::Ok)
    }

    fn scan_ble(&mut self, core: &mut Core, call: &Call) -> Option<Outcome> {
        let on = call.int("enable") == Some(1);
        let seconds = call.int("interval").unwrap_or_default().clamp(0, 86_400).unsigned_abs();
        self.ble.generation += u64::from(self.ble.peer.is_none());
        self.ble.scanning = on;
        self.ble.continuous = on && seconds == 0;
        core.set("ble.scanning", i64::from(on));
        if !on {
            return Some(Outcome::Ok);
        }
        let generation = self.ble.generation;
        let count = devices(core, "ble").len() as u64;
        // Devices come in one by one; a scan that ends at its time sees all of them once before.
        let between = core.world.scenario().delays.scan.min(seconds.saturating_sub(1).max(1) * 1000) / (count + 1);
        for at in 0..count {
            core.later(between * (at + 1), (tick::BLE_SEEN, generation << 16 | at));
        }
        if seconds > 0 {
            core.later(seconds * 1000, (tick::BLE_SCANNED, generation));
        }
        // The manual prints what a scan of some seconds found ahead of `OK` (§5.5); firmware prints it behind.
        if seconds > 0 && !real(core) { self.wait_for(call) } else { Some(Outcome::Ok) }
    }

    fn seen(&mut self, core: &mut Core, number: u64) {
        let at = number & 0xFFFF;
        let Some(device) = devices(core, "ble").into_iter().nth(usize::try_from(at).unwrap_or(usize::MAX)) else {
            return;
        };
        let row = bag([
            ("addr", unquoted_unless_new(core, &device.address)),
            ("rssi", i64::from(device.rssi).into()),
            ("adv_data", Item::Raw(device.advertising.into_bytes())),
            ("scan_rsp_data", Item::Raw(device.scan_response.into_bytes())),
            ("addr_type", i64::from(device.address_type).into()),
        ]);
        match self.pending.clone().filter(|call| &*call.name == "+BLESCAN") {
            Some(call) => core.respond(&call, "+BLESCAN", &row),
            None => core.urc("+BLESCAN", &row),
        };
        if self.ble.continuous {
            core.timer(SEEN, (tick::BLE_SEEN, number));
        }
    }

    fn advertise(&mut self, core: &mut Core) {
        core.set("ble.advertising", 1);
        // There is one connection at most: who comes finds it taken.
        if self.ble.peer.is_some() {
            return;
        }
        self.ble.generation += 1;
        for (at, device) in (0_u64..).zip(devices(core, "ble")) {
            if let Some(millis) = device.connects {
                core.later(millis, (tick::BLE_COMES, self.ble.generation << 16 | at));
            }
        }
    }

    fn connect_ble(&mut self, core: &mut Core, call: &Call) -> Option<Outcome> {
        if self.ble.peer.is_some() {
            return Some(Outcome::Error(None));
        }
        self.ble.generation += 1;
        let wanted = call.string("remote_address");
        let found = devices(core, "ble")
            .iter()
            .position(|device| device.address.eq_ignore_ascii_case(&wanted) && !device.fails);
        let patience = call.int("timeout").unwrap_or(PATIENCE).unsigned_abs() * 1000;
        // The number behind the last device means none.
        let (at, delay) = found.map_or((0xFFFF, patience), |at| (at as u64, core.world.scenario().delays.connect));
        core.later(delay, (tick::BLE_CONNECTED, self.ble.generation << 16 | at));
        if real(core) { self.wait_for(call) } else { Some(Outcome::Ok) }
    }

    /// A connection came about, or none.
    fn connected_ble(&mut self, core: &mut Core, device: Option<Device>) {
        let mut row = bag([("conn_index", 0.into())]);
        if let Some(device) = device {
            row.set("remote_address", device.address.as_str());
            core.set_at("ble.connected", 0, 1);
            // An established connection stops advertising (§5.10).
            core.set("ble.advertising", 0);
            self.ble.generation += 1;
            self.ble.mtu = MTU;
            self.ble.remote = Values::default();
            for (at, (millis, _)) in (0_u64..).zip(&device.does) {
                core.later(*millis, (tick::BLE_DOES, self.ble.generation << 16 | at));
            }
            self.ble.peer = Some(device);
        }
        match self.pending.clone().filter(|call| &*call.name == "+BLECONN") {
            Some(call) => {
                core.respond(&call, "+BLECONN", &row);
                self.finish(core, Outcome::Ok);
            }
            None => {
                core.urc("+BLECONN", &row);
            }
        }
    }

    /// The connection is over.
    fn left_ble(&mut self, core: &mut Core) {
        let Some(peer) = self.ble.peer.take() else { return };
        self.ble.generation += 1;
        core.set_at("ble.connected", 0, 0);
        if self.through == Through::Ble {
            self.through = Through::Off;
            core.offline();
        }
        core.urc("+BLEDISCONN", &bag([("conn_index", 0.into()), ("remote_address", peer.address.into())]));
    }

    pub(super) fn ble_timer(&mut self, core: &mut Core, what: u16, number: u64) {
        let alone = matches!(what, tick::BLE_SCANNED | tick::BLE_LEFT | tick::BLE_PAIRED);
        let generation = if alone { number } else { number >> 16 };
        if generation != self.ble.generation {
            return;
        }
        let at = usize::try_from(number & 0xFFFF).unwrap_or(usize::MAX);
        match what {
            tick::BLE_SEEN if self.ble.scanning => self.seen(core, number),
            tick::BLE_SCANNED => {
                self.ble.scanning = false;
                core.set("ble.scanning", 0);
                if firmware(core) == Firmware::Rtos2 {
                    core.urc("+BLESCANDONE", &Bag::new());
                }
                self.finish(core, Outcome::Ok);
            }
            tick::BLE_CONNECTED | tick::BLE_COMES if self.ble.peer.is_none() => {
                let device = devices(core, "ble").into_iter().nth(at);
                self.connected_ble(core, device);
            }
            tick::BLE_DOES => self.device_does(core, at),
            tick::BLE_LEFT => self.left_ble(core),
            tick::BLE_PAIRED => self.paired(core),
            _ => {}
        }
    }

    fn device_does(&mut self, core: &mut Core, at: usize) {
        let Some(peer) = self.ble.peer.clone() else { return };
        let Some((_, what)) = peer.does.get(at) else { return };
        let (verb, words) = what.trim().split_once(' ').unwrap_or((what.trim(), ""));
        match verb {
            "disconnect" => self.left_ble(core),
            "pair" => {
                core.urc("+BLESECREQ", &bag([("conn_index", 0.into())]));
            }
            "say" if self.through == Through::Ble => say_through(core, &bytes_of(words)),
            verb => self.remote_does(core, verb, words, &peer.address),
        }
    }
}

/// An address as firmware prints it where the manual leaves the quotes open: without them before ESP-AT 2.
fn unquoted_unless_new(core: &Core, text: &str) -> Item {
    match firmware(core) {
        Firmware::Manual => Item::Raw(text.as_bytes().to_vec()),
        _ => address(core, text),
    }
}
