//! The command line as types: help, completions and the man page all come from here.
//!
//! What has a default and may also stand in `atscope.toml` is an `Option`, so that the command line wins.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum, ValueHint};

use crate::Time;
use crate::capture::Format as CaptureFormat;
use crate::check::{Rule, Severity};
use crate::session::EventKind;
use crate::uart;

const AFTER: &str = "\
Exit status:
  0    fine
  1    check or diff found something at or above --fail-on
  2    bad usage, unreadable or damaged input
  130  interrupted: what was read up to there is printed

Examples:
  atscope decode boot.at
  atscope check -d esp-at -m esp8266 --fail-on warning capture.pcapng
  atscope decode --only command,final --summary modem.csv
  atscope explain param-range";

/// Decodes and checks recordings of modules that speak AT commands.
#[derive(Debug, Parser)]
#[command(
    name = "atscope",
    version,
    about = "Protocol analyzer for modules that speak AT commands on a serial line",
    after_help = AFTER,
    arg_required_else_help = true,
    subcommand_required = true,
    max_term_width = 110
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Options of every command.
    #[command(flatten)]
    pub global: Global,
}

/// Options of every command.
#[derive(Debug, Args)]
pub struct Global {
    /// When to colour the output
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", hide_default_value = true)]
    pub color: Color,
    /// Settings to use in place of atscope.toml in the working folder
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub config: Option<PathBuf>,
}

/// When to colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Even into a file or pipe
    Always,
    /// Not at all
    Never,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show what host and module said to each other
    Decode(Box<Decode>),
    /// Show where host or module broke the rules
    Check(Box<Check>),
    /// Show what a new firmware does differently from an old one
    Diff(Box<Diff>),
    /// Learn what an old firmware does, once, for `diff` and `check`
    Baseline(Box<BaselineArgs>),
    /// Turn a recording into another format
    Convert(Convert),
    /// Show the lines of a recording of logic levels: who speaks on them, at what speed, how sure that is
    Lines(Lines),
    /// Run a virtual module: on a pseudo-terminal, on TCP, or on standard input and output
    Simulate(Box<super::simulate::Simulate>),
    /// Make inputs that break parsers of drivers, and make those that do smaller
    #[command(subcommand)]
    Fuzz(super::fuzz::Fuzz),
    /// Show what is known of a dialect
    #[command(subcommand)]
    Catalog(Catalog),
    /// Explain a rule, or list all rules
    Explain(Explain),
    /// Print a shell's completions
    Completions(Completions),
    /// Print the manual page
    Man(Man),
}

/// The recordings, and how to read them.
#[derive(Debug, Args)]
#[command(next_help_heading = "Input")]
pub struct Input {
    /// Recordings: transcript, pcap, pcapng, Saleae table, raw bytes, or logic levels (.sr, VCD, Saleae binary or CSV, .dsl);
    /// `-` is standard input
    #[arg(value_name = "CAPTURE", value_hint = ValueHint::FilePath, required_unless_present_any = ["host", "module"])]
    pub captures: Vec<PathBuf>,
    /// Raw bytes that the host sent
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with_all = ["captures", "mixed"])]
    pub host: Option<PathBuf>,
    /// Raw bytes that the module sent
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with_all = ["captures", "mixed"])]
    pub module: Option<PathBuf>,
    /// How to read them.
    #[command(flatten)]
    pub reading: Reading,
}

/// How to read recordings.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Input")]
pub struct Reading {
    /// Raw files are terminal logs, in which commands show as their echoes
    #[arg(long)]
    pub mixed: bool,
    /// Read the recordings as this format, whatever they look like
    #[arg(long, value_name = "FORMAT", value_parser = capture_format())]
    pub input: Option<String>,
    /// Which line to take where there are several: BUS.DEVICE[.OUT[.IN]] of USB, analyzer names, session number
    #[arg(long, value_name = "LINE")]
    pub select: Option<String>,
    /// Which analyzer or interface recorded the host, where the content does not show it
    #[arg(long, value_name = "NAME")]
    pub host_line: Option<String>,
    /// Logic levels: what is known of the lines, the rest is found out: host=D0,module=D1,baud=115200,format=8n1,invert
    ///
    /// Any part may be given alone; several conversations stand behind one another with a `;` in between.
    #[arg(long, value_name = "SETTINGS", value_parser = uart)]
    pub uart: Option<String>,
    /// Bare samples of logic levels, or a recording that does not say it: samples in a second, such as 24MHz
    #[arg(long, value_name = "RATE", value_parser = rate)]
    pub samplerate: Option<u64>,
    /// Bare samples of logic levels: bytes of a sample
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u8).range(1..=8))]
    pub unit_size: Option<u8>,
}

/// What the recordings are held against.
#[derive(Debug, Args)]
#[command(next_help_heading = "Dialect")]
pub struct DialectArgs {
    /// Name of a dialect, file of a catalog, or `auto`: told from the recording [default: auto]
    #[arg(short, long, value_name = "DIALECT", value_hint = ValueHint::FilePath)]
    pub dialect: Option<String>,
    /// A catalog of your own beside the built-in ones; may be given several times
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, action = ArgAction::Append)]
    pub catalog: Vec<PathBuf>,
    /// Product that the dialect's catalog knows
    #[arg(short, long)]
    pub model: Option<String>,
    /// The recordings start at the module's reset, with all state as the manual's defaults
    #[arg(long)]
    pub from_boot: bool,
}

/// Which rules count.
#[derive(Debug, Args)]
#[command(next_help_heading = "Rules")]
pub struct RuleArgs {
    /// Do not report this rule; may be given several times, the last word on a rule counts
    #[arg(long, value_name = "RULE", value_delimiter = ',', hide_possible_values = true, value_parser = rule_name())]
    pub allow: Vec<String>,
    /// Report this rule as an error, whatever its severity; the last word on a rule counts
    #[arg(long, value_name = "RULE", value_delimiter = ',', hide_possible_values = true, value_parser = rule_name())]
    pub deny: Vec<String>,
}

/// `atscope decode`.
#[derive(Debug, Args)]
pub struct Decode {
    /// The recordings.
    #[command(flatten)]
    pub input: Input,
    /// What they are held against.
    #[command(flatten)]
    pub dialect: DialectArgs,
    /// Which rules count.
    #[command(flatten)]
    pub rules: RuleArgs,
    /// Output format [default: text]
    #[arg(long, value_name = "FORMAT", help_heading = "Output")]
    pub format: Option<DecodeFormat>,
    /// Show these kinds of events alone
    #[arg(
        long,
        value_name = "KIND",
        value_delimiter = ',',
        value_parser = PossibleValuesParser::new(EventKind::ALL),
        help_heading = "Output"
    )]
    pub only: Vec<String>,
    /// Show this exchange alone
    #[arg(long, value_name = "N", help_heading = "Output")]
    pub exchange: Option<u64>,
    /// Show what came at or after this time: seconds, or with a unit (1.5, 300ms, 2min)
    #[arg(long, value_name = "TIME", value_parser = time, help_heading = "Output")]
    pub from: Option<Time>,
    /// Show what came up to this time
    #[arg(long, value_name = "TIME", value_parser = time, help_heading = "Output")]
    pub to: Option<Time>,
    /// Show a table per command in place of the events: how often, results, latency
    #[arg(long, help_heading = "Output")]
    pub summary: bool,
    /// Most bytes of a payload to show, or `all` [default: 256]
    #[arg(long, value_name = "N", value_parser = limit, help_heading = "Output")]
    pub payload: Option<usize>,
    /// Show payload as a hex dump
    #[arg(long, conflicts_with = "text", help_heading = "Output")]
    pub hex: bool,
    /// Show payload as text, even where it is binary
    #[arg(long, help_heading = "Output")]
    pub text: bool,
}

/// `atscope check`.
#[derive(Debug, Args)]
pub struct Check {
    /// The recordings.
    #[command(flatten)]
    pub input: Input,
    /// What they are held against.
    #[command(flatten)]
    pub dialect: DialectArgs,
    /// Which rules count.
    #[command(flatten)]
    pub rules: RuleArgs,
    /// Do not report what this baseline knows already
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Rules")]
    pub baseline: Option<PathBuf>,
    /// Output format [default: text]
    #[arg(long, value_name = "FORMAT", help_heading = "Output")]
    pub format: Option<CheckFormat>,
    /// Exit with status 1 from this severity up [default: error]
    #[arg(long, value_name = "SEVERITY", help_heading = "Output")]
    pub fail_on: Option<FailOn>,
}

/// `atscope diff`.
#[derive(Debug, Args)]
pub struct Diff {
    /// The old side and the new side: a recording each, a folder of recordings, or (the old one) a baseline
    #[arg(value_name = "SIDE", num_args = 0..=2, value_hint = ValueHint::AnyPath)]
    pub paths: Vec<PathBuf>,
    /// Recordings of the old firmware: several runs of one test tell what varies by itself
    #[arg(long, value_name = "CAPTURE", num_args = 1.., value_hint = ValueHint::AnyPath)]
    pub old: Vec<PathBuf>,
    /// Recordings of the new firmware
    #[arg(long, value_name = "CAPTURE", num_args = 1.., value_hint = ValueHint::AnyPath)]
    pub new: Vec<PathBuf>,
    /// How to read them.
    #[command(flatten)]
    pub reading: Reading,
    /// What they are held against.
    #[command(flatten)]
    pub dialect: DialectArgs,
    /// Which rules count.
    #[command(flatten)]
    pub rules: RuleArgs,
    /// Output format [default: text]
    #[arg(long, value_name = "FORMAT", help_heading = "Output")]
    pub format: Option<DiffFormat>,
    /// Exit with status 1 from this severity up [default: error]
    #[arg(long, value_name = "SEVERITY", help_heading = "Output")]
    pub fail_on: Option<FailOn>,
}

/// `atscope baseline`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct BaselineArgs {
    /// What else to do with a baseline.
    #[command(subcommand)]
    pub command: Option<BaselineCommand>,
    /// Recordings of the old firmware, or folders of them: several runs of one test
    #[arg(value_name = "CAPTURE", required = true, value_hint = ValueHint::AnyPath)]
    pub captures: Vec<PathBuf>,
    /// Where to write; what was accepted in a baseline that is there already is kept; `-` is standard output
    #[arg(short, long, value_name = "FILE", required = true, value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,
    /// How to read them.
    #[command(flatten)]
    pub reading: Reading,
    /// What they are held against.
    #[command(flatten)]
    pub dialect: DialectArgs,
}

/// What else to do with a baseline.
#[derive(Debug, Subcommand)]
pub enum BaselineCommand {
    /// Take differences over that were reviewed: `diff` does not report them any more
    Accept(Accept),
}

/// `atscope baseline accept`.
#[derive(Debug, Args)]
pub struct Accept {
    /// The baseline; it is rewritten
    #[arg(value_hint = ValueHint::FilePath)]
    pub baseline: PathBuf,
    /// Recordings of the new firmware
    #[arg(value_name = "CAPTURE", required = true, value_hint = ValueHint::AnyPath)]
    pub new: Vec<PathBuf>,
    /// Why they are all right
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// Take over differences of this kind alone, whatever their severity: `result-changed`, `value`, …
    #[arg(long, value_name = "KIND", hide_possible_values = true, value_parser = kind_name())]
    pub kind: Option<String>,
    /// Take over differences of this command or URC alone, whatever their severity: `AT+CWMODE?`
    #[arg(long, value_name = "NAME")]
    pub subject: Option<String>,
    /// How to read them.
    #[command(flatten)]
    pub reading: Reading,
    /// What they are held against.
    #[command(flatten)]
    pub dialect: DialectArgs,
}

/// `atscope convert`.
#[derive(Debug, Args)]
pub struct Convert {
    /// The recording.
    #[command(flatten)]
    pub input: Input,
    /// Where to write; `-` is standard output
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: PathBuf,
    /// Format to write, where the name of FILE does not tell: at, pcap, pcapng, sr or vcd
    #[arg(long, value_name = "FORMAT", value_parser = PossibleValuesParser::new(["at", "pcap", "pcapng", "sr", "vcd"]))]
    pub to: Option<String>,
    /// How the lines of .sr and .vcd are written.
    #[command(flatten)]
    pub lines: Written,
}

/// How bytes are put on lines.
#[derive(Debug, Args)]
#[command(next_help_heading = "Logic levels written (.sr, .vcd)")]
pub struct Written {
    /// Bits in a second, of both lines [default: 115200]
    #[arg(long, value_name = "BAUD", value_parser = baud)]
    pub baud: Option<f64>,
    /// Data bits, parity (n, o, e, m, s) and stop bits [default: 8n1]
    #[arg(long, value_name = "FORMAT")]
    pub line_format: Option<uart::Format>,
    /// Samples in a second [default: 1MHz, or eight samples a bit]
    #[arg(long, value_name = "RATE", value_parser = rate)]
    pub write_rate: Option<u64>,
    /// How much too fast (or, below 0, too slow) the lines are, in per cent
    #[arg(long, value_name = "PERCENT", default_value_t = 0.0, allow_negative_numbers = true, value_parser = percent)]
    pub drift: f64,
    /// How far a change may be from its time, in per cent of a bit
    #[arg(long, value_name = "PERCENT", default_value_t = 0.0, value_parser = percent)]
    pub jitter: f64,
    /// Share of the bits with a glitch in them, in per cent
    #[arg(long, value_name = "PERCENT", default_value_t = 0.0, value_parser = percent)]
    pub glitches: f64,
    /// Seed of jitter and glitches
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
}

impl Written {
    /// Whether lines are to be written anew, whatever the recording's own look like.
    pub(super) fn anew(&self) -> bool {
        self.baud.is_some()
            || self.line_format.is_some()
            || [self.drift, self.jitter, self.glitches].iter().any(|share| *share != 0.0)
    }
}

/// `atscope lines`.
#[derive(Debug, Args)]
pub struct Lines {
    /// The recordings.
    #[command(flatten)]
    pub input: Input,
    /// Output format
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: Format,
}

/// `atscope catalog`.
#[derive(Debug, Subcommand)]
pub enum Catalog {
    /// List the dialects, or all that one of them has
    List {
        /// Name of a dialect, or file of a catalog
        #[arg(value_hint = ValueHint::FilePath)]
        dialect: Option<String>,
        /// A catalog of your own beside the built-in ones
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        catalog: Vec<PathBuf>,
    },
    /// Print the reference page of a command, response or URC
    Show {
        /// Its name, with or without `AT`: `+CIPSTART`, `ATE`, `+IPD`
        name: String,
        /// Name of a dialect, or file of a catalog; without it, all that know the name are shown
        #[arg(short, long, value_hint = ValueHint::FilePath)]
        dialect: Option<String>,
        /// A catalog of your own beside the built-in ones
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        catalog: Vec<PathBuf>,
    },
    /// Check a catalog file: every mistake with its line
    Lint {
        /// Catalog files
        #[arg(required = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
        files: Vec<PathBuf>,
    },
}

/// `atscope explain`.
#[derive(Debug, Args)]
pub struct Explain {
    /// The rule; all are listed without
    #[arg(hide_possible_values = true, value_parser = rule_name())]
    pub rule: Option<String>,
}

/// `atscope completions`.
#[derive(Debug, Args)]
pub struct Completions {
    /// The shell
    pub shell: clap_complete::Shell,
}

/// `atscope man`.
#[derive(Debug, Args)]
pub struct Man {
    /// Print the page of this command
    pub command: Option<String>,
    /// Write all pages into this folder instead
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath, conflicts_with = "command")]
    pub all: Option<PathBuf>,
}

/// Output formats.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Text,
    /// One JSON object a line, for programs
    Jsonl,
}

/// Output formats of `decode`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum DecodeFormat {
    /// For people
    #[default]
    Text,
    /// One JSON object a line, for programs
    Jsonl,
    /// A page that holds all it needs: timeline, events, findings, latencies
    Html,
}

/// Output formats of `check`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum CheckFormat {
    /// For people
    #[default]
    Text,
    /// One JSON object a line, for programs
    Jsonl,
    /// JUnit XML: a suite a recording, a case a rule
    Junit,
    /// SARIF 2.1.0, for code scanning and editors
    Sarif,
    /// Workflow commands of GitHub Actions: annotations
    Github,
    /// Markdown, for a pull request's comment
    Markdown,
    /// A page that holds all it needs: timeline, events, findings, latencies
    Html,
}

impl From<DecodeFormat> for CheckFormat {
    fn from(format: DecodeFormat) -> Self {
        match format {
            DecodeFormat::Html => Self::Html,
            DecodeFormat::Jsonl => Self::Jsonl,
            DecodeFormat::Text => Self::Text,
        }
    }
}

impl CheckFormat {
    /// The same for `decode`, where it has that format.
    pub(super) const fn of_decode(self) -> Option<DecodeFormat> {
        match self {
            Self::Html => Some(DecodeFormat::Html),
            Self::Jsonl => Some(DecodeFormat::Jsonl),
            Self::Text => Some(DecodeFormat::Text),
            Self::Github | Self::Junit | Self::Markdown | Self::Sarif => None,
        }
    }
}

/// Output formats of `diff`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum DiffFormat {
    /// For people
    #[default]
    Text,
    /// One JSON document, for programs
    Json,
    /// JUnit XML: a case a command
    Junit,
    /// Markdown, for a pull request's comment
    Markdown,
    /// A page that holds all it needs: both recordings side by side
    Html,
}

/// What makes `check` fail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum FailOn {
    /// Broken rules
    #[default]
    Error,
    /// Also what is beside the manual, but harmless or doubtful
    Warning,
    /// Any finding
    Info,
    /// Nothing: findings do not change the exit status
    Never,
}

impl FailOn {
    /// The least severity that makes `check` fail.
    pub const fn least(self) -> Option<Severity> {
        match self {
            Self::Error => Some(Severity::Error),
            Self::Warning => Some(Severity::Warning),
            Self::Info => Some(Severity::Info),
            Self::Never => None,
        }
    }

    /// Whether findings, counted as error, warning, info, make `check` fail.
    pub fn fails(self, findings: [u64; 3]) -> bool {
        let Some(least) = self.least() else { return false };
        Severity::ALL.into_iter().zip(findings).any(|(severity, count)| severity >= least && count > 0)
    }
}

fn kind_name() -> PossibleValuesParser {
    PossibleValuesParser::new(crate::diff::Kind::ALL.iter().map(|kind| kind.name()))
}

fn rule_name() -> PossibleValuesParser {
    PossibleValuesParser::new(Rule::ALL.iter().map(|rule| rule.name()))
}

fn capture_format() -> PossibleValuesParser {
    PossibleValuesParser::new(CaptureFormat::ALL.map(CaptureFormat::as_str))
}

/// A number of bytes, or `all`.
pub(super) fn limit(text: &str) -> Result<usize, String> {
    match text {
        "all" => Ok(usize::MAX),
        _ => text.parse().map_err(|_| "expected a number of bytes, or `all`".to_owned()),
    }
}

/// Samples in a second.
fn rate(text: &str) -> Result<u64, String> {
    crate::capture::parse_rate(text)
        .ok_or_else(|| "expected samples in a second, such as 24MHz, 500k or 1000000".to_owned())
}

fn baud(text: &str) -> Result<f64, String> {
    let baud = text.parse().ok().filter(|baud| (1.0..=1e9).contains(baud));
    baud.ok_or_else(|| "expected bits in a second, such as 115200".to_owned())
}

fn percent(text: &str) -> Result<f64, String> {
    let percent = text.trim_end_matches('%').parse().ok().filter(|percent| (-100.0..=100.0).contains(percent));
    percent.ok_or_else(|| "expected a share in per cent, such as 2.5".to_owned())
}

/// Settings of lines, as they are: only their form is looked at, since the recording's lines are not known yet.
fn uart(text: &str) -> Result<String, String> {
    uart::settings(text).map(|_| text.to_owned()).map_err(|error| error.to_string())
}

/// Seconds, or a number with `us`, `ms`, `s` or `min` behind it.
fn time(text: &str) -> Result<Time, String> {
    let units = [("us", 1_000), ("µs", 1_000), ("ms", 1_000_000), ("min", 60_000_000_000), ("s", 1_000_000_000)];
    let (number, unit) = units
        .into_iter()
        .find_map(|(suffix, nanos)| Some((text.strip_suffix(suffix)?, nanos)))
        .unwrap_or((text, 1_000_000_000));
    let value = Time::parse_secs(number.trim_end());
    let value = value.ok_or("expected seconds (1.5) or a number with us, ms, s or min behind it (300ms)")?;
    let nanos = u128::from(value.as_nanos()) * unit / 1_000_000_000;
    u64::try_from(nanos).map(Time::from_nanos).map_err(|_| "longer than the clock goes".to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn definitions_are_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn times_take_units() {
        for (text, nanos) in
            [("1.5", 1_500_000_000), ("300ms", 300_000_000), ("2 min", 120_000_000_000), ("7us", 7_000)]
        {
            assert_eq!(time(text).unwrap().as_nanos(), nanos, "{text}");
        }
        for bad in ["", "ms", "-1", "1h", "99999999999min"] {
            assert!(time(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn severity_decides_the_failure() {
        assert!(FailOn::Error.fails([1, 0, 0]) && !FailOn::Error.fails([0, 9, 9]));
        assert!(FailOn::Warning.fails([0, 1, 0]) && !FailOn::Warning.fails([0, 0, 9]));
        assert!(FailOn::Info.fails([0, 0, 1]) && !FailOn::Info.fails([0; 3]));
        assert!(!FailOn::Never.fails([9; 3]));
    }
}
