//! What of a file a request wants, if anything: preconditions (RFC 9110 §13.2.2), then the range (§14.2).

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

/// What to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Selection {
    Whole,
    /// Bytes from `start` up to but without `end`; never empty.
    Range {
        start: u64,
        end: u64,
    },
    NotModified,
    /// 412.
    Failed,
    /// 416.
    Unsatisfiable,
}

pub(super) fn select(headers: &HeaderMap, validators: &Validators<'_>, length: u64) -> Selection {
    if let Some(tags) = text(headers, &IF_MATCH) {
        if !names(tags, validators.etag, Comparison::Strong) {
            return Selection::Failed;
        }
    } else if let Some(limit) = date(headers, &IF_UNMODIFIED_SINCE)
        && validators.modified.is_some_and(|modified| whole_seconds(modified) > limit)
    {
        return Selection::Failed;
    }
    if let Some(tags) = text(headers, &IF_NONE_MATCH) {
        if names(tags, validators.etag, Comparison::Weak) {
            return Selection::NotModified;
        }
    } else if let Some(known) = date(headers, &IF_MODIFIED_SINCE)
        && validators.modified.is_some_and(|modified| whole_seconds(modified) <= known)
    {
        return Selection::NotModified;
    }
    match text(headers, &RANGE) {
        Some(range) if range_is_fresh(headers, validators) => select_range(range, length),
        _ => Selection::Whole,
    }
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

/// One range of bytes; several, other units and malformed ones are ignored.
fn select_range(range: &str, length: u64) -> Selection {
    let Some((first, last)) = range.strip_prefix("bytes=").and_then(|spec| spec.split_once('-')) else {
        return Selection::Whole;
    };
    let (first, last) = (first.trim(), last.trim());
    let number =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<u64>().ok()).flatten();
    match (first, last) {
        ("", last) => match number(last) {
            None => Selection::Whole,
            Some(0) => Selection::Unsatisfiable,
            Some(_) if length == 0 => Selection::Unsatisfiable,
            Some(count) => Selection::Range { start: length.saturating_sub(count), end: length },
        },
        (first, last) => {
            let end = if last.is_empty() { Some(length) } else { number(last).map(|last| last.saturating_add(1)) };
            match (number(first), end) {
                (Some(start), Some(end)) if start < end => {
                    if start >= length {
                        return Selection::Unsatisfiable;
                    }
                    Selection::Range { start, end: end.min(length) }
                }
                (Some(start), Some(_)) if last.is_empty() && start >= length => Selection::Unsatisfiable,
                _ => Selection::Whole,
            }
        }
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

    fn select_with(headers: &[(HeaderName, &'static str)]) -> Selection {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(name.clone(), HeaderValue::from_static(value));
        }
        let etag = HeaderValue::from_static("\"tag\"");
        let modified = httpdate::parse_http_date(NOW).unwrap() + Duration::from_millis(300);
        select(&map, &Validators { etag: Some(&etag), modified: Some(modified) }, 10)
    }

    #[test]
    fn ranges_are_cut_to_the_file() {
        let range = |start, end| Selection::Range { start, end };
        for (header, expected) in [
            ("bytes=0-3", range(0, 4)),
            ("bytes=3-", range(3, 10)),
            ("bytes=8-99", range(8, 10)),
            ("bytes=9-9", range(9, 10)),
            ("bytes=-3", range(7, 10)),
            ("bytes=-99", range(0, 10)),
            ("bytes=0-18446744073709551615", range(0, 10)),
            ("bytes=-0", Selection::Unsatisfiable),
            ("bytes=10-", Selection::Unsatisfiable),
            ("bytes=10-12", Selection::Unsatisfiable),
            ("bytes=5-3", Selection::Whole),
            ("bytes=0-1,3-4", Selection::Whole),
            ("bytes=a-b", Selection::Whole),
            ("bytes=-", Selection::Whole),
            ("lines=0-3", Selection::Whole),
            ("bytes=+1-3", Selection::Whole),
        ] {
            assert_eq!(select_with(&[(RANGE, header)]), expected, "{header}");
        }
    }

    #[test]
    fn preconditions_come_first() {
        let part = Selection::Range { start: 0, end: 1 };
        for (headers, expected) in [
            (&[(IF_NONE_MATCH, "\"tag\"")][..], Selection::NotModified),
            (&[(IF_NONE_MATCH, "W/\"tag\", \"x\"")], Selection::NotModified),
            (&[(IF_NONE_MATCH, "*")], Selection::NotModified),
            (&[(IF_NONE_MATCH, "\"x\""), (IF_MODIFIED_SINCE, NEW)], Selection::Whole),
            (&[(IF_MODIFIED_SINCE, NOW)], Selection::NotModified),
            (&[(IF_MODIFIED_SINCE, OLD)], Selection::Whole),
            (&[(IF_MATCH, "\"x\"")], Selection::Failed),
            (&[(IF_MATCH, "\"tag\"")], Selection::Whole),
            (&[(IF_MATCH, "W/\"tag\"")], Selection::Failed),
            (&[(IF_UNMODIFIED_SINCE, OLD)], Selection::Failed),
            (&[(IF_UNMODIFIED_SINCE, NOW)], Selection::Whole),
            (&[(RANGE, "bytes=0-0"), (IF_RANGE, "\"tag\"")], part),
            (&[(RANGE, "bytes=0-0"), (IF_RANGE, "\"x\"")], Selection::Whole),
            (&[(RANGE, "bytes=0-0"), (IF_RANGE, NOW)], part),
            (&[(RANGE, "bytes=0-0"), (IF_RANGE, OLD)], Selection::Whole),
        ] {
            assert_eq!(select_with(headers), expected, "{headers:?}");
        }
    }
}
