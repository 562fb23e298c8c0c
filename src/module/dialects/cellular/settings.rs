//! Modes of the line and S registers (V.250 §6).

use super::super::super::core::{Call, Core};
use super::super::super::dialect::Outcome;
use super::{Cellular, tell};
use crate::generate::{Bag, Item};
use crate::session::Form;

/// What AT&W keeps for AT Z and the next start.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kept {
    echo: i64,
    verbose: i64,
}

impl Default for Kept {
    fn default() -> Self {
        Self { echo: 1, verbose: 1 }
    }
}

/// What registers hold before they are set (V.250 §6.2 and §6.3).
const REGISTERS: &[(&str, i64)] =
    &[("S0", 0), ("S3", 13), ("S4", 10), ("S5", 8), ("S6", 2), ("S7", 60), ("S8", 2), ("S10", 15)];

/// Commands that list entries: where there is none, no line is printed.
const LISTS: &[&str] = &["+CGAUTH", "+CPOL", "+CEDRXS", "+CGSOCKCONT"];

impl Cellular {
    pub(super) fn settings_start(&mut self, core: &mut Core, factory: bool) {
        if factory {
            self.kept = Kept::default();
        }
        let kept = self.kept;
        Self::settings_of(core, kept);
        core.quiet = false;
    }

    fn settings_of(core: &mut Core, kept: Kept) {
        core.set("echo", kept.echo);
        core.set("verbose", kept.verbose);
        core.set("cmee", 0);
        core.set("sms.mode", 0);
    }

    pub(super) fn settings(&mut self, core: &mut Core, call: &Call) -> Option<Outcome> {
        match (&*call.name, call.form) {
            // A number that is left out is 0 (V.250 §5.3.1).
            ("E", Form::Execute) => core.set("echo", call.int("value").unwrap_or_default()),
            ("V", Form::Execute) => core.set("verbose", call.int("value").unwrap_or_default()),
            ("+CMEE", Form::Set) => {
                core.memory.keep(call.command, None, &call.given);
                core.set("cmee", call.int("n").unwrap_or_default());
            }
            ("+CMGF", Form::Set) => {
                core.memory.keep(call.command, None, &call.given);
                core.set("sms.mode", call.int("mode").unwrap_or_default());
            }
            ("Z" | "&F", Form::Execute) => {
                let kept = if *call.name == *"Z" { self.kept } else { Kept::default() };
                core.memory.reset();
                core.quiet = false;
                Self::settings_of(core, kept);
                self.calls.hang_up(core);
            }
            ("&W", Form::Execute) => {
                let now = |key| core.int(key).unwrap_or(1);
                self.kept = Kept { echo: now("echo"), verbose: now("verbose") };
            }
            ("&V", Form::Execute) => {
                let (echo, verbose) = (core.int("echo").unwrap_or(1), core.int("verbose").unwrap_or(1));
                let modes = format!("E{echo} Q{} V{verbose}", u8::from(core.quiet));
                let registers: Vec<String> = REGISTERS
                    .iter()
                    .map(|(name, usual)| format!("{name}:{:03}", register(core, name, *usual)))
                    .collect();
                for line in ["ACTIVE PROFILE".to_owned(), modes, registers.join(" ")] {
                    core.respond(call, "", &Bag::new().with("text", line));
                }
            }
            (name, Form::Read) if LISTS.contains(&name) && core.memory.rows(call.command).is_empty() => {}
            (name, Form::Read) => {
                let (_, usual) = REGISTERS.iter().find(|(own, _)| *own == name)?;
                let value = Item::Raw(format!("{:03}", register(core, name, *usual)).into_bytes());
                tell(core, call, "", Bag::new().with("value", value));
            }
            _ => return None,
        }
        Some(Outcome::Ok)
    }
}

fn register(core: &Core, name: &str, usual: i64) -> i64 {
    super::setting(core, name, "value").unwrap_or(usual)
}
