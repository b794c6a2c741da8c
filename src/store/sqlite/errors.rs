//! SQLite's errors as the store's.

use std::ffi::CStr;

use rusqlite::{Connection, ffi};

use crate::store::StoreError;

/// The store's form of an error of this connection.
pub fn store_error(db: &Connection, error: rusqlite::Error) -> StoreError {
    let (code, message) = match &error {
        rusqlite::Error::SqliteFailure(code, message) => (code.extended_code, message.clone().unwrap_or_default()),
        rusqlite::Error::SqlInputError { error: code, msg, .. } => (code.extended_code, msg.clone()),
        rusqlite::Error::MultipleStatement => return StoreError::Sql("only one statement is allowed".into()),
        rusqlite::Error::Empty => return StoreError::Sql("empty query".into()),
        _ => return StoreError::Sql(error.to_string()),
    };
    match code {
        ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY | ffi::SQLITE_CONSTRAINT_ROWID => {
            unique(&message)
        }
        ffi::SQLITE_IOERR_FSYNC | ffi::SQLITE_IOERR_DIR_FSYNC => StoreError::Stopped,
        // Extending the WAL index is the first thing to fail on a full disk.
        ffi::SQLITE_IOERR_SHMSIZE => StoreError::DiskFull,
        ffi::SQLITE_IOERR_WRITE if is_out_of_room(db) => StoreError::DiskFull,
        _ => match code & 0xff {
            ffi::SQLITE_CONSTRAINT => StoreError::Constraint(message),
            ffi::SQLITE_INTERRUPT => StoreError::TimedOut,
            ffi::SQLITE_FULL => StoreError::DiskFull,
            ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED => StoreError::Locked,
            ffi::SQLITE_IOERR | ffi::SQLITE_CANTOPEN => StoreError::Io(engine_text(code, &message)),
            ffi::SQLITE_CORRUPT | ffi::SQLITE_NOTADB => StoreError::Corrupt(engine_text(code, &message)),
            _ => StoreError::Sql(engine_text(code, &message)),
        },
    }
}

/// As superuser routes show it (contract/02 §8, 21 §5): `SQL logic error: no such table: bar (1)`.
fn engine_text(code: i32, message: &str) -> String {
    // SAFETY: gives a static, NUL-terminated text for any number.
    let kind = unsafe { CStr::from_ptr(ffi::sqlite3_errstr(code)) }.to_string_lossy();
    match message {
        "" => format!("{kind} ({code})"),
        message if message == kind => format!("{message} ({code})"),
        message => format!("{kind}: {message} ({code})"),
    }
}

/// A write past a file size limit or a quota is told by its errno alone; `ENOSPC` SQLite knows itself.
fn is_out_of_room(db: &Connection) -> bool {
    // SAFETY: the handle lives as long as `db`; the call reads a number.
    let errno = unsafe { ffi::sqlite3_system_errno(db.handle()) };
    [libc::ENOSPC, libc::EFBIG, libc::EDQUOT].contains(&errno)
}

/// Reads `UNIQUE constraint failed: posts.title, posts.team` or `…: index 'idx_lower_title'`.
fn unique(message: &str) -> StoreError {
    let subject = message.split_once(": ").map_or(message, |(_, subject)| subject);
    if let Some(index) = subject.strip_prefix("index '") {
        let index = index.strip_suffix('\'').unwrap_or(index);
        return StoreError::Unique { table: String::new(), columns: Vec::new(), index: Some(index.into()) };
    }
    let mut table = String::new();
    let mut columns = Vec::new();
    for part in subject.split(", ") {
        let (of, column) = part.split_once('.').unwrap_or(("", part));
        of.clone_into(&mut table);
        columns.push(column.to_owned());
    }
    StoreError::Unique { table, columns, index: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(setup: &str, statement: &str) -> StoreError {
        let db = Connection::open_in_memory().unwrap();
        db.execute_batch(setup).unwrap();
        let error = db.execute(statement, []).unwrap_err();
        store_error(&db, error)
    }

    #[test]
    fn a_unique_violation_names_table_and_columns_or_the_index() {
        let setup = "CREATE TABLE t (a, b, c, UNIQUE (a, b)); CREATE UNIQUE INDEX i ON t (lower(c));
                     INSERT INTO t VALUES (1, 2, 'x')";
        let pair = failure(setup, "INSERT INTO t VALUES (1, 2, 'y')");
        assert!(
            matches!(pair, StoreError::Unique { table, columns, index: None } if table == "t" && columns == ["a", "b"])
        );
        let by_index = failure(setup, "INSERT INTO t VALUES (1, 3, 'X')");
        assert!(
            matches!(by_index, StoreError::Unique { columns, index: Some(index), .. } if columns.is_empty() && index == "i")
        );
    }

    #[test]
    fn a_wrong_statement_reads_as_superusers_see_it() {
        let error = failure("", "SELECT * FROM bar");
        assert_eq!(error.to_string(), "SQL logic error: no such table: bar (1)");
        let error = failure("", "CREATE x");
        assert_eq!(error.to_string(), "SQL logic error: near \"x\": syntax error (1)");
    }
}
