//! Entity tags: `ETag`, `If-None-Match`, `If-Match`.

use std::sync::Arc;
use std::thread;

use serde_json::json;
use support::{Answer, TestApp};

const LIST: &str = "/api/collections/notes/records";
const RECORD: &str = "/api/collections/notes/records/aaaaaaaaaaaaaaa";
const CHANGED: &str = "The record has changed since it was read.";

fn notes() -> TestApp {
    let app = TestApp::new();
    let fields = json!([{"type": "text", "name": "title"}, {"type": "json", "name": "data"},
        {"type": "text", "name": "pin", "hidden": true}]);
    app.create_open_collection("notes", fields);
    app.create("notes", json!({"id": "aaaaaaaaaaaaaaa", "title": "one", "data": "1e5", "pin": "1234"}));
    app
}

fn tag(answer: &Answer) -> String {
    answer.header("etag").expect("a tag").to_owned()
}

#[test]
fn a_view_a_create_and_an_update_carry_the_tag_of_the_stored_row() {
    let app = notes();
    let body = json!({"id": "bbbbbbbbbbbbbbb", "title": "x", "data": {"a": 1}});
    let created = app.post(LIST).json(body).expect(200);
    let seen = app.get(&format!("{LIST}/bbbbbbbbbbbbbbb")).expect(200);
    assert_eq!(tag(&created), tag(&seen));
    let updated = app.patch(&format!("{LIST}/bbbbbbbbbbbbbbb")).json(json!({"title": "y", "data": "12"})).expect(200);
    assert_ne!(tag(&updated), tag(&seen));
    assert_eq!(tag(&app.get(&format!("{LIST}/bbbbbbbbbbbbbbb")).expect(200)), tag(&updated));
    assert_eq!(tag(&app.get(&format!("{LIST}/bbbbbbbbbbbbbbb")).superuser().expect(200)), tag(&updated));
}

#[test]
fn a_change_of_a_hidden_field_moves_the_tag() {
    let app = notes();
    let before = tag(&app.get(RECORD).expect(200));
    app.patch(RECORD).superuser().json(json!({"pin": "9999"})).expect(200);
    assert_ne!(tag(&app.get(RECORD).expect(200)), before);
}

#[test]
fn views_and_lists_that_the_client_has_are_not_sent_again() {
    let app = notes();
    for target in [RECORD, LIST, &format!("{RECORD}?expand=nope")] {
        let first = app.get(target).expect(200);
        let again = app.get(target).header("If-None-Match", &tag(&first)).expect(304);
        assert_eq!((again.text().as_str(), tag(&again)), ("", tag(&first)), "{target}");
        app.get(target).header("If-None-Match", &format!("\"x\", W/{}", tag(&first))).expect(304);
        app.get(target).header("If-None-Match", "\"x\"").expect(200);
    }
    let first = app.get(LIST).expect(200);
    app.patch(RECORD).json(json!({"title": "two"})).expect(200);
    app.get(LIST).header("If-None-Match", &tag(&first)).expect(200);
}

#[test]
fn a_write_on_another_state_is_refused() {
    let app = notes();
    let old = tag(&app.get(RECORD).expect(200));
    let new = tag(&app.patch(RECORD).header("If-Match", &old).json(json!({"title": "two"})).expect(200));
    app.patch(RECORD).header("If-Match", &old).json(json!({"title": "three"})).refused(412, CHANGED);
    app.delete(RECORD).header("If-Match", &old).refused(412, CHANGED);
    assert_eq!(app.get(RECORD).ok()["title"], "two");
    app.patch(RECORD).header("If-Match", "*").json(json!({})).expect(200);
    app.delete(RECORD).header("If-Match", &new).expect(204);
    app.delete(RECORD).header("If-Match", "*").expect(404);
}

#[test]
fn of_racing_writers_one_wins() {
    let app = Arc::new(notes());
    let seen = tag(&app.get(RECORD).expect(200));
    let writers = (0..32).map(|n| {
        let (app, seen) = (app.clone(), seen.clone());
        thread::spawn(move || {
            let body = json!({"title": format!("by {n}")});
            app.patch(RECORD).header("If-Match", &seen).json(body).send().status
        })
    });
    let statuses: Vec<u16> = writers.collect::<Vec<_>>().into_iter().map(|w| w.join().expect("a writer")).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 412).count(), 31, "{statuses:?}");
}
