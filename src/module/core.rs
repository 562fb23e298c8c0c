//! The part of a module that all dialects share: its clock and agenda, what it says and how, its state and memory.
//!
//! A dialect's code gets this in hand. It never waits: what comes later stands on the agenda, and time passes from outside.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use fastrand::Rng;

use super::dialect::{Outcome, Token};
use super::memory::Memory;
use super::scenario::Fact;
use super::state::{Scope, State};
use super::verdict::Refusal;
use super::world::{Id, World};
use crate::Time;
use crate::catalog::{Blank, Catalog, FormSpec, Line, Output, ParamSpec, Role, StateValue};
use crate::generate::emit::{self, Source};
use crate::generate::{Bag, Item, values};
use crate::planted::{self, Bug};
use crate::session::Form;

/// Most that waits to be taken from the module, in bytes; a host that never reads loses what is beyond.
const BACKLOG: usize = 1 << 20;

/// Entries on the agenda; a world that floods the module loses what is beyond.
const AGENDA: usize = 1 << 16;

/// What a piece of output is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// A boot banner.
    Boot,
    /// The command line, repeated.
    Echo,
    /// A final result.
    Final,
    /// Bytes of a connection in passthrough mode.
    Passthrough,
    /// An intermediate result.
    Progress,
    /// The module asks for data.
    Prompt,
    /// An information response, with its counted data if it has some.
    Response,
    /// An unsolicited line, with its counted data if it has some.
    Urc,
}

/// Bytes that the module puts on the line in one go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// When its first byte goes out.
    pub time: Time,
    /// What it is.
    pub said: Said,
    /// The bytes, line ends included.
    pub bytes: Vec<u8>,
    /// How many of them, at the end (behind it nothing but a line end), are counted data.
    pub data: usize,
}

/// What stands on the agenda.
#[derive(Debug)]
pub(super) enum Act {
    Boot,
    DataTimeout(u64),
    Guard,
    Offline,
    Online,
    Restart,
    Say(Chunk),
    Timer(Token),
    Wake,
}

/// A command that the module took: its description and what was given.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) command: u32,
    pub(crate) form: Form,
    /// As the catalog writes it.
    pub(crate) name: Box<str>,
    /// As the host wrote it, in capitals: an alias, maybe.
    pub(crate) spelled: Box<str>,
    /// The given parameters, by the catalog's names; omitted ones are [`Item::Omitted`].
    pub(crate) given: Bag,
}

impl Call {
    /// The number of a parameter; `None` where it was not given.
    pub(crate) fn int(&self, name: &str) -> Option<i64> {
        self.given.get(name)?.int()
    }

    /// The text of a parameter, without quotes and escapes; `None` where it was not given.
    pub(crate) fn text(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        self.given.get(name).filter(|item| **item != Item::Omitted).map(Item::text)
    }

    /// As [`text`](Self::text), where text of no characters will do.
    pub(crate) fn string(&self, name: &str) -> String {
        self.text(name).map_or_else(String::new, |text| String::from_utf8_lossy(&text).into_owned())
    }

    /// Whether it is a command of this name and form.
    pub(crate) fn is(&self, name: &str, form: Form) -> bool {
        *self.name == *name && self.form == form
    }
}

/// See the module's head.
pub(crate) struct Core {
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) model: Option<u16>,
    pub(crate) profile: Option<u16>,
    pub(crate) output: Output,
    pub(crate) state: State,
    pub(crate) memory: Memory,
    pub(crate) rng: Rng,
    pub(crate) world: Box<dyn World>,
    /// Why the newest command was refused; for tests.
    pub(crate) refused: Option<Refusal>,
    /// What a command is told now in place of the catalog's word for a busy module.
    pub(crate) busy: Option<&'static str>,
    /// The line's speed that the host has set, for what is said from now on.
    pub(crate) baud: Option<u32>,
    /// Milliseconds that the next restart takes longer: the module sleeps.
    pub(crate) asleep: u64,
    pub(super) quiet: bool,
    pub(super) concluded: Option<Outcome>,
    now: Time,
    /// When what is said next goes out.
    cursor: Time,
    agenda: BTreeMap<(Time, u64), Act>,
    acts: u64,
    out: VecDeque<Chunk>,
    backlog: usize,
    /// Lines of catalog by name.
    lines: HashMap<Box<str>, Vec<u32>>,
    /// Responses since the command began.
    responses: u32,
    ids: Id,
}

impl Core {
    pub(super) fn new(
        catalog: Arc<Catalog>,
        model: Option<u16>,
        profile: Option<u16>,
        seed: u64,
        world: Box<dyn World>,
    ) -> Self {
        let mut lines: HashMap<Box<str>, Vec<u32>> = HashMap::new();
        for (at, line) in catalog.lines.iter().enumerate() {
            lines.entry(line.name.clone()).or_default().push(at as u32);
        }
        let own = profile.and_then(|at| catalog.profiles.get(usize::from(at))).map(|profile| profile.output.clone());
        let output = own.unwrap_or_default().over(&catalog.output);
        Self {
            state: State::new(&catalog),
            memory: Memory::default(),
            rng: Rng::with_seed(seed),
            refused: None,
            busy: None,
            baud: None,
            asleep: 0,
            quiet: false,
            concluded: None,
            now: Time::ZERO,
            cursor: Time::ZERO,
            agenda: BTreeMap::new(),
            acts: 0,
            out: VecDeque::new(),
            backlog: 0,
            responses: 0,
            ids: 0,
            catalog,
            model,
            profile,
            output,
            world,
            lines,
        }
    }

    // Time

    /// The time of what is being handled.
    pub(crate) fn now(&self) -> Time {
        self.now
    }

    pub(super) fn at(&mut self, now: Time) {
        self.now = self.now.max(now);
        self.cursor = self.cursor.max(self.now);
    }

    /// When all that was said so far has gone out.
    pub(super) fn said_by(&self) -> Time {
        self.cursor
    }

    /// A command begins: its answer starts after the time that the module takes.
    pub(super) fn begin(&mut self) {
        let delay = Time::from_millis(self.world.scenario().delays.answer).as_nanos();
        let jitter = self.rng.u64(0..=delay / 4);
        self.cursor = self.cursor.max(self.now).plus(Time::from_nanos(delay + jitter));
        self.responses = 0;
    }

    /// What is said from now on goes out so many milliseconds later.
    pub(crate) fn wait(&mut self, millis: u64) {
        self.cursor = self.cursor.max(self.now).plus(Time::from_millis(millis));
    }

    /// [`Dialect::timer`](super::dialect::Dialect::timer) gets the token, so many milliseconds from now.
    pub(crate) fn timer(&mut self, millis: u64, token: Token) {
        self.enter(self.now.plus(Time::from_millis(millis)), Act::Timer(token));
    }

    /// As [`timer`](Self::timer), counted from the end of all that was said so far, and of the result of the command in work.
    pub(crate) fn later(&mut self, millis: u64, token: Token) {
        let time = self.cursor.max(self.now).plus(Time::from_millis(millis));
        self.enter(time, Act::Timer(token));
    }

    /// Takes a timer off the agenda; `false`: there is none.
    pub(crate) fn cancel(&mut self, token: Token) -> bool {
        let before = self.agenda.len();
        self.agenda.retain(|_, act| !matches!(act, Act::Timer(own) if *own == token));
        self.agenda.len() < before
    }

    /// The module restarts once all that was said is out.
    pub(crate) fn restart(&mut self) {
        self.enter(self.cursor, Act::Restart);
    }

    pub(super) fn enter(&mut self, time: Time, act: Act) {
        // What is said is lost first: without its timers the module would hang.
        let most = if matches!(act, Act::Say(_)) { AGENDA } else { 2 * AGENDA };
        if self.agenda.len() < most {
            self.agenda.insert((time.max(self.now), self.acts), act);
            self.acts += 1;
        }
    }

    /// The module looks again at what waits once all that was said is out.
    pub(super) fn wake_when_said(&mut self) {
        let time = self.cursor.max(self.now);
        let mut same = self.agenda.range((time, 0)..=(time, u64::MAX));
        if !same.any(|(_, act)| matches!(act, Act::Wake)) {
            self.enter(time, Act::Wake);
        }
    }

    /// Drops all that is on the agenda: power is gone.
    pub(super) fn forget(&mut self) {
        self.agenda.clear();
        self.cursor = self.now;
        self.concluded = None;
        self.busy = None;
        self.quiet = false;
    }

    pub(super) fn due(&mut self, now: Time) -> Option<Act> {
        let (&(time, _), _) = self.agenda.first_key_value()?;
        if time > now {
            return None;
        }
        self.now = self.now.max(time);
        self.agenda.pop_first().map(|(_, act)| act)
    }

    pub(super) fn next_act(&self) -> Option<Time> {
        self.agenda.first_key_value().map(|((time, _), _)| *time)
    }

    // What goes out

    pub(super) fn put(&mut self, chunk: Chunk) {
        if self.backlog + chunk.bytes.len() <= BACKLOG {
            self.backlog += chunk.bytes.len();
            self.out.push_back(chunk);
        }
    }

    pub(super) fn take(&mut self) -> Option<Chunk> {
        let chunk = self.out.pop_front()?;
        self.backlog -= chunk.bytes.len();
        Some(chunk)
    }

    pub(super) fn has_output(&self) -> bool {
        !self.out.is_empty()
    }

    /// Bytes that wait to be taken, and that are still to be said.
    pub(super) fn waiting(&self) -> usize {
        let said = self.agenda.values().map(|act| match act {
            Act::Say(chunk) => chunk.bytes.len(),
            _ => 0,
        });
        self.backlog + said.sum::<usize>()
    }

    /// Says bytes as they are, at the time that [`wait`](Self::wait) has come to. `data`: so many at their end are counted data.
    pub(crate) fn say(&mut self, said: Said, bytes: Vec<u8>, data: usize) {
        let time = self.cursor.max(self.now);
        self.cursor = time;
        if said == Said::Response {
            self.responses += 1;
        }
        self.enter(time, Act::Say(Chunk { time, said, bytes, data }));
    }

    /// Says a line of this text, which a catalog's line should fit.
    pub(crate) fn say_line(&mut self, said: Said, text: &[u8]) {
        let framed = self.framed(said, text, true);
        self.say(said, framed, 0);
    }

    pub(super) fn framed(&self, said: Said, text: &[u8], ends: bool) -> Vec<u8> {
        let blank = match said {
            _ if self.output.blank == Some(Blank::None) => false,
            Said::Final => true,
            Said::Response => self.output.blank != Some(Blank::Results) && self.responses == 0,
            Said::Urc | Said::Progress => self.output.blank != Some(Blank::Results),
            _ => false,
        };
        let mut bytes = Vec::with_capacity(text.len() + 4);
        bytes.extend_from_slice(if blank { b"\r\n" } else { b"" });
        bytes.extend_from_slice(text);
        bytes.extend_from_slice(if ends { b"\r\n" } else { b"" });
        bytes
    }

    /// Says an information response of a command: the line of this name that takes the most of the values. `false`: the catalog has none
    /// that fits; it is said all the same.
    pub(crate) fn respond(&mut self, call: &Call, name: &str, bag: &Bag) -> bool {
        let spec = self.form_of(call);
        let known: Vec<u32> = spec.iter().flat_map(|spec| spec.reply.iter().chain(&spec.after)).copied().collect();
        let found = self.compose(&known, name, bag);
        self.say_found(Said::Response, found, name, bag)
    }

    /// As [`respond`](Self::respond), for the response that has this text in it, where several have one name: `STAMAC`.
    pub(crate) fn respond_like(&mut self, call: &Call, name: &str, text: &str, bag: &Bag) -> bool {
        let spec = self.form_of(call);
        let known = spec.iter().flat_map(|spec| &spec.reply).copied();
        let like: Vec<u32> = known.filter(|at| self.line(*at).is_some_and(|line| line.text.contains(text))).collect();
        let found = self.compose(&like, name, bag);
        self.say_found(Said::Response, found, name, bag)
    }

    /// As [`respond`](Self::respond), for the form's response that fits best, whatever its name: also one without.
    pub(crate) fn respond_any(&mut self, call: &Call, bag: &Bag) -> bool {
        let spec = self.form_of(call);
        let known: Vec<u32> = spec.iter().flat_map(|spec| spec.reply.iter()).copied().collect();
        let found = self.best(&known, bag);
        found.is_some() && self.say_found(Said::Response, found, "", bag)
    }

    /// As [`respond`](Self::respond), with what this firmware prints ahead of it and behind it in place of line ends.
    pub(crate) fn respond_within(&mut self, call: &Call, ahead: &[u8], name: &str, bag: &Bag, behind: &[u8]) -> bool {
        let spec = self.form_of(call);
        let known: Vec<u32> = spec.iter().flat_map(|spec| spec.reply.iter().chain(&spec.after)).copied().collect();
        let found = self.compose(&known, name, bag);
        let known = found.is_some();
        let line = found.unwrap_or_else(|| self.plain(name, bag));
        self.say(Said::Response, [ahead, &line, behind].concat(), bag.data().map_or(0, <[u8]>::len));
        known
    }

    /// Says an unsolicited line, or a delayed result.
    pub(crate) fn urc(&mut self, name: &str, bag: &Bag) -> bool {
        let found = self.compose_role(&[Role::Urc, Role::Later], name, bag);
        self.say_found(Said::Urc, found, name, bag)
    }

    /// As [`urc`](Self::urc), with what this firmware prints ahead of it and behind it.
    pub(crate) fn urc_within(&mut self, ahead: &[u8], name: &str, bag: &Bag, behind: &[u8]) -> bool {
        let found = self.compose_role(&[Role::Urc, Role::Later], name, bag);
        let known = found.is_some();
        let line = found.unwrap_or_else(|| self.plain(name, bag));
        let bytes = [ahead, &line, behind].concat();
        self.say(Said::Urc, bytes, bag.data().map_or(0, <[u8]>::len));
        known
    }

    /// Says an intermediate result.
    pub(crate) fn progress(&mut self, name: &str, bag: &Bag) -> bool {
        let found = self.compose_role(&[Role::Progress], name, bag);
        self.say_found(Said::Progress, found, name, bag)
    }

    fn say_found(&mut self, said: Said, found: Option<Vec<u8>>, name: &str, bag: &Bag) -> bool {
        let known = found.is_some();
        let line = found.unwrap_or_else(|| self.plain(name, bag));
        // Data that starts on the line has no line end behind it, unless a blank line frames all of this firmware's lines.
        let on_line = bag.data().is_some() && !line.windows(2).any(|pair| pair == b"\r\n");
        let bytes = self.framed(said, &line, !on_line || said == Said::Response);
        self.say(said, bytes, bag.data().map_or(0, <[u8]>::len));
        known
    }

    /// What no catalog describes: `+NAME:1,text`.
    fn plain(&self, name: &str, bag: &Bag) -> Vec<u8> {
        let mut line = name.as_bytes().to_vec();
        for (at, (_, item)) in bag.iter().enumerate() {
            line.push(if at == 0 { b':' } else { b',' });
            line.extend_from_slice(&item.text());
        }
        if let Some(data) = bag.data() {
            line.push(b':');
            line.extend_from_slice(data);
        }
        line
    }

    fn compose_role(&self, roles: &[Role], name: &str, bag: &Bag) -> Option<Vec<u8>> {
        let known: Vec<u32> = self
            .lines
            .get(name)?
            .iter()
            .copied()
            .filter(|at| self.line(*at).is_some_and(|line| roles.contains(&line.role)))
            .collect();
        self.best(&known, bag)
    }

    fn compose(&self, known: &[u32], name: &str, bag: &Bag) -> Option<Vec<u8>> {
        let named: Vec<u32> =
            known.iter().copied().filter(|at| self.line(*at).is_some_and(|line| *line.name == *name)).collect();
        self.best(&named, bag)
    }

    /// Of some lines the one that takes the most values, as this firmware prints it, in this state.
    fn best(&self, known: &[u32], bag: &Bag) -> Option<Vec<u8>> {
        // Where this firmware's own lines do not fit, another's is better than none.
        self.best_of(known, bag, false).or_else(|| self.best_of(known, bag, true))
    }

    fn best_of(&self, known: &[u32], bag: &Bag, foreign: bool) -> Option<Vec<u8>> {
        let mut best: Option<((usize, u8), Vec<u8>)> = None;
        for line in known.iter().filter_map(|at| self.line(*at)) {
            let Some(rank) = self.prints(line).or(foreign.then_some(0)) else { continue };
            if line.when.as_ref().is_some_and(|when| {
                when.expr.eval(&Scope { state: &self.state, catalog: &self.catalog, given: bag }) == Some(false)
            }) {
                continue;
            }
            let mut bytes = Vec::new();
            let source = Filled { core: self, line, bag };
            let Some(taken) = emit::line(&self.catalog, line, &source, &mut bytes) else { continue };
            if best.as_ref().is_none_or(|(least, _)| (taken, rank) > *least) {
                best = Some(((taken, rank), bytes));
            }
        }
        best.map(|(_, bytes)| bytes)
    }

    /// How well a line suits this firmware and the spelling of its command. A real firmware answers in the host's spelling, the manual in its
    /// own.
    pub(crate) fn suits(&self, line: &Line, call: &Call) -> Option<(bool, u8, bool)> {
        let rank = self.prints(line)?;
        let alike = line.name == call.spelled;
        Some((alike && self.profile.is_some(), rank, alike))
    }

    /// How well a line suits this firmware; `None`: it does not print it.
    pub(super) fn prints(&self, line: &Line) -> Option<u8> {
        match line.profile {
            None => Some(1),
            Some(own) if Some(own) == self.profile => Some(3),
            // A generation that nothing tells stands for all of them: what every firmware prints comes ahead of what the manual says, unless
            // the module is one after the manual.
            Some(any) => {
                let tells = self.catalog.profiles.get(usize::from(any)).map(|profile| profile.tells.is_empty());
                (tells == Some(true)).then_some(if self.profile.is_some() { 2 } else { 0 })
            }
        }
    }

    fn line(&self, at: u32) -> Option<&Line> {
        self.catalog.lines.get(at as usize)
    }

    /// Says a final result: `OK`, `ERROR`, `SEND OK`, `+CME ERROR` with its code.
    pub(super) fn result(&mut self, name: &str, code: Option<&Item>) {
        if self.quiet {
            return;
        }
        let catalog = Arc::clone(&self.catalog);
        let is_failure = |line: &&Line| line.role == Role::Result && !line.ok;
        // Not every dialect calls its failures so.
        let name = match self.lines.contains_key(name) || name != "ERROR" {
            true => name,
            false => catalog.lines.iter().find(is_failure).map_or(name, |line| &*line.name),
        };
        let line = self
            .lines
            .get(name)
            .into_iter()
            .flatten()
            .filter_map(|at| catalog.lines.get(*at as usize))
            .find(|line| line.role == Role::Result);
        let numeric = line.and_then(|line| line.numeric).filter(|_| self.int("verbose") == Some(0));
        if let Some(number) = numeric {
            return self.say(Said::Final, format!("{number}\r").into_bytes(), 0);
        }
        let mut text = Vec::new();
        let coded = line.and_then(|line| emit::line(&catalog, line, &Coded(code), &mut text));
        // Other fields of a result have usual values.
        let coded = coded.or_else(|| emit::line(&catalog, line?, &Usual(code), &mut text));
        if coded.is_none() {
            text = name.as_bytes().to_vec();
        }
        self.say_line(Said::Final, &text);
    }

    // State and memory

    /// A state key's number; `None` where it is none, a word, or open.
    pub(crate) fn int(&self, key: &str) -> Option<i64> {
        self.int_at(key, 0)
    }

    /// As [`int`](Self::int), of one link.
    pub(crate) fn int_at(&self, key: &str, index: usize) -> Option<i64> {
        match self.state.get(self.key(key)?, index)? {
            StateValue::Int(number) => Some(*number),
            StateValue::Word(_) => None,
        }
    }

    /// Sets a state key, where the catalog has it.
    pub(crate) fn set(&mut self, key: &str, value: i64) {
        self.set_at(key, 0, value);
    }

    /// As [`set`](Self::set), of one link.
    pub(crate) fn set_at(&mut self, key: &str, index: usize, value: i64) {
        if let Some(key) = self.key(key) {
            self.state.set(key, index, Some(StateValue::Int(value)));
        }
    }

    /// Sets a state key to a word.
    pub(crate) fn set_word(&mut self, key: &str, index: usize, value: &str) {
        if let Some(key) = self.key(key) {
            self.state.set(key, index, Some(StateValue::Word(value.into())));
        }
    }

    fn key(&self, name: &str) -> Option<u16> {
        self.catalog.states.iter().position(|spec| *spec.name == *name).map(|at| at as u16)
    }

    /// What the catalog says that success does.
    pub(crate) fn effects(&mut self, call: &Call) {
        let catalog = Arc::clone(&self.catalog);
        if let Some(spec) = form_in(&catalog, call).filter(|_| !planted::is(Bug::ModuleEffects)) {
            self.state.apply(&catalog, &spec.sets, &call.given);
        }
    }

    pub(crate) fn form_of(&self, call: &Call) -> Option<&FormSpec> {
        form_in(&self.catalog, call)
    }

    /// A value of the scenario: by command and parameter, or by parameter alone.
    pub(crate) fn fact(&self, owner: &str, param: &str) -> Option<Item> {
        let facts = &self.world.scenario().facts;
        let fact = facts.get(&format!("{owner}.{param}")).or_else(|| facts.get(param))?;
        Some(match fact {
            Fact::Int(number) => Item::Int(*number),
            Fact::Text(text) => Item::from(text.as_str()),
        })
    }

    /// The name of the module's profile, or nothing where it speaks as the manual does.
    pub(crate) fn profile_name(&self) -> &str {
        self.profile.and_then(|at| self.catalog.profiles.get(usize::from(at))).map_or("", |profile| &profile.name)
    }

    /// The name of the module's model, or nothing.
    pub(crate) fn model_name(&self) -> &str {
        self.model.and_then(|at| self.catalog.models.get(usize::from(at))).map_or("", |model| &model.name)
    }

    /// A new number for a request of the world.
    pub(crate) fn id(&mut self) -> Id {
        self.ids += 1;
        self.ids
    }

    /// Passthrough begins without a command, once all that was said is out.
    pub(crate) fn online(&mut self) {
        self.enter(self.cursor, Act::Online);
    }

    /// Ends passthrough mode from this side, once all that was said is out.
    pub(crate) fn offline(&mut self) {
        self.enter(self.cursor, Act::Offline);
    }

    /// Ends the command that was left [`Outcome::Pending`].
    pub(crate) fn finish(&mut self, outcome: Outcome) {
        self.concluded = Some(outcome);
    }
}

fn form_in<'c>(catalog: &'c Catalog, call: &Call) -> Option<&'c FormSpec> {
    catalog.commands.get(call.command as usize)?.form(call.form)
}

/// A result's code, whatever its parameter is called.
struct Coded<'a>(Option<&'a Item>);

impl Source for Coded<'_> {
    fn item(&self, _: &Catalog, _: &ParamSpec) -> Option<Item> {
        self.0.cloned()
    }
}

/// A result's code where it is a code, and what is usual for all else.
struct Usual<'a>(Option<&'a Item>);

impl Source for Usual<'_> {
    fn item(&self, catalog: &Catalog, spec: &ParamSpec) -> Option<Item> {
        let code = self.0.filter(|code| values::breaks(catalog, spec, code).is_none());
        Some(code.cloned().unwrap_or_else(|| values::usual(catalog, spec)))
    }
}

/// Given values, and beyond them what the scenario says.
struct Filled<'a> {
    core: &'a Core,
    line: &'a Line,
    bag: &'a Bag,
}

impl Source for Filled<'_> {
    fn item(&self, catalog: &Catalog, spec: &ParamSpec) -> Option<Item> {
        self.bag.of(catalog, spec).cloned().or_else(|| self.core.fact(&self.line.name, &spec.name))
    }

    fn data(&self) -> Option<&[u8]> {
        self.bag.data()
    }
}
