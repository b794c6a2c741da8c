//! The kind `select`: one or several of listed texts (contract/03 §2).

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::error::{FieldError, FieldErrors};
use crate::schema::{Field, FieldValue, Shape};

use super::checks::{check_range, check_required};
use super::{FieldKind, OptionsContext};

/// Options of a select field.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SelectOptions {
    pub values: Vec<String>,
    /// 0 is 1; several from 2 on.
    pub max_select: i64,
}

impl FieldKind for SelectOptions {
    fn shape(&self) -> Shape {
        if self.max_select >= 2 { Shape::Multiple } else { Shape::Single }
    }

    fn check_options(&self, _field: &Field, _context: &OptionsContext<'_>) -> FieldErrors {
        let mut errors = FieldErrors::new();
        if self.values.is_empty() {
            errors.add("values", FieldError::required());
        }
        check_range(&mut errors, "maxSelect", self.max_select, 0, self.values.len() as i64);
        errors
    }

    fn validate(&self, field: &Field, value: &FieldValue) -> Result<(), FieldError> {
        check_required(field, value)?;
        let items = value.items();
        check_count(items.len(), self.max_select)?;
        match items.iter().find(|item| !self.values.contains(item)) {
            None => Ok(()),
            Some(unknown) => Err(FieldError::with_params(
                "validation_invalid_value",
                format!("Invalid value {unknown}."),
                json!({ "value": unknown }),
            )),
        }
    }

    fn openapi(&self) -> Json {
        let mut values = self.values.clone();
        match self.shape() {
            Shape::Multiple => {
                json!({ "type": "array", "items": { "type": "string", "enum": values }, "maxItems": self.max_select })
            }
            _ => {
                values.push(String::new()); // none chosen
                json!({ "type": "string", "enum": values })
            }
        }
    }

    #[cfg(test)]
    fn valid_inputs(&self) -> proptest::strategy::BoxedStrategy<Json> {
        use proptest::prelude::*;
        let most = self.max_select.clamp(1, self.values.len() as i64) as usize;
        proptest::sample::subsequence(self.values.clone(), 0..=most).prop_map(Json::from).boxed()
    }
}

/// At most `max_select` values; 0 stands for 1.
pub(super) fn check_count(count: usize, max_select: i64) -> Result<(), FieldError> {
    let max = max_select.max(1);
    if count as i64 <= max {
        return Ok(());
    }
    Err(FieldError::with_params(
        "validation_too_many_values",
        format!("Select no more than {max}."),
        json!({ "maxSelect": max }),
    ))
}
