//! What a catalog holds once it is loaded: commands, lines, parameters, state, code tables, profiles and models.

use std::borrow::Cow;
use std::sync::Arc;

use super::expr::{Expr, StateRef, Term};
use super::index::NameIndex;
use crate::session::{Form, Value};

/// One dialect: a vendor's manual as data.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    /// Short name: `esp-at`.
    pub name: Box<str>,
    /// What it is, for people.
    pub title: Box<str>,
    /// The name of the manual, as findings cite it.
    pub source: Box<str>,
    /// A backslash escapes the next byte inside a quoted string.
    pub escapes: bool,
    /// Lines may start with a link number: `0,CONNECT`.
    pub link: bool,
    /// Commands, in the order of the manual.
    pub commands: Vec<Command>,
    /// Everything that a module says, answers included.
    pub lines: Vec<Line>,
    /// Descriptions of parameters; others refer to them by position.
    pub params: Vec<ParamSpec>,
    /// State keys.
    pub states: Vec<StateSpec>,
    /// Tables of status and error codes.
    pub codes: Vec<CodeTable>,
    /// Firmware generations.
    pub profiles: Vec<Profile>,
    /// Products.
    pub models: Vec<Model>,
    /// The catalogs that this one extends, the nearest last.
    pub bases: Vec<Box<str>>,
    /// How the modules frame what they print.
    pub output: Output,
    /// Starts of lines by which traffic tells this dialect.
    pub tells: Vec<Box<str>>,
    /// A precondition of every command but those that say otherwise.
    pub needs: Option<Condition>,
    /// The final results that any command may have.
    pub results: Vec<Box<str>>,
    /// What else asks for data, where no catalog knows the command: words on a line of their own.
    pub prompts: Vec<Box<str>>,
    /// Results behind which the data of a connection comes.
    pub(crate) online: Vec<Box<str>>,
    /// Some line of fixed words is also what a command asks for its data with.
    pub(crate) asks_in_words: bool,
    /// State keys that unsolicited lines change: unknown once such a line may have been lost.
    pub(crate) told: Vec<u16>,
    /// Names of parameters, by the number that conditions use.
    pub(crate) names: Vec<Box<str>>,
    /// Names of the manuals that entries come from.
    pub(crate) sources: Vec<Box<str>>,
    pub(crate) command_index: NameIndex,
    pub(crate) line_index: NameIndex,
    /// Lines that start with a link number, by what follows it.
    pub(crate) link_index: NameIndex,
}

/// A command of the manual.
#[derive(Clone, Debug)]
pub struct Command {
    /// `+CWMODE`, `E`, `&F`; empty for a bare `AT`.
    pub name: Box<str>,
    /// Other spellings.
    pub aliases: Vec<Box<str>>,
    /// The manual's title.
    pub title: Box<str>,
    /// The manual's section.
    pub section: Box<str>,
    pub(crate) source: u16,
    /// Where the manual contradicts itself, and what is accepted.
    pub note: Option<Box<str>>,
    /// Only these models have it; empty: all.
    pub models: Vec<u16>,
    /// These models lack it.
    pub except: Vec<u16>,
    /// The catalog's common precondition is none of its own.
    pub always: bool,
    /// What it sets is kept in flash.
    pub saved: bool,
    /// Firmware generation that has it beside the manual.
    pub profile: Option<u16>,
    /// Its forms, by [`Form`].
    pub forms: [Option<Box<FormSpec>>; 4],
    /// See [`letters`].
    pub(crate) letters: u64,
}

/// The set of a name's characters: names that differ much in it are not alike.
pub(crate) fn letters(name: &str) -> u64 {
    name.bytes().fold(0, |set, byte| set | 1 << (byte & 63))
}

impl Command {
    /// What the manual says of a form; `None` where the command has no such form.
    pub fn form(&self, form: Form) -> Option<&FormSpec> {
        self.forms.get(form.index()).and_then(|spec| spec.as_deref())
    }
}

/// One form of a command.
#[derive(Clone, Debug, Default)]
pub struct FormSpec {
    /// Alternative parameter lists; empty where it takes none.
    pub syntax: Vec<Syntax>,
    /// Information responses: positions in [`Catalog::lines`].
    pub reply: Vec<u32>,
    /// Information responses that may come behind the final result.
    pub after: Vec<u32>,
    /// Delayed results, which come as URCs.
    pub later: Vec<u32>,
    /// Final results; the first one means success.
    pub finals: Arc<[Box<str>]>,
    /// Of these, those that mean failure beside `ERROR` and its like.
    pub fails: Vec<Box<str>>,
    /// The data phase.
    pub data: Option<DataPhase>,
    /// Documented maximum response time in milliseconds.
    pub timeout: Option<u64>,
    /// Precondition, as text and condition.
    pub needs: Option<Condition>,
    /// Documented relations between parameters.
    pub relations: Vec<Condition>,
    /// Effects of success.
    pub(crate) sets: Vec<Effect>,
    /// Effects as they are written.
    pub effects: Vec<(Box<str>, Box<str>)>,
    /// The form's own title.
    pub title: Option<Box<str>>,
    /// The form's own section.
    pub section: Option<Box<str>>,
    /// The form's own note.
    pub note: Option<Box<str>>,
    /// Only these models have it; empty: all.
    pub models: Vec<u16>,
    /// These models lack it.
    pub except: Vec<u16>,
    /// Firmware generation that has it beside the manual.
    pub profile: Option<u16>,
    /// It has no final result: its reply ends it.
    pub replies_only: bool,
    /// The module restarts behind its result.
    pub restarts: bool,
    /// It does so only where this holds.
    pub restarts_when: Option<Condition>,
    /// Where this holds the module gives no result from then on, this command's own included.
    pub quiet: Option<Condition>,
    /// Behind this result all is data of a connection, up to `+++` of the host or a line of `offline`.
    pub online: Option<Box<str>>,
    /// Lines of the module that end the connection's data.
    pub offline: Vec<Box<str>>,
    /// Some reply has no name in it: any line of text may belong to it.
    pub(crate) free: bool,
}

impl FormSpec {
    /// What success does where the parameters are those of an alternative (its position in `syntax`): an effect that takes its value from a
    /// parameter that it does not have is another alternative's.
    pub(crate) fn effects_of<'s>(
        &'s self,
        catalog: &Catalog,
        syntax: Option<usize>,
    ) -> impl Iterator<Item = &'s Effect> {
        let syntax = syntax.and_then(|at| self.syntax.get(at));
        self.sets.iter().filter(move |effect| match (&effect.value, syntax) {
            (Some(Term::Param(name)), Some(syntax)) => {
                let fields = syntax.shapes.iter().flat_map(|shape| &shape.fields);
                fields.filter_map(|field| catalog.param(field.param?)).any(|spec| spec.name_id == *name)
            }
            _ => true,
        })
    }
}

/// A condition with its text.
#[derive(Clone, Debug)]
pub struct Condition {
    /// As the catalog writes it.
    pub text: Box<str>,
    pub(crate) expr: Expr,
}

/// One alternative of a command's parameters.
#[derive(Clone, Debug)]
pub struct Syntax {
    /// As the catalog writes it.
    pub text: Box<str>,
    /// Only when this holds.
    pub when: Option<Condition>,
    /// Firmware generation that takes it beside the manual.
    pub profile: Option<u16>,
    pub(crate) shapes: Vec<Shape>,
}

/// A row of fields.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shape {
    pub(crate) fields: Vec<Field>,
    /// Fields ahead of the first optional one of the tail.
    pub(crate) min: usize,
    pub(crate) repeat: bool,
    /// The last field takes the rest of the line, commas included.
    pub(crate) rest: bool,
    /// No field has literal text around its parameter.
    pub(crate) plain: bool,
    /// Plain, with no field that repeats, takes the rest of the line or must be one word: it is quickly told.
    pub(crate) quick: bool,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Field {
    pub(crate) prefix: Box<[u8]>,
    pub(crate) suffix: Box<[u8]>,
    /// Position in [`Catalog::params`].
    pub(crate) param: Option<u32>,
    pub(crate) fixed: Option<Box<str>>,
    pub(crate) optional: bool,
    /// Given with the field ahead, or not at all: `<b>` of `[,<a>,<b>]`.
    pub(crate) joined: bool,
}

impl Shape {
    /// How many fields there must be behind the first `given`, if those are to be there.
    pub(crate) fn owed(&self, given: usize) -> usize {
        let tail = self.fields.get(given.max(self.min)..).unwrap_or_default();
        self.min.saturating_sub(given) + tail.iter().take_while(|field| field.joined).count()
    }
}

/// The phase in which the host sends data.
#[derive(Clone, Debug)]
pub struct DataPhase {
    /// `>` or `DOWNLOAD`.
    pub prompt: Box<str>,
    /// The manual prints `OK` ahead of the prompt.
    pub accepts: bool,
    /// How the data ends.
    pub sends: Sends,
    /// Two characters that end a counted send early.
    pub ends: Option<Box<str>>,
    /// The manual itself sends more than it announces; the rest is dropped.
    pub surplus: bool,
    /// Finals behind the data; the first one means success.
    pub then: Vec<Box<str>>,
    /// There is a data phase only when this holds.
    pub phase: Option<Condition>,
}

impl DataPhase {
    /// Whether the data of a command with these parameters has no count: the alternative that was chosen lacks it.
    pub(crate) fn is_uncounted(&self, catalog: &Catalog, spec: &FormSpec, choice: Option<(usize, usize)>) -> bool {
        let Sends::Counted(by) = &self.sends else { return true };
        let shape = choice.and_then(|(syntax, shape)| spec.syntax.get(syntax)?.shapes.get(shape));
        let is_count =
            |field: &Field| field.param.and_then(|at| catalog.param(at)).is_some_and(|param| param.name == *by);
        shape.is_some_and(|shape| !shape.fields.iter().any(is_count))
    }
}

/// How data of the host ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sends {
    /// By the count in this parameter; with Ctrl-Z where the command does without it.
    Counted(Box<str>),
    /// With Ctrl-Z, or Esc to give up (3GPP TS 27.005 §3.5.1).
    CtrlZ,
    /// With `+++`: passthrough mode.
    Transparent,
}

/// What success makes of a state key.
#[derive(Clone, Debug)]
pub(crate) struct Effect {
    pub(crate) key: StateRef,
    /// `None`: becomes unknown.
    pub(crate) value: Option<Term>,
}

/// What part a line has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Information response behind the final result.
    After,
    /// Line of a boot banner.
    Boot,
    /// Delayed result of a command.
    Later,
    /// Intermediate result.
    Progress,
    /// Information response.
    Reply,
    /// Final result.
    Result,
    /// Unsolicited.
    Urc,
}

/// A line that a module sends.
#[derive(Clone, Debug)]
pub struct Line {
    /// Its part.
    pub role: Role,
    /// As the catalog writes it.
    pub text: Box<str>,
    /// The event's name.
    pub name: Box<str>,
    /// The command and form that it answers.
    pub owner: Option<(u32, Form)>,
    /// What it says, for people.
    pub title: Option<Box<str>>,
    /// The manual's section.
    pub section: Box<str>,
    pub(crate) source: u16,
    /// A remark.
    pub note: Option<Box<str>>,
    /// Firmware generation that prints it beside the manual.
    pub profile: Option<u16>,
    /// Only when this holds.
    pub when: Option<Condition>,
    /// Success (of final results).
    pub ok: bool,
    /// The number that stands for it with `ATV0` (ITU-T V.250 §5.7.1).
    pub numeric: Option<i64>,
    /// It refuses the newest command and ends nothing (of progress lines).
    pub rejects: bool,
    /// It shows a reset (of boot lines).
    pub restart: bool,
    pub(crate) code: Option<u32>,
    /// The URC of the same text whose effects this line has, too.
    pub(crate) twin: Option<u32>,
    /// One field that takes anything.
    pub(crate) catch_all: bool,
    /// Some command of the catalog asks for its data with these words.
    pub(crate) asks: bool,
    pub(crate) sets: Vec<Effect>,
    pub(crate) pattern: Pattern,
    /// It may come any number of times (of delayed results).
    pub(crate) repeats: bool,
    /// A line of text follows right behind it: its description.
    pub(crate) below: Option<u32>,
    /// A quoted text in it may run over several lines.
    pub(crate) runs_on: bool,
    /// Counted data: the parameter that counts it, by its position in [`Catalog::params`], and whether it starts behind the line's end.
    pub(crate) data: Option<Counted>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counted {
    pub(crate) by: u32,
    pub(crate) behind_line: bool,
    /// The byte between the last field and the data, where it starts on the line.
    pub(crate) separator: u8,
}

#[derive(Clone, Debug)]
pub(crate) enum Pattern {
    /// `+NAME:` (or `,`, `=`) and fields.
    Fields { shapes: Vec<Shape> },
    /// Fixed words.
    Words,
    /// `<link ID>,` and fixed words.
    Link { param: u32 },
    /// Words with parameters in between.
    Template { parts: Vec<Part> },
    /// No name: the whole line is fields.
    Free { shapes: Vec<Shape> },
}

#[derive(Clone, Debug)]
pub(crate) enum Part {
    Literal(Box<[u8]>),
    Param(u32),
}

impl Line {
    /// What it is hangs on more than its words: a result of one command may be the prompt of another.
    pub(crate) fn is_two_things(&self) -> bool {
        self.asks || self.starts_data()
    }

    /// Counted data starts on the line itself.
    pub(crate) fn starts_data(&self) -> bool {
        self.data.is_some_and(|counted| !counted.behind_line)
    }
}

/// A key of the module's state.
#[derive(Clone, Debug)]
pub struct StateSpec {
    /// `cip.mux`
    pub name: Box<str>,
    /// What it means.
    pub title: Box<str>,
    /// Its value after reset; `None` where the manual does not say.
    pub default: Option<StateValue>,
    /// Where this holds of what is kept in flash, its value after reset is not known.
    pub unless: Option<Condition>,
    /// Kept in flash.
    pub saved: bool,
    /// One value per link.
    pub indexed: bool,
    /// Names of values.
    pub labels: Vec<(StateValue, Box<str>)>,
}

/// A state's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StateValue {
    /// A number.
    Int(i64),
    /// A word.
    Word(Box<str>),
}

/// A table of status or error codes.
#[derive(Clone, Debug)]
pub struct CodeTable {
    /// `http-status`
    pub name: Box<str>,
    /// What it is.
    pub title: Box<str>,
    /// The manual's section.
    pub section: Box<str>,
    /// Codes (inclusive ranges) with their meaning, sorted.
    pub codes: Vec<(i64, i64, Box<str>)>,
    /// Codes that are words.
    pub words: Vec<(Box<str>, Box<str>)>,
}

impl CodeTable {
    /// What a code means.
    pub fn meaning(&self, code: i64) -> Option<&str> {
        let at = self.codes.partition_point(|entry| entry.1 < code);
        self.codes.get(at).filter(|entry| entry.0 <= code).map(|entry| &*entry.2)
    }

    /// Takes the codes of another table in; what that one says of a code wins.
    pub(crate) fn add(&mut self, other: CodeTable) {
        let mut all = Vec::with_capacity(self.codes.len() + other.codes.len());
        for (low, high, meaning) in std::mem::take(&mut self.codes) {
            // What is left of a range between the other table's codes.
            let mut from = Some(low);
            let first = other.codes.partition_point(|code| code.1 < low);
            for &(start, end, _) in other.codes.iter().skip(first).take_while(|code| code.0 <= high) {
                if let Some(from) = from.filter(|from| *from < start) {
                    all.push((from, start - 1, meaning.clone()));
                }
                from = end.checked_add(1);
            }
            if let Some(from) = from.filter(|from| *from <= high) {
                all.push((from, high, meaning));
            }
        }
        all.extend(other.codes);
        all.sort_by_key(|code: &(i64, i64, Box<str>)| code.0);
        self.codes = all;
        self.words.retain(|(word, _)| !other.words.iter().any(|(own, _)| own == word));
        self.words.extend(other.words);
        if !other.title.is_empty() {
            self.title = other.title;
        }
        if !other.section.is_empty() {
            self.section = other.section;
        }
    }
}

/// A firmware generation.
#[derive(Clone, Debug)]
pub struct Profile {
    /// `a76xx`
    pub name: Box<str>,
    /// What it is.
    pub title: Box<str>,
    /// Starts of module lines that tell it.
    pub tells: Vec<Box<str>>,
    /// Final results that it also prints where no command is open.
    pub stray: Vec<Box<str>>,
    /// How it frames what it prints, where that differs from the catalog's.
    pub output: Output,
}

/// How firmware frames what it prints; what is left out is as ITU-T V.250 has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output {
    /// What an echo ends with.
    pub echo: Option<EchoEnd>,
    /// Which lines have a blank one ahead.
    pub blank: Option<Blank>,
    /// What a command is told that comes while another one is in work; without it, the command waits.
    pub busy: Option<Box<str>>,
    /// The bytes that ask for data where the manual prints `>`.
    pub prompt: Option<Box<str>>,
}

impl Output {
    /// What it says, and where it says nothing what `base` says.
    #[must_use]
    pub fn over(self, base: &Self) -> Self {
        Self {
            echo: self.echo.or(base.echo),
            blank: self.blank.or(base.blank),
            busy: self.busy.or_else(|| base.busy.clone()),
            prompt: self.prompt.or_else(|| base.prompt.clone()),
        }
    }
}

/// What an echo ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EchoEnd {
    /// CR alone: the line's LF is not repeated (ITU-T V.250 §5.2.3).
    Cr,
    /// CR CR LF.
    CrCrLf,
    /// There is no echo.
    None,
    /// CR LF, as it was sent.
    Sent,
}

/// Which lines of a module have a blank one ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blank {
    /// Responses, unsolicited lines and results (ITU-T V.250 §5.7.1).
    All,
    /// None at all.
    None,
    /// Final results.
    Results,
}

/// A product.
#[derive(Clone, Debug)]
pub struct Model {
    /// `esp8266`
    pub name: Box<str>,
    /// What it is.
    pub title: Box<str>,
    /// Other names: `#` stands for a digit, `*` at the end for whatever follows.
    pub aliases: Vec<Box<str>>,
    /// The product family, another entry of the models.
    pub family: Option<u16>,
    /// Starts of module lines that tell it.
    pub tells: Vec<Box<str>>,
    /// The manual's section.
    pub section: Box<str>,
    /// A remark.
    pub note: Option<Box<str>>,
}

/// Whether an alias is this name: without regard to case, `#` for a digit, `*` at the end for whatever follows.
fn is_alias(alias: &str, name: &str) -> bool {
    let (alias, name) = (alias.as_bytes(), name.as_bytes());
    let (head, open) = alias.strip_suffix(b"*").map_or((alias, false), |head| (head, true));
    let Some((start, rest)) = name.split_at_checked(head.len()) else { return false };
    let same = |(a, b): (&u8, &u8)| a.eq_ignore_ascii_case(b) || (*a == b'#' && b.is_ascii_digit());
    head.iter().zip(start).all(same) && (open || rest.is_empty())
}

/// Inclusive ranges; none: anything goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ranges(pub Vec<(i64, i64)>);

impl Ranges {
    /// Whether a number is in range.
    pub fn contains(&self, number: i64) -> bool {
        self.0.is_empty() || self.0.iter().any(|&(low, high)| (low..=high).contains(&number))
    }
}

impl std::fmt::Display for Ranges {
    /// `0 to 4`, `1, 4 to 7`, `at least 1`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (at, &(low, high)) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str(", ")?;
            }
            match (low, high) {
                (low, high) if low == high => write!(f, "{low}")?,
                (i64::MIN, high) => write!(f, "at most {high}")?,
                (low, i64::MAX) => write!(f, "at least {low}")?,
                (low, high) => write!(f, "{low} to {high}")?,
            }
        }
        Ok(())
    }
}

/// What a parameter may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Anything.
    Any,
    /// A mask of named bits.
    Bits,
    /// A code of a table, by its position.
    Code(u16),
    /// Raw bytes counted by the parameter of this name.
    Data(Box<str>),
    /// A number with a fraction.
    Float,
    /// A number, decimal or with `0x`.
    Hex(Ranges),
    /// A string of hex digit pairs, so many bytes.
    HexString(Ranges),
    /// A host: IP address or domain name of so many bytes.
    Host(Ranges),
    /// A decimal number.
    Int(Ranges),
    /// An IP address.
    Ip,
    /// A range list.
    List,
    /// A MAC address.
    Mac(Mac),
    /// One of the labelled numbers.
    Numbers,
    /// A string of so many bytes.
    String(Ranges),
    /// Bare text of so many bytes.
    Text(Ranges),
    /// One of the labelled words.
    Words,
}

/// What a MAC address must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mac {
    /// Any.
    Any,
    /// A BLE static random address: the two highest bits set, the rest neither all 0 nor all 1.
    Static,
    /// No group address, and neither all 0 nor all F.
    Unicast,
}

/// Whether a parameter stands in quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quoted {
    /// With or without.
    Either,
    /// Always.
    Must,
    /// Never.
    Never,
}

/// The description of a parameter.
#[derive(Clone, Debug)]
pub struct ParamSpec {
    /// The manual's name.
    pub name: Box<str>,
    pub(crate) name_id: u32,
    /// A decimal number is what it most likely is.
    pub(crate) numeric: bool,
    /// What it may be.
    pub kind: Kind,
    /// Named values.
    pub labels: Vec<(StateValue, Box<str>)>,
    /// Whether it stands in quotes.
    pub quoted: Quoted,
    /// Its unit.
    pub unit: Option<Box<str>>,
    /// Its default.
    pub default: Option<StateValue>,
    /// What it means.
    pub title: Option<Box<str>>,
    /// A remark.
    pub note: Option<Box<str>>,
    /// Its quoted text may run over several lines (of what the module sends).
    pub lines: bool,
    /// Differs from run to run.
    pub volatile: bool,
    /// What a text must start with, in any case; empty: anything.
    pub starts: Vec<Box<str>>,
    /// The range of each whole number that stands in a text.
    pub numbers: Option<Ranges>,
    /// Only these models have it; empty: all.
    pub only: Vec<u16>,
    /// What models document instead: model and position in [`Catalog::params`].
    pub models: Vec<(u16, u32)>,
}

impl ParamSpec {
    /// Whether all whole numbers in a text are in their range; more digits than a number can have are not.
    pub(crate) fn numbers_fit(&self, text: &[u8]) -> bool {
        self.numbers.as_ref().is_none_or(|ranges| {
            let mut numbers = text.split(|byte| !byte.is_ascii_digit()).filter(|digits| !digits.is_empty());
            numbers.all(|digits| crate::syntax::value::decimal(digits).is_some_and(|number| ranges.contains(number)))
        })
    }
}

impl Catalog {
    /// The description of a parameter by its position.
    pub fn param(&self, position: u32) -> Option<&ParamSpec> {
        self.params.get(position as usize)
    }

    /// The command of a name or alias, without regard to case.
    pub fn command(&self, name: &[u8]) -> Option<&Command> {
        self.find_command(name).and_then(|at| self.commands.get(at as usize))
    }

    /// Whether a final result means success: `OK`, `SEND OK`, `ROK`.
    #[cfg(feature = "cli")]
    pub(crate) fn is_success(&self, result: &str) -> bool {
        let mut lines = self.line_index.find(result.as_bytes()).iter().filter_map(|&at| self.lines.get(at as usize));
        lines.any(|line| line.role == Role::Result && line.ok && line.name.eq_ignore_ascii_case(result))
    }

    pub(crate) fn find_command(&self, name: &[u8]) -> Option<u32> {
        self.command_index.find(name).first().copied()
    }

    /// The model of a name or alias, without regard to case.
    pub fn model(&self, name: &str) -> Option<u16> {
        let exact = self.models.iter().position(|model| model.name.eq_ignore_ascii_case(name));
        let alias = || self.models.iter().position(|model| model.aliases.iter().any(|alias| is_alias(alias, name)));
        u16::try_from(exact.or_else(alias)?).ok()
    }

    /// Whether `model` is one of `list`, itself or by its family.
    pub(crate) fn model_in(&self, model: u16, list: &[u16]) -> bool {
        let mut at = Some(model);
        // Families do not nest deeper than this; a cycle in a user's file must not hang us.
        for _ in 0..8 {
            match at {
                Some(model) if list.contains(&model) => return true,
                Some(model) => at = self.models.get(usize::from(model)).and_then(|model| model.family),
                None => return false,
            }
        }
        false
    }

    /// The description that holds for a model.
    pub(crate) fn spec_for(&self, spec: u32, model: Option<u16>) -> Option<&ParamSpec> {
        let general = self.param(spec)?;
        let Some(model) = model else { return Some(general) };
        let own = general.models.iter().find(|(of, _)| self.model_in(model, &[*of]));
        own.map_or(Some(general), |&(_, at)| self.param(at))
    }

    /// `source §section`
    pub(crate) fn cite(&self, source: u16, section: &str) -> Option<String> {
        let source = self.sources.get(usize::from(source))?;
        if section.is_empty() { None } else { Some(format!("{source} §{section}")) }
    }

    /// What the manual calls a value.
    pub(crate) fn label<'a>(&'a self, spec: &'a ParamSpec, value: &Value<'_>) -> Option<Cow<'a, str>> {
        match (value, &spec.kind) {
            (Value::Int(mask), Kind::Bits) => {
                let names: Vec<&str> = spec
                    .labels
                    .iter()
                    .filter(
                        |(bit, _)| matches!(bit, StateValue::Int(bit) if (0..63).contains(bit) && mask >> bit & 1 == 1),
                    )
                    .map(|(_, name)| &**name)
                    .collect();
                (!names.is_empty()).then(|| Cow::Owned(names.join("+")))
            }
            (Value::Int(code), Kind::Code(table)) => {
                self.codes.get(usize::from(*table))?.meaning(*code).map(Cow::Borrowed)
            }
            (Value::Int(number), _) => {
                let found = spec.labels.iter().find(|(value, _)| *value == StateValue::Int(*number));
                found.map(|(_, name)| Cow::Borrowed(&**name)).filter(|name| !name.is_empty())
            }
            (Value::Text(text), _) if !spec.labels.is_empty() => {
                let text = text.bytes();
                let found = spec.labels.iter().find(
                    |(value, _)| matches!(value, StateValue::Word(word) if word.as_bytes().eq_ignore_ascii_case(&text)),
                );
                found.map(|(_, name)| Cow::Borrowed(&**name)).filter(|name| !name.is_empty())
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aliases_have_digits_and_open_ends() {
        for (alias, name, is) in [
            ("L71#", "L716", true),
            ("L71#", "l710", true),
            ("L71#", "L71x", false),
            ("L71#", "L716-CN", false),
            ("L71#-*", "L716-CN-50", true),
            ("L71#-*", "L716", false),
            ("SIM7600*", "sim7600g-h", true),
            ("SIM7600*", "SIM7600", true),
            ("", "", true),
            ("*", "x", true),
        ] {
            assert_eq!(is_alias(alias, name), is, "{alias} {name}");
        }
    }
}
