//! User partitions (§2.12) and the FAT file system (§2.13). Both outlive a restart, and `AT+RESTORE`.

use std::collections::BTreeMap;

use super::super::super::core::{Call, Core};
use super::super::super::dialect::Outcome;
use super::super::super::scenario::bytes_of;
use super::{Esp, answer, bag};
use crate::generate::{Bag, Item};
use crate::session::Form;

/// A partition: name, type, subtype, address, size in bytes.
type Partition = (&'static str, i64, i64, i64, usize);

/// The partitions of the chip's partition table for users.
const PARTITIONS: &[Partition] = &[
    ("ble_data", 64, 1, 0x0002_1000, 0x3000),
    ("server_cert", 64, 2, 0x0002_4000, 0x2000),
    ("server_key", 64, 3, 0x0002_6000, 0x2000),
    ("server_ca", 64, 4, 0x0002_8000, 0x2000),
    ("client_cert", 64, 5, 0x0002_A000, 0x2000),
    ("client_key", 64, 6, 0x0002_C000, 0x2000),
    ("client_ca", 64, 7, 0x0002_E000, 0x2000),
    ("factory_param", 64, 8, 0x0003_0000, 0x1000),
    ("wpa2_cert", 64, 9, 0x0003_1000, 0x2000),
    ("wpa2_key", 64, 10, 0x0003_3000, 0x2000),
    ("wpa2_ca", 64, 11, 0x0003_5000, 0x2000),
    ("mqtt_cert", 64, 12, 0x0003_7000, 0x2000),
    ("mqtt_key", 64, 13, 0x0003_9000, 0x2000),
    ("mqtt_ca", 64, 14, 0x0003_B000, 0x2000),
];

/// Bytes of the file system.
const VOLUME: usize = 1 << 20;

/// Most files of the file system.
const FILES: usize = 256;

/// Most bytes of one answer; a longer read is refused.
const READ: usize = 1 << 16;

/// Flash that is erased.
const ERASED: u8 = 0xFF;

/// See the module's head.
#[derive(Default)]
pub(super) struct Flash {
    partitions: BTreeMap<&'static str, Vec<u8>>,
    files: Option<BTreeMap<String, Vec<u8>>>,
}

impl Flash {
    /// A partition's content, and its size.
    fn partition(&mut self, name: &str) -> Option<&mut Vec<u8>> {
        let &(name, .., size) = PARTITIONS.iter().find(|(own, ..)| *own == name)?;
        Some(self.partitions.entry(name).or_insert_with(|| vec![ERASED; size]))
    }

    /// The files, which are those of the scenario at first.
    fn files(&mut self, core: &Core) -> &mut BTreeMap<String, Vec<u8>> {
        self.files.get_or_insert_with(|| {
            let files = core.world.scenario().files.iter();
            files.map(|(name, text)| (name.clone(), bytes_of(text))).collect()
        })
    }
}

/// Where a command reads or writes: from, and how much.
fn span(call: &Call) -> Option<(usize, usize)> {
    let number = |name: &str| call.int(name).and_then(|number| usize::try_from(number).ok());
    Some((number("offset")?, number("length")?))
}

impl Esp {
    pub(super) fn flash_command(&mut self, core: &mut Core, call: &Call) -> Option<Outcome> {
        match (&*call.name, call.form) {
            ("+SYSFLASH", Form::Read) => {
                for &(name, kind, subtype, addr, size) in PARTITIONS {
                    let row = bag([
                        ("partition", name.into()),
                        ("type", kind.into()),
                        ("subtype", subtype.into()),
                        ("addr", addr.into()),
                        ("size", size.into()),
                    ]);
                    answer(core, call, &row);
                }
                Some(Outcome::Ok)
            }
            ("+SYSFLASH", _) => Some(self.partition_command(core, call).unwrap_or(Outcome::Error(None))),
            ("+FS", _) => Some(self.file_command(core, call).unwrap_or(Outcome::Error(None))),
            _ => None,
        }
    }

    fn partition_command(&mut self, core: &mut Core, call: &Call) -> Option<Outcome> {
        let content = self.flash.partition(&call.string("partition"))?;
        let span = span(call);
        let (from, len) = span.unwrap_or((0, content.len()));
        let part = content.get_mut(from..from.checked_add(len)?)?;
        match call.int("operation")? {
            0 => part.fill(ERASED),
            1 => return Some(Outcome::Data),
            _ if len > READ => return None,
            _ => {
                let data = part.to_vec();
                core.respond(call, "+SYSFLASH", &Bag::new().with_data(data));
            }
        }
        Some(Outcome::Ok)
    }

    fn file_command(&mut self, core: &mut Core, call: &Call) -> Option<Outcome> {
        let name = call.string("filename");
        let free = VOLUME.saturating_sub(self.flash.files(core).values().map(Vec::len).sum());
        let files = self.flash.files(core);
        let row = |bytes: Vec<u8>| Bag::new().with("text", Item::Raw(bytes));
        match call.int("operation")? {
            0 => {
                files.remove(&name)?;
            }
            1 => {
                let (from, len) = span(call)?;
                let end = from.checked_add(len)?;
                let have = files.get(&name).map_or(0, Vec::len);
                let room = files.contains_key(&name) || files.len() < FILES;
                return (room && end.saturating_sub(have) <= free).then_some(Outcome::Data);
            }
            2 => {
                let (from, len) = span(call)?;
                let file = files.get(&name)?;
                let read: Vec<u8> = file.iter().skip(from).take(len.min(READ)).copied().collect();
                core.respond(call, "+FS", &row(read));
            }
            3 => {
                let len = files.get(&name)?.len();
                core.respond(call, "+FS", &row(len.to_string().into_bytes()));
            }
            _ => {
                for name in files.keys().cloned().collect::<Vec<_>>() {
                    core.respond(call, "+FS", &row(name.into_bytes()));
                }
            }
        }
        Some(Outcome::Ok)
    }

    /// What is to be written has come.
    pub(super) fn flash_data(&mut self, core: &mut Core, call: &Call, data: &[u8]) -> Outcome {
        let Some((from, _)) = span(call) else { return Outcome::Error(None) };
        let end = from.saturating_add(data.len());
        if &*call.name == "+FS" {
            let file = self.flash.files(core).entry(call.string("filename")).or_default();
            if file.len() < end {
                file.resize(end, 0);
            }
            if let Some(part) = file.get_mut(from..end) {
                part.copy_from_slice(data);
            }
            return Outcome::Ok;
        }
        let part = self.flash.partition(&call.string("partition")).and_then(|content| content.get_mut(from..end));
        let Some(part) = part else { return Outcome::Error(None) };
        // Writing clears bits; only erasing sets them.
        for (own, new) in part.iter_mut().zip(data) {
            *own &= new;
        }
        Outcome::Ok
    }
}
