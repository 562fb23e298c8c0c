//! The web servers of a scenario: a request is held against its rules, whether it came as such or as text on a connection.

use super::super::scenario::{Fact, HttpRule, bytes_of};
use super::super::world::{Event, Failure, HttpReply, HttpRequest, Id, Transport};
use super::{Scripted, failure};
use crate::Time;

/// Longest request on a connection; what is longer is none.
const REQUEST: usize = 1 << 20;

/// Longest content that a rule makes up.
const CONTENT: usize = 16 << 20;

/// Most headers of a request.
const HEADERS: usize = 64;

/// What becomes of a request.
pub(super) struct Answer {
    pub(super) reply: Result<HttpReply, Failure>,
    /// In milliseconds; `None`: as usual.
    pub(super) delay: Option<u64>,
    /// The server closes the connection so long after its answer.
    pub(super) closes: Option<u64>,
}

/// The host of a URL, without its port.
pub(super) fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    match authority.strip_prefix('[') {
        Some(literal) => literal.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    }
}

/// What of a URL names a page: all behind the host.
fn path(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find(['/', '?', '#']).and_then(|at| rest.get(at..)).unwrap_or("/")
}

/// Whether a URL starts so: scheme and host in any case, the rest to the letter. A start that is a path fits any host.
fn starts(url: &str, start: &str) -> bool {
    if start.starts_with('/') {
        return path(url).starts_with(start);
    }
    let page = path(start);
    let head = start.len() - if start.ends_with(page) { page.len() } else { 0 };
    let heads = url.get(..head).zip(start.get(..head));
    let pages = url.get(head..).zip(start.get(head..));
    heads.is_some_and(|(url, start)| url.eq_ignore_ascii_case(start))
        && pages.is_some_and(|(url, start)| url.starts_with(start))
}

/// The answer of the first rule that fits.
pub(super) fn answer(rules: &[HttpRule], request: &HttpRequest) -> Answer {
    let fits = |rule: &&HttpRule| {
        (rule.method.is_empty() || rule.method.eq_ignore_ascii_case(&request.method)) && starts(&request.url, &rule.url)
    };
    let usual = HttpRule::default();
    let rule = match rules.iter().find(fits) {
        Some(rule) => rule,
        None if rules.is_empty() => &usual,
        None => {
            let reply = reply(request, 404, &[], b"Not Found".to_vec());
            return Answer { reply: Ok(reply), delay: None, closes: None };
        }
    };
    let reply = match &rule.fails {
        Some(Fact::Int(code)) => {
            Ok(HttpReply { status: u16::try_from(*code).unwrap_or_default(), ..HttpReply::default() })
        }
        Some(fails) => Err(failure(Some(fails)).unwrap_or(Failure::Refused)),
        None => {
            let body = match rule.size {
                Some(size) => (b'0'..=b'9').chain(b'a'..=b'z').cycle().take(size.min(CONTENT)).collect(),
                None if rule.echo => request.body.clone(),
                None => bytes_of(&rule.body),
            };
            let headers: Vec<(String, String)> =
                rule.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
            Ok(reply(request, rule.status, &headers, body))
        }
    };
    Answer { reply, delay: rule.delay, closes: rule.closes }
}

/// A reply with the headers that every server sends.
fn reply(request: &HttpRequest, status: u16, own: &[(String, String)], body: Vec<u8>) -> HttpReply {
    let kind = if std::str::from_utf8(&body).is_ok() { "text/plain" } else { "application/octet-stream" };
    let usual = [
        ("Server", "atscope".to_owned()),
        ("Content-Type", kind.to_owned()),
        ("Content-Length", body.len().to_string()),
    ];
    let mut headers = own.to_vec();
    for (name, value) in usual {
        if !own.iter().any(|(own, _)| own.eq_ignore_ascii_case(name)) {
            headers.push((name.to_owned(), value));
        }
    }
    let body = if request.method.eq_ignore_ascii_case("HEAD") { Vec::new() } else { body };
    HttpReply { status, headers, body }
}

/// A reply as it goes over a connection.
fn written(reply: &HttpReply) -> Vec<u8> {
    let mut text = format!("HTTP/1.1 {} {}\r\n", reply.status, phrase(reply.status));
    for (name, value) in &reply.headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    [text.as_bytes(), &reply.body].concat()
}

/// What a status is called (RFC 9110 §15), of those that one meets.
fn phrase(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        206 => "Partial Content",
        301 => "Moved Permanently",
        302 => "Found",
        304 => "Not Modified",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        410 => "Gone",
        413 => "Content Too Large",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Status",
    }
}

/// What the bytes of a connection are, as far as they go.
enum Request {
    /// No request, whatever comes.
    None,
    Partial,
    /// With its length.
    Whole(HttpRequest, usize, bool),
}

fn parse(bytes: &[u8], scheme: &str, authority: &str) -> Request {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    let head = match parsed.parse(bytes) {
        Ok(httparse::Status::Complete(head)) => head,
        // The first word of a line that is going to be one: letters alone.
        Ok(httparse::Status::Partial) if bytes.first().is_some_and(u8::is_ascii_uppercase) => return Request::Partial,
        _ => return Request::None,
    };
    let headers: Vec<(String, String)> = parsed
        .headers
        .iter()
        .map(|header| (header.name.to_owned(), String::from_utf8_lossy(header.value).into_owned()))
        .collect();
    let value =
        |name: &str| headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim());
    let length = value("Content-Length").and_then(|text| text.parse::<usize>().ok()).unwrap_or_default();
    let whole = head.saturating_add(length);
    if whole > REQUEST {
        return Request::None;
    }
    let Some(body) = bytes.get(head..whole) else { return Request::Partial };
    let keeps = match value("Connection") {
        Some(text) => !text.eq_ignore_ascii_case("close"),
        None => parsed.version == Some(1),
    };
    let target = parsed.path.unwrap_or("/");
    let url = match target.starts_with('/') {
        true => format!("{scheme}://{}{target}", value("Host").unwrap_or(authority)),
        false => target.to_owned(),
    };
    let method = parsed.method.unwrap_or_default().to_owned();
    let body = body.to_vec();
    Request::Whole(HttpRequest { method, url, headers, body }, whole, keeps)
}

impl Scripted {
    /// The peer speaks HTTP: takes what may be (a part of) a request, and answers it once it is whole. `false`: it is none.
    pub(super) fn takes_request(&mut self, now: Time, id: Id, bytes: &[u8], delay: u64) -> bool {
        let Some(connection) = self.connections.get_mut(&id) else { return false };
        let (scheme, usual) = match connection.to.transport {
            Transport::Udp => return false,
            Transport::Tcp => ("http", 80),
            Transport::Tls => ("https", 443),
        };
        let to = &connection.to;
        let authority = if to.port == usual { to.host.clone() } else { format!("{}:{}", to.host, to.port) };
        if connection.request.len() + bytes.len() > REQUEST {
            connection.request.clear();
            return false;
        }
        connection.request.extend_from_slice(bytes);
        let mut told = false;
        loop {
            let Some(connection) = self.connections.get_mut(&id) else { return true };
            if told && connection.request.is_empty() {
                return true;
            }
            let (request, whole, keeps) = match parse(&connection.request, scheme, &authority) {
                Request::Partial => return true,
                Request::None => {
                    connection.request.clear();
                    return told;
                }
                Request::Whole(request, whole, keeps) => (request, whole, keeps),
            };
            connection.request.drain(..whole);
            told = true;
            let answer = answer(&self.scenario.http, &request);
            let delay = answer.delay.unwrap_or(delay);
            let (last, closes) = match answer.reply {
                Ok(reply) => (self.answers(now, id, delay, &written(&reply), None), answer.closes),
                // A server that fails here says nothing and breaks off.
                Err(Failure::Timeout) => return true,
                Err(_) => (now.plus(Time::from_millis(delay)), Some(0)),
            };
            let closes = closes.or((!keeps).then_some(self.scenario.delays.round_trip / 2));
            if let Some(millis) = closes {
                self.enter(last.plus(Time::from_millis(millis)), Event::Closed(id));
                return true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_apart() {
        for (url, expected) in [
            ("http://a.example/x", "a.example"),
            ("https://u:p@a.example:8443?q", "a.example"),
            ("http://[::1]:80/", "::1"),
            ("a.example/x", "a.example"),
            ("", ""),
        ] {
            assert_eq!(host(url), expected, "{url}");
        }
        for (url, start, fits) in [
            ("http://A.Example/x", "HTTP://a.example/x", true),
            ("http://a.example/X", "http://a.example/x", false),
            ("http://a.example/x", "http://a.example", true),
            ("http://a.example/x", "/x", true),
            ("http://a.example", "/", true),
            ("http://a", "", true),
            ("http://a", "http://ab", false),
            ("http://ä", "http://\u{e4}/", false),
        ] {
            assert_eq!(starts(url, start), fits, "{url} {start}");
        }
    }
}
