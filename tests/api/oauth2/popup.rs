//! The pop-up flow: the provider's answer reaches the page that waits for it, and nobody else.

use serde_json::json;
use support::parts::{Oidc, UserInfo};
use support::{EventStream, TestApp};

use super::{configure, offer, parameter, sign_in, text};

const SUCCESS: &str = "../_/#/auth/oauth2-redirect-success";
const FAILURE: &str = "../_/#/auth/oauth2-redirect-failure";

fn land(app: &TestApp, query: &str) -> String {
    let answer = app.get(&format!("/api/oauth2-redirect?{query}")).expect(307);
    answer.header("location").expect("a redirect").to_owned()
}

fn waiting(app: &TestApp) -> EventStream {
    let stream = EventStream::open(app);
    stream.subscribe(app, None, &["@oauth2"]);
    stream
}

#[test]
fn a_certified_providers_answer_reaches_the_page_that_waits() {
    let app = TestApp::new();
    let own = format!("http://{}/api/oauth2-redirect", app.address());
    let oidc = Oidc::start(&[&own]);
    configure(&app, "users", json!([oidc.options(UserInfo::Asked)]));
    let stream = waiting(&app);
    let offer = offer(&app);
    let url = text(&offer["authURL"]).replace(&text(&offer["state"]), &stream.client_id);
    let landed = oidc.sign_in(&format!("{url}{own}"), "ada");
    let target = landed.strip_prefix(&format!("http://{}", app.address())).expect("back here").to_owned();
    assert_eq!(app.get(&target).expect(307).header("location"), Some(SUCCESS));
    let message = stream.next();
    assert_eq!((message.event.as_str(), &message.data["state"]), ("@oauth2", &json!(stream.client_id)));
    assert_eq!(message.data["code"], parameter(&landed, "code").as_str());
    let body = json!({"provider": "oidc", "code": message.data["code"], "codeVerifier": offer["codeVerifier"], "redirectURL": own});
    assert_eq!(sign_in(&app, body).ok()["record"]["email"], "ada@example.com");
    assert_eq!(app.get(&target).expect(307).header("location"), Some(FAILURE), "the state is used up");
}

#[test]
fn a_state_is_good_once_and_only_for_who_waits_for_it() {
    let app = TestApp::new();
    let stream = waiting(&app);
    let other = EventStream::open(&app);
    let (id, other_id) = (&stream.client_id, &other.client_id);
    for query in ["", "code=c", "code=c&state=", "code=c&state=made-up", &format!("code=c&state={other_id}")] {
        assert_eq!(land(&app, query), FAILURE, "{query}");
    }
    let head = app.head(&format!("/api/oauth2-redirect?code=c&state={id}")).expect(307);
    assert_eq!(head.header("location"), Some(FAILURE));
    assert_eq!(land(&app, &format!("code=c&state={id}")), SUCCESS);
    assert_eq!(stream.next().data, json!({"state": id, "code": "c"}));
    assert_eq!(land(&app, &format!("code=d&state={id}")), FAILURE);
    stream.subscribe(&app, None, &["@oauth2"]);
    assert_eq!(land(&app, &format!("code=c&error=access_denied&state={id}")), FAILURE);
    assert_eq!(stream.next().data, json!({"state": id, "code": "c", "error": "access_denied"}));
}

#[test]
fn a_call_from_another_address_tells_nothing_and_ends_the_waiting() {
    let app = TestApp::new();
    app.update_settings(json!({"trustedProxy": {"headers": ["X-Real-IP"], "useLeftmostIP": false}}));
    let stream = waiting(&app);
    let target = format!("/api/oauth2-redirect?code=c&state={}", stream.client_id);
    let foreign = app.get(&target).header("X-Real-IP", "203.0.113.9").expect(307);
    assert_eq!(foreign.header("location"), Some(FAILURE));
    assert_eq!(app.get(&target).expect(307).header("location"), Some(FAILURE));
}

#[test]
fn a_form_lands_too_and_only_its_body_counts() {
    let app = TestApp::new();
    let stream = waiting(&app);
    let post = |target: &str, form: &[(&str, &str)]| {
        app.post(target).form(form).expect(303).header("location").expect("a redirect").to_owned()
    };
    let query = format!("/api/oauth2-redirect?code=c&state={}", stream.client_id);
    assert_eq!(post(&query, &[("error", "")]), FAILURE);
    let broken = app.post("/api/oauth2-redirect").body("application/json", "{").expect(303);
    assert_eq!(broken.header("location"), Some(FAILURE));
    assert_eq!(post("/api/oauth2-redirect", &[("code", "c"), ("state", &stream.client_id)]), SUCCESS);
    assert_eq!(stream.next().data["code"], "c");
}
