//! `POST /api/batch` (contract/06).

use std::time::Duration;

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value as Json, json};

use crate::access::Action;
use crate::error::{Error, FieldError, FieldErrors, Result};
use crate::http::{BodyLimit, Call, LoadError, Response, Route, query_string};
use crate::input::RecordBody;
use crate::query::{Context, Request};
use crate::records::{Asked, BatchAction, BatchItem};
use crate::schema::Collection;
use crate::settings::Batch;

/// 128 MiB.
const BODY_BYTES_DEFAULT: u64 = 128 << 20;
const TIMEOUT_SECONDS_DEFAULT: u64 = 3;
const URL_BYTES_MAX: usize = 2000;
const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

pub fn routes() -> Vec<Route> {
    let summary = "Runs several writes of records in one transaction.";
    vec![Route::post("/api/batch", run).body_limit(BodyLimit::Inside).doc("Batch", summary)]
}

async fn run(mut call: Call) -> Result<Response> {
    let settings = call.app().settings.current().document.batch.clone();
    if !settings.enabled || settings.max_requests <= 0 {
        return Err(Error::Forbidden("Batch requests are not allowed.".into()));
    }
    let positive = |number: i64| u64::try_from(number).ok().filter(|number| *number > 0);
    call.limit_body(Some(positive(settings.max_body_size).unwrap_or(BODY_BYTES_DEFAULT)))?;
    let timeout = Duration::from_secs(positive(settings.timeout).unwrap_or(TIMEOUT_SECONDS_DEFAULT));
    let body = call.record_body().await.map_err(unreadable)?;
    let asked = Asked { caller: call.caller(), route: "batch", query: call.query(), body: &body };
    let key = call.app().records.idempotency_key(call.header("idempotency-key"), asked)?;
    let sent = read_items(body)?;
    check_items(&sent, &settings)?;
    let facts = call.facts(Context::Batch);
    let items = sent.into_iter().map(|item| item.into_batch_item(&facts)).collect();
    let count = |collection: &Collection, action: Action| {
        call.count(collection, &format!("batch {}", action.as_str()), &[action.as_str()])
    };
    Ok(Response::json(call.app().records.run_batch(items, timeout, key, &count).await?))
}

fn unreadable(error: LoadError) -> Error {
    match error {
        LoadError::TooLarge => Error::TooLarge,
        LoadError::Storage(error) => Error::internal(error),
        other => Error::bad_request_from(UNREADABLE, other),
    }
}

const UNREADABLE: &str = "Failed to read the submitted batch data.";

/// An item as it was sent.
#[derive(Default)]
struct SentItem {
    method: String,
    url: String,
    headers: Vec<(String, String)>,
    body: RecordBody,
}

/// The list of items with their uploads. A missing list is an empty one.
fn read_items(body: RecordBody) -> Result<Vec<SentItem>> {
    let mut items = match body.values.get("requests") {
        None | Some(Json::Null) => Vec::new(),
        Some(Json::Array(items)) => items.iter().map(read_item).collect::<Option<Vec<_>>>().ok_or_else(mistyped)?,
        Some(_) => return Err(mistyped()),
    };
    for mut upload in body.uploads {
        if let Some((index, field)) = split_part_name(&upload.key)
            && let Some(item) = items.get_mut(index)
        {
            upload.key = field;
            item.body.uploads.push(upload);
        }
    }
    Ok(items)
}

fn mistyped() -> Error {
    Error::bad_request_with(UNREADABLE)
}

/// `None` when a key has a wrong type. A null item is an empty one.
fn read_item(item: &Json) -> Option<SentItem> {
    let empty = Map::new();
    let object = match item {
        Json::Null => &empty,
        Json::Object(object) => object,
        _ => return None,
    };
    let text = |key: &str| match object.get(key) {
        None | Some(Json::Null) => Some(String::new()),
        Some(Json::String(text)) => Some(text.clone()),
        Some(_) => None,
    };
    let map = |key: &str| match object.get(key) {
        None | Some(Json::Null) => Some(Map::new()),
        Some(Json::Object(map)) => Some(map.clone()),
        Some(_) => None,
    };
    let header = |(name, value): (String, Json)| Some((name, value.as_str()?.to_owned()));
    Some(SentItem {
        method: text("method")?,
        url: text("url")?,
        headers: map("headers")?.into_iter().map(header).collect::<Option<_>>()?,
        body: RecordBody { values: map("body")?, uploads: Vec::new() },
    })
}

/// `requests.N.FIELD` or `requests[N].FIELD`.
fn split_part_name(name: &str) -> Option<(usize, String)> {
    let rest = name.strip_prefix("requests")?;
    let (index, field) = match rest.strip_prefix('[') {
        Some(rest) => rest.split_once("].")?,
        None => rest.strip_prefix('.')?.split_once('.')?,
    };
    Some((index.parse().ok()?, field.to_owned()))
}

fn check_items(items: &[SentItem], settings: &Batch) -> Result<()> {
    let max = usize::try_from(settings.max_requests).unwrap_or(0);
    let mut errors = FieldErrors::new();
    if items.is_empty() {
        errors.add("requests", FieldError::required());
    } else if items.len() > max {
        errors.add("requests", too_long(max));
    } else {
        let mut of_items = FieldErrors::new();
        for (index, item) in items.iter().enumerate() {
            of_items.add_tree(index.to_string(), check_item(item));
        }
        errors.add_tree("requests", of_items);
    }
    errors.into_result("Invalid batch request data.")
}

fn check_item(item: &SentItem) -> FieldErrors {
    let mut errors = FieldErrors::new();
    if item.method.is_empty() {
        errors.add("method", FieldError::required());
    } else if !METHODS.contains(&item.method.as_str()) {
        errors.add("method", FieldError::code("validation_in_invalid", "Must be a valid value."));
    }
    if item.url.is_empty() {
        errors.add("url", FieldError::required());
    } else if item.url.len() > URL_BYTES_MAX {
        errors.add("url", too_long(URL_BYTES_MAX));
    }
    errors
}

fn too_long(max: usize) -> FieldError {
    let text = format!("The length must be no more than {max}.");
    FieldError::with_params("validation_length_too_long", text, json!({ "min": 0, "max": max }))
}

impl SentItem {
    /// The item with what it inherits of the call (contract/06 §2).
    fn into_batch_item(self, call: &Request) -> BatchItem {
        let (path, query) = self.url.split_once('?').unwrap_or((&self.url, ""));
        let (action, collection) = action_of(&self.method, path).unwrap_or((BatchAction::Unknown, String::new()));
        let method = match self.method.as_str() {
            "POST" => "POST",
            "PATCH" => "PATCH",
            "DELETE" => "DELETE",
            "PUT" => "PUT",
            _ => "GET",
        };
        let mut headers = call.headers.clone();
        let own = self.headers.into_iter().map(|(name, value)| (name.to_ascii_lowercase().replace('-', "_"), value));
        let form = ("content_type".to_owned(), "multipart/form-data".to_owned());
        for (name, value) in own.filter(|(name, _)| name != "authorization").chain([form]) {
            match headers.iter_mut().find(|(known, _)| *known == name) {
                Some((_, known)) => *known = value,
                None => headers.push((name, value)),
            }
        }
        let request = Request { method, query: query_string::first_values(query), headers, ..call.clone() };
        BatchItem { action, collection, request, body: self.body }
    }
}

/// What method and path mean; `None` if nothing. Matched literally, but for escapes in the two names.
fn action_of(method: &str, path: &str) -> Option<(BatchAction, String)> {
    let mut parts = path.strip_prefix("/api/collections/")?.split('/');
    let collection = decode(parts.next()?)?;
    if parts.next()? != "records" {
        return None;
    }
    let id = parts.next().map(decode);
    let action = match (method, id, parts.next()) {
        ("POST", None, None) => BatchAction::Create,
        ("PUT", None, None) => BatchAction::Upsert,
        ("PATCH", Some(id), None) => BatchAction::Update { id: id? },
        ("DELETE", Some(id), None) => BatchAction::Delete { id: id? },
        _ => return None,
    };
    Some((action, collection))
}

/// A part of a path; `None` when it is empty or has a broken escape.
fn decode(part: &str) -> Option<String> {
    if part.is_empty() || query_string::has_broken_escape(part.as_bytes()) {
        return None;
    }
    Some(percent_decode_str(part).decode_utf8().ok()?.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn method_and_path_name_an_action() {
        let update = |id: &str| BatchAction::Update { id: id.to_owned() };
        for (method, path, expected) in [
            ("POST", "/api/collections/posts/records", Some((BatchAction::Create, "posts"))),
            ("PUT", "/api/collections/posts/records", Some((BatchAction::Upsert, "posts"))),
            ("PATCH", "/api/collections/posts/records/a%40b", Some((update("a@b"), "posts"))),
            ("DELETE", "/api/collections/p%20q/records/x", Some((BatchAction::Delete { id: "x".into() }, "p q"))),
            ("GET", "/api/collections/posts/records", None),
            ("POST", "/api/collections/posts/records/", None),
            ("PATCH", "/api/collections/posts/records/a%4", None),
            ("POST", "/api/collections/posts/records/x", None),
            ("PATCH", "/api/collections/posts/records", None),
            ("POST", "api/collections/posts/records", None),
            ("post", "/api/collections/posts/records", None),
        ] {
            let expected = expected.map(|(action, collection)| (action, collection.to_owned()));
            assert_eq!(action_of(method, path), expected, "{method} {path}");
        }
    }

    #[test]
    fn parts_name_item_and_field() {
        for (name, expected) in [
            ("requests.0.docs", Some((0, "docs"))),
            ("requests[12].docs+", Some((12, "docs+"))),
            ("requests.1.+docs", Some((1, "+docs"))),
            ("requests.x.docs", None),
            ("request.0.docs", None),
            ("requests.0", None),
        ] {
            assert_eq!(split_part_name(name), expected.map(|(at, field)| (at, field.to_owned())), "{name}");
        }
    }
}
