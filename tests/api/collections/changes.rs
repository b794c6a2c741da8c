//! Tables follow their collections, with their data (contract/02 §5, §7, §10).

use serde_json::{Value, json};
use support::TestApp;

use super::{NOT_UPDATED, columns, whole_schema};

fn field(app: &TestApp, collection: &str, name: &str) -> Value {
    let collection = app.get(&format!("/api/collections/{collection}")).superuser().ok();
    collection["fields"].as_array().expect("fields").iter().find(|field| field["name"] == name).expect("there").clone()
}

#[test]
fn fields_come_go_and_swap_names_with_their_data() {
    let app = TestApp::new();
    let fields = json!([
        {"name": "a", "type": "text", "id": "fa"}, {"name": "b", "type": "text", "id": "fb"},
        {"name": "n", "type": "number", "id": "fn"}
    ]);
    app.create_open_collection("t", fields);
    let record = app.create("t", json!({"a": "A", "b": "B", "n": 7}));
    let id = record["id"].as_str().expect("an id");
    let fields = json!([
        {"name": "b", "type": "text", "id": "fa"}, {"name": "a", "type": "text", "id": "fb"},
        {"name": "N", "type": "number", "id": "fn"}, {"name": "flag", "type": "bool"}
    ]);
    app.update_collection("t", json!({"fields": fields}));
    let swapped = app.view("t", id);
    assert_eq!(
        (&swapped["a"], &swapped["b"], &swapped["N"], &swapped["flag"]),
        (&json!("B"), &json!("A"), &json!(7), &json!(false))
    );
    assert_eq!(columns(&app, "t"), ["N", "a", "b", "flag", "id"]);
    // Left out, a field is dropped; sent without its id, it is the stored one of its name and type.
    app.update_collection("t", json!({"fields": [{"name": "a", "type": "text"}]}));
    assert_eq!(field(&app, "t", "a")["id"], "fb");
    assert_eq!(app.view("t", id)["a"], "B");
    assert_eq!(columns(&app, "t"), ["a", "id"]);
    // Another type under the old name is another field.
    app.update_collection("t", json!({"fields": [{"name": "a", "type": "number"}]}));
    assert_eq!(app.view("t", id)["a"], 0);
}

#[test]
fn values_are_converted_between_one_and_many() {
    let app = TestApp::new();
    let select =
        |max: u32| json!([{"name": "s", "id": "s", "type": "select", "values": ["x", "y", "z"], "maxSelect": max}]);
    app.create_open_collection("t", select(1));
    app.update_collection("t", json!({"indexes": ["create index by_s on t (s)"]}));
    let ids: Vec<String> = ["x", ""]
        .iter()
        .map(|value| app.create("t", json!({"s": value}))["id"].as_str().expect("an id").to_owned())
        .collect();
    app.create_collection(json!({"name": "v", "type": "view", "viewQuery": "select id, s from t", "listRule": ""}));
    app.update_collection("t", json!({"fields": select(3)}));
    assert_eq!((app.view("t", &ids[0])["s"].clone(), app.view("t", &ids[1])["s"].clone()), (json!(["x"]), json!([])));
    assert_eq!(field(&app, "v", "s")["maxSelect"], 3);
    app.update("t", &ids[0], json!({"s": ["x", "z", "y"]}));
    app.update_collection("t", json!({"fields": select(1)}));
    assert_eq!((app.view("t", &ids[0])["s"].clone(), app.view("t", &ids[1])["s"].clone()), (json!("y"), json!("")));
    assert_eq!(app.rows("SELECT name FROM sqlite_schema WHERE type = 'index' AND name = 'by_s'"), [json!(["by_s"])]);
    assert_eq!(app.get("/api/collections/v/records?sort=s").ok()["items"][1]["s"], "y");
}

#[test]
fn a_rename_takes_indexes_and_rate_limits_along() {
    let app = TestApp::new();
    app.create_open_collection("old_name", json!([{"name": "a", "type": "text"}]));
    app.update_collection("old_name", json!({"indexes": ["create index by_a on old_name (a)"]}));
    app.create("old_name", json!({"a": "x"}));
    let rule = json!({"label": "old_name:create", "maxRequests": 9, "duration": 9, "audience": ""});
    app.update_settings(json!({"rateLimits": {"rules": [rule]}}));
    let renamed = app.update_collection("old_name", json!({"name": "new_name"}));
    assert_eq!(renamed["indexes"], json!(["CREATE INDEX `by_a` ON `new_name` (`a`)"]));
    assert_eq!(app.get("/api/collections/new_name/records").ok()["items"][0]["a"], "x");
    let settings = app.get("/api/settings").superuser().ok();
    assert_eq!(settings["rateLimits"]["rules"][0]["label"], "new_name:create");
    // Only another case: the table stays as it is.
    app.update_collection("new_name", json!({"name": "NEW_name"}));
    assert_eq!(app.get("/api/collections/new_name/records").ok()["items"][0]["collectionName"], "NEW_name");
}

#[test]
fn an_index_that_names_a_renamed_column_refuses_the_change_whole() {
    let app = TestApp::new();
    app.create_open_collection("t", json!([{"name": "a", "type": "text", "id": "fa"}]));
    app.update_collection("t", json!({"indexes": ["create index by_a on t (a)"]}));
    app.create("t", json!({"a": "x"}));
    let before = whole_schema(&app);
    let fields = json!([{"name": "b", "type": "text", "id": "fa"}]);
    let data = app.patch("/api/collections/t").superuser().json(json!({"fields": fields})).refused(400, NOT_UPDATED);
    let message = "Failed to create index by_a - SQL logic error: no such column: a (1).";
    assert_eq!(data["indexes"]["0"]["message"], message);
    assert_eq!(whole_schema(&app), before);
    app.update_collection("t", json!({"fields": fields, "indexes": ["create index by_b on t (b)"]}));
    assert_eq!(app.get("/api/collections/t/records").ok()["items"][0]["b"], "x");
}

#[test]
fn a_referenced_or_system_collection_is_not_deleted_any_other_goes_with_all_it_has() {
    let app = TestApp::new();
    let target = app.create_open_collection("target", json!([]));
    let relation = json!([{"name": "r", "type": "relation", "collectionId": target["id"]}]);
    app.create_open_collection("referring", relation);
    let message = "Failed to delete collection probably due to existing reference in referring.";
    app.delete("/api/collections/target").superuser().refused(400, message);
    app.delete("/api/collections/_otps").superuser().refused(400, "Failed to delete collection.");
    app.create_collection(json!({"name": "v", "type": "view", "viewQuery": "select id from referring"}));
    app.delete("/api/collections/referring").superuser().refused(400, "Failed to delete collection.");
    app.execute("CREATE VIEW broken AS SELECT * FROM gone"); // broken before, so not by this
    for name in ["v", "referring", "target"] {
        app.delete(&format!("/api/collections/{name}")).superuser().expect(204);
        app.get(&format!("/api/collections/{name}")).superuser().expect(404);
    }
    assert_eq!(app.rows("SELECT name FROM sqlite_schema WHERE name IN ('v', 'referring', 'target')"), [] as [Value; 0]);
}

#[test]
fn truncate_takes_every_record_or_none() {
    let app = TestApp::new();
    let target = app.create_open_collection("target", json!([]));
    for _ in 0..3 {
        app.create("target", json!({}));
    }
    app.create_collection(json!({"name": "v", "type": "view", "viewQuery": "select id from target"}));
    let view = "View collections cannot be truncated since they don't store their own records.";
    app.delete("/api/collections/v/truncate").superuser().refused(400, view);
    let relation = json!([{"name": "r", "type": "relation", "collectionId": target["id"], "required": true}]);
    app.create_open_collection("referring", relation);
    let first = app.get("/api/collections/target/records").ok()["items"][0]["id"].clone();
    let referring = app.create("referring", json!({"r": first}));
    let stuck = "Failed to truncate collection (most likely due to required cascade delete record references).";
    app.delete("/api/collections/target/truncate").superuser().refused(400, stuck);
    app.delete("/api/collections/_superusers/truncate").superuser().refused(400, stuck);
    assert_eq!(app.get("/api/collections/target/records").ok()["totalItems"], 3);
    let id = referring["id"].as_str().expect("an id");
    app.delete(&format!("/api/collections/referring/records/{id}")).expect(204);
    app.delete("/api/collections/target/truncate").superuser().expect(204);
    assert_eq!(app.get("/api/collections/target/records").ok()["totalItems"], 0);
}
