//! Which account a sign-in reaches, and who loses it thereby (contract/11 §9.3, §9.4).

use serde_json::{Value, json};
use support::parts::Scripted;
use support::{PASSWORD, TestApp};

use super::{FAILED, code, configure, options, providing, sign_in, text, verified};

/// Users by code: `ada` has a verified address, `ada-unverified` the same one unverified, `nomail` none, `ada-2` is another
/// user with ada's address.
fn world() -> (TestApp, Scripted) {
    let provider = providing(|code| match code.split_once('-') {
        Some((name, "unverified")) => {
            json!({"sub": code, "email": format!("{name}@example.com"), "email_verified": false})
        }
        Some((name, _)) => json!({"sub": code, "email": format!("{name}@example.com"), "email_verified": true}),
        None if code == "nomail" => json!({"sub": code}),
        None => verified(code),
    });
    let app = TestApp::new();
    configure(&app, "users", json!([options("oidc", &provider), options("oidc2", &provider)]));
    (app, provider)
}

fn by_password(app: &TestApp, email: &str) -> u16 {
    let body = json!({"identity": email, "password": PASSWORD});
    app.post("/api/collections/users/auth-with-password").json(body).send().status
}

fn links(app: &TestApp, user: &Value) -> Vec<Value> {
    let id = user["id"].as_str().expect("an id");
    app.rows(&format!("SELECT provider, providerId FROM _externalAuths WHERE recordRef = '{id}' ORDER BY provider"))
}

fn through(provider: &str, who: &str) -> Value {
    let mut body = code(who);
    body["provider"] = provider.into();
    body
}

#[test]
fn an_address_registered_before_its_owner_came_is_the_owners_alone() {
    let (app, _provider) = world();
    let (user, token) = app.create_user("users", "ada@example.com");
    assert_eq!(by_password(&app, "ada@example.com"), 200);
    // The squatter has linked a provider of their own, too.
    sign_in(&app, through("oidc2", "eve")).token(&token).ok();
    let answer = sign_in(&app, code("ada")).ok();
    assert_eq!((&answer["record"]["id"], &answer["record"]["verified"]), (&user["id"], &json!(true)));
    assert_eq!(by_password(&app, "ada@example.com"), 400, "the squatter's password");
    app.post("/api/collections/users/auth-refresh").token(&token).expect(401);
    assert_eq!(links(&app, &user), [json!(["oidc", "ada"])], "the squatter's provider");
    app.post("/api/collections/users/auth-refresh").token(&text(&answer["token"])).ok();
}

#[test]
fn an_address_claimed_with_another_provider_is_not_verified_and_is_lost_to_its_owner() {
    let (app, _provider) = world();
    let mut squat = through("oidc2", "eve");
    squat["createData"] = json!({"email": "ada@example.com", "password": PASSWORD, "passwordConfirm": PASSWORD});
    let squatted = sign_in(&app, squat).ok();
    assert_eq!(squatted["record"]["verified"], false);
    let answer = sign_in(&app, code("ada")).ok();
    assert_eq!((&answer["record"]["id"], &answer["record"]["verified"]), (&squatted["record"]["id"], &json!(true)));
    assert_eq!(links(&app, &answer["record"]), [json!(["oidc", "ada"])]);
    assert_eq!(by_password(&app, "ada@example.com"), 400);
    app.post("/api/collections/users/auth-refresh").token(&text(&squatted["token"])).expect(401);
    let eve = sign_in(&app, through("oidc2", "eve")).ok();
    assert_ne!(eve["record"]["id"], answer["record"]["id"], "eve is somebody else again");
}

#[test]
fn an_unverified_address_never_links_and_isnt_taken_over() {
    let (app, _provider) = world();
    super::without_emails(&app);
    let (user, _) = app.create_user("users", "ada@example.com");
    app.update("users", user["id"].as_str().unwrap(), json!({"verified": true}));
    let answer = sign_in(&app, code("ada-unverified")).ok();
    assert_ne!(answer["record"]["id"], user["id"]);
    assert_eq!((&answer["record"]["email"], &answer["meta"]["email"]), (&json!(""), &json!("")));
    assert!(links(&app, &user).is_empty());
    assert_eq!(by_password(&app, "ada@example.com"), 200);
}

#[test]
fn a_verified_account_keeps_everything_and_gets_the_link() {
    let (app, _provider) = world();
    let (user, _) = app.create_user("users", "ada@example.com");
    app.update("users", user["id"].as_str().unwrap(), json!({"verified": true}));
    let token = app.token("users", "ada@example.com");
    assert_eq!(sign_in(&app, code("ada")).ok()["record"]["id"], user["id"]);
    assert_eq!(by_password(&app, "ada@example.com"), 200);
    app.post("/api/collections/users/auth-refresh").token(&token).ok();
    // Another user of the same provider with the same address can't have it as well.
    let data = sign_in(&app, code("ada-2")).refused(400, FAILED);
    for field in ["collectionRef", "recordRef", "provider"] {
        assert_eq!(data[field]["code"], "validation_not_unique", "{field}");
    }
    assert_eq!(links(&app, &user), [json!(["oidc", "ada"])]);
}

#[test]
fn who_is_signed_in_links_their_own_account_and_loses_nothing() {
    let (app, _provider) = world();
    let (user, token) = app.create_user("users", "ada@example.com");
    for (who, is_verified) in [("bob", false), ("ada", true)] {
        let answer = sign_in(&app, code(who)).token(&token).ok();
        assert_eq!(
            (&answer["record"]["id"], &answer["record"]["verified"]),
            (&user["id"], &json!(is_verified)),
            "{who}"
        );
        assert_eq!(links(&app, &user), [json!(["oidc", who])]);
        app.post("/api/collections/users/auth-refresh").token(&token).ok();
        assert_eq!(by_password(&app, "ada@example.com"), 200);
    }
    sign_in(&app, through("oidc2", "bob")).token(&token).ok();
    assert_eq!(links(&app, &user).len(), 2);
    // An identity that is somebody's already signs in as them, whoever asks.
    let (_, other) = app.create_user("users", "cat@example.com");
    assert_eq!(sign_in(&app, through("oidc2", "bob")).token(&other).ok()["record"]["id"], user["id"]);
}

#[test]
fn a_token_that_ended_while_the_provider_was_asked_links_nothing() {
    let (sender, answers) = std::sync::mpsc::channel::<()>();
    let answers = std::sync::Mutex::new(answers);
    let provider = Scripted::start(move |asked| {
        if asked.target == "/user" {
            let _ = answers.lock().expect("one at a time").recv_timeout(std::time::Duration::from_secs(10));
            return support::parts::Reply::Json(200, json!({"sub": "eve"}));
        }
        support::parts::Reply::Json(200, json!({"access_token": "t"}))
    });
    let app = TestApp::new();
    configure(&app, "users", json!([options("oidc", &provider)]));
    let (user, token) = app.create_user("users", "ada@example.com");
    let request = sign_in(&app, code("eve")).token(&token);
    let waiting = std::thread::spawn(move || request.send());
    support::wait_until(|| !provider.asked("/user").is_empty());
    app.update(
        "users",
        user["id"].as_str().unwrap(),
        json!({"password": "another-one", "passwordConfirm": "another-one"}),
    );
    sender.send(()).expect("the provider waits");
    let answer = waiting.join().expect("an answer");
    assert_ne!(answer.json()["record"]["id"], user["id"]);
    assert!(links(&app, &user).is_empty());
}

#[test]
fn the_create_rule_the_checks_and_the_clients_data_count_for_a_new_account() {
    let (app, _provider) = world();
    let mut body = code("ada");
    body["createData"] = json!({"verified": true});
    let data = sign_in(&app, body.clone()).refused(400, "Failed to create record.");
    assert_eq!(data["verified"]["code"], "validation_values_mismatch");
    body["createData"] = json!({"name": "Chosen", "id": "short"});
    sign_in(&app, body.clone()).refused(400, "Failed to create record.");
    body["createData"] = json!({"name": "Chosen"});
    app.update_collection("users", json!({"createRule": "@request.context != 'oauth2'"}));
    sign_in(&app, body.clone()).refused(400, "Failed to create record.");
    app.update_collection("users", json!({"createRule": null}));
    sign_in(&app, body.clone()).refused(403, "Only superusers can perform this action.");
    app.update_collection(
        "users",
        json!({"createRule": "@request.context = 'oauth2' && @request.body.name = 'Chosen'"}),
    );
    assert_eq!(app.rows("SELECT count(*) FROM users")[0], json!([0]));
    assert_eq!(app.rows("SELECT count(*) FROM _externalAuths")[0], json!([0]));
    assert_eq!(sign_in(&app, body).ok()["record"]["name"], "Chosen");
}

#[test]
fn an_account_without_an_id_at_the_provider_is_refused_wholly() {
    let provider = providing(|_| json!({"name": "Nobody", "email": "n@example.com", "email_verified": true}));
    let app = TestApp::new();
    configure(&app, "users", json!([options("oidc", &provider)]));
    let data = sign_in(&app, code("x")).refused(400, FAILED);
    assert_eq!(data["providerId"]["code"], "validation_required");
    assert_eq!(app.rows("SELECT count(*) FROM users")[0], json!([0]));
}

#[test]
fn two_sign_ins_at_once_make_one_account() {
    let (app, _provider) = world();
    let requests: Vec<_> = (0..6).map(|_| sign_in(&app, code("ada"))).collect();
    let threads: Vec<_> = requests.into_iter().map(|request| std::thread::spawn(move || request.send())).collect();
    let answers: Vec<_> = threads.into_iter().map(|thread| thread.join().expect("an answer")).collect();
    assert!(answers.iter().all(|answer| answer.status == 200), "{answers:#?}");
    assert_eq!(app.rows("SELECT count(*) FROM users")[0], json!([1]));
    assert_eq!(app.rows("SELECT count(*) FROM _externalAuths")[0], json!([1]));
}

#[test]
fn only_an_owner_and_superusers_unlink_and_nobody_links_by_hand() {
    let (app, _provider) = world();
    let answer = sign_in(&app, code("ada")).ok();
    let token = text(&answer["token"]);
    let records = "/api/collections/_externalAuths/records";
    assert_eq!(app.get(records).ok()["items"], json!([]));
    let link = app.get(records).token(&token).ok()["items"][0].clone();
    let own = json!({
        "collectionRef": link["collectionRef"], "recordRef": link["recordRef"], "provider": "google", "providerId": "x",
    });
    app.post(records).token(&token).json(own.clone()).expect(403);
    let mut unknown = own;
    unknown["provider"] = "nobody".into();
    let data = app.post(records).superuser().json(unknown).refused(400, "Failed to create record.");
    assert_eq!(data["provider"]["code"], "validation_in_invalid");
    app.delete(&format!("{records}/{}", text(&link["id"]))).expect(404);
    app.delete(&format!("{records}/{}", text(&link["id"]))).token(&token).expect(204);
}
