//! The kind `file` (contract/03 §2).

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::error::{FieldError, FieldErrors};
use crate::schema::{Field, FieldValue, Shape};

use super::{FieldKind, OptionsContext};

/// Options of a file field.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FileOptions {
    /// 0 is 1; several from 2 on.
    pub max_select: i64,
    /// Bytes per file; 0 is 5 MiB.
    pub max_size: i64,
    /// Allowed types; none or empty is any.
    pub mime_types: Option<Vec<String>>,
    /// Sizes of the thumbs that may be asked for, such as `100x50t`.
    pub thumbs: Option<Vec<String>>,
    /// Whether a download needs a file token.
    pub protected: bool,
}

impl FieldKind for FileOptions {
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
