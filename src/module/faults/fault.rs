//! What a fault is and when it strikes: the entries of a fault file.
//!
//! A file is read whole or not at all: what it says and nobody knows is an error, with its line.

use serde::Deserialize;

use crate::Time;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Kind {
    /// The command is told that the module is busy, and is not carried out.
    Busy,
    /// An error code that is in no table.
    Code,
    /// Bytes come twice.
    Double,
    /// The whole piece does not come: a final result, a prompt, an echo.
    Drop,
    /// Bits are flipped.
    Flip,
    /// The piece comes cut up into small ones.
    Fragment,
    /// Bytes that mean nothing, as of another speed.
    Garbage,
    /// The line end of the piece is missing, and the blank line ahead of the next one.
    Glue,
    /// The piece comes later than the manual allows.
    Late,
    /// Another length is announced than what comes.
    Length,
    /// Bytes are lost.
    Lose,
    /// A result comes as a number, as with `ATV0`.
    Numeric,
    /// The line stops for a while in the middle.
    Pause,
    /// The whole piece comes twice.
    Repeat,
    /// The module restarts.
    Reset,
    /// A response has fields that no manual knows, or lacks some.
    Shape,
    /// The module neither hears nor speaks, for a while or for good.
    Silence,
    /// A line that no manual knows.
    Stray,
    /// An unsolicited line that is right in the module's state.
    Urc,
}

impl Kind {
    /// The name that a fault file has for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Code => "code",
            Self::Double => "double",
            Self::Drop => "drop",
            Self::Flip => "flip",
            Self::Fragment => "fragment",
            Self::Garbage => "garbage",
            Self::Glue => "glue",
            Self::Late => "late",
            Self::Length => "length",
            Self::Lose => "lose",
            Self::Numeric => "numeric",
            Self::Pause => "pause",
            Self::Repeat => "repeat",
            Self::Reset => "reset",
            Self::Shape => "shape",
            Self::Silence => "silence",
            Self::Stray => "stray",
            Self::Urc => "urc",
        }
    }

    /// Where it strikes, unless an entry says otherwise.
    pub(super) const fn place(self) -> Place {
        match self {
            Self::Busy => Place::Command,
            Self::Code | Self::Drop | Self::Late | Self::Numeric | Self::Repeat => Place::Final,
            Self::Garbage => Place::Boot,
            Self::Glue | Self::Length => Place::Payload,
            Self::Shape => Place::Response,
            _ => Place::Any,
        }
    }

    /// Order in which the faults of one piece are done: what changes it, what stands around it, what cuts it up.
    pub(super) const fn stage(self) -> u8 {
        match self {
            Self::Drop | Self::Length | Self::Shape | Self::Numeric | Self::Code => 0,
            Self::Lose | Self::Double | Self::Flip | Self::Glue => 1,
            Self::Repeat | Self::Late => 2,
            Self::Urc | Self::Stray | Self::Garbage | Self::Busy => 3,
            Self::Fragment | Self::Pause => 4,
            Self::Reset | Self::Silence => 5,
        }
    }

    /// Whether it may strike at a time of its own, with nothing said.
    const fn stands_alone(self) -> bool {
        matches!(self, Self::Garbage | Self::Reset | Self::Silence | Self::Stray | Self::Urc)
    }

    /// Whether it may strike what the host sends.
    const fn hits_host(self) -> bool {
        matches!(self, Self::Busy | Self::Double | Self::Drop | Self::Flip | Self::Lose)
    }
}

/// What a fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Place {
    /// Whatever the module says.
    Any,
    /// A boot banner.
    Boot,
    /// A command line of the host.
    Command,
    /// Data of the host.
    Data,
    /// An echo.
    Echo,
    /// A final result.
    Final,
    /// Counted data of the module, or what comes in passthrough mode.
    Payload,
    /// An intermediate result.
    Progress,
    /// What asks for data.
    Prompt,
    /// An information response.
    Response,
    /// An unsolicited line.
    Urc,
}

impl Place {
    pub(super) const fn is_hosts(self) -> bool {
        matches!(self, Self::Command | Self::Data)
    }
}

/// Where something that is added stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// Ahead of the piece.
    Ahead,
    /// Behind it.
    Behind,
    /// In the middle of it.
    Inside,
}

/// How an announced length is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wrong {
    /// Far more than ever comes.
    Huge,
    /// A few bytes too few.
    Less,
    /// A few bytes too many.
    More,
    /// Nothing.
    Zero,
}

/// A number, or a range that one is drawn from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Amount {
    /// Always this.
    Of(u64),
    /// From the first to the second, both included.
    Within(u64, u64),
}

impl Amount {
    pub(super) fn draw(self, rng: &mut fastrand::Rng) -> u64 {
        match self {
            Self::Of(number) => number,
            Self::Within(low, high) => rng.u64(low.min(high)..=high.max(low)),
        }
    }
}

/// A fault, and when it strikes: an entry `[[fault]]` of a fault file.
///
/// Of several conditions all must hold. Times are in milliseconds since the start.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Fault {
    /// What goes wrong.
    pub kind: Kind,
    /// What it strikes; left out: what such a fault usually strikes.
    pub at: Option<Place>,
    /// Where something that is added stands; left out: any of the places where a module may say it.
    #[serde(rename = "where")]
    pub side: Option<Side>,
    /// How likely it strikes, from 0 to 1.
    #[serde(default = "one")]
    pub chance: f64,
    /// It strikes from the n-th such piece on; 1 is the first.
    pub nth: Option<u64>,
    /// From then on it strikes every so many pieces.
    pub every: Option<u64>,
    /// How often it strikes at most. Left out: without limit, or once where `nth` or `time` stands alone.
    pub times: Option<u64>,
    /// It strikes only while the newest command starts so: `AT+HTTPREAD`.
    pub command: Option<String>,
    /// It strikes from then on.
    pub after: Option<u64>,
    /// It strikes up to then.
    pub until: Option<u64>,
    /// It strikes at this time, whatever is said.
    pub time: Option<u64>,
    /// It strikes again and again so long after the last time, whatever is said.
    pub period: Option<Amount>,
    /// How many bytes are lost, doubled or flipped, or how long pieces or garbage are.
    pub bytes: Option<Amount>,
    /// How long a pause, a delay or a silence is.
    pub millis: Option<Amount>,
    /// How an announced length is wrong; left out: in any way.
    pub wrong: Option<Wrong>,
    /// What is said.
    pub line: Option<String>,
}

const fn one() -> f64 {
    1.0
}

impl Fault {
    /// A fault that strikes wherever it can.
    pub fn new(kind: Kind) -> Self {
        Self {
            kind,
            at: None,
            side: None,
            chance: 1.0,
            nth: None,
            every: None,
            times: None,
            command: None,
            after: None,
            until: None,
            time: None,
            period: None,
            bytes: None,
            millis: None,
            wrong: None,
            line: None,
        }
    }

    /// What it strikes.
    pub(super) fn place(&self) -> Place {
        self.at.unwrap_or(self.kind.place())
    }

    /// Whether it strikes by the clock.
    pub(super) const fn is_timed(&self) -> bool {
        self.time.is_some() || self.period.is_some()
    }

    /// How often it may strike.
    pub(super) fn limit(&self) -> u64 {
        let once = self.nth.is_some() && self.every.is_none() || self.time.is_some() && self.period.is_none();
        self.times.unwrap_or(if once { 1 } else { u64::MAX })
    }

    pub(super) fn is_on(&self, now: Time) -> bool {
        self.after.is_none_or(|after| now >= Time::from_millis(after))
            && self.until.is_none_or(|until| now < Time::from_millis(until))
    }

    /// Whether the entry makes sense.
    pub(super) fn check(&self) -> Result<(), String> {
        let kind = self.kind.as_str();
        if !(0.0..=1.0).contains(&self.chance) {
            return Err(format!("`chance` of `{kind}` is {}, expected 0 to 1", self.chance));
        }
        if self.nth == Some(0) || self.every == Some(0) || self.times == Some(0) {
            return Err(format!("`nth`, `every` and `times` of `{kind}` count from 1"));
        }
        if self.is_timed() {
            if !self.kind.stands_alone() {
                return Err(format!("`{kind}` strikes what is said: it has no `time` or `period` of its own"));
            }
            if self.at.is_some() || self.side.is_some() || self.nth.is_some() || self.every.is_some() {
                return Err(format!(
                    "`{kind}` strikes by the clock: `at`, `where`, `nth` and `every` mean nothing there"
                ));
            }
        }
        if matches!(self.period, Some(Amount::Of(0) | Amount::Within(0, _) | Amount::Within(_, 0))) {
            return Err(format!("`period` of `{kind}` is at least 1 ms"));
        }
        if self.place().is_hosts() && !self.kind.hits_host() {
            return Err(format!("`{kind}` strikes what the module says, not the host's bytes"));
        }
        if self.kind == Kind::Busy && self.place() != Place::Command {
            return Err("`busy` strikes at `command`".to_owned());
        }
        if self.line.is_some() && !matches!(self.kind, Kind::Repeat | Kind::Stray | Kind::Urc) {
            return Err(format!("`line` means nothing to `{kind}`"));
        }
        if self.wrong.is_some() && self.kind != Kind::Length {
            return Err(format!("`wrong` means nothing to `{kind}`"));
        }
        Ok(())
    }
}
