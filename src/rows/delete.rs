//! Deleting a record with what refers to it (contract/05 §7).

use std::collections::HashMap;
use std::sync::Arc;
use std::vec;

use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::schema::{FieldValue, Record, Schema, Shape};
use crate::store::{ChangeKind, ConnExt, Tx, Value};

use super::auth_records;
use super::changes::old_json;
use super::files;
use super::read::find_record;
use super::references::{Reference, list_references};
use super::write::write_released;

/// Deletes a record that the transaction has just read, and treats every record that refers to it: the id leaves the
/// field; a record whose field is then empty is deleted too if the field cascades. All in one transaction; the references
/// are followed depth first by a list of our own, since chains may be longer than a stack.
///
/// # Errors
/// `BadRequest` when a required field would become empty, or the last superuser would go.
pub fn delete_record(tx: &dyn Tx, schema: &Schema, clock: &Clock, record: &Record) -> Result<()> {
    let mut references = ReferencesByTarget::default();
    let mut begin = |record: &Record| -> Result<Deletion> {
        remove(tx, schema, clock, record)?;
        let collection = record.collection();
        let references = references.entry(collection.id.clone()).or_insert_with(|| list_references(schema, collection));
        Ok(Deletion { id: record.id().to_owned(), references: references.clone().into_iter(), current: None })
    };
    let mut open = vec![begin(record)?];
    while let Some(deletion) = open.last_mut() {
        match deletion.next_referring(tx)? {
            None => drop(open.pop()),
            Some((referring, field)) => {
                if let Released::Doomed = release(tx, clock, &referring, field, &deletion.id)? {
                    open.push(begin(&referring)?);
                }
            }
        }
    }
    Ok(())
}

/// The references to a collection by its id: looked up once per deletion, for a cascade may be wide.
type ReferencesByTarget = HashMap<Arc<str>, Vec<Reference>>;

/// A record that is gone, while what refers to it is being treated.
struct Deletion {
    id: String,
    references: vec::IntoIter<Reference>,
    /// The reference that is being treated, and the ids of the records that still wait.
    current: Option<(Reference, vec::IntoIter<String>)>,
}

impl Deletion {
    /// The next record that refers to the deleted one, as it stands now, and the position of the field that does.
    fn next_referring(&mut self, tx: &dyn Tx) -> Result<Option<(Record, usize)>> {
        loop {
            if let Some((reference, waiting)) = &mut self.current {
                for id in waiting {
                    // It may be gone by now, by another way to it.
                    if let Some(record) = find_record(tx, &reference.collection, &id)? {
                        return Ok(Some((record, reference.field)));
                    }
                }
            }
            let Some(reference) = self.references.next() else { return Ok(None) };
            let waiting = list_referring(tx, &reference, &self.id)?;
            self.current = Some((reference, waiting.into_iter()));
        }
    }
}

/// Takes the row out of its table. The references to it are found afterwards, so a record that refers to itself, or a
/// circle, ends by itself.
fn remove(tx: &dyn Tx, schema: &Schema, clock: &Clock, record: &Record) -> Result<()> {
    let collection = record.collection();
    auth_records::check_delete(tx, record)?;
    let dialect = tx.dialect();
    let (table, id, id_value) = (dialect.quote(&collection.name), dialect.quote("id"), dialect.parameter(1));
    let sql = format!("DELETE FROM {table} WHERE {id} = {id_value}");
    tx.execute(&sql, &[Value::from(record.id())])?;
    tx.record_changed(&collection.id, record.id(), ChangeKind::Delete, Some(&old_json(record)))?;
    files::queue_all(tx, clock, record)?;
    auth_records::follow_delete(tx, schema, clock, record)
}

/// The ids of the records that may refer to `id`. A multiple field is a list in a text: whoever has the id in it is
/// looked at closer by [`release`].
fn list_referring(tx: &dyn Tx, reference: &Reference, id: &str) -> Result<Vec<String>> {
    let dialect = tx.dialect();
    let collection = &reference.collection;
    let field = &collection.fields[reference.field];
    let column = dialect.quote(&field.name);
    let parameter = dialect.parameter(1);
    let condition = match field.shape() {
        Shape::Multiple => dialect.contains_text(&column, &parameter),
        _ => format!("{column} = {parameter}"),
    };
    let sql = format!(
        "SELECT {id} FROM {table} WHERE {condition} ORDER BY {id}",
        id = dialect.quote("id"),
        table = dialect.quote(&collection.name),
    );
    Ok(tx.list_rows(&sql, &[Value::from(id)], |row| row.cell(0).as_text().to_owned())?)
}

/// What becomes of a record that loses a reference.
enum Released {
    Lives,
    /// Its cascading field is empty: it has to go too.
    Doomed,
}

fn release(tx: &dyn Tx, clock: &Clock, record: &Record, field: usize, id: &str) -> Result<Released> {
    let rest = match record.value_at(field) {
        FieldValue::Text(held) if held == id => FieldValue::Text(String::new()),
        FieldValue::List(held) if held.iter().any(|other| other == id) => {
            FieldValue::List(held.iter().filter(|other| *other != id).cloned().collect())
        }
        _ => return Ok(Released::Lives), // it has another id that contains this one, or was treated already
    };
    let is_empty = matches!(&rest, FieldValue::Text(_)) || matches!(&rest, FieldValue::List(list) if list.is_empty());
    let field_options = &record.collection().fields[field];
    if is_empty && field_options.relation().is_some_and(|relation| relation.cascade_delete) {
        return Ok(Released::Doomed);
    }
    if is_empty && field_options.required {
        return Err(Error::bad_request_with(
            "Failed to delete record. Make sure that the record is not part of a required relation reference.",
        ));
    }
    write_released(tx, clock, record, field, rest)?;
    Ok(Released::Lives)
}
