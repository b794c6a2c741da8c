//! A sign-in from the code to the account, in two steps: whoever counts requests can see in between whether an account
//! will be made.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde_json::{Map, Value as Json, json};

use crate::access::live_request;
use crate::error::{Error, Result};
use crate::input::RecordBody;
use crate::query::Request;
use crate::rows::NewPassword;
use crate::schema::auth_options::MappedFields;
use crate::schema::fields::Kind;
use crate::schema::{Collection, FieldValue, Record};
use crate::store::Tx;

use super::super::accounts::{Accounts, auth_options, find_auth_collection};
use super::super::identity::is_taken;
use super::super::login::{LoginCall, LoginEnd, Method};
use super::avatar;
use super::configured::Configured;
use super::exchange::{Code, Exchange, ProviderError};
use super::id_token::Times;
use super::linking::{Found, changed_meanwhile, find_account, link, link_new};
use super::user::{Identity, identify};
use crate::outbound::OutboundError;
use crate::schema::oauth2::Quirk;

/// What `auth-with-oauth2` was sent, checked.
#[derive(Debug)]
pub struct OAuth2Form {
    pub provider: Configured,
    pub code: Code,
    /// Values for an account that has to be made.
    pub create_data: Map<String, Json>,
}

/// A sign-in whose identity is known.
#[derive(Debug)]
pub struct SignIn {
    identity: Identity,
    create_data: Map<String, Json>,
    found: Option<Found>,
}

/// How a sign-in ended, and what its answer says about the provider's user.
pub struct OAuth2End {
    pub end: LoginEnd,
    pub meta: Json,
}

/// The create action of records (contract/05), as far as a sign-in needs it.
pub trait CreateAccount: Send + Sync {
    /// Does what needs no transaction. `password` stands where the body has none.
    fn ready(
        &self,
        request: Request,
        collection: Arc<Collection>,
        body: RecordBody,
        password: Option<NewPassword>,
    ) -> BoxFuture<'static, Result<Arc<dyn NewAccount>>>;
}

/// An account that is ready to be created.
pub trait NewAccount: Send + Sync {
    /// Creates it, under the create rule and with every check.
    fn create(&self, tx: &dyn Tx) -> Result<Record>;
    /// The transaction that created it is committed.
    fn committed(&self);
}

impl SignIn {
    /// Whether there is no account yet.
    pub fn is_new(&self) -> bool {
        self.found.is_none()
    }
}

impl Accounts {
    /// Asks the provider whose code this is, and looks for the account.
    ///
    /// # Errors
    /// 400 that says which step failed; 503 when too many sign-ins wait for providers.
    pub async fn begin_oauth2(
        &self,
        collection: &Arc<Collection>,
        form: OAuth2Form,
        call: &LoginCall,
    ) -> Result<SignIn> {
        let OAuth2Form { provider, code, create_data } = form;
        let exchange = Exchange::new(&self.outbound, &provider);
        let tokens = exchange.tokens(&code).await;
        let tokens = tokens.map_err(|error| failure("Failed to fetch OAuth2 token.", error))?;
        let times = Times { now: self.clock.now_seconds(), leeway: self.id_token_leeway_seconds };
        let identity = identify(&exchange, tokens, &code.verifier, times).await;
        let mut identity = identity.map_err(|error| failure("Failed to fetch OAuth2 user.", error))?;
        if provider.provider.account.quirk == Some(Quirk::Apple) && identity.name.is_empty() {
            let now_ms = self.clock.now().as_millisecond();
            identity.name = self.parked_names.take(&code.code, now_ms).unwrap_or_default();
        }
        let schema = self.schema.current();
        let found =
            self.store.read_here(|conn| find_account(conn, &schema, collection, &identity, &call.request.caller))?;
        Ok(SignIn { identity, create_data, found })
    }

    /// Signs in: links the account or makes it, then passes what every login passes.
    ///
    /// # Errors
    /// 400 with fields for what can't be linked; those of the create action.
    pub async fn finish_oauth2(
        self: &Arc<Self>,
        collection: &Arc<Collection>,
        sign_in: SignIn,
        call: LoginCall,
    ) -> Result<OAuth2End> {
        let SignIn { identity, create_data, found } = sign_in;
        // For one that must lose its password, and for one that gets none.
        let needs_spare = found.as_ref().is_none_or(Found::is_suspect);
        let spare = if needs_spare { Some(self.random_password(collection).await?) } else { None };
        let new = match &found {
            Some(_) => None,
            None => {
                let body = self.new_body(collection, &identity, create_data).await?;
                let has_password =
                    body.values.get("password").and_then(Json::as_str).is_some_and(|text| !text.is_empty());
                let password = if has_password { None } else { spare.clone() };
                let ready = self.new_accounts.ready(call.request.clone(), collection.clone(), body, password);
                Some(ready.await?)
            }
        };
        let identity = Arc::new(identity);
        let (accounts, of_job, in_job) = (self.clone(), new.clone(), identity.clone());
        let collection_id = collection.id.clone();
        let job = move |tx: &dyn Tx| {
            let (schema, clock) = (accounts.schema.current(), &accounts.clock);
            let collection = find_auth_collection(&schema, &collection_id)?;
            // The provider has taken its time: who the caller is counts now.
            let caller = &live_request(tx, &schema, &call.request)?.caller;
            let found = find_account(tx, &schema, &collection, &in_job, caller)?;
            let is_new = found.is_none();
            let record = match (found, &of_job) {
                (Some(found), _) => link(tx, &schema, clock, found, &in_job, spare.as_ref())?,
                (None, Some(new)) => link_new(tx, &schema, clock, new.create(tx)?, &in_job)?,
                (None, None) => return Err(changed_meanwhile()),
            };
            let end = accounts.login(tx, &schema, &call, |login| login.finish(tx, record, Method::OAuth2))?;
            Ok((end, is_new))
        };
        let (end, is_new) = self.store.write(job).await?;
        if is_new && let Some(new) = new {
            new.committed();
        }
        Ok(OAuth2End { end, meta: meta(&identity, is_new) })
    }

    /// The data of a new account: what the client gave, and where it gave nothing, what the provider says.
    async fn new_body(
        &self,
        collection: &Arc<Collection>,
        identity: &Identity,
        create_data: Map<String, Json>,
    ) -> Result<RecordBody> {
        let mut body = RecordBody { values: create_data, uploads: Vec::new() };
        let has_email = body.values.get("email").and_then(Json::as_str).is_some_and(|email| !email.is_empty());
        if !has_email {
            let named = [&identity.email, &identity.unvouched_email].into_iter().find(|email| !email.is_empty());
            body.values.insert("email".to_owned(), named.cloned().unwrap_or_default().into());
        }
        let MappedFields { id, name, username, avatar_url, .. } = &auth_options(collection)?.oauth2.mapped_fields;
        fill(&mut body, id, &identity.id);
        fill(&mut body, name, &identity.name);
        if self.can_have(collection, username, &identity.username)? {
            fill(&mut body, username, &identity.username);
        }
        let is_file = matches!(collection.field(avatar_url).map(|field| &field.kind), Some(Kind::File(_)));
        if identity.avatar_url.is_empty() || body.values.contains_key(avatar_url) {
            return Ok(body);
        }
        if !is_file {
            fill(&mut body, avatar_url, &identity.avatar_url);
            return Ok(body);
        }
        match avatar::download(&self.outbound, &identity.avatar_url, avatar_url, &self.temp_dir).await {
            Ok(upload) => body.uploads.push(upload),
            Err(error) => tracing::warn!(provider = identity.provider, %error, "an avatar isn't taken over"),
        }
        Ok(body)
    }

    /// Whether a new account may have the provider's username: one that it can't have is left out, not refused.
    fn can_have(&self, collection: &Arc<Collection>, field: &str, username: &str) -> Result<bool> {
        let Some(options) = collection.field(field).filter(|_| !username.is_empty()) else { return Ok(false) };
        if options.validate(&FieldValue::Text(username.to_owned())).is_err() {
            return Ok(false);
        }
        Ok(!self.store.read_here(|conn| is_taken(conn, collection, field, username))?)
    }
}

/// Sets a field, if it is mapped and the client gave nothing for it.
fn fill(body: &mut RecordBody, field: &str, value: &str) {
    if !field.is_empty() && !body.values.contains_key(field) {
        body.values.insert(field.to_owned(), value.into());
    }
}

fn meta(identity: &Identity, is_new: bool) -> Json {
    json!({
        "id": identity.id,
        "name": identity.name,
        "username": identity.username,
        "email": identity.email,
        "avatarURL": identity.avatar_url,
        "avatarUrl": identity.avatar_url,
        "accessToken": identity.tokens.text("access_token"),
        "refreshToken": identity.tokens.text("refresh_token"),
        "expiry": identity.expiry,
        "rawUser": identity.raw,
        "isNew": is_new,
    })
}

fn failure(text: &'static str, error: ProviderError) -> Error {
    match error {
        ProviderError::Outbound(OutboundError::Full) => {
            Error::Busy { message: "Too many sign-ins wait for their providers.".into(), retry_after_seconds: 1 }
        }
        error => Error::bad_request_from(text, error),
    }
}
