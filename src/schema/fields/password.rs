//! The kind `password` (contract/03 §2).

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::error::{FieldError, FieldErrors};
use crate::schema::{Field, FieldValue, Pattern, Shape};

use super::{FieldKind, OptionsContext};

/// Options of a password field.
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

impl FieldKind for PasswordOptions {
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
