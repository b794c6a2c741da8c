//! The settings document through its routes (contract/20 §1–2, §5).

use serde_json::{Value, json};
use support::{DataDir, Multipart, TestApp};

const LOAD: &str = "An error occurred while loading the submitted data.";
const SAVE: &str = "An error occurred while saving the new settings.";
const KEY: &str = "0123456789abcdef0123456789abcdef";

fn stored(app: &TestApp) -> String {
    app.rows("SELECT value FROM _params WHERE id = 'settings'")[0][0].as_str().expect("a text").to_owned()
}

#[test]
fn a_fresh_server_shows_the_defaults_without_secrets() {
    let app = TestApp::new();
    let settings = app.get("/api/settings").superuser().ok();
    insta::assert_json_snapshot!(settings);
}

#[test]
fn only_superusers_see_or_change_settings() {
    let app = TestApp::with_base();
    let token_needed = "The request requires valid record authorization token.";
    let not_allowed = "The authorized record is not allowed to perform this action.";
    let user = app.token("users", "test@example.com");
    for request in [app.get("/api/settings"), app.patch("/api/settings").json(json!({}))] {
        request.clone().send().refused(401, token_needed);
        request.token(&user).send().refused(403, not_allowed);
    }
}

#[test]
fn a_change_keeps_what_it_leaves_out_and_holds_at_once_and_after_a_restart() {
    let mut app = TestApp::new();
    let change = json!({"meta": {"appName": "Shop"}, "smtp": {"port": null}, "logs": {"maxDays": 7}, "nope": 1});
    let saved = app.patch("/api/settings").superuser().json(change).ok();
    assert_eq!((&saved["meta"]["appName"], &saved["logs"]["maxDays"]), (&json!("Shop"), &json!(7)));
    assert_eq!((&saved["smtp"]["port"], &saved["meta"]["senderName"]), (&json!(587), &json!("Support")));
    assert_eq!(app.get("/api/settings").superuser().ok(), saved);
    app.restart();
    assert_eq!(app.get("/api/settings").superuser().ok(), saved);
}

#[test]
fn a_body_without_changes_is_a_save_all_the_same() {
    let app = TestApp::new();
    let updated = |app: &TestApp| app.rows("SELECT updated FROM _params WHERE id = 'settings'");
    let before = updated(&app);
    app.move_clock(60_000);
    app.patch("/api/settings").superuser().expect(200);
    assert_ne!(updated(&app), before);
}

#[test]
fn secrets_are_set_kept_cleared_and_never_shown() {
    let app = TestApp::new();
    let secrets = json!({"smtp": {"password": "pass-1"}, "s3": {"secret": "pass-2"},
        "backups": {"s3": {"secret": "pass-3"}}});
    let answer = app.patch("/api/settings").superuser().json(secrets).expect(200);
    assert!(!answer.text().contains("pass-"), "{answer}");
    for secret in ["pass-1", "pass-2", "pass-3"] {
        assert!(stored(&app).contains(secret));
    }
    // What was read may be sent back whole.
    let shown = app.get("/api/settings").superuser().expect(200);
    assert!(!shown.text().contains("pass-") && !shown.text().contains("secret"), "{shown}");
    app.update_settings(shown.json());
    assert!(stored(&app).contains("pass-1"), "a round trip keeps secrets");
    app.update_settings(json!({"smtp": {"password": ""}, "s3": {"secret": ""}}));
    assert!(!stored(&app).contains("pass-1") && !stored(&app).contains("pass-2"));
    assert!(stored(&app).contains("pass-3"));
}

#[test]
fn wrong_types_are_refused_whole() {
    let app = TestApp::new();
    let before = stored(&app);
    let bodies = [
        r#"{"logs":{"maxDays":"7"}}"#,
        r#"{"logs":{"maxDays":7.5}}"#,
        r#"{"meta":{"appName":"x"},"smtp":[]}"#,
        r#"{"rateLimits":{"rules":["x"]}}"#,
        r#"{"superuserIPs":"127.0.0.1"}"#,
        "{",
        "[]",
    ];
    for body in bodies {
        let data = app.patch("/api/settings").superuser().body("application/json", body).refused(400, LOAD);
        assert_eq!(data, json!({}), "{body}");
    }
    app.patch("/api/settings").superuser().body("text/plain", "{}").refused(400, LOAD);
    assert_eq!(stored(&app), before);
}

#[test]
fn refusals_are_told_by_field_and_nothing_is_saved() {
    let app = TestApp::new();
    let before = stored(&app);
    let change = json!({"meta": {"appName": "", "accentColor": "#ff"}, "smtp": {"enabled": true, "host": ""},
        "superuserIPs": ["127.0.0.1", "x"],
        "rateLimits": {"rules": [{"label": "/a", "duration": 1, "maxRequests": 1},
            {"label": "/a", "duration": 1, "maxRequests": 1, "audience": "@guest"}]}});
    let data = app.patch("/api/settings").superuser().json(change).refused(400, SAVE);
    let required = json!({"code": "validation_required", "message": "Cannot be blank."});
    let expected = json!({
        "meta": {"appName": required, "accentColor": {"code": "validation_length_invalid",
            "message": "The length must be exactly 7.", "params": {"min": 7, "max": 7}}},
        "smtp": {"host": required},
        "superuserIPs": {"1": {"code": "validation_invlaid_ip_or_subnet", "message": "Invalid IP or CIDR subnet."}},
        "rateLimits": {"rules": {"1": {"label": {"code": "validation_conflicting_rate_limit_rule",
            "message": "Rate limit rule configuration with label /a already exists or conflicts with another rule.",
            "params": {"label": "/a"}}}}},
    });
    assert_eq!(data, expected);
    assert_eq!(stored(&app), before);
}

#[test]
fn forms_use_dotted_names() {
    let app = TestApp::new();
    let form = [("logs.maxDays", "7"), ("smtp.enabled", "true"), ("meta.appName", "5"), ("superuserIPs", "127.0.0.1")];
    let saved = app.patch("/api/settings").superuser().form(&form).ok();
    assert_eq!((&saved["logs"]["maxDays"], &saved["smtp"]["enabled"]), (&json!(7), &json!(true)));
    assert_eq!((&saved["meta"]["appName"], &saved["superuserIPs"]), (&json!("5"), &json!(["127.0.0.1"])));
    let parts = Multipart::new().text("@jsonPayload", r#"{"logs":{"maxDays":9}}"#).text("logs.minLevel", "4");
    let saved = app.patch("/api/settings").superuser().multipart(parts).ok();
    assert_eq!((&saved["logs"]["maxDays"], &saved["logs"]["minLevel"]), (&json!(9), &json!(4)));
    app.patch("/api/settings").superuser().form(&[("logs.maxDays", "x")]).refused(400, LOAD);
}

#[test]
fn fields_picks_from_the_document() {
    let app = TestApp::new();
    let picked = app.get("/api/settings?fields=meta.appName,batch.timeout").superuser().ok();
    assert_eq!(picked, json!({"batch": {"timeout": 3}, "meta": {"appName": "Acme"}}));
}

#[test]
fn lists_are_replaced_whole() {
    let app = TestApp::new();
    let rule = json!([{"label": "/api/x", "duration": 1, "maxRequests": 1}]);
    let saved = app.update_settings(json!({"rateLimits": {"rules": rule}}));
    let expected = json!([{"label": "/api/x", "audience": "", "duration": 1, "maxRequests": 1}]);
    assert_eq!(saved["rateLimits"]["rules"], expected);
}

#[test]
fn what_a_newer_version_stored_survives_a_save() {
    let app = TestApp::setup()
        .sql("UPDATE _params SET value = json_set(value, '$.later', json('{\"a\":1}'), '$.smtp.later', 2)")
        .start();
    app.update_settings(json!({"meta": {"appName": "Shop"}}));
    let document: Value = serde_json::from_str(&stored(&app)).unwrap();
    assert_eq!((&document["later"], &document["smtp"]["later"]), (&json!({"a": 1}), &json!(2)));
}

#[test]
fn a_change_of_another_process_is_noticed() {
    let app = TestApp::new();
    let run = support::run(app.dir(), &["superuser", "ips", "203.0.113.7"]);
    assert!(run.status.success(), "{run:?}");
    let default = "You are not allowed to perform this request.";
    support::wait_until(|| app.get("/api/settings").superuser().send().status == 403);
    app.get("/api/health").superuser().send().refused(403, default);
    let run = support::run(app.dir(), &["superuser", "ips"]);
    assert!(run.status.success(), "{run:?}");
    support::wait_until(|| app.get("/api/settings").superuser().send().status == 200);
}

#[test]
fn with_a_key_the_row_is_encrypted_by_the_next_save_and_opens_only_with_it() {
    let plain = TestApp::new();
    assert!(stored(&plain).starts_with('{'));
    let keyed =
        |key: &str| TestApp::setup().flag("--encryptionEnv").flag("MB_TEST_KEY").environment("MB_TEST_KEY", key);
    let mut app = keyed(KEY).start();
    assert!(stored(&app).starts_with('{'), "a plain row is accepted");
    app.update_settings(json!({"smtp": {"password": "pass-1"}}));
    let row = stored(&app);
    assert!(!row.contains("pass-1") && !row.starts_with('{'), "{row}");
    app.restart();
    assert_eq!(app.get("/api/settings").superuser().ok()["smtp"]["enabled"], false);
    app.stop();
    let copy = || DataDir::CopyOf(app.dir().to_path_buf());
    let printed = |setup: support::Setup| setup.data(copy()).try_start().err().expect("it must not start");
    assert!(printed(TestApp::setup()).contains(r#"invalid settings db data or missing encryption key """#));
    assert!(printed(keyed("")).contains(r#"invalid settings db data or missing encryption key "MB_TEST_KEY""#));
    assert!(printed(keyed("x".repeat(32).as_str())).contains("cipher: message authentication failed"));
    assert!(printed(keyed("short")).contains("crypto/aes: invalid key size 5"));
}

#[test]
fn the_encrypted_row_of_the_reference_is_read() {
    let row: String = include_str!("../data/settings_encrypted.txt").split_whitespace().collect();
    let app = TestApp::setup()
        .flag("--encryptionEnv=MB_TEST_KEY")
        .environment("MB_TEST_KEY", KEY)
        .sql(format!("UPDATE _params SET value = CAST('{row}' AS BLOB)"))
        .start();
    assert_eq!(app.get("/api/settings").superuser().ok()["meta"]["appName"], "Acme");
}
