//! Services of the network (chapter 4): names, ping, the clock, DNS servers, and the update of the firmware.

use super::super::super::core::{Call, Core};
use super::super::super::dialect::Outcome;
use super::super::super::world::{Endpoint, Id, Transport};
use super::system::{rows, seconds};
use super::{Esp, Firmware, address, answer, bag, firmware, real, tick};
use crate::generate::{Bag, Item};
use crate::session::Form;

/// The DNS server without another one (§4.27).
const DNS: &str = "222.222.67.208";

/// SNTP servers without others (§4.15).
const SNTP: [&str; 3] = ["cn.ntp.org.cn", "ntp.sjtu.edu.cn", "us.pool.ntp.org"];

/// Where updates come from.
const UPDATES: &str = "iot.espressif.cn";

/// How long a step of an update takes, in milliseconds.
const STEP: u64 = 600;

/// See the module's head.
#[derive(Default)]
pub(super) struct Net {
    asked: Option<(Id, Ask)>,
    /// Seconds that the clock is ahead of the module's own, which starts at zero.
    offset: i64,
    sntp: Option<Sntp>,
}

/// What the world is asked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ask {
    Domain,
    Ping,
    Update,
}

struct Sntp {
    zone: i64,
    servers: Vec<String>,
}

impl Net {
    /// Seconds since 1970, as far as the module knows.
    pub(super) fn clock(&self, core: &Core) -> i64 {
        seconds(core.now()).saturating_add(self.offset)
    }

    pub(super) fn set_clock(&mut self, core: &Core, unix: i64) {
        self.offset = unix.saturating_sub(seconds(core.now()));
    }
}

impl Esp {
    pub(super) fn net_command(&mut self, core: &mut Core, call: &Call) -> Option<Outcome> {
        let now = core.now();
        match (&*call.name, call.form) {
            ("+CIPDOMAIN", _) => {
                let id = core.id();
                self.net.asked = Some((id, Ask::Domain));
                if !self.reaches(core, "") {
                    return Some(self.no_network(core, "DNS Fail"));
                }
                core.world.resolve(now, id, &call.string("domain name"));
                self.wait_for(call)
            }
            ("+PING", _) => {
                let host = call.string("IP");
                let id = core.id();
                self.net.asked = Some((id, Ask::Ping));
                if !self.reaches(core, &host) {
                    return Some(self.timeout(core, call));
                }
                core.world.ping(now, id, &host);
                self.wait_for(call)
            }
            ("+CIPSNTPCFG", Form::Read) => {
                let sntp = self.net.sntp.as_ref();
                let usual: Vec<String> = SNTP.iter().map(ToString::to_string).collect();
                let servers = sntp.map_or(&usual, |sntp| &sntp.servers);
                let mut row = bag([
                    ("enable", i64::from(sntp.is_some()).into()),
                    ("timezone", sntp.map_or(0, |sntp| sntp.zone).into()),
                ]);
                for (name, server) in ["SNTP server1", "SNTP server2", "SNTP server3"].into_iter().zip(servers) {
                    row.set(name, server.as_str());
                }
                answer(core, call, &row);
                Some(Outcome::Ok)
            }
            ("+CIPSNTPCFG", form) => {
                self.set_sntp(core, call, form);
                Some(Outcome::Ok)
            }
            ("+CIPSNTPTIME", _) => {
                let zone = self.net.sntp.as_ref().map_or(0, |sntp| sntp.zone);
                let local = self.net.clock(core).saturating_add(zone * 3600);
                answer(core, call, &bag([("SNTP time", calendar(local).into())]));
                Some(Outcome::Ok)
            }
            ("+CIPDNS", Form::Read) => {
                self.tell_dns(core, call);
                Some(Outcome::Ok)
            }
            ("+CIPDNS", _) => {
                // What is not given is not kept from the last time.
                core.memory.clear(call.command);
                None
            }
            ("+CIUPDATE", _) => {
                if core.int("wifi.ip") != Some(1) {
                    return Some(Outcome::Error(None));
                }
                let id = core.id();
                self.net.asked = Some((id, Ask::Update));
                step(core, 1);
                core.world.resolve(now, id, UPDATES);
                self.wait_for(call)
            }
            _ => None,
        }
    }

    fn set_sntp(&mut self, core: &mut Core, call: &Call, form: Form) {
        let enable = call.int("enable");
        self.net.sntp = (form == Form::Set && enable != Some(0)).then(|| {
            let given = ["SNTP server1", "SNTP server2", "SNTP server3"].map(|name| call.string(name));
            let mut servers: Vec<String> = given.into_iter().filter(|server| !server.is_empty()).collect();
            if servers.is_empty() {
                servers = SNTP.iter().map(ToString::to_string).collect();
            }
            Sntp { zone: call.int("timezone").unwrap_or_default(), servers }
        });
        core.set("sntp", i64::from(self.net.sntp.is_some()));
        self.time_soon(core);
    }

    /// The time comes from the network, where that is there.
    pub(super) fn time_soon(&self, core: &mut Core) {
        if self.net.sntp.is_some() && core.int("wifi.ip") == Some(1) {
            core.later(core.world.scenario().delays.round_trip * 2, (tick::SNTP, 0));
        }
    }

    pub(super) fn time_updated(&mut self, core: &mut Core) {
        if core.int("wifi.ip") != Some(1) {
            return;
        }
        self.net.offset = i64::try_from(core.world.scenario().epoch).unwrap_or_default();
        if firmware(core) == Firmware::Rtos2 {
            core.urc("+TIME_UPDATED", &Bag::new());
        }
    }

    fn tell_dns(&self, core: &mut Core, call: &Call) {
        let set = rows(core, "+CIPDNS").first().cloned().unwrap_or_default();
        let manual = set.get("enable").and_then(Item::int).unwrap_or_default();
        let mut row = bag([("enable", manual.into())]);
        let joined = Some(self.station.address.gateway.clone()).filter(|gateway| !gateway.is_empty());
        let mut servers: Vec<Item> = Vec::new();
        if manual == 1 {
            servers.extend(["DNS IP1", "DNS IP2", "DNS IP3"].iter().filter_map(|name| set.get(name)).cloned());
            servers.retain(|server| *server != Item::Omitted);
        } else {
            servers.extend(joined.map(Item::from));
        }
        if servers.is_empty() {
            servers.push(Item::from(DNS));
        }
        for (name, server) in ["DNS IP1", "DNS IP2", "DNS IP3"].into_iter().zip(servers) {
            row.set(name, server);
        }
        answer(core, call, &row);
    }

    fn no_network(&mut self, core: &mut Core, why: &str) -> Outcome {
        self.net.asked = None;
        if real(core) {
            core.progress(why, &Bag::new());
        }
        Outcome::Error(None)
    }

    fn timeout(&mut self, core: &mut Core, call: &Call) -> Outcome {
        self.net.asked = None;
        match firmware(core) {
            Firmware::Rtos2 => core.respond(call, "+PING", &bag([("time", Item::Raw(b"TIMEOUT".to_vec()))])),
            _ => core.respond(call, "+timeout", &Bag::new()),
        };
        Outcome::Error(None)
    }

    /// `true`: it was this module's question.
    pub(super) fn net_resolved(&mut self, core: &mut Core, id: Id, found: &str) -> bool {
        let Some((_, ask)) = self.net.asked.filter(|(own, _)| *own == id) else { return false };
        match (ask, self.pending.clone()) {
            (Ask::Update, _) => {
                step(core, 2);
                let to = Endpoint { transport: Transport::Tcp, host: UPDATES.to_owned(), port: 80, local_port: None };
                core.world.open(core.now(), id, &to);
            }
            (_, Some(call)) => {
                self.net.asked = None;
                let found = match firmware(core) {
                    // The manual prints it without quotes.
                    Firmware::Manual => Item::Raw(found.as_bytes().to_vec()),
                    _ => address(core, found),
                };
                answer(core, &call, &bag([("IP address", found)]));
                self.finish(core, Outcome::Ok);
            }
            (_, None) => self.net.asked = None,
        }
        true
    }

    pub(super) fn pong(&mut self, core: &mut Core, id: Id, millis: u32) {
        let Some(call) = self.pending.clone().filter(|_| self.net.asked == Some((id, Ask::Ping))) else { return };
        self.net.asked = None;
        let time = i64::from(millis);
        match firmware(core) {
            // Old firmware prints the time with a plus sign, and nothing else.
            Firmware::NonOs | Firmware::Rtos1 => {
                core.respond(&call, "", &bag([("time", Item::Raw(format!("+{time}").into_bytes()))]))
            }
            _ => core.respond(&call, "+PING", &bag([("time", time.into())])),
        };
        self.finish(core, Outcome::Ok);
    }

    /// `true`: it was this module's question.
    pub(super) fn net_failed(&mut self, core: &mut Core, id: Id) -> bool {
        let Some((_, ask)) = self.net.asked.filter(|(own, _)| *own == id) else { return false };
        let outcome = match (ask, self.pending.clone()) {
            (Ask::Domain, _) => self.no_network(core, "DNS Fail"),
            (Ask::Ping, Some(call)) => self.timeout(core, &call),
            _ => Outcome::Error(None),
        };
        self.net.asked = None;
        self.finish(core, outcome);
        true
    }

    /// `true`: it was this module's connection.
    pub(super) fn net_opened(&mut self, core: &mut Core, id: Id) -> bool {
        if self.net.asked != Some((id, Ask::Update)) {
            return false;
        }
        core.timer(STEP, (tick::UPDATE, 3));
        true
    }

    pub(super) fn update_timer(&mut self, core: &mut Core, at: u64) {
        let Some((id, Ask::Update)) = self.net.asked else { return };
        match at {
            3 | 4 => {
                step(core, at);
                core.timer(STEP * (at - 2), (tick::UPDATE, at + 1));
            }
            _ => {
                core.world.close(core.now(), id);
                self.net.asked = None;
                self.finish(core, Outcome::Ok);
            }
        }
    }
}

fn step(core: &mut Core, at: u64) {
    core.progress("+CIPUPDATE", &bag([("n", Item::Int(i64::try_from(at).unwrap_or_default()))]));
}

/// `Mon Dec 12 02:33:32 2016`
fn calendar(unix: i64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let unix = unix.clamp(0, 253_402_300_799);
    let (days, second) = (unix / 86_400, unix % 86_400);
    let weekday = usize::try_from(days % 7).ok().and_then(|at| DAYS.get(at)).copied().unwrap_or_default();
    // From days to a date of the Gregorian calendar, in years that begin in March.
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march + 2) / 5 + 1;
    let month = if march < 10 { march + 2 } else { march - 10 };
    let year = era * 400 + year_of_era + i64::from(month < 2);
    let month = usize::try_from(month).ok().and_then(|at| MONTHS.get(at)).copied().unwrap_or_default();
    format!("{weekday} {month} {day:02} {:02}:{:02}:{:02} {year}", second / 3600, second / 60 % 60, second % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_become_a_date() {
        assert_eq!(calendar(0), "Thu Jan 01 00:00:00 1970");
        assert_eq!(calendar(1_481_510_012), "Mon Dec 12 02:33:32 2016");
        assert_eq!(calendar(951_782_400), "Tue Feb 29 00:00:00 2000");
        assert_eq!(calendar(4_107_542_399), "Sun Feb 28 23:59:59 2100");
        assert_eq!(calendar(i64::MAX), "Fri Dec 31 23:59:59 9999");
    }
}
