//! What a client needs to begin a sign-in (contract/11 §2). Fresh on every call; nothing of it is stored.

use serde::Serialize;
use url::form_urlencoded::Serializer;

use crate::ids;
use crate::schema::auth_options::OAuth2;

use super::configured::{Configured, code_challenge, nonce_of};

const STATE_LENGTH: usize = 30;
const VERIFIER_LENGTH: usize = 43;

/// One provider as `auth-methods` shows it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Offer {
    pub name: String,
    pub display_name: String,
    /// SVG text.
    pub logo: String,
    pub state: String,
    #[serde(rename = "authURL")]
    pub auth_url: String,
    /// The same under its old name.
    #[serde(rename = "authUrl")]
    pub old_auth_url: String,
    pub code_verifier: String,
    pub code_challenge: String,
    pub code_challenge_method: &'static str,
}

/// The providers of a collection in its order; names that aren't known are skipped.
pub fn offers(options: &OAuth2) -> Vec<Offer> {
    let configured = options.providers.iter().filter_map(|provider| Configured::find(options, &provider.name));
    configured.map(|configured| offer(&configured)).collect()
}

fn offer(configured: &Configured) -> Offer {
    let state = ids::secret(STATE_LENGTH);
    let verifier = if configured.has_pkce() { ids::secret(VERIFIER_LENGTH) } else { String::new() };
    let auth_url = auth_url(configured, &state, &verifier);
    let (challenge, method) = match verifier.is_empty() {
        true => (String::new(), ""),
        false => (code_challenge(&verifier), "S256"),
    };
    Offer {
        name: configured.provider.name.to_owned(),
        display_name: configured.display_name().to_owned(),
        logo: configured.provider.logo(),
        state,
        old_auth_url: auth_url.clone(),
        auth_url,
        code_verifier: verifier,
        code_challenge: challenge,
        code_challenge_method: method,
    }
}

/// Where people sign in; the client appends its own address, encoded.
fn auth_url(configured: &Configured, state: &str, verifier: &str) -> String {
    let scope = configured.scopes().join(" ");
    let mut parameters = vec![
        ("client_id", configured.options.client_id.clone()),
        ("response_type", "code".to_owned()),
        ("state", state.to_owned()),
    ];
    if !scope.is_empty() {
        parameters.push(("scope", scope));
    }
    if !verifier.is_empty() {
        parameters.push(("code_challenge", code_challenge(verifier)));
        parameters.push(("code_challenge_method", "S256".to_owned()));
        if configured.reads_id_token() {
            parameters.push(("nonce", nonce_of(verifier)));
        }
    }
    let own = configured.provider.auth_parameters;
    parameters.extend(own.iter().map(|(name, value)| (*name, (*value).to_owned())));
    parameters.sort();
    let query = Serializer::new(String::new()).extend_pairs(parameters).finish();
    let base = configured.auth_url();
    let mark = if base.contains('?') { '&' } else { '?' };
    format!("{base}{mark}{query}&redirect_uri=")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn offered(provider: serde_json::Value) -> Vec<Offer> {
        let options = serde_json::from_value(json!({"enabled": true, "providers": [provider]}));
        offers(&options.expect("options"))
    }

    #[test]
    fn the_url_holds_sorted_parameters_and_ends_for_the_clients_address() {
        let offer =
            offered(json!({"name": "oidc", "clientId": "a b", "authURL": "https://id.example.com/a?x=1"})).remove(0);
        let expected = format!(
            "https://id.example.com/a?x=1&client_id=a+b&code_challenge={}&code_challenge_method=S256&nonce={}\
             &response_type=code&scope=openid+email+profile&state={}&redirect_uri=",
            offer.code_challenge,
            nonce_of(&offer.code_verifier),
            offer.state
        );
        assert_eq!(offer.auth_url, expected);
        assert_eq!((offer.state.len(), offer.code_verifier.len(), offer.code_challenge.len()), (30, 43, 43));
        assert_eq!(offer.display_name, "OIDC");
    }

    #[test]
    fn a_provider_without_pkce_gets_no_challenge_and_one_with_user_info_no_nonce() {
        let offer = offered(json!({"name": "vk", "clientId": "c", "displayName": "Mine"})).remove(0);
        let expected = format!(
            "https://oauth.vk.com/authorize?client_id=c&response_type=code&scope=email&state={}&redirect_uri=",
            offer.state
        );
        assert_eq!((offer.auth_url, offer.code_challenge_method, offer.display_name.as_str()), (expected, "", "Mine"));
        let google = offered(json!({"name": "google", "clientId": "c"})).remove(0);
        assert!(!google.auth_url.contains("nonce="));
        let apple = offered(json!({"name": "apple", "clientId": "c"})).remove(0);
        assert!(apple.auth_url.contains("&response_mode=form_post&") && apple.auth_url.contains("&nonce="));
    }

    #[test]
    fn unknown_providers_are_skipped() {
        assert!(offered(json!({"name": "nobody", "clientId": "c"})).is_empty());
    }

    #[test]
    fn microsofts_claims_need_the_scope_of_id_tokens() {
        let extra = json!({"idTokenEmailClaim": "any_verified"});
        let offer = offered(json!({"name": "microsoft", "clientId": "c", "extra": extra})).remove(0);
        assert!(offer.auth_url.contains("scope=User.Read+openid&"));
    }
}
