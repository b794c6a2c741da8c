//! Checks that several kinds make of their options.

use serde_json::json;

use crate::error::{FieldError, FieldErrors};
use crate::schema::Pattern;

/// The biggest whole number that every JSON reader holds exactly (2^53 − 1).
pub(super) const INTEGER_MAX: i64 = 9_007_199_254_740_991;

/// Checks a number between two bounds; 0 is “unset” and passes every lower one (contract/03 §1).
pub(super) fn check_range(errors: &mut FieldErrors, key: &str, value: i64, min: i64, max: i64) {
    if value != 0 && value < min {
        errors.add(key, FieldError::below(min));
    } else if value > max {
        errors.add(key, FieldError::above(max));
    }
}

/// Checks that a regular expression can be used.
pub(super) fn check_pattern(errors: &mut FieldErrors, key: &str, pattern: &Pattern) {
    if let Some(reason) = pattern.error() {
        errors.add(key, invalid_regex(reason));
    }
}

pub(super) fn invalid_regex(reason: &str) -> FieldError {
    FieldError::code("validation_invalid_regex", format!("Error parsing regexp: {reason}"))
}

/// A number as a message names it, and as a parameter holds it.
pub(super) fn number_error(code: &'static str, text: &str, key: &'static str, number: f64) -> FieldError {
    let shown = crate::schema::casts::decimal_text(number);
    let param = crate::schema::casts::json_number(number).unwrap_or_default();
    FieldError::with_params(code, text.replace("{}", &shown), json!({ key: param }))
}

/// `required` refuses blank values.
pub(super) fn check_required(
    field: &crate::schema::Field,
    value: &crate::schema::FieldValue,
) -> Result<(), FieldError> {
    if field.required && value.is_blank() { Err(FieldError::required()) } else { Ok(()) }
}
