//! The outbox, `_mb_outbox`: what leaves the machine because of a commit (mail, webhook, removal of a file) is a row
//! written in the same transaction, sent later by `jobs`, at least once, with an id (ARCHITECTURE, seam 3).

use super::conn::{Conn, ConnExt, Tx};
use super::error::StoreError;
use super::events::Event;
use crate::ids;

/// Rows handed out at a time: what is sent is removed before more is read.
const BATCH_ROWS: i64 = 100;

/// Something to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// For a receiver that must not act twice.
    pub id: String,
    /// Who made it decides what stands in it; JSON.
    pub payload: String,
    /// How often it has failed.
    pub tries: u32,
}

/// Puts a row into the outbox and wakes its sender after the commit. `kind` says which sender takes it, `payload` is JSON
/// text for that sender, `due_ms` the Unix milliseconds from which on it may be sent. Gives the row's id.
pub fn put(tx: &dyn Tx, kind: &str, payload: &str, due_ms: i64) -> Result<String, StoreError> {
    let id = ids::record_id();
    tx.execute(
        "INSERT INTO _mb_outbox (id, kind, payload, due, tries) VALUES (?1, ?2, ?3, ?4, 0)",
        &[id.as_str().into(), kind.into(), payload.into(), due_ms.into()],
    )?;
    tx.after_commit(Event::OutboxFilled { kind: kind.into(), id: id.as_str().into() });
    Ok(id)
}

/// What of `kind` is due at `now_ms` (Unix milliseconds), the oldest first.
pub fn list_due(conn: &dyn Conn, kind: &str, now_ms: i64) -> Result<Vec<Item>, StoreError> {
    conn.list_rows(
        "SELECT id, payload, tries FROM _mb_outbox WHERE kind = ?1 AND due <= ?2 ORDER BY due, id LIMIT ?3",
        &[kind.into(), now_ms.into(), BATCH_ROWS.into()],
        |row| Item {
            id: row.cell(0).as_text().to_owned(),
            payload: row.cell(1).as_text().to_owned(),
            tries: row.cell(2).as_int().and_then(|tries| u32::try_from(tries).ok()).unwrap_or(0),
        },
    )
}

/// When the next of `kind` is due, Unix milliseconds; `None` when there is none.
pub fn next_due(conn: &dyn Conn, kind: &str) -> Result<Option<i64>, StoreError> {
    let found =
        conn.find_row("SELECT min(due) FROM _mb_outbox WHERE kind = ?1", &[kind.into()], |row| row.cell(0).as_int())?;
    Ok(found.flatten())
}

/// Removes what was sent, or given up.
pub fn remove(tx: &dyn Tx, id: &str) -> Result<(), StoreError> {
    tx.execute("DELETE FROM _mb_outbox WHERE id = ?1", &[id.into()]).map(drop)
}

/// Notes a failed try: the next one is at `due_ms`.
pub fn postpone(tx: &dyn Tx, id: &str, due_ms: i64, error: &str) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE _mb_outbox SET due = ?2, tries = tries + 1, error = ?3 WHERE id = ?1",
        &[id.into(), due_ms.into(), error.into()],
    )
    .map(drop)
}
