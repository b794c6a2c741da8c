//! The last two steps that PocketBase v0.39 takes with an older directory (contract/01 §4), so that either program may
//! open it first.

use std::collections::HashSet;
use std::sync::LazyLock;

use aws_lc_rs::digest;
use regex::Regex;
use serde_json::Value as Json;

use super::fresh::{FreshAuthOptions, stored_json};
use crate::error::{Error, Result};
use crate::store::{ConnExt, Tx};

/// Rows of `_migrations`.
pub const ALERT_TEMPLATES: &str = "1763020353_update_default_auth_alert_templates.go";
pub const NORMALISED_INDEXES: &str = "1778828400_normalize_indexes.go";
/// The step before them: a directory without it is left for PocketBase to bring up.
const STEP_BEFORE: &str = "1717233559_v0.23_migrate4.go";
/// SHA-256 of the body of the alert mail that new collections had before it told where from.
const OLD_ALERT_SHA256: [u8; 32] = [
    0xba, 0x5c, 0x60, 0xf5, 0x2c, 0x23, 0x70, 0xc3, 0xc8, 0xcb, 0xbf, 0x54, 0xcb, 0xca, 0x34, 0x8b, 0xde, 0x1d, 0xfd,
    0x6c, 0xcd, 0xca, 0x01, 0xb0, 0x6d, 0x32, 0x52, 0x41, 0x39, 0x31, 0x2d, 0x28,
];

/// Takes the steps that the directory lacks. `fresh` has the new alert mail.
pub fn bring_up(tx: &dyn Tx, fresh: &FreshAuthOptions, now_us: i64) -> Result<()> {
    if !is_step_done(tx, STEP_BEFORE)? {
        return Ok(());
    }
    if !is_step_done(tx, ALERT_TEMPLATES)? {
        renew_alert_mails(tx, fresh)?;
        note(tx, ALERT_TEMPLATES, now_us)?;
    }
    if !is_step_done(tx, NORMALISED_INDEXES)? {
        normalise_indexes(tx)?;
        note(tx, NORMALISED_INDEXES, now_us + 1)?;
    }
    Ok(())
}

/// Whether all steps are taken.
pub fn is_done(tx: &dyn Tx) -> Result<bool> {
    Ok(is_step_done(tx, ALERT_TEMPLATES)? && is_step_done(tx, NORMALISED_INDEXES)?)
}

fn is_step_done(tx: &dyn Tx, file: &str) -> Result<bool> {
    Ok(tx.has_row("SELECT 1 FROM _migrations WHERE file = ?1", &[file.into()])?)
}

fn note(tx: &dyn Tx, file: &str, now_us: i64) -> Result<()> {
    tx.execute("INSERT INTO _migrations (file, applied) VALUES (?1, ?2)", &[file.into(), now_us.into()])?;
    Ok(())
}

/// Gives collections that still have the old default the new one. A mail that somebody wrote stays.
fn renew_alert_mails(tx: &dyn Tx, fresh: &FreshAuthOptions) -> Result<()> {
    let fresh: Json = serde_json::from_str(&fresh.users).map_err(Error::internal)?;
    let body_of = "/authAlert/emailTemplate/body";
    let Some(new_body) = fresh.pointer(body_of) else { return Ok(()) };
    let rows = tx.list_rows("SELECT id, options FROM _collections WHERE type = 'auth'", &[], |row| {
        (row.cell(0).to_value(), row.cell(1).as_text().to_owned())
    })?;
    for (id, options) in rows {
        let Ok(mut options) = serde_json::from_str::<Json>(&options) else { continue };
        let Some(Json::String(body)) = options.pointer(body_of) else { continue };
        if digest::digest(&digest::SHA256, body.as_bytes()).as_ref() != OLD_ALERT_SHA256 {
            continue;
        }
        if let Some(body) = options.pointer_mut(body_of) {
            *body = new_body.clone();
        }
        tx.execute("UPDATE _collections SET options = ?1 WHERE id = ?2", &[stored_json(&options.to_string()), id])?;
    }
    Ok(())
}

/// A collection whose indexes are looked at.
struct Collection {
    id: String,
    name: String,
    is_auth: bool,
    indexes: Vec<String>,
}

/// Takes indexes that a table has but its collection doesn't name into the collection.
fn normalise_indexes(tx: &dyn Tx) -> Result<()> {
    let collections = tx.list_rows(
        "SELECT id, name, type, indexes FROM _collections WHERE system = 0 AND type != 'view' ORDER BY rowid",
        &[],
        |row| Collection {
            id: row.cell(0).as_text().to_owned(),
            name: row.cell(1).as_text().to_owned(),
            is_auth: row.cell(2).as_text() == "auth",
            indexes: serde_json::from_str(row.cell(3).as_text()).unwrap_or_default(),
        },
    )?;
    for collection in collections {
        normalise_indexes_of(tx, collection)?;
    }
    Ok(())
}

fn normalise_indexes_of(tx: &dyn Tx, mut collection: Collection) -> Result<()> {
    let listed: Vec<Definition> = collection.indexes.iter().filter_map(|sql| Definition::read(sql)).collect();
    let names: HashSet<&str> = listed.iter().map(|definition| &*definition.name).collect();
    let mut bodies: HashSet<String> = listed.iter().map(|definition| definition.body.clone()).collect();
    let in_table = tx.list_rows(
        "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = ?1 AND sql IS NOT NULL ORDER BY rowid",
        &[collection.name.as_str().into()],
        |row| (row.cell(0).as_text().to_owned(), row.cell(1).as_text().to_owned()),
    )?;
    let unlisted: Vec<_> = in_table.into_iter().filter(|(name, _)| !names.contains(&*name.to_lowercase())).collect();
    if unlisted.is_empty() {
        return Ok(());
    }
    for (name, sql) in unlisted {
        let definition = Definition::read(&sql);
        tx.execute(&format!("DROP INDEX {}", tx.dialect().quote(&name)), &[])?;
        let is_superfluous = definition.is_some_and(|definition| {
            (collection.is_auth && definition.is_of_auth()) || !bodies.insert(definition.body)
        });
        if !is_superfluous {
            tx.execute(&sql, &[])?;
            collection.indexes.push(sql);
        }
    }
    let indexes = serde_json::to_string(&collection.indexes).map_err(Error::internal)?;
    tx.execute("UPDATE _collections SET indexes = ?1 WHERE id = ?2", &[stored_json(&indexes), collection.id.into()])?;
    Ok(())
}

/// An index statement, read as far as comparing takes.
struct Definition {
    /// In lower case.
    name: String,
    /// What it does, without its name, its quotes and its blanks.
    body: String,
}

impl Definition {
    fn read(sql: &str) -> Option<Self> {
        static STATEMENT: LazyLock<Regex> = LazyLock::new(|| {
            let name = r#"[`"\[]?([^`"\]\s(]+)[`"\]]?"#;
            Regex::new(&format!(r"(?is)^\s*CREATE\s+(UNIQUE\s+)?INDEX\s+(?:IF\s+NOT\s+EXISTS\s+)?{name}\s+ON\s+(.+)$"))
                .expect("a constant")
        });
        let parts = STATEMENT.captures(sql)?;
        let unique = if parts.get(1).is_some() { "unique " } else { "" };
        let rest: String = parts[3]
            .chars()
            .filter(|c| !c.is_whitespace() && !r#"`"[];"#.contains(*c))
            .collect::<String>()
            .to_lowercase();
        Some(Self { name: parts[2].to_lowercase(), body: format!("{unique}{rest}") })
    }

    /// A unique index on the token key or the e-mail alone: PocketBase keeps one of its own.
    fn is_of_auth(&self) -> bool {
        let columns = self.body.split_once('(').map_or("", |(_, columns)| columns);
        let first = columns.split(')').next().unwrap_or_default();
        self.body.starts_with("unique ") && ["tokenkey", "email"].contains(&first)
    }
}
