//! `atscope simulate` on the command line.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

use clap::{ArgAction, Args, ValueHint};

use crate::module::Allowed;

/// `atscope simulate`.
#[derive(Debug, Args)]
#[command(after_help = AFTER)]
pub struct Simulate {
    /// Which module it is.
    #[command(flatten)]
    pub which: Which,
    /// Where it is to be found.
    #[command(flatten)]
    pub line: Line,
    /// What is around it.
    #[command(flatten)]
    pub world: World,
    /// What is kept and shown.
    #[command(flatten)]
    pub output: Output,
}

const AFTER: &str = "\
Without --listen and --stdio the module is on a pseudo-terminal of its own (Unix). The first line on standard output is its path, \
or the address; with --stdio the module itself is on standard input and output.

On a pseudo-terminal the module is powered when the line is opened first, and stays on from then; on TCP each connection has a module \
of its own, powered when it connects. What the host sends while it boots is lost, as with a real one: --booted has it up \
from the start. With --stdio the input waits for it.

Ctrl-C ends it with status 130, SIGTERM with 143; the recording is whole and the link gone.

Examples:
  atscope simulate -d esp-at --link /tmp/modem --monitor
  atscope simulate -d simcom --profile a76xx --listen 127.0.0.1:0 --booted --record session.pcapng
  printf 'AT+GMR\\r\\n' | atscope simulate -d esp-at -m esp32 --stdio --virtual-clock
  atscope simulate -d esp-at --scenario lab.toml --faults hostile --seed 7";

/// Which module it is.
#[derive(Debug, Args)]
#[command(next_help_heading = "Module")]
pub struct Which {
    /// Name of a dialect, or file of a catalog
    #[arg(short, long, value_name = "DIALECT", value_hint = ValueHint::FilePath)]
    pub dialect: Option<String>,
    /// A catalog of your own beside the built-in ones; may be given several times
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, action = ArgAction::Append)]
    pub catalog: Vec<PathBuf>,
    /// Product that the dialect's catalog knows
    #[arg(short, long)]
    pub model: Option<String>,
    /// Firmware generation that the dialect's catalog knows: it prints what that one prints
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
    /// It is up from the start, and prints no banner
    #[arg(long)]
    pub booted: bool,
    /// Misbehave: a file of faults, or the name of a preset; each one is told on standard error
    #[arg(long, value_name = "FILE|PRESET", value_hint = ValueHint::FilePath)]
    pub faults: Option<String>,
    /// Seed of all that varies: delays, counters, faults
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
}

/// Where it is to be found.
#[derive(Debug, Args)]
#[command(next_help_heading = "Line")]
pub struct Line {
    /// Be a TCP server here; port 0 takes a free one, a port alone is one of 127.0.0.1
    #[arg(long, value_name = "ADDR:PORT", value_parser = address, conflicts_with_all = ["stdio", "link"])]
    pub listen: Option<SocketAddr>,
    /// Speak on standard input and output; the end of the input ends it, once all that is due was said
    #[arg(long, conflicts_with = "link")]
    pub stdio: bool,
    /// Make PATH a symbolic link to the pseudo-terminal, and take it away at the end
    #[arg(long, value_name = "PATH", value_hint = ValueHint::FilePath)]
    pub link: Option<PathBuf>,
    /// Take the time on the line that this speed takes (8n1), in both directions
    #[arg(long, value_name = "BAUD", value_parser = clap::value_parser!(u32).range(50..=50_000_000))]
    pub baud: Option<u32>,
    /// Time does not pass, it jumps to what happens next: same input, same output, at once
    #[arg(long, requires = "stdio", conflicts_with_all = ["baud", "net"])]
    pub virtual_clock: bool,
}

/// What is around it.
#[derive(Debug, Args)]
#[command(next_help_heading = "World")]
pub struct World {
    /// What access points, servers, brokers and devices there are and what they do (TOML)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub scenario: Option<PathBuf>,
    /// Let sockets and HTTP really go out, to this machine alone unless --allow says more
    #[arg(long)]
    pub net: bool,
    /// With --net, also go there (HOST:*: any port); may be given several times
    #[arg(long, value_name = "HOST:PORT", requires = "net", action = ArgAction::Append)]
    pub allow: Vec<Allowed>,
}

/// What is kept and shown.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub struct Output {
    /// Write the session as a recording, after the name's end: .at, .pcap, .pcapng, .sr or .vcd
    ///
    /// A second connection (--listen) goes into the same .pcapng, else into a file of its own: session.at, session-2.at, …
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub record: Option<PathBuf>,
    /// Show on standard error what is said, as `decode` does, and where the host breaks the rules
    #[arg(long, visible_alias = "verbose")]
    pub monitor: bool,
}

fn address(text: &str) -> Result<SocketAddr, String> {
    let wrong = || "expected ADDR:PORT, such as 127.0.0.1:0, or a port alone".to_owned();
    let full = match text.strip_prefix(':').unwrap_or(text).parse::<u16>() {
        Ok(port) => format!("127.0.0.1:{port}"),
        Err(_) => text.to_owned(),
    };
    let mut found = full.to_socket_addrs().map_err(|_| wrong())?;
    found.next().ok_or_else(wrong)
}
