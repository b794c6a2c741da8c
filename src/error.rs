//! The one domain error. Variants say what the caller can do about it; `http/error.rs` alone turns them into a status
//! and the envelope of contract/00 §3.
//!
//! Invariant: a message given here is the contract's own text (sentence form is applied at the border, contract/00 §3).
//! Never: a status code, a secret, a request body.

use std::borrow::Cow;

/// Text for the client: mostly a constant of the contract.
pub type Text = Cow<'static, str>;
pub type Result<T, E = Error> = std::result::Result<T, E>;
/// What went wrong inside, for the log alone.
pub type Source = Box<dyn std::error::Error + Send + Sync>;

/// A failed operation as the domain sees it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// 400 with `data`: input that was read but may not stand.
    #[error("{message} {fields:?}")]
    Invalid { message: Text, fields: FieldErrors },
    /// 400 without `data`; an empty text becomes the default text of the contract. `source` goes to the log.
    #[error("{message}")]
    BadRequest { message: Text, source: Option<Source> },
    /// 401.
    #[error("{0}")]
    Unauthorized(Text),
    /// 403; an empty text becomes the default text.
    #[error("{0}")]
    Forbidden(Text),
    /// 404; an empty text becomes the default text.
    #[error("{0}")]
    NotFound(Text),
    /// 409.
    #[error("{0}")]
    Conflict(Text),
    /// 412: `If-Match` named another state of the record.
    #[error("{0}")]
    PreconditionFailed(Text),
    /// 422: an idempotency key came again with another request.
    #[error("{0}")]
    Unprocessable(Text),
    /// 413.
    #[error("the request entity is too large")]
    TooLarge,
    /// 429; an empty text becomes the default text. `cause` goes to the log.
    #[error("too many requests; retry in {retry_after_seconds} s")]
    TooMany { message: Text, retry_after_seconds: u64, cause: Text },
    /// 503: a bounded queue is full, or the writer has stopped.
    #[error("{message}; retry in {retry_after_seconds} s")]
    Busy { message: Text, retry_after_seconds: u64 },
    /// 500: a fault of ours. Logged with its chain, shown bare.
    #[error("{0}")]
    Internal(#[source] Source),
}

impl Error {
    /// 400 with the contract's default text.
    pub fn bad_request() -> Self {
        Self::BadRequest { message: Text::Borrowed(""), source: None }
    }

    /// 400 with a text and no `data`.
    pub fn bad_request_with(message: impl Into<Text>) -> Self {
        Self::BadRequest { message: message.into(), source: None }
    }

    /// 400 with a text, the cause kept for the log.
    pub fn bad_request_from(message: impl Into<Text>, source: impl Into<Source>) -> Self {
        Self::BadRequest { message: message.into(), source: Some(source.into()) }
    }

    /// 403 with the contract's default text.
    pub fn forbidden() -> Self {
        Self::Forbidden(Text::Borrowed(""))
    }

    /// 404 with the contract's default text.
    pub fn not_found() -> Self {
        Self::NotFound(Text::Borrowed(""))
    }

    /// 500: logged, shown bare.
    pub fn internal(source: impl Into<Source>) -> Self {
        Self::Internal(source.into())
    }

    /// Gives a refusal that has no text yet the text of the route it comes through; any other error stays as it is.
    pub fn titled(mut self, title: &'static str) -> Self {
        if let Self::Invalid { message, .. } | Self::BadRequest { message, .. } = &mut self
            && message.is_empty()
        {
            *message = Text::Borrowed(title);
        }
        self
    }

    /// 400 with one field error under `data`.
    pub fn invalid(message: impl Into<Text>, fields: FieldErrors) -> Self {
        Self::Invalid { message: message.into(), fields }
    }
}

/// The `data` of an error answer: a tree whose leaves are codes (contract/00 §3). Keeps the order of insertion; a key
/// set twice keeps its first error.
#[derive(Debug, Default)]
pub struct FieldErrors(Vec<(String, FieldError)>);

/// One entry of [`FieldErrors`].
#[derive(Debug)]
pub enum FieldError {
    /// `{"code","message","params"?}`.
    Code { code: Text, message: Text, params: Option<serde_json::Map<String, serde_json::Value>> },
    /// A nested document or list (keys are indexes as text).
    Tree(FieldErrors),
    /// A failed item of a batch: code and message, and the item's own error under `response` (contract/06 §4).
    Response { code: Text, message: Text, response: Box<Error> },
}

impl FieldErrors {
    pub fn new() -> Self {
        Self::default()
    }

    /// A document with one entry.
    pub fn one(key: impl Into<String>, error: impl Into<FieldError>) -> Self {
        let mut errors = Self::new();
        errors.add(key, error);
        errors
    }

    /// Adds an entry; the first error of a key stays.
    pub fn add(&mut self, key: impl Into<String>, error: impl Into<FieldError>) {
        let key = key.into();
        if !self.contains(&key) {
            self.0.push((key, error.into()));
        }
    }

    /// Adds a nested document unless it is empty.
    pub fn add_tree(&mut self, key: impl Into<String>, errors: FieldErrors) {
        if !errors.is_empty() {
            self.add(key, FieldError::Tree(errors));
        }
    }

    pub fn contains(&self, key: &str) -> bool {
        self.0.iter().any(|(k, _)| k == key)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &FieldError)> {
        self.0.iter().map(|(k, e)| (k.as_str(), e))
    }

    /// `Ok` when nothing was added, else the 400 of the route.
    pub fn into_result(self, message: impl Into<Text>) -> Result<()> {
        if self.is_empty() { Ok(()) } else { Err(Error::invalid(message, self)) }
    }
}

impl IntoIterator for FieldErrors {
    type Item = (String, FieldError);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl From<FieldErrors> for FieldError {
    fn from(errors: FieldErrors) -> Self {
        Self::Tree(errors)
    }
}

impl FieldError {
    /// A leaf without parameters.
    pub fn code(code: impl Into<Text>, message: impl Into<Text>) -> Self {
        Self::Code { code: code.into(), message: message.into(), params: None }
    }

    /// A leaf with parameters; `params` must be a JSON object.
    pub fn with_params(code: impl Into<Text>, message: impl Into<Text>, params: serde_json::Value) -> Self {
        let serde_json::Value::Object(params) = params else { return Self::code(code, message) };
        Self::Code { code: code.into(), message: message.into(), params: Some(params) }
    }

    /// `validation_required` (contract/00 §3).
    pub fn required() -> Self {
        Self::code("validation_required", "Cannot be blank.")
    }

    /// `validation_invalid_value` (contract/00 §3).
    pub fn invalid_value() -> Self {
        Self::code("validation_invalid_value", "Invalid value.")
    }

    /// `validation_min_greater_equal_than_required` (contract/00 §3).
    pub fn below(threshold: i64) -> Self {
        Self::with_params(
            "validation_min_greater_equal_than_required",
            format!("Must be no less than {threshold}."),
            serde_json::json!({ "threshold": threshold }),
        )
    }

    /// `validation_max_less_equal_than_required` (contract/00 §3).
    pub fn above(threshold: i64) -> Self {
        Self::with_params(
            "validation_max_less_equal_than_required",
            format!("Must be no greater than {threshold}."),
            serde_json::json!({ "threshold": threshold }),
        )
    }

    /// `validation_length_out_of_range` (contract/00 §3).
    pub fn length_outside(min: usize, max: usize) -> Self {
        Self::with_params(
            "validation_length_out_of_range",
            format!("The length must be between {min} and {max}."),
            serde_json::json!({ "min": min, "max": max }),
        )
    }

    /// `validation_length_too_long` (contract/00 §3).
    pub fn longer_than(max: usize) -> Self {
        Self::with_params(
            "validation_length_too_long",
            format!("The length must be no more than {max}."),
            serde_json::json!({ "min": 0, "max": max }),
        )
    }

    /// `validation_match_invalid` (contract/00 §3).
    pub fn bad_format() -> Self {
        Self::code("validation_match_invalid", "Must be in a valid format.")
    }

    /// `validation_not_unique` (contract/00 §3).
    pub fn not_unique() -> Self {
        Self::code("validation_not_unique", "Value must be unique.")
    }

    /// `validation_values_mismatch` (contract/00 §3).
    pub fn mismatch() -> Self {
        Self::code("validation_values_mismatch", "Values don't match.")
    }
}
