//! Which rules are reported, and how severe they are: `--allow` and `--deny`.
//!
//! `allow` silences a rule, `deny` makes it an error. The last word on a rule counts: first the settings file, then the
//! command line in the order given.

use clap::ArgMatches;

use crate::check::{Rule, Severity};

/// What was decided about rules.
#[derive(Clone, Debug, Default)]
pub(super) struct Levels {
    decided: Vec<(Rule, Option<Severity>)>,
}

impl Levels {
    /// Takes words on rules, in their order: rule, and whether it is denied.
    pub(super) fn take(&mut self, words: impl IntoIterator<Item = (Rule, bool)>) {
        for (rule, denied) in words {
            self.decided.retain(|entry| entry.0 != rule);
            self.decided.push((rule, denied.then_some(Severity::Error)));
        }
    }

    /// Whether something was said about a rule.
    pub(super) fn decides(&self, rule: Rule) -> bool {
        self.decided.iter().any(|entry| entry.0 == rule)
    }

    /// The severity to report a rule with; `None` where it is not reported.
    pub(super) fn severity(&self, rule: Rule) -> Option<Severity> {
        match self.decided.iter().find(|entry| entry.0 == rule) {
            Some(&(_, decided)) => decided,
            None => Some(rule.severity()),
        }
    }
}

/// What `--allow` and `--deny` of a subcommand say, in their order: rule, and whether it is denied.
pub(super) fn on_command_line(matches: &ArgMatches) -> Vec<(Rule, bool)> {
    let mut words = Vec::new();
    for (id, denied) in [("allow", false), ("deny", true)] {
        // Subcommands without these options have nothing to say.
        let Ok(Some(names)) = matches.try_get_many::<String>(id) else {
            continue;
        };
        let places = matches.indices_of(id).into_iter().flatten();
        words.extend(places.zip(names).filter_map(|(place, name)| Some((place, Rule::from_name(name)?, denied))));
    }
    words.sort_by_key(|word| word.0);
    words.into_iter().map(|(_, rule, denied)| (rule, denied)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::args::Cli;
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_last_word_counts() {
        let line = ["atscope", "check", "--deny", "line-ending,unknown-urc", "--allow", "unknown-urc", "x.at"];
        let matches = Cli::command().try_get_matches_from(line).expect("valid");
        let (_, matches) = matches.subcommand().expect("check");
        let mut levels = Levels::default();
        levels.take(on_command_line(matches));
        let severity = |name| levels.severity(Rule::from_name(name).expect("a rule"));
        assert_eq!(severity("line-ending"), Some(Severity::Error));
        assert_eq!(severity("unknown-urc"), None);
        assert_eq!(severity("param-range"), Some(Severity::Error));
        assert_eq!(severity("unknown-command"), Some(Severity::Warning));
    }
}
