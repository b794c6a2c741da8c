//! The kind `password`: stored as a bcrypt hash, never shown (contract/03 §2).

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::error::{FieldError, FieldErrors};
use crate::schema::{Field, FieldValue, Pattern, Shape};

use super::checks::{check_pattern, check_range, check_required};
use super::{FieldKind, OptionsContext};

/// bcrypt reads no more.
const PLAIN_BYTES_MAX: usize = 72;
/// The most that `max` may be, and what its 0 stands for.
const CHARACTERS_MAX: i64 = 71;
/// bcrypt's own bounds.
const COST_MIN: i64 = 4;
const COST_MAX: i64 = 31;

/// Options of a password field. Its values are hashes; the plain text is checked by
/// [`PasswordOptions::check_plain`] when it is set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PasswordOptions {
    /// Code points; 0 is none.
    pub min: i64,
    /// Code points; 0 is 71.
    pub max: i64,
    /// bcrypt cost; 0 is 10.
    pub cost: i64,
    pub pattern: Pattern,
}

impl PasswordOptions {
    /// Checks a new password; `""` clears it and passes, unless the field is required.
    pub fn check_plain(&self, field: &Field, plain: &str) -> Result<(), FieldError> {
        if plain.len() > PLAIN_BYTES_MAX {
            return Err(FieldError::invalid_value());
        }
        if plain.is_empty() {
            return if field.required { Err(FieldError::required()) } else { Ok(()) };
        }
        let characters = plain.chars().count() as i64;
        if characters < self.min {
            let text = format!("Must be at least {} character(s).", self.min);
            return Err(FieldError::code("validation_min_text_constraint", text));
        }
        let max = if self.max == 0 { CHARACTERS_MAX } else { self.max };
        if characters > max {
            let text = format!("Must be less than {max} character(s).");
            return Err(FieldError::code("validation_max_text_constraint", text));
        }
        if !self.pattern.is_found_in(plain) {
            return Err(FieldError::code("validation_invalid_format", "Invalid value format."));
        }
        Ok(())
    }
}

impl FieldKind for PasswordOptions {
    fn shape(&self) -> Shape {
        Shape::Text
    }

    fn check_options(&self, _field: &Field, _context: &OptionsContext<'_>) -> FieldErrors {
        let mut errors = FieldErrors::new();
        check_range(&mut errors, "min", self.min, 1, CHARACTERS_MAX);
        check_range(&mut errors, "max", self.max, self.min, CHARACTERS_MAX);
        check_range(&mut errors, "cost", self.cost, COST_MIN, COST_MAX);
        check_pattern(&mut errors, "pattern", &self.pattern);
        errors
    }

    /// `value` is the hash.
    fn validate(&self, field: &Field, value: &FieldValue) -> Result<(), FieldError> {
        check_required(field, value)
    }

    fn openapi(&self) -> Json {
        json!({ "type": "string", "writeOnly": true })
    }

    #[cfg(test)]
    fn valid_inputs(&self) -> proptest::strategy::BoxedStrategy<Json> {
        use proptest::prelude::*;
        "([!-~]{8,60})?".prop_map(Json::from).boxed()
    }
}
