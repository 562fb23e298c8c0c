//! Every command and form of the catalog, with valid parameters of every shape: the module answers each with a result, and the checks
//! find a fault only where the module refused the command for the same reason.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::*;
use crate::catalog::{Catalog, ParamSpec};
use crate::generate::emit::{self, Source};
use crate::generate::{Item, values};
use crate::session::Form;

/// What needs a link, a broker, a device or a file of its own, or numbers that fit each other: the sessions of the other files do it.
const ELSEWHERE: &[&str] = &[
    "+BLEENC set",
    "+BLEENCCLEAR set",
    "+BLEGATTCCHAR set",
    "+BLEGATTCINCLSRV set",
    "+BLEGATTCRD set",
    "+BLEGATTCWR set",
    "+BLEGATTSIND set",
    "+BLEGATTSNTFY set",
    "+BLEGATTSSETATTR set",
    "+BLEGATTSSRVSTART set",
    "+BLEHIDCONSUMER set",
    "+BLEHIDKB set",
    "+BLEHIDMUS set",
    "+BLESPP execute",
    "+BTA2DPCONN set",
    "+BTA2DPCTRL set",
    "+BTA2DPDISCONN set",
    "+BTENCCLEAR set",
    "+BTSPDISCONN set",
    "+BTSPPCONN set",
    "+BTSPSEND execute",
    "+BTSPSEND set",
    "+BTSPSTART execute",
    "+CIPCLOSE execute",
    "+CIPRECVDATA set",
    "+CIPRECVLEN read",
    "+CIPSEND execute",
    "+CIPSEND set",
    "+CIPSENDEX set",
    "+CWJEAP set",
    "+FS set",
    "+MQTTCLEAN set",
    "+MQTTCONN set",
    "+MQTTCONNCFG set",
    "+MQTTPUB set",
    "+MQTTPUBRAW set",
    "+MQTTSUB set",
    "+MQTTUNSUB set",
    "+SYSFLASH set",
    "+SYSLSPCFG set",
];

struct Valid<'a> {
    rng: RefCell<fastrand::Rng>,
    fixed: &'a [&'a str],
}

impl Source for Valid<'_> {
    fn item(&self, catalog: &Catalog, spec: &ParamSpec) -> Option<Item> {
        let fixed = self.fixed.contains(&&*spec.name);
        (!fixed).then(|| values::valid(catalog, spec, &mut self.rng.borrow_mut()))
    }
}

/// Sends one line on a fresh module, and what it takes to come back from it. `true`: the module did it.
fn one(catalog: &Arc<Catalog>, model: &str, profile: &str, before: &[&str], line: &str) -> Result<bool, String> {
    let mut desk = Desk::with(
        Arc::clone(catalog),
        model,
        profile,
        "[[access-points]]\n[[devices]]\naddress = \"24:0a:c4:03:f4:d6\"\n",
    );
    desk.send("ATE0\r\n");
    for line in before {
        desk.send(format!("{line}\r\n"));
        desk.wait(100);
    }
    let mut said = desk.send(format!("{line}\r\n"));
    let refused = desk.module.refused().map(|refusal| refusal.rule.name());
    for _ in 0..4 {
        if said.trim_end().ends_with('>') {
            // Whatever it wants: a packet, or data up to its count.
            let rest = if said.contains("\r\nOK\r\n\r\n>") && line.ends_with("SEND") {
                String::new()
            } else {
                desk.send("0".repeat(4096))
            };
            desk.wait(100);
            said += &rest;
            said += &desk.send("+++");
            said += &desk.wait(100);
        }
    }
    let last = said.trim_end().rsplit("\r\n").next().unwrap_or_default();
    let ends = ["OK", "ERROR", "SEND OK", "FAIL", "ready", "+QUIT", "+MQTTPUB:OK"].iter().any(|end| said.contains(end));
    if !ends {
        return Err(format!("{line}: {said:?} ends in {last:?}"));
    }
    let data = said.contains('>');
    let rules = desk.rules();
    let agree = match refused {
        Some(rule) => rules.is_empty() || rules.contains(&rule),
        // What was sent to get out of the data phase is not the command's matter.
        None => data || rules.is_empty(),
    };
    if agree {
        Ok(!said.contains("ERROR"))
    } else {
        Err(format!("{line}: {said:?} was refused for {refused:?}, the checks say {rules:?}"))
    }
}

/// Lines with the command and form that they are of.
fn lines(catalog: &Catalog, seed: u64) -> Vec<(String, String)> {
    let mut lines: Vec<(String, Option<Vec<u8>>)> = Vec::new();
    for command in &catalog.commands {
        for form in [Form::Execute, Form::Read, Form::Test, Form::Set] {
            let Some(spec) = command.form(form) else { continue };
            let of = format!("{} {}", command.name, form.as_str());
            let shapes: Vec<_> = spec.syntax.iter().flat_map(|syntax| &syntax.shapes).collect();
            if shapes.is_empty() {
                let valid = Valid { rng: RefCell::new(fastrand::Rng::with_seed(seed)), fixed: &[] };
                lines.push((of.clone(), emit::command(catalog, command, form, None, &valid)));
            }
            for (at, shape) in shapes.into_iter().enumerate() {
                let fixed: Vec<&str> = shape
                    .fields
                    .iter()
                    .filter(|field| field.fixed.is_some())
                    .filter_map(|field| catalog.param(field.param?).map(|spec| &*spec.name))
                    .collect();
                let valid = Valid { rng: RefCell::new(fastrand::Rng::with_seed(seed + at as u64)), fixed: &fixed };
                lines.push((of.clone(), emit::command(catalog, command, form, Some(shape), &valid)));
            }
        }
    }
    lines.into_iter().filter_map(|(of, line)| Some((of, String::from_utf8(line?).unwrap()))).collect()
}

#[test]
fn every_command_and_form_is_answered() {
    let catalog = crate::catalog::load_builtin("esp-at").unwrap();
    let states: &[(&str, &str, &[&str])] = &[
        ("esp32", "", &[]),
        ("esp8266", "nonos", &["AT+CWJAP=\"atscope\",\"\"", "AT+CIPMUX=1", "AT+CIPSTART=1,\"TCP\",\"10.0.0.1\",80"]),
        ("esp32", "rtos-2", &["AT+BLEINIT=1", "AT+BLECONN=0,\"24:0a:c4:03:f4:d6\""]),
        ("esp32", "rtos-1", &["AT+BLEINIT=2", "AT+BLEGATTSSRVCRE", "AT+BTINIT=1"]),
    ];
    let (mut wrong, mut done, mut all) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    for (at, (model, profile, before)) in states.iter().enumerate() {
        let lines = lines(&catalog, at as u64 * 100);
        assert!(lines.len() > 190, "{}", lines.len());
        for (of, line) in lines {
            match one(&catalog, model, profile, before, &line) {
                Ok(true) => {
                    done.insert(of.clone());
                }
                Ok(false) => {}
                Err(error) => wrong.push(format!("[{profile}] {error}")),
            }
            all.insert(of);
        }
    }
    assert!(wrong.is_empty(), "{} of them: {wrong:#?}", wrong.len());
    let left: Vec<_> = all.iter().filter(|of| !done.contains(*of) && !ELSEWHERE.contains(&of.as_str())).collect();
    assert!(left.is_empty(), "never done: {left:?}");
}
