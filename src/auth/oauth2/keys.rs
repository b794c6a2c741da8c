//! Signatures of ID tokens, checked with a provider's published keys.

use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::Value as Json;

use crate::outbound::Payload;

use super::exchange::{Exchange, ProviderError, successful};
use super::id_token::refused;

/// What a signature is of, and how it claims to be made.
pub struct Signed<'a> {
    pub algorithm: String,
    pub key_id: String,
    pub message: &'a str,
    pub signature: &'a str,
}

/// Checks a signature with the keys at `url`, which are asked for at each sign-in: a key that was withdrawn counts no
/// more from then on.
pub async fn check_signature(exchange: &Exchange<'_>, url: &str, signed: &Signed<'_>) -> Result<(), ProviderError> {
    let answer = successful(exchange.ask(url, None, &[], Payload::None).await?)?;
    let set: Json = serde_json::from_slice(&answer.body).map_err(|_| ProviderError::Unreadable)?;
    let (key, algorithm) = find_key(&set, signed)?;
    let is_right = jsonwebtoken::crypto::verify(signed.signature, signed.message.as_bytes(), &key, algorithm);
    if is_right.unwrap_or(false) { Ok(()) } else { Err(refused("its signature is wrong")) }
}

/// The key that the token names. The key says which algorithm counts, not the token.
fn find_key(set: &Json, signed: &Signed<'_>) -> Result<(DecodingKey, Algorithm), ProviderError> {
    if signed.key_id.is_empty() {
        return Err(refused("it names no key"));
    }
    let keys = set["keys"].as_array().map(Vec::as_slice).unwrap_or_default();
    let key = keys.iter().find(|key| key["kid"] == signed.key_id.as_str() && key["use"] != "enc");
    let key = key.ok_or_else(|| refused("its key isn't among the provider's"))?;
    let text = |name: &str| key[name].as_str().unwrap_or_default();
    let fits = match (text("kty"), text("crv")) {
        ("RSA", _) => ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"].contains(&signed.algorithm.as_str()),
        ("EC", "P-256") => signed.algorithm == "ES256",
        ("EC", "P-384") => signed.algorithm == "ES384",
        ("OKP", "Ed25519") => signed.algorithm == "EdDSA",
        _ => false,
    };
    // Many providers leave `alg` out of their keys; then the kind of key decides alone.
    let is_named = text("alg").is_empty() || text("alg") == signed.algorithm;
    if !fits || !is_named {
        return Err(refused("its algorithm isn't that of the key"));
    }
    let algorithm: Algorithm = signed.algorithm.parse().map_err(|_| refused("its algorithm isn't known"))?;
    let decoding = match text("kty") {
        "RSA" => DecodingKey::from_rsa_components(text("n"), text("e")),
        "EC" => DecodingKey::from_ec_components(text("x"), text("y")),
        _ => DecodingKey::from_ed_components(text("x")),
    };
    Ok((decoding.map_err(|_| refused("its key can't be read"))?, algorithm))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(key: Json, algorithm: &str) -> bool {
        let signed = Signed { algorithm: algorithm.to_owned(), key_id: "k".to_owned(), message: "", signature: "" };
        find_key(&json!({ "keys": [key] }), &signed).is_ok()
    }

    #[test]
    fn the_key_decides_about_the_algorithm() {
        let rsa = json!({"kid": "k", "kty": "RSA", "alg": "RS256", "n": "AQAB", "e": "AQAB"});
        assert!(found(rsa.clone(), "RS256"));
        for other in ["RS384", "HS256", "none", "", "ES256", "EdDSA"] {
            assert!(!found(rsa.clone(), other), "{other}");
        }
        let unnamed = json!({"kid": "k", "kty": "RSA", "n": "AQAB", "e": "AQAB"});
        assert!(found(unnamed.clone(), "RS256") && !found(unnamed, "HS256"));
        assert!(found(json!({"kid": "k", "kty": "OKP", "crv": "Ed25519", "x": "AQAB"}), "EdDSA"));
        assert!(!found(json!({"kid": "k", "kty": "oct", "k": "AQAB", "alg": "HS256"}), "HS256"));
        assert!(!found(json!({"kid": "k", "kty": "RSA", "use": "enc", "n": "AQAB", "e": "AQAB"}), "RS256"));
        assert!(!found(json!({"kid": "other", "kty": "RSA", "n": "AQAB", "e": "AQAB"}), "RS256"));
    }
}
