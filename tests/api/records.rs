//! Records through their routes (contract/05 §1–3, §5–7, §9–10).

use std::sync::Arc;
use std::thread;

use serde_json::{Value, json};
use support::TestApp;

const DEFAULT: &str = "Something went wrong while processing your request.";
const NOT_FOUND: &str = "The requested resource wasn't found.";

fn notes() -> TestApp {
    let app = TestApp::new();
    app.create_open_collection(
        "notes",
        json!([
            {"type": "text", "name": "title", "required": true, "max": 10},
            {"type": "number", "name": "n"},
            {"type": "json", "name": "data"},
            {"type": "select", "name": "tags", "values": ["a", "b", "c"], "maxSelect": 3},
            {"type": "autodate", "name": "updated", "onCreate": true, "onUpdate": true},
        ]),
    );
    app
}

fn records(collection: &str) -> String {
    format!("/api/collections/{collection}/records")
}

#[test]
fn a_record_is_created_seen_changed_and_deleted() {
    let app = notes();
    let body = json!({"id": "aaaaaaaaaaaaaaa", "title": "one", "n": "2.5", "tags": ["b", "a", "b"], "nope": 1});
    let created = app.post(&records("notes")).json(body).ok();
    let expected = json!({
        "collectionId": created["collectionId"], "collectionName": "notes", "data": null, "id": "aaaaaaaaaaaaaaa",
        "n": 2.5, "tags": ["b", "a"], "title": "one", "updated": created["updated"],
    });
    assert_eq!(created, expected);
    let path = format!("{}/aaaaaaaaaaaaaaa", records("notes"));
    assert_eq!(app.get(&path).ok(), expected);
    app.move_clock(5_000);
    let updated = app.patch(&path).json(json!({"n+": 1, "tags-": "b", "data": {"b": 1, "a": [2]}})).ok();
    assert_eq!(
        (&updated["n"], &updated["tags"], &updated["data"]),
        (&json!(3.5), &json!(["a"]), &json!({"a": [2], "b": 1}))
    );
    assert!(updated["updated"].as_str() > created["updated"].as_str());
    assert_eq!(app.get(&path).ok(), updated);
    assert_eq!(app.delete(&path).expect(204).text(), "");
    app.get(&path).refused(404, NOT_FOUND);
    app.delete(&path).refused(404, NOT_FOUND);
}

#[test]
fn a_collection_is_found_by_id_or_by_name_in_any_case_and_ids_are_exact() {
    let app = notes();
    let created = app.create("notes", json!({"id": "aaaaaaaaaaaaaaa", "title": "x"}));
    let id = created["collectionId"].as_str().expect("an id").to_owned();
    for name in ["notes", "NOTES", id.as_str()] {
        app.get(&format!("{}/aaaaaaaaaaaaaaa", records(name))).expect(200);
    }
    app.get(&format!("{}/AAAAAAAAAAAAAAA", records("notes"))).refused(404, NOT_FOUND);
    app.get(&records("nope")).refused(404, "Missing collection context.");
    app.post(&records("nope")).refused(404, "Missing or invalid collection context.");
}

#[test]
fn refused_records_name_their_fields() {
    let app = notes();
    app.execute("CREATE UNIQUE INDEX idx_notes_title ON notes (title)");
    let blank = json!({"code": "validation_required", "message": "Cannot be blank."});
    let refused = app.post(&records("notes")).json(json!({"tags": ["z"]})).refused(400, "Failed to create record.");
    assert_eq!(refused["title"], blank);
    assert_eq!(refused["tags"]["code"], "validation_invalid_value");
    app.create("notes", json!({"title": "taken"}));
    let refused = app.post(&records("notes")).json(json!({"title": "taken"})).refused(400, "Failed to create record.");
    let taken = json!({"title": {"code": "validation_not_unique", "message": "Value must be unique."}});
    assert_eq!(refused, taken);
    let other = app.create("notes", json!({"title": "other"}));
    let path = format!("{}/{}", records("notes"), other["id"].as_str().expect("an id"));
    assert_eq!(app.patch(&path).json(json!({"title": "taken"})).refused(400, "Failed to update record."), taken);
    let moved = app.patch(&path).json(json!({"id": "bbbbbbbbbbbbbbb"})).refused(400, "Failed to update record.");
    assert_eq!(moved["id"]["code"], "validation_pk_change");
    app.patch(&path).json(json!({"id": other["id"]})).expect(200);
}

#[test]
fn a_page_has_its_part_of_the_rows_and_exact_totals() {
    let app = notes();
    for n in 0..7 {
        app.create("notes", json!({"title": format!("t{n}"), "n": n}));
    }
    let list = |query: &str| app.get(&format!("{}?{query}", records("notes"))).ok();
    let titles = |page: &Value| -> Vec<String> {
        let items = page["items"].as_array().expect("items").iter();
        items.map(|item| item["title"].as_str().expect("a title").to_owned()).collect()
    };
    let page = list("sort=-n&perPage=3&page=2");
    assert_eq!(titles(&page), ["t3", "t2", "t1"]);
    let numbers = |page: &Value| ["page", "perPage", "totalItems", "totalPages"].map(|key| page[key].as_i64());
    assert_eq!(numbers(&page), [Some(2), Some(3), Some(7), Some(3)]);
    assert_eq!(numbers(&list("perPage=3&page=9")), [Some(9), Some(3), Some(7), Some(3)]);
    assert_eq!(numbers(&list("skipTotal=1")), [Some(1), Some(30), Some(-1), Some(-1)]);
    // What nobody can match is told like anything else, so that it can't be told apart.
    assert_eq!(numbers(&list("skipTotal=1&filter=1%3D2"))[2], Some(-1));
    assert_eq!(numbers(&list("filter=1%3D2"))[2], Some(0));
    let filtered = list("filter=n%3E%3D5");
    assert_eq!((titles(&filtered).len(), numbers(&filtered)[2]), (2, Some(2)));
    // A total that was counted is counted again after a change.
    app.create("notes", json!({"title": "t9", "n": 9}));
    assert_eq!(numbers(&list("filter=n%3E%3D5"))[2], Some(3));
    assert_eq!(numbers(&list(""))[2], Some(8));
    for bad in ["page=x", "perPage=1.5", "skipTotal=2", "sort=nope", "filter=nope%3D1", "filter=(", "after=made-up"] {
        app.get(&format!("{}?{bad}", records("notes"))).refused(400, DEFAULT);
    }
}

#[test]
fn locked_rules_are_for_superusers_and_failing_ones_hide() {
    let app = TestApp::new();
    app.create_collection(json!({"name": "locked", "type": "base", "fields": [{"type": "text", "name": "t"}]}));
    let only = "Only superusers can perform this action.";
    app.get(&records("locked")).refused(403, only);
    app.get(&format!("{}/x", records("locked"))).refused(403, only);
    app.post(&records("locked")).json(json!({})).refused(403, only);
    app.patch(&format!("{}/x", records("locked"))).json(json!({})).refused(403, only);
    app.delete(&format!("{}/x", records("locked"))).refused(403, only);
    let rule = "t = 'open'";
    let rules = json!({"listRule": rule, "viewRule": rule, "createRule": rule, "updateRule": rule, "deleteRule": rule});
    app.update_collection("locked", rules);
    let shut = app.create("locked", json!({"t": "shut"}));
    let path = format!("{}/{}", records("locked"), shut["id"].as_str().expect("an id"));
    assert_eq!(app.get(&records("locked")).ok()["totalItems"], 0);
    app.get(&path).refused(404, NOT_FOUND);
    app.patch(&path).json(json!({"t": "open"})).refused(404, NOT_FOUND);
    app.delete(&path).refused(404, NOT_FOUND);
    let refused = app.post(&records("locked")).json(json!({"t": "x"})).refused(400, "Failed to create record.");
    assert_eq!(refused, json!({}));
    app.post(&records("locked")).json(json!({"t": "open"})).expect(200);
}

#[test]
fn a_view_is_read_only_for_everybody() {
    let app = notes();
    app.create_collection(json!({"name": "titles", "type": "view", "viewQuery": "SELECT id, title FROM notes",
        "listRule": "", "viewRule": ""}));
    let created = app.create("notes", json!({"title": "x"}));
    let page = app.get(&records("titles")).ok();
    assert_eq!((&page["items"][0]["title"], &page["totalItems"]), (&json!("x"), &json!(1)));
    app.create("notes", json!({"title": "y"}));
    assert_eq!(app.get(&records("titles")).ok()["totalItems"], 2);
    let path = format!("{}/{}", records("titles"), created["id"].as_str().expect("an id"));
    app.get(&path).expect(200);
    for request in [app.post(&records("titles")), app.patch(&path), app.delete(&path)] {
        request.superuser().refused(400, "Unsupported collection type.");
    }
}

#[test]
fn of_concurrent_increments_none_is_lost() {
    let app = Arc::new(notes());
    app.create("notes", json!({"id": "aaaaaaaaaaaaaaa", "title": "count"}));
    let clients = (0..16).map(|_| {
        let app = app.clone();
        thread::spawn(move || {
            for _ in 0..100 {
                app.patch(&format!("{}/aaaaaaaaaaaaaaa", records("notes"))).json(json!({"n+": 1})).expect(200);
            }
        })
    });
    clients.collect::<Vec<_>>().into_iter().for_each(|client| client.join().expect("a client"));
    assert_eq!(app.view("notes", "aaaaaaaaaaaaaaa")["n"], 1600);
}

#[test]
fn a_change_of_one_field_leaves_a_concurrent_change_of_another() {
    let app = Arc::new(notes());
    app.create("notes", json!({"id": "aaaaaaaaaaaaaaa", "title": "0"}));
    let write = |key: &'static str| {
        let app = app.clone();
        thread::spawn(move || {
            for n in 1..=50 {
                let body = if key == "n" { json!({"n": n}) } else { json!({"title": n.to_string()}) };
                app.patch(&format!("{}/aaaaaaaaaaaaaaa", records("notes"))).json(body).expect(200);
            }
        })
    };
    [write("n"), write("title")].into_iter().for_each(|client| client.join().expect("a client"));
    let record = app.view("notes", "aaaaaaaaaaaaaaa");
    assert_eq!((&record["n"], &record["title"]), (&json!(50), &json!("50")));
}

#[test]
fn bad_input_is_a_bad_request() {
    let app = notes();
    let deep = format!("{{\"data\":{}1{}}}", "[".repeat(5000), "]".repeat(5000));
    let bodies: Vec<(&str, Vec<u8>)> = vec![
        ("application/json", b"{\"title\":".to_vec()),
        ("application/json", b"[]".to_vec()),
        ("application/json", b"\"title\"".to_vec()),
        ("application/json", deep.into_bytes()),
        ("application/json", b"{\"title\":\"x\",\"n\":1e400}".to_vec()),
        ("application/json", b"{\"title\":\"a\\u0000b\"}".to_vec()),
        ("application/json", b"{\"title\":\"a\xffb\"}".to_vec()),
        ("application/xml", b"<a/>".to_vec()),
        ("multipart/form-data", b"--x".to_vec()),
    ];
    for (content_type, body) in bodies {
        let shown = String::from_utf8_lossy(&body[..body.len().min(30)]).into_owned();
        let answer = app.post(&records("notes")).body(content_type, body).send();
        assert_eq!(answer.status, 400, "{content_type} {shown}: {answer}");
    }
    app.post(&records("notes")).body("text/plain", "x").refused(400, "Unsupported Content-Type.");
    let twice = app.post(&records("notes")).body("application/json", r#"{"title":"a","title":"b"}"#).ok();
    assert_eq!(twice["title"], "b");
    let form = app.post(&records("notes")).form(&[("title", "5"), ("n", "7"), ("tags", "a"), ("tags", "c")]).ok();
    assert_eq!((&form["title"], &form["n"], &form["tags"]), (&json!("5"), &json!(7), &json!(["a", "c"])));
    for id in ["%00", "a%2Fb", "%ff", "'%20OR%201=1", "%F0%9F%98%80"] {
        app.get(&format!("{}/{id}", records("notes"))).expect(404);
    }
}

#[test]
fn fields_are_picked_and_a_broken_modifier_writes_nothing() {
    let app = notes();
    let picked = app.post(&format!("{}?fields=title,nope", records("notes"))).json(json!({"title": "abcdefgh"})).ok();
    assert_eq!(picked, json!({"title": "abcdefgh"}));
    let cut = app.get(&format!("{}?fields=title:excerpt(3,true)", records("notes"))).ok();
    assert_eq!(cut["items"], json!([{"title": "abc..."}]));
    let broken = format!("{}?fields=title:excerpt(0)", records("notes"));
    app.post(&broken).json(json!({"title": "x"})).refused(400, DEFAULT);
    assert_eq!(app.get(&records("notes")).ok()["totalItems"], 1);
}

#[test]
fn deleting_a_record_takes_its_references_away_cascades_and_may_be_refused() {
    let app = TestApp::new();
    let targets = app.create_open_collection("targets", json!([{"type": "text", "name": "t"}]));
    let relation = |name: &str, options: Value| {
        let mut field = json!({"type": "relation", "name": name, "collectionId": targets["id"]});
        field.as_object_mut().expect("an object").extend(options.as_object().expect("an object").clone());
        field
    };
    app.create_open_collection(
        "refs",
        json!([
            relation("many", json!({"maxSelect": 5})),
            relation("owner", json!({"cascadeDelete": true})),
            relation("must", json!({"required": false})),
        ]),
    );
    let target = |t: &str| app.create("targets", json!({"t": t}))["id"].as_str().expect("an id").to_owned();
    let [a, b, c] = ["a", "b", "c"].map(target);
    let kept = app.create("refs", json!({"many": [a, b], "must": a}))["id"].as_str().expect("an id").to_owned();
    let doomed = app.create("refs", json!({"owner": a, "many": [c]}))["id"].as_str().expect("an id").to_owned();
    app.delete(&format!("{}/{a}", records("targets"))).expect(204);
    let record = app.view("refs", &kept);
    assert_eq!((&record["many"], &record["must"]), (&json!([b]), &json!("")));
    app.get(&format!("{}/{doomed}", records("refs"))).expect(404);
    app.create_open_collection("needs", json!([relation("of", json!({"required": true}))]));
    app.create("needs", json!({"of": c}));
    app.delete(&format!("{}/{c}", records("targets"))).refused(
        400,
        "Failed to delete record. Make sure that the record is not part of a required relation reference.",
    );
    app.get(&format!("{}/{c}", records("targets"))).expect(200);
}

#[test]
fn a_long_chain_of_cascades_ends() {
    let app = TestApp::new();
    let nodes = app.create_open_collection("nodes", json!([]));
    let field = json!({"type": "relation", "name": "next", "collectionId": nodes["id"], "cascadeDelete": true});
    let fields: Vec<Value> = nodes["fields"].as_array().expect("fields").iter().cloned().chain([field]).collect();
    app.update_collection("nodes", json!({ "fields": fields }));
    app.execute(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) \
         INSERT INTO nodes (id, next) SELECT printf('%015d', i), CASE i WHEN 1 THEN printf('%015d', 2000) \
         ELSE printf('%015d', i - 1) END FROM n",
    );
    app.delete(&format!("{}/000000000000001", records("nodes"))).expect(204);
    assert_eq!(app.get(&records("nodes")).ok()["totalItems"], 0);
}

#[test]
fn relations_must_exist() {
    let app = TestApp::new();
    let targets = app.create_open_collection("targets", json!([]));
    let fields = json!([{"type": "relation", "name": "one", "collectionId": targets["id"]},
        {"type": "relation", "name": "many", "collectionId": targets["id"], "maxSelect": 3}]);
    app.create_open_collection("refs", fields);
    let target = app.create("targets", json!({}));
    app.create("refs", json!({"one": target["id"], "many": [target["id"]]}));
    for body in [json!({"one": "nope"}), json!({"many": [target["id"], "nope"]})] {
        let refused = app.post(&records("refs")).json(body.clone()).refused(400, "Failed to create record.");
        let code = refused.as_object().expect("fields").values().next().map(|field| field["code"].clone());
        assert_eq!(code, Some(json!("validation_missing_rel_records")), "{body}");
    }
}
