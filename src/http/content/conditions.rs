//! Whether a request is sent anything of a file: preconditions (RFC 9110 §13.2.2), `If-Range` (§13.1.5).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use actix_web::http::header::{
    HeaderMap, HeaderName, HeaderValue, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE,
    RANGE,
};

/// What identifies the state of a file.
pub(super) struct Validators<'a> {
    pub etag: Option<&'a HeaderValue>,
    pub modified: Option<SystemTime>,
}

/// Whether something is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision<'h> {
    /// With the `Range` header, if it is to be heeded.
    Send {
        range: Option<&'h str>,
    },
    NotModified,
    /// 412.
    Failed,
}

pub(super) fn decide<'h>(headers: &'h HeaderMap, validators: &Validators<'_>) -> Decision<'h> {
    if let Some(tags) = text(headers, &IF_MATCH) {
        if !names(tags, validators.etag, Comparison::Strong) {
            return Decision::Failed;
        }
    } else if let Some(limit) = date(headers, &IF_UNMODIFIED_SINCE)
        && validators.modified.is_some_and(|modified| whole_seconds(modified) > limit)
    {
        return Decision::Failed;
    }
    if let Some(tags) = text(headers, &IF_NONE_MATCH) {
        if names(tags, validators.etag, Comparison::Weak) {
            return Decision::NotModified;
        }
    } else if let Some(known) = date(headers, &IF_MODIFIED_SINCE)
        && validators.modified.is_some_and(|modified| whole_seconds(modified) <= known)
    {
        return Decision::NotModified;
    }
    Decision::Send { range: text(headers, &RANGE).filter(|_| range_is_fresh(headers, validators)) }
}

/// `If-Range`: the range counts only while the file is the one that the client has a part of.
fn range_is_fresh(headers: &HeaderMap, validators: &Validators<'_>) -> bool {
    let Some(condition) = text(headers, &IF_RANGE) else { return true };
    if condition.starts_with(['"', 'W']) {
        return names(condition, validators.etag, Comparison::Strong);
    }
    match (httpdate::parse_http_date(condition), validators.modified) {
        (Ok(date), Some(modified)) => whole_seconds(modified) == date,
        _ => false,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Strong,
    Weak,
}

/// Whether a list of tags (or `*`) names `etag`.
fn names(tags: &str, etag: Option<&HeaderValue>, comparison: Comparison) -> bool {
    let Some(etag) = etag.and_then(|etag| etag.to_str().ok()) else { return false };
    tags.split(',').map(str::trim).any(|tag| {
        let tag = if comparison == Comparison::Weak { tag.strip_prefix("W/").unwrap_or(tag) } else { tag };
        tag == "*" || tag == etag
    })
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn date(headers: &HeaderMap, name: &HeaderName) -> Option<SystemTime> {
    httpdate::parse_http_date(text(headers, name)?).ok()
}

/// Dates of headers have no fractions.
fn whole_seconds(at: SystemTime) -> SystemTime {
    at.duration_since(UNIX_EPOCH).map_or(UNIX_EPOCH, |since| UNIX_EPOCH + Duration::from_secs(since.as_secs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "Tue, 24 Nov 2026 13:00:00 GMT";
    const NOW: &str = "Tue, 24 Nov 2026 14:00:00 GMT";
    const NEW: &str = "Tue, 24 Nov 2026 15:00:00 GMT";

    #[derive(Debug, PartialEq)]
    enum Expected {
        Whole,
        Range,
        NotModified,
        Failed,
    }

    fn decide_with(headers: &[(HeaderName, &'static str)]) -> Expected {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(name.clone(), HeaderValue::from_static(value));
        }
        let etag = HeaderValue::from_static("\"tag\"");
        let modified = httpdate::parse_http_date(NOW).unwrap() + Duration::from_millis(300);
        match decide(&map, &Validators { etag: Some(&etag), modified: Some(modified) }) {
            Decision::Send { range: None } => Expected::Whole,
            Decision::Send { range: Some(range) } => {
                assert_eq!(range, "bytes=0-0");
                Expected::Range
            }
            Decision::NotModified => Expected::NotModified,
            Decision::Failed => Expected::Failed,
        }
    }

    #[test]
    fn preconditions_come_first() {
        for (headers, expected) in [
            (&[(IF_NONE_MATCH, "\"tag\"")][..], Expected::NotModified),
            (&[(IF_NONE_MATCH, "W/\"tag\", \"x\"")], Expected::NotModified),
            (&[(IF_NONE_MATCH, "*")], Expected::NotModified),
            (&[(IF_NONE_MATCH, "\"x\""), (IF_MODIFIED_SINCE, NEW)], Expected::Whole),
            (&[(IF_MODIFIED_SINCE, NOW)], Expected::NotModified),
            (&[(IF_MODIFIED_SINCE, OLD)], Expected::Whole),
            (&[(IF_MATCH, "\"x\"")], Expected::Failed),
            (&[(IF_MATCH, "\"tag\"")], Expected::Whole),
            (&[(IF_MATCH, "W/\"tag\"")], Expected::Failed),
            (&[(IF_UNMODIFIED_SINCE, OLD)], Expected::Failed),
            (&[(IF_UNMODIFIED_SINCE, NOW)], Expected::Whole),
            (&[(RANGE, "bytes=0-0"), (IF_RANGE, "\"tag\"")], Expected::Range),
            (&[(RANGE, "bytes=0-0"), (IF_RANGE, "\"x\"")], Expected::Whole),
            (&[(RANGE, "bytes=0-0"), (IF_RANGE, NOW)], Expected::Range),
            (&[(RANGE, "bytes=0-0"), (IF_RANGE, OLD)], Expected::Whole),
        ] {
            assert_eq!(decide_with(headers), expected, "{headers:?}");
        }
    }
}
