//! Between a value and the cell that stores it (contract/01 §7). Reading is lenient: whatever shape a cell is in, it is
//! taken as input would be.

use serde_json::{Number, Value as Json};

use crate::store::{Cell, Value};

use super::field::{Field, Shape};
use super::fields::FieldKind;
use super::value::FieldValue;

/// Length of a date in its stored form.
const DATE_BYTES: usize = 24;

impl Field {
    /// The value that a cell of the field's column holds.
    pub fn value_of(&self, cell: Cell<'_>) -> FieldValue {
        let shape = self.shape();
        match (shape, cell) {
            (_, Cell::Null) => FieldValue::zero(shape),
            (Shape::Text, Cell::Text(text)) => FieldValue::Text(text.to_owned()),
            (Shape::Date, Cell::Text(text)) if text.is_empty() || is_stored_date(text) => {
                FieldValue::Text(text.to_owned())
            }
            (Shape::Single, Cell::Text(text)) if !text.starts_with('[') => FieldValue::Text(text.to_owned()),
            (Shape::Number, Cell::Int(number)) => FieldValue::Number(number as f64),
            (Shape::Number, Cell::Real(number)) => FieldValue::Number(number),
            (Shape::Bool, Cell::Int(number)) => FieldValue::Bool(number != 0),
            (Shape::Multiple, Cell::Text(text)) if text == "[]" => FieldValue::List(Vec::new()),
            (Shape::Json, Cell::Text(text)) => FieldValue::Json(Some(stored_json(text))),
            _ => self.kind.normalise(&cell_json(cell)),
        }
    }
}

impl FieldValue {
    /// What is bound to store the value.
    pub fn to_stored(&self) -> Value {
        match self {
            Self::Text(text) => Value::from(text.as_str()),
            Self::Number(number) => match as_whole(*number) {
                Some(whole) => Value::Int(whole),
                None => Value::Real(*number),
            },
            Self::Bool(flag) => Value::from(*flag),
            Self::List(_) | Self::Point { .. } => Value::from(self.to_json().to_string()),
            Self::Json(None) => Value::Null,
            Self::Json(Some(text)) => Value::Text(text.clone()),
        }
    }

    /// The value as JSON, as rules and the change log see it.
    pub fn to_json(&self) -> Json {
        match self {
            Self::Text(text) => Json::from(text.as_str()),
            Self::Number(number) => number_json(*number),
            Self::Bool(flag) => Json::from(*flag),
            Self::List(items) => Json::from(items.as_slice()),
            Self::Json(None) => Json::Null,
            Self::Json(Some(text)) => serde_json::from_str(text).unwrap_or_else(|_| Json::from(&**text)),
            Self::Point { lon, lat } => serde_json::json!({ "lon": number_json(*lon), "lat": number_json(*lat) }),
        }
    }
}

/// `2006-01-02 15:04:05.000Z`: what we write ourselves, and so hardly ever anything else.
fn is_stored_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() == DATE_BYTES
        && bytes.iter().zip(b"0000-00-00 00:00:00.000Z").all(|(byte, form)| match form {
            b'0' => byte.is_ascii_digit(),
            _ => byte == form,
        })
}

/// The text of a json column; one that is no JSON (of a view) counts as a string.
fn stored_json(text: &str) -> Box<str> {
    match serde_json::from_str::<serde::de::IgnoredAny>(text) {
        Ok(_) => text.into(),
        Err(_) => Json::from(text).to_string().into(),
    }
}

/// A cell as the input that would have given it.
fn cell_json(cell: Cell<'_>) -> Json {
    match cell {
        Cell::Null => Json::Null,
        Cell::Int(number) => Json::from(number),
        Cell::Real(number) => number_json(number),
        Cell::Text(text) => Json::from(text),
        Cell::Blob(bytes) => Json::from(String::from_utf8_lossy(bytes)),
    }
}

/// The number as an integer, if it is one that an `i64` holds exactly.
fn as_whole(number: f64) -> Option<i64> {
    const BOUND: f64 = 9_223_372_036_854_775_808.0; // 2^63
    (number.fract() == 0.0 && (-BOUND..BOUND).contains(&number)).then_some(number as i64)
}

/// A whole number without a fraction; what isn't finite has no JSON form and is null.
fn number_json(number: f64) -> Json {
    match as_whole(number) {
        Some(whole) => Json::from(whole),
        None => Number::from_f64(number).map_or(Json::Null, Json::Number),
    }
}
