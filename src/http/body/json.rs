//! JSON bodies: the first value only, an object or null, without NUL characters.

use std::borrow::Cow;

use serde_json::{Deserializer, Map, Value as Json};

use super::LoadError;
use crate::schema::json::replace_lone_surrogates;

/// The object that `bytes` begins with; null counts as an empty one. What follows the first value is ignored, the last
/// of a key's values wins. Nesting beyond 128 levels, numbers that no float holds, text that isn't UTF-8 and NUL
/// characters are malformed.
pub(super) fn parse_object(bytes: &[u8]) -> Result<Map<String, Json>, LoadError> {
    let malformed = |text: &str| LoadError::Malformed(text.to_owned());
    let value = parse_first(bytes)?;
    // SQLite's text functions end at a NUL, so what is stored with one would compare as something else.
    if memchr_escaped_nul(bytes) && has_nul(&value) {
        return Err(malformed("a NUL character"));
    }
    match value {
        Json::Object(object) => Ok(object),
        Json::Null => Ok(Map::new()),
        _ => Err(malformed("no object")),
    }
}

/// The first value. A `\ud800` that stands alone is no reason to refuse it: it becomes U+FFFD (contract/03 §3).
fn parse_first(bytes: &[u8]) -> Result<Json, LoadError> {
    let parse = |bytes: &[u8]| Deserializer::from_slice(bytes).into_iter::<Json>().next();
    let first = parse(bytes).ok_or_else(|| LoadError::Malformed("no value".to_owned()))?;
    first
        .or_else(|error| match replace_lone_surrogates(bytes) {
            Cow::Owned(mended) => parse(&mended).unwrap_or(Err(error)),
            Cow::Borrowed(_) => Err(error),
        })
        .map_err(|error| LoadError::Malformed(error.to_string()))
}

/// Whether the text could spell a NUL (a raw one isn't valid JSON): spares walking the value nearly always.
fn memchr_escaped_nul(bytes: &[u8]) -> bool {
    bytes.windows(6).any(|window| window == b"\\u0000")
}

fn has_nul(value: &Json) -> bool {
    match value {
        Json::String(text) => text.contains('\0'),
        Json::Array(items) => items.iter().any(has_nul),
        Json::Object(object) => object.iter().any(|(key, value)| key.contains('\0') || has_nul(value)),
        Json::Null | Json::Bool(_) | Json::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_first_value_is_read_and_the_last_of_a_key_wins() {
        for (text, expected) in [
            (r#"{"a":1,"a":2} rest"#, json!({"a": 2})),
            (r#"{"a":1}{"b":2}"#, json!({"a": 1})),
            ("null", json!({})),
            (r#"{"a":"\ud800x"} rest"#, json!({"a": "\u{fffd}x"})),
            (r#" {"a":"\\u0000"}"#, json!({"a": "\\u0000"})),
        ] {
            assert_eq!(Json::Object(parse_object(text.as_bytes()).unwrap()), expected);
        }
    }

    #[test]
    fn what_is_no_object_or_broken_is_malformed() {
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(200), "]".repeat(200));
        let cases: [&[u8]; 11] = [
            b"",
            b"  ",
            b"[]",
            b"\"a\"",
            b"1",
            b"{\"a\":1e999}",
            b"{\"a\":\"\xff\"}",
            b"{\"a\":[{\"b\":\"x\\u0000\"}]}",
            b"{\"\\u0000\":1}",
            b"{\"a\":1",
            deep.as_bytes(),
        ];
        for case in cases {
            assert!(matches!(parse_object(case), Err(LoadError::Malformed(_))), "{}", String::from_utf8_lossy(case));
        }
    }
}
