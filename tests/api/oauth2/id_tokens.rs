//! ID tokens with one thing wrong, each.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use support::TestApp;
use support::parts::{Reply, Scripted};

use super::{NO_USER, configure, sign_in};

const VERIFIER: &str = "a-verifier-of-the-right-length-a-verifier-of-it";

/// A provider that signs whatever claims a code holds. `describes`: whether it says where its keys are.
struct Minting {
    server: Scripted,
    key: std::sync::Arc<Ed25519KeyPair>,
}

fn encoded(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    since.as_secs() as i64
}

impl Minting {
    fn start(describes: bool) -> Self {
        let key = std::sync::Arc::new(Ed25519KeyPair::generate().expect("a key"));
        let public = encoded(key.public_key());
        let server = Scripted::start(move |asked| {
            let own = format!("http://{}", asked.header("host").unwrap_or_default());
            match asked.target.as_str() {
                "/token" => {
                    let code = asked.body.split("&code=").nth(1).and_then(|rest| rest.split('&').next());
                    Reply::Json(200, json!({"access_token": "t", "id_token": code.unwrap_or_default()}))
                }
                "/jwks" => Reply::Json(
                    200,
                    json!({"keys": [{"kid": "k", "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "x": public}]}),
                ),
                "/.well-known/openid-configuration" if describes => {
                    Reply::Json(200, json!({"issuer": own, "jwks_uri": format!("{own}/jwks")}))
                }
                _ => Reply::Json(404, json!({})),
            }
        });
        Self { server, key }
    }

    fn claims(&self) -> Value {
        json!({
            "iss": self.server.url(""), "aud": "app", "sub": "ada", "exp": now() + 60, "iat": now(),
            "email": "ada@example.com", "email_verified": true,
        })
    }

    fn token(&self, header: Value, claims: &Value) -> String {
        let message = format!("{}.{}", encoded(header.to_string()), encoded(claims.to_string()));
        let signature = encoded(self.key.sign(message.as_bytes()));
        format!("{message}.{signature}")
    }

    fn signed(&self, claims: &Value) -> String {
        self.token(json!({"alg": "EdDSA", "kid": "k"}), claims)
    }

    fn configure(&self, app: &TestApp, extra: Value) {
        let url = |path| self.server.url(path);
        configure(
            app,
            "users",
            json!([{
                "name": "oidc", "clientId": "app", "clientSecret": "secret", "authURL": url("/auth"),
                "tokenURL": url("/token"), "userInfoURL": "", "extra": extra,
            }]),
        );
    }
}

fn with(app: &TestApp, token: &str) -> support::Request {
    sign_in(
        app,
        json!({"provider": "oidc", "code": token, "codeVerifier": VERIFIER, "redirectURL": "https://a.example.com"}),
    )
}

fn changed(mut claims: Value, key: &str, value: Value) -> Value {
    claims[key] = value;
    claims
}

#[test]
fn a_token_is_refused_for_each_claim_that_is_wrong() {
    let app = TestApp::new();
    let provider = Minting::start(true);
    let issuer = provider.server.url("");
    // Keys that are named, and keys that are found.
    for extra in [json!({"jwksURL": provider.server.url("/jwks"), "issuers": [issuer]}), json!(null)] {
        provider.configure(&app, extra.clone());
        let good = provider.claims();
        with(&app, &provider.signed(&good)).ok();
        let audiences = changed(good.clone(), "aud", json!(["other", "app"]));
        with(&app, &provider.signed(&changed(audiences, "azp", json!("app")))).ok();
        let wrong = [
            ("aud", json!("other")),
            ("aud", json!(["other"])),
            ("aud", json!(null)),
            ("azp", json!("other")),
            ("exp", json!(now() - 400)),
            ("exp", json!(now() - 5)),
            ("exp", json!("tomorrow")),
            ("nbf", json!(now() + 400)),
            ("iat", json!(now() + 400)),
            ("nonce", json!("of another sign-in")),
            ("sub", json!(5)),
        ];
        for (claim, value) in wrong {
            let claims = changed(good.clone(), claim, value);
            assert_eq!(with(&app, &provider.signed(&claims)).refused(400, NO_USER), json!({}), "{claims} {extra}");
        }
    }
    provider.configure(&app, json!({"jwksURL": provider.server.url("/jwks"), "issuers": [issuer]}));
    for other in [json!("https://evil.example.com"), json!(""), json!(null), json!(format!("{issuer}/"))] {
        let claims = changed(provider.claims(), "iss", other.clone());
        with(&app, &provider.signed(&claims)).refused(400, NO_USER);
    }
}

#[test]
fn a_token_is_refused_for_a_wrong_algorithm_key_or_signature() {
    let app = TestApp::new();
    let (provider, other) = (Minting::start(true), Minting::start(true));
    let claims = provider.claims();
    for extra in [json!({"jwksURL": provider.server.url("/jwks")}), json!(null)] {
        provider.configure(&app, extra);
        for header in [
            json!({"alg": "none", "kid": "k"}),
            json!({"alg": "HS256", "kid": "k"}),
            json!({"alg": "RS256", "kid": "k"}),
            json!({"kid": "k"}),
            json!({"alg": "EdDSA", "kid": "another"}),
            json!({"alg": "EdDSA"}),
        ] {
            with(&app, &provider.token(header.clone(), &claims)).refused(400, NO_USER);
        }
        with(&app, &other.signed(&claims)).refused(400, NO_USER);
        let good = provider.signed(&claims);
        let (message, _) = good.rsplit_once('.').expect("three parts");
        with(&app, &format!("{message}.")).refused(400, NO_USER);
        for broken in ["", "x", "a.b.c", "e30.e30.e30", "....."] {
            with(&app, &format!("{broken}-")).refused(400, NO_USER);
        }
        with(&app, &good).ok();
    }
}

#[test]
fn a_nonce_is_bound_to_the_verifier() {
    let app = TestApp::new();
    let provider = Minting::start(true);
    provider.configure(&app, json!(null));
    let url = super::offer(&app);
    let (nonce, verifier) = (super::parameter(&super::text(&url["authURL"]), "nonce"), &url["codeVerifier"]);
    let token = provider.signed(&changed(provider.claims(), "nonce", json!(nonce)));
    with(&app, &token).refused(400, NO_USER);
    sign_in(&app, json!({"provider": "oidc", "code": token, "codeVerifier": verifier})).ok();
}

#[test]
fn without_keys_anywhere_a_token_counts_only_straight_from_a_safe_endpoint() {
    let app = TestApp::new();
    let provider = Minting::start(false);
    provider.configure(&app, json!(null));
    let claims = provider.claims();
    with(&app, &provider.token(json!({"alg": "EdDSA"}), &claims)).ok();
    with(&app, &provider.signed(&changed(claims, "aud", json!("other")))).refused(400, NO_USER);
    // Whose description names somebody else is not who signs.
    let liar = Scripted::start(|asked| match asked.target.as_str() {
        "/token" => {
            let code = asked.body.split("&code=").nth(1).and_then(|rest| rest.split('&').next());
            Reply::Json(200, json!({"access_token": "t", "id_token": code.unwrap_or_default()}))
        }
        _ => {
            Reply::Json(200, json!({"issuer": "https://evil.example.com", "jwks_uri": "https://evil.example.com/jwks"}))
        }
    });
    let liar = Minting { server: liar, key: provider.key.clone() };
    liar.configure(&app, json!(null));
    with(&app, &liar.signed(&liar.claims())).refused(400, NO_USER);
}

#[test]
fn apples_name_comes_with_the_form_and_counts_once() {
    let app = TestApp::new();
    super::without_emails(&app);
    let provider = Minting::start(true);
    let extra = json!({"jwksURL": provider.server.url("/jwks"), "issuers": provider.server.url("")});
    configure(
        &app,
        "users",
        json!([{"name": "apple", "clientId": "app", "clientSecret": "s", "tokenURL": provider.server.url("/token"), "extra": extra}]),
    );
    let stream = support::EventStream::open(&app);
    let user = r#"{"name":{"firstName":"Ada","lastName":"Lovelace"}}"#;
    for (sub, is_named) in [("first", true), ("second", false)] {
        let token =
            provider.signed(&changed(changed(provider.claims(), "sub", json!(sub)), "email_verified", json!("false")));
        stream.subscribe(&app, None, &["@oauth2"]);
        let mut form = vec![("state", stream.client_id.as_str()), ("code", token.as_str())];
        if is_named {
            form.push(("user", user));
        }
        app.post("/api/oauth2-redirect").form(&form).expect(303);
        let body = json!({"provider": "apple", "code": stream.next().data["code"], "codeVerifier": VERIFIER});
        let answer = sign_in(&app, body.clone()).ok();
        assert_eq!(answer["meta"]["name"], if is_named { "Ada Lovelace" } else { "" });
        assert_eq!((&answer["record"]["name"], &answer["meta"]["email"]), (&answer["meta"]["name"], &json!("")));
        assert_eq!(sign_in(&app, body).ok()["meta"]["name"], "");
    }
    let never_ends = {
        let mut claims = provider.claims();
        claims.as_object_mut().expect("claims").remove("exp");
        provider.signed(&claims)
    };
    sign_in(&app, json!({"provider": "apple", "code": never_ends, "codeVerifier": VERIFIER})).refused(400, NO_USER);
}
