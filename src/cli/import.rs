//! `import`: rows of a file into a collection. Works on a stopped directory and beside a running server, which notices.
//!
//! Exit codes: 0 every row is in; 3 some were refused and reported; 1 it failed, or `--strict` kept nothing; 2 wrong use;
//! 130 interrupted, the same command goes on.

mod show;

use std::io::{self, BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::bail;

use super::arguments::{GlobalFlags, ImportArguments};
use super::usage::WrongUse;
use super::{FAILED, interrupt, open_app};
use crate::app::{App, Purpose};
use crate::collections::{CollectionBody, Source};
use crate::import::read::{FileKind, Header, Quote, ReadOptions};
use crate::import::{
    Again, CollectionOf, ColumnKind, Ending, Import, MakeCollection, Mode, Parts, PlanRequest, Survey,
};
use show::Bar;

/// Loaded, but for rows that were refused and reported.
const SOME_REFUSED: u8 = 3;
/// As shells tell of SIGINT.
const INTERRUPTED: u8 = 130;

pub fn run(flags: &GlobalFlags, arguments: &ImportArguments) -> anyhow::Result<ExitCode> {
    let request = request(arguments)?;
    let options = read_options(arguments)?;
    let is_asked = !arguments.yes && !arguments.dry_run;
    if is_asked && !io::stdin().is_terminal() {
        bail!(WrongUse("nobody is there to say yes: give --yes, or look at the plan first with --dry-run"));
    }
    let app = open_app(flags, Purpose::Command)?;
    let ended = import(&app, arguments, &request, &options);
    app.close();
    ended
}

fn import(
    app: &Arc<App>,
    arguments: &ImportArguments,
    request: &PlanRequest,
    options: &ReadOptions,
) -> anyhow::Result<ExitCode> {
    let file = &arguments.file;
    let survey = {
        let bar = Bar::of_survey();
        Survey::take(file, options, |rows| bar.read(rows))
    };
    let survey = survey.map_err(|error| anyhow::anyhow!("{} can't be read: {error}", file.display()))?;
    let mode = match (arguments.dry_run, arguments.strict) {
        (true, _) => Mode::DryRun,
        (false, true) => Mode::Strict,
        (false, false) => Mode::Batches,
    };
    let records = survey.records();
    show::survey(&survey);
    let again = if arguments.again { Again::Yes } else { Again::No };
    let import = Import::open(parts(app), survey, request, mode, &report_path(arguments), again)?;
    show::plan(&import.plan);
    if let Some(earlier) = &import.earlier {
        if earlier.is_done {
            println!("This file was imported before; --again imports it once more.");
            return Ok(code(earlier.refused));
        }
        println!("Goes on behind the {} rows that are done.", earlier.records);
    }
    if !arguments.yes && !arguments.dry_run && !is_confirmed()? {
        println!("Nothing was imported.");
        return Ok(ExitCode::from(FAILED));
    }
    load(import, mode, records)
}

fn load(import: Import, mode: Mode, records: u64) -> anyhow::Result<ExitCode> {
    let (tally, report) = (import.tally.clone(), import.report_path().to_owned());
    let stop = interrupt::listen()?;
    let bar = Bar::of_import(records, tally.clone());
    let ended = import.run(&stop);
    bar.finish();
    let told = show::tally(&tally);
    match (ended, mode) {
        (Err(error), _) => bail!("{error}; {told} so far, and the same command goes on"),
        (Ok(Ending::Interrupted), Mode::Strict) => {
            println!("Interrupted: nothing was imported.");
            Ok(ExitCode::from(INTERRUPTED))
        }
        (Ok(Ending::Interrupted), _) => {
            println!("Interrupted: {told}. The same command goes on.");
            Ok(ExitCode::from(INTERRUPTED))
        }
        (Ok(Ending::Refused(reasons)), _) => {
            eprintln!("Error: nothing was imported, because of {}", reasons.join("; "));
            Ok(ExitCode::from(FAILED))
        }
        (Ok(Ending::Finished), mode) => {
            let verb = if mode == Mode::DryRun { "Would be" } else { "Done" };
            println!("{verb}: {told}.");
            let refused = tally.refused.load(std::sync::atomic::Ordering::Relaxed);
            if refused > 0 {
                println!("The refused rows stand in {}.", report.display());
            }
            Ok(code(refused))
        }
    }
}

fn code(refused: u64) -> ExitCode {
    if refused == 0 { ExitCode::SUCCESS } else { ExitCode::from(SOME_REFUSED) }
}

fn parts(app: &Arc<App>) -> Parts {
    let of_app = app.clone();
    let make: MakeCollection = Arc::new(move |tx, body| {
        let body = CollectionBody::read(body.clone(), Source::Json).map_err(|wrong| wrong.on_create())?;
        of_app.collections.create(tx, &body, None)
    });
    Parts { store: app.store.clone(), schema: app.schema.clone(), clock: app.clock.clone(), make }
}

fn is_confirmed() -> io::Result<bool> {
    print!("Import? [y/N] ");
    io::stdout().flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(["y", "yes"].contains(&answer.trim().to_ascii_lowercase().as_str()))
}

/// Beside the file, unless told.
fn report_path(arguments: &ImportArguments) -> PathBuf {
    arguments.report.clone().unwrap_or_else(|| {
        let mut name = arguments.file.file_name().unwrap_or_default().to_owned();
        name.push(".refused.jsonl");
        arguments.file.parent().unwrap_or(Path::new("")).join(name)
    })
}

fn request(arguments: &ImportArguments) -> anyhow::Result<PlanRequest> {
    let collection = match (&arguments.into, &arguments.name) {
        (Some(name), _) => CollectionOf::Existing(name.clone()),
        (None, name) => CollectionOf::New(name.clone()),
    };
    let pair = |text: &String| text.split_once('=').map(|(from, to)| (from.to_owned(), to.to_owned()));
    let map: Option<Vec<_>> = arguments.map.iter().map(pair).collect();
    let Some(map) = map else { bail!(WrongUse("--map takes COLUMN=FIELD")) };
    let kind = |text: &String| {
        let (column, kind) = text.split_once('=')?;
        Some((column.to_owned(), ColumnKind::parse(kind)?))
    };
    let kinds: Option<Vec<_>> = arguments.kind.iter().map(kind).collect();
    let Some(kinds) = kinds else {
        bail!(WrongUse("--kind takes COLUMN=KIND, with one of text, number, bool, date, email, url, json"))
    };
    Ok(PlanRequest { collection, map, kinds, key: arguments.key.clone() })
}

fn read_options(arguments: &ImportArguments) -> anyhow::Result<ReadOptions> {
    let delimiter = match arguments.delimiter.as_deref() {
        None => None,
        Some("tab" | "\\t" | "\t") => Some(b'\t'),
        Some(text) if text.len() == 1 => Some(text.as_bytes()[0]),
        Some(_) => bail!(WrongUse("--delimiter takes one ASCII character, or tab")),
    };
    let quote = match arguments.quote.as_deref() {
        None => None,
        Some("none") => Some(Quote::None),
        Some(text) if text.len() == 1 => Some(Quote::Byte(text.as_bytes()[0])),
        Some(_) => bail!(WrongUse("--quote takes one ASCII character, or none")),
    };
    Ok(ReadOptions {
        kind: arguments.format.map(FileKind::from),
        encoding: arguments.encoding.map(Into::into),
        delimiter,
        quote,
        header: arguments.header.map(|flag| if flag.0 { Header::Present } else { Header::Absent }),
    })
}
