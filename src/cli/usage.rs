//! Wrong use, said as the contract says it (contract/22 §6).

use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// The exit code of wrong use.
pub const WRONG_USE: u8 = 2;

/// Arguments that clap takes but the command doesn't.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct WrongUse(pub &'static str);

/// Prints help or version (success), or what is wrong with the arguments.
pub fn report(error: &clap::Error) -> ExitCode {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        // Nowhere to report a broken stdout to.
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    eprintln!("Error: {}\nRun 'monobase --help' for usage.", text(error));
    ExitCode::from(WRONG_USE)
}

fn text(error: &clap::Error) -> String {
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.as_str(),
        _ => "",
    };
    match error.kind() {
        ErrorKind::InvalidSubcommand => {
            format!("unknown command {:?} for \"monobase\"", context(ContextKind::InvalidSubcommand))
        }
        ErrorKind::UnknownArgument => {
            let argument = context(ContextKind::InvalidArg);
            let kind = if argument.starts_with('-') { "flag:" } else { "argument" };
            format!("unknown {kind} {argument}")
        }
        _ => {
            let rendered = error.to_string();
            let first = rendered.lines().next().unwrap_or("wrong arguments");
            first.trim_start_matches("error: ").to_owned()
        }
    }
}
