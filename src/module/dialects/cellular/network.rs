//! Registration and the choice of an operator (27.007 §7.2, §7.3, §8.2, §10.1.20, §10.1.22, §10.1.47).

use super::super::super::core::{Call, Core};
use super::super::super::dialect::Outcome;
use super::{Cellular, cme, fact_text, setting, tell, tokens};
use crate::generate::{Bag, Item};
use crate::session::Form;

/// Commands that report the registration; all but the last are of the network that this modem is in.
const REPORTS: &[&str] = &["+CREG", "+CGREG", "+CEREG", "+C5GREG"];

/// Access technology of the network, E-UTRAN, unless the scenario says otherwise (`AcT`).
const E_UTRAN: i64 = 7;

/// See the module's head.
pub(super) struct Registration {
    /// What `+CREG` says: 0 not searching, 1 home, 2 searching, 5 roaming.
    stat: i64,
    fun: i64,
    /// AT+COPS=2.
    left: bool,
    /// The scenario's network is gone.
    lost: bool,
    roaming: bool,
    /// Number of the newest search; older ones came to nothing.
    search: u64,
    found: bool,
    mode: i64,
    format: i64,
}

impl Default for Registration {
    fn default() -> Self {
        Self { stat: 2, fun: 1, left: false, lost: false, roaming: false, search: 0, found: false, mode: 0, format: 0 }
    }
}

impl Registration {
    /// The modem starts: it knows no network yet.
    pub(super) fn start(&mut self) {
        *self = Self { search: self.search, lost: self.lost, roaming: self.roaming, ..Self::default() };
    }

    pub(super) fn is_registered(&self) -> bool {
        matches!(self.stat, 1 | 5)
    }
}

impl Cellular {
    /// Looks for a network from now on, at the soonest found so many milliseconds later.
    pub(super) fn seek_network(&mut self, core: &mut Core, least: u64) {
        self.network.search += 1;
        self.network.found = false;
        if let Some(after) = core.world.scenario().network.registered {
            core.timer(after.max(least), (tokens::REGISTER, self.network.search));
        }
        self.network_changes(core);
    }

    pub(super) fn registered(&mut self, core: &mut Core, search: u64) {
        if search == self.network.search {
            self.network.found = true;
            self.network_changes(core);
        }
    }

    pub(super) fn network_lost(&mut self, core: &mut Core, lost: bool) {
        self.network.lost = lost;
        if lost {
            self.calls.remote_lost(core);
        }
        self.network_changes(core);
    }

    pub(super) fn roam(&mut self, core: &mut Core) {
        self.network.roaming = true;
        self.network_changes(core);
    }

    /// Works out the registration anew, and reports it where it changed.
    pub(super) fn network_changes(&mut self, core: &mut Core) {
        let network = &self.network;
        let stat = if network.fun != 1 || network.left || !self.sim.is_open() {
            0
        } else if network.lost || !network.found {
            2
        } else {
            let home = if network.roaming { 5 } else { 1 };
            core.fact("+CREG", "stat").and_then(|item| item.int()).unwrap_or(home)
        };
        if stat == network.stat {
            return;
        }
        self.network.stat = stat;
        for name in REPORTS.iter().take(3) {
            let n = setting(core, name, "n").unwrap_or_default();
            if n > 0 {
                let bag = self.place(core, name, n);
                core.urc(name, &bag);
            }
        }
        self.attachment_changes(core, stat);
    }

    /// Status, and with `n` of 2 and more the cell.
    fn place(&self, core: &Core, name: &str, n: i64) -> Bag {
        let stat = if name == "+C5GREG" { 0 } else { self.network.stat };
        let stat = core.fact(name, "stat").filter(|_| self.is_registered()).unwrap_or(Item::Int(stat));
        let bag = Bag::new().with("stat", stat);
        if n < 2 || !self.is_registered() || name == "+C5GREG" {
            return bag;
        }
        let fact = |param: &str, usual: &str| core.fact(name, param).unwrap_or_else(|| Item::from(usual));
        let area = if name == "+CEREG" { "tac" } else { "lac" };
        bag.with(area, fact(area, "1A2B")).with("ci", fact("ci", "01C3D4E5")).with("AcT", technology(core))
    }

    pub(super) fn network_command(&mut self, core: &mut Core, call: &Call) -> Option<Outcome> {
        match (&*call.name, call.form) {
            (name, Form::Read) if REPORTS.contains(&name) => {
                let n = setting(core, name, "n").unwrap_or_default();
                let bag = self.place(core, name, n).with("n", n);
                self.told(core, call, bag)
            }
            ("+COPS", Form::Read) => {
                let mode = self.network.mode;
                let bag = Bag::new().with("mode", mode);
                let bag = match self.is_registered() {
                    true => {
                        let format = self.network.format;
                        let oper = if format == 2 { numeric(core) } else { operator(core) };
                        bag.with("format", format).with("oper", oper).with("AcT", technology(core))
                    }
                    false => bag,
                };
                self.told(core, call, bag)
            }
            ("+COPS", Form::Set) => Some(self.choose(core, call)),
            ("+COPN", Form::Execute) => {
                let bag = Bag::new().with("numeric", numeric(core)).with("alpha", operator(core));
                self.told(core, call, bag)
            }
            ("+CFUN", Form::Read) => self.told(core, call, Bag::new().with("fun", self.network.fun)),
            ("+CFUN", Form::Set) => {
                let fun = call.int("fun").filter(|fun| matches!(fun, 0 | 4)).unwrap_or(1);
                let was = std::mem::replace(&mut self.network.fun, fun);
                if fun != 1 {
                    self.calls.hang_up(core);
                    self.network_changes(core);
                } else if was != 1 {
                    self.seek_network(core, 100);
                }
                Some(Outcome::Ok)
            }
            ("+CEDRXRDP", Form::Execute) => self.told(core, call, Bag::new().with("AcT-type", 0)),
            _ => None,
        }
    }

    fn choose(&mut self, core: &mut Core, call: &Call) -> Outcome {
        let mode = call.int("mode").unwrap_or_default();
        let format = call.int("format").unwrap_or(self.network.format);
        match mode {
            2 => self.network.left = true,
            3 => {
                self.network.format = format;
                return Outcome::Ok;
            }
            1 | 4 => {
                let wanted = call.string("oper");
                let known = wanted == if format == 2 { numeric(core) } else { operator(core) };
                if !known && mode == 1 {
                    return cme(30);
                }
                self.network.left = false;
            }
            _ => self.network.left = false,
        }
        self.network.mode = mode;
        self.network.format = format;
        self.network_changes(core);
        Outcome::Ok
    }

    /// What AT+COPS=? lists: the one network that there is, and what can be chosen.
    pub(super) fn operators(&self, core: &Core) -> String {
        let (name, number) = (operator(core), numeric(core));
        let status = if self.is_registered() { 2 } else { 1 };
        let act = technology(core);
        let act = String::from_utf8_lossy(&act.text()).into_owned();
        format!("({status},\"{name}\",\"{name}\",\"{number}\",{act}),,(0-4),(0-2)")
    }
}

fn technology(core: &Core) -> Item {
    core.fact("+COPS", "AcT").unwrap_or(Item::Int(E_UTRAN))
}

fn operator(core: &Core) -> String {
    core.world.scenario().network.operator.clone()
}

/// The operator's number: the start of the IMSI of the test network, unless the scenario says otherwise.
fn numeric(core: &Core) -> String {
    fact_text(core, "+COPS", "numeric").unwrap_or_else(|| "00101".to_owned())
}

/// Answers with the command's own line.
pub(super) fn line(core: &mut Core, call: &Call, bag: Bag) {
    tell(core, call, &call.name, bag);
}
