//! Realtime (contract/12): the event stream, its topics, the WebSocket beside it, and delta sync.

use serde_json::{Map, Value as Json};

use crate::error::{Error, Result};
use crate::http::realtime::{KnownCaller, socket, sse};
use crate::http::route::LogWhen;
use crate::http::{Call, LoadError, RateLimit, Response, Route};
use crate::query::Context;
use crate::realtime::{DeltaQuestion, Submission, TopicChange};

pub fn routes() -> Vec<Route> {
    vec![
        Route::get("/api/realtime", open)
            .log_when(LogWhen::OnError)
            .doc("Realtime", "Opens an event stream; its first message names the client id."),
        Route::post("/api/realtime", set_topics)
            .doc("Realtime", "Replaces the topics of an event stream and binds it to the caller."),
        Route::get("/api/realtime/ws", upgrade)
            .log_when(LogWhen::OnError)
            .doc("Realtime", "Opens a WebSocket that takes and sends JSON frames."),
        Route::get("/api/collections/{collection}/changes", changes)
            .rate_limit(RateLimit::Tags(&["list"]))
            .doc("Realtime", "Lists what changed in a collection since a cursor."),
    ]
}

async fn open(call: Call) -> Result<Response> {
    let since = call.query_value("since").or_else(|| call.header("last-event-id")).map(str::to_owned);
    sse::stream(&call, call.app().hub()?, since).await
}

async fn set_topics(mut call: Call) -> Result<Response> {
    let body: Map<String, Json> = call.load().await.map_err(|error| match error {
        LoadError::TooLarge => Error::TooLarge,
        other => Error::bad_request_from("", other),
    })?;
    let submission = Submission::parse(&body)?;
    let known = KnownCaller::of_call(&call);
    let change = TopicChange {
        client_id: submission.client_id,
        ip: call.real_ip(),
        caller: known.caller,
        expires_at: known.expires_at,
        topics: submission.topics.into_iter().map(|topic| (topic, submission.since.clone())).collect(),
    };
    call.app().hub()?.set_topics(change).await?;
    Ok(Response::no_content())
}

async fn upgrade(call: Call) -> Result<Response> {
    let app = call.app().clone();
    socket::upgrade(call, app.hub()?).await
}

async fn changes(call: Call) -> Result<Response> {
    let app = call.app().clone();
    let missing = || Error::NotFound("Missing or invalid collection context.".into());
    let collection = app.schema.current().find(&call.param("collection")).cloned().ok_or_else(missing)?;
    let per_page = match call.query_value("perPage").filter(|text| !text.is_empty()) {
        Some(text) => Some(text.parse().map_err(|error| Error::bad_request_from("", error))?),
        None => None,
    };
    let question = DeltaQuestion { collection, request: call.facts(Context::Default), per_page };
    let delta = app.list_changes(question).await?;
    Ok(Response::picked_json(delta.to_json()))
}
