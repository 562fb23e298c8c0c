//! The packet domain: contexts, attachment, activation, addresses (27.007 §10.1).

use std::collections::{BTreeMap, BTreeSet};

use super::super::super::core::{Call, Core};
use super::super::super::dialect::Outcome;
use super::{Cellular, cme, network::line, setting};
use crate::generate::{Bag, Item};
use crate::session::Form;

/// Highest context number that this modem has.
pub(super) const CONTEXTS: i64 = 16;

/// See the module's head.
#[derive(Default)]
pub(super) struct Packet {
    /// What AT+CGDCONT defined, by number.
    contexts: BTreeMap<i64, Bag>,
    attached: bool,
    active: BTreeSet<i64>,
}

impl Packet {
    /// Definitions are kept, activations are not.
    pub(super) fn start(&mut self, factory: bool) {
        if factory {
            let first = Bag::new().with("cid", 1).with("PDP_type", "IP").with("APN", "");
            self.contexts = BTreeMap::from([(1, first)]);
        }
        self.attached = false;
        self.active.clear();
    }
}

impl Cellular {
    /// Whether a data connection stands.
    pub(in super::super) fn has_data(&self) -> bool {
        self.packet.attached && !self.packet.active.is_empty()
    }

    /// Activates the first context, where none is active; `false`: there is no network.
    pub(in super::super) fn bring_up(&mut self, core: &mut Core) -> bool {
        if !self.packet.attached {
            return false;
        }
        if self.packet.active.is_empty() {
            self.activate(core, 1);
        }
        true
    }

    pub(super) fn attachment_changes(&mut self, core: &mut Core, stat: i64) {
        let attached = matches!(stat, 1 | 5);
        if attached == self.packet.attached {
            return;
        }
        self.packet.attached = attached;
        if attached {
            // The default bearer comes with the attachment (3GPP TS 23.401 §5.3.2).
            self.packet.active.insert(1);
        } else {
            self.packet.active.clear();
            self.event(core, "NW DETACH");
        }
    }

    fn event(&self, core: &mut Core, event: &str) {
        if setting(core, "+CGEREP", "mode").unwrap_or_default() > 0 {
            core.urc("+CGEV", &Bag::new().with("event", event));
        }
    }

    fn activate(&mut self, core: &mut Core, cid: i64) {
        if self.packet.active.insert(cid) {
            self.event(core, &format!("ME PDN ACT {cid}"));
        }
    }

    fn deactivate(&mut self, core: &mut Core, cid: i64) {
        if self.packet.active.remove(&cid) {
            self.event(core, &format!("ME PDN DEACT {cid}"));
        }
    }

    pub(super) fn packet_command(&mut self, core: &mut Core, call: &Call) -> Option<Outcome> {
        match (&*call.name, call.form) {
            ("+CGDCONT", Form::Set) => return Some(self.define(call)),
            ("+CGDCONT", Form::Read) => {
                for context in self.packet.contexts.values() {
                    let usual = Bag::new().with("PDP_addr", "0.0.0.0").with("d_comp", 0).with("h_comp", 0);
                    let row = context.iter().fold(usual, |row, (name, item)| row.with(name.to_owned(), item.clone()));
                    line(core, call, row);
                }
            }
            ("+CGATT", Form::Read) => line(core, call, Bag::new().with("state", i32::from(self.packet.attached))),
            ("+CGATT", Form::Set) => {
                let wanted = call.int("state") == Some(1);
                if wanted && !self.is_registered() {
                    return Some(cme(30));
                }
                if wanted != self.packet.attached {
                    core.wait(40);
                    self.packet.attached = wanted;
                    if !wanted {
                        self.packet.active.clear();
                        self.event(core, "ME DETACH");
                    }
                }
            }
            ("+CGACT", Form::Read) => {
                for cid in self.packet.contexts.keys() {
                    let state = i32::from(self.packet.active.contains(cid));
                    line(core, call, Bag::new().with("cid", *cid).with("state", state));
                }
            }
            ("+CGACT", Form::Set) => return Some(self.switch(core, call)),
            ("+CGPADDR", Form::Execute | Form::Set) => {
                let named = named(call);
                if named.iter().any(|cid| !self.packet.contexts.contains_key(cid)) {
                    return Some(cme(143));
                }
                for (cid, row) in self.chosen(&named) {
                    let row = match self.packet.active.contains(&cid) {
                        true => row.with("PDP_addr_1", address(core, cid)),
                        false => row,
                    };
                    line(core, call, row);
                }
            }
            ("+CGCONTRDP", Form::Execute | Form::Set) => {
                for (cid, row) in self.chosen(&named(call)) {
                    if let (true, Some(context)) = (self.packet.active.contains(&cid), self.packet.contexts.get(&cid)) {
                        let apn = context.get("APN").cloned().unwrap_or(Item::from("internet"));
                        let row = row.with("bearer_id", 4 + cid).with("apn", apn);
                        let row = row.with("local_addr and subnet_mask", address(core, cid)).with("gw_addr", "");
                        line(core, call, row.with("DNS_prim_addr", "8.8.8.8").with("DNS_sec_addr", "8.8.4.4"));
                    }
                }
            }
            ("+CGDATA", Form::Set) => {
                if !self.bring_up(core) {
                    return Some(cme(30));
                }
                return Some(self.go_online(core, "*99#"));
            }
            _ => return None,
        }
        Some(Outcome::Ok)
    }

    fn define(&mut self, call: &Call) -> Outcome {
        let cid = call.int("cid").unwrap_or_default();
        if !(0..=CONTEXTS).contains(&cid) {
            return cme(21);
        }
        let given = |(_, item): &(&str, &Item)| **item != Item::Omitted;
        if call.given.iter().filter(given).count() <= 1 {
            // A number alone undefines the context.
            self.packet.contexts.remove(&cid);
            self.packet.active.remove(&cid);
            return Outcome::Ok;
        }
        let row = Bag::new().with("cid", cid).with("PDP_type", "IP").with("APN", "");
        let row =
            call.given.iter().filter(given).fold(row, |row, (name, item)| row.with(name.to_owned(), item.clone()));
        self.packet.contexts.insert(cid, row);
        Outcome::Ok
    }

    fn switch(&mut self, core: &mut Core, call: &Call) -> Outcome {
        let on = call.int("state").unwrap_or(1) == 1;
        let named = named(call);
        if named.iter().any(|cid| !self.packet.contexts.contains_key(cid)) {
            return cme(143);
        }
        if on && !self.packet.attached {
            return cme(30);
        }
        core.wait(40);
        for (cid, _) in self.chosen(&named) {
            if on {
                self.activate(core, cid);
            } else {
                self.deactivate(core, cid);
            }
        }
        Outcome::Ok
    }

    /// Rows of the named contexts, or of all.
    fn chosen(&self, named: &[i64]) -> Vec<(i64, Bag)> {
        let wanted = |cid: &&i64| named.is_empty() || named.contains(cid);
        self.packet.contexts.keys().filter(wanted).map(|cid| (*cid, Bag::new().with("cid", *cid))).collect()
    }

    /// The address of a context (`network.ip`); each further context has the next one.
    pub(in super::super) fn address(&self, core: &Core) -> String {
        address(core, self.packet.active.first().copied().unwrap_or(1))
    }
}

/// The contexts that a command names: a repeated parameter's further values are numbered from 2.
fn named(call: &Call) -> Vec<i64> {
    let more = (2..).map_while(|at| call.int(&format!("cid#{at}")));
    call.int("cid").into_iter().chain(more).collect()
}

fn address(core: &Core, cid: i64) -> String {
    let first = &core.world.scenario().network.ip;
    match first.parse::<std::net::Ipv4Addr>() {
        Ok(ip) => {
            let next = u32::from(ip).wrapping_add(u32::try_from(cid - 1).unwrap_or_default());
            std::net::Ipv4Addr::from(next).to_string()
        }
        Err(_) => first.clone(),
    }
}

impl Cellular {
    /// The contexts that are defined.
    pub(super) fn context_numbers(&self) -> Vec<i64> {
        self.packet.contexts.keys().copied().collect()
    }
}
