//! Providers' own ways that could be used against others.

use serde_json::{Value, json};
use support::TestApp;
use support::parts::{Reply, Scripted};

use super::{code, configure, sign_in, without_emails};

fn scripted(user: Value, mails: Value) -> Scripted {
    Scripted::start(move |asked| match asked.target.split('?').next().unwrap_or_default() {
        path if path.ends_with("/token") => Reply::Json(200, json!({"access_token": "t"})),
        "/user/emails" => Reply::Json(200, mails.clone()),
        _ => Reply::Json(200, user.clone()),
    })
}

fn through(name: &str) -> Value {
    let mut body = code("x");
    body["provider"] = name.into();
    body
}

fn named(name: &str, provider: &Scripted, tenant: &str) -> Value {
    json!({
        "name": name, "clientId": "app", "clientSecret": "s", "authURL": provider.url(&format!("/{tenant}/authorize")),
        "tokenURL": provider.url(&format!("/{tenant}/token")), "userInfoURL": provider.url("/user"),
    })
}

#[test]
fn an_address_of_a_shared_microsoft_tenant_proves_nothing() {
    let app = TestApp::new();
    let (victim, _) = app.create_user("users", "ada@example.com");
    app.update("users", victim["id"].as_str().unwrap(), json!({"verified": true}));
    let provider = scripted(json!({"id": "eve", "displayName": "Eve", "mail": "ada@example.com"}), json!([]));
    configure(&app, "users", json!([named("microsoft", &provider, "common")]));
    let data = sign_in(&app, through("microsoft")).refused(400, "Failed to create record.");
    assert_eq!(data["email"]["code"], "validation_not_unique");
    let free = scripted(json!({"id": "bob", "mail": "bob@example.com"}), json!([]));
    configure(&app, "users", json!([named("microsoft", &free, "Organizations")]));
    let answer = sign_in(&app, through("microsoft")).ok();
    assert_eq!((&answer["record"]["email"], &answer["record"]["verified"]), (&json!("bob@example.com"), &json!(false)));
    assert_eq!(answer["meta"]["email"], "");
    let again = sign_in(&app, through("microsoft")).ok();
    assert_eq!((&again["record"]["id"], &again["record"]["verified"]), (&answer["record"]["id"], &json!(false)));
    // The directory of one organisation vouches for its own people.
    configure(&app, "users", json!([named("microsoft", &provider, "9c1e4f2a-own-tenant")]));
    assert_eq!(sign_in(&app, through("microsoft")).ok()["record"]["id"], victim["id"]);
}

#[test]
fn github_vouches_by_its_list_of_addresses_alone() {
    let app = TestApp::new();
    without_emails(&app);
    let mails = json!([
        {"email": "first@example.com", "verified": false, "primary": true},
        {"email": "second@example.com", "verified": true, "primary": false},
        {"email": "ada@example.com", "verified": true, "primary": true},
    ]);
    let provider = scripted(json!({"id": 12, "login": "ada", "email": "shown@example.com"}), mails);
    configure(&app, "users", json!([named("github", &provider, "x")]));
    let answer = sign_in(&app, through("github")).ok();
    assert_eq!((&answer["meta"]["id"], &answer["meta"]["email"]), (&json!("12"), &json!("ada@example.com")));
    let provider = scripted(json!({"id": 13, "login": "bob", "email": "shown@example.com"}), json!([]));
    configure(&app, "users", json!([named("github", &provider, "x")]));
    assert_eq!(sign_in(&app, through("github")).ok()["meta"]["email"], "");
}

#[test]
fn accounts_that_are_off_at_the_provider_are_refused() {
    let app = TestApp::new();
    for (name, user) in [
        ("gitea", json!({"id": 1, "active": false})),
        ("bitbucket", json!({"uuid": "u", "account_status": "closed"})),
        ("mailcow", json!({"id": "m", "active": 0})),
        ("twitch", json!({"data": []})),
        ("vk", json!({"response": []})),
        ("linear", json!({"data": {"viewer": {"id": "l", "active": false}}})),
    ] {
        let provider = scripted(user, json!([]));
        configure(&app, "users", json!([named(name, &provider, "x")]));
        sign_in(&app, through(name)).refused(400, super::NO_USER);
    }
}

#[test]
fn nothing_of_the_providers_answer_is_stored_but_the_link() {
    let app = TestApp::new();
    without_emails(&app);
    let provider = scripted(json!({"sub": "ada", "name": "Ada"}), json!([]));
    configure(&app, "users", json!([named("oidc", &provider, "x")]));
    sign_in(&app, through("oidc")).ok();
    let row = &app.rows("SELECT provider, providerId FROM _externalAuths")[0];
    assert_eq!(*row, json!(["oidc", "ada"]));
    let collection = app.get("/api/collections/users").superuser().ok();
    assert_eq!(collection["oauth2"]["providers"][0].get("clientSecret"), None);
}
