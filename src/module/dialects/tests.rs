//! What holds of every dialect's code: a user's catalog has it, and no host breaks it.

#![allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::panic)]

use fastrand::Rng;

use crate::catalog;
use crate::module::testing::Desk;
use crate::module::{Module, Scenario, Scripted, Setup};
use crate::{Sender, Time};

#[test]
fn a_users_catalog_has_the_code_of_the_one_that_it_extends() {
    let text = "[catalog]\nname = \"mine\"\nextends = [\"simcom\"]\n[[command]]\nname = \"+MINE\"\nsection = \"1\"\n[command.execute]\n";
    let own = catalog::load_text("mine.toml", text).unwrap();
    let mut desk = Desk::with(own, "", "", "");
    desk.wait(2000);
    desk.send("ATE0\r\n");
    for line in
        ["AT+MINE\r\n", "AT+HTTPINIT\r\n", "AT+HTTPPARA=\"URL\",\"http://example.com/\"\r\n", "AT+HTTPACTION=0\r\n"]
    {
        assert_eq!(desk.send(line), "\r\nOK\r\n");
    }
    assert_eq!(desk.wait(1000), "\r\n+HTTPACTION: 0,200,18\r\n");
    desk.clean();
}

/// Parameters that mean harm.
const ARGS: &[&str] = &[
    "",
    "0",
    "1",
    "2",
    "-1",
    "9223372036854775807",
    "99999999999999999999",
    "\"\"",
    "\"x\"",
    "\"",
    "\"URL\",\"http://a/\"",
    "1,1,1,1",
    ",,,",
    "\"+15550100\"",
    "\"\u{fc}\u{20ac}\"",
    "1;+CSQ",
    "\"REC UNREAD\",4",
    "1,\"IP\",\"x\"",
    "18",
    "*99#",
    "+1;",
    "\"SC\",2",
    "0,500",
    "1,5",
    "\"URL\",\"https://a/\"",
    "5,0",
    "\x00\x7f",
    "00134304D834,01",
    "010,helloworld",
    "1,1,1,04,7777",
];

#[test]
fn no_host_breaks_a_module() {
    let rounds = [
        ("generic", ""),
        ("simcom", ""),
        ("simcom", "sim7600"),
        ("simcom", "a76xx"),
        ("fibocom", ""),
        ("fibocom", "g510"),
        ("pan1321", ""),
    ];
    for (seed, (dialect, profile)) in (1..).zip(rounds) {
        let catalog = catalog::load_builtin(dialect).unwrap();
        let scenario: Scenario = toml::from_str(
            "[[events]]\nat = 3000\nwhat = \"sms\"\n[[events]]\nat = 4000\nwhat = 'call \"x'\n[[events]]\nat = 5000\nwhat = 'sms \"\" \"\u{20ac}\"'\n\
             [[events]]\nat = 6000\nwhat = \"network lost\"\n[[events]]\nat = 7000\nwhat = \"network back\"\n[[events]]\nat = 8000\nwhat = \"sim removed\"\n\
             [[events]]\nat = 9000\nwhat = \"sim inserted\"\n[[devices]]\nkind = \"classic\"\nconnects = 10\n[[http]]\nsize = 3000\ncloses = 10\n",
        )
        .unwrap();
        let setup =
            Setup { profile: Some(profile.to_owned()).filter(|name| !name.is_empty()), seed, ..Setup::default() };
        let mut module = Module::new(catalog.clone(), &setup, Box::new(Scripted::new(scenario))).unwrap();
        let mut analyzer = crate::check::Analyzer::new(catalog.clone(), crate::check::Options::default());
        let mut rng = Rng::with_seed(seed);
        let mut now = Time::ZERO;
        for _ in 0..4000 {
            let command = &catalog.commands[rng.usize(..catalog.commands.len())];
            let args = ARGS[rng.usize(..ARGS.len())];
            let line = match rng.u8(..10) {
                0 => format!("AT{}?\r\n", command.name),
                1 => format!("AT{}=?\r\n", command.name),
                2 => format!("AT{}\r\n", command.name),
                3 => format!("AT{}{args}\r\n", command.name),
                4 => "hello\x1a\x1b+++".to_owned(),
                5 => args.to_owned(),
                _ => format!("AT{}={args}\r\n", command.name),
            };
            analyzer.push(Sender::Host, Some(now), line.as_bytes(), &[], &mut ());
            module.receive(now, line.as_bytes());
            now = now.plus(Time::from_millis(rng.u64(..40)));
            while let Some(chunk) = module.poll(now) {
                analyzer.push(Sender::Module, Some(chunk.time), &chunk.bytes, &[], &mut ());
            }
            assert!(module.backlog() < 1 << 21);
        }
        analyzer.finish(&mut ());
    }
}
