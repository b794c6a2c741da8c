//! The checks of the options of an auth collection (contract/02 §3, §6).

use std::collections::HashSet;

use serde_json::json;

use super::{Candidate, check_one_rule};
use crate::error::{FieldError, FieldErrors};
use crate::formats::{UrlScheme, is_url};
use crate::schema::auth_options::{EmailTemplate, Mfa, OAuth2, OAuth2Provider, Otp, TokenOptions};
use crate::schema::oauth2::find_provider;
use crate::schema::{AuthOptions, Collection};

const DAY_SECONDS: i64 = 86_400;
const DURATION_SECONDS_MIN: i64 = 10;
/// Three years.
const TOKEN_SECONDS_MAX: i64 = 94_670_856;
const SECRET_BYTES: (usize, usize) = (30, 255);
const OTP_LENGTH_MIN: i64 = 4;
/// MFA asks for a second method.
const MFA_METHODS_MIN: usize = 2;

/// What is wrong, by key: everything that one key shows by itself, or else the first thing that several show together.
pub(super) fn check(candidate: &Candidate<'_>, options: &AuthOptions) -> Vec<(String, FieldError)> {
    let mut errors = Vec::new();
    let mut add = |key: &str, tree: FieldErrors| {
        if !tree.is_empty() {
            errors.push((key.to_owned(), FieldError::from(tree)));
        }
    };
    add("authAlert", nested("emailTemplate", check_template(&options.auth_alert.email_template)));
    add("oauth2", check_oauth2(&options.oauth2));
    add("passwordAuth", check_password_auth(options));
    add("mfa", check_mfa(&options.mfa));
    add("otp", check_otp(&options.otp));
    for (key, token) in options.tokens() {
        add(key, check_token(token));
    }
    add("verificationTemplate", check_template(&options.verification_template));
    add("resetPasswordTemplate", check_template(&options.reset_password_template));
    add("confirmEmailChangeTemplate", check_template(&options.confirm_email_change_template));
    let stored = candidate.stored.and_then(Collection::auth);
    let rule =
        check_one_rule(candidate, options.auth_rule.as_deref(), stored.map(|stored| stored.auth_rule.as_deref()));
    errors.extend(rule.map(|error| ("authRule".to_owned(), error)));
    errors.extend(check_manage_rule(candidate, options).map(|error| ("manageRule".to_owned(), error)));
    if errors.is_empty() {
        errors.extend(check_together(candidate, options));
    }
    errors
}

fn check_manage_rule(candidate: &Candidate<'_>, options: &AuthOptions) -> Option<FieldError> {
    if options.manage_rule.as_deref() == Some("") {
        return Some(FieldError::code("validation_nil_or_not_empty_required", "Cannot be blank."));
    }
    let stored = candidate.stored.and_then(Collection::auth);
    check_one_rule(candidate, options.manage_rule.as_deref(), stored.map(|stored| stored.manage_rule.as_deref()))
}

/// What depends on more than one option; stops at the first.
fn check_together(candidate: &Candidate<'_>, options: &AuthOptions) -> Option<(String, FieldError)> {
    let within = |key: &str, option: &str, error| Some((key.to_owned(), FieldErrors::one(option, error).into()));
    if options.mfa.enabled {
        let methods = [options.password_auth.enabled, options.oauth2.enabled, options.otp.enabled];
        if methods.iter().filter(|enabled| **enabled).count() < MFA_METHODS_MIN {
            let message = "MFA requires at least 2 auth methods to be enabled.";
            return within("mfa", "enabled", FieldError::code("validation_mfa_not_enough_auths", message));
        }
        let stored = candidate.stored.and_then(Collection::auth);
        let before = stored.map(|stored| Some(stored.mfa.rule.as_str()));
        if let Some(error) = check_one_rule(candidate, Some(&options.mfa.rule), before) {
            return within("mfa", "rule", error);
        }
    }
    if options.password_auth.enabled {
        let fields = options.password_auth.identity_fields.iter();
        let error = fields.filter_map(|field| check_identity_field(&candidate.draft.collection, field)).next();
        if let Some(error) = error {
            return within("passwordAuth", "identityFields", error);
        }
    }
    None
}

/// An identity names one account: its field is there and its values are unique.
fn check_identity_field(collection: &Collection, field: &str) -> Option<FieldError> {
    let params = json!({"fieldName": field});
    if collection.field(field).is_none() {
        let message = format!("Invalid or missing field {field}.");
        return Some(FieldError::with_params("validation_missing_field", message, params));
    }
    (!collection.read_indexes().any(|index| index.is_unique_on(field))).then(|| {
        let message = format!("The field {field} doesn't have a UNIQUE constraint.");
        FieldError::with_params("validation_missing_unique_constraint", message, params)
    })
}

fn check_template(template: &EmailTemplate) -> FieldErrors {
    let mut errors = FieldErrors::new();
    for (key, text) in [("subject", &template.subject), ("body", &template.body)] {
        if text.is_empty() {
            errors.add(key, FieldError::required());
        }
    }
    errors
}

fn check_token(token: &TokenOptions) -> FieldErrors {
    let mut errors = FieldErrors::new();
    let (min, max) = SECRET_BYTES;
    if token.secret.is_empty() {
        errors.add("secret", FieldError::required());
    } else if !(min..=max).contains(&token.secret.len()) {
        errors.add("secret", FieldError::length_outside(min, max));
    }
    if let Some(error) = check_duration(token.duration, TOKEN_SECONDS_MAX) {
        errors.add("duration", error);
    }
    errors
}

fn check_duration(seconds: i64, max: i64) -> Option<FieldError> {
    match seconds {
        0 => Some(FieldError::required()),
        seconds if seconds < DURATION_SECONDS_MIN => Some(FieldError::below(DURATION_SECONDS_MIN)),
        seconds if seconds > max => Some(FieldError::above(max)),
        _ => None,
    }
}

fn check_password_auth(options: &AuthOptions) -> FieldErrors {
    let password = &options.password_auth;
    let mut errors = FieldErrors::new();
    if password.enabled && password.identity_fields.is_empty() {
        errors.add("identityFields", FieldError::required());
    }
    errors
}

fn check_mfa(mfa: &Mfa) -> FieldErrors {
    let mut errors = FieldErrors::new();
    if mfa.enabled
        && let Some(error) = check_duration(mfa.duration, DAY_SECONDS)
    {
        errors.add("duration", error);
    }
    errors
}

fn check_otp(otp: &Otp) -> FieldErrors {
    let mut errors = FieldErrors::new();
    if otp.enabled {
        if let Some(error) = check_duration(otp.duration, DAY_SECONDS) {
            errors.add("duration", error);
        }
        match otp.length {
            0 => errors.add("length", FieldError::required()),
            length if length < OTP_LENGTH_MIN => errors.add("length", FieldError::below(OTP_LENGTH_MIN)),
            _ => {}
        }
    }
    errors.add_tree("emailTemplate", check_template(&otp.email_template));
    errors
}

fn check_oauth2(oauth2: &OAuth2) -> FieldErrors {
    if !oauth2.enabled {
        return FieldErrors::new();
    }
    let mut names = HashSet::new();
    let repeated = oauth2.providers.iter().enumerate().find(|(_, provider)| !names.insert(provider.name.as_str()));
    if let Some((index, provider)) = repeated {
        let message = format!("The provider {} is already registered.", provider.name);
        let params = json!({"name": provider.name});
        let error = FieldError::with_params("validation_duplicated_provider", message, params);
        let entry = FieldErrors::one(index.to_string(), FieldErrors::one("name", error));
        return FieldErrors::one("providers", entry);
    }
    let mut errors = FieldErrors::new();
    for (index, provider) in oauth2.providers.iter().enumerate() {
        errors.add_tree(index.to_string(), check_provider(provider));
    }
    nested("providers", errors)
}

fn check_provider(provider: &OAuth2Provider) -> FieldErrors {
    let mut errors = FieldErrors::new();
    let name = &provider.name;
    if name.is_empty() {
        errors.add("name", FieldError::required());
    } else if find_provider(name).is_none() {
        let message = format!("Invalid or missing provider with name {name}.");
        errors.add("name", FieldError::with_params("validation_missing_provider", message, json!({"name": name})));
    }
    for (key, text) in [("clientId", &provider.client_id), ("clientSecret", &provider.client_secret)] {
        if text.is_empty() {
            errors.add(key, FieldError::required());
        }
    }
    let urls =
        [("authURL", &provider.auth_url), ("tokenURL", &provider.token_url), ("userInfoURL", &provider.user_info_url)];
    for (key, url) in urls {
        if !url.is_empty() && !is_url(url, UrlScheme::Required) {
            errors.add(key, FieldError::code("validation_is_url", "Must be a valid URL."));
        }
    }
    errors
}

/// `errors` under `key`, nothing if there are none.
fn nested(key: &str, errors: FieldErrors) -> FieldErrors {
    let mut tree = FieldErrors::new();
    tree.add_tree(key, errors);
    tree
}
