//! The command-line tool; see [`atscope::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(atscope::cli::run())
}
