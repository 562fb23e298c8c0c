//! Basic commands (chapter 2): versions, restart and restore, deep sleep, UART, memory, clock; what is there after a start.

use std::sync::Arc;

use super::super::super::core::{Call, Core, Said};
use super::super::super::dialect::Outcome;
use super::{Esp, Firmware, answer, bag, firmware, real};
use crate::Time;
use crate::generate::{Bag, Item};
use crate::session::Form;

/// Settings that the module has before anybody set them, where the manual names no default or the chip decides: command, names, numbers.
const SOLD: &[(&str, &[(&str, i64)])] = &[
    ("+UART_DEF", UART),
    ("+RFPOWER", &[("wifi_power", 78), ("ble_adv_power", 0), ("ble_scan_power", 0), ("ble_conn_power", 0)]),
    ("+CIPSTO", &[("time", 180)]),
    ("+CIPSERVERMAXCONN", &[("num", 5)]),
    (
        "+BLESCANPARAM",
        &[("scan_type", 0), ("own_addr_type", 0), ("filter_policy", 0), ("scan_interval", 100), ("scan_window", 50)],
    ),
    (
        "+BLEADVPARAM",
        &[("adv_int_min", 32), ("adv_int_max", 64), ("adv_type", 0), ("own_addr_type", 0), ("channel_map", 7)],
    ),
    (
        "+BLESECPARAM",
        &[("auth_req", 0), ("iocap", 3), ("key_size", 16), ("init_key", 3), ("rsp_key", 3), ("auth_option", 0)],
    ),
    ("+BTSECPARAM", &[("io_cap", 3), ("pin_type", 0)]),
];

/// 115200 baud, 8 data bits, 1 stop bit, no parity, no flow control.
const UART: &[(&str, i64)] =
    &[("baudrate", 115_200), ("databits", 8), ("stopbits", 1), ("parity", 0), ("flow control", 0)];

fn speed(call: &Call) -> Option<u32> {
    call.int("baudrate").and_then(|baud| u32::try_from(baud).ok())
}

impl Esp {
    pub(super) fn system_command(&mut self, core: &mut Core, call: &Call) -> Option<Outcome> {
        match &*call.name {
            "+GMR" => version(core, call),
            "+GSLP" => {
                core.asleep = u64::try_from(call.int("time")?).unwrap_or_default();
                core.respond_any(call, &call.given);
                self.leave(core);
            }
            "+RST" | "+SYSROLLBACK" => self.leave(core),
            "+RESTORE" => {
                self.leave(core);
                self.factory = true;
            }
            "+UART_CUR" if call.form == Form::Set => {
                core.baud = speed(call);
                return None;
            }
            "+UART_DEF" if call.form == Form::Set => {
                core.baud = speed(call);
                self.nvs.baud = core.baud;
                keep(core, "+UART_CUR", call.given.clone());
                return None;
            }
            "+SYSRAM" => {
                let free = core.rng.i64(140_000..150_000);
                answer(
                    core,
                    call,
                    &bag([("remaining RAM size", free.into()), ("minimum heap size", (free - 9000).into())]),
                );
            }
            "+RFPOWER" if call.form == Form::Read => {
                // Without Bluetooth there is one power only.
                let alone = core.model_name() == "esp8266";
                let row = rows(core, "+RFPOWER").first().cloned().unwrap_or_default();
                let kept = row.iter().filter(|(name, _)| !alone || *name == "wifi_power");
                let row = kept.fold(Bag::new(), |row, (name, item)| row.with(name.to_owned(), item.clone()));
                core.respond(call, "+RFPOWER", &row);
            }
            "+SYSTIMESTAMP" if call.form == Form::Read => {
                let now = self.net.clock(core);
                answer(core, call, &bag([("Unix_timestamp", now.into())]));
            }
            "+SYSTIMESTAMP" => self.net.set_clock(core, call.int("Unix_timestamp")?),
            _ => return None,
        }
        Some(Outcome::Ok)
    }

    /// Links and Wi-Fi end ahead of a restart; real firmware says so.
    fn leave(&mut self, core: &mut Core) {
        if real(core) {
            self.close_all(core, None);
        }
        if self.station.joined() {
            self.leave_ap(core);
            if real(core) {
                core.urc("WIFI DISCONNECT", &Bag::new());
            }
        }
    }

    /// What the module is after a start.
    pub(super) fn defaults(&mut self, core: &mut Core, factory: bool) {
        core.baud = self.nvs.baud;
        if factory {
            let catalog = Arc::clone(&core.catalog);
            core.memory.reset();
            core.state.reset(&catalog, true);
            self.nvs.station.addresses(core);
            let mode = core.fact("+CWMODE", "mode").and_then(|mode| mode.int()).unwrap_or(3);
            for (key, value) in [("wifi.mode", mode), ("dhcp", 3), ("sysmsg", 0), ("translink", 0)] {
                core.set(key, value);
            }
        }
        for (name, values) in SOLD {
            let row = values.iter().fold(Bag::new(), |row, (name, value)| row.with(*name, *value));
            if rows(core, name).is_empty() {
                keep(core, name, row);
            }
        }
        if rows(core, "+BLEADVPARAM").first().is_some_and(|row| row.get("peer_addr").is_none()) {
            let none = Bag::new()
                .with("adv_filter_policy", 0)
                .with("peer_addr_type", 0)
                .with("peer_addr", "00:00:00:00:00:00");
            keep(core, "+BLEADVPARAM", none);
        }
        for (name, param, text) in [
            ("+CWHOSTNAME", "hostname", "espressif"),
            ("+BTSECPARAM", "pin_code", ""),
            ("+BTA2DPSRC", "url", ""),
            ("+BTA2DPSRC", "type", "mp3"),
        ] {
            if rows(core, name).first().is_none_or(|row| row.get(param).is_none()) {
                keep(core, name, Bag::new().with(param, text));
            }
        }
        let [.., ethernet] = &self.nvs.station.macs;
        if rows(core, "+CIPETHMAC").is_empty() {
            keep(core, "+CIPETHMAC", Bag::new().with("mac", ethernet.as_str()));
        }
        let uart = rows(core, "+UART_DEF").first().cloned().unwrap_or_default();
        keep(core, "+UART_CUR", uart);
        for key in [
            "wifi.connected",
            "wifi.ip",
            "smartconfig",
            "cip.mode",
            "cip.server",
            "cip.dinfo",
            "sntp",
            "syslog",
            "passthrough",
        ] {
            core.set(key, 0);
        }
        core.set("cwlap.mask", 31);
        core.set("echo", 1);
    }

    /// The boot banner. That of the ESP8266's ROM goes out at 74880 baud: what arrives is noise.
    pub(super) fn banner(&mut self, core: &mut Core) {
        if firmware(core) == Firmware::NonOs {
            let len = core.rng.usize(20..60);
            let mut noise: Vec<u8> = (0..len).map(|_| core.rng.u8(0x80..)).collect();
            noise.extend_from_slice(b"\r\n");
            core.say(Said::Boot, noise, 0);
        }
        core.say(Said::Boot, b"\r\nready\r\n".to_vec(), 0);
        // The UART of the module has the speed of the flash again.
        core.wait(1);
    }
}

fn version(core: &mut Core, call: &Call) {
    // Versions of each generation; as the manual prints it, without what firmware prints ahead.
    let (at, sdk, compiled, bin) = match firmware(core) {
        Firmware::NonOs => {
            ("1.7.4.0(May 11 2020 19:13:04)", "3.0.4(9532ceb)", "May 27 2020 10:12:17", "Wroom 02):1.7.4")
        }
        Firmware::Rtos1 => ("1.0.1.0(Jul 10 2018 12:04:51)", "v3.1-dev-1394", "Jul 10 2018 15:23:30", ""),
        Firmware::Rtos2 if core.model_name() == "esp8266" => (
            "2.2.0.0(b097cdf - ESP8266 - Jun 17 2021 12:57:45)",
            "v3.4-22-g967752e2",
            "6800286):Aug  4 2021 17:34:05",
            "2.2.0(WROOM-02)",
        ),
        Firmware::Rtos2 => (
            "2.1.0.0(883f7f2 - Jul 24 2020 11:50:07)",
            "v4.0.1-193-ge7ac221",
            "0ad6331):Jul 28 2020 02:47:21",
            "2.1.0(WROOM-32)",
        ),
        Firmware::Manual => ("2.0.0.0(b097cdf)", "v3.3-dev", "Dec 12 2019 02:33:32", ""),
    };
    let fact = |core: &Core, param: &str, text: &str| core.fact("+GMR", param).unwrap_or_else(|| Item::from(text));
    let lines = [
        ("AT version", "AT version info", at),
        ("SDK version", "SDK version info", sdk),
        ("compile time", "compile time", compiled),
        ("Bin version", "Bin version", bin),
    ];
    for (name, param, text) in lines.into_iter().filter(|(.., text)| !text.is_empty()) {
        let item = fact(core, param, text);
        let whole = item.text().into_owned();
        // `Bin version(Wroom 02):1.7.4`
        let inner = if name == "Bin version" { "module" } else { "commit" };
        match String::from_utf8_lossy(&whole).split_once("):") {
            Some((first, rest)) if real(core) => {
                let row = Bag::new().with(inner, Item::from(first)).with(param, Item::from(rest));
                core.respond_like(call, "", &format!("{name}("), &row)
            }
            _ => core.respond(call, if real(core) { name } else { "" }, &Bag::new().with(param, item)),
        };
    }
}

/// Sets what a command's memory holds.
pub(super) fn keep(core: &mut Core, name: &str, row: Bag) {
    if let Some(command) = core.catalog.find_command(name.as_bytes()) {
        core.memory.keep(command, None, &row);
    }
}

/// What a command's memory holds.
pub(super) fn rows<'c>(core: &'c Core, name: &str) -> &'c [Bag] {
    core.catalog.find_command(name.as_bytes()).map_or(&[], |command| core.memory.rows(command))
}

/// A number that a setting command left, or the one that the module was sold with.
pub(super) fn setting(core: &Core, name: &str, param: &str) -> Option<i64> {
    rows(core, name).first()?.get(param)?.int()
}

/// Seconds since the start of the world's clock.
pub(super) fn seconds(time: Time) -> i64 {
    i64::try_from(time.as_nanos() / 1_000_000_000).unwrap_or(i64::MAX)
}
