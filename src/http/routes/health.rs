//! `GET /api/health` (contract/21 §4).

use serde_json::json;

use crate::error::Result;
use crate::formats::ip_text;
use crate::http::{Call, Response, Route};
use crate::store::{Health, StoreError};

/// Headers by which proxies name the client, besides those that the settings trust.
const PROXY_HEADERS: [&str; 3] = ["CF-Connecting-IP", "Fly-Client-IP", "X-Forwarded-For"];

/// What everybody is told; ready, for it is asked all the time.
const HEALTHY: &str = r#"{"message":"API is healthy.","code":200,"data":{}}"#;

pub fn routes() -> Vec<Route> {
    vec![Route::get("/api/health", health).doc("Health", "Tells whether the server works.")]
}

/// 503 once writes have stopped for good: whoever watches this shall restart the server.
async fn health(call: Call) -> Result<Response> {
    match call.app().store.health() {
        Health::Good => {}
        Health::Stopped => return Err(StoreError::Stopped.into()),
        Health::Closed => return Err(StoreError::Closed.into()),
    }
    if !call.caller().is_superuser() {
        return Ok(Response::json(HEALTHY.as_bytes().to_vec()));
    }
    // Nothing in this program forbids a backup at any time.
    let data = json!({ "canBackup": true, "possibleProxyHeader": possible_proxy_header(&call), "realIP": ip_text(call.real_ip()) });
    Response::of(&json!({ "message": "API is healthy.", "code": 200, "data": data }))
}

/// The first header of the request that a proxy seems to have set; `""` if there is none.
fn possible_proxy_header(call: &Call) -> String {
    let settings = call.app().settings.current();
    let trusted = settings.document.trusted_proxy.headers.iter().map(String::as_str);
    let mut candidates = trusted.chain(PROXY_HEADERS);
    candidates.find(|name| call.header(name).is_some_and(|value| !value.is_empty())).unwrap_or("").to_owned()
}
