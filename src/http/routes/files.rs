//! `/api/files` (contract/13 §1–3).

use actix_web::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, HeaderValue};
use serde_json::json;

use crate::error::{Error, Result};
use crate::files::FileRequest;
use crate::formats::parse_flag;
use crate::http::content::{self, Content};
use crate::http::{Call, Guard, RateLimit, Response, Route};
use crate::query::{Caller, Context};

const CACHED: HeaderValue = HeaderValue::from_static("max-age=2592000, stale-while-revalidate=86400");
const POLICY: HeaderValue =
    HeaderValue::from_static("default-src 'none'; media-src 'self'; style-src 'unsafe-inline'; sandbox");

/// Types that browsers show; all others are downloads, whatever they would do in a page.
const INLINE_TYPES: [&str; 25] = [
    "image/png",
    "image/jpg",
    "image/jpeg",
    "image/gif",
    "image/webp",
    "image/x-icon",
    "image/bmp",
    "video/webm",
    "video/mp4",
    "video/3gpp",
    "video/quicktime",
    "video/x-ms-wmv",
    "audio/basic",
    "audio/aiff",
    "audio/mpeg",
    "audio/midi",
    "audio/mp3",
    "audio/wave",
    "audio/wav",
    "audio/x-wav",
    "audio/x-mpeg",
    "audio/x-m4a",
    "audio/aac",
    "application/pdf",
    "application/x-pdf",
];

/// Types that go by the extension of the served name.
const TYPES_BY_EXTENSION: [(&str, &str); 7] = [
    (".svg", "image/svg+xml"),
    (".css", "text/css"),
    (".js", "text/javascript"),
    (".mjs", "text/javascript"),
    (".xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    (".docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    (".pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
];

pub fn routes() -> Vec<Route> {
    vec![
        Route::post("/api/files/token", token)
            .guard(Guard::AnyAuth)
            .doc("Files", "Issues a short-lived token for the download of protected files."),
        Route::get("/api/files/{collection}/{id}/{name}", download)
            .rate_limit(RateLimit::Tags(&["file"]))
            .doc("Files", "Sends a file of a record, or a thumb of it."),
    ]
}

async fn token(call: Call) -> Result<Response> {
    let auth = call.caller().auth().ok_or_else(|| Error::internal("the guard lets only auth records through"))?;
    Response::of(&json!({ "token": call.app().files.issue_token(auth)? }))
}

async fn download(call: Call) -> Result<Response> {
    let app = call.app().clone();
    let missing = || Error::NotFound("Missing or invalid collection context.".into());
    let collection = app.schema.current().find(&call.param("collection")).ok_or_else(missing)?.clone();
    let mut facts = call.facts(Context::ProtectedFile);
    facts.caller = token_caller(&call).await?;
    let name = call.param("name").into_owned();
    let request = FileRequest { collection, record_id: call.param("id").into_owned(), name, facts };
    let found = app.files.find(request).await?;
    let thumb_size = call.query_value("thumb").unwrap_or("");
    let read_ahead_bytes = content::read_ahead_bytes(call.method(), call.headers());
    let opened = app.files.open(&found, thumb_size, read_ahead_bytes).await?;

    let is_forced = call.query_value("download").and_then(parse_flag) == Some(true);
    let is_inline = INLINE_TYPES.contains(&opened.file.content_type.as_str()) && !is_forced;
    let kind = if is_inline { "inline" } else { "attachment" };
    let by_extension = TYPES_BY_EXTENSION.iter().find(|(extension, _)| opened.served_name.ends_with(extension));
    let content_type = by_extension.map_or(opened.file.content_type.as_str(), |(_, name)| name).to_owned();
    let disposition = content::disposition(kind, &opened.served_name);
    let content = Content::of_stored(opened.file, &content_type);
    let response = content::serve_file(content, call.method(), call.headers()).framable();
    let response = response.with_header(CONTENT_DISPOSITION, disposition).with_header(CONTENT_SECURITY_POLICY, POLICY);
    let is_cached = response.status != actix_web::http::StatusCode::RANGE_NOT_SATISFIABLE;
    Ok(if is_cached { response.with_header(CACHE_CONTROL, CACHED) } else { response })
}

/// Whom the token in the URL stands for; superusers only from where they may come.
async fn token_caller(call: &Call) -> Result<Caller> {
    let caller = call.app().files.caller_of(call.query_value("token").unwrap_or("")).await?;
    let is_out = caller.is_superuser() && !call.app().settings.current().lets_superusers_in_from(call.real_ip());
    Ok(if is_out { Caller::Guest } else { caller })
}
