//! Records read as values. (Lists and views that only become JSON don't come through here: `records` writes them
//! straight from the cells.)

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::schema::{Collection, Record};
use crate::store::{Conn, ConnExt, Dialect, Row, Value};

/// The collection's columns in field order, as [`read_record`] takes them.
pub fn select_list(dialect: &dyn Dialect, collection: &Collection) -> String {
    collection.fields.iter().map(|field| dialect.quote(&field.name)).collect::<Vec<_>>().join(", ")
}

/// The record in a row that [`select_list`] asked for.
pub fn read_record(collection: &Arc<Collection>, row: &dyn Row) -> Record {
    let values = collection.fields.iter().enumerate().map(|(column, field)| field.value_of(row.cell(column)));
    Record::new(collection.clone(), values.collect())
}

/// The record with this id.
pub fn find_record(conn: &dyn Conn, collection: &Arc<Collection>, id: &str) -> Result<Option<Record>> {
    find_record_by(conn, collection, "id", id)
}

/// The record with this id; a missing one is `NotFound` with the default text.
pub fn get_record(conn: &dyn Conn, collection: &Arc<Collection>, id: &str) -> Result<Record> {
    find_record(conn, collection, id)?.ok_or_else(Error::not_found)
}

/// The first record whose `column` is exactly this value; for columns with a unique index.
pub fn find_record_by(
    conn: &dyn Conn,
    collection: &Arc<Collection>,
    column: &str,
    value: impl Into<Value>,
) -> Result<Option<Record>> {
    let dialect = conn.dialect();
    let sql =
        format!("{} WHERE {} = {} LIMIT 1", select(conn, collection), dialect.quote(column), dialect.parameter(1));
    Ok(conn.find_row(&sql, &[value.into()], |row| read_record(collection, row))?)
}

/// The records whose columns are exactly these texts; for sets that are small by their kind.
pub fn list_records_by(conn: &dyn Conn, collection: &Arc<Collection>, columns: &[(&str, &str)]) -> Result<Vec<Record>> {
    let dialect = conn.dialect();
    let equals = |(index, (name, _)): (usize, &(&str, &str))| {
        format!("{} = {}", dialect.quote(name), dialect.parameter(index + 1))
    };
    let conditions: Vec<String> = columns.iter().enumerate().map(equals).collect();
    let sql = format!("{} WHERE {}", select(conn, collection), conditions.join(" AND "));
    let params: Vec<Value> = columns.iter().map(|(_, text)| Value::from(*text)).collect();
    Ok(conn.list_rows(&sql, &params, |row| read_record(collection, row))?)
}

fn select(conn: &dyn Conn, collection: &Collection) -> String {
    let dialect = conn.dialect();
    format!("SELECT {} FROM {}", select_list(dialect, collection), dialect.quote(&collection.name))
}
