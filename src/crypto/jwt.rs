//! Tokens as compact JWS with HMAC-SHA256 (contract/10 §1, §4), over jsonwebtoken's signatures.
//!
//! The signing key depends on the record that a token names, so a token is read in two steps: [`parse`] looks at it
//! without trusting it, [`Unverified::is_signed_with`] then settles it. Claims and times are checked here by our clock,
//! exactly as the contract says (no leeway, `exp` required), not by the library's.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Secret;

/// Longest token that is looked at, bytes. Ours have some 250; two e-mail addresses of 255 characters, escaped and in
/// base64, stay under 5,000.
const TOKEN_BYTES_MAX: usize = 8192;
/// `{"alg":"HS256","typ":"JWT"}`.
const HEADER: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";

/// Why a token isn't taken. For tests and the log; clients learn no more than "invalid".
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    #[error("the token is too long")]
    TooLong,
    #[error("the token is malformed")]
    Malformed,
    #[error("the token's algorithm isn't HS256")]
    Algorithm,
    #[error("the token has expired, or isn't valid yet, or never expires")]
    Time,
    #[error("the token's signature is wrong")]
    Signature,
    #[error("the signing key is empty")]
    EmptyKey,
}

/// The key of one record's tokens of one kind: `tokenKey` and the collection's secret, joined (contract/10 §1).
#[derive(Clone, Debug)]
pub struct TokenSecret(Secret<Box<[u8]>>);

impl TokenSecret {
    /// Joins the two parts. Refuses to be empty: anybody could sign with that (contract/10 §7).
    pub fn new(token_key: &str, collection_secret: &str) -> Result<Self, TokenError> {
        let joined = [token_key.as_bytes(), collection_secret.as_bytes()].concat();
        if joined.is_empty() { Err(TokenError::EmptyKey) } else { Ok(Self(Secret::new(joined.into()))) }
    }
}

/// A signed token of `claims`.
pub fn sign(claims: &impl Serialize, secret: &TokenSecret) -> String {
    let payload = serde_json::to_vec(claims).expect("claims are plain structs of texts and numbers");
    let mut token = format!("{HEADER}.{}", URL_SAFE_NO_PAD.encode(payload));
    let key = EncodingKey::from_secret(secret.0.expose());
    let signature = jsonwebtoken::crypto::sign(token.as_bytes(), &key, Algorithm::HS256)
        .expect("an HMAC key signs with an HMAC algorithm");
    token.push('.');
    token.push_str(&signature);
    token
}

/// A token that was read but not verified: its claims may be anybody's words.
#[derive(Debug)]
pub struct Unverified<'t> {
    message: &'t str,
    signature: &'t str,
    payload: Vec<u8>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
}

#[derive(Deserialize)]
struct Times<'a> {
    #[serde(borrow, default)]
    exp: Option<&'a RawValue>,
    #[serde(borrow, default)]
    nbf: Option<&'a RawValue>,
    #[serde(borrow, default)]
    iat: Option<&'a RawValue>,
}

/// Takes a token apart and checks its algorithm (contract/10 §4, 1); neither its times nor its signature.
pub fn parse(token: &str) -> Result<Unverified<'_>, TokenError> {
    if token.len() > TOKEN_BYTES_MAX {
        return Err(TokenError::TooLong);
    }
    let (message, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
    let (header, payload) = message.split_once('.').ok_or(TokenError::Malformed)?;
    if payload.contains('.') {
        return Err(TokenError::Malformed);
    }
    let is_hs256 = header == HEADER || {
        let header = URL_SAFE_NO_PAD.decode(header).map_err(|_| TokenError::Malformed)?;
        let header: Header = parse_object(&header)?;
        header.alg == "HS256"
    };
    if !is_hs256 {
        return Err(TokenError::Algorithm);
    }
    let payload = URL_SAFE_NO_PAD.decode(payload).map_err(|_| TokenError::Malformed)?;
    Ok(Unverified { message, signature, payload })
}

/// Reads a JSON object. serde would take a list for a struct, too.
fn parse_object<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, TokenError> {
    if !json.trim_ascii_start().starts_with(b"{") {
        return Err(TokenError::Malformed);
    }
    serde_json::from_slice(json).map_err(|_| TokenError::Malformed)
}

/// A numeric claim: absent and null are none, anything but a number is refused.
fn number(raw: Option<&RawValue>) -> Result<Option<f64>, TokenError> {
    match raw.map(RawValue::get) {
        None | Some("null") => Ok(None),
        Some(text) => serde_json::from_str(text).map(Some).map_err(|_| TokenError::Malformed),
    }
}

impl Unverified<'_> {
    /// Whether the token is valid at this moment (contract/10 §4, 2).
    pub fn check_times(&self, now: Timestamp) -> Result<(), TokenError> {
        let times: Times = parse_object(&self.payload)?;
        // `exp` is the first moment that is too late (RFC 7519 §4.1.4); it may be a fraction.
        let now = now.as_millisecond() as f64 / 1000.0;
        let expires = number(times.exp)?.ok_or(TokenError::Time)?;
        let starts = [number(times.nbf)?, number(times.iat)?];
        let is_current = expires > 0.0 && now < expires && starts.into_iter().flatten().all(|start| start <= now);
        if is_current { Ok(()) } else { Err(TokenError::Time) }
    }

    /// The claims as they stand. An error when they aren't of this shape.
    pub fn claims<'a, T: Deserialize<'a>>(&'a self) -> Result<T, TokenError> {
        parse_object(&self.payload)
    }

    /// Whether the token was signed with this key: an HMAC and a comparison in constant time.
    pub fn is_signed_with(&self, secret: &TokenSecret) -> bool {
        let key = DecodingKey::from_secret(secret.0.expose());
        jsonwebtoken::crypto::verify(self.signature, self.message.as_bytes(), &key, Algorithm::HS256).unwrap_or(false)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value as Json, json};

    use super::*;

    const NOW: i64 = 1_795_527_974;

    fn now() -> Timestamp {
        Timestamp::from_second(NOW).unwrap()
    }

    fn secret() -> TokenSecret {
        TokenSecret::new("abc", "def").unwrap()
    }

    /// A token with this header and payload, rightly signed.
    fn token(header: &str, payload: &str) -> String {
        let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
        let key = EncodingKey::from_secret(b"abcdef");
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::HS256).unwrap();
        format!("{message}.{signature}")
    }

    fn parsed(header: &str, payload: &str) -> Result<(), TokenError> {
        let token = token(header, payload);
        let unverified = parse(&token)?;
        unverified.check_times(now())?;
        if unverified.is_signed_with(&secret()) { Ok(()) } else { Err(TokenError::Signature) }
    }

    const HS256: &str = r#"{"alg":"HS256"}"#;

    #[test]
    fn a_signed_token_is_read_back() {
        let signed = sign(&json!({"id": "a", "exp": NOW + 10}), &secret());
        let unverified = parse(&signed).unwrap();
        assert!(unverified.is_signed_with(&secret()));
        assert_eq!(unverified.claims::<Json>().unwrap(), json!({"id": "a", "exp": NOW + 10}));
        assert!(!unverified.is_signed_with(&TokenSecret::new("abc", "deg").unwrap()));
    }

    #[test]
    fn the_split_of_the_key_makes_no_difference_but_an_empty_key_is_refused() {
        let signed = sign(&json!({"exp": NOW + 10}), &TokenSecret::new("", "abcdef").unwrap());
        assert!(parse(&signed).unwrap().is_signed_with(&secret()));
        assert_eq!(TokenSecret::new("", "").unwrap_err(), TokenError::EmptyKey);
    }

    #[test]
    fn only_hs256_is_taken_whatever_else_the_header_says() {
        let payload = format!(r#"{{"exp":{}}}"#, NOW + 10);
        for header in [HS256, r#"{"alg":"HS256","typ":"JWT"}"#, r#"{"typ":5,"kid":[],"alg":"HS256"}"#] {
            assert_eq!(parsed(header, &payload), Ok(()), "{header}");
        }
        for alg in ["none", "None", "HS512", "RS256", "hs256", ""] {
            assert_eq!(parsed(&format!(r#"{{"alg":"{alg}"}}"#), &payload), Err(TokenError::Algorithm), "{alg}");
        }
        for header in ["{}", "[]", r#"["HS256"]"#, "", r#"{"alg":null}"#] {
            assert_eq!(parsed(header, &payload), Err(TokenError::Malformed), "{header}");
        }
    }

    #[test]
    fn an_unsigned_token_is_not_taken() {
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#);
        let payload = URL_SAFE_NO_PAD.encode(format!(r#"{{"exp":{}}}"#, NOW + 10));
        assert_eq!(parse(&format!("{header}.{payload}.")).unwrap_err(), TokenError::Algorithm);
        let unsigned = format!("{HEADER}.{payload}.");
        assert!(!parse(&unsigned).unwrap().is_signed_with(&secret()));
    }

    #[test]
    fn times_have_no_leeway_and_exp_must_be_a_positive_number() {
        let cases = [
            (format!(r#"{{"exp":{}}}"#, NOW + 1), Ok(())),
            (format!(r#"{{"exp":{}.5}}"#, NOW), Ok(())),
            (format!(r#"{{"exp":{NOW}}}"#), Err(TokenError::Time)),
            (format!(r#"{{"exp":{}}}"#, NOW - 1), Err(TokenError::Time)),
            ("{}".into(), Err(TokenError::Time)),
            (r#"{"exp":0}"#.into(), Err(TokenError::Time)),
            (r#"{"exp":null}"#.into(), Err(TokenError::Time)),
            (r#"{"exp":-5}"#.into(), Err(TokenError::Time)),
            (format!(r#"{{"exp":"{}"}}"#, NOW + 10), Err(TokenError::Malformed)),
            (format!(r#"{{"exp":{},"nbf":{NOW}}}"#, NOW + 10), Ok(())),
            (format!(r#"{{"exp":{},"nbf":{}}}"#, NOW + 10, NOW + 1), Err(TokenError::Time)),
            (format!(r#"{{"exp":{},"iat":{}}}"#, NOW + 10, NOW + 1), Err(TokenError::Time)),
            (format!(r#"{{"exp":{},"iat":"x"}}"#, NOW + 10), Err(TokenError::Malformed)),
            ("[]".into(), Err(TokenError::Malformed)),
            ("".into(), Err(TokenError::Malformed)),
        ];
        for (payload, expected) in cases {
            assert_eq!(parsed(HS256, &payload), expected, "{payload}");
        }
    }

    #[test]
    fn padding_extra_parts_and_size_are_refused() {
        let good = token(HS256, &format!(r#"{{"exp":{}}}"#, NOW + 10));
        assert!(parse(&good).is_ok());
        for bad in [format!("{good}.x"), format!("x.{good}"), format!(".{good}"), good.replacen('.', "=.", 1)] {
            assert!(parse(&bad).is_err(), "{bad}");
        }
        assert!(!parse(&format!("{good}=")).is_ok_and(|token| token.is_signed_with(&secret())));
        assert_eq!(parse(&"a".repeat(TOKEN_BYTES_MAX + 1)).unwrap_err(), TokenError::TooLong);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic_or_pass(text in "\\PC{0,80}|[A-Za-z0-9_-]{0,60}(\\.[A-Za-z0-9_-]{0,60}){0,3}") {
            prop_assert!(!parse(&text).is_ok_and(|token| token.is_signed_with(&secret())));
        }

        #[test]
        fn a_changed_character_is_noticed(at in 0usize..1000, to in "[A-Za-z0-9_-]") {
            let good = sign(&json!({"id": "abcdefghijklmno", "exp": NOW + 10}), &secret());
            let mut bytes = good.clone().into_bytes();
            let at = at % bytes.len();
            bytes[at] = to.as_bytes()[0];
            let changed = String::from_utf8(bytes).unwrap();
            let passes = parse(&changed).is_ok_and(|token| token.is_signed_with(&secret()));
            prop_assert_eq!(passes, changed == good);
        }
    }
}
