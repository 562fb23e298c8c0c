//! What web clients of modems have in common: the head of an answer as text.

use super::super::core::Core;
use super::super::world::HttpReply;

/// The largest content that a modem keeps; what is beyond is lost. All of it can be read in one block.
pub(super) const CONTENT: usize = 1 << 19;

/// The head of an answer as the server sent it, with the line that ends it; the reason is the one that the catalog's table gives.
pub(super) fn head(core: &Core, table: &str, reply: &HttpReply) -> Vec<u8> {
    let status = i64::from(reply.status);
    let tables = core.catalog.codes.iter().filter(|own| *own.name == *table);
    let mut known = tables.flat_map(|table| &table.codes).filter(|(low, high, _)| (*low..=*high).contains(&status));
    let reason = known.next().map_or("Unknown", |(_, _, label)| &**label);
    let mut text = format!("HTTP/1.1 {status} {reason}\r\n");
    for (name, value) in &reply.headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    let told = |wanted: &str| reply.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(wanted));
    if !told("content-length") && !told("transfer-encoding") {
        text.push_str(&format!("Content-Length: {}\r\n", reply.body.len()));
    }
    text.push_str("\r\n");
    text.into_bytes()
}

/// Names and values of header lines.
pub(super) fn headers(text: &[u8]) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(text);
    let lines = text.lines().filter_map(|line| line.split_once(':'));
    lines.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned())).collect()
}
