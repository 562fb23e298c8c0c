//! The SIM card: its PIN, its locks, its files (27.007 §7.4, §7.5, §8.3, §8.17, §8.18).

use super::super::super::core::{Call, Core};
use super::super::super::dialect::Outcome;
use super::device::with_check_digit;
use super::{Cellular, cme, cms, fact_text, tell, tokens};
use crate::generate::Bag;
use crate::session::Form;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Door {
    #[default]
    Open,
    Pin,
    Puk,
}

/// See the module's head.
#[derive(Default)]
pub(super) struct Sim {
    inserted: bool,
    door: Door,
    pin: String,
    /// The card asks for its PIN at the next start.
    locked: bool,
    tries: u8,
    unblocks: u8,
}

/// Commands that need an open card, and fail with a code of 27.007.
const OF_CARD: &[&str] = &[
    "+CIMI", "+COPS", "+CNUM", "+CPBS", "+CPBR", "+CPBF", "+CPBW", "+CUSD", "+CCFC", "+CCWA", "+CLIR", "+CGATT",
    "+CGACT", "+CGDATA", "+CSCA", "+CPOL", "D", "+MIPCALL",
];

/// Those that fail with a code of 27.005.
const OF_MESSAGES: &[&str] =
    &["+CPMS", "+CMGL", "+CMGR", "+CMGS", "+CMSS", "+CMGW", "+CMGD", "+CMGC", "+CNMA", "+CSAS", "+CSMP"];

impl Sim {
    pub(super) fn start(&mut self, core: &Core, factory: bool) {
        let network = &core.world.scenario().network;
        if factory {
            *self = Self { inserted: network.sim, pin: network.pin.clone(), unblocks: 10, tries: 3, ..Self::default() };
            self.locked = !self.pin.is_empty();
        }
        self.door = match self.door {
            Door::Puk => Door::Puk,
            _ if self.locked => Door::Pin,
            _ => Door::Open,
        };
    }

    pub(super) fn is_open(&self) -> bool {
        self.inserted && self.door == Door::Open
    }

    /// What `+CPIN` says; `None`: there is no card.
    pub(super) fn says(&self) -> Option<&'static str> {
        self.inserted.then_some(match self.door {
            Door::Open => "READY",
            Door::Pin => "SIM PIN",
            Door::Puk => "SIM PUK",
        })
    }
}

impl Cellular {
    /// What `+CPIN` says at boot; `None`: there is no card.
    pub(in super::super) fn card(&self) -> Option<&'static str> {
        self.sim.says()
    }

    /// The refusal of a command that needs an open card.
    pub(super) fn without_sim(&self, core: &Core, call: &Call) -> Option<Outcome> {
        if self.sim.is_open() {
            return None;
        }
        let at = match (self.sim.inserted, self.sim.door) {
            (false, _) => 0,
            (true, Door::Puk) => 2,
            (true, _) => 1,
        };
        if OF_CARD.contains(&&*call.name) {
            return Some(cme(10 + at));
        }
        let codes = [310, 311, 316];
        OF_MESSAGES.contains(&&*call.name).then(|| cms(core, codes.get(at as usize).copied().unwrap_or(310)))
    }

    pub(super) fn sim_command(&mut self, core: &mut Core, call: &Call) -> Option<Outcome> {
        match (&*call.name, call.form) {
            ("+CPIN", Form::Read) => match core.fact("+CPIN", "code").or(self.sim.says().map(Into::into)) {
                Some(code) => self.told(core, call, Bag::new().with("code", code)),
                None => Some(cme(10)),
            },
            ("+CPIN", Form::Set) => Some(self.enter(core, &call.string("pin"), &call.string("newpin"))),
            ("+CIMI", Form::Execute) => {
                tell(core, call, "", Bag::new().with("IMSI", imsi(core)));
                Some(Outcome::Ok)
            }
            ("+CCID" | "+QCCID" | "+ICCID" | "+CICCID", Form::Execute | Form::Read) => {
                if !self.sim.inserted {
                    return Some(cme(10));
                }
                // Where a vendor's command has a line of its own name, that one is printed.
                let name = if *call.name == *"+CICCID" { "+ICCID" } else { &call.name };
                let name = if call.form == Form::Read { &call.name } else { name };
                tell(core, call, name, Bag::new().with("ICCID", iccid(core)));
                Some(Outcome::Ok)
            }
            ("+CLCK", Form::Set) => Some(self.lock(core, call)),
            ("+CPWD", Form::Set) => Some(self.change_password(call)),
            ("+CRSM", Form::Set) => {
                let (sw1, sw2, response) = file(core, call);
                let bag = Bag::new().with("sw1", sw1).with("sw2", sw2);
                let bag = if response.is_empty() { bag } else { bag.with("response", response) };
                self.told(core, call, bag)
            }
            ("+CSIM", Form::Set) => {
                // SELECT (A4) and STATUS (F2) are known; other instructions are not supported.
                let known =
                    call.string("command").get(2..4).is_some_and(|ins| matches!(ins, "A4" | "a4" | "F2" | "f2"));
                let response = if known { "9000" } else { "6D00" };
                self.told(core, call, Bag::new().with("length", response.len()).with("response", response))
            }
            _ => None,
        }
    }

    fn enter(&mut self, core: &mut Core, pin: &str, new: &str) -> Outcome {
        match (self.sim.inserted, self.sim.door) {
            (false, _) => return cme(10),
            (_, Door::Open) => return cme(3),
            (_, Door::Pin) if pin == self.sim.pin => {}
            (_, Door::Pin) => {
                self.sim.tries = self.sim.tries.saturating_sub(1);
                if self.sim.tries > 0 {
                    return cme(16);
                }
                self.sim.door = Door::Puk;
                return cme(12);
            }
            (_, Door::Puk) if pin == puk(core) && !new.is_empty() => new.clone_into(&mut self.sim.pin),
            (_, Door::Puk) => {
                self.sim.unblocks = self.sim.unblocks.saturating_sub(1);
                return if self.sim.unblocks > 0 { cme(16) } else { cme(13) };
            }
        }
        self.sim.tries = 3;
        self.sim.door = Door::Open;
        core.later(300, (tokens::UNLOCKED, 0));
        self.seek_network(core, 400);
        Outcome::Ok
    }

    fn lock(&mut self, core: &mut Core, call: &Call) -> Outcome {
        let card = call.string("fac").eq_ignore_ascii_case("SC");
        match call.int("mode") {
            Some(2) => {
                let status = i32::from(card && self.sim.locked);
                tell(core, call, "+CLCK", Bag::new().with("status", status));
                Outcome::Ok
            }
            Some(mode) if card => {
                if !self.sim.pin.is_empty() && call.string("passwd") != self.sim.pin {
                    return cme(16);
                }
                if self.sim.pin.is_empty() {
                    self.sim.pin = call.string("passwd");
                }
                self.sim.locked = mode == 1;
                Outcome::Ok
            }
            _ => Outcome::Ok,
        }
    }

    fn change_password(&mut self, call: &Call) -> Outcome {
        if call.string("fac").eq_ignore_ascii_case("SC") {
            if !self.sim.pin.is_empty() && call.string("oldpwd") != self.sim.pin {
                return cme(16);
            }
            self.sim.pin = call.string("newpwd");
        }
        Outcome::Ok
    }

    pub(super) fn sim_removed(&mut self, core: &mut Core) {
        self.sim.inserted = false;
        core.urc("+CPIN", &Bag::new().with("code", "NOT INSERTED"));
        self.calls.hang_up(core);
        self.network_changes(core);
    }

    pub(super) fn sim_inserted(&mut self, core: &mut Core) {
        self.sim.inserted = true;
        self.sim.door = if self.sim.locked { Door::Pin } else { Door::Open };
        if let Some(code) = self.sim.says() {
            core.urc("+CPIN", &Bag::new().with("code", code));
        }
        self.seek_network(core, 400);
    }
}

fn puk(core: &Core) -> String {
    fact_text(core, "+CPIN", "puk").unwrap_or_else(|| "12345678".to_owned())
}

/// The subscriber: of the scenario, or one of the test network.
fn imsi(core: &Core) -> String {
    fact_text(core, "+CIMI", "imsi").unwrap_or_else(|| "001010123456789".to_owned())
}

fn iccid(core: &Core) -> String {
    fact_text(core, "+CCID", "iccid").unwrap_or_else(|| with_check_digit("8900101000000000001"))
}

/// A file of the card: status words and content (3GPP TS 31.102 §4.2, ETSI TS 102 221 §10.2).
fn file(core: &Core, call: &Call) -> (i32, i32, String) {
    match (call.int("command"), call.int("fileid")) {
        // EF ICCID: digits swapped in each octet.
        (Some(176), Some(0x2FE2)) => (144, 0, swapped(&iccid(core))),
        // EF IMSI: length, then the digits behind a parity of 9.
        (Some(176), Some(0x6F07)) => (144, 0, format!("08{}", swapped(&format!("9{}", imsi(core))))),
        (Some(242), _) => (144, 0, String::new()),
        (Some(176 | 178 | 192), _) => (0x6A, 0x82, String::new()),
        _ => (0x69, 0x82, String::new()),
    }
}

fn swapped(digits: &str) -> String {
    let digits: Vec<char> = digits.chars().collect();
    digits
        .chunks(2)
        .flat_map(|pair| match pair {
            [a, b] => [*b, *a],
            [a] => ['F', *a],
            _ => ['F', 'F'],
        })
        .collect()
}
