//! A cell as the value of a field. The API takes what it can't convert for empty; a file's cell that would be lost that
//! way is refused instead, with its reason.

use serde_json::Value as Json;

use crate::formats::parse_flag;
use crate::schema::fields::Kind;
use crate::schema::json::{canonical_json, is_json};
use crate::schema::{Field, FieldValue, Shape, to_list};

use super::kinds::Typing;
use super::read::Cell;

/// The value, or why there is none.
pub fn value_of(field: &Field, cell: &Cell, typing: Typing) -> Result<FieldValue, &'static str> {
    if cell.is_empty() {
        return Ok(field.zero());
    }
    let input = match (field.shape(), cell) {
        (Shape::Json, cell) => return json_value(cell, typing),
        (Shape::Bool, Cell::Bool(flag)) => return Ok(FieldValue::Bool(*flag)),
        (Shape::Bool, cell) => return flag(cell.as_text()),
        (Shape::Number, cell) => return number(cell.as_text()),
        (Shape::Text | Shape::Date, Cell::Json(_)) => return Err("is an object or a list"),
        (Shape::Point | Shape::Single | Shape::Multiple, Cell::Json(text)) => parsed(text)?,
        (Shape::Point, Cell::Text(text)) => parsed(text)?,
        (_, cell) => Json::String(cell.as_text().to_owned()),
    };
    let value = field.normalise(&input);
    match (field.shape(), &field.kind) {
        (Shape::Date, _) if value.is_blank() => Err("isn't a date"),
        (Shape::Point, _) if !is_point(&input) => Err("isn't a point with lon and lat"),
        (Shape::Single, Kind::Select(_) | Kind::Relation(_)) if to_list(&input).len() > 1 => {
            Err("is more than one value")
        }
        (Shape::Single | Shape::Multiple, _) if input.is_object() => Err("is an object"),
        _ => Ok(value),
    }
}

fn parsed(text: &str) -> Result<Json, &'static str> {
    serde_json::from_str(text).map_err(|_| "isn't JSON")
}

fn flag(text: &str) -> Result<FieldValue, &'static str> {
    parse_flag(text).map(FieldValue::Bool).ok_or("is neither true nor false")
}

fn number(text: &str) -> Result<FieldValue, &'static str> {
    // `parse` takes "inf" and "nan" too, which no number field does.
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    match text.parse::<f64>() {
        Ok(number) if is_number && number.is_finite() => Ok(FieldValue::Number(number)),
        _ => Err("isn't a number"),
    }
}

/// A text of an untyped file is JSON; one of a typed file is a JSON string.
fn json_value(cell: &Cell, typing: Typing) -> Result<FieldValue, &'static str> {
    let text = match (cell, typing) {
        (Cell::Text(text), Typing::Untyped) if is_json(text) => text.clone(),
        (Cell::Text(_), Typing::Untyped) => return Err("isn't JSON"),
        (Cell::Text(text), Typing::Typed) => canonical_json(&Json::String(text.clone())),
        (cell, _) => canonical_json(&parsed(cell.as_text())?),
    };
    Ok(FieldValue::Json(Some(text.into())))
}

fn is_point(input: &Json) -> bool {
    ["lon", "lat"].iter().all(|key| input.get(key).is_some_and(Json::is_number))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn field(json: Json) -> Field {
        Field::from_json(json.as_object().unwrap()).unwrap()
    }

    fn text(text: &str) -> Cell {
        Cell::Text(text.to_owned())
    }

    #[test]
    fn what_the_api_would_take_for_empty_is_refused() {
        for (kind, cell, reason) in [
            ("number", text("abc"), "isn't a number"),
            ("number", text("1,5"), "isn't a number"),
            ("number", text("inf"), "isn't a number"),
            ("number", Cell::Bool(true), "isn't a number"),
            ("date", text("31.12.2024"), "isn't a date"),
            ("date", Cell::Number("5".into()), "isn't a date"),
            ("bool", text("yes"), "is neither true nor false"),
            ("json", text("{"), "isn't JSON"),
            ("text", Cell::Json("[]".into()), "is an object or a list"),
            ("geoPoint", text("1 2"), "isn't JSON"),
            ("geoPoint", Cell::Json("{\"lon\": 1}".into()), "isn't a point with lon and lat"),
            ("select", text("[\"a\",\"b\"]"), "is more than one value"),
        ] {
            let field = field(json!({ "name": "x", "type": kind, "values": ["a", "b"], "maxSelect": 1 }));
            assert_eq!(value_of(&field, &cell, Typing::Untyped), Err(reason), "{kind} {cell:?}");
        }
    }

    #[test]
    fn values_are_those_of_the_api() {
        let json_text = |text: &str| FieldValue::Json(Some(text.into()));
        for (kind, cell, value) in [
            ("text", text("a"), FieldValue::Text("a".into())),
            ("text", Cell::Number("12345678901234567890".into()), FieldValue::Text("12345678901234567890".into())),
            ("number", text("-1.5e3"), FieldValue::Number(-1500.0)),
            ("number", Cell::Empty, FieldValue::Number(0.0)),
            ("bool", text("True"), FieldValue::Bool(true)),
            ("date", text("2024-01-02"), FieldValue::Text("2024-01-02 00:00:00.000Z".into())),
            ("json", text("{\"b\": 1}"), json_text("{\"b\": 1}")),
            ("json", Cell::Json("{\"b\": 1}".into()), json_text("{\"b\":1}")),
            ("json", Cell::Empty, FieldValue::Json(None)),
            ("select", text("[\"a\",\"b\"]"), FieldValue::List(vec!["a".into(), "b".into()])),
            ("geoPoint", text("{\"lon\": 1, \"lat\": 2}"), FieldValue::Point { lon: 1.0, lat: 2.0 }),
        ] {
            let field = field(json!({ "name": "x", "type": kind, "values": ["a", "b"], "maxSelect": 2 }));
            assert_eq!(value_of(&field, &cell, Typing::Untyped), Ok(value), "{kind} {cell:?}");
        }
        let json = field(json!({ "name": "x", "type": "json" }));
        assert_eq!(value_of(&json, &text("12"), Typing::Typed), Ok(json_text("\"12\"")));
    }
}
