//! The Wi-Fi station (chapter 3): modes, scans, addresses, DHCP. How it joins an access point is in [`super::join`].

use super::super::super::core::{Call, Core};
use super::super::super::dialect::Outcome;
use super::super::super::scenario::AccessPoint;
use super::system::setting;
use super::{Esp, Firmware, answer, bag, firmware, real, tick, unescaped};
use crate::generate::{Bag, Item};
use crate::session::Form;

/// Why the station joins an access point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// The command in work is `AT+CWJAP` or `AT+CWJEAP`.
    Command,
    /// On power-up, or again after it was lost.
    ByItself,
    SmartConfig,
    Wps,
}

/// An attempt, and what it came to.
#[derive(Clone)]
pub(super) struct Joining {
    pub(super) why: Why,
    pub(super) ap: AccessPoint,
    pub(super) password: String,
    /// The manual's number of the error that it ends in.
    pub(super) fails: Option<u8>,
}

/// See the module's head.
#[derive(Default)]
pub(super) struct Station {
    /// Attempts, so that an old timer does not end a new one.
    pub(super) attempts: u64,
    pub(super) joining: Option<Joining>,
    pub(super) ap: Option<AccessPoint>,
    pub(super) address: Address,
    /// The access points are gone (`wifi lost`).
    pub(super) out_of_reach: bool,
    pub(super) smart: u64,
}

/// What an interface has.
#[derive(Clone, Debug, Default)]
pub(super) struct Address {
    pub(super) ip: String,
    pub(super) gateway: String,
    pub(super) netmask: String,
}

/// What is kept in the NVS area.
#[derive(Default)]
pub(super) struct Saved {
    pub(super) ssid: String,
    pub(super) password: String,
    /// Another address than DHCP's.
    pub(super) fixed: Option<Address>,
    pub(super) enterprise: Option<Bag>,
    /// MAC addresses of station, SoftAP, Bluetooth and Ethernet.
    pub(super) macs: [String; 4],
}

impl Saved {
    /// The addresses of this very chip.
    pub(super) fn addresses(&mut self, core: &mut Core) {
        let chip = core.rng.u32(..) & 0xFF_FFFC;
        let [_, high, mid, low] = chip.to_be_bytes();
        for (at, (mac, key)) in self.macs.iter_mut().zip(["wifi.mac", "wifi.apmac", "", ""]).enumerate() {
            *mac = format!("24:0a:c4:{high:02x}:{mid:02x}:{:02x}", low + at as u8);
            core.set_word(key, 0, mac);
        }
    }
}

impl Station {
    pub(super) fn joined(&self) -> bool {
        self.ap.is_some()
    }
}

impl Address {
    /// Of a command's parameters; gateway and netmask are the usual ones where they are not given.
    pub(super) fn given(call: &Call) -> Self {
        let ip = call.string("ip");
        let network = ip.rsplit_once('.').map_or("", |(network, _)| network).to_owned();
        let or = |given: String, usual: String| if given.is_empty() { usual } else { given };
        Self {
            gateway: or(call.string("gateway"), format!("{network}.1")),
            netmask: or(call.string("netmask"), "255.255.255.0".to_owned()),
            ip,
        }
    }

    /// Answers with it, one line or three as the firmware does.
    pub(super) fn answer(&self, core: &mut Core, call: &Call) {
        let all = [("ip", &self.ip), ("gateway", &self.gateway), ("netmask", &self.netmask)];
        if !real(core) && core.form_of(call).is_some_and(|spec| spec.reply.len() > 3) {
            let row = all.into_iter().fold(Bag::new(), |row, (name, value)| row.with(name, value.as_str()));
            return answer(core, call, &row);
        }
        for (name, value) in all {
            answer(core, call, &Bag::new().with(name, value.as_str()));
        }
    }
}

impl Esp {
    pub(super) fn station_command(&mut self, core: &mut Core, call: &Call) -> Option<Outcome> {
        let has_station = matches!(core.int("wifi.mode"), Some(1 | 3));
        match (&*call.name, call.form) {
            ("+CWMODE", Form::Read) => {
                let mode = core.int("wifi.mode").unwrap_or_default();
                answer(core, call, &bag([("mode", mode.into())]));
            }
            ("+CWMODE", Form::Set) => self.set_mode(core, call.int("mode")?),
            ("+CWJAP", Form::Read) => self.tell_ap(core, call),
            ("+CWJAP", _) => return self.join_command(core, call),
            ("+CWJEAP", Form::Set) => return self.join_enterprise(core, call),
            ("+CWJEAP", _) => {
                let row = self.nvs.station.enterprise.clone().filter(|_| self.station.joined());
                if let Some(row) = row {
                    answer(core, call, &row);
                }
            }
            ("+CWLAP", _) if !has_station => return Some(Outcome::Error(None)),
            ("+CWLAP", _) => {
                core.timer(core.world.scenario().delays.scan, (tick::SCANNED, 0));
                return self.wait_for(call);
            }
            ("+CWQAP", _) => {
                if self.station.joined() || self.station.joining.is_some() {
                    self.leave_ap(core);
                    core.later(5, (tick::LEFT, 0));
                }
            }
            ("+CWDHCP", Form::Read) => {
                let state = core.int("dhcp").unwrap_or_default();
                answer(core, call, &bag([("state", state.into())]));
            }
            ("+CWDHCP", _) => {
                let (mode, before) = (call.int("mode")?, core.int("dhcp").unwrap_or_default());
                let on = call.int("operate") == Some(1);
                core.set("dhcp", if on { before | mode } else { before & !mode });
                if on && mode & 1 == 1 {
                    self.nvs.station.fixed = None;
                }
            }
            ("+CIPSTAMAC" | "+CIPAPMAC", form) => {
                let (at, key) = if &*call.name == "+CIPSTAMAC" { (0, "wifi.mac") } else { (1, "wifi.apmac") };
                let mac = self.nvs.station.macs.get_mut(at)?;
                if form == Form::Read {
                    let mac = Item::from(mac.as_str());
                    answer(core, call, &bag([("mac", mac)]));
                } else {
                    *mac = call.string("mac");
                    core.set_word(key, 0, mac);
                }
            }
            ("+CIPSTA", Form::Read) => self.station.address.clone().answer(core, call),
            ("+CIPSTA", _) => {
                let address = Address::given(call);
                if self.station.joined() {
                    self.station.address = address.clone();
                }
                self.nvs.station.fixed = Some(address);
                core.set("dhcp", core.int("dhcp").unwrap_or_default() & !1);
            }
            ("+CWHOSTNAME", Form::Set) if !has_station => return Some(Outcome::Error(None)),
            ("+CWSTARTSMART", _) => {
                core.set("smartconfig", 1);
                self.station.smart += 1;
                core.later(core.world.scenario().delays.scan, (tick::SMART, self.station.smart));
            }
            ("+CWSTOPSMART", _) => {
                core.set("smartconfig", 0);
                self.station.smart += 1;
                if self.station.joining.as_ref().is_some_and(|joining| joining.why == Why::SmartConfig) {
                    self.station.joining = None;
                }
            }
            ("+WPS", _) => {
                self.station.smart += 1;
                if call.int("enable") == Some(1) {
                    core.later(core.world.scenario().delays.scan, (tick::SMART, self.station.smart));
                }
            }
            _ => return None,
        }
        Some(Outcome::Ok)
    }

    fn set_mode(&mut self, core: &mut Core, mode: i64) {
        let before = core.int("wifi.mode").unwrap_or_default();
        core.set("wifi.mode", mode);
        if mode & 1 == 0 {
            self.drop_ap(core);
        }
        match (before & 2, mode & 2) {
            (0, 2) => self.softap_up(core),
            (2, 0) => self.softap.down(),
            _ => {}
        }
    }

    /// The access point that it is connected to.
    fn tell_ap(&self, core: &mut Core, call: &Call) {
        let Some(ap) = &self.station.ap else {
            core.respond(call, "No AP", &Bag::new());
            return;
        };
        let mut row = bag([
            ("ssid", ap.ssid.as_str().into()),
            ("bssid", ap.bssid.as_str().into()),
            ("channel", i64::from(ap.channel).into()),
            ("rssi", i64::from(ap.rssi).into()),
        ]);
        if firmware(core) == Firmware::Rtos2 {
            for (name, value) in
                [("pci_en", 0), ("reconn_interval", 1), ("listen_interval", 3), ("scan_mode", 0), ("pmf", 1)]
            {
                row.set(name, value);
            }
        }
        answer(core, call, &row);
    }

    pub(super) fn station_timer(&mut self, core: &mut Core, what: u16, number: u64) {
        match what {
            tick::LEFT => {
                core.urc("WIFI DISCONNECT", &Bag::new());
            }
            tick::SCANNED => {
                if let Some(call) = self.pending.clone() {
                    self.tell_scan(core, &call);
                    self.finish(core, Outcome::Ok);
                }
            }
            tick::SMART if number == self.station.smart => self.smart(core),
            tick::ASSOCIATED if number == self.station.attempts => self.associated(core),
            tick::ADDRESS if number == self.station.attempts => self.got_address(core),
            tick::JOIN_FAILED if number == self.station.attempts => self.join_failed(core),
            _ => {}
        }
    }

    /// The access points around, as `AT+CWLAPOPT` wants them.
    fn tell_scan(&self, core: &mut Core, call: &Call) {
        let mut all = core.world.scenario().access_points.clone();
        if self.station.out_of_reach {
            all.clear();
        }
        let same = |name: &str, own: &str| {
            let wanted = call.string(name);
            wanted.is_empty() || wanted.eq_ignore_ascii_case(own)
        };
        let ssid = call.string("ssid");
        all.retain(|ap| {
            (ssid.is_empty() || ap.ssid == ssid)
                && same("mac", &ap.bssid)
                && call.int("channel").is_none_or(|channel| channel == 0 || channel == i64::from(ap.channel))
        });
        if setting(core, "+CWLAPOPT", "sort_enable") == Some(1) {
            all.sort_by_key(|ap| std::cmp::Reverse(ap.rssi));
        }
        let mask = core.int("cwlap.mask").unwrap_or(31);
        for ap in &all {
            let row = scan_row(core, ap);
            let row = if mask == 31 { row } else { Bag::new().with("fields", Item::Raw(fields(core, ap, mask))) };
            core.respond(call, "+CWLAP", &row);
        }
    }
}

/// The manual's number of an access point's encryption.
pub(super) fn encryption(ap: &AccessPoint) -> u8 {
    ap.encryption.unwrap_or(if ap.password.is_empty() { 0 } else { 3 })
}

fn scan_row(core: &Core, ap: &AccessPoint) -> Bag {
    let firmware = firmware(core);
    let mut row = bag([
        ("ssid", unescaped(&ap.ssid)),
        ("rssi", i64::from(ap.rssi).into()),
        ("mac", ap.bssid.as_str().into()),
        ("channel", i64::from(ap.channel).into()),
    ]);
    let ecn = encryption(ap);
    match (ecn, firmware) {
        (6.., Firmware::Rtos2) => row.set("encryption", i64::from(ecn)),
        // What firmware does not know yet it takes for the nearest that it does.
        _ => row.set("ecn", i64::from(if ecn > 5 { 3 } else { ecn })),
    }
    let more: &[(&'static str, i64)] = match firmware {
        Firmware::NonOs => &[("freq_offset", -12), ("freqcal_val", 0)],
        Firmware::Rtos2 => &[
            ("freq_offset", -1),
            ("freqcal_val", -1),
            ("pairwise_cipher", 4),
            ("group_cipher", 4),
            ("bgn", 7),
            ("wps", 0),
        ],
        Firmware::Manual | Firmware::Rtos1 => &[],
    };
    for (name, value) in more {
        row.set(*name, *value);
    }
    row
}

/// The fields whose bits a mask has.
fn fields(core: &Core, ap: &AccessPoint, mask: i64) -> Vec<u8> {
    let all = [
        encryption(ap).to_string(),
        format!("\"{}\"", ap.ssid),
        ap.rssi.to_string(),
        format!("\"{}\"", ap.bssid),
        ap.channel.to_string(),
    ];
    let shown = all.into_iter().enumerate().filter(|(bit, _)| mask >> bit & 1 == 1).map(|(_, field)| field);
    let shown = shown.collect::<Vec<_>>().join(",");
    if real(core) { format!("({shown})").into_bytes() } else { shown.into_bytes() }
}
