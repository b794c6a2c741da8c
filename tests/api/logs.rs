//! The activity log: what a request leaves in `_logs`, and what never stands there (contract/14 §7).

use serde_json::{Value, json};
use support::TestApp;

/// The rows of the log once the server has stopped: `[level, message, data]`, in the order of the requests.
fn rows_after_stop(app: &mut TestApp) -> Vec<(i64, String, Value)> {
    app.stop();
    rows(app)
}

fn rows(app: &TestApp) -> Vec<(i64, String, Value)> {
    let rows = app.rows_of("auxiliary.db", "SELECT level, message, data FROM _logs ORDER BY created, rowid");
    let read = |row: Value| {
        let data = serde_json::from_str(row[2].as_str().expect("JSON")).expect("JSON");
        (row[0].as_i64().expect("a level"), row[1].as_str().expect("a text").to_owned(), data)
    };
    rows.into_iter().map(read).collect()
}

#[test]
fn a_request_is_a_row_within_seconds() {
    let app = TestApp::new();
    let request = app.get("/api/health?x=1%20y&token=a.secret.b").header("User-Agent", "Test").header("Referer", "r");
    request.expect(200);
    support::wait_until(|| rows(&app).len() == 1);
    let (level, message, mut data) = rows(&app).remove(0);
    assert!(data["execTime"].take().as_f64().is_some_and(|milliseconds| milliseconds > 0.0));
    assert_eq!((level, message.as_str()), (0, "GET /api/health?x=1 y&token=***"));
    let expected = json!({"auth": "", "execTime": null, "method": "GET", "referer": "r", "remoteIP": "127.0.0.1",
        "status": 200, "type": "request", "url": "/api/health?x=1%20y&token=***", "userAgent": "Test",
        "userIP": "127.0.0.1"});
    assert_eq!(data, expected);
}

#[test]
fn a_refusal_says_what_and_why() {
    let mut app = TestApp::new();
    app.create_open_collection("posts", json!([{"name": "title", "type": "text", "required": true}]));
    app.post("/api/collections/posts/records").json(json!({})).expect(400);
    app.get("/api/settings").expect(401);
    let rows = rows_after_stop(&mut app);
    let [_, (level, _, refused), (_, message, guest)] = &rows[..] else { panic!("{rows:?}") };
    assert_eq!((*level, &refused["status"], &refused["error"]), (8, &json!(400), &json!("Failed to create record.")));
    assert_eq!(refused["details"]["title"]["code"], "validation_required");
    assert_eq!((message.as_str(), &guest["status"]), ("GET /api/settings", &json!(401)));
}

#[test]
fn the_settings_decide_what_a_row_tells() {
    let mut app = TestApp::new();
    let (user, token) = app.create_user("users", "a@example.com");
    app.update_settings(json!({"logs": {"logIP": false, "logAuthId": true}}));
    app.get("/api/health").token(&token).expect(200);
    let rows = rows_after_stop(&mut app);
    let (_, _, data) = rows.iter().find(|(_, message, _)| message == "GET /api/health").expect("a row");
    assert_eq!((&data["auth"], &data["authId"]), (&json!("users"), &user["id"]));
    assert_eq!((data.get("userIP"), data.get("remoteIP")), (None, None));
}

#[test]
fn below_the_level_nothing_is_kept_and_without_days_nothing_at_all() {
    let mut app = TestApp::new();
    app.update_settings(json!({"logs": {"minLevel": 8}}));
    app.get("/api/health").expect(200);
    app.get("/api/settings").expect(401);
    let rows = rows_after_stop(&mut app);
    let messages: Vec<&str> = rows.iter().map(|(_, message, _)| message.as_str()).collect();
    assert!(messages.contains(&"GET /api/settings") && !messages.contains(&"GET /api/health"), "{messages:?}");
    app.start();
    app.update_settings(json!({"logs": {"maxDays": 0}}));
    app.get("/api/nothing").expect(404);
    let rows = rows_after_stop(&mut app);
    assert!(!rows.iter().any(|(_, message, _)| message == "GET /api/nothing"), "{rows:?}");
}

#[test]
fn nothing_secret_is_kept_in_the_log_nor_printed() {
    let mut app = TestApp::new();
    let (_, token) = app.create_user("users", "a@example.com");
    let secret = "hunter2-the-secret";
    let body = json!({"identity": "a@example.com", "password": secret});
    app.post("/api/collections/users/auth-with-password").json(body).expect(400);
    app.post("/api/collections/users/auth-with-otp").json(json!({"otpId": secret, "password": secret})).expect(403);
    let reset = json!({"token": secret, "password": secret, "passwordConfirm": secret});
    app.post("/api/collections/users/confirm-password-reset").json(reset).expect(400);
    app.patch("/api/settings").superuser().json(json!({"smtp": {"password": secret}})).expect(200);
    app.get(&format!("/api/health?token={token}&password={secret}&Code={secret}&otp={secret}")).expect(200);
    app.get(&format!("/api/files/users/x/y?token={token}")).expect(404);
    app.get("/api/health").token(&token).header("Cookie", &format!("pb_auth={secret}")).expect(200);
    let (_, printed) = app.stop();
    let kept = rows(&app).into_iter().map(|row| format!("{row:?}")).collect::<String>() + &printed;
    assert!(kept.contains("/api/health"), "the rows are there");
    for secret in [secret, &token, app.superuser_token()] {
        assert!(!kept.contains(secret), "{secret} in {kept}");
    }
}
