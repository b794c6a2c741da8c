//! The kind `number`: IEEE doubles (contract/03 §2).

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::error::{FieldError, FieldErrors};
use crate::schema::{Field, FieldValue, Shape};

use super::checks::{check_required, number_error};
use super::{FieldKind, OptionsContext};

/// Options of a number field.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NumberOptions {
    #[serde(serialize_with = "super::options::write_bound")]
    pub min: Option<f64>,
    #[serde(serialize_with = "super::options::write_bound")]
    pub max: Option<f64>,
    pub only_int: bool,
}

impl FieldKind for NumberOptions {
    fn shape(&self) -> Shape {
        Shape::Number
    }

    fn check_options(&self, _field: &Field, _context: &OptionsContext<'_>) -> FieldErrors {
        let mut errors = FieldErrors::new();
        for (key, bound) in [("min", self.min), ("max", self.max)] {
            if self.only_int && bound.is_some_and(|bound| bound.fract() != 0.0) {
                errors.add(key, only_int());
            }
        }
        if let (Some(min), Some(max)) = (self.min, self.max)
            && max < min
        {
            errors.add("max", below_min(min));
        }
        errors
    }

    fn validate(&self, field: &Field, value: &FieldValue) -> Result<(), FieldError> {
        let FieldValue::Number(number) = *value else { return Ok(()) };
        if !number.is_finite() {
            let text = "The submitted number is not properly formatted.";
            return Err(FieldError::code("validation_not_a_number", text));
        }
        check_required(field, value)?;
        if number == 0.0 {
            return Ok(()); // the empty value: records without one hold it, and a form sends it back
        }
        if self.only_int && number.fract() != 0.0 {
            return Err(only_int());
        }
        match (self.min, self.max) {
            (Some(min), _) if number < min => Err(below_min(min)),
            (_, Some(max)) if number > max => {
                Err(number_error("validation_max_number_constraint", "Must be less or equal than {}.", "max", max))
            }
            _ => Ok(()),
        }
    }

    fn openapi(&self) -> Json {
        json!({ "type": if self.only_int { "integer" } else { "number" } })
    }

    #[cfg(test)]
    fn valid_inputs(&self) -> proptest::strategy::BoxedStrategy<Json> {
        use proptest::prelude::*;
        prop_oneof![
            any::<i32>().prop_map(Json::from),
            (-1e12..1e12_f64).prop_map(Json::from),
            "-?[0-9]{1,8}(\\.[0-9]{1,4})?".prop_map(Json::from),
        ]
        .boxed()
    }
}

fn only_int() -> FieldError {
    FieldError::code("validation_only_int_constraint", "Decimal numbers are not allowed.")
}

fn below_min(min: f64) -> FieldError {
    number_error("validation_min_number_constraint", "Must be greater or equal than {}.", "min", min)
}
