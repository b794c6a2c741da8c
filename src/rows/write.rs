//! Inserting and updating a record.

use std::sync::Arc;

use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::schema::fields::{AutodateOptions, Kind};
use crate::schema::{Field, FieldValue, Record, Schema};
use crate::store::{ChangeKind, Tx, Value};

use super::Draft;
use super::auth_records;
use super::changes::old_json;
use super::check::check_draft;
use super::files;
use super::generate::fill_empty;
use super::read::select_list;
use super::unique::refusal;

/// Inserts a new record: fills what is generated, checks it wholly, writes it and what goes with it.
///
/// # Errors
/// `Invalid` without a text: the fields that may not stand; of unique indexes only the first violated one.
pub fn insert_record(tx: &dyn Tx, schema: &Schema, clock: &Clock, mut draft: Draft) -> Result<Record> {
    fill_empty(&mut draft);
    auth_records::prepare(tx, schema, &mut draft)?;
    check_draft(tx, schema, &draft)?;
    set_autodates(&mut draft, clock, |options| options.on_create);
    let (_, record) = draft.into_parts();
    insert_row(tx, &record)?;
    tx.record_changed(&record.collection().id, record.id(), ChangeKind::Create, None)?;
    auth_records::follow_insert(tx, schema, clock, &record)?;
    Ok(record)
}

/// Updates a record: checks it wholly, writes the columns that changed and what goes with them. A draft that changes
/// nothing still counts as a change: its autodates move (contract/05 §7).
///
/// # Errors
/// `Invalid` without a text, as of [`insert_record`]. The draft of a new record is a fault of the caller.
pub fn update_record(tx: &dyn Tx, schema: &Schema, clock: &Clock, mut draft: Draft) -> Result<Record> {
    auth_records::prepare(tx, schema, &mut draft)?;
    check_draft(tx, schema, &draft)?;
    set_autodates(&mut draft, clock, |options| options.on_update);
    let (stored, record) = draft.into_parts();
    let stored = stored.ok_or_else(|| Error::internal("an update of a record that was never read"))?;
    update_row(tx, &stored, &record)?;
    files::queue_dropped(tx, clock, &stored, &record)?;
    auth_records::follow_update(tx, schema, clock, &stored, &record)?;
    Ok(record)
}

/// Writes a record that lost a reference: without validation, with its autodates moved (contract/05 §7).
pub fn write_released(tx: &dyn Tx, clock: &Clock, stored: &Record, field: usize, rest: FieldValue) -> Result<()> {
    let mut draft = Draft::of(stored.clone());
    draft.set_at(field, rest);
    set_autodates(&mut draft, clock, |options| options.on_update);
    update_row(tx, stored, draft.record())
}

fn set_autodates(draft: &mut Draft, clock: &Clock, moves: impl Fn(&AutodateOptions) -> bool) {
    let collection = draft.collection().clone();
    let mut now = None;
    for (index, field) in collection.fields.iter().enumerate() {
        if let Kind::Autodate(options) = &field.kind
            && moves(options)
        {
            let now: &String = now.get_or_insert_with(|| clock.now_text());
            draft.set_at(index, FieldValue::Text(now.clone()));
        }
    }
}

fn insert_row(tx: &dyn Tx, record: &Record) -> Result<()> {
    let dialect = tx.dialect();
    let collection = record.collection();
    let placeholders: Vec<String> = (1..=collection.fields.len()).map(|number| dialect.parameter(number)).collect();
    let (table, columns) = (dialect.quote(&collection.name), select_list(dialect, collection));
    let sql = format!("INSERT INTO {table} ({columns}) VALUES ({})", placeholders.join(", "));
    let params: Vec<Value> = record.values().iter().map(FieldValue::to_stored).collect();
    tx.execute(&sql, &params).map_err(|error| refusal(collection, error))?;
    Ok(())
}

/// Writes the columns that differ, so that indexes over the others aren't touched.
fn update_row(tx: &dyn Tx, stored: &Record, record: &Record) -> Result<()> {
    let dialect = tx.dialect();
    let collection = record.collection();
    let values = collection.fields.iter().zip(stored.values().iter().zip(record.values()));
    let changed = values.filter(|(_, (old, new))| old != new);
    let set = |(number, (field, (_, new))): (usize, (&Arc<Field>, (&FieldValue, &FieldValue)))| {
        (format!("{} = {}", dialect.quote(&field.name), dialect.parameter(number)), new.to_stored())
    };
    let (columns, mut params): (Vec<String>, Vec<Value>) = (1..).zip(changed).map(set).unzip();
    if !columns.is_empty() {
        params.push(Value::from(record.id()));
        let (table, id, id_value) =
            (dialect.quote(&collection.name), dialect.quote("id"), dialect.parameter(params.len()));
        let sql = format!("UPDATE {table} SET {} WHERE {id} = {id_value}", columns.join(", "));
        tx.execute(&sql, &params).map_err(|error| refusal(collection, error))?;
    }
    tx.record_changed(&collection.id, record.id(), ChangeKind::Update, Some(&old_json(stored)))?;
    Ok(())
}
