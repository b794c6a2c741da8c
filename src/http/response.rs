//! What a handler answers with, before the common headers of contract/14 §6 are put on.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue};
use bytes::Bytes;
use serde::Serialize;

use crate::error::{Error, Result};

/// The body of an answer.
pub enum Body {
    /// None, and no `Content-Type`.
    Empty,
    /// `application/json`. The server applies `?fields=` to it unless it is marked as done, and may compress it.
    Json { bytes: Bytes, picked: bool },
    /// Any other whole body, of this type; never compressed.
    Bytes { bytes: Bytes, content_type: HeaderValue },
    /// A body sent as it comes, with headers of its own; never compressed.
    Stream(BoxBody),
}

/// An answer. Errors are `Err(Error)` of the handler, not one of these.
pub struct Response {
    pub status: StatusCode,
    /// Added to the common ones; one that is named here replaces the common one of that name.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    pub body: Body,
    /// Whether other sites may show it in a frame: then it has no `X-Frame-Options`.
    pub is_framable: bool,
    /// `data.meta` of the request's log entry (contract/14 §7).
    pub log_meta: Option<serde_json::Value>,
}

impl Response {
    /// 200 with JSON that was written already.
    pub fn json(bytes: Vec<u8>) -> Self {
        Self::new(StatusCode::OK, Body::Json { bytes: bytes.into(), picked: false })
    }

    /// 200 with JSON to which `?fields=` was applied already (or must not be).
    pub fn picked_json(bytes: Vec<u8>) -> Self {
        Self::new(StatusCode::OK, Body::Json { bytes: bytes.into(), picked: true })
    }

    /// 200 with `document` as JSON.
    pub fn of(document: &impl Serialize) -> Result<Self> {
        Ok(Self::json(serde_json::to_vec(document).map_err(Error::internal)?))
    }

    /// 204.
    pub fn no_content() -> Self {
        Self::new(StatusCode::NO_CONTENT, Body::Empty)
    }

    /// 200 with bytes of another type, such as a page.
    pub fn bytes(content_type: &'static str, bytes: impl Into<Bytes>) -> Self {
        let content_type = HeaderValue::from_static(content_type);
        Self::new(StatusCode::OK, Body::Bytes { bytes: bytes.into(), content_type })
    }

    /// 200 with a body that is sent as it comes. Its `Content-Type` is up to the caller's headers.
    pub fn stream(body: impl MessageBody + 'static) -> Self {
        Self::new(StatusCode::OK, Body::Stream(BoxBody::new(body)))
    }

    /// An answer without a body.
    pub fn empty(status: StatusCode) -> Self {
        Self::new(status, Body::Empty)
    }

    /// 3xx to `location`, which must be visible ASCII; anything else is dropped from it.
    pub fn redirect(status: StatusCode, location: &str) -> Self {
        let location: String = location.chars().filter(char::is_ascii_graphic).collect();
        let location = HeaderValue::try_from(location).expect("visible ASCII is a header value");
        Self::empty(status).with_header(actix_web::http::header::LOCATION, location)
    }

    pub fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Lets other sites show the answer in a frame.
    pub fn framable(mut self) -> Self {
        self.is_framable = true;
        self
    }

    pub fn with_log_meta(mut self, meta: serde_json::Value) -> Self {
        self.log_meta = Some(meta);
        self
    }

    fn new(status: StatusCode, body: Body) -> Self {
        Self { status, headers: Vec::new(), body, is_framable: false, log_meta: None }
    }
}
