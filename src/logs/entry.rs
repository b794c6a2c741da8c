//! One request as its row holds it.

use std::borrow::Cow;
use std::net::IpAddr;

use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use serde_json::Value as Json;

use crate::formats::ip_text;
use crate::schema::json::{write_number, write_string};
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
    pub user_ip: IpAddr,
    pub remote_ip: IpAddr,
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

    /// The row's `data`: an object with sorted keys, as the settings want it.
    pub fn data(&self, settings: &Logs) -> String {
        let auth = self.auth.as_ref();
        let mut data = BoundedObject::new(usize::try_from(settings.max_data_size).unwrap_or(0));
        data.text("auth", auth.map_or("", |auth| auth.collection.as_str()));
        if let (true, Some(auth)) = (settings.log_auth_id, auth) {
            data.text("authId", &auth.id);
        }
        if let Some(error) = &self.error {
            data.json("details", &self.details);
            data.text("error", error);
        }
        data.put("execTime", |out| write_number(self.exec_ms, out));
        if let Some(meta) = &self.meta {
            data.json("meta", meta);
        }
        data.text("method", &cut(&self.method, METHOD_BYTES_MAX));
        data.text("referer", &cut(&mask(&self.referer), HEADER_BYTES_MAX));
        if settings.log_ip {
            data.text("remoteIP", &ip_text(self.remote_ip));
        }
        data.put("status", |out| write_number(self.status.into(), out));
        data.text("type", "request");
        data.text("url", &cut(&mask(&self.url), URL_BYTES_MAX));
        data.text("userAgent", &cut(&self.user_agent, HEADER_BYTES_MAX));
        if settings.log_ip {
            data.text("userIP", &ip_text(self.user_ip));
        }
        data.finish()
    }
}

/// An object that is written key by key while it fits `bytes_max` (0: always); the first value that doesn't fit is null,
/// the rest is left out, and `__pb_truncated__` stands first.
struct BoundedObject {
    /// The members so far, each with a comma in front.
    members: Vec<u8>,
    bytes_max: usize,
    is_truncated: bool,
}

impl BoundedObject {
    fn new(bytes_max: usize) -> Self {
        Self { members: Vec::with_capacity(512), bytes_max, is_truncated: false }
    }

    fn put(&mut self, key: &str, write: impl FnOnce(&mut Vec<u8>)) {
        if self.is_truncated {
            return;
        }
        let from = self.members.len();
        self.write_key(key);
        write(&mut self.members);
        if self.bytes_max > 0 && "{}".len() + self.members.len() > self.bytes_max {
            self.is_truncated = true;
            self.members.truncate(from);
            if from > 0 {
                self.write_key(key);
                self.members.extend_from_slice(b"null");
            }
        }
    }

    fn text(&mut self, key: &str, text: &str) {
        self.put(key, |out| write_string(text, out));
    }

    fn json(&mut self, key: &str, value: &Json) {
        self.put(key, |out| serde_json::to_writer(out, value).expect("a JSON value can be written to memory"));
    }

    fn write_key(&mut self, key: &str) {
        self.members.push(b',');
        write_string(key, &mut self.members);
        self.members.push(b':');
    }

    fn finish(self) -> String {
        let members = String::from_utf8(self.members).expect("JSON of texts");
        let members = members.strip_prefix(',').unwrap_or(&members);
        match (self.is_truncated, members) {
            (false, members) => format!("{{{members}}}"),
            (true, "") => format!("{{\"{TRUNCATED}\":true}}"),
            (true, members) => format!("{{\"{TRUNCATED}\":true,{members}}}"),
        }
    }
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
    use serde_json::{Map, json};

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
            user_ip: [1, 1, 1, 1].into(),
            remote_ip: [2, 2, 2, 2].into(),
            error: None,
            details: Json::Null,
            meta: None,
        }
    }

    fn data_of(entry: &RequestEntry, settings: &Logs) -> Map<String, Json> {
        serde_json::from_str(&entry.data(settings)).unwrap()
    }

    #[test]
    fn tokens_are_masked_wherever_a_url_stands() {
        let entry = entry();
        let data = data_of(&entry, &Logs::default());
        assert_eq!(data["url"], "/api/files/a/b/c%20d.txt?token=***&thumb=1");
        assert_eq!(data["referer"], "http://a.de/?TOKEN=***");
        assert_eq!(entry.message(), "GET /api/files/a/b/c d.txt?token=***&thumb=1");
    }

    #[test]
    fn keys_are_sorted_and_depend_on_the_settings() {
        let keys = |settings: &Logs| data_of(&entry(), settings).keys().cloned().collect::<Vec<_>>().join(" ");
        let all = "auth execTime method referer remoteIP status type url userAgent userIP";
        assert_eq!(keys(&Logs::default()), all);
        let quiet = Logs { log_ip: false, log_auth_id: true, ..Logs::default() };
        assert_eq!(keys(&quiet), "auth authId execTime method referer status type url userAgent");
    }

    #[test]
    fn what_does_not_fit_is_cut_and_marked() {
        let limited = |bytes| data_of(&entry(), &Logs { max_data_size: bytes, ..Logs::default() });
        let data = limited(300);
        assert_eq!((&data[TRUNCATED], &data["userAgent"]), (&json!(true), &Json::Null));
        assert!(!data.contains_key("userIP") && data.contains_key("url"));
        assert_eq!(Json::Object(limited(1)), json!({ TRUNCATED: true }));
        assert!(!limited(0).contains_key(TRUNCATED));
    }

    #[test]
    fn errors_say_what_and_why() {
        let failed = RequestEntry { error: Some("Bad.".into()), details: json!({"a": 1}), ..entry() };
        let data = data_of(&failed, &Logs::default());
        assert_eq!((&data["error"], &data["details"], failed.level()), (&json!("Bad."), &json!({"a": 1}), 8));
    }
}
