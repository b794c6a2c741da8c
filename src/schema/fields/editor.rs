//! The kind `editor`: HTML, stored as sent (contract/03 §2).

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::error::{FieldError, FieldErrors};
use crate::schema::{Field, FieldValue, Shape};

use super::checks::{INTEGER_MAX, check_range, check_required};
use super::{FieldKind, OptionsContext};

/// What `maxSize` 0 stands for.
const BYTES_MAX_DEFAULT: i64 = 5 << 20;

/// Options of an editor field.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EditorOptions {
    /// Bytes; 0 is 5 MiB.
    pub max_size: i64,
    /// A hint for the dashboard.
    #[serde(rename = "convertURLs")]
    pub convert_urls: bool,
}

impl EditorOptions {
    /// The most bytes a value may have.
    pub fn bytes_max(&self) -> i64 {
        if self.max_size == 0 { BYTES_MAX_DEFAULT } else { self.max_size }
    }
}

impl FieldKind for EditorOptions {
    fn shape(&self) -> Shape {
        Shape::Text
    }

    fn check_options(&self, _field: &Field, _context: &OptionsContext<'_>) -> FieldErrors {
        let mut errors = FieldErrors::new();
        check_range(&mut errors, "maxSize", self.max_size, 0, INTEGER_MAX);
        errors
    }

    fn validate(&self, field: &Field, value: &FieldValue) -> Result<(), FieldError> {
        check_required(field, value)?;
        let max = self.bytes_max();
        match value {
            FieldValue::Text(text) if text.len() as i64 > max => Err(FieldError::with_params(
                "validation_content_size_limit",
                format!("The maximum allowed content size is {max} bytes."),
                json!({ "maxSize": max }),
            )),
            _ => Ok(()),
        }
    }

    fn body_bytes_max(&self) -> i64 {
        self.bytes_max()
    }

    fn openapi(&self) -> Json {
        json!({ "type": "string", "contentMediaType": "text/html" })
    }

    #[cfg(test)]
    fn valid_inputs(&self) -> proptest::strategy::BoxedStrategy<Json> {
        use proptest::prelude::*;
        "<p>[ -~]{0,40}</p>".prop_map(Json::from).boxed()
    }
}
