//! The virtual module against decoder and rules: every command of every catalog in a state that suits it, every violation in the state in which it is one.

use std::collections::{BTreeMap, BTreeSet};

use atscope::check::Rule;
use atscope::generate::{Generator, Known, Values};
use fastrand::Rng;

use super::common::{self, Complaints};
use super::coverage::Coverage;
use super::rig::Rig;

/// For the default scenario's world.
pub fn generator(catalog: &std::sync::Arc<atscope::catalog::Catalog>, profile: Option<&str>) -> Generator {
    Generator::with(catalog.clone(), None, profile)
        .unwrap()
        .preferring("ssid", "atscope")
        .preferring("pwd", "")
        .preferring("type", "TCP")
        .preferring("remote IP", "192.168.4.2")
}

#[test]
fn the_module_takes_what_is_valid_and_the_decoder_reads_its_answers() {
    let mut complaints = Complaints::default();
    for catalog in common::catalogs() {
        let generator = generator(&catalog, None);
        let mut rng = Rng::with_seed(common::seed());
        let mut coverage = Coverage::default();
        let (mut reached, mut compared, mut unreached) = (0, 0, BTreeSet::new());
        for target in generator.targets().iter().copied() {
            for how in [Values::Least, Values::Any] {
                let Some(invocation) = generator.command(target, how, &mut rng) else { continue };
                let mut known = Known::boot(&catalog);
                let Some(plan) = generator.plan(&invocation, &mut known, &mut rng) else { continue };
                let mut rig = Rig::new(&generator, rng.u64(..), 1 << 20);
                let way = rig.steps(&generator, &plan);
                let turn = rig.command(&generator, &invocation);
                let fine = way.and_then(|()| rig.judge(&turn, Some((&generator, &invocation))));
                if let Err(why) = fine {
                    complaints.enter(format!("== {}\n{}{why}", generator.describe(target), rig.transcript()));
                    continue;
                }
                compared += rig.compared;
                if turn.refused.is_some() {
                    // The way there did not lead there, in this world.
                    unreached.insert(generator.describe(target));
                    continue;
                }
                reached += 1;
                coverage.forms.insert((target.command, target.form));
                coverage.shapes.insert(target);
                coverage.enter(&rig.record);
            }
        }
        println!("{}", coverage.report(&catalog));
        println!("{}: {reached} taken, {compared} state values compared, not reached: {unreached:?}", catalog.name);
    }
    complaints.assert_none("sessions with the module are read otherwise");
}

#[test]
fn the_module_refuses_each_violation_by_its_rule() {
    let mut complaints = Complaints::default();
    for catalog in common::catalogs() {
        let generator = generator(&catalog, None);
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
