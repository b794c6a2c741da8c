//! `/api/settings` (contract/20).

use serde::Deserialize;
use serde_json::json;

use crate::app::s3_config;
use crate::auth::apple::{AppleKey, client_secret};
use crate::auth::forms::{Form, TEXT_BYTES_MAX};
use crate::auth::test_mail::{TEMPLATES, compose_test};
use crate::crypto::Secret;
use crate::error::{Error, FieldError, FieldErrors, Result};
use crate::http::{Call, Document, Guard, LoadError, Response, Route};
use crate::schema::SUPERUSERS;
use crate::settings::Settings;
use crate::storage::S3Store;

/// Bytes of Apple's ids of teams and keys.
const APPLE_ID_BYTES: usize = 10;
/// Six months: Apple takes no longer life.
const APPLE_SECONDS_MAX: i64 = 15_777_000;

pub fn routes() -> Vec<Route> {
    vec![
        Route::get("/api/settings", view)
            .guard(Guard::Superuser)
            .doc("Settings", "Shows the settings, without their secrets."),
        Route::patch("/api/settings", update)
            .guard(Guard::Superuser)
            .doc("Settings", "Changes settings; what is left out stays."),
        Route::post("/api/settings/test/email", test_email)
            .guard(Guard::Superuser)
            .doc("Settings", "Sends a mail of a template and waits for the result."),
        Route::post("/api/settings/apple/generate-client-secret", apple_client_secret)
            .guard(Guard::Superuser)
            .doc("Settings", "Makes the client secret that Apple wants."),
        Route::post("/api/settings/test/s3", test_s3)
            .guard(Guard::Superuser)
            .doc("Settings", "Writes, lists and removes a file in the S3 bucket of the stored settings."),
    ]
}

async fn view(call: Call) -> Result<Response> {
    Response::of(&call.app().settings.current().document.to_public())
}

async fn update(mut call: Call) -> Result<Response> {
    let Document { json, fields } = call.document().await.map_err(LoadError::as_load_failure)?;
    let change = Settings::change_of(json, &fields);
    let settings = call.app().settings.clone();
    let saved = call.app().store.write(move |tx| settings.update(tx, change.clone())).await?;
    Response::of(&saved.to_public())
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct TestEmail {
    email: String,
    template: String,
    collection: String,
}

/// The one mail that is sent inside its request: the sender wants to know (contract/20 §4).
async fn test_email(mut call: Call) -> Result<Response> {
    const FAILED: &str = "Failed to send the test email.";
    let TestEmail { email, template, collection } = call.load().await.map_err(LoadError::as_load_failure)?;
    let app = call.app().clone();
    let schema = app.schema.current();
    let name = if collection.is_empty() { SUPERUSERS } else { &collection };
    let found = schema.find(name).filter(|collection| collection.is_auth());
    let mut form = Form::new();
    form.optional("collection", &collection, TEXT_BYTES_MAX);
    form.check(
        "collection",
        found.is_none().then(|| {
            FieldError::code("validation_invalid_auth_collection", "Must be a valid auth collection id or name.")
        }),
    );
    form.email("email", &email);
    form.check("template", template.is_empty().then(FieldError::required));
    let is_known = TEMPLATES.contains(&template.as_str());
    form.check("template", (!is_known).then(|| FieldError::code("validation_in_invalid", "Must be a valid value.")));
    form.finish_with(FAILED)?;
    let collection = found.ok_or_else(|| Error::bad_request_with(FAILED))?;
    let meta = app.settings.current().document.meta.clone();
    let mail = compose_test(collection, &template, &email, &meta, &app.clock)?;
    let mail = mail.ok_or_else(|| Error::bad_request_with(FAILED))?;
    let failed = |error| Error::bad_request_with(format!("{FAILED} Raw error: \n{error}."));
    app.mailer.send(&mail).await.map_err(failed)?;
    Ok(Response::no_content())
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct AppleForm {
    client_id: String,
    team_id: String,
    key_id: String,
    private_key: String,
    duration: i64,
}

async fn apple_client_secret(mut call: Call) -> Result<Response> {
    let AppleForm { client_id, team_id, key_id, private_key, duration } =
        call.load().await.map_err(LoadError::as_load_failure)?;
    let mut form = Form::new();
    form.check("clientId", client_id.is_empty().then(FieldError::required));
    for (key, id) in [("teamId", &team_id), ("keyId", &key_id)] {
        form.check(key, id.is_empty().then(FieldError::required));
        form.check(
            key,
            (id.len() != APPLE_ID_BYTES).then(|| {
                FieldError::with_params(
                    "validation_length_invalid",
                    format!("The length must be exactly {APPLE_ID_BYTES}."),
                    json!({ "min": APPLE_ID_BYTES, "max": APPLE_ID_BYTES }),
                )
            }),
        );
    }
    form.check("privateKey", private_key.is_empty().then(FieldError::required));
    form.check("privateKey", (!is_private_key(&private_key)).then(FieldError::bad_format));
    form.check("duration", (duration == 0).then(FieldError::required));
    form.check("duration", (duration < 1).then(|| FieldError::below(1)));
    form.check("duration", (duration > APPLE_SECONDS_MAX).then(|| FieldError::above(APPLE_SECONDS_MAX)));
    form.finish_with("Invalid client secret data.")?;
    let private_key = Secret::new(private_key);
    let key = AppleKey { client_id, team_id, key_id, private_key, seconds: duration };
    Response::of(&json!({ "secret": client_secret(&key, &call.app().clock)? }))
}

/// Whether the text holds a PEM block of a private key.
fn is_private_key(text: &str) -> bool {
    let Some((_, rest)) = text.split_once("-----BEGIN PRIVATE KEY----") else { return false };
    rest.split_once("-----END PRIVATE KEY-----").is_some_and(|(key, _)| !key.is_empty())
}

const S3_FAILED: &str = "Failed to test the S3 filesystem.";

#[derive(Default, Deserialize)]
#[serde(default)]
struct S3Test {
    filesystem: String,
}

async fn test_s3(mut call: Call) -> Result<Response> {
    let test: S3Test = call.load().await.map_err(LoadError::as_load_failure)?;
    let settings = call.app().settings.current();
    let bucket = match test.filesystem.as_str() {
        "storage" => &settings.document.s3,
        "backups" => &settings.document.backups.s3,
        other => {
            let error = match other {
                "" => FieldError::required(),
                _ => FieldError::code("validation_in_invalid", "Must be a valid value."),
            };
            return Err(Error::invalid(S3_FAILED, FieldErrors::one("filesystem", error)));
        }
    };
    let failed = |reason: String| Error::bad_request_with(format!("{S3_FAILED} Raw error: \n{reason}."));
    if !bucket.enabled {
        return Err(failed("S3 storage filesystem is not enabled".to_owned()));
    }
    let store = S3Store::new(s3_config(bucket)).map_err(|error| failed(error.to_string()))?;
    store.probe().await.map_err(|error| failed(error.to_string()))?;
    Ok(Response::no_content())
}
