//! The virtual module against decoder and rules: every command of every catalog in a state that suits it, every violation in the state in which it is one.

use std::collections::{BTreeMap, BTreeSet};

use atscope::check::Rule;
use atscope::generate::{Generator, Step, Values};
use fastrand::Rng;

use super::common::{self, Complaints};
use super::coverage::Coverage;
use super::rig::{DEVICE, Rig};

/// For the default scenario's world.
pub fn generator(
    catalog: &std::sync::Arc<atscope::catalog::Catalog>,
    model: Option<&str>,
    profile: Option<&str>,
) -> Generator {
    Generator::with(catalog.clone(), model, profile)
        .unwrap()
        .preferring("ssid", "atscope")
        .preferring("pwd", "")
        .preferring("type", "TCP")
        .preferring("remote IP", "192.168.4.2")
        .preferring("remote_address", DEVICE)
        .preferring("url", "http://example.com/")
}

/// The ways to begin a session: as the module boots, and with what a command may need in this world though the manual does not say so.
fn beginnings(generator: &Generator, rng: &mut Rng) -> Vec<Vec<Step>> {
    let mut all = vec![Vec::new()];
    for way in [&["AT+CWJAP= "][..], &["AT+CWJAP= ", "AT+MQTTCONN= "], &["AT+HTTPPARA= <param=URL>", "AT+HTTPACTION= "]]
    {
        let mut steps: Vec<Step> = Vec::new();
        let done = way.iter().try_for_each(|start| {
            let target = generator.targets().iter().find(|target| generator.describe(**target).starts_with(start))?;
            let invocation = generator.command(*target, Values::Least, rng)?;
            let mut known = generator.after(&steps);
            steps.extend(generator.plan(&invocation, &mut known, rng)?);
            steps.push(Step::Command(invocation));
            Some(())
        });
        all.extend(done.map(|()| steps));
    }
    all
}

#[test]
fn the_module_takes_what_is_valid_and_the_decoder_reads_its_answers() {
    let mut complaints = Complaints::default();
    for catalog in common::catalogs() {
        let generator = generator(&catalog, None, None);
        let mut rng = Rng::with_seed(common::seed());
        let mut coverage = Coverage::default();
        let (mut reached, mut compared, mut unreached) = (0, 0, BTreeSet::new());
        let beginnings = beginnings(&generator, &mut rng);
        for target in generator.targets().iter().copied() {
            for how in [Values::Least, Values::Any] {
                // Of several beginnings the first one counts that leads there in this world.
                for begin in &beginnings {
                    let Some(invocation) = generator.command(target, how, &mut rng) else { continue };
                    let mut known = generator.after(begin);
                    let Some(plan) = generator.plan(&invocation, &mut known, &mut rng) else { continue };
                    let mut rig = Rig::new(&generator, rng.u64(..), 1 << 20);
                    let way = rig.steps(&generator, begin).and_then(|()| rig.steps(&generator, &plan));
                    let turn = rig.command(&generator, &invocation);
                    let fine = way.and_then(|()| rig.judge(&turn, Some((&generator, &invocation))));
                    if let Err(why) = fine {
                        complaints.enter(format!("== {}\n{}{why}", generator.describe(target), rig.transcript()));
                        break;
                    }
                    compared += rig.compared;
                    if turn.refused.is_some() {
                        unreached.insert(generator.describe(target));
                        continue;
                    }
                    reached += 1;
                    coverage.forms.insert((target.command, target.form));
                    coverage.shapes.insert(target);
                    coverage.enter(&rig.record);
                    break;
                }
            }
            if coverage.shapes.contains(&target) {
                unreached.remove(&generator.describe(target));
            }
        }
        println!("{}", coverage.report(&catalog));
        println!("{}: {reached} taken, {compared} state values compared", catalog.name);
        for shape in &unreached {
            complaints.enter(format!("{}: no way to the state that {shape} needs led there", catalog.name));
        }
    }
    complaints.assert_none("sessions with the module are read otherwise");
}

#[test]
fn the_module_refuses_each_violation_by_its_rule() {
    let mut complaints = Complaints::default();
    for catalog in common::catalogs() {
        let generator = generator(&catalog, None, None);
        let mut rng = Rng::with_seed(common::seed());
        let mut violations = generator.strangers();
        violations.extend(generator.unsupported(&mut rng));
        for target in generator.targets().iter().copied() {
            violations.extend(generator.violations(target, &mut rng));
        }
        let (mut counts, mut unreached): (BTreeMap<Rule, usize>, usize) = (BTreeMap::new(), 0);
        for violation in &violations {
            let own = Generator::with(catalog.clone(), violation.model.as_deref(), None).unwrap();
            let mut rig = Rig::new(&own, rng.u64(..), 1 << 20);
            let way = rig.steps(&generator, &violation.plan);
            // The way there does not lead there in this world, or not with this module.
            let stuck = !rig.is_as(&generator.after(&violation.plan));
            let turn = rig.turn(&violation.line, None);
            let fine = way.and_then(|()| rig.judge(&turn, None)).and_then(|()| match turn.refused {
                _ if stuck => Ok(()),
                Some(rule) if rule == violation.rule => Ok(()),
                other => Err(format!("the module said {other:?}")),
            });
            match fine {
                Err(why) => {
                    let what = format!(
                        "{} {}: {}",
                        violation.rule.name(),
                        violation.what,
                        generator.describe(violation.target)
                    );
                    complaints.enter(format!("== {what}\n{}{why}", rig.transcript()));
                }
                Ok(()) if stuck => unreached += 1,
                Ok(()) => *counts.entry(violation.rule).or_default() += 1,
            }
        }
        let counts: Vec<String> = counts.iter().map(|(rule, count)| format!("{} {count}", rule.name())).collect();
        println!("{}: {}; state not reached {unreached}", catalog.name, counts.join(", "));
    }
    complaints.assert_none("violations are judged otherwise by the module");
}
