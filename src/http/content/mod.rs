//! Serving the bytes of a file: conditional requests, ranges, streaming (RFC 9110 §13–14), one code for the public
//! directory and for files of every store.
//!
//! Start at [`serve_file`]. `conditions` decides whether anything is sent, `ranges` what, `body` sends it.

mod body;
mod conditions;
mod disposition;
mod media_type;
mod ranges;

use std::fs::File;
use std::io;
use std::path::Path;
use std::time::SystemTime;

use actix_web::body::BoxBody;
use actix_web::http::header::{
    ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, IF_MODIFIED_SINCE,
    IF_NONE_MATCH, LAST_MODIFIED, RANGE,
};
use actix_web::http::{Method, StatusCode};

use self::body::{SizedBody, read_pieces};
use self::conditions::{Decision, Validators, decide};
use self::ranges::{Asked, Parts, parse_ranges};
use super::response::{Body, Response};
use crate::storage::{FileReader, StoredFile, file_reader};

pub use disposition::disposition;
pub use media_type::{by_extension, sniff};

/// A file up to this size is read in the step that opens it.
const READ_AHEAD_BYTES: u64 = 256 * 1024;

/// A file and what is said about it.
pub struct Content {
    pub size_bytes: u64,
    pub modified: Option<SystemTime>,
    /// A strong tag with its quotes.
    pub etag: Option<HeaderValue>,
    pub content_type: HeaderValue,
    pub reader: Box<dyn FileReader>,
}

impl Content {
    /// Opens a regular file; its type is that of its name or else of its first bytes. `read_ahead_bytes` as of
    /// [`read_ahead_bytes`]. Blocks. An absent file, a directory or a name that the system refuses is `NotFound`.
    pub fn open(path: &Path, read_ahead_bytes: u64) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::ErrorKind::NotFound.into());
        }
        let content_type = match by_extension(path) {
            Some(known) => HeaderValue::from_static(known),
            None => HeaderValue::try_from(&*sniff(&mut file)?).map_err(io::Error::other)?,
        };
        Ok(Self {
            size_bytes: metadata.len(),
            modified: metadata.modified().ok(),
            etag: None,
            content_type,
            reader: file_reader(file, metadata.len(), read_ahead_bytes)?,
        })
    }

    /// A stored file under a type that may be another than the stored one.
    pub fn of_stored(file: StoredFile, content_type: &str) -> Self {
        let unknown = HeaderValue::from_static("application/octet-stream");
        Self {
            size_bytes: file.size_bytes,
            modified: Some(file.modified),
            etag: HeaderValue::try_from(format!("\"{}\"", file.etag)).ok(),
            content_type: HeaderValue::try_from(content_type).unwrap_or(unknown),
            reader: file.reader,
        }
    }
}

/// How much may be read when a file is opened: nothing for a client that may need no byte of it, or only some.
pub fn read_ahead_bytes(method: &Method, request: &HeaderMap) -> u64 {
    let is_plain = method == Method::GET
        && [RANGE, IF_NONE_MATCH, IF_MODIFIED_SINCE].iter().all(|name| !request.contains_key(name));
    if is_plain { READ_AHEAD_BYTES } else { 0 }
}

/// The answer to `GET` or `HEAD` of a file: 200, 206, 304, 412 or 416.
pub fn serve_file(content: Content, method: &Method, request: &HeaderMap) -> Response {
    let validators = Validators { etag: content.etag.as_ref(), modified: content.modified };
    let decision = decide(request, &validators);
    let asked = match decision {
        Decision::NotModified => return with_validators(Response::empty(StatusCode::NOT_MODIFIED), &content),
        Decision::Failed => return with_validators(Response::empty(StatusCode::PRECONDITION_FAILED), &content),
        Decision::Send { range: None } => Asked::Whole,
        Decision::Send { range: Some(range) } => parse_ranges(range, content.size_bytes),
    };
    match asked {
        Asked::Refused(reason) => refused(content.size_bytes, reason),
        Asked::Whole => send(content, method, Parts::whole),
        Asked::Ranges(ranges) => send(content, method, |size, content_type| Parts::of(size, ranges, content_type)),
    }
}

/// The answer with what was chosen of the file.
fn send(content: Content, method: &Method, choose: impl FnOnce(u64, &HeaderValue) -> Parts) -> Response {
    let parts = choose(content.size_bytes, &content.content_type);
    let status = if parts.is_partial { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
    let mut response = with_validators(Response::empty(status), &content)
        .with_header(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if let Some(range) = parts.range.clone() {
        response = response.with_header(CONTENT_RANGE, range);
    }
    let content_type = parts.content_type.clone().unwrap_or(content.content_type);
    let size = parts.size();
    if method == Method::HEAD {
        response.body = Body::Stream(BoxBody::new(SizedBody::empty(size)));
        return response.with_header(CONTENT_LENGTH, HeaderValue::from(size)).with_header(CONTENT_TYPE, content_type);
    }
    if let (Some(range), Some(whole)) = (parts.single(), content.reader.whole()) {
        // It was read when it was opened, so its size fits into memory.
        response.body = Body::Bytes { bytes: whole.slice(range.start as usize..range.end as usize), content_type };
        return response;
    }
    response.body = Body::Stream(BoxBody::new(read_pieces(parts, content.reader)));
    response.with_header(CONTENT_TYPE, content_type)
}

/// 416, as the contract spells it.
fn refused(size_bytes: u64, reason: &'static str) -> Response {
    let range = HeaderValue::try_from(format!("bytes */{size_bytes}")).expect("digits are ASCII");
    Response::bytes("text/plain; charset=utf-8", format!("{reason}\n"))
        .with_status(StatusCode::RANGE_NOT_SATISFIABLE)
        .with_header(CONTENT_RANGE, range)
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
