//! The HTTP client (chapter 10).

use super::super::super::core::{Call, Core};
use super::super::super::dialect::Outcome;
use super::super::super::world::{HttpReply, HttpRequest, Id};
use super::{Esp, errors};
use crate::generate::Bag;
use crate::session::Form;

/// Bytes of an answer that come in one line.
const PIECE: usize = 2048;

/// `<opt>` 1 to 5 (§10.1).
const METHODS: [&str; 5] = ["HEAD", "GET", "POST", "PUT", "DELETE"];

/// `<content-type>` 0 to 3 (§10.1).
const TYPES: [&str; 4] = ["application/x-www-form-urlencoded", "application/json", "multipart/form-data", "text/xml"];

/// See the module's head.
#[derive(Default)]
pub(super) struct Client {
    asked: Option<(Id, bool)>,
}

impl Esp {
    pub(super) fn http_command(&mut self, core: &mut Core, call: &Call) -> Option<Outcome> {
        if !call.is("+HTTPCLIENT", Form::Set) {
            return None;
        }
        let opt = call.int("opt").and_then(|opt| usize::try_from(opt).ok()).unwrap_or(2);
        let kind = call.int("content-type").and_then(|kind| usize::try_from(kind).ok()).unwrap_or_default();
        let (host, path) = (call.string("host"), call.string("path"));
        // Without a URL, host and path are all there is (§10.1).
        let url = match call.string("url") {
            url if url.is_empty() => {
                let scheme = if call.int("transport_type") == Some(2) { "https" } else { "http" };
                format!("{scheme}://{host}{}{path}", if path.starts_with('/') { "" } else { "/" })
            }
            url => url,
        };
        if !self.reaches(core, &host) {
            return Some(Outcome::Error(None));
        }
        let method = METHODS.get(opt.saturating_sub(1)).copied().unwrap_or("GET");
        let body = call.text("data").map(|data| data.into_owned()).unwrap_or_default();
        let mut headers = Vec::new();
        if !body.is_empty() {
            let kind = TYPES.get(kind).copied().unwrap_or_default();
            headers.push(("Content-Type".to_owned(), kind.to_owned()));
        }
        let own = call.string("http_req_header");
        if let Some((name, value)) = own.split_once(':') {
            headers.push((name.trim().to_owned(), value.trim().to_owned()));
        }
        let id = core.id();
        self.http.asked = Some((id, method == "HEAD"));
        core.world.http(core.now(), id, &HttpRequest { method: method.to_owned(), url, headers, body });
        self.wait_for(call)
    }

    pub(super) fn http_reply(&mut self, core: &mut Core, id: Id, reply: &HttpReply) {
        let Some((_, head)) = self.http.asked.take_if(|(own, _)| *own == id) else { return };
        let Some(call) = self.pending.clone() else { return };
        if reply.status >= 400 {
            let code = errors::of_status(core, reply.status);
            return self.finish(core, Outcome::Error(code));
        }
        let text = match head {
            true => reply
                .headers
                .iter()
                .map(|(name, value)| format!("{name}: {value}\r\n"))
                .collect::<String>()
                .into_bytes(),
            false => reply.body.clone(),
        };
        for piece in text.chunks(PIECE) {
            core.respond(&call, "+HTTPCLIENT", &Bag::new().with_data(piece));
        }
        self.finish(core, Outcome::Ok);
    }

    /// `true`: it was this module's request.
    pub(super) fn http_failed(&mut self, core: &mut Core, id: Id) -> bool {
        if self.http.asked.take_if(|(own, _)| *own == id).is_none() {
            return false;
        }
        self.finish(core, Outcome::Error(None));
        true
    }
}
