//! SIMCom: the HTTP(S) service of the SIM7500/SIM7600/SIM7800 manual, beside what all modems have.
//!
//! The module of the manual and the A76xx give read content in one block, the SIM7600 in blocks of at most 1024 bytes; all say `OK` ahead of it.
//! Trap: `+HTTPACTION` comes when the world answers, whatever the host does meanwhile.

use std::collections::{BTreeMap, VecDeque};

use super::super::core::{Call, Core, Said};
use super::super::dialect::{DataEnd, Dialect, Outcome, Token};
use super::super::scenario::bytes_of;
use super::super::verdict::Refusal;
use super::super::world::{Event, Failure, HttpReply, HttpRequest, Id};
use super::cellular::{self, Cellular, Maker, tell};
use super::http;
use crate::generate::{Bag, Item};
use crate::session::Form;

const TIMEOUT: u16 = cellular::OWN;
const READ: u16 = cellular::OWN + 1;
const SAVED: u16 = cellular::OWN + 2;
const BOOT: u16 = cellular::OWN + 3;

/// Bytes of a block of AT+HTTPREAD on SIM7600.
const BLOCK: usize = 1024;

/// Files that the module keeps.
const FILES: usize = 64;

/// Commands of the service: what fails of them fails with `ERROR` alone (manual, chapter 2).
const SERVICE: &str = "+HTTP";

/// See the module's head.
pub(super) struct Simcom {
    modem: Cellular,
    http: Http,
    /// What AT+HTTPREADFILE saved.
    files: BTreeMap<String, Vec<u8>>,
}

/// The request in work.
struct Request {
    id: Id,
    method: i64,
    /// It was AT+HTTPPOSTFILE.
    file: bool,
}

/// The service between AT+HTTPINIT and AT+HTTPTERM.
struct Http {
    url: String,
    connect: u64,
    content_type: String,
    accept: String,
    data: Vec<u8>,
    request: Option<Request>,
    /// The connection of the last answer, which its server may close.
    connection: Option<Id>,
    head: Vec<u8>,
    body: Vec<u8>,
    /// Where a read without a start goes on.
    at: usize,
    reads: VecDeque<(Call, usize, usize)>,
    /// The last action brought an answer.
    answered: bool,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            url: String::new(),
            connect: 120,
            content_type: "text/plain".to_owned(),
            accept: "*/*".to_owned(),
            data: Vec::new(),
            request: None,
            connection: None,
            head: Vec::new(),
            body: Vec::new(),
            at: 0,
            reads: VecDeque::new(),
            answered: false,
        }
    }
}

impl Simcom {
    pub(super) fn new() -> Self {
        Self { modem: Cellular::new(), http: Http::default(), files: BTreeMap::new() }
    }

    fn http_command(&mut self, core: &mut Core, call: &Call) -> Option<Outcome> {
        Some(match (&*call.name, call.form) {
            ("+HTTPINIT", Form::Execute) => {
                if !self.modem.bring_up(core) {
                    return Some(Outcome::Error(None));
                }
                core.wait(60);
                core.set("http.started", 1);
                core.set("http.action", 0);
                core.set("http.content", 0);
                Outcome::Ok
            }
            ("+HTTPTERM", Form::Execute) => {
                self.stop(core);
                Outcome::Ok
            }
            ("+HTTPPARA", Form::Set) => {
                self.parameter(core, call);
                Outcome::Ok
            }
            ("+HTTPACTION", Form::Set) => self.act(core, call),
            ("+HTTPDATA", Form::Set) => Outcome::Data,
            ("+HTTPHEAD", Form::Execute) if self.http.head.is_empty() => Outcome::Error(None),
            ("+HTTPHEAD", Form::Execute) => {
                core.respond(call, "+HTTPHEAD", &Bag::new().with_data(self.http.head.clone()));
                Outcome::Ok
            }
            ("+HTTPREAD", Form::Read) if self.http.body.is_empty() => Outcome::Error(None),
            ("+HTTPREAD", Form::Read) => {
                tell(core, call, "+HTTPREAD", Bag::new().with("len", self.http.body.len()));
                Outcome::Ok
            }
            ("+HTTPREAD", Form::Set) => {
                let size = usize::try_from(call.int("byte_size").unwrap_or_default()).unwrap_or(usize::MAX);
                let start = call.int("start_addr").and_then(|start| usize::try_from(start).ok());
                let start = start.unwrap_or(self.http.at).min(self.http.body.len());
                let end = start.saturating_add(size).min(self.http.body.len());
                self.http.at = end;
                self.http.reads.push_back((call.clone(), start, end));
                core.later(1, (READ, 0));
                Outcome::Ok
            }
            ("+HTTPPOSTFILE", Form::Set) => self.post_file(core, call),
            ("+HTTPREADFILE", Form::Set) => {
                core.later(30, (SAVED, u64::from(self.http.answered)));
                if self.files.len() < FILES && self.http.answered {
                    self.files.insert(call.string("filename"), self.http.body.clone());
                }
                Outcome::Ok
            }
            ("+CSOCKAUTH", Form::Read) if core.memory.rows(call.command).is_empty() => {
                tell(core, call, "+CSOCKAUTH", Bag::new().with("settings", Item::Raw(b"1,0".to_vec())));
                Outcome::Ok
            }
            (name, Form::Test) if core.fact(name, "supported").is_none() => {
                let ranges = match name {
                    "+HTTPPOSTFILE" => "<filename>[,(1-3)[,(0-3)[,(0-1)]]]",
                    "+HTTPREADFILE" => "<filename>[,(1-4)]",
                    "+CGSOCKCONT" => "(1-16),\"IP\",,,(0-2),(0-4)",
                    "+CSOCKAUTH" => "(1-16),(0-2),(1-127),(1-127)",
                    "+CSOCKSETPN" => "(1-16)",
                    _ => return None,
                };
                tell(core, call, name, Bag::new().with("supported", Item::Raw(ranges.as_bytes().to_vec())));
                Outcome::Ok
            }
            _ => return None,
        })
    }

    fn parameter(&mut self, core: &mut Core, call: &Call) {
        let http = &mut self.http;
        match &*call.string("param").to_ascii_uppercase() {
            "URL" => {
                http.url = call.string("url");
                core.set_word("http.url", 0, &http.url);
            }
            "CONNECTTO" => {
                http.connect = call.int("conn_timeout").and_then(|seconds| u64::try_from(seconds).ok()).unwrap_or(120);
            }
            "CONTENT" => http.content_type = call.string("content_type"),
            "ACCEPT" => http.accept = call.string("accept-type"),
            _ => {}
        }
    }

    fn act(&mut self, core: &mut Core, call: &Call) -> Outcome {
        let number = call.int("method").unwrap_or_default();
        let method = method(number);
        let body = if number == 1 { self.http.data.clone() } else { Vec::new() };
        let mut headers = vec![("Accept".to_owned(), self.http.accept.clone())];
        if number == 1 {
            headers.push(("Content-Type".to_owned(), self.http.content_type.clone()));
        }
        self.ask(
            core,
            number,
            false,
            HttpRequest { method: method.to_owned(), url: self.http.url.clone(), headers, body },
        )
    }

    fn ask(&mut self, core: &mut Core, method: i64, file: bool, request: HttpRequest) -> Outcome {
        if request.url.is_empty() || self.http.request.is_some() {
            return Outcome::Error(None);
        }
        let (id, now) = (core.id(), core.now());
        self.http.request = Some(Request { id, method, file });
        core.world.http(now, id, &request);
        core.timer(self.http.connect * 1000, (TIMEOUT, id));
        Outcome::Ok
    }

    fn post_file(&mut self, core: &mut Core, call: &Call) -> Outcome {
        let name = call.string("filename");
        let number = call.int("method").unwrap_or(1);
        let known = &core.world.scenario().files;
        let file = match (self.files.get(&name), known.get(&name)) {
            (Some(own), _) => own.clone(),
            (None, Some(text)) => bytes_of(text),
            // Without a list, any file is there.
            (None, None) if known.is_empty() => b"Hello from a file".to_vec(),
            (None, None) => {
                self.http.request = Some(Request { id: core.id(), method: number, file: true });
                let id = self.http.request.as_ref().map_or(0, |request| request.id);
                core.later(20, (TIMEOUT, id | MISSING));
                return Outcome::Ok;
            }
        };
        // Head and content of the request, or the content alone.
        let (head, body) = match call.int("send_header") {
            Some(1) => (Vec::new(), file),
            _ => match memchr::memmem::find(&file, b"\r\n\r\n").and_then(|at| file.split_at_checked(at + 4)) {
                Some((head, body)) => (http::headers(head), body.to_vec()),
                None => (Vec::new(), file),
            },
        };
        let request =
            HttpRequest { method: method(number).to_owned(), url: self.http.url.clone(), headers: head, body };
        self.ask(core, number, true, request)
    }

    /// The end of the request in work: status or error code, and the answer if there is one.
    fn done(&mut self, core: &mut Core, code: i64, reply: Option<&HttpReply>) {
        let Some(request) = self.http.request.take() else { return };
        core.cancel((TIMEOUT, request.id));
        self.http.head = reply.map(|reply| http::head(core, "http-status", reply)).unwrap_or_default();
        self.http.body = match reply {
            // What a HEAD brings is the head (manual §3.1.3).
            Some(_) if request.method == 2 => self.http.head.clone(),
            Some(reply) => reply.body.get(..http::CONTENT).unwrap_or(&reply.body).to_vec(),
            None => Vec::new(),
        };
        self.http.at = 0;
        self.http.answered = reply.is_some();
        self.http.connection = reply.is_some().then_some(request.id);
        let length = self.http.body.len();
        core.set("http.action", 1);
        core.set("http.content", i64::try_from(length).unwrap_or(i64::MAX));
        let bag = Bag::new().with("method", request.method);
        match (request.file, reply) {
            (false, _) => core.urc("+HTTPACTION", &bag.with("statuscode", code).with("datalen", length)),
            (true, Some(_)) => core.urc("+HTTPPOSTFILE", &bag.with("httpstatuscode", code).with("content_len", length)),
            (true, None) => core.urc("+HTTPPOSTFILE", &bag.with("errcode", code).with("content_len", 0)),
        };
    }

    /// Reads come behind `OK`: blocks, then the end.
    fn read(&mut self, core: &mut Core) {
        let Some((call, start, end)) = self.http.reads.pop_front() else { return };
        let content = self.http.body.get(start..end).unwrap_or_default();
        // Blocks and header as this firmware has them.
        let (block, like) = match core.profile_name() {
            "sim7600" => (BLOCK, "DATA,<data_len>"),
            _ => (usize::MAX, "+HTTPREAD: <data_len>\n"),
        };
        for part in content.chunks(block) {
            core.respond_like(&call, "+HTTPREAD", like, &Bag::new().with_data(part));
        }
        core.respond(&call, "+HTTPREAD", &Bag::new().with("data_len", 0));
    }

    fn stop(&mut self, core: &mut Core) {
        let now = core.now();
        let request = self.http.request.as_ref().map(|request| request.id);
        for id in request.into_iter().chain(self.http.connection) {
            core.cancel((TIMEOUT, id));
            core.world.close(now, id);
        }
        self.http = Http::default();
        for key in ["http.started", "http.url", "http.data", "http.action", "http.content"] {
            core.set(key, 0);
        }
    }

    /// One line of the boot banner after the other, and when the next one comes.
    fn boot_step(&mut self, core: &mut Core, step: u64) {
        let a76xx = core.profile_name() == "a76xx";
        let open = self.modem.card() == Some("READY");
        let says: &[&str] = match step {
            0 => {
                let code = self.modem.card().unwrap_or("NOT INSERTED");
                core.urc("+CPIN", &Bag::new().with("code", code));
                &[]
            }
            1 if open => &["SMS DONE"],
            2 if open && a76xx => &["+CGEV: EPS PDN ACT 1", "PB DONE"],
            2 if open => &["PB DONE"],
            3 if open && a76xx => &["+APP PDP: 0,ACTIVE"],
            _ => return,
        };
        for line in says {
            core.say_line(Said::Urc, line.as_bytes());
        }
        core.timer(200, (BOOT, step + 1));
    }
}

/// Marks the timer of a file that does not exist.
const MISSING: u64 = 1 << 63;

fn method(number: i64) -> &'static str {
    match number {
        0 => "GET",
        1 => "POST",
        2 => "HEAD",
        _ => "DELETE",
    }
}

/// The error code of chapter 5.
fn error_code(failure: Failure) -> i64 {
    match failure {
        Failure::Broken => 704,
        Failure::Timeout => 705,
        Failure::NoNetwork => 709,
        Failure::Dns => 713,
        Failure::Refused => 714,
        Failure::Tls => 715,
    }
}

impl Dialect for Simcom {
    fn start(&mut self, core: &mut Core, factory: bool) {
        self.http = Http::default();
        if factory {
            self.files.clear();
        }
        let (model, revision) = match core.profile_name() {
            "a76xx" => ("A7670E-FASE", "A7670M7_V1.11.1"),
            _ => ("SIMCOM_SIM7600E-H", "SIM7600M22_V1.1"),
        };
        self.modem.start(core, factory, Maker { manufacturer: "SIMCOM INCORPORATED", model, revision });
    }

    fn boot(&mut self, core: &mut Core) {
        match core.profile_name() {
            "a76xx" => core.say(Said::Boot, b"\r\n*ATREADY: 1\r\n".to_vec(), 0),
            _ => core.say(Said::Boot, b"\r\nRDY\r\n".to_vec(), 0),
        }
        core.timer(200, (BOOT, 0));
    }

    fn command(&mut self, core: &mut Core, call: &Call) -> Option<Outcome> {
        self.http_command(core, call).or_else(|| self.modem.command(core, call))
    }

    fn data(&mut self, core: &mut Core, call: &Call, data: &[u8], end: DataEnd) -> Outcome {
        if *call.name != *"+HTTPDATA" {
            return self.modem.data(core, call, data, end).unwrap_or_else(|| cellular::taken(end));
        }
        if end != DataEnd::Complete {
            return Outcome::Error(None);
        }
        self.http.data = data.to_vec();
        core.set("http.data", 1);
        Outcome::Ok
    }

    fn data_time(&self, _: &Core, call: &Call) -> Option<u64> {
        let time = call.int("time").filter(|_| *call.name == *"+HTTPDATA");
        time.and_then(|millis| u64::try_from(millis).ok()).filter(|millis| *millis > 0)
    }

    fn passthrough(&mut self, core: &mut Core, bytes: &[u8]) {
        self.modem.passthrough(core, bytes);
    }

    fn escape(&mut self, core: &mut Core) {
        self.modem.escape(core);
    }

    fn timer(&mut self, core: &mut Core, token: Token) {
        match token {
            (TIMEOUT, id) => {
                let code = if id & MISSING == 0 { 714 } else { 707 };
                let id = id & !MISSING;
                if self.http.request.as_ref().is_some_and(|request| request.id == id) {
                    let now = core.now();
                    core.world.close(now, id);
                    self.done(core, code, None);
                }
            }
            (READ, _) => self.read(core),
            (SAVED, fine) => {
                core.urc("+HTTPREADFILE", &Bag::new().with("result", if fine == 1 { 0 } else { 707 }));
            }
            (BOOT, step) => self.boot_step(core, step),
            _ => {
                self.modem.timer(core, token);
            }
        }
    }

    fn world(&mut self, core: &mut Core, event: Event) {
        let ours = |http: &Http, id: Id| http.request.as_ref().is_some_and(|request| request.id == id);
        match &event {
            Event::Reply(id, reply) if ours(&self.http, *id) => {
                let status = i64::from(reply.status);
                // From 600 on the codes are the module's own.
                self.done(core, status, (status < 600).then_some(reply));
            }
            Event::Failed(id, failure) if ours(&self.http, *id) => self.done(core, error_code(*failure), None),
            Event::Closed(id) if self.http.connection == Some(*id) => {
                self.http.connection = None;
                core.urc("+HTTP_PEER_CLOSED", &Bag::new());
            }
            _ => {
                if matches!(&event, Event::Happens(what) if what.trim() == "network lost")
                    && core.int("http.started") == Some(1)
                {
                    core.urc("+HTTP_NONET_EVENT", &Bag::new());
                }
                self.modem.world(core, &event);
            }
        }
    }

    fn error(&self, core: &Core, code: Option<Item>) -> (&'static str, Option<Item>) {
        Cellular::error(core, code)
    }

    fn code(&self, _: &Core, refusal: &Refusal) -> Option<Item> {
        if refusal.command.starts_with(SERVICE) { None } else { Cellular::code(refusal) }
    }
}

#[cfg(test)]
mod tests;
