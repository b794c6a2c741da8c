//! What holds for every kind.

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::{Value as Json, json};

use super::*;
use crate::schema::fields::{FieldKind, Kind};
use crate::schema::json::{write_cell, write_value};

/// A field of each kind with options that let values through, and that make several kinds multi-valued.
fn fields() -> Vec<Field> {
    let options = [
        ("text", json!({"max": 60})),
        ("editor", json!({})),
        ("number", json!({})),
        ("bool", json!({})),
        ("email", json!({})),
        ("url", json!({})),
        ("date", json!({})),
        ("autodate", json!({"onCreate": true})),
        ("select", json!({"values": ["a", "b", "a[b"]})),
        ("select", json!({"values": ["a", "b", "é<>"], "maxSelect": 3})),
        ("file", json!({})),
        ("file", json!({"maxSelect": 4})),
        ("relation", json!({"collectionId": "base"})),
        ("relation", json!({"collectionId": "base", "maxSelect": 9, "minSelect": 1})),
        ("json", json!({})),
        ("password", json!({})),
        ("geoPoint", json!({})),
    ];
    options.into_iter().map(|(kind, options)| field(kind, options)).collect()
}

#[test]
fn every_kind_is_tried_here() {
    for name in Kind::NAMES {
        assert!(fields().iter().any(|field| field.kind.name() == *name), "{name}");
    }
}

#[test]
fn valid_inputs_pass_and_survive_the_database_and_the_wire() {
    for field in &fields() {
        let run = TestRunner::default().run(&field.kind.valid_inputs(), |input| {
            let value = field.normalise(&input);
            prop_assert_eq!(checked(field, &value), Json::Null);
            let stored = value.to_stored();
            prop_assert_eq!(&field.value_of(stored.as_cell()), &value);
            let (mut by_value, mut by_cell) = (Vec::new(), Vec::new());
            write_value(&value, &mut by_value);
            write_cell(field.shape(), stored.as_cell(), &mut by_cell);
            prop_assert_eq!(String::from_utf8(by_value.clone()).unwrap(), String::from_utf8(by_cell).unwrap());
            let shown: Json = serde_json::from_slice(&by_value).unwrap();
            // What a client reads and sends back changes nothing.
            prop_assert_eq!(field.normalise(&shown), value);
            Ok(())
        });
        run.unwrap_or_else(|error| panic!("{}: {error}", field.kind.name()));
    }
}

#[test]
fn no_input_is_an_error_of_its_own() {
    let anything = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        "\\PC{0,20}".prop_map(Json::from),
        "[\\[\\]{}\",a-z0-9]{0,20}".prop_map(Json::from),
        proptest::collection::vec("[a-c]{0,2}", 0..5).prop_map(Json::from),
        Just(json!({"lon": 1, "lat": [2], "x": null})),
        Just(json!([{"a": 1}, [2], null, 3, "x"])),
    ];
    for field in fields() {
        let run = TestRunner::default().run(&anything, |input| {
            let value = field.normalise(&input);
            let _ = checked(&field, &value);
            let empty = FieldValue::zero(field.shape());
            prop_assert_eq!(std::mem::discriminant(&value), std::mem::discriminant(&empty));
            let mut out = Vec::new();
            write_value(&value, &mut out);
            prop_assert!(serde_json::from_slice::<Json>(&out).is_ok());
            Ok(())
        });
        run.unwrap_or_else(|error| panic!("{}: {error}", field.kind.name()));
    }
}

#[test]
fn the_empty_value_is_what_required_refuses() {
    for mut field in fields() {
        let empty = field.zero();
        assert_eq!(checked(&field, &empty), Json::Null, "{}", field.kind.name());
        field.required = true;
        let refused = field.kind.name() != "autodate";
        assert_eq!(checked(&field, &empty) == required(), refused, "{}", field.kind.name());
    }
}

#[test]
fn an_object_is_read_as_it_was_written() {
    for field in fields() {
        assert_eq!(Field::from_json(&field.to_json()).unwrap(), field);
    }
}

#[test]
fn every_kind_describes_its_values() {
    for field in fields() {
        let schema = field.kind.openapi();
        assert!(schema.as_object().is_some_and(|object| !object.is_empty()), "{}", field.kind.name());
    }
}
