//! What the activity log is told of a request (contract/14 §7).

use std::net::IpAddr;
use std::time::Instant;

use actix_web::HttpRequest;
use actix_web::http::header::{HeaderName, REFERER, USER_AGENT};
use serde_json::Value as Json;

use super::error;
use crate::app::App;
use crate::error::Error;
use crate::logs::{AuthOf, RequestEntry};
use crate::query::Caller;

/// How a request ended, for its entry.
pub(super) enum Ending<'a> {
    Answered { status: u16, meta: Option<Json> },
    Failed(&'a Error),
}

/// Who asked, as far as that was found out.
#[derive(Clone)]
pub(super) struct Asker {
    pub real_ip: IpAddr,
    pub caller: Caller,
}

/// Writes the entry, unless the settings want none. Never waits.
pub(super) fn log(
    app: &App,
    http: &HttpRequest,
    remote_ip: IpAddr,
    asker: Option<&Asker>,
    ending: &Ending<'_>,
    begun: Instant,
) {
    let Some(writer) = &app.log_writer else { return };
    let settings = app.settings.current();
    let logs = &settings.document.logs;
    let level = if matches!(ending, Ending::Failed(_)) { 8 } else { 0 };
    if logs.max_days == 0 || level < logs.min_level {
        return;
    }
    let header = |name: HeaderName| {
        http.headers().get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).unwrap_or_default()
    };
    let auth = asker.and_then(|asker| asker.caller.auth());
    let (status, error_text, details, meta) = match ending {
        Ending::Answered { status, meta } => (*status, None, Json::Null, meta.clone()),
        Ending::Failed(failed) => (error::status(failed).as_u16(), Some(error::message(failed)), details(failed), None),
    };
    writer.write(RequestEntry {
        at: app.clock.now(),
        method: http.method().as_str().to_owned(),
        url: http.uri().to_string(),
        status,
        exec_ms: begun.elapsed().as_secs_f64() * 1000.0,
        referer: header(REFERER),
        user_agent: header(USER_AGENT),
        auth: auth.map(|auth| AuthOf { collection: auth.collection().name.to_string(), id: auth.id().to_owned() }),
        user_ip: asker.map_or(remote_ip, |asker| asker.real_ip),
        remote_ip,
        error: error_text,
        details,
        meta,
    });
}

/// The cause of an error answer: a text, the refused fields, or nothing.
fn details(failed: &Error) -> Json {
    match failed {
        Error::Invalid { .. } => error::envelope(failed)["data"].take(),
        Error::BadRequest { source: Some(source), .. } | Error::Internal(source) => source.to_string().into(),
        Error::TooMany { cause, .. } => serde_json::from_str(cause).unwrap_or_else(|_| cause.as_ref().into()),
        _ => Json::Null,
    }
}
