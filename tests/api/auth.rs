//! Every way in, and what ends it (contract/11). Mails are read from a real mail server.

use serde_json::{Value, json};
use support::parts::{Behaviour, Mail, Smtp};
use support::{PASSWORD, TestApp};

const FAILED: &str = "Failed to authenticate.";
const BAD_OTP: &str = "Invalid or expired OTP.";

/// A fresh server with a user `a@example.com`, whose mails arrive at the mail server.
struct World {
    app: TestApp,
    smtp: Smtp,
    user: Value,
    token: String,
}

impl World {
    fn new() -> Self {
        let app = TestApp::new();
        let smtp = Smtp::start(Behaviour::Accepts);
        app.update_settings(json!({"smtp": smtp.settings(), "meta": {"appURL": "https://shop.example.com/"}}));
        let (user, token) = app.create_user("users", "a@example.com");
        Self { app, smtp, user, token }
    }

    fn id(&self) -> &str {
        self.user["id"].as_str().expect("an id")
    }

    fn post(&self, route: &str) -> support::Request {
        self.app.post(&format!("/api/collections/users/{route}"))
    }

    fn sign_in(&self, identity: &str, password: &str) -> support::Request {
        self.post("auth-with-password").json(json!({"identity": identity, "password": password}))
    }

    /// Whether a token is still taken.
    fn is_signed_in(&self, token: &str) -> bool {
        self.post("auth-refresh").token(token).send().status == 200
    }
}

/// The token at the end of the mail's link.
fn token_in(mail: &Mail, path: &str) -> String {
    let text = mail.message.replace("=\r\n", "");
    let start = text.find(path).unwrap_or_else(|| panic!("no {path} in {text}")) + path.len();
    text[start..].chars().take_while(|c| c.is_ascii_alphanumeric() || "._-".contains(*c)).collect()
}

#[test]
fn a_password_signs_in_and_every_refusal_is_the_same() {
    let world = World::new();
    let answer = world.sign_in("a@example.com", PASSWORD).ok();
    assert_eq!((&answer["record"]["id"], &answer["record"]["email"]), (&world.user["id"], &json!("a@example.com")));
    assert!(world.is_signed_in(answer["token"].as_str().unwrap()));
    assert_eq!(answer["record"].get("password"), None);
    assert_eq!(answer["record"].get("tokenKey"), None);
    for (identity, password) in
        [("a@example.com", "wrong"), ("nobody@example.com", PASSWORD), ("A@example.com", PASSWORD)]
    {
        assert_eq!(world.sign_in(identity, password).refused(400, FAILED), json!({}), "{identity}");
    }
}

#[test]
fn a_changed_password_a_deleted_account_and_a_changed_secret_end_tokens_with_the_next_request() {
    let world = World::new();
    for _ in 0..5 {
        let old = world.app.token("users", "a@example.com");
        assert!(world.is_signed_in(&old), "and is cached now");
        world.app.update("users", world.id(), json!({"password": PASSWORD, "passwordConfirm": PASSWORD}));
        assert!(!world.is_signed_in(&old), "the password was changed");
        let old = world.app.token("users", "a@example.com");
        assert!(world.is_signed_in(&old));
        world.app.update_collection("users", json!({"authToken": {"secret": "s".repeat(40), "duration": 1000}}));
        assert!(!world.is_signed_in(&old), "the secret was changed");
        world.app.update_collection("users", json!({"authToken": {"secret": "t".repeat(40), "duration": 1000}}));
    }
    let old = world.app.token("users", "a@example.com");
    assert!(world.is_signed_in(&old));
    world.app.delete(&format!("/api/collections/users/records/{}", world.id())).superuser().expect(204);
    assert!(!world.is_signed_in(&old), "the account was deleted");
}

#[test]
fn a_refreshed_token_is_taken_and_the_old_one_stays() {
    let world = World::new();
    let fresh = world.post("auth-refresh").token(&world.token).ok();
    assert!(world.is_signed_in(fresh["token"].as_str().unwrap()) && world.is_signed_in(&world.token));
    world.post("auth-refresh").refused(401, "The request requires valid record authorization token.");
    let other = "The request requires auth record from users collection.";
    world.app.post("/api/collections/_superusers/auth-refresh").token(&world.token).refused(403, other);
}

#[test]
fn a_verification_link_verifies_its_address_alone() {
    let world = World::new();
    world.post("request-verification").json(json!({"email": "a@example.com"})).expect(204);
    world.post("request-verification").json(json!({"email": "nobody@example.com"})).expect(204);
    world.post("request-verification").json(json!({"email": "a@example.com"})).expect(204);
    let mail = world.smtp.wait_for(1).remove(0);
    assert_eq!((mail.to.as_slice(), mail.from.as_str()), (&["a@example.com".to_owned()][..], "support@example.com"));
    let token = token_in(&mail, "https://shop.example.com/_/#/auth/confirm-verification/");
    let data = world.app.post("/api/collections/_superusers/confirm-verification").json(json!({"token": token}));
    data.refused(400, "All superusers are verified by default.");
    world
        .post("confirm-password-reset")
        .json(json!({"token": token, "password": "another-one", "passwordConfirm": "another-one"}))
        .expect(400);
    world.post("confirm-verification").json(json!({"token": token})).expect(204);
    assert_eq!(world.app.view("users", world.id())["verified"], true);
    world.app.update("users", world.id(), json!({"email": "b@example.com"}));
    let data = world.post("confirm-verification").json(json!({"token": token}));
    data.refused(400, "An error occurred while validating the submitted data.");
    assert_eq!(world.smtp.mails().len(), 1, "the pause held back the second one");
}

#[test]
fn a_reset_link_works_once_and_ends_all_sessions() {
    let world = World::new();
    world.post("request-password-reset").json(json!({"email": "a@example.com"})).expect(204);
    world.post("request-password-reset").json(json!({"email": "nobody@example.com"})).expect(204);
    let mail = world.smtp.wait_for(1).remove(0);
    let token = token_in(&mail, "https://shop.example.com/_/#/auth/confirm-password-reset/");
    let reset = json!({"token": token, "password": "another-one", "passwordConfirm": "another-one"});
    let wrong = json!({"token": token, "password": "short", "passwordConfirm": "other"});
    let data = world.post("confirm-password-reset").json(wrong);
    let data = data.refused(400, "An error occurred while validating the submitted data.");
    assert_eq!(data["password"]["code"], "validation_length_out_of_range");
    assert_eq!(data["passwordConfirm"]["code"], "validation_values_mismatch");
    world.post("confirm-password-reset").json(reset.clone()).expect(204);
    assert!(!world.is_signed_in(&world.token));
    world.sign_in("a@example.com", PASSWORD).refused(400, FAILED);
    world.sign_in("a@example.com", "another-one").expect(200);
    let data = world.post("confirm-password-reset").json(reset);
    let data = data.refused(400, "An error occurred while validating the submitted data.");
    assert_eq!(data["token"]["code"], "validation_invalid_token");
}

#[test]
fn links_are_made_of_the_configured_url_whatever_the_request_says() {
    let world = World::new();
    world
        .post("request-password-reset")
        .header("X-Forwarded-Host", "evil.example.com")
        .header("X-Forwarded-Proto", "http")
        .header("Origin", "https://evil.example.com")
        .header("Referer", "https://evil.example.com/")
        .json(json!({"email": "a@example.com"}))
        .expect(204);
    let mail = world.smtp.wait_for(1).remove(0);
    assert!(!mail.message.contains("evil"), "{}", mail.message);
}

#[test]
fn an_email_change_needs_the_new_address_and_the_password() {
    let world = World::new();
    let request = |email: &str| world.post("request-email-change").token(&world.token).json(json!({"newEmail": email}));
    request("a@example.com").expect(400);
    request("x\r\nBcc: evil@example.com").expect(400);
    request("b@example.com").expect(204);
    let mail = world.smtp.wait_for(1).remove(0);
    assert_eq!(mail.to, ["b@example.com"]);
    let token = token_in(&mail, "https://shop.example.com/_/#/auth/confirm-email-change/");
    let confirm =
        |password: &str| world.post("confirm-email-change").json(json!({"token": token, "password": password}));
    let data = confirm("wrong").refused(400, "An error occurred while validating the submitted data.");
    assert_eq!(data["password"]["code"], "validation_invalid_password");
    confirm(PASSWORD).expect(204);
    let user = world.app.view("users", world.id());
    assert_eq!((&user["email"], &user["verified"]), (&json!("b@example.com"), &json!(true)));
    assert!(!world.is_signed_in(&world.token));
    confirm(PASSWORD).expect(400);
}

#[test]
fn a_mailed_code_signs_in_once_and_proves_the_address() {
    let world = World::new();
    world.app.update_collection("users", json!({"otp": {"enabled": true, "duration": 300, "length": 8}}));
    let otp_id = world.post("request-otp").json(json!({"email": "a@example.com"})).ok()["otpId"].clone();
    let unknown = world.post("request-otp").json(json!({"email": "nobody@example.com"})).ok()["otpId"].clone();
    assert_eq!(unknown.as_str().unwrap().len(), otp_id.as_str().unwrap().len());
    let mail = world.smtp.wait_for(1).remove(0);
    let text = mail.message.replace("=\r\n", "");
    let is_code = |word: &&str| word.len() == 8 && word.bytes().all(|byte| byte.is_ascii_digit());
    let code = text.split(|c: char| !c.is_ascii_alphanumeric()).find(is_code).expect("a code").to_owned();
    support::wait_until(|| world.app.rows("SELECT sentTo FROM _otps") == [json!(["a@example.com"])]);
    let sign_in =
        |id: &Value, password: &str| world.post("auth-with-otp").json(json!({"otpId": id, "password": password}));
    sign_in(&unknown, &code).refused(400, BAD_OTP);
    sign_in(&otp_id, "00000000x").refused(400, BAD_OTP);
    let answer = sign_in(&otp_id, &code).ok();
    assert_eq!(answer["record"]["verified"], true);
    assert!(!world.is_signed_in(&world.token), "who registered the address before loses access");
    sign_in(&otp_id, &code).refused(400, BAD_OTP);
}

#[test]
fn guessing_a_code_ends_it() {
    let world = World::new();
    world.app.update_settings(json!({"trustedProxy": {"headers": ["X-Test-IP"]}}));
    world.app.update_collection("users", json!({"otp": {"enabled": true, "duration": 300, "length": 8}}));
    let otp_id = world.post("request-otp").json(json!({"email": "a@example.com"})).ok()["otpId"].clone();
    let guess = |ip: &str| {
        world.post("auth-with-otp").header("X-Test-IP", ip).json(json!({"otpId": otp_id, "password": "x"})).send()
    };
    for _ in 0..5 {
        guess("203.0.113.1").refused(400, BAD_OTP);
    }
    guess("203.0.113.1").refused(429, "Too many attempts, please try again later with a new OTP.");
    for _ in 0..5 {
        guess("203.0.113.2").refused(400, BAD_OTP);
    }
    assert_eq!(world.app.rows("SELECT id FROM _otps"), [] as [Value; 0], "ten wrong ones from anywhere");
}

#[test]
fn a_second_factor_must_be_another_one_and_counts_once() {
    let world = World::new();
    world.app.update_collection(
        "users",
        json!({"otp": {"enabled": true, "duration": 300, "length": 8},
        "mfa": {"enabled": true, "duration": 300, "rule": ""}}),
    );
    let first = world.sign_in("a@example.com", PASSWORD).expect(401).json();
    let mfa_id = first["mfaId"].as_str().expect("an id").to_owned();
    let body = json!({"identity": "a@example.com", "password": PASSWORD, "mfaId": mfa_id});
    let again = world.post("auth-with-password").json(body);
    again.refused(400, "A different authentication method is required.");
    let otp_id = world.post("request-otp").json(json!({"email": "a@example.com"})).ok()["otpId"].clone();
    let mail = world.smtp.wait_for(1).remove(0);
    let text = mail.message.replace("=\r\n", "");
    let is_code = |word: &&str| word.len() == 8 && word.bytes().all(|byte| byte.is_ascii_digit());
    let code = text.split(|c: char| !c.is_ascii_alphanumeric()).find(is_code).expect("a code");
    let second = world.post("auth-with-otp").json(json!({"otpId": otp_id, "password": code, "mfaId": mfa_id})).ok();
    assert!(world.is_signed_in(second["token"].as_str().unwrap()));
    assert_eq!(world.app.rows("SELECT id FROM _mfas"), [] as [Value; 0]);
}

#[test]
fn a_login_from_a_new_place_is_told() {
    let world = World::new();
    let from = |agent: &str| world.sign_in("a@example.com", PASSWORD).header("User-Agent", agent).expect(200);
    from("first");
    from("first");
    from("<b>second</b>");
    let mail = world.smtp.wait_for(1).remove(0);
    assert_eq!(mail.header("subject").as_deref(), Some("Login from a new location"));
    assert!(mail.message.contains("&lt;b&gt;second&lt;/b&gt;"), "{}", mail.message);
    assert_eq!(world.app.rows("SELECT count(*) FROM _authOrigins"), [json!([2])]);
}

#[test]
fn impersonation_is_the_superusers_and_cant_be_refreshed_into_more() {
    let world = World::new();
    let path = format!("/api/collections/users/impersonate/{}", world.id());
    world.app.post(&path).expect(401);
    world.app.post(&path).token(&world.token).expect(403);
    world.app.post(&path).superuser().json(json!({"duration": "60"})).expect(400);
    world.app.post(&path).superuser().json(json!({"duration": -1})).expect(400);
    let token = world.app.post(&path).superuser().json(json!({"duration": 60})).ok()["token"].clone();
    let refreshed = world.post("auth-refresh").token(token.as_str().unwrap()).ok();
    assert_eq!(refreshed["token"], token);
    world.app.move_clock(61_000);
    assert!(!world.is_signed_in(token.as_str().unwrap()));
}

#[test]
fn a_dead_mail_server_slows_nobody_and_a_kill_loses_no_mail() {
    let mut app = TestApp::new();
    let silent = Smtp::start(Behaviour::FallsSilent);
    app.update_settings(json!({"smtp": silent.settings()}));
    app.create_user("users", "a@example.com");
    let begun = std::time::Instant::now();
    app.post("/api/collections/users/request-verification").json(json!({"email": "a@example.com"})).expect(204);
    assert!(begun.elapsed() < std::time::Duration::from_secs(10), "the request waited for the mail server");
    app.kill();
    let smtp = Smtp::start(Behaviour::Accepts);
    app.execute(&format!("UPDATE _params SET value = json_set(value, '$.smtp.port', {})", smtp.port()));
    app.start();
    assert_eq!(smtp.wait_for(1)[0].to, ["a@example.com"]);
}
