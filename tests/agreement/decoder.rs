//! Decoder and rules against the generator alone: no module runs here, so whatever the manual lets one say is said.

use std::collections::BTreeMap;

use atscope::check::Rule;
use atscope::generate::{Known, Script, Values, Writer};
use fastrand::Rng;

use super::common::{self, Complaints, decode, differs};
use super::coverage::Coverage;

const HOWS: [Values; 3] = [Values::Least, Values::Edge, Values::Any];

#[test]
fn what_is_valid_draws_no_finding_and_reads_as_it_was_meant() {
    let mut complaints = Complaints::default();
    for catalog in common::catalogs() {
        let mut coverage = Coverage::default();
        let mut rng = Rng::with_seed(common::seed());
        for generator in common::generators(&catalog) {
            for target in generator.targets() {
                for how in HOWS {
                    let Some(invocation) = generator.command(target, how, &mut rng) else {
                        if how == Values::Any {
                            complaints.enter(format!("{}: no valid {}", catalog.name, generator.describe(target)));
                        }
                        continue;
                    };
                    let mut known = Known::boot(&catalog);
                    let Some(plan) = generator.plan(&invocation, &mut known, &mut rng) else {
                        if how == Values::Any {
                            let line = String::from_utf8_lossy(&invocation.line).into_owned();
                            complaints.enter(format!("{}: no plan for {} ({line})", catalog.name, generator.describe(target)));
                        }
                        continue;
                    };
                    coverage.forms.insert((target.command, target.form));
                    coverage.shapes.insert((target.command, target.form, target.shape));
                    for answer in generator.answers(&invocation) {
                        let mut writer = Writer::new(&generator, &mut rng);
                        writer.steps(&plan);
                        writer.command(&invocation, &answer);
                        let script = writer.script;
                        let record = decode(&catalog, &script, 1 << 20);
                        for event in &record.events {
                            let kind = match event.kind {
                                "response" => "responses",
                                "urc" => "URCs",
                                "final" => "results",
                                _ => "other lines",
                            };
                            coverage.lines.insert((kind, event.name.clone()));
                        }
                        let wrong = differs(&record, &script.expected);
                        if wrong.is_some() || !record.rules().is_empty() {
                            complaints.enter(told(&generator.describe(target), &script, &record, wrong));
                        }
                    }
                }
            }
        }
        println!("{}", coverage.report(&catalog));
        let report = coverage.report(&catalog);
        for (what, own, all) in &report.rows[..2] {
            if own != all {
                complaints.enter(format!("{}: {own} of {all} {what} reached", catalog.name));
            }
        }
    }
    complaints.assert_none("valid sessions are read otherwise");
}

fn told(what: &str, script: &Script, record: &common::Record, wrong: Option<String>) -> String {
    let findings: Vec<String> = record
        .findings
        .iter()
        .map(|finding| format!("  {}: {} (event {:?})", finding.rule.name(), finding.message, finding.seq))
        .collect();
    let events: Vec<String> = match common::number("ATSCOPE_MODEL_EVENTS", 0) {
        0 => Vec::new(),
        _ => record.events.iter().map(|event| format!("  {event:?}")).collect(),
    };
    format!(
        "== {what}\n{}{}\n{}\n{}",
        script.to_transcript(),
        wrong.unwrap_or_default(),
        findings.join("\n"),
        events.join("\n")
    )
}

#[test]
fn each_violation_draws_its_rule_and_no_other() {
    let mut complaints = Complaints::default();
    for catalog in common::catalogs() {
        let mut rng = Rng::with_seed(common::seed());
        let generator = atscope::generate::Generator::new(catalog.clone());
        let mut violations = generator.strangers();
        violations.extend(generator.unsupported(&mut rng));
        for target in generator.targets() {
            violations.extend(generator.violations(target, &mut rng));
        }
        let mut counts: BTreeMap<Rule, usize> = BTreeMap::new();
        for violation in &violations {
            *counts.entry(violation.rule).or_default() += 1;
            let script = generator.play(violation, &mut rng);
            let record = decode(&catalog, &script, 1 << 20);
            if record.rules() != [violation.rule] {
                let what = format!("{} {}: {}", violation.rule.name(), violation.what, generator.describe(violation.target));
                complaints.enter(told(&what, &script, &record, None));
            }
        }
        let counts: Vec<String> = counts.iter().map(|(rule, count)| format!("{} {count}", rule.name())).collect();
        println!("{}: {}", catalog.name, counts.join(", "));
    }
    complaints.assert_none("violations are judged otherwise");
}
