//! The kind `date` (contract/03 §2).

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::error::{FieldError, FieldErrors};
use crate::schema::{Field, FieldValue, Shape};

use super::{FieldKind, OptionsContext};

/// Options of a date field.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DateOptions {
    /// Stored form, or empty.
    pub min: String,
    /// Stored form, or empty.
    pub max: String,
}

impl FieldKind for DateOptions {
    fn shape(&self) -> Shape {
        Shape::Date
    }

    fn check_options(&self, _field: &Field, _context: &OptionsContext<'_>) -> FieldErrors {
        FieldErrors::new()
    }

    fn normalise(&self, _input: &Json) -> FieldValue {
        FieldValue::zero(self.shape())
    }

    fn validate(&self, _field: &Field, _value: &FieldValue) -> Result<(), FieldError> {
        Ok(())
    }

    fn openapi(&self) -> Json {
        Json::Object(serde_json::Map::new())
    }
}
