//! Commands (contract/22): arguments are parsed here and nowhere else; each command opens the application, does its
//! work and closes it.
//!
//! Start at [`run`]; `arguments` holds every flag, the other files a command each.
//! Called by `main`.
//!
//! Invariant: exit code 0 on success, 1 on failure, 2 on wrong use; what failed stands on stderr as `Error: TEXT`.
//! Never: a rule of the game.
//!
//! Tests: `tests/api/cli.rs`.

mod arguments;
mod logging;
mod open_files;
mod serve;
mod usage;

use std::process::ExitCode;

use anyhow::Context;
use clap::{CommandFactory, Parser};

use crate::app::{App, AppOptions};
use crate::clock::Clock;
use arguments::{Arguments, Command, GlobalFlags};

const FAILED: u8 = 1;

/// Runs the command that the process was started with.
pub fn run() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return usage::report(&error),
    };
    logging::set_up(arguments.flags.dev.0);
    let result = match arguments.command {
        None => show_help(),
        Some(Command::Serve(command)) => serve::run(&arguments.flags, &command),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("Error: {error:#}");
            ExitCode::from(FAILED)
        }
    }
}

fn show_help() -> anyhow::Result<()> {
    Arguments::command().print_help().context("help not printed")
}

/// Opens the data directory that the flags name.
fn open_app(flags: &GlobalFlags) -> anyhow::Result<std::sync::Arc<App>> {
    let data_dir = match &flags.dir {
        Some(dir) => dir.clone(),
        None => beside_executable("pb_data")?,
    };
    Ok(App::open(AppOptions { data_dir, clock: Clock::system() })?)
}

/// A default folder (contract/22 §1).
fn beside_executable(name: &str) -> anyhow::Result<std::path::PathBuf> {
    let executable = std::env::current_exe().context("can't tell where the program is; name the folders by flags")?;
    let folder = executable.parent().context("the program has no folder; name the folders by flags")?;
    Ok(folder.join(name))
}
