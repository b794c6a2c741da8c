//! Some rows, made ready outside the transaction and written inside it.

use std::sync::Arc;

use crate::clock::Clock;
use crate::error::{Error, FieldError, FieldErrors, Result};
use crate::rows::{self, Draft, NewPassword};
use crate::schema::fields::Kind;
use crate::schema::{Collection, FieldValue, Schema};
use crate::store::{StoreError, Tx};

use super::convert::value_of;
use super::kinds::Typing;
use super::plan::Plan;
use super::read::{ReadError, Record, Row};
use super::report::Complaint;

/// Where the cells of a file go.
#[derive(Clone, Debug)]
pub struct Wiring {
    /// By column: the field's position and the column's name.
    fields: Vec<Option<usize>>,
    columns: Vec<String>,
    key: Option<usize>,
    typing: Typing,
}

impl Wiring {
    /// # Errors
    /// `Conflict` when the collection has lost a field of the plan.
    pub fn new(plan: &Plan, collection: &Collection) -> Result<Self> {
        let position = |name: &str| {
            let lost = || Error::Conflict(format!("the collection has no field {name:?} any more").into());
            collection.field_index(name).ok_or_else(lost)
        };
        let fields = plan.columns.iter().map(|column| column.field.as_deref().map(position).transpose());
        Ok(Self {
            fields: fields.collect::<Result<_>>()?,
            columns: plan.columns.iter().map(|column| column.column.clone()).collect(),
            key: plan.key.as_deref().map(position).transpose()?,
            typing: plan.typing,
        })
    }
}

/// A row as it will be written.
#[derive(Debug)]
struct ReadyRow {
    line: u64,
    values: Vec<(usize, FieldValue)>,
    passwords: Vec<(usize, NewPassword)>,
}

/// Rows that are written together.
#[derive(Debug)]
pub struct Batch {
    /// Records of the file, the bad ones too.
    pub records: u64,
    key: Option<usize>,
    rows: Vec<ReadyRow>,
    /// What is wrong already.
    complaints: Vec<Complaint>,
    refused: u64,
}

/// What became of a batch.
#[derive(Clone, Debug, Default)]
pub struct Written {
    pub created: u64,
    pub updated: u64,
    pub refused: u64,
    /// In the order of the lines.
    pub complaints: Vec<Complaint>,
}

/// What a row that can't stand does to the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadRows {
    /// It is left out.
    LeftOut,
    /// Nothing is written.
    EndAll,
}

impl Batch {
    /// Converts the cells, and hashes passwords, which takes long.
    pub fn prepare(collection: &Collection, wiring: &Wiring, records: Vec<Record>) -> Self {
        let mut batch = Self {
            records: records.len() as u64,
            key: wiring.key,
            rows: Vec::with_capacity(records.len()),
            complaints: Vec::new(),
            refused: 0,
        };
        for record in records {
            let complaints = match record {
                Ok(row) => match ready(collection, wiring, &row) {
                    Ok(row) => {
                        batch.rows.push(row);
                        continue;
                    }
                    Err(complaints) => complaints,
                },
                Err(error) => vec![unread(wiring, error)],
            };
            batch.refused += 1;
            batch.complaints.extend(complaints);
        }
        if collection.fields.iter().any(|field| matches!(field.kind, Kind::Password(_))) {
            hash_passwords(collection, &mut batch.rows);
        }
        batch
    }

    /// Writes the rows.
    ///
    /// # Errors
    /// Only what isn't a row's fault. With [`BadRows::EndAll`] the complaints come with nothing to be kept: the caller
    /// must undo the transaction.
    pub fn write(
        &self,
        tx: &dyn Tx,
        schema: &Schema,
        clock: &Clock,
        collection: &Arc<Collection>,
        bad_rows: BadRows,
    ) -> Result<Written> {
        let mut written = Written { refused: self.refused, complaints: self.complaints.clone(), ..Written::default() };
        if bad_rows == BadRows::EndAll && written.refused > 0 {
            return Ok(written);
        }
        for row in &self.rows {
            let mut outcome = Ok(false);
            let step = || match self.write_row(tx, schema, clock, collection, row) {
                Ok(is_new) => {
                    outcome = Ok(is_new);
                    Ok(())
                }
                Err(error) => {
                    outcome = Err(error);
                    Err(StoreError::Sql("undone".to_owned()))
                }
            };
            let ended = nested(tx, bad_rows, step);
            match outcome {
                Ok(is_new) => {
                    ended?;
                    *if is_new { &mut written.created } else { &mut written.updated } += 1;
                }
                Err(error) => {
                    written.complaints.extend(complaints_of(collection, row, error)?);
                    written.refused += 1;
                    if bad_rows == BadRows::EndAll {
                        break;
                    }
                }
            }
        }
        written.complaints.sort_by_key(|complaint| complaint.line);
        Ok(written)
    }

    /// Whether the row is new.
    fn write_row(
        &self,
        tx: &dyn Tx,
        schema: &Schema,
        clock: &Clock,
        collection: &Arc<Collection>,
        row: &ReadyRow,
    ) -> Result<bool> {
        let stored = match self.key {
            Some(key) => find_by_key(tx, collection, key, row)?,
            None => None,
        };
        let is_new = stored.is_none();
        let mut draft = match stored {
            Some(stored) => Draft::of(stored),
            None => Draft::new(collection.clone()),
        };
        for (index, value) in &row.values {
            draft.set_at(*index, value.clone());
        }
        for (index, password) in &row.passwords {
            draft.set_password(&collection.fields[*index].name, password.clone());
        }
        if is_new {
            rows::insert_record(tx, schema, clock, draft)?;
        } else {
            rows::update_record(tx, schema, clock, draft)?;
        }
        Ok(is_new)
    }
}

/// A row that may fail alone needs a point to go back to; where one ends all, the transaction is that point.
fn nested(tx: &dyn Tx, bad_rows: BadRows, mut step: impl FnMut() -> Result<(), StoreError>) -> Result<(), StoreError> {
    match bad_rows {
        BadRows::LeftOut => tx.nested(&mut step),
        BadRows::EndAll => step(),
    }
}

fn find_by_key(
    tx: &dyn Tx,
    collection: &Arc<Collection>,
    key: usize,
    row: &ReadyRow,
) -> Result<Option<crate::schema::Record>> {
    let field = &collection.fields[key];
    let value = row.values.iter().find(|(index, _)| *index == key).map(|(_, value)| value);
    let Some(value) = value.filter(|value| !value.is_blank()) else {
        return Err(Error::invalid("", FieldErrors::one(field.name.as_str(), FieldError::required())));
    };
    rows::find_record_by(tx, collection, &field.name, value.to_stored())
}

fn ready(collection: &Collection, wiring: &Wiring, row: &Row) -> Result<ReadyRow, Vec<Complaint>> {
    let mut ready = ReadyRow { line: row.line, values: Vec::with_capacity(row.cells.len()), passwords: Vec::new() };
    let mut complaints = Vec::new();
    for (column, cell) in &row.cells {
        let Some(index) = wiring.fields.get(*column).copied().flatten() else { continue };
        let field = &collection.fields[index];
        match value_of(field, cell, wiring.typing) {
            Ok(value) => ready.values.push((index, value)),
            Err(reason) => complaints.push(Complaint::new(row.line, &field.name, cell.as_text(), reason)),
        }
    }
    if complaints.is_empty() { Ok(ready) } else { Err(complaints) }
}

fn unread(wiring: &Wiring, error: ReadError) -> Complaint {
    let column = error.column.and_then(|column| wiring.columns.get(column)).cloned().unwrap_or_default();
    Complaint::new(error.line, column, &error.value, error.reason)
}

/// Hashes on all cores: one takes some 50 ms.
fn hash_passwords(collection: &Collection, rows: &mut [ReadyRow]) {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let part = rows.len().div_ceil(cores).max(1);
    std::thread::scope(|scope| {
        for rows in rows.chunks_mut(part) {
            scope.spawn(move || rows.iter_mut().for_each(|row| hash_passwords_of(collection, row)));
        }
    });
}

fn hash_passwords_of(collection: &Collection, row: &mut ReadyRow) {
    let (passwords, values): (Vec<_>, Vec<_>) = std::mem::take(&mut row.values)
        .into_iter()
        .partition(|(index, _)| matches!(collection.fields[*index].kind, Kind::Password(_)));
    row.values = values;
    for (index, value) in passwords {
        let (Kind::Password(options), FieldValue::Text(plain)) = (&collection.fields[index].kind, value) else {
            continue;
        };
        // What its field refuses anyway isn't worth the time.
        let password = match options.check_plain(&collection.fields[index], &plain) {
            Ok(()) => NewPassword::hash_plain(plain, options.cost),
            Err(_) => NewPassword::without_hash(plain.into()),
        };
        row.passwords.push((index, password));
    }
}

/// What a refused row is told for; any other failure ends the batch.
fn complaints_of(collection: &Collection, row: &ReadyRow, error: Error) -> Result<Vec<Complaint>> {
    let whole = |reason: String| vec![Complaint::new(row.line, "", "", reason)];
    match error {
        Error::Invalid { fields, .. } if !fields.is_empty() => {
            let told = fields.iter().map(|(name, error)| {
                let value = collection.field_index(name).map(|index| shown(row, index)).unwrap_or_default();
                Complaint::new(row.line, name, &value, message(error))
            });
            Ok(told.collect())
        }
        Error::Invalid { message, .. } => Ok(whole(message.into_owned())),
        Error::BadRequest { message, source } => {
            Ok(whole(source.map_or_else(|| message.into_owned(), |source| source.to_string())))
        }
        other => Err(other),
    }
}

fn message(error: &FieldError) -> String {
    match error {
        FieldError::Code { message, .. } | FieldError::Response { message, .. } => message.to_string(),
        FieldError::Tree(inner) => inner.iter().map(|(_, error)| message(error)).collect::<Vec<_>>().join(" "),
    }
}

fn shown(row: &ReadyRow, index: usize) -> String {
    match row.values.iter().find(|(other, _)| *other == index).map(|(_, value)| value) {
        Some(FieldValue::Text(text)) => text.clone(),
        Some(other) => other.to_json().to_string(),
        None => String::new(), // absent, or a password
    }
}
