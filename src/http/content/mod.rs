//! Serving the bytes of a file: conditional requests, ranges, streaming (RFC 9110 §13–14). For the public directory and
//! for stored files alike.
//!
//! Start at [`serve_file`]. A request for several ranges is answered with the whole file, as the RFC allows.

mod body;
mod media_type;
mod selection;

use std::fs::File;
use std::io;
use std::path::Path;
use std::time::SystemTime;

use actix_web::http::header::{
    ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, LAST_MODIFIED,
};
use actix_web::http::{Method, StatusCode};

use self::body::{FileBody, HeadBody};
use self::selection::{Selection, Validators, select};
use super::response::{Body, Response};
use crate::error::{Error, Result};

pub use media_type::{by_extension, sniff};

/// Files up to this size are read in the same hop that opens them.
const INLINE_BYTES_MAX: u64 = 128 * 1024;

/// An open file and what is said about it.
pub struct Content {
    pub file: File,
    pub length: u64,
    pub modified: Option<SystemTime>,
    /// A strong tag with its quotes.
    pub etag: Option<HeaderValue>,
    pub content_type: HeaderValue,
}

impl Content {
    /// Opens a regular file; its type is that of its name or else of its first bytes. Blocks. An absent file, a
    /// directory or a name that the system refuses is `NotFound`.
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::ErrorKind::NotFound.into());
        }
        let content_type = match by_extension(path) {
            Some(known) => HeaderValue::from_static(known),
            None => HeaderValue::try_from(&*sniff(&mut file)?).map_err(io::Error::other)?,
        };
        Ok(Self { file, length: metadata.len(), modified: metadata.modified().ok(), etag: None, content_type })
    }
}

/// The answer to `GET` or `HEAD` of a file: 200, 206, 304, 412 or 416.
///
/// # Errors
/// `Internal` when the file can't be read.
pub async fn serve_file(content: Content, method: &Method, request: &HeaderMap) -> Result<Response> {
    let validators = Validators { etag: content.etag.as_ref(), modified: content.modified };
    let selection = select(request, &validators, content.length);
    let (status, start, end) = match selection {
        Selection::Whole => (StatusCode::OK, 0, content.length),
        Selection::Range { start, end } => (StatusCode::PARTIAL_CONTENT, start, end),
        Selection::NotModified => return Ok(with_validators(Response::empty(StatusCode::NOT_MODIFIED), &content)),
        Selection::Failed => return Ok(Response::empty(StatusCode::PRECONDITION_FAILED)),
        Selection::Unsatisfiable => {
            let range = HeaderValue::try_from(format!("bytes */{}", content.length)).map_err(Error::internal)?;
            return Ok(Response::empty(StatusCode::RANGE_NOT_SATISFIABLE).with_header(CONTENT_RANGE, range));
        }
    };
    let mut response = with_validators(Response::empty(status), &content)
        .with_header(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if status == StatusCode::PARTIAL_CONTENT {
        let range = format!("bytes {start}-{}/{}", end - 1, content.length);
        response = response.with_header(CONTENT_RANGE, HeaderValue::try_from(range).map_err(Error::internal)?);
    }
    let length = end - start;
    response.body = if method == Method::HEAD {
        response = response
            .with_header(CONTENT_LENGTH, HeaderValue::from(length))
            .with_header(CONTENT_TYPE, content.content_type);
        Body::Stream(actix_web::body::BoxBody::new(HeadBody { length }))
    } else if length <= INLINE_BYTES_MAX {
        let bytes = body::read(content.file, start, length).await.map_err(Error::internal)?;
        Body::Bytes { bytes, content_type: content.content_type }
    } else {
        response = response.with_header(CONTENT_TYPE, content.content_type);
        Body::Stream(actix_web::body::BoxBody::new(FileBody::new(content.file, start, length)))
    };
    Ok(response)
}

fn with_validators(mut response: Response, content: &Content) -> Response {
    if let Some(etag) = &content.etag {
        response = response.with_header(ETAG, etag.clone());
    }
    if let Some(modified) = content.modified
        && let Ok(date) = HeaderValue::try_from(httpdate::fmt_http_date(modified))
    {
        response = response.with_header(LAST_MODIFIED, date);
    }
    response
}
