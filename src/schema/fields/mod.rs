//! The kinds of field, one file each (contract/03). A new kind is a file that implements [`FieldKind`] for its options
//! and a line in the registry below.
//!
//! Options are plain serde structs with the wire's keys; their default is every option's default. Dispatch goes
//! through `&dyn FieldKind`, so that a method of the trait is written once per kind and nowhere else.

mod checks;
mod domains;
pub(super) mod options;

mod autodate;
mod bool;
mod date;
mod editor;
mod email;
mod file;
mod geo_point;
mod json;
mod number;
mod password;
mod relation;
mod select;
mod text;
mod url;

use serde_json::{Map, Value as Json};

use crate::error::{FieldError, FieldErrors};

use super::collection::Collection;
use super::field::{Field, Shape};
use super::snapshot::Schema;
use super::value::FieldValue;

pub use autodate::AutodateOptions;
pub use bool::BoolOptions;
pub use date::DateOptions;
pub use domains::DomainLists;
pub use editor::EditorOptions;
pub use email::EmailOptions;
pub use file::{FileOptions, NewFile};
pub use geo_point::GeoPointOptions;
pub use json::JsonOptions;
pub use number::NumberOptions;
pub use options::OptionsError;
pub use password::PasswordOptions;
pub use relation::RelationOptions;
pub use select::SelectOptions;
pub use text::TextOptions;
pub use url::UrlOptions;

/// What a kind of field decides for itself. Options are the type itself.
pub trait FieldKind: std::fmt::Debug + Send + Sync {
    /// How its values are held, stored, shown and compared.
    fn shape(&self) -> Shape;

    /// Checks the options (contract/03 §2); keys are option names.
    fn check_options(&self, field: &Field, context: &OptionsContext<'_>) -> FieldErrors;

    /// A value from JSON input; never an error: what can't be converted is the empty value (contract/03 §3).
    fn normalise(&self, input: &Json) -> FieldValue {
        FieldValue::from_input(self.shape(), input)
    }

    /// Checks a value by itself (contract/03 §2). What needs other rows (relations, uniqueness) is checked in `rows`.
    fn validate(&self, field: &Field, value: &FieldValue) -> Result<(), FieldError>;

    /// How many bytes of a request body its values may take beyond what every body may have (contract/03 §10).
    fn body_bytes_max(&self) -> i64 {
        0
    }

    /// The schema of the value as OpenAPI 3.1 shows it.
    fn openapi(&self) -> Json;

    /// Inputs that a field with these options takes, for property tests.
    #[cfg(test)]
    fn valid_inputs(&self) -> proptest::strategy::BoxedStrategy<Json>;
}

/// What the check of a field's options may look at.
#[derive(Clone, Copy, Debug)]
pub struct OptionsContext<'a> {
    /// The collections a field may refer to: the stored ones (an import adds those that it brings).
    pub schema: &'a Schema,
    /// The collection as it would be saved.
    pub collection: &'a Collection,
    /// The stored field of the same id, when there is one.
    pub stored: Option<&'a Field>,
}

/// The registry: wire name, variant, options.
macro_rules! kinds {
    ($($name:literal => $variant:ident($options:ty),)+) => {
        /// The kind of a field with its options.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Kind {
            $($variant($options),)+
        }

        impl Kind {
            /// The wire names of all kinds.
            pub const NAMES: &[&str] = &[$($name),+];

            /// The kind's name on the wire, such as `geoPoint`.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Kind::$variant(_) => $name,)+
                }
            }

            /// The kind of this wire name, with the options found in `object`; keys it doesn't know are left alone.
            pub fn from_options(name: &str, object: &Map<String, Json>) -> Result<Self, OptionsError> {
                match name {
                    $($name => options::read(object).map(Kind::$variant),)+
                    _ => Err(OptionsError::UnknownType(name.to_owned())),
                }
            }

            /// The options with their wire keys.
            pub fn options(&self) -> Map<String, Json> {
                match self {
                    $(Kind::$variant(own) => options::write(own),)+
                }
            }

            fn behaviour(&self) -> &dyn FieldKind {
                match self {
                    $(Kind::$variant(own) => own,)+
                }
            }
        }
    };
}

kinds! {
    "text" => Text(TextOptions),
    "editor" => Editor(EditorOptions),
    "number" => Number(NumberOptions),
    "bool" => Bool(BoolOptions),
    "email" => Email(EmailOptions),
    "url" => Url(UrlOptions),
    "date" => Date(DateOptions),
    "autodate" => Autodate(AutodateOptions),
    "select" => Select(SelectOptions),
    "file" => File(FileOptions),
    "relation" => Relation(RelationOptions),
    "json" => Json(JsonOptions),
    "password" => Password(PasswordOptions),
    "geoPoint" => GeoPoint(GeoPointOptions),
}

impl FieldKind for Kind {
    fn shape(&self) -> Shape {
        self.behaviour().shape()
    }

    fn check_options(&self, field: &Field, context: &OptionsContext<'_>) -> FieldErrors {
        self.behaviour().check_options(field, context)
    }

    fn normalise(&self, input: &Json) -> FieldValue {
        self.behaviour().normalise(input)
    }

    fn validate(&self, field: &Field, value: &FieldValue) -> Result<(), FieldError> {
        self.behaviour().validate(field, value)
    }

    fn body_bytes_max(&self) -> i64 {
        self.behaviour().body_bytes_max()
    }

    fn openapi(&self) -> Json {
        self.behaviour().openapi()
    }

    #[cfg(test)]
    fn valid_inputs(&self) -> proptest::strategy::BoxedStrategy<Json> {
        self.behaviour().valid_inputs()
    }
}

#[cfg(test)]
mod tests;
