//! Tokens: which are taken, and when they end (contract/10 §4, §6).

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use serde_json::{Value, json};
use support::TestApp;

const SUPERUSERS: &str = "pbc_3142635823";
/// Far in the future.
const LATER: u64 = 2_524_604_461;

/// A superuser of the base directory with the key of their auth tokens.
struct Superuser {
    id: String,
    key: String,
}

impl Superuser {
    fn of(app: &TestApp) -> Self {
        let row = &app.rows("SELECT id, tokenKey FROM _superusers WHERE email = 'test@example.com'")[0];
        let text = |index: usize| row[index].as_str().expect("a text").to_owned();
        Self { id: text(0), key: text(1) + &secret(app, "_superusers", "authToken") }
    }

    fn claims(&self) -> Value {
        json!({"collectionId": SUPERUSERS, "exp": LATER, "id": self.id, "refreshable": true, "type": "auth"})
    }

    /// The claims after one change; null takes the claim away.
    fn claims_with(&self, name: &str, value: Value) -> Value {
        let mut claims = self.claims();
        claims[name] = value;
        if claims[name].is_null() {
            claims.as_object_mut().expect("an object").remove(name);
        }
        claims
    }
}

/// The secret of a collection's tokens of one kind.
fn secret(app: &TestApp, collection: &str, kind: &str) -> String {
    let sql = format!("SELECT json_extract(options, '$.{kind}.secret') FROM _collections WHERE name = '{collection}'");
    app.rows(&sql)[0][0].as_str().expect("a secret").to_owned()
}

/// Whether a request with this header value comes as a superuser's: else the route asks for one.
#[track_caller]
fn is_superuser(app: &TestApp, authorization: &str) -> bool {
    let answer = app.get("/api/settings").header("Authorization", authorization).send();
    match answer.status {
        200 => true,
        401 => false,
        _ => panic!("neither superuser nor guest: {answer}"),
    }
}

#[test]
fn a_token_is_taken_bare_or_behind_bearer() {
    let app = TestApp::with_base();
    let token = app.superuser_token();
    for value in [token.to_owned(), format!("Bearer {token}"), format!("bEaReR {token}"), format!("  {token} ")] {
        assert!(is_superuser(&app, &value), "{value}");
    }
    for value in
        [format!("Bearer  {token}"), format!("Token {token}"), format!("{token}x"), "Bearer".into(), "x".into()]
    {
        assert!(!is_superuser(&app, &value), "{value}");
    }
}

#[test]
fn nothing_but_the_header_carries_a_login() {
    let app = TestApp::with_base();
    let token = app.superuser_token();
    app.get("/api/settings").query("token", token).expect(401);
    app.get("/api/settings").header("Cookie", &format!("pb_auth={token}; token={token}")).expect(401);
}

#[test]
fn a_token_that_is_no_valid_login_makes_a_guest() {
    let app = TestApp::with_base();
    let superuser = Superuser::of(&app);
    let sign = |claims: Value| app.sign(&claims, &superuser.key);
    assert!(is_superuser(&app, &sign(superuser.claims())), "the key is right");
    let users = app.rows("SELECT id, tokenKey FROM users LIMIT 1")[0].clone();
    let user_key = users[1].as_str().unwrap().to_owned() + &secret(&app, "users", "authToken");
    let file_key =
        superuser.key.replace(&secret(&app, "_superusers", "authToken"), &secret(&app, "_superusers", "fileToken"));
    let cases = [
        ("expired", sign(superuser.claims_with("exp", json!(1_640_991_661)))),
        ("without an end", sign(superuser.claims_with("exp", Value::Null))),
        ("with the end 0", sign(superuser.claims_with("exp", json!(0)))),
        ("with a text as end", sign(superuser.claims_with("exp", json!(LATER.to_string())))),
        ("not valid yet", sign(superuser.claims_with("nbf", json!(LATER - 10)))),
        ("issued in the future", sign(superuser.claims_with("iat", json!(LATER - 10)))),
        ("of another kind", sign(superuser.claims_with("type", json!("file")))),
        ("of no kind", sign(superuser.claims_with("type", Value::Null))),
        ("of an unknown kind", sign(superuser.claims_with("type", json!("admin")))),
        ("without an id", sign(superuser.claims_with("id", Value::Null))),
        ("with a number as id", sign(superuser.claims_with("id", json!(1)))),
        ("of an unknown record", sign(superuser.claims_with("id", json!("missing00000000")))),
        ("with the collection's name", sign(superuser.claims_with("collectionId", json!("_superusers")))),
        ("of an unknown collection", sign(superuser.claims_with("collectionId", json!("pbc_1")))),
        ("of another collection", sign(superuser.claims_with("collectionId", json!("_pb_users_auth_")))),
        ("signed by a user of another collection", app.sign(&superuser.claims(), &user_key)),
        ("signed with the key of another kind", app.sign(&superuser.claims(), &file_key)),
        ("signed with nothing", app.sign(&superuser.claims(), "")),
        ("oversized", sign(superuser.claims_with("x", json!("a".repeat(20_000))))),
    ];
    for (name, token) in cases {
        assert!(!is_superuser(&app, &token), "{name}");
    }
}

#[test]
fn only_hs256_counts() {
    let app = TestApp::with_base();
    let token = app.superuser_token();
    let (message, signature) = token.rsplit_once('.').unwrap();
    let payload = message.split_once('.').unwrap().1;
    for header in [r#"{"alg":"none"}"#, r#"{"alg":"HS512"}"#, r#"{"alg":"hs256"}"#, r#"{}"#] {
        let header = BASE64_URL_SAFE_NO_PAD.encode(header);
        for signature in ["", signature] {
            assert!(!is_superuser(&app, &format!("{header}.{payload}.{signature}")));
        }
    }
    assert!(!is_superuser(&app, &format!("{message}.")));
    assert!(!is_superuser(&app, message));
}

#[test]
fn an_expired_token_ends_with_its_second() {
    let app = TestApp::with_base();
    let token = app.superuser_token().to_owned();
    assert!(is_superuser(&app, &token));
    app.move_clock(3_590_000);
    assert!(is_superuser(&app, &token));
    app.move_clock(3_601_000);
    assert!(!is_superuser(&app, &token));
}

#[test]
fn a_broken_token_does_not_fail_a_public_route() {
    let app = TestApp::with_base();
    for token in ["x", "a.b.c", "Bearer a.b.c", "é"] {
        app.get("/api/health").header("Authorization", token).expect(200);
    }
}

#[test]
fn a_password_changed_by_another_process_ends_tokens() {
    let app = TestApp::with_base();
    let token = app.superuser_token().to_owned();
    assert!(is_superuser(&app, &token));
    let run = support::run(app.dir(), &["superuser", "update", "test@example.com", "another-password"]);
    assert!(run.status.success(), "{run:?}");
    support::wait_until(|| !is_superuser(&app, &token));
    assert!(is_superuser(&app, &app.token("_superusers", "test@example.com")));
}

#[test]
fn superusers_from_elsewhere_are_refused_on_every_route() {
    let app = TestApp::with_base();
    app.update_settings(json!({"superuserIPs": ["203.0.113.0/24"], "trustedProxy": {"headers": ["X-Test-IP"]}}));
    let default = "You are not allowed to perform this request.";
    for path in ["/api/settings", "/api/health", "/api/unknown"] {
        app.get(path).superuser().refused(403, default);
        app.get(path).superuser().header("X-Test-IP", "198.51.100.1").refused(403, default);
    }
    app.get("/api/settings").superuser().header("X-Test-IP", "203.0.113.9").expect(200);
    app.get("/api/health").expect(200);
    app.get("/api/health").token(&app.token("users", "test@example.com")).expect(200);
}
