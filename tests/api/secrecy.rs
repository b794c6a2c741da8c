//! What answers must not tell: whether an account exists, by text, status, work or time; and what links, codes and tokens
//! are not good for (contract/11, “Secrecy and throttling”; contract/10 §4).

use std::time::{Duration, Instant};

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use serde_json::{Value, json};
use support::parts::{Behaviour, Smtp};
use support::{Answer, PASSWORD, Request, TestApp};

const KNOWN: &str = "known@example.com";
const UNKNOWN: &str = "nobody@example.com";
const BAD_OTP: &str = "Invalid or expired OTP.";
/// How often each of two answers is timed; `make soak` sets more.
const TIMING_ROUNDS: &str = "MONOBASE_TEST_TIMING_ROUNDS";

/// A server with an account [`KNOWN`] in two auth collections, every way in switched on.
fn app() -> TestApp {
    let app = TestApp::new();
    let otp = json!({"enabled": true, "duration": 300, "length": 8});
    app.create_collection(json!({"name": "others", "type": "auth", "otp": otp, "listRule": "", "viewRule": ""}));
    app.update_collection("users", json!({ "otp": otp }));
    app.create_user("users", KNOWN);
    app.create_user("others", KNOWN);
    app
}

fn post(app: &TestApp, route: &str, body: Value) -> Request {
    app.post(&format!("/api/collections/users/{route}")).json(body)
}

/// Status and body without the random ids in it.
fn told(answer: &Answer) -> (u16, String) {
    let mut text = answer.text();
    if let Ok(Value::Object(object)) = serde_json::from_str(&text)
        && let Some(id) = object.get("otpId").and_then(Value::as_str)
    {
        assert_eq!(id.len(), 15, "{text}");
        text = text.replace(id, "ID");
    }
    (answer.status, text)
}

fn login(identity: &str, password: &str) -> Value {
    json!({"identity": identity, "password": password})
}

#[test]
fn no_route_tells_a_known_address_from_an_unknown_one() {
    let app = app();
    for round in 0..2 {
        for route in ["request-otp", "request-verification", "request-password-reset"] {
            let known = post(&app, route, json!({"email": KNOWN})).send();
            let unknown = post(&app, route, json!({"email": UNKNOWN})).send();
            assert_eq!(told(&known), told(&unknown), "{route}, round {round}");
        }
    }
    let known = post(&app, "auth-with-password", login(KNOWN, "wrong")).send();
    let unknown = post(&app, "auth-with-password", login(UNKNOWN, "wrong")).send();
    assert_eq!(told(&known), told(&unknown));
}

/// Asks for a code and sends back a wrong one, as often as it takes to see a difference.
#[test]
fn a_code_that_was_never_sent_fails_as_one_that_was() {
    let app = app();
    let guesses = |email: &str| -> Vec<(u16, String)> {
        let otp_id = post(&app, "request-otp", json!({ "email": email })).ok()["otpId"].clone();
        let guess = || post(&app, "auth-with-otp", json!({"otpId": otp_id, "password": "wrong"})).send();
        (0..12).map(|_| told(&guess())).collect()
    };
    let (known, unknown) = (guesses(KNOWN), guesses(UNKNOWN));
    assert_eq!(known, unknown);
    assert_eq!((known[0].0, known[5].0), (400, 429));
}

#[test]
fn known_and_unknown_cost_the_same_hashes() {
    let app = app();
    let hashes = || app.get("/api/_faults/hashes").ok()["hashes"].as_u64().expect("a number");
    let cost = |request: Request| {
        let before = hashes();
        request.send();
        hashes() - before
    };
    app.create_collection(json!({"name": "empty", "type": "auth"}));
    let in_empty = app.post("/api/collections/empty/auth-with-password").json(login(KNOWN, "wrong"));
    let otp_id = post(&app, "request-otp", json!({"email": KNOWN})).ok()["otpId"].clone();
    let fake_id = post(&app, "request-otp", json!({"email": UNKNOWN})).ok()["otpId"].clone();
    let cases = [
        ("right password", post(&app, "auth-with-password", login(KNOWN, PASSWORD))),
        ("wrong password", post(&app, "auth-with-password", login(KNOWN, "wrong"))),
        ("unknown identity", post(&app, "auth-with-password", login(UNKNOWN, "wrong"))),
        ("nobody there at all", in_empty),
        ("code for a known address", post(&app, "request-otp", json!({"email": KNOWN}))),
        ("code for an unknown address", post(&app, "request-otp", json!({"email": UNKNOWN}))),
        ("wrong code", post(&app, "auth-with-otp", json!({"otpId": otp_id, "password": "wrong"}))),
        ("code of nobody", post(&app, "auth-with-otp", json!({"otpId": fake_id, "password": "wrong"}))),
        ("e-mail change by garbage", post(&app, "confirm-email-change", json!({"token": "a.b.c", "password": "x"}))),
    ];
    for (name, request) in cases {
        assert_eq!(cost(request), 1, "{name}");
    }
}

/// The medians of two requests that take turns.
fn medians(rounds: usize, one: impl Fn() -> Request, other: impl Fn() -> Request) -> [Duration; 2] {
    let time = |request: Request| {
        let begun = Instant::now();
        request.send();
        begun.elapsed()
    };
    let mut times: [Vec<Duration>; 2] = [Vec::new(), Vec::new()];
    for round in 0..rounds {
        // Each goes first as often as the other: what a request leaves behind (a sync, a warm cache) meets both alike.
        for index in [round % 2, 1 - round % 2] {
            times[index].push(time(if index == 0 { one() } else { other() }));
        }
    }
    times.map(|mut times| {
        times.sort();
        times[times.len() / 2]
    })
}

#[test]
fn the_time_of_an_answer_tells_nothing() {
    let rounds: Option<usize> = std::env::var(TIMING_ROUNDS).ok().and_then(|text| text.parse().ok());
    // A machine full of tests is noisy: a short run sees a missing hash or sync, a long one much less.
    let (rounds, factor) = rounds.map_or((9, 3.0), |rounds| (rounds, 1.25));
    let app = app();
    for (route, body) in [
        ("auth-with-password", login as fn(&str, &str) -> Value),
        ("request-otp", |email, _| json!({ "email": email })),
        ("request-password-reset", |email, _| json!({ "email": email })),
        ("request-verification", |email, _| json!({ "email": email })),
    ] {
        let ask = |email: &'static str| {
            let app = &app;
            move || post(app, route, body(email, "wrong"))
        };
        let [known, unknown] = medians(rounds, ask(KNOWN), ask(UNKNOWN)).map(|time| time.as_secs_f64() * 1000.0);
        println!("{route}: known {known:.2} ms, unknown {unknown:.2} ms, {rounds} rounds");
        let (less, more) = (known.min(unknown), known.max(unknown));
        // Below a millisecond the network hides it, and a test machine makes it.
        assert!(more < less * factor || more - less < 1.0, "{route}: known {known:.2} ms, unknown {unknown:.2} ms");
    }
}

/// The row's key and the collection's secret of one kind of token.
fn signing_key(app: &TestApp, collection: &str, kind: &str) -> (String, String, String) {
    let sql = format!(
        "SELECT r.id, r.tokenKey, c.id, json_extract(c.options, '$.{kind}.secret') \
         FROM \"{collection}\" r, _collections c WHERE c.name = '{collection}' AND r.email = '{KNOWN}'"
    );
    let row = app.rows(&sql).remove(0);
    let text = |index: usize| row[index].as_str().expect("a text").to_owned();
    (text(0), text(2), text(1) + &text(3))
}

/// A token of [`KNOWN`] in a collection: its `type`, and the option whose secret signs it.
fn token_of(app: &TestApp, collection: &str, kind: &str, option: &str, exp: i64) -> String {
    let (id, collection_id, key) = signing_key(app, collection, option);
    let claims = json!({"id": id, "collectionId": collection_id, "type": kind, "exp": exp, "email": KNOWN,
        "newEmail": "new@example.com", "refreshable": true});
    app.sign(&claims, &key)
}

const LATER: i64 = 2_524_604_461;
/// The mail-driven kinds: `type`, the option with its secret, the route that takes it.
const LINKS: [(&str, &str, &str); 3] = [
    ("verification", "verificationToken", "confirm-verification"),
    ("passwordReset", "passwordResetToken", "confirm-password-reset"),
    ("emailChange", "emailChangeToken", "confirm-email-change"),
];

fn confirm(app: &TestApp, route: &str, token: &str) -> Answer {
    let password = if route == "confirm-password-reset" { "another-one" } else { PASSWORD };
    post(app, route, json!({"token": token, "password": password, "passwordConfirm": password})).send()
}

#[test]
fn a_link_is_good_for_its_own_route_collection_and_time_alone() {
    let app = app();
    for (kind, option, route) in LINKS {
        let refused = |token: &str, code: &str, why: &str| {
            let answer = confirm(&app, route, token);
            let data = answer.refused(400, "An error occurred while validating the submitted data.");
            // Claims that can't be read have codes of their own, which begin alike.
            let is_so = data["token"]["code"].as_str().is_some_and(|told| told.starts_with(code));
            assert!(is_so, "{route}: {why}: {data}");
        };
        let good = token_of(&app, "users", kind, option, LATER);
        refused(&token_of(&app, "users", kind, option, 1_640_991_661), "validation_invalid_token", "expired");
        let foreign = token_of(&app, "others", kind, option, LATER);
        refused(&foreign, "validation_token_collection_mismatch", "another collection's");
        for (other, other_option, _) in LINKS.iter().chain(&[("auth", "authToken", ""), ("file", "fileToken", "")]) {
            if *other != kind {
                refused(&token_of(&app, "users", other, other_option, LATER), "validation_invalid_token", other);
                let retyped = token_of(&app, "users", kind, other_option, LATER);
                refused(&retyped, "validation_invalid_token", "signed with the secret of another kind");
            }
        }
        let (_, payload, signature) = parts(&good);
        let header = BASE64_URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#);
        for forged in [format!("{header}.{payload}."), format!("{header}.{payload}.{signature}")] {
            refused(&forged, "validation_invalid_token", "alg none");
        }
        let (id, collection_id, key) = signing_key(&app, "users", option);
        let large = json!({"id": id, "collectionId": collection_id, "type": kind, "exp": LATER, "email": KNOWN,
            "newEmail": "new@example.com", "x": "a".repeat(20_000)});
        let answer = confirm(&app, route, &app.sign(&large, &key));
        assert_eq!(answer.status, 400, "{route}: oversized: {answer}");
        // And none of them is a login.
        app.post("/api/collections/users/auth-refresh").token(&good).expect(401);
    }
    let reset = token_of(&app, "users", "passwordReset", "passwordResetToken", LATER);
    assert_eq!(confirm(&app, "confirm-password-reset", &reset).status, 204, "the good one is good");
    for (kind, option, route) in LINKS {
        // What was signed before the new password is worth nothing.
        let (id, collection_id, _) = signing_key(&app, "users", option);
        let claims = json!({"id": id, "collectionId": collection_id, "type": kind, "exp": LATER, "email": KNOWN,
            "newEmail": "new@example.com"});
        assert_eq!(confirm(&app, route, &app.sign(&claims, "a former key")).status, 400, "{route}");
    }
    assert_eq!(confirm(&app, "confirm-password-reset", &reset).status, 400, "and only once");
}

fn parts(token: &str) -> (&str, &str, &str) {
    let mut parts = token.split('.');
    let mut next = || parts.next().expect("a token has three parts");
    (next(), next(), next())
}

/// The code in a mail.
fn code_in(smtp: &Smtp, count: usize) -> String {
    let text = smtp.wait_for(count).remove(count - 1).message.replace("=\r\n", "");
    let is_code = |word: &&str| word.len() == 8 && word.bytes().all(|byte| byte.is_ascii_digit());
    text.split(|c: char| !c.is_ascii_alphanumeric()).find(is_code).expect("a code").to_owned()
}

#[test]
fn a_code_is_good_once_for_its_collection_and_its_time() {
    let app = app();
    let smtp = Smtp::start(Behaviour::Accepts);
    app.update_settings(json!({"smtp": smtp.settings()}));
    let ask = || post(&app, "request-otp", json!({"email": KNOWN})).ok()["otpId"].clone();
    let sign_in = |collection: &str, otp_id: &Value, code: &str| {
        let body = json!({"otpId": otp_id, "password": code});
        app.post(&format!("/api/collections/{collection}/auth-with-otp")).json(body).send()
    };
    let otp_id = ask();
    let code = code_in(&smtp, 1);
    sign_in("others", &otp_id, &code).refused(400, BAD_OTP);
    sign_in("users", &otp_id, &code).expect(200);
    sign_in("users", &otp_id, &code).refused(400, BAD_OTP);
    let otp_id = ask();
    let code = code_in(&smtp, 2);
    app.move_clock(301_000);
    sign_in("users", &otp_id, &code).refused(400, BAD_OTP);
}

#[test]
fn a_first_factor_is_good_once_for_its_account_and_its_time() {
    let app = app();
    let smtp = Smtp::start(Behaviour::Accepts);
    app.update_settings(json!({"smtp": smtp.settings()}));
    let mfa = json!({"mfa": {"enabled": true, "duration": 300, "rule": ""}});
    app.update_collection("users", mfa.clone());
    app.update_collection("others", mfa);
    app.create_user("users", "second@example.com");
    let first = |email: &str| {
        let answer = post(&app, "auth-with-password", login(email, PASSWORD)).expect(401);
        answer.json()["mfaId"].as_str().expect("an id").to_owned()
    };
    let mut mails = 0;
    let mut second = |email: &str, mfa_id: &str| {
        let otp_id = post(&app, "request-otp", json!({ "email": email })).ok()["otpId"].clone();
        mails += 1;
        let code = code_in(&smtp, mails);
        post(&app, "auth-with-otp", json!({"otpId": otp_id, "password": code, "mfaId": mfa_id})).send()
    };
    let of_second = first("second@example.com");
    second(KNOWN, &of_second).refused(400, "Invalid MFA session.");
    let mfa_id = first(KNOWN);
    second(KNOWN, &mfa_id).expect(200);
    second(KNOWN, &mfa_id).refused(400, "Invalid or expired MFA session.");
    let late = first("second@example.com");
    app.move_clock(301_000);
    second("second@example.com", &late).refused(400, "Invalid or expired MFA session.");
}

#[test]
fn no_redirect_leaves_this_server() {
    let app = app();
    let targets = [
        "//evil.example.com",
        "//evil.example.com/%2e%2e",
        "/.//evil.example.com",
        "/x/..//evil.example.com/",
        "/.//\\evil.example.com",
        "/x/../\\evil.example.com",
        "/.//%5Cevil.example.com",
        "/.//%0d%0aLocation:%20http://evil.example.com",
        "//api/health?x=//evil.example.com",
        "/_",
        "/_//evil.example.com",
    ];
    for target in targets {
        let answer = app.get(target).header("Connection", "close").send();
        if let Some(location) = answer.header("location") {
            let goes_on = location.strip_prefix('/').unwrap_or_else(|| panic!("leaves: {answer}"));
            assert!(!goes_on.starts_with(['/', '\\']), "leaves: {answer}");
        }
    }
}
