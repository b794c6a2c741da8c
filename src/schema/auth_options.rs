//! The options of an auth collection (contract/02 §3): who may sign in, how, and for how long.
//!
//! The serde form is the stored one (contract/01 §5): keys in the order of the struct, secrets in clear, a missing or
//! null key is the zero value. Keys that this version doesn't know stay in `unknown` and are written back
//! (contract/01 §9). What clients see leaves the secrets
//! out ([`super::Collection::to_json`]).

mod templates;

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value as Json};

use crate::ids;

/// Length of a new signing secret (contract/02 §3).
const SECRET_LENGTH: usize = 50;
const MINUTE_SECONDS: i64 = 60;
const DAY_SECONDS: i64 = 24 * 60 * MINUTE_SECONDS;

/// All options of an auth collection. `Default` is the zero value; a new collection has [`AuthOptions::new`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AuthOptions {
    /// A filter over the record after login; `None`: nobody may log in.
    pub auth_rule: Option<String>,
    /// Who may manage other records of the collection; `None`: superusers alone.
    pub manage_rule: Option<String>,
    #[serde(deserialize_with = "null_as_default")]
    pub auth_alert: AuthAlert,
    #[serde(deserialize_with = "null_as_default")]
    pub oauth2: OAuth2,
    #[serde(deserialize_with = "null_as_default")]
    pub password_auth: PasswordAuth,
    #[serde(deserialize_with = "null_as_default")]
    pub mfa: Mfa,
    #[serde(deserialize_with = "null_as_default")]
    pub otp: Otp,
    #[serde(deserialize_with = "null_as_default")]
    pub auth_token: TokenOptions,
    #[serde(deserialize_with = "null_as_default")]
    pub password_reset_token: TokenOptions,
    #[serde(deserialize_with = "null_as_default")]
    pub email_change_token: TokenOptions,
    #[serde(deserialize_with = "null_as_default")]
    pub verification_token: TokenOptions,
    #[serde(deserialize_with = "null_as_default")]
    pub file_token: TokenOptions,
    #[serde(deserialize_with = "null_as_default")]
    pub verification_template: EmailTemplate,
    #[serde(deserialize_with = "null_as_default")]
    pub reset_password_template: EmailTemplate,
    #[serde(deserialize_with = "null_as_default")]
    pub confirm_email_change_template: EmailTemplate,
}

/// The mail that tells of a login from a new place.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AuthAlert {
    #[serde(deserialize_with = "null_as_default")]
    pub enabled: bool,
    #[serde(deserialize_with = "null_as_default")]
    pub email_template: EmailTemplate,
    #[serde(flatten)]
    pub unknown: Map<String, Json>,
}

/// Sign-in through providers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OAuth2 {
    #[serde(deserialize_with = "null_as_default")]
    pub providers: Vec<OAuth2Provider>,
    #[serde(deserialize_with = "null_as_default")]
    pub mapped_fields: MappedFields,
    #[serde(deserialize_with = "null_as_default")]
    pub enabled: bool,
    #[serde(flatten)]
    pub unknown: Map<String, Json>,
}

/// One configured provider; its name is a row of the provider table.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct OAuth2Provider {
    /// `None`: the provider's own default.
    pub pkce: Option<bool>,
    #[serde(deserialize_with = "null_as_default")]
    pub name: String,
    #[serde(rename = "clientId", deserialize_with = "null_as_default")]
    pub client_id: String,
    #[serde(rename = "clientSecret", deserialize_with = "null_as_default", skip_serializing_if = "String::is_empty")]
    pub client_secret: String,
    #[serde(rename = "authURL", deserialize_with = "null_as_default")]
    pub auth_url: String,
    #[serde(rename = "tokenURL", deserialize_with = "null_as_default")]
    pub token_url: String,
    #[serde(rename = "userInfoURL", deserialize_with = "null_as_default")]
    pub user_info_url: String,
    #[serde(rename = "displayName", deserialize_with = "null_as_default")]
    pub display_name: String,
    /// What some providers need besides, such as `jwksURL`.
    pub extra: Option<Map<String, Json>>,
    #[serde(flatten)]
    pub unknown: Map<String, Json>,
}

/// Which fields of a new record are filled from the provider's account; `""` fills none.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MappedFields {
    #[serde(deserialize_with = "null_as_default")]
    pub id: String,
    #[serde(deserialize_with = "null_as_default")]
    pub name: String,
    #[serde(deserialize_with = "null_as_default")]
    pub username: String,
    #[serde(rename = "avatarURL", deserialize_with = "null_as_default")]
    pub avatar_url: String,
    #[serde(flatten)]
    pub unknown: Map<String, Json>,
}

/// Sign-in by identity and password.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PasswordAuth {
    #[serde(deserialize_with = "null_as_default")]
    pub enabled: bool,
    /// Fields that may name the account, each with a unique index of its own.
    #[serde(deserialize_with = "null_as_default")]
    pub identity_fields: Vec<String>,
    #[serde(flatten)]
    pub unknown: Map<String, Json>,
}

/// A second sign-in method for those whom `rule` matches.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Mfa {
    #[serde(deserialize_with = "null_as_default")]
    pub enabled: bool,
    /// Seconds between the first and the second method.
    #[serde(deserialize_with = "null_as_default")]
    pub duration: i64,
    #[serde(deserialize_with = "null_as_default")]
    pub rule: String,
    #[serde(flatten)]
    pub unknown: Map<String, Json>,
}

/// Sign-in by a mailed one-time password.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Otp {
    #[serde(deserialize_with = "null_as_default")]
    pub enabled: bool,
    /// Seconds that a password lives.
    #[serde(deserialize_with = "null_as_default")]
    pub duration: i64,
    /// Digits of a password.
    #[serde(deserialize_with = "null_as_default")]
    pub length: i64,
    #[serde(deserialize_with = "null_as_default")]
    pub email_template: EmailTemplate,
    #[serde(flatten)]
    pub unknown: Map<String, Json>,
}

/// One kind of token: part of its signing key, and its life in seconds (contract/10 §1–2).
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TokenOptions {
    #[serde(deserialize_with = "null_as_default")]
    pub secret: String,
    #[serde(deserialize_with = "null_as_default")]
    pub duration: i64,
    #[serde(flatten)]
    pub unknown: Map<String, Json>,
}

/// A mail's subject and HTML body with placeholders (contract/02 §3).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EmailTemplate {
    #[serde(deserialize_with = "null_as_default")]
    pub subject: String,
    #[serde(deserialize_with = "null_as_default")]
    pub body: String,
    #[serde(flatten)]
    pub unknown: Map<String, Json>,
}

impl AuthOptions {
    /// The options of a new collection, without secrets: what scaffolds show (contract/02 §3, §12).
    pub fn scaffold() -> Self {
        Self {
            auth_rule: Some(String::new()),
            manage_rule: None,
            auth_alert: AuthAlert {
                enabled: true,
                email_template: EmailTemplate::of(templates::ALERT),
                ..AuthAlert::default()
            },
            oauth2: OAuth2::default(),
            password_auth: PasswordAuth {
                enabled: true,
                identity_fields: vec!["email".to_owned()],
                ..PasswordAuth::default()
            },
            mfa: Mfa { duration: 10 * MINUTE_SECONDS, ..Mfa::default() },
            otp: Otp {
                duration: 3 * MINUTE_SECONDS,
                length: 8,
                email_template: EmailTemplate::of(templates::OTP),
                ..Otp::default()
            },
            auth_token: TokenOptions::lasting(5 * DAY_SECONDS),
            password_reset_token: TokenOptions::lasting(30 * MINUTE_SECONDS),
            email_change_token: TokenOptions::lasting(30 * MINUTE_SECONDS),
            verification_token: TokenOptions::lasting(DAY_SECONDS),
            file_token: TokenOptions::lasting(3 * MINUTE_SECONDS),
            verification_template: EmailTemplate::of(templates::VERIFICATION),
            reset_password_template: EmailTemplate::of(templates::RESET_PASSWORD),
            confirm_email_change_template: EmailTemplate::of(templates::CONFIRM_EMAIL_CHANGE),
        }
    }

    /// The options of a new collection: the scaffold with a fresh secret for each kind of token.
    pub fn new() -> Self {
        let mut options = Self::scaffold();
        for (_, token) in options.tokens_mut() {
            token.secret = new_secret();
        }
        options
    }

    /// The options of `_superusers` in a new data directory (contract/01 §5).
    pub fn of_superusers() -> Self {
        let mut options = Self::new();
        options.auth_token.duration = DAY_SECONDS;
        options
    }

    /// The options of `users` in a new data directory (contract/01 §5).
    pub fn of_users() -> Self {
        let mut options = Self::new();
        options.oauth2.mapped_fields.name = "name".to_owned();
        options.oauth2.mapped_fields.avatar_url = "avatar".to_owned();
        options
    }

    /// The kinds of token by their key.
    pub fn tokens(&self) -> [(&'static str, &TokenOptions); 5] {
        [
            ("authToken", &self.auth_token),
            ("passwordResetToken", &self.password_reset_token),
            ("emailChangeToken", &self.email_change_token),
            ("verificationToken", &self.verification_token),
            ("fileToken", &self.file_token),
        ]
    }

    pub fn tokens_mut(&mut self) -> [(&'static str, &mut TokenOptions); 5] {
        [
            ("authToken", &mut self.auth_token),
            ("passwordResetToken", &mut self.password_reset_token),
            ("emailChangeToken", &mut self.email_change_token),
            ("verificationToken", &mut self.verification_token),
            ("fileToken", &mut self.file_token),
        ]
    }
}

impl EmailTemplate {
    fn of((subject, body): (&str, &str)) -> Self {
        Self { subject: subject.to_owned(), body: body.to_owned(), unknown: Map::new() }
    }
}

impl TokenOptions {
    fn lasting(duration: i64) -> Self {
        Self { secret: String::new(), duration, unknown: Map::new() }
    }
}

/// A fresh signing secret.
pub fn new_secret() -> String {
    ids::secret(SECRET_LENGTH)
}

// Secrets don't reach a log by `{:?}` of a collection.
impl fmt::Debug for TokenOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenOptions").field("secret", &"***").field("duration", &self.duration).finish_non_exhaustive()
    }
}

impl fmt::Debug for OAuth2Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OAuth2Provider")
            .field("name", &self.name)
            .field("client_id", &self.client_id)
            .field("client_secret", &"***")
            .finish_non_exhaustive()
    }
}

/// Null counts as absent, as everywhere in stored documents (contract/01 §5).
fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stored_form_has_the_keys_of_the_contract_in_their_order() {
        let stored = serde_json::to_value(AuthOptions::new()).expect("plain data");
        let keys: Vec<&str> = stored.as_object().expect("an object").keys().map(String::as_str).collect();
        assert_eq!(
            keys,
            [
                "authRule",
                "manageRule",
                "authAlert",
                "oauth2",
                "passwordAuth",
                "mfa",
                "otp",
                "authToken",
                "passwordResetToken",
                "emailChangeToken",
                "verificationToken",
                "fileToken",
                "verificationTemplate",
                "resetPasswordTemplate",
                "confirmEmailChangeTemplate"
            ]
        );
        assert_eq!(stored["authToken"]["secret"].as_str().map(str::len), Some(SECRET_LENGTH));
        assert_eq!(stored["authToken"]["duration"], 432_000);
        assert_eq!(stored["oauth2"]["mappedFields"]["avatarURL"], "");
    }

    #[test]
    fn null_and_missing_keys_are_zero_values_and_unknown_keys_come_back() {
        let text = r#"{"authRule":null,"oauth2":{"providers":null,"enabled":true,"later":[1]},"mfa":null,
            "authToken":{"secret":"s","duration":5,"rotate":true}}"#;
        let options: AuthOptions = serde_json::from_str(text).expect("readable");
        assert_eq!(options.oauth2.providers, []);
        assert!(options.oauth2.enabled);
        assert_eq!(options.mfa, Mfa::default());
        let written = serde_json::to_value(&options).expect("plain data");
        assert_eq!(written["oauth2"]["later"], serde_json::json!([1]));
        assert_eq!(written["authToken"]["rotate"], true);
    }

    #[test]
    fn debug_output_shows_no_secret() {
        let mut options = AuthOptions::new();
        options.oauth2.providers.push(OAuth2Provider { client_secret: "hush".to_owned(), ..OAuth2Provider::default() });
        let shown = format!("{options:?}");
        assert!(!shown.contains(&options.auth_token.secret) && !shown.contains("hush"));
    }

    #[test]
    fn each_template_holds_what_its_mail_is_for() {
        let options = AuthOptions::scaffold();
        let link = |action: &str| format!("class=\"btn\" href=\"{{APP_URL}}/_/#/auth/{action}/{{TOKEN}}\"");
        assert!(options.verification_template.body.contains(&link("confirm-verification")));
        assert!(options.reset_password_template.body.contains(&link("confirm-password-reset")));
        assert!(options.confirm_email_change_template.body.contains(&link("confirm-email-change")));
        assert!(options.otp.email_template.body.contains("<strong>{OTP}</strong>"));
        assert!(options.auth_alert.email_template.body.contains("{ALERT_INFO}"));
    }
}
