//! Views: what their fields are, and how they follow what they read (contract/02 §9).

use serde_json::{Value, json};
use support::TestApp;

use super::{NOT_CREATED, NOT_UPDATED, error};

fn with_posts() -> TestApp {
    let app = TestApp::new();
    let fields = json!([
        {"name": "title", "type": "text", "id": "t", "max": 50}, {"name": "views", "type": "number", "id": "n"},
        {"name": "pin", "type": "text", "id": "p", "hidden": true}
    ]);
    app.create_open_collection("posts", fields);
    app.create("posts", json!({"title": "one", "views": 3}));
    app
}

fn create_view(app: &TestApp, name: &str, query: &str) -> Value {
    app.create_collection(json!({"name": name, "type": "view", "viewQuery": query, "listRule": ""}))
}

/// Name and type of each field, with what tells number kinds apart.
fn shape(view: &Value) -> Vec<String> {
    let fields = view["fields"].as_array().expect("fields").iter();
    fields
        .map(|field| {
            let name = field["name"].as_str().expect("a name");
            let kind = field["type"].as_str().expect("a type");
            let int = if field["onlyInt"] == true { " int" } else { "" };
            let hidden = if field["hidden"] == true { " hidden" } else { "" };
            format!("{name} {kind}{int}{hidden}")
        })
        .collect()
}

#[test]
fn fields_are_inferred_from_the_query() {
    let app = with_posts();
    for (query, expected) in [
        (
            "select p.id, p.title as t, p.id as post, count(*) c, total(views) s, max(views) as m from POSTS p group by 1",
            "id text, t text, post relation, c number int, s number, m json",
        ),
        (
            "select id, cast(views as int) i, cast(views as real) r, cast(views as text) x, cast(views as bool) b from posts",
            "id text, i number int, r number, x text, b bool",
        ),
        ("select id, title from posts union all select id || 'x', pin from posts", "id text, title text"),
        ("select id, case when views > 1 then 'many' else 'few' end as k from posts", "id text, k json"),
        ("select (row_number() over ()) as id, 1 as one from posts", "id text, one json"),
        ("with x as (select id, views v from posts) select id, v from x -- the end", "id text, v json"),
        ("select ID as id, PIN as pin from Posts", "id text, pin text hidden"),
        ("select s.id, s.pin as secret from (select id, pin from posts) s", "id text, secret text hidden"),
        ("  ; (select id, title from posts) ; ", "id text, title text"),
    ] {
        let view = create_view(&app, "v", query);
        assert_eq!(shape(&view).join(", "), expected, "{query}");
        assert_eq!(view["viewQuery"], query);
        let items = app.get("/api/collections/v/records").ok()["items"].clone();
        assert!(items[0]["id"].is_string(), "{query}: {items}");
        app.delete("/api/collections/v").superuser().expect(204);
    }
}

#[test]
fn a_query_that_cannot_be_a_view_is_refused_with_its_reason() {
    let app = with_posts();
    for (query, reason) in [
        ("select id from posts; select 1", "multiple statements are not supported"),
        (
            "select id, * from posts",
            "wildcard columns (*) are not supported - manually type the collection field names you want the view query to \
             have",
        ),
        (
            "select title from posts",
            "missing required id column (you can use `(ROW_NUMBER() OVER()) as id` if you don't have one)",
        ),
        ("select zz as id from posts", "SQL logic error: no such column: zz (1)"),
        ("select id from nope", "SQL logic error: no such table: main.nope (1)"),
        ("delete from posts", "SQL logic error: near \"delete\": syntax error (1)"),
        ("select id from posts where id = ?", "SQL logic error: parameters are not allowed in views (1)"),
        ("select id, max(views) from posts", "invalid field \"max(views)\" (1): name: must be in a valid format"),
        ("select '' as id", "the query could return records with empty or invalid ids"),
        ("select 'a' as id from (select 1 union select 2)", "the query could return records with non-unique ids"),
    ] {
        let body = json!({"name": "v", "type": "view", "viewQuery": query});
        let data = app.post("/api/collections").superuser().json(body).refused(400, NOT_CREATED);
        let expected = error("validation_invalid_view_query", &format!("Invalid query - {reason}."));
        assert_eq!(data["viewQuery"], expected, "{query}");
        let dry = app.post("/api/collections/meta/dry-run-view").superuser().json(json!({"query": query}));
        dry.refused(400, &format!("Invalid view query. Raw error: \n{reason}."));
    }
    let body =
        json!({"name": "v", "type": "view", "viewQuery": "select id from posts", "createRule": "", "indexes": ["x"]});
    let data = app.post("/api/collections").superuser().json(body).refused(400, NOT_CREATED);
    assert_eq!(data["createRule"], error("validation_nil", "Must be blank."));
    assert_eq!(data["indexes"]["code"], "validation_indexes_not_supported");
}

#[test]
fn a_view_follows_the_names_of_what_it_reads() {
    let app = with_posts();
    create_view(&app, "plain", "select id, title, views as seen from posts");
    create_view(&app, "casted", "select (row_number() over ()) as id, title from posts");
    create_view(&app, "over", "select id, seen from plain");
    let posts = app.get("/api/collections/posts").superuser().ok();
    let mut fields = posts["fields"].clone();
    fields[1]["name"] = json!("label");
    app.update_collection("posts", json!({"name": "articles", "fields": fields}));
    for (view, field, value) in [("plain", "label", "one"), ("casted", "label", "one")] {
        let stored = app.get(&format!("/api/collections/{view}")).superuser().ok();
        let query = stored["viewQuery"].as_str().expect("a query");
        assert!(query.contains("articles") && query.contains("label"), "{query}");
        assert_eq!(app.get(&format!("/api/collections/{view}/records")).ok()["items"][0][field], value);
        // What is stored is what can be saved again.
        app.update_collection(view, json!({"viewQuery": query}));
    }
    assert_eq!(app.get("/api/collections/over/records").ok()["items"][0]["seen"], 3);
    // A view's own name too.
    app.update_collection("plain", json!({"name": "renamed"}));
    let over = app.get("/api/collections/over").superuser().ok();
    assert!(over["viewQuery"].as_str().expect("a query").contains("renamed"), "{over}");
    assert_eq!(app.get("/api/collections/over/records").ok()["items"][0]["seen"], 3);
}

#[test]
fn a_view_refuses_what_would_break_it_and_is_named() {
    let app = with_posts();
    create_view(&app, "dvv", "select id, title from posts");
    create_view(&app, "over", "select id, title from dvv");
    let posts = app.get("/api/collections/posts").superuser().ok();
    let mut without: Vec<Value> = posts["fields"].as_array().expect("fields").clone();
    without.retain(|field| field["name"] != "title");
    let message = "Failed to update collection. Raw error: \nfailed to drop column title - SQL logic error: error in view \
                   dvv after drop column: no such column: title (1).";
    app.patch("/api/collections/posts").superuser().json(json!({"fields": without})).refused(400, message);
    let mut renamed = posts["fields"].clone();
    renamed[1]["name"] = json!("label");
    let refused = app.patch("/api/collections/posts").superuser().json(json!({"fields": renamed})).expect(400);
    let message = refused.json()["message"].as_str().expect("a text").to_owned();
    assert!(message.starts_with("Failed to update collection. Raw error: \n") && message.contains("over"), "{message}");
    assert_eq!(app.get("/api/collections/over/records").ok()["items"][0]["title"], "one");
}

#[test]
fn options_of_a_field_reach_the_views_that_clone_it_and_circles_are_refused() {
    let app = with_posts();
    create_view(&app, "first", "select id, title from posts");
    create_view(&app, "second", "select id, title from first");
    let mut fields = app.get("/api/collections/posts").superuser().ok()["fields"].clone();
    fields[1]["hidden"] = json!(true);
    app.update_collection("posts", json!({"fields": fields}));
    for view in ["first", "second"] {
        assert_eq!(shape(&app.get(&format!("/api/collections/{view}")).superuser().ok())[1], "title text hidden");
        assert_eq!(app.get(&format!("/api/collections/{view}/records")).ok()["items"][0].get("title"), None);
    }
    for query in ["select id, title from second", "select id, title from first"] {
        let body = json!({"viewQuery": query});
        let data = app.patch("/api/collections/first").superuser().json(body).refused(400, NOT_UPDATED);
        let message = data["viewQuery"]["message"].as_str().expect("a message");
        assert!(message.starts_with("Invalid query - ") && message.contains("circular"), "{message}");
    }
    assert_eq!(app.get("/api/collections/second/records").ok()["totalItems"], 1);
}

#[test]
fn credentials_never_leave_through_a_view() {
    let app = TestApp::new();
    app.create_user("users", "a@example.com");
    create_view(&app, "v", "select id, email, tokenKey as k, password as p, lower(email) as low from users");
    for request in [app.get("/api/collections/v/records"), app.get("/api/collections/v/records").superuser()] {
        let item = request.ok()["items"][0].clone();
        assert_eq!((&item["email"], &item["low"]), (&json!("a@example.com"), &json!("a@example.com")));
        assert_eq!((item.get("k"), item.get("p")), (None, None), "{item}");
    }
}

#[test]
fn a_dry_run_shows_fields_and_records_and_keeps_nothing() {
    let app = with_posts();
    let query = "select id, title, pin, views * 2 as twice from posts";
    let answer = app.post("/api/collections/meta/dry-run-view").superuser().json(json!({"query": query})).ok();
    assert_eq!(shape(&answer), ["id text", "title text", "pin text hidden", "twice json"]);
    let record = &answer["sample"][0];
    assert_eq!((&record["title"], &record["twice"], record.get("pin")), (&json!("one"), &json!(6), None));
    assert!(record["collectionName"].as_str().expect("a name").starts_with("temp_view_"));
    assert_eq!(app.rows("SELECT count(*) FROM sqlite_schema WHERE type = 'view'"), [json!([0])]);
    let invalid = "An error occurred while validating the submitted data.";
    let dry = |body: Value| app.post("/api/collections/meta/dry-run-view").superuser().json(body);
    assert_eq!(dry(json!({})).refused(400, invalid)["query"]["code"], "validation_required");
    assert_eq!(
        dry(json!({"query": "x".repeat(5001)})).refused(400, invalid)["query"],
        json!({"code": "validation_length_too_long", "message": "The length must be no more than 5000.",
               "params": {"min": 0, "max": 5000}})
    );
    dry(json!({"query": 5})).refused(400, "An error occurred while loading the submitted data.");
}
