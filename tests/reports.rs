//! Reports for other programs: JUnit, SARIF, GitHub annotations and Markdown, read back by parsers of their formats.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::print_stderr)]

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;

use common::{folder, golden, json_lines, run};
use quick_junit::{NonSuccessKind, Report, TestCaseStatus};
use serde_json::Value;

const WIFI: &str = "tests/golden/input/wifi.at";
const BROKEN: &str = "tests/golden/input/broken.at";
const TURNS: &str = "corpus/demo/wrong-turns.at";
const LOGIC: &str = "corpus/logic/wrong-turns.sr";
const MISSING: &str = "no/such/file.at";

#[test]
fn check_writes_reports() {
    golden("check_junit", &["check", "--format", "junit", WIFI]);
    golden("check_github", &["check", "--format", "github", TURNS, LOGIC, MISSING]);
    golden("check_markdown", &["check", "--format", "markdown", TURNS, BROKEN, MISSING]);
}

/// The findings as JSON lines tell them: file, rule, severity, line, column.
fn told(args: &[&str]) -> Vec<(String, String, String, Option<u64>)> {
    let lines = json_lines(&run(&[&["check", "--format", "jsonl"], args].concat()).stdout);
    let findings = lines.iter().filter(|line| line["type"] == "finding");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    findings.map(|f| (text(&f["file"]), text(&f["rule"]), text(&f["severity"]), f["line"].as_u64())).collect()
}

#[test]
fn junit_has_a_suite_a_recording_and_a_case_a_rule() {
    let args = [TURNS, LOGIC, MISSING, BROKEN];
    let run = run(&[&["check", "--format", "junit", "--allow", "payload-length"], args.as_slice()].concat());
    assert_eq!(run.status, 2);
    let report = Report::deserialize_from_str(&run.stdout).unwrap();
    let names: Vec<&str> = report.test_suites.iter().map(|suite| suite.name.as_str()).collect();
    assert_eq!(names, [TURNS, LOGIC, MISSING, BROKEN, BROKEN]);
    let findings = told(&[&["--allow", "payload-length"], args.as_slice()].concat());
    for suite in &report.test_suites {
        if suite.test_cases.len() == 1 {
            let TestCaseStatus::NonSuccess { kind: NonSuccessKind::Error, .. } = suite.test_cases[0].status else {
                panic!("{suite:?}");
            };
            continue;
        }
        assert_eq!(suite.test_cases.len(), atscope::check::Rule::ALL.len());
        for case in &suite.test_cases {
            let is_broken = findings.iter().any(|f| f.0 == suite.name.as_str() && f.1 == case.name.as_str());
            let is_error = findings.iter().any(|f| f.1 == case.name.as_str() && f.2 == "error");
            match &case.status {
                TestCaseStatus::NonSuccess { kind, message, description, .. } => {
                    assert!(is_broken && is_error && *kind == NonSuccessKind::Failure, "{case:?}");
                    assert!(!message.as_ref().unwrap().is_empty() && !description.as_ref().unwrap().is_empty());
                }
                TestCaseStatus::Skipped { .. } => assert_eq!(case.name.as_str(), "payload-length"),
                TestCaseStatus::Success { .. } => {
                    assert_eq!(is_broken, case.system_out.is_some(), "{case:?}");
                    assert!(!is_broken || !is_error, "{case:?}");
                }
            }
        }
    }
    // What does not fail the run fails no case.
    let calm = common::run(&["check", "--format", "junit", "--fail-on", "never", TURNS]);
    let report = Report::deserialize_from_str(&calm.stdout).unwrap();
    assert_eq!((calm.status, report.failures, report.errors), (0, 0, 0));
}

#[test]
fn damage_is_an_error_of_junit_and_a_result_of_sarif() {
    let folder = folder("damaged-report");
    let whole = fs::read("corpus/capture/user0.pcap").unwrap();
    let path = folder.join("cut.pcap");
    fs::write(&path, &whole[..whole.len() - 3]).unwrap();
    let name = path.to_str().unwrap();
    let junit = run(&["check", "--format", "junit", name]);
    let report = Report::deserialize_from_str(&junit.stdout).unwrap();
    assert_eq!((junit.status, report.errors), (2, 1));
    let sarif: Value = serde_json::from_str(&run(&["check", "--format", "sarif", name]).stdout).unwrap();
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    assert!(results.iter().any(|result| result["ruleId"] == "capture-damaged"), "{results:?}");
    let github = run(&["check", "--format", "github", name]).stdout;
    assert!(github.contains("title=capture-damaged::"), "{github}");
    let markdown = run(&["check", "--format", "markdown", name]).stdout;
    assert!(markdown.contains("`capture-damaged`"), "{markdown}");
}

#[test]
fn sarif_is_what_code_scanning_asks_for() {
    let args = [TURNS, WIFI, LOGIC, MISSING];
    let printed = run(&[&["check", "--format", "sarif"], args.as_slice()].concat()).stdout;
    let sarif: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(sarif["version"], "2.1.0");
    let only = &sarif["runs"][0];
    assert_eq!((sarif["runs"].as_array().unwrap().len(), &only["columnKind"]), (1, &"unicodeCodePoints".into()));
    let rules = only["tool"]["driver"]["rules"].as_array().unwrap();
    assert_eq!(rules.len(), atscope::check::Rule::ALL.len());
    for (rule, known) in rules.iter().zip(atscope::check::Rule::ALL) {
        assert_eq!(rule["id"], known.name());
        for text in ["shortDescription", "fullDescription", "help"] {
            assert!(rule[text]["text"].as_str().unwrap().len() > 20, "{rule}");
        }
        let short = rule["shortDescription"]["text"].as_str().unwrap();
        assert!(short.ends_with('.') && short.len() < 1024 && !short.contains('*'), "{short}");
    }
    let results = only["results"].as_array().unwrap();
    let findings = told(&args);
    assert_eq!(results.len(), findings.len());
    let mut fingerprints = Vec::new();
    for (result, (file, rule, severity, line)) in results.iter().zip(&findings) {
        assert_eq!(result["ruleId"], rule.as_str());
        assert_eq!(rules[result["ruleIndex"].as_u64().unwrap() as usize]["id"], rule.as_str());
        assert_eq!(result["level"], if severity == "info" { "note" } else { severity });
        let place = &result["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], file.as_str());
        assert_eq!(place["region"]["startLine"].as_u64().unwrap(), line.unwrap_or(1));
        if line.is_none() {
            assert!(result["message"]["text"].as_str().unwrap().contains("byte "), "{result}");
        }
        fingerprints.push((file, result["partialFingerprints"]["atscopeFinding/v1"].as_str().unwrap()));
    }
    let count = fingerprints.len();
    fingerprints.sort_unstable();
    fingerprints.dedup();
    assert_eq!(fingerprints.len(), count, "a fingerprint names one result");
    let invocation = &only["invocations"][0];
    assert_eq!(invocation["executionSuccessful"], false);
    assert!(invocation["toolExecutionNotifications"][0]["message"]["text"].as_str().unwrap().contains("No such"));
}

#[test]
fn fingerprints_hold_when_the_session_is_recorded_again() {
    let folder = folder("fingerprints");
    let path = folder.join("again.at");
    let name = path.to_str().unwrap();
    let text = fs::read_to_string(TURNS).unwrap();
    let fingerprints = |text: &str| {
        fs::write(&path, text).unwrap();
        let sarif: Value = serde_json::from_str(&run(&["check", "--format", "sarif", name]).stdout).unwrap();
        let results = sarif["runs"][0]["results"].as_array().unwrap().clone();
        results.iter().map(|result| result["partialFingerprints"].to_string()).collect::<Vec<_>>()
    };
    let first = fingerprints(&text);
    let later = text.replacen(
        "@0.000000 > AT+CWMODE=7",
        "@0.000000 > AT\\r\\n\n@0.000001 < \\r\\nOK\\r\\n\n@0.000003 > AT+CWMODE=7",
        1,
    );
    assert_ne!(text, later);
    assert_eq!((first.is_empty(), &first), (false, &fingerprints(&later)));
}

#[test]
fn hostile_names_and_bytes_stay_inside() {
    let folder = folder("hostile-report");
    let path = folder.join("a,b:c%d é]]><x>|`.at");
    fs::write(
        &path,
        "# dialect: esp-at\n@0.0 > AT+CWMODE=<b>|`@you`]]>&%0A::x\\x1B[31m\\x00\\r\\n\n@0.1 < \\r\\nERROR\\r\\n\n",
    )
    .unwrap();
    let name = path.to_str().unwrap();
    Report::deserialize_from_str(&run(&["check", "--format", "junit", name]).stdout).unwrap();
    serde_json::from_str::<Value>(&run(&["check", "--format", "sarif", name]).stdout).unwrap();
    let github = run(&["check", "--format", "github", name]).stdout;
    assert!(github.lines().count() > 0 && github.lines().all(|line| line.starts_with("::")), "{github}");
    assert!(github.contains("a%2Cb%3Ac%25d é") && !github.contains('\u{1b}'), "{github}");
    let markdown = run(&["check", "--format", "markdown", name]).stdout;
    assert!(!markdown.contains("<b>") && !markdown.contains("@you") && !markdown.contains("<x>"), "{markdown}");
    let columns: Vec<usize> =
        markdown.lines().filter(|line| line.starts_with("| 🔴")).map(|line| line.matches('|').count()).collect();
    assert!(!columns.is_empty() && columns.iter().all(|&bars| bars == 5), "{markdown}");
}

/// A Chromium: the one that `ATSCOPE_CHROMIUM` names, or one of the path.
fn chromium() -> Option<String> {
    let named = std::env::var("ATSCOPE_CHROMIUM").ok();
    let known = ["chromium", "chromium-browser", "google-chrome", "chrome-headless-shell"].map(str::to_owned);
    let works =
        |name: &String| Command::new(name).arg("--version").output().is_ok_and(|output| output.status.success());
    named.into_iter().chain(known).find(works)
}

/// What a page is after a script of the test has run in it: the page's `#result`, which holds JSON.
fn driven(chromium: &str, folder: &Path, page: &str, script: &str) -> Value {
    let start =
        "<script>window.errors = []; addEventListener('error', (event) => errors.push(event.message));</script>";
    let end = format!(
        "<script>{{ const out = {{}}; try {{ {script} }} catch (error) {{ errors.push(String(error)); }}\n\
         out.errors = errors; const pre = document.createElement('pre'); pre.id = 'result';\n\
         pre.textContent = JSON.stringify(out); document.body.append(pre); }}</script></body>"
    );
    let page = page.replacen("<body>", &format!("<body>{start}"), 1).replacen("</body>", &end, 1);
    let path = folder.join("driven.html");
    fs::write(&path, page).unwrap();
    let output = Command::new(chromium)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--window-size=1400,900", "--enable-logging=stderr"])
        // It is to open one file, and nothing else.
        .args(["--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .arg("--disable-quic")
        .arg(format!("--user-data-dir={}", folder.join("profile").display()))
        .args(["--virtual-time-budget=4000", "--dump-dom"])
        .arg(format!("file://{}", path.display()))
        .output()
        .unwrap();
    let log = String::from_utf8_lossy(&output.stderr);
    let said: Vec<&str> = log.lines().filter(|line| line.contains("CONSOLE")).collect();
    assert!(said.is_empty(), "{said:?}");
    let dom = String::from_utf8_lossy(&output.stdout);
    let result = dom.split("<pre id=\"result\">").nth(1).and_then(|rest| rest.split("</pre>").next());
    let result = result.unwrap_or_else(|| panic!("no result: {log}"));
    let result: Value =
        serde_json::from_str(&result.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")).unwrap();
    assert_eq!(result["errors"], Value::Array(Vec::new()), "{result}");
    result
}

#[test]
fn the_page_works_in_a_browser() {
    let Some(chromium) = chromium() else {
        eprintln!("skipped: no Chromium here; ATSCOPE_CHROMIUM names one");
        return;
    };
    let folder = folder("pages");
    let page = run(&["check", "--format", "html", TURNS]).stdout;
    let result = driven(
        &chromium,
        &folder,
        &page,
        "const count = () => document.querySelector('.count').textContent;
         const rows = () => [...document.querySelectorAll('.row')].map((row) => row.textContent);
         const set = (node, value, name) => { node.value = value; node.dispatchEvent(new Event(name)); };
         out.all = count(); out.rows = rows().length;
         document.querySelector('[data-kind=command]').click(); out.without = count();
         set(document.querySelector('input[type=search]'), 'CONNECT', 'input'); out.text = rows();
         document.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape' })); out.cleared = count();
         set(document.querySelector('[data-filter=rule]'), 'param-range', 'change'); out.rule = count();
         set(document.querySelector('[data-filter=command]'), 'AT+CIPMUX=', 'change'); out.both = count();
         document.querySelector('.item').click();
         out.on = document.querySelector('.row.on').dataset.seq;
         out.bytes = [...document.querySelectorAll('.detail mark')].map((mark) => mark.textContent);
         document.dispatchEvent(new KeyboardEvent('keydown', { key: 'j' }));
         out.next = document.querySelector('.row.on').dataset.seq;
         document.getElementById('theme').click(); out.theme = document.documentElement.dataset.theme;",
    );
    assert_eq!(result["all"], "21 of 21", "{result}");
    assert!((5..=21).contains(&result["rows"].as_u64().unwrap()), "what can be seen: {result}");
    assert_eq!((&result["without"], &result["cleared"]), (&"15 of 21".into(), &"21 of 21".into()));
    assert_eq!(result["text"].as_array().unwrap().len(), 1, "the command is filtered out, its answer is not: {result}");
    assert_eq!((&result["rule"], &result["both"]), (&"1 of 21".into(), &"0 of 21".into()));
    // The finding is about the `7` of `AT+CWMODE=7`.
    assert_eq!((&result["on"], &result["bytes"]), (&"0".into(), &serde_json::json!(["37", "7"])));
    assert_eq!((&result["next"], &result["theme"]), (&"1".into(), &"dark".into()));

    // A list of many events is no longer in the page than what can be seen of it.
    let many = folder.join("many.at");
    let mut text = String::from("# dialect: simcom\n");
    for at in 0..34_000 {
        text.push_str(&format!("@{at}.0 > AT+CSQ\\r\\n\n@{at}.1 < \\r\\n+CSQ: 2{},99\\r\\n\\r\\nOK\\r\\n\n", at % 10));
    }
    fs::write(&many, text).unwrap();
    let page = run(&["decode", "--format", "html", many.to_str().unwrap()]).stdout;
    let result = driven(
        &chromium,
        &folder,
        &page,
        "const list = document.querySelector('.list');
         out.count = document.querySelector('.count').textContent; out.rows = document.querySelectorAll('.row').length;
         const start = performance.now(); let most = 0;
         for (let at = 0; at < 100; at++) {
           list.scrollTop = at * 20000; list.dispatchEvent(new Event('scroll'));
           most = Math.max(most, document.querySelectorAll('.row').length);
         }
         out.most = most; out.last = document.querySelector('.row').dataset.seq;",
    );
    assert_eq!(result["count"], "102000 of 102000");
    assert!(result["most"].as_u64().unwrap() < 100, "{result}");
    assert!(result["last"].as_str().unwrap().parse::<u64>().unwrap() > 80_000, "{result}");

    // A difference leads to the event on both sides.
    let new = "tests/golden/input/wifi-new.at";
    let page = run(&["diff", "--format", "html", WIFI, new]).stdout;
    let result = driven(
        &chromium,
        &folder,
        &page,
        "out.panes = [...document.querySelectorAll('.pane .name')].map((name) => name.textContent.slice(0, 4));
         document.querySelector('.item').click();
         out.on = [...document.querySelectorAll('.row.on')].map((row) => row.querySelector('.n').textContent);",
    );
    assert_eq!(result["panes"], serde_json::json!(["old:", "new:"]));
    assert_eq!(result["on"], serde_json::json!(["AT+CIFSR", "AT+CIFSR"]));
}

#[test]
fn the_page_holds_hostile_bytes() {
    let folder = folder("hostile-page");
    let path = folder.join("x.at");
    fs::write(&path, "# dialect: esp-at\n@0.0 > AT+X=\"</script><script>alert(1)</script><!--\"\\r\\n\n").unwrap();
    let page = run(&["check", "--format", "html", path.to_str().unwrap()]).stdout;
    assert_eq!(page.matches("</script>").count(), 2, "the data and the script, each ended once");
    assert!(!page.contains("alert(1)</script>") && page.contains("\\u003c/script"));
}
