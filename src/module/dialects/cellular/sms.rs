//! Short messages: sent, stored, listed, received (27.005).

use std::collections::{BTreeMap, VecDeque};

use super::super::super::core::{Call, Core};
use super::super::super::dialect::{DataEnd, Outcome};
use super::{Cellular, address_type, cms, pdu, setting, tell, tokens};
use crate::generate::{Bag, Item};
use crate::session::Form;

/// Messages that there is room for.
const ROOM: i64 = 50;

/// Longest text that is taken, in bytes: what ten concatenated messages hold.
const LONGEST: usize = 1530;

/// Messages to itself that are on their way.
const ON_THE_WAY: usize = 16;

/// The states of messages, in the order of their numbers (27.005 §3.1).
const STATES: [&str; 4] = ["REC UNREAD", "REC READ", "STO UNSENT", "STO SENT"];

#[derive(Clone, Debug)]
struct Message {
    /// Its state by number.
    stat: i64,
    /// From whom, or to whom.
    address: String,
    text: String,
    /// When the service centre got it; of received ones.
    time: String,
}

/// See the module's head.
#[derive(Default)]
pub(super) struct Messages {
    stored: BTreeMap<i64, Message>,
    /// The storages that AT+CPMS chose.
    memories: Vec<String>,
    reference: i64,
    own: VecDeque<(String, String)>,
}

impl Messages {
    pub(super) fn start(&mut self, _core: &Core, factory: bool) {
        if factory {
            self.stored.clear();
        }
        self.memories = vec!["SM".to_owned(); 3];
        self.own.clear();
    }

    fn put(&mut self, message: Message) -> Option<i64> {
        let index = (1..=ROOM).find(|index| !self.stored.contains_key(index))?;
        self.stored.insert(index, message);
        Some(index)
    }
}

impl Message {
    fn is_received(&self) -> bool {
        self.stat < 2
    }

    /// Its PDU, and how long it is without the service centre address.
    fn pdu(&self) -> (String, usize) {
        match self.is_received() {
            true => pdu::deliver(&self.address, &self.text, &self.time),
            false => pdu::submit(&self.address, &self.text),
        }
    }

    /// State and header of a listing in the format that is on, and what stands below.
    fn shown(&self, core: &Core) -> (Item, String, String) {
        if core.int("sms.mode") != Some(1) {
            let (pdu, octets) = self.pdu();
            return (Item::Int(self.stat), format!(",{octets}"), pdu);
        }
        let stat = STATES.get(self.stat as usize).copied().unwrap_or("REC READ");
        let mut more = match self.is_received() {
            true => format!("\"{}\",,\"{}\"", self.address, self.time),
            false => format!("\"{}\",", self.address),
        };
        if setting(core, "+CSDH", "show") == Some(1) {
            let kind = address_type(&self.address);
            more.push_str(&format!(",{kind},4,0,0,\"+15550199\",145,{}", self.text.chars().count()));
        }
        (Item::from(stat), more, self.text.clone())
    }
}

impl Cellular {
    pub(super) fn message_indexes(&self) -> Vec<i64> {
        self.messages.stored.keys().copied().collect()
    }

    pub(super) fn sms_command(&mut self, core: &mut Core, call: &Call) -> Option<Outcome> {
        Some(match (&*call.name, call.form) {
            // What they answer comes behind their data.
            ("+CMGS" | "+CMGC" | "+CMGW", Form::Set | Form::Execute) => Outcome::Data,
            ("+CMSS", Form::Set) => {
                let Some(message) = self.messages.stored.get_mut(&call.int("index").unwrap_or_default()) else {
                    return Some(cms(core, 321));
                };
                message.stat = 3;
                let (to, text) = (message.address.clone(), message.text.clone());
                let to = if call.text("da").is_some() { call.string("da") } else { to };
                self.sent(core, call, to, text)
            }
            ("+CMGR", Form::Set) => {
                let Some(message) = self.messages.stored.get_mut(&call.int("index").unwrap_or_default()) else {
                    return Some(cms(core, 321));
                };
                let (stat, more, below) = message.shown(core);
                if message.stat == 0 {
                    message.stat = 1;
                }
                tell(core, call, "+CMGR", Bag::new().with("stat", stat).with("more", Item::Raw(more.into_bytes())));
                core.respond(call, "", &Bag::new().with("text", below));
                Outcome::Ok
            }
            ("+CMGL", Form::Set | Form::Execute) => self.list(core, call),
            ("+CMGD", Form::Set) => self.delete(core, call),
            ("+CPMS", Form::Set) => {
                for (own, name) in self.messages.memories.iter_mut().zip(["mem1", "mem2", "mem3"]) {
                    if call.text(name).is_some() {
                        *own = call.string(name);
                    }
                }
                let bag = self.used(Bag::new());
                return self.told(core, call, bag);
            }
            ("+CPMS", Form::Read) => {
                let names = ["mem1", "mem2", "mem3"].into_iter().zip(&self.messages.memories);
                let bag = names.fold(Bag::new(), |bag, (name, own)| bag.with(name, own.as_str()));
                let bag = self.used(bag);
                return self.told(core, call, bag);
            }
            ("+CSMS", Form::Set) => {
                core.memory.keep(call.command, None, &call.given);
                return self.told(core, call, Bag::new().with("mt", 1).with("mo", 1).with("bm", 1));
            }
            ("+CSMS", Form::Read) => {
                let service = setting(core, "+CSMS", "service").unwrap_or_default();
                let bag = Bag::new().with("service", service).with("mt", 1).with("mo", 1).with("bm", 1);
                return self.told(core, call, bag);
            }
            ("+CSCA", Form::Read) if core.memory.rows(call.command).is_empty() => {
                return self.told(core, call, Bag::new().with("sca", "+15550199").with("tosca", 145));
            }
            _ => return None,
        })
    }

    pub(super) fn sms_data(&mut self, core: &mut Core, call: &Call, data: &[u8], end: DataEnd) -> Option<Outcome> {
        if !matches!(&*call.name, "+CMGS" | "+CMGC" | "+CMGW") {
            return None;
        }
        if end != DataEnd::Complete {
            return Some(Outcome::Ok);
        }
        let (to, text) = match core.int("sms.mode") == Some(1) || *call.name == *"+CMGC" {
            true => (call.string("da"), String::from_utf8_lossy(data).into_owned()),
            false => match pdu::read_submit(data, call.int("length").unwrap_or_default()) {
                Some(submit) => (submit.to, submit.text),
                None => return Some(cms(core, 304)),
            },
        };
        if text.len() > LONGEST {
            return Some(cms(core, 305));
        }
        if *call.name != *"+CMGW" {
            return Some(self.sent(core, call, to, text));
        }
        let stat = call.text("stat").map_or(2, |stat| {
            let named = STATES.iter().position(|name| name.as_bytes() == &*stat).and_then(|at| i64::try_from(at).ok());
            named.or_else(|| call.int("stat")).unwrap_or(2)
        });
        let time = if stat < 2 { self.time(core) } else { String::new() };
        match self.messages.put(Message { stat, address: to, text, time }) {
            Some(index) => self.told(core, call, Bag::new().with("index", index)),
            None => Some(cms(core, 322)),
        }
    }

    /// A message goes out: its reference comes back.
    fn sent(&mut self, core: &mut Core, call: &Call, to: String, text: String) -> Outcome {
        if !self.is_registered() {
            return cms(core, 331);
        }
        core.wait(60);
        if to == self.own_number(core) && self.messages.own.len() < ON_THE_WAY {
            self.messages.own.push_back((to, text));
            core.later(1000, (tokens::MESSAGE, 0));
        }
        let reference = self.messages.reference;
        self.messages.reference = (reference + 1) % 256;
        tell(core, call, &call.name, Bag::new().with("mr", reference));
        Outcome::Ok
    }

    fn used(&self, bag: Bag) -> Bag {
        let used = self.messages.stored.len();
        [("used1", "total1"), ("used2", "total2"), ("used3", "total3")]
            .into_iter()
            .fold(bag, |bag, (here, room)| bag.with(here, used).with(room, ROOM))
    }

    fn list(&mut self, core: &mut Core, call: &Call) -> Outcome {
        let text_mode = core.int("sms.mode") == Some(1);
        let (words, number) = (call.string("stat in text mode"), call.int("stat in PDU mode"));
        let wanted = match text_mode {
            _ if words.is_empty() && number.is_none() => Some(0),
            true if words == "ALL" => Some(4),
            true => STATES.iter().position(|name| *name == words).and_then(|at| i64::try_from(at).ok()),
            false => number.filter(|stat| (0..=4).contains(stat)),
        };
        let Some(wanted) = wanted else { return cms(core, if text_mode { 305 } else { 304 }) };
        for (index, message) in &mut self.messages.stored {
            if wanted != 4 && message.stat != wanted {
                continue;
            }
            let (stat, more, below) = message.shown(core);
            if message.stat == 0 {
                message.stat = 1;
            }
            let bag = Bag::new().with("index", *index).with("stat", stat).with("more", Item::Raw(more.into_bytes()));
            tell(core, call, "+CMGL", bag);
            core.respond(call, "", &Bag::new().with("text", below));
        }
        Outcome::Ok
    }

    fn delete(&mut self, core: &Core, call: &Call) -> Outcome {
        let index = call.int("index").unwrap_or_default();
        match call.int("delflag").unwrap_or_default() {
            0 if !(0..=ROOM).contains(&index) => return cms(core, 321),
            0 => drop(self.messages.stored.remove(&index)),
            1 => self.messages.stored.retain(|_, message| message.stat != 1),
            2 => self.messages.stored.retain(|_, message| !matches!(message.stat, 1 | 3)),
            3 => self.messages.stored.retain(|_, message| message.stat == 0),
            _ => self.messages.stored.clear(),
        }
        Outcome::Ok
    }

    /// A message that the modem sent to itself comes back.
    pub(super) fn deliver_own(&mut self, core: &mut Core) {
        if let Some((from, text)) = self.messages.own.pop_front() {
            self.message_comes(core, &from, &text);
        }
    }

    /// A message comes in: stored, told of, or handed through, after AT+CNMI.
    pub(super) fn message_comes(&mut self, core: &mut Core, from: &str, text: &str) {
        if !self.is_registered() {
            return;
        }
        let message = Message { stat: 0, address: from.to_owned(), text: text.to_owned(), time: self.time(core) };
        let mode = setting(core, "+CNMI", "mode").unwrap_or(2);
        let mt = setting(core, "+CNMI", "mt").unwrap_or(1);
        if mode > 0 && mt >= 2 {
            let (_, more, below) = message.shown(core);
            let value = Item::Raw(more.into_bytes());
            core.urc("+CMT", &Bag::new().with("value", value).with("text", below));
            return;
        }
        let Some(index) = self.messages.put(message) else { return };
        if mode > 0 && mt == 1 {
            let memory = self.messages.memories.last().map_or("SM", String::as_str);
            core.urc("+CMTI", &Bag::new().with("mem", memory).with("index", index));
        }
    }
}
