//! How connections are made: settings of the file and of each connection (contract/01 §2), checks of the library.

use std::ffi::CStr;
use std::path::Path;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, ffi};

use super::conn::SqliteConn;
use super::deadline::Deadline;
use super::errors::store_error;
use super::functions;
use crate::store::{Durability, StoreError, StoreOptions};

/// Older ones can corrupt a database when the WAL is reset (DEPENDENCIES, SQLite).
const LIBRARY_VERSION_MIN: i32 = 3_051_003;
/// What `.cargo/config.toml` compiles in and rules, views and searches use.
const COMPILE_OPTIONS: [&CStr; 4] =
    [c"ENABLE_MATH_FUNCTIONS", c"ENABLE_PERCENTILE", c"ENABLE_FTS5", c"ENABLE_COLUMN_METADATA"];
/// Prepared statements kept per connection. Preparing one costs 10–15 µs, keeping one some kilobytes.
const STATEMENTS_KEPT: usize = 300;
/// How long a connection waits for another process's write, milliseconds (contract/01 §2).
const BUSY_TIMEOUT_MS: u32 = 10_000;

/// Fails when the linked SQLite is too old or lacks what Monobase needs.
pub fn check_library() -> Result<(), StoreError> {
    if rusqlite::version_number() < LIBRARY_VERSION_MIN {
        let version = rusqlite::version();
        return Err(StoreError::Io(format!("this build has SQLite {version}, older than 3.51.3, which can lose data")));
    }
    for option in COMPILE_OPTIONS {
        // SAFETY: a plain look-up by a NUL-terminated name.
        if unsafe { ffi::sqlite3_compileoption_used(option.as_ptr()) } == 0 {
            let option = option.to_string_lossy();
            return Err(StoreError::Io(format!(
                "this build's SQLite lacks {option}; build with the project's .cargo/config.toml"
            )));
        }
    }
    Ok(())
}

/// The one connection that writes. Makes the file if it is missing.
pub fn open_writer(options: &StoreOptions) -> Result<SqliteConn, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
    let synchronous = match options.durability {
        Durability::Full => "FULL",
        Durability::Normal => "NORMAL",
    };
    let cache_kib = options.writer_cache_kib;
    // Mapped before the schema is read. Automatic checkpoints are replaced by `checkpoint`.
    let settings = format!(
        "PRAGMA mmap_size = 268435456; PRAGMA journal_mode = WAL; PRAGMA journal_size_limit = 200000000;
         PRAGMA synchronous = {synchronous}; PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY;
         PRAGMA cache_size = -{cache_kib}; PRAGMA wal_autocheckpoint = 0;"
    );
    let conn = open(&options.path, flags, &settings)?;
    // SQLite opens a file that can't be written for reading alone, silently.
    match conn.db().is_readonly(c"main") {
        Ok(false) => Ok(conn),
        Ok(true) => Err(StoreError::Io(format!("{} can't be written", options.path.display()))),
        Err(error) => Err(conn.error(error)),
    }
}

/// A connection that copies the WAL into the database file.
pub fn open_checkpointer(options: &StoreOptions) -> Result<Connection, StoreError> {
    let db = connect(&options.path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let settings = "PRAGMA journal_size_limit = 200000000; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0;";
    db.execute_batch(settings).map_err(|error| store_error(&db, error))?;
    Ok(db)
}

/// A connection that only reads: its cache is small because the pages are mapped (deep pages 0.57 against 3.1 ms,
/// scans 1.5 times faster: PERFORMANCE, Spikes, Reads).
pub fn open_reader(options: &StoreOptions) -> Result<SqliteConn, StoreError> {
    let settings = "PRAGMA mmap_size = 268435456; PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY;
                    PRAGMA cache_size = -2000; PRAGMA wal_autocheckpoint = 0;";
    open(&options.path, OpenFlags::SQLITE_OPEN_READ_ONLY, settings)
}

fn open(path: &Path, flags: OpenFlags, settings: &str) -> Result<SqliteConn, StoreError> {
    let mut db = connect(path, flags)?;
    db.execute_batch(settings).map_err(|error| store_error(&db, error))?;
    db.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    // The plan of a statement must not depend on what is bound: else SQLite prepares every statement anew, each time it
    // is run, that has a bound LIMIT or (once there are statistics) a bound key. That cost 15 µs of the 58 of a page of 30 records.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map_err(|error| store_error(&db, error))?;
    functions::register(&db).map_err(|error| store_error(&db, error))?;
    let deadline = Deadline::install(&mut db).map_err(|error| store_error(&db, error))?;
    Ok(SqliteConn::new(db, deadline))
}

fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, StoreError> {
    // No mutex: a connection is used by one thread at a time. No URI: a path may begin with "file:".
    let db = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)
        .map_err(|error| StoreError::Io(format!("{}: {error}", path.display())))?;
    db.busy_timeout(std::time::Duration::from_millis(BUSY_TIMEOUT_MS.into()))
        .map_err(|error| store_error(&db, error))?;
    Ok(db)
}

#[cfg(test)]
mod tests {
    use rusqlite::StatementStatus;

    use super::*;

    #[test]
    fn a_statement_is_prepared_once_whatever_is_bound_to_it() {
        let dir = tempfile::TempDir::new().unwrap();
        let conn = open_writer(&StoreOptions::at(dir.path().join("a.db"))).unwrap();
        let rows = "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) SELECT i % 10, i FROM n";
        let tables = format!("CREATE TABLE t (k, v); CREATE INDEX tk ON t (k); INSERT INTO t {rows}; ANALYZE;");
        conn.db().execute_batch(&tables).unwrap();
        let sql = "SELECT v FROM t WHERE k = ?1 LIMIT ?2";
        for bound in [(1, 30), (2, 1), (3, 30_i64)] {
            let mut statement = conn.db().prepare_cached(sql).unwrap();
            let count = statement.query_map(bound, |row| row.get::<_, i64>(0)).unwrap().count() as i64;
            assert_eq!((count, statement.get_status(StatementStatus::RePrepare)), (bound.1, 0), "{bound:?}");
        }
    }
}
