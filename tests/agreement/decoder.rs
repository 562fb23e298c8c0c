//! Decoder and rules against the generator alone: no module runs here, so whatever the manual lets one say is said.

use std::collections::{BTreeMap, BTreeSet};

use atscope::check::Rule;
use atscope::generate::{Bag, Known, Script, Values, Writer};
use fastrand::Rng;

use super::common::{self, Complaints, decode, differs};
use super::coverage::Coverage;

const HOWS: [Values; 3] = [Values::Least, Values::Edge, Values::Any];

#[test]
fn what_is_valid_draws_no_finding_and_reads_as_it_was_meant() {
    let mut complaints = Complaints::default();
    for catalog in common::catalogs() {
        let mut coverage = Coverage::default();
        let (mut planned, mut unplanned) = (BTreeSet::new(), BTreeSet::new());
        let mut rng = Rng::with_seed(common::seed());
        for generator in common::generators(&catalog) {
            for target in generator.targets().iter().copied() {
                for how in HOWS {
                    let Some(invocation) = generator.command(target, how, &mut rng) else {
                        // A shape without the parameters that a relation wants is never valid.
                        continue;
                    };
                    let mut known = Known::boot(&catalog);
                    let Some(plan) = generator.plan(&invocation, &mut known, &mut rng) else {
                        unplanned.insert(generator.describe(target));
                        continue;
                    };
                    planned.insert(generator.describe(target));
                    coverage.forms.insert((target.command, target.form));
                    coverage.shapes.insert(target);
                    for answer in generator.answers(&invocation) {
                        let mut writer = Writer::new(&generator, &mut rng);
                        writer.steps(&plan);
                        writer.command(&invocation, &answer);
                        let script = writer.script;
                        let record = decode(&catalog, &script, 1 << 20);
                        coverage.enter(&record);
                        let wrong = differs(&record, &script.expected);
                        if wrong.is_some() || !record.rules().is_empty() {
                            complaints.enter(told(&generator.describe(target), &script, &record, wrong));
                        }
                    }
                }
            }
        }
        for never in unplanned.difference(&planned) {
            complaints.enter(format!("{}: no way to the state that {never} needs", catalog.name));
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
        for target in generator.targets().iter().copied() {
            violations.extend(generator.violations(target, &mut rng));
        }
        let mut counts: BTreeMap<Rule, usize> = BTreeMap::new();
        for violation in &violations {
            *counts.entry(violation.rule).or_default() += 1;
            let script = generator.play(violation, &mut rng);
            let record = decode(&catalog, &script, 1 << 20);
            if record.rules() != [violation.rule] {
                let what =
                    format!("{} {}: {}", violation.rule.name(), violation.what, generator.describe(violation.target));
                complaints.enter(told(&what, &script, &record, None));
            }
        }
        let counts: Vec<String> = counts.iter().map(|(rule, count)| format!("{} {count}", rule.name())).collect();
        println!("{}: {}", catalog.name, counts.join(", "));
    }
    complaints.assert_none("violations are judged otherwise");
}

#[test]
fn each_fault_draws_its_rule_and_no_other() {
    let mut complaints = Complaints::default();
    for catalog in common::catalogs() {
        let mut rng = Rng::with_seed(common::seed());
        let generator = atscope::generate::Generator::new(catalog.clone());
        let mut faults = generator.loose_faults(&mut rng);
        for target in generator.targets().iter().copied() {
            if let Some(invocation) = generator.command(target, Values::Any, &mut rng) {
                faults.extend(generator.faults(&invocation, &mut rng));
            }
        }
        let mut counts: BTreeMap<Rule, usize> = BTreeMap::new();
        for fault in &faults {
            *counts.entry(fault.rule).or_default() += 1;
            let record = decode(&catalog, &fault.script, 1 << 20);
            let mut rules: Vec<Rule> = record.findings.iter().map(|finding| finding.rule).collect();
            // The host's own CR alone.
            rules.retain(|rule| *rule != Rule::LineEnding || fault.rule == Rule::LineEnding);
            if !rules.contains(&fault.rule)
                || rules.iter().any(|rule| *rule != fault.rule && !fault.also.contains(rule))
            {
                complaints.enter(told(
                    &format!("{} : {}", fault.rule.name(), fault.what),
                    &fault.script,
                    &record,
                    None,
                ));
            }
        }
        let counts: Vec<String> = counts.iter().map(|(rule, count)| format!("{} {count}", rule.name())).collect();
        println!("{}: {}", catalog.name, counts.join(", "));
    }
    complaints.assert_none("faults are judged otherwise");
}

#[test]
fn each_unsolicited_line_is_read_by_its_name_and_draws_no_finding() {
    let mut complaints = Complaints::default();
    for catalog in common::catalogs() {
        let mut rng = Rng::with_seed(common::seed());
        let mut coverage = Coverage::default();
        for generator in common::generators(&catalog) {
            for at in generator.urcs(false) {
                for how in HOWS {
                    let Some(bag) = generator.line_values(at, &Bag::new(), how, &mut rng) else { continue };
                    let mut writer = Writer::new(&generator, &mut rng);
                    if !writer.may_say(at, &bag) {
                        continue;
                    }
                    if catalog.command(b"").is_some() {
                        let exchange = writer.give(b"AT");
                        writer.expect("command", "", Some(exchange));
                        writer.expect("echo", "", Some(exchange));
                        writer.result("OK", exchange);
                    }
                    writer.line(at, &bag);
                    let script = writer.script;
                    let record = decode(&catalog, &script, 3);
                    coverage.enter(&record);
                    let wrong = differs(&record, &script.expected);
                    if wrong.is_some() || !record.rules().is_empty() {
                        complaints.enter(told(&catalog.lines[at as usize].text, &script, &record, wrong));
                    }
                }
            }
        }
        print!("{}", coverage.report(&catalog).of("URCs"));
    }
    complaints.assert_none("lines are read otherwise");
}
