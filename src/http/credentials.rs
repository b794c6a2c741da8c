//! The token that a request carries (contract/10 §6).

use actix_web::http::header::{AUTHORIZATION, HeaderMap};

const SCHEME: &str = "bearer ";

/// The token in `Authorization`, without an optional `Bearer ` of any case; `None` when there is none. Whatever else
/// stands there is no token, and makes a guest when it is verified.
pub(super) fn token(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?.trim();
    let has_scheme = value.get(..SCHEME.len()).is_some_and(|start| start.eq_ignore_ascii_case(SCHEME));
    let token = if has_scheme { &value[SCHEME.len()..] } else { value };
    (!token.is_empty()).then_some(token)
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    #[test]
    fn one_scheme_of_any_case_is_stripped() {
        let found = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, HeaderValue::from_static(value));
            token(&headers).map(str::to_owned)
        };
        assert_eq!(found("a.b.c").as_deref(), Some("a.b.c"));
        assert_eq!(found("BeArEr a.b.c").as_deref(), Some("a.b.c"));
        assert_eq!(found(" a.b.c ").as_deref(), Some("a.b.c"));
        assert_eq!(found("Bearer  a.b.c").as_deref(), Some(" a.b.c"), "two blanks: no token stands behind one");
        assert_eq!(found("Token a.b.c").as_deref(), Some("Token a.b.c"));
        assert_eq!(found("Bearer").as_deref(), Some("Bearer"));
        assert_eq!(found(""), None);
        assert_eq!(token(&HeaderMap::new()), None);
    }
}
