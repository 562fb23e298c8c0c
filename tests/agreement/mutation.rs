//! Tests of the tests: bugs planted in a catalog, in the module's output and in what the decoder is given are found, and shrunk to a few lines.
//!
//! Catalogs are changed in their text, so these bugs are real ones of the decoder's or the module's knowledge. Bugs of module and decoder are
//! planted in two ways: in their logic, where the code asks whether a bug is alive (`atscope::planted`), and at their borders, as what typical
//! bugs of theirs do to the bytes that go out (module) or that come in (decoder).

use std::sync::Arc;

use atscope::Sender;
use atscope::catalog::{self, Catalog};
use atscope::module::Said;
use atscope::planted::{self, Bug};

use super::machine::{self, Bend};
use super::rig::Rig;

/// Lines of the smallest transcript in which a planted bug may be found.
const LINES: usize = 18;

/// Sessions in which a bug must show, and in which nothing shows without it.
const CASES: u32 = 60;

/// The number of a dialect among the built-in ones.
const SIMCOM: usize = 0;
const ESP: usize = 2;

/// A built-in catalog's text with a piece replaced, which must be there.
fn changed(name: &str, from: &str, to: &str) -> Arc<Catalog> {
    let (_, text) = catalog::builtin_text(name).unwrap();
    assert!(text.contains(from), "{name} has no `{from}` any more");
    catalog::load_text("changed.toml", &text.replacen(from, to, 1)).unwrap()
}

/// Runs the models until the bug is found, and looks at the smallest session.
fn found<const AT: usize>(what: &str, init: impl Fn(&machine::Reference) -> Rig) {
    machine::PLAIN.set(true);
    let sound = machine::run::<AT>(CASES, 8, machine::Reference::rig);
    assert!(sound.is_ok(), "without the bug: {}", sound.unwrap_err());
    let why = machine::run::<AT>(CASES, 8, init).expect_err(what);
    let lines = why.lines().filter(|line| line.starts_with('@')).count();
    println!("{what}: {} ({lines} lines)", why.lines().next().unwrap_or_default());
    assert!(lines <= LINES, "{what}: {lines} lines\n{why}");
}

/// The decoder reads by a catalog with a bug, the module by a sound one, or the other way round.
fn catalog_bug<const AT: usize>(focus: &'static str, what: &str, from: &str, to: &str, in_module: bool) {
    machine::FOCUS.set(focus);
    let sound = machine::plain(AT).catalog().clone();
    let bad = changed(&sound.name, from, to);
    found::<AT>(what, |state| match in_module {
        true => Rig::of(&bad, &sound, None, None, state.seed, state.cut),
        false => Rig::of(&sound, &bad, None, None, state.seed, state.cut),
    });
}

fn module_bug<const AT: usize>(what: &str, bend: Bend) {
    found::<AT>(what, |state| {
        let mut rig = state.rig();
        rig.bend = Some(bend);
        rig
    });
}

fn decoder_bug<const AT: usize>(what: &str, bend: fn(Sender, &mut Vec<u8>)) {
    found::<AT>(what, |state| {
        let mut rig = state.rig();
        rig.misheard = Some(bend);
        rig
    });
}

#[test]
fn bugs_in_catalogs_are_found() {
    catalog_bug::<SIMCOM>(
        "AT+HTTPPARA=",
        "a range that is too narrow",
        "conn_timeout   = { int = \"20..120\"",
        "conn_timeout   = { int = \"30..120\"",
        false,
    );
    catalog_bug::<ESP>(
        "AT+CWDHCPS=",
        "a range that is too wide",
        "\"lease time\" = { int = \"1..2880\"",
        "\"lease time\" = { int = \"1..28800\"",
        true,
    );
    catalog_bug::<SIMCOM>(
        "AT+HTTPTERM",
        "a precondition that is forgotten",
        "needs = \"http.started = 1\"\nsets  = { \"http.started\" = 0",
        "sets  = { \"http.started\" = 0",
        false,
    );
    catalog_bug::<SIMCOM>(
        "AT+HTTPINIT",
        "an effect that is wrong",
        "sets = { \"http.started\" = 1, ",
        "sets = { \"http.started\" = 0, ",
        false,
    );
    catalog_bug::<SIMCOM>(
        "AT+HTTPREADFILE=",
        "a parameter that is mandatory all of a sudden",
        "syntax = \"<filename>[,<path>]\"",
        "syntax = \"<filename>,<path>\"",
        true,
    );
}

#[test]
fn bugs_in_the_module_are_found() {
    module_bug::<SIMCOM>("the echo loses its last byte", |said, bytes| {
        if said == Said::Echo && bytes.len() > 6 {
            bytes.remove(bytes.len() - 2);
        }
    });
    module_bug::<SIMCOM>("the result comes twice", |said, bytes| {
        if said == Said::Final {
            bytes.extend_from_slice(&bytes.clone());
        }
    });
    module_bug::<ESP>("no result", |said, bytes| {
        if said == Said::Final {
            bytes.clear();
        }
    });
    module_bug::<SIMCOM>("a response without its name", |said, bytes| {
        if said == Said::Response
            && let Some(at) = bytes.iter().position(|byte| *byte == b'+')
        {
            bytes[at] = b'-';
        }
    });
    module_bug::<SIMCOM>("its numbers are letters", |said, bytes| {
        if said == Said::Response {
            bytes.iter_mut().filter(|byte| byte.is_ascii_digit()).for_each(|byte| *byte = b'x');
        }
    });
}

#[test]
fn bugs_in_the_decoder_are_found() {
    decoder_bug::<SIMCOM>("it swallows the first byte of what the host says", |from, bytes| {
        if from == Sender::Host && bytes.len() > 4 {
            bytes.remove(0);
        }
    });
    decoder_bug::<SIMCOM>("it swallows the digits of numbers", |from, bytes| {
        if from == Sender::Host {
            bytes.retain(|byte| *byte != b'7');
        }
    });
    decoder_bug::<ESP>("it takes quotes away", |from, bytes| {
        if from == Sender::Host {
            bytes.retain(|byte| *byte != b'"');
        }
    });
    decoder_bug::<SIMCOM>("it takes every failure for success", |from, bytes| {
        if from == Sender::Module && bytes == b"\r\nERROR\r\n" {
            *bytes = b"\r\nOK\r\n+SURPRISE\r\n".to_vec();
        }
    });
    decoder_bug::<SIMCOM>("it does not hear results", |from, bytes| {
        if from == Sender::Module && bytes == b"\r\nOK\r\n" {
            bytes.clear();
        }
    });
}

/// A bug in the logic of module or decoder.
fn logic_bug<const AT: usize>(focus: &'static str, what: &str, bug: Bug) {
    machine::FOCUS.set(focus);
    planted::plant(None);
    machine::PLAIN.set(true);
    let sound = machine::run::<AT>(CASES, 8, machine::Reference::rig);
    assert!(sound.is_ok(), "without the bug: {}", sound.unwrap_err());
    planted::plant(Some(bug));
    let outcome = machine::run::<AT>(CASES, 8, machine::Reference::rig);
    planted::plant(None);
    let why = outcome.expect_err(what);
    let lines = why.lines().filter(|line| line.starts_with('@')).count();
    println!("{what}: {} ({lines} lines)", why.lines().next().unwrap_or_default());
    assert!(lines <= LINES, "{what}: {lines} lines\n{why}");
}

#[test]
fn bugs_in_the_logic_of_the_module_are_found() {
    logic_bug::<SIMCOM>("AT+HTTPPARA=", "a range ends one later", Bug::ModuleEdge);
    logic_bug::<SIMCOM>("AT+HTTP", "it takes commands in any state", Bug::ModuleNeeds);
    logic_bug::<ESP>("AT+CIPRECVMODE=", "success changes nothing", Bug::ModuleEffects);
    logic_bug::<ESP>("AT+BLESCANPARAM=", "it does not look at how parameters go together", Bug::ModuleRelations);
    logic_bug::<ESP>("AT+RST", "a restart leaves its state as it was", Bug::ModuleRestart);
}

#[test]
fn bugs_in_the_logic_of_the_decoder_are_found() {
    logic_bug::<SIMCOM>("AT+HTTP", "it takes over what failed", Bug::DecoderFailure);
    logic_bug::<SIMCOM>("AT+HTTPINIT", "it does not see what a restart does", Bug::DecoderRestart);
    logic_bug::<SIMCOM>("AT+HTTPACTION=", "it does not learn from lines", Bug::DecoderLines);
    logic_bug::<ESP>("AT+CIP", "what is unknown is broken", Bug::DecoderUnknown);
    logic_bug::<ESP>("AT+BLESCANPARAM=", "it does not look at how parameters go together", Bug::DecoderRelations);
}
