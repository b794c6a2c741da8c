//! The change log, `_mb_changes`: a row per change of a record, in commit order (ARCHITECTURE, seam 3).

use super::conn::{Conn, ConnExt, Tx};
use super::error::StoreError;
use super::events::{ChangeKind, Position};
use super::value::{Cell, Value};

/// Adds a row: position, at (Unix milliseconds), collection id, record id, kind, old.
pub const INSERT: &str =
    "INSERT INTO _mb_changes (position, at, collection, record, kind, old) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
/// The floor outlives the rows, so that a position is never given twice.
const LAST_POSITION: &str = "SELECT coalesce(max(position), 0) FROM (
     SELECT max(position) AS position FROM _mb_changes
     UNION ALL SELECT CAST(value AS INTEGER) FROM _mb_meta WHERE key = 'changes_floor')";

/// The position of the last change, 0 before the first.
pub fn last_position(conn: &dyn Conn) -> Result<Position, StoreError> {
    Ok(conn.find_row(LAST_POSITION, &[], |row| row.cell(0).as_int())?.flatten().unwrap_or(0))
}

/// The random id of this log, new with each restored backup: a cursor of another log must not be taken for one of this.
pub fn log_id(conn: &dyn Conn) -> Result<String, StoreError> {
    let found =
        conn.find_row("SELECT value FROM _mb_meta WHERE key = 'log_id'", &[], |row| row.cell(0).as_text().to_owned())?;
    found.ok_or_else(|| StoreError::Corrupt("_mb_meta has no log_id".into()))
}

/// Removes rows from before `before_ms` (Unix milliseconds) and all but the newest `rows_max`, at most `batch` at a
/// time, since a transaction is to be short. Gives how many.
pub fn prune(tx: &dyn Tx, before_ms: i64, rows_max: u64, batch: u64) -> Result<u64, StoreError> {
    let last = last_position(tx)?;
    let by_count = last.saturating_sub(i64::try_from(rows_max).unwrap_or(i64::MAX));
    let by_age = tx
        .find_row("SELECT min(position) - 1 FROM _mb_changes WHERE at >= ?1", &[before_ms.into()], |row| {
            row.cell(0).as_int()
        })?
        .flatten()
        .unwrap_or(last);
    let Some(first) = tx.find_row("SELECT min(position) FROM _mb_changes", &[], |row| row.cell(0).as_int())?.flatten()
    else {
        return Ok(0);
    };
    let until = by_age.max(by_count).min(first.saturating_add(i64::try_from(batch).unwrap_or(i64::MAX)) - 1);
    if until < first {
        return Ok(0);
    }
    tx.execute(
        "INSERT INTO _mb_meta (key, value) VALUES ('changes_floor', ?1)
         ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        &[last.to_string().into()],
    )?;
    tx.execute("DELETE FROM _mb_changes WHERE position <= ?1", &[until.into()])
}

impl ChangeKind {
    /// As stored.
    pub fn as_str(self) -> &'static str {
        match self {
            ChangeKind::Create => "create",
            ChangeKind::Update => "update",
            ChangeKind::Delete => "delete",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [ChangeKind::Create, ChangeKind::Update, ChangeKind::Delete].into_iter().find(|kind| kind.as_str() == text)
    }
}

/// The parameters of [`INSERT`].
pub fn row(
    position: Position,
    at_ms: i64,
    collection_id: &str,
    record_id: &str,
    kind: ChangeKind,
    old: Option<&str>,
) -> [Value; 6] {
    [
        position.into(),
        at_ms.into(),
        collection_id.into(),
        record_id.into(),
        kind.as_str().into(),
        old.map(Cell::Text).map_or(Value::Null, |cell| cell.to_value()),
    ]
}
