//! Every rule draws on its example, and keeps silent where its explanation says so.
//!
//! The example of a rule's explanation (what `atscope explain` prints) is run as it stands there.

#![cfg(feature = "fuzzing")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeSet;

use atscope::capture::{self, Options};
use atscope::check::{Analyzer, Finding, Rule, Sink};
use atscope::fuzz::Conversation;

/// The rules that a transcript draws, in all ways of cutting it.
fn drawn(transcript: &str) -> BTreeSet<&'static str> {
    let conversation = Conversation::from_transcript("rules.at", transcript.as_bytes())
        .unwrap_or_else(|error| panic!("{error}\n{transcript}"));
    let record = conversation.checks(&[1, 2, 7]);
    record.findings().map(|finding| finding.rule.name()).collect()
}

/// A rule draws, alone but for these, on the first transcript, and is silent on the second one.
macro_rules! rule {
    ($test:ident, $rule:literal $(with $with:literal)*, draws: $draws:literal, silent: $silent:literal) => {
        #[test]
        fn $test() {
            let expected = BTreeSet::from([$rule $(, $with)*]);
            assert_eq!(drawn($draws), expected, "on its example");
            assert!(!drawn($silent).contains($rule), "it draws on\n{}", $silent);
        }
    };
}

rule!(malformed_command, "malformed-command",
    draws: "# dialect: esp-at\n> AT+CWJAP=\"home,\"secret\"\\r\\n\n",
    silent: "# dialect: esp-at\n> AT+CWJAP=\"ho\\\\\"me\",\"secret,word\"\\r\\n\n> AT+CWJAP=\"cut off\n");

rule!(unknown_command, "unknown-command",
    draws: "# dialect: esp-at\n> AT+CWMDOE=1\\r\\n\n",
    silent: "# dialect: esp-at\n> at+cwmode=1\\r\\n\n> AT+CWMD\n");

rule!(unsupported_form, "unsupported-form",
    draws: "# dialect: esp-at\n> AT+RST=1\\r\\n\n",
    silent: "# dialect: esp-at\n> AT+RST\\r\\n\n> AT+NOTTHERE=1\\r\\n\n");

rule!(model_unsupported, "model-unsupported",
    draws: "# dialect: esp-at\n# model: esp8266\n> AT+BLEINIT=1\\r\\n\n",
    silent: "# dialect: esp-at\n> AT+BLEINIT=1\\r\\n\n");

rule!(param_missing, "param-missing",
    draws: "# dialect: esp-at\n> AT+CIPSTART=\"TCP\",\"192.168.1.5\"\\r\\n\n",
    silent: "# dialect: esp-at\n> AT+CIPSTART=\"TCP\",\"192.168.1.5\",80\\r\\n\n");

rule!(param_extra, "param-extra",
    draws: "# dialect: esp-at\n> AT+CWMODE=1,2,3\\r\\n\n",
    silent: "# dialect: fibocom\n> AT+HTTPSET=\"UAGENT\",\"a, b, c\"\\r\\n\n");

rule!(param_type, "param-type",
    draws: "# dialect: esp-at\n> AT+CWMODE=station\\r\\n\n",
    silent: "# dialect: esp-at\n> AT+CWMODE=\"1\\r\\n\n");

rule!(param_range, "param-range",
    draws: "# dialect: esp-at\n> AT+CWMODE=7\\r\\n\n",
    silent: "# dialect: esp-at\n> AT+BLESCANPARAM=0,0,0,999999,50\\r\\n\n");

rule!(param_length, "param-length",
    draws: "# dialect: esp-at\n> AT+CWHOSTNAME=\"a-name-that-is-longer-than-thirty-two-bytes\"\\r\\n\n",
    silent: "# dialect: esp-at\n> AT+CWHOSTNAME=\"a-name-of-exactly-thirty-2-bytes\"\\r\\n\n");

rule!(param_conflict, "param-conflict",
    draws: "# dialect: esp-at\n> AT+BLESCANPARAM=0,0,0,50,100\\r\\n\n",
    silent: "# dialect: esp-at\n> AT+BLESCANPARAM=0,0,0,50,50\\r\\n\n> AT+BLESCANPARAM=0,0,0,x,100\\r\\n\n");

rule!(wrong_state, "wrong-state",
    draws: "# dialect: esp-at\n> AT+CIPMUX=0\\r\\n\n< \\r\\nOK\\r\\n\n> AT+CIPSERVER=1,80\\r\\n\n< \\r\\nERROR\\r\\n\n",
    silent: "# dialect: esp-at\n> AT+CIPSERVER=1,80\\r\\n\n< \\r\\nERROR\\r\\n\n");

rule!(payload_before_prompt, "payload-before-prompt",
    draws: "# dialect: esp-at\n> AT+CIPSEND=5\\r\\n\n> hello\n< \\r\\nOK\\r\\n> \n< \\r\\nRecv 5 bytes\\r\\n\\r\\nSEND OK\\r\\n\n",
    silent: "# dialect: esp-at\n> AT+CIPSEND=5\\r\\n\n> hello\n> AT\\r\\n\n");

rule!(command_overlap, "command-overlap",
    draws: "# dialect: esp-at\n> AT+CWLAP\\r\\n\n< AT+CWLAP\\r\\n\n> AT\\r\\n\n",
    silent: "# dialect: esp-at\n> AT+CWLAP\\r\\n\n> AT\\r\\n\n");

rule!(missing_final, "missing-final" with "command-overlap",
    draws: "# dialect: esp-at\n@0 > AT+CWMODE?\\r\\n\n@9 > AT+CIPMUX?\\r\\n\n@9.1 < +CIPMUX:0\\r\\n\\r\\nOK\\r\\n\n",
    silent: "# dialect: esp-at\n@0 > AT\\r\\n\n@0.1 < \\r\\nOK\\r\\n\n@1 > AT+CWMODE?\\r\\n\n");

rule!(late_final, "late-final",
    draws: "# dialect: simcom\n@0 > AT+HTTPINIT\\r\\n\n@130 < \\r\\nOK\\r\\n\n",
    silent: "# dialect: simcom\n> AT+HTTPINIT\\r\\n\n< \\r\\nOK\\r\\n\n");

rule!(unexpected_final, "unexpected-final",
    draws: "# dialect: esp-at\n> AT\\r\\n\n< \\r\\nOK\\r\\n\n< \\r\\nOK\\r\\n\n",
    silent: "# dialect: esp-at\n< \\r\\nOK\\r\\n\n> AT\\r\\n\n< \\r\\nOK\\r\\n\n");

rule!(unexpected_response, "unexpected-response",
    draws: "# dialect: esp-at\n> AT\\r\\n\n< \\r\\nOK\\r\\n\n< \\r\\n+CWMODE:1\\r\\n\n",
    silent: "# dialect: esp-at\n< +CWMODE:1\\r\\n\\r\\nOK\\r\\n\n> AT\\r\\n\n");

rule!(response_shape, "response-shape",
    draws: "# dialect: esp-at\n> AT+CWMODE?\\r\\n\n< +CWMODE:station\\r\\n\\r\\nOK\\r\\n\n",
    silent: "# dialect: esp-at\n> AT+CWMODE?\\r\\n\n< +CWMODE:1\\r\\n\\r\\nOK\\r\\n\n> AT+CWMODE?\\r\\n\n< +CWMODE:\n");

rule!(payload_length, "payload-length" with "resync",
    draws: "# dialect: esp-at\n< +IPD,10:hello\\r\\n\n> AT\\r\\n\n< AT\\r\\n\\r\\nOK\\r\\n\n",
    silent: "# dialect: esp-at\n< +IPD,10:hello\\r\\n\n");

rule!(resync, "resync" with "payload-length",
    draws: "# dialect: esp-at\n< +IPD,64:hello\\r\\n\n> AT+CWMODE?\\r\\n\n< +CWMODE:1\\r\\n\\r\\nOK\\r\\n\n",
    silent: "# dialect: esp-at\n< +IPD,64:hello\n");

rule!(unknown_urc, "unknown-urc",
    draws: "# dialect: esp-at\n> AT\\r\\n\n< \\r\\nOK\\r\\n\n< +SURPRISE: 1\\r\\n\n",
    silent: "# dialect: esp-at\n> AT\\r\\n\n< \\r\\nOK\\r\\n\n< WIFI GOT IP\\r\\n\n< +SURPRISE\n");

rule!(undocumented_code, "undocumented-code",
    draws: "# dialect: simcom\n< +HTTPACTION: 0,999,0\\r\\n\n",
    silent: "# dialect: simcom\n< +HTTPACTION: 0,200,0\\r\\n\n");

rule!(echo_mismatch, "echo-mismatch",
    draws: "# dialect: esp-at\n> AT+CWMODE?\\r\\n\n< AT+CWMDE?\\r\\r\\n\n",
    silent: "# dialect: esp-at\n> AT+CWMODE?\\r\\n\n< AT+CW\n< WIFI GOT IP\\r\\n\n< MODE?\\r\\r\\n\n");

rule!(module_reset, "module-reset",
    draws: "# dialect: esp-at\n> AT\\r\\n\n< \\r\\nOK\\r\\n\n< \\r\\nready\\r\\n\n",
    silent: "# dialect: esp-at\n< \\r\\nready\\r\\n\n> AT+RST\\r\\n\n< \\r\\nOK\\r\\n\n< \\r\\nready\\r\\n\n");

rule!(line_ending, "line-ending",
    draws: "# dialect: esp-at\n> AT\\r\n< \\r\\nOK\\r\\n\n",
    silent: "# dialect: esp-at\n> AT\\r\\n\n< AT\\r\\r\\n\\r\\nOK\\r\\n\n");

#[derive(Default)]
struct Rules(Vec<&'static str>);

impl Sink for Rules {
    fn finding(&mut self, finding: &Finding) {
        self.0.push(finding.rule.name());
    }
}

/// The rules that reading a transcript and checking it draws, damage included.
fn read(transcript: &'static str) -> Vec<&'static str> {
    let catalog = atscope::catalog::load_builtin("esp-at").unwrap();
    let mut analyzer = Analyzer::new(catalog, atscope::check::Options::default());
    let mut rules = Rules::default();
    let mut reader = capture::open("rules.at", Box::new(transcript.as_bytes()), &Options::default()).unwrap();
    let damage = loop {
        match reader.next_chunk() {
            Ok(Some(chunk)) => analyzer.push(chunk.from, chunk.time, chunk.bytes, &[], &mut rules),
            Ok(None) => break None,
            Err(error) if error.is_damage() => break Some(error.to_string()),
            Err(error) => panic!("{error}"),
        }
    };
    analyzer.finish(&mut rules);
    if let Some(message) = damage {
        analyzer.damage(message, &mut rules);
    }
    rules.0
}

#[test]
fn capture_damaged() {
    assert_eq!(read("@0.0 > AT\\r\\n\n@0.1 < \\r\\nOK\\x0"), ["capture-damaged"]);
    assert_eq!(read("@0.0 > AT\\r\\n\n@0.1 < \\r\\nO"), [""; 0]);
}

/// The transcript in the line `**Example**` of an explanation, if it is one.
fn example(rule: Rule) -> Option<String> {
    let explanation = rule.explanation();
    let line = explanation.lines().find_map(|line| line.strip_prefix("**Example**"));
    let line = line.unwrap_or_else(|| panic!("{} has no example", rule.name()));
    let records: Vec<&str> = line.split('`').skip(1).step_by(2).collect();
    if records.is_empty() {
        return None;
    }
    // Where it does not say otherwise, the example is of the dialect that has its command.
    let dialect = if records.iter().any(|record| record.contains("HTTP")) { "simcom" } else { "esp-at" };
    let mut text = format!("# dialect: {dialect}\n");
    for record in records {
        text.push_str(record);
        text.push('\n');
    }
    Some(text)
}

#[test]
fn examples_of_the_explanations_draw_their_rules() {
    for &rule in Rule::ALL {
        let name = rule.name();
        let Some(example) = example(rule) else {
            // No transcript shows these.
            assert!(name.starts_with("uart-") || name == "capture-damaged", "{name} has no example");
            continue;
        };
        assert!(drawn(&example).contains(name), "{name} does not draw on its example\n{example}");
    }
}

#[test]
fn explanations_are_complete() {
    for &rule in Rule::ALL {
        let text = rule.explanation();
        assert!(text.starts_with("# ") && text.lines().next().unwrap().contains(rule.name()), "{text}");
        for part in ["**Reports** ", "**Matters because** ", "**Silent when** ", "**Example** ", "**Way out** "] {
            let count = text.matches(part).count();
            assert_eq!(count, 1, "{} says {part}{count} times", rule.name());
        }
        assert_eq!(Rule::from_name(rule.name()), Some(rule));
    }
}
