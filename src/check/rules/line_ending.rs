//! # line-ending
//! **Reports** lines that end in other than CR LF; told once for each sender.
//! **Matters because** some modules want exactly CR LF behind a command, and some parsers split at it.
//! **Silent when** an echo ends as the host ended its line.
//! **Example** `@0.0 > AT\r` `@0.1 < \r\nOK\r\n`
//! **Way out** none needed where both sides are content.

use super::{About, Report, Rule};
use crate::syntax::framing::Ending;

pub(super) fn check(about: &About<'_>, ending: Ending, report: Report<'_>) {
    let shown = match ending {
        Ending::Cr => "CR",
        Ending::CrCrLf => "CR CR LF",
        Ending::CrLf => return,
        Ending::Lf => "LF",
    };
    report(about.finding(Rule::LineEnding, format!("the {} ends lines in {shown}, not in CR LF", about.event.from)).0);
}
