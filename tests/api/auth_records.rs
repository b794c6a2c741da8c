//! Records of auth collections (contract/05 §8, contract/10 §3).

use serde_json::{Value, json};
use support::TestApp;

const CREATE: &str = "Failed to create record.";
const UPDATE: &str = "Failed to update record.";
const USERS: &str = "/api/collections/users/records";

fn codes(data: &Value) -> Vec<(String, String)> {
    let fields = data.as_object().expect("fields").iter();
    fields.map(|(key, error)| (key.clone(), error["code"].as_str().unwrap_or_default().to_owned())).collect()
}

fn pair(key: &str, code: &str) -> (String, String) {
    (key.to_owned(), code.to_owned())
}

#[test]
fn a_guest_signs_up_unverified_and_only_with_a_confirmed_password() {
    let app = TestApp::new();
    let required = "validation_required";
    for (body, expected) in [
        (json!({}), vec![pair("password", required), pair("passwordConfirm", required)]),
        (
            json!({"password": "12345678", "passwordConfirm": "x"}),
            vec![pair("passwordConfirm", "validation_values_mismatch")],
        ),
        (
            json!({"password": "12345678", "passwordConfirm": "12345678", "email": "a@b.co", "verified": true}),
            vec![pair("verified", "validation_values_mismatch")],
        ),
        (
            json!({"password": "1234567", "passwordConfirm": "1234567", "email": "a@b.co"}),
            vec![pair("password", "validation_min_text_constraint")],
        ),
        (
            json!({"password": "12345678", "passwordConfirm": "12345678", "email": "nope"}),
            vec![pair("email", "validation_is_email")],
        ),
        (
            json!({"password": "é".repeat(40), "passwordConfirm": "é".repeat(40), "email": "a@b.co"}),
            vec![pair("password", "validation_invalid_value")],
        ),
    ] {
        let mut found = codes(&app.post(USERS).json(body.clone()).refused(400, CREATE));
        found.sort();
        assert_eq!(found, expected, "{body}");
    }
    let body =
        json!({"password": "12345678", "passwordConfirm": "12345678", "email": "a@b.co", "tokenKey": "x".repeat(40)});
    let created = app.post(USERS).json(body).ok();
    assert_eq!(created["verified"], false);
    assert_eq!((created.get("password"), created.get("tokenKey"), created.get("email")), (None, None, None));
    let row = &app.rows("SELECT password, tokenKey FROM users")[0];
    assert!(row[0].as_str().expect("a hash").starts_with("$2a$10$"));
    assert_ne!(row[1], json!("x".repeat(40)));
}

#[test]
fn an_email_is_taken_in_any_case() {
    let app = TestApp::new();
    app.create_user("users", "Ann@Example.com");
    let sign_up = |email: &str| {
        app.post(USERS).json(json!({"email": email, "password": "12345678", "passwordConfirm": "12345678"}))
    };
    for email in ["Ann@Example.com", "ann@example.com", "ANN@EXAMPLE.COM"] {
        assert_eq!(codes(&sign_up(email).refused(400, CREATE)), [pair("email", "validation_not_unique")], "{email}");
    }
    for email in ["ann@example.co", "annn@example.com", "bnn@example.com", "an@example.com"] {
        sign_up(email).expect(200);
    }
    let (other, _) = app.create_user("users", "other@example.com");
    let path = format!("{USERS}/{}", other["id"].as_str().expect("an id"));
    let taken = app.patch(&path).superuser().json(json!({"email": "aNN@example.com"})).refused(400, UPDATE);
    assert_eq!(codes(&taken), [pair("email", "validation_not_unique")]);
    app.patch(&path).superuser().json(json!({"email": "OTHER@example.com"})).expect(200);
}

#[test]
fn a_user_changes_what_is_its_own_to_change() {
    let app = TestApp::new();
    let (user, token) = app.create_user("users", "a@b.co");
    let path = format!("{USERS}/{}", user["id"].as_str().expect("an id"));
    let patch = |body: Value| app.patch(&path).token(&token).json(body);
    assert_eq!(
        codes(&patch(json!({"email": "new@b.co"})).refused(400, UPDATE)),
        [pair("email", "validation_values_mismatch")]
    );
    assert_eq!(
        codes(&patch(json!({"verified": true})).refused(400, UPDATE)),
        [pair("verified", "validation_values_mismatch")]
    );
    let password = json!({"password": "newpassword", "passwordConfirm": "newpassword"});
    assert_eq!(codes(&patch(password.clone()).refused(400, UPDATE)), [pair("oldPassword", "validation_required")]);
    let mut wrong = password;
    wrong["oldPassword"] = json!("wrong");
    assert_eq!(codes(&patch(wrong).refused(400, UPDATE)), [pair("oldPassword", "validation_invalid_old_password")]);
    assert_eq!(codes(&patch(json!({"password": ""})).refused(400, UPDATE)), [pair("password", "validation_required")]);
    let changed = patch(json!({"name": "Ann", "email": "a@b.co", "emailVisibility": true})).ok();
    assert_eq!((&changed["name"], &changed["email"]), (&json!("Ann"), &json!("a@b.co")));
}

#[test]
fn a_new_password_or_email_ends_every_token() {
    let app = TestApp::new();
    let (user, token) = app.create_user("users", "a@b.co");
    let id = user["id"].as_str().expect("an id").to_owned();
    let path = format!("{USERS}/{id}");
    let own = |token: &str| app.get(&path).token(token).send().status;
    assert_eq!(own(&token), 200);
    app.patch(&path).superuser().json(json!({"name": "x"})).expect(200);
    assert_eq!(own(&token), 200);
    for change in [
        json!({"password": "newpassword", "passwordConfirm": "newpassword"}),
        json!({"email": "n@b.co"}),
        json!({"tokenKey:autogenerate": ""}),
    ] {
        let token = app.token("users", &id);
        assert_eq!(own(&token), 200);
        app.patch(&path).superuser().json(change.clone()).expect(200);
        assert_eq!(own(&token), 404, "{change}");
    }
}

#[test]
fn what_belongs_to_a_user_goes_with_its_keys_and_with_it() {
    let app = TestApp::new();
    let (user, _) = app.create_user("users", "a@b.co");
    let id = user["id"].as_str().expect("an id").to_owned();
    let path = format!("{USERS}/{id}");
    let refill = || {
        for (table, column) in [("_mfas", "method"), ("_otps", "password"), ("_authOrigins", "fingerprint")] {
            app.execute(&format!("DELETE FROM {table}"));
            app.execute(&format!(
                "INSERT INTO {table} (collectionRef, recordRef, {column}) VALUES ('_pb_users_auth_', '{id}', 'x')"
            ));
        }
        app.execute("DELETE FROM _externalAuths");
        app.execute(&format!(
            "INSERT INTO _externalAuths (collectionRef, recordRef, provider, providerId) \
             VALUES ('_pb_users_auth_', '{id}', 'google', '1')"
        ));
    };
    let left = || -> Vec<&str> {
        let tables = ["_mfas", "_otps", "_authOrigins", "_externalAuths"].into_iter();
        tables.filter(|table| !app.rows(&format!("SELECT 1 FROM {table}")).is_empty()).collect()
    };
    for (change, expected) in [
        (json!({"name": "x"}), vec!["_mfas", "_otps", "_authOrigins", "_externalAuths"]),
        (json!({"email": "n@b.co"}), vec!["_mfas", "_authOrigins", "_externalAuths"]),
        (json!({"password": "newpassword", "passwordConfirm": "newpassword"}), vec!["_externalAuths"]),
        (json!({"verified": true}), vec!["_mfas", "_authOrigins"]),
    ] {
        refill();
        app.patch(&path).superuser().json(change.clone()).expect(200);
        assert_eq!(left(), expected, "{change}");
    }
    refill();
    app.delete(&path).superuser().expect(204);
    assert!(left().is_empty());
}

#[test]
fn the_last_superuser_stays_and_an_id_is_one_users_alone() {
    let app = TestApp::new();
    let superusers = "/api/collections/_superusers/records";
    let only = app.get(superusers).superuser().ok();
    let id = only["items"][0]["id"].as_str().expect("an id").to_owned();
    app.delete(&format!("{superusers}/{id}")).superuser().refused(400, "You can't delete the only existing superuser.");
    let body = json!({"id": id, "email": "a@b.co", "password": "12345678", "passwordConfirm": "12345678"});
    let refused = app.post(USERS).json(body).refused(400, CREATE);
    assert_eq!(codes(&refused), [pair("id", "validation_invalid_auth_id")]);
    let body = json!({"email": "b@b.co", "password": "12345678", "passwordConfirm": "12345678", "verified": false});
    assert_eq!(app.post(superusers).superuser().json(body).ok()["verified"], true);
}

#[test]
fn a_private_email_is_for_its_owner_managers_and_superusers() {
    let app = TestApp::new();
    let open = json!({"listRule": "", "viewRule": "", "manageRule": "@request.auth.name = 'boss'"});
    app.update_collection("users", open);
    let (user, own) = app.create_user("users", "a@b.co");
    let (boss, boss_token) = app.create_user("users", "boss@b.co");
    let path = |record: &Value| format!("{USERS}/{}", record["id"].as_str().expect("an id"));
    app.patch(&path(&boss)).superuser().json(json!({"name": "boss"})).expect(200);
    let (_, other) = app.create_user("users", "other@b.co");
    let emails = |token: &str| -> Vec<Value> {
        let page = app.get(&format!("{USERS}?sort=id")).token(token).ok();
        page["items"].as_array().expect("items").iter().filter_map(|item| item.get("email").cloned()).collect()
    };
    for (token, sees) in [("", false), (own.as_str(), true), (other.as_str(), false), (boss_token.as_str(), true)] {
        let shown = app.get(&path(&user)).token(token).ok();
        assert_eq!(shown.get("email").is_some(), sees);
    }
    assert_eq!((emails("").len(), emails(&other).len(), emails(&boss_token).len()), (0, 1, 3));
    assert!(app.get(USERS).superuser().ok()["items"][0].get("email").is_some());
    let changed = app.patch(&path(&user)).token(&boss_token).json(json!({"verified": true}));
    changed.expect(404); // the update rule decides first
    app.update_collection("users", json!({"updateRule": "@request.auth.id != ''"}));
    let body =
        json!({"verified": true, "email": "moved@b.co", "password": "newpassword", "passwordConfirm": "newpassword"});
    assert_eq!(app.patch(&path(&user)).token(&boss_token).json(body).ok()["email"], "moved@b.co");
}
