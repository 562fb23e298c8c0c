//! What a dialect's own code is asked: what a command really does. All else is generic.

use std::borrow::Cow;

use super::core::{Call, Core};
use super::verdict::Refusal;
use super::world::Event;
use crate::generate::Item;

/// Names a timer; what the numbers mean is the dialect's matter.
pub(crate) type Token = (u16, u64);

/// What becomes of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The data phase begins, as the catalog describes it; [`Dialect::data`] gets the data.
    Data,
    /// It failed; with the code of `+CME ERROR` where the dialect has one.
    Error(Option<Item>),
    /// It failed with this result and its code, whatever [`Dialect::error`] says: `+CMS ERROR: 321`.
    Failed(Cow<'static, str>, Item),
    /// It ended with this result: `SEND FAIL`, `FAIL`, `+MQTTPUB:OK`.
    Final(Cow<'static, str>),
    /// It ended without a result.
    Nothing,
    /// It succeeded: the catalog's first result.
    Ok,
    /// It succeeded with this result, behind which passthrough begins: `CONNECT`. [`Core::offline`] ends it from this side.
    Online(Cow<'static, str>),
    /// Passthrough begins: prompt, then all goes to [`Dialect::passthrough`] up to `+++`.
    Passthrough,
    /// It goes on; [`Core::finish`] ends it.
    Pending,
}

/// How a data phase ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DataEnd {
    /// The host gave it up: Esc, or `+++`.
    Canceled,
    /// All is there.
    Complete,
    /// It did not all come in time.
    Timeout,
}

/// The code of one dialect. Everything has a default: a dialect without code of its own does what its catalog says.
#[allow(unused_variables)]
pub(crate) trait Dialect: Send {
    /// Power came on, or the module restarted: state that is not in flash is at its start. `factory`: the flash is as it was sold.
    fn start(&mut self, core: &mut Core, factory: bool) {}

    /// The boot banner.
    fn boot(&mut self, core: &mut Core) {}

    /// A command that the manual allows here and now. `None`: what it does is generic.
    fn command(&mut self, core: &mut Core, call: &Call) -> Option<Outcome> {
        None
    }

    /// The data that a command asked for.
    fn data(&mut self, core: &mut Core, call: &Call, data: &[u8], end: DataEnd) -> Outcome {
        if end == DataEnd::Complete { Outcome::Ok } else { Outcome::Error(None) }
    }

    /// How long the data of a command may take, in milliseconds; `None`: as long as it wants.
    fn data_time(&self, core: &Core, call: &Call) -> Option<u64> {
        None
    }

    /// Bytes of the host in passthrough mode, a packet of them.
    fn passthrough(&mut self, core: &mut Core, bytes: &[u8]) {}

    /// `+++` ended passthrough mode.
    fn escape(&mut self, core: &mut Core) {}

    /// A timer ran out.
    fn timer(&mut self, core: &mut Core, token: Token) {}

    /// The world said something.
    fn world(&mut self, core: &mut Core, event: Event) {}

    /// A command fails, with this code if it has one: what is said ahead of its result.
    fn failing(&mut self, core: &mut Core, code: Option<&Item>) {}

    /// What a failure with this code, if it has one, is told with: the result and the code to print.
    fn error(&self, core: &Core, code: Option<Item>) -> (&'static str, Option<Item>) {
        match code {
            Some(code) if core.int("cmee").is_some_and(|cmee| cmee > 0) => ("+CME ERROR", Some(code)),
            _ => ("ERROR", None),
        }
    }

    /// The code with which a refused command fails; `None`: a bare `ERROR`.
    fn code(&self, core: &Core, refusal: &Refusal) -> Option<Item> {
        None
    }
}
