//! `/api/batch` (contract/06).

use serde_json::{Value, json};
use support::{Multipart, TestApp};

const FAILED: &str = "Batch transaction failed.";
const LIST: &str = "/api/collections/notes/records";

fn notes() -> TestApp {
    let app = TestApp::new();
    app.update_settings(json!({"batch": {"enabled": true, "maxRequests": 5}}));
    let fields = json!([{"type": "text", "name": "title", "max": 10}, {"type": "number", "name": "n"},
        {"type": "file", "name": "docs", "maxSelect": 5}]);
    app.create_open_collection("notes", fields);
    app
}

fn run(app: &TestApp, requests: Value) -> support::Request {
    app.post("/api/batch").json(json!({ "requests": requests }))
}

#[test]
fn items_run_in_order_and_see_each_other() {
    let app = notes();
    let id = "aaaaaaaaaaaaaaa";
    let answers = run(
        &app,
        json!([
            {"method": "POST", "url": format!("{LIST}?fields=id,n"), "body": {"id": id, "title": "a", "n": 1}},
            {"method": "PATCH", "url": format!("{LIST}/{id}?fields=n"), "body": {"n+": 2}},
            {"method": "PUT", "url": format!("{LIST}?fields=n"), "body": {"id": id, "n+": 3}},
            {"method": "PUT", "url": format!("{LIST}?fields=title"), "body": {"title": "new"}},
            {"method": "DELETE", "url": format!("{LIST}/{id}")},
        ]),
    )
    .ok();
    let expected = json!([
        {"body": {"id": id, "n": 1}, "status": 200},
        {"body": {"n": 3}, "status": 200},
        {"body": {"n": 6}, "status": 200},
        {"body": {"title": "new"}, "status": 200},
        {"body": null, "status": 204},
    ]);
    assert_eq!(answers, expected);
    assert_eq!(app.get(LIST).ok()["totalItems"], 1);
}

#[test]
fn the_first_failing_item_rolls_all_back_and_is_named() {
    let app = notes();
    let good = json!({"method": "POST", "url": LIST, "body": {"title": "a"}});
    for (bad, status, message, data) in [
        (
            json!({"method": "POST", "url": LIST, "body": {"title": "12345678901"}}),
            400,
            "Failed to create record.",
            json!({"title": {"code": "validation_max_text_constraint", "message": "Must be no more than 10 character(s).",
                "params": {"max": 10}}}),
        ),
        (
            json!({"method": "PATCH", "url": format!("{LIST}/nope")}),
            404,
            "The requested resource wasn't found.",
            json!({}),
        ),
        (
            json!({"method": "POST", "url": "/api/collections/nope/records"}),
            404,
            "Missing collection context.",
            json!({}),
        ),
        (json!({"method": "GET", "url": LIST}), 400, "Something went wrong while processing your request.", json!({})),
        (
            json!({"method": "POST", "url": format!("{LIST}/")}),
            400,
            "Something went wrong while processing your request.",
            json!({}),
        ),
        (
            json!({"method": "PATCH", "url": format!("{LIST}/a%4")}),
            400,
            "Something went wrong while processing your request.",
            json!({}),
        ),
    ] {
        let data_of = run(&app, json!([good, bad, good])).refused(400, FAILED);
        let response = json!({"data": data, "message": message, "status": status});
        let item = json!({"code": "batch_request_failed", "message": "Batch request failed.", "response": response});
        assert_eq!(data_of, json!({"requests": {"1": item}}), "{bad}");
    }
    assert_eq!(app.get(LIST).ok()["totalItems"], 0);
}

#[test]
fn an_earlier_failure_is_told_before_a_later_one() {
    let app = notes();
    let too_long = json!({"method": "POST", "url": LIST, "body": {"title": "12345678901"}});
    let unknown = json!({"method": "GET", "url": LIST});
    let data = run(&app, json!([too_long, unknown])).refused(400, FAILED);
    assert_eq!(data["requests"].as_object().expect("items").keys().collect::<Vec<_>>(), ["0"]);
}

#[test]
fn a_faulty_form_is_refused_before_anything_runs() {
    let app = notes();
    let required = json!({"code": "validation_required", "message": "Cannot be blank."});
    let data = app.post("/api/batch").json(json!({})).refused(400, "Invalid batch request data.");
    assert_eq!(data, json!({ "requests": required }));
    let data = run(&app, json!([null, {"method": "x", "url": "/"}])).refused(400, "Invalid batch request data.");
    let in_invalid = json!({"code": "validation_in_invalid", "message": "Must be a valid value."});
    assert_eq!(data, json!({"requests": {"0": {"method": required, "url": required}, "1": {"method": in_invalid}}}));
    let item = json!({"method": "POST", "url": LIST});
    let data = run(&app, json!([item, item, item, item, item, item])).refused(400, "Invalid batch request data.");
    assert_eq!(data["requests"]["params"], json!({"max": 5, "min": 0}));
    for body in [
        json!({"requests": 1}),
        json!({"requests": [1]}),
        json!({"requests": [{"method": 1}]}),
        json!({"requests": [{"body": []}]}),
        json!({"requests": [{"headers": {"a": 1}}]}),
    ] {
        app.post("/api/batch").json(body).refused(400, "Failed to read the submitted batch data.");
    }
    app.update_settings(json!({"batch": {"enabled": false}}));
    run(&app, json!([item])).superuser().refused(403, "Batch requests are not allowed.");
}

#[test]
fn rules_hold_for_each_item_with_the_context_batch() {
    let app = notes();
    let rule = "@request.context = 'batch' && @request.headers.x_a = '1' && @request.method = 'POST'";
    app.update_collection("notes", json!({ "createRule": rule }));
    app.post(LIST).header("X-A", "1").json(json!({})).expect(400);
    let item = json!({"method": "POST", "url": LIST, "headers": {"X-A": "1"}});
    run(&app, json!([item.clone(), item])).expect(200);
    run(&app, json!([{"method": "POST", "url": LIST}])).expect(400);
    run(&app, json!([{"method": "POST", "url": LIST, "headers": {"Authorization": "x"}}]))
        .header("X-A", "1")
        .expect(200);
}

#[test]
fn files_come_in_parts_named_by_item_and_field() {
    let app = notes();
    let requests =
        json!({"requests": [{"method": "POST", "url": LIST, "body": {"title": "f"}}, {"method": "POST", "url": LIST}]});
    let form = Multipart::new()
        .text("@jsonPayload", &requests.to_string())
        .file("requests.0.docs", "a.txt", "text/plain", "one")
        .file("requests[1].docs+", "b.txt", "text/plain", "two")
        .file("requests.7.docs", "c.txt", "text/plain", "three");
    let answers = app.post("/api/batch").multipart(form).ok();
    for (at, stem) in [(0, "a"), (1, "b")] {
        let names = answers[at]["body"]["docs"].as_array().expect("names");
        assert_eq!(names.len(), 1, "{answers}");
        assert!(names[0].as_str().expect("a name").starts_with(stem), "{names:?}");
    }
}

#[test]
fn a_batch_signs_up_and_changes_a_password_with_the_old_one() {
    let app = notes();
    let users = "/api/collections/users/records";
    let id = "uuuuuuuuuuuuuuu";
    app.update_collection("users", json!({"updateRule": ""}));
    let passwords = |new: &str| json!({"password": new, "passwordConfirm": new, "oldPassword": "12345678"});
    run(
        &app,
        json!([
            {"method": "POST", "url": users, "body": {"id": id, "email": "a@b.co", "password": "12345678", "passwordConfirm": "12345678"}},
            {"method": "PATCH", "url": format!("{users}/{id}"), "body": passwords("87654321")},
        ]),
    )
    .expect(200);
    let data = run(&app, json!([{"method": "PATCH", "url": format!("{users}/{id}"), "body": passwords("11111111")}]))
        .refused(400, FAILED);
    let code = &data["requests"]["0"]["response"]["data"]["oldPassword"]["code"];
    assert_eq!(code, "validation_invalid_old_password");
}
