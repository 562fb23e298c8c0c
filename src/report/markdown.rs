//! Markdown for a pull request's comment: a table of the recordings, then the findings of each.
//!
//! Short enough for a comment (GitHub takes 65 536 characters): so many findings are shown, the others counted. What came
//! off the wire cannot format, link, mention or close anything: it stands in `<code>`, and all else is escaped.

use super::Totals;
use super::document::{counted, relative, title};
use super::gather::{Broken, Gather};
use crate::check::Severity;

/// Findings that are shown, of all recordings together.
const MOST_SHOWN: usize = 100;

/// Characters of a message that are shown.
const MESSAGE: usize = 300;

/// A report in the making.
#[derive(Debug, Default)]
pub struct Markdown {
    sessions: Vec<(String, Totals, Vec<Broken>)>,
    unreadable: Vec<(String, String)>,
}

impl Markdown {
    pub(super) fn session(&mut self, file: &str, session: Option<u32>, totals: &Totals, gather: Gather) {
        self.sessions.push((title(file, session), totals.clone(), gather.broken));
    }

    pub(super) fn unreadable(&mut self, file: &str, message: &str) {
        self.unreadable.push((relative(file), message.to_owned()));
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let mut sum = [0_u64; 3];
        for (_, totals, _) in &self.sessions {
            sum.iter_mut().zip(totals.findings).for_each(|(sum, count)| *sum += count);
        }
        let mut text = format!("### atscope check: {}\n\n", counted(sum));
        text.push_str("| recording | dialect | exchanges | errors | warnings | infos |\n|---|---|--:|--:|--:|--:|\n");
        for (title, totals, _) in &self.sessions {
            let [errors, warnings, infos] = totals.findings;
            let dialect = [Some(&totals.dialect), totals.model.as_ref(), totals.profile.as_ref()];
            let dialect: Vec<String> = dialect.into_iter().flatten().map(|part| plain(part)).collect();
            let exchanges = totals.exchanges;
            text.push_str(&format!(
                "| {} | {} | {exchanges} | {errors} | {warnings} | {infos} |\n",
                code(title),
                dialect.join(" ")
            ));
        }
        for (file, message) in &self.unreadable {
            text.push_str(&format!("| {} | {} | | | | |\n", code(file), plain(message)));
        }
        let mut room = MOST_SHOWN;
        for (title, totals, broken) in &self.sessions {
            if !broken.is_empty() {
                findings(&mut text, title, totals, broken, &mut room);
            }
        }
        out.extend_from_slice(text.as_bytes());
    }
}

fn findings(text: &mut String, title: &str, totals: &Totals, broken: &[Broken], room: &mut usize) {
    text.push_str(&format!("\n<details{}><summary>", if totals.findings[0] > 0 { " open" } else { "" }));
    text.push_str(&format!("{}: {}</summary>\n\n", code(title), counted(totals.findings)));
    let mut sorted: Vec<&Broken> = broken.iter().collect();
    sorted.sort_by_key(|broken| (std::cmp::Reverse(broken.severity), broken.rule));
    text.push_str("| | rule | where | what |\n|---|---|---|---|\n");
    for broken in sorted {
        let shown = broken.told.len().min(*room);
        *room -= shown;
        for told in broken.told.iter().take(shown) {
            let what = match &told.text {
                Some(event) => format!("{}<br>{}", message(&told.message), code(event)),
                None => message(&told.message),
            };
            let cite = told.cite.as_ref().map(|cite| format!("<br><sub>{}</sub>", plain(cite))).unwrap_or_default();
            let name = broken.rule.name();
            text.push_str(&format!("| {} | `{name}` | {} | {what}{cite} |\n", mark(told.severity), told.place()));
        }
        let left_out = broken.count - shown as u64;
        if left_out > 0 {
            let name = broken.rule.name();
            text.push_str(&format!("| {} | `{name}` | | … {left_out} more |\n", mark(broken.severity)));
        }
    }
    text.push_str("\n</details>\n");
}

/// A sign that is seen at once, with its word for those who cannot see it.
pub(super) const fn mark(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "🔴 error",
        Severity::Warning => "🟡 warning",
        Severity::Info => "🔵 info",
    }
}

/// A message of ours: what stands in backticks becomes code.
pub(super) fn message(text: &str) -> String {
    let cut: String = text.chars().take(MESSAGE).collect();
    let more = if cut.len() < text.len() { "…" } else { "" };
    let mut shown = String::new();
    let parts: Vec<&str> = cut.split('`').collect();
    // An odd number of parts: every backtick has its partner.
    let balanced = parts.len() % 2 == 1;
    for (at, part) in parts.iter().enumerate() {
        if balanced && at % 2 == 1 { shown.push_str(&code(part)) } else { shown.push_str(&plain(part)) }
    }
    shown + more
}

/// Text as code: nothing in it formats or links.
pub(super) fn code(text: &str) -> String {
    format!("<code>{}</code>", plain(text))
}

/// Text in which nothing formats: punctuation as entities, and what would mention or link torn apart.
pub(super) fn plain(text: &str) -> String {
    let mut shown = String::new();
    for c in text.chars() {
        match c {
            '@' => shown.push_str("@\u{2060}"),
            ':' | '/' | '.' | ',' | '-' | '+' | '=' | '(' | ')' | '%' | ' ' | ';' | '?' | '"' | '\'' => shown.push(c),
            c if c.is_ascii_punctuation() => shown.push_str(&format!("&#{};", u32::from(c))),
            c if c.is_control() => shown.push(char::REPLACEMENT_CHARACTER),
            c => shown.push(c),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_off_the_wire_formats() {
        assert_eq!(plain("a|b<c>_d_"), "a&#124;b&#60;c&#62;&#95;d&#95;");
        assert_eq!(plain("@you"), "@\u{2060}you");
        assert_eq!(message("`mode` is 7"), "<code>mode</code> is 7");
        assert_eq!(message("`mode is <7"), "mode is &#60;7", "a backtick alone is dropped");
    }
}
