//! A unique index that refuses a row, as the fields it is about (contract/05 §9).

use crate::error::{Error, FieldError, FieldErrors};
use crate::schema::Collection;
use crate::store::StoreError;

/// What a failed insert or update is to the caller. Other faults of the row are bad requests: an index over an
/// expression, for instance, may choke on a value.
pub fn refusal(collection: &Collection, error: StoreError) -> Error {
    match error {
        StoreError::Unique { columns, index, .. } => {
            let mut fields = FieldErrors::new();
            for name in violated_fields(collection, columns, index.as_deref()) {
                fields.add(name, FieldError::not_unique());
            }
            Error::invalid("", fields)
        }
        StoreError::Constraint(_) | StoreError::Sql(_) => Error::bad_request_from("", error),
        other => other.into(),
    }
}

/// The columns of the index; of an index over expressions, the fields that these name.
fn violated_fields(collection: &Collection, columns: Vec<String>, index: Option<&str>) -> Vec<String> {
    if !columns.is_empty() {
        return columns;
    }
    let Some(statement) = index.and_then(|name| collection.indexes.iter().find(|text| names(text, name))) else {
        return Vec::new();
    };
    // The part after the table's name; a field that only a partial index's condition names is no part of the key.
    let key = statement.split_once('(').map_or("", |(_, rest)| rest);
    let key = key.rfind(')').map_or(key, |end| &key[..end]);
    let named = collection.fields.iter().filter(|field| names(key, &field.name));
    named.map(|field| field.name.clone()).collect()
}

/// Whether `word` stands in `sql` as a whole identifier, quoted or not, in any case.
fn names(sql: &str, word: &str) -> bool {
    let words = sql.split(|c: char| !c.is_alphanumeric() && c != '_');
    words.into_iter().any(|other| other.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_is_found_quoted_or_not_but_never_inside_another() {
        assert!(names("lower(`b`), \"c\"", "b"));
        assert!(names("LOWER(B)", "b"));
        assert!(!names("lower(`bb`), b_c", "b"));
    }
}
