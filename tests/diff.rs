//! `diff`: every change that is planted in a firmware is found and named, and none is reported without one.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::print_stderr, dead_code)]

mod common;
mod firmware;

use std::fs;
use std::path::Path;

use atscope::check::Severity;
use atscope::diff::{Difference, Kind, Pools, Side, compare};
use common::{folder, golden, run};
use firmware::bench::{Bench, ESP, FIBOCOM, GENERIC, SIMCOM, Traffic};
use firmware::changes::changes;
use firmware::{Firmware, esp, plants, read, simcom};
use serde_json::Value;

/// Compares so many recordings of two firmwares.
fn compared(old: &Firmware, new: &Firmware, count: u64, seed: u64) -> Vec<Difference> {
    let mut pools = Pools::default();
    let mut side = |firmware: &Firmware, name: &str, seed: u64| {
        let recordings = (0..count).map(|at| firmware.record(&mut pools, &format!("{name}{at}"), seed + at)).collect();
        Side::new(&pools, recordings)
    };
    let (old, new) = (side(old, "old", seed), side(new, "new", seed + 1_000_000));
    compare(&pools, &old, &new).list
}

fn shown(list: &[Difference]) -> String {
    list.iter()
        .map(|one| format!("  {}[{}] {} {}: {}\n", one.severity, one.kind.name(), one.subject, one.part, one.message))
        .collect()
}

#[test]
fn nothing_is_reported_without_a_change() {
    let (mut false_alarms, mut infos) = (String::new(), [0, 0]);
    for pair in 0..20 {
        for firmware in [simcom(), esp()] {
            for count in [5, 1] {
                let list = compared(&firmware, &firmware, count, 1 + pair * 100);
                infos[usize::from(count > 1)] += list.iter().filter(|one| one.severity == Severity::Info).count();
                let loud: Vec<_> = list.into_iter().filter(|one| one.severity > Severity::Info).collect();
                if !loud.is_empty() {
                    false_alarms.push_str(&format!(
                        "{} pair {pair}, {count} recordings:\n{}",
                        firmware.dialect,
                        shown(&loud)
                    ));
                }
            }
        }
    }
    assert!(false_alarms.is_empty(), "{false_alarms}");
    eprintln!(
        "80 pairs without a change: no errors, no warnings, infos: {} of five recordings, {} of one",
        infos[1], infos[0]
    );
}

#[test]
fn every_planted_change_is_found_and_named() {
    let plants = plants();
    assert!(plants.len() >= 30);
    let (mut wrong, mut found, mut others) = (String::new(), [0, 0], 0);
    for (number, plant) in plants.iter().enumerate() {
        let old = (plant.firmware)();
        let mut new = old.clone();
        (plant.plant)(&mut new);
        for (which, count) in [5, 1].into_iter().enumerate() {
            let list = compared(&old, &new, count, 77 + number as u64 * 100);
            let is_it = |one: &&Difference| {
                one.kind == plant.kind && (plant.subject.is_empty() || one.subject == plant.subject)
            };
            let hit = list.iter().find(is_it);
            // One recording of each side shows no latency, and whatever may be chance is an info there.
            let is_faster = plant.kind == Kind::Faster;
            let is_enough = |one: &Difference| count == 1 || is_faster || one.severity > Severity::Info;
            if hit.is_some_and(is_enough) {
                found[which] += 1;
            } else if count > 1 {
                wrong.push_str(&format!(
                    "{}: not found as {} at {}:\n{}",
                    plant.name,
                    plant.kind.name(),
                    plant.subject,
                    shown(&list)
                ));
            }
            if count > 1 {
                let is_other = |one: &&Difference| one.severity > Severity::Info && !is_it(one);
                others += list
                    .iter()
                    .filter(is_other)
                    .inspect(|o| eprintln!("{} {} {} {}", plant.name, o.kind.name(), o.subject, o.message))
                    .count();
            }
        }
    }
    eprintln!(
        "{} planted changes: {} found in five recordings, {} in one; {others} further differences",
        plants.len(),
        found[0],
        found[1]
    );
    assert!(wrong.is_empty(), "{wrong}");
}

/// Writes a recording as a transcript.
fn transcript(folder: &Path, name: &str, firmware: &Firmware, seed: u64) -> String {
    let path = folder.join(name);
    fs::write(&path, firmware.transcript(seed)).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn sides_are_files_folders_or_a_baseline() {
    let folder = folder("sides");
    let (old, mut new) = (simcom(), simcom());
    *new.answer("AT+CSCS=\"GSM\"", 0).0 = "\r\nERROR\r\n".to_owned();
    new.replace("+CGMR: LE20B04", "+CGMR: LE20B05");
    for side in ["old", "new"] {
        fs::create_dir(folder.join(side)).unwrap();
    }
    let olds: Vec<String> = (0..3).map(|at| transcript(&folder, &format!("old/{at}.at"), &old, at)).collect();
    let news: Vec<String> = (0..3).map(|at| transcript(&folder, &format!("new/{at}.at"), &new, 10 + at)).collect();
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let (baseline, old_folder, new_folder) = (path("baseline.json"), path("old"), path("new"));
    let learn = run(&["baseline", &old_folder, "-o", &baseline]);
    assert_eq!(learn.status, 0, "{}", learn.stderr);
    let text = fs::read_to_string(&baseline).unwrap();
    run(&[&["baseline", "-o", &baseline][..], &olds.iter().map(String::as_str).collect::<Vec<_>>()].concat());
    assert_eq!(fs::read_to_string(&baseline).unwrap(), text, "a baseline of the same recordings is the same file");

    let lists: Vec<&str> =
        olds.iter().map(String::as_str).chain(["--new"]).chain(news.iter().map(String::as_str)).collect();
    let calls = [
        vec!["diff", "--format", "json", &old_folder, &new_folder],
        [&["diff", "--format", "json", "--old"][..], &lists].concat(),
        vec!["diff", "--format", "json", &baseline, &new_folder],
    ];
    for call in calls {
        let run = run(&call);
        assert_eq!(run.status, 1, "{call:?}: {}", run.stderr);
        let json: Value = serde_json::from_str(&run.stdout).unwrap();
        assert_eq!((json["format"].as_str(), json["version"].as_u64()), (Some("atscope-diff"), Some(1)));
        let list = json["differences"].as_array().unwrap();
        let loud: Vec<_> = list.iter().filter(|one| one["severity"] != "info").collect();
        assert_eq!(loud.len(), 1, "{list:?}");
        assert_eq!((&loud[0]["kind"], &loud[0]["subject"]), (&"result-changed".into(), &"AT+CSCS=".into()));
        assert!(json["new"]["identity"][0].as_str().unwrap().contains("LE20B05"));
        assert_eq!(json["counts"]["error"], 1);
    }
    for (fail_on, status) in [("never", 0), ("error", 1)] {
        assert_eq!(run(&["diff", "--fail-on", fail_on, &old_folder, &new_folder]).status, status);
    }

    // What was reviewed is accepted, with its reason, and stays so when the baseline is learnt again.
    let accept = run(&["baseline", "accept", &baseline, &new_folder, "--reason", "the vendor says so"]);
    assert_eq!(accept.status, 0, "{}", accept.stderr);
    assert!(accept.stdout.contains("accepted[result-changed] AT+CSCS="), "{}", accept.stdout);
    let again = run(&["diff", &baseline, &new_folder]);
    assert_eq!(again.status, 0, "{}", again.stdout);
    assert!(again.stdout.contains("the vendor says so") && again.stdout.contains("no differences"), "{}", again.stdout);
    assert_eq!(run(&["baseline", &old_folder, "-o", &baseline]).status, 0);
    assert_eq!(run(&["diff", &baseline, &new_folder]).status, 0);
    // The reverse is another difference.
    assert_eq!(run(&["diff", &new_folder, &old_folder, "--fail-on", "warning"]).status, 1);
}

#[test]
fn what_a_recording_does_not_show_is_no_difference() {
    let folder = folder("not-shown");
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let firmware = simcom();
    let old: Vec<String> = (0..3).map(|at| transcript(&folder, &format!("old{at}.at"), &firmware, at)).collect();
    let whole = fs::read_to_string(&old[1]).unwrap();
    // One run is cut short within counted data; one side of the line alone; levels in place of bytes, at another speed.
    let cut = whole.find("DATA,64").unwrap() + 20;
    fs::write(path("cut.at"), format!("{}\n", &whole[..cut])).unwrap();
    for (name, sign) in [("host.at", " > "), ("module.at", " < ")] {
        let is_kept = |line: &&str| line.starts_with('#') || line.get(9..12) == Some(sign);
        let lines: Vec<&str> = whole.lines().filter(is_kept).collect();
        fs::write(path(name), lines.join("\n") + "\n").unwrap();
    }
    assert_eq!(run(&["convert", &old[2], "-o", &path("levels.sr"), "--baud", "57600"]).status, 0);
    // A terminal's log: what the module repeats is all that is known of the host.
    let mut echoing = simcom();
    firmware::echo(&mut echoing, "\r\r\n");
    let echoed = transcript(&folder, "echoed.at", &echoing, 5);
    let log = echoing.module_bytes(6);
    fs::write(path("terminal.log"), log).unwrap();
    for (old, new) in [
        (&old[0], "cut.at"),
        (&old[0], "host.at"),
        (&old[0], "module.at"),
        (&old[0], "levels.sr"),
        (&echoed, "terminal.log"),
    ] {
        let diff = run(&["diff", "-d", "simcom", "--fail-on", "warning", old, &path(new)]);
        assert_eq!(diff.status, 0, "{new}: {}{}", diff.stdout, diff.stderr);
        let is_silent = diff.stderr.contains("holds nothing that the");
        assert_eq!(is_silent, ["host.at", "module.at"].contains(&new), "{new}: {}", diff.stderr);
    }
}

#[test]
fn check_leaves_out_what_a_baseline_knows() {
    let folder = folder("check-baseline");
    let mut firmware = simcom();
    firmware.replace("0,200,64", "0,999,64");
    let old = transcript(&folder, "old.at", &firmware, 1);
    let baseline = folder.join("b.json");
    let baseline = baseline.to_str().unwrap();
    assert_eq!(run(&["baseline", &old, "-o", baseline]).status, 0);
    let args = ["check", "--fail-on", "warning", &old];
    assert_eq!(run(&args).status, 1);
    assert_eq!(run(&[&args[..], &["--baseline", baseline]].concat()).status, 0);
    firmware.replace("\r\n+CPAS: 0\r\n\r\nOK\r\n", "\r\n+CPAS: 0\r\n\r\nOK\r\n\r\n+FOOBAR: 1\r\n");
    let new = transcript(&folder, "new.at", &firmware, 2);
    let checked = run(&["check", "--fail-on", "warning", "--baseline", baseline, &new]);
    assert_eq!(checked.status, 1);
    assert!(
        checked.stdout.contains("unknown-urc") && !checked.stdout.contains("undocumented-code"),
        "{}",
        checked.stdout
    );
}

#[test]
fn mistakes_are_said() {
    let folder = folder("diff-mistakes");
    let good = transcript(&folder, "good.at", &simcom(), 1);
    let file = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let newer = file("newer.json", "{\"format\": \"atscope-baseline\", \"version\": 9}");
    let broken = file("broken.json", "{\"format\": \"atscope-baseline\", \"version\": 1, \"script\": 7}");
    let other_json = file("other.json", "{\"version\": 1}");
    let unknown = file("unknown.json", "{\"format\": \"atscope-baseline\", \"version\": 1, \"colour\": 7}");
    let nothing = file("nothing.at", "# dialect: simcom\n");
    fs::create_dir(folder.join("empty")).unwrap();
    let empty = folder.join("empty");
    for (args, message) in [
        (vec!["diff", good.as_str()], "two sides are compared"),
        (vec!["diff", &good, "no/such/file"], "no/such/file"),
        (vec!["diff", &newer, &good], "version 9"),
        (vec!["diff", &broken, &good], "is no baseline"),
        (vec!["diff", &other_json, &good], "its `format` is ``"),
        (vec!["diff", &unknown, &good], "unknown field `colour`"),
        (vec!["diff", &good, &nothing], "the new side holds nothing to compare"),
        (vec!["diff", empty.to_str().unwrap(), &good], "the old side has no recordings"),
        (vec!["baseline", "accept", &good, &good, "--reason", " "], "--reason is empty"),
        (vec!["check", "--baseline", &good, &good], "is no baseline"),
        (vec!["baseline", "accept", &good, &good, "--reason", "x"], "is no baseline"),
    ] {
        let run = run(&args);
        assert_eq!(run.status, 2, "{args:?}: {}", run.stdout);
        assert!(run.stderr.contains(message), "{args:?}: {}", run.stderr);
    }
    let other = transcript(&folder, "other.at", &esp(), 1);
    let unlike = run(&["diff", "-d", "generic", &good, &other]);
    assert!(unlike.stderr.contains("few commands in common"), "{}", unlike.stderr);
}

#[test]
fn differences_are_reported() {
    const OLD: &str = "tests/golden/input/wifi.at";
    const NEW: &str = "tests/golden/input/wifi-new.at";
    for format in ["text", "json", "junit", "markdown"] {
        golden(&format!("diff_{format}"), &["diff", "--format", format, OLD, NEW]);
    }
    let junit = run(&["diff", "--format", "junit", OLD, NEW]).stdout;
    let report = quick_junit::Report::deserialize_from_str(&junit).unwrap();
    assert!(report.failures > 0 && report.tests > report.failures);
}

/// So many recordings of a bench, with a change planted in them; and whether it took effect.
fn recorded(
    pools: &mut Pools,
    bench: &Bench,
    name: &str,
    seeds: std::ops::Range<u64>,
    plant: fn(&mut Traffic),
) -> (Side, bool) {
    let mut is_changed = false;
    let recordings = seeds.map(|seed| {
        let mut traffic = bench.record(seed);
        plant(&mut traffic);
        is_changed |= traffic.is_changed;
        read(pools, &format!("{name}{seed}"), bench.dialect, &traffic.chunks(seed))
    });
    let recordings = recordings.collect();
    (Side::new(pools, recordings), is_changed)
}

#[test]
fn changes_of_the_virtual_module_are_found_and_named_and_nothing_else_is() {
    let (mut hits, mut others, mut wrong) = (0, 0, String::new());
    let changes = changes();
    for (number, change) in changes.iter().enumerate() {
        let seed = number as u64 * 100;
        let mut pools = Pools::default();
        let (old, _) = recorded(&mut pools, &change.bench, "old", seed..seed + 5, |_| ());
        let (new, is_changed) = recorded(&mut pools, &change.bench, "new", seed + 50..seed + 55, change.plant);
        assert!(is_changed, "{} changes nothing", change.name);
        let list = compare(&pools, &old, &new).list;
        let is_it = |one: &&Difference| one.kind == change.kind && one.subject == change.subject;
        let found = usize::from(list.iter().any(|one| is_it(&one)));
        hits += found;
        others += list.len() - found;
        if found == 0 || list.len() != 1 {
            let expected = format!("{} {}", change.kind.name(), change.subject);
            wrong.push_str(&format!("{}: expected {expected}\n{}", change.name, shown(&list)));
        }
    }
    let count = changes.len();
    assert!(wrong.is_empty(), "{hits} of {count} found, {others} others told\n{wrong}");
    eprintln!("{count} planted changes of the virtual module: all found, nothing else told");
}

/// How many pairs of recordings without a change are compared; `ATSCOPE_DIFF_PAIRS` takes another number.
fn pairs() -> u64 {
    std::env::var("ATSCOPE_DIFF_PAIRS").ok().and_then(|text| text.parse().ok()).unwrap_or(200)
}

#[test]
fn recordings_of_the_same_virtual_module_are_the_same() {
    let (mut wrong, mut infos) = (String::new(), 0);
    let benches = [SIMCOM, ESP, FIBOCOM, GENERIC];
    let pairs = pairs();
    for pair in 0..pairs {
        let bench = benches[pair as usize % benches.len()];
        // Five recordings a side now and then, one most of the time: that is what leaves most to chance.
        let count = if pair / 4 % 3 == 0 { 5 } else { 1 };
        let (seed, mut pools) = (1_000_000 + pair * 100, Pools::default());
        let (old, _) = recorded(&mut pools, &bench, "old", seed..seed + count, |_| ());
        let (new, _) = recorded(&mut pools, &bench, "new", seed + 50..seed + 50 + count, |_| ());
        let list = compare(&pools, &old, &new).list;
        infos += list.iter().filter(|one| one.severity == Severity::Info).count();
        // Chance may look like a change in one recording: that is at most an info.
        if list.iter().any(|one| count > 1 || one.severity > Severity::Info) {
            wrong.push_str(&format!("{} pair {pair}, {count} recordings:\n{}", bench.dialect, shown(&list)));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    eprintln!("{pairs} pairs without a change: nothing told, but {infos} infos of single recordings");
}

/// What a firmware generation does otherwise than another one, by kind and subject.
type Expected = &'static [(Kind, &'static str)];

#[test]
fn firmware_generations_differ_as_the_catalogs_have_it() {
    let cases: [(Bench, &str, Expected); 5] = [
        (
            SIMCOM,
            "a76xx",
            &[
                (Kind::LineGone, "AT+HTTPREAD="),
                (Kind::UrcNew, "*ATREADY"),
                (Kind::UrcNew, "+APP PDP"),
                (Kind::UrcNew, "+CGEV"),
                (Kind::UrcGone, "RDY"),
            ],
        ),
        (
            FIBOCOM,
            "mc665",
            &[
                (Kind::UrcNew, "+CPIN"),
                (Kind::UrcGone, "+SIM READY"),
                (Kind::BlankLines, "AT+HTTPREAD"),
                (Kind::BlankLines, "AT+HTTPREAD="),
            ],
        ),
        (
            ESP,
            "rtos-1",
            &[
                (Kind::FieldCount, "AT+CWJAP?"),
                (Kind::FieldCount, "AT+CWLAP"),
                (Kind::LineGone, "AT+PING="),
                (Kind::FieldCount, "AT+SYSRAM?"),
                (Kind::LineGone, "AT+GMR"),
                (Kind::FieldCount, "AT+GMR"),
                (Kind::LineNew, "AT+PING="),
            ],
        ),
        (
            ESP,
            "nonos",
            &[
                (Kind::FieldCount, "AT+CWJAP?"),
                (Kind::FieldCount, "AT+CWLAP"),
                (Kind::LineGone, "AT+PING="),
                (Kind::FieldCount, "AT+SYSRAM?"),
                (Kind::Prompt, "AT+CIPSEND="),
                (Kind::FieldCount, "AT+GMR"),
                (Kind::FieldCount, "AT+GMR"),
                (Kind::LineNew, "AT+PING="),
                (Kind::Echo, "AT+RST"),
                (Kind::Echo, "ATE0"),
            ],
        ),
        (SIMCOM, "sim7600", &[]),
    ];
    for (bench, profile, expected) in cases {
        let mut pools = Pools::default();
        let (old, _) = recorded(&mut pools, &bench, "old", 1..6, |_| ());
        let (new, _) = recorded(&mut pools, &Bench { profile, ..bench }, "new", 11..16, |_| ());
        let list = compare(&pools, &old, &new).list;
        let sorted = |list: Vec<(Kind, &str)>| {
            let mut list: Vec<(Kind, String)> = list.into_iter().map(|(kind, text)| (kind, text.to_owned())).collect();
            list.sort();
            list
        };
        let found = sorted(list.iter().map(|one| (one.kind, one.subject.as_str())).collect());
        assert_eq!(found, sorted(expected.to_vec()), "{} {profile}:\n{}", bench.dialect, shown(&list));
        assert!(old.identity() != new.identity() || expected.is_empty(), "{profile}");
    }
}
