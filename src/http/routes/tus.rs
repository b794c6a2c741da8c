//! `/api/files/tus`: uploads that may be resumed (tus 1.0.0: creation, creation-with-upload, expiration, checksum,
//! termination). They end in a token that a file field takes like an upload.
//!
//! Only auth records and superusers may upload: each upload belongs to its caller, whose number is bounded, and whether a
//! record may hold it is decided by that record's rule when the token is used.

use std::time::{Duration, UNIX_EPOCH};

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{ACCESS_CONTROL_EXPOSE_HEADERS, CACHE_CONTROL, HeaderName, HeaderValue, LOCATION};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use futures_util::TryStreamExt;
use serde_json::Map;

use crate::error::{Error, Result};
use crate::http::error::envelope_of;
use crate::http::{BodyLimit, Call, Guard, LoadError, Response, Route};
use crate::schema::fields::Kind;
use crate::schema::{Schema, file_name};
use crate::storage::{AppendError, BodyFault, CHECKSUM_ALGORITHMS, Checksum, PartialUpload};

const UPLOADS: &str = "/api/files/tus";
const UPLOAD: &str = "/api/files/tus/{id}";
const VERSION: &str = "1.0.0";
const EXTENSIONS: &str = "creation,creation-with-upload,expiration,checksum,termination";
const BYTES_TYPE: &str = "application/offset+octet-stream";
/// What scripts of other origins may read of the answers.
const EXPOSED: &str = "Location, Tus-Checksum-Algorithm, Tus-Extension, Tus-Max-Size, Tus-Resumable, Tus-Version, \
    Upload-Expires, Upload-Length, Upload-Metadata, Upload-Offset, Upload-Token";

const RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
const VERSIONS: HeaderName = HeaderName::from_static("tus-version");
const EXTENSION: HeaderName = HeaderName::from_static("tus-extension");
const MAX_SIZE: HeaderName = HeaderName::from_static("tus-max-size");
const ALGORITHM: HeaderName = HeaderName::from_static("tus-checksum-algorithm");
const OFFSET: HeaderName = HeaderName::from_static("upload-offset");
const LENGTH: HeaderName = HeaderName::from_static("upload-length");
const EXPIRES: HeaderName = HeaderName::from_static("upload-expires");
const METADATA: HeaderName = HeaderName::from_static("upload-metadata");
const TOKEN: HeaderName = HeaderName::from_static("upload-token");

pub fn routes() -> Vec<Route> {
    let routes = vec![
        Route::post(UPLOADS, begin).doc("Files", "Begins an upload that may be resumed (tus 1.0.0)."),
        // `HEAD` is what clients send; a `GET` is answered with the same headers.
        Route::get(UPLOAD, tell).doc("Files", "Tells how much of an upload is stored, and its token when it is whole."),
        Route::patch(UPLOAD, append).doc("Files", "Adds bytes to an upload."),
        Route::delete(UPLOAD, remove).doc("Files", "Gives an upload up."),
        // For clients behind what lets no other methods through (`X-HTTP-Method-Override`).
        Route::post(UPLOAD, overridden),
    ];
    routes.into_iter().map(|route| route.guard(Guard::AnyAuth).body_limit(BodyLimit::Inside)).collect()
}

/// Adds to the answer of `OPTIONS` what the server can do.
pub fn announce(path: &str, schema: &Schema, answer: &mut HttpResponse) {
    if path != UPLOADS && !path.starts_with("/api/files/tus/") {
        return;
    }
    let headers = answer.headers_mut();
    for (name, value) in [
        (RESUMABLE, HeaderValue::from_static(VERSION)),
        (VERSIONS, HeaderValue::from_static(VERSION)),
        (EXTENSION, HeaderValue::from_static(EXTENSIONS)),
        (ALGORITHM, HeaderValue::from_static(CHECKSUM_ALGORITHMS)),
        (MAX_SIZE, HeaderValue::from(bytes_max(schema))),
        (ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED)),
    ] {
        headers.insert(name, value);
    }
}

async fn begin(mut call: Call) -> Result<Response> {
    if let Some(refusal) = check_version(&call) {
        return Ok(refusal);
    }
    let Some(size_bytes) = number(&call, &LENGTH) else {
        return Err(Error::bad_request_with("Upload-Length must be the number of bytes."));
    };
    if size_bytes > bytes_max(&call.app().schema.current()) {
        return Err(Error::TooLarge);
    }
    let name = match call.header(METADATA.as_str()) {
        Some(metadata) => name_in(metadata).ok_or_else(|| Error::bad_request_with("Malformed Upload-Metadata."))?,
        None => String::new(),
    };
    let owner = owner(&call)?;
    let brings_bytes = call.header("content-type") == Some(BYTES_TYPE);
    let upload = call.app().uploads.begin(&owner, file_name::base_name(&name), size_bytes).await?;
    let location = HeaderValue::try_from(format!("{UPLOADS}/{}", upload.id)).expect("an id is ASCII");
    let created = |upload: &PartialUpload| told(upload, StatusCode::CREATED).with_header(LOCATION, location.clone());
    if !brings_bytes {
        call.limit_body(Some(0))?;
        return Ok(created(&upload));
    }
    match receive(&mut call, &owner, &upload.id, 0).await {
        Ok(upload) => Ok(created(&upload)),
        // It exists all the same: the client goes on where it broke off.
        Err(AppendError::BrokenOff) => Ok(created(&call.app().uploads.find(&owner, &upload.id)?)),
        Err(error) => {
            call.app().uploads.remove(&owner, &upload.id).await?;
            refuse(error)
        }
    }
}

async fn tell(call: Call) -> Result<Response> {
    if let Some(refusal) = check_version(&call) {
        return Ok(refusal);
    }
    let upload = call.app().uploads.find(&owner(&call)?, &call.param("id"))?;
    let response = told(&upload, StatusCode::OK).with_header(LENGTH, HeaderValue::from(upload.size_bytes));
    Ok(response.with_header(CACHE_CONTROL, HeaderValue::from_static("no-store")))
}

async fn append(mut call: Call) -> Result<Response> {
    if let Some(refusal) = check_version(&call) {
        return Ok(refusal);
    }
    if call.header("content-type") != Some(BYTES_TYPE) {
        return Ok(refusal(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "The type of the bytes must be application/offset+octet-stream.",
        ));
    }
    let Some(offset) = number(&call, &OFFSET) else {
        return Err(Error::bad_request_with("Upload-Offset must be the number of bytes that are there."));
    };
    let (owner, id) = (owner(&call)?, call.param("id").into_owned());
    match receive(&mut call, &owner, &id, offset).await {
        Ok(upload) => Ok(told(&upload, StatusCode::NO_CONTENT)),
        Err(error) => refuse(error),
    }
}

async fn remove(call: Call) -> Result<Response> {
    if let Some(refusal) = check_version(&call) {
        return Ok(refusal);
    }
    call.app().uploads.remove(&owner(&call)?, &call.param("id")).await?;
    Ok(spoken(Response::no_content()))
}

async fn overridden(call: Call) -> Result<Response> {
    match call.header("x-http-method-override") {
        Some("PATCH") => append(call).await,
        Some("DELETE") => remove(call).await,
        Some("HEAD") => tell(call).await,
        _ => Err(Error::not_found()),
    }
}

/// Adds the bytes of the body.
async fn receive(call: &mut Call, owner: &str, id: &str, offset: u64) -> Result<PartialUpload, AppendError> {
    let checksum = match call.header("upload-checksum") {
        Some(header) => Some(
            Checksum::parse(header).ok_or_else(|| Error::bad_request_with("Unsupported Upload-Checksum algorithm."))?,
        ),
        None => None,
    };
    let upload = call.app().uploads.find(owner, id)?;
    call.limit_body(Some(upload.size_bytes.saturating_sub(offset)))?;
    let uploads = call.app().uploads.clone();
    let body = call.body_stream().map_err(|error| match error {
        LoadError::TooLarge => BodyFault::TooLong,
        _ => BodyFault::BrokenOff,
    });
    uploads.append(owner, id, offset, body, checksum).await
}

fn refuse(error: AppendError) -> Result<Response> {
    match error {
        AppendError::Failed(error) => Err(error),
        AppendError::TooLong => Err(Error::TooLarge),
        AppendError::BrokenOff => Err(Error::bad_request_with("The body broke off.")),
        AppendError::WrongOffset(at) => {
            Ok(refusal(StatusCode::CONFLICT, "The upload has another offset.")
                .with_header(OFFSET, HeaderValue::from(at)))
        }
        AppendError::Locked => Ok(refusal(StatusCode::LOCKED, "Another request writes to this upload.")),
        AppendError::WrongChecksum => Ok(refusal(checksum_mismatch(), "The bytes don't have the checksum.")),
    }
}

/// 460, which tus defines.
fn checksum_mismatch() -> StatusCode {
    StatusCode::from_u16(460).expect("three digits are a status")
}

/// 412 for a client of another version of the protocol.
fn check_version(call: &Call) -> Option<Response> {
    if call.header(RESUMABLE.as_str()) == Some(VERSION) {
        return None;
    }
    let refusal = refusal(StatusCode::PRECONDITION_FAILED, "Tus-Resumable must be 1.0.0.");
    Some(refusal.with_header(VERSIONS, HeaderValue::from_static(VERSION)))
}

/// A refusal with a status that only this protocol has, in the usual envelope.
fn refusal(status: StatusCode, message: &str) -> Response {
    let envelope = envelope_of(status, message, Map::new());
    let bytes = serde_json::to_vec(&envelope).expect("an envelope is plain JSON");
    spoken(Response::picked_json(bytes).with_status(status))
}

/// Where an upload stands.
fn told(upload: &PartialUpload, status: StatusCode) -> Response {
    let expires_ms = u64::try_from(upload.expires.as_millisecond()).unwrap_or(0);
    let expires = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_millis(expires_ms));
    let expires = HeaderValue::try_from(expires).expect("a date is ASCII");
    let mut response = spoken(Response::empty(status))
        .with_header(OFFSET, HeaderValue::from(upload.received_bytes))
        .with_header(EXPIRES, expires);
    if upload.is_complete() {
        response = response.with_header(TOKEN, HeaderValue::try_from(upload.token()).expect("a token is ASCII"));
    }
    response
}

/// What every answer of the protocol says.
fn spoken(response: Response) -> Response {
    response
        .with_header(RESUMABLE, HeaderValue::from_static(VERSION))
        .with_header(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED))
}

fn owner(call: &Call) -> Result<String> {
    let auth = call.caller().auth().ok_or_else(|| Error::internal("the guard lets only auth records through"))?;
    Ok(auth.key())
}

fn number(call: &Call, name: &HeaderName) -> Option<u64> {
    let text = call.header(name.as_str())?;
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) { None } else { text.parse().ok() }
}

/// The value of `filename` in `Upload-Metadata`: keys with values in base64, commas between them. `None` when it is
/// malformed; empty when it names none.
fn name_in(metadata: &str) -> Option<String> {
    let mut name = String::new();
    for pair in metadata.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once(' ').unwrap_or((pair, ""));
        let value = BASE64_STANDARD.decode(value.trim()).ok()?;
        if key == "filename" {
            name = String::from_utf8_lossy(&value).chars().filter(|c| !c.is_control()).collect();
        }
    }
    Some(name)
}

/// The most that some file field takes: what is bigger could never be used.
fn bytes_max(schema: &Schema) -> u64 {
    let fields = schema.collections().iter().flat_map(|collection| &collection.fields);
    let sizes = fields.filter_map(|field| match &field.kind {
        Kind::File(options) => u64::try_from(options.bytes_max()).ok(),
        _ => None,
    });
    sizes.max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_stands_in_the_metadata() {
        for (metadata, name) in [
            ("", Some("")),
            ("filename w7xuLnR4dA==", Some("ün.txt")),
            ("is_private,filename YS5wbmc=, filetype aW1hZ2UvcG5n", Some("a.png")),
            ("filename", Some("")),
            ("filename YQpi", Some("ab")),
            ("filename !", None),
        ] {
            assert_eq!(name_in(metadata).as_deref(), name, "{metadata}");
        }
    }
}
