//! One request to a web server, and its answer: HTTP/1.1 without keeping the connection.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::of;
use crate::module::world::{Failure, HttpReply, HttpRequest};

/// Longest answer that is taken; what is longer breaks off.
const LONGEST: usize = 16 << 20;

/// Longest head of an answer.
const HEAD: usize = 64 * 1024;

/// Most headers of an answer.
const HEADERS: usize = 128;

/// Until an answer is complete.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where a URL leads.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) tls: bool,
    path: String,
    /// As the `Host` header has it.
    authority: String,
}

impl Target {
    /// `None`: it is no URL of a web page.
    pub(super) fn of(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
        let tls = scheme.eq_ignore_ascii_case("https");
        if !tls && !scheme.eq_ignore_ascii_case("http") {
            return None;
        }
        let at = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(at)?;
        let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let path = path.split('#').next().unwrap_or_default();
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        let usual = if tls { 443 } else { 80 };
        let (host, port) = match authority.strip_prefix('[') {
            Some(literal) => {
                let (host, rest) = literal.split_once(']')?;
                (host, rest.strip_prefix(':'))
            }
            None => authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port))),
        };
        let port = port.map_or(Some(usual), |port| port.parse().ok())?;
        let clean = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic() || byte >= 0x80);
        if host.is_empty() || !clean(host) || !clean(&path) {
            return None;
        }
        Some(Self { host: host.to_owned(), port, tls, path, authority: authority.to_owned() })
    }
}

/// Sends a request, and reads the answer.
pub(super) fn ask(mut stream: TcpStream, target: &Target, request: &HttpRequest) -> Result<HttpReply, Failure> {
    let until = Instant::now() + PATIENCE;
    stream.set_write_timeout(Some(PATIENCE)).map_err(|error| of(&error))?;
    stream.write_all(&written(target, request)).map_err(|error| of(&error))?;
    let mut got = Vec::new();
    let mut piece = vec![0; 16 * 1024];
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Failure::Timeout);
        }
        stream.set_read_timeout(Some(left)).map_err(|error| of(&error))?;
        let count = match stream.read(&mut piece) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            read => read.map_err(|error| of(&error))?,
        };
        got.extend_from_slice(piece.get(..count).unwrap_or_default());
        if let Some(reply) = parse(&got, &request.method, count == 0)? {
            return Ok(reply);
        }
        if count == 0 || got.len() > LONGEST {
            return Err(Failure::Broken);
        }
    }
}

fn written(target: &Target, request: &HttpRequest) -> Vec<u8> {
    let method = if request.method.is_empty() { "GET" } else { &request.method };
    let mut text = format!("{method} {} HTTP/1.1\r\n", target.path);
    let own = |name: &str| request.headers.iter().any(|(own, _)| own.eq_ignore_ascii_case(name));
    if !own("Host") {
        text.push_str(&format!("Host: {}\r\n", target.authority));
    }
    for (name, value) in &request.headers {
        // A line end in a value would be a header of its own.
        let line = format!("{name}: {value}").replace(['\r', '\n'], " ");
        text.push_str(&line);
        text.push_str("\r\n");
    }
    if !own("Content-Length") && (!request.body.is_empty() || matches!(method, "POST" | "PUT")) {
        text.push_str(&format!("Content-Length: {}\r\n", request.body.len()));
    }
    if !own("Connection") {
        text.push_str("Connection: close\r\n");
    }
    text.push_str("\r\n");
    [text.as_bytes(), &request.body].concat()
}

/// The answer, once it is complete; `end`: nothing more comes.
fn parse(got: &[u8], method: &str, end: bool) -> Result<Option<HttpReply>, Failure> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut parsed = httparse::Response::new(&mut headers);
    let head = match parsed.parse(got) {
        Ok(httparse::Status::Complete(head)) => head,
        Ok(httparse::Status::Partial) if got.len() < HEAD => return Ok(None),
        _ => return Err(Failure::Broken),
    };
    let status = parsed.code.unwrap_or_default();
    let headers: Vec<(String, String)> = parsed
        .headers
        .iter()
        .map(|header| (header.name.to_owned(), String::from_utf8_lossy(header.value).into_owned()))
        .collect();
    let value =
        |name: &str| headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim());
    let rest = got.get(head..).unwrap_or_default();
    if (100..200).contains(&status) && status != 101 {
        // What comes ahead of the answer.
        return parse(rest, method, end);
    }
    let body = if method.eq_ignore_ascii_case("HEAD") || matches!(status, 204 | 304) {
        Some(Vec::new())
    } else if value("Transfer-Encoding").is_some_and(|coding| coding.to_ascii_lowercase().ends_with("chunked")) {
        chunks(rest)?
    } else if let Some(length) = value("Content-Length").and_then(|text| text.parse::<usize>().ok()) {
        rest.get(..length).map(<[u8]>::to_vec)
    } else {
        end.then(|| rest.to_vec())
    };
    Ok(body.map(|body| HttpReply { status, headers, body }))
}

/// The content of chunks, once the last one is there.
fn chunks(mut rest: &[u8]) -> Result<Option<Vec<u8>>, Failure> {
    let mut body = Vec::new();
    loop {
        let (head, size) = match httparse::parse_chunk_size(rest) {
            Ok(httparse::Status::Complete(found)) => found,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(_) => return Err(Failure::Broken),
        };
        if size == 0 {
            return Ok(Some(body));
        }
        let size = usize::try_from(size).map_err(|_| Failure::Broken)?;
        let Some(chunk) = head.checked_add(size).and_then(|end| rest.get(head..end)) else { return Ok(None) };
        body.extend_from_slice(chunk);
        let Some(after) = rest.get(head + size..) else { return Ok(None) };
        rest = after.strip_prefix(b"\r\n").unwrap_or(after);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn urls_are_taken_apart() {
        let of = |url: &str| Target::of(url).map(|target| (target.host, target.port, target.tls, target.path));
        assert_eq!(of("http://a.example"), Some(("a.example".to_owned(), 80, false, "/".to_owned())));
        assert_eq!(of("HTTPS://u@a.example:8443?q#f"), Some(("a.example".to_owned(), 8443, true, "/?q".to_owned())));
        assert_eq!(of("http://[::1]:81/x"), Some(("::1".to_owned(), 81, false, "/x".to_owned())));
        for bad in ["ftp://a", "http://", "http://a:x/", "http://a/ b", "http://a\r\nX: y/"] {
            assert_eq!(of(bad), None, "{bad}");
        }
    }

    #[test]
    fn answers_are_read_to_their_end() {
        let parse = |text: &str, end| parse(text.as_bytes(), "GET", end).map(|reply| reply.map(|reply| reply.body));
        assert_eq!(parse("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab", false), Ok(Some(b"ab".to_vec())));
        assert_eq!(parse("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", false), Ok(None));
        assert_eq!(parse("HTTP/1.1 200 OK\r\n\r\nab", false), Ok(None));
        assert_eq!(parse("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\nab", true), Ok(Some(b"ab".to_vec())));
        let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert_eq!(parse(&format!("{chunked}3\r\nabc\r\n"), false), Ok(None));
        assert_eq!(parse(&format!("{chunked}ffffffffffffffff\r\n"), false), Ok(None));
        assert_eq!(parse(&format!("{chunked}zz\r\n"), false), Err(Failure::Broken));
    }
}
