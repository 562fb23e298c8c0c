//! Ethernet (chapter 7): its addresses. The interface itself is not there.

use super::super::super::core::{Call, Core};
use super::super::super::dialect::Outcome;
use super::answer;
use super::station::Address;
use crate::generate::Bag;
use crate::session::Form;

/// Without a cable: no address.
const NONE: &str = "0.0.0.0";

pub(super) fn command(core: &mut Core, call: &Call) -> Option<Outcome> {
    match (&*call.name, call.form) {
        ("+CIPETH", Form::Read) => {
            let set = core.memory.rows(call.command).first().cloned().unwrap_or_default();
            let text = |name: &str| {
                set.get(name).map_or(NONE.to_owned(), |item| String::from_utf8_lossy(&item.text()).into_owned())
            };
            let all = Address { ip: text("ip"), gateway: text("gateway"), netmask: text("netmask") };
            for (name, value) in [("ip", &all.ip), ("gateway", &all.gateway), ("netmask", &all.netmask)] {
                answer(core, call, &Bag::new().with(name, value.as_str()));
            }
        }
        ("+CIPETH", _) => {
            let given = Address::given(call);
            let row = Bag::new().with("ip", given.ip).with("gateway", given.gateway).with("netmask", given.netmask);
            core.memory.keep(call.command, None, &row);
        }
        _ => return None,
    }
    Some(Outcome::Ok)
}
