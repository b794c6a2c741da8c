//! A scheme, a host and a port.

use url::Url;

/// The origin of an `http` or `https` URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    scheme: String,
    host: String,
    port: u16,
}

impl Origin {
    /// `None` for another scheme, or no host.
    pub fn of(url: &Url) -> Option<Self> {
        if !matches!(url.scheme(), "http" | "https") {
            return None;
        }
        let host = url.host_str().filter(|host| !host.is_empty())?.to_owned();
        Some(Self { scheme: url.scheme().to_owned(), host, port: url.port_or_known_default()? })
    }

    /// The same from text.
    pub fn parse(url: &str) -> Option<Self> {
        Self::of(&Url::parse(url).ok()?)
    }

    pub fn host(&self) -> &str {
        &self.host
    }

    /// Whether nobody between here and there can read or change what is sent: TLS, or this machine itself.
    pub fn is_secure(&self) -> bool {
        let host = self.host.trim_matches(['[', ']']);
        let is_loopback =
            host == "localhost" || host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback());
        self.scheme == "https" || is_loopback
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let origin = |text| Origin::parse(text);
        assert_eq!(origin("https://A.example.com/x?y"), origin("https://a.example.com:443/"));
        assert_ne!(origin("https://a.example.com/"), origin("http://a.example.com/"));
        assert_ne!(origin("http://127.0.0.1:80/"), origin("http://127.0.0.1:81/"));
        assert_eq!(origin("http://0x7f.1/"), origin("http://127.0.0.1/"));
        assert_eq!(origin("file:///etc/passwd"), None);
        assert_eq!(origin("nonsense"), None);
    }

    #[test]
    fn only_tls_and_this_machine_are_secure() {
        let is_secure = |text| Origin::parse(text).is_some_and(|origin| origin.is_secure());
        assert!(is_secure("https://a.example.com/") && is_secure("http://127.0.0.1:9/") && is_secure("http://[::1]/"));
        assert!(is_secure("http://localhost/"));
        assert!(!is_secure("http://a.example.com/") && !is_secure("http://10.0.0.1/"));
    }
}
