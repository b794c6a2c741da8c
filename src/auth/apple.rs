//! The client secret that Apple wants: a token signed with the developer's key (contract/20 §4b).

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde::Serialize;

use crate::clock::Clock;
use crate::crypto::Secret;
use crate::error::{Error, Result};

const AUDIENCE: &str = "https://appleid.apple.com";

/// What a secret is made of.
#[derive(Clone, Debug)]
pub struct AppleKey {
    pub client_id: String,
    pub team_id: String,
    pub key_id: String,
    /// PEM.
    pub private_key: Secret<String>,
    pub seconds: i64,
}

#[derive(Serialize)]
struct Claims<'a> {
    aud: [&'static str; 1],
    exp: i64,
    iat: i64,
    iss: &'a str,
    sub: &'a str,
}

/// The secret; nothing is stored.
///
/// # Errors
/// 400 for a key that can't sign.
pub fn client_secret(key: &AppleKey, clock: &Clock) -> Result<String> {
    let unusable = |error: jsonwebtoken::errors::Error| {
        Error::bad_request_with(format!("Failed to generate client secret. Raw error: \n{error}."))
    };
    let signing = EncodingKey::from_ec_pem(key.private_key.expose().as_bytes()).map_err(unusable)?;
    let now = clock.now_seconds();
    let claims = Claims { aud: [AUDIENCE], exp: now + key.seconds, iat: now, iss: &key.team_id, sub: &key.client_id };
    let header = Header { kid: Some(key.key_id.clone()), ..Header::new(Algorithm::ES256) };
    encode(&header, &claims, &signing).map_err(unusable)
}
