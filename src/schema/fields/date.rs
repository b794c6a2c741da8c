//! The kind `date`: an instant in UTC (contract/03 §2).

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value as Json, json};

use crate::error::{FieldError, FieldErrors};
use crate::schema::dates::{is_stored_form, parse_date, rfc3339_date, spoken_date, stored_date};
use crate::schema::{Field, FieldValue, Shape};

use super::checks::check_required;
use super::{FieldKind, OptionsContext};

/// Options of a date field.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DateOptions {
    /// Stored form, or empty. What can't be read is kept as it was sent, for the check to refuse.
    #[serde(deserialize_with = "read_bound")]
    pub min: String,
    /// As `min`.
    #[serde(deserialize_with = "read_bound")]
    pub max: String,
}

fn read_bound<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    Ok(if parse_date(&text).is_some() { stored_date(&text) } else { text })
}

impl FieldKind for DateOptions {
    fn shape(&self) -> Shape {
        Shape::Date
    }

    fn check_options(&self, _field: &Field, _context: &OptionsContext<'_>) -> FieldErrors {
        let mut errors = FieldErrors::new();
        for (key, bound) in [("min", &self.min), ("max", &self.max)] {
            if !bound.is_empty() && !is_stored_form(bound) {
                errors.add(key, FieldError::invalid_value());
            }
        }
        errors
    }

    fn validate(&self, field: &Field, value: &FieldValue) -> Result<(), FieldError> {
        check_required(field, value)?;
        let FieldValue::Text(text) = value else { return Ok(()) };
        if text.is_empty() {
            return Ok(());
        }
        // Stored forms sort as their instants.
        if !self.min.is_empty() && text < &self.min {
            let message = format!("Must be no less than {}.", spoken_date(&self.min));
            return Err(beyond("validation_min_greater_equal_than_required", message, &self.min));
        }
        if !self.max.is_empty() && text > &self.max {
            let message = format!("Must be no greater than {}.", spoken_date(&self.max));
            return Err(beyond("validation_max_less_equal_than_required", message, &self.max));
        }
        Ok(())
    }

    fn openapi(&self) -> Json {
        json!({ "type": "string", "description": "UTC, `2006-01-02 15:04:05.000Z`; empty when there is none" })
    }

    #[cfg(test)]
    fn valid_inputs(&self) -> proptest::strategy::BoxedStrategy<Json> {
        use proptest::prelude::*;
        "(20[0-9]{2}-0[1-9]-1[0-9]( 1[0-9]:0[0-9]:3[0-9](\\.[0-9]{1,6})?Z)?)?".prop_map(Json::from).boxed()
    }
}

fn beyond(code: &'static str, message: String, bound: &str) -> FieldError {
    FieldError::with_params(code, message, json!({ "threshold": rfc3339_date(bound) }))
}
