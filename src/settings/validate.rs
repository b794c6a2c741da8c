//! The checks of contract/20 §2, all together; what they refuse is nested as the document is.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::json;

use super::document::{Backups, Batch, Changes, Logs, Meta, RateLimitRule, RateLimits, S3, Settings, Smtp};
use crate::cron::{Cron, CronError};
use crate::error::{FieldError, FieldErrors};
use crate::formats::{IpBlock, UrlScheme, is_email, is_host, is_url};

const NAME_BYTES_MAX: usize = 255;
/// `#rrggbb`.
const COLOR_BYTES: usize = 7;
/// Lists are walked for each request (rules, addresses) or compared pairwise (rules): their lengths have a bound.
const LIST_ITEMS_MAX: usize = 1000;

/// What a rate limit may be for: `GET /api/x`, `/api/`, `users:create`, `*:create`, `tag` (contract/20 §2).
static LABEL: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = r"^(?:[0-9A-Za-z_]+ /[0-9A-Za-z_/-]*|/[0-9A-Za-z_/-]*|[0-9A-Za-z_]+:[0-9A-Za-z_]+|\*:[0-9A-Za-z_]+|[0-9A-Za-z_]+)$";
    Regex::new(pattern).expect("the pattern is a constant")
});

impl Settings {
    /// Everything that is wrong with the document, by its keys.
    pub fn validate(&self) -> FieldErrors {
        let mut errors = FieldErrors::new();
        errors.add_tree("superuserIPs", check_addresses(&self.superuser_ips));
        errors.add_tree("smtp", self.smtp.validate());
        errors.add_tree("backups", self.backups.validate());
        errors.add_tree("s3", self.s3.validate());
        errors.add_tree("meta", self.meta.validate());
        errors.add_tree("rateLimits", self.rate_limits.validate());
        let mut proxy = FieldErrors::new();
        check(&mut proxy, "headers", bounded(&self.trusted_proxy.headers));
        errors.add_tree("trustedProxy", proxy);
        errors.add_tree("batch", self.batch.validate());
        errors.add_tree("logs", self.logs.validate());
        let mut own = FieldErrors::new();
        own.add_tree("changes", self.monobase.changes.validate());
        errors.add_tree("monobase", own);
        errors
    }
}

impl Smtp {
    fn validate(&self) -> FieldErrors {
        let mut errors = FieldErrors::new();
        let host = required_if(self.enabled, &self.host);
        check(&mut errors, "host", host.or_else(|| format(&self.host, is_host, host_error)));
        let port = (self.enabled && self.port == 0).then(FieldError::required);
        check(&mut errors, "port", port.or_else(|| at_least(self.port, 0)));
        check(&mut errors, "authMethod", one_of(&self.auth_method, &["PLAIN", "LOGIN"]));
        check(&mut errors, "localName", format(&self.local_name, is_host, host_error));
        errors
    }
}

impl Backups {
    fn validate(&self) -> FieldErrors {
        let mut errors = FieldErrors::new();
        let cron = if self.cron.is_empty() { None } else { Cron::parse(&self.cron).err() };
        let invalid = |error: CronError| FieldError::code("validation_invalid_cron", error.to_string());
        check(&mut errors, "cron", cron.map(invalid));
        let keep = (!self.cron.is_empty() && self.cron_max_keep == 0).then(FieldError::required);
        check(&mut errors, "cronMaxKeep", keep.or_else(|| at_least(self.cron_max_keep, 1)));
        errors.add_tree("s3", self.s3.validate());
        errors
    }
}

impl S3 {
    fn validate(&self) -> FieldErrors {
        let mut errors = FieldErrors::new();
        let endpoint = required_if(self.enabled, &self.endpoint);
        check(&mut errors, "endpoint", endpoint.or_else(|| format(&self.endpoint, is_loose_url, url_error)));
        check(&mut errors, "bucket", required_if(self.enabled, &self.bucket));
        check(&mut errors, "region", required_if(self.enabled, &self.region));
        check(&mut errors, "accessKey", required_if(self.enabled, &self.access_key));
        check(&mut errors, "secret", required_if(self.enabled, self.secret.expose()));
        errors
    }
}

impl Meta {
    fn validate(&self) -> FieldErrors {
        let mut errors = FieldErrors::new();
        check(&mut errors, "accentColor", check_color(&self.accent_color));
        check(&mut errors, "appName", required_text(&self.app_name, NAME_BYTES_MAX));
        let url = required_if(true, &self.app_url);
        check(&mut errors, "appURL", url.or_else(|| format(&self.app_url, is_loose_url, url_error)));
        check(&mut errors, "senderName", required_text(&self.sender_name, NAME_BYTES_MAX));
        let address = required_if(true, &self.sender_address);
        check(&mut errors, "senderAddress", address.or_else(|| format(&self.sender_address, is_email, email_error)));
        errors
    }
}

impl RateLimits {
    fn validate(&self) -> FieldErrors {
        let mut errors = FieldErrors::new();
        let rules = (self.enabled && self.rules.is_empty()).then(FieldError::required);
        check(&mut errors, "rules", rules.or_else(|| bounded(&self.rules)));
        let mut items = FieldErrors::new();
        for (index, rule) in self.rules.iter().enumerate() {
            items.add_tree(index.to_string(), rule.validate());
        }
        if items.is_empty() && !errors.contains("rules") {
            items = check_conflicts(&self.rules);
        }
        errors.add_tree("rules", items);
        errors.add_tree("excludedIPs", check_addresses(&self.excluded_ips));
        errors
    }
}

impl RateLimitRule {
    fn validate(&self) -> FieldErrors {
        let mut errors = FieldErrors::new();
        let label = required_if(true, &self.label);
        check(&mut errors, "label", label.or_else(|| format(&self.label, |label| LABEL.is_match(label), match_error)));
        check(&mut errors, "maxRequests", required_at_least_one(self.max_requests));
        check(&mut errors, "duration", required_at_least_one(self.duration));
        check(&mut errors, "audience", one_of(&self.audience, &["@guest", "@auth"]));
        errors
    }
}

impl Batch {
    fn validate(&self) -> FieldErrors {
        let mut errors = FieldErrors::new();
        for (key, value) in [("maxRequests", self.max_requests), ("timeout", self.timeout)] {
            let blank = (self.enabled && value == 0).then(FieldError::required);
            check(&mut errors, key, blank.or_else(|| at_least(value, 0)));
        }
        check(&mut errors, "maxBodySize", at_least(self.max_body_size, 0));
        errors
    }
}

impl Logs {
    fn validate(&self) -> FieldErrors {
        let mut errors = FieldErrors::new();
        check(&mut errors, "maxDays", at_least(self.max_days, 0));
        check(&mut errors, "maxDataSize", at_least(self.max_data_size, 0));
        errors
    }
}

impl Changes {
    fn validate(&self) -> FieldErrors {
        let mut errors = FieldErrors::new();
        check(&mut errors, "maxHours", required_at_least_one(self.max_hours));
        check(&mut errors, "maxRows", required_at_least_one(self.max_rows));
        errors
    }
}

/// No rule's `label@@audience` may be the beginning of another's: the later of the two is the one at fault.
fn check_conflicts(rules: &[RateLimitRule]) -> FieldErrors {
    let keys: Vec<String> = rules.iter().map(|rule| format!("{}@@{}", rule.label, rule.audience)).collect();
    let mut errors = FieldErrors::new();
    for (index, key) in keys.iter().enumerate() {
        if keys[..index].iter().any(|earlier| earlier.starts_with(key) || key.starts_with(earlier)) {
            let label = &rules[index].label;
            let text = format!(
                "Rate limit rule configuration with label {label} already exists or conflicts with another rule."
            );
            let conflict =
                FieldError::with_params("validation_conflicting_rate_limit_rule", text, json!({ "label": label }));
            errors.add_tree(index.to_string(), FieldErrors::one("label", conflict));
        }
    }
    errors
}

fn check(errors: &mut FieldErrors, key: &str, error: Option<FieldError>) {
    if let Some(error) = error {
        errors.add(key, error);
    }
}

fn required_if(is_required: bool, text: &str) -> Option<FieldError> {
    (is_required && text.is_empty()).then(FieldError::required)
}

fn required_text(text: &str, bytes_max: usize) -> Option<FieldError> {
    required_if(true, text).or_else(|| {
        (text.len() > bytes_max).then(|| {
            FieldError::with_params(
                "validation_length_out_of_range",
                format!("The length must be between 1 and {bytes_max}."),
                json!({ "min": 1, "max": bytes_max }),
            )
        })
    })
}

/// The error of a text that isn't blank and doesn't have the format.
fn format(text: &str, has_format: impl Fn(&str) -> bool, error: fn() -> FieldError) -> Option<FieldError> {
    (!text.is_empty() && !has_format(text)).then(error)
}

fn one_of(text: &str, values: &[&str]) -> Option<FieldError> {
    format(text, |text| values.contains(&text), || FieldError::code("validation_in_invalid", "Must be a valid value."))
}

/// Zero is blank, and passes.
fn at_least(number: i64, threshold: i64) -> Option<FieldError> {
    (number != 0 && number < threshold).then(|| {
        FieldError::with_params(
            "validation_min_greater_equal_than_required",
            format!("Must be no less than {threshold}."),
            json!({ "threshold": threshold }),
        )
    })
}

fn required_at_least_one(number: i64) -> Option<FieldError> {
    (number == 0).then(FieldError::required).or_else(|| at_least(number, 1))
}

fn bounded<T>(list: &[T]) -> Option<FieldError> {
    (list.len() > LIST_ITEMS_MAX).then(|| {
        FieldError::with_params(
            "validation_length_too_long",
            format!("The length must be no more than {LIST_ITEMS_MAX}."),
            json!({ "min": 0, "max": LIST_ITEMS_MAX }),
        )
    })
}

fn check_addresses(addresses: &[String]) -> FieldErrors {
    let mut errors = FieldErrors::new();
    for (index, address) in addresses.iter().enumerate() {
        let is_block = |text: &str| IpBlock::parse(text).is_some();
        let invalid = || FieldError::code("validation_invlaid_ip_or_subnet", "invalid IP or CIDR subnet");
        let error = required_if(true, address).or_else(|| format(address, is_block, invalid));
        check(&mut errors, &index.to_string(), error);
    }
    errors
}

fn check_color(color: &str) -> Option<FieldError> {
    if color.is_empty() {
        return None;
    }
    if color.len() != COLOR_BYTES {
        return Some(FieldError::with_params(
            "validation_length_invalid",
            format!("The length must be exactly {COLOR_BYTES}."),
            json!({ "min": COLOR_BYTES, "max": COLOR_BYTES }),
        ));
    }
    let is_color =
        |text: &str| text.strip_prefix('#').is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    format(color, is_color, || FieldError::code("validation_is_hex_color", "Must be a valid hexadecimal color code."))
}

fn is_loose_url(text: &str) -> bool {
    is_url(text, UrlScheme::Optional)
}

fn host_error() -> FieldError {
    FieldError::code("validation_is_host", "Must be a valid IP address or DNS name.")
}

fn url_error() -> FieldError {
    FieldError::code("validation_is_url", "Must be a valid URL.")
}

fn email_error() -> FieldError {
    FieldError::code("validation_is_email", "Must be a valid email address.")
}

fn match_error() -> FieldError {
    FieldError::code("validation_match_invalid", "Must be in a valid format.")
}

#[cfg(test)]
mod tests;
