//! Rate limits and client addresses through the front door (contract/14 §2–3); the rules by themselves are tested
//! beside their code.

use serde_json::json;
use support::TestApp;

fn limited(rules: serde_json::Value) -> TestApp {
    let app = TestApp::with_base();
    app.update_settings(json!({"rateLimits": {"enabled": true, "rules": rules, "excludedIPs": ["198.51.100.0/24"]},
        "trustedProxy": {"headers": ["X-Test-IP"]}}));
    app
}

fn rule(label: &str, max_requests: u32) -> serde_json::Value {
    json!({"label": label, "audience": "", "duration": 60, "maxRequests": max_requests})
}

#[test]
fn too_many_requests_are_refused_with_a_hint() {
    let app = limited(json!([rule("/api/health", 2)]));
    app.get("/api/health").expect(200);
    app.get("/api/health?x=1").expect(200);
    let answer = app.get("/api/health").send();
    let wait: u64 = answer.header("retry-after").expect("a hint").parse().expect("seconds");
    assert!((1..=60).contains(&wait), "{answer}");
    answer.refused(429, "Too Many Requests.");
    app.move_clock(61_000);
    app.get("/api/health").expect(200);
}

#[test]
fn refusals_come_before_the_guards_of_a_route_and_for_unknown_paths_too() {
    let app = limited(json!([rule("/api/settings", 1), rule("/api/nothing/", 1)]));
    app.get("/api/settings").expect(401);
    app.get("/api/settings").expect(429);
    app.get("/api/nothing/a").expect(404);
    app.get("/api/nothing/b").expect(429);
}

#[test]
fn superusers_and_excluded_addresses_are_not_counted() {
    let app = limited(json!([rule("/api/health", 1)]));
    for _ in 0..3 {
        app.get("/api/health").superuser().expect(200);
        app.get("/api/health").header("X-Test-IP", "198.51.100.7").expect(200);
    }
    app.get("/api/health").header("X-Test-IP", "203.0.113.1").expect(200);
    app.get("/api/health").header("X-Test-IP", "203.0.113.1").expect(429);
    app.get("/api/health").header("X-Test-IP", "203.0.113.2").expect(200);
}

#[test]
fn a_saved_change_of_the_settings_begins_all_counts_anew() {
    let app = limited(json!([rule("/api/health", 1)]));
    app.get("/api/health").expect(200);
    app.get("/api/health").expect(429);
    app.update_settings(json!({}));
    app.get("/api/health").expect(200);
}

#[test]
fn a_header_that_nobody_trusts_changes_no_address() {
    let app = TestApp::with_base();
    app.update_settings(json!({"rateLimits": {"enabled": true, "rules": [rule("/api/health", 1)]}}));
    for (status, name) in [(200, "X-Forwarded-For"), (429, "X-Forwarded-For"), (429, "X-Real-IP"), (429, "Forwarded")] {
        app.get("/api/health").header(name, &format!("203.0.113.{status}")).expect(status);
    }
}
