//! The command line: reads arguments, opens files, prints. The only place that does any of these.
//!
//! Results go to standard output, all else to standard error; [`run`] gives the exit status.

mod args;
mod baseline;
mod catalog;
mod config;
mod convert;
mod decode;
mod dialect;
mod diff;
mod explain;
mod failure;
mod filter;
mod fuzz;
mod input;
mod interrupt;
mod levels;
mod lines;
mod manual;
mod out;
mod printer;
mod progress;
mod session;
mod simulate;

use std::io::Write;

use clap::{CommandFactory, FromArgMatches};

use args::{Cli, Command};
use config::Config;
use failure::Failure;
use out::Out;

use crate::check::Rule;

/// Exit status where all is well.
pub const FINE: u8 = 0;
/// Exit status where `check` found something at or above `--fail-on`.
pub const FOUND: u8 = 1;
/// Exit status after bad usage, and after unreadable or damaged input.
pub const FAILED: u8 = 2;

/// Does what the process's arguments say; gives the exit status.
pub fn run() -> u8 {
    let parsed = Cli::command().try_get_matches().and_then(|matches| Ok((Cli::from_arg_matches(&matches)?, matches)));
    let (cli, matches) = match parsed {
        Ok(parsed) => parsed,
        Err(error) => {
            // Help into a closed pipe is no failure.
            let _ = error.print();
            return if error.use_stderr() { FAILED } else { FINE };
        }
    };
    let mut out = Out::new(cli.global.color);
    let rules = matches.subcommand().map(|(_, matches)| levels::on_command_line(matches)).unwrap_or_default();
    let result = dispatch(cli, rules, &mut out);
    // What was found before a failure is printed ahead of it.
    match out.flush().and(result) {
        Ok(status) => status,
        Err(Failure::BrokenPipe) => FINE,
        Err(Failure::Said(message)) => {
            out.error(&message);
            FAILED
        }
    }
}

fn dispatch(cli: Cli, rules: Vec<(Rule, bool)>, out: &mut Out) -> Result<u8, Failure> {
    let config = || -> Result<Config, Failure> {
        let mut config = Config::load(cli.global.config.as_deref())?;
        config.levels.take(rules);
        Ok(config)
    };
    match cli.command {
        Command::Decode(args) => decode::decode(*args, config()?, out),
        Command::Baseline(args) => baseline::baseline(*args, config()?, out),
        Command::Diff(args) => diff::diff(*args, config()?, out),
        Command::Check(args) => decode::check(*args, config()?, out),
        Command::Convert(args) => convert::convert(&args, out),
        Command::Lines(args) => lines::lines(&args, out),
        Command::Simulate(args) => simulate::simulate(&args, &config()?, out),
        Command::Fuzz(args) => fuzz::fuzz(args, out),
        Command::Catalog(args) => catalog::catalog(args, out),
        Command::Explain(args) => explain::explain(args.rule.as_deref(), out),
        Command::Completions(args) => manual::completions(args.shell, out),
        Command::Man(args) => manual::man(&args, out),
    }
}

/// Appends a line to the output.
fn line(out: &mut Out, text: std::fmt::Arguments<'_>) {
    // Writing to a Vec cannot fail.
    let _ = writeln!(out.buffer, "{text}");
}
