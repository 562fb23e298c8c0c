//! Sessions made up at random: valid ones, and any one command or violation.

use fastrand::Rng;

use super::command::{Invocation, Values};
use super::item::Bag;
use super::script::{Script, Writer};
use super::{Generator, Violation};

impl Generator {
    /// Any valid command. `None`: none was found, try another seed.
    pub fn any_command(&self, rng: &mut Rng) -> Option<Invocation> {
        let target = *rng.choice(self.targets())?;
        let how = *rng.choice(&[Values::Least, Values::Edge, Values::Any])?;
        self.command(target, how, rng)
    }

    /// Any violation. `None`: the command that was looked at can break no rule, try another seed.
    pub fn any_violation(&self, rng: &mut Rng) -> Option<Violation> {
        let target = *rng.choice(self.targets())?;
        let all = self.violations(target, rng);
        rng.choice(all)
    }

    /// A valid session: so many commands, those that lead to the states that they need, their answers, and unsolicited lines between them.
    pub fn session(&self, commands: usize, rng: &mut Rng) -> Script {
        let urcs = self.urcs(false);
        let mut own = rng.fork();
        let mut writer = Writer::new(self, &mut own);
        for _ in 0..commands {
            // A command to whose state there is no way is left out.
            for _ in 0..8 {
                let Some(invocation) = self.any_command(rng) else { continue };
                let mut known = writer.known.clone();
                let Some(plan) = self.plan(&invocation, &mut known, rng) else { continue };
                writer.steps(&plan);
                let answers = self.answers(&invocation);
                let answer = match rng.u8(0..4) {
                    0 => rng.choice(&answers).cloned(),
                    _ => answers.first().cloned(),
                };
                writer.command(&invocation, &answer.unwrap_or_default());
                break;
            }
            if rng.u8(0..3) == 0
                && let Some(at) = rng.choice(&urcs)
                && let Some(bag) = self.line_values(*at, &Bag::new(), Values::Any, rng)
                // Which of the shapes of `+IPD` a module prints is a matter of its state.
                && writer.may_say(*at, &bag)
            {
                writer.line(*at, &bag);
            }
        }
        writer.script
    }
}
