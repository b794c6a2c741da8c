//! The kind `json`: any JSON value (contract/03 §2).

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::error::{FieldError, FieldErrors};
use crate::schema::json::is_json;
use crate::schema::{Field, FieldValue, Shape};

use super::checks::{INTEGER_MAX, check_range, check_required};
use super::{FieldKind, OptionsContext};

/// What `maxSize` 0 stands for.
const BYTES_MAX_DEFAULT: i64 = 1 << 20;

/// Options of a json field.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct JsonOptions {
    /// Bytes of JSON text; 0 is 1 MiB.
    pub max_size: i64,
}

impl JsonOptions {
    /// The most bytes the JSON text of a value may have.
    pub fn bytes_max(&self) -> i64 {
        if self.max_size == 0 { BYTES_MAX_DEFAULT } else { self.max_size }
    }
}

impl FieldKind for JsonOptions {
    fn shape(&self) -> Shape {
        Shape::Json
    }

    fn check_options(&self, _field: &Field, _context: &OptionsContext<'_>) -> FieldErrors {
        let mut errors = FieldErrors::new();
        check_range(&mut errors, "maxSize", self.max_size, 0, INTEGER_MAX);
        errors
    }

    fn validate(&self, field: &Field, value: &FieldValue) -> Result<(), FieldError> {
        if let FieldValue::Json(Some(text)) = value {
            let max = self.bytes_max();
            if text.len() as i64 > max {
                return Err(FieldError::with_params(
                    "validation_json_size_limit",
                    format!("The maximum allowed JSON size is {max} bytes."),
                    json!({ "maxSize": max }),
                ));
            }
            if !text.is_empty() && !is_json(text) {
                return Err(FieldError::code("validation_invalid_json", "Must be a valid json value."));
            }
        }
        check_required(field, value)
    }

    fn body_bytes_max(&self) -> i64 {
        self.bytes_max()
    }

    fn openapi(&self) -> Json {
        json!({ "description": "any JSON value" })
    }

    #[cfg(test)]
    fn valid_inputs(&self) -> proptest::strategy::BoxedStrategy<Json> {
        use proptest::prelude::*;
        let leaf = prop_oneof![
            Just(Json::Null),
            any::<bool>().prop_map(Json::from),
            (-1e9..1e9_f64).prop_map(Json::from),
            "[ -~é<>]{0,10}".prop_map(Json::from),
        ];
        leaf.prop_recursive(3, 16, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
                proptest::collection::hash_map("[a-z]{1,4}", inner, 0..4)
                    .prop_map(|entries| Json::Object(entries.into_iter().collect())),
            ]
        })
        .boxed()
    }
}
