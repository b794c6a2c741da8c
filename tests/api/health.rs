//! The server comes up and says so (contract/21 §4).

use serde_json::json;
use support::TestApp;

#[test]
fn a_fresh_server_answers_health() {
    let app = TestApp::new();
    let answer = app.get("/api/health").ok();
    assert_eq!(answer, json!({"code": 200, "data": {}, "message": "API is healthy."}));
}
