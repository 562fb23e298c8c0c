//! The arguments of `atscope fuzz`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum, ValueHint};

/// `atscope fuzz`.
#[derive(Debug, Subcommand)]
pub enum Fuzz {
    /// Reduce a corpus to the inputs that have something of their own in them
    Cmin(Cmin),
    /// Print a dictionary of a dialect's words, as AFL++ and libFuzzer read it
    Dict(Dict),
    /// Write a seed corpus out of a dialect's catalog: valid, wrong and odd sessions, named by what is in them
    Gen(Gen),
    /// Make a folder to fuzz a driver in, out of its own session with a virtual module: seeds, dictionary, harnesses, scripts
    Init(Init),
    /// Shrink an input that makes a command fail, and say what in it matters
    Min(Min),
    /// Mutate an input, or make one out of nothing: a filter for any fuzzer
    Mutate(Mutate),
    /// Play a module that misbehaves for a whole driver program, and tell how the driver fails
    Run(Run),
}

/// What inputs are and what they are held against.
#[derive(Debug, Args)]
#[command(next_help_heading = "Input")]
pub struct Kind {
    /// What inputs are [default: told by content]
    #[arg(long, value_name = "FORM")]
    pub form: Option<Form>,
    /// Name of a built-in dialect, or file of a catalog [default: all]
    #[arg(short, long, value_name = "DIALECT", value_hint = ValueHint::FilePath)]
    pub dialect: Option<String>,
    /// Product that the dialect's catalog knows
    #[arg(short, long)]
    pub model: Option<String>,
}

/// What an input is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// A transcript (.at)
    At,
    /// Both sides with chunks and times, in the binary form of `atscope::mutate::form`
    Conversation,
    /// What the module sends, byte for byte
    Stream,
}

/// `atscope fuzz gen`.
#[derive(Debug, Args)]
pub struct Gen {
    /// Name of a dialect, or file of a catalog
    #[arg(short, long, value_name = "DIALECT", value_hint = ValueHint::FilePath)]
    pub dialect: String,
    /// Product that the dialect's catalog knows
    #[arg(short, long)]
    pub model: Option<String>,
    /// Firmware generation that the dialect's catalog knows [default: the manual, and all of them]
    #[arg(short, long, value_name = "NAME")]
    pub profile: Option<String>,
    /// Most inputs
    #[arg(short = 'n', long, value_name = "N", default_value_t = 200)]
    pub count: usize,
    /// The same seed gives the same corpus
    #[arg(short, long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// What the inputs are to be
    #[arg(long, value_name = "FORM", default_value = "stream")]
    pub form: Form,
    /// Folder to write to
    #[arg(short, long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub output: PathBuf,
}

/// `atscope fuzz dict`.
#[derive(Debug, Args)]
pub struct Dict {
    /// Name of a dialect, or file of a catalog
    #[arg(short, long, value_name = "DIALECT", value_hint = ValueHint::FilePath)]
    pub dialect: String,
    /// Firmware generation that the dialect's catalog knows
    #[arg(short, long, value_name = "NAME")]
    pub profile: Option<String>,
    /// The words of the host, too
    #[arg(long)]
    pub host: bool,
    /// Where to write; `-` is standard output
    #[arg(short, long, value_name = "FILE", default_value = "-", value_hint = ValueHint::FilePath)]
    pub output: PathBuf,
}

/// `atscope fuzz mutate`.
#[derive(Debug, Args)]
pub struct Mutate {
    /// Inputs; `-`, the default, is standard input
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub files: Vec<PathBuf>,
    /// What they are.
    #[command(flatten)]
    pub kind: Kind,
    /// Where to write: a file, `-` for standard output (the default), or a folder for several
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::AnyPath, conflicts_with = "in_place")]
    pub output: Option<PathBuf>,
    /// Write each result over its input, as honggfuzz wants it
    #[arg(long)]
    pub in_place: bool,
    /// How many results; they go to a folder if there are several
    #[arg(short = 'n', long, value_name = "N", default_value_t = 1)]
    pub count: u64,
    /// The same seed, inputs and options give the same results [default: another one each time]
    #[arg(short, long, value_name = "N")]
    pub seed: Option<u64>,
    /// Most bytes of a result
    #[arg(long, value_name = "BYTES", default_value_t = 4096)]
    pub max_size: usize,
    /// How many of 100 mutations change structure; the others change bytes [default: 60]
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    pub ratio: Option<u8>,
    /// The program that is fuzzed: its texts are put in beside the dialect's
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub program: Option<PathBuf>,
}

/// `atscope fuzz min`.
#[derive(Debug, Args)]
pub struct Min {
    /// The input that makes the command fail
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// The command; `@@` in it stands for the input's file, without one it reads standard input
    #[arg(last = true, required = true, value_name = "COMMAND", value_hint = ValueHint::CommandWithArguments)]
    pub command: Vec<std::ffi::OsString>,
    /// What the input is.
    #[command(flatten)]
    pub kind: Kind,
    /// What the command is given [default: what the input is]
    #[arg(long, value_name = "FORM", help_heading = "Input")]
    pub feed: Option<Form>,
    /// Where to write; `-` is standard output [default: FILE.min]
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,
    /// The command fails if it exits with this status [default: as it does with FILE]
    #[arg(long, value_name = "STATUS", help_heading = "Failure")]
    pub exit: Option<i32>,
    /// The command fails if its output has this text
    #[arg(long, value_name = "TEXT", help_heading = "Failure")]
    pub says: Option<String>,
    /// The command hangs, which is a failure, if it takes longer
    #[arg(long, value_name = "SECONDS", default_value_t = 5.0, help_heading = "Failure")]
    pub timeout: f64,
    /// Run the command so often at the most
    #[arg(long, value_name = "N", default_value_t = 20_000)]
    pub most: usize,
}

/// `atscope fuzz cmin`.
#[derive(Debug, Args)]
pub struct Cmin {
    /// Inputs, or folders of them
    #[arg(required = true, value_name = "FILE", value_hint = ValueHint::AnyPath)]
    pub files: Vec<PathBuf>,
    /// What they are.
    #[command(flatten)]
    pub kind: Kind,
    /// Folder to which the inputs that stay are copied
    #[arg(short, long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    pub output: PathBuf,
}

/// Which module is played for a driver.
#[derive(Debug, Args)]
#[command(next_help_heading = "Module")]
pub struct Played {
    /// Name of a dialect, or file of a catalog
    #[arg(short, long, value_name = "DIALECT", value_hint = ValueHint::FilePath)]
    pub dialect: String,
    /// Product that the dialect's catalog knows
    #[arg(short, long)]
    pub model: Option<String>,
    /// Firmware generation that the dialect's catalog knows
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
    /// What access points, servers, brokers and devices there are and what they do (TOML)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub scenario: Option<PathBuf>,
}

/// Where a driver finds its module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// On a pseudo-terminal.
    Pty,
    /// On its standard input and output.
    Stdio,
    /// On a TCP port of this machine.
    Tcp,
}

/// How a driver is connected.
#[derive(Clone, Copy, Debug, Args)]
#[command(next_help_heading = "Line")]
pub struct Connected {
    /// The module is on a pseudo-terminal: its path stands for `@@` in the command, and in ATSCOPE_PORT
    #[arg(long, conflicts_with = "tcp")]
    pub pty: bool,
    /// The module is on a TCP port of this machine: ADDR:PORT stands for `@@` in the command, and in ATSCOPE_PORT
    #[arg(long)]
    pub tcp: bool,
}

impl Connected {
    /// Without a word: standard input and output.
    pub const fn wire(self) -> Wire {
        match self {
            Self { pty: true, .. } => Wire::Pty,
            Self { tcp: true, .. } => Wire::Tcp,
            _ => Wire::Stdio,
        }
    }
}

/// `atscope fuzz init`.
#[derive(Debug, Args)]
pub struct Init {
    /// The driver and its arguments; it speaks to the module on standard input and output, or see --pty and --tcp
    #[arg(last = true, required = true, value_name = "COMMAND", value_hint = ValueHint::CommandWithArguments)]
    pub command: Vec<std::ffi::OsString>,
    /// Which module it is.
    #[command(flatten)]
    pub module: Played,
    /// Where it is.
    #[command(flatten)]
    pub line: Connected,
    /// A driver that says nothing for so long has said all
    #[arg(long, value_name = "SECONDS", default_value_t = 5.0)]
    pub timeout: f64,
    /// Folder to write: a new one, or an empty one
    #[arg(short, long, value_name = "DIR", default_value = "fuzz-driver", value_hint = ValueHint::DirPath)]
    pub output: PathBuf,
}

/// `atscope fuzz run`.
#[derive(Debug, Args)]
#[command(after_help = RUN)]
pub struct Run {
    /// The driver and its arguments; it speaks to the module on standard input and output, or see --pty and --tcp
    #[arg(last = true, required = true, value_name = "COMMAND", value_hint = ValueHint::CommandWithArguments)]
    pub command: Vec<std::ffi::OsString>,
    /// Which module it is.
    #[command(flatten)]
    pub module: Played,
    /// Where it is.
    #[command(flatten)]
    pub line: Connected,
    /// Always these faults: the name of a preset, or a file [default: another kind of trouble for each seed]
    #[arg(long, value_name = "FILE|PRESET", value_hint = ValueHint::FilePath, help_heading = "Trouble")]
    pub faults: Option<String>,
    /// The seed of the first run; each further run has the next one
    #[arg(short, long, value_name = "N", default_value_t = 0, help_heading = "Trouble")]
    pub seed: u64,
    /// The one run of this seed, with what it did wrong
    #[arg(long, value_name = "SEED", conflicts_with_all = ["seed", "runs", "time", "jobs"], help_heading = "Trouble")]
    pub repeat: Option<u64>,
    /// Play what the module says in a transcript, each piece once the driver has said something in its turn
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with_all = ["repeat", "seed", "runs", "time", "jobs", "faults"], help_heading = "Trouble")]
    pub replay: Option<PathBuf>,
    /// How many runs
    #[arg(short = 'n', long, value_name = "N", default_value_t = 200)]
    pub runs: u64,
    /// No new run after so many seconds
    #[arg(long, value_name = "SECONDS")]
    pub time: Option<f64>,
    /// Runs side by side [default: as many as there are processors]
    #[arg(short, long, value_name = "N")]
    pub jobs: Option<std::num::NonZeroUsize>,
    /// A driver that says nothing for so long hangs: longer than its own longest timeout
    #[arg(long, value_name = "SECONDS", default_value_t = 5.0, help_heading = "Failure")]
    pub timeout: f64,
    /// A run that takes longer is ended [default: four times the healthy run, and twice the timeout]
    #[arg(long, value_name = "SECONDS", help_heading = "Failure")]
    pub limit: Option<f64>,
    /// A driver that grows beyond is ended [default: 64 MiB more than four times the healthy run]
    #[arg(long, value_name = "MIB", help_heading = "Failure")]
    pub memory: Option<u64>,
    /// An exit status that is a failure; may be given several times
    #[arg(long, value_name = "STATUS", action = clap::ArgAction::Append, help_heading = "Failure")]
    pub fail_exit: Vec<i32>,
    /// A regular expression for what the driver must not print; may be given several times
    #[arg(long, value_name = "PATTERN", action = clap::ArgAction::Append, help_heading = "Failure")]
    pub fail_log: Vec<regex::Regex>,
    /// Folder for the failures: a transcript and the driver's log of each
    #[arg(short, long, value_name = "DIR", default_value = "failures", value_hint = ValueHint::DirPath)]
    pub output: PathBuf,
}

const RUN: &str = "\
A first run goes well: what the driver does in it is its way, and no failure. Then each seed makes its own trouble: faults of line and module, \
or answers that are almost right. After a while all is well again; a driver should get over it.

It fails by a crash or a sanitizer's report, by a hang or a busy loop, by its memory, by not getting over it, by breaking a rule of the module's manual, \
or as --fail-exit and --fail-log say. Each kind of failure is kept once, with the command that repeats it.

Exit status: 0 no failure, 1 some, 2 bad usage.

Examples:
  atscope fuzz run -d esp-at -- ./driver
  atscope fuzz run -d simcom --profile a76xx --pty -n 1000 -- ./modemd --port @@
  atscope fuzz run -d esp-at --repeat 17 -- ./driver
  atscope fuzz min failures/crash-1.at -- atscope fuzz run -d esp-at --replay @@ -- ./driver";
