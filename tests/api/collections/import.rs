//! Imports: wholly or not at all (contract/02 §11).

use serde_json::{Value, json};
use support::TestApp;

use super::{columns, whole_schema};

const NOT_IMPORTED: &str = "Failed to import collections.";

fn import(app: &TestApp, body: Value) -> support::Answer {
    app.put("/api/collections/import").superuser().json(body).send()
}

fn failure(message: &str) -> Value {
    json!({"collections": {"code": "validation_collections_import_failure", "message": message}})
}

#[test]
fn bodies_of_the_wrong_shape_are_refused() {
    let app = TestApp::new();
    let not_loaded = "An error occurred while loading the submitted data.";
    for body in
        [json!({"collections": {}}), json!({"collections": ["x"]}), json!({"collections": [{}], "deleteMissing": 1})]
    {
        import(&app, body).refused(400, not_loaded);
    }
    let not_valid = "An error occurred while validating the submitted data.";
    for body in [json!({}), json!({"collections": []}), json!({"collections": null})] {
        assert_eq!(import(&app, body).refused(400, not_valid)["collections"]["code"], "validation_required");
    }
    let text = app.put("/api/collections/import").superuser().body("text/plain", "x");
    text.refused(400, "Unsupported Content-Type.");
}

#[test]
fn a_failed_import_leaves_everything_as_it_was() {
    let app = TestApp::new();
    app.create_open_collection("im1", json!([{"name": "b", "type": "text", "id": "old"}]));
    app.create("im1", json!({"b": "kept"}));
    app.create_collection(json!({"name": "v", "type": "view", "viewQuery": "select id, b from im1"}));
    let fine = json!({"name": "fine", "fields": [{"name": "a", "type": "text"}]});
    let before = whole_schema(&app);
    for (item, expected) in [
        (
            json!({"name": "x", "fields": [{"name": "a b", "type": "text"}], "listRule": "zzz = 1"}),
            failure(
                "Data validations failed for collection \"x\" (pbc_3064591283):\n{\n  \"fields\": {\n    \"1\": {\n      \
                 \"name\": \"must be in a valid format\"\n    }\n  },\n  \"listRule\": \"Invalid rule. Raw error: invalid \
                 left operand \\\"zzz\\\" - unknown field \\\"zzz\\\"\"\n}.",
            ),
        ),
        (
            json!({"name": "t", "fields": [{"name": "t", "type": "nope"}]}),
            failure(
                "Failed to import the collections configuration. Raw error:\nmissing or unknown field type in \
                 {\"name\":\"t\",\"type\":\"nope\"}.",
            ),
        ),
        (
            json!({"name": "im1", "fields": [{"name": "b", "type": "number"}]}),
            failure(
                "Failed to import the collections configuration. Raw error:\nfailed to save collection \"im1\": failed to \
                 add column b - SQL logic error: duplicate column name: b (1).",
            ),
        ),
        (
            json!({"name": "vx", "type": "view", "viewQuery": "select id from nope"}),
            failure(
                "Failed to import the collections configuration. Raw error:\nfailed to save collection \"vx\": SQL logic \
                 error: no such table: main.nope (1).",
            ),
        ),
        (
            json!({"name": "_params"}),
            failure(
                "Failed to import the collections configuration. Raw error:\nfailed to save collection \"_params\": SQL \
                 logic error: table `_params` already exists (1).",
            ),
        ),
        (
            json!({"name": "x", "fields": [{"name": "a", "type": "text"}], "indexes": ["create index i on x (zz)"]}),
            json!({"indexes": {"0": {
                "code": "validation_invalid_index_expression",
                "message": "Failed to create index i - SQL logic error: no such column: zz (1).",
            }}}),
        ),
    ] {
        let answer = import(&app, json!({"collections": [fine, item]}));
        assert_eq!(answer.refused(400, NOT_IMPORTED), expected, "{item}");
        assert_eq!(whole_schema(&app), before, "{item}");
        app.get("/api/collections/fine").superuser().expect(404);
    }
    let unnamed = import(&app, json!({"collections": [null]})).refused(400, NOT_IMPORTED);
    let message = unnamed["collections"]["message"].as_str().expect("a message");
    assert!(message.starts_with("Data validations failed for collection \"\""), "{message}");
    assert!(message.ends_with("{\n  \"name\": \"cannot be blank\"\n}."), "{message}");
}

#[test]
fn items_may_refer_to_one_another_and_come_in_any_order() {
    let app = TestApp::new();
    let relation = |name: &str, to: &str| json!({"name": name, "type": "relation", "collectionId": to});
    let collections = json!([
        {"name": "outer", "type": "view", "viewQuery": "select id, twice from inner_view"},
        {"name": "inner_view", "type": "view", "viewQuery": "select id, n * 2 as twice from one"},
        {"name": "one", "id": "one_id", "fields": [relation("to", "two_id"), {"name": "n", "type": "number"}],
         "listRule": "to.name != ''"},
        {"name": "two", "id": "two_id", "fields": [relation("to", "one_id"), {"name": "name", "type": "text"}]},
        {"name": "people", "type": "auth"}
    ]);
    import(&app, json!({"collections": collections})).expect(204);
    app.create_collection(json!({"name": "x", "fields": [relation("to", "one_id")]}));
    let outer = app.get("/api/collections/outer").superuser().ok();
    assert_eq!(outer["fields"][1]["name"], "twice");
    assert_eq!(app.get("/api/collections/people").superuser().ok()["fields"].as_array().map(Vec::len), Some(6));
    // The same again changes nothing but the dates.
    import(&app, json!({"collections": collections})).expect(204);
}

#[test]
fn what_is_not_named_stays_unless_missing_things_shall_go() {
    let app = TestApp::new();
    let fields = json!([{"name": "a", "type": "text", "id": "fa"}, {"name": "b", "type": "text", "id": "fb"}]);
    app.create_open_collection("t", fields);
    app.create_open_collection("other", json!([]));
    app.create_collection(json!({"name": "v", "type": "view", "viewQuery": "select id from other"}));
    let id = app.create("t", json!({"a": "A", "b": "B"}))["id"].as_str().expect("an id").to_owned();
    // Left out, `b` comes back behind; sent without an id, `a` is the stored one.
    let item = json!({"name": "t", "fields": [{"name": "a", "type": "text", "help": "new"}]});
    import(&app, json!({"collections": [item]})).expect(204);
    let names: Vec<String> = app.get("/api/collections/t").superuser().ok()["fields"]
        .as_array()
        .expect("fields")
        .iter()
        .map(|field| format!("{} {}", field["name"].as_str().unwrap(), field["id"].as_str().unwrap()))
        .collect();
    assert_eq!(names, ["a fa", "id text3208210256", "b fb"]);
    let record = app.view("t", &id);
    assert_eq!((&record["a"], &record["b"]), (&json!("A"), &json!("B")));
    import(&app, json!({"collections": [item], "deleteMissing": true})).expect(204);
    assert_eq!(columns(&app, "t"), ["a", "id"]);
    assert_eq!(app.view("t", &id)["a"], "A");
    let left = app.rows("SELECT name FROM _collections WHERE NOT system ORDER BY name");
    assert_eq!(left, [json!(["t"])]);
    app.get("/api/collections/other").superuser().expect(404);
}

#[test]
fn a_thousand_collections_come_in_one_import() {
    let app = TestApp::new();
    let item = |n: u32| {
        json!({
            "name": format!("c{n}"), "fields": [{"name": "title", "type": "text"}, {"name": "n", "type": "number"}],
            "indexes": [format!("create index i{n} on c{n} (title)")], "listRule": "title != ''",
        })
    };
    let collections: Vec<Value> = (0..1000).map(item).collect();
    import(&app, json!({"collections": collections})).expect(204);
    assert_eq!(app.get("/api/collections?perPage=1").superuser().ok()["totalItems"], 1006);
    app.post("/api/collections/c999/records").superuser().json(json!({"title": "x"})).ok();
    assert_eq!(app.get("/api/collections/c999/records").ok()["totalItems"], 1);
}
