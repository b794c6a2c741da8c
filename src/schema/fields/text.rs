//! The kind `text` (contract/03 §2), and with it the `id` of records (contract/03 §4).

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::error::{FieldError, FieldErrors};
use crate::schema::generator::{Generator, GeneratorError};
use crate::schema::{Field, FieldValue, Pattern, Shape};

use super::checks::{INTEGER_MAX, check_pattern, check_range, check_required, invalid_regex};
use super::{FieldKind, OptionsContext};

/// What `max` 0 stands for.
const CHARACTERS_MAX_DEFAULT: i64 = 5000;
/// The expression of ids that were never changed; with another one, ids are checked for what files and URLs dislike.
const PLAIN_ID_PATTERN: &str = "^[a-z0-9]+$";
const FORBIDDEN_IN_IDS: &str = "./\\|\"'`<>:?*%$\0\t\n\r ";
/// How many texts are drawn to see whether a field takes what it generates.
const SAMPLES: usize = 10;

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
    pub autogenerate_pattern: Generator,
    /// Only for the field `id` (contract/03 §4).
    pub primary_key: bool,
}

impl TextOptions {
    /// The checks of a text after `required`, in the contract's order.
    fn check_text(&self, text: &str) -> Result<(), FieldError> {
        let characters = text.chars().count() as i64;
        if characters < self.min {
            return Err(FieldError::with_params(
                "validation_min_text_constraint",
                format!("Must be at least {} character(s).", self.min),
                json!({ "min": self.min }),
            ));
        }
        let max = if self.max == 0 { CHARACTERS_MAX_DEFAULT } else { self.max };
        if characters > max {
            return Err(FieldError::with_params(
                "validation_max_text_constraint",
                format!("Must be no more than {max} character(s)."),
                json!({ "max": max }),
            ));
        }
        if !self.pattern.is_found_in(text) {
            return Err(FieldError::code("validation_invalid_format", "Invalid value format."));
        }
        if self.primary_key && self.has_custom_ids() { check_custom_id(text) } else { Ok(()) }
    }

    /// Whether ids may be other than ASCII small letters and digits; then an id that equals another but for ASCII case
    /// is refused too (in `rows`).
    pub fn has_custom_ids(&self) -> bool {
        self.pattern.as_str() != PLAIN_ID_PATTERN
    }

    fn check_generator(&self, errors: &mut FieldErrors) {
        match self.autogenerate_pattern.error() {
            None => {}
            Some(GeneratorError::Syntax(reason)) => return errors.add("autogeneratePattern", invalid_regex(reason)),
            Some(GeneratorError::Unsupported(operator)) => {
                let text = format!("Unsupported pattern operator {operator}.");
                let error = FieldError::code("validation_invalid_autogenerate_pattern", text);
                return errors.add("autogeneratePattern", error);
            }
        }
        if self.autogenerate_pattern.is_empty() {
            return;
        }
        let mut samples = (0..SAMPLES).map(|_| self.autogenerate_pattern.generate());
        if let Some(refused) = samples.find(|sample| self.check_text(sample).is_err()) {
            let example: String = refused.chars().take(200).collect();
            let text =
                format!("The provided autogenerate pattern could produce invalid field values, ex.: {example:?}.");
            errors.add("autogeneratePattern", FieldError::code("validation_invalid_autogenerate_pattern_value", text));
        }
    }

    fn check_primary_key(&self, field: &Field, context: &OptionsContext<'_>, errors: &mut FieldErrors) {
        if !self.primary_key {
            return;
        }
        if field.name != "id" {
            errors.add("name", FieldError::code("validation_in_invalid", "The primary key must be named \"id\"."));
        }
        if context.collection.fields.iter().filter(|other| other.is_primary_key()).count() > 1 {
            let text = "Composite PKs are not supported and the collection must have only 1 PK.";
            errors.add("primaryKey", FieldError::code("validation_unsupported_composite_pk", text));
        }
        if self.pattern.is_empty() {
            errors.add("pattern", FieldError::required());
        }
        if !field.required {
            errors.add("required", FieldError::required());
        }
    }
}

impl FieldKind for TextOptions {
    fn shape(&self) -> Shape {
        Shape::Text
    }

    fn check_options(&self, field: &Field, context: &OptionsContext<'_>) -> FieldErrors {
        let mut errors = FieldErrors::new();
        self.check_primary_key(field, context, &mut errors);
        check_range(&mut errors, "min", self.min, 0, INTEGER_MAX);
        check_range(&mut errors, "max", self.max, self.min, INTEGER_MAX);
        check_pattern(&mut errors, "pattern", &self.pattern);
        self.check_generator(&mut errors);
        errors
    }

    fn validate(&self, field: &Field, value: &FieldValue) -> Result<(), FieldError> {
        check_required(field, value)?;
        match value {
            FieldValue::Text(text) if !text.is_empty() => self.check_text(text),
            _ => Ok(()),
        }
    }

    fn openapi(&self) -> Json {
        let mut schema = json!({ "type": "string" });
        if self.min > 0 {
            schema["minLength"] = self.min.into();
        }
        schema["maxLength"] = if self.max == 0 { CHARACTERS_MAX_DEFAULT } else { self.max }.into();
        if !self.pattern.is_empty() {
            schema["pattern"] = self.pattern.as_str().into();
        }
        schema
    }

    #[cfg(test)]
    fn valid_inputs(&self) -> proptest::strategy::BoxedStrategy<Json> {
        use proptest::prelude::*;
        "[ -~é名]{0,40}".prop_map(Json::from).boxed()
    }
}

/// What file systems and URLs dislike in an id.
fn check_custom_id(id: &str) -> Result<(), FieldError> {
    if let Some(ch) = id.chars().find(|c| FORBIDDEN_IN_IDS.contains(*c)) {
        return Err(FieldError::with_params(
            "validation_forbidden_pk_character",
            format!("'{ch}' is not a valid primary key character."),
            json!({ "ch": ch.to_string() }),
        ));
    }
    if is_device_name(id) {
        return Err(FieldError::with_params(
            "validation_reserved_pk",
            format!("The primary key '{id}' is reserved and cannot be used."),
            json!({ "reserved": id }),
        ));
    }
    Ok(())
}

/// Names that Windows keeps for devices.
fn is_device_name(id: &str) -> bool {
    let upper = id.to_ascii_uppercase();
    let numbered = |prefix| {
        let number = upper.strip_prefix(prefix).map(str::as_bytes);
        matches!(number, Some([b'1'..=b'9']))
    };
    matches!(upper.as_str(), "CON" | "PRN" | "AUX" | "NUL") || numbered("COM") || numbered("LPT")
}
