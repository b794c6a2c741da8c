//! The token becomes a user (contract/11 §9.2, step 2; §9.6).

use serde_json::{Map, Value as Json, json};

use crate::clock::date_text;
use crate::outbound::Payload;
use crate::schema::oauth2::{Condition, MailList, Pick, Quirk, Source};

use super::exchange::{Exchange, ProviderError, Tokens, successful};
use super::id_token::{self, Times};
use super::reading::{Reading, read_object};

/// Who somebody is at a provider.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The provider's name in the table.
    pub provider: &'static str,
    pub id: String,
    pub name: String,
    pub username: String,
    /// An address that the provider vouches for; `""`: none.
    pub email: String,
    /// One that it names without vouching for it.
    pub unvouched_email: String,
    pub avatar_url: String,
    /// The user's data as received.
    pub raw: Json,
    pub tokens: Tokens,
    /// When the access token ends, in the stored form; `""`: not known.
    pub expiry: String,
}

/// Asks the provider who the token is of.
pub async fn identify(
    exchange: &Exchange<'_>,
    tokens: Tokens,
    verifier: &str,
    times: Times,
) -> Result<Identity, ProviderError> {
    let configured = exchange.configured;
    let account = &configured.provider.account;
    let mut raw = user_data(exchange, &tokens, verifier, times).await?;
    if account.quirk == Some(Quirk::Instagram)
        && let Some(permissions) = tokens.get("permissions")
    {
        raw.entry("permissions").or_insert_with(|| permissions.clone());
    }
    let user = Json::Object(raw);
    let reading = Reading { user: &user, tokens: &tokens };
    if let Some(active) = &account.active
        && !reading.holds(active)?
    {
        return Err(ProviderError::Inactive);
    }
    let mut emails = Emails { vouched: reading.pick(&account.email)?, unvouched: String::new() };
    if account.quirk == Some(Quirk::Microsoft) {
        emails = microsoft_emails(exchange, reading, emails.vouched, times)?;
    }
    if emails.vouched.is_empty()
        && let Some(mails) = &account.mails
    {
        emails.vouched = listed_email(exchange, reading, mails).await?;
    }
    Ok(Identity {
        provider: configured.provider.name,
        id: reading.pick(&account.id)?,
        name: reading.pick(&account.name)?,
        username: reading.pick(&account.username)?,
        email: emails.vouched,
        unvouched_email: emails.unvouched,
        avatar_url: reading.pick(&account.avatar)?,
        expiry: expiry(&tokens, times),
        raw: user,
        tokens,
    })
}

struct Emails {
    vouched: String,
    unvouched: String,
}

async fn user_data(
    exchange: &Exchange<'_>,
    tokens: &Tokens,
    verifier: &str,
    times: Times,
) -> Result<Map<String, Json>, ProviderError> {
    let configured = exchange.configured;
    if configured.reads_id_token() {
        return id_token::claims(exchange, tokens.text("id_token"), verifier, times).await;
    }
    let answer = match configured.provider.source {
        Source::Graph(query) => {
            let body = json!({ "query": query });
            exchange.ask(configured.user_url(), Some(&bearer(tokens)), &[], Payload::Json(&body)).await?
        }
        Source::Get { headers } => {
            let client_id = &configured.options.client_id;
            let fill = |value: &'static str| if value == "{clientId}" { client_id.as_str() } else { value };
            let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, fill(value))).collect();
            exchange.ask(configured.user_url(), Some(&bearer(tokens)), &headers, Payload::None).await?
        }
        Source::IdToken | Source::GetOrIdToken => {
            exchange.ask(configured.user_url(), Some(&bearer(tokens)), &[], Payload::None).await?
        }
    };
    read_object(&successful(answer)?.body)
}

/// The address out of a list at a URL of its own.
async fn listed_email(
    exchange: &Exchange<'_>,
    reading: Reading<'_>,
    mails: &MailList,
) -> Result<String, ProviderError> {
    let url = mails.url.replace("{userInfoURL}", exchange.configured.user_url());
    let answer = exchange.ask(&url, Some(&bearer(reading.tokens)), &[], Payload::None).await?;
    if mails.refusals.contains(&answer.status) {
        return Ok(String::new());
    }
    let answer = successful(answer)?;
    let listed: Json = serde_json::from_slice(&answer.body).map_err(|_| ProviderError::Unreadable)?;
    for item in reading.at(&listed).items(mails.items)? {
        let item = reading.at(item);
        if item.holds(&mails.condition)? {
            return item.pick(&Pick::Text(mails.email));
        }
    }
    Ok(String::new())
}

/// Microsoft's e-mail. Anybody can write any address into the profiles of a directory of their own, and the shared
/// tenants let every directory in: such an address fills a new account, but proves nothing.
fn microsoft_emails(
    exchange: &Exchange<'_>,
    reading: Reading<'_>,
    mail: String,
    times: Times,
) -> Result<Emails, ProviderError> {
    let claim = exchange.configured.email_claim();
    let claims = id_token::unverified_claims(reading.tokens.text("id_token"), times).unwrap_or_default();
    let claims = Json::Object(claims);
    let token = reading.at(&claims);
    let text = |key: &'static str| token.pick(&Pick::Text(key)).unwrap_or_default();
    let owned_domain = token.holds(&Condition::Truthy("xms_edov"))?;
    let email_of_owned = || if owned_domain { text("email") } else { String::new() };
    let (email, is_proven) = match claim {
        "any_verified" => match text("verified_primary_email") {
            primary if primary.is_empty() => (email_of_owned(), true),
            primary => (primary, true),
        },
        "verified_primary_email" => (text("verified_primary_email"), true),
        "email_and_xms_edov" => (email_of_owned(), true),
        "email" => (text("email"), false),
        "" | "*" => (mail, false),
        _ => (String::new(), false),
    };
    let is_vouched = is_proven || !exchange.configured.is_shared_tenant();
    let (vouched, unvouched) = if is_vouched { (email, String::new()) } else { (String::new(), email) };
    Ok(Emails { vouched, unvouched })
}

fn bearer(tokens: &Tokens) -> String {
    format!("Bearer {}", tokens.text("access_token"))
}

fn expiry(tokens: &Tokens, times: Times) -> String {
    let at = tokens.expires_in().and_then(|seconds| times.now.checked_add(seconds));
    let at = at.and_then(|at| jiff::Timestamp::from_second(at).ok());
    at.map(date_text).unwrap_or_default()
}
