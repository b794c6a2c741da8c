//! Bad input, line by line (contract/02 §1, §6, §8).

use serde_json::{Value, json};
use support::TestApp;

use super::{NOT_CREATED, NOT_UPDATED, error, required, whole_schema};

const BAD_TYPE_DATA: &str = "Failed to load the collection type data due to invalid formatting.";
const BAD_DATA: &str = "Failed to load the submitted data due to invalid formatting.";

fn length_outside(min: u32, max: u32) -> Value {
    json!({
        "code": "validation_length_out_of_range", "message": format!("The length must be between {min} and {max}."),
        "params": {"min": min, "max": max},
    })
}

fn bad_format() -> Value {
    error("validation_match_invalid", "Must be in a valid format.")
}

#[test]
fn bodies_of_the_wrong_shape_are_refused_whole() {
    let app = TestApp::new();
    for (body, message) in [
        ("{", BAD_TYPE_DATA),
        ("[]", BAD_TYPE_DATA),
        ("\"x\"", BAD_TYPE_DATA),
        (r#"{"name":["x"]}"#, BAD_TYPE_DATA),
        (r#"{"type":1}"#, BAD_TYPE_DATA),
        (r#"{"name":"x","fields":{}}"#, BAD_DATA),
        (r#"{"name":"x","fields":[{"name":"a"}]}"#, BAD_DATA),
        (r#"{"name":"x","fields":[{"name":"a","type":"nope"}]}"#, BAD_DATA),
        (r#"{"name":"x","fields":[{"name":"a","type":"text","min":"3"}]}"#, BAD_DATA),
        (r#"{"name":"x","indexes":"a"}"#, BAD_DATA),
        (r#"{"name":"x","listRule":1}"#, BAD_DATA),
        (r#"{"name":"x","type":"auth","otp":{"duration":1.5}}"#, BAD_DATA),
        (r#"{"name":"x","type":"auth","oauth2":{"providers":[1]}}"#, BAD_DATA),
    ] {
        let create = app.post("/api/collections").superuser().body("application/json", body);
        assert_eq!(create.send().refused(400, message), json!({}), "{body}");
    }
    let update = app.patch("/api/collections/users").superuser();
    assert_eq!(update.clone().body("application/json", "{").refused(400, BAD_DATA), json!({}));
    assert_eq!(update.clone().body("application/json", r#"{"name":5}"#).refused(400, BAD_DATA), json!({}));
    assert_eq!(update.body("text/plain", "x").refused(400, BAD_DATA), json!({}));
    let empty = app.post("/api/collections").superuser().refused(400, NOT_CREATED);
    assert_eq!(empty, json!({"name": required()}));
}

#[test]
fn names_and_ids_are_checked() {
    let app = TestApp::with_base();
    let taken = error("validation_collection_name_exists", "Collection name must be unique (case insensitive).");
    let internal =
        error("validation_collection_name_invalid", "The name shouldn't match with an existing internal table.");
    for (name, expected) in [
        (json!(""), required()),
        (json!("a".repeat(256)), length_outside(1, 255)),
        (json!("a_VIA_b"), error("validation_found_via", "The value cannot contain \"_via_\".")),
        (json!("a b"), bad_format()),
        (json!("é"), bad_format()),
        (json!("x`; DROP TABLE users; --"), bad_format()),
        (json!("DEMO1"), taken),
        (
            json!("_pb_users_auth_"),
            error("validation_collection_name_id_duplicate", "The name must not match an existing collection id."),
        ),
        (json!("_PARAMS"), internal.clone()),
        (json!("sqlite_abc"), internal.clone()),
        (json!("_MB_x"), internal),
    ] {
        let data = app.post("/api/collections").superuser().json(json!({"name": name})).refused(400, NOT_CREATED);
        assert_eq!(data, json!({"name": expected}), "{name}");
    }
    let existing = error("validation_invalid_or_existing_id", "The model id is invalid or already exists.");
    for (id, expected) in [
        ("a b".to_owned(), bad_format()),
        ("a".repeat(101), length_outside(1, 100)),
        ("_pb_users_auth_".to_owned(), existing),
    ] {
        let data =
            app.post("/api/collections").superuser().json(json!({"name": "x", "id": id})).refused(400, NOT_CREATED);
        assert_eq!(data, json!({"id": expected}), "{id}");
    }
    let other_id = app.patch("/api/collections/demo1").superuser().json(json!({"id": "other"}));
    let mismatch = error("validation_values_mismatch", "Values don't match.");
    assert_eq!(other_id.refused(400, NOT_UPDATED), json!({"id": mismatch}));
}

#[test]
fn types_and_system_flags_stay() {
    let app = TestApp::with_base();
    let unknown = app.post("/api/collections").superuser().json(json!({"name": "x", "type": "graph"}));
    let unknown = unknown.refused(400, NOT_CREATED);
    assert_eq!(unknown["type"], error("validation_in_invalid", "Must be a valid value."));
    let changed = error("validation_collection_type_change", "Collection type cannot be changed.");
    let to_base = app.patch("/api/collections/users").superuser().json(json!({"type": "base"}));
    assert_eq!(to_base.refused(400, NOT_UPDATED), json!({"type": changed}));
    let flag = app.patch("/api/collections/demo1").superuser().json(json!({"system": true}));
    assert_eq!(
        flag.refused(400, NOT_UPDATED),
        json!({"system": error("validation_collection_system_flag_change", "System collection state cannot be changed.")})
    );
    let rename = app.patch("/api/collections/_otps").superuser().json(json!({"name": "x", "listRule": ""}));
    assert_eq!(
        rename.refused(400, NOT_UPDATED),
        json!({
            "name": error("validation_collection_system_name_change", "System collection name cannot be changed."),
            "listRule":
                error("validation_collection_system_rule_change", "System collection API rule cannot be changed."),
        })
    );
}

#[test]
fn fields_are_checked_stage_by_stage() {
    let app = TestApp::new();
    let text = |name: &str| json!({"name": name, "type": "text"});
    let refuse = |fields: Value| {
        let body = json!({"name": "f", "fields": fields});
        app.post("/api/collections").superuser().json(body).refused(400, NOT_CREATED)["fields"].clone()
    };
    let twin = |id: &str, name: &str| json!({"id": id, "name": name, "type": "text"});
    let duplicated_id = error("validation_duplicated_field_id", "Duplicated or invalid field id \"i1\".");
    assert_eq!(refuse(json!([twin("i1", "a"), twin("i1", "b")])), json!({"2": {"id": duplicated_id}}));
    assert_eq!(
        refuse(json!([text("a"), text("A")])),
        json!({"2": {"name": {
            "code": "validation_duplicated_field_name", "message": "Duplicated or invalid field name A.",
            "params": {"fieldName": "A"},
        }}})
    );
    assert_eq!(refuse(json!([text("a"), text("a")]))["2"]["name"]["code"], "validation_duplicated_field_name");
    let data = refuse(json!([text("a b"), text("collectionId"), {"name": "n", "type": "number", "min": 5, "max": 1}]));
    assert_eq!(data["1"]["name"], bad_format());
    assert_eq!(data["2"]["name"], error("validation_not_in_invalid", "Must not be in list."));
    assert_eq!(data["3"]["max"]["code"], "validation_min_number_constraint");
    assert_eq!(
        refuse(json!([{"name": "r", "type": "relation", "collectionId": "users"}]))["1"]["collectionId"]["code"],
        "validation_field_relation_missing_collection"
    );
}

#[test]
fn system_fields_types_and_reserved_names_are_kept() {
    let app = TestApp::new();
    let made = app.create_open_collection("f", json!([{"name": "a", "type": "text", "id": "a1"}]));
    let change = |collection: &str, fields: Value| {
        let body = json!({"fields": fields});
        app.patch(&format!("/api/collections/{collection}")).superuser().json(body).refused(400, NOT_UPDATED)["fields"]
            .clone()
    };
    let system = error("validation_system_field_change", "System fields cannot be deleted or renamed.");
    assert_eq!(change("f", json!([{"name": "id", "type": "text", "id": "other"}])), system);
    let mut retyped = made["fields"].clone();
    retyped[1]["type"] = json!("number");
    retyped[1].as_object_mut().expect("a field").retain(|key, _| ["id", "name", "type"].contains(&key.as_str()));
    let type_change = error("validation_field_type_change", "Field type cannot be changed.");
    assert_eq!(change("f", retyped), json!({"1": type_change}));
    let reserved = error("validation_reserved_field_name", "The field name is reserved and cannot be used.");
    let mut fields = app.get("/api/collections/users").superuser().ok()["fields"].clone();
    let at = fields.as_array().expect("fields").len();
    fields.as_array_mut().expect("fields").push(json!({"name": "oldPassword", "type": "text"}));
    assert_eq!(change("users", fields), json!({at.to_string(): {"name": reserved}}));
}

#[test]
fn rules_are_compiled_when_they_are_saved() {
    let app = TestApp::new();
    app.create_open_collection("r", json!([{"name": "title", "type": "text"}]));
    let bad = |cause: &str| error("validation_invalid_rule", &format!("Invalid rule. Raw error: {cause}."));
    for (rule, cause) in [
        ("zzz = 1", "invalid left operand \"zzz\" - unknown field \"zzz\""),
        ("title =", "invalid or incomplete filter expression"),
        ("  ", "empty filter expression"),
        (
            "@collection.nope.name = 1",
            "invalid left operand \"@collection.nope.name\" - failed to load collection \"nope\" from field path \
             \"@collection.nope.name\"",
        ),
    ] {
        let body = json!({"viewRule": rule});
        let data = app.patch("/api/collections/r").superuser().json(body).refused(400, NOT_UPDATED);
        assert_eq!(data, json!({"viewRule": bad(cause)}), "{rule}");
    }
    // A rule over a field that goes, or gets another name, refuses the change and is named.
    app.update_collection("r", json!({"listRule": "title != ''"}));
    let renamed = json!({"fields": [{"id": "text724990059", "name": "label", "type": "text"}]});
    for fields in [json!({"fields": []}), renamed] {
        let data = app.patch("/api/collections/r").superuser().json(fields).refused(400, NOT_UPDATED);
        assert_eq!(data, json!({"listRule": bad("invalid left operand \"title\" - unknown field \"title\"")}));
    }
}

#[test]
fn indexes_are_checked_one_by_one() {
    let app = TestApp::with_base();
    let fields = json!([{"name": "a", "type": "text"}, {"name": "b", "type": "text"}]);
    app.create_collection(json!({"name": "ix", "fields": fields, "indexes": ["create index taken on ix (a)"]}));
    let invalid = || error("validation_invalid_index_expression", "Invalid CREATE INDEX expression.");
    let failed = |text: &str| error("validation_invalid_index_expression", text);
    for (indexes, expected) in [
        (json!(["nope"]), json!({"0": invalid()})),
        (json!(["create index on new (a)"]), json!({"0": invalid()})),
        (json!(["create index i on new (a); drop table demo1"]), json!({"0": invalid()})),
        (json!(["create index i on new (a) where a > 1 /* ' */; drop table demo1 /* ' */"]), json!({"0": invalid()})),
        (
            json!(["create index i on new (a)", "create index I on new (b)"]),
            json!({"1": error("validation_duplicated_index_name", "The index name already exists.")}),
        ),
        (
            json!(["create index i on new (a desc)", "create index j on other (a DESC)"]),
            json!({"1": error("validation_duplicated_index_definition", "The index definition already exists.")}),
        ),
        (
            json!(["create index TAKEN on new (a)"]),
            json!({"0": {
                "code": "validation_existing_index_name", "message": "The index name is already used in ix collection.",
                "params": {"usedTableName": "ix"},
            }}),
        ),
        (
            json!(["create index i on new (zz)", "create index j on new (a)", "create index k on new (nope(a))"]),
            json!({
                "0": failed("Failed to create index i - SQL logic error: no such column: zz (1)."),
                "2": failed("Failed to create index k - SQL logic error: no such function: nope (1)."),
            }),
        ),
    ] {
        let before = whole_schema(&app);
        let body = json!({"name": "new", "fields": fields, "indexes": indexes});
        let data = app.post("/api/collections").superuser().json(body).refused(400, NOT_CREATED);
        assert_eq!(data, json!({"indexes": expected}), "{indexes}");
        assert_eq!(whole_schema(&app), before, "{indexes}");
    }
    app.create("ix", json!({"a": "same"}));
    app.create("ix", json!({"a": "same"}));
    let unique =
        app.patch("/api/collections/ix").superuser().json(json!({"indexes": ["create unique index u on ix (a)"]}));
    let text = "Failed to create index u - constraint failed: UNIQUE constraint failed: ix.a (2067).";
    assert_eq!(unique.refused(400, NOT_UPDATED), json!({"indexes": {"0": failed(text)}}));
}
