//! The pages under `/_/`: the bundle of `admin-ui`, built into the binary, and what every answer there carries, errors
//! included (contract/14 §6, contract/25).
//!
//! The page names a fresh nonce each time, so it isn't kept by anybody; all it loads has a hash in its name and may be
//! kept for ever.

use std::borrow::Cow;

use actix_web::http::StatusCode;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, HeaderMap, HeaderName, HeaderValue, VARY,
};
use bytes::Bytes;
use rust_embed::{EmbeddedFile, RustEmbed};

use super::compress;
use super::response::{Body, Response};
use crate::ids;

/// What `vite build` left: the page, and its assets with their compressed forms beside them.
#[derive(RustEmbed)]
#[folder = "admin-ui/dist"]
#[allow_missing = true]
struct Bundle;

const ROOT: &str = "/_/";
const PAGE: &str = "index.html";
/// Where the page's files with a hash in their names lie.
const ASSETS: &str = "assets/";
/// Shown by a binary that was built without its pages.
const WITHOUT_BUNDLE: &str = include_str!("without_pages.html");
/// Stands in the page wherever its nonce belongs (`html.cspNonce` of `vite.config.ts`).
const NONCE_MARK: &str = "NONCE";
/// 143 bits.
const NONCE_LENGTH: usize = 24;

/// Nothing comes from another origin, and no script but the bundle's runs. Inline style attributes are those of stored
/// rich text.
const POLICY: &str = "default-src 'self'; script-src 'self'; style-src-elem 'self' 'nonce-NONCE'; \
    style-src-attr 'unsafe-inline'; img-src 'self' data: blob:; connect-src 'self'; object-src 'none'; \
    base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
/// For assets: nothing may be loaded or run.
const POLICY_OF_ASSETS: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
/// For the JSON that answers paths which never were the dashboard's, word by word of contract/14 §6.
const POLICY_OF_THE_REST: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' http://127.0.0.1:* \
     https://tile.openstreetmap.org data: blob:; connect-src 'self' http://127.0.0.1:* \
     https://nominatim.openstreetmap.org; script-src 'self' http://127.0.0.1:*; frame-ancestors 'none'",
);

const NOT_KEPT: HeaderValue = HeaderValue::from_static("no-store");
const KEPT: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// For paths that never were the dashboard's (contract/14 §6).
const KEPT_FOR_DAYS: HeaderValue = HeaderValue::from_static("max-age=1209600, stale-while-revalidate=86400");

/// Compressed forms, the smallest first: coding and ending.
const CODINGS: [(&str, &str); 2] = [("br", ".br"), ("gzip", ".gz")];

/// Whether files under `/_/` may be kept by browsers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DashboardCaching {
    On,
    /// While the dashboard itself is being worked on (`--dev`).
    Off,
}

/// Whether `path` belongs to the dashboard.
pub(super) fn is_part(path: &str) -> bool {
    path.starts_with(ROOT)
}

/// The page that all links under `/_/#/` lead to.
pub(super) fn page() -> Response {
    let bundled = Bundle::get(PAGE).map(|file| String::from_utf8_lossy(&file.data).into_owned());
    let html = bundled.unwrap_or_else(|| WITHOUT_BUNDLE.to_owned());
    let nonce = ids::secret(NONCE_LENGTH);
    let policy = POLICY.replace(NONCE_MARK, &nonce);
    let policy = HeaderValue::try_from(policy).expect("the policy and letters and digits are visible ASCII");
    Response::bytes("text/html; charset=utf-8", html.replace(NONCE_MARK, &nonce))
        .with_header(CONTENT_SECURITY_POLICY, policy)
}

/// A file that the page loads, by its path below `/_/`, in the smallest form that the client takes.
pub(super) fn asset(path: &str, request_headers: &HeaderMap, caching: DashboardCaching) -> Option<Response> {
    if !path.starts_with(ASSETS) || CODINGS.iter().any(|(_, ending)| path.ends_with(ending)) {
        return None;
    }
    let plain = Bundle::get(path)?;
    let content_type = HeaderValue::try_from(plain.metadata.mimetype()).ok()?;
    let compressed =
        CODINGS.iter().filter(|(coding, _)| compress::accepts(request_headers, coding)).find_map(|(coding, ending)| {
            Some((HeaderValue::from_static(coding), Bundle::get(&format!("{path}{ending}"))?))
        });
    let (coding, file) = match compressed {
        Some((coding, file)) => (Some(coding), file),
        None => (None, plain),
    };
    let kept = if caching == DashboardCaching::On { KEPT } else { NOT_KEPT };
    let body = Body::Bytes { bytes: bytes(file), content_type };
    let mut response = Response { body, ..Response::empty(StatusCode::OK) }
        .with_header(VARY, HeaderValue::from_static("Origin, Accept-Encoding"))
        .with_header(CACHE_CONTROL, kept);
    response.headers.extend(coding.map(|coding| (CONTENT_ENCODING, coding)));
    Some(response)
}

/// Adds what an answer under `/_/` doesn't say itself. A file that is missing now may be there after an upgrade, so the
/// 404 of an asset isn't kept.
pub(super) fn complete(path: &str, caching: DashboardCaching, response: &mut Response) {
    let below = path.strip_prefix(ROOT).unwrap_or_default();
    let (policy, kept) = match below.is_empty() || below.starts_with(ASSETS) {
        true => (POLICY_OF_ASSETS, NOT_KEPT),
        false => (POLICY_OF_THE_REST, if caching == DashboardCaching::On { KEPT_FOR_DAYS } else { NOT_KEPT }),
    };
    let mut add = |name: HeaderName, value: HeaderValue| {
        if !response.headers.iter().any(|(own, _)| *own == name) {
            response.headers.push((name, value));
        }
    };
    add(CONTENT_SECURITY_POLICY, policy);
    add(CACHE_CONTROL, kept);
}

fn bytes(file: EmbeddedFile) -> Bytes {
    match file.data {
        Cow::Borrowed(data) => Bytes::from_static(data),
        Cow::Owned(data) => data.into(),
    }
}
