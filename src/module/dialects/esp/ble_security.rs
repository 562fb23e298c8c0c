//! BLE security (§5.29 to §5.36) and the HID profile (§5.37 to §5.40).

use super::super::super::core::{Call, Core};
use super::super::super::dialect::Outcome;
use super::{Esp, answer, bag, real, tick};
use crate::generate::{Bag, Item};
use crate::session::Form;

/// Most bonded devices.
const BONDS: usize = 15;

impl Esp {
    pub(super) fn ble_security_command(&mut self, core: &mut Core, call: &Call) -> Option<Outcome> {
        match (&*call.name, call.form) {
            ("+BLEENC" | "+BLEENCRSP" | "+BLEKEYREPLY" | "+BLECONFREPLY", _) if self.ble.peer.is_none() => {
                return Some(Outcome::Error(None));
            }
            ("+BLEENC", _) => {
                core.later(core.world.scenario().delays.round_trip * 4, (tick::BLE_PAIRED, self.ble.generation))
            }
            ("+BLEENCRSP", _) => {
                if call.int("accept") == Some(1) {
                    core.later(core.world.scenario().delays.round_trip * 4, (tick::BLE_PAIRED, self.ble.generation));
                }
            }
            ("+BLESECPARAM", Form::Set) => {
                core.set("ble.security", 1);
                return None;
            }
            ("+BLEENCDEV", _) => tell_bonds(core, call, &self.bonds(0)),
            ("+BLEENCCLEAR", _) => return Some(forget_bonds(call, self.nvs.bonded.first_mut()?)),
            ("+BLESETKEY", Form::Read) if core.memory.rows(call.command).is_empty() => {
                core.respond_like(call, "+BLESETKEY", "-1", &Bag::new());
            }
            ("+BLEHIDINIT", Form::Read) => {
                let init = core.int("ble.hid").unwrap_or_default();
                answer(core, call, &bag([("init", init.into())]));
            }
            ("+BLEHIDINIT", _) => core.set("ble.hid", call.int("init").unwrap_or_default()),
            ("+BLEHIDKB" | "+BLEHIDMUS" | "+BLEHIDCONSUMER", _) if core.int("ble.hid") != Some(1) => {
                return Some(Outcome::Error(None));
            }
            _ => return None,
        }
        Some(Outcome::Ok)
    }

    /// Pairing is through: the other side is a bonded device from now on.
    pub(super) fn paired(&mut self, core: &mut Core) {
        let Some(peer) = &self.ble.peer else { return };
        let [bonds, _] = &mut self.nvs.bonded;
        if !bonds.contains(&peer.address) && bonds.len() < BONDS {
            bonds.push(peer.address.clone());
        }
        if real(core) {
            core.urc("+BLEAUTHCMPL", &bag([("conn_index", 0.into()), ("enc_result", 0.into())]));
        }
    }
}

/// The bonded devices, a line each.
pub(super) fn tell_bonds(core: &mut Core, call: &Call, bonds: &[String]) {
    for (at, mac) in bonds.iter().enumerate() {
        let row = bag([("enc_dev_index", Item::from(at)), ("mac_address", mac.as_str().into())]);
        answer(core, call, &row);
    }
}

/// Forgets all, or the one of an index.
pub(super) fn forget_bonds(call: &Call, bonds: &mut Vec<String>) -> Outcome {
    let Some(at) = call.int("enc_dev_index") else {
        bonds.clear();
        return Outcome::Ok;
    };
    match usize::try_from(at) {
        Ok(at) if at < bonds.len() => {
            bonds.remove(at);
            Outcome::Ok
        }
        _ => Outcome::Error(None),
    }
}
