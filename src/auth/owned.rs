//! The rows that belong to an auth record: `_otps`, `_mfas`, `_authOrigins` (contract/11 §10).

use std::sync::Arc;

use jiff::Timestamp;

use crate::error::{Error, Result};
use crate::rows::{Draft, list_records_by};
use crate::schema::{Collection, FieldValue, Record, Schema};
use crate::store::Conn;

/// A system collection; every data directory has them.
pub fn system_collection<'s>(schema: &'s Schema, name: &'static str) -> Result<&'s Arc<Collection>> {
    schema.find_by_name(name).ok_or_else(|| Error::internal(format!("the collection {name} is missing")))
}

/// A new row of `owner` in this collection.
pub fn draft_of(collection: &Arc<Collection>, owner: &Record) -> Draft {
    let mut draft = Draft::new(collection.clone());
    draft.set("collectionRef", FieldValue::Text(owner.collection().id.to_string()));
    draft.set("recordRef", FieldValue::Text(owner.id().to_owned()));
    draft
}

/// The rows of `owner` in this collection, the oldest first.
pub fn list_of(conn: &dyn Conn, collection: &Arc<Collection>, owner: &Record) -> Result<Vec<Record>> {
    let columns = [("collectionRef", &*owner.collection().id), ("recordRef", owner.id())];
    let mut rows = list_records_by(conn, collection, &columns)?;
    rows.sort_by(|a, b| a.text("created").cmp(b.text("created")));
    Ok(rows)
}

pub fn is_of(row: &Record, owner: &Record) -> bool {
    row.text("collectionRef") == &*owner.collection().id && row.text("recordRef") == owner.id()
}

/// Whether a row was made more than so many seconds ago; one whose time can't be read counts as old.
pub fn is_older_than(row: &Record, seconds: i64, now: Timestamp) -> bool {
    let created: Option<Timestamp> = row.text("created").replacen(' ', "T", 1).parse().ok();
    created.is_none_or(|created| now.as_millisecond() - created.as_millisecond() > seconds.saturating_mul(1000))
}
