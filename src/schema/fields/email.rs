//! The kind `email` (contract/03 §2).

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::error::{FieldError, FieldErrors};
use crate::schema::{Field, FieldValue, Shape};

use super::checks::check_required;
use super::domains::DomainLists;
use super::{FieldKind, OptionsContext};

/// Options of an email field.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EmailOptions {
    #[serde(flatten)]
    pub domains: DomainLists,
}

impl FieldKind for EmailOptions {
    fn shape(&self) -> Shape {
        Shape::Text
    }

    fn check_options(&self, _field: &Field, _context: &OptionsContext<'_>) -> FieldErrors {
        self.domains.check_options()
    }

    fn validate(&self, field: &Field, value: &FieldValue) -> Result<(), FieldError> {
        check_required(field, value)?;
        let FieldValue::Text(text) = value else { return Ok(()) };
        if text.is_empty() {
            return Ok(());
        }
        if !is_email(text) {
            return Err(FieldError::code("validation_is_email", "Must be a valid email address."));
        }
        let domain = text.rsplit_once('@').map_or("", |(_, domain)| domain);
        if !self.domains.allow(domain) {
            return Err(FieldError::code("validation_email_domain_not_allowed", "Email domain is not allowed."));
        }
        Ok(())
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

/// Whether a text is an e-mail address: atoms joined by single dots, `@`, two or more labels.
pub fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else { return false };
    local.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atom_character)) && is_mail_domain(domain)
}

fn is_atom_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c) || is_beyond_ascii(c)
}

/// Labels begin and end with a letter or digit, the last one with letters.
fn is_mail_domain(domain: &str) -> bool {
    let Some((labels, last)) = domain.rsplit_once('.') else { return false };
    let is_outer = |c: char| c.is_ascii_alphanumeric() || is_beyond_ascii(c);
    let is_outer_of_last = |c: char| c.is_ascii_alphabetic() || is_beyond_ascii(c);
    let is_inner = |c: char| is_outer(c) || "-._~".contains(c);
    !labels.is_empty()
        && !last.is_empty()
        && domain.chars().all(is_inner)
        && labels.starts_with(is_outer)
        && labels.ends_with(is_outer)
        && last.starts_with(is_outer_of_last)
        && last.ends_with(is_outer_of_last)
}

fn is_beyond_ascii(c: char) -> bool {
    c >= '\u{a0}'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let long_local = format!("{}@b.co", "a".repeat(65));
        let long_label = format!("a@{}.co", "b".repeat(80));
        for address in [
            "a@b.co",
            "A@B.CO",
            "a+b@c.de",
            "é@b.co",
            &long_local,
            &long_label,
            "a.b@c-d.e_f.gh",
            "x@y.z",
            "!#$%&'*+-/=?^_`{|}~@b.co",
        ] {
            assert!(is_email(address), "{address}");
        }
        for address in [
            "",
            "a@b",
            "a@localhost",
            "abc",
            " a@b.co",
            "a@b.co ",
            "\"a b\"@c.de",
            "Joe <a@b.co>",
            "a@[1.2.3.4]",
            "a@1.2.3.4",
            "a@b.co,c@d.de",
            "a@b.co c@d.de",
            "@b.co",
            "a@",
            "a@.co",
            "a@b.",
            "a..b@c.de",
            ".a@b.co",
            "a.@b.co",
            "a@-b.co",
            "a@b-.co",
            "a@b.c0",
            "a@b@c.de",
            "a\n@b.co",
        ] {
            assert!(!is_email(address), "{address}");
        }
    }
}
