//! `Content-Disposition` (contract/13 §2).

use std::fmt::Write;

use actix_web::http::header::HeaderValue;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What may stand plainly in `filename*` (RFC 8187, attr-char).
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// `inline; filename="NAME"` or `attachment; …`; a name that isn't ASCII is given a second time, encoded.
pub fn disposition(kind: &'static str, name: &str) -> HeaderValue {
    let shown: String = name.chars().filter(|c| !c.is_control()).collect();
    let mut text = format!("{kind}; filename=\"{}\"", shown.replace('\\', "\\\\").replace('"', "\\\""));
    if !shown.is_ascii() {
        write!(text, "; filename*=UTF-8''{}", utf8_percent_encode(&shown, PLAIN)).expect("a text can be written to");
    }
    HeaderValue::from_bytes(text.as_bytes()).unwrap_or(HeaderValue::from_static(kind))
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
