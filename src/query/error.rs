//! What is wrong with an expression, and how that reaches a client (contract/04 §11–12).

use crate::error::{Error, FieldError, FieldErrors};

/// A place in an expression's text, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    pub start: usize,
    pub end: usize,
}

/// Why an expression or a sort can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// The expression is wrong; the cause is shown only where a rule is saved, else logged.
    #[error("{cause}")]
    Invalid { cause: String, span: Span },
    /// A client that is no superuser used a word that only superusers may (`@collection.` or `@request.`).
    #[error("Only superusers can filter by {word}")]
    SuperuserWord { word: &'static str },
}

impl QueryError {
    /// An error with the place that caused it.
    pub fn at(span: Span, cause: impl Into<String>) -> Self {
        Self::Invalid { cause: cause.into(), span }
    }

    /// The error of a rule that is being saved: the entry `data.<rule>` (contract/04 §12).
    pub fn to_rule_error(&self) -> FieldError {
        FieldError::code("validation_invalid_rule", format!("Invalid rule. Raw error: {self}."))
    }

    /// The same as the `data` of an answer.
    pub fn to_rule_errors(&self, rule: &str) -> FieldErrors {
        FieldErrors::one(rule, self.to_rule_error())
    }
}

/// A fault in a client's filter or sort: 400 with the default text, or the 403 of a superuser's word.
impl From<QueryError> for Error {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::SuperuserWord { .. } => Error::Forbidden(error.to_string().into()),
            QueryError::Invalid { .. } => Error::bad_request_from("", error),
        }
    }
}
