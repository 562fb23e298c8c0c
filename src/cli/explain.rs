//! `atscope explain`: what a rule means, from the explanation that stands with its code.

use super::out::Out;
use super::{FAILED, FINE, Failure, line};
use crate::check::{Rule, Severity};
use crate::report::reference;

/// Prints a rule's explanation, or the list of rules.
pub(super) fn explain(name: Option<&str>, out: &mut Out) -> Result<u8, Failure> {
    let Some(name) = name else {
        list(out);
        return Ok(FINE);
    };
    let Some(rule) = Rule::from_name(name) else {
        out.error(&format!("unknown rule `{name}`"));
        return Ok(FAILED);
    };
    reference::rule(&mut out.buffer, rule, out.style);
    Ok(FINE)
}

fn list(out: &mut Out) {
    let width = Rule::ALL.iter().map(|rule| rule.name().len()).max().unwrap_or(0);
    for rule in Rule::ALL {
        let name = emphasised(out, &format!("{:width$}", rule.name()));
        let pad = " ".repeat(Severity::Warning.as_str().len().saturating_sub(rule.severity().as_str().len()));
        let severity = severity(out, rule.severity());
        let text = first_sentence(&rule.explanation());
        line(out, format_args!("{name}  {severity}{pad}  {text}"));
    }
    line(out, format_args!(""));
    line(out, format_args!("`atscope explain RULE` tells more; --allow and --deny decide what is reported."));
}

/// What it reports, in one sentence.
fn first_sentence(explanation: &str) -> String {
    const REPORTS: &str = "**Reports**";
    let from = explanation.find(REPORTS).map_or(0, |at| at + REPORTS.len());
    let paragraph = explanation.get(from..).unwrap_or_default().trim_start();
    let paragraph = paragraph.split("\n\n").next().unwrap_or_default();
    let paragraph = paragraph.split("\n**").next().unwrap_or_default();
    let words: Vec<&str> = paragraph.split_whitespace().collect();
    let text = words.join(" ");
    let end = text.find(". ").or_else(|| text.find(": ")).unwrap_or(text.len());
    text.get(..end).unwrap_or_default().trim_end_matches('.').to_owned()
}

fn emphasised(out: &Out, text: &str) -> String {
    paint(out, anstyle::Style::new().bold(), text)
}

fn severity(out: &Out, severity: Severity) -> String {
    let color = match severity {
        Severity::Error => anstyle::AnsiColor::Red,
        Severity::Warning => anstyle::AnsiColor::Yellow,
        Severity::Info => anstyle::AnsiColor::Cyan,
    };
    paint(out, color.on_default(), severity.as_str())
}

fn paint(out: &Out, style: anstyle::Style, text: &str) -> String {
    if out.style.color { format!("{style}{text}{style:#}") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_tells_what_a_rule_reports() {
        let text = "# x\n\n**Reports** a final result\ncode, while none is open. More.\n\n**Matters because** it does.";
        assert_eq!(first_sentence(text), "a final result code, while none is open");
    }

    #[test]
    fn every_rule_says_in_one_line_what_it_reports() {
        for rule in Rule::ALL {
            let text = first_sentence(&rule.explanation());
            assert!(!text.is_empty() && !text.contains('*') && text.len() <= 120, "{}: {text}", rule.name());
        }
    }
}
