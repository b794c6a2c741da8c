//! Auth options of a body laid over those of a collection (contract/02 §5): objects merge deeply, lists replace.

use serde_json::{Map, Value as Json};

use crate::collections::body::{Source, WrongBody, read_text, read_texts};
use crate::schema::AuthOptions;
use crate::schema::auth_options::OAuth2Provider;

/// `base` with the keys of `sent` that an auth collection knows.
pub(super) fn lay_over(base: &AuthOptions, sent: &Map<String, Json>, source: Source) -> Result<AuthOptions, WrongBody> {
    let wrong = |key: &str, cause: String| WrongBody::Data(format!("{key}: {cause}"));
    let known = to_json(&AuthOptions::default());
    let mut merged = to_json(base);
    for (key, value) in sent {
        // Other keys are unknown, or of another type of collection.
        let (Some(old), Some(known)) = (merged.get_mut(key), known.get(key)) else { continue };
        match key.as_str() {
            "authRule" | "manageRule" => {
                *old = read_text(value.clone()).map_err(|cause| wrong(key, cause.to_owned()))?.into();
            }
            "oauth2" => {
                let mut sent = value.clone();
                let providers = sent.as_object_mut().and_then(|object| object.shift_remove("providers"));
                merge(old, known, &sent, source).map_err(|cause| wrong(key, cause))?;
                if let Some(providers) = providers {
                    old["providers"] = merge_providers(&base.oauth2.providers, providers, source)
                        .map_err(|cause| wrong("oauth2.providers", cause))?;
                }
            }
            _ => merge(old, known, value, source).map_err(|cause| wrong(key, cause))?,
        }
    }
    serde_json::from_value(Json::Object(merged)).map_err(|error| WrongBody::Data(error.to_string()))
}

/// Lays `sent` over `old`, whose JSON types are those that are wanted. Null changes nothing but empties a list; keys
/// that `known`, the empty form of `old`, doesn't have are ignored (`old` may hold some of a newer version).
fn merge(old: &mut Json, known: &Json, sent: &Json, source: Source) -> Result<(), String> {
    match old {
        Json::Object(old) => {
            if sent.is_null() {
                return Ok(());
            }
            let sent = sent.as_object().ok_or("not an object")?;
            for (key, value) in sent {
                if let (Some(old), Some(known)) = (old.get_mut(key), known.get(key)) {
                    merge(old, known, value, source).map_err(|cause| format!("{key}: {cause}"))?;
                }
            }
        }
        Json::Array(old) => *old = read_texts(sent.clone(), source)?.into_iter().map(Json::String).collect(),
        _ if sent.is_null() => {}
        Json::String(old) => {
            if let Some(text) = read_text(sent.clone())? {
                *old = text;
            }
        }
        Json::Bool(_) if sent.is_boolean() => *old = sent.clone(),
        Json::Number(_) if sent.is_i64() => *old = sent.clone(),
        Json::Null | Json::Bool(_) | Json::Number(_) => return Err("another JSON type is wanted".to_owned()),
    }
    Ok(())
}

/// The new list of providers: what an element leaves out is taken from the stored provider of its name, so that secrets
/// neither get lost nor swap owners (contract/00 §5).
fn merge_providers(stored: &[OAuth2Provider], sent: Json, source: Source) -> Result<Json, String> {
    let sent = match sent {
        Json::Null => Vec::new(),
        Json::Array(items) => items,
        Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Object(_) => return Err("not a list".to_owned()),
    };
    let providers: Result<Vec<Json>, String> = sent.iter().map(|item| merge_provider(stored, item, source)).collect();
    providers.map(Json::Array)
}

fn merge_provider(stored: &[OAuth2Provider], sent: &Json, source: Source) -> Result<Json, String> {
    let empty = Map::new();
    let sent = if sent.is_null() { &empty } else { sent.as_object().ok_or("a provider is no object")? };
    let name = sent.get("name").and_then(Json::as_str).unwrap_or_default();
    let base = stored.iter().find(|provider| provider.name == name).cloned().unwrap_or_default();
    let mut known = to_json(&OAuth2Provider::default());
    let mut merged = to_json(&base);
    for object in [&mut known, &mut merged] {
        object.entry("clientSecret").or_insert_with(|| "".into()); // left out of the stored form while empty
    }
    for (key, value) in sent {
        let (Some(old), Some(known)) = (merged.get_mut(key), known.get(key)) else { continue };
        match key.as_str() {
            // Null means something here: the provider's own default.
            "pkce" if value.is_null() || value.is_boolean() => *old = value.clone(),
            "extra" if value.is_null() => *old = Json::Null,
            "extra" => {
                let added = value.as_object().ok_or("extra: not an object")?.clone();
                match old.as_object_mut() {
                    Some(old) => old.extend(added),
                    None => *old = Json::Object(added),
                }
            }
            _ => merge(old, known, value, source).map_err(|cause| format!("{key}: {cause}"))?,
        }
    }
    Ok(Json::Object(merged))
}

fn to_json(value: &impl serde::Serialize) -> Map<String, Json> {
    match serde_json::to_value(value) {
        Ok(Json::Object(object)) => object,
        _ => unreachable!("options are structs of plain values"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn laid(base: &AuthOptions, sent: Json) -> AuthOptions {
        lay_over(base, sent.as_object().expect("an object"), Source::Json).expect("well typed")
    }

    #[test]
    fn objects_merge_deeply_and_null_changes_nothing() {
        let base = AuthOptions::new();
        let sent = json!({
            "otp": {"enabled": true, "duration": null, "emailTemplate": {"subject": "S"}, "later": 1},
            "authToken": {"duration": 60}, "mfa": null, "authRule": null, "passwordAuth": {"identityFields": null},
            "viewQuery": 5, "nope": {},
        });
        let mut expected = base.clone();
        expected.otp.enabled = true;
        expected.otp.email_template.subject = "S".to_owned();
        expected.auth_token.duration = 60;
        expected.auth_rule = None;
        expected.password_auth.identity_fields.clear();
        assert_eq!(laid(&base, sent), expected);
    }

    #[test]
    fn providers_keep_what_is_left_out_by_name_not_by_position() {
        let provider = |name: &str| json!({"name": name, "clientId": name, "clientSecret": format!("{name}-secret")});
        let base =
            laid(&AuthOptions::new(), json!({"oauth2": {"providers": [provider("google"), provider("github")]}}));
        let sent = json!({"oauth2": {"enabled": true, "providers": [
            {"name": "github", "pkce": true}, {"name": "google", "extra": {"a": 1}}, {"name": "gitlab", "clientId": "x"}, null
        ]}});
        let after = laid(&base, sent);
        let shown: Vec<_> = after
            .oauth2
            .providers
            .iter()
            .map(|p| (p.name.as_str(), p.client_id.as_str(), p.client_secret.as_str()))
            .collect();
        let expected = [
            ("github", "github", "github-secret"),
            ("google", "google", "google-secret"),
            ("gitlab", "x", ""),
            ("", "", ""),
        ];
        assert_eq!(shown, expected);
        assert_eq!(after.oauth2.providers[0].pkce, Some(true));
        assert!(after.oauth2.enabled);
        assert_eq!(laid(&after, json!({"oauth2": {"providers": null}})).oauth2.providers, []);
    }

    #[test]
    fn wrong_types_are_refused() {
        let base = AuthOptions::new();
        for sent in [
            json!({"otp": 1}),
            json!({"otp": {"duration": "60"}}),
            json!({"otp": {"duration": 1.5}}),
            json!({"otp": {"enabled": "true"}}),
            json!({"authRule": false}),
            json!({"oauth2": []}),
            json!({"oauth2": {"providers": {}}}),
            json!({"oauth2": {"providers": ["google"]}}),
            json!({"oauth2": {"providers": [{"name": 1}]}}),
            json!({"oauth2": {"providers": [{"name": "x", "pkce": "yes"}]}}),
            json!({"oauth2": {"providers": [{"name": "x", "extra": []}]}}),
            json!({"passwordAuth": {"identityFields": "email"}}),
            json!({"authToken": {"secret": 5}}),
        ] {
            assert!(lay_over(&base, sent.as_object().expect("an object"), Source::Json).is_err(), "{sent}");
        }
    }
}
