//! Providers that answer slowly, hugely, in HTML, or lead elsewhere; avatars.

use serde_json::{Value, json};
use support::TestApp;
use support::parts::{Reply, Scripted};

use super::{NO_TOKEN, NO_USER, code, configure, options, sign_in, verified};

/// A smallest PNG.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89\0\0\0\nIDATx\x9cc\0\x01\0\0\x05\0\x01\r\n-\xb4\0\0\0\0IEND\xaeB`\x82";
/// An address of this machine that counts as public in these tests.
const PUBLIC: &str = "127.0.0.2";

/// A provider whose token answer is right, and whose user-info answer is `user`.
fn with_user(user: impl Fn() -> Reply + Send + Sync + 'static) -> Scripted {
    Scripted::start(move |asked| match asked.target.as_str() {
        "/token" => Reply::Json(200, json!({"access_token": "t"})),
        "/user" => user(),
        _ => Reply::Json(200, verified("moved")),
    })
}

#[test]
fn what_isnt_a_proper_answer_is_refused_in_the_words_of_its_step() {
    let app = TestApp::setup().environment("MONOBASE_FAULT_PROVIDER_MS", "1500").start();
    let html = || Reply::Bytes { content_type: "text/html", bytes: b"<html>access_token=x</html>".to_vec() };
    let huge = || Reply::Bytes { content_type: "application/json", bytes: vec![b' '; 2 * 1024 * 1024] };
    let bad: [fn() -> Reply; 9] = [
        html,
        huge,
        || Reply::Silent,
        || Reply::Endless,
        || Reply::Json(500, json!({"access_token": "t", "sub": "x"})),
        || Reply::Json(200, json!([])),
        || Reply::Json(200, json!("text")),
        || Reply::Bytes { content_type: "application/json", bytes: b"{\"access_token\":".to_vec() },
        || Reply::Redirect(302, "http://".to_owned()),
    ];
    for (number, reply) in bad.into_iter().enumerate() {
        let provider = Scripted::start(move |_| reply());
        configure(&app, "users", json!([options("oidc", &provider)]));
        assert_eq!(sign_in(&app, code("x")).refused(400, NO_TOKEN), json!({}), "token {number}");
        let provider = with_user(reply);
        configure(&app, "users", json!([options("oidc", &provider)]));
        assert_eq!(sign_in(&app, code("x")).refused(400, NO_USER), json!({}), "user {number}");
    }
    for user in
        [json!({"sub": 5}), json!({"sub": "a", "name": {}}), json!({"sub": "a", "email": 1, "email_verified": true})]
    {
        let provider = with_user(move || Reply::Json(200, user.clone()));
        configure(&app, "users", json!([options("oidc", &provider)]));
        sign_in(&app, code("x")).refused(400, NO_USER);
    }
    assert_eq!(app.rows("SELECT count(*) FROM users")[0], json!([0]));
    app.get("/api/health").ok();
}

#[test]
fn nobody_listening_is_a_400() {
    let app = TestApp::new();
    let provider = with_user(|| Reply::Silent);
    let gone = options("oidc", &provider);
    drop(provider);
    configure(&app, "users", json!([gone]));
    sign_in(&app, code("x")).refused(400, NO_TOKEN);
    for url in [
        "http://169.254.169.254/latest/meta-data",
        "http://[::ffff:169.254.169.254]/",
        "http://0.0.0.0/",
        "https://nowhere.invalid/",
    ] {
        let mut options = json!({"name": "oidc", "clientId": "app", "clientSecret": "s"});
        for key in ["authURL", "tokenURL", "userInfoURL"] {
            options[key] = url.into();
        }
        configure(&app, "users", json!([options]));
        sign_in(&app, code("x")).refused(400, NO_TOKEN);
    }
}

#[test]
fn a_redirect_reaches_no_private_address_that_the_operator_didnt_write() {
    let app = TestApp::new();
    let inside = Scripted::start(|_| Reply::Json(200, verified("inside")));
    let target = inside.url("/secrets");
    let provider = with_user(move || Reply::Redirect(302, target.clone()));
    configure(&app, "users", json!([options("oidc", &provider)]));
    sign_in(&app, code("x")).refused(400, NO_USER);
    let target = inside.url("/token");
    let provider = Scripted::start(move |_| Reply::Redirect(307, target.clone()));
    configure(&app, "users", json!([options("oidc", &provider)]));
    sign_in(&app, code("x")).refused(400, NO_TOKEN);
    assert!(inside.asked("/").is_empty());
    // On its own origin a provider may lead on, but not in circles.
    let provider = with_user(|| Reply::Redirect(302, "/elsewhere".to_owned()));
    configure(&app, "users", json!([options("oidc", &provider)]));
    assert_eq!(sign_in(&app, code("x")).ok()["meta"]["id"], "moved");
    assert_eq!(provider.asked("/elsewhere")[0].header("authorization"), Some("Bearer t"));
    let provider = with_user(|| Reply::Redirect(302, "/user".to_owned()));
    configure(&app, "users", json!([options("oidc", &provider)]));
    sign_in(&app, code("x")).refused(400, NO_USER);
    assert_eq!(provider.asked("/user").len(), 4);
}

#[test]
fn a_token_doesnt_follow_a_redirect_to_another_origin() {
    let app = TestApp::setup().environment("MONOBASE_FAULT_PUBLIC", PUBLIC).start();
    let other = Scripted::start_on(PUBLIC, |_| Reply::Json(200, verified("ada")));
    let target = other.url("/user");
    let provider = with_user(move || Reply::Redirect(302, target.clone()));
    configure(&app, "users", json!([options("oidc", &provider)]));
    sign_in(&app, code("x")).ok();
    assert_eq!(other.asked("/user")[0].header("authorization"), None);
}

/// Signs somebody in whose picture is at `url`; gives the file that was kept.
fn picture(app: &TestApp, sub: &str, url: String) -> Value {
    let user = json!({"sub": sub, "picture": url});
    let provider = with_user(move || Reply::Json(200, user.clone()));
    configure(app, "users", json!([options("oidc", &provider)]));
    let answer = sign_in(app, code("x")).ok();
    assert_eq!(answer["meta"]["avatarURL"], answer["meta"]["avatarUrl"]);
    answer["record"]["avatar"].clone()
}

#[test]
fn a_picture_is_taken_over_from_public_addresses_alone() {
    let app = TestApp::setup().environment("MONOBASE_FAULT_PUBLIC", PUBLIC).start();
    super::without_emails(&app);
    let inside = Scripted::start(|_| Reply::Bytes { content_type: "image/png", bytes: PNG.to_vec() });
    let private = inside.url("/private.png");
    let public = Scripted::start_on(PUBLIC, move |asked| match asked.target.as_str() {
        "/face%20of%20ada.png" => Reply::Bytes { content_type: "image/png", bytes: PNG.to_vec() },
        "/moved.png" => Reply::Redirect(302, private.clone()),
        "/huge.png" => Reply::Endless,
        _ => Reply::Json(404, json!({})),
    });
    let kept = picture(&app, "ada", public.url("/face%20of%20ada.png"));
    let kept = kept.as_str().expect("a file name");
    assert!(kept.starts_with("face_of_ada_") && kept.ends_with(".png"), "{kept}");
    let id = app.rows("SELECT id FROM users")[0][0].as_str().expect("an id").to_owned();
    assert_eq!(app.get(&format!("/api/files/users/{id}/{kept}")).expect(200).body, PNG);
    let refused = [
        inside.url("/face.png"),
        public.url("/moved.png"),
        public.url("/huge.png"),
        public.url("/missing.png"),
        "http://localhost/face.png".to_owned(),
        "http://0x7f.1/face.png".to_owned(),
        "file:///etc/passwd".to_owned(),
        "data:image/png;base64,AAAA".to_owned(),
        "nonsense".to_owned(),
    ];
    for (number, url) in refused.into_iter().enumerate() {
        assert_eq!(picture(&app, &format!("other{number}"), url.clone()), "", "{url}");
    }
    assert!(inside.asked("/").is_empty());
}
