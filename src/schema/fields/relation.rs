//! The kind `relation` (contract/03 §2).

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::error::{FieldError, FieldErrors};
use crate::schema::{Field, FieldValue, Shape};

use super::{FieldKind, OptionsContext};

/// Options of a relation field.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RelationOptions {
    /// The id of the target collection.
    pub collection_id: String,
    /// Delete the record when its target goes (contract/05 §7).
    pub cascade_delete: bool,
    pub min_select: i64,
    /// 0 is 1; several from 2 on.
    pub max_select: i64,
}

impl FieldKind for RelationOptions {
    fn shape(&self) -> Shape {
        if self.max_select >= 2 { Shape::Multiple } else { Shape::Single }
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
