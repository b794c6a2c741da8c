//! Form values: inferred for records (contract/05 §5), or read as what a typed target wants.

use std::fmt;

use serde::de::value::{SeqDeserializer, StringDeserializer};
use serde::de::{self, IntoDeserializer, Visitor};
use serde_json::{Number, Value as Json};

use super::{FormFields, LoadError};
use crate::formats::parse_flag;
use crate::http::query_string;

/// What a key of a form holds.
#[derive(Debug)]
pub(super) enum Item {
    /// Values in the order sent; never empty.
    Texts(Vec<String>),
    /// From `@jsonPayload`.
    Json(Json),
}

impl Item {
    /// The value as a record's data.
    pub fn infer(self) -> Json {
        match self {
            Self::Json(value) => value,
            Self::Texts(mut texts) if texts.len() == 1 => infer(texts.remove(0)),
            Self::Texts(texts) => Json::Array(texts.into_iter().map(infer).collect()),
        }
    }

    pub fn is_null(&self) -> bool {
        matches!(self, Self::Json(Json::Null))
    }
}

/// An urlencoded body; bytes that are no UTF-8 are malformed.
pub(super) fn parse_urlencoded(bytes: &[u8]) -> Result<Vec<(String, Item)>, LoadError> {
    let text = std::str::from_utf8(bytes).map_err(|error| LoadError::Malformed(error.to_string()))?;
    let mut fields = FormFields::default();
    for (key, value) in query_string::pairs(text) {
        fields.add(key, value)?;
    }
    Ok(fields.finish())
}

/// `true` and `false` become bools, a number that prints as it is written becomes one, all else stays text.
fn infer(text: String) -> Json {
    match text.as_str() {
        "true" => Json::Bool(true),
        "false" => Json::Bool(false),
        _ => match number(&text) {
            Some(number) => Json::Number(number),
            None => Json::String(text),
        },
    }
}

fn number(text: &str) -> Option<Number> {
    let begins = text.starts_with(|c: char| c == '-' || c.is_ascii_digit());
    if !begins || !text.bytes().all(|byte| matches!(byte, b'-' | b'.' | b'0'..=b'9')) {
        return None;
    }
    if let Ok(whole) = text.parse::<i64>() {
        // Beyond 2^53 a float wouldn't print the same digits.
        let is_exact = whole.unsigned_abs() <= 1 << 53;
        return (is_exact && whole.to_string() == text).then(|| whole.into());
    }
    let float: f64 = text.parse().ok()?;
    if float.to_string() == text { Number::from_f64(float) } else { None }
}

/// A form value that isn't what the target wants.
#[derive(Debug)]
pub(super) struct FormError(pub String);

impl fmt::Display for FormError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for FormError {}

impl de::Error for FormError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

impl From<serde_json::Error> for FormError {
    fn from(error: serde_json::Error) -> Self {
        Self(error.to_string())
    }
}

impl<'de> IntoDeserializer<'de, FormError> for Item {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// Numbers and flags are parsed from their text, a single value may stand for a list of one.
macro_rules! parsed {
    ($($method:ident => $visit:ident: $type:ty),* $(,)?) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, FormError> {
            match self {
                Self::Json(value) => Ok(value.$method(visitor)?),
                Self::Texts(texts) => {
                    let text = texts.first().map_or("", String::as_str);
                    let parsed: $type =
                        text.parse().map_err(|_| FormError(format!("{text:?} is no {}", stringify!($type))))?;
                    visitor.$visit(parsed)
                }
            }
        })*
    };
}

impl<'de> de::Deserializer<'de> for Item {
    type Error = FormError;

    parsed! {
        deserialize_i8 => visit_i8: i8,
        deserialize_i16 => visit_i16: i16,
        deserialize_i32 => visit_i32: i32,
        deserialize_i64 => visit_i64: i64,
        deserialize_u8 => visit_u8: u8,
        deserialize_u16 => visit_u16: u16,
        deserialize_u32 => visit_u32: u32,
        deserialize_u64 => visit_u64: u64,
        deserialize_f32 => visit_f32: f32,
        deserialize_f64 => visit_f64: f64,
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, FormError> {
        match self {
            Self::Json(value) => Ok(value.deserialize_bool(visitor)?),
            Self::Texts(texts) => match parse_flag(&texts[0]) {
                Some(flag) => visitor.visit_bool(flag),
                None => Err(FormError(format!("{:?} is no bool", texts[0]))),
            },
        }
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, FormError> {
        Ok(self.infer().deserialize_any(visitor)?)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, FormError> {
        self.deserialize_string(visitor)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, FormError> {
        match self {
            Self::Json(value) => Ok(value.deserialize_string(visitor)?),
            Self::Texts(mut texts) => visitor.visit_string(texts.swap_remove(0)),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, FormError> {
        if self.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, FormError> {
        match self {
            Self::Json(value) => Ok(value.deserialize_seq(visitor)?),
            Self::Texts(texts) => {
                let items = texts.into_iter().map(|text| Item::Texts(vec![text]));
                visitor.visit_seq(SeqDeserializer::new(items))
            }
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, FormError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, FormError> {
        match self {
            Self::Json(value) => Ok(value.deserialize_enum(name, variants, visitor)?),
            Self::Texts(mut texts) => {
                let text: StringDeserializer<FormError> = texts.swap_remove(0).into_deserializer();
                text.deserialize_enum(name, variants, visitor)
            }
        }
    }

    serde::forward_to_deserialize_any! {
        i128 u128 char bytes byte_buf unit unit_struct tuple tuple_struct map struct identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_are_inferred_when_they_print_as_written() {
        for (text, expected) in [
            ("true", json!(true)),
            ("false", json!(false)),
            ("True", json!("True")),
            ("5", json!(5)),
            ("-1", json!(-1)),
            ("1.5", json!(1.5)),
            ("007", json!("007")),
            ("1.50", json!("1.50")),
            ("1e3", json!("1e3")),
            ("+5", json!("+5")),
            (".5", json!(".5")),
            ("-", json!("-")),
            ("1-2", json!("1-2")),
            ("-0", json!("-0")),
            ("9007199254740993", json!("9007199254740993")),
            ("", json!("")),
        ] {
            assert_eq!(infer(text.to_owned()), expected, "{text}");
        }
    }

    #[test]
    fn repeated_keys_are_lists_and_the_payload_goes_over_them() {
        let items = parse_urlencoded(b"a=1&b=x&a=y&@jsonPayload=%7B%22b%22%3Anull%2C%22c%22%3A%5B1%5D%7D").unwrap();
        let values: serde_json::Map<String, Json> = items.into_iter().map(|(key, item)| (key, item.infer())).collect();
        assert_eq!(Json::Object(values), json!({"a": [1, "y"], "b": null, "c": [1]}));
    }

    #[test]
    fn a_typed_target_decides_how_a_value_is_read() {
        #[derive(Debug, Default, PartialEq, serde::Deserialize)]
        #[serde(default)]
        struct Target {
            text: String,
            flag: bool,
            count: Option<i64>,
            list: Vec<String>,
        }
        let items = parse_urlencoded(b"text=123&flag=1&count=5&list=7&other=x").unwrap();
        let target: Target = super::super::from_form(items).unwrap();
        let expected = Target { text: "123".into(), flag: true, count: Some(5), list: vec!["7".into()] };
        assert_eq!(target, expected);
        let broken = parse_urlencoded(b"count=x").unwrap();
        assert!(super::super::from_form::<Target>(broken).is_err());
    }
}
