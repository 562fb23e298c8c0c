//! GATT (chapter 5): the services of the manual's example (chapter 6), which this module offers as a server, and every device in reach, too.
//!
//! A client counts two services more ahead of them, 0x1801 and 0x1800: what is service 1 to a server is service 3 to its client.

use std::collections::BTreeMap;

use super::super::super::core::{Call, Core};
use super::super::super::dialect::Outcome;
use super::ble::Role;
use super::{Esp, answer, bag, real};
use crate::generate::{Bag, Item};
use crate::session::Form;

/// The service of the example.
const SERVICE: &str = "0xA002";

/// What a client finds ahead of it.
const AHEAD: [&str; 2] = ["0x1801", "0x1800"];

/// Properties (Bluetooth Core Specification 4.2, Vol 3 Part G §3.3.1.1).
const READ: i64 = 2;
const WRITE_NO_RESPONSE: i64 = 4;
const WRITE: i64 = 8;
const NOTIFY: i64 = 16;
const INDICATE: i64 = 32;

/// Characteristics: UUID, properties, UUID of the descriptor.
const CHARACTERISTICS: [(&str, i64, Option<&str>); 7] = [
    ("0xC300", READ, Some("0x2901")),
    ("0xC301", READ, Some("0x2901")),
    ("0xC302", WRITE, Some("0x2901")),
    ("0xC303", WRITE_NO_RESPONSE, Some("0x2901")),
    ("0xC304", WRITE, None),
    ("0xC305", NOTIFY, Some("0x2902")),
    ("0xC306", INDICATE, Some("0x2902")),
];

/// Longest value of an attribute (Vol 3 Part F §3.2.9).
const LONGEST: usize = 512;

/// A value that nobody set.
const FRESH: &[u8] = b"0";

/// Values of one side, by characteristic and descriptor (0: the characteristic itself).
#[derive(Clone, Default)]
pub(super) struct Values(BTreeMap<(i64, i64), Vec<u8>>);

impl Values {
    pub(super) fn set(&mut self, characteristic: i64, descriptor: i64, value: &[u8]) -> bool {
        let fits = exists(characteristic, descriptor) && value.len() <= LONGEST;
        if fits {
            self.0.insert((characteristic, descriptor), value.to_vec());
        }
        fits
    }

    fn get(&self, characteristic: i64, descriptor: i64) -> &[u8] {
        self.0.get(&(characteristic, descriptor)).map_or(FRESH, Vec::as_slice)
    }
}

/// What a characteristic can do.
fn properties(characteristic: i64) -> Option<i64> {
    let at = usize::try_from(characteristic.checked_sub(1)?).ok()?;
    CHARACTERISTICS.get(at).map(|(_, properties, _)| *properties)
}

fn exists(characteristic: i64, descriptor: i64) -> bool {
    let at = characteristic.checked_sub(1).and_then(|at| usize::try_from(at).ok());
    match at.and_then(|at| CHARACTERISTICS.get(at)) {
        Some((.., own)) => descriptor == 0 || descriptor == 1 && own.is_some(),
        None => false,
    }
}

/// Service, characteristic and descriptor (0: none) that a command names; the service as the server counts it.
fn attribute(call: &Call, role: Role) -> (i64, i64, i64) {
    let ahead = if role == Role::Client { 2 } else { 0 };
    let number = |name: &str| call.int(name).unwrap_or_default();
    (number("srv_index") - ahead, number("char_index"), number("desc_index"))
}

impl Esp {
    pub(super) fn gatt_command(&mut self, core: &mut Core, call: &Call) -> Option<Outcome> {
        let role = self.ble.role;
        let (service, characteristic, descriptor) = attribute(call, role);
        let known = service == 1 && exists(characteristic, descriptor);
        let can = |wanted: i64| known && properties(characteristic).is_some_and(|own| own & wanted != 0);
        let fails = Some(Outcome::Error(None));
        match &*call.name {
            "+BLEGATTSSRVCRE" => {
                self.ble.own = Values::default();
                self.ble.started = false;
                core.set("ble.services", 1);
            }
            "+BLEGATTSSRVSTART" => {
                if call.form == Form::Set && service != 1 {
                    return fails;
                }
                self.ble.started = true;
            }
            "+BLEGATTSSRV" => {
                if core.int("ble.services") == Some(1) {
                    let row = bag([
                        ("srv_index", 1.into()),
                        ("start", i64::from(self.ble.started).into()),
                        ("srv_uuid", SERVICE.into()),
                        ("srv_type", 1.into()),
                    ]);
                    answer(core, call, &row);
                }
            }
            "+BLEGATTSSCHAR" => {
                if core.int("ble.services") == Some(1) {
                    self.tell_characteristics(core, call, None);
                }
            }
            "+BLEGATTSNTFY" if !can(NOTIFY) || !self.ble.started => return fails,
            "+BLEGATTSIND" if !can(INDICATE) || !self.ble.started => return fails,
            "+BLEGATTSSETATTR" if !known || core.int("ble.services") != Some(1) => return fails,
            "+BLEGATTSNTFY" | "+BLEGATTSIND" | "+BLEGATTSSETATTR" => return Some(Outcome::Data),
            "+BLEGATTCPRIMSRV" => {
                for (at, uuid) in (1..).zip(AHEAD.into_iter().chain([SERVICE])) {
                    let row = bag([
                        ("conn_index", 0.into()),
                        ("srv_index", Item::Int(at)),
                        ("srv_uuid", uuid.into()),
                        ("srv_type", 1.into()),
                    ]);
                    answer(core, call, &row);
                }
            }
            // No service includes another one.
            "+BLEGATTCINCLSRV" if !(-1..=1).contains(&service) => return fails,
            "+BLEGATTCINCLSRV" => {}
            "+BLEGATTCCHAR" if !(-1..=1).contains(&service) => return fails,
            "+BLEGATTCCHAR" => {
                if service == 1 {
                    self.tell_characteristics(core, call, Some(3));
                }
            }
            // A descriptor can always be read, and written.
            "+BLEGATTCRD" if !known || descriptor == 0 && !can(READ) => return fails,
            "+BLEGATTCRD" => {
                let value = self.ble.remote.get(characteristic, descriptor);
                let row = bag([
                    ("conn_index", 0.into()),
                    ("len", value.len().into()),
                    ("value", Item::Raw(hex(value).into_bytes())),
                ]);
                answer(core, call, &row);
            }
            "+BLEGATTCWR" if !known || descriptor == 0 && !can(WRITE | WRITE_NO_RESPONSE) => return fails,
            "+BLEGATTCWR" => return Some(Outcome::Data),
            _ => return None,
        }
        Some(Outcome::Ok)
    }

    /// Characteristics and their descriptors; `client`: the number of the service as a client counts it.
    fn tell_characteristics(&self, core: &mut Core, call: &Call, client: Option<i64>) {
        for (at, (uuid, properties, descriptor)) in (1..).zip(CHARACTERISTICS) {
            let row = bag([("srv_index", client.unwrap_or(1).into()), ("char_index", Item::Int(at))]);
            let row = if client.is_some() { row.with("conn_index", 0) } else { row };
            let own =
                row.clone().with("char_uuid", uuid).with("char_prop", Item::Raw(properties.to_string().into_bytes()));
            answer(core, call, &own);
            if let Some(uuid) = descriptor {
                let own = row.with("desc_index", 1);
                // The manual's line of a server has no UUID of a descriptor.
                let own = if client.is_some() || real(core) { own.with("desc_uuid", uuid) } else { own };
                answer(core, call, &own);
            }
        }
    }

    /// The data of a command that sends, sets or writes a value.
    pub(super) fn ble_data(&mut self, core: &mut Core, call: &Call, data: &[u8]) -> Outcome {
        let (_, characteristic, descriptor) = attribute(call, self.ble.role);
        let connected = core.int_at("ble.connected", 0) == Some(1);
        let done = match &*call.name {
            "+BLEGATTCWR" => connected && self.ble.remote.set(characteristic, descriptor, data),
            "+BLEGATTSSETATTR" => self.ble.own.set(characteristic, descriptor, data),
            // What is longer than a packet does not go out (ATT: three bytes of the MTU are its own).
            _ => connected && i64::try_from(data.len()).is_ok_and(|len| len <= self.ble.mtu - 3),
        };
        if done { Outcome::Ok } else { Outcome::Error(None) }
    }

    /// The other side reads, writes, notifies or indicates: `what` is the verb, `words` what stands behind it.
    pub(super) fn remote_does(&mut self, core: &mut Core, what: &str, words: &str, from: &str) {
        let (place, value) = words.split_once(' ').unwrap_or((words, ""));
        let numbers: Vec<i64> = place.split(',').map(|number| number.trim().parse().unwrap_or_default()).collect();
        let [service, characteristic, descriptor] = [0, 1, 2].map(|at| numbers.get(at).copied().unwrap_or_default());
        let value = super::super::super::scenario::bytes_of(&format!("hex:{}", value.trim()));
        let row = bag([("conn_index", 0.into()), ("srv_index", service.into()), ("char_index", characteristic.into())]);
        match (what, self.ble.role) {
            ("read", Role::Server) => {
                core.urc("+READ", &bag([("conn_index", 0.into()), ("remote BLE address", from.into())]));
            }
            ("write", Role::Server) if service == 1 && self.ble.own.set(characteristic, descriptor, &value) => {
                let desc = if descriptor == 0 { Item::Omitted } else { Item::Int(descriptor) };
                core.urc_within(b"", "+WRITE", &row.with("desc_index", desc).with_data(value), b"\r\n");
            }
            ("notify", Role::Client) => {
                core.urc_within(b"", "+NOTIFY", &row.with_data(value), b"\r\n");
            }
            ("indicate", Role::Client) => {
                core.urc_within(b"", "+INDICATE", &row.with_data(value), b"\r\n");
            }
            _ => {}
        }
    }

    /// Whether SPP mode can begin: one characteristic to send by, one to receive by, of the right kinds (§5.27).
    pub(super) fn spp_is_set(&self, row: &Bag) -> bool {
        let number = |name: &str| row.get(name).and_then(Item::int).unwrap_or_default();
        let ahead = if self.ble.role == Role::Client { 2 } else { 0 };
        let own = |service: &str, characteristic: &str, wanted: i64| {
            number(service) - ahead == 1 && properties(number(characteristic)).is_some_and(|own| own & wanted != 0)
        };
        let (sends, receives) = match self.ble.role {
            Role::Client => (WRITE | WRITE_NO_RESPONSE, NOTIFY | INDICATE),
            Role::Server | Role::Off => (NOTIFY | INDICATE, WRITE | WRITE_NO_RESPONSE),
        };
        own("tx_service_index", "tx_char_index", sends) && own("rx_service_index", "rx_char_index", receives)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
