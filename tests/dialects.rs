//! The dialect is told from traffic: by what only one vendor has, against what a manual does not know.

#![cfg(feature = "fuzzing")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::fs;
use std::path::Path;

use atscope::Sender;
use atscope::catalog::{detect, load_all_builtin, load_builtin, load_text};
use atscope::fuzz::Conversation;
use atscope::session::{Options, Session};

/// What is told of both sides; `generic` where nothing speaks for a dialect.
fn told(host: &str, module: &str) -> (String, String) {
    let found = detect(&load_all_builtin(), host.as_bytes(), module.as_bytes());
    found.map_or(("generic".to_owned(), String::new()), |found| (found.dialect, found.why))
}

#[track_caller]
fn assert_told(dialect: &str, host: &str, module: &str) {
    let found = told(host, module);
    assert_eq!(found.0, dialect, "{host:?} {module:?}: told from {}", found.1);
}

#[test]
fn forms_and_parameter_counts_tell_commands_of_one_name() {
    assert_told("fibocom", "AT+HTTPDATA=10\r\n", "\r\n> ");
    assert_told("simcom", "AT+HTTPDATA=10,1000\r\n", "\r\nDOWNLOAD\r\n");
    assert_told("fibocom", "AT+HTTPHEAD=20\r\n", "");
    assert_told("fibocom", "AT+HTTPHEAD?\r\n", "");
    assert_told("simcom", "AT+HTTPHEAD\r\n", "");
    assert_told("fibocom", "AT+HTTPREAD\r\n", "");
    assert_told("fibocom", "AT+HTTPREAD=?\r\n", "");
    assert_told("simcom", "AT+HTTPREAD=500\r\n", "");
    // The module's side alone: echoes, and a prompt that is a word.
    assert_told("fibocom", "", "AT+HTTPDATA=10\r\r\n> \r\nOK\r\n");
    assert_told("simcom", "", "\r\nDOWNLOAD\r\n\r\nOK\r\n");
}

#[test]
fn what_a_whole_manual_does_not_know_speaks_against_it() {
    let sim800 = "AT+CIPSHUT\r\nAT+CIPMUX=1\r\nAT+CSTT=\"apn\",\"\",\"\"\r\nAT+CIICR\r\nAT+CIPSTART=7,\"TCP\",\"h.example\",80\r\n";
    assert_told("generic", sim800, "\r\nSHUT OK\r\n\r\nOK\r\n\r\n7, CONNECT OK\r\n");
    let sim7600 = "AT+NETOPEN\r\nAT+CIPOPEN=0,\"TCP\",\"203.0.113.5\",80\r\nAT+CIPSEND=0,5\r\n";
    assert_told("simcom", sim7600, "\r\n+NETOPEN: 0\r\n\r\n+CIPOPEN: 0,0\r\n\r\n>\r\nOK\r\n\r\n+CIPSEND: 0,5,5\r\n");
    let l610 = "AT+MQTTUSER=1,\"u\",\"p\",\"id\"\r\nAT+MQTTOPEN=1,\"h.example\",1883,0,60\r\nAT+MQTTSUB=1,\"t\",1\r\n";
    assert_told("fibocom", l610, "\r\n+MQTTOPEN: 1,1\r\n");
    // SIM800's connections, though half of the names are ESP-AT's as well.
    let start = "AT+CIFSR\r\nAT+CIPSTART=\"TCP\",\"h.example\",\"80\"\r\nAT+CIPSEND\r\n";
    assert_told("generic", start, "\r\n10.0.0.2\r\n\r\nOK\r\n\r\nCONNECT OK\r\n\r\n> \r\nSEND OK\r\n\r\nCLOSED\r\n");
    // The same names in ESP-AT's company.
    assert_told("esp-at", "AT+CIPMUX=1\r\nAT+CIPSTART=0,\"TCP\",\"h.example\",80\r\n", "0,CONNECT\r\n\r\nOK\r\n");
    assert_told("esp-at", "AT+CWSTATE?\r\nAT+HTTPCPOST=\"http://h/\",3\r\n", "");
    assert_told("esp-at", "AT+GMR\r\n", "AT version:2.1.0.0\r\nSDK version:v4.0.1\r\n\r\nOK\r\n");
    assert_told("pan1321", "AT+JSEC=1,1,2,04,7777\r\n", "OK\r\n");
}

#[test]
fn what_all_cellular_modems_know_is_generic() {
    assert_told("generic", "AT+GCAP\rAT+CGMI\r", "\r\n+GCAP: +CGSM,+FCLASS\r\n\r\nOK\r\n\r\nu-blox\r\n\r\nOK\r\n");
    assert_told(
        "generic",
        "ATI\r",
        "\r\nRDY\r\n\r\n+CFUN: 1\r\n\r\n+CPIN: READY\r\n\r\nCall Ready\r\n\r\nQuectel\r\nM95\r\n",
    );
    assert_told("generic", "ATD*99#\r", "\r\nCONNECT\r\n");
    assert_told("generic", "AT+CMUX=0,0,5,127\r", "\r\nOK\r\n");
    assert_told("generic", "AT+QIOPEN=1,0,\"TCP\",\"h.example\",80\r\n", "\r\n+QIOPEN: 0,0\r\n");
    assert_told("generic", "ATE0\r\nAT\r\n", "OK\r\n");
    // Unless the module says who made it.
    assert_told("simcom", "ATI\r", "\r\nManufacturer: SIMCOM INCORPORATED\r\nModel: SIM7670G-MNGV\r\n\r\nOK\r\n");
    assert_told("fibocom", "AT+CGMI?\r", "\r\n+CGMI: \"Fibocom Wireless Inc.\"\r\n\r\nOK\r\n");
}

#[test]
fn a_hosts_mistakes_are_no_evidence_against_the_dialect() {
    assert_told("esp-at", "AT+CWMODE=7\r\n", "\r\nERROR\r\n");
    assert_told("esp-at", "AT+CWMODE=1,2,3,4\r\n", "\r\nERROR\r\n");
    assert_told("esp-at", "AT+CWJAP\r\n", "\r\nERROR\r\n");
    assert_told("simcom", "AT+HTTPACTION=9\r\n", "\r\nERROR\r\n");
    assert_told("simcom", "AT+HTTPACTION?\r\n", "\r\nERROR\r\n");
    assert_told("pan1321", "AT+JDIS=9\r\n", "ERR=-1\r\n");
    // Words are compared with case: this is no boot line of ESP-AT.
    assert_told("generic", "", "\r\nReady\r\n");
}

#[test]
fn firmware_is_told_from_what_identifies_it() {
    for (dialect, line, profile) in [
        ("simcom", "SIMCOM_SIM7600G-H", "sim7600"),
        ("simcom", "Model: A7670E-FASE", "a76xx"),
        ("fibocom", "+CGMM: \"L610\"", "l610"),
        ("fibocom", "MC665-CN", "mc665"),
    ] {
        let mut session = Session::new(load_builtin(dialect).unwrap(), &Options::default());
        session.push(Sender::Host, None, b"AT+CGMM\r\n", &mut |_| {});
        session.push(Sender::Module, None, format!("\r\n{line}\r\n\r\nOK\r\n").as_bytes(), &mut |_| {});
        assert_eq!(session.profile(), Some(profile), "{line}");
    }
}

#[test]
fn the_reason_is_said() {
    assert_eq!(told("AT+CSQ\r\n", "\r\n+CSQ: 20,99\r\n").1, "AT+CSQ");
    assert_eq!(told("AT+CSQ\r\nAT+QIACT=1\r\n", "").1, "AT+CSQ, and from AT+QIACT, which no catalog has");
    assert_eq!(told("AT\r\n", "\r\nWIFI GOT IP\r\n").1, "WIFI GOT IP");
    assert_eq!(told("AT+HTTPREAD=0,10\r\n", ""), ("simcom".into(), "AT+HTTPREAD, which fits fibocom as well".into()));
    assert!(detect(&load_all_builtin(), b"AT\r\n", b"hello\r\nOK\r\n").is_none());
    assert!(detect(&load_all_builtin(), b"", b"").is_none());
}

#[test]
fn a_users_own_catalog_wins_between_equals() {
    let own = load_text("mine.toml", "[catalog]\nname = \"mine\"\nextends = \"generic\"\n").unwrap();
    let mut all = vec![own];
    all.extend(load_all_builtin());
    assert_eq!(detect(&all, b"AT+CSQ\r\n", b"").unwrap().dialect, "mine");
    assert_eq!(detect(&all, b"AT+CSQ\r\nAT+HTTPINIT\r\n", b"").unwrap().dialect, "simcom");
}

/// Recordings with nothing of one vendor alone in them, or with as much of another.
const UNDECIDED: [&str; 1] = ["fibocom-3-mc665"];

#[test]
fn no_transcript_is_told_to_be_another_vendors() {
    let all = load_all_builtin();
    let (mut exact, mut files, mut wrong) = (0, 0, Vec::new());
    for folder in ["esp-at", "fibocom", "generic", "pan1321", "quirks", "simcom"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(folder);
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|end| end != "at") {
                continue;
            }
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            let conversation = Conversation::from_transcript(&name, &fs::read(&path).unwrap()).unwrap();
            let side = |from: Sender| -> Vec<u8> {
                let mine = conversation.chunks.iter().filter(|chunk| chunk.from == from);
                mine.flat_map(|chunk| chunk.bytes.iter().copied()).collect()
            };
            let found = detect(&all, &side(Sender::Host), &side(Sender::Module));
            let found = found.map_or("generic".to_owned(), |found| found.dialect);
            files += 1;
            exact += usize::from(*found == *conversation.catalog.name);
            let right = found == "generic" || *found == *conversation.catalog.name;
            if !right && !UNDECIDED.contains(&&*name) {
                wrong.push(format!("{name}: {} is told to be {found}", conversation.catalog.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(files > 300 && exact * 20 >= files * 19, "{exact} of {files}");
}
