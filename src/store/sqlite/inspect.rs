//! A look into a database file that changes nothing, so that it can be refused as it is.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::errors::store_error;
use crate::store::StoreError;

/// How every SQLite file begins.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// What stands in a database.
#[derive(Clone, Debug, Default)]
pub struct Found {
    pub tables: Vec<String>,
    /// `_collections` has the column `fields`: PocketBase 0.23 or newer.
    pub has_collection_fields: bool,
    /// What `_mb_meta` says of Monobase's own tables.
    pub schema: Option<String>,
    /// The number in the file's head that tells who made it (`application_id`), 0 if nobody said.
    pub stamp: u32,
}

/// Where the head of a file has its `application_id`.
const STAMP_AT: usize = 68;
/// Where the first page begins to be one, and how a page of a table begins there.
const PAGE_AT: usize = 100;
const TABLE_PAGES: [u8; 2] = [5, 13];

/// Looks into the file; a missing or empty one holds nothing. One with the stamp `known` isn't looked into: that would
/// parse its whole schema (12 ms with 1,000 collections) for what the stamp says already.
pub fn inspect(path: &Path, known: Option<u32>) -> Result<Found, StoreError> {
    let mut head = [0; PAGE_AT + 1];
    match File::open(path).and_then(|mut file| file.read_exact(&mut head)) {
        Ok(()) if head.starts_with(MAGIC) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::default()),
        Err(_) if fs::metadata(path).is_ok_and(|file| file.len() == 0) => return Ok(Found::default()),
        Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => return Err(StoreError::Io(error.to_string())),
        Ok(()) | Err(_) => return Err(StoreError::Corrupt("it is no SQLite database".into())),
    }
    let stamp = u32::from_be_bytes(head[STAMP_AT..STAMP_AT + 4].try_into().expect("four bytes"));
    // What a log holds may be newer than the head.
    if known == Some(stamp) && TABLE_PAGES.contains(&head[PAGE_AT]) && !has_log(path) {
        return Ok(Found { stamp, ..Found::default() });
    }
    let db = open(path).map_err(|error| StoreError::Io(error.to_string()))?;
    look(&db).map_err(|error| store_error(&db, error))
}

/// Without a log the file alone is the database, and is opened as one that can't change: no file is made beside it.
fn open(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    if has_log(path) {
        let db = Connection::open_with_flags(path, flags)?;
        db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        return Ok(db);
    }
    let Some(path) = path.to_str() else { return Connection::open_with_flags(path, flags) };
    let escaped = path.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    Connection::open_with_flags(format!("file:{escaped}?immutable=1"), flags | OpenFlags::SQLITE_OPEN_URI)
}

fn has_log(path: &Path) -> bool {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    fs::metadata(PathBuf::from(log)).is_ok_and(|log| log.len() > 0)
}

fn look(db: &Connection) -> rusqlite::Result<Found> {
    let tables = texts(db, "SELECT name FROM sqlite_master WHERE type = 'table'")?;
    let has = |table: &str| tables.iter().any(|name| name == table);
    let columns = texts(db, "SELECT name FROM pragma_table_info('_collections')")?;
    let schema =
        if has("_mb_meta") { texts(db, "SELECT value FROM _mb_meta WHERE key = 'schema'")?.pop() } else { None };
    let stamp = db.query_row("SELECT application_id FROM pragma_application_id", [], |row| row.get(0))?;
    Ok(Found { has_collection_fields: columns.iter().any(|name| name == "fields"), tables, schema, stamp })
}

fn texts(db: &Connection, sql: &str) -> rusqlite::Result<Vec<String>> {
    db.prepare(sql)?.query_map([], |row| row.get(0))?.collect()
}
