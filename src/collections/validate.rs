//! Whether a collection may stand as it would be saved (contract/02 §6): per key the first failing check, all keys
//! together, the options of the type among them.

mod auth_options;
mod fields;
mod indexes;

use std::sync::Arc;

use crate::error::{FieldError, FieldErrors};
use crate::query::check_rule;
use crate::schema::names::{has_via, is_word};
use crate::schema::{Collection, CollectionKind, Schema};

use super::catalog::Catalog;
use super::draft::Draft;
use super::view::ViewFault;

const NAME_BYTES_MAX: usize = 255;
const ID_BYTES_MAX: usize = 100;
/// Names of tables that are ours or the engine's.
const RESERVED_PREFIXES: [&str; 2] = ["_mb_", "sqlite_"];

/// What is judged, and beside what it would stand.
#[derive(Clone, Copy)]
pub(super) struct Candidate<'a> {
    pub draft: &'a Draft,
    /// The collection before the change; `None` for a new one.
    pub stored: Option<&'a Collection>,
    /// What fields may refer to.
    pub schema: &'a Schema,
    /// The snapshot as it would be, the candidate in it: rules are resolved in it.
    pub after: &'a Arc<Schema>,
    pub catalog: &'a Catalog,
    pub view_fault: Option<&'a ViewFault>,
    pub tables: Tables,
}

/// Whether the table of the candidate is there yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tables {
    /// Validated before anything is made.
    AsBefore,
    /// Validated after everything was made, as the import does.
    AsAfter,
}

/// Everything that is wrong, by key.
pub(super) fn validate(candidate: &Candidate<'_>) -> FieldErrors {
    let collection = &candidate.draft.collection;
    let mut errors = check_identity(candidate);
    let mut check = |key: &str, error: Option<FieldError>| {
        if let Some(error) = error {
            errors.add(key, error);
        }
    };
    check("fields", fields::check(candidate));
    for (key, rule, stored) in rules_of(collection, candidate.stored) {
        check(key, check_api_rule(candidate, key, rule, stored));
    }
    check("indexes", indexes::check(candidate));
    match &collection.kind {
        CollectionKind::Base => {}
        CollectionKind::View { query } => check("viewQuery", check_view_query(candidate, query)),
        CollectionKind::Auth(options) => {
            for (key, error) in auth_options::check(candidate, options) {
                check(&key, Some(error));
            }
        }
    }
    errors
}

/// What is wrong with what the collection is, whatever it holds.
pub(super) fn check_identity(candidate: &Candidate<'_>) -> FieldErrors {
    let mut errors = FieldErrors::new();
    for (key, error) in [
        ("id", check_id(candidate)),
        ("system", check_system(candidate)),
        ("type", check_type(candidate)),
        ("name", check_name(candidate)),
    ] {
        if let Some(error) = error {
            errors.add(key, error);
        }
    }
    errors
}

fn check_id(candidate: &Candidate<'_>) -> Option<FieldError> {
    let id = &*candidate.draft.collection.id;
    if let Some(stored) = candidate.stored {
        return (*id != *stored.id).then(FieldError::mismatch);
    }
    let taken = || FieldError::code("validation_invalid_or_existing_id", "The model id is invalid or already exists.");
    check_length(id, ID_BYTES_MAX)
        .or_else(|| (!is_word(id)).then(FieldError::bad_format))
        .or_else(|| (candidate.tables == Tables::AsBefore && candidate.schema.find_by_id(id).is_some()).then(taken))
}

fn check_system(candidate: &Candidate<'_>) -> Option<FieldError> {
    let changed = candidate.stored.is_some_and(|stored| stored.system != candidate.draft.collection.system);
    changed.then(|| {
        FieldError::code("validation_collection_system_flag_change", "System collection state cannot be changed.")
    })
}

fn check_type(candidate: &Candidate<'_>) -> Option<FieldError> {
    let type_name = candidate.draft.type_name.as_str();
    if type_name.is_empty() {
        return Some(FieldError::required());
    }
    if !matches!(type_name, "base" | "auth" | "view") {
        return Some(FieldError::code("validation_in_invalid", "Must be a valid value."));
    }
    let changed = candidate.stored.is_some_and(|stored| stored.type_name() != type_name);
    changed.then(|| FieldError::code("validation_collection_type_change", "Collection type cannot be changed."))
}

fn check_name(candidate: &Candidate<'_>) -> Option<FieldError> {
    let name = &*candidate.draft.collection.name;
    if let Some(error) = check_length(name, NAME_BYTES_MAX) {
        return Some(error);
    }
    if has_via(name) {
        return Some(FieldError::code("validation_found_via", "The value cannot contain \"_via_\"."));
    }
    if !is_word(name) {
        return Some(FieldError::bad_format());
    }
    let own_name = candidate.stored.map(|stored| &*stored.name);
    if own_name == Some(name) {
        return None;
    }
    if candidate.stored.is_some_and(|stored| stored.system) {
        return Some(FieldError::code(
            "validation_collection_system_name_change",
            "System collection name cannot be changed.",
        ));
    }
    let id = &*candidate.draft.collection.id;
    if candidate.schema.find_by_name(name).is_some_and(|other| *other.id != *id) {
        return Some(FieldError::code(
            "validation_collection_name_exists",
            "Collection name must be unique (case insensitive).",
        ));
    }
    if candidate.schema.find_by_id(name).is_some() {
        return Some(FieldError::code(
            "validation_collection_name_id_duplicate",
            "The name must not match an existing collection id.",
        ));
    }
    let is_own_table = own_name.is_some_and(|own| own.eq_ignore_ascii_case(name));
    let is_internal = candidate.tables == Tables::AsBefore && candidate.catalog.has_relation(name) && !is_own_table;
    (is_internal || is_reserved(name)).then(|| {
        FieldError::code(
            "validation_collection_name_invalid",
            "The name shouldn't match with an existing internal table.",
        )
    })
}

fn is_reserved(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    RESERVED_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// Key, new and stored value of each API rule.
type RuleChange<'a> = (&'static str, Option<&'a str>, Option<Option<&'a str>>);

fn rules_of<'a>(collection: &'a Collection, stored: Option<&'a Collection>) -> [RuleChange<'a>; 5] {
    let (rules, before) = (&collection.rules, stored.map(|stored| &stored.rules));
    [
        ("listRule", rules.list.as_deref(), before.map(|rules| rules.list.as_deref())),
        ("viewRule", rules.view.as_deref(), before.map(|rules| rules.view.as_deref())),
        ("createRule", rules.create.as_deref(), before.map(|rules| rules.create.as_deref())),
        ("updateRule", rules.update.as_deref(), before.map(|rules| rules.update.as_deref())),
        ("deleteRule", rules.delete.as_deref(), before.map(|rules| rules.delete.as_deref())),
    ]
}

fn check_api_rule(
    candidate: &Candidate<'_>,
    key: &str,
    rule: Option<&str>,
    stored: Option<Option<&str>>,
) -> Option<FieldError> {
    let is_for_reading = matches!(key, "listRule" | "viewRule");
    if candidate.draft.collection.is_view() && !is_for_reading && rule.is_some() {
        return Some(FieldError::code("validation_nil", "Must be blank."));
    }
    check_one_rule(candidate, rule, stored)
}

/// A rule of any kind: it can be resolved, and that of a system collection isn't changed.
fn check_one_rule(candidate: &Candidate<'_>, rule: Option<&str>, stored: Option<Option<&str>>) -> Option<FieldError> {
    let collection = &candidate.draft.collection;
    if let Some(text) = rule.filter(|text| !text.is_empty())
        && let Some(resolved_for) = candidate.after.find_by_id(&collection.id)
        && let Err(error) = check_rule(candidate.after, resolved_for, text)
    {
        return Some(error.to_rule_error());
    }
    let is_fixed = candidate.stored.is_some_and(|stored| stored.system);
    (is_fixed && stored.is_some_and(|stored| stored != rule)).then(|| {
        FieldError::code("validation_collection_system_rule_change", "System collection API rule cannot be changed.")
    })
}

fn check_view_query(candidate: &Candidate<'_>, query: &str) -> Option<FieldError> {
    if query.is_empty() {
        return Some(FieldError::required());
    }
    candidate.view_fault.map(view_query_error)
}

/// The error of a query that can't be a view.
pub(super) fn view_query_error(fault: &ViewFault) -> FieldError {
    FieldError::code("validation_invalid_view_query", format!("Invalid query - {}", fault.reason))
}

/// Required, and at most so many bytes.
fn check_length(text: &str, bytes_max: usize) -> Option<FieldError> {
    if text.is_empty() {
        return Some(FieldError::required());
    }
    (text.len() > bytes_max).then(|| FieldError::length_outside(1, bytes_max))
}
