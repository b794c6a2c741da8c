//! The checks that bodies of the auth routes share (contract/11). Lengths count bytes.

use crate::error::{FieldError, FieldErrors, Result};
use crate::formats::is_email;

/// What refuses a body (contract/11 §1, step 6).
pub const INVALID: &str = "An error occurred while validating the submitted data.";
/// Longest text of a form, bytes.
pub const TEXT_BYTES_MAX: usize = 255;

/// The errors of a form, gathered field by field.
#[derive(Default)]
pub struct Form(FieldErrors);

impl Form {
    pub fn new() -> Self {
        Self::default()
    }

    /// A text that must be there, of at most `max` bytes.
    pub fn required(&mut self, key: &str, text: &str, max: usize) -> &mut Self {
        self.check(key, if text.is_empty() { Some(FieldError::required()) } else { too_long(text, max) })
    }

    /// A text that may be blank.
    pub fn optional(&mut self, key: &str, text: &str, max: usize) -> &mut Self {
        self.check(key, too_long(text, max))
    }

    /// An address that must be there.
    pub fn email(&mut self, key: &str, text: &str) -> &mut Self {
        self.required(key, text, TEXT_BYTES_MAX);
        self.check(key, (!text.is_empty() && !is_email(text)).then(email_error))
    }

    /// Adds an error; the first one of a key stays.
    pub fn check(&mut self, key: &str, error: Option<FieldError>) -> &mut Self {
        if let Some(error) = error {
            self.0.add(key, error);
        }
        self
    }

    /// Whether this field is all right so far.
    pub fn is_fine(&self, key: &str) -> bool {
        !self.0.contains(key)
    }

    /// # Errors
    /// 400 with every field that was refused.
    pub fn finish(self) -> Result<()> {
        self.finish_with(INVALID)
    }

    /// As [`Form::finish`], with the text of a route that has its own.
    pub fn finish_with(self, message: &'static str) -> Result<()> {
        self.0.into_result(message)
    }
}

fn too_long(text: &str, max: usize) -> Option<FieldError> {
    (text.len() > max).then(|| FieldError::length_outside(1, max))
}

fn email_error() -> FieldError {
    FieldError::code("validation_is_email", "Must be a valid email address.")
}
