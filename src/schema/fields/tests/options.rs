//! Options: what is read, kept, written and refused.

use serde_json::{Value as Json, json};

use super::*;
use crate::schema::fields::OptionsError;

const INTEGER_MAX: i64 = 9_007_199_254_740_991;

#[test]
fn an_object_has_exactly_the_keys_of_its_kind() {
    for (kind, keys) in [
        ("text", "autogeneratePattern help hidden id max min name pattern presentable primaryKey required system type"),
        ("editor", "convertURLs help hidden id maxSize name presentable required system type"),
        ("number", "help hidden id max min name onlyInt presentable required system type"),
        ("bool", "help hidden id name presentable required system type"),
        ("email", "exceptDomains help hidden id name onlyDomains presentable required system type"),
        ("url", "exceptDomains help hidden id name onlyDomains presentable required system type"),
        ("date", "help hidden id max min name presentable required system type"),
        ("autodate", "hidden id name onCreate onUpdate presentable system type"),
        ("select", "help hidden id maxSelect name presentable required system type values"),
        ("file", "help hidden id maxSelect maxSize mimeTypes name presentable protected required system thumbs type"),
        (
            "relation",
            "cascadeDelete collectionId help hidden id maxSelect minSelect name presentable required system type",
        ),
        ("json", "help hidden id maxSize name presentable required system type"),
        ("password", "cost help hidden id max min name pattern presentable required system type"),
        ("geoPoint", "help hidden id name presentable required system type"),
    ] {
        let object = field(kind, json!({})).to_json();
        assert_eq!(object.keys().map(String::as_str).collect::<Vec<_>>().join(" "), keys);
    }
}

#[test]
fn stored_objects_come_back_as_they_were() {
    for object in [
        json!({"autogeneratePattern":"[a-z0-9]{15}","help":"","hidden":false,"id":"text3208210256","max":15,"min":15,
            "name":"id","pattern":"^[a-z0-9]+$","presentable":false,"primaryKey":true,"required":true,"system":true,
            "type":"text"}),
        json!({"hidden":false,"id":"autodate2990389176","name":"created","onCreate":true,"onUpdate":false,
            "presentable":false,"system":true,"type":"autodate"}),
        json!({"cost":8,"help":"","hidden":true,"id":"password901924565","max":0,"min":0,"name":"password",
            "pattern":"","presentable":false,"required":true,"system":true,"type":"password"}),
        json!({"exceptDomains":null,"help":"","hidden":false,"id":"email3885137012","name":"email",
            "onlyDomains":null,"presentable":false,"required":true,"system":true,"type":"email"}),
        json!({"help":"","hidden":false,"id":"file376926767","maxSelect":1,"maxSize":0,"mimeTypes":["image/jpeg"],
            "name":"avatar","presentable":false,"protected":false,"required":false,"system":false,"thumbs":null,
            "type":"file"}),
        json!({"help":"","hidden":false,"id":"n","max":10,"min":-1.5,"name":"n","onlyInt":false,"presentable":false,
            "required":false,"system":false,"type":"number"}),
        json!({"help":"","hidden":false,"id":"n","max":null,"min":null,"name":"n","onlyInt":false,"presentable":false,
            "required":false,"system":false,"type":"number"}),
        json!({"help":"","hidden":false,"id":"d","max":"","min":"2024-01-02 00:00:00.000Z","name":"d",
            "presentable":false,"required":false,"system":false,"type":"date"}),
        json!({"help":"","hidden":false,"id":"b","name":"b","newOption":{"a":[1]},"presentable":false,
            "required":false,"system":false,"type":"bool"}),
    ] {
        let object = object.as_object().unwrap();
        let field = Field::from_json(object).unwrap();
        assert_eq!(&field.to_json(), object);
    }
}

#[test]
fn keys_of_a_newer_version_are_set_apart() {
    let read = field("bool", json!({"newOption": 1}));
    assert_eq!(Json::Object(read.unknown), json!({"newOption": 1}));
}

#[test]
fn an_absent_or_null_option_is_the_default() {
    assert_eq!(field("text", json!({"min": null, "hidden": null})), field("text", json!({})));
}

#[test]
fn a_wrong_type_or_kind_refuses_the_request() {
    for object in [
        json!({"type": "text", "min": "5"}),
        json!({"type": "text", "min": 1.5}),
        json!({"type": "text", "name": 5}),
        json!({"type": "bool", "required": "true"}),
        json!({"type": "select", "values": "a"}),
        json!({"type": "select", "values": [1]}),
        json!({"type": "number", "min": "5"}),
        json!({"type": "file", "thumbs": {}}),
        json!({"type": "relation", "collectionId": []}),
        json!({"type": "text", "pattern": 5}),
    ] {
        let read = Field::from_json(object.as_object().unwrap());
        assert!(matches!(read, Err(OptionsError::WrongType(_))), "{object}");
    }
    for object in [json!({"type": "vector"}), json!({"type": ""}), json!({}), json!({"type": "Text"})] {
        let read = Field::from_json(object.as_object().unwrap());
        assert!(matches!(read, Err(OptionsError::UnknownType(_))), "{object}");
    }
}

#[test]
fn common_options() {
    let wrong = field("bool", json!({"id": "", "name": "", "help": "h".repeat(301)}));
    assert_eq!(
        option_errors(&wrong, None),
        json!({
            "id": required(),
            "name": required(),
            "help": {"code": "validation_length_out_of_range", "message": "The length must be between 1 and 300.",
                     "params": {"min": 1, "max": 300}},
        })
    );
    let fine = field("bool", json!({"id": "ü!".repeat(33), "help": "h".repeat(300)}));
    assert_eq!(option_errors(&fine, None), json!({}));
    let long = field("bool", json!({"id": "i".repeat(101)}));
    assert_eq!(option_errors(&long, None)["id"]["params"], json!({"min": 1, "max": 100}));
}

/// Each row: kind, options, the errors of the check.
fn assert_options(rows: impl IntoIterator<Item = (&'static str, Json, Json)>) {
    for (kind, options, errors) in rows {
        assert_eq!(option_errors(&field(kind, options.clone()), None), errors, "{kind} {options}");
    }
}

#[test]
fn bounds_of_text_editor_json_and_file() {
    assert_options([
        ("text", json!({"min": -1}), json!({"min": below(0)})),
        ("text", json!({"min": INTEGER_MAX + 1}), json!({"min": above(INTEGER_MAX)})),
        ("text", json!({"min": 5, "max": 4}), json!({"max": below(5)})),
        ("text", json!({"min": 5, "max": 0}), json!({})),
        ("text", json!({"max": INTEGER_MAX + 1}), json!({"max": above(INTEGER_MAX)})),
        ("text", json!({"max": -1}), json!({"max": below(0)})),
        ("editor", json!({"maxSize": -1}), json!({"maxSize": below(0)})),
        ("editor", json!({"maxSize": INTEGER_MAX}), json!({})),
        ("json", json!({"maxSize": INTEGER_MAX + 1}), json!({"maxSize": above(INTEGER_MAX)})),
        ("file", json!({"maxSize": -1, "maxSelect": -1}), json!({"maxSelect": below(0), "maxSize": below(0)})),
        (
            "password",
            json!({"min": -1, "max": 72, "cost": 3}),
            json!({"min": below(1), "max": above(71), "cost": below(4)}),
        ),
        ("password", json!({"min": 72, "max": 0, "cost": 32}), json!({"min": above(71), "cost": above(31)})),
        ("password", json!({"min": 8, "max": 7, "cost": 4}), json!({"max": below(8)})),
        ("password", json!({"min": 1, "max": 71, "cost": 31}), json!({})),
    ]);
}

#[test]
fn expressions() {
    let code = |pattern: &str, key: &str| {
        let kind = if key == "cost" { "password" } else { "text" };
        option_errors(&field(kind, json!({ key: pattern })), None)[key]["code"].clone()
    };
    assert_eq!(code("(", "pattern"), "validation_invalid_regex");
    assert_eq!(code("[a", "autogeneratePattern"), "validation_invalid_regex");
    assert_options([
        ("text", json!({"pattern": r"^\w+$"}), json!({})),
        ("text", json!({"autogeneratePattern": "[a-z]{5}"}), json!({})),
        (
            "text",
            json!({"autogeneratePattern": "^a$"}),
            json!({"autogeneratePattern": {"code": "validation_invalid_autogenerate_pattern",
                   "message": "Unsupported pattern operator 9."}}),
        ),
        (
            "text",
            json!({"autogeneratePattern": "zp", "min": 3}),
            json!({"autogeneratePattern": {"code": "validation_invalid_autogenerate_pattern_value",
                   "message": "The provided autogenerate pattern could produce invalid field values, ex.: \"zp\"."}}),
        ),
        ("text", json!({"autogeneratePattern": "a{3}", "max": 3, "pattern": "^a+$"}), json!({})),
    ]);
    let password = option_errors(&field("password", json!({"pattern": "("})), None);
    assert_eq!(password["pattern"]["code"], "validation_invalid_regex");
}

#[test]
fn a_primary_key_is_called_id_and_stands_alone() {
    let key = |name: &str| field("text", json!({"name": name, "primaryKey": true}));
    let schema = Schema::default();
    let own = collection("own", CollectionKind::Base, vec![key("id"), key("f")]);
    let context = OptionsContext { schema: &schema, collection: &own, stored: None };
    let composite = json!({"code": "validation_unsupported_composite_pk",
        "message": "Composite PKs are not supported and the collection must have only 1 PK."});
    assert_eq!(
        shown(own.fields[1].check_options(&context)),
        json!({
            "name": {"code": "validation_in_invalid", "message": "The primary key must be named \"id\"."},
            "primaryKey": composite,
            "pattern": required(),
            "required": required(),
        })
    );
    assert_eq!(shown(own.fields[0].check_options(&context))["primaryKey"], composite);
}

#[test]
fn bounds_of_numbers() {
    let only_int = json!({"code": "validation_only_int_constraint", "message": "Decimal numbers are not allowed."});
    assert_options([
        ("number", json!({"min": -1.5, "max": 2.5}), json!({})),
        ("number", json!({"min": 1.5, "max": 2.5, "onlyInt": true}), json!({"min": only_int, "max": only_int})),
        (
            "number",
            json!({"min": 5, "max": 4}),
            json!({"max": {"code": "validation_min_number_constraint",
                   "message": "Must be greater or equal than 5.", "params": {"min": 5}}}),
        ),
        ("number", json!({"min": 5, "max": 5}), json!({})),
    ]);
}

#[test]
fn lists_of_domains() {
    let blank = json!({"code": "validation_empty", "message": "Must be blank."});
    let domain = json!({"code": "validation_is_domain", "message": "Must be a valid domain."});
    for kind in ["email", "url"] {
        assert_options([
            (kind, json!({"onlyDomains": ["a.com"], "exceptDomains": []}), json!({})),
            (
                kind,
                json!({"onlyDomains": ["a.com"], "exceptDomains": ["b.com"]}),
                json!({"exceptDomains": blank, "onlyDomains": blank}),
            ),
            (kind, json!({"exceptDomains": ["a.com", "", "localhost"]}), json!({"exceptDomains": {"2": domain}})),
        ]);
    }
}

#[test]
fn bounds_of_dates() {
    let invalid = json!({"code": "validation_invalid_value", "message": "Invalid value."});
    assert_options([
        ("date", json!({"min": "soon", "max": "later"}), json!({"min": invalid, "max": invalid})),
        ("date", json!({"min": "2024-01-02", "max": "2023-01-01"}), json!({})),
    ]);
    assert_eq!(field("date", json!({"min": "2024-01-02"})).to_json()["min"], "2024-01-02 00:00:00.000Z");
}

#[test]
fn an_autodate_is_set_at_some_time_and_fixed_on_system_fields() {
    let neither = json!({"code": "validation_required", "message": "Either onCreate or onUpdate must be enabled."});
    assert_options([
        ("autodate", json!({}), json!({"onCreate": neither, "onUpdate": neither})),
        ("autodate", json!({"onUpdate": true}), json!({})),
    ]);
    let stored = field("autodate", json!({"system": true, "onCreate": true}));
    let changed = field("autodate", json!({"system": true, "onUpdate": true}));
    let mismatch = json!({"code": "validation_values_mismatch", "message": "Values don't match."});
    assert_eq!(option_errors(&changed, Some(&stored)), json!({"onCreate": mismatch, "onUpdate": mismatch}));
    let own = field("autodate", json!({"onUpdate": true}));
    assert_eq!(option_errors(&own, Some(&stored)), json!({}));
}

#[test]
fn values_of_a_select() {
    assert_options([
        ("select", json!({}), json!({"values": required()})),
        ("select", json!({"values": ["a", "a", ""], "maxSelect": 3}), json!({})),
        ("select", json!({"values": ["a"], "maxSelect": 2}), json!({"maxSelect": above(1)})),
        ("select", json!({"values": ["a"], "maxSelect": -1}), json!({"maxSelect": below(0)})),
    ]);
}

#[test]
fn sizes_of_thumbs() {
    let format = json!({"code": "validation_match_invalid", "message": "Must be in a valid format."});
    let listed = json!({"code": "validation_not_in_invalid", "message": "Must not be in list."});
    let fine = ["100x50", "100x50t", "100x50b", "100x50f", "0x50", "70x0f"];
    let thumbs = json!(["100x", "x100", "100", "100x50c", "0x0", "0x0t", "0x0b", "0x0f", "1x1x", "", "-1x5"]);
    let mut errors = serde_json::Map::new();
    for index in 0..11 {
        errors.insert(index.to_string(), if (4..8).contains(&index) { listed.clone() } else { format.clone() });
    }
    assert_options([
        ("file", json!({ "thumbs": fine }), json!({})),
        ("file", json!({ "thumbs": thumbs }), json!({ "thumbs": errors })),
    ]);
}

#[test]
fn targets_and_counts_of_a_relation() {
    let missing = json!({"code": "validation_field_relation_missing_collection",
        "message": "The relation collection doesn't exist."});
    let view = json!({"code": "validation_relation_field_non_view_base_collection",
        "message": "Only view collections are allowed to have relations to other views."});
    assert_options([
        ("relation", json!({}), json!({"collectionId": required()})),
        ("relation", json!({"collectionId": "base"}), json!({})),
        ("relation", json!({"collectionId": "own"}), json!({"collectionId": missing})),
        ("relation", json!({"collectionId": "view"}), json!({"collectionId": view})),
        ("relation", json!({"collectionId": "base", "minSelect": -1}), json!({"minSelect": below(0)})),
        ("relation", json!({"collectionId": "base", "minSelect": 2}), json!({"maxSelect": required()})),
        ("relation", json!({"collectionId": "base", "minSelect": 2, "maxSelect": 1}), json!({"maxSelect": below(2)})),
        ("relation", json!({"collectionId": "base", "maxSelect": -1}), json!({"maxSelect": below(0)})),
    ]);
    let stored = field("relation", json!({"collectionId": "view"}));
    let changed = field("relation", json!({"collectionId": "base"}));
    assert_eq!(
        option_errors(&changed, Some(&stored)),
        json!({"collectionId": {"code": "validation_field_relation_change",
            "message": "The relation collection cannot be changed."}})
    );
}
