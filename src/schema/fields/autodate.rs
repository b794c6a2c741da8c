//! The kind `autodate`: set by the server when a record is written (contract/03 §2).

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::error::{FieldError, FieldErrors};
use crate::schema::{Field, FieldValue, Shape};

use super::{FieldKind, Kind, OptionsContext};

/// Options of an autodate field.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AutodateOptions {
    pub on_create: bool,
    pub on_update: bool,
}

impl FieldKind for AutodateOptions {
    fn shape(&self) -> Shape {
        Shape::Date
    }

    fn check_options(&self, field: &Field, context: &OptionsContext<'_>) -> FieldErrors {
        let mut errors = FieldErrors::new();
        if !self.on_create && !self.on_update {
            for key in ["onCreate", "onUpdate"] {
                let text = "Either onCreate or onUpdate must be enabled.";
                errors.add(key, FieldError::code("validation_required", text));
            }
        }
        if field.system
            && let Some(Kind::Autodate(stored)) = context.stored.map(|stored| &stored.kind)
        {
            if stored.on_create != self.on_create {
                errors.add("onCreate", FieldError::mismatch());
            }
            if stored.on_update != self.on_update {
                errors.add("onUpdate", FieldError::mismatch());
            }
        }
        errors
    }

    fn validate(&self, _field: &Field, _value: &FieldValue) -> Result<(), FieldError> {
        Ok(())
    }

    fn openapi(&self) -> Json {
        json!({ "type": "string", "readOnly": true, "description": "UTC, `2006-01-02 15:04:05.000Z`" })
    }

    #[cfg(test)]
    fn valid_inputs(&self) -> proptest::strategy::BoxedStrategy<Json> {
        use proptest::prelude::*;
        "(20[0-9]{2}-0[1-9]-1[0-9] 1[0-9]:0[0-9]:3[0-9]Z)?".prop_map(Json::from).boxed()
    }
}
