//! What of a file a `Range` header asks for (RFC 9110 §14.2), and what is sent for it.

use std::ops::Range;

use actix_web::http::header::HeaderValue;
use bytes::Bytes;

use crate::ids;

/// More parts than that are asked for by nobody who means it: the whole file is sent.
const RANGES_MAX: usize = 100;

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Whole,
    /// At least one; each lies in the file and isn't empty.
    Ranges(Vec<Range<u64>>),
    Refused(&'static str),
}

/// The ranges of a `Range` header that lie in the file.
pub(super) fn parse_ranges(header: &str, size: u64) -> Asked {
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

/// A piece of a body.
#[derive(Clone, Debug)]
pub(super) enum Piece {
    Bytes(Bytes),
    File(Range<u64>),
}

impl Piece {
    fn size(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File(range) => range.end - range.start,
        }
    }
}

/// What is sent of a file, and what is said about it.
pub(super) struct Parts {
    pub pieces: Vec<Piece>,
    pub is_partial: bool,
    /// `Content-Range`, of a single range.
    pub range: Option<HeaderValue>,
    /// Of several ranges.
    pub content_type: Option<HeaderValue>,
}

impl Parts {
    pub fn whole(size: u64, _content_type: &HeaderValue) -> Self {
        Self { pieces: vec![Piece::File(0..size)], is_partial: false, range: None, content_type: None }
    }

    /// One range as it is, several as `multipart/byteranges`.
    pub fn of(size: u64, ranges: Vec<Range<u64>>, content_type: &HeaderValue) -> Self {
        let told = |range: &Range<u64>| format!("bytes {}-{}/{size}", range.start, range.end - 1);
        if let [range] = ranges.as_slice() {
            let header = HeaderValue::try_from(told(range)).expect("digits are ASCII");
            let pieces = vec![Piece::File(range.clone())];
            return Self { pieces, is_partial: true, range: Some(header), content_type: None };
        }
        let boundary = ids::lower(40);
        let mut pieces = Vec::new();
        for (index, range) in ranges.into_iter().enumerate() {
            let line_end = if index == 0 { "" } else { "\r\n" };
            let mut head =
                format!("{line_end}--{boundary}\r\nContent-Range: {}\r\nContent-Type: ", told(&range)).into_bytes();
            head.extend_from_slice(content_type.as_bytes());
            head.extend_from_slice(b"\r\n\r\n");
            pieces.extend([Piece::Bytes(head.into()), Piece::File(range)]);
        }
        pieces.push(Piece::Bytes(format!("\r\n--{boundary}--\r\n").into()));
        let content_type = HeaderValue::try_from(format!("multipart/byteranges; boundary={boundary}"));
        Self { pieces, is_partial: true, range: None, content_type: content_type.ok() }
    }

    pub fn size(&self) -> u64 {
        self.pieces.iter().map(Piece::size).sum()
    }

    /// The range, where nothing but one is sent.
    pub fn single(&self) -> Option<Range<u64>> {
        match self.pieces.as_slice() {
            [Piece::File(range)] => Some(range.clone()),
            _ => None,
        }
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

    proptest::proptest! {
        #[test]
        fn what_is_sent_lies_in_the_file(header in "bytes=[0-9,-]{0,20}", size in 0..30_u64) {
            if let Asked::Ranges(ranges) = parse_ranges(&header, size) {
                proptest::prop_assert!(ranges.iter().all(|range| range.start < range.end && range.end <= size));
            }
        }
    }
}
