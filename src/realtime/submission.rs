//! What a client submits to set its topics, checked (contract/12 §2).

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::{Map, Value as Json};

use crate::error::{Error, FieldError, FieldErrors, Result};

use super::topic::Topic;

/// Most topics of a connection.
const TOPICS_MAX: usize = 1000;
/// Most bytes of one.
const TOPIC_BYTES_MAX: usize = 2500;
/// Most bytes of a client id that is looked at.
const CLIENT_ID_BYTES_MAX: usize = 255;

/// New topics of a connection.
#[derive(Debug)]
pub struct Submission {
    pub client_id: String,
    pub topics: Vec<Arc<Topic>>,
    /// Where their messages begin: a cursor, or the client id of a former connection.
    pub since: Option<String>,
}

impl Submission {
    /// Reads a body; empty topics and repetitions are left out.
    ///
    /// # Errors
    /// 400 with the default text: keys of a wrong type, or fields out of bounds (`data` names them).
    pub fn parse(body: &Map<String, Json>) -> Result<Self> {
        let client_id = text(body, "clientId")?.unwrap_or_default();
        let texts = match body.get("subscriptions") {
            None | Some(Json::Null) => Vec::new(),
            Some(Json::Array(items)) => items.iter().map(as_text).collect::<Result<Vec<_>>>()?,
            // A form with one value is no list.
            Some(Json::String(text)) => vec![text.as_str()],
            Some(_) => return Err(Error::bad_request()),
        };
        let mut errors = FieldErrors::new();
        if client_id.is_empty() {
            errors.add("clientId", FieldError::required());
        } else if client_id.len() > CLIENT_ID_BYTES_MAX {
            errors.add("clientId", FieldError::length_outside(1, CLIENT_ID_BYTES_MAX));
        }
        if texts.len() > TOPICS_MAX {
            errors.add("subscriptions", FieldError::longer_than(TOPICS_MAX));
        } else {
            let mut items = FieldErrors::new();
            for (index, _) in texts.iter().enumerate().filter(|(_, text)| text.len() > TOPIC_BYTES_MAX) {
                items.add(index.to_string(), FieldError::longer_than(TOPIC_BYTES_MAX));
            }
            errors.add_tree("subscriptions", items);
        }
        errors.into_result("")?;
        let mut seen = HashSet::new();
        let topics =
            texts.into_iter().filter(|text| !text.is_empty() && seen.insert(*text)).map(Topic::parse).collect();
        Ok(Self { client_id: client_id.to_owned(), topics, since: text(body, "since")?.map(str::to_owned) })
    }
}

fn text<'b>(body: &'b Map<String, Json>, key: &str) -> Result<Option<&'b str>> {
    match body.get(key) {
        None | Some(Json::Null) => Ok(None),
        Some(value) => as_text(value).map(Some),
    }
}

fn as_text(value: &Json) -> Result<&str> {
    value.as_str().ok_or_else(Error::bad_request)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(body: Json) -> Result<Submission> {
        let Json::Object(body) = body else { panic!("an object") };
        Submission::parse(&body)
    }

    #[test]
    fn empty_and_repeated_topics_are_left_out() {
        let topics = ["a/*", "", "b", "a/*"];
        let submission = parse(json!({ "clientId": "c", "subscriptions": topics })).expect("valid");
        let texts: Vec<&str> = submission.topics.iter().map(|topic| &*topic.text).collect();
        assert_eq!(texts, ["a/*", "b"]);
    }

    #[test]
    fn what_is_out_of_bounds_is_named() {
        let long = "x".repeat(2501);
        let cases = [
            (json!({}), vec!["clientId"]),
            (json!({ "clientId": "x".repeat(256) }), vec!["clientId"]),
            (json!({ "clientId": "c", "subscriptions": vec!["t"; 1001] }), vec!["subscriptions"]),
            (json!({ "clientId": "", "subscriptions": ["t", long] }), vec!["clientId", "subscriptions"]),
        ];
        for (body, expected) in cases {
            let Err(Error::Invalid { fields, .. }) = parse(body) else { panic!("refused with fields") };
            assert_eq!(fields.iter().map(|(key, _)| key).collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn wrong_types_are_refused_without_fields() {
        for body in [
            json!({ "clientId": 5 }),
            json!({ "clientId": "c", "subscriptions": 5 }),
            json!({ "clientId": "c", "subscriptions": [5] }),
            json!({ "clientId": "c", "since": {} }),
        ] {
            assert!(matches!(parse(body), Err(Error::BadRequest { .. })));
        }
    }
}
