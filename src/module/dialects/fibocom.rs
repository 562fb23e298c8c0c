//! Fibocom: the HTTP(S) service of its manual, and the IP connection of its firmware, beside what all modems have.
//!
//! How AT+HTTPREAD prints differs most: the manual's module says `OK` ahead of the data where all is read and behind it where a part is, G510
//! always ahead, L610 always behind without a blank line, MC665 always behind with one.

use super::super::core::{Call, Core, Said};
use super::super::dialect::{DataEnd, Dialect, Outcome, Token};
use super::super::verdict::Refusal;
use super::super::world::{Event, Failure, HttpReply, HttpRequest, Id};
use super::cellular::{self, Cellular, Maker, tell};
use super::http;
use crate::generate::{Bag, Item};
use crate::session::Form;

const TIMEOUT: u16 = cellular::OWN;
const READ: u16 = cellular::OWN + 1;
const CALLED: u16 = cellular::OWN + 2;
const BOOT: u16 = cellular::OWN + 3;

/// The parameters of AT+HTTPSET, in the order in which the read command lists them, and what they are at first (manual §1.1).
const PARAMETERS: [(&str, &str); 9] = [
    ("URL", ""),
    ("UAGENT", ""),
    ("ACCEPT", "/"),
    ("RANGE", ""),
    ("RESPONSEHEADER", "0"),
    ("CONTYPE", ""),
    ("MODE", "0"),
    ("REDIR", "0"),
    ("IPV6", "0"),
];

/// What the module keeps of an answer while MODE is 0 (manual §1.4), where its models do not say otherwise.
const CACHE: i64 = 360_000;

/// Redirections that are followed in a row.
const REDIRECTIONS: u8 = 5;

/// How long AT+HTTPDATA and AT+HTTPHEAD wait for their data (manual §1.2, §1.5).
const INPUT_TIME: u64 = 30_000;

/// See the module's head.
pub(super) struct Fibocom {
    modem: Cellular,
    values: [String; PARAMETERS.len()],
    data: Vec<u8>,
    /// Header lines of AT+HTTPHEAD.
    own_head: Vec<u8>,
    request: Option<Request>,
    /// What there is to read.
    content: Option<Vec<u8>>,
    /// Where continuous reading goes on (MODE 1).
    at: usize,
    read: Option<(Call, usize, usize)>,
    /// AT+MIPCALL=1 was given; =0 was.
    called: Option<bool>,
}

#[derive(Clone)]
struct Request {
    id: Id,
    method: i64,
    url: String,
    followed: u8,
    millis: u64,
}

impl Fibocom {
    pub(super) fn new() -> Self {
        Self {
            modem: Cellular::new(),
            values: PARAMETERS.map(|(_, usual)| usual.to_owned()),
            data: Vec::new(),
            own_head: Vec::new(),
            request: None,
            content: None,
            at: 0,
            read: None,
            called: None,
        }
    }

    fn value(&self, name: &str) -> &str {
        PARAMETERS.iter().zip(&self.values).find(|((own, _), _)| *own == name).map_or("", |(_, value)| value)
    }

    fn http_command(&mut self, core: &mut Core, call: &Call) -> Option<Outcome> {
        Some(match (&*call.name, call.form) {
            ("+HTTPSET", Form::Set) => {
                let name = call.string("httpParam").to_ascii_uppercase();
                let text = call.string(&name);
                for ((own, _), value) in PARAMETERS.iter().zip(&mut self.values) {
                    if *own == name {
                        value.clone_from(&text);
                    }
                }
                Outcome::Ok
            }
            ("+HTTPSET", Form::Read) => {
                for ((name, _), value) in PARAMETERS.iter().zip(&self.values) {
                    let quoted = Item::Raw(format!("\"{value}\"").into_bytes());
                    core.respond(call, "+HTTPSET", &Bag::new().with("httpParam", *name).with("httpParamValue", quoted));
                }
                Outcome::Ok
            }
            ("+HTTPDATA" | "+HTTPHEAD", Form::Set) => Outcome::Data,
            ("+HTTPACT", Form::Set) => self.act(core, call),
            ("+HTTPREAD", Form::Execute | Form::Set) => self.read(core, call),
            ("+MIPCALL", Form::Set) => {
                let on = call.int("operation") == Some(1);
                if on && !self.modem.bring_up(core) {
                    return Some(Outcome::Error(None));
                }
                self.called = Some(on);
                core.later(if on { 300 } else { 20 }, (CALLED, u64::from(on)));
                Outcome::Ok
            }
            ("+MIPCALL", Form::Read) => {
                let bag = match self.called {
                    Some(true) => {
                        Bag::new().with("status", 1).with("ip", Item::Raw(self.modem.address(core).into_bytes()))
                    }
                    _ => Bag::new().with("status", 0),
                };
                tell(core, call, "+MIPCALL", bag);
                Outcome::Ok
            }
            (name, Form::Test) if core.fact(name, "supported").is_none() => {
                let ranges = match name {
                    "+HTTPSET" => "(<\"httpParam\">),(<\"httpParamValue\">)".to_owned(),
                    "+HTTPREAD" => format!("[{}]", ranges(core, call, ",")?),
                    "+HTTPACT" => ranges(core, call, " [, ")? + "]",
                    _ => return None,
                };
                core.respond(call, name, &Bag::new().with("supported", Item::Raw(ranges.into_bytes())));
                Outcome::Ok
            }
            _ => return None,
        })
    }

    fn act(&mut self, core: &mut Core, call: &Call) -> Outcome {
        let url = self.value("URL").to_owned();
        if url.is_empty() || self.request.is_some() || self.called == Some(false) || !self.modem.bring_up(core) {
            return Outcome::Error(None);
        }
        let seconds = call.int("timernum").unwrap_or(15);
        let millis = u64::try_from(seconds).unwrap_or(15) * 1000;
        let method = call.int("method").unwrap_or_default();
        self.ask(core, Request { id: 0, method, url, followed: 0, millis });
        Outcome::Ok
    }

    fn ask(&mut self, core: &mut Core, mut request: Request) {
        let (id, now) = (core.id(), core.now());
        request.id = id;
        let method = match request.method {
            0 => "GET",
            1 => "POST",
            _ => "HEAD",
        };
        let headers = if self.own_head.is_empty() {
            let named =
                [("User-Agent", "UAGENT"), ("Accept", "ACCEPT"), ("Content-Type", "CONTYPE"), ("Range", "RANGE")];
            let given = named.into_iter().map(|(header, name)| (header.to_owned(), self.value(name).to_owned()));
            given.filter(|(header, value)| !value.is_empty() && (header != "Range" || method == "GET")).collect()
        } else {
            // What AT+HTTPSET has set does not count then (manual §1.5).
            http::headers(&self.own_head)
        };
        let body = if method == "POST" { self.data.clone() } else { Vec::new() };
        let url = request.url.clone();
        core.world.http(now, id, &HttpRequest { method: method.to_owned(), url, headers, body });
        core.timer(request.millis, (TIMEOUT, id));
        self.request = Some(request);
    }

    fn answered(&mut self, core: &mut Core, reply: &HttpReply) {
        let Some(request) = self.request.take() else { return };
        core.cancel((TIMEOUT, request.id));
        let target = reply.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("location"));
        if let (300..=399, "1", Some((_, target))) = (reply.status, self.value("REDIR"), target)
            && request.followed < REDIRECTIONS
        {
            let url = absolute(&request.url, target);
            return self.ask(core, Request { url, followed: request.followed + 1, ..request });
        }
        if reply.status >= 600 {
            return Self::connected(core, &request.url, false);
        }
        let mut content = Vec::new();
        if self.value("RESPONSEHEADER") == "1" || request.method == 2 {
            content = http::head(core, "http-reply", reply);
        }
        content.extend_from_slice(&reply.body);
        // What the cache does not hold is lost (manual §1.4).
        let cache = most(core, "+HTTPREAD", "length").unwrap_or(CACHE);
        let most = if self.value("MODE") == "1" { http::CONTENT } else { usize::try_from(cache).unwrap_or_default() };
        content.truncate(most);
        let length = content.len();
        self.content = Some(content);
        self.at = 0;
        Self::connected(core, &request.url, true);
        core.wait(5);
        match core.profile_name() {
            "g510" => {
                let line = format!("+HTTPRES: <{}>,<{}>,<{length}>", request.method, reply.status);
                core.say_line(Said::Urc, line.as_bytes());
            }
            _ => {
                let bag = Bag::new().with("method", request.method).with("reply", reply.status).with("length", length);
                core.urc("+HTTPRES", &bag);
            }
        }
    }

    fn failed(&mut self, core: &mut Core, _: Failure) {
        let Some(request) = self.request.take() else { return };
        core.cancel((TIMEOUT, request.id));
        Self::connected(core, &request.url, false);
    }

    /// `+HTTP: 1`; real firmware says `+HTTPS` for https.
    fn connected(core: &mut Core, url: &str, fine: bool) {
        let secure = url.get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https:"));
        let name = if secure && !core.profile_name().is_empty() { "+HTTPS" } else { "+HTTP" };
        core.urc(name, &Bag::new().with("status", i32::from(fine)));
    }

    fn read(&mut self, core: &mut Core, call: &Call) -> Outcome {
        let Some(content) = &self.content else { return Outcome::Error(None) };
        let number = |name: &str| call.int(name).and_then(|number| usize::try_from(number).ok());
        let continuous = self.value("MODE") == "1";
        let start = number("offset").unwrap_or(if continuous { self.at } else { 0 }).min(content.len());
        let limit = most(core, "+HTTPREAD", "length").and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX);
        let end = start.saturating_add(number("length").unwrap_or(limit)).min(content.len());
        if start == end {
            return Outcome::Error(None);
        }
        self.at = end;
        let ahead = match core.profile_name() {
            "g510" => true,
            "l610" | "mc665" => false,
            _ => call.form == Form::Execute,
        };
        if ahead {
            self.read = Some((call.clone(), start, end));
            core.later(1, (READ, 0));
        } else {
            self.print(core, call, start, end);
        }
        Outcome::Ok
    }

    fn print(&self, core: &mut Core, call: &Call, start: usize, end: usize) {
        let content = self.content.as_ref().and_then(|content| content.get(start..end)).unwrap_or_default();
        let bag = Bag::new().with_data(content);
        match core.profile_name() {
            // The line end ahead of what comes next is the only one behind the data.
            "g510" | "l610" => core.respond_within(call, b"\r\n", "+HTTPREAD", &bag, b""),
            _ => core.respond(call, "+HTTPREAD", &bag),
        };
    }
}

/// The range lists of a command's parameters, with this between them.
fn ranges(core: &Core, call: &Call, between: &str) -> Option<String> {
    let set = core.catalog.commands.get(call.command as usize)?.form(Form::Set)?;
    let shape = set.syntax.iter().flat_map(|syntax| &syntax.shapes).max_by_key(|shape| shape.fields.len())?;
    let specs = shape.fields.iter().filter_map(|field| core.catalog.spec_for(field.param?, core.model));
    Some(specs.map(crate::generate::values::range_list).collect::<Vec<_>>().join(between))
}

/// The largest value of a parameter, for this model.
fn most(core: &Core, command: &str, param: &str) -> Option<i64> {
    let command = core.catalog.command(command.as_bytes())?;
    let shapes = command.form(Form::Set)?.syntax.iter().flat_map(|syntax| &syntax.shapes);
    let mut specs =
        shapes.flat_map(|shape| &shape.fields).filter_map(|field| core.catalog.spec_for(field.param?, core.model));
    match &specs.find(|spec| *spec.name == *param)?.kind {
        crate::catalog::Kind::Int(ranges) => ranges.0.last().map(|(_, most)| *most),
        _ => None,
    }
}

/// A redirection's target, which may be a path alone.
fn absolute(base: &str, target: &str) -> String {
    if target.contains("://") {
        return target.to_owned();
    }
    let host = base.find("://").map_or(0, |at| at + 3);
    let path = base.get(host..).and_then(|rest| rest.find('/')).map_or(base.len(), |at| host + at);
    let slash = if target.starts_with('/') { "" } else { "/" };
    format!("{}{slash}{target}", base.get(..path).unwrap_or(base))
}

impl Dialect for Fibocom {
    fn start(&mut self, core: &mut Core, factory: bool) {
        let modem = std::mem::replace(&mut self.modem, Cellular::new());
        *self = Self { modem, ..Self::new() };
        let (model, revision) = match core.profile_name() {
            "g510" => ("G510", "G510_V0C.58.00"),
            "mc665" => ("MC665-CN", "16121.1000.00.07.01.02"),
            _ => ("L610-CN", "16000.1000.00.04.17.20"),
        };
        self.modem.start(core, factory, Maker { manufacturer: "Fibocom", model, revision });
    }

    fn boot(&mut self, core: &mut Core) {
        if core.profile_name() == "g510" {
            core.say(Said::Boot, b"\r\nAT command ready\r\n".to_vec(), 0);
        }
        core.timer(200, (BOOT, 0));
    }

    fn command(&mut self, core: &mut Core, call: &Call) -> Option<Outcome> {
        self.http_command(core, call).or_else(|| self.modem.command(core, call))
    }

    fn data(&mut self, core: &mut Core, call: &Call, data: &[u8], end: DataEnd) -> Outcome {
        let into = match &*call.name {
            "+HTTPDATA" => &mut self.data,
            "+HTTPHEAD" => &mut self.own_head,
            _ => return self.modem.data(core, call, data, end).unwrap_or_else(|| cellular::taken(end)),
        };
        if end != DataEnd::Complete {
            return Outcome::Error(None);
        }
        *into = data.to_vec();
        Outcome::Ok
    }

    fn data_time(&self, _: &Core, call: &Call) -> Option<u64> {
        matches!(&*call.name, "+HTTPDATA" | "+HTTPHEAD").then_some(INPUT_TIME)
    }

    fn passthrough(&mut self, core: &mut Core, bytes: &[u8]) {
        self.modem.passthrough(core, bytes);
    }

    fn escape(&mut self, core: &mut Core) {
        self.modem.escape(core);
    }

    fn timer(&mut self, core: &mut Core, token: Token) {
        match token {
            (TIMEOUT, id) if self.request.as_ref().is_some_and(|request| request.id == id) => {
                let now = core.now();
                core.world.close(now, id);
                self.failed(core, Failure::Timeout);
            }
            (TIMEOUT, _) => {}
            (READ, _) => {
                if let Some((call, start, end)) = self.read.take() {
                    self.print(core, &call, start, end);
                }
            }
            (CALLED, on) => {
                let bag = match on {
                    1 => Bag::new().with("status", 1).with("ip", Item::Raw(self.modem.address(core).into_bytes())),
                    _ => Bag::new().with("status", 0),
                };
                core.urc("+MIPCALL", &bag);
            }
            (BOOT, _) => match (core.profile_name(), self.modem.card()) {
                ("g510" | "l610", Some("READY")) => core.say_line(Said::Urc, b"+SIM READY"),
                ("g510" | "l610", None) => core.say_line(Said::Urc, b"+SIM DROP"),
                (_, card) => {
                    core.urc("+CPIN", &Bag::new().with("code", card.unwrap_or("NOT INSERTED")));
                }
            },
            _ => {
                self.modem.timer(core, token);
            }
        }
    }

    fn world(&mut self, core: &mut Core, event: Event) {
        let ours = |id: Id| self.request.as_ref().is_some_and(|request| request.id == id);
        match &event {
            Event::Reply(id, reply) if ours(*id) => self.answered(core, reply),
            Event::Failed(id, failure) if ours(*id) => self.failed(core, *failure),
            _ => {
                self.modem.world(core, &event);
                if self.called == Some(true) && !self.modem.has_data() {
                    self.called = None;
                    core.urc("+MIPCALL", &Bag::new().with("status", 0));
                }
            }
        }
    }

    fn error(&self, core: &Core, code: Option<Item>) -> (&'static str, Option<Item>) {
        Cellular::error(core, code)
    }

    fn code(&self, _: &Core, refusal: &Refusal) -> Option<Item> {
        if refusal.command.starts_with("+HTTP") { None } else { Cellular::code(refusal) }
    }
}

#[cfg(test)]
mod tests;
