//! The OAuth2 providers that an auth collection may use, as the dashboard lists them (contract/02 §12).

use serde_json::{Value as Json, json};

use crate::schema::oauth2::PROVIDERS;

/// The answer of the providers' route.
pub fn oauth2_providers() -> Json {
    let shown = PROVIDERS
        .iter()
        .map(|provider| json!({"name": provider.name, "displayName": provider.display_name, "logo": provider.logo()}));
    Json::Array(shown.collect())
}
