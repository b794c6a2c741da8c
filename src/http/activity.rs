//! What the activity log is told of a request (contract/14 §7).

use std::borrow::Cow;
use std::net::IpAddr;
use std::time::Instant;

use actix_web::HttpRequest;
use actix_web::http::Uri;
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
        http.headers().get(name).map(|value| String::from_utf8_lossy(value.as_bytes())).unwrap_or_default()
    };
    let auth = asker.and_then(|asker| asker.caller.auth());
    let (status, error_text, details, meta) = match ending {
        Ending::Answered { status, meta } => (*status, None, None, meta.as_ref().map(json_text)),
        Ending::Failed(failed) => {
            let text = error::message(failed);
            (error::status(failed).as_u16(), Some(text.into()), details(failed).as_ref().map(json_text), None)
        }
    };
    let entry = RequestEntry {
        at_ms: app.clock.now().as_millisecond(),
        method: http.method().as_str(),
        url: uri_text(http.uri()),
        status,
        exec_ms: begun.elapsed().as_secs_f64() * 1000.0,
        referer: header(REFERER),
        user_agent: header(USER_AGENT),
        auth: auth.map(|auth| AuthOf { collection: &auth.collection().name, id: auth.id() }),
        user_ip: Some(asker.map_or(remote_ip, |asker| asker.real_ip)),
        remote_ip: Some(remote_ip),
        error: error_text,
        details,
        meta,
    };
    writer.write(entry, logs);
}

/// The target of the request line as sent, which is a path but for proxies.
fn uri_text(uri: &Uri) -> Cow<'_, str> {
    match uri.path_and_query() {
        Some(target) if uri.authority().is_none() => target.as_str().into(),
        _ => uri.to_string().into(),
    }
}

fn json_text(json: &Json) -> Box<str> {
    json.to_string().into()
}

/// The cause of an error answer: a text, the refused fields, or nothing.
fn details(failed: &Error) -> Option<Json> {
    match failed {
        Error::Invalid { .. } => Some(error::envelope(failed)["data"].take()),
        Error::BadRequest { source: Some(source), .. } | Error::Internal(source) => Some(source.to_string().into()),
        Error::TooMany { cause, .. } => Some(serde_json::from_str(cause).unwrap_or_else(|_| cause.as_ref().into())),
        _ => None,
    }
}
