//! Error codes ahead of `ERROR` (`ERR CODE:0x…`, after `AT+SYSLOG=1`): those that the manual lists. Other failures have none.

use super::super::super::core::Core;
use super::super::super::verdict::Refusal;
use super::{Firmware, bag, firmware};
use crate::check::Rule;
use crate::generate::{Bag, Item};

/// The parameters of MQTT commands and what the manual's names of errors call them.
const MQTT: &[(&str, &str)] = &[
    ("LinkID", "LINK_ID"),
    ("scheme", "SCHEME"),
    ("client_id", "CLIENT_ID"),
    ("username", "USERNAME"),
    ("password", "PASSWORD"),
    ("cert_key_ID", "CERT_KEY_ID"),
    ("CA_ID", "CA_ID"),
    ("path", "PATH"),
    ("keepalive", "KEEPALIVE"),
    ("disable_clean_session", "DISABLE_CLEAN_SESSION"),
    ("lwt_topic", "LWT_TOPIC"),
    ("lwt_msg", "LWT_MSG"),
    ("lwt_qos", "LWT_QOS"),
    ("lwt_retain", "LWT_RETAIN"),
    ("host", "HOST"),
    ("port", "PORT"),
    ("reconnect", "RECONNECT"),
    ("topic", "TOPIC"),
    ("data", "DATA"),
    ("qos", "QOS"),
    ("retain", "RETAIN"),
    ("length", "PUBLISH_LENGTH"),
];

/// What is said ahead of `ERROR`.
pub(super) fn failing(core: &mut Core, code: Option<&Item>) {
    let refused = core.refused.as_ref().map(|refusal| (refusal.rule, refusal.command.clone()));
    if let Some((rule, command)) = refused
        && firmware(core) == Firmware::NonOs
        && rule == Rule::WrongState
        && &*command == "+CIPMUX"
    {
        core.progress("link is builded", &Bag::new());
    }
    if core.int("syslog") != Some(1) {
        return;
    }
    if let Some(code) = code.and_then(Item::int) {
        core.progress("ERR CODE", &bag([("code", Item::Raw(format!("0x{code:08x}").into_bytes()))]));
    }
}

/// The code of a command that was refused.
pub(super) fn code(core: &Core, refusal: &Refusal) -> Option<Item> {
    if refusal.rule == Rule::UnknownCommand {
        return named(core, "unknown command");
    }
    if !refusal.command.starts_with("+MQTT") {
        return None;
    }
    if refusal.rule == Rule::WrongState {
        let state = core.int("mqtt.state").unwrap_or_default();
        return named(
            core,
            match (&*refusal.command, state) {
                (_, 0) => "AT_MQTT_NO_CONFIGURED",
                ("+MQTTCONN" | "+MQTTCONNCFG", 4..) => "AT_MQTT_ALREADY_CONNECTED",
                _ => "AT_MQTT_NOT_IN_CONFIGURED_STATE",
            },
        );
    }
    let called = MQTT.iter().find(|(param, _)| *param == &*refusal.param).map(|(_, called)| *called);
    let wanted = |end: &str| called.and_then(|called| named(core, &format!("AT_MQTT_{called}_{end}")));
    match refusal.rule {
        Rule::ParamMissing | Rule::ParamExtra => None,
        Rule::ParamType | Rule::MalformedCommand => wanted("READ_FAILED"),
        Rule::ParamRange => wanted("VALUE_IS_WRONG"),
        Rule::ParamLength => wanted("IS_OVERLENGTH"),
        Rule::ParamConflict => named(core, "AT_MQTT_DATA_IS_OVERLENGTH"),
        _ => None,
    }
    .or_else(|| named(core, "AT_MQTT_PARAMETER_COUNTS_IS_WRONG"))
}

/// A code by the name that the manual gives it.
pub(super) fn named(core: &Core, name: &str) -> Option<Item> {
    let table = core.catalog.codes.iter().find(|table| &*table.name == "err-code")?;
    table.codes.iter().find(|(.., meaning)| **meaning == *name).map(|&(code, ..)| Item::Int(code))
}

/// The code of an HTTP status: 0x7000 plus that status, where the manual lists it.
pub(super) fn of_status(core: &Core, status: u16) -> Option<Item> {
    let code = 0x7000 + i64::from(status);
    let table = core.catalog.codes.iter().find(|table| &*table.name == "err-code")?;
    table.meaning(code).map(|_| Item::Int(code))
}
