//! A domain error → status and envelope (contract/00 §3). The only place that knows either.

use std::borrow::Cow;

use actix_web::http::StatusCode;
use serde_json::{Map, Value as Json, json};

use crate::error::{Error, FieldError, FieldErrors};

/// The status an error is answered with.
pub fn status(error: &Error) -> StatusCode {
    match error {
        Error::Invalid { .. } | Error::BadRequest { .. } => StatusCode::BAD_REQUEST,
        Error::Unauthorized(_) => StatusCode::UNAUTHORIZED,
        Error::Forbidden(_) => StatusCode::FORBIDDEN,
        Error::NotFound(_) => StatusCode::NOT_FOUND,
        Error::Conflict(_) => StatusCode::CONFLICT,
        Error::PreconditionFailed(_) => StatusCode::PRECONDITION_FAILED,
        Error::Unprocessable(_) => StatusCode::UNPROCESSABLE_ENTITY,
        Error::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Error::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
        Error::Busy { .. } => StatusCode::SERVICE_UNAVAILABLE,
        Error::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// Seconds for `Retry-After`, where the error has them.
pub fn retry_after_seconds(error: &Error) -> Option<u64> {
    match error {
        Error::TooMany { retry_after_seconds, .. } | Error::Busy { retry_after_seconds, .. } => {
            Some(*retry_after_seconds)
        }
        _ => None,
    }
}

/// `{"data":{…},"message":"…","status":N}`.
pub fn envelope(error: &Error) -> Json {
    let data = match error {
        Error::Invalid { fields, .. } => tree(fields),
        _ => Map::new(),
    };
    envelope_of(status(error), &message(error), data)
}

/// The same for a status that only one protocol has. `message` is a sentence.
pub fn envelope_of(status: StatusCode, message: &str, data: Map<String, Json>) -> Json {
    json!({ "data": data, "message": message, "status": status.as_u16() })
}

/// What the client is told, in sentence form.
pub fn message(error: &Error) -> String {
    let text = match error {
        Error::Invalid { message, .. } | Error::BadRequest { message, .. } | Error::Busy { message, .. } => message,
        Error::Unauthorized(text)
        | Error::Forbidden(text)
        | Error::NotFound(text)
        | Error::Conflict(text)
        | Error::PreconditionFailed(text)
        | Error::Unprocessable(text) => text,
        Error::TooMany { message, .. } => message,
        Error::TooLarge | Error::Internal(_) => "",
    };
    sentence(if text.trim().is_empty() { default_message(status(error)) } else { text }).into_owned()
}

/// The text of a status when the route has none of its own.
fn default_message(status: StatusCode) -> &'static str {
    match status {
        StatusCode::BAD_REQUEST | StatusCode::INTERNAL_SERVER_ERROR => {
            "Something went wrong while processing your request."
        }
        StatusCode::UNAUTHORIZED => "Missing or invalid authentication.",
        StatusCode::FORBIDDEN => "You are not allowed to perform this request.",
        StatusCode::NOT_FOUND => "The requested resource wasn't found.",
        StatusCode::PAYLOAD_TOO_LARGE => "Request entity too large.",
        other => other.canonical_reason().unwrap_or("Error"),
    }
}

/// Sentence form: trimmed, first letter upper-case, closed by a full stop unless it ends in `.`, `?` or `!`.
pub fn sentence(text: &str) -> Cow<'_, str> {
    let text = text.trim();
    let Some(first) = text.chars().next() else { return Cow::Borrowed("") };
    let closed = text.ends_with(['.', '?', '!']);
    if closed && !first.is_lowercase() {
        return Cow::Borrowed(text);
    }
    let mut upper = first.to_uppercase();
    let mut sentence = String::with_capacity(text.len() + 1);
    sentence.push(if upper.len() == 1 { upper.next().unwrap_or(first) } else { first });
    sentence.push_str(&text[first.len_utf8()..]);
    if !closed {
        sentence.push('.');
    }
    Cow::Owned(sentence)
}

fn tree(errors: &FieldErrors) -> Map<String, Json> {
    errors.iter().map(|(key, error)| (key.to_owned(), field(error))).collect()
}

fn field(error: &FieldError) -> Json {
    match error {
        FieldError::Code { code, message, params: None } => json!({ "code": code, "message": sentence(message) }),
        FieldError::Code { code, message, params: Some(params) } => {
            json!({ "code": code, "message": sentence(message), "params": params })
        }
        FieldError::Tree(errors) => Json::Object(tree(errors)),
        FieldError::Response { code, message, response } => {
            json!({ "code": code, "message": sentence(message), "response": envelope(response) })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_out_as_sentences() {
        for (given, expected) in [
            ("sql logic error", "Sql logic error."),
            ("  Done! ", "Done!"),
            ("really?", "Really?"),
            ("", ""),
            ("ßig", "ßig."),
        ] {
            assert_eq!(sentence(given), expected);
        }
    }

    #[test]
    fn a_status_without_its_own_text_gets_the_default() {
        for (error, expected) in [
            (
                Error::bad_request(),
                json!({"data":{},"message":"Something went wrong while processing your request.","status":400}),
            ),
            (
                Error::Forbidden("".into()),
                json!({"data":{},"message":"You are not allowed to perform this request.","status":403}),
            ),
            (
                Error::TooMany { message: "".into(), retry_after_seconds: 3, cause: "".into() },
                json!({"data":{},"message":"Too Many Requests.","status":429}),
            ),
            (Error::TooLarge, json!({"data":{},"message":"Request entity too large.","status":413})),
            (
                Error::internal("disk on fire"),
                json!({"data":{},"message":"Something went wrong while processing your request.","status":500}),
            ),
        ] {
            assert_eq!(envelope(&error), expected);
        }
    }

    #[test]
    fn field_errors_nest_and_carry_parameters_and_responses() {
        let mut rules = FieldErrors::new();
        rules.add_tree("1", FieldErrors::one("label", FieldError::required()));
        let mut fields = FieldErrors::one("rules", rules);
        fields.add("name", FieldError::with_params("too_long", "no more than 5", json!({"max": 5})));
        fields.add(
            "item",
            FieldError::Response {
                code: "batch_request_failed".into(),
                message: "Batch request failed.".into(),
                response: Box::new(Error::not_found()),
            },
        );
        let expected = json!({
            "data": {
                "rules": {"1": {"label": {"code": "validation_required", "message": "Cannot be blank."}}},
                "name": {"code": "too_long", "message": "No more than 5.", "params": {"max": 5}},
                "item": {
                    "code": "batch_request_failed",
                    "message": "Batch request failed.",
                    "response": {"data": {}, "message": "The requested resource wasn't found.", "status": 404},
                },
            },
            "message": "Failed to save.",
            "status": 400,
        });
        assert_eq!(envelope(&Error::invalid("failed to save", fields)), expected);
    }
}
