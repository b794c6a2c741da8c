//! Formats of texts that more than one room checks: e-mail addresses, hosts, URLs, IP blocks. A leaf.
//!
//! Linear in the text, whatever it is; nothing is looked up.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Longest URL that is taken for one, bytes: what browsers of old could open.
const URL_BYTES_MAX: usize = 2083;
const HOST_BYTES_MAX: usize = 255;
const LABEL_BYTES_MAX: usize = 63;
const URL_SCHEMES: [&str; 7] = ["http", "https", "ftp", "tcp", "udp", "ws", "wss"];

/// An address as logs and answers show it: IPv6 in full.
pub fn ip_text(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => address.segments().map(|segment| format!("{segment:04x}")).join(":"),
    }
}

/// The flag that a text means; `None` for any other text. Parameters, forms, options and stored texts spell it so
/// (contract/03 §3).
pub fn parse_flag(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// Whether a text is one e-mail address (contract/03, email): atoms joined by single dots, `@`, two or more labels of
/// which the last starts and ends with a letter.
pub fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else { return false };
    let is_atom = |atom: &str| !atom.is_empty() && atom.chars().all(is_atom_character);
    local.split('.').all(is_atom) && is_mail_domain(domain)
}

fn is_atom_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c) || is_beyond_ascii(c)
}

/// U+00A0 and up; below it stand the control characters of Latin-1.
fn is_beyond_ascii(c: char) -> bool {
    c >= '\u{a0}'
}

fn is_mail_domain(domain: &str) -> bool {
    let Some((_, last)) = domain.rsplit_once('.') else { return false };
    let is_letter = |c: char| c.is_ascii_alphabetic() || is_beyond_ascii(c);
    let is_outer = |c: char| c.is_ascii_digit() || is_letter(c);
    let is_label = |label: &str| {
        label.starts_with(is_outer)
            && label.ends_with(is_outer)
            && label.chars().all(|c| is_outer(c) || "-_~".contains(c))
    };
    domain.split('.').all(is_label) && last.starts_with(is_letter) && last.ends_with(is_letter)
}

/// Whether a text is an IP address or a DNS name.
pub fn is_host(text: &str) -> bool {
    text.parse::<IpAddr>().is_ok() || is_dns_name(text)
}

fn is_dns_name(text: &str) -> bool {
    let name = text.strip_suffix('.').unwrap_or(text);
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let is_label = |label: &str| {
        label.len() <= LABEL_BYTES_MAX
            && label.bytes().next().is_some_and(is_word)
            && label.bytes().all(|byte| is_word(byte) || byte == b'-')
    };
    name.len() <= HOST_BYTES_MAX && name.split('.').all(is_label)
}

/// Whether a URL may leave its scheme out, as `example.com` and `localhost:8090` do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UrlScheme {
    Required,
    Optional,
}

/// Whether a text is a URL of one of the schemes `http https ftp tcp udp ws wss` (contract/03, url; contract/20 §2).
pub fn is_url(text: &str, scheme: UrlScheme) -> bool {
    if text.len() > URL_BYTES_MAX || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return false;
    }
    let rest = match text.split_once("://") {
        Some((name, rest)) if URL_SCHEMES.contains(&name) => rest,
        None if scheme == UrlScheme::Optional => text,
        // A scheme of its own may stand later in the path or query: `a.de/?u=http://b.de`.
        Some((before, _)) if scheme == UrlScheme::Optional && before.contains(['/', '?', '#']) => text,
        _ => return false,
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let authority = &rest[..end];
    let host_and_port = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    is_url_host(host_and_port)
}

fn is_url_host(host_and_port: &str) -> bool {
    let (host, port) = match host_and_port.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (host_and_port, None),
    };
    let is_port = |port: &str| (1..=5).contains(&port.len()) && port.bytes().all(|byte| byte.is_ascii_digit());
    if !port.is_none_or(is_port) {
        return false;
    }
    if let Some(address) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        return address.parse::<Ipv6Addr>().is_ok();
    }
    if host.parse::<Ipv4Addr>().is_ok() {
        return true;
    }
    let name = host.strip_suffix('.').unwrap_or(host);
    let is_outer = |c: char| c.is_ascii_alphanumeric() || is_beyond_ascii(c);
    let is_label = |label: &str| {
        label.starts_with(is_outer)
            && label.ends_with(is_outer)
            && label.chars().all(|c| is_outer(c) || "-_".contains(c))
    };
    name.len() <= HOST_BYTES_MAX && name.split('.').all(is_label)
}

/// An address or a CIDR block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpBlock {
    address: IpAddr,
    /// Bits that must agree.
    prefix: u32,
}

impl IpBlock {
    /// Reads `10.0.0.1` or `10.0.0.0/8`.
    pub fn parse(text: &str) -> Option<Self> {
        let Some((address, prefix)) = text.split_once('/') else {
            let address = text.parse().ok()?;
            return Some(Self { address, prefix: bits_of(address) });
        };
        let address: IpAddr = address.parse().ok()?;
        let is_number = !prefix.is_empty() && prefix.bytes().all(|byte| byte.is_ascii_digit());
        let prefix: u32 = prefix.parse().ok().filter(|_| is_number)?;
        (prefix <= bits_of(address)).then_some(Self { address, prefix })
    }

    /// Whether the block holds the address. An IPv4 address that is written as an IPv6 one (`::ffff:1.2.3.4`) is the
    /// IPv4 address.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address.to_canonical(), address.to_canonical()) {
            (IpAddr::V4(block), IpAddr::V4(address)) => {
                // A mapped block's prefix counts from the 96 bits in front.
                let prefix = if self.address.is_ipv6() { self.prefix.saturating_sub(96) } else { self.prefix };
                share_prefix(u128::from(block.to_bits()) << 96, u128::from(address.to_bits()) << 96, prefix)
            }
            (IpAddr::V6(block), IpAddr::V6(address)) => share_prefix(block.to_bits(), address.to_bits(), self.prefix),
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

fn bits_of(address: IpAddr) -> u32 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn share_prefix(a: u128, b: u128, bits: u32) -> bool {
    bits == 0 || (a ^ b) >> (128 - bits) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emails_of_the_contract() {
        for good in ["a@b.co", "A@B.CO", "a+b@c.de", "é@b.co", "a.b@c.de", "_@b.c-d.ef", "test@example.com"] {
            assert!(is_email(good), "{good}");
        }
        assert!(is_email(&format!("{}@b.co", "a".repeat(65))));
        let bad = [
            "a@b",
            "a@localhost",
            "abc",
            " a@b.co",
            "a@b.co ",
            "\"a b\"@c.de",
            "Joe <a@b.co>",
            "a@[1.2.3.4]",
            "a@1.2.3.4",
            "a@b.co,c@d.co",
            "a@b.co\r\nBcc: c@d.co",
            "a..b@c.de",
            ".a@c.de",
            "a@c..de",
            "a@-c.de",
            "@b.co",
            "",
            "a@b@c.de",
            "a\u{80}@b.co",
            "a@b.c1",
            "a@b.co.",
        ];
        for bad in bad {
            assert!(!is_email(bad), "{bad}");
        }
    }

    #[test]
    fn hosts_are_addresses_or_names() {
        for good in ["localhost", "smtp.example.com", "a_b", "127.0.0.1", "::1", "a.", "1.2"] {
            assert!(is_host(good), "{good}");
        }
        for bad in ["", "a b", "a:25", "http://a", "-a", "a..b", "é.de", "[::1]", "a/b"] {
            assert!(!is_host(bad), "{bad}");
        }
        assert!(!is_host(&"a".repeat(64)));
        assert!(!is_host(&vec!["a".repeat(60); 5].join(".")));
    }

    #[test]
    fn urls_with_and_without_scheme() {
        let good = [
            "http://localhost:8090",
            "http://a",
            "http://1.2.3.4",
            "http://[::1]/",
            "http://üñ.de",
            "http://a_b.co",
            "http://user:pw@a.de",
            "http://a.de:99999",
            "wss://a.de?x=http://b",
            "https://a.de./#x",
        ];
        for good in good {
            assert!(is_url(good, UrlScheme::Required), "{good}");
            assert!(is_url(good, UrlScheme::Optional), "{good}");
        }
        for bare in ["example.com", "localhost:8090", "a.b", "example.com/path", "a.de/?u=http://b.de"] {
            assert!(is_url(bare, UrlScheme::Optional), "{bare}");
            assert!(!is_url(bare, UrlScheme::Required), "{bare}");
        }
        let bad = [
            "",
            "//a.b",
            "file:///etc/x",
            "javascript:alert(1)",
            "custom://abc.de",
            "http://a b",
            " http://a",
            "http://",
            "http://a:",
            "http://a:123456",
            "http://[::1",
            "http://-a",
            "http://a\r\nx",
        ];
        for bad in bad {
            assert!(!is_url(bad, UrlScheme::Required), "{bad}");
            assert!(!is_url(bad, UrlScheme::Optional), "{bad}");
        }
    }

    #[test]
    fn blocks_hold_their_addresses() {
        let holds = |block: &str, address: &str| IpBlock::parse(block).unwrap().contains(address.parse().unwrap());
        assert!(holds("10.0.0.0/8", "10.255.1.2"));
        assert!(!holds("10.0.0.0/8", "11.0.0.1"));
        assert!(holds("10.0.0.1", "10.0.0.1"));
        assert!(holds("0.0.0.0/0", "1.2.3.4"));
        assert!(!holds("0.0.0.0", "1.2.3.4"));
        assert!(!holds("0.0.0.0/0", "::1"));
        assert!(holds("2001:db8::/32", "2001:db8:1::5"));
        assert!(holds("10.0.0.0/8", "::ffff:10.1.1.1"));
        assert!(holds("::ffff:10.0.0.0/104", "10.1.1.1"));
        assert!(holds("::/0", "2001:db8::1"));
        for bad in ["", "a", "1.2.3", "1.2.3.4/33", "::/129", "1.2.3.4/", "1.2.3.4/+1", "1.2.3.4/a", "1.2.3.4:80"] {
            assert_eq!(IpBlock::parse(bad), None, "{bad}");
        }
    }
}
