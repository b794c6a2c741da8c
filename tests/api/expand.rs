//! `expand` (contract/05 §4).

use serde_json::{Value, json};
use support::TestApp;

/// Authors a1 (of team t1) and a2; posts p1 by a1 with editors a2, a1, and p2 by nobody; comments c1, c2 on p1.
fn blog() -> TestApp {
    let app = TestApp::new();
    let teams = app.create_open_collection("teams", json!([{"type": "text", "name": "name"}]));
    let authors = app.create_open_collection(
        "authors",
        json!([{"type": "text", "name": "name"}, {"type": "text", "name": "secret", "hidden": true},
            {"type": "relation", "name": "team", "collectionId": teams["id"]}]),
    );
    let posts = app.create_open_collection(
        "posts",
        json!([{"type": "relation", "name": "author", "collectionId": authors["id"]},
            {"type": "relation", "name": "editors", "collectionId": authors["id"], "maxSelect": 5},
            {"type": "relation", "name": "shadow", "collectionId": authors["id"], "hidden": true}]),
    );
    app.create_open_collection("comments", json!([{"type": "relation", "name": "post", "collectionId": posts["id"]}]));
    app.create("teams", json!({"id": id("t1"), "name": "T"}));
    app.create("authors", json!({"id": id("a1"), "name": "Ann", "secret": "s", "team": id("t1")}));
    app.create("authors", json!({"id": id("a2"), "name": "Bob", "secret": "s"}));
    let editors = [id("a2"), id("a1")];
    app.create("posts", json!({"id": id("p1"), "author": id("a1"), "editors": editors, "shadow": id("a2")}));
    app.create("posts", json!({"id": id("p2")}));
    app.create("comments", json!({"id": id("c1"), "post": id("p1")}));
    app.create("comments", json!({"id": id("c2"), "post": id("p1")}));
    app
}

/// A record id that begins with a short name.
fn id(short: &str) -> String {
    format!("{short:0<15}")
}

fn expand(app: &TestApp, post: &str, paths: &str) -> Value {
    app.get(&format!("/api/collections/posts/records/{}?expand={paths}", id(post))).ok()["expand"].clone()
}

/// The shape of an expansion: ids in place of records, with what they expand to.
fn ids(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(ids).collect(),
        Value::Object(object) => match (object.get("id"), object.get("expand")) {
            (Some(Value::String(id)), None) => json!(id.trim_end_matches('0')),
            (Some(Value::String(id)), Some(expand)) => json!({ id.trim_end_matches('0'): ids(expand) }),
            _ => Value::Object(object.iter().map(|(key, value)| (key.clone(), ids(value))).collect()),
        },
        other => other.clone(),
    }
}

#[test]
fn paths_give_what_they_name() {
    let app = blog();
    for (paths, expected) in [
        ("author", json!({"author": "a1"})),
        ("editors", json!({"editors": ["a2", "a1"]})),
        ("author.team", json!({"author": {"a1": {"team": "t1"}}})),
        ("editors.team,author", json!({"author": "a1", "editors": [{"a2": {}}, {"a1": {"team": "t1"}}]})),
        ("comments_via_post", json!({"comments_via_post": ["c1", "c2"]})),
        ("comments(post)", json!({"comments(post)": ["c1", "c2"]})),
        ("author.posts_via_author.author", json!({"author": {"a1": {"posts_via_author": [{"p1": {"author": "a1"}}]}}})),
        ("nope", Value::Null),
        ("author.nope", Value::Null),
        ("author,author.nope", Value::Null),
        ("author.team,author.nope", json!({"author": {"a1": {"team": "t1"}}})),
        ("%20aut%20hor%20,nope", json!({"author": "a1"})),
        ("Author", Value::Null),
        ("shadow", Value::Null),
        ("", Value::Null),
    ] {
        assert_eq!(ids(&expand(&app, "p1", paths)), expected, "{paths}");
    }
    assert_eq!(expand(&app, "p2", "author,editors,comments_via_post"), json!({}));
}

#[test]
fn a_list_and_the_answers_of_writes_expand_too() {
    let app = blog();
    let page = app.get("/api/collections/posts/records?expand=author&sort=id").ok();
    assert_eq!(ids(&page["items"]), json!([{"p1": {"author": "a1"}}, {"p2": {}}]));
    let created = app.post("/api/collections/posts/records?expand=author").json(json!({"author": id("a2")})).ok();
    assert_eq!(ids(&created["expand"]), json!({"author": "a2"}));
    let path = format!("/api/collections/posts/records/{}?expand=author", id("p2"));
    let updated = app.patch(&path).json(json!({"author": id("a1")})).ok();
    assert_eq!(ids(&updated["expand"]), json!({"author": "a1"}));
}

#[test]
fn the_view_rule_of_the_target_decides_and_hidden_fields_stay_hidden() {
    let app = blog();
    let shown = expand(&app, "p1", "author");
    assert_eq!(shown["author"].get("secret"), None);
    app.update_collection("authors", json!({"viewRule": "name = 'Bob'"}));
    assert_eq!(ids(&expand(&app, "p1", "author,editors")), json!({"editors": ["a2"]}));
    app.update_collection("authors", json!({"viewRule": "@request.context = 'expand'"}));
    assert_eq!(ids(&expand(&app, "p1", "author")), json!({"author": "a1"}));
    app.update_collection("authors", json!({"viewRule": null}));
    assert_eq!(expand(&app, "p1", "author"), Value::Null);
    let path = format!("/api/collections/posts/records/{}?expand=author,shadow", id("p1"));
    let all = app.get(&path).superuser().ok();
    assert_eq!(ids(&all["expand"]), json!({"author": "a1", "shadow": "a2"}));
    assert_eq!(all["expand"]["author"]["secret"], "s");
}
