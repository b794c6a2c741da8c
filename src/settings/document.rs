//! The settings document: every key of contract/20 §1 with its default, and Monobase's own under `monobase`.
//!
//! Keys that this version doesn't know are kept in `unknown` at every level, so that a row written by a newer version
//! survives. Serialising gives the public form: secrets are left out (they stand in [`Settings::to_stored`] alone).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::crypto::Secret;

type Unknown = Map<String, Json>;

/// The whole document. Its fields are those of the wire, in its order.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Settings {
    /// Addresses and CIDR blocks that superusers may come from; empty is everywhere (contract/14 §3).
    #[serde(rename = "superuserIPs")]
    pub superuser_ips: Vec<String>,
    pub smtp: Smtp,
    pub backups: Backups,
    /// The bucket of record files.
    pub s3: S3,
    pub meta: Meta,
    pub rate_limits: RateLimits,
    pub trusted_proxy: TrustedProxy,
    pub batch: Batch,
    pub logs: Logs,
    pub monobase: Monobase,
    #[serde(flatten)]
    pub unknown: Unknown,
}

/// How mail leaves: by SMTP if `enabled`, else by a local sendmail (contract/20 §4).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Smtp {
    pub enabled: bool,
    pub port: i64,
    pub host: String,
    pub username: String,
    #[serde(skip_serializing, deserialize_with = "secret")]
    pub password: Secret<String>,
    /// `PLAIN`, `LOGIN`, or `""` for PLAIN.
    pub auth_method: String,
    /// TLS from the first byte; else STARTTLS where it is offered.
    pub tls: bool,
    /// The name said in EHLO; `""` is `localhost`.
    pub local_name: String,
    #[serde(flatten)]
    pub unknown: Unknown,
}

/// Automatic backups, and where backups lie.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Backups {
    /// `""` is never.
    pub cron: String,
    /// How many automatic backups stay; 0 keeps all.
    pub cron_max_keep: i64,
    pub s3: S3,
    #[serde(flatten)]
    pub unknown: Unknown,
}

/// A bucket.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct S3 {
    pub enabled: bool,
    pub bucket: String,
    pub region: String,
    pub endpoint: String,
    pub access_key: String,
    #[serde(skip_serializing, deserialize_with = "secret")]
    pub secret: Secret<String>,
    pub force_path_style: bool,
    #[serde(flatten)]
    pub unknown: Unknown,
}

/// What mails and the dashboard call the application.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Meta {
    /// `#rrggbb`.
    pub accent_color: String,
    pub app_name: String,
    #[serde(rename = "appURL")]
    pub app_url: String,
    pub sender_name: String,
    pub sender_address: String,
    pub hide_controls: bool,
    #[serde(flatten)]
    pub unknown: Unknown,
}

/// Contract/14 §2.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RateLimits {
    pub rules: Vec<RateLimitRule>,
    #[serde(rename = "excludedIPs")]
    pub excluded_ips: Vec<String>,
    pub enabled: bool,
    #[serde(flatten)]
    pub unknown: Unknown,
}

/// One limit; a new item starts from zero values.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RateLimitRule {
    pub label: String,
    /// `""`, `@guest` or `@auth`.
    pub audience: String,
    /// Seconds.
    pub duration: i64,
    pub max_requests: i64,
    #[serde(flatten)]
    pub unknown: Unknown,
}

/// Whose word about the client's address counts (contract/14 §3).
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TrustedProxy {
    pub headers: Vec<String>,
    #[serde(rename = "useLeftmostIP")]
    pub use_leftmost_ip: bool,
    #[serde(flatten)]
    pub unknown: Unknown,
}

/// Contract/06.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Batch {
    pub enabled: bool,
    pub max_requests: i64,
    /// Seconds.
    pub timeout: i64,
    /// Bytes; 0 is the default limit.
    pub max_body_size: i64,
    #[serde(flatten)]
    pub unknown: Unknown,
}

/// The activity log (contract/14 §7).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Logs {
    /// Bytes of one row's `data`; 0 is no limit.
    pub max_data_size: i64,
    /// Days; 0 is no log at all.
    pub max_days: i64,
    /// −4 debug, 0 info, 4 warning, 8 error.
    pub min_level: i64,
    #[serde(rename = "logIP")]
    pub log_ip: bool,
    pub log_auth_id: bool,
    #[serde(flatten)]
    pub unknown: Unknown,
}

/// What only Monobase knows (contract/00 §4).
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Monobase {
    pub changes: Changes,
    pub openapi: OpenApi,
    #[serde(flatten)]
    pub unknown: Unknown,
}

/// How much of the change log is kept: what is older than `max_hours` or beyond the newest `max_rows` goes.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Changes {
    pub max_hours: i64,
    pub max_rows: i64,
    #[serde(flatten)]
    pub unknown: Unknown,
}

/// Who may read the API's description of itself.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OpenApi {
    /// Everybody instead of superusers alone: it tells the names of all collections and fields, and their kinds.
    pub public: bool,
    #[serde(flatten)]
    pub unknown: Unknown,
}

impl Default for Smtp {
    fn default() -> Self {
        Self {
            enabled: false,
            port: 587,
            host: "smtp.example.com".into(),
            username: String::new(),
            password: Secret::default(),
            auth_method: String::new(),
            tls: false,
            local_name: String::new(),
            unknown: Map::new(),
        }
    }
}

impl Default for Backups {
    fn default() -> Self {
        Self { cron: String::new(), cron_max_keep: 3, s3: S3::default(), unknown: Map::new() }
    }
}

impl Default for Meta {
    fn default() -> Self {
        Self {
            accent_color: "#1055c9".into(),
            app_name: "Acme".into(),
            app_url: "http://localhost:8090".into(),
            sender_name: "Support".into(),
            sender_address: "support@example.com".into(),
            hide_controls: false,
            unknown: Map::new(),
        }
    }
}

impl Default for RateLimits {
    fn default() -> Self {
        let rule = |label: &str, duration, max_requests| RateLimitRule {
            label: label.into(),
            audience: String::new(),
            duration,
            max_requests,
            unknown: Map::new(),
        };
        Self {
            rules: vec![
                rule("*:auth", 3, 2),
                rule("*:create", 5, 20),
                rule("/api/batch", 1, 3),
                rule("/api/", 10, 300),
            ],
            excluded_ips: Vec::new(),
            enabled: false,
            unknown: Map::new(),
        }
    }
}

impl Default for Batch {
    fn default() -> Self {
        Self { enabled: false, max_requests: 50, timeout: 3, max_body_size: 0, unknown: Map::new() }
    }
}

impl Default for Logs {
    fn default() -> Self {
        Self { max_data_size: 0, max_days: 5, min_level: 0, log_ip: true, log_auth_id: false, unknown: Map::new() }
    }
}

impl Default for Changes {
    fn default() -> Self {
        Self { max_hours: 24, max_rows: 1_000_000, unknown: Map::new() }
    }
}

impl Settings {
    /// The document as `GET /api/settings` shows it: without the three secrets.
    pub fn to_public(&self) -> Json {
        serde_json::to_value(self).expect("settings are plain structs with text keys")
    }

    /// The document as it is stored, in clear, with its secrets (contract/20 §5): `smtp.password` always, the two
    /// `secret` only where they aren't empty.
    pub fn to_stored(&self) -> Json {
        let mut document = self.with_secrets();
        for path in ["/s3", "/backups/s3"] {
            if let Some(Json::Object(s3)) = document.pointer_mut(path)
                && s3.get("secret").is_some_and(|secret| secret == "")
            {
                s3.shift_remove("secret");
            }
        }
        document
    }

    /// Every key of the document, secrets included: what a change is merged into.
    pub(super) fn with_secrets(&self) -> Json {
        let mut document = self.to_public();
        let secrets = [
            ("/smtp", "username", "password", &self.smtp.password),
            ("/s3", "accessKey", "secret", &self.s3.secret),
            ("/backups/s3", "accessKey", "secret", &self.backups.s3.secret),
        ];
        for (path, after, key, secret) in secrets {
            if let Some(Json::Object(section)) = document.pointer_mut(path) {
                let index = section.keys().position(|k| k == after).map_or(section.len(), |index| index + 1);
                section.shift_insert(index, key.to_owned(), Json::String(secret.expose().clone()));
            }
        }
        document
    }
}

fn secret<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Secret<String>, D::Error> {
    String::deserialize(deserializer).map(Secret::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The fresh document of contract/20 §1, with what Monobase adds.
    const FRESH: &str = r##"{"superuserIPs":[],"smtp":{"enabled":false,"port":587,"host":"smtp.example.com","username":"","authMethod":"","tls":false,"localName":""},"backups":{"cron":"","cronMaxKeep":3,"s3":{"enabled":false,"bucket":"","region":"","endpoint":"","accessKey":"","forcePathStyle":false}},"s3":{"enabled":false,"bucket":"","region":"","endpoint":"","accessKey":"","forcePathStyle":false},"meta":{"accentColor":"#1055c9","appName":"Acme","appURL":"http://localhost:8090","senderName":"Support","senderAddress":"support@example.com","hideControls":false},"rateLimits":{"rules":[{"label":"*:auth","audience":"","duration":3,"maxRequests":2},{"label":"*:create","audience":"","duration":5,"maxRequests":20},{"label":"/api/batch","audience":"","duration":1,"maxRequests":3},{"label":"/api/","audience":"","duration":10,"maxRequests":300}],"excludedIPs":[],"enabled":false},"trustedProxy":{"headers":[],"useLeftmostIP":false},"batch":{"enabled":false,"maxRequests":50,"timeout":3,"maxBodySize":0},"logs":{"maxDataSize":0,"maxDays":5,"minLevel":0,"logIP":true,"logAuthId":false},"monobase":{"changes":{"maxHours":24,"maxRows":1000000},"openapi":{"public":false}}}"##;

    #[test]
    fn the_fresh_document_has_the_keys_values_and_order_of_the_contract() {
        assert_eq!(Settings::default().to_public().to_string(), FRESH);
    }

    #[test]
    fn secrets_stand_in_the_stored_form_alone() {
        let mut settings = Settings::default();
        settings.smtp.password = "p1".into();
        settings.s3.secret = "p2".into();
        assert!(!settings.to_public().to_string().contains("p1"));
        assert!(!format!("{settings:?}").contains("p1"));
        let stored = settings.to_stored();
        assert_eq!(stored["smtp"]["password"], "p1");
        assert_eq!(stored["s3"]["secret"], "p2");
        assert_eq!(stored["backups"]["s3"].get("secret"), None);
        let keys: Vec<&String> = stored["smtp"].as_object().unwrap().keys().take(5).collect();
        assert_eq!(keys, ["enabled", "port", "host", "username", "password"]);
    }

    #[test]
    fn the_stored_form_of_a_fresh_document_has_an_empty_mail_password() {
        let expected = FRESH.replacen(r#""username":"","#, r#""username":"","password":"","#, 1);
        assert_eq!(Settings::default().to_stored().to_string(), expected);
    }
}
