//! Cross-origin answers (contract/14 §5). By hand: actix-cors adds headers of its own that the contract doesn't have.

use actix_web::HttpResponse;
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_REQUEST_HEADERS, HeaderMap, HeaderValue, ORIGIN, VARY,
};

const METHODS: HeaderValue = HeaderValue::from_static("GET,HEAD,PUT,PATCH,POST,DELETE");

/// Whom browsers may let read answers.
#[derive(Clone, Debug)]
pub struct Origins {
    /// `https://a.b`, or a pattern with `*` (any run of characters) and `?` (one).
    patterns: Vec<String>,
    any: bool,
}

impl Origins {
    /// From the values of `--origins`.
    pub fn new(patterns: Vec<String>) -> Self {
        let any = patterns.iter().any(|pattern| pattern == "*");
        Self { patterns, any }
    }

    /// The value of `Access-Control-Allow-Origin` for this request, if it has an origin that is allowed.
    pub(super) fn allowed(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let origin = headers.get(ORIGIN)?;
        if self.any {
            return Some(HeaderValue::from_static("*"));
        }
        let text = origin.to_str().ok()?;
        self.patterns.iter().any(|pattern| matches(pattern.as_bytes(), text.as_bytes())).then(|| origin.clone())
    }

    /// The answer to `OPTIONS`, whatever its path.
    pub(super) fn preflight(&self, headers: &HeaderMap) -> HttpResponse {
        let mut answer = HttpResponse::NoContent();
        answer.append_header((VARY, HeaderValue::from_static("Origin")));
        if let Some(origin) = self.allowed(headers) {
            answer
                .append_header((VARY, HeaderValue::from_static("Access-Control-Request-Method")))
                .append_header((VARY, HeaderValue::from_static("Access-Control-Request-Headers")))
                .insert_header((ACCESS_CONTROL_ALLOW_ORIGIN, origin))
                .insert_header((ACCESS_CONTROL_ALLOW_METHODS, METHODS));
            if let Some(asked) = headers.get(ACCESS_CONTROL_REQUEST_HEADERS) {
                answer.insert_header((ACCESS_CONTROL_ALLOW_HEADERS, asked.clone()));
            }
        }
        answer.finish()
    }
}

/// Whether `text` fits `pattern`. Linear in both but for runs of `*`, of which the last alone is tried anew.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut last_star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                last_star = Some((p, t));
                p += 1;
            }
            Some(&byte) if byte == b'?' || byte == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match last_star {
                Some((star, from)) => {
                    last_star = Some((star, from + 1));
                    p = star + 1;
                    t = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|&byte| byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_origins() {
        for (pattern, origin, expected) in [
            ("https://a.b", "https://a.b", true),
            ("https://a.b", "https://a.bc", false),
            ("https://*.b.com", "https://x.y.b.com", true),
            ("https://*.b.com", "https://b.com", false),
            ("http://?.c", "http://x.c", true),
            ("http://?.c", "http://xy.c", false),
            ("*a*b*", "xxaxxbxx", true),
            ("*a*b", "ba", false),
        ] {
            assert_eq!(matches(pattern.as_bytes(), origin.as_bytes()), expected, "{pattern} {origin}");
        }
    }
}
