//! `adopt`: whether a PocketBase directory can be served as it is, and what in it won't work. Changes nothing: the
//! database is tried on a copy.
//!
//! Exit codes: 0 it can be served as it is; 3 it can be served, but what was named won't work; 1 it can't be served.

mod scripts;

use std::fs::{self, DirBuilder};
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};

use super::arguments::{AdoptArguments, GlobalFlags};
use super::open_app;
use crate::app::{App, Purpose};
use crate::ids;
use crate::query::check_rule;
use crate::schema::Collection;
use crate::store::ConnExt;

/// It opens, but not everything in it works.
const SOME_UNSUPPORTED: u8 = 3;
/// The database and what isn't merged into it yet.
const DATABASE_FILES: [&str; 2] = ["data.db", "data.db-wal"];
const SCRATCH_NAME_CHARS: usize = 20;

/// Something that won't work, and where it stands.
pub struct Finding {
    pub place: String,
    pub what: String,
}

pub fn run(flags: &GlobalFlags, arguments: &AdoptArguments) -> anyhow::Result<ExitCode> {
    let places = Places::find(flags, &arguments.path)?;
    let applied = {
        let copy = Copy::make(&places.data)?;
        let of_copy = GlobalFlags { dir: Some(copy.path.clone()), ..flags.clone() };
        let opened = open_app(&of_copy, Purpose::Command);
        // The message names the copy, which is gone when it is read.
        let told = |error: anyhow::Error| {
            let text = format!("{error:#}").replace(&*copy.path.to_string_lossy(), &places.data.to_string_lossy());
            anyhow::anyhow!("{text}")
        };
        let app = opened.map_err(told)?;
        let looked = look(&app);
        app.close();
        looked?
    };
    let mut findings = applied.rules;
    findings.extend(scripts::hooks(&places.hooks)?);
    findings.extend(scripts::migrations(&places.migrations, &applied.migrations)?);
    println!("{}: {} collections", places.data.display(), applied.collections);
    for Finding { place, what } in &findings {
        println!("{place}: {what}");
    }
    let dir = places.data.display();
    if findings.is_empty() {
        println!("It can be served as it is: monobase serve --dir {dir}");
        return Ok(ExitCode::SUCCESS);
    }
    println!("It can be served (monobase serve --dir {dir}), but {} won't work.", count(findings.len()));
    Ok(ExitCode::from(SOME_UNSUPPORTED))
}

fn count(findings: usize) -> String {
    if findings == 1 { "what is named above".to_owned() } else { format!("the {findings} things named above") }
}

/// Where the parts of the directory lie.
struct Places {
    data: PathBuf,
    hooks: PathBuf,
    migrations: PathBuf,
}

impl Places {
    /// `dir` is the data directory, or the folder around it.
    fn find(flags: &GlobalFlags, dir: &Path) -> anyhow::Result<Self> {
        let inner = dir.join("pb_data");
        let data = [dir, &inner].into_iter().find(|data| data.join(DATABASE_FILES[0]).is_file());
        let Some(data) = data else { bail!("{}: there is no data.db, nor a pb_data with one", dir.display()) };
        let data = data.to_owned();
        let around = match data.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            Some(_) | None => PathBuf::from("."),
        };
        Ok(Self {
            hooks: flags.hooks_dir.clone().unwrap_or_else(|| around.join("pb_hooks")),
            migrations: flags.migrations_dir.clone().unwrap_or_else(|| around.join("pb_migrations")),
            data,
        })
    }
}

/// What opening the database showed.
struct Looked {
    collections: usize,
    rules: Vec<Finding>,
    /// The names of migrations that were run.
    migrations: Vec<String>,
}

fn look(app: &App) -> anyhow::Result<Looked> {
    let schema = app.schema.current();
    let mut rules = Vec::new();
    for collection in schema.collections() {
        for (name, rule) in rules_of(collection) {
            if let Err(error) = check_rule(&schema, collection, rule) {
                let place = format!("collection {}, {name}", collection.name);
                rules.push(Finding { place, what: format!("the rule isn't understood, so it refuses: {error}") });
            }
        }
    }
    let migrations = app.store.read_here(|conn| {
        Ok(conn.list_rows("SELECT file FROM _migrations", &[], |row| row.cell(0).as_text().to_owned())?)
    });
    let migrations = migrations.map_err(super::failure)?;
    Ok(Looked { collections: schema.collections().len(), rules, migrations })
}

fn rules_of(collection: &Collection) -> impl Iterator<Item = (&'static str, &str)> {
    let rules = &collection.rules;
    let auth = collection.auth();
    let all = [
        ("listRule", &rules.list),
        ("viewRule", &rules.view),
        ("createRule", &rules.create),
        ("updateRule", &rules.update),
        ("deleteRule", &rules.delete),
    ];
    let of_auth = auth.into_iter().flat_map(|auth| [("authRule", &auth.auth_rule), ("manageRule", &auth.manage_rule)]);
    all.into_iter().chain(of_auth).filter_map(|(name, rule)| Some((name, rule.as_deref()?)))
}

/// A copy of the database alone, for nobody else's eyes, removed when dropped.
struct Copy {
    path: PathBuf,
}

impl Copy {
    fn make(data: &Path) -> anyhow::Result<Self> {
        let path = std::env::temp_dir().join(format!("monobase-adopt-{}", ids::lower(SCRATCH_NAME_CHARS)));
        let mut builder = DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&path).with_context(|| format!("{} can't be made", path.display()))?;
        let copy = Self { path };
        for name in DATABASE_FILES {
            match fs::copy(data.join(name), copy.path.join(name)) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                copied => {
                    copied.with_context(|| format!("{} can't be copied to be tried", data.join(name).display()))?;
                }
            }
        }
        Ok(copy)
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.path) {
            tracing::warn!(folder = %self.path.display(), %error, "a copy of the database stays behind");
        }
    }
}
