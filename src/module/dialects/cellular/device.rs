//! Who the modem is, and how it is: identity, signal, battery, clock (V.250 §6.1, 27.007 §5 and §8).

use super::super::super::core::{Call, Core};
use super::super::super::dialect::Outcome;
use super::{Cellular, clock, fact_text, tell};
use crate::generate::{Bag, Item};
use crate::session::Form;

/// What a modem says of itself, unless the scenario says otherwise (`manufacturer`, `model`, `revision`).
#[derive(Clone, Copy, Debug, Default)]
pub(in super::super) struct Maker {
    pub(in super::super) manufacturer: &'static str,
    pub(in super::super) model: &'static str,
    pub(in super::super) revision: &'static str,
}

/// See the module's head.
#[derive(Default)]
pub(super) struct Device {
    maker: Maker,
    /// What `signal` of the scenario's events last said.
    pub(super) signal: Option<i64>,
    /// Seconds that AT+CCLK moved the clock.
    shift: i64,
}

impl Device {
    pub(super) fn start(&mut self, maker: Maker) {
        *self = Self { maker, ..Self::default() };
    }
}

/// The last digit of a number after Luhn, which IMEI (3GPP TS 23.003 annex B) and ICCID (ITU-T E.118) end in.
pub(super) fn with_check_digit(digits: &str) -> String {
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(at, digit)| {
            let digit = u32::from(digit.saturating_sub(b'0'));
            let doubled = if at % 2 == 0 { digit * 2 } else { digit };
            doubled / 10 + doubled % 10
        })
        .sum();
    format!("{digits}{}", (10 - sum % 10) % 10)
}

impl Cellular {
    pub(super) fn identity(&mut self, core: &mut Core, call: &Call) -> Option<Outcome> {
        let bare = |core: &mut Core, text: String| {
            core.respond(call, "", &Bag::new().with("text", text));
            Some(Outcome::Ok)
        };
        match (&*call.name, call.form) {
            ("+CGMI" | "+GMI", Form::Execute) => bare(core, self.manufacturer(core)),
            ("+CGMM" | "+GMM", Form::Execute) => bare(core, self.model(core)),
            ("+CGMR" | "+GMR", Form::Execute) => bare(core, self.revision(core)),
            ("+GOI", Form::Execute) => bare(core, format!("\"{} {}\"", self.manufacturer(core), self.model(core))),
            ("+CGSN" | "+GSN", Form::Execute) => {
                let text = fact_text(core, &call.name, "text").unwrap_or_else(|| imei(core));
                bare(core, text)
            }
            ("+GSN", Form::Set) => bare(core, imei(core)),
            ("+CGSN", Form::Set) => {
                let imei = imei(core);
                let text = match call.int("snt") {
                    Some(1) => format!("\"{imei}\""),
                    Some(2) => format!("\"{}01\"", imei.get(..14).unwrap_or(&imei)),
                    Some(3) => "\"01\"".to_owned(),
                    _ => return bare(core, imei),
                };
                tell(core, call, "+CGSN", Bag::new().with("text", text));
                Some(Outcome::Ok)
            }
            ("I", Form::Execute) => {
                let lines = [
                    format!("Manufacturer: {}", self.manufacturer(core)),
                    format!("Model: {}", self.model(core)),
                    format!("Revision: {}", self.revision(core)),
                    format!("IMEI: {}", imei(core)),
                ];
                for line in lines {
                    core.respond(call, "", &Bag::new().with("text", line));
                }
                tell(core, call, "+GCAP", Bag::new().with("text", "+CGSM"));
                Some(Outcome::Ok)
            }
            ("+GCAP", Form::Execute) => self.told(core, call, Bag::new().with("text", "+CGSM")),
            ("+CLAC", Form::Execute) => {
                let names: Vec<String> = core.catalog.commands.iter().map(|command| command.name.to_string()).collect();
                for name in names.into_iter().filter(|name| name.starts_with('+')) {
                    core.respond(call, "", &Bag::new().with("text", format!("AT{name}")));
                }
                Some(Outcome::Ok)
            }
            ("+CEER", Form::Execute) => {
                let cause = self.calls.cause();
                self.told(core, call, Bag::new().with("text", cause))
            }
            ("+CBC", Form::Execute) => self.told(core, call, Bag::new().with("bcs", 0).with("bcl", 85)),
            ("+CSQ", Form::Execute) => {
                let (rssi, ber) = if self.is_registered() { (self.device.signal.unwrap_or(20), 0) } else { (99, 99) };
                self.told(core, call, Bag::new().with("rssi", rssi).with("ber", ber))
            }
            ("+CESQ", Form::Execute) => {
                let (rsrq, rsrp) = if self.is_registered() { (20, 55) } else { (255, 255) };
                let unknown = Bag::new().with("rxlev", 99).with("ber", 99).with("rscp", 255).with("ecno", 255);
                self.told(core, call, unknown.with("rsrq", rsrq).with("rsrp", rsrp))
            }
            ("+CIND", Form::Read) => {
                let (registered, calling) = (u8::from(self.is_registered()), u8::from(self.calls.is_active()));
                let ind = format!("5,{},{registered},{calling},0", if registered == 1 { 4 } else { 0 });
                self.told(core, call, Bag::new().with("ind", Item::Raw(ind.into_bytes())))
            }
            ("+CCLK", Form::Read) => {
                let time = self.time(core);
                self.told(core, call, Bag::new().with("time", time))
            }
            ("+CCLK", Form::Set) => {
                let now = self.seconds(core);
                let Some(wanted) = clock::parse(&call.string("time")) else { return Some(super::cme(50)) };
                self.device.shift += wanted - now;
                Some(Outcome::Ok)
            }
            _ => None,
        }
    }

    pub(super) fn told(&self, core: &mut Core, call: &Call, bag: Bag) -> Option<Outcome> {
        tell(core, call, &call.name, bag);
        Some(Outcome::Ok)
    }

    fn manufacturer(&self, core: &Core) -> String {
        fact_text(core, "+CGMI", "manufacturer").unwrap_or_else(|| self.device.maker.manufacturer.to_owned())
    }

    fn model(&self, core: &Core) -> String {
        let own = || match core.model_name() {
            "" => self.device.maker.model.to_owned(),
            name => name.to_owned(),
        };
        fact_text(core, "+CGMM", "model").unwrap_or_else(own)
    }

    fn revision(&self, core: &Core) -> String {
        fact_text(core, "+CGMR", "revision").unwrap_or_else(|| self.device.maker.revision.to_owned())
    }

    /// Seconds since 1970 by the modem's clock.
    pub(super) fn seconds(&self, core: &Core) -> i64 {
        let since = core.now().as_nanos() / 1_000_000_000;
        let epoch = core.world.scenario().epoch.saturating_add(since);
        i64::try_from(epoch).unwrap_or_default().saturating_add(self.device.shift)
    }

    /// `yy/MM/dd,hh:mm:ss±zz` of now.
    pub(super) fn time(&self, core: &Core) -> String {
        clock::format(self.seconds(core))
    }
}

/// The IMEI: of the scenario, or one whose check digit is right.
pub(super) fn imei(core: &Core) -> String {
    fact_text(core, "+CGSN", "imei").unwrap_or_else(|| with_check_digit("86000000000001"))
}
