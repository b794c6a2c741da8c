//! Collections through their routes (contract/02).

mod auth_options;
mod changes;
mod import;
mod refusals;
mod sequences;
mod views;

use serde_json::{Value, json};
use support::TestApp;

const NOT_CREATED: &str = "Failed to create collection.";
const NOT_UPDATED: &str = "Failed to update collection.";
const DEFAULT_REFUSAL: &str = "Something went wrong while processing your request.";
const NOT_FOUND: &str = "The requested resource wasn't found.";

fn error(code: &str, message: &str) -> Value {
    json!({"code": code, "message": message})
}

fn required() -> Value {
    error("validation_required", "Cannot be blank.")
}

/// The columns of a table as the database tells them.
fn columns(app: &TestApp, table: &str) -> Vec<String> {
    let rows = app.rows(&format!("SELECT name FROM pragma_table_info('{table}') ORDER BY name"));
    rows.iter().map(|row| row[0].as_str().expect("a name").to_owned()).collect()
}

/// Every statement of the schema, and every row of the collections: what a refused change must leave as it is.
fn whole_schema(app: &TestApp) -> (Vec<Value>, Vec<Value>) {
    let statements =
        app.rows("SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE name NOT LIKE '_mb_%' ORDER BY 1, 2");
    (statements, app.rows("SELECT * FROM _collections ORDER BY id"))
}

#[test]
fn every_route_is_for_superusers() {
    let app = TestApp::with_base();
    let user = app.token("users", "test@example.com");
    for (method, path) in [
        ("GET", "/api/collections"),
        ("POST", "/api/collections"),
        ("GET", "/api/collections/demo1"),
        ("PATCH", "/api/collections/demo1"),
        ("DELETE", "/api/collections/demo1"),
        ("DELETE", "/api/collections/demo1/truncate"),
        ("PUT", "/api/collections/import"),
        ("GET", "/api/collections/meta/scaffolds"),
        ("GET", "/api/collections/meta/oauth2-providers"),
        ("POST", "/api/collections/meta/dry-run-view"),
    ] {
        let guest = app.request(method, path).send();
        guest.refused(401, "The request requires valid record authorization token.");
        let refused = app.request(method, path).token(&user).send();
        refused.refused(403, "The authorized record is not allowed to perform this action.");
    }
}

#[test]
fn a_collection_is_found_by_id_or_by_name_in_any_case_and_shown_without_secrets() {
    let app = TestApp::with_base();
    let by_id = app.get("/api/collections/_pb_users_auth_").superuser().ok();
    assert_eq!(app.get("/api/collections/USERS").superuser().ok(), by_id);
    assert!(!by_id.to_string().contains("ecret\""), "{by_id}");
    assert_eq!(by_id["oauth2"]["providers"][0]["name"], "gitlab");
    for missing in ["nope", "_PB_USERS_AUTH_", "import"] {
        app.get(&format!("/api/collections/{missing}")).superuser().refused(404, NOT_FOUND);
    }
    let picked = app.get("/api/collections/demo2?fields=name,fields.name").superuser().ok();
    assert_eq!(picked["fields"][0], json!({"name": "id"}));
}

#[test]
fn the_list_is_in_the_order_of_creation_and_filtered_sorted_and_paged() {
    let app = TestApp::with_base();
    let names = |query: &str| -> Vec<String> {
        let page = app.get(&format!("/api/collections?{query}")).superuser().ok();
        page["items"].as_array().expect("items").iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names("perPage=3"), ["users", "demo1", "demo2"]);
    assert_eq!(names("filter=type='view'&sort=-name"), ["view2", "view1", "numeric_id_view"]);
    assert_eq!(names("filter=system=true%26%26name~'otp'"), ["_otps"]);
    assert_eq!(names("sort=-@rowid&perPage=1"), ["_authOrigins"]);
    assert_eq!(names("page=99"), Vec::<String>::new());
    let page = app.get("/api/collections?perPage=5&page=2&skipTotal=1&fields=id").superuser().ok();
    assert_eq!((&page["totalItems"], &page["totalPages"], &page["page"]), (&json!(-1), &json!(-1), &json!(2)));
    let page = app.get("/api/collections?perPage=5").superuser().ok();
    assert_eq!((&page["totalItems"], &page["totalPages"]), (&json!(16), &json!(4)));
    for wrong in
        ["page=x", "filter=fields='x'", "filter=nope=1", "filter=(", "sort=options", "filter=@request.method='x'"]
    {
        let refused = app.get(&format!("/api/collections?{wrong}")).superuser().send();
        assert_eq!(refused.refused(400, DEFAULT_REFUSAL), json!({}), "{wrong}");
    }
}

#[test]
fn a_scaffold_is_posted_back_with_a_name() {
    let app = TestApp::new();
    let scaffolds = app.get("/api/collections/meta/scaffolds").superuser().ok();
    for kind in ["base", "auth"] {
        let mut body = scaffolds[kind].clone();
        body["name"] = json!(format!("made_{kind}"));
        let made = app.create_collection(body);
        assert_eq!(made["type"], kind);
        assert_eq!(made["fields"], scaffolds[kind]["fields"]);
    }
    assert_eq!(
        app.rows(
            "SELECT count(*) FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'made_auth' AND sql IS NOT NULL"
        ),
        [json!([2])]
    );
    let providers = app.get("/api/collections/meta/oauth2-providers").superuser().ok();
    assert_eq!(providers.as_array().map(Vec::len), Some(32));
    assert_eq!(providers[10]["displayName"], "Gitea/Forgejo");
    assert!(providers[0]["logo"].as_str().expect("a logo").starts_with("<svg "));
}

#[test]
fn a_form_leaves_rules_that_it_does_not_name_as_they_are() {
    let app = TestApp::new();
    let made = app.post("/api/collections").superuser().form(&[("name", "forms"), ("type", "base")]).ok();
    for rule in ["listRule", "viewRule", "createRule", "updateRule", "deleteRule"] {
        assert_eq!(made[rule], Value::Null, "{rule}");
    }
    let payload = r#"{"listRule":"","fields":[{"name":"n","type":"number"}]}"#;
    let changed = app.patch("/api/collections/forms").superuser().form(&[("@jsonPayload", payload)]).ok();
    assert_eq!((&changed["listRule"], &changed["viewRule"]), (&json!(""), &Value::Null));
    assert_eq!(changed["fields"][1]["name"], "n");
}
