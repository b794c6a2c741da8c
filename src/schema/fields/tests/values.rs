//! Values: what each kind accepts, and the first failure that it reports.

use serde_json::{Value as Json, json};

use super::*;
use crate::schema::fields::{Kind, NewFile};

/// Each row: options, input, the error or null.
fn assert_values(kind: &str, rows: impl IntoIterator<Item = (Json, Json, Json)>) {
    for (options, input, error) in rows {
        assert_eq!(value_error(&field(kind, options.clone()), input.clone()), error, "{kind} {options} {input}");
    }
}

fn code(code: &str, message: &str) -> Json {
    json!({ "code": code, "message": message })
}

fn with_params(code: &str, message: &str, params: Json) -> Json {
    json!({ "code": code, "message": message, "params": params })
}

#[test]
fn texts() {
    let at_least_3 =
        with_params("validation_min_text_constraint", "Must be at least 3 character(s).", json!({"min": 3}));
    let at_most_5 =
        with_params("validation_max_text_constraint", "Must be no more than 5 character(s).", json!({"max": 5}));
    let default_max =
        with_params("validation_max_text_constraint", "Must be no more than 5000 character(s).", json!({"max": 5000}));
    let format = code("validation_invalid_format", "Invalid value format.");
    assert_values(
        "text",
        [
            (json!({"required": true}), json!(""), required()),
            (json!({"required": true}), json!(" "), Json::Null),
            (json!({"min": 3}), json!(""), Json::Null),
            (json!({"min": 3}), json!("éé"), at_least_3),
            (json!({"min": 3}), json!("名名名"), Json::Null),
            (json!({"max": 5}), json!("éééééé"), at_most_5),
            (json!({"max": 5}), json!("ééééé"), Json::Null),
            (json!({}), json!("x".repeat(5000)), Json::Null),
            (json!({}), json!("x".repeat(5001)), default_max),
            (json!({"pattern": "b"}), json!("abc"), Json::Null),
            (json!({"pattern": "^b"}), json!("abc"), format),
        ],
    );
}

#[test]
fn ids() {
    let id =
        |pattern: &str| field("text", json!({"name": "id", "primaryKey": true, "required": true, "pattern": pattern}));
    let plain = id("^[a-z0-9]+$");
    assert_eq!(value_error(&plain, json!("abc")), Json::Null);
    assert_eq!(value_error(&plain, json!("con")), Json::Null);
    assert_eq!(value_error(&plain, json!("a.b"))["code"], "validation_invalid_format");
    let custom = id("^.+$");
    for ch in "./\\|\"'`<>:?*%$\0\t\r ".chars() {
        let error = with_params(
            "validation_forbidden_pk_character",
            &format!("'{ch}' is not a valid primary key character."),
            json!({ "ch": ch.to_string() }),
        );
        assert_eq!(value_error(&custom, json!(format!("a{ch}b"))), error, "{ch:?}");
    }
    for name in ["CON", "prn", "Aux", "NUL", "com1", "COM9", "lpt5"] {
        let message = format!("The primary key '{name}' is reserved and cannot be used.");
        let error = with_params("validation_reserved_pk", &message, json!({ "reserved": name }));
        assert_eq!(value_error(&custom, json!(name)), error);
    }
    for fine in ["com0", "com", "com10", "lpt", "a-b_c@d", "名"] {
        assert_eq!(value_error(&custom, json!(fine)), Json::Null, "{fine}");
    }
}

#[test]
fn editors() {
    let size = with_params(
        "validation_content_size_limit",
        "The maximum allowed content size is 3 bytes.",
        json!({"maxSize": 3}),
    );
    assert_values(
        "editor",
        [
            (json!({"required": true}), json!(""), required()),
            (json!({"maxSize": 3}), json!("abc"), Json::Null),
            (json!({"maxSize": 3}), json!("éé"), size),
            (json!({}), json!("x".repeat(5 << 20)), Json::Null),
        ],
    );
}

#[test]
fn numbers() {
    let format = code("validation_not_a_number", "The submitted number is not properly formatted.");
    let min = with_params("validation_min_number_constraint", "Must be greater or equal than 2.", json!({"min": 2}));
    let max = with_params("validation_max_number_constraint", "Must be less or equal than 5.", json!({"max": 5}));
    assert_values(
        "number",
        [
            (json!({}), json!("NaN"), format.clone()),
            (json!({"required": true}), json!("Infinity"), format),
            (json!({"required": true}), json!(0), required()),
            (json!({"min": 2, "max": 5}), json!(0), Json::Null),
            (json!({"min": 2, "max": 5}), json!(1), min),
            (json!({"min": 2, "max": 5}), json!(5.5), max),
            (json!({"min": 2, "max": 5}), json!(5), Json::Null),
            (
                json!({"onlyInt": true}),
                json!(1.5),
                code("validation_only_int_constraint", "Decimal numbers are not allowed."),
            ),
            (json!({"onlyInt": true}), json!(-3), Json::Null),
        ],
    );
}

#[test]
fn flags() {
    assert_values(
        "bool",
        [
            (json!({"required": true}), json!(false), required()),
            (json!({"required": true}), json!(true), Json::Null),
            (json!({}), json!(null), Json::Null),
        ],
    );
}

#[test]
fn emails() {
    let domain = code("validation_email_domain_not_allowed", "Email domain is not allowed.");
    assert_values(
        "email",
        [
            (json!({"required": true}), json!(""), required()),
            (json!({}), json!(""), Json::Null),
            (json!({}), json!("abc"), code("validation_is_email", "Must be a valid email address.")),
            (json!({"onlyDomains": ["a.com"]}), json!("x@a.com"), Json::Null),
            (json!({"onlyDomains": ["a.com"]}), json!("x@A.com"), Json::Null),
            (json!({"onlyDomains": ["a.com"]}), json!("x@b.com"), domain.clone()),
            (json!({"exceptDomains": ["a.com"]}), json!("x@A.com"), domain),
            (json!({"exceptDomains": ["a.com"]}), json!("x@b.a.com"), Json::Null),
        ],
    );
}

#[test]
fn urls() {
    let domain = code("validation_url_domain_not_allowed", "Url domain is not allowed.");
    assert_values(
        "url",
        [
            (json!({"required": true}), json!(""), required()),
            (json!({}), json!("abc"), code("validation_invalid_url", "Must be a valid url.")),
            (json!({"exceptDomains": ["a.com"]}), json!("http://b.com"), Json::Null),
            (json!({"exceptDomains": ["a.com"]}), json!("http://a.com:80"), domain.clone()),
            (json!({"exceptDomains": ["a.com"]}), json!("http://A.com"), domain.clone()),
            (json!({"exceptDomains": ["a.com"]}), json!("http://a.com."), domain.clone()),
            (json!({"exceptDomains": ["a.com"]}), json!("http://user@a.com/x"), domain.clone()),
            (json!({"onlyDomains": ["a.com"]}), json!("https://a.com/x"), Json::Null),
            (json!({"onlyDomains": ["a.com"]}), json!("https://b.com/a.com"), domain),
        ],
    );
}

#[test]
fn dates() {
    let min = with_params(
        "validation_min_greater_equal_than_required",
        "Must be no less than 2024-01-01 00:00:00 +0000 UTC.",
        json!({"threshold": "2024-01-01T00:00:00Z"}),
    );
    let max = with_params(
        "validation_max_less_equal_than_required",
        "Must be no greater than 2024-12-31 00:00:00 +0000 UTC.",
        json!({"threshold": "2024-12-31T00:00:00Z"}),
    );
    let bounds = json!({"min": "2024-01-01", "max": "2024-12-31"});
    assert_values(
        "date",
        [
            (json!({"required": true}), json!("soon"), required()),
            (bounds.clone(), json!(""), Json::Null),
            (bounds.clone(), json!("2024-06-01"), Json::Null),
            (bounds.clone(), json!("2023-12-31T23:59:59.999Z"), min),
            (bounds, json!("2024-12-31 00:00:00.001Z"), max),
        ],
    );
}

#[test]
fn selects() {
    let many = with_params("validation_too_many_values", "Select no more than 2.", json!({"maxSelect": 2}));
    let unknown = with_params("validation_invalid_value", "Invalid value z.", json!({"value": "z"}));
    let options = json!({"values": ["a", "b", "c"], "maxSelect": 2, "required": true});
    assert_values(
        "select",
        [
            (options.clone(), json!([]), required()),
            (options.clone(), json!(["a", "b", "c"]), many),
            (options.clone(), json!(["a", "z"]), unknown),
            (options.clone(), json!(["c", "a", "c"]), Json::Null),
            (json!({"values": ["a"]}), json!(["b", "a"]), Json::Null),
            (
                json!({"values": ["a"]}),
                json!("A"),
                with_params("validation_invalid_value", "Invalid value A.", json!({"value": "A"})),
            ),
        ],
    );
}

#[test]
fn relations() {
    let few = with_params("validation_not_enough_values", "Select at least 2.", json!({"minSelect": 2}));
    let many = with_params("validation_too_many_values", "Select no more than 3.", json!({"maxSelect": 3}));
    let options = json!({"minSelect": 2, "maxSelect": 3});
    assert_values(
        "relation",
        [
            (json!({"required": true}), json!(""), required()),
            (options.clone(), json!([]), Json::Null),
            (options.clone(), json!(["a"]), few),
            (options.clone(), json!(["a", "b"]), Json::Null),
            (options, json!(["a", "b", "c", "d"]), many),
        ],
    );
}

#[test]
fn json_values() {
    let size =
        with_params("validation_json_size_limit", "The maximum allowed JSON size is 5 bytes.", json!({"maxSize": 5}));
    let invalid = code("validation_invalid_json", "Must be a valid json value.");
    assert_values(
        "json",
        [
            (json!({"maxSize": 5}), json!("abc"), Json::Null),
            (json!({"maxSize": 5}), json!("abcd"), size),
            (json!({}), json!("a\u{0}b"), invalid),
            (json!({"required": true}), json!(null), required()),
            (json!({"required": true}), json!("null"), required()),
            (json!({"required": true}), json!(""), required()),
            (json!({"required": true}), json!([]), required()),
            (json!({"required": true}), json!({}), required()),
            (json!({"required": true}), json!(0), Json::Null),
            (json!({"required": true}), json!(false), Json::Null),
            (json!({"required": true}), json!(" "), Json::Null),
            (json!({"required": true}), json!([null]), Json::Null),
        ],
    );
}

#[test]
fn passwords() {
    let min = code("validation_min_text_constraint", "Must be at least 5 character(s).");
    let max = |n: i64| code("validation_max_text_constraint", &format!("Must be less than {n} character(s)."));
    let invalid = code("validation_invalid_value", "Invalid value.");
    for (options, plain, error) in [
        (json!({"required": true}), "", required()),
        (json!({"min": 5}), "", Json::Null),
        (json!({"min": 5}), "éééé", min),
        (json!({"max": 8}), "éééééééé", Json::Null),
        (json!({"max": 8}), "ééééééééé", max(8)),
        (json!({}), &"a".repeat(72), max(71)),
        (json!({}), &"a".repeat(71), Json::Null),
        (json!({}), &"é".repeat(40), invalid),
        (json!({"pattern": "[0-9]"}), "abc", code("validation_invalid_format", "Invalid value format.")),
    ] {
        let field = field("password", options.clone());
        let Kind::Password(password) = &field.kind else { unreachable!("a password field was made") };
        let checked = password.check_plain(&field, plain).map_or_else(shown_error, |()| Json::Null);
        assert_eq!(checked, error, "{options} {plain:?}");
    }
}

#[test]
fn points() {
    let latitude = code("validation_invalid_latitude", "Latitude must be between -90 and 90 degrees.");
    let longitude = code("validation_invalid_longitude", "Longitude must be between -180 and 180 degrees.");
    assert_values(
        "geoPoint",
        [
            (json!({"required": true}), json!({"lon": 0, "lat": 0}), required()),
            (json!({"required": true}), json!({"lon": 0, "lat": 1}), Json::Null),
            (json!({}), json!({"lon": 180, "lat": -90}), Json::Null),
            (json!({}), json!({"lon": 181, "lat": 91}), latitude),
            (json!({}), json!({"lon": -180.5, "lat": 0}), longitude),
        ],
    );
}

fn new_file(name: &str) -> NewFile {
    NewFile {
        name: name.to_owned(),
        original_name: "big.txt".to_owned(),
        size_bytes: 10,
        mime_type: "text/plain; charset=utf-8".to_owned(),
    }
}

#[test]
fn files() {
    let size = |file: &str| {
        let message = format!("Failed to upload {file} - the maximum allowed file size is 1000 bytes.");
        with_params("validation_file_size_limit", &message, json!({"file": file, "maxSize": 1000}))
    };
    let many = with_params("validation_too_many_files", "The maximum allowed files is 3.", json!({"maxSelect": 3}));
    let long = "n".repeat(400);
    let big = NewFile { size_bytes: 1001, ..new_file("x_ab12cd34ef.txt") };
    let big_and_long = NewFile { original_name: long.clone(), ..big.clone() };
    let invalid =
        |names: Json, text: &str| with_params("validation_invalid_file", text, json!({"invalidFiles": names}));
    for (options, names, kept, new, error) in [
        (json!({"required": true}), json!([]), vec![], vec![], required()),
        (json!({}), json!("nope.txt"), vec![], vec![], invalid(json!(["nope.txt"]), "Invalid new files: [nope.txt].")),
        (
            json!({"maxSelect": 3}),
            json!(["a", "old", "b"]),
            vec!["old"],
            vec![],
            invalid(json!(["a", "b"]), "Invalid new files: [a b]."),
        ),
        (
            json!({}),
            json!(long),
            vec![],
            vec![],
            invalid(json!([&long[..250]]), &format!("Invalid new files: [{}].", &long[..250])),
        ),
        (json!({"maxSelect": 3}), json!(["a", "b", "c", "d"]), vec!["a", "b", "c", "d"], vec![], many),
        (json!({"maxSelect": 3}), json!(["a"]), vec!["a", "b"], vec![], Json::Null),
        (json!({"maxSize": 1000}), json!("x_ab12cd34ef.txt"), vec![], vec![big], size("big.txt")),
        (
            json!({"maxSize": 1000}),
            json!("x_ab12cd34ef.txt"),
            vec![],
            vec![big_and_long],
            size(&format!("{}...", &long[..300])),
        ),
        (
            json!({"mimeTypes": ["image/png", "text/html"]}),
            json!("x_ab12cd34ef.png"),
            vec![],
            vec![new_file("x_ab12cd34ef.png")],
            code(
                "validation_invalid_mime_type",
                "\"x_ab12cd34ef.png\" mime type must be one of: image/png, text/html.",
            ),
        ),
        (json!({"mimeTypes": ["text/plain"]}), json!("x_a.txt"), vec![], vec![new_file("x_a.txt")], Json::Null),
        (json!({"mimeTypes": []}), json!("x_a.txt"), vec![], vec![new_file("x_a.txt")], Json::Null),
    ] {
        let field = field("file", options.clone());
        let Kind::File(file) = &field.kind else { unreachable!("a file field was made") };
        let kept: Vec<String> = kept.into_iter().map(str::to_owned).collect();
        let value = field.normalise(&names);
        let checked = file.check_files(&field, &value, &kept, &new).map_or_else(shown_error, |()| Json::Null);
        assert_eq!(checked, error, "{options} {names}");
    }
}

#[test]
fn what_a_body_may_hold_beyond_the_common_limit() {
    use crate::schema::fields::FieldKind;
    for (kind, options, bytes) in [
        ("text", json!({}), 0),
        ("editor", json!({}), 5 << 20),
        ("editor", json!({"maxSize": 7}), 7),
        ("json", json!({}), 1 << 20),
        ("file", json!({}), 5 << 20),
        ("file", json!({"maxSelect": 3, "maxSize": 100}), 300),
        ("file", json!({"maxSelect": 9_007_199_254_740_991_i64, "maxSize": 9_007_199_254_740_991_i64}), i64::MAX),
    ] {
        assert_eq!(field(kind, options.clone()).kind.body_bytes_max(), bytes, "{kind} {options}");
    }
}
