//! Entries on the disk that aren't rows yet: a burst, a batch a row, as it came.

use crate::clock::date_text;
use crate::error::Result;
use crate::store::{Cell, Conn, ConnExt, Tx, Value};

use super::entry::RequestEntry;
use super::row_ids::RowIds;

const INSERT_ROW: &str = "INSERT INTO _logs (id, level, message, data, created) VALUES (?, ?, ?, ?, ?)";

/// Bytes in the spool.
pub fn size(conn: &dyn Conn) -> Result<u64> {
    let size = conn.find_row("SELECT sum(length(batch)) FROM _mb_log_spool", &[], |row| row.cell(0).as_int())?;
    Ok(size.flatten().and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or(0))
}

/// Puts a batch at the end.
pub fn put(tx: &dyn Tx, batch: &[u8]) -> Result<()> {
    tx.execute("INSERT INTO _mb_log_spool (batch) VALUES (?)", &[Value::Blob(batch.into())])?;
    Ok(())
}

/// Drops every batch.
pub fn clear(tx: &dyn Tx) -> Result<()> {
    tx.execute("DELETE FROM _mb_log_spool", &[])?;
    Ok(())
}

/// Turns the oldest batch into rows; gives its bytes, 0 if there is none. What can't be read is dropped, or it would be
/// tried for ever.
pub fn file_oldest(tx: &dyn Tx, ids: &RowIds, data_bytes_max: usize) -> Result<u64> {
    let sql = "SELECT position, batch FROM _mb_log_spool ORDER BY position LIMIT 1";
    let oldest = tx.find_row(sql, &[], |row| match (row.cell(0).as_int(), row.cell(1)) {
        (Some(position), Cell::Blob(batch)) => Some((position, batch.to_vec())),
        _ => None,
    })?;
    let Some((position, batch)) = oldest.flatten() else { return Ok(0) };
    file(tx, &batch, ids, data_bytes_max)?;
    tx.execute("DELETE FROM _mb_log_spool WHERE position = ?", &[position.into()])?;
    Ok(batch.len() as u64)
}

/// Writes a row for each entry of a batch.
pub fn file(tx: &dyn Tx, mut batch: &[u8], ids: &RowIds, data_bytes_max: usize) -> Result<()> {
    while !batch.is_empty() {
        let (entry, rest) = match postcard::take_from_bytes::<RequestEntry<'_>>(batch) {
            Ok(taken) => taken,
            Err(error) => {
                tracing::error!(%error, bytes = batch.len(), "spooled request logs can't be read");
                return Ok(());
            }
        };
        batch = rest;
        let at = jiff::Timestamp::from_millisecond(entry.at_ms).unwrap_or_default();
        tx.execute(
            INSERT_ROW,
            &[
                ids.next(entry.at_ms).into(),
                entry.level().into(),
                entry.message().into(),
                entry.data(data_bytes_max).into(),
                date_text(at).into(),
            ],
        )?;
    }
    Ok(())
}
