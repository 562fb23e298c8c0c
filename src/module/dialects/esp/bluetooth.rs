//! Classic Bluetooth (chapter 8): discovery, SPP, A2DP, bonds. The devices in reach are those of the scenario.

use super::super::super::core::{Call, Core};
use super::super::super::dialect::Outcome;
use super::super::super::scenario::{Device, bytes_of};
use super::ble::devices;
use super::ble_security::{forget_bonds, tell_bonds};
use super::{Esp, Firmware, Through, answer, bag, firmware, real, say_through, tick};
use crate::generate::{Bag, Item};
use crate::session::Form;

/// A unit of `<inq_len>`, in milliseconds (Bluetooth Core Specification 4.2, Vol 2 Part E §7.1.1).
const INQUIRY: u64 = 1280;

/// Profiles, as the numbers beside timers name them.
const SPP: u64 = 0;
const A2DP: u64 = 1;

/// Beside timers, in place of a profile.
const SEARCH: u64 = 2;

/// See the module's head.
#[derive(Default)]
pub(super) struct Bluetooth {
    /// Connections of each profile, and inquiries, so that an old timer does nothing to a new one.
    generations: [u64; 3],
    /// The slave listens.
    started: bool,
    /// Both discoverable and connectable, or connectable alone.
    open: bool,
    /// The devices at the other end: of SPP, of A2DP.
    peers: [Option<Device>; 2],
    /// How many more responses an inquiry may have.
    wanted: usize,
}

impl Esp {
    pub(super) fn bt_command(&mut self, core: &mut Core, call: &Call) -> Option<Outcome> {
        let fails = Some(Outcome::Error(None));
        let on = core.int("bt.init") == Some(1);
        match (&*call.name, call.form) {
            ("+BTINIT", Form::Read) => {
                let init = core.int("bt.init").unwrap_or_default();
                answer(core, call, &bag([("init", init.into())]));
            }
            ("+BTINIT", _) => self.init_bt(core, call.int("init").unwrap_or_default()),
            ("+BTSCANMODE", _) if on => {
                self.spp.open = call.int("scan_mode") != Some(0);
                self.invite(core);
            }
            ("+BTSTARTDISC", _) if on => return self.inquire(core, call),
            ("+BTSPPINIT", Form::Read) => {
                // 1, whatever the role (§8.5).
                let init = i64::from(core.int("bt.spp").unwrap_or_default() > 0);
                answer(core, call, &bag([("init", init.into())]));
            }
            ("+BTSPPINIT", _) if on => {
                self.leave_profile(core, SPP, false);
                core.set("bt.spp", call.int("init").unwrap_or_default());
            }
            ("+BTSPPCONN", Form::Read) => {
                let row = self.peer_row(SPP);
                if row.is_empty() {
                    core.respond_like(call, "+BTSPPCONN", ":-1", &row);
                } else {
                    answer(core, call, &row);
                }
            }
            ("+BTSPPCONN", _) if core.int("bt.spp") == Some(1) => return self.connect_bt(core, call, SPP),
            ("+BTSPDISCONN", _) if self.peer(SPP).is_some() => return self.disconnect_bt(core, SPP),
            ("+BTSPSEND", Form::Execute) if self.peer(SPP).is_some() => {
                self.through = Through::Spp;
                return Some(Outcome::Passthrough);
            }
            ("+BTSPSEND", Form::Set) if self.peer(SPP).is_some() => return Some(Outcome::Data),
            ("+BTSPSTART", _) if core.int("bt.spp").unwrap_or_default() > 0 => {
                self.spp.started = true;
                self.invite(core);
            }
            ("+BTA2DPINIT", Form::Read) => {
                let init = core.int("bt.a2dp").unwrap_or_default();
                answer(core, call, &bag([("init_val", init.into())]));
            }
            ("+BTA2DPINIT", _) if on => {
                self.leave_profile(core, A2DP, false);
                core.set("bt.a2dp", call.int("init_val").unwrap_or_default());
                core.set("bt.a2dp.role", call.int("role").unwrap_or_default());
            }
            ("+BTA2DPCONN", Form::Read) => {
                let row = self.peer_row(A2DP);
                answer(core, call, &row);
            }
            ("+BTA2DPCONN", _) if core.int("bt.a2dp") == Some(1) => return self.connect_bt(core, call, A2DP),
            ("+BTA2DPDISCONN", _) if self.peer(A2DP).is_some() => return self.disconnect_bt(core, A2DP),
            ("+BTA2DPCTRL", _) if self.peer(A2DP).is_some() => {}
            ("+BTKEYREPLY" | "+BTPINREPLY" | "+BTSECCFM", _) if on => {}
            ("+BTENCDEV", _) => tell_bonds(core, call, &self.bonds(1)),
            ("+BTENCCLEAR", _) => return Some(forget_bonds(call, self.nvs.bonded.get_mut(1)?)),
            ("+BTA2DPSRC", Form::Set) => {
                super::system::keep(core, "+BTA2DPSRC", Bag::new().with("url", call.string("url")))
            }
            ("+BTNAME" | "+BTSECPARAM" | "+BTA2DPSRC", _) => return None,
            // What needs a profile or a connection that is not there.
            _ => return fails,
        }
        Some(Outcome::Ok)
    }

    fn init_bt(&mut self, core: &mut Core, init: i64) {
        if Some(init) == core.int("bt.init") {
            return;
        }
        self.spp =
            Bluetooth { generations: self.spp.generations.map(|generation| generation + 1), ..Bluetooth::default() };
        core.set("bt.init", init);
        for key in ["bt.spp", "bt.spp.connected", "bt.a2dp", "bt.a2dp.connected"] {
            core.set(key, 0);
        }
    }

    fn generation(&self, profile: u64) -> u64 {
        let [spp, a2dp, search] = self.spp.generations;
        match profile {
            SPP => spp,
            A2DP => a2dp,
            _ => search,
        }
    }

    /// Old timers of a profile do nothing any more.
    fn next(&mut self, profile: u64) -> u64 {
        let [spp, a2dp, search] = &mut self.spp.generations;
        let own = match profile {
            SPP => spp,
            A2DP => a2dp,
            _ => search,
        };
        *own += 1;
        *own
    }

    fn peer(&self, profile: u64) -> Option<&Device> {
        let [spp, a2dp] = &self.spp.peers;
        if profile == SPP { spp.as_ref() } else { a2dp.as_ref() }
    }

    fn slot(&mut self, profile: u64) -> &mut Option<Device> {
        let [spp, a2dp] = &mut self.spp.peers;
        if profile == SPP { spp } else { a2dp }
    }

    fn peer_row(&self, profile: u64) -> Bag {
        let peer = self.peer(profile);
        peer.map_or_else(Bag::new, |peer| {
            bag([("conn_index", 0.into()), ("remote_address", peer.address.as_str().into())])
        })
    }

    /// Devices of the scenario that look for this one come, once it can be found and its slave listens.
    fn invite(&mut self, core: &mut Core) {
        if !self.spp.open || !self.spp.started || core.int("bt.spp") != Some(2) {
            return;
        }
        let generation = self.next(SPP);
        for (at, device) in (0_u64..).zip(devices(core, "classic")) {
            if let Some(millis) = device.connects {
                core.later(millis, (tick::BT_COMES, number(generation, SPP, at)));
            }
        }
    }

    fn inquire(&mut self, core: &mut Core, call: &Call) -> Option<Outcome> {
        let generation = self.next(SEARCH);
        let most = call.int("inq_num_rsps").and_then(|most| usize::try_from(most).ok()).filter(|most| *most > 0);
        self.spp.wanted = most.unwrap_or(usize::MAX);
        let length = call.int("inq_len").unwrap_or(1).unsigned_abs() * INQUIRY;
        let count = devices(core, "classic").len() as u64;
        for at in 0..count {
            core.timer(length * (at + 1) / (count + 1), (tick::BT_FOUND, number(generation, SEARCH, at)));
        }
        core.timer(length, (tick::BT_FOUND, number(generation, SEARCH, 0xFFFF)));
        self.wait_for(call)
    }

    fn found(&mut self, core: &mut Core, device: Option<Device>) {
        let Some(call) = self.pending.clone() else { return };
        let Some(device) = device.filter(|_| self.spp.wanted > 0) else { return self.finish(core, Outcome::Ok) };
        self.spp.wanted -= 1;
        let row = bag([
            ("bt_addr", mac(core, &device.address)),
            ("dev_name", device.name.into()),
            ("major_dev_class", 0x2.into()),
            ("minor_dev_class", 0x3.into()),
            ("major_srv_class", 0x200.into()),
            ("rssi", i64::from(device.rssi).into()),
        ]);
        core.respond(&call, "+BTSTARTDISC", &row);
        if self.spp.wanted == 0 {
            self.finish(core, Outcome::Ok);
        }
    }

    fn connect_bt(&mut self, core: &mut Core, call: &Call, profile: u64) -> Option<Outcome> {
        if self.peer(profile).is_some() {
            return Some(Outcome::Error(None));
        }
        let wanted = call.string("remote_address");
        let found = devices(core, "classic")
            .iter()
            .position(|device| device.address.eq_ignore_ascii_case(&wanted) && !device.fails);
        let generation = self.next(profile);
        let delays = &core.world.scenario().delays;
        // The number behind the last device means none; a page is given up after 5.12 s (Vol 2 Part E §6.6).
        let (at, delay) = found.map_or((0xFFFF, 5120), |at| (at as u64, delays.connect * 4));
        core.later(delay, (tick::BT_CONNECTED, number(generation, profile, at)));
        if real(core) && profile == SPP { self.wait_for(call) } else { Some(Outcome::Ok) }
    }

    fn connected_bt(&mut self, core: &mut Core, profile: u64, device: Option<Device>) {
        let (name, key) =
            if profile == SPP { ("+BTSPPCONN", "bt.spp.connected") } else { ("+BTA2DPCONN", "bt.a2dp.connected") };
        let mut row = bag([("conn_index", 0.into())]);
        if let Some(device) = device {
            row.set("remote_address", device.address.as_str());
            core.set(key, 1);
            let generation = self.next(profile);
            for (at, (millis, _)) in (0_u64..).zip(&device.does) {
                core.later(*millis, (tick::BT_DOES, number(generation, profile, at)));
            }
            let [_, bonds] = &mut self.nvs.bonded;
            if !bonds.contains(&device.address) && bonds.len() < 15 {
                bonds.push(device.address.clone());
            }
            *self.slot(profile) = Some(device);
        }
        match self.pending.clone().filter(|call| &*call.name == name) {
            Some(call) => {
                core.respond(&call, name, &row);
                self.finish(core, Outcome::Ok);
            }
            None => {
                core.urc(name, &row);
            }
        }
    }

    fn disconnect_bt(&mut self, core: &mut Core, profile: u64) -> Option<Outcome> {
        let way = core.world.scenario().delays.round_trip;
        core.later(way, (tick::BT_LEFT, number(self.generation(profile), profile, 0)));
        Some(Outcome::Ok)
    }

    fn leave_profile(&mut self, core: &mut Core, profile: u64, tell: bool) {
        let Some(peer) = self.slot(profile).take() else { return };
        let (name, key) = match (profile, real(core)) {
            (SPP, false) => ("+BTSPDISCONN", "bt.spp.connected"),
            (SPP, true) => ("+BTSPPDISCONN", "bt.spp.connected"),
            _ => ("+BTA2DPDISCONN", "bt.a2dp.connected"),
        };
        core.set(key, 0);
        if self.through == Through::Spp && profile == SPP {
            self.through = Through::Off;
            core.offline();
        }
        if tell {
            core.urc(name, &bag([("conn_index", 0.into()), ("remote_address", peer.address.into())]));
        }
    }

    pub(super) fn bt_data(&mut self, _: &mut Core, _: &[u8]) -> Outcome {
        if self.peer(SPP).is_some() { Outcome::Ok } else { Outcome::Error(None) }
    }

    pub(super) fn bt_timer(&mut self, core: &mut Core, what: u16, token: u64) {
        let (generation, profile, at) = (token >> 20, token >> 16 & 0xF, token & 0xFFFF);
        if generation != self.generation(profile) {
            return;
        }
        let nth = |core: &Core| devices(core, "classic").into_iter().nth(usize::try_from(at).unwrap_or(usize::MAX));
        match what {
            tick::BT_FOUND => {
                let device = nth(core);
                self.found(core, device);
            }
            tick::BT_CONNECTED | tick::BT_COMES if self.peer(profile).is_none() => {
                let device = nth(core);
                self.connected_bt(core, profile, device);
            }
            tick::BT_LEFT => self.leave_profile(core, profile, true),
            tick::BT_DOES => {
                let Some(peer) = self.peer(profile).cloned() else { return };
                let what = peer.does.get(usize::try_from(at).unwrap_or(usize::MAX)).map(|(_, what)| what.trim());
                match what.map(|what| what.split_once(' ').unwrap_or((what, ""))) {
                    Some(("disconnect", _)) => self.leave_profile(core, profile, true),
                    Some(("say", words)) if self.through == Through::Spp => say_through(core, &bytes_of(words)),
                    Some(("say", words)) => {
                        core.urc_within(b"", "+BTDATA", &Bag::new().with_data(bytes_of(words)), b"\r\n");
                    }
                    _ => {}
                }
            }
            _ => {}
        }
    }
}

/// What stands beside a timer.
fn number(generation: u64, profile: u64, at: u64) -> u64 {
    generation << 20 | profile << 16 | at
}

fn mac(core: &Core, text: &str) -> Item {
    match firmware(core) {
        Firmware::Rtos2 => Item::from(text),
        _ => Item::Raw(text.as_bytes().to_vec()),
    }
}
