//! The kind `bool` (contract/03 §2).

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::error::{FieldError, FieldErrors};
use crate::schema::{Field, FieldValue, Shape};

use super::checks::check_required;
use super::{FieldKind, OptionsContext};

/// Options of a bool field: none of its own.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BoolOptions {}

impl FieldKind for BoolOptions {
    fn shape(&self) -> Shape {
        Shape::Bool
    }

    fn check_options(&self, _field: &Field, _context: &OptionsContext<'_>) -> FieldErrors {
        FieldErrors::new()
    }

    fn validate(&self, field: &Field, value: &FieldValue) -> Result<(), FieldError> {
        check_required(field, value)
    }

    fn openapi(&self) -> Json {
        json!({ "type": "boolean" })
    }

    #[cfg(test)]
    fn valid_inputs(&self) -> proptest::strategy::BoxedStrategy<Json> {
        use proptest::prelude::*;
        prop_oneof![any::<bool>().prop_map(Json::from), "t|1|no".prop_map(Json::from)].boxed()
    }
}
