//! The kinds of field, one file each (contract/03). A new kind is a file that implements [`FieldKind`] and a line in
//! the registry below.

use serde_json::{Map, Value as Json};

use crate::error::{FieldError, FieldErrors};

use super::field::{Field, Shape};
use super::value::FieldValue;

/// What a kind of field decides for itself. Options are the type itself.
pub trait FieldKind: Clone + std::fmt::Debug + Send + Sync + 'static {
    /// The kind's name on the wire, such as `geoPoint`.
    const NAME: &'static str;

    /// Reads the kind's options out of a field object, taking the keys it knows. A wrong JSON type is an error (the
    /// whole request is refused, contract/02 §1); an absent key is the default.
    fn take_options(object: &mut Map<String, Json>) -> Result<Self, WrongType>;

    /// Writes the kind's options into a field object.
    fn put_options(&self, object: &mut Map<String, Json>);

    /// Checks the options (contract/03 §2); keys are option names.
    fn check_options(&self, field: &Field, context: &OptionsContext<'_>) -> FieldErrors;

    fn shape(&self) -> Shape;

    /// A value from input; never an error: what can't be converted is the empty value (contract/03 §3).
    fn normalise(&self, input: &Json) -> FieldValue;

    /// Checks a value by itself (contract/03 §2). What needs other rows (relations, uniqueness) is checked in `rows`.
    fn validate(&self, field: &Field, value: &FieldValue) -> Result<(), FieldError>;

    /// The schema of the value as OpenAPI 3.1 shows it.
    fn openapi(&self) -> Json;
}

/// An option had a JSON type that its kind doesn't take.
#[derive(Debug, thiserror::Error)]
#[error("option {option:?} has the wrong type")]
pub struct WrongType {
    pub option: String,
}
