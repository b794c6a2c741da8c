//! The tables of contract/03 §1, §2 and §4, kind by kind, and what holds for every kind.

mod every_kind;
mod options;
mod values;

use std::sync::Arc;

use serde_json::{Map, Value as Json, json};

use super::OptionsContext;
use crate::error::{FieldError, FieldErrors};
use crate::schema::{Collection, CollectionKind, Field, FieldValue, Rules, Schema};

/// A field of this kind named `f`, with these options.
fn field(kind: &str, options: Json) -> Field {
    let mut object = Map::from_iter([
        ("id".to_owned(), json!("f1")),
        ("name".to_owned(), json!("f")),
        ("type".to_owned(), json!(kind)),
    ]);
    object.extend(options.as_object().expect("options are an object").clone());
    Field::from_json(&object).expect("the field can be read")
}

fn collection(id: &str, kind: CollectionKind, fields: Vec<Field>) -> Collection {
    Collection {
        id: id.into(),
        name: id.into(),
        kind,
        system: false,
        fields: fields.into_iter().map(Into::into).collect(),
        indexes: Vec::new(),
        rules: Rules::default(),
        created: String::new(),
        updated: String::new(),
        unknown_options: Map::new(),
    }
}

/// What the check of a field's options says, in a base collection beside the stored collections `base` and `view`.
fn option_errors(field: &Field, stored: Option<&Field>) -> Json {
    let view = CollectionKind::View { query: String::new() };
    let others = [collection("base", CollectionKind::Base, vec![]), collection("view", view, vec![])];
    let schema = Schema::new(others.into_iter().map(Arc::new).collect());
    let own = collection("own", CollectionKind::Base, vec![field.clone()]);
    shown(field.check_options(&OptionsContext { schema: &schema, collection: &own, stored }))
}

/// Errors in the form of the wire.
fn shown(errors: FieldErrors) -> Json {
    Json::Object(errors.into_iter().map(|(key, error)| (key, shown_error(error))).collect())
}

fn shown_error(error: FieldError) -> Json {
    match error {
        FieldError::Code { code, message, params: None } => json!({ "code": code, "message": message }),
        FieldError::Code { code, message, params } => json!({ "code": code, "message": message, "params": params }),
        FieldError::Tree(errors) => shown(errors),
        FieldError::Response { .. } => unreachable!("no field answers for a batch"),
    }
}

/// What the check of a value made of `input` says; null when it passes.
fn value_error(field: &Field, input: Json) -> Json {
    checked(field, &field.normalise(&input))
}

fn checked(field: &Field, value: &FieldValue) -> Json {
    field.validate(value).map_or_else(shown_error, |()| Json::Null)
}

fn required() -> Json {
    json!({ "code": "validation_required", "message": "Cannot be blank." })
}

fn below(threshold: i64) -> Json {
    let message = format!("Must be no less than {threshold}.");
    json!({ "code": "validation_min_greater_equal_than_required", "message": message, "params": { "threshold": threshold } })
}

fn above(threshold: i64) -> Json {
    let message = format!("Must be no greater than {threshold}.");
    json!({ "code": "validation_max_less_equal_than_required", "message": message, "params": { "threshold": threshold } })
}
