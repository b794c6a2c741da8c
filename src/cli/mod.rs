//! Commands (contract/22): arguments are parsed here and nowhere else; each command opens the application, does its
//! work and closes it.
//!
//! Start at [`run`]; `arguments` holds every flag, the other files a command each.
//! Called by `main`.
//!
//! Invariant: exit code 0 on success, 1 on failure, 2 on wrong use; what failed stands on stderr as `Error: TEXT`.
//! `import` and `adopt` tell more by their codes.
//! Never: a rule of the game.
//!
//! Tests: `tests/api/cli.rs`.

mod adopt;
mod arguments;
mod import;
mod interrupt;
mod logging;
mod process;
mod serve;
mod superuser;
mod usage;
mod watch;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::{CommandFactory, Parser};

use crate::app::{App, AppOptions, Purpose};
use crate::clock::Clock;
use crate::error::Error;
use crate::settings::RowKey;
use arguments::{Arguments, Command, GlobalFlags};

const FAILED: u8 = 1;

/// Runs the command that the process was started with.
pub fn run() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return usage::report(&error),
    };
    logging::set_up(arguments.flags.dev.0);
    let done = |()| ExitCode::SUCCESS;
    let result = match arguments.command {
        None => show_help().map(done),
        Some(Command::Serve(command)) => serve::run(&arguments.flags, &command).map(done),
        Some(Command::Superuser { command: Some(command) }) => superuser::run(&arguments.flags, &command).map(done),
        Some(Command::Adopt(command)) => adopt::run(&arguments.flags, &command),
        Some(Command::Import(command)) => import::run(&arguments.flags, &command),
        Some(Command::Watch(command)) => watch::run(&command).map(done),
        Some(Command::Superuser { command: None }) => show_group_help("superuser").map(done),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("Error: {error:#}");
            ExitCode::from(if error.is::<usage::WrongUse>() { usage::WRONG_USE } else { FAILED })
        }
    }
}

fn show_help() -> anyhow::Result<()> {
    Arguments::command().print_help().context("help not printed")
}

/// The help of a command that was named without what it should do.
fn show_group_help(name: &str) -> anyhow::Result<()> {
    let mut command = Arguments::command();
    command.build();
    command.find_subcommand_mut(name).context("no such command")?.print_help().context("help not printed")
}

/// Opens the data directory that the flags name.
fn open_app(flags: &GlobalFlags, purpose: Purpose) -> anyhow::Result<Arc<App>> {
    let data_dir = match &flags.dir {
        Some(dir) => dir.clone(),
        None => beside_executable("pb_data")?,
    };
    let options = AppOptions {
        data_dir,
        purpose,
        durability: flags.durability.into(),
        query_timeout: Duration::from_secs(flags.query_timeout.into()),
        settings_key: settings_key(flags)?,
        clock: Clock::of_process(),
        is_dev: flags.dev.0,
    };
    App::open(options).map_err(failure)
}

/// The key that the variable named by `--encryptionEnv` holds.
fn settings_key(flags: &GlobalFlags) -> anyhow::Result<RowKey> {
    let Some(variable) = &flags.encryption_env else { return Ok(RowKey::none()) };
    let value = std::env::var_os(variable).map(OsString::into_encoded_bytes);
    Ok(RowKey::new(variable, value)?)
}

/// A default folder (contract/22 §1).
fn beside_executable(name: &str) -> anyhow::Result<PathBuf> {
    let executable = std::env::current_exe().context("can't tell where the program is; name the folders by flags")?;
    let folder = executable.parent().context("the program has no folder; name the folders by flags")?;
    Ok(folder.join(name))
}

/// A domain error as the terminal shows it: the cause itself where that is all there is.
fn failure(error: Error) -> anyhow::Error {
    match error {
        Error::Internal(source) => anyhow::Error::from_boxed(source),
        other => anyhow::Error::new(other),
    }
}
