//! One request as it waits for its row, and what the row says of it.

use std::borrow::Cow;
use std::net::IpAddr;

use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};

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
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AuthOf<'a> {
    pub collection: &'a str,
    /// Empty where the settings don't want it.
    pub id: &'a str,
}

/// A request that was answered.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RequestEntry<'a> {
    /// When it was answered, unix milliseconds.
    pub at_ms: i64,
    pub method: &'a str,
    /// As sent, with its query.
    #[serde(borrow)]
    pub url: Cow<'a, str>,
    pub status: u16,
    pub exec_ms: f64,
    #[serde(borrow)]
    pub referer: Cow<'a, str>,
    #[serde(borrow)]
    pub user_agent: Cow<'a, str>,
    #[serde(borrow)]
    pub auth: Option<AuthOf<'a>>,
    pub user_ip: Option<IpAddr>,
    pub remote_ip: Option<IpAddr>,
    /// The message of an error answer.
    #[serde(borrow)]
    pub error: Option<Cow<'a, str>>,
    /// What caused it, as JSON: a text, the refused fields, or null. Only error answers have it.
    pub details: Option<Box<str>>,
    /// What the route adds, as JSON.
    pub meta: Option<Box<str>>,
}

impl RequestEntry<'_> {
    /// Takes out what may not be kept: secrets in URLs, and what the settings don't want.
    pub fn keep_only_what_may_be(&mut self, settings: &Logs) {
        mask(&mut self.url);
        mask(&mut self.referer);
        if !settings.log_ip {
            (self.user_ip, self.remote_ip) = (None, None);
        }
        if let Some(auth) = &mut self.auth
            && !settings.log_auth_id
        {
            auth.id = "";
        }
    }

    /// 8 for an error answer, else 0.
    pub fn level(&self) -> i64 {
        if self.error.is_some() { 8 } else { 0 }
    }

    /// `METHOD URI`, decoded.
    pub fn message(&self) -> String {
        let decoded = percent_decode_str(&self.url).decode_utf8_lossy();
        format!("{} {}", cut(self.method, METHOD_BYTES_MAX), cut(&decoded, URL_BYTES_MAX))
    }

    /// The row's `data`: an object with sorted keys, of at most `bytes_max` bytes (0: of any size).
    pub fn data(&self, bytes_max: usize) -> String {
        let mut data = BoundedObject::new(bytes_max);
        data.text("auth", self.auth.as_ref().map_or("", |auth| auth.collection));
        if let Some(auth) = self.auth.as_ref().filter(|auth| !auth.id.is_empty()) {
            data.text("authId", auth.id);
        }
        if let Some(error) = &self.error {
            data.json("details", self.details.as_deref().unwrap_or("null"));
            data.text("error", error);
        }
        data.put("execTime", |out| write_number(self.exec_ms, out));
        if let Some(meta) = &self.meta {
            data.json("meta", meta);
        }
        data.text("method", &cut(self.method, METHOD_BYTES_MAX));
        data.text("referer", &cut(&self.referer, HEADER_BYTES_MAX));
        if let Some(ip) = self.remote_ip {
            data.text("remoteIP", &ip_text(ip));
        }
        data.put("status", |out| write_number(self.status.into(), out));
        data.text("type", "request");
        data.text("url", &cut(&self.url, URL_BYTES_MAX));
        data.text("userAgent", &cut(&self.user_agent, HEADER_BYTES_MAX));
        if let Some(ip) = self.user_ip {
            data.text("userIP", &ip_text(ip));
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

    fn json(&mut self, key: &str, text: &str) {
        self.put(key, |out| out.extend_from_slice(text.as_bytes()));
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

/// Puts `***` for the values of a URL's secret parameters.
fn mask(url: &mut Cow<'_, str>) {
    let Some((path, query)) = url.split_once('?') else { return };
    let is_secret = |pair: &str| {
        let name = pair.split('=').next().unwrap_or("");
        let name = percent_decode_str(name).decode_utf8_lossy();
        SECRET_PARAMETERS.iter().any(|secret| name.eq_ignore_ascii_case(secret))
    };
    if !query.split('&').any(is_secret) {
        return;
    }
    let pairs = query.split('&').map(|pair| match pair.split_once('=') {
        Some((name, _)) if is_secret(pair) => format!("{name}=***"),
        _ => pair.to_owned(),
    });
    *url = Cow::Owned(format!("{path}?{}", pairs.collect::<Vec<_>>().join("&")));
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value as Json, json};

    use super::*;

    fn entry<'a>() -> RequestEntry<'a> {
        RequestEntry {
            at_ms: 0,
            method: "GET",
            url: "/api/files/a/b/c%20d.txt?token=secret.a.b&thumb=1".into(),
            status: 200,
            exec_ms: 1.5,
            referer: "http://a.de/?TOKEN=secret".into(),
            user_agent: "x".repeat(2100).into(),
            auth: Some(AuthOf { collection: "users", id: "u1" }),
            user_ip: Some([1, 1, 1, 1].into()),
            remote_ip: Some([2, 2, 2, 2].into()),
            error: None,
            details: None,
            meta: None,
        }
    }

    fn data_of(mut entry: RequestEntry<'_>, settings: &Logs) -> Map<String, Json> {
        entry.keep_only_what_may_be(settings);
        let bytes = postcard::to_allocvec(&entry).unwrap();
        let entry: RequestEntry<'_> = postcard::from_bytes(&bytes).unwrap();
        serde_json::from_str(&entry.data(settings.max_data_size as usize)).unwrap()
    }

    #[test]
    fn tokens_are_masked_wherever_a_url_stands() {
        let mut kept = entry();
        kept.keep_only_what_may_be(&Logs::default());
        assert_eq!(kept.message(), "GET /api/files/a/b/c d.txt?token=***&thumb=1");
        let data = data_of(entry(), &Logs::default());
        assert_eq!(data["url"], "/api/files/a/b/c%20d.txt?token=***&thumb=1");
        assert_eq!(data["referer"], "http://a.de/?TOKEN=***");
    }

    #[test]
    fn keys_are_sorted_and_depend_on_the_settings() {
        let keys = |settings: &Logs| data_of(entry(), settings).keys().cloned().collect::<Vec<_>>().join(" ");
        let all = "auth execTime method referer remoteIP status type url userAgent userIP";
        assert_eq!(keys(&Logs::default()), all);
        let quiet = Logs { log_ip: false, log_auth_id: true, ..Logs::default() };
        assert_eq!(keys(&quiet), "auth authId execTime method referer status type url userAgent");
    }

    #[test]
    fn what_does_not_fit_is_cut_and_marked() {
        let limited = |bytes| data_of(entry(), &Logs { max_data_size: bytes, ..Logs::default() });
        let data = limited(300);
        assert_eq!((&data[TRUNCATED], &data["userAgent"]), (&json!(true), &Json::Null));
        assert!(!data.contains_key("userIP") && data.contains_key("url"));
        assert_eq!(Json::Object(limited(1)), json!({ TRUNCATED: true }));
        assert!(!limited(0).contains_key(TRUNCATED));
    }

    #[test]
    fn errors_say_what_and_why() {
        let failed = RequestEntry { error: Some("Bad.".into()), details: Some(r#"{"a":1}"#.into()), ..entry() };
        assert_eq!(failed.level(), 8);
        let data = data_of(failed, &Logs::default());
        assert_eq!((&data["error"], &data["details"]), (&json!("Bad."), &json!({"a": 1})));
    }
}
