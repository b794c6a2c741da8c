//! The kind `text` (contract/03 §2).

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::error::{FieldError, FieldErrors};
use crate::schema::{Field, FieldValue, Pattern, Shape};

use super::{FieldKind, OptionsContext};

/// Options of a text field.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TextOptions {
    /// Code points; 0 is none.
    pub min: i64,
    /// Code points; 0 is 5000.
    pub max: i64,
    /// A regular expression that the value must match somewhere; empty is none.
    pub pattern: Pattern,
    /// What fills an empty value on create (contract/03 §5); empty is none.
    pub autogenerate_pattern: String,
    /// Only for the field `id` (contract/03 §4).
    pub primary_key: bool,
}

impl FieldKind for TextOptions {
    fn shape(&self) -> Shape {
        Shape::Text
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
