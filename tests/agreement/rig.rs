//! A virtual module on one end of a line, a host that waits on the other, and the decoder between them.

use std::sync::Arc;

use atscope::catalog::{Catalog, DataPhase, Sends, StateValue};
use atscope::check::{Analyzer, Finding, Options, Rule};
use atscope::generate::{Generator, Invocation, Item, Step};
use atscope::module::{Module, Said, Scenario, Scripted, Setup};
use atscope::{Sender, Time};

use super::common::{Record, Seen};

/// The address of every device in the world.
pub const DEVICE: &str = "24:0a:c4:00:00:30";

/// The default world, a server whose answer is longer than any command asks for, and devices to connect to.
const WORLD: &str = r#"
    [[devices]]
    kind = "ble"
    address = "24:0a:c4:00:00:30"
    name = "thermometer"
    [[devices]]
    kind = "classic"
    address = "24:0a:c4:00:00:30"
    name = "printer"
    [[http]]
    body = "@BODY@"
"#;

/// How long the host waits for what a command sets off, at most, in seconds of the module's clock.
const PATIENCE: u64 = 2000;

/// What one command came to.
#[derive(Debug)]
pub struct Turn {
    /// Why the module refused it.
    pub refused: Option<Rule>,
    pub events: Vec<Seen>,
    pub findings: Vec<Finding>,
}

impl Turn {
    /// The rules that were drawn, but for those that are no fault of either side.
    pub fn rules(&self) -> Vec<Rule> {
        let rules = self.findings.iter().map(|finding| finding.rule);
        let mut rules: Vec<Rule> = rules.filter(|rule| *rule != Rule::LineEnding).collect();
        rules.sort();
        rules.dedup();
        rules
    }

    /// The final results among the events.
    pub fn finals(&self) -> Vec<&Seen> {
        self.events.iter().filter(|event| event.kind == "final").collect()
    }
}

/// See the module's head.
pub struct Rig {
    pub catalog: Arc<Catalog>,
    model: Option<String>,
    profile: Option<String>,
    pub module: Module,
    pub analyzer: Analyzer,
    pub record: Record,
    pub now: Time,
    /// Bytes in each chunk of the wire.
    pub cut: usize,
    /// What went over the wire.
    pub wire: Vec<(Time, Sender, Vec<u8>)>,
    /// What stands between the module and the wire, for planted bugs.
    pub bend: Option<fn(Said, &mut Vec<u8>)>,
    /// What the decoder hears in place of what was said, for planted bugs.
    pub misheard: Option<fn(Sender, &mut Vec<u8>)>,
    /// Keys whose state was compared, and how often it was known.
    pub compared: usize,
    /// The module restarted and did not say so: nobody can know its state.
    pub blind: bool,
}

impl Rig {
    pub fn new(generator: &Generator, seed: u64, cut: usize) -> Self {
        Self::of(generator.catalog(), generator.catalog(), generator.model(), generator.profile(), seed, cut)
    }

    /// With a catalog each for module and decoder.
    pub fn of(
        catalog: &Arc<Catalog>,
        decoder: &Arc<Catalog>,
        model: Option<&str>,
        profile: Option<&str>,
        seed: u64,
        cut: usize,
    ) -> Self {
        let setup = Setup { model: model.map(str::to_owned), profile: profile.map(str::to_owned), seed, booted: true };
        let world = Box::new(Scripted::new(
            Scenario::from_toml("world.toml", &WORLD.replace("@BODY@", &"d".repeat(2048))).unwrap(),
        ));
        let module = Module::new(catalog.clone(), &setup, world).unwrap();
        let options = Options { from_boot: true, model: model.map(str::to_owned), ..Options::default() };
        let analyzer = Analyzer::new(decoder.clone(), options);
        let (record, now) = (Record::default(), Time::from_millis(1));
        Self {
            catalog: catalog.clone(),
            model: model.map(str::to_owned),
            profile: profile.map(str::to_owned),
            module,
            analyzer,
            record,
            now,
            cut,
            wire: Vec::new(),
            bend: None,
            compared: 0,
            blind: false,
            misheard: None,
        }
    }

    fn host(&mut self, bytes: &[u8]) {
        self.hear(Sender::Host, self.now, bytes);
        for chunk in bytes.chunks(self.cut.max(1)) {
            self.module.receive(self.now, chunk);
        }
        self.wire.push((self.now, Sender::Host, bytes.to_vec()));
    }

    /// The decoder gets bytes.
    fn hear(&mut self, from: Sender, time: Time, bytes: &[u8]) {
        let mut bytes = bytes.to_vec();
        if let Some(bend) = self.misheard {
            bend(from, &mut bytes);
        }
        for part in bytes.chunks(self.cut.max(1)) {
            self.analyzer.push(from, Some(time), part, &[], &mut self.record);
        }
    }

    /// What the module says from now on, up to a prompt or until it has nothing more to say. The last kind of output.
    fn listen(&mut self, millis: u64) -> Option<Said> {
        let until = self.now.plus(Time::from_millis(millis));
        let mut last = None;
        for _ in 0..20_000 {
            let Some(wake) = self.module.wake().filter(|wake| *wake <= until) else { break };
            self.now = self.now.max(wake);
            while let Some(chunk) = self.module.poll(self.now) {
                let mut bytes = chunk.bytes;
                if let Some(bend) = self.bend {
                    bend(chunk.said, &mut bytes);
                }
                self.hear(Sender::Module, chunk.time, &bytes);
                self.wire.push((chunk.time, Sender::Module, bytes));
                last = Some(chunk.said);
                if chunk.said == Said::Prompt {
                    return last;
                }
            }
        }
        last
    }

    /// The module says a line out of itself.
    pub fn say(&mut self, line: &[u8]) {
        self.pass(20);
        self.module.say(self.now, line);
        self.listen(1000);
    }

    /// Power goes off and on.
    pub fn reset(&mut self) {
        self.pass(20);
        self.module.reset(self.now);
        self.listen(20_000);
    }

    /// The host sends bytes, and waits until the module has nothing more to say.
    pub fn give(&mut self, bytes: &[u8]) {
        self.host(bytes);
        self.listen(PATIENCE * 1000);
    }

    /// Lets time pass.
    pub fn pass(&mut self, millis: u64) {
        self.listen(millis);
        self.now = self.now.plus(Time::from_millis(millis));
    }

    /// Sends a line and all that the module then asks for, and waits until it is done.
    pub fn turn(&mut self, line: &[u8], data: Option<(&DataPhase, Vec<u8>)>) -> Turn {
        let (events, findings) = (self.record.events.len(), self.record.findings.len());
        self.now = self.now.plus(Time::from_millis(50));
        self.host(&[line, b"\r\n"].concat());
        let mut said = self.listen(PATIENCE * 1000);
        let mut patience = 4;
        while said == Some(Said::Prompt) && patience > 0 {
            patience -= 1;
            self.now = self.now.plus(Time::from_millis(10));
            match &data {
                Some((phase, _)) if phase.sends == Sends::Transparent => self.leave(b"hello"),
                Some((_, bytes)) => self.host(&bytes.clone()),
                None => self.host(b"\x1B"),
            }
            said = self.listen(PATIENCE * 1000);
        }
        let ended = self.record.events.get(events..).unwrap_or_default();
        if ended.iter().any(|event| event.kind == "final" && event.name.starts_with("CONNECT")) {
            self.leave(b"");
            self.listen(PATIENCE * 1000);
        }
        Turn {
            refused: self.module.refused().map(|refusal| refusal.rule),
            events: self.record.events[events..].to_vec(),
            findings: self.record.findings[findings..].to_vec(),
        }
    }

    /// Data of a connection, and the way out of it.
    pub fn leave(&mut self, data: &[u8]) {
        self.pass(1100);
        if !data.is_empty() {
            self.host(data);
        }
        self.pass(1100);
        self.host(b"+++");
        self.pass(1100);
    }

    /// A command of the generator.
    pub fn command(&mut self, generator: &Generator, invocation: &Invocation) -> Turn {
        let catalog = generator.catalog();
        let spec = catalog.commands[invocation.target.command as usize].form(invocation.target.form);
        let data = spec.and_then(|spec| spec.data.as_ref()).map(|data| {
            let bytes = match &data.sends {
                Sends::Counted(by) => {
                    let count = invocation.given.get(by).and_then(Item::int).unwrap_or_default();
                    vec![b'd'; usize::try_from(count).unwrap_or_default()]
                }
                Sends::CtrlZ => b"hello\x1A".to_vec(),
                Sends::Transparent => b"hello".to_vec(),
            };
            (data, bytes)
        });
        self.turn(&invocation.line, data)
    }

    /// Goes the way of a plan; the turns of those steps that did not succeed.
    pub fn steps(&mut self, generator: &Generator, steps: &[Step]) -> Result<(), String> {
        for step in steps {
            match step {
                Step::Command(invocation) | Step::Read(invocation, ..) => {
                    let turn = self.command(generator, invocation);
                    self.judge(&turn, Some((generator, invocation)))?;
                }
                // The module says it by itself, or it does not.
                Step::Line(..) => self.pass(5000),
            }
        }
        Ok(())
    }

    /// The laws that hold for every turn, whatever state the module is in.
    pub fn judge(&mut self, turn: &Turn, own: Option<(&Generator, &Invocation)>) -> Result<(), String> {
        let rules = turn.rules();
        let refused: Vec<Rule> = turn.refused.into_iter().collect();
        // A command may break another rule and be out of place, too: the module names one.
        let state = refused.contains(&Rule::WrongState);
        // In a state where another alternative of its parameters is due, there are two ways to say what is wrong with them.
        let of_params = |rule: &Rule| rule.name().starts_with("param-");
        let params = refused.iter().any(of_params);
        let told = |rule: &Rule| {
            refused.contains(rule)
                || state
                || *rule == Rule::WrongState && !refused.is_empty()
                || params && of_params(rule)
        };
        if let Some(rule) = rules.iter().find(|rule| !told(rule)) {
            let what = turn.findings.iter().find(|finding| finding.rule == *rule).map(|finding| &*finding.message);
            let what = what.unwrap_or_default();
            return Err(format!("{} was drawn ({what}), the module refused with {refused:?}", rule.name()));
        }
        // What `A/` repeats was judged when it was given.
        let repeats = turn.events.iter().any(|event| event.kind == "command" && event.name == "A/");
        if let Some(rule) = refused.iter().filter(|_| !repeats).find(|rule| {
            !rules.contains(rule) && **rule != Rule::WrongState && !(of_params(rule) && rules.iter().any(of_params))
        }) {
            return Err(format!("the module refused with {}, nothing of it was drawn", rule.name()));
        }
        // A ROM's banner at its own speed is noise; the firmware's follows.
        let booted = turn.events.iter().rposition(|event| event.kind == "boot").unwrap_or_default();
        let heard = turn.events.get(booted..).unwrap_or_default();
        if let Some(noise) = heard.iter().find(|event| event.kind == "noise") {
            return Err(format!("noise: {}", noise.text));
        }
        // A result that is a number is read once the next command shows that it is complete.
        let start = turn.events.iter().position(|event| event.kind == "command").unwrap_or_default();
        let events = turn.events.get(start..).unwrap_or_default();
        let commands: Vec<&Seen> = turn.events.iter().filter(|event| event.kind == "command").collect();
        let [command] = commands[..] else { return Err(format!("{} commands", commands.len())) };
        if let Some(other) = events
            .iter()
            .filter(|event| matches!(event.kind, "echo" | "final" | "prompt" | "response"))
            .find(|event| event.exchange != command.exchange && !(event.kind == "final" && event.exchange.is_none()))
        {
            return Err(format!("{} {} belongs to {:?}", other.kind, other.text, other.exchange));
        }
        let spec = own.and_then(|(generator, invocation)| {
            generator.catalog().commands[invocation.target.command as usize].form(invocation.target.form)
        });
        let silent = spec.is_some_and(|spec| {
            spec.replies_only
                || spec.quiet.is_some()
                || spec.data.as_ref().is_some_and(|data| data.sends == Sends::Transparent)
        });
        let quiet = self.wire.iter().any(|(_, from, bytes)| *from == Sender::Host && bytes.starts_with(b"ATQ1"));
        // A result that is a number ends in CR alone: the next byte shows that nothing else belongs to it.
        let numbers = self.module.state("verbose", 0) == Some(&StateValue::Int(0));
        // A scan may last as long as the host wanted it to.
        let busy = self.module.is_busy();
        if turn.finals().is_empty() && !silent && !quiet && !numbers && !busy {
            return Err("it has no final result".to_owned());
        }
        self.compare_state()
    }

    /// Whether the module is where a plan should lead.
    pub fn is_as(&self, known: &atscope::generate::Known) -> bool {
        self.catalog.states.iter().all(|spec| {
            (0..if spec.indexed { 8 } else { 1 }).all(|index: u8| {
                let wanted = known.value(&self.catalog, &spec.name, index);
                wanted.is_none_or(|wanted| match (self.module.state(&spec.name, index.into()), wanted) {
                    (Some(StateValue::Word(a)), StateValue::Word(b)) => a.eq_ignore_ascii_case(b),
                    (Some(own), wanted) => own == wanted,
                    (None, _) => *wanted == StateValue::Int(0),
                })
            })
        })
    }

    /// What the module's state is.
    pub fn own_state(&self) -> atscope::generate::Known {
        let mut known = atscope::generate::Known::default();
        for spec in &self.catalog.states {
            for index in 0..if spec.indexed { 8 } else { 1 } {
                if let Some(value) = self.module.state(&spec.name, index.into()) {
                    known.note(&self.catalog, &spec.name, index, value.clone());
                }
            }
        }
        known
    }

    /// What the decoder knows of the state is what the module's is.
    pub fn compare_state(&mut self) -> Result<(), String> {
        for spec in &self.catalog.states {
            for index in 0..if spec.indexed { 8 } else { 1 } {
                let Some(known) = self.analyzer.known(&spec.name, index) else { continue };
                self.compared += 1;
                let own = self.module.state(&spec.name, index);
                let same = match (own, &known) {
                    (Some(StateValue::Word(a)), StateValue::Word(b)) => a.eq_ignore_ascii_case(b),
                    (Some(own), known) => own == known,
                    // The manual leaves open what it is, and nobody has set it.
                    (None, _) => true,
                };
                if !same {
                    return Err(format!("state {}.{index}: decoder {known:?}, module {own:?}", spec.name));
                }
            }
        }
        Ok(())
    }

    /// The wire as a transcript.
    pub fn transcript(&self) -> String {
        let mut out = format!("# dialect: {}\n", self.catalog.name);
        for (key, value) in [("model", &self.model), ("profile", &self.profile)] {
            value.iter().for_each(|value| out.push_str(&format!("# {key}: {value}\n")));
        }
        out.push_str("# start: boot\n");
        for (time, from, bytes) in &self.wire {
            let sign = if *from == Sender::Host { '>' } else { '<' };
            out.push_str(&format!("@{:.6} {sign} {}\n", time.as_secs_f64(), atscope::escape::escape(bytes)));
        }
        out
    }
}
