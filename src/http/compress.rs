//! Gzip of whole bodies (contract/14 §6): JSON above 1 KiB and the dashboard; never files or streams. Level 1: the
//! further ones cost several times the CPU for a few percent.

use std::io::Write;

use actix_web::http::header::{ACCEPT_ENCODING, HeaderMap};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

/// Smaller bodies fit into one packet anyway.
const MIN_BYTES: usize = 1024;
/// Larger ones are compressed on a blocking thread: at 200 MB/s this much holds a worker up for half a millisecond.
const INLINE_BYTES_MAX: usize = 128 * 1024;

/// The compressed body, if the client takes it and it is worth it.
pub(super) async fn gzip(headers: &HeaderMap, bytes: &Bytes) -> Option<Bytes> {
    if bytes.len() <= MIN_BYTES || !accepts(headers, "gzip") {
        return None;
    }
    if bytes.len() <= INLINE_BYTES_MAX {
        return compress(bytes);
    }
    let bytes = bytes.clone();
    tokio::task::spawn_blocking(move || compress(&bytes)).await.ok().flatten()
}

/// Whether `Accept-Encoding` names this coding without refusing it.
pub(super) fn accepts(headers: &HeaderMap, wanted: &str) -> bool {
    headers.get_all(ACCEPT_ENCODING).filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).any(
        |coding| {
            let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
            let refused = weight.trim().strip_prefix("q=").is_some_and(|q| q.parse() == Ok(0.0_f32));
            name.trim().eq_ignore_ascii_case(wanted) && !refused
        },
    )
}

fn compress(bytes: &[u8]) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 4), Compression::fast());
    encoder.write_all(bytes).ok()?;
    encoder.finish().ok().map(Bytes::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::HeaderValue;

    #[test]
    fn the_client_must_take_gzip() {
        for (value, expected) in [
            ("gzip", true),
            ("br, GZIP;q=0.5", true),
            ("gzip;q=0", false),
            ("gzip; q=0.0", false),
            ("br", false),
            ("*", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(value));
            assert_eq!(accepts(&headers, "gzip"), expected, "{value}");
        }
    }
}
