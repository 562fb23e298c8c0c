//! The world that a scenario scripts: everything answers in the time that the scenario says, by the module's own clock.

use std::collections::BTreeMap;

use super::scenario::Scenario;
use super::world::{Endpoint, Event, HttpRequest, Id, World};
use crate::Time;

/// See the module's head.
#[derive(Debug, Default)]
pub struct Scripted {
    scenario: Scenario,
    agenda: BTreeMap<(Time, u64), Event>,
    entries: u64,
}

impl Scripted {
    /// A world after a scenario.
    pub fn new(scenario: Scenario) -> Self {
        let mut world = Self { agenda: BTreeMap::new(), entries: 0, scenario };
        for happening in world.scenario.events.clone() {
            world.enter(Time::from_millis(happening.at), Event::Happens(happening.what));
        }
        world
    }

    fn enter(&mut self, time: Time, event: Event) {
        self.agenda.insert((time, self.entries), event);
        self.entries += 1;
    }
}

impl World for Scripted {
    fn open(&mut self, _: Time, _: Id, _: &Endpoint) {}
    fn send(&mut self, _: Time, _: Id, _: &[u8], _: Option<(&str, u16)>) {}
    fn close(&mut self, _: Time, _: Id) {}
    fn listen(&mut self, _: Time, _: u16, _: Id) -> bool {
        false
    }
    fn unlisten(&mut self, _: Time, _: u16) {}
    fn resolve(&mut self, _: Time, _: Id, _: &str) {}
    fn ping(&mut self, _: Time, _: Id, _: &str) {}
    fn http(&mut self, _: Time, _: Id, _: &HttpRequest) {}

    fn poll(&mut self, now: Time) -> Option<(Time, Event)> {
        let (&(time, _), _) = self.agenda.first_key_value()?;
        (time <= now).then(|| self.agenda.pop_first()).flatten().map(|((time, _), event)| (time, event))
    }

    fn wake(&self) -> Option<Time> {
        self.agenda.first_key_value().map(|((time, _), _)| *time)
    }

    fn scenario(&self) -> &Scenario {
        &self.scenario
    }
}
