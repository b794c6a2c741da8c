//! The routes of auth collections (contract/11): every way in but OAuth2 (`oauth2`), and the mail-driven changes.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header::USER_AGENT;
use serde_json::{Map, Value as Json, json};

use crate::auth::forms::{Form, TEXT_BYTES_MAX};
use crate::auth::oauth2::{Offer, offers};
use crate::auth::{
    Issue, LoginCall, LoginEnd, PasswordLogin, PasswordReset, check_password_auth, issue_token, peek_claims,
};
use crate::crypto::Secret;
use crate::error::{Error, FieldError, Result};
use crate::formats::ip_text;
use crate::http::{Call, Document, Guard, LoadError, RateLimit, Response, Route};
use crate::query::{AuthRecord, Caller, Context};
use crate::rows::get_record;
use crate::schema::{AuthOptions, Collection, Record};

pub(super) const LOAD_FAILED: &str = "An error occurred while loading the submitted data.";
/// Longest one-time password, bytes.
const OTP_BYTES_MAX: usize = 71;

pub fn routes() -> Vec<Route> {
    let route = |route: Route, tags, summary| route.rate_limit(RateLimit::Tags(tags)).doc("Auth", summary);
    vec![
        route(
            Route::get("/api/collections/{collection}/auth-methods", methods),
            &["listAuthMethods"],
            "Lists the ways in that a collection allows.",
        ),
        route(
            Route::post("/api/collections/{collection}/auth-with-password", with_password),
            &["authWithPassword", "auth"],
            "Signs in by identity and password.",
        ),
        route(
            Route::post("/api/collections/{collection}/request-otp", request_otp),
            &["requestOTP"],
            "Mails a one-time password.",
        ),
        route(
            Route::post("/api/collections/{collection}/auth-with-otp", with_otp),
            &["authWithOTP", "auth"],
            "Signs in by a one-time password.",
        ),
        route(
            Route::post("/api/collections/{collection}/auth-refresh", refresh).guard(Guard::SameCollection),
            &["authRefresh"],
            "Exchanges a token for a later one.",
        ),
        route(
            Route::post("/api/collections/{collection}/request-verification", request_verification),
            &["requestVerification"],
            "Mails a link that verifies an address.",
        ),
        route(
            Route::post("/api/collections/{collection}/confirm-verification", confirm_verification),
            &["confirmVerification"],
            "Verifies an address by the mailed token.",
        ),
        route(
            Route::post("/api/collections/{collection}/request-password-reset", request_password_reset),
            &["requestPasswordReset"],
            "Mails a link that sets a new password.",
        ),
        route(
            Route::post("/api/collections/{collection}/confirm-password-reset", confirm_password_reset),
            &["confirmPasswordReset"],
            "Sets a new password by the mailed token.",
        ),
        route(
            Route::post("/api/collections/{collection}/request-email-change", request_email_change)
                .guard(Guard::SameCollection),
            &["requestEmailChange"],
            "Mails a link that changes the caller's address.",
        ),
        route(
            Route::post("/api/collections/{collection}/confirm-email-change", confirm_email_change),
            &["confirmEmailChange"],
            "Changes an address by the mailed token.",
        ),
        Route::post("/api/collections/{collection}/impersonate/{id}", impersonate)
            .guard(Guard::Superuser)
            .doc("Auth", "Gives a superuser a token of another record."),
    ]
}

/// A body as these routes read it: texts alone, absent ones empty.
pub(super) struct Body(Map<String, Json>);

impl Body {
    /// Reads the body; a wrong type of content is named.
    pub async fn load(call: &mut Call) -> Result<Self> {
        call.document().await.map(Self::of).map_err(LoadError::as_load_failure_or_type)
    }

    pub fn get(&self, key: &str) -> Option<&Json> {
        self.0.get(key)
    }

    fn of(document: Document) -> Self {
        let Document { mut json, fields } = document;
        for (key, texts) in fields {
            let first = texts.into_iter().next().unwrap_or_default();
            json.entry(key).or_insert(Json::String(first));
        }
        Self(json)
    }

    /// # Errors
    /// 400 for another JSON type.
    pub fn text(&self, key: &str) -> Result<String> {
        match self.0.get(key) {
            None | Some(Json::Null) => Ok(String::new()),
            Some(Json::String(text)) => Ok(text.clone()),
            Some(_) => Err(Error::bad_request_with(LOAD_FAILED)),
        }
    }
}

/// The collection in the path, which must be one of accounts.
pub(super) fn auth_collection(call: &Call) -> Result<Arc<Collection>> {
    let schema = call.app().schema.current();
    let found = schema.find(&call.param("collection")).filter(|collection| collection.is_auth()).cloned();
    found.ok_or_else(|| Error::NotFound("Missing or invalid auth collection context.".into()))
}

pub(super) fn options(collection: &Collection) -> Result<&AuthOptions> {
    collection.auth().ok_or_else(|| Error::NotFound("Missing or invalid auth collection context.".into()))
}

/// Who signs in, and what rules see of it.
pub(super) fn login_call(call: &Call, context: Context, body: &Body) -> LoginCall {
    let mut request = call.facts(context);
    request.body = body.0.clone();
    let from_query = call.query_value("mfaId").filter(|id| !id.is_empty());
    let mfa_id = match from_query {
        Some(id) => Json::String(id.to_owned()),
        None => body.0.get("mfaId").cloned().unwrap_or(Json::Null),
    };
    LoginCall {
        request,
        ip: call.real_ip(),
        ip_text: ip_text(call.real_ip()),
        user_agent: call.header(USER_AGENT.as_str()).unwrap_or("").to_owned(),
        mfa_id,
    }
}

async fn methods(call: Call) -> Result<Response> {
    let collection = auth_collection(&call)?;
    let options = options(&collection)?;
    let password = &options.password_auth;
    let identity_fields: &[String] = if password.enabled { &password.identity_fields } else { &[] };
    let has_field = |name: &str| identity_fields.iter().any(|field| field == name);
    let duration = |is_enabled: bool, seconds: i64| if is_enabled { seconds } else { 0 };
    let providers = if options.oauth2.enabled { offers(&options.oauth2) } else { Vec::new() };
    let old_providers: Vec<Offer> =
        providers.iter().map(|offer| Offer { logo: String::new(), ..offer.clone() }).collect();
    Response::of(&json!({
        "password": {"identityFields": identity_fields, "enabled": password.enabled},
        "oauth2": {"providers": providers, "enabled": options.oauth2.enabled},
        "mfa": {"enabled": options.mfa.enabled, "duration": duration(options.mfa.enabled, options.mfa.duration)},
        "otp": {"enabled": options.otp.enabled, "duration": duration(options.otp.enabled, options.otp.duration)},
        "authProviders": if options.oauth2.enabled { json!(old_providers) } else { Json::Null },
        "usernamePassword": has_field("username"),
        "emailPassword": has_field("email"),
    }))
}

async fn with_password(mut call: Call) -> Result<Response> {
    let collection = auth_collection(&call)?;
    check_password_auth(&collection)?;
    let body = Body::load(&mut call).await?;
    let (identity, password, field) = (body.text("identity")?, body.text("password")?, body.text("identityField")?);
    let mut form = Form::new();
    form.required("identity", &identity, TEXT_BYTES_MAX);
    form.required("password", &password, TEXT_BYTES_MAX);
    form.optional("identityField", &field, TEXT_BYTES_MAX);
    let is_known = field.is_empty() || options(&collection)?.password_auth.identity_fields.contains(&field);
    form.check(
        "identityField",
        (!is_known).then(|| FieldError::code("validation_in_invalid", "Must be a valid value.")),
    );
    form.finish()?;
    let login =
        PasswordLogin { identity, field: (!field.is_empty()).then_some(field), password: Secret::new(password) };
    let login_call = login_call(&call, Context::Password, &body);
    let end = call.app().accounts.with_password(&collection, login, login_call).await?;
    answer_login(&call, end, Context::Password, None).await
}

async fn request_otp(mut call: Call) -> Result<Response> {
    let collection = auth_collection(&call)?;
    check_otp(&collection)?;
    let email = load_email(&mut call).await?;
    let id = call.app().accounts.request_otp(&collection, email).await?;
    Response::of(&json!({ "otpId": id }))
}

async fn with_otp(mut call: Call) -> Result<Response> {
    let collection = auth_collection(&call)?;
    check_otp(&collection)?;
    let body = Body::load(&mut call).await?;
    let (otp_id, password) = (body.text("otpId")?, body.text("password")?);
    let mut form = Form::new();
    form.required("otpId", &otp_id, TEXT_BYTES_MAX).required("password", &password, OTP_BYTES_MAX);
    form.finish()?;
    let login_call = login_call(&call, Context::Otp, &body);
    let end = call.app().accounts.with_otp(&collection, &otp_id, Secret::new(password), login_call).await?;
    answer_login(&call, end, Context::Otp, None).await
}

fn check_otp(collection: &Collection) -> Result<()> {
    match options(collection)?.otp.enabled {
        true => Ok(()),
        false => Err(Error::Forbidden("The collection is not configured to allow OTP authentication.".into())),
    }
}

async fn refresh(call: Call) -> Result<Response> {
    auth_collection(&call)?;
    let record = own_record(&call)?;
    let token = call.token().unwrap_or("").to_owned();
    let is_refreshable = peek_claims(&token).is_some_and(|claims| claims.is_refreshable());
    let login_call = login_call(&call, Context::Default, &Body(Map::new()));
    call.app().accounts.check_rules(Record::clone(&record), login_call).await?;
    let token = if is_refreshable { issue_token(&record, Issue::Auth, &call.app().clock)? } else { token };
    answer_record(&call, record, token, Context::Default, None).await
}

async fn impersonate(mut call: Call) -> Result<Response> {
    let collection = auth_collection(&call)?;
    let record = call.app().store.read_here(|conn| get_record(conn, &collection, &call.param("id")))?;
    let document = call.document().await.map_err(LoadError::as_load_failure)?;
    let seconds = read_duration(&document)?;
    let mut form = Form::new();
    form.check("duration", (seconds < 0).then(|| FieldError::below(0)));
    form.finish()?;
    let token = issue_token(&record, Issue::StaticAuth { seconds }, &call.app().clock)?;
    answer_record(&call, Arc::new(record), token, Context::Default, None).await
}

/// Whole seconds; a form's are digits.
fn read_duration(document: &Document) -> Result<i64> {
    let wrong = || Error::bad_request_with(LOAD_FAILED);
    match document.json.get("duration") {
        Some(Json::Null) => Ok(0),
        Some(value) => value.as_i64().ok_or_else(wrong),
        None => match document.fields.iter().find(|(key, _)| key == "duration").and_then(|(_, texts)| texts.first()) {
            Some(text) => text.parse().map_err(|_| wrong()),
            None => Ok(0),
        },
    }
}

async fn request_verification(mut call: Call) -> Result<Response> {
    let collection = auth_collection(&call)?;
    refuse_superusers(&collection, "All superusers are verified by default.")?;
    let email = load_email(&mut call).await?;
    call.app().accounts.request_verification(&collection, &email).await?;
    Ok(Response::no_content())
}

async fn confirm_verification(mut call: Call) -> Result<Response> {
    let collection = auth_collection(&call)?;
    refuse_superusers(&collection, "All superusers are verified by default.")?;
    let token = Body::load(&mut call).await?.text("token")?;
    call.app().accounts.confirm_verification(&collection, token).await?;
    Ok(Response::no_content())
}

async fn request_password_reset(mut call: Call) -> Result<Response> {
    let collection = auth_collection(&call)?;
    if check_password_auth(&collection).is_err() {
        let text = "The collection is not configured to allow password authentication.";
        return Err(Error::bad_request_with(text));
    }
    let email = load_email(&mut call).await?;
    call.app().accounts.request_password_reset(&collection, &email).await?;
    Ok(Response::no_content())
}

async fn confirm_password_reset(mut call: Call) -> Result<Response> {
    let collection = auth_collection(&call)?;
    let body = Body::of(call.document().await.map_err(LoadError::as_load_failure)?);
    let reset = PasswordReset {
        token: body.text("token")?,
        password: body.text("password")?,
        password_confirm: body.text("passwordConfirm")?,
    };
    call.app().accounts.confirm_password_reset(&collection, reset).await?;
    Ok(Response::no_content())
}

async fn request_email_change(mut call: Call) -> Result<Response> {
    let collection = auth_collection(&call)?;
    refuse_superusers(&collection, "All superusers can change their emails directly.")?;
    let record = own_record(&call)?;
    let new_email = Body::load(&mut call).await?.text("newEmail")?;
    call.app().accounts.request_email_change(&record, new_email).await?;
    Ok(Response::no_content())
}

async fn confirm_email_change(mut call: Call) -> Result<Response> {
    let collection = auth_collection(&call)?;
    refuse_superusers(&collection, "All superusers can change their emails directly.")?;
    let body = Body::load(&mut call).await?;
    let (token, password) = (body.text("token")?, body.text("password")?);
    call.app().accounts.confirm_email_change(&collection, token, password).await?;
    Ok(Response::no_content())
}

fn refuse_superusers(collection: &Collection, text: &'static str) -> Result<()> {
    if collection.is_superusers() { Err(Error::bad_request_with(text)) } else { Ok(()) }
}

/// The caller's record; the guard has asked for one.
fn own_record(call: &Call) -> Result<Arc<Record>> {
    let missing = || Error::Unauthorized("The request requires valid record authorization token.".into());
    call.caller().auth().map(|auth| auth.record.clone()).ok_or_else(missing)
}

async fn load_email(call: &mut Call) -> Result<String> {
    let email = Body::load(call).await?.text("email")?;
    let mut form = Form::new();
    form.email("email", &email);
    form.finish()?;
    Ok(email)
}

/// The answer of a login (contract/11 §1, §4). `meta`: what an OAuth2 provider says about the user.
pub(super) async fn answer_login(
    call: &Call,
    end: LoginEnd,
    context: Context,
    meta: Option<&Json>,
) -> Result<Response> {
    match end {
        LoginEnd::Done(record) => {
            let token = issue_token(&record, Issue::Auth, &call.app().clock)?;
            answer_record(call, Arc::new(record), token, context, meta).await
        }
        LoginEnd::SecondFactor { mfa_id } => {
            Ok(Response::of(&json!({ "mfaId": mfa_id }))?.with_status(StatusCode::UNAUTHORIZED))
        }
        LoginEnd::Refused(error) => Err(error),
    }
}

/// `{"meta":…?,"record":…,"token":…}`: the record as its owner sees it.
async fn answer_record(
    call: &Call,
    record: Arc<Record>,
    token: String,
    context: Context,
    meta: Option<&Json>,
) -> Result<Response> {
    let collection = record.collection().clone();
    let id = record.id().to_owned();
    let auth = AuthRecord { record };
    let mut request = call.facts(context);
    request.caller = if collection.is_superusers() { Caller::Superuser(auth) } else { Caller::Record(auth) };
    let shown = call.app().records.show(request, &collection, &id).await?;
    let mut answer = Vec::with_capacity(shown.body.len() + token.len() + 32);
    answer.push(b'{');
    if let Some(meta) = meta {
        answer.extend_from_slice(b"\"meta\":");
        serde_json::to_writer(&mut answer, meta).map_err(Error::internal)?;
        answer.push(b',');
    }
    answer.extend_from_slice(b"\"record\":");
    answer.extend_from_slice(&shown.body);
    answer.extend_from_slice(b",\"token\":\"");
    answer.extend_from_slice(token.as_bytes()); // base64url and dots need no escape
    answer.extend_from_slice(b"\"}");
    Ok(Response::json(answer))
}
