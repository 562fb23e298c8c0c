//! `atscope completions` and `atscope man`: both from the definitions of the arguments.

use std::fs;
use std::path::Path;

use clap::CommandFactory;
use clap_complete::Shell;
use clap_mangen::Man as Page;

use super::args::{Cli, Man};
use super::failure::{Failure, suggestion};
use super::out::Out;
use super::{FINE, line};

/// What stands at the foot of every page.
const SOURCE: &str = concat!("atscope ", env!("CARGO_PKG_VERSION"));

/// Prints a shell's completions.
pub(super) fn completions(shell: Shell, out: &mut Out) -> Result<u8, Failure> {
    clap_complete::generate(shell, &mut Cli::command(), "atscope", &mut out.buffer);
    Ok(FINE)
}

/// Prints a manual page, or writes all of them into a folder.
pub(super) fn man(args: &Man, out: &mut Out) -> Result<u8, Failure> {
    let mut root = Cli::command();
    root.build();
    if let Some(folder) = &args.all {
        return pages(&root, folder, out);
    }
    let page = match &args.command {
        None => root,
        Some(name) => match root.find_subcommand(name) {
            Some(command) => command.clone(),
            None => {
                let near = suggestion(name, root.get_subcommands().map(clap::Command::get_name));
                return Err(Failure::Said(format!("unknown command `{name}`{near}")));
            }
        },
    };
    Page::new(page).source(SOURCE).render(&mut out.buffer).map_err(|error| Failure::writing(&error))?;
    Ok(FINE)
}

fn pages(root: &clap::Command, folder: &Path, out: &mut Out) -> Result<u8, Failure> {
    let fail = |path: &Path, error: &std::io::Error| Failure::Said(format!("{}: {error}", path.display()));
    fs::create_dir_all(folder).map_err(|error| fail(folder, &error))?;
    let visible = root.get_subcommands().filter(|command| !command.is_hide_set() && command.get_name() != "help");
    for page in std::iter::once(root).chain(visible) {
        // A subcommand's display name is `atscope-decode`.
        let path = folder.join(format!("{}.1", page.get_display_name().unwrap_or(page.get_name())));
        let mut text = Vec::new();
        Page::new(page.clone()).source(SOURCE).render(&mut text).map_err(|error| Failure::writing(&error))?;
        fs::write(&path, text).map_err(|error| fail(&path, &error))?;
        line(out, format_args!("{}", path.display()));
    }
    Ok(FINE)
}
