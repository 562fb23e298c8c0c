//! What 3GPP TS 27.007 and 27.005 and ITU-T V.250 say of every modem: identity, SIM card, registration, packet domain, messages,
//! calls, clock. The dialects of modems have one of these beside what is their vendor's own.
//!
//! Values that matter come from the scenario: `facts` by command and parameter (`"+CSQ.rssi" = 12`, `imei = "…"`), `network`, `events`.
//! What happens outside is told in `events`: `network lost`, `network back`, `roaming`, `sim removed`, `sim inserted`,
//! `sms "+15550100" "text"`, `call "+15550100"`, `call ends`, `signal 12`.

mod book;
mod calls;
mod clock;
mod device;
mod network;
mod packet;
mod pdu;
mod ranges;
mod settings;
mod sim;
mod sms;

use std::borrow::Cow;

use super::super::core::{Call, Core};
use super::super::dialect::{DataEnd, Dialect, Outcome, Token};
use super::super::verdict::Refusal;
use super::super::world::Event;
use crate::check::Rule;
use crate::generate::{Bag, Item};
use crate::session::Form;

pub(super) use device::Maker;

/// Timers of all modems; those of a vendor's own start at [`OWN`].
mod tokens {
    pub(super) const REGISTER: u16 = 1;
    pub(super) const RING: u16 = 2;
    pub(super) const DIAL: u16 = 3;
    pub(super) const USSD: u16 = 4;
    pub(super) const UNLOCKED: u16 = 5;
    pub(super) const MESSAGE: u16 = 6;
    pub(super) const HELD: u16 = 7;
}

/// The first timer that is a vendor's own.
pub(super) const OWN: u16 = 100;

/// The part that all modems have in common.
pub(super) struct Cellular {
    device: device::Device,
    sim: sim::Sim,
    network: network::Registration,
    packet: packet::Packet,
    messages: sms::Messages,
    calls: calls::Calls,
    book: book::Book,
    kept: settings::Kept,
}

/// The dialect of modems whose vendor is not known.
pub(super) struct Generic(Cellular);

impl Generic {
    pub(super) fn new() -> Self {
        Self(Cellular::new())
    }
}

impl Cellular {
    pub(super) fn new() -> Self {
        Self {
            device: device::Device::default(),
            sim: sim::Sim::default(),
            network: network::Registration::default(),
            packet: packet::Packet::default(),
            messages: sms::Messages::default(),
            calls: calls::Calls::default(),
            book: book::Book::default(),
            kept: settings::Kept::default(),
        }
    }

    /// Power came on, or the modem restarted.
    pub(super) fn start(&mut self, core: &mut Core, factory: bool, maker: Maker) {
        core.memory.reset();
        self.device.start(maker);
        self.calls = calls::Calls::default();
        self.sim.start(core, factory);
        self.settings_start(core, factory);
        self.messages.start(core, factory);
        self.packet.start(factory);
        if factory {
            self.book = book::Book::default();
        }
        self.network.start();
        self.seek_network(core, 0);
    }

    /// What a command does; `None`: it is generic, or the vendor's own.
    pub(super) fn command(&mut self, core: &mut Core, call: &Call) -> Option<Outcome> {
        if call.form == Form::Test {
            return ranges::answer(self, core, call);
        }
        if let Some(refused) = self.without_sim(core, call) {
            return Some(refused);
        }
        self.settings(core, call)
            .or_else(|| self.identity(core, call))
            .or_else(|| self.sim_command(core, call))
            .or_else(|| self.network_command(core, call))
            .or_else(|| self.packet_command(core, call))
            .or_else(|| self.sms_command(core, call))
            .or_else(|| self.call_command(core, call))
            .or_else(|| self.book.command(core, call))
    }

    /// The data that a command asked for; `None`: it is the vendor's own.
    pub(super) fn data(&mut self, core: &mut Core, call: &Call, data: &[u8], end: DataEnd) -> Option<Outcome> {
        self.sms_data(core, call, data, end)
    }

    /// A timer ran out; `false`: it is the vendor's own.
    pub(super) fn timer(&mut self, core: &mut Core, token: Token) -> bool {
        match token.0 {
            tokens::REGISTER => self.registered(core, token.1),
            tokens::RING => self.ring(core, token.1),
            tokens::DIAL => self.dial_timeout(core, token.1),
            tokens::USSD => self.ussd_answer(core),
            tokens::UNLOCKED => {
                core.urc("+CPIN", &Bag::new().with("code", "READY"));
            }
            tokens::MESSAGE => self.deliver_own(core),
            tokens::HELD => self.catch_up(core),
            _ => return false,
        }
        true
    }

    /// The world said something; `false`: it is about the vendor's own requests.
    pub(super) fn world(&mut self, core: &mut Core, event: &Event) -> bool {
        match event {
            Event::Happens(what) => self.happens(core, what),
            other => self.call_event(core, other),
        }
    }

    fn happens(&mut self, core: &mut Core, what: &str) -> bool {
        let mut words = Words(what.trim());
        match (words.next().as_deref(), words.next().as_deref()) {
            (Some("network"), Some("lost")) => self.network_lost(core, true),
            (Some("network"), Some("back")) => self.network_lost(core, false),
            (Some("roaming"), _) => self.roam(core),
            (Some("signal"), Some(level)) => self.device.signal = level.parse().ok(),
            (Some("sim"), Some("removed")) => self.sim_removed(core),
            (Some("sim"), Some("inserted")) => self.sim_inserted(core),
            (Some("call"), Some("ends")) => self.remote_ends(core),
            (Some("call"), Some(number)) => self.incoming(core, number),
            (Some("sms"), Some(from)) => {
                let text = words.next().unwrap_or_default();
                self.message_comes(core, from, &text);
            }
            _ => return false,
        }
        true
    }

    /// Bytes of the host on a connection that was dialled.
    pub(super) fn passthrough(&mut self, core: &mut Core, bytes: &[u8]) {
        self.calls.send(core, bytes);
    }

    /// `+++`: back to commands, the connection stays.
    pub(super) fn escape(&mut self, core: &mut Core) {
        self.calls.escape(core);
    }

    /// Whether the modem is in a network.
    pub(super) fn is_registered(&self) -> bool {
        self.network.is_registered()
    }

    /// The result of a failure, after AT+CMEE.
    pub(super) fn error(core: &Core, code: Option<Item>) -> (&'static str, Option<Item>) {
        match (core.int("cmee"), code) {
            (Some(1), Some(code)) => ("+CME ERROR", Some(code)),
            (Some(2), Some(code)) => ("+CME ERROR", Some(named(core, "cme-error", code))),
            _ => ("ERROR", None),
        }
    }

    /// The code of a refusal (27.007 §9.2).
    pub(super) fn code(refusal: &Refusal) -> Option<Item> {
        match refusal.rule {
            Rule::UnknownCommand | Rule::MalformedCommand => None,
            Rule::UnsupportedForm | Rule::ModelUnsupported => Some(Item::Int(4)),
            Rule::WrongState => Some(Item::Int(3)),
            _ => Some(Item::Int(50)),
        }
    }
}

impl Dialect for Generic {
    fn start(&mut self, core: &mut Core, factory: bool) {
        self.0.start(core, factory, Maker { manufacturer: "atscope", model: "virtual modem", revision: "1.0" });
    }

    fn boot(&mut self, core: &mut Core) {
        core.say(super::super::core::Said::Boot, b"\r\nRDY\r\n".to_vec(), 0);
    }

    fn command(&mut self, core: &mut Core, call: &Call) -> Option<Outcome> {
        self.0.command(core, call)
    }

    fn data(&mut self, core: &mut Core, call: &Call, data: &[u8], end: DataEnd) -> Outcome {
        self.0.data(core, call, data, end).unwrap_or_else(|| taken(end))
    }

    fn passthrough(&mut self, core: &mut Core, bytes: &[u8]) {
        self.0.passthrough(core, bytes);
    }

    fn escape(&mut self, core: &mut Core) {
        self.0.escape(core);
    }

    fn timer(&mut self, core: &mut Core, token: Token) {
        self.0.timer(core, token);
    }

    fn world(&mut self, core: &mut Core, event: Event) {
        self.0.world(core, &event);
    }

    fn error(&self, core: &Core, code: Option<Item>) -> (&'static str, Option<Item>) {
        Cellular::error(core, code)
    }

    fn code(&self, _: &Core, refusal: &Refusal) -> Option<Item> {
        Cellular::code(refusal)
    }
}

// What the parts share

/// `OK`, where all data came.
pub(super) fn taken(end: DataEnd) -> Outcome {
    match end {
        DataEnd::Timeout => Outcome::Error(None),
        DataEnd::Canceled | DataEnd::Complete => Outcome::Ok,
    }
}

/// A failure with a code of 27.007 §9.2.
fn cme(code: i64) -> Outcome {
    Outcome::Error(Some(Item::Int(code)))
}

/// A failure with a code of 27.005 §3.2.5, which AT+CMEE does not rule out.
fn cms(core: &Core, code: i64) -> Outcome {
    let code = Item::Int(code);
    let code = if core.int("cmee") == Some(2) { named(core, "cms-error", code) } else { code };
    Outcome::Failed(Cow::Borrowed("+CMS ERROR"), code)
}

/// A code as its table calls it.
fn named(core: &Core, table: &str, code: Item) -> Item {
    let number = code.int();
    let table = core.catalog.codes.iter().find(|own| *own.name == *table);
    let known = table.into_iter().flat_map(|table| &table.codes);
    let label = known.filter(|(low, high, _)| number.is_some_and(|number| (*low..=*high).contains(&number)));
    label.map(|(_, _, label)| Item::from(&**label)).next().unwrap_or(code)
}

/// Answers with a line; the scenario's facts win over its values.
pub(super) fn tell(core: &mut Core, call: &Call, name: &str, mut bag: Bag) {
    let facts: Vec<(String, Item)> =
        bag.iter().filter_map(|(param, _)| Some((param.to_owned(), core.fact(&call.name, param)?))).collect();
    for (param, fact) in facts {
        bag.set(param, fact);
    }
    core.respond(call, name, &bag);
}

/// What a set command last left of a parameter.
pub(super) fn setting(core: &Core, command: &str, param: &str) -> Option<i64> {
    let at = core.catalog.find_command(command.as_bytes())?;
    core.memory.rows(at).first()?.get(param)?.int()
}

/// A text of the scenario's facts.
fn fact_text(core: &Core, owner: &str, param: &str) -> Option<String> {
    core.fact(owner, param).map(|item| String::from_utf8_lossy(&item.text()).into_owned())
}

/// The type of an address (27.007 §4.3): international or not.
fn address_type(number: &str) -> i64 {
    if number.starts_with('+') { 145 } else { 129 }
}

/// Words of what happens; one in quotes may hold blanks.
struct Words<'t>(&'t str);

impl Iterator for Words<'_> {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        let rest = self.0.trim_start();
        let (word, rest) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => rest.split_once(' ').unwrap_or((rest, "")),
        };
        let more = !self.0.trim().is_empty();
        self.0 = rest;
        more.then(|| word.to_owned())
    }
}

#[cfg(test)]
mod tests;
