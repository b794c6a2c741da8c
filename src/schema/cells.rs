//! Between a value and the cell that stores it (contract/01 §7). Reading is lenient: whatever shape a cell is in, it is
//! taken as input would be.

use serde_json::{Number, Value as Json};

use crate::store::{Cell, Value};

use super::dates::is_stored_form;
use super::field::{Field, Shape};
use super::json::{is_json, write_stored_string, write_value};
use super::value::FieldValue;

impl Field {
    /// The value that a cell of the field's column holds.
    pub fn value_of(&self, cell: Cell<'_>) -> FieldValue {
        FieldValue::from_cell(self.shape(), cell)
    }
}

impl Field {
    /// The value that [`FieldValue::to_json`] wrote; the empty one for anything that it can't have written.
    pub fn value_of_json(&self, json: &Json) -> FieldValue {
        match (self.shape(), json) {
            (Shape::Text | Shape::Date | Shape::Single, Json::String(text)) => FieldValue::Text(text.clone()),
            (Shape::Number, Json::Number(number)) => FieldValue::Number(number.as_f64().unwrap_or_default()),
            (Shape::Bool, Json::Bool(flag)) => FieldValue::Bool(*flag),
            (Shape::Multiple, Json::Array(_)) | (Shape::Point, Json::Object(_)) => self.normalise(json),
            (Shape::Json, Json::Null) => FieldValue::Json(None),
            (Shape::Json, json) => FieldValue::Json(Some(json.to_string().into())),
            (shape, _) => FieldValue::zero(shape),
        }
    }
}

impl FieldValue {
    /// The value that a cell holds in a column of this shape.
    pub fn from_cell(shape: Shape, cell: Cell<'_>) -> Self {
        match (shape, cell) {
            (_, Cell::Null) => Self::zero(shape),
            (Shape::Text, Cell::Text(text)) => Self::Text(text.to_owned()),
            (Shape::Date, Cell::Text(text)) if text.is_empty() || is_stored_form(text) => Self::Text(text.to_owned()),
            (Shape::Single, Cell::Text(text)) if !text.contains('[') => Self::Text(text.to_owned()),
            (Shape::Number, Cell::Int(number)) => Self::Number(number as f64),
            (Shape::Number, Cell::Real(number)) => Self::Number(number),
            (Shape::Bool, Cell::Int(number)) => Self::Bool(number != 0),
            (Shape::Json, Cell::Text(text)) if is_json(text) => Self::Json(Some(text.into())),
            (Shape::Multiple, Cell::Text("[]")) => Self::List(Vec::new()),
            _ => Self::from_input(shape, &cell_json(cell)),
        }
    }

    /// What is bound to store the value.
    pub fn to_stored(&self) -> Value {
        match self {
            Self::Text(text) => Value::from(text.as_str()),
            Self::Number(number) => match as_whole(*number) {
                Some(whole) => Value::Int(whole),
                None => Value::Real(*number),
            },
            Self::Bool(flag) => Value::from(*flag),
            Self::List(items) => Value::from(stored_list(items)),
            Self::Point { .. } => {
                let mut out = Vec::new();
                write_value(self, &mut out);
                Value::from(String::from_utf8(out).expect("two numbers were written"))
            }
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

/// The stored text of a list.
fn stored_list(items: &[String]) -> String {
    let mut out = vec![b'['];
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_stored_string(item, &mut out);
    }
    out.push(b']');
    String::from_utf8(out).expect("strings were written")
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn stored_forms() {
        for (value, stored) in [
            (FieldValue::Text("a".into()), Value::from("a")),
            (FieldValue::Number(5.0), Value::Int(5)),
            (FieldValue::Number(2.5), Value::Real(2.5)),
            (FieldValue::Number(1e300), Value::Real(1e300)),
            (FieldValue::Bool(true), Value::Int(1)),
            (FieldValue::List(vec!["a".into(), "<b>".into()]), Value::from("[\"a\",\"\\u003cb\\u003e\"]")),
            (FieldValue::List(vec![]), Value::from("[]")),
            (FieldValue::Json(None), Value::Null),
            (FieldValue::Json(Some("null".into())), Value::from("null")),
            (FieldValue::Point { lon: 1.5, lat: 0.0 }, Value::from("{\"lon\":1.5,\"lat\":0}")),
        ] {
            assert_eq!(value.to_stored(), stored, "{value:?}");
        }
    }

    proptest! {
        #[test]
        fn what_was_stored_is_read_back(items in proptest::collection::vec("\\PC{1,8}", 0..5), text in "\\PC{0,20}",
                                        number in any::<f64>().prop_filter("finite", |n| n.is_finite()),
                                        lon in -180.0..180.0_f64, lat in -90.0..90.0_f64) {
            let list = FieldValue::List(super::super::casts::unique(items));
            for (shape, value) in [
                (Shape::Multiple, list),
                (Shape::Text, FieldValue::Text(text.clone())),
                (Shape::Json, FieldValue::from_input(Shape::Json, &Json::String(text))),
                (Shape::Number, FieldValue::Number(number)),
                (Shape::Point, FieldValue::Point { lon, lat }),
            ] {
                prop_assert_eq!(FieldValue::from_cell(shape, value.to_stored().as_cell()), value);
            }
        }
    }
}
