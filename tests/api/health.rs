//! The server comes up and says so (contract/21 §4).

use serde_json::json;
use support::{DataDir, TestApp};

#[test]
fn a_fresh_server_answers_health() {
    let app = TestApp::new();
    let answer = app.get("/api/health").ok();
    assert_eq!(answer, json!({"code": 200, "data": {}, "message": "API is healthy."}));
}

#[test]
fn a_superuser_learns_how_requests_arrive() {
    let app = TestApp::setup().data(DataDir::Base).start();
    let data = |headers: &[(&str, &str)]| {
        let request = headers
            .iter()
            .fold(app.get("/api/health").superuser(), |request, (name, value)| request.header(name, value));
        request.ok()["data"].clone()
    };
    let seen = |header: &str| json!({"canBackup": true, "possibleProxyHeader": header, "realIP": "127.0.0.1"});
    assert_eq!(data(&[]), seen(""));
    assert_eq!(data(&[("X-Forwarded-For", "1.2.3.4")]), seen("X-Forwarded-For"));
    assert_eq!(data(&[("X-Forwarded-For", "1.2.3.4"), ("fly-client-ip", "1.2.3.4")]), seen("Fly-Client-IP"));
    app.update_settings(json!({"trustedProxy": {"headers": ["X-My"], "useLeftmostIP": false}}));
    let trusted = json!({"canBackup": true, "possibleProxyHeader": "X-My", "realIP": "1.2.3.4"});
    assert_eq!(data(&[("X-My", "1.2.3.4"), ("Fly-Client-IP", "9.9.9.9")]), trusted);
}
