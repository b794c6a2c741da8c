//! Whom a login names (contract/11 §3).

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::formats::is_email;
use crate::rows::{read_record, select_list};
use crate::schema::index::Index;
use crate::schema::{AuthOptions, Collection, Record};
use crate::store::{Conn, ConnExt, Value};

/// The record that `identity` names: by one field if it is given, else by the collection's identity fields, `email`
/// first; the first field with a hit decides.
///
/// # Errors
/// `Internal` when an identity field's unique index is gone: then the field may name several records.
pub fn find_by_identity(
    conn: &dyn Conn,
    collection: &Arc<Collection>,
    options: &AuthOptions,
    identity: &str,
    field: Option<&str>,
) -> Result<Option<Record>> {
    if let Some(field) = field {
        return find_by(conn, collection, field, identity);
    }
    let fields = &options.password_auth.identity_fields;
    let (emails, others): (Vec<&String>, Vec<&String>) = fields.iter().partition(|field| *field == "email");
    let emails = emails.into_iter().filter(|_| is_email(identity));
    for field in emails.chain(others) {
        if let Some(record) = find_by(conn, collection, field, identity)? {
            return Ok(Some(record));
        }
    }
    Ok(None)
}

/// Whether another account has this value in a field that must be unique; nothing is taken in one that needn't.
pub fn is_taken(conn: &dyn Conn, collection: &Arc<Collection>, field: &str, value: &str) -> Result<bool> {
    let mut indexes = collection.indexes.iter().filter_map(|text| Index::parse(text));
    Ok(indexes.any(|index| index.is_unique_on(field)) && find_by(conn, collection, field, value)?.is_some())
}

/// Exact, unless the field's unique index ignores case.
fn find_by(conn: &dyn Conn, collection: &Arc<Collection>, field: &str, identity: &str) -> Result<Option<Record>> {
    let indexes = collection.indexes.iter().filter_map(|text| Index::parse(text));
    let index = indexes.into_iter().find(|index| index.is_unique_on(field)).ok_or_else(|| {
        Error::internal(format!("the identity field {field} of {} has no unique index", collection.name))
    })?;
    let ignores_case = index.columns.first().is_some_and(|column| column.collate.eq_ignore_ascii_case("nocase"));
    let dialect = conn.dialect();
    let (column, parameter) = (dialect.quote(field), dialect.parameter(1));
    let condition =
        if ignores_case { dialect.equals_in_any_case(&column, &parameter) } else { format!("{column} = {parameter}") };
    // `!= ''` lets the planner use the default index on `email`, which is partial.
    let sql = format!(
        "SELECT {} FROM {} WHERE {condition} AND {column} != '' LIMIT 1",
        select_list(dialect, collection),
        dialect.quote(&collection.name)
    );
    Ok(conn.find_row(&sql, &[Value::from(identity)], |row| read_record(collection, row))?)
}
