//! Joining an access point: found or not, the password, DHCP; and losing it again. A lost access point is joined again as soon as it is back.

use super::super::super::core::{Call, Core};
use super::super::super::dialect::Outcome;
use super::super::super::scenario::AccessPoint;
use super::station::{Address, Joining, Why, encryption};
use super::system::setting;
use super::{Esp, Firmware, bag, firmware, real, tick};
use crate::generate::{Bag, Item};

/// How long DHCP is tried, in milliseconds.
const PATIENCE: u64 = 15_000;

/// The manual's errors of `AT+CWJAP` (§3.2).
const TIMEOUT: u8 = 1;
const WRONG_PASSWORD: u8 = 2;
const NOT_FOUND: u8 = 3;
const REFUSED: u8 = 4;

/// WPA2_Enterprise, which `AT+CWJAP` cannot join (§3.4).
const ENTERPRISE: u8 = 5;

impl Esp {
    pub(super) fn join_command(&mut self, core: &mut Core, call: &Call) -> Option<Outcome> {
        let (ssid, password) = (call.string("ssid"), call.string("pwd"));
        let bssid = call.string("bssid");
        let protected = call.int("pci_en").is_some_and(|on| on != 0);
        let around = core.world.scenario().access_points.iter();
        let ap = around
            .filter(|ap| ap.ssid == ssid && (bssid.is_empty() || ap.bssid.eq_ignore_ascii_case(&bssid)))
            .max_by_key(|ap| ap.rssi)
            .cloned();
        let fails = match &ap {
            None => Some(NOT_FOUND),
            Some(_) if self.station.out_of_reach => Some(NOT_FOUND),
            Some(ap) if ap.fails.is_some() => ap.fails,
            Some(ap) if encryption(ap) == ENTERPRISE || protected && encryption(ap) < 2 => Some(REFUSED),
            Some(ap) if !ap.password.is_empty() && ap.password != password => Some(WRONG_PASSWORD),
            Some(_) => None,
        };
        self.drop_ap(core);
        self.begin_join(core, Joining { why: Why::Command, ap: ap.unwrap_or_default(), password, fails });
        self.wait_for(call)
    }

    pub(super) fn join_enterprise(&mut self, core: &mut Core, call: &Call) -> Option<Outcome> {
        let ssid = call.string("ssid");
        let around = core.world.scenario().access_points.iter();
        let ap = around.filter(|ap| ap.ssid == ssid && encryption(ap) == ENTERPRISE).max_by_key(|ap| ap.rssi).cloned();
        let password = call.string("password");
        let fails = match &ap {
            Some(ap) if self.station.out_of_reach || ap.fails.is_some() => Some(TIMEOUT),
            // EAP-TLS has no password.
            Some(ap) if call.int("method") != Some(0) && !ap.password.is_empty() && ap.password != password => {
                Some(TIMEOUT)
            }
            Some(_) => None,
            None => Some(TIMEOUT),
        };
        self.drop_ap(core);
        self.begin_join(core, Joining { why: Why::Command, ap: ap.unwrap_or_default(), password, fails });
        self.wait_for(call)
    }

    /// On power-up (§3.11).
    pub(super) fn join_by_itself(&mut self, core: &mut Core) {
        let wanted =
            setting(core, "+CWAUTOCONN", "enable").unwrap_or(1) == 1 && matches!(core.int("wifi.mode"), Some(1 | 3));
        if wanted && !self.nvs.station.ssid.is_empty() {
            self.join_saved(core);
        }
    }

    fn join_saved(&mut self, core: &mut Core) {
        let saved = &self.nvs.station;
        let fits = |ap: &&AccessPoint| {
            ap.ssid == saved.ssid && ap.fails.is_none() && (ap.password.is_empty() || ap.password == saved.password)
        };
        let ap = core.world.scenario().access_points.iter().find(fits).cloned();
        if let Some(ap) = ap.filter(|_| !self.station.out_of_reach) {
            let password = saved.password.clone();
            self.begin_join(core, Joining { why: Why::ByItself, ap, password, fails: None });
        }
    }

    /// SmartConfig has heard of an access point, or the button of one was pushed.
    pub(super) fn smart(&mut self, core: &mut Core) {
        let smart = core.int("smartconfig") == Some(1);
        let around = core.world.scenario().access_points.iter();
        let ap = around
            .filter(|ap| !matches!(encryption(ap), 1 | ENTERPRISE) && ap.fails.is_none())
            .max_by_key(|ap| ap.rssi);
        let Some(ap) = ap.cloned().filter(|_| !self.station.out_of_reach) else { return };
        if smart {
            if real(core) {
                core.urc("smartconfig type", &bag([("text", "ESPTOUCH".into())]));
            }
            core.urc(if real(core) { "Smart get wifi info" } else { "Smart get wi-Fi info" }, &Bag::new());
            if real(core) {
                core.urc("ssid", &bag([("text", ap.ssid.as_str().into())]));
                core.urc("password", &bag([("text", ap.password.as_str().into())]));
            }
        }
        self.drop_ap(core);
        let why = if smart { Why::SmartConfig } else { Why::Wps };
        let password = ap.password.clone();
        self.begin_join(core, Joining { why, ap, password, fails: None });
    }

    fn begin_join(&mut self, core: &mut Core, mut joining: Joining) {
        self.station.attempts += 1;
        let delays = &core.world.scenario().delays;
        let (join, dhcp, scan) = (delays.join, delays.dhcp, delays.scan);
        if joining.fails.is_none() && joining.ap.ip.is_empty() && self.fixed_address(core).is_none() {
            joining.fails = Some(TIMEOUT);
        }
        let at = self.station.attempts;
        match joining.fails {
            Some(NOT_FOUND) => core.timer(scan, (tick::JOIN_FAILED, at)),
            Some(TIMEOUT) => core.timer(PATIENCE, (tick::JOIN_FAILED, at)),
            Some(_) => core.timer(join, (tick::JOIN_FAILED, at)),
            None => {
                core.timer(join, (tick::ASSOCIATED, at));
                core.timer(join + dhcp, (tick::ADDRESS, at));
            }
        }
        self.station.joining = Some(joining);
    }

    fn fixed_address(&self, core: &Core) -> Option<Address> {
        let dhcp = core.int("dhcp").unwrap_or_default() & 1 == 1;
        match (&self.nvs.station.fixed, dhcp) {
            (Some(fixed), false) => Some(fixed.clone()),
            _ => None,
        }
    }

    pub(super) fn associated(&mut self, core: &mut Core) {
        let Some(joining) = &self.station.joining else { return };
        self.station.ap = Some(joining.ap.clone());
        core.set("wifi.connected", 1);
        core.urc("WIFI CONNECTED", &Bag::new());
    }

    pub(super) fn got_address(&mut self, core: &mut Core) {
        let Some(joining) = self.station.joining.take() else { return };
        let given = Address {
            ip: joining.ap.ip.clone(),
            gateway: joining.ap.gateway.clone(),
            netmask: joining.ap.netmask.clone(),
        };
        self.station.address = self.fixed_address(core).unwrap_or(given);
        core.set("wifi.ip", 1);
        core.urc("WIFI GOT IP", &Bag::new());
        self.nvs.station.ssid = joining.ap.ssid;
        self.nvs.station.password = joining.password;
        match joining.why {
            Why::Command => {
                if let Some(call) = self.pending.as_ref().filter(|call| &*call.name == "+CWJEAP") {
                    self.nvs.station.enterprise = Some(call.given.clone());
                }
                self.finish(core, Outcome::Ok);
            }
            Why::SmartConfig => {
                core.urc(
                    if real(core) { "smartconfig connected wifi" } else { "Smartconfig connected wi-Fi" },
                    &Bag::new(),
                );
            }
            Why::ByItself | Why::Wps => {}
        }
        self.time_soon(core);
        self.translink_soon(core);
    }

    pub(super) fn join_failed(&mut self, core: &mut Core) {
        let Some(joining) = self.station.joining.take() else { return };
        let Some(call) = self.pending.clone().filter(|_| joining.why == Why::Command) else { return };
        if &*call.name == "+CWJEAP" {
            core.respond(&call, "+CWJEAP", &Bag::new());
        } else {
            super::answer(core, &call, &bag([("error code", Item::Int(joining.fails.unwrap_or(TIMEOUT).into()))]));
        }
        let outcome = match firmware(core) {
            Firmware::NonOs => Outcome::Final("FAIL".into()),
            _ => Outcome::Error(None),
        };
        self.finish(core, outcome);
    }

    /// Leaves the access point, and says so: another one is joined, or none.
    pub(super) fn drop_ap(&mut self, core: &mut Core) {
        if self.station.joined() {
            self.leave_ap(core);
            core.urc("WIFI DISCONNECT", &Bag::new());
        }
    }

    /// The connection to the access point ends, and with it all links through it, without a word.
    pub(super) fn leave_ap(&mut self, core: &mut Core) {
        self.station.attempts += 1;
        self.station.joining = None;
        self.station.ap = None;
        self.station.address = Address::default();
        core.set("wifi.connected", 0);
        core.set("wifi.ip", 0);
        self.links_lost(core);
        self.mqtt_lost(core);
    }

    /// What a scenario lets happen.
    pub(super) fn happens(&mut self, core: &mut Core, what: &str) {
        match what {
            "wifi lost" => {
                self.station.out_of_reach = true;
                if self.station.joined() {
                    self.leave_ap(core);
                    core.urc("WIFI DISCONNECT", &Bag::new());
                }
            }
            "network lost" => self.offline = true,
            "network back" => self.offline = false,
            "wifi back" => {
                self.station.out_of_reach = false;
                let again = setting(core, "+CWJAP", "reconn").unwrap_or(1) != 0;
                if again
                    && !self.station.joined()
                    && matches!(core.int("wifi.mode"), Some(1 | 3))
                    && !self.nvs.station.ssid.is_empty()
                {
                    self.join_saved(core);
                }
            }
            _ => {}
        }
    }
}
