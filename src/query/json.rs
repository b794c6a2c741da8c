//! Reading stored JSON as the engine's functions do: a value by its path, the values of a list.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::store::{JsonStep, Value};

use super::affinity::text_of;

/// No list is longer; engines cut the digits of a larger index.
const INDEX_MAX: u64 = 1_000_000_000;

/// The step that a segment of a name is: all digits are an index, others a key (contract/04 §7).
pub(super) fn parse_step(segment: &str) -> JsonStep {
    if segment.bytes().all(|byte| byte.is_ascii_digit()) {
        return JsonStep::Index(segment.parse().unwrap_or(INDEX_MAX).min(INDEX_MAX));
    }
    JsonStep::Key(segment.into())
}

/// The value at `path` of what a JSON-typed cell holds; NULL if there is none. A cell that isn't JSON is a JSON string.
pub(super) fn extract(cell: &Value, path: &[JsonStep]) -> Value {
    let Some(text) = text_of(cell) else { return Value::Null };
    let Some(mut raw) = parse(&text) else {
        return if path.is_empty() { cell.clone() } else { Value::Null };
    };
    for step in path {
        let next = match step {
            JsonStep::Key(key) => object_member(raw, key),
            JsonStep::Index(index) => {
                array_items(raw).and_then(|items| items.get(usize::try_from(*index).ok()?).copied())
            }
        };
        match next {
            Some(next) => raw = next,
            None => return Value::Null,
        }
    }
    to_value(raw)
}

/// The values of a list cell: its items if it holds a JSON array, else the cell as the only one; none for NULL.
pub(super) fn list_items(cell: &Value) -> Vec<Value> {
    let Some(text) = text_of(cell) else { return vec![Value::Null] };
    match parse(&text).and_then(array_items) {
        Some(items) => items.into_iter().map(to_value).collect(),
        None => vec![cell.clone()],
    }
}

/// How many values a list cell holds; an empty or NULL cell holds none.
pub(super) fn list_length(cell: &Value) -> i64 {
    match cell {
        Value::Null => 0,
        Value::Text(text) if text.is_empty() => 0,
        cell => list_items(cell).len() as i64,
    }
}

fn parse(text: &str) -> Option<&RawValue> {
    serde_json::from_str(text).ok()
}

fn array_items(raw: &RawValue) -> Option<Vec<&RawValue>> {
    serde_json::from_str(raw.get()).ok()
}

/// The first member of an object with this key.
fn object_member<'a>(raw: &'a RawValue, key: &str) -> Option<&'a RawValue> {
    let Members(members) = serde_json::from_str(raw.get()).ok()?;
    members.into_iter().find(|(name, _)| name == key).map(|(_, value)| value)
}

/// An object's members as they stand, duplicates included.
struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some((key, value)) = map.next_entry::<String, &RawValue>()? {
                    members.push((Cow::Owned(key), value));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}

/// Scalars as SQL values, arrays and objects as their JSON text without blanks.
fn to_value(raw: &RawValue) -> Value {
    let text = raw.get();
    match text.as_bytes().first() {
        Some(b'n') => Value::Null,
        Some(b't') => Value::Int(1),
        Some(b'f') => Value::Int(0),
        Some(b'"') => serde_json::from_str::<String>(text).map_or(Value::Null, Value::from),
        Some(b'[' | b'{') => Value::from(without_blanks(text)),
        _ => number(text),
    }
}

fn number(text: &str) -> Value {
    match text.parse::<i64>() {
        Ok(int) => Value::Int(int),
        Err(_) => text.parse().map_or(Value::Null, Value::Real),
    }
}

/// JSON text without white space outside of its strings.
fn without_blanks(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut in_string = false;
    let mut is_escaped = false;
    for c in text.chars() {
        if !in_string && matches!(c, ' ' | '\t' | '\n' | '\r') {
            continue;
        }
        if c == '"' && !is_escaped {
            in_string = !in_string;
        }
        is_escaped = in_string && c == '\\' && !is_escaped;
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(cell: &str, path: &str) -> Value {
        let steps: Vec<JsonStep> = path.split('.').filter(|s| !s.is_empty()).map(parse_step).collect();
        extract(&Value::from(cell), &steps)
    }

    #[test]
    fn paths_lead_to_values_or_null() {
        let cell = r#"{"a":1,"b":{"c":"x"},"list":[1, 2.5,"t"],"flag":true,"n":null,"0":"z"}"#;
        for (path, value) in [
            ("a", Value::Int(1)),
            ("b.c", Value::from("x")),
            ("b", Value::from(r#"{"c":"x"}"#)),
            ("list.1", Value::Real(2.5)),
            ("list", Value::from(r#"[1,2.5,"t"]"#)),
            ("list.a", Value::Null),
            ("flag", Value::Int(1)),
            ("n", Value::Null),
            ("0", Value::Null),
            ("a.b", Value::Null),
        ] {
            assert_eq!(at(cell, path), value, "{path}");
        }
        assert_eq!(at("plain text", ""), Value::from("plain text"));
        assert_eq!(at("plain text", "a"), Value::Null);
        assert_eq!(extract(&Value::Int(5), &[]), Value::Int(5));
    }

    #[test]
    fn cells_that_are_no_list_are_lists_of_one() {
        assert_eq!(list_items(&Value::from(r#"["a","b"]"#)), [Value::from("a"), Value::from("b")]);
        assert_eq!(list_items(&Value::from("a")), [Value::from("a")]);
        assert_eq!(list_items(&Value::from("[]")), []);
        assert_eq!(
            [list_length(&Value::Null), list_length(&Value::from("")), list_length(&Value::from("a"))],
            [0, 0, 1]
        );
    }
}
