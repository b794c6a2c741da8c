//! Sign-in through providers (contract/11 §9): a certified OpenID provider for what is right, a scripted one for what no
//! real one does.

mod flaws;
mod id_tokens;
mod linking;
mod outbound;
mod popup;

use serde_json::{Value, json};
use support::TestApp;
use support::parts::{Asked, Oidc, Reply, Scripted, UserInfo};

const NO_TOKEN: &str = "Failed to fetch OAuth2 token.";
const NO_USER: &str = "Failed to fetch OAuth2 user.";
const FAILED: &str = "Failed to authenticate.";
const APPLICATION: &str = "https://app.example.com/signed-in";

/// Lets a collection be signed in to through these providers.
fn configure(app: &TestApp, collection: &str, providers: Value) {
    let mapped = json!({"id": "", "name": "name", "username": "", "avatarURL": "avatar"});
    app.update_collection(
        collection,
        json!({"oauth2": {"enabled": true, "providers": providers, "mappedFields": mapped}}),
    );
}

/// Lets accounts be without an address.
fn without_emails(app: &TestApp) {
    let mut fields = app.get("/api/collections/users").superuser().ok()["fields"].clone();
    let email = fields.as_array_mut().expect("fields").iter_mut().find(|field| field["name"] == "email");
    email.expect("the field of addresses")["required"] = false.into();
    app.update_collection("users", json!({ "fields": fields }));
}

fn sign_in(app: &TestApp, body: Value) -> support::Request {
    app.post("/api/collections/users/auth-with-oauth2").json(body)
}

/// A provider with whose codes anybody is the user that the code is: JSON.
fn providing(users: impl Fn(&str) -> Value + Send + Sync + 'static) -> Scripted {
    Scripted::start(move |asked: &Asked| {
        let after = |text: &str, mark: &str| text.split(mark).nth(1).unwrap_or_default().to_owned();
        match asked.target.split('?').next().unwrap_or_default() {
            "/token" => {
                let code = after(&asked.body, "&code=").split('&').next().unwrap_or_default().to_owned();
                Reply::Json(200, json!({"access_token": code, "token_type": "Bearer", "expires_in": 60}))
            }
            "/user" => Reply::Json(200, users(&after(asked.header("authorization").unwrap_or_default(), "Bearer "))),
            _ => Reply::Json(404, json!({})),
        }
    })
}

/// How a collection names a scripted provider.
fn options(name: &str, provider: &Scripted) -> Value {
    json!({
        "name": name, "clientId": "app", "clientSecret": "secret", "authURL": provider.url("/auth"),
        "tokenURL": provider.url("/token"), "userInfoURL": provider.url("/user"),
    })
}

/// A user with a verified address, by a short name.
fn verified(name: &str) -> Value {
    json!({"sub": name, "name": format!("The {name}"), "email": format!("{name}@example.com"), "email_verified": true})
}

fn code(code: &str) -> Value {
    json!({"provider": "oidc", "code": code, "codeVerifier": "v", "redirectURL": APPLICATION})
}

/// What `auth-methods` offers for the first provider.
fn offer(app: &TestApp) -> Value {
    app.get("/api/collections/users/auth-methods").ok()["oauth2"]["providers"][0].clone()
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

fn parameter(url: &str, name: &str) -> String {
    let url = reqwest::Url::parse(url).expect("a URL");
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned()).unwrap_or_default()
}

/// Goes to a real provider as `login`; gives what the client sends afterwards.
fn visit(app: &TestApp, oidc: &Oidc, login: &str) -> Value {
    let offer = offer(app);
    let encoded: String = APPLICATION.replace(':', "%3A").replace('/', "%2F");
    let landed = oidc.sign_in(&format!("{}{encoded}", text(&offer["authURL"])), login);
    assert_eq!(parameter(&landed, "state"), text(&offer["state"]));
    json!({
        "provider": "oidc", "code": parameter(&landed, "code"), "codeVerifier": offer["codeVerifier"],
        "redirectURL": APPLICATION,
    })
}

#[test]
fn people_sign_in_by_code_through_a_certified_provider() {
    let app = TestApp::new();
    let oidc = Oidc::start(&[APPLICATION]);
    for (user_info, login) in [(UserInfo::Asked, "ada"), (UserInfo::InIdToken, "bob")] {
        configure(&app, "users", json!([oidc.options(user_info)]));
        let answer = sign_in(&app, visit(&app, &oidc, login)).ok();
        let (meta, record) = (&answer["meta"], &answer["record"]);
        assert_eq!((&meta["isNew"], &meta["id"], &meta["username"]), (&json!(true), &json!(login), &json!(login)));
        assert_eq!((&record["verified"], &record["name"]), (&json!(true), &json!(format!("The {login}"))));
        assert_eq!((&record["email"], &meta["email"]), (&json!(format!("{login}@example.com")), &record["email"]));
        assert_ne!((&meta["accessToken"], &meta["expiry"]), (&json!(""), &json!("")));
        app.post("/api/collections/users/auth-refresh").token(&text(&answer["token"])).ok();
        let again = sign_in(&app, visit(&app, &oidc, login)).ok();
        assert_eq!((&again["meta"]["isNew"], &again["record"]["id"]), (&json!(false), &record["id"]));
    }
    assert_eq!(app.rows("SELECT count(*) FROM users")[0], json!([2]));
}

#[test]
fn a_code_is_good_once_for_its_own_verifier_and_address() {
    let app = TestApp::new();
    let oidc = Oidc::start(&[APPLICATION, "https://app.example.com/other"]);
    configure(&app, "users", json!([oidc.options(UserInfo::Asked)]));
    let good = visit(&app, &oidc, "ada");
    sign_in(&app, good.clone()).ok();
    sign_in(&app, good).refused(400, NO_TOKEN);
    for (key, wrong) in [
        ("codeVerifier", json!("another-verifier-another-verifier-another-verifier")),
        ("codeVerifier", json!("")),
        ("redirectURL", json!("https://evil.example.com/signed-in")),
        ("redirectURL", json!("")),
        ("code", json!("made-up")),
    ] {
        let mut body = visit(&app, &oidc, "ada");
        body[key] = wrong;
        sign_in(&app, body.clone()).refused(400, NO_TOKEN);
    }
    assert_eq!(app.rows("SELECT count(*) FROM users")[0], json!([1]));
}

#[test]
fn what_is_missing_or_of_a_wrong_type_is_named_before_anybody_is_asked() {
    let app = TestApp::new();
    sign_in(&app, code("x")).refused(403, "The collection is not configured to allow OAuth2 authentication.");
    let provider = providing(verified);
    configure(&app, "users", json!([options("oidc", &provider)]));
    let load = "An error occurred while loading the submitted data.";
    let data = sign_in(&app, json!({})).refused(400, load);
    assert_eq!(
        (&data["provider"]["code"], &data["code"]["code"]),
        (&json!("validation_required"), &data["code"]["code"])
    );
    let data = sign_in(&app, json!({"provider": "google", "code": "x"})).refused(400, load);
    assert_eq!(data["provider"]["code"], "validation_invalid_provider");
    let data = sign_in(&app, json!({"provider": "oidc", "code": "x".repeat(20_000)})).refused(400, load);
    assert_eq!(data["code"]["code"], "validation_length_too_long");
    for wrong in [
        json!({"provider": 5, "code": "x"}),
        json!({"provider": "oidc", "code": ["x"]}),
        json!({"provider": "oidc", "code": "x", "createData": []}),
        json!({"provider": "oidc", "code": "x", "createData": "{}"}),
    ] {
        assert_eq!(sign_in(&app, wrong).refused(400, load), json!({}));
    }
    assert!(provider.asked("/").is_empty());
    app.post("/api/collections/_superusers/auth-with-oauth2").json(code("x")).expect(403);
}

#[test]
fn the_secret_goes_by_basic_and_to_those_that_refuse_it_in_the_form() {
    let app = TestApp::new();
    let provider = Scripted::start(|asked| match asked.target.as_str() {
        "/token" if asked.header("authorization").is_some() => Reply::Json(401, json!({"error": "invalid_client"})),
        "/token" => Reply::Json(200, json!({"access_token": "t"})),
        _ => Reply::Json(200, verified("ada")),
    });
    configure(&app, "users", json!([options("oidc", &provider)]));
    sign_in(&app, code("c d")).ok();
    let asked = provider.asked("/token");
    assert_eq!(asked[0].header("authorization"), Some("Basic YXBwOnNlY3JldA=="));
    let form =
        "grant_type=authorization_code&code=c+d&redirect_uri=https%3A%2F%2Fapp.example.com%2Fsigned-in&code_verifier=v";
    assert_eq!(asked[0].body, form);
    assert_eq!(asked[1].body, format!("{form}&client_id=app&client_secret=secret"));
    assert_eq!(provider.asked("/user")[0].header("authorization"), Some("Bearer t"));
}

#[test]
fn a_second_factor_and_the_auth_rule_count_here_too() {
    let app = TestApp::new();
    let provider = providing(verified);
    configure(&app, "users", json!([options("oidc", &provider)]));
    app.update_collection("users", json!({"authRule": "verified = false"}));
    sign_in(&app, code("ada")).refused(403, "The request doesn't satisfy the collection requirements to authenticate.");
    app.update_collection("users", json!({"authRule": "", "mfa": {"enabled": true, "duration": 600, "rule": ""}}));
    let first = sign_in(&app, code("ada")).expect(401).json();
    let mut second = code("ada");
    second["mfaId"] = first["mfaId"].clone();
    sign_in(&app, second).refused(400, "A different authentication method is required.");
}
