//! A user's own catalog has the same rights as the built-in ones, and its mistakes are told with their line.

#![cfg(feature = "fuzzing")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::path::Path;
use std::sync::Arc;

use atscope::catalog::{Catalog, detect, load_all_builtin, load_file, load_text};
use atscope::fuzz::{Conversation, Told};

fn quectel() -> Arc<Catalog> {
    load_file(&Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/catalogs/quectel.toml")).unwrap()
}

/// Kind, name and exchange of each event, then the rules drawn; the laws hold in all ways of cutting.
fn told(catalog: &Arc<Catalog>, transcript: &str) -> (Vec<String>, Vec<&'static str>) {
    let mut conversation = Conversation::from_transcript("own.at", transcript.as_bytes()).unwrap();
    conversation.catalog = Arc::clone(catalog);
    let record = conversation.checks(&[1, 2, 7]);
    let events = record.told.iter().filter_map(|told| match told {
        Told::Event { kind, name, .. } => Some(format!("{kind} {name}").trim_end().to_owned()),
        Told::Finding(_) => None,
    });
    (events.collect(), record.findings().map(|finding| finding.rule.name()).collect())
}

#[test]
fn a_result_of_one_command_is_the_prompt_of_another() {
    let (events, rules) = told(
        &quectel(),
        "> AT+QHTTPURL=19,80\\r\\n\n< \\r\\nCONNECT\\r\\n\n> http://h.example/ab\n< \\r\\nOK\\r\\n\n\
         > AT+QHTTPGET=80\\r\\n\n< \\r\\nOK\\r\\n\\r\\n+QHTTPGET: 0,200,601710\\r\\n\n",
    );
    assert_eq!(
        events,
        [
            "command +QHTTPURL",
            "prompt CONNECT",
            "payload +QHTTPURL",
            "final OK",
            "command +QHTTPGET",
            "final OK",
            "urc +QHTTPGET"
        ]
    );
    assert!(rules.is_empty(), "{rules:?}");
    // A dialled connection is one as before.
    let (events, _) = told(&quectel(), "> ATD*99#\\r\\n\n< \\r\\nCONNECT\\r\\n\n< data\n");
    assert_eq!(events, ["command D", "final CONNECT", "passthrough"]);
}

#[test]
fn data_without_a_count_ends_with_ctrl_z() {
    let (events, rules) = told(
        &quectel(),
        "> AT+QISEND=0\\r\\n\n< \\r\\n> \n> a\\r\\nb\\x1a\n< \\r\\nSEND OK\\r\\n\n\
         > AT+QISEND=0,3\\r\\n\n< \\r\\n> \n> abc\n< \\r\\nSEND OK\\r\\n\n",
    );
    let sent = ["command +QISEND", "prompt >", "payload +QISEND", "final SEND OK"];
    assert_eq!(events, [sent, sent].concat());
    assert!(rules.is_empty(), "{rules:?}");
}

#[test]
fn states_and_relations_are_held() {
    let boot = "# start: boot\n";
    let open = "> AT+QIOPEN=1,0,\"TCP\",\"h.example\",80\\r\\n\n";
    assert_eq!(told(&quectel(), &format!("{boot}{open}")).1, ["wrong-state"]);
    let active = "> AT+QIACT=1\\r\\n\n< \\r\\nOK\\r\\n\n";
    assert_eq!(told(&quectel(), &format!("{boot}{active}{open}")).1, Vec::<&str>::new());
    assert_eq!(told(&quectel(), "> AT+QMTPUB=0,1,0,0,\"t\",5\\r\\n\n").1, ["param-conflict"]);
}

#[test]
fn codes_are_added_to_an_extended_table() {
    let catalog = quectel();
    let table = catalog.codes.iter().find(|table| &*table.name == "cme-error").unwrap();
    assert_eq!(table.meaning(516), Some("not fixed now"));
    assert_eq!(table.meaning(10), Some("SIM not inserted"));
    assert_eq!(&*table.title, "+CME ERROR");
    // Within a range, what is said of one code holds for it alone.
    let text = "[catalog]\nname = \"own\"\nextends = [\"generic\"]\n[codes.cms-error.values]\n600 = \"mine\"\n\"1000..1100\" = \"more\"\n";
    let catalog = load_text("own.toml", text).unwrap();
    let table = catalog.codes.iter().find(|table| &*table.name == "cms-error").unwrap();
    let meanings: Vec<_> = [512, 599, 600, 601, 999, 1000, 1023, 1100, 1101].map(|code| table.meaning(code)).into();
    let general = Some("manufacturer specific");
    let more = Some("more");
    assert_eq!(meanings, [general, general, Some("mine"), general, general, more, more, more, None]);
}

#[test]
fn the_own_catalog_is_told_from_traffic() {
    let mut all = vec![quectel()];
    all.extend(load_all_builtin());
    let found = detect(&all, b"ATE0\r\nAT+QIOPEN=1,0,\"TCP\",\"h.example\",80\r\n", b"OK\r\n").unwrap();
    assert_eq!(found.dialect, "quectel");
    assert_eq!(detect(&all, b"AT+CWMODE=1\r\n", b"OK\r\n").unwrap().dialect, "esp-at");
}

/// A head, and a command whose lines 6 to 11 the mistakes are made in.
const SOUND: &str = "[catalog]\nname = \"m\"\ntitle = \"M\"\n\n[[command]]\nname = \"+X\"\ntitle = \"x\"\n\
                     [command.params]\na = { int = \"0..3\", default = 1 }\n[command.set]\nsyntax = \"<a>\"\n";

#[test]
fn mistakes_are_told_once_with_their_line() {
    assert!(load_text("m.toml", SOUND).is_ok());
    for (from, to, expected) in [
        ("0..3", "3..0", "m.toml:9: `int = \"3..0\"`: the range `3..0` is empty"),
        ("default = 1", "default = 7", "m.toml:9: the default 7 of `a` is none of its values"),
        ("<a>", "<b>", "m.toml:11: `<b>`: `<b>` is described nowhere: add it to [command.params] or [params]"),
        ("<a>", "<a", "m.toml:11: `<a`: `<` without `>`"),
        ("[command.set]", "[command.sett]", "m.toml:5: `+X` has no form: add [command.execute], set, read or test"),
        ("title = \"x\"", "timeout = \"9 h\"", "m.toml:7: `9 h` is no time: expected a number with `ms`, `s` or `min`"),
        (
            "title = \"x\"",
            "needs = \"up = 1\"",
            "m.toml:7: condition `up = 1`: `up` is no state key: declare it as [state.\"up\"]",
        ),
        ("title = \"x\"", "models = [\"Z\"]", "m.toml:7: `Z` is no entry of [models]"),
        ("\"M\"", "\"M\"\nextends = [\"m\"]", "m.toml:4: `m` extends itself: give one of them another name"),
        ("\"M\"", "\"M\"\nextends = [\"sim\"]", "m.toml:4: there is no catalog `sim` to extend"),
        ("\"m\"", "\"m/n\"", "m.toml:1: a catalog's `name` has letters, digits, `-`, `_`, `.` and `+` only"),
        ("\"<a>\"", "\"<a>\"\nprompt = \">\"", "m.toml:12: a data phase needs both `prompt` and `sends`"),
        (
            "\"<a>\"",
            "\"<a>\"\nlater = [\"<a>\"]",
            "m.toml:12: `<a>`: it starts with a parameter: only an answer may have no name or words to know it by",
        ),
    ] {
        let error = load_text("m.toml", &SOUND.replacen(from, to, 1)).expect_err(to).to_string();
        assert_eq!(error.lines().next(), Some(expected), "{to}");
    }
    let twice = format!("{SOUND}[[command]]\nname = \"+X\"\n[command.execute]\n");
    let error = load_text("m.toml", &twice).unwrap_err().to_string();
    assert_eq!(error, "m.toml:12: `+X` is described twice; all its forms go into one entry");
    let long = load_text("m.toml", &SOUND.replace("<a>", &"[".repeat(100_000))).unwrap_err().to_string();
    assert!(long.len() < 1000 && long.starts_with("m.toml:11: ") && long.contains("nested too deep"), "{long}");
}
