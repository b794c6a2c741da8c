//! What is known of a collection's records before a request comes: their columns, their JSON, who sees which field.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::access::{FieldView, is_own_record};
use crate::query::Caller;
use crate::rows::select_list;
use crate::schema::json::RecordJson;
use crate::schema::{Collection, FieldValue, Record, Shape as FieldShape};
use crate::store::{Cell, Dialect, Row, Value};

/// A row as it is stored: a value per field, in field order.
pub type StoredRow = Vec<Value>;

/// How the records of a collection are read and written out for one kind of caller.
#[derive(Debug)]
pub struct Shape {
    pub collection: Arc<Collection>,
    /// The columns in field order: a column's number is its field's position.
    pub columns: String,
    /// The statement that finds one record by its id, the only parameter.
    pub find_by_id: String,
    pub json: RecordJson,
    pub view: FieldView,
}

/// Which private e-mails a caller sees beside its own.
pub type Managed = std::collections::HashSet<String>;

impl Shape {
    fn new(collection: Arc<Collection>, is_superuser: bool, dialect: &dyn Dialect) -> Self {
        let columns = select_list(dialect, &collection);
        let (table, id) = (dialect.quote(&collection.name), dialect.quote("id"));
        Self {
            find_by_id: format!("SELECT {columns} FROM {table} WHERE {id} = {} LIMIT 1", dialect.parameter(1)),
            columns,
            json: RecordJson::new(&collection),
            view: FieldView::new(is_superuser, &collection),
            collection,
        }
    }

    /// Writes a row as this caller sees it. `cell` gives the cell of the field at a position.
    pub fn write<'c>(
        &self,
        cell: impl Fn(usize) -> Cell<'c>,
        caller: &Caller,
        managed: &Managed,
        expand: Option<&[u8]>,
        out: &mut Vec<u8>,
    ) {
        let email = self.view.guarded_email().filter(|_| self.shows_email(&cell, caller, managed));
        let is_shown = |index| self.view.shows(index) || email.is_some_and(|guard| guard.email == index);
        self.json.write_row(|index| is_shown(index).then(|| cell(index)), expand, out);
    }

    /// Whether the row's e-mail, which is private by default, is shown to this caller.
    fn shows_email<'c>(&self, cell: &impl Fn(usize) -> Cell<'c>, caller: &Caller, managed: &Managed) -> bool {
        let Some(guard) = self.view.guarded_email() else { return false };
        let id = cell(guard.id);
        FieldValue::from_cell(FieldShape::Bool, cell(guard.email_visibility)) == FieldValue::Bool(true)
            || is_own_record(caller, &self.collection, id.as_text())
            || managed.contains(id.as_text())
    }

    /// The ids of those rows whose e-mail only a manager sees.
    pub fn private_ids(&self, rows: &[StoredRow], caller: &Caller) -> Vec<String> {
        let Some(guard) = self.view.guarded_email() else { return Vec::new() };
        let nobody = Managed::new();
        let private = rows.iter().filter(|row| !self.shows_email(&|index| row[index].as_cell(), caller, &nobody));
        private.map(|row| row[guard.id].as_cell().as_text().to_owned()).collect()
    }

    /// The row's fields and the cells behind them, copied.
    pub fn copy_row(&self, row: &dyn Row) -> StoredRow {
        (0..self.collection.fields.len()).map(|column| row.cell(column).to_value()).collect()
    }
}

/// The row that stores a record, as it will be read back.
pub fn stored_row(record: &Record) -> StoredRow {
    record.values().iter().map(read_back).collect()
}

/// The record that a row stores.
pub fn record_of(collection: &Arc<Collection>, row: &StoredRow) -> Record {
    let values = collection.fields.iter().zip(row).map(|(field, cell)| field.value_of(cell.as_cell()));
    Record::new(collection.clone(), values.collect())
}

/// A value as its column gives it back: a json column holds a number as a number (contract/01 §6).
pub fn read_back(value: &FieldValue) -> Value {
    match value {
        FieldValue::Json(Some(text)) => match text.trim().parse::<f64>() {
            Ok(number) if text.starts_with(|c: char| c.is_ascii_digit() || c == '-') => Value::Real(number),
            Ok(_) | Err(_) => Value::Text(text.clone()),
        },
        other => other.to_stored(),
    }
}

/// The shapes that were asked for, made once per collection and kind of caller.
#[derive(Debug, Default)]
pub struct Shapes(RwLock<ByCaller>);

/// By collection id, and whether the caller is a superuser.
type ByCaller = HashMap<(Arc<str>, bool), Arc<Shape>>;

/// Shapes of collections that went are dropped when there are this many.
const SHAPES_MAX: usize = 8192;

impl Shapes {
    /// The shape of exactly this state of the collection.
    pub fn get(&self, collection: &Arc<Collection>, caller: &Caller, dialect: &dyn Dialect) -> Arc<Shape> {
        let key = (collection.id.clone(), caller.is_superuser());
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(shape) = known.get(&key)
            && Arc::ptr_eq(&shape.collection, collection)
        {
            return shape.clone();
        }
        drop(known);
        let shape = Arc::new(Shape::new(collection.clone(), key.1, dialect));
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= SHAPES_MAX {
            known.clear();
        }
        known.insert(key, shape.clone());
        shape
    }
}
