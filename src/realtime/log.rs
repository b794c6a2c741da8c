//! The change log as realtime reads it: in the order of positions, in bounded pieces.

use std::ops::ControlFlow;
use std::sync::Arc;

use crate::error::Result;
use crate::rows;
use crate::schema::{Collection, Record};
use crate::store::{ChangeKind, Conn, ConnExt, Position, StoreError, changes};

use super::coalesce::LogEntry;

/// What the log holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// The oldest entry; past `last` if the log is empty.
    pub first: Position,
    /// The newest entry, 0 if there was none yet.
    pub last: Position,
}

/// The oldest and the newest position of the log.
pub fn extent(conn: &dyn Conn) -> Result<Extent, StoreError> {
    let last = changes::last_position(conn)?;
    let first = conn.find_row("SELECT min(position) FROM _mb_changes", &[], |row| row.cell(0).as_int())?.flatten();
    Ok(Extent { first: first.unwrap_or(last + 1), last })
}

/// Most bytes of replaced rows in a piece, but for the last of them.
const PIECE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Some entries of the log.
pub struct Piece {
    pub entries: Vec<LogEntry>,
    /// Whether no more follow.
    pub is_last: bool,
}

/// Entries after `after` up to `upto`, at most `limit`, fewer if they are large.
pub fn list(conn: &dyn Conn, after: Position, upto: Position, limit: usize) -> Result<Piece, StoreError> {
    let (mut entries, mut bytes, mut is_last) = (Vec::new(), 0, true);
    conn.each_row(
        "SELECT position, collection, record, kind, old FROM _mb_changes WHERE position > ?1 AND position <= ?2 \
         ORDER BY position",
        &[after.into(), upto.into()],
        &mut |row| {
            let Some(kind) = ChangeKind::parse(row.cell(3).as_text()) else { return Ok(ControlFlow::Continue(())) };
            let old = row.cell(4);
            bytes += old.as_text().len();
            entries.push(LogEntry {
                position: row.cell(0).as_int().unwrap_or_default(),
                collection_id: row.cell(1).as_text().into(),
                record_id: row.cell(2).as_text().into(),
                kind,
                old: (!old.is_null()).then(|| old.as_text().into()),
            });
            is_last = entries.len() < limit && bytes <= PIECE_BYTES_MAX;
            Ok(if is_last { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        },
    )?;
    Ok(Piece { entries, is_last })
}

/// The record of the change at `position` as it is. One that is gone already is told as that change left it, which a later
/// one replaced: whoever is cut off now is told of its deletion later.
pub fn find_told(
    conn: &dyn Conn,
    collection: &Arc<Collection>,
    position: Position,
    record_id: &str,
) -> Result<Option<Record>> {
    match rows::find_record(conn, collection, record_id)? {
        Some(record) => Ok(Some(record)),
        None => Ok(state_after(conn, position, &collection.id, record_id)?
            .and_then(|old| rows::record_from_old(collection, record_id, &old))),
    }
}

fn state_after(
    conn: &dyn Conn,
    position: Position,
    collection_id: &str,
    record_id: &str,
) -> Result<Option<String>, StoreError> {
    let sql =
        "SELECT old FROM _mb_changes WHERE position > ?1 AND collection = ?2 AND record = ?3 ORDER BY position LIMIT 1";
    let params = [position.into(), collection_id.into(), record_id.into()];
    conn.find_row(sql, &params, |row| row.cell(0).as_text().to_owned())
}

/// When the change at a position was made, unix milliseconds.
pub fn time_of(conn: &dyn Conn, position: Position) -> Result<Option<i64>, StoreError> {
    let sql = "SELECT at FROM _mb_changes WHERE position = ?1";
    Ok(conn.find_row(sql, &[position.into()], |row| row.cell(0).as_int())?.flatten())
}

/// The last position before the given moment (unix milliseconds); the log's beginning if none is older. Looks only at
/// the newest `reach` entries.
pub fn position_before(conn: &dyn Conn, at_ms: i64, reach: i64) -> Result<Position, StoreError> {
    let extent = extent(conn)?;
    let sql = "SELECT min(position) FROM _mb_changes WHERE at >= ?1 AND position > ?2";
    let first_since = conn.find_row(sql, &[at_ms.into(), (extent.last - reach).into()], |row| row.cell(0).as_int())?;
    Ok(first_since.flatten().map_or(extent.last, |position| position - 1))
}
