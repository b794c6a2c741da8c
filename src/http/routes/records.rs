//! `/api/collections/{collection}/records` (contract/05).

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header::{ETAG, HeaderValue};

use crate::access::Action;
use crate::error::{Error, Result};
use crate::http::{BodyLimit, Call, LoadError, RateLimit, Response, Route};
use crate::input::RecordBody;
use crate::query::{Context, Request};
use crate::records::{Asked, Condition, EntityTag, PageQuery, RecordAnswer, check_writable};
use crate::schema::Collection;

pub(super) const RECORDS: &str = "/api/collections/{collection}/records";
const RECORD: &str = "/api/collections/{collection}/records/{id}";

pub fn routes() -> Vec<Route> {
    let inside = |route: Route| route.rate_limit(RateLimit::Inside);
    vec![
        inside(Route::get(RECORDS, list)).doc("Records", "Lists the records that the list rule lets through."),
        inside(Route::get(RECORD, view)).doc("Records", "Shows one record."),
        inside(Route::post(RECORDS, create)).body_limit(BodyLimit::Collection).doc("Records", "Creates a record."),
        inside(Route::patch(RECORD, update))
            .body_limit(BodyLimit::Collection)
            .doc("Records", "Changes the fields of a record that are sent."),
        inside(Route::delete(RECORD, delete)).doc("Records", "Deletes a record and what depends on it."),
    ]
}

async fn list(mut call: Call) -> Result<Response> {
    let (collection, request, _) = begin(&mut call, Action::List).await?;
    let query = PageQuery::parse(call.query())?;
    let app = call.app().clone();
    let listed = app.records.list(request, &collection, query).await?;
    if listed.is_suspicious {
        let delay = app.records.throttle(call.real_ip(), &collection);
        tokio::time::sleep(delay).await;
    }
    Ok(conditional(&call, listed.body, Some(&listed.tag)))
}

async fn view(mut call: Call) -> Result<Response> {
    let (collection, request, _) = begin(&mut call, Action::View).await?;
    let answer = call.app().records.view(request, &collection, &call.param("id")).await?;
    Ok(conditional(&call, answer.body, answer.tag.as_ref()))
}

async fn create(mut call: Call) -> Result<Response> {
    let (collection, request, body) = begin(&mut call, Action::Create).await?;
    let asked =
        Asked { caller: call.caller(), route: &format!("create {}", collection.id), query: call.query(), body: &body };
    let key = call.app().records.idempotency_key(call.header("idempotency-key"), asked)?;
    let answer = call.app().records.create(request, &collection, body, key).await?;
    Ok(written(answer))
}

async fn update(mut call: Call) -> Result<Response> {
    let (collection, request, body) = begin(&mut call, Action::Update).await?;
    let condition = call.header("if-match").map(Condition::parse);
    let answer = call.app().records.update(request, &collection, &call.param("id"), body, condition).await?;
    Ok(written(answer))
}

async fn delete(mut call: Call) -> Result<Response> {
    let (collection, request, _) = begin(&mut call, Action::Delete).await?;
    let condition = call.header("if-match").map(Condition::parse);
    call.app().records.delete(request, &collection, &call.param("id"), condition).await?;
    Ok(Response::no_content())
}

/// Steps 2 to 5 of contract/05 §1: collection, its type, rate limit, body.
async fn begin(call: &mut Call, action: Action) -> Result<(Arc<Collection>, Request, RecordBody)> {
    let schema = call.app().schema.current();
    let missing = || Error::NotFound("Missing collection context.".into());
    let collection = schema.find(&call.param("collection")).ok_or_else(missing)?.clone();
    let is_write = matches!(action, Action::Create | Action::Update | Action::Delete);
    if is_write {
        check_writable(&collection)?;
    }
    call.count(&collection, route_of(action), &[action.as_str()])?;
    let body = call.record_body().await.map_err(LoadError::as_record_failure)?;
    let mut request = call.facts(Context::Default);
    if !matches!(action, Action::Create | Action::Update) {
        // A read or delete may carry data for its rule (contract/04 §9.2); of a write the service makes it.
        request.body = body.values;
        return Ok((collection, request, RecordBody::default()));
    }
    Ok((collection, request, body))
}

/// What the rate limits count apart.
fn route_of(action: Action) -> &'static str {
    match action {
        Action::List | Action::Create => RECORDS,
        Action::View | Action::Update | Action::Delete => RECORD,
    }
}

fn written(answer: RecordAnswer) -> Response {
    tagged(Response::json(answer.body), answer.tag.as_ref())
}

/// The answer of a read, or 304 when the client has it already.
fn conditional(call: &Call, body: Vec<u8>, tag: Option<&EntityTag>) -> Response {
    let condition = call.header("if-none-match").map(Condition::parse);
    let has_it = condition.is_some_and(|condition| tag.is_some_and(|tag| condition.matches(tag)));
    let response = if has_it { Response::empty(StatusCode::NOT_MODIFIED) } else { Response::json(body) };
    tagged(response, tag)
}

fn tagged(response: Response, tag: Option<&EntityTag>) -> Response {
    match tag {
        Some(tag) => {
            let value = HeaderValue::from_str(tag.as_str()).expect("a tag is base64 in quotes");
            response.with_header(ETAG, value)
        }
        None => response,
    }
}
