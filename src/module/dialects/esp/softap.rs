//! The SoftAP (chapter 3): its settings, its address and DHCP range, the stations that join it.

use super::super::super::core::{Call, Core};
use super::super::super::dialect::Outcome;
use super::super::super::scenario;
use super::station::Address;
use super::{Esp, Firmware, answer, bag, firmware, real, tick};
use crate::generate::{Bag, Item};
use crate::session::Form;

/// Most stations, where `AT+CWSAP` sets no other number (§3.6).
const MOST: i64 = 10;

/// See the module's head.
#[derive(Default)]
pub(super) struct SoftAp {
    /// How often it was switched on or off, so that an old timer brings nobody.
    generation: u64,
    stations: Vec<scenario::Station>,
}

/// What is kept in the NVS area.
#[derive(Default)]
pub(super) struct Saved {
    config: Bag,
    address: Option<Address>,
    /// Lease time in minutes, first and last address.
    range: Option<(i64, String, String)>,
}

impl Saved {
    pub(super) fn address(&self) -> Address {
        self.address.clone().unwrap_or_else(|| Address {
            ip: "192.168.4.1".to_owned(),
            gateway: "192.168.4.1".to_owned(),
            netmask: "255.255.255.0".to_owned(),
        })
    }

    /// Whether an address is in the SoftAP's network.
    pub(super) fn reaches(&self, ip: &str) -> bool {
        let own = self.address().ip;
        matches!((own.rsplit_once('.'), ip.rsplit_once('.')), (Some((own, _)), Some((other, _))) if own == other)
    }
}

impl SoftAp {
    /// It is switched off.
    pub(super) fn down(&mut self) {
        self.generation += 1;
        self.stations.clear();
    }
}

impl Esp {
    pub(super) fn softap_command(&mut self, core: &mut Core, call: &Call) -> Option<Outcome> {
        match (&*call.name, call.form) {
            ("+CWSAP", Form::Read) => {
                let row = self.softap_row();
                answer(core, call, &row);
            }
            ("+CWSAP", _) => {
                self.nvs.softap.config = Bag::new();
                for (name, item) in call.given.iter().filter(|(_, item)| **item != Item::Omitted) {
                    // The set command's `<ch1>` is the query's `<channel>`.
                    let name = match name {
                        "ch1" => "channel",
                        "unused pwd" => "pwd",
                        name => name,
                    };
                    self.nvs.softap.config.set(name.to_owned(), item.clone());
                }
                // Who was connected has to join anew.
                self.softap_up(core);
            }
            ("+CWLIF", _) => {
                for station in self.softap.stations.clone() {
                    let row =
                        bag([("ip addr", address_of(core, &station.ip)), ("mac", address_of(core, &station.mac))]);
                    answer(core, call, &row);
                }
            }
            ("+CWQIF", form) => {
                let mac = call.string("mac");
                let goes =
                    |station: &scenario::Station| form == Form::Execute || station.mac.eq_ignore_ascii_case(&mac);
                let (gone, stay) = std::mem::take(&mut self.softap.stations).into_iter().partition(goes);
                self.softap.stations = stay;
                let gone: Vec<scenario::Station> = if real(core) { gone } else { Vec::new() };
                for station in gone {
                    core.urc("+STA_DISCONNECTED", &bag([("mac", station.mac.into())]));
                }
            }
            ("+CWDHCPS", Form::Read) => {
                let (lease, first, last) = self.nvs.softap.range.clone().unwrap_or_else(|| self.usual_range());
                let row = bag([("lease time", lease.into()), ("start IP", first.into()), ("end IP", last.into())]);
                answer(core, call, &row);
            }
            ("+CWDHCPS", _) => {
                let set = (call.int("lease time").unwrap_or(120), call.string("start IP"), call.string("end IP"));
                let reaches = self.nvs.softap.reaches(&set.1) && self.nvs.softap.reaches(&set.2);
                match call.int("enable") {
                    Some(1) if !reaches => return Some(Outcome::Error(None)),
                    Some(1) => self.nvs.softap.range = Some(set),
                    _ => self.nvs.softap.range = None,
                }
            }
            ("+CIPAP", Form::Read) => self.nvs.softap.address().answer(core, call),
            ("+CIPAP", _) => {
                self.nvs.softap.address = Some(Address::given(call));
                self.nvs.softap.range = None;
                core.set("dhcp", core.int("dhcp").unwrap_or_default() & !2);
            }
            _ => return None,
        }
        Some(Outcome::Ok)
    }

    /// The configuration, with what was not set as the chip has it.
    fn softap_row(&self) -> Bag {
        let [_, mac, ..] = &self.nvs.station.macs;
        let name: String = mac.split(':').skip(3).collect();
        let mut row = bag([
            ("ssid", format!("ESP_{}", name.to_uppercase()).into()),
            ("pwd", "".into()),
            ("channel", 1.into()),
            ("ecn", 0.into()),
            ("max conn", MOST.into()),
            ("ssid hidden", 0.into()),
        ]);
        for (name, item) in self.nvs.softap.config.iter() {
            row.set(name.to_owned(), item.clone());
        }
        row
    }

    fn usual_range(&self) -> (i64, String, String) {
        let own = self.nvs.softap.address().ip;
        let network = own.rsplit_once('.').map_or("", |(network, _)| network);
        (120, format!("{network}.2"), format!("{network}.101"))
    }

    /// The SoftAP is there: stations come in their time.
    pub(super) fn softap_up(&mut self, core: &mut Core) {
        self.softap.down();
        if !matches!(core.int("wifi.mode"), Some(2 | 3)) {
            return;
        }
        let times: Vec<u64> = core.world.scenario().stations.iter().map(|station| station.after).collect();
        for (at, after) in (0..).zip(times) {
            core.timer(after, (tick::STATION, self.softap.generation << 16 | at));
        }
    }

    pub(super) fn station_comes(&mut self, core: &mut Core, number: u64) {
        let (generation, at) = (number >> 16, number & 0xFFFF);
        let station = core.world.scenario().stations.get(usize::try_from(at).unwrap_or(usize::MAX)).cloned();
        let most = self.nvs.softap.config.get("max conn").and_then(Item::int).unwrap_or(MOST);
        let Some(station) = station.filter(|_| {
            generation == self.softap.generation
                && i64::try_from(self.softap.stations.len()).is_ok_and(|len| len < most)
        }) else {
            return;
        };
        if real(core) {
            core.urc("+STA_CONNECTED", &bag([("mac", station.mac.as_str().into())]));
            if core.int("dhcp").unwrap_or_default() & 2 == 2 {
                let row = bag([("mac", station.mac.as_str().into()), ("ip", station.ip.as_str().into())]);
                core.urc("+DIST_STA_IP", &row);
            }
        }
        self.softap.stations.push(station);
    }
}

/// An address without quotes, as the manual and old firmware print it.
fn address_of(core: &Core, text: &str) -> Item {
    match firmware(core) {
        Firmware::Rtos2 => Item::from(text),
        _ => Item::Raw(text.as_bytes().to_vec()),
    }
}
