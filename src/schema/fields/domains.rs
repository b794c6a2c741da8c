//! Lists of domains, which email and url fields may name to allow or refuse.

use serde::{Deserialize, Serialize};

use crate::error::{FieldError, FieldErrors};
use crate::schema::{Field, FieldValue};

use super::checks::check_required;

/// Bytes of a domain (RFC 1035).
const DOMAIN_BYTES_MAX: usize = 255;
const LABEL_BYTES_MAX: usize = 63;

/// At most one of the two lists may hold something; they compare ignoring ASCII case.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DomainLists {
    /// Domains that are refused.
    pub except_domains: Option<Vec<String>>,
    /// The only domains that are allowed.
    pub only_domains: Option<Vec<String>>,
}

/// A kind of text that names a domain.
pub(super) struct Address {
    /// The domain in a text of this kind; `None` for a text that is none.
    pub domain_of: fn(&str) -> Option<&str>,
    pub invalid: (&'static str, &'static str),
    pub not_allowed: (&'static str, &'static str),
}

impl DomainLists {
    /// A value is blank where it may be, or an address in a domain that the lists let through.
    pub(super) fn validate(&self, field: &Field, value: &FieldValue, address: &Address) -> Result<(), FieldError> {
        check_required(field, value)?;
        let FieldValue::Text(text) = value else { return Ok(()) };
        if text.is_empty() {
            return Ok(());
        }
        let refused = |(code, message): (&'static str, &'static str)| Err(FieldError::code(code, message));
        match (address.domain_of)(text) {
            None => refused(address.invalid),
            Some(domain) if !self.allow(domain) => refused(address.not_allowed),
            Some(_) => Ok(()),
        }
    }

    pub(super) fn check_options(&self) -> FieldErrors {
        let mut errors = FieldErrors::new();
        let lists = [("exceptDomains", list(&self.except_domains)), ("onlyDomains", list(&self.only_domains))];
        if lists.iter().all(|(_, list)| !list.is_empty()) {
            for (key, _) in lists {
                errors.add(key, FieldError::code("validation_empty", "Must be blank."));
            }
            return errors;
        }
        for (key, list) in lists {
            let mut wrong = FieldErrors::new();
            for (index, domain) in list.iter().enumerate().filter(|(_, d)| !d.is_empty() && !is_domain(d)) {
                let _ = domain;
                wrong.add(index.to_string(), FieldError::code("validation_is_domain", "Must be a valid domain."));
            }
            errors.add_tree(key, wrong);
        }
        errors
    }

    /// Whether the lists let a domain through.
    fn allow(&self, domain: &str) -> bool {
        let is_in = |list: &[String]| list.iter().any(|listed| listed.eq_ignore_ascii_case(domain));
        let only = list(&self.only_domains);
        (only.is_empty() || is_in(only)) && !is_in(list(&self.except_domains))
    }
}

fn list(domains: &Option<Vec<String>>) -> &[String] {
    domains.as_deref().unwrap_or_default()
}

/// Labels of letters, digits and inner hyphens, the last of letters alone; two or more.
fn is_domain(text: &str) -> bool {
    let is_alphanumeric = |b: u8| b.is_ascii_alphanumeric();
    let is_label = |label: &str| {
        let bytes = label.as_bytes();
        // The reference's expression takes a capital letter at the end of a one-letter label only.
        let ends_well = bytes.len() == 1 || bytes.last().is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        (1..=LABEL_BYTES_MAX).contains(&bytes.len())
            && is_alphanumeric(bytes[0])
            && ends_well
            && bytes.iter().all(|&b| is_alphanumeric(b) || b == b'-')
    };
    let Some((labels, top)) = text.rsplit_once('.') else { return false };
    text.len() <= DOMAIN_BYTES_MAX
        && labels.split('.').all(is_label)
        && (1..=LABEL_BYTES_MAX).contains(&top.len())
        && top.bytes().all(|b| b.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains() {
        for domain in ["a.com", "x.y.example.org", "a-b.co", "1.de", "xn--abc.com", "A.COM", "Example.com"] {
            assert!(is_domain(domain), "{domain}");
        }
        let long = format!("{}.com", "a.".repeat(130));
        for domain in [
            "localhost",
            "a.com:80",
            "-a.com",
            "a-.com",
            "a..com",
            ".com",
            "a.c0m",
            "a b.com",
            "é.com",
            &long,
            "a.com.",
        ] {
            assert!(!is_domain(domain), "{domain}");
        }
    }
}
