//! The kind `url` (contract/03 §2).

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::error::{FieldError, FieldErrors};
use crate::schema::{Field, FieldValue, Shape};

use super::checks::check_required;
use super::domains::DomainLists;
use super::email::is_email;
use super::{FieldKind, OptionsContext};

const SCHEMES: [&str; 7] = ["http", "https", "ftp", "tcp", "udp", "ws", "wss"];

/// Options of a url field.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct UrlOptions {
    #[serde(flatten)]
    pub domains: DomainLists,
}

impl FieldKind for UrlOptions {
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
        let Some(host) = host_of(text) else {
            return Err(FieldError::code("validation_invalid_url", "Must be a valid url."));
        };
        if !self.domains.allow(host.strip_suffix('.').unwrap_or(host)) {
            return Err(FieldError::code("validation_url_domain_not_allowed", "Url domain is not allowed."));
        }
        Ok(())
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

/// Whether a text is a URL that a field takes.
pub fn is_url(text: &str) -> bool {
    host_of(text).is_some()
}

/// The host of a URL, without port; `None` if the text is none. Of a mail address its domain.
fn host_of(text: &str) -> Option<&str> {
    if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return None;
    }
    if let Some(address) = text.strip_prefix("mailto:") {
        return is_email(address).then(|| address.rsplit_once('@').map_or("", |(_, domain)| domain));
    }
    let (scheme, rest) = text.split_once("://")?;
    if !SCHEMES.contains(&scheme) {
        return None;
    }
    let authority = rest.split(['/', '?', '#']).next()?;
    let address = authority.rsplit_once('@').map_or(authority, |(_, address)| address);
    let (host, port) = split_port(address)?;
    let is_port = port.is_none_or(|port| (1..=5).contains(&port.len()) && port.bytes().all(|b| b.is_ascii_digit()));
    (is_port && is_host(host)).then_some(host)
}

/// `host`, `host:port`, `[v6]`, `[v6]:port`.
fn split_port(address: &str) -> Option<(&str, Option<&str>)> {
    if address.starts_with('[') {
        let end = address.find(']')? + 1;
        let (host, rest) = address.split_at(end);
        return if rest.is_empty() { Some((host, None)) } else { Some((host, Some(rest.strip_prefix(':')?))) };
    }
    Some(match address.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (address, None),
    })
}

fn is_host(host: &str) -> bool {
    if let Some(address) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return address.parse::<std::net::Ipv6Addr>().is_ok();
    }
    let labels = host.strip_suffix('.').unwrap_or(host);
    let is_label_character = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_' || c >= '\u{a0}';
    labels.split('.').all(|label| {
        !label.is_empty() && !label.starts_with('-') && !label.ends_with('-') && label.chars().all(is_label_character)
    })
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
            assert!(is_url(url), "{url}");
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
            assert!(!is_url(url), "{url}");
        }
    }

    #[test]
    fn the_host_is_told_without_what_surrounds_it() {
        for (url, host) in [("http://u:p@a.com:80/x", "a.com"), ("http://A.com", "A.com"), ("ws://[::1]:2", "[::1]")] {
            assert_eq!(host_of(url), Some(host), "{url}");
        }
    }
}
