//! Whether a draft may stand: each field by itself, and what needs other rows.

use crate::error::{FieldError, FieldErrors, Result};
use crate::schema::fields::{Kind, PasswordOptions, TextOptions};
use crate::schema::{Field, FieldValue, Schema};
use crate::store::{Conn, ConnExt, Value};

use super::Draft;
use super::auth_records;
use super::spelling::is_taken_in_any_case;

/// Checks all fields, each reports its first failure (contract/03, head); then what the collection demands as a whole.
pub fn check_draft(conn: &dyn Conn, schema: &Schema, draft: &Draft) -> Result<()> {
    let mut errors = FieldErrors::new();
    for (index, field) in draft.collection().fields.iter().enumerate() {
        if let Some(error) = check_field(conn, schema, draft, index, field)? {
            errors.add(field.name.as_str(), error);
        }
    }
    errors.into_result("")?;
    auth_records::check(conn, schema, draft)
}

/// What is wrong with one field's value, if anything.
fn check_field(
    conn: &dyn Conn,
    schema: &Schema,
    draft: &Draft,
    index: usize,
    field: &Field,
) -> Result<Option<FieldError>> {
    let value = draft.record().value_at(index);
    match &field.kind {
        Kind::Password(options) => Ok(check_password(draft, index, field, options)),
        Kind::Text(options) if options.primary_key => check_id(conn, schema, draft, field, options),
        Kind::File(options) => {
            let kept = draft.stored().map(|stored| stored.value_at(index).items()).unwrap_or_default();
            Ok(options.check_files(field, value, kept, draft.new_files()).err())
        }
        Kind::Relation(_) => match field.validate(value) {
            Ok(()) => check_relation(conn, schema, field, value),
            Err(refused) => Ok(Some(refused)),
        },
        _ => Ok(field.validate(value).err()),
    }
}

/// A new password is checked by its plain text; of a stored one only the hash is known.
fn check_password(draft: &Draft, index: usize, field: &Field, options: &PasswordOptions) -> Option<FieldError> {
    match draft.new_password(index) {
        Some(password) if password.is_random() => None,
        Some(password) => options.check_plain(field, password.plain()).err(),
        None => field.validate(draft.record().value_at(index)).err(),
    }
}

fn check_id(
    conn: &dyn Conn,
    schema: &Schema,
    draft: &Draft,
    field: &Field,
    options: &TextOptions,
) -> Result<Option<FieldError>> {
    let (collection, id) = (draft.collection(), draft.record().id());
    if let Some(stored) = draft.stored() {
        let moved = FieldError::code("validation_pk_change", "The record primary key cannot be changed.");
        return Ok((stored.id() != id).then_some(moved));
    }
    if options.has_custom_ids() && is_taken_in_any_case(conn, collection, "id", id, "")? {
        let taken = FieldError::code("validation_pk_invalid", "The record primary key is invalid or already exists.");
        return Ok(Some(taken));
    }
    match field.validate(&FieldValue::Text(id.to_owned())) {
        Ok(()) => auth_records::check_id(conn, schema, draft),
        Err(refused) => Ok(Some(refused)),
    }
}

/// Existence only: the target's rules don't matter (contract/03 §2, relation).
fn check_relation(conn: &dyn Conn, schema: &Schema, field: &Field, value: &FieldValue) -> Result<Option<FieldError>> {
    let ids: &[String] = match value {
        FieldValue::Text(id) if !id.is_empty() => std::slice::from_ref(id),
        FieldValue::List(ids) => ids,
        _ => &[],
    };
    if ids.is_empty() {
        return Ok(None);
    }
    let target = field.relation().and_then(|relation| schema.find_by_id(&relation.collection_id));
    let Some(target) = target else {
        return Ok(Some(FieldError::code(
            "validation_missing_rel_collection",
            "Relation connection is missing or cannot be accessed.",
        )));
    };
    for id in ids {
        if !is_stored(conn, &target.name, id)? {
            return Ok(Some(FieldError::code(
                "validation_missing_rel_records",
                "Failed to find all relation records with the provided ids.",
            )));
        }
    }
    Ok(None)
}

/// Whether the table or view has a row of this id.
pub fn is_stored(conn: &dyn Conn, table: &str, id: &str) -> Result<bool> {
    let dialect = conn.dialect();
    let sql = format!(
        "SELECT 1 FROM {} WHERE {} = {} LIMIT 1",
        dialect.quote(table),
        dialect.quote("id"),
        dialect.parameter(1)
    );
    Ok(conn.has_row(&sql, &[Value::from(id)])?)
}
