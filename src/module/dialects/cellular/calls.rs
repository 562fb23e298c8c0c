//! Calls and dialled data connections (V.250 §6.3, 27.007 §6 and §7).
//!
//! Who is called is a peer of the scenario whose host is the number: it may answer, fail, talk and hang up.

use super::super::super::core::{Call, Core, Said};
use super::super::super::dialect::Outcome;
use super::super::super::world::{Endpoint, Event, Failure, Id, Transport};
use super::{Cellular, address_type, fact_text, setting, tokens};
use crate::generate::Bag;
use crate::session::Form;

/// Between two rings, in milliseconds (3GPP TS 22.030 leaves it open; networks ring about so).
const RING: u64 = 3000;

/// Rings until the caller gives up.
const RINGS: u64 = 10;

/// Bytes of the other side that are kept while the host gives commands.
const HELD: usize = 1 << 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Dialing,
    Active,
    Incoming,
}

struct Line {
    id: Id,
    stage: Stage,
    number: String,
    /// The call came from outside.
    theirs: bool,
    data: bool,
}

/// See the module's head.
#[derive(Default)]
pub(super) struct Calls {
    line: Option<Line>,
    /// The host is on the connection.
    online: bool,
    held: Vec<u8>,
    rings: u64,
    /// Why the last call ended.
    cause: &'static str,
}

impl Calls {
    pub(super) fn is_active(&self) -> bool {
        self.line.as_ref().is_some_and(|line| line.stage == Stage::Active)
    }

    /// What AT+CEER tells.
    pub(super) fn cause(&self) -> &'static str {
        if self.cause.is_empty() { "No cause information available" } else { self.cause }
    }

    /// 27.007 §8.1: ready, ringing, in progress.
    fn activity(&self) -> i32 {
        match self.line.as_ref().map(|line| line.stage) {
            None => 0,
            Some(Stage::Incoming) => 3,
            Some(_) => 4,
        }
    }

    pub(super) fn send(&mut self, core: &mut Core, bytes: &[u8]) {
        if let Some(line) = &self.line {
            let now = core.now();
            core.world.send(now, line.id, bytes, None);
        }
    }

    pub(super) fn escape(&mut self, core: &mut Core) {
        self.online = false;
        core.wait(2);
        core.result("OK", None);
    }

    /// Ends what there is, from this side.
    pub(super) fn hang_up(&mut self, core: &mut Core) -> bool {
        let Some(line) = self.line.take() else { return false };
        let now = core.now();
        core.world.close(now, line.id);
        core.cancel((tokens::RING, self.rings));
        self.cause = "Normal call clearing";
        self.held.clear();
        true
    }

    /// The other side, or the network, ended it.
    pub(super) fn remote_lost(&mut self, core: &mut Core) {
        let online = std::mem::take(&mut self.online);
        let pending = self.line.as_ref().is_some_and(|line| line.stage == Stage::Dialing && line.data);
        if !self.hang_up(core) {
            return;
        }
        if pending {
            core.finish(Outcome::Final("NO CARRIER".into()));
            return;
        }
        core.urc("NO CARRIER", &Bag::new());
        if online {
            core.offline();
        }
    }
}

impl Cellular {
    pub(super) fn call_command(&mut self, core: &mut Core, call: &Call) -> Option<Outcome> {
        Some(match (&*call.name, call.form) {
            ("D", Form::Execute) => self.dial(core, &call.string("dial string")),
            ("A", Form::Execute) => self.answer(core),
            ("H" | "+CHUP", Form::Execute) => {
                self.calls.hang_up(core);
                Outcome::Ok
            }
            ("O", Form::Execute) => match &self.calls.line {
                Some(line) if line.data && line.stage == Stage::Active => self.online(core),
                _ => Outcome::Final("NO CARRIER".into()),
            },
            ("+CPAS", Form::Execute) => return self.told(core, call, Bag::new().with("pas", self.calls.activity())),
            ("+CLCC", Form::Execute) => {
                if let Some(line) = &self.calls.line {
                    let stat = match (line.stage, line.theirs) {
                        (Stage::Active, _) => 0,
                        (Stage::Dialing, _) => 2,
                        (Stage::Incoming, _) => 4,
                    };
                    let bag = Bag::new().with("ccid", 1).with("dir", i32::from(line.theirs)).with("stat", stat);
                    let bag = bag.with("mode", i32::from(line.data)).with("mpty", 0);
                    let bag = bag.with("number", line.number.as_str()).with("type", address_type(&line.number));
                    return self.told(core, call, bag);
                }
                Outcome::Ok
            }
            ("+CHLD", Form::Set) => {
                if matches!(&*call.string("operation"), "0" | "1" | "11") {
                    self.calls.hang_up(core);
                }
                Outcome::Ok
            }
            ("+CNUM", Form::Execute) => {
                let number = self.own_number(core);
                let bag = Bag::new().with("alpha", "").with("type", address_type(&number)).with("number", number);
                return self.told(core, call, bag);
            }
            ("+CUSD", Form::Set) => {
                core.memory.keep(call.command, None, &call.given);
                if call.int("n") != Some(2) && call.text("str").is_some() {
                    core.later(800, (tokens::USSD, 0));
                }
                Outcome::Ok
            }
            ("+CCFC", Form::Set) => {
                // Only the question is answered with a line (27.007 §7.11).
                if call.int("mode") == Some(2) {
                    let row = core.memory.rows(call.command).iter().rev();
                    let on = row.map(|row| row.get("mode").and_then(|mode| mode.int())).next().flatten();
                    let status = i32::from(matches!(on, Some(1 | 3)));
                    return self.told(core, call, Bag::new().with("status", status).with("class", 1));
                }
                core.memory.keep(call.command, Some("reason"), &call.given);
                Outcome::Ok
            }
            ("+CCWA", Form::Set) => {
                if call.int("mode") == Some(2) {
                    let on = setting(core, "+CCWA", "mode") == Some(1);
                    return self.told(core, call, Bag::new().with("status", i32::from(on)).with("class", 1));
                }
                core.memory.keep(call.command, None, &call.given);
                Outcome::Ok
            }
            _ => return None,
        })
    }

    pub(super) fn own_number(&self, core: &Core) -> String {
        fact_text(core, "+CNUM", "number").unwrap_or_else(|| "+15550100".to_owned())
    }

    fn dial(&mut self, core: &mut Core, digits: &str) -> Outcome {
        if self.calls.line.is_some() {
            return super::cme(3);
        }
        let voice = digits.contains(';');
        let name = digits.trim_end_matches(';').trim_start_matches(['T', 'P', 't', 'p']);
        let number = match name.strip_prefix('>') {
            // An entry of the phone book (27.007 §6.3).
            Some(entry) => match self.book.number_of(entry) {
                Some(number) => number,
                None => return super::cme(22),
            },
            None => name.chars().filter(|digit| digit.is_ascii_hexdigit() || "+*#".contains(*digit)).collect(),
        };
        if number.is_empty() || !self.is_registered() {
            self.calls.cause = "No network service";
            return Outcome::Final("NO CARRIER".into());
        }
        if !voice {
            return self.go_online(core, &number);
        }
        self.call_out(core, number, false);
        Outcome::Ok
    }

    /// Dials a data connection: the command ends once the other side answered.
    pub(super) fn go_online(&mut self, core: &mut Core, number: &str) -> Outcome {
        let seconds = setting(core, "S7", "value").filter(|seconds| *seconds > 0).unwrap_or(60);
        let id = self.call_out(core, number.to_owned(), true);
        core.timer(u64::try_from(seconds).unwrap_or(60) * 1000, (tokens::DIAL, id));
        Outcome::Pending
    }

    fn call_out(&mut self, core: &mut Core, number: String, data: bool) -> Id {
        let id = core.id();
        let to = Endpoint { transport: Transport::Tcp, host: number.clone(), port: 0, local_port: None };
        let now = core.now();
        core.world.open(now, id, &to);
        self.calls.line = Some(Line { id, stage: Stage::Dialing, number, theirs: false, data });
        id
    }

    pub(super) fn dial_timeout(&mut self, core: &mut Core, id: u64) {
        let dialing = |line: &Line| line.id == id && line.stage == Stage::Dialing;
        if self.calls.line.as_ref().is_some_and(dialing) {
            self.calls.remote_lost(core);
        }
    }

    fn online(&mut self, core: &mut Core) -> Outcome {
        self.calls.online = true;
        let held = std::mem::take(&mut self.calls.held);
        if !held.is_empty() {
            // What waited comes behind the result.
            core.later(1, (tokens::HELD, 0));
            self.calls.held = held;
        }
        Outcome::Online("CONNECT".into())
    }

    /// An event of a connection; `false`: it is none of ours.
    pub(super) fn call_event(&mut self, core: &mut Core, event: &Event) -> bool {
        let Some(line) = &mut self.calls.line else { return false };
        match event {
            Event::Opened(id) if *id == line.id => {
                line.stage = Stage::Active;
                if line.data {
                    core.cancel((tokens::DIAL, *id));
                    let outcome = self.online(core);
                    core.finish(outcome);
                }
            }
            Event::Failed(id, why) if *id == line.id => {
                let (name, cause) = match why {
                    Failure::Refused => ("BUSY", "User busy"),
                    Failure::Timeout => ("NO ANSWER", "No answer from user"),
                    _ => ("NO CARRIER", "Network out of order"),
                };
                let pending = line.data && line.stage == Stage::Dialing;
                self.calls.hang_up(core);
                self.calls.cause = cause;
                if pending {
                    core.finish(Outcome::Final(name.into()));
                } else {
                    core.urc(name, &Bag::new());
                }
            }
            Event::Received(id, bytes, _, _) if *id == line.id => {
                if self.calls.online {
                    core.say(Said::Passthrough, bytes.clone(), 0);
                } else if line.data {
                    let room = HELD.saturating_sub(self.calls.held.len());
                    self.calls.held.extend(bytes.iter().take(room));
                }
            }
            Event::Closed(id) if *id == line.id => self.calls.remote_lost(core),
            Event::Sent(id) if *id == line.id => {}
            _ => return false,
        }
        true
    }

    // Calls from outside

    pub(super) fn incoming(&mut self, core: &mut Core, number: &str) {
        if self.calls.line.is_some() || !self.is_registered() {
            return;
        }
        let id = core.id();
        self.calls.rings = 0;
        self.calls.line =
            Some(Line { id, stage: Stage::Incoming, number: number.to_owned(), theirs: true, data: false });
        self.ring(core, 0);
    }

    /// What came while the host gave commands.
    pub(super) fn catch_up(&mut self, core: &mut Core) {
        if self.calls.online && !self.calls.held.is_empty() {
            core.say(Said::Passthrough, std::mem::take(&mut self.calls.held), 0);
        }
    }

    pub(super) fn ring(&mut self, core: &mut Core, ring: u64) {
        let Some(line) = &self.calls.line else { return };
        if line.stage != Stage::Incoming {
            return;
        }
        if ring >= RINGS {
            return self.calls.remote_lost(core);
        }
        let number = line.number.clone();
        match setting(core, "+CRC", "mode") {
            Some(1) => core.urc("+CRING", &Bag::new().with("value", "VOICE")),
            _ => core.urc("RING", &Bag::new()),
        };
        if setting(core, "+CLIP", "n") == Some(1) {
            let bag = Bag::new().with("type", address_type(&number)).with("number", number);
            core.urc("+CLIP", &bag);
        }
        let automatic =
            setting(core, "S0", "value").filter(|rings| *rings > 0).and_then(|rings| u64::try_from(rings).ok());
        if automatic.is_some_and(|rings| ring + 1 >= rings) {
            if let Some(line) = &mut self.calls.line {
                line.stage = Stage::Active;
            }
            return;
        }
        self.calls.rings = ring + 1;
        core.timer(RING, (tokens::RING, ring + 1));
    }

    fn answer(&mut self, core: &mut Core) -> Outcome {
        match &mut self.calls.line {
            Some(line) if line.stage == Stage::Incoming => {
                line.stage = Stage::Active;
                core.cancel((tokens::RING, self.calls.rings));
                Outcome::Ok
            }
            _ => Outcome::Final("NO CARRIER".into()),
        }
    }

    pub(super) fn remote_ends(&mut self, core: &mut Core) {
        self.calls.remote_lost(core);
    }

    /// What the network answers to a code: `"+CUSD.*100#" = "…"` of the scenario's facts.
    pub(super) fn ussd_answer(&mut self, core: &mut Core) {
        let asked =
            core.catalog.find_command(b"+CUSD").and_then(|at| core.memory.rows(at).first()?.get("str").cloned());
        let asked = asked.map(|item| String::from_utf8_lossy(&item.text()).into_owned()).unwrap_or_default();
        let text = fact_text(core, "+CUSD", &asked).unwrap_or_else(|| format!("{asked} is not known here"));
        // The line's text is any: its quotes are part of it.
        let quoted = crate::generate::Item::Raw(format!("\"{}\"", text.replace('"', "'")).into_bytes());
        core.urc("+CUSD", &Bag::new().with("m", 0).with("str", quoted).with("dcs", 15));
    }
}
