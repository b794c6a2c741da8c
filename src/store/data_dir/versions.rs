//! Which versions of a directory are opened, and the migrations that bring it up to this one.

use std::path::Path;

use super::fresh::FreshAuthOptions;
use super::{OpenError, adopt, fresh};
use crate::clock::{Clock, date_text};
use crate::error::Result;
use crate::ids;
use crate::store::sqlite::inspect::Found;
use crate::store::{Conn, ConnExt, Store, Tx};

/// Monobase's own migrations of data.db after the first, which makes PocketBase's tables. Never edited once released.
const MIGRATIONS: &[(u32, &str)] = &[
    (2, include_str!("../../../migrations/0002_monobase.sql")),
    (3, include_str!("../../../migrations/0003_realtime.sql")),
    (4, include_str!("../../../migrations/0004_imports.sql")),
    (5, include_str!("../../../migrations/0005_uploads.sql")),
];
/// The number of the last migration.
const SCHEMA: u32 = 5;
/// What the head of a file says that was brought up to this: the next start then needs no look into it. "Mo" and the
/// number of the last migration, as SQLite's `application_id`, which PocketBase leaves alone.
pub const STAMP: u32 = 0x4d6f_0000 | SCHEMA;
/// What auxiliary.db has: a table, and the script that makes it.
const AUXILIARY: [(&str, &str); 2] = [
    ("_logs", include_str!("../../../migrations/0001_auxiliary.sql")),
    ("_mb_log_spool", include_str!("../../../migrations/0002_auxiliary.sql")),
];
const LOG_ID_LENGTH: usize = 15;

/// Refuses a database of a version that this binary doesn't know.
pub fn check(path: &Path, found: &Found) -> Result<(), OpenError> {
    if found.stamp == STAMP || found.tables.is_empty() {
        return Ok(());
    }
    let has = |table: &str| found.tables.iter().any(|name| name == table);
    let path = path.to_owned();
    if has("_admins") || (has("_collections") && !found.has_collection_fields) {
        return Err(OpenError::TooOld { path });
    }
    if !["_migrations", "_collections", "_params"].into_iter().all(has) {
        return Err(OpenError::Unknown { path });
    }
    match &found.schema {
        Some(schema) if schema.parse::<u32>().is_ok_and(|schema| schema <= SCHEMA) => Ok(()),
        Some(schema) => Err(OpenError::Newer { path, found: schema.clone(), known: SCHEMA }),
        None => Ok(()),
    }
}

/// Makes what data.db lacks, in one transaction.
pub fn bring_up(data: &Store, found: Found, options: &FreshAuthOptions, clock: &Clock) -> Result<()> {
    if found.stamp == STAMP {
        return Ok(());
    }
    let options = options.clone();
    let now = clock.now();
    data.write_alone_blocking(move |tx| {
        // Asked again inside the transaction: another process may have been faster.
        if !has_table(tx, "_collections")? {
            fresh::install(tx, &options, &date_text(now), now.as_microsecond())?;
        }
        adopt::bring_up(tx, &options, now.as_microsecond())?;
        migrate(tx)
    })
}

/// Makes what auxiliary.db lacks.
pub fn bring_up_auxiliary(auxiliary: &Store) -> Result<()> {
    let has_all =
        |conn: &dyn Conn| AUXILIARY.iter().try_fold(true, |has_all, (table, _)| Ok(has_all && has_table(conn, table)?));
    if auxiliary.read_seldom(move |conn| has_all(conn))? {
        return Ok(());
    }
    auxiliary.write_alone_blocking(|tx| {
        for (table, script) in AUXILIARY {
            if !has_table(tx, table)? {
                tx.execute_script(script)?;
            }
        }
        Ok(())
    })
}

fn migrate(tx: &dyn Tx) -> Result<()> {
    let done = if has_table(tx, "_mb_meta")? {
        tx.find_row("SELECT value FROM _mb_meta WHERE key = 'schema'", &[], |row| row.cell(0).as_text().parse().ok())?
            .flatten()
            .unwrap_or(1)
    } else {
        1
    };
    for (_, script) in MIGRATIONS.iter().filter(|(number, _)| *number > done) {
        tx.execute_script(script)?;
    }
    tx.execute(
        "INSERT INTO _mb_meta (key, value) VALUES ('schema', ?1)
         ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        &[SCHEMA.to_string().into()],
    )?;
    tx.execute(
        "INSERT INTO _mb_meta (key, value) VALUES ('log_id', ?1) ON CONFLICT (key) DO NOTHING",
        &[ids::lower(LOG_ID_LENGTH).into()],
    )?;
    // Only what is whole is never looked into again.
    if adopt::is_done(tx)? {
        tx.execute_script(&format!("PRAGMA application_id = {STAMP}"))?;
    }
    Ok(())
}

fn has_table<C: ConnExt + ?Sized>(conn: &C, name: &str) -> Result<bool> {
    Ok(conn.has_row("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?1", &[name.into()])?)
}
