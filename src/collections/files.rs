//! The files that a change of a collection leaves without a row: their removal follows the commit (contract/02 §7, §10).

use crate::clock::Clock;
use crate::error::Result;
use crate::schema::{Collection, Field, FieldValue, Shape};
use crate::storage::{Scope, queue_removal};
use crate::store::{ConnExt, StoreError, Tx, Value};

/// Rows that are read at once.
const BATCH: usize = 500;

/// Queues what the change from `old` to `new` drops: the files of fields that go, and all but the last of fields that
/// become single. By name and not by collection: an upload may be on its way into another field.
pub(super) fn queue_dropped(tx: &dyn Tx, clock: &Clock, old: &Collection, new: &Collection) -> Result<()> {
    for field in old.fields.iter().filter(|field| field.is_file()) {
        let kept = match new.fields.iter().find(|other| other.id == field.id) {
            None => 0,
            Some(after) if field.shape() == Shape::Multiple && after.shape() == Shape::Single => 1,
            Some(_) => continue,
        };
        queue_field(tx, clock, old, field, kept)?;
    }
    Ok(())
}

/// Queues the files of a dropped collection.
pub(super) fn queue_all(tx: &dyn Tx, clock: &Clock, collection: &Collection) -> Result<(), StoreError> {
    if collection.is_view() {
        return Ok(());
    }
    queue_removal(tx, &collection.id, Scope::Collection, clock.now().as_millisecond())
}

/// Queues the names in a field but for the last `kept` of each record.
fn queue_field(tx: &dyn Tx, clock: &Clock, collection: &Collection, field: &Field, kept: usize) -> Result<()> {
    let dialect = tx.dialect();
    let (id, table) = (dialect.quote("id"), dialect.quote(&collection.name));
    let sql = format!(
        "SELECT {id}, {} FROM {table} WHERE {id} > {} ORDER BY {id} LIMIT {BATCH}",
        dialect.quote(&field.name),
        dialect.parameter(1)
    );
    let mut after = String::new();
    loop {
        let rows = tx.list_rows(&sql, &[Value::from(after.as_str())], |row| {
            (row.cell(0).as_text().to_owned(), FieldValue::from_cell(field.shape(), row.cell(1)))
        })?;
        let Some((last, _)) = rows.last() else { return Ok(()) };
        after.clone_from(last);
        for (record, value) in &rows {
            let names = value.items();
            let dropped = &names[..names.len().saturating_sub(kept)];
            if !dropped.is_empty() {
                let scope = Scope::Names(record, dropped);
                queue_removal(tx, &collection.id, scope, clock.now().as_millisecond())?;
            }
        }
    }
}
