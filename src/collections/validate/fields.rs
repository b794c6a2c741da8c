//! The checks of the field list, stage by stage: the first stage that fails is reported (contract/02 §6).

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::json;

use super::Candidate;
use crate::collections::scaffold;
use crate::error::{FieldError, FieldErrors};
use crate::schema::fields::OptionsContext;
use crate::schema::{Collection, Field};

/// Names that sign-up and password changes use as keys of their own.
const RESERVED_AUTH_NAMES: [&str; 2] = ["passwordConfirm", "oldPassword"];

pub(super) fn check(candidate: &Candidate<'_>) -> Option<FieldError> {
    let collection = &candidate.draft.collection;
    let stored = candidate.stored.filter(|_| !collection.is_view());
    check_duplicates(&collection.fields)
        .or_else(|| check_system_fields(collection))
        .or_else(|| stored.and_then(|stored| check_kept(collection, stored)))
        .or_else(|| stored.and_then(|stored| check_types(collection, stored)))
        .or_else(|| check_reserved_names(collection))
        .or_else(|| check_options(candidate))
}

/// Ids are unique, then names, whatever their case.
fn check_duplicates(fields: &[Arc<Field>]) -> Option<FieldError> {
    let mut ids = HashSet::new();
    if let Some((index, field)) = fields.iter().enumerate().find(|(_, field)| !ids.insert(field.id.as_str())) {
        let message = format!("Duplicated or invalid field id \"{}\".", field.id);
        return Some(entry(index, "id", FieldError::code("validation_duplicated_field_id", message)));
    }
    let mut names = HashSet::new();
    let mut numbered = fields.iter().enumerate();
    let (index, field) = numbered.find(|(_, field)| !names.insert(field.name.to_lowercase()))?;
    let message = format!("Duplicated or invalid field name {}.", field.name);
    let params = json!({"fieldName": field.name});
    Some(entry(index, "name", FieldError::with_params("validation_duplicated_field_name", message, params)))
}

/// The fields that every collection of the type has are there, as they must be.
fn check_system_fields(collection: &Collection) -> Option<FieldError> {
    if collection.fields.is_empty() {
        return Some(FieldError::required());
    }
    if !collection.fields.iter().any(|field| field.name == "id" && field.is_primary_key()) {
        let message = "Missing or invalid \"id\" PK field.";
        return Some(FieldError::code("validation_missing_primary_key", message));
    }
    if !collection.is_auth() {
        return None;
    }
    scaffold::AUTH_FIELDS.iter().find_map(|name| {
        let wanted = scaffold::auth_field(name);
        let field = collection.field(name).filter(|field| field.kind.name() == wanted.kind.name());
        let Some(field) = field else {
            let message = format!("System \"{name}\" field is required.");
            return Some(FieldError::code(format!("validation_missing_{name}_field"), message));
        };
        let (holds, code, message) = if wanted.hidden {
            (
                field.system && field.hidden,
                "validation_must_be_system_and_hidden",
                "The field must be system and hidden.",
            )
        } else {
            (field.system, "validation_must_be_system", "The field must be system.")
        };
        (!holds).then(|| FieldErrors::one(*name, FieldError::code(code, message)).into())
    })
}

/// No system field was dropped or renamed.
fn check_kept(collection: &Collection, stored: &Collection) -> Option<FieldError> {
    let is_kept = |old: &Field| collection.fields.iter().any(|field| field.id == old.id && field.name == old.name);
    let lost = stored.fields.iter().filter(|field| field.system).any(|field| !is_kept(field));
    lost.then(|| FieldError::code("validation_system_field_change", "System fields cannot be deleted or renamed."))
}

/// No field changed its type.
fn check_types(collection: &Collection, stored: &Collection) -> Option<FieldError> {
    let changed =
        |field: &Field| stored.fields.iter().any(|old| old.id == field.id && old.kind.name() != field.kind.name());
    each_field(collection, |field| {
        changed(field).then(|| FieldError::code("validation_field_type_change", "Field type cannot be changed."))
    })
}

fn check_reserved_names(collection: &Collection) -> Option<FieldError> {
    if !collection.is_auth() {
        return None;
    }
    each_field(collection, |field| {
        RESERVED_AUTH_NAMES.contains(&field.name.as_str()).then(|| {
            let message = "The field name is reserved and cannot be used.";
            FieldErrors::one("name", FieldError::code("validation_reserved_field_name", message)).into()
        })
    })
}

/// The options of each field by themselves.
fn check_options(candidate: &Candidate<'_>) -> Option<FieldError> {
    let collection = &candidate.draft.collection;
    each_field(collection, |field| {
        let stored = candidate.stored.and_then(|stored| stored.fields.iter().find(|old| old.id == field.id));
        let stored = stored.map(|stored| &**stored);
        let context = OptionsContext { schema: candidate.schema, collection, stored };
        let errors = field.check_options(&context);
        (!errors.is_empty()).then(|| errors.into())
    })
}

/// The errors of all fields by their index.
fn each_field(collection: &Collection, check: impl Fn(&Field) -> Option<FieldError>) -> Option<FieldError> {
    let mut errors = FieldErrors::new();
    for (index, field) in collection.fields.iter().enumerate() {
        if let Some(error) = check(field) {
            errors.add(index.to_string(), error);
        }
    }
    (!errors.is_empty()).then(|| errors.into())
}

fn entry(index: usize, option: &str, error: FieldError) -> FieldError {
    FieldErrors::one(index.to_string(), FieldErrors::one(option, error)).into()
}
