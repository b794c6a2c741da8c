//! The code becomes a token (contract/11 §9.2, step 1).

use std::fmt;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value as Json};
use url::form_urlencoded;

use crate::outbound::{Answer, Ask, Origin, Outbound, OutboundError, Payload};

use super::configured::Configured;

/// For both steps together (contract/11 §9.2).
const TIME_MAX: Duration = Duration::from_secs(30);
/// What a token endpoint, a user-info endpoint or a list of keys may answer, bytes. The largest ones have some 20 KiB.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// Why a provider's word isn't taken. For the log alone; clients learn which step failed.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    #[error(transparent)]
    Outbound(#[from] OutboundError),
    #[error("the provider answers {0}")]
    Status(u16),
    #[error("the provider's answer can't be read")]
    Unreadable,
    #[error("the provider refuses: {0}")]
    Refused(String),
    #[error("the provider's answer lacks {0}, or has it in another type")]
    Malformed(&'static str),
    #[error("the account isn't active at the provider")]
    Inactive,
    #[error("the ID token isn't taken: {0}")]
    IdToken(&'static str),
}

/// The requests of one sign-in.
pub struct Exchange<'a> {
    pub outbound: &'a Outbound,
    pub configured: &'a Configured,
    trusted: Vec<Origin>,
    ends_at: Instant,
}

/// What the client brings back from the provider.
#[derive(Clone, Default)]
pub struct Code {
    pub code: String,
    pub verifier: String,
    pub redirect_url: String,
}

/// A token answer.
#[derive(Clone)]
pub struct Tokens(Map<String, Json>);

impl Tokens {
    pub fn text(&self, key: &str) -> &str {
        self.0.get(key).and_then(Json::as_str).unwrap_or_default()
    }

    pub fn get(&self, key: &str) -> Option<&Json> {
        self.0.get(key)
    }

    /// Seconds until the access token ends, if it does.
    pub fn expires_in(&self) -> Option<i64> {
        let seconds = match self.0.get("expires_in")? {
            Json::Number(number) => number.as_i64().or_else(|| number.as_f64().map(|seconds| seconds as i64)),
            Json::String(text) => text.parse().ok(),
            _ => None,
        };
        seconds.filter(|seconds| *seconds > 0)
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tokens(***)")
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code(***)")
    }
}

impl<'a> Exchange<'a> {
    pub fn new(outbound: &'a Outbound, configured: &'a Configured) -> Self {
        let trusted = configured.written_urls().into_iter().filter_map(Origin::parse).collect();
        Self { outbound, configured, trusted, ends_at: Instant::now() + time_max() }
    }

    /// A request of this sign-in, within what is left of its time.
    pub async fn ask(
        &self,
        url: &str,
        authorization: Option<&str>,
        headers: &[(&str, &str)],
        payload: Payload<'_>,
    ) -> Result<Answer, OutboundError> {
        let time_max = self.ends_at.saturating_duration_since(Instant::now());
        let ask =
            Ask { url, authorization, headers, payload, trusted: &self.trusted, bytes_max: ANSWER_BYTES_MAX, time_max };
        self.outbound.send(ask).await
    }

    /// Exchanges the code. The client's secret goes by HTTP Basic; a provider that refuses that gets it in the form.
    pub async fn tokens(&self, code: &Code) -> Result<Tokens, ProviderError> {
        let options = &self.configured.options;
        let mut form = vec![("grant_type", "authorization_code"), ("code", code.code.as_str())];
        if !code.redirect_url.is_empty() {
            form.push(("redirect_uri", &code.redirect_url));
        }
        if self.configured.has_pkce() {
            form.push(("code_verifier", &code.verifier));
        }
        let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let pair = format!("{}:{}", encoded(&options.client_id), encoded(&options.client_secret));
        let basic = format!("Basic {}", STANDARD.encode(pair));
        let url = self.configured.token_url();
        let first = self.ask(url, Some(&basic), &[], Payload::Form(&form)).await?;
        if let Ok(tokens) = read_tokens(&first) {
            return Ok(tokens);
        }
        form.push(("client_id", &options.client_id));
        form.push(("client_secret", &options.client_secret));
        read_tokens(&self.ask(url, None, &[], Payload::Form(&form)).await?)
    }
}

#[cfg(not(feature = "faults"))]
fn time_max() -> Duration {
    TIME_MAX
}

/// Tests of silent providers don't wait half a minute.
#[cfg(feature = "faults")]
fn time_max() -> Duration {
    let named = std::env::var("MONOBASE_FAULT_PROVIDER_MS").ok().and_then(|text| text.parse().ok());
    named.map_or(TIME_MAX, Duration::from_millis)
}

/// The answer, if it is one of success.
pub fn successful(answer: Answer) -> Result<Answer, ProviderError> {
    if answer.is_success() { Ok(answer) } else { Err(ProviderError::Status(answer.status)) }
}

fn read_tokens(answer: &Answer) -> Result<Tokens, ProviderError> {
    let fields = match answer.content_type.as_str() {
        "application/x-www-form-urlencoded" | "text/plain" => form_urlencoded::parse(&answer.body)
            .map(|(key, value)| (key.into_owned(), Json::String(value.into_owned())))
            .collect(),
        _ => match serde_json::from_slice(&answer.body) {
            Ok(Json::Object(fields)) => fields,
            _ if !answer.is_success() => return Err(ProviderError::Status(answer.status)),
            _ => return Err(ProviderError::Unreadable),
        },
    };
    let tokens = Tokens(fields);
    let error = tokens.text("error");
    if !error.is_empty() {
        // A code of RFC 6749 §5.2, cut in case it isn't one.
        return Err(ProviderError::Refused(error.chars().take(60).collect()));
    }
    if !answer.is_success() {
        return Err(ProviderError::Status(answer.status));
    }
    match tokens.text("access_token") {
        "" => Err(ProviderError::Malformed("access_token")),
        _ => Ok(tokens),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn read(status: u16, content_type: &str, body: &'static str) -> Result<Tokens, ProviderError> {
        read_tokens(&Answer {
            status,
            content_type: content_type.to_owned(),
            body: Bytes::from_static(body.as_bytes()),
            url: "https://id.example.com/token".parse().expect("a URL"),
        })
    }

    #[test]
    fn json_and_forms_are_read_and_lives_are_numbers_or_digits() {
        let json = read(200, "application/json", r#"{"access_token":"a","expires_in":"60"}"#).unwrap();
        assert_eq!((json.text("access_token"), json.expires_in()), ("a", Some(60)));
        let form = read(200, "application/x-www-form-urlencoded", "access_token=b%20c&expires_in=5").unwrap();
        assert_eq!((form.text("access_token"), form.expires_in()), ("b c", Some(5)));
        let number = read(200, "application/json", r#"{"access_token":"a","expires_in":3600}"#).unwrap();
        assert_eq!((number.expires_in(), number.text("refresh_token")), (Some(3600), ""));
    }

    #[test]
    fn anything_but_a_token_is_refused() {
        let cases = [
            (200, "application/json", "{}"),
            (200, "application/json", r#"{"access_token":""}"#),
            (200, "application/json", r#"{"access_token":5}"#),
            (200, "application/json", r#"{"access_token":"a","error":"invalid_grant"}"#),
            (400, "application/json", r#"{"access_token":"a"}"#),
            (302, "application/json", r#"{"access_token":"a"}"#),
            (200, "text/html", "<html>access_token=a</html>"),
            (200, "application/json", "[]"),
            (200, "application/json", ""),
        ];
        for (status, content_type, body) in cases {
            assert!(read(status, content_type, body).is_err(), "{status} {content_type} {body}");
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        let tokens = read(200, "application/json", r#"{"access_token":"hush"}"#).unwrap();
        let code = Code { code: "hush".into(), ..Code::default() };
        assert!(!format!("{tokens:?}{code:?}").contains("hush"));
    }
}
