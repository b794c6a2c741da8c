//! The OAuth2 providers that an auth collection may use (contract/11 §15): facts, as data. One list serves the sign-in,
//! the dashboard, and the checks of options and of `_externalAuths`; a new provider is an entry in `table`.
//!
//! The small language of [`Pick`] and [`Condition`] says how a provider's answer becomes an account; `auth` reads it.

mod table;

pub use table::PROVIDERS;

/// One provider.
#[derive(Debug)]
pub struct Provider {
    /// Its key in options and in `_externalAuths`.
    pub name: &'static str,
    pub display_name: &'static str,
    /// The colour of its badge (`#rrggbb`) and the one or two letters on it.
    pub badge: (&'static str, &'static str),
    /// Whether it takes part in PKCE unless the options say otherwise.
    pub pkce: bool,
    /// Defaults; empty ones must be configured.
    pub auth_url: &'static str,
    pub token_url: &'static str,
    pub user_url: &'static str,
    pub scopes: &'static [&'static str],
    /// Further parameters of the URL at which people sign in.
    pub auth_parameters: &'static [(&'static str, &'static str)],
    pub source: Source,
    pub id_token: IdTokenRules,
    pub account: Account,
}

/// Where the user's data come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// `GET` of the user-info URL with these further headers; `{clientId}` stands for the client's id.
    Get { headers: &'static [(&'static str, &'static str)] },
    /// `POST` of a GraphQL query to the user-info URL.
    Graph(&'static str),
    /// The claims of the ID token.
    IdToken,
    /// `GET` of the user-info URL if one is configured, else the claims of the ID token.
    GetOrIdToken,
}

/// What an ID token must fulfil beyond the checks that all pass.
#[derive(Clone, Copy, Debug)]
pub struct IdTokenRules {
    /// Who may have issued it; empty: not known.
    pub issuer: &'static str,
    /// Where the keys are; empty: not known.
    pub jwks_url: &'static str,
    pub needs_expiry: bool,
}

/// How an answer becomes an account. Paths are keys joined by dots; a number is a place in a list.
#[derive(Debug)]
pub struct Account {
    pub id: Pick,
    pub name: Pick,
    pub username: Pick,
    /// Gives only what the provider vouches for.
    pub email: Pick,
    /// A further request for the e-mail.
    pub mails: Option<MailList>,
    pub avatar: Pick,
    /// What must hold of the answer; else nobody is signed in.
    pub active: Option<Condition>,
    pub quirk: Option<Quirk>,
}

/// A value out of an answer; what is missing is empty, what has another type is an error.
#[derive(Debug)]
pub enum Pick {
    Nothing,
    Text(&'static str),
    /// A whole number, as decimal text; 0 is empty.
    Number(&'static str),
    /// A text with `{path}`s, each a text; empty if one of them is.
    Filled(&'static str),
    /// The same, but parts may be empty.
    Joined(&'static str),
    /// The same, trimmed.
    Trimmed(&'static str),
    /// What stands before the first `@`.
    BeforeAt(&'static str),
    When(Condition, &'static Pick),
    /// The first one that isn't empty.
    First(&'static [Pick]),
    /// A text of the token answer.
    FromToken(&'static str),
}

/// A condition on an answer.
#[derive(Clone, Copy, Debug)]
pub enum Condition {
    /// A flag that is set.
    True(&'static str),
    /// A flag that is set, as bool, number or text.
    Truthy(&'static str),
    Is(&'static str, &'static str),
    IsNumber(&'static str, i64),
    /// A date that isn't the zero one.
    Date(&'static str),
    Email(&'static str),
    Present(&'static str),
    /// A list of texts with this one in it.
    Contains(&'static str, &'static str),
    Not(&'static Condition),
    All(&'static [Condition]),
}

/// A list of the user's addresses at a URL of its own.
#[derive(Debug)]
pub struct MailList {
    /// `{userInfoURL}` stands for the user-info URL in force.
    pub url: &'static str,
    /// The path of the list in the answer; empty: the answer itself.
    pub items: &'static str,
    /// The first item for which this holds counts.
    pub condition: Condition,
    pub email: &'static str,
    /// Statuses that mean "no e-mail" instead of a failure.
    pub refusals: std::ops::RangeInclusive<u16>,
}

/// What doesn't fit the language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quirk {
    /// The name may come with the redirect, by form.
    Apple,
    /// The e-mail's origin is an option, and a shared tenant vouches for nothing.
    Microsoft,
    /// `permissions` of the token answer belong to the user's data.
    Instagram,
}

/// The provider of this name.
pub fn find_provider(name: &str) -> Option<&'static Provider> {
    PROVIDERS.iter().find(|provider| provider.name == name)
}

impl Provider {
    /// Its badge as SVG text. A plain one: the providers' own marks are theirs.
    pub fn logo(&self) -> String {
        let (colour, letters) = self.badge;
        format!(
            concat!(
                r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32" width="32" height="32">"#,
                r#"<rect width="32" height="32" rx="8" fill="{}"/>"#,
                r##"<text x="16" y="21.5" text-anchor="middle" font-family="system-ui,sans-serif" font-size="15" "##,
                r##"font-weight="600" fill="#fff">{}</text></svg>"##
            ),
            colour, letters
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn providers_are_named_once_and_have_https_urls() {
        assert_eq!(PROVIDERS.len(), 32);
        for (index, provider) in PROVIDERS.iter().enumerate() {
            assert!(PROVIDERS[..index].iter().all(|other| other.name != provider.name), "{}", provider.name);
            for url in [provider.auth_url, provider.token_url, provider.user_url] {
                assert!(url.is_empty() || url.starts_with("https://"), "{url}");
            }
        }
    }
}
