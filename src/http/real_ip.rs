//! Where a request comes from (contract/14 §3): the peer's address, or what a trusted proxy says it is.

use std::net::IpAddr;

use actix_web::http::header::HeaderMap;

use crate::settings::LiveSettings;

/// The client's address. For each trusted header in order: of its last line, the part nearest to us (or the leftmost, if
/// set so) that is an address. Nothing else in the request can change it.
pub(super) fn real_ip(headers: &HeaderMap, remote: IpAddr, settings: &LiveSettings) -> IpAddr {
    let use_leftmost = settings.document.trusted_proxy.use_leftmost_ip;
    let named = settings.proxy_headers.iter().find_map(|name| {
        let line = headers.get_all(name.as_str()).last()?.to_str().ok()?;
        let mut addresses = line.split(',').filter_map(|part| part.trim().parse::<IpAddr>().ok());
        if use_leftmost { addresses.next() } else { addresses.next_back() }
    });
    named.unwrap_or(remote).to_canonical()
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};
    use serde_json::json;

    use super::*;
    use crate::formats::ip_text;
    use crate::settings::Settings;

    fn found(lines: &[(&str, &str)], trusted: &[&str], use_leftmost: bool) -> String {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(HeaderName::try_from(*name).unwrap(), HeaderValue::try_from(*value).unwrap());
        }
        let change = json!({"trustedProxy": {"headers": trusted, "useLeftmostIP": use_leftmost}});
        let settings = LiveSettings::new(Settings::default().merged(change).unwrap(), 0);
        ip_text(real_ip(&headers, "9.9.9.9".parse().unwrap(), &settings))
    }

    #[test]
    fn the_table_of_the_contract() {
        let cases = [
            ("1.1.1.1, 2.2.2.2", "2.2.2.2", "1.1.1.1"),
            ("1.1.1.1, bad", "1.1.1.1", "1.1.1.1"),
            ("1.1.1.1:80", "9.9.9.9", "9.9.9.9"),
            ("bad", "9.9.9.9", "9.9.9.9"),
            ("", "9.9.9.9", "9.9.9.9"),
            ("2001:db8::1", "2001:0db8:0000:0000:0000:0000:0000:0001", "2001:0db8:0000:0000:0000:0000:0000:0001"),
            ("[::1]", "9.9.9.9", "9.9.9.9"),
        ];
        for (value, rightmost, leftmost) in cases {
            assert_eq!(found(&[("x-ip", value)], &["X-IP"], false), rightmost, "{value}");
            assert_eq!(found(&[("x-ip", value)], &["X-IP"], true), leftmost, "{value}");
        }
    }

    #[test]
    fn headers_are_tried_in_order_and_only_the_last_line_counts() {
        let lines = [("x-a", "bad"), ("x-b", "1.1.1.1"), ("x-b", "2.2.2.2")];
        assert_eq!(found(&lines, &["x-a", "x-b"], false), "2.2.2.2");
        assert_eq!(found(&lines, &["x-a", "x-b"], true), "2.2.2.2");
    }

    #[test]
    fn a_header_that_nobody_trusts_changes_nothing() {
        assert_eq!(found(&[("x-forwarded-for", "1.1.1.1")], &[], false), "9.9.9.9");
        assert_eq!(found(&[("x-forwarded-for", "1.1.1.1")], &["x-real-ip", ""], false), "9.9.9.9");
    }
}
