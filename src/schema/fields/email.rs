//! The kind `email` (contract/03 §2).

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::error::{FieldError, FieldErrors};
use crate::formats::is_email;
use crate::schema::{Field, FieldValue, Shape};

use super::domains::{Address, DomainLists};
use super::{FieldKind, OptionsContext};

/// Options of an email field.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EmailOptions {
    #[serde(flatten)]
    pub domains: DomainLists,
}

const ADDRESS: Address = Address {
    domain_of: |text| if is_email(text) { text.rsplit_once('@').map(|(_, domain)| domain) } else { None },
    invalid: ("validation_is_email", "Must be a valid email address."),
    not_allowed: ("validation_email_domain_not_allowed", "Email domain is not allowed."),
};

impl FieldKind for EmailOptions {
    fn shape(&self) -> Shape {
        Shape::Text
    }

    fn check_options(&self, _field: &Field, _context: &OptionsContext<'_>) -> FieldErrors {
        self.domains.check_options()
    }

    fn validate(&self, field: &Field, value: &FieldValue) -> Result<(), FieldError> {
        self.domains.validate(field, value, &ADDRESS)
    }

    fn openapi(&self) -> Json {
        json!({ "type": "string", "format": "email" })
    }

    #[cfg(test)]
    fn valid_inputs(&self) -> proptest::strategy::BoxedStrategy<Json> {
        use proptest::prelude::*;
        "([a-zA-Z0-9+]{1,10}@[a-z0-9]{1,10}\\.[a-z]{2,6})?".prop_map(Json::from).boxed()
    }
}
