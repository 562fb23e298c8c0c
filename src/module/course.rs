//! The course of time: what the module does, what the world says and what the host sent, in the order of their times.

use std::sync::Arc;

use super::core::{Act, Said};
use super::dialect::DataEnd;
use super::{Module, Phase, world};
use crate::Time;
use crate::planted::{self, Bug};

impl Module {
    pub(super) fn run(&mut self, now: Time) {
        loop {
            self.conclude();
            if self.consume() {
                continue;
            }
            let world = self.core.world.wake().filter(|wake| *wake <= now);
            let act = self.core.next_act().filter(|act| *act <= now);
            // What the module does itself comes first; what was said together stays together.
            if act.is_some() && world.is_none_or(|world| act <= Some(world)) {
                if let Some(act) = self.core.due(now) {
                    self.act(act);
                }
                continue;
            }
            match self.core.world.poll(now) {
                Some((time, event)) => {
                    self.core.at(time.min(now));
                    self.happen(event);
                }
                None if act.is_some() => {
                    if let Some(act) = self.core.due(now) {
                        self.act(act);
                    }
                }
                None => return,
            }
        }
    }

    fn happen(&mut self, event: world::Event) {
        match &event {
            world::Event::Happens(what) if what.trim() == "reset" => self.restart(),
            world::Event::Happens(what) => match what.trim().strip_prefix("urc ") {
                Some(line) => {
                    let line = line.trim().trim_matches('"').to_owned();
                    self.core.say_line(Said::Urc, line.as_bytes());
                }
                None => self.dialect.world(&mut self.core, event),
            },
            _ if matches!(self.phase, Phase::Off) => {}
            _ => self.dialect.world(&mut self.core, event),
        }
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Boot => {
                self.phase = Phase::Command;
                self.dialect.boot(&mut self.core);
            }
            Act::DataTimeout(phase) if phase == self.phases && matches!(self.phase, Phase::Data { .. }) => {
                self.end_data(DataEnd::Timeout);
            }
            Act::Guard => self.listened(),
            Act::Offline => {
                if matches!(self.phase, Phase::Passthrough { .. }) {
                    self.phase = Phase::Command;
                    self.phases += 1;
                }
            }
            Act::Online => {
                self.phase = Phase::Passthrough { packet: Vec::new() };
                self.running = None;
            }
            Act::DataTimeout(_) | Act::Wake => {}
            Act::Restart => self.restart(),
            Act::Say(chunk) => self.core.put(chunk),
            Act::Timer(token) => self.dialect.timer(&mut self.core, token),
        }
    }

    pub(super) fn start(&mut self, factory: bool) {
        let catalog = Arc::clone(&self.core.catalog);
        if !planted::is(Bug::ModuleRestart) {
            self.core.state.reset(&catalog, factory);
        }
        match factory {
            true => self.core.memory.reset(),
            false => self.core.memory.restart(&catalog),
        }
        self.dialect.start(&mut self.core, factory);
    }

    pub(super) fn restart(&mut self) {
        self.core.forget();
        self.running = None;
        self.input.clear();
        self.listening = false;
        self.phase = Phase::Off;
        self.phases += 1;
        self.start(false);
        let boot = Time::from_millis(self.core.world.scenario().delays.boot);
        let asleep = Time::from_millis(std::mem::take(&mut self.core.asleep));
        self.core.enter(self.core.now().plus(asleep).plus(boot), Act::Boot);
    }
}
