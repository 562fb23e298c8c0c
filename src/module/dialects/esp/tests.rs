//! Sessions with the module, area by area. Each is decoded and held against the manual, too: see [`Desk`].

#![allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::panic)]

mod basic;
mod bluetooth;
mod generations;
mod links;
mod messages;
mod net;
mod sweep;
mod wifi;

use crate::module::testing::Desk;

/// A module as the manual has it, in a world, with echo off.
fn desk(scenario: &str) -> Desk {
    of("esp32", "", scenario)
}

/// A module of a model and a firmware generation, with echo off.
fn of(model: &str, profile: &str, scenario: &str) -> Desk {
    let mut desk = Desk::new("esp-at", model, profile, scenario);
    assert!(desk.send("ATE0\r\n").ends_with("\r\nOK\r\n"));
    desk
}

/// The same, joined to the scenario's access point.
fn joined(model: &str, profile: &str, scenario: &str) -> Desk {
    let mut desk = of(model, profile, scenario);
    desk.send("AT+CWMODE=1\r\n");
    assert_eq!(desk.send("AT+CWJAP=\"atscope\",\"\"\r\n"), "WIFI CONNECTED\r\nWIFI GOT IP\r\n\r\nOK\r\n");
    desk
}

/// Sends lines, and holds each answer against what is expected.
fn talk(desk: &mut Desk, lines: &[(&str, &str)]) {
    for (line, expected) in lines {
        assert_eq!(desk.send(format!("{line}\r\n")), *expected, "{line}");
    }
}

const OK: &str = "\r\nOK\r\n";
const ERROR: &str = "\r\nERROR\r\n";
