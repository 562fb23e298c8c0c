//! MQTT (chapter 9): configuration, connection, messages both ways, subscriptions. The brokers are those of the scenario.

use std::collections::{BTreeMap, VecDeque};

use super::super::super::core::{Call, Core};
use super::super::super::dialect::Outcome;
use super::super::super::scenario::bytes_of;
use super::{Esp, answer, bag, errors, mqtt_broker, real, tick};
use crate::generate::{Bag, Item};
use crate::session::Form;

/// States of §9.3.
const CONFIGURED: i64 = 1;
const CONNECTION_CONFIGURED: i64 = 2;
const DISCONNECTED: i64 = 3;
const CONNECTED: i64 = 4;
const NOTHING_SUBSCRIBED: i64 = 5;
const SUBSCRIBED: i64 = 6;

/// Most subscriptions, retained messages, and messages on their way.
const MOST: usize = 64;

/// Until the module gives up what nobody answers, in milliseconds: within the 10 s of §9.10.
const PATIENCE: u64 = 9000;

/// Until a broken connection is tried again, in milliseconds.
const AGAIN: u64 = 5000;

/// See the module's head.
#[derive(Default)]
pub(super) struct Mqtt {
    scheme: i64,
    username: String,
    password: String,
    path: String,
    host: String,
    port: i64,
    reconnect: i64,
    subscriptions: Vec<(String, i64)>,
    /// Connections, so that an old timer does nothing to a new one.
    generation: u64,
    /// What the command in work comes to.
    outcome: Option<Outcome>,
    coming: VecDeque<(String, Vec<u8>)>,
    /// What the broker keeps, beside what the scenario says.
    retained: BTreeMap<String, Vec<u8>>,
}

fn connected(core: &Core) -> bool {
    core.int("mqtt.state").is_some_and(|state| state >= CONNECTED)
}

fn error(core: &Core, name: &str) -> Option<Outcome> {
    Some(Outcome::Error(errors::named(core, name)))
}

impl Esp {
    pub(super) fn mqtt_command(&mut self, core: &mut Core, call: &Call) -> Option<Outcome> {
        match (&*call.name, call.form) {
            ("+MQTTUSERCFG", _) => {
                if connected(core) {
                    return error(core, "AT_MQTT_ALREADY_CONNECTED");
                }
                self.mqtt = Mqtt {
                    scheme: call.int("scheme").unwrap_or(1),
                    username: call.string("username"),
                    password: call.string("password"),
                    path: call.string("path"),
                    generation: self.mqtt.generation + 1,
                    retained: std::mem::take(&mut self.mqtt.retained),
                    ..Mqtt::default()
                };
                core.set("mqtt.state", CONFIGURED);
                Some(Outcome::Ok)
            }
            ("+MQTTCONNCFG", _) => {
                core.set("mqtt.state", CONNECTION_CONFIGURED);
                Some(Outcome::Ok)
            }
            ("+MQTTCONN", Form::Read) => {
                self.tell_broker(core, call);
                Some(Outcome::Ok)
            }
            ("+MQTTCONN", _) => {
                self.mqtt.host = call.string("host");
                self.mqtt.port = call.int("port").unwrap_or_default();
                self.mqtt.reconnect = call.int("reconnect").unwrap_or_default();
                if !self.reaches(core, &self.mqtt.host) {
                    return error(core, "AT_MQTT_CLIENT_START_FAILED");
                }
                self.connect_broker(core);
                self.wait_for(call)
            }
            ("+MQTTPUB", _) => self.publish(core, call),
            ("+MQTTPUBRAW", _) if !connected(core) => error(core, "AT_MQTT_CLIENT_PUBLISH_FAILED"),
            ("+MQTTPUBRAW", _) => Some(Outcome::Data),
            ("+MQTTSUB", Form::Read) => {
                let state = core.int("mqtt.state").unwrap_or_default();
                for (topic, qos) in self.mqtt.subscriptions.clone() {
                    let row = bag([
                        ("LinkID", 0.into()),
                        ("state", state.into()),
                        ("topic", topic.into()),
                        ("qos", qos.into()),
                    ]);
                    answer(core, call, &row);
                }
                Some(Outcome::Ok)
            }
            ("+MQTTSUB", _) => self.subscribe(core, call),
            ("+MQTTUNSUB", _) => self.unsubscribe(core, call),
            ("+MQTTCLEAN", _) if core.int("mqtt.state") == Some(0) => {
                error(core, "AT_MQTT_UNINITIATED_OR_ALREADY_CLEAN")
            }
            ("+MQTTCLEAN", _) => {
                let retained = std::mem::take(&mut self.mqtt.retained);
                self.mqtt = Mqtt { generation: self.mqtt.generation + 1, retained, ..Mqtt::default() };
                core.set("mqtt.state", 0);
                Some(Outcome::Ok)
            }
            _ => None,
        }
    }

    fn tell_broker(&self, core: &mut Core, call: &Call) {
        let mqtt = &self.mqtt;
        let state = core.int("mqtt.state").unwrap_or_default();
        let mut row = bag([("LinkID", 0.into()), ("state", state.into()), ("reconnect", mqtt.reconnect.into())]);
        if mqtt.scheme != 0 {
            for (name, item) in [
                ("scheme", mqtt.scheme.into()),
                ("host", mqtt.host.as_str().into()),
                ("port", port(core, mqtt.port)),
                ("path", mqtt.path.as_str().into()),
            ] {
                row.set(name, item);
            }
        }
        if mqtt.scheme == 0 || mqtt.host.is_empty() {
            // There is no broker yet.
            row = bag([("LinkID", 0.into()), ("state", state.into()), ("reconnect", 0.into())]);
        }
        core.respond(call, "+MQTTCONN", &row);
    }

    fn connect_broker(&mut self, core: &mut Core) {
        self.mqtt.generation += 1;
        let scenario = core.world.scenario();
        let broker = mqtt_broker::at(&scenario.brokers, &self.mqtt.host, self.mqtt.port);
        // TLS takes two more ways there and back, and the message that opens the session one.
        let ways = if self.mqtt.scheme == 1 || self.mqtt.scheme == 6 { 2 } else { 4 };
        let usual = scenario.delays.connect.saturating_mul(ways);
        let delay = broker.and_then(|broker| broker.delay).unwrap_or(usual);
        core.timer(delay, (tick::MQTT_CONNECTED, self.mqtt.generation));
    }

    fn broker_answers(&mut self, core: &mut Core) {
        let brokers = core.world.scenario().brokers.clone();
        let broker = mqtt_broker::at(&brokers, &self.mqtt.host, self.mqtt.port)
            .filter(|broker| !self.offline && mqtt_broker::admits(broker, &self.mqtt.username, &self.mqtt.password));
        let by_host = self.pending.is_some();
        let Some(broker) = broker else {
            let outcome = Outcome::Error(errors::named(core, "AT_MQTT_CLIENT_START_FAILED"));
            return self.finish(core, outcome);
        };
        core.set("mqtt.state", CONNECTED);
        let row = bag([
            ("LinkID", 0.into()),
            ("scheme", self.mqtt.scheme.into()),
            ("host", self.mqtt.host.as_str().into()),
            ("port", port(core, self.mqtt.port)),
            ("path", self.mqtt.path.as_str().into()),
            ("reconnect", self.mqtt.reconnect.into()),
        ]);
        core.urc("+MQTTCONNECTED", &row);
        if by_host {
            self.finish(core, Outcome::Ok);
        }
        let generation = self.mqtt.generation;
        for (at, (millis, ..)) in (1..).zip(&broker.says) {
            core.timer(*millis, (tick::MQTT_MESSAGE, generation << 16 | at));
        }
        if let Some(millis) = broker.closes {
            core.timer(millis, (tick::MQTT_BROKEN, generation));
        }
    }

    fn publish(&mut self, core: &mut Core, call: &Call) -> Option<Outcome> {
        if !connected(core) {
            return error(core, "AT_MQTT_CLIENT_PUBLISH_FAILED");
        }
        let data = call.text("data").map(std::borrow::Cow::into_owned).unwrap_or_default();
        self.hand_over(core, call, data, Outcome::Ok);
        self.wait_for(call)
    }

    pub(super) fn publish_raw(&mut self, core: &mut Core, call: &Call, data: &[u8]) -> Outcome {
        if !connected(core) {
            return Outcome::Final("+MQTTPUB:FAIL".into());
        }
        self.hand_over(core, call, data.to_vec(), Outcome::Ok);
        self.pending = Some(call.clone());
        Outcome::Pending
    }

    /// The broker gets a message, and answers it.
    fn hand_over(&mut self, core: &mut Core, call: &Call, data: Vec<u8>, outcome: Outcome) {
        let topic = call.string("topic");
        let way = core.world.scenario().delays.round_trip;
        // Nobody acknowledges a message of QoS 0; one of QoS 2 takes two rounds (MQTT 3.1.1 §4.3).
        let rounds = call.int("qos").unwrap_or_default().clamp(0, 2).unsigned_abs();
        self.mqtt.outcome = Some(outcome);
        self.answers(core, 1 + rounds * way);
        if call.int("retain") == Some(1) {
            if data.is_empty() {
                self.mqtt.retained.remove(&topic);
            } else if self.mqtt.retained.len() < MOST {
                self.mqtt.retained.insert(topic.clone(), data.clone());
            }
        }
        if self.mqtt.subscriptions.iter().any(|(filter, _)| mqtt_broker::fits(filter, &topic)) {
            self.comes(core, (rounds + 1) * way, topic, data);
        }
    }

    /// The broker's answer comes after this time, or the module waits for it in vain.
    fn answers(&self, core: &mut Core, millis: u64) {
        core.timer(if self.offline { PATIENCE } else { millis }, (tick::MQTT_ANSWER, self.mqtt.generation));
    }

    /// A message is on its way to the module.
    fn comes(&mut self, core: &mut Core, millis: u64, topic: String, data: Vec<u8>) {
        if self.mqtt.coming.len() < MOST && !self.offline {
            self.mqtt.coming.push_back((topic, data));
            core.timer(millis, (tick::MQTT_MESSAGE, self.mqtt.generation << 16));
        }
    }

    fn subscribe(&mut self, core: &mut Core, call: &Call) -> Option<Outcome> {
        let filter = call.string("topic");
        if !connected(core) || self.mqtt.subscriptions.len() >= MOST {
            return error(core, "AT_MQTT_CLIENT_SUBSCRIBE_FAILED");
        }
        if self.mqtt.subscriptions.iter().any(|(own, _)| *own == filter) {
            core.progress("ALREADY SUBSCRIBE", &Bag::new());
            return Some(Outcome::Ok);
        }
        let way = core.world.scenario().delays.round_trip;
        self.mqtt.outcome = Some(Outcome::Ok);
        self.answers(core, way);
        let brokers = core.world.scenario().brokers.clone();
        let broker = mqtt_broker::at(&brokers, &self.mqtt.host, self.mqtt.port);
        let said =
            broker.into_iter().flat_map(|broker| &broker.retained).map(|(topic, text)| (topic.clone(), bytes_of(text)));
        let mut kept: BTreeMap<String, Vec<u8>> = said.collect();
        kept.extend(self.mqtt.retained.clone());
        kept.retain(|topic, _| mqtt_broker::fits(&filter, topic));
        for (topic, data) in kept {
            self.comes(core, way + way / 2, topic, data);
        }
        self.mqtt.subscriptions.push((filter, call.int("qos").unwrap_or_default()));
        self.wait_for(call)
    }

    fn unsubscribe(&mut self, core: &mut Core, call: &Call) -> Option<Outcome> {
        if !connected(core) {
            return error(core, "AT_MQTT_CLIENT_UNSUBSCRIBE_FAILED");
        }
        let filter = call.string("topic");
        let before = self.mqtt.subscriptions.len();
        self.mqtt.subscriptions.retain(|(own, _)| *own != filter);
        if self.mqtt.subscriptions.len() == before {
            core.progress("NO UNSUBSCRIBE", &Bag::new());
            return Some(Outcome::Ok);
        }
        self.mqtt.outcome = Some(Outcome::Ok);
        let way = core.world.scenario().delays.round_trip;
        self.answers(core, way);
        self.wait_for(call)
    }

    pub(super) fn mqtt_timer(&mut self, core: &mut Core, what: u16, number: u64) {
        let generation = if what == tick::MQTT_MESSAGE { number >> 16 } else { number };
        if generation != self.mqtt.generation {
            return;
        }
        match what {
            tick::MQTT_CONNECTED => self.broker_answers(core),
            tick::MQTT_ANSWER if self.offline => self.mqtt_lost(core),
            tick::MQTT_ANSWER => {
                let Some(outcome) = self.mqtt.outcome.take() else { return };
                let state = if self.mqtt.subscriptions.is_empty() { NOTHING_SUBSCRIBED } else { SUBSCRIBED };
                if matches!(self.pending.as_ref().map(|call| &*call.name), Some("+MQTTSUB" | "+MQTTUNSUB")) {
                    core.set("mqtt.state", state);
                }
                self.finish(core, outcome);
            }
            tick::MQTT_MESSAGE => self.message(core, number & 0xFFFF),
            tick::MQTT_BROKEN if connected(core) => self.mqtt_lost(core),
            tick::MQTT_BROKEN if core.int("mqtt.state") == Some(DISCONNECTED) => self.mqtt_again(core),
            _ => {}
        }
    }

    /// A message arrives: one that was sent, or that the broker says by itself.
    fn message(&mut self, core: &mut Core, number: u64) {
        let (topic, data) = match number.checked_sub(1) {
            None => match self.mqtt.coming.pop_front() {
                Some(message) => message,
                None => return,
            },
            Some(at) => {
                let brokers = &core.world.scenario().brokers;
                let broker = mqtt_broker::at(brokers, &self.mqtt.host, self.mqtt.port);
                let said = broker.and_then(|broker| broker.says.get(usize::try_from(at).ok()?));
                let Some((_, topic, text)) = said else { return };
                (topic.clone(), bytes_of(text))
            }
        };
        if self.offline
            || !connected(core)
            || !self.mqtt.subscriptions.iter().any(|(filter, _)| mqtt_broker::fits(filter, &topic))
        {
            return;
        }
        let row = bag([("LinkID", 0.into()), ("topic", topic.into())]).with_data(data);
        core.urc_within(b"", "+MQTTSUBRECV", &row, b"\r\n");
    }

    /// The connection to the broker broke.
    pub(super) fn mqtt_lost(&mut self, core: &mut Core) {
        if !connected(core) {
            return;
        }
        self.mqtt.generation += 1;
        self.mqtt.coming.clear();
        core.set("mqtt.state", DISCONNECTED);
        core.urc("+MQTTDISCONNECTED", &bag([("LinkID", 0.into())]));
        if let Some(outcome) = self.mqtt.outcome.take() {
            let raw = self.pending.as_ref().is_some_and(|call| &*call.name == "+MQTTPUBRAW");
            let failed = match (raw, outcome) {
                (true, _) => Outcome::Final("+MQTTPUB:FAIL".into()),
                _ => Outcome::Error(errors::named(core, "AT_MQTT_CLIENT_PUBLISH_FAILED")),
            };
            self.finish(core, failed);
        }
        if self.mqtt.reconnect == 1 {
            core.timer(AGAIN, (tick::MQTT_BROKEN, self.mqtt.generation));
        }
    }

    /// A lost connection is tried again, where the host wants that and there is a network.
    fn mqtt_again(&mut self, core: &mut Core) {
        if self.reaches(core, &self.mqtt.host) {
            self.connect_broker(core);
        } else {
            core.timer(AGAIN, (tick::MQTT_BROKEN, self.mqtt.generation));
        }
    }
}

/// A port; firmware prints it in quotes.
fn port(core: &Core, port: i64) -> Item {
    if real(core) { Item::Raw(format!("\"{port}\"").into_bytes()) } else { Item::Int(port) }
}
