//! A handler's answer, or an error, → the HTTP answer with the common headers (contract/00 §2, contract/14 §5–6).

use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::HttpResponse;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER,
    VARY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS, X_XSS_PROTECTION,
};
use actix_web::http::{ConnectionType, StatusCode};
use bytes::Bytes;

use super::compress;
use super::connections::Answering;
use super::error;
use super::response::{Body, Response};
use crate::error::Error;
use crate::picker::Picker;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const COOP: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What goes on an answer besides what its handler said.
pub(super) struct Common {
    /// `Access-Control-Allow-Origin`.
    pub origin: Option<HeaderValue>,
    /// The security headers: not on what ends before step 8.
    pub secured: bool,
    /// The answer is the dashboard's: compressed whatever its type, unless it is already.
    pub dashboard: bool,
    pub request_id: HeaderValue,
}

/// The error as a response with the envelope.
pub(super) fn of_error(error: &Error) -> Response {
    let bytes = serde_json::to_vec(&error::envelope(error)).expect("an envelope is plain JSON");
    let mut response = Response::picked_json(bytes).with_status(error::status(error));
    if let Some(seconds) = error::retry_after_seconds(error) {
        response = response.with_header(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// Applies `?fields=` to a successful JSON answer that its handler didn't pick itself.
pub(super) fn pick(mut response: Response, picker: &Picker) -> Response {
    if response.status.is_success()
        && let Body::Json { bytes, picked: false } = &response.body
        && let Ok(value) = serde_json::from_slice(bytes)
    {
        let picked = serde_json::to_vec(&picker.pick_answer(value)).expect("a JSON value is plain JSON");
        response.body = Body::Json { bytes: picked.into(), picked: true };
    }
    response
}

/// The HTTP answer. A body that is streamed holds `answering` to its end.
pub(super) async fn finish(
    response: Response,
    common: Common,
    request_headers: &HeaderMap,
    answering: Option<Answering>,
) -> HttpResponse {
    let Response { status, headers: own, body, is_framable, .. } = response;
    if let (StatusCode::PAYLOAD_TOO_LARGE, Some(answering)) = (status, &answering) {
        answering.end_soon();
    }
    let mut gzipped = false;
    let (body, content_type) = match body {
        Body::Empty => (BoxBody::new(()), None),
        Body::Stream(stream) => (BoxBody::new(Streaming { stream, _answering: answering }), None),
        Body::Json { bytes, .. } => {
            let compressed = compress::gzip(request_headers, &bytes).await;
            gzipped = compressed.is_some();
            (BoxBody::new(compressed.unwrap_or(bytes)), Some(JSON))
        }
        Body::Bytes { bytes, content_type } => {
            let compressible = common.dashboard && !own.iter().any(|(name, _)| *name == CONTENT_ENCODING);
            let compressed = if compressible { compress::gzip(request_headers, &bytes).await } else { None };
            gzipped = compressed.is_some();
            (BoxBody::new(compressed.unwrap_or(bytes)), Some(content_type))
        }
    };
    let mut answer = HttpResponse::with_body(status, body);
    if status == StatusCode::PAYLOAD_TOO_LARGE {
        // What the client still sends isn't read, so nothing more can come over this connection.
        answer.head_mut().set_connection_type(ConnectionType::Close);
    }
    let headers = answer.headers_mut();
    headers.insert(VARY, HeaderValue::from_static("Origin"));
    if let Some(content_type) = content_type {
        headers.insert(CONTENT_TYPE, content_type);
    }
    if gzipped {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        headers.append(VARY, HeaderValue::from_static("Accept-Encoding"));
    }
    if let Some(origin) = common.origin {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    }
    if common.secured {
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if !is_framable {
            headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("SAMEORIGIN"));
        }
        headers.insert(X_XSS_PROTECTION, HeaderValue::from_static("1; mode=block"));
        headers.insert(COOP, HeaderValue::from_static("same-origin"));
    }
    headers.insert(REQUEST_ID, common.request_id);
    for (name, value) in own {
        // The compressed body is another one, byte by byte, with the same meaning.
        let value = if gzipped && name == ETAG { weakened(value) } else { value };
        headers.insert(name, value);
    }
    if status == StatusCode::SWITCHING_PROTOCOLS {
        answer.head_mut().set_connection_type(ConnectionType::Upgrade);
    }
    answer
}

/// An entity tag as a weak one.
fn weakened(tag: HeaderValue) -> HeaderValue {
    match tag.to_str() {
        Ok(text) if !text.starts_with("W/") => HeaderValue::try_from(format!("W/{text}")).unwrap_or(tag),
        Ok(_) | Err(_) => tag,
    }
}

/// A stream whose connection counts as busy until it is dropped.
struct Streaming {
    stream: BoxBody,
    _answering: Option<Answering>,
}

impl MessageBody for Streaming {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.stream.size()
    }

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.get_mut().stream).poll_next(context)
    }
}

/// The bare redirect to a cleaned path: no CORS, no security headers (contract/00 §1).
pub(super) fn bare_redirect(location: &str) -> HttpResponse {
    let response = Response::redirect(StatusCode::TEMPORARY_REDIRECT, location);
    let mut answer = HttpResponse::with_body(response.status, BoxBody::new(()));
    for (name, value) in response.headers {
        answer.headers_mut().insert(name, value);
    }
    answer
}
