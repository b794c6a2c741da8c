//! A stored file as an answer: conditional requests and ranges, one code for every store (contract/13 §2).

use std::fmt::Write;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::http::header::{
    ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderValue, LAST_MODIFIED,
};
use actix_web::http::{Method, StatusCode};
use bytes::Bytes;
use futures_util::stream::{self, BoxStream, Stream, StreamExt};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::call::Call;
use super::response::{Body, Response};
use crate::ids;
use crate::storage::{StorageError, StoredFile};

/// More parts than that are asked for by nobody who means it: the whole file is sent.
const RANGES_MAX: usize = 100;
/// A file up to this size is read in one step.
const READ_AHEAD_BYTES: u64 = 256 * 1024;
/// What may stand plainly in `filename*` (RFC 8187, attr-char).
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What the answer says about the file beside its bytes.
pub struct FileHead {
    pub content_type: String,
    /// The value of `Content-Disposition`, see [`disposition`].
    pub disposition: HeaderValue,
}

/// How much may be read when the file is looked up: nothing for a client that may need no byte of it, or only some.
pub fn read_ahead_bytes(call: &Call) -> u64 {
    let is_plain = call.method() == Method::GET
        && ["range", "if-none-match", "if-modified-since"].iter().all(|name| call.header(name).is_none());
    if is_plain { READ_AHEAD_BYTES } else { 0 }
}

/// The answer with a file, or with what of it the request asks for.
pub fn answer(call: &Call, file: StoredFile, head: FileHead) -> Response {
    let conditions = Conditions::of(call, &file);
    let tag = HeaderValue::try_from(format!("\"{}\"", file.etag)).unwrap_or(HeaderValue::from_static("\"\""));
    let modified = HeaderValue::try_from(httpdate::fmt_http_date(file.modified)).expect("a date is ASCII");
    let common = |response: Response| {
        let response = response.with_header(ETAG, tag.clone()).with_header(LAST_MODIFIED, modified.clone());
        response.with_header(CONTENT_DISPOSITION, head.disposition.clone())
    };
    if conditions.is_outdated {
        return common(Response::empty(StatusCode::PRECONDITION_FAILED));
    }
    if conditions.has_it {
        return common(Response::empty(StatusCode::NOT_MODIFIED));
    }
    let asked = if conditions.may_range { call.header("range") } else { None };
    let content = match asked.map(|header| parse_ranges(header, file.size_bytes)) {
        None | Some(Asked::Whole) => Content::whole(&file),
        Some(Asked::Ranges(ranges)) => Content::of(&file, ranges, &head.content_type),
        Some(Asked::Refused(reason)) => return refused(&file, reason, &head),
    };
    let status = if content.is_partial { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
    let (range, content_type, size) = (content.range.clone(), content.content_type.clone(), content.size);
    let content_type = content_type.unwrap_or(head.content_type);
    let content_type =
        HeaderValue::try_from(content_type).unwrap_or(HeaderValue::from_static("application/octet-stream"));
    let mut response = common(Response {
        body: content.into_body(file, call.method() == Method::HEAD, &content_type),
        ..Response::empty(status)
    });
    response = response.with_header(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if call.method() == Method::HEAD {
        response = response.with_header(CONTENT_LENGTH, HeaderValue::from(size));
    }
    if let Some(range) = range {
        response = response.with_header(CONTENT_RANGE, range);
    }
    response.with_header(CONTENT_TYPE, content_type)
}

/// `inline; filename="NAME"` or `attachment; …`; a name that isn't ASCII is given a second time, encoded.
pub fn disposition(kind: &'static str, name: &str) -> HeaderValue {
    let shown: String = name.chars().filter(|c| !c.is_control()).collect();
    let mut text = format!("{kind}; filename=\"{}\"", shown.replace('\\', "\\\\").replace('"', "\\\""));
    if !shown.is_ascii() {
        write!(text, "; filename*=UTF-8''{}", utf8_percent_encode(&shown, PLAIN)).expect("a text can be written to");
    }
    HeaderValue::from_bytes(text.as_bytes()).unwrap_or(HeaderValue::from_static(kind))
}

/// What the conditional headers decide (RFC 9110 §13.2.2).
struct Conditions {
    /// 412.
    is_outdated: bool,
    /// 304.
    has_it: bool,
    may_range: bool,
}

impl Conditions {
    fn of(call: &Call, file: &StoredFile) -> Self {
        let modified = to_seconds(file.modified);
        let date = |name: &str| call.header(name).and_then(|text| httpdate::parse_http_date(text).ok());
        let lists_tag = |name: &str| {
            call.header(name)
                .map(|tags| tags.split(',').map(str::trim).any(|tag| tag == "*" || is_tag(tag, &file.etag)))
        };
        let is_outdated = match lists_tag("if-match") {
            Some(matches) => !matches,
            None => date("if-unmodified-since").is_some_and(|since| modified > since),
        };
        let has_it = match lists_tag("if-none-match") {
            Some(matches) => matches,
            None => date("if-modified-since").is_some_and(|since| modified <= since),
        };
        let may_range = match call.header("if-range") {
            None => true,
            Some(tag) if tag.starts_with('"') => is_tag(tag, &file.etag),
            Some(date) => httpdate::parse_http_date(date).is_ok_and(|since| modified == since),
        };
        Self { is_outdated, has_it, may_range }
    }
}

/// Headers tell whole seconds.
fn to_seconds(time: SystemTime) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs())
}

fn is_tag(tag: &str, etag: &str) -> bool {
    let tag = tag.strip_prefix("W/").unwrap_or(tag);
    tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')) == Some(etag)
}

#[derive(Debug, PartialEq, Eq)]
enum Asked {
    Whole,
    Ranges(Vec<Range<u64>>),
    Refused(&'static str),
}

/// The ranges of a `Range` header that lie in the file.
fn parse_ranges(header: &str, size: u64) -> Asked {
    const INVALID: Asked = Asked::Refused("invalid range");
    let Some(list) = header.strip_prefix("bytes=") else { return INVALID };
    let (mut ranges, mut is_beyond) = (Vec::new(), false);
    for part in list.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let Some((first, last)) = part.split_once('-') else { return INVALID };
        let number = |text: &str| {
            let text = text.trim();
            if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) { text.parse::<u64>().ok() } else { None }
        };
        let range = match (first.trim(), last.trim()) {
            ("", "") => return INVALID,
            ("", suffix) => match number(suffix) {
                Some(length) => size.saturating_sub(length)..size,
                None => return INVALID,
            },
            (first, last) => match (number(first), last, number(last)) {
                (Some(first), "", _) => first..size,
                (Some(first), _, Some(last)) if last >= first => first..last.saturating_add(1).min(size),
                _ => return INVALID,
            },
        };
        match range.start < range.end {
            true => ranges.push(range),
            false => is_beyond = true,
        }
    }
    let total: u64 = ranges.iter().map(|range| range.end - range.start).fold(0, u64::saturating_add);
    match ranges.len() {
        0 if is_beyond && size > 0 => Asked::Refused("invalid range: failed to overlap"),
        0 => Asked::Whole,
        // More bytes than the file has: the client is better off with the file.
        count if total > size || count > RANGES_MAX => Asked::Whole,
        _ => Asked::Ranges(ranges),
    }
}

fn refused(file: &StoredFile, reason: &'static str, head: &FileHead) -> Response {
    let range = HeaderValue::try_from(format!("bytes */{}", file.size_bytes)).expect("digits are ASCII");
    Response::bytes("text/plain; charset=utf-8", format!("{reason}\n"))
        .with_status(StatusCode::RANGE_NOT_SATISFIABLE)
        .with_header(CONTENT_RANGE, range)
        .with_header(CONTENT_DISPOSITION, head.disposition.clone())
}

/// A piece of a body.
#[derive(Clone)]
enum Piece {
    Bytes(Bytes),
    File(Range<u64>),
}

/// What is sent of a file.
struct Content {
    pieces: Vec<Piece>,
    size: u64,
    is_partial: bool,
    range: Option<HeaderValue>,
    content_type: Option<String>,
}

impl Content {
    fn whole(file: &StoredFile) -> Self {
        let pieces = vec![Piece::File(0..file.size_bytes)];
        Self { pieces, size: file.size_bytes, is_partial: false, range: None, content_type: None }
    }

    fn of(file: &StoredFile, ranges: Vec<Range<u64>>, content_type: &str) -> Self {
        let told = |range: &Range<u64>| format!("bytes {}-{}/{}", range.start, range.end - 1, file.size_bytes);
        if let [range] = ranges.as_slice() {
            let header = HeaderValue::try_from(told(range)).expect("digits are ASCII");
            let (size, pieces) = (range.end - range.start, vec![Piece::File(range.clone())]);
            return Self { pieces, size, is_partial: true, range: Some(header), content_type: None };
        }
        let boundary = ids::lower(40);
        let mut pieces = Vec::new();
        for (index, range) in ranges.into_iter().enumerate() {
            let line_end = if index == 0 { "" } else { "\r\n" };
            let head = format!(
                "{line_end}--{boundary}\r\nContent-Range: {}\r\nContent-Type: {content_type}\r\n\r\n",
                told(&range)
            );
            pieces.extend([Piece::Bytes(head.into()), Piece::File(range)]);
        }
        pieces.push(Piece::Bytes(format!("\r\n--{boundary}--\r\n").into()));
        let size = pieces.iter().map(Piece::size).sum();
        let content_type = Some(format!("multipart/byteranges; boundary={boundary}"));
        Self { pieces, size, is_partial: true, range: None, content_type }
    }

    /// The body; of a `HEAD` only its size.
    fn into_body(self, file: StoredFile, is_head: bool, content_type: &HeaderValue) -> Body {
        let (size, pieces) = (self.size, self.pieces);
        if is_head {
            return Body::Stream(BoxBody::new(SizedBody { size, stream: stream::empty().boxed() }));
        }
        if let ([Piece::File(range)], Some(whole)) = (pieces.as_slice(), file.reader.whole()) {
            // It was read when it was looked up, so its size is known to fit.
            let bytes = whole.slice(range.start as usize..range.end as usize);
            return Body::Bytes { bytes, content_type: content_type.clone() };
        }
        let parts = stream::iter(pieces).flat_map(move |piece| match piece {
            Piece::Bytes(bytes) => stream::once(async { Ok(bytes) }).boxed(),
            Piece::File(range) => file.reader.read(range),
        });
        Body::Stream(BoxBody::new(SizedBody { size, stream: parts.boxed() }))
    }
}

impl Piece {
    fn size(&self) -> u64 {
        match self {
            Piece::Bytes(bytes) => bytes.len() as u64,
            Piece::File(range) => range.end - range.start,
        }
    }
}

/// A streamed body of a known size. One that breaks off ends the connection, so that the client sees it.
struct SizedBody {
    size: u64,
    stream: BoxStream<'static, Result<Bytes, StorageError>>,
}

impl MessageBody for SizedBody {
    type Error = StorageError;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.size)
    }

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, StorageError>>> {
        Pin::new(&mut self.stream).poll_next(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        let refused = |reason| Asked::Refused(reason);
        let one = |start, end| Asked::Ranges(std::iter::once(start..end).collect());
        for (header, asked) in [
            ("bytes=0-4", one(0, 5)),
            ("bytes=5-", one(5, 10)),
            ("bytes=-3", one(7, 10)),
            ("bytes=-30", one(0, 10)),
            ("bytes=8-99", one(8, 10)),
            ("bytes=0-0, 9-9", Asked::Ranges(vec![0..1, 9..10])),
            ("bytes=0-1,50-60", one(0, 2)),
            ("bytes=0-9,0-9", Asked::Whole),
            ("bytes=10-", refused("invalid range: failed to overlap")),
            ("bytes=-0", refused("invalid range: failed to overlap")),
            ("bytes=4-2", refused("invalid range")),
            ("bytes=a-b", refused("invalid range")),
            ("bytes=-", refused("invalid range")),
            ("bytes=5", refused("invalid range")),
            ("bytes=+1-2", refused("invalid range")),
            ("lines=0-4", refused("invalid range")),
            ("bytes=", Asked::Whole),
            ("bytes=99999999999999999999-", refused("invalid range")),
        ] {
            assert_eq!(parse_ranges(header, 10), asked, "{header}");
        }
        assert_eq!(parse_ranges("bytes=0-", 0), Asked::Whole);
        let many = format!("bytes={}", vec!["0-0"; 101].join(","));
        assert_eq!(parse_ranges(&many, 1000), Asked::Whole);
    }

    #[test]
    fn names_are_quoted() {
        for (name, value) in [
            ("a.txt", "inline; filename=\"a.txt\""),
            ("a \"b\".zip", "inline; filename=\"a \\\"b\\\".zip\""),
            ("a\r\nSet-Cookie: x", "inline; filename=\"aSet-Cookie: x\""),
            ("ü.txt", "inline; filename=\"ü.txt\"; filename*=UTF-8''%C3%BC.txt"),
        ] {
            assert_eq!(disposition("inline", name).as_bytes(), value.as_bytes(), "{name:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_sent_lies_in_the_file(header in "bytes=[0-9,-]{0,20}", size in 0..30_u64) {
            if let Asked::Ranges(ranges) = parse_ranges(&header, size) {
                proptest::prop_assert!(ranges.iter().all(|range| range.start < range.end && range.end <= size));
            }
        }
    }
}
