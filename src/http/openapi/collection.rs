//! The records of one collection: operations, and schemas of what is sent and answered (contract/05).

use actix_web::http::Method;
use serde_json::{Map, Value as Json, json};

use super::{error, head, path_parameter};
use crate::http::route::Route;
use crate::schema::fields::{FieldKind, Kind};
use crate::schema::{Collection, Field, Shape};

pub const RECORDS: &str = "/api/collections/{collection}/records";
pub const RECORD: &str = "/api/collections/{collection}/records/{id}";

/// Limits of a field, which hold for what is sent; what is stored may be older than they are.
const LIMITS: [&str; 6] = ["minLength", "maxLength", "pattern", "format", "enum", "maxItems"];

/// What a route over records does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Act {
    List,
    View,
    Create,
    Update,
    Delete,
}

impl Act {
    fn of(route: &Route) -> Self {
        match (route.pattern, &route.method) {
            (RECORDS, &Method::POST) => Self::Create,
            (RECORDS, _) => Self::List,
            (_, &Method::PATCH) => Self::Update,
            (_, &Method::DELETE) => Self::Delete,
            _ => Self::View,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::View => "view",
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }

    /// The rule that decides over it; `None` is for superusers.
    fn rule(self, collection: &Collection) -> Option<&str> {
        let rules = &collection.rules;
        match self {
            Self::List => rules.list.as_deref(),
            Self::View => rules.view.as_deref(),
            Self::Create => rules.create.as_deref(),
            Self::Update => rules.update.as_deref(),
            Self::Delete => rules.delete.as_deref(),
        }
    }
}

/// The operation of a records' route on one collection.
pub fn operation(route: &Route, collection: &Collection) -> Json {
    let act = Act::of(route);
    let name = &collection.name;
    let mut operation = head(route, &format!("{}_{name}", act.name()));
    operation["security"] = match act.rule(collection) {
        None => json!([{ "token": [] }]),
        Some("") => json!([]),
        Some(_) => json!([{}, { "token": [] }]),
    };
    operation["parameters"] = parameters(act);
    if let Some(schema) = body_schema(act, name) {
        let reference = json!({ "schema": { "$ref": format!("#/components/schemas/{schema}") } });
        let mut content = Map::from_iter([("application/json".to_owned(), reference)]);
        if collection.fields.iter().any(|field| field.is_file()) {
            let form = json!({ "schema": { "$ref": format!("#/components/schemas/{schema}Form") } });
            content.insert("multipart/form-data".to_owned(), form);
        }
        operation["requestBody"] = json!({ "required": true, "content": content });
    }
    operation["responses"] = responses(act, name);
    operation
}

fn body_schema(act: Act, name: &str) -> Option<String> {
    match act {
        Act::Create => Some(format!("{name}.create")),
        Act::Update => Some(format!("{name}.update")),
        Act::List | Act::View | Act::Delete => None,
    }
}

fn parameters(act: Act) -> Json {
    let text = |name: &str, description: &str| json!({ "name": name, "in": "query", "description": description, "schema": { "type": "string" } });
    let number = |name: &str, default: u32| json!({ "name": name, "in": "query", "schema": { "type": "integer", "default": default } });
    let mut parameters = Vec::new();
    if matches!(act, Act::View | Act::Update | Act::Delete) {
        parameters.push(path_parameter("id"));
    }
    if act == Act::List {
        parameters.push(number("page", 1));
        parameters.push(number("perPage", 30));
        parameters.push(text("filter", "Condition on the fields."));
        parameters.push(text("sort", "Fields in order, `-` before one for descending."));
        parameters.push(json!({ "name": "skipTotal", "in": "query", "schema": { "type": "boolean" } }));
        parameters.push(text("after", "Page by cursor: empty for the first page, then its `nextCursor`."));
    }
    if act != Act::Delete {
        parameters.push(text("expand", "Relations to send along."));
        parameters.push(text("fields", "Keys to send."));
    }
    let header = |name: &str, description: &str| json!({ "name": name, "in": "header", "description": description, "schema": { "type": "string" } });
    match act {
        Act::List | Act::View => parameters.push(header("If-None-Match", "The tag of what the client has.")),
        Act::Create => {
            parameters.push(header("Idempotency-Key", "The same key within a day: the same answer, done once."))
        }
        Act::Update | Act::Delete => parameters.push(header("If-Match", "The tag that the record must still have.")),
    }
    parameters.into()
}

fn responses(act: Act, name: &str) -> Json {
    let record = json!({ "$ref": format!("#/components/schemas/{name}") });
    let (status, description, schema) = match act {
        Act::List => ("200", "A page of records.", Some(page(&record))),
        Act::View => ("200", "The record.", Some(record)),
        Act::Create => ("200", "The record as it was stored.", Some(record)),
        Act::Update => ("200", "The record as it is now.", Some(record)),
        Act::Delete => ("204", "It is gone.", None),
    };
    let mut done = json!({ "description": description });
    if let Some(schema) = schema {
        done["content"] = json!({ "application/json": { "schema": schema } });
    }
    let mut responses = Map::new();
    responses.insert(status.to_owned(), done);
    responses.insert("400".to_owned(), error("The request can't be understood, or a value may not stand."));
    responses.insert("403".to_owned(), error("For superusers only."));
    responses.insert("404".to_owned(), error("There is no such record for this caller."));
    responses.insert("413".to_owned(), error("The body is too large."));
    responses.insert("429".to_owned(), error("Too many requests."));
    responses.insert("503".to_owned(), error("Too much to do; try again later."));
    if act == Act::Create {
        responses.insert("422".to_owned(), error("The idempotency key was used for another request."));
    }
    if act == Act::Update {
        responses.insert("409".to_owned(), error("The password was changed meanwhile."));
    }
    if matches!(act, Act::Update | Act::Delete) {
        responses.insert("412".to_owned(), error("The record is no longer as `If-Match` says."));
    }
    if matches!(act, Act::List | Act::View) {
        responses.insert("304".to_owned(), json!({ "description": "As `If-None-Match` says." }));
    }
    responses.into()
}

fn page(record: &Json) -> Json {
    let number = json!({ "type": "integer" });
    json!({
        "type": "object",
        "properties": {
            "items": { "type": "array", "items": record },
            "page": number, "perPage": number, "totalItems": number, "totalPages": number,
            "nextCursor": { "type": "string", "description": "With `after` only; empty behind the last page." },
        },
    })
}

/// The schemas of a collection, by names with a dot, which no collection's name has: its record, what creates and updates one, and the same as forms where files are sent.
pub fn schemas(collection: &Collection) -> Vec<(String, Json)> {
    let name = &collection.name;
    let mut schemas = vec![(name.to_string(), record(collection))];
    if collection.is_view() {
        return schemas;
    }
    let has_files = collection.fields.iter().any(|field| field.is_file());
    for (suffix, is_create) in [(".create", true), (".update", false)] {
        schemas.push((format!("{name}{suffix}"), input(collection, is_create, file_names)));
        if has_files {
            schemas.push((format!("{name}{suffix}Form"), input(collection, is_create, files)));
        }
    }
    schemas
}

/// What is answered. Which keys are there depends on the caller and on `fields`, so none is required.
fn record(collection: &Collection) -> Json {
    let mut properties = Map::new();
    for field in collection.fields.iter().filter(|field| !is_secret(field)) {
        properties.insert(field.name.clone(), without_limits(field.kind.openapi()));
    }
    properties.insert("collectionId".to_owned(), json!({ "const": *collection.id }));
    properties.insert("collectionName".to_owned(), json!({ "const": *collection.name }));
    properties.insert("expand".to_owned(), json!({ "type": "object" }));
    json!({ "type": "object", "properties": properties })
}

/// What is sent. `file` says what stands for a file.
fn input(collection: &Collection, is_create: bool, file: fn(&Field) -> Json) -> Json {
    let mut properties = Map::new();
    let mut required: Vec<&str> = Vec::new();
    for field in &collection.fields {
        if matches!(field.kind, Kind::Autodate(_)) || field.name == "tokenKey" {
            continue;
        }
        let schema = if field.is_file() { file(field) } else { field.kind.openapi() };
        properties.insert(field.name.clone(), schema);
        if is_create && field.required && !makes_its_own(field) {
            required.push(&field.name);
        }
    }
    if collection.is_auth() {
        let secret = json!({ "type": "string", "writeOnly": true });
        properties.insert("passwordConfirm".to_owned(), secret.clone());
        if is_create {
            required.push("passwordConfirm");
        } else {
            properties.insert("oldPassword".to_owned(), secret);
        }
    }
    let mut schema = json!({ "type": "object", "properties": properties });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

/// In JSON: names of files that the record has already.
fn file_names(field: &Field) -> Json {
    field.kind.openapi()
}

/// In a form: the files themselves.
fn files(field: &Field) -> Json {
    let file = json!({ "type": "string", "format": "binary" });
    if field.shape() == Shape::Multiple { json!({ "type": "array", "items": file }) } else { file }
}

/// Whether a value is made when none is sent.
fn makes_its_own(field: &Field) -> bool {
    matches!(&field.kind, Kind::Text(text) if !text.autogenerate_pattern.is_empty())
}

/// Never shown to anybody.
fn is_secret(field: &Field) -> bool {
    field.name == "tokenKey" || matches!(field.kind, Kind::Password(_))
}

/// The schema with its types alone, at every level.
fn without_limits(schema: Json) -> Json {
    match schema {
        Json::Object(object) => {
            let kept = object.into_iter().filter(|(key, _)| !LIMITS.contains(&key.as_str()));
            Json::Object(kept.map(|(key, value)| (key, without_limits(value))).collect())
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_promise_types_and_no_limits() {
        let schema = json!({"type": "array", "maxItems": 3, "items": {"type": "string", "enum": ["a"]}});
        assert_eq!(without_limits(schema), json!({"type": "array", "items": {"type": "string"}}));
    }
}
