//! The API's description of itself.

use serde_json::{Value, json};
use support::{DataDir, TestApp};

fn document() -> Value {
    let app = TestApp::setup().data(DataDir::Base).start();
    app.get("/api/openapi.json").refused(401, "The request requires valid record authorization token.");
    app.get("/api/openapi.json").superuser().ok()
}

#[test]
fn a_switch_opens_the_document_to_everybody() {
    let app = TestApp::new();
    let (_, user) = app.create_user("users", "a@example.com");
    let refused = "The authorized record is not allowed to perform this action.";
    app.get("/api/openapi.json").token(&user).refused(403, refused);
    app.update_settings(json!({"monobase": {"openapi": {"public": true}}}));
    assert_eq!(app.get("/api/openapi.json").ok()["openapi"], "3.1.0");
    app.get("/api/openapi.json").token(&user).ok();
    app.update_settings(json!({"monobase": {"openapi": {"public": false}}}));
    app.get("/api/openapi.json").refused(401, "The request requires valid record authorization token.");
}

#[test]
fn the_ways_in_stand_once_for_each_auth_collection() {
    let document = document();
    let login = &document["paths"]["/api/collections/users/auth-with-password"]["post"];
    assert_eq!(login["operationId"], "auth_with_password_users");
    let body = &login["requestBody"]["content"]["application/json"]["schema"];
    assert_eq!(body["required"], json!(["identity", "password"]));
    let answer = &login["responses"]["200"]["content"]["application/json"]["schema"];
    assert_eq!(*answer, json!({"$ref": "#/components/schemas/users.auth"}));
    assert_eq!(document["paths"]["/api/collections/demo1/auth-with-password"], Value::Null);
}

/// Every `$ref` of a document.
fn references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                match (key.as_str(), value) {
                    ("$ref", Value::String(text)) => found.push(text.clone()),
                    _ => references(value, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

#[test]
fn each_collection_has_its_records_described_from_its_fields() {
    let document = document();
    assert_eq!(document["openapi"], "3.1.0");
    let list = &document["paths"]["/api/collections/demo2/records"]["get"];
    assert_eq!((&list["operationId"], &list["tags"]), (&json!("list_demo2"), &json!(["Records"])));
    let schemas = &document["components"]["schemas"];
    assert_eq!(schemas["demo2"]["properties"]["title"], json!({"type": "string"}));
    assert_eq!(schemas["demo2"]["properties"]["active"]["type"], "boolean");
    assert_eq!(schemas["users"]["properties"]["tokenKey"], Value::Null);
    assert_eq!(schemas["users"]["properties"]["password"], Value::Null);
    let required = schemas["users.create"]["required"].as_array().unwrap();
    assert!(required.contains(&json!("password")) && required.contains(&json!("passwordConfirm")), "{required:?}");
    let avatar = &schemas["users.updateForm"]["properties"]["avatar"];
    assert_eq!(*avatar, json!({"type": "string", "format": "binary"}));
    // A view is read only.
    let view = document["paths"]["/api/collections/view1/records"].as_object().unwrap();
    assert_eq!(view.keys().collect::<Vec<_>>(), ["get"]);
}

#[test]
fn the_document_is_whole() {
    let document = document();
    let mut found = Vec::new();
    references(&document, &mut found);
    for reference in &found {
        let pointer = reference.strip_prefix('#').expect("a reference into the document");
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
    let mut ids = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            ids.push(operation["operationId"].as_str().expect("an id").to_owned());
            for name in path.split('{').skip(1).map(|rest| rest.split('}').next().unwrap()) {
                let parameters = operation["parameters"].as_array().expect("parameters");
                assert!(parameters.iter().any(|p| p["name"] == name && p["in"] == "path"), "{method} {path}: {name}");
            }
        }
    }
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), count, "operations share an id");
    assert!(!document.to_string().contains("_faults"));
}
