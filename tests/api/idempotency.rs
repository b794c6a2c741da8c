//! `Idempotency-Key` on creates and batches.

use std::sync::Arc;
use std::thread;

use serde_json::json;
use support::TestApp;

const LIST: &str = "/api/collections/payments/records";
const USED: &str = "The idempotency key was already used for another request.";
const KEY: &str = "Idempotency-Key";

fn payments() -> TestApp {
    let app = TestApp::new();
    app.create_open_collection("payments", json!([{"type": "number", "name": "amount", "required": true}]));
    app
}

fn count(app: &TestApp) -> i64 {
    app.get(LIST).ok()["totalItems"].as_i64().expect("a number")
}

#[test]
fn a_repeated_key_gives_the_first_answer_and_writes_nothing_also_after_a_kill() {
    let mut app = payments();
    let ask = |app: &TestApp| app.post(LIST).header(KEY, "k1").json(json!({"amount": 5})).expect(200);
    let first = ask(&app);
    let again = ask(&app);
    assert_eq!((again.json(), again.header("etag")), (first.json(), first.header("etag")));
    app.kill();
    app.start();
    assert_eq!(ask(&app).json(), first.json());
    assert_eq!(count(&app), 1);
    app.post(LIST).header(KEY, "k2").json(json!({"amount": 5})).expect(200);
    assert_eq!(count(&app), 2);
}

#[test]
fn the_same_key_with_another_request_is_refused() {
    let app = payments();
    app.post(LIST).header(KEY, "k").json(json!({"amount": 5})).expect(200);
    app.post(LIST).header(KEY, "k").json(json!({"amount": 6})).refused(422, USED);
    assert_eq!(count(&app), 1);
    // Another caller and another route have keys of their own.
    app.post(LIST).superuser().header(KEY, "k").json(json!({"amount": 6})).expect(200);
    app.create_open_collection("refunds", json!([{"type": "number", "name": "amount"}]));
    app.post("/api/collections/refunds/records").header(KEY, "k").json(json!({"amount": 6})).expect(200);
    app.post(LIST).header(KEY, &"x".repeat(256)).json(json!({"amount": 5})).expect(400);
}

#[test]
fn a_failed_request_keeps_no_key() {
    let app = payments();
    app.post(LIST).header(KEY, "k").json(json!({"amount": 0})).expect(400);
    app.post(LIST).header(KEY, "k").json(json!({"amount": 1})).expect(200);
}

#[test]
fn of_a_hundred_racing_requests_one_writes_and_all_get_its_answer() {
    let app = Arc::new(payments());
    let ask = || {
        let app = app.clone();
        thread::spawn(move || app.post(LIST).header(KEY, "race").json(json!({"amount": 7})).ok())
    };
    let answers: Vec<_> = (0..100).map(|_| ask()).collect::<Vec<_>>();
    let answers: Vec<_> = answers.into_iter().map(|asked| asked.join().expect("an answer")).collect();
    assert!(answers.iter().all(|answer| answer == &answers[0]));
    assert_eq!(count(&app), 1);
}

#[test]
fn a_key_holds_for_a_day() {
    let app = payments();
    let ask = || app.post(LIST).header(KEY, "k").json(json!({"amount": 5})).ok();
    let first = ask();
    app.move_clock(23 * 60 * 60 * 1000);
    assert_eq!(ask(), first);
    app.move_clock(25 * 60 * 60 * 1000);
    assert_ne!(ask(), first);
    assert_eq!(count(&app), 2);
}

#[test]
fn a_batch_is_done_once() {
    let app = payments();
    app.update_settings(json!({"batch": {"enabled": true}}));
    let ask = |amount: i64| {
        let item = json!({"method": "POST", "url": "/api/collections/payments/records", "body": {"amount": amount}});
        app.post("/api/batch").header(KEY, "b").json(json!({"requests": [item.clone(), item]}))
    };
    let first = ask(1).ok();
    assert_eq!(ask(1).ok(), first);
    ask(2).refused(422, USED);
    assert_eq!(count(&app), 2);
}
