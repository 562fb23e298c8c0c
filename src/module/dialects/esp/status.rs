//! What the module tells of its links and addresses: `AT+CIPSTATUS` (§4.1) and `AT+CIFSR` (§4.8).

use super::super::super::core::{Call, Core};
use super::links::type_of;
use super::{Esp, bag, real};

impl Esp {
    pub(super) fn tell_status(&mut self, core: &mut Core, call: &Call) {
        let any = self.links.all.iter().flatten().any(|link| link.open);
        let status = match core.int("wifi.mode") {
            Some(0 | 2) if !any => 0,
            _ if any => 3,
            _ if core.int("wifi.ip") != Some(1) => 5,
            _ if self.links.ended => 4,
            _ => 2,
        };
        core.respond(call, "STATUS", &bag([("stat", status.into())]));
        for (at, link) in self.links.all.clone().iter().enumerate() {
            let Some(link) = link.as_ref().filter(|link| link.open) else { continue };
            let row = bag([
                ("link ID", at.into()),
                ("type", type_of(link.transport).into()),
                ("remote IP", link.address.as_str().into()),
                ("remote port", link.port.into()),
                ("local port", link.local.into()),
                ("tetype", i64::from(link.server).into()),
            ]);
            core.respond(call, "+CIPSTATUS", &row);
        }
    }

    pub(super) fn tell_addresses(&self, core: &mut Core, call: &Call) {
        let mode = core.int("wifi.mode").unwrap_or_default();
        let connected = core.int("wifi.ip") == Some(1);
        let [station, softap, ..] = self.nvs.station.macs.clone();
        if mode & 2 == 2 {
            let ip = self.nvs.softap.address().ip;
            core.respond_like(call, "+CIFSR", "SoftAP IP", &bag([("SoftAP IP address", ip.into())]));
            if real(core) {
                core.respond_like(call, "+CIFSR", "APMAC", &bag([("mac", softap.into())]));
            }
        }
        if mode & 1 == 1 && (connected || real(core)) {
            let ip = if connected { self.station.address.ip.clone() } else { "0.0.0.0".to_owned() };
            let row = bag([("Station IP address", ip.into())]);
            core.respond_like(call, "+CIFSR", if real(core) { "STAIP," } else { "+CIFSR:<Station" }, &row);
            if real(core) {
                core.respond_like(call, "+CIFSR", "STAMAC", &bag([("mac", station.into())]));
            }
        }
    }
}
