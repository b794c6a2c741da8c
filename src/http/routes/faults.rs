//! Routes that only builds with the feature `faults` have: what a test can't make a real route do.

use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use serde::Deserialize;
use serde_json::{Value as Json, json};

use crate::error::{Error, Result};
use crate::http::{BodyLimit, Call, Guard, LoadError, Response, Route};

/// The limit of `/api/_faults/small`.
const SMALL_BYTES: u64 = 1000;

pub fn routes() -> Vec<Route> {
    vec![
        Route::get("/api/_faults/panic", panic),
        Route::get("/api/_faults/slow", slow),
        Route::get("/api/_faults/stream", endless),
        Route::get("/api/_faults/text", text),
        Route::get("/api/_faults/params/{a}/{b}", params),
        Route::get("/api/_faults/hashes", hashes),
        Route::post("/api/_faults/record", record),
        Route::post("/api/_faults/document", document),
        Route::post("/api/_faults/small", small).body_limit(BodyLimit::Inside),
        Route::post("/api/_faults/unlimited", record).body_limit(BodyLimit::None),
        Route::get("/api/_faults/superuser", ok).guard(Guard::Superuser),
        Route::get("/api/_faults/any_auth", ok).guard(Guard::AnyAuth),
        Route::get("/api/_faults/guest", ok).guard(Guard::GuestOnly),
        Route::get("/api/_faults/same/{collection}", ok).guard(Guard::SameCollection),
        Route::get("/api/_faults/owner/{id}", ok).guard(Guard::SuperuserOrOwner("id")),
    ]
}

async fn ok(_call: Call) -> Result<Response> {
    Response::of(&json!({"ok": true}))
}

async fn panic(_call: Call) -> Result<Response> {
    panic!("asked for by a test");
}

/// Answers after `ms` milliseconds.
async fn slow(call: Call) -> Result<Response> {
    let ms = call.query_value("ms").and_then(|ms| ms.parse().ok()).unwrap_or(0);
    tokio::time::sleep(Duration::from_millis(ms)).await;
    Response::of(&json!({"slept": ms}))
}

/// A first line at once, the last one when the server stops.
async fn endless(call: Call) -> Result<Response> {
    let app = call.app().clone();
    let last = stream::once(async move {
        app.stopping.wait().await;
        Ok::<_, std::io::Error>(Bytes::from_static(b"last\n"))
    });
    let lines = stream::StreamExt::chain(stream::iter([Ok(Bytes::from_static(b"first\n"))]), last);
    Ok(Response::stream(actix_web::body::BodyStream::new(Box::pin(lines))))
}

/// JSON of about `bytes` bytes.
async fn text(call: Call) -> Result<Response> {
    let bytes = call.query_value("bytes").and_then(|bytes| bytes.parse().ok()).unwrap_or(0);
    Response::of(&json!({"text": "x".repeat(bytes), "nested": {"b": 1, "a": 2}}))
}

/// How many passwords were hashed or compared since the start.
async fn hashes(call: Call) -> Result<Response> {
    Response::of(&json!({"hashes": call.app().hasher.hashes_done()}))
}

async fn params(call: Call) -> Result<Response> {
    Response::of(&json!({"a": call.param("a"), "b": call.param("b"), "query": call.query()}))
}

/// Shows a body as a record's data.
async fn record(mut call: Call) -> Result<Response> {
    let body = call.record_body().await.map_err(LoadError::as_record_failure)?;
    let uploads: Vec<Json> = body
        .uploads
        .iter()
        .map(|upload| {
            let stored = std::fs::read(upload.file.path()).map_err(Error::internal)?;
            Ok(json!({
                "key": upload.key,
                "fileName": upload.file_name,
                "size": upload.size_bytes,
                "stored": stored.len(),
                "head": String::from_utf8_lossy(&upload.head[..upload.head.len().min(10)]),
            }))
        })
        .collect::<Result<_>>()?;
    Response::of(&json!({"values": body.values, "uploads": uploads}))
}

async fn small(mut call: Call) -> Result<Response> {
    call.limit_body(Some(SMALL_BYTES))?;
    record(call).await
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Document {
    name: String,
    count: i64,
    on: bool,
    list: Vec<String>,
}

/// Shows a body as a typed document.
async fn document(mut call: Call) -> Result<Response> {
    let Document { name, count, on, list } = call.load().await.map_err(LoadError::as_load_failure_or_type)?;
    Response::of(&json!({"name": name, "count": count, "on": on, "list": list}))
}
