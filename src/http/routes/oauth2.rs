//! Sign-in by OAuth2 (contract/11 §9): the exchange of a code, and the landing of the pop-up flow.

use actix_web::http::{Method, StatusCode};
use serde_json::{Map, Value as Json, json};

use crate::auth::forms::Form;
use crate::auth::oauth2::{Code, Configured, OAuth2Form};
use crate::error::{Error, FieldError, Result};
use crate::http::route::LogWhen;
use crate::http::{Call, RateLimit, Response, Route};
use crate::query::Context;
use crate::realtime::ProviderAnswer;
use crate::schema::auth_options::OAuth2;

use super::auth::{Body, LOAD_FAILED, answer_login, auth_collection, login_call, options};
use super::records::RECORDS;

/// Longest name of a provider, bytes.
const PROVIDER_BYTES_MAX: usize = 100;
/// Longest code, verifier or URL that is handed on to a provider, bytes: more than any URL could have brought.
const HANDED_ON_BYTES_MAX: usize = 16 * 1024;
/// Relative, so that it survives a path prefix (contract/25).
const SUCCESS: &str = "../_/#/auth/oauth2-redirect-success";
const FAILURE: &str = "../_/#/auth/oauth2-redirect-failure";

pub fn routes() -> Vec<Route> {
    vec![
        Route::post("/api/collections/{collection}/auth-with-oauth2", with_oauth2)
            .rate_limit(RateLimit::Tags(&["authWithOAuth2", "auth"]))
            .doc("Auth", "Signs in by the code of an OAuth2 provider."),
        Route::get("/api/oauth2-redirect", land)
            .log_when(LogWhen::OnError)
            .doc("Auth", "Takes a provider's answer to the page that waits for it."),
        Route::post("/api/oauth2-redirect", land_by_form)
            .log_when(LogWhen::OnError)
            .doc("Auth", "Takes a provider's answer, sent as a form, to the page that waits for it."),
    ]
}

async fn with_oauth2(mut call: Call) -> Result<Response> {
    let collection = auth_collection(&call)?;
    let oauth2 = &options(&collection)?.oauth2;
    if !oauth2.enabled {
        let text = "The collection is not configured to allow OAuth2 authentication.";
        return Err(Error::Forbidden(text.into()));
    }
    let body = Body::load(&mut call).await?;
    let form = read_form(&body, oauth2)?;
    let login_call = login_call(&call, Context::OAuth2, &body);
    let app = call.app().clone();
    let sign_in = app.accounts.begin_oauth2(&collection, form, &login_call).await?;
    if sign_in.is_new() {
        call.count(&collection, RECORDS, &["create"])?;
    }
    let end = app.accounts.finish_oauth2(&collection, sign_in, login_call).await?;
    answer_login(&call, end.end, Context::OAuth2, Some(&end.meta)).await
}

/// The body as this route takes it.
fn read_form(body: &Body, oauth2: &OAuth2) -> Result<OAuth2Form> {
    let (name, code, code_verifier) = (body.text("provider")?, body.text("code")?, body.text("codeVerifier")?);
    let redirect_url = match body.text("redirectURL")? {
        url if url.is_empty() => body.text("redirectUrl")?,
        url => url,
    };
    let create_data = match body.get("createData") {
        None | Some(Json::Null) => Map::new(),
        Some(Json::Object(data)) => data.clone(),
        Some(_) => return Err(Error::bad_request_with(LOAD_FAILED)),
    };
    let provider = Configured::find(oauth2, &name);
    let mut form = Form::new();
    form.check("provider", check_provider(&name, provider.is_some()));
    form.check("code", code.is_empty().then(FieldError::required));
    for (key, text) in [("code", &code), ("codeVerifier", &code_verifier), ("redirectURL", &redirect_url)] {
        form.check(key, (text.len() > HANDED_ON_BYTES_MAX).then(|| FieldError::longer_than(HANDED_ON_BYTES_MAX)));
    }
    form.finish_with(LOAD_FAILED)?;
    let provider = provider.ok_or_else(|| Error::internal("a provider that wasn't found passed its check"))?;
    Ok(OAuth2Form { provider, code: Code { code, verifier: code_verifier, redirect_url }, create_data })
}

fn check_provider(name: &str, is_configured: bool) -> Option<FieldError> {
    if name.is_empty() {
        return Some(FieldError::required());
    }
    if name.len() > PROVIDER_BYTES_MAX {
        return Some(FieldError::longer_than(PROVIDER_BYTES_MAX));
    }
    (!is_configured).then(|| {
        let text = format!("Provider with name {name} is missing or is not enabled.");
        FieldError::with_params("validation_invalid_provider", text, json!({ "name": name }))
    })
}

/// What a provider sends people back with.
struct Landing {
    state: String,
    code: String,
    error: String,
    /// Only Apple sends it, and only by form.
    user: String,
}

async fn land(call: Call) -> Result<Response> {
    let redirect = |target| Ok(Response::redirect(StatusCode::TEMPORARY_REDIRECT, target));
    if call.method() == Method::HEAD {
        return redirect(FAILURE); // and changes nothing
    }
    let value = |name: &str| call.query_value(name).unwrap_or_default().to_owned();
    let landing = Landing { state: value("state"), code: value("code"), error: value("error"), user: String::new() };
    redirect(hand_over(&call, landing).await?)
}

async fn land_by_form(mut call: Call) -> Result<Response> {
    let redirect = |target| Ok(Response::redirect(StatusCode::SEE_OTHER, target));
    let Ok(body) = Body::load(&mut call).await else { return redirect(FAILURE) };
    let texts = ["state", "code", "error", "user"].map(|name| body.text(name));
    let [Ok(state), Ok(code), Ok(error), Ok(user)] = texts else { return redirect(FAILURE) };
    redirect(hand_over(&call, Landing { state, code, error, user }).await?)
}

/// Tells the page that waits; gives where the pop-up goes.
async fn hand_over(call: &Call, landing: Landing) -> Result<&'static str> {
    let Landing { state, code, error, user } = landing;
    if state.is_empty() {
        return Ok(FAILURE);
    }
    let app = call.app();
    if !user.is_empty() && !code.is_empty() && error.is_empty() {
        // Before the page is told: it may use the code at once.
        app.accounts.parked_names.park(&code, &user, app.clock.now().as_millisecond());
    }
    let of_code = code.clone();
    let is_told = app.hub()?.tell(ProviderAnswer { state, code, error, ip: call.real_ip() }).await?;
    if is_told {
        return Ok(SUCCESS);
    }
    app.accounts.parked_names.take(&of_code, app.clock.now().as_millisecond());
    Ok(FAILURE)
}
