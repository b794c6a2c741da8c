//! A provider as a collection has configured it: its own facts, with what the options put in their place.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value as Json;

use crate::schema::auth_options::{OAuth2, OAuth2Provider};
use crate::schema::oauth2::{Provider, Quirk, Source, find_provider};

/// Tenants of Microsoft that anybody's own directory belongs to.
const SHARED_TENANTS: [&str; 3] = ["common", "organizations", "consumers"];

/// One provider of a collection.
#[derive(Clone, Debug)]
pub struct Configured {
    pub provider: &'static Provider,
    pub options: OAuth2Provider,
}

impl Configured {
    /// The provider of this name, if the collection has it.
    pub fn find(options: &OAuth2, name: &str) -> Option<Self> {
        let options = options.providers.iter().find(|options| options.name == name)?;
        Some(Self { provider: find_provider(name)?, options: options.clone() })
    }

    pub fn auth_url(&self) -> &str {
        or_default(&self.options.auth_url, self.provider.auth_url)
    }

    pub fn token_url(&self) -> &str {
        or_default(&self.options.token_url, self.provider.token_url)
    }

    pub fn user_url(&self) -> &str {
        or_default(&self.options.user_info_url, self.provider.user_url)
    }

    pub fn display_name(&self) -> &str {
        or_default(&self.options.display_name, self.provider.display_name)
    }

    pub fn has_pkce(&self) -> bool {
        self.options.pkce.unwrap_or(self.provider.pkce)
    }

    /// Whether the claims of the ID token are the user's data.
    pub fn reads_id_token(&self) -> bool {
        match self.provider.source {
            Source::IdToken => true,
            Source::GetOrIdToken => self.user_url().is_empty(),
            Source::Get { .. } | Source::Graph(_) => false,
        }
    }

    pub fn scopes(&self) -> Vec<&'static str> {
        let mut scopes = self.provider.scopes.to_vec();
        let wants_id_token = self.provider.account.quirk == Some(Quirk::Microsoft) && !self.email_claim().is_empty();
        if wants_id_token && !scopes.contains(&"openid") {
            scopes.push("openid");
        }
        scopes
    }

    /// Which claim of Microsoft's ID token is the e-mail; empty: none.
    pub fn email_claim(&self) -> &str {
        self.extra_text("idTokenEmailClaim")
    }

    /// Whether people of any tenant come through this configuration of Microsoft.
    pub fn is_shared_tenant(&self) -> bool {
        [self.auth_url(), self.token_url()].iter().any(|url| {
            let segments = url::Url::parse(url)
                .ok()
                .and_then(|url| url.path_segments().map(|s| s.map(str::to_lowercase).collect::<Vec<_>>()));
            segments.is_some_and(|segments| segments.iter().any(|segment| SHARED_TENANTS.contains(&segment.as_str())))
        })
    }

    /// Where the keys of ID tokens are, as far as it is known beforehand.
    pub fn jwks_url(&self) -> &str {
        or_default(self.extra_text("jwksURL"), self.provider.id_token.jwks_url)
    }

    /// Who may have issued an ID token; empty: not known.
    pub fn issuers(&self) -> Vec<&str> {
        let own = match self.options.extra.as_ref().and_then(|extra| extra.get("issuers")) {
            Some(Json::String(one)) => vec![one.as_str()],
            Some(Json::Array(many)) => many.iter().filter_map(Json::as_str).collect(),
            _ => Vec::new(),
        };
        let own: Vec<&str> = own.into_iter().filter(|issuer| !issuer.is_empty()).collect();
        if own.is_empty() && !self.provider.id_token.issuer.is_empty() {
            return vec![self.provider.id_token.issuer];
        }
        own
    }

    /// The URLs that the operator wrote: their origins may be private.
    pub fn written_urls(&self) -> Vec<&str> {
        let options = &self.options;
        let mut urls: Vec<&str> = vec![&options.auth_url, &options.token_url, &options.user_info_url];
        urls.push(self.extra_text("jwksURL"));
        if options.extra.is_some() {
            urls.extend(self.issuers());
        }
        urls.retain(|url| !url.is_empty());
        urls
    }

    fn extra_text(&self, key: &str) -> &str {
        self.options.extra.as_ref().and_then(|extra| extra.get(key)).and_then(Json::as_str).unwrap_or_default()
    }
}

/// The code challenge of a PKCE verifier (RFC 7636, S256).
pub fn code_challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()))
}

/// The nonce of a sign-in. It follows from the verifier, which the client hands back: nothing is stored.
pub fn nonce_of(verifier: &str) -> String {
    code_challenge(&format!("nonce{verifier}"))
}

fn or_default<'t>(own: &'t str, default: &'t str) -> &'t str {
    if own.is_empty() { default } else { own }
}
