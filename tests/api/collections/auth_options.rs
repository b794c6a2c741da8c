//! Options of auth collections (contract/02 §3, §5, §6, §13).

use serde_json::{Value, json};
use support::TestApp;

use super::{NOT_CREATED, NOT_UPDATED, error, required};

fn refuse(app: &TestApp, options: Value) -> Value {
    let mut body = json!({"name": "people", "type": "auth"});
    body.as_object_mut().expect("an object").extend(options.as_object().expect("an object").clone());
    app.post("/api/collections").superuser().json(body).refused(400, NOT_CREATED)
}

fn at_least(threshold: i64) -> Value {
    json!({
        "code": "validation_min_greater_equal_than_required",
        "message": format!("Must be no less than {threshold}."), "params": {"threshold": threshold},
    })
}

fn at_most(threshold: i64) -> Value {
    json!({
        "code": "validation_max_less_equal_than_required",
        "message": format!("Must be no greater than {threshold}."), "params": {"threshold": threshold},
    })
}

#[test]
fn each_option_is_checked() {
    let app = TestApp::new();
    let template = json!({"emailTemplate": {"subject": required(), "body": required()}});
    let empty = json!({"subject": "", "body": ""});
    for (options, expected) in [
        (json!({"authAlert": {"emailTemplate": empty}}), json!({"authAlert": template})),
        (json!({"otp": {"emailTemplate": empty}}), json!({"otp": template})),
        (
            json!({"verificationTemplate": {"subject": ""}, "resetPasswordTemplate": {"body": ""}}),
            json!({"verificationTemplate": {"subject": required()}, "resetPasswordTemplate": {"body": required()}}),
        ),
        (json!({"authToken": {"duration": 5}}), json!({"authToken": {"duration": at_least(10)}})),
        (json!({"fileToken": {"duration": 94_670_857}}), json!({"fileToken": {"duration": at_most(94_670_856)}})),
        (
            json!({"authToken": {"secret": "short", "duration": 0}}),
            json!({"authToken": {
                "secret": {"code": "validation_length_out_of_range", "message": "The length must be between 30 and 255.",
                           "params": {"min": 30, "max": 255}},
                "duration": required(),
            }}),
        ),
        (json!({"authToken": {"secret": ""}}), json!({"authToken": {"secret": required()}})),
        (
            json!({"otp": {"enabled": true, "duration": 86_401, "length": 3}}),
            json!({"otp": {"duration": at_most(86_400), "length": at_least(4)}}),
        ),
        (
            json!({"manageRule": ""}),
            json!({"manageRule": error("validation_nil_or_not_empty_required", "Cannot be blank.")}),
        ),
        (
            json!({"authRule": "nope = 1"}),
            json!({"authRule": error(
                "validation_invalid_rule",
                "Invalid rule. Raw error: invalid left operand \"nope\" - unknown field \"nope\"."
            )}),
        ),
        (
            json!({"mfa": {"enabled": true}}),
            json!({"mfa": {"enabled": error(
                "validation_mfa_not_enough_auths", "MFA requires at least 2 auth methods to be enabled."
            )}}),
        ),
        (
            json!({"passwordAuth": {"identityFields": ["username"]}}),
            json!({"passwordAuth": {"identityFields": {
                "code": "validation_missing_field", "message": "Invalid or missing field username.",
                "params": {"fieldName": "username"},
            }}}),
        ),
        (
            json!({"passwordAuth": {"identityFields": ["u"]}, "fields": [{"name": "u", "type": "text"}]}),
            json!({"passwordAuth": {"identityFields": {
                "code": "validation_missing_unique_constraint",
                "message": "The field u doesn't have a UNIQUE constraint.", "params": {"fieldName": "u"},
            }}}),
        ),
        (json!({"passwordAuth": {"identityFields": []}}), json!({"passwordAuth": {"identityFields": required()}})),
    ] {
        assert_eq!(refuse(&app, options.clone()), expected, "{options}");
    }
}

#[test]
fn providers_are_checked_when_they_are_enabled() {
    let app = TestApp::new();
    let google = json!({"name": "google", "clientId": "a", "clientSecret": "b"});
    let twice = json!({"oauth2": {"enabled": true, "providers": [google, google]}});
    assert_eq!(
        refuse(&app, twice),
        json!({"oauth2": {"providers": {"1": {"name": {
            "code": "validation_duplicated_provider", "message": "The provider google is already registered.",
            "params": {"name": "google"},
        }}}}})
    );
    let bad = json!([{"name": "nope", "clientSecret": "x"}, {"authURL": "x", "clientId": "a"}]);
    assert_eq!(
        refuse(&app, json!({"oauth2": {"enabled": true, "providers": bad}})),
        json!({"oauth2": {"providers": {
            "0": {
                "name": {"code": "validation_missing_provider", "message": "Invalid or missing provider with name nope.",
                         "params": {"name": "nope"}},
                "clientId": required(),
            },
            "1": {"name": required(), "clientSecret": required(),
                  "authURL": error("validation_is_url", "Must be a valid URL.")},
        }}})
    );
    app.create_collection(json!({"name": "off", "type": "auth", "oauth2": {"providers": bad}}));
}

#[test]
fn secrets_are_kept_when_left_out_and_stay_with_their_provider() {
    let app = TestApp::new();
    let provider = |name: &str| json!({"name": name, "clientId": name, "clientSecret": format!("{name}-secret")});
    let oauth2 = json!({"enabled": true, "providers": [provider("google"), provider("github")]});
    app.create_collection(json!({"name": "people", "type": "auth", "oauth2": oauth2}));
    let secrets = || {
        let rows = app.rows("SELECT options FROM _collections WHERE name = 'people'");
        let options: Value = serde_json::from_str(rows[0][0].as_str().expect("a text")).expect("JSON");
        let providers = options["oauth2"]["providers"].as_array().expect("a list").iter();
        let pairs: Vec<String> = providers.map(|p| format!("{}={}", p["name"], p["clientSecret"])).collect();
        (options["authToken"]["secret"].clone(), pairs)
    };
    let before = secrets();
    let swapped = json!({"providers": [{"name": "github", "clientId": "new"}, {"name": "google"}]});
    let answer = app.update_collection("people", json!({"oauth2": swapped, "authToken": {"duration": 60}}));
    assert_eq!(answer["oauth2"]["providers"][0]["clientId"], "new");
    let after = secrets();
    assert_eq!(after.0, before.0);
    assert_eq!(after.1, [r#""github"="github-secret""#, r#""google"="google-secret""#]);
    let unknown = json!({"oauth2": {"providers": [{"name": "gitlab", "clientId": "x"}]}});
    let data = app.patch("/api/collections/people").superuser().json(unknown).refused(400, NOT_UPDATED);
    assert_eq!(data, json!({"oauth2": {"providers": {"0": {"clientSecret": required()}}}}));
}

#[test]
fn another_auth_rule_ends_all_sessions() {
    let app = TestApp::new();
    let (_, token) = app.create_user("users", "a@example.com");
    let refresh = || app.post("/api/collections/users/auth-refresh").token(&token).send().status;
    let secret =
        || app.rows("SELECT json_extract(options, '$.authToken.secret') FROM _collections WHERE name = 'users'");
    let first = secret();
    app.update_collection("users", json!({"authRule": null, "manageRule": "id = @request.auth.id"}));
    assert_eq!(secret(), first); // null and empty count as equal
    app.update_collection("users", json!({"authRule": "verified = true"}));
    assert_ne!(secret(), first);
    assert_ne!(refresh(), 200);
}

#[test]
fn system_collections_take_own_fields_and_superusers_keep_their_password() {
    let app = TestApp::new();
    let mut fields = app.get("/api/collections/_superusers").superuser().ok()["fields"].clone();
    fields.as_array_mut().expect("fields").push(json!({"name": "note", "type": "text"}));
    let changed = app.update_collection(
        "_superusers",
        json!({"fields": fields, "passwordAuth": {"enabled": false}, "otp": {"enabled": true}}),
    );
    assert_eq!(changed["fields"].as_array().and_then(|fields| fields.last()).expect("a field")["name"], "note");
    assert_eq!((&changed["passwordAuth"]["enabled"], &changed["mfa"]["enabled"]), (&json!(true), &json!(true)));
    let index = app.patch("/api/collections/users").superuser().json(json!({"indexes": []})).ok();
    assert_eq!(index["indexes"].as_array().map(Vec::len), Some(2)); // the default ones come back
    let rule = app.patch("/api/collections/_superusers").superuser().json(json!({"authRule": "id = 'x'"}));
    assert_eq!(rule.refused(400, NOT_UPDATED)["authRule"]["code"], "validation_collection_system_rule_change");
}
