//! Several processes on one directory: one server, and commands beside it that it notices.

use serde_json::json;
use support::{PASSWORD, SUPERUSER_EMAIL, Server, TestApp, run, wait_until};

#[test]
fn a_second_server_on_one_directory_is_refused_and_the_first_serves_on() {
    let app = TestApp::new();
    let refused = Server::start(app.dir(), &[], &[]).err().expect("two servers on one directory");
    let first = app.server().process_id();
    assert!(refused.contains(&format!("is served by another process already (process {first})")), "{refused}");
    app.get("/api/health").expect(200);
}

#[test]
fn a_killed_server_leaves_no_lock_behind() {
    let mut app = TestApp::new();
    app.kill();
    app.start();
    app.get("/api/health").expect(200);
}

#[test]
fn a_running_server_notices_the_superuser_that_a_command_changed() {
    let app = TestApp::new();
    let old_token = app.superuser_token().to_owned();
    app.get("/api/settings").token(&old_token).expect(200);

    let changed = run(app.dir(), &["superuser", "upsert", SUPERUSER_EMAIL, &format!("{PASSWORD}-new")]);
    assert!(changed.status.success(), "{}", String::from_utf8_lossy(&changed.stderr));
    // The old token was cached; the new password made it void.
    wait_until(|| app.get("/api/settings").token(&old_token).send().status == 401);
    let new_token = app.token("_superusers", SUPERUSER_EMAIL);
    app.get("/api/settings").token(&new_token).expect(200);
}

#[test]
fn a_running_server_notices_settings_that_another_process_changed() {
    let app = TestApp::new();
    let before = app.get("/api/settings").superuser().ok();
    app.update_settings(json!({"meta": {"appName": "Before"}}));
    app.execute("UPDATE _params SET value = json_set(value, '$.meta.appName', 'After') WHERE id = 'settings'");
    wait_until(|| app.get("/api/settings").superuser().ok()["meta"]["appName"] == "After");
    assert_ne!(before["meta"]["appName"], "After");
}
