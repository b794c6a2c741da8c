//! The kind `url` (contract/03 §2).

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::error::{FieldError, FieldErrors};
use crate::formats::{UrlScheme, is_email, is_url};
use crate::schema::{Field, FieldValue, Shape};

use super::domains::{Address, DomainLists};
use super::{FieldKind, OptionsContext};

/// Options of a url field.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct UrlOptions {
    #[serde(flatten)]
    pub domains: DomainLists,
}

const ADDRESS: Address = Address {
    domain_of: |text| host_of(text).map(|host| host.strip_suffix('.').unwrap_or(host)),
    invalid: ("validation_invalid_url", "Must be a valid url."),
    not_allowed: ("validation_url_domain_not_allowed", "Url domain is not allowed."),
};

impl FieldKind for UrlOptions {
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
        json!({ "type": "string", "format": "uri" })
    }

    #[cfg(test)]
    fn valid_inputs(&self) -> proptest::strategy::BoxedStrategy<Json> {
        use proptest::prelude::*;
        "(https?://[a-z0-9]{1,10}(\\.[a-z]{2,4})?(:[0-9]{2,4})?(/[a-z0-9%?=&#]{0,10})?)?".prop_map(Json::from).boxed()
    }
}

/// The host of a URL that the field takes, without port; of a mail address its domain. `None` for anything else.
fn host_of(text: &str) -> Option<&str> {
    if let Some(address) = text.strip_prefix("mailto:") {
        return is_email(address).then(|| address.rsplit_once('@').map_or("", |(_, domain)| domain));
    }
    if !is_url(text, UrlScheme::Required) {
        return None;
    }
    let authority = text.split_once("://")?.1.split(['/', '?', '#']).next()?;
    let address = authority.rsplit_once('@').map_or(authority, |(_, address)| address);
    let host_end = match address.find(']') {
        Some(bracket) => bracket + 1, // the colons inside are those of an IPv6 address
        None => address.find(':').unwrap_or(address.len()),
    };
    address.get(..host_end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        for url in [
            "http://localhost:8090",
            "http://a",
            "http://1.2.3.4",
            "http://[::1]/",
            "http://[::1]:80",
            "http://üñ.de",
            "http://a_b.co",
            "http://user:pw@a.de",
            "http://a.de:99999",
            "mailto:a@b.co",
            "https://a.de/x?y=z#w",
            "ftp://a.de",
            "tcp://a:1",
            "udp://a:1",
            "ws://a",
            "wss://a.b",
            "http://a.de?x=1",
            "http://a.com.",
        ] {
            assert!(host_of(url).is_some(), "{url}");
        }
        for url in [
            "",
            "a.b",
            "abc",
            "//a.b",
            "file:///etc/x",
            "javascript:alert(1)",
            "custom://abc.de",
            "http://a b.de",
            " http://a.de",
            "http://a.de ",
            "http://",
            "http:///x",
            "http://a..b",
            "http://a:b",
            "http://a:",
            "http://[::1",
            "http://[zz]/",
            "mailto:abc",
            "http:/a.de",
            "http://a.de\n",
        ] {
            assert!(host_of(url).is_none(), "{url}");
        }
    }

    #[test]
    fn the_host_is_told_without_what_surrounds_it() {
        for (url, host) in [("http://u:p@a.com:80/x", "a.com"), ("http://A.com", "A.com"), ("ws://[::1]:2", "[::1]")] {
            assert_eq!(host_of(url), Some(host), "{url}");
        }
    }
}
