//! The value of a field in the domain; its shape decides the variant.

use serde_json::{Map, Value as Json};

use super::casts;
use super::dates::stored_date;
use super::field::Shape;
use super::json::{canonical_json, is_json};

/// A normalised value (contract/03 §3).
#[derive(Clone, Debug, PartialEq)]
pub enum FieldValue {
    /// Shapes Text, Date and Single.
    Text(String),
    Number(f64),
    Bool(bool),
    /// Shape Multiple: unique texts in order.
    List(Vec<String>),
    /// JSON text: what was sent as JSON compact and with sorted keys, what was sent as a text that is JSON verbatim.
    /// `None` is null.
    Json(Option<Box<str>>),
    Point {
        lon: f64,
        lat: f64,
    },
}

impl FieldValue {
    /// The empty value of a shape: what a record holds that was given none.
    pub fn zero(shape: Shape) -> Self {
        match shape {
            Shape::Text | Shape::Date | Shape::Single => Self::Text(String::new()),
            Shape::Number => Self::Number(0.0),
            Shape::Bool => Self::Bool(false),
            Shape::Multiple => Self::List(Vec::new()),
            Shape::Json => Self::Json(None),
            Shape::Point => Self::Point { lon: 0.0, lat: 0.0 },
        }
    }

    /// A value from JSON input (contract/03 §3). Never an error: what can't be converted is the empty value.
    pub fn from_input(shape: Shape, input: &Json) -> Self {
        match shape {
            Shape::Text => Self::Text(casts::to_text(input)),
            Shape::Number => Self::Number(casts::to_number(input)),
            Shape::Bool => Self::Bool(casts::to_bool(input)),
            Shape::Date => Self::Text(input.as_str().map(stored_date).unwrap_or_default()),
            Shape::Json => Self::Json(json_text(input)),
            Shape::Point => point(input),
            Shape::Single => Self::Text(casts::to_list(input).pop().unwrap_or_default()),
            Shape::Multiple => Self::List(casts::to_list(input)),
        }
    }

    /// Whether `required` refuses the value (contract/03 §2).
    pub fn is_blank(&self) -> bool {
        match self {
            Self::Text(text) => text.is_empty(),
            Self::Number(number) => *number == 0.0,
            Self::Bool(flag) => !flag,
            Self::List(items) => items.is_empty(),
            Self::Json(None) => true,
            Self::Json(Some(text)) => matches!(&**text, "" | "null" | "\"\"" | "[]" | "{}"),
            Self::Point { lon, lat } => *lon == 0.0 && *lat == 0.0,
        }
    }

    /// The elements of a select, relation or file value, whether it may have several or not.
    pub fn items(&self) -> &[String] {
        match self {
            Self::Text(text) if text.is_empty() => &[],
            Self::Text(text) => std::slice::from_ref(text),
            Self::List(items) => items,
            Self::Number(_) | Self::Bool(_) | Self::Json(_) | Self::Point { .. } => &[],
        }
    }
}

/// The JSON that an input means; a text may be JSON itself.
fn json_text(input: &Json) -> Option<Box<str>> {
    match input {
        Json::Null => None,
        Json::String(text) if is_written_json(text) => Some(text.as_str().into()),
        // A NUL has no place in a stored JSON string: left as it is, so that the field's check refuses it.
        Json::String(text) if text.contains('\0') => Some(format!("\"{text}\"").into()),
        _ => Some(canonical_json(input).into()),
    }
}

/// Whether a text is taken for the JSON it holds: it must begin like a value, without a blank.
fn is_written_json(text: &str) -> bool {
    let begins = text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '"' | '[' | '{'));
    matches!(text, "null" | "true" | "false") || (begins && is_json(text))
}

fn point(input: &Json) -> FieldValue {
    let parsed = match input {
        Json::Object(object) => return point_of(object),
        Json::String(text) => serde_json::from_str::<Map<String, Json>>(text).ok(),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Array(_) => None,
    };
    parsed.map_or(FieldValue::zero(Shape::Point), |object| point_of(&object))
}

/// Keys in any case; what is missing or no number is 0.
fn point_of(object: &Map<String, Json>) -> FieldValue {
    let coordinate = |name: &str| {
        let exact = object.get(name);
        let found = exact.or_else(|| object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, v)| v));
        found.and_then(Json::as_f64).unwrap_or(0.0)
    };
    FieldValue::Point { lon: coordinate("lon"), lat: coordinate("lat") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn json_input() {
        for (input, text) in [
            (json!(null), None),
            (json!(""), Some(r#""""#)),
            (json!("123"), Some("123")),
            (json!("[1]"), Some("[1]")),
            (json!("[1, 2]"), Some("[1, 2]")),
            (json!(" [1]"), Some(r#"" [1]""#)),
            (json!("null"), Some("null")),
            (json!("true"), Some("true")),
            (json!("nullx"), Some(r#""nullx""#)),
            (json!("-1"), Some("-1")),
            (json!("\"a\""), Some("\"a\"")),
            (json!("{\"b\":1,\"a\":2}"), Some("{\"b\":1,\"a\":2}")),
            (json!("{broken"), Some(r#""{broken""#)),
            (json!("abc"), Some(r#""abc""#)),
            (json!("12a"), Some(r#""12a""#)),
            (json!({"b": 1, "a": [1.0]}), Some(r#"{"a":[1],"b":1}"#)),
            (json!(1), Some("1")),
            (json!(false), Some("false")),
            (json!([]), Some("[]")),
        ] {
            let value = FieldValue::from_input(Shape::Json, &input);
            assert_eq!(value, FieldValue::Json(text.map(Into::into)), "{input}");
        }
    }

    #[test]
    fn points() {
        for (input, lon, lat) in [
            (json!({"lon": 1.5, "lat": -2}), 1.5, -2.0),
            (json!({"LON": 1, "Lat": 2, "x": 3}), 1.0, 2.0),
            (json!({"lon": "1", "lat": true}), 0.0, 0.0),
            (json!({"lat": 5}), 0.0, 5.0),
            (json!("{\"lon\":1,\"lat\":2}"), 1.0, 2.0),
            (json!("nowhere"), 0.0, 0.0),
            (json!([1, 2]), 0.0, 0.0),
            (json!(null), 0.0, 0.0),
        ] {
            assert_eq!(FieldValue::from_input(Shape::Point, &input), FieldValue::Point { lon, lat }, "{input}");
        }
    }

    #[test]
    fn dates_are_read_from_texts_only() {
        let date = |input: &Json| FieldValue::from_input(Shape::Date, input);
        assert_eq!(date(&json!("2024-01-02")), FieldValue::Text("2024-01-02 00:00:00.000Z".into()));
        for input in [json!(1704164645), json!(null), json!(true), json!(["2024-01-02"]), json!("soon")] {
            assert_eq!(date(&input), FieldValue::Text(String::new()), "{input}");
        }
    }

    #[test]
    fn of_several_elements_the_last_counts_for_one() {
        let single = |input: &Json| FieldValue::from_input(Shape::Single, input);
        assert_eq!(single(&json!(["a", "b"])), FieldValue::Text("b".into()));
        assert_eq!(single(&json!("[\"a\",\"b\"]")), FieldValue::Text("b".into()));
        assert_eq!(single(&json!([])), FieldValue::Text(String::new()));
    }

    #[test]
    fn blank_values() {
        for shape in [
            Shape::Text,
            Shape::Number,
            Shape::Bool,
            Shape::Date,
            Shape::Json,
            Shape::Point,
            Shape::Single,
            Shape::Multiple,
        ] {
            assert!(FieldValue::zero(shape).is_blank(), "{shape:?}");
        }
        for text in ["null", "\"\"", "[]", "{}", ""] {
            assert!(FieldValue::Json(Some(text.into())).is_blank(), "{text}");
        }
        for text in ["0", "false", "\" \"", "[null]"] {
            assert!(!FieldValue::Json(Some(text.into())).is_blank(), "{text}");
        }
        assert!(!FieldValue::Text(" ".into()).is_blank());
    }
}
