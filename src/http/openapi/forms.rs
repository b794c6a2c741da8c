//! What the routes beside the records' take and answer: the bodies of contract/02, 06, 11, 12 and 20.
//!
//! Answers that no client reads by key (collections, settings) are promised as objects, not key by key.

use actix_web::http::Method;
use serde_json::{Map, Value as Json, json};

use crate::http::route::Route;
use crate::settings::Settings;

/// A key of a body.
struct Key {
    name: &'static str,
    /// The JSON type.
    is: &'static str,
    required: bool,
}

const fn text(name: &'static str) -> Key {
    Key { name, is: "string", required: true }
}

const fn maybe(name: &'static str, is: &'static str) -> Key {
    Key { name, is, required: false }
}

/// The forms, by the end of their route's pattern.
const FORMS: [(&str, &[Key]); 18] = [
    (
        "/auth-with-password",
        &[text("identity"), text("password"), maybe("identityField", "string"), maybe("mfaId", "string")],
    ),
    ("/request-otp", &[text("email")]),
    ("/auth-with-otp", &[text("otpId"), text("password"), maybe("mfaId", "string")]),
    (
        "/auth-with-oauth2",
        &[
            text("provider"),
            text("code"),
            maybe("codeVerifier", "string"),
            text("redirectURL"),
            maybe("createData", "object"),
            maybe("mfaId", "string"),
        ],
    ),
    ("/request-verification", &[text("email")]),
    ("/confirm-verification", &[text("token")]),
    ("/request-password-reset", &[text("email")]),
    ("/confirm-password-reset", &[text("token"), text("password"), text("passwordConfirm")]),
    ("/request-email-change", &[text("newEmail")]),
    ("/confirm-email-change", &[text("token"), text("password")]),
    ("/impersonate/{id}", &[maybe("duration", "integer")]),
    (
        "/collections/import",
        &[Key { name: "collections", is: "array", required: true }, maybe("deleteMissing", "boolean")],
    ),
    ("/meta/dry-run-view", &[text("query")]),
    ("/api/batch", &[Key { name: "requests", is: "array", required: true }]),
    ("/api/realtime", &[text("clientId"), maybe("subscriptions", "array")]),
    ("/test/email", &[text("email"), text("template"), maybe("collection", "string")]),
    ("/test/s3", &[text("filesystem")]),
    (
        "/generate-client-secret",
        &[
            text("clientId"),
            text("teamId"),
            text("keyId"),
            text("privateKey"),
            Key { name: "duration", is: "integer", required: true },
        ],
    ),
];

/// The schema of the body; `None` for a route that reads none.
pub fn body(route: &Route) -> Option<Json> {
    match (&route.method, route.pattern) {
        (&Method::GET | &Method::DELETE, _) => None,
        (_, "/api/settings") => Some(shape_of(&Settings::default().to_public())),
        (&Method::POST, "/api/collections") => Some(collection(&["name"])),
        (&Method::PATCH, "/api/collections/{collection}") => Some(collection(&[])),
        (_, pattern) => {
            let (_, keys) = FORMS.iter().find(|(end, _)| pattern.ends_with(end))?;
            Some(form(keys))
        }
    }
}

fn form(keys: &[Key]) -> Json {
    let properties = keys.iter().map(|key| (key.name.to_owned(), typed(key.name, key.is)));
    let properties: Map<String, Json> = properties.collect();
    let required: Vec<&str> = keys.iter().filter(|key| key.required).map(|key| key.name).collect();
    let mut schema = json!({ "type": "object", "properties": properties });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

fn typed(name: &str, is: &str) -> Json {
    match name {
        "subscriptions" => json!({ "type": "array", "items": { "type": "string" } }),
        "requests" => json!({ "type": "array", "items": batch_item() }),
        "collections" => json!({ "type": "array", "items": collection(&["name"]) }),
        _ => json!({ "type": is }),
    }
}

/// Contract/06 §1.
fn batch_item() -> Json {
    json!({
        "type": "object",
        "properties": {
            "method": { "enum": ["POST", "PUT", "PATCH", "DELETE"] },
            "url": { "type": "string" },
            "headers": { "type": "object", "additionalProperties": { "type": "string" } },
            "body": { "type": "object" },
        },
        "required": ["method", "url"],
    })
}

/// Contract/02 §1; the options of fields and of auth collections stand in no schema.
fn collection(required: &[&str]) -> Json {
    let rule = json!({ "type": ["string", "null"] });
    let mut schema = json!({
        "type": "object",
        "properties": {
            "name": { "type": "string" },
            "type": { "enum": ["base", "auth", "view"] },
            "fields": { "type": "array", "items": field() },
            "indexes": { "type": "array", "items": { "type": "string" } },
            "listRule": rule, "viewRule": rule, "createRule": rule, "updateRule": rule, "deleteRule": rule,
            "viewQuery": { "type": "string" },
        },
    });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

fn field() -> Json {
    json!({
        "type": "object",
        "properties": { "name": { "type": "string" }, "type": { "type": "string" } },
        "required": ["name", "type"],
    })
}

/// The types of an example, at every level; lists may hold anything.
fn shape_of(example: &Json) -> Json {
    match example {
        Json::Object(object) => {
            let properties: Map<String, Json> =
                object.iter().map(|(key, value)| (key.clone(), shape_of(value))).collect();
            json!({ "type": "object", "properties": properties })
        }
        Json::Array(_) => json!({ "type": "array" }),
        Json::String(_) => json!({ "type": "string" }),
        Json::Bool(_) => json!({ "type": "boolean" }),
        Json::Number(_) => json!({ "type": "integer" }),
        Json::Null => json!({}),
    }
}

/// What a successful answer carries: its status and its content, by media type.
pub fn success(route: &Route) -> (&'static str, Json) {
    let object = || json!({ "application/json": { "schema": { "type": "object" } } });
    let texts = |keys: &[&str]| {
        let properties: Map<String, Json> =
            keys.iter().map(|key| ((*key).to_owned(), json!({ "type": "string" }))).collect();
        json!({ "application/json": { "schema": { "type": "object", "properties": properties } } })
    };
    match (&route.method, route.pattern) {
        (_, "/api/realtime/ws") => ("101", json!({})),
        (&Method::GET, "/api/realtime") => ("200", json!({ "text/event-stream": {} })),
        (_, "/api/files/{collection}/{id}/{name}") => ("200", json!({ "*/*": {} })),
        (_, "/api/oauth2-redirect") => ("3XX", json!({})),
        // Resumable uploads speak in headers.
        (_, pattern) if pattern.starts_with("/api/files/tus") => ("2XX", json!({})),
        (_, "/api/files/token") => ("200", texts(&["token"])),
        (_, "/api/collections/meta/oauth2-providers") | (_, "/api/batch") => {
            ("200", json!({ "application/json": { "schema": { "type": "array" } } }))
        }
        (_, pattern) if pattern.ends_with("/request-otp") => ("200", texts(&["otpId"])),
        (_, pattern) if pattern.ends_with("/generate-client-secret") => ("200", texts(&["secret"])),
        (&Method::GET | &Method::PATCH, _) => ("200", object()),
        (&Method::POST, "/api/collections" | "/api/collections/meta/dry-run-view") => ("200", object()),
        // Changes without an answer: imports, deletes, mails that were asked for, what their tokens confirm.
        _ => ("204", json!({})),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Response;

    #[test]
    fn a_form_is_found_by_the_end_of_its_route() {
        let nothing = |_| async { Ok(Response::no_content()) };
        let form = body(&Route::post("/api/collections/{collection}/confirm-verification", nothing));
        let expected = json!({"type": "object", "properties": {"token": {"type": "string"}}, "required": ["token"]});
        assert_eq!(form, Some(expected));
        assert_eq!(body(&Route::post("/api/files/token", nothing)), None);
        assert_eq!(body(&Route::get("/api/realtime", nothing)), None);
    }

    #[test]
    fn the_shape_of_an_example_has_its_types() {
        let shape = shape_of(&json!({"a": [1], "b": {"c": false}}));
        let b = json!({"type": "object", "properties": {"c": {"type": "boolean"}}});
        assert_eq!(shape, json!({"type": "object", "properties": {"a": {"type": "array"}, "b": b}}));
    }
}
