//! HTML: one self-contained page with everything that a recording says, for people.
//!
//! A timeline with two lanes, the list of events, findings, latencies by command; of a comparison, both recordings side by
//! side. The page loads nothing from anywhere, and says so to the browser (Content-Security-Policy). What came off the
//! wire stands in JSON alone, which cannot end its element, and reaches the page as text, never as markup.
//!
//! Bounded: so many events of a session, so many bytes of each; what is left out is counted.

mod session;

pub(super) use session::Session;

use serde::Serialize;

use super::differences::{self, Comparison};
use super::document::relative;
use super::{Totals, gather::Gather};

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// Sessions of one page.
const MOST_SESSIONS: usize = 64;

/// A page in the making.
#[derive(Debug, Default)]
pub struct Html {
    title: String,
    sessions: Vec<String>,
    unreadable: Vec<(String, String)>,
}

impl Html {
    /// An empty page with that title.
    pub fn new(title: &str) -> Self {
        Self { title: title.to_owned(), ..Self::default() }
    }

    pub(super) fn session(&mut self, file: &str, session: Option<u32>, totals: &Totals, gather: Gather) {
        if self.sessions.len() < MOST_SESSIONS {
            self.sessions.push(gather.into_page().json(&relative(file), session, totals));
        }
    }

    /// Leaves out sessions beyond so many.
    pub fn keep(&mut self, sessions: usize) {
        self.sessions.truncate(sessions);
    }

    pub(super) fn unreadable(&mut self, file: &str, message: &str) {
        self.unreadable.push((relative(file), message.to_owned()));
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        self.page(out, None);
    }

    /// Writes a page with both sides of a comparison: the first session is of the old one, unless there is but one.
    pub fn comparison(&self, out: &mut Vec<u8>, comparison: &Comparison) {
        self.page(out, Some(comparison));
    }

    fn page(&self, out: &mut Vec<u8>, comparison: Option<&Comparison>) {
        let mut data = String::from("{\"title\":");
        data.push_str(&text(&self.title));
        data.push_str(",\"version\":");
        data.push_str(&text(env!("CARGO_PKG_VERSION")));
        data.push_str(",\"unreadable\":");
        data.push_str(&text(&self.unreadable));
        data.push_str(",\"diff\":");
        match comparison {
            Some(comparison) => {
                let mut json = Vec::new();
                differences::json(&mut json, comparison);
                data.push_str(String::from_utf8_lossy(&json).trim_end());
            }
            None => data.push_str("null"),
        }
        data.push_str(",\"sessions\":[");
        data.push_str(&self.sessions.join(","));
        data.push_str("]}");
        for part in PAGE.split_inclusive("-->") {
            let (markup, name) = match part.rsplit_once("<!--") {
                Some((markup, name)) => (markup, name.trim_end_matches("-->").trim()),
                None => (part, ""),
            };
            out.extend_from_slice(markup.as_bytes());
            match name {
                "style" => out.extend_from_slice(STYLE.as_bytes()),
                "script" => out.extend_from_slice(SCRIPT.as_bytes()),
                "title" => out.extend_from_slice(escaped(&self.title).as_bytes()),
                // Neither an end tag nor a comment can stand in what the browser takes for the data.
                "data" => out.extend_from_slice(data.replace('<', "\\u003c").as_bytes()),
                _ => {}
            }
        }
    }
}

/// A value as JSON.
fn text(value: &(impl Serialize + ?Sized)) -> String {
    // Strings, numbers and lists of them: nothing that JSON cannot say.
    serde_json::to_string(value).unwrap_or_default()
}

/// Text as markup.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_page_loads_nothing() {
        let mut out = Vec::new();
        Html::new("</title><script>alert(1)</script>").write(&mut out);
        let page = String::from_utf8(out).unwrap();
        assert!(page.starts_with("<!doctype html>") && page.trim_end().ends_with("</html>"));
        assert!(page.contains("Content-Security-Policy") && !page.contains("<!--"));
        assert_eq!(page.matches("<script").count(), 2, "the data and the script");
        for outside in ["http://", "https://", "src=", "href=", "@import", "url("] {
            let found = page.find(outside).map(|at| page.get(at.saturating_sub(40)..at + 40).unwrap_or_default());
            assert!(found.is_none_or(|found| found.contains("www.w3.org")), "{outside}: {found:?}");
        }
    }
}
