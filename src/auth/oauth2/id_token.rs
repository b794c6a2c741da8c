//! ID tokens (contract/11 §9.6): their claims, once everything about them was found right.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value as Json};

use crate::outbound::Origin;

use super::configured::nonce_of;
use super::exchange::{Exchange, ProviderError, successful};
use super::keys::{self, Signed};

/// By when a token is judged.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// Unix seconds.
    pub now: i64,
    /// How far the clocks may differ, seconds.
    pub leeway: i64,
}

/// The claims of a token that the token endpoint gave.
///
/// Order: times, audience, authorised party, issuer, nonce, signature. Keys that are known, or found by discovery, bind.
/// Where none are to be found, a token straight from the token endpoint over TLS is taken, as OpenID Connect Core §3.1.3.7
/// allows.
pub async fn claims(
    exchange: &Exchange<'_>,
    token: &str,
    verifier: &str,
    times: Times,
) -> Result<Map<String, Json>, ProviderError> {
    let configured = exchange.configured;
    let parts = Parts::parse(token)?;
    let claims = parts.claims()?;
    check_times(&claims, times)?;
    if configured.provider.id_token.needs_expiry && !claims.contains_key("exp") {
        return Err(refused("it never expires"));
    }
    check_audience(&claims, &configured.options.client_id)?;
    let issuer = claims.get("iss").and_then(Json::as_str).unwrap_or_default();
    let issuers = configured.issuers();
    if !issuers.is_empty() && !issuers.contains(&issuer) {
        return Err(refused("its issuer is another one"));
    }
    if configured.has_pkce()
        && let Some(nonce) = claims.get("nonce")
        && nonce.as_str() != Some(&nonce_of(verifier))
    {
        return Err(refused("its nonce is that of another sign-in"));
    }
    let jwks_url = match configured.jwks_url() {
        "" => discover(exchange, issuer).await?,
        known => Some(known.to_owned()),
    };
    match jwks_url {
        Some(url) => {
            keys::check_signature(exchange, &url, &parts.signed()?).await?;
            // Who signs says when: here the clocks must agree (contract/11 §9.6).
            check_times(&claims, Times { leeway: 0, ..times })?;
        }
        None if is_straight(configured.token_url()) => {
            tracing::warn!(
                provider = configured.provider.name,
                "no keys are known for this provider's ID tokens; set extra.jwksURL, so that they can be checked"
            );
        }
        None => return Err(refused("there are no keys to check it with, and it came over an open wire")),
    }
    Ok(claims)
}

/// The claims of a token whose signature nobody checks; only its times count.
pub fn unverified_claims(token: &str, times: Times) -> Result<Map<String, Json>, ProviderError> {
    let claims = Parts::parse(token)?.claims()?;
    check_times(&claims, times)?;
    Ok(claims)
}

/// The list of keys that the issuer's own description names; `None` if there is no such thing.
async fn discover(exchange: &Exchange<'_>, issuer: &str) -> Result<Option<String>, ProviderError> {
    let configured = exchange.configured;
    let Some(origin) = Origin::parse(issuer) else { return Ok(None) };
    let is_of = |url: &str| Origin::parse(url).is_some_and(|own| own.host() == origin.host());
    let is_listed = configured.issuers().contains(&issuer);
    if !is_listed && !is_of(configured.token_url()) && !is_of(configured.auth_url()) {
        return Ok(None);
    }
    let url = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
    let answer = exchange.ask(&url, None, &[], crate::outbound::Payload::None).await?;
    if (400..500).contains(&answer.status) {
        return Ok(None);
    }
    let answer = successful(answer)?;
    // A page for every unknown path is no description.
    let Ok(Json::Object(description)) = serde_json::from_slice(&answer.body) else { return Ok(None) };
    let text = |key: &str| description.get(key).and_then(Json::as_str).unwrap_or_default();
    if text("jwks_uri").is_empty() {
        return Ok(None);
    }
    if text("issuer") != issuer {
        return Err(refused("its issuer describes itself as another one"));
    }
    Ok(Some(text("jwks_uri").to_owned()))
}

fn is_straight(token_url: &str) -> bool {
    Origin::parse(token_url).is_some_and(|origin| origin.is_secure())
}

/// `exp`, `nbf`, `iat`, where they are there.
fn check_times(claims: &Map<String, Json>, times: Times) -> Result<(), ProviderError> {
    let seconds = |key: &str| match claims.get(key) {
        None => Ok(None),
        Some(value) => value.as_f64().map(Some).ok_or_else(|| refused("one of its times is no number")),
    };
    let (now, leeway) = (times.now as f64, times.leeway as f64);
    if seconds("exp")?.is_some_and(|at| at + leeway <= now) {
        return Err(refused("it has expired"));
    }
    // `iat` says when it was made: a second ahead is a matter of clocks, which only the leeway settles.
    let ahead = if times.leeway == 0 { None } else { seconds("iat")? };
    if seconds("nbf")?.into_iter().chain(ahead).any(|at| at - leeway > now) {
        return Err(refused("it isn't valid yet"));
    }
    Ok(())
}

/// The token must be meant for this client, and if it names who asked for it, for this client too.
fn check_audience(claims: &Map<String, Json>, client_id: &str) -> Result<(), ProviderError> {
    let is_meant = match claims.get("aud") {
        Some(Json::String(audience)) => audience == client_id,
        Some(Json::Array(audiences)) => audiences.iter().any(|audience| audience.as_str() == Some(client_id)),
        _ => false,
    };
    if !is_meant {
        return Err(refused("it is meant for another client"));
    }
    match claims.get("azp") {
        Some(party) if party.as_str() != Some(client_id) => Err(refused("another client asked for it")),
        _ => Ok(()),
    }
}

/// A token's three parts.
struct Parts<'a> {
    /// What the signature is of.
    message: &'a str,
    header: &'a str,
    payload: &'a str,
    signature: &'a str,
}

impl<'a> Parts<'a> {
    fn parse(token: &'a str) -> Result<Self, ProviderError> {
        let malformed = || if token.is_empty() { refused("there is none") } else { refused("it is malformed") };
        let (message, signature) = token.rsplit_once('.').ok_or_else(malformed)?;
        let (header, payload) = message.split_once('.').ok_or_else(malformed)?;
        if payload.contains('.') {
            return Err(malformed());
        }
        Ok(Self { message, header, payload, signature })
    }

    fn claims(&self) -> Result<Map<String, Json>, ProviderError> {
        object(self.payload)
    }

    fn signed(&self) -> Result<Signed<'a>, ProviderError> {
        let header = object(self.header)?;
        let text = |key: &str| header.get(key).and_then(Json::as_str).unwrap_or_default().to_owned();
        Ok(Signed { algorithm: text("alg"), key_id: text("kid"), message: self.message, signature: self.signature })
    }
}

fn object(part: &str) -> Result<Map<String, Json>, ProviderError> {
    let bytes = URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).map_err(|_| refused("it is malformed"))?;
    match serde_json::from_slice(&bytes) {
        Ok(Json::Object(object)) => Ok(object),
        _ => Err(refused("it is malformed")),
    }
}

pub fn refused(reason: &'static str) -> ProviderError {
    ProviderError::IdToken(reason)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn map(value: Json) -> Map<String, Json> {
        value.as_object().expect("an object").clone()
    }

    #[test]
    fn times_have_a_leeway() {
        let times = Times { now: 1000, leeway: 300 };
        for good in [json!({}), json!({"exp": 701}), json!({"nbf": 1300, "iat": 1300}), json!({"exp": 1000.5})] {
            assert!(check_times(&map(good.clone()), times).is_ok(), "{good}");
        }
        for bad in [
            json!({"exp": 700}),
            json!({"nbf": 1301}),
            json!({"iat": 1301}),
            json!({"exp": "2000"}),
            json!({"exp": null}),
        ] {
            assert!(check_times(&map(bad.clone()), times).is_err(), "{bad}");
        }
        let strict = Times { now: 1000, leeway: 0 };
        assert!(check_times(&map(json!({"exp": 1000})), strict).is_err());
        assert!(check_times(&map(json!({"exp": 1001, "iat": 1002})), strict).is_ok());
    }

    #[test]
    fn audience_and_authorised_party_are_this_client() {
        for good in [json!({"aud": "me"}), json!({"aud": ["you", "me"]}), json!({"aud": ["me", "you"], "azp": "me"})] {
            assert!(check_audience(&map(good.clone()), "me").is_ok(), "{good}");
        }
        for bad in [
            json!({}),
            json!({"aud": "you"}),
            json!({"aud": []}),
            json!({"aud": 5}),
            json!({"aud": "me", "azp": "you"}),
            json!({"aud": ["me", "you"], "azp": "you"}),
            json!({"aud": "me", "azp": 5}),
        ] {
            assert!(check_audience(&map(bad.clone()), "me").is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_no_token_is_refused() {
        let times = Times { now: 0, leeway: 0 };
        for text in ["", "a", "a.b", "a.b.c.d", "..", "e30.e30", "e30.W10.x", "e30.!!.x"] {
            assert!(unverified_claims(text, times).is_err(), "{text}");
        }
        assert!(unverified_claims("e30.e30.", times).is_ok());
    }
}
