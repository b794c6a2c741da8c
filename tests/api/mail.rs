//! How mail leaves the machine (contract/11 §14, contract/20 §4). The mail server is a real one.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::parts::{Behaviour, Smtp};
use support::{Setup, TestApp, wait_until};

/// A request that waits for a mail server that says nothing takes half a minute.
const PROMPT: Duration = Duration::from_secs(10);

fn with_smtp(setup: Setup, smtp: &Smtp, change: Value) -> TestApp {
    let app = setup.start();
    app.update_settings(json!({"smtp": smtp.settings()}));
    app.update_settings(json!({ "smtp": change }));
    app
}

/// Asks for a verification mail to a new user of this name.
#[track_caller]
fn request_mail(app: &TestApp, name: &str) -> String {
    let email = format!("{name}@example.com");
    app.create_user("users", &email);
    app.post("/api/collections/users/request-verification").json(json!({ "email": email })).expect(204);
    email
}

/// Sends a test mail, which waits for its result.
fn test_mail(app: &TestApp) -> support::Request {
    let body = json!({"email": "test@example.com", "template": "otp"});
    app.post("/api/settings/test/email").superuser().json(body)
}

/// What waits to be sent: how often each was tried, and why it failed.
fn outbox(app: &TestApp) -> Vec<Value> {
    app.rows("SELECT tries, error FROM _mb_outbox ORDER BY due")
}

#[test]
fn a_login_is_plain_or_login_as_the_settings_say() {
    let smtp = Smtp::start(Behaviour::WantsLogin);
    let app = with_smtp(TestApp::setup(), &smtp, json!({"username": "user", "password": "secret"}));
    for (count, (method, mechanism)) in [("", "PLAIN"), ("PLAIN", "PLAIN"), ("LOGIN", "LOGIN")].into_iter().enumerate()
    {
        app.update_settings(json!({"smtp": {"authMethod": method}}));
        test_mail(&app).expect(204);
        let mail = smtp.wait_for(count + 1).remove(count);
        assert_eq!((mail.user.as_str(), mail.mechanism.as_str()), ("user", mechanism), "{method:?}");
    }
}

#[test]
fn a_wrong_mail_password_is_told_and_the_mail_waits_until_it_is_mended() {
    let smtp = Smtp::start(Behaviour::WantsLogin);
    let app = with_smtp(TestApp::setup(), &smtp, json!({"username": "user", "password": "wrong-secret"}));
    let answer = test_mail(&app).expect(400);
    let message = answer.json()["message"].as_str().unwrap().to_owned();
    assert!(message.starts_with("Failed to send the test email. Raw error: \n"), "{message}");
    assert!(message.contains("unknown user or wrong password") && !message.contains("wrong-secret"), "{message}");
    let email = request_mail(&app, "a");
    wait_until(|| outbox(&app).first().is_some_and(|row| row[0] == 1));
    assert!(!app.server().log().contains("wrong-secret"));
    app.update_settings(json!({"smtp": {"password": "secret"}}));
    app.move_clock(31_000);
    assert_eq!(smtp.wait_for(1)[0].to, [email]);
}

#[test]
fn a_connection_is_encrypted_by_starttls_or_from_the_first_byte() {
    for behaviour in [Behaviour::OffersStartTls, Behaviour::WantsTls] {
        let smtp = Smtp::start(behaviour);
        let setup = TestApp::setup().environment("SSL_CERT_FILE", Smtp::authority().to_str().unwrap());
        let app = with_smtp(setup, &smtp, json!({"username": "user", "password": "secret"}));
        test_mail(&app).expect(204);
        let mail = smtp.wait_for(1).remove(0);
        assert_eq!((mail.encrypted, mail.user.as_str()), (true, "user"), "{behaviour:?}");
    }
}

#[test]
fn a_certificate_that_nobody_vouches_for_gets_neither_mail_nor_password() {
    for behaviour in [Behaviour::OffersStartTls, Behaviour::WantsTls] {
        let smtp = Smtp::start(behaviour);
        let app = with_smtp(TestApp::setup(), &smtp, json!({"username": "user", "password": "secret"}));
        let answer = test_mail(&app).expect(400);
        assert!(answer.text().contains("certificate"), "{behaviour:?}: {answer}");
        assert_eq!(smtp.mails().len(), 0, "{behaviour:?}");
    }
}

#[test]
fn no_password_goes_unencrypted_to_another_machine() {
    let smtp = Smtp::start(Behaviour::NeverEncrypts);
    let app = with_smtp(TestApp::setup(), &smtp, json!({"username": "user", "password": "secret"}));
    test_mail(&app).expect(400);
    assert_eq!(smtp.mails().len(), 0);
    app.update_settings(json!({"smtp": {"username": "", "password": ""}}));
    test_mail(&app).expect(204);
    let mail = smtp.wait_for(1).remove(0);
    assert_eq!((mail.encrypted, mail.user.as_str()), (false, ""));
}

/// A folder with a `sendmail` that keeps what it is given.
fn fake_sendmail() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let script = folder.path().join("sendmail");
    let kept = folder.path().display();
    let text = format!(
        "#!/bin/sh\necho \"$@\" > {kept}/arguments\ncat > {kept}/message.half\nmv {kept}/message.half {kept}/message\n"
    );
    std::fs::write(&script, text).expect("the folder is ours");
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).expect("the file is ours");
    folder
}

/// A machine with a mail system of its own would send real mail.
fn has_sendmail() -> bool {
    ["/usr/sbin/sendmail", "/usr/bin/sendmail"].iter().any(|path| Path::new(path).exists())
}

#[test]
fn without_smtp_the_local_sendmail_takes_over() {
    if has_sendmail() {
        return eprintln!("not tried: this machine's own sendmail would take the mail");
    }
    let folder = fake_sendmail();
    let path = format!("{}:/usr/bin:/bin", folder.path().display());
    let app = TestApp::setup().environment("PATH", &path).start();
    let email = request_mail(&app, "a");
    let message = folder.path().join("message");
    wait_until(|| message.exists());
    let message = std::fs::read_to_string(message).unwrap();
    assert!(
        message.contains(&format!("\r\nTo: {email}\r\n")) && message.contains("multipart/alternative"),
        "{message}"
    );
    assert_eq!(std::fs::read_to_string(folder.path().join("arguments")).unwrap(), "-i -t\n");
    wait_until(|| outbox(&app).is_empty());
}

#[test]
fn without_smtp_and_sendmail_the_mail_waits_and_the_test_mail_says_why() {
    if has_sendmail() {
        return eprintln!("not tried: this machine has a sendmail");
    }
    let app = TestApp::setup().environment("PATH", "/nowhere").start();
    let why = "failed to locate a sendmail executable path";
    test_mail(&app).refused(400, &format!("Failed to send the test email. Raw error: \n{why}."));
    request_mail(&app, "a");
    wait_until(|| outbox(&app) == [json!([1, why])]);
}

#[test]
fn in_development_a_mail_is_shown_in_the_log() {
    let app = TestApp::setup().flag("--dev").start();
    let email = request_mail(&app, "a");
    app.server().wait_for_log("/_/#/auth/confirm-verification/");
    assert!(app.server().log().contains(&email));
    wait_until(|| outbox(&app).is_empty());
}

#[test]
fn a_dead_server_is_tried_again_later_and_later() {
    let smtp = Smtp::start(Behaviour::Accepts);
    let app = with_smtp(TestApp::setup(), &smtp, json!({"port": free_port()}));
    let email = request_mail(&app, "a");
    let waits = |tries: i64| {
        wait_until(|| outbox(&app).first().is_some_and(|row| row[0] == tries));
        app.rows("SELECT due FROM _mb_outbox")[0][0].as_i64().expect("milliseconds")
    };
    let first = waits(1);
    app.move_clock(31_000);
    let second = waits(2);
    assert!((60_000..120_000).contains(&(second - first)), "half a minute, then a whole one: {first}, {second}");
    app.update_settings(json!({"smtp": {"port": smtp.port()}}));
    // A mail that is due takes none along that isn't.
    let other = request_mail(&app, "b");
    assert_eq!(smtp.wait_for(1)[0].to, [other]);
    app.move_clock(31_000 + 61_000);
    assert_eq!(smtp.wait_for(2)[1].to, [email]);
    wait_until(|| outbox(&app).is_empty());
}

#[test]
fn a_recipient_refused_for_good_is_given_up_and_its_code_taken_back() {
    let smtp = Smtp::start(Behaviour::Refuses);
    let app = with_smtp(TestApp::setup(), &smtp, json!({}));
    app.update_collection("users", json!({"otp": {"enabled": true, "duration": 300, "length": 8}}));
    app.create_user("users", "a@example.com");
    app.post("/api/collections/users/request-otp").json(json!({"email": "a@example.com"})).expect(200);
    wait_until(|| outbox(&app).is_empty() && app.rows("SELECT id FROM _otps").is_empty());
    assert!(app.server().log().contains("no such mailbox"), "{}", app.server().log());
}

#[test]
fn a_kill_at_any_moment_loses_no_mail() {
    let smtp = Smtp::start(Behaviour::Accepts);
    let mut app = with_smtp(TestApp::setup(), &smtp, json!({}));
    let mut asked = BTreeSet::new();
    for round in 0..6 {
        let before = smtp.mails().len();
        for letter in ["a", "b", "c"] {
            asked.insert(request_mail(&app, &format!("{letter}{round}")));
        }
        smtp.wait_for(before + round % 3); // before the sending, and in the middle of it
        app.kill();
        app.start();
    }
    wait_until(|| outbox(&app).is_empty());
    let came: BTreeSet<String> = smtp.mails().into_iter().flat_map(|mail| mail.to).collect();
    assert_eq!(came, asked);
}

#[test]
fn a_mail_server_that_says_nothing_slows_neither_requests_nor_the_stop() {
    let silent = Smtp::start(Behaviour::FallsSilent);
    let mut app = with_smtp(TestApp::setup(), &silent, json!({}));
    let (_, token) = app.create_user("users", "login@example.com");
    let begun = Instant::now();
    for name in ["a", "b", "c"] {
        request_mail(&app, name);
    }
    let change = json!({"newEmail": "new@example.com"});
    app.post("/api/collections/users/request-email-change").token(&token).json(change).expect(204);
    for agent in ["one", "two"] {
        let body = json!({"identity": "login@example.com", "password": support::PASSWORD});
        let login = app.post("/api/collections/users/auth-with-password").header("User-Agent", agent);
        login.json(body).expect(200); // the second place sends an alert
    }
    assert_eq!(outbox(&app).len(), 5);
    let (status, _) = app.stop();
    assert!(status.success());
    assert!(begun.elapsed() < PROMPT, "{:?}", begun.elapsed());
    app.start();
    assert_eq!(outbox(&app).len(), 5, "what was being sent is sent by the next start");
}

#[test]
fn no_value_becomes_a_header_or_a_recipient() {
    let smtp = Smtp::start(Behaviour::Accepts);
    let app = with_smtp(TestApp::setup(), &smtp, json!({}));
    let evil = "x\r\nBcc: evil@example.com\r\n\r\nbody";
    let subject = json!({"subject": "Hello {RECORD:name}\r\nCc: evil@example.com", "body": "<p>{TOKEN}</p>"});
    app.update_collection("users", json!({ "verificationTemplate": subject }));
    app.update_settings(json!({"meta": {"senderName": evil, "appName": evil}}));
    let (user, _) = app.create_user("users", "a@example.com");
    app.update("users", user["id"].as_str().unwrap(), json!({ "name": evil }));
    app.post("/api/collections/users/request-verification").json(json!({"email": "a@example.com"})).expect(204);
    let mail = smtp.wait_for(1).remove(0);
    assert_eq!(mail.to, ["a@example.com"]);
    let names: Vec<String> = {
        let (head, _) = mail.message.split_once("\r\n\r\n").unwrap();
        let is_new = |line: &&str| !line.starts_with([' ', '\t']);
        head.lines().filter(is_new).map(|line| line.split(':').next().unwrap().to_ascii_lowercase()).collect()
    };
    for name in ["bcc", "cc"] {
        assert!(!names.iter().any(|known| known == name), "{}", mail.message);
    }
    // Nor does an address smuggle one in.
    for email in ["a@example.com\r\nBcc: evil@example.com", "a@example.com,evil@example.com", "<evil@example.com>"] {
        let body = json!({ "email": email });
        app.post("/api/collections/users/request-verification").json(body.clone()).expect(400);
        app.post("/api/settings/test/email").superuser().json(json!({"email": email, "template": "otp"})).expect(400);
    }
}

/// A port that nobody listens on.
fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("it is bound").port()
}
