//! The checks of the index list (contract/02 §8).

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::json;

use super::Candidate;
use crate::collections::scaffold;
use crate::error::{FieldError, FieldErrors};
use crate::schema::index::Index;
use crate::schema::{Collection, Field};

pub(super) fn check(candidate: &Candidate<'_>) -> Option<FieldError> {
    let collection = &candidate.draft.collection;
    if collection.is_view() {
        return (!collection.indexes.is_empty())
            .then(|| FieldError::code("validation_indexes_not_supported", "View collections don't support indexes."));
    }
    let indexes: Vec<Option<Index>> = collection.indexes.iter().map(|text| parse(candidate, text)).collect();
    check_each(candidate, &indexes)
        .or_else(|| candidate.stored.and_then(|stored| check_system_indexes(stored, &indexes)))
        .or_else(|| collection.is_auth().then(|| check_auth_indexes(&indexes)).flatten())
}

/// What follows a statement is refused, but for one that stands as it is already.
fn parse(candidate: &Candidate<'_>, text: &str) -> Option<Index> {
    Index::parse(text).or_else(|| is_stored(candidate, text).then(|| Index::parse_stored(text)).flatten())
}

fn is_stored(candidate: &Candidate<'_>, text: &str) -> bool {
    candidate.stored.is_some_and(|stored| stored.indexes.iter().any(|old| old == text))
}

/// Each statement by itself and beside those before it; the first that fails is reported.
fn check_each(candidate: &Candidate<'_>, indexes: &[Option<Index>]) -> Option<FieldError> {
    let mut names = HashSet::new();
    indexes.iter().enumerate().find_map(|(position, index)| {
        let error = match index {
            Some(index) => check_one(candidate, index, &mut names, &indexes[..position]),
            None => check_unreadable(candidate, position),
        };
        error.map(|error| FieldErrors::one(position.to_string(), error).into())
    })
}

/// A statement that isn't understood may stay only where it stands already.
fn check_unreadable(candidate: &Candidate<'_>, position: usize) -> Option<FieldError> {
    let text = &candidate.draft.collection.indexes[position];
    (!is_stored(candidate, text))
        .then(|| FieldError::code("validation_invalid_index_expression", "Invalid CREATE INDEX expression."))
}

fn check_one(
    candidate: &Candidate<'_>,
    index: &Index,
    names: &mut HashSet<String>,
    before: &[Option<Index>],
) -> Option<FieldError> {
    if !names.insert(index.name.to_ascii_lowercase()) {
        return Some(FieldError::code("validation_duplicated_index_name", "The index name already exists."));
    }
    if let Some(owner) = candidate.catalog.index_owner(&index.name)
        && !is_own_table(candidate, owner)
    {
        let message = format!("The index name is already used in {owner} collection.");
        let params = json!({"usedTableName": owner});
        return Some(FieldError::with_params("validation_existing_index_name", message, params));
    }
    let is_repeated = before.iter().flatten().any(|other| other.has_definition_of(index));
    is_repeated
        .then(|| FieldError::code("validation_duplicated_index_definition", "The index definition already exists."))
}

fn is_own_table(candidate: &Candidate<'_>, table: &str) -> bool {
    let is_named = |collection: &Collection| collection.name.eq_ignore_ascii_case(table);
    is_named(&candidate.draft.collection) || candidate.stored.is_some_and(is_named)
}

/// A unique index over a system field stays, under whatever name and condition.
fn check_system_indexes(stored: &Collection, indexes: &[Option<Index>]) -> Option<FieldError> {
    stored.read_indexes().filter(|index| index.unique).find_map(|index| {
        let covers =
            |field: &&Arc<Field>| index.columns.iter().any(|column| column.name.eq_ignore_ascii_case(&field.name));
        let field = stored.fields.iter().filter(|field| field.system).find(covers)?;
        let is_kept = indexes.iter().flatten().any(|other| other.unique && other.has_columns_of(&index));
        (!is_kept).then(|| {
            let message = format!("Unique index definition on system fields ({}) is invalid or missing.", field.name);
            let params = json!({"fieldName": field.name});
            FieldError::with_params("validation_invalid_unique_system_field_index", message, params)
        })
    })
}

/// Normalisation appends what is missing, so this only guards against a fault of ours.
fn check_auth_indexes(indexes: &[Option<Index>]) -> Option<FieldError> {
    scaffold::UNIQUE_AUTH_FIELDS.iter().find_map(|field| {
        let is_unique = indexes.iter().flatten().any(|index| index.is_unique_on(field));
        (!is_unique).then(|| {
            let message = format!("Missing required unique index for field \"{field}\".");
            let params = json!({"fieldName": field});
            FieldError::with_params("validation_missing_required_unique_index", message, params)
        })
    })
}
