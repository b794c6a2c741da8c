//! The outbox, `_mb_outbox`: what leaves the machine because of a commit (ARCHITECTURE, seam 3). A row is written in the
//! transaction of its cause and taken out by a job once it was done, so it is done at least once, with an id.

use crate::ids;

use super::conn::Tx;
use super::error::StoreError;
use super::events::Event;

const INSERT: &str = "INSERT INTO _mb_outbox (id, kind, payload, due, tries) VALUES (?1, ?2, ?3, ?4, 0)";

/// Puts a row into the outbox and wakes its job after the commit. `kind` says which sender takes it, `payload` is JSON
/// text for that sender, `due_ms` the Unix milliseconds from which on it may be sent. Gives the row's id.
pub fn put(tx: &dyn Tx, kind: &str, payload: &str, due_ms: i64) -> Result<String, StoreError> {
    let id = ids::record_id();
    tx.execute(INSERT, &[id.as_str().into(), kind.into(), payload.into(), due_ms.into()])?;
    tx.after_commit(Event::OutboxFilled);
    Ok(id)
}
