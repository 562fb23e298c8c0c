//! # unknown-urc
//! **Reports** an unsolicited line that no catalog has.
//! **Matters because** a host that does not expect it may take it for an answer.
//! **Silent when** the line may be the answer to a command that no catalog knows, the recording ends within it, or it has no prefix
//! (`+`) and the host was not recorded: any text may be an answer.
//! **Example** `@0.0 > AT\r\n` `@0.1 < \r\nOK\r\n` `@0.2 < +SURPRISE: 1\r\n`
//! **Way out** make the host ignore unknown lines; describe the line in a catalog of your own.

use super::{About, Report, Rule};
use crate::session::Name;

pub(super) fn check(about: &About<'_>, dialect: &str, name: Name<'_>, report: Report<'_>) {
    let text = name.to_text();
    let short: String = text.chars().take(40).collect();
    let dots = if short.len() < text.len() { "…" } else { "" };
    let shown = crate::escape::escape(short.as_bytes());
    report(about.finding(Rule::UnknownUrc, format!("{dialect} has no line `{shown}{dots}`")).0);
}
