//! One request as its row holds it.

use std::borrow::Cow;

use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value as Json};

use crate::settings::Logs;

const METHOD_BYTES_MAX: usize = 50;
const URL_BYTES_MAX: usize = 3000;
const HEADER_BYTES_MAX: usize = 2000;
/// URL parameters that carry a key: their values are masked.
const SECRET_PARAMETERS: [&str; 4] = ["token", "otp", "code", "password"];
const TRUNCATED: &str = "__pb_truncated__";

/// Who asked, if anybody was signed in.
#[derive(Clone, Debug)]
pub struct AuthOf {
    pub collection: String,
    pub id: String,
}

/// A request that was answered.
#[derive(Clone, Debug)]
pub struct RequestEntry {
    /// When it was answered.
    pub at: Timestamp,
    pub method: String,
    /// As sent, with its query.
    pub url: String,
    pub status: u16,
    pub exec_ms: f64,
    pub referer: String,
    pub user_agent: String,
    pub auth: Option<AuthOf>,
    pub user_ip: String,
    pub remote_ip: String,
    /// The message of an error answer.
    pub error: Option<String>,
    /// What caused it: a text, the refused fields, or nothing.
    pub details: Json,
    /// What the route adds.
    pub meta: Option<Json>,
}

impl RequestEntry {
    /// 8 for an error answer, else 0.
    pub fn level(&self) -> i64 {
        if self.error.is_some() { 8 } else { 0 }
    }

    /// `METHOD URI`, decoded.
    pub fn message(&self) -> String {
        let url = mask(&self.url);
        let decoded = percent_decode_str(&url).decode_utf8_lossy();
        format!("{} {}", cut(&self.method, METHOD_BYTES_MAX), cut(&decoded, URL_BYTES_MAX))
    }

    /// The row's `data`, keys sorted, as the settings want it.
    pub fn data(&self, settings: &Logs) -> Map<String, Json> {
        let auth = self.auth.as_ref();
        let mut data = vec![
            ("auth", Json::from(auth.map_or("", |auth| auth.collection.as_str()))),
            ("execTime", Json::from(self.exec_ms)),
            ("method", cut(&self.method, METHOD_BYTES_MAX).into()),
            ("referer", cut(&mask(&self.referer), HEADER_BYTES_MAX).into()),
            ("status", self.status.into()),
            ("type", "request".into()),
            ("url", cut(&mask(&self.url), URL_BYTES_MAX).into()),
            ("userAgent", cut(&self.user_agent, HEADER_BYTES_MAX).into()),
        ];
        if settings.log_ip {
            data.push(("remoteIP", self.remote_ip.as_str().into()));
            data.push(("userIP", self.user_ip.as_str().into()));
        }
        if let (true, Some(auth)) = (settings.log_auth_id, auth) {
            data.push(("authId", auth.id.as_str().into()));
        }
        if let Some(error) = &self.error {
            data.push(("details", self.details.clone()));
            data.push(("error", error.as_str().into()));
        }
        if let Some(meta) = &self.meta {
            data.push(("meta", meta.clone()));
        }
        data.sort_by_key(|(key, _)| *key);
        bounded(data, usize::try_from(settings.max_data_size).unwrap_or(0))
    }
}

/// The keys in order while they fit `bytes_max` (0: all of them); the first value that doesn't is null, the rest goes.
fn bounded(data: Vec<(&'static str, Json)>, bytes_max: usize) -> Map<String, Json> {
    let mut kept = Map::new();
    let mut used = "{}".len();
    for (key, value) in data {
        let text = value.to_string();
        used += key.len() + "\"\":,".len() + text.len();
        if bytes_max == 0 || used <= bytes_max {
            kept.insert(key.to_owned(), value);
            continue;
        }
        if !kept.is_empty() {
            kept.insert(key.to_owned(), Json::Null);
        }
        kept.shift_insert(0, TRUNCATED.to_owned(), true.into());
        break;
    }
    kept
}

/// At most `bytes_max` bytes, whole characters, and `...` if something was cut off.
fn cut(text: &str, bytes_max: usize) -> Cow<'_, str> {
    if text.len() <= bytes_max {
        return Cow::Borrowed(text);
    }
    Cow::Owned(format!("{}...", &text[..text.floor_char_boundary(bytes_max)]))
}

/// The URL with the values of secret parameters as `***`.
fn mask(url: &str) -> Cow<'_, str> {
    let Some((path, query)) = url.split_once('?') else { return Cow::Borrowed(url) };
    let is_secret = |pair: &str| {
        let name = pair.split('=').next().unwrap_or("");
        let name = percent_decode_str(name).decode_utf8_lossy();
        SECRET_PARAMETERS.iter().any(|secret| name.eq_ignore_ascii_case(secret))
    };
    if !query.split('&').any(is_secret) {
        return Cow::Borrowed(url);
    }
    let pairs = query.split('&').map(|pair| match pair.split_once('=') {
        Some((name, _)) if is_secret(pair) => format!("{name}=***"),
        _ => pair.to_owned(),
    });
    Cow::Owned(format!("{path}?{}", pairs.collect::<Vec<_>>().join("&")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn entry() -> RequestEntry {
        RequestEntry {
            at: Timestamp::UNIX_EPOCH,
            method: "GET".into(),
            url: "/api/files/a/b/c%20d.txt?token=secret.a.b&thumb=1".into(),
            status: 200,
            exec_ms: 1.5,
            referer: "http://a.de/?TOKEN=secret".into(),
            user_agent: "x".repeat(2100),
            auth: Some(AuthOf { collection: "users".into(), id: "u1".into() }),
            user_ip: "1.1.1.1".into(),
            remote_ip: "2.2.2.2".into(),
            error: None,
            details: Json::Null,
            meta: None,
        }
    }

    #[test]
    fn tokens_are_masked_wherever_a_url_stands() {
        let entry = entry();
        let data = entry.data(&Logs::default());
        assert_eq!(data["url"], "/api/files/a/b/c%20d.txt?token=***&thumb=1");
        assert_eq!(data["referer"], "http://a.de/?TOKEN=***");
        assert_eq!(entry.message(), "GET /api/files/a/b/c d.txt?token=***&thumb=1");
    }

    #[test]
    fn keys_are_sorted_and_depend_on_the_settings() {
        let keys = |settings: &Logs| entry().data(settings).keys().cloned().collect::<Vec<_>>().join(" ");
        let all = "auth execTime method referer remoteIP status type url userAgent userIP";
        assert_eq!(keys(&Logs::default()), all);
        let quiet = Logs { log_ip: false, log_auth_id: true, ..Logs::default() };
        assert_eq!(keys(&quiet), "auth authId execTime method referer status type url userAgent");
    }

    #[test]
    fn what_does_not_fit_is_cut_and_marked() {
        let limited = |bytes| entry().data(&Logs { max_data_size: bytes, ..Logs::default() });
        let data = limited(300);
        assert_eq!((&data[TRUNCATED], &data["userAgent"]), (&json!(true), &Json::Null));
        assert!(!data.contains_key("userIP") && data.contains_key("url"));
        assert_eq!(Json::Object(limited(1)), json!({ TRUNCATED: true }));
        assert!(!limited(0).contains_key(TRUNCATED));
    }

    #[test]
    fn errors_say_what_and_why() {
        let failed = RequestEntry { error: Some("Bad.".into()), details: json!({"a": 1}), ..entry() };
        let data = failed.data(&Logs::default());
        assert_eq!((&data["error"], &data["details"], failed.level()), (&json!("Bad."), &json!({"a": 1}), 8));
    }
}
