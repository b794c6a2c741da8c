//! Query strings and urlencoded forms: pairs, decoded. A pair with a broken `%xx` or a `;` is dropped (contract/05 §2).

use percent_encoding::percent_decode_str;

/// Every pair in the order sent.
pub(super) fn pairs(text: &str) -> impl Iterator<Item = (String, String)> {
    text.split('&').filter(|pair| !pair.is_empty() && !pair.contains(';')).filter_map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        Some((decode(name)?, decode(value)?))
    })
}

/// The first pair of each name.
pub(super) fn first_values(text: &str) -> Vec<(String, String)> {
    let mut values: Vec<(String, String)> = Vec::new();
    for (name, value) in pairs(text) {
        // A query has few names; a map costs more. The head's size bounds both.
        if !values.iter().any(|(seen, _)| *seen == name) {
            values.push((name, value));
        }
    }
    values
}

fn decode(text: &str) -> Option<String> {
    if !text.contains(['%', '+']) {
        return Some(text.to_owned());
    }
    if has_broken_escape(text.as_bytes()) {
        return None;
    }
    let text = text.replace('+', " ");
    Some(percent_decode_str(&text).decode_utf8_lossy().into_owned())
}

/// Whether some `%` isn't followed by two hexadecimal digits.
pub(super) fn has_broken_escape(bytes: &[u8]) -> bool {
    let is_escape = |rest: &[u8]| rest.len() >= 2 && rest[..2].iter().all(u8::is_ascii_hexdigit);
    bytes.iter().enumerate().any(|(at, &byte)| byte == b'%' && !is_escape(&bytes[at + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_value_counts_and_broken_pairs_are_dropped() {
        let values = first_values("a=1&a=2&b=%zz&c=x;y&d=%41+b&e&=f&&g=%");
        let expected = [("a", "1"), ("d", "A b"), ("e", ""), ("", "f")];
        assert_eq!(values, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
}
