//! The text in which json values are stored (contract/01 §7): compact, keys sorted, numbers as doubles, `<`, `>` and `&`
//! escaped as the reference does, so that both write the same bytes.

use std::borrow::Cow;

use serde_json::Value as Json;

use super::write::write_number;

/// The stored text of a JSON value.
pub fn canonical_json(value: &Json) -> String {
    let mut out = Vec::new();
    write_canonical(value, &mut out);
    String::from_utf8(out).expect("JSON is written from texts and ASCII")
}

/// Whether a text is one JSON value. Needs no memory for it, whatever its depth.
pub fn is_json(text: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

// The depth is bounded: the parser that made the value goes 128 deep.
fn write_canonical(value: &Json, out: &mut Vec<u8>) {
    match value {
        Json::Null => out.extend_from_slice(b"null"),
        Json::Bool(flag) => out.extend_from_slice(if *flag { b"true" } else { b"false" }),
        Json::Number(number) => write_number(number.as_f64().unwrap_or_default(), out),
        Json::String(text) => write_stored_string(text, out),
        Json::Array(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_canonical(item, out);
            }
            out.push(b']');
        }
        Json::Object(object) => {
            let mut entries: Vec<_> = object.iter().collect();
            entries.sort_unstable_by_key(|(key, _)| key.as_str());
            out.push(b'{');
            for (index, (key, item)) in entries.into_iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_stored_string(key, out);
                out.push(b':');
                write_canonical(item, out);
            }
            out.push(b'}');
        }
    }
}

/// A string with the escapes of the stored form.
pub(in crate::schema) fn write_stored_string(text: &str, out: &mut Vec<u8>) {
    let from = out.len();
    super::write_string(text, out);
    let is_special = |c: char| matches!(c, '<' | '>' | '&' | '\u{2028}' | '\u{2029}');
    if !text.contains(is_special) {
        return;
    }
    let written = String::from_utf8(out.split_off(from)).expect("a string was written");
    for c in written.chars() {
        if is_special(c) {
            out.extend_from_slice(format!("\\u{:04x}", c as u32).as_bytes());
        } else {
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }
}

/// JSON in which no `\ud800` stands alone: each becomes U+FFFD (contract/03 §3, json). The parser refuses them, so a
/// body that it didn't take is tried once more after this.
pub fn replace_lone_surrogates(json: &[u8]) -> Cow<'_, [u8]> {
    let mut out: Vec<u8> = Vec::new();
    let mut copied_to = 0;
    let mut at = 0;
    while let Some(offset) = json[at..].iter().position(|&byte| byte == b'\\') {
        at += offset;
        match (unit_at(json, at), unit_at(json, at + 6)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => at += 12,
            (Some(0xd800..=0xdfff), _) => {
                out.extend_from_slice(&json[copied_to..at]);
                out.extend_from_slice(b"\\ufffd");
                at += 6;
                copied_to = at;
            }
            _ => at += 2, // past the escaped character, which may be a backslash
        }
        if at >= json.len() {
            break;
        }
    }
    if copied_to == 0 {
        return Cow::Borrowed(json);
    }
    out.extend_from_slice(&json[copied_to..]);
    Cow::Owned(out)
}

/// The UTF-16 unit of the `\uXXXX` that begins at `at`.
fn unit_at(json: &[u8], at: usize) -> Option<u32> {
    let digits = json.get(at..at + 6)?.strip_prefix(b"\\u")?;
    let digits = std::str::from_utf8(digits).ok().filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()))?;
    u32::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn keys_are_sorted_and_numbers_are_doubles() {
        for (value, text) in [
            (json!({"b": 1, "a": {"d": [1.0, 2.5, 1e21], "c": null}}), r#"{"a":{"c":null,"d":[1,2.5,1e+21]},"b":1}"#),
            (json!("<a href=\"x\">&</a>"), r#""\u003ca href=\"x\"\u003e\u0026\u003c/a\u003e""#),
            (json!("é\u{2028}\n"), "\"é\\u2028\\n\""),
            (json!({"<": true}), r#"{"\u003c":true}"#),
            (json!(12345678901234567890_u64), "12345678901234567000"),
            (json!([]), "[]"),
            (json!({}), "{}"),
        ] {
            assert_eq!(canonical_json(&value), text, "{value}");
        }
    }

    #[test]
    fn surrogates_that_stand_alone_are_replaced() {
        for (from, to) in [
            (r#"{"a":"\ud800"}"#, r#"{"a":"\ufffd"}"#),
            (r#""\ud83d\ude00""#, r#""\ud83d\ude00""#),
            (r#""\udc00\ud800x\ud83d\ude00""#, r#""\ufffd\ufffdx\ud83d\ude00""#),
            (r#""\\ud800""#, r#""\\ud800""#),
            (r#""\\\ud800""#, r#""\\\ufffd""#),
            (r#""\ud800\ud800\udc00""#, r#""\ufffd\ud800\udc00""#),
            (r#""\ud8"#, r#""\ud8"#),
            (r#"\"#, r#"\"#),
        ] {
            assert_eq!(replace_lone_surrogates(from.as_bytes()), to.as_bytes(), "{from}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_was_mended_is_json(units in proptest::collection::vec(0xd700_u16..0xe100, 0..12)) {
            let text: String = units.iter().map(|unit| format!("\\u{unit:04x}")).collect();
            let json = format!("\"{text}\"");
            let mended = replace_lone_surrogates(json.as_bytes());
            let read: String = serde_json::from_slice(&mended).unwrap();
            proptest::prop_assert_eq!(read, String::from_utf16_lossy(&units));
        }
    }
}
